//! Plex's two wire forms, XML and JSON, from one description of what is said.
//!
//! An item is described once, as a run of `open`, attribute and `close` calls, and the encoder writes the form that was
//! asked for straight into one buffer. The calls know what the two forms do differently: booleans are `1` and `0` in XML
//! and words in JSON, children are elements in XML and gathered into arrays in JSON.

mod escape;

use std::sync::Arc;

/// Which of Plex's two forms an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Xml,
    Json,
}

/// A kind of element: its XML name, the JSON member it is gathered under, and whether that member is an array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag {
    xml: &'static str,
    json: &'static str,
    list: bool,
}

impl Tag {
    /// An element whose JSON member has the same name and is an array.
    pub(crate) const fn list(name: &'static str) -> Self {
        Self { xml: name, json: name, list: true }
    }

    /// An element that occurs once: an object in JSON, not an array.
    pub(crate) const fn object(name: &'static str) -> Self {
        Self { xml: name, json: name, list: false }
    }

    /// A library item, whose element name tells its kind in XML while JSON calls all of them `Metadata`.
    pub(crate) const fn item(xml: &'static str) -> Self {
        Self { xml, json: "Metadata", list: true }
    }
}

/// The outermost element of every answer.
pub(crate) const CONTAINER: Tag = Tag::object("MediaContainer");
/// A film, an episode or a clip.
pub(crate) const VIDEO: Tag = Tag::item("Video");
/// A show, season, artist, album, photo album or collection.
pub(crate) const FOLDER: Tag = Tag::item("Directory");
/// A piece of music.
pub(crate) const TRACK: Tag = Tag::item("Track");
/// A photo.
pub(crate) const PHOTO: Tag = Tag::item("Photo");
/// A library section, a filter choice: what is called `Directory` in both forms.
pub(crate) const DIRECTORY: Tag = Tag::list("Directory");

/// A piece of a composed text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Piece<'a> {
    /// Text, escaped as needed.
    Text(&'a str),
    /// A number in decimal digits.
    Number(u64),
    /// A number of at least two digits, as in dates.
    Two(u64),
    /// Sixteen hexadecimal digits, as ids have them.
    Hex(u64),
}

/// What an untidy server puts into a text. Each shows in XML; JSON has only the raw control character.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The byte 0x04 as it is.
    RawControl,
    /// `&#x4;`, a reference to a character XML does not have.
    ControlReference,
    /// `&nbsp;`, an entity nobody declared.
    UnknownEntity,
    /// `&` on its own.
    LoneAmpersand,
}

#[derive(Debug)]
struct Frame {
    tag: Tag,
    /// What to go back to where the element is not wanted.
    undo: Option<Undo>,
    /// JSON: something was written into this object.
    filled: bool,
    /// JSON: the array that is open in this object.
    array: Option<&'static str>,
}

/// Writes one answer. Attributes of an element come before its children, and children of one kind together.
#[derive(Debug)]
pub(crate) struct Encoder {
    out: Vec<u8>,
    format: Format,
    frames: Vec<Frame>,
    /// XML: the start tag of the innermost element has no `>` yet.
    head: bool,
    /// Elements that are left out of the rows.
    without: Arc<[String]>,
}

/// How things stood before an element.
#[derive(Clone, Copy, Debug)]
struct Undo {
    length: usize,
    head: bool,
    filled: bool,
    array: Option<&'static str>,
}

impl Encoder {
    /// An encoder with room for so many bytes.
    pub(crate) fn new(format: Format, capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        if format == Format::Xml {
            out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        }
        Self { out, format, frames: Vec::with_capacity(8), head: false, without: Arc::default() }
    }

    /// Leaves out what is in a row and has one of these names in JSON.
    pub(crate) fn without(mut self, names: &Arc<[String]>) -> Self {
        self.without = Arc::clone(names);
        self
    }

    /// Begins an element.
    pub(crate) fn open(&mut self, tag: Tag) {
        let undo = self.undo(tag);
        match self.format {
            Format::Xml => {
                if self.head {
                    self.out.extend_from_slice(b">\n");
                }
                self.out.push(b'<');
                self.out.extend_from_slice(tag.xml.as_bytes());
                self.head = true;
            }
            Format::Json => self.open_json(tag),
        }
        self.frames.push(Frame { tag, undo, filled: false, array: None });
    }

    /// How things stand, where an element is one that is left out.
    fn undo(&self, tag: Tag) -> Option<Undo> {
        let row = self.frames.last().filter(|_| self.frames.len() >= 2)?;
        let left_out = self.without.iter().any(|name| name == tag.json);
        left_out.then_some(Undo { length: self.out.len(), head: self.head, filled: row.filled, array: row.array })
    }

