//! Plex's XML: a `MediaContainer` whose children are read one at a time, and written as the JSON that Plex itself would send.
//!
//! Nothing is copied on the way in: a row is a list of spans into the page's text. A row is read whole before it is
//! written because JSON wants children of one name together, while XML may mix them.

use super::{
    attributes::{Attributes, attribute, is_plain},
    fields::is_single,
    json::write_value,
    redaction::Redaction,
};
use quick_xml::{Reader, errors::IllFormedError, events::Event};
use std::borrow::Cow;

/// Why a text is not an answer of Plex.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum XmlError {
    /// The document ended inside an element.
    #[error("the XML ends in the middle")]
    Truncated,
    /// The document is well-formed, but not a `MediaContainer`.
    #[error("the XML is a <{0}>, not a <MediaContainer>")]
    NotAContainer(String),
    /// There is no element at all.
    #[error("there is no XML in it")]
    Empty,
    /// Tags that do not match, or a broken tag.
    #[error("the XML is broken at byte {at}: {cause}")]
    Malformed {
        /// Offset into the text.
        at: u64,
        /// The parser's words.
        cause: String,
    },
    /// More nesting than any answer of Plex has; a guard against made-up input.
    #[error("the XML is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

const MAX_DEPTH: usize = 64;
/// Different child names that one element may have. Children beyond are left out, so that grouping stays linear.
const MAX_GROUPS: u32 = 256;

/// Where a piece of the page's text is.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

const NONE: usize = usize::MAX;

#[derive(Debug)]
struct Node {
    name: Span,
    attributes: Span,
    /// The first of this node's groups.
    first_group: usize,
}

/// The children of one element that have one name in JSON.
#[derive(Debug)]
struct Group {
    name: Span,
    first: usize,
    last: usize,
    following: usize,
}

/// Room for one row's elements, reused from row to row.
#[derive(Debug, Default)]
pub struct Arena {
    nodes: Vec<Node>,
    groups: Vec<Group>,
    /// The next element of the same name under the same parent, by node.
    next_twin: Vec<usize>,
    open: Vec<usize>,
}

/// A page of an answer: the container's own attributes, then its rows.
pub struct Document<'x> {
    text: &'x str,
    reader: Reader<&'x [u8]>,
    container: Span,
    /// `<MediaContainer/>`: nothing follows.
    finished: bool,
}

impl<'x> Document<'x> {
    /// Reads up to the container's start tag.
    pub fn open(text: &'x str) -> Result<Self, XmlError> {
        // The parser would pass over a byte order mark without counting it, and every span be off by it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::from_str(text);
        // A stray `&` between elements is no reason to lose the rows.
        reader.config_mut().allow_dangling_amp = true;
        loop {
            let start = position(&reader);
            let event = next_event(&mut reader)?;
            let (tag, empty) = match &event {
                Event::Start(tag) => (tag, false),
                Event::Empty(tag) => (tag, true),
                Event::Eof => return Err(XmlError::Empty),
                _ => continue,
            };
            if tag.name().as_ref() != "MediaContainer" {
                return Err(XmlError::NotAContainer(shown(tag.name().as_ref())));
            }
            let (_, container) = spans(start, position(&reader), tag.name().as_ref().len(), empty);
            return Ok(Self { text, reader, container, finished: empty });
        }
    }

    /// The value of one of the container's own attributes.
    pub fn attribute(&self, name: &str) -> Option<Cow<'x, str>> {
        attribute(self.container.of(self.text), name)
    }

    /// Reads the next row (any child of the container but `Meta`, which describes the listing) into `arena`.
    pub fn next_row<'a>(&mut self, arena: &'a mut Arena) -> Result<Option<Row<'a, 'x>>, XmlError> {
        while !self.finished {
            if !self.read_child(arena)? {
                self.finished = true;
                break;
            }
            if arena.nodes.first().is_some_and(|node| node.name.of(self.text) != "Meta") {
                return Ok(Some(Row { text: self.text, arena, node: 0 }));
            }
        }
        Ok(None)
    }

    /// Reads one child of the container whole; false at the container's end.
    fn read_child(&mut self, arena: &mut Arena) -> Result<bool, XmlError> {
        arena.nodes.clear();
        arena.groups.clear();
        arena.next_twin.clear();
        arena.open.clear();
        loop {
            let start = position(&self.reader);
            match next_event(&mut self.reader)? {
                Event::Start(tag) => {
                    let (name, attributes) = spans(start, position(&self.reader), tag.name().as_ref().len(), false);
                    let node = arena.add(self.text, name, attributes);
                    if arena.open.len() >= MAX_DEPTH {
                        return Err(XmlError::TooDeep);
                    }
                    arena.open.push(node);
                }
                Event::Empty(tag) => {
                    let (name, attributes) = spans(start, position(&self.reader), tag.name().as_ref().len(), true);
                    arena.add(self.text, name, attributes);
                    if arena.open.is_empty() {
                        return Ok(true);
                    }
                }
                Event::End(_) => {
                    if arena.open.pop().is_none() {
                        return Ok(false);
                    }
                    if arena.open.is_empty() {
                        return Ok(true);
                    }
                }
                Event::Eof => return Err(XmlError::Truncated),
                _ => {}
            }
        }
    }
}

