mod source;

use crate::{
    export::{
        ExportError,
        directory::IfTaken,
        index::Record,
        job::{Finished, Job, Progress},
        layout::{Detail, Layout},
        name::ExportName,
        writer::Format,
    },
    guard::{Affected, Amounts, Plan, Write},
    plex::{http::Get, items::MediaType, pager::Pager},
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError, filters::Filters, jobs::Running},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use source::Source;
use std::time::{Duration, Instant};

/// Export a whole library, a collection or a playlist, of any size, to a file in the exports directory: JSON, one object a
/// line, or a table (CSV). The file appears when it is complete; a failed or cancelled export leaves nothing behind. Large
/// exports take minutes: after waitSeconds the answer is status running, and the same call with the same arguments waits on
/// for it and gives its result. The result's resource can be read in pieces.
#[derive(JsonSchema)]
pub(super) struct ExportLibrary;

/// What to export, and where to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The library's key, from `get_libraries`. Exactly one of libraryKey, collectionKey and playlistId is required.
    library_key: Option<PlexId>,
    /// In place of a library: the ratingKey of a collection, whose items are exported in its order.
    collection_key: Option<PlexId>,
    /// In place of a library: the ratingKey of a playlist, whose entries are exported in its order.
    playlist_id: Option<PlexId>,
    /// Of a library: export items of this type; without it the library's main type, such as shows rather than episodes.
    #[serde(rename = "type")]
    kind: Option<MediaType>,
    #[serde(flatten)]
    filters: Filters,
    /// Where to write, relative to the exports directory: folders and a file name that ends in the format's name, such as
    /// .json. Without it a name is made of the key and the time.
    output_path: Option<String>,
    /// Items a request to Plex.
    #[serde(default = "default_page_size")]
    #[schemars(range(min = 1, max = 1_000))]
    page_size: u64,
    /// summary: key, title, year, type, guid, original title and edition. full: all that Plex's listing holds, with files and
    /// external ids. deep: all that Plex tells of each item, with streams, chapters, markers, extras, labels, locked fields and
    /// all tags, and with dates as text beside Plex's seconds; it takes several times as long.
    #[serde(default)]
    detail: Detail,
    /// Only these fields, by Plex's names, such as title, year, addedAtIso, Genre, Media.Part.file; of a table its columns.
    /// Fields that only deep has need detail deep.
    #[serde(default)]
    #[schemars(length(max = 100))]
    fields: Vec<String>,
    /// json: an array with one item a line. ndjson: one JSON object a line. csv: a table.
    #[serde(default)]
    format: Format,
    /// Replace a file of that name, once the export is complete.
    #[serde(default)]
    overwrite: bool,
    /// Seconds to wait for the end before status running is answered.
    #[serde(default = "default_wait")]
    #[schemars(range(min = 0, max = 3_600))]
    wait_seconds: u64,
}

fn default_page_size() -> u64 {
    500
}

/// Clients hang up after a minute.
fn default_wait() -> u64 {
    45
}

/// How an export stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// The file is there.
    Finished,
    /// It is being written; the same call again waits for it.
    #[default]
    Running,
}

