//! What can go wrong on the way to Plex, said to the person who runs the server.

use super::http::MAX_ANSWER_BYTES;

/// Why Plex gave no usable answer. The texts are for the person who runs the server, and hold no secret.
#[derive(Debug, thiserror::Error)]
pub enum PlexError {
    /// No connection was made.
    #[error("no Plex server answers at {address} ({cause}): check that it runs and that PLEX_URL is right")]
    Unreachable {
        /// Scheme, host and port.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// The server was silent for too long.
    #[error("the Plex server at {address} did not answer within {seconds} s: it may be busy, try again later")]
    Timeout {
        /// Scheme, host and port.
        address: String,
        /// The limit that was reached.
        seconds: u64,
    },
    /// The connection was made and broke.
    #[error("the connection to the Plex server at {address} broke off ({cause})")]
    Interrupted {
        /// Scheme, host and port.
        address: String,
        /// What the system said.
        cause: String,
    },
    /// The server's certificate is not trusted.
    #[error(
        "the certificate of {address} is not trusted ({cause}): use the server's plex.direct address in PLEX_URL, \
         name its certificate authority in PLEX_CA_FILE, or, for this one host, set PLEX_INSECURE_TLS=1"
    )]
    Certificate {
        /// Scheme, host and port.
        address: String,
        /// What TLS said, with the certificate's names.
        cause: String,
    },
    /// 401 or 403.
    #[error(
        "the Plex server refused the token: it may be mistyped, expired, or of an account without access to this \
         server; take a new one from Plex and set PLEX_TOKEN"
    )]
    Unauthorized,
    /// 404.
    #[error(
        "{what} was not found on the Plex server: it may have been deleted, or the number may be of another server"
    )]
    NotFound {
        /// What was asked for, in words.
        what: String,
    },
    /// 429 that outlasted the retries.
    #[error("the Plex server asks to wait {seconds} s before the next request")]
    Busy {
        /// As the server said, or what was waited last.
        seconds: u64,
    },
    /// The API's first path is not there.
    #[error(
        "{address} has no Plex API at the path of PLEX_URL: set PLEX_URL to the server's own address, such as \
         http://192.168.1.2:32400"
    )]
    NoApi {
        /// Scheme, host and port.
        address: String,
    },
    /// A page for people, where the API was expected.
    #[error(
        "{address} gives a web page, not the Plex API: set PLEX_URL to the server's own address, such as \
         http://192.168.1.2:32400, without /web"
    )]
    WebPage {
        /// Scheme, host and port.
        address: String,
    },
    /// A redirect to somewhere else, which the token must not follow.
    #[error("the Plex server redirects to another address ({to}): set PLEX_URL to that address if it is yours")]
    Redirect {
        /// Origin of the new address.
        to: String,
    },
    /// Any other status.
    #[error("the Plex server answered with HTTP status {status} to the request for {what}")]
    Status {
        /// HTTP status code.
        status: u16,
        /// What was asked for, in words.
        what: String,
    },
    /// The answer is larger than anything that is asked for.
    #[error("the answer is larger than {} MB: ask for less at once", MAX_ANSWER_BYTES >> 20)]
    TooLarge,
    /// The answer is not Plex's XML.
    #[error("the Plex server's answer can't be read: {0}")]
    Xml(#[from] super::xml::XmlError),
    /// The client could not be made.
    #[error("the HTTP client can't be set up: {0}")]
    Setup(String),
}

impl PlexError {
    /// The stable code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Interrupted { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::Certificate { .. } => "certificate",
            Self::Unauthorized => "unauthorized",
            Self::NotFound { .. } => "not_found",
            Self::Busy { .. } => "rate_limited",
            Self::WebPage { .. } | Self::NoApi { .. } => "wrong_address",
            Self::Redirect { .. } => "redirected",
            Self::Status { .. } | Self::TooLarge | Self::Xml(_) => "bad_answer",
            Self::Setup(_) => "setup",
        }
    }
}
