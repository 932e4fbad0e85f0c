//! What would be decided about a change: the decision of `clear`, without taking, asking or changing anything.

use super::{
    Action, Guard, Subject,
    ledger::{LedgerError, Recalled},
    names::named,
    permit::{Change, Permit},
    plan::Plan,
    refusal::Refusal,
};

named! {
    /// What a clearance would come to.
    pub enum Foreseen {
        /// The change would be made.
        Allow = "allow",
        /// A person would be asked.
        Ask = "ask",
        /// The change would be refused.
        Refuse = "refuse",
    }
}

/// What would be decided about a plan.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The decision.
    pub decision: Foreseen,
    /// The rule that asks or refuses, as a JSON pointer.
    pub rule: Option<String>,
    /// Why it would be refused.
    pub refusal: Option<Refusal>,
}

impl Guard {
    /// Judges a plan as `clear` does. The call's row will say that it was only tried.
    pub async fn preview<E: Change>(&self, permit: &Permit<E>, plan: &Plan) -> Result<Preview, Refusal> {
        let (call, tool) = (permit.call_id(), permit.tool());
        let refuse = |refusal: Refusal| Preview {
            decision: Foreseen::Refuse,
            rule: refusal.rule.clone(),
            refusal: Some(refusal),
        };
        let Some(verdict) = permit.policy().verdict(&self.grant, tool) else {
            return Ok(Preview { decision: Foreseen::Refuse, rule: None, refusal: None });
        };
        if let Some((condition, says)) = verdict.refused_by_facts(&plan.facts) {
            return Ok(refuse(Refusal::by_fact(call, tool, condition, says)));
        }
        let asks = self.asks(verdict, plan.reserve);
        let state = self.ledger.state(asks.clone()).await.map_err(|error| Refusal::unrecorded(call, tool, &error))?;
        if let Some((place, over)) = state.refused
            && let Some(ask) = asks.get(place)
        {
            return Ok(refuse(Refusal::over_limit(call, tool, &ask.limit, over)));
        }
        if verdict.action == Action::Ask {
            return Ok(Preview { decision: Foreseen::Ask, rule: Some(verdict.rule.clone()), refusal: None });
        }
        Ok(Preview { decision: Foreseen::Allow, rule: None, refusal: None })
    }

    /// Has the row of a call that changes nothing say why.
    pub fn remark<E: Change>(&self, permit: &Permit<E>, note: &str) {
        permit.remark(note);
    }

    /// Says that a call, before it is cleared, takes that change back: the clearance is refused with `Code::NotUndoable` while
    /// another call does the same, and once one has done it.
    pub fn undoes<E: Change>(&self, permit: &Permit<E>, call_id: &str) {
        permit.undoes(call_id);
    }

    /// A change of this guard's grant by its name. Other grants' calls are none of its business.
    pub async fn recall(&self, call_id: &str) -> Result<Option<Recalled>, LedgerError> {
        self.ledger.recall(call_id, &self.grant).await
    }

    /// Whether the policy in force lets this grant call the tool at all.
    pub fn permits(&self, subject: Subject) -> bool {
        let policy = self.policy();
        let verdict = policy.verdict(&self.grant, subject.tool);
        verdict.is_some_and(|verdict| !verdict.hidden && verdict.action != Action::Deny)
    }
}
