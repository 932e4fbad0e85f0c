//! Taking changes of playlists back.

use super::{Undo, Undone, not};
use crate::{
    guard::{Affected, Destroy, Facts},
    plex::playlists::Playlist,
    tools::{
        call::Call,
        change::{self, Intent, Road, before::Before, counted, facts, quoted},
        error::ToolError,
        playlists::{
            content::{self, List},
            creation::{self, New, Source},
            deletion, restore,
        },
    },
};
use std::collections::HashSet;

/// Puts back what a playlist played.
pub(super) async fn entries(
    call: &Call<'_, Destroy>,
    undo: Undo,
    playlist: String,
    from: Vec<String>,
    to: Vec<String>,
) -> Result<Undone, ToolError> {
    let plex = call.plex().await?;
    let list = List::editable(plex, &playlist).await?;
    let now = list.keys();
    if now != from && !is_as_left(&now, &from, &to) && (undo.complete || !is_between(&now, &from, &to)) {
        return Err(not(format!(
            "the playlist {} was changed since: it has {}, and the change had left {} in another order or of another kind",
            list.title(),
            counted(now.len() as u64, "item"),
            to.len()
        )));
    }
    let there: HashSet<&String> = now.iter().collect();
    let absent: Vec<String> = {
        let mut once = HashSet::new();
        from.iter().filter(|key| !there.contains(key) && once.insert(*key)).cloned().collect()
    };
    let found = plex.items_by_text(&absent).await?;
    let gone: HashSet<String> = {
        let found: HashSet<String> = content::keys(&found).into_iter().collect();
        absent.into_iter().filter(|key| !found.contains(key)).collect()
    };
    let wanted: Vec<String> = from.into_iter().filter(|key| !gone.contains(key)).collect();
    let parts = restore::parts(&list, &wanted);
    let (count, total) = (list.count(), wanted.len() as u64);
    let touched: Vec<_> = list.entries.iter().chain(&found).collect();
    let intent = Intent {
        summary: format!(
            "Give the playlist {}, which has {count}, the {} back that it had before",
            list.title(),
            counted(total, "item")
        ),
        facts: facts::of_playlist(&list.playlist, count, &touched, parts),
        affected: facts::affected(&touched, parts),
        before: Some(Before::Entries { playlist: playlist.clone(), from: now.clone(), to: wanted.clone() }),
        undoes: Some(undo.id),
        needed: now != wanted,
        dry_run: undo.dry_run,
    };
    let mut account = match change::begin(call, intent).await? {
        Road::Stop(account) => account,
        Road::Act(cleared, mut account) => {
            list.check_unchanged(plex, &playlist).await?;
            let mut confirmed = 0;
            let sent = restore::restore(call, plex, &cleared, (&playlist, &list), &wanted, &mut confirmed).await;
            let now = plex.entries(&playlist).await.map(|now| content::keys(&now));
            let done = |now: &Vec<String>| if *now == wanted { parts } else { confirmed.min(parts - 1) };
            change::settle(call, &mut account, sent, now, parts, done)?;
            account
        }
    };
    if !gone.is_empty() {
        let gone = counted(gone.len() as u64, "item");
        account.warnings.push(format!("{gone} are no longer in the library and could not be put back"));
    }
    Ok(Undone { account, playlist_id: Some(playlist), rating_key: None })
}

/// Whether a list is what a change left. Plex may have put what was added into another order.
fn is_as_left(now: &[String], from: &[String], to: &[String]) -> bool {
    now == to || (to.starts_with(from) && now.starts_with(from) && same_members(now, to))
}

fn same_members(one: &[String], other: &[String]) -> bool {
    let sorted = |keys: &[String]| {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys
    };
    one.len() == other.len() && sorted(one) == sorted(other)
}

/// Whether a list is what a change may have left that came to its end in the middle.
fn is_between(now: &[String], from: &[String], to: &[String]) -> bool {
    let adds = is_within(from, to) && is_within(from, now) && is_within(now, to);
    let removes = is_within(to, from) && is_within(to, now) && is_within(now, from);
    adds || removes
}

/// Whether all of one list are in the other in the same order.
fn is_within(part: &[String], whole: &[String]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|key| whole.any(|other| other == key))
}

/// Deletes the playlist that a change had made.
pub(super) async fn made(
    call: &Call<'_, Destroy>,
    undo: Undo,
    title: &str,
    others: &[String],
    items: Option<Vec<String>>,
) -> Result<Undone, ToolError> {
    let plex = call.plex().await?;
    let is_it = |playlist: &Playlist| {
        playlist.title.as_deref() == Some(title)
            && playlist.smart == items.is_none()
            && playlist.rating_key.as_ref().is_some_and(|key| !others.contains(key))
    };
    let mut candidates = Vec::new();
    for playlist in plex.playlists().await?.into_iter().filter(is_it) {
        let Some(key) = playlist.rating_key else { continue };
        let list = List::resolve(plex, &key).await?;
        let now = list.keys();
        let fits =
            items.as_ref().is_none_or(|items| same_members(&now, items) || (!undo.complete && is_within(&now, items)));
        if fits {
            candidates.push((key, list));
        }
    }
    let title = quoted(title);
    match candidates.as_slice() {
        [(key, list)] => {
            let account = deletion::delete(call, key, list, Some(undo.id), undo.dry_run).await?;
            Ok(Undone { account, playlist_id: Some(key.clone()), rating_key: None })
        }
        [] => Err(not(format!("there is no playlist {title} any more that is as the change left it"))),
        _ => Err(not(format!("there are several playlists {title} by now, and which one was made can't be told"))),
    }
}

