//! The account's history: reading it page by page, and adding plays. Trakt adds what it is sent, twice if it is sent twice,
//! so what is there has to be read first.

use super::{error::TraktError, http::Trakt, ids::Ids, pages::Pages};
use crate::{
    guard::Cleared,
    http::{Change, Get},
    plex::lenient,
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// A film or a show, as Trakt names it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Work {
    /// The title.
    #[serde(deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// The year of release.
    #[serde(deserialize_with = "lenient::integer")]
    pub year: Option<i64>,
    /// Its ids.
    pub ids: Ids,
}

/// An episode, as Trakt names it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EpisodeOf {
    /// The season's number; 0 is the specials.
    #[serde(deserialize_with = "lenient::integer")]
    pub season: Option<i64>,
    /// The number within the season.
    #[serde(deserialize_with = "lenient::integer")]
    pub number: Option<i64>,
    /// The title.
    #[serde(deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// Its ids.
    pub ids: Ids,
}

/// A play that the account has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Viewed {
    /// When, in seconds since 1970; none where Trakt does not know.
    #[serde(deserialize_with = "moment")]
    pub watched_at: Option<i64>,
    /// The film.
    pub movie: Option<Work>,
    /// The episode.
    pub episode: Option<EpisodeOf>,
    /// The episode's show.
    pub show: Option<Work>,
}

/// A time as Trakt writes it, in seconds since 1970. What is none is absent.
pub(super) fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let text = lenient::text(from)?;
    Ok(text.and_then(|text| text.parse::<Timestamp>().ok()).map(Timestamp::as_second))
}

/// A play that the account is to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPlay {
    /// What was played.
    pub what: What,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// Something that can be played, as Trakt is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A film.
    Movie(Ids),
    /// An episode by its show and its numbers, which is how Plex and Trakt agree best.
    Episode {
        /// The show.
        show: Ids,
        /// The season's number; 0 is the specials.
        season: i64,
        /// The number within the season.
        number: i64,
    },
    /// An episode by its own ids, where those of its show are not known.
    LoneEpisode(Ids),
}

/// What became of plays that were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Plays that the account has got.
    pub added: u64,
    /// The places, in what was sent, of plays of something that Trakt does not know.
    pub not_found: Vec<usize>,
}

impl Trakt {
    /// The account's plays of films, most recent first: all, or those since a time in seconds since 1970.
    pub fn movie_history(&self, since: Option<i64>) -> Pages {
        self.history(Get::new("the history of films", ["users", "me", "history", "movies"]), since)
    }

    /// The account's plays of episodes, most recent first: all, or those since a time in seconds since 1970.
    pub fn episode_history(&self, since: Option<i64>) -> Pages {
        self.history(Get::new("the history of episodes", ["users", "me", "history", "episodes"]), since)
    }

    fn history(&self, request: Get, since: Option<i64>) -> Pages {
        let since = since.and_then(|since| Timestamp::from_second(since).ok());
        Pages::new(self, since.into_iter().fold(request, |request, since| request.with("start_at", since.to_string())))
    }

    /// Adds plays to the history, in one request.
    pub async fn add_to_history(&self, cleared: &Cleared<'_>, plays: &[NewPlay]) -> Result<Added, TraktError> {
        let what = "adding plays to the history";
        let change = Change::post(what, ["sync", "history"]).json(&body(plays));
        let change = change.map_err(|_| TraktError::Answer { what: what.to_owned() })?;
        let answer: Answer = self.change(cleared, &change).await?;
        Ok(answer.read(plays))
    }
}

fn body(plays: &[NewPlay]) -> Value {
    let (mut movies, mut shows, mut episodes) = (Vec::new(), Vec::<(&Ids, Vec<(i64, Vec<Value>)>)>::new(), Vec::new());
    for NewPlay { what, at } in plays {
        let watched_at = Timestamp::from_second(*at).map(|at| at.to_string()).unwrap_or_default();
        match what {
            What::Movie(ids) => movies.push(json!({"ids": ids, "watched_at": watched_at})),
            What::LoneEpisode(ids) => episodes.push(json!({"ids": ids, "watched_at": watched_at})),
            What::Episode { show, season, number } => {
                let seasons = of(&mut shows, show);
                of(seasons, *season).push(json!({"number": number, "watched_at": watched_at}));
            }
        }
    }
    let seasons = |seasons: Vec<(i64, Vec<Value>)>| -> Vec<Value> {
        seasons.into_iter().map(|(number, episodes)| json!({"number": number, "episodes": episodes})).collect()
    };
    let shows: Vec<Value> =
        shows.into_iter().map(|(ids, of_it)| json!({"ids": ids, "seasons": seasons(of_it)})).collect();
    json!({"movies": movies, "shows": shows, "episodes": episodes})
}

