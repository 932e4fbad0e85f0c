//! The posters of an item.

use super::{
    error::PlexError,
    http::{Get, Plex},
    lenient,
};
use serde::Deserialize;

/// A poster that an item has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PosterRow {
    /// Plex's name of it: where it came from.
    #[serde(deserialize_with = "lenient::text")]
    pub rating_key: Option<String>,
    /// Whether it is the one that is shown.
    #[serde(deserialize_with = "lenient::flag")]
    pub selected: bool,
}

impl Plex {
    /// The posters that an item has: those of its agents, and those that were uploaded.
    pub async fn posters(&self, rating_key: &str) -> Result<Vec<PosterRow>, PlexError> {
        let what = format!("the posters of item {rating_key}");
        self.rows(&Get::new(what, ["library", "metadata", rating_key, "posters"])).await
    }
}
