//! The tools that change what Plex knows of items: what is true afterwards is what they say, and nothing else has changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

#[path = "edit/posters.rs"]
mod posters;
mod support;

use plex_mcp::{
    demo::{ChangeFault, Deviations, FaultOfChange, Options, SamplePlex},
    guard::{Decision, Outcome},
};
use serde_json::{Value, json};
use support::{Client, Home, array, as_plex_json, changes, home, shows};

async fn faulty(number: u64, kind: FaultOfChange) -> (SamplePlex, Home) {
    let change_fault = Some(ChangeFault { number, kind });
    home(Options { deviations: Deviations { change_fault, ..Deviations::default() }, ..Options::default() }).await
}

/// An item as the sample server has it.
async fn item(plex: &SamplePlex, key: &str) -> Value {
    as_plex_json(plex, &format!("/library/metadata/{key}")).await["Metadata"][0].clone()
}

/// Keys of the sample library: a film that was never played, one that was, one with a rating.
const UNSEEN: &str = "1003";
const SEEN: &str = "1001";
const RATED: &str = "1006";
/// A show that is watched half, with an episode in progress.
const HALF: &str = "400001000";

async fn leaves(plex: &SamplePlex, key: &str) -> Vec<Value> {
    array(&as_plex_json(plex, &format!("/library/metadata/{key}/allLeaves")).await["Metadata"]).to_vec()
}

/// How many episodes each request touches that marks those of a show as watched which are not: whole seasons go at once.
fn parts(leaves: &[Value]) -> Vec<usize> {
    let of_season = |season: &Value, all: bool| {
        leaves.iter().filter(|leaf| leaf["parentRatingKey"] == *season && (all || plays(leaf) == 0)).count()
    };
    let (mut parts, mut whole) = (Vec::new(), Vec::new());
    for leaf in leaves.iter().filter(|leaf| plays(leaf) == 0) {
        let season = &leaf["parentRatingKey"];
        match of_season(season, false) {
            unwatched if unwatched < of_season(season, true) => parts.push(1),
            _ if whole.contains(season) => {}
            unwatched => {
                whole.push(season.clone());
                parts.push(unwatched);
            }
        }
    }
    parts
}

fn plays(leaf: &Value) -> u64 {
    leaf["viewCount"].as_u64().unwrap_or(0)
}

async fn undo(client: &Client, change: &Value) -> Value {
    client.call("undo_change", json!({"callId": change["changeId"]})).await
}

#[tokio::test]
async fn a_rating_is_set_changed_taken_away_and_never_set_twice() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let set = client.call("rate_media", json!({"ratingKey": UNSEEN, "rating": 7.5})).await;
    // 1003 has the rating that 32 bits make of 7.6.
    assert_eq!(set["before"], 7.6, "{set}");
    assert_eq!((&set["rating"], &set["updated"], &set["changed"]), (&json!(7.5), &json!(true), &json!(true)), "{set}");
    assert_eq!(item(&plex, UNSEEN).await["userRating"], 7.5);
    assert_eq!(changes(&plex), ["PUT /:/rate?identifier=com.plexapp.plugins.library&key=1003&rating=7.5"]);
    let again = client.call("rate_media", json!({"ratingKey": UNSEEN, "rating": "7.5"})).await;
    assert_eq!((&again["updated"], &again["changeId"]), (&json!(false), &Value::Null), "{again}");
    assert_eq!(changes(&plex).len(), 1, "what is so already is not written");
    let cleared = client.call("rate_media", json!({"ratingKey": UNSEEN, "clear": true})).await;
    assert_eq!((&cleared["before"], &cleared["rating"]), (&json!(7.5), &Value::Null), "{cleared}");
    assert_eq!(item(&plex, UNSEEN).await["userRating"], Value::Null);
    let zero = client.call("rate_media", json!({"ratingKey": UNSEEN, "rating": 0})).await;
    assert_eq!(zero["rating"], 0.0, "0 is a rating");
    client.close().await;
    let rows = home.rows().await;
    assert_eq!(
        rows.iter().map(|row| row.outcome).collect::<Vec<_>>(),
        [Some(Outcome::Ok), None, Some(Outcome::Ok), Some(Outcome::Ok)]
    );
    assert_eq!(rows[1].note.as_deref(), Some("there was nothing to change"));
    assert_eq!(rows[0].affected.items, Some(1));
}

