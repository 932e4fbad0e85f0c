//! HTTP to the services: one pooled client for each, the credential in a header, time limits, retries of reads, and errors
//! that say what to do.

mod answer;
mod error;
mod pace;
mod request;
mod tls;
pub mod web;

pub use answer::{Answer, Rejection, is_html};
pub use error::{HttpError, Upstream};
pub use pace::{Pace, Rate};
pub use request::{Change, Get, SignIn};

use crate::{config::TlsTrust, guard::Cleared};
use reqwest::{
    RequestBuilder, Response, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER},
};
use std::{
    error::Error as _,
    mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// How long services are waited for, if nothing else is said.
pub const PATIENCE: Patience = Patience { connect: Duration::from_secs(5), read: Duration::from_secs(30) };
/// Further tries of a read that failed in passing.
const RETRIES: u32 = 3;
/// The longest that a request waits in all where a service's `Retry-After` asks for it; beyond it the caller is told.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(10);
/// The largest answer that is read whole; a page of a thousand rich rows of Plex's is about 10 MB.
const MAX_ANSWER_BYTES: usize = 64 << 20;
const MAX_REDIRECTS: usize = 5;

/// How long a service is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until there is a connection.
    pub connect: Duration,
    /// The longest silence while an answer is awaited or read.
    pub read: Duration,
}

/// What a transport is made of.
#[derive(Debug)]
pub struct Endpoint<'e> {
    /// The service's names.
    pub service: &'static Upstream,
    /// The address below which its API lies.
    pub base: Url,
    /// Sent with each request; a credential among them is marked as sensitive.
    pub headers: HeaderMap,
    /// Which certificates are trusted.
    pub tls: &'e TlsTrust,
    /// How long it is waited for.
    pub patience: Patience,
    /// Requests under way at once, of all calls.
    pub max_in_flight: usize,
}

/// A call's requests that may have reached a service: all but those for which no connection was made. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Sent(Arc<AtomicU64>);

