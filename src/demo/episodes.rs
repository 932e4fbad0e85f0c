//! Shows, their seasons and episodes.

use crate::demo::catalog::{Catalog, Forest, Place};
use crate::demo::describe::{Scene, duration};
use crate::demo::dice::{Dice, pick};
use crate::demo::encode::{Encoder, FOLDER, Piece, VIDEO};
use crate::demo::facts;
use crate::demo::media::{self, Version};
use crate::demo::movies::{self, COLLECTION_TAG, DIRECTOR_TAG, GENRE_TAG, LABEL_TAG, WRITER_TAG};
use crate::demo::titles::{self, Phrase};
use crate::demo::words::{GENRES, SHOW_RATINGS, STUDIOS};

const SHOW: u64 = 30;
const EPISODE: u64 = 31;
const SEASONS: &[&str] = &["Specials", "Season 1", "Season 2", "Season 3", "Season 4", "Season 5"];

/// The title of the season with this number.
pub(crate) fn season_title(number: u64) -> Phrase {
    Phrase::word(pick(SEASONS, number))
}

/// The number of a season; 0 is the specials.
pub(crate) fn season_number(catalog: &Catalog, n: u64, branch: u64) -> u64 {
    catalog.tree(Forest::Shows).branch(n, branch).map_or(0, |branch| branch.number)
}

/// The year in which show `n` began.
pub(crate) fn year(seed: u64, n: u64) -> u64 {
    1975 + Dice::new(seed, SHOW, n).below(48)
}

/// The number of Plex's own id of show `n`.
pub(crate) fn guid(seed: u64, n: u64) -> u64 {
    Dice::new(seed, SHOW + 5, n).roll()
}

/// The tags of one family that a show or an episode began with.
pub(crate) fn base_tags(seed: u64, place: Place, family: &str) -> Vec<(u64, Phrase)> {
    let mut dice = Dice::new(seed, EPISODE + 5, place.key());
    let mut people = |count: u64| (0..count).map(|_| (2_000 + dice.below(90_000), titles::person(&mut dice))).collect();
    match (place, family) {
        (Place::Root(..), "genre") => {
            let first = place.key() / 1_000 % GENRES.len() as u64;
            [first, (first + 7) % GENRES.len() as u64]
                .into_iter()
                .map(|at| (at + 1, Phrase::word(pick(GENRES, at))))
                .collect()
        }
        (Place::Root(..), "actor") => people(5),
        (Place::Leaf(..), "director") => people(1),
        (Place::Leaf(..), "writer") => people(2),
        _ => Vec::new(),
    }
}

/// Writes a show.
pub(crate) fn show(scene: &Scene<'_>, out: &mut Encoder, place: Place) {
    let Place::Root(_, n) = place else { return };
    let seed = scene.catalog.seed;
    let mut dice = Dice::new(seed, SHOW + 1, n);
    scene.begin(out, FOLDER, place);
    out.joined("guid", &[Piece::Text("plex://show/"), Piece::Hex(guid(seed, n)), Piece::Text("5ca1ab1e")]);
    scene.field(out, place, "studio", |out| out.text("studio", pick(STUDIOS, n)));
    out.text("type", "show");
    scene.title_attribute(out, "title", place);
    scene.sort_title(out, place);
    scene.field(out, place, "originalTitle", |_| {});
    scene.field(out, place, "contentRating", |out| out.text("contentRating", pick(SHOW_RATINGS, n)));
    scene.field(out, place, "summary", |out| {
        out.begin("summary");
        titles::summary(out, &mut dice, 4);
        out.end();
    });
    scene.field(out, place, "tagline", |_| {});
    scene.field(out, place, "rating", |_| {});
    out.number("index", 1);
    out.tenths("audienceRating", dice.between(40, 95));
    scene.rating(out, place, None);
    scene.picture(out, "thumb", place, "/thumb/");
    scene.picture(out, "art", place, "/art/");
    out.number("duration", 1_260_000 + 600_000 * (n % 4));
    facts::dates(scene, out, place);
    scene.leaf_counts(out, place);
    out.number("childCount", scene.catalog.tree(Forest::Shows).shape(n).len());
    scene.dates(out, place);
    media::colours(out, guid(seed, n));
    scene.tags(out, place, GENRE_TAG, &base_tags(seed, place, "genre"));
    if scene.detail.guids || scene.detail.full {
        movies::guids(out, guid(seed, n));
    }
    for family in [COLLECTION_TAG, LABEL_TAG] {
        scene.tags(out, place, family, &[]);
    }
    media::roles(scene, out, place, &base_tags(seed, place, "actor"));
    scene.locked(out, place);
    out.close();
}

