//! The tools that tell what was played: their numbers are those of the history, whole and joined, on servers of every kind.

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

use plex_mcp::demo::{Deviations, Options, SampleLibrary, SamplePlex};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use support::{
    Client, as_plex_json, home,
    household::{Household, days_ago},
    text,
};

const MOST_BYTES: usize = 75_000;

/// A sample with some history of everyone.
fn sample() -> Options {
    let library = SampleLibrary { movies: 120, shows: 9, artists: 6, history: 2_500, ..SampleLibrary::default() };
    Options { library, ..Options::default() }
}

type Admits<'a> = Box<dyn Fn(&Value) -> bool + 'a>;

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All plays, oldest first, by the sample server's own account.
async fn history(plex: &SamplePlex) -> Vec<Value> {
    rows(&as_plex_json(plex, "/status/sessions/history/all").await["Metadata"]).to_vec()
}

/// Playing times in milliseconds by rating key, by the sample server's own account.
async fn durations(plex: &SamplePlex) -> HashMap<String, i64> {
    let mut all = HashMap::new();
    for path in ["1/all?type=1", "2/all?type=4", "3/all?type=10"] {
        for item in rows(&as_plex_json(plex, &format!("/library/sections/{path}")).await["Metadata"]) {
            all.insert(item["ratingKey"].as_str().unwrap().to_owned(), item["duration"].as_i64().unwrap());
        }
    }
    all
}

fn since(play: &Value, days: i64) -> bool {
    play["viewedAt"].as_i64().unwrap() >= days_ago(days) + 600
}

#[tokio::test]
async fn the_history_is_joined_with_names_and_lengths_and_paged_to_its_end() {
    let (plex, home) = home(sample()).await;
    let client = home.connect().await;
    let mut all = history(&plex).await;
    all.reverse();
    let durations = durations(&plex).await;
    let (mut offset, mut listed) = (0, Vec::new());
    loop {
        let result = client.try_call("get_watch_history", json!({"limit": 1000, "offset": offset})).await.unwrap();
        assert!(text(&result).len() < MOST_BYTES, "{}", text(&result).len());
        let part = result.structured_content.unwrap();
        assert_eq!(part["totalSize"], all.len());
        assert_eq!(part["totalSessions"], all.len());
        assert!(part.get("note").is_none());
        listed.extend(rows(&part["watchHistory"]).to_vec());
        let Some(next) = part["nextOffset"].as_u64() else { break };
        assert_eq!(next, listed.len() as u64);
        offset = next;
    }
    assert_eq!(listed.len(), all.len());
    let people = HashMap::from([(1, "Orsolinde"), (2_041, "Peregrine"), (2_042, "Kids")]);
    let devices = HashMap::from([
        (1, ("Living Room", "tvOS")),
        (2, ("Kitchen Tablet", "Android")),
        (3, ("Web Browser", "Chrome")),
    ]);
    let libraries = HashMap::from([("1", "Movies"), ("2", "TV Shows"), ("3", "Music")]);
    for (row, play) in listed.iter().zip(&all) {
        for name in ["title", "type", "ratingKey", "viewedAt", "grandparentTitle", "parentIndex", "index"] {
            assert_eq!(row[name], play[name], "{name} of {play}");
        }
        let account = play["accountID"].as_u64().unwrap();
        assert_eq!((&row["user"], &row["userId"]), (&json!(people[&account]), &json!(account.to_string())));
        let device = devices[&play["deviceID"].as_u64().unwrap()];
        assert_eq!((&row["player"], &row["platform"]), (&json!(device.0), &json!(device.1)));
        assert_eq!(row["completed"], true);
        match play["ratingKey"].as_str() {
            Some(key) => {
                assert_eq!(row["duration"], durations[key]);
                assert_eq!(row["library"], libraries[play["librarySectionID"].as_str().unwrap()]);
                assert!(row.get("deleted").is_none());
            }
            None => assert_eq!(row["deleted"], true),
        }
        if play["type"] == "episode" {
            let (season, number) = (play["parentIndex"].as_i64().unwrap(), play["index"].as_i64().unwrap());
            assert_eq!(row["episode"], format!("S{season:02}E{number:02}"));
        }
    }
    assert!(listed.iter().any(|row| row["deleted"] == true));
    assert!(listed.iter().any(|row| row["parentIndex"] == 0), "specials are played, too");
    // One request for every name list, and none for each row.
    let requests = plex.requests();
    assert!(requests.len() < 200, "{}", requests.len());
    client.close().await;
}

