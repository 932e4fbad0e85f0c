//! Refusals: what the model is told when a call is not let through.

use super::{
    condition::{Condition, Says},
    ledger::{LedgerError, Over},
    limit::Limit,
    names::named,
};
use serde_json::{Map, Value};
use std::{fmt, time::Duration};
use uuid::Uuid;

/// The name of one call, in its answer and in the ledger: a UUID of version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallId(Uuid);

impl CallId {
    pub(crate) fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl serde::Serialize for CallId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The name of a question to a person: ten letters and digits with a hyphen in the middle.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ApprovalId([u8; 11]);

impl ApprovalId {
    /// None where the text is no such name.
    pub(super) fn of(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().filter(|_| text.is_ascii()).map(Self)
    }
}

impl fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for ApprovalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

named! {
    /// Why a call was refused.
    pub enum Code {
        /// No rule names the tool, and the policy's default refuses.
        DefaultDeny = "default_deny",
        /// A rule refuses the tool.
        Denied = "denied",
        /// Too many attempts in a short time.
        Attempts = "attempts",
        /// A limit is used up for now.
        Limit = "limit",
        /// The call is larger than the limit itself: waiting does not help.
        NeverFits = "never_fits",
        /// A person has to approve the call.
        ApprovalRequired = "approval_required",
        /// A person said no.
        ApprovalDeclined = "approval_declined",
        /// No one approved the call in time, or its approval was used before.
        ApprovalExpired = "approval_expired",
        /// The call could not be recorded, and nothing happens unrecorded.
        LedgerUnavailable = "ledger_unavailable",
        /// Something that a rule asks about could not be established.
        FactUnavailable = "fact_unavailable",
        /// Another call takes the same change back, or did.
        NotUndoable = "not_undoable",
    }
}

/// A call that was not let through. Neither text holds a value of the call's arguments.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// The tool that was called.
    pub tool: String,
    /// The rule that refused, as a JSON pointer into the policy; none where no rule did.
    pub rule: Option<String>,
    /// The reason, from the policy where it gives one.
    pub reason: String,
    /// When the same call would pass, if nothing else is called in between.
    pub retry_after: Option<Duration>,
    /// The name by which the owner can approve the call from the command line, where that is awaited.
    pub approval_id: Option<ApprovalId>,
    /// The call's name in the ledger.
    pub call_id: CallId,
}

impl Refusal {
    /// A refusal that neither waiting nor a person's word will change, by a rule or by none.
    pub(super) fn new(call: CallId, tool: &str, code: Code, rule: Option<&str>, reason: impl Into<String>) -> Self {
        let (tool, rule) = (tool.to_owned(), rule.map(ToOwned::to_owned));
        Self { code, tool, rule, reason: reason.into(), retry_after: None, approval_id: None, call_id: call }
    }

    /// By a condition on a fact, which does not hold or can't be judged.
    pub(super) fn by_fact(call: CallId, tool: &str, condition: &Condition, says: Says) -> Self {
        let code = if says == Says::Unavailable { Code::FactUnavailable } else { Code::Denied };
        Self::new(call, tool, code, Some(&condition.rule), condition.reason(says))
    }

    /// By a limit.
    pub(super) fn over_limit(call: CallId, tool: &str, limit: &Limit, over: Over) -> Self {
        let (code, reason, retry_after) = match over {
            Over::Until(wait) => (Code::Limit, format!("the limit is used up: {limit}"), Some(wait)),
            Over::NeverFits if limit.max == 0 => {
                (Code::NeverFits, format!("the limit lets nothing pass: {limit}"), None)
            }
            Over::NeverFits => (Code::NeverFits, format!("the call is larger than the limit: {limit}"), None),
        };
        let reason = limit.on_deny.clone().unwrap_or(reason);
        Self { retry_after, ..Self::new(call, tool, code, Some(&limit.rule), reason) }
    }

    /// Of a call that the ledger could not take.
    pub(super) fn unrecorded(call: CallId, tool: &str, error: &LedgerError) -> Self {
        tracing::error!(%error, tool, "a call was refused because it could not be recorded");
        let reason = "the call could not be recorded in the audit ledger, and nothing is done unrecorded";
        Self::new(call, tool, Code::LedgerUnavailable, None, reason)
    }

    /// The text of the tool result.
    pub fn text(&self) -> String {
        match self.retry_after_seconds() {
            Some(seconds) => format!("[POLICY DENIED] {} (possible again in {seconds} s)", self.reason),
            None => format!("[POLICY DENIED] {}", self.reason),
        }
    }

    /// The structured content of the tool result.
    pub fn structured(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("denied".into(), true.into());
        fields.insert("code".into(), self.code.as_str().into());
        fields.insert("tool".into(), self.tool.as_str().into());
        fields.insert("rule".into(), self.rule.as_deref().into());
        fields.insert("reason".into(), self.reason.as_str().into());
        if let Some(seconds) = self.retry_after_seconds() {
            fields.insert("retryAfterSeconds".into(), seconds.into());
        }
        if let Some(id) = &self.approval_id {
            fields.insert("approvalId".into(), id.to_string().into());
        }
        fields.insert("callId".into(), self.call_id.to_string().into());
        Value::Object(fields)
    }

    /// Rounded up, so that who waits that long is not refused again.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_in_both_texts() {
        let mut refusal = Refusal {
            code: Code::Limit,
            tool: "export_library".into(),
            rule: Some("/tools/export_library/limits/0".into()),
            reason: "at most 30 calls a minute".into(),
            retry_after: Some(Duration::from_millis(1001)),
            approval_id: None,
            call_id: CallId::generate(),
        };
        assert_eq!(refusal.structured()["retryAfterSeconds"], 2);
        assert_eq!(refusal.text(), "[POLICY DENIED] at most 30 calls a minute (possible again in 2 s)");
        refusal.retry_after = None;
        assert_eq!(refusal.structured().get("retryAfterSeconds"), None);
        let keys: Vec<_> = refusal.structured().as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["denied", "code", "tool", "rule", "reason", "callId"]);
        refusal.approval_id = ApprovalId::of("abcde-fghjk");
        assert_eq!(refusal.structured()["approvalId"], "abcde-fghjk");
    }
}
