//! From Plex's rows to the text of an export, on a thread of its own.

use super::{
    layout::Layout,
    writer::{Format, Rows},
};
use crate::plex::{
    csv::Columns,
    pager::{Page, PageCount},
    selection::{Paths, Selection},
    xml::{Arena, Document, Row, XmlError},
};
use roaring::RoaringTreemap;
use std::collections::HashMap;

/// What tells the rows of a list apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Identity {
    /// The item: a library and a collection hold each once.
    #[default]
    Item,
    /// The entry of a playlist, which may hold an item many times.
    Entry,
}

const ENTRY: &str = "playlistItemID";

impl Identity {
    /// The number of a row; rows without one are never taken for twins.
    pub(super) fn of(self, row: &Row<'_, '_>) -> Option<u64> {
        let entry = match self {
            Self::Item => None,
            Self::Entry => row.attribute(ENTRY),
        };
        // A smart playlist's rows are no entries.
        entry.or_else(|| row.attribute("ratingKey"))?.parse().ok()
    }
}

/// Writes rows as a layout says.
pub(super) struct Encoder {
    pub(super) rows: Rows,
    shape: Shape,
    identity: Identity,
    arena: Arena,
    /// Rows of a batch before they are in order.
    scratch: Vec<u8>,
    /// The number of the last row of the last page.
    pub(super) last: Option<u64>,
}

enum Shape {
    Object(Selection),
    Line(Columns),
}

impl Shape {
    fn write(&mut self, out: &mut Vec<u8>, row: &Row<'_, '_>, first: Option<(&str, &str)>) {
        match self {
            Self::Object(selection) => row.write_selected(out, selection, first),
            Self::Line(columns) => columns.write_row(out, row, first),
        }
    }
}

/// A new row of a listing whose details are asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Its place on its page.
    at: u64,
    /// The item; none where the row has no key to ask by.
    pub(super) key: Option<u64>,
    /// The entry of a playlist that it is.
    entry: Option<String>,
}

impl Encoder {
    /// An encoder that goes on after so many items.
    pub(super) fn new(layout: &Layout, identity: Identity, after: u64) -> Self {
        let mut rows = Rows::after(layout.format, after);
        let shape = if layout.format == Format::Csv {
            let columns = layout.columns();
            if after == 0 {
                rows.head(|out| columns.write_header(out));
            }
            Shape::Line(columns)
        } else {
            Shape::Object(layout.selection())
        };
        Self { rows, shape, identity, arena: Arena::default(), scratch: Vec::new(), last: None }
    }

    /// The fields that were chosen and that no row had.
    pub(super) fn unmet(&self) -> Vec<String> {
        match &self.shape {
            Shape::Object(selection) => selection.keep.as_ref().map(Paths::unmet).unwrap_or_default(),
            Shape::Line(columns) => columns.unmet(),
        }
    }

    /// Writes the new rows of a page. Of a page that can't be read to its end nothing is kept.
    pub(super) fn page(&mut self, page: &Page, keys: &mut RoaringTreemap) -> Result<PageCount, XmlError> {
        let Self { rows, shape, identity, arena, last, .. } = self;
        let mark = rows.mark();
        let mut seen = Seen::new(keys);
        let read = page.for_each(arena, |row| {
            if seen.is_new(identity.of(&row)) {
                rows.row(|out| shape.write(out, &row, None));
            }
            Ok::<_, XmlError>(())
        });
        seen.end(read, last).inspect_err(|_| rows.back_to(mark))
    }

    /// Picks the new rows of a page.
    pub(super) fn pick(
        &mut self,
        page: &Page,
        keys: &mut RoaringTreemap,
    ) -> Result<(PageCount, Vec<Wanted>), XmlError> {
        let Self { identity, arena, last, .. } = self;
        let mut picked = Vec::new();
        let mut seen = Seen::new(keys);
        let read = page.for_each(arena, |row| {
            let at = seen.count.rows;
            if seen.is_new(identity.of(&row)) {
                let key = row.attribute("ratingKey").and_then(|key| key.parse().ok());
                picked.push(Wanted { at, key, entry: row.attribute(ENTRY).map(Into::into) });
            }
            Ok::<_, XmlError>(())
        });
        Ok((seen.end(read, last)?, picked))
    }

    /// Writes the rows that are wanted of a page, in its order, with their details; those of which there are none as the
    /// listing has them. Returns how many these are.
    pub(super) fn details(&mut self, page: &Page, wanted: &[Wanted], texts: &[String]) -> Result<u64, XmlError> {
        let Self { rows, shape, arena, scratch, .. } = self;
        scratch.clear();
        let mut places = vec![None; wanted.len()];
        let mut by_key: HashMap<u64, Vec<usize>> = HashMap::new();
        for (n, wanted) in wanted.iter().enumerate() {
            if let Some(key) = wanted.key {
                by_key.entry(key).or_default().push(n);
            }
        }
        let mut write = |n: usize, row: &Row<'_, '_>, first: Option<(&str, &str)>| {
            let begin = scratch.len();
            shape.write(scratch, row, first);
            if let Some(place) = places.get_mut(n) {
                *place = Some(begin..scratch.len());
            }
        };
        for text in texts {
            let mut document = Document::open(text)?;
            while let Some(row) = document.next_row(arena)? {
                let key = row.attribute("ratingKey").and_then(|key| key.parse::<u64>().ok());
                // What was not asked for, or comes twice, is not written.
                for n in key.and_then(|key| by_key.remove(&key)).unwrap_or_default() {
                    let entry = wanted.get(n).and_then(|wanted| wanted.entry.as_deref());
                    write(n, &row, entry.map(|entry| (ENTRY, entry)));
                }
            }
        }
        let mut missing: HashMap<u64, usize> = by_key
            .into_values()
            .flatten()
            .chain((0..wanted.len()).filter(|n| wanted.get(*n).is_some_and(|wanted| wanted.key.is_none())))
            .filter_map(|n| Some((wanted.get(n)?.at, n)))
            .collect();
        let lacking = missing.len() as u64;
        if lacking > 0 {
            let mut at = 0;
            page.for_each(arena, |row| {
                if let Some(n) = missing.remove(&at) {
                    write(n, &row, None);
                }
                at += 1;
                Ok::<_, XmlError>(())
            })?;
        }
        for place in places.into_iter().flatten() {
            rows.row(|out| out.extend_from_slice(scratch.get(place).unwrap_or_default()));
        }
        Ok(lacking)
    }
}

/// Which rows of a page are new; what it learns is forgotten again if the page turns out to be unreadable.
struct Seen<'k> {
    keys: &'k mut RoaringTreemap,
    added: Vec<u64>,
    last: Option<u64>,
    count: PageCount,
}

impl<'k> Seen<'k> {
    fn new(keys: &'k mut RoaringTreemap) -> Self {
        Self { keys, added: Vec::new(), last: None, count: PageCount::default() }
    }

    fn is_new(&mut self, key: Option<u64>) -> bool {
        self.count.rows += 1;
        self.last = key;
        let new = key.is_none_or(|key| {
            let new = self.keys.insert(key);
            if new {
                self.added.push(key);
            }
            new
        });
        self.count.new += u64::from(new);
        new
    }

    fn end(self, read: Result<(), XmlError>, last: &mut Option<u64>) -> Result<PageCount, XmlError> {
        if let Err(error) = read {
            for key in self.added {
                self.keys.remove(key);
            }
            return Err(error);
        }
        *last = self.last;
        Ok(self.count)
    }
}
