//! What is missing, and what comes.

use serde_json::Value;

use crate::demo::arr::ArrKind;
use crate::demo::arr::shelf::Shelf;
use crate::demo::query::Query;

impl Shelf<'_> {
    /// What is monitored, out, and without a file.
    pub(super) fn missing(self, query: &Query) -> Vec<Value> {
        let wanted = query.get("monitored") != Some("false");
        let with_series = query.get("includeSeries") == Some("true");
        match self.world.kind {
            ArrKind::Sonarr => {
                let mut rows: Vec<(i64, Value)> = Vec::new();
                for held in self.held().filter(|held| held.is_monitored() == wanted) {
                    let episodes = self.world.episodes(held.n);
                    let lacking = episodes.iter().filter(|episode| {
                        episode.airs <= self.world.clock && !held.owns(episode) && held.wants(episode) == wanted
                    });
                    rows.extend(lacking.map(|episode| (episode.airs, self.episode(&held, episode, with_series))));
                }
                rows.sort_by_key(|(airs, _)| *airs);
                if query.get("sortDirection") == Some("descending") {
                    rows.reverse();
                }
                rows.into_iter().map(|(_, row)| row).collect()
            }
            ArrKind::Radarr => {
                let mut films: Vec<_> = self
                    .held()
                    .filter(|held| held.is_monitored() == wanted && !self.has_file(held))
                    .filter(|held| self.world.status(held.n) == "released")
                    .collect();
                films.sort_by_key(|held| self.world.sort_title(held.n));
                films.iter().map(|held| self.title(held.n, Some(held))).collect()
            }
        }
    }

    /// What comes out between two times; None where they are none.
    pub(super) fn calendar(self, query: &Query) -> Option<Vec<Value>> {
        let at = |name: &str, days: i64| match query.get(name) {
            None => Some(self.world.clock + days * 86_400),
            Some(text) => text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second),
        };
        let between = at("start", 0)?..=at("end", 2)?;
        let all = query.get("unmonitored") == Some("true");
        let with_series = query.get("includeSeries") == Some("true");
        let held = self.held().filter(|held| all || held.is_monitored());
        let mut rows: Vec<(i64, Value)> = Vec::new();
        for held in held {
            match self.world.kind {
                ArrKind::Sonarr => {
                    let episodes = self.world.episodes(held.n);
                    let due = episodes
                        .iter()
                        .filter(|episode| between.contains(&episode.airs) && (all || held.wants(episode)));
                    rows.extend(due.map(|episode| (episode.airs, self.episode(&held, episode, with_series))));
                }
                ArrKind::Radarr => {
                    let dates = self.world.releases(held.n);
                    let first = [Some(dates.cinemas), dates.digital, dates.physical]
                        .into_iter()
                        .flatten()
                        .filter(|at| between.contains(at))
                        .min();
                    rows.extend(first.map(|at| (at, self.title(held.n, Some(&held)))));
                }
            }
        }
        rows.sort_by_key(|(at, _)| *at);
        Some(rows.into_iter().map(|(_, row)| row).collect())
    }
}
