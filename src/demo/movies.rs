//! Films and their collections.

use crate::demo::catalog::{Place, Plays};
use crate::demo::describe::{Scene, added_at, duration};
use crate::demo::dice::{Dice, pick};
use crate::demo::encode::{Encoder, FOLDER, Fault, Piece, Tag, VIDEO};
use crate::demo::facts;
use crate::demo::media;
use crate::demo::titles::{self, Phrase};
use crate::demo::words::{COLLECTIONS, COUNTRIES, GENRES, MOVIE_RATINGS, STUDIOS, TAGLINES};

const GUID: u64 = 10;
const YEAR: u64 = 11;
const GENRE: u64 = 12;
const PEOPLE: u64 = 13;
const TEXT: u64 = 14;
const SCORES: u64 = 15;

/// How films were played; the pattern repeats. A third of them is watched.
pub(crate) const PLAYS: &[Plays] = &{
    let never = Plays { owner: 0, guests: 0, unfinished: None };
    let once = Plays { owner: 1, guests: 0, unfinished: None };
    let mut row = [never; 20];
    row[1] = once;
    row[2] = Plays { owner: 0, guests: 1, unfinished: None };
    row[4] = once;
    row[6] = Plays { owner: 2, guests: 1, unfinished: None };
    row[9] = once;
    row[11] = Plays { owner: 1, guests: 0, unfinished: Some(3) };
    row[13] = Plays { owner: 0, guests: 0, unfinished: Some(6) };
    row[14] = once;
    row[17] = once;
    row
};

/// The tag families of a film: element and filter name.
pub(crate) const GENRE_TAG: (Tag, &str) = (Tag::list("Genre"), "genre");
pub(crate) const COUNTRY_TAG: (Tag, &str) = (Tag::list("Country"), "country");
pub(crate) const DIRECTOR_TAG: (Tag, &str) = (Tag::list("Director"), "director");
pub(crate) const WRITER_TAG: (Tag, &str) = (Tag::list("Writer"), "writer");
pub(crate) const PRODUCER_TAG: (Tag, &str) = (Tag::list("Producer"), "producer");
pub(crate) const COLLECTION_TAG: (Tag, &str) = (Tag::list("Collection"), "collection");
pub(crate) const LABEL_TAG: (Tag, &str) = (Tag::list("Label"), "label");

/// Every this many films, and of the collections' members, one.
const COLLECTED: u64 = 9;

/// The film an item is an edition of: itself, or for one in 53 the one before it.
pub(crate) fn source(n: u64) -> u64 {
    if n % 53 == 11 { n - 1 } else { n }
}

/// How film `n` was played.
pub(crate) fn plays(n: u64) -> Plays {
    pick(PLAYS, n)
}

/// The film's year; a few have none.
pub(crate) fn year(seed: u64, n: u64) -> Option<u64> {
    let n = source(n);
    (n % 41 != 17).then(|| 1930 + Dice::new(seed, YEAR, n).below(95))
}

/// The ids of the film's two to four genres; the genre with id `k` is the `k - 1`-th of the list.
pub(crate) fn genres(seed: u64, n: u64) -> impl Iterator<Item = u64> {
    let mut dice = Dice::new(seed, GENRE, source(n));
    let (count, first) = (dice.between(2, 4), dice.below(GENRES.len() as u64));
    let step = dice.between(1, 6);
    (0..count).map(move |at| (first + at * step) % GENRES.len() as u64 + 1)
}

/// The critics' rating in tenths; a few films have none.
pub(crate) fn rating(seed: u64, n: u64) -> Option<u64> {
    let mut dice = Dice::new(seed, SCORES, source(n));
    (!dice.one_in(12)).then(|| dice.between(21, 98))
}

/// The day of the first showing: month and day.
pub(crate) fn premiere(seed: u64, n: u64) -> (u64, u64) {
    let mut dice = Dice::new(seed, YEAR + 20, source(n));
    (dice.between(1, 12), dice.between(1, 28))
}

/// The user's rating an item began with. Some carry the rounding of a 32-bit float, as Plex's do.
pub(crate) fn base_rating(place: Place) -> Option<&'static str> {
    match place {
        Place::Movie(n) => match n % 29 {
            3 => Some("7.5999999046325701"),
            6 => Some("9.0"),
            14 => Some("3.5"),
            _ => None,
        },
        _ => None,
    }
}

/// The two numbers of Plex's own id, shared by the editions of a film.
pub(crate) fn guid(seed: u64, n: u64) -> u64 {
    Dice::new(seed, GUID, source(n)).roll()
}

