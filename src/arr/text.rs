//! Texts: compared as people write them, and passed on without what hides or reorders them.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// A text in small letters and without accents, to be searched in.
pub fn folded(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// Whether two titles are the same but for case, accents, punctuation and articles, or one begins with the other: `Name`
/// and `Name (2019)`.
pub fn names_same(a: &str, b: &str) -> bool {
    let (a, b) = (letters(a), letters(b));
    !a.is_empty() && !b.is_empty() && (a.starts_with(&b) || b.starts_with(&a))
}

fn letters(text: &str) -> String {
    let words = folded(text).replace('&', " and ");
    let words = words.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    let mut words: Vec<_> = words.map(|word| word.replace('\'', "")).collect();
    if words.len() > 1 && words.first().is_some_and(|first| matches!(first.as_str(), "the" | "a" | "an")) {
        words.remove(0);
    }
    words.concat()
}

/// What a service says, for people: without controls and marks that reorder text, and not too long.
pub(super) fn said(text: &str, most: usize) -> String {
    let seen = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let words: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(seen).collect();
    let mut short: String = words.trim().chars().take(most).collect();
    if short.len() < words.trim().len() {
        short.push('\u{2026}');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_compared_as_people_write_them() {
        for (a, b) in [
            ("The Hollow Compass", "hollow compass"),
            ("Amélie & Co.", "Amelie and Co"),
            ("Nobody's Harbour", "Nobodys Harbour (2019)"),
            ("日本語", "日本語"),
            ("The", "the"),
        ] {
            assert!(names_same(a, b), "{a} {b}");
        }
        for (a, b) in [("Hollow Compass", "Compass"), ("", "x"), ("!", "!"), ("Brass", "Bronze")] {
            assert!(!names_same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn what_services_say_is_plain_and_short() {
        assert_eq!(said(" a\u{1b}[31m\n b\u{202e} ", 50), "a[31m  b");
        assert_eq!(said(&"x".repeat(9), 4), "xxxx\u{2026}");
    }
}
