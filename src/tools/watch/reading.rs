//! Reading plays to the end and joining each with the facts of its item, in bounded memory and with progress.

use super::chart::{Chart, Entry, Metric};
use crate::{
    export::job::Progress,
    guard::Read,
    plex::{
        history::{History, Play, PlayFilter},
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
        let more = history.page(&mut page).await?;
        call.progress(Progress { items: history.received(), total: history.total(), bytes: 0 });
        waiting.take(page.drain(..).filter(|play| kind.admits(&play.kind)));
        if waiting.is_enough() || !more {
            waiting.lookup.fetch(plex).await?;
            waiting.release(&mut each);
        }
        if !more {
            return Ok(waiting.lookup);
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

/// Plays that wait until there are enough items to ask for.
#[derive(Default)]
struct Waiting {
    plays: Vec<Play>,
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

    fn release(&mut self, each: &mut impl FnMut(&Play, Option<Facts>)) {
        for play in self.plays.drain(..) {
            each(&play, play.item.and_then(|item| self.lookup.get(item)));
        }
    }
}
