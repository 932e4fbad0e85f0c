//! Plays counted by what they have in common: day, hour, weekday, type, person, library, device. A count needs room for each
//! day, person and so on, and none for each play.

use super::period::Period;
use crate::plex::{history::Play, lookup::Facts};
use jiff::civil::Date;
use roaring::RoaringTreemap;
use std::{collections::BTreeMap, sync::Arc};

/// Plays that have something in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) plays: u64,
    /// The length of the items, as often as they were played.
    pub(super) seconds: u64,
}

impl Count {
    fn add(&mut self, seconds: Option<u32>) {
        self.plays += 1;
        self.seconds += seconds.map_or(0, u64::from);
    }
}

/// A person's plays.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Person {
    pub(super) count: Count,
    /// The items that were played and are still there.
    pub(super) items: RoaringTreemap,
    pub(super) last: Option<i64>,
    pub(super) kinds: BTreeMap<Arc<str>, Count>,
    /// By library.
    pub(super) sections: BTreeMap<u64, Count>,
}

/// All plays of a period, counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tally {
    period: Period,
    pub(super) all: Count,
    /// Plays of items that were deleted since.
    pub(super) deleted: u64,
    /// Plays that took time which is not known.
    pub(super) without_length: u64,
    pub(super) items: RoaringTreemap,
    pub(super) days: BTreeMap<Date, Count>,
    pub(super) hours: [Count; 24],
    /// From Monday on.
    pub(super) weekdays: [Count; 7],
    pub(super) kinds: BTreeMap<Arc<str>, Count>,
    /// By account; none where a row does not say.
    pub(super) people: BTreeMap<Option<u64>, Person>,
    /// By library; none where a row does not say, as that of a deleted item.
    pub(super) sections: BTreeMap<Option<u64>, Count>,
    /// By device; none where a row does not say.
    pub(super) devices: BTreeMap<Option<u64>, Count>,
}

impl Tally {
    /// No plays yet.
    pub(super) fn new(period: Period) -> Self {
        Self {
            period,
            all: Count::default(),
            deleted: 0,
            without_length: 0,
            items: RoaringTreemap::new(),
            days: BTreeMap::new(),
            hours: [Count::default(); 24],
            weekdays: [Count::default(); 7],
            kinds: BTreeMap::new(),
            people: BTreeMap::new(),
            sections: BTreeMap::new(),
            devices: BTreeMap::new(),
        }
    }

    /// Counts a play. `facts` are none where the item is gone.
    pub(super) fn add(&mut self, play: &Play, facts: Option<Facts>) {
        let seconds = facts.and_then(|facts| facts.seconds);
        self.deleted += u64::from(facts.is_none());
        self.without_length += u64::from(seconds.is_none());
        self.all.add(seconds);
        let item = play.item.filter(|_| facts.is_some());
        self.items.extend(item);
        if let Some(local) = play.at.and_then(|at| self.period.local(at)) {
            self.days.entry(local.date()).or_default().add(seconds);
            let weekday = local.weekday().to_monday_zero_offset();
            let cells = [
                usize::try_from(local.hour()).ok().and_then(|hour| self.hours.get_mut(hour)),
                usize::try_from(weekday).ok().and_then(|weekday| self.weekdays.get_mut(weekday)),
            ];
            cells.into_iter().flatten().for_each(|cell| cell.add(seconds));
        }
        count(&mut self.kinds, &play.kind, seconds);
        self.sections.entry(play.section).or_default().add(seconds);
        self.devices.entry(play.device).or_default().add(seconds);
        let person = self.people.entry(play.account).or_default();
        person.count.add(seconds);
        person.items.extend(item);
        person.last = person.last.max(play.at);
        count(&mut person.kinds, &play.kind, seconds);
        if let Some(section) = play.section {
            person.sections.entry(section).or_default().add(seconds);
        }
    }
}

fn count(kinds: &mut BTreeMap<Arc<str>, Count>, kind: &Arc<str>, seconds: Option<u32>) {
    if let Some(count) = kinds.get_mut(kind) {
        return count.add(seconds);
    }
    kinds.entry(Arc::clone(kind)).or_default().add(seconds);
}