#[tokio::test]
async fn bad_arguments_name_their_field_and_send_no_change() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    for (tool, arguments, says) in [
        ("rate_media", json!({"ratingKey": UNSEEN}), "rating is required"),
        ("rate_media", json!({"ratingKey": UNSEEN, "rating": 5, "clear": true}), "clear takes the rating away"),
        ("rate_media", json!({"ratingKey": UNSEEN, "rating": 11}), "rating must be a number from 0 to 10"),
        ("rate_media", json!({"ratingKey": UNSEEN, "rating": -1}), "rating must be a number from 0 to 10"),
        ("rate_media", json!({"ratingKey": "../1", "rating": 1}), "ratingKey must be a number"),
        ("rate_media", json!({"ratingKey": "77", "rating": 1}), "item 77 was not found"),
        ("mark_watched", json!({"ratingKey": "77"}), "item 77 was not found"),
        ("mark_watched", json!({"ratingKey": "1200000101"}), "ratingKey is of the type \"photo\""),
        ("mark_unwatched", json!({"ratingKey": "1600001000"}), "ratingKey is of the type \"collection\""),
        ("mark_watched", json!({"ratingKey": UNSEEN, "confirm": true}), "confirm is not an argument"),
    ] {
        let (text, _) = client.fail(tool, arguments.clone()).await;
        assert!(text.contains(says), "{tool} {arguments}: {text}");
    }
    client.close().await;
    assert_eq!(changes(&plex), [] as [&str; 0]);
}

#[tokio::test]
async fn watching_counts_one_play_and_a_watched_film_is_left_alone() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let before = item(&plex, SEEN).await;
    let same = client.call("mark_watched", json!({"ratingKey": SEEN})).await;
    assert_eq!((&same["watched"], &same["updated"], &same["itemsChanged"]), (&json!(true), &json!(false), &json!(0)));
    assert_eq!(item(&plex, SEEN).await, before, "neither its date nor its count");
    assert_eq!(changes(&plex), [] as [&str; 0]);

    // 1013 is watched in part.
    let marked = client.call("mark_watched", json!({"ratingKey": "1013"})).await;
    assert_eq!(marked["before"], json!({"total": 1, "watched": 0, "inProgress": 1}));
    assert_eq!(marked["after"], json!({"total": 1, "watched": 1, "inProgress": 0}));
    assert_eq!(changes(&plex), ["PUT /:/scrobble?identifier=com.plexapp.plugins.library&key=1013"]);
    assert_eq!(item(&plex, "1013").await["viewCount"], 1);

    let unmarked = client.call("mark_unwatched", json!({"ratingKey": SEEN})).await;
    assert_eq!((&unmarked["watched"], &unmarked["updated"]), (&json!(false), &json!(true)));
    assert_eq!(item(&plex, SEEN).await["viewCount"], Value::Null);
    let again = client.call("mark_unwatched", json!({"ratingKey": SEEN})).await;
    assert_eq!(again["updated"], false);
    assert_eq!(changes(&plex).len(), 2);
    client.close().await;
}

#[tokio::test]
async fn of_a_show_only_the_episodes_that_are_not_watched_are_counted_again() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    // A show of several seasons: nothing of the first one is watched, and one episode of the last one.
    let shows = as_plex_json(&plex, "/library/sections/2/all?type=2").await["Metadata"].clone();
    let show = array(&shows).iter().find(|show| show["childCount"].as_u64() > Some(1)).unwrap();
    let show = show["ratingKey"].as_str().unwrap();
    client.call("mark_unwatched", json!({"ratingKey": show})).await;
    let last = leaves(&plex, show).await.pop().unwrap()["ratingKey"].clone();
    client.call("mark_watched", json!({"ratingKey": last})).await;
    let (before, sent, made) = (leaves(&plex, show).await, changes(&plex).len(), home.rows().await.len());
    let unwatched = before.iter().filter(|leaf| plays(leaf) == 0).count();
    assert!(unwatched > 1 && unwatched < before.len(), "{unwatched} of {}", before.len());
    let marked = client.call("mark_watched", json!({"ratingKey": show})).await;
    assert_eq!((&marked["itemsChanged"], &marked["watched"]), (&json!(unwatched), &json!(true)), "{marked}");
    let text = marked["summary"].as_str().unwrap();
    assert!(text.contains(&format!("{unwatched} of {} episodes of the show", before.len())), "{text}");
    for (then, now) in before.iter().zip(leaves(&plex, show).await) {
        assert_eq!(plays(&now), plays(then).max(1), "{now}");
        if plays(then) > 0 {
            assert_eq!(now, *then, "the others are as they were");
        }
    }
    let parts = parts(&before);
    assert!(parts.len() < unwatched && parts.contains(&1), "{parts:?}");
    assert_eq!(changes(&plex).len(), sent + parts.len());
    // All of it at once: one request.
    let unmarked = client.call("mark_unwatched", json!({"ratingKey": show})).await;
    assert_eq!(unmarked["itemsChanged"], before.len(), "{unmarked}");
    assert_eq!(changes(&plex).len(), sent + parts.len() + 1);
    assert!(leaves(&plex, show).await.iter().all(|leaf| plays(leaf) == 0));
    client.close().await;
    let rows = home.rows().await;
    assert_eq!(rows[made].affected.items, Some(unwatched as u64));
    assert_eq!(rows[made].affected.library.as_deref(), Some("TV Shows"));
}

