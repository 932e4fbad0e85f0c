//! `get_policy`: a client sees what it may do and what is left, as the next call then finds it, and nothing that is hidden.

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
use serde_json::{Value, json};
use std::time::Duration;
use support::{Home, home};

const POLICY: &str = r#"version = "1"
default = "deny"
hide = ["get_media_details"]
[all_tools]
attempts = { window = "minute", max = 600, burst = 100 }
[kinds.read]
action = "allow"
[tools.get_libraries]
limits = [{ counter = "lists", window = "hour", max = 2, scope = "grant" },
          { counter = "rare", window = "day", max = 9 }]
[tools.search_media]
action = "ask"
reason = "Ask before you search."
deny_if = [{ path = "args.query", op = "contains", value = "SECRET-VALUE" }]
[tools.export_library]
action = "allow"
require = [{ path = "item.library", op = "eq", value = "SECRET-LIBRARY" }]
limits = [{ counter = "b", window = "day", max = 1_000, of = "bytes" },
          { counter = "never", window = "day", max = 0 }]
"#;

fn row<'a>(answer: &'a Value, tool: &str) -> &'a Value {
    let rows = answer["tools"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == tool).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn what_it_says_is_what_the_next_call_finds() {
    let library = SampleLibrary { movies: 3, ..SampleLibrary::default() };
    let (plex, home) = home(Options { library, ..Options::default() }).await;
    home.policy(POLICY);
    let client = home.connect().await;
    let all = client.call("get_policy", json!({})).await;
    assert_eq!(plex.request_count(), 0, "it needs no Plex server");
    assert_eq!((&all["policy"]["default"], &all["grant"]), (&json!("deny"), &json!("default")));
    assert!(all["policy"]["source"].as_str().unwrap().ends_with("policy.toml"), "{all}");
    assert_eq!(all["attempts"], json!({"max": 600, "windowSeconds": 60, "burst": 100}));
    assert!(all["policy"].get("problem").is_none() && all["policy"].get("refusesChanges").is_none(), "{all}");
    let listed: Vec<String> =
        client.service.list_all_tools().await.unwrap().iter().map(|tool| tool.name.to_string()).collect();
    let told: Vec<&str> = all["tools"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(told, listed, "the tools that are listed, and no others");
    assert!(!told.contains(&"get_media_details"));
    let short = json!({"name": "get_libraries", "kind": "read", "service": "plex", "action": "allow", "callsLeft": 2});
    assert_eq!(row(&all, "get_libraries"), &short);
    let export = row(&all, "export_library");
    assert_eq!((&export["callsLeft"], &export["conditionCount"]), (&json!(0), &json!(1)), "{export}");
    assert!(export.get("moreInSeconds").is_none(), "it never will be");
    assert!(row(&all, "get_library_items").get("callsLeft").is_none(), "nothing limits it");

    client.call("get_libraries", json!({})).await;
    client.call("get_libraries", json!({})).await;
    let one = client.call("get_policy", json!({"tool": "get_libraries"})).await;
    assert_eq!(one["tools"].as_array().unwrap().len(), 1);
    let tool = row(&one, "get_libraries");
    assert_eq!(tool["callsLeft"], 0);
    let wait = tool["moreInSeconds"].as_u64().unwrap();
    let limits = &tool["rules"]["limits"];
    assert_eq!(limits[0]["says"], "at most 2 calls in any hour");
    assert_eq!((&limits[0]["left"], &limits[1]["left"]), (&json!(0), &json!(7)));
    assert_eq!((&limits[0]["scope"], &limits[1]["scope"]), (&json!("grant"), &json!("server")));
    assert_eq!((&limits[0]["moreInSeconds"], limits[1].get("moreInSeconds")), (&json!(wait), None));
    let (_, refused) = client.fail("get_libraries", json!({})).await;
    assert_eq!(refused["rule"], limits[0]["at"]);
    let retry = refused["retryAfterSeconds"].as_u64().unwrap();
    assert!(wait.abs_diff(retry) <= 1, "{wait} and {retry}");

    let search = client.call("get_policy", json!({"tool": "search_media"})).await;
    let rules = &row(&search, "search_media")["rules"];
    assert_eq!(rules["actionAt"], "/tools/search_media/action");
    assert_eq!(rules["says"], "Ask before you search.");
    let asks = json!([{"at": "/tools/search_media/deny_if/0", "asks": "deny_if args.query contains"}]);
    assert_eq!(rules["conditions"], asks);
    let export = client.call("get_policy", json!({"tool": "export_library"})).await;
    for answer in [&all, &one, &search, &export] {
        let text = answer.to_string();
        assert!(!text.contains("SECRET") && !text.contains("CANARY"), "{text}");
    }
    // One that is hidden is as unknown as one that there never was.
    let [hidden, unknown] = ["get_media_details", "no_such_tool"].map(|tool| json!({"tool": tool}));
    assert_eq!(client.fail("get_policy", hidden).await, client.fail("get_policy", unknown).await);
    client.close().await;
}

#[tokio::test]
async fn it_is_judged_and_recorded_as_any_other_tool() {
    let home = Home::at("http://127.0.0.1:9");
    home.policy("version = \"1\"\n[tools.get_policy]\nrate_limit = { max = 1, window = \"hour\" }\n");
    let client = home.connect().await;
    let first = client.call("get_policy", json!({})).await;
    assert_eq!(row(&first, "get_policy")["callsLeft"], 0, "its own call counts");
    assert_eq!(client.fail("get_policy", json!({})).await.1["code"], "limit");
    client.close().await;
    let rows = home.rows().await;
    assert_eq!(rows.iter().filter(|row| row.tool == "get_policy").count(), 2);
    let verified = home.run(&["audit", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
}

#[tokio::test]
async fn it_says_what_is_wrong_with_the_file_and_where_the_chain_ends() {
    let home = Home::at("http://127.0.0.1:9");
    let client = home.connect().await;
    let well = client.call("get_policy", json!({})).await;
    home.policy("version = \"1\"\ndefault = \"alow\"\n");
    tokio::time::sleep(Duration::from_millis(900)).await;
    let wrong = client.call("get_policy", json!({})).await;
    let problem = wrong["policy"]["problem"].as_str().unwrap();
    assert!(problem.contains("line 2, column 11") && problem.contains("it is one of allow, ask, deny"), "{problem}");
    for key in ["hash", "loadedAt", "source"] {
        assert_eq!(wrong["policy"][key], well["policy"][key], "the old one rules");
    }
    assert!(wrong["ledger"]["entries"].as_u64() > well["ledger"]["entries"].as_u64(), "{wrong}");
    assert_ne!(wrong["ledger"]["head"], well["ledger"]["head"]);
    std::fs::remove_file(home.path("policy.toml")).unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    let gone = client.call("get_policy", json!({})).await;
    assert_eq!(gone["policy"]["refusesChanges"], true, "{gone}");
    assert_eq!(row(&gone, "export_library")["action"], "deny");
    assert_eq!(row(&gone, "get_libraries")["action"], "allow");
    client.close().await;
}

#[tokio::test]
async fn all_tools_fit_into_an_answer() {
    let home = Home::at("http://127.0.0.1:9");
    home.policy(plex_mcp::guard::SHIPPED);
    let client = home.connect().await;
    let all = client.call("get_policy", json!({})).await;
    let (tools, bytes) = (all["tools"].as_array().unwrap().len(), all.to_string().len());
    assert!(bytes / tools < 400 && bytes < 48_000, "{bytes} bytes for {tools} tools");
    client.close().await;
}
