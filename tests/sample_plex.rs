//! The sample server behaves as Plex does, deviates where it is told to, and satisfies a real Plex client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "the tests talk to the server past the product's own client")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use plex_mcp::demo::{Deviations, Options, SampleLibrary, SamplePlex};
use reqwest::{Method, StatusCode};
use serde_json::Value;

async fn start(library: SampleLibrary, deviations: Deviations) -> SamplePlex {
    let options = Options { library, deviations, clock: Some(1_800_000_000), ..Options::default() };
    SamplePlex::start(options).await.unwrap()
}

async fn plain() -> SamplePlex {
    start(SampleLibrary::default(), Deviations::default()).await
}

async fn ask(plex: &SamplePlex, method: Method, path: &str, json: bool) -> reqwest::Response {
    let mut request =
        reqwest::Client::new().request(method, format!("{}{path}", plex.url())).header("X-Plex-Token", plex.token());
    if json {
        request = request.header("Accept", "application/json");
    }
    request.send().await.unwrap()
}

async fn json(plex: &SamplePlex, path: &str) -> Value {
    let answer = ask(plex, Method::GET, path, true).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    body["MediaContainer"].clone()
}

async fn xml(plex: &SamplePlex, path: &str) -> String {
    let answer = ask(plex, Method::GET, path, false).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.unwrap()
}

async fn put(plex: &SamplePlex, path: &str) {
    assert_eq!(ask(plex, Method::PUT, path, false).await.status(), StatusCode::OK, "{path}");
}

fn rows(container: &Value) -> &[Value] {
    container["Metadata"].as_array().map_or(&[], Vec::as_slice)
}

fn keys(container: &Value) -> Vec<u64> {
    rows(container).iter().map(|row| row["ratingKey"].as_str().unwrap().parse().unwrap()).collect()
}

fn page(start: u64, size: u64) -> String {
    format!("X-Plex-Container-Start={start}&X-Plex-Container-Size={size}")
}

/// Every start tag of a document: its name and its attributes, unescaped.
fn elements(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    let mut found = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return found,
            Event::Start(start) | Event::Empty(start) => {
                let attributes = start.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    let value = quick_xml::escape::unescape(&attribute.value).unwrap().into_owned();
                    (attribute.key.as_ref().to_owned(), value)
                });
                let attributes = attributes.collect();
                found.push((start.name().as_ref().to_owned(), attributes));
            }
            _ => {}
        }
    }
}

/// The scalars of a JSON document in order, as XML would write them.
fn scalars(value: &Value, found: &mut Vec<(String, String)>) {
    let Value::Object(members) = value else { return };
    for (name, member) in members {
        match member {
            Value::Array(list) => list.iter().for_each(|entry| scalars(entry, found)),
            Value::Object(_) => scalars(member, found),
            Value::Bool(flag) => found.push((name.clone(), u8::from(*flag).to_string())),
            Value::String(text) => found.push((name.clone(), text.clone())),
            // The same number may be written in several ways.
            Value::Number(number) => found.push((name.clone(), format!("{:.4}", number.as_f64().unwrap()))),
            Value::Null => panic!("{name} is null"),
        }
    }
}

#[tokio::test]
async fn xml_and_json_say_the_same() {
    let plex = plain().await;
    let first_show = 400_000_000;
    let paths = [
        "/".to_owned(),
        "/identity".to_owned(),
        "/library/sections".to_owned(),
        "/library/sections/1/all".to_owned(),
        "/library/sections/1/all?includeMeta=1&includeGuids=1".to_owned(),
        "/library/sections/2/all?type=4".to_owned(),
        "/library/sections/3/all?type=10".to_owned(),
        "/library/sections/4/all?type=13".to_owned(),
        "/library/sections/1/collections".to_owned(),
        "/library/sections/1/filters".to_owned(),
        "/library/metadata/1000,1004,1011?includeChapters=1&includeMarkers=1".to_owned(),
        format!("/library/metadata/{first_show}/children"),
        "/status/sessions/history/all".to_owned(),
        "/hubs/search?query=the&limit=10".to_owned(),
        "/status/sessions".to_owned(),
        "/playlists".to_owned(),
        "/playlists/1700000000/items".to_owned(),
        "/accounts".to_owned(),
    ];
    for path in paths {
        let from_json = ask(&plex, Method::GET, &path, true).await.text().await.unwrap();
        let mut in_json = Vec::new();
        scalars(&serde_json::from_str(&from_json).unwrap(), &mut in_json);
        let mut in_xml: Vec<(String, String)> =
            elements(&xml(&plex, &path).await).into_iter().flat_map(|(_, attributes)| attributes).collect();
        // Numbers are told by their look; a text that looks like one is read the same way on both sides.
        for (_, value) in in_xml.iter_mut().chain(&mut in_json) {
            if let Ok(number) = value.parse::<f64>() {
                *value = format!("{number:.4}");
            }
        }
        assert!(in_json.len() > 2, "{path}");
        for (said, repeated) in in_xml.iter().zip(&in_json) {
            assert_eq!(said, repeated, "{path}");
        }
        assert_eq!(in_xml.len(), in_json.len(), "{path}");
    }
}

