//! What keeps a service from answering is told apart, with what to do, and the key is never shown.

use crate::{
    KEY, TWINS, Twin, rows,
    support::{
        Home,
        trouble::{Trouble, answer, nobody},
    },
};
use plex_mcp::demo::{ArrDeviations, ArrOptions, SampleArr, SampleRoot};
use serde_json::json;
use std::time::Duration;

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
