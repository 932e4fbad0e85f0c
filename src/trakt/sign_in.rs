//! The sign-in on disk: one file that only its owner reads, replaced as a whole, and locked over all processes while it is
//! being renewed. Its tokens are never in an answer, a log or an error.

use super::error::TraktError;
use crate::{config::Secret, plex::lenient};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// What is read of the file at most; a sign-in is less than 2 kB.
const MAX_BYTES: usize = 64 << 10;
/// How often a lock that another process holds is tried for.
const LOCK_POLL: Duration = Duration::from_millis(25);
/// How long another process may take to renew the sign-in.
const LOCK_PATIENCE: Duration = Duration::from_secs(45);

/// What Trakt gave for a sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tokens {
    /// Signs requests in.
    #[serde(serialize_with = "reveal", deserialize_with = "conceal")]
    pub access_token: Secret,
    /// Is good for one renewal.
    #[serde(serialize_with = "reveal", deserialize_with = "conceal")]
    pub refresh_token: Secret,
    /// Seconds from `created_at` for which the access token is good.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub expires_in: Option<i64>,
    /// When the tokens were made, in seconds since 1970, by Trakt's clock.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub created_at: Option<i64>,
}

/// The longest life that is assumed of tokens that don't say, in seconds: Trakt's shortest so far.
const ASSUMED_LIFE: i64 = 86_400;
/// Tokens are renewed when the last tenth of their life begins, and an hour before its end at most.
const EARLIEST_RENEWAL: i64 = 3_600;

impl Tokens {
    /// When the access token runs out, in seconds since 1970.
    pub fn expires_at(&self) -> i64 {
        self.created_at.unwrap_or_default().saturating_add(self.expires_in.unwrap_or(ASSUMED_LIFE))
    }

    /// Whether the access token has run out.
    pub fn has_expired(&self, now: i64) -> bool {
        now >= self.expires_at()
    }

    /// Whether it is time to renew the tokens.
    pub fn wants_renewal(&self, now: i64) -> bool {
        let early = (self.expires_in.unwrap_or(ASSUMED_LIFE) / 10).clamp(0, EARLIEST_RENEWAL);
        now.saturating_add(early) >= self.expires_at()
    }
}

/// A sign-in by device code that nobody has completed yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// What this side asks with; as good as a token.
    #[serde(serialize_with = "reveal", deserialize_with = "conceal")]
    pub device_code: Secret,
    /// What the person enters.
    pub user_code: String,
    /// Where the person enters it.
    pub verification_url: String,
    /// Seconds between two questions.
    pub interval: u64,
    /// When the code runs out, in seconds since 1970.
    pub expires_at: i64,
    /// When Trakt may be asked next, in seconds since 1970.
    #[serde(default)]
    pub ask_at: i64,
}

/// The content of the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SignIn {
    /// The server that the tokens are of: they must not reach another.
    pub server: String,
    /// The app that the tokens are of.
    pub client_id: String,
    /// The tokens, where somebody has signed in.
    pub tokens: Option<Tokens>,
    /// A sign-in under way.
    pub pending: Option<Pending>,
}

fn reveal<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.reveal())
}

fn conceal<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

/// Where the sign-in is kept.
#[derive(Clone, Debug)]
pub struct SignInFile(PathBuf);

/// The sole right to change the file. It ends with the value, and with the process.
#[derive(Debug)]
pub struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing the file would do as well.
        let _ = self.0.unlock();
    }
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> TraktError {
    move |cause| TraktError::File { what, cause }
}

impl SignInFile {
    /// The file at `path`, which need not be there.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the file holds; nothing where there is none. One that can't be understood counts as none, since signing in
    /// again mends it.
    pub fn load(&self) -> Result<SignIn, TraktError> {
        #[expect(clippy::disallowed_methods, reason = "the sign-in is read in this file only")]
        let text = match std::fs::read(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(SignIn::default()),
            read => read.map_err(failed("reading it"))?,
        };
        let sign_in = text.get(..text.len().min(MAX_BYTES)).and_then(|text| serde_json::from_slice(text).ok());
        if sign_in.is_none() {
            tracing::warn!(path = %self.0.display(), "the file with the sign-in to Trakt can't be understood and counts as empty");
        }
        Ok(sign_in.unwrap_or_default())
    }

