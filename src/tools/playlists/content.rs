//! What is in a playlist, and what can be put into one.

use crate::{
    export::job::Progress,
    guard::{Change, Cleared},
    plex::{
        change::{Made, items_uri},
        error::PlexError,
        http::Plex,
        items::Item,
        playlists::Playlist,
    },
    tools::{arguments::PlexId, call::Call, change::quoted, error::ToolError},
};
use std::collections::{HashMap, HashSet};

/// Keys in one request: an address of 2 kB at most, which every server and proxy takes.
const CHUNK: usize = 100;

/// A playlist with what it plays.
#[derive(Debug, Default)]
pub(in crate::tools) struct List {
    pub(in crate::tools) playlist: Playlist,
    pub(in crate::tools) entries: Vec<Item>,
}

impl List {
    /// The playlist with that number.
    pub(in crate::tools) async fn resolve(plex: &Plex, key: &str) -> Result<Self, PlexError> {
        Ok(Self { playlist: plex.playlist(key).await?, entries: plex.entries(key).await? })
    }

    /// The same, where it is one whose items can be changed one by one.
    pub(in crate::tools) async fn editable(plex: &Plex, key: &str) -> Result<Self, ToolError> {
        let playlist = plex.playlist(key).await?;
        if playlist.smart {
            let title = quoted(playlist.title.as_deref().unwrap_or_default());
            let problem = format!(
                "is the smart playlist {title}: its rules decide what is in it, so nothing can be put in or taken out"
            );
            return Err(ToolError::argument("playlistId", problem));
        }
        Ok(Self { entries: plex.entries(key).await?, playlist })
    }

    /// The title in quotes.
    pub(in crate::tools) fn title(&self) -> String {
        quoted(self.playlist.title.as_deref().unwrap_or_default())
    }

    /// How many entries it has.
    pub(in crate::tools) fn count(&self) -> u64 {
        self.entries.len() as u64
    }

    /// What it plays, by rating key.
    pub(in crate::tools) fn keys(&self) -> Vec<String> {
        keys(&self.entries)
    }

    /// The numbers of its entries.
    pub(in crate::tools) fn ids(&self) -> HashSet<&str> {
        self.entries.iter().filter_map(|entry| entry.playlist_item_id.as_deref()).collect()
    }

    /// That it still is what it was when it was looked at before.
    pub(in crate::tools) async fn check_unchanged(&self, plex: &Plex, key: &str) -> Result<(), ToolError> {
        let now = Self::resolve(plex, key).await?;
        if now.playlist.title == self.playlist.title && now.ids() == self.ids() && now.keys() == self.keys() {
            return Ok(());
        }
        Err(ToolError::ChangedMeanwhile { what: format!("the playlist {}", self.title()) })
    }
}

/// The rating keys of items.
pub(in crate::tools) fn keys(items: &[Item]) -> Vec<String> {
    items.iter().filter_map(|item| item.rating_key.clone()).collect()
}

/// What is to be put into a playlist.
#[derive(Debug)]
pub(in crate::tools) struct Playable {
    /// What was named: films, but also shows and albums.
    pub(in crate::tools) items: Vec<Item>,
    /// The keys of what was named, in the order and as often as it was named.
    pub(in crate::tools) named: Vec<String>,
    /// The keys of what the playlist gets.
    pub(in crate::tools) leaves: Vec<String>,
    /// `video`, `audio` or `photo`.
    pub(in crate::tools) class: &'static str,
}

/// What kind of playlist plays items of a type.
pub(in crate::tools) fn class_of(kind: &str) -> Option<&'static str> {
    match kind {
        "movie" | "show" | "season" | "episode" | "clip" => Some("video"),
        "artist" | "album" | "track" => Some("audio"),
        "photo" => Some("photo"),
        _ => None,
    }
}

