//! The tools for playlists: what is in a playlist afterwards is what they say, also when two work on it at once, when
//! connections break, and when a change is taken back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::{
    demo::{ChangeFault, Deviations, FaultOfChange, Options, SampleLibrary, SamplePlex},
    guard::Outcome,
};
use serde_json::{Value, json};
use support::{Client, Home, array, as_plex_json, changes, home, shows};

/// The sample server's playlists: films, a smart one, music.
const FILMS: &str = "1700000000";
const SMART: &str = "1700000001";
const MUSIC: &str = "1700000002";
const SHOW: &str = "400001000";

async fn faulty(number: u64, kind: FaultOfChange) -> (SamplePlex, Home) {
    let change_fault = Some(ChangeFault { number, kind });
    home(Options { deviations: Deviations { change_fault, ..Deviations::default() }, ..Options::default() }).await
}

/// What a playlist plays: entry numbers and rating keys.
async fn entries(plex: &SamplePlex, key: &str) -> Vec<(u64, String)> {
    let rows = as_plex_json(plex, &format!("/playlists/{key}/items")).await["Metadata"].clone();
    let entry =
        |row: &Value| (row["playlistItemID"].as_u64().unwrap_or(0), row["ratingKey"].as_str().unwrap().to_owned());
    array(&rows).iter().map(entry).collect()
}

async fn keys(plex: &SamplePlex, key: &str) -> Vec<String> {
    entries(plex, key).await.into_iter().map(|(_, key)| key).collect()
}

/// All playlists as the server has them, but for what changes by itself.
async fn playlists(plex: &SamplePlex) -> Vec<Value> {
    let mut lists = array(&as_plex_json(plex, "/playlists").await["Metadata"]).to_vec();
    for list in &mut lists {
        let list = list.as_object_mut().unwrap();
        for name in ["updatedAt", "ratingKey", "key", "guid", "composite"] {
            list.remove(name);
        }
    }
    lists
}

async fn undo(client: &Client, change: &Value) -> Value {
    let undone = client.call("undo_change", json!({"callId": change["changeId"]})).await;
    assert_eq!(undone["undone"], true, "{undone}");
    undone
}

fn some_keys(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|key| key.to_string()).collect()
}

#[tokio::test]
async fn a_playlist_is_made_of_items_in_their_order_and_unmade() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let before = playlists(&plex).await;
    let wanted = ["1005", "1001", "1009", "1001"];
    let made =
        client.call("create_playlist", json!({"title": " One & Two ", "type": "movie", "ratingKeys": wanted})).await;
    assert_eq!((&made["created"], &made["smart"]), (&json!(true), &json!(false)), "{made}");
    let row = &made["playlist"];
    assert_eq!(
        (&row["title"], &row["playlistType"], &row["leafCount"]),
        (&json!("One & Two"), &json!("video"), &json!(4))
    );
    let key = row["ratingKey"].as_str().unwrap();
    assert_eq!(keys(&plex, key).await, wanted, "also one that is in it twice");
    let sent = changes(&plex);
    assert_eq!(sent.len(), 2, "{sent:?}");
    let uri = "uri=server%3A%2F%2F5a3b1e0f6c2d4b7a9e8f0a1b2c3d4e5f60718293%2Fcom.plexapp.plugins.library%2Flibrary%2F\
               metadata%2F1005%2C1001%2C1009";
    assert_eq!(sent[0], format!("POST /playlists?type=video&title=One%20%26%20Two&smart=0&{uri}"), "encoded once");
    undo(&client, &made).await;
    assert_eq!(playlists(&plex).await, before);
    let (text, _) = client.fail("undo_change", json!({"callId": made["changeId"]})).await;
    assert!(text.contains("it was undone already"), "{text}");
    client.close().await;
}

