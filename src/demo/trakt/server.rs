//! The HTTP side: who may ask, what is answered at which address, pages, and answers that are not the right ones.

use super::{Refusal, TraktOptions, TraktRequest, account::Account, sign_in::SignIns};
use crate::demo::query::Query;
use axum::{
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// Bodies are a few hundred plays at most.
const MOST_BYTES: usize = 4 << 20;
/// How many requests are remembered.
const REMEMBERED: usize = 10_000;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) url: String,
    pub(super) options: TraktOptions,
    pub(super) account: Mutex<Account>,
    pub(super) sign_ins: Mutex<SignIns>,
    pub(super) refusals: Mutex<Vec<Refusal>>,
    pub(super) seen: Mutex<VecDeque<TraktRequest>>,
}

/// An answer: a list is cut into pages.
enum Answer {
    List(Vec<Value>),
    Value(u16, Value),
}

pub(super) async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MOST_BYTES).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let method = parts.method.as_str();
    let response = refusal(&shared, method, parts.uri.path()).unwrap_or_else(|| {
        let query = Query::parse(&parts.uri);
        match answer(&shared, method, parts.uri.path(), &parts.headers, &query, &body) {
            Answer::Value(status, Value::Null) => status_of(status).into_response(),
            Answer::Value(status, value) => json_answer(status, &value),
            Answer::List(rows) => page(&shared.options, &query, rows),
        }
    });
    let seen = TraktRequest {
        method: method.to_owned(),
        path_and_query: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        body,
        status: response.status().as_u16(),
    };
    {
        let mut all = shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == REMEMBERED {
            all.pop_front();
        }
        all.push_back(seen);
    }
    if parts.uri.path() == "/oauth/token" {
        tokio::time::sleep(shared.options.slow_tokens).await;
    }
    response
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn json_answer(status: u16, value: &Value) -> Response {
    (status_of(status), [(header::CONTENT_TYPE, "application/json")], Bytes::from(value.to_string())).into_response()
}

/// The answer that comes in place of the right one, if one was asked for.
fn refusal(shared: &Shared, method: &str, path: &str) -> Option<Response> {
    let mut refusals = shared.refusals.lock().unwrap_or_else(PoisonError::into_inner);
    let refusal = refusals
        .iter_mut()
        .find(|refusal| refusal.times > 0 && refusal.method == method && path.starts_with(refusal.path))?;
    if refusal.after > 0 {
        refusal.after -= 1;
        return None;
    }
    refusal.times -= 1;
    let mut response = status_of(refusal.status).into_response();
    for (name, value) in &refusal.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    Some(response)
}

fn answer(shared: &Shared, method: &str, path: &str, headers: &HeaderMap, query: &Query, body: &Value) -> Answer {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let said = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let status = |status| Answer::Value(status, Value::Null);
    let options = &shared.options;
    if header("trakt-api-version") != "2" {
        return status(412);
    }
    if header("trakt-api-key") != options.client_id {
        return status(403);
    }
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut sign_ins = shared.sign_ins.lock().unwrap_or_else(PoisonError::into_inner);
    if let ["oauth", rest @ ..] = segments.as_slice() {
        let app = said("client_id") == options.client_id;
        let whole_app = app && said("client_secret") == options.client_secret;
        let (code, value) = match (method, rest) {
            ("POST", ["device", "code"]) if app => (200, sign_ins.device_code(&shared.url)),
            ("POST", ["device", "token"]) if whole_app => sign_ins.device_token(said("code")),
            ("POST", ["token"]) if whole_app => sign_ins.token(body),
            ("POST", ["token" | "device", ..]) => (401, json!({"error": "invalid_client"})),
            _ => (404, Value::Null),
        };
        return Answer::Value(code, value);
    }
    let signed_in = header("authorization").strip_prefix("Bearer ").is_some_and(|token| sign_ins.admits(token));
    drop(sign_ins);
    let mut account = shared.account.lock().unwrap_or_else(PoisonError::into_inner);
    match (method, segments.as_slice()) {
        ("GET", ["search", types]) => {
            Answer::List(account.search(types, query.get("query").unwrap_or_default(), query.get("years")))
        }
        _ if !signed_in => status(401),
        ("GET", ["users", "me"]) => Answer::Value(
            200,
            json!({
                "username": options.username, "name": "Orsolinde", "vip": false, "private": false, "deleted": false,
                "ids": {"slug": options.username, "trakt": 77}, "joined_at": "2019-03-04T05:06:07.000Z",
            }),
        ),
        ("GET", ["users", "me", "stats"]) => Answer::Value(200, account.stats()),
        ("GET", ["users", "me", "history", kind @ ("movies" | "episodes")]) => {
            Answer::List(account.history_rows(*kind == "movies", query.get("start_at")))
        }
        ("GET", ["users", "me", "ratings", kind @ ("movies" | "shows")]) => {
            Answer::List(account.rating_rows(*kind == "movies"))
        }
        ("GET", ["sync", "watched", "movies"]) => Answer::List(account.watched_movies()),
        ("GET", ["sync", "watched", "shows"]) => {
            Answer::List(account.watched_shows(query.get("extended") == Some("progress")))
        }
        ("POST", ["sync", "history"]) => Answer::Value(201, account.add(body)),
        ("POST", ["sync", "ratings"]) => Answer::Value(201, account.rate(body)),
        ("POST", ["scrobble", step @ ("start" | "pause" | "stop")]) => {
            let (code, value) = account.scrobble(step, body);
            Answer::Value(code, value)
        }
        _ => status(404),
    }
}

/// The page that is asked for, with headers that say how many there are.
fn page(options: &TraktOptions, query: &Query, rows: Vec<Value>) -> Response {
    let asked = |name: &str| query.number(name).and_then(|number| usize::try_from(number).ok()).filter(|&n| n > 0);
    let (usual, most) = options.page_rows;
    let limit = asked("limit").unwrap_or(usual).min(most).max(1);
    let page = if options.ignore_pages { 1 } else { asked("page").unwrap_or(1) };
    let (mut count, mut pages) = (rows.len(), rows.len().div_ceil(limit));
    if options.misleading_pages {
        (count, pages) = (1, 1);
    }
    let here: Vec<Value> = rows.into_iter().skip((page - 1).saturating_mul(limit)).take(limit).collect();
    let mut response = json_answer(200, &here.into());
    for (name, number) in [
        ("x-pagination-page", page),
        ("x-pagination-limit", limit),
        ("x-pagination-page-count", pages),
        ("x-pagination-item-count", count),
    ] {
        response.headers_mut().insert(name, HeaderValue::from(number));
    }
    response
}
