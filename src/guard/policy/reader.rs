//! Walking a TOML tree with strict types, and gathering every fault with its place in the text.

use super::error::{PolicyError, PolicyErrors};
use crate::guard::limit::LONGEST_WINDOW;
use std::{ops::Range, time::Duration};
use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

/// The words that a window may be, beside a number of seconds.
const WINDOWS: [(&str, u64); 3] = [("minute", 60), ("hour", 60 * 60), ("day", 24 * 60 * 60)];

/// A value of the policy and where it stands.
pub(super) struct Node<'a> {
    value: &'a Spanned<DeValue<'a>>,
    /// The JSON pointer.
    pub(super) at: String,
}

/// A table of the policy and where it stands.
pub(super) struct Table<'a> {
    entries: &'a DeTable<'a>,
    span: Range<usize>,
    /// The JSON pointer.
    pub(super) at: String,
}

impl<'a> Table<'a> {
    pub(super) fn root(entries: &'a DeTable<'a>) -> Self {
        Self { entries, span: 0..0, at: String::new() }
    }

    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        self.entries.get(key).map(|value| Node { value, at: pointer(&self.at, key) })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Range<usize>, Node<'a>)> + use<'a> {
        let at = self.at.clone();
        self.entries.iter().map(move |(key, value)| {
            (key.get_ref().as_ref(), key.span(), Node { value, at: pointer(&at, key.get_ref()) })
        })
    }
}

