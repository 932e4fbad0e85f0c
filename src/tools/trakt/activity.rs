//! What goes on for Trakt beyond single calls: the sync that runs and the last one, and who is being followed.

use super::follower::FollowerState;
use crate::{
    export::job::Progress,
    guard::Effect,
    tools::{call::Call, error::ToolError},
    trakt::{error::TraktError, http::Trakt, sign_in::Locked},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// What goes on.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    syncs: Mutex<Syncs>,
    followers: Mutex<Vec<Follower>>,
}

#[derive(Debug, Default)]
struct Syncs {
    running: Vec<SyncRow>,
    last: Option<SyncRow>,
}

/// A sync, running or ended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncRow {
    /// Its name.
    sync_id: String,
    /// `to_trakt` or `from_trakt`.
    direction: &'static str,
    /// Whether it only looks.
    dry_run: bool,
    /// plex: reading Plex; trakt: reading Trakt; sending: adding plays; ended.
    phase: &'static str,
    /// How much of the phase is done.
    done: u64,
    /// How much there is to do in it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// When it began.
    started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// How it ended, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
}

impl SyncRow {
    /// Its name.
    pub(super) fn sync_id(&self) -> &str {
        &self.sync_id
    }

    /// Whether it only looks.
    pub(super) fn dry_run(&self) -> bool {
        self.dry_run
    }
}

/// Somebody whose plays are followed.
#[derive(Debug)]
pub(crate) struct Follower {
    /// The account's number on the Plex server.
    pub(super) account: u64,
    pub(super) state: Arc<Mutex<FollowerState>>,
    /// Ends it, also when this value goes.
    pub(super) stop: CancellationToken,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A sync while it runs. However it ends, it is over with this value.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    activity: &'a Activity,
    id: String,
    /// What was done in earlier parts of the work, and in this one.
    done: Mutex<(u64, u64)>,
}

/// The lock's name.
const LOCK: &str = "sync";
/// How long another process that syncs is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// The sole right of all processes to bring one side up to the other. Two that both look first and then write would both
/// write.
pub(super) async fn alone(trakt: &Trakt) -> Result<Locked, ToolError> {
    let lock = trakt.account().file().lock_named(LOCK, "waiting for another sync", LOCK_PATIENCE).await;
    lock.map_err(|error| match &error {
        TraktError::File { cause, .. } if cause.kind() == io::ErrorKind::TimedOut => another_runs(),
        _ => error.into(),
    })
}

/// Whether another process has that right now.
pub(super) async fn runs_elsewhere<E: Effect>(call: &Call<'_, E>) -> bool {
    call.trakt().await.is_ok_and(|trakt| trakt.account().file().is_locked(LOCK))
}

/// The error of a sync that has to wait for another.
pub(super) fn another_runs() -> ToolError {
    ToolError::Running("another sync with Trakt is running: trakt_get_sync_status shows how far it is".to_owned())
}

fn now() -> String {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default().to_string()
}

impl Activity {
    fn syncs(&self) -> MutexGuard<'_, Syncs> {
        self.syncs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn followers(&self) -> MutexGuard<'_, Vec<Follower>> {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a sync begins. Of those that change something only one runs at a time: none where there is another.
    pub(super) fn begin(&self, direction: &'static str, dry_run: bool) -> Option<Running<'_>> {
        let mut syncs = self.syncs();
        if !dry_run && syncs.running.iter().any(|sync| !sync.dry_run) {
            return None;
        }
        let id = uuid::Uuid::now_v7().simple().to_string();
        syncs.running.push(SyncRow {
            sync_id: id.clone(),
            direction,
            dry_run,
            phase: "plex",
            done: 0,
            total: None,
            started_at: now(),
            ended_at: None,
            result: None,
        });
        Some(Running { activity: self, id, done: Mutex::default() })
    }

    /// The syncs that run now, and the last one that ended.
    pub(super) fn shown(&self) -> (Vec<SyncRow>, Option<SyncRow>) {
        let syncs = self.syncs();
        (syncs.running.clone(), syncs.last.clone())
    }
}

impl Running<'_> {
    fn change(&self, change: impl FnOnce(&mut SyncRow)) {
        if let Some(row) = self.activity.syncs().running.iter_mut().find(|row| row.sync_id == self.id) {
            change(row);
        }
    }

    /// Notes how far it is, and shows it to the caller, for whom the parts of the work add up: a client's progress only
    /// ever rises.
    pub(super) fn at<E: Effect>(&self, call: &Call<'_, E>, phase: &'static str, done: u64, total: Option<u64>) {
        self.change(|row| (row.phase, row.done, row.total) = (phase, done, total));
        let earlier = {
            let mut known = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            if done < known.1 {
                known.0 += known.1;
            }
            known.1 = done;
            known.0
        };
        let total = total.map(|total| earlier + total);
        call.progress(Progress { items: earlier + done, total, ..Progress::default() });
    }

    /// Notes how it ends.
    pub(super) fn ends(&self, result: String) {
        self.change(|row| row.result = Some(result));
    }

    /// When it began.
    pub(super) fn started_at(&self) -> String {
        let mut started_at = String::new();
        self.change(|row| started_at.clone_from(&row.started_at));
        started_at
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut syncs = self.activity.syncs();
        if let Some(at) = syncs.running.iter().position(|row| row.sync_id == self.id) {
            let row = syncs.running.swap_remove(at);
            let result =
                row.result.clone().unwrap_or_else(|| "it was stopped, or failed; its call says why".to_owned());
            syncs.last = Some(SyncRow { phase: "ended", ended_at: Some(now()), result: Some(result), ..row });
        }
    }
}
