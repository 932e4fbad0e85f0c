//! Reading plays to the end and joining each with the facts of its item, in bounded memory and with progress.

use super::chart::{Chart, Entry, Metric};
use crate::{
    export::job::Progress,
    guard::Read,
    plex::{
        error::PlexError,
        history::{History, Play, PlayFilter},
        http::Plex,
        items::Window,
        lookup::{BATCH, Facts, Lookup},
    },
    tools::{arguments::PlexId, call::Call, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long the reading of a history may take. A server gives some thousands of rows a second, and a history may have a
/// million; the progress shows meanwhile that it goes on.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(600);
/// Plays that wait for the facts of their items at the most.
const MOST_WAITING: usize = 10_000;

/// Which plays count, by what was played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum PlayedType {
    /// Everything.
    #[default]
    All,
    /// Films.
    Movie,
    /// Episodes, counted together for each show.
    Show,
    /// Episodes, each for itself.
    Episode,
    /// Music.
    Track,
}

impl PlayedType {
    /// Whether a play of such an item counts.
    pub(super) fn admits(self, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::Movie => kind == "movie",
            Self::Show | Self::Episode => kind == "episode",
            Self::Track => kind == "track",
        }
    }
}

/// The digits of an id as a number. Ids beyond what Plex gives out are of nothing.
pub(super) fn number(id: Option<&PlexId>) -> Option<u64> {
    id.map(|id| id.as_str().parse().unwrap_or(u64::MAX))
}

/// Calls `each` with every play that `filter` and `kind` admit, newest first, and with the facts of its item, which are
/// none where the item is gone. Returns the facts, for more to be asked of them.
pub(super) async fn read_plays(
    call: &Call<'_, Read>,
    filter: PlayFilter,
    kind: PlayedType,
    titles: bool,
    mut each: impl FnMut(&Play, Option<Facts>) + Send,
) -> Result<Lookup, ToolError> {
    let plex = call.plex().await?;
    let mut history = History::new(plex, filter, titles);
    let mut waiting = Waiting::default();
    let mut page = Vec::new();
    loop {
        // The next plays are read while the facts of those before are on their way.
        let (more, fetched) = tokio::join!(history.page(&mut page), waiting.fetch(plex));
        let more = more?;
        fetched?;
        waiting.release(&mut each);
        call.progress(Progress { items: history.received(), total: history.total(), bytes: 0 });
        waiting.take(page.drain(..).filter(|play| kind.admits(&play.kind)));
        if !more {
            waiting.ask();
            waiting.fetch(plex).await?;
            waiting.release(&mut each);
            return Ok(waiting.lookup);
        }
        if waiting.is_enough() {
            waiting.ask();
        }
    }
}

/// The titles of the plays that `filter` and `kind` admit, first by `metric`.
pub(super) async fn read_titles(
    call: &Call<'_, Read>,
    filter: PlayFilter,
    kind: PlayedType,
    by_show: bool,
    metric: Metric,
) -> Result<Vec<Entry>, ToolError> {
    let mut chart = Chart::new(by_show);
    let mut lookup = read_plays(call, filter, kind, true, |play, facts| chart.add(play, facts)).await?;
    chart.shows().for_each(|show| lookup.want(show));
    lookup.fetch(call.plex().await?).await?;
    Ok(chart.into_titles(metric, &lookup))
}

/// Part of the plays of one type, which the server can't filter by, so that all plays are read to count them.
pub(super) async fn plays_of_type(
    call: &Call<'_, Read>,
    filter: PlayFilter,
    kind: PlayedType,
    offset: u64,
    limit: u64,
) -> Result<Window<Play>, ToolError> {
    let mut history = History::new(call.plex().await?, filter, true);
    let (mut page, mut items, mut total) = (Vec::new(), Vec::new(), 0);
    let end = offset.saturating_add(limit);
    while history.page(&mut page).await? {
        call.progress(Progress { items: history.received(), total: history.total(), bytes: 0 });
        for play in page.drain(..).filter(|play| kind.admits(&play.kind)) {
            if (offset..end).contains(&total) {
                items.push(play);
            }
            total += 1;
        }
    }
    Ok(Window { items, total: Some(total), next_offset: (end < total).then_some(end) })
}

/// Plays that wait until there are enough items to ask for, and those that wait for the answer.
#[derive(Default)]
struct Waiting {
    plays: Vec<Play>,
    asked: Vec<Play>,
    lookup: Lookup,
}