/// RFC 6901.
fn pointer(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Reads values and notes what is wrong with them; a value that is wrong reads as none.
pub(super) struct Reader<'a> {
    text: &'a str,
    faults: Vec<(usize, PolicyError)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, faults: Vec::new() }
    }

    /// The tree. Where the text is no TOML, its faults are all that is reported: what follows from them would mislead.
    pub(super) fn parse(&mut self) -> Result<Spanned<DeTable<'a>>, PolicyErrors> {
        let (tree, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            self.fault(error.span().unwrap_or(0..0), "", error.message());
        }
        self.finish()?;
        Ok(tree)
    }

    /// The faults so far, as an error.
    pub(super) fn finish(&mut self) -> Result<(), PolicyErrors> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let mut faults = std::mem::take(&mut self.faults);
        faults.sort_by_key(|(start, _)| *start);
        Err(PolicyErrors(faults.into_iter().map(|(_, error)| error).collect()))
    }

    fn fault(&mut self, span: Range<usize>, at: &str, message: impl Into<String>) {
        let (line, column) = self.position(span.start);
        let error = PolicyError { line, column, path: at.to_owned(), message: message.into() };
        self.faults.push((span.start, error));
    }

    /// Notes a fault of a value.
    pub(super) fn reject(&mut self, node: &Node<'_>, message: impl Into<String>) {
        self.fault(node.value.span(), &node.at, message);
    }

    /// Line and column of a byte, both from 1.
    fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// The line a value begins on, for warnings.
    pub(super) fn line(&self, node: &Node<'_>) -> usize {
        self.position(node.value.span().start).0
    }

    pub(super) fn table(&mut self, node: &Node<'a>) -> Option<Table<'a>> {
        match node.value.get_ref() {
            DeValue::Table(entries) => Some(Table { entries, span: node.value.span(), at: node.at.clone() }),
            _ => self.mistyped(node, "a table"),
        }
    }

    /// The table at a key, where there is one.
    pub(super) fn table_at(&mut self, table: &Table<'a>, key: &str) -> Option<Table<'a>> {
        let node = table.get(key)?;
        self.table(&node)
    }

    pub(super) fn list(&mut self, node: &Node<'a>) -> Option<Vec<Node<'a>>> {
        match node.value.get_ref() {
            DeValue::Array(values) => Some(
                values.iter().enumerate().map(|(i, value)| Node { value, at: format!("{}/{i}", node.at) }).collect(),
            ),
            _ => self.mistyped(node, "a list"),
        }
    }

    pub(super) fn text(&mut self, node: &Node<'a>) -> Option<&'a str> {
        match node.value.get_ref() {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.mistyped(node, "a text"),
        }
    }

    /// A text that has something in it.
    pub(super) fn sentence(&mut self, node: &Node<'a>) -> Option<String> {
        let text = self.text(node)?.trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            self.reject(node, "must be one line of text");
            return None;
        }
        Some(text.to_owned())
    }

    /// Whether a value is that text.
    pub(super) fn is_text(node: &Node<'a>, text: &str) -> bool {
        matches!(node.value.get_ref(), DeValue::String(value) if value == text)
    }

    pub(super) fn whole(&mut self, node: &Node<'a>, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let DeValue::Integer(number) = node.value.get_ref() else {
            return self.mistyped(node, "a whole number");
        };
        let value = integer(number).filter(|value| range.contains(value));
        if value.is_none() {
            self.reject(
                node,
                format!("must be a whole number from {} to {}, not {number}", range.start(), range.end()),
            );
        }
        value
    }

    pub(super) fn choice<T: Copy>(&mut self, node: &Node<'a>, all: &[T], name: fn(T) -> &'static str) -> Option<T> {
        let text = self.text(node)?;
        let found = all.iter().copied().find(|&value| name(value) == text);
        if found.is_none() {
            let names: Vec<_> = all.iter().map(|&value| name(value)).collect();
            self.reject(node, format!("`{text}` is not known; it is one of {}", one_of(text, &names)));
        }
        found
    }

    pub(super) fn window(&mut self, node: &Node<'a>) -> Option<Duration> {
        let seconds = if let DeValue::String(text) = node.value.get_ref() {
            let found = WINDOWS.iter().find(|(name, _)| name == text).map(|(_, seconds)| *seconds);
            if found.is_none() {
                let names = WINDOWS.map(|(name, _)| name);
                let names = one_of(text, &names);
                self.reject(node, format!("`{text}` is no window; it is one of {names}, or a number of seconds"));
            }
            found
        } else {
            self.whole(node, 1..=LONGEST_WINDOW.as_secs())
        };
        seconds.map(Duration::from_secs)
    }

    pub(super) fn required(&mut self, table: &Table<'a>, key: &str) -> Option<Node<'a>> {
        let node = table.get(key);
        if node.is_none() {
            self.fault(table.span.clone(), &table.at, format!("`{key}` is missing"));
        }
        node
    }

    /// Notes every key that is not among the known ones. `what` names them: "key", "tool".
    pub(super) fn known(&mut self, table: &Table<'a>, what: &str, names: &[&str]) {
        for (key, span, node) in table.entries() {
            if !names.contains(&key) {
                self.unknown(span, &node.at, what, key, names);
            }
        }
    }

    /// A text that is one of the known names.
    pub(super) fn known_text(&mut self, node: &Node<'a>, what: &str, names: &[&str]) -> Option<&'a str> {
        let text = self.text(node)?;
        if !names.contains(&text) {
            self.unknown(node.value.span(), &node.at, what, text, names);
            return None;
        }
        Some(text)
    }

    fn unknown(&mut self, span: Range<usize>, at: &str, what: &str, name: &str, names: &[&str]) {
        let hint = match nearest(name, names) {
            Some(near) => format!("; did you mean `{near}`?"),
            None if names.len() <= 10 => format!("; it is one of {}", names.join(", ")),
            None => String::new(),
        };
        self.fault(span, at, format!("there is no {what} `{name}`{hint}"));
    }

    fn mistyped<T>(&mut self, node: &Node<'_>, wanted: &str) -> Option<T> {
        let found = match node.value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.reject(node, format!("must be {wanted}, not {found}"));
        None
    }
}

fn integer(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str().trim_start_matches('+'), number.radix()).ok()
}

/// The right name that a wrong one most resembles, if it does.
fn nearest<'n>(name: &str, names: &[&'n str]) -> Option<&'n str> {
    let name = name.to_lowercase();
    names
        .iter()
        .map(|&known| (strsim::normalized_damerau_levenshtein(&name, known), known))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// The names in a row, the nearest to the wrong one first.
fn one_of(wrong: &str, names: &[&str]) -> String {
    let near = nearest(wrong, names);
    let rest = names.iter().copied().filter(|&name| Some(name) != near);
    near.into_iter().chain(rest).collect::<Vec<_>>().join(", ")
}
