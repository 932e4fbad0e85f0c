//! The attributes that a server's elements have, learnt while they are written.
//!
//! The rows of a library are alike: after `ratingKey` there is `key`, after `key` there is `guid`. So the next name is guessed
//! from the one before, and a guess that holds saves the search for the name's end, its type, its place among the twins and the
//! putting together of its key in JSON. Whatever is not the plain `name="value"` that Plex writes is left to others.

use super::{
    attributes::{fingerprint, split_plain},
    fields::{FieldType, field_type},
    iso,
    json::{first_that_needs_care, write_key, write_typed},
    selection::Shape,
    tags::Span,
};

/// Elements and attributes of an element that are learnt; beyond is nothing that a Plex server sends.
const MOST: usize = 250;
/// Places where an element is looked for first.
const PLACES: usize = 64;
const NONE: usize = usize::MAX;

/// What was learnt so far.
#[derive(Debug)]
pub(super) struct Vocabulary {
    elements: Vec<Element>,
    /// Which element was last met at the place of its name.
    places: [usize; PLACES],
    words: Vec<Word>,
    /// Counts the elements that were written.
    stamp: u64,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self { elements: Vec::new(), places: [NONE; PLACES], words: Vec::new(), stamp: 0 }
    }
}

#[derive(Debug)]
struct Element {
    name: String,
    words: Vec<usize>,
    /// What its first attribute was, the last two times that differ.
    next: [usize; 2],
}

/// An attribute of an element.
#[derive(Debug)]
struct Word {
    name: String,
    /// ` name="`
    begins: Vec<u8>,
    /// The first sixteen bytes of that, and which of them count.
    head: u128,
    mask: u128,
    /// `,"name":`, for text with its first quotation mark, and then as much as is copied at once.
    key: Vec<u8>,
    key_length: usize,
    kind: FieldType,
    /// The element that had it last: of two of one name in an element the first counts.
    stamp: u64,
    /// What came behind it, the last two times that differ.
    next: [usize; 2],
}

impl Word {
    fn new(element: &str, name: &str) -> Self {
        let begins = format!(" {name}=\"").into_bytes();
        let (mut head, mut mask) = ([0; 16], [0; 16]);
        for ((head, mask), byte) in head.iter_mut().zip(&mut mask).zip(&begins) {
            (*head, *mask) = (*byte, 0xff);
        }
        let kind = field_type(element, name);
        let mut key = format!(",\"{name}\":").into_bytes();
        if kind == FieldType::Text {
            key.push(b'"');
        }
        let key_length = key.len();
        key.resize(key_length + SHORT, 0);
        let (head, mask) = (u128::from_le_bytes(head), u128::from_le_bytes(mask));
        Self { name: name.to_owned(), begins, head, mask, key, key_length, kind, stamp: 0, next: [NONE; 2] }
    }

    /// Whether `rest`, which begins with `head`, begins with this attribute.
    fn begins(&self, head: u128, rest: &[u8]) -> bool {
        head & self.mask == self.head && (self.begins.len() <= 16 || rest.starts_with(&self.begins))
    }
}

impl Vocabulary {
    /// Appends all attributes in `raw`, the piece of `text` between an element's name and its end, as members of a JSON object.
    /// False where there is something unusual among them: then nothing that was appended counts.
    pub(super) fn write(
        &mut self,
        out: &mut Vec<u8>,
        first: &mut bool,
        element: usize,
        (text, raw): (&str, Span),
        shape: Shape<'_>,
    ) -> bool {
        self.stamp += 1;
        let whole = shape.is_whole();
        let (mut at, mut before) = (raw.start, NONE);
        loop {
            let rest = text.as_bytes().get(at..).unwrap_or_default();
            let Some((word, begins)) = self.guess(element, before, rest).filter(|(_, begins)| at + begins <= raw.end)
            else {
                let rest = text.get(at..raw.end).unwrap_or_default().trim_ascii_start();
                if rest.is_empty() {
                    return true;
                }
                let Some((name, value, behind)) = split_plain(rest) else { return false };
                let Some(word) = self.word(element, name) else { return false };
                self.learn(element, before, word);
                self.put(out, first, word, value, shape);
                (at, before) = (raw.end - behind.len(), word);
                continue;
            };
            let value = rest.get(begins..).unwrap_or_default();
            let clean = first_that_needs_care(value).unwrap_or(value.len());
            let length = if value.get(clean) == Some(&b'"') {
                Some(clean)
            } else {
                memchr::memchr(b'"', value.get(clean..).unwrap_or_default()).map(|more| clean + more)
            };
            let begin = at + begins;
            let Some(length) = length.filter(|length| begin + length < raw.end) else { return false };
            let piece = Span { start: begin, end: begin + length };
            if whole && length == clean {
                self.put_clean(out, first, word, text, piece);
            } else {
                self.put(out, first, word, piece.of(text), shape);
            }
            (at, before) = (begin + length + 1, word);
        }
    }

