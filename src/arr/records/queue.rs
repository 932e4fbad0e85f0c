//! What is being downloaded.

use super::{Episode, Named, Title, all_said, one, said};
use crate::plex::lenient::{integer, list, number, text};
use serde::Deserialize;

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
