//! The job of an export: page by page from Plex into the file, with caps, progress and a sure end.

pub use super::encoder::Identity;
use super::{
    ExportError, blocking,
    directory::{Cut, Pending},
    encoder::{Encoder, Listed},
    layout::{Detail, Layout},
    name::ExportName,
    source::{Behind, Details, MOST_LISTED},
    writer::{HashedFile, Rows},
};
use crate::{
    guard::ExportCaps,
    plex::{
        http::{Get, Plex},
        pager::{End, Outcome, PageCount, Pager, Position, Spare},
        xml::{Arena, XmlError},
    },
};
use roaring::RoaringTreemap;
use std::{
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::{JoinHandle, spawn_blocking};

/// How much is lost at most, in time, where an export is cut that can be gone on with.
const KEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What to export.
#[derive(Clone, Debug)]
pub struct Job {
    /// The list.
    pub request: Get,
    /// What tells its rows apart.
    pub identity: Identity,
    /// Rows a request.
    pub page_size: u64,
    /// What is written of each item, and how.
    pub layout: Layout,
    /// Rows that the list is known to have; the export ends there, so that it is never larger than what was cleared.
    pub until: u64,
    /// Bytes that were cleared.
    pub max_bytes: u64,
    /// What it is an export of, if what is written of it is kept where it is cut.
    pub subject: Option<String>,
}

/// How far an export is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows read.
    pub items: u64,
    /// Rows in all, where known.
    pub total: Option<u64>,
    /// Bytes written.
    pub bytes: u64,
}

/// A published export.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Where it is, beneath the exports directory.
    pub name: ExportName,
    /// Items in it.
    pub items: u64,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The server's last word on how many rows there are.
    pub total: Option<u64>,
    /// Whether every row that the server has is in the file.
    pub complete: bool,
    /// Whether the library changed while it was read.
    pub changed: bool,
    /// Rows that came twice and were written once.
    pub repeated: u64,
    /// Items whose details the server did not give; the file has them as the listing does.
    pub without_details: u64,
    /// Chosen fields that no item has.
    pub unmet: Vec<String>,
    /// Items that an earlier run had written, which was cut.
    pub resumed: u64,
}

impl Job {
    /// Runs to the end and publishes the file. Dropping the future stops the export and leaves nothing behind, but for what
    /// is kept to go on with.
    pub async fn run(
        self,
        plex: Plex,
        pending: Pending,
        caps: &ExportCaps,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Finished, ExportError> {
        let deadline = Duration::from_secs(caps.max_seconds);
        let mut run = Run::begin(self, plex, pending, caps, progress).await?;
        let written = tokio::time::timeout(deadline, run.write()).await;
        match written.unwrap_or(Err(ExportError::cap("max_seconds", caps.max_seconds))) {
            Ok(outcome) => run.publish(outcome).await,
            Err(error) => {
                run.end_early(&error).await;
                Err(error)
            }
        }
    }
}

/// An export under way.
struct Run<'c, P> {
    job: Job,
    plex: Plex,
    caps: &'c ExportCaps,
    progress: P,
    encoder: Arc<Encoder>,
    rows: Rows,
    /// What tells the rows apart that were read so far.
    keys: RoaringTreemap,
    writing: Writing,
    without_details: u64,
    /// Where the listing is read on, by one that was cut.
    resumed_at: Option<Position>,
    resumed: u64,
    kept_at: Instant,
}

impl<'c, P: FnMut(Progress) + Send> Run<'c, P> {
    async fn begin(
        job: Job,
        plex: Plex,
        mut pending: Pending,
        caps: &'c ExportCaps,
        progress: P,
    ) -> Result<Self, ExportError> {
        let (mut hashed, mut position, mut resumed, mut keys) = (None, None, 0, RoaringTreemap::new());
        if let Some(from) = pending.take_resumed() {
            if still_there(&plex, &job, &from.cut).await? {
                (resumed, position) = (from.cut.items, Some(from.cut.position));
                (hashed, keys) = (Some(from.hashed), from.keys);
            } else {
                pending.begin_anew()?;
            }
        }
        let encoder = Arc::new(Encoder::new(&job.layout, job.identity));
        let rows = Rows::after(job.layout.format, resumed, encoder.head());
        let file = match hashed {
            Some(hashed) => HashedFile::after(pending, hashed),
            None => HashedFile::new(pending),
        };
        Ok(Self {
            job,
            plex,
            caps,
            progress,
            encoder,
            rows,
            keys,
            writing: Writing::Idle(Box::new(file)),
            without_details: 0,
            resumed_at: position,
            resumed,
            kept_at: Instant::now(),
        })
    }

