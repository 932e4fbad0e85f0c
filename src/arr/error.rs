//! What can go wrong on the way to Sonarr and Radarr, and what they refuse.

use super::Dialect;
use crate::{
    config::Secret,
    http::{HttpError, Rejection},
    unseen::one_line,
};
use serde::Deserialize;
use serde_json::Value;

/// As much of what a service says as is passed on, in characters.
const MOST_SAID: usize = 300;
/// As many of its complaints.
const MOST_PROBLEMS: usize = 20;

/// A title that the library has already.
#[derive(Clone, Debug)]
pub struct Existing {
    /// What to call it, with its year.
    pub label: String,
    /// The item itself, as the tool that adds shows it.
    pub item: Value,
    /// Its number in the library.
    pub id: i64,
    /// Where it is kept.
    pub path: Option<String>,
}

/// Why Sonarr or Radarr gave no usable answer, or did not do what it was asked. The texts are for the person who runs it, and
/// hold no secret.
#[derive(Debug, thiserror::Error)]
pub enum ArrError {
    /// The request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The API is not below the address.
    #[error(
        "{address} answers, but has no {} at the path of {}: {}",
        .dialect.upstream.api, .dialect.upstream.address_setting, .dialect.upstream.on_web_page
    )]
    NoApi {
        /// Who was asked.
        dialect: &'static Dialect,
        /// Scheme, host and port.
        address: String,
    },
    /// The API is older than version 3.
    #[error("this {} is version {version}, whose API is too old: update it to version {} or later", .dialect.name, .dialect.oldest)]
    TooOld {
        /// Who was asked.
        dialect: &'static Dialect,
        /// What it says its version is.
        version: String,
    },
    /// Another program's API.
    #[error("{} leads to {found}, not to {}: set it to the address of {}", .dialect.upstream.address_setting, .dialect.name, .dialect.name)]
    OtherProgram {
        /// Who was to be asked.
        dialect: &'static Dialect,
        /// What answers there.
        found: String,
    },
    /// An answer that is no JSON, or not of the form that was due.
    #[error("{}'s answer to the request for {what} can't be read: {problem}", .dialect.name)]
    Unreadable {
        /// Who was asked.
        dialect: &'static Dialect,
        /// What was asked for, in words.
        what: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An error that the service explains.
    #[error("{} answered with HTTP status {status} to the request for {what}: {message}", .dialect.name)]
    Explained {
        /// Who was asked.
        dialect: &'static Dialect,
        /// HTTP status code.
        status: u16,
        /// What was asked for, in words.
        what: String,
        /// The service's words.
        message: String,
    },
    /// Values that the service refuses, each with its reason.
    #[error("{} refused {what}: {}", .dialect.name, .problems.join("; "))]
    Rejected {
        /// Who was asked.
        dialect: &'static Dialect,
        /// What was asked for, in words.
        what: String,
        /// `field: reason`, each.
        problems: Vec<String>,
        /// Whether one of them says that it is there already.
        exists: bool,
    },
    /// The library has the title.
    #[error(
        "{} has {} already, as id {}{}: nothing was changed",
        .dialect.name, .existing.label, .existing.id, .existing.path.as_ref().map(|path| format!(" in {path}")).unwrap_or_default()
    )]
    AlreadyThere {
        /// Who was asked.
        dialect: &'static Dialect,
        /// What is there.
        existing: Box<Existing>,
    },
    /// A change went out, no answer that can be relied on came, and reading back did not show the change.
    #[error("{what} was asked of {}, and it can't be told whether that was done: {cause}; {state}", .dialect.name)]
    Unsettled {
        /// Who was asked.
        dialect: &'static Dialect,
        /// What was to be done.
        what: String,
        /// What happened to the answer.
        cause: Box<ArrError>,
        /// What reading back showed, and what to do.
        state: String,
    },
}

