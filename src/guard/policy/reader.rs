//! Walking a policy's tree with strict types, and gathering every fault with its place in the text.

use super::{
    error::{PolicyError, PolicyErrors},
    keys::Key,
    tree::{self, Content, Entry, Written},
};
use crate::guard::{condition::Operand, limit::LONGEST_WINDOW};
use std::{ops::Range, time::Duration};

/// The words that a window may be, beside a number of seconds.
pub(super) const WINDOWS: [(&str, u64); 3] = [("minute", 60), ("hour", 60 * 60), ("day", 24 * 60 * 60)];

/// A value of the policy and where it stands.
pub(super) struct Node<'a> {
    written: &'a Written,
    /// The JSON pointer.
    pub(super) at: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(written: &'a Written) -> Self {
        Self { written, at: String::new() }
    }

    /// Where in the text it begins.
    pub(super) fn start(&self) -> usize {
        self.written.span.start
    }
}

/// A table of the policy and where it stands.
pub(super) struct Table<'a> {
    entries: &'a [Entry],
    span: Range<usize>,
    /// The JSON pointer.
    pub(super) at: String,
}

impl<'a> Table<'a> {
    pub(super) fn get(&self, key: &str) -> Option<Node<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Node { written: &entry.value, at: pointer(&self.at, key) })
    }

    /// Keys, their places and values, in the order of the text.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Range<usize>, Node<'a>)> + use<'a> {
        let at = self.at.clone();
        self.entries.iter().map(move |entry| {
            let node = Node { written: &entry.value, at: pointer(&at, &entry.key) };
            (entry.key.as_str(), entry.span.clone(), node)
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

    /// The tree. Where the text is neither TOML nor JSON, its faults are all that is reported: what follows from them would
    /// mislead.
    pub(super) fn parse(&mut self) -> Result<Written, PolicyErrors> {
        let (tree, faults) = tree::read(self.text);
        for fault in faults {
            self.fault(fault.at, "", fault.message);
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
        self.fault(node.written.span.clone(), &node.at, message);
    }

    /// Line and column of a byte, both from 1.
    fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// The line of a byte, for warnings.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.position(byte).0
    }

    pub(super) fn table(&mut self, node: &Node<'a>) -> Option<Table<'a>> {
        match &node.written.value {
            Content::Table(entries) => Some(Table { entries, span: node.written.span.clone(), at: node.at.clone() }),
            _ => self.mistyped(node, "a table"),
        }
    }

    /// The value at a key, where there is one.
    pub(super) fn read_at<T>(
        &mut self,
        table: &Table<'a>,
        key: &str,
        read: impl FnOnce(&mut Self, &Node<'a>) -> Option<T>,
    ) -> Option<T> {
        let node = table.get(key)?;
        read(self, &node)
    }

    /// The table at a key, where there is one.
    pub(super) fn table_at(&mut self, table: &Table<'a>, key: &str) -> Option<Table<'a>> {
        let node = table.get(key)?;
        self.table(&node)
    }

    pub(super) fn list(&mut self, node: &Node<'a>) -> Option<Vec<Node<'a>>> {
        match &node.written.value {
            Content::List(values) => Some(
                values
                    .iter()
                    .enumerate()
                    .map(|(i, written)| Node { written, at: format!("{}/{i}", node.at) })
                    .collect(),
            ),
            _ => self.mistyped(node, "a list"),
        }
    }

    pub(super) fn text(&mut self, node: &Node<'a>) -> Option<&'a str> {
        match &node.written.value {
            Content::Text(text) => Some(text),
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
        matches!(&node.written.value, Content::Text(value) if value == text)
    }

    pub(super) fn whole(&mut self, node: &Node<'a>, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let Content::Whole(number, written) = &node.written.value else {
            return self.mistyped(node, "a whole number");
        };
        let value = number.and_then(|number| u64::try_from(number).ok()).filter(|value| range.contains(value));
        if value.is_none() {
            self.reject(
                node,
                format!("must be a whole number from {} to {}, not {written}", range.start(), range.end()),
            );
        }
        value
    }

    pub(super) fn flag(&mut self, node: &Node<'a>) -> Option<bool> {
        match node.written.value {
            Content::Flag(flag) => Some(flag),
            _ => self.mistyped(node, "true or false"),
        }
    }

    /// A single value to compare with.
    pub(super) fn operand(&mut self, node: &Node<'a>) -> Option<Operand> {
        match &node.written.value {
            Content::Text(text) => Some(Operand::text(text)),
            Content::Whole(Some(whole), _) => Some(Operand::Whole(*whole)),
            Content::Fraction(fraction) if fraction.is_finite() => Some(Operand::Fraction(*fraction)),
            Content::Flag(flag) => Some(Operand::Flag(*flag)),
            _ => self.mistyped(node, "a text, a number, true or false"),
        }
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
        let seconds = if let Content::Text(text) = &node.written.value {
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

    /// Notes every key that a table may not have.
    pub(super) fn keys(&mut self, table: &Table<'a>, keys: &[Key]) {
        self.known(table, "key", &keys.iter().map(|key| key.name).collect::<Vec<_>>());
    }

    /// Notes every key that is not among the known ones. `what` names them: "kind", "tool".
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
            self.unknown(node.written.span.clone(), &node.at, what, text, names);
            return None;
        }
        Some(text)
    }

    /// Notes that a value names something that there is not.
    pub(super) fn unknown_name(&mut self, node: &Node<'_>, what: &str, name: &str, names: &[&str]) {
        self.unknown(node.written.span.clone(), &node.at, what, name, names);
    }

    fn unknown(&mut self, span: Range<usize>, at: &str, what: &str, name: &str, names: &[&str]) {
        let hint = match nearest(name, names) {
            Some(near) => format!("; did you mean `{near}`?"),
            None if names.is_empty() => "; there is none here".to_owned(),
            None if names.len() <= 20 => format!("; it is one of {}", names.join(", ")),
            None => String::new(),
        };
        self.fault(span, at, format!("there is no {what} `{name}`{hint}"));
    }

    fn mistyped<T>(&mut self, node: &Node<'_>, wanted: &str) -> Option<T> {
        let found = match &node.written.value {
            Content::Text(_) => "a text",
            Content::Whole(..) => "a whole number",
            Content::Fraction(_) => "a number with a fraction",
            Content::Flag(_) => "true or false",
            Content::Date => "a date",
            Content::Nothing => "null",
            Content::List(_) => "a list",
            Content::Table(_) => "a table",
        };
        self.reject(node, format!("must be {wanted}, not {found}"));
        None
    }
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
pub(super) fn one_of(wrong: &str, names: &[&str]) -> String {
    let near = nearest(wrong, names);
    let rest = names.iter().copied().filter(|&name| Some(name) != near);
    near.into_iter().chain(rest).collect::<Vec<_>>().join(", ")
}
