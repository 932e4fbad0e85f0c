//! The tools that read a library: what they answer is what Plex has, whole, in order, and small enough for a model.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{Deviations, Options, SampleLibrary, SamplePlex};
use serde_json::{Value, json};
use std::{collections::HashSet, fmt::Write as _};
use support::{
    Client, Home, as_plex_json, home, text,
    trouble::{Seen, Trouble, answer, forward, shelf, xml},
};

/// A library's key, a type of its items, and Plex's number for the type.
const TYPES: [(&str, &str, u64); 9] = [
    ("1", "movie", 1),
    ("2", "show", 2),
    ("2", "season", 3),
    ("2", "episode", 4),
    ("3", "artist", 8),
    ("3", "album", 9),
    ("3", "track", 10),
    ("4", "photo", 13),
    ("1", "collection", 18),
];
/// The fields of a row, which have Plex's own names.
const ROW: [&str; 11] = [
    "ratingKey",
    "title",
    "originalTitle",
    "type",
    "year",
    "guid",
    "editionTitle",
    "grandparentTitle",
    "parentTitle",
    "parentIndex",
    "index",
];
/// No answer is longer: clients refuse what is beyond 25,000 tokens.
const MOST_BYTES: usize = 75_000;

fn movies(movies: u64) -> Options {
    Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, ..Options::default() }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn keys(rows: &Value) -> Vec<String> {
    array(rows).iter().map(|row| row["ratingKey"].as_str().unwrap().to_owned()).collect()
}

/// All rows of a listing, by the sample server's own account.
async fn listed(plex: &SamplePlex, path: &str) -> Vec<Value> {
    array(&as_plex_json(plex, path).await["Metadata"]).to_vec()
}

fn keys_of(rows: &[Value]) -> Vec<String> {
    keys(&Value::from(rows.to_vec()))
}

/// The keys of all rows from `arguments` on, by way of `nextOffset`, and how many answers that took.
async fn chain(client: &Client, tool: &str, rows: &str, arguments: &Value) -> (Vec<String>, usize) {
    let mut all = Vec::new();
    let mut arguments = arguments.clone();
    for answers in 1..2_000 {
        let result = client.try_call(tool, arguments.clone()).await.unwrap();
        assert_ne!(result.is_error, Some(true), "{arguments}: {}", text(&result));
        assert!(text(&result).len() < MOST_BYTES, "{arguments}: {} bytes", text(&result).len());
        let part = result.structured_content.unwrap();
        let limit = usize::try_from(part["limit"].as_u64().unwrap()).unwrap();
        let count = array(&part[rows]).len();
        assert!(count <= limit, "{arguments}: {count} rows");
        all.extend(keys(&part[rows]));
        let Some(next) = part["nextOffset"].as_u64() else {
            assert_eq!(part["truncated"], false, "{arguments}: cut, and no way on");
            return (all, answers);
        };
        assert_eq!(next, part["offset"].as_u64().unwrap() + count as u64, "{arguments}");
        assert_eq!(part["truncated"], count < limit, "{arguments}");
        assert!(count > 0, "{arguments}: no rows, and more to come");
        arguments["offset"] = next.into();
    }
    panic!("the list never ends");
}

#[tokio::test]
async fn libraries_have_their_own_counts() {
    let (plex, home) = home(movies(1234)).await;
    let client = home.connect().await;
    let result = client.call("get_libraries", json!({})).await;
    client.close().await;
    let sections = as_plex_json(&plex, "/library/sections").await;
    assert_eq!(array(&result["libraries"]).len(), array(&sections["Directory"]).len());
    for (library, section) in array(&result["libraries"]).iter().zip(array(&sections["Directory"])) {
        for name in ["key", "title", "type", "agent", "language", "scannedAt"] {
            assert_eq!(library[name], section[name], "{name} of {section}");
            assert!(!library[name].is_null(), "{name} of {section}");
        }
        let all = listed(&plex, &format!("/library/sections/{}/all", section["key"].as_str().unwrap())).await;
        assert_eq!(library["count"], all.len(), "{section}");
    }
    assert_eq!(result["libraries"][0]["count"], 1234);
    assert_eq!(result["libraries"][4]["count"], 0, "none is a count too");
}

#[tokio::test]
async fn a_library_that_cannot_be_counted_has_no_count_and_spoils_no_other() {
    let (plex, home) = home(Options::default()).await;
    let sample = plex.url();
    let server = Trouble::start(move |seen: Seen| {
        let sample = sample.clone();
        async move {
            match seen.path.as_str() {
                "/library/sections/2/all" => answer(500, "text/plain", "broken"),
                "/library/sections/3/all" => answer(200, "text/html", "<html>"),
                "/library/sections/4/all" => xml("<MediaContainer size=\"0\"/>"),
                _ => forward(&sample, "", &seen).await,
            }
        }
    })
    .await;
    let home = Home { url: server.url(), ..home };
    let client = home.connect().await;
    let result = client.call("get_libraries", json!({})).await;
    client.close().await;
    let counts: Vec<_> = array(&result["libraries"]).iter().map(|library| library.get("count").cloned()).collect();
    assert_eq!(counts, [Some(json!(250)), None, None, None, Some(json!(0))]);
    assert!(array(&result["libraries"]).iter().all(|library| library["title"].is_string()));
}

