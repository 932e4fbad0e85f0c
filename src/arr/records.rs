//! What Sonarr and Radarr answer, as far as it is of use. Everything may be absent: one odd field loses no title.

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

/// A download.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Download {
    /// Its number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// The series' number.
    #[serde(deserialize_with = "integer")]
    pub series_id: Option<i64>,
    /// The film's number.
    #[serde(deserialize_with = "integer")]
    pub movie_id: Option<i64>,
    /// The season; 0 is the specials.
    #[serde(deserialize_with = "integer")]
    pub season_number: Option<i64>,
    /// The series.
    #[serde(deserialize_with = "one")]
    pub series: Option<Title>,
    /// The episode.
    #[serde(deserialize_with = "one")]
    pub episode: Option<Episode>,
    /// The film.
    #[serde(deserialize_with = "one")]
    pub movie: Option<Title>,
    /// The release's name.
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
    /// Bytes.
    #[serde(deserialize_with = "number")]
    pub size: Option<f64>,
    /// Bytes that are still to come; the services write it in small letters.
    #[serde(rename = "sizeleft", alias = "sizeLeft", deserialize_with = "number")]
    pub size_left: Option<f64>,
    /// Hours, minutes and seconds that it will still take.
    #[serde(rename = "timeleft", alias = "timeLeft", deserialize_with = "text")]
    pub time_left: Option<String>,
    /// When it will have come.
    #[serde(deserialize_with = "text")]
    pub estimated_completion_time: Option<String>,
    /// downloading, paused, completed, failed, ..
    #[serde(deserialize_with = "text")]
    pub status: Option<String>,
    /// ok, warning or error.
    #[serde(deserialize_with = "text")]
    pub tracked_download_status: Option<String>,
    /// downloading, importPending, failed, ..
    #[serde(deserialize_with = "text")]
    pub tracked_download_state: Option<String>,
    /// What there is to say of it.
    #[serde(deserialize_with = "list")]
    pub status_messages: Vec<StatusMessage>,
    /// What went wrong.
    #[serde(deserialize_with = "said")]
    pub error_message: Option<String>,
    /// usenet or torrent.
    #[serde(deserialize_with = "text")]
    pub protocol: Option<String>,
    /// The download client's name.
    #[serde(deserialize_with = "text")]
    pub download_client: Option<String>,
    /// Where the release was found.
    #[serde(deserialize_with = "text")]
    pub indexer: Option<String>,
    /// The quality.
    #[serde(deserialize_with = "one")]
    pub quality: Option<QualityModel>,
}

/// What there is to say of a download.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StatusMessage {
    /// What it is said of.
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
    /// Sentences.
    #[serde(deserialize_with = "all_said")]
    pub messages: Vec<String>,
}

/// A download's quality.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct QualityModel {
    /// The quality.
    #[serde(deserialize_with = "one")]
    pub quality: Option<Named>,
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

/// A quality profile.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QualityProfile {
    /// Its number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// Whether a file is replaced by a better one.
    #[serde(deserialize_with = "flag")]
    pub upgrade_allowed: bool,
    /// The quality, or group of qualities, beyond which nothing better is looked for.
    #[serde(deserialize_with = "integer")]
    pub cutoff: Option<i64>,
    /// Qualities and groups of them, worst first.
    #[serde(deserialize_with = "list")]
    pub items: Vec<QualityItem>,
    /// The least sum of scores that a release needs.
    #[serde(deserialize_with = "integer")]
    pub min_format_score: Option<i64>,
    /// The sum of scores beyond which nothing better is looked for.
    #[serde(deserialize_with = "integer")]
    pub cutoff_format_score: Option<i64>,
    /// Custom formats and their scores.
    #[serde(deserialize_with = "list")]
    pub format_items: Vec<FormatItem>,
}

/// A quality or a group of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct QualityItem {
    /// A group's number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// A group's name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// The quality, where it is one.
    #[serde(deserialize_with = "one")]
    pub quality: Option<Named>,
    /// Whether it is taken.
    #[serde(deserialize_with = "flag")]
    pub allowed: bool,
}

/// A custom format's score.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FormatItem {
    /// The format's name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// What it counts.
    #[serde(deserialize_with = "integer")]
    pub score: Option<i64>,
}

/// A folder that titles are kept beneath.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RootFolder {
    /// Its number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// Its path.
    #[serde(deserialize_with = "text")]
    pub path: Option<String>,
    /// Whether the service can write to it; where it does not say, it can.
    #[serde(default = "yes", deserialize_with = "flag")]
    pub accessible: bool,
    /// Bytes that are free.
    #[serde(deserialize_with = "integer")]
    pub free_space: Option<i64>,
    /// Folders in it that belong to no title.
    #[serde(deserialize_with = "list")]
    pub unmapped_folders: Vec<serde::de::IgnoredAny>,
}

/// How far a command is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Command {
    /// Its number.
    #[serde(deserialize_with = "integer")]
    pub id: Option<i64>,
    /// Its name.
    #[serde(deserialize_with = "text")]
    pub name: Option<String>,
    /// What it was given with.
    pub body: serde_json::Value,
    /// queued, started, completed, failed, aborted, cancelled or orphaned.
    #[serde(deserialize_with = "text")]
    pub status: Option<String>,
    /// successful or unsuccessful.
    #[serde(deserialize_with = "text")]
    pub result: Option<String>,
    /// What it says.
    #[serde(deserialize_with = "said")]
    pub message: Option<String>,
}

impl Command {
    /// Whether it waits or runs.
    pub fn is_under_way(&self) -> bool {
        matches!(self.status.as_deref(), Some("queued" | "started"))
    }
}

/// What a server says it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SystemStatus {
    /// The program.
    #[serde(deserialize_with = "text")]
    pub app_name: Option<String>,
    /// The name that its owner gave it.
    #[serde(deserialize_with = "text")]
    pub instance_name: Option<String>,
    /// Its version.
    #[serde(deserialize_with = "text")]
    pub version: Option<String>,
}

impl SystemStatus {
    /// The first part of the version.
    pub fn major(&self) -> Option<u64> {
        self.version.as_deref()?.split('.').next()?.parse().ok()
    }
}

/// A complaint of a server about itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Health {
    /// Which of its checks.
    #[serde(deserialize_with = "text")]
    pub source: Option<String>,
    /// notice, warning or error.
    #[serde(rename = "type", deserialize_with = "text")]
    pub kind: Option<String>,
    /// What it says.
    #[serde(deserialize_with = "said")]
    pub message: Option<String>,
    /// Where more is said.
    #[serde(deserialize_with = "text")]
    pub wiki_url: Option<String>,
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

fn yes() -> bool {
    true
}

/// An object; one that can't be read is taken for absent.
fn one<'de, D: serde::Deserializer<'de>, T: serde::de::DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Ok(list(from)?.into_iter().next())
}
