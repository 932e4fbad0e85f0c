//! Conditions: what a rule demands of one argument or one fact of a call.
//!
//! Types are settled when the policy is loaded, so that judging compares and never converts. Whole numbers are compared
//! exactly. Texts are compared, searched and matched in their composed form (NFC), case and all.

mod fact;
mod test;

pub(super) use fact::FACTS;
pub(super) use test::{Finding, Operand, Test, compile};

use super::{names::named, plan::Facts};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

named! {
    /// How a value is compared.
    pub enum Operator {
        /// It is that value.
        Eq = "eq",
        /// It is another value.
        Neq = "neq",
        /// It is one of those values.
        In = "in",
        /// It is none of those values.
        NotIn = "not_in",
        /// It is less.
        Lt = "lt",
        /// It is less or the same.
        Lte = "lte",
        /// It is greater.
        Gt = "gt",
        /// It is greater or the same.
        Gte = "gte",
        /// A text has that part; a list has that member.
        Contains = "contains",
        /// There is a value, or with `false` there is none.
        Exists = "exists",
        /// A part of the text matches the regular expression.
        Regex = "regex",
        /// The whole text matches the regular expression.
        Matches = "matches",
    }
}

named! {
    /// What a condition is for.
    pub enum Sense {
        /// The call is refused unless it holds.
        Require = "require",
        /// The call is refused if it holds.
        DenyIf = "deny_if",
    }
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// An argument of the call.
    Argument(String),
    /// What the call is about.
    Fact(&'static str),
}

/// One rule on one value.
#[derive(Debug)]
pub struct Condition {
    pub(super) sense: Sense,
    pub(super) looks: Looks,
    /// The tools that it is for: those that have the argument, or may state facts.
    pub(super) tools: BTreeSet<&'static str>,
    pub(super) operator: Operator,
    pub(super) test: Test,
    /// Where the policy states it, as a JSON pointer.
    pub(super) rule: String,
    /// What the policy wants said where this condition refuses.
    pub(super) on_deny: Option<String>,
}

/// What a condition says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Pass,
    Refuse,
    /// The fact was not stated.
    Unavailable,
}

impl Condition {
    /// The path as the policy has it.
    pub(super) fn path(&self) -> String {
        match &self.looks {
            Looks::Argument(name) => format!("args.{name}"),
            Looks::Fact(name) => (*name).to_owned(),
        }
    }

    /// What it says of arguments; a condition on a fact says nothing yet.
    pub(super) fn of_arguments(&self, arguments: &Map<String, Value>) -> Says {
        match &self.looks {
            Looks::Argument(name) => self.judge(self.test.find(arguments.get(name))),
            Looks::Fact(_) => Says::Pass,
        }
    }

    /// What it says of facts; a condition on an argument has spoken already.
    pub(super) fn of_facts(&self, facts: &Facts) -> Says {
        let Looks::Fact(name) = &self.looks else { return Says::Pass };
        let judge = |value| match self.test.find(value) {
            Finding::Missing | Finding::Unfit => Says::Unavailable,
            found => self.judge(found),
        };
        match facts.get(name) {
            // Of several items each has to pass.
            Some(Value::Array(values)) if !values.is_empty() => {
                values.iter().map(|value| judge(Some(value))).find(|says| *says != Says::Pass).unwrap_or(Says::Pass)
            }
            value => judge(value),
        }
    }

    fn judge(&self, found: Finding) -> Says {
        let refuses = match self.sense {
            Sense::Require => found != Finding::Holds,
            Sense::DenyIf => !matches!(found, Finding::Fails | Finding::Missing),
        };
        if refuses { Says::Refuse } else { Says::Pass }
    }

    /// What is said where it refuses and the policy has no words of its own: no value of the call.
    pub(super) fn reason(&self, says: Says) -> String {
        let path = self.path();
        match (says, &self.on_deny, self.sense) {
            (Says::Unavailable, ..) => {
                format!("`{path}` could not be established, and a rule of this server's policy asks about it")
            }
            (_, Some(own), _) => own.clone(),
            (_, None, Sense::Require) => format!("this server's policy requires something else of `{path}`"),
            (_, None, Sense::DenyIf) => format!("this server's policy refuses calls with this `{path}`"),
        }
    }
}
