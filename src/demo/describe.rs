//! What the server says about an item: the parts that all kinds share.

use crate::demo::catalog::{Catalog, Forest, Place};
use crate::demo::dice::Dice;
use crate::demo::encode::{CONTAINER, Encoder, Format, Piece, Tag};
use crate::demo::sections::section;
use crate::demo::sessions::{self, Play};
use crate::demo::state::{Overlay, Watch};
use crate::demo::titles::{self, Phrase};
use crate::demo::{episodes, movies, music, photos};

const TITLE: u64 = 1;
const LENGTH: u64 = 2;
/// 1 January 2010.
const FIRST_ADDED: i64 = 1_262_304_000;
/// So many items were added one a day, the rest by the minute.
const DAILY: u64 = 4_096;

/// How much an answer tells.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of a request, and any can be combined")]
pub(crate) struct Detail {
    /// External ids as `Guid` children. Details always have them.
    pub(crate) guids: bool,
    /// All that `/library/metadata/{key}` tells and a listing does not: streams, tag ids, locked fields.
    pub(crate) full: bool,
    pub(crate) chapters: bool,
    pub(crate) markers: bool,
    /// Trailers and the like.
    pub(crate) extras: bool,
    /// The library that an item is in, as answers tell that are not about one library.
    pub(crate) located: bool,
    /// Who plays it, where and how.
    pub(crate) session: Option<Play>,
    /// The id of a playlist's entry.
    pub(crate) entry: Option<u64>,
    /// The score of a search hit, as written.
    pub(crate) score: Option<&'static str>,
}

/// A library with its changes, and how much of it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) overlay: &'a Overlay,
    pub(crate) detail: Detail,
}

/// The title an item began with.
pub(crate) fn base_title(catalog: &Catalog, place: Place) -> Phrase {
    let mut dice = Dice::new(catalog.seed, TITLE + 1_000 * place.section(), title_number(place));
    match place {
        Place::Movie(n) => titles::work(&mut dice, movies::source(n)),
        Place::Root(Forest::Shows, n) => titles::work(&mut dice, n + 5),
        Place::Root(Forest::Music, _) => titles::artist(&mut dice),
        Place::Branch(Forest::Shows, n, branch) => episodes::season_title(episodes::season_number(catalog, n, branch)),
        Place::Collection(_, n) => movies::collection_title(n),
        Place::Root(Forest::Photos, _) | Place::Branch(..) | Place::Leaf(..) => titles::part(&mut dice),
    }
}

/// Editions of a film share their title.
fn title_number(place: Place) -> u64 {
    match place {
        Place::Movie(n) => Place::Movie(movies::source(n)).key(),
        other => other.key(),
    }
}

/// The playing time in milliseconds; 0 for what is not played.
pub(crate) fn duration(catalog: &Catalog, place: Place) -> u64 {
    let mut dice = Dice::new(catalog.seed, LENGTH + 1_000 * place.section(), place.key());
    match place {
        Place::Movie(_) => 4_200_000 + 1_000 * dice.below(5_400),
        Place::Leaf(Forest::Shows, n, ..) => 1_260_000 + 600_000 * (n % 4) + 1_000 * dice.below(240),
        Place::Leaf(Forest::Music, ..) => 95_000 + dice.below(260_000),
        _ => 0,
    }
}

/// When an item was added, in Unix seconds. Rises with the rating key; the first film has a date long before 1970.
pub(crate) fn added_at(place: Place) -> i64 {
    let at = |n: u64| {
        let seconds = n.min(DAILY) * 86_400 + n.saturating_sub(DAILY) * 60;
        FIRST_ADDED.saturating_add_unsigned(seconds)
    };
    match place {
        Place::Movie(0) => -2_082_844_800,
        Place::Movie(n) => at(n),
        Place::Root(_, n) => at(n * 7),
        Place::Branch(_, n, branch) => at(n * 7).saturating_add_unsigned(branch * 60),
        Place::Leaf(_, n, branch, leaf) => at(n * 7).saturating_add_unsigned(branch * 60 + leaf + 1),
        Place::Collection(_, n) => at(DAILY / 2 + n),
    }
}

