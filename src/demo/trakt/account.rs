//! The account: what it has watched and rated, and what it watches now. It takes plays as they come, twice if they come
//! twice.

use super::{TraktPlay, now};
use crate::demo::{dice::Dice, titles};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};

/// Films that searches find before anything was watched.
const SHELF: u64 = 160;
/// Seconds in which a film or an episode is scrobbled once.
const ONCE_IN: i64 = 3_600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Movie,
    Show,
    /// An episode of which the show is not known.
    Episode,
}

#[derive(Clone, Debug)]
struct Work {
    kind: Kind,
    title: String,
    year: i64,
    ids: Map<String, Value>,
}

/// The place of a work, and season and number of an episode of it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Played {
    work: usize,
    episode: Option<(i64, i64)>,
}

#[derive(Debug)]
struct Play {
    id: u64,
    what: Played,
    at: i64,
    action: &'static str,
}

/// The account.
#[derive(Debug)]
pub(super) struct Account {
    works: Vec<Work>,
    plays: Vec<Play>,
    ratings: BTreeMap<usize, i64>,
    watching: Option<(Played, f64)>,
    unknown: HashSet<String>,
}

fn name(service: &str, id: &Value) -> String {
    format!("{service}:{}", id.as_str().map_or_else(|| id.to_string(), str::to_owned))
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(value: &Value, key: &str) -> i64 {
    value.get(key).and_then(Value::as_i64).unwrap_or_default()
}

fn time(at: i64) -> String {
    Timestamp::from_second(at).map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()).unwrap_or_default()
}

/// The time that a play is said to have had; now where it is not said.
fn said_time(value: &Value) -> i64 {
    let said = value.get("watched_at").and_then(Value::as_str);
    said.and_then(|said| said.parse::<Timestamp>().ok()).map_or_else(now, Timestamp::as_second)
}

impl Account {
    pub(super) fn new(unknown: Vec<String>) -> Self {
        let mut works = Vec::new();
        for n in 0..SHELF {
            let title = titles::work(&mut Dice::new(1, 4_711, n), n).to_string();
            let (kind, year) = if n % 4 == 3 { (Kind::Show, 1_990) } else { (Kind::Movie, 1_960) };
            let ids = Map::from_iter([("trakt".into(), (n + 1).into()), ("tmdb".into(), (7_000_000 + n).into())]);
            let year = year + i64::try_from(n % 30).unwrap_or_default();
            works.push(Work { kind, title, year, ids });
        }
        let unknown = unknown.into_iter().collect();
        Self { works, plays: Vec::new(), ratings: BTreeMap::new(), watching: None, unknown }
    }

    /// The work with one of these ids, which is made up where it is the first time that somebody names it.
    fn find(&mut self, kind: Kind, said: &Value) -> Option<usize> {
        let ids = said.get("ids").and_then(Value::as_object)?;
        let ids: Map<String, Value> =
            ids.iter().filter(|(_, id)| !id.is_null()).map(|(service, id)| (service.clone(), id.clone())).collect();
        if ids.is_empty() || ids.iter().any(|(service, id)| self.unknown.contains(&name(service, id))) {
            return None;
        }
        let known = self
            .works
            .iter()
            .position(|work| work.kind == kind && ids.iter().any(|(service, id)| work.ids.get(service) == Some(id)));
        let at = known.unwrap_or_else(|| {
            let trakt = self.works.len() + 1;
            let title = said.get("title").and_then(Value::as_str);
            let title = title.map_or_else(|| format!("Work {trakt}"), str::to_owned);
            let ids =
                Map::from_iter([("trakt".to_owned(), trakt.into()), ("slug".into(), format!("work-{trakt}").into())]);
            self.works.push(Work { kind, title, year: 2_001, ids });
            self.works.len() - 1
        });
        if let Some(work) = self.works.get_mut(at) {
            for (service, id) in ids {
                work.ids.entry(service).or_insert(id);
            }
        }
        Some(at)
    }

    fn push(&mut self, what: Played, at: i64, action: &'static str) -> u64 {
        let id = self.plays.len() as u64 + 1;
        self.plays.push(Play { id, what, at, action });
        id
    }

