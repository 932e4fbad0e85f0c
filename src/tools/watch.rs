//! Tools about what is watched and what is to be watched.

mod get_watchlist;

use super::ToolDef;

/// The tools of this group.
pub const TOOLS: &[ToolDef] = &[ToolDef::of::<get_watchlist::GetWatchlist>()];
