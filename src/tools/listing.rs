//! What the tools that list items have in common: the row, and an answer that fits into a model's context.

mod fields;
mod item;

pub use fields::{Fields, Pick, Row};
pub use item::{IDENTITY, ListedItem, progress_percent, short_summary, words};

use crate::plex::items::{Item, Window};
use schemars::JsonSchema;
use serde::Serialize;

/// The most bytes of rows in an answer. Clients refuse answers of more than 25,000 tokens; at three bytes a token, which
/// is what keys and numbers come to, this is well below.
const MAX_ROWS_BYTES: usize = 48_000;

/// An item in a list. What does not apply to it is absent.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemRow {
    /// The item's number, for the tools that take a ratingKey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating_key: Option<String>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The title in the language of the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_title: Option<String>,
    /// movie, show, season, episode, artist, album, track, photo, collection, or another type of the server's.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The year of release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<i64>,
    /// The item's global id; two editions of a film share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// The edition, such as a director's cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition_title: Option<String>,
    /// An episode's show, a track's artist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grandparent_title: Option<String>,
    /// An episode's season, a season's show, a track's album, an album's artist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_title: Option<String>,
    /// The season's number; 0 is the specials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_index: Option<i64>,
    /// The number within the season or the album.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<i64>,
}

impl From<&Item> for ItemRow {
    fn from(item: &Item) -> Self {
        Self {
            rating_key: item.rating_key.clone(),
            title: item.title.clone(),
            original_title: item.original_title.clone(),
            kind: item.kind.clone(),
            year: item.year,
            guid: item.guid.clone(),
            edition_title: item.edition_title.clone(),
            grandparent_title: item.grandparent_title.clone(),
            parent_title: item.parent_title.clone(),
            parent_index: item.parent_index,
            index: item.index,
        }
    }
}

/// Which part of a list an answer holds, and how to go on.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Paging {
    /// The position of the first row.
    offset: u64,
    /// The limit that was asked for.
    limit: u64,
    /// Rows in all; absent where the server does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_size: Option<u64>,
    /// The offset to go on with; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<u64>,
    /// Whether fewer rows than asked for are here, to keep the answer short.
    truncated: bool,
}

impl Paging {
    /// The rows of `window`, which begins at `offset`, as many as fit into an answer, and what to say of them.
    pub fn fit<I, T: Serialize>(window: Window<I>, offset: u64, limit: u64, row: impl Fn(I) -> T) -> (Vec<T>, Self) {
        let mut rows: Vec<T> = window.items.into_iter().map(row).collect();
        let cut = fit(&mut rows);
        let next_offset = if cut { Some(offset + rows.len() as u64) } else { window.next_offset };
        let truncated = next_offset.is_some_and(|next| next < offset + limit);
        (rows, Self { offset, limit, total_size: window.total, next_offset, truncated })
    }

    /// Rows in all, where the server says.
    pub fn total_size(&self) -> Option<u64> {
        self.total_size
    }

    /// What to say of an offset behind the last row.
    pub fn warning(&self) -> Option<String> {
        let total = self.total_size.filter(|&total| total > 0 && self.offset >= total)?;
        Some(format!("the offset lies behind the last item: there are {total}, so {} is the last offset", total - 1))
    }
}

/// Keeps as many rows as fit into an answer, at least one, and says whether some were cut off.
fn fit<T: Serialize>(rows: &mut Vec<T>) -> bool {
    let mut bytes = 0;
    let fitting = rows.iter().take_while(|row| {
        bytes += serde_json::to_string(row).map_or(0, |text| text.len() + 1);
        bytes <= MAX_ROWS_BYTES
    });
    let kept = fitting.count().max(1);
    let cut = kept < rows.len();
    rows.truncate(kept);
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_cut_between_rows_and_never_to_nothing() {
        let mut rows = vec!["x".repeat(10_000); 20];
        assert!(fit(&mut rows));
        assert_eq!(rows.len(), 4);
        let mut rows = vec!["x".repeat(100_000); 2];
        assert!(fit(&mut rows));
        assert_eq!(rows.len(), 1);
        let mut rows = vec!["x"; 200];
        assert!(!fit(&mut rows));
        assert_eq!(rows.len(), 200);
        assert!(!fit(&mut Vec::<String>::new()));
    }
}
