//! What a tool's body gets: the permit of its call, and through it everything that it may do.

use super::{error::ToolError, trakt::activity::Activity};
use crate::{
    app::App,
    arr::Arr,
    export::{directory::Exports, job::Progress},
    guard::{
        Account, Affected, Amounts, CallId, Change, Cleared, Code, Effect, ExportCaps, Kind, Outcome, Permit, Person,
        Plan, Preview, Recalled, Settlement, Subject,
    },
    http::{Sent, web::Web},
    plex::{discover::Discover, http::Plex},
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
    /// Whether it waits for a job to its end, whatever the arguments say.
    pub waits_to_end: bool,
    /// Whether what was written of an export is kept when it is cut, and gone on with by the same call.
    pub resumes: bool,
    /// Whom the call may ask for approval.
    pub person: Person,
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
            waits_to_end: false,
            resumes: false,
            person: Person::Absent,
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

    /// Sonarr, to read from. Whatever changes something there takes a clearance.
    pub async fn sonarr(&self) -> Result<Arr, ToolError> {
        Ok(self.app.sonarr(&self.sent).await?)
    }

    /// Radarr, to read from. Whatever changes something there takes a clearance.
    pub async fn radarr(&self) -> Result<Arr, ToolError> {
        Ok(self.app.radarr(&self.sent).await?)
    }

    /// Plex Discover, to read from.
    pub async fn discover(&self) -> Result<Discover, ToolError> {
        Ok(self.app.discover(&self.sent).await?)
    }

    /// The web as far as posters may come from it. Fetching from it takes a clearance.
    pub fn web(&self) -> Result<&Web, ToolError> {
        Ok(self.app.web()?)
    }

    /// How those tools stand that are listed to the caller: what they may do, and what is left of their limits.
    pub async fn account(&self, subjects: &[Subject]) -> Result<Account, ToolError> {
        self.app.guard.account(subjects).await.map_err(|error| {
            tracing::error!(%error, "the ledger could not be asked");
            ToolError::Internal
        })
    }

    /// Whether the policy lets this grant call that tool at all.
    pub fn permits(&self, subject: Subject) -> bool {
        self.app.guard.permits(subject)
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
        // What succeeds without a request has done what it was called for, and counts.
        let nothing_sent = outcome != Outcome::Ok && !self.sent.anything();
        Settlement { outcome, affected, used, nothing_sent }
    }

    /// The call's name, where it was cleared to change something: from then on something may have changed.
    pub(super) fn change_under_way(&self) -> Option<CallId> {
        (E::KIND != Kind::Read && self.permit.is_recorded()).then(|| self.permit.call_id())
    }

    /// Whether a person is to be asked before the call can go on.
    pub(super) fn asks(&self) -> bool {
        self.permit.asks()
    }

    pub(super) fn into_permit(self) -> Permit<E> {
        self.permit
    }
}

impl<E: Change> Call<'_, E> {
    /// Says what the call is about to do, and has it judged and recorded. Nothing changes without what this returns.
    pub async fn clear(&self, plan: Plan) -> Result<Cleared<'_>, ToolError> {
        self.affects(plan.affected.clone());
        self.app.guard.clear(&self.permit, plan).await.map_err(|refusal| match refusal.code {
            // How things stand refuses it, and not the policy.
            Code::NotUndoable => ToolError::NotUndoable(refusal.reason),
            _ => refusal.into(),
        })
    }

    /// Says that the call takes that change back, which is then done by one call only.
    pub fn undoes(&self, call_id: &str) {
        self.app.guard.undoes(&self.permit, call_id);
    }

    /// What would be decided about a plan. Nothing is taken, asked or changed.
    pub async fn preview(&self, plan: &Plan) -> Result<Preview, ToolError> {
        self.affects(plan.affected.clone());
        Ok(self.app.guard.preview(&self.permit, plan).await?)
    }

    /// Has the ledger say why a call changed nothing.
    pub fn remark(&self, note: &str) {
        self.app.guard.remark(&self.permit, note);
    }

    /// Says how many of the items that the plan named were touched, of a call that may still fail.
    pub fn reached(&self, items: u64) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.0.items = Some(items);
        done.1 = Some(Amounts { items, bytes: 0 });
    }

    /// A past change of this grant's.
    pub async fn recall(&self, call_id: &str) -> Result<Option<Recalled>, ToolError> {
        self.app.guard.recall(call_id).await.map_err(ToolError::Ledger)
    }

    /// Says what of the reserved amounts was really used.
    pub fn used(&self, amounts: Amounts) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(amounts);
    }

    /// Whether what was written of an export is to be kept when it is cut.
    pub fn resumes(&self) -> bool {
        self.caller.resumes
    }

    /// The call's name in the ledger.
    pub fn id(&self) -> CallId {
        self.permit.call_id()
    }

    /// What the server of Plex is called in its settings: scheme, host and port.
    pub fn plex_address(&self) -> String {
        self.plex.get().map(Plex::address).unwrap_or_default()
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
