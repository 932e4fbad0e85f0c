//! Titles, compared as people write them.

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
}
