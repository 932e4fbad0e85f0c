//! What clients changed: watch state, ratings, edited fields and tags, kept beside a library that is never stored.

use std::collections::{BTreeMap, BTreeSet};

use crate::demo::catalog::{Catalog, Place};
use crate::demo::discover::Watchlist;
use crate::demo::edits::{self, Given};
use crate::demo::history;
use crate::demo::playlists::Playlists;
use crate::demo::posters::Posters;

/// The watch state of one item, as Plex keeps it for the owner's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    /// Finished plays; 0 is unwatched.
    pub(crate) count: u64,
    /// Where an unfinished play stopped, in milliseconds. A finished play has none.
    pub(crate) offset: Option<u64>,
    /// Unix seconds of the last play.
    pub(crate) last: Option<i64>,
}

/// What was changed about one item.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) watch: Option<Watch>,
    /// The user's rating as it is written; empty where it was taken away.
    pub(crate) rating: Option<String>,
    /// Field name to its new text.
    pub(crate) fields: BTreeMap<String, String>,
    /// Tag family (`genre`, `director`, ..) to its new tags.
    pub(crate) tags: BTreeMap<String, Vec<Given>>,
    pub(crate) posters: Posters,
    /// Fields that a refresh must leave alone.
    pub(crate) locked: BTreeSet<String>,
    /// Unix seconds of the last edit.
    pub(crate) updated: Option<i64>,
}

/// A play that was reported to this server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Play {
    pub(crate) place: Place,
    /// Unix seconds.
    pub(crate) at: i64,
}

/// All changes, by rating key.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    changed: BTreeMap<u64, Changed>,
    plays: Vec<Play>,
    playlists: Playlists,
    watchlist: Watchlist,
    version: u64,
}

impl Overlay {
    /// No changes yet; the playlists that the server begins with.
    pub(crate) fn new(catalog: &Catalog) -> Self {
        Self { playlists: Playlists::new(catalog), watchlist: Watchlist::new(catalog), ..Self::default() }
    }

    /// The playlists.
    pub(crate) fn playlists(&self) -> &Playlists {
        &self.playlists
    }

    /// The playlists, to be changed.
    pub(crate) fn playlists_mut(&mut self) -> &mut Playlists {
        self.version += 1;
        &mut self.playlists
    }

    /// The watchlist of the owner's account.
    pub(crate) fn watchlist(&self) -> &Watchlist {
        &self.watchlist
    }

    /// The watchlist, to be changed.
    pub(crate) fn watchlist_mut(&mut self) -> &mut Watchlist {
        self.version += 1;
        &mut self.watchlist
    }

    /// Rises with every change, so that what was derived from the state can be told to be stale.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// What was changed about an item.
    pub(crate) fn changed(&self, place: Place) -> Option<&Changed> {
        if self.changed.is_empty() { None } else { self.changed.get(&place.key()) }
    }

    /// Plays since the start, oldest first.
    pub(crate) fn plays(&self) -> &[Play] {
        &self.plays
    }

    /// The field as it was edited.
    pub(crate) fn field(&self, place: Place, field: &str) -> Option<&str> {
        self.changed(place)?.fields.get(field).map(String::as_str)
    }

    /// The watch state of something that can be played.
    pub(crate) fn watch(&self, catalog: &Catalog, place: Place) -> Watch {
        self.changed(place).and_then(|changed| changed.watch).unwrap_or_else(|| history::base_watch(catalog, place))
    }

    /// How many leaves below an item there are and how many of them are watched.
    pub(crate) fn leaf_counts(&self, catalog: &Catalog, place: Place) -> (u64, u64) {
        let leaves = catalog.leaves(place);
        let viewed = leaves.iter().filter(|leaf| self.watch(catalog, **leaf).count > 0).count();
        (leaves.len() as u64, viewed as u64)
    }

    fn entry(&mut self, place: Place) -> &mut Changed {
        self.version += 1;
        self.changed.entry(place.key()).or_default()
    }

    /// Marks everything at or below an item as played at `now`: one play more, nothing in progress, a row of history.
    pub(crate) fn scrobble(&mut self, catalog: &Catalog, place: Place, now: i64) {
        for leaf in catalog.leaves(place) {
            let count = self.watch(catalog, leaf).count + 1;
            self.entry(leaf).watch = Some(Watch { count, offset: None, last: Some(now) });
            self.plays.push(Play { place: leaf, at: now });
        }
    }

    /// Marks everything at or below an item as unwatched. The history stays as it is.
    pub(crate) fn unscrobble(&mut self, catalog: &Catalog, place: Place) {
        for leaf in catalog.leaves(place) {
            self.entry(leaf).watch = Some(Watch::default());
        }
    }

    /// Says how far the play of an item is, in milliseconds.
    pub(crate) fn progress(&mut self, catalog: &Catalog, place: Place, offset: u64, now: i64) {
        let count = self.watch(catalog, place).count;
        let offset = (offset > 0).then_some(offset);
        self.entry(place).watch = Some(Watch { count, offset, last: Some(now) });
    }

    /// Sets the user's rating, 0 to 10; a negative one takes it away.
    pub(crate) fn rate(&mut self, place: Place, rating: f64) {
        self.entry(place).rating = Some(if rating >= 0.0 { format!("{rating:?}") } else { String::new() });
    }

    /// Notes that an item was changed.
    pub(crate) fn touch(&mut self, place: Place, now: i64) {
        self.entry(place).updated = Some(now);
    }

    /// Applies the parameters of Plex's edit call to one item.
    pub(crate) fn edit(
        &mut self,
        current: &dyn Fn(&str) -> Vec<Given>,
        place: Place,
        query: &[(String, String)],
        now: i64,
    ) {
        let changed = self.entry(place);
        changed.updated = Some(now);
        edits::apply(changed, current, query);
    }

    /// Takes an uploaded poster, or shows another one. False where it is none.
    pub(crate) fn poster(&mut self, place: Place, poster: Poster<'_>, now: i64) -> bool {
        let changed = self.entry(place);
        changed.updated = Some(now);
        match poster {
            Poster::Upload(picture) => changed.posters.upload(picture),
            Poster::Select(name) => changed.posters.select(name),
        }
    }
}

/// What is done with posters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Poster<'a> {
    Upload(&'a [u8]),
    Select(&'a str),
}
