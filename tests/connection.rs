//! What goes wrong on the way to Plex is told in words that help, without the token, and is tried again only where that helps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use axum::response::Response;
use futures_util::future::join_all;
use plex_mcp::demo::{Options, SamplePlex};
use rcgen::KeyPair;
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};
use support::{
    Client, Home, TOKEN, home,
    trouble::{self, Seen, TlsListener, Trouble, answer, authority, certificate, forward, redirect, xml},
};
use tokio::net::TcpListener;

const SECTIONS: &str = r#"<MediaContainer size="1"><Directory key="1" type="movie" title="Shelf"/></MediaContainer>"#;

/// Text and code of `get_libraries`, which must fail.
async fn fail(client: &Client) -> (String, String) {
    let (text, error) = client.fail("get_libraries", json!({})).await;
    (text, error["code"].as_str().unwrap().to_owned())
}

/// The same for a server of its own.
async fn fail_at(url: impl Into<String>) -> (String, String) {
    let home = Home::at(url);
    let client = home.connect().await;
    let failed = fail(&client).await;
    client.close().await;
    failed
}

async fn titles(client: &Client) -> Vec<String> {
    let result = client.call("get_libraries", json!({})).await;
    let libraries = result["libraries"].as_array().unwrap().iter();
    libraries.map(|library| library["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_refused_token_is_told_in_words_without_the_servers_page_and_once() {
    const PAGE: &str = "<html><head><script>window.location='/web'</script><title>Unauthorized</title></head></html>";
    for status in [401, 403] {
        let server = Trouble::always(status, "text/html", PAGE).await;
        let home = Home::at(server.url());
        let client = home.connect().await;
        let calls = client.plex_calls().await;
        assert!(calls.len() >= 5, "{calls:?}");
        for (tool, arguments) in calls {
            let before = server.count();
            let (text, error) = client.fail(&tool, arguments).await;
            assert_eq!(error["code"], "unauthorized", "{tool}: {text}");
            assert!(!text.contains('<') && !text.contains("script") && !text.contains('\n'), "{tool}: {text}");
            assert!(text.contains("refused the token") && text.contains("PLEX_TOKEN"), "{tool}: {text}");
            let requests = server.count() - before;
            // Some tools ask for several things at once; none asks again for what was refused.
            assert!((1..=3).contains(&requests), "{tool} with {status}: {requests} requests");
        }
        client.close().await;
    }
}

/// Every file beneath a folder.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Calls every tool at `url` with everything logged, and looks for the token wherever it could have gone.
async fn look_for_token(scenario: &str, url: String) {
    let mut home = Home::at(url);
    home.set("RUST_LOG", "trace");
    let client = home.connect().await;
    let calls = client.plex_calls().await;
    client.close().await;
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    for (tool, arguments) in calls {
        raw.call(&tool, arguments).await;
    }
    let (lines, log) = raw.close().await;
    assert!(log.contains("TRACE"), "{scenario}: nothing was logged");
    let once = home.run(&["call", "get_libraries"]).await;
    let help = home.run(&["--help"]).await;
    let wrong = home.run(&["--no-such-flag"]).await;
    let printed = [once, help, wrong].map(|finished| finished.stdout + &finished.stderr);
    for text in lines.iter().chain([&log]).chain(&printed) {
        assert!(!text.to_uppercase().contains("CANARY"), "{scenario}: the token is in: {text}");
    }
    let kept = files(home.dir.path());
    assert!(kept.iter().any(|path| path.ends_with("ledger.db")), "{kept:?}");
    for path in kept {
        let bytes = fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("CANARY"), "{scenario}: the token is in {}", path.display());
    }
}

#[tokio::test]
async fn the_token_is_nowhere_to_be_seen_whatever_goes_wrong() {
    let (resetting, _) = trouble::raw(|stream| async move { drop(stream) }).await;
    let echo = |status: u16, kind: &'static str| async move {
        Trouble::start(move |seen: Seen| async move { answer(status, kind, seen.echo()) }).await
    };
    let echoing = [
        echo(500, "text/plain").await,
        echo(401, "text/html").await,
        echo(404, "text/plain").await,
        echo(200, "text/plain").await,
        echo(200, "text/html").await,
    ];
    let elsewhere =
        Trouble::start(async |_| redirect(302, "http://127.0.0.1:9/elsewhere?X-Plex-Token=tok-CANARY-123")).await;
    let well = SamplePlex::start(Options { token: TOKEN.into(), untidy: true, ..Options::default() }).await.unwrap();
    let mut scenarios = vec![
        ("resets", format!("http://{resetting}")),
        ("redirects", elsewhere.url()),
        ("goes well", well.url()),
        ("is not there", format!("http://{}", trouble::nobody().await)),
        ("is misspelt", format!("http://127.0.0.1:1/?X-Plex-Token={TOKEN}")),
        ("has a user", format!("http://me:{TOKEN}@127.0.0.1:1/")),
    ];
    scenarios.extend(echoing.iter().map(|server| ("echoes", server.url())));
    join_all(scenarios.into_iter().map(|(scenario, url)| look_for_token(scenario, url))).await;
    // They did get it, in its header and nowhere else.
    for server in &echoing {
        let requests = server.requests();
        assert!(!requests.is_empty());
        for request in requests {
            assert_eq!(request.headers["x-plex-token"], TOKEN);
            assert!(!request.query.contains("CANARY") && !request.path.contains("CANARY"));
        }
    }
    assert!(well.requests().iter().all(|request| request.token_in_header && !request.token_in_url));
    assert!(well.request_count() > 5);
}

