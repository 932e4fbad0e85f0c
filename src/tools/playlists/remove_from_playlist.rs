use super::content::List;
use crate::{
    export::job::Progress,
    guard::Destroy,
    plex::change::Made,
    tools::{
        Tool,
        arguments::PlexId,
        call::Call,
        change::{self, Account, Intent, Road, before::Before, counted, facts, quoted_list},
        error::ToolError,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::HashSet, time::Duration};

/// Take entries out of a playlist; the items stay in their libraries. Entries have numbers of their own
/// (`playlistItemID` in `get_playlist_items`), since an item can be in a playlist twice. Smart playlists are refused.
#[derive(JsonSchema)]
pub(super) struct RemoveFromPlaylist;

/// What to take out of what.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The playlist's ratingKey, from `get_playlists`.
    playlist_id: PlexId,
    /// The entry's playlistItemID, from `get_playlist_items`.
    playlist_item_id: Option<PlexId>,
    /// Several entries' playlistItemIDs.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    playlist_item_ids: Vec<PlexId>,
    /// Only say what would be done and what the policy would decide.
    #[serde(default)]
    dry_run: bool,
}

/// The playlist afterwards.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether anything was taken out.
    removed: bool,
    /// The playlist.
    playlist_id: String,
    /// The playlist's title.
    title: Option<String>,
    /// The first entry that was named.
    playlist_item_id: Option<String>,
    /// How many entries were taken out, or with dryRun would be.
    items_removed: u64,
    /// Their titles, the first hundred.
    titles: Vec<String>,
    /// How many entries there were.
    count_before: u64,
    /// How many there are now.
    count: u64,
    #[serde(flatten)]
    account: Account,
}

impl Tool for RemoveFromPlaylist {
    const NAME: &'static str = "remove_from_playlist";
    const TITLE: &'static str = "Remove from a playlist";
    const IDEMPOTENT: bool = true;
    // A request an entry.
    const TIME_LIMIT: Duration = Duration::from_secs(600);
    type Effect = Destroy;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Destroy>, args: Args) -> Result<Out, ToolError> {
        let plex = call.plex().await?;
        let named: Vec<String> =
            args.playlist_item_id.iter().chain(&args.playlist_item_ids).map(ToString::to_string).collect();
        let Some(first) = named.first() else {
            return Err(ToolError::argument(
                "playlistItemId",
                "or playlistItemIds is required: which entry to take out",
            ));
        };
        let key = args.playlist_id.as_str();
        let list = List::editable(plex, key).await?;
        let wanted: HashSet<&str> = named.iter().map(String::as_str).collect();
        let (gone, stay): (Vec<_>, Vec<_>) = list
            .entries
            .iter()
            .partition(|entry| entry.playlist_item_id.as_deref().is_some_and(|id| wanted.contains(id)));
        let (total, count_before) = (gone.len() as u64, list.count());
        let absent = wanted.len() as u64 - total;
        let titles = || gone.iter().map(|entry| entry.title.as_deref().unwrap_or_default());
        let intent = Intent {
            summary: format!(
                "Remove {} of {count_before} from the playlist {}: {}",
                counted(total, "item"),
                list.title(),
                quoted_list(titles())
            ),
            facts: facts::of_playlist(&list.playlist, count_before, &gone, total),
            affected: facts::affected(&gone, total),
            before: Some(Before::Entries {
                playlist: key.to_owned(),
                from: list.keys(),
                to: stay.iter().filter_map(|entry| entry.rating_key.clone()).collect(),
            }),
            undoes: None,
            needed: total > 0,
            dry_run: args.dry_run,
        };
        let (count, mut account) = match change::begin(call, intent).await? {
            Road::Stop(account) => (count_before, account),
            Road::Act(cleared, mut account) => {
                let mut sent = Ok(Made::Yes(String::new()));
                for (done, id) in (0_u64..).zip(gone.iter().filter_map(|entry| entry.playlist_item_id.as_deref())) {
                    call.reached(done);
                    call.progress(Progress { items: done, total: Some(total), ..Progress::default() });
                    sent = plex.remove_entry(&cleared, key, id).await;
                    if !matches!(sent, Ok(Made::Yes(_))) {
                        break;
                    }
                }
                call.reached(total);
                let now = List::resolve(plex, key).await;
                let removed = |now: &List| {
                    let left = now.ids();
                    total - wanted.iter().filter(|id| left.contains(*id)).count() as u64
                };
                let now = change::settle(call, &mut account, sent, now, total, removed)?;
                (now.map_or(count_before - total, |now| now.count()), account)
            }
        };
        if absent > 0 {
            account.warnings.push(format!("{absent} of the named entries are not in the playlist"));
        }
        Ok(Out {
            removed: account.changed,
            playlist_id: key.to_owned(),
            title: list.playlist.title.clone(),
            playlist_item_id: Some(first.clone()),
            items_removed: total,
            titles: titles().take(100).map(ToOwned::to_owned).collect(),
            count_before,
            count,
            account,
        })
    }
}
