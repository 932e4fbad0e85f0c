//! Other people's text on its way to the model. Titles, summaries and names come from metadata agents and shared users:
//! characters that hide or reorder text, or steer a terminal, are taken out of every result.

use super::error::ToolError;
use crate::unseen::is_unseen;
use serde_json::Value;

/// Cleans every text of a result.
pub fn clean(value: &mut Value) {
    match value {
        Value::String(text) => {
            if text.contains(is_unseen) {
                text.retain(|c| !is_unseen(c));
            }
        }
        Value::Array(members) => members.iter_mut().for_each(clean),
        Value::Object(members) => members.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text without what `clean` takes out.
pub fn cleaned(text: &str) -> String {
    text.chars().filter(|c| !is_unseen(*c)).collect()
}

/// The first `most` characters of `text`, with an ellipsis where something was cut.
pub fn shorten(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default().trim_end()),
    }
}

/// The words of a search, with every control character as a space.
pub fn query(field: &str, text: &str) -> Result<String, ToolError> {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = spaced.trim();
    if words.is_empty() { Err(ToolError::argument(field, "must not be empty")) } else { Ok(words.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_text_is_taken_out_and_the_rest_stays() {
        let mut value =
            serde_json::json!({"a": ["x\u{1b}[31mred\u{202e}dlrow\u{200b}", {"b": "\u{e0041}tag\u{7}"}], "n": 5});
        clean(&mut value);
        assert_eq!(value, serde_json::json!({"a": ["x[31mreddlrow", {"b": "tag"}], "n": 5}));
        for kept in ["日本語", "שלום", "👩\u{200d}👩\u{200d}👧", "e\u{301}", "line\nend"] {
            let mut value = Value::from(kept);
            clean(&mut value);
            assert_eq!(value, kept);
        }
    }

    #[test]
    fn controls_become_spaces_and_nothing_is_no_query() {
        assert_eq!(query("query", " a\nb\u{0}c ").unwrap(), "a b c");
        assert!(query("query", " \n ").is_err());
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shorten("日本語の題名".into(), 3), "日本語\u{2026}");
        assert_eq!(shorten("short".into(), 5), "short");
    }
}
