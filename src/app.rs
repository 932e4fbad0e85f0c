//! What every call shares: the guard, the clients and the exports directory, built once.

use crate::{
    config::{Config, PolicySource, SettingError, read_policy},
    export::directory::Exports,
    guard::{Guard, Kind, Ledger, LedgerError, Policy, PolicyErrors, SelfTestFailed},
    http::Sent,
    plex::{error::PlexError, http::Plex},
    tools::{self, trakt::activity::Activity},
    trakt::{error::TraktError, http::Trakt},
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

/// Calls that run at once; further ones wait their turn. The protocol itself knows no bound. Reads and changes each have
/// their own, so that long exports don't hold up reads.
const MAX_READS: usize = 32;
const MAX_CHANGES: usize = 8;

/// As many links as Linux follows from one to the next.
const MAX_LINKS: usize = 40;

/// Everything that tools work with.
#[derive(Debug)]
pub struct App {
    config: Config,
    pub(crate) guard: Guard,
    pub(crate) exports: Exports,
    reads: Semaphore,
    changes: Semaphore,
    plex: OnceCell<Plex>,
    trakt: OnceCell<Trakt>,
    /// What is done for Trakt beyond the call that began it.
    pub(crate) activity: Activity,
    /// This very value, for tasks that outlive a call.
    own: Weak<Self>,
}

/// Why the program can't begin to serve.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The policy's file can't be read.
    #[error("the policy {from} can't be read: {cause}")]
    PolicyFile {
        /// Its path.
        from: PolicySource,
        /// What the system said.
        cause: io::Error,
    },
    /// The policy is not one.
    #[error("the policy {from} is not valid, and nothing is served under a policy that was not understood:\n{errors}")]
    Policy {
        /// Its path.
        from: PolicySource,
        /// Every error with its line.
        errors: PolicyErrors,
    },
    /// The ledger can't be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The guard let a call through that the policy refuses.
    #[error(transparent)]
    SelfTest(#[from] SelfTestFailed),
    /// An export could become the policy, or take the ledger's place.
    #[error("the {what} {} lies in the exports directory, where an export could replace it: move one of the two", .path.display())]
    AmongExports {
        /// What lies there.
        what: &'static str,
        /// Its path.
        path: PathBuf,
    },
}

/// Why Plex can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum PlexUnavailable {
    /// The settings name no server.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The client can't be made of the settings.
    #[error(transparent)]
    Client(#[from] PlexError),
}

/// Why Trakt can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum TraktUnavailable {
    /// The settings name no app.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The client can't be made of the settings.
    #[error(transparent)]
    Client(#[from] TraktError),
}

/// The policy that `source` names.
pub fn load_policy(source: &PolicySource) -> Result<Policy, StartError> {
    let text = read_policy(source).map_err(|cause| StartError::PolicyFile { from: source.clone(), cause })?;
    Policy::parse(&text, tools::catalogue()).map_err(|errors| StartError::Policy { from: source.clone(), errors })
}

/// Refuses a file that lies in the exports directory, or is reached by a link there, which an export could replace.
fn refuse_among_exports(what: &'static str, path: &Path, exports: &Path) -> Result<(), StartError> {
    // A directory that is not there yet holds nothing.
    let Ok(exports) = exports.canonicalize() else { return Ok(()) };
    let mut link = path.to_owned();
    for _ in 0..MAX_LINKS {
        let folder = link.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if folder.canonicalize().is_ok_and(|folder| folder.starts_with(&exports)) {
            return Err(StartError::AmongExports { what, path: path.to_owned() });
        }
        match link.read_link() {
            Ok(target) => link = folder.join(target),
            Err(_) => break,
        }
    }
    Ok(())
}

impl App {
    /// Loads the policy and opens the ledger. Sends nothing.
    pub fn new(config: Config) -> Result<Arc<Self>, StartError> {
        let policy = load_policy(&config.policy)?;
        tracing::info!(policy = %config.policy, hash = policy.hash(), "policy loaded");
        for warning in policy.warnings() {
            tracing::warn!(policy = %config.policy, "{warning}");
        }
        let exports = Exports::new(config.exports.clone());
        if let PolicySource::File(file) = &config.policy {
            refuse_among_exports("policy", file, exports.path())?;
        }
        let ledger = Ledger::open_with_key(&config.ledger, &config.ledger_key)?;
        refuse_among_exports("ledger", &config.ledger, exports.path())?;
        refuse_among_exports("ledger's key", &config.ledger_key, exports.path())?;
        refuse_among_exports("sign-in to Trakt", &config.trakt_sign_in, exports.path())?;
        let guard = Guard::new(policy, ledger, config.grant.clone());
        guard.self_test()?;
        Ok(Arc::new_cyclic(|own| Self {
            config,
            guard,
            exports,
            reads: Semaphore::new(MAX_READS),
            changes: Semaphore::new(MAX_CHANGES),
            plex: OnceCell::new(),
            trakt: OnceCell::new(),
            activity: Activity::default(),
            own: Weak::clone(own),
        }))
    }

    /// This value for a task that outlives a call, and that must not keep the program from ending.
    pub(crate) fn weak(&self) -> Weak<Self> {
        Weak::clone(&self.own)
    }

    /// The settings that the program runs with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Says on the log what will keep calls from working, so that it can be mended before the first one.
    pub fn report_settings(&self) {
        if let Err(error) = &self.config.plex {
            tracing::error!("{error}");
        }
        if let Ok(server) = &self.config.plex
            && matches!(server.tls, crate::config::TlsTrust::Anything)
        {
            tracing::warn!("PLEX_INSECURE_TLS is on: the certificate of the Plex server is not checked");
        }
        if let Err(error) = self.exports.prepare() {
            tracing::error!("{error}");
        }
    }

    /// Waits for a place among the calls of that kind, which is held as long as what this returns.
    pub(crate) async fn place(&self, kind: Kind) -> Option<SemaphorePermit<'_>> {
        let places = if kind == Kind::Read { &self.reads } else { &self.changes };
        // The semaphores are never closed.
        places.acquire().await.ok()
    }

    /// The guard.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The client of Plex for one call.
    pub(crate) async fn plex(&self, sent: &Sent) -> Result<Plex, PlexUnavailable> {
        let server = self.config.plex.as_ref().map_err(Clone::clone)?;
        let plex = self.plex.get_or_try_init(|| async { Plex::new(server) }).await?;
        Ok(plex.for_call(sent))
    }

    /// The client of Trakt for one call.
    pub(crate) async fn trakt(&self, sent: &Sent) -> Result<Trakt, TraktUnavailable> {
        let app = self.config.trakt.as_ref().map_err(Clone::clone)?;
        let make = || async { Trakt::new(app, self.config.trakt_sign_in.clone()) };
        Ok(self.trakt.get_or_try_init(make).await?.for_call(sent))
    }
}
