//! Approval: where the policy says `ask`, a person says whether a call may go on.
//!
//! An approval is of one grant, tool, arguments and policy, and of what the call is about as it stood when it was asked
//! (the binding). It is used once: the transaction that takes the call's limits and writes its row uses it up. A call that
//! waits holds nothing: its body has ended, and runs again, looking everything up anew, once it is approved.

mod person;
mod question;

pub(crate) use question::heading;
pub use {
    person::{Answer, Ask, BadState, Opened, Person, Returned},
    question::Question,
};

use super::{
    ASKS, Guard, end,
    ledger::{Decision, Draft, FOR_OWNER, Found, Granted, LedgerError, NewQuestion, Way, approval_note},
    permit::{Effect, Permit, Stage},
    plan::Plan,
    policy::Verdict,
    refusal::{ApprovalId, Code, Refusal},
    subject::Kind,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// So often a call asks anew because what it is about changed while a person was asked.
const MOST_QUESTIONS: usize = 3;

/// What a call is about, for the one who is asked and for the ledger.
pub(super) struct About {
    text: String,
    binding: String,
}

/// A call that waits for someone to answer.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) draft: Draft,
    ask: Arc<dyn Ask>,
    question: Question,
}

/// Why a call does not go on, though nothing refused it before it was asked about.
#[derive(Clone, Debug)]
pub enum Unapproved {
    /// It was not approved.
    Refused(Refusal),
    /// Its client is to be answered with the question, and to call again.
    Asked(Box<Question>),
}

impl Guard {
    /// A call that changes something, by its plan.
    pub(super) fn about_change<E: Effect>(&self, permit: &Permit<E>, draft: &Draft, plan: &Plan) -> About {
        let facts: Map<String, Value> =
            plan.facts.lasting().map(|(name, value)| (name.to_owned(), value.clone())).collect();
        let affected = &plan.affected;
        let stands = json!({
            "summary": plan.summary, "facts": facts, "before": plan.before,
            "affected": [affected.library, affected.titles, affected.items, affected.bytes],
            "reserve": [plan.reserve.items, plan.reserve.bytes],
        });
        let text = question::of_change(permit.tool(), E::KIND, plan);
        About { text, binding: self.binding(permit, draft, &stands) }
    }

    /// A call that reads, by its arguments.
    pub(super) fn about_read<E: Effect>(
        &self,
        permit: &Permit<E>,
        draft: &Draft,
        arguments: &Map<String, Value>,
    ) -> About {
        let text = question::of_read(permit.tool(), arguments);
        About { text, binding: self.binding(permit, draft, &Value::Null) }
    }

