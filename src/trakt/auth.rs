//! Signing in: the device flow, an authorisation code, and renewing tokens before they run out, one at a time over all
//! tasks and processes, since Trakt's refresh tokens are good for one use.

use super::{
    error::{TraktError, asked_wait},
    http::{TRAKT, Trakt, decode},
    sign_in::{Pending, SignIn, SignInFile, Tokens},
};
use crate::{
    config::{Secret, TraktApp},
    http::{HttpError, Rejection, SignIn as Request, Transport},
    plex::lenient,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, RwLock},
    time::Instant,
};

/// Where an app that has no web page of its own sends people back to.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";
/// Seconds between two questions where Trakt names none, and the most that is taken of what it names.
const INTERVAL: u64 = 5;
const LONGEST_INTERVAL: u64 = 60;
/// Seconds more between two questions where Trakt says "slow down" (RFC 8628, section 3.5).
const SLOWER: u64 = 5;

/// The account's sign-in, shared by all calls of this process.
#[derive(Debug)]
pub struct Account {
    app: TraktApp,
    file: SignInFile,
    /// One change of the sign-in at a time.
    changing: Mutex<()>,
}

/// How a sign-in by device code stands.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Somebody has signed in.
    Done,
    /// The code was not entered yet.
    Waiting(Pending),
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are OAuth's")]
struct DeviceCode {
    device_code: String,
    user_code: String,
    verification_url: String,
    #[serde(default, deserialize_with = "lenient::integer")]
    expires_in: Option<i64>,
    #[serde(default, deserialize_with = "lenient::integer")]
    interval: Option<i64>,
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

impl Account {
    /// The sign-in that `file` keeps for `app`.
    pub fn new(app: TraktApp, file: PathBuf) -> Self {
        Self { app, file: SignInFile::new(file), changing: Mutex::new(()) }
    }

    /// The file that keeps it.
    pub fn file(&self) -> &SignInFile {
        &self.file
    }

    /// What is kept, as far as it is of this app on this server: tokens must not reach another.
    pub fn kept(&self) -> Result<SignIn, TraktError> {
        let kept = self.file.load()?;
        let ours = kept.server == self.app.url.as_str() && kept.client_id == self.app.client_id.reveal();
        let nothing = SignIn {
            server: self.app.url.to_string(),
            client_id: self.app.client_id.reveal().to_owned(),
            ..SignIn::default()
        };
        Ok(if ours { kept } else { nothing })
    }

    /// Tokens that are good now, renewed where it is time.
    pub async fn tokens(self: &Arc<Self>, transport: &Transport) -> Result<Tokens, TraktError> {
        let tokens = self.kept()?.tokens.ok_or(TraktError::NotSignedIn)?;
        if !tokens.wants_renewal(now()) {
            return Ok(tokens);
        }
        match self.renew(transport, &tokens.access_token).await {
            // They were renewed early: what is at hand is good until it has run out.
            Err(TraktError::Http(error)) if !tokens.has_expired(now()) => {
                tracing::warn!(%error, "the sign-in to Trakt could not be renewed yet");
                Ok(tokens)
            }
            renewed => renewed,
        }
    }

    /// Tokens in place of those whose access token is `stale`. Where another task or process has renewed them meanwhile,
    /// theirs are taken.
    pub async fn renew(self: &Arc<Self>, transport: &Transport, stale: &Secret) -> Result<Tokens, TraktError> {
        let (account, transport, stale) = (Arc::clone(self), transport.clone(), stale.clone());
        to_its_end(async move { account.renew_alone(&transport, &stale).await }).await
    }

    async fn renew_alone(&self, transport: &Transport, stale: &Secret) -> Result<Tokens, TraktError> {
        let _one = self.changing.lock().await;
        let lock = self.file.lock().await?;
        let mut sign_in = self.kept()?;
        let tokens = sign_in.tokens.take().ok_or(TraktError::NotSignedIn)?;
        if tokens.access_token != *stale && !tokens.has_expired(now()) {
            return Ok(tokens);
        }
        let body = json!({
            "refresh_token": tokens.refresh_token.reveal(),
            "client_id": self.app.client_id.reveal(),
            "client_secret": self.app.client_secret.reveal(),
            "redirect_uri": OUT_OF_BAND,
            "grant_type": "refresh_token",
        });
        let fresh = match self.ask(transport, "a renewed sign-in", &["token"], &body).await? {
            Ok(tokens) => tokens,
            Err(rejection) => return Err(refused(rejection, "a renewed sign-in", TraktError::SignInAgain)),
        };
        sign_in.tokens = Some(fresh.clone());
        self.file.store(&lock, &sign_in)?;
        tracing::info!("the sign-in to Trakt was renewed");
        Ok(fresh)
    }

