//! What is watched on one side only: the films and episodes of the Plex server, as its owner has watched them, against the
//! watched lists of Trakt.

use super::{
    activity::Running,
    plays::{title_of, what},
};
use crate::{
    guard::Effect,
    plex::{
        http::Plex,
        items::{Item, MediaType, listing},
    },
    tools::{call::Call, error::ToolError},
    trakt::{
        history::What,
        ids::Ids,
        watched::{WatchedMovie, WatchedShow},
    },
};
use std::collections::{HashMap, HashSet};

/// Rows a request.
const ROWS: u64 = 1_000;

/// A film or an episode that is watched on one side only.
#[derive(Clone, Debug)]
pub(super) struct Differs {
    pub(super) side: Side,
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) rating_key: Option<String>,
    /// How often, on the side that has it.
    pub(super) plays: Option<i64>,
    /// When last, in seconds since 1970, on the side that has it.
    pub(super) last: Option<i64>,
    /// What Trakt takes it for; none where Trakt does not have it.
    thing: Option<Thing>,
}

/// A film or an episode that Trakt has: the place of the film; or that of the show, with season and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Thing {
    Movie(usize),
    Episode(usize, i64, i64),
}

/// Which side has watched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// Trakt, and Plex has it unwatched.
    Trakt,
    /// Trakt, and Plex is in the middle of it.
    InProgress,
    /// Plex.
    Plex,
    /// Trakt, and it is not on the Plex server.
    NotInPlex,
}

/// Both sides, compared.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) rows: Vec<Differs>,
    /// Films and episodes that both have watched, each copy counted.
    pub(super) both: u64,
    /// Films and episodes of Plex's that have no ids.
    pub(super) without_ids: u64,
    pub(super) movies: u64,
    pub(super) shows: u64,
    pub(super) episodes: u64,
    /// Shows of which Trakt did not say which episodes were watched.
    pub(super) shows_without_episodes: u64,
}

/// How often something was watched, and when last.
type Plays = (Option<i64>, Option<i64>);

/// What Trakt has, to be looked up by what Plex has.
#[derive(Debug, Default)]
pub(super) struct Theirs {
    movies: Vec<WatchedMovie>,
    shows: Vec<WatchedShow>,
    movie_names: HashMap<String, usize>,
    show_names: HashMap<String, usize>,
    /// Place of the show, season and number, to plays and the time of the last one.
    episodes: HashMap<(usize, i64, i64), Plays>,
    /// What Plex has of it, and of which it has watched a copy, or half of one.
    met: HashSet<Thing>,
    watched: HashSet<Thing>,
    begun: HashSet<Thing>,
}

impl Theirs {
    pub(super) fn new(movies: Vec<WatchedMovie>, shows: Vec<WatchedShow>) -> Self {
        let mut theirs = Self::default();
        for (place, movie) in movies.iter().enumerate() {
            theirs.movie_names.extend(movie.movie.ids.names().map(|name| (name, place)));
        }
        for (place, show) in shows.iter().enumerate() {
            theirs.show_names.extend(show.show.ids.names().map(|name| (name, place)));
            for season in &show.seasons {
                for episode in &season.episodes {
                    if let (Some(season), Some(number)) = (season.number, episode.number) {
                        theirs.episodes.insert((place, season, number), (episode.plays, episode.last_watched_at));
                    }
                }
            }
        }
        Self { movies, shows, ..theirs }
    }

    /// Whether Trakt has watched it, and how often and when last. What can't be told is not there.
    fn find(&self, what: &What) -> Option<(Thing, Plays)> {
        let by = |names: &HashMap<String, usize>, ids: &Ids| ids.names().find_map(|name| names.get(&name).copied());
        match what {
            What::Movie(ids) => {
                let place = by(&self.movie_names, ids)?;
                let movie = self.movies.get(place)?;
                Some((Thing::Movie(place), (movie.plays, movie.last_watched_at)))
            }
            What::Episode { show, season, number } => {
                let place = by(&self.show_names, show)?;
                let plays = self.episodes.get(&(place, *season, *number)).copied()?;
                Some((Thing::Episode(place, *season, *number), plays))
            }
            // Trakt's watched list has no ids of episodes.
            What::LoneEpisode(_) => None,
        }
    }

