//! Who plays, and on what: the names behind the numbers of the play history.

use super::{
    error::PlexError,
    http::{Get, Plex},
    lenient,
};
use serde::Deserialize;

/// A person of the server: its owner, a member of the home, or someone it is shared with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Account {
    /// The number in the history's `accountID`. The owner is 1.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: Option<i64>,
    /// The name; empty for the account 0 that every server has.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
}

/// A device that played something.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Device {
    /// The number in the history's `deviceID`.
    #[serde(deserialize_with = "lenient::integer")]
    pub id: Option<i64>,
    /// The name that its owner gave it.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// What it runs: `tvOS`, `Android`, `Chrome`, ...
    #[serde(deserialize_with = "lenient::text")]
    pub platform: Option<String>,
}

impl Plex {
    /// The people of the server. Only its owner may see them.
    pub async fn accounts(&self) -> Result<Vec<Account>, PlexError> {
        self.rows(&Get::new("the list of accounts", ["accounts"])).await
    }

    /// The devices that played something. Only the server's owner may see them.
    pub async fn devices(&self) -> Result<Vec<Device>, PlexError> {
        self.rows(&Get::new("the list of devices", ["devices"])).await
    }

    /// What is wrong where the server gives `what` to its owner alone: a token that is good for other things is one of
    /// somebody else.
    pub(super) async fn for_owner(&self, what: &str, error: PlexError) -> PlexError {
        if error.is_unauthorized() && self.sections().await.is_ok() {
            return PlexError::OwnerOnly { what: what.to_owned() };
        }
        error
    }
}
