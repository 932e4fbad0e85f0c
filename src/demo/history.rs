//! The play history: computable at any length, like the library, and in step with the watch states.
//!
//! Every play of the library has a number `p` by the item it is of; a fixed shuffle gives its place `j` in time. So the row at
//! any place is known without looking at the others, and so are the times at which an item was played.

use crate::demo::catalog::{Catalog, Forest, Place, Plays};
use crate::demo::describe::duration;
use crate::demo::dice::{Dice, pick};
use crate::demo::movies;
use crate::demo::sections::{Kind, MOVIES, MUSIC, SHOWS};
use crate::demo::state::{Overlay, Watch};

const AGE: u64 = 70;
const HOUSEHOLD: u64 = 71;
const OLDER: u64 = 72;
/// Plays that are this recent are six hours apart, older ones four minutes.
const RECENT: u64 = 2_000;
const RECENT_STEP: u64 = 21_600;
const OLD_STEP: u64 = 240;

/// The owner's account.
pub(crate) const OWNER: u64 = 1;
/// The accounts of the household: id and name.
pub(crate) const ACCOUNTS: &[(u64, &str)] = &[(OWNER, "Orsolinde"), (2_041, "Peregrine"), (2_042, "Kids")];
/// The devices: id, name, platform, client identifier.
pub(crate) const DEVICES: &[(u64, &str, &str, &str)] = &[
    (1, "Living Room", "tvOS", "sample-device-tv"),
    (2, "Kitchen Tablet", "Android", "sample-device-tablet"),
    (3, "Web Browser", "Chrome", "sample-device-web"),
];

/// One row of the history. A row without a place is of an item that was deleted since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The number in `historyKey`, from 1.
    pub(crate) id: u64,
    pub(crate) place: Option<Place>,
    /// Unix seconds.
    pub(crate) viewed_at: i64,
    pub(crate) account: u64,
    pub(crate) device: u64,
}

/// How the plays of a library are laid out in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    films: u64,
    shows: u64,
    /// All plays and that of the deleted item.
    rows: u64,
    /// Plays of guests before all of those, which fill the history up.
    older: u64,
    /// The multiplier that shuffles `0..rows`, and the one that undoes it.
    forth: u64,
    back: u64,
}

impl Timeline {
    /// From how many plays of films, shows and music there are, and how many rows there shall be at the least.
    pub(crate) fn new([films, shows, music]: [u64; 3], least: u64) -> Self {
        let rows = films + shows + music + 1;
        let forth = shuffle(rows);
        Self { films, shows, rows, older: least.saturating_sub(rows), forth, back: inverse(forth, rows) }
    }

    /// All rows that were there at the start.
    fn all(&self) -> u64 {
        self.older + self.rows
    }
}

/// How many rows there are now.
pub(crate) fn count(catalog: &Catalog, overlay: &Overlay) -> u64 {
    catalog.timeline.all() + overlay.plays().len() as u64
}

/// A multiplier that shuffles `0..rows` and can be undone.
fn shuffle(rows: u64) -> u64 {
    let gcd = |mut a: u64, mut b: u64| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    // About the golden section, so that neighbours in time come from all over the library.
    let start = (rows * 618 / 1_000).max(1);
    (start..=start + rows).find(|candidate| gcd(*candidate, rows) == 1).unwrap_or(1)
}

/// The number that undoes a multiplication by `factor` within `0..rows`.
fn inverse(factor: u64, rows: u64) -> u64 {
    let modulus = i128::from(rows);
    let (mut r, mut next_r) = (modulus, i128::from(factor));
    let (mut t, mut next_t) = (0_i128, 1_i128);
    while next_r != 0 {
        let quotient = r / next_r;
        (r, next_r) = (next_r, r - quotient * next_r);
        (t, next_t) = (next_t, t - quotient * next_t);
    }
    u64::try_from(t.rem_euclid(modulus)).unwrap_or(0)
}

/// When the play at place `j` in time happened. Rises with `j` and stays before the catalog's clock.
fn viewed_at(catalog: &Catalog, j: u64) -> i64 {
    let recency = catalog.timeline.all() - 1 - j;
    let age = if recency < RECENT {
        recency * RECENT_STEP + 1_800 + Dice::new(catalog.seed, AGE, recency).below(18_000)
    } else {
        RECENT * RECENT_STEP + (recency - RECENT) * OLD_STEP
    };
    catalog.clock.saturating_sub_unsigned(age)
}

/// The item of play `p`, and which of its plays that is.
fn played(catalog: &Catalog, p: u64) -> Option<(Place, u64)> {
    let Timeline { films, shows, .. } = catalog.timeline;
    if p < films {
        let (n, nth) = catalog.movie_plays.find(p)?;
        return Some((Place::Movie(n), nth));
    }
    let (forest, within) =
        if p < films + shows { (Forest::Shows, p - films) } else { (Forest::Music, p - films - shows) };
    let tree = catalog.tree(forest);
    let (n, i) = tree.plays.find(within)?;
    if n < tree.count { tree.played(n, i) } else { None }
}

