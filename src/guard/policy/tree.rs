//! A policy's text as a tree, whichever of the two languages it is written in: every value and key with its place.

use super::json;
use std::ops::Range;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A value and where it stands, in bytes of the text.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) span: Range<usize>,
    pub(super) value: Content,
}

/// A key of a table with its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) value: Written,
}

/// What a value holds.
#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    /// A whole number, if it has fewer than 38 digits, and how it is written.
    Whole(Option<i128>, String),
    Fraction(f64),
    Flag(bool),
    Date,
    Nothing,
    List(Vec<Written>),
    Table(Vec<Entry>),
}

/// Something that the text's language does not allow.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: Range<usize>,
    pub(super) message: String,
}

/// What TOML's parser says of a key that comes twice, without naming it.
const DUPLICATE: &str = "duplicate key";

/// Reads a text: JSON where it begins with a brace, which no TOML does.
pub(super) fn read(text: &str) -> (Written, Vec<Fault>) {
    if is_json(text) { json::read(text) } else { read_toml(text) }
}

/// Whether a policy is written in JSON.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

fn read_toml(text: &str) -> (Written, Vec<Fault>) {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let fault = |error: toml::de::Error| {
        let at = error.span().unwrap_or(0..0);
        let message = match (error.message(), text.get(at.clone())) {
            (DUPLICATE, Some(key)) if !key.is_empty() => format!("{DUPLICATE} `{}`", key.trim_matches(['"', '\''])),
            (message, _) => message.to_owned(),
        };
        Fault { at, message }
    };
    let faults = errors.into_iter().map(fault).collect();
    // The table as a whole stands at the beginning, wherever its first key is.
    (Written { span: 0..0, value: table(tree.get_ref()) }, faults)
}

fn table(entries: &DeTable<'_>) -> Content {
    let mut entries: Vec<Entry> = entries
        .iter()
        .map(|(key, value)| Entry { key: key.get_ref().to_string(), span: key.span(), value: written(value) })
        .collect();
    entries.sort_by_key(|entry| entry.span.start);
    Content::Table(entries)
}

fn written(value: &Spanned<DeValue<'_>>) -> Written {
    let content = match value.get_ref() {
        DeValue::String(text) => Content::Text(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().trim_start_matches('+');
            Content::Whole(i128::from_str_radix(digits, number.radix()).ok(), number.to_string())
        }
        DeValue::Float(number) => Content::Fraction(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Content::Flag(*flag),
        DeValue::Datetime(_) => Content::Date,
        DeValue::Array(values) => Content::List(values.iter().map(written).collect()),
        DeValue::Table(entries) => table(entries),
    };
    Written { span: value.span(), value: content }
}
