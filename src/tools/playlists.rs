//! Tools for playlists.

mod add_to_playlist;
mod clear_playlist;
pub(super) mod content;
mod create_playlist;
pub(super) mod creation;
mod delete_playlist;
pub(super) mod deletion;
mod get_playlist_items;
mod get_playlists;
mod remove_from_playlist;
pub(super) mod restore;
mod smart_filter;

use super::ToolDef;

/// The tools, in the order in which they are listed.
pub const TOOLS: &[ToolDef] = &[
    ToolDef::of::<get_playlists::GetPlaylists>(),
    ToolDef::of::<get_playlist_items::GetPlaylistItems>(),
    ToolDef::of::<create_playlist::CreatePlaylist>(),
    ToolDef::of::<add_to_playlist::AddToPlaylist>(),
    ToolDef::of::<remove_from_playlist::RemoveFromPlaylist>(),
    ToolDef::of::<clear_playlist::ClearPlaylist>(),
    ToolDef::of::<delete_playlist::DeletePlaylist>(),
];
