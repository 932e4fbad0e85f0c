//! Playlists: those the server began with and those clients made.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::demo::catalog::{Catalog, Forest, Place};
use crate::demo::describe::{Detail, Scene, duration};
use crate::demo::encode::{Encoder, Piece, Tag};
use crate::demo::listing::{self, Recent, Rows};
use crate::demo::query::Query;
use crate::demo::sections::{Kind, section};

const FIRST_KEY: u64 = 1_700_000_000;
/// Entries of the longest playlist.
const LONG: usize = 1_200;
const PLAYLIST: Tag = Tag::item("Playlist");

/// An entry of a playlist: its own id, and what it plays.
pub(crate) type Entry = (u64, Place);

/// One playlist.
#[derive(Clone, Debug)]
pub(crate) struct Playlist {
    pub(crate) title: String,
    summary: String,
    /// video, audio or photo
    kind: String,
    /// The listing that a smart playlist is: path and query. Such a playlist has no entries of its own.
    rules: Option<String>,
    entries: Vec<Entry>,
    updated: i64,
}

impl Playlist {
    /// Whether it has rules in place of entries.
    pub(crate) fn is_smart(&self) -> bool {
        self.rules.is_some()
    }
}

/// All playlists by rating key.
#[derive(Debug, Default)]
pub(crate) struct Playlists {
    all: BTreeMap<u64, Playlist>,
    made: u64,
    entries: u64,
}

impl Playlists {
    /// The playlists that the server begins with: one of films, a smart one, one of music.
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let mut playlists = Self::default();
        let films = (0..catalog.movies.min(8)).map(Place::Movie).collect();
        let tracks = if catalog.tree(Forest::Music).count > 0 {
            catalog.leaves(Place::Root(Forest::Music, 0))
        } else {
            Vec::new()
        };
        let rainy = playlists.make("Rainy Evenings", "video", None, films, 1_500_000_000);
        if let Some(playlist) = playlists.all.get_mut(&rainy) {
            "For when it rains.".clone_into(&mut playlist.summary);
        }
        playlists.make(
            "Unplayed Films",
            "video",
            Some("/library/sections/1/all?type=1&unwatched=1"),
            Vec::new(),
            1_500_000_000,
        );
        playlists.make("Kitchen Radio", "audio", None, tracks, 1_500_000_000);
        let photos = if catalog.tree(Forest::Photos).count > 0 {
            catalog.leaves(Place::Root(Forest::Photos, 0))
        } else {
            Vec::new()
        };
        playlists.make("Snapshots", "photo", None, photos, 1_500_000_000);
        // Long, of several kinds, and with the same items again and again.
        let episodes = (0..catalog.tree(Forest::Shows).count.min(20)).map(|n| Place::Root(Forest::Shows, n));
        let mixed: Vec<Place> = (0..catalog.movies.min(300))
            .map(Place::Movie)
            .chain(episodes.flat_map(|show| catalog.leaves(show)))
            .collect();
        let long = mixed.iter().copied().cycle().take(if mixed.is_empty() { 0 } else { LONG });
        playlists.make("Everything in Turn", "video", None, long.collect(), 1_500_000_000);
        playlists
    }

    fn make(&mut self, title: &str, kind: &str, rules: Option<&str>, places: Vec<Place>, now: i64) -> u64 {
        let key = FIRST_KEY + self.made;
        self.made += 1;
        let entries = self.enter(places);
        let playlist = Playlist {
            title: title.to_owned(),
            summary: String::new(),
            kind: kind.to_owned(),
            rules: rules.map(str::to_owned),
            entries,
            updated: now,
        };
        self.all.insert(key, playlist);
        key
    }

    fn enter(&mut self, places: Vec<Place>) -> Vec<Entry> {
        let first = self.entries + 1;
        self.entries += places.len() as u64;
        (first..).zip(places).collect()
    }

    /// Makes a playlist from the parameters of Plex's call: `title`, `type`, `smart`, `uri`. None where it is refused: no
    /// title, or nothing to play in a playlist that is not smart.
    pub(crate) fn create(&mut self, catalog: &Catalog, query: &Query, now: i64) -> Option<u64> {
        let (title, kind) = (query.get("title")?, query.get("type")?);
        let uri = query.get("uri")?;
        if query.flag("smart") {
            return Some(self.make(title, kind, Some(rules(uri)?), Vec::new(), now));
        }
        let places = places(catalog, uri, kind);
        (!places.is_empty()).then(|| self.make(title, kind, None, places, now))
    }

    /// The playlist with a rating key.
    pub(crate) fn get(&self, key: u64) -> Option<&Playlist> {
        self.all.get(&key)
    }

    /// The keys of the playlists that `playlistType` and `smart` leave.
    pub(crate) fn keys(&self, query: &Query) -> Vec<u64> {
        let kind = query.get("playlistType").filter(|kind| !kind.is_empty());
        let smart = query.get("smart").map(|smart| smart == "1");
        let admits = |playlist: &Playlist| {
            kind.is_none_or(|kind| playlist.kind == kind) && smart.is_none_or(|smart| playlist.rules.is_some() == smart)
        };
        self.all.iter().filter(|(_, playlist)| admits(playlist)).map(|(key, _)| *key).collect()
    }

    /// Adds what a `uri` names; a smart playlist gets it as its new rules. False where there is no such playlist.
    pub(crate) fn add(&mut self, catalog: &Catalog, key: u64, uri: &str, now: i64) -> bool {
        let Some(kind) = self.all.get(&key).map(|playlist| playlist.kind.clone()) else { return false };
        let entries = self.enter(places(catalog, uri, &kind));
        let Some(playlist) = self.all.get_mut(&key) else { return false };
        playlist.updated = now;
        if playlist.rules.is_some() {
            playlist.rules = rules(uri).map(str::to_owned).or_else(|| playlist.rules.take());
        } else {
            playlist.entries.extend(entries);
        }
        true
    }

    /// Removes an entry, or all of them. False where there is none.
    pub(crate) fn remove(&mut self, key: u64, entry: Option<u64>, now: i64) -> bool {
        let Some(playlist) = self.all.get_mut(&key).filter(|playlist| playlist.rules.is_none()) else { return false };
        let before = playlist.entries.len();
        playlist.entries.retain(|(id, _)| entry.is_some_and(|entry| *id != entry));
        playlist.updated = now;
        entry.is_none() || playlist.entries.len() < before
    }

    /// Puts an entry behind another, or first. False where there is none.
    pub(crate) fn rearrange(&mut self, key: u64, entry: u64, after: Option<u64>) -> bool {
        let Some(playlist) = self.all.get_mut(&key) else { return false };
        let Some(at) = playlist.entries.iter().position(|(id, _)| *id == entry) else { return false };
        let moved = playlist.entries.remove(at);
        let behind = after.and_then(|after| playlist.entries.iter().position(|(id, _)| *id == after));
        playlist.entries.insert(behind.map_or(0, |behind| behind + 1), moved);
        true
    }

    /// Changes title and summary. False where there is no such playlist.
    pub(crate) fn edit(&mut self, key: u64, query: &Query, now: i64) -> bool {
        let Some(playlist) = self.all.get_mut(&key) else { return false };
        for (field, value) in [(&mut playlist.title, "title"), (&mut playlist.summary, "summary")] {
            if let Some(text) = query.get(value).or_else(|| query.get(&format!("{value}.value"))) {
                text.clone_into(field);
            }
        }
        playlist.updated = now;
        true
    }

    /// Deletes a playlist. False where there is none.
    pub(crate) fn delete(&mut self, key: u64) -> bool {
        self.all.remove(&key).is_some()
    }
}