#[tokio::test]
async fn where_no_answer_comes_what_is_true_then_decides() {
    for (kind, error) in [
        (FaultOfChange::CutAfter, None),
        (FaultOfChange::CutBefore, Some("outcome_unknown")),
        (FaultOfChange::Fails, Some("outcome_unknown")),
        (FaultOfChange::Refused, Some("bad_answer")),
        (FaultOfChange::Ignored, Some("not_applied")),
    ] {
        for (tool, arguments) in [
            ("rate_media", json!({"ratingKey": UNSEEN, "rating": 2})),
            ("mark_watched", json!({"ratingKey": UNSEEN})),
            ("mark_unwatched", json!({"ratingKey": SEEN})),
        ] {
            let (plex, home) = faulty(1, kind).await;
            let client = home.connect().await;
            let key = arguments["ratingKey"].as_str().unwrap().to_owned();
            let before = item(&plex, &key).await;
            match error {
                None => {
                    let done = client.call(tool, arguments).await;
                    assert_eq!(done["updated"], true, "{done}");
                    assert!(shows(&done["warnings"], "the change shows"), "{done}");
                    assert_ne!(item(&plex, &key).await, before);
                }
                Some(code) => {
                    let (text, fault) = client.fail(tool, arguments).await;
                    assert_eq!(fault["code"], code, "{kind:?} {tool}: {text}");
                    assert_eq!(item(&plex, &key).await, before, "{kind:?} {tool}");
                }
            }
            client.close().await;
            assert_eq!(changes(&plex).len(), 1, "{kind:?} {tool}: a change is never sent twice");
            let row = home.rows().await.pop().unwrap();
            let outcome = match error {
                None => Outcome::Ok,
                Some("outcome_unknown") => Outcome::Unknown,
                Some(_) => Outcome::Failed,
            };
            assert_eq!(row.outcome, Some(outcome), "{kind:?} {tool}");
        }
    }
}

