use super::{
    activity::{SyncRow, runs_elsewhere},
    follower::FollowerState,
};
use crate::{
    guard::{Read, Service},
    tools::{Tool, call::Call, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::PoisonError;

/// Show which sync with Trakt is running and how far it is, how the last one ended, and who is being followed. It asks
/// neither Plex nor Trakt.
#[derive(JsonSchema)]
pub(super) struct TraktGetSyncStatus;

/// No arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {}

/// What goes on.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether a sync that changes something is running, here or in another process of this machine.
    sync_in_progress: bool,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    sync_id: Option<String>,
    /// What goes on, in a sentence.
    summary: String,
    /// The syncs that are running, those that only look among them.
    running: Vec<SyncRow>,
    /// The last one that ended since this server began.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<SyncRow>,
    /// Whose plays are followed.
    followers: Vec<FollowerState>,
}

impl Tool for TraktGetSyncStatus {
    const NAME: &'static str = "trakt_get_sync_status";
    const TITLE: &'static str = "Trakt sync status";
    const SERVICE: Service = Service::Trakt;
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, Args {}: Args) -> Result<Out, ToolError> {
        let (running, last) = call.activity().shown();
        let followers: Vec<FollowerState> = call
            .activity()
            .followers()
            .iter()
            .map(|follower| follower.state.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .collect();
        let changing = running.iter().find(|sync| !sync.dry_run());
        let elsewhere = changing.is_none() && runs_elsewhere(call).await;
        let summary = match (changing, followers.len()) {
            (Some(_), _) => "A sync is running.".to_owned(),
            (None, _) if elsewhere => "A sync is running in another process of this machine.".to_owned(),
            (None, 0) => "No sync is running, and nobody is followed.".to_owned(),
            (None, count) => format!("No sync is running; {count} followed."),
        };
        let sync_id = changing.map(|sync| sync.sync_id().to_owned());
        Ok(Out { sync_in_progress: elsewhere || changing.is_some(), sync_id, summary, running, last, followers })
    }
}
