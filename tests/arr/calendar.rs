//! Calendars: local days, both ends included.

use crate::{EVENING, TWINS, all, rows};
use plex_mcp::demo::ArrOptions;
use serde_json::json;

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
