//! Which plays of Plex's the account lacks: the comparison of two histories that name the same things differently.
//!
//! Films and shows are the same where they share an id of any service; episodes are the same by show, season and number.
//! Two plays of one thing are one play where they lie no further apart than it is long, and a quarter of an hour in any
//! case: Plex and Trakt note a play's time at different moments of it, and a play of one copy may be noted for another.

use super::{
    history::{Viewed, What},
    ids::Ids,
};
use std::collections::{BTreeMap, HashMap};

/// The least distance, in seconds, of two plays of one thing.
pub const LEAST_APART: i64 = 900;
/// The greatest, however long a thing is.
pub const MOST_APART: i64 = 6 * 3_600;

/// A play of Plex's, of something that has ids.
#[derive(Clone, Debug)]
pub struct PlexPlay {
    /// What was played.
    pub what: What,
    /// When, in seconds since 1970.
    pub at: i64,
    /// How long it is, in seconds; 0 where that is not known.
    pub length: i64,
}

/// What becomes of each play of Plex's. The numbers are places in the list of plays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Plays that the account lacks, oldest first.
    pub missing: Vec<usize>,
    /// Plays that it has.
    pub there: Vec<usize>,
    /// Plays that are the same as another one of Plex's.
    pub folded: Vec<usize>,
    /// Which of the plays are of the same thing, where they are of several.
    pub same: Vec<Vec<usize>>,
}

/// What the account has watched.
#[derive(Debug, Default)]
pub struct Known {
    works: Works,
    /// Plays by what was played; those without a time are not among them.
    plays: Vec<(Named, i64)>,
    /// The name of an episode's own ids to its show and numbers.
    episodes: HashMap<String, Named>,
}

/// Something that can be played, by the place of a name of it among the works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Named {
    Movie(usize),
    Episode(usize, i64, i64),
    Lone(usize),
}

/// Works that are the same where they share a name.
#[derive(Debug, Default)]
struct Works {
    places: HashMap<String, usize>,
    /// The place of a work that is the same; its own where it is the first.
    same: Vec<usize>,
}

impl Works {
    /// The place of the work with these names, of which each is one of the same work's. None where there is no name.
    fn place(&mut self, sort: char, ids: &Ids) -> Option<usize> {
        let mut place = None;
        for name in ids.names() {
            let next = self.same.len();
            let found = *self.places.entry(format!("{sort}{name}")).or_insert(next);
            if found == next {
                self.same.push(next);
            }
            place = Some(match place {
                None => found,
                Some(first) => self.join(first, found),
            });
        }
        place
    }

    fn join(&mut self, one: usize, other: usize) -> usize {
        let (one, other) = (self.root(one), self.root(other));
        if let Some(same) = self.same.get_mut(other) {
            *same = one;
        }
        one
    }

    fn root(&self, mut place: usize) -> usize {
        while let Some(&same) = self.same.get(place).filter(|&&same| same != place) {
            place = same;
        }
        place
    }

    fn settled(&self, named: Named) -> Named {
        match named {
            Named::Movie(place) => Named::Movie(self.root(place)),
            Named::Episode(show, season, number) => Named::Episode(self.root(show), season, number),
            Named::Lone(place) => Named::Lone(self.root(place)),
        }
    }
}

impl Known {
    /// Takes note of a play that the account has.
    pub fn add(&mut self, viewed: &Viewed) {
        let named = match (&viewed.movie, &viewed.show, &viewed.episode) {
            (Some(movie), ..) => self.works.place('m', &movie.ids).map(Named::Movie),
            (None, show, Some(episode)) => {
                let show = show.as_ref().and_then(|show| self.works.place('s', &show.ids));
                let named = match (show, episode.season, episode.number) {
                    (Some(show), Some(season), Some(number)) => Some(Named::Episode(show, season, number)),
                    _ => self.works.place('e', &episode.ids).map(Named::Lone),
                };
                if let Some(named) = named {
                    self.episodes.extend(episode.ids.names().map(|name| (name, named)));
                }
                named
            }
            _ => None,
        };
        if let (Some(named), Some(at)) = (named, viewed.watched_at) {
            self.plays.push((named, at));
        }
    }

