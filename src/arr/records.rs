//! What Sonarr and Radarr answer, as far as it is of use. Everything may be absent: one odd field loses no title.

mod profiles;
mod queue;
mod system;

pub use profiles::{FormatItem, QualityItem, QualityProfile, RootFolder};
pub use queue::{Download, QualityModel, StatusMessage};
pub use system::{Command, Health, SystemStatus};

use super::text::without_secrets;
use crate::plex::lenient::{flag, integer, list, number, text};
use serde::Deserialize;

/// A series or a film: in the library, or found by a lookup.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Title {
    /// Its number in the library; absent or 0 where it is not there.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// The title.
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
    /// A film's title in its own language.
    #[serde(deserialize_with = "text")]
    pub original_title: Option<String>,
    /// The title that it is sorted by.
    #[serde(deserialize_with = "text")]
    pub sort_title: Option<String>,
    /// Other titles.
    #[serde(deserialize_with = "list")]
    pub alternate_titles: Vec<OtherTitle>,
    /// The year of its first showing.
    #[serde(deserialize_with = "integer")]
    pub year: Option<i64>,
    /// Whether it is being shown: continuing, ended, ..; announced, released, ..
    #[serde(deserialize_with = "text")]
    pub status: Option<String>,
    /// What it is about.
    #[serde(deserialize_with = "text")]
    pub overview: Option<String>,
    /// A series' network.
    #[serde(deserialize_with = "text")]
    pub network: Option<String>,
    /// A film's studio.
    #[serde(deserialize_with = "text")]
    pub studio: Option<String>,
    /// Whether the service looks for it.
    #[serde(deserialize_with = "flag")]
    pub monitored: bool,
    /// A series' seasons.
    #[serde(deserialize_with = "list")]
    pub seasons: Vec<Season>,
    /// What there is of it.
    #[serde(deserialize_with = "one")]
    pub statistics: Option<Statistics>,
    /// TVDB's number.
    #[serde(deserialize_with = "integer")]
    pub tvdb_id: Option<i64>,
    /// TMDB's number.
    #[serde(deserialize_with = "integer")]
    pub tmdb_id: Option<i64>,
    /// IMDb's id.
    #[serde(deserialize_with = "text")]
    pub imdb_id: Option<String>,
    /// Minutes.
    #[serde(deserialize_with = "integer")]
    pub runtime: Option<i64>,
    /// Genres.
    #[serde(deserialize_with = "list")]
    pub genres: Vec<String>,
    /// Such as PG-13.
    #[serde(deserialize_with = "text")]
    pub certification: Option<String>,
    /// standard, daily or anime.
    #[serde(deserialize_with = "text")]
    pub series_type: Option<String>,
    /// A part of the service's own addresses.
    #[serde(deserialize_with = "text")]
    pub title_slug: Option<String>,
    /// Where it is kept.
    #[serde(deserialize_with = "text")]
    pub path: Option<String>,
    /// The root folder of that.
    #[serde(deserialize_with = "text")]
    pub root_folder_path: Option<String>,
    /// The quality profile's number.
    #[serde(deserialize_with = "integer")]
    pub quality_profile_id: Option<i64>,
    /// Whether there is a file of the film.
    #[serde(deserialize_with = "flag")]
    pub has_file: bool,
    /// Bytes of the film's file.
    #[serde(deserialize_with = "integer")]
    pub size_on_disk: Option<i64>,
    /// From when on a film is looked for.
    #[serde(deserialize_with = "text")]
    pub minimum_availability: Option<String>,
    /// When a film is shown in cinemas.
    #[serde(deserialize_with = "text")]
    pub in_cinemas: Option<String>,
    /// When a film is to be had as a file.
    #[serde(deserialize_with = "text")]
    pub digital_release: Option<String>,
    /// When a film is to be had on a disc.
    #[serde(deserialize_with = "text")]
    pub physical_release: Option<String>,
}

/// Another title.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OtherTitle {
    /// The title.
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
}

/// A season of a series.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Season {
    /// Its number; 0 is the specials.
    #[serde(deserialize_with = "integer")]
    pub season_number: Option<i64>,
    /// Whether the service looks for it.
    #[serde(deserialize_with = "flag")]
    pub monitored: bool,
}

/// What there is of a series.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Statistics {
    /// Episodes with a file.
    #[serde(deserialize_with = "integer")]
    pub episode_file_count: Option<i64>,
    /// Episodes that there should be a file of by now.
    #[serde(deserialize_with = "integer")]
    pub episode_count: Option<i64>,
    /// All episodes.
    #[serde(deserialize_with = "integer")]
    pub total_episode_count: Option<i64>,
    /// Bytes.
    #[serde(deserialize_with = "integer")]
    pub size_on_disk: Option<i64>,
    /// Files of a hundred due episodes.
    #[serde(deserialize_with = "number")]
    pub percent_of_episodes: Option<f64>,
}

/// An episode that is missing or comes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Episode {
    /// Its number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// The series' number.
    #[serde(deserialize_with = "integer")]
    pub series_id: Option<i64>,
    /// The season; 0 is the specials.
    #[serde(deserialize_with = "integer")]
    pub season_number: Option<i64>,
    /// The number in the season.
    #[serde(deserialize_with = "integer")]
    pub episode_number: Option<i64>,
    /// The title.
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
    /// The day of its first showing, where the network is.
    #[serde(deserialize_with = "text")]
    pub air_date: Option<String>,
    /// The moment of its first showing.
    #[serde(deserialize_with = "text")]
    pub air_date_utc: Option<String>,
    /// Whether there is a file.
    #[serde(deserialize_with = "flag")]
    pub has_file: bool,
    /// Whether the service looks for it.
    #[serde(deserialize_with = "flag")]
    pub monitored: bool,
    /// What it is about.
    #[serde(deserialize_with = "text")]
    pub overview: Option<String>,
    /// The series.
    #[serde(deserialize_with = "one")]
    pub series: Option<Title>,
}

/// Something with a number and a name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Named {
    /// The number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// The name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
}

/// A sentence of the service's, without keys that it may quote.
fn said<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(text(from)?.map(|text| without_secrets(&text)))
}

/// Sentences of the service's.
fn all_said<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let sentences: Vec<String> = list(from)?;
    Ok(sentences.iter().map(|text| without_secrets(text)).collect())
}

/// An object; one that can't be read is taken for absent.
fn one<'de, D: serde::Deserializer<'de>, T: serde::de::DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(list(from)?.into_iter().next())
}
