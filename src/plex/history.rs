//! The play history. A row is one finished play: which item, when, by whom and on what, all but the titles as numbers.
//!
//! Plex keeps the row when the item is deleted, but then without the item's keys. Rows say nothing of how long was
//! watched, nor of a person's or a device's name.

use super::{
    attributes::resolve,
    error::PlexError,
    http::{Get, Plex},
    items::Window,
    pager::{PageCount, Pager},
    stream::PAGE_ROWS,
    window::{self, Reading},
    xml::{Arena, Row, each_row},
};
use roaring::RoaringTreemap;
use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

/// What the list is called.
const WHAT: &str = "the play history";
/// Kinds of item that are told apart; a server's further ones are one.
const MOST_KINDS: usize = 64;

/// Which plays to read. The server filters; what it lets through all the same is dropped here.
#[derive(Clone, Debug, Default)]
pub struct PlayFilter {
    /// Plays of this account only.
    pub account: Option<u64>,
    /// Plays of items of this library only.
    pub section: Option<u64>,
    /// Plays of this item, or of the episodes of this show or season, only.
    pub item: Option<u64>,
    /// Plays at or after this time only, in seconds since 1970.
    pub since: Option<i64>,
}

impl PlayFilter {
    /// The list of these plays, newest first.
    pub fn request(&self) -> Get {
        let mut request = Get::new(WHAT, ["status", "sessions", "history", "all"]).with("sort", "viewedAt:desc");
        for (name, number) in
            [("accountID", self.account), ("librarySectionID", self.section), ("metadataItemID", self.item)]
        {
            if let Some(number) = number {
                request = request.with(name, number.to_string());
            }
        }
        match self.since {
            // The rest of `>=` is the equals sign between name and value.
            Some(since) => request.with("viewedAt>", since.to_string()),
            None => request,
        }
    }

    fn admits(&self, play: &Play) -> bool {
        let fits = |wanted: Option<u64>, found: Option<u64>| wanted.is_none() || found.is_none() || wanted == found;
        fits(self.account, play.account)
            && fits(self.section, play.section)
            && self.since.is_none_or(|since| play.at.is_none_or(|at| at >= since))
    }
}

/// One finished play.
#[derive(Clone, Debug)]
pub struct Play {
    /// The item; none where it was deleted.
    pub item: Option<u64>,
    /// The episode's show, or the track's artist.
    pub show: Option<u64>,
    /// The library.
    pub section: Option<u64>,
    /// `movie`, `episode`, `track`, or another type of the server's.
    pub kind: Arc<str>,
    /// When it ended, in seconds since 1970.
    pub at: Option<i64>,
    /// Who played it.
    pub account: Option<u64>,
    /// What it was played on.
    pub device: Option<u64>,
    /// What the row calls the item, where that was asked for.
    pub titles: Option<Box<Titles>>,
}

/// What a row of the history calls an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Plex's own")]
pub struct Titles {
    pub title: Option<String>,
    pub parent_title: Option<String>,
    pub grandparent_title: Option<String>,
    pub parent_index: Option<i64>,
    pub index: Option<i64>,
    pub originally_available_at: Option<String>,
}

/// The history on its way, newest play first. Rows are read from their text on other threads, several pages at once.
pub struct History {
    plex: Plex,
    pager: Pager<Vec<(u64, Play)>>,
    /// What tells the rows apart that came so far.
    keys: RoaringTreemap,
    filter: PlayFilter,
}

impl History {
    /// The plays that `filter` admits; with their `titles`, where those are wanted.
    pub fn new(plex: &Plex, filter: PlayFilter, titles: bool) -> Self {
        let work = move |text: &mut String| {
            let (mut rows, mut kinds) = (Vec::new(), HashSet::new());
            each_row(text, &mut Arena::default(), |row| {
                let (number, play) = read(&row, titles, &mut kinds);
                rows.push((number.unwrap_or_else(|| hash(&row)), play));
            })?;
            Ok(rows)
        };
        let pager = Pager::working(plex.clone(), filter.request(), PAGE_ROWS, 0, u64::MAX, work);
        Self { plex: plex.clone(), pager, keys: RoaringTreemap::new(), filter }
    }

