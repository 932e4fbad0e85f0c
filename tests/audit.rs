//! The audit trail, through the real binary: what was called is shown, and what was done to the ledger since is found.

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
use rusqlite::Connection;
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Stdio, time::Duration};
use support::{Finished, Home, TOKEN, home};
use tokio::io::{AsyncBufReadExt as _, BufReader};

const CANARY: &str = "canary-value-93";

fn movies(movies: u64) -> Options {
    Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, ..Options::default() }
}

/// A home whose ledger has seven rows: of each tool one, a refusal, a failure, and arguments that were not understood.
async fn used() -> Home {
    let (_plex, home) = home(movies(3)).await;
    home.policy("version = \"1\"\ndefault = \"allow\"\n[tools.get_media_details]\naction = \"deny\"\n");
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    raw.call("get_libraries", json!({})).await;
    raw.call("get_library_items", json!({"libraryKey": "1"})).await;
    raw.call("search_media", json!({"query": CANARY})).await;
    raw.call("get_media_details", json!({"ratingKey": CANARY})).await;
    raw.call("export_library", json!({"libraryKey": "1", "outputPath": format!("{CANARY}.json")})).await;
    raw.call("get_library_items", json!({"libraryKey": "987654"})).await;
    raw.call("get_library_items", json!({"libraryKey": "1", "nonsense": CANARY})).await;
    raw.close().await;
    home
}

async fn lines(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let Finished { code, stdout, stderr } = home.run(&[&["audit", "--json"], arguments].concat()).await;
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn seqs(lines: &[Value]) -> Vec<i64> {
    lines.iter().map(|line| line["seq"].as_i64().unwrap()).collect()
}

async fn verify(home: &Home) -> Finished {
    home.run(&["audit", "verify"]).await
}

async fn is_whole(home: &Home) -> String {
    let Finished { code, stdout, stderr } = verify(home).await;
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.contains("the ledger is whole"), "{stdout}");
    stdout
}

#[tokio::test]
async fn calls_are_shown_in_the_promised_form() {
    let home = used().await;
    let lines = lines(&home, &[]).await;
    assert_eq!(seqs(&lines), [1, 2, 3, 4, 5, 6, 7]);
    let keys = [
        "seq",
        "time",
        "callId",
        "grant",
        "session",
        "client",
        "tool",
        "kind",
        "policy",
        "decision",
        "rule",
        "args",
        "digest",
        "affected",
        "outcome",
        "durationMs",
    ];
    for line in &lines {
        assert_eq!(line.as_object().unwrap().keys().collect::<Vec<_>>(), keys);
        let affected = line["affected"].as_object().unwrap();
        assert_eq!(affected.keys().collect::<Vec<_>>(), ["library", "titles", "items", "bytes"]);
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{time}");
        assert_eq!(line["durationMs"].is_null(), line["outcome"] == "none", "{line}");
    }
    let ends: Vec<_> = lines.iter().map(|line| (&line["tool"], &line["decision"], &line["outcome"])).collect();
    let expected = [
        ("get_libraries", "allow", "ok"),
        ("get_library_items", "allow", "ok"),
        ("search_media", "allow", "ok"),
        ("get_media_details", "deny", "none"),
        ("export_library", "allow", "ok"),
        ("get_library_items", "allow", "failed"),
        ("get_library_items", "invalid", "none"),
    ]
    .map(|(tool, decision, outcome)| (json!(tool), json!(decision), json!(outcome)));
    assert_eq!(ends, expected.iter().map(|(a, b, c)| (a, b, c)).collect::<Vec<_>>());
    assert_eq!(
        (&lines[3]["rule"], &lines[4]["affected"]["items"]),
        (&json!("/tools/get_media_details/action"), &json!(3))
    );
    assert!(lines[4]["args"].as_array().unwrap().contains(&json!("outputPath")));

    let Finished { code, stdout, .. } = home.run(&["audit"]).await;
    let table: Vec<_> = stdout.lines().collect();
    assert_eq!((code, table.len()), (0, 8), "{stdout}");
    assert!(
        table[0].starts_with("TIME") && table[5].contains(" export_library ") && table[5].contains("Movies, 3 items")
    );
    assert!(table[4].contains("deny") && table[4].ends_with("/tools/get_media_details/action"), "{stdout}");
}

