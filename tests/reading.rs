//! The tools that list what there is to watch: filters and fields of all lists, what is new, what is under way, playlists,
//! the watchlist, sessions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{Options, SamplePlex};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use support::{
    Client, Home, TOKEN, as_plex_json, home, text,
    trouble::{Seen, Trouble, answer, forward, redirect, xml},
};

/// No answer is longer: clients refuse what is beyond 25,000 tokens.
const MOST_BYTES: usize = 75_000;

/// What a row has to be like.
type Test<'t> = &'t dyn Fn(&Value) -> bool;

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn keys(rows: &Value) -> Vec<String> {
    array(rows).iter().map(|row| row["ratingKey"].as_str().unwrap().to_owned()).collect()
}

/// The rows that the sample server has at a path, by its own encoder.
async fn metadata(plex: &SamplePlex, path: &str) -> Vec<Value> {
    array(&as_plex_json(plex, path).await["Metadata"]).to_vec()
}

/// All rows by way of `nextOffset`, none of whose answers is too long.
async fn whole(client: &Client, tool: &str, rows: &str, arguments: Value) -> Vec<Value> {
    let mut all = Vec::new();
    let mut arguments = arguments;
    for _ in 0..500 {
        let result = client.try_call(tool, arguments.clone()).await.unwrap();
        assert_ne!(result.is_error, Some(true), "{tool} {arguments}: {}", text(&result));
        assert!(text(&result).len() < MOST_BYTES, "{tool} {arguments}: {} bytes", text(&result).len());
        let part = result.structured_content.unwrap();
        all.extend(array(&part[rows]).to_vec());
        let Some(next) = part["nextOffset"].as_u64() else {
            if let Some(total) = part["totalSize"].as_u64() {
                assert_eq!(all.len() as u64, total, "{tool} {arguments}");
            }
            return all;
        };
        assert_eq!(next, part["offset"].as_u64().unwrap() + array(&part[rows]).len() as u64);
        arguments["offset"] = next.into();
    }
    panic!("{tool} {arguments} never ends");
}