/// What children tell about the show: keys, title, pictures.
fn show_of(scene: &Scene<'_>, out: &mut Encoder, n: u64, names: [&str; 5]) {
    let show = Place::Root(Forest::Shows, n);
    let [rating_key, key, guid_name, title, thumb] = names;
    out.joined(rating_key, &[Piece::Number(show.key())]);
    out.joined(key, &[Piece::Text("/library/metadata/"), Piece::Number(show.key())]);
    out.joined(
        guid_name,
        &[Piece::Text("plex://show/"), Piece::Hex(guid(scene.catalog.seed, n)), Piece::Text("5ca1ab1e")],
    );
    scene.title_attribute(out, title, show);
    scene.picture(out, thumb, show, "/thumb/");
}

/// Writes a season.
pub(crate) fn season(scene: &Scene<'_>, out: &mut Encoder, n: u64, branch: u64) {
    let place = Place::Branch(Forest::Shows, n, branch);
    let number = season_number(scene.catalog, n, branch);
    scene.begin(out, FOLDER, place);
    out.joined(
        "guid",
        &[Piece::Text("plex://season/"), Piece::Hex(guid(scene.catalog.seed, n) ^ number), Piece::Text("5ca1ab1e")],
    );
    show_of(scene, out, n, ["parentRatingKey", "parentKey", "parentGuid", "parentTitle", "parentThumb"]);
    out.text("parentStudio", pick(STUDIOS, n));
    out.text("type", "season");
    scene.title_attribute(out, "title", place);
    scene.field(out, place, "summary", |out| out.text("summary", ""));
    out.number("index", number);
    out.number("parentIndex", 1);
    out.number("parentYear", year(scene.catalog.seed, n));
    scene.rating(out, place, None);
    scene.picture(out, "thumb", place, "/thumb/");
    scene.picture(out, "art", Place::Root(Forest::Shows, n), "/art/");
    scene.leaf_counts(out, place);
    scene.dates(out, place);
    if scene.detail.guids || scene.detail.full {
        movies::guids(out, guid(scene.catalog.seed, n) ^ number);
    }
    scene.locked(out, place);
    out.close();
}

/// Writes an episode.
pub(crate) fn episode(scene: &Scene<'_>, out: &mut Encoder, n: u64, branch: u64, leaf: u64) {
    let place = Place::Leaf(Forest::Shows, n, branch, leaf);
    let season = Place::Branch(Forest::Shows, n, branch);
    let seed = scene.catalog.seed;
    let number = season_number(scene.catalog, n, branch);
    let mut dice = Dice::new(seed, EPISODE, place.key());
    let id = dice.roll();
    scene.begin(out, VIDEO, place);
    out.joined("parentRatingKey", &[Piece::Number(season.key())]);
    out.joined("parentKey", &[Piece::Text("/library/metadata/"), Piece::Number(season.key())]);
    out.joined("guid", &[Piece::Text("plex://episode/"), Piece::Hex(id), Piece::Text("5ca1ab1e")]);
    out.joined(
        "parentGuid",
        &[Piece::Text("plex://season/"), Piece::Hex(guid(seed, n) ^ number), Piece::Text("5ca1ab1e")],
    );
    show_of(
        scene,
        out,
        n,
        ["grandparentRatingKey", "grandparentKey", "grandparentGuid", "grandparentTitle", "grandparentThumb"],
    );
    out.text("type", "episode");
    scene.title_attribute(out, "title", place);
    scene.sort_title(out, place);
    scene.title_attribute(out, "parentTitle", season);
    scene.field(out, place, "contentRating", |out| out.text("contentRating", pick(SHOW_RATINGS, n)));
    scene.field(out, place, "summary", |out| {
        out.begin("summary");
        titles::summary(out, &mut dice, 3);
        out.end();
    });
    out.number("index", leaf + 1);
    out.number("parentIndex", number);
    out.tenths("audienceRating", dice.between(45, 97));
    scene.watch(out, place);
    scene.picture(out, "thumb", place, "/thumb/");
    scene.picture(out, "art", Place::Root(Forest::Shows, n), "/art/");
    scene.picture(out, "parentThumb", season, "/thumb/");
    out.number("duration", duration(scene.catalog, place));
    facts::dates(scene, out, place);
    scene.dates(out, place);
    media::video(scene, out, place, Version::FullHd, duration(scene.catalog, place));
    for family in [DIRECTOR_TAG, WRITER_TAG] {
        scene.tags(out, place, family, &base_tags(seed, place, family.1));
    }
    if scene.detail.guids || scene.detail.full {
        movies::guids(out, id);
    }
    media::chapters(scene, out, duration(scene.catalog, place));
    scene.session(out);
    scene.locked(out, place);
    out.close();
}