#[tokio::test]
async fn a_failure_in_the_middle_says_what_is_done_and_what_is_not() {
    for kind in [FaultOfChange::Fails, FaultOfChange::CutBefore, FaultOfChange::Refused] {
        let (plex, home) = faulty(3, kind).await;
        let client = home.connect().await;
        let before = leaves(&plex, HALF).await;
        let unwatched = before.iter().filter(|leaf| plays(leaf) == 0).count();
        let done: usize = parts(&before)[..2].iter().sum();
        assert!(done + 1 < unwatched, "{:?}", parts(&before));
        let (text, fault) = client.fail("mark_watched", json!({"ratingKey": HALF})).await;
        assert_eq!(fault["code"], "partly_done", "{text}");
        assert!(text.contains(&format!("only {done} of {unwatched} parts were done")), "{text}");
        assert!(text.contains(&format!("the other {}", unwatched - done)), "{text}");
        assert_eq!(changes(&plex).len(), 3, "{kind:?}");
        let now = leaves(&plex, HALF).await;
        assert_eq!(now.iter().filter(|leaf| plays(leaf) == 0).count(), unwatched - done);
        client.close().await;
        let row = home.rows().await.pop().unwrap();
        assert_eq!((row.outcome, row.affected.items), (Some(Outcome::Failed), Some(done as u64)), "{kind:?}");
        assert!(fault["changeId"].is_string(), "{fault}");
    }
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_decided_and_does_nothing() {
    let (plex, home) = home(Options::default()).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n\
         [tools.mark_watched]\nlimits = [{ counter = \"marks\", window = \"hour\", max = 3, of = \"items\" }]\n\
         [tools.rate_media]\nrequire = [{ path = \"item.library\", op = \"eq\", value = \"TV Shows\" }]\n",
    );
    let client = home.connect().await;
    let before = (item(&plex, UNSEEN).await, leaves(&plex, HALF).await);
    let allowed = client.call("mark_watched", json!({"ratingKey": UNSEEN, "dryRun": true})).await;
    assert_eq!((&allowed["updated"], &allowed["changed"]), (&json!(false), &json!(false)), "{allowed}");
    assert_eq!(allowed["dryRun"]["decision"], "allow", "{allowed}");
    assert_eq!(allowed["dryRun"]["undoable"], true);
    let facts = &allowed["dryRun"]["facts"];
    assert_eq!(
        (&facts["item.type"], &facts["item.library"], &facts["item.count"]),
        (&json!("movie"), &json!("Movies"), &json!(1))
    );
    assert!(allowed["summary"].as_str().unwrap().starts_with("Mark the movie \""), "{allowed}");
    let limited = client.call("mark_watched", json!({"ratingKey": HALF, "dryRun": true})).await;
    assert_eq!(limited["dryRun"]["decision"], "refuse", "{limited}");
    assert_eq!(limited["dryRun"]["rule"], "/tools/mark_watched/limits/0");
    let refused = client.call("rate_media", json!({"ratingKey": UNSEEN, "rating": 1, "dryRun": true})).await;
    assert_eq!(refused["dryRun"]["decision"], "refuse");
    assert_eq!(refused["dryRun"]["rule"], "/tools/rate_media/require/0");
    assert!(shows(&json!([refused["dryRun"]["reason"]]), "item.library"), "{refused}");
    assert_eq!((item(&plex, UNSEEN).await, leaves(&plex, HALF).await), before);
    assert_eq!(changes(&plex), [] as [&str; 0]);
    // Nothing was taken: the same three still fit.
    let (text, _) = client.fail("rate_media", json!({"ratingKey": UNSEEN, "rating": 1})).await;
    assert!(text.contains("[POLICY DENIED]"), "{text}");
    // Nor does a refused call say how it stands by saying that there is nothing to change.
    let (text, _) = client.fail("rate_media", json!({"ratingKey": RATED, "rating": 9})).await;
    assert!(text.contains("[POLICY DENIED]"), "{text}");
    client.close().await;
    let rows = home.rows().await;
    assert_eq!(rows[0].note.as_deref(), Some("dry run: nothing was to be changed"));
    assert_eq!((rows[0].decision, rows[0].outcome), (Decision::Allow, None));
    assert_eq!(rows[3].decision, Decision::Deny);
}

#[tokio::test]
async fn ratings_and_watch_states_are_taken_back_where_nothing_else_happened() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    for (key, arguments) in
        [(RATED, json!({"rating": 2})), (RATED, json!({"clear": true})), ("1000", json!({"rating": 0}))]
    {
        let before = item(&plex, key).await["userRating"].clone();
        let mut arguments = arguments;
        arguments["ratingKey"] = key.into();
        let changed = client.call("rate_media", arguments).await;
        let undone = undo(&client, &changed).await;
        assert_eq!((&undone["undone"], &undone["changedBy"]), (&json!(true), &json!("rate_media")), "{undone}");
        assert_eq!(item(&plex, key).await["userRating"], before);
        // Taking it back can be taken back, and so on.
        undo(&client, &undone).await;
        assert_ne!(item(&plex, key).await["userRating"], before);
    }
    let rated = client.call("rate_media", json!({"ratingKey": RATED, "rating": 4})).await;
    client.call("rate_media", json!({"ratingKey": RATED, "rating": 5})).await;
    let (text, error) = client.fail("undo_change", json!({"callId": rated["changeId"]})).await;
    assert_eq!(error["code"], "not_undoable");
    assert!(text.contains("it is 5, and the change had left 4"), "{text}");

    // 1013 is watched in part, and the show's episodes are of all three kinds.
    for key in [UNSEEN, "1013", HALF] {
        let before: Vec<bool> = leaves_of(&plex, key).await.iter().map(|leaf| plays(leaf) > 0).collect();
        let marked = client.call("mark_watched", json!({"ratingKey": key})).await;
        let undone = undo(&client, &marked).await;
        let now: Vec<bool> = leaves_of(&plex, key).await.iter().map(|leaf| plays(leaf) > 0).collect();
        assert_eq!(now, before, "{key}");
        assert_eq!(shows(&undone["warnings"], "could not be brought back"), key != UNSEEN, "{undone}");
    }
    for key in [SEEN, HALF] {
        let before: Vec<bool> = leaves_of(&plex, key).await.iter().map(|leaf| plays(leaf) > 0).collect();
        let marked = client.call("mark_unwatched", json!({"ratingKey": key})).await;
        let undone = undo(&client, &marked).await;
        let now: Vec<bool> = leaves_of(&plex, key).await.iter().map(|leaf| plays(leaf) > 0).collect();
        assert_eq!(now, before, "{key}");
        assert!(shows(&undone["warnings"], "could not be brought back"), "{undone}");
    }
    let marked = client.call("mark_watched", json!({"ratingKey": "1007"})).await;
    let played = format!("{}/:/scrobble?identifier=com.plexapp.plugins.library&key=1007", plex.url());
    let token = ("X-Plex-Token", support::TOKEN);
    reqwest::Client::new().put(played).header(token.0, token.1).send().await.unwrap();
    let sent = changes(&plex).len();
    let (text, _) = client.fail("undo_change", json!({"callId": marked["changeId"]})).await;
    assert!(text.contains("was changed since"), "{text}");
    let dry = client.call("rate_media", json!({"ratingKey": RATED, "rating": 1, "dryRun": true})).await;
    assert_eq!(dry["changeId"], Value::Null);
    assert_eq!(changes(&plex).len(), sent);
    client.close().await;
}

#[tokio::test]
async fn of_two_servers_that_undo_one_change_at_once_one_does_it() {
    // Slow enough for both to have looked before either acts.
    let delay = Some(std::time::Duration::from_millis(150));
    let (plex, home) =
        home(Options { deviations: Deviations { delay, ..Deviations::default() }, ..Options::default() }).await;
    let (a, b) = (home.connect().await, home.connect().await);
    let rated = a.call("rate_media", json!({"ratingKey": RATED, "rating": 2})).await;
    let sent = changes(&plex).len();
    let undo = || json!({"callId": rated["changeId"]});
    let (first, second) = tokio::join!(a.try_call("undo_change", undo()), b.try_call("undo_change", undo()));
    let ends = [first.unwrap(), second.unwrap()];
    let (done, not): (Vec<_>, Vec<_>) = ends.iter().partition(|end| end.is_error != Some(true));
    assert_eq!((done.len(), not.len(), changes(&plex).len()), (1, 1, sent + 1), "{ends:?}");
    let error = not[0].structured_content.as_ref().unwrap();
    assert_eq!(error["code"], "not_undoable", "{error}");
    assert!(error["message"].as_str().unwrap().contains("another call, "), "{error}");
    let (text, _) = a.fail("undo_change", undo()).await;
    assert!(text.contains("it was undone already, by "), "{text}");
    a.close().await;
    b.close().await;
    let rows = home.rows().await;
    let note = format!("undoes {}", rated["changeId"].as_str().unwrap());
    assert_eq!(rows.iter().filter(|row| row.note.as_ref() == Some(&note)).count(), 1);
    assert!(rows.iter().any(|row| row.decision == Decision::Deny && row.tool == "undo_change"));
}

async fn leaves_of(plex: &SamplePlex, key: &str) -> Vec<Value> {
    if key == HALF { leaves(plex, key).await } else { vec![item(plex, key).await] }
}

#[tokio::test]
async fn what_broke_off_in_the_middle_is_taken_back_as_far_as_it_came() {
    let (plex, home) = faulty(3, FaultOfChange::CutBefore).await;
    let client = home.connect().await;
    let watched = |leaves: &[Value]| leaves.iter().map(|leaf| plays(leaf) > 0).collect::<Vec<_>>();
    let before = watched(&leaves(&plex, HALF).await);
    let (_, error) = client.fail("mark_watched", json!({"ratingKey": HALF})).await;
    assert_ne!(watched(&leaves(&plex, HALF).await), before);
    let undone = undo(&client, &error).await;
    assert_eq!(undone["undone"], true, "{undone}");
    assert_eq!(watched(&leaves(&plex, HALF).await), before);
    client.close().await;
}

fn words(item: &Value, family: &str) -> Vec<String> {
    array(&item[family]).iter().map(|tag| tag["tag"].as_str().unwrap().to_owned()).collect()
}

/// An item without what every edit changes.
async fn stable(plex: &SamplePlex, key: &str) -> Value {
    let mut item = item(plex, key).await;
    let fields = item.as_object_mut().unwrap();
    for name in ["updatedAt", "thumb", "art", "composite", "Image"] {
        fields.remove(name);
    }
    // The ids of tags that were written anew are others.
    for family in ["Genre", "Collection", "Director", "Role"] {
        for tag in fields.get_mut(family).and_then(Value::as_array_mut).into_iter().flatten() {
            for name in ["id", "filter", "thumb"] {
                tag.as_object_mut().unwrap().remove(name);
            }
        }
    }
    fields.retain(|_, value| value != "");
    if fields.get("Collection").is_some_and(|tags| array(tags).is_empty()) {
        fields.remove("Collection");
    }
    item
}

#[tokio::test]
async fn fields_are_set_locked_emptied_and_given_back() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let before = stable(&plex, SEEN).await;
    let arguments = json!({
        "ratingKey": SEEN, "title": "A + B & 100%", "sortTitle": "a b", "summary": "Two\nlines, \"quoted\" & più", "year": 1999,
        "contentRating": "PG", "rating": 4.2, "studio": "Own", "clear": ["tagline"],
    });
    let edited = client.call("update_metadata", arguments.clone()).await;
    let names = ["title", "sortTitle", "summary", "year", "contentRating", "rating", "tagline", "studio"];
    assert_eq!(edited["appliedFields"], json!(names), "{edited}");
    assert_eq!((&edited["ignoredFields"], &edited["updated"]), (&json!([]), &json!(true)), "{edited}");
    assert_eq!((&edited["before"]["title"], &edited["after"]["title"]), (&before["title"], &json!("A + B & 100%")));
    let now = item(&plex, SEEN).await;
    assert_eq!((&now["title"], &now["year"], &now["rating"]), (&json!("A + B & 100%"), &json!(1999), &json!(4.2)));
    assert_eq!((&now["tagline"], &now["titleSort"]), (&Value::Null, &json!("a b")), "{now}");
    let locked: Vec<_> = array(&now["Field"]).iter().map(|field| field["name"].as_str().unwrap()).collect();
    assert_eq!(locked, ["contentRating", "rating", "studio", "summary", "tagline", "title", "titleSort", "year"]);
    let sent = changes(&plex);
    assert_eq!(sent.len(), 1, "{sent:?}");
    let begin = "PUT /library/sections/1/all?type=1&id=1001&title.value=A%20%2B%20B%20%26%20100%25&title.locked=1&titleSort.value=";
    assert!(sent[0].starts_with(begin), "{sent:?}");
    let again = client.call("update_metadata", arguments).await;
    assert_eq!((&again["updated"], changes(&plex).len()), (&json!(false), 1), "{again}");
    undo(&client, &edited).await;
    assert_eq!(stable(&plex, SEEN).await, before, "fields and locks");
    // Without a lock.
    let free = client.call("update_metadata", json!({"ratingKey": SEEN, "title": "Free", "lock": false})).await;
    assert_eq!(item(&plex, SEEN).await["Field"], Value::Null);
    client.call("update_metadata", json!({"ratingKey": SEEN, "title": "Freer"})).await;
    let (text, _) = client.fail("undo_change", json!({"callId": free["changeId"]})).await;
    assert!(text.contains("title was changed since"), "{text}");
    client.close().await;
}

