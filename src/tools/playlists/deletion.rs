//! Deleting a playlist: what deleting one and taking back its making share.

use super::content::List;
use crate::{
    guard::Change,
    tools::{
        call::Call,
        change::{self, Account, Intent, Road, before::Before, counted, facts},
        error::ToolError,
    },
};

/// Deletes the playlist.
pub(in crate::tools) async fn delete<E: Change>(
    call: &Call<'_, E>,
    key: &str,
    list: &List,
    undoes: Option<String>,
    dry_run: bool,
) -> Result<Account, ToolError> {
    let plex = call.plex().await?;
    let (total, smart) = (list.count(), list.playlist.smart);
    let kind = if smart { "smart playlist" } else { "playlist" };
    let items: Vec<_> = list.entries.iter().collect();
    let intent = Intent {
        summary: format!("Delete the {kind} {} with {}", list.title(), counted(total, "item")),
        facts: facts::of_playlist(&list.playlist, total, &items, total),
        affected: facts::affected(&items, total),
        before: deleted(list),
        undoes,
        needed: true,
        dry_run,
    };
    let (cleared, mut account) = match change::begin(call, intent).await? {
        Road::Stop(account) => return Ok(account),
        Road::Act(cleared, account) => (cleared, account),
    };
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
    Ok(account)
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
