//! Tools that tell what was played, by whom and how much, and what to play next.

mod audience;
mod chart;
mod get_active_sessions;
mod get_fully_watched;
mod get_on_deck;
mod get_popular_content;
mod get_recently_watched;
mod get_user_stats;
mod get_watch_history;
mod get_watch_stats;
mod get_watchlist;
mod period;
mod reading;
mod tally;
mod watch_row;

use super::ToolDef;

/// The tools of this group.
pub const TOOLS: &[ToolDef] = &[
    ToolDef::of::<get_on_deck::GetOnDeck>(),
    ToolDef::of::<get_active_sessions::GetActiveSessions>(),
    ToolDef::of::<get_recently_watched::GetRecentlyWatched>(),
    ToolDef::of::<get_watch_history::GetWatchHistory>(),
    ToolDef::of::<get_fully_watched::GetFullyWatched>(),
    ToolDef::of::<get_watch_stats::GetWatchStats>(),
    ToolDef::of::<get_user_stats::GetUserStats>(),
    ToolDef::of::<get_popular_content::GetPopularContent>(),
    ToolDef::of::<get_watchlist::GetWatchlist>(),
];