#[tokio::test]
async fn the_token_is_wanted_and_never_remembered() {
    let plex = plain().await;
    let client = reqwest::Client::new();
    let url = plex.url();
    for (path, token, status) in [
        ("/library/sections", None, StatusCode::UNAUTHORIZED),
        ("/library/sections", Some("wrong"), StatusCode::UNAUTHORIZED),
        ("/identity", None, StatusCode::OK),
        ("/library/sections", Some("sample-token"), StatusCode::OK),
    ] {
        let mut request = client.get(format!("{url}{path}"));
        if let Some(token) = token {
            request = request.header("X-Plex-Token", token);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{path} {token:?}");
        if status == StatusCode::UNAUTHORIZED {
            assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
            assert!(answer.text().await.unwrap().contains("<title>Unauthorized</title>"));
        }
    }
    let by_url = client
        .get(format!("{url}/library?x=1&X-Plex-Token=sample-token&y=2&x%2Dplex-token=sample-token"))
        .send()
        .await
        .unwrap();
    assert_eq!(by_url.status(), StatusCode::OK);
    let seen = plex.requests();
    assert_eq!(seen.len() as u64, plex.request_count());
    let last = seen.last().unwrap();
    assert_eq!(last.path_and_query, "/library?x=1&y=2");
    assert!(last.token_in_url && !last.token_in_header && seen[3].token_in_header);
    assert!(!format!("{seen:?}").contains("sample-token"));
    plex.stop().await;
    assert!(client.get(format!("{url}/identity")).send().await.is_err());
}

#[tokio::test]
async fn pages_are_told_in_body_and_header() {
    let plex = plain().await;
    let all = json(&plex, "/library/sections/1/all").await;
    assert_eq!((all["size"].as_u64(), all.get("totalSize")), (Some(250), None));
    let answer = ask(&plex, Method::GET, &format!("/library/sections/1/all?{}", page(240, 50)), true).await;
    assert_eq!(answer.headers()["x-plex-container-total-size"], "250");
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let last = &body["MediaContainer"];
    assert_eq!((&last["size"], &last["totalSize"], &last["offset"]), (&10.into(), &250.into(), &240.into()));
    assert_eq!(keys(last), keys(&all)[240..]);
    let totals = json(&plex, &format!("/library/sections/1/all?{}", page(0, 0))).await;
    assert_eq!((&totals["size"], &totals["totalSize"], rows(&totals).len()), (&0.into(), &250.into(), 0));
    // Headers do as well.
    let by_header = reqwest::Client::new()
        .get(format!("{}/library/sections/1/all", plex.url()))
        .header("X-Plex-Token", plex.token())
        .header("X-Plex-Container-Start", "5")
        .header("X-Plex-Container-Size", "1");
    assert!(by_header.send().await.unwrap().text().await.unwrap().contains("ratingKey=\"1005\""));
}

#[tokio::test]
async fn a_list_that_is_sent_in_pieces_is_whole() {
    let plex = start(SampleLibrary { movies: 4_321, ..SampleLibrary::default() }, Deviations::default()).await;
    let all = json(&plex, "/library/sections/1/all").await;
    assert_eq!(keys(&all), (1_000..5_321).collect::<Vec<u64>>());
    assert_eq!(
        elements(&xml(&plex, "/library/sections/1/all").await).iter().filter(|(name, _)| name == "Video").count(),
        4_321
    );
}

#[tokio::test]
async fn every_kind_is_listed_sorted_and_filtered() {
    let plex = plain().await;
    for (section, number, kind) in [
        (1, 1, "movie"),
        (1, 18, "collection"),
        (2, 2, "show"),
        (2, 3, "season"),
        (2, 4, "episode"),
        (3, 8, "artist"),
        (3, 9, "album"),
        (3, 10, "track"),
        (4, 14, "photo"),
    ] {
        let list = json(&plex, &format!("/library/sections/{section}/all?type={number}")).await;
        assert!(!rows(&list).is_empty(), "{kind}");
        assert!(rows(&list).iter().all(|row| row["type"] == kind), "{kind}");
    }
    let photos = json(&plex, "/library/sections/4/all?type=13").await;
    let kinds: BTreeSet<&str> = rows(&photos).iter().map(|row| row["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, BTreeSet::from(["clip", "photo"]));

    for field in ["titleSort", "addedAt", "year", "rating", "originallyAvailableAt", "lastViewedAt"] {
        let up = json(&plex, &format!("/library/sections/1/all?sort={field}:asc")).await;
        let down = json(&plex, &format!("/library/sections/1/all?sort={field}:desc")).await;
        let value = |row: &Value| match field {
            "titleSort" => row.get("titleSort").unwrap_or(&row["title"]).as_str().unwrap().to_lowercase(),
            "originallyAvailableAt" => row[field].as_str().unwrap_or("").to_owned(),
            _ => format!("{:020.1}", row[field].as_f64().unwrap_or(0.0) + 3e9),
        };
        assert!(rows(&up).is_sorted_by_key(value), "{field}");
        let mut turned: Vec<Value> = rows(&down).to_vec();
        turned.reverse();
        assert!(turned.is_sorted_by_key(value), "{field} desc");
    }

    let all = json(&plex, "/library/sections/1/all?includeGuids=1").await;
    let kept = |test: &dyn Fn(&Value) -> bool| rows(&all).iter().filter(|row| test(row)).count();
    let number = |row: &Value, field: &str| row[field].as_i64();
    for (filter, count) in [
        ("unwatched=1", kept(&|row| row.get("viewCount").is_none())),
        ("unwatched=0", kept(&|row| row.get("viewCount").is_some())),
        ("year=1999", kept(&|row| number(row, "year") == Some(1999))),
        ("genre=6", kept(&|row| row["Genre"].as_array().unwrap().iter().any(|tag| tag["tag"] == "Drama"))),
        ("title=of", kept(&|row| row["title"].as_str().unwrap().to_lowercase().contains("of"))),
        ("addedAt>=1270000000", kept(&|row| number(row, "addedAt").unwrap() >= 1_270_000_000)),
    ] {
        let list = json(&plex, &format!("/library/sections/1/all?{filter}")).await;
        assert_eq!(rows(&list).len(), count, "{filter}");
        assert!(count < 250, "{filter}");
    }
    // Only what Plex's own agent matched has external ids beside its own.
    for row in rows(&all) {
        let modern = row["guid"].as_str().unwrap().starts_with("plex://");
        assert_eq!(row["Guid"].as_array().map(Vec::len), modern.then_some(3), "{row}");
    }
    let plain = json(&plex, "/library/sections/1/all").await;
    assert!(
        rows(&plain).iter().all(|row| row.get("Guid").is_none() && row["Media"][0]["Part"][0].get("Stream").is_none())
    );
}

#[tokio::test]
async fn details_tell_more_and_what_is_not_there_is_not_found() {
    let plex = plain().await;
    let several = json(&plex, "/library/metadata/1003,1,1004?includeChapters=1").await;
    assert_eq!(keys(&several), [1003, 1004]);
    let second = &rows(&several)[1];
    assert_eq!(second["Media"].as_array().unwrap().len(), 2);
    assert_eq!(second["Media"][1]["videoDynamicRange"], "HDR10");
    assert!(second["Media"][0]["Part"][0]["Stream"].as_array().unwrap().len() >= 4);
    assert!(
        second["Role"][0]["role"].is_string() && second["Guid"][0]["id"].as_str().unwrap().starts_with("imdb://tt")
    );
    assert!(second["Chapter"].is_array());
    for path in ["/library/metadata/1,2", "/library/sections/77/all", "/nowhere", "/library/metadata/1000/nothing"] {
        let answer = ask(&plex, Method::GET, path, true).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(answer.text().await.unwrap().starts_with("<html>"), "{path}");
    }
    let show = json(&plex, "/library/metadata/400000000/children").await;
    assert_eq!(show["Directory"][0]["title"], "All episodes");
    assert_eq!(rows(&show)[0]["index"], 0);
    let leaves = json(&plex, "/library/metadata/400000000/allLeaves").await;
    assert_eq!(leaves["size"], show["Directory"][0]["leafCount"]);
    let members =
        json(&plex, rows(&json(&plex, "/library/sections/1/collections").await)[0]["key"].as_str().unwrap()).await;
    assert!(rows(&members).iter().all(|row| row["Collection"][0]["tag"] == "Harbour Nights"));
    assert!(!rows(&members).is_empty());
}

#[tokio::test]
async fn films_have_the_awkward_cases() {
    let plex = plain().await;
    let all = json(&plex, "/library/sections/1/all").await;
    let films = rows(&all);
    let has = |test: &dyn Fn(&Value) -> bool| films.iter().any(test);
    assert!(has(&|film| film["title"].as_str().unwrap().contains('\n')));
    assert!(has(&|film| film["title"].as_str().unwrap().contains(['<', '&'])));
    assert!(has(&|film| film["title"].as_str().unwrap().chars().any(|c| c > '\u{1f000}')));
    assert!(has(&|film| film.get("year").is_none()));
    assert!(has(&|film| film["addedAt"].as_i64().unwrap() < 0));
    assert!(has(&|film| film["userRating"].as_f64().is_some_and(|rating| (1e-9..1e-6).contains(&(7.6 - rating)))));
    assert!(has(&|film| film["summary"].as_str().unwrap().len() > 2_000));
    let cut = films.iter().position(|film| film.get("editionTitle").is_some()).unwrap();
    assert_eq!(films[cut]["guid"], films[cut - 1]["guid"]);
    assert_eq!(films[cut]["title"], films[cut - 1]["title"]);
    assert!(films[cut - 1].get("editionTitle").is_none());
    for agent in
        ["com.plexapp.agents.imdb://", "com.plexapp.agents.themoviedb://", "local://", "com.plexapp.agents.none://"]
    {
        assert!(has(&|film| film["guid"].as_str().unwrap().starts_with(agent)), "{agent}");
    }
    let bytes = xml(&plex, "/library/sections/1/all").await.len() / films.len();
    assert!((2_500..=3_500).contains(&bytes), "a row has {bytes} bytes of XML");
}

#[tokio::test]
async fn search_answers_in_hubs() {
    let plex = plain().await;
    let episode = rows(&json(&plex, "/library/sections/2/all?type=4").await)[0].clone();
    let mut url = reqwest::Url::parse("http://x/hubs/search").unwrap();
    url.query_pairs_mut().append_pair("query", episode["title"].as_str().unwrap()).append_pair("limit", "50");
    let hubs = json(&plex, &format!("/hubs/search?{}", url.query().unwrap())).await;
    let hubs = hubs["Hub"].as_array().unwrap();
    let names: Vec<&str> = hubs.iter().map(|hub| hub["hubIdentifier"].as_str().unwrap()).collect();
    assert_eq!(names, ["movie", "show", "season", "episode", "artist", "album", "track", "photo"]);
    let hit =
        hubs[3]["Metadata"].as_array().unwrap().iter().find(|hit| hit["ratingKey"] == episode["ratingKey"]).unwrap();
    assert_eq!(hit["grandparentTitle"], episode["grandparentTitle"]);
    assert_eq!((&hit["parentIndex"], &hit["index"]), (&episode["parentIndex"], &episode["index"]));
    assert_eq!(hit["librarySectionID"], 2);
    assert!(hit["score"].is_f64());
    let none = json(&plex, "/hubs/search?query=zzzzzz").await;
    assert!(none["Hub"].as_array().unwrap().iter().all(|hub| hub["size"] == 0));
    assert_eq!(ask(&plex, Method::GET, "/hubs/search", true).await.status(), StatusCode::BAD_REQUEST);
    let limited = json(&plex, "/hubs/search?query=e&limit=2&sectionId=1").await;
    assert_eq!(
        (limited["size"].as_u64(), &limited["Hub"][0]["size"], &limited["Hub"][0]["more"]),
        (Some(1), &2.into(), &true.into())
    );
}

#[tokio::test]
async fn watch_states_ratings_and_edits_are_kept() {
    let plex = plain().await;
    let item = async |key: u64| rows(&json(&plex, &format!("/library/metadata/{key}")).await)[0].clone();
    let state =
        |row: &Value| (row["viewCount"].as_u64(), row["viewOffset"].as_u64(), row.get("lastViewedAt").is_some());
    assert_eq!(state(&item(1001).await), (Some(1), None, true));
    assert_eq!(state(&item(1000).await), (None, None, false));
    let (count, offset, _) = state(&item(1013).await);
    assert!(count.is_none() && offset.is_some());

    let history = "/status/sessions/history/all?sort=viewedAt:desc";
    let before = json(&plex, history).await["size"].as_u64().unwrap();
    let key = |action: &str, more: &str| format!("/:/{action}?identifier=com.plexapp.plugins.library&key=1013{more}");
    put(&plex, &key("scrobble", "")).await;
    assert_eq!(state(&item(1013).await), (Some(1), None, true));
    assert_eq!(ask(&plex, Method::GET, &key("scrobble", ""), true).await.status(), StatusCode::OK);
    assert_eq!(state(&item(1013).await).0, Some(2));
    let after = json(&plex, history).await;
    assert_eq!(after["size"].as_u64().unwrap(), before + 2);
    assert_eq!(rows(&after)[0]["ratingKey"], "1013");
    put(&plex, &key("progress", "&time=60000&state=stopped")).await;
    assert_eq!(state(&item(1013).await), (Some(2), Some(60_000), true));
    put(&plex, &key("unscrobble", "")).await;
    assert_eq!(state(&item(1013).await), (None, None, false));
    put(&plex, &key("rate", "&rating=6.5")).await;
    assert_eq!(item(1013).await["userRating"], 6.5);
    for wrong in ["/:/scrobble?key=1013", &key("rate", "&rating=11"), &key("rate", "")] {
        assert_eq!(ask(&plex, Method::PUT, wrong, true).await.status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    let gone = "/:/scrobble?identifier=com.plexapp.plugins.library&key=77";
    assert_eq!(ask(&plex, Method::PUT, gone, true).await.status(), StatusCode::NOT_FOUND);

    let show = item(400_003_000).await;
    assert_eq!(show["viewedLeafCount"], 0);
    put(&plex, "/:/scrobble?identifier=com.plexapp.plugins.library&key=400003100").await;
    let show = item(400_003_000).await;
    let season = item(400_003_100).await;
    assert_eq!(season["viewedLeafCount"], season["leafCount"]);
    assert_eq!(show["viewedLeafCount"], season["leafCount"]);

    put(&plex, "/library/sections/1/all?type=1&id=1013&title.value=New%20%26%20Bold&title.locked=1&genre%5B0%5D.tag.tag=Puppetry").await;
    let edited = item(1013).await;
    assert_eq!(edited["title"], "New & Bold");
    assert_eq!(edited["Field"][0]["name"], "title");
    assert_eq!(edited["Genre"].as_array().unwrap().len(), 1);
    assert_eq!(edited["Genre"][0]["tag"], "Puppetry");
    let found = json(&plex, "/library/sections/1/all?title=new%20%26%20b").await;
    assert_eq!(keys(&found), [1013]);
}

#[tokio::test]
async fn history_rows_are_plays() {
    let plex = plain().await;
    let all = json(&plex, "/status/sessions/history/all").await;
    let plays = rows(&all);
    assert!(plays.len() > 150, "{}", plays.len());
    assert!(plays.is_sorted_by_key(|row| row["viewedAt"].as_i64().unwrap()));
    for row in plays {
        assert!(row["historyKey"].is_string() && row["accountID"].is_u64() && row["deviceID"].is_u64());
        assert!(row.get("User").is_none() && row.get("Player").is_none());
        if row["type"] == "episode" {
            assert!(row["grandparentTitle"].is_string() && row["index"].is_u64() && row["parentIndex"].is_u64());
        }
    }
    assert_eq!(plays.iter().filter(|row| row.get("key").is_none() && row.get("ratingKey").is_none()).count(), 1);
    let newest = json(&plex, &format!("/status/sessions/history/all?sort=viewedAt:desc&{}", page(0, 1))).await;
    assert_eq!(rows(&newest)[0], plays[plays.len() - 1]);
    assert_eq!(newest["totalSize"], plays.len());
    let since = plays[plays.len() / 2]["viewedAt"].as_i64().unwrap();
    for (filter, kept) in [
        ("accountID=1".to_owned(), plays.iter().filter(|row| row["accountID"] == 1).count()),
        (format!("viewedAt>={since}"), plays.len() - plays.len() / 2),
        ("librarySectionID=2".to_owned(), plays.iter().filter(|row| row["librarySectionID"] == "2").count()),
        (
            "metadataItemID=400000000".to_owned(),
            plays.iter().filter(|row| row["grandparentKey"] == "/library/metadata/400000000").count(),
        ),
    ] {
        let list = json(&plex, &format!("/status/sessions/history/all?{filter}")).await;
        assert_eq!(rows(&list).len(), kept, "{filter}");
        assert!(kept > 0 && kept < plays.len(), "{filter}");
    }
}

#[tokio::test]
async fn playlists_are_kept_and_a_film_is_being_played() {
    let plex = plain().await;
    let lists = json(&plex, "/playlists").await;
    let names: Vec<&str> = rows(&lists).iter().map(|list| list["title"].as_str().unwrap()).collect();
    assert_eq!(names, ["Rainy Evenings", "Unplayed Films", "Kitchen Radio", "Snapshots", "Everything in Turn"]);
    assert_eq!(rows(&json(&plex, "/playlists?playlistType=audio").await).len(), 1);
    assert_eq!(rows(&json(&plex, "/playlists?smart=1").await).len(), 1);
    let unplayed = json(&plex, "/library/sections/1/all?unwatched=1").await;
    assert_eq!(keys(&json(&plex, "/playlists/1700000001/items").await), keys(&unplayed));
    assert_eq!(rows(&lists)[1]["leafCount"], rows(&unplayed).len());

    let uri = "uri=server%3A%2F%2Fx%2Fcom.plexapp.plugins.library%2Flibrary%2Fmetadata%2F1001%2C1001";
    let made = ask(&plex, Method::POST, &format!("/playlists?type=video&title=New&smart=0&{uri}"), true).await;
    let made: Value = serde_json::from_str(&made.text().await.unwrap()).unwrap();
    let key = made["MediaContainer"]["Metadata"][0]["ratingKey"].as_str().unwrap().to_owned();
    put(&plex, &format!("/playlists/{key}/items?{}", uri.replace("1001%2C1001", "1005"))).await;
    let items = json(&plex, &format!("/playlists/{key}/items?{}", page(0, 50))).await;
    assert_eq!((keys(&items), &items["totalSize"]), (vec![1001, 1001, 1005], &3.into()));
    let second = rows(&items)[1]["playlistItemID"].as_u64().unwrap();
    let remove = format!("/playlists/{key}/items/{second}");
    assert_eq!(ask(&plex, Method::DELETE, &remove, true).await.status(), StatusCode::OK);
    assert_eq!(ask(&plex, Method::DELETE, &remove, true).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(keys(&json(&plex, &format!("/playlists/{key}/items")).await), [1001, 1005]);
    assert_eq!(ask(&plex, Method::DELETE, &format!("/playlists/{key}/items"), true).await.status(), StatusCode::OK);
    assert_eq!(rows(&json(&plex, &format!("/playlists/{key}")).await)[0]["leafCount"], 0);
    assert_eq!(ask(&plex, Method::DELETE, &format!("/playlists/{key}"), true).await.status(), StatusCode::OK);
    assert_eq!(ask(&plex, Method::GET, &format!("/playlists/{key}"), true).await.status(), StatusCode::NOT_FOUND);
    let nothing = ask(&plex, Method::POST, "/playlists?type=video&title=New&smart=0", true).await;
    assert_eq!(nothing.status(), StatusCode::BAD_REQUEST);

    let sessions = json(&plex, "/status/sessions").await;
    assert_eq!(rows(&sessions)[0]["User"]["title"], "Peregrine");
    assert_eq!(rows(&sessions)[0]["Player"]["state"], "playing");
}

#[tokio::test]
async fn filters_of_a_show_reach_its_episodes() {
    let plex = plain().await;
    let shows = json(&plex, "/library/sections/2/all").await;
    let title = rows(&shows)[1]["title"].as_str().unwrap();
    let mut url = reqwest::Url::parse("http://x/").unwrap();
    url.query_pairs_mut().append_pair("type", "4").append_pair("show.title", title);
    let by_title = json(&plex, &format!("/library/sections/2/all?{}", url.query().unwrap())).await;
    assert_eq!(by_title["size"], rows(&shows)[1]["leafCount"]);
    assert!(rows(&by_title).iter().all(|episode| episode["grandparentTitle"] == title));
    let by_key = json(&plex, "/library/sections/2/all?type=3&show.id=400001000").await;
    assert_eq!(by_key["size"], rows(&shows)[1]["childCount"]);
}

#[tokio::test]
async fn a_huge_library_pages_as_quickly_at_its_end() {
    let library = SampleLibrary { movies: 1_000_000, shows: 100_000, ..SampleLibrary::default() };
    let begun = Instant::now();
    let plex = start(library, Deviations::default()).await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    let timed = async |start: u64, sort: &str| {
        let path = format!("/library/sections/1/all?{}{sort}", page(start, 500));
        let begun = Instant::now();
        let found = keys(&json(&plex, &path).await);
        (found, begun.elapsed())
    };
    let (_, first) = timed(0, "").await;
    let mut quickest = Duration::MAX;
    for sort in ["", "&sort=addedAt:asc", "&sort=titleSort"] {
        let (found, time) = timed(900_000, sort).await;
        assert_eq!(found, (901_000..901_500).collect::<Vec<u64>>(), "{sort}");
        quickest = quickest.min(time);
    }
    assert!(quickest < first * 3 + Duration::from_millis(300), "{first:?} at the start, {quickest:?} near the end");
    let episodes = json(&plex, &format!("/library/sections/2/all?type=4&{}", page(900_000, 2))).await;
    assert_eq!(rows(&episodes).len(), 2);
    assert!(episodes["totalSize"].as_u64().unwrap() > 1_000_000);
}

#[tokio::test]
async fn the_same_seed_is_the_same_library() {
    let library = |seed| SampleLibrary { seed, ..SampleLibrary::default() };
    let (one, same) = (start(library(7), Deviations::default()).await, start(library(7), Deviations::default()).await);
    let other = start(library(8), Deviations::default()).await;
    for path in ["/library/sections/1/all", "/library/sections/2/all?type=4", "/status/sessions/history/all"] {
        let text = xml(&one, path).await;
        assert_eq!(text, xml(&same, path).await, "{path}");
        assert_ne!(text, xml(&other, path).await, "{path}");
    }
    // A larger library begins with the films of a smaller one; plays are spread anew.
    let larger = start(SampleLibrary { movies: 5_000, ..library(7) }, Deviations::default()).await;
    for key in [1_000, 1_011, 1_200] {
        let path = format!("/library/metadata/{key}");
        let strip = |mut value: Value| {
            value["Metadata"][0].as_object_mut().unwrap().remove("lastViewedAt");
            value
        };
        assert_eq!(strip(json(&one, &path).await), strip(json(&larger, &path).await));
    }
}

#[tokio::test]
async fn an_untidy_server_sends_what_it_should_not() {
    let options = Options { untidy: true, ..Options::default() };
    let plex = SamplePlex::start(options).await.unwrap();
    let films = xml(&plex, "/library/sections/1/all").await;
    for fault in ["\u{4}", "&#x4;", "&nbsp;", " & "] {
        assert!(films.contains(fault), "{fault:?}");
    }
    assert!(xml(&plex, "/library/sections/4/all?type=13").await.contains("type=\"hologram\""));
    let tidy = plain().await;
    let films = xml(&tidy, "/library/sections/1/all").await;
    assert!(
        !films.contains(['\u{4}']) && !films.contains("&#x4;") && !films.contains("&nbsp;") && !films.contains(" & ")
    );
}

#[tokio::test]
async fn deviations_happen_on_demand() {
    let list = |start, size| format!("/library/sections/1/all?{}", page(start, size));
    let small = SampleLibrary::default;

    let plex = start(small(), Deviations { page_cap: Some(20), ..Deviations::default() }).await;
    assert_eq!(rows(&json(&plex, &list(0, 500)).await).len(), 20);

    let plex = start(small(), Deviations { require_both_paging: true, ..Deviations::default() }).await;
    let half = ask(&plex, Method::GET, "/library/sections/1/all?X-Plex-Container-Start=0", true).await;
    assert_eq!(half.status(), StatusCode::BAD_REQUEST);
    assert_eq!(rows(&json(&plex, &list(0, 5)).await).len(), 5);

    let plex = start(small(), Deviations { omit_total_size: true, ..Deviations::default() }).await;
    let answer = ask(&plex, Method::GET, &list(0, 5), true).await;
    assert!(!answer.headers().contains_key("x-plex-container-total-size"));
    assert!(!answer.text().await.unwrap().contains("totalSize"));

    let plex = start(small(), Deviations { ignore_paging: true, ..Deviations::default() }).await;
    let deaf = json(&plex, &list(200, 5)).await;
    assert_eq!((keys(&deaf), deaf.get("totalSize")), ((1_000..1_100).collect(), None));

    let plex = start(small(), Deviations { fail_first: 2, ..Deviations::default() }).await;
    for status in [503, 503, 200] {
        assert_eq!(ask(&plex, Method::GET, "/identity", true).await.status(), status);
    }

    let plex = start(small(), Deviations { fail_after: Some(2), ..Deviations::default() }).await;
    assert!(ask(&plex, Method::GET, &list(0, 5), true).await.text().await.is_ok());
    assert!(ask(&plex, Method::GET, &list(0, 5), true).await.text().await.is_err());
    assert!(ask(&plex, Method::GET, &list(0, 5), true).await.text().await.is_ok());

    // Also a list that is sent in pieces.
    let large = SampleLibrary { movies: 4_000, ..small() };
    let plex = start(large, Deviations { fail_after: Some(1), ..Deviations::default() }).await;
    assert!(ask(&plex, Method::GET, "/library/sections/1/all", true).await.text().await.is_err());
    assert_eq!(rows(&json(&plex, "/library/sections/1/all").await).len(), 4_000);

    let plex = start(small(), Deviations { repeat_page: true, ..Deviations::default() }).await;
    assert_eq!(keys(&json(&plex, &list(0, 5)).await), keys(&json(&plex, &list(100, 5)).await));

    let plex = start(small(), Deviations { shrink_after: Some(1), ..Deviations::default() }).await;
    assert_eq!(json(&plex, &list(0, 5)).await["totalSize"], 250);
    assert_eq!(json(&plex, &list(0, 5)).await["totalSize"], 240);
    assert_eq!(rows(&json(&plex, &list(235, 50)).await).len(), 5);

    let delay = Duration::from_millis(60);
    let plex = start(small(), Deviations { delay: Some(delay), ..Deviations::default() }).await;
    let begun = Instant::now();
    ask(&plex, Method::GET, "/identity", true).await;
    assert!(begun.elapsed() >= delay);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_plex_client_is_satisfied() {
    let Ok(python) = std::env::var("PLEX_MCP_PYTHON") else {
        eprintln!("skipped: PLEX_MCP_PYTHON names no python with plexapi 4.18.3");
        return;
    };
    let options =
        Options { library: SampleLibrary { movies: 2_500, ..SampleLibrary::default() }, ..Options::default() };
    let plex = SamplePlex::start(options).await.unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/plexapi_check.py");
    let run =
        tokio::process::Command::new(python).arg(script).arg(plex.url()).arg(plex.token()).output().await.unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    assert!(said.contains("checks passed"), "{said}");
    eprint!("{said}");
}
