//! Part of a list, read in as many pages as the server needs.

use super::{
    error::PlexError,
    http::{Get, Plex},
    items::decode,
    pager::{PageCount, Pager},
    stream::{RowKey, rating_key},
    xml::{Arena, Row, each_row},
};
use roaring::RoaringTreemap;
use serde::de::DeserializeOwned;

/// Rows a request where a tool asks for more; Plex answers pages of this size in well under a second.
pub(super) const PAGE_ROWS: u64 = 500;

/// Part of a list, and where it stands in the whole.
#[derive(Debug)]
pub struct Window<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many rows the whole list has, where the server says.
    pub total: Option<u64>,
    /// Where the next row is; none at the list's end.
    pub next_offset: Option<u64>,
}

impl<T> Window<T> {
    /// Cuts the window out of a list that came as a whole.
    pub fn of_whole(items: Vec<T>, offset: u64, limit: u64) -> Self {
        let total = items.len() as u64;
        let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
        let next = offset.saturating_add(limit);
        Self {
            items: items.into_iter().skip(at(offset)).take(at(limit)).collect(),
            total: Some(total),
            next_offset: (next < total).then_some(next),
        }
    }
}

/// How a list is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// The most rows that are asked for at once.
    pub(super) page_rows: u64,
    /// What tells its rows apart.
    pub(super) key: RowKey,
}

impl Plex {
    /// All rows of an answer that is never long enough to be paged.
    pub async fn rows<T: DeserializeOwned>(&self, request: &Get) -> Result<Vec<T>, PlexError> {
        let text = self.get(request).await?;
        let (mut rows, mut buffer) = (Vec::new(), Vec::new());
        each_row(&text, &mut Arena::default(), |row| rows.extend(decode(row, &mut buffer)))?;
        Ok(rows)
    }

    /// Up to `limit` items of a list from `offset` on.
    pub async fn window<T: DeserializeOwned + Send>(
        &self,
        request: Get,
        offset: u64,
        limit: u64,
    ) -> Result<Window<T>, PlexError> {
        self.window_by(Reading { page_rows: PAGE_ROWS, key: rating_key }, request, offset, limit).await
    }

    /// The same of a list that is read in another way.
    pub(super) async fn window_by<T: DeserializeOwned + Send>(
        &self,
        reading: Reading,
        request: Get,
        offset: u64,
        limit: u64,
    ) -> Result<Window<T>, PlexError> {
        let mut buffer = Vec::new();
        self.window_of(reading, request, offset, limit, |row| decode(row, &mut buffer)).await
    }

    /// The same of rows that `read` reads.
    pub(super) async fn window_of<T: Send>(
        &self,
        Reading { page_rows, key }: Reading,
        request: Get,
        offset: u64,
        limit: u64,
        mut read: impl FnMut(Row<'_, '_>) -> Option<T> + Send,
    ) -> Result<Window<T>, PlexError> {
        let size = limit.min(page_rows);
        let mut pager = Pager::new(self.clone(), request, size, offset, offset.saturating_add(limit));
        let mut keys = RoaringTreemap::new();
        let mut items = Vec::new();
        let mut arena = Arena::default();
        while let Some(page) = pager.next().await? {
            let mut count = PageCount::default();
            page.for_each(&mut arena, |row| {
                count.rows += 1;
                if key(&row).is_none_or(|key| keys.insert(key)) {
                    count.new += 1;
                    items.extend(read(row));
                }
            })?;
            if page.start() == offset && page.is_whole_list(count.rows) {
                return Ok(Window::of_whole(items, offset, limit));
            }
            pager.account(count);
        }
        items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next = offset + pager.received().min(limit);
        let more = pager.end().is_none() || pager.total().is_some_and(|total| next < total);
        Ok(Window { items, total: pager.total(), next_offset: (more && next > offset).then_some(next) })
    }
}
