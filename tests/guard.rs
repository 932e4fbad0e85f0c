//! The guard, through the real binary: what the policy refuses does not happen, limits hold over processes and crashes,
//! and a refusal says which rule refused and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use futures_util::future::join_all;
use plex_mcp::demo::{Deviations, Options, SampleLibrary};
use plex_mcp::guard::{Decision, Kind, Outcome};
use serde_json::{Value, json};
use std::{collections::HashSet, path::Path, time::Duration};
use support::{Client, Finished, Home, home, text};
use tokio::process::Command;

fn movies(movies: u64) -> Options {
    Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, ..Options::default() }
}

/// A library that takes minutes to export.
fn endless() -> Options {
    let deviations =
        Deviations { delay: Some(Duration::from_millis(100)), page_cap: Some(50), ..Deviations::default() };
    Options { deviations, ..movies(100_000) }
}

/// The binary with no policy of the user's own anywhere, so that the built-in one rules.
fn as_shipped(home: &Home) -> Command {
    std::fs::remove_file(home.path("policy.toml")).unwrap();
    let mut command = home.command();
    command.env_remove("PLEX_POLICY");
    command
}

async fn export(client: &Client) -> Result<Value, Value> {
    let result = client.try_call("export_library", json!({"libraryKey": "1"})).await.unwrap();
    let structured = result.structured_content.unwrap();
    if result.is_error == Some(true) { Err(structured) } else { Ok(structured) }
}

#[tokio::test]
async fn as_shipped_the_31st_export_in_a_minute_is_refused() {
    let (plex, home) = home(movies(3)).await;
    let client = Client::of(as_shipped(&home)).await;
    // All at once, and more than fit: exactly 30 pass.
    let ends = join_all((0..33).map(|_| export(&client))).await;
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 30);
    assert!(ends.iter().filter_map(|end| end.as_ref().err()).all(|refused| refused["code"] == "limit"), "{ends:?}");
    let (requests, files) = (plex.request_count(), home.files());
    assert_eq!(files.len(), 30, "{files:?}");

    let result = client.try_call("export_library", json!({"libraryKey": "1"})).await.unwrap();
    assert_eq!(result.is_error, Some(true));
    assert!(text(&result).starts_with("[POLICY DENIED] "), "{}", text(&result));
    let refused = result.structured_content.clone().unwrap();
    let wait = refused["retryAfterSeconds"].as_u64().unwrap();
    assert!((1..=60).contains(&wait), "{refused}");
    assert!(text(&result).contains(&format!("possible again in {wait} s")), "{}", text(&result));
    let call = refused["callId"].as_str().unwrap();
    assert_eq!(
        refused,
        json!({
            "denied": true, "code": "limit", "tool": "export_library", "rule": "/tools/export_library/limits/0",
            "reason": "the limit is used up: at most 30 calls in any minute", "retryAfterSeconds": wait, "callId": call,
        })
    );
    assert_eq!(plex.request_count(), requests, "a refused export asked Plex");
    assert_eq!(home.files(), files, "a refused export wrote something");
    client.call("get_libraries", json!({})).await;
    assert_eq!(client.call("search_media", json!({"query": "the"})).await["query"], "the");
    client.close().await;
    let rows = home.rows().await;
    let refusals: Vec<_> = rows.iter().filter(|row| row.decision == Decision::Limit).collect();
    assert_eq!(refusals.iter().map(|row| row.repeats).sum::<u64>(), 4, "the refusals are recorded: {refusals:?}");
    for row in refusals {
        assert_eq!((row.outcome, row.rule.as_deref()), (None, Some("/tools/export_library/limits/0")));
    }
}

#[tokio::test]
async fn a_hidden_tool_is_answered_word_for_word_as_one_that_does_not_exist() {
    let (plex, home) = home(movies(3)).await;
    home.policy("version = \"1\"\ndefault = \"allow\"\nhide = [\"search_media\"]\n");
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let listed = raw.request("tools/list", json!({})).await["result"]["tools"].to_string();
    assert!(listed.contains("\"name\":\"get_libraries\"") && !listed.contains("search_media"), "{listed}");
    for arguments in [json!({"query": "the"}), json!({}), json!({"nonsense": 1})] {
        let hidden = raw.call("search_media", arguments.clone()).await["error"].clone();
        let unknown = raw.call("search_nedia", arguments.clone()).await["error"].clone();
        assert_eq!(hidden["message"], "unknown tool: search_media");
        assert_eq!(hidden.to_string().replace("media", "nedia"), unknown.to_string(), "{arguments}");
    }
    assert_eq!(plex.request_count(), 0);
    raw.close().await;
    let rows = home.rows().await;
    let hidden: Vec<_> = rows.iter().filter(|row| row.tool == "search_media").collect();
    assert_eq!(hidden.iter().map(|row| row.repeats).sum::<u64>(), 3, "{hidden:?}");
    for row in hidden {
        assert_eq!((row.decision, row.outcome, row.rule.as_deref()), (Decision::Deny, None, Some("/hide")));
    }
}

