use super::{
    activity::{Running, alone, another_runs},
    difference::{self, Difference, Differs, Side, Theirs},
};
use crate::{
    guard::{Amounts, Cleared, Plan, Service, Write},
    plex::{
        change::Made,
        items::{Item, Window},
    },
    tools::{Tool, call::Call, change::facts, error::ToolError, listing::Paging, public_keys::PublicKey},
    trakt::{error::TraktError, marks::Marks},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Compare what is watched on Trakt with what is watched on the Plex server by the token's account: what only Trakt has,
/// what only Plex has, and what Trakt has that is not on the server. Nothing is changed without apply: true, which marks in
/// Plex as watched what Trakt has and Plex has not; what is watched or half watched there, in whatever copy, is left as it
/// is, and `trakt_sync_to_trakt` does not take a mark for a play. A call that only compares needs no approval and takes
/// nothing from the limits on items, though the policy counts the tool among those that write.
#[derive(JsonSchema)]
pub(super) struct TraktSyncFromTrakt;

/// What to compare.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Mark in Plex as watched what Trakt has.
    #[serde(default)]
    apply: bool,
    /// List only this part of the difference.
    only: Option<Part>,
    /// The most rows to list. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first row to list.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000_000))]
    offset: u64,
}

fn default_limit() -> u64 {
    100
}

/// A part of the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// Watched on Trakt, unwatched in Plex: what apply marks.
    OnTrakt,
    /// Watched on Trakt, half watched in Plex.
    InProgress,
    /// Watched in Plex, not on Trakt.
    InPlex,
    /// Watched on Trakt, not on the server.
    NotInPlex,
}

impl From<Side> for Part {
    fn from(side: Side) -> Self {
        match side {
            Side::Trakt => Self::OnTrakt,
            Side::InProgress => Self::InProgress,
            Side::Plex => Self::InPlex,
            Side::NotInPlex => Self::NotInPlex,
        }
    }
}

/// The difference.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// What Trakt has.
    #[serde(rename = "trakt_data")]
    trakt_data: TraktData,
    /// How large each part of the difference is, before anything was marked.
    counts: Counts,
    /// Films and episodes that were marked as watched in Plex.
    marked: u64,
    /// Of those that Trakt has and Plex has not, how many are left for another call with apply.
    remaining: u64,
    /// The difference.
    differences: Vec<Row>,
    #[serde(flatten)]
    paging: Paging,
    /// What else is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    /// What was done, in a sentence.
    summary: String,
}

/// What Trakt has.
#[derive(Serialize, JsonSchema)]
struct TraktData {
    /// Watched films.
    movies: Count,
    /// Shows of which something was watched.
    shows: Count,
    /// Watched episodes.
    episodes: Count,
}

/// How many there are.
#[derive(Serialize, JsonSchema)]
struct Count {
    /// The number.
    count: u64,
}

/// How large the parts are.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Counts {
    /// Watched on both sides.
    both: u64,
    /// Watched on Trakt, unwatched in Plex.
    on_trakt: u64,
    /// Watched on Trakt, half watched in Plex.
    in_progress: u64,
    /// Watched in Plex, not on Trakt.
    in_plex: u64,
    /// Watched on Trakt, not on the server.
    not_in_plex: u64,
    /// On the server, without ids to compare by.
    without_ids: u64,
}

/// A film or an episode that is watched on one side only.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// Which part of the difference it is of.
    part: Part,
    /// movie or episode.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The film with its year, or the episode with its show and numbers.
    title: String,
    /// The item's number in Plex.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating_key: Option<String>,
    /// How often it was watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    plays: Option<i64>,
    /// When it was watched last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_watched: Option<String>,
}

/// How long items are marked in one call: many clients give a call up after a minute.
const MARKING: Duration = Duration::from_secs(40);
/// Items that are looked at once more before they are marked.
const BATCH: usize = 50;

impl Tool for TraktSyncFromTrakt {
    const NAME: &'static str = "trakt_sync_from_trakt";
    const TITLE: &'static str = "Compare with Trakt";
    const SERVICE: Service = Service::Trakt;
    const IDEMPOTENT: bool = true;
    const TIME_LIMIT: Duration = Duration::from_secs(600);
    const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success)];
    type Effect = Write;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Write>, args: Args) -> Result<Out, ToolError> {
        let trakt = call.trakt().await?;
        let running = call.activity().begin("from_trakt", !args.apply).ok_or_else(another_runs)?;
        let alone = if args.apply { Some(alone(&trakt).await?) } else { None };
        running.at(call, "trakt", 0, None);
        let theirs = Theirs::new(trakt.watched_movies().await?, trakt.watched_shows().await?);
        let difference = difference::read(call, &running, theirs).await?;
        let keys: Vec<&str> = difference
            .rows
            .iter()
            .filter(|row| row.side == Side::Trakt)
            .filter_map(|row| row.rating_key.as_deref())
            .collect();
        let mut marked = Marked { left: keys.len() as u64, ..Marked::default() };
        match alone {
            Some(alone) if !keys.is_empty() => {
                let plan = plan(call, &difference, &keys).await?;
                let cleared = call.clear(plan).await?;
                let note = |due: &[&str]| {
                    Marks::note(trakt.account().file(), &alone, &cleared, due, Timestamp::now().as_second())
                };
                marked.mark(call, &running, &cleared, &keys, note).await?;
            }
            Some(_) => call.remark("there was nothing to mark"),
            None => call.remark("only compared: nothing was to be changed"),
        }
        running.ends(format!("{} marked as watched in Plex, {} left", marked.count, marked.left));
        Ok(told(difference, &marked, &args))
    }
}

