//! The plays of one account of the Plex server, with what Trakt can be told of each.

use super::activity::Running;
use crate::{
    guard::Effect,
    plex::{
        history::{History, Play, PlayFilter},
        household::Account,
        http::Plex,
        items::Item,
    },
    tools::{call::Call, error::ToolError},
    trakt::{
        history::What,
        ids::{Found, Ids, reason_without_ids},
        missing::PlexPlay,
    },
};
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap};

/// Items that are looked up before progress is shown again.
const ITEMS: usize = 500;

/// Plays that Trakt can be told of, and the others with why it can't.
#[derive(Debug, Default)]
pub(super) struct Plays {
    pub(super) known: Vec<PlexPlay>,
    /// What each of them was of, in the same order.
    pub(super) about: Vec<About>,
    pub(super) skipped: Vec<Skipped>,
    /// Rows of the history that were read.
    pub(super) rows: u64,
    /// Plays of music and whatever else Trakt knows nothing of.
    pub(super) other_types: u64,
}

/// What a play was of.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) rating_key: String,
    pub(super) title: String,
    pub(super) edition: Option<String>,
}

/// A play that can't be sent.
#[derive(Clone, Debug)]
pub(super) struct Skipped {
    pub(super) title: String,
    pub(super) reason: &'static str,
}

/// The person with this number or this name; the owner where nobody is named.
pub(super) async fn person(plex: &Plex, named: Option<&str>) -> Result<(u64, String), ToolError> {
    let people = plex.accounts().await?;
    let named = named.map(str::trim);
    let wanted = |person: &&Account| match named {
        // The owner's account is the first one on each server.
        None => person.id == Some(1),
        Some(named) => {
            person.id.is_some_and(|id| id.to_string() == named)
                || person.name.as_deref().is_some_and(|name| name.to_lowercase() == named.to_lowercase())
        }
    };
    let found: Vec<&Account> = people.iter().filter(wanted).collect();
    let number = |person: &Account| person.id.and_then(|id| u64::try_from(id).ok());
    match found.as_slice() {
        [one] => match number(one) {
            Some(id) => Ok((id, one.name.clone().unwrap_or_else(|| id.to_string()))),
            None => Err(ToolError::argument("account", "is of a person without a number")),
        },
        [] if named.is_none() => Ok((1, "the owner".to_owned())),
        [] => {
            let has_number = |person: &&Account| number(person).is_some_and(|id| id > 0);
            let people: Vec<&str> =
                people.iter().filter(has_number).filter_map(|person| person.name.as_deref()).take(20).collect();
            Err(ToolError::argument("account", format!("is nobody of this server; there are {}", people.join(", "))))
        }
        _ => Err(ToolError::argument("account", "is the name of several people: give the number, from get_user_stats")),
    }
}

/// The plays of an account since that time, in seconds since 1970, with ids for Trakt.
pub(super) async fn read<E: Effect>(
    call: &Call<'_, E>,
    running: &Running<'_>,
    account: u64,
    since: Option<i64>,
) -> Result<Plays, ToolError> {
    let plex = call.plex().await?;
    let rows = rows(call, running, plex, account, since).await?;
    let keys: BTreeSet<String> =
        rows.iter().filter(|row| is_video(row)).filter_map(|row| row.item).map(|key| key.to_string()).collect();
    let items = look_up(call, running, plex, &keys.iter().collect::<Vec<_>>()).await?;
    let shows: BTreeSet<&str> = items.values().filter_map(|item| item.grandparent_rating_key.as_deref()).collect();
    let shows = look_up(call, running, plex, &shows.into_iter().collect::<Vec<_>>()).await?;
    let now = Timestamp::now().as_second();
    let mut plays = Plays { rows: rows.len() as u64, ..Plays::default() };
    for row in rows {
        if !is_video(&row) {
            plays.other_types += 1;
            continue;
        }
        let item = row.item.and_then(|key| items.get(&key.to_string()));
        let skip = |reason| Skipped { title: title_of_row(&row), reason };
        match (item, row.at.filter(|&at| can_be(at, now))) {
            (_, None) => {
                plays.skipped.push(skip("Plex does not say when it was played, or gives a time that can't be"));
            }
            (None, _) => plays.skipped.push(skip("it was deleted from Plex since, and its ids with it")),
            (Some(item), Some(at)) => match what(item, &shows) {
                Ok(what) => {
                    let length = item.duration.unwrap_or(0) / 1_000;
                    plays.known.push(PlexPlay { what, at, length });
                    plays.about.push(About {
                        rating_key: item.rating_key.clone().unwrap_or_default(),
                        title: title_of(item),
                        edition: item.edition_title.clone(),
                    });
                }
                Err(reason) => plays.skipped.push(Skipped { title: title_of(item), reason }),
            },
        }
    }
    Ok(plays)
}

async fn rows<E: Effect>(
    call: &Call<'_, E>,
    running: &Running<'_>,
    plex: &Plex,
    account: u64,
    since: Option<i64>,
) -> Result<Vec<Play>, ToolError> {
    let filter = PlayFilter { account: Some(account), since, ..PlayFilter::default() };
    let mut history = History::new(plex, filter, true);
    let mut rows = Vec::new();
    while history.page(&mut rows).await? {
        running.at(call, "plex", history.received(), history.total());
    }
    Ok(rows)
}

