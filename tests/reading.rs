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
use rmcp::{
    model::{ArgumentInfo, CompleteRequestParams, GetPromptRequestParams, ReadResourceRequestParams, Reference},
    service::ServiceError,
};
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

/// Rows of several listings, newest first; items of the same second keep their order.
fn newest_first(lists: Vec<Vec<Value>>) -> Vec<Value> {
    let mut all: Vec<Value> = lists.into_iter().flatten().collect();
    all.sort_by_key(|row| std::cmp::Reverse(row["addedAt"].as_i64()));
    all
}

#[tokio::test]
async fn what_is_new_comes_from_all_libraries_in_order_and_says_what_it_belongs_to() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let mut lists = Vec::new();
    for path in ["1/all?type=1", "2/all?type=4", "3/all?type=9", "4/all?type=13"] {
        lists.push(metadata(&plex, &format!("/library/sections/{path}&sort=addedAt:desc")).await);
    }
    let expected = keys(&Value::from(newest_first(lists)));
    for limit in [7, 50, 333] {
        let all = whole(&client, "get_recently_added", "recentlyAdded", json!({"limit": limit})).await;
        assert_eq!(keys(&Value::from(all)), expected, "limit {limit}");
    }
    let all = whole(&client, "get_recently_added", "recentlyAdded", json!({"limit": 1000})).await;
    for row in &all {
        assert!(row["library"].is_string() && row["libraryKey"].is_string(), "{row}");
        let belongs = ["grandparentTitle", "parentTitle", "parentIndex", "index"];
        match row["type"].as_str().unwrap() {
            "episode" => assert!(belongs.iter().all(|key| !row[key].is_null()), "{row}"),
            "album" => assert!(row["parentTitle"].is_string(), "{row}"),
            _ => {}
        }
    }
    assert!(all.iter().any(|row| row["type"] == "episode" && row["parentIndex"] == 0), "specials are of season 0");

    // One library, one type, and filters.
    for (arguments, path) in [
        (json!({"libraryKey": "2"}), "2/all?type=4"),
        (json!({"libraryKey": "2", "type": "season"}), "2/all?type=3"),
        (json!({"type": "season"}), "2/all?type=3"),
        (
            json!({"type": "movie", "unwatched": true, "year": "1980-1999"}),
            "1/all?type=1&unwatched=1&year>=1980&year<=1999",
        ),
        (json!({"libraryKey": "1", "genre": "Drama"}), "1/all?type=1&genre=6"),
        (json!({"genre": "Drama", "type": "movie"}), "1/all?type=1&genre=6"),
    ] {
        let expected = metadata(&plex, &format!("/library/sections/{path}&sort=addedAt:desc")).await;
        let listed = whole(&client, "get_recently_added", "recentlyAdded", arguments.clone()).await;
        assert_eq!(keys(&Value::from(listed)), keys(&Value::from(expected.clone())), "{arguments}");
        assert!(!expected.is_empty(), "{arguments}");
    }
    // A genre of one library leaves the others out; one that none has is an error, and so is what no type has.
    let drama = whole(&client, "get_recently_added", "recentlyAdded", json!({"genre": "Drama"})).await;
    let kinds: BTreeSet<&str> = drama.iter().map(|row| row["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(["episode", "movie"]));
    for (arguments, field) in [
        (json!({"genre": "Nonsense"}), "genre"),
        (json!({"type": "album", "resolution": "4k"}), "resolution"),
        (json!({"offset": 5000}), "offset"),
        (json!({"limit": -5}), "limit"),
    ] {
        let (text, error) = client.fail("get_recently_added", arguments.clone()).await;
        assert_eq!(error["fields"], json!([field]), "{arguments}: {text}");
    }
    client.close().await;
}

/// Has an item played to its end.
async fn play(plex: &SamplePlex, key: &str) {
    let played = format!("{}/:/scrobble?identifier=com.plexapp.plugins.library&key={key}", plex.url());
    let answer = reqwest::Client::new().put(played).header("X-Plex-Token", TOKEN).send().await.unwrap();
    assert!(answer.status().is_success());
}

#[tokio::test]
async fn on_deck_says_how_far_things_are_and_what_comes_next() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    // Of one show the last begun episode is finished, so that the next one comes.
    let begun = metadata(&plex, "/hubs/continueWatching/items").await;
    let episode = begun.iter().find(|row| row["type"] == "episode").unwrap();
    play(&plex, episode["ratingKey"].as_str().unwrap()).await;
    let expected = metadata(&plex, "/hubs/continueWatching/items").await;
    let all = whole(&client, "get_on_deck", "onDeck", json!({"limit": 5})).await;
    assert_eq!(keys(&Value::from(all.clone())), keys(&Value::from(expected)));
    let next: Vec<&Value> = all.iter().filter(|row| row.get("viewOffset").is_none()).collect();
    assert_eq!(next.len(), 1, "{next:?}");
    assert_eq!(next[0]["grandparentRatingKey"], episode["grandparentRatingKey"]);
    assert_eq!(all[0], *next[0], "its show was played last");
    for row in &all {
        let (offset, duration) = (row["viewOffset"].as_f64(), row["duration"].as_f64().unwrap());
        let percent = row["progressPercent"].as_f64();
        assert_eq!(percent.is_some(), offset.is_some(), "{row}");
        if let (Some(offset), Some(percent)) = (offset, percent) {
            assert!((percent - offset / duration * 100.0).abs() <= 0.1, "{row}");
        }
        if row["type"] == "episode" {
            assert!(
                row["grandparentTitle"].is_string() && row["parentIndex"].is_i64() && row["index"].is_i64(),
                "{row}"
            );
        }
    }
    for (arguments, test) in [
        (json!({"type": "movie"}), (&|row: &Value| row["type"] == "movie") as Test<'_>),
        (json!({"libraryKey": "2"}), &|row| row["libraryKey"] == "2"),
        (json!({"year": "1930-1980"}), &|row| row["year"].as_i64().is_some_and(|year| (1930..=1980).contains(&year))),
    ] {
        let expected: Vec<Value> = all.iter().filter(|row| test(row)).cloned().collect();
        let kept = whole(&client, "get_on_deck", "onDeck", arguments.clone()).await;
        assert_eq!(kept, expected, "{arguments}");
        assert!(!kept.is_empty() && kept.len() < all.len(), "{arguments}");
    }
    // The genre of an episode is its show's.
    let episode = all.iter().find(|row| row["type"] == "episode").unwrap();
    let genres = genres_of(&plex, episode["grandparentRatingKey"].as_str().unwrap()).await;
    let kept = whole(&client, "get_on_deck", "onDeck", json!({"genre": genres[0]})).await;
    assert!(kept.contains(episode), "{genres:?}");
    for row in &kept {
        let owner = row["grandparentRatingKey"].as_str().unwrap_or(row["ratingKey"].as_str().unwrap());
        assert!(genres_of(&plex, owner).await.contains(&genres[0]), "{row}");
    }

    // What was played is no longer under way.
    let first = all[0]["ratingKey"].as_str().unwrap();
    play(&plex, first).await;
    let after = client.call("get_on_deck", json!({})).await;
    assert!(!keys(&after["onDeck"]).contains(&first.to_owned()));
    client.close().await;
}

#[tokio::test]
async fn an_older_server_has_its_deck_elsewhere() {
    let (plex, home) = home(Options::default()).await;
    let sample = plex.url();
    let older = Trouble::start(move |seen: Seen| {
        let sample = sample.clone();
        async move {
            if seen.path.starts_with("/hubs/continueWatching") {
                return answer(404, "text/html", "<html>Not Found</html>");
            }
            forward(&sample, "", &seen).await
        }
    })
    .await;
    let client = home.connect().await;
    let expected = client.call("get_on_deck", json!({})).await;
    client.close().await;
    let home = Home { url: older.url(), ..home };
    let client = home.connect().await;
    assert_eq!(client.call("get_on_deck", json!({})).await, expected);
    client.close().await;
}

#[tokio::test]
async fn playlists_are_told_by_type_and_sort() {
    let (_plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let all = whole(&client, "get_playlists", "playlists", json!({"limit": 2})).await;
    assert!(all.len() >= 5);
    let of = |test: Test<'_>| -> Vec<String> { keys(&all.iter().filter(|row| test(row)).cloned().collect()) };
    for (arguments, test) in [
        (json!({"type": "audio"}), (&|row: &Value| row["playlistType"] == "audio") as Test<'_>),
        (json!({"type": "photo"}), &|row| row["playlistType"] == "photo"),
        (json!({"smart": true}), &|row| row["smart"] == true),
        (json!({"smart": false, "type": "video"}), &|row| row["smart"] == false && row["playlistType"] == "video"),
    ] {
        let listed = whole(&client, "get_playlists", "playlists", arguments.clone()).await;
        assert_eq!(keys(&Value::from(listed.clone())), of(test), "{arguments}");
        assert!(!listed.is_empty(), "{arguments}");
    }
    for name in
        ["ratingKey", "key", "title", "type", "playlistType", "smart", "leafCount", "duration", "updatedAt", "addedAt"]
    {
        assert!(all.iter().all(|row| !row[name].is_null()), "{name}");
    }
    client.close().await;
}

#[tokio::test]
async fn a_long_playlist_is_read_to_its_end_with_every_entry() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let playlists = whole(&client, "get_playlists", "playlists", json!({})).await;
    let named = |title: &str| playlists.iter().find(|row| row["title"] == title).unwrap()["ratingKey"].clone();
    let long = named("Everything in Turn");
    let expected = metadata(&plex, &format!("/playlists/{}/items", long.as_str().unwrap())).await;
    let all = whole(&client, "get_playlist_items", "items", json!({"playlistId": long, "limit": 700})).await;
    assert_eq!(all.len(), 1_200);
    assert_eq!(keys(&Value::from(all.clone())), keys(&Value::from(expected)));
    let entries: BTreeSet<&str> = all.iter().map(|row| row["playlistItemID"].as_str().unwrap()).collect();
    assert_eq!(entries.len(), 1_200, "an item that is in it twice has two entries");
    assert!(keys(&Value::from(all.clone())).iter().collect::<BTreeSet<_>>().len() < 1_200);
    let special = all.iter().find(|row| row["type"] == "episode").unwrap();
    assert_eq!((&special["parentIndex"], special["grandparentTitle"].is_string()), (&json!(0), true), "{special}");

    let films = whole(&client, "get_playlist_items", "items", json!({"playlistId": long, "type": "movie"})).await;
    assert_eq!(films.len(), all.iter().filter(|row| row["type"] == "movie").count());
    let filtered = json!({"playlistId": long, "libraryKey": "1", "resolution": "4k", "unwatched": true, "limit": 13});
    let filtered = whole(&client, "get_playlist_items", "items", filtered).await;
    assert!(!filtered.is_empty());
    for row in &filtered {
        let details = client.call("get_media_details", json!({"ratingKey": row["ratingKey"]})).await["details"].clone();
        assert!(details.get("viewCount").is_none() && array(&details["media"]).len() == 2, "{details}");
    }

    let smart = client.call("get_playlist_items", json!({"playlistId": named("Unplayed Films")})).await;
    assert_eq!((&smart["smart"], &smart["title"]), (&json!(true), &json!("Unplayed Films")));
    assert!(array(&smart["items"]).iter().all(|row| row.get("playlistItemID").is_none()));
    let music = client.call("get_playlist_items", json!({"playlistId": named("Kitchen Radio")})).await;
    assert!(
        array(&music["items"]).iter().all(|row| row["grandparentTitle"].is_string() && row["parentTitle"].is_string())
    );
    let photos = client.call("get_playlist_items", json!({"playlistId": named("Snapshots")})).await;
    let kinds: BTreeSet<&str> = array(&photos["items"]).iter().map(|row| row["type"].as_str().unwrap()).collect();
    assert!(kinds.contains("photo") && kinds.contains("clip"), "{kinds:?}");

    let (text, error) = client.fail("get_playlist_items", json!({"playlistId": "42"})).await;
    assert_eq!(error["code"], "not_found");
    assert!(text.contains("playlist 42"), "{text}");
    client.close().await;
}

#[tokio::test]
async fn sessions_tell_who_plays_what_and_how() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let result = client.call("get_active_sessions", json!({})).await;
    let rows = array(&result["activeSessions"]);
    assert_eq!((rows.len(), &result["sessionCount"], &result["totalSize"]), (4, &json!(4), &json!(4)));
    assert_eq!(result["transcodeCount"], 1, "putting streams into another container is no transcoding");
    assert_eq!(result["totalBandwidth"], 8_400 + 48_000 + 7_100 + 960);
    let [film, versions, episode, track] = rows else { panic!("{result}") };
    assert_eq!(film["session"], json!({"id": "sample-session-1", "bandwidth": 8_400, "location": "lan"}));
    assert_eq!(film["transcode"]["videoDecision"], "transcode");
    assert_eq!((&film["transcode"]["throttled"], &film["transcode"]["speed"]), (&json!(true), &json!(3.2)));
    assert_eq!((&film["decision"], &film["player"]["state"]), (&json!("transcode"), &json!("playing")));
    assert_eq!(film["progressPercent"], 60.0);
    assert_eq!((&film["user"]["title"], &film["library"]), (&json!("Peregrine"), &json!("Movies")));
    // The version that is played, not the first.
    assert_eq!((&versions["media"]["videoResolution"], &versions["decision"]), (&json!("4k"), &json!("directplay")));
    assert_eq!((&versions["session"]["location"], versions.get("transcode")), (&json!("wan"), None));
    assert_eq!((&episode["parentIndex"], &episode["decision"]), (&json!(0), &json!("copy")));
    assert!(episode["grandparentTitle"].is_string() && episode["parentTitle"].is_string());
    assert_eq!((&track["type"], track["parentTitle"].is_string()), (&json!("track"), true));
    // Where people are is nobody's business.
    assert!(!result.to_string().contains("192.0.2."), "{result}");

    let second =
        client.call("get_active_sessions", json!({"limit": 1, "offset": 1, "fields": ["title", "user"]})).await;
    assert_eq!((&second["nextOffset"], array(&second["activeSessions"]).len()), (&json!(2), 1));
    assert_eq!(second["activeSessions"][0].as_object().unwrap().len(), 2);
    client.close().await;

    // A token that is good but not the owner's.
    let sample = plex.url();
    let shared = Trouble::start(move |seen: Seen| {
        let sample = sample.clone();
        async move {
            if seen.path == "/status/sessions" {
                return answer(403, "text/html", "<html>Forbidden</html>");
            }
            forward(&sample, "", &seen).await
        }
    })
    .await;
    let home = Home { url: shared.url(), ..home };
    let client = home.connect().await;
    let (text, error) = client.fail("get_active_sessions", json!({})).await;
    assert_eq!(error["code"], "unauthorized");
    assert!(text.contains("owner"), "{text}");
    client.close().await;
}

#[tokio::test]
async fn what_can_be_edited_follows_from_the_type_and_locks_are_told() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let show = "400000000";
    for (path, kind) in [
        ("/library/sections/1/all?type=1", "movie"),
        ("/library/sections/2/all?type=2", "show"),
        ("/library/sections/2/all?type=3", "season"),
        ("/library/sections/2/all?type=4", "episode"),
        ("/library/sections/3/all?type=8", "artist"),
        ("/library/sections/3/all?type=9", "album"),
        ("/library/sections/3/all?type=10", "track"),
        ("/library/sections/4/all?type=13", "photo"),
        ("/library/sections/1/all?type=18", "collection"),
    ] {
        let item = metadata(&plex, path).await.remove(0);
        let result = client.call("get_editable_fields", json!({"ratingKey": item["ratingKey"]})).await;
        assert_eq!((&result["type"], &result["title"]), (&json!(kind), &item["title"]));
        assert!(result["librarySectionID"].is_string() && !array(&result["notes"]).is_empty(), "{result}");
        let families: BTreeSet<&str> =
            array(&result["editableTags"]).iter().map(|name| name.as_str().unwrap()).collect();
        let told: BTreeSet<&str> = result["availableTags"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(families, told, "{kind}: a family without tags is told, too");
        let has = |name: &str| array(&result["editableFields"]).contains(&json!(name));
        assert!(has("title") && has("summary"), "{kind}");
        assert_eq!(has("tagline"), matches!(kind, "movie" | "show"), "{kind}");
        assert_eq!(families.contains("directors"), matches!(kind, "movie" | "episode"), "{kind}");
        assert_eq!(result["currentValues"]["title"], item["title"]);
    }
    let before = client.call("get_editable_fields", json!({"ratingKey": show})).await;
    assert_eq!(before["lockedFields"], json!([]));
    let edit = "title.value=Renamed&title.locked=1&genre.locked=1&thumb.locked=1";
    let edit = format!("{}/library/sections/2/all?type=2&id={show}&{edit}", plex.url());
    assert!(reqwest::Client::new().put(edit).header("X-Plex-Token", TOKEN).send().await.unwrap().status().is_success());
    let after = client.call("get_editable_fields", json!({"ratingKey": show})).await;
    assert_eq!(after["lockedFields"], json!(["title", "genres"]));
    assert_eq!(after["plexLockedFields"], json!(["genre", "thumb", "title"]));
    assert_eq!((&after["title"], &after["currentValues"]["title"]), (&json!("Renamed"), &json!("Renamed")));
    let (_, error) = client.fail("get_editable_fields", json!({"ratingKey": "77"})).await;
    assert_eq!(error["code"], "not_found");
    client.close().await;
}

/// A server whose lists all have 5,000 rows with summaries of 4 kB, specials and a type that nobody knows.
async fn verbose() -> Trouble {
    let summary = "Two words. ".repeat(373);
    let row = move |n: usize| {
        let about = match n % 3 {
            0 => r#"type="movie" year="1999" viewOffset="600000" duration="5400000""#.to_owned(),
            1 => {
                format!(r#"type="episode" grandparentTitle="Show" parentIndex="0" index="{n}" parentTitle="Specials""#)
            }
            _ => r#"type="hologram""#.to_owned(),
        };
        format!(
            r#"<Video ratingKey="{n}" guid="plex://movie/{n:024}" title="Title {n}" {about} addedAt="{n}" summary="{summary}"><User id="1" title="A"/></Video>"#
        )
    };
    Trouble::start(move |seen: Seen| {
        let row = row.clone();
        async move {
            let start = seen.parameter("X-Plex-Container-Start").unwrap_or(0).min(5_000);
            let size = ["X-Plex-Container-Size", "count", "limit"]
                .iter()
                .find_map(|name| seen.parameter(name))
                .unwrap_or(60)
                .min(5_000 - start);
            let rows: String = (start..start + size).map(row).collect();
            match seen.path.as_str() {
                "/library/sections" => {
                    xml(r#"<MediaContainer size="1"><Directory key="1" type="movie" title="Shelf"/></MediaContainer>"#)
                }
                "/playlists/1" => {
                    xml(r#"<MediaContainer><Playlist ratingKey="1" type="playlist" title="Long"/></MediaContainer>"#)
                }
                "/hubs/continueWatching" | "/hubs/search" => {
                    xml(format!(r#"<MediaContainer size="1"><Hub type="mixed">{rows}</Hub></MediaContainer>"#))
                }
                "/library/all" => xml("<MediaContainer size=\"0\"/>"),
                _ => xml(format!(
                    r#"<MediaContainer size="{size}" totalSize="5000" offset="{start}">{rows}</MediaContainer>"#
                )),
            }
        }
    })
    .await
}

#[tokio::test]
async fn no_list_is_too_long_and_odd_rows_stay() {
    let server = verbose().await;
    let mut home = Home::at(server.url());
    home.set("PLEX_DISCOVER_URL", server.url());
    let client = home.connect().await;
    for (tool, rows, arguments) in [
        ("get_library_items", "items", json!({"libraryKey": "1"})),
        ("search_media", "results", json!({"query": "title"})),
        ("search_media", "results", json!({"query": "title", "libraryKey": "1"})),
        ("get_recently_added", "recentlyAdded", json!({})),
        ("get_recently_added", "recentlyAdded", json!({"libraryKey": "1"})),
        ("get_on_deck", "onDeck", json!({})),
        ("get_playlists", "playlists", json!({})),
        ("get_playlist_items", "items", json!({"playlistId": "1"})),
        ("get_watchlist", "watchlist", json!({})),
        ("get_active_sessions", "activeSessions", json!({})),
    ] {
        let usual = client.try_call(tool, arguments.clone()).await.unwrap();
        assert_ne!(usual.is_error, Some(true), "{tool}: {}", text(&usual));
        assert!(text(&usual).len() < MOST_BYTES, "{tool}: {} bytes", text(&usual).len());
        let listed = usual.structured_content.unwrap();
        assert!(array(&listed[rows]).len() >= 50, "{tool} {arguments}: {} rows", array(&listed[rows]).len());
        if !matches!(tool, "get_playlists" | "get_watchlist") {
            let special = array(&listed[rows]).iter().find(|row| row["type"] == "episode").expect(tool);
            assert_eq!(special["parentIndex"], 0, "{tool}");
            assert!(array(&listed[rows]).iter().any(|row| row["type"] == "hologram"), "{tool}");
        }
        let mut much = arguments.clone();
        much["limit"] = json!(1_000);
        let result = client.try_call(tool, much).await.unwrap();
        assert!(text(&result).len() < MOST_BYTES, "{tool}: {} bytes", text(&result).len());
        let result = result.structured_content.unwrap();
        let cut = array(&result[rows]).len();
        if cut < 1_000 && tool != "get_active_sessions" {
            assert_eq!((&result["truncated"], &result["nextOffset"]), (&json!(true), &json!(cut)), "{tool}");
        }
    }
    client.close().await;
}

/// What a resource holds.
async fn read(client: &Client, uri: &str) -> Result<Value, ServiceError> {
    let result = client.service.read_resource(ReadResourceRequestParams::new(uri)).await?;
    let [contents] = result.contents.as_slice() else { panic!("{uri}: {result:?}") };
    let contents = serde_json::to_value(contents).unwrap();
    assert_eq!((&contents["uri"], &contents["mimeType"]), (&json!(uri), &json!("application/json")));
    Ok(serde_json::from_str(contents["text"].as_str().unwrap()).unwrap())
}

#[tokio::test]
async fn a_resource_is_what_its_tool_answers_and_reading_it_is_a_call() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let listed = client.service.list_all_resources().await.unwrap();
    let uris: Vec<&str> = listed.iter().map(|resource| resource.uri.as_str()).collect();
    assert_eq!(uris, ["plex://libraries", "plex://policy"]);
    assert_eq!(read(&client, "plex://libraries").await.unwrap(), client.call("get_libraries", json!({})).await);
    let policy = read(&client, "plex://policy").await.unwrap();
    assert_eq!(policy["grant"], "default");
    let templates = client.service.list_all_resource_templates().await.unwrap();
    let templates: Vec<_> = templates.iter().map(|one| one.uri_template.as_str()).collect();
    assert_eq!(templates, ["plex://library/{key}", "plex-export:///{+name}{?offset,length}"]);
    let items = read(&client, "plex://library/1").await.unwrap();
    assert_eq!(items, client.call("get_library_items", json!({"libraryKey": "1"})).await);
    for (uri, says) in [
        ("plex://nothing", "no such resource"),
        ("plex://library/", "no such resource"),
        ("plex://library/../status", "libraryKey must be a number"),
        ("plex://library/77", "library 77"),
        ("file:///etc/passwd", "no such resource"),
    ] {
        let requests = plex.request_count();
        let error = read(&client, uri).await.unwrap_err().to_string();
        assert!(error.contains(says), "{uri}: {error}");
        assert!(uri.ends_with("77") || plex.request_count() == requests, "{uri}");
    }
    client.close().await;
    let tools: Vec<String> = home.rows().await.into_iter().map(|row| row.tool).collect();
    let count = |name: &str| tools.iter().filter(|tool| *tool == name).count();
    // Two that were read as resources and called as tools, and two bad addresses of libraries.
    assert_eq!((count("get_libraries"), count("get_policy"), count("get_library_items")), (2, 1, 4), "{tools:?}");
}

#[tokio::test]
async fn what_the_policy_refuses_is_no_resource_either() {
    let (plex, home) = home(Options::default()).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\nhide = [\"get_library_items\", \"read_export\"]\n[tools.get_libraries]\naction = \"deny\"\n",
    );
    let client = home.connect().await;
    assert!(client.service.list_all_resource_templates().await.unwrap().is_empty());
    let error = read(&client, "plex://libraries").await.unwrap_err().to_string();
    assert!(error.contains("[POLICY DENIED]"), "{error}");
    let hidden = read(&client, "plex://library/1").await.unwrap_err().to_string();
    assert_eq!(hidden, read(&client, "plex://nothing").await.unwrap_err().to_string());
    assert!(complete(&client, Reference::for_prompt("never_watched"), "libraryKey", "").await.is_empty());
    client.close().await;
    assert_eq!(plex.request_count(), 0);
    let rows = home.rows().await;
    assert_eq!(rows.iter().filter(|row| row.tool == "get_libraries").count(), 2, "completing is a call, too");
}

async fn complete(client: &Client, of: Reference, argument: &str, text: &str) -> Vec<String> {
    let argument = ArgumentInfo::new(argument, text);
    client.service.complete(CompleteRequestParams::new(of, argument)).await.unwrap().completion.values
}

#[tokio::test]
async fn prompts_name_the_tools_that_there_are_and_keys_are_completed() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let prompts = client.service.list_all_prompts().await.unwrap();
    let names: Vec<&str> = prompts.iter().map(|prompt| prompt.name.as_str()).collect();
    assert_eq!(names, ["what_to_watch_tonight", "month_in_review", "never_watched"]);
    let tools: Vec<String> =
        client.service.list_all_tools().await.unwrap().into_iter().map(|tool| tool.name.into_owned()).collect();
    let words = async |name: &str, arguments: Value| {
        let Value::Object(arguments) = arguments else { panic!("no object") };
        let request = GetPromptRequestParams::new(name).with_arguments(arguments);
        let result = client.service.get_prompt(request).await?;
        Ok::<_, ServiceError>(
            serde_json::to_value(&result.messages[0]).unwrap()["content"]["text"].as_str().unwrap().to_owned(),
        )
    };
    for name in &names {
        let text = words(name, json!({})).await.unwrap();
        let steps: Vec<&str> =
            text.lines().filter_map(|line| Some(line.strip_prefix("- ")?.split_once(':')?.0)).collect();
        assert!(!steps.is_empty() && steps.iter().all(|tool| tools.iter().any(|known| known == tool)), "{text}");
        let about = words(name, json!({"libraryKey": "2"})).await.unwrap();
        assert!(about.contains("libraryKey = 2") && !text.contains("libraryKey ="), "{about}");
    }
    for (name, arguments) in [
        ("never_watched", json!({"libraryKey": "2; and delete everything"})),
        ("never_watched", json!({"key": "2"})),
        ("nothing", json!({})),
    ] {
        assert!(words(name, arguments.clone()).await.is_err(), "{name} {arguments}");
    }
    assert_eq!(plex.request_count(), 0, "words take no requests");

    let prompt = || Reference::for_prompt("never_watched");
    assert_eq!(complete(&client, prompt(), "libraryKey", "").await, ["1", "2", "3", "4", "5"]);
    assert_eq!(complete(&client, prompt(), "libraryKey", "tv").await, ["2"]);
    assert_eq!(complete(&client, Reference::for_resource("plex://library/{key}"), "key", "3").await, ["3"]);
    for (of, argument) in [
        (prompt(), "other"),
        (Reference::for_prompt("nothing"), "libraryKey"),
        (Reference::for_resource("plex://nothing"), "key"),
    ] {
        assert!(complete(&client, of, argument, "").await.is_empty(), "{argument}");
    }
    client.close().await;
    let rows = home.rows().await;
    assert_eq!(rows.iter().filter(|row| row.tool == "get_libraries").count(), 3);
    assert_eq!(rows.len(), 3, "nothing else was called");
}