impl Sent {
    /// Whether there was one.
    pub fn anything(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A handle to a service for one call. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Transport {
    connection: Arc<Connection>,
    sent: Sent,
    pace: Option<Arc<Pace>>,
    /// What the call may still wait, in all its requests, where a service whose pace is kept asks for it.
    busy: Arc<Mutex<Duration>>,
    bearer: Option<HeaderValue>,
}

#[derive(Debug)]
struct Connection {
    service: &'static Upstream,
    client: reqwest::Client,
    base: Url,
    in_flight: Arc<Semaphore>,
    patience: Patience,
}

impl Transport {
    /// Prepares the client; nothing is sent.
    pub fn new(endpoint: Endpoint<'_>) -> Result<Self, HttpError> {
        let Endpoint { service, base, headers, tls, patience, max_in_flight } = endpoint;
        let client = build_client(headers, &base, tls, patience)?;
        let in_flight = Arc::new(Semaphore::new(max_in_flight));
        let connection = Connection { service, client, base, in_flight, patience };
        let (connection, busy) = (Arc::new(connection), Arc::default());
        Ok(Self { connection, sent: Sent::default(), pace: None, busy, bearer: None })
    }

    /// The same connections, on which requests wait for their turn at `pace`.
    #[must_use]
    pub fn paced(self, pace: Pace) -> Self {
        Self { busy: Arc::new(Mutex::new(pace.busy)), pace: Some(Arc::new(pace)), ..self }
    }

    /// The same connections for requests that an access token signs in, where tokens change while the program runs.
    #[must_use]
    pub fn bearing(&self, mut authorization: HeaderValue) -> Self {
        authorization.set_sensitive(true);
        Self { bearer: Some(authorization), ..self.clone() }
    }

    /// The same connections for another call, which keeps its own record of whether anything was sent, and its own time to
    /// wait where it is sent away for a while.
    #[must_use]
    pub fn for_call(&self, sent: &Sent) -> Self {
        let busy = self.pace.as_ref().map(|pace| pace.busy).unwrap_or_default();
        Self { sent: sent.clone(), busy: Arc::new(Mutex::new(busy)), ..self.clone() }
    }

    /// Scheme, host and port of the service.
    pub fn address(&self) -> String {
        self.connection.address()
    }

    /// Reads an answer whole, trying again where the failure is a passing one.
    pub async fn get(&self, request: &Get) -> Result<Vec<u8>, HttpError> {
        self.get_into(request, Vec::new()).await
    }

    /// The same in place of what is in `body`, whose room is used again.
    pub async fn get_into(&self, request: &Get, mut body: Vec<u8>) -> Result<Vec<u8>, HttpError> {
        let mut retries = self.retries();
        loop {
            match self.try_get(request, mem::take(&mut body)).await {
                Ok(body) => return Ok(body),
                Err(failure) => retries.pause(&request.what, failure).await?,
            }
        }
    }

    /// Begins to read an answer of any length. A body that breaks off is not asked for again.
    pub async fn open(&self, request: &Get) -> Result<Answer, HttpError> {
        let mut retries = self.retries();
        loop {
            match self.try_open(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => retries.pause(&request.what, failure).await?,
            }
        }
    }

    /// Sends a change, once, and reads what is answered. Any 2xx status is a success, unless it came by a redirect. Only a
    /// service whose pace is kept is asked again where it says "later", since it has done nothing then.
    pub async fn change(&self, _: &Cleared<'_>, change: &Change) -> Result<Vec<u8>, HttpError> {
        let mut retries = self.retries();
        loop {
            match self.try_change(change).await {
                Ok(body) => return Ok(body),
                Err(failure) if self.pace.is_some() && matches!(failure.error, HttpError::Busy { .. }) => {
                    retries.pause(&change.target.what, failure).await?;
                }
                Err(failure) => return Err(failure.error),
            }
        }
    }

    /// Asks for credentials, once. Whatever status comes is for the caller to read, since sign-in services answer with
    /// statuses of their own. This is the one request with a body that takes no clearance: it can go nowhere but to an
    /// OAuth service's addresses, where it changes no content, and tokens run out during reads, too.
    pub(crate) async fn sign_in(&self, request: &SignIn) -> Result<Result<Vec<u8>, Rejection>, HttpError> {
        let SignIn { target, body } = request;
        let url = target.url(&self.connection.base);
        let post = self.connection.client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body.clone());
        let answer = self.send(post, &target.what, |_| true).await.map_err(|failure| failure.error)?;
        if !answer.response.status().is_success() {
            return Ok(Err(Rejection::read(answer.response).await));
        }
        if *answer.response.url() != url {
            return Err(self.connection.redirected(&answer.response));
        }
        answer.read_into(Vec::new()).await.map(Ok)
    }

    fn retries(&self) -> Retries {
        let busy = match self.pace {
            Some(_) => Arc::clone(&self.busy),
            None => Arc::new(Mutex::new(MAX_RETRY_WAIT)),
        };
        Retries { left: RETRIES, wait: Duration::from_millis(200), busy }
    }

    async fn try_change(&self, change: &Change) -> Result<Vec<u8>, Failure> {
        let Change { method, target, body } = change;
        let url = target.url(&self.connection.base);
        let mut request = self.connection.client.request(method.clone(), url.clone());
        if let Some((content_type, body)) = body {
            request = request.header(CONTENT_TYPE, *content_type).body(body.clone());
        }
        if let Some(pace) = &self.pace {
            pace.change().await;
        }
        let answer = self.send(request, &target.what, |status| status.is_success()).await?;
        // Most redirects turn a change into a read, whose success says nothing.
        if *answer.response.url() != url {
            return Err(self.connection.redirected(&answer.response).into());
        }
        Ok(answer.read_into(Vec::new()).await?)
    }

    async fn try_get(&self, request: &Get, body: Vec<u8>) -> Result<Vec<u8>, Failure> {
        self.try_open(request).await?.read_into(body).await.map_err(Failure::of_body)
    }

    async fn try_open(&self, request: &Get) -> Result<Answer, Failure> {
        let get = self.connection.client.get(request.url(&self.connection.base));
        if let Some(pace) = &self.pace {
            pace.read().await;
        }
        self.send(get, &request.what, |status| status == StatusCode::OK).await
    }

    async fn send(
        &self,
        request: RequestBuilder,
        what: &str,
        hoped_for: impl Fn(StatusCode) -> bool,
    ) -> Result<Answer, Failure> {
        let request = match &self.bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer),
            None => request,
        };
        // The semaphore is never closed; without a place the request simply goes.
        let place = Arc::clone(&self.connection.in_flight).acquire_owned().await.ok();
        // Counted before it goes: a call that is cancelled while it waits has sent its request.
        self.sent.0.fetch_add(1, Ordering::Relaxed);
        let response = request.send().await;
        if response.as_ref().is_err_and(reqwest::Error::is_connect) {
            self.sent.0.fetch_sub(1, Ordering::Relaxed);
        }
        let response = response.map_err(|error| self.connection.failure(&error))?;
        if !hoped_for(response.status()) {
            return Err(self.connection.refused(what, response).await);
        }
        Ok(Answer { response, connection: Arc::clone(&self.connection), _place: place })
    }
}

/// The further tries that a request has left.
#[derive(Debug)]
struct Retries {
    left: u32,
    wait: Duration,
    /// The time that may still be waited where the service asks for it.
    busy: Arc<Mutex<Duration>>,
}

