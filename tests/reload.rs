//! A running server follows its policy's file: within a second, whole or not at all, and never back to more than it says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{Deviations, Options, SampleLibrary, SamplePlex};
use plex_mcp::guard::{Decision, Row};
use serde_json::{Value, json};
use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    time::{Duration, Instant},
};
use support::{Client, Home, OPEN, Raw, home};

const DENY: &str = "version = \"1\"\ndefault = \"deny\"\n";
const READS: &str = "version = \"1\"\n[kinds.read]\naction = \"allow\"\n";

async fn small() -> (SamplePlex, Home) {
    home(Options { library: SampleLibrary { movies: 3, ..SampleLibrary::default() }, ..Options::default() }).await
}

/// A way to save a policy.
type Save = fn(&Home, &str);

/// Saves as careful editors do: another file gets the name.
fn rename(home: &Home, text: &str) {
    let path = home.path("policy.toml.new");
    fs::write(&path, text).unwrap();
    fs::rename(path, home.path("policy.toml")).unwrap();
}

/// Writes over what is there.
fn in_place(home: &Home, text: &str) {
    let mut file = OpenOptions::new().write(true).open(home.path("policy.toml")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_len(text.len() as u64).unwrap();
}

/// Empties the file, and writes it in pieces a little later.
fn truncate_and_write(home: &Home, text: &str) {
    let mut file = OpenOptions::new().write(true).truncate(true).open(home.path("policy.toml")).unwrap();
    for piece in text.as_bytes().chunks(text.len() / 3 + 1) {
        std::thread::sleep(Duration::from_millis(100));
        file.write_all(piece).unwrap();
        file.flush().unwrap();
    }
}

async fn code(client: &Client, tool: &str, arguments: Value) -> Option<String> {
    let result = client.try_call(tool, arguments).await.unwrap();
    if result.is_error != Some(true) {
        return None;
    }
    Some(result.structured_content.unwrap()["code"].as_str().unwrap().to_owned())
}

/// Waits until listing libraries ends with that code, or none; says how long it took.
async fn until(client: &Client, expected: Option<&str>) -> Duration {
    let begun = Instant::now();
    while code(client, "get_libraries", json!({})).await.as_deref() != expected {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never came to {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

/// The rows that tell of the policy itself.
fn told(rows: &[Row]) -> Vec<(Decision, &str)> {
    rows.iter().filter(|row| row.tool == "policy").map(|row| (row.decision, row.note.as_deref().unwrap())).collect()
}

#[tokio::test]
async fn a_changed_file_rules_within_a_second_however_it_is_saved() {
    let (_plex, home) = small().await;
    let client = home.connect().await;
    client.call("get_libraries", json!({})).await;
    let saves: [(&str, Save); 3] =
        [("rename", rename), ("in place", in_place), ("truncate and write", truncate_and_write)];
    let mut times = Vec::new();
    for (how, save) in saves {
        for (text, expected) in [(DENY, Some("default_deny")), (OPEN, None)] {
            save(&home, text);
            let took = until(&client, expected).await;
            times.push((how, took));
        }
    }
    client.close().await;
    // A machine that is busy with other tests may be late once; one second is the promise.
    let late = times.iter().filter(|(_, took)| *took > Duration::from_secs(1)).count();
    assert!(late <= 1, "{times:?}");
    let rows = home.rows().await;
    let told = told(&rows);
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(told.iter().all(|(decision, note)| *decision == Decision::Allow && note.contains(" in place of ")));
    // Each row names the policy that judged it.
    let hashes = |wanted: fn(&&Row) -> bool| -> Vec<String> {
        let rows = rows.iter().filter(|row| row.tool == "get_libraries").filter(wanted);
        let mut hashes: Vec<String> = rows.map(|row| row.policy.clone()).collect();
        hashes.dedup();
        hashes.sort();
        hashes.dedup();
        hashes
    };
    let (allowed, denied) =
        (hashes(|row| row.decision == Decision::Allow), hashes(|row| row.decision == Decision::Deny));
    assert_eq!((allowed.len(), denied.len()), (1, 1));
    assert_ne!(allowed, denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_policy_is_never_taken_for_the_whole() {
    let (_plex, home) = small().await;
    // Its first half is a policy too, one that allows what the second half refuses.
    let (first, second) = (OPEN, "[tools.get_libraries]\naction = \"deny\"\n");
    home.policy(&format!("{first}{second}"));
    let client = home.connect().await;
    let path = home.path("policy.toml");
    let writer = tokio::task::spawn_blocking(move || {
        for round in 0..12 {
            let mut file = OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
            for piece in [first, "# ", &round.to_string(), "\n", second] {
                std::thread::sleep(Duration::from_millis(60));
                file.write_all(piece.as_bytes()).unwrap();
            }
        }
    });
    while !writer.is_finished() {
        assert_eq!(code(&client, "get_libraries", json!({})).await.as_deref(), Some("denied"));
    }
    writer.await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(code(&client, "get_libraries", json!({})).await.as_deref(), Some("denied"));
    client.close().await;
    let rows = home.rows().await;
    let told = told(&rows);
    assert_eq!(told.len(), 1, "only the last one stood still: {told:?}");
}

/// Whoever pauses in the middle has the file open still, which Linux tells.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn half_a_policy_that_stands_still_is_not_taken_while_it_is_open_for_writing() {
    let (_plex, home) = small().await;
    let (first, second) = (OPEN, "[tools.get_libraries]\naction = \"deny\"\n");
    home.policy(&format!("{first}{second}"));
    let client = home.connect().await;
    let mut file = OpenOptions::new().write(true).truncate(true).open(home.path("policy.toml")).unwrap();
    file.write_all(first.as_bytes()).unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1_500) {
        assert_eq!(code(&client, "get_libraries", json!({})).await.as_deref(), Some("denied"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    file.write_all(format!("# all of it\n{second}").as_bytes()).unwrap();
    drop(file);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(code(&client, "get_libraries", json!({})).await.as_deref(), Some("denied"));
    client.close().await;
    let rows = home.rows().await;
    assert_eq!(told(&rows).len(), 1, "{:?}", told(&rows));
}

#[tokio::test]
async fn what_is_not_valid_is_told_and_the_old_policy_stays() {
    let (_plex, home) = small().await;
    home.policy(READS);
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let broken =
        ["", "version = \"1\"\n[tools.get_libary]\naction = \"allow\"\n", "version = \"2\"\ndefault = \"allow\"\n"];
    for text in broken {
        home.policy(text);
        tokio::time::sleep(Duration::from_millis(900)).await;
        let answer = raw.call("get_libraries", json!({})).await;
        assert_eq!(answer["result"]["isError"], false, "{text}: {answer}");
        let refused = raw.call("export_library", json!({"libraryKey": "1"})).await;
        assert_eq!(refused["result"]["structuredContent"]["code"], "default_deny", "{text}: {refused}");
    }
    home.policy(READS);
    tokio::time::sleep(Duration::from_millis(900)).await;
    let (_, log) = raw.close().await;
    let rows = home.rows().await;
    let told = told(&rows);
    assert_eq!(told.len(), 4, "{told:?}");
    for (part, (decision, note)) in ["version", "there is no tool `get_libary`", "must be \"1\""].iter().zip(&told) {
        assert_eq!(*decision, Decision::Invalid);
        assert!(note.contains(part), "{part}: {note}");
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(told[3].1.ends_with("is in its place again"), "{told:?}");
}

#[tokio::test]
async fn while_the_file_is_gone_reads_go_on_and_changes_are_refused() {
    let (plex, home) = small().await;
    let client = home.connect().await;
    let export = || json!({"libraryKey": "1"});
    client.call("export_library", export()).await;
    fs::rename(home.path("policy.toml"), home.path("aside")).unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    client.call("get_libraries", json!({})).await;
    let requests = plex.request_count();
    let (text, refused) = client.fail("export_library", export()).await;
    assert_eq!((&refused["code"], &refused["rule"]), (&json!("denied"), &json!("")), "{text}");
    assert!(text.contains("is gone"), "{text}");
    assert_eq!((plex.request_count(), home.files().len()), (requests, 1));
    let listed = client.service.list_all_tools().await.unwrap();
    assert!(listed.iter().any(|tool| tool.name == "export_library"), "it answers why, so it is still listed");

    // Something that is no policy does not count as being back.
    home.policy("");
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(code(&client, "export_library", export()).await.as_deref(), Some("denied"));
    fs::rename(home.path("aside"), home.path("policy.toml")).unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    client.call("export_library", export()).await;
    client.close().await;
    let rows = home.rows().await;
    let told = told(&rows);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].1.contains("is gone, and changes are refused"), "{told:?}");
}

fn limited(max: u64, more: &str) -> String {
    format!("{OPEN}[tools.get_libraries]\nlimits = [{{ counter = \"lists\", window = \"hour\", max = {max} }}]\n{more}")
}

#[tokio::test]
async fn what_limits_have_counted_outlives_a_reload_and_a_lower_one_holds_at_once() {
    let (_plex, home) = small().await;
    home.policy(&limited(3, ""));
    let client = home.connect().await;
    for _ in 0..3 {
        client.call("get_libraries", json!({})).await;
    }
    assert_eq!(code(&client, "get_libraries", json!({})).await.as_deref(), Some("limit"));
    rename(&home, &limited(3, "# the same limit in another text\n"));
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(code(&client, "get_libraries", json!({})).await.as_deref(), Some("limit"), "it began anew");
    rename(&home, &limited(5, ""));
    until(&client, None).await;
    client.call("get_libraries", json!({})).await;
    assert_eq!(
        code(&client, "get_libraries", json!({})).await.as_deref(),
        Some("limit"),
        "five calls, not two and five"
    );
    rename(&home, &limited(7, ""));
    until(&client, None).await;
    rename(&home, &limited(4, ""));
    until(&client, Some("limit")).await;
    client.close().await;
    let allowed = |row: &&Row| row.tool == "get_libraries" && row.decision == Decision::Allow;
    assert!(home.rows().await.iter().filter(allowed).count() <= 7);
}

#[tokio::test]
async fn gates_in_memory_go_on_where_their_numbers_stay_the_same() {
    let (_plex, home) = small().await;
    let gate = |max: u64, more: &str| {
        format!("{OPEN}[all_tools]\nattempts = {{ window = \"day\", max = {max}, burst = 2 }}\n{more}")
    };
    let burst = |counter: &str| {
        let limit = format!("counter = \"{counter}\", window = \"hour\", max = 2, burst = 1");
        format!("[tools.search_media]\nlimits = [{{ {limit} }}]\n")
    };
    home.policy(&gate(2, ""));
    let client = home.connect().await;
    client.call("get_libraries", json!({})).await;
    client.call("get_libraries", json!({})).await;
    assert_eq!(code(&client, "get_libraries", json!({})).await.as_deref(), Some("attempts"));
    rename(&home, &gate(2, "# changed\n"));
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(code(&client, "get_libraries", json!({})).await.as_deref(), Some("attempts"), "the gate began anew");
    rename(&home, &gate(3, ""));
    until(&client, None).await;

    rename(&home, &format!("{OPEN}{}", burst("a")));
    tokio::time::sleep(Duration::from_millis(900)).await;
    client.call("search_media", json!({"query": "the"})).await;
    rename(&home, &format!("{OPEN}{}# changed\n", burst("a")));
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(
        code(&client, "search_media", json!({"query": "the"})).await.as_deref(),
        Some("limit"),
        "a second burst"
    );
    rename(&home, &format!("{OPEN}{}", burst("b")));
    tokio::time::sleep(Duration::from_millis(900)).await;
    client.call("search_media", json!({"query": "the"})).await;
    client.close().await;
}

#[tokio::test]
async fn a_call_is_judged_by_one_policy_from_start_to_end() {
    let library = SampleLibrary { movies: 2_000, ..SampleLibrary::default() };
    let deviations =
        Deviations { delay: Some(Duration::from_millis(150)), page_cap: Some(100), ..Deviations::default() };
    let (_plex, home) = home(Options { library, deviations, ..Options::default() }).await;
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let export = json!({"name": "export_library", "arguments": {"libraryKey": "1", "outputPath": "long.json"}});
    let id = raw.begin("tools/call", export.clone()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    rename(&home, DENY);
    tokio::time::sleep(Duration::from_millis(900)).await;
    let second = raw.request("tools/call", export).await;
    assert_eq!(second["result"]["structuredContent"]["code"], "default_deny", "{second}");
    assert!(home.exported_yet("long.json").is_none(), "the first one is still at it");
    let first = raw.answer(id).await;
    assert_eq!(first["result"]["isError"], false, "{first}");
    raw.close().await;
    assert_eq!(home.files(), ["long.json"]);
}

/// Reads lines until one is that notification, or for half a second.
async fn notified(raw: &mut Raw, method: &str) -> Option<Value> {
    loop {
        let line = tokio::time::timeout(Duration::from_millis(1_500), raw.line()).await.ok()??;
        if line["method"] == method {
            return Some(line);
        }
    }
}

#[tokio::test]
async fn clients_of_either_protocol_hear_when_other_tools_are_listed() {
    const CHANGED: &str = "notifications/tools/list_changed";
    let hiding = format!("{OPEN}hide = [\"get_libraries\"]\n");
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "raw test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for modern in [false, true] {
        let (_plex, home) = small().await;
        let mut raw = home.raw();
        if modern {
            let answer = raw.request("server/discover", json!({"_meta": meta})).await;
            assert_eq!(answer["result"]["capabilities"]["tools"]["listChanged"], true, "{answer}");
            let wants = json!({"_meta": meta, "notifications": {"toolsListChanged": true}});
            raw.begin("subscriptions/listen", wants).await;
            assert!(notified(&mut raw, "notifications/subscriptions/acknowledged").await.is_some());
        } else {
            let answer = raw.initialize("2025-11-25").await;
            assert_eq!(answer["result"]["capabilities"]["tools"]["listChanged"], true, "{answer}");
            raw.call("get_libraries", json!({})).await;
        }
        // Another rule, but the same tools: nothing to tell.
        rename(&home, READS);
        assert_eq!(notified(&mut raw, CHANGED).await, None, "modern: {modern}");
        for (text, listed) in [(hiding.as_str(), false), (OPEN, true)] {
            rename(&home, text);
            let told = notified(&mut raw, CHANGED).await;
            assert!(told.is_some(), "modern: {modern}, listed: {listed}");
            let params = if modern { json!({"_meta": meta}) } else { json!({}) };
            let tools = raw.request("tools/list", params).await;
            let found = tools["result"]["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "get_libraries");
            assert_eq!(found, listed);
        }
        raw.close().await;
    }
}

#[tokio::test]
async fn a_policy_of_ones_own_that_appears_later_takes_the_place_of_what_was_found() {
    let (_plex, home) = small().await;
    let own = home.path(".config/plex-mcp/policy.toml");
    let start = || {
        let mut command = home.command();
        command.env_remove("PLEX_POLICY");
        Client::of(command)
    };
    // What lies in the working directory rules where there is nothing better.
    home.policy(DENY);
    let client = start().await;
    assert_eq!(code(&client, "get_libraries", json!({})).await.as_deref(), Some("default_deny"));
    fs::create_dir_all(own.parent().unwrap()).unwrap();
    fs::write(&own, READS).unwrap();
    until(&client, None).await;
    // And it does not come back when the better one goes.
    fs::remove_file(&own).unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    client.call("get_libraries", json!({})).await;
    assert_eq!(code(&client, "export_library", json!({"libraryKey": "1"})).await.as_deref(), Some("default_deny"));
    client.close().await;

    // A file that is laid into the working directory of a running server is not taken.
    fs::remove_file(home.path("policy.toml")).unwrap();
    let client = start().await;
    client.call("get_libraries", json!({})).await;
    home.policy(DENY);
    tokio::time::sleep(Duration::from_millis(900)).await;
    client.call("get_libraries", json!({})).await;
    client.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_may_write_is_no_policy() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |home: &Home, bits| {
        fs::set_permissions(home.path("policy.toml"), fs::Permissions::from_mode(bits)).unwrap();
    };
    let (_plex, home) = small().await;
    mode(&home, 0o666);
    for arguments in [&[][..], &["tools"], &["policy", "check"]] {
        let finished = home.run(arguments).await;
        assert_eq!((finished.code, finished.stdout.as_str()), (1, ""), "{arguments:?} {finished:?}");
        let expected = format!("`chmod go-w {}` mends that", home.path("policy.toml").display());
        assert!(finished.stderr.contains(&expected), "{}", finished.stderr);
    }
    mode(&home, 0o644);
    let client = home.connect().await;
    client.call("get_libraries", json!({})).await;
    in_place(&home, DENY);
    mode(&home, 0o646);
    tokio::time::sleep(Duration::from_millis(900)).await;
    client.call("get_libraries", json!({})).await;
    mode(&home, 0o644);
    until(&client, Some("default_deny")).await;
    client.close().await;
    let rows = home.rows().await;
    assert!(told(&rows)[0].1.contains("can be written to by everyone"), "{rows:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_ledger_or_key_that_others_may_touch_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_plex, home) = small().await;
    let client = home.connect().await;
    client.call("get_libraries", json!({})).await;
    client.close().await;
    for (file, bits, part) in [
        ("ledger.db", 0o666, "can be written to by everyone"),
        ("ledger.db.head", 0o602, "can be written to by everyone"),
        ("ledger.db.key", 0o640, "can be read by its group"),
        ("ledger.db.key", 0o604, "can be read by everyone"),
    ] {
        let before = fs::metadata(home.path(file)).unwrap().permissions();
        assert_eq!(before.mode() & 0o777, 0o600, "{file} is made for its owner alone");
        fs::set_permissions(home.path(file), fs::Permissions::from_mode(bits)).unwrap();
        let finished = home.run(&[]).await;
        assert_eq!(finished.code, 1, "{file}: {finished:?}");
        assert!(finished.stderr.contains(part) && finished.stderr.contains("`chmod "), "{file}: {}", finished.stderr);
        fs::set_permissions(home.path(file), before).unwrap();
    }
    assert_eq!(home.run(&[]).await.code, 0);
}
