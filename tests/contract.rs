//! Every request that the tools send to Plex, held against Plex's own description of its interface: method, path,
//! parameters and the form of their values. The description is no part of this project: `PLEX_MCP_SPEC` names the directory
//! with `plex-media-server.openapi.json`, and without it there is nothing to hold against.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it leaves out"
)]

mod support;

use plex_mcp::demo::Options;
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use support::{
    contract::{self, Contract, Known},
    home,
};

/// What Plex takes though its description does not say so.
const KNOWN: &[Known] = &[
    Known {
        method: "GET",
        path: "/library/sections/{sectionId}/genre",
        parameters: &["type"],
        reason: "the key that /library/sections/{sectionId}/filters gives for the choices of the filter",
    },
    Known {
        method: "GET",
        path: "/library/metadata/{ids}",
        parameters: &["includeChapters", "includeMarkers", "includeExtras"],
        reason: "what Plex's own web client adds where it shows an item, to be told of these, too",
    },
    Known {
        method: "GET",
        path: "/library/sections",
        parameters: &[],
        reason: "the address that every client reads the libraries at; the description has it with /all behind it",
    },
    Known {
        method: "GET",
        path: "/accounts",
        parameters: &[],
        reason: "the names behind the history's accountID, at the address that clients have read them at for years",
    },
    Known {
        method: "GET",
        path: "/status/sessions/history/all",
        parameters: &["viewedAt>"],
        reason: "the description names viewedAt and says that it is of the form viewedAt>=12456789",
    },
    Known {
        method: "PUT",
        path: "/library/sections/{sectionId}/all",
        parameters: &[
            "id",
            "contentRating.value",
            "contentRating.locked",
            "originalTitle.value",
            "originalTitle.locked",
            "rating.value",
            "rating.locked",
            "studio.value",
            "studio.locked",
            "summary.value",
            "summary.locked",
            "tagline.value",
            "tagline.locked",
            "title.locked",
            "year.value",
            "year.locked",
        ],
        reason: "the description's examples have id, which of the library's items are edited; its field.value and \
                 field.locked stand for every field",
    },
    Known {
        method: "GET",
        path: "/devices",
        parameters: &[],
        reason: "the names behind the history's deviceID, at the address that clients have read them at for years",
    },
];

/// What every address takes. The description says of all `X-Plex-` headers that they may be parameters, and of the choice of
/// fields and elements that many addresses take it; `includeGuids` is an older one of that kind.
const EVERYWHERE: [&str; 6] =
    ["X-Plex-*", "includeFields", "excludeFields", "includeElements", "excludeElements", "includeGuids"];

/// Plex's media queries: an optional level, a field, a comparison.
fn media_query(name: &str, value: &str) -> Result<(), String> {
    if matches!(name, "push" | "pop" | "or") {
        return if value == "1" { Ok(()) } else { Err(format!("{name} is 1, not {value}")) };
    }
    if matches!(name, "type" | "sourceType" | "limit" | "group") {
        return if value.parse::<u32>().is_ok() { Ok(()) } else { Err(format!("{name} is a number, not {value}")) };
    }
    if name == "sort" {
        let sorts = Regex::new(r"^[a-zA-Z.]+(:(asc|desc|nullsLast))*(,[a-zA-Z.]+(:(asc|desc|nullsLast))*)*$").unwrap();
        return if sorts.is_match(value) { Ok(()) } else { Err(format!("nothing can be sorted by {value}")) };
    }
    let filter = Regex::new(
        r"^((movie|show|season|episode|artist|album|track|photo|collection)\.)?([a-zA-Z]+)(>>|<<|!=|>|<|!|=)?$",
    );
    let Some(found) = filter.unwrap().captures(name) else { return Err(format!("{name} is no filter")) };
    let sign = found.get(4).map_or("", |sign| sign.as_str());
    let signs: &[&str] = match &found[3] {
        "title" | "guid" | "studio" => &["", "!", "=", "!=", "<", ">"],
        "genre" | "resolution" | "collection" | "director" | "actor" | "writer" | "country" | "label" => &["", "!"],
        "year" | "rating" | "audienceRating" | "userRating" | "index" | "viewCount" | "duration" | "id" => {
            &["", "!", ">>", "<<", ">", "<"]
        }
        "addedAt" | "lastViewedAt" | "originallyAvailableAt" | "updatedAt" => &["", "!", ">>", "<<"],
        "unwatched" | "unwatchedLeaves" | "inProgress" | "unmatched" | "duplicate" => &[""],
        other => return Err(format!("{other} is no field")),
    };
    let whole = |value: &str| value.split(',').all(|member| member.parse::<i64>().is_ok());
    let fits = match &found[3] {
        "unwatched" | "unwatchedLeaves" | "inProgress" | "unmatched" | "duplicate" => matches!(value, "0" | "1"),
        // Tags go by their numbers.
        "genre" | "collection" | "director" | "actor" | "writer" | "country" | "label" | "year" | "addedAt"
        | "lastViewedAt" | "index" | "viewCount" | "duration" | "id" | "updatedAt" => whole(value),
        _ => !value.is_empty(),
    };
    match (signs.contains(&sign), fits) {
        (false, _) => Err(format!("{name}= compares in a way that {} has not", &found[3])),
        (_, false) => Err(format!("{name}={value} is no value of {}", &found[3])),
        _ => Ok(()),
    }
}

