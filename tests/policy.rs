//! The policy language, through the real binary: conditions, grants, policies in JSON, and `plex-mcp policy`.

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
use plex_mcp::guard::{Decision, SHIPPED};
use serde_json::{Value, json};
use support::{Client, Home, home};

const README: &str = include_str!("../README.md");
const FIRST_LINES: &str = "version = \"1\"\ndefault = \"allow\"\n";

fn movies(movies: u64) -> Options {
    Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, ..Options::default() }
}

/// The blocks of a language in the README that are policies.
fn examples(language: &str) -> Vec<&'static str> {
    let blocks = README.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(language)).filter(|block| block.contains("version")).collect()
}

/// Its own examples, taken out of their comments.
fn shipped_with_its_examples() -> String {
    let example = |line: &&str| {
        let key = line.split(' ').next().unwrap_or_default();
        line.starts_with('[')
            || (line.contains(" = ") && key.chars().all(|c| c.is_ascii_lowercase() || "_.".contains(c)))
    };
    let lines = SHIPPED.lines().map(|line| line.strip_prefix("# ").filter(example).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_condition_on_an_argument_refuses_before_plex_is_asked() {
    let (plex, home) = home(movies(3)).await;
    home.policy(&format!(
        "{FIRST_LINES}[tools.export_library]\n\
         deny_if = [{{ path = \"args.outputPath\", op = \"contains\", value = \"private\" }}]\n\
         require = [{{ path = \"args.pageSize\", op = \"lte\", value = 100 }}]\n"
    ));
    let client = home.connect().await;
    let secret = json!({"libraryKey": "1", "outputPath": "my-private-films.json", "pageSize": 50});
    let (text, refused) = client.fail("export_library", secret).await;
    assert_eq!((&refused["code"], &refused["rule"]), (&json!("denied"), &json!("/tools/export_library/deny_if/0")));
    assert_eq!(text, "[POLICY DENIED] this server's policy refuses calls with this `args.outputPath`");
    assert!(!refused.to_string().contains("private-films"), "{refused}");
    // What is left out has its default, 500, so leaving it out dodges nothing.
    let (_, refused) = client.fail("export_library", json!({"libraryKey": "1"})).await;
    assert_eq!(refused["rule"], "/tools/export_library/require/0");
    assert_eq!(plex.request_count(), 0, "a refused call asked Plex");
    assert!(!home.exports().exists());
    client.call("export_library", json!({"libraryKey": "1", "outputPath": "films.json", "pageSize": 100})).await;
    client.close().await;
    assert_eq!(home.files(), ["films.json"]);
    let decisions: Vec<_> = home.rows().await.iter().map(|row| (row.decision, row.rule.clone())).collect();
    assert_eq!(decisions[0], (Decision::Deny, Some("/tools/export_library/deny_if/0".to_owned())));
    assert_eq!(decisions[2], (Decision::Allow, None));
}

#[tokio::test]
async fn a_condition_on_a_fact_refuses_after_reading_and_before_anything_is_written() {
    let (plex, home) = home(movies(3)).await;
    home.policy(&format!(
        "{FIRST_LINES}[tools.export_library]\non_deny = \"Only films.\"\n\
         require = [{{ path = \"item.library\", op = \"eq\", value = \"Movies\" }}]\n\
         limits = [{{ counter = \"c\", window = \"hour\", max = 1 }}]\n\
         [kinds.write]\ndeny_if = [{{ path = \"item.count\", op = \"gt\", value = 3 }}]\n"
    ));
    let client = home.connect().await;
    let (text, refused) = client.fail("export_library", json!({"libraryKey": "2"})).await;
    assert_eq!(text, "[POLICY DENIED] Only films.");
    assert_eq!((&refused["code"], &refused["rule"]), (&json!("denied"), &json!("/tools/export_library/require/0")));
    assert!(plex.request_count() > 0, "the library's name had to be read");
    assert!(!home.exports().exists(), "{:?}", home.files());
    let row = home.rows().await.pop().unwrap();
    assert_eq!((row.decision, row.outcome, row.rule.as_deref()), (Decision::Deny, None, refused["rule"].as_str()));
    // The refusal took nothing from the limit of one call.
    client.call("export_library", json!({"libraryKey": "1"})).await;
    client.close().await;

    home.policy(&format!(
        "{FIRST_LINES}[kinds.write]\ndeny_if = [{{ path = \"playlist.title\", op = \"eq\", value = \"Kids\" }}]\n"
    ));
    let client = home.connect().await;
    let (text, refused) = client.fail("export_library", json!({"libraryKey": "1"})).await;
    assert_eq!((&refused["code"], &refused["rule"]), (&json!("fact_unavailable"), &json!("/kinds/write/deny_if/0")));
    assert!(text.contains("`playlist.title` could not be established"), "{text}");
    client.close().await;
    assert_eq!(home.files().len(), 1);
}

#[tokio::test]
async fn a_policy_in_json_runs_as_it_stands() {
    let (_plex, mut home) = home(movies(2)).await;
    let texts = examples("json");
    assert_eq!(texts.len(), 1, "the README has it");
    std::fs::write(home.path("rule.json"), texts[0]).unwrap();
    home.set("PLEX_POLICY", home.path("rule.json").to_str().unwrap());
    let client = home.connect().await;
    for _ in 0..30 {
        client.call("export_library", json!({"libraryKey": "1"})).await;
    }
    let (text, refused) = client.fail("export_library", json!({"libraryKey": "1"})).await;
    assert_eq!(
        (&refused["code"], &refused["rule"]),
        (&json!("limit"), &json!("/tools/export_library/limits/0")),
        "{text}"
    );
    for (tool, arguments) in [("get_libraries", json!({})), ("search_media", json!({"query": "the"}))] {
        assert_eq!(client.fail(tool, arguments).await.1["code"], "default_deny");
    }
    client.close().await;

    let imported = home.run(&["policy", "import", "rule.json"]).await;
    assert_eq!(imported.code, 0, "{imported:?}");
    assert!(imported.stdout.contains("[[tools.export_library.limits]]"), "{imported:?}");
    std::fs::write(home.path("rule.toml"), &imported.stdout).unwrap();
    assert_eq!(home.run(&["policy", "check", "rule.toml"]).await.code, 0);
    let again = home.run(&["policy", "import", "rule.toml"]).await;
    assert_eq!((again.code, again.stdout.as_str()), (2, ""), "{again:?}");
    std::fs::write(home.path("bad.json"), "{\"version\": \"1\",\n \"defualt\": \"deny\"}").unwrap();
    let bad = home.run(&["policy", "import", "bad.json"]).await;
    assert!(bad.code == 1 && bad.stderr.contains("line 2, column 2: /defualt: there is no key"), "{bad:?}");
}

#[tokio::test]
async fn a_grant_has_its_own_rules() {
    let (_plex, mut home) = home(movies(2)).await;
    home.policy(
        "version = \"1\"\n[kinds.read]\naction = \"allow\"\n[grants.kitchen]\ntools.export_library.action = \"allow\"\n\
         [grants.kitchen.tools.search_media]\naction = \"deny\"\nreason = \"Not in the kitchen.\"\n\
         require = [{ path = \"args.limit\", op = \"lte\", value = 5 }]\n",
    );
    for (grant, export, search) in [("default", "deny", "allow"), ("kitchen", "allow", "deny")] {
        let table = home.run(&["tools", "--json", "--grant", grant]).await;
        let table: Value = serde_json::from_str(&table.stdout).unwrap();
        for (tool, says) in [("export_library", export), ("search_media", search)] {
            let row = table.as_array().unwrap().iter().find(|row| row["name"] == tool).unwrap();
            assert_eq!(row["policy"], says, "{grant} {tool}");
        }
    }
    let client = home.connect().await;
    assert_eq!(client.fail("export_library", json!({"libraryKey": "1"})).await.1["code"], "default_deny");
    client.call("search_media", json!({"query": "the"})).await;
    client.close().await;
    home.set("PLEX_GRANT", "kitchen");
    let client = home.connect().await;
    client.call("export_library", json!({"libraryKey": "1"})).await;
    let (text, refused) = client.fail("search_media", json!({"query": "the"})).await;
    assert_eq!(text, "[POLICY DENIED] Not in the kitchen.");
    assert_eq!(refused["rule"], "/grants/kitchen/tools/search_media/action");
    client.close().await;
}

/// Decision, code, rule and reason as `explain` gives them, of a real call.
async fn decided(client: &Client, tool: &str, arguments: &Value) -> (Value, Value, Value, Value) {
    let result = match client.try_call(tool, arguments.clone()).await {
        Err(error) => {
            assert!(error.to_string().contains("unknown tool"), "{error}");
            return (json!("hidden"), Value::Null, Value::Null, Value::Null);
        }
        Ok(result) => result,
    };
    let content = result.structured_content.unwrap();
    let word = match content["code"].as_str() {
        None => "allow",
        Some("invalid_argument") => return (json!("invalid"), Value::Null, Value::Null, content["message"].clone()),
        Some("approval_required") => "ask",
        Some("limit" | "never_fits") => "limit",
        Some(_) => "deny",
    };
    (json!(word), content["code"].clone(), content["rule"].clone(), content["reason"].clone())
}

#[tokio::test]
async fn explain_decides_as_the_call_does() {
    let (plex, home) = home(movies(2)).await;
    home.policy(
        "version = \"1\"\nhide = [\"get_media_details\"]\n[kinds.read]\naction = \"allow\"\n\
         [tools.get_libraries]\nlimits = [{ counter = \"lists\", window = \"hour\", max = 1 }]\n\
         [tools.search_media]\ndeny_if = [{ path = \"args.query\", op = \"regex\", value = \"(?i)secret\" }]\n\
         [tools.get_library_items]\naction = \"ask\"\nrequire = [{ path = \"args.limit\", op = \"lt\", value = 100 }]\n\
         [tools.export_library]\nlimits = [{ counter = \"none\", window = \"day\", max = 2 },\n\
         { counter = \"b\", window = \"day\", max = 1_000_000_000, of = \"bytes\" }]\n\
         require = [{ path = \"item.library\", op = \"eq\", value = \"Movies\" }]\n",
    );
    let client = home.connect().await;
    let mut words = Vec::new();
    for (tool, arguments) in [
        ("get_libraries", json!({})),
        ("get_libraries", json!({})),
        ("search_media", json!({"query": "the"})),
        ("search_media", json!({"query": "my Secret"})),
        ("search_media", json!({"query": "the", "sort": "up"})),
        ("get_library_items", json!({"libraryKey": "1", "limit": 200})),
        ("get_library_items", json!({"libraryKey": 1, "limit": "5"})),
        ("get_media_details", json!({"ratingKey": "1"})),
        ("export_library", json!({"libraryKey": "1"})),
        ("export_library", json!({"libraryKey": "1"})),
        ("export_library", json!({"libraryKey": "1"})),
    ] {
        let (requests, rows) = (plex.request_count(), home.rows().await.len());
        let explained = home.run(&["policy", "explain", tool, "--args", &arguments.to_string(), "--json"]).await;
        assert_eq!(explained.code, 0, "{explained:?}");
        assert_eq!((plex.request_count(), home.rows().await.len()), (requests, rows), "explaining leaves no trace");
        let explained: Value = serde_json::from_str(&explained.stdout).unwrap();
        let (word, code, rule, reason) = decided(&client, tool, &arguments).await;
        assert_eq!((&explained["decision"], &explained["code"]), (&word, &code), "{tool} {arguments}: {explained}");
        if word == "ask" {
            // The call says besides how it can be approved.
            let asks = explained["reason"].as_str().unwrap();
            assert!(reason.as_str().unwrap().starts_with(asks), "{reason}");
        } else {
            assert_eq!(explained["reason"], reason, "{tool} {arguments}");
        }
        if code != Value::Null {
            assert_eq!(explained["rule"], rule, "{tool} {arguments}");
        }
        words.push(word.as_str().unwrap().to_owned());
    }
    client.close().await;
    let expected = ["allow", "limit", "allow", "deny", "invalid", "deny", "ask", "hidden", "allow", "allow", "limit"];
    assert_eq!(words, expected);

    let said = home.run(&["policy", "explain", "search_media", "--args", "{\"query\": \"secret\"}"]).await.stdout;
    for part in [
        "decision: deny by /tools/search_media/deny_if/0: ",
        "\n  /tools/search_media\n  /kinds/read  action allow\n",
        "\n  /tools/search_media/deny_if/0  deny_if args.query regex: holds, refuses\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = home.run(&["policy", "explain", "export_library", "--args", "{\"libraryKey\": \"1\"}"]).await.stdout;
    assert!(said.contains("require item.library eq: later"), "{said}");
    assert!(said.contains("/tools/export_library/limits/0  at most 2 calls in any day: 0 left"), "{said}");
    assert_eq!(home.run(&["policy", "explain", "no_such_tool"]).await.code, 2);
}

#[tokio::test]
async fn init_writes_the_shipped_policy_and_never_over_another_unasked() {
    let mut home = Home::at("http://127.0.0.1:9");
    let own = home.path("config/of/mine.toml");
    home.set("PLEX_POLICY", own.to_str().unwrap());
    let wrote = home.run(&["policy", "init"]).await;
    assert!(wrote.code == 0 && wrote.stdout.starts_with(&format!("wrote {}", own.display())), "{wrote:?}");
    assert_eq!(std::fs::read_to_string(&own).unwrap(), SHIPPED);
    assert_eq!(home.run(&["policy", "check"]).await.code, 0);
    std::fs::write(&own, "mine").unwrap();
    let refused = home.run(&["policy", "init"]).await;
    assert!(refused.code == 1 && refused.stderr.contains("is there already"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "mine");
    assert_eq!(home.run(&["policy", "init", "--force"]).await.code, 0);
    assert_eq!(std::fs::read_to_string(&own).unwrap(), SHIPPED);
    assert_eq!(std::fs::read_dir(own.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
}

/// Whether a value fits a schema, by the words that the policy's schema uses.
fn fits(schema: &Value, value: &Value) -> bool {
    let any = |schemas: &Value| schemas.as_array().unwrap().iter().any(|schema| fits(schema, value));
    let is_type = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("{other}"),
    };
    let number = |key: &str| schema.get(key).and_then(Value::as_i64);
    schema.as_object().unwrap().iter().all(|(word, says)| match word.as_str() {
        "type" => says.as_array().map_or_else(|| is_type(says), |types| types.iter().any(is_type)),
        "const" => value == says,
        "enum" => says.as_array().unwrap().contains(value),
        "anyOf" => any(says),
        "pattern" => value.as_str().is_none_or(|text| says != "^args\\." || text.starts_with("args.")),
        "minLength" => value.as_str().is_none_or(|text| !text.is_empty()),
        "minimum" => value.as_i64().is_none_or(|value| Some(value) >= number("minimum")),
        "maximum" => value.as_i64().is_none_or(|value| Some(value) <= number("maximum")),
        "items" => value.as_array().is_none_or(|values| values.iter().all(|value| fits(says, value))),
        "required" => value
            .as_object()
            .is_none_or(|map| says.as_array().unwrap().iter().all(|name| map.contains_key(name.as_str().unwrap()))),
        "propertyNames" => value.as_object().is_none_or(|map| map.keys().all(|name| fits(says, &json!(name)))),
        "properties" | "additionalProperties" => value.as_object().is_none_or(|map| {
            map.iter().all(|(name, value)| match (schema.get("properties").and_then(|all| all.get(name)), says) {
                (Some(own), _) => fits(own, value),
                (None, _) if word == "properties" => true,
                (None, Value::Bool(allowed)) => *allowed,
                (None, further) => fits(further, value),
            })
        }),
        "$schema" | "title" | "description" => true,
        other => panic!("the test does not know `{other}`"),
    })
}

#[tokio::test]
async fn what_is_shown_of_the_language_loads_and_fits_its_schema() {
    let home = Home::at("http://127.0.0.1:9");
    let schema = home.run(&["policy", "schema"]).await.stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let readme = examples("toml");
    assert_eq!(readme.len(), 1);
    let uncommented = shipped_with_its_examples();
    for part in ["\n[services.radarr]", "\nrequire = ", "\ndeny_if = ", "\n[grants.kitchen]", "\nrate_limit = "] {
        assert!(uncommented.contains(part), "{part} is shown: {uncommented}");
    }
    for text in [SHIPPED, &uncommented, readme[0]] {
        home.policy(text);
        let checked = home.run(&["policy", "check"]).await;
        assert!(checked.code == 0 && checked.stdout.lines().count() == 1, "{checked:?}\n{text}");
        let value: Value = toml::from_str(text).unwrap();
        assert!(fits(&schema, &value), "{text}");
    }
    for wrong in [
        "default = \"deny\"",
        "version = \"2\"",
        "version = \"1\"\nhide = [\"no_tool\"]",
        "version = \"1\"\ntools.no_tool.action = \"deny\"",
        "version = \"1\"\nkinds.read.action = \"denied\"",
        "version = \"1\"\nkinds.read.log_args = true",
        "version = \"1\"\ngrants.a.limits = [{ counter = \"c\", window = 60 }]",
        "version = \"1\"\nall_tools.require = [{ path = \"item.name\", op = \"eq\", value = 1 }]",
        "version = \"1\"\nall_tools.attempts = { window = \"week\", max = 1 }",
    ] {
        let value: Value = toml::from_str(wrong).unwrap();
        assert!(!fits(&schema, &value), "{wrong}");
        home.policy(wrong);
        assert_eq!(home.run(&["policy", "check"]).await.code, 1, "{wrong}");
    }
}
