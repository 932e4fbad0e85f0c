use super::*;
use std::time::Instant;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

static SERVICE: Upstream = Upstream {
    noun: "test server",
    api: "test API",
    address_setting: "TEST_URL",
    credential: "key",
    on_unreachable: "start it",
    on_unauthorized: "get a new one",
    on_not_found: "look again",
    on_certificate: "get a better one",
    on_web_page: "use another address",
};

fn transport(address: &str, patience: Patience) -> (Transport, Sent) {
    let base = Url::parse(address).expect("an address");
    let (headers, tls) = (HeaderMap::new(), TlsTrust::System);
    let endpoint = Endpoint { service: &SERVICE, base, headers, tls: &tls, patience, max_in_flight: 8 };
    let sent = Sent::default();
    (Transport::new(endpoint).expect("a client").for_call(&sent), sent)
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_after_the_limit_and_not_asked_again() {
    for begin in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n<MediaContainer>"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let silent = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.read_exact(&mut [0; 8]).await.expect("a request");
                stream.write_all(begin.as_bytes()).await.expect("the client listens");
                held.push(stream);
                assert_eq!(held.len(), 1, "it was asked again");
            }
        });
        let patience = Patience { read: Duration::from_millis(1_200), ..PATIENCE };
        let (transport, sent) = transport(&address, patience);
        let started = Instant::now();
        let error = transport.get(&Get::new("a test", ["test"])).await.expect_err("no answer");
        let took = started.elapsed();
        assert!(sent.anything(), "it may have been sent");
        assert_eq!(error.code(), "timeout", "{error}");
        assert!(error.leaves_unknown(), "a change may have arrived");
        assert!(error.to_string().contains(&address) && error.to_string().contains("within 1 s"), "{error}");
        assert!(took > patience.read && took < 2 * patience.read, "{took:?}");
        assert!(!silent.is_finished());
        silent.abort();
    }
}

#[tokio::test]
async fn where_nothing_listens_nothing_was_sent() {
    let port = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let (transport, sent) = transport(&format!("http://{port}/"), PATIENCE);
    let error = transport.get(&Get::new("a test", ["test"])).await.expect_err("no answer");
    assert_eq!(error.code(), "unreachable");
    assert!(!error.leaves_unknown() && !sent.anything(), "{error}");
    assert!(error.to_string().starts_with("no test server answers at http://127.0.0.1:"), "{error}");
    assert!(error.to_string().ends_with(": start it"), "{error}");
}

#[test]
fn a_wait_is_read_as_seconds_and_as_a_date() {
    assert_eq!(retry_after(" 120 "), Some(120));
    assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0), "that time is past");
    let soon = jiff::Timestamp::now() + Duration::from_secs(3_600);
    let date = soon.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    assert!(retry_after(&date).is_some_and(|seconds| (3_590..=3_600).contains(&seconds)), "{date}");
    for odd in ["", "soon", "-1", "1.5"] {
        assert_eq!(retry_after(odd), None, "{odd}");
    }
}
