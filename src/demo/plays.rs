//! The rows of `/status/sessions/history/all`. They are plays, not sessions: they name neither user nor player.

use std::sync::{Arc, Mutex, PoisonError};

use crate::demo::catalog::{Forest, Place};
use crate::demo::describe::Scene;
use crate::demo::encode::{Encoder, Piece, TRACK, VIDEO};
use crate::demo::history::{self, Row};
use crate::demo::query::Query;

/// Rows of the history in the order that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct PlayRows {
    /// The place in time of the oldest row.
    first: u64,
    count: u64,
    backwards: bool,
    /// The places in time of the rows that the filters left; None where nothing was filtered.
    picked: Option<Arc<Vec<u64>>>,
}

impl PlayRows {
    pub(crate) fn len(&self) -> u64 {
        self.count
    }

    fn place(&self, i: u64) -> Option<u64> {
        let at = if self.backwards { self.count.checked_sub(1 + i)? } else { i };
        match &self.picked {
            Some(picked) => usize::try_from(at).ok().and_then(|at| picked.get(at)).copied(),
            None => Some(self.first + at),
        }
    }
}

/// The last selection that took a look at every row, kept for the next page of it.
#[derive(Debug, Default)]
pub(crate) struct RecentPlays(Mutex<Option<(String, Arc<Vec<u64>>)>>);

/// Applies `accountID`, `viewedAt>=`, `librarySectionID`, `metadataItemID` (also of a season or a show) and `sort`; a guest
/// sees only rows of their own.
pub(crate) fn select(scene: &Scene<'_>, recent: &RecentPlays, query: &Query, guest: Option<u64>) -> PlayRows {
    let count = history::count(scene.catalog, scene.overlay);
    let backwards = query.get("sort").is_some_and(|sort| sort.starts_with("viewedAt:desc"));
    let (account, section) = (query.number("accountID"), query.number("librarySectionID"));
    let family = query.number("metadataItemID").map(|key| scene.catalog.find(key).map(Place::family));
    let since = ["viewedAt>", "viewedAt>>"].iter().find_map(|name| query.get(name)?.parse::<i64>().ok());
    let until = ["viewedAt<", "viewedAt<<"].iter().find_map(|name| query.get(name)?.parse::<i64>().ok());
    // Rows rise in time.
    let row = |j| history::row(scene.catalog, scene.overlay, j);
    let first = since.map_or(0, |since| first_of(0..count, |j| row(j).is_some_and(|row| row.viewed_at >= since)));
    let end = until.map_or(count, |until| first_of(first..count, |j| row(j).is_some_and(|row| row.viewed_at > until)));
    if account.is_none() && section.is_none() && family.is_none() && guest.is_none() {
        return PlayRows { first, count: end - first, backwards, picked: None };
    }
    let admits = |row: &Row| {
        account.is_none_or(|account| row.account == account)
            && guest.is_none_or(|guest| row.account == guest)
            && section.is_none_or(|section| row.place.is_some_and(|place| place.section() == section))
            && family.as_ref().is_none_or(|family| {
                row.place.is_some_and(|place| family.as_ref().is_some_and(|family| family.contains(&place.key())))
            })
    };
    let name = format!("{account:?} {guest:?} {section:?} {family:?} {first} {end}");
    let mut held = recent.0.lock().unwrap_or_else(PoisonError::into_inner);
    let picked = match held.as_ref().filter(|(of, _)| *of == name) {
        Some((_, picked)) => Arc::clone(picked),
        None => Arc::new((first..end).filter(|j| row(*j).as_ref().is_some_and(admits)).collect()),
    };
    *held = Some((name, Arc::clone(&picked)));
    PlayRows { first, count: picked.len() as u64, backwards, picked: Some(picked) }
}

/// The first number of a range for which `holds`, which then holds for all behind it; the range's end if for none.
fn first_of(range: std::ops::Range<u64>, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

/// Writes the row at `i`.
pub(crate) fn write(scene: &Scene<'_>, out: &mut Encoder, rows: &PlayRows, i: u64) {
    let Some(row) = rows.place(i).and_then(|j| history::row(scene.catalog, scene.overlay, j)) else { return };
    let track = matches!(row.place, Some(Place::Leaf(Forest::Music, ..)));
    out.open(if track { TRACK } else { VIDEO });
    out.joined("historyKey", &[Piece::Text("/status/sessions/history/"), Piece::Number(row.id)]);
    if let Some(place) = row.place {
        item(scene, out, place);
    } else {
        out.text("title", "A Film That Was Deleted");
        out.text("type", "movie");
    }
    out.number("viewedAt", row.viewed_at);
    out.number("accountID", row.account);
    out.number("deviceID", row.device);
    out.close();
}

fn item(scene: &Scene<'_>, out: &mut Encoder, place: Place) {
    let link = |out: &mut Encoder, key: &str, place: Place| {
        out.joined(key, &[Piece::Text("/library/metadata/"), Piece::Number(place.key())]);
    };
    link(out, "key", place);
    out.joined("ratingKey", &[Piece::Number(place.key())]);
    out.joined("librarySectionID", &[Piece::Number(place.section())]);
    if let Place::Leaf(forest, n, branch, leaf) = place {
        let (parent, top) = (Place::Branch(forest, n, branch), Place::Root(forest, n));
        link(out, "parentKey", parent);
        link(out, "grandparentKey", top);
        scene.title_attribute(out, "title", place);
        scene.title_attribute(out, "parentTitle", parent);
        scene.title_attribute(out, "grandparentTitle", top);
        out.text("type", place.kind().name());
        out.number("index", leaf + 1);
        let number = scene.catalog.tree(forest).branch(n, branch).map_or(0, |branch| branch.number);
        out.number("parentIndex", if forest == Forest::Shows { number } else { 1 });
        scene.picture(out, "grandparentThumb", top, "/thumb/");
    } else {
        scene.title_attribute(out, "title", place);
        out.text("type", place.kind().name());
    }
    scene.picture(out, "thumb", place, "/thumb/");
    if let Some(order) = scene.premiere_order(place) {
        out.joined(
            "originallyAvailableAt",
            &[
                Piece::Number(order / 10_000),
                Piece::Text("-"),
                Piece::Two(order / 100 % 100),
                Piece::Text("-"),
                Piece::Two(order % 100),
            ],
        );
    }
}
