//! Watch states: what marking as watched, marking as unwatched and undoing either share.

use crate::{
    export::job::Progress,
    guard::{Change, Cleared},
    plex::{change::Made, error::PlexError, http::Plex, items::Item},
    tools::{
        call::Call,
        change::{
            self, Account, Intent, Road,
            before::{Before, Seen},
            counted, facts, quoted,
        },
        error::ToolError,
    },
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// The types that have a watch state by what is in them.
const CONTAINERS: [&str; 4] = ["show", "season", "artist", "album"];
/// The types that have one of their own.
const PLAYABLE: [&str; 4] = ["movie", "episode", "track", "clip"];

/// An item whose watch state is to be changed, with everything below it.
#[derive(Debug)]
pub(in crate::tools) struct Subject {
    pub(in crate::tools) item: Item,
    /// What can be played of it: itself, or its episodes or tracks.
    pub(in crate::tools) leaves: Vec<Item>,
}

/// How much of an item is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::tools) struct State {
    /// What can be played: 1 for a film or an episode, the episodes of a show or season, the tracks of an album.
    total: u64,
    /// How many of them are watched.
    watched: u64,
    /// How many of them are watched in part.
    in_progress: u64,
}

/// What became of watch states.
#[derive(Debug)]
pub(in crate::tools) struct Marked {
    pub(in crate::tools) account: Account,
    pub(in crate::tools) from: State,
    pub(in crate::tools) now: State,
    /// How many were changed, or with a dry run would be.
    pub(in crate::tools) touched: u64,
}

/// Finds an item and what can be played of it.
pub(in crate::tools) async fn resolve(plex: &Plex, rating_key: &str) -> Result<Subject, ToolError> {
    let item = plex.item(rating_key).await?;
    let kind = item.kind.as_deref().unwrap_or_default();
    if !CONTAINERS.contains(&kind) && !PLAYABLE.contains(&kind) {
        let problem = format!("is of the type {}, which has no watch state", quoted(kind));
        return Err(ToolError::argument("ratingKey", problem));
    }
    let leaves = leaves(plex, &item).await?;
    Ok(Subject { item, leaves })
}

async fn leaves(plex: &Plex, item: &Item) -> Result<Vec<Item>, PlexError> {
    let key = item.rating_key.as_deref().unwrap_or_default();
    if CONTAINERS.contains(&item.kind.as_deref().unwrap_or_default()) {
        plex.leaves(key).await
    } else {
        Ok(vec![plex.item(key).await?])
    }
}

impl Subject {
    /// What has to be touched for all to be watched, or for none to be.
    pub(in crate::tools) fn to_touch(&self, watched: bool) -> Vec<&Item> {
        self.leaves.iter().filter(|leaf| differs(leaf, watched)).collect()
    }
}

impl State {
    fn of(leaves: &[Item]) -> Self {
        let count = |is: fn(&Item) -> bool| leaves.iter().filter(|leaf| is(leaf)).count() as u64;
        Self {
            total: leaves.len() as u64,
            watched: count(is_watched),
            in_progress: count(|leaf| leaf.view_offset.is_some()),
        }
    }
}

impl State {
    /// Whether there is something, and all of it is watched.
    pub(in crate::tools) fn is_watched(&self) -> bool {
        self.total > 0 && self.watched == self.total
    }
}

/// Whether a leaf differs from what it is to be.
fn differs(leaf: &Item, watched: bool) -> bool {
    if watched { !is_watched(leaf) } else { is_watched(leaf) || leaf.view_offset.is_some() }
}

fn is_watched(leaf: &Item) -> bool {
    leaf.view_count.is_some_and(|count| count > 0)
}

/// How a leaf stands, as it is kept.
pub(in crate::tools) fn seen(leaf: &Item) -> Seen {
    Seen {
        rating_key: leaf.rating_key.clone().unwrap_or_default(),
        plays: leaf.view_count.unwrap_or_default(),
        offset: leaf.view_offset,
        last: leaf.last_viewed_at,
    }
}

/// Marks those of the subject's leaves as watched, or as unwatched.
pub(in crate::tools) async fn mark<E: Change>(
    call: &Call<'_, E>,
    subject: &Subject,
    touch: &[&Item],
    watched: bool,
    undoes: Option<String>,
    dry_run: bool,
) -> Result<Marked, ToolError> {
    let plex = call.plex().await?;
    let key = subject.item.rating_key.clone().unwrap_or_default();
    let (from, touched) = (State::of(&subject.leaves), touch.len() as u64);
    let intent = Intent {
        summary: summary(subject, touch, watched),
        facts: facts::of_items(&[&subject.item], touched),
        affected: facts::affected(&[&subject.item], touched),
        before: Some(Before::Watched {
            rating_key: key.clone(),
            to: watched,
            leaves: touch.iter().map(|leaf| seen(leaf)).collect(),
        }),
        undoes,
        needed: !touch.is_empty(),
        dry_run,
    };
    let (cleared, mut account) = match change::begin(call, intent).await? {
        Road::Act(cleared, account) => (cleared, account),
        Road::Stop(account) => return Ok(Marked { account, from: from.clone(), now: from, touched }),
    };
    let parts = parts(subject, touch, watched);
    let sent = send(call, plex, &cleared, &parts, watched).await;
    let now = leaves(plex, &subject.item).await;
    let wanted: HashSet<&str> = touch.iter().filter_map(|leaf| leaf.rating_key.as_deref()).collect();
    let done = |now: &Vec<Item>| {
        let reached = |leaf: &&Item| {
            !differs(leaf, watched) && leaf.rating_key.as_deref().is_some_and(|key| wanted.contains(key))
        };
        now.iter().filter(reached).count() as u64
    };
    let now = change::settle(call, &mut account, sent, now, touched, done)?;
    let now = now.map_or_else(|| from.clone(), |leaves| State::of(&leaves));
    Ok(Marked { account, from, now, touched })
}

