//! The guard: every call passes it before it touches anything, and ends as a row of its ledger.
//!
//! The road of a call:
//!
//! 1. `admit` decides what needs no facts: whether the tool is hidden or denied, whether too many calls came in too short a
//!    time, whether the arguments were understood and meet the conditions, whether a person would have to approve. A read
//!    takes its place in the limits here and has its row; for a change the limits are only looked at.
//! 2. `clear` is for changes: the body states its plan, whose facts have to meet the conditions, and what it reserves is
//!    taken from all limits together with the row, in one transaction, or nothing is.
//! 3. Where a person has to approve, `admit` of a read and `clear` of a change find the approval that the call comes with,
//!    or leave a question in the permit, which `consult` puts: then the body runs again.
//! 4. `settle` completes the row with what really happened, and lowers what was reserved to what was used.
//!
//! The first refusal ends the call and names its rule. A refused call takes nothing from any limit.

mod account;
mod approval;
mod catalogue;
mod clock;
mod condition;
mod explain;
mod gate;
mod ledger;
mod limit;
mod names;
mod permit;
mod plan;
mod policy;
mod preview;
mod refusal;
mod reload;
mod self_test;
mod subject;

pub use account::{Account, LimitAccount, ToolAccount};
pub(crate) use approval::heading;
pub use approval::{Answer, Ask, BadState, Opened, Person, Question, Returned, Unapproved};
pub use catalogue::{Argument, Catalogue, ValueType};
pub use clock::{Boot, Clock, Moment, SystemClock};
pub use condition::{Condition, Operator, Sense};
pub use explain::{Asked, Explanation, Left};
pub use ledger::{
    Approvable, Audit, ChainEnd, DayOfTool, Decision, Filter, Ledger, LedgerError, MAX_BEFORE_BYTES, Recalled, Row,
    Said, Undoing, Verification, Way,
};
pub(crate) use ledger::{FOR_OWNER, IN_CLIENT, LONGEST_UNDO};
pub use limit::{Limit, Scope, Unit};
pub use permit::{Change, Cleared, Destroy, Effect, Permit, Proofs, Read, Write};
pub use plan::{Affected, Amounts, Facts, Outcome, Plan, Settlement};
pub use policy::{
    Action, Approval, AttemptsRule, ExportCaps, Matched, Policy, PolicyError, PolicyErrors, SHIPPED, Verdict,
};
pub use preview::{Foreseen, Preview};
pub use refusal::{ApprovalId, CallId, Code, Refusal};
pub use reload::Standing;
pub use self_test::SelfTestFailed;
pub use subject::{Kind, Service, Subject};

use approval::{About, RUN_OUT};
use condition::Says;
use ledger::{Admission, Draft, Granted, LimitAsk, Looked};
use permit::Stage;
use reload::InForce;
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

/// Where the policy states the gate.
const ATTEMPTS_RULE: &str = "/all_tools/attempts";

/// What the ledger says of a call of a tool that does not exist.
const NO_SUCH_TOOL: &str = "there is no such tool";

/// Said of a call that the gate turns away.
const TOO_QUICK: &str = "too many calls in too short a time";

/// Said of a call that a person has to approve.
const ASKS: &str = "a person has to approve this call";

/// A call as it comes in.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The tool.
    pub subject: Subject,
    /// The arguments as they were decoded, defaults filled in; or what the decoder says is wrong with them, which is not
    /// recorded because it may quote them.
    pub arguments: Result<&'a Map<String, Value>, &'a str>,
    /// Whether it comes back for a call that was cleared and answered with how far it is: it takes nothing, and no limit is
    /// looked at.
    pub joins: bool,
    /// The session it came in.
    pub session: &'a str,
    /// What the client calls itself; no more than a claim.
    pub client: Option<&'a str>,
}

/// Why a call was not let in.
#[derive(Clone, Debug)]
pub enum NotAdmitted {
    /// The tool is hidden: the answer has to be the one that an unknown tool gets.
    Hidden(CallId),
    /// The arguments could not be understood.
    InvalidArguments(CallId),
    /// The policy refuses.
    Refused(Refusal),
}

/// The policy in force, the limits and the ledger.
#[derive(Debug)]
pub struct Guard {
    force: InForce,
    ledger: Ledger,
    grant: Arc<str>,
    /// How long a question to a person is waited for.
    patience: Duration,
}