#[tokio::test]
async fn tags_that_are_named_are_all_there_are_and_the_kept_ones_stay_what_they_were() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    // A film with several of each, and one in a collection.
    let key = "1002";
    let before = stable(&plex, key).await;
    let (genres, roles) = (words(&before, "Genre"), words(&before, "Role"));
    assert!(genres.len() > 1 && roles.len() > 1 && !words(&before, "Collection").is_empty(), "{before}");
    let arguments = json!({
        "ratingKey": key,
        "genres": [genres[0], "Sing, Dance & Cry", "100% \"Art\"", genres[0]],
        "roles": [roles[1], "New Face"],
        "collections": [],
        "directors": ["One; Two"],
    });
    let edited = client.call("update_metadata", arguments).await;
    let now = item(&plex, key).await;
    assert_eq!(words(&now, "Genre"), [genres[0].as_str(), "Sing, Dance & Cry", "100% \"Art\""]);
    assert_eq!(words(&now, "Role"), [roles[1].as_str(), "New Face"]);
    assert_eq!(now["Role"][0]["role"], before["Role"][1]["role"], "who stays keeps the part");
    assert_eq!(words(&now, "Director"), ["One; Two"]);
    assert_eq!(words(&now, "Collection"), [] as [&str; 0]);
    let genre = &edited["tagResults"][0];
    assert_eq!((&genre["tag"], &genre["success"]), (&json!("genres"), &json!(true)), "{edited}");
    assert_eq!(genre["added"], json!(["Sing, Dance & Cry", "100% \"Art\""]));
    assert_eq!(genre["removed"], json!(genres[1..]));
    assert!(edited["summary"].as_str().unwrap().contains("a collection begins and ends with its items"), "{edited}");
    // A tag with a comma goes, too, and alone.
    let fewer = client.call("update_metadata", json!({"ratingKey": key, "genres": ["100% \"Art\"", genres[0]]})).await;
    assert_eq!(fewer["tagResults"][0]["removed"], json!(["Sing, Dance & Cry"]), "{fewer}");
    let same = client.call("update_metadata", json!({"ratingKey": key, "genres": [genres[0], "100% \"Art\""]})).await;
    assert_eq!(same["updated"], false, "the same in another order is the same");
    undo(&client, &fewer).await;
    undo(&client, &edited).await;
    assert_eq!(stable(&plex, key).await, before, "tags, parts and locks");
    client.close().await;
}