#[tokio::test]
async fn every_type_is_listed_as_plex_has_it() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    for (key, kind, number) in TYPES {
        let expected = listed(&plex, &format!("/library/sections/{key}/all?type={number}")).await;
        let result = client.call("get_library_items", json!({"libraryKey": key, "type": kind})).await;
        assert_eq!((&result["libraryKey"], &result["offset"], &result["limit"]), (&json!(key), &json!(0), &json!(100)));
        assert_eq!(result["totalSize"], expected.len(), "{kind}");
        let rows = array(&result["items"]);
        assert_eq!(rows.len(), expected.len().min(100), "{kind}");
        assert_eq!(result["nextOffset"], if expected.len() > 100 { json!(100) } else { Value::Null }, "{kind}");
        assert_eq!((&result["truncated"], result.get("warning")), (&json!(false), None));
        for (row, expected) in rows.iter().zip(&expected) {
            for name in ROW {
                assert_eq!(row[name], expected[name], "{name} of {expected}");
            }
            assert!(row["ratingKey"].is_string() && row["title"].is_string());
        }
    }
    // Without a type: the one that the library is for.
    for key in ["1", "2", "3", "4", "5"] {
        let expected = listed(&plex, &format!("/library/sections/{key}/all")).await;
        let result = client.call("get_library_items", json!({"libraryKey": key, "limit": 1000})).await;
        assert_eq!(keys(&result["items"]), keys_of(&expected), "{key}");
    }
    let (text, error) = client.fail("get_library_items", json!({"libraryKey": "99"})).await;
    assert_eq!(error["code"], "not_found");
    assert!(text.contains("library 99"), "{text}");
    client.close().await;
}

