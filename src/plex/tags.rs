//! The tags of a document, one after the other.
//!
//! Plex writes plain tags, `<Name name="value">`, and half of each is quotation marks. The end of such a tag is looked for
//! without them, many bytes at a time. Whatever looks otherwise (comments, declarations, CDATA, values in apostrophes) is left
//! to quick-xml.

use super::{attributes::is_plain_byte, xml::XmlError};
use quick_xml::{Reader, events::Event};

/// Where a piece of a document's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

/// What a tag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `<Name>`
    Start,
    /// `<Name/>`
    Empty,
    /// `</Name>`
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) kind: Kind,
    pub(super) name: Span,
    /// What stands between the name and the end.
    pub(super) attributes: Span,
}

/// Reads tags. Text between them means nothing in Plex's documents and is passed over.
pub(super) struct Tags<'x> {
    text: &'x str,
    at: usize,
}

impl<'x> Tags<'x> {
    pub(super) fn new(text: &'x str) -> Self {
        Self { text, at: 0 }
    }

    /// The next tag; none at the end of the text.
    pub(super) fn next(&mut self) -> Result<Option<Tag>, XmlError> {
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let Some(text) = memchr::memchr(b'<', rest) else { return Ok(None) };
            let start = self.at + text;
            if let Some((tag, end)) = plain(self.text, start) {
                self.at = end;
                return Ok(Some(tag));
            }
            let (tag, end) = unusual(self.text, start)?;
            self.at = end;
            if tag.is_some() {
                return Ok(tag);
            }
        }
    }
}

/// The tag that begins at `start`, and where it ends, if it is a plain one.
fn plain(text: &str, start: usize) -> Option<(Tag, usize)> {
    let bytes = text.as_bytes().get(start + 1..)?;
    let closes = *bytes.first()? == b'/';
    let name_start = usize::from(closes);
    let name = bytes.get(name_start..)?.iter().position(|&byte| !is_plain_byte(byte))?;
    let name_end = name_start + name;
    let attributes = bytes.get(name_end..)?;
    let at = |offset: usize| start + 1 + offset;
    let tag = |kind, end| Tag {
        kind,
        name: Span { start: at(name_start), end: at(name_end) },
        attributes: Span { start: at(name_end), end: at(end) },
    };
    if name == 0 {
        return None;
    }
    if closes {
        return (*attributes.first()? == b'>').then(|| (tag(Kind::End, name_end), at(name_end + 1)));
    }
    let end = end_of(attributes)?;
    let inner = attributes.get(..end)?;
    let (kind, inner) = match inner.strip_suffix(b"/") {
        Some(inner) => (Kind::Empty, inner),
        None => (Kind::Start, inner),
    };
    let parted = inner.first().is_none_or(u8::is_ascii_whitespace);
    parted.then(|| (tag(kind, name_end + inner.len()), at(name_end + end + 1)))
}

/// Where the `>` is that ends a tag: one behind a mark that ends a value. Behind a stray mark an XML parser would go on to the
/// next, and lose what stands between.
fn end_of(attributes: &[u8]) -> Option<usize> {
    let end = memchr::memchr2(b'>', b'\'', attributes)?;
    let inner = attributes.get(..end)?;
    match inner.strip_suffix(b"/").unwrap_or(inner) {
        _ if attributes.get(end) != Some(&b'>') => {}
        [] => return Some(end),
        // The mark that begins a value stands behind `=`.
        [.., before, b'"'] if *before != b'=' && !before.is_ascii_whitespace() => return Some(end),
        _ => {}
    }
    end_behind_values(attributes)
}

/// The same, whatever stands in the values; none where one is set in apostrophes.
fn end_behind_values(attributes: &[u8]) -> Option<usize> {
    let mut open = false;
    for at in memchr::memchr3_iter(b'>', b'"', b'\'', attributes) {
        match attributes.get(at)? {
            b'"' => open = !open,
            b'>' if !open => return Some(at),
            b'\'' if !open => return None,
            _ => {}
        }
    }
    None
}