/// What was written, or how far it is.
#[derive(Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// finished, or running: then call again with the same arguments.
    status: Status,
    /// Whether the file is there. A failed export is an error.
    exported: bool,
    /// The library's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    library_key: Option<String>,
    /// The library's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    /// The collection's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    collection_key: Option<String>,
    /// The collection's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<String>,
    /// The playlist's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    playlist_id: Option<String>,
    /// The playlist's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    playlist: Option<String>,
    /// The type of the items.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// How much of each item was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
    /// What the file looks like.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format>,
    /// The file, relative to the exports directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_path: Option<String>,
    /// The file as a resource, which can be read in pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    /// Items in the file.
    total_exported: u64,
    /// Items that the server says there are; absent where it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_size: Option<u64>,
    /// Whether every item is in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    complete: Option<bool>,
    /// Whether the list changed while it was read; a second export then holds what came meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_during_export: Option<bool>,
    /// Of a deep export: items that the server listed and then gave no details of, as items may go meanwhile. They are in the
    /// file as the listing has them.
    #[serde(skip_serializing_if = "is_zero")]
    items_without_details: u64,
    /// Fields that were asked for and that no item has: mistyped, or only known to a deeper detail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields_not_found: Vec<String>,
    /// Items that an earlier run had written before it was cut.
    #[serde(skip_serializing_if = "is_zero")]
    items_resumed: u64,
    /// Size of the file.
    bytes: u64,
    /// SHA-256 of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// How long it took, or has been running.
    seconds: f64,
    /// What is unusual about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// How to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'static str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Tool for ExportLibrary {
    const NAME: &'static str = "export_library";
    const TITLE: &'static str = "Export a library to a file";
    // The policy's max_seconds ends an export; this is for what could hang beside it.
    const TIME_LIMIT: Duration = Duration::from_secs(24 * 3_600);
    const LASTS: bool = true;
    type Effect = Write;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Write>, args: Args) -> Result<Out, ToolError> {
        let started = Instant::now();
        let conditions = args.filters.clone().read()?;
        let source = Source::of(&args, &conditions)?;
        check_fields(&args.fields)?;
        let if_taken = match (args.overwrite, &args.output_path) {
            (true, _) => IfTaken::Replace,
            (false, Some(_)) => IfTaken::Refuse,
            (false, None) => IfTaken::Number,
        };
        let path = args.output_path.clone().unwrap_or_else(|| default_name(&args, &source, Timestamp::now()));
        let name = ExportName::parse(&path, args.format.extension())
            .map_err(|error| ToolError::argument("outputPath", error.to_string()))?;
        call.exports().check_target(&name, if_taken)?;

        let plex = call.plex().await?;
        let subject = source.look_up(plex, args.kind, &conditions).await?;
        let request = subject.request.clone();
        let total = Pager::total_of(plex, &request).await?.total;
        let caps = call.export_caps();
        if total.is_some_and(|total| total > caps.max_items) {
            return Err(ExportError::cap("max_items", caps.max_items).into());
        }
        let items = total.unwrap_or(caps.max_items);
        let bytes = items.saturating_mul(args.detail.most_bytes_an_item()).saturating_add(1 << 16).min(caps.max_bytes);

        let facts = subject.facts(total);
        let (to, facts) = match args.output_path {
            Some(_) => (name.to_string(), facts.with("export.path", name.to_string())),
            // It holds the time, and would be another one once a person has approved.
            None => ("a new file".to_owned(), facts.with_passing("export.path", name.to_string())),
        };
        let plan = Plan {
            summary: format!("Export {items} items of {} to {to}", subject.described()),
            facts: facts.with("export.items", items).with("export.bytes", bytes),
            affected: affected(subject.library.as_deref(), Some(items), None),
            reserve: Amounts { items, bytes },
            before: None,
        };
        let cleared = call.clear(plan).await?;
        // Said page by page, so that an export that fails or is given up has used of its reservation what it got through.
        let show = |progress: Progress| {
            call.used(Amounts { items: progress.items, bytes: progress.bytes });
            call.progress(progress);
        };
        let layout = Layout {
            detail: args.detail,
            fields: args.fields.clone(),
            format: args.format,
            redact: caps.redact.clone(),
        };
        let resumes =
            call.resumes().then(|| resumes(&call.plex_address(), &request, &layout, args.output_path.as_deref()));
        let pending = call.exports().create(&cleared, &name, if_taken, caps, resumes.as_deref())?;
        // From here on it is known that there will be an export, and a caller may be answered that it is running.
        show(Progress { total, ..Progress::default() });
        let job = Job {
            request,
            identity: subject.identity,
            page_size: args.page_size,
            layout,
            until: items.saturating_add(u64::from(total.is_none())),
            max_bytes: bytes,
            subject: resumes,
        };
        let finished = job.run(plex.clone(), pending, caps, show).await?;
        call.used(Amounts { items: finished.items, bytes: finished.bytes });
        call.affects(affected(subject.library.as_deref(), Some(finished.items), Some(finished.bytes)));
        remember(call, &args, &subject, &finished).await;
        Ok(out(&args, subject, finished, total, started.elapsed()))
    }

    fn patience(args: &Args) -> Option<Duration> {
        Some(Duration::from_secs(args.wait_seconds))
    }

    fn running(running: Running) -> Option<Out> {
        Some(Out {
            status: Status::Running,
            exported: false,
            total_exported: running.progress.items,
            total_size: running.progress.total,
            bytes: running.progress.bytes,
            seconds: seconds(running.elapsed),
            next: Some("call export_library again with the same arguments: it waits on for this export"),
            ..Out::default()
        })
    }
}

