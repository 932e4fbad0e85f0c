//! Sonarr and Radarr: what is asked of the one is asked of the other by the same tests. What they answer is told whole and in
//! order, what is added is what was meant, and what went wrong says what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::{
    demo::{ArrDeviations, ArrKind, ArrOptions, DropPost, SampleArr, SampleRoot},
    guard::{Decision, Outcome},
};
use serde_json::{Value, json};
use std::{collections::HashSet, time::Duration};
use support::{
    Client, Home,
    trouble::{Trouble, answer, forward, nobody},
};

/// The key of the sample servers; it must never be seen anywhere.
const KEY: &str = "arr-CANARY-456";
/// No answer is longer: clients refuse what is beyond 25,000 tokens.
const MOST_BYTES: usize = 75_000;

/// What the two call things.
#[derive(Clone, Copy, Debug)]
struct Twin {
    kind: ArrKind,
    name: &'static str,
    variable: &'static str,
    list: &'static str,
    rows: &'static str,
    look_up: &'static str,
    add: &'static str,
    foreign_id: &'static str,
    /// The id of the first title that the sample knows.
    first: u64,
    added: &'static str,
    trigger: &'static str,
    id: &'static str,
    missing: &'static str,
    missing_rows: &'static str,
    queue: &'static str,
    calendar: &'static str,
    profiles: &'static str,
    library: &'static str,
    root: &'static str,
    title_fact: &'static str,
}

const TWINS: [Twin; 2] = [
    Twin {
        kind: ArrKind::Sonarr,
        name: "Sonarr",
        variable: "SONARR",
        list: "sonarr_get_series",
        rows: "series",
        look_up: "sonarr_search",
        add: "sonarr_add_series",
        foreign_id: "tvdbId",
        first: 70_000,
        added: "series",
        trigger: "sonarr_trigger_search",
        id: "seriesId",
        missing: "sonarr_get_missing",
        missing_rows: "episodes",
        queue: "sonarr_get_queue",
        calendar: "sonarr_get_calendar",
        profiles: "sonarr_get_profiles",
        library: "/api/v3/series",
        root: "/media/series",
        title_fact: "series.title",
    },
    Twin {
        kind: ArrKind::Radarr,
        name: "Radarr",
        variable: "RADARR",
        list: "radarr_get_movies",
        rows: "movies",
        look_up: "radarr_search",
        add: "radarr_add_movie",
        foreign_id: "tmdbId",
        first: 400_000,
        added: "movie",
        trigger: "radarr_trigger_search",
        id: "movieId",
        missing: "radarr_get_missing",
        missing_rows: "movies",
        queue: "radarr_get_queue",
        calendar: "radarr_get_calendar",
        profiles: "radarr_get_profiles",
        library: "/api/v3/movie",
        root: "/media/films",
        title_fact: "movie.title",
    },
];

impl Twin {
    fn options(self) -> ArrOptions {
        ArrOptions { api_key: KEY.into(), ..ArrOptions::new(self.kind) }
    }

    /// A home that points to an address.
    fn home(self, url: impl Into<String>) -> Home {
        let mut home = Home::at("http://127.0.0.1:9");
        home.set(&format!("{}_URL", self.variable), url);
        home.set(&format!("{}_API_KEY", self.variable), KEY);
        home
    }

    async fn start(self, options: ArrOptions) -> (SampleArr, Home, Client) {
        let server = SampleArr::start(options).await.unwrap();
        let home = self.home(server.url());
        let client = home.connect().await;
        (server, home, client)
    }

    /// The tools that read and take no arguments.
    fn reads(self) -> [&'static str; 5] {
        [self.list, self.missing, self.queue, self.calendar, self.profiles]
    }

    /// The id of a title that is in no library yet.
    fn new_title(self, options: &ArrOptions, at: u64) -> u64 {
        self.first + options.titles + at
    }
}

fn rows<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().unwrap_or_else(|| panic!("no {name}: {answer}"))
}

fn posts(server: &SampleArr) -> Vec<Value> {
    let posts = server.requests().into_iter().filter(|request| request.method == "POST");
    posts.map(|request| serde_json::from_str(&request.body.unwrap()).unwrap()).collect()
}

/// All rows of a list, page by page.
async fn all(client: &Client, tool: &str, name: &str, arguments: Value) -> (Vec<Value>, Value) {
    let (mut found, mut offset, mut last) = (Vec::new(), Some(0), Value::Null);
    while let Some(at) = offset {
        let mut arguments = arguments.clone();
        arguments["offset"] = at.into();
        last = client.call(tool, arguments).await;
        assert!(last.to_string().len() < MOST_BYTES, "{tool} answers {} bytes", last.to_string().len());
        found.extend(rows(&last, name).iter().cloned());
        offset = last["nextOffset"].as_u64();
        assert!(offset.is_none_or(|next| next > at), "{last}");
    }
    (found, last)
}