#[tokio::test]
async fn plays_are_chosen_by_person_library_type_item_and_time() {
    let (plex, home) = home(sample()).await;
    let client = home.connect().await;
    let all = history(&plex).await;
    let show = all.iter().find_map(|play| play["grandparentKey"].as_str()).unwrap().rsplit('/').next().unwrap();
    let cases: Vec<(Value, Admits<'_>)> = vec![
        (json!({"userId": "2041"}), Box::new(|play| play["accountID"] == 2041)),
        (json!({"libraryKey": "2"}), Box::new(|play| play["librarySectionID"] == "2")),
        (json!({"mediaType": "movie"}), Box::new(|play| play["type"] == "movie")),
        (json!({"mediaType": "episode"}), Box::new(|play| play["type"] == "episode")),
        (
            json!({"mediaType": "track", "userId": 1}),
            Box::new(|play| play["type"] == "track" && play["accountID"] == 1),
        ),
        (json!({"timeRange": 20}), Box::new(|play| since(play, 20))),
        (
            json!({"ratingKey": show}),
            Box::new(|play| play["grandparentKey"].as_str().is_some_and(|key| key.ends_with(show))),
        ),
    ];
    for (mut arguments, admits) in cases {
        let expected: Vec<_> = all.iter().rev().filter(|play| admits(play)).map(|play| &play["viewedAt"]).collect();
        assert!(expected.len() > 3 && expected.len() < all.len(), "{arguments}: {}", expected.len());
        arguments["limit"] = 40.into();
        let first = client.call("get_watch_history", arguments.clone()).await;
        assert_eq!(first["totalSize"], expected.len(), "{arguments}");
        let times: Vec<_> = rows(&first["watchHistory"]).iter().map(|row| &row["viewedAt"]).collect();
        assert_eq!(times, expected[..expected.len().min(40)], "{arguments}");
        // The last page.
        let offset = expected.len() - 2;
        arguments["offset"] = offset.into();
        let last = client.call("get_watch_history", arguments.clone()).await;
        let times: Vec<_> = rows(&last["watchHistory"]).iter().map(|row| &row["viewedAt"]).collect();
        assert_eq!(times, expected[offset..], "{arguments}");
        assert!(last.get("nextOffset").is_none(), "{arguments}");
    }
    client.close().await;
}

#[tokio::test]
async fn episodes_count_for_their_show_where_that_is_asked_for() {
    let (plex, home) = home(sample()).await;
    let client = home.connect().await;
    let mut shows: BTreeMap<String, (u64, BTreeSet<String>, BTreeSet<u64>, i64)> = BTreeMap::new();
    for play in history(&plex).await.iter().filter(|play| play["type"] == "episode") {
        let show = shows.entry(play["grandparentTitle"].as_str().unwrap().to_owned()).or_default();
        show.0 += 1;
        show.1.insert(play["ratingKey"].as_str().unwrap().to_owned());
        show.2.insert(play["accountID"].as_u64().unwrap());
        show.3 = show.3.max(play["viewedAt"].as_i64().unwrap());
    }
    let listed = client.call("get_watch_history", json!({"mediaType": "show", "limit": 1000})).await;
    let popular = client.call("get_popular_content", json!({"mediaType": "show", "timeRange": 3650})).await;
    for list in [&listed["watchHistory"], &popular["popularContent"]] {
        assert_eq!(rows(list).len(), shows.len());
        for row in rows(list) {
            let (plays, episodes, people, last) = &shows[row["title"].as_str().unwrap()];
            assert_eq!(row["type"], "show");
            assert_eq!(row["plays"], *plays);
            assert_eq!(row["episodes"], episodes.len());
            assert_eq!(row["users"], people.len());
            assert_eq!(row["viewedAt"], *last);
        }
    }
    assert!(rows(&listed["watchHistory"]).is_sorted_by_key(|row| std::cmp::Reverse(row["viewedAt"].as_i64())));
    assert!(rows(&popular["popularContent"]).is_sorted_by_key(|row| std::cmp::Reverse(row["plays"].as_u64())));
    client.close().await;
}

