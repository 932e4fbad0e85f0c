//! The posters of an item: the one its agent gave, and those that clients uploaded.

use crate::demo::catalog::Place;
use crate::demo::describe::Scene;
use crate::demo::encode::{CONTAINER, Encoder, PHOTO, Piece};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// What the agent's own poster is called.
const AGENTS: &str = "metadata://posters/sample_agent";
/// Uploaded posters are called this and a digest, so that the same picture is there once.
const UPLOAD: &str = "upload://posters/";

/// What was changed about an item's posters.
#[derive(Debug, Default)]
pub(crate) struct Posters {
    /// The digests of what was uploaded.
    uploaded: Vec<String>,
    /// The uploaded one that is shown; none for the agent's own.
    selected: Option<usize>,
}

impl Posters {
    /// Takes a picture and shows it. False for what is none.
    pub(crate) fn upload(&mut self, picture: &[u8]) -> bool {
        let starts = |with: &[u8]| picture.starts_with(with);
        let known =
            starts(b"\xff\xd8\xff") || starts(b"\x89PNG") || (starts(b"RIFF") && picture.get(8..12) == Some(b"WEBP"));
        if known {
            let mut digest = String::new();
            for byte in Sha256::digest(picture).iter().take(20) {
                // Writing to a String can't fail.
                let _ = write!(digest, "{byte:02x}");
            }
            let place = self.uploaded.iter().position(|known| *known == digest);
            self.selected = Some(place.unwrap_or_else(|| {
                self.uploaded.push(digest);
                self.uploaded.len() - 1
            }));
        }
        known
    }

    /// Shows the poster of that name. False where there is none.
    pub(crate) fn select(&mut self, name: &str) -> bool {
        if name == AGENTS {
            self.selected = None;
            return true;
        }
        let place = name.strip_prefix(UPLOAD).and_then(|digest| self.uploaded.iter().position(|known| known == digest));
        self.selected = place.or(self.selected);
        place.is_some()
    }
}

/// Writes the posters of an item.
pub(crate) fn list(scene: &Scene<'_>, out: &mut Encoder, place: Place) {
    let none = Posters::default();
    let posters = scene.overlay.changed(place).map_or(&none, |changed| &changed.posters);
    out.open(CONTAINER);
    out.number("size", posters.uploaded.len() + 1);
    out.text("identifier", "com.plexapp.plugins.library");
    let mut one = |name: &[Piece<'_>], provider: &str, selected: bool| {
        out.open(PHOTO);
        out.joined("key", &[Piece::Text("/library/metadata/"), Piece::Number(place.key()), Piece::Text("/file")]);
        out.joined("ratingKey", name);
        out.text("provider", provider);
        out.flag("selected", selected);
        out.close();
    };
    one(&[Piece::Text(AGENTS)], "sample", posters.selected.is_none());
    for (number, digest) in posters.uploaded.iter().enumerate() {
        one(&[Piece::Text(UPLOAD), Piece::Text(digest)], "", posters.selected == Some(number));
    }
    out.close();
}
