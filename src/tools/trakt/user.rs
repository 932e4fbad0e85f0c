//! The account as the tools show it.

use crate::trakt::stats::User;
use schemars::JsonSchema;
use serde::Serialize;

/// The account that is signed in.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct UserRow {
    /// The name in Trakt's addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// The name that people see.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Whether it is a VIP account.
    #[serde(skip_serializing_if = "Option::is_none")]
    vip: Option<bool>,
    /// Since when it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    joined_at: Option<String>,
}

impl From<User> for UserRow {
    fn from(User { username, name, vip, joined_at }: User) -> Self {
        Self { username, name, vip, joined_at }
    }
}
