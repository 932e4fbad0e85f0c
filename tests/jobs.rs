//! Exports that take longer than clients wait: they go on, are found again, stop when they are given up, and leave a row of the
//! ledger that says how they really ended. Exports of the command line that were cut go on where they stopped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::{
    demo::{Deviations, Options, SampleLibrary, SamplePlex},
    guard::{Decision, Outcome},
};
use serde_json::{Value, json};
use std::{fs, time::Duration};
use support::{Home, Raw, home};

/// A server that takes its time: this many films, a hundred a page.
async fn slow(movies: u64, pause: u64) -> (SamplePlex, Home) {
    let deviations =
        Deviations { delay: Some(Duration::from_millis(pause)), page_cap: Some(100), ..Deviations::default() };
    home(Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, deviations, ..Options::default() })
        .await
}

fn films(wait: u64) -> Value {
    json!({"libraryKey": "1", "outputPath": "films.json", "waitSeconds": wait})
}

/// The rows of exports, once there are so many and each has ended.
async fn ended_rows(home: &Home, count: usize) -> Vec<plex_mcp::guard::Row> {
    for _ in 0..400 {
        let rows: Vec<_> = home.rows().await.into_iter().filter(|row| row.tool == "export_library").collect();
        if rows.len() == count && rows.iter().all(|row| row.duration_ms.is_some() || row.decision != Decision::Allow) {
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:#?}", home.rows().await);
}

#[tokio::test]
async fn a_long_export_answers_running_and_the_same_call_gets_its_result() {
    let (plex, home) = slow(3_000, 200).await;
    let client = home.connect().await;
    let first = client.call("export_library", films(0)).await;
    assert_eq!((&first["status"], &first["exported"]), (&json!("running"), &json!(false)), "{first}");
    assert_eq!(first["totalSize"], 3_000);
    assert!(first["next"].as_str().unwrap().contains("same arguments"));
    // The row is there, and not yet settled.
    let row = home.rows().await.into_iter().find(|row| row.tool == "export_library").unwrap();
    assert_eq!((row.outcome, row.duration_ms), (Some(Outcome::Unknown), None), "{row:?}");
    let second = client.call("export_library", films(1)).await;
    assert_eq!(second["status"], "running", "{second}");
    assert!(second["totalExported"].as_u64() > first["totalExported"].as_u64(), "{second}");
    // Another export to the same name is not another job.
    let other = json!({"libraryKey": "1", "outputPath": "films.json", "detail": "summary"});
    let (text, error) = client.fail("export_library", other).await;
    assert_eq!(error["code"], "busy", "{text}");
    let last = client.call("export_library", films(30)).await;
    assert_eq!((&last["status"], &last["totalExported"]), (&json!("finished"), &json!(3_000)), "{last}");
    assert_eq!(home.exported("films.json").len(), 3_000);
    assert!(plex.request_count() < 60, "the library was read once: {} requests", plex.request_count());
    // Its result was given once: the next call is a new one.
    let (_, error) = client.fail("export_library", films(0)).await;
    assert_eq!(error["code"], "already_exists");
    let rows = ended_rows(&home, 5).await;
    let written: Vec<_> = rows.iter().filter(|row| row.affected.bytes.is_some_and(|bytes| bytes > 100_000)).collect();
    assert_eq!(written.len(), 1, "one call wrote, the others waited: {rows:#?}");
    assert_eq!((written[0].outcome, written[0].affected.items), (Some(Outcome::Ok), Some(3_000)));
    client.close().await;
}

#[tokio::test]
async fn a_call_that_waits_for_a_job_takes_nothing_from_its_limits() {
    let (_plex, home) = slow(2_000, 50).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n[tools.export_library]\nlimits = [{ counter = \"exports\", window = \"hour\", max = 1 }]\n",
    );
    let client = home.connect().await;
    assert_eq!(client.call("export_library", films(0)).await["status"], "running");
    assert_eq!(client.call("export_library", films(0)).await["status"], "running");
    assert_eq!(client.call("export_library", films(30)).await["status"], "finished");
    let (text, error) = client.fail("export_library", json!({"libraryKey": "1"})).await;
    assert_eq!(error["code"], "limit", "{text}");
    client.close().await;
}

#[tokio::test]
async fn a_job_stops_when_its_caller_gives_it_up_and_when_the_client_leaves() {
    let (_plex, home) = slow(100_000, 50).await;
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    // Given up while it is waited for.
    let id = raw.begin("tools/call", json!({"name": "export_library", "arguments": films(60)})).await;
    wait_for_part(&home).await;
    raw.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}).to_string())
        .await;
    wait_until_clean(&home).await;
    // Answered, and left behind by a client that closes its end.
    let answer = raw.call("export_library", films(0)).await;
    assert_eq!(answer["result"]["structuredContent"]["status"], "running", "{answer}");
    assert_eq!(parts(&home).len(), 1);
    raw.close().await;
    assert!(home.files().is_empty(), "{:?}", home.files());
    let rows = ended_rows(&home, 2).await;
    assert!(rows.iter().all(|row| row.outcome != Some(Outcome::Ok)), "{rows:#?}");
}

