//! The job of an export: page by page from Plex into the file, with caps, progress and a sure end.

use super::{
    ExportError,
    directory::Pending,
    name::ExportName,
    writer::{JsonArrayWriter, Written},
};
use crate::{
    guard::ExportCaps,
    plex::{
        http::{Get, Plex},
        pager::{End, Page, PageCount, Pager},
        xml::{Arena, Redaction},
    },
};
use roaring::RoaringTreemap;
use std::time::Duration;

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
            Self::Summary => 4 << 10,
            Self::Full => 64 << 10,
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
    /// Its size and digest.
    pub written: Written,
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
        let (encoder, pager) = tokio::time::timeout(deadline, write).await.map_err(|_| ExportError::Cap {
            key: "max_seconds",
            limit: caps.max_seconds,
            of: "seconds",
        })??;
        let (name, written) = blocking(|| encoder.finish()).await??;
        let total = pager.total();
        // Nothing is said about the end when the list grew beyond what was cleared.
        let complete = pager.end() != Some(End::Repeated) && total.is_none_or(|total| total == written.items);
        Ok(Finished { name, total, complete, changed: pager.changed(), repeated: pager.repeated(), written })
    }

    async fn write(
        self,
        plex: Plex,
        pending: Pending,
        caps: &ExportCaps,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(Encoder, Pager), ExportError> {
        let redaction = (!caps.redact.is_empty()).then(|| Redaction::new(caps.redact.iter().map(String::as_str)));
        let mut encoder = Encoder {
            writer: JsonArrayWriter::new(pending),
            arena: Arena::default(),
            detail: self.detail,
            redaction,
            max_items: caps.max_items,
            max_bytes: caps.max_bytes,
            cleared_bytes: self.max_bytes,
        };
        let mut pager = Pager::new(plex, self.request, self.page_size, 0, self.until);
        while let Some(page) = pager.next().await? {
            let mut keys = pager.take_keys();
            let (result, keys, back) = blocking(move || (encoder.page(&page, &mut keys), keys, encoder)).await?;
            encoder = back;
            pager.return_keys(keys);
            pager.account(result?);
            progress(Progress { items: pager.received(), total: pager.total(), bytes: encoder.writer.bytes() });
        }
        Ok((encoder, pager))
    }
}

/// Runs work that keeps a processor or the disk busy where it does not hold up the protocol.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ExportError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ExportError::Write(std::io::Error::other(error)))
}

struct Encoder {
    writer: JsonArrayWriter<Pending>,
    arena: Arena,
    detail: Detail,
    redaction: Option<Redaction>,
    max_items: u64,
    max_bytes: u64,
    cleared_bytes: u64,
}

impl Encoder {
    fn page(&mut self, page: &Page, keys: &mut RoaringTreemap) -> Result<PageCount, ExportError> {
        let Self { writer, arena, detail, redaction, .. } = self;
        let redaction = redaction.as_ref();
        let mut count = PageCount::default();
        page.for_each(arena, |row| {
            count.rows += 1;
            if Pager::is_new(keys, row.attribute("ratingKey").as_deref()) {
                count.new += 1;
                writer.row(|out| match detail {
                    Detail::Summary => row.write_fields(out, &SUMMARY_FIELDS, redaction),
                    Detail::Full => row.write_full(out, redaction),
                })?;
            }
            Ok::<_, ExportError>(())
        })?;
        self.check_caps()?;
        Ok(count)
    }

    fn check_caps(&self) -> Result<(), ExportError> {
        let cap = |key, limit, of| Err(ExportError::Cap { key, limit, of });
        if self.writer.items() > self.max_items {
            return cap("max_items", self.max_items, "items");
        }
        if self.writer.bytes() > self.max_bytes {
            return cap("max_bytes", self.max_bytes, "bytes");
        }
        if self.writer.bytes() > self.cleared_bytes {
            return cap("max_bytes", self.cleared_bytes, "bytes, which is what this export reserved");
        }
        self.writer.file().check_room()
    }

    fn finish(self) -> Result<(ExportName, Written), ExportError> {
        let (pending, written) = self.writer.finish()?;
        Ok((pending.publish()?, written))
    }
}