    /// Takes note of a play of Plex's that is one of the account's in another guise.
    pub fn add_known(&mut self, play: &PlexPlay) {
        if let Some(named) = self.named(&play.what) {
            self.plays.push((named, play.at));
        }
    }

    fn named(&mut self, what: &What) -> Option<Named> {
        match what {
            What::Movie(ids) => self.works.place('m', ids).map(Named::Movie),
            What::Episode { show, season, number } => {
                self.works.place('s', show).map(|show| Named::Episode(show, *season, *number))
            }
            What::LoneEpisode(ids) => match ids.names().find_map(|name| self.episodes.get(&name).copied()) {
                Some(known) => Some(known),
                None => self.works.place('e', ids).map(Named::Lone),
            },
        }
    }

    /// What the account lacks of `plays`.
    pub fn compare(mut self, plays: &[PlexPlay]) -> Missing {
        let named: Vec<Option<Named>> = plays.iter().map(|play| self.named(&play.what)).collect();
        let mut groups: BTreeMap<Named, (Vec<usize>, Vec<i64>)> = BTreeMap::new();
        for (at, named) in named.into_iter().enumerate() {
            if let Some(named) = named {
                groups.entry(self.works.settled(named)).or_default().0.push(at);
            }
        }
        for &(named, at) in &self.plays {
            if let Some(group) = groups.get_mut(&self.works.settled(named)) {
                group.1.push(at);
            }
        }
        let mut result = Missing::default();
        for (of_plex, of_trakt) in groups.into_values() {
            compare_one(plays, of_plex, of_trakt, &mut result);
        }
        let time = |&at: &usize| (plays.get(at).map(|play| play.at), at);
        result.missing.sort_by_key(time);
        result
    }
}