    fn open_json(&mut self, tag: Tag) {
        let Some(parent) = self.frames.last_mut() else {
            self.out.extend_from_slice(b"{\"");
            self.out.extend_from_slice(tag.json.as_bytes());
            self.out.extend_from_slice(b"\":{");
            return;
        };
        if parent.array == Some(tag.json) {
            self.out.extend_from_slice(b",{");
            return;
        }
        if parent.array.take().is_some() {
            self.out.push(b']');
        }
        if parent.filled {
            self.out.push(b',');
        }
        parent.filled = true;
        self.out.push(b'"');
        self.out.extend_from_slice(tag.json.as_bytes());
        if tag.list {
            parent.array = Some(tag.json);
            self.out.extend_from_slice(b"\":[{");
        } else {
            self.out.extend_from_slice(b"\":{");
        }
    }

    /// Ends the innermost element.
    pub(crate) fn close(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        if let Some(undo) = frame.undo {
            self.out.truncate(undo.length);
            self.head = undo.head;
            if let Some(row) = self.frames.last_mut() {
                (row.filled, row.array) = (undo.filled, undo.array);
            }
            return;
        }
        match self.format {
            Format::Xml if self.head => {
                self.out.extend_from_slice(b"/>\n");
                self.head = false;
            }
            Format::Xml => {
                self.out.extend_from_slice(b"</");
                self.out.extend_from_slice(frame.tag.xml.as_bytes());
                self.out.extend_from_slice(b">\n");
            }
            Format::Json => {
                if frame.array.is_some() {
                    self.out.push(b']');
                }
                self.out.push(b'}');
                if self.frames.is_empty() {
                    self.out.push(b'}');
                }
            }
        }
    }

    fn name(&mut self, key: &str) {
        match self.format {
            Format::Xml => {
                self.out.push(b' ');
                self.out.extend_from_slice(key.as_bytes());
                self.out.push(b'=');
            }
            Format::Json => {
                if let Some(frame) = self.frames.last_mut() {
                    if frame.filled {
                        self.out.push(b',');
                    }
                    frame.filled = true;
                }
                self.out.push(b'"');
                self.out.extend_from_slice(key.as_bytes());
                self.out.extend_from_slice(b"\":");
            }
        }
    }

    /// Begins a text attribute, whose pieces follow.
    pub(crate) fn begin(&mut self, key: &str) {
        self.name(key);
        self.out.push(b'"');
    }

    /// Ends the text that `begin` began.
    pub(crate) fn end(&mut self) {
        self.out.push(b'"');
    }

    /// A piece of text, escaped.
    pub(crate) fn piece(&mut self, text: &str) {
        match self.format {
            Format::Xml => escape::xml(&mut self.out, text.as_bytes()),
            Format::Json => escape::json(&mut self.out, text.as_bytes()),
        }
    }

    /// Something a tidy server would not write.
    pub(crate) fn fault(&mut self, fault: Fault) {
        let bytes: &[u8] = match (fault, self.format) {
            (Fault::ControlReference, Format::Xml) => b"&#x4;",
            (Fault::RawControl | Fault::ControlReference, _) => b"\x04",
            (Fault::UnknownEntity, Format::Xml) => b"&nbsp;",
            (Fault::UnknownEntity, Format::Json) => "\u{a0}".as_bytes(),
            (Fault::LoneAmpersand, _) => b" & ",
        };
        self.out.extend_from_slice(bytes);
    }