/// A film's tags of a family, as its details have them.
async fn genres_of(plex: &SamplePlex, key: &str) -> Vec<String> {
    let rows = metadata(plex, &format!("/library/metadata/{key}")).await;
    array(&rows[0]["Genre"]).iter().map(|tag| tag["tag"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn filters_leave_what_meets_them_of_every_type() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let films = metadata(&plex, "/library/sections/1/all?type=1").await;
    let episodes = metadata(&plex, "/library/sections/2/all?type=4").await;
    let shows = metadata(&plex, "/library/sections/2/all?type=2").await;
    let year = |row: &Value| row["year"].as_i64();
    let watched = |row: &Value| row.get("viewCount").is_some();
    let has_4k = |row: &Value| array(&row["Media"]).iter().any(|media| media["videoResolution"] == "4k");
    let finished = |row: &Value| row["viewedLeafCount"] == row["leafCount"];
    let cases: [(Value, &[Value], Test<'_>); 10] = [
        (json!({"libraryKey": "1", "unwatched": true}), &films, &|row| !watched(row)),
        (json!({"libraryKey": "1", "unwatched": false}), &films, &watched),
        (json!({"libraryKey": "1", "year": 1999}), &films, &|row| year(row) == Some(1999)),
        (json!({"libraryKey": "1", "year": "1990-1999"}), &films, &|row| {
            year(row).is_some_and(|year| (1990..=1999).contains(&year))
        }),
        (json!({"libraryKey": "1", "resolution": "4k"}), &films, &has_4k),
        (json!({"libraryKey": "1", "resolution": "720"}), &films, &|_| false),
        (json!({"libraryKey": "1", "addedSince": "1270000000"}), &films, &|row| {
            row["addedAt"].as_i64().unwrap() >= 1_270_000_000
        }),
        (json!({"libraryKey": "2", "type": "episode", "unwatched": true}), &episodes, &|row| !watched(row)),
        (json!({"libraryKey": "2", "unwatched": true}), &shows, &|row| !finished(row)),
        (json!({"libraryKey": "2", "unwatched": false}), &shows, &finished),
    ];
    for (arguments, rows, test) in cases {
        let expected: Vec<&str> =
            rows.iter().filter(|row| test(row)).map(|row| row["ratingKey"].as_str().unwrap()).collect();
        let listed = whole(&client, "get_library_items", "items", arguments.clone()).await;
        let listed: Vec<&str> = listed.iter().map(|row| row["ratingKey"].as_str().unwrap()).collect();
        assert_eq!(listed, expected, "{arguments}");
        assert!(expected.len() < rows.len(), "{arguments} leaves something out");
    }

    // Exactly then, too.
    let at = films[30]["addedAt"].as_i64().unwrap();
    for (since, first) in [(at, true), (at + 1, false)] {
        let arguments = json!({"libraryKey": "1", "addedSince": since, "limit": 1000});
        let listed = client.call("get_library_items", arguments).await;
        assert_eq!(keys(&listed["items"]).contains(&films[30]["ratingKey"].as_str().unwrap().to_owned()), first);
    }
    client.close().await;
}

#[tokio::test]
async fn genres_go_by_name_and_are_asked_of_what_has_them() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let films = metadata(&plex, "/library/sections/1/all?type=1").await;
    for (genre, any_of) in [("drama", &["Drama"][..]), ("Drama, Horror", &["Drama", "Horror"])] {
        let mut expected = Vec::new();
        for film in &films {
            let key = film["ratingKey"].as_str().unwrap();
            if genres_of(&plex, key).await.iter().any(|own| any_of.contains(&own.as_str())) {
                expected.push(key);
            }
        }
        let listed = whole(&client, "get_library_items", "items", json!({"libraryKey": "1", "genre": genre})).await;
        let listed: Vec<&str> = listed.iter().map(|row| row["ratingKey"].as_str().unwrap()).collect();
        assert_eq!(listed, expected, "{genre}");
        assert!(!expected.is_empty() && expected.len() < films.len());
    }

    // An episode has its show's genres, a track its album's.
    let shows = metadata(&plex, "/library/sections/2/all?type=2").await;
    let show = shows[0]["ratingKey"].as_str().unwrap();
    let genre = genres_of(&plex, show).await.remove(0);
    let arguments =
        json!({"libraryKey": "2", "type": "episode", "genre": genre, "fields": ["ratingKey", "grandparentRatingKey"]});
    let listed = whole(&client, "get_library_items", "items", arguments).await;
    let of: BTreeSet<&str> = listed.iter().map(|row| row["grandparentRatingKey"].as_str().unwrap()).collect();
    for show in &shows {
        let key = show["ratingKey"].as_str().unwrap();
        assert_eq!(of.contains(key), genres_of(&plex, key).await.contains(&genre), "{key}");
    }

    let requests = plex.request_count();
    let (text, error) = client.fail("get_library_items", json!({"libraryKey": "1", "genre": "Dramma"})).await;
    assert_eq!((&error["code"], &error["fields"]), (&json!("invalid_argument"), &json!(["genre"])));
    assert!(text.contains("genre must be one of") && text.contains("Drama"), "{text}");
    assert!(plex.request_count() > requests, "the library was asked for its genres");
    client.close().await;
}

#[tokio::test]
async fn a_filter_that_makes_no_sense_is_named_before_anything_is_sent() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    for (tool, arguments, field) in [
        ("get_library_items", json!({"libraryKey": "1", "year": "new"}), "year"),
        ("get_library_items", json!({"libraryKey": "1", "addedSince": "yesterday"}), "addedSince"),
        ("get_library_items", json!({"libraryKey": "1", "resolution": "8k"}), "resolution"),
        ("get_library_items", json!({"libraryKey": "1", "genre": " , "}), "genre"),
        ("get_library_items", json!({"libraryKey": "1", "unwatched": "maybe"}), "unwatched"),
        ("get_library_items", json!({"libraryKey": "1", "fields": ["title", "tilte"]}), "fields"),
        ("get_library_items", json!({"libraryKey": "3", "type": "album", "resolution": "4k"}), "resolution"),
        ("search_media", json!({"query": "the", "year": 1999}), "year"),
        ("search_media", json!({"query": "the", "fields": ["nothing"]}), "fields"),
    ] {
        let (text, error) = client.fail(tool, arguments.clone()).await;
        assert_eq!(error["fields"], json!([field]), "{arguments}: {text}");
    }
    assert_eq!(plex.request_count(), 0);
    client.close().await;
}

#[tokio::test]
async fn fields_pick_keys_and_nothing_else() {
    let (_plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let arguments = json!({"libraryKey": "1", "fields": ["title", "genres", "rating", "viewCount"], "limit": 50});
    let result = client.call("get_library_items", arguments).await;
    let known: HashSet<&str> = ["title", "genres", "rating", "viewCount"].into();
    let seen: HashSet<&str> =
        array(&result["items"]).iter().flat_map(|row| row.as_object().unwrap().keys()).map(String::as_str).collect();
    assert_eq!(seen, known);
    // As models write lists.
    let result = client.call("get_library_items", json!({"libraryKey": "1", "fields": "title, year"})).await;
    let first = result["items"][0].as_object().unwrap();
    assert!(first.keys().all(|key| ["title", "year"].contains(&key.as_str())), "{first:?}");
    let (text, _) = client.fail("get_library_items", json!({"libraryKey": "1", "fields": ["tilte"]})).await;
    assert!(text.contains("tilte") && text.contains("ratingKey, title,"), "{text}");
    client.close().await;
}

#[tokio::test]
async fn a_search_within_a_library_takes_the_filters() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let expected = metadata(&plex, "/library/sections/1/all?type=1&title=the&unwatched=1&year>=1980&year<=2020").await;
    let arguments = json!({"query": "the", "libraryKey": "1", "unwatched": true, "year": "1980-2020"});
    let found = whole(&client, "search_media", "results", arguments).await;
    assert_eq!(keys(&Value::from(found)), keys(&Value::from(expected.clone())));
    assert!(!expected.is_empty());
    client.close().await;
}

#[tokio::test]
async fn a_server_that_ignores_a_filter_is_told_of() {
    let (plex, home) = home(Options::default()).await;
    let sample = plex.url();
    let server = Trouble::start(move |mut seen: Seen| {
        let sample = sample.clone();
        async move {
            seen.query = seen.query.replace("unwatched=1", "x=1").replace("show.unwatchedLeaves=1", "x=1");
            forward(&sample, "", &seen).await
        }
    })
    .await;
    let home = Home { url: server.url(), ..home };
    let client = home.connect().await;
    for arguments in [json!({"libraryKey": "1", "unwatched": true}), json!({"libraryKey": "1", "unwatched": false})] {
        let result = client.call("get_library_items", arguments.clone()).await;
        let warned = result["warning"].as_str().is_some_and(|text| text.contains("unwatched"));
        assert_eq!(warned, arguments["unwatched"] == true, "{result}");
    }
    client.close().await;
}

#[tokio::test]
async fn the_whole_watchlist_is_there_and_matched_with_few_requests() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let first = client.call("get_watchlist", json!({"limit": 30})).await;
    assert_eq!(
        (&first["totalSize"], &first["nextOffset"], &first["truncated"]),
        (&json!(45), &json!(30), &json!(false))
    );
    let all = whole(&client, "get_watchlist", "watchlist", json!({"limit": 30})).await;
    assert_eq!(all.len(), 45);
    let discover: BTreeSet<&str> = all.iter().map(|row| row["discoverKey"].as_str().unwrap()).collect();
    assert_eq!(discover.len(), 45);
    let mut matched = 0;
    for row in &all {
        let guid = row["guid"].as_str().unwrap();
        assert!(guid.ends_with(row["discoverKey"].as_str().unwrap()));
        assert_eq!(row["inLibrary"], row.get("ratingKey").is_some(), "{row}");
        assert_eq!(array(&row["copies"]).is_empty(), row["inLibrary"] == false, "{row}");
        if let Some(key) = row["ratingKey"].as_str() {
            let details = client.call("get_media_details", json!({"ratingKey": key})).await["details"].clone();
            assert_eq!(details["guid"], guid);
            assert_eq!(row["copies"][0]["library"], details["library"]);
            matched += 1;
        }
    }
    assert!((10..30).contains(&matched), "{matched}");
    let kinds = |kind: &str| all.iter().filter(|row| row["type"] == kind).count();
    assert!(kinds("movie") > 0 && kinds("show") > 0);
    let shows = whole(&client, "get_watchlist", "watchlist", json!({"type": "show"})).await;
    assert_eq!(shows.len(), kinds("show"));

    let before = plex.requests().len();
    client.call("get_watchlist", json!({"limit": 1000})).await;
    let requests: Vec<_> = plex.requests().split_off(before);
    let listing = requests.iter().filter(|request| request.path_and_query.starts_with("/library/all?")).count();
    assert_eq!(listing, 2, "one request for films and one for shows: {requests:?}");
    assert!(requests.len() <= 6, "{requests:?}");
    assert!(requests.iter().all(|request| request.token_in_header && !request.token_in_url));

    let plain = client.call("get_watchlist", json!({"fields": ["title", "year"]})).await;
    assert!(plain["watchlist"][0].get("guid").is_none());
    client.close().await;
}

