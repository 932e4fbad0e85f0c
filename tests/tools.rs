//! What clients see of each tool, held against the snapshots in `tests/tools/` and against the public Plex MCP server whose
//! prompts have to keep working here. `UPDATE_SNAPSHOTS=1 cargo test --test tools` writes the snapshots anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{Options, SampleLibrary};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};
use support::{Home, home};

const FIELDS: [&str; 6] = ["name", "title", "description", "annotations", "inputSchema", "outputSchema"];

/// What `tools/list` serves of each tool, as it comes over the wire.
async fn served() -> Vec<Map<String, Value>> {
    let home = Home::at("http://127.0.0.1:9");
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let answer = raw.request("tools/list", json!({})).await;
    raw.close().await;
    serde_json::from_value(answer["result"]["tools"].clone()).unwrap()
}

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools")
}

fn files() -> BTreeMap<String, String> {
    let entries = match fs::read_dir(snapshots()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        entries => entries.unwrap(),
    };
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn every_tool_is_what_its_snapshot_says() {
    let mut wanted = BTreeMap::new();
    for tool in served().await {
        let name = tool["name"].as_str().unwrap().to_owned();
        let other: Vec<_> = tool.keys().filter(|key| !FIELDS.contains(&key.as_str())).collect();
        assert!(other.is_empty(), "{name} has fields that its snapshot would not show: {other:?}");
        let shown: Map<String, Value> =
            FIELDS.iter().map(|field| ((*field).to_owned(), tool[*field].clone())).collect();
        let text = serde_json::to_string_pretty(&shown).unwrap() + "\n";
        assert!(wanted.insert(format!("{name}.json"), text).is_none(), "{name} is listed twice");
    }
    let found = files();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(snapshots()).unwrap();
        for file in found.keys().filter(|file| !wanted.contains_key(*file)) {
            fs::remove_file(snapshots().join(file)).unwrap();
        }
        for (file, text) in wanted.iter().filter(|(file, text)| found.get(*file) != Some(text)) {
            fs::write(snapshots().join(file), text).unwrap();
        }
        return;
    }
    let all: BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let wrong: Vec<String> = all
        .into_iter()
        .filter_map(|file| match (wanted.get(file), found.get(file)) {
            (Some(_), None) => Some(format!("{file} is missing")),
            (None, _) => Some(format!("{file} is of no tool")),
            (Some(wanted), Some(found)) => {
                // Line ends may have been changed by a checkout.
                let (line, (now, then)) =
                    wanted.lines().zip(found.lines()).enumerate().find(|(_, (now, then))| now != then).or_else(
                        || {
                            (wanted.lines().count() != found.lines().count())
                                .then_some((0, ("another number of lines", "")))
                        },
                    )?;
                Some(format!("{file} is stale in line {}: {then:?} is now {now:?}", line + 1))
            }
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}\nwrite them anew with UPDATE_SNAPSHOTS=1 and look at what git says changed");
}

/// A tool as the public server has it: whether it only reads, its arguments (`!` marks required ones), and the keys of
/// its result, with those of the rows in it.
struct Public {
    tool: &'static str,
    reads: bool,
    arguments: &'static [&'static str],
    result: &'static [&'static str],
    rows: &'static str,
    row: &'static [&'static str],
    /// A call on the sample server whose result has every key that is not told of special cases only.
    call: fn() -> Value,
    /// Keys that only special cases have.
    special: &'static [&'static str],
}

