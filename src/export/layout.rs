//! What of each item is written, and how: the levels of detail, and the columns of a table.

use super::writer::Format;
use crate::plex::selection::{Paths, Selection};

/// How much of each item is written.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// Key, title, year, type, guid, original title and edition.
    Summary,
    /// Every attribute and child that Plex's listing holds, external ids included.
    #[default]
    Full,
    /// All that Plex tells of each item by itself: streams, chapters, markers, extras, every tag.
    Deep,
}

const SUMMARY: [&str; 7] = ["ratingKey", "title", "year", "type", "guid", "originalTitle", "editionTitle"];

/// Columns of a table where none were chosen: what there is to say of any type of item, in the order of its use.
#[rustfmt::skip]
const FULL_COLUMNS: [&str; 62] = [
    "ratingKey", "playlistItemID", "type", "title", "originalTitle", "editionTitle", "titleSort", "year",
    "originallyAvailableAt", "grandparentTitle", "parentTitle", "parentIndex", "index", "contentRating", "studio",
    "tagline", "summary", "duration", "rating", "audienceRating", "userRating", "viewCount", "viewOffset",
    "lastViewedAt", "lastViewedAtIso", "addedAt", "addedAtIso", "updatedAt", "updatedAtIso", "childCount", "leafCount",
    "viewedLeafCount", "guid", "Guid", "Genre", "Country", "Director", "Writer", "Role", "Collection",
    "Media.videoResolution", "Media.width", "Media.height", "Media.videoFrameRate", "Media.videoCodec",
    "Media.videoProfile", "Media.audioCodec", "Media.audioChannels", "Media.audioProfile", "Media.bitrate",
    "Media.container", "Media.duration", "Media.Part.file", "Media.Part.size", "Media.Part.container", "subtype",
    "parentRatingKey", "grandparentRatingKey", "librarySectionID", "key", "thumb", "art",
];

/// Further columns where each item was asked for by itself.
#[rustfmt::skip]
const DEEP_COLUMNS: [&str; 16] = [
    "Label", "Field", "Producer", "Similar", "Mood", "Style", "Media.Part.Stream.displayTitle",
    "Media.Part.Stream.codec", "Media.Part.Stream.language", "Media.Part.Stream.languageTag",
    "Media.Part.Stream.default", "Media.Part.Stream.forced", "Chapter", "Marker", "Extras", "Rating",
];

impl Detail {
    /// More bytes than an item takes on the average in any real library: what is reserved of a limit on bytes.
    pub fn most_bytes_an_item(self) -> u64 {
        match self {
            Self::Summary => 1 << 10,
            Self::Full => 16 << 10,
            Self::Deep => 128 << 10,
        }
    }

    /// The name, as clients write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::Full => "full",
            Self::Deep => "deep",
        }
    }

    /// What is written of each item where no fields were chosen; none for all.
    fn fields(self, format: Format) -> Option<Vec<&'static str>> {
        match (self, format) {
            (Self::Summary, _) => Some(SUMMARY.to_vec()),
            (Self::Full, Format::Csv) => Some(FULL_COLUMNS.to_vec()),
            (Self::Deep, Format::Csv) => Some([FULL_COLUMNS.as_slice(), &DEEP_COLUMNS].concat()),
            (Self::Full | Self::Deep, Format::Json | Format::Ndjson) => None,
        }
    }
}

/// What of each item is written, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Layout {
    /// How much is asked for of each.
    pub detail: Detail,
    /// The fields that are written, by their paths; empty for all that the detail has.
    pub fields: Vec<String>,
    /// What the file looks like.
    pub format: Format,
    /// Fields that never reach the disk.
    pub redact: Vec<String>,
}

impl Layout {
    fn hide(&self) -> Option<Paths> {
        (!self.redact.is_empty()).then(|| Paths::new(self.redact.iter().map(String::as_str)))
    }

    /// The paths of what is written; none for all there is.
    fn paths(&self) -> Option<Vec<&str>> {
        if self.fields.is_empty() {
            return self.detail.fields(self.format);
        }
        Some(self.fields.iter().map(String::as_str).collect())
    }

    /// For JSON.
    pub(super) fn selection(&self) -> Selection {
        let keep = self.paths().map(Paths::new);
        Selection { keep, hide: self.hide(), dates: self.detail == Detail::Deep }
    }

    /// For a table.
    pub(super) fn columns(&self) -> crate::plex::csv::Columns {
        crate::plex::csv::Columns::new(self.paths().unwrap_or_default(), self.hide())
    }
}