#[tokio::test]
async fn statistics_are_those_of_every_play_in_the_range_and_divided_by_the_range() {
    let (plex, home) = home(sample()).await;
    let client = home.connect().await;
    let durations = durations(&plex).await;
    let all = history(&plex).await;
    for days in [1, 30, 90, 3_650] {
        let plays: Vec<&Value> = all.iter().filter(|play| since(play, days)).collect();
        let stats = client
            .call("get_watch_stats", json!({"timeRange": days, "statType": "all", "timeZone": "America/New_York"}))
            .await;
        assert_eq!(stats["totalSessions"], plays.len(), "{days}");
        let average = (plays.len() as f64 / days as f64 * 100.0).round() / 100.0;
        assert_eq!(stats["stats"]["averagePlaysPerDay"], average);
        let length = |play: &Value| play["ratingKey"].as_str().map_or(0, |key| durations[key] / 1_000);
        let seconds: i64 = plays.iter().map(|play| length(play)).sum();
        assert_eq!(stats["stats"]["totalDuration"], seconds * 1_000);
        let deleted = plays.iter().filter(|play| play.get("ratingKey").is_none()).count();
        assert_eq!(stats["deletedPlays"].as_u64().unwrap_or(0), deleted as u64);
        let zone = jiff::tz::TimeZone::get("America/New_York").unwrap();
        let local =
            |play: &Value| zone.to_datetime(jiff::Timestamp::from_second(play["viewedAt"].as_i64().unwrap()).unwrap());
        let count = |name: &dyn Fn(&Value) -> String| {
            let mut counts: BTreeMap<String, (u64, i64)> = BTreeMap::new();
            for play in &plays {
                let entry = counts.entry(name(play)).or_default();
                *entry = (entry.0 + 1, entry.1 + length(play));
            }
            counts
        };
        let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
        let weekday =
            |play: &Value| weekdays[usize::try_from(local(play).weekday().to_monday_zero_offset()).unwrap()].to_owned();
        let person = |play: &Value| match play["accountID"].as_u64().unwrap() {
            1 => "Orsolinde".to_owned(),
            2_041 => "Peregrine".to_owned(),
            _ => "Kids".to_owned(),
        };
        let library = |play: &Value| match play["librarySectionID"].as_str() {
            Some("1") => "Movies".to_owned(),
            Some("2") => "TV Shows".to_owned(),
            Some(_) => "Music".to_owned(),
            None => "deleted items".to_owned(),
        };
        let platform = |play: &Value| match play["deviceID"].as_u64() {
            Some(1) => "tvOS".to_owned(),
            Some(2) => "Android".to_owned(),
            _ => "Chrome".to_owned(),
        };
        let mut wanted = vec![
            ("byType", count(&|play| play["type"].as_str().unwrap().to_owned())),
            ("topUsers", count(&person)),
            ("topLibraries", count(&library)),
            ("topPlatforms", count(&platform)),
            ("byHour", count(&|play| local(play).hour().to_string())),
            ("byWeekday", count(&weekday)),
        ];
        wanted.push(if days <= 92 {
            ("byDay", count(&|play| local(play).date().to_string()))
        } else {
            ("byMonth", count(&|play| local(play).date().strftime("%Y-%m").to_string()))
        });
        for (name, expected) in wanted {
            let found: BTreeMap<String, (u64, f64)> = rows(&stats["stats"][name])
                .iter()
                .filter(|group| group["plays"] != 0)
                .map(|group| {
                    let counts = (group["plays"].as_u64().unwrap(), group["hours"].as_f64().unwrap());
                    (group["name"].as_str().unwrap().to_owned(), counts)
                })
                .collect();
            let expected: BTreeMap<String, (u64, f64)> = expected
                .into_iter()
                .map(|(name, (plays, seconds))| (name, (plays, (seconds as f64 / 3_600.0 * 100.0).round() / 100.0)))
                .collect();
            assert_eq!(found, expected, "{name} of {days} days");
        }
    }
    client.close().await;
}

