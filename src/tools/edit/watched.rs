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
use std::collections::HashSet;

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
    // The whole at once where nothing beside is touched by it: watched episodes would be counted as watched once more.
    let at_once = touch.len() == subject.leaves.len() || (!watched && subject.to_touch(false).len() == touch.len());
    let keys: Vec<String> =
        if at_once { vec![key.clone()] } else { touch.iter().filter_map(|leaf| leaf.rating_key.clone()).collect() };
    let sent = send(call, plex, &cleared, &keys, (watched, touched)).await;
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

/// Sends one request a key, up to the first that is not confirmed.
async fn send<E: Change>(
    call: &Call<'_, E>,
    plex: &Plex,
    cleared: &Cleared<'_>,
    keys: &[String],
    (watched, total): (bool, u64),
) -> Result<Made, PlexError> {
    let mut last = Made::Yes(String::new());
    for (done, key) in (0_u64..).zip(keys) {
        if keys.len() > 1 {
            call.reached(done);
            call.progress(Progress { items: done, total: Some(keys.len() as u64), ..Progress::default() });
        }
        last = if watched { plex.scrobble(cleared, key).await? } else { plex.unscrobble(cleared, key).await? };
        if matches!(last, Made::Unsure(_)) {
            return Ok(last);
        }
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
