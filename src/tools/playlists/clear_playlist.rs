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

/// Take everything out of a playlist, which stays, empty; the items stay in their libraries. Without `confirm` it is only
/// said what would go. Smart playlists are refused.
#[derive(JsonSchema)]
pub(super) struct ClearPlaylist;

/// Which playlist.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The playlist's ratingKey, from `get_playlists`.
    playlist_id: PlexId,
    /// Do it. It takes the place of no approval: where the policy asks a person, the person is asked.
    #[serde(default)]
    confirm: bool,
    /// Only say what would be done and what the policy would decide.
    #[serde(default)]
    dry_run: bool,
}

/// The playlist afterwards.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether it was emptied.
    cleared: bool,
    /// The playlist.
    playlist_id: String,
    /// The playlist's title.
    title: Option<String>,
    /// How many entries were taken out.
    removed_count: u64,
    /// How many entries there are now.
    item_count: u64,
    /// Whether this only says what would go.
    preview: bool,
    /// Whether it takes another call, with confirm, for it to be done.
    confirmation_required: bool,
    #[serde(flatten)]
    account: Account,
}

impl Tool for ClearPlaylist {
    const NAME: &'static str = "clear_playlist";
    const TITLE: &'static str = "Empty a playlist";
    const IDEMPOTENT: bool = true;
    type Effect = Destroy;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Destroy>, args: Args) -> Result<Out, ToolError> {
        let plex = call.plex().await?;
        let key = args.playlist_id.as_str();
        let list = List::editable(plex, key).await?;
        let total = list.count();
        let items: Vec<_> = list.entries.iter().collect();
        let preview = args.dry_run || !args.confirm;
        let intent = Intent {
            summary: format!("Remove all {} from the playlist {}", counted(total, "item"), list.title()),
            facts: facts::of_playlist(&list.playlist, total, &items, total),
            affected: facts::affected(&items, total),
            before: Some(Before::Entries { playlist: key.to_owned(), from: list.keys(), to: Vec::new() }),
            undoes: None,
            needed: total > 0,
            dry_run: preview,
        };
        let (count, account) = match change::begin(call, intent).await? {
            Road::Stop(account) => (total, account),
            Road::Act(cleared, mut account) => {
                // A person may have taken a while to approve it.
                list.check_unchanged(plex, key).await?;
                let sent = plex.clear_playlist(&cleared, key).await;
                let now = List::resolve(plex, key).await;
                let there = list.ids();
                let gone = |now: &List| total - now.ids().intersection(&there).count() as u64;
                let now = change::settle(call, &mut account, sent, now, total, gone)?;
                (now.map_or(0, |now| now.count()), account)
            }
        };
        Ok(Out {
            cleared: account.changed,
            playlist_id: key.to_owned(),
            title: list.playlist.title.clone(),
            removed_count: if account.changed { total } else { 0 },
            item_count: count,
            preview,
            confirmation_required: total > 0 && !args.confirm,
            account,
        })
    }
}
