//! What the account has watched: each film and episode once, with the number of its plays.

use super::{
    error::TraktError,
    history::{Work, moment},
    http::Trakt,
    ids::Ids,
    pages::Pages,
};
use crate::{http::Get, plex::lenient};
use serde::Deserialize;
use std::collections::HashSet;

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

/// The films and shows of which the account has watched something, to be asked for by ids.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    movies: HashSet<String>,
    shows: HashSet<String>,
}

impl Watched {
    /// Whether the account has watched the film with one of these ids.
    pub fn has_movie(&self, ids: &Ids) -> bool {
        ids.names().any(|name| self.movies.contains(&name))
    }

    /// Whether the account has watched something of the show with one of these ids.
    pub fn has_show(&self, ids: &Ids) -> bool {
        ids.names().any(|name| self.shows.contains(&name))
    }
}

impl Trakt {
    /// What the account has watched, for whoever only wants to know whether it has.
    pub async fn watched(&self) -> Result<Watched, TraktError> {
        let movies = self.watched_movies().await?;
        let shows = Pages::new(self, Get::new("the watched shows", ["sync", "watched", "shows"]));
        let shows: Vec<WatchedShow> = shows.all().await?;
        Ok(Watched {
            movies: movies.iter().flat_map(|movie| movie.movie.ids.names()).collect(),
            shows: shows.iter().flat_map(|show| show.show.ids.names()).collect(),
        })
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_is_known_by_any_of_its_ids_and_is_no_show() {
        let tmdb = |id| Ids { tmdb: Some(id), ..Ids::default() };
        let watched = Watched { movies: tmdb(5).names().collect(), shows: tmdb(6).names().collect() };
        assert!(watched.has_movie(&Ids { imdb: Some("tt1".into()), ..tmdb(5) }));
        assert!(!watched.has_movie(&tmdb(6)) && watched.has_show(&tmdb(6)));
        assert!(!watched.has_movie(&Ids::default()), "what has no ids is not known");
    }
}
