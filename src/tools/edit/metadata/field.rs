//! The fields and tags of an item that can be edited: their names, which types have them, and how they read.

use crate::{
    plex::items::{Item, Tag},
    tools::change::before::TagKept,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::tools) enum Field {
    Title,
    SortTitle,
    OriginalTitle,
    Summary,
    Year,
    ContentRating,
    Rating,
    Tagline,
    Studio,
}

/// A family of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::tools) enum Family {
    Genres,
    Collections,
    Roles,
    Directors,
}

impl Field {
    /// Every field.
    pub(in crate::tools) const ALL: [Self; 9] = [
        Self::Title,
        Self::SortTitle,
        Self::OriginalTitle,
        Self::Summary,
        Self::Year,
        Self::ContentRating,
        Self::Rating,
        Self::Tagline,
        Self::Studio,
    ];

    /// The argument's name, and Plex's.
    pub(in crate::tools) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Title => ("title", "title"),
            Self::SortTitle => ("sortTitle", "titleSort"),
            Self::OriginalTitle => ("originalTitle", "originalTitle"),
            Self::Summary => ("summary", "summary"),
            Self::Year => ("year", "year"),
            Self::ContentRating => ("contentRating", "contentRating"),
            Self::Rating => ("rating", "rating"),
            Self::Tagline => ("tagline", "tagline"),
            Self::Studio => ("studio", "studio"),
        }
    }

    /// The field of Plex's name.
    pub(in crate::tools) fn of_plex(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.names().1 == name)
    }

    /// Whether items of a type have it.
    pub(in crate::tools) fn is_of(self, kind: &str) -> bool {
        match self {
            Self::Title | Self::Summary => true,
            Self::SortTitle => kind != "season",
            Self::OriginalTitle => matches!(kind, "movie" | "show" | "track"),
            Self::Year => matches!(kind, "movie" | "show" | "episode" | "album"),
            Self::ContentRating => matches!(kind, "movie" | "show" | "episode" | "collection"),
            Self::Rating => matches!(kind, "movie" | "show" | "season" | "episode" | "artist" | "album"),
            Self::Tagline => matches!(kind, "movie" | "show"),
            Self::Studio => matches!(kind, "movie" | "show" | "album"),
        }
    }

    /// Its text; empty for none.
    pub(in crate::tools) fn of(self, item: &Item) -> String {
        let text = match self {
            Self::Title => item.title.clone(),
            Self::SortTitle => item.title_sort.clone(),
            Self::OriginalTitle => item.original_title.clone(),
            Self::Summary => item.summary.clone(),
            Self::Year => item.year.map(|year| year.to_string()),
            Self::ContentRating => item.content_rating.clone(),
            Self::Rating => item.rating.map(|rating| ((rating * 100.0).round() / 100.0).to_string()),
            Self::Tagline => item.tagline.clone(),
            Self::Studio => item.studio.clone(),
        };
        text.unwrap_or_default()
    }

    /// Whether an item has that text there. Plex tells no sort title that is the title, and passes line ends on as spaces.
    pub(in crate::tools) fn is(self, item: &Item, text: &str) -> bool {
        let now = self.of(item);
        let plain = |text: &str| text.replace(['\r', '\n', '\t'], " ");
        now == text
            || plain(&now) == plain(text)
            || (self == Self::SortTitle && now.is_empty() && Self::Title.of(item) == text)
    }
}

impl Family {
    /// Every family.
    pub(in crate::tools) const ALL: [Self; 4] = [Self::Genres, Self::Collections, Self::Roles, Self::Directors];

    /// The argument's name, and Plex's.
    pub(in crate::tools) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Genres => ("genres", "genre"),
            Self::Collections => ("collections", "collection"),
            Self::Roles => ("roles", "actor"),
            Self::Directors => ("directors", "director"),
        }
    }

    /// The family of Plex's name.
    pub(in crate::tools) fn of_plex(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.names().1 == name)
    }

    /// Whether items of a type have it.
    pub(in crate::tools) fn is_of(self, kind: &str) -> bool {
        match self {
            Self::Genres => matches!(kind, "movie" | "show" | "artist" | "album" | "track"),
            Self::Collections => kind != "collection" && kind != "photo",
            Self::Roles => matches!(kind, "movie" | "show" | "episode"),
            Self::Directors => matches!(kind, "movie" | "episode"),
        }
    }

    /// The tags of an item.
    pub(in crate::tools) fn of(self, item: &Item) -> Vec<TagKept> {
        let tags = match self {
            Self::Genres => &item.genres,
            Self::Collections => &item.collections,
            Self::Roles => &item.roles,
            Self::Directors => &item.directors,
        };
        let kept = |tag: &Tag| Some(TagKept { tag: tag.tag.clone()?, role: tag.role.clone() });
        tags.iter().filter_map(kept).collect()
    }

    /// Whether an item has just these tags, in any order.
    pub(in crate::tools) fn is(self, item: &Item, tags: &[TagKept]) -> bool {
        let sorted = |tags: &[TagKept]| {
            let mut words: Vec<String> = tags.iter().map(|tag| tag.tag.clone()).collect();
            words.sort_unstable();
            words
        };
        sorted(&self.of(item)) == sorted(tags)
    }
}

/// Whether a refresh leaves a field or a family of an item alone, by Plex's name.
pub(in crate::tools) fn is_locked(item: &Item, name: &str) -> bool {
    item.fields.iter().any(|field| field.locked && field.name.as_deref() == Some(name))
}

/// Plex's number for the type of an item, where items of it can be edited.
pub(in crate::tools) fn type_number(item: &Item) -> Option<&'static str> {
    Some(match item.kind.as_deref()? {
        "movie" => "1",
        "show" => "2",
        "season" => "3",
        "episode" => "4",
        "artist" => "8",
        "album" => "9",
        "track" => "10",
        "photo" if item.is_photo_album() => "14",
        "photo" => "13",
        "collection" => "18",
        _ => return None,
    })
}