#[tokio::test]
async fn an_answer_that_it_is_running_is_good_for_one_call_that_comes_back() {
    let (_plex, home) = slow(3_000, 100).await;
    let client = home.connect().await;
    assert_eq!(client.call("export_library", films(0)).await["status"], "running");
    let ends = tokio::join!(
        client.try_call("export_library", films(60)),
        client.try_call("export_library", films(60)),
        client.try_call("export_library", films(60))
    );
    let (first, second, third) = ends;
    let ends = [first, second, third].map(|end| end.unwrap().structured_content.unwrap());
    let count = |what: &str, of: &str| ends.iter().filter(|end| end[what] == of).count();
    assert_eq!((count("status", "finished"), count("code", "busy")), (1, 2), "{ends:#?}");
    client.close().await;
}

#[tokio::test]
async fn two_processes_and_one_name_make_one_file() {
    let (_plex, home) = slow(2_000, 200).await;
    let (one, other) = (home.connect().await, home.connect().await);
    let begun = one.call("export_library", films(0)).await;
    assert_eq!(begun["status"], "running");
    let (text, error) = other.fail("export_library", films(0)).await;
    assert_eq!(error["code"], "busy", "{text}");
    assert!(text.contains("another export to films.json is running"), "{text}");
    // In another case it would be the same file on some systems.
    let (_, error) = other.fail("export_library", json!({"libraryKey": "1", "outputPath": "Films.json"})).await;
    assert_eq!(error["code"], "busy");
    // Elsewhere there is room.
    let small = json!({"libraryKey": "5", "outputPath": "other.json"});
    assert_eq!(other.call("export_library", small).await["status"], "finished");
    assert_eq!(one.call("export_library", films(30)).await["totalExported"], 2_000);
    other.close().await;
    one.close().await;
    assert_eq!(home.files(), ["films.json", "other.json"], "no lock is left");
}

