//! The one way to read a list: page by page, always with start and size, by the rows that really came, to a sure end.
//!
//! The end is the total, an empty page, or a page that brings no new rating key: some servers and proxies ignore paging
//! and would otherwise give their first page for ever. Pages are fetched ahead while one is worked on, and what costs a
//! processor's time is done with each as soon as it is there, with several at once; they come out in order all the same. A
//! server that fails on a large page is asked for smaller ones, and for larger ones again when those went well.

use super::{
    error::PlexError,
    http::{Get, Plex},
    xml::{Arena, Document, Row, XmlError, each_row},
};
use std::{
    collections::VecDeque,
    mem, panic,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::task::{JoinHandle, spawn_blocking};

/// Pages fetched ahead of the one in work. Three keep a server and this process both busy; more only cost memory.
const AHEAD: usize = 3;
/// Answers whose room is kept.
const MOST_SPARE: usize = 6;
/// How often in a row a page that fails is tried again at half its size.
const MOST_HALVINGS: u32 = 4;
/// Pages in a row after which twice their size is tried again, up to what was asked for.
const PAGES_TO_GROW: u32 = 6;

/// One page of a list: its text, or what was made of that.
#[derive(Debug)]
pub struct Page<T = String> {
    content: T,
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

/// What is made of the text of a page, which may be taken. A text that can't be read is asked for again in smaller pages.
type Work<T> = dyn Fn(&mut String) -> Result<T, XmlError> + Send + Sync;

/// How the reading of a list went.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// How far it came.
    pub position: Position,
    /// How it ended; none while it has not.
    pub end: Option<End>,
    /// Whether the list changed meanwhile: another total, or rows that moved into a later page.
    pub changed: bool,
}

/// Answers, or whatever else takes room, that are done with, and whose room is used again. Otherwise each thread's heap grows
/// by what others take and give back.
#[derive(Clone, Debug, Default)]
pub struct Spare<T = String>(Arc<Mutex<Vec<T>>>);

impl<T: Default> Spare<T> {
    /// One of them, or a new one.
    pub fn take(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Adds one, unless there are more than requests on their way at once.
    pub fn put(&self, used: T) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST_SPARE {
            all.push(used);
        }
    }
}

/// Reads a list page by page. Each page is to be [`account`](Self::account)ed for before the next is asked for.
pub struct Pager<T = String> {
    plex: Plex,
    request: Get,
    work: Arc<Work<T>>,
    spare: Spare,
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
    most_ahead: usize,
    ahead: VecDeque<Ahead<T>>,
    /// Whether two pages told different totals.
    total_changed: bool,
    total: Option<u64>,
    received: u64,
    repeated: u64,
    end: Option<End>,
}

/// A page that is being fetched.
struct Ahead<T> {
    start: u64,
    end: u64,
    task: JoinHandle<Result<Answer<T>, PlexError>>,
}

/// What came of a request.
struct Answer<T> {
    /// The rows of the whole list, as the answer says.
    total: Option<u64>,
    /// The rows on this page, as it says.
    rows: Option<u64>,
    /// Whether it says where it begins.
    has_offset: bool,
    content: T,
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
        Self::working(plex, request, size, start, until, |text| Ok(mem::take(text)))
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
}

impl<T: Send + 'static> Pager<T> {
    /// The same, where `work` is done with the text of each page, with that of several at once.
    pub fn working(
        plex: Plex,
        request: Get,
        size: u64,
        start: u64,
        until: u64,
        work: impl Fn(&mut String) -> Result<T, XmlError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            plex,
            request,
            work: Arc::new(work),
            spare: Spare::default(),
            size: size.max(1),
            most: size.max(1),
            smooth: 0,
            halvings: 0,
            asked: 0,
            start,
            until,
            most_ahead: AHEAD,
            ahead: VecDeque::new(),
            total_changed: false,
            total: None,
            received: 0,
            repeated: 0,
            end: None,
        }
    }

    /// The same with so many pages fetched ahead.
    #[must_use]
    pub fn ahead(mut self, pages: usize) -> Self {
        self.most_ahead = pages;
        self
    }

    /// The same with its answers read into the room of others.
    #[must_use]
    pub fn using(mut self, spare: Spare) -> Self {
        self.spare = spare;
        self
    }

    /// Goes on where an earlier reading of the same list stopped.
    #[must_use]
    pub fn resume(mut self, position: Position) -> Self {
        self.start = position.start;
        self.received = position.received;
        self.repeated = position.repeated;
        self.total = position.total;
        self
    }

    /// How far it is.
    pub fn position(&self) -> Position {
        Position { start: self.start, received: self.received, repeated: self.repeated, total: self.total }
    }

    /// The next page, or none at the end.
    pub async fn next(&mut self) -> Result<Option<Page<T>>, PlexError> {
        loop {
            if self.end.is_some() || self.start >= self.until {
                return Ok(None);
            }
            match self.fetch().await {
                Ok(answer) => return Ok(Some(self.begin(answer))),
                Err(error) => self.retreat(error)?,
            }
        }
    }

    async fn fetch(&mut self) -> Result<Answer<T>, PlexError> {
        if let Some(ahead) = self.ahead.pop_front() {
            if ahead.start == self.start {
                self.asked = ahead.end - ahead.start;
                // A task that was stopped with the runtime, or panicked, is made up for below.
                if let Ok(answer) = ahead.task.await {
                    return answer;
                }
            } else {
                ahead.task.abort();
            }
        }
        self.drop_ahead();
        self.asked = self.size.min(self.until - self.start);
        self.answer(self.start).await
    }

    /// Takes a page, and asks for those that follow.
    fn begin(&mut self, answer: Answer<T>) -> Page<T> {
        let total = answer.total.or(self.total);
        self.total_changed |= self.total.is_some() && total != self.total;
        self.total = total;
        // Where paging was ignored, `size` tells how many rows came; then there is nothing to fetch ahead.
        if answer.rows.is_none_or(|rows| rows == self.asked) {
            self.fetch_ahead();
        }
        let paged = self.total.is_some() || answer.has_offset;
        Page { content: answer.content, start: self.start, asked: self.asked, paged }
    }

    /// After a page that could not be had or could not be read, makes the next try one of half its size, or gives the error
    /// back where that would not help.
    fn retreat(&mut self, error: PlexError) -> Result<(), PlexError> {
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

    /// The total that the server said last.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Rows received, repeated ones too.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How the list ended; none while it has not.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// How it went so far.
    pub fn outcome(&self) -> Outcome {
        let moved = self.repeated > 0 && self.end == Some(End::Reached);
        Outcome { position: self.position(), end: self.end, changed: self.total_changed || moved }
    }

    fn window_at(&self, start: u64) -> Get {
        window(&self.request, start, self.size.min(self.until.saturating_sub(start)))
    }

    /// Asks for a page, and has its text worked on where that holds nothing up.
    fn answer(&self, start: u64) -> impl Future<Output = Result<Answer<T>, PlexError>> + use<T> {
        let (plex, request) = (self.plex.clone(), self.window_at(start));
        let (work, spare) = (Arc::clone(&self.work), self.spare.clone());
        async move {
            let mut text = plex.get_into(&request, spare.take()).await?;
            let worked = spawn_blocking(move || {
                let document = Document::open(&text)?;
                let (total, rows) = (number(&document, "totalSize"), number(&document, "size"));
                let has_offset = document.attribute("offset").is_some();
                let content = work(&mut text);
                if text.capacity() > 0 {
                    spare.put(text);
                }
                Ok(Answer { total, rows, has_offset, content: content? })
            });
            match worked.await {
                Ok(answer) => answer,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => panic::resume_unwind(panic),
                    // The runtime ends, and this task with it.
                    Err(_) => std::future::pending().await,
                },
            }
        }
    }

    fn fetch_ahead(&mut self) {
        let end = self.total.unwrap_or(0).min(self.until);
        let mut start = self.ahead.back().map_or(self.start + self.asked, |ahead| ahead.end);
        while self.ahead.len() < self.most_ahead && start < end {
            let task = tokio::spawn(self.answer(start));
            let next = (start + self.size).min(self.until);
            self.ahead.push_back(Ahead { start, end: next, task });
            start = next;
        }
    }
}

impl<T> Pager<T> {
    fn drop_ahead(&mut self) {
        for ahead in self.ahead.drain(..) {
            ahead.task.abort();
        }
    }
}

impl<T> Drop for Pager<T> {
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

impl<T> Page<T> {
    /// Where in the list the page begins.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Whether these rows are not the page that was asked for but the whole list, of a server that knows no paging.
    pub fn is_whole_list(&self, rows: u64) -> bool {
        rows > self.asked || !self.paged
    }

    /// The text, or what was made of it.
    pub fn into_content(self) -> T {
        self.content
    }
}

impl Page {
    /// Calls `visit` with each row of the page.
    pub fn for_each(&self, arena: &mut Arena, visit: impl FnMut(Row<'_, '_>)) -> Result<(), XmlError> {
        each_row(&self.content, arena, visit)
    }
}

fn window(request: &Get, start: u64, size: u64) -> Get {
    // Newer servers answer 400 to one of the two alone.
    request.clone().with("X-Plex-Container-Start", start.to_string()).with("X-Plex-Container-Size", size.to_string())
}

fn number(document: &Document<'_>, name: &str) -> Option<u64> {
    document.attribute(name)?.parse().ok()
}
