use super::{
    audience::Audience,
    chart::Metric,
    period::Period,
    reading::{PlayedType, TIME_LIMIT, number, plays_of_type, read_titles},
    watch_row::{WatchRow, play_rows, title_rows},
};
use crate::{
    guard::{Affected, Read},
    plex::{history::PlayFilter, items::Window},
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError, listing::Paging},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The plays of everyone on the server, newest first: what, when, who, on which device, from which library. Use
/// nextOffset of one answer as the offset of the next call. With mediaType show there is one row for each show, with its
/// plays and episodes; `get_watch_stats` counts instead of listing.
#[derive(JsonSchema)]
pub(super) struct GetWatchHistory;

/// Which plays to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The most rows to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first row to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
    /// Only plays of this account, from `get_user_stats`.
    user_id: Option<PlexId>,
    /// Only plays of this type. With show, one row for each show.
    #[serde(default)]
    media_type: PlayedType,
    /// Only plays of this library, from `get_libraries`.
    library_key: Option<PlexId>,
    /// Only plays of this item, or of the episodes of this show or season.
    rating_key: Option<PlexId>,
    /// Only plays of the last so many days.
    #[schemars(range(min = 1, max = 3_650))]
    time_range: Option<u32>,
}

fn default_limit() -> u64 {
    100
}

/// Part of the history.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    #[serde(flatten)]
    paging: Paging,
    /// Rows in all: plays, or shows with mediaType show.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_sessions: Option<u64>,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// What is missing in the answer, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The plays, newest first; with mediaType show, the shows, last played first.
    watch_history: Vec<WatchRow>,
}

impl Tool for GetWatchHistory {
    const NAME: &'static str = "get_watch_history";
    const TITLE: &'static str = "Show the watch history";
    const TIME_LIMIT: Duration = TIME_LIMIT;
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let plex = call.plex().await?;
        let audience = Audience::load(plex, args.user_id.as_ref(), args.library_key.as_ref()).await?;
        let filter = PlayFilter {
            account: number(args.user_id.as_ref()),
            section: number(args.library_key.as_ref()),
            item: number(args.rating_key.as_ref()),
            since: args.time_range.map(|days| Period::last(days, None)).transpose()?.map(|period| period.since),
        };
        let (offset, limit) = (args.offset, args.limit);
        let rows = if args.media_type == PlayedType::Show {
            let titles = read_titles(call, filter, args.media_type, true, Metric::Recency).await?;
            let Window { items, total, next_offset } = Window::of_whole(titles, offset, limit);
            Window { items: title_rows(plex, &audience, &items).await?, total, next_offset }
        } else {
            // The server pages through everything; by type it can't filter, so those are counted here.
            let paged = match args.media_type {
                PlayedType::All => plex.plays(&filter, offset, limit).await?,
                _ => None,
            };
            let Window { items, total, next_offset } = match paged {
                Some(window) => window,
                None => plays_of_type(call, filter, args.media_type, offset, limit).await?,
            };
            Window { items: play_rows(plex, &audience, &items).await?, total, next_offset }
        };
        let (watch_history, paging) = Paging::fit(rows, offset, limit, |row| row);
        call.affects(Affected { items: Some(watch_history.len() as u64), ..Affected::default() });
        Ok(Out {
            total_sessions: paging.total_size(),
            warning: paging.warning(),
            note: audience.note_text(),
            paging,
            watch_history,
        })
    }
}
