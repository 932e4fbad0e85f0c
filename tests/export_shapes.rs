//! `export_library` at every level of detail, in every format, of libraries, collections and playlists: what is in the file is
//! what the server tells, and what the policy redacts is in none of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{Options, SampleLibrary};
use serde_json::{Value, json};
use std::fs;
use support::{Home, as_plex_json, home, trouble, trouble::Trouble};

fn movies(movies: u64) -> Options {
    Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, ..Options::default() }
}

/// The cells of a CSV file, by line.
fn table(home: &Home, name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(home.exports().join(name)).unwrap();
    let (mut lines, mut line, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => line.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            c => cell.push(c),
        }
    }
    assert!(line.is_empty() && cell.is_empty(), "the last line ends");
    lines
}

#[tokio::test]
async fn a_deep_export_holds_what_each_item_tells_of_itself() {
    let (plex, home) = home(movies(230)).await;
    let client = home.connect().await;
    let arguments = json!({"libraryKey": "1", "detail": "deep", "outputPath": "deep.json"});
    let before = plex.request_count();
    let result = client.call("export_library", arguments).await;
    assert_eq!((&result["totalExported"], &result["complete"]), (&json!(230), &json!(true)), "{result}");
    assert!(plex.request_count() - before < 12, "items are asked for in batches");
    let items = home.exported("deep.json");
    let query = "includeGuids=1&includeChapters=1&includeMarkers=1&includeExtras=1";
    for item in items.iter().step_by(23) {
        let key = item["ratingKey"].as_str().unwrap();
        let own = as_plex_json(&plex, &format!("/library/metadata/{key}?{query}")).await;
        let mut item = item.clone();
        let dates =
            ["addedAtIso", "updatedAtIso", "lastViewedAtIso"].map(|name| item.as_object_mut().unwrap().remove(name));
        assert_eq!(item, own["Metadata"][0], "{key}");
        assert!(dates[0].is_some() && dates[1].is_some());
    }
    let film = &items[4];
    let part = &film["Media"][0]["Part"][0];
    assert!(part["file"].is_string() && part["size"].is_number());
    assert!(part["Stream"].as_array().unwrap().iter().any(|stream| stream["language"] == "Polski"));
    assert_eq!(film["Chapter"].as_array().unwrap().len(), 4);
    assert_eq!(film["Marker"][0]["type"], "intro");
    assert_eq!(film["Extras"]["Metadata"][0]["subtype"], "trailer");
    assert_eq!(items[0]["addedAtIso"], "1904-01-01T00:00:00Z", "the first film was added before 1970");
    assert!(items.iter().any(|item| item["userRating"].is_number() && item["audienceRating"].is_number()));
    client.close().await;
}