fn ids(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

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
    let peak = |raw: &support::Raw| -> u64 {
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

/// 2026-02-11, nine in the evening by universal time.
const EVENING: i64 = 1_770_843_600;

#[tokio::test]
async fn calendars_hold_both_ends_and_know_where_days_begin() {
    let twin = TWINS[0];
    let (server, _home, client) = twin.start(ArrOptions { clock: Some(EVENING), titles: 80, ..twin.options() }).await;
    let ask = async |zone: &str, start: &str, end: &str| {
        let arguments = json!({"startDate": start, "endDate": end, "timeZone": zone, "limit": 1_000});
        rows(&client.call(twin.calendar, arguments).await, "entries").to_vec()
    };
    // The sample's episodes begin at half past two by universal time.
    let utc = ask("UTC", "2026-02-05", "2026-02-20").await;
    assert!(utc.len() > 5, "{}", utc.len());
    assert!(utc.iter().all(|entry| entry["time"] == "02:30" && entry["seriesTitle"].is_string()), "{utc:?}");
    let day = utc[0]["date"].as_str().unwrap();
    let of_day = ask("UTC", day, day).await;
    assert_eq!(of_day, utc.iter().filter(|entry| entry["date"] == day).cloned().collect::<Vec<_>>(), "the day itself");
    assert!(!of_day.is_empty());
    // In New York that is the evening before.
    let new_york = ask("America/New_York", "2026-02-05", "2026-02-19").await;
    assert!(new_york.iter().all(|entry| entry["time"] == "21:30" && entry["date"] == entry["airDate"]), "{new_york:?}");
    let last = utc.last().unwrap();
    let before = new_york.iter().find(|entry| entry["id"] == last["id"]).unwrap();
    assert_eq!(before["airDateUtc"], last["airDateUtc"]);
    assert_ne!(before["date"], last["date"]);
    let order: Vec<_> = utc.iter().map(|entry| entry["airDateUtc"].as_str().unwrap()).collect();
    assert!(order.is_sorted());
    let (paged, _) = all(
        &client,
        twin.calendar,
        "entries",
        json!({"startDate": "2026-02-05", "endDate": "2026-02-20", "timeZone": "UTC", "limit": 3}),
    )
    .await;
    assert_eq!(paged, utc);
    let all_of_it = json!({"startDate": "2026-02-05", "endDate": "2026-02-20", "timeZone": "UTC", "limit": 1_000, "includeUnmonitored": true});
    let more = client.call(twin.calendar, all_of_it).await;
    assert!(rows(&more, "entries").len() > utc.len());
    assert!(rows(&more, "entries").iter().any(|entry| entry["monitored"] == false));

    let before = server.request_count();
    for arguments in [
        json!({"startDate": "2026-02-30"}),
        json!({"startDate": "2026-02-10", "endDate": "2026-02-09"}),
        json!({"startDate": "2025-01-01", "endDate": "2026-02-09"}),
        json!({"timeZone": "Nowhere/At_All"}),
    ] {
        let (text, error) = client.fail(twin.calendar, arguments).await;
        assert_eq!(error["code"], "invalid_argument", "{text}");
    }
    assert_eq!(server.request_count(), before);
    client.close().await;
}

#[tokio::test]
async fn films_are_in_the_calendar_by_the_day_they_come_out() {
    let twin = TWINS[1];
    let (_server, _home, client) = twin.start(ArrOptions { clock: Some(EVENING), titles: 300, ..twin.options() }).await;
    for zone in ["UTC", "America/New_York", "Pacific/Auckland"] {
        let arguments = json!({"startDate": "2026-02-01", "endDate": "2026-03-15", "timeZone": zone, "limit": 1_000});
        let answer = client.call(twin.calendar, arguments).await;
        let entries = rows(&answer, "entries");
        assert!(entries.len() > 5, "{}", entries.len());
        for entry in entries {
            let day = match entry["release"].as_str().unwrap() {
                "cinemas" => &entry["inCinemas"],
                "digital" => &entry["digitalRelease"],
                _ => &entry["physicalRelease"],
            };
            assert_eq!(&entry["date"], day, "{zone}");
            assert!(("2026-02-01"..="2026-03-15").contains(&day.as_str().unwrap()), "{zone}: {entry}");
        }
    }
    client.close().await;
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

#[tokio::test]
async fn adding_takes_what_was_named_and_says_so_everywhere() {
    for twin in TWINS {
        let options = twin.options();
        let id = twin.new_title(&options, 4);
        let (server, home, client) = twin.start(options).await;
        let result = client.call(twin.add, json!({twin.foreign_id: id, "qualityProfileId": 2})).await;
        let item = &result[twin.added];
        assert_eq!(
            (&result["added"], &result["qualityProfile"], &result["searchStarted"]),
            (&json!(true), &json!("Ultra-HD"), &json!(false))
        );
        assert_eq!((&item[twin.foreign_id], &item["qualityProfileId"]), (&json!(id), &json!(2)));
        assert!(item["path"].as_str().unwrap().starts_with(twin.root), "{item}");

        // The service's own title, the only root folder, and no search that nobody asked for.
        let sent = posts(&server);
        assert_eq!(sent.len(), 1);
        assert_eq!((&sent[0]["title"], &sent[0]["rootFolderPath"]), (&item["title"], &json!(twin.root)));
        let options = &sent[0]["addOptions"];
        let search = if twin.kind == ArrKind::Sonarr { "searchForMissingEpisodes" } else { "searchForMovie" };
        assert_eq!(options[search], false);

        // It is there now, and not added again.
        let title = item["title"].as_str().unwrap();
        let (found, _) = all(&client, twin.list, twin.rows, json!({"filter": title})).await;
        assert!(found.iter().any(|row| row["id"] == item["id"]));
        let (text, error) = client.fail(twin.add, json!({twin.foreign_id: id, "qualityProfileId": 2})).await;
        assert_eq!((&error["code"], &error["item"]["id"]), (&json!("already_exists"), &item["id"]), "{text}");
        assert!(text.contains(title) && text.contains("nothing was changed"), "{text}");
        assert_eq!(posts(&server).len(), 1);

        let row = home.rows().await.into_iter().find(|row| row.tool == twin.add).unwrap();
        assert_eq!((row.decision, row.outcome), (Decision::Allow, Some(Outcome::Ok)));
        assert!(row.affected.titles[0].contains(title), "{:?}", row.affected);
        client.close().await;
    }
}

#[tokio::test]
async fn adding_refuses_what_is_not_clear_and_sends_nothing() {
    for twin in TWINS {
        let roots = vec![
            SampleRoot::new(twin.root),
            SampleRoot { path: "/away".into(), accessible: false, free: 0 },
            SampleRoot { path: "/full".into(), accessible: true, free: 5_000 },
        ];
        let options = ArrOptions { roots, ..twin.options() };
        let id = twin.new_title(&options, 4);
        let (server, _home, client) = twin.start(options).await;
        let fine = json!({twin.foreign_id: id, "qualityProfileId": 1, "rootFolderPath": twin.root});
        for (changes, field, says) in [
            (json!({"qualityProfileId": null}), "qualityProfileId", "1 (HD-1080p), 2 (Ultra-HD)"),
            (json!({"qualityProfileId": 3}), "qualityProfileId", "1 (HD-1080p), 2 (Ultra-HD)"),
            (json!({"rootFolderPath": null}), "rootFolderPath", "/away (not accessible), /full (full)"),
            (json!({"rootFolderPath": "/elsewhere"}), "rootFolderPath", "(2400 GB free)"),
            (json!({"rootFolderPath": "/away"}), "rootFolderPath", "is not accessible"),
            (json!({"rootFolderPath": "/full/"}), "rootFolderPath", "is full"),
            (json!({"title": "Something Else Altogether"}), "title", "which is \""),
            (json!({twin.foreign_id: 5}), twin.foreign_id, "look it up with"),
        ] {
            let mut arguments = fine.clone();
            arguments.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let (text, error) = client.fail(twin.add, arguments).await;
            assert!(text.contains(says), "{says}: {text}");
            assert_eq!((&error["code"], &error["fields"]), (&json!("invalid_argument"), &json!([field])), "{text}");
        }
        // Refused by their form alone: nothing is even asked.
        let before = server.request_count();
        for changes in [
            json!({twin.foreign_id: 0}),
            json!({twin.foreign_id: -3}),
            json!({twin.foreign_id: "7x"}),
            json!({twin.foreign_id: null}),
            json!({"qualityProfileId": 0}),
            json!({"rootFolderPath": ""}),
            json!({"monitored": "perhaps"}),
            json!({"qualityProfile": 1}),
            json!({"monitorType": "sometimes", "minimumAvailability": "preDB"}),
        ] {
            let mut arguments = fine.clone();
            arguments.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let (_, error) = client.fail(twin.add, arguments).await;
            assert_eq!(error["code"], "invalid_argument", "{changes}");
        }
        assert_eq!(server.request_count(), before);
        assert!(posts(&server).is_empty());
        // One that only begins like it is another title, and so is one of another year.
        let prefix = twin.foreign_id.trim_end_matches("Id");
        let found = client.call(twin.look_up, json!({"query": format!("{prefix}:{id}")})).await;
        let (title, year) = (
            rows(&found, "results")[0]["title"].as_str().unwrap(),
            rows(&found, "results")[0]["year"].as_i64().unwrap(),
        );
        for other in
            [title[..title.len() - 1].to_owned(), format!("{title} Returns"), format!("{title} ({})", year - 9)]
        {
            let mut arguments = fine.clone();
            arguments["title"] = other.into();
            let (text, error) = client.fail(twin.add, arguments).await;
            assert_eq!(error["fields"], json!(["title"]), "{text}");
        }
        // With the title as people write it, it is taken.
        let mut arguments = fine.clone();
        arguments["title"] = format!("{} ({year})", title.to_uppercase()).into();
        client.call(twin.add, arguments).await;
        client.close().await;
    }
}

#[tokio::test]
async fn a_search_at_once_is_begun_only_when_it_is_asked_for() {
    for twin in TWINS {
        let options = ArrOptions { profiles: vec!["Any".into()], ..twin.options() };
        let (server, _home, client) = twin.start(options.clone()).await;
        let other_name = if twin.kind == ArrKind::Sonarr { "searchForMissingEpisodes" } else { "searchForMovie" };
        for (at, name) in ["searchNow", other_name].into_iter().enumerate() {
            let id = twin.new_title(&options, at as u64);
            let result = client.call(twin.add, json!({twin.foreign_id: id, name: true})).await;
            assert_eq!(result["searchStarted"], true, "{name}");
            assert_eq!(posts(&server)[at]["addOptions"][other_name], true);
        }
        let (_, error) = client.fail(twin.add, json!({twin.foreign_id: 1, "searchNow": false, other_name: true})).await;
        assert_eq!(error["fields"], json!([other_name]));
        client.close().await;
    }
}

#[tokio::test]
async fn the_policy_sees_what_a_title_is_added_with() {
    for twin in TWINS {
        let options = ArrOptions { roots: vec![SampleRoot::new("/kids"), SampleRoot::new("/grown")], ..twin.options() };
        let id = twin.new_title(&options, 2);
        let (server, home, _) = twin.start(options).await;
        let arguments = json!({twin.foreign_id: id, "qualityProfileId": 1, "rootFolderPath": "/grown"});
        let (summary, title) = (twin.title_fact, "x".to_owned());
        for rule in [
            "require = [{ path = \"arr.root_folder\", op = \"eq\", value = \"/kids\" }]".to_owned(),
            "deny_if = [{ path = \"arr.quality_profile\", op = \"eq\", value = \"HD-1080p\" }]".to_owned(),
            format!("require = [{{ path = \"{summary}\", op = \"eq\", value = \"{title}\" }}]"),
            "require = [{ path = \"item.year\", op = \"gt\", value = 2100 }]".to_owned(),
            "require = [{ path = \"item.count\", op = \"gt\", value = 50 }]".to_owned(),
            "deny_if = [{ path = \"args.searchNow\", op = \"eq\", value = false }]".to_owned(),
        ] {
            home.policy(&format!(
                "version = \"1\"\ndefault = \"allow\"\n[tools.{}]\n{rule}\non_deny = \"not here\"\n",
                twin.add
            ));
            let client = home.connect().await;
            let (text, error) = client.fail(twin.add, arguments.clone()).await;
            assert!(text.starts_with("[POLICY DENIED]") && error["denied"] == true, "{rule}: {text}");
            client.close().await;
        }
        assert!(posts(&server).is_empty());
        assert!(home.rows().await.iter().all(|row| row.decision == Decision::Deny));
        home.policy(&format!(
            "version = \"1\"\ndefault = \"allow\"\n[tools.{}]\nrequire = [{{ path = \"arr.root_folder\", op = \"eq\", value = \"/grown\" }}]\n",
            twin.add
        ));
        let client = home.connect().await;
        client.call(twin.add, arguments).await;
        assert_eq!(posts(&server).len(), 1);
        client.close().await;
    }
}

#[tokio::test]
async fn sonarr_3_is_given_a_language_profile() {
    let twin = TWINS[0];
    let options = ArrOptions { version: "3.0.10.1567".into(), profiles: vec!["Any".into()], ..twin.options() };
    let id = twin.new_title(&options, 3);
    let (server, _home, client) = twin.start(options.clone()).await;
    client.call(twin.add, json!({"tvdbId": id, "monitorType": "lastSeason"})).await;
    let sent = posts(&server);
    assert_eq!((&sent[0]["languageProfileId"], &sent[0]["addOptions"]["monitor"]), (&json!(1), &json!("latestSeason")));
    let profiles = client.call(twin.profiles, json!({})).await;
    assert_eq!(profiles["languageProfiles"], json!([{"id": 1, "name": "English"}]));
    client.close().await;

    let several = ArrOptions { languages: vec!["English".into(), "Any".into()], ..options };
    let (server, _home, client) = twin.start(several).await;
    let (text, error) = client.fail(twin.add, json!({"tvdbId": id})).await;
    assert!(text.contains("1 (English), 2 (Any)") && error["fields"] == json!(["languageProfileId"]), "{text}");
    let (text, _) = client.fail(twin.add, json!({"tvdbId": id, "languageProfileId": 2, "monitorType": "recent"})).await;
    assert!(text.contains("monitorType"), "{text}");
    client.call(twin.add, json!({"tvdbId": id, "languageProfileId": 2})).await;
    assert_eq!(posts(&server)[0]["languageProfileId"], 2);
    client.close().await;

    let (server, _home, client) = twin.start(ArrOptions { profiles: vec!["Any".into()], ..twin.options() }).await;
    let (text, _) = client.fail(twin.add, json!({"tvdbId": id, "languageProfileId": 1})).await;
    assert!(text.contains("languageProfileId"), "{text}");
    client.call(twin.add, json!({"tvdbId": id})).await;
    assert_eq!(posts(&server)[0].get("languageProfileId"), None);
    client.close().await;
}

#[tokio::test]
async fn monitored_seasons_are_those_of_the_type() {
    let twin = TWINS[0];
    let options = ArrOptions { profiles: vec!["Any".into()], ..twin.options() };
    let (_server, _home, client) = twin.start(options.clone()).await;
    for (at, (kind, monitored)) in [("all", true), ("firstSeason", true), ("none", false)].into_iter().enumerate() {
        let id = twin.new_title(&options, at as u64);
        let result = client.call(twin.add, json!({"tvdbId": id, "monitorType": kind})).await;
        let row = &result["series"];
        assert_eq!(row["monitored"], monitored, "{kind}");
        let wanted = match kind {
            "all" => row["seasons"].clone(),
            "firstSeason" => json!(1),
            _ => json!(0),
        };
        assert_eq!(row["monitoredSeasons"], wanted, "{kind}");
    }
    client.close().await;
}

/// The sample server, whose POSTs are answered otherwise.
async fn refusing(server: &SampleArr, library: &'static str, status: u16, body: &'static str) -> Trouble {
    let url = server.url();
    Trouble::start(move |seen| {
        let url = url.clone();
        async move {
            if (seen.path == library && seen.query.is_empty()) || (seen.path == "/api/v3/command" && status >= 400) {
                return answer(status, "application/json", body);
            }
            forward(&url, "", &seen).await
        }
    })
    .await
}

#[tokio::test]
async fn what_a_service_refuses_is_told_line_by_line() {
    for twin in TWINS {
        let options = ArrOptions { profiles: vec!["Any".into()], ..twin.options() };
        let server = SampleArr::start(options.clone()).await.unwrap();
        let body = r#"[{"propertyName":"Path","errorMessage":"Path 'x' is already configured","attemptedValue":"x"},
            {"propertyName":"Title","errorMessage":"is \u001b[31modd arr-CANARY-456"}]"#;
        let between = refusing(&server, twin.library, 400, body).await;
        let home = twin.home(between.url());
        let client = home.connect().await;
        let (text, error) = client.fail(twin.add, json!({twin.foreign_id: twin.new_title(&options, 1)})).await;
        assert!(text.contains("Path: Path 'x' is already configured; Title: is [31modd [key]"), "{text}");
        assert_eq!(error["code"], "rejected");
        let row = home.rows().await.pop().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Failed));
        client.close().await;

        // Said to be there by the service alone.
        let body =
            r#"[{"propertyName":"TmdbId","errorMessage":"This movie has already been added","attemptedValue":1}]"#;
        let between = refusing(&server, twin.library, 400, body).await;
        let home = twin.home(between.url());
        let client = home.connect().await;
        let (text, error) = client.fail(twin.add, json!({twin.foreign_id: twin.new_title(&options, 1)})).await;
        assert!(text.contains("already been added") && error["code"] == "rejected", "{text}");
        client.close().await;
    }
}