/// Makes a playlist again that a change had deleted.
pub(super) async fn deleted(call: &Call<'_, Destroy>, undo: Undo, deleted: Before) -> Result<Undone, ToolError> {
    let Before::Deleted { title, summary, kind, rules, items } = deleted else { return Err(ToolError::Internal) };
    let plex = call.plex().await?;
    let others: Vec<Playlist> =
        plex.playlists().await?.into_iter().filter(|other| other.title.as_deref() == Some(&title)).collect();
    let found = plex.items_by_text(&items).await?;
    let there: HashSet<String> = content::keys(&found).into_iter().collect();
    let wanted: Vec<String> = items.iter().filter(|key| there.contains(*key)).cloned().collect();
    let path = rules.as_deref().map(listing_of).transpose()?;
    if path.is_none() && wanted.is_empty() {
        return Err(not("nothing that was in the playlist is in the library any more"));
    }
    let (total, touched) = (wanted.len() as u64, found.iter().collect::<Vec<_>>());
    let named = quoted(&title);
    let of = if path.is_some() { "of its rules".to_owned() } else { format!("of {}", counted(total, "item")) };
    let facts = if path.is_some() { Facts::default() } else { facts::of_items(&touched, total) };
    let intent = Intent {
        summary: format!("Make the deleted {kind} playlist {named} again, {of}"),
        facts: facts.with("playlist.title", title.as_str()).with("playlist.count", total),
        affected: Affected { items: Some(total.max(1)), ..facts::affected(&touched, total) },
        before: Some(Before::Made {
            title: title.clone(),
            others: others.iter().filter_map(|other| other.rating_key.clone()).collect(),
            items: path.is_none().then(|| wanted.clone()),
        }),
        undoes: Some(undo.id),
        needed: true,
        dry_run: undo.dry_run,
    };
    let (cleared, mut account) = match change::begin(call, intent).await? {
        Road::Act(cleared, account) => (cleared, account),
        Road::Stop(account) => return Ok(Undone { account, ..Undone::default() }),
    };
    let content = match &path {
        Some(path) => Source::Rules { path },
        None => Source::Items { named: &wanted, leaves: &wanted },
    };
    let new = New { title: &title, class: &kind, content };
    let (playlist, _) = creation::make(call, &cleared, &mut account, new, &others).await?;
    if let (false, Some(key)) = (summary.is_empty(), &playlist.rating_key) {
        // The list itself is back; what it was said to be about is less.
        if plex.describe_playlist(&cleared, key, &summary).await.is_err() {
            account.warnings.push("its summary could not be brought back".to_owned());
        }
    }
    if wanted.len() < items.len() {
        let gone = counted((items.len() - wanted.len()) as u64, "item");
        account.warnings.push(format!("{gone} are no longer in the library and could not be put back"));
    }
    Ok(Undone { account, playlist_id: playlist.rating_key, rating_key: None })
}

/// The path and query of the listing that a smart playlist's address names. It stands there encoded or plain.
fn listing_of(address: &str) -> Result<String, ToolError> {
    let plain = address.find("/library/sections/").and_then(|at| address.get(at..)).map(str::to_owned);
    let encoded = || {
        let at = address.find("%2Flibrary%2Fsections%2F").or_else(|| address.find("%2flibrary%2fsections%2f"))?;
        let url = reqwest::Url::parse(&format!("http://rules/?x={}", address.get(at..)?.replace('+', "%2B"))).ok()?;
        url.query_pairs().next().map(|(_, value)| value.into_owned())
    };
    plain.or_else(encoded).ok_or_else(|| not("the rules of the playlist are of a kind that can't be written again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(keys: &str) -> Vec<String> {
        keys.chars().map(String::from).collect()
    }

    #[test]
    fn what_a_change_left_in_the_middle_is_told_from_other_changes() {
        for (now, from, to, between) in [
            ("abx", "ab", "abxy", true),
            ("ab", "ab", "abxy", true),
            ("abz", "ab", "abxy", false),
            ("bx", "ab", "abxy", false),
            ("acd", "abcd", "ad", true),
            ("adc", "abcd", "ad", false),
            ("", "abcd", "", true),
        ] {
            assert_eq!(is_between(&list(now), &list(from), &list(to)), between, "{from} {to} {now}");
        }
    }

    #[test]
    fn what_was_added_may_stand_in_another_order_and_nothing_else_may() {
        for (now, from, to, as_left) in [
            ("abxy", "ab", "abxy", true),
            ("abyx", "ab", "abxy", true),
            ("baxy", "ab", "abxy", false),
            ("abxz", "ab", "abxy", false),
            ("abxyx", "ab", "abxy", false),
            ("ba", "abc", "ab", false),
        ] {
            assert_eq!(is_as_left(&list(now), &list(from), &list(to)), as_left, "{from} {to} {now}");
        }
    }

    #[test]
    fn the_rules_of_a_smart_playlist_are_found_in_its_address() {
        let rules = "/library/sections/1/all?type=1&unwatched=1";
        for address in [
            format!("server://5a3b/com.plexapp.plugins.library{rules}"),
            format!("library://5a3b/directory/{rules}"),
            "library://5a3b/directory/%2Flibrary%2Fsections%2F1%2Fall%3Ftype%3D1%26unwatched%3D1".to_owned(),
        ] {
            assert_eq!(listing_of(&address).unwrap(), rules, "{address}");
        }
        assert_eq!(listing_of("playqueue://1").unwrap_err().code(), "not_undoable");
    }
}