    /// Reads the list to its end, so many rows a request, with `work` done with each page.
    fn pager<T: Send + 'static>(
        &self,
        rows: u64,
        work: impl Fn(&Encoder, &mut String) -> Result<T, XmlError> + Send + Sync + 'static,
    ) -> Pager<T> {
        let (encoder, Job { request, until, .. }) = (Arc::clone(&self.encoder), &self.job);
        let work = move |text: &mut String| work(&encoder, text);
        let pager = Pager::working(self.plex.clone(), request.clone(), rows, 0, *until, work);
        match self.resumed_at {
            Some(position) => pager.resume(position),
            None => pager,
        }
    }

    async fn write(&mut self) -> Result<Outcome, ExportError> {
        let outcome = match self.job.layout.detail {
            Detail::Summary | Detail::Full => self.write_listing().await?,
            Detail::Deep => self.write_details().await?,
        };
        self.rows.end();
        self.hand_on(outcome.position.total).await?;
        self.hand_on(outcome.position.total).await?;
        Ok(outcome)
    }

    async fn write_listing(&mut self) -> Result<Outcome, ExportError> {
        let mut pager = self.pager(self.job.page_size, |encoder, text| encoder.page(text));
        while let Some(page) = pager.next().await? {
            let (rows, count, last) = page.into_content().new_rows(&mut self.keys);
            self.rows.add(rows, count.new);
            pager.account(count);
            self.hand_on(pager.total()).await?;
            if self.is_due() {
                let keys = std::mem::take(&mut self.keys);
                self.keys = self.keep(Behind { position: pager.position(), last, keys }).await?;
            }
        }
        Ok(pager.outcome())
    }

    async fn write_details(&mut self) -> Result<Outcome, ExportError> {
        let spare = Spare::default();
        let (rows, returned) = (self.job.page_size.min(MOST_LISTED), spare.clone());
        let listing = move |encoder: &Encoder, text: &mut String| encoder.list(text, &returned);
        let mut pager = self.pager(rows, listing).ahead(1).using(spare.clone());
        let mut details = Details::new(self.plex.clone(), Arc::clone(&self.encoder), spare);
        loop {
            while details.wants_more() {
                let Some(page) = pager.next().await? else { break };
                let Listed { page, mut rows } = page.into_content();
                let (all, last) = (rows.len() as u64, rows.last().and_then(|row| row.number));
                rows.retain(|row| row.number.is_none_or(|number| self.keys.insert(number)));
                pager.account(PageCount { rows: all, new: rows.len() as u64 });
                let kept = self.job.subject.is_some();
                let behind = || Behind { position: pager.position(), last, keys: self.keys.clone() };
                details.add(page, rows, kept.then(behind));
            }
            let Some((detailed, behind)) = details.next().await? else { return Ok(pager.outcome()) };
            self.without_details += detailed.without_details;
            self.rows.add(detailed.text, detailed.items);
            self.hand_on(pager.total()).await?;
            if let Some(behind) = behind.filter(|_| self.is_due()) {
                self.keep(behind).await?;
            }
        }
    }

    /// Checks the caps, tells how far it is, and has what was gathered written while more is read.
    async fn hand_on(&mut self, total: Option<u64>) -> Result<(), ExportError> {
        let file = self.written().await?;
        let items = self.rows.items();
        let checked = self.check_caps(items, &file);
        (self.progress)(Progress { items, total, bytes: file.bytes() });
        self.writing = match checked {
            Ok(()) => Writing::start(file, self.rows.take(), Arc::clone(&self.encoder)),
            Err(error) => {
                self.writing = Writing::Idle(Box::new(file));
                return Err(error);
            }
        };
        Ok(())
    }

    /// The file, once all that was handed on is written.
    async fn written(&mut self) -> Result<HashedFile<Pending>, ExportError> {
        std::mem::replace(&mut self.writing, Writing::Gone).wait().await
    }

    fn check_caps(&self, items: u64, file: &HashedFile<Pending>) -> Result<(), ExportError> {
        if items > self.caps.max_items {
            return Err(ExportError::cap("max_items", self.caps.max_items));
        }
        if file.bytes() > self.caps.max_bytes {
            return Err(ExportError::cap("max_bytes", self.caps.max_bytes));
        }
        if file.bytes() > self.job.max_bytes {
            return Err(ExportError::Reserved(self.job.max_bytes));
        }
        file.file().check_room(file.bytes())
    }

    fn is_due(&self) -> bool {
        self.job.subject.is_some() && self.kept_at.elapsed() >= KEEP_INTERVAL
    }

    /// Keeps how far it is, once all of that is written.
    async fn keep(&mut self, behind: Behind) -> Result<RoaringTreemap, ExportError> {
        let Behind { position, last, keys } = behind;
        let mut file = self.written().await?;
        let items = self.rows.items();
        let subject = self.job.subject.clone().unwrap_or_default();
        let (file, keys) = blocking(move || {
            let cut = Cut { subject, items, position, last };
            let written = (file.bytes(), file.digest());
            if let Err(error) = file.file_mut().keep(written, cut, &keys) {
                tracing::warn!(%error, "how far the export is could not be kept; if it is cut it begins anew");
            }
            (file, keys)
        })
        .await?;
        self.writing = Writing::Idle(Box::new(file));
        self.kept_at = Instant::now();
        Ok(keys)
    }

    /// Forgets what was kept, unless going on may bring it to its end.
    async fn end_early(&mut self, error: &ExportError) {
        if error.is_passing() {
            return;
        }
        if let Ok(mut file) = self.written().await {
            file.file_mut().forget();
        }
    }

    async fn publish(mut self, outcome: Outcome) -> Result<Finished, ExportError> {
        let file = self.written().await?;
        let (items, bytes) = (self.rows.items(), file.bytes());
        // The disk may take its time, and the call be given up meanwhile: then there is to be no file.
        let given_up = GivenUp::default();
        let seen = Arc::clone(&given_up.0);
        let (name, sha256) = blocking(move || {
            let (pending, sha256) = file.finish();
            Ok::<_, ExportError>((pending.publish(&seen)?, sha256))
        })
        .await??;
        let Outcome { position, end, changed } = outcome;
        // A list that changed meanwhile may have moved a row past the pages that were still to come, whatever the counts say.
        let complete = end != Some(End::Repeated) && !changed && position.total.is_none_or(|total| total == items);
        Ok(Finished {
            name,
            items,
            bytes,
            sha256,
            total: position.total,
            complete,
            changed,
            repeated: position.repeated,
            without_details: self.without_details,
            unmet: if self.job.layout.fields.is_empty() { Vec::new() } else { self.encoder.unmet() },
            resumed: self.resumed,
        })
    }
}