/// Items by their keys, in batches.
pub(super) async fn look_up<E: Effect>(
    call: &Call<'_, E>,
    running: &Running<'_>,
    plex: &Plex,
    keys: &[impl AsRef<str> + Sync],
) -> Result<HashMap<String, Item>, ToolError> {
    let mut found = HashMap::new();
    for batch in keys.chunks(ITEMS) {
        let items = plex.items_by_text(batch).await?;
        found.extend(items.into_iter().filter_map(|item| Some((item.rating_key.clone()?, item))));
        let done = found.len() as u64;
        running.at(call, "plex", done, Some(keys.len() as u64));
    }
    Ok(found)
}

/// Whether something can have been played at that time: servers hold junk from before 1970, and from a far future. A clock
/// may be a day ahead.
fn can_be(at: i64, now: i64) -> bool {
    (1..=now.saturating_add(86_400)).contains(&at)
}

fn is_video(row: &Play) -> bool {
    matches!(&*row.kind, "movie" | "episode")
}

/// What Trakt is told of an item, or why it can't be told anything. `shows` are the shows of episodes, by their keys.
pub(super) fn what(item: &Item, shows: &HashMap<String, Item>) -> Result<What, &'static str> {
    let found = Found::of(item.guid.as_deref(), &item.guids);
    let reason = || reason_without_ids(item.guid.as_deref());
    if item.kind.as_deref() != Some("episode") {
        return if found.own.is_empty() { Err(reason()) } else { Ok(What::Movie(found.own)) };
    }
    if let Some((show, season, number)) = found.by_number {
        return Ok(What::Episode { show, season, number });
    }
    let show = item.grandparent_rating_key.as_deref().and_then(|key| shows.get(key));
    let show: Ids = show.map(|show| Found::of(show.guid.as_deref(), &show.guids).own).unwrap_or_default();
    match (item.parent_index, item.index) {
        (Some(season), Some(number)) if !show.is_empty() => Ok(What::Episode { show, season, number }),
        _ if !found.own.is_empty() => Ok(What::LoneEpisode(found.own)),
        (None, _) | (_, None) => Err("Plex does not say which season and episode it is"),
        _ => Err(reason()),
    }
}

/// A film's title with its year, an episode's with show and numbers: `Show S00E09 Title`.
pub(super) fn title_of(item: &Item) -> String {
    let title = item.title.as_deref().unwrap_or("untitled");
    if item.kind.as_deref() == Some("episode") {
        return episode_title(item.grandparent_title.as_deref(), item.parent_index, item.index, title);
    }
    item.year.map_or_else(|| title.to_owned(), |year| format!("{title} ({year})"))
}

fn title_of_row(row: &Play) -> String {
    let Some(titles) = &row.titles else { return "untitled".to_owned() };
    let title = titles.title.as_deref().unwrap_or("untitled");
    if &*row.kind == "episode" {
        return episode_title(titles.grandparent_title.as_deref(), titles.parent_index, titles.index, title);
    }
    title.to_owned()
}

fn episode_title(show: Option<&str>, season: Option<i64>, number: Option<i64>, title: &str) -> String {
    let show = show.unwrap_or("unknown show");
    match (season, number) {
        (Some(season), Some(number)) => format!("{show} S{season:02}E{number:02} {title}"),
        _ => format!("{show} {title}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plex::items::Guid;

    fn item(kind: &str, guid: &str, ids: &[&str]) -> Item {
        Item {
            kind: Some(kind.into()),
            guid: Some(guid.into()),
            guids: ids.iter().map(|id| Guid { id: Some((*id).into()) }).collect(),
            ..Item::default()
        }
    }

    fn tvdb(id: i64) -> Ids {
        Ids { tvdb: Some(id), ..Ids::default() }
    }

    #[test]
    fn times_that_cannot_be_are_none() {
        let now = 1_790_000_000;
        for (at, can) in [
            (-2_082_844_800, false),
            (0, false),
            (99_999_999_999_999, false),
            (now + 3_600, true),
            (1_400_000_000, true),
        ] {
            assert_eq!(can_be(at, now), can, "{at}");
        }
    }

    #[test]
    fn an_episode_is_told_by_its_show_else_by_itself_and_never_in_a_made_up_season() {
        let shows = HashMap::from([("5".to_owned(), item("show", "plex://show/a", &["tvdb://100"]))]);
        let of = |show: Option<&str>, season, number, ids: &[&str]| {
            let episode = item("episode", "plex://episode/b", ids);
            what(
                &Item { grandparent_rating_key: show.map(Into::into), parent_index: season, index: number, ..episode },
                &shows,
            )
        };
        let special = What::Episode { show: tvdb(100), season: 0, number: 9 };
        assert_eq!(of(Some("5"), Some(0), Some(9), &["tvdb://7"]), Ok(special.clone()));
        assert_eq!(
            of(Some("6"), Some(1), Some(9), &["tvdb://7"]),
            Ok(What::LoneEpisode(tvdb(7))),
            "a show without ids"
        );
        assert_eq!(of(Some("5"), None, Some(9), &["tvdb://7"]), Ok(What::LoneEpisode(tvdb(7))), "no season");
        assert!(of(Some("5"), None, Some(9), &[]).is_err());
        assert!(of(None, Some(1), Some(1), &[]).unwrap_err().contains("refresh"));
        let old = item("episode", "com.plexapp.agents.thetvdb://100/0/9?lang=en", &[]);
        assert_eq!(what(&old, &HashMap::new()), Ok(special));
        assert!(what(&item("movie", "local://7", &[]), &shows).unwrap_err().contains("Fix Match"));
    }
}