#[tokio::test]
async fn no_redirect_takes_the_token_to_another_origin() {
    let other = Trouble::always(200, "text/xml", SECTIONS).await;
    let port = other.address.port();
    for status in [301, 302, 303, 307, 308] {
        for to in [
            format!("http://127.0.0.1:{port}/library/sections"),
            format!("http://localhost:{port}/library/sections?X-Plex-Token=abc"),
            format!("https://127.0.0.1:{port}/library/sections"),
            format!("//127.0.0.1:{port}/"),
            format!("http://user:pass@127.0.0.1:{port}/"),
        ] {
            let location = to.clone();
            let server = Trouble::start(move |_| std::future::ready(redirect(status, &location))).await;
            let (text, code) = fail_at(server.url()).await;
            assert_eq!(code, "redirected", "{status} to {to}: {text}");
            assert!(text.contains(&format!(":{port})")) && text.contains("PLEX_URL"), "{text}");
            assert!(!text.contains("X-Plex-Token") && !text.contains("pass"), "{text}");
            assert_eq!(server.count(), 1);
        }
    }
    // Nor does a redirect of a redirect, or one to the same host with another scheme.
    let away = format!("http://127.0.0.1:{port}/away");
    let server = Trouble::start(move |seen: Seen| {
        let answer = if seen.path == "/next" { redirect(302, &away) } else { redirect(302, "/next") };
        std::future::ready(answer)
    })
    .await;
    assert_eq!(fail_at(server.url()).await.1, "redirected");
    assert_eq!(server.count(), 2);
    assert_eq!(other.count(), 0, "{:?}", other.requests());
}