/// Whether the list is still the one that the first rows of a cut export were read from: as long, and with the same row where
/// reading stopped.
async fn still_there(plex: &Plex, job: &Job, cut: &Cut) -> Result<bool, ExportError> {
    let Some(before) = cut.position.start.checked_sub(1) else { return Ok(false) };
    let mut pager = Pager::new(plex.clone(), job.request.clone(), 1, before, cut.position.start);
    let Some(page) = pager.next().await? else { return Ok(false) };
    let mut found = None;
    page.for_each(&mut Arena::default(), |row| {
        found = found.or(job.identity.of(&row));
    })?;
    Ok(pager.total() == cut.position.total && found.is_some() && found == cut.last)
}

/// The file, and whether a piece of it is being written.
enum Writing {
    Idle(Box<HashedFile<Pending>>),
    Busy(JoinHandle<io::Result<HashedFile<Pending>>>),
    /// In other hands.
    Gone,
}

impl Writing {
    fn start(mut file: HashedFile<Pending>, piece: Vec<u8>, encoder: Arc<Encoder>) -> Self {
        Self::Busy(spawn_blocking(move || {
            file.write_all(&piece)?;
            encoder.give_back(piece);
            Ok(file)
        }))
    }

    async fn wait(self) -> Result<HashedFile<Pending>, ExportError> {
        match self {
            Self::Idle(file) => Ok(*file),
            Self::Busy(task) => Ok(task.await.map_err(io::Error::other)??),
            Self::Gone => Err(ExportError::GivenUp),
        }
    }
}

/// Set when the future that holds it is dropped.
#[derive(Default)]
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