/// What begins at `start`, if that is a tag, and where it ends.
fn unusual(text: &str, start: usize) -> Result<(Option<Tag>, usize), XmlError> {
    let mut reader = Reader::from_str(text.get(start..).unwrap_or_default());
    // That each tag is closed by its own is seen to by who reads them.
    reader.config_mut().check_end_names = false;
    reader.config_mut().allow_unmatched_ends = true;
    let (kind, name) = match reader.read_event() {
        Ok(Event::Start(tag)) => (Some(Kind::Start), tag.name().as_ref().len()),
        Ok(Event::Empty(tag)) => (Some(Kind::Empty), tag.name().as_ref().len()),
        Ok(Event::End(tag)) => (Some(Kind::End), tag.name().as_ref().len()),
        Ok(_) => (None, 0),
        // The parser's words for a document that stops inside a tag.
        Err(quick_xml::Error::Syntax(_)) => return Err(XmlError::Truncated),
        Err(cause) => {
            return Err(XmlError::malformed(start + offset(reader.error_position()), &cause.to_string()));
        }
    };
    let end = start + offset(reader.buffer_position());
    let tag = kind.map(|kind| {
        let name_start = start + if kind == Kind::End { 2 } else { 1 };
        let name = Span { start: name_start, end: name_start + name };
        let tail = if kind == Kind::Empty { 2 } else { 1 };
        Tag { kind, name, attributes: Span { start: name.end, end: end.saturating_sub(tail) } }
    });
    Ok((tag, end))
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Found = Result<Vec<(Kind, String, String)>, XmlError>;

    fn tags(text: &str) -> Found {
        let mut tags = Tags::new(text);
        let mut found = Vec::new();
        while let Some(tag) = tags.next()? {
            let attributes = if tag.kind == Kind::End { "" } else { tag.attributes.of(text) };
            found.push((tag.kind, tag.name.of(text).to_owned(), attributes.to_owned()));
        }
        Ok(found)
    }

    /// What quick-xml alone finds.
    fn expected(text: &str) -> Found {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = false;
        reader.config_mut().allow_unmatched_ends = true;
        reader.config_mut().allow_dangling_amp = true;
        let mut found = Vec::new();
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag)) => {
                    found.push((Kind::Start, tag.name().as_ref().to_owned(), tag.attributes_raw().to_owned()));
                }
                Ok(Event::Empty(tag)) => {
                    found.push((Kind::Empty, tag.name().as_ref().to_owned(), tag.attributes_raw().to_owned()));
                }
                Ok(Event::End(tag)) => found.push((Kind::End, tag.name().as_ref().to_owned(), String::new())),
                Ok(Event::Eof) => return Ok(found),
                Ok(_) => {}
                Err(quick_xml::Error::Syntax(_)) => return Err(XmlError::Truncated),
                Err(cause) => panic!("{cause}"),
            }
        }
    }

    #[test]
    fn plain_and_unusual_tags_stand_side_by_side() {
        for text in [
            r#"<?xml version="1.0"?><!DOCTYPE x><A a="1>2" b='"' c="it's"><!-- <B> --><B/></A >text<![CDATA[<C>]]><D x="/"/>"#,
            "<A a='\"' b=\"c>d\"/><é/><A/><A /><A/ ><A\n a=\"\"\n>",
            "<A b=c/><A b='x>y'/><A 'x>y'/><A it's b=\"1\" c='2>3'/>",
            "<A",
            "<A b=\"",
            "</A",
            "<",
            "",
        ] {
            assert_eq!(tags(text), expected(text), "{text}");
        }
    }

    #[test]
    fn a_stray_quotation_mark_takes_no_other_tag_with_it() {
        let found = tags("<A b=\"c\"\"/><B d=\"e\"/>").unwrap();
        assert_eq!(found.iter().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    }

    proptest! {
        #[test]
        fn tags_are_found_where_quick_xml_finds_them(pieces in prop::collection::vec(
            prop::sample::select(vec![
                "<", ">", "/", "</", "/>", "=", " ", "\n", "A", "bc", "é", "&amp;", "&", "<!-- \"x -->", "<A b=\"c\">", "</A>",
                "<Video title=\"it's 5 > 4\"/>", " name=\"0123456789abcdef\"", " b='c\">'", " b=\">\"", " b=\"/>\"", " b=\"=\"",
                " b = \"y>\"", " b=\"y \"", " b=\"\"", "='it\"s'", "<![CDATA[<A b=\">]]>", "text",
            ]), 0..40))
        {
            let text = pieces.concat();
            // Of a stray quotation mark XML makes more than is good for the items behind it; all of these have their other.
            prop_assert_eq!(tags(&text), expected(&text), "{}", text);
        }
    }
}
