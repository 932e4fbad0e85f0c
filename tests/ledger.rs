//! The ledger, through the real binary: every call is one row, no row holds an argument's value, and where there is no
//! ledger nothing happens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{Deviations, Options, SampleLibrary};
use plex_mcp::guard::{Decision, Kind, Outcome, Row};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};
use support::{Finished, Home, Raw, home, text};

const CANARY: &str = "canary-value-71";

fn movies(movies: u64) -> Options {
    Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, ..Options::default() }
}

/// Calls `tool`, waits for a request to reach Plex, and gives the call up.
async fn cancel(raw: &mut Raw, tool: &str, arguments: Value, has_begun: impl Fn() -> bool) {
    let id = raw.begin("tools/call", json!({"name": tool, "arguments": arguments})).await;
    while !has_begun() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    raw.send(&cancel.to_string()).await;
}

/// The ledger's files, byte by byte.
fn ledger_bytes(dir: &Path) -> Vec<u8> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    // The list of exports has their names, which stand in the exports directory, too.
    let is_ledger = |name: &str| name.starts_with("ledger.db") && name != "ledger.db.exports";
    let ledger = files.filter(|file| is_ledger(file.file_name().to_str().unwrap()));
    ledger.flat_map(|file| fs::read(file.path()).unwrap()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn every_call_is_one_row_and_no_row_holds_a_value() {
    let (plex, home) = home(movies(3)).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\nhide = [\"search_media\"]\n[tools.get_media_details]\naction = \"deny\"\n",
    );
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let export = json!({"libraryKey": "1", "outputPath": format!("{CANARY}.json")});
    raw.call("get_libraries", json!({})).await;
    raw.call("get_library_items", json!({"libraryKey": CANARY, "sort": "year"})).await;
    raw.call("get_library_items", json!({"libraryKey": "987654", "sort": "year"})).await;
    raw.call("get_media_details", json!({"ratingKey": "987654"})).await;
    raw.call("search_media", json!({"query": CANARY})).await;
    raw.call("drop\u{1b}[31m_library", json!({"query": CANARY})).await;
    let exported = raw.call("export_library", export.clone()).await["result"]["structuredContent"].clone();
    let again = raw.call("export_library", export).await;
    assert_eq!(again["result"]["structuredContent"]["code"], "already_exists", "{again}");
    raw.request("tools/call", json!({"name": "get_libraries", "arguments": CANARY})).await;
    plex.stop().await;
    let gone = raw.call("get_library_items", json!({"libraryKey": "1"})).await;
    assert_eq!(gone["result"]["structuredContent"]["code"], "unreachable", "{gone}");
    raw.close().await;

    let rows = home.rows().await;
    let of = |row: &Row| (row.tool.clone(), row.kind, row.decision, row.outcome);
    let (read, write) = (Some(Kind::Read), Some(Kind::Write));
    let expected = [
        ("get_libraries", read, Decision::Allow, Some(Outcome::Ok)),
        ("get_library_items", read, Decision::Invalid, None),
        ("get_library_items", read, Decision::Allow, Some(Outcome::Failed)),
        ("get_media_details", read, Decision::Deny, None),
        ("search_media", read, Decision::Deny, None),
        ("drop[31m_library", None, Decision::Deny, None),
        ("export_library", write, Decision::Allow, Some(Outcome::Ok)),
        ("export_library", write, Decision::Allow, Some(Outcome::Failed)),
        ("", None, Decision::Invalid, None),
        ("get_library_items", read, Decision::Allow, Some(Outcome::Failed)),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(tool, a, b, c)| (tool.to_owned(), a, b, c)).collect();
    assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), expected);
    assert!(rows.iter().all(|row| row.repeats == 1 && row.client.as_deref() == Some("raw test")));
    assert!(rows.iter().all(|row| row.grant == "default" && row.policy.len() == 16));
    let distinct = |of: fn(&Row) -> &str| rows.iter().map(of).collect::<HashSet<_>>().len();
    assert_eq!((distinct(|row| &row.call_id), distinct(|row| &row.session)), (rows.len(), 1));
    assert!(rows.windows(2).all(|pair| pair[0].seq < pair[1].seq && pair[0].time_ms <= pair[1].time_ms));
    assert!(rows.iter().all(|row| row.duration_ms.is_some() == row.outcome.is_some()), "{rows:?}");

    let names = |row: &Row| row.args.iter().cloned().collect::<HashSet<_>>();
    let all = ["libraryKey", "limit", "offset", "sort"].map(str::to_owned);
    assert_eq!(names(&rows[2]), HashSet::from(all), "what was given and what was filled in");
    let export = &rows[6];
    assert!(names(export).contains("outputPath") && export.digest.as_deref().is_some_and(|hex| hex.len() == 32));
    assert_eq!(export.affected.library.as_deref(), Some("Movies"));
    assert_eq!(export.affected.items, Some(3));
    let size = fs::metadata(home.exports().join(format!("{CANARY}.json"))).unwrap().len();
    assert_eq!((export.affected.bytes, &exported["bytes"]), (Some(size), &json!(size)));

    let bytes = ledger_bytes(home.dir.path());
    assert!(holds(&bytes, "outputPath") && holds(&bytes, "raw test"), "the search finds what is there");
    for secret in [CANARY, "CANARY", "987654"] {
        assert!(!holds(&bytes, secret), "{secret} is in the ledger");
    }
}