impl Scene<'_> {
    /// The title as it is now.
    pub(crate) fn title(&self, place: Place) -> String {
        self.overlay.field(place, "title").map_or_else(|| base_title(self.catalog, place).to_string(), str::to_owned)
    }

    /// Writes a title as an attribute, perhaps of another item (`parentTitle`).
    pub(crate) fn title_attribute(&self, out: &mut Encoder, key: &str, place: Place) {
        match self.overlay.field(place, "title") {
            Some(title) => out.text(key, title),
            None => base_title(self.catalog, place).attribute(out, key),
        }
    }

    /// Writes an edited field, or leaves its writing to `base`.
    pub(crate) fn field(&self, out: &mut Encoder, place: Place, key: &str, base: impl FnOnce(&mut Encoder)) {
        let Some(text) = self.overlay.field(place, key) else { return base(out) };
        // What the item began with is written all the same, to nowhere: other fields depend on the dice that it throws.
        let mut nowhere = Encoder::new(Format::Xml, 1_024);
        nowhere.open(CONTAINER);
        base(&mut nowhere);
        match text {
            "" => {}
            text if matches!(key, "year" | "rating") && text.parse::<f64>().is_ok() => out.literal(key, text),
            text => out.text(key, text),
        }
    }

    /// Begins an item: keys, and where it is kept if the answer is about it alone.
    pub(crate) fn begin(&self, out: &mut Encoder, tag: Tag, place: Place) {
        let key = place.key();
        out.open(tag);
        if let Some(score) = self.detail.score {
            out.literal("score", score);
        }
        if let Some(entry) = self.detail.entry {
            out.number("playlistItemID", entry);
        }
        if let Some(play) = self.detail.session {
            out.text("sessionKey", &play.number.to_string());
        }
        out.joined("ratingKey", &[Piece::Number(key)]);
        let branch = matches!(place, Place::Root(..) | Place::Branch(..));
        match place {
            Place::Collection(..) => {
                out.joined(
                    "key",
                    &[Piece::Text("/library/collections/"), Piece::Number(key), Piece::Text("/children")],
                );
            }
            _ => out.joined(
                "key",
                &[
                    Piece::Text("/library/metadata/"),
                    Piece::Number(key),
                    Piece::Text(if branch { "/children" } else { "" }),
                ],
            ),
        }
        let alone = self.detail.full || self.detail.located || self.detail.entry.is_some();
        if (alone || self.detail.score.is_some())
            && let Some(section) = section(place.section())
        {
            out.text("librarySectionTitle", section.title);
            out.number("librarySectionID", section.id);
            out.joined("librarySectionKey", &[Piece::Text("/library/sections/"), Piece::Number(section.id)]);
        }
    }

    /// The number of the season that an episode is of.
    pub(crate) fn season_of(&self, place: Place) -> Option<u64> {
        match place {
            Place::Leaf(Forest::Shows, n, branch, _) => Some(episodes::season_number(self.catalog, n, branch)),
            _ => None,
        }
    }

    /// Sort title, where it differs from the title.
    pub(crate) fn sort_title(&self, out: &mut Encoder, place: Place) {
        self.field(out, place, "titleSort", |out| {
            let base = base_title(self.catalog, place);
            if self.overlay.field(place, "title").is_none_or(|title| title == base.to_string())
                && let Some(title) = base.sort_title()
            {
                title.attribute(out, "titleSort");
            }
        });
    }

    /// Watch state and user rating of something that can be played.
    pub(crate) fn watch(&self, out: &mut Encoder, place: Place) {
        let Watch { count, offset, last } = self.overlay.watch(self.catalog, place);
        let offset = match self.detail.session {
            Some(play) => Some(duration(self.catalog, place) / 10 * play.tenths),
            None => offset,
        };
        if let Some(offset) = offset {
            out.number("viewOffset", offset);
        }
        if count > 0 {
            out.number("viewCount", count);
        }
        if let Some(last) = last {
            out.number("lastViewedAt", last);
        }
        self.rating(out, place, movies::base_rating(place));
    }

    /// The user's rating.
    pub(crate) fn rating(&self, out: &mut Encoder, place: Place, base: Option<&str>) {
        match self.overlay.changed(place).and_then(|changed| changed.rating.as_deref()) {
            Some("") => {}
            Some(rating) => out.literal("userRating", rating),
            None => {
                if let Some(rating) = base {
                    out.literal("userRating", rating);
                }
            }
        }
    }

    /// How many leaves an item has and how many of them are watched.
    pub(crate) fn leaf_counts(&self, out: &mut Encoder, place: Place) {
        let (leaves, viewed) = self.overlay.leaf_counts(self.catalog, place);
        out.number("leafCount", leaves);
        out.number("viewedLeafCount", viewed);
        let last = self.catalog.leaves(place).into_iter().filter_map(|leaf| {
            let watch = self.overlay.watch(self.catalog, leaf);
            if watch.count > 0 { watch.last } else { None }
        });
        if let Some(last) = last.max() {
            out.number("lastViewedAt", last);
        }
    }

    /// When an item was added and changed.
    pub(crate) fn dates(&self, out: &mut Encoder, place: Place) {
        out.number("addedAt", added_at(place));
        out.number("updatedAt", self.updated_at(place));
    }

    /// When an item was last changed, in Unix seconds.
    pub(crate) fn updated_at(&self, place: Place) -> i64 {
        let base = FIRST_ADDED.max(added_at(place)) + 3_600;
        self.overlay.changed(place).and_then(|changed| changed.updated).unwrap_or(base)
    }

    /// The address of a picture, which changes with the item.
    pub(crate) fn picture(&self, out: &mut Encoder, key: &str, place: Place, element: &'static str) {
        out.joined(
            key,
            &[
                Piece::Text("/library/metadata/"),
                Piece::Number(place.key()),
                Piece::Text(element),
                Piece::Number(self.updated_at(place).unsigned_abs()),
            ],
        );
    }

    /// The tags of one family: the edited ones, or the given ones. Listings tell only the words.
    pub(crate) fn tags(
        &self,
        out: &mut Encoder,
        place: Place,
        (tag, filter): (Tag, &'static str),
        base: &[(u64, Phrase)],
    ) {
        let mut one = |id: u64, write: &dyn Fn(&mut Encoder)| {
            out.open(tag);
            if self.detail.full {
                out.number("id", id);
                out.joined("filter", &[Piece::Text(filter), Piece::Text("="), Piece::Number(id)]);
            }
            out.begin("tag");
            write(out);
            out.end();
            out.close();
        };
        match self.overlay.changed(place).and_then(|changed| changed.tags.get(filter)) {
            Some(edited) => {
                for (text, _) in edited {
                    one(tag_id(text), &|out| out.piece(text));
                }
            }
            None => {
                for (id, phrase) in base {
                    one(*id, &|out| phrase.write(out));
                }
            }
        }
    }

    /// Who plays it, where that is told.
    pub(crate) fn session(&self, out: &mut Encoder) {
        if let Some(play) = &self.detail.session {
            sessions::children(out, play);
        }
    }

    /// The fields that were edited and locked.
    pub(crate) fn locked(&self, out: &mut Encoder, place: Place) {
        let Some(changed) = self.overlay.changed(place).filter(|_| self.detail.full) else { return };
        for field in &changed.locked {
            out.open(Tag::list("Field"));
            out.flag("locked", true);
            out.text("name", field);
            out.close();
        }
    }

    /// Writes an item.
    pub(crate) fn item(&self, out: &mut Encoder, place: Place) {
        match place {
            Place::Movie(n) => movies::describe(self, out, n),
            Place::Collection(section, n) => movies::describe_collection(self, out, section, n),
            Place::Root(Forest::Shows, _) => episodes::show(self, out, place),
            Place::Branch(Forest::Shows, n, branch) => episodes::season(self, out, n, branch),
            Place::Leaf(Forest::Shows, n, branch, leaf) => episodes::episode(self, out, n, branch, leaf),
            Place::Root(Forest::Music, _) => music::artist(self, out, place),
            Place::Branch(Forest::Music, n, branch) => music::album(self, out, n, branch),
            Place::Leaf(Forest::Music, n, branch, leaf) => music::track(self, out, n, branch, leaf),
            Place::Root(Forest::Photos, n) | Place::Branch(Forest::Photos, n, _) => photos::album(self, out, n),
            Place::Leaf(Forest::Photos, n, _, leaf) => photos::photo(self, out, n, leaf),
        }
    }
}

/// A stable id for a tag that a client made up.
pub(crate) fn tag_id(text: &str) -> u64 {
    1_000_000 + text.bytes().fold(7_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 1_000_003)
}

/// Plex's own id of an item, where it has one that can be asked for.
pub(crate) fn guid(scene: &Scene<'_>, place: Place) -> Option<String> {
    match place {
        Place::Movie(n) if movies::matched(n) => {
            Some(format!("plex://movie/{:016x}5ca1ab1e", movies::guid(scene.catalog.seed, n)))
        }
        Place::Root(Forest::Shows, n) => {
            Some(format!("plex://show/{:016x}5ca1ab1e", episodes::guid(scene.catalog.seed, n)))
        }
        _ => None,
    }
}
