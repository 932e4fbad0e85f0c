//! From Plex's rows to the text of an export, on threads of its own: several pages may be in work at once.

use super::{layout::Layout, writer::Format};
use crate::plex::{
    csv::{Cells, Columns},
    pager::{PageCount, Spare},
    selection::{Paths, Selection},
    xml::{Arena, Row, XmlError, each_row},
};
use roaring::RoaringTreemap;
use std::{collections::HashMap, mem};

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
    format: Format,
    shape: Shape,
    identity: Identity,
    /// What those who are not at work have left for the next.
    desks: Spare<Desk>,
    /// Texts that are written.
    texts: Spare<Vec<u8>>,
}

enum Shape {
    Object(Selection),
    Line(Columns),
}

/// What one thread works with, used again from page to page.
#[derive(Default)]
struct Desk {
    arena: Arena,
    cells: Cells,
    /// Rows of a batch before they are in order.
    text: Vec<u8>,
}

/// Rows as they stand in the file.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    text: Vec<u8>,
    /// Of each row its number, and where it ends.
    rows: Vec<(Option<u64>, usize)>,
}

/// A page of a listing, whose rows' details are still to be asked for.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) page: Listing,
    pub(super) rows: Vec<Wanted>,
}

/// The text of a page of a listing, whose room is used again when nobody needs it any more.
#[derive(Debug)]
pub(super) struct Listing {
    text: String,
    spare: Spare,
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.spare.put(mem::take(&mut self.text));
    }
}

/// A row of a listing whose details are asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Its place on its page.
    at: u64,
    /// The item; none where the row has no key to ask by.
    pub(super) key: Option<u64>,
    /// What tells it apart.
    pub(super) number: Option<u64>,
    /// The entry of a playlist that it is.
    entry: Option<String>,
}

/// The rows of a batch, with their details.
pub(super) struct Detailed {
    pub(super) text: Vec<u8>,
    pub(super) items: u64,
    /// Those of them that are as the listing has them.
    pub(super) without_details: u64,
}

impl Encoder {
    pub(super) fn new(layout: &Layout, identity: Identity) -> Self {
        let shape = match layout.format {
            Format::Csv => Shape::Line(layout.columns()),
            Format::Json | Format::Ndjson => Shape::Object(layout.selection()),
        };
        Self { format: layout.format, shape, identity, desks: Spare::default(), texts: Spare::default() }
    }

