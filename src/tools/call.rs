//! What a tool's body gets: the permit of its call, and through it everything that it may do.

use super::{error::ToolError, trakt::activity::Activity};
use crate::{
    app::App,
    export::{directory::Exports, job::Progress},
    guard::{Affected, Amounts, Change, Cleared, Effect, ExportCaps, Outcome, Permit, Plan, Settlement},
    http::Sent,
    plex::http::Plex,
    trakt::http::Trakt,
};
use std::sync::{Mutex, OnceLock, PoisonError, Weak};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Who calls, and how to reach them while the call runs.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The connection that the call came by.
    pub session: String,
    /// What the client says it is: a claim, for the ledger only.
    pub client: Option<String>,
    /// Fires when the client gives the call up.
    pub cancelled: CancellationToken,
    /// Takes how far the call is; whoever shows it sees the latest state.
    pub progress: watch::Sender<Progress>,
}

impl Caller {
    /// A caller called `client`, whose calls nothing cancels yet.
    pub fn new(session: impl Into<String>, client: Option<String>) -> Self {
        Self {
            session: session.into(),
            client,
            cancelled: CancellationToken::new(),
            progress: watch::Sender::new(Progress::default()),
        }
    }
}

/// One call of a tool with effect `E`.
///
/// A call that reads can't be cleared, so its tool can change nothing:
///
/// ```
/// use plex_mcp::{guard::{Plan, Write}, tools::{call::Call, error::ToolError}};
/// async fn body(call: &Call<'_, Write>) -> Result<(), ToolError> {
///     call.clear(Plan::default()).await.map(drop)
/// }
/// ```
/// ```compile_fail,E0599
/// use plex_mcp::{guard::{Plan, Read}, tools::{call::Call, error::ToolError}};
/// async fn body(call: &Call<'_, Read>) -> Result<(), ToolError> {
///     call.clear(Plan::default()).await.map(drop)
/// }
/// ```
pub struct Call<'a, E: Effect> {
    app: &'a App,
    permit: Permit<E>,
    caller: &'a Caller,
    sent: Sent,
    plex: OnceLock<Plex>,
    done: Mutex<(Affected, Option<Amounts>)>,
}

impl<'a, E: Effect> Call<'a, E> {
    pub(super) fn new(app: &'a App, permit: Permit<E>, caller: &'a Caller) -> Self {
        Self { app, permit, caller, sent: Sent::default(), plex: OnceLock::new(), done: Mutex::default() }
    }

    /// Plex, to read from. Whatever changes something there takes a clearance.
    pub async fn plex(&self) -> Result<&Plex, ToolError> {
        let plex = self.app.plex(&self.sent).await?;
        Ok(self.plex.get_or_init(|| plex))
    }

    /// Trakt, to read from and to sign in to. Whatever changes something there takes a clearance.
    pub async fn trakt(&self) -> Result<Trakt, ToolError> {
        Ok(self.app.trakt(&self.sent).await?)
    }

    /// What is done for Trakt beyond the call that began it.
    pub(crate) fn activity(&self) -> &Activity {
        &self.app.activity
    }

    /// The program, for a task that outlives the call.
    pub(crate) fn app(&self) -> Weak<App> {
        self.app.weak()
    }

    /// Who calls.
    pub(crate) fn caller(&self) -> &Caller {
        self.caller
    }

    /// Shows how far the call is.
    pub fn progress(&self, progress: Progress) {
        self.caller.progress.send_replace(progress);
    }

    /// Says for the ledger what the call was about.
    pub fn affects(&self, affected: Affected) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).0 = affected;
    }

    pub(super) fn settlement(&self, outcome: Outcome) -> Settlement {
        let (affected, used) = self.done.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Settlement { outcome, affected, used, nothing_sent: !self.sent.anything() }
    }

    pub(super) fn into_permit(self) -> Permit<E> {
        self.permit
    }
}

impl<E: Change> Call<'_, E> {
    /// Says what the call is about to do, and has it judged and recorded. Nothing changes without what this returns.
    pub async fn clear(&self, plan: Plan) -> Result<Cleared<'_>, ToolError> {
        self.affects(plan.affected.clone());
        Ok(self.app.guard.clear(&self.permit, plan).await?)
    }

    /// Says what of the reserved amounts was really used.
    pub fn used(&self, amounts: Amounts) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(amounts);
    }

    /// The exports directory. Making a file in it takes a clearance.
    pub fn exports(&self) -> &Exports {
        &self.app.exports
    }

    /// The caps that the policy of this call puts on an export.
    pub fn export_caps(&self) -> &ExportCaps {
        self.permit.policy().exports()
    }
}
