//! Items' details, asked for in batches of keys and in their order, some ahead of the one in work.

use super::{ExportError, encoder::Wanted};
use crate::plex::{
    error::PlexError,
    http::{Get, Plex},
    lookup::by_keys,
    pager::{Page, Position},
    xml::{Arena, Document, XmlError},
};
use roaring::RoaringTreemap;
use std::{collections::VecDeque, sync::Arc};
use tokio_util::task::AbortOnDropHandle;

/// Items a request. The answers are as large as those of a page of a listing.
const BATCH: usize = 100;
/// Requests on their way; with the pages of the listing that are fetched ahead it makes four.
const AHEAD: usize = 2;
/// Items in a row that the server may fail on, before it is taken for broken.
const MOST_FAILURES: usize = 50;

/// The answers to a request that is on its way.
type Answers = AbortOnDropHandle<Result<Vec<String>, PlexError>>;

/// Asks for the details of the rows of a listing.
pub(super) struct Details {
    plex: Plex,
    waiting: VecDeque<Batch>,
    asked: VecDeque<(Batch, Answers)>,
}

/// Some rows of a page of the listing, and what the server tells of them.
pub(super) struct Batch {
    page: Arc<Page>,
    wanted: Arc<Vec<Wanted>>,
    /// The answers, which may lack items that the server has not got any more, or fails on.
    texts: Vec<String>,
    behind: Option<Behind>,
}

/// Where a listing is to be read on.
#[derive(Clone, Debug)]
pub(super) struct Behind {
    pub(super) position: Position,
    /// The number of the last row before it.
    pub(super) last: Option<u64>,
    /// The keys of the rows before it.
    pub(super) keys: RoaringTreemap,
}

impl Batch {
    /// The page, its rows, and the answers, which are given away.
    pub(super) fn parts(&mut self) -> (Arc<Page>, Arc<Vec<Wanted>>, Vec<String>) {
        (Arc::clone(&self.page), Arc::clone(&self.wanted), std::mem::take(&mut self.texts))
    }

    /// Where the listing is to be read on after this batch; none in the middle of a page.
    pub(super) fn take_behind(&mut self) -> Option<Behind> {
        self.behind.take()
    }

    fn keys(&self) -> Vec<u64> {
        let mut keys: Vec<u64> = self.wanted.iter().filter_map(|wanted| wanted.key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

impl Details {
    pub(super) fn new(plex: Plex) -> Self {
        Self { plex, waiting: VecDeque::new(), asked: VecDeque::new() }
    }

    /// Whether there is room for another page of the listing.
    pub(super) fn wants_more(&self) -> bool {
        self.waiting.len() + self.asked.len() < AHEAD
    }

    /// Adds the rows of a page that are wanted.
    pub(super) fn add(&mut self, page: Page, picked: &[Wanted], behind: Option<Behind>) {
        let page = Arc::new(page);
        let batch = |wanted: &[Wanted]| Batch {
            page: Arc::clone(&page),
            wanted: Arc::new(wanted.to_vec()),
            texts: Vec::new(),
            behind: None,
        };
        let mut batches: Vec<_> = picked.chunks(BATCH).map(batch).collect();
        if let Some(last) = batches.last_mut() {
            last.behind = behind;
        }
        self.waiting.extend(batches);
        self.ask();
    }

    fn ask(&mut self) {
        while self.asked.len() < AHEAD {
            let Some(batch) = self.waiting.pop_front() else { return };
            let task = tokio::spawn(fetch(self.plex.clone(), batch.keys(), ends_well));
            self.asked.push_back((batch, AbortOnDropHandle::new(task)));
        }
    }

    /// The next batch with its answers; none where nothing waits.
    pub(super) async fn next(&mut self) -> Result<Option<Batch>, ExportError> {
        self.ask();
        let Some((mut batch, task)) = self.asked.pop_front() else { return Ok(None) };
        batch.texts = task.await.map_err(std::io::Error::other)??;
        self.ask();
        Ok(Some(batch))
    }

    /// Asks for a batch again whose answers could not be read, and looks at each before it is taken.
    pub(super) async fn ask_again(&mut self, batch: &mut Batch) -> Result<(), ExportError> {
        batch.texts = fetch(self.plex.clone(), batch.keys(), read_through).await?;
        Ok(())
    }
}

/// The details of these items, in one answer where the server manages that. Where it does not, or says that one of them is
/// not there, halves of them are asked for, down to single items; those that even alone can't be had are left out.
async fn fetch(plex: Plex, keys: Vec<u64>, check: fn(&str) -> Result<(), XmlError>) -> Result<Vec<String>, PlexError> {
    let (mut texts, mut failures) = (Vec::new(), 0);
    let mut parts = vec![keys];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        let answer = match plex.get(&request(&part)).await {
            Ok(text) => check(&text).map(|()| text).map_err(PlexError::from),
            Err(error) => Err(error),
        };
        match answer {
            Ok(text) => texts.push(text),
            Err(error) if !error.is_not_found() && (!error.may_be_size() || failures >= MOST_FAILURES) => {
                return Err(error);
            }
            Err(error) if part.len() == 1 => {
                tracing::warn!(key = part.first(), %error, "the details of an item can't be had");
                failures += usize::from(!error.is_not_found());
            }
            Err(_) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second.to_vec(), first.to_vec()]);
            }
        }
    }
    Ok(texts)
}

fn request(keys: &[u64]) -> Get {
    let items = Get { what: "the details of items".into(), ..by_keys(keys) };
    let wanted = ["includeGuids", "includeChapters", "includeMarkers", "includeExtras"];
    wanted.into_iter().fold(items, |get, name| get.with(name, "1"))
}

/// Whether an answer ends as it should: what stops early is told at a glance.
fn ends_well(text: &str) -> Result<(), XmlError> {
    let text = text.trim_end();
    if text.ends_with("</MediaContainer>") || text.ends_with("/>") { Ok(()) } else { Err(XmlError::Truncated) }
}

/// Whether an answer can be read to its end.
fn read_through(text: &str) -> Result<(), XmlError> {
    let mut document = Document::open(text)?;
    let mut arena = Arena::default();
    while document.next_row(&mut arena)?.is_some() {}
    Ok(())
}