#[tokio::test]
async fn a_cancelled_call_is_a_row_that_says_so() {
    let deviations =
        Deviations { delay: Some(Duration::from_millis(200)), page_cap: Some(50), ..Deviations::default() };
    let (plex, home) = home(Options { deviations, ..movies(10_000) }).await;
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    cancel(&mut raw, "get_libraries", json!({}), || plex.request_count() > 0).await;
    // Before it was cleared nothing can have been written, after that it can.
    let before = plex.request_count();
    let export = json!({"libraryKey": "1"});
    cancel(&mut raw, "export_library", export.clone(), || plex.request_count() > before).await;
    assert!(home.files().is_empty(), "{:?}", home.files());
    cancel(&mut raw, "export_library", export, || !home.files().is_empty()).await;
    raw.close().await;
    let rows = home.rows().await;
    let ends: Vec<_> = rows.iter().map(|row| (row.tool.as_str(), row.decision, row.outcome)).collect();
    assert_eq!(
        ends,
        [
            ("get_libraries", Decision::Allow, Some(Outcome::Cancelled)),
            ("export_library", Decision::Allow, Some(Outcome::Cancelled)),
            ("export_library", Decision::Allow, Some(Outcome::Unknown)),
        ]
    );
    assert!(rows.iter().all(|row| row.duration_ms.is_some_and(|ms| ms < 5_000)), "{rows:?}");
}

#[tokio::test]
async fn a_ledger_that_can_not_be_used_keeps_the_server_from_starting() {
    let mut home = Home::at("http://127.0.0.1:9");
    fs::create_dir_all(home.path("folder")).unwrap();
    fs::create_dir_all(home.exports()).unwrap();
    let damaged: Vec<u8> =
        b"SQLite format 3\0".iter().copied().chain((0..8192_u32).map(|n| (n * 7 % 251) as u8)).collect();
    fs::write(home.path("damaged.db"), &damaged).unwrap();
    fs::write(home.path("notes.db"), "these are my notes\n").unwrap();
    let foreign = rusqlite::Connection::open(home.path("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('One');").unwrap();
    drop(foreign);
    for (name, loss) in [("hollow.db", "DELETE FROM meta"), ("torn.db", "DROP TABLE takes")] {
        home.set("PLEX_LEDGER", home.path(name).to_str().unwrap());
        assert_eq!(home.run(&[]).await.code, 0);
        rusqlite::Connection::open(home.path(name)).unwrap().execute_batch(loss).unwrap();
    }
    let left = ["damaged.db", "notes.db", "foreign.db"].map(|name| (name, fs::read(home.path(name)).unwrap()));
    for (name, expected) in [
        ("folder", "is a directory"),
        ("damaged.db", "can't be opened"),
        ("notes.db", "file is not a database"),
        ("foreign.db", "is no ledger of plex-mcp"),
        ("hollow.db", "can't be opened"),
        ("torn.db", "can't be opened"),
        ("notes.db/ledger.db", "can't be used"),
        ("exports/ledger.json", "lies in the exports directory"),
    ] {
        home.set("PLEX_LEDGER", home.path(name).to_str().unwrap());
        for arguments in [&[][..], &["call", "get_libraries"]] {
            let Finished { code, stdout, stderr } = home.run(arguments).await;
            assert_eq!((code, stdout.as_str()), (1, ""), "{name}: {stderr}");
            assert!(stderr.starts_with("plex-mcp: ") && stderr.lines().count() == 1, "{stderr}");
            for part in [home.path(name).to_str().unwrap(), expected] {
                assert!(stderr.contains(part), "{part} is missing in: {stderr}");
                assert_eq!(stderr.matches(part).count(), 1, "said twice: {stderr}");
            }
            assert!(stderr.contains("PLEX_LEDGER") || name.starts_with("exports"), "{stderr}");
        }
    }
    for (name, bytes) in left {
        assert_eq!(fs::read(home.path(name)).unwrap(), bytes, "{name} was touched");
    }

    // Root may write to it all the same.
    let locked = home.path("locked.db");
    home.set("PLEX_LEDGER", locked.to_str().unwrap());
    assert_eq!(home.run(&[]).await.code, 0);
    let mut permissions = fs::metadata(&locked).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&locked, permissions).unwrap();
    if fs::OpenOptions::new().write(true).open(&locked).is_err() {
        let Finished { code, stderr, .. } = home.run(&[]).await;
        assert_eq!((code, stderr.lines().count()), (1, 1), "{stderr}");
        for part in ["locked.db", "readonly", "PLEX_LEDGER"] {
            assert!(stderr.contains(part), "{stderr}");
        }
    }
}