#[tokio::test]
async fn redirects_within_the_server_are_followed_to_an_end() {
    for status in [301, 302, 303, 307, 308] {
        for absolute in [false, true] {
            let server = Trouble::start(move |seen: Seen| async move {
                let base =
                    if absolute { format!("http://{}", seen.headers["host"].to_str().unwrap()) } else { String::new() };
                match seen.path.as_str() {
                    "/moved/twice" => xml(SECTIONS),
                    "/moved" => redirect(status, &format!("{base}/moved/twice")),
                    "/library/sections" => redirect(status, &format!("{base}/moved")),
                    _ => xml(r#"<MediaContainer size="0" totalSize="7"/>"#),
                }
            })
            .await;
            let home = Home::at(server.url());
            let client = home.connect().await;
            let result = client.call("get_libraries", json!({})).await;
            assert_eq!(result["libraries"][0]["count"], 7, "{status}");
            client.close().await;
            assert!(server.requests().iter().all(|request| request.headers["x-plex-token"] == TOKEN));
        }
    }
    let circle = Trouble::start(async |_| redirect(302, "/library/sections")).await;
    let (text, code) = fail_at(circle.url()).await;
    assert_eq!(code, "bad_answer", "{text}");
    assert!(text.contains("302") && !text.contains("another address"), "{text}");
    assert!(circle.count() <= 7, "{} requests", circle.count());
}

async fn over_tls((certificate, key): &(rcgen::Certificate, KeyPair)) -> Trouble {
    Trouble::on(TlsListener::bind(certificate, key).await, async |_| xml(SECTIONS))
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_named_with_three_ways_out() {
    let (root, ca) = authority();
    let own = certificate(&["*.0123.plex.direct"], None);
    let signed = certificate(&["*.0123.plex.direct", "192.168.1.2"], Some(&ca));
    let fitting = certificate(&["127.0.0.1", "localhost"], Some(&ca));
    // Its own, one of nobody that is known, and a known authority's for another name.
    for (made, trusted, why) in [
        (&own, false, "nobody that is trusted has signed it"),
        (&signed, false, "nobody that is trusted has signed it"),
        (&signed, true, "for another name"),
    ] {
        let server = over_tls(made).await;
        let mut home = Home::at(format!("https://{}", server.address));
        if trusted {
            fs::write(home.path("ca.pem"), root.pem()).unwrap();
            home.set("PLEX_CA_FILE", home.path("ca.pem").to_str().unwrap());
        }
        let client = home.connect().await;
        let (text, code) = fail(&client).await;
        client.close().await;
        assert_eq!(code, "certificate", "{text}");
        let address = format!("https://{}", server.address);
        for part in
            [&address, why, "*.0123.plex.direct", "PLEX_URL", "plex.direct", "PLEX_CA_FILE", "PLEX_INSECURE_TLS=1"]
        {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
        assert_eq!(text.contains("192.168.1.2"), made.0 == signed.0, "{text}");
        assert_eq!(server.count(), 0, "a request was sent over a connection that is not trusted");

        home.set("PLEX_INSECURE_TLS", "1");
        let client = home.connect().await;
        assert_eq!(titles(&client).await, ["Shelf"]);
        client.close().await;
        let (_, log) = {
            let mut raw = home.raw();
            raw.initialize("2025-11-25").await;
            raw.close().await
        };
        assert!(log.contains("PLEX_INSECURE_TLS"), "it is said aloud: {log}");
    }
    let server = over_tls(&fitting).await;
    let mut home = Home::at(format!("https://{}", server.address));
    assert_eq!(fail_at(&home.url).await.1, "certificate");
    fs::write(home.path("ca.pem"), format!("{}{}", certificate(&["x.example"], None).0.pem(), root.pem())).unwrap();
    home.set("PLEX_CA_FILE", home.path("ca.pem").to_str().unwrap());
    for host in ["127.0.0.1", "localhost"] {
        home.url = format!("https://{host}:{}", server.address.port());
        let client = home.connect().await;
        assert_eq!(titles(&client).await, ["Shelf"], "{host}");
        client.close().await;
    }
    assert!(server.requests().iter().all(|request| request.headers["x-plex-token"] == TOKEN));
}

#[tokio::test]
async fn a_file_of_authorities_that_holds_none_is_called_out() {
    let server = over_tls(&certificate(&["127.0.0.1"], None)).await;
    let (root, _) = authority();
    let mut broken = root.pem();
    broken.replace_range(60..64, "!!!!");
    let key = KeyPair::generate().unwrap().serialize_pem();
    for content in [&b""[..], b"garbage", b"\xff\xfe\x00", root.der(), broken.as_bytes(), key.as_bytes()] {
        let mut home = Home::at(format!("https://{}", server.address));
        fs::write(home.path("ca.pem"), content).unwrap();
        home.set("PLEX_CA_FILE", home.path("ca.pem").to_str().unwrap());
        let client = home.connect().await;
        let (text, code) = fail(&client).await;
        client.close().await;
        assert!(["setup", "not_configured"].contains(&&*code), "{code}: {text}");
        assert!(text.contains("PLEX_CA_FILE"), "{text}");
    }
    let mut home = Home::at(format!("https://{}", server.address));
    home.set("PLEX_CA_FILE", home.path("no-such-file.pem").to_str().unwrap());
    let client = home.connect().await;
    let (text, code) = fail(&client).await;
    client.close().await;
    assert_eq!(code, "not_configured", "{text}");
    assert!(text.contains("PLEX_CA_FILE"), "{text}");
}

#[tokio::test]
async fn a_page_for_people_is_told_from_an_answer_of_plex() {
    for (kind, body) in [
        ("text/html", "<html><body>Welcome</body></html>"),
        ("text/html;charset=utf-8", ""),
        ("Text/HTML", "Not a tag in it"),
        ("text/plain", "<!DOCTYPE html><html></html>"),
        ("text/xml", "\u{feff}\n<!doctype HTML>\n<title>Sign in</title>"),
        ("application/xml", "<?xml version=\"1.0\"?>\n<!-- proxy -->\n<html xmlns=\"http://www.w3.org/1999/xhtml\"/>"),
        ("application/xhtml+xml", "<x/>"),
    ] {
        let server = Trouble::always(200, kind, body).await;
        let home = Home::at(format!("{}/web/", server.url()));
        let client = home.connect().await;
        for (tool, arguments) in client.plex_calls().await {
            let (text, error) = client.fail(&tool, arguments).await;
            assert_eq!(error["code"], "wrong_address", "{tool} of {kind} {body}: {text}");
            assert!(
                text.contains(&server.url()) && text.contains("web page") && text.contains("without /web"),
                "{text}"
            );
            assert!(!text.contains('<'), "{text}");
        }
        client.close().await;
    }
    // The sample server has a web client as Plex has, and nothing of Plex's below other paths.
    let (plex, mut home) = home(Options::default()).await;
    for path in ["/web", "/web/", "/web/index.html", "/web/#!/settings"] {
        home.url = format!("{}{path}", plex.url());
        let client = home.connect().await;
        let (text, code) = fail(&client).await;
        client.close().await;
        assert_eq!(code, "wrong_address", "{path}: {text}");
        assert!(text.contains("without /web"), "{text}");
    }
    let (text, code) = fail_at(format!("{}/plex", plex.url())).await;
    assert_eq!(code, "wrong_address", "{text}");
    assert!(text.contains("PLEX_URL") && !text.contains("deleted"), "{text}");
}

#[tokio::test]
async fn what_is_not_plexs_xml_is_an_error_and_no_empty_result() {
    let row = r#"<Video ratingKey="1" type="movie" title="A"/>"#;
    for (body, said) in [
        (String::new(), "no XML"),
        (" \n".into(), "no XML"),
        (r#"{"MediaContainer":{"size":1,"Metadata":[{"ratingKey":"1"}]}}"#.into(), "no XML"),
        ("upstream is down".into(), "no XML"),
        ("<MediaContainer".into(), "ends in the middle"),
        (format!(r#"<MediaContainer size="2" totalSize="2">{row}"#), "ends in the middle"),
        (format!(r#"<MediaContainer size="2" totalSize="2">{row}<Video ratingKey="2" ti"#), "ends in the middle"),
        (format!("<MediaContainer size=\"2\" totalSize=\"2\">{row}</Other>"), "broken"),
        ("<Response code=\"500\" status=\"Internal\"/>".into(), "Response"),
        ("<error><MediaContainer/></error>".into(), "error"),
        ("<ev\u{202e}il\u{1b}[31m/>".into(), "not a"),
        (format!("<MediaContainer><ev\u{202e}il\u{1b}[31m>{row}</MediaContainer>"), "broken"),
    ] {
        for kind in ["text/xml", "application/json"] {
            let server = Trouble::always(200, kind, body.clone()).await;
            let home = Home::at(server.url());
            let client = home.connect().await;
            for (tool, arguments) in client.plex_calls().await {
                let (text, error) = client.fail(&tool, arguments).await;
                assert_eq!(error["code"], "bad_answer", "{tool} of {body}: {text}");
                assert!(text.contains(said), "{tool} of {body}: {text}");
                assert!(!text.contains(['\u{202e}', '\u{1b}']), "{text:?}");
                assert!(!error.to_string().contains(['\u{202e}', '\u{1b}']), "{error}");
            }
            client.close().await;
        }
    }
}

#[tokio::test]
async fn settings_that_are_missing_or_not_filled_in_are_named_by_every_tool_while_the_server_runs() {
    const URL: &str = "http://127.0.0.1:9";
    for (name, value, variable) in [
        ("PLEX_URL", "", "PLEX_URL is not set"),
        ("PLEX_URL", " ", "PLEX_URL is not set"),
        ("PLEX_URL", "${PLEX_URL}", "PLEX_URL holds"),
        ("PLEX_URL", "${user_config.plex_url}", "PLEX_URL holds"),
        ("PLEX_URL", "\"http://127.0.0.1:32400\"", "PLEX_URL holds"),
        ("PLEX_URL", "http://${HOST}:32400", "PLEX_URL holds"),
        ("PLEX_URL", "http://your_plex_server:32400", "PLEX_URL holds"),
        ("PLEX_URL", "ftp://127.0.0.1", "PLEX_URL can't be used"),
        ("PLEX_URL", "http://", "PLEX_URL can't be used"),
        ("PLEX_URL", "http://[::1", "PLEX_URL can't be used"),
        ("PLEX_URL", "http://127.0.0.1:99999", "PLEX_URL can't be used"),
        ("PLEX_TOKEN", "", "PLEX_TOKEN is not set"),
        ("PLEX_TOKEN", "${PLEX_TOKEN}", "PLEX_TOKEN holds"),
        ("PLEX_TOKEN", "%PLEX_TOKEN%", "PLEX_TOKEN holds"),
        ("PLEX_TOKEN", "<your token here>", "PLEX_TOKEN holds"),
        ("PLEX_TOKEN", "your_plex_token_here", "PLEX_TOKEN holds"),
        ("PLEX_TOKEN", "{{token}}", "PLEX_TOKEN holds"),
        ("PLEX_TOKEN", "'abcdefgh'", "PLEX_TOKEN holds"),
        ("PLEX_TOKEN", "abc\ndef", "PLEX_TOKEN holds"),
        ("PLEX_TOKEN", "abc def", "PLEX_TOKEN holds"),
        ("PLEX_INSECURE_TLS", "${user_config.insecure}", "PLEX_INSECURE_TLS holds"),
        ("PLEX_INSECURE_TLS", "perhaps", "PLEX_INSECURE_TLS must be"),
        ("PLEX_CA_FILE", "no/such/file", "PLEX_CA_FILE"),
    ] {
        let mut home = Home::at(URL);
        home.set(name, value);
        let mut raw = home.raw();
        raw.initialize("2025-11-25").await;
        let tools = raw.request("tools/list", json!({})).await["result"]["tools"].as_array().unwrap().len();
        let (_, log) = raw.close().await;
        let client = home.connect().await;
        let calls = client.plex_calls().await;
        assert!(calls.len() >= 5 && calls.len() <= tools);
        for (tool, arguments) in calls {
            let (text, error) = client.fail(&tool, arguments).await;
            assert!(
                ["not_configured", "setup"].contains(&error["code"].as_str().unwrap()),
                "{tool} {name}={value}: {text}"
            );
            assert!(text.contains(variable), "{tool} {name}={value}: {text}");
            assert!(
                value.trim().len() < 5 || !text.contains(value) || value == "http://",
                "{name}: the value is shown: {text}"
            );
        }
        client.close().await;
        assert!(home.files().is_empty(), "{:?}", home.files());
        // And at the start, for who reads logs.
        assert!(log.contains(variable), "{name}={value}: {log}");
        assert!(!log.contains("panicked"), "{log}");
    }
}

#[tokio::test]
async fn without_any_setting_the_server_runs_and_says_what_to_set() {
    let home = Home::at("");
    let bare = || {
        let mut command = home.command();
        for name in ["PLEX_URL", "PLEX_TOKEN", "PLEX_POLICY", "PLEX_LEDGER", "PLEX_EXPORT_DIR"] {
            command.env_remove(name);
        }
        command
    };
    let mut empty = home.command();
    for name in [
        "PLEX_URL",
        "PLEX_TOKEN",
        "PLEX_TOKEN_FILE",
        "PLEX_POLICY",
        "PLEX_LEDGER",
        "PLEX_EXPORT_DIR",
        "PLEX_GRANT",
        "PLEX_CA_FILE",
        "PLEX_INSECURE_TLS",
    ] {
        empty.env(name, "");
    }
    let mut without_token = bare();
    without_token.env("PLEX_URL", "http://127.0.0.1:9");
    for (command, variable) in [(bare(), "PLEX_URL"), (empty, "PLEX_URL"), (without_token, "PLEX_TOKEN")] {
        let client = Client::of(command).await;
        for (tool, arguments) in client.plex_calls().await {
            let (text, error) = client.fail(&tool, arguments).await;
            assert_eq!(error["code"], "not_configured", "{tool}: {text}");
            assert!(text.starts_with(&format!("{variable} is not set")), "{tool}: {text}");
        }
        client.close().await;
    }
}

#[tokio::test]
async fn the_token_may_come_from_a_file_and_flags_win_over_variables() {
    let (plex, home) = home(Options::default()).await;
    let file = home.path("token.txt");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let flags = |pairs: &[(&str, &str)]| {
        let mut command = home.command();
        command.env("PLEX_TOKEN", "wrong").env("PLEX_URL", "http://127.0.0.1:9");
        command.args(pairs.iter().flat_map(|(name, value)| [name, value]));
        command
    };
    for set in ["", "   "] {
        let mut command = home.command();
        command.env("PLEX_TOKEN", set).env("PLEX_TOKEN_FILE", &file);
        let client = Client::of(command).await;
        assert_eq!(titles(&client).await[0], "Movies");
        client.close().await;
    }
    let mut command = home.command();
    command.env_remove("PLEX_TOKEN").env("PLEX_TOKEN_FILE", &file);
    let client = Client::of(command).await;
    assert_eq!(titles(&client).await[0], "Movies");
    client.close().await;

    let url = plex.url();
    let client = Client::of(flags(&[("--plex-url", &url), ("--plex-token", TOKEN)])).await;
    assert_eq!(titles(&client).await[0], "Movies");
    client.close().await;
    let client = Client::of(flags(&[("--plex-url", &url)])).await;
    assert_eq!(fail(&client).await.1, "unauthorized", "the variable counts where there is no flag");
    client.close().await;

    for (content, said) in [(None, "PLEX_TOKEN_FILE"), (Some("\n"), "PLEX_TOKEN"), (Some("${TOKEN}"), "PLEX_TOKEN")] {
        fs::remove_file(&file).unwrap_or_default();
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
        }
        let mut command = home.command();
        command.env_remove("PLEX_TOKEN").env("PLEX_TOKEN_FILE", &file);
        let client = Client::of(command).await;
        let (text, code) = fail(&client).await;
        client.close().await;
        assert_eq!(code, "not_configured", "{text}");
        assert!(text.contains(said), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_at_once_with_its_address() {
    let nobody = trouble::nobody().await;
    for address in
        [format!("http://{nobody}"), format!("https://{nobody}"), format!("http://localhost:{}", nobody.port())]
    {
        let home = Home::at(format!("{address}/plex"));
        let client = home.connect().await;
        for (tool, arguments) in client.plex_calls().await {
            let started = Instant::now();
            let (text, error) = client.fail(&tool, arguments).await;
            assert_eq!(error["code"], "unreachable", "{tool}: {text}");
            assert!(text.contains(&address) && text.contains("PLEX_URL"), "{tool}: {text}");
            assert!(started.elapsed() < Duration::from_secs(3), "{tool} took {:?}", started.elapsed());
        }
        client.close().await;
    }
    // TLS spoken to a server without it.
    let plain = Trouble::always(200, "text/xml", SECTIONS).await;
    let (text, code) = fail_at(format!("https://{}", plain.address)).await;
    assert_eq!(code, "unreachable", "{text}");
    assert!(text.contains(&format!("https://{}", plain.address)), "{text}");
}

#[tokio::test]
async fn a_read_that_fails_in_passing_is_tried_again_three_times() {
    let passing = [502, 503, 504, 429].into_iter().flat_map(|status| [(status, 1), (status, 3), (status, usize::MAX)]);
    join_all(passing.map(|(status, failing)| async move {
        let server = Trouble::start(move |seen: Seen| async move {
            if seen.number < failing { answer(status, "text/html", "<html>busy</html>") } else { xml(SECTIONS) }
        })
        .await;
        let home = Home::at(server.url());
        let client = home.connect().await;
        if failing == usize::MAX {
            let (text, code) = fail(&client).await;
            assert_eq!(code, if status == 429 { "rate_limited" } else { "bad_answer" }, "{text}");
            assert!(status == 429 || text.contains(&status.to_string()), "{text}");
            assert_eq!(server.count(), 4, "{status}");
        } else {
            assert_eq!(titles(&client).await, ["Shelf"], "{status}");
            // One more for the count of the library.
            assert_eq!(server.count(), failing + 2, "{status}");
        }
        client.close().await;
    }))
    .await;
    for status in [400, 404, 500, 501] {
        let server = Trouble::always(status, "text/html", "<html>broken</html>").await;
        let home = Home::at(server.url());
        let client = home.connect().await;
        let (text, error) = client.fail("get_media_details", json!({"ratingKey": "5"})).await;
        let expected = if status == 404 { "not_found" } else { "bad_answer" };
        assert_eq!(error["code"], expected, "{status}: {text}");
        assert!(text.contains("item 5") && !text.contains('<'), "{text}");
        assert_eq!(server.count(), 1, "{status}");
        client.close().await;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again() {
    let (resetting, connections) = trouble::raw(|stream| async move { drop(stream) }).await;
    let (text, code) = fail_at(format!("http://{resetting}")).await;
    assert_eq!(code, "unreachable", "{text}");
    assert!(text.contains(&resetting.to_string()) && text.contains("broke off"), "{text}");
    assert_eq!(*connections.lock().unwrap(), 4);
    let (plex, home) = home(Options {
        deviations: plex_mcp::demo::Deviations { fail_after: Some(1), ..Default::default() },
        ..Options::default()
    })
    .await;
    let client = home.connect().await;
    assert_eq!(titles(&client).await[0], "Movies", "an answer that was cut is asked for again");
    client.close().await;
    let lists = plex.requests().iter().filter(|request| request.path_and_query == "/library/sections").count();
    assert_eq!(lists, 2);
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_waited_for_a_little_while_and_never_long() {
    let wait = |header: &'static str, until: usize| async move {
        Trouble::start(move |seen: Seen| async move {
            if seen.number < until {
                let mut busy = answer(429, "text/plain", "slow down");
                busy.headers_mut().insert("retry-after", header.parse().unwrap());
                busy
            } else {
                xml(SECTIONS)
            }
        })
        .await
    };
    let server = wait("1", 2).await;
    let home = Home::at(server.url());
    let client = home.connect().await;
    let started = Instant::now();
    assert_eq!(titles(&client).await, ["Shelf"]);
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
    client.close().await;
    for (header, seconds) in [("3600", "3600 s"), ("11", "11 s"), ("Thu, 01 Jan 2099 00:00:00 GMT", " s before")] {
        let server = wait(header, usize::MAX).await;
        let started = Instant::now();
        let (text, code) = fail_at(server.url()).await;
        assert_eq!(code, "rate_limited", "{text}");
        assert!(text.contains(seconds), "{text}");
        assert!(started.elapsed() < Duration::from_secs(2), "{header}: {:?}", started.elapsed());
        assert_eq!(server.count(), 1, "{header}");
    }
}

#[tokio::test]
async fn addresses_of_every_form_lead_to_the_server() {
    let (plex, mut home) = home(Options::default()).await;
    let below = trouble::below(&plex, "/a/plex").await;
    let port = plex.url().rsplit_once(':').unwrap().1.to_owned();
    let mut addresses = vec![
        below.url() + "/a/plex",
        below.url() + "/a/plex/",
        format!("{}/a/plex/#!/server", below.url()),
        below.url().replace("http://", "") + "/a/plex",
        plex.url() + "/",
        format!("  {}  ", plex.url()),
        format!("127.0.0.1:{port}"),
        format!("HTTP://LOCALHOST:{port}"),
    ];
    let sample = plex.url();
    let six = TcpListener::bind("[::1]:0").await.ok().map(|listener| {
        Trouble::on(listener, move |seen: Seen| {
            let sample = sample.clone();
            async move { forward(&sample, "", &seen).await }
        })
    });
    match &six {
        Some(six) => addresses.extend([six.url(), six.url() + "/", six.address.to_string()]),
        None => eprintln!("this machine has no IPv6"),
    }
    for address in addresses {
        home.url.clone_from(&address);
        let client = home.connect().await;
        let result = client.call("get_libraries", json!({})).await;
        assert_eq!(result["libraries"][0]["count"], 250, "{address}");
        let item = client.call("get_media_details", json!({"ratingKey": "1000"})).await;
        assert_eq!(item["details"]["ratingKey"], "1000", "{address}");
        client.close().await;
    }
    assert!(below.requests().iter().all(|request| !request.path.contains("//")), "{:?}", below.requests());
}

const ONE_A_MINUTE: &str = "version = \"1\"\ndefault = \"allow\"\n[tools.get_libraries]\n\
    limits = [{ counter = \"libraries\", window = \"minute\", max = 1 }]\n";

async fn limited(url: String) -> (Home, Client) {
    let home = Home::at(url);
    home.policy(ONE_A_MINUTE);
    let client = home.connect().await;
    (home, client)
}

fn is_limited(error: &Value) -> bool {
    error["denied"] == true && error["retryAfterSeconds"].is_u64()
}

#[tokio::test]
async fn only_a_call_of_which_nothing_was_sent_does_not_count() {
    // Nobody was there: the unit is given back, as often as it happens.
    let nobody = trouble::nobody().await;
    let (_home, client) = limited(format!("http://{nobody}")).await;
    for _ in 0..3 {
        assert_eq!(fail(&client).await.1, "unreachable");
    }
    let options = Options { token: TOKEN.into(), port: nobody.port(), ..Options::default() };
    let plex = SamplePlex::start(options).await.unwrap();
    assert_eq!(titles(&client).await[0], "Movies");
    let (text, error) = client.fail("get_libraries", json!({})).await;
    assert!(is_limited(&error), "{text}");
    client.close().await;
    plex.stop().await;
    // A setting is missing: there was nobody to send to.
    let (_home, client) = limited("${PLEX_URL}".into()).await;
    for _ in 0..2 {
        assert_eq!(fail(&client).await.1, "not_configured");
    }
    client.close().await;
    // Somebody was: whatever the answer, the call counts.
    let (resetting, _) = trouble::raw(|stream| async move { drop(stream) }).await;
    let broken = [
        Trouble::always(500, "text/plain", "broken").await,
        Trouble::always(401, "text/plain", "no").await,
        Trouble::always(200, "text/html", "<html>").await,
        Trouble::always(302, "text/plain", "no location").await,
    ];
    for url in broken.iter().map(Trouble::url).chain([format!("http://{resetting}")]) {
        let (_home, client) = limited(url.clone()).await;
        fail(&client).await;
        let before = broken.iter().map(Trouble::count).sum::<usize>();
        let (text, error) = client.fail("get_libraries", json!({})).await;
        assert!(is_limited(&error), "{url}: {text}");
        assert_eq!(broken.iter().map(Trouble::count).sum::<usize>(), before, "{url}");
        client.close().await;
    }
}

#[tokio::test]
async fn a_call_that_is_cancelled_while_it_waits_for_plex_counts() {
    let server = Trouble::start(async |_| -> Response { std::future::pending().await }).await;
    let home = Home::at(server.url());
    home.policy(ONE_A_MINUTE);
    let mut raw = home.raw();
    raw.initialize("2025-11-25").await;
    let id = raw.begin("tools/call", json!({"name": "get_libraries", "arguments": {}})).await;
    while server.count() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    raw.send(&cancel.to_string()).await;
    // The row of the cancelled call ends before the next call is judged.
    while home.rows().await.iter().any(|row| row.outcome.is_none()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let second = raw.call("get_libraries", json!({})).await;
    assert!(is_limited(&second["result"]["structuredContent"]), "{second}");
    assert_eq!(server.count(), 1);
    raw.close().await;
}

#[tokio::test]
async fn a_proxy_of_the_environment_never_sees_the_token() {
    let (_plex, mut home) = home(Options::default()).await;
    // Nobody listens there: a request that went by the proxy would fail.
    let proxy = format!("http://{}", trouble::nobody().await);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        home.set(name, proxy.clone());
    }
    let client = home.connect().await;
    client.call("get_libraries", json!({})).await;
    client.close().await;
}
