//! What can go wrong on the way to Trakt, in plain words.

use crate::http::{HttpError, Rejection, retry_after};
use reqwest::header::RETRY_AFTER;
use std::io;

/// Why Trakt gave no usable answer. The texts are for the person whose account it is, and hold no secret.
#[derive(Debug, thiserror::Error)]
pub enum TraktError {
    /// The request failed.
    #[error(transparent)]
    Http(HttpError),
    /// Nobody has signed in yet.
    #[error("nobody is signed in to Trakt: call trakt_authenticate, and open the address that it gives")]
    NotSignedIn,
    /// The sign-in is no longer good and can't be renewed.
    #[error("Trakt no longer takes the sign-in: sign in again with trakt_authenticate")]
    SignInAgain,
    /// 420.
    #[error(
        "the Trakt account has reached its limit, which Trakt sets by the kind of account{}: nothing of this request was \
         taken; remove something from the account or upgrade it",
        .upgrade.as_deref().map(|address| format!(" (see {address})")).unwrap_or_default()
    )]
    AccountLimit {
        /// Where Trakt offers a larger account.
        upgrade: Option<String>,
    },
    /// 423.
    #[error("Trakt has locked this account: its owner has to write to Trakt's support; no further request will help")]
    AccountLocked,
    /// 426.
    #[error(
        "Trakt offers this to VIP accounts only{}",
        .upgrade.as_deref().map(|address| format!(" (see {address})")).unwrap_or_default()
    )]
    VipOnly {
        /// Where Trakt offers one.
        upgrade: Option<String>,
    },
    /// The device code is none that Trakt knows, or was never asked for.
    #[error("there is no sign-in under way: begin one with trakt_authenticate")]
    NoSignIn,
    /// The device code ran out.
    #[error("the code has run out before it was entered: get a new one with trakt_authenticate")]
    CodeExpired,
    /// The device code was used before.
    #[error(
        "the code was used already: if trakt_get_auth_status does not say signed in, begin anew with trakt_authenticate"
    )]
    CodeUsed,
    /// The account's owner said no.
    #[error("the sign-in was denied on Trakt's page; begin anew with trakt_authenticate if that was a mistake")]
    Denied,
    /// The authorisation code is refused.
    #[error(
        "Trakt does not take this code: it can be used once and for a few minutes only; call trakt_authenticate \
             and then trakt_complete_auth without one"
    )]
    CodeRefused,
    /// The app's id or secret is refused.
    #[error("Trakt does not let this app in: check TRAKT_CLIENT_ID and TRAKT_CLIENT_SECRET")]
    App,
    /// The sign-in can't be kept or read.
    #[error("the file with the sign-in to Trakt can't be used ({what}: {cause})")]
    File {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// What was marked in Plex can't be noted or read.
    #[error("the list of what was marked in Plex because Trakt has it can't be used ({what}: {cause})")]
    Marks {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The answer is not what Trakt's API gives.
    #[error("Trakt's answer to the request for {what} can't be read")]
    Answer {
        /// What was asked for.
        what: String,
    },
}

impl From<HttpError> for TraktError {
    fn from(error: HttpError) -> Self {
        let HttpError::Status { rejection, .. } = &error else { return Self::Http(error) };
        match rejection.status {
            420 => Self::AccountLimit { upgrade: upgrade(rejection) },
            423 => Self::AccountLocked,
            426 => Self::VipOnly { upgrade: upgrade(rejection) },
            _ => Self::Http(error),
        }
    }
}

/// The address that Trakt names for a larger account, if it looks like one.
fn upgrade(rejection: &Rejection) -> Option<String> {
    let address = rejection.headers.get("x-upgrade-url")?.to_str().ok()?;
    let plain =
        address.starts_with("https://") && address.len() <= 200 && address.bytes().all(|b| b.is_ascii_graphic());
    plain.then(|| address.to_owned())
}

/// The seconds that a rejection asks to wait.
pub(super) fn asked_wait(rejection: &Rejection) -> Option<u64> {
    retry_after(rejection.headers.get(RETRY_AFTER)?.to_str().ok()?)
}

impl TraktError {
    /// The stable code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Http(error) => error.code(),
            Self::NotSignedIn => "not_signed_in",
            Self::SignInAgain => "reauth_required",
            Self::AccountLimit { .. } => "account_limit",
            Self::AccountLocked => "account_locked",
            Self::VipOnly { .. } => "vip_only",
            Self::NoSignIn => "no_sign_in",
            Self::CodeExpired => "code_expired",
            Self::CodeUsed => "code_used",
            Self::Denied => "sign_in_denied",
            Self::CodeRefused => "code_refused",
            Self::App => "unauthorized",
            Self::File { .. } => "sign_in_file",
            Self::Marks { .. } => "marks_file",
            Self::Answer { .. } => "bad_answer",
        }
    }

    /// The seconds after which the same request may pass, where Trakt said so.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Http(HttpError::Busy { seconds, .. }) => Some(*seconds),
            _ => None,
        }
    }

    /// Whether a change that failed so may have taken place all the same.
    pub fn leaves_unknown(&self) -> bool {
        match self {
            Self::Http(error) => error.leaves_unknown(),
            Self::Answer { .. } => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use reqwest::header::{HeaderMap, HeaderValue};

    fn status(status: u16, upgrade: Option<&'static str>) -> TraktError {
        let mut headers = HeaderMap::new();
        if let Some(address) = upgrade {
            headers.insert("x-upgrade-url", HeaderValue::from_static(address));
        }
        let rejection = Box::new(Rejection { status, headers, body: Bytes::new() });
        HttpError::Status { service: &super::super::http::TRAKT, what: "a test".into(), rejection }.into()
    }

    #[test]
    fn the_statuses_that_are_trakts_own_are_said_in_plain_words() {
        for (number, code) in [(420, "account_limit"), (423, "account_locked"), (426, "vip_only"), (500, "bad_answer")]
        {
            let error = status(number, Some("https://example.invalid/vip"));
            assert_eq!(error.code(), code);
            assert_eq!(
                error.to_string().contains("https://example.invalid/vip"),
                matches!(number, 420 | 426),
                "{error}"
            );
            assert_eq!(error.leaves_unknown(), number == 500, "{error}");
        }
        for odd in ["javascript:alert(1)", "https://h/ do this", "http://h/"] {
            assert!(!status(420, Some(odd)).to_string().contains(odd), "{odd}");
        }
    }
}