#[tokio::test]
async fn each_statistic_holds_what_was_asked_for_and_is_small() {
    let (_plex, home) = home(sample()).await;
    let client = home.connect().await;
    for (kind, keys) in [
        ("plays", vec!["byMonth", "byType"]),
        ("duration", vec!["byMonth", "byType"]),
        ("users", vec!["uniqueUsers", "topUsers"]),
        ("libraries", vec!["topLibraries"]),
        ("platforms", vec!["topPlatforms", "topDevices"]),
        ("hours", vec!["byHour"]),
        ("weekdays", vec!["byWeekday"]),
    ] {
        let result = client.try_call("get_watch_stats", json!({"statType": kind, "timeRange": 3650})).await.unwrap();
        assert!(text(&result).len() < MOST_BYTES);
        let stats = result.structured_content.unwrap()["stats"].clone();
        let always = [
            "totalPlays",
            "averagePlaysPerDay",
            "totalDuration",
            "totalDurationHours",
            "averageHoursPerDay",
            "averageSessionDuration",
        ];
        let found: BTreeSet<&str> = stats.as_object().unwrap().keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> = always.into_iter().chain(keys).collect();
        assert_eq!(found, expected, "{kind}");
    }
    client.close().await;
}

#[tokio::test]
async fn every_person_has_numbers_of_their_own_and_no_address() {
    let (plex, home) = home(sample()).await;
    let client = home.connect().await;
    let all = history(&plex).await;
    let result = client.call("get_user_stats", json!({"timeRange": 3650})).await;
    assert_eq!(result["totalUsers"], 3);
    for user in rows(&result["users"]) {
        let id: u64 = user["id"].as_str().unwrap().parse().unwrap();
        let plays: Vec<_> = all.iter().filter(|play| play["accountID"] == id && since(play, 3_650)).collect();
        assert_eq!(user["plays"], plays.len());
        let items: BTreeSet<_> = plays.iter().filter_map(|play| play["ratingKey"].as_str()).collect();
        assert_eq!(user["uniqueItems"], items.len());
        assert_eq!(user["lastSeen"].as_i64(), plays.iter().map(|play| play["viewedAt"].as_i64().unwrap()).max());
        let movies = plays.iter().filter(|play| play["type"] == "movie").count();
        let by_type = rows(&user["playsByType"]).iter().find(|row| row["type"] == "movie").unwrap();
        assert_eq!(by_type["plays"], movies);
        let top = &user["topLibraries"][0];
        let of_top = plays.iter().filter(|play| play["librarySectionID"] == top["libraryKey"]).count();
        assert_eq!(top["plays"], of_top);
        assert!(user["hours"].as_f64().unwrap() > 0.0);
        assert!(!user.to_string().contains('@'));
    }
    let one = client.call("get_user_stats", json!({"timeRange": 3650, "userId": "2042"})).await;
    assert_eq!(rows(&one["users"]).len(), 1);
    assert_eq!(one["users"][0], *rows(&result["users"]).iter().find(|user| user["id"] == "2042").unwrap());
    client.close().await;
}

/// The answers of all tools that read the history, for comparing servers that have the same plays.
async fn all_answers(client: &Client) -> Vec<Value> {
    let mut answers = Vec::new();
    for (tool, arguments) in [
        ("get_watch_history", json!({"limit": 30, "offset": 5})),
        ("get_watch_history", json!({"limit": 30, "mediaType": "movie"})),
        ("get_watch_history", json!({"limit": 30, "mediaType": "show"})),
        ("get_recently_watched", json!({"limit": 30, "timeRange": 3650})),
        ("get_watch_stats", json!({"statType": "all", "timeRange": 3650, "timeZone": "UTC"})),
        ("get_user_stats", json!({"timeRange": 3650})),
        ("get_popular_content", json!({"limit": 30, "timeRange": 3650})),
        ("get_popular_content", json!({"limit": 30, "timeRange": 3650, "groupEpisodes": true, "metric": "duration"})),
    ] {
        let mut answer = client.call(tool, arguments).await;
        for moving in ["from", "to"] {
            answer.as_object_mut().unwrap().remove(moving);
        }
        answers.push(answer);
    }
    answers
}

