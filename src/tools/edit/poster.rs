//! Posters: from a public web server or the exports directory, checked to be pictures, and uploaded as they are, so that the
//! Plex server itself is never sent anywhere.

use crate::{
    export::name::ExportName,
    guard::{Change, Cleared},
    http::public::PublicUrl,
    plex::{http::Plex, items::Item, posters::PosterRow},
    tools::{
        call::Call,
        change::{before::PosterBefore, quoted},
        error::ToolError,
    },
};
use bytes::Bytes;

/// The largest picture that is taken; posters of real libraries are below 2 MB.
const MAX_BYTES: usize = 10 << 20;
/// What posters may be called in the exports directory.
const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Where a poster comes from.
#[derive(Clone, Debug)]
pub(in crate::tools) enum Poster {
    /// A public web server.
    Url(PublicUrl),
    /// The exports directory.
    File(ExportName),
    /// The item's own posters.
    Select(String),
}

impl Poster {
    /// A poster at an address. `field` is the argument that holds it.
    pub(in crate::tools) fn at(field: &str, address: &str) -> Result<Self, ToolError> {
        PublicUrl::parse(address).map(Self::Url).map_err(|error| ToolError::argument(field, error.to_string()))
    }

    /// A poster in the exports directory.
    pub(in crate::tools) fn file(field: &str, path: &str) -> Result<Self, ToolError> {
        let known = EXTENSIONS.into_iter().find(|known| path.ends_with(&format!(".{known}"))).unwrap_or("jpg");
        ExportName::parse(path, known).map(Self::File).map_err(|error| ToolError::argument(field, error.to_string()))
    }

    /// The picture and its type.
    pub(in crate::tools) async fn load<E: Change>(
        &self,
        call: &Call<'_, E>,
        cleared: &Cleared<'_>,
    ) -> Result<(&'static str, Bytes), ToolError> {
        let picture = match self {
            Self::Url(url) => {
                url.fetch(cleared, MAX_BYTES).await.map_err(|error| ToolError::Picture(error.to_string()))?
            }
            Self::File(name) => Bytes::from(call.exports().read(name, MAX_BYTES)?),
            Self::Select(_) => return Err(ToolError::Internal),
        };
        match kind_of(&picture) {
            Some(kind) => Ok((kind, picture)),
            None => Err(ToolError::Picture("it is no picture: JPEG, PNG and WebP are taken".to_owned())),
        }
    }

    /// Whether it is the poster that is shown.
    pub(in crate::tools) fn is_shown(&self, now: &[PosterRow], before: &PosterBefore) -> bool {
        let shown = now.iter().find(|poster| poster.selected).and_then(|poster| poster.rating_key.as_deref());
        match self {
            Self::Select(name) => shown == Some(name),
            Self::Url(_) | Self::File(_) => shown.is_some_and(|shown| !before.known.iter().any(|known| known == shown)),
        }
    }

    /// Where it comes from, in a sentence.
    pub(in crate::tools) fn in_words(&self) -> String {
        match self {
            Self::Url(url) => format!("the poster from {}", quoted(url.host())),
            Self::File(name) => format!("the poster from the file {}", quoted(&name.to_string())),
            Self::Select(_) => "the poster back that it had".to_owned(),
        }
    }
}

/// The posters that an item has.
pub(in crate::tools) async fn before(
    plex: &Plex,
    item: &Item,
    poster: &Poster,
    locked: bool,
) -> Result<PosterBefore, ToolError> {
    let posters = plex.posters(item.rating_key.as_deref().unwrap_or_default()).await?;
    let shown = posters.iter().find(|poster| poster.selected).and_then(|poster| poster.rating_key.clone());
    let known = posters.into_iter().filter_map(|poster| poster.rating_key).collect();
    let to = match poster {
        Poster::Select(name) => Some(name.clone()),
        Poster::Url(_) | Poster::File(_) => None,
    };
    Ok(PosterBefore { from: shown.unwrap_or_default(), locked, known, to })
}

/// The type of a picture, by how it begins.
fn kind_of(picture: &[u8]) -> Option<&'static str> {
    match picture {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_how_they_begin() {
        assert_eq!(kind_of(b"\xff\xd8\xff\xe0rest"), Some("image/jpeg"));
        assert_eq!(kind_of(b"\x89PNG\r\n\x1a\nrest"), Some("image/png"));
        assert_eq!(kind_of(b"RIFF1234WEBPVP8 "), Some("image/webp"));
        for other in [&b""[..], b"GIF89a", b"<svg xmlns=\"\">", b"<html>", b"RIFF1234WAVE", b"\xff\xd8"] {
            assert_eq!(kind_of(other), None);
        }
    }

    #[test]
    fn files_are_named_as_exports_are() {
        for name in ["art/film.jpg", "film.png", "a.b.webp"] {
            assert!(Poster::file("posterFile", name).is_ok(), "{name}");
        }
        for name in ["../film.jpg", "/film.jpg", "film.svg", ".film.jpg", "film"] {
            assert_eq!(Poster::file("posterFile", name).unwrap_err().code(), "invalid_argument", "{name}");
        }
    }
}