/// Collection `n` has so many of the first `movies` films.
pub(crate) fn members(n: u64, movies: u64) -> u64 {
    movies.saturating_sub(member(n, 0)).div_ceil(COLLECTED * COLLECTIONS.len() as u64)
}

/// The `at`-th film of collection `n`.
pub(crate) fn member(n: u64, at: u64) -> u64 {
    2 + COLLECTED * (n + at * COLLECTIONS.len() as u64)
}

fn collection_of(n: u64) -> Option<u64> {
    let at = n.checked_sub(2)?;
    (at % COLLECTED == 0).then(|| at / COLLECTED % COLLECTIONS.len() as u64)
}

/// The title of collection `n`.
pub(crate) fn collection_title(n: u64) -> Phrase {
    Phrase::word(pick(COLLECTIONS, n))
}

/// The tags of one family that film `n` began with.
pub(crate) fn base_tags(seed: u64, n: u64, family: &str) -> Vec<(u64, Phrase)> {
    let mut dice = Dice::new(seed, PEOPLE, source(n));
    let mut people = |skip: u64, count: u64| {
        let mut dice = Dice::new(dice.roll(), PEOPLE, skip);
        (0..count).map(|_| (2_000 + dice.below(90_000), titles::person(&mut dice))).collect()
    };
    match family {
        "genre" => genres(seed, n).map(|id| (id, Phrase::word(pick(GENRES, id - 1)))).collect(),
        "country" => {
            let at = dice.below(COUNTRIES.len() as u64);
            vec![(100 + at, Phrase::word(pick(COUNTRIES, at)))]
        }
        "director" => people(1, 1),
        "writer" => people(2, 2),
        "producer" => people(4, 2),
        "actor" => people(3, 3 + n % 5),
        "collection" => collection_of(n).map(|at| (200 + at, collection_title(at))).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Writes the row or the details of film `n`.
pub(crate) fn describe(scene: &Scene<'_>, out: &mut Encoder, n: u64) {
    let place = Place::Movie(n);
    let seed = scene.catalog.seed;
    scene.begin(out, VIDEO, place);
    attributes(scene, out, n);
    for version in media::versions(place) {
        media::video(scene, out, place, *version, duration(scene.catalog, place));
    }
    for (kind, element) in [("coverPoster", "/thumb/"), ("background", "/art/"), ("clearLogo", "/clearLogo/")] {
        out.open(Tag::list("Image"));
        scene.title_attribute(out, "alt", place);
        out.text("type", kind);
        scene.picture(out, "url", place, element);
        out.close();
    }
    media::colours(out, guid(seed, n));
    for family in [GENRE_TAG, COUNTRY_TAG] {
        scene.tags(out, place, family, &base_tags(seed, n, family.1));
    }
    if (scene.detail.guids || scene.detail.full) && matched(n) {
        guids(out, guid(seed, n));
    }
    if scene.detail.full {
        ratings(out, seed, n);
    }
    for family in [COLLECTION_TAG, DIRECTOR_TAG, WRITER_TAG, PRODUCER_TAG, LABEL_TAG] {
        scene.tags(out, place, family, &base_tags(seed, n, family.1));
    }
    media::roles(scene, out, place, &base_tags(seed, n, "actor"));
    media::chapters(scene, out, duration(scene.catalog, place));
    media::extras(scene, out, place);
    scene.session(out);
    scene.locked(out, place);
    out.close();
}

fn attributes(scene: &Scene<'_>, out: &mut Encoder, n: u64) {
    let place = Place::Movie(n);
    let seed = scene.catalog.seed;
    let mut dice = Dice::new(seed, TEXT, source(n));
    write_guid(out, seed, n);
    if n % 53 == 11 {
        scene.field(out, place, "editionTitle", |out| out.text("editionTitle", "Director's Cut"));
    }
    scene.field(out, place, "studio", |out| out.text("studio", dice.pick(STUDIOS)));
    out.text("type", "movie");
    out.begin("title");
    match scene.overlay.field(place, "title") {
        Some(title) => out.piece(title),
        None => crate::demo::describe::base_title(scene.catalog, place).write(out),
    }
    if let Some(fault) = fault(scene, n) {
        out.fault(fault);
    }
    out.end();
    scene.sort_title(out, place);
    scene.field(out, place, "originalTitle", |out| {
        if n % 13 == 5 {
            titles::work(&mut dice, n).attribute(out, "originalTitle");
        }
    });
    scene.field(out, place, "contentRating", |out| out.text("contentRating", dice.pick(MOVIE_RATINGS)));
    scene.field(out, place, "summary", |out| {
        out.begin("summary");
        let sentences = if n % 37 == 8 { 40 } else { dice.between(4, 8) };
        titles::summary(out, &mut dice, sentences);
        out.end();
    });
    let critics = rating(seed, n);
    scene.field(out, place, "rating", |out| {
        if let Some(rating) = critics {
            out.tenths("rating", rating);
        }
    });
    if let Some(rating) = critics {
        out.tenths("audienceRating", (rating + dice.below(14)).min(100));
    }
    scene.watch(out, place);
    scene.field(out, place, "tagline", |out| out.text("tagline", dice.pick(TAGLINES)));
    scene.picture(out, "thumb", place, "/thumb/");
    scene.picture(out, "art", place, "/art/");
    out.number("duration", duration(scene.catalog, place));
    facts::dates(scene, out, place);
    scene.dates(out, place);
    out.text("audienceRatingImage", "rottentomatoes://image.rating.upright");
    out.text("chapterSource", "media");
    out.joined("primaryExtraKey", &[Piece::Text("/library/metadata/"), Piece::Number(1_900_000_000 + n)]);
    out.text("ratingImage", "rottentomatoes://image.rating.ripe");
    if added_at(place) < 0 {
        out.number("skipCount", 1);
    }
}

/// Whether the film was matched by Plex's own agent; a few were by older ones, or never.
pub(crate) fn matched(n: u64) -> bool {
    !matches!(source(n) % 67, 21..=24)
}

/// Writes what the matching agent calls the film.
fn write_guid(out: &mut Encoder, seed: u64, n: u64) {
    let number = Piece::Number(90_000_000 + n);
    let language = Piece::Text("?lang=en");
    match source(n) % 67 {
        21 => out.joined("guid", &[Piece::Text("com.plexapp.agents.imdb://tt"), number, language]),
        22 => out.joined("guid", &[Piece::Text("com.plexapp.agents.themoviedb://"), number, language]),
        23 => out.joined("guid", &[Piece::Text("local://"), Piece::Number(Place::Movie(n).key())]),
        24 => out.joined("guid", &[Piece::Text("com.plexapp.agents.none://"), Piece::Hex(guid(seed, n)), language]),
        _ => out.joined("guid", &[Piece::Text("plex://movie/"), Piece::Hex(guid(seed, n)), Piece::Text("5ca1ab1e")]),
    }
}

/// What an untidy server puts into the title of film `n`.
fn fault(scene: &Scene<'_>, n: u64) -> Option<Fault> {
    let fault = match n % 16 {
        3 => Fault::RawControl,
        7 => Fault::ControlReference,
        11 => Fault::UnknownEntity,
        15 => Fault::LoneAmpersand,
        _ => return None,
    };
    scene.catalog.untidy.then_some(fault)
}

/// The external ids that belong to one of Plex's own. They are beyond what the services have given out.
pub(crate) fn guids(out: &mut Encoder, id: u64) {
    for (service, number) in [
        ("imdb://tt", 90_000_000 + id % 9_000_000),
        ("tmdb://", 9_000_000 + id % 900_000),
        ("tvdb://", 8_000_000 + id % 800_000),
    ] {
        out.open(Tag::list("Guid"));
        out.joined("id", &[Piece::Text(service), Piece::Number(number)]);
        out.close();
    }
}

fn ratings(out: &mut Encoder, seed: u64, n: u64) {
    let Some(rating) = rating(seed, n) else { return };
    for (image, kind, tenths) in [
        ("imdb://image.rating", "audience", rating.saturating_sub(3)),
        ("rottentomatoes://image.rating.ripe", "critic", rating),
        ("themoviedb://image.rating", "audience", rating.saturating_sub(5)),
    ] {
        out.open(Tag::list("Rating"));
        out.text("image", image);
        out.tenths("value", tenths);
        out.text("type", kind);
        out.close();
    }
}

/// Writes collection `n` of a section.
pub(crate) fn describe_collection(scene: &Scene<'_>, out: &mut Encoder, section: u64, n: u64) {
    let place = Place::Collection(section, n);
    scene.begin(out, FOLDER, place);
    out.joined("guid", &[Piece::Text("collection://"), Piece::Hex(place.key())]);
    out.text("type", "collection");
    scene.title_attribute(out, "title", place);
    scene.sort_title(out, place);
    out.text("subtype", "movie");
    scene.field(out, place, "summary", |out| out.text("summary", ""));
    out.number("index", n + 1);
    scene.rating(out, place, None);
    out.joined(
        "thumb",
        &[Piece::Text("/library/collections/"), Piece::Number(place.key()), Piece::Text("/composite/1")],
    );
    scene.dates(out, place);
    out.joined("childCount", &[Piece::Number(members(n, scene.catalog.movies))]);
    scene.locked(out, place);
    out.close();
}
