//! MCP over stdio: every protocol version, plain schemas, progress, cancellation, and nothing but protocol on stdout.

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
use plex_mcp::guard::{Decision, Kind, Outcome};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};
use std::time::Duration;
use support::{Home, home};

const SLOW: Duration = Duration::from_millis(150);

fn slow(movies: u64) -> Options {
    let library = SampleLibrary { movies, ..SampleLibrary::default() };
    let deviations = Deviations { delay: Some(SLOW), page_cap: Some(100), ..Deviations::default() };
    Options { library, deviations, ..Options::default() }
}

#[tokio::test]
async fn every_known_version_is_spoken() {
    let (_plex, home) = home(Options::default()).await;
    let handshakes: Vec<_> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
    assert!(handshakes.len() >= 5, "{handshakes:?}");
    for version in handshakes.iter().copied().chain(["2099-01-01"]) {
        let mut raw = home.raw();
        let answer = raw.initialize(version).await;
        // The newest protocol has no handshake; a client that makes one anyway gets the newest that has.
        let expected = if version >= "2026-07-28" { "2025-11-25" } else { version };
        assert_eq!(answer["result"]["protocolVersion"], expected, "{version}");
        assert_eq!(answer["result"]["serverInfo"]["name"], "plex-mcp");
        let result = raw.call("get_libraries", json!({})).await;
        assert_eq!(result["result"]["structuredContent"]["libraries"][0]["title"], "Movies", "{version}: {result}");
        raw.close().await;
    }
    let meta = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "raw test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    let mut raw = home.raw();
    let answer = raw.request("server/discover", meta.clone()).await;
    assert!(answer["result"]["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{answer}");
    let mut params = meta;
    params["name"] = "get_libraries".into();
    let result = raw.request("tools/call", params).await;
    assert_eq!(result["result"]["structuredContent"]["libraries"][0]["title"], "Movies", "{result}");
    raw.close().await;
}

/// Every schema in `value` that breaks what models' function calling takes.
fn faults(path: &str, value: &Value, input: bool, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for key in ["anyOf", "oneOf", "allOf", "$ref", "$defs", "$schema"] {
                if map.contains_key(key) {
                    found.push(format!("{path}: {key}"));
                }
            }
            if map.get("type").is_some_and(Value::is_array) {
                found.push(format!("{path}: a list of types"));
            }
            if map.get("format").is_some_and(|format| format.as_str().is_some_and(|format| format.contains("int"))) {
                found.push(format!("{path}: {}", map["format"]));
            }
            if let (true, Some(Value::Object(properties))) = (input, map.get("properties")) {
                for (name, property) in properties {
                    if property["description"].as_str().is_none_or(str::is_empty) {
                        found.push(format!("{path}/{name}: no description"));
                    }
                }
            }
            for (key, value) in map {
                faults(&format!("{path}/{key}"), value, input, found);
            }
        }
        Value::Array(members) => members.iter().for_each(|member| faults(path, member, input, found)),
        _ => {}
    }
}

