//! Whom a call may ask, and what they answer.

use super::question::Question;
use crate::guard::{ledger::Way, policy::Approval};
use futures_util::future::BoxFuture;
use std::{fmt, sync::Arc};

/// Whom a call may ask for approval.
#[derive(Clone, Debug, Default)]
pub enum Person {
    /// No one there: the owner approves from the command line.
    #[default]
    Absent,
    /// Someone whom the call waits for.
    Present(Arc<dyn Ask>),
    /// Someone behind a client that takes the question as the call's answer, and calls again with what was said.
    Rounds(Option<Returned>),
}

impl Person {
    /// How a call is approved that may ask this person, by what the policy says of its tool.
    pub fn way(&self, approval: Approval) -> Way {
        let in_client = approval == Approval::Client;
        match self {
            Self::Present(ask) if in_client || ask.is_owner() => Way::Waiting,
            Self::Rounds(_) if in_client => Way::Rounds,
            _ => Way::Owner,
        }
    }
}

/// A way to put a question while the call waits.
pub trait Ask: fmt::Debug + Send + Sync {
    /// Puts the question, and waits for what is said. The guard waits no longer than an approval would hold; dropped, it asks
    /// no more.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Answer>;

    /// Whether the one who answers is the owner, at the owner's own terminal, and not a client that speaks for a user.
    fn is_owner(&self) -> bool {
        false
    }
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Approved,
    /// No.
    Declined,
    /// The question was put away without an answer.
    Dismissed,
    /// No one answered in time.
    Silence,
    /// What came back says neither yes nor no, or nothing came back.
    Unusable,
}

/// What a client brings back when it calls again.
#[derive(Clone, Debug)]
pub struct Returned {
    /// Which question it was, by the state that the server sealed.
    pub question: Result<Opened, BadState>,
    /// What was said; none where the client brings only the state.
    pub answer: Option<Answer>,
}

/// A sealed state that was found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The question.
    pub id: String,
    /// What it was about.
    pub binding: String,
}

/// Why a state that came back counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadState {
    /// This server did not seal it for this grant and tool, or it was altered.
    Forged,
    /// It is too old.
    Expired,
}