/// Somebody else was faster: the service's database refuses what its checks had let pass.
#[tokio::test]
async fn what_was_added_meanwhile_is_there_already() {
    for twin in TWINS {
        let options = ArrOptions { profiles: vec!["Any".into()], ..twin.options() };
        let server = SampleArr::start(options.clone()).await.unwrap();
        let (url, key, id) = (server.url(), KEY, twin.new_title(&options, 1));
        let between = Trouble::start(move |seen| {
            let url = url.clone();
            async move {
                if seen.path == twin.library && seen.query.is_empty() {
                    let body = json!({twin.foreign_id: id, "title": "T", "qualityProfileId": 1,
                        "rootFolderPath": twin.root, "monitored": true});
                    let post = reqwest::Client::new().post(format!("{url}{}", twin.library)).header("X-Api-Key", key);
                    let posted = post.header("content-type", "application/json").body(body.to_string()).send().await;
                    assert!(posted.unwrap().status().is_success());
                    return answer(409, "application/json", r#"{"message":"UNIQUE constraint failed"}"#);
                }
                forward(&url, "", &seen).await
            }
        })
        .await;
        let home = twin.home(between.url());
        let client = home.connect().await;
        let (text, error) = client.fail(twin.add, json!({twin.foreign_id: id})).await;
        assert!(error["code"] == "already_exists" && error["item"]["id"].is_u64(), "{text}");
        client.close().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_up_and_never_asked_for_twice() {
    for twin in TWINS {
        for (lost, known) in [(DropPost::After, true), (DropPost::Before, false)] {
            let deviations = ArrDeviations { drop_posts: Some(lost), ..ArrDeviations::default() };
            let options = ArrOptions { deviations, profiles: vec!["Any".into()], ..twin.options() };
            let (server, home, client) = twin.start(options.clone()).await;
            let arguments = json!({twin.foreign_id: twin.new_title(&options, 1)});
            if known {
                let result = client.call(twin.add, arguments).await;
                assert!(result["warning"].as_str().unwrap().contains("looking again showed"), "{result}");
                assert!(result[twin.added]["id"].is_u64());
            } else {
                let (text, error) = client.fail(twin.add, arguments).await;
                assert_eq!(error["code"], "outcome_unknown", "{text}");
                assert!(text.contains("does not have it now"), "{text}");
            }
            assert_eq!(posts(&server).len(), 1, "{lost:?}");
            let search = json!({twin.id: 4, "waitSeconds": 0});
            if known {
                assert_eq!(client.call(twin.trigger, search).await["started"], true);
            } else {
                let (text, error) = client.fail(twin.trigger, search).await;
                assert_eq!(error["code"], "outcome_unknown", "{text}");
            }
            assert_eq!(posts(&server).len(), 2, "{lost:?}");
            let outcome = if known { Outcome::Ok } else { Outcome::Unknown };
            let rows = home.rows().await;
            assert!(rows.iter().all(|row| row.outcome == Some(outcome)), "{rows:?}");
            client.close().await;
        }
    }
}

#[tokio::test]
async fn searches_are_for_one_title_or_by_name_for_everything() {
    for twin in TWINS {
        let (server, home, client) = twin.start(twin.options()).await;
        for (arguments, field) in [
            (json!({twin.id: 0}), twin.id),
            (json!({twin.id: ""}), twin.id),
            (json!({twin.id: -1}), twin.id),
            (json!({}), twin.id),
            (json!({"scope": "one"}), twin.id),
            (json!({"scope": "all_missing", twin.id: 4}), twin.id),
            (json!({"scope": "everything"}), "scope"),
            (json!({twin.id: 4, "waitSeconds": 46}), "waitSeconds"),
        ] {
            let (text, error) = client.fail(twin.trigger, arguments.clone()).await;
            assert_eq!(error["fields"], json!([field]), "{arguments}: {text}");
        }
        assert_eq!(server.request_count(), 0);
        let (text, error) = client.fail(twin.trigger, json!({twin.id: 9_999})).await;
        assert_eq!(error["code"], "not_found", "{text}");
        assert!(posts(&server).is_empty());

        let queued = client.call(twin.queue, json!({})).await["totalSize"].as_u64().unwrap();
        let result = client.call(twin.trigger, json!({twin.id: 4, "waitSeconds": 10})).await;
        assert_eq!(
            (&result["started"], &result["status"], &result["result"]),
            (&json!(true), &json!("completed"), &json!("successful"))
        );
        assert!(result["commandId"].is_u64() && result["title"].is_string(), "{result}");
        let expected = if twin.kind == ArrKind::Sonarr {
            json!({"name": "SeriesSearch", "seriesId": 4})
        } else {
            json!({"name": "MoviesSearch", "movieIds": [4]})
        };
        assert_eq!(posts(&server), [expected]);
        let now = client.call(twin.queue, json!({})).await["totalSize"].as_u64().unwrap();
        assert_eq!(now, queued + 1, "what was found is downloading");

        // What is under way is not begun again.
        let first = client.call(twin.trigger, json!({"scope": "all_missing", "waitSeconds": 0})).await;
        let missing = client.call(twin.missing, json!({})).await["totalSize"].clone();
        assert_eq!((&first["started"], &first["missing"]), (&json!(true), &missing));
        assert!(["queued", "started"].contains(&first["status"].as_str().unwrap()), "{first}");
        let again = client.call(twin.trigger, json!({"scope": "all_missing", "waitSeconds": 0})).await;
        if again["started"] == false {
            assert_eq!(again["commandId"], first["commandId"]);
        }
        let row = home.rows().await.into_iter().find(|row| row.affected.items == missing.as_u64()).unwrap();
        assert_eq!((row.tool.as_str(), row.outcome), (twin.trigger, Some(Outcome::Ok)));
        client.close().await;
    }
}

#[tokio::test]
async fn a_search_for_everything_can_be_held_to_a_number() {
    for twin in TWINS {
        let (server, home, _) = twin.start(twin.options()).await;
        for rule in [
            "deny_if = [{ path = \"args.scope\", op = \"eq\", value = \"all_missing\" }]",
            "require = [{ path = \"item.count\", op = \"lte\", value = 3 }]",
            "limits = [{ counter = \"found\", window = \"day\", max = 3, of = \"items\" }]",
        ] {
            home.policy(&format!("version = \"1\"\ndefault = \"allow\"\n[tools.{}]\n{rule}\n", twin.trigger));
            let client = home.connect().await;
            let (text, error) = client.fail(twin.trigger, json!({"scope": "all_missing"})).await;
            assert!(text.starts_with("[POLICY DENIED]") && error["denied"] == true, "{rule}: {text}");
            client.close().await;
        }
        assert!(posts(&server).is_empty());
    }
}

#[tokio::test]
async fn a_search_that_fails_says_so() {
    for twin in TWINS {
        let deviations = ArrDeviations { fail_commands: true, ..ArrDeviations::default() };
        let (_server, _home, client) = twin.start(ArrOptions { deviations, ..twin.options() }).await;
        let result = client.call(twin.trigger, json!({twin.id: 1, "waitSeconds": 10})).await;
        assert_eq!((&result["status"], &result["result"]), (&json!("failed"), &json!("unsuccessful")));
        assert!(result["says"].as_str().unwrap().contains("no indexer answers"));
        client.close().await;
    }
}

#[tokio::test]
async fn what_keeps_a_service_from_answering_is_told_apart() {
    for twin in TWINS {
        let based = SampleArr::start(ArrOptions { base: "/media/arr".into(), ..twin.options() }).await.unwrap();
        let outside = based.url().trim_end_matches("/media/arr").to_owned();
        let old = SampleArr::start(ArrOptions { version: "2.0.0.5344".into(), ..twin.options() }).await.unwrap();
        let other = TWINS.into_iter().find(|other| other.kind != twin.kind).unwrap();
        let other = SampleArr::start(other.options()).await.unwrap();
        let pages = ArrDeviations { web_pages: true, ..ArrDeviations::default() };
        let page = SampleArr::start(ArrOptions { deviations: pages, ..twin.options() }).await.unwrap();
        let locked = SampleArr::start(ArrOptions { api_key: "another".into(), ..twin.options() }).await.unwrap();
        let nothing = Trouble::always(404, "application/json", "{}").await;
        let garbage = Trouble::always(200, "application/json", "[{\"id\":1").await;
        let echo = Trouble::start(|seen| async move {
            let echoed = seen.echo();
            answer(500, "application/json", json!({"message": echoed}).to_string())
        })
        .await;
        let address = format!("{}_URL", twin.variable);
        let key = format!("{}_API_KEY", twin.variable);
        for (url, code, says) in [
            (format!("http://{}", nobody().await), "unreachable", address.as_str()),
            (locked.url(), "unauthorized", key.as_str()),
            (outside, "wrong_address", "URL base"),
            (format!("{}/wrong", based.url()), "wrong_address", "URL base"),
            (page.url(), "wrong_address", "URL base"),
            (nothing.url(), "wrong_address", "URL base"),
            (old.url(), "unsupported_version", "2.0.0.5344"),
            (other.url(), "wrong_address", "leads to"),
            (garbage.url(), "bad_answer", "can't be read"),
            (echo.url(), "bad_answer", "x-api-key: [key]"),
        ] {
            let home = twin.home(&url);
            let client = home.connect().await;
            for tool in twin.reads() {
                let (text, error) = client.fail(tool, json!({})).await;
                assert_eq!(error["code"], code, "{tool} at {url}: {text}");
                assert!(text.contains(says), "{tool} at {url}: {text}");
                assert!(!text.contains(KEY) && !text.contains('<'), "{text}");
            }
            for (tool, arguments) in [(twin.add, json!({twin.foreign_id: 1})), (twin.trigger, json!({twin.id: 1}))] {
                let (text, error) = client.fail(tool, arguments).await;
                assert_eq!(error["code"], code, "{tool} at {url}: {text}");
            }
            let status = client.call("arr_get_status", json!({})).await;
            let service = &status["services"][twin.name.to_lowercase()];
            assert_eq!(
                (&status["ok"], &service["available"], &service["configured"]),
                (&json!(false), &json!(false), &json!(true))
            );
            assert_eq!(service["errorCode"], code, "{status}");
            assert!(!status.to_string().contains(KEY));
            client.close().await;
        }
    }
}

#[tokio::test]
async fn a_base_path_is_kept_with_one_slash() {
    for twin in TWINS {
        let server = SampleArr::start(ArrOptions { base: "/media/arr".into(), ..twin.options() }).await.unwrap();
        for end in ["", "/", "//", "/api/v3", "/api/v3/"] {
            let home = twin.home(format!("{}{end}", server.url()));
            let client = home.connect().await;
            client.call(twin.list, json!({"limit": 1})).await;
            client.close().await;
        }
        let (library, status) = (format!("/media/arr{}", twin.library), "/media/arr/api/v3/system/status");
        let requests = server.requests();
        assert_eq!(requests.len(), 10);
        assert!(requests.iter().all(|request| request.path_and_query == library || request.path_and_query == status));
        assert!(requests.iter().all(|request| request.key_in_header));
    }
}

#[tokio::test]
async fn settings_that_are_missing_or_not_filled_in_are_named() {
    for twin in TWINS {
        let address = format!("{}_URL", twin.variable);
        let key = format!("{}_API_KEY", twin.variable);
        let file = format!("{key}_FILE");
        let key_file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(key_file.path(), format!("{KEY}\n")).unwrap();
        let cases: [(&[(&str, &str)], &str); 6] = [
            (&[], &address),
            (&[(&address, "http://127.0.0.1:9")], &key),
            (&[(&address, "${URL}"), (&key, KEY)], &address),
            (&[(&address, "ftp://h"), (&key, KEY)], &address),
            (&[(&address, "http://127.0.0.1:9"), (&key, "<your key>")], &key),
            (&[(&address, "http://127.0.0.1:9"), (&file, "/nowhere/key")], &file),
        ];
        for (settings, named) in cases {
            let mut home = Home::at("http://127.0.0.1:9");
            for (name, value) in settings {
                home.set(name, *value);
            }
            let client = home.connect().await;
            let (text, error) = client.fail(twin.queue, json!({})).await;
            assert!(text.contains(named), "{settings:?}: {text}");
            assert_eq!(error["code"], "not_configured");
            assert!(!text.contains(KEY), "{text}");
            let status = client.call("arr_get_status", json!({})).await;
            let service = &status["services"][twin.name.to_lowercase()];
            assert_eq!(service["configured"], !settings.is_empty(), "{status}");
            client.close().await;
        }
        let server = SampleArr::start(twin.options()).await.unwrap();
        let mut home = Home::at("http://127.0.0.1:9");
        home.set(&address, server.url());
        home.set(&file, key_file.path().to_str().unwrap());
        let client = home.connect().await;
        client.call(twin.queue, json!({})).await;
        client.close().await;
    }
}

#[tokio::test]
async fn both_are_asked_at_once_and_each_by_itself() {
    let delay = Some(Duration::from_secs(1));
    let slow =
        |twin: Twin| ArrOptions { deviations: ArrDeviations { delay, ..ArrDeviations::default() }, ..twin.options() };
    let roots = vec![SampleRoot { path: "/away".into(), accessible: false, free: 0 }];
    let sonarr = SampleArr::start(ArrOptions { roots, ..slow(TWINS[0]) }).await.unwrap();
    let radarr = SampleArr::start(slow(TWINS[1])).await.unwrap();
    let mut home = TWINS[0].home(sonarr.url());
    home.set("RADARR_URL", radarr.url());
    home.set("RADARR_API_KEY", KEY);
    let client = home.connect().await;
    let started = std::time::Instant::now();
    let status = client.call("arr_get_status", json!({})).await;
    assert!(started.elapsed() < Duration::from_millis(3_800), "{:?}: one after the other", started.elapsed());
    assert_eq!(status["ok"], true);
    assert_eq!(status["services"]["sonarr"]["version"], "4.0.11.2680");
    assert_eq!(status["services"]["radarr"]["appName"], "Radarr");
    let health = rows(&status["services"]["sonarr"], "health");
    assert!(health.iter().any(|complaint| complaint["message"] == "Missing root folder: /away"), "{status}");
    client.close().await;

    // A denial of the one is one of the tool that asks both.
    for service in ["sonarr", "radarr", "arr"] {
        let other = if service == "sonarr" { "radarr" } else { "sonarr" };
        home.policy(&format!(
            "version = \"1\"\ndefault = \"allow\"\n[services.{other}]\naction = \"allow\"\n[services.{service}]\naction = \"deny\"\n"
        ));
        let before = sonarr.request_count() + radarr.request_count();
        let client = home.connect().await;
        let (text, _) = client.fail("arr_get_status", json!({})).await;
        assert!(text.starts_with("[POLICY DENIED]"), "{text}");
        assert_eq!(sonarr.request_count() + radarr.request_count(), before);
        client.close().await;
    }
}

#[tokio::test]
async fn passing_faults_of_reads_are_outlasted_and_lasting_ones_explained() {
    for twin in TWINS {
        let deviations = ArrDeviations { fail_first: 2, ..ArrDeviations::default() };
        let (_server, _home, client) = twin.start(ArrOptions { deviations, ..twin.options() }).await;
        client.call(twin.queue, json!({})).await;
        client.close().await;
        let deviations = ArrDeviations { lookup_down: true, ..ArrDeviations::default() };
        let (_server, _home, client) = twin.start(ArrOptions { deviations, ..twin.options() }).await;
        let (text, error) = client.fail(twin.look_up, json!({"query": "x"})).await;
        assert!(text.contains("Failed to communicate with the metadata service"), "{text}");
        assert_eq!(error["code"], "bad_answer");
        client.close().await;
    }
}

#[tokio::test]
async fn the_key_is_in_no_output_and_no_address() {
    for twin in TWINS {
        let options = ArrOptions { profiles: vec!["Any".into()], ..twin.options() };
        let server = SampleArr::start(options.clone()).await.unwrap();
        let mut home = twin.home(server.url());
        home.set("RUST_LOG", "trace");
        let mut raw = home.raw();
        raw.initialize("2025-11-25").await;
        for tool in twin.reads() {
            raw.call(tool, json!({})).await;
        }
        raw.call(twin.add, json!({twin.foreign_id: twin.new_title(&options, 0)})).await;
        raw.call(twin.trigger, json!({twin.id: 1, "waitSeconds": 0})).await;
        raw.call("arr_get_status", json!({})).await;
        let (lines, log) = raw.close().await;
        assert!(!lines.concat().contains(KEY) && !log.contains(KEY), "the key is shown");
        let requests = server.requests();
        assert!(requests.len() > 8);
        assert!(requests.iter().all(|request| request.key_in_header && !request.path_and_query.contains("KEY")));
        for file in ["ledger.db", "ledger.db-wal"] {
            let bytes = std::fs::read(home.path(file)).unwrap_or_default();
            assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "{file}");
        }
    }
}

/// Arguments and rows are those of the public Plex MCP server, whose prompts have to keep working here.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of it is the table of what the public server takes and gives")]
async fn calls_written_for_the_public_server_are_taken() {
    let rows_of = |twin: Twin| -> [(&str, Value, &str, &[&str]); 5] {
        let series = twin.kind == ArrKind::Sonarr;
        [
            (
                twin.list,
                json!({"filter": "the", "limit": 200}),
                twin.rows,
                if series {
                    &[
                        "id",
                        "title",
                        "year",
                        "status",
                        "network",
                        "monitored",
                        "seasons",
                        "episodeFileCount",
                        "episodeCount",
                        "percentOfEpisodes",
                        "sizeOnDisk",
                        "tvdbId",
                        "imdbId",
                        "overview",
                    ]
                } else {
                    &[
                        "id",
                        "title",
                        "year",
                        "status",
                        "hasFile",
                        "monitored",
                        "runtime",
                        "tmdbId",
                        "imdbId",
                        "sizeOnDisk",
                        "minimumAvailability",
                        "overview",
                    ]
                },
            ),
            (
                twin.look_up,
                json!({"query": "the", "limit": 200}),
                "results",
                if series {
                    &[
                        "tvdbId",
                        "title",
                        "year",
                        "status",
                        "network",
                        "runtime",
                        "genres",
                        "certification",
                        "seasonCount",
                        "overview",
                    ]
                } else {
                    &["tmdbId", "imdbId", "title", "year", "status", "runtime", "genres", "certification", "overview"]
                },
            ),
            (
                twin.missing,
                json!({"page": 1, "pageSize": 200}),
                twin.missing_rows,
                if series {
                    &["id", "seriesId", "seasonNumber", "episodeNumber", "title", "airDate", "monitored", "overview"]
                } else {
                    &["id", "title", "year", "status", "monitored", "tmdbId", "imdbId", "overview"]
                },
            ),
            (
                twin.queue,
                json!({"limit": 200}),
                "items",
                &[
                    "id",
                    "title",
                    "status",
                    "trackedDownloadStatus",
                    "trackedDownloadState",
                    "protocol",
                    "downloadClient",
                    "size",
                    "sizeleft",
                    "timeleft",
                ],
            ),
            (
                twin.calendar,
                json!({"startDate": "2026-02-01", "endDate": "2026-02-28", "limit": 200}),
                "entries",
                if series {
                    &[
                        "id",
                        "seriesId",
                        "seriesTitle",
                        "seasonNumber",
                        "episodeNumber",
                        "title",
                        "airDate",
                        "airDateUtc",
                        "hasFile",
                        "monitored",
                        "overview",
                    ]
                } else {
                    &[
                        "id",
                        "title",
                        "year",
                        "status",
                        "inCinemas",
                        "digitalRelease",
                        "hasFile",
                        "monitored",
                        "tmdbId",
                        "overview",
                    ]
                },
            ),
        ]
    };
    for twin in TWINS {
        let options = ArrOptions { clock: Some(EVENING), ..twin.options() };
        let (_server, _home, client) = twin.start(options.clone()).await;
        for (tool, arguments, name, wanted) in rows_of(twin) {
            let answer = client.call(tool, arguments).await;
            let ours: HashSet<&String> =
                rows(&answer, name).iter().flat_map(|row| row.as_object().unwrap().keys()).collect();
            let missing: Vec<_> = wanted.iter().filter(|key| !ours.contains(&(**key).to_owned())).collect();
            assert!(missing.is_empty(), "{tool}: rows lack {missing:?}");
        }
        let id = twin.new_title(&options, 0);
        let found = client
            .call(twin.look_up, json!({"query": format!("{}:{id}", twin.foreign_id.trim_end_matches("Id"))}))
            .await;
        let mut arguments = json!({
            twin.foreign_id: id, "title": rows(&found, "results")[0]["title"], "qualityProfileId": 1,
            "rootFolderPath": twin.root, "monitored": true,
        });
        let own = if twin.kind == ArrKind::Sonarr {
            json!({"seasonFolder": true, "monitorType": "latestSeason", "searchForMissingEpisodes": false})
        } else {
            json!({"minimumAvailability": "released", "searchForMovie": false})
        };
        arguments.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let added = client.call(twin.add, arguments).await;
        for key in ["id", "title", "year", twin.foreign_id, "path", "monitored", "qualityProfileId"] {
            assert!(!added[twin.added][key].is_null(), "{}: no {key}: {added}", twin.add);
        }
        assert!(client.call(twin.trigger, json!({twin.id: 1})).await["commandId"].is_u64());
        client.close().await;
    }
}

/// What is wrong with a body: members that the schema does not have, and values that are none of its choices.
fn misfits(document: &Value, schema: &Value, body: &Value, at: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        return misfits(document, document.pointer(target.trim_start_matches('#')).unwrap(), body, at);
    }
    match body {
        Value::Object(members) => {
            let known = schema["properties"].as_object();
            let member = |(name, value): (&String, &Value)| match known.and_then(|known| known.get(name)) {
                Some(schema) => misfits(document, schema, value, &format!("{at}.{name}")),
                None => vec![format!("{at} has no {name}")],
            };
            members.iter().flat_map(member).collect()
        }
        Value::Array(members) => {
            members.iter().flat_map(|value| misfits(document, &schema["items"], value, at)).collect()
        }
        _ => match schema["enum"].as_array() {
            Some(names) if !names.contains(body) => vec![format!("{at} is {body}, none of {names:?}")],
            _ => Vec::new(),
        },
    }
}

#[tokio::test]
#[allow(clippy::print_stderr, reason = "says what it leaves out")]
async fn requests_are_those_that_the_services_describe() {
    let Some(directory) = support::contract::directory() else {
        eprintln!("PLEX_MCP_SPEC names no directory: nothing was held against the services' descriptions");
        return;
    };
    for twin in TWINS {
        let file = directory.join(format!("{}-v3.openapi.json", twin.name.to_lowercase()));
        let document: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let contract = support::contract::load(&file);
        let own = twin.options();
        let old = (twin.kind == ArrKind::Sonarr).then(|| ArrOptions { version: "3.0.10.1567".into(), ..own.clone() });
        for options in std::iter::once(own).chain(old) {
            let (server, _home, client) = twin.start(options.clone()).await;
            for tool in twin.reads() {
                client.call(tool, json!({})).await;
                if tool != twin.profiles {
                    client.call(tool, json!({"limit": 3, "offset": 4})).await;
                }
            }
            client.call(twin.look_up, json!({"query": "the"})).await;
            client.call(twin.calendar, json!({"timeZone": "Asia/Tokyo", "includeUnmonitored": true})).await;
            let kinds: &[(&str, &str)] = if twin.kind == ArrKind::Sonarr {
                &[
                    ("monitorType", "all"),
                    ("monitorType", "lastSeason"),
                    ("seriesType", "anime"),
                    ("monitorType", "none"),
                ]
            } else {
                &[("minimumAvailability", "inCinemas"), ("minimumAvailability", "announced")]
            };
            for (at, (name, value)) in kinds.iter().enumerate() {
                let id = twin.new_title(&options, at as u64);
                client
                    .call(
                        twin.add,
                        json!({twin.foreign_id: id, "qualityProfileId": 1, *name: value, "searchNow": true}),
                    )
                    .await;
            }
            client.call(twin.trigger, json!({twin.id: 1, "waitSeconds": 2})).await;
            client.call(twin.trigger, json!({"scope": "all_missing", "waitSeconds": 0})).await;
            client.call("arr_get_status", json!({})).await;
            client.close().await;
            for request in server.requests() {
                let (path, query) = request.path_and_query.split_once('?').unwrap_or((&request.path_and_query, ""));
                contract
                    .check(&request.method, path, query)
                    .unwrap_or_else(|problem| panic!("{}: {problem}", twin.name));
                let Some(body) = request.body else { continue };
                let schema = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
                let body: Value = serde_json::from_str(&body).unwrap();
                let mut wrong = misfits(&document, schema, &body, path);
                // What a command takes beside its name is no part of the description.
                wrong.retain(|problem| {
                    !(path.ends_with("/command") && problem.ends_with("Id") | problem.ends_with("Ids"))
                });
                assert!(wrong.is_empty(), "{}: {wrong:?}", twin.name);
            }
        }
    }
}
