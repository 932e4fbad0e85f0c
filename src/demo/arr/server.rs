//! The HTTP side: listening, the key, the URL base, the log of requests, deviations, bodies.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::demo::arr::routes::{self, Answer};
use crate::demo::arr::shelf::{Changes, Shelf};
use crate::demo::arr::{ArrOptions, DropPost, SeenArrRequest};
use crate::demo::query::{Query, next};

/// How many requests are remembered.
const REMEMBERED: usize = 10_000;
/// Titles of one piece of the list of all.
const PIECE: usize = 200;
const MAX_BODY: usize = 1 << 20;
const KEY: &str = "X-Api-Key";

/// A running sample Sonarr or Radarr. It listens on the loopback interface only, and stops when it is dropped.
#[derive(Debug)]
pub struct SampleArr {
    shared: Arc<Shared>,
    address: SocketAddr,
    _stopping: DropGuard,
    _task: JoinHandle<io::Result<()>>,
}

#[derive(Debug)]
struct Shared {
    options: ArrOptions,
    clock: i64,
    changes: RwLock<Changes>,
    seen: Mutex<VecDeque<SeenArrRequest>>,
    requests: AtomicU64,
}

impl SampleArr {
    /// Starts a server.
    ///
    /// # Errors
    /// Where the port can't be listened on.
    pub async fn start(options: ArrOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let clock = options.clock.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
        });
        let shared = Arc::new(Shared {
            options,
            clock,
            changes: RwLock::default(),
            seen: Mutex::default(),
            requests: AtomicU64::new(0),
        });
        let stop = CancellationToken::new();
        let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let serving = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
        let task = tokio::spawn(async move { serving.await });
        Ok(Self { shared, address, _stopping: stop.drop_guard(), _task: task })
    }

    /// The server's address with its URL base, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.shared.options.base)
    }

    /// The key it accepts.
    pub fn api_key(&self) -> &str {
        &self.shared.options.api_key
    }

    /// The last 10,000 requests, oldest first.
    pub fn requests(&self) -> Vec<SeenArrRequest> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// How many requests came since the start.
    pub fn request_count(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let number = next(&shared.requests);
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.unwrap_or_default();
    remember(&shared, &head, &body);
    let deviations = &shared.options.deviations;
    if let Some(delay) = deviations.delay {
        tokio::time::sleep(delay).await;
    }
    if number <= u64::from(deviations.fail_first) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let path = head.uri.path();
    let beneath = path.strip_prefix(shared.options.base.as_str()).filter(|path| path.starts_with('/'));
    // Before version 3 the API had no number in its path.
    let (api, old) = if shared.options.major() < 3 { ("/api/", true) } else { ("/api/v3/", false) };
    let below = beneath.filter(|_| !deviations.web_pages).and_then(|path| path.strip_prefix(api));
    let Some(below) = below else {
        // Paths of other APIs are not there, all others are the page for people.
        return match beneath {
            Some(path) if path.starts_with("/api/") && !deviations.web_pages => {
                json(404, &serde_json::json!({"message": "NotFound"}))
            }
            _ => page(),
        };
    };
    let query = Query::parse(&head.uri);
    let given = head.headers.get(KEY).and_then(|key| key.to_str().ok()).or_else(|| query.get("apikey"));
    if given != Some(shared.options.api_key.as_str()) {
        return json(401, &serde_json::json!({"error": "Unauthorized"}));
    }
    let path: Vec<&str> = below.split('/').collect();
    if old {
        return match path.as_slice() {
            ["system", "status"] => json(200, &routes::status(&shared.options)),
            _ => json(404, &serde_json::json!({"message": "NotFound"})),
        };
    }
    if head.method == "GET" {
        let changes = shared.changes.read().unwrap_or_else(PoisonError::into_inner);
        let answer = routes::read(Shelf::new(&shared.options, shared.clock, &changes), &path, &query);
        drop(changes);
        return send(&shared, answer);
    }
    if deviations.drop_posts == Some(DropPost::Before) {
        return broken();
    }
    let body = serde_json::from_slice::<Value>(&body).ok();
    let answer = {
        let mut changes = shared.changes.write().unwrap_or_else(PoisonError::into_inner);
        routes::write(&mut changes, (&shared.options, shared.clock), head.method.as_str(), &path, body.as_ref())
    };
    if deviations.drop_posts == Some(DropPost::After) {
        return broken();
    }
    send(&shared, answer)
}

/// Keeps a request for those who want to know what was sent, without its key.
fn remember(shared: &Shared, head: &axum::http::request::Parts, body: &Bytes) {
    let seen = SeenArrRequest {
        method: head.method.to_string(),
        path_and_query: head.uri.to_string().replace(&shared.options.api_key, "KEY"),
        key_in_header: head.headers.contains_key(KEY),
        body: (!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned()),
    };
    let mut all = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() == REMEMBERED {
        all.pop_front();
    }
    all.push_back(seen);
}

fn send(shared: &Arc<Shared>, answer: Answer) -> Response {
    match answer {
        Answer::Json(status, value) => json(status, &value),
        Answer::Titles(foreign_id) => titles(Arc::clone(shared), foreign_id),
    }
}

fn json(status: u16, value: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], value.to_string()).into_response()
}

/// The list of all titles, written piece by piece while it is sent.
fn titles(shared: Arc<Shared>, foreign_id: Option<u64>) -> Response {
    let pieces = stream::unfold(Some(0_usize), move |at| {
        let piece = at.map(|at| {
            let changes = shared.changes.read().unwrap_or_else(PoisonError::into_inner);
            let shelf = Shelf::new(&shared.options, shared.clock, &changes);
            let mut text = if at == 0 { "[".to_owned() } else { String::new() };
            if at == 0 && shared.options.deviations.untidy && foreign_id.is_none() {
                text.push_str("17,{\"id\":{}},");
            }
            let mut rows = shelf
                .held()
                .filter(|held| foreign_id.is_none_or(|id| shelf.world.foreign_id(held.n) == id))
                .skip(at)
                .peekable();
            for (place, held) in rows.by_ref().take(PIECE).enumerate() {
                if at + place > 0 {
                    text.push(',');
                }
                let mut row = shelf.title(held.n, Some(&held)).to_string();
                if shared.options.deviations.untidy {
                    // A raw control character, as no JSON has it.
                    row = row.replace("\\u001b", "\u{1b}");
                }
                text.push_str(&row);
            }
            let more = rows.peek().is_some();
            if !more {
                text.push(']');
            }
            (Ok::<_, io::Error>(Bytes::from(text)), more.then_some(at + PIECE))
        });
        std::future::ready(piece)
    });
    let body = Body::from_stream(pieces);
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}

/// The page for people, which is served with 200 wherever the API is not.
fn page() -> Response {
    let body = "<!doctype html><html><head><title>Login</title><script>window.base = '';</script></head><body/></html>";
    ([(header::CONTENT_TYPE, "text/html")], body).into_response()
}

/// An answer that breaks off before its end.
fn broken() -> Response {
    let pieces = stream::iter([Ok(Bytes::from_static(b"{")), Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response()
}