#[tokio::test]
async fn the_attempt_gate_does_not_tell_a_hidden_tool_from_one_that_does_not_exist() {
    let (_plex, home) = home(movies(3)).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\nhide = [\"search_media\"]\n\
         [all_tools]\nattempts = { window = \"hour\", max = 5 }\n",
    );
    for name in ["search_media", "no_such_tool"] {
        let client = home.connect().await;
        for _ in 0..20 {
            let error = client.try_call(name, json!({})).await.unwrap_err().to_string();
            assert!(error.contains(&format!("unknown tool: {name}")), "{error}");
        }
        client.call("get_libraries", json!({})).await;
        client.close().await;
        let rows: Vec<_> = home.rows().await.into_iter().filter(|row| row.decision != Decision::Allow).collect();
        let judged = rows.iter().filter(|row| row.tool == name && row.rule.as_deref() != Some("/all_tools/attempts"));
        assert_eq!(judged.map(|row| row.repeats).sum::<u64>(), 5, "{rows:?}");
    }
    assert_eq!(home.rows().await.iter().map(|row| row.repeats).sum::<u64>(), 42, "every call is recorded");
}

#[tokio::test]
async fn a_star_hides_what_is_refused_outright() {
    let (_plex, home) = home(movies(3)).await;
    home.policy(
        "version = \"1\"\nhide = \"*\"\n[kinds.read]\naction = \"allow\"\n[tools.search_media]\naction = \"deny\"\n",
    );
    let client = home.connect().await;
    let listed = client.service.list_all_tools().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|tool| &*tool.name).collect();
    let readers = plex_mcp::tools::all().iter().filter(|tool| tool.subject.kind == Kind::Read);
    let expected: Vec<_> = readers.map(|tool| tool.name).filter(|name| *name != "search_media").collect();
    assert_eq!(listed, expected);
    for (tool, arguments) in [("search_media", json!({"query": "the"})), ("export_library", json!({"libraryKey": "1"}))]
    {
        let error = client.try_call(tool, arguments).await.unwrap_err().to_string();
        assert!(error.contains(&format!("unknown tool: {tool}")), "{error}");
    }
    client.call("get_libraries", json!({})).await;
    client.close().await;
}

#[tokio::test]
async fn a_refusal_names_its_rule_and_nothing_happens() {
    const CANARY: &str = "canary-value-71";
    let (plex, home) = home(movies(3)).await;
    let export = json!({"libraryKey": "1", "outputPath": format!("{CANARY}.json")});
    let search = json!({"query": CANARY, "libraryKey": "1"});
    for (policy, tool, arguments, code, rule, reason, decision) in [
        (
            "[tools.export_library]\naction = \"deny\"\nreason = \"Exports are made by hand here.\"",
            "export_library",
            &export,
            "denied",
            "/tools/export_library/action",
            "Exports are made by hand here.",
            Decision::Deny,
        ),
        (
            "[tools.search_media]\naction = \"deny\"\nreason = \"For people.\"\non_deny = \"Look in a list instead.\"",
            "search_media",
            &search,
            "denied",
            "/tools/search_media/action",
            "Look in a list instead.",
            Decision::Deny,
        ),
        (
            "[kinds.read]\naction = \"allow\"",
            "export_library",
            &export,
            "default_deny",
            "/default",
            "no rule of this server's policy allows this tool, and it refuses what no rule allows",
            Decision::Deny,
        ),
        (
            "default = \"allow\"\n[services.plex]\naction = \"deny\"\nreason = \"Plex is down for repairs.\"",
            "search_media",
            &search,
            "denied",
            "/services/plex/action",
            "Plex is down for repairs.",
            Decision::Deny,
        ),
        (
            "[tools.export_library]\non_deny = \"Not in this house.\"\n\
             limits = [{ counter = \"none\", window = \"day\", max = 0 }]",
            "export_library",
            &export,
            "never_fits",
            "/tools/export_library/limits/0",
            "Not in this house.",
            Decision::Limit,
        ),
    ] {
        home.policy(&format!("version = \"1\"\n{policy}\n"));
        let client = home.connect().await;
        let listed = client.service.list_all_tools().await.unwrap();
        assert!(listed.iter().any(|listed| listed.name == tool), "{policy}: refused is not hidden");
        let (text, refused) = client.fail(tool, arguments.clone()).await;
        assert_eq!(text, format!("[POLICY DENIED] {reason}"), "{policy}");
        let call = refused["callId"].as_str().unwrap();
        let expected = json!({
            "denied": true, "code": code, "tool": tool, "rule": rule, "reason": reason, "callId": call,
        });
        assert_eq!(refused, expected, "{policy}");
        assert!(!text.contains(CANARY) && !refused.to_string().contains(CANARY), "{policy}");
        client.close().await;
        let rows = home.rows().await;
        let row = rows.iter().find(|row| row.call_id == call).unwrap();
        assert_eq!((row.decision, row.outcome, row.rule.as_deref()), (decision, None, Some(rule)), "{policy}");
    }
    assert_eq!(plex.request_count(), 0);
    assert!(!home.exports().exists(), "{:?}", home.files());
}

