//! Photo albums, their photos, and the odd clip among them.

use crate::demo::catalog::{Forest, Place};
use crate::demo::describe::Scene;
use crate::demo::encode::{Encoder, FOLDER, PHOTO, Piece, VIDEO};
use crate::demo::facts;
use crate::demo::media::{self, Version};

/// The place of the one clip of an album.
const CLIP: u64 = 3;
/// The place of the row whose kind nobody knows, on an untidy server.
const HOLOGRAM: u64 = 2;

/// Writes a photo album. Plex calls its type `photo` too; that it has children tells the two apart.
pub(crate) fn album(scene: &Scene<'_>, out: &mut Encoder, n: u64) {
    let place = Place::Root(Forest::Photos, n);
    scene.begin(out, FOLDER, place);
    out.joined("guid", &[Piece::Text("local://"), Piece::Number(place.key())]);
    out.text("type", "photo");
    scene.title_attribute(out, "title", place);
    scene.field(out, place, "summary", |out| out.text("summary", ""));
    out.number("index", 1);
    scene.rating(out, place, None);
    scene.picture(out, "composite", place, "/composite/");
    scene.picture(out, "thumb", place, "/thumb/");
    scene.picture(out, "art", place, "/art/");
    scene.dates(out, place);
    scene.locked(out, place);
    out.close();
}

/// Writes a photo, or a clip that the phone put between them.
pub(crate) fn photo(scene: &Scene<'_>, out: &mut Encoder, n: u64, leaf: u64) {
    let place = Place::Leaf(Forest::Photos, n, 0, leaf);
    let album = Place::Root(Forest::Photos, n);
    let clip = leaf == CLIP;
    scene.begin(out, if clip { VIDEO } else { PHOTO }, place);
    out.joined("parentRatingKey", &[Piece::Number(album.key())]);
    out.joined("parentKey", &[Piece::Text("/library/metadata/"), Piece::Number(album.key())]);
    out.joined("guid", &[Piece::Text("local://"), Piece::Number(place.key())]);
    let hologram = scene.catalog.untidy && leaf == HOLOGRAM;
    out.text(
        "type",
        if hologram {
            "hologram"
        } else if clip {
            "clip"
        } else {
            "photo"
        },
    );
    if clip {
        out.text("subtype", "photo");
    }
    scene.title_attribute(out, "title", place);
    scene.title_attribute(out, "parentTitle", album);
    scene.field(out, place, "summary", |out| out.text("summary", ""));
    out.number("index", leaf + 1);
    scene.rating(out, place, None);
    scene.picture(out, "thumb", place, "/thumb/");
    scene.picture(out, "parentThumb", album, "/thumb/");
    if clip {
        out.number("duration", 14_000);
    }
    facts::dates(scene, out, place);
    scene.dates(out, place);
    out.text("createdAtAccuracy", "local");
    if clip {
        media::video(scene, out, place, Version::FullHd, 14_000);
    } else {
        media::picture(scene, out, place);
    }
    scene.locked(out, place);
    out.close();
}
