use super::{
    audience::Audience,
    chart::Metric,
    period::Period,
    reading::{PlayedType, TIME_LIMIT, number, read_titles},
    watch_row::{WatchRow, title_rows},
};
use crate::{
    guard::{Affected, Read},
    plex::{history::PlayFilter, items::Window},
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError, listing::Paging},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The titles that were played lately, each once, last played first, with how often and by whom. With mediaType show,
/// episodes count together for their show. `get_watch_history` lists every single play.
#[derive(JsonSchema)]
pub(super) struct GetRecentlyWatched;

/// Which titles to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The most titles to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first title to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
    /// Only titles of this type. With show, episodes count for their show.
    #[serde(default)]
    media_type: PlayedType,
    /// Only plays of this account, from `get_user_stats`.
    user_id: Option<PlexId>,
    /// Only plays of this library, from `get_libraries`.
    library_key: Option<PlexId>,
    /// The plays of the last so many days.
    #[serde(default = "default_range")]
    #[schemars(range(min = 1, max = 3_650))]
    time_range: u32,
}

fn default_limit() -> u64 {
    50
}

fn default_range() -> u32 {
    90
}

/// The titles that were played lately.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    #[serde(flatten)]
    paging: Paging,
    /// Titles in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<u64>,
    /// The plays are of the last so many days.
    time_range: u32,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// What is missing in the answer, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The titles, last played first.
    recently_watched: Vec<WatchRow>,
}

impl Tool for GetRecentlyWatched {
    const NAME: &'static str = "get_recently_watched";
    const TITLE: &'static str = "List what was watched lately";
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
            since: Some(Period::last(args.time_range, None)?.since),
            item: None,
        };
        let by_show = args.media_type == PlayedType::Show;
        let titles = read_titles(call, filter, args.media_type, by_show, Metric::Recency).await?;
        let Window { items, total, next_offset } = Window::of_whole(titles, args.offset, args.limit);
        let rows = Window { items: title_rows(plex, &audience, &items).await?, total, next_offset };
        let (recently_watched, paging) = Paging::fit(rows, args.offset, args.limit, |row| row);
        call.affects(Affected { items: Some(recently_watched.len() as u64), ..Affected::default() });
        Ok(Out {
            total_count: total,
            time_range: args.time_range,
            warning: paging.warning(),
            note: audience.note_text(),
            paging,
            recently_watched,
        })
    }
}
