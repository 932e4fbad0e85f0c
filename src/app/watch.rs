//! Looks after the policy's file while the server runs.
//!
//! A plain look at the file's metadata, ten times a second: it costs next to nothing, works on every file system and in
//! every container, and sees a file replaced by renaming, written in place, or reached by a link that was turned. What has
//! changed is read when it has stood still for a moment and, where that can be told, nobody has it open for writing any more,
//! so that no half of a policy is taken for the whole.

use super::{App, StartError, load_to_serve};
use crate::config::{PolicyFileError, PolicySource, Stamp, writers::is_open_for_writing};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How often, while it has changed and has not stood still.
const LOOK_CLOSELY: Duration = Duration::from_millis(50);

/// How long a file has to stand still before it is read. With a look on either side it makes less than a second.
const STILL: Duration = Duration::from_millis(500);

/// How long one is waited for that stands still while a program has it open for writing.
const OPEN: Duration = Duration::from_secs(5);

/// What was seen in the policy's place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    File(Stamp),
    /// There is none, or it can't be looked at; what the system says.
    Nothing(String),
}

impl Seen {
    fn at(path: &Path) -> Self {
        Stamp::at(path).map_or_else(|error| Self::Nothing(error.to_string()), Self::File)
    }

    fn of(stamp: Option<Stamp>) -> Self {
        stamp.map_or_else(|| Self::Nothing(String::new()), Self::File)
    }
}

/// What was seen, until it has stood still.
#[derive(Debug)]
struct Sight {
    /// What was dealt with.
    taken: Seen,
    /// What else is there, and since when.
    other: Option<(Seen, Instant)>,
}

impl Sight {
    /// Takes note of what is seen now, and gives it once if it is new, has stood still, and is not being written.
    fn settled(&mut self, seen: Seen, now: Instant, is_open: impl FnOnce() -> bool) -> Option<Seen> {
        if seen == self.taken {
            self.other = None;
            return None;
        }
        let since = match &self.other {
            Some((other, since)) if *other == seen => *since,
            _ => now,
        };
        let still = now.duration_since(since);
        if still < STILL || (still < OPEN && is_open()) {
            self.other = Some((seen, since));
            return None;
        }
        self.other = None;
        self.taken = seen.clone();
        Some(seen)
    }
}

/// The policy's file, and where one that appears later rules in its place.
#[derive(Debug)]
pub(super) struct Watch {
    path: Option<PathBuf>,
    sight: Sight,
    better: Option<(PathBuf, Sight)>,
}

impl Watch {
    /// Watches the file that was read in the state of `stamp`.
    pub(super) fn new(source: &PolicySource, stamp: Option<Stamp>, better: Option<PathBuf>) -> Self {
        let path = match source {
            PolicySource::File(path) => Some(path.clone()),
            PolicySource::BuiltIn => None,
        };
        let sight = |stamp| Sight { taken: Seen::of(stamp), other: None };
        Self { path, sight: sight(stamp), better: better.map(|path| (path, sight(None))) }
    }

    /// Looks once, and deals with what has changed; says how long to wait before the next look.
    fn look(&mut self, app: &App) -> Duration {
        if let Some((path, sight)) = &mut self.better
            && let Some(Seen::File(_)) = sight.settled(Seen::at(path), Instant::now(), || is_open_for_writing(path))
        {
            // It rules from now on as it would after a new start, unless it is not valid.
            let path = path.clone();
            if self.take(app, &path) {
                self.path = Some(path);
                self.better = None;
                return LOOK;
            }
        }
        if let Some(path) = self.path.clone() {
            match self.sight.settled(Seen::at(&path), Instant::now(), || is_open_for_writing(&path)) {
                Some(Seen::File(_)) => {
                    self.take(app, &path);
                }
                Some(Seen::Nothing(why)) => app.guard.policy_gone(&why),
                None => {}
            }
        }
        let is_unsettled = self.sight.other.is_some() || self.better.iter().any(|(_, sight)| sight.other.is_some());
        if is_unsettled { LOOK_CLOSELY } else { LOOK }
    }