#[tokio::test]
async fn two_servers_share_a_limit_and_a_restart_does_not_refill_it() {
    let (_plex, home) = home(movies(3)).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n[tools.export_library]\n\
         limits = [{ counter = \"exports\", window = \"hour\", max = 3 }]\n",
    );
    let (one, two) = (home.connect().await, home.connect().await);
    let ends = join_all([&one, &two, &one, &two, &one, &two].map(export)).await;
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 3, "{ends:?}");
    for client in [&one, &two] {
        let refused = export(client).await.unwrap_err();
        assert_eq!(refused["code"], "limit");
        let wait = refused["retryAfterSeconds"].as_u64().unwrap();
        assert!((3_500..=3_600).contains(&wait), "{refused}");
    }
    one.close().await;
    two.close().await;
    let again = home.connect().await;
    assert_eq!(export(&again).await.unwrap_err()["code"], "limit", "a restart refilled the limit");
    again.close().await;
    assert_eq!(home.files().len(), 3);
}

#[tokio::test]
async fn a_server_killed_in_an_export_leaves_its_unit_taken_and_its_outcome_unknown() {
    let (_plex, home) = home(endless()).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n[tools.export_library]\n\
         limits = [{ counter = \"exports\", window = \"hour\", max = 1 }]\n",
    );
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    raw.begin("tools/call", json!({"name": "export_library", "arguments": {"libraryKey": "1"}})).await;
    while home.files().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    raw.child.kill().await.unwrap();
    let rows = home.rows().await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].decision, rows[0].outcome), (Decision::Allow, Some(Outcome::Unknown)));
    assert_eq!(rows[0].affected.library.as_deref(), Some("Movies"));
    assert_eq!((rows[0].affected.items, rows[0].duration_ms), (Some(100_000), None), "as it was planned");
    let client = home.connect().await;
    assert_eq!(export(&client).await.unwrap_err()["code"], "limit");
    client.close().await;
}

#[tokio::test]
async fn a_call_that_never_reached_plex_gives_its_unit_back_and_any_other_does_not() {
    const ONE_EACH: &str = "version = \"1\"\ndefault = \"allow\"\n\
        [tools.get_libraries]\nlimits = [{ counter = \"lists\", window = \"hour\", max = 1 }]\n\
        [tools.get_library_items]\nlimits = [{ counter = \"items\", window = \"hour\", max = 1 }]\n\
        [tools.export_library]\nlimits = [{ counter = \"exports\", window = \"hour\", max = 1 }]\n";
    let (_plex, mut home) = home(movies(3)).await;
    home.policy(ONE_EACH);
    let there = std::mem::replace(&mut home.url, "http://127.0.0.1:9".into());
    let client = home.connect().await;
    for _ in 0..2 {
        for (tool, arguments) in [("get_libraries", json!({})), ("export_library", json!({"libraryKey": "1"}))] {
            let (text, error) = client.fail(tool, arguments).await;
            assert_eq!(error["code"], "unreachable", "{tool}: {text}");
        }
    }
    client.close().await;
    home.url = there;
    let client = home.connect().await;
    client.call("get_libraries", json!({})).await;
    export(&client).await.unwrap();
    // Plex was asked for a library that it does not have: that counts.
    let absent = json!({"libraryKey": "999"});
    assert_eq!(client.fail("get_library_items", absent.clone()).await.1["code"], "not_found");
    assert_eq!(client.fail("get_library_items", absent).await.1["code"], "limit");
    assert_eq!(client.fail("get_libraries", json!({})).await.1["code"], "limit");
    assert_eq!(export(&client).await.unwrap_err()["code"], "limit");
    client.close().await;
}

