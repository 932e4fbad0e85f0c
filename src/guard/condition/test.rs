//! Comparing one value with what a condition states.

use crate::guard::catalogue::ValueType;
use regex::{Regex, RegexBuilder};
use serde_json::{Number, Value};
use std::{borrow::Cow, cmp::Ordering};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// The most bytes of text that are looked at; a longer one can't be judged, and the call is refused.
const MAX_TEXT: usize = 64 << 10;

/// The most bytes that a compiled regular expression may take.
const MAX_REGEX: usize = 1 << 20;

/// Whole numbers up to here are exact as floats.
const EXACT: u128 = 1 << 53;

/// A value that a condition compares with.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::guard) enum Operand {
    /// In composed form.
    Text(String),
    Whole(i128),
    Fraction(f64),
    Flag(bool),
}

impl Operand {
    pub(in crate::guard) fn text(text: &str) -> Self {
        Self::Text(composed(text).into_owned())
    }

    /// Whether it can be compared with values of that type. Nothing is converted, so a text never equals a number.
    pub(in crate::guard) fn fits(&self, takes: &ValueType) -> bool {
        match (self, takes) {
            (Self::Text(_), ValueType::Text)
            | (Self::Whole(_), ValueType::Integer)
            | (Self::Flag(_), ValueType::Flag) => true,
            (Self::Whole(whole), ValueType::Number) => whole.unsigned_abs() <= EXACT,
            (Self::Fraction(fraction), ValueType::Number) => fraction.is_finite(),
            _ => false,
        }
    }

    pub(in crate::guard) fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a whole number",
            Self::Fraction(_) => "a number with a fraction",
            Self::Flag(_) => "true or false",
        }
    }

    /// Where the value stands to this one; none where they can't be compared.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Text(own), Value::String(text)) if text.len() <= MAX_TEXT => {
                Some(composed(text).as_ref().cmp(own.as_str()))
            }
            (Self::Flag(own), Value::Bool(flag)) => Some(flag.cmp(own)),
            (Self::Whole(own), Value::Number(number)) => match whole(number) {
                Some(whole) => Some(whole.cmp(own)),
                None => number.as_f64()?.partial_cmp(&as_float(*own)?),
            },
            (Self::Fraction(own), Value::Number(number)) => match whole(number) {
                Some(whole) => as_float(whole)?.partial_cmp(own),
                None => number.as_f64()?.partial_cmp(own),
            },
            _ => None,
        }
    }
}

fn whole(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn as_float(whole: i128) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "checked to be exact")]
    (whole.unsigned_abs() <= EXACT).then_some(whole as f64)
}

/// One letter, one form: e and an accent compare as é.
fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// What is asked of a value.
#[derive(Clone, Debug)]
pub(in crate::guard) enum Test {
    Eq(Operand),
    Neq(Operand),
    In(Vec<Operand>),
    NotIn(Vec<Operand>),
    Lt(Operand),
    Lte(Operand),
    Gt(Operand),
    Gte(Operand),
    Contains(Operand),
    Exists(bool),
    Regex(Regex),
}

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::guard) enum Finding {
    Holds,
    Fails,
    /// There is no value.
    Missing,
    /// The value is too long, or is not of the type that it was said to have: nothing can be said of it.
    Unfit,
}

impl From<bool> for Finding {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

impl Test {
    /// Tries a value. Null counts as none.
    pub(in crate::guard) fn find(&self, value: Option<&Value>) -> Finding {
        let value = value.filter(|value| !value.is_null());
        if let Self::Exists(wanted) = self {
            return (value.is_some() == *wanted).into();
        }
        let Some(value) = value else { return Finding::Missing };
        self.holds(value).map_or(Finding::Unfit, Finding::from)
    }

    fn holds(&self, value: &Value) -> Option<bool> {
        match self {
            Self::Eq(own) => own.compare(value).map(Ordering::is_eq),
            Self::Neq(own) => own.compare(value).map(Ordering::is_ne),
            Self::In(all) => is_among(all, value),
            Self::NotIn(all) => is_among(all, value).map(|among| !among),
            Self::Lt(own) => own.compare(value).map(Ordering::is_lt),
            Self::Lte(own) => own.compare(value).map(Ordering::is_le),
            Self::Gt(own) => own.compare(value).map(Ordering::is_gt),
            Self::Gte(own) => own.compare(value).map(Ordering::is_ge),
            Self::Contains(own) => match (own, value) {
                (Operand::Text(part), Value::String(_)) => text(value).map(|text| text.contains(part.as_str())),
                (_, Value::Array(members)) => members
                    .iter()
                    .try_fold(false, |found, member| own.compare(member).map(|order| found || order.is_eq())),
                _ => None,
            },
            Self::Regex(regex) => text(value).map(|text| regex.is_match(&text)),
            Self::Exists(wanted) => Some(*wanted),
        }
    }
}

fn is_among(all: &[Operand], value: &Value) -> Option<bool> {
    all.iter().try_fold(false, |found, own| own.compare(value).map(|order| found || order.is_eq()))
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    value.as_str().filter(|text| text.len() <= MAX_TEXT).map(composed)
}

/// Compiles a regular expression: to be found anywhere in a text, or to match all of it.
pub(in crate::guard) fn compile(pattern: &str, whole: bool) -> Result<Regex, String> {
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(MAX_REGEX).build();
    let fault = |error: regex::Error| match error {
        regex::Error::CompiledTooBig(_) => "is too large a regular expression".to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("is no regular expression: {last}")
        }
    };
    // By itself first: what is wrong with it must not be mended by what is put around it.
    let found = build(&composed(pattern)).map_err(fault)?;
    if !whole {
        return Ok(found);
    }
    let pattern = composed(pattern);
    // With (?x) a comment may end the pattern, and would take the bracket with it.
    build(&format!(r"\A(?:{pattern})\z")).or_else(|_| build(&format!("\\A(?:{pattern}\n)\\z"))).map_err(fault)
}
