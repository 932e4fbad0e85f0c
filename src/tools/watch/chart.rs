//! Plays counted by title: by item or, where that is asked for, by show, and copies of one title together.

use crate::plex::{
    history::{Play, Titles},
    lookup::{Facts, Lookup},
};
use roaring::RoaringTreemap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

/// What is put first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Metric {
    /// The number of plays.
    #[default]
    Plays,
    /// The time that the plays took.
    Duration,
    /// The number of people.
    Users,
    /// The last play.
    #[serde(skip)]
    Recency,
}

/// What plays are counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Subject {
    /// An item, or a show, that has this rating key.
    Key(u64),
    /// Something deleted: a number made of its titles.
    Named(u64),
}

/// A title and its plays.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) subject: Subject,
    /// `movie`, `show`, `episode`, `track`, ...
    pub(super) kind: Arc<str>,
    pub(super) section: Option<u64>,
    pub(super) plays: u64,
    /// The length of the items, as often as they were played.
    pub(super) seconds: u64,
    /// When the last play ended, in seconds since 1970.
    pub(super) last: Option<i64>,
    /// The accounts that played it, in the order of their ids.
    pub(super) people: Vec<u64>,
    /// The episodes of a show that were played.
    pub(super) episodes: RoaringTreemap,
    /// What the history calls it, where Plex no longer has it or where it stands for a show.
    pub(super) titles: Option<Box<Titles>>,
    work: Option<u64>,
    /// Further copies of the title that were played: key and library.
    pub(super) copies: Vec<(u64, Option<u64>)>,
}

/// All titles that were played.
#[derive(Debug, Default)]
pub(super) struct Chart {
    /// Whether episodes count for their show.
    by_show: bool,
    entries: HashMap<Subject, Entry>,
}

impl Chart {
    /// Nothing was played yet.
    pub(super) fn new(by_show: bool) -> Self {
        Self { by_show, entries: HashMap::new() }
    }

    /// Counts a play. `facts` are none where the item is gone.
    pub(super) fn add(&mut self, play: &Play, facts: Option<Facts>) {
        let show = self.by_show && &*play.kind == "episode";
        let subject = if show { play.show } else { play.item };
        let subject = subject.map_or_else(|| Subject::Named(named(play, show)), Subject::Key);
        let entry = self.entries.entry(subject).or_insert_with(|| Entry {
            subject,
            kind: if show { "show".into() } else { Arc::clone(&play.kind) },
            section: None,
            plays: 0,
            seconds: 0,
            last: None,
            people: Vec::new(),
            episodes: RoaringTreemap::new(),
            titles: (show || facts.is_none()).then(|| play.titles.clone()).flatten(),
            work: if show { None } else { facts.map(|facts| facts.work) },
            copies: Vec::new(),
        });
        entry.plays += 1;
        entry.seconds += facts.and_then(|facts| facts.seconds).map_or(0, u64::from);
        entry.last = entry.last.max(play.at);
        entry.section = entry.section.or(play.section);
        if let Some(person) = play.account {
            insert(&mut entry.people, person);
        }
        if show {
            entry.episodes.insert(play.item.unwrap_or_else(|| named(play, false)));
        }
    }

    /// The keys of the shows, whose facts make copies known.
    pub(super) fn shows(&self) -> impl Iterator<Item = u64> {
        self.entries.values().filter(|entry| &*entry.kind == "show").filter_map(Entry::key)
    }

    /// The titles, first by `metric`, with copies of one title as one.
    pub(super) fn into_titles(self, metric: Metric, shows: &Lookup) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.entries.into_values().collect();
        entries.sort_by_key(|entry| entry.subject);
        for entry in entries.iter_mut().filter(|entry| &*entry.kind == "show") {
            entry.work = entry.key().and_then(|key| shows.get(key)).map(|facts| facts.work);
        }
        let mut titles: Vec<Entry> = Vec::new();
        let mut places: HashMap<Same, usize> = HashMap::new();
        for entry in entries {
            let place = entry.sought().and_then(|same| places.get(&same)).copied();
            if let Some(title) = place.and_then(|place| titles.get_mut(place)) {
                title.join(entry);
                continue;
            }
            for same in entry.known_as() {
                places.entry(same).or_insert(titles.len());
            }
            titles.push(entry);
        }
        titles.sort_by(|a, b| b.rank(metric).cmp(&a.rank(metric)).then(a.subject.cmp(&b.subject)));
        titles
    }
}

/// What makes two entries one title.
#[derive(PartialEq, Eq, Hash)]
enum Same {
    Work(u64),
    /// A show that some episodes were deleted of: those only know its name.
    Show(String),
}

impl Entry {
    /// The rating key, of what was not deleted.
    pub(super) fn key(&self) -> Option<u64> {
        match self.subject {
            Subject::Key(key) => Some(key),
            Subject::Named(_) => None,
        }
    }

    fn show_name(&self) -> Option<String> {
        let titles = self.titles.as_ref().filter(|_| &*self.kind == "show")?;
        titles.grandparent_title.clone()
    }

    /// What would make it the same as an entry before it. Two shows of one name are two, as long as both are there.
    fn sought(&self) -> Option<Same> {
        match self.subject {
            Subject::Key(_) => self.work.map(Same::Work),
            Subject::Named(_) => self.show_name().map(Same::Show),
        }
    }

    fn known_as(&self) -> impl Iterator<Item = Same> {
        self.work.map(Same::Work).into_iter().chain(self.show_name().map(Same::Show))
    }

    fn rank(&self, metric: Metric) -> [i64; 4] {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let [plays, seconds, people] = [self.plays, self.seconds, self.people.len() as u64].map(number);
        let last = self.last.unwrap_or(i64::MIN);
        match metric {
            Metric::Plays => [plays, people, seconds, last],
            Metric::Duration => [seconds, plays, people, last],
            Metric::Users => [people, plays, seconds, last],
            Metric::Recency => [last, plays, people, seconds],
        }
    }

    fn join(&mut self, other: Self) {
        self.plays += other.plays;
        self.seconds += other.seconds;
        self.last = self.last.max(other.last);
        self.episodes |= other.episodes;
        other.people.into_iter().for_each(|person| insert(&mut self.people, person));
        if let Subject::Key(key) = other.subject {
            self.copies.push((key, other.section));
        }
    }
}

fn insert(people: &mut Vec<u64>, person: u64) {
    if let Err(place) = people.binary_search(&person) {
        people.insert(place, person);
    }
}

/// A number for what has no key any more: the same for the same titles.
fn named(play: &Play, show: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    play.kind.hash(&mut hasher);
    if let Some(titles) = &play.titles {
        titles.grandparent_title.hash(&mut hasher);
        if !show {
            (&titles.parent_title, &titles.title, titles.parent_index, titles.index).hash(&mut hasher);
        }
    }
    hasher.finish()
}