#[tokio::test]
async fn an_export_larger_than_a_limit_never_fits_and_writes_nothing() {
    let (_plex, home) = home(movies(300)).await;
    for limit in ["max = 299, of = \"items\"", "max = 1_000_000, of = \"bytes\""] {
        home.policy(&format!(
            "version = \"1\"\ndefault = \"allow\"\n[tools.export_library]\n\
             limits = [{{ counter = \"size\", window = \"hour\", {limit} }}]\n"
        ));
        let client = home.connect().await;
        let (text, refused) = client.fail("export_library", json!({"libraryKey": "1"})).await;
        assert_eq!(refused["code"], "never_fits", "{text}");
        assert_eq!(refused["rule"], "/tools/export_library/limits/0");
        assert!(text.contains("the call is larger than the limit: at most "), "{text}");
        assert_eq!(refused.get("retryAfterSeconds"), None, "waiting does not help: {refused}");
        assert!(!home.exports().exists(), "{:?}", home.files());
        // What is smaller does fit.
        client.call("export_library", json!({"libraryKey": "2"})).await;
        client.close().await;
        std::fs::remove_dir_all(home.exports()).unwrap();
    }
    let rows = home.rows().await;
    let refused: Vec<_> = rows.iter().filter(|row| row.decision == Decision::Limit).collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|row| row.affected.items == Some(300)), "what it would have been: {refused:?}");
}

#[tokio::test]
async fn limits_on_items_and_bytes_settle_to_what_was_written() {
    let (_plex, home) = home(movies(100)).await;
    // An export of 100 items reserves 1.7 MB and takes about a sixth of that.
    for limit in ["max = 250, of = \"items\"", "max = 2_200_000, of = \"bytes\""] {
        home.policy(&format!(
            "version = \"1\"\ndefault = \"allow\"\n[tools.export_library]\n\
             limits = [{{ counter = \"{}\", window = \"hour\", {limit} }}]\n",
            if limit.contains("items") { "items" } else { "bytes" },
        ));
        let client = home.connect().await;
        for _ in 0..2 {
            let written = export(&client).await.unwrap();
            assert!((200_000..350_000).contains(&written["bytes"].as_u64().unwrap()), "{written}");
        }
        let refused = export(&client).await.unwrap_err();
        assert_eq!(refused["code"], "limit", "{limit}: {refused}");
        assert!((3_500..=3_600).contains(&refused["retryAfterSeconds"].as_u64().unwrap()), "{refused}");
        client.call("export_library", json!({"libraryKey": "2"})).await;
        client.close().await;
    }
}

