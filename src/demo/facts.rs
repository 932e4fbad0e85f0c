//! Facts that filters and sorts need without the whole item being written.

use crate::demo::catalog::{Catalog, Forest, Place};
use crate::demo::describe::Scene;
use crate::demo::encode::{Encoder, Piece};
use crate::demo::titles::Phrase;
use crate::demo::{episodes, movies, music};

/// The year an item began with.
pub(crate) fn base_year(catalog: &Catalog, place: Place) -> Option<u64> {
    match place {
        Place::Movie(n) => movies::year(catalog.seed, n),
        Place::Root(Forest::Shows, n) => Some(episodes::year(catalog.seed, n)),
        Place::Leaf(Forest::Shows, n, branch, _) => {
            Some(episodes::year(catalog.seed, n) + episodes::season_number(catalog, n, branch))
        }
        Place::Branch(Forest::Music, n, branch) => Some(music::year(catalog.seed, n, branch)),
        Place::Leaf(Forest::Photos, n, ..) => Some(1_995 + n % 30),
        _ => None,
    }
}

/// The first showing, release or taking: year, month, day.
fn premiere(catalog: &Catalog, place: Place) -> Option<(u64, u64, u64)> {
    let year = base_year(catalog, place)?;
    let (month, day) = match place {
        Place::Movie(n) => movies::premiere(catalog.seed, n),
        Place::Root(_, n) => (9, n % 28 + 1),
        Place::Branch(_, n, _) => (5, n % 28 + 1),
        Place::Leaf(Forest::Shows, .., leaf) => (10, leaf * 2 + 1),
        Place::Leaf(.., leaf) => (7, leaf % 28 + 1),
        Place::Collection(..) => return None,
    };
    Some((year, month, day))
}

/// Writes `year` and `originallyAvailableAt`, where an item has them.
pub(crate) fn dates(scene: &Scene<'_>, out: &mut Encoder, place: Place) {
    scene.field(out, place, "year", |out| {
        if let Some(year) = base_year(scene.catalog, place) {
            out.number("year", year);
        }
    });
    scene.field(out, place, "originallyAvailableAt", |out| {
        if let Some((year, month, day)) = premiere(scene.catalog, place) {
            out.joined(
                "originallyAvailableAt",
                &[Piece::Number(year), Piece::Text("-"), Piece::Two(month), Piece::Text("-"), Piece::Two(day)],
            );
        }
    });
}

/// The tags of one family that an item began with: id and word.
pub(crate) fn base_tags(catalog: &Catalog, place: Place, family: &str) -> Vec<(u64, Phrase)> {
    match place {
        Place::Movie(n) => movies::base_tags(catalog.seed, n, family),
        Place::Root(Forest::Shows, _) | Place::Leaf(Forest::Shows, ..) => {
            episodes::base_tags(catalog.seed, place, family)
        }
        Place::Root(Forest::Music, _) | Place::Branch(Forest::Music, ..) => music::base_tags(place, family),
        _ => Vec::new(),
    }
}

impl Scene<'_> {
    /// The year as it is now.
    pub(crate) fn year(&self, place: Place) -> Option<u64> {
        match self.overlay.field(place, "year") {
            Some(text) => text.parse().ok(),
            None => base_year(self.catalog, place),
        }
    }

    /// A number that sorts as the date of the first showing does.
    pub(crate) fn premiere_order(&self, place: Place) -> Option<u64> {
        let digits =
            |text: &str| text.bytes().filter(u8::is_ascii_digit).take(8).fold(0, |n, b| n * 10 + u64::from(b - b'0'));
        match self.overlay.field(place, "originallyAvailableAt") {
            Some(text) => Some(digits(text)),
            None => premiere(self.catalog, place).map(|(year, month, day)| year * 10_000 + month * 100 + day),
        }
    }

    /// The user's rating in hundredths.
    pub(crate) fn user_rating(&self, place: Place) -> Option<u64> {
        let edited = self.overlay.changed(place).and_then(|changed| changed.rating.as_deref());
        let text = edited.or_else(|| movies::base_rating(place)).filter(|rating| !rating.is_empty())?;
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let part: String = part.chars().chain("00".chars()).take(2).collect();
        Some(whole.parse::<u64>().ok()? * 100 + part.parse::<u64>().ok()?)
    }

    /// Whether an item has one of the tags of a family, given by id or word.
    pub(crate) fn has_tag(&self, place: Place, family: &str, wanted: &[String]) -> bool {
        match self.overlay.changed(place).and_then(|changed| changed.tags.get(family)) {
            Some(edited) => edited
                .iter()
                .any(|(tag, _)| wanted.iter().any(|wish| *wish == *tag || *wish == Self::tag_number(tag, family))),
            None => base_tags(self.catalog, place, family)
                .into_iter()
                .any(|(id, word)| wanted.iter().any(|wish| *wish == id.to_string() || *wish == word.to_string())),
        }
    }

    /// The id of a tag that may be one of the library's own.
    fn tag_number(text: &str, family: &str) -> String {
        crate::demo::meta::own_tag(family, text).unwrap_or_else(|| crate::demo::describe::tag_id(text)).to_string()
    }

    /// The title by which an item is sorted, in small letters.
    pub(crate) fn sort_key(&self, place: Place) -> String {
        let base = || {
            let title = crate::demo::describe::base_title(self.catalog, place);
            title.sort_title().unwrap_or(title).to_string()
        };
        let edited = self.overlay.field(place, "titleSort").or_else(|| self.overlay.field(place, "title"));
        edited.map_or_else(base, str::to_owned).to_lowercase()
    }
}