impl Playable {
    /// Looks up what the argument `field` names, and refuses what is not there, or does not go together in a playlist.
    pub(in crate::tools) async fn resolve(plex: &Plex, field: &str, wanted: &[PlexId]) -> Result<Self, ToolError> {
        let named: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        let mut once = HashSet::new();
        let distinct: Vec<String> = named.iter().filter(|key| once.insert(key.as_str())).cloned().collect();
        let items = plex.items_by_text(&distinct).await?;
        let found: HashSet<&str> = items.iter().filter_map(|item| item.rating_key.as_deref()).collect();
        let missing: Vec<&str> =
            distinct.iter().map(String::as_str).filter(|key| !found.contains(key)).take(10).collect();
        if !missing.is_empty() {
            return Err(ToolError::argument(
                field,
                format!("names what this server does not have: {}", missing.join(", ")),
            ));
        }
        if let Some(album) = items.iter().find(|item| item.is_photo_album()) {
            let key = album.rating_key.as_deref().unwrap_or_default();
            return Err(ToolError::argument(
                field,
                format!("names {key}, an album of photos: name its photos instead"),
            ));
        }
        let mut class = None;
        for item in &items {
            let kind = item.kind.as_deref().unwrap_or_default();
            let (key, shown) = (item.rating_key.as_deref().unwrap_or_default(), quoted(kind));
            let Some(own) = class_of(kind) else {
                return Err(ToolError::argument(
                    field,
                    format!("names {key} of the type {shown}, which no playlist takes"),
                ));
            };
            if *class.get_or_insert(own) != own {
                let problem =
                    format!("mixes what a playlist can't mix: {key} is of the type {shown}, and others are not");
                return Err(ToolError::argument(field, problem));
            }
        }
        let mut below: HashMap<String, Vec<String>> = HashMap::new();
        for item in &items {
            let key = item.rating_key.clone().unwrap_or_default();
            let leaves = match item.kind.as_deref() {
                Some("show" | "season" | "artist" | "album") => keys(&plex.leaves(&key).await?),
                _ => vec![key.clone()],
            };
            below.insert(key, leaves);
        }
        let leaves = named.iter().filter_map(|key| below.get(key)).flatten().cloned().collect();
        Ok(Self { leaves, named, class: class.unwrap_or("video"), items })
    }
}

/// Divides keys into requests. Servers look up each key once, so a key comes once in a request.
pub(in crate::tools) fn chunks(keys: &[String]) -> Vec<Vec<&str>> {
    let mut chunks: Vec<Vec<&str>> = Vec::new();
    for key in keys {
        match chunks.last_mut() {
            Some(last) if last.len() < CHUNK && !last.contains(&key.as_str()) => last.push(key),
            _ => chunks.push(vec![key]),
        }
    }
    chunks
}

/// Puts items at the end of a playlist, up to the first request that is not confirmed.
pub(in crate::tools) async fn append<E: Change>(
    call: &Call<'_, E>,
    plex: &Plex,
    cleared: &Cleared<'_>,
    machine: &str,
    playlist: &str,
    chunks: &[Vec<&str>],
) -> Result<Made, PlexError> {
    let mut last = Made::Yes(String::new());
    for (done, chunk) in (1_u64..).zip(chunks) {
        last = plex.add_entries(cleared, playlist, items_uri(machine, chunk)).await?;
        if matches!(last, Made::Unsure(_)) {
            break;
        }
        call.progress(Progress { items: done, total: Some(chunks.len() as u64), ..Progress::default() });
    }
    Ok(last)
}

/// How many of the `wanted` keys are among the entries that are new since `before`.
pub(in crate::tools) fn arrived(before: &List, now: &[Item], wanted: &[String]) -> u64 {
    let ids = before.ids();
    let mut fresh: HashMap<&str, u64> = HashMap::new();
    for entry in now {
        if entry.playlist_item_id.as_deref().is_none_or(|id| !ids.contains(id)) {
            *fresh.entry(entry.rating_key.as_deref().unwrap_or_default()).or_default() += 1;
        }
    }
    let mut count = 0;
    for key in wanted {
        if let Some(left) = fresh.get_mut(key.as_str()).filter(|left| **left > 0) {
            *left -= 1;
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_at_most_so_many_keys_and_each_once() {
        let keys: Vec<String> = (0..250).map(|n| n.to_string()).chain(["7".into(), "7".into()]).collect();
        let chunks = chunks(&keys);
        assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 51, 1]);
        assert_eq!(chunks.concat(), keys);
        assert_eq!(super::chunks(&[]), Vec::<Vec<&str>>::new());
    }
}
