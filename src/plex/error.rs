//! What can go wrong on the way to Plex.

use super::{http::PLEX, xml::XmlError};
use crate::http::HttpError;

/// Why Plex gave no usable answer. The texts are for the person who runs the server, and hold no secret.
#[derive(Debug, thiserror::Error)]
pub enum PlexError {
    /// The request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The API's first path is not there.
    #[error(
        "{address} has no Plex API at the path of PLEX_URL: set PLEX_URL to the server's own address, such as \
         http://192.168.1.2:32400"
    )]
    NoApi {
        /// Scheme, host and port.
        address: String,
    },
    /// The token is good, but not the owner's.
    #[error("only the server's owner may see {what}: set PLEX_TOKEN to the owner's token")]
    OwnerOnly {
        /// What was asked for, in words.
        what: String,
    },
    /// The answer is not Plex's XML.
    #[error("the Plex server's answer can't be read: {0}")]
    Xml(#[from] XmlError),
}

impl PlexError {
    pub(super) fn setup(problem: &str) -> Self {
        HttpError::Setup(problem.to_owned()).into()
    }

    /// The error of something that the server does not have, though it answered.
    pub fn not_found(what: impl Into<String>) -> Self {
        HttpError::NotFound { service: &PLEX, what: what.into() }.into()
    }

    /// Whether the server does not have what was asked for.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Http(HttpError::NotFound { .. }))
    }

    /// Whether the same server may well answer a request for less: it was slow, broke off, failed inside, or cut its answer.
    pub fn may_be_size(&self) -> bool {
        match self {
            Self::Http(HttpError::Timeout { connected, .. }) => *connected,
            Self::Http(HttpError::Status { rejection, .. }) => rejection.status >= 500,
            Self::Http(error) => matches!(error, HttpError::Interrupted { .. } | HttpError::TooLarge),
            Self::Xml(error) => matches!(error, XmlError::Truncated | XmlError::Malformed { .. }),
            Self::NoApi { .. } | Self::OwnerOnly { .. } => false,
        }
    }

    /// Whether the credential was refused.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Http(HttpError::Unauthorized { .. }))
    }

    /// Whether a change that failed so may have been made all the same.
    pub fn leaves_unknown(&self) -> bool {
        match self {
            Self::Http(error) => error.leaves_unknown(),
            Self::OwnerOnly { .. } => false,
            Self::NoApi { .. } | Self::Xml(_) => true,
        }
    }

    /// The stable code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Http(error) => error.code(),
            Self::NoApi { .. } => "wrong_address",
            Self::OwnerOnly { .. } => "unauthorized",
            Self::Xml(_) => "bad_answer",
        }
    }
}
