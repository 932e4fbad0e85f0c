//! Items by their keys, many a request: what a list of plays needs to know of the items that were played.

use super::{
    error::PlexError,
    http::{Get, Plex},
    items::{Item, decode},
    stream::rating_key,
    xml::{Arena, Row, each_row},
};
use crate::http::HttpError;
use foldhash::fast::RandomState;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Items a request: a path of two kilobytes at the most, which every server and proxy takes.
pub const BATCH: usize = 200;
/// Requests on their way at once: enough that the server and this process both have work.
const AT_ONCE: usize = 3;
/// Children that are not needed where only an item's own attributes are. They are most of its bytes; servers that don't know
/// the parameter send them.
pub const NOT_NEEDED: &str = "Media,Image,UltraBlurColors,Genre,Country,Collection,Director,Writer,Producer,Role,Rating,\
                          Label,Field,Mood,Style,Similar,Chapter,Marker,Extras,Review";

/// What the analysis of plays needs to know of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The playing time in seconds, where the server knows it.
    pub seconds: Option<u32>,
    /// The same for the copies of one title in several libraries, and for its editions.
    pub work: u64,
}

/// Facts about items, each asked for once.
#[derive(Debug, Default)]
pub struct Lookup {
    /// None for an item that the server no longer has. A long history asks millions of times.
    known: HashMap<u64, Option<Facts>, RandomState>,
    wanted: Vec<u64>,
}

impl Lookup {
    /// Notes that the facts of an item will be needed.
    pub fn want(&mut self, key: u64) {
        if let Entry::Vacant(entry) = self.known.entry(key) {
            entry.insert(None);
            self.wanted.push(key);
        }
    }

    /// How many items are still to be asked for.
    pub fn wanted(&self) -> usize {
        self.wanted.len()
    }

    /// Asks for all that is wanted.
    pub async fn fetch(&mut self, plex: &Plex) -> Result<(), PlexError> {
        let wanted = std::mem::take(&mut self.wanted);
        let known = &mut self.known;
        let request = |keys: &[u64]| by_keys(keys).with("includeGuids", "1").with("excludeElements", NOT_NEEDED);
        plex.visit_items(&wanted, request, |row| {
            if let Some(key) = rating_key(&row) {
                known.insert(key, Some(facts(&row)));
            }
        })
        .await
    }

    /// Takes the facts of all that is wanted from a test.
    #[cfg(test)]
    pub fn answer(&mut self, facts: impl Fn(u64) -> Option<Facts>) {
        for key in std::mem::take(&mut self.wanted) {
            self.known.insert(key, facts(key));
        }
    }

    /// The facts of an item; none where the server no longer has it.
    pub fn get(&self, key: u64) -> Option<Facts> {
        self.known.get(&key).copied().flatten()
    }
}

fn facts(row: &Row<'_, '_>) -> Facts {
    let milliseconds: Option<u64> = row.attribute("duration").and_then(|text| text.trim().parse().ok());
    let guids = row.children("Guid").filter_map(|guid| guid.attribute("id")).collect::<Vec<_>>();
    let own = row.attribute("ratingKey").unwrap_or_default();
    Facts {
        seconds: milliseconds.and_then(|milliseconds| u32::try_from(milliseconds / 1_000).ok()),
        work: work(row.attribute("guid").as_deref(), guids.iter().map(AsRef::as_ref), &own),
    }
}

/// A number that the copies and editions of one title share: made of its id at `IMDb` where it has one, which agents old and
/// new agree on, or else of its guid. What no agent has matched is a title of its own.
pub fn work<'a>(guid: Option<&str>, mut external: impl Iterator<Item = &'a str>, rating_key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let guid = guid.filter(|guid| !guid.is_empty());
    // An old agent's episodes carry their show's id, and more behind a slash.
    let by_old_agent = guid
        .and_then(|guid| guid.strip_prefix("com.plexapp.agents.imdb://"))
        .and_then(|rest| rest.split('?').next())
        .filter(|id| !id.contains('/'));
    let imdb = external.find_map(|id| id.strip_prefix("imdb://")).or(by_old_agent);
    match (imdb, guid) {
        (Some(imdb), _) => ("imdb", imdb).hash(&mut hasher),
        (None, Some(guid)) if is_matched(guid) => ("guid", guid).hash(&mut hasher),
        _ => ("own", rating_key).hash(&mut hasher),
    }
    hasher.finish()
}

/// Whether a guid is of an agent's match. The others only repeat the rating key or the file's name.
fn is_matched(guid: &str) -> bool {
    let own = ["local://", "com.plexapp.agents.none://", "tv.plex.agents.none://"];
    !own.iter().any(|prefix| guid.starts_with(prefix))
}

/// The request for items with these keys.
pub fn by_keys(keys: &[u64]) -> Get {
    let list = keys.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    let what = if let [key] = keys { format!("item {key}") } else { "items of the library".to_owned() };
    Get::new(what, ["library", "metadata", &list])
}

