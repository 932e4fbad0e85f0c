use super::content::List;
use crate::{
    guard::Destroy,
    tools::{
        Tool,
        arguments::PlexId,
        call::Call,
        change::{self, Account, Intent, Road, before::Before, counted, facts},
        error::ToolError,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Delete a playlist, a smart one too. What is in it stays in its libraries.
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
        let kind = if smart { "smart playlist" } else { "playlist" };
        let items: Vec<_> = list.entries.iter().collect();
        let intent = Intent {
            summary: format!("Delete the {kind} {} with {}", list.title(), counted(total, "item")),
            facts: facts::of_playlist(&list.playlist, total, &items, total),
            affected: facts::affected(&items, total),
            before: deleted(&list),
            undoes: None,
            needed: true,
            dry_run: args.dry_run,
        };
        let account = match change::begin(call, intent).await? {
            Road::Stop(account) => account,
            Road::Act(cleared, mut account) => {
                // A person may have taken a while to approve it.
                list.check_unchanged(plex, key).await?;
                let sent = plex.delete_playlist(&cleared, key).await;
                let gone = match plex.playlist(key).await {
                    Ok(_) => Ok(false),
                    Err(error) if error.is_not_found() => Ok(true),
                    Err(error) => Err(error),
                };
                change::settle(call, &mut account, sent, gone, 1, |gone| (*gone).into())?;
                call.reached(total);
                account
            }
        };
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

/// What it takes to make the playlist again; none for a smart one whose rules are not told.
fn deleted(list: &List) -> Option<Before> {
    let playlist = &list.playlist;
    if playlist.smart && playlist.content.is_none() {
        return None;
    }
    Some(Before::Deleted {
        title: playlist.title.clone()?,
        summary: playlist.summary.clone().unwrap_or_default(),
        kind: playlist.playlist_type.clone()?,
        rules: playlist.content.clone().filter(|_| playlist.smart),
        items: if playlist.smart { Vec::new() } else { list.keys() },
    })
}