impl Arena {
    fn add(&mut self, text: &str, name: Span, attributes: Span) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node { name, attributes, first_group: NONE });
        self.next_twin.push(NONE);
        if let Some(&parent) = self.open.last() {
            self.link(text, parent, node, name);
        }
        node
    }

    /// Puts `node` behind the children of its name.
    fn link(&mut self, text: &str, parent: usize, node: usize, name: Span) {
        let mut at = self.nodes.get(parent).map_or(NONE, |parent| parent.first_group);
        let mut last_group = NONE;
        let mut seen = 0;
        while let Some(group) = self.groups.get_mut(at) {
            if json_name(group.name.of(text)) == json_name(name.of(text)) {
                if let Some(next) = self.next_twin.get_mut(group.last) {
                    *next = node;
                }
                group.last = node;
                return;
            }
            seen += 1;
            last_group = at;
            at = group.following;
        }
        if seen >= MAX_GROUPS {
            return;
        }
        let added = self.groups.len();
        self.groups.push(Group { name, first: node, last: node, following: NONE });
        match self.groups.get_mut(last_group) {
            Some(last) => last.following = added,
            None => {
                if let Some(parent) = self.nodes.get_mut(parent) {
                    parent.first_group = added;
                }
            }
        }
    }
}

/// One child of the container with all that is in it.
#[derive(Clone, Copy)]
pub struct Row<'a, 'x> {
    text: &'x str,
    arena: &'a Arena,
    node: usize,
}

impl<'x> Row<'_, 'x> {
    /// The element's name: `Video`, `Directory`, `Track`, `Photo`, `Hub`, ...
    pub fn element(&self) -> &'x str {
        self.arena.nodes.get(self.node).map_or("", |node| node.name.of(self.text))
    }

    /// The value of one of the row's own attributes.
    pub fn attribute(&self, name: &str) -> Option<Cow<'x, str>> {
        attribute(self.raw_attributes(), name)
    }

    /// All of the row's own attributes, their values unresolved.
    pub(super) fn attributes(&self) -> Attributes<'x> {
        Attributes::new(self.raw_attributes())
    }

    /// The row's children that are called `name` in JSON.
    pub fn children(&self, name: &str) -> impl Iterator<Item = Self> {
        let groups = &self.arena.groups;
        let mut at = self.arena.nodes.get(self.node).map_or(NONE, |node| node.first_group);
        while let Some(group) = groups.get(at).filter(|group| json_name(group.name.of(self.text)) != name) {
            at = group.following;
        }
        let first = groups.get(at).map(|group| group.first);
        let next = |&node: &usize| self.arena.next_twin.get(node).copied().filter(|&next| next != NONE);
        std::iter::successors(first, next).map(|node| Row { node, ..*self })
    }

    fn raw_attributes(&self) -> &'x str {
        self.arena.nodes.get(self.node).map_or("", |node| node.attributes.of(self.text))
    }

    /// Appends the row as one JSON object: every attribute, then every child by name as an array, as Plex's JSON has them.
    pub fn write_full(&self, out: &mut Vec<u8>, redaction: Option<&Redaction>) {
        out.push(b'{');
        let mut first = true;
        let element = self.element();
        for (name, value) in Attributes::new(self.raw_attributes()) {
            if redaction.is_some_and(|redaction| redaction.hides(name)) {
                continue;
            }
            write_key(out, &mut first, name);
            write_value(out, element, name, value);
        }
        let mut at = self.arena.nodes.get(self.node).map_or(NONE, |node| node.first_group);
        while let Some(group) = self.arena.groups.get(at) {
            at = group.following;
            let name = json_name(group.name.of(self.text));
            if !is_plain(name) || redaction.is_some_and(|redaction| redaction.hides(name)) {
                continue;
            }
            write_key(out, &mut first, name);
            let redaction = redaction.and_then(|redaction| redaction.below(name));
            if group.first == group.last && is_single(name) {
                Row { node: group.first, ..*self }.write_full(out, redaction);
            } else {
                self.write_group(out, group.first, redaction);
            }
        }
        out.push(b'}');
    }

    fn write_group(&self, out: &mut Vec<u8>, first: usize, redaction: Option<&Redaction>) {
        out.push(b'[');
        let mut node = first;
        loop {
            Row { node, ..*self }.write_full(out, redaction);
            match self.arena.next_twin.get(node) {
                Some(&next) if next != NONE => node = next,
                _ => break,
            }
            out.push(b',');
        }
        out.push(b']');
    }

    /// Appends the row as one JSON object with just these of its attributes, in this order; the absent ones are left out.
    pub fn write_fields(&self, out: &mut Vec<u8>, fields: &[&str], redaction: Option<&Redaction>) {
        out.push(b'{');
        let mut first = true;
        for &field in fields {
            if redaction.is_some_and(|redaction| redaction.hides(field)) {
                continue;
            }
            if let Some((_, value)) = Attributes::new(self.raw_attributes()).find(|(name, _)| *name == field) {
                write_key(out, &mut first, field);
                write_value(out, self.element(), field, value);
            }
        }
        out.push(b'}');
    }
}

