//! The tools of Trakt, against a sample Trakt over HTTP: what the account holds before and after, how the sign-in is kept,
//! and what is said where Trakt refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

#[path = "trakt/compare.rs"]
mod compare;
#[path = "trakt/contract.rs"]
mod contract;
#[path = "trakt/scrobble.rs"]
mod scrobble;
mod support;
#[path = "trakt/sync.rs"]
mod sync;

use plex_mcp::demo::{Options, Refusal, SamplePlex, SampleTrakt, TraktOptions};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{Client, Home, home};

/// Every secret of the sample Trakt's begins so.
const SECRETS: [&str; 5] =
    ["sample-access-", "sample-refresh-", "sample-device-", "sample-authorisation-", "sample-secret"];

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

async fn trakt(options: TraktOptions) -> (SamplePlex, SampleTrakt, Home) {
    let (plex, mut home) = home(Options::default()).await;
    let trakt = SampleTrakt::start(options).await.unwrap();
    point(&mut home, &trakt);
    (plex, trakt, home)
}

/// Writes a sign-in as the binary keeps it.
fn sign_in(home: &Home, trakt: &SampleTrakt, created_at: i64, expires_in: i64) -> (String, String) {
    let (access, refresh) = trakt.issue(created_at);
    let kept = json!({
        "server": format!("{}/", trakt.url()), "client_id": "sample-client",
        "tokens": {"access_token": access, "refresh_token": refresh, "expires_in": expires_in, "created_at": created_at},
        "pending": null,
    });
    std::fs::write(home.path("trakt.json"), kept.to_string()).unwrap();
    (access, refresh)
}

/// A sample Trakt that is signed in to.
async fn signed_in(options: TraktOptions) -> (SamplePlex, SampleTrakt, Home) {
    signed_in_with(Options::default(), options).await
}

/// The same with a Plex server of one's own.
async fn signed_in_with(plex: Options, options: TraktOptions) -> (SamplePlex, SampleTrakt, Home) {
    let (plex, mut home) = home(plex).await;
    let trakt = SampleTrakt::start(options).await.unwrap();
    point(&mut home, &trakt);
    sign_in(&home, &trakt, now(), 604_800);
    (plex, trakt, home)
}

fn point(home: &mut Home, trakt: &SampleTrakt) {
    home.set("TRAKT_BASE_URL", trakt.url());
    home.set("TRAKT_CLIENT_ID", "sample-client");
    home.set("TRAKT_CLIENT_SECRET", "sample-secret");
}

fn kept(home: &Home) -> Value {
    serde_json::from_slice(&std::fs::read(home.path("trakt.json")).unwrap()).unwrap()
}

fn refusal(method: &'static str, path: &'static str, status: u16, times: u32) -> Refusal {
    Refusal { method, path, after: 0, times, status, headers: Vec::new() }
}

