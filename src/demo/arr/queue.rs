//! What is downloading: what was under way at the start, and what searches found.

use serde_json::{Value, json};

use crate::demo::arr::ArrKind;
use crate::demo::arr::commands::State;
use crate::demo::arr::rows::time;
use crate::demo::arr::shelf::{Held, Shelf};
use crate::demo::query::Query;

const GIGABYTE: u64 = 1_000_000_000;

impl Shelf<'_> {
    /// The queue, what ends soonest first.
    pub(super) fn queue(self, query: &Query) -> Vec<Value> {
        let (unknown, with_title) = match self.world.kind {
            ArrKind::Sonarr => ("includeUnknownSeriesItems", "includeSeries"),
            ArrKind::Radarr => ("includeUnknownMovieItems", "includeMovie"),
        };
        let flag = |name: &str| query.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let mut rows: Vec<Value> = (0..self.options.downloads)
            // One in eight is of nothing that the library knows.
            .filter(|at| at % 8 != 5 || flag(unknown))
            .map(|at| {
                let of = (at % 8 != 5 && self.options.titles > 0).then(|| at * 3 % self.options.titles);
                let held = of.and_then(|n| self.of_world(n));
                self.download(at + 1, held.as_ref(), flag(with_title), flag("includeEpisode"))
            })
            .collect();
        let found = self.changes.commands.iter().enumerate();
        let found = found.filter(|(_, command)| self.state(command) == State::Completed);
        for (at, command) in found {
            for (place, held) in command.targets.iter().filter_map(|id| self.by_id(*id)).take(20).enumerate() {
                let id = 10_000 + (at * 100 + place) as u64;
                rows.push(self.download(id, Some(&held), flag(with_title), flag("includeEpisode")));
            }
        }
        rows
    }

    fn download(self, id: u64, held: Option<&Held<'_>>, with_title: bool, with_episode: bool) -> Value {
        let size = (2 + id % 7) * GIGABYTE;
        let left = size / 10 * (id % 10);
        let (state, status, tracked) = match id % 9 {
            4 => ("downloading", "warning", "warning"),
            7 => ("importPending", "completed", "warning"),
            8 => ("failedPending", "failed", "error"),
            _ => ("downloading", "downloading", "ok"),
        };
        let release = held.map_or_else(|| "Unsorted".to_owned(), |held| self.world.title(held.n));
        let release = format!("{}.1080p.WEB-GROUP{id}", release.replace(' ', "."));
        let seconds = left / 4_000_000;
        let mut row = json!({
            "id": id, "languages": [{"id": 1, "name": "English"}], "quality": {"quality": {"id": 3, "name": "WEBDL-1080p"}},
            "customFormats": [], "customFormatScore": 0, "size": size, "title": release,
            "added": time(self.world.clock - 600), "status": status, "trackedDownloadStatus": tracked,
            "trackedDownloadState": state, "statusMessages": [], "downloadId": format!("{id:040x}"), "protocol": "torrent",
            "downloadClient": "transmission", "downloadClientHasPostImportCategory": false, "indexer": "Sample indexer",
            "outputPath": format!("/downloads/{id}"), "sizeleft": left,
        });
        let Some(map) = row.as_object_mut() else { return row };
        if status == "downloading" {
            map.insert(
                "timeleft".into(),
                format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60).into(),
            );
            let ends = self.world.clock + i64::try_from(seconds).unwrap_or(0);
            map.insert("estimatedCompletionTime".into(), time(ends).into());
        }
        if status == "failed" {
            map.insert("errorMessage".into(), "The download client reports missing blocks".into());
        }
        if tracked == "warning" {
            let messages = json!([{"title": release, "messages": ["No files found are eligible for import"]}]);
            map.insert("statusMessages".into(), messages);
        }
        let Some(held) = held else { return row };
        match self.world.kind {
            ArrKind::Sonarr => {
                let episodes = self.world.episodes(held.n);
                map.insert("seriesId".into(), held.id.into());
                let wanted = episodes.iter().rev().find(|episode| !held.owns(episode)).or(episodes.last());
                if let Some(episode) = wanted {
                    let row = self.episode(held, episode, false);
                    map.insert("episodeId".into(), row.get("id").cloned().unwrap_or_default());
                    map.insert("seasonNumber".into(), episode.season.into());
                    map.insert("episodeHasFile".into(), held.owns(episode).into());
                    if with_episode {
                        map.insert("episode".into(), row);
                    }
                }
                if with_title {
                    map.insert("series".into(), self.title(held.n, Some(held)));
                }
            }
            ArrKind::Radarr => {
                map.insert("movieId".into(), held.id.into());
                if with_title {
                    map.insert("movie".into(), self.title(held.n, Some(held)));
                }
            }
        }
        row
    }
}