/// Begins a member of an object; the name is one that JSON takes as it is.
fn write_key(out: &mut Vec<u8>, first: &mut bool, name: &str) {
    out.extend_from_slice(if std::mem::replace(first, false) { b"\"" } else { b",\"" });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Plex's JSON calls every kind of item `Metadata`, where the XML has an element name a kind.
fn json_name(element: &str) -> &str {
    match element {
        "Video" | "Track" | "Photo" => "Metadata",
        other => other,
    }
}

fn next_event<'x>(reader: &mut Reader<&'x [u8]>) -> Result<Event<'x>, XmlError> {
    reader.read_event().map_err(|cause| match cause {
        // The parser's words for a document that stops inside a tag or an element.
        quick_xml::Error::Syntax(_) | quick_xml::Error::IllFormed(IllFormedError::MissingEndTag(_)) => {
            XmlError::Truncated
        }
        cause => XmlError::Malformed { at: reader.error_position(), cause: shown(&cause.to_string()) },
    })
}

/// What the server wrote as it may stand in an error: short, and of plain characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(100).collect()
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// The name and the attributes of the tag between two positions: `<name attributes>`.
fn spans(start: usize, end: usize, name_length: usize, empty: bool) -> (Span, Span) {
    let name = Span { start: start + 1, end: start + 1 + name_length };
    (name, Span { start: name.end, end: end.saturating_sub(if empty { 2 } else { 1 }) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(xml: &str) -> Result<Vec<serde_json::Value>, XmlError> {
        let mut document = Document::open(xml)?;
        let mut arena = Arena::default();
        let mut rows = Vec::new();
        while let Some(row) = document.next_row(&mut arena)? {
            let mut out = Vec::new();
            row.write_full(&mut out, None);
            rows.push(serde_json::from_slice(&out).expect("a JSON object"));
        }
        Ok(rows)
    }

    #[test]
    fn rows_are_what_plexs_json_would_hold() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
<MediaContainer size="2" totalSize="7">
<Video ratingKey="1" title="A &amp; B" year="2001"><Media id="9" width="1920"><Part id="9" file="/m/a.mkv"/></Media>
<Genre tag="Drama"/><Media id="10"/><Genre tag="Comedy"/></Video>
<Directory ratingKey="2" type="show" title="S"/>
</MediaContainer>"#;
        assert_eq!(
            rows(xml).unwrap(),
            [
                serde_json::json!({"ratingKey": "1", "title": "A & B", "year": 2001,
                    "Media": [{"id": 9, "width": 1920, "Part": [{"id": 9, "file": "/m/a.mkv"}]}, {"id": 10}],
                    "Genre": [{"tag": "Drama"}, {"tag": "Comedy"}]}),
                serde_json::json!({"ratingKey": "2", "type": "show", "title": "S"}),
            ]
        );
        let document = Document::open(xml).unwrap();
        assert_eq!(document.attribute("totalSize").as_deref(), Some("7"));
        assert_eq!(document.attribute("offset"), None);
    }

    #[test]
    fn items_of_several_elements_are_one_list() {
        let xml = r#"<MediaContainer><Hub type="photo"><Photo ratingKey="1"/><Video ratingKey="2"/><Tag id="3"/>
<Photo ratingKey="4"/></Hub></MediaContainer>"#;
        let list = serde_json::json!([{"ratingKey": "1"}, {"ratingKey": "2"}, {"ratingKey": "4"}]);
        let expected = serde_json::json!({"type": "photo", "Metadata": list, "Tag": [{"id": 3}]});
        assert_eq!(rows(xml).unwrap(), [expected]);
    }

    #[test]
    fn untidy_answers_lose_nothing_beside_the_fault() {
        let xml = "<MediaContainer><Video ratingKey=\"7\" type=\"movie\" title=\"A&#x4;B\"/>\
            <Video ratingKey=\"8\" title=\"A\u{4}B\"/>stray & text<Hologram ratingKey=\"9\" title=\"x &nbsp; & y\" title=\"twice\" odd/>\
            </MediaContainer>";
        let rows = rows(xml).unwrap();
        assert_eq!(rows[0]["title"], "AB");
        assert_eq!(rows[1]["title"], "AB");
        assert_eq!(rows[2]["title"], "x &nbsp; & y");
        assert_eq!(rows[2]["ratingKey"], "9");
    }

    #[test]
    fn what_is_not_a_whole_answer_is_an_error() {
        assert_eq!(rows("").unwrap_err(), XmlError::Empty);
        assert_eq!(rows("<html><body/></html>").unwrap_err(), XmlError::NotAContainer("html".into()));
        assert_eq!(rows("<MediaContainer/>").unwrap(), [] as [serde_json::Value; 0]);
        let whole = r#"<MediaContainer size="1"><Video ratingKey="1"><Media id="1"/></Video></MediaContainer>"#;
        for cut in 16..whole.len() {
            let result = whole.get(..cut).map(rows).unwrap();
            assert!(result.is_err(), "cut at {cut}: {result:?}");
        }
        let deep = format!("<MediaContainer>{}", "<a>".repeat(MAX_DEPTH + 2));
        assert_eq!(rows(&deep).unwrap_err(), XmlError::TooDeep);
    }

    #[test]
    fn redacted_fields_are_left_out_at_every_level() {
        let xml = r#"<MediaContainer><Video ratingKey="1" summary="s"><Media id="1"><Part id="2" file="/secret"/><Part id="3" file="/secret"/></Media><Role tag="R"/></Video></MediaContainer>"#;
        let redaction = Redaction::new(["Media.Part.file", "Role", "summary"]);
        let mut document = Document::open(xml).unwrap();
        let mut arena = Arena::default();
        let mut out = Vec::new();
        document.next_row(&mut arena).unwrap().unwrap().write_full(&mut out, Some(&redaction));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"ratingKey":"1","Media":[{"id":1,"Part":[{"id":2},{"id":3}]}]}"#
        );
    }

    #[test]
    fn a_byte_order_mark_moves_nothing() {
        let xml = "\u{feff}<MediaContainer size=\"1\"><Video ratingKey=\"7\" title=\"A\"/></MediaContainer>";
        assert_eq!(rows(xml).unwrap(), [serde_json::json!({"ratingKey": "7", "title": "A"})]);
    }

    #[test]
    fn chosen_fields_come_in_the_order_asked() {
        let xml = r#"<MediaContainer><Video title="T" year="1990" ratingKey="1"/></MediaContainer>"#;
        let mut document = Document::open(xml).unwrap();
        let mut arena = Arena::default();
        let mut out = Vec::new();
        document.next_row(&mut arena).unwrap().unwrap().write_fields(&mut out, &["ratingKey", "guid", "title"], None);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"ratingKey":"1","title":"T"}"#);
    }
}
