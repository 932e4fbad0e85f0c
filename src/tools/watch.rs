//! Tools about what is watched and what is to be watched.

mod get_active_sessions;
mod get_on_deck;
mod get_watchlist;

use super::ToolDef;

/// The tools of this group.
pub const TOOLS: &[ToolDef] = &[
    ToolDef::of::<get_on_deck::GetOnDeck>(),
    ToolDef::of::<get_active_sessions::GetActiveSessions>(),
    ToolDef::of::<get_watchlist::GetWatchlist>(),
];