#[tokio::test]
async fn filters_let_through_what_they_say() {
    let home = used().await;
    home.run(&["call", "get_libraries", "--grant", "kitchen"]).await;
    for (arguments, expected) in [
        (&["--tool", "get_library_items"][..], &[2, 6, 7][..]),
        (&["--decision", "invalid"], &[7]),
        (&["--decision", "allow", "--tool", "get_library_items"], &[2, 6]),
        (&["--grant", "kitchen"], &[8]),
        (&["--grant", "default", "--limit", "2"], &[6, 7]),
        (&["--limit", "3"], &[6, 7, 8]),
        (&["--limit", "0"], &[]),
        (&["--since", "24h"], &[1, 2, 3, 4, 5, 6, 7, 8]),
        (&["--since", "2001-02-03"], &[1, 2, 3, 4, 5, 6, 7, 8]),
        (&["--since", "2201-02-03T04:05:06Z"], &[]),
        (&["--tool", "nothing"], &[]),
    ] {
        assert_eq!(seqs(&lines(&home, arguments).await), expected, "{arguments:?}");
    }
    for wrong in [&["--since", "yesterday"][..], &["--decision", "maybe"], &["--limit", "-1"]] {
        let Finished { code, stdout, .. } = home.run(&[&["audit"], wrong].concat()).await;
        assert_eq!((code, stdout.as_str()), (2, ""), "{wrong:?}");
    }
}

#[tokio::test]
async fn days_are_counted_by_tool() {
    let home = used().await;
    let Finished { stdout, .. } = home.run(&["audit", "stats", "--json"]).await;
    let stats: Vec<Value> = serde_json::from_str(&stdout).unwrap();
    let of = |tool: &str| stats.iter().filter(|row| row["tool"] == tool).cloned().collect::<Vec<_>>();
    let sum = |tool: &str, key: &str| of(tool).iter().map(|row| row[key].as_u64().unwrap()).sum::<u64>();
    let counts = |tool: &str| ["calls", "refused", "failed"].map(|key| sum(tool, key));
    assert_eq!(counts("get_library_items"), [3, 1, 1]);
    assert_eq!(counts("get_media_details"), [1, 1, 0]);
    assert_eq!((counts("export_library"), sum("export_library", "items")), ([1, 0, 0], 3));
    let size = fs::metadata(home.exports().join(format!("{CANARY}.json"))).unwrap().len();
    assert_eq!(sum("export_library", "bytes"), size);
    let Finished { stdout, .. } = home.run(&["audit", "stats"]).await;
    assert!(stdout.lines().count() >= 6 && stdout.contains("get_media_details "), "{stdout}");
    let Finished { stdout, .. } = home.run(&["audit", "stats", "--since", "2201-01-01", "--json"]).await;
    assert_eq!(stdout.trim(), "[]");
}