    fn binding<E: Effect>(&self, permit: &Permit<E>, draft: &Draft, stands: &Value) -> String {
        let all = [
            ("grant", Value::from(&*self.grant)),
            ("tool", permit.tool().into()),
            ("kind", E::KIND.as_str().into()),
            ("arguments", draft.arguments().into()),
            ("policy", permit.policy().hash().into()),
            ("stands", stands.clone()),
        ];
        self.ledger.digest(&all.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
    }

    /// The key that states which leave the server are sealed with: the same for every server of this ledger.
    pub fn seal_key(&self) -> &[u8; 32] {
        self.ledger.seal_key()
    }

    /// The grant that calls come under.
    pub fn grant(&self) -> &str {
        &self.grant
    }

    /// Finds the approval that a call comes with. Where it has none yet, the permit holds the question, or the call ends.
    pub(super) async fn approval<E: Effect>(
        &self,
        permit: &Permit<E>,
        mut draft: Draft,
        verdict: &Verdict,
        about: About,
    ) -> Result<(Draft, Granted), Refusal> {
        let before = permit.granted();
        if let Some(granted) = before.as_ref().filter(|granted| granted.binding == about.binding) {
            draft.closes(&granted.id);
            return Ok((draft, granted.clone()));
        }
        let instead_of = before.map(|granted| granted.id);
        let says = Says { guard: self, permit, verdict };
        let person = permit.person();
        match (person.way(verdict.approval), person) {
            (Way::Waiting, Person::Present(ask)) => {
                if permit.count_question() >= MOST_QUESTIONS {
                    if let Some(id) = &instead_of {
                        draft.closes(id);
                    }
                    let text = "what this call is about changed each time while a person was asked";
                    return Err(says.refuse(draft, Decision::Ask, Code::ApprovalExpired, text).await);
                }
                let (mut draft, question) = says.put(draft, about, Way::Waiting, instead_of).await?;
                draft.closes(&question.id);
                permit.stage(Stage::Asking(Box::new(Asking { draft, ask: Arc::clone(ask), question })));
                Err(says.refusal(Code::ApprovalRequired, "a person is being asked", None))
            }
            (Way::Rounds, Person::Rounds(returned)) => self.round(says, draft, about, returned.as_ref()).await,
            _ => self.owners_word(says, draft, about).await,
        }
    }

    /// A client that takes a question as an answer has called, for the first time or again.
    async fn round<E: Effect>(
        &self,
        says: Says<'_, E>,
        mut draft: Draft,
        about: About,
        returned: Option<&Returned>,
    ) -> Result<(Draft, Granted), Refusal> {
        let opened = match returned.map(|returned| &returned.question) {
            None => None,
            Some(Ok(opened)) => Some(opened),
            Some(Err(BadState::Forged)) => {
                draft.note("the state that came with the call is not this server's".to_owned());
                let text = "the approval that came with this call is not one that this server asked for: call again \
                            without it to have a person asked";
                return Err(says.refuse(draft, Decision::Ask, Code::ApprovalRequired, text).await);
            }
            Some(Err(BadState::Expired)) => {
                draft.note("the state that came with the call has run out".to_owned());
                return Err(says.refuse(draft, Decision::Ask, Code::ApprovalExpired, RUN_OUT).await);
            }
        };
        let answer = returned.and_then(|returned| returned.answer);
        if let (Some(opened), Some(answer)) = (opened.filter(|opened| opened.binding == about.binding), answer) {
            let Opened { id, binding } = opened.clone();
            draft.closes(&id);
            draft.waits(&id, &says.verdict.rule);
            if answer == Answer::Approved {
                return Ok((draft, Granted { id, way: Way::Rounds, binding }));
            }
            return Err(says.not_approved(draft, answer).await);
        }
        // The first time; or the call is not what was asked about, or nothing was said of it yet.
        let instead_of = opened.map(|opened| opened.id.clone());
        let (draft, question) = says.put(draft, about, Way::Rounds, instead_of).await?;
        let refusal = says.refusal(Code::ApprovalRequired, "a person is to be asked by the client", None);
        end(draft, Decision::Ask, Some(&says.verdict.rule)).await;
        says.permit.stage(Stage::Asked(Box::new(question)));
        Err(refusal)
    }

    /// The owner approves from the command line, and the same call comes again.
    async fn owners_word<E: Effect>(
        &self,
        says: Says<'_, E>,
        mut draft: Draft,
        about: About,
    ) -> Result<(Draft, Granted), Refusal> {
        let binding = about.binding.clone();
        let rule = &says.verdict.rule;
        match self.ledger.ask(says.new_question(&about, Way::Owner, None)).await {
            Ok(Found::Approved(id)) => {
                draft.waits(&id, rule);
                Ok((draft, Granted { id, way: Way::Owner, binding }))
            }
            Ok(Found::Declined(id)) => {
                draft.note(approval_note(&id));
                let text = "the owner of this server declined this call";
                Err(says.refuse(draft, Decision::Declined, Code::ApprovalDeclined, text).await)
            }
            Ok(Found::Open(id)) => {
                draft.waits(&id, rule);
                end(draft, Decision::Ask, Some(rule)).await;
                let minutes = FOR_OWNER.as_secs() / 60;
                let text = format!(
                    "{ASKS}: within {minutes} minutes the owner of this server can, with \
                     `plex-mcp approve {id}`; make the same call again then"
                );
                Err(says.refusal(Code::ApprovalRequired, &text, ApprovalId::of(&id)))
            }
            Ok(Found::TooMany) => Err(says.too_many(draft).await),
            Err(error) => Err(says.unrecorded(draft, &error).await),
        }
    }

    /// Waits for the person whom the call asks, if it does, and for no longer than an approval holds. Nothing of the call
    /// runs meanwhile, and no limit is taken.
    pub async fn consult<E: Effect>(&self, permit: Permit<E>) -> Result<Permit<E>, Unapproved> {
        let (draft, ask, question) = match permit.take_question() {
            Some(Stage::Asking(asking)) => (asking.draft, asking.ask, asking.question),
            Some(Stage::Asked(question)) => return Err(Unapproved::Asked(question)),
            _ => return Ok(permit),
        };
        let answer = tokio::time::timeout(self.patience, ask.ask(&question)).await.unwrap_or(Answer::Silence);
        let policy = Arc::clone(permit.policy());
        let Some(verdict) = policy.verdict(&self.grant, permit.tool()) else { return Ok(permit) };
        if answer != Answer::Approved {
            let says = Says { guard: self, permit: &permit, verdict };
            return Err(Unapproved::Refused(says.not_approved(draft, answer).await));
        }
        let granted = Granted { id: question.id, way: Way::Waiting, binding: question.binding };
        if E::KIND == Kind::Read {
            let asks = self.asks(verdict, super::Amounts::default());
            let (call, tool) = (permit.call_id(), permit.tool());
            let entry = self.take(draft, asks, call, tool, Plan::default(), Some(granted)).await;
            permit.stage(Stage::Recorded(entry.map_err(Unapproved::Refused)?));
        } else {
            permit.grant(granted);
            permit.stage(Stage::Judged(draft));
        }
        Ok(permit)
    }
}

/// What is said for a call that is asked about.
#[derive(Clone, Copy)]
struct Says<'a, E: Effect> {
    guard: &'a Guard,
    permit: &'a Permit<E>,
    verdict: &'a Verdict,
}