    /// Replaces the file by one that is whole when it gets the name, readable by its owner alone. `_` proves that no other
    /// process does the same.
    pub fn store(&self, _: &Locked, sign_in: &SignIn) -> Result<(), TraktError> {
        let text = serde_json::to_vec_pretty(sign_in).map_err(|error| failed("writing it")(error.into()))?;
        let replace = || {
            // Made with mode 0600.
            let mut file = tempfile::NamedTempFile::new_in(self.folder())?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&self.0).map_err(|error| error.error).map(drop)
        };
        replace().map_err(failed("writing it"))
    }

    /// Waits until no other process changes the file.
    pub async fn lock(&self) -> Result<Locked, TraktError> {
        self.lock_named("lock", "waiting for another process that renews it", LOCK_PATIENCE).await
    }

    /// Takes the lock of that name beside the file, or says why not within `patience`.
    pub async fn lock_named(&self, name: &str, what: &'static str, patience: Duration) -> Result<Locked, TraktError> {
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(self.beside(name));
        let file = file.map_err(failed("locking it"))?;
        let started = tokio::time::Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked(file)),
                Err(TryLockError::WouldBlock) if started.elapsed() < patience => tokio::time::sleep(LOCK_POLL).await,
                Err(TryLockError::WouldBlock) => return Err(failed(what)(io::ErrorKind::TimedOut.into())),
                Err(TryLockError::Error(cause)) => return Err(failed("locking it")(cause)),
            }
        }
    }

    /// Whether another process holds the lock of that name. Nothing is made or changed by asking.
    pub fn is_locked(&self, name: &str) -> bool {
        OpenOptions::new().write(true).open(self.beside(name)).is_ok_and(|file| file.try_lock().is_err())
    }

    /// The path of another file of that kind: the sign-in's with a dot and `name` at its end.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        let mut path = self.0.clone().into_os_string();
        path.push(".");
        path.push(name);
        path.into()
    }

    fn folder(&self) -> &Path {
        self.0.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests look at the file and damage it")]
mod tests {
    use super::*;

    fn tokens(expires_in: i64, created_at: i64) -> Tokens {
        let secret = |text: &str| text.parse().unwrap();
        Tokens {
            access_token: secret("a-CANARY"),
            refresh_token: secret("r-CANARY"),
            expires_in: Some(expires_in),
            created_at: Some(created_at),
        }
    }

    #[test]
    fn tokens_are_renewed_early_by_what_they_say_of_themselves() {
        for (life, age, renew) in [
            (86_400, 0, false),
            (86_400, 82_700, false),
            (86_400, 82_800, true),
            (86_400, 86_000, true),
            (86_400, 90_000, true),
            (604_800, 600_000, false),
            (604_800, 601_200, true),
            (10, 8, false),
            (10, 9, true),
            (0, 0, true),
        ] {
            assert_eq!(tokens(life, 1_000_000).wants_renewal(1_000_000 + age), renew, "{life} s, {age} s old");
        }
        assert!(tokens(10, 0).has_expired(10) && !tokens(10, 0).has_expired(9));
        assert!(tokens(i64::MAX, i64::MAX).expires_at() == i64::MAX, "no overflow");
    }

    #[tokio::test]
    async fn the_file_is_replaced_whole_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = SignInFile::new(dir.path().join("trakt.json"));
        assert!(file.load().unwrap().tokens.is_none(), "no file is no sign-in");
        let lock = file.lock().await.unwrap();
        let sign_in = SignIn { tokens: Some(tokens(10, 20)), ..SignIn::default() };
        file.store(&lock, &sign_in).unwrap();
        let loaded = file.load().unwrap().tokens.unwrap();
        assert_eq!((loaded.access_token.reveal(), loaded.created_at), ("a-CANARY", Some(20)));
        assert!(!format!("{sign_in:?}").contains("CANARY"), "secrets don't print");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        }
        for odd in ["", "{", "[]", "{\"tokens\": 5}"] {
            std::fs::write(file.path(), odd).unwrap();
            assert!(file.load().unwrap().tokens.is_none(), "{odd}");
        }
    }

    #[tokio::test]
    async fn a_lock_is_held_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = SignInFile::new(dir.path().join("trakt.json"));
        let held = file.lock().await.unwrap();
        let second = file.lock_named("lock", "waiting", Duration::from_millis(60)).await.unwrap_err();
        assert_eq!(second.code(), "sign_in_file");
        assert!(file.is_locked("lock") && !file.is_locked("other"));
        drop(held);
        assert!(!file.is_locked("lock"));
        file.lock_named("lock", "waiting", Duration::ZERO).await.unwrap();
    }
}
