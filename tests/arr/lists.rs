//! Libraries, look-ups, queues, missing titles and profiles, told whole and in order.

use crate::{TWINS, all, ids, rows, support::Raw};
use plex_mcp::demo::{ArrDeviations, ArrKind, ArrOptions, SampleArr, SampleRoot};
use serde_json::{Value, json};
use std::collections::HashSet;

#[tokio::test]
async fn a_library_is_listed_whole_and_found_by_other_titles() {
    for twin in TWINS {
        let (_server, _home, client) = twin.start(ArrOptions { titles: 137, ..twin.options() }).await;
        for limit in [10, 1_000] {
            let (found, last) = all(&client, twin.list, twin.rows, json!({"limit": limit})).await;
            assert_eq!(ids(&found), (1..=137).collect::<Vec<_>>(), "{}", twin.name);
            assert_eq!(last["totalSize"], 137);
        }
        let behind = client.call(twin.list, json!({"offset": 137})).await;
        assert!(rows(&behind, twin.rows).is_empty() && behind["warning"].is_string(), "{behind}");

        let (everything, _) = all(&client, twin.list, twin.rows, json!({"limit": 1_000})).await;
        let title = everything[5]["title"].as_str().unwrap();
        let (found, _) = all(&client, twin.list, twin.rows, json!({"filter": title.to_uppercase()})).await;
        assert!(ids(&found).contains(&6) && found.len() < 20, "{title}: {}", found.len());
        // The sample's other titles end in these words; no title does.
        let other = if twin.kind == ArrKind::Sonarr { "(working title)" } else { " presents" };
        let (found, last) = all(&client, twin.list, twin.rows, json!({"filter": other, "limit": 50})).await;
        assert_eq!((found.len(), &last["totalSize"]), (137, &json!(137)));
        let none = client.call(twin.list, json!({"filter": "no such title"})).await;
        assert_eq!((&none["totalSize"], rows(&none, twin.rows).len()), (&json!(0), 0));
        client.close().await;
    }
}

#[tokio::test]
async fn untidy_servers_lose_no_good_row() {
    for twin in TWINS {
        let deviations = ArrDeviations { untidy: true, page_cap: Some(7), ..ArrDeviations::default() };
        let (_server, _home, client) = twin.start(ArrOptions { titles: 60, deviations, ..twin.options() }).await;
        let (found, _) = all(&client, twin.list, twin.rows, json!({})).await;
        assert_eq!(ids(&found), (1..=60).collect::<Vec<_>>(), "{}", twin.name);
        let odd = &found[2];
        assert!(odd["year"].is_u64(), "a number that came as text: {odd}");
        assert!(odd["overview"].as_str().unwrap().starts_with("red"), "{odd}");
        assert!(!odd.to_string().contains("u001b") && !odd.to_string().contains('\u{202e}'), "{odd}");
        client.call(twin.queue, json!({})).await;
        client.call(twin.missing, json!({})).await;
        client.close().await;
    }
}

/// 20,000 films are some 30 MB of JSON, most of which is never kept.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_large_library_is_filtered_while_it_streams() {
    let twin = TWINS[1];
    let server = SampleArr::start(ArrOptions { titles: 20_000, ..twin.options() }).await.unwrap();
    let home = twin.home(server.url());
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let peak = |raw: &Raw| -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", raw.child.id().unwrap())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let small = raw.call(twin.profiles, json!({})).await;
    assert_eq!(small["result"]["isError"], false, "{small}");
    let before = peak(&raw);
    let answer = raw.call(twin.list, json!({"limit": 5, "offset": 19_990})).await;
    let listed = &answer["result"]["structuredContent"];
    assert_eq!(ids(rows(listed, "movies")), (19_991..=19_995).collect::<Vec<_>>());
    assert_eq!((&listed["totalSize"], &listed["nextOffset"]), (&json!(20_000), &json!(19_995)));
    let grown = peak(&raw) - before;
    assert!(grown < 16_000, "reading 20,000 films took {grown} kB");
    raw.close().await;
}

