//! The account's ratings, whole numbers from 1 to 10.

use super::{
    error::TraktError,
    history::{EpisodeOf, Work},
    http::Trakt,
    ids::Ids,
    pages::Pages,
};
use crate::{
    guard::Cleared,
    http::{Change, Get},
    plex::lenient,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// A rating that the account has given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rated {
    /// 1 to 10.
    #[serde(deserialize_with = "lenient::integer")]
    pub rating: Option<i64>,
    /// The film.
    pub movie: Option<Work>,
    /// The show, also of an episode.
    pub show: Option<Work>,
    /// The episode.
    pub episode: Option<EpisodeOf>,
}

/// A rating that the account is to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRating {
    /// What is rated.
    pub what: RatedKind,
    /// Its ids.
    pub ids: Ids,
    /// 1 to 10.
    pub rating: i64,
}

/// What can be rated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RatedKind {
    /// A film.
    Movie,
    /// A show.
    Show,
}

/// The rating that Trakt takes for a user's rating of Plex's, which may have a fraction and the noise of a 32-bit number:
/// rounded, and none where it is none. Plex takes a rating away by making it 0 or less.
pub fn rounded(user_rating: Option<f64>) -> Option<i64> {
    let rating = user_rating.filter(|rating| rating.is_finite() && *rating > 0.0)?;
    #[expect(clippy::cast_possible_truncation, reason = "clamped to 1 to 10")]
    Some(rating.round().clamp(1.0, 10.0) as i64)
}

impl Trakt {
    /// The account's ratings of films.
    pub async fn movie_ratings(&self) -> Result<Vec<Rated>, TraktError> {
        Pages::new(self, Get::new("the ratings of films", ["users", "me", "ratings", "movies"])).all().await
    }

    /// The account's ratings of shows.
    pub async fn show_ratings(&self) -> Result<Vec<Rated>, TraktError> {
        Pages::new(self, Get::new("the ratings of shows", ["users", "me", "ratings", "shows"])).all().await
    }

    /// Rates films and shows, in one request; how many Trakt took.
    pub async fn rate(&self, cleared: &Cleared<'_>, ratings: &[NewRating]) -> Result<u64, TraktError> {
        let what = "rating";
        let of = |kind| -> Vec<Value> {
            let of_kind = ratings.iter().filter(|rating| rating.what == kind);
            of_kind.map(|NewRating { ids, rating, .. }| json!({"ids": ids, "rating": rating})).collect()
        };
        let body = json!({"movies": of(RatedKind::Movie), "shows": of(RatedKind::Show)});
        let change = Change::post(what, ["sync", "ratings"]).json(&body);
        let change = change.map_err(|_| TraktError::Answer { what: what.to_owned() })?;
        let answer: Value = self.change(cleared, &change).await?;
        let count = |kind: &str| answer.get("added").and_then(|added| added.get(kind)?.as_u64()).unwrap_or(0);
        Ok(count("movies") + count("shows"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratings_are_rounded_and_none_is_never_0() {
        for (rating, expected) in [
            (Some(7.599_999_904_632_57), Some(8)),
            (Some(0.5), Some(1)),
            (Some(0.2), Some(1)),
            (Some(10.0), Some(10)),
            (Some(11.0), Some(10)),
            (Some(0.0), None),
            (Some(-1.0), None),
            (Some(f64::NAN), None),
            (None, None),
        ] {
            assert_eq!(rounded(rating), expected, "{rating:?}");
        }
    }
}
