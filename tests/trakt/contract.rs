//! Every request that the tools send to Trakt, held against Trakt's own description of its interface, and the bodies of
//! those that change something. The description is no part of this project: `PLEX_MCP_SPEC` names the directory with
//! `trakt.openapi.json`, and without it there is nothing to hold against.

use crate::{
    signed_in,
    support::contract::{self, Known},
};
use plex_mcp::demo::TraktOptions;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What Trakt takes though its description does not say so.
const KNOWN: &[Known] = &[
    Known {
        method: "GET",
        path: "/users/{id}",
        parameters: &["extended"],
        reason: "the description has it with a slash at its end",
    },
    Known {
        method: "GET",
        path: "/sync/watched/{type}",
        parameters: &["page", "limit"],
        reason: "Trakt gives these lists by page since 2026",
    },
    Known {
        method: "GET",
        path: "/search/movie,show",
        parameters: &["query", "extended", "page", "limit", "years"],
        reason: "the description's own text says that several types are divided by commas; years is a filter of all lists",
    },
    Known { method: "GET", path: "/search/{type}", parameters: &["years"], reason: "years is a filter of all lists" },
];

#[tokio::test]
#[allow(clippy::print_stderr, reason = "says what it leaves out")]
async fn every_request_to_trakt_is_one_that_trakt_describes() {
    let Some(file) = contract::directory().map(|directory| directory.join("trakt.openapi.json")) else {
        eprintln!("PLEX_MCP_SPEC names no directory: nothing was held against Trakt's description");
        return;
    };
    let contract = contract::load(&file).knowing(KNOWN);
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    for (tool, arguments) in [
        ("trakt_get_auth_status", json!({})),
        ("trakt_get_user_stats", json!({})),
        ("trakt_search", json!({"query": "the", "year": 1990})),
        ("trakt_search", json!({"query": "the", "type": "show", "year": 1990})),
        ("trakt_sync_to_trakt", json!({"dryRun": false, "batchSize": 500, "includeRatings": true})),
        ("trakt_sync_from_trakt", json!({})),
        ("trakt_start_scrobbling", json!({"ratingKey": "1001", "progress": 5})),
        ("trakt_start_scrobbling", json!({"ratingKey": "1001", "progress": 50, "action": "pause"})),
        ("trakt_start_scrobbling", json!({"ratingKey": "1001", "progress": 90, "action": "stop"})),
        ("trakt_authenticate", json!({})),
        ("trakt_complete_auth", json!({"waitSeconds": 1})),
    ] {
        client.call(tool, arguments).await;
    }
    let authorisation = trakt.authorisation_code();
    client.call("trakt_complete_auth", json!({"code": authorisation})).await;
    trakt.revoke();
    client.call("trakt_get_auth_status", json!({})).await;
    client.close().await;

    let mut problems = BTreeSet::new();
    let mut asked = BTreeSet::new();
    for seen in trakt.requests() {
        let (path, query) = seen.path_and_query.split_once('?').unwrap_or((&seen.path_and_query, ""));
        problems.extend(contract.check(&seen.method, path, query).err());
        asked.insert(format!("{} {path}", seen.method));
        if path == "/sync/history" {
            problems.extend(history_problems(&seen.body));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    for path in [
        "/oauth/device/code",
        "/oauth/device/token",
        "/oauth/token",
        "/sync/history",
        "/sync/ratings",
        "/scrobble/stop",
    ] {
        assert!(asked.contains(&format!("POST {path}")), "{path} was never asked for: {asked:#?}");
    }
}

/// What is wrong with plays: each needs an id of the right type, whole numbers and a time.
fn history_problems(body: &Value) -> Vec<String> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let ids = |value: &Value| {
        let ids = value["ids"].as_object().cloned().unwrap_or_default();
        let good = |(service, id): (&String, &Value)| match service.as_str() {
            "imdb" => id.as_str().is_some_and(|id| id.starts_with("tt")),
            "tmdb" | "tvdb" | "trakt" => id.is_i64(),
            _ => false,
        };
        !ids.is_empty() && ids.iter().all(good)
    };
    let time = |value: &Value| value["watched_at"].as_str().is_some_and(|at| at.ends_with('Z') && at.len() == 20);
    let mut problems = Vec::new();
    for play in list(body, "movies").into_iter().chain(list(body, "episodes")) {
        if !ids(&play) || !time(&play) {
            problems.push(format!("no play: {play}"));
        }
    }
    for show in list(body, "shows") {
        for season in list(&show, "seasons") {
            for episode in list(&season, "episodes") {
                let numbers = season["number"].is_u64() && episode["number"].is_u64();
                if !ids(&show) || !numbers || !time(&episode) {
                    problems.push(format!("no play: {show}"));
                }
            }
        }
    }
    problems
}
