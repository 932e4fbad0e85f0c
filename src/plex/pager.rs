//! The one way to read a list: page by page, always with start and size, by the rows that really came, to a sure end.
//!
//! The end is the total, an empty page, or a page that brings no new rating key: some servers and proxies ignore paging
//! and would otherwise give their first page for ever. Pages are fetched ahead while one is worked on. A server that fails on
//! a large page is asked for smaller ones, and for larger ones again when those went well.

use super::{
    error::PlexError,
    http::{Get, Plex},
    xml::{Arena, Document, Row, XmlError},
};
use roaring::RoaringTreemap;
use std::collections::VecDeque;
use tokio::task::JoinHandle;

/// Pages fetched ahead of the one in work. Two keep a server and this process both busy; more only cost memory.
const AHEAD: usize = 2;
/// How often in a row a page that fails is tried again at half its size.
const MOST_HALVINGS: u32 = 4;
/// Pages in a row after which twice their size is tried again, up to what was asked for.
const PAGES_TO_GROW: u32 = 6;

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    text: String,
    start: u64,
    asked: u64,
    /// The answer says where it begins or how many rows there are in all.
    paged: bool,
}

/// How a list ended, and whether it stayed the same while it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As many rows came as the server says there are, or it had no more.
    Reached,
    /// The server repeated itself before its total was reached.
    Repeated,
}

/// How far a list has been read: with it, and the keys, reading goes on later where it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// The next row.
    pub start: u64,
    /// Rows received.
    pub received: u64,
    /// Rows among them that an earlier page had already.
    pub repeated: u64,
    /// The total that the server said last.
    pub total: Option<u64>,
}

/// Reads a list page by page. Each page is to be [`account`](Self::account)ed for before the next is asked for.
pub struct Pager {
    plex: Plex,
    request: Get,
    /// Rows a request, as things go.
    size: u64,
    /// The most of them: what was asked for, or the server's own cap.
    most: u64,
    /// Pages since the last that failed or was of another size.
    smooth: u32,
    halvings: u32,
    /// Rows that the page in work was asked for.
    asked: u64,
    start: u64,
    /// Rows at this position and beyond are not asked for.
    until: u64,
    ahead: VecDeque<Ahead>,
    /// Whether two pages told different totals.
    total_changed: bool,
    total: Option<u64>,
    keys: RoaringTreemap,
    received: u64,
    repeated: u64,
    end: Option<End>,
}

/// A page that is being fetched.
struct Ahead {
    start: u64,
    end: u64,
    task: JoinHandle<Result<String, PlexError>>,
}

/// What one page held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageCount {
    /// Rows, whatever they are.
    pub rows: u64,
    /// Rows that no earlier page had.
    pub new: u64,
}

impl Pager {
    /// A pager over the list that `request` names, `size` rows a page, from `start` and up to (not including) `until`.
    pub fn new(plex: Plex, request: Get, size: u64, start: u64, until: u64) -> Self {
        Self {
            plex,
            request,
            size: size.max(1),
            most: size.max(1),
            smooth: 0,
            halvings: 0,
            asked: 0,
            start,
            until,
            ahead: VecDeque::new(),
            total_changed: false,
            total: None,
            keys: RoaringTreemap::new(),
            received: 0,
            repeated: 0,
            end: None,
        }
    }

    /// Asks for no more than the total of `request`'s list.
    pub async fn total_of(plex: &Plex, request: &Get) -> Result<Totals, PlexError> {
        let text = plex.get(&window(request, 0, 0)).await?;
        let document = Document::open(&text)?;
        Ok(Totals {
            total: number(&document, "totalSize"),
            library_title: document.attribute("librarySectionTitle").map(Into::into),
        })
    }

    /// Goes on where an earlier reading of the same list stopped.
    #[must_use]
    pub fn resume(mut self, position: Position, keys: RoaringTreemap) -> Self {
        self.start = position.start;
        self.received = position.received;
        self.repeated = position.repeated;
        self.total = position.total;
        self.keys = keys;
        self
    }

    /// How far it is.
    pub fn position(&self) -> Position {
        Position { start: self.start, received: self.received, repeated: self.repeated, total: self.total }
    }

    /// The next page, or none at the end.
    pub async fn next(&mut self) -> Result<Option<Page>, PlexError> {
        loop {
            if self.end.is_some() || self.start >= self.until {
                return Ok(None);
            }
            let page = match self.fetch().await {
                Ok(text) => self.begin(text),
                Err(error) => Err(error),
            };
            match page {
                Ok(page) => return Ok(Some(page)),
                Err(error) => self.retreat(error)?,
            }
        }
    }

    async fn fetch(&mut self) -> Result<String, PlexError> {
        if let Some(ahead) = self.ahead.pop_front() {
            if ahead.start == self.start {
                self.asked = ahead.end - ahead.start;
                // A task that was stopped with the runtime, or panicked, is made up for below.
                if let Ok(page) = ahead.task.await {
                    return page;
                }
            } else {
                ahead.task.abort();
            }
        }
        self.drop_ahead();
        self.asked = self.size.min(self.until - self.start);
        self.plex.get(&self.window_at(self.start)).await
    }