/// Compares the plays of one thing. Both lists are walked in time, each play of the account's standing for one of Plex's.
fn compare_one(plays: &[PlexPlay], mut of_plex: Vec<usize>, mut of_trakt: Vec<i64>, result: &mut Missing) {
    let play = |at: usize| plays.get(at).map_or((0, 0), |play| (play.at, play.length));
    let apart = of_plex.iter().map(|&at| play(at).1).max().unwrap_or(0).clamp(LEAST_APART, MOST_APART);
    of_plex.sort_by_key(|&at| (play(at).0, at));
    of_trakt.sort_unstable();
    let mut theirs = of_trakt.into_iter().peekable();
    let mut last = None;
    for &place in &of_plex {
        let at = play(place).0;
        if last.is_some_and(|last: i64| at.saturating_sub(last) <= apart) {
            result.folded.push(place);
            continue;
        }
        last = Some(at);
        while theirs.next_if(|&their| at.saturating_sub(their) > apart).is_some() {}
        if theirs.next_if(|&their| their.saturating_sub(at) <= apart).is_some() {
            result.there.push(place);
        } else {
            result.missing.push(place);
        }
    }
    if of_plex.len() > 1 {
        result.same.push(of_plex);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trakt::history::{EpisodeOf, Work};
    use proptest::prelude::*;

    fn tmdb(id: i64) -> Ids {
        Ids { tmdb: Some(id), ..Ids::default() }
    }

    fn film(id: i64, at: i64) -> PlexPlay {
        PlexPlay { what: What::Movie(tmdb(id)), at, length: 6_000 }
    }

    fn episode(show: i64, season: i64, number: i64, at: i64) -> PlexPlay {
        PlexPlay { what: What::Episode { show: tmdb(show), season, number }, at, length: 0 }
    }

    fn known(plays: &[PlexPlay]) -> Known {
        let mut known = Known::default();
        for play in plays {
            let work = |ids: &Ids| Some(Work { ids: ids.clone(), ..Work::default() });
            let numbers = |season, number, ids| Some(EpisodeOf { season, number, ids, title: None });
            let mut viewed = Viewed { watched_at: Some(play.at), ..Viewed::default() };
            match &play.what {
                What::Movie(ids) => viewed.movie = work(ids),
                What::Episode { show, season, number } => {
                    viewed.show = work(show);
                    viewed.episode = numbers(Some(*season), Some(*number), Ids::default());
                }
                What::LoneEpisode(ids) => viewed.episode = numbers(None, None, ids.clone()),
            }
            known.add(&viewed);
        }
        known
    }

    #[test]
    fn plays_within_the_length_of_a_film_are_one() {
        let there = known(&[film(1, 100_000)]);
        let plays = [film(1, 106_000), film(1, 94_000), film(1, 106_001 + 6_000), film(2, 100_000)];
        let missing = there.compare(&plays);
        assert_eq!((missing.there, missing.missing), (vec![1], vec![3, 0, 2]), "a play stands for one play");
        let missing = Known::default().compare(&[film(1, 0), film(1, 6_000), film(1, 12_001)]);
        assert_eq!((missing.missing, missing.folded), (vec![0, 2], vec![1]));
    }

    #[test]
    fn specials_are_no_first_season() {
        let there = known(&[episode(5, 1, 9, 1_000)]);
        let missing = there.compare(&[episode(5, 0, 9, 1_000), episode(5, 1, 9, 1_500), episode(6, 1, 9, 1_000)]);
        assert_eq!((missing.there, missing.missing), (vec![1], vec![0, 2]));
    }

    #[test]
    fn things_are_the_same_by_any_id_that_somebody_knows() {
        let imdb = |id: &str| Ids { imdb: Some(id.into()), ..Ids::default() };
        let both = Ids { imdb: Some("tt1".into()), tmdb: Some(1), ..Ids::default() };
        let play = |ids: Ids, at| PlexPlay { what: What::Movie(ids), at, length: 0 };
        // Only what Trakt says ties the two copies together.
        let missing = known(&[play(both, 0)]).compare(&[play(imdb("tt1"), 50_000), play(tmdb(1), 50_000)]);
        assert_eq!((missing.missing, missing.folded, missing.same), (vec![0], vec![1], vec![vec![0, 1]]));
        // A show's id is none of a film.
        let missing = known(&[film(7, 100)]).compare(&[episode(7, 1, 1, 100)]);
        assert_eq!(missing.missing, [0]);
    }

    #[test]
    fn an_episode_is_found_by_its_own_id_where_its_show_has_none() {
        let mut there = Known::default();
        there.add(&Viewed {
            watched_at: Some(1_000),
            show: Some(Work { ids: tmdb(5), ..Work::default() }),
            episode: Some(EpisodeOf { season: Some(1), number: Some(2), ids: tmdb(99), title: None }),
            movie: None,
        });
        let lone = |id, at| PlexPlay { what: What::LoneEpisode(tmdb(id)), at, length: 0 };
        let missing = there.compare(&[lone(99, 1_100), lone(98, 1_100)]);
        assert_eq!((missing.there, missing.missing), (vec![0], vec![1]));
    }

    proptest! {
        /// Once what is missing was sent, nothing is missing.
        #[test]
        fn a_second_run_sends_nothing(
            plex in proptest::collection::vec((0..3_i64, 0..200_i64, 0..3_i64), 0..40),
            trakt in proptest::collection::vec((0..3_i64, 0..200_i64), 0..20),
        ) {
            let plays: Vec<PlexPlay> = plex
                .iter()
                .map(|&(id, at, hours)| PlexPlay { length: hours * 3_600, ..film(id, at * 400) })
                .collect();
            let mut account: Vec<PlexPlay> = trakt.iter().map(|&(id, at)| film(id, at * 400)).collect();
            let first = known(&account).compare(&plays);
            prop_assert_eq!(first.missing.len() + first.there.len() + first.folded.len(), plays.len());
            account.extend(first.missing.iter().map(|&at| plays[at].clone()));
            let second = known(&account).compare(&plays);
            prop_assert!(second.missing.is_empty(), "{:?} of {:?}", second, plays);
        }
    }
}
