//! What a tool's body states about its effect: before it acts (the plan) and after (the settlement).

use super::names::named;
use serde_json::{Map, Value};

/// What a body is about to do, stated before the first changing request.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One sentence for the person who may have to approve it: "Remove 14 items from playlist Kids".
    pub summary: String,
    /// What the policy's conditions may look at.
    pub facts: Facts,
    /// What will be touched, for the ledger.
    pub affected: Affected,
    /// What the limits on items and bytes reserve; the settlement can only lower it.
    pub reserve: Amounts,
    /// How things stand before a change that can be taken back.
    pub before: Option<Value>,
}

/// Facts about a call, in the order they were stated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    all: Map<String, Value>,
    /// Those that the server made up for this call.
    passing: Vec<&'static str>,
}

impl Facts {
    /// Adds a fact, such as `item.library`; a fact stated twice keeps its last value. Where the call is about several items
    /// it is the list of their values, each of which the policy's conditions judge.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.all.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a fact if it is known. One that is not must not be stated: a rule that asks about it refuses the call.
    #[must_use]
    pub fn with_known(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a fact that the server made up for this call and would make up otherwise for the next, such as a file's name
    /// that holds the time. Conditions judge it as any; an approval does not depend on it.
    #[must_use]
    pub fn with_passing(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.passing.push(name);
        self.with(name, value)
    }

    /// The facts that an approval depends on.
    pub(super) fn lasting(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.iter().filter(|(name, _)| !self.passing.contains(name))
    }

    /// The fact of that name, where it was stated.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.all.get(name)
    }

    /// All facts, in the order they were first stated.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.all.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// What a call touches or touched, as the ledger keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// The library's title.
    pub library: Option<String>,
    /// Titles of the items; the ledger keeps the first hundred.
    pub titles: Vec<String>,
    /// How many items.
    pub items: Option<u64>,
    /// How many bytes.
    pub bytes: Option<u64>,
}

/// Amounts that limits with `of = "items"` or `of = "bytes"` count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Items that are written, changed or removed.
    pub items: u64,
    /// Bytes that are written.
    pub bytes: u64,
}

named! {
    /// How an admitted call ended.
    pub enum Outcome {
        /// It did what it was asked.
        Ok = "ok",
        /// It answered with an error.
        Failed = "failed",
        /// Whether the effect took place can't be told.
        Unknown = "unknown",
        /// It was given up before its end.
        Cancelled = "cancelled",
    }
}

/// What really happened, stated when a call ends.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// How it ended.
    pub outcome: Outcome,
    /// What was touched; parts that are left empty keep what the plan said.
    pub affected: Affected,
    /// What was really used of the reservation; more than was reserved counts as what was reserved.
    pub used: Option<Amounts>,
    /// Whether it is certain that no request left the machine: the call's units are given back then.
    pub nothing_sent: bool,
}