fn plex_contract() -> Option<Contract> {
    let file = contract::directory()?.join("plex-media-server.openapi.json");
    let contract = contract::load(&file);
    for Known { method, path, parameters, reason } in KNOWN {
        let needless = parameters.is_empty() && contract.has(method, path);
        assert!(!needless, "{path} is described, and need not be known because it is {reason}");
    }
    Some(contract.knowing(KNOWN).everywhere(&EVERYWHERE).language("mediaQuery", media_query))
}

/// Values that mean something to the sample server, by the arguments' names; by their schemas where nothing is known.
fn values(name: &str, schema: &Value) -> Vec<Value> {
    let known: &[&str] = match name {
        "libraryKey" => &["1", "2", "3", "4"],
        "ratingKey" => &["1000", "400000000"],
        "playlistId" => &["1700000000", "1700000001"],
        "collectionKey" => &["1600001000"],
        "query" => &["the"],
        "sort" => &["addedAt:desc", "year"],
        "genre" => &["Drama", "Drama,Comedy"],
        "year" => &["1999", "1990-1999"],
        "addedSince" => &["2015-01-31", "90d"],
        "resolution" => &["1080"],
        "timeZone" => &["Europe/Berlin"],
        _ => &[],
    };
    if !known.is_empty() {
        return known.iter().map(|value| json!(value)).collect();
    }
    match (schema["enum"].as_array(), schema["type"].as_str()) {
        (Some(names), _) => names.clone(),
        (_, Some("integer" | "number")) => vec![schema.get("minimum").cloned().unwrap_or_else(|| json!(1))],
        (_, Some("boolean")) => vec![json!(true), json!(false)],
        (_, Some("array")) => vec![],
        _ => vec![json!("1")],
    }
}

/// Argument sets of a tool: the required ones alone, and with each other one in each of its values.
fn argument_sets(schema: &Map<String, Value>) -> Vec<Value> {
    let required: BTreeSet<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().unwrap();
    let mut bases = vec![Map::new()];
    for name in &required {
        let values = values(name, &properties[*name]);
        let with = |base: &Map<String, Value>, value: &Value| {
            let mut base = base.clone();
            base.insert((*name).to_owned(), value.clone());
            base
        };
        bases = bases.iter().flat_map(|base| values.iter().map(move |value| with(base, value))).collect();
    }
    let optional = properties.iter().filter(|(name, _)| !required.contains(name.as_str()));
    let optional: Vec<(&String, Value)> =
        optional.flat_map(|(name, schema)| values(name, schema).into_iter().map(move |value| (name, value))).collect();
    let mut sets = bases.clone();
    for base in &bases {
        for (name, value) in &optional {
            let mut set = base.clone();
            set.insert((*name).clone(), value.clone());
            sets.push(set);
        }
    }
    sets.into_iter().map(Value::Object).collect()
}

