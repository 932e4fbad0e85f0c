//! Artists, their albums and tracks.

use crate::demo::catalog::{Forest, Place};
use crate::demo::describe::{Scene, duration};
use crate::demo::dice::{Dice, pick};
use crate::demo::encode::{Encoder, FOLDER, Piece, TRACK};
use crate::demo::facts;
use crate::demo::media;
use crate::demo::movies::GENRE_TAG;
use crate::demo::titles::{self, Phrase};
use crate::demo::words::{LABELS, MUSIC_GENRES};

const ARTIST: u64 = 40;

/// The tags of one family that an artist or an album began with.
pub(crate) fn base_tags(place: Place, family: &str) -> Vec<(u64, Phrase)> {
    let (Place::Root(_, n) | Place::Branch(_, n, _) | Place::Leaf(_, n, ..)) = place else { return Vec::new() };
    if family != "genre" || matches!(place, Place::Leaf(..)) {
        return Vec::new();
    }
    let at = n % MUSIC_GENRES.len() as u64;
    vec![(300 + at, Phrase::word(pick(MUSIC_GENRES, at)))]
}

/// The year of an album.
pub(crate) fn year(seed: u64, n: u64, branch: u64) -> u64 {
    1968 + Dice::new(seed, ARTIST, n).below(45) + 2 * branch
}

fn id(scene: &Scene<'_>, place: Place) -> u64 {
    Dice::new(scene.catalog.seed, ARTIST + 1, place.key()).roll()
}

fn guid(scene: &Scene<'_>, out: &mut Encoder, key: &str, scheme: &'static str, place: Place) {
    out.joined(key, &[Piece::Text(scheme), Piece::Hex(id(scene, place)), Piece::Text("5ca1ab1e")]);
}

fn musicbrainz(scene: &Scene<'_>, out: &mut Encoder, place: Place) {
    if scene.detail.guids || scene.detail.full {
        out.open(crate::demo::encode::Tag::list("Guid"));
        out.joined("id", &[Piece::Text("mbid://"), Piece::Hex(id(scene, place).rotate_left(17))]);
        out.close();
    }
}

fn link(out: &mut Encoder, rating_key: &str, key: &str, place: Place) {
    out.joined(rating_key, &[Piece::Number(place.key())]);
    out.joined(key, &[Piece::Text("/library/metadata/"), Piece::Number(place.key())]);
}

/// Writes an artist.
pub(crate) fn artist(scene: &Scene<'_>, out: &mut Encoder, place: Place) {
    let mut dice = Dice::new(scene.catalog.seed, ARTIST + 2, place.key());
    scene.begin(out, FOLDER, place);
    guid(scene, out, "guid", "plex://artist/", place);
    out.text("type", "artist");
    scene.title_attribute(out, "title", place);
    scene.sort_title(out, place);
    scene.field(out, place, "summary", |out| {
        out.begin("summary");
        titles::summary(out, &mut dice, 3);
        out.end();
    });
    out.number("index", 1);
    scene.rating(out, place, None);
    scene.picture(out, "thumb", place, "/thumb/");
    scene.picture(out, "art", place, "/art/");
    scene.dates(out, place);
    scene.tags(out, place, GENRE_TAG, &base_tags(place, "genre"));
    musicbrainz(scene, out, place);
    scene.locked(out, place);
    out.close();
}

/// Writes an album.
pub(crate) fn album(scene: &Scene<'_>, out: &mut Encoder, n: u64, branch: u64) {
    let place = Place::Branch(Forest::Music, n, branch);
    let artist = Place::Root(Forest::Music, n);
    scene.begin(out, FOLDER, place);
    link(out, "parentRatingKey", "parentKey", artist);
    guid(scene, out, "guid", "plex://album/", place);
    guid(scene, out, "parentGuid", "plex://artist/", artist);
    scene.field(out, place, "studio", |out| out.text("studio", pick(LABELS, n + branch)));
    out.text("type", "album");
    scene.title_attribute(out, "title", place);
    scene.sort_title(out, place);
    scene.title_attribute(out, "parentTitle", artist);
    scene.field(out, place, "summary", |out| out.text("summary", ""));
    out.number("index", 1);
    scene.rating(out, place, None);
    scene.picture(out, "thumb", place, "/thumb/");
    scene.picture(out, "parentThumb", artist, "/thumb/");
    facts::dates(scene, out, place);
    scene.leaf_counts(out, place);
    scene.dates(out, place);
    scene.tags(out, place, GENRE_TAG, &base_tags(place, "genre"));
    musicbrainz(scene, out, place);
    scene.locked(out, place);
    out.close();
}

/// Writes a track.
pub(crate) fn track(scene: &Scene<'_>, out: &mut Encoder, n: u64, branch: u64, leaf: u64) {
    let place = Place::Leaf(Forest::Music, n, branch, leaf);
    let (album, artist) = (Place::Branch(Forest::Music, n, branch), Place::Root(Forest::Music, n));
    scene.begin(out, TRACK, place);
    link(out, "parentRatingKey", "parentKey", album);
    link(out, "grandparentRatingKey", "grandparentKey", artist);
    guid(scene, out, "guid", "plex://track/", place);
    guid(scene, out, "parentGuid", "plex://album/", album);
    guid(scene, out, "grandparentGuid", "plex://artist/", artist);
    out.text("type", "track");
    scene.title_attribute(out, "title", place);
    scene.title_attribute(out, "parentTitle", album);
    scene.title_attribute(out, "grandparentTitle", artist);
    scene.field(out, place, "summary", |out| out.text("summary", ""));
    out.number("index", leaf + 1);
    out.number("parentIndex", 1);
    out.number("parentYear", year(scene.catalog.seed, n, branch));
    scene.watch(out, place);
    scene.picture(out, "thumb", album, "/thumb/");
    scene.picture(out, "parentThumb", album, "/thumb/");
    scene.picture(out, "grandparentThumb", artist, "/thumb/");
    out.number("duration", duration(scene.catalog, place));
    scene.dates(out, place);
    media::audio(scene, out, place, duration(scene.catalog, place));
    musicbrainz(scene, out, place);
    scene.session(out);
    scene.locked(out, place);
    out.close();
}
