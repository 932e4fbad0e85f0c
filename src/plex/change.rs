//! Requests that change something on the Plex server. Each takes a clearance of the guard, is sent once and never again by
//! itself, and says whether it is certain what became of it.

use super::{
    error::PlexError,
    http::Plex,
    playlists::Playlist,
    xml::{Arena, Document},
};
use crate::{guard::Cleared, http::Change};
use bytes::Bytes;

/// The provider that all libraries belong to.
const LIBRARY: &str = "com.plexapp.plugins.library";

/// What became of a change that was sent.
#[derive(Debug)]
#[must_use]
pub enum Made {
    /// The server says that it was made; what else it says.
    Yes(String),
    /// Nothing came back that can be relied on: it may have been made or not.
    Unsure(PlexError),
}

/// The parameters of an edit of one item: fields, tags and their locks.
#[derive(Debug)]
pub struct Edit<'e> {
    /// The library's number.
    pub section: &'e str,
    /// Plex's number for the item's type.
    pub kind: &'e str,
    /// The item's number.
    pub rating_key: &'e str,
    /// Names, such as `title.value` or `genre[0].tag.tag`, and values.
    pub parameters: Vec<(String, String)>,
}

/// What a new playlist is made of.
#[derive(Debug)]
pub struct NewPlaylist<'p> {
    /// Its name.
    pub title: &'p str,
    /// `video`, `audio` or `photo`.
    pub kind: &'p str,
    /// Whether the address is that of rules.
    pub smart: bool,
    /// The address of what is in it.
    pub uri: String,
}

/// The address of items, for playlists.
pub fn items_uri(machine: &str, keys: &[&str]) -> String {
    format!("server://{machine}/{LIBRARY}/library/metadata/{}", keys.join(","))
}

/// The address of what a listing finds, for smart playlists: path and query as they would be requested.
pub fn listing_uri(machine: &str, path_and_query: &str) -> String {
    format!("server://{machine}/{LIBRARY}{path_and_query}")
}

impl Plex {
    /// Counts a finished play of an item, and of everything below it; a play that is under way ends.
    pub async fn scrobble(&self, cleared: &Cleared<'_>, rating_key: &str) -> Result<Made, PlexError> {
        self.send(cleared, &state("scrobble", rating_key)).await
    }

    /// Forgets all plays of an item, and of everything below it.
    pub async fn unscrobble(&self, cleared: &Cleared<'_>, rating_key: &str) -> Result<Made, PlexError> {
        self.send(cleared, &state("unscrobble", rating_key)).await
    }

    /// Sets the account's own rating, 0 to 10, or takes it away.
    pub async fn rate(&self, cleared: &Cleared<'_>, rating_key: &str, rating: Option<f64>) -> Result<Made, PlexError> {
        // Servers take a rating away for -1, though the description of their interface begins at 0.
        self.send(cleared, &state("rate", rating_key).with("rating", rating.unwrap_or(-1.0).to_string())).await
    }

    /// Edits an item's fields and tags.
    pub async fn edit(&self, cleared: &Cleared<'_>, edit: Edit<'_>) -> Result<Made, PlexError> {
        let what = format!("an edit of item {}", edit.rating_key);
        let change = Change::put(what, ["library", "sections", edit.section, "all"])
            .with("type", edit.kind)
            .with("id", edit.rating_key);
        let change = edit.parameters.into_iter().fold(change, |change, (name, value)| change.with(name, value));
        self.send(cleared, &change).await
    }

    /// Gives an item a new poster, which is then shown.
    pub async fn upload_poster(
        &self,
        cleared: &Cleared<'_>,
        rating_key: &str,
        content_type: &'static str,
        picture: Bytes,
    ) -> Result<Made, PlexError> {
        let what = format!("a poster of item {rating_key}");
        let change = Change::post(what, ["library", "metadata", rating_key, "posters"]).body(content_type, picture);
        self.send(cleared, &change).await
    }