#[tokio::test]
async fn windows_tile_the_library_whatever_the_server_does() {
    let usual = Deviations::default;
    for (name, deviations) in [
        ("usual", usual()),
        ("pages of 20", Deviations { page_cap: Some(20), ..usual() }),
        ("pages of 7, both values required", Deviations { page_cap: Some(7), require_both_paging: true, ..usual() }),
        ("pages of 1", Deviations { page_cap: Some(1), ..usual() }),
        ("no total", Deviations { omit_total_size: true, ..usual() }),
        ("no total, pages of 30", Deviations { omit_total_size: true, page_cap: Some(30), ..usual() }),
    ] {
        let (plex, home) = home(Options { deviations, ..Options::default() }).await;
        let client = home.connect().await;
        let all: Vec<String> = (1000..1250).map(|key: u64| key.to_string()).collect();
        for limit in [9, 50, 99, 100, 125, 249, 250, 251, 1000] {
            let arguments = json!({"libraryKey": "1", "limit": limit, "sort": "addedAt"});
            let (tiled, answers) = chain(&client, "get_library_items", "items", &arguments).await;
            assert_eq!(tiled, all, "{name}, limit {limit}");
            assert!(answers <= 250_usize.div_ceil(limit) + 1, "{name}, limit {limit}: {answers} answers");
        }
        for (offset, limit) in
            [(0, 1), (1, 1), (13, 20), (19, 22), (100, 100), (240, 10), (240, 50), (249, 1), (249, 9)]
        {
            let arguments = json!({"libraryKey": "1", "offset": offset, "limit": limit, "sort": "addedAt"});
            let result = client.call("get_library_items", arguments).await;
            assert_eq!(keys(&result["items"]), all[offset..(offset + limit).min(250)], "{name}, {limit} from {offset}");
        }
        client.close().await;
        let lists = plex.requests().into_iter().filter(|request| request.path_and_query.contains("/all"));
        for request in lists {
            let both = ["X-Plex-Container-Start=", "X-Plex-Container-Size="];
            assert!(both.iter().all(|value| request.path_and_query.contains(value)), "{request:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_knows_no_paging_is_no_endless_list() {
    let deviations = Deviations { ignore_paging: true, ..Deviations::default() };
    let (_plex, home) = home(Options { deviations, ..Options::default() }).await;
    let client = home.connect().await;
    for limit in [9, 99, 100, 101, 1000] {
        let arguments = json!({"libraryKey": "1", "limit": limit});
        let (tiled, _) = chain(&client, "get_library_items", "items", &arguments).await;
        assert_eq!(tiled.len(), 100, "limit {limit}");
        assert_eq!(tiled.iter().collect::<HashSet<_>>().len(), 100, "limit {limit}");
    }
    client.close().await;
}

#[tokio::test]
async fn an_offset_behind_the_end_is_said_to_be_one() {
    let (_plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    for offset in [250, 251, 10_000, 1_000_000_000] {
        let result = client.call("get_library_items", json!({"libraryKey": "1", "offset": offset})).await;
        assert_eq!((&result["items"], &result["totalSize"]), (&json!([]), &json!(250)), "{offset}");
        assert_eq!(result.get("nextOffset"), None, "{offset}");
        let warning = result["warning"].as_str().unwrap();
        assert!(warning.contains("250") && warning.contains("249"), "{warning}");
    }
    for (key, offset) in [("1", 249), ("5", 0), ("5", 7)] {
        let result = client.call("get_library_items", json!({"libraryKey": key, "offset": offset})).await;
        assert_eq!(result.get("warning"), None, "{key} from {offset}");
        assert_eq!(result.get("nextOffset"), None, "{key} from {offset}");
    }
    client.close().await;
}

#[tokio::test]
async fn sorting_really_sorts() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let items = listed(&plex, "/library/sections/1/all").await;
    let value = |key: &str, field: &str| {
        let item = items.iter().find(|item| item["ratingKey"] == key).unwrap();
        match field {
            // Plex gives a sort title where it differs from the title.
            "title" | "titleSort" => {
                let title = item["titleSort"].as_str().or(item["title"].as_str()).unwrap();
                json!(title.to_lowercase())
            }
            _ => item[field].clone(),
        }
    };
    let before = |a: &Value, b: &Value| match (a, b) {
        (Value::String(a), Value::String(b)) => a <= b,
        (a, b) => a.as_f64().unwrap() <= b.as_f64().unwrap(),
    };
    for field in [
        "titleSort",
        "title",
        "year",
        "addedAt",
        "updatedAt",
        "originallyAvailableAt",
        "rating",
        "audienceRating",
        "userRating",
        "lastViewedAt",
        "viewCount",
        "duration",
    ] {
        let mut orders = Vec::new();
        for direction in ["", ":asc", ":desc"] {
            let arguments = json!({"libraryKey": "1", "limit": 250, "sort": format!("{field}{direction}")});
            let keys = keys(&client.call("get_library_items", arguments).await["items"]);
            assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 250, "{field}{direction}");
            let asked = plex.requests().pop().unwrap().path_and_query;
            assert!(asked.contains(&format!("sort={field}{}", direction.replace(':', "%3A"))), "{asked}");
            // By these two the sample server sorts otherwise than it says.
            if ["updatedAt", "audienceRating"].contains(&field) {
                continue;
            }
            let values: Vec<Value> = keys.iter().map(|key| value(key, field)).collect();
            // Those without a value stand together, at one of the ends.
            let known: Vec<&Value> = values.iter().filter(|value| !value.is_null()).collect();
            assert!(known.len() > 1, "{field}: nothing to sort by");
            let first = values.iter().position(|value| !value.is_null()).unwrap();
            assert!(values[first..first + known.len()].iter().all(|value| !value.is_null()), "{field}{direction}");
            let sorted = known
                .windows(2)
                .all(|pair| if direction == ":desc" { before(pair[1], pair[0]) } else { before(pair[0], pair[1]) });
            assert!(sorted, "{field}{direction}: {known:?}");
            orders.push(keys);
        }
        if orders.is_empty() {
            continue;
        }
        assert_eq!(orders[0], orders[1], "{field}: ascending is what no direction means");
        assert_ne!(orders[0], orders[2], "{field}: the direction changes nothing");
    }
    client.close().await;
}

#[tokio::test]
async fn more_than_a_page_is_read_though_both_values_are_required() {
    let deviations = Deviations { require_both_paging: true, page_cap: Some(1000), ..Deviations::default() };
    let (plex, home) = home(Options { deviations, ..movies(1001) }).await;
    let client = home.connect().await;
    let expected =
        keys_of(&listed(&plex, "/library/sections/1/all?X-Plex-Container-Start=0&X-Plex-Container-Size=1000").await);
    for limit in [100, 1000, 10_000] {
        let arguments = json!({"libraryKey": "1", "limit": limit});
        let (tiled, _) = chain(&client, "get_library_items", "items", &arguments).await;
        assert_eq!(tiled.len(), 1001, "limit {limit}");
        assert_eq!(tiled[..1000], expected, "limit {limit}");
        assert_eq!(tiled.iter().collect::<HashSet<_>>().len(), 1001);
    }
    client.close().await;
}

#[tokio::test]
async fn arguments_are_taken_as_meant_or_refused_by_name_before_anything_is_sent() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let key = json!("1");
    for (arguments, count) in [
        (json!({"libraryKey": "1", "limit": "5"}), 5),
        (json!({"libraryKey": 1, "limit": 5.0}), 5),
        (json!({"libraryKey": key, "limit": " 7 ", "offset": "3"}), 7),
        (json!({"libraryKey": "1", "limit": null, "type": null, "offset": null, "sort": null}), 100),
        (json!({"libraryKey": "1", "limit": 1}), 1),
    ] {
        let result = client.call("get_library_items", arguments.clone()).await;
        assert_eq!(array(&result["items"]).len(), count, "{arguments}");
    }
    let item = client.call("get_media_details", json!({"ratingKey": 1000})).await;
    assert_eq!(item["details"]["ratingKey"], "1000");
    assert_eq!(client.call("search_media", json!({"query": 1984})).await["query"], "1984");

    let items = "get_library_items";
    for (tool, arguments, field, said) in [
        (items, json!({"libraryKey": "1", "limit": "12px"}), "limit", "whole number from 1 to 10000"),
        (items, json!({"libraryKey": "1", "limit": "1.5"}), "limit", "whole number"),
        (items, json!({"libraryKey": "1", "limit": 1.5}), "limit", "whole number"),
        (items, json!({"libraryKey": "1", "limit": ""}), "limit", "whole number"),
        (items, json!({"libraryKey": "1", "limit": "1e2"}), "limit", "whole number"),
        (items, json!({"libraryKey": "1", "limit": "\u{ff15}"}), "limit", "whole number"),
        (items, json!({"libraryKey": "1", "limit": true}), "limit", "whole number"),
        (items, json!({"libraryKey": "1", "limit": [5]}), "limit", "whole number"),
        (items, json!({"libraryKey": "1", "limit": 0}), "limit", "from 1 to 10000"),
        (items, json!({"libraryKey": "1", "limit": -5}), "limit", "from 1 to 10000"),
        (items, json!({"libraryKey": "1", "limit": 10_001}), "limit", "from 1 to 10000"),
        (items, json!({"libraryKey": "1", "limit": 1e300}), "limit", "from 1 to 10000"),
        (items, json!({"libraryKey": "1", "offset": -1}), "offset", "whole number"),
        (items, json!({"libraryKey": "1", "offset": "x"}), "offset", "whole number"),
        (items, json!({"libraryKey": "1", "type": "hologram"}), "type", "movie"),
        (items, json!({"libraryKey": "1", "sort": "nonsense"}), "sort", "titleSort"),
        (items, json!({"libraryKey": "1", "sort": "year:down"}), "sort", ":desc"),
        (items, json!({}), "libraryKey", "required"),
        (items, json!({"libraryKey": null}), "libraryKey", "required"),
        (items, json!({"libraryKey": ""}), "libraryKey", "number"),
        (items, json!({"libraryKey": "Movies"}), "libraryKey", "number"),
        (items, json!({"libraryKey": "1/../../status/sessions"}), "libraryKey", "number"),
        (items, json!({"libraryKey": "1", "libarykey": "1"}), "libarykey", "did you mean libraryKey"),
        (items, json!({"libraryKey": "1", "Limit": 5}), "Limit", "did you mean limit"),
        ("get_media_details", json!({"ratingKey": "1000,1001"}), "ratingKey", "number"),
        ("get_media_details", json!({"ratingKey": "../../library/sections"}), "ratingKey", "number"),
        ("get_media_details", json!({"ratingKey": "1000/children"}), "ratingKey", "number"),
        ("get_media_details", json!({"ratingKey": "1000?x=1"}), "ratingKey", "number"),
        ("get_media_details", json!({"ratingKey": "%2e%2e"}), "ratingKey", "number"),
        ("get_media_details", json!({"ratingKey": "-1"}), "ratingKey", "number"),
        ("get_media_details", json!({"ratingKey": 1.5}), "ratingKey", "number"),
        ("get_media_details", json!({"ratingKey": ["1000"]}), "ratingKey", "text"),
        ("get_media_details", json!({"ratingKey": "1".repeat(20)}), "ratingKey", "number"),
        ("get_media_details", json!({"rating_key": "1000"}), "rating_key", "did you mean ratingKey"),
        ("search_media", json!({"query": ""}), "query", "empty"),
        ("search_media", json!({"query": " \n\t\u{7} "}), "query", "empty"),
        ("search_media", json!({"query": "x".repeat(501)}), "query", "at most 500 characters"),
        ("search_media", json!({"query": "x", "limit": 0}), "limit", "from 1 to 1000"),
        ("search_media", json!({"query": "x", "limit": 1001}), "limit", "from 1 to 1000"),
        ("search_media", json!({"query": "x", "offset": 5000}), "offset", "libraryKey"),
        ("search_media", json!({"query": "x", "libraryKey": "Movies"}), "libraryKey", "number"),
        ("get_libraries", json!({"libraryKey": "1"}), "libraryKey", "takes none"),
    ] {
        let before = plex.request_count();
        let (text, error) = client.fail(tool, arguments.clone()).await;
        assert_eq!(error["code"], "invalid_argument", "{arguments}: {text}");
        assert!(array(&error["fields"]).contains(&json!(field)), "{arguments}: {error}");
        assert!(text.contains(field) && text.contains(said), "{arguments}: {text}");
        assert_eq!(plex.request_count(), before, "{arguments} was sent to Plex");
    }
    client.close().await;
}

/// Rows of films with these titles and further attributes.
fn film(key: usize, title: &str, more: &str) -> String {
    format!(r#"<Video ratingKey="{key}" type="movie" title="{title}" {more}/>"#)
}

#[tokio::test]
async fn answers_stay_small_and_lead_on() {
    let summary = "A long story. ".repeat(300);
    let about = format!(r#"guid="plex://movie/5d776825880197001ec90000" year="1999" summary="{summary}""#);
    let wide = "&quot;日本語\\".repeat(150);
    let rows = (0..5_000).map(|n| film(n, &format!("Film number {n} of a large library"), &about)).collect();
    let wide = (0..300).map(|n| film(n, &wide, "")).collect();
    for (rows, count) in [(rows, 5_000_usize), (wide, 300)] {
        let server = shelf(rows).await;
        let home = Home::at(server.url());
        let client = home.connect().await;
        let all: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        for limit in [None, Some(5_000)] {
            let arguments = json!({"libraryKey": "1", "limit": limit});
            let before = server.count();
            let result = client.try_call("get_library_items", arguments.clone()).await.unwrap();
            assert!(text(&result).len() < MOST_BYTES, "{}", text(&result).len());
            let result = result.structured_content.unwrap();
            assert_eq!(result["truncated"], limit.is_some() || count == 300, "{limit:?} of {count}");
            assert_eq!(result["totalSize"], count);
            assert!(server.count() - before <= 4, "{} requests for one answer", server.count() - before);
            let (tiled, _) = chain(&client, "get_library_items", "items", &arguments).await;
            assert_eq!(tiled, all, "{limit:?}");
        }
        for library in [None, Some("1")] {
            // Without pages a search of everything reads all before the wanted part each time, which takes a while here.
            let offset = if library.is_none() { count - 300 } else { 0 };
            let arguments = json!({"query": "film", "limit": 1000, "libraryKey": library, "offset": offset});
            let (tiled, _) = chain(&client, "search_media", "results", &arguments).await;
            assert_eq!(tiled, all[offset..], "{arguments}");
        }
        if count == 5_000 {
            let item = client.call("get_media_details", json!({"ratingKey": "4999"})).await;
            assert_eq!(item["details"]["summary"], summary, "details have the whole summary");
            let hit = &client.call("search_media", json!({"query": "film", "limit": 1})).await["results"][0];
            assert!(hit["summary"].as_str().unwrap().chars().count() <= 201, "{hit}");
        }
        client.close().await;
    }
}

#[tokio::test]
async fn untidy_rows_lose_nothing_but_the_fault() {
    let server = shelf(vec![
        film(1, "A&#x4;B", ""),
        film(2, "A\u{4}B", ""),
        film(3, "A&nbsp;B & C &bogus; &#0; &#xFFFF;", ""),
        film(4, "x\u{1b}[31mred\u{202e}dlrow\u{200b} &lt;b&gt;bold&lt;/b&gt; &#27;]0;t&#7;", "summary=\"a\u{202e}b\""),
        film(5, "dates", "addedAt=\"-2082844800\" updatedAt=\"99999999999999\" lastViewedAt=\"\""),
        film(
            6,
            "dates",
            "addedAt=\"99999999999999999999\" updatedAt=\"yesterday\" originallyAvailableAt=\"0000-00-00\"",
        ),
        film(7, "numbers", "year=\" 1999 \" viewCount=\"2\" duration=\"007\" rating=\"8\" viewOffset=\"3.0\""),
        film(8, "numbers", "year=\"nineteen\" viewCount=\"\" duration=\"-1\" rating=\"NaN\" userRating=\"\""),
        r#"<Video ratingKey="9" type="hologram" title="of another kind"/>"#.into(),
        r#"<Hologram ratingKey="10" type="clip" title="of another element"/>"#.into(),
        r#"<Photo ratingKey="11" title="of no type"/>"#.into(),
        film(12, "twins", "guid=\"plex://movie/abc\" editionTitle=\"Director's Cut\""),
        film(13, "twins", "guid=\"plex://movie/abc\""),
        r#"<Video ratingKey="14" type="episode" title="Special" grandparentTitle="Show" parentIndex="0" index="9"/>"#
            .into(),
        film(15, "nested", "").replace("/>", "><Genre tag=\"Drama\"/><Odd><Deep/></Odd><Media><Part/></Media></Video>"),
        "<Video ratingKey=\"16\" ratingKey=\"99\" type=\"movie\" title='single' odd flag= year=1999 />".into(),
    ])
    .await;
    let home = Home::at(server.url());
    let client = home.connect().await;
    let result = client.call("get_library_items", json!({"libraryKey": "1"})).await;
    assert_eq!(keys(&result["items"]), (1..=16).map(|key: u8| key.to_string()).collect::<Vec<_>>());
    let row = |key: usize| result["items"][key - 1].clone();
    assert_eq!((&row(1)["title"], &row(2)["title"]), (&json!("AB"), &json!("AB")));
    assert_eq!(row(3)["title"], "A&nbsp;B & C &bogus;  ");
    assert_eq!(row(4)["title"], "x[31mreddlrow <b>bold</b> ]0;t");
    assert_eq!((&row(7)["year"], row(8).get("year")), (&json!(1999), None));
    assert_eq!((&row(9)["type"], &row(10)["type"], row(11).get("type")), (&json!("hologram"), &json!("clip"), None));
    assert_eq!((&row(12)["editionTitle"], row(13).get("editionTitle")), (&json!("Director's Cut"), None));
    assert_eq!(row(12)["guid"], row(13)["guid"]);
    assert_eq!((&row(14)["parentIndex"], &row(14)["index"]), (&json!(0), &json!(9)));

    let mut details = Vec::new();
    for key in 1..=16 {
        details.push(client.call("get_media_details", json!({"ratingKey": key})).await["details"].clone());
    }
    let detail = |key: usize, field: &str| details[key - 1].get(field).cloned();
    assert_eq!(detail(4, "summary"), Some(json!("ab")));
    assert_eq!(detail(5, "addedAt"), Some(json!(-2_082_844_800_i64)), "the raw number is kept");
    assert_eq!(detail(5, "updatedAt"), Some(json!(99_999_999_999_999_i64)));
    for (key, field) in
        [(5, "lastViewedAt"), (6, "addedAt"), (6, "updatedAt"), (8, "viewCount"), (8, "rating"), (8, "userRating")]
    {
        assert_eq!(detail(key, field), None, "{field} of {key}");
    }
    assert_eq!(detail(6, "originallyAvailableAt"), Some(json!("0000-00-00")));
    for (field, value) in
        [("viewCount", json!(2)), ("duration", json!(7)), ("rating", json!(8.0)), ("viewOffset", json!(3))]
    {
        assert_eq!(detail(7, field), Some(value), "{field}");
    }
    assert_eq!(detail(15, "genres"), Some(json!(["Drama"])));
    assert_eq!(detail(15, "media"), Some(json!([{"parts": [{"streams": []}]}])));

    let found = client.call("search_media", json!({"query": "x"})).await;
    // A hub has more than items in it, and it is the element that tells: only an element of that name is lost.
    let hits: Vec<_> = (1..=16).filter(|key| *key != 10).map(|key: u8| key.to_string()).collect();
    let found_keys: HashSet<_> = keys(&found["results"]).into_iter().collect();
    assert_eq!(found_keys, hits.into_iter().collect());
    assert!(!found.to_string().contains(['\u{202e}', '\u{1b}', '\u{200b}', '\u{4}']), "{found}");
    client.close().await;
}

#[tokio::test]
async fn an_untidy_server_lists_as_much_as_a_tidy_one() {
    let (tidy, tidy_home) = home(Options::default()).await;
    let (untidy, untidy_home) = home(Options { untidy: true, ..Options::default() }).await;
    let (client, other) = (tidy_home.connect().await, untidy_home.connect().await);
    let mut kinds = HashSet::new();
    for (key, kind, _) in TYPES {
        let arguments = json!({"libraryKey": key, "type": kind, "limit": 1000});
        let (expected, _) = chain(&client, "get_library_items", "items", &arguments).await;
        let (listed, _) = chain(&other, "get_library_items", "items", &arguments).await;
        assert_eq!(listed, expected, "{kind}");
        let result = other.call("get_library_items", arguments).await;
        kinds.extend(array(&result["items"]).iter().map(|row| row["type"].as_str().unwrap().to_owned()));
        assert!(!result.to_string().chars().any(char::is_control), "{kind}");
    }
    assert!(kinds.contains("clip") && kinds.contains("hologram"), "{kinds:?}");
    client.close().await;
    other.close().await;
    assert!(tidy.request_count() > 8 && untidy.request_count() > 8);
}

#[tokio::test]
async fn specials_are_season_nought_and_editions_are_two_rows() {
    let (_plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let seasons = client.call("get_library_items", json!({"libraryKey": "2", "type": "season", "limit": 1000})).await;
    assert!(array(&seasons["items"]).iter().any(|row| row["index"] == 0), "{seasons}");
    let episodes = client.call("get_library_items", json!({"libraryKey": "2", "type": "episode", "limit": 1000})).await;
    let special = array(&episodes["items"]).iter().find(|row| row["parentIndex"] == 0).expect("a special");
    assert!(special["index"].as_i64().unwrap() > 0 && special["grandparentTitle"].is_string(), "{special}");
    let details = client.call("get_media_details", json!({"ratingKey": special["ratingKey"]})).await;
    assert_eq!(details["details"]["parentIndex"], 0);
    let films = client.call("get_library_items", json!({"libraryKey": "1", "limit": 1000})).await;
    let films = array(&films["items"]);
    let edition = films.iter().find(|row| row["editionTitle"].is_string()).expect("an edition");
    let same: Vec<_> = films.iter().filter(|row| row["guid"] == edition["guid"]).collect();
    assert_eq!(same.len(), 2, "{same:?}");
    assert_eq!(same.iter().filter(|row| row.get("editionTitle").is_none()).count(), 1);
    client.close().await;
}

/// What `get_media_details` should say of an item that Plex's JSON describes so.
fn expected_details(item: &Value, container: &Value) -> Value {
    let mut details = json!({});
    let same = [
        "summary",
        "tagline",
        "contentRating",
        "rating",
        "audienceRating",
        "userRating",
        "duration",
        "originallyAvailableAt",
        "addedAt",
        "updatedAt",
        "viewCount",
        "viewOffset",
        "lastViewedAt",
        "childCount",
        "leafCount",
        "viewedLeafCount",
        "parentRatingKey",
        "grandparentRatingKey",
    ];
    let copy = |to: &mut Value, from: &Value, names: &[(&str, &str)]| {
        for (ours, theirs) in names {
            if !from[*theirs].is_null() {
                to[*ours] = from[*theirs].clone();
            }
        }
    };
    for name in ROW.iter().chain(&same) {
        copy(&mut details, item, &[(name, name)]);
    }
    // Plex counts a collection's children in a text.
    if let Some(count) = details["childCount"].as_str().map(|count| count.parse::<u64>().unwrap()) {
        details["childCount"] = count.into();
    }
    // Ratings are numbers with a fraction.
    for name in ["rating", "audienceRating", "userRating"] {
        if let Some(rating) = details[name].as_f64() {
            details[name] = rating.into();
        } else {
            details.as_object_mut().unwrap().remove(name);
        }
    }
    let library = item["librarySectionID"].as_u64().or(container["librarySectionID"].as_u64());
    details["libraryKey"] = library.unwrap().to_string().into();
    details["library"] = item["librarySectionTitle"].as_str().or(container["librarySectionTitle"].as_str()).into();
    details["studios"] = item["studio"].as_str().into_iter().collect();
    let tags = |name: &str, field: &str| array(&item[name]).iter().map(|tag| tag[field].clone()).collect::<Value>();
    for (ours, theirs) in [
        ("genres", "Genre"),
        ("countries", "Country"),
        ("directors", "Director"),
        ("writers", "Writer"),
        ("collections", "Collection"),
        ("labels", "Label"),
    ] {
        details[ours] = tags(theirs, "tag");
    }
    details["externalIds"] = tags("Guid", "id");
    details["lockedFields"] = tags("Field", "name");
    let actor = |role: &Value| {
        let mut actor = json!({"name": role["tag"]});
        copy(&mut actor, role, &[("role", "role")]);
        actor
    };
    details["actors"] = array(&item["Role"]).iter().map(actor).collect();
    let stream = |stream: &Value| {
        let kinds = ["", "video", "audio", "subtitle", "lyrics"];
        let kind = kinds[usize::try_from(stream["streamType"].as_u64().unwrap()).unwrap()];
        let mut track = json!({"type": kind, "default": stream["default"] == true});
        copy(&mut track, stream, &[("codec", "codec"), ("language", "language"), ("title", "displayTitle")]);
        if stream["forced"] == true {
            track["forced"] = true.into();
        }
        track
    };
    let part = |part: &Value| {
        let mut file = json!({"streams": array(&part["Stream"]).iter().map(stream).collect::<Value>()});
        copy(&mut file, part, &[("file", "file"), ("size", "size")]);
        file
    };
    let version = |media: &Value| {
        let mut version = json!({"parts": array(&media["Part"]).iter().map(part).collect::<Value>()});
        let names = [
            "width",
            "height",
            "bitrate",
            "duration",
            "container",
            "videoCodec",
            "videoFrameRate",
            "audioCodec",
            "audioChannels",
        ];
        for name in names {
            copy(&mut version, media, &[(name, name)]);
        }
        copy(&mut version, media, &[("resolution", "videoResolution")]);
        version
    };
    details["media"] = array(&item["Media"]).iter().map(version).collect();
    details
}

#[tokio::test]
async fn details_are_all_that_plex_tells() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let mut fields = HashSet::new();
    let mut streams = HashSet::new();
    for (key, kind, number) in TYPES {
        let items = listed(&plex, &format!("/library/sections/{key}/all?type={number}")).await;
        for rating_key in keys_of(&items).iter().take(40) {
            let told = as_plex_json(&plex, &format!("/library/metadata/{rating_key}")).await;
            let result = client.call("get_media_details", json!({"ratingKey": rating_key})).await;
            let (ours, theirs) = (&result["details"], expected_details(&told["Metadata"][0], &told));
            for name in ours.as_object().unwrap().keys().chain(theirs.as_object().unwrap().keys()) {
                assert_eq!(ours[name], theirs[name], "{name} of {kind} {rating_key}");
            }
            fields.extend(
                ours.as_object()
                    .unwrap()
                    .iter()
                    .filter(|(_, value)| **value != json!([]))
                    .map(|(name, _)| name.clone()),
            );
            let parts = array(&ours["media"]).iter().flat_map(|version| array(&version["parts"]));
            streams.extend(parts.flat_map(|part| array(&part["streams"])).map(|stream| stream["type"].to_string()));
        }
    }
    // The sample has something of everything, so that the comparison means something.
    for name in [
        "originalTitle",
        "editionTitle",
        "tagline",
        "rating",
        "audienceRating",
        "userRating",
        "viewCount",
        "viewOffset",
        "leafCount",
        "viewedLeafCount",
        "childCount",
        "studios",
        "genres",
        "countries",
        "actors",
        "directors",
        "writers",
        "collections",
        "externalIds",
        "media",
        "grandparentRatingKey",
    ] {
        assert!(fields.contains(name), "no item has {name}");
    }
    assert!(streams.len() >= 3, "{streams:?}");
    client.close().await;
}

#[tokio::test]
async fn watch_state_ratings_and_old_ids_come_as_they_are() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let films = listed(&plex, "/library/sections/1/all").await;
    let of = async |film: &Value| {
        client.call("get_media_details", json!({"ratingKey": film["ratingKey"]})).await["details"].clone()
    };
    let finished = films.iter().find(|film| film["viewCount"].is_u64() && film["viewOffset"].is_null()).unwrap();
    let details = of(finished).await;
    assert_eq!((&details["viewCount"], details.get("viewOffset")), (&finished["viewCount"], None));
    assert!(details["lastViewedAt"].is_i64());
    let begun = films.iter().find(|film| film["viewOffset"].is_u64() && film["viewCount"].is_null()).unwrap();
    let details = of(begun).await;
    assert_eq!((&details["viewOffset"], details.get("viewCount")), (&begun["viewOffset"], None));
    let untouched = films.iter().find(|film| film["viewOffset"].is_null() && film["viewCount"].is_null()).unwrap();
    let details = of(untouched).await;
    for field in ["viewCount", "viewOffset"] {
        assert_eq!(details.get(field), None);
    }

    let rated =
        films.iter().find(|film| film["userRating"].as_f64().is_some_and(|rating| rating.fract() > 0.0)).unwrap();
    assert!((of(rated).await["userRating"].as_f64().unwrap() - 7.6).abs() < 1e-6);
    let unrated = films.iter().find(|film| film["userRating"].is_null() && film["rating"].is_number()).unwrap();
    let details = of(unrated).await;
    assert_eq!(details.get("userRating"), None, "no rating is not a rating of 0");
    assert!(details["rating"].is_f64());

    let old: Vec<_> = films.iter().filter(|film| !film["guid"].as_str().unwrap().starts_with("plex://")).collect();
    let ids: Vec<_> = old.iter().map(|film| film["guid"].as_str().unwrap()).collect();
    for agent in
        ["com.plexapp.agents.imdb://", "com.plexapp.agents.themoviedb://", "com.plexapp.agents.none://", "local://"]
    {
        assert!(ids.iter().any(|id| id.starts_with(agent)), "the sample has no {agent}: {ids:?}");
    }
    for film in old {
        assert_eq!(of(film).await["guid"], film["guid"]);
        let listed =
            client.call("search_media", json!({"query": film["title"], "libraryKey": "1", "limit": 1000})).await;
        let row = array(&listed["results"]).iter().find(|row| row["ratingKey"] == film["ratingKey"]).unwrap();
        assert_eq!(row["guid"], film["guid"]);
    }

    for key in ["999999999", "0", "9999999999999999999"] {
        let (text, error) = client.fail("get_media_details", json!({"ratingKey": key})).await;
        assert_eq!(error["code"], "not_found", "{text}");
        assert!(text.contains(&format!("item {key}")), "{text}");
    }
    client.close().await;
    // An answer without the item is no item.
    let empty = Trouble::always(200, "text/xml", r#"<MediaContainer size="0"/>"#).await;
    let home = Home::at(empty.url());
    let client = home.connect().await;
    let (text, error) = client.fail("get_media_details", json!({"ratingKey": "77"})).await;
    assert_eq!(error["code"], "not_found", "{text}");
    assert!(text.contains("item 77"), "{text}");
    client.close().await;
}

#[tokio::test]
async fn hits_say_what_and_where_they_are() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let mut searched = 0;
    for (library, kind, number) in TYPES {
        if ["collection", "photo"].contains(&kind) {
            continue;
        }
        let item = listed(&plex, &format!("/library/sections/{library}/all?type={number}")).await[3].clone();
        let title = item["title"].as_str().unwrap();
        for arguments in [json!({"query": title}), json!({"query": title.to_uppercase(), "type": kind})] {
            let filtered = arguments["type"].is_string();
            let arguments = json!({"query": arguments["query"], "type": arguments["type"], "limit": 1000});
            let result = client.call("search_media", arguments).await;
            assert_eq!(result.get("totalSize"), None, "nobody knows the total of a search of everything");
            let hits = array(&result["results"]);
            let hit = hits.iter().find(|hit| hit["ratingKey"] == item["ratingKey"]).expect(title);
            for name in ROW {
                assert_eq!(hit[name], item[name], "{name} of {kind} {title}");
            }
            let name = ["Movies", "TV Shows", "Music"][library.parse::<usize>().unwrap() - 1];
            assert_eq!((&hit["library"], &hit["libraryKey"]), (&json!(name), &json!(library)));
            if kind == "episode" {
                assert!(
                    hit["grandparentTitle"].is_string() && hit["parentIndex"].is_u64() && hit["index"].is_u64(),
                    "{hit}"
                );
            }
            assert!(!filtered || hits.iter().all(|hit| hit["type"] == kind), "{hits:?}");
            let scores: Vec<f64> = hits.iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
            assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]), "best first: {scores:?}");
            searched += 1;
        }
    }
    assert_eq!(searched, 14);
    let nothing = client.call("search_media", json!({"query": "no such thing anywhere"})).await;
    assert_eq!(
        (&nothing["results"], &nothing["truncated"], nothing.get("nextOffset")),
        (&json!([]), &json!(false), None)
    );
    client.close().await;
}

