//! Who the account is, and its lifetime counts.

use super::{error::TraktError, http::Trakt};
use crate::{http::Get, plex::lenient};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct User {
    /// The name in addresses.
    #[serde(deserialize_with = "lenient::text")]
    pub username: Option<String>,
    /// The name that people see.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Whether it pays for more; none where Trakt does not say.
    #[serde(deserialize_with = "flag")]
    pub vip: Option<bool>,
    /// Since when it is there, as Trakt writes it.
    #[serde(deserialize_with = "lenient::text")]
    pub joined_at: Option<String>,
}

fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(Value::deserialize(from)?.as_bool())
}

impl Trakt {
    /// The account that is signed in.
    pub async fn user(&self) -> Result<User, TraktError> {
        let request = Get::new("the account", ["users", "me"]).with("extended", "full");
        self.get(&request).await
    }

    /// The account's lifetime counts, as Trakt tells them.
    pub async fn stats(&self) -> Result<Value, TraktError> {
        self.get(&Get::new("the account's statistics", ["users", "me", "stats"])).await
    }
}
