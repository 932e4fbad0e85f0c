//! Rows as lines of CSV (RFC 4180: commas, quotation marks doubled, CR LF), in UTF-8.
//!
//! A cell holds one value, several joined by `; `, or JSON where the values have parts. A cell that a spreadsheet would run as
//! a formula begins with an apostrophe, which spreadsheets don't show.

use super::{
    attributes::resolve,
    iso,
    json::literal,
    selection::{Paths, Shape},
    xml::Row,
};
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

/// Between the values of one cell.
const JOIN: &str = "; ";

/// The columns of a file.
#[derive(Debug)]
pub struct Columns {
    all: Vec<Column>,
    wanted: Wanted,
    hide: Option<Paths>,
}

/// The texts of a row's cells, used again from row to row.
#[derive(Debug, Default)]
pub struct Cells(Vec<String>);

#[derive(Debug)]
struct Column {
    /// As it was asked for, and as it stands in the first line.
    path: String,
    /// Whether a row had something to write there.
    met: AtomicBool,
}

/// What the columns want of an element, so that each is looked at once.
#[derive(Debug, Default)]
struct Wanted {
    /// The columns that show an attribute, by its name; and those of them that show it as a date.
    attributes: HashMap<String, Vec<(usize, bool)>>,
    /// The columns that show what is here under a name, be it an attribute or children.
    values: Vec<(String, usize)>,
    /// What they want of its children, by their name.
    children: Vec<(String, Wanted)>,
}

impl Wanted {
    fn add(&mut self, path: &str, column: usize) {
        if let Some((child, rest)) = path.split_once('.') {
            let at = self.children.iter().position(|(name, _)| name == child).unwrap_or_else(|| {
                self.children.push((child.to_owned(), Self::default()));
                self.children.len() - 1
            });
            if let Some((_, child)) = self.children.get_mut(at) {
                child.add(rest, column);
            }
            return;
        }
        let date = iso::date_of(path);
        self.attributes.entry(date.unwrap_or(path).to_owned()).or_default().push((column, date.is_some()));
        if date.is_none() {
            self.values.push((path.to_owned(), column));
        }
    }
}

impl Columns {
    /// Columns for these paths, in their order, but for those that `hide` names.
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p str>, hide: Option<Paths>) -> Self {
        let hidden = |path: &str| hide.as_ref().is_some_and(|hide| hides(hide, path));
        let (mut all, mut wanted) = (Vec::new(), Wanted::default());
        for path in paths.into_iter().filter(|path| !hidden(path)) {
            wanted.add(path, all.len());
            all.push(Column { path: path.to_owned(), met: AtomicBool::new(false) });
        }
        Self { all, wanted, hide }
    }

    /// Appends the first line: the columns' names.
    pub fn write_header(&self, out: &mut Vec<u8>) {
        write_line(out, self.all.iter().map(|column| column.path.as_str()));
    }

    /// Appends a row, and `first` as if it were one of the row's attributes.
    pub fn write_row(&self, out: &mut Vec<u8>, cells: &mut Cells, row: &Row<'_, '_>, first: Option<(&str, &str)>) {
        let (Self { all, wanted, hide }, Cells(cells)) = (self, cells);
        cells.iter_mut().for_each(String::clear);
        cells.resize_with(all.len(), String::new);
        gather(row, wanted, Shape::of_redaction(hide.as_ref()), cells);
        for (column, cell) in all.iter().zip(cells.iter_mut()) {
            if let Some((_, value)) = first.filter(|(name, _)| *name == column.path) {
                cell.clear();
                cell.push_str(value);
            }
            if !cell.is_empty() && !column.met.load(Ordering::Relaxed) {
                column.met.store(true, Ordering::Relaxed);
            }
        }
        write_line(out, cells.iter().map(String::as_str));
    }

    /// The columns that no row filled so far.
    pub fn unmet(&self) -> Vec<String> {
        self.all.iter().filter(|column| !column.met.load(Ordering::Relaxed)).map(|column| column.path.clone()).collect()
    }
}