    /// Adds plays as `POST /sync/history` has them, and says what was added and what is not known.
    pub(super) fn add(&mut self, body: &Value) -> Value {
        let (mut movies, mut episodes) = (0, 0);
        let mut missing = [Vec::new(), Vec::new(), Vec::new()];
        for movie in list(body, "movies") {
            match self.find(Kind::Movie, movie) {
                Some(work) => {
                    self.push(Played { work, episode: None }, said_time(movie), "watch");
                    movies += 1;
                }
                None => missing[0].push(movie.clone()),
            }
        }
        for show in list(body, "shows") {
            let Some(work) = self.find(Kind::Show, show) else {
                missing[1].push(show.clone());
                continue;
            };
            for season in list(show, "seasons") {
                for episode in list(season, "episodes") {
                    let numbers = (number(season, "number"), number(episode, "number"));
                    self.push(Played { work, episode: Some(numbers) }, said_time(episode), "watch");
                    episodes += 1;
                }
            }
        }
        for episode in list(body, "episodes") {
            match self.find(Kind::Episode, episode) {
                Some(work) => {
                    self.push(Played { work, episode: None }, said_time(episode), "watch");
                    episodes += 1;
                }
                None => missing[2].push(episode.clone()),
            }
        }
        let [no_movies, no_shows, no_episodes] = missing;
        json!({
            "added": {"movies": movies, "episodes": episodes}, "updated": {"movies": 0, "episodes": 0},
            "not_found": {"movies": no_movies, "shows": no_shows, "seasons": [], "episodes": no_episodes},
        })
    }

    pub(super) fn add_play(&mut self, what: &Value, at: i64) {
        if let Some(what) = self.played(what) {
            self.push(what, at, "watch");
        }
    }

    /// What `{movie}`, `{episode}` or `{show, episode}` means.
    fn played(&mut self, body: &Value) -> Option<Played> {
        match (body.get("movie"), body.get("show"), body.get("episode")) {
            (Some(movie), ..) => Some(Played { work: self.find(Kind::Movie, movie)?, episode: None }),
            (_, Some(show), Some(episode)) => {
                let numbers = (number(episode, "season"), number(episode, "number"));
                Some(Played { work: self.find(Kind::Show, show)?, episode: Some(numbers) })
            }
            (_, _, Some(episode)) => Some(Played { work: self.find(Kind::Episode, episode)?, episode: None }),
            _ => None,
        }
    }

    /// The answer to `POST /scrobble/{step}`.
    pub(super) fn scrobble(&mut self, step: &str, body: &Value) -> (u16, Value) {
        let Some(progress) = body.get("progress").and_then(Value::as_f64).filter(|at| (0.0..=100.0).contains(at))
        else {
            return (422, Value::Null);
        };
        let Some(what) = self.played(body) else { return (404, Value::Null) };
        let action = match step {
            "start" => {
                self.watching = Some((what, progress));
                "start"
            }
            "pause" | "stop" if progress < 1.0 => return (422, Value::Null),
            "stop" if progress >= 80.0 => {
                let last =
                    self.plays.iter().filter(|play| play.what == what && play.action == "scrobble").map(|play| play.at);
                if let Some(last) = last.max().filter(|last| now() - last < ONCE_IN) {
                    return (409, json!({"watched_at": time(last), "expires_at": time(last + ONCE_IN)}));
                }
                self.watching = None;
                self.push(what, now(), "scrobble");
                "scrobble"
            }
            "pause" | "stop" => {
                self.watching = None;
                "pause"
            }
            _ => return (404, Value::Null),
        };
        let mut answer = self.describe(what);
        answer.insert("id".into(), (self.plays.len() as u64).into());
        answer.insert("action".into(), action.into());
        answer.insert("progress".into(), progress.into());
        (201, answer.into())
    }

    /// Rates as `POST /sync/ratings` has it.
    pub(super) fn rate(&mut self, body: &Value) -> Value {
        let mut added = [0, 0];
        for ((kind, key), added) in [(Kind::Movie, "movies"), (Kind::Show, "shows")].into_iter().zip(&mut added) {
            for rated in list(body, key) {
                if let Some(work) = self.find(kind, rated) {
                    self.ratings.insert(work, number(rated, "rating"));
                    *added += 1;
                }
            }
        }
        let [movies, shows] = added;
        let nothing = json!({"movies": [], "shows": [], "seasons": [], "episodes": []});
        json!({"added": {"movies": movies, "shows": shows, "seasons": 0, "episodes": 0}, "not_found": nothing})
    }

