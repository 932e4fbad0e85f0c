//! Scrobbling: telling Trakt what is being watched now. Trakt itself adds the play to the history when a film or an episode
//! is stopped at 80 per cent or later, and keeps the place as a pause before that.

use super::{error::TraktError, follow::NOTHING, http::Trakt, ids::Ids};
use crate::{
    guard::Cleared,
    http::{Change, HttpError},
    plex::lenient,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// What happens to a play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It begins or goes on.
    Start,
    /// It is halted.
    Pause,
    /// It ends.
    Stop,
}

impl Step {
    /// The step's name in Trakt's addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Stop => "stop",
        }
    }
}

/// What is being watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Watching {
    /// What errors call it.
    pub title: String,
    /// What Trakt is told.
    pub body: WatchingBody,
}

/// What Trakt is told of something that is being watched.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchingBody {
    /// A film.
    Movie {
        /// Its ids.
        ids: Ids,
        /// Its title.
        title: String,
        /// Its year, where it is known.
        year: Option<i64>,
    },
    /// An episode by its own ids.
    Episode(Ids),
    /// An episode by its show and its numbers.
    EpisodeOf {
        /// The show's ids.
        show: Ids,
        /// The season's number; 0 is the specials.
        season: i64,
        /// The number within the season.
        number: i64,
    },
}

/// What Trakt made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scrobbled {
    /// It is shown as being watched.
    Watching,
    /// The place is kept.
    Paused,
    /// The play is in the history.
    Added,
    /// The play is in the history already, of a moment ago; nothing was added.
    AlreadyThere,
    /// Less than one per cent was watched, which Trakt ignores.
    TooShort,
    /// Something that a later version of Trakt says.
    Other(String),
}

impl Scrobbled {
    /// The name that clients see.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Watching => "watching",
            Self::Paused => "paused",
            Self::Added => "scrobbled",
            Self::AlreadyThere => "already_scrobbled",
            Self::TooShort => "too_short",
            Self::Other(said) => said,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    #[serde(deserialize_with = "lenient::text")]
    action: Option<String>,
}

impl Trakt {
    /// Tells Trakt of a step of a play, with how far it is, from 0 to 100.
    pub async fn scrobble(
        &self,
        cleared: &Cleared<'_>,
        step: Step,
        watching: &Watching,
        progress: f64,
    ) -> Result<Scrobbled, TraktError> {
        let change =
            Change::post(watching.title.clone(), ["scrobble", step.as_str()]).json(&watching.body.at(progress));
        let change = change.map_err(|_| TraktError::Answer { what: watching.title.clone() })?;
        match self.change::<Answer>(cleared, &change).await {
            Ok(answer) => Ok(match answer.action.as_deref() {
                Some("start") => Scrobbled::Watching,
                Some("pause") => Scrobbled::Paused,
                Some("scrobble") => Scrobbled::Added,
                Some(other) => Scrobbled::Other(other.to_owned()),
                None => Scrobbled::Other("unnamed".to_owned()),
            }),
            Err(TraktError::Http(HttpError::Status { rejection, .. })) if rejection.status == 409 => {
                Ok(Scrobbled::AlreadyThere)
            }
            Err(TraktError::Http(HttpError::Status { rejection, .. }))
                if rejection.status == 422 && step != Step::Start && progress < NOTHING =>
            {
                Ok(Scrobbled::TooShort)
            }
            Err(error) => Err(error),
        }
    }
}

impl WatchingBody {
    fn at(&self, progress: f64) -> Value {
        let progress = (progress.clamp(0.0, 100.0) * 100.0).round() / 100.0;
        match self {
            Self::Movie { ids, title, year } => {
                let mut movie = json!({"title": title, "ids": ids});
                if let (Some(year), Some(movie)) = (year, movie.as_object_mut()) {
                    movie.insert("year".into(), (*year).into());
                }
                json!({"movie": movie, "progress": progress})
            }
            Self::Episode(ids) => json!({"episode": {"ids": ids}, "progress": progress}),
            Self::EpisodeOf { show, season, number } => {
                json!({"show": {"ids": show}, "episode": {"season": season, "number": number}, "progress": progress})
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_a_percentage_and_a_missing_year_is_not_sent() {
        let ids = Ids { tmdb: Some(5), ..Ids::default() };
        let movie = WatchingBody::Movie { ids: ids.clone(), title: "A".into(), year: None };
        assert_eq!(movie.at(41.666_666), json!({"movie": {"title": "A", "ids": {"tmdb": 5}}, "progress": 41.67}));
        assert_eq!(movie.at(250.0)["progress"], 100.0);
        assert_eq!(movie.at(-1.0)["progress"], 0.0);
        let special = WatchingBody::EpisodeOf { show: ids, season: 0, number: 9 };
        assert_eq!(special.at(1.0)["episode"], json!({"season": 0, "number": 9}));
    }
}