#[tokio::test]
async fn pages_of_any_size_tell_the_same() {
    // A fixed clock, so that the servers have the same plays at the same times.
    let clock = Some(days_ago(0));
    let options = |deviations| Options { clock, deviations, ..sample() };
    let mut answers = Vec::new();
    for deviations in [
        Deviations::default(),
        Deviations { page_cap: Some(7), ..Deviations::default() },
        Deviations { omit_total_size: true, ..Deviations::default() },
        Deviations { require_both_paging: true, fail_first: 2, ..Deviations::default() },
    ] {
        let (_plex, home) = home(options(deviations)).await;
        let client = home.connect().await;
        answers.push(all_answers(&client).await);
        client.close().await;
    }
    let strip = |answers: &Vec<Value>| {
        // Of a window of the whole history, a server that gives no total lets nobody know it.
        let mut answers = answers.clone();
        for name in ["totalSize", "totalSessions"] {
            answers[0].as_object_mut().unwrap().remove(name);
        }
        answers
    };
    for other in &answers[1..] {
        assert_eq!(strip(&answers[0]), strip(other));
    }
}

#[tokio::test]
async fn a_guest_gets_their_own_rows_and_is_told_what_is_missing() {
    let (_plex, home) =
        home(Options { deviations: Deviations { guest: Some(2_041), ..Deviations::default() }, ..sample() }).await;
    let client = home.connect().await;
    for (tool, list) in [
        ("get_watch_history", "watchHistory"),
        ("get_recently_watched", "recentlyWatched"),
        ("get_watch_stats", ""),
        ("get_user_stats", "users"),
        ("get_popular_content", "popularContent"),
    ] {
        let arguments = if tool == "get_watch_history" { json!({}) } else { json!({"timeRange": 3650}) };
        let answer = client.call(tool, arguments).await;
        let note = answer["note"].as_str().unwrap_or_else(|| panic!("{tool}: {answer}"));
        assert!(
            note.contains("names of people are missing") && note.contains("names of devices are missing"),
            "{note}"
        );
        assert!(list.is_empty() || !rows(&answer[list]).is_empty(), "{tool}: {answer}");
    }
    let history = client.call("get_watch_history", json!({"limit": 3})).await;
    assert!(rows(&history["watchHistory"]).iter().all(|row| row["userId"] == "2041" && row.get("user").is_none()));
    let users = client.call("get_user_stats", json!({"timeRange": 3650})).await;
    assert_eq!(rows(&users["users"]).len(), 1);
    assert_eq!(users["users"][0]["id"], "2041");
    let (error, _) = client.fail("get_watch_history", json!({"userId": "abc"})).await;
    assert!(error.contains("userId must be a number"), "{error}");
    client.close().await;
}

#[tokio::test]
async fn bad_arguments_are_named_and_send_no_request() {
    let (plex, home) = home(sample()).await;
    let client = home.connect().await;
    let before = plex.request_count();
    for (tool, arguments, expected) in [
        ("get_watch_stats", json!({"timeRange": 0}), "timeRange must be a whole number from 1 to 3650"),
        ("get_watch_stats", json!({"timeRange": 3651}), "timeRange must be a whole number from 1 to 3650"),
        ("get_watch_stats", json!({"timeZone": "Mars/Olympus"}), "timeZone must be the name of an IANA time zone"),
        ("get_watch_stats", json!({"timeZone": "../../etc/passwd"}), "timeZone must be the name of an IANA time zone"),
        ("get_watch_stats", json!({"statType": "nonsense"}), "statType must be one of plays"),
        ("get_watch_history", json!({"userId": "../accounts"}), "userId must be a number"),
        ("get_watch_history", json!({"limit": 0}), "limit must be a whole number from 1 to 1000"),
        ("get_watch_history", json!({"mediaType": "season"}), "mediaType must be one of all, movie"),
        ("get_popular_content", json!({"metric": "recency"}), "metric must be one of plays, duration, users"),
        ("get_popular_content", json!({"user": "1"}), "user is not an argument of this tool"),
        ("get_user_stats", json!({"timeRange": "30d"}), "timeRange must be a whole number"),
    ] {
        let (error, _) = client.fail(tool, arguments.clone()).await;
        assert!(error.contains(expected), "{tool} {arguments}: {error}");
    }
    assert_eq!(plex.request_count(), before);
    for (tool, arguments, expected) in [
        ("get_watch_history", json!({"userId": "77"}), "userId is no account of this server"),
        ("get_watch_history", json!({"userId": "0"}), "userId is no account of this server"),
        ("get_recently_watched", json!({"libraryKey": "99"}), "library 99 was not found"),
    ] {
        let (error, _) = client.fail(tool, arguments.clone()).await;
        assert!(error.contains(expected), "{tool} {arguments}: {error}");
    }
    client.close().await;
}

