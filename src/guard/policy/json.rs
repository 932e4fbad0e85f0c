//! Reading a policy that is written in JSON, with the place of every value. Keys that come twice are faults.

use super::tree::{Content, Entry, Fault, Written};
use std::ops::Range;

/// No policy nests deeper.
const MAX_DEPTH: usize = 32;

/// The tree, and what is wrong with the text: all keys that come twice, and the first fault of the language.
pub(super) fn read(text: &str) -> (Written, Vec<Fault>) {
    let mut parser = Parser { text, at: 0, faults: Vec::new() };
    let tree = parser.value(0).and_then(|tree| {
        parser.skip_blanks();
        if parser.at == text.len() { Ok(tree) } else { Err(parser.fault("nothing may follow the policy's object")) }
    });
    let tree = tree.unwrap_or_else(|fault| {
        parser.faults.push(fault);
        Written { span: 0..0, value: Content::Nothing }
    });
    (tree, parser.faults)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    faults: Vec<Fault>,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fault(&self, message: &str) -> Fault {
        Fault { at: self.at..self.at, message: message.to_owned() }
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Takes that character, behind any blanks.
    fn takes(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let found = self.rest().starts_with(wanted);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Written, Fault> {
        self.skip_blanks();
        let start = self.at;
        if depth > MAX_DEPTH {
            return Err(self.fault("nests too deep"));
        }
        let value = match self.rest().chars().next() {
            Some('{') => self.table(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Content::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Written { span: start..self.at, value })
    }

    fn table(&mut self, depth: usize) -> Result<Content, Fault> {
        self.at += 1;
        let mut entries: Vec<Entry> = Vec::new();
        if self.takes('}') {
            return Ok(Content::Table(entries));
        }
        loop {
            self.skip_blanks();
            let start = self.at;
            if !self.rest().starts_with('"') {
                return Err(self.fault("expected a key in quotes"));
            }
            let key = self.string()?;
            let span = start..self.at;
            if !self.takes(':') {
                return Err(self.fault("expected `:` behind the key"));
            }
            let value = self.value(depth + 1)?;
            if entries.iter().any(|entry| entry.key == key) {
                self.faults.push(Fault { at: span, message: format!("duplicate key `{key}`") });
            } else {
                entries.push(Entry { key, span, value });
            }
            if self.takes('}') {
                return Ok(Content::Table(entries));
            }
            if !self.takes(',') {
                return Err(self.fault("expected `,` or `}`"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Content, Fault> {
        self.at += 1;
        let mut values = Vec::new();
        if self.takes(']') {
            return Ok(Content::List(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            if self.takes(']') {
                return Ok(Content::List(values));
            }
            if !self.takes(',') {
                return Err(self.fault("expected `,` or `]`"));
            }
        }
    }

    /// A text in quotes.
    fn string(&mut self) -> Result<String, Fault> {
        let mut escaped = false;
        let end = self.rest().char_indices().skip(1).find(|&(_, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some((end, _)) = end else { return Err(self.fault("the text has no closing quote")) };
        self.scalar(end + 1, "is no text of JSON: an escape or a control character is wrong")
    }

    fn number(&mut self) -> Result<Content, Fault> {
        let rest = self.rest();
        let len = rest.find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        let digits = rest.get(..len).unwrap_or_default().to_owned();
        // A number that is too large for the parser of the language is still one.
        if !digits.contains(['.', 'e', 'E']) && digits.trim_start_matches('-').len() > 18 {
            self.at += len;
            return Ok(Content::Whole(digits.parse().ok(), digits));
        }
        let number: serde_json::Number = self.scalar(len, "is no number of JSON")?;
        Ok(match number.as_i64() {
            Some(whole) => Content::Whole(Some(whole.into()), digits),
            None => Content::Fraction(number.as_f64().unwrap_or(f64::NAN)),
        })
    }

    fn scalar<T: serde::de::DeserializeOwned>(&mut self, len: usize, wrong: &str) -> Result<T, Fault> {
        let span: Range<usize> = self.at..self.at + len;
        let text = self.text.get(span.clone()).unwrap_or_default();
        let value = serde_json::from_str(text).map_err(|_| Fault { at: span, message: wrong.to_owned() })?;
        self.at += len;
        Ok(value)
    }

    fn word(&mut self) -> Result<Content, Fault> {
        for (word, value) in
            [("true", Content::Flag(true)), ("false", Content::Flag(false)), ("null", Content::Nothing)]
        {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.fault("expected a value"))
    }
}
