//! Plex's XML: a `MediaContainer` whose children are read one at a time, and written as the JSON that Plex itself would send.
//!
//! Nothing is copied on the way in: a row is a list of spans into the page's text. A row is read whole before it is
//! written because JSON wants children of one name together, while XML may mix them.

use super::{
    attributes::{Attributes, attribute, is_plain},
    fields::is_single,
    iso,
    json::{write_key, write_value},
    selection::{Selection, Shape},
    tags::{Kind, Span, Tags},
    vocabulary::Vocabulary,
};
use std::{borrow::Cow, cell::RefCell};

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
        at: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// More nesting than any answer of Plex has; a guard against made-up input.
    #[error("the XML is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
}

impl XmlError {
    pub(super) fn malformed(at: usize, cause: &str) -> Self {
        Self::Malformed { at, cause: shown(cause) }
    }
}

const MAX_DEPTH: usize = 64;
/// Different child names that one element may have. Children beyond are left out, so that grouping stays linear.
const MAX_GROUPS: u32 = 256;

const NONE: usize = usize::MAX;

#[derive(Debug)]
struct Node {
    name: Span,
    attributes: Span,
    /// The first of this node's groups.
    first_group: usize,
    /// The one that its last child is in.
    last_group: usize,
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
    /// What the rows' attributes are called, learnt from row to row.
    words: RefCell<Vocabulary>,
}

/// A page of an answer: the container's own attributes, then its rows.
pub struct Document<'x> {
    text: &'x str,
    tags: Tags<'x>,
    container: Span,
    /// `<MediaContainer/>`: nothing follows.
    finished: bool,
}

const CONTAINER: &str = "MediaContainer";

impl<'x> Document<'x> {
    /// Reads up to the container's start tag.
    pub fn open(text: &'x str) -> Result<Self, XmlError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut tags = Tags::new(text);
        let tag = tags.next()?.ok_or(XmlError::Empty)?;
        let name = tag.name.of(text);
        if name != CONTAINER || tag.kind == Kind::End {
            return Err(XmlError::NotAContainer(shown(name)));
        }
        Ok(Self { text, tags, container: tag.attributes, finished: tag.kind == Kind::Empty })
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
        while let Some(tag) = self.tags.next()? {
            match tag.kind {
                Kind::Start => {
                    let node = arena.add(self.text, tag.name, tag.attributes);
                    if arena.open.len() >= MAX_DEPTH {
                        return Err(XmlError::TooDeep);
                    }
                    arena.open.push(node);
                }
                Kind::Empty => {
                    arena.add(self.text, tag.name, tag.attributes);
                }
                Kind::End => {
                    let closed = arena.open.pop();
                    let open = closed.and_then(|node| Some(arena.nodes.get(node)?.name.of(self.text)));
                    if tag.name.of(self.text) != open.unwrap_or(CONTAINER) {
                        let at = tag.name.start.saturating_sub(2);
                        return Err(XmlError::malformed(at, "an end tag that is not of the element before it"));
                    }
                    if closed.is_none() {
                        return Ok(false);
                    }
                }
            }
            if arena.open.is_empty() {
                return Ok(true);
            }
        }
        Err(XmlError::Truncated)
    }
}

/// Calls `visit` with each row of a whole answer.
pub fn each_row(text: &str, arena: &mut Arena, mut visit: impl FnMut(Row<'_, '_>)) -> Result<(), XmlError> {
    let mut document = Document::open(text)?;
    while let Some(row) = document.next_row(arena)? {
        visit(row);
    }
    Ok(())
}