#[tokio::test]
async fn editions_are_copies_of_one_wish() {
    let (plex, home) = home(Options::default()).await;
    // The second edition of a film shares its guid.
    let films = metadata(&plex, "/library/sections/1/all?type=1").await;
    let edition = films.iter().position(|film| film.get("editionTitle").is_some()).unwrap();
    let guid = films[edition]["guid"].as_str().unwrap();
    let add = format!("{}/discover/actions/addToWatchlist?ratingKey={}", plex.url(), guid.rsplit('/').next().unwrap());
    let added = reqwest::Client::new().put(add).header("X-Plex-Token", TOKEN).send().await.unwrap();
    assert!(added.status().is_success());
    let client = home.connect().await;
    let first = client.call("get_watchlist", json!({"limit": 1})).await["watchlist"][0].clone();
    assert_eq!(first["guid"], guid, "the last added comes first");
    let editions: Vec<_> = array(&first["copies"]).iter().map(|copy| copy["editionTitle"].as_str()).collect();
    assert_eq!(editions, [None, Some("Director's Cut")]);
    client.close().await;
}

#[tokio::test]
async fn an_account_without_a_watchlist_is_told_so() {
    let (plex, mut home) = home(Options::default()).await;
    for status in [401, 403] {
        let discover = Trouble::always(status, "text/xml", "<errors/>").await;
        home.set("PLEX_DISCOVER_URL", discover.url());
        let client = home.connect().await;
        let (text, error) = client.fail("get_watchlist", json!({})).await;
        assert_eq!(error["code"], "unauthorized");
        assert!(text.contains("watchlist") && text.contains("managed users") && !text.contains(TOKEN), "{text}");
        assert_eq!(discover.count(), 1);
        client.close().await;
    }
    assert_eq!(plex.request_count(), 0, "the server itself is not asked in vain");
}

