//! Following one person's plays: a task that looks at what is being played, and makes a call of its own for each thing that
//! Trakt has to be told, so that the policy judges and the ledger records every one. It ends when it is stopped, or with the
//! program.

use super::activity::Follower;
use crate::{
    app::App,
    guard::Code,
    http::Sent,
    plex::{items::Item, sessions::Session},
    tools::{self, call::Caller, error::ToolError},
    trakt::follow::{Due, Following, Seen},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long, at most, looks are let pass after failures before the next try.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Somebody whose plays are followed.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FollowerState {
    /// The account's number on the Plex server.
    pub(super) account: u64,
    /// The account's name.
    pub(super) name: String,
    /// Since when.
    pub(super) started_at: String,
    /// Seconds between two looks.
    pub(super) interval_seconds: u64,
    /// When it was looked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_look: Option<String>,
    /// What is being watched now.
    watching: Vec<WatchingRow>,
    /// What Trakt was told so far.
    told: u64,
    /// What it was told last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_told: Option<String>,
    /// What went wrong last, until it goes right again.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Whether it has ended by itself: the error says why.
    ended: bool,
}

/// Something that is being watched.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WatchingRow {
    /// The item's number in Plex.
    rating_key: String,
    /// Per cent.
    progress: f64,
    /// Whether it is halted.
    paused: bool,
}

/// Begins to follow an account.
pub(super) fn begin(app: Weak<App>, caller: &Caller, account: (u64, String), interval: Duration) -> Follower {
    let (account, name) = account;
    let state = Arc::new(Mutex::new(FollowerState {
        account,
        started_at: time(),
        interval_seconds: interval.as_secs(),
        name: name.clone(),
        ..FollowerState::default()
    }));
    let stop = CancellationToken::new();
    let own = Caller::new(caller.session.clone(), Some(format!("plex-mcp, following {name}")));
    let task = Task { app, caller: own, account, state: Arc::clone(&state), following: Following::default() };
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = stopped.cancelled() => {}
            () = task.run(interval) => {}
        }
    });
    Follower { account, state, stop }
}

struct Task {
    app: Weak<App>,
    caller: Caller,
    account: u64,
    state: Arc<Mutex<FollowerState>>,
    following: Following,
}

/// Why following is over.
struct Ended;

impl Task {
    async fn run(mut self, interval: Duration) {
        let (mut pause, mut failures) = (0_u32, 0_u32);
        loop {
            if pause > 0 {
                pause -= 1;
            } else {
                match self.look().await {
                    Ok(true) => failures = 0,
                    Ok(false) => {
                        failures = failures.saturating_add(1);
                        pause = looks_to_pass(failures, interval);
                    }
                    Err(Ended) => {
                        self.note(|state| state.ended = true);
                        return;
                    }
                }
            }
            tokio::time::sleep(interval).await;
        }
    }

    fn note(&self, change: impl FnOnce(&mut FollowerState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Looks once, and tells Trakt what is due; false where something went wrong.
    async fn look(&mut self) -> Result<bool, Ended> {
        let app = self.app.upgrade().ok_or(Ended)?;
        let seen = match self.seen(&app).await {
            Ok(seen) => seen,
            Err(error) => {
                self.note(|state| state.error = Some(error.to_string()));
                return Ok(false);
            }
        };
        let due = self.following.look(&seen);
        let mut well = true;
        for due in due {
            match self.tell(&app, &due).await {
                Ok(()) => self.following.told(&due),
                Err(error) => {
                    let refused = matches!(&error, ToolError::Refused(refusal)
                        if matches!(refusal.code, Code::Denied | Code::DefaultDeny | Code::ApprovalRequired));
                    let ended = refused || matches!(error, ToolError::Asks(_) | ToolError::Unknown(_));
                    self.note(|state| state.error = Some(error.to_string()));
                    if ended {
                        return Err(Ended);
                    }
                    if is_of_the_item(&error) {
                        self.following.refused(&due);
                    } else {
                        well = false;
                    }
                }
            }
        }
        let watching = self.following.watching();
        let row =
            |(key, progress, paused): (&str, f64, bool)| WatchingRow { rating_key: key.to_owned(), progress, paused };
        let watching: Vec<WatchingRow> = watching.map(row).collect();
        let clear = well && !self.following.any_refused();
        self.note(|state| {
            state.watching = watching;
            state.last_look = Some(time());
            if clear {
                state.error = None;
            }
        });
        Ok(well)
    }

    /// What the account plays now.
    async fn seen(&self, app: &App) -> Result<Vec<Seen>, ToolError> {
        let plex = app.plex(&Sent::default()).await?;
        let sessions = plex.sessions().await?;
        let account = self.account.to_string();
        let theirs = |session: &Session| {
            session.users.iter().any(|user| user.id.as_deref() == Some(account.as_str()))
                && matches!(session.item.kind.as_deref(), Some("movie" | "episode"))
        };
        let seen = |session: Session| {
            let paused = session.players.iter().any(|player| player.state.as_deref() == Some("paused"));
            Some(Seen { progress: progress(&session.item)?, rating_key: session.item.rating_key?, paused })
        };
        Ok(sessions.into_iter().filter(theirs).filter_map(seen).collect())
    }

    /// Makes the call that tells Trakt.
    async fn tell(&self, app: &Arc<App>, due: &Due) -> Result<(), ToolError> {
        if due.is_nothing() {
            return Ok(());
        }
        let arguments = json!({"ratingKey": due.rating_key, "progress": due.progress, "action": due.step.as_str()});
        let arguments: Map<String, Value> = serde_json::from_value(arguments).unwrap_or_default();
        let told = tools::call(app, &self.caller, "trakt_start_scrobbling", arguments).await?;
        let message = told.get("summary").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.note(|state| {
            state.told += 1;
            state.last_told = Some(message);
        });
        Ok(())
    }
}

/// How many looks are let pass after so many failures in a row.
fn looks_to_pass(failures: u32, interval: Duration) -> u32 {
    let most = LONGEST_PAUSE.as_secs() / interval.as_secs().max(1);
    2_u32.saturating_pow(failures.min(5)).min(u32::try_from(most).unwrap_or(u32::MAX)).max(1)
}

/// Whether Trakt can't be told of this item, now or later: it has no ids, or Trakt does not know it.
fn is_of_the_item(error: &ToolError) -> bool {
    matches!(error.code(), "invalid_argument" | "not_found")
}

/// How far a play of an item is, in per cent; none where its length is not known.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a film")]
pub(super) fn progress(item: &Item) -> Option<f64> {
    let length = item.duration.filter(|&length| length > 0)?;
    Some((item.view_offset.unwrap_or(0) as f64 / length as f64 * 100.0).clamp(0.0, 100.0))
}

fn time() -> String {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_some_minutes_however_far_apart_looks_are() {
        for (failures, seconds, looks) in [(1, 10, 2), (3, 10, 8), (99, 10, 30), (99, 60, 5), (99, 1, 32)] {
            assert_eq!(looks_to_pass(failures, Duration::from_secs(seconds)), looks, "{failures} {seconds}");
        }
    }
}
