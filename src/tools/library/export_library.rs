use crate::{
    export::{
        ExportError,
        directory::IfTaken,
        job::{Detail, Finished, Job, Progress},
        name::ExportName,
    },
    guard::{Affected, Amounts, Facts, Plan, Write},
    plex::{
        items::{MediaType, Section, listing},
        pager::Pager,
    },
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Export a whole library, of any size, to a JSON file in the exports directory: an array with one item a line. The file
/// appears when it is complete; a failed or cancelled export leaves nothing behind.
#[derive(JsonSchema)]
pub(super) struct ExportLibrary;

/// What to export, and where to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The library's key, from `get_libraries`.
    library_key: PlexId,
    /// Export items of this type; without it the library's main type, such as shows rather than episodes.
    #[serde(rename = "type")]
    kind: Option<MediaType>,
    /// Where to write, relative to the exports directory: folders and a file name that ends in .json. Without it a name is
    /// made of the library's key and the time.
    output_path: Option<String>,
    /// Items a request to Plex.
    #[serde(default = "default_page_size")]
    #[schemars(range(min = 1, max = 1_000))]
    page_size: u64,
    /// summary: key, title, year, type, guid, original title and edition. full: all that Plex's listing holds, with files and
    /// external ids.
    #[serde(default)]
    detail: Detail,
    /// Replace a file of that name, once the export is complete.
    #[serde(default)]
    overwrite: bool,
}

fn default_page_size() -> u64 {
    500
}

/// What was written.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Always true: a failed export is an error.
    exported: bool,
    /// The library's key.
    library_key: String,
    /// The library's name.
    library: String,
    /// The type of the items.
    #[serde(rename = "type")]
    kind: String,
    /// How much of each item was written.
    detail: Detail,
    /// The file, relative to the exports directory.
    output_path: String,
    /// Items in the file.
    total_exported: u64,
    /// Items that the server says there are; absent where it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_size: Option<u64>,
    /// Whether every item of the library is in the file.
    complete: bool,
    /// Whether the library changed while it was read; a second export then holds what came meanwhile.
    changed_during_export: bool,
    /// Size of the file.
    bytes: u64,
    /// SHA-256 of the file.
    sha256: String,
    /// How long it took.
    seconds: f64,
}

impl Tool for ExportLibrary {
    const NAME: &'static str = "export_library";
    const TITLE: &'static str = "Export a library to a file";
    // The policy's max_seconds ends an export; this is for what could hang beside it.
    const TIME_LIMIT: Duration = Duration::from_secs(24 * 3_600);
    type Effect = Write;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Write>, args: Args) -> Result<Out, ToolError> {
        let started = Instant::now();
        let if_taken = match (args.overwrite, &args.output_path) {
            (true, _) => IfTaken::Replace,
            (false, Some(_)) => IfTaken::Refuse,
            (false, None) => IfTaken::Number,
        };
        let path = args.output_path.clone().unwrap_or_else(|| default_name(&args, Timestamp::now()));
        let name =
            ExportName::parse(&path, "json").map_err(|error| ToolError::argument("outputPath", error.to_string()))?;
        call.exports().check_target(&name, if_taken)?;

        let plex = call.plex().await?;
        let section = plex.section(args.library_key.as_str()).await?;
        // New items are added behind the ones that were read already, so that none moves between pages.
        let request =
            listing(args.library_key.as_str(), args.kind).with("sort", "addedAt:asc").with("includeGuids", "1");
        let total = Pager::total_of(plex, &request).await?.total;
        let caps = call.export_caps();
        if total.is_some_and(|total| total > caps.max_items) {
            return Err(ExportError::Cap { key: "max_items", limit: caps.max_items, of: "items" }.into());
        }
        let items = total.unwrap_or(caps.max_items);
        let bytes = items.saturating_mul(args.detail.most_bytes_an_item()).saturating_add(1 << 16).min(caps.max_bytes);

        let cleared = call.clear(plan(&args, &section, &name, total, Amounts { items, bytes })).await?;
        // Said page by page, so that an export that fails or is given up has used of its reservation what it got through.
        let show = |progress: Progress| {
            call.used(Amounts { items: progress.items, bytes: progress.bytes });
            call.progress(progress);
        };
        show(Progress { total, ..Progress::default() });
        let pending = call.exports().create(&cleared, name, if_taken, caps)?;
        let job = Job {
            request,
            page_size: args.page_size,
            detail: args.detail,
            until: items.saturating_add(u64::from(total.is_none())),
            max_bytes: bytes,
        };
        let finished = job.run(plex.clone(), pending, caps, show).await?;
        call.used(Amounts { items: finished.items, bytes: finished.bytes });
        call.affects(affected(&section, Some(finished.items), Some(finished.bytes)));
        Ok(out(&args, section, finished, total, started.elapsed()))
    }
}

/// `library-1-movie-20261125T101500Z.json`: says what is in it and sorts by time.
fn default_name(args: &Args, now: Timestamp) -> String {
    let kind = args.kind.map(|kind| format!("-{}", kind.as_str())).unwrap_or_default();
    format!("library-{}{kind}-{}.json", args.library_key, now.strftime("%Y%m%dT%H%M%SZ"))
}

fn plan(args: &Args, section: &Section, name: &ExportName, total: Option<u64>, reserve: Amounts) -> Plan {
    let library = section.title.as_deref().unwrap_or_default();
    let path = name.to_string();
    let to = if args.output_path.is_some() { path.as_str() } else { "a new file" };
    let facts = Facts::default();
    let facts = match args.output_path {
        Some(_) => facts.with("export.path", path.as_str()),
        // It holds the time, and would be another one once a person has approved.
        None => facts.with_passing("export.path", path.as_str()),
    };
    Plan {
        summary: format!("Export {} items of the library \"{library}\" to {to}", reserve.items),
        facts: facts
            .with_known("item.library", section.title.clone())
            .with("item.library_id", args.library_key.as_str())
            .with_known("item.type", known_kind(args, section))
            .with_known("item.count", total)
            .with("export.items", reserve.items)
            .with("export.bytes", reserve.bytes),
        affected: affected(section, Some(reserve.items), None),
        reserve,
        before: None,
    }
}

fn affected(section: &Section, items: Option<u64>, bytes: Option<u64>) -> Affected {
    Affected { library: section.title.clone(), titles: Vec::new(), items, bytes }
}

fn known_kind(args: &Args, section: &Section) -> Option<String> {
    args.kind.map(|kind| kind.as_str().to_owned()).or_else(|| section.kind.clone())
}

fn out(args: &Args, section: Section, finished: Finished, total: Option<u64>, took: Duration) -> Out {
    Out {
        exported: true,
        library_key: args.library_key.to_string(),
        kind: known_kind(args, &section).unwrap_or_default(),
        library: section.title.unwrap_or_default(),
        detail: args.detail,
        output_path: finished.name.to_string(),
        total_exported: finished.items,
        total_size: finished.total.or(total),
        complete: finished.complete,
        changed_during_export: finished.changed,
        bytes: finished.bytes,
        sha256: finished.sha256,
        seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
    }
}
