//! Plays on their way to Trakt: what the account's history holds before and after.

use crate::{
    code, kept, now, refusal, signed_in, signed_in_with,
    support::{Client, as_plex_json},
};
use plex_mcp::demo::{Options, Refusal, SampleLibrary, SamplePlex, SampleTrakt, TraktOptions};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The plays of an account, by Plex's own account of them: item to times.
async fn played(plex: &SamplePlex, account: u64) -> BTreeMap<String, Vec<i64>> {
    let rows = as_plex_json(plex, &format!("/status/sessions/history/all?accountID={account}")).await;
    let mut plays: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for row in rows["Metadata"].as_array().unwrap() {
        if matches!(row["type"].as_str(), Some("movie" | "episode")) {
            let key = row["ratingKey"].as_str().unwrap_or("gone").to_owned();
            plays.entry(key).or_default().push(row["viewedAt"].as_i64().unwrap());
        }
    }
    plays
}

async fn item(plex: &SamplePlex, key: &str) -> Value {
    as_plex_json(plex, &format!("/library/metadata/{key}?includeGuids=1")).await["Metadata"][0].clone()
}

/// The number that an item has at that service.
fn id(item: &Value, service: &str) -> Option<i64> {
    let prefix = format!("{service}://");
    item["Guid"].as_array()?.iter().find_map(|guid| guid["id"].as_str()?.strip_prefix(&prefix)?.parse().ok())
}

async fn sync(client: &Client, arguments: Value) -> Value {
    client.call("trakt_sync_to_trakt", arguments).await
}

fn count(result: &Value, name: &str) -> u64 {
    result["summary"][name].as_u64().unwrap_or_else(|| panic!("{name}: {result}"))
}