    /// Asks for a code that a person enters at Trakt. It takes the place of an earlier one.
    pub async fn begin(self: &Arc<Self>, trakt: &Trakt) -> Result<Pending, TraktError> {
        let _one = self.changing.lock().await;
        let what = "a sign-in code";
        let body = json!({"client_id": self.app.client_id.reveal()});
        let request = Request::new(what, ["device", "code"], &body).map_err(|_| unreadable(what))?;
        let code: DeviceCode = match trakt.transport().sign_in(&request).await? {
            Ok(body) => decode(&body, what)?,
            Err(rejection) => return Err(refused(rejection, what, TraktError::App)),
        };
        let interval = code.interval.and_then(|seconds| u64::try_from(seconds).ok()).filter(|&seconds| seconds > 0);
        let pending = Pending {
            device_code: code.device_code.parse().map_err(|_| unreadable(what))?,
            user_code: code.user_code,
            verification_url: code.verification_url,
            interval: interval.unwrap_or(INTERVAL).min(LONGEST_INTERVAL),
            expires_at: now().saturating_add(code.expires_in.unwrap_or(600)),
            ask_at: 0,
        };
        let lock = self.file.lock().await?;
        let sign_in = SignIn { pending: Some(pending.clone()), ..self.kept()? };
        self.file.store(&lock, &sign_in)?;
        Ok(pending)
    }

    /// Asks, at the interval that Trakt gave, whether the code was entered, for as long as `patience` goes.
    pub async fn complete(self: &Arc<Self>, trakt: &Trakt, patience: Duration) -> Result<Progress, TraktError> {
        let until = Instant::now() + patience;
        loop {
            let pending = self.kept()?.pending.ok_or(TraktError::NoSignIn)?;
            if now() >= pending.expires_at {
                self.end_pending(&pending).await?;
                return Err(TraktError::CodeExpired);
            }
            // Never longer than an interval: the clock may have been set back since.
            let wait = u64::try_from(pending.ask_at.saturating_sub(now())).unwrap_or(0).min(pending.interval);
            if Instant::now() + Duration::from_secs(wait) > until {
                return Ok(Progress::Waiting(pending));
            }
            tokio::time::sleep(Duration::from_secs(wait)).await;
            let (account, transport) = (Arc::clone(self), trakt.transport().clone());
            if to_its_end(async move { account.ask_whether_entered(&transport, pending).await }).await? {
                return Ok(Progress::Done);
            }
        }
    }

    /// Whether the code was entered: then the tokens are kept.
    async fn ask_whether_entered(&self, transport: &Transport, mut pending: Pending) -> Result<bool, TraktError> {
        let _one = self.changing.lock().await;
        let what = "the state of the sign-in";
        let body = json!({
            "code": pending.device_code.reveal(),
            "client_id": self.app.client_id.reveal(),
            "client_secret": self.app.client_secret.reveal(),
        });
        let rejection = match self.ask(transport, what, &["device", "token"], &body).await? {
            Ok(tokens) => {
                self.keep(tokens).await?;
                return Ok(true);
            }
            Err(rejection) => rejection,
        };
        let end = match rejection.status {
            400 => None,
            429 => {
                let slower = asked_wait(&rejection).unwrap_or(0).max(pending.interval + SLOWER);
                pending.interval = slower.min(LONGEST_INTERVAL);
                None
            }
            404 => Some(TraktError::NoSignIn),
            409 => Some(TraktError::CodeUsed),
            410 => Some(TraktError::CodeExpired),
            418 => Some(TraktError::Denied),
            // The code stays: what is wrong may be mended before it runs out.
            _ => return Err(refused(rejection, what, TraktError::App)),
        };
        if let Some(end) = end {
            self.end_pending(&pending).await?;
            return Err(end);
        }
        pending.ask_at = now().saturating_add_unsigned(pending.interval);
        let lock = self.file.lock().await?;
        let mut sign_in = self.kept()?;
        // Another call may have begun anew meanwhile.
        if let Some(kept) = sign_in.pending.as_mut().filter(|kept| kept.device_code == pending.device_code) {
            *kept = pending;
            self.file.store(&lock, &sign_in)?;
        }
        Ok(false)
    }