#[tokio::test]
async fn auditing_neither_makes_nor_changes_a_ledger() {
    let home = Home::at("http://127.0.0.1:9");
    for arguments in
        [&["audit"][..], &["audit", "verify"], &["audit", "stats"], &["audit", "prune", "--older-than", "99d"]]
    {
        let Finished { code, stdout, stderr } = home.run(arguments).await;
        assert_eq!((code, stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(stderr.contains("there is no ledger at ") && stderr.contains("ledger.db"), "{stderr}");
    }
    assert_eq!(fs::read_dir(home.dir.path()).unwrap().count(), 1, "only the policy is there");
    let home = used().await;
    let before = fs::read(home.path("ledger.db")).unwrap();
    for arguments in [&["audit"][..], &["audit", "verify"], &["audit", "stats"]] {
        assert_eq!(home.run(arguments).await.code, 0);
    }
    assert_eq!(fs::read(home.path("ledger.db")).unwrap(), before);
}

#[tokio::test]
async fn neither_values_nor_the_token_are_in_any_file_of_the_ledger() {
    let home = used().await;
    let files = fs::read_dir(home.dir.path()).unwrap().map(|file| file.unwrap().path());
    let is_ledger = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        // The list of exports has their names, which stand in the exports directory, too.
        name.starts_with("ledger") && name != "ledger.db.exports"
    };
    let ledger: Vec<_> = files.filter(is_ledger).collect();
    for name in ["ledger.db", "ledger.db.key", "ledger.db.head"] {
        assert!(ledger.contains(&home.path(name)), "{ledger:?}");
    }
    let bytes: Vec<u8> = ledger.iter().flat_map(|path| fs::read(path).unwrap()).collect();
    let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("outputPath"), "the search finds what is there");
    for secret in [CANARY, TOKEN, "987654"] {
        assert!(!holds(secret), "{secret}");
    }
    let Finished { stdout, .. } = home.run(&["audit", "--json"]).await;
    assert!(!stdout.contains(CANARY) && !stdout.contains(TOKEN), "{stdout}");
    #[cfg(unix)]
    for name in ["ledger.db.key", "ledger.db.head"] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_ledger_is_whole_after_use_by_two_processes_at_once() {
    let (_plex, home) = home(movies(3)).await;
    let (a, b) = (home.connect().await, home.connect().await);
    let many = |client: &support::Client, n: usize| {
        let service = client.service.peer().clone();
        tokio::spawn(async move {
            for _ in 0..n {
                service.call_tool(rmcp::model::CallToolRequestParams::new("get_libraries")).await.unwrap();
            }
        })
    };
    let tasks = [many(&a, 30), many(&b, 30), many(&a, 30), many(&b, 30)];
    is_whole(&home).await;
    for task in tasks {
        task.await.unwrap();
    }
    is_whole(&home).await;
    a.close().await;
    b.close().await;
    let whole = is_whole(&home).await;
    assert!(whole.contains("120 rows, 240 entries in the chain, 0 that never ended"), "{whole}");
}

#[tokio::test]
async fn a_process_killed_in_an_export_leaves_a_whole_ledger_that_says_so() {
    let deviations =
        Deviations { delay: Some(Duration::from_millis(100)), page_cap: Some(50), ..Deviations::default() };
    let (_plex, home) = home(Options { deviations, ..movies(100_000) }).await;
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    raw.call("get_libraries", json!({})).await;
    raw.begin("tools/call", json!({"name": "export_library", "arguments": {"libraryKey": "1"}})).await;
    while lines(&home, &[]).await.len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    raw.child.start_kill().unwrap();
    raw.child.wait().await.unwrap();
    let whole = is_whole(&home).await;
    assert!(whole.contains("began and never ended: row 2"), "{whole}");
    assert_eq!(home.run(&["call", "get_libraries"]).await.code, 0);
    let whole = is_whole(&home).await;
    assert!(whole.contains("3 rows, 5 entries in the chain, 1 that never ended"), "{whole}");
}

#[tokio::test]
async fn what_was_done_to_the_ledger_is_found_and_named() {
    let home = used().await;
    is_whole(&home).await;
    let names = ["ledger.db", "ledger.db.key", "ledger.db.head"];
    let saved = names.map(|name| (name, fs::read(home.path(name)).unwrap()));
    let copy = "CREATE TEMP TABLE copy AS SELECT * FROM calls WHERE seq = 2; UPDATE copy SET seq = 8; \
                INSERT INTO calls SELECT * FROM copy";
    let swap = "UPDATE calls SET seq = 99 WHERE seq = 2; UPDATE calls SET seq = 2 WHERE seq = 5; \
                UPDATE calls SET seq = 5 WHERE seq = 99";
    for (change, expected) in [
        ("UPDATE calls SET decision = 'allow' WHERE seq = 4", "altered: row 4\n"),
        ("UPDATE calls SET outcome = 'ok' WHERE seq = 6", "altered: row 6\n"),
        ("UPDATE calls SET client = NULL WHERE seq IN (1, 2)", "altered: rows 1-2\n"),
        ("DELETE FROM calls WHERE seq = 3", "removed: row 3\n"),
        ("DELETE FROM calls WHERE seq = 3; DELETE FROM chain WHERE seq = 3", "removed: row 3\n"),
        ("DELETE FROM calls WHERE seq > 5", "tail cut: rows 6-7 "),
        ("DELETE FROM calls WHERE seq > 5; DELETE FROM chain WHERE seq > 5", "tail cut: rows 6-7 "),
        (copy, "inserted: row 8\n"),
        (swap, "reordered: rows 2, 5\n"),
        ("file ledger.db.head", "head replaced"),
        ("no ledger.db.head", "head missing"),
        ("file ledger.db.key", "head replaced"),
        ("no ledger.db.key", "key missing"),
    ] {
        match change.split_once(' ').unwrap() {
            ("file", name) => fs::write(home.path(name), [b'x'; 32]).unwrap(),
            ("no", name) => fs::remove_file(home.path(name)).unwrap(),
            _ => Connection::open(home.path("ledger.db")).unwrap().execute_batch(change).unwrap(),
        }
        let Finished { code, stdout, stderr } = verify(&home).await;
        assert_eq!((code, stderr.trim()), (1, "plex-mcp: the ledger is not whole"), "{change}: {stdout}");
        assert!(stdout.contains(expected), "{change}: {stdout}");
        assert!(change.contains("ledger.db.key") || stdout.lines().count() == 1, "{change}: {stdout}");
        for side in ["ledger.db-wal", "ledger.db-shm"] {
            let _ = fs::remove_file(home.path(side));
        }
        for (name, bytes) in &saved {
            fs::write(home.path(name), bytes).unwrap();
        }
        is_whole(&home).await;
    }
}

#[tokio::test]
async fn a_server_does_not_start_without_the_key_and_finds_it_where_it_is_said_to_be() {
    let mut home = used().await;
    fs::create_dir(home.path("keys")).unwrap();
    fs::rename(home.path("ledger.db.key"), home.path("keys/ledger")).unwrap();
    let Finished { code, stderr, .. } = home.run(&["call", "get_libraries"]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("ledger.db.key is missing"), "{stderr}");
    home.set("PLEX_LEDGER_KEY_FILE", home.path("keys/ledger").to_str().unwrap());
    is_whole(&home).await;
    assert_eq!(home.run(&[]).await.code, 0);
    assert!(!home.path("ledger.db.key").exists());
}

#[tokio::test]
async fn a_flood_of_refusals_is_counted_and_shown_with_its_number() {
    let (_plex, home) = home(Options::default()).await;
    home.policy(
        "version = \"1\"\n[kinds.read]\naction = \"allow\"\n[tools.get_libraries]\n\
         limits = [{ counter = \"c\", window = \"day\", max = 0 }]\n[kinds.write]\naction = \"ask\"\n\
         [tools.search_media]\naction = \"deny\"\n",
    );
    let client = home.connect().await;
    let calls = [
        ("get_libraries", json!({}), "limit"),
        ("search_media", json!({"query": "the"}), "deny"),
        ("export_library", json!({"libraryKey": "1"}), "ask"),
        ("get_media_details", json!({"ratingKey": "x"}), "invalid"),
    ];
    for _ in 0..40 {
        for (tool, arguments, _) in &calls {
            client.fail(tool, arguments.clone()).await;
        }
    }
    let (text, _) = client.fail("search_media", json!({"query": "the"})).await;
    assert!(text.starts_with("[POLICY DENIED]"), "what is counted is refused as any other: {text}");
    client.close().await;
    let rows = lines(&home, &[]).await;
    for (tool, _, decision) in &calls {
        let rows: Vec<_> = rows.iter().filter(|row| row["tool"] == *tool).collect();
        let sum: u64 = rows.iter().map(|row| row["repeats"].as_u64().unwrap_or(1)).sum();
        assert_eq!(sum, 40 + u64::from(*tool == "search_media"), "{tool}: every call is counted");
        assert!(rows.len() < 12, "{tool}: {} rows", rows.len());
        assert!(rows.iter().all(|row| row["decision"] == *decision), "{tool}: {rows:?}");
        let times: Vec<u64> = rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
        assert!(times.is_sorted());
        let stats = home.run(&["audit", "stats", "--json"]).await.stdout;
        let stats: Vec<Value> = serde_json::from_str(&stats).unwrap();
        let refused: u64 =
            stats.iter().filter(|day| day["tool"] == *tool).map(|day| day["refused"].as_u64().unwrap()).sum();
        assert_eq!(refused, sum, "{tool}: {stats:?}");
    }
    let shown = home.run(&["audit", "--tool", "search_media"]).await.stdout;
    assert!(shown.contains(" times"), "{shown}");
    is_whole(&home).await;
}

#[tokio::test]
async fn a_refusal_by_what_the_call_is_about_says_what_that_was() {
    let (_plex, home) = home(Options::default()).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n[tools.export_library]\n\
         require = [{ path = \"item.library\", op = \"eq\", value = \"Nothing\" }]\n",
    );
    let client = home.connect().await;
    client.fail("export_library", json!({"libraryKey": "1"})).await;
    client.close().await;
    let rows = lines(&home, &[]).await;
    assert_eq!((&rows[0]["decision"], &rows[0]["affected"]["library"]), (&json!("deny"), &json!("Movies")), "{rows:?}");
    is_whole(&home).await;
}

#[tokio::test]
async fn a_server_deletes_what_is_older_than_the_policy_wants_kept() {
    let home = used().await;
    let age = "UPDATE calls SET time_ms = 1000 WHERE seq < 4";
    Connection::open(home.path("ledger.db")).unwrap().execute_batch(age).unwrap();
    let policy = |days: u32| format!("version = \"1\"\ndefault = \"allow\"\n[ledger]\nkeep_days = {days}\n");
    home.policy(&policy(30));
    let refused = home.run(&["policy", "check"]).await;
    assert!(refused.code == 1 && refused.stderr.contains("line 4, column 13: /ledger/keep_days"), "{refused:?}");
    home.policy("version = \"1\"\ndefault = \"allow\"\n");
    let client = home.connect().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    client.close().await;
    assert_eq!(seqs(&lines(&home, &[]).await), [1, 2, 3, 4, 5, 6, 7], "nothing is deleted unasked");
    home.policy(&policy(31));
    let client = home.connect().await;
    assert_eq!(lines(&home, &[]).await.len(), 7, "a start does not wait for it");
    tokio::time::sleep(Duration::from_secs(4)).await;
    client.close().await;
    assert_eq!(seqs(&lines(&home, &[]).await), [4, 5, 6, 7]);
    is_whole(&home).await;
}

#[tokio::test]
async fn a_pruned_ledger_is_whole_and_goes_on() {
    let home = used().await;
    let Finished { code, stderr, .. } = home.run(&["audit", "prune", "--older-than", "30d"]).await;
    assert_eq!(code, 2);
    assert!(stderr.contains("31 days"), "{stderr}");
    let Finished { stdout, .. } = home.run(&["audit", "prune", "--older-than", "400d"]).await;
    assert_eq!(stdout, "0 rows deleted\n");
    // As old rows look: a server wrote them long ago.
    Connection::open(home.path("ledger.db"))
        .unwrap()
        .execute_batch("UPDATE calls SET time_ms = 1000 WHERE seq < 4")
        .unwrap();
    let Finished { stdout, .. } = home.run(&["audit", "prune", "--older-than", "400d"]).await;
    assert_eq!(stdout, "3 rows deleted\n");
    assert_eq!(seqs(&lines(&home, &[]).await), [4, 5, 6, 7]);
    is_whole(&home).await;
    assert_eq!(home.run(&["audit", "prune", "--older-than", "99d"]).await.stdout, "0 rows deleted\n");
    home.run(&["call", "get_libraries"]).await;
    assert_eq!(seqs(&lines(&home, &[]).await), [4, 5, 6, 7, 8]);
    is_whole(&home).await;
    Connection::open(home.path("ledger.db"))
        .unwrap()
        .execute_batch("DELETE FROM calls WHERE seq = 4; DELETE FROM chain WHERE seq = 4")
        .unwrap();
    assert!(verify(&home).await.stdout.contains("removed: row 4\n"));
}

#[tokio::test]
async fn a_followed_ledger_shows_what_comes_and_what_ends_until_its_reader_goes() {
    let deviations = Deviations { delay: Some(Duration::from_millis(600)), ..Deviations::default() };
    let (_plex, home) = home(Options { deviations, ..movies(3) }).await;
    assert_eq!(home.run(&["call", "get_libraries"]).await.code, 0);
    let mut child = home.command().args(["audit", "--follow", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || -> Value {
        let line = tokio::time::timeout(Duration::from_secs(10), out.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    };
    assert_eq!(next().await["seq"], 1);
    let (call, (begun, ended)) =
        tokio::join!(home.run(&["call", "get_libraries"]), async { (next().await, next().await) });
    assert_eq!(call.code, 0);
    assert_eq!((&begun["seq"], &begun["outcome"], &begun["durationMs"]), (&json!(2), &json!("unknown"), &Value::Null));
    assert_eq!((&ended["seq"], &ended["outcome"]), (&json!(2), &json!("ok")));
    drop(out);
    let status =
        tokio::time::timeout(Duration::from_secs(10), child.wait()).await.expect("it ends with its reader").unwrap();
    assert!(status.success(), "{status}");
}