    fn describe(&self, what: Played) -> Map<String, Value> {
        let Some(work) = self.works.get(what.work) else { return Map::new() };
        let about = json!({"title": work.title, "year": work.year, "ids": work.ids});
        match (work.kind, what.episode) {
            (Kind::Movie, _) => Map::from_iter([("type".into(), "movie".into()), ("movie".into(), about)]),
            (Kind::Show, Some((season, number))) => Map::from_iter([
                ("type".into(), "episode".into()),
                ("show".into(), about),
                ("episode".into(), json!({"season": season, "number": number, "title": "An Episode", "ids": {}})),
            ]),
            _ => Map::from_iter([
                ("type".into(), "episode".into()),
                ("show".into(), json!({"title": "A Show", "year": 2001, "ids": {}})),
                ("episode".into(), json!({"season": 1, "number": 1, "title": work.title, "ids": work.ids})),
            ]),
        }
    }

    /// The rows of the history of films, or of episodes, most recent first.
    pub(super) fn history_rows(&self, movies: bool, since: Option<&str>) -> Vec<Value> {
        let since = since.and_then(|since| since.parse::<Timestamp>().ok()).map_or(i64::MIN, Timestamp::as_second);
        let is_movie = |play: &&Play| self.works.get(play.what.work).is_some_and(|work| work.kind == Kind::Movie);
        let mut plays: Vec<&Play> =
            self.plays.iter().filter(|play| is_movie(play) == movies && play.at >= since).collect();
        plays.sort_by_key(|play| std::cmp::Reverse((play.at, play.id)));
        let row = |play: &Play| {
            let mut row = self.describe(play.what);
            row.insert("id".into(), play.id.into());
            row.insert("watched_at".into(), time(play.at).into());
            row.insert("action".into(), play.action.into());
            row.into()
        };
        plays.into_iter().map(row).collect()
    }

    /// The rows of the watched films.
    pub(super) fn watched_movies(&self) -> Vec<Value> {
        self.watched(Kind::Movie)
            .map(|(work, plays)| {
                json!({"plays": plays.len(), "last_watched_at": last(&plays), "movie": self.about(work)})
            })
            .collect()
    }

    /// The rows of the watched shows, with their episodes where they are asked for.
    pub(super) fn watched_shows(&self, progress: bool) -> Vec<Value> {
        self.watched(Kind::Show)
            .map(|(work, plays)| {
                let mut row = json!({"plays": plays.len(), "last_watched_at": last(&plays), "show": self.about(work)});
                if progress && let Some(row) = row.as_object_mut() {
                    row.insert("seasons".into(), seasons(&plays).into());
                }
                row
            })
            .collect()
    }

    fn watched(&self, kind: Kind) -> impl Iterator<Item = (usize, Vec<&Play>)> {
        let of_kind = self.works.iter().enumerate().filter(move |(_, work)| work.kind == kind);
        of_kind
            .map(|(at, _)| (at, self.plays.iter().filter(|play| play.what.work == at).collect::<Vec<_>>()))
            .filter(|(_, plays)| !plays.is_empty())
    }

    fn about(&self, work: usize) -> Value {
        self.works
            .get(work)
            .map_or(Value::Null, |work| json!({"title": work.title, "year": work.year, "ids": work.ids}))
    }

    /// The rows of the ratings of films or shows.
    pub(super) fn rating_rows(&self, movies: bool) -> Vec<Value> {
        let (kind, key) = if movies { (Kind::Movie, "movie") } else { (Kind::Show, "show") };
        let of_kind =
            self.ratings.iter().filter(|(work, _)| self.works.get(**work).is_some_and(|work| work.kind == kind));
        of_kind
            .map(|(work, rating)| json!({"rated_at": time(now()), "rating": rating, "type": key, key: self.about(*work)}))
            .collect()
    }

