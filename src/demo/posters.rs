//! The posters of an item: the one its agent gave, and those that clients uploaded.

use crate::demo::catalog::Place;
use crate::demo::describe::Scene;
use crate::demo::encode::{CONTAINER, Encoder, PHOTO, Piece};

/// What the agent's own poster is called.
const AGENTS: &str = "metadata://posters/sample_agent";
/// Uploaded posters are called this and a number.
const UPLOAD: &str = "upload://posters/";

/// What was changed about an item's posters.
#[derive(Debug, Default)]
pub(crate) struct Posters {
    /// The sizes of what was uploaded, in bytes.
    uploaded: Vec<usize>,
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
            self.selected = Some(self.uploaded.len());
            self.uploaded.push(picture.len());
        }
        known
    }

    /// Shows the poster of that name. False where there is none.
    pub(crate) fn select(&mut self, name: &str) -> bool {
        let number = name.strip_prefix(UPLOAD).and_then(|number| number.parse::<usize>().ok());
        match number {
            None if name == AGENTS => self.selected = None,
            Some(number) if number < self.uploaded.len() => self.selected = Some(number),
            _ => return false,
        }
        true
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
    for number in 0..posters.uploaded.len() {
        one(&[Piece::Text(UPLOAD), Piece::Number(number as u64)], "", posters.selected == Some(number));
    }
    out.close();
}