fn attributes(title: &str, guid: &str, minutes: u64) -> String {
    format!("title=\"{title}\" guid=\"{guid}\" duration=\"{}\"", minutes * 60_000)
}

/// Two film libraries that have a film in common, two cuts of another one, a show, and things that are gone.
fn known() -> Household {
    let episode = |index| {
        format!(
            "title=\"Part {index}\" grandparentTitle=\"Lanterns\" grandparentKey=\"/library/metadata/50\" parentIndex=\"0\" \
             index=\"{index}\" duration=\"1800000\" guid=\"plex://episode/{index}\""
        )
    };
    Household::default()
        .library(1, "movie", "Films")
        .library(2, "movie", "Films in 4K")
        .library(3, "show", "Series")
        .item(1, "movie", 11, &attributes("Common", "plex://movie/a", 60), "<Guid id=\"imdb://tt01\"/>")
        .item(2, "movie", 21, &attributes("Common", "com.plexapp.agents.imdb://tt01?lang=en", 60), "")
        .item(1, "movie", 12, &attributes("Cut", "plex://movie/b", 120), "")
        .item(1, "movie", 13, &(attributes("Cut", "plex://movie/b", 150) + " editionTitle=\"Long\""), "")
        .item(1, "movie", 14, &attributes("Alone", "local://14", 90), "")
        .item(3, "show", 50, "title=\"Lanterns\" guid=\"plex://show/x\"", "")
        .item(3, "episode", 51, &episode(1), "")
        .item(3, "episode", 52, &episode(2), "")
        .play(11, 1, days_ago(1))
        .play(21, 2, days_ago(2))
        .play(21, 2, days_ago(3))
        .play(12, 1, days_ago(4))
        .play(13, 1, days_ago(5))
        .play(51, 1, days_ago(6))
        .play(52, 2, days_ago(7))
        .row(
            None,
            2,
            days_ago(8),
            "type=\"episode\" title=\"Part 3\" grandparentTitle=\"Lanterns\" parentIndex=\"0\" index=\"3\"",
        )
        .row(None, 1, days_ago(9), "type=\"movie\" title=\"Gone\"")
        .row(
            Some(1),
            1,
            days_ago(10),
            "type=\"movie\" title=\"Gone since\" ratingKey=\"99\" key=\"/library/metadata/99\"",
        )
        .row(Some(1), 1, days_ago(11), "type=\"hologram\" title=\"Odd\"")
        .play(14, 1, days_ago(200))
}

#[tokio::test]
async fn copies_editions_and_shows_are_one_title_and_the_deleted_stay() {
    let (_server, home) = known().start().await;
    let client = home.connect().await;
    let popular = client.call("get_popular_content", json!({"mediaType": "movie"})).await;
    let told: Vec<_> = rows(&popular["popularContent"])
        .iter()
        .map(|row| (row["title"].as_str().unwrap(), row["plays"].as_u64().unwrap(), row["hours"].as_f64().unwrap()))
        .collect();
    assert_eq!(told, [("Common", 3, 3.0), ("Cut", 2, 4.5), ("Gone", 1, 0.0), ("Gone since", 1, 0.0)]);
    let common = &popular["popularContent"][0];
    assert_eq!(common["viewers"], json!(["Orsolinde", "Peregrine"]));
    assert_eq!(
        common["copies"],
        json!([
            {"ratingKey": "11", "libraryKey": "1", "library": "Films"},
            {"ratingKey": "21", "libraryKey": "2", "library": "Films in 4K"},
        ])
    );
    assert_eq!(popular["popularContent"][1]["copies"][1]["editionTitle"], "Long");
    assert_eq!(popular["popularContent"][3]["deleted"], true);

    let by_hours = client.call("get_popular_content", json!({"metric": "duration", "groupEpisodes": true})).await;
    let titles: Vec<_> = rows(&by_hours["popularContent"]).iter().map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(titles[..3], ["Cut", "Common", "Lanterns"]);
    let lanterns = &by_hours["popularContent"][2];
    assert_eq!((&lanterns["plays"], &lanterns["episodes"], &lanterns["users"]), (&json!(3), &json!(3), &json!(2)));
    assert_eq!(lanterns["hours"], 1.0);
    assert!(lanterns.get("deleted").is_none());

    let recent = client.call("get_recently_watched", json!({})).await;
    let titles: Vec<_> = rows(&recent["recentlyWatched"]).iter().map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Common", "Cut", "Part 1", "Part 2", "Part 3", "Gone", "Gone since", "Odd"]);
    assert_eq!(recent["recentlyWatched"][0]["plays"], 3);
    assert_eq!(recent["recentlyWatched"][4]["episode"], "S00E03");
    assert_eq!(recent["recentlyWatched"][7]["type"], "hologram");

    let users = client.call("get_popular_content", json!({"metric": "users", "limit": 1})).await;
    assert_eq!(users["popularContent"][0]["title"], "Common");
    assert_eq!(users["nextOffset"], 1);
    let stats = client.call("get_watch_stats", json!({"timeZone": "UTC"})).await;
    assert_eq!((&stats["totalSessions"], &stats["deletedPlays"]), (&json!(11), &json!(4)));
    client.close().await;
}