    /// Takes note of one item of Plex's.
    fn meet(&mut self, difference: &mut Difference, item: &Item, shows: &HashMap<String, Item>) {
        let told = match what(item, shows) {
            Err(_) | Ok(What::LoneEpisode(_)) => {
                difference.without_ids += 1;
                return;
            }
            Ok(told) => told,
        };
        let watched = item.view_count.is_some_and(|count| count > 0);
        let theirs = self.find(&told);
        let thing = theirs.map(|(thing, _)| thing);
        self.met.extend(thing);
        let (side, (plays, last)) = match (watched, theirs) {
            (true, Some((thing, _))) => {
                self.watched.insert(thing);
                difference.both += 1;
                return;
            }
            (false, None) => return,
            (true, None) => (Side::Plex, (item.view_count, item.last_viewed_at)),
            (false, Some((thing, said))) if item.view_offset.is_some() => {
                self.begun.insert(thing);
                (Side::InProgress, said)
            }
            (false, Some((_, said))) => (Side::Trakt, said),
        };
        let kind = if matches!(told, What::Movie(_)) { "movie" } else { "episode" };
        let rating_key = item.rating_key.clone();
        difference.rows.push(Differs { side, kind, title: title_of(item), rating_key, plays, last, thing });
    }

    /// Once all of Plex's items were met: a further copy of what Plex has watched in one of them is no difference, and one of
    /// what it is in the middle of is left alone with it. Adds what nothing of Plex's was.
    fn finish(self, difference: &mut Difference) {
        let rows = difference.rows.len();
        let is_in = |things: &HashSet<Thing>, row: &Differs| row.thing.is_some_and(|thing| things.contains(&thing));
        difference.rows.retain(|row| row.side != Side::Trakt || !is_in(&self.watched, row));
        difference.both += (rows - difference.rows.len()) as u64;
        for row in difference.rows.iter_mut().filter(|row| row.side == Side::Trakt && is_in(&self.begun, row)) {
            row.side = Side::InProgress;
        }
        difference.movies = self.movies.len() as u64;
        difference.shows = self.shows.len() as u64;
        difference.episodes = self.episodes.len() as u64;
        difference.shows_without_episodes = self.shows.iter().filter(|show| show.seasons.is_empty()).count() as u64;
        let row = |kind, title, plays, last| Differs {
            side: Side::NotInPlex,
            kind,
            title,
            rating_key: None,
            plays,
            last,
            thing: None,
        };
        let unmet = |(place, _): &(usize, &WatchedMovie)| !self.met.contains(&Thing::Movie(*place));
        for (_, movie) in self.movies.iter().enumerate().filter(unmet) {
            let title = movie.movie.title.clone().unwrap_or_else(|| "untitled".to_owned());
            let title = movie.movie.year.map_or(title.clone(), |year| format!("{title} ({year})"));
            difference.rows.push(row("movie", title, movie.plays, movie.last_watched_at));
        }
        let unmet =
            |(show, season, number): (usize, i64, i64)| !self.met.contains(&Thing::Episode(show, season, number));
        let mut episodes: Vec<_> = self.episodes.iter().filter(|(key, _)| unmet(**key)).collect();
        episodes.sort_by_key(|(key, _)| **key);
        for ((show, season, number), (plays, last)) in episodes {
            let title = self.shows.get(*show).and_then(|show| show.show.title.as_deref()).unwrap_or("unknown show");
            difference.rows.push(row("episode", format!("{title} S{season:02}E{number:02}"), *plays, *last));
        }
    }
}

/// Compares all films and episodes of the Plex server with what Trakt has.
pub(super) async fn read<E: Effect>(
    call: &Call<'_, E>,
    running: &Running<'_>,
    mut theirs: Theirs,
) -> Result<Difference, ToolError> {
    let plex = call.plex().await?;
    let mut difference = Difference::default();
    for section in plex.sections().await? {
        let key = section.key.unwrap_or_default();
        let nothing = HashMap::new();
        match section.kind.as_deref() {
            Some("movie") => {
                each(call, running, plex, (&key, MediaType::Movie), |item| {
                    theirs.meet(&mut difference, &item, &nothing);
                })
                .await?;
            }
            Some("show") => {
                let mut shows = HashMap::new();
                each(call, running, plex, (&key, MediaType::Show), |item| {
                    shows.extend(item.rating_key.clone().map(|key| (key, light(item))));
                })
                .await?;
                each(call, running, plex, (&key, MediaType::Episode), |item| {
                    theirs.meet(&mut difference, &item, &shows);
                })
                .await?;
            }
            _ => {}
        }
    }
    theirs.finish(&mut difference);
    difference.rows.sort_by(|a, b| (a.side, a.kind, &a.title).cmp(&(b.side, b.kind, &b.title)));
    Ok(difference)
}