const PUBLIC: &[Public] = &[
    Public {
        tool: "get_libraries",
        reads: true,
        arguments: &[],
        result: &["libraries"],
        rows: "libraries",
        row: &["key", "title", "type", "scannedAt", "count"],
        call: || json!({}),
        special: &[],
    },
    Public {
        tool: "get_library_items",
        reads: true,
        arguments: &["libraryKey!", "type", "limit", "offset", "sort"],
        result: &["libraryKey", "offset", "limit", "totalSize", "warning", "items"],
        rows: "items",
        row: &["ratingKey", "title", "originalTitle", "year", "type", "guid", "editionTitle"],
        call: || json!({"libraryKey": "1", "type": "movie", "limit": 1000, "offset": 0, "sort": "titleSort"}),
        special: &["warning"],
    },
    Public {
        tool: "get_media_details",
        reads: true,
        arguments: &["ratingKey!"],
        result: &["details"],
        rows: "details",
        row: &[
            "ratingKey",
            "title",
            "type",
            "year",
            "summary",
            "rating",
            "duration",
            "genres",
            "actors",
            "directors",
            "writers",
            "studios",
            "addedAt",
            "updatedAt",
            "viewCount",
            "lastViewedAt",
        ],
        call: || json!({"ratingKey": "1001"}),
        special: &[],
    },
    Public {
        tool: "search_media",
        reads: true,
        arguments: &["query!", "type", "libraryKey", "limit", "offset"],
        result: &["query", "libraryKey", "offset", "limit", "results"],
        rows: "results",
        row: &["ratingKey", "title", "type", "year", "summary", "rating"],
        call: || json!({"query": "the", "type": "movie", "libraryKey": "1", "limit": 500, "offset": 0}),
        special: &[],
    },
    Public {
        tool: "export_library",
        reads: false,
        arguments: &["libraryKey!", "type", "outputPath", "pageSize"],
        result: &["exported", "libraryKey", "type", "outputPath", "totalExported", "totalSize"],
        rows: "",
        row: &[],
        call: || json!({"libraryKey": "1", "type": "movie", "outputPath": "all.json", "pageSize": 500}),
        special: &[],
    },
    Public {
        tool: "get_recently_added",
        reads: true,
        arguments: &["limit"],
        result: &["recentlyAdded"],
        rows: "recentlyAdded",
        row: &["ratingKey", "title", "type", "year", "addedAt", "summary"],
        call: || json!({"limit": 1000}),
        special: &[],
    },
    Public {
        tool: "get_on_deck",
        reads: true,
        arguments: &[],
        result: &["onDeck"],
        rows: "onDeck",
        row: &["ratingKey", "title", "type", "viewOffset", "duration", "lastViewedAt"],
        call: || json!({}),
        special: &[],
    },
    Public {
        tool: "get_editable_fields",
        reads: true,
        arguments: &["ratingKey!"],
        result: &[
            "ratingKey",
            "type",
            "title",
            "librarySectionID",
            "editableFields",
            "editableTags",
            "availableTags",
            "notes",
        ],
        rows: "availableTags",
        row: &["genres", "collections", "roles", "directors"],
        call: || json!({"ratingKey": "1001"}),
        special: &[],
    },
    Public {
        tool: "get_playlists",
        reads: true,
        arguments: &[],
        result: &["playlists"],
        rows: "playlists",
        row: &[
            "ratingKey",
            "key",
            "title",
            "type",
            "playlistType",
            "smart",
            "leafCount",
            "duration",
            "summary",
            "updatedAt",
            "addedAt",
        ],
        call: || json!({}),
        special: &[],
    },
    Public {
        tool: "get_playlist_items",
        reads: true,
        arguments: &["playlistId!"],
        result: &["playlistId", "items"],
        rows: "items",
        row: &["playlistItemID", "ratingKey", "title", "type", "year", "duration", "summary"],
        call: || json!({"playlistId": "1700000000"}),
        special: &[],
    },
    Public {
        tool: "get_watchlist",
        reads: true,
        arguments: &[],
        result: &["watchlist", "source"],
        rows: "watchlist",
        row: &["ratingKey", "guid", "title", "type", "year", "summary", "addedAt"],
        call: || json!({}),
        special: &[],
    },
    Public {
        tool: "get_active_sessions",
        reads: true,
        arguments: &[],
        result: &["activeSessions", "sessionCount"],
        rows: "activeSessions",
        row: &[
            "ratingKey",
            "sessionKey",
            "title",
            "type",
            "grandparentTitle",
            "parentTitle",
            "summary",
            "duration",
            "viewOffset",
            "user",
            "player",
            "session",
            "transcode",
            "media",
        ],
        call: || json!({}),
        special: &[],
    },
    Public {
        tool: "get_recently_watched",
        reads: true,
        arguments: &["limit", "mediaType"],
        result: &["recentlyWatched", "totalCount", "note"],
        rows: "recentlyWatched",
        row: &["ratingKey", "title", "type", "year", "viewedAt", "duration"],
        call: || json!({"limit": 100, "mediaType": "movie"}),
        special: &["note"],
    },
    Public {
        tool: "get_watch_history",
        reads: true,
        arguments: &["limit", "userId", "mediaType"],
        result: &["watchHistory", "totalSessions"],
        rows: "watchHistory",
        row: &["ratingKey", "title", "type", "year", "viewedAt", "duration", "user", "player", "platform", "completed"],
        call: || json!({"limit": 500, "userId": "1", "mediaType": "all"}),
        special: &[],
    },
    Public {
        tool: "get_watch_stats",
        reads: true,
        arguments: &["timeRange", "statType"],
        result: &["timeRange", "statType", "totalSessions", "stats"],
        rows: "stats",
        row: &["totalPlays", "averagePlaysPerDay", "totalDuration", "totalDurationHours", "averageSessionDuration"],
        call: || json!({"timeRange": 30, "statType": "plays"}),
        special: &[],
    },
    Public {
        tool: "get_user_stats",
        reads: true,
        arguments: &["timeRange"],
        result: &["users", "totalUsers"],
        rows: "users",
        row: &["id", "name"],
        call: || json!({"timeRange": 30}),
        special: &[],
    },
    Public {
        tool: "get_popular_content",
        reads: true,
        arguments: &["timeRange", "metric", "mediaType", "limit"],
        result: &["metric", "mediaType", "timeRange", "popularContent"],
        rows: "popularContent",
        row: &["ratingKey", "title", "type", "year", "rating", "duration"],
        call: || json!({"timeRange": 3650, "metric": "plays", "mediaType": "all", "limit": 50}),
        special: &[],
    },
    Public {
        tool: "get_fully_watched",
        reads: true,
        arguments: &["libraryKey", "mediaType", "limit"],
        result: &["fullyWatched", "totalCount", "libraryKey", "mediaType"],
        rows: "fullyWatched",
        row: &[
            "ratingKey",
            "title",
            "type",
            "year",
            "viewCount",
            "lastViewedAt",
            "duration",
            "viewOffset",
            "rating",
            "summary",
        ],
        call: || json!({"libraryKey": "1", "mediaType": "movie", "limit": 500}),
        special: &[],
    },
    Public {
        tool: "get_library_stats",
        reads: true,
        arguments: &["libraryKey"],
        result: &["libraries", "totalLibraries"],
        rows: "libraries",
        row: &["key", "title", "type", "count", "scannedAt", "language"],
        call: || json!({"libraryKey": "1"}),
        special: &[],
    },
    Public {
        tool: "get_recommendations",
        reads: true,
        arguments: &["libraryKey!", "limit", "userId"],
        result: &[
            "success",
            "libraryKey",
            "watchedCount",
            "unwatchedCount",
            "userId",
            "tasteProfile",
            "recommendations",
        ],
        rows: "recommendations",
        row: &["ratingKey", "title", "year", "genres", "rating", "score", "reasons"],
        call: || json!({"libraryKey": "1", "limit": 10, "userId": "1"}),
        special: &[],
    },
];