#[tokio::test]
async fn tools_are_described_in_full_and_plainly() {
    let (_plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let tools = client.service.list_all_tools().await.unwrap();
    let names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
    for name in ["get_libraries", "get_library_items", "get_media_details", "search_media", "export_library"] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    let mut found = Vec::new();
    for tool in &tools {
        let about = tool.description.as_deref().unwrap();
        assert!(about.len() > 40 && about.ends_with('.') && !about.contains('\n'), "{}: {about}", tool.name);
        assert!(tool.title.as_deref().is_some_and(|title| !title.is_empty()));
        let annotations = tool.annotations.as_ref().unwrap();
        // Clients are told what the policy takes the tool for.
        let kind = plex_mcp::tools::find(&tool.name).unwrap().subject.kind;
        assert_eq!(annotations.read_only_hint, Some(kind == Kind::Read), "{}", tool.name);
        assert_eq!(annotations.destructive_hint, Some(kind == Kind::Destructive), "{}", tool.name);
        assert!(annotations.idempotent_hint.is_some() && annotations.open_world_hint == Some(true));
        let (input, output) = (json!(tool.input_schema), json!(tool.output_schema));
        assert_eq!(input["type"], "object", "{}", tool.name);
        assert_eq!(input["additionalProperties"], false, "{}", tool.name);
        assert!(input["properties"].is_object(), "{}", tool.name);
        assert_eq!(output["type"], "object", "{}", tool.name);
        // An error has structured content too, and some clients hold it against the schema.
        assert_eq!((output.get("required"), output.get("additionalProperties")), (None, None), "{}", tool.name);
        for name in [
            "code",
            "message",
            "fields",
            "denied",
            "tool",
            "rule",
            "reason",
            "retryAfterSeconds",
            "approvalId",
            "callId",
        ] {
            assert!(output["properties"].get(name).is_none(), "{}: {name} is a name that errors use", tool.name);
        }
        faults(&format!("{} in", tool.name), &input, true, &mut found);
        faults(&format!("{} out", tool.name), &output, false, &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
    client.close().await;
}

#[tokio::test]
async fn stdout_carries_the_protocol_and_nothing_else_at_any_log_level() {
    let (_plex, mut home) = home(Options { untidy: true, ..Options::default() }).await;
    home.set("RUST_LOG", "trace");
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    raw.request("tools/list", json!({})).await;
    for (tool, arguments) in [
        ("get_libraries", json!({})),
        ("get_library_items", json!({"libraryKey": "1"})),
        ("get_library_items", json!({"libraryKey": "nonsense"})),
        ("get_media_details", json!({"ratingKey": "1000"})),
        ("get_media_details", json!({"ratingKey": "999999999"})),
        ("search_media", json!({"query": "the"})),
        ("export_library", json!({"libraryKey": "1"})),
        ("no_such_tool", json!({})),
    ] {
        raw.call(tool, arguments).await;
    }
    raw.send("this is no JSON").await;
    raw.send("[]").await;
    raw.request("no/such/method", json!({})).await;
    let (lines, log) = raw.close().await;
    assert!(lines.len() >= 12, "{lines:?}");
    assert!(!log.is_empty(), "the log went somewhere else");
    for text in lines.iter().chain([&log]) {
        assert!(!text.contains("CANARY"), "the token is in: {text}");
    }
}

#[tokio::test]
async fn a_policy_that_was_not_understood_is_told_on_stderr_and_nothing_is_served() {
    let (_plex, home) = home(Options::default()).await;
    home.policy("version = \"1\"\ndefalt = \"allow\"\n[tools.export_libary]\naction = \"alow\"\n");
    let finished = home.run(&[]).await;
    assert_eq!((finished.code, finished.stdout.as_str()), (1, ""));
    for expected in ["policy.toml", "defalt", "default", "export_libary", "export_library", "alow", "allow"] {
        assert!(finished.stderr.contains(expected), "{expected} is missing in: {}", finished.stderr);
    }
}

#[tokio::test]
async fn calls_that_are_no_calls_are_answered_and_recorded() {
    let (_plex, home) = home(Options::default()).await;
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    for params in [
        json!({"name": "get_libraries", "arguments": []}),
        json!({"name": "get_libraries", "arguments": "{}"}),
        json!({"arguments": {}}),
        json!({"name": 5}),
    ] {
        let answer = raw.request("tools/call", params.clone()).await;
        assert_eq!(answer["error"]["code"], -32602, "{params}: {answer}");
    }
    // Without an id it is a notification, which gets no answer.
    raw.send(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"get_libraries","arguments":{}}}"#).await;
    let unknown = raw.call("drop_library", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32602);
    assert_eq!(unknown["error"]["message"], "unknown tool: drop_library");
    let well = raw.call("get_libraries", json!(null)).await;
    assert_eq!(well["result"]["isError"], false, "null arguments are none: {well}");
    raw.close().await;
    let rows = home.rows().await;
    assert_eq!(rows.iter().filter(|row| row.decision == Decision::Invalid).map(|row| row.repeats).sum::<u64>(), 5);
    assert_eq!(rows.iter().filter(|row| row.decision == Decision::Allow).count(), 1);
}

#[tokio::test]
async fn a_call_that_gives_a_key_twice_is_refused_by_name_and_recorded() {
    let (plex, home) = home(Options::default()).await;
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let export = r#"{"name":"export_library","arguments":{"libraryKey":"1","libraryKey":"2"}}"#;
    raw.send(&format!(r#"{{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{export}}}"#)).await;
    let answer = raw.line().await.unwrap();
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("a"), &json!(-32602)), "{answer}");
    assert_eq!(answer["error"]["message"], "`libraryKey` is given twice: give each key once");
    // The newest protocol says who speaks in each message.
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "raw test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let nested = r#"{"query":"a","more":[{"x":1,"x":1}]}"#;
    let call = format!(r#"{{"name":"search_media","arguments":{nested},"_meta":{meta}}}"#);
    raw.send(&format!(r#"{{"jsonrpc":"2.0","id":901,"method":"tools/call","params":{call}}}"#)).await;
    let answer = raw.answer(901).await;
    assert_eq!(answer["error"]["message"], "`x` is given twice: give each key once", "{answer}");
    raw.send(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","name":"b"}}"#).await;
    raw.call("get_libraries", json!({})).await;
    raw.close().await;
    assert!(home.files().is_empty());
    assert!(plex.request_count() > 0, "the call after them went on");
    let rows = home.rows().await;
    let invalid = rows.iter().filter(|row| row.decision == Decision::Invalid);
    let notes: Vec<_> = invalid.map(|row| (row.note.as_deref().unwrap(), row.repeats)).collect();
    assert!(notes.iter().all(|(note, _)| *note == "a tools/call in which a key is given twice"), "{notes:?}");
    assert_eq!(notes.iter().map(|(_, repeats)| repeats).sum::<u64>(), 3, "{notes:?}");
}

#[tokio::test]
async fn progress_rises_to_the_total() {
    let (_plex, home) = home(slow(4_000)).await;
    let client = home.connect().await;
    client.call("export_library", json!({"libraryKey": "1", "type": "movie", "pageSize": 1000})).await;
    let seen = client.progress.lock().unwrap().clone();
    assert!(seen.len() >= 3, "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0].progress < pair[1].progress), "{seen:?}");
    assert_eq!(json!(seen.last().unwrap().progress), json!(4_000.0));
    assert!(seen.iter().all(|progress| progress.total == Some(4_000.0)), "{seen:?}");
    client.close().await;
}

#[tokio::test]
async fn a_cancelled_export_stops_and_leaves_nothing() {
    let (plex, home) = home(slow(100_000)).await;
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let arguments = json!({"libraryKey": "1", "outputPath": "cut.json"});
    let id = raw
        .begin("tools/call", json!({"name": "export_library", "arguments": arguments, "_meta": {"progressToken": 7}}))
        .await;
    loop {
        let line = raw.line().await.unwrap();
        if line["method"] == "notifications/progress" && line["params"]["progress"].as_f64().unwrap() > 0.0 {
            break;
        }
    }
    assert!(!home.files().is_empty(), "the temporary file");
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    raw.send(&cancel.to_string()).await;
    // The server still answers other calls, and stops asking Plex for pages.
    raw.call("get_libraries", json!({})).await;
    let requests = plex.request_count();
    tokio::time::sleep(4 * SLOW).await;
    assert!(plex.request_count() <= requests + 1, "pages are still asked for");
    assert!(home.files().is_empty(), "{:?}", home.files());
    raw.close().await;
    let rows = home.rows().await;
    let row = rows.iter().find(|row| row.tool == "export_library").unwrap();
    assert_eq!(row.outcome, Some(Outcome::Unknown), "a change that was cut short: {row:?}");
}

#[tokio::test]
async fn closing_stdin_ends_an_export_and_the_program() {
    let (_plex, home) = home(slow(100_000)).await;
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let arguments = json!({"libraryKey": "1", "outputPath": "cut.json"});
    raw.begin("tools/call", json!({"name": "export_library", "arguments": arguments})).await;
    while home.files().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What is nearly done may end first; whatever takes longer is stopped.
    raw.close().await;
    assert!(home.files().is_empty(), "{:?}", home.files());
    assert!(home.rows().await.iter().any(|row| row.tool == "export_library" && row.outcome.is_some()));
}

#[tokio::test]
async fn a_client_that_leaves_at_once_is_no_failure() {
    let home = Home::at("http://127.0.0.1:9");
    let finished = home.run(&[]).await;
    assert_eq!((finished.code, finished.stdout.as_str()), (0, ""), "{}", finished.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_another_make_is_satisfied() {
    let Ok(python) = std::env::var("PLEX_MCP_PYTHON") else {
        eprintln!("skipped: PLEX_MCP_PYTHON names no python with mcp 2.3.0");
        return;
    };
    let (_plex, home) = home(Options::default()).await;
    let said = support::run_python(&python, "mcp_check.py", &home).await;
    assert!(said.contains("checks passed"), "{said}");
    eprint!("{said}");
}
