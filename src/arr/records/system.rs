//! What a server says of itself and of what it was told to do.

use super::said;
use crate::plex::lenient::{integer, text};
use serde::Deserialize;

/// How far a command is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Command {
    /// Its number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// What it was given with.
    pub body: serde_json::Value,
    /// queued, started, completed, failed, aborted, cancelled or orphaned.
    #[serde(deserialize_with = "text")]
    pub status: Option<String>,
    /// successful or unsuccessful.
    #[serde(deserialize_with = "text")]
    pub result: Option<String>,
    /// What it says.
    #[serde(deserialize_with = "said")]
    pub message: Option<String>,
}

impl Command {
    /// Whether it waits or runs.
    pub fn is_under_way(&self) -> bool {
        matches!(self.status.as_deref(), Some("queued" | "started"))
    }
}

/// What a server says it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SystemStatus {
    /// The program.
    #[serde(deserialize_with = "text")]
    pub app_name: Option<String>,
    /// The name that its owner gave it.
    #[serde(deserialize_with = "text")]
    pub instance_name: Option<String>,
    /// Its version.
    #[serde(deserialize_with = "text")]
    pub version: Option<String>,
}

impl SystemStatus {
    /// The first part of the version.
    pub fn major(&self) -> Option<u64> {
        self.version.as_deref()?.split('.').next()?.parse().ok()
    }
}

/// A complaint of a server about itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Health {
    /// Which of its checks.
    #[serde(deserialize_with = "text")]
    pub source: Option<String>,
    /// notice, warning or error.
    #[serde(rename = "type", deserialize_with = "text")]
    pub kind: Option<String>,
    /// What it says.
    #[serde(deserialize_with = "said")]
    pub message: Option<String>,
    /// Where more is said.
    #[serde(deserialize_with = "text")]
    pub wiki_url: Option<String>,
}
