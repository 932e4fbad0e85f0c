//! What items are called elsewhere: the ids of `IMDb`, TMDB and TVDB that Plex's items carry, and Trakt's own.

use crate::plex::{items::Guid, lenient};
use serde::{Deserialize, Serialize};

/// The ids of one item; at least one where it is to be found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ids {
    /// Trakt's own.
    #[serde(deserialize_with = "lenient::integer", skip_serializing_if = "Option::is_none")]
    pub trakt: Option<i64>,
    /// Trakt's own in words.
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// `IMDb`'s: `tt0000001`.
    #[serde(deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub imdb: Option<String>,
    /// TMDB's.
    #[serde(deserialize_with = "lenient::integer", skip_serializing_if = "Option::is_none")]
    pub tmdb: Option<i64>,
    /// TVDB's.
    #[serde(deserialize_with = "lenient::integer", skip_serializing_if = "Option::is_none")]
    pub tvdb: Option<i64>,
}

impl Ids {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The ids as texts that differ for every id of every service: `imdb:tt0000001`.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        let number = |service: &'static str, id: Option<i64>| id.map(|id| format!("{service}:{id}"));
        let imdb = self.imdb.as_ref().map(|id| format!("imdb:{id}"));
        [number("trakt", self.trakt), imdb, number("tmdb", self.tmdb), number("tvdb", self.tvdb)].into_iter().flatten()
    }

    /// Whether one of the ids is the other's, too.
    pub fn shares_one_with(&self, other: &Self) -> bool {
        let other: Vec<String> = other.names().collect();
        self.names().any(|name| other.contains(&name))
    }

    /// Takes an id of `service`, if it is one and there is none yet.
    fn take(&mut self, service: &str, id: &str) {
        let number = || id.parse::<i64>().ok().filter(|&id| id > 0);
        match service {
            "imdb" => {
                let digits = id.strip_prefix("tt").unwrap_or_default();
                let good = (1..=12).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
                if good && self.imdb.is_none() {
                    self.imdb = Some(id.to_owned());
                }
            }
            "tmdb" | "themoviedb" => self.tmdb = self.tmdb.or_else(number),
            "tvdb" | "thetvdb" => self.tvdb = self.tvdb.or_else(number),
            _ => {}
        }
    }

    fn of_guids(guids: &[Guid]) -> Self {
        let mut ids = Self::default();
        for guid in guids.iter().filter_map(|guid| guid.id.as_deref()) {
            if let Some((service, id)) = guid.split_once("://") {
                ids.take(service, id);
            }
        }
        ids
    }
}

/// What an item's guids say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The item's own ids.
    pub own: Ids,
    /// The show's ids and the numbers of season and episode, where an old agent named the episode so.
    pub by_number: Option<(Ids, i64, i64)>,
}

impl Found {
    /// Reads the ids of the `Guid` children, and where there are none the guid that an old agent gave:
    /// `com.plexapp.agents.thetvdb://100/0/9?lang=en`, the third part being season and episode. Season 0 is one.
    pub fn of(guid: Option<&str>, guids: &[Guid]) -> Self {
        let own = Ids::of_guids(guids);
        if !own.is_empty() {
            return Self { own, by_number: None };
        }
        guid.and_then(Self::of_old_agent).unwrap_or_default()
    }

    fn of_old_agent(guid: &str) -> Option<Self> {
        let (agent, rest) = guid.strip_prefix("com.plexapp.agents.")?.split_once("://")?;
        let mut parts = rest.split(['?', '#']).next()?.split('/');
        let first = parts.next()?;
        // This agent puts the service into the id: `hama://tvdb-100/0/9`.
        let (service, id) = if agent == "hama" { first.split_once('-')? } else { (agent, first) };
        let mut ids = Ids::default();
        ids.take(service, id);
        if ids.is_empty() {
            return None;
        }
        let number = |part: Option<&str>| part?.parse::<i64>().ok().filter(|&number| number >= 0);
        Some(match (number(parts.next()), number(parts.next())) {
            (Some(season), Some(episode)) => Self { own: Ids::default(), by_number: Some((ids, season, episode)) },
            _ => Self { own: ids, by_number: None },
        })
    }
}