fn no_secrets(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

async fn code(client: &Client, tool: &str, arguments: Value) -> (String, String) {
    let (text, structured) = client.fail(tool, arguments).await;
    no_secrets(&text);
    (text, structured["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_person_signs_in_by_a_code_and_the_sign_in_is_kept_by_its_owner_alone() {
    let (_plex, trakt, home) = trakt(TraktOptions::default()).await;
    let client = home.connect().await;
    let before = client.call("trakt_get_auth_status", json!({})).await;
    assert_eq!((&before["authenticated"], &before["signInPending"]), (&json!(false), &json!(false)), "{before}");
    assert_eq!(code(&client, "trakt_get_user_stats", json!({})).await.1, "not_signed_in");
    assert_eq!(code(&client, "trakt_complete_auth", json!({})).await.1, "no_sign_in");

    let begun = client.call("trakt_authenticate", json!({"state": "default"})).await;
    let user_code = begun["userCode"].as_str().unwrap().to_owned();
    assert!(begun["authUrl"].as_str().unwrap().ends_with("/activate"), "{begun}");
    assert!(begun["expiresIn"].as_i64().unwrap() > 590, "{begun}");
    let waiting = client.call("trakt_complete_auth", json!({"waitSeconds": 0})).await;
    assert_eq!(trakt.count("POST", "/oauth/token"), 0);
    let typed = json!({"code": format!(" {} ", user_code.to_lowercase()), "waitSeconds": 0});
    assert_eq!(client.call("trakt_complete_auth", typed).await["status"], "waiting", "it is no authorisation code");
    assert_eq!(trakt.count("POST", "/oauth/token"), 0);
    assert_eq!((&waiting["success"], &waiting["status"]), (&json!(false), &json!("waiting")), "{waiting}");
    assert_eq!(waiting["userCode"], json!(user_code));

    // The code is entered while it is being waited for, and another process may have begun.
    let (done, entered) = tokio::join!(client.call("trakt_complete_auth", json!({"waitSeconds": 20})), async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        trakt.enter(&user_code)
    });
    assert!(entered);
    assert_eq!((&done["success"], &done["user"]["username"]), (&json!(true), &json!("orsolinde")), "{done}");
    let asked: Vec<u16> = trakt
        .requests()
        .iter()
        .filter(|seen| seen.path_and_query == "/oauth/device/token")
        .map(|seen| seen.status)
        .collect();
    assert_eq!(asked.last(), Some(&200));
    assert!(asked.len() >= 3 && !asked.contains(&429), "asked at the interval: {asked:?}");

    let after = client.call("trakt_get_auth_status", json!({})).await;
    assert_eq!((&after["authenticated"], &after["user"]["name"]), (&json!(true), &json!("Orsolinde")), "{after}");
    assert!(after["expiresIn"].as_i64().unwrap() > 604_000, "{after}");
    for answer in [&begun, &waiting, &done, &after] {
        no_secrets(&answer.to_string());
    }
    client.close().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(home.path("trakt.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(kept(&home)["pending"].is_null(), "a code that was used is gone");

    // Another process finds it.
    let again = home.run(&["call", "trakt_get_auth_status"]).await;
    assert!(again.stdout.contains("orsolinde"), "{again:?}");
}

#[tokio::test]
async fn codes_that_come_to_nothing_say_so() {
    let (_plex, trakt, home) = trakt(TraktOptions { code_life: 3, ..TraktOptions::default() }).await;
    let client = home.connect().await;
    let begin = async || client.call("trakt_authenticate", json!({})).await["userCode"].as_str().unwrap().to_owned();
    let user_code = begin().await;
    assert!(trakt.deny(&user_code));
    let (text, denied) = code(&client, "trakt_complete_auth", json!({})).await;
    assert_eq!(denied, "sign_in_denied", "{text}");
    assert_eq!(code(&client, "trakt_complete_auth", json!({})).await.1, "no_sign_in", "and it is over");

    begin().await;
    assert_eq!(code(&client, "trakt_complete_auth", json!({"waitSeconds": 20})).await.1, "code_expired");

    for (status, expected) in [(404, "no_sign_in"), (409, "code_used"), (410, "code_expired"), (401, "unauthorized")] {
        begin().await;
        trakt.refuse(refusal("POST", "/oauth/device/token", status, 1));
        let (text, said) = code(&client, "trakt_complete_auth", json!({})).await;
        let known = if status == 401 { "check TRAKT_CLIENT_ID" } else { "trakt_authenticate" };
        assert!(said == expected && text.contains(known), "{status}: {said}: {text}");
    }

    // "Slow down" makes the interval longer, and is no error.
    begin().await;
    trakt.refuse(refusal("POST", "/oauth/device/token", 429, 1));
    let waiting = client.call("trakt_complete_auth", json!({"waitSeconds": 1})).await;
    assert_eq!(waiting["status"], "waiting", "{waiting}");
    assert_eq!(kept(&home)["pending"]["interval"], 6);
    client.close().await;
}

#[tokio::test]
async fn an_authorisation_code_is_still_taken_once() {
    let (_plex, trakt, home) = trakt(TraktOptions::default()).await;
    let client = home.connect().await;
    let authorisation = trakt.authorisation_code();
    let done = client.call("trakt_complete_auth", json!({"code": authorisation})).await;
    assert_eq!(done["user"]["username"], "orsolinde");
    no_secrets(&done.to_string());
    assert_eq!(code(&client, "trakt_complete_auth", json!({"code": authorisation})).await.1, "code_refused");
    let status = client.call("trakt_get_auth_status", json!({})).await;
    assert_eq!(status["authenticated"], true, "the sign-in before stays good");
    client.close().await;
}

#[tokio::test]
async fn ten_calls_of_two_processes_renew_an_old_sign_in_once() {
    let (_plex, trakt, home) = trakt(TraktOptions { token_life: 86_400, ..TraktOptions::default() }).await;
    let (_, first_refresh) = sign_in(&home, &trakt, now() - 86_000, 86_400);
    let (one, two) = tokio::join!(home.connect(), home.connect());
    let calls = (0..10).map(|n| if n % 2 == 0 { &one } else { &two });
    let answers =
        futures_util::future::join_all(calls.map(|client| client.call("trakt_get_user_stats", json!({})))).await;
    assert!(answers.iter().all(|answer| answer["stats"]["userName"] == "orsolinde"));
    assert_eq!(trakt.count("POST", "/oauth/token"), 1);
    let now_kept = kept(&home)["tokens"]["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(now_kept, first_refresh, "the new one is kept: the old one is used up");

    // Taken back before its time: renewed once more, and each request repeated once.
    trakt.revoke();
    one.call("trakt_get_user_stats", json!({})).await;
    two.call("trakt_get_user_stats", json!({})).await;
    assert_eq!(trakt.count("POST", "/oauth/token"), 2);
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn a_client_that_goes_in_the_middle_of_a_renewal_loses_no_sign_in() {
    let slow_tokens = Duration::from_secs(1);
    let (_plex, trakt, home) = trakt(TraktOptions { token_life: 86_400, slow_tokens, ..TraktOptions::default() }).await;
    let (old, _) = sign_in(&home, &trakt, now() - 86_000, 86_400);
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let id = raw.begin("tools/call", json!({"name": "trakt_get_user_stats", "arguments": {}})).await;
    let until = Instant::now() + Duration::from_secs(10);
    while trakt.count("POST", "/oauth/token") == 0 {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // It gives the call up, and is gone before anything else can end.
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    raw.send(&cancelled.to_string()).await;
    raw.close().await;
    assert_ne!(kept(&home)["tokens"]["access_token"], json!(old), "the new tokens are kept: the old ones are used up");
    let again = home.run(&["call", "trakt_get_auth_status"]).await;
    assert!(again.stdout.contains("orsolinde"), "{again:?}");
    assert_eq!(trakt.count("POST", "/oauth/token"), 1);
}

#[tokio::test]
async fn a_sign_in_that_cannot_be_renewed_asks_for_a_new_one_and_does_not_loop() {
    let (_plex, trakt, home) = trakt(TraktOptions::default()).await;
    sign_in(&home, &trakt, now(), 604_800);
    trakt.revoke();
    trakt.refuse(refusal("POST", "/oauth/token", 401, 1));
    let client = home.connect().await;
    let (text, said) = code(&client, "trakt_get_user_stats", json!({})).await;
    assert!(said == "reauth_required" && text.contains("trakt_authenticate"), "{said}: {text}");
    assert_eq!(trakt.count("POST", "/oauth/token"), 1);
    // Where a renewed token is refused, too, one request was repeated once.
    trakt.refuse(refusal("GET", "/users/me", 401, 100));
    let before = trakt.requests().len();
    assert_eq!(code(&client, "trakt_get_user_stats", json!({})).await.1, "reauth_required");
    assert_eq!(trakt.requests().len() - before, 3, "the request, one renewal, the request");
    let status = client.call("trakt_get_auth_status", json!({})).await;
    assert_eq!(status["authenticated"], false);
    client.close().await;
}

#[tokio::test]
async fn a_renewal_that_fails_early_leaves_the_sign_in_as_it_is() {
    let (_plex, trakt, home) = trakt(TraktOptions { token_life: 86_400, ..TraktOptions::default() }).await;
    sign_in(&home, &trakt, now() - 86_000, 86_400);
    trakt.refuse(refusal("POST", "/oauth/token", 503, 1));
    let client = home.connect().await;
    client.call("trakt_get_auth_status", json!({})).await;
    assert_eq!(trakt.count("POST", "/oauth/token"), 1);
    client.call("trakt_get_auth_status", json!({})).await;
    assert_eq!(trakt.count("POST", "/oauth/token"), 2);
    client.close().await;
}

#[tokio::test]
async fn a_sign_in_never_reaches_another_server_or_app() {
    let (_plex, trakt, mut home) = signed_in(TraktOptions::default()).await;
    let other = SampleTrakt::start(TraktOptions::default()).await.unwrap();
    home.set("TRAKT_BASE_URL", other.url());
    let client = home.connect().await;
    assert_eq!(code(&client, "trakt_get_user_stats", json!({})).await.1, "not_signed_in");
    assert!(other.requests().is_empty() && trakt.requests().is_empty());
    client.close().await;
}

#[tokio::test]
async fn waits_that_trakt_asks_for_are_kept_for_half_a_minute_at_most() {
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    let wait = |seconds: &str, times| Refusal {
        headers: vec![("retry-after", seconds.to_owned())],
        ..refusal("GET", "/users/me", 429, times)
    };
    trakt.refuse(wait("1", 2));
    let started = Instant::now();
    client.call("trakt_get_auth_status", json!({})).await;
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(trakt.requests().len(), 3);
    for (seconds, requests) in [("2852", 1), ("31", 1)] {
        let before = trakt.requests().len();
        trakt.refuse(wait(seconds, 1));
        let started = Instant::now();
        let (text, error) = client.fail("trakt_get_auth_status", json!({})).await;
        assert_eq!(error["code"], "rate_limited");
        assert_eq!(error["retryAfterSeconds"].to_string(), seconds, "{error}");
        assert!(text.contains(seconds) && started.elapsed() < Duration::from_secs(2), "{text}");
        assert_eq!(trakt.requests().len() - before, requests);
    }
    // In all of a call's requests together: statistics take two.
    trakt.refuse(wait("1", 1));
    trakt.refuse(Refusal {
        headers: vec![("retry-after", "30".to_owned())],
        ..refusal("GET", "/users/me/stats", 429, 1)
    });
    let (_, error) = client.fail("trakt_get_user_stats", json!({})).await;
    assert_eq!((&error["code"], &error["retryAfterSeconds"]), (&json!("rate_limited"), &json!(30)), "{error}");
    client.close().await;
}

#[tokio::test]
async fn refusals_that_are_trakts_own_are_said_in_plain_words_and_not_repeated() {
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    let client = home.connect().await;
    for (status, expected, words) in [
        (420, "account_limit", "https://example.invalid/vip"),
        (423, "account_locked", "Trakt's support"),
        (426, "vip_only", "VIP"),
        (403, "unauthorized", "TRAKT_CLIENT_ID"),
    ] {
        let headers = vec![("x-upgrade-url", "https://example.invalid/vip".to_owned())];
        trakt.refuse(Refusal { headers, ..refusal("GET", "/users/me", status, 1) });
        let before = trakt.requests().len();
        let (text, said) = code(&client, "trakt_get_auth_status", json!({})).await;
        assert!(said == expected && text.contains(words), "{status}: {said}: {text}");
        assert_eq!(trakt.requests().len() - before, 1, "no renewal either");
    }
    client.close().await;
}

#[tokio::test]
async fn searches_find_by_type_and_year_to_the_limit_that_was_asked_for() {
    let (_plex, trakt, home) = trakt(TraktOptions { page_rows: (10, 20), ..TraktOptions::default() }).await;
    let client = home.connect().await;
    let all = client.call("trakt_search", json!({"query": "the", "limit": 45})).await;
    let results = all["results"].as_array().unwrap();
    assert!(results.len() > 20, "more than the server's own page: {}", results.len());
    for row in results {
        let work = &row[row["type"].as_str().unwrap()];
        assert!(work["title"].as_str().unwrap().to_lowercase().contains("the"), "{row}");
        assert!(work["ids"]["tmdb"].is_i64() && work["overview"].is_string(), "{row}");
    }
    let year = results[0]["movie"]["year"].as_i64().or_else(|| results[0]["show"]["year"].as_i64()).unwrap();
    let kind = results[0]["type"].as_str().unwrap();
    let some = client.call("trakt_search", json!({"query": "the", "type": kind, "year": year.to_string()})).await;
    let some = some["results"].as_array().unwrap();
    assert!(!some.is_empty() && some.iter().all(|row| row[kind]["year"] == year), "{some:?}");
    // Page by page it is the same list.
    let (mut paged, mut offset) = (Vec::new(), Some(0));
    while let Some(at) = offset {
        let part = client.call("trakt_search", json!({"query": "the", "limit": 7, "offset": at})).await;
        paged.extend(part["results"].as_array().unwrap().clone());
        offset = part["nextOffset"].as_u64();
    }
    assert_eq!(paged[..results.len()], results[..]);
    let none = client.call("trakt_search", json!({"query": "nothing has this title"})).await;
    assert_eq!(none["results"], json!([]));
    let before = trakt.requests().len();
    assert!(code(&client, "trakt_search", json!({"query": " \n"})).await.0.contains("query"));
    assert_eq!(trakt.requests().len(), before, "no request for nothing");
    client.close().await;
}

#[tokio::test]
async fn statistics_are_what_the_account_holds() {
    let (_plex, trakt, home) = signed_in(TraktOptions::default()).await;
    for n in 0..120 {
        trakt.add_play(&json!({"movie": {"ids": {"tmdb": n + 1}}}), 1_700_000_000 + n * 9_000);
    }
    let client = home.connect().await;
    let result = client.call("trakt_get_user_stats", json!({"userId": 5})).await;
    let stats = &result["stats"];
    assert_eq!(stats["traktStats"]["movies"]["watched"], 120);
    assert_eq!(stats["enhancedStats"]["totalHours"], 190.0);
    assert_eq!(stats["enhancedStats"]["milestones"][0]["achieved"], true);
    assert!(stats["enhancedStats"].get("averageRating").is_none(), "nothing is rated, which is not a mean of 0");
    client.close().await;
}

#[tokio::test]
async fn without_an_app_each_tool_says_what_to_set() {
    let home = Home::at("http://127.0.0.1:9");
    let client = home.connect().await;
    for tool in ["trakt_authenticate", "trakt_complete_auth", "trakt_get_auth_status", "trakt_get_user_stats"] {
        let (text, said) = code(&client, tool, json!({})).await;
        assert!(said == "not_configured" && text.starts_with("TRAKT_CLIENT_ID is not set"), "{tool}: {text}");
    }
    client.close().await;
}

#[tokio::test]
async fn no_secret_is_in_any_answer_log_or_ledger() {
    let (_plex, trakt, mut home) = trakt(TraktOptions { token_life: 86_400, ..TraktOptions::default() }).await;
    home.set("RUST_LOG", "trace");
    home.policy("version = \"1\"\ndefault = \"allow\"\n[all_tools]\nlog_args = true\n");
    sign_in(&home, &trakt, now() - 86_000, 86_400);
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    raw.call("trakt_get_user_stats", json!({})).await;
    trakt.revoke();
    raw.call("trakt_get_auth_status", json!({})).await;
    let begun = raw.call("trakt_authenticate", json!({})).await;
    trakt.enter(begun["result"]["structuredContent"]["userCode"].as_str().unwrap());
    raw.call("trakt_complete_auth", json!({})).await;
    trakt.refuse(refusal("GET", "/users/me", 500, 9));
    raw.call("trakt_get_auth_status", json!({})).await;
    let (stdout, stderr) = raw.close().await;
    no_secrets(&stdout.concat());
    no_secrets(&stderr);
    assert!(stderr.contains("renewed"), "the log is there: {stderr}");
    for file in ["ledger.db", "ledger.db-wal"] {
        let bytes = std::fs::read(home.path(file)).unwrap_or_default();
        no_secrets(&String::from_utf8_lossy(&bytes));
    }
    assert_eq!(trakt.count("POST", "/oauth/token"), 2);
}
