//! What a server has and does: its library with what was added to it, its commands and its queue.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use crate::demo::arr::world::{Episode, UNOWNED, World};
use crate::demo::arr::{ArrKind, ArrOptions};

/// Everything that requests change.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// What was added, by its id in the library.
    pub(super) added: BTreeMap<u64, Added>,
    /// All commands, by their ids.
    pub(super) commands: Vec<Command>,
}

/// A title that was added.
#[derive(Clone, Debug)]
pub(super) struct Added {
    /// Its number in the world.
    pub(super) n: u64,
    pub(super) path: String,
    pub(super) root: String,
    pub(super) profile: u64,
    pub(super) monitored: bool,
    /// Which of a series' seasons are monitored, or a film's minimum availability.
    pub(super) wish: Wish,
}

/// What is wanted of an added title.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    /// The monitored seasons of a series.
    Seasons(Vec<u64>),
    /// When a film is wanted: announced, inCinemas or released.
    Availability(String),
}

/// A command that was given.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) body: Value,
    pub(super) given: Instant,
    /// The library ids of the titles it looks for.
    pub(super) targets: Vec<u64>,
}

/// A title in the library.
#[derive(Clone, Debug)]
pub(super) struct Held<'s> {
    pub(super) id: u64,
    pub(super) n: u64,
    pub(super) added: Option<&'s Added>,
}

impl Held<'_> {
    pub(super) fn is_monitored(&self) -> bool {
        self.added.map_or(self.n % 5 != 4, |added| added.monitored)
    }

    /// Whether the library has the episode.
    pub(super) fn owns(&self, episode: &Episode) -> bool {
        self.added.is_none() && episode.owned
    }

    /// Whether the episode is monitored.
    pub(super) fn wants(&self, episode: &Episode) -> bool {
        self.is_monitored()
            && match self.added.map(|added| &added.wish) {
                Some(Wish::Seasons(wanted)) => wanted.contains(&episode.season),
                _ => episode.season > 0,
            }
    }
}

/// The library as requests see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelf<'s> {
    pub(super) options: &'s ArrOptions,
    pub(super) world: World,
    pub(super) changes: &'s Changes,
}

impl<'s> Shelf<'s> {
    pub(super) fn new(options: &'s ArrOptions, clock: i64, changes: &'s Changes) -> Self {
        Self { options, world: world(options, clock), changes }
    }

    /// All titles, by their ids.
    pub(super) fn held(self) -> impl Iterator<Item = Held<'s>> {
        let own = (0..self.options.titles).map(|n| Held { id: n + 1, n, added: None });
        own.chain(self.changes.added.iter().map(|(id, added)| Held { id: *id, n: added.n, added: Some(added) }))
    }

    /// The title with that id.
    pub(super) fn by_id(self, id: u64) -> Option<Held<'s>> {
        if (1..=self.options.titles).contains(&id) {
            return Some(Held { id, n: id - 1, added: None });
        }
        self.changes.added.get(&id).map(|added| Held { id, n: added.n, added: Some(added) })
    }

    /// The title of that number in the world, where the library has it.
    pub(super) fn of_world(self, n: u64) -> Option<Held<'s>> {
        if n < self.options.titles {
            return Some(Held { id: n + 1, n, added: None });
        }
        self.held().skip(usize::try_from(self.options.titles).unwrap_or(usize::MAX)).find(|held| held.n == n)
    }

    pub(super) fn has_file(self, held: &Held<'_>) -> bool {
        held.added.is_none()
            && self.world.kind == ArrKind::Radarr
            && !self.world.is_wanting(held.n)
            && self.world.status(held.n) == "released"
    }

    pub(super) fn root(self, held: &Held<'_>) -> String {
        let first = || self.options.roots.first().map_or("/media".to_owned(), |root| root.path.clone());
        held.added.map_or_else(first, |added| added.root.clone())
    }

    pub(super) fn path(self, held: &Held<'_>) -> String {
        let own = || folder(&self.root(held), &self.world, held.n);
        held.added.map_or_else(own, |added| added.path.clone())
    }
}

pub(super) fn world(options: &ArrOptions, clock: i64) -> World {
    World { kind: options.kind, seed: options.seed, clock, size: options.titles + UNOWNED }
}

/// The folder of a title beneath a root folder.
pub(super) fn folder(root: &str, world: &World, n: u64) -> String {
    let plain: String = world.title(n).chars().filter(|c| !matches!(c, ':' | '/' | '\\' | '?' | '*' | '"')).collect();
    let root = root.trim_end_matches('/');
    match world.kind {
        ArrKind::Sonarr => format!("{root}/{plain}"),
        ArrKind::Radarr => format!("{root}/{plain} ({})", world.year(n)),
    }
}
