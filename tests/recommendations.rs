//! What is recommended on libraries of which it is known what fits, and why.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{Deviations, Options, SampleLibrary};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt::Write as _};
use support::{
    Client, as_plex_json, home,
    household::{Household, days_ago},
};

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn titles(answer: &Value) -> Vec<&str> {
    rows(&answer["recommendations"]).iter().map(|row| row["title"].as_str().unwrap()).collect()
}

fn reasons(answer: &Value, title: &str) -> Vec<String> {
    let row = rows(&answer["recommendations"]).iter().find(|row| row["title"] == title);
    let row = row.unwrap_or_else(|| panic!("{title}: {answer}"));
    rows(&row["reasons"]).iter().map(|reason| reason.as_str().unwrap().to_owned()).collect()
}

/// A film's attributes: title, audience's rating in tenths, and what the account's watch state is.
fn film(title: &str, rating: u32, state: &str) -> String {
    format!(
        "title=\"{title}\" guid=\"plex://movie/{title}\" duration=\"6000000\" audienceRating=\"{}.{}\" {state}",
        rating / 10,
        rating % 10
    )
}

fn tags(genres: &[&str], director: &str, actors: &[&str]) -> String {
    let mut tags = String::new();
    for (element, names) in [("Genre", genres), ("Director", &[director][..]), ("Role", actors)] {
        for name in names.iter().filter(|name| !name.is_empty()) {
            write!(tags, "<{element} tag=\"{name}\"/>").unwrap();
        }
    }
    tags
}

fn seen(days: i64) -> String {
    format!("viewCount=\"1\" lastViewedAt=\"{}\"", days_ago(days))
}

/// A person who watches whodunits, above all those of one director; the library has as many farces.
fn known() -> Household {
    let mut household =
        Household::default().library(1, "movie", "Films").library(2, "movie", "Attic").library(3, "artist", "Music");
    for n in 1..=6 {
        let director = if n <= 3 { "Ysolde Pym" } else { "" };
        let tags = tags(&["Whodunit"], director, if n == 6 { &["Bram Oster"] } else { &[] });
        household =
            household.item(1, "movie", n, &film(&format!("Seen {n}"), 70, &seen(i64::try_from(n).unwrap())), &tags);
    }
    for n in 10..30 {
        household = household.item(1, "movie", n, &film(&format!("Farce {n}"), 70, ""), &tags(&["Farce"], "", &[]));
    }
    household
        .item(1, "movie", 40, &film("By Pym", 70, ""), &tags(&["Whodunit"], "Ysolde Pym", &[]))
        .item(1, "movie", 41, &film("With Oster", 70, ""), &tags(&["Whodunit"], "", &["Bram Oster"]))
        .item(1, "movie", 42, &film("Plain Whodunit", 70, ""), &tags(&["Whodunit"], "", &[]))
        .item(1, "movie", 43, &film("Praised Farce", 80, ""), &tags(&["Farce"], "", &[]))
        .item(
            1,
            "movie",
            44,
            &film("Begun Whodunit", 90, "viewOffset=\"600000\""),
            &tags(&["Whodunit"], "Ysolde Pym", &[]),
        )
        .item(1, "movie", 45, &film("Twice", 70, ""), &tags(&["Whodunit"], "", &[]))
        .item(2, "movie", 46, &film("Twice", 70, "editionTitle=\"Restored\""), &tags(&["Whodunit"], "", &[]))
        .item(1, "movie", 47, &film("Seen in the attic", 95, ""), &tags(&["Whodunit"], "Ysolde Pym", &[]))
        .item(2, "movie", 48, &film("Seen in the attic", 95, &seen(9)), &tags(&["Whodunit"], "Ysolde Pym", &[]))
        .item(2, "movie", 49, &film("Only in the attic", 99, ""), &tags(&["Whodunit"], "Ysolde Pym", &[]))
        .play(43, 2, days_ago(3))
        .play(10, 2, days_ago(4))
}

