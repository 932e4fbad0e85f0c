//! The HTTP side: listening, the token, the log of requests, deviations, bodies.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::demo::answers::Listing;
use crate::demo::catalog::Catalog;
use crate::demo::encode::{Encoder, Format};
use crate::demo::query::{Query, Window, next};
use crate::demo::routes::{Answer, Library, Request};
use crate::demo::{Deviations, FaultOfChange, Options, SeenRequest};

/// How many requests are remembered.
const REMEMBERED: usize = 10_000;
/// Lists of more rows than this are written piece by piece while they are sent.
const AT_ONCE: u64 = 2_000;
/// Rows of one such piece.
const PIECE: u64 = 500;
/// How long a connection that is to be dropped is kept after half of the body.
const BEFORE_BREAKING: Duration = Duration::from_millis(30);
const TOKEN: &str = "X-Plex-Token";

/// A running sample server. It listens on the loopback interface only, and stops when it is dropped.
#[derive(Debug)]
pub struct SamplePlex {
    shared: Arc<Shared>,
    address: SocketAddr,
    stopping: DropGuard,
    task: JoinHandle<io::Result<()>>,
}

#[derive(Debug)]
struct Shared {
    library: Library,
    token: String,
    deviations: Deviations,
    seen: Mutex<VecDeque<SeenRequest>>,
    requests: AtomicU64,
    answers: AtomicU64,
    changes: AtomicU64,
}

