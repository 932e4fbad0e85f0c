//! The numbers of a library are those of its items, whichever way they are counted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{Deviations, Options, SamplePlex};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{as_plex_json, home};

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

async fn listed(plex: &SamplePlex, library: &str, kind: u64) -> Vec<Value> {
    rows(&as_plex_json(plex, &format!("/library/sections/{library}/all?type={kind}")).await["Metadata"]).to_vec()
}

/// Plex's numbers of the types that a library of this kind can hold, and of the one that is played.
fn types(kind: &str) -> (&'static [(&'static str, u64)], u64) {
    match kind {
        "movie" => (&[("movie", 1), ("collection", 18)], 1),
        "show" => (&[("show", 2), ("season", 3), ("episode", 4), ("collection", 18)], 4),
        "artist" => (&[("artist", 8), ("album", 9), ("track", 10), ("collection", 18)], 10),
        _ => (&[("photo", 13)], 13),
    }
}

fn labels(list: &Value) -> BTreeMap<String, u64> {
    rows(list).iter().map(|row| (row["name"].as_str().unwrap().into(), row["count"].as_u64().unwrap())).collect()
}

fn count<'a>(values: impl Iterator<Item = &'a Value>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for value in values {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !value.is_null() {
            *counts.entry(text).or_default() += 1;
        }
    }
    counts
}

#[tokio::test]
async fn counts_are_told_without_reading_an_item() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let result = client.call("get_library_stats", json!({})).await;
    assert!(
        plex.requests().iter().all(|request| request.path_and_query.contains("Container-Size=0")
            || request.path_and_query == "/library/sections")
    );
    assert_eq!((&result["detail"], &result["totalLibraries"]), (&json!("counts"), &json!(5)));
    for library in rows(&result["libraries"]) {
        let key = library["key"].as_str().unwrap();
        let (kinds, played) = types(library["type"].as_str().unwrap());
        for (name, number) in kinds {
            let expected = listed(&plex, key, *number).await.len();
            let told = rows(&library["items"]).iter().find(|items| items["type"] == *name).unwrap();
            assert_eq!(told["count"], expected, "{name} of {library}");
        }
        let items = listed(&plex, key, played).await;
        if library["type"] == "photo" {
            assert!(library.get("unwatched").is_none());
            continue;
        }
        let unwatched = items.iter().filter(|item| item["viewCount"].as_u64().unwrap_or(0) == 0).count();
        assert_eq!(library["unwatched"]["unwatched"], unwatched, "{library}");
        assert_eq!(library["unwatched"]["total"], items.len());
        let share = if items.is_empty() { 0.0 } else { unwatched as f64 / items.len() as f64 };
        assert!((library["unwatched"]["share"].as_f64().unwrap() - share).abs() < 0.001);
        assert!(library.get("held").is_none());
    }
    client.close().await;
}

#[tokio::test]
async fn what_a_library_holds_is_the_sum_of_its_items_on_pages_of_any_size() {
    for page_cap in [None, Some(7)] {
        let deviations = Deviations { page_cap, ..Deviations::default() };
        let (plex, home) = home(Options { deviations, ..Options::default() }).await;
        let (whole, _) = support::home(Options::default()).await;
        let client = home.connect().await;
        for (key, leaf, title) in [("1", 1, 1), ("2", 4, 2), ("3", 10, 8), ("4", 13, 13)] {
            let result = client.call("get_library_stats", json!({"libraryKey": key})).await;
            let held = &result["libraries"][0]["held"];
            let leaves = listed(&whole, key, leaf).await;
            let media: Vec<&Value> = leaves.iter().flat_map(|item| rows(&item["Media"])).collect();
            let parts: Vec<&Value> = media.iter().flat_map(|media| rows(&media["Part"])).collect();
            assert_eq!(held["files"], parts.len(), "{key}");
            assert!(!parts.is_empty());
            let bytes: u64 = parts.iter().map(|part| part["size"].as_u64().unwrap_or(0)).sum();
            assert_eq!(held["sizeBytes"], bytes, "{key}");
            let hours: u64 = leaves.iter().map(|item| item["duration"].as_u64().unwrap_or(0)).sum();
            assert!((held["hours"].as_f64().unwrap() - hours as f64 / 3.6e6).abs() < 0.051, "{key}");
            for (list, name) in [
                ("resolutions", "videoResolution"),
                ("videoCodecs", "videoCodec"),
                ("audioCodecs", "audioCodec"),
                ("containers", "container"),
            ] {
                assert_eq!(labels(&held[list]), count(media.iter().map(|media| &media[name])), "{list} of {key}");
            }
            let titles = listed(&whole, key, title).await;
            let genres = count(titles.iter().flat_map(|title| rows(&title["Genre"])).map(|genre| &genre["tag"]));
            for (name, told) in labels(&held["genres"]) {
                assert_eq!(told, genres[&name], "{name} of {key}");
            }
            let decades: u64 = labels(&held["decades"]).values().sum();
            assert_eq!(decades, titles.iter().filter(|title| title["year"].is_u64()).count() as u64);
            let months: u64 = labels(&held["addedByMonth"]).values().sum();
            assert_eq!(months + held["addedEarlier"].as_u64().unwrap(), leaves.len() as u64, "{key}");
            assert!(rows(&held["addedByMonth"]).len() <= 24);
        }
        if page_cap.is_some() {
            assert!(plex.request_count() > 50, "the pages were small");
        }
        client.close().await;
    }
}

#[tokio::test]
async fn all_libraries_can_be_read_and_an_unknown_one_is_named() {
    let (_plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let result = client.call("get_library_stats", json!({"detail": "full"})).await;
    let read = rows(&result["libraries"]).iter().filter(|library| library["held"].is_object()).count();
    assert_eq!(read, 5, "{result}");
    assert!(result.to_string().len() < 75_000);
    let one = client.call("get_library_stats", json!({"libraryKey": "1", "detail": "counts"})).await;
    assert!(one["libraries"][0].get("held").is_none());
    let (error, _) = client.fail("get_library_stats", json!({"libraryKey": "99"})).await;
    assert!(error.contains("library 99 was not found"), "{error}");
    client.close().await;
}