#[tokio::test]
async fn what_an_item_does_not_have_can_not_be_edited_and_albums_are_not_merged() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let albums = as_plex_json(&plex, "/library/metadata/800000000/children").await["Metadata"].clone();
    let artists = as_plex_json(&plex, "/library/sections/3/all?type=8").await["Metadata"].clone();
    for (arguments, says) in [
        (json!({"ratingKey": SEEN}), "title or another field is required"),
        (json!({"ratingKey": SEEN, "title": ""}), "title must not be empty"),
        (json!({"ratingKey": SEEN, "title": " "}), "title must not be empty"),
        (json!({"ratingKey": SEEN, "clear": ["title"]}), "title must not be empty"),
        (json!({"ratingKey": SEEN, "clear": ["year"], "year": 1999}), "clear names year, which is also set"),
        (json!({"ratingKey": SEEN, "clear": ["everything"]}), "clear[0] must be one of title"),
        (json!({"ratingKey": SEEN, "genres": ["a", " "]}), "genres must hold texts"),
        (json!({"ratingKey": "400001101", "studio": "X"}), "studio is nothing that items of the type episode have"),
        (
            json!({"ratingKey": "400001000", "directors": ["X"]}),
            "directors is nothing that items of the type show have",
        ),
        (json!({"ratingKey": "1200000104", "title": "X"}), "is of the type \"clip\", which can't be edited"),
        (json!({"ratingKey": "77", "title": "X"}), "item 77 was not found"),
        (
            json!({"ratingKey": albums[0]["ratingKey"], "title": albums[1]["title"].as_str().map(str::to_uppercase)}),
            "title is that of another album here",
        ),
        (
            json!({"ratingKey": artists[0]["ratingKey"], "title": artists[1]["title"]}),
            "title is that of another artist here",
        ),
    ] {
        let (text, _) = client.fail("update_metadata", arguments.clone()).await;
        assert!(text.contains(says), "{arguments}: {text}");
    }
    assert_eq!(changes(&plex), [] as [&str; 0]);
    for (key, fields) in [
        (SEEN, json!({"year": 1950})),
        ("400001000", json!({"tagline": "T", "originalTitle": "O", "rating": 3})),
        ("400001100", json!({"title": "S", "summary": "About the season"})),
        ("400001101", json!({"title": "E", "contentRating": "X"})),
        ("800000000", json!({"title": "Artist", "genres": ["G"]})),
        ("800000100", json!({"title": "Album", "studio": "Label"})),
        ("800000101", json!({"title": "Track"})),
        ("1600001000", json!({"title": "Collection", "summary": "Of films"})),
        // Plex calls an album of photos a photo, and takes the number of albums for it.
        ("1200000000", json!({"title": "Album of photos", "summary": "Of photos"})),
        ("1200000101", json!({"title": "Photo"})),
    ] {
        let before = stable(&plex, key).await;
        let mut arguments = fields.clone();
        arguments["ratingKey"] = key.into();
        let edited = client.call("update_metadata", arguments).await;
        let mut applied: Vec<_> = array(&edited["appliedFields"]).iter().map(|name| name.as_str().unwrap()).collect();
        applied.sort_unstable();
        let mut wanted: Vec<_> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        wanted.sort_unstable();
        assert_eq!(applied, wanted, "{edited}");
        undo(&client, &edited).await;
        assert_eq!(stable(&plex, key).await, before);
    }
    client.close().await;
}

