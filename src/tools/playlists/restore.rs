//! Making a list what it was: which entries go, what is missing, and how the rest is moved.

use super::content::{self, List};
use crate::{
    guard::{Change, Cleared},
    plex::{change::Made, error::PlexError, http::Plex, items::Item},
    tools::call::Call,
};
use std::collections::{HashMap, VecDeque};

/// The number of an entry and what it plays.
type Entry = (String, String);

/// The entries of a playlist.
fn entries(items: &[Item]) -> Vec<Entry> {
    items.iter().filter_map(|item| Some((item.playlist_item_id.clone()?, item.rating_key.clone()?))).collect()
}

/// The entries that a list has too many to become `wanted`, and the keys that it lacks, in their order.
fn difference(now: &[Entry], wanted: &[String]) -> (Vec<String>, Vec<String>) {
    let mut room: HashMap<&str, u64> = HashMap::new();
    for key in wanted {
        *room.entry(key).or_default() += 1;
    }
    let mut take = |key: &str| match room.get_mut(key).filter(|left| **left > 0) {
        Some(left) => {
            *left -= 1;
            true
        }
        None => false,
    };
    let surplus = now.iter().filter(|(_, key)| !take(key)).map(|(id, _)| id.clone()).collect();
    // What of the room is left is missing: the last ones of each key.
    let mut missing: Vec<String> = wanted.iter().rev().filter(|key| take(key)).cloned().collect();
    missing.reverse();
    (surplus, missing)
}

/// The moves that put a list into the order of `wanted`, of which it has all keys: each puts an entry behind another one,
/// or first.
fn moves(now: &[Entry], wanted: &[String]) -> Vec<(String, Option<String>)> {
    let mut of_key: HashMap<&str, VecDeque<&str>> = HashMap::new();
    for (id, key) in now {
        of_key.entry(key).or_default().push_back(id);
    }
    let order = wanted.iter().filter_map(|key| of_key.get_mut(key.as_str())?.pop_front());
    let mut left: VecDeque<&str> = now.iter().map(|(id, _)| id.as_str()).collect();
    let mut moves = Vec::new();
    let mut behind: Option<&str> = None;
    for id in order {
        if left.front() == Some(&id) {
            left.pop_front();
        } else {
            left.retain(|other| *other != id);
            moves.push((id.to_owned(), behind.map(str::to_owned)));
        }
        behind = Some(id);
    }
    moves
}

/// How many requests it takes about, at least one.
pub(in crate::tools) fn parts(now: &List, wanted: &[String]) -> u64 {
    let (surplus, missing) = difference(&entries(&now.entries), wanted);
    (surplus.len() + missing.len()).max(1) as u64
}

/// Makes the list what is wanted, up to the first request that is not confirmed. `done` counts what was confirmed.
pub(in crate::tools) async fn restore<E: Change>(
    call: &Call<'_, E>,
    plex: &Plex,
    cleared: &Cleared<'_>,
    (playlist, list): (&str, &List),
    wanted: &[String],
    done: &mut u64,
) -> Result<Made, PlexError> {
    let (surplus, missing) = difference(&entries(&list.entries), wanted);
    for id in &surplus {
        let made = plex.remove_entry(cleared, playlist, id).await?;
        if matches!(made, Made::Unsure(_)) {
            return Ok(made);
        }
        *done += 1;
    }
    if !missing.is_empty() {
        let machine = plex.machine().await?;
        let made = content::append(call, plex, cleared, &machine, playlist, &content::chunks(&missing)).await?;
        if matches!(made, Made::Unsure(_)) {
            return Ok(made);
        }
        *done += missing.len() as u64;
    }
    let now = plex.entries(playlist).await?;
    for (id, behind) in moves(&entries(&now), wanted) {
        let made = plex.move_entry(cleared, playlist, &id, behind.as_deref()).await?;
        if matches!(made, Made::Unsure(_)) {
            return Ok(made);
        }
    }
    Ok(Made::Yes(String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a server makes of the requests.
    fn apply(now: &[Entry], wanted: &[String]) -> Vec<String> {
        let (surplus, missing) = difference(now, wanted);
        let mut list: Vec<Entry> = now.iter().filter(|(id, _)| !surplus.contains(id)).cloned().collect();
        list.extend(missing.into_iter().enumerate().map(|(n, key)| (format!("new {n}"), key)));
        for (id, behind) in moves(&list, wanted) {
            let at = list.iter().position(|(other, _)| *other == id).unwrap();
            let entry = list.remove(at);
            let at = behind.map_or(0, |behind| list.iter().position(|(other, _)| *other == behind).unwrap() + 1);
            list.insert(at, entry);
        }
        list.into_iter().map(|(_, key)| key).collect()
    }

    fn list(keys: &[u8]) -> Vec<Entry> {
        keys.iter().enumerate().map(|(n, key)| (format!("old {n}"), key.to_string())).collect()
    }

    #[test]
    fn what_was_taken_out_goes_back_to_its_place_in_one_move() {
        let wanted: Vec<String> = ["1", "2", "3", "2"].map(str::to_owned).to_vec();
        assert_eq!(
            moves(&[list(&[2, 3, 2]), vec![("new".into(), "1".into())]].concat(), &wanted),
            [("new".into(), None)]
        );
        assert_eq!(difference(&list(&[1, 2, 3]), &wanted), (vec![], vec!["2".to_owned()]));
    }

    proptest! {
        #[test]
        fn any_list_becomes_any_other(
            now in prop::collection::vec(0_u8..6, 0..12),
            wanted in prop::collection::vec(0_u8..6, 0..12),
        ) {
            let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            prop_assert_eq!(apply(&list(&now), &wanted), wanted);
        }
    }
}
