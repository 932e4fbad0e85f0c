//! Tools about playlists.

mod get_playlist_items;
mod get_playlists;

use super::ToolDef;

/// The tools of this group.
pub const TOOLS: &[ToolDef] =
    &[ToolDef::of::<get_playlists::GetPlaylists>(), ToolDef::of::<get_playlist_items::GetPlaylistItems>()];