impl Retries {
    /// Waits until it may be tried again, or gives the error back where that would not help.
    async fn pause(&mut self, what: &str, Failure { error, again }: Failure) -> Result<(), HttpError> {
        let pause = match again {
            Again::Soon => self.wait,
            Again::After(asked) => {
                let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
                match busy.checked_sub(asked) {
                    Some(left) => {
                        *busy = left;
                        asked
                    }
                    None => return Err(error),
                }
            }
            Again::No => return Err(error),
        };
        let Some(left) = self.left.checked_sub(1) else { return Err(error) };
        self.left = left;
        tracing::debug!(what, %error, "trying again");
        tokio::time::sleep(pause + jitter(self.wait)).await;
        self.wait *= 2;
        Ok(())
    }
}

#[derive(Debug)]
struct Failure {
    error: HttpError,
    again: Again,
}

/// Whether a read that failed is worth another try.
#[derive(Debug)]
enum Again {
    No,
    Soon,
    /// As the service asked.
    After(Duration),
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self { error, again: Again::No }
    }
}

impl Failure {
    fn of_body(error: HttpError) -> Self {
        let again = if matches!(error, HttpError::Interrupted { .. }) { Again::Soon } else { Again::No };
        Self { error, again }
    }
}

impl Connection {
    fn address(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        let (service, address) = (self.service, self.address());
        let cause = innermost(error);
        if error.is_timeout() {
            let connected = !error.is_connect();
            let limit = if connected { self.patience.read } else { self.patience.connect };
            return HttpError::Timeout { service, address, seconds: limit.as_secs(), connected }.into();
        }
        if let Some(cause) = tls::refused_certificate(error) {
            return HttpError::Certificate { service, address, cause }.into();
        }
        if error.is_connect() {
            return HttpError::Unreachable { service, address, cause }.into();
        }
        Failure { error: HttpError::Interrupted { service, address, cause }, again: Again::Soon }
    }

    async fn refused(&self, what: &str, response: Response) -> Failure {
        let (service, status, what) = (self.service, response.status(), what.to_owned());
        let headers = response.headers();
        let error = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                HttpError::Unauthorized { service, forbidden: status == StatusCode::FORBIDDEN }
            }
            StatusCode::NOT_FOUND => HttpError::NotFound { service, what },
            StatusCode::TOO_MANY_REQUESTS => {
                let seconds = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
                return Failure {
                    error: HttpError::Busy { service, seconds: seconds.unwrap_or(1) },
                    again: seconds.map_or(Again::Soon, |seconds| Again::After(Duration::from_secs(seconds))),
                };
            }
            // Within the service redirects are followed, unless there is no end to them.
            _ if status.is_redirection() && self.redirect_origin(headers) != self.address() => {
                HttpError::Redirect { service, to: self.redirect_origin(headers) }
            }
            _ => HttpError::Status { service, what, rejection: Box::new(Rejection::read(response).await) },
        };
        let passing =
            matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT);
        Failure { error, again: if passing { Again::Soon } else { Again::No } }
    }

    /// The error of a change that was answered by another address of the same service.
    fn redirected(&self, response: &Response) -> HttpError {
        HttpError::Redirect { service: self.service, to: response.url().path().into() }
    }

    fn redirect_origin(&self, headers: &HeaderMap) -> String {
        headers
            .get(LOCATION)
            .and_then(|to| self.base.join(to.to_str().ok()?).ok())
            .map_or_else(|| "an unreadable address".into(), |to| to.origin().ascii_serialization())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where HTTP clients are made")]
fn build_client(
    headers: HeaderMap,
    base: &Url,
    trust: &TlsTrust,
    patience: Patience,
) -> Result<reqwest::Client, HttpError> {
    // The credential must not leave the service's origin, and reqwest knows only the standard headers as sensitive.
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
    // Without encryption a proxy of the environment would see the credential; and TLS is then never spoken, since redirects
    // stay with their origin, so that the machine need not have any certificates.
    if base.scheme() == "http" {
        return finish(builder.no_proxy().tls_danger_accept_invalid_certs(true));
    }
    finish(match tls::client_config(trust)? {
        Some(config) => builder.tls_backend_preconfigured(config),
        None => builder.tls_danger_accept_invalid_certs(true),
    })
}

fn finish(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, HttpError> {
    builder.build().map_err(|error| HttpError::Setup(innermost(&error)))
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

/// Seconds, from either of the forms that `Retry-After` has: a number, or a date.
pub fn retry_after(value: &str) -> Option<u64> {
    let value = value.trim();
    value.parse().ok().or_else(|| {
        let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
        Some(u64::try_from(at.as_second() - jiff::Timestamp::now().as_second()).unwrap_or(0))
    })
}

/// Up to `most`, different in each process and call, so that clients that failed together do not return together.
fn jitter(most: Duration) -> Duration {
    let random = u32::try_from(uuid::Uuid::now_v7().as_u128() & 0xff).unwrap_or_default();
    most * random / 256
}

#[cfg(test)]
mod tests;
