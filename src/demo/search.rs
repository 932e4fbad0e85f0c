//! `/hubs/search`: hits by title, a hub for each kind.

use crate::demo::catalog::Place;
use crate::demo::describe::{Detail, Scene};
use crate::demo::encode::{CONTAINER, Encoder, Tag};
use crate::demo::sections::{Kind, MOVIES, MUSIC, PHOTOS, SHOWS};

/// The hubs in their order: section, kind, title.
const HUBS: &[(u64, Kind, &str)] = &[
    (MOVIES, Kind::Movie, "Movies"),
    (SHOWS, Kind::Show, "Shows"),
    (SHOWS, Kind::Season, "Seasons"),
    (SHOWS, Kind::Episode, "Episodes"),
    (MUSIC, Kind::Artist, "Artists"),
    (MUSIC, Kind::Album, "Albums"),
    (MUSIC, Kind::Track, "Tracks"),
    (PHOTOS, Kind::Photo, "Photos"),
];

/// The items of a kind whose titles hold the words, and whether there are more than `limit`.
fn hits(scene: &Scene<'_>, section: u64, kind: Kind, words: &str, limit: u64) -> (Vec<Place>, bool) {
    let mut found: Vec<Place> = (0..scene.catalog.count(section, kind))
        .filter_map(|i| scene.catalog.at(section, kind, i))
        .filter(|place| scene.title(*place).to_lowercase().contains(words))
        .take(usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1))
        .collect();
    let more = found.len() as u64 > limit;
    if more {
        found.pop();
    }
    (found, more)
}

/// Writes the hubs for a search. `limit` is that of each hub.
pub(crate) fn answer(scene: &Scene<'_>, out: &mut Encoder, query: &str, limit: u64, section: Option<u64>) {
    let words = query.trim().to_lowercase();
    let hubs: Vec<_> = HUBS.iter().filter(|(of, ..)| section.is_none_or(|section| section == *of)).collect();
    out.open(CONTAINER);
    out.number("size", hubs.len());
    for (of, kind, title) in hubs {
        let (found, more) = if words.is_empty() { (Vec::new(), false) } else { hits(scene, *of, *kind, &words, limit) };
        out.open(Tag::list("Hub"));
        out.text("title", title);
        out.text("type", kind.name());
        out.text("hubIdentifier", kind.name());
        out.text("context", "hub.search");
        out.number("size", found.len());
        out.flag("more", more);
        out.text("style", "shelf");
        for place in found {
            let whole = scene.title(place).to_lowercase() == words;
            let score = if whole { "1.00000" } else { "0.41250" };
            let scene = Scene { detail: Detail { score: Some(score), ..scene.detail }, ..*scene };
            scene.item(out, place);
        }
        out.close();
    }
    out.close();
}
