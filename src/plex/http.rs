//! HTTP to Plex: one pooled client, the token in a header, time limits, retries of reads, and errors that say what to do.

use super::{error::PlexError, tls};
use crate::config::PlexServer;
use bytes::{Bytes, BytesMut};
use reqwest::{
    StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

const PATIENCE: Patience = Patience { connect: Duration::from_secs(5), read: Duration::from_secs(30) };
/// Further tries of a read that failed in passing.
const RETRIES: u32 = 3;
/// The longest wait that a server's `Retry-After` gets; beyond it the caller is told.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(10);
/// Requests under way at once. Plex answers from one SQLite database and gets slower, not faster, beyond a few.
const MAX_IN_FLIGHT: usize = 8;
/// The largest answer that is read; a page of a thousand rich rows is about 10 MB.
pub(super) const MAX_ANSWER_BYTES: usize = 64 << 20;
const MAX_REDIRECTS: usize = 5;

/// A read request: a path by segments, so that no value can leave its place, and a query.
#[derive(Clone, Debug)]
pub struct Get {
    /// What is asked for, in words, for errors: `item 42`.
    pub what: String,
    /// Path segments below the server's base path.
    pub path: Vec<String>,
    /// Query parameters, encoded when sent.
    pub query: Vec<(&'static str, String)>,
}

impl Get {
    /// A request for `path`, segment by segment.
    pub fn new<'s>(what: impl Into<String>, path: impl IntoIterator<Item = &'s str>) -> Self {
        Self { what: what.into(), path: path.into_iter().map(str::to_owned).collect(), query: Vec::new() }
    }

    /// The same request with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

/// A handle to the server for one call. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Plex {
    connection: Arc<Connection>,
    /// This call's requests that may have reached the server: all but those for which no connection was made.
    sent: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Connection {
    client: reqwest::Client,
    base: Url,
    in_flight: Semaphore,
    patience: Patience,
}

/// How long a server is waited for.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Until there is a connection.
    connect: Duration,
    /// The longest silence while an answer is awaited or read.
    read: Duration,
}

impl Plex {
    /// Prepares the client; nothing is sent.
    pub fn new(server: &PlexServer) -> Result<Self, PlexError> {
        Self::with_patience(server, PATIENCE)
    }

    fn with_patience(server: &PlexServer, patience: Patience) -> Result<Self, PlexError> {
        let mut token = HeaderValue::from_str(server.token.reveal())
            .map_err(|_| PlexError::Setup("PLEX_TOKEN holds characters that no token has".into()))?;
        token.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-plex-token"), token);
        headers.insert(HeaderName::from_static("x-plex-product"), HeaderValue::from_static("plex-mcp"));
        headers.insert(HeaderName::from_static("x-plex-version"), HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
        headers.insert(HeaderName::from_static("x-plex-client-identifier"), HeaderValue::from_static("plex-mcp"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/xml"));
        let client = build_client(headers, server, patience)?;
        let in_flight = Semaphore::new(MAX_IN_FLIGHT);
        let connection = Connection { client, base: server.url.clone(), in_flight, patience };
        Ok(Self { connection: Arc::new(connection), sent: Arc::default() })
    }

    /// The same connections for another call, with its own record of whether anything was sent.
    #[must_use]
    pub fn for_call(&self) -> Self {
        Self { connection: Arc::clone(&self.connection), sent: Arc::default() }
    }

    /// Whether a request of this handle may have reached the server.
    pub fn sent_anything(&self) -> bool {
        self.sent.load(Ordering::Relaxed) > 0
    }

    /// Scheme, host and port of the server.
    pub(super) fn address(&self) -> String {
        self.connection.address()
    }

    /// Reads an answer whole, trying again where the failure is a passing one.
    pub async fn get(&self, request: &Get) -> Result<String, PlexError> {
        let mut wait = Duration::from_millis(200);
        for _ in 0..RETRIES {
            let Failure { error, again } = match self.try_get(request).await {
                Ok(text) => return Ok(text),
                Err(failure) => failure,
            };
            let pause = match again {
                Again::Soon => wait,
                Again::After(asked) if asked <= MAX_RETRY_WAIT => asked,
                Again::No | Again::After(_) => return Err(error),
            };
            tracing::debug!(what = request.what, %error, "trying again");
            tokio::time::sleep(pause + jitter(wait)).await;
            wait *= 2;
        }
        self.try_get(request).await.map_err(|failure| failure.error)
    }

    async fn try_get(&self, request: &Get) -> Result<String, Failure> {
        let url = self.connection.url(request);
        // The semaphore is never closed; without a place the request simply goes.
        let _place = self.connection.in_flight.acquire().await.ok();
        // Counted before it goes: a call that is cancelled while it waits has sent its request.
        self.sent.fetch_add(1, Ordering::Relaxed);
        let answer = self.connection.client.get(url).send().await;
        if answer.as_ref().is_err_and(reqwest::Error::is_connect) {
            self.sent.fetch_sub(1, Ordering::Relaxed);
        }
        let mut answer = answer.map_err(|error| self.connection.failure(&error))?;
        let status = answer.status();
        if status != StatusCode::OK {
            return Err(self.connection.refused(request, status, answer.headers()));
        }
        let html = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| names_html(kind.as_bytes()));
        let expected = answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let mut body = BytesMut::with_capacity(expected.min(MAX_ANSWER_BYTES));
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.connection.failure(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(PlexError::TooLarge.into());
            }
            body.extend_from_slice(&chunk);
        }
        let body = body.freeze();
        if html || is_html(&body) {
            return Err(PlexError::WebPage { address: self.connection.address() }.into());
        }
        Ok(into_text(body))
    }
}

struct Failure {
    error: PlexError,
    again: Again,
}

/// Whether a read that failed is worth another try.
enum Again {
    No,
    Soon,
    /// As the server asked.
    After(Duration),
}

impl From<PlexError> for Failure {
    fn from(error: PlexError) -> Self {
        Self { error, again: Again::No }
    }
}

impl Connection {
    fn url(&self, request: &Get) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&request.path);
        }
        if !request.query.is_empty() {
            // Form encoding writes a space as `+`, which Plex takes literally.
            let query =
                url.query_pairs_mut().extend_pairs(&request.query).finish().query().map(|q| q.replace('+', "%20"));
            url.set_query(query.as_deref());
        }
        url
    }

    fn address(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        let address = self.address();
        let cause = innermost(error);
        if error.is_timeout() {
            let limit = if error.is_connect() { self.patience.connect } else { self.patience.read };
            return PlexError::Timeout { address, seconds: limit.as_secs() }.into();
        }
        if let Some(cause) = tls::refused_certificate(error) {
            return PlexError::Certificate { address, cause }.into();
        }
        if error.is_connect() {
            return PlexError::Unreachable { address, cause }.into();
        }
        Failure { error: PlexError::Interrupted { address, cause }, again: Again::Soon }
    }

    fn refused(&self, request: &Get, status: StatusCode, headers: &HeaderMap) -> Failure {
        let what = request.what.clone();
        let error = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => PlexError::Unauthorized,
            StatusCode::NOT_FOUND => PlexError::NotFound { what },
            StatusCode::TOO_MANY_REQUESTS => {
                let seconds = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
                return Failure {
                    error: PlexError::Busy { seconds: seconds.unwrap_or(1) },
                    again: seconds.map_or(Again::Soon, |seconds| Again::After(Duration::from_secs(seconds))),
                };
            }
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                return Failure { error: PlexError::Status { status: status.as_u16(), what }, again: Again::Soon };
            }
            // Within the server redirects are followed, unless there is no end to them.
            _ if status.is_redirection() && self.redirect_origin(headers) != self.address() => {
                PlexError::Redirect { to: self.redirect_origin(headers) }
            }
            _ => PlexError::Status { status: status.as_u16(), what },
        };
        error.into()
    }

    fn redirect_origin(&self, headers: &HeaderMap) -> String {
        headers
            .get(LOCATION)
            .and_then(|to| self.base.join(to.to_str().ok()?).ok())
            .map_or_else(|| "an unreadable address".into(), |to| to.origin().ascii_serialization())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where HTTP clients are made")]
fn build_client(headers: HeaderMap, server: &PlexServer, patience: Patience) -> Result<reqwest::Client, PlexError> {
    // The token must not leave the server's origin, and reqwest knows only the standard headers as sensitive.
    let same_origin = reqwest::redirect::Policy::custom(|attempt| {
        let stays = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        if stays && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
    });
    let builder = reqwest::Client::builder()
        .default_headers(headers)
        .redirect(same_origin)
        .connect_timeout(patience.connect)
        .read_timeout(patience.read)
        .referer(false);
    // Without encryption a proxy of the environment would see the token; and TLS is then never spoken, since redirects stay
    // with their origin, so that the machine need not have any certificates.
    if server.url.scheme() == "http" {
        return finish(builder.no_proxy().tls_danger_accept_invalid_certs(true));
    }
    finish(match tls::client_config(&server.tls)? {
        Some(config) => builder.tls_backend_preconfigured(config),
        None => builder.tls_danger_accept_invalid_certs(true),
    })
}

fn finish(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, PlexError> {
    builder.build().map_err(|error| PlexError::Setup(innermost(&error)))
}

/// The last cause in the chain: the only part that says more than "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = None;
    while let Some(error) = cause {
        text = Some(error.to_string());
        cause = error.source();
    }
    text.unwrap_or_else(|| {
        if error.is_body() || error.is_decode() { "the answer was cut".into() } else { "no details".into() }
    })
}

fn names_html(content_type: &[u8]) -> bool {
    let kind = content_type.to_ascii_lowercase();
    kind.starts_with(b"text/html") || kind.starts_with(b"application/xhtml")
}

/// Whether the first tag is one of a page for people; a comment or an XML declaration may stand before it.
fn is_html(body: &[u8]) -> bool {
    let start = body.get(..1_024).unwrap_or(body).to_ascii_lowercase();
    let find = |tag: &[u8]| memchr::memmem::find(&start, tag);
    let page = find(b"<html").or_else(|| find(b"<!doctype html"));
    page.is_some_and(|page| find(b"<mediacontainer").is_none_or(|container| page < container))
}

/// Seconds, from either of the forms that `Retry-After` has: a number, or a date.
fn retry_after(value: &str) -> Option<u64> {
    let value = value.trim();
    value.parse().ok().or_else(|| {
        let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
        Some(u64::try_from(at.as_second() - jiff::Timestamp::now().as_second()).unwrap_or(0))
    })
}

/// Plex passes on file names and tags in whatever encoding they have: what is not UTF-8 is replaced, not refused.
fn into_text(body: Bytes) -> String {
    String::from_utf8(body.into()).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Up to `most`, different in each process and call, so that clients that failed together do not return together.
fn jitter(most: Duration) -> Duration {
    let random = u32::try_from(uuid::Uuid::now_v7().as_u128() & 0xff).unwrap_or_default();
    most * random / 256
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Secret, TlsTrust};
    use std::time::Instant;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    async fn get(address: &str, patience: Patience) -> PlexError {
        let token: Secret = "abc".parse().expect("any text will do");
        let url = Url::parse(address).expect("an address");
        let plex = Plex::with_patience(&PlexServer { url, token, tls: TlsTrust::System }, patience).expect("a client");
        let error = plex.get(&Get::new("a test", ["test"])).await.expect_err("no answer");
        assert!(plex.sent_anything(), "it may have been sent");
        error
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
            let started = Instant::now();
            let error = get(&address, patience).await;
            let took = started.elapsed();
            assert_eq!(error.code(), "timeout", "{error}");
            assert!(error.to_string().contains(&address) && error.to_string().contains("within 1 s"), "{error}");
            assert!(took > patience.read && took < 2 * patience.read, "{took:?}");
            assert!(!silent.is_finished());
            silent.abort();
        }
    }

    #[test]
    fn a_page_for_people_is_told_from_an_answer_whatever_stands_before_it() {
        for page in [
            "<html>",
            " \n<HTML lang=en>",
            "<!DOCTYPE html><title>Plex</title>",
            "\u{feff}<!doctype HTML>",
            "<!-- saved -->\n<html><MediaContainer/>",
            "<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"-//W3C\"><html>",
        ] {
            assert!(is_html(page.as_bytes()), "{page}");
        }
        for answer in [
            "",
            "<MediaContainer/>",
            "<?xml version=\"1.0\"?>\n<MediaContainer><Video title=\"x <html>\"/>",
            "{\"MediaContainer\":{}}",
            "html",
        ] {
            assert!(!is_html(answer.as_bytes()), "{answer}");
        }
        assert!(names_html(b"Text/HTML; charset=utf-8") && names_html(b"application/xhtml+xml"));
        assert!(!names_html(b"text/xml;charset=utf-8"));
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
}
