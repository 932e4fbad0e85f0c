//! Watched lists on their way back: the difference, and what is marked in Plex.

use crate::{
    signed_in,
    support::{Client, as_plex_json},
};
use plex_mcp::demo::{SamplePlex, TraktOptions};
use serde_json::{Value, json};

async fn item(plex: &SamplePlex, key: &str) -> Value {
    as_plex_json(plex, &format!("/library/metadata/{key}?includeGuids=1")).await["Metadata"][0].clone()
}

fn id(item: &Value, service: &str) -> i64 {
    let prefix = format!("{service}://");
    let guids = item["Guid"].as_array().unwrap();
    guids.iter().find_map(|guid| guid["id"].as_str()?.strip_prefix(&prefix)?.parse().ok()).unwrap()
}

async fn compare(client: &Client, arguments: Value) -> Value {
    client.call("trakt_sync_from_trakt", arguments).await
}

#[tokio::test]
async fn what_only_trakt_has_is_marked_in_plex_and_nothing_else_is_touched() {
    let (plex, trakt, home) = signed_in(TraktOptions::default()).await;
    // Film 0 is unwatched, film 1 was watched once, film 13 is half watched; a special, and a film that is not there.
    let (unwatched, watched, begun) = (item(&plex, "1000").await, item(&plex, "1001").await, item(&plex, "1013").await);
    assert!(unwatched.get("viewCount").is_none() && watched["viewCount"] == 1 && begun["viewOffset"].is_i64());
    for film in [&unwatched, &watched, &begun] {
        trakt.add_play(&json!({"movie": {"ids": {"tmdb": id(film, "tmdb")}}}), 1_650_000_000);
    }
    trakt.add_play(&json!({"movie": {"title": "Not Here", "ids": {"tmdb": 1}}}), 1_650_000_000);
    let episodes = as_plex_json(&plex, "/library/sections/2/all?type=4&includeGuids=1").await;
    let special = episodes["Metadata"]
        .as_array()
        .unwrap()
        .iter()
        .find(|episode| {
            episode["parentIndex"] == 0 && episode.get("viewCount").is_none() && episode.get("viewOffset").is_none()
        })
        .unwrap();
    let show = item(&plex, special["grandparentRatingKey"].as_str().unwrap()).await;
    trakt.add_play(
        &json!({"show": {"ids": {"tvdb": id(&show, "tvdb")}}, "episode": {"season": 0, "number": special["index"]}}),
        1_650_000_000,
    );

    let client = home.connect().await;
    let before = compare(&client, json!({"only": "on_trakt"})).await;
    let counts = &before["counts"];
    assert_eq!(
        (&counts["onTrakt"], &counts["inProgress"], &counts["notInPlex"], &counts["both"]),
        (&json!(2), &json!(1), &json!(1), &json!(1)),
        "{before}"
    );
    assert!(counts["inPlex"].as_u64().unwrap() > 100, "{before}");
    let keys: Vec<&str> =
        before["differences"].as_array().unwrap().iter().map(|row| row["ratingKey"].as_str().unwrap()).collect();
    let special_key = special["ratingKey"].as_str().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&"1000") && keys.contains(&special_key), "{keys:?}");
    let scrobbles = || plex.requests().iter().filter(|seen| seen.path_and_query.contains("/:/scrobble")).count();
    assert_eq!((before["marked"].as_u64(), scrobbles()), (Some(0), 0), "nothing was changed");

    let applied = compare(&client, json!({"apply": true})).await;
    assert_eq!(
        (applied["marked"].as_u64(), applied["remaining"].as_u64(), scrobbles()),
        (Some(2), Some(0), 2),
        "{applied}"
    );
    assert_eq!(item(&plex, "1000").await["viewCount"], 1);
    assert_eq!(item(&plex, special_key).await["viewCount"], 1);
    assert_eq!(item(&plex, "1001").await["viewCount"], 1, "what was watched is not watched twice");
    assert_eq!(item(&plex, "1013").await["viewOffset"], begun["viewOffset"], "a play under way goes on");

    let again = compare(&client, json!({"apply": true})).await;
    assert_eq!((again["marked"].as_u64(), scrobbles()), (Some(0), 2), "{again}");
    client.close().await;
    let rows = home.rows().await;
    let changed: Vec<_> =
        rows.iter().filter(|row| row.tool == "trakt_sync_from_trakt" && row.affected.items == Some(2)).collect();
    assert_eq!(changed.len(), 1, "{rows:?}");
}

