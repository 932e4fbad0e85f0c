//! What is being watched now, told to Trakt.

use crate::{
    code, now, refusal, signed_in,
    support::{
        Client, as_plex_json,
        trouble::{Seen, Trouble, forward, xml},
    },
};
use plex_mcp::demo::{SamplePlex, SampleTrakt, TraktOptions};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

async fn tmdb(plex: &SamplePlex, key: &str) -> String {
    let item = as_plex_json(plex, &format!("/library/metadata/{key}?includeGuids=1")).await["Metadata"][0].clone();
    let guids = item["Guid"].as_array().unwrap();
    let id = guids.iter().find_map(|guid| guid["id"].as_str()?.strip_prefix("tmdb://").map(str::to_owned)).unwrap();
    format!("tmdb:{id}")
}

#[tokio::test]
async fn an_item_is_started_halted_and_stopped_and_the_play_is_in_the_history_once() {
    let (plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let film = tmdb(&plex, "1001").await;
    let client = home.connect().await;
    let tell = async |arguments: Value| client.call("trakt_start_scrobbling", arguments).await;
    let started =
        tell(json!({"ratingKey": "1001", "title": "Anything", "type": "movie", "progress": 2, "duration": 5})).await;
    assert_eq!((&started["success"], &started["result"]), (&json!(true), &json!("watching")), "{started}");
    let (what, progress) = trakt.watching().unwrap();
    assert!(what.contains(&film) && (progress - 2.0).abs() < 0.01, "{what} {progress}");
    let paused = tell(json!({"ratingKey": "1001", "progress": 40.5, "action": "pause"})).await;
    assert_eq!((&paused["result"], trakt.watching()), (&json!("paused"), None));
    assert!(trakt.history().is_empty());
    let stopped = tell(json!({"ratingKey": "1001", "progress": 91, "action": "stop"})).await;
    assert_eq!(stopped["result"], "scrobbled");
    let history = trakt.history();
    assert!(history.len() == 1 && history[0].action == "scrobble" && history[0].what.contains(&film), "{history:?}");
    assert!((now() - history[0].at).abs() < 30);
    let again = tell(json!({"ratingKey": "1001", "progress": 95, "action": "stop"})).await;
    assert_eq!((&again["result"], trakt.history().len()), (&json!("already_scrobbled"), 1));
    let short = tell(json!({"ratingKey": "1001", "progress": 0.5, "action": "stop"})).await;
    assert_eq!((&short["result"], trakt.history().len()), (&json!("too_short"), 1));

    // Without a number Plex's own is taken: film 13 stands at six tenths.
    let begun = tell(json!({"ratingKey": "1013"})).await;
    assert!((begun["sessionData"]["progress"].as_f64().unwrap() - 60.0).abs() < 1.0, "{begun}");

    let before = trakt.count("POST", "/scrobble");
    for (arguments, field) in [
        (json!({"progress": 5}), "ratingKey"),
        (json!({"ratingKey": "1001", "action": "stop"}), "progress"),
        (json!({"ratingKey": "1001", "progress": 101}), "progress"),
        (json!({"ratingKey": "1001", "progress": 5, "type": "episode"}), "type"),
        (json!({"ratingKey": "800000000", "progress": 5}), "ratingKey"),
        (json!({"ratingKey": "1001", "progress": 5, "action": "begin"}), "action"),
    ] {
        let (text, said) = code(&client, "trakt_start_scrobbling", arguments).await;
        assert!(said == "invalid_argument" && text.contains(field), "{field}: {text}");
    }
    assert_eq!(trakt.count("POST", "/scrobble"), before, "bad arguments send nothing");
    trakt.refuse(refusal("POST", "/scrobble/stop", 422, 1));
    let (text, said) =
        code(&client, "trakt_start_scrobbling", json!({"ratingKey": "1001", "progress": 50, "action": "stop"})).await;
    assert_eq!(said, "bad_answer", "half of a film is not too short: {text}");
    client.close().await;
    let rows = home.rows().await;
    let told =
        rows.iter().filter(|row| row.tool == "trakt_start_scrobbling" && !row.affected.titles.is_empty()).count();
    assert_eq!(told, 7, "every step is recorded: {rows:?}");
}

/// A Plex server on which the test decides what is being played.
struct Playing {
    sessions: Arc<Mutex<String>>,
    _server: Trouble,
    url: String,
}

impl Playing {
    async fn new(plex: &SamplePlex) -> Self {
        let sessions = Arc::new(Mutex::new(String::new()));
        let (sample, shown) = (plex.url(), Arc::clone(&sessions));
        let server = Trouble::start(move |seen: Seen| {
            let (sample, shown) = (sample.clone(), Arc::clone(&shown));
            async move {
                if seen.path == "/status/sessions" {
                    let shown = shown.lock().unwrap().clone();
                    return xml(format!("<MediaContainer size=\"1\">{shown}</MediaContainer>"));
                }
                forward(&sample, "", &seen).await
            }
        })
        .await;
        let url = server.url();
        Self { sessions, _server: server, url }
    }

    /// Somebody plays film 1001 of 100 seconds.
    fn play(&self, account: u64, seconds: u64, state: &str) {
        self.play_item(account, "1001", seconds, state);
    }

    fn play_item(&self, account: u64, key: &str, seconds: u64, state: &str) {
        *self.sessions.lock().unwrap() = format!(
            "<Video ratingKey=\"{key}\" type=\"movie\" title=\"A Film\" duration=\"100000\" viewOffset=\"{}\">\
             <User id=\"{account}\" title=\"Peregrine\"/><Player state=\"{state}\" machineIdentifier=\"tv\"/></Video>",
            seconds * 1_000
        );
    }

    fn nothing(&self) {
        self.sessions.lock().unwrap().clear();
    }
}

/// Waits until Trakt was told of so many steps, and says which.
async fn steps(trakt: &SampleTrakt, wanted: usize) -> Vec<String> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let seen: Vec<String> = trakt
            .requests()
            .iter()
            .filter(|seen| seen.path_and_query.starts_with("/scrobble/"))
            .map(|seen| format!("{} {}", &seen.path_and_query[10..], seen.body["progress"]))
            .collect();
        if seen.len() >= wanted {
            return seen;
        }
        assert!(Instant::now() < until, "only {seen:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn status(client: &Client) -> Value {
    client.call("trakt_get_sync_status", json!({})).await
}

#[tokio::test]
async fn a_person_is_followed_until_that_is_stopped() {
    let (plex, trakt, mut home) = signed_in(TraktOptions::default()).await;
    let playing = Playing::new(&plex).await;
    home.url.clone_from(&playing.url);
    let client = home.connect().await;
    // Somebody else's play is none of it.
    playing.play(1, 10, "playing");
    let followed = client
        .call("trakt_start_scrobbling", json!({"action": "follow", "account": "Peregrine", "intervalSeconds": 1}))
        .await;
    assert_eq!(followed["follower"]["account"], 2_041, "{followed}");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(trakt.count("POST", "/scrobble"), 0);

    playing.play(2_041, 10, "playing");
    assert_eq!(steps(&trakt, 1).await, ["start 10.0"]);
    playing.play(2_041, 20, "paused");
    assert_eq!(steps(&trakt, 2).await[1], "pause 20.0");
    playing.play(2_041, 20, "playing");
    assert_eq!(steps(&trakt, 3).await[2], "start 20.0");
    let shown = status(&client).await;
    assert_eq!(shown["followers"][0]["watching"][0]["ratingKey"], "1001", "{shown}");

    // The player restarts, and Trakt is out of order for a moment.
    playing.nothing();
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    playing.play(2_041, 95, "playing");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(trakt.count("POST", "/scrobble"), 3, "it is the same play");
    trakt.refuse(refusal("POST", "/scrobble/stop", 503, 1));
    playing.nothing();
    let told = steps(&trakt, 5).await;
    assert_eq!(told[3..], ["stop 95.0", "stop 95.0"], "tried again: {told:?}");
    assert_eq!(trakt.history().len(), 1, "one play, however often its player came and went");

    let ended = client.call("trakt_start_scrobbling", json!({"action": "unfollow", "account": "2041"})).await;
    assert_eq!(ended["follower"]["told"], 4, "{ended}");
    playing.play(2_041, 5, "playing");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(trakt.count("POST", "/scrobble"), 5, "nobody is followed any more");
    assert_eq!(status(&client).await["followers"], json!([]));
    client.close().await;
    let rows = home.rows().await;
    let own = rows.iter().filter(|row| row.client.as_deref() == Some("plex-mcp, following Peregrine")).count();
    assert_eq!(own, 5, "each thing that Trakt was told is a call of its own: {rows:?}");
}

/// What Trakt does not know is asked of it once, and does not keep what follows from being told.
#[tokio::test]
async fn an_item_that_trakt_does_not_know_holds_nothing_up() {
    let (plex, trakt, mut home) = signed_in(TraktOptions::default()).await;
    let playing = Playing::new(&plex).await;
    home.url.clone_from(&playing.url);
    let client = home.connect().await;
    trakt.refuse(refusal("POST", "/scrobble/start", 404, 1));
    playing.play(1, 10, "playing");
    client.call("trakt_start_scrobbling", json!({"action": "follow", "intervalSeconds": 1})).await;
    assert_eq!(steps(&trakt, 1).await, ["start 10.0"]);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let shown = status(&client).await;
    assert!(shown["followers"][0]["error"].as_str().unwrap().contains("not found"), "{shown}");
    assert_eq!(trakt.count("POST", "/scrobble"), 1, "once");
    playing.play_item(1, "1002", 30, "playing");
    assert_eq!(steps(&trakt, 2).await[1], "start 30.0");
    client.close().await;
}

#[tokio::test]
async fn a_policy_that_refuses_ends_the_following() {
    let (plex, trakt, mut home) = signed_in(TraktOptions::default()).await;
    let playing = Playing::new(&plex).await;
    home.url.clone_from(&playing.url);
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n[tools.trakt_start_scrobbling]\naction = \"allow\"\n\
         deny_if = [{ path = \"args.action\", op = \"eq\", value = \"start\" }]\n",
    );
    let client = home.connect().await;
    playing.play(1, 10, "playing");
    client.call("trakt_start_scrobbling", json!({"action": "follow", "intervalSeconds": 1})).await;
    let until = Instant::now() + Duration::from_secs(10);
    let shown = loop {
        let shown = status(&client).await;
        if shown["followers"][0]["ended"] == true {
            break shown;
        }
        assert!(Instant::now() < until, "{shown}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(shown["followers"][0]["error"].as_str().unwrap().contains("[POLICY DENIED]"), "{shown}");
    assert_eq!(trakt.count("POST", "/scrobble"), 0);
    client.close().await;
}