#[tokio::test]
async fn an_export_that_failed_settles_to_what_it_got_through() {
    let (_plex, home) = home(movies(100)).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n[exports]\nmax_bytes = 60_000\n[tools.export_library]\n\
         limits = [{ counter = \"items\", window = \"hour\", max = 250, of = \"items\" }]\n",
    );
    let client = home.connect().await;
    // About 27 kB a page: each stops at the third or fourth of ten.
    for _ in 0..3 {
        let (text, error) = client.fail("export_library", json!({"libraryKey": "1", "pageSize": 10})).await;
        assert_eq!(error["code"], "export_limit", "{text}");
    }
    let small = json!({"libraryKey": "1", "detail": "summary"});
    client.call("export_library", small.clone()).await;
    // They did count: were they given back, two more would fit.
    assert_eq!(client.fail("export_library", small.clone()).await.1["code"], "limit");
    client.close().await;
    assert_eq!(home.files().len(), 1);
}

#[tokio::test]
async fn the_attempt_gate_counts_refused_calls_and_has_one_for_reads_and_one_for_writes() {
    let (plex, home) = home(movies(3)).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n[all_tools]\nattempts = { window = \"minute\", max = 5, burst = 5 }\n\
         [tools.search_media]\naction = \"deny\"\n",
    );
    let client = home.connect().await;
    for _ in 0..3 {
        assert_eq!(client.fail("search_media", json!({"query": "the"})).await.1["code"], "denied");
    }
    assert_eq!(client.fail("get_library_items", json!({})).await.1["code"], "invalid_argument");
    client.call("get_libraries", json!({})).await;
    let requests = plex.request_count();
    for (tool, arguments) in [("get_libraries", json!({})), ("search_media", json!({"query": "the"}))] {
        let (text, refused) = client.fail(tool, arguments).await;
        assert!(text.starts_with("[POLICY DENIED] too many calls in too short a time"), "{text}");
        assert_eq!((&refused["code"], &refused["rule"]), (&json!("attempts"), &json!("/all_tools/attempts")));
        assert!((1..=12).contains(&refused["retryAfterSeconds"].as_u64().unwrap()), "{refused}");
    }
    assert_eq!(plex.request_count(), requests);
    export(&client).await.expect("writes have a gate of their own");
    client.close().await;
    let rows = home.rows().await;
    let gated: Vec<_> = rows.iter().filter(|row| row.rule.as_deref() == Some("/all_tools/attempts")).collect();
    assert_eq!(gated.iter().map(|row| row.repeats).sum::<u64>(), 2);
    assert_eq!(rows.iter().map(|row| row.repeats).sum::<u64>(), 8, "every call is recorded: {rows:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_policy_is_that_of_the_flag_the_variable_the_configuration_the_folder_or_the_built_in_one() {
    let (_plex, home) = home(movies(3)).await;
    let own = home.path(".config/plex-mcp");
    std::fs::create_dir_all(&own).unwrap();
    let places =
        [home.path("flag.toml"), home.path("variable.toml"), own.join("policy.toml"), home.path("policy.toml")];
    for (place, name) in places.iter().zip(["flag", "variable", "configuration", "folder"]) {
        let policy = format!("version = \"1\"\n[kinds.read]\naction = \"deny\"\nreason = \"by the {name}\"\n");
        std::fs::write(place, policy).unwrap();
    }
    for (n, name) in ["flag", "variable", "configuration", "folder", "built-in"].into_iter().enumerate() {
        let mut command = home.command();
        command.env_remove("PLEX_POLICY");
        if n < 1 {
            command.arg("--policy").arg(&places[0]);
        }
        if n < 2 {
            command.env("PLEX_POLICY", &places[1]);
        }
        let Finished { code, stderr, .. } = Finished::of(command.args(["call", "get_libraries"])).await;
        if name == "built-in" {
            assert_eq!(code, 0, "{stderr}");
        } else {
            assert_eq!((code, stderr), (3, format!("plex-mcp: [POLICY DENIED] by the {name}\n")));
            std::fs::remove_file(&places[n]).unwrap();
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_policy_of_the_users_own_that_can_not_be_read_is_not_passed_over() {
    let home = Home::at("http://127.0.0.1:9");
    let own = home.path(".config/plex-mcp/policy.toml");
    for make in [
        |path: &Path| std::os::unix::fs::symlink("nowhere.toml", path).unwrap(),
        |path: &Path| std::fs::create_dir(path).unwrap(),
    ] {
        std::fs::create_dir_all(own.parent().unwrap()).unwrap();
        make(&own);
        let mut command = home.command();
        let Finished { code, stderr, .. } = Finished::of(command.env_remove("PLEX_POLICY")).await;
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.starts_with(&format!("plex-mcp: the policy {} can't be read: ", own.display())), "{stderr}");
        std::fs::remove_dir_all(home.path(".config")).unwrap();
    }
}

#[tokio::test]
async fn a_policy_that_can_not_be_read_or_could_be_overwritten_keeps_the_server_from_starting() {
    let mut home = Home::at("http://127.0.0.1:9");
    std::fs::create_dir_all(home.exports().join("sub")).unwrap();
    std::fs::write(home.exports().join("sub/policy.json"), support::OPEN).unwrap();
    std::fs::write(home.path("latin1.toml"), b"version = \"1\" # \xe9\n").unwrap();
    let mut cases = vec![
        ("absent.toml", "can't be read: "),
        ("exports", "can't be read: "),
        ("latin1.toml", "can't be read: "),
        ("exports/sub/policy.json", "lies in the exports directory"),
        ("exports/../exports/sub/policy.json", "lies in the exports directory"),
    ];
    #[cfg(unix)]
    {
        // A way in, and a name that an export could replace though the file it leads to is elsewhere.
        std::os::unix::fs::symlink(home.exports().join("sub/policy.json"), home.path("link.toml")).unwrap();
        std::os::unix::fs::symlink(home.path("policy.toml"), home.exports().join("link.json")).unwrap();
        cases.push(("link.toml", "lies in the exports directory"));
        cases.push(("exports/link.json", "lies in the exports directory"));
    }
    let mut seen = HashSet::new();
    for (name, expected) in cases {
        home.set("PLEX_POLICY", home.path(name).to_str().unwrap());
        let Finished { code, stdout, stderr } = home.run(&[]).await;
        assert_eq!((code, stdout.as_str()), (1, ""), "{name}: {stderr}");
        assert!(stderr.contains(&format!("plex-mcp: the policy {}", home.path(name).display())), "{name}: {stderr}");
        assert!(stderr.contains(expected), "{name}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(seen.insert(stderr));
    }
}