    /// Adds the plays of the next page to `plays`; false at the end.
    pub async fn page(&mut self, plays: &mut Vec<Play>) -> Result<bool, PlexError> {
        let Self { plex, pager, keys, filter } = self;
        let page = match pager.next().await {
            Ok(Some(page)) => page.into_content(),
            Ok(None) => return Ok(false),
            Err(error) => return Err(plex.for_owner(WHAT, error).await),
        };
        let mut count = PageCount { rows: page.len() as u64, new: 0 };
        for (key, play) in page {
            if keys.insert(key) {
                count.new += 1;
                plays.extend(Some(play).filter(|play| filter.admits(play)));
            }
        }
        pager.account(count);
        Ok(true)
    }

    /// Rows received so far.
    pub fn received(&self) -> u64 {
        self.pager.received()
    }

    /// How many rows there are in all, where the server says.
    pub fn total(&self) -> Option<u64> {
        self.pager.total()
    }
}

/// What tells a row apart: rows have a number of their own.
fn row_key(row: &Row<'_, '_>) -> u64 {
    row.attribute("historyKey").and_then(|key| last_number(&key)).unwrap_or_else(|| hash(row))
}

/// A row without a number is told apart by all that it says, so that a server that gives its only page for ever is seen
/// through.
fn hash(row: &Row<'_, '_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.attributes().for_each(|pair| pair.hash(&mut hasher));
    hasher.finish()
}

/// The number at the end of a path such as `/library/metadata/42`, or a number alone.
fn last_number(path: &str) -> Option<u64> {
    path.rsplit('/').next()?.parse().ok()
}

/// Reads one row of the history, and its number, if it has one.
fn read(row: &Row<'_, '_>, with_titles: bool, kinds: &mut HashSet<Arc<str>>) -> (Option<u64>, Play) {
    let mut play = Play {
        item: None,
        show: None,
        section: None,
        kind: interned(kinds, ""),
        at: None,
        account: None,
        device: None,
        titles: None,
    };
    let mut number = None;
    let mut titles = with_titles.then(Box::<Titles>::default);
    let text = |value| resolve(value).map(std::borrow::Cow::into_owned);
    for (name, value) in row.attributes() {
        match name {
            "historyKey" => number = last_number(value),
            "ratingKey" => play.item = value.parse().ok().or(play.item),
            "key" => play.item = play.item.or_else(|| last_number(value)),
            "grandparentKey" | "grandparentRatingKey" => play.show = last_number(value).or(play.show),
            "librarySectionID" => play.section = value.parse().ok(),
            "type" => play.kind = interned(kinds, value),
            "viewedAt" => play.at = value.parse().ok(),
            "accountID" => play.account = value.parse().ok(),
            "deviceID" => play.device = value.parse().ok(),
            _ => {
                let Some(titles) = &mut titles else { continue };
                match name {
                    "title" => titles.title = text(value),
                    "parentTitle" => titles.parent_title = text(value),
                    "grandparentTitle" => titles.grandparent_title = text(value),
                    "parentIndex" => titles.parent_index = value.parse().ok(),
                    "index" => titles.index = value.parse().ok(),
                    "originallyAvailableAt" => titles.originally_available_at = text(value),
                    _ => {}
                }
            }
        }
    }
    play.titles = titles;
    (number, play)
}

fn interned(kinds: &mut HashSet<Arc<str>>, name: &str) -> Arc<str> {
    if let Some(kind) = kinds.get(name) {
        return Arc::clone(kind);
    }
    let kind: Arc<str> = if kinds.len() < MOST_KINDS { name.into() } else { "other".into() };
    kinds.insert(Arc::clone(&kind));
    kind
}

