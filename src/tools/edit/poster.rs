//! Posters: from a web server or the exports directory, checked to be pictures, and uploaded as they are, so that the Plex
//! server itself is never sent anywhere.

use crate::{
    export::{directory::Exports, name::ExportName},
    guard::{Change, Cleared},
    http::web::{Web, WebUrl},
    plex::{http::Plex, items::Item, posters::PosterRow},
    tools::{
        call::Call,
        change::{before::PosterBefore, quoted},
        error::ToolError,
    },
};
use bytes::Bytes;
use std::fmt;

/// The largest picture that is taken; posters of real libraries are below 2 MB.
const MAX_BYTES: usize = 10 << 20;
/// What posters may be called in the exports directory.
const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// How the names of uploaded posters begin. Behind it is a digest of the picture: Plex keeps the same picture once.
const UPLOADED: &str = "upload://";

/// Where a poster comes from.
#[derive(Clone, Debug)]
pub(in crate::tools) enum Poster {
    /// A web server.
    Url(WebUrl),
    /// The exports directory.
    File(ExportName, Picture),
    /// The item's own posters.
    Select(String),
}

/// A picture and its type.
#[derive(Clone)]
pub(in crate::tools) struct Picture {
    pub(in crate::tools) kind: &'static str,
    pub(in crate::tools) content: Bytes,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.kind, self.content.len())
    }
}

impl Picture {
    fn of(content: Bytes) -> Result<Self, ToolError> {
        match kind_of(&content) {
            Some(kind) => Ok(Self { kind, content }),
            None => Err(ToolError::Picture("it is no picture: JPEG, PNG and WebP are taken".to_owned())),
        }
    }
}

impl Poster {
    /// A poster at an address. `field` is the argument that holds it.
    pub(in crate::tools) fn at(web: &Web, field: &str, address: &str) -> Result<Self, ToolError> {
        web.address(address).map(Self::Url).map_err(|error| ToolError::argument(field, error.to_string()))
    }

    /// A poster in the exports directory. It is read at once, so that what is approved is what is uploaded.
    pub(in crate::tools) fn file(exports: &Exports, field: &str, path: &str) -> Result<Self, ToolError> {
        let name = name(field, path)?;
        let picture = Picture::of(exports.read(&name, MAX_BYTES)?.into())?;
        Ok(Self::File(name, picture))
    }

    /// The picture; none where it is one that the item has.
    pub(in crate::tools) async fn load<E: Change>(
        &self,
        call: &Call<'_, E>,
        cleared: &Cleared<'_>,
    ) -> Result<Option<Picture>, ToolError> {
        match self {
            Self::Url(url) => {
                let fetched = call.web()?.fetch(cleared, url, MAX_BYTES).await;
                fetched.map_err(|error| ToolError::Picture(error.to_string())).and_then(Picture::of).map(Some)
            }
            Self::File(_, picture) => Ok(Some(picture.clone())),
            Self::Select(_) => Ok(None),
        }
    }

    /// Whether it is the poster that is shown. Where the upload was `confirmed`, it may also be one that the item had: the
    /// same picture is no new poster.
    pub(in crate::tools) fn is_shown(&self, now: &[PosterRow], before: &PosterBefore, confirmed: bool) -> bool {
        let Some(shown) = shown(now) else { return false };
        match self {
            Self::Select(name) => shown == name,
            Self::Url(_) | Self::File(..) => {
                !before.known.iter().any(|known| known == shown)
                    || (is_uploaded(shown) && (confirmed || shown != before.from))
            }
        }
    }

    /// Where it comes from, in a sentence.
    pub(in crate::tools) fn in_words(&self) -> String {
        match self {
            Self::Url(url) => format!("the poster from {}", quoted(url.host())),
            Self::File(name, _) => format!("the poster from the file {}", quoted(&name.to_string())),
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
    let shown = shown(&posters).map(str::to_owned);
    let known = posters.into_iter().filter_map(|poster| poster.rating_key).collect();
    let to = match poster {
        Poster::Select(name) => Some(name.clone()),
        Poster::Url(_) | Poster::File(..) => None,
    };
    Ok(PosterBefore { from: shown.unwrap_or_default(), locked, known, to })
}

/// Plex's name of the poster that is shown.
pub(in crate::tools) fn shown(posters: &[PosterRow]) -> Option<&str> {
    posters.iter().find(|poster| poster.selected)?.rating_key.as_deref()
}

/// Whether a poster is one that somebody uploaded.
pub(in crate::tools) fn is_uploaded(name: &str) -> bool {
    name.starts_with(UPLOADED)
}

/// What a poster in the exports directory is called.
fn name(field: &str, path: &str) -> Result<ExportName, ToolError> {
    let known = EXTENSIONS.into_iter().find(|known| path.ends_with(&format!(".{known}"))).unwrap_or("jpg");
    ExportName::parse(path, known).map_err(|error| ToolError::argument(field, error.to_string()))
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
            assert!(super::name("posterFile", name).is_ok(), "{name}");
        }
        for name in ["../film.jpg", "/film.jpg", "film.svg", ".film.jpg", "film"] {
            assert_eq!(super::name("posterFile", name).unwrap_err().code(), "invalid_argument", "{name}");
        }
    }
}