#[tokio::test]
async fn a_show_puts_its_episodes_in_and_long_lists_go_in_parts() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let leaves = as_plex_json(&plex, &format!("/library/metadata/{SHOW}/allLeaves")).await["Metadata"].clone();
    let leaves: Vec<&str> = array(&leaves).iter().map(|leaf| leaf["ratingKey"].as_str().unwrap()).collect();
    let made = client.call("create_playlist", json!({"title": "Show", "type": "show", "ratingKeys": SHOW})).await;
    assert_eq!(made["playlist"]["leafCount"], leaves.len(), "{made}");
    assert_eq!(keys(&plex, made["playlist"]["ratingKey"].as_str().unwrap()).await, leaves);
    let wanted = some_keys(1000..1245);
    let long = client.call("create_playlist", json!({"title": "Long", "type": "video", "ratingKeys": wanted})).await;
    assert_eq!(keys(&plex, long["playlist"]["ratingKey"].as_str().unwrap()).await, wanted);
    let sent = changes(&plex);
    assert_eq!(sent.len(), 4, "one for the show, three for the films");
    assert!(sent.iter().all(|request| request.len() < 2_500), "addresses stay short");
    client.close().await;
    assert_eq!(home.rows().await[1].affected.items, Some(245));
}

#[tokio::test]
async fn a_smart_playlist_has_the_type_of_its_library_and_rules_that_are_checked() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let before = playlists(&plex).await;
    let genres = as_plex_json(&plex, "/library/sections/1/genre?type=1").await["Directory"].clone();
    let number = |name: &str| {
        let genre = array(&genres).iter().find(|genre| genre["title"] == name);
        genre.unwrap_or_else(|| panic!("{genres}"))["key"].as_str().unwrap().to_owned()
    };
    let (comedy, drama) = (number("Comedy"), number("Drama"));
    for (arguments, listing) in [
        (
            json!({"type": "movie", "librarySectionId": "1", "smartFilter": "unwatched=1&year>>=1990"}),
            "/library/sections/1/all?type=1&unwatched=1&year%3E%3E=1990",
        ),
        (json!({"type": "episode", "librarySectionId": "2"}), "/library/sections/2/all?type=4"),
        // Plex knows tags by the numbers that the library gives them, and genres by the level that has them.
        (
            json!({"type": "movie", "librarySectionId": "1", "smartFilter": "genre=comedy,Drama&genre!=4&unwatched=1"}),
            "/library/sections/1/all?type=1&genre=COMEDY%2CDRAMA&genre%21=4&unwatched=1",
        ),
        (
            json!({"type": "episode", "librarySectionId": "2", "smartFilter": "genre!=Drama"}),
            "/library/sections/2/all?type=4&show.genre%21=DRAMA",
        ),
        (json!({"type": "video", "librarySectionId": "2"}), "/library/sections/2/all?type=4"),
        (json!({"type": "audio", "librarySectionId": "3", "libtype": "album"}), "/library/sections/3/all?type=9"),
    ] {
        let mut arguments = arguments;
        arguments["title"] = "Rules".into();
        arguments["smart"] = true.into();
        let listing = listing.replace("COMEDY", &comedy).replace("DRAMA", &drama);
        let made = client.call("create_playlist", arguments).await;
        let key = made["playlist"]["ratingKey"].as_str().unwrap();
        let sent = changes(&plex).pop().unwrap();
        let uri = sent.split("uri=").nth(1).unwrap().replace("%2F", "/").replace("%3F", "?");
        let uri = uri.replace("%26", "&").replace("%3D", "=").replace("%25", "%");
        assert!(uri.ends_with(listing.as_str()), "{uri}: {listing}");
        let found =
            as_plex_json(&plex, &format!("{listing}&X-Plex-Container-Start=0&X-Plex-Container-Size=5000")).await;
        let found: Vec<_> = array(&found["Metadata"]).iter().map(|row| row["ratingKey"].as_str().unwrap()).collect();
        assert_eq!(keys(&plex, key).await, found, "{made}");
        assert_eq!(made["playlist"]["leafCount"], found.len(), "{made}");
        assert_eq!(made["playlist"]["smart"], true);
        undo(&client, &made).await;
    }
    assert_eq!(playlists(&plex).await, before);
    client.close().await;
}

