//! The policy in force, and its change while the server runs.
//!
//! A call takes the policy once and is judged by it from start to end. What limits have counted is in the ledger under the
//! names of their counters, so that no change of the policy forgets it; the gates in memory go on with what they counted as
//! long as their numbers stay the same.

use super::{
    Guard, SelfTestFailed,
    gate::Attempts,
    ledger::{Decision, LedgerError, Row},
    policy::Policy,
    refusal::CallId,
    self_test,
};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

/// What the ledger calls the rows that tell of the policy itself.
const ROWS: &str = "policy";

/// Why nothing may be changed for now.
const GONE: &str =
    "the file of this server's policy is gone or can't be read: nothing is changed until a valid one is there again";

/// How the policy in force stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The policy that calls are judged by.
    pub policy: Arc<Policy>,
    /// Where it was read from.
    pub source: Arc<str>,
    /// Since when it rules.
    pub since: SystemTime,
    /// Why what is in its place now is not taken, where that is so.
    pub problem: Option<Arc<str>>,
    /// Whether changes are refused because its file is gone.
    pub refuses_changes: bool,
    pub(super) attempts: Option<Arc<Attempts>>,
    /// The policy as it was read, while another one refuses changes in its place.
    read: Arc<Policy>,
}

/// The policy in force.
#[derive(Debug)]
pub(super) struct InForce(RwLock<Arc<Standing>>);

impl InForce {
    pub(super) fn new(policy: Policy) -> Self {
        let policy = Arc::new(policy);
        Self(RwLock::new(Arc::new(Standing {
            attempts: Attempts::of(&policy),
            read: Arc::clone(&policy),
            policy,
            source: "".into(),
            since: SystemTime::now(),
            problem: None,
            refuses_changes: false,
        })))
    }

    pub(super) fn get(&self) -> Arc<Standing> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, standing: Standing) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(standing);
    }
}

impl Guard {
    /// Says where the policy was read from.
    #[must_use]
    pub fn loaded_from(self, source: &str) -> Self {
        self.force.set(Standing { source: source.into(), ..(*self.force.get()).clone() });
        self
    }

    /// How the policy in force stands.
    pub fn standing(&self) -> Arc<Standing> {
        self.force.get()
    }

    /// Puts `policy` in force, unless the self-test fails with it; says whether other tools are listed from now on. What is in
    /// force already stays so, and only what was wrong before is over. One caller at a time.
    pub fn reload(&self, policy: Policy, source: &str) -> Result<bool, SelfTestFailed> {
        let old = self.force.get();
        if policy.hash() == old.read.hash() && *source == *old.source {
            if old.problem.is_some() {
                tracing::warn!(policy = source, hash = policy.hash(), "the policy in force is in its place again");
                self.note(Decision::Allow, format!("the policy in force, {}, is in its place again", policy.hash()));
            }
            let policy = Arc::clone(&old.read);
            self.force.set(Standing { policy, problem: None, refuses_changes: false, ..(*old).clone() });
            return Ok(false);
        }
        self_test::run(&policy, &self.grant)?;
        policy.go_on_from(&old.read);
        let attempts =
            if policy.attempts() == old.read.attempts() { old.attempts.clone() } else { Attempts::of(&policy) };
        let relisted = !policy.lists_as(&old.policy);
        let note = format!("policy {} in place of {}", policy.hash(), old.read.hash());
        let policy = Arc::new(policy);
        tracing::warn!(policy = source, hash = policy.hash(), before = old.read.hash(), "policy changed");
        self.force.set(Standing {
            read: Arc::clone(&policy),
            policy,
            source: source.into(),
            since: SystemTime::now(),
            problem: None,
            refuses_changes: false,
            attempts,
        });
        self.note(Decision::Allow, note);
        Ok(relisted)
    }

    /// Keeps the policy in force, though something else is in its place that can't be taken.
    pub fn keep_policy(&self, why: &str) {
        let old = self.force.get();
        tracing::error!(policy = %old.source, "the changed policy is not taken, the old one stays in force: {why}");
        self.note(Decision::Invalid, format!("the changed policy is not taken: {why}"));
        // Its file is there again, but nothing that it says is known, so what was refused stays refused.
        self.force.set(Standing { problem: Some(why.into()), ..(*old).clone() });
    }

    /// Keeps the policy whose file is gone, and refuses whatever would change something until it is back.
    pub fn policy_gone(&self, why: &str) {
        let old = self.force.get();
        tracing::error!(policy = %old.source, "the policy is gone, and changes are refused until it is back: {why}");
        self.note(Decision::Invalid, format!("the policy is gone, and changes are refused: {why}"));
        let policy = Arc::new(old.read.refusing_changes(GONE));
        self.force.set(Standing { policy, problem: Some(why.into()), refuses_changes: true, ..(*old).clone() });
    }

    /// Deletes the ledger's rows that are older than the policy's `keep_days`, and gives their number.
    pub async fn prune(&self) -> Result<u64, LedgerError> {
        match self.policy().keep_days() {
            Some(days) => self.ledger.prune(Duration::from_secs(days * 24 * 60 * 60)).await,
            None => Ok(0),
        }
    }

    fn note(&self, decision: Decision, note: String) {
        let row = self.row(CallId::generate(), &self.policy(), "", None);
        self.ledger.note(Row { tool: ROWS.to_owned(), decision, note: Some(note), ..row });
    }
}