#[tokio::test]
async fn searches_are_paged_to_their_end() {
    let (plex, home) = home(movies(900)).await;
    let client = home.connect().await;
    let hubs = as_plex_json(&plex, "/hubs/search?query=an&limit=100000").await;
    let mut everything: Vec<Value> =
        array(&hubs["Hub"]).iter().flat_map(|hub| array(&hub["Metadata"]).to_vec()).collect();
    everything.sort_by(|a, b| b["score"].as_f64().unwrap().total_cmp(&a["score"].as_f64().unwrap()));
    let everything = keys_of(&everything);
    assert!(everything.len() > 150, "{}", everything.len());
    for limit in [Value::Null, json!(23), json!(99), json!(1000)] {
        let (found, _) = chain(&client, "search_media", "results", &json!({"query": "an", "limit": limit})).await;
        assert_eq!(found, everything, "limit {limit}");
    }
    for (key, kind, number) in TYPES {
        let expected = keys_of(&listed(&plex, &format!("/library/sections/{key}/all?type={number}&title=an")).await);
        for limit in [30, 1000] {
            let arguments = json!({"query": "an", "libraryKey": key, "type": kind, "limit": limit});
            let result = client.call("search_media", arguments.clone()).await;
            assert_eq!(result["totalSize"], expected.len(), "{kind}");
            assert!(array(&result["results"]).iter().all(|hit| hit["libraryKey"] == key), "{kind}");
            let (found, _) = chain(&client, "search_media", "results", &arguments).await;
            assert_eq!(found, expected, "{kind}, limit {limit}");
        }
    }
    let films = listed(&plex, "/library/sections/1/all?title=an").await;
    let result = client.call("search_media", json!({"query": "an", "libraryKey": "1", "offset": 5, "limit": 3})).await;
    assert_eq!(keys(&result["results"]), keys_of(&films[5..8]));
    let (text, error) = client.fail("search_media", json!({"query": "an", "libraryKey": "99"})).await;
    assert_eq!(error["code"], "not_found", "{text}");
    client.close().await;
}

