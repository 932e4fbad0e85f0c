use super::content::{self, List, Playable};
use crate::{
    guard::Write,
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

/// Put items at the end of a playlist. A show, season, artist or album puts all its episodes or tracks there. Smart
/// playlists are refused: their rules decide what is in them.
#[derive(JsonSchema)]
pub(super) struct AddToPlaylist;

/// What to put where.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The playlist's ratingKey, from `get_playlists`.
    playlist_id: PlexId,
    /// The item's ratingKey.
    rating_key: Option<PlexId>,
    /// Several items' ratingKeys, in the order that they are to have.
    #[serde(default)]
    #[schemars(length(max = 1_000))]
    rating_keys: Vec<PlexId>,
    /// Leave out what is in the playlist already.
    #[serde(default)]
    skip_duplicates: bool,
    /// Only say what would be done and what the policy would decide.
    #[serde(default)]
    dry_run: bool,
}

/// The playlist afterwards.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether anything was added.
    added: bool,
    /// The playlist.
    playlist_id: String,
    /// The playlist's title.
    title: Option<String>,
    /// The first item that was named.
    rating_key: Option<String>,
    /// How many films, episodes or tracks were added, or with dryRun would be.
    items_added: u64,
    /// How many there were.
    count_before: u64,
    /// How many there are now.
    count: u64,
    #[serde(flatten)]
    account: Account,
}

impl Tool for AddToPlaylist {
    const NAME: &'static str = "add_to_playlist";
    const TITLE: &'static str = "Add to a playlist";
    const TIME_LIMIT: Duration = Duration::from_secs(300);
    type Effect = Write;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Write>, args: Args) -> Result<Out, ToolError> {
        let plex = call.plex().await?;
        let wanted: Vec<PlexId> = args.rating_key.into_iter().chain(args.rating_keys).collect();
        if wanted.is_empty() {
            return Err(ToolError::argument("ratingKey", "or ratingKeys is required: what to add"));
        }
        let key = args.playlist_id.as_str();
        let list = List::editable(plex, key).await?;
        let mut playable = Playable::resolve(plex, "ratingKey", &wanted).await?;
        if let Some(kind) = list.playlist.playlist_type.as_deref().filter(|kind| *kind != playable.class) {
            let problem = format!("names {} items, and {} is a playlist of {kind}", playable.class, list.title());
            return Err(ToolError::argument("ratingKey", problem));
        }
        if args.skip_duplicates {
            let mut there: HashSet<String> = list.keys().into_iter().collect();
            playable.leaves.retain(|leaf| there.insert(leaf.clone()));
            playable.named.clone_from(&playable.leaves);
        }
        let (leaves, count_before) = (&playable.leaves, list.count());
        let total = leaves.len() as u64;
        let items: Vec<_> = playable.items.iter().collect();
        let titles = items.iter().map(|item| item.title.as_deref().unwrap_or_default());
        let from = list.keys();
        let intent = Intent {
            summary: format!(
                "Add {} to the playlist {}, which has {count_before}: {}",
                counted(total, "item"),
                list.title(),
                quoted_list(titles)
            ),
            facts: facts::of_playlist(&list.playlist, count_before, &items, total),
            affected: facts::affected(&items, total),
            before: Some(Before::Entries {
                playlist: key.to_owned(),
                to: from.iter().chain(leaves).cloned().collect(),
                from,
            }),
            undoes: None,
            needed: total > 0,
            dry_run: args.dry_run,
        };
        let (added, count, account) = match change::begin(call, intent).await? {
            Road::Stop(account) => (total, count_before, account),
            Road::Act(cleared, mut account) => {
                let machine = plex.machine().await?;
                let chunks = content::chunks(&playable.named);
                let sent = content::append(call, plex, &cleared, &machine, key, &chunks).await;
                let now = plex.entries(key).await;
                let arrived = |now: &Vec<_>| content::arrived(&list, now, leaves);
                let now = change::settle(call, &mut account, sent, now, total, arrived)?;
                (total, now.map_or(count_before + total, |now| now.len() as u64), account)
            }
        };
        Ok(Out {
            added: account.changed,
            playlist_id: key.to_owned(),
            title: list.playlist.title.clone(),
            rating_key: wanted.first().map(ToString::to_string),
            items_added: added,
            count_before,
            count,
            account,
        })
    }
}