    /// Takes a page's text, and asks for those that follow.
    fn begin(&mut self, text: String) -> Result<Page, PlexError> {
        let document = Document::open(&text)?;
        let total = number(&document, "totalSize").or(self.total);
        self.total_changed |= self.total.is_some() && total != self.total;
        self.total = total;
        // Where paging was ignored, `size` tells how many rows came; then there is nothing to fetch ahead.
        if number(&document, "size").is_none_or(|rows| rows == self.asked) {
            self.fetch_ahead();
        }
        let paged = self.total.is_some() || document.attribute("offset").is_some();
        Ok(Page { text, start: self.start, asked: self.asked, paged })
    }

    /// After a page that could not be had or could not be read: makes the next try one of half its size, or gives the error
    /// back where that would not help.
    pub fn retreat(&mut self, error: PlexError) -> Result<(), PlexError> {
        if !error.may_be_size() || self.size == 1 || self.halvings >= MOST_HALVINGS {
            return Err(error);
        }
        self.halvings += 1;
        self.smooth = 0;
        self.size = self.size.min(self.until.saturating_sub(self.start)).div_ceil(2).max(1);
        tracing::info!(%error, what = self.request.what, rows = self.size, "a page failed; smaller ones are asked for");
        self.drop_ahead();
        Ok(())
    }

    /// Takes note of what the last page held and moves on.
    pub fn account(&mut self, count: PageCount) {
        self.start += count.rows;
        self.received += count.rows;
        self.repeated += count.rows - count.new;
        self.halvings = 0;
        if count.rows == 0 || self.total.is_some_and(|total| self.start >= total) {
            self.end = Some(End::Reached);
        } else if count.new == 0 {
            self.end = Some(End::Repeated);
        } else if count.rows < self.asked {
            // The server gives fewer rows than asked: its own cap counts from now on.
            self.size = count.rows;
            self.most = count.rows;
        } else if self.size < self.most {
            self.smooth += 1;
            if self.smooth >= PAGES_TO_GROW {
                self.smooth = 0;
                self.size = (self.size * 2).min(self.most);
            }
        }
    }

    /// The keys seen so far, to be handed to whoever reads the pages, and back.
    pub fn take_keys(&mut self) -> RoaringTreemap {
        std::mem::take(&mut self.keys)
    }

    /// Gives the keys back.
    pub fn return_keys(&mut self, keys: RoaringTreemap) {
        self.keys = keys;
    }

    /// The total that the server said last.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Rows received, repeated ones too.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Rows that an earlier page had already.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// How the list ended; none while it has not.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Whether the list changed while it was read: another total, or rows that moved into a later page.
    pub fn changed(&self) -> bool {
        self.total_changed || (self.repeated > 0 && self.end == Some(End::Reached))
    }

    fn window_at(&self, start: u64) -> Get {
        window(&self.request, start, self.size.min(self.until.saturating_sub(start)))
    }

    fn fetch_ahead(&mut self) {
        let end = self.total.unwrap_or(0).min(self.until);
        let mut start = self.ahead.back().map_or(self.start + self.asked, |ahead| ahead.end);
        while self.ahead.len() < AHEAD && start < end {
            let (plex, request) = (self.plex.clone(), self.window_at(start));
            let task = tokio::spawn(async move { plex.get(&request).await });
            let next = (start + self.size).min(self.until);
            self.ahead.push_back(Ahead { start, end: next, task });
            start = next;
        }
    }

    fn drop_ahead(&mut self) {
        for ahead in self.ahead.drain(..) {
            ahead.task.abort();
        }
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        self.drop_ahead();
    }
}

/// What a request for no rows tells.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// How many rows the list has, where the server says.
    pub total: Option<u64>,
    /// The title of the library that the list is of.
    pub library_title: Option<String>,
}

impl Page {
    /// Where in the list the page begins.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Whether these rows are not the page that was asked for but the whole list, of a server that knows no paging.
    pub fn is_whole_list(&self, rows: u64) -> bool {
        rows > self.asked || !self.paged
    }

    /// Calls `visit` with each row of the page.
    pub fn for_each<E: From<XmlError>>(
        &self,
        arena: &mut Arena,
        mut visit: impl FnMut(Row<'_, '_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut document = Document::open(&self.text)?;
        while let Some(row) = document.next_row(arena)? {
            visit(row)?;
        }
        Ok(())
    }
}

fn window(request: &Get, start: u64, size: u64) -> Get {
    // Newer servers answer 400 to one of the two alone.
    request.clone().with("X-Plex-Container-Start", start.to_string()).with("X-Plex-Container-Size", size.to_string())
}

fn number(document: &Document<'_>, name: &str) -> Option<u64> {
    document.attribute(name)?.parse().ok()
}
