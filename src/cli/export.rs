//! `plex-mcp export`: `export_library` with a progress bar.

use super::{Failure, call::caller, say, start};
use crate::{
    app::App,
    config::Settings,
    export::{job::Progress, name::ExportName, writer::Format},
    tools::{self, call::Caller},
};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::Map;
use std::{
    fmt,
    io::{self, Write as _},
    sync::Arc,
};
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The library's name or key
    #[arg(required_unless_present_any = ["collection", "playlist"], conflicts_with_all = ["collection", "playlist"])]
    library: Option<String>,
    /// In place of a library: the key of a collection
    #[arg(long, value_name = "KEY", conflicts_with = "playlist")]
    collection: Option<String>,
    /// In place of a library: the key of a playlist
    #[arg(long, value_name = "KEY")]
    playlist: Option<String>,
    /// Items of this type (movie, show, season, episode, artist, album, track, photo, collection)
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    filters: Filters,
    /// Where to write, relative to the exports directory
    #[arg(long, short, value_name = "PATH")]
    output: Option<String>,
    /// summary; full: all that Plex's listing holds; or deep: all that Plex tells of each item
    #[arg(long, value_name = "DETAIL", default_value = "full")]
    detail: String,
    /// Only these fields, such as title,year,Media.Part.file
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<String>,
    /// json, ndjson or csv
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Items a request to Plex
    #[arg(long, value_name = "N", default_value_t = 500)]
    page_size: u64,
    /// Replace a file of that name
    #[arg(long)]
    overwrite: bool,
}

/// Conditions that each item of a library has to meet.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Filters")]
struct Filters {
    /// Only what is not watched to its end; false: only what is
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    unwatched: Option<bool>,
    /// Only items of this genre, or of any of several with commas between them
    #[arg(long, value_name = "GENRE")]
    genre: Option<String>,
    /// Only items of this year, or of a range such as 1990-1999
    #[arg(long, value_name = "YEARS")]
    year: Option<String>,
    /// Only items added since a date such as 2026-01-31, or within an age such as 30d, 2w, 6mon, 1y
    #[arg(long, value_name = "TIME")]
    added_since: Option<String>,
    /// Only items that have a version of this resolution: 4k, 1080, 720, 576, 480 or sd
    #[arg(long, value_name = "RESOLUTION")]
    resolution: Option<String>,
}

impl Options {
    /// What the file looks like: as its name says, if nothing else does.
    fn format(&self) -> String {
        let by_name = || self.output.as_ref().and_then(|output| ExportName::parse_any(output));
        let named = || by_name().map(|(_, format)| format.extension().to_owned());
        self.format.clone().or_else(named).unwrap_or_else(|| Format::default().extension().to_owned())
    }
}

pub(super) async fn run(options: Options, settings: Settings) -> Result<(), Failure> {
    let app = start(settings)?;
    // What was written of an export that is cut stays, and the same command goes on from there.
    let caller = Caller { resumes: true, ..caller() };
    let key = match &options.library {
        Some(library) => Some(library_key(&app, &caller, library).await?),
        None => None,
    };
    let mut arguments = Map::from_iter([
        ("detail".to_owned(), options.detail.clone().into()),
        ("format".to_owned(), options.format().into()),
        ("pageSize".to_owned(), options.page_size.into()),
        ("overwrite".to_owned(), options.overwrite.into()),
    ]);
    for (name, value) in [
        ("libraryKey", key),
        ("collectionKey", options.collection),
        ("playlistId", options.playlist),
        ("type", options.kind),
        ("outputPath", options.output),
        ("genre", options.filters.genre),
        ("year", options.filters.year),
        ("addedSince", options.filters.added_since),
        ("resolution", options.filters.resolution),
    ] {
        arguments.extend(value.map(|value| (name.to_owned(), value.into())));
    }
    if let Some(unwatched) = options.filters.unwatched {
        arguments.insert("unwatched".into(), unwatched.into());
    }
    if !options.fields.is_empty() {
        arguments.insert("fields".into(), options.fields.into());
    }
    let bar = bar();
    let shown = tokio::spawn(show(bar.clone(), caller.progress.subscribe()));
    let result = tools::call(&app, &caller, "export_library", arguments).await;
    shown.abort();
    bar.finish_and_clear();
    let result = result.map_err(|error| Failure::of_tool(&error))?;
    let exported: Exported = serde_json::from_value(result)?;
    say(app.config().exports.join(&exported.output_path).display().to_string())?;
    say(exported.to_string())?;
    if !exported.complete {
        let _ = writeln!(
            io::stderr(),
            "plex-mcp: the library changed meanwhile, and not all of its items are in the file; export again to have them"
        );
    }
    Ok(())
}

/// The key of the library that is called `name`, or `name` itself if it is a key.
async fn library_key(app: &Arc<App>, caller: &Caller, name: &str) -> Result<String, Failure> {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(name.to_owned());
    }
    let result =
        tools::call(app, caller, "get_libraries", Map::new()).await.map_err(|error| Failure::of_tool(&error))?;
    let Libraries { libraries } = serde_json::from_value(result)?;
    let named = |library: &&Library| library.title.to_lowercase() == name.to_lowercase();
    let keys: Vec<_> = libraries.iter().filter(named).map(|library| library.key.as_str()).collect();
    match keys.as_slice() {
        [key] => Ok((*key).to_owned()),
        [] => {
            let titles: Vec<_> = libraries.iter().map(|library| library.title.as_str()).collect();
            Err(Failure::Usage(format!("there is no library called {name}; there are: {}", titles.join(", "))))
        }
        keys => Err(Failure::Usage(format!("several libraries are called {name}; use a key: {}", keys.join(", ")))),
    }
}

/// What `export_library` answers, as far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exported {
    pub(super) output_path: String,
    #[serde(rename = "totalExported")]
    items: u64,
    bytes: u64,
    sha256: String,
    seconds: f64,
    complete: bool,
    #[serde(default)]
    items_resumed: u64,
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { items, bytes, seconds, sha256, items_resumed, .. } = self;
        write!(f, "{items} items, ")?;
        if *items_resumed > 0 {
            write!(f, "{items_resumed} of them from an earlier run that was cut, ")?;
        }
        write!(f, "{} in {seconds} s, SHA-256 {sha256}", HumanBytes(*bytes))
    }
}

/// What `get_libraries` answers, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(super) struct Libraries {
    pub(super) libraries: Vec<Library>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Library {
    pub(super) key: String,
    pub(super) title: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) count: Option<u64>,
}

/// Draws the bar on standard error until it is stopped.
async fn show(bar: ProgressBar, mut progress: watch::Receiver<Progress>) {
    while progress.changed().await.is_ok() {
        let now = *progress.borrow_and_update();
        draw(&bar, now.items, now.total);
    }
}

/// A bar on standard error; nothing is drawn where that is no terminal.
pub(super) fn bar() -> ProgressBar {
    let style = "{bar:40} {human_pos}/{human_len} items, {per_sec}, {eta} left";
    ProgressBar::no_length()
        .with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

pub(super) fn draw(bar: &ProgressBar, items: u64, total: Option<u64>) {
    if let Some(total) = total {
        bar.set_length(total);
    }
    bar.set_position(items);
}
