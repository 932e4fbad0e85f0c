//! Which of the owner's ratings Trakt lacks, or has otherwise.

use crate::{
    guard::{Cleared, Effect},
    plex::items::{Item, MediaType, listing},
    tools::{call::Call, error::ToolError},
    trakt::{
        error::TraktError,
        history::Work,
        http::Trakt,
        ids::{Found, Ids},
        ratings::{NewRating, Rated, RatedKind, rounded},
    },
};

/// Ratings that Trakt is to get.
#[derive(Debug, Default)]
pub(super) struct Ratings {
    pub(super) new: Vec<NewRating>,
}

/// Rows a request: the rated ones come first.
const ROWS: u64 = 500;
/// Ratings a request.
const BATCH: usize = 100;

/// Reads the ratings of both sides and compares them.
pub(super) async fn missing<E: Effect>(call: &Call<'_, E>, trakt: &Trakt) -> Result<Ratings, ToolError> {
    let plex = call.plex().await?;
    let mut ratings = Ratings::default();
    let (films, shows) = (trakt.movie_ratings().await?, trakt.show_ratings().await?);
    for section in plex.sections().await? {
        let (kind, media_type, theirs) = match section.kind.as_deref() {
            Some("movie") => (RatedKind::Movie, MediaType::Movie, &films),
            Some("show") => (RatedKind::Show, MediaType::Show, &shows),
            _ => continue,
        };
        let key = section.key.unwrap_or_default();
        let request = listing(&key, Some(media_type)).with("sort", "userRating:desc").with("includeGuids", "1");
        let mut offset = Some(0);
        while let Some(at) = offset {
            let window = plex.window::<Item>(request.clone(), at, ROWS).await?;
            // Those that nobody has rated come last, if the server sorts.
            let ended = window.items.iter().all(|item| rounded(item.user_rating).is_none());
            for item in window.items {
                ratings.consider(kind, &item, theirs);
            }
            offset = window.next_offset.filter(|&next| next > at && !ended);
        }
    }
    Ok(ratings)
}

impl Ratings {
    fn consider(&mut self, what: RatedKind, item: &Item, theirs: &[Rated]) {
        let Some(rating) = rounded(item.user_rating) else { return };
        let ids = Found::of(item.guid.as_deref(), &item.guids).own;
        let same = |other: &Ids| other.shares_one_with(&ids);
        let is_known = ids.is_empty() || self.new.iter().any(|new| new.what == what && same(&new.ids));
        let has = |rated: &Rated| {
            let work: Option<&Work> = if what == RatedKind::Movie { rated.movie.as_ref() } else { rated.show.as_ref() };
            rated.rating == Some(rating) && work.is_some_and(|work| same(&work.ids))
        };
        if !is_known && !theirs.iter().any(has) {
            self.new.push(NewRating { what, ids, rating });
        }
    }
}

/// Sends ratings; how many Trakt took.
pub(super) async fn send(trakt: &Trakt, cleared: &Cleared<'_>, ratings: &[NewRating]) -> Result<u64, TraktError> {
    let mut taken = 0;
    for batch in ratings.chunks(BATCH) {
        taken += trakt.rate(cleared, batch).await?;
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plex::items::Guid;

    #[test]
    fn ratings_are_the_users_own_once_a_film_and_where_trakt_has_another() {
        let film = |id: &str, user_rating: Option<f64>| Item {
            user_rating,
            rating: Some(8.0),
            audience_rating: Some(9.5),
            guids: vec![Guid { id: Some(format!("tmdb://{id}")) }],
            ..Item::default()
        };
        let rated = |id, rating| Rated {
            rating: Some(rating),
            movie: Some(Work { ids: Ids { tmdb: Some(id), ..Ids::default() }, ..Work::default() }),
            ..Rated::default()
        };
        let theirs = [rated(1, 8), rated(2, 3)];
        let mut ratings = Ratings::default();
        for item in [
            film("1", Some(7.599_999_9)),
            film("2", Some(7.599_999_9)),
            film("2", Some(7.599_999_9)),
            film("3", None),
            film("4", Some(0.0)),
            film("x", Some(5.0)),
        ] {
            ratings.consider(RatedKind::Movie, &item, &theirs);
        }
        let new: Vec<_> = ratings.new.iter().map(|new| (new.ids.tmdb, new.rating)).collect();
        assert_eq!(new, [(Some(2), 8)], "one is there, one has another, none is never 0");
    }
}
