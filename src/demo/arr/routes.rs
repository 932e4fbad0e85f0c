//! Which path answers what.

use serde_json::{Value, json};

use crate::demo::arr::shelf::{Changes, Shelf};
use crate::demo::arr::{ArrDeviations, ArrKind, ArrOptions, commands, library};
use crate::demo::query::Query;

/// What is answered.
pub(super) enum Answer {
    /// JSON with its status.
    Json(u16, Value),
    /// All titles of the library, which may be many.
    Titles(Option<u64>),
}

fn ok(value: Value) -> Answer {
    Answer::Json(200, value)
}

fn not_found(text: &str) -> Answer {
    Answer::Json(404, json!({"message": text}))
}

/// Answers a read below the API.
pub(super) fn read(shelf: Shelf<'_>, path: &[&str], query: &Query) -> Answer {
    let options = shelf.options;
    let deviations = &options.deviations;
    let number = |text: &str| text.parse::<u64>().ok();
    let own = own_path(shelf.world.kind);
    match path {
        ["system", "status"] => ok(status(options)),
        ["health"] => ok(health(shelf)),
        ["qualityprofile"] => ok(shelf.profiles()),
        ["languageprofile"] if shelf.world.kind == ArrKind::Sonarr => ok(shelf.languages()),
        ["rootfolder"] => ok(shelf.roots()),
        [items] if *items == own => Answer::Titles(query.number(match shelf.world.kind {
            ArrKind::Sonarr => "tvdbId",
            ArrKind::Radarr => "tmdbId",
        })),
        [items, "lookup"] if *items == own => {
            if deviations.lookup_down {
                let text = "Search for titles failed. Failed to communicate with the metadata service.";
                return Answer::Json(503, json!({"message": text, "description": "System.Net.WebException"}));
            }
            ok(shelf.lookup(query.get("term").unwrap_or_default()).into())
        }
        [items, id] if *items == own => match number(id).and_then(|id| shelf.by_id(id)) {
            Some(held) => ok(shelf.title(held.n, Some(&held))),
            None => not_found(&format!("{} with ID {id} does not exist", shelf.world.kind.noun())),
        },
        ["wanted", "missing"] => paged(shelf.missing(query), query, deviations),
        ["queue"] => paged(shelf.queue(query), query, deviations),
        ["calendar"] => match shelf.calendar(query) {
            Some(rows) => ok(rows.into()),
            None => Answer::Json(400, json!({"message": "The value is not valid for start or end."})),
        },
        ["command"] => ok((1..=shelf.changes.commands.len()).filter_map(|id| shelf.command(id)).collect()),
        ["command", id] => match number(id).and_then(|id| shelf.command(usize::try_from(id).ok()?)) {
            Some(command) => ok(command),
            None => not_found(&format!("Command with ID {id} does not exist")),
        },
        _ => not_found("NotFound"),
    }
}

/// Answers a change below the API.
pub(super) fn write(
    changes: &mut Changes,
    (options, clock): (&ArrOptions, i64),
    method: &str,
    path: &[&str],
    body: Option<&Value>,
) -> Answer {
    let Some(body) = body.filter(|body| body.is_object()) else {
        return Answer::Json(400, json!([{"propertyName": "", "errorMessage": "Request body can't be empty"}]));
    };
    let own = own_path(options.kind);
    let shelf = Shelf::new(options, clock, changes);
    match (method, path) {
        ("POST", [items]) if *items == own => match shelf.check(body) {
            Err(wrong) => Answer::Json(400, wrong.into()),
            Ok(added) => {
                let id = library::keep(changes, options.titles, options.kind, added, body);
                let shelf = Shelf::new(options, clock, changes);
                let row = shelf.by_id(id).map(|held| shelf.title(held.n, Some(&held)));
                Answer::Json(201, row.unwrap_or_default())
            }
        },
        ("POST", ["command"]) => match commands::give(shelf, body) {
            Err(text) => Answer::Json(400, json!({"message": text})),
            Ok(command) => {
                let id = commands::keep(changes, command);
                Answer::Json(201, Shelf::new(options, clock, changes).command(id).unwrap_or_default())
            }
        },
        _ => Answer::Json(405, json!({"message": "Method Not Allowed"})),
    }
}

fn own_path(kind: ArrKind) -> &'static str {
    match kind {
        ArrKind::Sonarr => "series",
        ArrKind::Radarr => "movie",
    }
}

/// A page of rows, ten where nothing else is asked for.
fn paged(mut rows: Vec<Value>, query: &Query, deviations: &ArrDeviations) -> Answer {
    let total = rows.len();
    let page = query.number("page").filter(|page| *page > 0).unwrap_or(1);
    let asked = query.number("pageSize").filter(|size| *size > 0).unwrap_or(10);
    let size = asked.min(deviations.page_cap.unwrap_or(u64::MAX));
    let at = |row: u64| usize::try_from(row).unwrap_or(usize::MAX).min(total);
    let mut records = rows.split_off(at((page - 1).saturating_mul(size)));
    records.truncate(usize::try_from(size).unwrap_or(usize::MAX));
    if deviations.untidy {
        records.insert(0, json!("not a record"));
    }
    ok(json!({
        "page": page, "pageSize": if deviations.silent_cap { asked } else { size }, "sortKey": query.get("sortKey").unwrap_or("timeleft"),
        "sortDirection": query.get("sortDirection").unwrap_or("ascending"), "totalRecords": total, "records": records,
    }))
}

pub(super) fn status(options: &ArrOptions) -> Value {
    json!({
        "appName": options.kind.name(), "instanceName": options.kind.name(), "version": options.version,
        "buildTime": "2026-01-05T12:00:00Z", "isDebug": false, "isProduction": true, "isAdmin": false,
        "isUserInteractive": false, "startupPath": "/app/bin", "appData": "/config", "osName": "alpine", "isDocker": true,
        "isLinux": true, "mode": "console", "branch": "main", "authentication": "forms", "urlBase": options.base,
        "runtimeName": ".NET", "startTime": "2026-02-01T08:00:00Z", "databaseType": "sqLite",
    })
}

fn health(shelf: Shelf<'_>) -> Value {
    let page = "https://example.invalid/wiki";
    let roots = shelf.options.roots.iter().filter(|root| !root.accessible).enumerate().map(|(at, root)| {
        json!({
            "id": at + 10, "source": "RootFolderCheck", "type": "error",
            "message": format!("Missing root folder: {}", root.path), "wikiUrl": page,
        })
    });
    let indexer = json!({
        "id": 1, "source": "IndexerStatusCheck", "type": "warning",
        "message": "Indexers unavailable due to failures: Sample indexer", "wikiUrl": page,
    });
    std::iter::once(indexer).chain(roots).collect()
}