/// Whether the path, or something that it lies in, is hidden.
fn hides(hide: &Paths, path: &str) -> bool {
    match path.split_once('.') {
        None => hide.names(path) || iso::date_of(path).is_some_and(|date| hide.names(date)),
        Some((child, rest)) => hide.names(child) || hide.below(child).is_some_and(|below| hides(below, rest)),
    }
}

/// Adds to the cells what the row has that is wanted of it.
fn gather(row: &Row<'_, '_>, wanted: &Wanted, shape: Shape<'_>, cells: &mut [String]) {
    let mut met = Vec::new();
    for (name, raw) in row.attributes() {
        for (column, is_date) in wanted.attributes.get(name).into_iter().flatten() {
            let Some(cell) = cells.get_mut(*column) else { continue };
            if *is_date {
                let date = resolve(raw).and_then(|value| iso::text_of(&value));
                add(cell, &date.unwrap_or_default());
            } else if shape.writes(name) {
                let value = literal(row.element(), name, raw).map(Cow::Borrowed).or_else(|| resolve(raw));
                add(cell, &value.unwrap_or_default());
                met.push(*column);
            }
        }
    }
    for (name, column) in wanted.values.iter().filter(|(_, column)| !met.contains(column)) {
        if let (Some(shape), Some(cell)) = (shape.below(name), cells.get_mut(*column)) {
            gather_children(row, name, shape, cell);
        }
    }
    for (name, wanted) in &wanted.children {
        let Some(shape) = shape.below(name) else { continue };
        row.children(name).for_each(|child| gather(&child, wanted, shape, cells));
    }
}

/// Adds to `cell` what the row's children of that name say, each in a word where one says it.
fn gather_children(row: &Row<'_, '_>, name: &str, shape: Shape<'_>, cell: &mut String) {
    let Some(label) = label_of(name) else {
        if row.children(name).next().is_some() {
            let mut json = Vec::new();
            row.write_children(&mut json, name, shape);
            add(cell, &String::from_utf8_lossy(&json));
        }
        return;
    };
    if !shape.writes(label) {
        return;
    }
    for child in row.children(name) {
        // A field that is not locked any more is listed, too.
        if name != "Field" || child.attribute("locked").is_none_or(|locked| locked != "0") {
            add(cell, &child.attribute(label).unwrap_or_default());
        }
    }
}

fn add(cell: &mut String, value: &str) {
    if !value.is_empty() {
        if !cell.is_empty() {
            cell.push_str(JOIN);
        }
        cell.push_str(value);
    }
}

/// The attribute that says all that most people want of a child; none for children with several parts, which become JSON.
fn label_of(element: &str) -> Option<&'static str> {
    match element {
        "Guid" => Some("id"),
        "Field" => Some("name"),
        "Collection" | "Country" | "Director" | "Genre" | "Label" | "Mood" | "Producer" | "Role" | "Similar"
        | "Style" | "Writer" => Some("tag"),
        _ => None,
    }
}