#[tokio::test]
async fn a_server_that_ignores_filters_and_refuses_names_is_read_right_all_the_same() {
    let mut household = known();
    (household.ignore_filters, household.refuse_names) = (true, Some(500));
    let (_server, home) = household.start().await;
    let client = home.connect().await;
    let stats = client.call("get_watch_stats", json!({"statType": "users", "libraryKey": "2"})).await;
    assert_eq!(stats["totalSessions"], 2 + 2, "the library's plays, and those of the gone, which tell no library");
    assert!(stats["note"].as_str().unwrap().contains("could not be read"), "{stats}");
    let stats = client.call("get_watch_stats", json!({"timeRange": 3650})).await;
    assert_eq!(stats["totalSessions"], 12);
    let stats = client.call("get_watch_stats", json!({"timeRange": 30})).await;
    assert_eq!(stats["totalSessions"], 11);
    // One person's plays are not told as another's, page by page either.
    let mut listed = Vec::new();
    for offset in [0, 2, 4] {
        let arguments = json!({"userId": "2", "limit": 2, "offset": offset});
        let part = client.call("get_watch_history", arguments).await;
        assert_eq!((&part["totalSessions"], part["nextOffset"].as_u64()), (&json!(4), (offset == 0).then_some(2)));
        listed.extend(rows(&part["watchHistory"]).to_vec());
    }
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|row| row["userId"] == "2"), "{listed:?}");
    client.close().await;
}

#[tokio::test]
async fn a_history_that_is_the_owners_alone_says_so() {
    let mut household = known();
    (household.refuse_history, household.refuse_names) = (Some(403), Some(403));
    let (_server, home) = household.start().await;
    let client = home.connect().await;
    for tool in
        ["get_watch_history", "get_watch_stats", "get_recently_watched", "get_popular_content", "get_user_stats"]
    {
        let (text, error) = client.fail(tool, json!({})).await;
        assert_eq!(error["code"], "unauthorized", "{tool}: {text}");
        assert!(text.contains("only the server's owner may see the play history"), "{tool}: {text}");
    }
    client.close().await;
}