impl SamplePlex {
    /// Starts a server.
    ///
    /// # Errors
    /// Where the port can't be listened on.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let clock = options.clock.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
        });
        let shared = Arc::new(Shared {
            library: Library::new(Catalog::new(&options.library, clock, options.untidy)),
            token: options.token,
            deviations: options.deviations,
            seen: Mutex::default(),
            requests: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            changes: AtomicU64::new(0),
        });
        let stop = CancellationToken::new();
        let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        // A connection that can't be made quick is still a connection.
        let listener = listener.tap_io(|io| drop(io.set_nodelay(true)));
        let serving = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
        let task = tokio::spawn(async move { serving.await });
        Ok(Self { shared, address, stopping: stop.drop_guard(), task })
    }

    /// The server's address, such as `http://127.0.0.1:32400`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The token it accepts.
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// The last 10,000 requests, oldest first.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// How many requests came since the start.
    pub fn request_count(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Stops listening and waits, at most two seconds, for answers that are under way.
    pub async fn stop(self) {
        let Self { stopping, mut task, .. } = self;
        drop(stopping);
        if tokio::time::timeout(Duration::from_secs(2), &mut task).await.is_err() {
            task.abort();
        }
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // What was woken last stays with the thread that woke it; from the end of the queue another one can take it.
    tokio::task::yield_now().await;
    let number = next(&shared.requests);
    let query = Query::parse(&uri);
    remember(&shared, &method, &uri, &query, &headers);
    if let Some(delay) = shared.deviations.delay {
        tokio::time::sleep(delay).await;
    }
    if number <= u64::from(shared.deviations.fail_first) {
        return page(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    }
    let given = headers.get(TOKEN).and_then(|token| token.to_str().ok()).or_else(|| query.get(TOKEN));
    if uri.path() != "/identity" && given != Some(&shared.token) {
        return page(StatusCode::UNAUTHORIZED, "Unauthorized");
    }
    let Some(window) = Window::parse(&headers, &query, &shared.deviations) else {
        return page(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    let format = if accept.contains("application/json") { Format::Json } else { Format::Xml };
    let shrunk = shared.deviations.shrink_after.is_some_and(|after| number > after);
    let request = Request { method: method.as_str(), path: uri.path(), query, window, format, shrunk, body: &body };
    let fault = fault_of(&shared, &method);
    match fault {
        Some(FaultOfChange::CutBefore) => cut(),
        Some(FaultOfChange::Fails) => return page(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
        Some(FaultOfChange::Refused) => return page(StatusCode::BAD_REQUEST, "Bad Request"),
        Some(FaultOfChange::Ignored) => return StatusCode::OK.into_response(),
        Some(FaultOfChange::CutAfter) | None => {}
    }
    let answer = shared.library.answer(&request, &shared.deviations);
    if fault == Some(FaultOfChange::CutAfter) {
        cut();
    }
    match answer {
        Answer::Listing(listing) => send_listing(&shared, *listing, format),
        Answer::Document(body) => send(&shared, format, HeaderMap::new(), body),
        Answer::WebPage => ([(header::CONTENT_TYPE, "text/html")], WEB_PAGE).into_response(),
        Answer::Done => StatusCode::OK.into_response(),
        Answer::BadRequest => page(StatusCode::BAD_REQUEST, "Bad Request"),
        Answer::Forbidden => page(StatusCode::FORBIDDEN, "Forbidden"),
        Answer::NotFound => page(StatusCode::NOT_FOUND, "Not Found"),
    }
}

/// What goes wrong with this request, which is counted if it changes something.
fn fault_of(shared: &Shared, method: &Method) -> Option<FaultOfChange> {
    if method == Method::GET {
        return None;
    }
    let number = next(&shared.changes);
    shared.deviations.change_fault.filter(|fault| fault.number == number).map(|fault| fault.kind)
}

/// Drops the connection without an answer: what unwinds ends the connection's task, and with it the connection.
fn cut() -> ! {
    std::panic::resume_unwind(Box::new("the connection is to be cut"))
}

const WEB_PAGE: &str =
    "<!DOCTYPE html><html><head><title>Sample Plex</title></head><body>The web client.</body></html>";

/// Plex's page for what went wrong.
fn page(status: StatusCode, title: &str) -> Response {
    let script = if status == StatusCode::UNAUTHORIZED { "<script>window.location = '/web/';</script>" } else { "" };
    let number = status.as_u16();
    let body =
        format!("<html><head>{script}<title>{title}</title></head><body><h1>{number} {title}</h1></body></html>");
    (status, [(header::CONTENT_TYPE, "text/html")], body).into_response()
}

/// Keeps a request for those who want to know what was sent, without its token.
fn remember(shared: &Shared, method: &Method, uri: &Uri, query: &Query, headers: &HeaderMap) {
    // The names are compared decoded, so that no way of writing them lets a token through.
    let sent = uri.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty());
    let (tokens, rest): (Vec<_>, Vec<_>) =
        query.pairs().iter().zip(sent).partition(|((name, _), _)| name.eq_ignore_ascii_case(TOKEN));
    let rest: Vec<&str> = rest.into_iter().map(|(_, pair)| pair).collect();
    let mark = if rest.is_empty() { "" } else { "?" };
    let seen = SeenRequest {
        method: method.to_string(),
        path_and_query: format!("{}{mark}{}", uri.path(), rest.join("&")),
        token_in_header: headers.contains_key(TOKEN),
        token_in_url: !tokens.is_empty(),
        headers: headers
            .iter()
            .filter(|(name, _)| !name.as_str().eq_ignore_ascii_case(TOKEN))
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
    };
    let mut all = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() == REMEMBERED {
        all.pop_front();
    }
    all.push_back(seen);
}

fn send_listing(shared: &Arc<Shared>, listing: Listing, format: Format) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(total) = listing.page.total {
        headers.insert("X-Plex-Container-Total-Size", HeaderValue::from(total));
    }
    if let Some(offset) = listing.page.offset {
        headers.insert("X-Plex-Container-Start", HeaderValue::from(offset));
    }
    let (from, to) = listing.page.rows;
    if to - from <= AT_ONCE {
        let mut out = Encoder::new(format, listing.estimate()).without(&listing.without);
        let library = &shared.library;
        let overlay = library.overlay.read().unwrap_or_else(PoisonError::into_inner);
        listing.begin(&mut out, &library.catalog, &overlay);
        listing.write(&mut out, (&library.catalog, &overlay, &library.recent), from..to);
        out.close();
        return send(shared, format, headers, out.take());
    }
    let broken = Some(next(&shared.answers)) == shared.deviations.fail_after;
    let start = (Encoder::new(format, 1 << 20).without(&listing.without), from);
    let shared = Arc::clone(shared);
    let pieces = stream::unfold(start, move |(mut out, at)| {
        let piece = (at <= to).then(|| {
            if broken && at - from > (to - from) / 2 {
                return (Err(io::Error::from(io::ErrorKind::ConnectionReset)), (out, to + 1));
            }
            let library = &shared.library;
            let overlay = library.overlay.read().unwrap_or_else(PoisonError::into_inner);
            if at == from {
                listing.begin(&mut out, &library.catalog, &overlay);
            }
            let end = (at + PIECE).min(to);
            listing.write(&mut out, (&library.catalog, &overlay, &library.recent), at..end);
            // The piece behind the last row is only the end of the document, and moves past it.
            let after = if at == to {
                out.close();
                to + 1
            } else {
                end
            };
            (Ok(Bytes::from(out.take())), (out, after))
        });
        std::future::ready(piece)
    });
    respond(format, headers, Body::from_stream(pieces))
}

fn send(shared: &Shared, format: Format, headers: HeaderMap, body: Vec<u8>) -> Response {
    if Some(next(&shared.answers)) == shared.deviations.fail_after {
        let half = Bytes::from(body);
        let half = half.slice(..half.len() / 2);
        // The pause sends the half on its way before the connection is dropped.
        let broken = stream::unfold(Some(half), async |left| match left {
            Some(half) if !half.is_empty() => Some((Ok(half), Some(Bytes::new()))),
            _ => {
                tokio::time::sleep(BEFORE_BREAKING).await;
                Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None))
            }
        });
        return respond(format, headers, Body::from_stream(broken));
    }
    respond(format, headers, Body::from(body))
}

fn respond(format: Format, mut headers: HeaderMap, body: Body) -> Response {
    let kind = if format == Format::Json { "application/json" } else { "text/xml;charset=utf-8" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("X-Plex-Protocol", HeaderValue::from_static("1.0"));
    (headers, body).into_response()
}