#[tokio::test]
async fn what_does_not_go_into_a_playlist_is_refused_before_anything_is_sent() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let create = |mut arguments: Value| {
        arguments["title"] = "X".into();
        ("create_playlist", arguments)
    };
    for ((tool, arguments), says) in [
        (
            create(json!({"type": "video", "smart": true, "ratingKeys": ["1001"]})),
            "ratingKeys are for a playlist of items",
        ),
        (create(json!({"type": "audio"})), "ratingKeys is required"),
        (create(json!({"type": "video", "smart": true})), "librarySectionId is required"),
        (create(json!({"type": "video", "ratingKeys": ["1001"], "smartFilter": "a=1"})), "smartFilter is for a smart"),
        (create(json!({"type": "video", "ratingKeys": ["1001", "77"]})), "names what this server does not have: 77"),
        (create(json!({"type": "video", "ratingKeys": ["1001", "800000101"]})), "mixes what a playlist can't mix"),
        (create(json!({"type": "audio", "ratingKeys": ["1001"]})), "type is a playlist of audio"),
        (create(json!({"type": "video", "ratingKeys": ["1600001000"]})), "which no playlist takes"),
        (create(json!({"type": "photo", "ratingKeys": ["1200000101", "1200000000"]})), "names 1200000000, an album of"),
        (create(json!({"type": "video", "ratingKeys": ["1,2"]})), "ratingKeys[0] must be a number"),
        (
            create(json!({"type": "movie", "smart": true, "librarySectionId": "2"})),
            "type is not a type of the items of a show",
        ),
        (create(json!({"type": "video", "smart": true, "librarySectionId": "9"})), "library 9 was not found"),
        (
            create(json!({"type": "movie", "smart": true, "librarySectionId": "1", "smartFilter": "X-Plex-Token=1"})),
            "smartFilter names a field",
        ),
        (
            create(json!({"type": "movie", "smart": true, "librarySectionId": "1", "smartFilter": "genre=Opera"})),
            "smartFilter names a genre that the library does not have; it has",
        ),
        (
            ("add_to_playlist", json!({"playlistId": SMART, "ratingKey": "1001"})),
            "is the smart playlist \"Unplayed Films\"",
        ),
        (
            ("add_to_playlist", json!({"playlistId": MUSIC, "ratingKey": "1001"})),
            "names video items, and \"Kitchen Radio\"",
        ),
        (("add_to_playlist", json!({"playlistId": FILMS})), "ratingKey or ratingKeys is required"),
        (("add_to_playlist", json!({"playlistId": "1001", "ratingKey": "1001"})), "playlist 1001 was not found"),
        (("remove_from_playlist", json!({"playlistId": SMART, "playlistItemId": "1"})), "is the smart playlist"),
        (("remove_from_playlist", json!({"playlistId": FILMS})), "playlistItemId or playlistItemIds is required"),
        (("clear_playlist", json!({"playlistId": SMART, "confirm": true})), "is the smart playlist"),
        (("delete_playlist", json!({"playlistId": "77"})), "playlist 77 was not found"),
        (("undo_change", json!({"callId": "77"})), "callId names no change"),
    ] {
        let (text, _) = client.fail(tool, arguments.clone()).await;
        assert!(text.contains(says), "{tool} {arguments}: {text}");
    }
    client.close().await;
    assert_eq!(changes(&plex), [] as [&str; 0]);
}

#[tokio::test]
async fn items_are_added_at_the_end_and_can_be_left_out_where_they_are_in_already() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let before = entries(&plex, FILMS).await;
    let mut wanted: Vec<String> = before.iter().map(|(_, key)| key.clone()).collect();
    let twice = client.call("add_to_playlist", json!({"playlistId": FILMS, "ratingKey": "1001"})).await;
    wanted.push("1001".into());
    assert_eq!(keys(&plex, FILMS).await, wanted, "what is in it already is added all the same");
    assert_eq!((&twice["added"], &twice["count"]), (&json!(true), &json!(wanted.len())), "{twice}");
    let skip = json!({"playlistId": FILMS, "ratingKeys": ["1001", "1020", "1020"], "skipDuplicates": true});
    let some = client.call("add_to_playlist", skip.clone()).await;
    assert_eq!(some["itemsAdded"], 1, "{some}");
    wanted.push("1020".into());
    assert_eq!(keys(&plex, FILMS).await, wanted);
    let none = client.call("add_to_playlist", skip).await;
    assert_eq!((&none["added"], &none["changeId"]), (&json!(false), &Value::Null), "{none}");
    assert_eq!(changes(&plex).len(), 2);
    // Taken back one by one, the last one first: an earlier one is refused while a later one stands.
    let (text, _) = client.fail("undo_change", json!({"callId": twice["changeId"]})).await;
    assert!(text.contains("was changed since"), "{text}");
    undo(&client, &some).await;
    undo(&client, &twice).await;
    assert_eq!(entries(&plex, FILMS).await, before, "the very same entries");
    client.close().await;
}