#[tokio::test]
async fn fully_watched_is_what_was_played_to_the_end() {
    let (plex, home) = home(sample()).await;
    let client = home.connect().await;
    let number = |item: &Value, name: &str| item[name].as_u64().unwrap_or(0);
    for (kind, paths) in [
        ("all", vec!["1/all?type=1", "2/all?type=2"]),
        ("movie", vec!["1/all?type=1"]),
        ("show", vec!["2/all?type=2"]),
        ("season", vec!["2/all?type=3"]),
        ("episode", vec!["2/all?type=4"]),
    ] {
        let mut expected = Vec::new();
        for path in paths {
            for item in rows(&as_plex_json(&plex, &format!("/library/sections/{path}")).await["Metadata"]) {
                let leaves = number(item, "leafCount");
                let watched =
                    if leaves > 0 { number(item, "viewedLeafCount") == leaves } else { number(item, "viewCount") > 0 };
                if watched {
                    let last = item["lastViewedAt"].as_i64().unwrap();
                    expected.push((std::cmp::Reverse(last), item["ratingKey"].as_str().unwrap().to_owned()));
                }
            }
        }
        expected.sort();
        let expected: Vec<String> = expected.into_iter().map(|(_, key)| key).collect();
        assert!(!expected.is_empty(), "{kind}");
        let mut listed = Vec::new();
        loop {
            let arguments = json!({"mediaType": kind, "limit": 7, "offset": listed.len()});
            let part = client.call("get_fully_watched", arguments).await;
            assert_eq!((&part["totalSize"], &part["totalCount"]), (&json!(expected.len()), &json!(expected.len())));
            for row in rows(&part["fullyWatched"]) {
                assert!(row["library"].is_string() && row["title"].is_string(), "{row}");
                listed.push(row["ratingKey"].as_str().unwrap().to_owned());
            }
            if part.get("nextOffset").is_none() {
                break;
            }
        }
        assert_eq!(listed, expected, "{kind}");
    }
    let films = client.call("get_fully_watched", json!({"mediaType": "movie", "limit": 1000})).await;
    let again: Vec<_> = rows(&films["fullyWatched"]).iter().filter(|row| row["viewOffset"].is_u64()).collect();
    assert!(!again.is_empty(), "films that are being watched once more are fully watched all the same");
    // What is marked as watched, and as unwatched, changes the list.
    let before = films["totalCount"].as_u64().unwrap();
    for (action, change) in [("scrobble", 1), ("unscrobble", 0)] {
        let path = format!("/:/{action}?identifier=com.plexapp.plugins.library&key=1000");
        let put = reqwest::Client::new().put(format!("{}{path}", plex.url())).header("X-Plex-Token", support::TOKEN);
        assert!(put.send().await.unwrap().status().is_success());
        let now = client.call("get_fully_watched", json!({"mediaType": "movie"})).await;
        assert_eq!(now["totalCount"], before + change, "{action}");
    }
    let (error, _) = client.fail("get_fully_watched", json!({"libraryKey": "3"})).await;
    assert!(error.contains("libraryKey is of a library without items of this mediaType"), "{error}");
    client.close().await;
}

#[tokio::test]
async fn a_server_that_does_not_know_the_filter_makes_nothing_watched() {
    let film = |title: &str, rest: &str| format!("title=\"{title}\" duration=\"100\" {rest}");
    let household = Household::default()
        .library(1, "movie", "Films")
        .item(1, "movie", 11, &film("Never", ""), "")
        .item(1, "movie", 12, &film("Nearly", "viewOffset=\"99\""), "")
        .item(1, "movie", 13, &film("Once", "viewCount=\"1\" lastViewedAt=\"1700000000\""), "")
        .item(1, "movie", 14, &film("Odd", "viewCount=\"many\""), "");
    let (_server, home) = household.start().await;
    let client = home.connect().await;
    let watched = client.call("get_fully_watched", json!({})).await;
    let titles: Vec<_> = rows(&watched["fullyWatched"]).iter().map(|row| row["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Once"]);
    assert_eq!(watched["totalCount"], 1);
    client.close().await;
}

/// What the server needs for a page, as real ones do.
const SLOW: std::time::Duration = std::time::Duration::from_millis(150);

#[tokio::test]
async fn long_histories_show_progress_and_can_be_given_up() {
    let library = SampleLibrary { movies: 50, history: 60_000, ..SampleLibrary::default() };
    let deviations = Deviations { delay: Some(SLOW), ..Deviations::default() };
    let (plex, home) = home(Options { library, deviations, ..Options::default() }).await;
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let arguments = json!({"timeRange": 3650});
    let id = raw
        .begin("tools/call", json!({"name": "get_watch_stats", "arguments": arguments, "_meta": {"progressToken": 7}}))
        .await;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let line = raw.line().await.unwrap();
        assert_eq!(line["method"], "notifications/progress", "{line}");
        assert!(line["params"]["total"] == 60_000.0 || line["params"]["progress"] == 0.0, "{line}");
        seen.push(line["params"]["progress"].as_f64().unwrap());
    }
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    raw.send(&cancel.to_string()).await;
    raw.call("get_libraries", json!({})).await;
    let requests = plex.request_count();
    tokio::time::sleep(4 * SLOW).await;
    assert!(plex.request_count() <= requests + 1, "pages are still asked for");
    raw.close().await;
}
