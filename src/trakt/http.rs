//! Trakt behind the transport: its names, its headers, its published rates, and requests that the account's sign-in goes
//! with.

use super::{auth::Account, error::TraktError};
use crate::{
    config::TraktApp,
    guard::Cleared,
    http::{Change, Endpoint, Get, HttpError, PATIENCE, Pace, Rate, Sent, Transport, Upstream},
};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use serde::de::DeserializeOwned;
use std::{num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

/// More would only wait for their turn.
const MAX_IN_FLIGHT: usize = 4;

/// Trakt publishes 500 reads in five minutes (1,000 until 2026): 50 at once and three in two seconds are never more than
/// that in any five minutes.
const READS: Rate = Rate { burst: burst(50), period: Duration::from_millis(667) };
/// Trakt publishes one change a second.
const CHANGES: Rate = Rate { burst: burst(1), period: Duration::from_secs(1) };
/// How long, in all, the requests of a call wait where Trakt answers 429; beyond it the caller is told.
const BUSY: Duration = Duration::from_secs(30);

const fn burst(count: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(count - 1)
}

pub(super) static TRAKT: Upstream = Upstream {
    noun: "Trakt service",
    api: "Trakt API",
    address_setting: "TRAKT_BASE_URL",
    credential: "sign-in",
    on_unreachable: "check the connection to the internet, and TRAKT_BASE_URL if it is set",
    on_unauthorized: "check TRAKT_CLIENT_ID, and sign in again with trakt_authenticate",
    on_not_found: "Trakt may not know it, or TRAKT_BASE_URL is not Trakt's API",
    on_certificate: "check what stands between this machine and Trakt; PLEX_CA_FILE names a further authority",
    on_web_page: "unset TRAKT_BASE_URL, or set it to Trakt's API",
};

/// A handle to Trakt for one call. Clones share the connections, the pace and the sign-in.
#[derive(Clone, Debug)]
pub struct Trakt {
    transport: Transport,
    account: Arc<Account>,
}

impl Trakt {
    /// Prepares the client; nothing is sent. The sign-in is kept in `file`.
    pub fn new(app: &TraktApp, file: PathBuf) -> Result<Self, TraktError> {
        let transport = Transport::new(Endpoint {
            service: &TRAKT,
            base: app.url.clone(),
            headers: headers(app)?,
            tls: &app.tls,
            patience: PATIENCE,
            max_in_flight: MAX_IN_FLIGHT,
        })?
        .paced(Pace::new(READS, CHANGES, BUSY));
        let account = Arc::new(Account::new(app.clone(), file));
        Ok(Self { transport, account })
    }

    /// The same connections for another call.
    #[must_use]
    pub fn for_call(&self, sent: &Sent) -> Self {
        Self { transport: self.transport.for_call(sent), account: Arc::clone(&self.account) }
    }

    /// The account's sign-in.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Scheme, host and port of Trakt.
    pub fn address(&self) -> String {
        self.transport.address()
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Reads what only the account's owner may see.
    pub async fn get<T: DeserializeOwned>(&self, request: &Get) -> Result<T, TraktError> {
        decode(&self.signed(&Signed::<'_, '_>::Get(request)).await?, &request.what)
    }

    /// Reads what anybody may see, signed in where somebody is.
    pub async fn get_public<T: DeserializeOwned>(&self, request: &Get) -> Result<T, TraktError> {
        match self.signed(&Signed::<'_, '_>::Get(request)).await {
            Err(TraktError::NotSignedIn | TraktError::SignInAgain) => {
                decode(&self.transport.get(request).await?, &request.what)
            }
            answer => decode(&answer?, &request.what),
        }
    }

    /// Sends a change of the account's.
    pub async fn change<T: DeserializeOwned>(&self, cleared: &Cleared<'_>, change: &Change) -> Result<T, TraktError> {
        decode(&self.signed(&Signed::Change(cleared, change)).await?, "a change")
    }

    /// Sends a request with the access token. One that is refused is renewed and the request repeated, once: a refusal of
    /// the sign-in means that nothing was done.
    async fn signed(&self, request: &Signed<'_, '_>) -> Result<Vec<u8>, TraktError> {
        let mut tokens = self.account.tokens(&self.transport).await?;
        let mut renewed = false;
        loop {
            let transport = self.transport.bearing(bearer(tokens.access_token.reveal())?);
            let answer = match request {
                Signed::Get(get) => transport.get(get).await,
                Signed::Change(cleared, change) => transport.change(cleared, change).await,
            };
            match answer {
                // It is the app that Trakt does not let in, which no other token changes.
                Err(HttpError::Unauthorized { forbidden: true, .. }) => return Err(TraktError::App),
                Err(HttpError::Unauthorized { .. }) if renewed => return Err(TraktError::SignInAgain),
                Err(HttpError::Unauthorized { .. }) => {
                    tokens = self.account.renew(&self.transport, &tokens.access_token).await?;
                    renewed = true;
                }
                answer => return Ok(answer?),
            }
        }
    }
}

enum Signed<'r, 'c> {
    Get(&'r Get),
    Change(&'r Cleared<'c>, &'r Change),
}

fn bearer(token: &str) -> Result<HeaderValue, TraktError> {
    // The error would show the token.
    HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| TraktError::SignInAgain)
}

/// Reads JSON. Raw control characters inside its texts, which no JSON may hold but some titles do, become spaces.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, TraktError> {
    let answer = serde_json::from_slice(body).or_else(|_| {
        let clean: Vec<u8> = body.iter().map(|&byte| if byte < b' ' { b' ' } else { byte }).collect();
        serde_json::from_slice(&clean)
    });
    answer.map_err(|error| {
        // What serde says of the shape; never the text itself.
        tracing::warn!(what, line = error.line(), column = error.column(), "Trakt's answer can't be read");
        TraktError::Answer { what: what.to_owned() }
    })
}

/// What Trakt wants to see with each request.
fn headers(app: &TraktApp) -> Result<HeaderMap, TraktError> {
    let mut key = HeaderValue::from_str(app.client_id.reveal())
        .map_err(|_| HttpError::Setup("TRAKT_CLIENT_ID holds characters that no client id has".into()))?;
    key.set_sensitive(true);
    Ok(HeaderMap::from_iter([
        (HeaderName::from_static("trakt-api-version"), HeaderValue::from_static("2")),
        (HeaderName::from_static("trakt-api-key"), key),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ACCEPT, HeaderValue::from_static("application/json")),
        (USER_AGENT, HeaderValue::from_static(concat!("plex-mcp/", env!("CARGO_PKG_VERSION")))),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn raw_controls_in_a_title_lose_no_answer() {
        let body = b"[{\"title\": \"A\x04B\"}]";
        let rows: Value = decode(body, "a test").unwrap();
        assert_eq!(rows[0]["title"], "A B");
        let error = decode::<Value>(b"{\"a\": CANARY", "a test").unwrap_err();
        assert!(!error.to_string().contains("CANARY") && error.code() == "bad_answer", "{error}");
    }

    #[test]
    fn the_pace_stays_within_the_published_rates() {
        let window = Duration::from_secs(300);
        let most = u128::from(READS.burst.get()) + window.as_nanos() / READS.period.as_nanos();
        assert!(most <= 500, "{most} reads in five minutes");
        assert_eq!((CHANGES.burst.get(), CHANGES.period), (1, Duration::from_secs(1)));
    }
}