impl Waiting {
    fn take(&mut self, plays: impl Iterator<Item = Play>) {
        for play in plays {
            if let Some(item) = play.item {
                self.lookup.want(item);
            }
            self.plays.push(play);
        }
    }

    fn is_enough(&self) -> bool {
        self.lookup.wanted() >= BATCH || self.plays.len() >= MOST_WAITING
    }

    /// Has the facts of all plays so far asked for next.
    fn ask(&mut self) {
        self.asked.append(&mut self.plays);
    }

    async fn fetch(&mut self, plex: &Plex) -> Result<(), PlexError> {
        if self.asked.is_empty() { Ok(()) } else { self.lookup.fetch(plex).await }
    }

    fn release(&mut self, each: &mut impl FnMut(&Play, Option<Facts>)) {
        for play in self.asked.drain(..) {
            each(&play, play.item.and_then(|item| self.lookup.get(item)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::watch::{period::Period, tally::Tally};
    use proptest::prelude::*;

    fn play((item, section, kind, at, account): (u64, u64, usize, i64, u64)) -> Play {
        let kinds = ["movie", "episode", "track", "hologram"];
        Play {
            item: (item > 0).then_some(item),
            show: (kind == 1).then_some(900 + item % 3),
            section: (section > 0).then_some(item % 4),
            kind: kinds[kind].into(),
            at: Some(at),
            account: Some(account),
            device: Some(account % 3),
            titles: None,
        }
    }

    /// Every seventh item is gone, and every fifth has no length.
    fn facts(key: u64) -> Option<Facts> {
        let seconds = u32::try_from(60 * key).ok().filter(|_| !key.is_multiple_of(5));
        (!key.is_multiple_of(7)).then_some(Facts { seconds, work: key / 2 })
    }

    fn plays() -> impl Strategy<Value = Vec<Play>> {
        let play = (0_u64..300, 0_u64..4, 0_usize..4, 1_600_000_000_i64..1_700_000_000, 1_u64..6).prop_map(play);
        prop::collection::vec(play, 0..600)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn pages_tell_the_same_as_all_at_once(plays in plays(), sizes in prop::collection::vec(1_usize..90, 1..9)) {
            let period = Period::last(3_650, Some("Europe/Berlin")).unwrap();
            let mut expected = (Tally::new(period.clone()), Chart::new(true));
            for play in &plays {
                let facts = play.item.and_then(facts);
                expected.0.add(play, facts);
                expected.1.add(play, facts);
            }
            let mut found = (Tally::new(period), Chart::new(true));
            let (mut waiting, mut left, mut told) = (Waiting::default(), plays.as_slice(), 0);
            for size in sizes.iter().cycle() {
                let (page, rest) = left.split_at((*size).min(left.len()));
                left = rest;
                waiting.take(page.iter().cloned());
                if waiting.is_enough() || left.is_empty() {
                    waiting.ask();
                    waiting.lookup.answer(facts);
                    waiting.release(&mut |play, facts| {
                        told += 1;
                        found.0.add(play, facts);
                        found.1.add(play, facts);
                    });
                }
                if left.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(told, plays.len());
            prop_assert_eq!(&found.0, &expected.0);
            let total = u64::try_from(plays.len()).unwrap();
            let sums = [
                found.0.days.values().map(|count| count.plays).sum::<u64>(),
                found.0.hours.iter().map(|count| count.plays).sum(),
                found.0.weekdays.iter().map(|count| count.plays).sum(),
                found.0.kinds.values().map(|count| count.plays).sum(),
                found.0.people.values().map(|person| person.count.plays).sum(),
                found.0.sections.values().map(|count| count.plays).sum(),
                found.0.devices.values().map(|count| count.plays).sum(),
            ];
            prop_assert_eq!(sums, [total; 7]);
            for metric in [Metric::Plays, Metric::Duration, Metric::Users, Metric::Recency] {
                let titles = |chart: Chart| {
                    let titles = chart.into_titles(metric, &Lookup::default());
                    titles.into_iter().map(|title| (title.subject, title.plays, title.seconds, title.people, title.copies))
                        .collect::<Vec<_>>()
                };
                let mut backwards = Chart::new(true);
                for play in plays.iter().rev() {
                    backwards.add(play, play.item.and_then(facts));
                }
                let mut again = Chart::new(true);
                for play in &plays {
                    again.add(play, play.item.and_then(facts));
                }
                let told = titles(again);
                prop_assert_eq!(told.iter().map(|title| title.1).sum::<u64>(), total);
                prop_assert_eq!(told, titles(backwards));
            }
        }
    }
}
