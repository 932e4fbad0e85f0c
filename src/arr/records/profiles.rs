//! What titles are added with: quality profiles and root folders.

use super::{Named, one};
use crate::plex::lenient::{flag, integer, list, text};
use serde::Deserialize;

/// A quality profile.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QualityProfile {
    /// Its number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// Whether a file is replaced by a better one.
    #[serde(deserialize_with = "flag")]
    pub upgrade_allowed: bool,
    /// The quality, or group of qualities, beyond which nothing better is looked for.
    #[serde(deserialize_with = "integer")]
    pub cutoff: Option<i64>,
    /// Qualities and groups of them, worst first.
    #[serde(deserialize_with = "list")]
    pub items: Vec<QualityItem>,
    /// The least sum of scores that a release needs.
    #[serde(deserialize_with = "integer")]
    pub min_format_score: Option<i64>,
    /// The sum of scores beyond which nothing better is looked for.
    #[serde(deserialize_with = "integer")]
    pub cutoff_format_score: Option<i64>,
    /// Custom formats and their scores.
    #[serde(deserialize_with = "list")]
    pub format_items: Vec<FormatItem>,
}

/// A quality or a group of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct QualityItem {
    /// A group's number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// A group's name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// The quality, where it is one.
    #[serde(deserialize_with = "one")]
    pub quality: Option<Named>,
    /// Whether it is taken.
    #[serde(deserialize_with = "flag")]
    pub allowed: bool,
}

/// A custom format's score.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FormatItem {
    /// The format's name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// What it counts.
    #[serde(deserialize_with = "integer")]
    pub score: Option<i64>,
}

/// A folder that titles are kept beneath.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RootFolder {
    /// Its number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// Its path.
    #[serde(deserialize_with = "text")]
    pub path: Option<String>,
    /// Whether the service can write to it; where it does not say, it can.
    #[serde(default = "yes", deserialize_with = "flag")]
    pub accessible: bool,
    /// Bytes that are free.
    #[serde(deserialize_with = "integer")]
    pub free_space: Option<i64>,
    /// Folders in it that belong to no title.
    #[serde(deserialize_with = "list")]
    pub unmapped_folders: Vec<serde::de::IgnoredAny>,
}

fn yes() -> bool {
    true
}
