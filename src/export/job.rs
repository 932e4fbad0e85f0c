//! The job of an export: page by page from Plex into the file, with caps, progress and a sure end.

use super::{
    ExportError,
    directory::Pending,
    name::ExportName,
    writer::{HashedFile, JsonArray},
};
use crate::{
    guard::ExportCaps,
    plex::{
        http::{Get, Plex},
        pager::{End, Page, PageCount, Pager},
        redaction::Redaction,
        xml::Arena,
    },
};
use roaring::RoaringTreemap;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

/// How much of each item is written.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Detail {
    /// Key, title, year, type, guid, original title and edition.
    Summary,
    /// Every attribute and child that Plex's listing holds, external ids included.
    #[default]
    Full,
}

const SUMMARY_FIELDS: [&str; 7] = ["ratingKey", "title", "year", "type", "guid", "originalTitle", "editionTitle"];

impl Detail {
    /// More bytes than an item takes on the average in any real library: what is reserved of a limit on bytes.
    pub fn most_bytes_an_item(self) -> u64 {
        match self {
            Self::Summary => 1 << 10,
            Self::Full => 16 << 10,
        }
    }
}

/// What to export.
#[derive(Clone, Debug)]
pub struct Job {
    /// The list.
    pub request: Get,
    /// Rows a request.
    pub page_size: u64,
    /// How much of each item.
    pub detail: Detail,
    /// Rows that the list is known to have; the export ends there, so that it is never larger than what was cleared.
    pub until: u64,
    /// Bytes that were cleared.
    pub max_bytes: u64,
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
}

impl Job {
    /// Runs to the end and publishes the file. Dropping the future stops the export and leaves nothing behind.
    pub async fn run(
        self,
        plex: Plex,
        pending: Pending,
        caps: &ExportCaps,
        mut progress: impl FnMut(Progress),
    ) -> Result<Finished, ExportError> {
        let deadline = Duration::from_secs(caps.max_seconds);
        let write = self.write(plex, pending, caps, &mut progress);
        let (file, pager, items) = tokio::time::timeout(deadline, write).await.map_err(|_| ExportError::Cap {
            key: "max_seconds",
            limit: caps.max_seconds,
            of: "seconds",
        })??;
        let bytes = file.bytes();
        // The disk may take its time, and the call be given up meanwhile: then there is to be no file.
        let given_up = GivenUp::default();
        let seen = Arc::clone(&given_up.0);
        let (name, sha256) = blocking(move || {
            let (pending, sha256) = file.finish();
            Ok::<_, ExportError>((pending.publish(&seen)?, sha256))
        })
        .await??;
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
        })
    }

    /// Reads, encodes and writes at once: while a page is encoded the next ones are fetched and the last one is written.
    async fn write(
        self,
        plex: Plex,
        pending: Pending,
        caps: &ExportCaps,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(HashedFile<Pending>, Pager, u64), ExportError> {
        let redaction = (!caps.redact.is_empty()).then(|| Redaction::new(caps.redact.iter().map(String::as_str)));
        let mut encoder = Encoder { array: JsonArray::new(), arena: Arena::default(), detail: self.detail, redaction };
        let mut pager = Pager::new(plex, self.request.clone(), self.page_size, 0, self.until);
        let mut writing = Writing::Idle(Box::new((HashedFile::new(pending), Vec::new())));
        while let Some(page) = pager.next().await? {
            let mut keys = pager.take_keys();
            let (count, keys, back) = blocking(move || (encoder.page(&page, &mut keys), keys, encoder)).await?;
            encoder = back;
            pager.return_keys(keys);
            pager.account(count?);
            let (file, spare) = writing.wait().await?;
            self.check_caps(caps, encoder.array.items(), &file)?;
            progress(Progress { items: pager.received(), total: pager.total(), bytes: file.bytes() });
            writing = Writing::start(file, encoder.array.take(spare));
        }
        encoder.array.end();
        let (file, spare) = writing.wait().await?;
        let (file, _) = Writing::start(file, encoder.array.take(spare)).wait().await?;
        self.check_caps(caps, encoder.array.items(), &file)?;
        Ok((file, pager, encoder.array.items()))
    }

    fn check_caps(&self, caps: &ExportCaps, items: u64, file: &HashedFile<Pending>) -> Result<(), ExportError> {
        let cap = |key, limit, of| Err(ExportError::Cap { key, limit, of });
        if items > caps.max_items {
            return cap("max_items", caps.max_items, "items");
        }
        if file.bytes() > caps.max_bytes {
            return cap("max_bytes", caps.max_bytes, "bytes");
        }
        if file.bytes() > self.max_bytes {
            return Err(ExportError::Reserved(self.max_bytes));
        }
        file.file().check_room()
    }
}

/// The file, and whether a piece of it is being written. The second part is a buffer to use again.
enum Writing {
    Idle(Box<(HashedFile<Pending>, Vec<u8>)>),
    Busy(JoinHandle<io::Result<(HashedFile<Pending>, Vec<u8>)>>),
}

impl Writing {
    fn start(mut file: HashedFile<Pending>, piece: Vec<u8>) -> Self {
        Self::Busy(tokio::task::spawn_blocking(move || file.write(&piece).map(|()| (file, piece))))
    }

    async fn wait(self) -> Result<(HashedFile<Pending>, Vec<u8>), ExportError> {
        match self {
            Self::Idle(idle) => Ok(*idle),
            Self::Busy(task) => Ok(task.await.map_err(io::Error::other)??),
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

struct Encoder {
    array: JsonArray,
    arena: Arena,
    detail: Detail,
    redaction: Option<Redaction>,
}

impl Encoder {
    fn page(&mut self, page: &Page, keys: &mut RoaringTreemap) -> Result<PageCount, ExportError> {
        let Self { array, arena, detail, redaction } = self;
        let redaction = redaction.as_ref();
        let mut count = PageCount::default();
        page.for_each(arena, |row| {
            count.rows += 1;
            if Pager::is_new(keys, row.attribute("ratingKey").as_deref()) {
                count.new += 1;
                array.row(|out| match detail {
                    Detail::Summary => row.write_fields(out, &SUMMARY_FIELDS, redaction),
                    Detail::Full => row.write_full(out, redaction),
                });
            }
            Ok::<_, ExportError>(())
        })?;
        Ok(count)
    }
}