#[tokio::test]
async fn what_is_said_to_be_editable_is_what_can_be_edited() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    for key in [
        SEEN,
        "400001000",
        "400001100",
        "400001101",
        "800000000",
        "800000100",
        "800000101",
        "1200000000",
        "1200000101",
        "1200000104",
        "1600001000",
    ] {
        let told = client.call("get_editable_fields", json!({"ratingKey": key})).await;
        for (name, value) in [
            ("title", json!("Another")),
            ("sortTitle", json!("another")),
            ("originalTitle", json!("Another")),
            ("summary", json!("Another")),
            ("year", json!(1901)),
            ("contentRating", json!("Another")),
            ("rating", json!(0.1)),
            ("tagline", json!("Another")),
            ("studio", json!("Another")),
            ("genres", json!(["Another"])),
            ("collections", json!(["Another"])),
            ("roles", json!(["Another"])),
            ("directors", json!(["Another"])),
        ] {
            let has = |list: &str| array(&told[list]).contains(&json!(name));
            let arguments = json!({"ratingKey": key, name: value, "dryRun": true});
            let result = client.try_call("update_metadata", arguments).await.unwrap();
            let takes = result.is_error != Some(true);
            assert_eq!(has("editableFields") || has("editableTags"), takes, "{name} of {told}");
        }
    }
    client.close().await;
    assert_eq!(changes(&plex), [] as [&str; 0]);
}