/// A show's ids, without the rest of it.
fn light(show: Item) -> Item {
    Item { guid: show.guid, guids: show.guids, ..Item::default() }
}

async fn each<E: Effect>(
    call: &Call<'_, E>,
    running: &Running<'_>,
    plex: &Plex,
    (key, media_type): (&str, MediaType),
    mut visit: impl FnMut(Item) + Send,
) -> Result<(), ToolError> {
    let request = listing(key, Some(media_type)).with("includeGuids", "1");
    let mut offset = Some(0);
    while let Some(at) = offset {
        let window = plex.window::<Item>(request.clone(), at, ROWS).await?;
        let done = at + window.items.len() as u64;
        window.items.into_iter().for_each(&mut visit);
        running.at(call, "plex", done, window.total);
        offset = window.next_offset.filter(|&next| next > at);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plex::items::Guid,
        trakt::{
            history::Work,
            watched::{WatchedEpisode, WatchedSeason},
        },
    };

    fn guids(id: &str) -> Vec<Guid> {
        vec![Guid { id: Some(id.into()) }]
    }

    fn work(id: i64) -> Work {
        Work { title: Some(format!("Work {id}")), ids: Ids { tmdb: Some(id), ..Ids::default() }, ..Work::default() }
    }

    #[test]
    fn each_side_has_what_the_other_lacks_and_specials_are_specials() {
        let movie = |id| WatchedMovie { plays: Some(2), movie: work(id), ..WatchedMovie::default() };
        let episode = |number| WatchedEpisode { number: Some(number), plays: Some(1), last_watched_at: Some(5) };
        let season = |number, episodes: &[i64]| WatchedSeason {
            number: Some(number),
            episodes: episodes.iter().map(|&number| episode(number)).collect(),
        };
        let show = WatchedShow {
            show: work(100),
            seasons: vec![season(0, &[9]), season(1, &[1, 2])],
            ..WatchedShow::default()
        };
        let mut theirs = Theirs::new(vec![movie(1), movie(2), movie(3), movie(4)], vec![show]);
        let shows = HashMap::from([("50".to_owned(), Item { guids: guids("tmdb://100"), ..Item::default() })]);
        let item = |kind: &str, key: &str, id: &str, views: i64| Item {
            kind: Some(kind.into()),
            rating_key: Some(key.into()),
            title: Some(key.into()),
            view_count: (views > 0).then_some(views),
            guids: guids(id),
            ..Item::default()
        };
        let of_show = |key: &str, season, number, views| Item {
            grandparent_rating_key: Some("50".into()),
            parent_index: Some(season),
            index: Some(number),
            ..item("episode", key, "tvdb://7", views)
        };
        let mut difference = Difference::default();
        for item in [
            item("movie", "both", "tmdb://1", 1),
            item("movie", "theirs", "tmdb://4", 0),
            item("movie", "copy of begun", "tmdb://2", 0),
            item("movie", "copy of both", "tmdb://1", 0),
            Item { view_offset: Some(5), ..item("movie", "begun", "tmdb://2", 0) },
            item("movie", "ours", "tmdb://9", 3),
            item("movie", "neither", "tmdb://8", 0),
            item("movie", "nobody's", "other://8", 1),
            of_show("special", 0, 9, 0),
            of_show("ours, too", 1, 9, 1),
            of_show("both", 1, 1, 1),
        ] {
            theirs.meet(&mut difference, &item, &shows);
        }
        theirs.finish(&mut difference);
        let rows: Vec<_> =
            difference.rows.iter().map(|row| (row.side, row.rating_key.as_deref().unwrap_or(&row.title))).collect();
        assert_eq!(
            rows,
            [
                (Side::Trakt, "theirs"),
                (Side::InProgress, "copy of begun"),
                (Side::InProgress, "begun"),
                (Side::Plex, "ours"),
                (Side::Trakt, "special"),
                (Side::Plex, "ours, too"),
                (Side::NotInPlex, "Work 3"),
                (Side::NotInPlex, "Work 100 S01E02"),
            ]
        );
        assert_eq!((difference.both, difference.without_ids), (3, 1), "what one copy of was watched is watched");
    }
}