#[tokio::test]
async fn what_fits_comes_first_with_reasons_that_are_true() {
    let (_server, home) = known().start().await;
    let client = home.connect().await;
    let answer = client.call("get_recommendations", json!({"libraryKey": "1", "limit": 1000})).await;
    assert_eq!((&answer["basis"], &answer["watchedCount"]), (&json!("taste"), &json!(7)));
    assert!(answer.get("note").is_none(), "{answer}");
    let order = titles(&answer);
    assert_eq!(order[0], "By Pym", "{order:?}");
    let place = |title: &str| order.iter().position(|other| *other == title).unwrap();
    assert!(place("With Oster") < place("Plain Whodunit"), "{order:?}");
    assert!(place("Plain Whodunit") < place("Praised Farce"), "{order:?}");
    assert!(place("Praised Farce") < place("Farce 10"), "{order:?}");
    for excluded in ["Begun Whodunit", "Seen in the attic", "Only in the attic", "Seen 1"] {
        assert!(!order.contains(&excluded), "{excluded}");
    }
    assert_eq!(answer["unwatchedCount"], order.len());
    assert_eq!(order.len(), 20 + 5);

    assert_eq!(
        reasons(&answer, "By Pym"),
        [
            "7 of 7 watched titles are Whodunit",
            "directed by Ysolde Pym, as the watched Seen 1 and Seen 2",
            "rated 7.0 by the audience"
        ]
    );
    assert!(reasons(&answer, "With Oster").contains(&"with Bram Oster, as the watched Seen 6".to_owned()));
    assert_eq!(reasons(&answer, "Praised Farce"), ["rated 8.0 by the audience"]);

    let twice = rows(&answer["recommendations"]).iter().find(|row| row["title"] == "Twice").unwrap();
    assert_eq!(
        twice["copies"],
        json!([
            {"ratingKey": "45", "libraryKey": "1", "library": "Films"},
            {"ratingKey": "46", "editionTitle": "Restored", "libraryKey": "2", "library": "Attic"},
        ])
    );
    assert_eq!(twice["ratingKey"], "45");
    assert_eq!(answer["tasteProfile"]["topGenres"][0]["name"], "Whodunit");
    assert_eq!(answer["tasteProfile"]["topGenres"][0]["watched"], 7);
    assert_eq!(answer["tasteProfile"]["topDirectors"][0]["name"], "Ysolde Pym");

    // The same state gives the same answer, page by page as well.
    let again = client.call("get_recommendations", json!({"libraryKey": "1", "limit": 1000})).await;
    assert_eq!(answer, again);
    let mut paged = Vec::new();
    for offset in (0..25).step_by(5) {
        let arguments = json!({"libraryKey": "1", "limit": 5, "offset": offset});
        let part = client.call("get_recommendations", arguments).await;
        paged.extend(rows(&part["recommendations"]).to_vec());
    }
    assert_eq!(json!(paged), answer["recommendations"]);
    client.close().await;
}

#[tokio::test]
async fn another_person_gets_what_they_have_not_seen_and_is_told_what_is_missing() {
    let (_server, home) = known().start().await;
    let client = home.connect().await;
    let answer = client.call("get_recommendations", json!({"libraryKey": "1", "userId": "2", "limit": 1000})).await;
    assert_eq!((&answer["basis"], &answer["watchedCount"]), (&json!("ratings"), &json!(2)));
    let note = answer["note"].as_str().unwrap();
    assert!(note.contains("only 2 titles were watched") && note.contains("by the play history alone"), "{note}");
    let order = titles(&answer);
    assert_eq!(order[..2], ["Seen in the attic", "Begun Whodunit"], "the best rated of what this person has not seen");
    assert!(!order.contains(&"Praised Farce") && !order.contains(&"Farce 10"));
    assert!(order.contains(&"Seen 1"));
    assert_eq!(reasons(&answer, "Seen in the attic"), ["rated 9.5 by the audience"]);
    for (arguments, expected) in [
        (json!({"libraryKey": "1", "userId": "9"}), "userId is no account of this server"),
        (json!({"libraryKey": "3"}), "libraryKey must be of a library of films or of shows"),
        (json!({"libraryKey": "9"}), "library 9 was not found"),
        (json!({"libraryKey": "../status/sessions"}), "libraryKey must be a number"),
        (json!({}), "libraryKey is required"),
    ] {
        let (error, _) = client.fail("get_recommendations", arguments.clone()).await;
        assert!(error.contains(expected), "{arguments}: {error}");
    }
    client.close().await;
}

#[tokio::test]
async fn ratings_of_ones_own_and_the_age_of_plays_count() {
    let rated = |title: &str, rating: u32, days| film(title, 70, &format!("{} userRating=\"{rating}\"", seen(days)));
    let mut household = Household::default().library(1, "movie", "Films");
    for n in 0..4 {
        household = household
            .item(1, "movie", 1 + n, &rated(&format!("Loved {n}"), 10, 5), &tags(&["Ode"], "", &[]))
            .item(1, "movie", 11 + n, &rated(&format!("Hated {n}"), 1, 5), &tags(&["Saga"], "", &[]))
            .item(1, "movie", 21 + n, &film(&format!("Old {n}"), 70, &seen(1_500)), &tags(&["Elegy"], "", &[]));
    }
    let (_server, home) = household
        .item(1, "movie", 91, &film("New Saga", 72, ""), &tags(&["Saga"], "", &[]))
        .item(1, "movie", 92, &film("New Elegy", 71, ""), &tags(&["Elegy"], "", &[]))
        .item(1, "movie", 93, &film("New Ode", 70, ""), &tags(&["Ode"], "", &[]))
        .start()
        .await;
    let client = home.connect().await;
    let answer = client.call("get_recommendations", json!({"libraryKey": "1"})).await;
    assert_eq!(titles(&answer), ["New Ode", "New Elegy", "New Saga"], "{answer}");
    let score = |n: usize| answer["recommendations"][n]["score"].as_f64().unwrap();
    assert!(score(0) > score(1) + 5.0 && score(1) > score(2) + 1.0, "{answer}");
    assert!(reasons(&answer, "New Saga").iter().all(|reason| !reason.contains("Saga")), "what was hated is no reason");
    client.close().await;
}

