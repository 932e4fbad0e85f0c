//! The job of an export: page by page from Plex into the file, with caps, progress and a sure end.

pub use super::encoder::Identity;
use super::{
    ExportError,
    directory::{Cut, Pending},
    encoder::Encoder,
    layout::{Detail, Layout},
    name::ExportName,
    source::{Batch, Behind, Details},
    writer::HashedFile,
};
use crate::{
    guard::ExportCaps,
    plex::{
        error::PlexError,
        http::{Get, Plex},
        pager::{End, Page, Pager},
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
use tokio::task::JoinHandle;

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
        let written = written.unwrap_or(Err(ExportError::cap("max_seconds", caps.max_seconds)));
        if let Err(error) = written {
            run.end_early(&error).await;
            return Err(error);
        }
        run.publish().await
    }
}

/// An export under way.
struct Run<'c, P> {
    job: Job,
    plex: Plex,
    caps: &'c ExportCaps,
    progress: P,
    pager: Pager,
    /// Away while a page is being encoded.
    encoder: Option<Box<Encoder>>,
    writing: Writing,
    without_details: u64,
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
        let mut pager = Pager::new(plex.clone(), job.request.clone(), job.page_size, 0, job.until);
        let (mut file, mut resumed) = (None, 0);
        if let Some(from) = pending.take_resumed() {
            if still_there(&plex, &job, &from.cut).await? {
                resumed = from.cut.items;
                pager = pager.resume(from.cut.position, from.keys);
                file = Some(from.hashed);
            } else {
                pending.begin_anew()?;
            }
        }
        let encoder = Box::new(Encoder::new(&job.layout, job.identity, resumed));
        let file = match file {
            Some(hashed) => HashedFile::after(pending, hashed),
            None => HashedFile::new(pending),
        };
        let writing = Writing::Idle(Box::new((file, Vec::new())));
        let kept_at = Instant::now();
        let encoder = Some(encoder);
        Ok(Self { job, plex, caps, progress, pager, encoder, writing, without_details: 0, resumed, kept_at })
    }

    async fn write(&mut self) -> Result<(), ExportError> {
        match self.job.layout.detail {
            Detail::Summary | Detail::Full => self.write_listing().await?,
            Detail::Deep => self.write_details().await?,
        }
        self.encoder()?.rows.end();
        self.hand_on().await?;
        self.hand_on().await
    }

    async fn write_listing(&mut self) -> Result<(), ExportError> {
        while let Some(page) = self.pager.next().await? {
            let Some((_, count)) = self.work_on(page, Encoder::page).await? else { continue };
            self.pager.account(count);
            self.hand_on().await?;
            if self.is_due() {
                let behind = self.behind()?;
                let keys = self.keep(behind).await?;
                self.pager.return_keys(keys);
            }
        }
        Ok(())
    }

    async fn write_details(&mut self) -> Result<(), ExportError> {
        let mut details = Details::new(self.plex.clone());
        loop {
            while details.wants_more() {
                let Some(page) = self.pager.next().await? else { break };
                let Some((page, (count, picked))) = self.work_on(page, Encoder::pick).await? else { continue };
                self.pager.account(count);
                let mut behind = None;
                if self.job.subject.is_some() {
                    let now = self.behind()?;
                    self.pager.return_keys(now.keys.clone());
                    behind = Some(now);
                }
                details.add(page, &picked, behind);
            }
            let Some(mut batch) = details.next().await? else { return Ok(()) };
            let mut written = self.write_batch(&mut batch).await?;
            if written.is_err() {
                // An answer that can't be read: the others are saved from it.
                details.ask_again(&mut batch).await?;
                written = self.write_batch(&mut batch).await?;
            }
            self.without_details += written?;
            self.hand_on().await?;
            if let Some(behind) = batch.take_behind().filter(|_| self.is_due()) {
                self.keep(behind).await?;
            }
        }
    }

    async fn write_batch(&mut self, batch: &mut Batch) -> Result<Result<u64, XmlError>, ExportError> {
        let (page, wanted, texts) = batch.parts();
        let mut encoder = self.encoder.take().ok_or(ExportError::GivenUp)?;
        let (encoder, texts, written) = blocking({
            let wanted = Arc::clone(&wanted);
            move || {
                let written = encoder.details(&page, &wanted, &texts);
                (encoder, texts, written)
            }
        })
        .await?;
        drop(texts);
        self.encoder = Some(encoder);
        Ok(written)
    }

    /// Has a page worked on elsewhere; none where it can't be read and is to be asked for again.
    async fn work_on<T: Send + 'static>(
        &mut self,
        page: Page,
        work: impl FnOnce(&mut Encoder, &Page, &mut RoaringTreemap) -> Result<T, XmlError> + Send + 'static,
    ) -> Result<Option<(Page, T)>, ExportError> {
        let mut keys = self.pager.take_keys();
        let mut encoder = self.encoder.take().ok_or(ExportError::GivenUp)?;
        let (page, keys, encoder, result) = blocking(move || {
            let result = work(&mut encoder, &page, &mut keys);
            (page, keys, encoder, result)
        })
        .await?;
        self.encoder = Some(encoder);
        self.pager.return_keys(keys);
        match result {
            Ok(result) => Ok(Some((page, result))),
            Err(error) => {
                self.pager.retreat(PlexError::from(error))?;
                Ok(None)
            }
        }
    }

    /// Where the listing is to be read on; takes the pager's keys.
    fn behind(&mut self) -> Result<Behind, ExportError> {
        let last = self.encoder()?.last;
        Ok(Behind { position: self.pager.position(), last, keys: self.pager.take_keys() })
    }

    /// Checks the caps, tells how far it is, and has what was gathered written while the next page is worked on.
    async fn hand_on(&mut self) -> Result<(), ExportError> {
        let writing = std::mem::replace(&mut self.writing, Writing::Gone);
        let (file, spare) = writing.wait().await?;
        let encoder = self.encoder()?;
        let items = encoder.rows.items();
        let piece = encoder.rows.take(spare);
        let checked = self.check_caps(items, &file);
        (self.progress)(Progress { items, total: self.pager.total(), bytes: file.bytes() });
        self.writing = match checked {
            Ok(()) => Writing::start(file, piece),
            Err(error) => {
                self.writing = Writing::Idle(Box::new((file, piece)));
                return Err(error);
            }
        };
        Ok(())
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

    fn encoder(&mut self) -> Result<&mut Encoder, ExportError> {
        // It is away only while a page is worked on, which is waited for.
        self.encoder.as_deref_mut().ok_or(ExportError::GivenUp)
    }

    fn is_due(&self) -> bool {
        self.job.subject.is_some() && self.kept_at.elapsed() >= KEEP_INTERVAL
    }

    /// Keeps how far it is, once all of that is written.
    async fn keep(&mut self, behind: Behind) -> Result<RoaringTreemap, ExportError> {
        let Behind { position, last, keys } = behind;
        let writing = std::mem::replace(&mut self.writing, Writing::Gone);
        let (mut file, spare) = writing.wait().await?;
        let items = self.encoder()?.rows.items();
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
        self.writing = Writing::Idle(Box::new((file, spare)));
        self.kept_at = Instant::now();
        Ok(keys)
    }

    /// Forgets what was kept, unless going on may bring it to its end.
    async fn end_early(&mut self, error: &ExportError) {
        if error.is_passing() {
            return;
        }
        let writing = std::mem::replace(&mut self.writing, Writing::Gone);
        if let Ok((mut file, _)) = writing.wait().await {
            file.file_mut().forget();
        }
    }

    async fn publish(mut self) -> Result<Finished, ExportError> {
        let writing = std::mem::replace(&mut self.writing, Writing::Gone);
        let (file, _) = writing.wait().await?;
        let (items, unmet) = (self.encoder()?.rows.items(), self.encoder()?.unmet());
        let bytes = file.bytes();
        // The disk may take its time, and the call be given up meanwhile: then there is to be no file.
        let given_up = GivenUp::default();
        let seen = Arc::clone(&given_up.0);
        let (name, sha256) = blocking(move || {
            let (pending, sha256) = file.finish();
            Ok::<_, ExportError>((pending.publish(&seen)?, sha256))
        })
        .await??;
        let pager = &self.pager;
        let total = pager.total();
        // A list that changed meanwhile may have moved a row past the pages that were still to come, whatever the counts say.
        let complete =
            pager.end() != Some(End::Repeated) && !pager.changed() && total.is_none_or(|total| total == items);
        Ok(Finished {
            name,
            items,
            bytes,
            sha256,
            total,
            complete,
            changed: pager.changed(),
            repeated: pager.repeated(),
            without_details: self.without_details,
            unmet: if self.job.layout.fields.is_empty() { Vec::new() } else { unmet },
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
        Ok::<_, XmlError>(())
    })?;
    Ok(pager.total() == cut.position.total && found.is_some() && found == cut.last)
}

/// The file, and whether a piece of it is being written. The second part is a buffer to use again.
enum Writing {
    Idle(Box<(HashedFile<Pending>, Vec<u8>)>),
    Busy(JoinHandle<io::Result<(HashedFile<Pending>, Vec<u8>)>>),
    /// In other hands.
    Gone,
}

impl Writing {
    fn start(mut file: HashedFile<Pending>, piece: Vec<u8>) -> Self {
        Self::Busy(tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| (file, piece))))
    }

    async fn wait(self) -> Result<(HashedFile<Pending>, Vec<u8>), ExportError> {
        match self {
            Self::Idle(idle) => Ok(*idle),
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

/// Runs work that keeps a processor or the disk busy where it does not hold up the protocol.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ExportError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ExportError::Write(io::Error::other(error)))
}
