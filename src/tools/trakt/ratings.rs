//! Which of the owner's ratings Trakt lacks, or has otherwise.

use crate::{
    guard::Effect,
    plex::items::{Item, MediaType, listing},
    tools::{call::Call, error::ToolError},
    trakt::{
        http::Trakt,
        ids::Found,
        ratings::{NewRating, Rated, RatedKind, rounded},
    },
};
use std::collections::{HashMap, HashSet};

/// Ratings that Trakt is to get.
#[derive(Debug, Default)]
pub(super) struct Ratings {
    pub(super) new: Vec<NewRating>,
    /// What they are of, by each of its names.
    names: HashSet<(RatedKind, String)>,
}

/// The account's ratings, by each name of what is rated.
type Given = HashMap<String, i64>;

/// Rows a request: the rated ones come first.
const ROWS: u64 = 500;

/// Reads the ratings of both sides and compares them.
pub(super) async fn missing<E: Effect>(call: &Call<'_, E>, trakt: &Trakt) -> Result<Ratings, ToolError> {
    let plex = call.plex().await?;
    let mut ratings = Ratings::default();
    let (films, shows) = (given(&trakt.movie_ratings().await?), given(&trakt.show_ratings().await?));
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

fn given(rated: &[Rated]) -> Given {
    let mut given = Given::new();
    for rated in rated {
        if let (Some(rating), Some(work)) = (rated.rating, rated.movie.as_ref().or(rated.show.as_ref())) {
            given.extend(work.ids.names().map(|name| (name, rating)));
        }
    }
    given
}

impl Ratings {
    fn consider(&mut self, what: RatedKind, item: &Item, theirs: &Given) {
        let Some(rating) = rounded(item.user_rating) else { return };
        let ids = Found::of(item.guid.as_deref(), &item.guids).own;
        let is_there = ids.names().any(|name| theirs.get(&name) == Some(&rating));
        let is_known = ids.names().any(|name| self.names.contains(&(what, name)));
        if !ids.is_empty() && !is_there && !is_known {
            self.names.extend(ids.names().map(|name| (what, name)));
            self.new.push(NewRating { what, ids, rating });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plex::items::Guid,
        trakt::{history::Work, ids::Ids},
    };

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
        let theirs = given(&[rated(1, 8), rated(2, 3)]);
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
