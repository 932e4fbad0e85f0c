//! The attributes that a server's elements have, learnt while they are written.
//!
//! The rows of a library are alike: after `ratingKey` there is `key`, after `key` there is `guid`. So the next name is guessed
//! from the one before, and a guess that holds saves the search for the name's end, its type, its place among the twins and the
//! putting together of its key in JSON. Whatever is not the plain `name="value"` that Plex writes is left to others.

use super::{
    attributes::{fingerprint, split_plain},
    fields::{FieldType, field_type},
    iso,
    json::write_typed,
    selection::Shape,
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
    /// `name="`
    begins: String,
    /// `,"name":`
    key: Vec<u8>,
    kind: FieldType,
    /// The element that had it last: of two of one name in an element the first counts.
    stamp: u64,
    /// What came behind it, the last two times that differ.
    next: [usize; 2],
}

impl Vocabulary {
    /// Appends all attributes in `raw`, the text between an element's name and its end, as members of a JSON object. False
    /// where there is something unusual among them: then nothing that was appended counts.
    pub(super) fn write(
        &mut self,
        out: &mut Vec<u8>,
        first: &mut bool,
        (element, raw): (&str, &str),
        shape: Shape<'_>,
    ) -> bool {
        let Some(of) = self.element(element) else { return false };
        self.stamp += 1;
        let mut before = NONE;
        let mut rest = raw;
        loop {
            rest = rest.strip_prefix(' ').unwrap_or(rest);
            let Some((word, behind)) = self.guess(of, before, rest) else {
                rest = rest.trim_ascii_start();
                if rest.is_empty() {
                    return true;
                }
                let Some((name, value, behind)) = split_plain(rest) else { return false };
                let Some(word) = self.word(of, name) else { return false };
                self.learn(of, before, word);
                self.put(out, first, word, value, shape);
                (before, rest) = (word, behind);
                continue;
            };
            let Some((value, behind)) = split_quote(behind) else { return false };
            self.put(out, first, word, value, shape);
            (before, rest) = (word, behind);
        }
    }

    fn put(&mut self, out: &mut Vec<u8>, first: &mut bool, word: usize, value: &str, shape: Shape<'_>) {
        let stamp = self.stamp;
        let Some(word) = self.words.get_mut(word).filter(|word| word.stamp != stamp) else { return };
        word.stamp = stamp;
        if shape.writes(&word.name) {
            let key = if std::mem::replace(first, false) { word.key.get(1..) } else { Some(word.key.as_slice()) };
            out.extend_from_slice(key.unwrap_or_default());
            write_typed(out, word.kind, value);
        }
        if shape.writes_date_of(&word.name) {
            iso::write_member(out, first, &word.name, value);
        }
    }

    /// The attribute that `rest` begins with, if it is one that came here before, and what is behind its first quotation mark.
    fn guess<'x>(&self, of: usize, before: usize, rest: &'x str) -> Option<(usize, &'x str)> {
        let next = match self.words.get(before) {
            Some(word) => word.next,
            None => self.elements.get(of)?.next,
        };
        let begins = |word: usize| Some((word, rest.strip_prefix(self.words.get(word)?.begins.as_str())?));
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

    fn element(&mut self, name: &str) -> Option<usize> {
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
        self.words.push(Word {
            name: name.to_owned(),
            begins: format!("{name}=\""),
            key: format!(",\"{name}\":").into_bytes(),
            kind: field_type(&element.name, name),
            stamp: 0,
            next: [NONE; 2],
        });
        Some(word)
    }
}

fn split_quote(text: &str) -> Option<(&str, &str)> {
    let end = memchr::memchr(b'"', text.as_bytes())?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}