#[tokio::test]
async fn every_request_to_plex_is_one_that_plex_describes() {
    let Some(contract) = plex_contract() else {
        eprintln!("PLEX_MCP_SPEC names no directory: nothing was held against Plex's description");
        return;
    };
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let mut seen = 0;
    let mut problems = BTreeMap::new();
    let mut covered = BTreeSet::new();
    for tool in client.service.list_all_tools().await.unwrap() {
        for mut arguments in argument_sets(&tool.input_schema) {
            if tool.name == "export_library"
                && ["collectionKey", "playlistId"].iter().all(|key| arguments.get(key).is_none())
            {
                // It takes one of three keys, which a schema can't say plainly.
                arguments["libraryKey"] = "1".into();
            }
            let _ = client.try_call(&tool.name, arguments.clone()).await.unwrap();
            let requests = plex.requests();
            for request in &requests[seen..] {
                let (path, query) = request.path_and_query.split_once('?').unwrap_or((&request.path_and_query, ""));
                if path.starts_with("/discover/") {
                    // Another service, which nobody describes.
                    continue;
                }
                if let Err(problem) = contract.check(&request.method, path, query) {
                    problems.entry(problem).or_insert_with(|| format!("{} {arguments}", tool.name));
                }
                covered.insert(format!("{} {}", request.method, contract.path_of(&request.method, path).unwrap_or("")));
            }
            seen = requests.len();
        }
    }
    client.close().await;
    assert!(seen < 10_000, "the sample server forgets requests beyond this number, so some were not looked at");
    assert!(problems.is_empty(), "{problems:#?}");
    for path in [
        "/library/all",
        "/library/sections/{sectionId}/all",
        "/library/metadata/{ids}",
        "/hubs/search",
        "/status/sessions/history/all",
    ] {
        assert!(covered.contains(&format!("GET {path}")), "{path} was never asked for: {covered:#?}");
    }
    let unused: Vec<_> =
        KNOWN.iter().filter(|known| !covered.contains(&format!("{} {}", known.method, known.path))).collect();
    assert!(unused.is_empty(), "no tool asks for what is known beyond the description: {unused:#?}");
}

#[test]
fn media_queries_have_a_grammar() {
    for (name, value) in [
        ("type", "4"),
        ("sort", "addedAt:desc,titleSort"),
        ("show.genre", "6,7"),
        ("addedAt>>", "1500000000"),
        ("year>", "1990"),
        ("unwatched", "0"),
        ("title", "any"),
        ("push", "1"),
    ] {
        assert_eq!(media_query(name, value), Ok(()), "{name}={value}");
    }
    for (name, value) in [
        ("type", "movie"),
        ("sort", "addedAt;x"),
        ("genre", "Drama"),
        ("addedAt>", "1500000000"),
        ("unwatched!", "1"),
        ("nothing", "1"),
        ("home.title", "x"),
        ("title", ""),
    ] {
        assert!(media_query(name, value).is_err(), "{name}={value}");
    }
}

#[test]
fn requests_are_held_against_a_description() {
    let contract = Contract::of(&json!({
        "paths": {
            "/things": {
                "get": {"parameters": [
                    {"name": "page", "in": "query", "schema": {"type": "integer"}},
                    {"name": "kinds", "in": "query", "schema": {"type": "array", "items": {"enum": ["old", "new"]}}},
                    {"$ref": "#/components/parameters/word"},
                ]},
            },
            "/things/{id}": {
                "get": {},
                "delete": {"parameters": [{"name": "force", "in": "query", "schema": {"type": "boolean"}}]},
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "integer"}}],
            },
            "/things/best": {"get": {"parameters": [{"name": "since", "in": "query"}]}},
        },
        "components": {"parameters": {"word": {"name": "word", "in": "query", "required": true}}},
    }));
    for (method, path, query) in [
        ("GET", "/things", "word=a&page=2&kinds=old,new"),
        ("GET", "/things/7", ""),
        ("DELETE", "/things/7", "force=true"),
        ("GET", "/things/best", "since=1"),
    ] {
        assert_eq!(contract.check(method, path, query), Ok(()), "{path}?{query}");
    }
    for (method, path, query, problem) in [
        ("POST", "/things", "word=a", "there is no POST /things"),
        ("GET", "/things/7/more", "", "there is no GET /things/7/more"),
        ("GET", "/things", "page=1", "GET /things requires word"),
        ("GET", "/things", "word=a&page=one", "GET /things: page=one is no whole number"),
        ("GET", "/things", "word=a&kinds=old,odd", r#"GET /things: kinds=old,odd is none of ["old","new"]"#),
        ("GET", "/things", "word=a&size=1", "GET /things takes no parameter size"),
        ("GET", "/things/seven", "", "GET /things/{id}: {id} is seven, which is no whole number"),
        ("GET", "/things/7", "force=true", "GET /things/{id} takes no parameter force"),
    ] {
        assert_eq!(contract.check(method, path, query), Err(problem.to_owned()), "{path}?{query}");
    }
    let wider = contract.everywhere(&["X-*"]).knowing(&[Known {
        method: "GET",
        path: "/things/{id}",
        parameters: &["detail"],
        reason: "a test",
    }]);
    assert_eq!(wider.check("GET", "/things/7", "detail=full&X-Token=1"), Ok(()));
    assert!(wider.check("GET", "/things/7", "details=full").is_err());
}
