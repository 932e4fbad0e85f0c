//! Series and films as the model sees them.

use super::OVERVIEW_CHARS;
use crate::{arr::records::Title, tools::text::shorten};
use schemars::JsonSchema;
use serde::Serialize;

/// A series of Sonarr's library. What does not apply to it is absent.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SeriesRow {
    /// The number that other tools take as seriesId.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<i64>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The year of its first showing.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// continuing, ended, upcoming or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// The network.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    /// Whether Sonarr looks for its episodes.
    monitored: bool,
    /// Seasons, the specials apart.
    seasons: u64,
    /// Seasons that Sonarr looks for.
    monitored_seasons: u64,
    /// Episodes with a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    episode_file_count: Option<i64>,
    /// Episodes that there should be a file of by now.
    #[serde(skip_serializing_if = "Option::is_none")]
    episode_count: Option<i64>,
    /// Files of a hundred of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent_of_episodes: Option<f64>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_on_disk: Option<i64>,
    /// TVDB's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    tvdb_id: Option<i64>,
    /// IMDb's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    imdb_id: Option<String>,
    /// Where it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The quality profile's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    quality_profile_id: Option<i64>,
    /// The beginning of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    overview: Option<String>,
}

impl From<Title> for SeriesRow {
    fn from(title: Title) -> Self {
        let statistics = title.statistics.unwrap_or_default();
        Self {
            seasons: count(&title, |_| true),
            monitored_seasons: count(&title, |monitored| monitored),
            id: title.id,
            title: title.title,
            year: title.year.filter(|year| *year > 0),
            status: title.status,
            network: title.network,
            monitored: title.monitored,
            episode_file_count: statistics.episode_file_count,
            episode_count: statistics.episode_count,
            percent_of_episodes: statistics.percent_of_episodes.map(tenths),
            size_on_disk: statistics.size_on_disk,
            tvdb_id: title.tvdb_id,
            imdb_id: title.imdb_id.filter(|id| !id.is_empty()),
            path: title.path,
            quality_profile_id: title.quality_profile_id,
            overview: overview(title.overview),
        }
    }
}

/// A film of Radarr's library. What does not apply to it is absent.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MovieRow {
    /// The number that other tools take as movieId.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<i64>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The title in the language of the original, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    original_title: Option<String>,
    /// The year.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// tba, announced, inCinemas, released or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Whether there is a file.
    has_file: bool,
    /// Whether Radarr looks for it.
    monitored: bool,
    /// Minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<i64>,
    /// TMDB's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    tmdb_id: Option<i64>,
    /// IMDb's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    imdb_id: Option<String>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_on_disk: Option<i64>,
    /// From when on Radarr looks for it: announced, inCinemas or released.
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_availability: Option<String>,
    /// Where it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The quality profile's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    quality_profile_id: Option<i64>,
    /// The beginning of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    overview: Option<String>,
}

impl From<Title> for MovieRow {
    fn from(title: Title) -> Self {
        let size = title.size_on_disk.or_else(|| title.statistics?.size_on_disk);
        Self {
            id: title.id,
            original_title: title.original_title.filter(|original| Some(original) != title.title.as_ref()),
            title: title.title,
            year: title.year.filter(|year| *year > 0),
            status: title.status,
            has_file: title.has_file,
            monitored: title.monitored,
            runtime: title.runtime.filter(|minutes| *minutes > 0),
            tmdb_id: title.tmdb_id,
            imdb_id: title.imdb_id.filter(|id| !id.is_empty()),
            size_on_disk: size,
            minimum_availability: title.minimum_availability,
            path: title.path,
            quality_profile_id: title.quality_profile_id,
            overview: overview(title.overview),
        }
    }
}

/// Seasons, the specials apart.
pub(super) fn count(title: &Title, which: impl Fn(bool) -> bool) -> u64 {
    let seasons = title.seasons.iter().filter(|season| season.season_number.is_some_and(|number| number > 0));
    seasons.filter(|season| which(season.monitored)).count() as u64
}

/// The beginning of what a title is about.
pub(super) fn overview(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(|text| shorten(text, OVERVIEW_CHARS))
}

/// A title with its year, in quotation marks.
pub(super) fn label(title: &Title) -> String {
    let name = title.title.as_deref().unwrap_or("without a title");
    match title.year.filter(|year| *year > 0) {
        Some(year) => format!("\"{name}\" ({year})"),
        None => format!("\"{name}\""),
    }
}

/// A number with one decimal.
pub(super) fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
