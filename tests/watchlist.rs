//! The watchlist of the account: what is put on it or taken off it is there or not, and nothing else has changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{ChangeFault, Deviations, FaultOfChange, Options, SamplePlex};
use serde_json::{Value, json};
use support::{array, as_plex_json, changes, home, shows};

/// The keys on the watchlist, in its order.
async fn listed(plex: &SamplePlex) -> Vec<String> {
    let mut keys = Vec::new();
    loop {
        let page = format!("X-Plex-Container-Start={}&X-Plex-Container-Size=20", keys.len());
        let rows =
            as_plex_json(plex, &format!("/discover/library/sections/watchlist/all?{page}")).await["Metadata"].clone();
        if array(&rows).is_empty() {
            return keys;
        }
        keys.extend(array(&rows).iter().map(|row| row["ratingKey"].as_str().unwrap().to_owned()));
    }
}

fn key_of(guid: &Value) -> String {
    guid.as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn titles_are_put_on_the_list_and_taken_off_by_either_name() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let before = listed(&plex).await;
    for key in ["1003", "400011000"] {
        let added = client.call("add_to_watchlist", json!({"ratingKey": key})).await;
        let discover = key_of(&added["plexGuid"]);
        assert_eq!(
            (&added["updated"], &added["onWatchlist"], &added["action"]),
            (&json!(true), &json!(true), &json!("add"))
        );
        assert_eq!(listed(&plex).await[0], discover);
        let sent = changes(&plex).pop().unwrap();
        assert_eq!(sent, format!("PUT /discover/actions/addToWatchlist?ratingKey={discover}"));
        let again = client.call("add_to_watchlist", json!({"plexGuid": added["plexGuid"]})).await;
        assert_eq!((&again["updated"], &again["onWatchlist"]), (&json!(false), &json!(true)), "{again}");
        let undone = client.call("undo_change", json!({"callId": added["changeId"]})).await;
        assert_eq!(undone["undone"], true, "{undone}");
        assert_eq!(listed(&plex).await, before);
    }
    // One that is not in the library.
    let guid = format!("plex://movie/{}", before[1]);
    let dry = client.call("remove_from_watchlist", json!({"plexGuid": guid, "dryRun": true})).await;
    assert_eq!((&dry["onWatchlist"], &dry["dryRun"]["decision"]), (&json!(true), &json!("allow")), "{dry}");
    assert_eq!(listed(&plex).await, before);
    let removed = client.call("remove_from_watchlist", json!({"plexGuid": guid})).await;
    assert_eq!((&removed["updated"], &removed["onWatchlist"]), (&json!(true), &json!(false)), "{removed}");
    assert!(!listed(&plex).await.contains(&before[1]));
    let absent = client.call("remove_from_watchlist", json!({"plexGuid": guid})).await;
    assert_eq!(absent["updated"], false, "{absent}");
    let undone = client.call("undo_change", json!({"callId": removed["changeId"]})).await;
    assert!(shows(&undone["warnings"], "it stands first"), "{undone}");
    let (mut now, mut then) = (listed(&plex).await, before);
    now.sort();
    then.sort();
    assert_eq!(now, then);
    client.close().await;
}

#[tokio::test]
async fn what_the_watchlist_does_not_know_is_refused_and_nothing_is_sent() {
    let (plex, mut home) = home(Options::default()).await;
    let client = home.connect().await;
    for tool in ["add_to_watchlist", "remove_from_watchlist"] {
        for (arguments, says) in [
            (json!({}), "ratingKey or plexGuid is required"),
            (json!({"ratingKey": "1001", "plexGuid": "plex://movie/5d776b59ad5437001f79c6f8"}), "name a title each"),
            (json!({"ratingKey": "400001101"}), "is of the type \"episode\": a watchlist holds films and shows"),
            (json!({"ratingKey": "1021"}), "has not matched"),
            (json!({"ratingKey": "77"}), "item 77 was not found"),
            (json!({"plexGuid": "plex://movie/../../actions"}), "plexGuid must be plex://movie/"),
            (
                json!({"plexGuid": "plex://movie/5d776b59ad5437001f79c6f8"}),
                "title 5d776b59ad5437001f79c6f8 was not found",
            ),
        ] {
            let (text, _) = client.fail(tool, arguments.clone()).await;
            assert!(text.contains(says), "{tool} {arguments}: {text}");
        }
    }
    client.close().await;
    assert_eq!(changes(&plex), [] as [&str; 0]);
    home.set("PLEX_GRANT", "kitchen");
    home.policy("version = \"1\"\ndefault = \"allow\"\n[services.plex_tv]\naction = \"deny\"\n");
    let client = home.connect().await;
    let (text, _) = client.fail("add_to_watchlist", json!({"ratingKey": "1003"})).await;
    assert!(text.contains("[POLICY DENIED]"), "{text}");
    client.close().await;
}

#[tokio::test]
async fn where_no_answer_comes_the_list_decides() {
    for (kind, code) in [(FaultOfChange::CutAfter, None), (FaultOfChange::CutBefore, Some("outcome_unknown"))] {
        let deviations = Deviations { change_fault: Some(ChangeFault { number: 1, kind }), ..Deviations::default() };
        let (plex, home) = home(Options { deviations, ..Options::default() }).await;
        let client = home.connect().await;
        let before = listed(&plex).await;
        let arguments = json!({"ratingKey": "1003"});
        let result = match code {
            None => client.call("add_to_watchlist", arguments).await,
            Some(_) => client.fail("add_to_watchlist", arguments).await.1,
        };
        assert_eq!(result["code"].as_str(), code, "{result}");
        assert_eq!(listed(&plex).await.len(), before.len() + usize::from(code.is_none()));
        assert_eq!(changes(&plex).len(), 1);
        client.close().await;
    }
}