/// What one request touches: an item with all below it.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    rating_key: String,
    /// How many leaves that is.
    leaves: u64,
}

/// What is touched, in as few requests as it takes: the whole at once, whole seasons or albums, and the rest one by one.
/// Nothing beside is touched by it, since watched episodes would be counted as watched once more.
fn parts(subject: &Subject, touch: &[&Item], watched: bool) -> Vec<Part> {
    let part = |key: &str, leaves: u64| Part { rating_key: key.to_owned(), leaves };
    if touch.len() == subject.leaves.len() || (!watched && subject.to_touch(false).len() == touch.len()) {
        return vec![part(subject.item.rating_key.as_deref().unwrap_or_default(), touch.len() as u64)];
    }
    let (all, touched) = (by_parent(subject.leaves.iter()), by_parent(touch.iter().copied()));
    let (mut parts, mut whole) = (Vec::new(), HashSet::new());
    for leaf in touch {
        let parent = leaf.parent_rating_key.as_deref();
        match parent.and_then(|parent| touched.get_key_value(parent)) {
            Some((&parent, &leaves)) if all.get(parent) == Some(&leaves) => {
                if whole.insert(parent) {
                    parts.push(part(parent, leaves));
                }
            }
            _ => parts.extend(leaf.rating_key.as_deref().map(|key| part(key, 1))),
        }
    }
    parts
}

/// How many leaves each season or album has.
fn by_parent<'i>(leaves: impl Iterator<Item = &'i Item>) -> HashMap<&'i str, u64> {
    let mut counts = HashMap::new();
    for parent in leaves.filter_map(|leaf| leaf.parent_rating_key.as_deref()) {
        *counts.entry(parent).or_default() += 1;
    }
    counts
}

/// Sends one request a part, up to the first that is not confirmed.
async fn send<E: Change>(
    call: &Call<'_, E>,
    plex: &Plex,
    cleared: &Cleared<'_>,
    parts: &[Part],
    watched: bool,
) -> Result<Made, PlexError> {
    let mut last = Made::Yes(String::new());
    let total: u64 = parts.iter().map(|part| part.leaves).sum();
    let mut done = 0;
    for Part { rating_key, leaves } in parts {
        if parts.len() > 1 {
            call.reached(done);
            call.progress(Progress { items: done, total: Some(total), ..Progress::default() });
        }
        last = if watched {
            plex.scrobble(cleared, rating_key).await?
        } else {
            plex.unscrobble(cleared, rating_key).await?
        };
        if matches!(last, Made::Unsure(_)) {
            return Ok(last);
        }
        done += leaves;
    }
    call.reached(total);
    Ok(last)
}

/// What is to be done, with how many episodes it touches.
fn summary(subject: &Subject, touch: &[&Item], watched: bool) -> String {
    let Item { kind, title, .. } = &subject.item;
    let kind = kind.as_deref().unwrap_or("item");
    let title = quoted(title.as_deref().unwrap_or_default());
    let state = if watched { "watched" } else { "unwatched" };
    let part = match kind {
        "show" | "season" => "episode",
        "artist" | "album" => "track",
        _ => "",
    };
    let forgets = if watched { "" } else { "; their play counts, dates and positions are lost" };
    if part.is_empty() {
        let forgets = if watched { "" } else { "; its play count, date and position are lost" };
        return format!("Mark the {kind} {title} as {state}{forgets}");
    }
    let (touched, total) = (touch.len() as u64, counted(subject.leaves.len() as u64, part));
    format!("Mark {touched} of {total} of the {kind} {title} as {state}{forgets}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(key: &str, season: Option<&str>, plays: i64) -> Item {
        Item {
            rating_key: Some(key.into()),
            parent_rating_key: season.map(Into::into),
            view_count: Some(plays),
            ..Item::default()
        }
    }

    fn sent(leaves: Vec<Item>, watched: bool) -> Vec<(String, u64)> {
        let item = Item { rating_key: Some("show".into()), ..Item::default() };
        let subject = Subject { item, leaves };
        let parts = parts(&subject, &subject.to_touch(watched), watched);
        parts.into_iter().map(|part| (part.rating_key, part.leaves)).collect()
    }

    fn of(parts: &[(&str, u64)]) -> Vec<(String, u64)> {
        parts.iter().map(|(key, leaves)| ((*key).to_owned(), *leaves)).collect()
    }

    #[test]
    fn whole_seasons_go_at_once_and_what_is_watched_is_not_touched() {
        let leaves = || {
            vec![
                leaf("11", Some("1"), 0),
                leaf("12", Some("1"), 0),
                leaf("21", Some("2"), 0),
                leaf("22", Some("2"), 3),
                leaf("23", Some("2"), 0),
                leaf("9", None, 0),
                leaf("31", Some("3"), 1),
            ]
        };
        assert_eq!(sent(leaves(), true), of(&[("1", 2), ("21", 1), ("23", 1), ("9", 1)]));
        // Of unwatched episodes there is nothing to forget, so all of the show may be marked.
        assert_eq!(sent(leaves(), false), of(&[("show", 2)]));
        let unwatched = leaves().into_iter().filter(|leaf| leaf.view_count == Some(0)).collect();
        assert_eq!(sent(unwatched, true), of(&[("show", 5)]));
        assert_eq!(sent(Vec::new(), true), of(&[("show", 0)]));
    }
}