#[tokio::test]
async fn look_ups_say_what_is_there_already() {
    for twin in TWINS {
        let options = twin.options();
        let (server, _home, client) = twin.start(options.clone()).await;
        let prefix = twin.foreign_id.trim_end_matches("Id");
        let held = client.call(twin.look_up, json!({"query": format!("{prefix}:{}", twin.first + 2)})).await;
        let row = &rows(&held, "results")[0];
        assert_eq!((&row["inLibrary"], &row["libraryId"]), (&json!(true), &json!(3)), "{row}");
        let id = twin.new_title(&options, 1);
        let new = client.call(twin.look_up, json!({"query": format!("{prefix}:{id}")})).await;
        let row = &rows(&new, "results")[0];
        assert_eq!(
            (&row["inLibrary"], &row["libraryId"], &row[twin.foreign_id]),
            (&json!(false), &Value::Null, &json!(id))
        );
        let title = row["title"].as_str().unwrap();
        let found = client.call(twin.look_up, json!({"query": format!(" {title}\n"), "limit": 1_000})).await;
        assert!(rows(&found, "results").iter().any(|row| row[twin.foreign_id] == id), "{title}");
        let (found, _) = all(&client, twin.look_up, "results", json!({"query": "of", "limit": 7})).await;
        assert_eq!(found.len(), 40, "all that the service gives");

        let before = server.request_count();
        for (arguments, field) in [
            (json!({"query": " \n"}), "query must not be empty"),
            (json!({"query": ""}), "query must not be empty"),
            (json!({"query": "x".repeat(501)}), "query must have at most 500"),
            (json!({"query": "x", "limit": 0}), "limit must be"),
            (json!({}), "query is required"),
        ] {
            let (text, error) = client.fail(twin.look_up, arguments).await;
            assert!(text.contains(field) && error["code"] == "invalid_argument", "{text}");
        }
        assert_eq!(server.request_count(), before);
        client.close().await;
    }
}

#[tokio::test]
async fn seasons_of_a_look_up_are_counted_without_specials() {
    let (_server, _home, client) = TWINS[0].start(TWINS[0].options()).await;
    let listed = client.call("sonarr_get_series", json!({"limit": 2})).await;
    let found = client.call("sonarr_search", json!({"query": "tvdb:70000"})).await;
    let seasons = rows(&listed, "series")[0]["seasons"].as_u64().unwrap();
    assert!((1..=4).contains(&seasons));
    assert_eq!(rows(&found, "results")[0]["seasonCount"], seasons);
    client.close().await;
}

#[tokio::test]
async fn the_queue_is_read_past_the_servers_pages() {
    for twin in TWINS {
        for (cap, silent_cap) in [(None, false), (Some(20), false), (Some(7), true), (Some(20), true), (Some(1), false)]
        {
            let deviations = ArrDeviations { page_cap: cap, silent_cap, ..ArrDeviations::default() };
            let (server, _home, client) = twin.start(ArrOptions { downloads: 45, deviations, ..twin.options() }).await;
            let whole = client.call(twin.queue, json!({"limit": 200})).await;
            assert_eq!(ids(rows(&whole, "items")), (1..=45).collect::<Vec<_>>(), "{cap:?}");
            assert_eq!((&whole["totalSize"], &whole["nextOffset"]), (&json!(45), &Value::Null));
            for (offset, limit) in [(0, 10), (10, 10), (5, 13), (40, 10), (44, 1), (21, 2), (30, 200)] {
                let part = client.call(twin.queue, json!({"offset": offset, "limit": limit})).await;
                let wanted: Vec<u64> = (offset + 1..=45.min(offset + limit)).collect();
                assert_eq!(ids(rows(&part, "items")), wanted, "{cap:?} {offset} {limit}");
                let next = (offset + limit < 45).then_some(offset + limit);
                assert_eq!(part["nextOffset"].as_u64(), next, "{cap:?} {offset} {limit}");
            }
            let behind = client.call(twin.queue, json!({"offset": 45})).await;
            assert!(rows(&behind, "items").is_empty() && behind["warning"].is_string(), "{behind}");
            let asked = server.requests();
            let asked: Vec<_> = asked.iter().filter(|request| !request.path_and_query.ends_with("/status")).collect();
            let unknown =
                if twin.kind == ArrKind::Sonarr { "includeUnknownSeriesItems" } else { "includeUnknownMovieItems" };
            assert!(asked.iter().all(|request| request.path_and_query.contains(unknown)), "{asked:?}");
            client.close().await;
        }
    }
}