/// Said where an approval came too late, or a second time.
pub(super) const RUN_OUT: &str =
    "the approval of this call has run out or was used before: call again to have a person asked anew";

impl<E: Effect> Says<'_, E> {
    fn refusal(&self, code: Code, text: &str, approval_id: Option<ApprovalId>) -> Refusal {
        let (call, tool, rule) = (self.permit.call_id(), self.permit.tool(), &self.verdict.rule);
        let reason = self.verdict.asks_because(text);
        Refusal { approval_id, ..Refusal::new(call, tool, code, Some(rule), reason) }
    }

    async fn refuse(&self, draft: Draft, decision: Decision, code: Code, text: &str) -> Refusal {
        end(draft, decision, Some(&self.verdict.rule)).await;
        self.refusal(code, text, None)
    }

    /// What an answer means that is not a yes.
    async fn not_approved(&self, draft: Draft, answer: Answer) -> Refusal {
        let (decision, code, text) = match answer {
            Answer::Declined => (Decision::Declined, Code::ApprovalDeclined, "a person declined this call"),
            Answer::Dismissed => {
                (Decision::Declined, Code::ApprovalDeclined, "the question whether this call may be made was put away")
            }
            Answer::Silence => {
                (Decision::Ask, Code::ApprovalExpired, "no one approved this call in time: call again to ask anew")
            }
            Answer::Unusable | Answer::Approved => (
                Decision::Ask,
                Code::ApprovalRequired,
                "the client gave no answer that says whether this call may be made",
            ),
        };
        self.refuse(draft, decision, code, text).await
    }

    async fn too_many(&self, draft: Draft) -> Refusal {
        let text = "too many calls wait for a person already: have those approved or declined first";
        self.refuse(draft, Decision::Ask, Code::ApprovalRequired, text).await
    }

    async fn unrecorded(&self, draft: Draft, error: &LedgerError) -> Refusal {
        end(draft, Decision::Deny, Some(&self.verdict.rule)).await;
        Refusal::unrecorded(self.permit.call_id(), self.permit.tool(), error)
    }

    fn new_question(&self, about: &About, way: Way, instead_of: Option<String>) -> NewQuestion {
        NewQuestion {
            way,
            grant: self.guard.grant.to_string(),
            tool: self.permit.tool(),
            binding: about.binding.clone(),
            text: about.text.clone(),
            instead_of,
        }
    }

    /// Puts a question whose answer will come with the call.
    async fn put(
        &self,
        mut draft: Draft,
        about: About,
        way: Way,
        instead_of: Option<String>,
    ) -> Result<(Draft, Question), Refusal> {
        match self.guard.ledger.ask(self.new_question(&about, way, instead_of)).await {
            Ok(Found::Open(id)) => {
                draft.waits(&id, &self.verdict.rule);
                let About { text, binding } = about;
                let grant = self.guard.grant.to_string();
                Ok((draft, Question { id, tool: self.permit.tool(), grant, text, binding }))
            }
            Ok(_) => Err(self.too_many(draft).await),
            Err(error) => Err(self.unrecorded(draft, &error).await),
        }
    }
}

#[cfg(test)]
mod tests;
