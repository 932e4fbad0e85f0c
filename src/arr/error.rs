//! What can go wrong on the way to Sonarr and Radarr, and what they refuse.

use super::{Dialect, text::without_secrets};
use crate::{
    config::Secret,
    http::{HttpError, Rejection},
    plex::lenient::text,
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
            Self::Explained { status, .. } if *status < 500 => "rejected",
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

    /// Whether the service refused to add something because it seems to have it: it says so, or its database does.
    pub fn may_be_there(&self) -> bool {
        match self {
            Self::Rejected { exists, .. } => *exists,
            Self::Explained { status, .. } => *status == 409,
            Self::Http(HttpError::Status { rejection, .. }) => rejection.status == 409,
            _ => false,
        }
    }

    /// The error of a request, with what the service says of it. Its words must not hold the key, which it was sent.
    pub(super) fn of(error: HttpError, dialect: &'static Dialect, key: &Secret) -> Self {
        let HttpError::Status { what, rejection, .. } = &error else { return error.into() };
        let hide = |text: &str| one_line(&without_secrets(&text.replace(key.reveal(), "[key]")), MOST_SAID);
        match Said::read(rejection) {
            Some(Said::Problems(problems)) => Self::Rejected {
                dialect,
                what: what.clone(),
                exists: problems.iter().any(Problem::says_exists),
                problems: problems.iter().take(MOST_PROBLEMS).map(|problem| hide(&problem.line())).collect(),
            },
            Some(Said::Message(message)) => {
                Self::Explained { dialect, status: rejection.status, what: what.clone(), message: hide(&message) }
            }
            None => error.into(),
        }
    }
}

/// What a service says of a request that it refuses: problems with values, or one message.
enum Said {
    Problems(Vec<Problem>),
    Message(String),
}

impl Said {
    fn read(rejection: &Rejection) -> Option<Self> {
        let problems: Vec<Problem> = match serde_json::from_slice(&rejection.body).ok()? {
            Value::Array(all) => all.into_iter().filter_map(|problem| serde_json::from_value(problem).ok()).collect(),
            Value::Object(said) => {
                // What can't even be read as a request is refused by the framework, in its own form: sentences by field.
                let by_field = said.get("errors").and_then(Value::as_object).into_iter().flatten();
                let problems: Vec<Problem> =
                    by_field.flat_map(|(field, sentences)| Problem::of_field(field, sentences)).collect();
                if problems.is_empty() {
                    let text = |name: &str| said.get(name)?.as_str().filter(|text| !text.trim().is_empty());
                    let message = ["message", "error", "title"].into_iter().find_map(text);
                    if let Some(message) = message {
                        return Some(Self::Message(message.to_owned()));
                    }
                    vec![serde_json::from_value(Value::Object(said)).ok()?]
                } else {
                    problems
                }
            }
            _ => return None,
        };
        let problems: Vec<Problem> = problems.into_iter().filter(Problem::says_something).collect();
        (!problems.is_empty()).then_some(Self::Problems(problems))
    }
}

/// A value that is refused.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Problem {
    #[serde(deserialize_with = "text")]
    property_name: Option<String>,
    #[serde(deserialize_with = "text")]
    error_message: Option<String>,
    #[serde(deserialize_with = "text")]
    error_code: Option<String>,
}

impl Problem {
    fn of_field(field: &str, sentences: &Value) -> Vec<Self> {
        let sentences = sentences.as_array().map_or(std::slice::from_ref(sentences), Vec::as_slice);
        let problem = |sentence: &str| Self {
            property_name: Some(field.trim_start_matches("$.").to_owned()),
            error_message: Some(sentence.to_owned()),
            error_code: None,
        };
        sentences.iter().filter_map(Value::as_str).map(problem).collect()
    }

    fn says_something(&self) -> bool {
        [&self.property_name, &self.error_message].into_iter().flatten().any(|text| !text.trim().is_empty())
    }

    fn line(&self) -> String {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        match (said(&self.property_name), said(&self.error_message)) {
            (Some(name), Some(message)) => format!("{name}: {message}"),
            (Some(name), None) => format!("{name} is not valid"),
            (None, message) => message.unwrap_or_default(),
        }
    }

    /// Older versions have no codes.
    fn says_exists(&self) -> bool {
        self.error_code.as_deref().is_some_and(|code| matches!(code, "SeriesExistsValidator" | "MovieExistsValidator"))
            || self.error_message.as_deref().is_some_and(|message| message.contains("already been added"))
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
    fn problems_of_every_form_are_told() {
        for (body, says) in [
            (r#"[{"propertyName":null,"errorMessage":"No room","errorCode":null},7]"#, "refused a film: No room"),
            (r#"{"propertyName":"Path","errorMessage":"is taken"}"#, "Path: is taken"),
            (
                r#"{"title":"One or more validation errors occurred.","status":400,"errors":{
                    "$.qualityProfileId":["could not be converted"],"movieResource":["is required"]}}"#,
                "qualityProfileId: could not be converted; movieResource: is required",
            ),
            (
                r#"{"title":"Bad Request","status":400,"errors":{}}"#,
                "HTTP status 400 to the request for a film: Bad Request",
            ),
            (r#"{"message":"constraint failed","title":"x"}"#, "constraint failed"),
        ] {
            let text = error(400, body).to_string();
            assert!(text.contains(says), "{says}: {text}");
        }
        assert!(error(409, r#"{"message":"UNIQUE constraint failed"}"#).may_be_there());
        assert!(error(409, "").may_be_there() && !error(400, r#"{"message":"no"}"#).may_be_there());
    }

    #[test]
    fn messages_are_passed_on_and_pages_are_not() {
        let text = error(503, r#"{"message":"Search failed. CANARY","description":"at System.Net"}"#).to_string();
        assert!(text.ends_with("Search failed. [key]") && text.contains("503"), "{text}");
        for page in ["<html>CANARY</html>", "", "{}", "[1,2]", "[{}]", "\"CANARY\"", "{\"message\":\" \"}"] {
            let text = error(500, page).to_string();
            assert!(text.contains("500") && !text.contains("CANARY") && !text.contains('<'), "{text}");
        }
    }
}
