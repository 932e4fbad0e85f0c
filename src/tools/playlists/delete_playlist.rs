use super::{content::List, deletion};
use crate::{
    guard::Destroy,
    tools::{Tool, arguments::PlexId, call::Call, change::Account, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Delete a playlist, of items or a smart one; what is in it stays in its libraries.
#[derive(JsonSchema)]
pub(super) struct DeletePlaylist;

/// Which playlist.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The playlist's ratingKey, from `get_playlists`.
    playlist_id: PlexId,
    /// Only say what would be done and what the policy would decide.
    #[serde(default)]
    dry_run: bool,
}

/// What was deleted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether it was deleted.
    deleted: bool,
    /// The playlist.
    playlist_id: String,
    /// Its title.
    title: Option<String>,
    /// How many items it had.
    item_count: u64,
    /// Whether it was rules, not a list.
    smart: bool,
    /// Deleting a playlist deletes no media.
    media_retained: bool,
    #[serde(flatten)]
    account: Account,
}

impl Tool for DeletePlaylist {
    const NAME: &'static str = "delete_playlist";
    const TITLE: &'static str = "Delete a playlist";
    const IDEMPOTENT: bool = true;
    type Effect = Destroy;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Destroy>, args: Args) -> Result<Out, ToolError> {
        let plex = call.plex().await?;
        let key = args.playlist_id.as_str();
        let list = List::resolve(plex, key).await?;
        let (total, smart) = (list.count(), list.playlist.smart);
        let account = deletion::delete(call, key, &list, None, args.dry_run).await?;
        Ok(Out {
            deleted: account.changed,
            playlist_id: key.to_owned(),
            title: list.playlist.title,
            item_count: total,
            smart,
            media_retained: true,
            account,
        })
    }
}
