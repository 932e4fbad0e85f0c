//! How things stood before a change, and how the change was to leave them, as the ledger keeps it: what undoing takes.

use crate::guard::MAX_BEFORE_BYTES;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The form of what is kept. Another form is not read.
const VERSION: u32 = 1;

/// A row's before-state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    version: u32,
    /// The change that this one took back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// What was changed.
    pub change: Before,
}

/// A change that can be taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Before {
    /// The account's own rating of an item.
    Rating {
        /// The item.
        rating_key: String,
        /// What it was; none for no rating.
        from: Option<f64>,
        /// What it was set to.
        to: Option<f64>,
    },
    /// Whether items are watched.
    Watched {
        /// The item that was named: a film, or a show with all its episodes.
        rating_key: String,
        /// Whether it was marked as watched.
        to: bool,
        /// What was touched, as it was.
        leaves: Vec<Seen>,
    },
    /// An item's fields and tags.
    Metadata {
        /// The item.
        rating_key: String,
        /// The fields.
        fields: Vec<FieldBefore>,
        /// The tags, by family.
        tags: Vec<TagsBefore>,
        /// The poster that was shown, where another one was uploaded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        poster: Option<PosterBefore>,
    },
    /// What is in a playlist.
    Entries {
        /// The playlist.
        playlist: String,
        /// What it played, by rating key, in its order.
        from: Vec<String>,
        /// What it was to play.
        to: Vec<String>,
    },
    /// A playlist that was made.
    Made {
        /// Its title.
        title: String,
        /// The playlists of that title that there were.
        others: Vec<String>,
        /// What it was to play; none for a smart one.
        items: Option<Vec<String>>,
    },
    /// A playlist that was deleted.
    Deleted {
        /// Its title.
        title: String,
        /// Its summary.
        summary: String,
        /// `video`, `audio` or `photo`.
        kind: String,
        /// The address of what a smart one found.
        rules: Option<String>,
        /// What it played, if it was not smart.
        items: Vec<String>,
    },
    /// Whether a title is on the account's watchlist.
    Watchlist {
        /// The title's key with Plex's online service.
        discover_key: String,
        /// The title in words.
        title: String,
        /// Whether it was put on the list.
        to: bool,
    },
}

/// The watch state of a film or an episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The item.
    #[serde(rename = "k")]
    pub rating_key: String,
    /// Finished plays.
    #[serde(rename = "n", default, skip_serializing_if = "is_none")]
    pub plays: i64,
    /// Where a play that was under way stood, in milliseconds.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// Seconds since 1970.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none(plays: &i64) -> bool {
    *plays == 0
}

/// A field that was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldBefore {
    /// Plex's name of it.
    pub name: String,
    /// Its text, empty for none.
    pub from: String,
    /// Whether it was locked.
    pub locked: bool,
    /// What it was set to.
    pub to: String,
}

/// A tag family that was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagsBefore {
    /// Plex's name of it.
    pub family: String,
    /// The tags that there were.
    pub from: Vec<TagKept>,
    /// Whether they were locked.
    pub locked: bool,
    /// What they were set to.
    pub to: Vec<TagKept>,
}

/// A tag, with the part of someone in the cast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagKept {
    /// The word or the person.
    pub tag: String,
    /// The part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// The posters of an item before one was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PosterBefore {
    /// Plex's name of the one that was shown.
    pub from: String,
    /// Whether it was locked.
    pub locked: bool,
    /// Plex's names of all that there were.
    pub known: Vec<String>,
    /// Plex's name of the one that was chosen; none for one that was uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Kept {
    /// What is kept of a change.
    pub fn new(change: Before, undoes: Option<String>) -> Self {
        Self { version: VERSION, undoes, change }
    }

    /// As a row keeps it; none where it is too long for one.
    pub fn recordable(&self) -> Option<Value> {
        let value = serde_json::to_value(self).ok()?;
        (value.to_string().len() <= MAX_BEFORE_BYTES).then_some(value)
    }

    /// What a row kept; none where it is of another form.
    pub fn read(value: &Value) -> Option<Self> {
        serde_json::from_value(value.clone()).ok().filter(|kept: &Self| kept.version == VERSION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_nothing_else_is() {
        let seen = |plays, offset| Seen { rating_key: "7".into(), plays, offset, last: None };
        for change in [
            Before::Rating { rating_key: "7".into(), from: None, to: Some(7.5) },
            Before::Watched { rating_key: "7".into(), to: true, leaves: vec![seen(0, Some(5)), seen(3, None)] },
            Before::Made { title: "A".into(), others: Vec::new(), items: None },
        ] {
            let kept = Kept::new(change, Some("x".into()));
            assert_eq!(Kept::read(&kept.recordable().unwrap()), Some(kept));
        }
        for other in [serde_json::json!({"version": 2, "change": {"of": "rating", "ratingKey": "7"}}), Value::Null] {
            assert_eq!(Kept::read(&other), None, "{other}");
        }
        let leaves = (0..20_000).map(|_| seen(1, None)).collect();
        let long = Before::Watched { rating_key: "7".into(), to: false, leaves };
        assert_eq!(Kept::new(long, None).recordable(), None);
    }
}