    /// Appends an attribute whose value can be copied as it is.
    fn put_clean(&mut self, out: &mut Vec<u8>, first: &mut bool, word: usize, text: &str, value: Span) {
        let stamp = self.stamp;
        let Some(word) = self.words.get_mut(word).filter(|word| word.stamp != stamp) else { return };
        word.stamp = stamp;
        let comma = usize::from(std::mem::replace(first, false));
        copy(out, word.key.get(comma..).unwrap_or_default(), word.key_length - comma);
        if word.kind == FieldType::Text {
            // Its second quotation mark is the one that ends it in XML.
            let bytes = text.as_bytes().get(value.start..).unwrap_or_default();
            copy(out, bytes, value.end - value.start + 1);
        } else {
            write_typed(out, word.kind, value.of(text));
        }
    }

    fn put(&mut self, out: &mut Vec<u8>, first: &mut bool, word: usize, value: &str, shape: Shape<'_>) {
        let stamp = self.stamp;
        let Some(word) = self.words.get_mut(word).filter(|word| word.stamp != stamp) else { return };
        word.stamp = stamp;
        if shape.writes(&word.name) {
            write_key(out, first, &word.name);
            write_typed(out, word.kind, value);
        }
        if shape.writes_date_of(&word.name) {
            iso::write_member(out, first, &word.name, value);
        }
    }

    /// The attribute that `rest` begins with, if it is one that came here before, and where its value begins.
    fn guess(&self, of: usize, before: usize, rest: &[u8]) -> Option<(usize, usize)> {
        let head = u128::from_le_bytes(*rest.first_chunk()?);
        let next = match self.words.get(before) {
            Some(word) => word.next,
            None => self.elements.get(of)?.next,
        };
        let begins = |word: usize| {
            let known = self.words.get(word)?;
            known.begins(head, rest).then_some((word, known.begins.len()))
        };
        let [last, other] = next;
        // One that is often left out: what came behind it may follow at once.
        begins(last).or_else(|| begins(other)).or_else(|| begins(self.words.get(last)?.next[0]))
    }

    fn learn(&mut self, of: usize, before: usize, word: usize) {
        let next = match self.words.get_mut(before) {
            Some(before) => Some(&mut before.next),
            None => self.elements.get_mut(of).map(|element| &mut element.next),
        };
        if let Some(next) = next {
            *next = [word, next[0]];
        }
    }

    /// What an element of that name is known by; none where there are more than any server sends.
    pub(super) fn element(&mut self, name: &str) -> Option<usize> {
        let place = fingerprint(name.as_bytes()) % PLACES;
        let found = self.places.get(place).copied().unwrap_or(NONE);
        if self.elements.get(found).is_some_and(|element| element.name == name) {
            return Some(found);
        }
        let known = self.elements.iter().position(|element| element.name == name);
        let element = known.or_else(|| {
            let room = self.elements.len() < MOST;
            room.then(|| {
                self.elements.push(Element { name: name.to_owned(), words: Vec::new(), next: [NONE; 2] });
                self.elements.len() - 1
            })
        })?;
        if let Some(place) = self.places.get_mut(place) {
            *place = element;
        }
        Some(element)
    }

    fn word(&mut self, of: usize, name: &str) -> Option<usize> {
        let element = self.elements.get_mut(of)?;
        let named = |word: &&usize| self.words.get(**word).is_some_and(|word| word.name == name);
        if let Some(word) = element.words.iter().find(named) {
            return Some(*word);
        }
        if element.words.len() >= MOST {
            return None;
        }
        let word = self.words.len();
        element.words.push(word);
        self.words.push(Word::new(&element.name, name));
        Some(word)
    }
}

/// Bytes that are copied at once where a text is short: cheaper than copying as many as there are.
const SHORT: usize = 32;

/// Appends the first `length` bytes of `text`, which may have more.
fn copy(out: &mut Vec<u8>, text: &[u8], length: usize) {
    match text.first_chunk::<SHORT>() {
        Some(short) if length <= SHORT => {
            let end = out.len() + length;
            out.extend_from_slice(short);
            out.truncate(end);
        }
        _ => out.extend_from_slice(text.get(..length).unwrap_or_default()),
    }
}