#[tokio::test]
async fn a_search_of_everything_goes_only_so_far_and_says_how_to_go_further() {
    let server = shelf((0..5_100).map(|n| film(n, "Film", "")).collect()).await;
    let home = Home::at(server.url());
    let client = home.connect().await;
    let mut arguments = json!({"query": "film", "limit": 1000, "offset": 4_900});
    let last = client.call("search_media", arguments.clone()).await;
    assert_eq!(keys(&last["results"]), (4_900..5_000).map(|key| key.to_string()).collect::<Vec<_>>());
    arguments["offset"] = last["nextOffset"].clone();
    assert_eq!(arguments["offset"], 5_000);
    let (text, _) = client.fail("search_media", arguments.clone()).await;
    assert!(text.contains("name one as libraryKey"), "{text}");
    arguments["libraryKey"] = "1".into();
    let (found, _) = chain(&client, "search_media", "results", &arguments).await;
    assert_eq!(found, (5_000..5_100).map(|key| key.to_string()).collect::<Vec<_>>());
    client.close().await;
}

#[tokio::test]
async fn a_query_reaches_plex_as_it_was_meant() {
    let (plex, home) = home(Options::default()).await;
    let client = home.connect().await;
    let longest = "語".repeat(500);
    for (query, sent) in [
        ("Tom & Jerry", "Tom & Jerry"),
        ("100% ?#/../+=", "100% ?#/../+="),
        (" a\nb\u{0}c\u{1b} ", "a b c"),
        ("x&X-Plex-Token=y", "x&X-Plex-Token=y"),
        ("日本語 \u{1f600}", "日本語 \u{1f600}"),
        (&longest, &longest),
    ] {
        for library in [None, Some("1")] {
            let result = client.call("search_media", json!({"query": query, "libraryKey": library})).await;
            assert_eq!(result["query"], sent, "{query:?}");
            let seen = plex.requests().pop().unwrap();
            let url = reqwest::Url::parse(&format!("http://x{}", seen.path_and_query)).unwrap();
            assert_eq!(url.path(), if library.is_some() { "/library/sections/1/all" } else { "/hubs/search" });
            let name = if library.is_some() { "title" } else { "query" };
            let values: Vec<_> = url.query_pairs().filter(|(key, _)| key == name).collect();
            assert_eq!(values.len(), 1);
            assert_eq!(values[0].1, sent, "{query:?}");
            assert!(!seen.path_and_query.contains('+') || query.contains('+'), "Plex takes + literally: {seen:?}");
            assert!(!seen.token_in_url);
        }
    }
    client.close().await;
}

