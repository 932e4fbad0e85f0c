//! Titles, episodes and settings as the services write them.

use serde_json::{Value, json};

use crate::demo::arr::ArrKind;
use crate::demo::arr::shelf::{Held, Shelf, Wish};
use crate::demo::arr::world::{Episode, World};

/// A time as the services write it.
pub(super) fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |at| at.to_string())
}

/// The day on which an episode is shown where its network is, some hours behind universal time.
pub(super) fn air_day(seconds: i64) -> String {
    time(seconds - 5 * 3_600).chars().take(10).collect()
}

impl Shelf<'_> {
    /// A title: of the library, or as it is found.
    pub(super) fn title(self, n: u64, held: Option<&Held<'_>>) -> Value {
        match self.world.kind {
            ArrKind::Sonarr => self.series(n, held),
            ArrKind::Radarr => self.movie(n, held),
        }
    }

    fn series(self, n: u64, held: Option<&Held<'_>>) -> Value {
        let world = &self.world;
        let episodes = world.episodes(n);
        let owned = |episode: &Episode| held.is_some_and(|held| held.owns(episode));
        let monitored = |season: u64| match held.and_then(|held| held.added).map(|added| &added.wish) {
            Some(Wish::Seasons(wanted)) => wanted.contains(&season),
            _ => season > 0,
        };
        let count = |season: Option<u64>| {
            let of = || episodes.iter().filter(move |episode| season.is_none_or(|season| episode.season == season));
            // What the services count: what they have or want and could have.
            let files = of().filter(|episode| owned(episode)).count();
            let due = of()
                .filter(|episode| owned(episode) || (monitored(episode.season) && episode.airs <= world.clock))
                .count();
            #[expect(clippy::cast_precision_loss, reason = "counts of episodes")]
            let percent = if due == 0 { 0.0 } else { files as f64 * 100.0 / due as f64 };
            json!({
                "episodeFileCount": files, "episodeCount": due, "totalEpisodeCount": of().count(),
                "sizeOnDisk": files as u64 * 1_400_000_000, "releaseGroups": [], "percentOfEpisodes": percent,
            })
        };
        let first = u64::from(!World::has_specials(n));
        let seasons: Vec<Value> = (first..=world.seasons(n))
            .map(|season| {
                let mut row = json!({"seasonNumber": season, "monitored": held.is_some() && monitored(season)});
                if let (true, Some(row)) = (held.is_some(), row.as_object_mut()) {
                    row.insert("statistics".into(), count(Some(season)));
                }
                row
            })
            .collect();
        let mut row = json!({
            "title": world.title(n), "alternateTitles": [{"title": format!("{} (working title)", World::studio(n)), "seasonNumber": -1}],
            "sortTitle": world.sort_title(n), "status": world.status(n), "ended": !World::is_running(n),
            "overview": world.overview(n), "network": World::studio(n), "airTime": "21:30", "images": [],
            "originalLanguage": {"id": 1, "name": "English"}, "seasons": seasons, "year": world.year(n),
            "seasonFolder": true, "monitored": held.is_none_or(Held::is_monitored), "monitorNewItems": "all",
            "useSceneNumbering": false, "runtime": world.runtime(n), "tvdbId": world.foreign_id(n),
            "tvMazeId": 20_000 + n, "firstAired": episodes.iter().map(|episode| episode.airs).min().map(time),
            "seriesType": "standard", "cleanTitle": world.sort_title(n).replace(' ', ""),
            "imdbId": format!("tt{:07}", 100_000 + n), "titleSlug": format!("series-{}", world.foreign_id(n)),
            "certification": world.certification(n), "genres": World::genres(n), "tags": [], "added": "0001-01-01T00:00:00Z",
            "ratings": {"votes": 100 + n, "value": 7.1}, "qualityProfileId": 0,
            "languageProfileId": u64::from(self.options.major() != 3),
        });
        self.of_library(&mut row, held, || count(None));
        row
    }

    fn movie(self, n: u64, held: Option<&Held<'_>>) -> Value {
        let world = &self.world;
        let releases = world.releases(n);
        let has_file = held.is_some_and(|held| self.has_file(held));
        let size = if has_file { 8_000_000_000 + n % 900 * 1_000_000 } else { 0 };
        let availability = match held.and_then(|held| held.added).map(|added| &added.wish) {
            Some(Wish::Availability(wanted)) => wanted.as_str(),
            _ => "released",
        };
        let mut row = json!({
            "title": world.title(n), "originalTitle": world.title(n), "originalLanguage": {"id": 1, "name": "English"},
            "alternateTitles": [{"sourceType": "tmdb", "movieMetadataId": n + 1, "title": format!("{} presents", World::studio(n))}],
            "sortTitle": world.sort_title(n), "sizeOnDisk": size, "status": world.status(n), "overview": world.overview(n),
            "inCinemas": time(releases.cinemas), "images": [], "website": "", "year": world.year(n),
            "studio": World::studio(n), "hasFile": has_file, "movieFileId": if has_file { n + 1 } else { 0 },
            "monitored": held.is_some_and(Held::is_monitored), "minimumAvailability": availability,
            "isAvailable": world.status(n) == "released", "runtime": world.runtime(n),
            "cleanTitle": world.sort_title(n).replace(' ', ""), "imdbId": format!("tt{:07}", 500_000 + n),
            "tmdbId": world.foreign_id(n), "titleSlug": world.foreign_id(n).to_string(),
            "certification": world.certification(n), "genres": World::genres(n), "tags": [], "added": "0001-01-01T00:00:00Z",
            "ratings": {"tmdb": {"votes": 100 + n, "value": 6.5, "type": "user"}}, "popularity": 3.5, "qualityProfileId": 0,
        });
        if let Some(map) = row.as_object_mut() {
            for (name, at) in [("digitalRelease", releases.digital), ("physicalRelease", releases.physical)] {
                if let Some(at) = at {
                    map.insert(name.into(), time(at).into());
                }
            }
        }
        self.of_library(
            &mut row,
            held,
            || json!({"movieFileCount": u64::from(has_file), "sizeOnDisk": size, "releaseGroups": []}),
        );
        row
    }

    /// Adds what only titles of the library have.
    fn of_library(self, row: &mut Value, held: Option<&Held<'_>>, statistics: impl FnOnce() -> Value) {
        let (Some(held), Some(map)) = (held, row.as_object_mut()) else { return };
        map.insert("id".into(), held.id.into());
        map.insert("path".into(), self.path(held).into());
        map.insert("rootFolderPath".into(), self.root(held).into());
        map.insert("qualityProfileId".into(), held.added.map_or(1, |added| added.profile).into());
        map.insert("added".into(), time(self.world.clock - 86_400).into());
        if self.world.kind == ArrKind::Sonarr && self.options.major() == 3 {
            map.insert("languageProfileId".into(), 1.into());
        }
        if self.options.deviations.untidy && held.n % 6 == 2 {
            // As after a failed refresh, with numbers as text and a raw escape in the overview.
            map.insert("year".into(), map.get("year").map(ToString::to_string).unwrap_or_default().into());
            map.insert("overview".into(), "red\u{1b}[31m text\u{202e}".into());
            return;
        }
        map.insert("statistics".into(), statistics());
    }

    /// An episode; with the series beside it where that is asked for.
    pub(super) fn episode(self, held: &Held<'_>, episode: &Episode, with_series: bool) -> Value {
        let mut row = json!({
            "id": episode_id(held, episode), "seriesId": held.id, "tvdbId": episode_id(held, episode) + 5_000_000,
            "episodeFileId": if held.owns(episode) { episode_id(held, episode) } else { 0 },
            "seasonNumber": episode.season, "episodeNumber": episode.number, "title": episode.title,
            "airDate": air_day(episode.airs), "airDateUtc": time(episode.airs), "runtime": self.world.runtime(held.n),
            "overview": self.world.overview(held.n + episode.number), "hasFile": held.owns(episode),
            "monitored": held.wants(episode), "unverifiedSceneNumbering": false,
        });
        if let (true, Some(map)) = (with_series, row.as_object_mut()) {
            map.insert("series".into(), self.title(held.n, Some(held)));
        }
        row
    }

    /// All quality profiles.
    pub(super) fn profiles(self) -> Value {
        let profile = |(at, name): (usize, &String)| {
            let quality = |id: u64, name: &str, allowed: bool| json!({"quality": {"id": id, "name": name, "source": "web", "resolution": 1080}, "items": [], "allowed": allowed});
            let web = json!({
                "id": 1_002, "name": "WEB 1080p", "allowed": true,
                "items": [quality(3, "WEBDL-1080p", true), quality(15, "WEBRip-1080p", true)],
            });
            json!({
                "id": at + 1, "name": name, "upgradeAllowed": at % 2 == 0, "cutoff": if at % 2 == 0 { 1_002 } else { 7 },
                "items": [quality(4, "HDTV-720p", false), web, quality(7, "Bluray-1080p", true)],
                "minFormatScore": 0, "cutoffFormatScore": 0,
                "formatItems": [
                    {"format": 1, "name": "Repack", "score": 5},
                    {"format": 2, "name": "Upscaled", "score": if at == 0 { 0 } else { -100 }},
                ],
            })
        };
        self.options.profiles.iter().enumerate().map(profile).collect()
    }

    /// All language profiles: those of a Sonarr 3, or the one that later ones show for old clients.
    pub(super) fn languages(self) -> Value {
        if self.options.major() != 3 {
            return json!([{"id": 1, "name": "Deprecated", "upgradeAllowed": true, "cutoff": {"id": 1, "name": "English"}, "languages": []}]);
        }
        let profile = |(at, name): (usize, &String)| {
            json!({
                "id": at + 1, "name": name, "upgradeAllowed": false, "cutoff": {"id": 1, "name": "English"},
                "languages": [{"language": {"id": 1, "name": "English"}, "allowed": true}],
            })
        };
        self.options.languages.iter().enumerate().map(profile).collect()
    }

    /// All root folders.
    pub(super) fn roots(self) -> Value {
        let root = |(at, root): (usize, &crate::demo::arr::SampleRoot)| {
            let unmapped =
                |name: &str| json!({"name": name, "path": format!("{}/{name}", root.path), "relativePath": name});
            let mut row = json!({
                "id": at + 1, "path": root.path, "accessible": root.accessible, "freeSpace": root.free,
                "unmappedFolders": if root.accessible { vec![unmapped("incoming"), unmapped("unsorted")] } else { vec![] },
            });
            if let (false, Some(map)) = (root.accessible, row.as_object_mut()) {
                map.remove("freeSpace");
            }
            row
        };
        self.options.roots.iter().enumerate().map(root).collect()
    }
}

fn episode_id(held: &Held<'_>, episode: &Episode) -> u64 {
    held.id * 1_000 + episode.season * 50 + episode.number
}