/// The listing that the URI of a smart playlist names.
fn rules(uri: &str) -> Option<&str> {
    uri.find("/library/sections/").and_then(|at| uri.get(at..))
}

/// The playable items that a URI names by their keys, as far as a playlist of that kind takes them.
fn places(catalog: &Catalog, uri: &str, playlist: &str) -> Vec<Place> {
    let fits = |place: &Place| match place {
        Place::Movie(_) | Place::Leaf(Forest::Shows, ..) => playlist == "video",
        Place::Leaf(Forest::Music, ..) => playlist == "audio",
        _ => playlist == "photo",
    };
    let keys = uri.rsplit("/library/metadata/").next().unwrap_or("");
    let keys = keys.split(|c: char| !c.is_ascii_digit() && c != ',').next().unwrap_or("");
    let named = keys.split(',').filter_map(|key| catalog.find(key.parse().ok()?));
    named.flat_map(|place| catalog.leaves(place)).filter(fits).collect()
}

/// What a playlist plays.
pub(crate) fn rows(scene: &Scene<'_>, recent: &Recent, playlist: &Playlist) -> Rows {
    let Some(rules) = &playlist.rules else { return Rows::Entries(Arc::new(playlist.entries.clone())) };
    let query = rules.parse().map(|uri| Query::parse(&uri)).unwrap_or_default();
    let of = rules.split('/').nth(3).and_then(|id| section(id.parse().ok()?));
    let Some(of) = of else { return Rows::Places(Arc::default()) };
    let first = of.kinds.first().copied().unwrap_or(Kind::Movie);
    let kind = query.number("type").and_then(Kind::from_number).unwrap_or(first);
    listing::select(scene, recent, of.id, kind, &query)
}

/// Writes the description of a playlist.
pub(crate) fn describe(scene: &Scene<'_>, recent: &Recent, out: &mut Encoder, key: u64) {
    let Some(playlist) = scene.overlay.playlists().get(key) else { return };
    out.open(PLAYLIST);
    out.joined("ratingKey", &[Piece::Number(key)]);
    out.joined("key", &[Piece::Text("/playlists/"), Piece::Number(key), Piece::Text("/items")]);
    out.joined("guid", &[Piece::Text("com.plexapp.agents.none://"), Piece::Hex(key)]);
    out.text("type", "playlist");
    out.text("title", &playlist.title);
    out.text("summary", &playlist.summary);
    out.flag("smart", playlist.rules.is_some());
    out.text("playlistType", &playlist.kind);
    out.joined("composite", &[Piece::Text("/playlists/"), Piece::Number(key), Piece::Text("/composite/1")]);
    if let Some(rules) = &playlist.rules {
        out.text("icon", "playlist://image.smart");
        out.joined("content", &[Piece::Text("library://sample/directory/"), Piece::Text(rules)]);
    }
    let milliseconds: u64 = playlist.entries.iter().map(|(_, place)| duration(scene.catalog, *place)).sum();
    out.number("duration", milliseconds);
    out.number("leafCount", rows(scene, recent, playlist).len());
    out.number("addedAt", 1_500_000_000);
    out.number("updatedAt", playlist.updated);
    out.close();
}

/// Writes an entry of a playlist: the item with the entry's own id.
pub(crate) fn entry(scene: &Scene<'_>, out: &mut Encoder, (id, place): Entry) {
    let detail = Detail { entry: Some(id), ..scene.detail };
    Scene { detail, ..*scene }.item(out, place);
}