/// The row at place `j`, oldest first.
pub(crate) fn row(catalog: &Catalog, overlay: &Overlay, j: u64) -> Option<Row> {
    let Timeline { rows, older, forth, .. } = catalog.timeline;
    if let Some(since) = j.checked_sub(catalog.timeline.all()) {
        let play = usize::try_from(since).ok().and_then(|at| overlay.plays().get(at))?;
        return Some(Row { id: j + 1, place: Some(play.place), viewed_at: play.at, account: OWNER, device: 3 });
    }
    let Some(within) = j.checked_sub(older) else { return Some(older_row(catalog, j)) };
    // The product stays below 2^64: there are less than 2^32 rows.
    let p = within * forth % rows;
    let found = played(catalog, p);
    let mut dice = Dice::new(catalog.seed, HOUSEHOLD, p);
    let guest = found.is_some_and(|(place, nth)| nth >= plays_of(catalog, place).owner);
    let (account, _) = if guest { pick(ACCOUNTS, 1 + dice.below(2)) } else { (OWNER, "") };
    let (device, ..) = dice.pick(DEVICES);
    Some(Row { id: j + 1, place: found.map(|(place, _)| place), viewed_at: viewed_at(catalog, j), account, device })
}

/// A play of a guest, which changes no watch state of the owner's. One in fifty is of an item that was deleted since.
fn older_row(catalog: &Catalog, j: u64) -> Row {
    let mut dice = Dice::new(catalog.seed, OLDER, j);
    let (account, _) = pick(ACCOUNTS, 1 + dice.below(ACCOUNTS.len() as u64 - 1));
    let (device, ..) = dice.pick(DEVICES);
    let (section, kind) = match dice.below(100) {
        0..40 => (MOVIES, Kind::Movie),
        40..85 => (SHOWS, Kind::Episode),
        _ => (MUSIC, Kind::Track),
    };
    let place =
        if dice.one_in(50) { None } else { catalog.at(section, kind, dice.below(catalog.count(section, kind))) };
    Row { id: j + 1, place, viewed_at: viewed_at(catalog, j), account, device }
}

fn plays_of(catalog: &Catalog, place: Place) -> Plays {
    match place {
        Place::Movie(n) => movies::plays(n),
        Place::Leaf(forest, n, branch, leaf) => {
            let tree = catalog.tree(forest);
            tree.plays_of(n, tree.leaves_before(n, branch) + leaf)
        }
        Place::Root(..) | Place::Branch(..) | Place::Collection(..) => Plays::default(),
    }
}

/// The watch state an item began with.
pub(crate) fn base_watch(catalog: &Catalog, place: Place) -> Watch {
    let plays = plays_of(catalog, place);
    if plays.owner == 0 {
        let Some(tenths) = plays.unfinished else { return Watch::default() };
        let offset = duration(catalog, place) / 10 * tenths;
        return Watch { count: 0, offset: Some(offset), last: Some(catalog.clock - 7_200) };
    }
    let Timeline { films, shows, rows, older, back, .. } = catalog.timeline;
    let first = match place {
        Place::Movie(n) => catalog.movie_plays.before(n),
        Place::Leaf(forest, n, branch, leaf) => {
            let tree = catalog.tree(forest);
            let ordinal = tree.leaves_before(n, branch) + leaf;
            let earlier = (0..ordinal).map(|leaf| tree.plays_of(n, leaf)).map(|plays| plays.owner + plays.guests);
            let section = if forest == Forest::Shows { films } else { films + shows };
            section + tree.plays.before(n) + earlier.sum::<u64>()
        }
        Place::Root(..) | Place::Branch(..) | Place::Collection(..) => return Watch::default(),
    };
    let last = (first..first + plays.owner).map(|p| viewed_at(catalog, older + p * back % rows)).max();
    let offset = plays.unfinished.map(|tenths| duration(catalog, place) / 10 * tenths);
    Watch { count: plays.owner, offset, last }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::demo::SampleLibrary;

    #[test]
    fn rows_rise_in_time_and_agree_with_the_watch_states() {
        agree(&SampleLibrary::default(), 1..2);
        agree(&SampleLibrary { history: 3_000, ..SampleLibrary::default() }, 40..80);
    }

    fn agree(library: &SampleLibrary, deleted: std::ops::Range<u64>) {
        let catalog = Catalog::new(library, 1_700_000_000, false);
        let overlay = Overlay::default();
        assert!(count(&catalog, &overlay) >= library.history);
        let mut seen: BTreeMap<u64, (u64, i64)> = BTreeMap::new();
        let mut before = i64::MIN;
        let mut gone = 0;
        for j in 0..count(&catalog, &overlay) {
            let row = row(&catalog, &overlay, j).unwrap();
            assert!(row.viewed_at > before && row.viewed_at < catalog.clock);
            before = row.viewed_at;
            match row.place {
                None => gone += 1,
                Some(place) if row.account == OWNER => {
                    let entry = seen.entry(place.key()).or_default();
                    *entry = (entry.0 + 1, row.viewed_at);
                }
                Some(_) => {}
            }
        }
        assert!(deleted.contains(&gone), "{gone}");
        assert!(seen.len() > 100);
        for (key, (count, last)) in seen {
            let watch = base_watch(&catalog, catalog.find(key).unwrap());
            assert_eq!((watch.count, watch.last), (count, Some(last)), "{key}");
        }
    }
}