    /// A text attribute.
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.begin(key);
        self.piece(value);
        self.end();
    }

    /// A text attribute made of pieces.
    pub(crate) fn joined(&mut self, key: &str, pieces: &[Piece<'_>]) {
        self.begin(key);
        self.pieces(pieces);
        self.end();
    }

    /// Pieces of the text that is being written.
    pub(crate) fn pieces(&mut self, pieces: &[Piece<'_>]) {
        for piece in pieces {
            match *piece {
                Piece::Text(text) => self.piece(text),
                Piece::Number(number) => self.digits(number),
                Piece::Two(number) => {
                    if number < 10 {
                        self.out.push(b'0');
                    }
                    self.digits(number);
                }
                Piece::Hex(number) => self.hex(number),
            }
        }
    }

    fn digits(&mut self, number: u64) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn hex(&mut self, number: u64) {
        for byte in number.to_be_bytes() {
            for nibble in [byte >> 4, byte & 15] {
                self.out.push(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble });
            }
        }
    }

    /// A whole number.
    pub(crate) fn number(&mut self, key: &str, value: impl itoa::Integer) {
        self.literal(key, itoa::Buffer::new().format(value));
    }

    /// A number that is written already: quoted in XML, bare in JSON.
    pub(crate) fn literal(&mut self, key: &str, value: &str) {
        self.name(key);
        if self.format == Format::Xml {
            self.out.push(b'"');
            self.out.extend_from_slice(value.as_bytes());
            self.out.push(b'"');
        } else {
            self.out.extend_from_slice(value.as_bytes());
        }
    }

    /// A number with one decimal place, given in tenths.
    pub(crate) fn tenths(&mut self, key: &str, tenths: u64) {
        self.name(key);
        let quote = self.format == Format::Xml;
        if quote {
            self.out.push(b'"');
        }
        self.digits(tenths / 10);
        self.out.push(b'.');
        self.digits(tenths % 10);
        if quote {
            self.out.push(b'"');
        }
    }

    /// A yes or no.
    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        let word = match (self.format, value) {
            (Format::Xml, true) => "1",
            (Format::Xml, false) => "0",
            (Format::Json, true) => "true",
            (Format::Json, false) => "false",
        };
        self.literal(key, word);
    }

    /// What was written so far; the encoder goes on with an empty buffer.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(format: Format) -> String {
        sample_of(Encoder::new(format, 0))
    }

    fn sample_of(mut out: Encoder) -> String {
        out.open(CONTAINER);
        out.number("size", 2);
        out.flag("allowSync", true);
        for title in ["A & \"B\"\n<c>", "Łódź 映画"] {
            out.open(VIDEO);
            out.joined("key", &[Piece::Text("/m/"), Piece::Number(12), Piece::Text("/"), Piece::Two(3)]);
            out.text("title", title);
            out.tenths("rating", 80);
            out.number("addedAt", -5);
            out.open(Tag::list("Genre"));
            out.text("tag", "Ode");
            out.close();
            out.open(Tag::list("Genre"));
            out.text("tag", "Farce");
            out.close();
            out.open(Tag::object("Colors"));
            out.close();
            out.close();
        }
        out.open(DIRECTORY);
        out.close();
        out.close();
        String::from_utf8(out.take()).unwrap()
    }

    #[test]
    fn json_gathers_children_into_arrays() {
        let json: serde_json::Value = serde_json::from_str(&sample(Format::Json)).unwrap();
        let rows = json["MediaContainer"]["Metadata"].as_array().unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["title"], "A & \"B\"\n<c>");
        assert_eq!(rows[1]["title"], "Łódź 映画");
        assert_eq!(rows[0]["rating"], 8.0);
        assert_eq!(rows[0]["addedAt"], -5);
        assert_eq!(rows[0]["key"], "/m/12/03");
        assert_eq!(rows[0]["Genre"][1]["tag"], "Farce");
        assert!(rows[0]["Colors"].is_object());
        assert_eq!(json["MediaContainer"]["allowSync"], true);
        assert_eq!(json["MediaContainer"]["Directory"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn unwanted_elements_are_left_out_of_rows_and_nothing_else_is() {
        for format in [Format::Xml, Format::Json] {
            let without: Arc<[String]> = ["Genre", "Directory"].map(str::to_owned).into();
            let text = sample_of(Encoder::new(format, 0).without(&without));
            assert!(!text.contains("Genre") && !text.contains("Farce"), "{text}");
            assert!(text.contains("Colors") && text.contains("Directory"), "{text}");
            if format == Format::Json {
                serde_json::from_str::<serde_json::Value>(&text).unwrap();
            }
        }
    }

    #[test]
    fn xml_is_well_formed_and_says_the_same() {
        let text = sample(Format::Xml);
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut titles = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                quick_xml::events::Event::Eof => break,
                quick_xml::events::Event::Start(start) | quick_xml::events::Event::Empty(start) => {
                    for attribute in start.attributes() {
                        let attribute = attribute.unwrap();
                        if attribute.key.as_ref() == "title" {
                            titles.push(quick_xml::escape::unescape(&attribute.value).unwrap().into_owned());
                        }
                    }
                }
                _ => {}
            }
        }
        assert_eq!(titles, ["A & \"B\"\n<c>", "Łódź 映画"]);
        assert!(text.contains("allowSync=\"1\""));
        assert!(text.ends_with("<Directory/>\n</MediaContainer>\n"));
    }
}