impl Arena {
    fn add(&mut self, text: &str, name: Span, attributes: Span) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node { name, attributes, first_group: NONE, last_group: NONE });
        self.next_twin.push(NONE);
        if let Some(&parent) = self.open.last() {
            self.link(text, parent, node, name);
        }
        node
    }

    /// Puts `node` behind the children of its name.
    fn link(&mut self, text: &str, parent: usize, node: usize, name: Span) {
        let Self { nodes, groups, next_twin, .. } = self;
        let Some(parent) = nodes.get_mut(parent) else { return };
        // Children of one name mostly follow each other.
        let mut at = parent.last_group;
        if groups.get(at).is_none_or(|group| group.name.of(text) != name.of(text)) {
            let (mut seen, mut last) = (0, NONE);
            at = parent.first_group;
            while let Some(group) = groups.get(at).filter(|group| !same(group.name.of(text), name.of(text))) {
                seen += 1;
                (last, at) = (at, group.following);
            }
            if at == NONE {
                if seen >= MAX_GROUPS {
                    return;
                }
                at = groups.len();
                groups.push(Group { name, first: node, last: NONE, following: NONE });
                match groups.get_mut(last) {
                    Some(last) => last.following = at,
                    None => parent.first_group = at,
                }
            }
            parent.last_group = at;
        }
        if let Some(group) = groups.get_mut(at) {
            if let Some(next) = next_twin.get_mut(group.last) {
                *next = node;
            }
            group.last = node;
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
    pub fn write_full(&self, out: &mut Vec<u8>) {
        self.write_in(out, Shape::default());
    }

    /// Appends the row as one JSON object with what `selection` leaves of it, and `first` as its first member.
    pub fn write_selected(&self, out: &mut Vec<u8>, selection: &Selection, first: Option<(&str, &str)>) {
        let shape = selection.shape();
        let start = out.len();
        self.write_in(out, shape);
        let Some((name, value)) = first.filter(|(name, _)| shape.writes(name)) else { return };
        // Rare: only the rows of a playlist have one.
        let rest = out.split_off(start + 1);
        write_key(out, &mut true, name);
        write_value(out, self.element(), name, value);
        if rest.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(&rest);
    }

    fn write_in(&self, out: &mut Vec<u8>, shape: Shape<'_>) {
        let (mut words, mut fresh) = (self.arena.words.try_borrow_mut(), Vocabulary::default());
        let words = words.as_deref_mut().unwrap_or(&mut fresh);
        let element = words.element(self.element());
        self.write_object(out, element, shape, words);
    }

    /// `element` is what the vocabulary knows the row's element by.
    fn write_object(&self, out: &mut Vec<u8>, element: Option<usize>, shape: Shape<'_>, words: &mut Vocabulary) {
        let Some(node) = self.arena.nodes.get(self.node) else { return };
        out.push(b'{');
        let (begin, mut first) = (out.len(), true);
        if !element.is_some_and(|element| words.write(out, &mut first, element, (self.text, node.attributes), shape)) {
            out.truncate(begin);
            first = true;
            self.write_unusual(out, &mut first, shape);
        }
        let mut at = node.first_group;
        while let Some(group) = self.arena.groups.get(at) {
            at = group.following;
            let name = json_name(group.name.of(self.text));
            let Some(shape) = shape.below(name).filter(|_| is_plain(name)) else { continue };
            write_key(out, &mut first, name);
            if group.first == group.last && is_single(name) {
                let element = words.element(group.name.of(self.text));
                Row { node: group.first, ..*self }.write_object(out, element, shape, words);
            } else {
                self.write_group(out, group.first, shape, words);
            }
        }
        out.push(b'}');
    }

    /// Appends the row's own attributes, whatever they look like.
    fn write_unusual(&self, out: &mut Vec<u8>, first: &mut bool, shape: Shape<'_>) {
        for (name, value) in self.attributes() {
            if shape.writes(name) {
                write_key(out, first, name);
                write_value(out, self.element(), name, value);
            }
            if shape.writes_date_of(name) {
                iso::write_member(out, first, name, value);
            }
        }
    }

    /// Appends the row's children called `name` as the JSON that Plex has for them.
    pub(super) fn write_children(&self, out: &mut Vec<u8>, name: &str, shape: Shape<'_>) {
        let mut children = self.children(name);
        let mut words = Vocabulary::default();
        match (children.next(), children.next()) {
            (Some(one), None) if is_single(name) => {
                let element = words.element(one.element());
                one.write_object(out, element, shape, &mut words);
            }
            (Some(first), _) => self.write_group(out, first.node, shape, &mut words),
            (None, _) => out.extend_from_slice(b"[]"),
        }
    }

    fn write_group(&self, out: &mut Vec<u8>, first: usize, shape: Shape<'_>, words: &mut Vocabulary) {
        out.push(b'[');
        let mut node = first;
        // Items of several elements are one group.
        let (mut known, mut element) = ("", None);
        loop {
            let row = Row { node, ..*self };
            if row.element() != known {
                known = row.element();
                element = words.element(known);
            }
            row.write_object(out, element, shape, words);
            match self.arena.next_twin.get(node) {
                Some(&next) if next != NONE => node = next,
                _ => break,
            }
            out.push(b',');
        }
        out.push(b']');
    }
}

/// Plex's JSON calls every kind of item `Metadata`, where the XML has an element name a kind.
fn json_name(element: &str) -> &str {
    match element {
        "Video" | "Track" | "Photo" => "Metadata",
        other => other,
    }
}

/// Whether two elements are of one name in JSON.
fn same(one: &str, other: &str) -> bool {
    one == other || json_name(one) == json_name(other)
}

/// What the server wrote as it may stand in an error: short, and of plain characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(100).collect()
}

#[cfg(test)]
mod tests;