#[tokio::test]
async fn every_format_holds_the_same_items_and_fields_can_be_chosen() {
    let (_plex, home) = home(movies(120)).await;
    let client = home.connect().await;
    let export = async |more: Value| {
        let mut arguments = json!({"libraryKey": "1"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.call("export_library", arguments).await
    };
    export(json!({"outputPath": "x.json"})).await;
    export(json!({"format": "ndjson", "outputPath": "x.ndjson"})).await;
    export(json!({"format": "csv", "outputPath": "x.csv"})).await;
    let items = home.exported("x.json");
    let lines = fs::read_to_string(home.exports().join("x.ndjson")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, items);
    let table_of_all = table(&home, "x.csv");
    assert_eq!(table_of_all.len(), 121);
    let head = &table_of_all[0];
    for (line, item) in table_of_all[1..].iter().zip(&items) {
        assert_eq!(line.len(), head.len());
        let cell = |name: &str| line[head.iter().position(|column| column == name).unwrap()].as_str();
        assert_eq!(cell("ratingKey"), item["ratingKey"]);
        assert_eq!(cell("title").trim_start_matches('\''), item["title"].as_str().unwrap());
        assert_eq!(cell("addedAt"), item["addedAt"].to_string());
        let genres: Vec<_> =
            item["Genre"].as_array().into_iter().flatten().map(|genre| genre["tag"].as_str().unwrap()).collect();
        assert_eq!(cell("Genre"), genres.join("; "));
        let files: Vec<_> = item["Media"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|media| media["Part"][0]["file"].as_str().unwrap())
            .collect();
        assert_eq!(cell("Media.Part.file"), files.join("; "));
    }
    let fields = json!(["title", "addedAtIso", "Media.Part.file", "ratingKey", "titel"]);
    let result = export(json!({"fields": fields, "outputPath": "f.json"})).await;
    assert_eq!(result["fieldsNotFound"], json!(["titel"]));
    let chosen = home.exported("f.json");
    assert!(chosen.iter().all(|item| {
        item.as_object()
            .unwrap()
            .keys()
            .all(|key| ["title", "addedAtIso", "Media", "ratingKey"].contains(&key.as_str()))
    }));
    assert_eq!(chosen[3]["Media"][0], json!({"Part": [{"file": items[3]["Media"][0]["Part"][0]["file"]}]}));
    export(json!({"fields": fields, "format": "csv", "outputPath": "f.csv"})).await;
    assert_eq!(table(&home, "f.csv")[0], ["title", "addedAtIso", "Media.Part.file", "ratingKey", "titel"]);
    for (given, field) in [
        (json!({"fields": ["title;x"]}), "fields"),
        (json!({"fields": ["a..b"]}), "fields"),
        (json!({"format": "xlsx"}), "format"),
        (json!({"format": "csv", "outputPath": "x.json"}), "outputPath"),
        (json!({"detail": "all"}), "detail"),
        (json!({"waitSeconds": -1}), "waitSeconds"),
    ] {
        let mut arguments = json!({"libraryKey": "1"});
        arguments.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let (text, error) = client.fail("export_library", arguments).await;
        assert_eq!(error["code"], "invalid_argument", "{text}");
        assert!(text.contains(field), "{text}");
    }
    client.close().await;
}

#[tokio::test]
async fn a_collection_and_a_playlist_are_exported_in_their_order() {
    let (plex, home) = home(movies(300)).await;
    let client = home.connect().await;
    let collections = as_plex_json(&plex, "/library/sections/1/collections").await;
    let key = collections["Metadata"][0]["ratingKey"].as_str().unwrap().to_owned();
    let members = as_plex_json(&plex, &format!("/library/collections/{key}/items?includeGuids=1")).await;
    let result = client.call("export_library", json!({"collectionKey": key, "outputPath": "c.json"})).await;
    assert_eq!(result["collection"], collections["Metadata"][0]["title"], "{result}");
    assert_eq!((&result["library"], &result["complete"]), (&json!("Movies"), &json!(true)));
    assert_eq!(json!(home.exported("c.json")), members["Metadata"]);

    // A playlist may hold an item twice, and its order is its own.
    let playlists = as_plex_json(&plex, "/playlists").await;
    let rainy =
        playlists["Metadata"].as_array().unwrap().iter().find(|list| list["title"] == "Rainy Evenings").unwrap();
    let key = rainy["ratingKey"].as_str().unwrap();
    let first = as_plex_json(&plex, &format!("/playlists/{key}/items")).await["Metadata"][0]["ratingKey"].clone();
    let uri = format!("server://sample/com.plexapp.plugins.library/library/metadata/{}", first.as_str().unwrap());
    let added = reqwest::Client::new()
        .put(format!("{}/playlists/{key}/items?uri={uri}", plex.url()))
        .header("X-Plex-Token", support::TOKEN);
    assert!(added.send().await.unwrap().status().is_success());
    let entries = as_plex_json(&plex, &format!("/playlists/{key}/items?includeGuids=1")).await["Metadata"].clone();
    assert_eq!(entries.as_array().unwrap().len(), 9);
    let result = client.call("export_library", json!({"playlistId": key, "outputPath": "p.json"})).await;
    assert_eq!((&result["playlist"], &result["totalExported"]), (&json!("Rainy Evenings"), &json!(9)), "{result}");
    assert!(result.get("library").is_none());
    assert_eq!(json!(home.exported("p.json")), entries);
    client.call("export_library", json!({"playlistId": key, "detail": "deep", "outputPath": "pd.json"})).await;
    let order = |items: &[Value]| -> Vec<_> {
        items.iter().map(|item| (item["playlistItemID"].clone(), item["ratingKey"].clone())).collect()
    };
    assert_eq!(order(&home.exported("pd.json")), order(entries.as_array().unwrap()));
    assert!(home.exported("pd.json")[8]["Media"][0]["Part"][0]["Stream"].is_array());

    for given in [
        json!({}),
        json!({"libraryKey": "1", "playlistId": key}),
        json!({"collectionKey": "1", "playlistId": key}),
        json!({"playlistId": key, "type": "movie"}),
    ] {
        let before = plex.request_count();
        let (text, error) = client.fail("export_library", given.clone()).await;
        assert_eq!(error["code"], "invalid_argument", "{given}: {text}");
        assert_eq!(plex.request_count(), before, "{given} asked Plex");
    }
    let (text, error) = client.fail("export_library", json!({"collectionKey": "1000001"})).await;
    assert!(["invalid_argument", "not_found"].contains(&error["code"].as_str().unwrap()), "{text}");
    let (text, error) = client.fail("export_library", json!({"playlistId": "424242"})).await;
    assert_eq!(error["code"], "not_found", "{text}");
    client.close().await;
}

#[tokio::test]
async fn what_the_policy_redacts_is_in_no_file_of_any_shape() {
    let (_plex, home) = home(movies(60)).await;
    home.policy(
        "version = \"1\"\ndefault = \"allow\"\n[exports]\nredact = [\"Media.Part.file\", \"summary\", \"addedAt\"]\n",
    );
    let client = home.connect().await;
    let fields = json!(["title", "summary", "Media.Part.file", "Media", "Extras", "addedAtIso"]);
    for detail in ["summary", "full", "deep"] {
        for format in ["json", "ndjson", "csv"] {
            for fields in [json!([]), fields.clone()] {
                let path = format!("{detail}-{}.{format}", fields.as_array().unwrap().len());
                let arguments = json!({"libraryKey": "1", "detail": detail, "format": format, "fields": fields, "outputPath": path});
                client.call("export_library", arguments).await;
                let text = fs::read_to_string(home.exports().join(&path)).unwrap();
                assert!(text.len() > 1_000 && text.contains("Trailer") == (detail == "deep"), "{path}");
                for secret in ["/data/Movies", "\"file\"", "summary", "addedAt"] {
                    assert!(!text.contains(secret), "{path} holds {secret}");
                }
            }
        }
    }
    client.close().await;
}

#[tokio::test]
async fn items_whose_details_fail_cost_nothing_beside_them() {
    // A server that has lost one item, fails inside on another, and cuts every answer for more than three.
    let row = |key: u64, more: &str| format!("<Video ratingKey=\"{key}\" type=\"movie\" title=\"Film {key}\"{more}/>");
    let server = Trouble::start(move |seen| async move {
        match seen.path.split('/').skip(1).collect::<Vec<_>>().as_slice() {
            ["library", "sections"] => trouble::xml(
                r#"<MediaContainer size="1"><Directory key="1" type="movie" title="Shelf"/></MediaContainer>"#,
            ),
            ["library", "sections", "1", "all"] => {
                let (start, size) = (
                    seen.parameter("X-Plex-Container-Start").unwrap() as u64,
                    seen.parameter("X-Plex-Container-Size").unwrap() as u64,
                );
                let rows: String = (1 + start..=(start + size).min(20)).map(|key| row(key, "")).collect();
                trouble::xml(format!("<MediaContainer totalSize=\"20\" offset=\"{start}\">{rows}</MediaContainer>"))
            }
            ["library", "metadata", keys] => {
                let keys: Vec<u64> = keys.split(',').map(|key| key.parse().unwrap()).collect();
                let rows: String = keys.iter().filter(|key| **key != 7).map(|key| row(*key, " deep=\"1\"")).collect();
                match keys.len() {
                    _ if keys.contains(&13) => trouble::answer(500, "text/html", "<html>Internal Server Error</html>"),
                    1 if rows.is_empty() => trouble::answer(404, "text/html", "<html>Not Found</html>"),
                    1..=3 => trouble::xml(format!("<MediaContainer>{rows}</MediaContainer>")),
                    _ => trouble::xml(format!("<MediaContainer>{rows}</MediaContainer")),
                }
            }
            _ => trouble::answer(404, "text/html", "<html>Not Found</html>"),
        }
    })
    .await;
    let home = Home::at(server.url());
    let client = home.connect().await;
    let result =
        client.call("export_library", json!({"libraryKey": "1", "detail": "deep", "outputPath": "x.json"})).await;
    assert_eq!((&result["totalExported"], &result["itemsWithoutDetails"]), (&json!(20), &json!(2)), "{result}");
    let items = home.exported("x.json");
    let keys: Vec<u64> = items.iter().map(|item| item["ratingKey"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(keys, (1..=20).collect::<Vec<_>>(), "in the order of the listing");
    for item in &items {
        let lacking = ["7", "13"].contains(&item["ratingKey"].as_str().unwrap());
        assert_eq!(item.get("deep").is_some(), !lacking, "{item}");
    }
    client.close().await;
}

#[tokio::test]
async fn filters_choose_what_is_exported_and_say_so_before_anything_is_read() {
    let (plex, home) = home(movies(400)).await;
    let client = home.connect().await;
    client.call("export_library", json!({"libraryKey": "1", "outputPath": "all.json"})).await;
    let since = home.exported("all.json")[200]["addedAt"].to_string();
    for (n, filters) in [
        json!({"unwatched": true}),
        json!({"unwatched": false}),
        json!({"genre": "Drama, Comedy"}),
        json!({"year": "1990-2009"}),
        json!({"addedSince": since}),
        json!({"resolution": "4k"}),
        json!({"unwatched": true, "year": "1960-2020", "genre": "Drama"}),
    ]
    .into_iter()
    .enumerate()
    {
        let with = |more: Value| {
            let mut all = filters.clone();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        let path = format!("{n}.json");
        let result = client.call("export_library", with(json!({"libraryKey": "1", "outputPath": path}))).await;
        let mut listed = Vec::new();
        let mut offset = json!(0);
        while offset.is_number() {
            let page = with(json!({"libraryKey": "1", "offset": offset, "fields": ["ratingKey"]}));
            let page = client.call("get_library_items", page).await;
            listed.extend(page["items"].as_array().unwrap().iter().map(|item| item["ratingKey"].clone()));
            offset = page["nextOffset"].clone();
        }
        let mut exported: Vec<_> = home.exported(&path).iter().map(|item| item["ratingKey"].clone()).collect();
        for keys in [&mut listed, &mut exported] {
            keys.sort_by_key(|key| key.as_str().unwrap().to_owned());
        }
        assert!(!listed.is_empty() && listed.len() < 400, "{filters} chooses {} of 400", listed.len());
        assert_eq!(exported, listed, "{filters}");
        assert_eq!((&result["totalExported"], &result["warning"]), (&json!(listed.len()), &Value::Null), "{filters}");
    }
    // At the level of episodes a genre is the show's.
    let arguments = json!({"libraryKey": "2", "type": "episode", "genre": "Drama", "outputPath": "e.ndjson", "format": "ndjson", "detail": "summary"});
    let result = client.call("export_library", arguments).await;
    let all = client
        .call("export_library", json!({"libraryKey": "2", "type": "episode", "outputPath": "episodes.json"}))
        .await;
    let (some, all) = (result["totalExported"].as_u64().unwrap(), all["totalExported"].as_u64().unwrap());
    assert!(0 < some && some < all, "{some} of {all}");

    for (given, field) in [
        (json!({"libraryKey": "1", "year": "soon"}), "year"),
        (json!({"libraryKey": "1", "addedSince": "never"}), "addedSince"),
        (json!({"libraryKey": "1", "resolution": "8k"}), "resolution"),
        (json!({"collectionKey": "1", "unwatched": true}), "unwatched"),
    ] {
        let before = plex.request_count();
        let (text, error) = client.fail("export_library", given.clone()).await;
        assert_eq!(error["fields"][0], field, "{given}: {error}");
        assert!(text.contains(field), "{text}");
        assert_eq!(plex.request_count(), before, "{given} asked Plex");
    }
    let (text, error) = client.fail("export_library", json!({"libraryKey": "1", "genre": "Dramma"})).await;
    assert_eq!(error["code"], "invalid_argument", "{text}");
    assert!(text.contains("Drama"), "the genres that there are: {text}");
    client.close().await;
}
