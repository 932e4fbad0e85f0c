//! Errors of tools as the model reads them: a text that says what to do, and a stable code.

use super::arguments::ArgumentErrors;
use crate::{
    app::{ArrUnavailable, PlexUnavailable, TraktUnavailable},
    arr::ArrError,
    export::ExportError,
    guard::{CallId, Code, LedgerError, Question, Refusal, Unapproved},
    plex::error::PlexError,
    trakt::error::TraktError,
};
use serde_json::{Value, json};
use std::time::Duration;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// There is no such tool, or the policy hides it.
    #[error("unknown tool: {0}")]
    Unknown(String),
    /// The policy refused the call.
    #[error("{}", .0.text())]
    Refused(Box<Refusal>),
    /// A person has to approve the call first: the client is to ask, and to call again with the answer.
    #[error("a person has to approve this call first")]
    Asks(Box<Question>),
    /// Arguments that don't fit.
    #[error("{0}")]
    Arguments(#[from] ArgumentErrors),
    /// A setting is missing or wrong.
    #[error("{0}")]
    Setting(#[from] crate::config::SettingError),
    /// Plex gave no usable answer.
    #[error(transparent)]
    Plex(#[from] PlexError),
    /// Trakt gave no usable answer.
    #[error(transparent)]
    Trakt(#[from] TraktError),
    /// The same is being done by another call.
    #[error("{0}")]
    Running(String),
    /// Sonarr or Radarr gave no usable answer, or refused.
    #[error(transparent)]
    Arr(#[from] ArrError),
    /// There is no export.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Nothing that can be relied on came back, and the change does not show.
    #[error("it can't be told whether this was done: {summary} ({cause}); look at how it stands before you try again")]
    Unsettled {
        /// What was to be done.
        summary: String,
        /// What went wrong.
        cause: String,
        /// The change's name, where it can be undone.
        change_id: Option<String>,
    },
    /// Plex confirmed a change of which nothing shows.
    #[error("Plex accepted the request, but nothing of it shows: {summary}")]
    NotApplied {
        /// What was to be done.
        summary: String,
    },
    /// A long change came to its end in the middle.
    #[error("only {done} of {total} parts were done, the other {} were not: {summary} ({cause})", .total - .done)]
    Partly {
        /// What was to be done.
        summary: String,
        /// How many items were changed.
        done: u64,
        /// How many were to be changed.
        total: u64,
        /// What went wrong.
        cause: String,
        /// The change's name, where it can be undone.
        change_id: Option<String>,
    },
    /// What was to be changed is no longer what was looked at.
    #[error("{what} was changed by someone else meanwhile, and nothing was done: look at it and call again")]
    ChangedMeanwhile {
        /// What it is.
        what: String,
    },
    /// There is no picture to be had.
    #[error("the poster can't be used: {0}; nothing was changed")]
    Picture(String),
    /// A change that can't be taken back.
    #[error("this can't be undone: {0}")]
    NotUndoable(String),
    /// The ledger could not be read.
    #[error("the audit ledger can't be read: {0}")]
    Ledger(LedgerError),
    /// The client gave the call up.
    #[error("the call was cancelled")]
    Cancelled,
    /// The time limit was reached.
    #[error("the call was stopped after {} s, its time limit: ask for less at once or try again later", .0.as_secs())]
    TimedOut(Duration),
    /// The time limit was reached when a change was under way.
    #[error(
        "the call was stopped after {} s, its time limit, in the middle of its change, of which some or all may be done: look at \
         how it stands before you call again",
        .limit.as_secs()
    )]
    CutShort {
        /// The time limit.
        limit: Duration,
        /// The call's name in the ledger, by which the change can be undone.
        call: CallId,
    },
    /// A fault of this program, whose details are in its log.
    #[error("plex-mcp made a mistake of its own; its log on stderr says more")]
    Internal,
}

impl From<Refusal> for ToolError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<Unapproved> for ToolError {
    fn from(unapproved: Unapproved) -> Self {
        match unapproved {
            Unapproved::Refused(refusal) => refusal.into(),
            Unapproved::Asked(question) => Self::Asks(question),
        }
    }
}

impl From<PlexUnavailable> for ToolError {
    fn from(error: PlexUnavailable) -> Self {
        match error {
            PlexUnavailable::Setting(error) => error.into(),
            PlexUnavailable::Client(error) => error.into(),
        }
    }
}

impl From<TraktUnavailable> for ToolError {
    fn from(error: TraktUnavailable) -> Self {
        match error {
            TraktUnavailable::Setting(error) => error.into(),
            TraktUnavailable::Client(error) => error.into(),
        }
    }
}

impl From<ArrUnavailable> for ToolError {
    fn from(error: ArrUnavailable) -> Self {
        match error {
            ArrUnavailable::Setting(error) => error.into(),
            ArrUnavailable::Client(error) => error.into(),
        }
    }
}

impl ToolError {
    /// The error of an argument that the schema can't judge.
    pub fn argument(field: &str, problem: impl Into<String>) -> Self {
        Self::Arguments(ArgumentErrors::one(field, problem))
    }

    /// The stable code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown_tool",
            Self::Refused(refusal) => refusal.code.as_str(),
            Self::Asks(_) => Code::ApprovalRequired.as_str(),
            Self::Arguments(_) => "invalid_argument",
            Self::Setting(_) => "not_configured",
            Self::Plex(error) => error.code(),
            Self::Trakt(error) => error.code(),
            Self::Running(_) => "already_running",
            Self::Arr(error) => error.code(),
            Self::Export(error) => error.code(),
            Self::Unsettled { .. } => "outcome_unknown",
            Self::NotApplied { .. } => "not_applied",
            Self::Partly { .. } => "partly_done",
            Self::ChangedMeanwhile { .. } => "changed_meanwhile",
            Self::Picture(_) => "bad_picture",
            Self::NotUndoable(_) => "not_undoable",
            Self::Ledger(_) => "ledger_unavailable",
            Self::Cancelled => "cancelled",
            Self::TimedOut(_) | Self::CutShort { .. } => "timeout",
            Self::Internal => "internal",
        }
    }

    /// The error as structured content.
    pub fn structured(&self) -> Value {
        match self {
            Self::Refused(refusal) => refusal.structured(),
            Self::Arguments(errors) => {
                json!({"code": self.code(), "message": self.to_string(), "fields": errors.fields()})
            }
            Self::Trakt(error) if error.retry_after().is_some() => json!({
                "code": self.code(), "message": self.to_string(), "retryAfterSeconds": error.retry_after(),
            }),
            Self::Arr(ArrError::AlreadyThere { existing, .. }) => {
                json!({"code": self.code(), "message": self.to_string(), "item": existing.item})
            }
            Self::Unsettled { change_id: Some(id), .. } | Self::Partly { change_id: Some(id), .. } => {
                json!({"code": self.code(), "message": self.to_string(), "changeId": id})
            }
            Self::CutShort { call, .. } => {
                json!({"code": self.code(), "message": self.to_string(), "callId": call.to_string()})
            }
            _ => json!({"code": self.code(), "message": self.to_string()}),
        }
    }
}