    /// What stands in the file before the first row; for JSON that is written with it.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        if let Shape::Line(columns) = &self.shape {
            columns.write_header(&mut head);
        }
        head
    }

    /// The fields that were chosen and that no row had.
    pub(super) fn unmet(&self) -> Vec<String> {
        match &self.shape {
            Shape::Object(selection) => selection.keep.as_ref().map(Paths::unmet).unwrap_or_default(),
            Shape::Line(columns) => columns.unmet(),
        }
    }

    /// Writes the rows of a page.
    pub(super) fn page(&self, page: &str) -> Result<Encoded, XmlError> {
        let mut text = self.texts.take();
        text.clear();
        if matches!(&self.shape, Shape::Object(selection) if selection.keep.is_none()) {
            // JSON is about as long as XML. A buffer that grew to it would leave holes in the heap.
            text.reserve_exact(page.len() + page.len() / 8);
        }
        let mut desk = self.desks.take();
        let Desk { arena, cells, .. } = &mut desk;
        let mut rows = Vec::new();
        let read = each_row(page, arena, |row| {
            self.write(&mut text, cells, &row, None);
            rows.push((self.identity.of(&row), text.len()));
        });
        self.desks.put(desk);
        read.map(|()| Encoded { text, rows })
    }

    /// Lists the rows of a page, and keeps it.
    pub(super) fn list(&self, text: &mut String, spare: &Spare) -> Result<Listed, XmlError> {
        let mut desk = self.desks.take();
        let mut rows = Vec::new();
        let read = each_row(text, &mut desk.arena, |row| {
            rows.push(Wanted {
                at: rows.len() as u64,
                key: row.attribute("ratingKey").and_then(|key| key.parse().ok()),
                number: self.identity.of(&row),
                entry: row.attribute(ENTRY).map(Into::into),
            });
        });
        self.desks.put(desk);
        read.map(|()| Listed { page: Listing { text: mem::take(text), spare: spare.clone() }, rows })
    }

    /// Writes the rows that are wanted of a page, in its order, with their details; those of which there are none as the
    /// listing has them.
    pub(super) fn details(&self, page: &Listing, wanted: &[Wanted], answers: &[String]) -> Result<Detailed, XmlError> {
        let mut desk = self.desks.take();
        let detailed = self.write_details(&mut desk, &page.text, wanted, answers);
        self.desks.put(desk);
        detailed
    }

    fn write_details(
        &self,
        Desk { arena, cells, text }: &mut Desk,
        page: &str,
        wanted: &[Wanted],
        answers: &[String],
    ) -> Result<Detailed, XmlError> {
        text.clear();
        let mut places = vec![None; wanted.len()];
        let mut by_key: HashMap<u64, Vec<usize>> = HashMap::new();
        for (n, wanted) in wanted.iter().enumerate() {
            if let Some(key) = wanted.key {
                by_key.entry(key).or_default().push(n);
            }
        }
        let mut write = |n: usize, row: &Row<'_, '_>, first: Option<(&str, &str)>| {
            let begin = text.len();
            self.write(text, cells, row, first);
            if let Some(place) = places.get_mut(n) {
                *place = Some(begin..text.len());
            }
        };
        for answer in answers {
            each_row(answer, arena, |row| {
                let key = row.attribute("ratingKey").and_then(|key| key.parse::<u64>().ok());
                // What was not asked for, or comes twice, is not written.
                for n in key.and_then(|key| by_key.remove(&key)).unwrap_or_default() {
                    let entry = wanted.get(n).and_then(|wanted| wanted.entry.as_deref());
                    write(n, &row, entry.map(|entry| (ENTRY, entry)));
                }
            })?;
        }
        let mut missing: HashMap<u64, usize> = by_key
            .into_values()
            .flatten()
            .chain((0..wanted.len()).filter(|n| wanted.get(*n).is_some_and(|wanted| wanted.key.is_none())))
            .filter_map(|n| Some((wanted.get(n)?.at, n)))
            .collect();
        let without_details = missing.len() as u64;
        if without_details > 0 {
            let mut at = 0;
            each_row(page, arena, |row| {
                if let Some(n) = missing.remove(&at) {
                    write(n, &row, None);
                }
                at += 1;
            })?;
        }
        let places: Vec<_> = places.into_iter().flatten().collect();
        let items = places.len() as u64;
        let mut ordered = self.texts.take();
        ordered.clear();
        // Servers answer in the order of the keys, so that mostly nothing has to be moved.
        if places.is_sorted_by_key(|place| place.start) {
            mem::swap(&mut ordered, text);
        } else {
            places.into_iter().filter_map(|place| text.get(place)).for_each(|row| ordered.extend_from_slice(row));
        }
        Ok(Detailed { text: ordered, items, without_details })
    }

    /// Appends a row and what parts it from the next.
    fn write(&self, text: &mut Vec<u8>, cells: &mut Cells, row: &Row<'_, '_>, first: Option<(&str, &str)>) {
        self.format.write_row(text, |text| match &self.shape {
            Shape::Object(selection) => row.write_selected(text, selection, first),
            Shape::Line(columns) => columns.write_row(text, cells, row, first),
        });
    }

    /// Takes a text that is written.
    pub(super) fn give_back(&self, text: Vec<u8>) {
        self.texts.put(text);
    }
}

impl Encoded {
    /// The rows whose numbers `keys` does not have yet, and the number of the last of all.
    pub(super) fn new_rows(self, keys: &mut RoaringTreemap) -> (Vec<u8>, PageCount, Option<u64>) {
        let Self { mut text, rows } = self;
        let mut count = PageCount { rows: rows.len() as u64, new: 0 };
        // From the end of what stays to the end of the row that was looked at last.
        let (mut kept, mut end) = (0, 0);
        for (number, row_end) in &rows {
            if number.is_none_or(|number| keys.insert(number)) {
                count.new += 1;
                if kept < end {
                    text.copy_within(end..*row_end, kept);
                }
                kept += row_end - end;
            }
            end = *row_end;
        }
        text.truncate(kept);
        (text, count, rows.last().and_then(|(number, _)| *number))
    }
}
