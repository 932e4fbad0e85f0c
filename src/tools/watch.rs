//! Tools about what is watched and what is to be watched.

mod add_to_watchlist;
mod get_watchlist;
mod remove_from_watchlist;
pub(super) mod wish;

use super::ToolDef;

/// The tools of this group.
pub const TOOLS: &[ToolDef] = &[
    ToolDef::of::<get_watchlist::GetWatchlist>(),
    ToolDef::of::<add_to_watchlist::AddToWatchlist>(),
    ToolDef::of::<remove_from_watchlist::RemoveFromWatchlist>(),
];
