//! The sample Trakt: one invented account, signed in to by device code or by an authorisation code, with a history that
//! takes whatever it is sent, as the real one does.

mod account;
mod server;
mod sign_in;

use account::Account;
use axum::Router;
use serde_json::Value;
use server::{Shared, handle};
use sign_in::SignIns;
use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How a sample Trakt is started.
#[derive(Clone, Debug)]
pub struct TraktOptions {
    /// The port on the loopback interface; 0 is any free one.
    pub port: u16,
    /// The app that it knows.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: String,
    /// The account's name.
    pub username: String,
    /// Seconds for which access tokens are good.
    pub token_life: i64,
    /// Seconds that it wants between two questions whether a code was entered.
    pub interval: u64,
    /// Seconds after which a code runs out.
    pub code_life: i64,
    /// Rows a page where none are asked for, and the most it gives.
    pub page_rows: (usize, usize),
    /// Say of every list that it has one page, and one row.
    pub misleading_pages: bool,
    /// The first page, whatever page is asked for.
    pub ignore_pages: bool,
    /// A pause before each answer about tokens, which it has given out by then.
    pub slow_tokens: Duration,
    /// Ids that it does not know, such as `tmdb:9000001`; it knows all others.
    pub unknown: Vec<String>,
}

impl Default for TraktOptions {
    fn default() -> Self {
        Self {
            port: 0,
            client_id: "sample-client".into(),
            client_secret: "sample-secret".into(),
            username: "orsolinde".into(),
            token_life: 604_800,
            interval: 1,
            code_life: 600,
            page_rows: (100, 250),
            misleading_pages: false,
            ignore_pages: false,
            slow_tokens: Duration::ZERO,
            unknown: Vec::new(),
        }
    }
}

/// An answer that is to come in place of the right one.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The method of the requests that get it.
    pub method: &'static str,
    /// How their paths begin.
    pub path: &'static str,
    /// Right answers before the first such one.
    pub after: u32,
    /// How often.
    pub times: u32,
    /// The status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
}

/// A play of the account's history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TraktPlay {
    /// What was played: a film's or an episode's ids, or a show's with season and number (`tvdb:100 S00E09`).
    pub what: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// How it came: `scrobble` or `watch`.
    pub action: &'static str,
}

/// A request that came in, without what signs it in.
#[derive(Clone, Debug, PartialEq)]
pub struct TraktRequest {
    /// GET, POST, ..
    pub method: String,
    /// Path and query.
    pub path_and_query: String,
    /// The body, where it is JSON.
    pub body: Value,
    /// The status of the answer.
    pub status: u16,
}

/// A running sample Trakt. It listens on the loopback interface only, and stops when it is dropped.
#[derive(Debug)]
pub struct SampleTrakt {
    shared: Arc<Shared>,
    address: SocketAddr,
    _stopping: DropGuard,
    _task: JoinHandle<io::Result<()>>,
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

impl SampleTrakt {
    /// Starts a server.
    ///
    /// # Errors
    /// Where the port can't be listened on.
    pub async fn start(options: TraktOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            url: format!("http://{address}"),
            account: Mutex::new(Account::new(options.unknown.clone())),
            sign_ins: Mutex::new(SignIns::new(&options)),
            refusals: Mutex::default(),
            seen: Mutex::default(),
            options,
        });
        let stop = CancellationToken::new();
        let app = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let serving = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
        let task = tokio::spawn(async move { serving.await });
        Ok(Self { shared, address, _stopping: stop.drop_guard(), _task: task })
    }

    /// The server's address, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn sign_ins<T>(&self, with: impl FnOnce(&mut SignIns) -> T) -> T {
        with(&mut self.shared.sign_ins.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn account<T>(&self, with: impl FnOnce(&mut Account) -> T) -> T {
        with(&mut self.shared.account.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Enters a code, as the account's owner does on Trakt's page; false where there is no such code.
    pub fn enter(&self, user_code: &str) -> bool {
        self.sign_ins(|sign_ins| sign_ins.enter(user_code, true))
    }

    /// Says no to a code.
    pub fn deny(&self, user_code: &str) -> bool {
        self.sign_ins(|sign_ins| sign_ins.enter(user_code, false))
    }

    /// An authorisation code, as Trakt's page shows it after the out-of-band flow.
    pub fn authorisation_code(&self) -> String {
        self.sign_ins(SignIns::authorisation_code)
    }

    /// Access and refresh token of a sign-in at that time, which are good for `token_life`.
    pub fn issue(&self, created_at: i64) -> (String, String) {
        self.sign_ins(|sign_ins| sign_ins.issue(created_at))
    }

    /// Takes every access token back; refresh tokens stay good.
    pub fn revoke(&self) {
        self.sign_ins(SignIns::revoke);
    }

    /// Gives another answer than the right one, for a while.
    pub fn refuse(&self, refusal: Refusal) {
        self.shared.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(refusal);
    }

    /// Adds a play of a film or of an episode of a show, as another app would.
    pub fn add_play(&self, what: &Value, at: i64) {
        self.account(|account| account.add_play(what, at));
    }

    /// The account's history, oldest play first.
    pub fn history(&self) -> Vec<TraktPlay> {
        self.account(|account| account.history())
    }

    /// The account's ratings, by what is rated.
    pub fn ratings(&self) -> Vec<(String, i64)> {
        self.account(|account| account.ratings())
    }

    /// What is being watched, and how far it is.
    pub fn watching(&self) -> Option<(String, f64)> {
        self.account(|account| account.watching())
    }

    /// All requests since the start, oldest first.
    pub fn requests(&self) -> Vec<TraktRequest> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect::<VecDeque<_>>().into()
    }

    /// How many requests of that method came whose path begins so.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.requests().iter().filter(|seen| seen.method == method && seen.path_and_query.starts_with(path)).count()
    }
}