/// Where `value` has what its schema does not name, lacks what is required, or is of another type.
fn misfits(path: &str, value: &Value, schema: &Value, found: &mut String) {
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => false,
    };
    if !fits {
        writeln!(found, "{path}: {value} is no {}", schema["type"]).unwrap();
    }
    if schema["enum"].is_array() && !array(&schema["enum"]).contains(value) {
        writeln!(found, "{path}: {value} is none of {}", schema["enum"]).unwrap();
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(schema) => misfits(&format!("{path}/{name}"), member, schema, found),
            None => match &schema["additionalProperties"] {
                // A map of any names, whose values may be of any kind or of one.
                Value::Bool(true) => {}
                Value::Object(of_one) => misfits(&format!("{path}/{name}"), member, &of_one.clone().into(), found),
                _ => writeln!(found, "{path}: {name} is not in the schema").unwrap(),
            },
        }
    }
    for name in array(&schema["required"]) {
        if value.get(name.as_str().unwrap()).is_none() {
            writeln!(found, "{path}: {name} is missing").unwrap();
        }
    }
    for member in array(value) {
        misfits(&format!("{path}[]"), member, &schema["items"], found);
    }
}

#[tokio::test]
async fn results_are_what_their_schemas_say() {
    let (plex, home) = home(Options { untidy: true, ..Options::default() }).await;
    let client = home.connect().await;
    let tools = client.service.list_all_tools().await.unwrap();
    let mut calls = client.every_call().await;
    for (key, kind, _) in TYPES {
        calls.push(("get_library_items".into(), json!({"libraryKey": key, "type": kind, "limit": 300})));
        calls.push(("search_media".into(), json!({"query": "a", "type": kind})));
        calls.push(("search_media".into(), json!({"query": "a", "type": kind, "libraryKey": key})));
        calls.push(("export_library".into(), json!({"libraryKey": key, "type": kind})));
        let items = client.call("get_library_items", json!({"libraryKey": key, "type": kind, "limit": 30})).await;
        calls.extend(keys(&items["items"]).iter().map(|key| ("get_media_details".into(), json!({"ratingKey": key}))));
    }
    calls.push(("get_library_items".into(), json!({"libraryKey": "1", "offset": 9000})));
    calls.push(("get_playlist_items".into(), json!({"playlistId": "1700000000"})));
    calls.push(("get_editable_fields".into(), json!({"ratingKey": "1000"})));
    let (mut checked, mut found) = (HashSet::new(), String::new());
    for (tool, arguments) in calls {
        let result = client.try_call(&tool, arguments.clone()).await.unwrap();
        let schema = tools.iter().find(|known| known.name == tool).unwrap().output_schema.as_ref().unwrap();
        if result.is_error != Some(true) {
            misfits(&format!("{tool} {arguments}"), &result.structured_content.unwrap(), &json!(schema), &mut found);
            checked.insert(tool);
        }
    }
    assert!(found.is_empty(), "{found}");
    let reads = tools.iter().filter(|tool| tool.annotations.as_ref().unwrap().read_only_hint == Some(true));
    let missing: Vec<&str> = reads.map(|tool| &*tool.name).filter(|name| !checked.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} had no result");
    assert!(plex.request_count() > 200);
    client.close().await;
}
