//! An item in a list, with all that lists can say of it.

use super::ItemRow;
use crate::{
    plex::items::{Item, Tag},
    tools::text::shorten,
};
use schemars::JsonSchema;
use serde::Serialize;

/// Characters of a summary in a list.
const SUMMARY_CHARS: usize = 200;

/// The keys that say which item a row is.
pub const IDENTITY: [&str; 11] = [
    "ratingKey",
    "title",
    "originalTitle",
    "type",
    "year",
    "guid",
    "editionTitle",
    "grandparentTitle",
    "parentTitle",
    "parentIndex",
    "index",
];

/// An item in a list, with everything that `fields` can ask for. What does not apply to it is absent.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedItem {
    #[serde(flatten)]
    row: ItemRow,
    /// The library's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    library_key: Option<String>,
    /// The library's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    /// The ratingKey of the season, show, album or artist that the item belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_rating_key: Option<String>,
    /// The ratingKey of an episode's show, of a track's artist.
    #[serde(skip_serializing_if = "Option::is_none")]
    grandparent_rating_key: Option<String>,
    /// The beginning of the summary; `get_media_details` has all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    /// Age rating.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_rating: Option<String>,
    /// Critics' rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<f64>,
    /// Audience's rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    audience_rating: Option<f64>,
    /// The account's own rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<f64>,
    /// Length in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    /// Date of release, YYYY-MM-DD.
    #[serde(skip_serializing_if = "Option::is_none")]
    originally_available_at: Option<String>,
    /// When it was added, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    added_at: Option<i64>,
    /// Finished plays by the token's account; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    view_count: Option<i64>,
    /// Where a play that is under way stands, in milliseconds. Plex clears it when a play ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    view_offset: Option<i64>,
    /// How much of the item a play that is under way has passed, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress_percent: Option<f64>,
    /// When it was last played, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_viewed_at: Option<i64>,
    /// Seasons of a show, albums of an artist.
    #[serde(skip_serializing_if = "Option::is_none")]
    child_count: Option<i64>,
    /// Episodes of a show or season, tracks of an album.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf_count: Option<i64>,
    /// How many of them are watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    viewed_leaf_count: Option<i64>,
    /// The studio or network.
    #[serde(skip_serializing_if = "Option::is_none")]
    studio: Option<String>,
    /// Genres. Plex's lists hold the first few; `get_media_details` has all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    genres: Vec<String>,
    /// The resolution of each version: 4k, 1080, 720, sd, ...
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resolutions: Vec<String>,
}

impl ListedItem {
    /// The row of an item. The rows of a library's own listing don't say which library they are of.
    pub fn of(item: Item, library_key: Option<&str>) -> Self {
        Self {
            row: ItemRow::from(&item),
            library_key: item.library_section_id.or_else(|| library_key.map(str::to_owned)),
            library: item.library_section_title,
            parent_rating_key: item.parent_rating_key,
            grandparent_rating_key: item.grandparent_rating_key,
            summary: short_summary(item.summary),
            content_rating: item.content_rating,
            rating: item.rating,
            audience_rating: item.audience_rating,
            user_rating: item.user_rating,
            progress_percent: progress_percent(item.view_offset, item.duration),
            duration: item.duration,
            originally_available_at: item.originally_available_at,
            added_at: item.added_at,
            view_count: item.view_count,
            view_offset: item.view_offset,
            last_viewed_at: item.last_viewed_at,
            child_count: item.child_count,
            leaf_count: item.leaf_count,
            viewed_leaf_count: item.viewed_leaf_count,
            studio: item.studio,
            genres: words(item.genres),
            resolutions: item.media.into_iter().filter_map(|media| media.video_resolution).collect(),
        }
    }
}

/// The words of some tags.
pub fn words(tags: Vec<Tag>) -> Vec<String> {
    tags.into_iter().filter_map(|tag| tag.tag).collect()
}

/// As much of a summary as a list has room for; nothing of an empty one.
pub fn short_summary(summary: Option<String>) -> Option<String> {
    summary.filter(|text| !text.is_empty()).map(|text| shorten(text, SUMMARY_CHARS))
}

/// How far a play is, in percent with one decimal. None where either number is missing or makes no sense.
pub fn progress_percent(offset: Option<i64>, duration: Option<i64>) -> Option<f64> {
    let (offset, duration) = (offset.filter(|&offset| offset >= 0)?, duration.filter(|&duration| duration > 0)?);
    let permille = i128::from(offset.min(duration)) * 1_000 / i128::from(duration);
    #[expect(clippy::cast_precision_loss, reason = "at most 1,000")]
    Some(permille as f64 / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_needs_two_numbers_that_make_sense() {
        assert_eq!(progress_percent(Some(600_000), Some(5_400_000)), Some(11.1));
        assert_eq!(progress_percent(Some(0), Some(5_400_000)), Some(0.0));
        assert_eq!(progress_percent(Some(6), Some(5)), Some(100.0));
        assert_eq!(progress_percent(Some(i64::MAX), Some(i64::MAX)), Some(100.0));
        for (offset, duration) in [(None, Some(1)), (Some(1), None), (Some(1), Some(0)), (Some(-1), Some(1))] {
            assert_eq!(progress_percent(offset, duration), None);
        }
    }
}