async fn plan(call: &Call<'_, Write>, difference: &Difference, keys: &[&str]) -> Result<Plan, ToolError> {
    let items = call.plex().await?.items_by_text(keys).await?;
    let items: Vec<&Item> = items.iter().collect();
    let count = keys.len() as u64;
    let titles: Vec<String> =
        difference.rows.iter().filter(|row| row.side == Side::Trakt).map(|row| row.title.clone()).collect();
    let first = titles.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    let more = if count > 3 { format!(" and {} more", count - 3) } else { String::new() };
    let mut affected = facts::affected(&items, count);
    affected.titles = titles;
    Ok(Plan {
        summary: format!("Mark {count} films and episodes as watched in Plex, because Trakt has them: {first}{more}"),
        facts: facts::of_items(&items, count),
        affected,
        reserve: Amounts { items: count, bytes: 0 },
        ..Plan::default()
    })
}

/// What became of what was to be marked.
#[derive(Debug, Default)]
struct Marked {
    count: u64,
    /// Somebody watched them, or began to, meanwhile.
    meanwhile: u64,
    left: u64,
}

impl Marked {
    async fn mark(
        &mut self,
        call: &Call<'_, Write>,
        running: &Running<'_>,
        cleared: &Cleared<'_>,
        keys: &[&str],
        note: impl Fn(&[&str]) -> Result<(), TraktError> + Sync,
    ) -> Result<(), ToolError> {
        let (plex, total) = (call.plex().await?, keys.len() as u64);
        let began = Instant::now();
        let stopped = |count, cause: String, unsure| {
            let summary = format!("marking {total} films and episodes as watched in Plex");
            if unsure {
                ToolError::Unsettled { summary, cause, change_id: None }
            } else {
                ToolError::Partly { summary, done: count, total, cause, change_id: None }
            }
        };
        for batch in keys.chunks(BATCH) {
            // Looked at once more: what was watched meanwhile would be counted twice.
            let items =
                plex.items_by_text(batch).await.map_err(|error| stopped(self.count, error.to_string(), false))?;
            let untouched = |item: &&Item| item.view_count.unwrap_or(0) == 0 && item.view_offset.is_none();
            let due: Vec<&str> = items.iter().filter(untouched).filter_map(|item| item.rating_key.as_deref()).collect();
            let skipped = (batch.len() - due.len()) as u64;
            self.meanwhile += skipped;
            self.left -= skipped;
            note(&due).map_err(|error| stopped(self.count, error.to_string(), false))?;
            for key in due {
                if began.elapsed() > MARKING {
                    return Ok(());
                }
                match plex.scrobble(cleared, key).await {
                    Ok(Made::Yes(_)) => {}
                    Ok(Made::Unsure(error)) => return Err(stopped(self.count, error.to_string(), true)),
                    Err(error) => return Err(stopped(self.count, error.to_string(), false)),
                }
                self.count += 1;
                self.left -= 1;
                call.reached(self.count);
                running.at(call, "sending", self.count, Some(total));
            }
        }
        Ok(())
    }
}

fn told(difference: Difference, marked: &Marked, args: &Args) -> Out {
    let count = |side| difference.rows.iter().filter(|row| row.side == side).count() as u64;
    let counts = Counts {
        both: difference.both,
        on_trakt: count(Side::Trakt),
        in_progress: count(Side::InProgress),
        in_plex: count(Side::Plex),
        not_in_plex: count(Side::NotInPlex),
        without_ids: difference.without_ids,
    };
    let mut warnings = Vec::new();
    if difference.shows_without_episodes > 0 {
        let shows = difference.shows_without_episodes;
        warnings
            .push(format!("Trakt does not say which episodes of {shows} shows were watched; they are not compared"));
    }
    if marked.meanwhile > 0 {
        warnings
            .push(format!("{} were watched or begun in Plex meanwhile, and were left as they are", marked.meanwhile));
    }
    let summary = match (args.apply, marked.left) {
        (false, 0) => "Plex has all that is watched on Trakt. Nothing was changed.".to_owned(),
        (false, left) => format!("{left} films and episodes are watched on Trakt only. Nothing was changed."),
        (true, 0) => format!("{} films and episodes were marked as watched in Plex.", marked.count),
        (true, left) => {
            format!("{} films and episodes were marked as watched in Plex; call again for {left} more.", marked.count)
        }
    };
    let trakt_data = TraktData {
        movies: Count { count: difference.movies },
        shows: Count { count: difference.shows },
        episodes: Count { count: difference.episodes },
    };
    let wanted = |row: &Differs| args.only.is_none_or(|only| only == Part::from(row.side));
    let rows: Vec<Differs> = difference.rows.into_iter().filter(wanted).collect();
    let (total, next) = (rows.len() as u64, args.offset.saturating_add(args.limit));
    let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
    let window = Window {
        items: rows.into_iter().skip(at(args.offset)).take(at(args.limit)).collect(),
        total: Some(total),
        next_offset: (next < total).then_some(next),
    };
    let (differences, paging) = Paging::fit(window, args.offset, args.limit, |row: Differs| Row {
        part: row.side.into(),
        kind: row.kind,
        title: row.title,
        rating_key: row.rating_key,
        plays: row.plays,
        last_watched: row.last.and_then(|at| Timestamp::from_second(at).ok()).map(|at| at.to_string()),
    });
    Out { trakt_data, counts, marked: marked.count, remaining: marked.left, differences, paging, warnings, summary }
}