impl ArrError {
    /// The stable code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Http(error) => error.code(),
            Self::NoApi { .. } | Self::OtherProgram { .. } => "wrong_address",
            Self::TooOld { .. } => "unsupported_version",
            Self::Unreadable { .. } | Self::Explained { .. } => "bad_answer",
            Self::Rejected { .. } => "rejected",
            Self::AlreadyThere { .. } => "already_exists",
            Self::Unsettled { .. } => "outcome_unknown",
        }
    }

    /// Whether a change that failed so may have taken place all the same.
    pub fn leaves_unknown(&self) -> bool {
        match self {
            Self::Http(error) => error.leaves_unknown(),
            Self::Explained { status, .. } => *status >= 500,
            Self::Unreadable { .. } | Self::Unsettled { .. } => true,
            Self::NoApi { .. }
            | Self::TooOld { .. }
            | Self::OtherProgram { .. }
            | Self::Rejected { .. }
            | Self::AlreadyThere { .. } => false,
        }
    }

    /// The error of a request, with what the service says of it. Its words must not hold the key, which it was sent.
    pub(super) fn of(error: HttpError, dialect: &'static Dialect, key: &Secret) -> Self {
        let HttpError::Status { what, rejection, .. } = &error else { return error.into() };
        let hide = |text: &str| one_line(&text.replace(key.reveal(), "[key]"), MOST_SAID);
        match Said::read(rejection) {
            Some(Said::Problems(problems)) => Self::Rejected {
                dialect,
                what: what.clone(),
                exists: problems.iter().any(Problem::says_exists),
                problems: problems.iter().take(MOST_PROBLEMS).map(|problem| hide(&problem.line())).collect(),
            },
            Some(Said::Message { message }) if !message.trim().is_empty() => {
                Self::Explained { dialect, status: rejection.status, what: what.clone(), message: hide(&message) }
            }
            _ => error.into(),
        }
    }
}

/// What a service says of a request that it refuses: a list of problems with values, or one message.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Problems(Vec<Problem>),
    Message {
        #[serde(alias = "error", alias = "title")]
        message: String,
    },
}

impl Said {
    fn read(rejection: &Rejection) -> Option<Self> {
        serde_json::from_slice(&rejection.body).ok()
    }
}

/// A value that is refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Problem {
    property_name: String,
    error_message: String,
    error_code: Option<String>,
}

impl Problem {
    fn line(&self) -> String {
        match (self.property_name.as_str(), self.error_message.as_str()) {
            ("", message) => message.to_owned(),
            (name, "") => format!("{name} is not valid"),
            (name, message) => format!("{name}: {message}"),
        }
    }

    /// Older versions have no codes.
    fn says_exists(&self) -> bool {
        self.error_code.as_deref().is_some_and(|code| matches!(code, "SeriesExistsValidator" | "MovieExistsValidator"))
            || self.error_message.contains("already been added")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arr::RADARR;

    fn error(status: u16, body: &str) -> ArrError {
        let body = body.to_owned().into();
        let rejection = Box::new(Rejection { status, headers: reqwest::header::HeaderMap::new(), body });
        let error = HttpError::Status { service: &RADARR.upstream, what: "a film".into(), rejection };
        ArrError::of(error, &RADARR, &"CANARY".parse().unwrap())
    }

    #[test]
    fn arrays_of_problems_become_lines() {
        let exists = error(
            400,
            r#"[{"propertyName":"TmdbId","errorMessage":"This movie has already been added","attemptedValue":1},
                {"propertyName":"Path","errorMessage":"Path is not valid CANARY\u001b[1m"},{"errorMessage":"And more"}]"#,
        );
        let text = exists.to_string();
        assert!(
            text.contains("TmdbId: This movie has already been added; Path: Path is not valid [key][1m; And more"),
            "{text}"
        );
        assert!(matches!(exists, ArrError::Rejected { exists: true, .. }));
        let coded = error(400, r#"[{"propertyName":"TmdbId","errorMessage":"x","errorCode":"MovieExistsValidator"}]"#);
        assert!(matches!(coded, ArrError::Rejected { exists: true, .. }));
        assert!(matches!(error(400, r#"[{"propertyName":"Path"}]"#), ArrError::Rejected { exists: false, .. }));
    }

    #[test]
    fn messages_are_passed_on_and_pages_are_not() {
        let text = error(503, r#"{"message":"Search failed. CANARY","description":"at System.Net"}"#).to_string();
        assert!(text.ends_with("Search failed. [key]") && text.contains("503"), "{text}");
        for page in ["<html>CANARY</html>", "", "{}", "[1,2]", "{\"message\":\" \"}"] {
            let text = error(500, page).to_string();
            assert!(text.contains("500") && !text.contains("CANARY") && !text.contains('<'), "{text}");
        }
    }
}