#[tokio::test]
async fn entries_are_taken_out_and_put_back_where_they_were() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let before = entries(&plex, FILMS).await;
    let ids: Vec<String> = [2, 0, 5].map(|at: usize| before[at].0.to_string()).to_vec();
    let removed = client
        .call(
            "remove_from_playlist",
            json!({"playlistId": FILMS, "playlistItemId": ids[0], "playlistItemIds": ids[1..]}),
        )
        .await;
    assert_eq!((&removed["removed"], &removed["itemsRemoved"]), (&json!(true), &json!(3)), "{removed}");
    let left: Vec<_> = [1, 3, 4, 6, 7].map(|at: usize| before[at].clone()).to_vec();
    assert_eq!(entries(&plex, FILMS).await, left);
    let summary = removed["summary"].as_str().unwrap();
    assert!(summary.starts_with("Remove 3 items of 8 from the playlist \"Rainy Evenings\": \""), "{summary}");
    let again = client.call("remove_from_playlist", json!({"playlistId": FILMS, "playlistItemId": ids[0]})).await;
    assert_eq!(again["removed"], false, "{again}");
    assert!(shows(&again["warnings"], "1 of the named entries are not in the playlist"), "{again}");
    assert_eq!(changes(&plex).len(), 3);
    let undone = undo(&client, &removed).await;
    let was: Vec<String> = before.iter().map(|(_, key)| key.clone()).collect();
    assert_eq!(keys(&plex, FILMS).await, was, "in the order that they had");
    // Taking back is a change of its own.
    undo(&client, &undone).await;
    let left: Vec<String> = left.into_iter().map(|(_, key)| key).collect();
    assert_eq!(keys(&plex, FILMS).await, left);
    client.close().await;
}

#[tokio::test]
async fn emptying_takes_confirm_and_deleting_keeps_what_it_takes_to_make_it_again() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let (before, lists) = (keys(&plex, MUSIC).await, playlists(&plex).await);
    let preview = client.call("clear_playlist", json!({"playlistId": MUSIC})).await;
    assert_eq!((&preview["preview"], &preview["cleared"]), (&json!(true), &json!(false)), "{preview}");
    assert_eq!((&preview["itemCount"], &preview["confirmationRequired"]), (&json!(before.len()), &json!(true)));
    assert_eq!(preview["dryRun"]["facts"]["playlist.title"], "Kitchen Radio");
    assert_eq!(changes(&plex), [] as [&str; 0]);
    let cleared = client.call("clear_playlist", json!({"playlistId": MUSIC, "confirm": true})).await;
    assert_eq!((&cleared["removedCount"], &cleared["itemCount"]), (&json!(before.len()), &json!(0)), "{cleared}");
    assert_eq!(keys(&plex, MUSIC).await, [] as [&str; 0]);
    let empty = client.call("clear_playlist", json!({"playlistId": MUSIC, "confirm": true})).await;
    assert_eq!(empty["cleared"], false, "{empty}");
    assert_eq!(changes(&plex).len(), 1);
    undo(&client, &cleared).await;
    assert_eq!(keys(&plex, MUSIC).await, before);
    assert_eq!(playlists(&plex).await, lists);
    for key in [MUSIC, SMART] {
        let before = keys(&plex, key).await;
        let dry = client.call("delete_playlist", json!({"playlistId": key, "dryRun": true})).await;
        assert_eq!((&dry["deleted"], &dry["dryRun"]["undoable"]), (&json!(false), &json!(true)), "{dry}");
        let deleted = client.call("delete_playlist", json!({"playlistId": key})).await;
        assert_eq!((&deleted["deleted"], &deleted["mediaRetained"]), (&json!(true), &json!(true)), "{deleted}");
        assert_eq!(deleted["itemCount"], before.len());
        assert_eq!(playlists(&plex).await.len(), lists.len() - 1);
        let undone = undo(&client, &deleted).await;
        let new = undone["playlistId"].as_str().unwrap();
        assert_ne!(new, key, "Plex gives no number twice");
        assert_eq!(keys(&plex, new).await, before);
    }
    let mut now = playlists(&plex).await;
    now.sort_by_key(|list| list["title"].as_str().map(str::to_owned));
    let mut then = lists;
    then.sort_by_key(|list| list["title"].as_str().map(str::to_owned));
    for list in now.iter_mut().chain(&mut then) {
        list.as_object_mut().unwrap().remove("content");
    }
    assert_eq!(now, then);
    client.close().await;
}