/// What the policy alone says of a call.
enum Judgement<'p> {
    Hidden {
        rule: Option<&'p str>,
    },
    Refused {
        code: Code,
        rule: &'p str,
        reason: String,
    },
    /// The arguments were not understood.
    Invalid,
    /// A person has to approve it.
    Asks(&'p Verdict),
    Admitted(&'p Verdict),
}

/// The one decision that calling, explaining and the self-test share. It takes nothing. Arguments that were not understood
/// are none.
fn judge<'p>(
    policy: &'p Policy,
    grant: &str,
    subject: Subject,
    arguments: Option<&Map<String, Value>>,
) -> Judgement<'p> {
    // A tool that is not the one the policy was loaded for is not known to it.
    let Some(verdict) = policy.verdict(grant, subject.tool).filter(|verdict| verdict.subject == subject) else {
        return Judgement::Hidden { rule: None };
    };
    if verdict.hidden {
        return Judgement::Hidden { rule: Some(&verdict.rule) };
    }
    if verdict.action == Action::Deny {
        let code = if verdict.by_default { Code::DefaultDeny } else { Code::Denied };
        let reason = match &verdict.reason {
            Some(own) => own,
            None if verdict.by_default => {
                "no rule of this server's policy allows this tool, and it refuses what no rule allows"
            }
            None => "this server's policy refuses this tool",
        };
        return Judgement::Refused { code, rule: &verdict.rule, reason: reason.to_owned() };
    }
    let Some(arguments) = arguments else { return Judgement::Invalid };
    if let Some(condition) = verdict.refused_by(arguments) {
        let reason = condition.reason(Says::Refuse);
        return Judgement::Refused { code: Code::Denied, rule: &condition.rule, reason };
    }
    if verdict.action == Action::Ask {
        return Judgement::Asks(verdict);
    }
    Judgement::Admitted(verdict)
}