#[tokio::test]
async fn what_trakt_lacks_is_listed_then_sent_and_never_sent_again() {
    let (plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    let listed = sync(&client, json!({"limit": 1_000})).await;
    assert_eq!((&listed["dryRun"], &listed["decision"]), (&json!(true), &json!("allow")), "the default: {listed}");
    assert!(trakt.history().is_empty() && trakt.count("POST", "/") == 0, "nothing was sent");
    let shown: Vec<f64> = client.progress.lock().unwrap().iter().map(|note| note.progress).collect();
    assert!(!shown.is_empty() && shown.is_sorted(), "progress only rises: {shown:?}");
    let missing = count(&listed, "missing");
    assert!(missing > 150, "{listed}");
    let parts = ["missing", "alreadyThere", "folded", "skipped", "otherTypes"].map(|name| count(&listed, name));
    assert_eq!(parts.iter().sum::<u64>(), count(&listed, "itemsProcessed"), "every play is told of: {listed}");
    for reason in listed["skipped"].as_array().unwrap() {
        assert!(!reason["titles"].as_array().unwrap().is_empty(), "{reason}");
    }
    assert!(listed["skipped"].to_string().contains("Fix Match"), "{}", listed["skipped"]);

    let sent = sync(&client, json!({"dryRun": false, "batchSize": 200, "limit": 1_000})).await;
    assert_eq!((count(&sent, "itemsAdded"), &sent["complete"]), (missing, &json!(true)), "{sent}");
    assert_eq!(count(&sent, "itemsFailed"), 0);
    let history = trakt.history();
    assert_eq!(history.len() as u64, missing);
    // What was listed is what was sent, at the times at which it was played.
    assert_eq!(listed["plays"], sent["plays"]);
    let times: BTreeSet<i64> = played(&plex, 1).await.into_values().flatten().collect();
    assert!(history.iter().all(|play| times.contains(&play.at)), "the times are Plex's");
    let specials = history.iter().filter(|play| play.what.contains(" S00E")).count();
    let titles: Vec<&str> =
        sent["plays"].as_array().unwrap().iter().map(|play| play["title"].as_str().unwrap()).collect();
    assert!(specials > 0, "the sample has plays of specials");
    assert_eq!(specials, titles.iter().filter(|title| title.contains(" S00E")).count(), "season 0 stays season 0");

    let posts = trakt.count("POST", "/sync/history");
    let again = sync(&client, json!({"dryRun": false})).await;
    assert_eq!((count(&again, "missing"), count(&again, "alreadyThere")), (0, missing), "{again}");
    assert_eq!((trakt.count("POST", "/sync/history"), trakt.history().len()), (posts, history.len()));

    // The ledger knows what was sent: once, and by whom.
    let status = client.call("trakt_get_sync_status", json!({})).await;
    assert_eq!((&status["syncInProgress"], &status["last"]["phase"]), (&json!(false), &json!("ended")), "{status}");
    client.close().await;
    let rows = home.rows().await;
    let sends: Vec<_> = rows.iter().filter(|row| row.affected.items == Some(missing)).collect();
    assert_eq!(sends.len(), 2, "the dry run and the sync: {rows:?}");
    assert!(kept(&home)["tokens"].is_object());
}

#[tokio::test]
async fn plays_that_another_app_has_told_of_are_not_sent_again() {
    let (plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let plays = played(&plex, 1).await;
    let mut told = 0;
    for (key, times) in plays.iter().filter(|(key, _)| key.parse::<u64>().is_ok_and(|key| key < 2_000)).take(20) {
        if let (Some(tmdb), [at]) = (id(&item(&plex, key).await, "tmdb"), times.as_slice()) {
            // Some minutes off, and under another name than Plex's.
            trakt.add_play(&json!({"movie": {"ids": {"tmdb": tmdb}}}), at - 600);
            told += 1;
        }
    }
    assert!(told > 10);
    // The same film on another day is another play.
    let other = plays.iter().find(|(key, _)| key.parse::<u64>().is_ok_and(|key| key < 2_000)).unwrap();
    let tmdb = id(&item(&plex, other.0).await, "tmdb").unwrap();
    trakt.add_play(&json!({"movie": {"ids": {"tmdb": tmdb}}}), other.1[0] - 900_000);
    let client = home.connect().await;
    let listed = sync(&client, json!({})).await;
    assert_eq!(count(&listed, "alreadyThere"), told, "{listed}");
    client.close().await;
}

#[tokio::test]
async fn a_long_history_is_read_to_its_end_whatever_the_headers_say() {
    for (misleading_pages, page_rows) in [(true, (100, 250)), (false, (10, 60))] {
        let options = TraktOptions { misleading_pages, page_rows, ..TraktOptions::default() };
        let (_plex, trakt, home) = signed_in(options).await;
        let client = home.connect().await;
        let sent = sync(&client, json!({"dryRun": false, "batchSize": 500})).await;
        let again = sync(&client, json!({})).await;
        assert_eq!((count(&again, "missing"), count(&again, "alreadyThere")), (0, count(&sent, "itemsAdded")));
        let pages = trakt.requests().iter().filter(|seen| seen.path_and_query.contains("page=2&limit=250")).count();
        assert!(pages >= 2, "{pages}");
        client.close().await;
    }
    // A server that knows no pages gives the first one for ever.
    let (_plex, trakt, home) = signed_in(TraktOptions { ignore_pages: true, ..TraktOptions::default() }).await;
    trakt.add_play(&json!({"movie": {"ids": {"tmdb": 5}}}), 1_700_000_000);
    let client = home.connect().await;
    sync(&client, json!({})).await;
    assert_eq!(trakt.count("GET", "/users/me/history/movies"), 2);
    client.close().await;
}

#[tokio::test]
async fn what_trakt_does_not_know_is_named() {
    let plex = SamplePlex::start(Options { token: crate::support::TOKEN.into(), ..Options::default() }).await.unwrap();
    let plays = played(&plex, 1).await;
    let mut unknown = Vec::new();
    let mut titles = Vec::new();
    for key in plays.keys().filter(|key| key.parse::<u64>().is_ok_and(|key| key < 2_000)) {
        let film = item(&plex, key).await;
        if let Some(tmdb) = id(&film, "tmdb").filter(|_| unknown.len() < 3) {
            unknown.push(format!("tmdb:{tmdb}"));
            titles.push(format!("{} ({})", film["title"].as_str().unwrap(), film["year"]));
        }
    }
    drop(plex);
    let (_plex, trakt, home) = signed_in(TraktOptions { unknown, ..TraktOptions::default() }).await;
    let client = home.connect().await;
    let sent = sync(&client, json!({"dryRun": false, "batchSize": 500})).await;
    let named: BTreeSet<&str> =
        sent["notFound"].as_array().unwrap().iter().map(|title| title.as_str().unwrap()).collect();
    assert_eq!(named, titles.iter().map(String::as_str).collect(), "{sent}");
    assert_eq!(trakt.history().len() as u64, count(&sent, "itemsAdded"));
    assert_eq!(count(&sent, "missing") - count(&sent, "itemsAdded"), count(&sent, "itemsFailed"));
    client.close().await;
}

#[tokio::test]
async fn a_sync_that_stops_says_what_was_written_and_the_next_one_goes_on() {
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    let missing = count(&sync(&client, json!({})).await, "missing");
    let headers = vec![("x-upgrade-url", "https://example.invalid/vip".to_owned())];
    trakt.refuse(Refusal { headers, after: 1, ..refusal("POST", "/sync/history", 420, 1) });
    let (text, said) = code(&client, "trakt_sync_to_trakt", json!({"dryRun": false, "batchSize": 60})).await;
    assert_eq!(said, "partly_done", "{text}");
    assert!(text.contains(&format!("60 of {missing}")) && text.contains("example.invalid/vip"), "{text}");
    assert_eq!(trakt.history().len(), 60);
    // Broken off in the middle: whether it was written is looked up, not guessed.
    trakt.refuse(refusal("POST", "/sync/history", 502, 1));
    let (text, said) = code(&client, "trakt_sync_to_trakt", json!({"dryRun": false, "batchSize": 60})).await;
    assert_eq!(said, "outcome_unknown", "{text}");
    let rest = sync(&client, json!({"dryRun": false, "batchSize": 500})).await;
    assert_eq!((count(&rest, "alreadyThere"), count(&rest, "itemsAdded")), (60, missing - 60), "{rest}");
    assert_eq!(trakt.history().len() as u64, missing);
    let status = client.call("trakt_get_sync_status", json!({})).await;
    assert!(status["last"]["result"].as_str().unwrap().contains("were added"), "{status}");
    client.close().await;
}

#[tokio::test]
async fn the_policy_judges_by_the_number_of_plays() {
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n[tools.trakt_sync_to_trakt]\naction = \"allow\"\n\
         limits = [{ counter = \"plays\", window = \"day\", max = 50, of = \"items\" }]\n",
    );
    let client = home.connect().await;
    let listed = sync(&client, json!({})).await;
    assert_eq!(listed["decision"], "refuse", "{listed}");
    let (text, said) = code(&client, "trakt_sync_to_trakt", json!({"dryRun": false})).await;
    assert!(said != "internal" && text.starts_with("[POLICY DENIED]"), "{said}: {text}");
    assert!(trakt.history().is_empty());
    client.close().await;
}

#[tokio::test]
async fn each_persons_plays_are_their_own_and_recent_ones_can_be_chosen() {
    let (plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    let theirs = sync(&client, json!({"account": "peregrine"})).await;
    let expected: usize = played(&plex, 2_041).await.values().map(Vec::len).sum();
    let parts = ["missing", "folded", "skipped"].map(|name| count(&theirs, name));
    assert_eq!(parts.iter().sum::<u64>(), expected as u64, "{theirs}");
    let by_number = sync(&client, json!({"account": "2041"})).await;
    assert_eq!(by_number["plays"], theirs["plays"]);
    let recent = sync(&client, json!({"days": 30, "limit": 1_000})).await;
    let since = now() - 30 * 86_400;
    let expected = played(&plex, 1).await.into_values().flatten().filter(|&at| at >= since).count();
    assert!(count(&recent, "missing") > 0 && count(&recent, "missing") <= expected as u64, "{recent}");
    let (text, said) = code(&client, "trakt_sync_to_trakt", json!({"account": "nobody"})).await;
    assert!(said == "invalid_argument" && text.contains("Orsolinde"), "{text}");
    assert!(trakt.history().is_empty());
    client.close().await;
}

#[tokio::test]
async fn two_syncs_never_send_at_once() {
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let (one, two) = tokio::join!(home.connect(), home.connect());
    let arguments = json!({"dryRun": false, "batchSize": 60});
    let (first, second) = tokio::join!(
        one.try_call("trakt_sync_to_trakt", arguments.clone()),
        two.try_call("trakt_sync_to_trakt", arguments.clone()),
    );
    let results: Vec<_> =
        [first, second].into_iter().map(|result| result.unwrap().structured_content.unwrap()).collect();
    let added: u64 = results.iter().filter_map(|result| result["summary"]["itemsAdded"].as_u64()).sum();
    assert_eq!(trakt.history().len() as u64, added, "{results:?}");
    assert!(results.iter().any(|result| result["code"] == "already_running"), "{results:?}");
    let status = sync(&one, json!({})).await;
    assert_eq!(count(&status, "missing"), 0);
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn ratings_are_the_owners_own_and_whole_numbers() {
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    let listed = sync(&client, json!({"includeRatings": true, "days": 1})).await;
    let missing = count(&listed, "ratingsMissing");
    assert!(missing > 5 && trakt.ratings().is_empty(), "{listed}");
    let sent = sync(&client, json!({"includeRatings": true, "dryRun": false, "days": 1})).await;
    assert_eq!(count(&sent, "itemsUpdated"), missing, "{sent}");
    let ratings: BTreeSet<i64> = trakt.ratings().into_iter().map(|(_, rating)| rating).collect();
    assert_eq!(ratings, BTreeSet::from([4, 8, 9]), "3.5, 7.5999999046325701 and 9.0, rounded");
    let again = sync(&client, json!({"includeRatings": true, "days": 1})).await;
    assert_eq!(count(&again, "ratingsMissing"), 0, "{again}");
    client.close().await;
}

#[tokio::test]
async fn ratings_that_are_refused_do_not_hide_the_plays_that_were_added() {
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    let arguments = json!({"includeRatings": true, "dryRun": false, "days": 30, "batchSize": 500});
    trakt.refuse(refusal("POST", "/sync/ratings", 420, 1));
    let (text, said) = code(&client, "trakt_sync_to_trakt", arguments.clone()).await;
    let added = trakt.history().len();
    assert!(added > 0 && trakt.ratings().is_empty());
    assert_eq!(said, "partly_done", "{text}");
    assert!(text.contains(&format!("only {added} of")), "{text}");
    let row = home.rows().await.pop().unwrap();
    assert_eq!(row.affected.items, Some(added as u64), "{row:?}");
    let rest = sync(&client, arguments).await;
    assert_eq!((count(&rest, "itemsAdded"), &rest["complete"]), (0, &json!(true)), "{rest}");
    // Where nothing was added at all, the refusal is all there is to say.
    trakt.refuse(Refusal {
        headers: vec![("retry-after", "2852".to_owned())],
        ..refusal("POST", "/sync/history", 429, 1)
    });
    let (text, error) = client.fail("trakt_sync_to_trakt", json!({"dryRun": false})).await;
    assert_eq!((&error["code"], &error["retryAfterSeconds"]), (&json!("rate_limited"), &json!(2_852)), "{text}");
    client.close().await;
}

#[tokio::test]
async fn editions_and_copies_of_a_film_are_one_film() {
    let library = SampleLibrary { movies: 600, ..SampleLibrary::default() };
    let (plex, trakt, home) = signed_in_with(Options { library, ..Options::default() }, TraktOptions::default()).await;
    // Film 11 is another edition of film 10; both are marked as watched now, as one play.
    for key in ["1010", "1011"] {
        let url = format!("{}/:/scrobble?identifier=com.plexapp.plugins.library&key={key}", plex.url());
        let request = reqwest::Client::new().get(url).header("X-Plex-Token", crate::support::TOKEN);
        assert!(request.send().await.unwrap().status().is_success());
    }
    let client = home.connect().await;
    let listed = sync(&client, json!({"days": 1, "limit": 1_000})).await;
    let tmdb = id(&item(&plex, "1010").await, "tmdb").unwrap();
    assert!(count(&listed, "copiesAsOne") >= 1 && count(&listed, "folded") >= 1, "{listed}");
    sync(&client, json!({"days": 1, "dryRun": false})).await;
    let of_it = trakt
        .history()
        .iter()
        .filter(|play| play.what.contains(&format!("tmdb:{tmdb}")) && play.at > now() - 60)
        .count();
    assert_eq!(of_it, 1, "one play");
    client.close().await;
}

/// Of a long history as much is read as can matter.
#[tokio::test]
async fn the_last_days_are_compared_with_the_last_days() {
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    sync(&client, json!({"dryRun": false, "batchSize": 500})).await;
    fill(&trakt, 872);
    let requests = || trakt.count("GET", "/users/me/history/movies");
    let before = requests();
    let recent = sync(&client, json!({"days": 60})).await;
    assert!(count(&recent, "alreadyThere") > 0 && count(&recent, "missing") == 0, "{recent}");
    assert_eq!(requests() - before, 2, "one page and the end");
    sync(&client, json!({})).await;
    assert!(requests() - before > 5);
    client.close().await;
}

/// An account that the sample's library does not fill.
#[tokio::test]
async fn all_of_872_watched_films_are_used() {
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    fill(&trakt, 872);
    let client = home.connect().await;
    let compared = client.call("trakt_sync_from_trakt", json!({"limit": 5})).await;
    assert_eq!(compared["trakt_data"]["movies"]["count"], 872, "{compared}");
    assert_eq!(compared["counts"]["notInPlex"], 872);
    client.close().await;
}

fn fill(trakt: &SampleTrakt, films: i64) {
    for n in 0..films {
        trakt.add_play(&json!({"movie": {"ids": {"tmdb": n + 1}}}), 1_600_000_000 + n * 9_000);
    }
}