#[tokio::test]
async fn the_newest_clients_get_a_task_if_they_know_tasks() {
    let (_plex, home) = slow(1_500, 40).await;
    let meta = |tasks: bool| {
        let extensions = if tasks { json!({"io.modelcontextprotocol/tasks": {}}) } else { json!({}) };
        json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "task test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {"extensions": extensions},
        })
    };
    let call = |path: &str, tasks: bool| json!({"name": "export_library", "_meta": meta(tasks), "arguments": {"libraryKey": "1", "outputPath": path, "waitSeconds": 0}});
    let mut raw = home.raw();
    let plain = raw.request("tools/call", call("plain.json", false)).await;
    assert_eq!(plain["result"]["structuredContent"]["status"], "running", "{plain}");
    let begun = raw.request("tools/call", call("task.json", true)).await;
    assert_eq!(begun["result"]["resultType"], "task", "{begun}");
    let id = begun["result"]["taskId"].as_str().unwrap().to_owned();
    let ask = async |raw: &mut Raw, method: &str, id: &str| {
        raw.request(method, json!({"taskId": id, "_meta": meta(true)})).await
    };
    let mut seen = ask(&mut raw, "tasks/get", &id).await;
    assert_eq!(seen["result"]["status"], "working", "{seen}");
    for _ in 0..200 {
        seen = ask(&mut raw, "tasks/get", &id).await;
        if seen["result"]["status"] != "working" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(seen["result"]["status"], "completed", "{seen}");
    assert_eq!(seen["result"]["result"]["structuredContent"]["totalExported"], 1_500, "{seen}");
    assert_eq!(home.exported("task.json").len(), 1_500);
    // Another is stopped.
    let begun = raw.request("tools/call", call("stopped.json", true)).await;
    let id = begun["result"]["taskId"].as_str().unwrap().to_owned();
    wait_for_part(&home).await;
    let said = ask(&mut raw, "tasks/cancel", &id).await;
    assert!(said["error"].is_null(), "{said}");
    for _ in 0..200 {
        seen = ask(&mut raw, "tasks/get", &id).await;
        if seen["result"]["status"] != "working" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(seen["result"]["status"], "cancelled", "{seen}");
    assert!(!home.files().contains(&"stopped.json".to_owned()));
    let none = ask(&mut raw, "tasks/get", "00000000-0000-4000-8000-000000000000").await;
    assert!(none["error"].is_object(), "{none}");
    raw.close().await;
}

/// The unfinished files.
fn parts(home: &Home) -> Vec<String> {
    own_files(home, ".part")
}

/// What is kept of exports that were cut.
fn states(home: &Home) -> Vec<String> {
    own_files(home, ".state")
}

fn own_files(home: &Home, suffix: &str) -> Vec<String> {
    home.files().into_iter().filter(|name| name.ends_with(suffix)).collect()
}

async fn wait_for_part(home: &Home) {
    for _ in 0..400 {
        if !parts(home).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no export began");
}

async fn wait_until_clean(home: &Home) {
    for _ in 0..400 {
        if home.files().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{:?}", home.files());
}

/// Runs an export of the command line and kills it once it has kept how far it is.
async fn cut(home: &Home, arguments: &[&str]) {
    let mut child = home
        .command()
        .args(arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..600 {
        if !states(home).is_empty() {
            child.kill().await.unwrap();
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be cut");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nothing was kept");
}

#[tokio::test]
async fn the_command_line_goes_on_with_an_export_that_was_cut() {
    let (plex, home) = slow(7_000, 60).await;
    for (detail, format) in [("full", "json"), ("full", "csv"), ("summary", "ndjson"), ("deep", "json")] {
        let (whole, name) = (format!("whole.{format}"), format!("cut.{format}"));
        let export = |name: &str| -> Vec<String> {
            ["export", "1", "--detail", detail, "--output", name, "--overwrite"].map(str::to_owned).to_vec()
        };
        let run = export(&whole);
        let before = plex.request_count();
        assert_eq!(home.run(&run.iter().map(String::as_str).collect::<Vec<_>>()).await.code, 0);
        let requests = plex.request_count() - before;
        let run = export(&name);
        let run: Vec<_> = run.iter().map(String::as_str).collect();
        cut(&home, &run).await;
        assert!(!home.files().contains(&name));
        // A server that starts in between leaves alone what can be gone on with.
        let client = home.connect().await;
        client.call("get_libraries", json!({})).await;
        client.close().await;
        assert_eq!(parts(&home).len(), 1, "{:?}", home.files());
        let before = plex.request_count();
        let ended = home.run(&run).await;
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stdout.contains("of them from an earlier run"), "{}", ended.stdout);
        assert!(plex.request_count() - before < requests, "{detail}: it read all pages again");
        assert_eq!(
            fs::read(home.exports().join(&name)).unwrap(),
            fs::read(home.exports().join(&whole)).unwrap(),
            "{detail}, {format}: the same file"
        );
        assert_eq!(home.files(), [name.as_str(), whole.as_str()], "nothing is left");
        let verified = home.run(&["exports", "verify"]).await;
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        for name in [&name, &whole] {
            fs::remove_file(home.exports().join(name)).unwrap();
        }
        home.run(&["exports", "prune", "--keep", "0"]).await;
    }
}

type Spoil = fn(&Home);

#[tokio::test]
async fn what_does_not_fit_any_more_is_not_gone_on_with() {
    let (_plex, home) = slow(7_000, 60).await;
    let run = ["export", "1", "--output", "films.json"];
    let whole = |home: &Home| -> Vec<Value> { home.exported("films.json") };
    // The rows were changed behind its back; the state was made up; it is of another library by now.
    let spoil: [(&str, Spoil); 3] = [
        ("changed rows", |home| {
            let part = home.exports().join(&parts(home)[0]);
            let mut bytes = fs::read(&part).unwrap();
            bytes[1_000] ^= 1;
            fs::write(part, bytes).unwrap();
        }),
        ("a broken state", |home| {
            let state = states(home).remove(0);
            fs::write(home.exports().join(state), "{\"version\":1}\nx").unwrap();
        }),
        ("a cut file", |home| {
            fs::OpenOptions::new()
                .write(true)
                .open(home.exports().join(&parts(home)[0]))
                .unwrap()
                .set_len(500)
                .unwrap();
        }),
    ];
    for (name, spoil) in spoil {
        cut(&home, &run).await;
        spoil(&home);
        let ended = home.run(&run).await;
        assert_eq!(ended.code, 0, "{name}: {}", ended.stderr);
        assert!(!ended.stdout.contains("earlier run"), "{name}: {}", ended.stdout);
        assert_eq!(whole(&home).len(), 7_000, "{name}");
        // What was of no use goes at the next start.
        assert_eq!(home.run(&["export", "5", "--output", "empty.json", "--overwrite"]).await.code, 0);
        assert_eq!(home.files(), ["empty.json", "films.json"], "{name}");
        fs::remove_file(home.exports().join("films.json")).unwrap();
    }
    // Other arguments are another export; and what is too old goes.
    cut(&home, &run).await;
    let other = home.run(&["export", "1", "--output", "films.json", "--detail", "summary"]).await;
    assert!(other.code == 0 && !other.stdout.contains("earlier run"), "{}", other.stdout);
    let state = states(&home).remove(0);
    let text = String::from_utf8_lossy(&fs::read(home.exports().join(&state)).unwrap()).into_owned();
    let at = text.find("\"at\":").unwrap() + 5;
    let digits = text[at..].find(|c: char| !c.is_ascii_digit()).unwrap();
    let mut bytes = fs::read(home.exports().join(&state)).unwrap();
    bytes[at..at + digits].copy_from_slice(b"1600000000");
    fs::write(home.exports().join(&state), bytes).unwrap();
    home.run(&["export", "5", "--output", "empty.json", "--overwrite"]).await;
    assert_eq!(home.files(), ["empty.json", "films.json"]);
}