    /// Reads the file and puts it in force, or says why not; tells whether it rules now.
    fn take(&mut self, app: &App, path: &Path) -> bool {
        let source = PolicySource::File(path.to_owned());
        let taken = load_to_serve(&source, app.exports.path())
            .and_then(|(policy, stamp)| Ok((app.guard.reload(policy, &source.to_string())?, stamp)));
        match taken {
            Ok((relisted, stamp)) => {
                // What it was when it was read, should it have changed since.
                self.sight = Sight { taken: Seen::of(stamp), other: None };
                if relisted {
                    app.relisted.send_modify(|times| *times += 1);
                }
                true
            }
            // It differs from what was seen, so it is read again when it has stood still.
            Err(StartError::PolicyFile { cause: PolicyFileError::Changing, .. }) => false,
            Err(StartError::PolicyFile { cause: PolicyFileError::Read(error), .. }) if is_withheld(&error) => {
                app.guard.policy_gone(&error.to_string());
                false
            }
            Err(error) => {
                app.guard.keep_policy(&match error {
                    StartError::Policy { errors, .. } => errors.to_string(),
                    error => error.to_string(),
                });
                false
            }
        }
    }
}

/// Whether a file is not to be had at all, whatever it says.
fn is_withheld(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied)
}

impl App {
    /// Looks after the policy from now on, for as long as the server is there.
    pub fn watch_policy(self: &Arc<Self>) {
        let Some(mut watch) = self.watch.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let app = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut wait = LOOK;
            loop {
                tokio::time::sleep(wait).await;
                let Some(app) = app.upgrade() else { return };
                // A file system may hang, which is then this look's own affair.
                let looked = tokio::task::spawn_blocking(move || {
                    let wait = watch.look(&app);
                    (watch, wait)
                });
                match looked.await {
                    Ok(looked) => (watch, wait) = looked,
                    Err(error) => {
                        tracing::error!(%error, "the policy's file is not looked after any more");
                        return;
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str) -> Seen {
        Seen::Nothing(name.to_owned())
    }

    /// What is seen of `a` after so many milliseconds of standing still or not.
    struct Watched(Sight, Instant);

    impl Watched {
        fn new() -> Self {
            Self(Sight { taken: seen("a"), other: None }, Instant::now())
        }

        fn see(&mut self, name: &str, ms: u64, is_open: bool) -> Option<Seen> {
            self.0.settled(seen(name), self.1 + Duration::from_millis(ms), || is_open)
        }
    }

    #[test]
    fn what_is_new_is_taken_once_it_stands_still() {
        let mut file = Watched::new();
        assert_eq!(file.see("a", 0, false), None);
        assert_eq!(file.see("b", 100, false), None);
        assert_eq!(file.see("b", 599, false), None);
        assert_eq!(file.see("b", 600, false), Some(seen("b")));
        assert_eq!(file.see("b", 5_000, false), None, "once only");
    }

    #[test]
    fn what_changes_on_the_way_begins_anew_and_what_comes_back_is_nothing_new() {
        let mut file = Watched::new();
        assert_eq!(file.see("empty", 0, false), None);
        assert_eq!(file.see("half", 450, false), None);
        assert_eq!(file.see("whole", 900, false), None);
        assert_eq!(file.see("whole", 1_300, false), None);
        assert_eq!(file.see("a", 1_350, false), None);
        assert_eq!(file.see("whole", 1_401, false), None, "its time was over");
        assert_eq!(file.see("whole", 1_901, false), Some(seen("whole")));
    }

    #[test]
    fn what_someone_is_still_writing_is_waited_for_but_not_for_ever() {
        let mut file = Watched::new();
        assert_eq!(file.see("half", 0, true), None);
        assert_eq!(file.see("half", 4_999, true), None);
        assert_eq!(file.see("whole", 5_000, true), None, "it went on");
        assert_eq!(file.see("whole", 9_999, true), None);
        assert_eq!(file.see("whole", 10_000, true), Some(seen("whole")));
        assert_eq!(file.see("next", 11_000, true), None);
        assert_eq!(file.see("next", 12_000, false), Some(seen("next")), "as soon as it is closed");
    }
}