#[tokio::test]
async fn where_no_answer_comes_what_the_playlist_holds_decides() {
    let calls = || {
        [
            ("create_playlist", json!({"title": "New", "type": "video", "ratingKeys": ["1001", "1002"]})),
            ("create_playlist", json!({"title": "New", "type": "video", "smart": true, "librarySectionId": "1"})),
            ("add_to_playlist", json!({"playlistId": FILMS, "ratingKeys": ["1020", "1021"]})),
            ("remove_from_playlist", json!({"playlistId": FILMS, "playlistItemId": "1"})),
            ("clear_playlist", json!({"playlistId": FILMS, "confirm": true})),
            ("delete_playlist", json!({"playlistId": FILMS})),
        ]
    };
    for (tool, arguments) in calls() {
        let (plex, home) = faulty(1, FaultOfChange::CutAfter).await;
        let client = home.connect().await;
        let before = playlists(&plex).await;
        let done = client.call(tool, arguments).await;
        assert!(shows(&done["warnings"], "but the change shows on the server"), "{tool}: {done}");
        assert_ne!(playlists(&plex).await, before, "{tool}");
        undo(&client, &done).await;
        client.close().await;
    }
    for (kind, code) in [
        (FaultOfChange::CutBefore, "outcome_unknown"),
        (FaultOfChange::Fails, "outcome_unknown"),
        (FaultOfChange::Ignored, "not_applied"),
        (FaultOfChange::Refused, "bad_answer"),
    ] {
        for (tool, arguments) in calls() {
            let (plex, home) = faulty(1, kind).await;
            let client = home.connect().await;
            let before = playlists(&plex).await;
            let (text, error) = client.fail(tool, arguments).await;
            assert_eq!(error["code"], code, "{tool} {kind:?}: {text}");
            assert_eq!(playlists(&plex).await, before, "{tool} {kind:?}");
            client.close().await;
            assert_eq!(changes(&plex).len(), 1, "{tool} {kind:?}: a change is never sent twice");
        }
    }
}

#[tokio::test]
async fn a_long_change_that_breaks_off_says_how_far_it_came_and_is_taken_back() {
    for kind in [FaultOfChange::Fails, FaultOfChange::CutBefore] {
        let (plex, home) = faulty(2, kind).await;
        let client = home.connect().await;
        let before = keys(&plex, FILMS).await;
        let arguments = json!({"playlistId": FILMS, "ratingKeys": some_keys(1000..1245)});
        let (text, error) = client.fail("add_to_playlist", arguments).await;
        assert_eq!(error["code"], "partly_done", "{text}");
        assert!(text.contains("only 100 of 245 parts were done, the other 145 were not"), "{text}");
        assert_eq!(keys(&plex, FILMS).await.len(), before.len() + 100);
        undo(&client, &error).await;
        assert_eq!(keys(&plex, FILMS).await, before);
        client.close().await;
        let row = &home.rows().await[0];
        assert_eq!((row.outcome, row.affected.items), (Some(Outcome::Failed), Some(100)));
    }
}

