//! What a grant may do and what is left to it, as the model may read it: which rules there are, never what they look for.

use super::{
    Guard,
    explain::Asked,
    ledger::{ChainEnd, LedgerError, Over},
    limit::Limit,
    plan::Amounts,
    policy::{Action, Approval, AttemptsRule},
    reload::Standing,
    subject::Subject,
};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// How the policy and the limits stand for one grant.
#[derive(Debug)]
pub struct Account {
    /// The policy in force.
    pub standing: Arc<Standing>,
    /// The grant.
    pub grant: Arc<str>,
    /// The gate of attempts, if there is one.
    pub attempts: Option<AttemptsRule>,
    /// The tools that were asked for and are not hidden.
    pub tools: Vec<ToolAccount>,
    /// How far the ledger's chain goes.
    pub chain: ChainEnd,
}

/// How one tool stands.
#[derive(Debug)]
pub struct ToolAccount {
    /// The tool.
    pub subject: Subject,
    /// What the policy does with its calls.
    pub action: Action,
    /// The rule that says so, as a JSON pointer.
    pub rule: String,
    /// Where a person approves its calls, if they ask.
    pub approval: Approval,
    /// What the policy says where it refuses.
    pub reason: Option<String>,
    /// What its calls have to meet.
    pub conditions: Vec<Asked>,
    /// The limits that its calls take from.
    pub limits: Vec<LimitAccount>,
}

/// How one limit stands.
#[derive(Clone, Debug)]
pub struct LimitAccount {
    /// The limit.
    pub limit: Arc<Limit>,
    /// How much of it is left now.
    pub left: u64,
    /// How long until anything is left; none where something is, or where nothing ever will be.
    pub wait: Option<Duration>,
}

impl Guard {
    /// How those of `subjects` stand that are listed. Takes and records nothing.
    pub async fn account(&self, subjects: &[Subject]) -> Result<Account, LedgerError> {
        let standing = self.force.get();
        let verdicts: Vec<_> = subjects
            .iter()
            .filter_map(|subject| standing.policy.verdict(&self.grant, subject.tool).filter(|v| v.subject == *subject))
            .filter(|verdict| !verdict.hidden)
            .collect();
        // Most limits are those of several tools.
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut asks = Vec::new();
        for verdict in &verdicts {
            for mut ask in self.asks(verdict, Amounts { items: 1, bytes: 1 }) {
                ask.amount = 1;
                places.entry(ask.limit.rule.clone()).or_insert_with(|| {
                    asks.push(ask);
                    asks.len() - 1
                });
            }
        }
        let limits: Vec<Arc<Limit>> = asks.iter().map(|ask| Arc::clone(&ask.limit)).collect();
        let state = self.ledger.state(asks).await?;
        let stands = |limit: &Arc<Limit>| -> Option<LimitAccount> {
            let place = *places.get(&limit.rule)?;
            let (limit, held) = (limits.get(place)?, state.held.get(place)?);
            let wait = match state.over.get(place)? {
                Some(Over::Until(wait)) => Some(*wait),
                Some(Over::NeverFits) | None => None,
            };
            Some(LimitAccount { limit: Arc::clone(limit), left: limit.max.saturating_sub(*held), wait })
        };
        let tools = verdicts.iter().map(|verdict| ToolAccount {
            subject: verdict.subject,
            action: verdict.action,
            approval: verdict.approval,
            rule: verdict.rule.clone(),
            reason: verdict.reason.clone(),
            conditions: verdict.conditions.iter().map(Asked::unasked).collect(),
            limits: verdict.limits.iter().filter_map(stands).collect(),
        });
        Ok(Account {
            tools: tools.collect(),
            attempts: standing.policy.attempts(),
            grant: Arc::clone(&self.grant),
            chain: state.chain,
            standing: Arc::clone(&standing),
        })
    }
}
