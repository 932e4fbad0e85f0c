//! A list read to its end, row by row: however long it is, one page and the keys of its rows are held.

use super::{
    error::PlexError,
    http::{Get, Plex},
    pager::{PageCount, Pager},
    xml::{Arena, Row},
};
use roaring::RoaringTreemap;

/// Rows a request.
pub(super) const PAGE_ROWS: u64 = 1_000;

/// What tells the rows of a list apart.
pub type RowKey = fn(&Row<'_, '_>) -> Option<u64>;

/// The number in the `ratingKey` of an item.
pub fn rating_key(row: &Row<'_, '_>) -> Option<u64> {
    row.attribute("ratingKey")?.parse().ok()
}

/// A list on its way. A row that comes twice, because the list moved while it was read, is visited once.
pub struct Stream {
    pager: Pager,
    keys: RoaringTreemap,
    arena: Arena,
}

impl Stream {
    /// The items of a library's listing, from its beginning.
    pub fn of_items(plex: &Plex, request: Get) -> Self {
        let pager = Pager::new(plex.clone(), request, PAGE_ROWS, 0, u64::MAX);
        Self { pager, keys: RoaringTreemap::new(), arena: Arena::default() }
    }

    /// Reads one page and calls `visit` with each of its rows; false at the end.
    pub async fn page(&mut self, mut visit: impl FnMut(Row<'_, '_>) + Send) -> Result<bool, PlexError> {
        let Self { pager, keys, arena } = self;
        let Some(page) = pager.next().await? else { return Ok(false) };
        let mut count = PageCount::default();
        page.for_each(arena, |row| {
            count.rows += 1;
            if rating_key(&row).is_none_or(|key| keys.insert(key)) {
                count.new += 1;
                visit(row);
            }
        })?;
        pager.account(count);
        Ok(true)
    }

    /// Rows received so far.
    pub fn received(&self) -> u64 {
        self.pager.received()
    }

    /// How many rows there are in all, where the server says.
    pub fn total(&self) -> Option<u64> {
        self.pager.total()
    }
}
