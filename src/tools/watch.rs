//! Tools that tell what was played, by whom and how much, and what to play next.

mod add_to_watchlist;
mod audience;
mod chart;
mod get_active_sessions;
mod get_fully_watched;
mod get_on_deck;
mod get_popular_content;
mod get_recently_watched;
mod get_recommendations;
mod get_user_stats;
mod get_watch_history;
mod get_watch_stats;
mod get_watchlist;
mod period;
mod reading;
mod remove_from_watchlist;
mod tally;
mod taste;
mod titles;
mod watch_row;
pub(super) mod wish;

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
    ToolDef::of::<get_recommendations::GetRecommendations>(),
    ToolDef::of::<get_watchlist::GetWatchlist>(),
    ToolDef::of::<add_to_watchlist::AddToWatchlist>(),
    ToolDef::of::<remove_from_watchlist::RemoveFromWatchlist>(),
];
