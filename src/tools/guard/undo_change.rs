mod metadata;
mod playlists;
mod watched;

use crate::{
    guard::{Destroy, LONGEST_UNDO, Outcome, Row},
    tools::{
        Tool,
        call::Call,
        change::{
            Account,
            before::{Before, Kept},
        },
        edit::rating,
        error::ToolError,
        find,
        watch::wish,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Take a change back that a tool of this server made: what is in a playlist, a playlist that was made or deleted, a rating,
/// a watch state, an item's fields, tags, locks and poster, or the watchlist. It is refused where what was changed is no
/// longer as the change left it. A change is taken back once; taking it back is a change of its own, which can be taken
/// back. Only changes of this client's own grant are found.
#[derive(JsonSchema)]
pub(super) struct UndoChange;

/// Which change.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The changeId that the change answered with, which is the callId of the audit ledger.
    #[schemars(length(min = 1, max = 36))]
    call_id: String,
    /// Only say what would be done and what the policy would decide.
    #[serde(default)]
    dry_run: bool,
}

/// What was taken back.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether the change was taken back.
    undone: bool,
    /// The tool that had made the change.
    changed_by: String,
    /// When the change was made, in seconds since 1970.
    changed_at: i64,
    /// The playlist, where it is about one. One that was deleted has a new number.
    #[serde(skip_serializing_if = "Option::is_none")]
    playlist_id: Option<String>,
    /// The item, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating_key: Option<String>,
    #[serde(flatten)]
    account: Account,
}

/// What a change was about, and how far taking it back has come.
#[derive(Debug, Default)]
struct Undone {
    account: Account,
    playlist_id: Option<String>,
    rating_key: Option<String>,
}

/// A change that is being taken back.
#[derive(Debug)]
struct Undo {
    id: String,
    /// Whether the change came to its end. One that did not may have been made in part.
    complete: bool,
    dry_run: bool,
}

impl Tool for UndoChange {
    const NAME: &'static str = "undo_change";
    const TITLE: &'static str = "Undo a change";
    const TIME_LIMIT: Duration = LONGEST_UNDO;
    type Effect = Destroy;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Destroy>, args: Args) -> Result<Out, ToolError> {
        let (row, kept) = recall(call, &args.call_id).await?;
        let undo = Undo { id: args.call_id, complete: row.outcome == Some(Outcome::Ok), dry_run: args.dry_run };
        let done = match kept.change {
            Before::Rating { rating_key, from, to } => rate(call, undo, rating_key, from, to).await?,
            Before::Watched { rating_key, to, leaves } => watched::undo(call, undo, rating_key, to, leaves).await?,
            Before::Entries { playlist, from, to } => playlists::entries(call, undo, playlist, from, to).await?,
            Before::Made { title, others, items } => playlists::made(call, undo, &title, &others, items).await?,
            deleted @ Before::Deleted { .. } => playlists::deleted(call, undo, deleted).await?,
            Before::Metadata { rating_key, fields, tags, poster } => {
                metadata::undo(call, undo, rating_key, (fields, tags, poster)).await?
            }
            Before::Watchlist { discover_key, to, .. } => {
                let account = wish::undo(call, &discover_key, !to, undo.id, undo.dry_run).await?;
                Undone { account, ..Undone::default() }
            }
        };
        Ok(Out {
            undone: done.account.changed,
            changed_by: row.tool,
            changed_at: row.time_ms / 1_000,
            playlist_id: done.playlist_id,
            rating_key: done.rating_key,
            account: done.account,
        })
    }
}

fn not(why: impl Into<String>) -> ToolError {
    ToolError::NotUndoable(why.into())
}

/// Finds the change and what is kept of the state before it.
async fn recall(call: &Call<'_, Destroy>, id: &str) -> Result<(Row, Kept), ToolError> {
    let Some(found) = call.recall(id).await? else {
        return Err(ToolError::argument("callId", "names no change that this client made"));
    };
    if let Some(undoing) = found.undoing {
        return Err(not(undoing.reason()));
    }
    let row = found.row;
    let Some(before) = &row.before else {
        return Err(not("that call changed nothing, or the state before it was not kept"));
    };
    let Some(kept) = Kept::read(before) else {
        return Err(not("the state before it was kept by another version of this server"));
    };
    // Taking a change back writes what its tool wrote: where the policy no longer allows that, it allows neither.
    if !find(&row.tool).is_some_and(|tool| call.permits(tool.subject)) {
        return Err(not(format!("the policy no longer allows {}, which made the change", row.tool)));
    }
    Ok((row, kept))
}

async fn rate(
    call: &Call<'_, Destroy>,
    undo: Undo,
    rating_key: String,
    from: Option<f64>,
    to: Option<f64>,
) -> Result<Undone, ToolError> {
    let item = call.plex().await?.item(&rating_key).await?;
    let now = item.user_rating;
    if !rating::same(now, to) && !rating::same(now, from) {
        let (now, to) = (rating::in_words(now), rating::in_words(to));
        return Err(not(format!("the rating was changed since: it is {now}, and the change had left {to}")));
    }
    let rated = rating::set(call, &item, from, Some(undo.id), undo.dry_run).await?;
    Ok(Undone { account: rated.account, rating_key: Some(rating_key), playlist_id: None })
}