fn write_line<'c>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'c str>) {
    for (n, cell) in cells.enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_cell(out, cell);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_cell(out: &mut Vec<u8>, cell: &str) {
    let defused = would_run(cell);
    let quoted = cell.contains(['"', ',', ';', '\t', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ');
    if quoted {
        out.push(b'"');
    }
    if defused {
        out.push(b'\'');
    }
    let mut parts = cell.split('"');
    out.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        out.extend_from_slice(b"\"\"");
        out.extend_from_slice(part.as_bytes());
    }
    if quoted {
        out.push(b'"');
    }
}

/// Whether a spreadsheet could take the cell for a formula or a command: by its first character, in whichever width, that is
/// no space. A number is none.
fn would_run(cell: &str) -> bool {
    let begins = cell.starts_with(['\t', '\r', '\n'])
        || cell.trim_start().starts_with(['=', '+', '-', '@', '|', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    begins && !is_number(cell)
}

fn is_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match digits.split_once('.') {
        Some((whole, fraction)) => plain(whole) && plain(fraction),
        None => plain(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plex::xml::{Arena, Document};
    use proptest::prelude::*;

    fn cell(text: &str) -> String {
        let mut out = Vec::new();
        write_cell(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_that_would_run_are_defused_and_numbers_are_not() {
        for (text, expected) in [
            ("Alien", "Alien"),
            ("=1+2", "'=1+2"),
            ("+1", "'+1"),
            ("-1", "-1"),
            ("-2082844800", "-2082844800"),
            ("-1.5", "-1.5"),
            ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            (" =1", "\"' =1\""),
            ("\t=1", "\"'\t=1\""),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("=\"a\",\"b\"", "\"'=\"\"a\"\",\"\"b\"\"\""),
            ("a,b", "\"a,b\""),
            ("a; =b", "\"a; =b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_row_fills_its_columns_at_every_depth() {
        let xml = r#"<MediaContainer><Video title="A &amp; B" year="1999" addedAt="0" ratingKey="1">
            <Media id="2" videoResolution="4k"><Part id="3" file="/a;b.mkv"/><Part id="4" file="/c.mkv"/></Media>
            <Media id="5" videoResolution="sd"/><Genre tag="Drama"/><Genre tag="War"/><Guid id="imdb://tt1"/>
            <Marker type="intro" startTimeOffset="1" final="1"/><Field name="title" locked="1"/><Field name="x" locked="0"/>
            </Video></MediaContainer>"#;
        let paths = [
            "title",
            "year",
            "addedAt",
            "addedAtIso",
            "entry",
            "Genre",
            "Guid",
            "Field",
            "Media.videoResolution",
            "Media.Part.file",
            "Media.Part.size",
            "Marker",
            "Genre.tag",
        ];
        let columns = Columns::new(paths, Some(Paths::new(["Genre.tag", "Media.Part.size"])));
        let mut document = Document::open(xml).unwrap();
        let mut arena = Arena::default();
        let row = document.next_row(&mut arena).unwrap().unwrap();
        let mut out = Vec::new();
        columns.write_header(&mut out);
        columns.write_row(&mut out, &mut Cells::default(), &row, Some(("entry", "77")));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "title,year,addedAt,addedAtIso,entry,Genre,Guid,Field,Media.videoResolution,Media.Part.file,Marker\r\n\
             A & B,1999,0,1970-01-01T00:00:00Z,77,,imdb://tt1,title,\"4k; sd\",\"/a;b.mkv; /c.mkv\",\
             \"[{\"\"type\"\":\"\"intro\"\",\"\"startTimeOffset\"\":1,\"\"final\"\":true}]\"\r\n"
        );
        assert_eq!(columns.unmet(), ["Genre"], "a hidden label leaves nothing");
    }

    proptest! {
        /// Whatever the texts, a reader of CSV gets as many cells back, and none that would run.
        #[test]
        fn a_line_reads_back(texts in proptest::collection::vec("[ -~=+@\"',;\t\r\n\u{e9}]{0,12}", 1..6)) {
            let mut out = Vec::new();
            write_line(&mut out, texts.iter().map(String::as_str));
            let line = String::from_utf8(out).unwrap();
            let read = read_line(&line);
            prop_assert_eq!(read.len(), texts.len());
            for (read, text) in read.iter().zip(&texts) {
                prop_assert!(read == text || read.strip_prefix('\'') == Some(text), "{:?} of {:?}", read, text);
                prop_assert!(!would_run(read), "{:?}", read);
            }
        }
    }

    /// A reader of RFC 4180, for one line.
    fn read_line(line: &str) -> Vec<String> {
        let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
        let mut characters = line.strip_suffix("\r\n").unwrap().chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '"' if quoted && characters.peek() == Some(&'"') => cell.extend(characters.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(std::mem::take(&mut cell)),
                c => cell.push(c),
            }
        }
        cells.push(cell);
        cells
    }
}
