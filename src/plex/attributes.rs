//! The attributes of a tag, as spans of its text.
//!
//! Half of what Plex sends is attribute names and quotation marks, so they are read in one pass of their own. Whatever is not
//! the plain `name="value"` that Plex writes is left to quick-xml's lenient reader.

use super::json::write_string;
use quick_xml::events::attributes::Attributes as Lenient;
use std::borrow::Cow;

/// The attributes in the text of a tag, their values unresolved. What is no attribute is passed over, and of two of one
/// name the first counts.
pub(super) struct Attributes<'x> {
    all: &'x str,
    rest: &'x str,
    lenient: Option<Lenient<'x>>,
    /// The names so far, as a Bloom filter: twins are rare, and only a hit is looked into.
    seen: [u64; 16],
}

impl<'x> Attributes<'x> {
    /// The attributes in `all`, the text between a tag's name and its end.
    pub(super) fn new(all: &'x str) -> Self {
        Self { all, rest: all, lenient: None, seen: [0; 16] }
    }

    fn next_any(&mut self) -> Option<(&'x str, &'x str)> {
        if self.lenient.is_none() {
            self.rest = self.rest.trim_ascii_start();
            if self.rest.is_empty() {
                return None;
            }
            if let Some((name, value, rest)) = split_plain(self.rest) {
                self.rest = rest;
                return Some((name, value));
            }
            let mut lenient = Lenient::html(self.rest, 0);
            lenient.with_checks(false);
            self.lenient = Some(lenient);
        }
        self.lenient.as_mut()?.find_map(|attribute| match attribute.ok()? {
            attribute if !is_plain(attribute.key.0) => None,
            attribute => match attribute.value {
                Cow::Borrowed(value) => Some((attribute.key.0, value)),
                Cow::Owned(_) => None,
            },
        })
    }

    fn is_first_of_its_name(&mut self, name: &str) -> bool {
        let bit = fingerprint(name.as_bytes()) % 1024;
        let Some(word) = self.seen.get_mut(bit / 64) else { return true };
        let mask = 1 << (bit % 64);
        let maybe_twin = *word & mask != 0;
        *word |= mask;
        // Another pass over the same text: the first of that name is this very one, or it is not.
        !maybe_twin || first_of_name(self.all, name).is_none_or(|(first, _)| std::ptr::eq(first, name))
    }
}

impl<'x> Iterator for Attributes<'x> {
    type Item = (&'x str, &'x str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (name, value) = self.next_any()?;
            if self.is_first_of_its_name(name) {
                return Some((name, value));
            }
        }
    }
}

/// The resolved value of the attribute called `name`.
pub(super) fn attribute<'x>(all: &'x str, name: &str) -> Option<Cow<'x, str>> {
    let (_, value) = first_of_name(all, name)?;
    resolve(value)
}

/// The text that an attribute's raw value stands for.
pub(super) fn resolve(value: &str) -> Option<Cow<'_, str>> {
    if value.bytes().all(|byte| byte >= 0x20 && byte != b'&') {
        return Some(Cow::Borrowed(value));
    }
    let mut json = Vec::with_capacity(value.len() + 2);
    write_string(&mut json, value);
    serde_json::from_slice(&json).ok().map(Cow::Owned)
}

/// Splits `name="value"` off; none where the text is anything else.
pub(super) fn split_plain(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_at_checked(text.bytes().position(|byte| !is_plain_byte(byte))?)?;
    let (b'=', quote @ (b'"' | b'\'')) = (*rest.as_bytes().first()?, *rest.as_bytes().get(1)?) else { return None };
    let rest = rest.get(2..).filter(|_| !name.is_empty())?;
    let end = memchr::memchr(quote, rest.as_bytes())?;
    Some((name, rest.get(..end)?, rest.get(end + 1..)?))
}

/// Whether a name is one that can be written into JSON as it is.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_plain_byte)
}

/// Whether a byte may stand in such a name.
pub(super) fn is_plain_byte(byte: u8) -> bool {
    PLAIN.get(usize::from(byte)).is_some_and(|plain| *plain)
}

#[expect(clippy::indexing_slicing, reason = "runs at compile time, where a wrong index is a compile error")]
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        plain[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':' | b'.');
        byte += 1;
    }
    plain
};

fn first_of_name<'x>(all: &'x str, name: &str) -> Option<(&'x str, &'x str)> {
    let mut attributes = Attributes::new(all);
    std::iter::from_fn(|| attributes.next_any()).find(|(found, _)| *found == name)
}

/// A number that differs for most names of Plex's, from what is cheapest to look at.
pub(super) const fn fingerprint(name: &[u8]) -> usize {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else { return 0 };
    let middle = match name.split_at_checked(name.len() / 2) {
        Some((_, [middle, ..])) => *middle,
        _ => 0,
    };
    (first as usize * 7) ^ (last as usize * 61) ^ (middle as usize * 331) ^ (name.len() * 1237)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(all: &str) -> Vec<(&str, &str)> {
        Attributes::new(all).collect()
    }

    #[test]
    fn plain_and_odd_attributes_are_read_side_by_side() {
        assert_eq!(read(r#" a="1" b='2"' c="""#), [("a", "1"), ("b", "2\""), ("c", "")]);
        assert_eq!(read(r#" a = "1" b=2 flag c="x=y" "#), [("a", "1"), ("b", "2"), ("flag", ""), ("c", "x=y")]);
        assert_eq!(read("\n a=\"1\"\tb=\"<&>\"\n"), [("a", "1"), ("b", "<&>")]);
        assert_eq!(read(""), []);
        assert_eq!(read(" a=\"1\" b=\"never ends"), [("a", "1")]);
    }

    #[test]
    fn the_first_of_twins_counts() {
        assert_eq!(read(r#"a="1" b="2" a="3" a="4" b="5""#), [("a", "1"), ("b", "2")]);
        let many: Vec<_> = (0..2000).map(|n| format!("n{n}=\"{n}\"")).collect();
        assert_eq!(read(&many.join(" ")).len(), 2000, "hits of the filter that are no twins");
    }

    #[test]
    fn values_are_resolved_where_needed() {
        assert_eq!(attribute(r#"a="1" b="x&amp;y""#, "b").as_deref(), Some("x&y"));
        assert!(matches!(attribute(r#"a="1""#, "a"), Some(Cow::Borrowed("1"))));
        assert_eq!(attribute(r#"a="1""#, "b"), None);
    }
}
