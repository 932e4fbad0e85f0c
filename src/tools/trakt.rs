//! Tools that keep Plex and a Trakt account in step.

pub(crate) mod activity;
mod trakt_authenticate;
mod trakt_complete_auth;
mod trakt_get_auth_status;
mod trakt_get_user_stats;
mod trakt_search;
mod user;

use super::ToolDef;

/// The tools of this group.
pub const TOOLS: &[ToolDef] = &[
    ToolDef::of::<trakt_authenticate::TraktAuthenticate>(),
    ToolDef::of::<trakt_complete_auth::TraktCompleteAuth>(),
    ToolDef::of::<trakt_get_auth_status::TraktGetAuthStatus>(),
    ToolDef::of::<trakt_get_user_stats::TraktGetUserStats>(),
    ToolDef::of::<trakt_search::TraktSearch>(),
];