/// Why an item without ids has none, for whoever wants to mend it.
pub fn reason_without_ids(guid: Option<&str>) -> &'static str {
    match guid {
        Some(guid) if guid.starts_with("local://") || guid.contains(".none://") => {
            "it is not matched in Plex: use Fix Match there"
        }
        Some(_) => "Plex has no IMDb, TMDB or TVDB id of it: refresh its metadata there",
        None => "Plex does not say what it is",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guids(ids: &[&str]) -> Vec<Guid> {
        ids.iter().map(|id| Guid { id: Some((*id).to_owned()) }).collect()
    }

    fn imdb(id: &str) -> Ids {
        Ids { imdb: Some(id.into()), ..Ids::default() }
    }

    fn tvdb(id: i64) -> Ids {
        Ids { tvdb: Some(id), ..Ids::default() }
    }

    #[test]
    fn ids_of_todays_agents_are_read_from_the_children() {
        let found = Found::of(
            Some("plex://movie/5d7768ba96b655001fdc0408"),
            &guids(&["imdb://tt0000001", "tmdb://2", "tvdb://3", "tmdb://9", "other://4", "nonsense"]),
        );
        let own = Ids { imdb: Some("tt0000001".into()), tmdb: Some(2), tvdb: Some(3), ..Ids::default() };
        assert_eq!(found, Found { own, by_number: None });
    }

    #[test]
    fn ids_of_old_agents_are_read_from_the_guid_and_season_0_is_one() {
        for (guid, found) in [
            ("com.plexapp.agents.imdb://tt0000001?lang=en", Found { own: imdb("tt0000001"), by_number: None }),
            ("com.plexapp.agents.thetvdb://100?lang=xn", Found { own: tvdb(100), by_number: None }),
            (
                "com.plexapp.agents.thetvdb://100/0/9?lang=xn",
                Found { own: Ids::default(), by_number: Some((tvdb(100), 0, 9)) },
            ),
            (
                "com.plexapp.agents.hama://tvdb-100/2/3?lang=en",
                Found { own: Ids::default(), by_number: Some((tvdb(100), 2, 3)) },
            ),
            (
                "com.plexapp.agents.themoviedb://55?lang=en",
                Found { own: Ids { tmdb: Some(55), ..Ids::default() }, by_number: None },
            ),
        ] {
            assert_eq!(Found::of(Some(guid), &[]), found, "{guid}");
        }
    }

    #[test]
    fn what_is_not_matched_has_no_ids_and_a_reason() {
        for guid in [
            "local://7",
            "tv.plex.agents.none://7",
            "com.plexapp.agents.none://abc?lang=en",
            "plex://movie/abc",
            "com.plexapp.agents.imdb://tt?lang=en",
            "com.plexapp.agents.imdb://7",
            "com.plexapp.agents.thetvdb://",
            "com.plexapp.agents.hama://anidb-7",
            "com.plexapp.agents.",
            "",
        ] {
            assert_eq!(Found::of(Some(guid), &[]), Found::default(), "{guid}");
        }
        assert!(reason_without_ids(Some("local://7")).contains("Fix Match"));
        assert!(reason_without_ids(Some("tv.plex.agents.none://7")).contains("Fix Match"));
        assert!(reason_without_ids(Some("plex://movie/abc")).contains("refresh"));
    }

    #[test]
    fn ids_of_different_services_are_never_the_same() {
        let tmdb = Ids { tmdb: Some(100), ..Ids::default() };
        assert!(!tmdb.shares_one_with(&tvdb(100)));
        assert!(tvdb(100).shares_one_with(&Ids { imdb: Some("tt1".into()), ..tvdb(100) }));
        assert!(!Ids::default().shares_one_with(&Ids::default()));
    }
}
