//! Making a playlist: what creating one and bringing a deleted one back share.

use super::content::{self, List};
use crate::{
    guard::{Change, Cleared},
    plex::{
        change::{Made, NewPlaylist, items_uri, listing_uri, made_playlist},
        error::PlexError,
        http::Plex,
        items::Item,
        playlists::Playlist,
    },
    tools::{
        call::Call,
        change::{self, Account},
        error::ToolError,
    },
};

/// A playlist that is to be made.
#[derive(Clone, Copy, Debug)]
pub(in crate::tools) struct New<'n> {
    pub(in crate::tools) title: &'n str,
    /// `video`, `audio` or `photo`.
    pub(in crate::tools) class: &'n str,
    pub(in crate::tools) content: Source<'n>,
}

/// What a playlist is made of.
#[derive(Clone, Copy, Debug)]
pub(in crate::tools) enum Source<'n> {
    /// Items, by what is named and by what it comes to.
    Items { named: &'n [String], leaves: &'n [String] },
    /// The path and query of a listing.
    Rules { path: &'n str },
}

/// Makes the playlist, and gives it with what it plays. `others` are the playlists of its title that there are.
pub(in crate::tools) async fn make<E: Change>(
    call: &Call<'_, E>,
    cleared: &Cleared<'_>,
    account: &mut Account,
    new: New<'_>,
    others: &[Playlist],
) -> Result<(Playlist, Vec<Item>), ToolError> {
    let plex = call.plex().await?;
    let machine = plex.machine().await?;
    let (uri, rest, leaves) = match new.content {
        Source::Items { named, leaves } => {
            let mut chunks = content::chunks(named);
            let rest = chunks.split_off(chunks.len().min(1));
            (items_uri(&machine, &chunks.concat()), rest, Some(leaves))
        }
        Source::Rules { path } => (listing_uri(&machine, path), Vec::new(), None),
    };
    let asked = NewPlaylist { title: new.title, kind: new.class, smart: leaves.is_none(), uri };
    let mut sent = plex.create_playlist(cleared, asked).await;
    let key = find(plex, &sent, new.title, others).await;
    if let (Ok(Some(key)), Ok(Made::Yes(_)), false) = (&key, &sent, rest.is_empty()) {
        sent = content::append(call, plex, cleared, &machine, key, &rest).await;
    }
    let now = match key {
        Ok(Some(key)) => List::resolve(plex, &key).await.map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    let total = leaves.map_or(1, |leaves| leaves.len() as u64);
    let done = |now: &Option<List>| match (now, leaves) {
        (Some(list), Some(leaves)) => content::arrived(&List::default(), &list.entries, leaves),
        (Some(list), None) => list.playlist.smart.into(),
        (None, _) => 0,
    };
    let now = change::settle(call, account, sent, now, total, done)?.flatten().unwrap_or_default();
    if leaves.is_some_and(|leaves| !now.entries.is_empty() && now.keys() != leaves) {
        account.warnings.push("Plex put the items into another order".to_owned());
    }
    Ok((now.playlist, now.entries))
}

/// The playlist that was made: the one that the answer tells of, or else the one of that title that is new.
async fn find(
    plex: &Plex,
    sent: &Result<Made, PlexError>,
    title: &str,
    others: &[Playlist],
) -> Result<Option<String>, PlexError> {
    let Ok(made) = sent else { return Ok(None) };
    if let Made::Yes(answer) = made
        && let Some(key) = made_playlist(answer).and_then(|playlist| playlist.rating_key)
    {
        return Ok(Some(key));
    }
    let is_new = |playlist: &Playlist| {
        playlist.title.as_deref() == Some(title) && others.iter().all(|other| other.rating_key != playlist.rating_key)
    };
    Ok(plex.playlists().await?.into_iter().rev().find(is_new).and_then(|playlist| playlist.rating_key))
}