#[tokio::test]
async fn downloads_say_how_far_they_are_and_what_is_wrong() {
    for twin in TWINS {
        let (_server, _home, client) = twin.start(ArrOptions { downloads: 20, ..twin.options() }).await;
        let queue = client.call(twin.queue, json!({})).await;
        let of = |id: u64| rows(&queue, "items").iter().find(|row| row["id"] == id).unwrap();
        let running = of(1);
        assert!(running["percent"].as_f64().is_some_and(|percent| (1.0..=99.0).contains(&percent)), "{running}");
        assert!(running["estimatedCompletionTime"].is_string() && running["timeleft"].is_string(), "{running}");
        let title = if twin.kind == ArrKind::Sonarr { "seriesTitle" } else { "movieTitle" };
        assert!(running[title].is_string(), "{running}");
        assert!(of(8)["errorMessage"].as_str().unwrap().contains("missing blocks"));
        assert_eq!(of(7)["statusMessages"], json!(["No files found are eligible for import"]));
        assert_eq!(of(6)[title], Value::Null, "one of nothing that the library knows");
        client.close().await;
    }
}

#[tokio::test]
async fn what_is_missing_names_its_series_and_comes_page_by_page() {
    for twin in TWINS {
        let deviations = ArrDeviations { page_cap: Some(20), ..ArrDeviations::default() };
        let (server, _home, client) = twin.start(ArrOptions { titles: 300, deviations, ..twin.options() }).await;
        let (found, last) = all(&client, twin.missing, twin.missing_rows, json!({"limit": 30})).await;
        let distinct: HashSet<u64> = ids(&found).into_iter().collect();
        assert_eq!(
            (distinct.len() as u64, found.len() as u64),
            (last["totalSize"].as_u64().unwrap(), distinct.len() as u64)
        );
        assert!(found.len() > 30, "{}", found.len());
        assert!(found.iter().all(|row| row["monitored"] == true));
        let page = client.call(twin.missing, json!({"page": 2, "pageSize": 30})).await;
        assert_eq!(rows(&page, twin.missing_rows), &found[30..found.len().min(60)]);
        if twin.kind == ArrKind::Sonarr {
            assert!(found.iter().all(|row| row["seriesTitle"].is_string() && row["seasonNumber"].is_u64()));
        }
        let before = server.request_count();
        for (arguments, field) in [
            (json!({"page": 0}), "page must be"),
            (json!({"pageSize": 1_001}), "pageSize must be"),
            (json!({"page": 2, "offset": 5}), "page can't be given together with offset"),
            (json!({"limit": -1}), "limit must be"),
        ] {
            let (text, _) = client.fail(twin.missing, arguments).await;
            assert!(text.contains(field), "{text}");
        }
        assert_eq!(server.request_count(), before);
        client.close().await;
    }
}

#[tokio::test]
async fn profiles_and_folders_are_told_with_what_matters() {
    for twin in TWINS {
        let roots = vec![SampleRoot::new(twin.root), SampleRoot { path: "/away".into(), accessible: false, free: 0 }];
        let (_server, _home, client) = twin.start(ArrOptions { roots, ..twin.options() }).await;
        let answer = client.call(twin.profiles, json!({})).await;
        let profile = &rows(&answer, "qualityProfiles")[1];
        assert_eq!(
            (&profile["id"], &profile["name"], &profile["cutoff"]),
            (&json!(2), &json!("Ultra-HD"), &json!("Bluray-1080p"))
        );
        assert_eq!(profile["qualities"], json!(["WEB 1080p", "Bluray-1080p"]));
        assert_eq!(profile["customFormats"][1], json!({"name": "Upscaled", "score": -100}));
        let folders = rows(&answer, "rootFolders");
        assert_eq!(
            (&folders[0]["freeSpace"], &folders[0]["unmappedFolders"]),
            (&json!(2_400_000_000_000_u64), &json!(2))
        );
        assert_eq!((&folders[1]["accessible"], &folders[1]["freeSpace"]), (&json!(false), &Value::Null));
        client.close().await;
    }
}