impl Guard {
    /// A guard for one grant.
    pub fn new(policy: Policy, ledger: Ledger, grant: String) -> Self {
        Self { force: InForce::new(policy), ledger, grant: grant.into(), patience: IN_CLIENT }
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.force.get().policy)
    }

    /// Whether the tool is listed. What is not listed can't be called either.
    pub fn lists(&self, subject: Subject) -> bool {
        self.policy()
            .verdict(&self.grant, subject.tool)
            .is_some_and(|verdict| verdict.subject == subject && !verdict.hidden)
    }

    /// Decides what can be decided without knowing what the call is about, for a caller that has no one to ask.
    pub async fn admit<E: Effect>(&self, request: Request<'_>) -> Result<Permit<E>, NotAdmitted> {
        self.admit_for(request, Person::Absent).await
    }

    /// The same for a caller that may ask that person. The permit of a read holds the question then, if there is one.
    pub async fn admit_for<E: Effect>(&self, request: Request<'_>, person: Person) -> Result<Permit<E>, NotAdmitted> {
        let call = CallId::generate();
        let policy = self.policy();
        let subject = Subject { kind: E::KIND, ..request.subject };
        let judgement = judge(&policy, &self.grant, subject, request.arguments.ok());
        // A hidden tool is counted with those that don't exist, so that the gate does not tell them apart either.
        let gate = (!matches!(judgement, Judgement::Hidden { .. })).then_some(E::KIND);
        if let Err(wait) = self.count_attempt(gate) {
            self.ledger.count(&self.grant, subject.tool, || {
                let row = self.row(call, &policy, request.session, request.client);
                Row {
                    tool: subject.tool.to_owned(),
                    kind: Some(E::KIND),
                    decision: Decision::Limit,
                    rule: Some(ATTEMPTS_RULE.to_owned()),
                    ..row
                }
            });
            return Err(match judgement {
                Judgement::Hidden { .. } => NotAdmitted::Hidden(call),
                _ => NotAdmitted::Refused(Refusal {
                    retry_after: Some(wait),
                    ..Refusal::new(call, subject.tool, Code::Attempts, Some(ATTEMPTS_RULE), TOO_QUICK)
                }),
            });
        }

        let mut row = self.row(call, &policy, request.session, request.client);
        subject.tool.clone_into(&mut row.tool);
        row.kind = Some(E::KIND);
        if let Ok(arguments) = request.arguments {
            row.args = arguments.keys().cloned().collect();
            row.digest = Some(self.ledger.digest(arguments));
            let log_args = policy.verdict(&self.grant, subject.tool).is_some_and(|verdict| verdict.log_args);
            row.arg_values = log_args.then(|| arguments.clone());
        }
        let draft = self.ledger.draft(row);
        match judgement {
            Judgement::Hidden { rule } => {
                end(draft, Decision::Deny, rule).await;
                Err(NotAdmitted::Hidden(call))
            }
            Judgement::Refused { code, rule, reason } => {
                end(draft, Decision::Deny, Some(rule)).await;
                Err(NotAdmitted::Refused(Refusal::new(call, subject.tool, code, Some(rule), reason)))
            }
            Judgement::Invalid => {
                end(draft, Decision::Invalid, None).await;
                Err(NotAdmitted::InvalidArguments(call))
            }
            Judgement::Admitted(verdict) | Judgement::Asks(verdict) => {
                let permit = |stage| Permit::new(call, subject.tool, Arc::clone(&policy), person, stage);
                if E::KIND != Kind::Read {
                    let looked = if request.joins {
                        Ok(draft)
                    } else {
                        self.look(draft, verdict, call, Amounts::default()).await
                    };
                    return looked.map(|draft| permit(Stage::Judged(draft))).map_err(NotAdmitted::Refused);
                }
                let permit = permit(Stage::Closed);
                let about = match (verdict.action, request.arguments) {
                    (Action::Ask, Ok(arguments)) => Some(self.about_read(&permit, &draft, arguments)),
                    _ => None,
                };
                match self.pass(&permit, draft, verdict, about, Plan::default()).await {
                    Ok(()) => Ok(permit),
                    // The question is put before the body runs.
                    Err(_) if permit.asks() => Ok(permit),
                    Err(refusal) => Err(NotAdmitted::Refused(refusal)),
                }
            }
        }
    }

    /// Judges what a change is about to do, takes what it reserves, and records it: all of it before anything is sent. A
    /// call is cleared at most once. Where a person has to approve it, and has not yet, the permit asks.
    pub async fn clear<'call, E: Change>(
        &self,
        permit: &'call Permit<E>,
        plan: Plan,
    ) -> Result<Cleared<'call>, Refusal> {
        let (call, tool) = (permit.call_id(), permit.tool());
        let (Some(draft), Some(verdict)) = (permit.take_draft(), permit.policy().verdict(&self.grant, tool)) else {
            let reason = "this call was judged already, and a call is judged once";
            return Err(Refusal::new(call, tool, Code::Denied, None, reason));
        };
        let draft = draft.about(&plan.affected);
        if let Some((condition, says)) = verdict.refused_by_facts(&plan.facts) {
            end(draft, Decision::Deny, Some(&condition.rule)).await;
            return Err(Refusal::by_fact(call, tool, condition, says));
        }
        let about = (verdict.action == Action::Ask).then(|| self.about_change(permit, &draft, &plan));
        self.pass(permit, draft, verdict, about, plan).await?;
        Ok(Cleared::new(call))
    }

    /// Lets a call pass that nothing but limits, and a person where it says what it is about, can refuse any more.
    async fn pass<E: Effect>(
        &self,
        permit: &Permit<E>,
        mut draft: Draft,
        verdict: &Verdict,
        about: Option<About>,
        plan: Plan,
    ) -> Result<(), Refusal> {
        let (call, tool) = (permit.call_id(), permit.tool());
        let mut approved = None;
        if let Some(about) = about {
            // No one is asked for what would be refused anyway.
            draft = self.look(draft, verdict, call, plan.reserve).await?;
            let granted;
            (draft, granted) = self.approval(permit, draft, verdict, about).await?;
            approved = Some(granted);
        }
        let asks = self.asks(verdict, plan.reserve);
        let entry = self.take(draft, asks, call, tool, plan, approved).await?;
        permit.stage(Stage::Recorded(entry));
        Ok(())
    }

    /// Completes the call's row with what really happened. Of a change that was given up after its clearance that can't be
    /// told.
    pub async fn settle<E: Effect>(&self, permit: Permit<E>, mut end: Settlement) -> Result<(), LedgerError> {
        let stage = permit.into_stage();
        if E::KIND != Kind::Read && matches!(stage, Stage::Recorded(_)) && end.outcome == Outcome::Cancelled {
            end.outcome = Outcome::Unknown;
        }
        match stage {
            Stage::Recorded(entry) => entry.settle(end).await,
            Stage::Judged(draft) => draft.close(end).await,
            Stage::Asking(asking) => asking.draft.close(end).await,
            Stage::Asked(_) | Stage::Closed => Ok(()),
        }
    }

    /// Records a frame that was meant as a call but could not be decoded. `note` is the server's own remark: nothing of the
    /// frame belongs in it.
    pub async fn record_malformed(&self, session: &str, client: Option<&str>, note: &str) {
        let row = || Row {
            decision: Decision::Invalid,
            note: Some(note.to_owned()),
            ..self.row(CallId::generate(), &self.policy(), session, client)
        };
        if self.count_attempt(None).is_err() {
            self.ledger.count(&self.grant, "", row);
        } else {
            end(self.ledger.draft(row()), Decision::Invalid, None).await;
        }
    }

    /// Records a call of a tool that does not exist. `name` is the client's word, of plain characters.
    pub async fn record_unknown(&self, name: &str, session: &str, client: Option<&str>) {
        let row = |tool: &str| Row {
            tool: tool.to_owned(),
            decision: Decision::Deny,
            note: Some(NO_SUCH_TOOL.to_owned()),
            ..self.row(CallId::generate(), &self.policy(), session, client)
        };
        if self.count_attempt(None).is_err() {
            // One row for all names, which may be any number.
            self.ledger.count(&self.grant, NO_SUCH_TOOL, || row(""));
        } else {
            end(self.ledger.draft(row(name)), Decision::Deny, None).await;
        }
    }

    /// Calls itself with calls that must be refused.
    pub fn self_test(&self) -> Result<(), SelfTestFailed> {
        self_test::run(&self.policy(), &self.grant)
    }

    fn count_attempt(&self, kind: Option<Kind>) -> Result<(), Duration> {
        self.force.get().attempts.as_ref().map_or(Ok(()), |gate| gate.count(&self.grant, kind))
    }

    fn asks(&self, verdict: &Verdict, reserve: Amounts) -> Vec<LimitAsk> {
        let ask = |limit: &Arc<Limit>| LimitAsk {
            limit: Arc::clone(limit),
            grant: Arc::clone(&self.grant),
            amount: limit.amount(reserve),
        };
        verdict.limits.iter().map(ask).collect()
    }

    async fn take(
        &self,
        draft: Draft,
        asks: Vec<LimitAsk>,
        call: CallId,
        tool: &str,
        plan: Plan,
        approved: Option<Granted>,
    ) -> Result<ledger::Entry, Refusal> {
        match draft.admit(asks, plan.affected, plan.before, approved).await {
            Ok(Admission::Passed(entry)) => Ok(entry),
            Ok(Admission::Over { limit, over }) => Err(Refusal::over_limit(call, tool, &limit, over)),
            Ok(Admission::NotApproved) => Err(Refusal::new(call, tool, Code::ApprovalExpired, None, RUN_OUT)),
            Ok(Admission::Undone(undoing)) => Err(Refusal::new(call, tool, Code::NotUndoable, None, undoing.reason())),
            Err(error) => Err(Refusal::unrecorded(call, tool, &error)),
        }
    }

    /// Looks at the limits, and takes nothing: at those on calls, whose amounts are known before any facts, and at those on
    /// what is reserved.
    async fn look(&self, draft: Draft, verdict: &Verdict, call: CallId, reserve: Amounts) -> Result<Draft, Refusal> {
        let mut asks = self.asks(verdict, reserve);
        asks.retain(|ask| ask.amount > 0 || is_known_before(&ask.limit));
        if asks.is_empty() {
            return Ok(draft);
        }
        let tool = verdict.subject.tool;
        match draft.look(asks).await {
            Ok(Looked::Passes(draft)) => Ok(draft),
            Ok(Looked::Over { limit, over }) => Err(Refusal::over_limit(call, tool, &limit, over)),
            Err(error) => Err(Refusal::unrecorded(call, tool, &error)),
        }
    }

    fn row(&self, call: CallId, policy: &Policy, session: &str, client: Option<&str>) -> Row {
        Row {
            session: session.to_owned(),
            client: client.map(ToOwned::to_owned),
            policy: policy.hash().to_owned(),
            ..Row::new(call.to_string(), self.grant.to_string(), String::new(), Decision::Allow)
        }
    }
}

/// Whether it is known what a call takes of a limit before it says what it is about: of one that lets nothing pass it does
/// not matter.
fn is_known_before(limit: &Limit) -> bool {
    limit.unit == Unit::Calls || limit.max == 0
}

/// Records a refusal. Where that fails the refusal stands: nothing happens that would go unrecorded.
async fn end(draft: Draft, decision: Decision, rule: Option<&str>) {
    if let Err(error) = draft.refuse(decision, rule).await {
        tracing::error!(%error, "a refused call could not be recorded");
    }
}

#[cfg(test)]
mod tests;
