//! What the account has watched: each film and episode once, with the number of its plays.

use super::{
    error::TraktError,
    history::{Work, moment},
    http::Trakt,
    pages::Pages,
};
use crate::{http::Get, plex::lenient};
use serde::Deserialize;

/// A film that was watched.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WatchedMovie {
    /// How often.
    #[serde(deserialize_with = "lenient::integer")]
    pub plays: Option<i64>,
    /// When last, in seconds since 1970.
    #[serde(deserialize_with = "moment")]
    pub last_watched_at: Option<i64>,
    /// The film.
    pub movie: Work,
}

/// A show of which something was watched.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WatchedShow {
    /// Plays of its episodes.
    #[serde(deserialize_with = "lenient::integer")]
    pub plays: Option<i64>,
    /// When last, in seconds since 1970.
    #[serde(deserialize_with = "moment")]
    pub last_watched_at: Option<i64>,
    /// The show.
    pub show: Work,
    /// The seasons of which something was watched.
    #[serde(deserialize_with = "lenient::list")]
    pub seasons: Vec<WatchedSeason>,
}

/// A season of which something was watched.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WatchedSeason {
    /// Its number; 0 is the specials.
    #[serde(deserialize_with = "lenient::integer")]
    pub number: Option<i64>,
    /// The episodes that were watched.
    #[serde(deserialize_with = "lenient::list")]
    pub episodes: Vec<WatchedEpisode>,
}

/// An episode that was watched.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WatchedEpisode {
    /// The number within the season.
    #[serde(deserialize_with = "lenient::integer")]
    pub number: Option<i64>,
    /// How often.
    #[serde(deserialize_with = "lenient::integer")]
    pub plays: Option<i64>,
    /// When last, in seconds since 1970.
    #[serde(deserialize_with = "moment")]
    pub last_watched_at: Option<i64>,
}

impl Trakt {
    /// The films that the account has watched.
    pub async fn watched_movies(&self) -> Result<Vec<WatchedMovie>, TraktError> {
        Pages::new(self, Get::new("the watched films", ["sync", "watched", "movies"])).all().await
    }

    /// The shows of which the account has watched something, with their episodes, which Trakt tells only where asked since
    /// 2026.
    pub async fn watched_shows(&self) -> Result<Vec<WatchedShow>, TraktError> {
        let request = Get::new("the watched shows", ["sync", "watched", "shows"]).with("extended", "progress");
        Pages::new(self, request).all().await
    }
}