/// The list that belongs to `key`, made where there is none.
fn of<K: PartialEq, V>(lists: &mut Vec<(K, Vec<V>)>, key: K) -> &mut Vec<V> {
    let at = lists.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
        lists.push((key, Vec::new()));
        lists.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "the place was found or made in the line above")]
    &mut lists[at].1
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    added: Counts,
    #[serde(deserialize_with = "nothing_for_null")]
    not_found: NotFound,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    #[serde(deserialize_with = "lenient::integer")]
    movies: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    episodes: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NotFound {
    #[serde(deserialize_with = "lenient::list")]
    movies: Vec<Missing>,
    #[serde(deserialize_with = "lenient::list")]
    shows: Vec<Missing>,
    #[serde(deserialize_with = "lenient::list")]
    episodes: Vec<Missing>,
}

/// Something that Trakt does not know, as it was sent: of a show either all of it, or the seasons and episodes that follow.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Missing {
    ids: Ids,
    #[serde(deserialize_with = "lenient::list")]
    seasons: Vec<MissingSeason>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MissingSeason {
    #[serde(deserialize_with = "lenient::integer")]
    number: Option<i64>,
    #[serde(deserialize_with = "lenient::list")]
    episodes: Vec<MissingEpisode>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MissingEpisode {
    #[serde(deserialize_with = "lenient::integer")]
    number: Option<i64>,
}

fn nothing_for_null<'de, D: Deserializer<'de>>(from: D) -> Result<NotFound, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Missing {
    fn covers(&self, season: i64, number: i64) -> bool {
        self.seasons.is_empty()
            || self.seasons.iter().any(|missing| {
                missing.number == Some(season)
                    && (missing.episodes.is_empty()
                        || missing.episodes.iter().any(|episode| episode.number == Some(number)))
            })
    }
}

impl Answer {
    fn read(&self, plays: &[NewPlay]) -> Added {
        let count = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        let among = |missing: &[Missing], ids: &Ids| missing.iter().any(|missing| missing.ids.shares_one_with(ids));
        let lacks = |play: &NewPlay| match &play.what {
            What::Movie(ids) => among(&self.not_found.movies, ids),
            What::LoneEpisode(ids) => among(&self.not_found.episodes, ids),
            What::Episode { show, season, number } => self
                .not_found
                .shows
                .iter()
                .any(|missing| missing.ids.shares_one_with(show) && missing.covers(*season, *number)),
        };
        Added {
            added: count(self.added.movies) + count(self.added.episodes),
            not_found: plays.iter().enumerate().filter(|(_, play)| lacks(play)).map(|(at, _)| at).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tvdb(id: i64) -> Ids {
        Ids { tvdb: Some(id), ..Ids::default() }
    }

    fn plays() -> Vec<NewPlay> {
        let movie = Ids { imdb: Some("tt1".into()), tmdb: Some(5), ..Ids::default() };
        let episode = |show, season, number| What::Episode { show: tvdb(show), season, number };
        [
            What::Movie(movie),
            episode(7, 0, 9),
            episode(8, 1, 1),
            episode(7, 0, 9),
            episode(7, 2, 1),
            What::LoneEpisode(tvdb(99)),
        ]
        .into_iter()
        .zip(1_700_000_000..)
        .map(|(what, at)| NewPlay { what, at })
        .collect()
    }

    #[test]
    fn plays_are_told_by_show_season_and_number_and_specials_stay_in_season_0() {
        let show = |tvdb: i64, seasons: Value| json!({"ids": {"tvdb": tvdb}, "seasons": seasons});
        let at = |second: u32| format!("2023-11-14T22:13:{second}Z");
        assert_eq!(
            body(&plays()),
            json!({
                "movies": [{"ids": {"imdb": "tt1", "tmdb": 5}, "watched_at": at(20)}],
                "shows": [
                    show(7, json!([
                        {"number": 0, "episodes": [
                            {"number": 9, "watched_at": at(21)}, {"number": 9, "watched_at": at(23)},
                        ]},
                        {"number": 2, "episodes": [{"number": 1, "watched_at": at(24)}]},
                    ])),
                    show(8, json!([{"number": 1, "episodes": [{"number": 1, "watched_at": at(22)}]}])),
                ],
                "episodes": [{"ids": {"tvdb": 99}, "watched_at": at(25)}],
            })
        );
    }

    #[test]
    fn what_trakt_does_not_know_is_told_apart() {
        let read = |answer: Value| serde_json::from_value::<Answer>(answer).unwrap().read(&plays());
        let added = read(json!({"added": {"movies": 1, "episodes": "5"}, "updated": {}, "not_found": null}));
        assert_eq!(added, Added { added: 6, not_found: vec![] });
        let added = read(json!({"added": {"episodes": 1}, "not_found": {
            "movies": [{"ids": {"tmdb": 5}}],
            "shows": [{"ids": {"tvdb": 8}}, {"ids": {"tvdb": 7}, "seasons": [{"number": 0, "episodes": [{"number": 9}]}]}],
            "episodes": [{"ids": {"tvdb": 99}}, 7],
        }}));
        assert_eq!(added, Added { added: 1, not_found: vec![0, 1, 2, 3, 5] });
        assert_eq!(read(json!({})), Added::default());
    }
}