    async fn end_pending(&self, pending: &Pending) -> Result<(), TraktError> {
        let lock = self.file.lock().await?;
        let mut sign_in = self.kept()?;
        if sign_in.pending.take_if(|kept| kept.device_code == pending.device_code).is_some() {
            self.file.store(&lock, &sign_in)?;
        }
        Ok(())
    }

    /// Signs in with an authorisation code that Trakt showed after the out-of-band flow.
    pub async fn exchange(self: &Arc<Self>, trakt: &Trakt, code: &str) -> Result<(), TraktError> {
        let body = json!({
            "code": code,
            "client_id": self.app.client_id.reveal(),
            "client_secret": self.app.client_secret.reveal(),
            "redirect_uri": OUT_OF_BAND,
            "grant_type": "authorization_code",
        });
        let (account, transport) = (Arc::clone(self), trakt.transport().clone());
        to_its_end(async move {
            let _one = account.changing.lock().await;
            match account.ask(&transport, "a sign-in", &["token"], &body).await? {
                Ok(tokens) => account.keep(tokens).await,
                Err(rejection) => Err(refused(rejection, "a sign-in", TraktError::CodeRefused)),
            }
        })
        .await
    }

    /// Keeps new tokens; a sign-in under way has served its purpose.
    async fn keep(&self, tokens: Tokens) -> Result<(), TraktError> {
        let lock = self.file.lock().await?;
        self.file.store(&lock, &SignIn { tokens: Some(tokens), pending: None, ..self.kept()? })
    }

    /// Asks for tokens. A rejection is the caller's to read.
    async fn ask(
        &self,
        transport: &Transport,
        what: &'static str,
        path: &[&'static str],
        body: &Value,
    ) -> Result<Result<Tokens, Rejection>, TraktError> {
        let request = Request::new(what, path.iter().copied(), body).map_err(|_| unreadable(what))?;
        match transport.sign_in(&request).await? {
            Ok(body) => {
                let mut tokens: Tokens = decode(&body, what)?;
                tokens.created_at = tokens.created_at.or_else(|| Some(now()));
                Ok(Ok(tokens))
            }
            Err(rejection) => Ok(Err(rejection)),
        }
    }
}

fn unreadable(what: &str) -> TraktError {
    TraktError::Answer { what: what.to_owned() }
}

/// Held while tokens are asked for.
static ON_THEIR_WAY: RwLock<()> = RwLock::const_new(());

/// Asks for tokens and keeps them, whatever becomes of the call: once Trakt has used the old ones up, the new ones must not
/// be lost.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, TraktError>> + Send + 'static,
) -> Result<T, TraktError> {
    let task = tokio::spawn(async move {
        let _on_their_way = ON_THEIR_WAY.read().await;
        work.await
    });
    // A task ends without a result only where the program does.
    task.await.unwrap_or_else(|_| Err(unreadable("a sign-in")))
}

/// Waits until all tokens that were asked for have come and are kept. For the end of the program.
pub async fn settled() {
    drop(ON_THEIR_WAY.write().await);
}

#[derive(Deserialize)]
struct OAuthError {
    error: String,
}

/// What a rejection of the sign-in service means. Trakt says `invalid_grant` with 400 or with 401.
fn refused(rejection: Rejection, what: &str, invalid_grant: TraktError) -> TraktError {
    let said = serde_json::from_slice::<OAuthError>(&rejection.body).map(|said| said.error).unwrap_or_default();
    match (rejection.status, said.as_str()) {
        (_, "invalid_grant") => invalid_grant,
        (_, "invalid_client" | "unauthorized_client") | (403, _) => TraktError::App,
        (400 | 401, _) => invalid_grant,
        (429, _) => {
            let seconds = asked_wait(&rejection).unwrap_or(1);
            TraktError::Http(HttpError::Busy { service: &TRAKT, seconds })
        }
        _ => HttpError::Status { service: &TRAKT, what: what.to_owned(), rejection: Box::new(rejection) }.into(),
    }
}