    /// Shows one of the posters that an item has.
    pub async fn select_poster(
        &self,
        cleared: &Cleared<'_>,
        rating_key: &str,
        poster: &str,
    ) -> Result<Made, PlexError> {
        let what = format!("the poster of item {rating_key}");
        self.send(cleared, &Change::put(what, ["library", "metadata", rating_key, "poster"]).with("url", poster)).await
    }

    /// Makes a playlist.
    pub async fn create_playlist(&self, cleared: &Cleared<'_>, new: NewPlaylist<'_>) -> Result<Made, PlexError> {
        let change = Change::post("a new playlist", ["playlists"])
            .with("type", new.kind)
            .with("title", new.title)
            .with("smart", if new.smart { "1" } else { "0" })
            .with("uri", new.uri);
        self.send(cleared, &change).await
    }

    /// Puts items at the end of a playlist. Of a smart one it would replace the rules.
    pub async fn add_entries(&self, cleared: &Cleared<'_>, playlist: &str, uri: String) -> Result<Made, PlexError> {
        let what = format!("playlist {playlist}");
        self.send(cleared, &Change::put(what, ["playlists", playlist, "items"]).with("uri", uri)).await
    }

    /// Takes one entry out of a playlist.
    pub async fn remove_entry(&self, cleared: &Cleared<'_>, playlist: &str, entry: &str) -> Result<Made, PlexError> {
        let what = format!("entry {entry} of playlist {playlist}");
        self.send(cleared, &Change::delete(what, ["playlists", playlist, "items", entry])).await
    }

    /// Puts an entry of a playlist behind another one, or first.
    pub async fn move_entry(
        &self,
        cleared: &Cleared<'_>,
        playlist: &str,
        entry: &str,
        after: Option<&str>,
    ) -> Result<Made, PlexError> {
        let what = format!("entry {entry} of playlist {playlist}");
        let change = Change::put(what, ["playlists", playlist, "items", entry, "move"]);
        let change = match after {
            Some(after) => change.with("after", after),
            None => change,
        };
        self.send(cleared, &change).await
    }

    /// Takes all entries out of a playlist.
    pub async fn clear_playlist(&self, cleared: &Cleared<'_>, playlist: &str) -> Result<Made, PlexError> {
        self.send(cleared, &Change::delete(format!("playlist {playlist}"), ["playlists", playlist, "items"])).await
    }

    /// Says what a playlist is about.
    pub async fn describe_playlist(
        &self,
        cleared: &Cleared<'_>,
        playlist: &str,
        summary: &str,
    ) -> Result<Made, PlexError> {
        let change = Change::put(format!("playlist {playlist}"), ["playlists", playlist]);
        self.send(cleared, &change.with("summary.value", summary)).await
    }

    /// Deletes a playlist; what was in it stays in its library.
    pub async fn delete_playlist(&self, cleared: &Cleared<'_>, playlist: &str) -> Result<Made, PlexError> {
        self.send(cleared, &Change::delete(format!("playlist {playlist}"), ["playlists", playlist])).await
    }

    /// Sends a change. An error says that it is certain that nothing was changed.
    pub(super) async fn send(&self, cleared: &Cleared<'_>, change: &Change) -> Result<Made, PlexError> {
        match self.change(cleared, change).await {
            Ok(answer) => Ok(Made::Yes(answer)),
            Err(error) if error.leaves_unknown() => Ok(Made::Unsure(error)),
            Err(error) => Err(error),
        }
    }
}

fn state(action: &str, rating_key: &str) -> Change {
    Change::put(format!("item {rating_key}"), [":", action]).with("identifier", LIBRARY).with("key", rating_key)
}

/// The playlist that the answer to its making tells of.
pub fn made_playlist(answer: &str) -> Option<Playlist> {
    let mut document = Document::open(answer).ok()?;
    let mut arena = Arena::default();
    let row = document.next_row(&mut arena).ok()??;
    let mut buffer = Vec::new();
    row.write_full(&mut buffer);
    serde_json::from_slice(&buffer).ok()
}