impl Plex {
    /// Up to `limit` plays from `offset` on, newest first, with their titles. None where the server gives plays that the filter
    /// does not admit: it is no telling then which come before these, and all have to be read.
    pub async fn plays(&self, filter: &PlayFilter, offset: u64, limit: u64) -> Result<Option<Window<Play>>, PlexError> {
        let (mut kinds, mut filtered) = (HashSet::new(), true);
        let reading = Reading { page_rows: window::PAGE_ROWS, key: |row| Some(row_key(row)) };
        let window = self.window_of(reading, filter.request(), offset, limit, |row| {
            let (_, play) = read(&row, true, &mut kinds);
            filtered &= filter.admits(&play);
            Some(play)
        });
        match window.await {
            Ok(window) => Ok(filtered.then_some(window)),
            Err(error) => Err(self.for_owner(WHAT, error).await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plays(rows: &str, filter: &PlayFilter) -> Vec<Play> {
        let text = format!("<MediaContainer>{rows}</MediaContainer>");
        let (mut kinds, mut plays) = (HashSet::new(), Vec::new());
        each_row(&text, &mut Arena::default(), |row| {
            plays.extend(Some(read(&row, true, &mut kinds).1).filter(|play| filter.admits(play)));
        })
        .unwrap();
        plays
    }

    #[test]
    fn rows_of_all_kinds_are_read_and_lose_no_more_than_what_is_odd() {
        let rows = r#"<Video historyKey="/status/sessions/history/1" key="/library/metadata/7" ratingKey="7" type="episode"
            grandparentKey="/library/metadata/5" title="A &amp; B" grandparentTitle="Show" parentIndex="0" index="9"
            librarySectionID="2" viewedAt="1700000000" accountID="1" deviceID="3"/>
            <Video type="movie" title="Gone" viewedAt="1700000000" accountID="1"/>
            <Video type="hologram" ratingKey="x" viewedAt="soon" accountID="-" title="Odd"/>"#;
        let plays = plays(rows, &PlayFilter::default());
        let [episode, gone, odd] = plays.as_slice() else { panic!("{plays:?}") };
        assert_eq!((episode.item, episode.show, episode.section), (Some(7), Some(5), Some(2)));
        let titles = episode.titles.as_ref().unwrap();
        assert_eq!((titles.title.as_deref(), titles.parent_index, titles.index), (Some("A & B"), Some(0), Some(9)));
        assert_eq!((gone.item, gone.at, &*gone.kind), (None, Some(1_700_000_000), "movie"));
        assert_eq!((odd.item, odd.at, odd.account, &*odd.kind), (None, None, None, "hologram"));
    }

    #[test]
    fn what_a_server_lets_through_all_the_same_is_dropped() {
        let rows = r#"<Video ratingKey="1" viewedAt="99" accountID="1" librarySectionID="1"/>
            <Video ratingKey="2" viewedAt="100" accountID="1" librarySectionID="1"/>
            <Video ratingKey="3" viewedAt="101" accountID="2" librarySectionID="1"/>
            <Video ratingKey="4" viewedAt="101" accountID="1" librarySectionID="2"/>
            <Video ratingKey="5" viewedAt="101" accountID="1"/>"#;
        let filter = PlayFilter { account: Some(1), section: Some(1), item: None, since: Some(100) };
        let left: Vec<_> = plays(rows, &filter).into_iter().filter_map(|play| play.item).collect();
        assert_eq!(left, [2, 5], "a row that does not say stays");
        let names: Vec<_> = filter.request().query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(names, ["sort=viewedAt:desc", "accountID=1", "librarySectionID=1", "viewedAt>=100"]);
    }

    #[test]
    fn there_is_no_end_of_kinds_but_of_those_that_are_held() {
        let mut kinds = HashSet::new();
        for n in 0..1_000 {
            interned(&mut kinds, &format!("kind{n}"));
        }
        assert!(kinds.len() <= MOST_KINDS + 1, "{}", kinds.len());
        assert_eq!(&*interned(&mut kinds, "kind3"), "kind3");
        assert_eq!(&*interned(&mut kinds, "kind999"), "other");
    }
}
