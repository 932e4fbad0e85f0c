//! Why a call would be let in or refused: the guard's own decision, with what it was made of. Takes and records nothing.

use super::{
    ASKS, Action, Guard, Judgement, NotAdmitted,
    condition::{Condition, Looks, Says, Sense},
    is_known_before, judge,
    ledger::LedgerError,
    limit::Limit,
    plan::Amounts,
    policy::Verdict,
    refusal::{CallId, Code, Refusal},
    subject::Subject,
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A condition and what it says of the call.
#[derive(Clone, Debug)]
pub struct Asked {
    condition: Arc<Condition>,
    says: Option<Says>,
}

impl Asked {
    /// A condition, of no call yet.
    pub(super) fn unasked(condition: &Arc<Condition>) -> Self {
        Self { condition: Arc::clone(condition), says: None }
    }

    /// The rule, as a JSON pointer.
    pub fn rule(&self) -> &str {
        &self.condition.rule
    }

    /// What it looks at and how: `require args.detail eq`.
    pub fn text(&self) -> String {
        format!("{} {} {}", self.condition.sense, self.condition.path(), self.condition.operator)
    }

    /// `passes` or `refuses`; `later` for a fact, which is known when the call runs.
    pub fn outcome(&self) -> &'static str {
        match (self.says, self.condition.sense) {
            (None, _) => "later",
            (Some(Says::Pass), Sense::Require) => "holds, passes",
            (Some(Says::Pass), Sense::DenyIf) => "does not hold, passes",
            (Some(_), Sense::Require) => "does not hold, refuses",
            (Some(_), Sense::DenyIf) => "holds, refuses",
        }
    }
}

/// A limit and what its window holds.
#[derive(Clone, Debug)]
pub struct Left {
    /// The limit.
    pub limit: Arc<Limit>,
    /// How much of it is left now.
    pub left: u64,
}

/// What the guard would decide about a call now, and why.
#[derive(Debug)]
pub struct Explanation {
    /// What the policy says of the tool; none where it is not known.
    pub verdict: Option<Verdict>,
    /// The conditions in the order in which they are asked.
    pub conditions: Vec<Asked>,
    /// The limits with what is left of each.
    pub limits: Vec<Left>,
    /// The decision: let in, or why not.
    pub decision: Result<(), NotAdmitted>,
}

impl Guard {
    /// Decides about a call as `admit` does, and says what the decision was made of. The gate of attempts is not asked: it
    /// counts those of one process.
    pub async fn explain(
        &self,
        subject: Subject,
        arguments: Option<&Map<String, Value>>,
    ) -> Result<Explanation, LedgerError> {
        let call = CallId::generate();
        let policy = self.policy();
        let verdict = policy.verdict(&self.grant, subject.tool).filter(|verdict| verdict.subject == subject).cloned();
        let conditions = verdict.iter().flat_map(|verdict| &verdict.conditions).map(|condition| Asked {
            condition: Arc::clone(condition),
            says: match &condition.looks {
                Looks::Argument(_) => arguments.map(|arguments| condition.of_arguments(arguments)),
                Looks::Fact(_) => None,
            },
        });
        let conditions = conditions.collect();
        let asks = verdict.as_ref().map(|verdict| self.asks(verdict, Amounts::default())).unwrap_or_default();
        let held = self.ledger.state(asks.clone()).await?.held;
        let limits = asks
            .iter()
            .zip(held)
            .map(|(ask, held)| Left { limit: Arc::clone(&ask.limit), left: ask.limit.max.saturating_sub(held) });
        let limits = limits.collect();

        let refused = |refusal| Err(NotAdmitted::Refused(refusal));
        let decision = match judge(&policy, &self.grant, subject, arguments) {
            Judgement::Hidden { .. } => Err(NotAdmitted::Hidden(call)),
            Judgement::Invalid => Err(NotAdmitted::InvalidArguments(call)),
            Judgement::Refused { code, rule, reason } => {
                refused(Refusal::new(call, subject.tool, code, Some(rule), reason))
            }
            Judgement::Admitted(verdict) | Judgement::Asks(verdict) => {
                // A change states later how much it takes of limits on items and bytes.
                let mut asks = asks;
                asks.retain(|ask| is_known_before(&ask.limit));
                let over = self.ledger.state(asks.clone()).await?.refused;
                match over.and_then(|(place, over)| Some((asks.get(place)?, over))) {
                    Some((ask, over)) => refused(Refusal::over_limit(call, subject.tool, &ask.limit, over)),
                    None if verdict.action == Action::Ask => {
                        let reason = verdict.asks_because(ASKS);
                        refused(Refusal::new(call, subject.tool, Code::ApprovalRequired, Some(&verdict.rule), reason))
                    }
                    None => Ok(()),
                }
            }
        };
        Ok(Explanation { verdict, conditions, limits, decision })
    }
}

#[cfg(test)]
mod tests;
