//! Playlists: lists of items in an order, or rules that find items.

use super::{
    error::PlexError,
    http::{Get, Plex},
    items::{Item, Window},
    lenient,
    lookup::NOT_NEEDED,
    window::{self, Reading},
    xml::Document,
};
use serde::Deserialize;

/// A playlist. What is not known of it is absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Playlist {
    /// Its number.
    #[serde(deserialize_with = "lenient::text")]
    pub rating_key: Option<String>,
    /// `playlist`; other items answer at the same address.
    #[serde(deserialize_with = "lenient::text", rename = "type")]
    pub kind: Option<String>,
    /// The name that people see.
    #[serde(deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// What it is about.
    #[serde(deserialize_with = "lenient::text")]
    pub summary: Option<String>,
    /// `video`, `audio` or `photo`.
    #[serde(deserialize_with = "lenient::text")]
    pub playlist_type: Option<String>,
    /// Whether it is rules that find items, not a list of items.
    #[serde(deserialize_with = "lenient::flag")]
    pub smart: bool,
    /// The address below which its items are.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// Length of all items in milliseconds.
    #[serde(deserialize_with = "lenient::integer")]
    pub duration: Option<i64>,
    /// When it was made, in seconds since 1970.
    #[serde(deserialize_with = "lenient::integer")]
    pub added_at: Option<i64>,
    /// When it was last changed, in seconds since 1970.
    #[serde(deserialize_with = "lenient::integer")]
    pub updated_at: Option<i64>,
    /// How many items it has.
    #[serde(deserialize_with = "lenient::integer")]
    pub leaf_count: Option<i64>,
    /// The address of what a smart one finds.
    #[serde(deserialize_with = "lenient::text")]
    pub content: Option<String>,
}

/// An item that is in a list twice has two entries; what a smart one finds has none.
const ENTRIES: Reading = Reading {
    page_rows: window::PAGE_ROWS,
    key: |row| row.attribute("playlistItemID").or_else(|| row.attribute("ratingKey"))?.parse().ok(),
};

fn entries(key: &str) -> Get {
    Get::new(format!("the items of playlist {key}"), ["playlists", key, "items"])
}

impl Plex {
    /// All playlists that the account sees.
    pub async fn playlists(&self) -> Result<Vec<Playlist>, PlexError> {
        let request = Get::new("the list of playlists", ["playlists"]);
        Ok(self.window(request, 0, u64::MAX).await?.items)
    }

    /// Part of the list of playlists, of one type and of one sort if that is said.
    pub async fn playlists_window(
        &self,
        playlist_type: Option<&str>,
        smart: Option<bool>,
        offset: u64,
        limit: u64,
    ) -> Result<Window<Playlist>, PlexError> {
        let mut request = Get::new("the list of playlists", ["playlists"]);
        if let Some(playlist_type) = playlist_type {
            request = request.with("playlistType", playlist_type);
        }
        if let Some(smart) = smart {
            request = request.with("smart", if smart { "1" } else { "0" });
        }
        self.window(request, offset, limit).await
    }

    /// The playlist with this number.
    pub async fn playlist(&self, key: &str) -> Result<Playlist, PlexError> {
        let what = format!("playlist {key}");
        let rows: Vec<Playlist> = self.rows(&Get::new(what.clone(), ["playlists", key])).await?;
        let is_one = |row: &Playlist| row.kind.as_deref().is_none_or(|kind| kind == "playlist");
        rows.into_iter().find(is_one).ok_or_else(|| PlexError::not_found(what))
    }

    /// What a playlist plays, in its order, each item without its files and tags. One that is in it twice comes twice.
    pub async fn entries(&self, key: &str) -> Result<Vec<Item>, PlexError> {
        let request = entries(key).with("excludeElements", NOT_NEEDED);
        Ok(self.window_by(ENTRIES, request, 0, u64::MAX).await?.items)
    }

    /// Part of what a playlist plays.
    pub async fn entries_window(&self, key: &str, offset: u64, limit: u64) -> Result<Window<Item>, PlexError> {
        self.window_by(ENTRIES, entries(key), offset, limit).await
    }

    /// The server's own id, which addresses of its items begin with.
    pub async fn machine(&self) -> Result<String, PlexError> {
        let text = self.get(&Get::new("the server's identity", ["identity"])).await?;
        let machine = Document::open(&text)?.attribute("machineIdentifier").map(Into::into);
        machine.ok_or_else(|| PlexError::not_found("the server's machineIdentifier"))
    }
}
