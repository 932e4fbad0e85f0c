//! What every call shares: the guard, the clients and the exports directory, built once.

mod retention;
mod watch;

use crate::{
    arr::{Arr, ArrError, Dialect, RADARR, SONARR},
    config::{
        ArrServer, Config, PolicyFileError, PolicySource, SettingError, Stamp,
        permissions::{PermissionError, check_secret, check_unchangeable},
        read_policy_file,
    },
    export::{directory::Exports, index::Index},
    guard::{Guard, Kind, Ledger, LedgerError, Policy, PolicyErrors, SHIPPED, SelfTestFailed},
    http::Sent,
    plex::{discover::Discover, error::PlexError, http::Plex},
    tools::{self, jobs::Jobs, trakt::activity::Activity},
    trakt::{error::TraktError, http::Trakt},
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit, watch::Sender};
use watch::Watch;

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
    pub(crate) jobs: Arc<Jobs>,
    reads: Semaphore,
    changes: Semaphore,
    plex: OnceCell<Plex>,
    trakt: OnceCell<Trakt>,
    /// What is done for Trakt beyond the call that began it.
    pub(crate) activity: Activity,
    /// This very value, for tasks that outlive a call.
    own: Weak<Self>,
    sonarr: OnceCell<Arr>,
    radarr: OnceCell<Arr>,
    discover: OnceCell<Discover>,
    /// Counts how often other tools came to be listed.
    pub(crate) relisted: Sender<u64>,
    /// What begins to look after the policy, once.
    watch: Mutex<Option<Watch>>,
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
        cause: PolicyFileError,
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
    /// The ledger is not safe from others.
    #[error("the ledger is not safe from others: {0}")]
    LedgerUnsafe(PermissionError),
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

/// Why Sonarr or Radarr can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum ArrUnavailable {
    /// The settings name no server.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The client can't be made of the settings.
    #[error(transparent)]
    Client(#[from] ArrError),
}

/// The policy that `source` names.
pub fn load_policy(source: &PolicySource) -> Result<Policy, StartError> {
    load(source).map(|(policy, _)| policy)
}

fn load(source: &PolicySource) -> Result<(Policy, Option<Stamp>), StartError> {
    let (text, stamp) = match source {
        PolicySource::File(path) => {
            let read = read_policy_file(path);
            let (text, stamp) = read.map_err(|cause| StartError::PolicyFile { from: source.clone(), cause })?;
            (text, Some(stamp))
        }
        PolicySource::BuiltIn => (SHIPPED.to_owned(), None),
    };
    let policy = Policy::parse(&text, tools::catalogue());
    Ok((policy.map_err(|errors| StartError::Policy { from: source.clone(), errors })?, stamp))
}

/// The policy that `source` names for a server that exports to that directory, and the state its file was read in.
fn load_to_serve(source: &PolicySource, exports: &Path) -> Result<(Policy, Option<Stamp>), StartError> {
    let loaded = load(source)?;
    for warning in loaded.0.warnings() {
        tracing::warn!(policy = %source, "{warning}");
    }
    if let PolicySource::File(file) = source {
        refuse_among_exports("policy", file, exports)?;
    }
    Ok(loaded)
}

/// Refuses a ledger that others may write to, and a key of it that they may read. What is not there yet is made safe.
fn check_ledger(config: &Config) -> Result<(), StartError> {
    // What is no file the ledger refuses itself, with the setting's name.
    if config.ledger.metadata().is_ok_and(|found| !found.is_file()) {
        return Ok(());
    }
    let files = ["", ".head", ".marker", "-wal", "-shm"].map(|ending| Ledger::beside(&config.ledger, ending));
    let checked = files.iter().try_for_each(|file| check_unchangeable(file));
    match checked.and_then(|()| check_secret(&config.ledger_key)) {
        // What is no file at all the ledger itself says.
        Err(PermissionError::Kind { .. }) => Ok(()),
        checked => checked.map_err(StartError::LedgerUnsafe),
    }
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
        let exports = Exports::new(config.exports.clone(), Index::new(Ledger::beside(&config.ledger, ".exports")));
        let (policy, stamp) = load_to_serve(&config.policy, exports.path())?;
        tracing::info!(policy = %config.policy, hash = policy.hash(), "policy loaded");
        let watch = Watch::new(&config.policy, stamp, config.better_policy.clone());
        check_ledger(&config)?;
        let ledger = Ledger::open_with_key(&config.ledger, &config.ledger_key)?;
        refuse_among_exports("ledger", &config.ledger, exports.path())?;
        refuse_among_exports("ledger's key", &config.ledger_key, exports.path())?;
        refuse_among_exports("sign-in to Trakt", &config.trakt_sign_in, exports.path())?;
        let guard = Guard::new(policy, ledger, config.grant.clone()).loaded_from(&config.policy.to_string());
        guard.self_test()?;
        Ok(Arc::new_cyclic(|own| Self {
            config,
            guard,
            exports,
            jobs: Arc::default(),
            reads: Semaphore::new(MAX_READS),
            changes: Semaphore::new(MAX_CHANGES),
            plex: OnceCell::new(),
            trakt: OnceCell::new(),
            activity: Activity::default(),
            own: Weak::clone(own),
            sonarr: OnceCell::new(),
            radarr: OnceCell::new(),
            discover: OnceCell::new(),
            relisted: Sender::default(),
            watch: Mutex::new(Some(watch)),
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
        // What is not set is not wanted.
        for server in [&self.config.arr.sonarr, &self.config.arr.radarr] {
            if let Err(error) = server
                && !error.is_unset_address()
            {
                tracing::error!("{error}");
            }
        }
        if let Err(error) = &self.config.discover {
            tracing::error!("{error}");
        }
        // Most people have no app on Trakt, which is no fault.
        let has_none = |error: &SettingError| matches!(error, SettingError::Unset { variable: "TRAKT_CLIENT_ID", .. });
        if let Err(error) = &self.config.trakt
            && !has_none(error)
        {
            tracing::error!("{error}");
        }
        if self.config.trakt.is_ok()
            && let Err(error) = check_secret(&self.config.trakt_sign_in)
        {
            tracing::warn!("the sign-in to Trakt is not safe: {error}");
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

    /// Work that goes on after its calls were answered.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
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

    /// The client of Plex Discover for one call.
    pub(crate) async fn discover(&self, sent: &Sent) -> Result<Discover, PlexUnavailable> {
        let server = self.config.plex.as_ref().map_err(Clone::clone)?;
        let address = self.config.discover.as_ref().map_err(Clone::clone)?;
        let discover = self.discover.get_or_try_init(|| async { Discover::new(address, server) }).await?;
        Ok(discover.for_call(sent))
    }

    /// The client of Sonarr for one call.
    pub(crate) async fn sonarr(&self, sent: &Sent) -> Result<Arr, ArrUnavailable> {
        client(&self.sonarr, &SONARR, self.config.arr.sonarr.as_ref(), sent).await
    }

    /// The client of Radarr for one call.
    pub(crate) async fn radarr(&self, sent: &Sent) -> Result<Arr, ArrUnavailable> {
        client(&self.radarr, &RADARR, self.config.arr.radarr.as_ref(), sent).await
    }
}

async fn client(
    made: &OnceCell<Arr>,
    dialect: &'static Dialect,
    server: Result<&ArrServer, &SettingError>,
    sent: &Sent,
) -> Result<Arr, ArrUnavailable> {
    let server = server.map_err(Clone::clone)?;
    let arr = made.get_or_try_init(|| async { Arr::new(dialect, server) }).await?;
    Ok(arr.for_call(sent))
}
