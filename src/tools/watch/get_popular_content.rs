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

/// The most played titles of the last days, over everyone on the server: plays, people and hours of each. Episodes count
/// for themselves, or for their show with mediaType show or groupEpisodes.
#[derive(JsonSchema)]
pub(super) struct GetPopularContent;

/// Which titles to rank, and by what.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The plays of the last so many days.
    #[serde(default = "default_range")]
    #[schemars(range(min = 1, max = 3_650))]
    time_range: u32,
    /// What to rank by: plays, duration (hours played), or users (different people).
    #[serde(default)]
    metric: Metric,
    /// Only titles of this type. With show, episodes count for their show.
    #[serde(default)]
    media_type: PlayedType,
    /// Let episodes count for their show, also beside films.
    #[serde(default)]
    group_episodes: bool,
    /// Only plays of this library, from `get_libraries`.
    library_key: Option<PlexId>,
    /// The most titles to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first title to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
}

fn default_limit() -> u64 {
    50
}

fn default_range() -> u32 {
    30
}

/// The most played titles.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// What they are ranked by.
    metric: Metric,
    /// The type that was asked for.
    media_type: PlayedType,
    /// The plays are of the last so many days.
    time_range: u32,
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// What is missing in the answer, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The titles, most popular first.
    popular_content: Vec<WatchRow>,
}

impl Tool for GetPopularContent {
    const NAME: &'static str = "get_popular_content";
    const TITLE: &'static str = "Rank what is played most";
    const TIME_LIMIT: Duration = TIME_LIMIT;
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let plex = call.plex().await?;
        let audience = Audience::load(plex, None, args.library_key.as_ref()).await?;
        let filter = PlayFilter {
            section: number(args.library_key.as_ref()),
            since: Some(Period::last(args.time_range, None)?.since),
            ..PlayFilter::default()
        };
        let by_show = args.group_episodes || args.media_type == PlayedType::Show;
        let titles = read_titles(call, filter, args.media_type, by_show, args.metric).await?;
        let Window { items, total, next_offset } = Window::of_whole(titles, args.offset, args.limit);
        let rows = Window { items: title_rows(plex, &audience, &items).await?, total, next_offset };
        let (popular_content, paging) = Paging::fit(rows, args.offset, args.limit, |row| row);
        call.affects(Affected { items: Some(popular_content.len() as u64), ..Affected::default() });
        Ok(Out {
            metric: args.metric,
            media_type: args.media_type,
            time_range: args.time_range,
            warning: paging.warning(),
            note: audience.note_text(),
            paging,
            popular_content,
        })
    }
}