/// What the public server takes as `type`.
const TYPES: [&str; 6] = ["movie", "show", "episode", "artist", "album", "track"];
/// What the items of the public server's export files have.
const EXPORTED: [&str; 7] = ["ratingKey", "title", "year", "type", "guid", "originalTitle", "editionTitle"];

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn calls_written_for_the_public_server_are_taken() {
    let served = served().await;
    for public in PUBLIC {
        let tool = served.iter().find(|tool| tool["name"] == public.tool).unwrap_or_else(|| panic!("{}", public.tool));
        assert_eq!(tool["annotations"]["readOnlyHint"], public.reads, "{}", public.tool);
        assert_eq!(tool["annotations"]["destructiveHint"], false, "{}", public.tool);
        let input = &tool["inputSchema"];
        let ours = keys(&input["properties"]);
        let mut required = BTreeSet::new();
        for argument in public.arguments {
            let name = argument.trim_end_matches('!');
            assert!(ours.contains(name), "{} has no argument {name}", public.tool);
            if name != *argument {
                required.insert(name);
            }
            let taken = match name {
                "limit" | "offset" | "pageSize" | "timeRange" => "integer",
                _ => "string",
            };
            assert_eq!(input["properties"][name]["type"], taken, "{}: {name}", public.tool);
        }
        // Whatever else we require would break calls that leave it out.
        let ours: BTreeSet<_> = input["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert!(ours.is_subset(&required), "{} requires {ours:?}", public.tool);
        let has_types = public.arguments.contains(&"type");
        if let Some(types) = input["properties"]["type"]["enum"].as_array().filter(|_| has_types) {
            assert!(TYPES.iter().all(|kind| types.contains(&json!(kind))), "{}: {types:?}", public.tool);
        }
        for (name, least) in [("limit", 1_000), ("pageSize", 500)] {
            let most = &input["properties"][name]["maximum"];
            assert!(most.is_null() || most.as_u64().unwrap() >= least, "{}: {name} is at most {most}", public.tool);
        }

        let output = &tool["outputSchema"]["properties"];
        let ours = keys(output);
        assert!(public.result.iter().all(|key| ours.contains(key)), "{} answers {ours:?}", public.tool);
        if !public.rows.is_empty() {
            let rows = &output[public.rows];
            let row = if rows["type"] == "array" { &rows["items"] } else { rows };
            let ours = keys(&row["properties"]);
            assert!(public.row.iter().all(|key| ours.contains(key)), "{}: rows have {ours:?}", public.tool);
        }
    }
}

#[tokio::test]
async fn results_have_what_the_public_servers_had() {
    let library = SampleLibrary { movies: 400, ..SampleLibrary::default() };
    let (_plex, home) = home(Options { library, ..Options::default() }).await;
    let client = home.connect().await;
    for public in PUBLIC {
        let result = client.call(public.tool, (public.call)()).await;
        let ours = keys(&result);
        let missing: Vec<_> =
            public.result.iter().filter(|key| !ours.contains(*key) && !public.special.contains(key)).collect();
        assert!(missing.is_empty(), "{} lacks {missing:?}: {ours:?}", public.tool);
        let rows = match &result[public.rows] {
            Value::Array(rows) => rows.clone(),
            Value::Null => continue,
            row => vec![row.clone()],
        };
        let ours: BTreeSet<_> = rows.iter().flat_map(keys).collect();
        let missing: Vec<_> = public.row.iter().filter(|key| !ours.contains(*key)).collect();
        assert!(missing.is_empty(), "{}: rows lack {missing:?}: {ours:?}", public.tool);
    }
    let behind = client.call("get_library_items", json!({"libraryKey": "1", "offset": 1000})).await;
    assert!(behind["warning"].as_str().is_some_and(|warning| !warning.is_empty()), "{behind}");
    let items = home.exported("all.json");
    let exported: BTreeSet<_> = items.iter().flat_map(keys).collect();
    assert!(EXPORTED.iter().all(|key| exported.contains(key)), "{exported:?}");
    client.close().await;
}
