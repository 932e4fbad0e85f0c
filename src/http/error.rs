//! What can go wrong on the way to a service, said to the person who runs the server.

use super::{MAX_ANSWER_BYTES, answer::Rejection};

/// A service as its settings and its errors name it. The texts complete the sentences of `HttpError`.
#[derive(Debug)]
pub struct Upstream {
    /// What it is: `Plex server`.
    pub noun: &'static str,
    /// What its address should give: `Plex API`.
    pub api: &'static str,
    /// The setting that holds its address: `PLEX_URL`.
    pub address_setting: &'static str,
    /// What signs requests in: `token`.
    pub credential: &'static str,
    /// What to do where nothing answers.
    pub on_unreachable: &'static str,
    /// What to do where the credential is refused.
    pub on_unauthorized: &'static str,
    /// What to think of where something is not found.
    pub on_not_found: &'static str,
    /// What to do about a certificate that is not trusted.
    pub on_certificate: &'static str,
    /// What to do where the address gives a page for people.
    pub on_web_page: &'static str,
}

/// Why a service gave no usable answer. The texts are for the person who runs the server, and hold no secret.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection was made.
    #[error("no {} answers at {address} ({cause}): {}", .service.noun, .service.on_unreachable)]
    Unreachable {
        /// Who was asked.
        service: &'static Upstream,
        /// Scheme, host and port.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// The service was silent for too long.
    #[error("the {} at {address} did not answer within {seconds} s: it may be busy, try again later", .service.noun)]
    Timeout {
        /// Who was asked.
        service: &'static Upstream,
        /// Scheme, host and port.
        address: String,
        /// The limit that was reached.
        seconds: u64,
        /// Whether there was a connection, so that the request may have arrived.
        connected: bool,
    },
    /// The connection was made and broke.
    #[error("the connection to the {} at {address} broke off ({cause})", .service.noun)]
    Interrupted {
        /// Who was asked.
        service: &'static Upstream,
        /// Scheme, host and port.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// The service's certificate is not trusted.
    #[error("the certificate of {address} is not trusted ({cause}): {}", .service.on_certificate)]
    Certificate {
        /// Who was asked.
        service: &'static Upstream,
        /// Scheme, host and port.
        address: String,
        /// What TLS said, with the certificate's names.
        cause: String,
    },
    /// 401 or 403.
    #[error("the {} refused the {}: {}", .service.noun, .service.credential, .service.on_unauthorized)]
    Unauthorized {
        /// Who was asked.
        service: &'static Upstream,
        /// 403: another credential of the same kind would not help.
        forbidden: bool,
    },
    /// 404.
    #[error("{what} was not found on the {}: {}", .service.noun, .service.on_not_found)]
    NotFound {
        /// Who was asked.
        service: &'static Upstream,
        /// What was asked for, in words.
        what: String,
    },
    /// 429 that outlasted the retries.
    #[error("the {} asks to wait {seconds} s before the next request", .service.noun)]
    Busy {
        /// Who was asked.
        service: &'static Upstream,
        /// As the service said, or what was waited last.
        seconds: u64,
    },
    /// A page for people, where the API was expected.
    #[error("{address} gives a web page, not the {}: {}", .service.api, .service.on_web_page)]
    WebPage {
        /// Who was asked.
        service: &'static Upstream,
        /// Scheme, host and port.
        address: String,
    },
    /// A redirect to somewhere else, which the credential must not follow.
    #[error(
        "the {} redirects to another address ({to}): set {} to that address if it is yours",
        .service.noun,
        .service.address_setting
    )]
    Redirect {
        /// Who was asked.
        service: &'static Upstream,
        /// The new address's origin, or the path where that is the same.
        to: String,
    },
    /// Any other status.
    #[error("the {} answered with HTTP status {} to the request for {what}", .service.noun, .rejection.status)]
    Status {
        /// Who was asked.
        service: &'static Upstream,
        /// What was asked for, in words.
        what: String,
        /// What it said; other people's text.
        rejection: Box<Rejection>,
    },
    /// The answer is larger than anything that is asked for.
    #[error("the answer is larger than {} MB: ask for less at once", MAX_ANSWER_BYTES >> 20)]
    TooLarge,
    /// The client could not be made.
    #[error("the HTTP client can't be set up: {0}")]
    Setup(String),
}

impl HttpError {
    /// The stable code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Interrupted { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::Certificate { .. } => "certificate",
            Self::Unauthorized { .. } => "unauthorized",
            Self::NotFound { .. } => "not_found",
            Self::Busy { .. } => "rate_limited",
            Self::WebPage { .. } => "wrong_address",
            Self::Redirect { .. } => "redirected",
            Self::Status { .. } | Self::TooLarge => "bad_answer",
            Self::Setup(_) => "setup",
        }
    }

    /// Whether a change that failed so may have taken place all the same: the request may have arrived, and nothing that can
    /// be relied on came back.
    pub fn leaves_unknown(&self) -> bool {
        match self {
            Self::Timeout { connected, .. } => *connected,
            Self::Interrupted { .. } | Self::TooLarge | Self::WebPage { .. } | Self::Redirect { .. } => true,
            Self::Status { rejection, .. } => rejection.status >= 500,
            Self::Unreachable { .. }
            | Self::Certificate { .. }
            | Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::Busy { .. }
            | Self::Setup(_) => false,
        }
    }
}
