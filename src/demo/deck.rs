//! What the owner is in the middle of: what was begun, and of shows whose last episode was finished the next one.

use crate::demo::catalog::{Forest, Place};
use crate::demo::describe::Scene;
use crate::demo::encode::{CONTAINER, Encoder, Tag};

/// Films and shows that are looked at: the first ones of the library.
const LOOKED_AT: u64 = 2_000;
/// Items of the hub where no number is asked for.
const USUAL: u64 = 20;

/// The list, most recent first.
pub(crate) fn places(scene: &Scene<'_>) -> Vec<Place> {
    let watch = |place: Place| scene.overlay.watch(scene.catalog, place);
    let films = (0..scene.catalog.movies.min(LOOKED_AT)).map(Place::Movie);
    let mut all: Vec<(Option<i64>, Place)> = films
        .map(|film| (watch(film), film))
        .filter(|(watch, _)| watch.offset.is_some())
        .map(|(watch, film)| (watch.last, film))
        .collect();
    for n in 0..scene.catalog.tree(Forest::Shows).count.min(LOOKED_AT) {
        let leaves = scene.catalog.leaves(Place::Root(Forest::Shows, n));
        let last = leaves.iter().filter_map(|leaf| watch(*leaf).last).max();
        let begun: Vec<Place> = leaves.iter().copied().filter(|leaf| watch(*leaf).offset.is_some()).collect();
        if begun.is_empty() {
            // The specials of a show don't lead on to its first season.
            let regular = |leaf: &Place| scene.season_of(*leaf).is_some_and(|season| season > 0);
            let after = leaves.iter().rposition(|leaf| regular(leaf) && watch(*leaf).count > 0);
            let next = after.and_then(|at| leaves.get(at + 1)).filter(|leaf| watch(**leaf).count == 0);
            all.extend(next.map(|leaf| (last, *leaf)));
        }
        all.extend(begun.into_iter().map(|leaf| (watch(leaf).last, leaf)));
    }
    all.sort_by_key(|(last, place)| (std::cmp::Reverse(*last), *place));
    all.into_iter().map(|(_, place)| place).collect()
}

/// Writes the list as a hub of at most `count` items.
pub(crate) fn hub(scene: &Scene<'_>, out: &mut Encoder, count: Option<u64>) {
    let places = places(scene);
    let shown = usize::try_from(count.unwrap_or(USUAL)).unwrap_or(usize::MAX).min(places.len());
    out.open(CONTAINER);
    out.number("size", 1);
    out.flag("allowSync", true);
    out.text("identifier", "com.plexapp.plugins.library");
    out.open(Tag::list("Hub"));
    out.text("hubKey", "/hubs/continueWatching/items");
    out.text("key", "/hubs/continueWatching/items");
    out.text("title", "Continue Watching");
    out.text("type", "mixed");
    out.text("hubIdentifier", "continueWatching");
    out.text("context", "hub.continueWatching");
    out.number("size", shown);
    out.flag("more", shown < places.len());
    out.text("style", "hero");
    for place in places.into_iter().take(shown) {
        scene.item(out, place);
    }
    out.close();
    out.close();
}