#[tokio::test]
async fn the_best_titles_are_not_all_of_one_kind() {
    let mut household = Household::default().library(1, "movie", "Films");
    for n in 0..6 {
        let genre = if n < 3 { "Ode" } else { "Saga" };
        household =
            household.item(1, "movie", 1 + n, &film(&format!("Seen {n}"), 70, &seen(5)), &tags(&[genre], "", &[]));
    }
    for n in 0..30 {
        household = household
            .item(1, "movie", 100 + n, &film(&format!("Ode {n}"), 80, ""), &tags(&["Ode"], "", &[]))
            .item(1, "movie", 200 + n, &film(&format!("Saga {n}"), 78, ""), &tags(&["Saga"], "", &[]))
            .item(1, "movie", 300 + n, &film(&format!("Other {n}"), 60, ""), &tags(&["Farce"], "", &[]));
    }
    let (_server, home) = household.start().await;
    let client = home.connect().await;
    let answer = client.call("get_recommendations", json!({"libraryKey": "1", "limit": 4})).await;
    let kinds: BTreeSet<&str> = titles(&answer).iter().map(|title| title.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(["Ode", "Saga"]), "{answer}");
    client.close().await;
}

#[tokio::test]
async fn shows_are_recommended_by_the_episodes_that_were_watched() {
    let show = |title: &str, viewed: u32| {
        format!(
            "title=\"{title}\" guid=\"plex://show/{title}\" audienceRating=\"7.0\" leafCount=\"8\" viewedLeafCount=\"{viewed}\""
        )
    };
    let mut household = Household::default().library(1, "show", "Series");
    for n in 1..=6 {
        let genre = tags(&["Procedural"], "", &[]);
        let viewed = if n == 6 { 1 } else { 8 };
        household = household.item(1, "show", n, &show(&format!("Seen {n}"), viewed), &genre);
    }
    for n in 10..20 {
        household = household.item(1, "show", n, &show(&format!("Variety {n}"), 0), &tags(&["Variety"], "", &[]));
    }
    let household = household.item(1, "show", 30, &show("New Procedural", 0), &tags(&["Procedural"], "", &[]));
    let episode = "title=\"One\" grandparentTitle=\"Variety 10\" grandparentKey=\"/library/metadata/10\" index=\"1\"";
    let household = household.item(1, "episode", 50, episode, "").play(50, 2, days_ago(1));
    let (_server, home) = household.start().await;
    let client = home.connect().await;
    let answer = client.call("get_recommendations", json!({"libraryKey": "1", "limit": 100})).await;
    assert_eq!(titles(&answer)[0], "New Procedural", "{answer}");
    assert_eq!(titles(&answer).len(), 11, "a show that was begun is not recommended");
    assert_eq!(reasons(&answer, "New Procedural")[0], "6 of 6 watched titles are Procedural");
    assert_eq!(answer["recommendations"][0]["type"], "show");
    let other = client.call("get_recommendations", json!({"libraryKey": "1", "limit": 100, "userId": "2"})).await;
    assert!(!titles(&other).contains(&"Variety 10"), "{other}");
    client.close().await;
}

async fn keys_of_seen(client: &Client, plex: &plex_mcp::demo::SamplePlex) -> (Vec<String>, BTreeSet<String>) {
    let answer = client.call("get_recommendations", json!({"libraryKey": "1", "limit": 1000})).await;
    let told = rows(&answer["recommendations"]).iter().map(|row| row["ratingKey"].as_str().unwrap().to_owned());
    let items = as_plex_json(plex, "/library/sections/1/all?type=1").await;
    let seen = rows(&items["Metadata"]).iter().filter(|item| item["viewCount"].is_u64() || item["viewOffset"].is_u64());
    (told.collect(), seen.map(|item| item["ratingKey"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn nothing_that_was_seen_or_begun_is_recommended_on_pages_of_any_size() {
    let library = SampleLibrary { movies: 700, ..SampleLibrary::default() };
    let mut answers = Vec::new();
    let clock = Some(days_ago(0));
    for page_cap in [None, Some(13)] {
        let deviations = Deviations { page_cap, ..Deviations::default() };
        let (plex, home) = home(Options { library: library.clone(), deviations, clock, ..Options::default() }).await;
        let client = home.connect().await;
        let (told, seen) = if page_cap.is_none() {
            keys_of_seen(&client, &plex).await
        } else {
            let answer = client.call("get_recommendations", json!({"libraryKey": "1", "limit": 1000})).await;
            let told = rows(&answer["recommendations"]).iter().map(|row| row["ratingKey"].as_str().unwrap().to_owned());
            (told.collect(), BTreeSet::new())
        };
        assert!(told.len() > 50, "{}", told.len());
        assert!(told.iter().all(|key| !seen.contains(key)));
        let distinct: BTreeSet<&String> = told.iter().collect();
        assert_eq!(distinct.len(), told.len(), "each title once");
        answers.push(told);
        client.close().await;
    }
    assert_eq!(answers[0], answers[1]);
}