/// Notes what was written, so that it can be told later whether the file is still what it was.
async fn remember(call: &Call<'_, Write>, args: &Args, subject: &source::Subject, finished: &Finished) {
    let exports = call.exports();
    let Ok(directory) = exports.canonical() else { return };
    let record = Record {
        directory,
        name: finished.name.to_string(),
        bytes: finished.bytes,
        sha256: finished.sha256.clone(),
        items: finished.items,
        detail: args.detail,
        format: args.format,
        of: subject.described(),
        at: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        call_id: call.id().to_string(),
    };
    let index = exports.index().clone();
    let added = tokio::task::spawn_blocking(move || index.add(&record)).await;
    if let Err(error) = added.map_err(std::io::Error::other).and_then(|added| added) {
        tracing::warn!(%error, "the export is complete, but its SHA-256 could not be noted");
    }
}

/// What an export of these rows in this layout to this path is known by when it is gone on with.
fn resumes(address: &str, request: &Get, layout: &Layout, path: Option<&str>) -> String {
    serde_json::json!([address, request.path, request.query, layout, path]).to_string()
}

fn check_fields(fields: &[String]) -> Result<(), ToolError> {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    for field in fields {
        if field.len() > 100 || !field.split('.').all(plain) {
            let problem = "must be names of Plex's, joined by dots where one lies in another, such as Media.Part.file";
            return Err(ToolError::argument("fields", problem));
        }
    }
    Ok(())
}

/// `library-1-movie-20261125T101500Z.json`: says what is in it and sorts by time.
fn default_name(args: &Args, source: &Source, now: Timestamp) -> String {
    let kind = args.kind.map(|kind| format!("-{}", kind.as_str())).unwrap_or_default();
    format!("{}{kind}-{}.{}", source.name(), now.strftime("%Y%m%dT%H%M%SZ"), args.format.extension())
}

fn affected(library: Option<&str>, items: Option<u64>, bytes: Option<u64>) -> Affected {
    Affected { library: library.map(Into::into), titles: Vec::new(), items, bytes }
}

fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

fn out(args: &Args, subject: source::Subject, finished: Finished, total: Option<u64>, took: Duration) -> Out {
    Out {
        status: Status::Finished,
        exported: true,
        library_key: subject.library_key,
        library: subject.library,
        collection_key: args.collection_key.as_ref().map(ToString::to_string),
        collection: subject.collection,
        playlist_id: args.playlist_id.as_ref().map(ToString::to_string),
        playlist: subject.playlist,
        kind: subject.kind,
        detail: Some(args.detail),
        format: Some(args.format),
        resource: Some(finished.name.uri()),
        output_path: Some(finished.name.to_string()),
        total_exported: finished.items,
        total_size: finished.total.or(total),
        complete: Some(finished.complete),
        changed_during_export: Some(finished.changed),
        items_without_details: finished.without_details,
        fields_not_found: finished.unmet,
        items_resumed: finished.resumed,
        bytes: finished.bytes,
        sha256: Some(finished.sha256),
        seconds: seconds(took),
        warning: subject.warning,
        next: None,
    }
}
