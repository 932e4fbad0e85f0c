//! Tools that keep Plex and a Trakt account in step.

pub(crate) mod activity;
mod difference;
mod follower;
mod plays;
mod ratings;
mod sync_result;
mod trakt_authenticate;
mod trakt_complete_auth;
mod trakt_get_auth_status;
mod trakt_get_sync_status;
mod trakt_get_user_stats;
mod trakt_search;
mod trakt_start_scrobbling;
mod trakt_sync_from_trakt;
mod trakt_sync_to_trakt;
mod user;

use super::ToolDef;

/// The tools of this group.
pub const TOOLS: &[ToolDef] = &[
    ToolDef::of::<trakt_authenticate::TraktAuthenticate>(),
    ToolDef::of::<trakt_complete_auth::TraktCompleteAuth>(),
    ToolDef::of::<trakt_get_auth_status::TraktGetAuthStatus>(),
    ToolDef::of::<trakt_get_user_stats::TraktGetUserStats>(),
    ToolDef::of::<trakt_search::TraktSearch>(),
    ToolDef::of::<trakt_sync_to_trakt::TraktSyncToTrakt>(),
    ToolDef::of::<trakt_sync_from_trakt::TraktSyncFromTrakt>(),
    ToolDef::of::<trakt_start_scrobbling::TraktStartScrobbling>(),
    ToolDef::of::<trakt_get_sync_status::TraktGetSyncStatus>(),
];