#[tokio::test]
async fn a_ledger_in_a_folder_that_is_missing_is_made_for_its_owner_alone() {
    let (_plex, mut home) = home(movies(3)).await;
    home.set("PLEX_LEDGER", home.path("a/b/ledger.db").to_str().unwrap());
    let client = home.connect().await;
    client.call("get_libraries", json!({})).await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a"), mode("a/b")), (0o700, 0o700));
        for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.key"] {
            assert_eq!(mode(&format!("a/b/{name}")), 0o600, "{name}");
        }
    }
    client.close().await;
    assert!(fs::read(home.path("a/b/ledger.db")).unwrap().starts_with(b"SQLite format 3\0"));
}

/// Every tool that works is refused within two seconds and a little, for what the ledger can't take, and nothing happens.
async fn nothing_happens(home: &Home, client: &support::Client, requests: impl Fn() -> u64) {
    let before = requests();
    for (tool, arguments) in [("get_libraries", json!({})), ("export_library", json!({"libraryKey": "1"}))] {
        let asked = Instant::now();
        let result = client.try_call(tool, arguments).await.unwrap();
        assert!(asked.elapsed() < Duration::from_millis(2_500), "{tool}: {:?}", asked.elapsed());
        assert_eq!(result.is_error, Some(true), "{tool}");
        let text = text(&result);
        assert!(text.starts_with("[POLICY DENIED] the call could not be recorded"), "{tool}: {text}");
        let refused = result.structured_content.unwrap();
        assert_eq!((&refused["code"], &refused["rule"]), (&json!("ledger_unavailable"), &Value::Null), "{tool}");
    }
    assert_eq!(requests(), before, "something was sent");
    assert!(home.files().is_empty(), "{:?}", home.files());
}

/// With a limit, changes are looked up before anything is sent.
const LIMITED: &str = "version = \"1\"\ndefault = \"allow\"\n[all_tools]\n\
    limits = [{ counter = \"all\", window = \"minute\", max = 100 }]\n";

#[cfg(unix)]
#[tokio::test]
async fn calls_are_refused_while_the_ledger_is_away() {
    let (plex, mut home) = home(movies(3)).await;
    home.policy(LIMITED);
    fs::create_dir(home.path("state")).unwrap();
    home.set("PLEX_LEDGER", home.path("state/ledger.db").to_str().unwrap());
    let client = home.connect().await;
    client.call("get_libraries", json!({})).await;
    fs::rename(home.path("state"), home.path("moved")).unwrap();
    nothing_happens(&home, &client, || plex.request_count()).await;
    fs::create_dir(home.path("state")).unwrap();
    nothing_happens(&home, &client, || plex.request_count()).await;
    fs::copy(home.path("moved/ledger.db"), home.path("state/ledger.db")).unwrap();
    nothing_happens(&home, &client, || plex.request_count()).await;
    fs::remove_dir_all(home.path("state")).unwrap();
    fs::rename(home.path("moved"), home.path("state")).unwrap();
    client.call("get_libraries", json!({})).await;
    client.close().await;
}

#[tokio::test]
async fn calls_are_refused_while_another_program_holds_the_ledger() {
    let (plex, home) = home(movies(3)).await;
    home.policy(LIMITED);
    let client = home.connect().await;
    client.call("get_libraries", json!({})).await;
    let other = rusqlite::Connection::open(home.path("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = plex.request_count();
    let asked = Instant::now();
    let (text, refused) = client.fail("get_libraries", json!({})).await;
    assert!(asked.elapsed() < Duration::from_millis(2_500), "{:?}", asked.elapsed());
    assert_eq!(refused["code"], "ledger_unavailable", "{text}");
    assert_eq!(plex.request_count(), before);
    // A change looks up what it is about before it is recorded, and goes no further.
    let (text, refused) = client.fail("export_library", json!({"libraryKey": "1"})).await;
    assert_eq!(refused["code"], "ledger_unavailable", "{text}");
    assert!(!home.exports().exists(), "{:?}", home.files());
    other.execute_batch("ROLLBACK").unwrap();
    client.call("get_libraries", json!({})).await;
    client.close().await;
}