#[tokio::test]
async fn an_edit_that_is_not_answered_or_not_taken_says_so() {
    for (kind, code) in [
        (FaultOfChange::CutAfter, None),
        (FaultOfChange::CutBefore, Some("outcome_unknown")),
        (FaultOfChange::Ignored, Some("not_applied")),
        (FaultOfChange::Refused, Some("bad_answer")),
    ] {
        let (plex, home) = faulty(1, kind).await;
        let client = home.connect().await;
        let before = stable(&plex, SEEN).await;
        let arguments = json!({"ratingKey": SEEN, "title": "New", "genres": ["A"]});
        let result = match code {
            None => client.call("update_metadata", arguments).await,
            Some(_) => client.fail("update_metadata", arguments).await.1,
        };
        assert_eq!(result["code"].as_str(), code, "{result}");
        assert_eq!(stable(&plex, SEEN).await == before, code.is_some(), "{result}");
        client.close().await;
        assert_eq!(changes(&plex).len(), 1);
    }
}

#[tokio::test]
async fn a_dry_run_asks_no_one_and_says_that_someone_would_be_asked() {
    let (plex, home) = home(Options::default()).await;
    home.policy(
        "version = \"1\"\ndefault = \"deny\"\n[kinds.write]\naction = \"ask\"\n[kinds.destructive]\naction = \"ask\"\n",
    );
    let client = home.connect().await;
    for (tool, arguments) in [
        ("mark_watched", json!({"ratingKey": UNSEEN})),
        ("mark_unwatched", json!({"ratingKey": SEEN})),
        ("rate_media", json!({"ratingKey": UNSEEN, "rating": 1})),
        ("update_metadata", json!({"ratingKey": SEEN, "title": "X"})),
        ("update_metadata_from_json", json!({"ratingKey": SEEN, "metadata": {"title": "X"}})),
        ("create_playlist", json!({"title": "X", "type": "video", "ratingKeys": [SEEN]})),
        ("add_to_playlist", json!({"playlistId": "1700000000", "ratingKey": "1020"})),
        ("remove_from_playlist", json!({"playlistId": "1700000000", "playlistItemId": "1"})),
        ("clear_playlist", json!({"playlistId": "1700000000", "confirm": true})),
        ("delete_playlist", json!({"playlistId": "1700000000"})),
        ("add_to_watchlist", json!({"ratingKey": UNSEEN})),
        ("remove_from_watchlist", json!({"plexGuid": item(&plex, "1001").await["guid"]})),
    ] {
        let mut dry = arguments.clone();
        dry["dryRun"] = true.into();
        let dry = client.call(tool, dry).await;
        let kind = if matches!(tool, "mark_watched" | "create_playlist" | "add_to_playlist" | "add_to_watchlist") {
            "write"
        } else {
            "destructive"
        };
        assert_eq!(dry["dryRun"]["decision"], "ask", "{tool}: {dry}");
        assert_eq!(dry["dryRun"]["rule"], format!("/kinds/{kind}/action"), "{tool}: {dry}");
        assert!(dry["summary"].as_str().is_some_and(|summary| summary.len() > 10), "{tool}: {dry}");
        // The same in earnest is asked about, also where the caller says that it is confirmed.
        let (text, _) = client.fail(tool, arguments).await;
        assert!(text.contains("approv"), "{tool}: {text}");
    }
    client.close().await;
    assert_eq!(changes(&plex), [] as [&str; 0]);
}