#[tokio::test]
async fn a_comparison_needs_no_approval_and_marking_does() {
    let (plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let film = item(&plex, "1000").await;
    trakt.add_play(&json!({"movie": {"ids": {"tmdb": id(&film, "tmdb")}}}), 1_650_000_000);
    home.policy("version = \"1\"\ndefault = \"allow\"\n[kinds.write]\naction = \"ask\"\n");
    let client = home.connect().await;
    let compared = compare(&client, json!({})).await;
    assert_eq!(compared["counts"]["onTrakt"], 1);
    let (text, structured) = client.fail("trakt_sync_from_trakt", json!({"apply": true})).await;
    assert_eq!(structured["code"], "approval_required", "{text}");
    assert!(item(&plex, "1000").await.get("viewCount").is_none());
    client.close().await;
}

#[tokio::test]
async fn the_difference_is_read_page_by_page() {
    let (_plex, _trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    let (mut titles, mut offset) = (Vec::new(), Some(0));
    let mut total = 0;
    while let Some(at) = offset {
        let part = compare(&client, json!({"limit": 40, "offset": at})).await;
        titles.extend(part["differences"].as_array().unwrap().iter().map(|row| row["ratingKey"].to_string()));
        total = usize::try_from(part["totalSize"].as_u64().unwrap()).unwrap();
        offset = part["nextOffset"].as_u64();
    }
    let distinct: std::collections::BTreeSet<_> = titles.iter().collect();
    assert!(total > 100 && titles.len() == total && distinct.len() == total, "{} of {total}", titles.len());
    client.close().await;
}

/// A film that was seen elsewhere is not recommended, and counts for the taste.
#[tokio::test]
async fn what_was_watched_elsewhere_is_not_recommended() {
    let (plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    let ask = json!({"libraryKey": "1", "limit": 1_000});
    let keys = |answer: &Value| -> Vec<String> {
        let rows = answer["recommendations"].as_array().unwrap();
        rows.iter().map(|row| row["ratingKey"].as_str().unwrap().to_owned()).collect()
    };
    let before = client.call("get_recommendations", ask.clone()).await;
    assert_eq!((&before["traktEnhanced"], &before["traktExtraWatched"]), (&json!(true), &json!(0)), "{before}");
    let best = keys(&before)[0].clone();
    let film = item(&plex, &best).await;
    trakt.add_play(&json!({"movie": {"ids": {"tmdb": id(&film, "tmdb")}}}), 1_650_000_000);
    let after = client.call("get_recommendations", ask.clone()).await;
    assert_eq!((&after["traktEnhanced"], &after["traktExtraWatched"]), (&json!(true), &json!(1)), "{after}");
    assert!(!keys(&after).contains(&best));
    let counts =
        |answer: &Value| (answer["watchedCount"].as_u64().unwrap(), answer["unwatchedCount"].as_u64().unwrap());
    let ((watched, open), (then_watched, then_open)) = (counts(&before), counts(&after));
    assert_eq!((then_watched, then_open), (watched + 1, open - 1));
    client.close().await;

    // Where the policy keeps this client from Trakt, nothing is asked there.
    home.policy("version = \"1\"\ndefault = \"allow\"\nservices.trakt.action = \"deny\"\n");
    let client = home.connect().await;
    let requests = trakt.requests().len();
    let kept_away = client.call("get_recommendations", ask).await;
    assert_eq!(kept_away["traktEnhanced"], false);
    assert!(keys(&kept_away).contains(&best));
    assert_eq!(trakt.requests().len(), requests);
    client.close().await;
}

/// Plex notes a mark as a play of that moment, which must not go back to Trakt as one.
#[tokio::test]
async fn what_was_marked_because_trakt_has_it_is_never_sent_back() {
    let (plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let film = item(&plex, "1000").await;
    trakt.add_play(&json!({"movie": {"ids": {"tmdb": id(&film, "tmdb")}}}), 1_650_000_000);
    let client = home.connect().await;
    let before = client.call("trakt_sync_to_trakt", json!({})).await;
    let applied = compare(&client, json!({"apply": true})).await;
    assert_eq!(applied["marked"], 1, "{applied}");
    let history = as_plex_json(&plex, "/status/sessions/history/all?sort=viewedAt:desc").await;
    assert_eq!(history["Metadata"][0]["ratingKey"], "1000", "Plex has it as a play");
    for client in [&client, &home.connect().await] {
        let after = client.call("trakt_sync_to_trakt", json!({})).await;
        let count = |answer: &Value, name: &str| answer["summary"][name].as_u64().unwrap();
        assert_eq!(count(&after, "missing"), count(&before, "missing"), "{after}");
        assert_eq!(count(&after, "alreadyThere"), count(&before, "alreadyThere") + 1, "{after}");
    }
    client.close().await;

    // Another process that syncs is not joined.
    let taken = std::fs::OpenOptions::new().write(true).open(home.path("trakt.json.sync")).unwrap();
    taken.lock().unwrap();
    let client = home.connect().await;
    let (text, error) = client.fail("trakt_sync_from_trakt", json!({"apply": true})).await;
    assert_eq!(error["code"], "already_running", "{text}");
    let status = client.call("trakt_get_sync_status", json!({})).await;
    assert_eq!((&status["syncInProgress"], &status["running"]), (&json!(true), &json!([])), "{status}");
    assert!(compare(&client, json!({})).await["success"].as_bool().unwrap(), "looking needs no lock");
    client.close().await;
}