#[tokio::test]
async fn a_watchlist_is_shown_even_where_it_cannot_be_matched() {
    let (plex, mut home) = home(Options::default()).await;
    home.set("PLEX_DISCOVER_URL", format!("{}/discover", plex.url()));
    let broken = Trouble::start(|seen: Seen| async move {
        if seen.path == "/library/all" { answer(500, "text/plain", "broken") } else { xml("<MediaContainer/>") }
    })
    .await;
    let home = Home { url: broken.url(), ..home };
    let client = home.connect().await;
    let result = client.call("get_watchlist", json!({})).await;
    assert_eq!(array(&result["watchlist"]).len(), 45);
    assert!(result["warning"].as_str().is_some_and(|text| text.contains("not known")), "{result}");
    assert!(array(&result["watchlist"]).iter().all(|row| row.get("inLibrary").is_none()));
    client.close().await;
}

#[tokio::test]
async fn the_token_stays_with_discover() {
    let (_plex, mut home) = home(Options::default()).await;
    let elsewhere = Trouble::always(200, "text/xml", "<MediaContainer/>").await;
    let to = format!("{}/library/sections/watchlist/all", elsewhere.url());
    let discover = Trouble::start(move |_| {
        let to = to.clone();
        async move { redirect(302, &to) }
    })
    .await;
    home.set("PLEX_DISCOVER_URL", discover.url());
    let client = home.connect().await;
    let (text, error) = client.fail("get_watchlist", json!({})).await;
    assert_eq!(error["code"], "redirected", "{text}");
    assert!(text.contains("PLEX_DISCOVER_URL"), "{text}");
    assert_eq!(elsewhere.count(), 0);
    assert_eq!(discover.requests()[0].headers["x-plex-token"], TOKEN);
    client.close().await;
}
