//! Items' details, asked for in batches of keys and in their order, several ahead of the one that is written.

use super::{
    ExportError, blocking,
    encoder::{Detailed, Encoder, Listing, Wanted},
};
use crate::plex::{
    error::PlexError,
    http::{Get, Plex},
    lookup::by_keys,
    pager::{Position, Spare},
    xml::{Arena, XmlError, each_row},
};
use roaring::RoaringTreemap;
use std::{collections::VecDeque, sync::Arc};
use tokio_util::task::AbortOnDropHandle;

/// Items a request.
const BATCH: usize = 100;
/// Rows of the listing a request at the most: its pages are held until the details of all their rows are there.
pub(super) const MOST_LISTED: u64 = 200;
/// Requests on their way; with the page of the listing that is fetched ahead it makes four.
const AHEAD: usize = 3;
/// Items in a row that the server may fail on, before it is taken for broken.
const MOST_FAILURES: usize = 50;

/// Asks for the details of the rows of a listing.
pub(super) struct Details {
    plex: Plex,
    encoder: Arc<Encoder>,
    spare: Spare,
    waiting: VecDeque<Batch>,
    asked: VecDeque<(Asked, Option<Behind>)>,
}

/// The rows of a batch, on their way.
type Asked = AbortOnDropHandle<Result<Detailed, ExportError>>;

/// Some rows of a page of the listing.
struct Batch {
    page: Arc<Listing>,
    wanted: Vec<Wanted>,
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

impl Details {
    pub(super) fn new(plex: Plex, encoder: Arc<Encoder>, spare: Spare) -> Self {
        Self { plex, encoder, spare, waiting: VecDeque::new(), asked: VecDeque::new() }
    }

    /// Whether there is room for another page of the listing.
    pub(super) fn wants_more(&self) -> bool {
        self.waiting.len() + self.asked.len() < AHEAD
    }

    /// Adds the rows of a page that are wanted.
    pub(super) fn add(&mut self, page: Listing, mut wanted: Vec<Wanted>, behind: Option<Behind>) {
        let page = Arc::new(page);
        while !wanted.is_empty() {
            let rest = wanted.split_off(wanted.len().min(BATCH));
            self.waiting.push_back(Batch { page: Arc::clone(&page), wanted, behind: None });
            wanted = rest;
        }
        if let Some(last) = self.waiting.back_mut() {
            last.behind = behind;
        }
        self.ask();
    }

    fn ask(&mut self) {
        while self.asked.len() < AHEAD {
            let Some(Batch { page, wanted, behind }) = self.waiting.pop_front() else { return };
            let (plex, encoder) = (self.plex.clone(), Arc::clone(&self.encoder));
            let task = tokio::spawn(details(plex, encoder, self.spare.clone(), page, wanted));
            self.asked.push_back((AbortOnDropHandle::new(task), behind));
        }
    }

    /// The next rows with their details, and where the listing is to be read on behind them, which is not known in the middle
    /// of a page; none where nothing waits.
    pub(super) async fn next(&mut self) -> Result<Option<(Detailed, Option<Behind>)>, ExportError> {
        self.ask();
        let Some((task, behind)) = self.asked.pop_front() else { return Ok(None) };
        let detailed = task.await.map_err(std::io::Error::other)??;
        self.ask();
        Ok(Some((detailed, behind)))
    }
}

/// The rows with their details. Answers that can't be read are asked for again, and each is looked at before it is taken.
async fn details(
    plex: Plex,
    encoder: Arc<Encoder>,
    spare: Spare,
    page: Arc<Listing>,
    wanted: Vec<Wanted>,
) -> Result<Detailed, ExportError> {
    let mut keys: Vec<u64> = wanted.iter().filter_map(|wanted| wanted.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let wanted = Arc::new(wanted);
    let encode = |answers: Vec<String>| {
        let (encoder, spare) = (Arc::clone(&encoder), spare.clone());
        let (page, wanted) = (Arc::clone(&page), Arc::clone(&wanted));
        blocking(move || {
            let detailed = encoder.details(&page, &wanted, &answers);
            for answer in answers {
                spare.put(answer);
            }
            detailed
        })
    };
    match encode(fetch(&plex, &spare, &keys, ends_well).await?).await? {
        Ok(detailed) => Ok(detailed),
        Err(_) => Ok(encode(fetch(&plex, &spare, &keys, read_through).await?).await??),
    }
}

/// The details of these items, in one answer where the server manages that. Where it does not, or says that one of them is
/// not there, halves of them are asked for, down to single items; those that even alone can't be had are left out.
async fn fetch(
    plex: &Plex,
    spare: &Spare,
    keys: &[u64],
    check: fn(&str) -> Result<(), XmlError>,
) -> Result<Vec<String>, PlexError> {
    let (mut texts, mut failures) = (Vec::new(), 0);
    let mut parts = vec![keys];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        let answer = match plex.get_into(&request(part), spare.take()).await {
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
                parts.extend([second, first]);
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
    each_row(text, &mut Arena::default(), |_| {})
}