impl Plex {
    /// The items with these keys, whole, in the order of the keys. Those that the server no longer has are left out.
    pub async fn items(&self, keys: &[u64]) -> Result<Vec<Item>, PlexError> {
        self.items_by(keys, |keys| by_keys(keys).with("includeGuids", "1")).await
    }

    /// The same by keys as they are written. What is no number is the key of nothing.
    pub async fn items_by_text(&self, keys: &[impl AsRef<str> + Sync]) -> Result<Vec<Item>, PlexError> {
        let keys: Vec<u64> = keys.iter().filter_map(|key| key.as_ref().parse().ok()).collect();
        self.items(&keys).await
    }

    /// The items with these keys without their children, in the order of the keys. Those that the server no longer has are
    /// left out.
    pub async fn items_in_brief(&self, keys: &[u64]) -> Result<Vec<Item>, PlexError> {
        self.items_by(keys, |keys| by_keys(keys).with("excludeElements", NOT_NEEDED)).await
    }

    async fn items_by(
        &self,
        keys: &[u64],
        request: impl Fn(&[u64]) -> Get + Send + Sync,
    ) -> Result<Vec<Item>, PlexError> {
        let (mut found, mut buffer) = (HashMap::new(), Vec::new());
        self.visit_items(keys, request, |row| {
            if let (Some(key), Some(item)) = (rating_key(&row), decode::<Item>(row, &mut buffer)) {
                found.insert(key, item);
            }
        })
        .await?;
        Ok(keys.iter().filter_map(|key| found.remove(key)).collect())
    }

    /// Calls `visit` with the items of these keys, asked for in batches, some of them at once.
    pub async fn visit_items(
        &self,
        keys: &[u64],
        request: impl Fn(&[u64]) -> Get + Send + Sync,
        mut visit: impl FnMut(Row<'_, '_>) + Send,
    ) -> Result<(), PlexError> {
        let mut arena = Arena::default();
        let batches = keys.chunks(BATCH).map(|batch| self.answers(batch, &request)).collect::<Vec<_>>();
        let mut answers = stream::iter(batches).buffered(AT_ONCE);
        while let Some(texts) = answers.try_next().await? {
            for text in texts {
                each_row(&text, &mut arena, &mut visit)?;
            }
        }
        Ok(())
    }

    /// The answers with the items of a batch. One that the server refuses as a whole is asked for in halves, so that one
    /// broken item loses no other.
    async fn answers(
        &self,
        batch: &[u64],
        request: &(impl Fn(&[u64]) -> Get + Send + Sync),
    ) -> Result<Vec<String>, PlexError> {
        let (mut texts, mut batches) = (Vec::new(), vec![batch]);
        while let Some(batch) = batches.pop() {
            match self.get(&request(batch)).await {
                Ok(text) => texts.push(text),
                // None of them is there any more.
                Err(error) if error.is_not_found() => {}
                Err(PlexError::Http(HttpError::Status { .. })) if batch.len() > 1 => {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    batches.extend([second, first]);
                }
                Err(error @ PlexError::Http(HttpError::Status { .. })) => {
                    tracing::warn!(%error, "an item can't be read and is taken for one that is gone");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(guid: &str, external: &[&str], key: &str) -> u64 {
        work(Some(guid).filter(|guid| !guid.is_empty()), external.iter().copied(), key)
    }

    #[test]
    fn copies_of_a_title_are_one_whatever_agent_matched_them() {
        let new = of("plex://movie/abc", &["tmdb://5", "imdb://tt0000001"], "1");
        assert_eq!(new, of("plex://movie/abc", &["imdb://tt0000001"], "2"), "another library");
        assert_eq!(new, of("com.plexapp.agents.imdb://tt0000001?lang=en", &[], "3"), "an older agent");
        assert_eq!(of("plex://movie/abc", &[], "1"), of("plex://movie/abc", &[], "2"));
        assert_ne!(new, of("plex://movie/abd", &["imdb://tt0000002"], "1"));
    }

    #[test]
    fn what_nothing_matched_is_its_own_title() {
        for guid in ["", "local://7", "com.plexapp.agents.none://x", "tv.plex.agents.none://x"] {
            assert_ne!(of(guid, &[], "1"), of(guid, &[], "2"), "{guid}");
            assert_eq!(of(guid, &[], "1"), of(guid, &[], "1"), "{guid}");
        }
        // An old agent's episodes carry their show's id.
        let episode = |n| of(&format!("com.plexapp.agents.imdb://tt0000001/1/{n}?lang=en"), &[], "9");
        assert_ne!(episode(1), episode(2));
    }

    #[test]
    fn an_item_is_asked_for_once() {
        let mut lookup = Lookup::default();
        for key in [5, 6, 5, 0] {
            lookup.want(key);
        }
        assert_eq!(lookup.wanted, [5, 6, 0]);
    }
}