#[tokio::test]
async fn two_agents_on_one_playlist_each_say_what_is_true_of_their_own() {
    let library = SampleLibrary { movies: 400, ..SampleLibrary::default() };
    let (plex, home) = home(Options { library, ..Options::default() }).await;
    let before = keys(&plex, FILMS).await;
    let (one, two) = (home.connect().await, home.connect().await);
    let mut expected = before.clone();
    for round in 0..8 {
        let (a, b) = (some_keys(1100 + round * 10..1105 + round * 10), some_keys(1105 + round * 10..1110 + round * 10));
        let add = |keys: &[String]| json!({"playlistId": FILMS, "ratingKeys": keys});
        let (first, second) = tokio::join!(one.call("add_to_playlist", add(&a)), two.call("add_to_playlist", add(&b)));
        assert_eq!((&first["itemsAdded"], &second["itemsAdded"]), (&json!(5), &json!(5)));
        expected.extend(a);
        expected.extend(b);
        let mut now = keys(&plex, FILMS).await;
        let mut sorted = expected.clone();
        now.sort();
        sorted.sort();
        assert_eq!(now, sorted, "nothing is lost and nothing is doubled");
    }
    // Both take everything out at once: each entry goes once, and neither says that it failed.
    let ids: Vec<String> = entries(&plex, FILMS).await.iter().map(|(id, _)| id.to_string()).collect();
    let remove = json!({"playlistId": FILMS, "playlistItemIds": ids});
    let (first, second) = tokio::join!(
        one.try_call("remove_from_playlist", remove.clone()),
        two.try_call("remove_from_playlist", remove.clone())
    );
    for result in [first.unwrap(), second.unwrap()] {
        let text = support::text(&result);
        assert!(
            result.is_error != Some(true) || text.contains("parts were done") || text.contains("not found"),
            "{text}"
        );
    }
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn no_undo_without_the_change_being_as_it_was_left() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let added = client.call("add_to_playlist", json!({"playlistId": FILMS, "ratingKey": "1020"})).await;
    client.call("add_to_playlist", json!({"playlistId": FILMS, "ratingKey": "1021"})).await;
    let now = keys(&plex, FILMS).await;
    let (text, error) = client.fail("undo_change", json!({"callId": added["changeId"]})).await;
    assert_eq!(error["code"], "not_undoable");
    assert!(text.contains("the playlist \"Rainy Evenings\" was changed since"), "{text}");
    assert_eq!(keys(&plex, FILMS).await, now);
    let made = client.call("create_playlist", json!({"title": "N", "type": "video", "ratingKeys": ["1001"]})).await;
    let twin = client.call("create_playlist", json!({"title": "N", "type": "video", "ratingKeys": ["1001"]})).await;
    assert!(shows(&twin["warnings"], "1 other playlist of this title"), "{twin}");
    let (text, _) = client.fail("undo_change", json!({"callId": made["changeId"]})).await;
    assert!(text.contains("there are several playlists \"N\""), "{text}");
    undo(&client, &twin).await;
    undo(&client, &made).await;
    let unless = json!({"title": "Rainy Evenings", "type": "video", "ratingKeys": ["1001"], "unlessExists": true});
    let there = client.call("create_playlist", unless).await;
    assert_eq!((&there["created"], &there["playlist"]["ratingKey"]), (&json!(false), &json!(FILMS)), "{there}");
    client.close().await;
    // Another grant's changes are none of its business, and a tool that is refused by now is not written for.
    let mut kitchen = Home { dir: home.dir, url: home.url, env: vec![("PLEX_GRANT".into(), "kitchen".into())] };
    let client = kitchen.connect().await;
    let (text, _) = client.fail("undo_change", json!({"callId": added["changeId"]})).await;
    assert!(text.contains("callId names no change that this client made"), "{text}");
    client.close().await;
    kitchen.env.clear();
    kitchen.policy("version = \"1\"\ndefault = \"allow\"\n[tools.add_to_playlist]\naction = \"deny\"\n");
    let client = kitchen.connect().await;
    let (text, _) = client.fail("undo_change", json!({"callId": added["changeId"]})).await;
    assert!(text.contains("the policy no longer allows add_to_playlist"), "{text}");
    client.close().await;
}