    /// The rows that a search for `words` gives.
    pub(super) fn search(&self, types: &str, words: &str, year: Option<&str>) -> Vec<Value> {
        let words: Vec<String> = words.replace('\\', "").to_lowercase().split_whitespace().map(str::to_owned).collect();
        let found = self.works.iter().filter(|work| {
            let title = work.title.to_lowercase();
            let kind = if work.kind == Kind::Movie { "movie" } else { "show" };
            work.kind != Kind::Episode
                && types.split(',').any(|wanted| wanted == kind)
                && words.iter().all(|word| title.contains(word.as_str()))
                && year.is_none_or(|year| work.year.to_string() == year)
        });
        found
            .map(|work| {
                let kind = if work.kind == Kind::Movie { "movie" } else { "show" };
                let overview = format!("What happens in {}.", work.title);
                json!({"type": kind, "score": 1000.0 - f64::from(u8::try_from(work.title.len()).unwrap_or(255)), kind: {
                    "title": work.title, "year": work.year, "ids": work.ids, "overview": overview, "rating": 7.25,
                    "runtime": 97, "genres": ["drama"],
                }})
            })
            .collect()
    }

    /// The account's lifetime counts.
    pub(super) fn stats(&self) -> Value {
        let count = |movies: bool| {
            let plays = self.history_rows(movies, None).len();
            let kind = if movies { Kind::Movie } else { Kind::Show };
            (plays, self.watched(kind).count())
        };
        let ((films, watched_films), (episodes, shows)) = (count(true), count(false));
        let mut given: Map<String, Value> = (1..=10).map(|rating| (rating.to_string(), Value::from(0))).collect();
        for rating in self.ratings.values() {
            let times = self.ratings.values().filter(|other| *other == rating).count();
            given.insert(rating.to_string(), times.into());
        }
        json!({
            "movies": {"plays": films, "watched": watched_films, "minutes": films * 95, "collected": 0, "ratings": 0, "comments": 0},
            "shows": {"watched": shows, "collected": 0, "ratings": 0, "comments": 0},
            "seasons": {"ratings": 0, "comments": 0},
            "episodes": {"plays": episodes, "watched": episodes, "minutes": episodes * 40, "collected": 0, "ratings": 0, "comments": 0},
            "network": {"friends": 1, "followers": 2, "following": 3},
            "ratings": {"total": self.ratings.len(), "distribution": given},
        })
    }

    fn label(&self, what: Played) -> String {
        let Some(work) = self.works.get(what.work) else { return String::new() };
        let ids =
            ["imdb", "tmdb", "tvdb"].into_iter().filter_map(|service| Some(name(service, work.ids.get(service)?)));
        let ids = ids.collect::<Vec<_>>().join(" ");
        match what.episode {
            Some((season, number)) => format!("{ids} S{season:02}E{number:02}"),
            None => ids,
        }
    }

    pub(super) fn history(&self) -> Vec<TraktPlay> {
        let play = |play: &Play| TraktPlay { what: self.label(play.what), at: play.at, action: play.action };
        let mut plays: Vec<TraktPlay> = self.plays.iter().map(play).collect();
        plays.sort_by(|a, b| (a.at, &a.what).cmp(&(b.at, &b.what)));
        plays
    }

    pub(super) fn ratings(&self) -> Vec<(String, i64)> {
        self.ratings.iter().map(|(work, rating)| (self.label(Played { work: *work, episode: None }), *rating)).collect()
    }

    pub(super) fn watching(&self) -> Option<(String, f64)> {
        self.watching.map(|(what, progress)| (self.label(what), progress))
    }
}

fn last(plays: &[&Play]) -> String {
    time(plays.iter().map(|play| play.at).max().unwrap_or_default())
}

fn seasons(plays: &[&Play]) -> Vec<Value> {
    let mut seasons: BTreeMap<i64, BTreeMap<i64, Vec<&Play>>> = BTreeMap::new();
    for play in plays {
        if let Some((season, number)) = play.what.episode {
            seasons.entry(season).or_default().entry(number).or_default().push(play);
        }
    }
    let episode = |(number, plays): (i64, Vec<&Play>)| json!({"number": number, "plays": plays.len(), "last_watched_at": last(&plays)});
    seasons
        .into_iter()
        .map(|(number, episodes)| json!({"number": number, "episodes": episodes.into_iter().map(episode).collect::<Vec<_>>()}))
        .collect()
}
