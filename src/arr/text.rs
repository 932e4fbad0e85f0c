//! Titles, compared as people write them.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// A text in small letters and without accents, to be searched in.
pub fn folded(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

/// Whether two titles are the same but for case, accents, punctuation and articles, and for what stands in brackets at the
/// end of one of them: `Name` and `Name (2019)`. A title that only begins like the other is another one.
pub fn names_same(a: &str, b: &str) -> bool {
    let same = |a: &str, b: &str| {
        let (a, b) = (letters(a), letters(b));
        !a.is_empty() && a == b
    };
    let bare = |title| in_brackets(title).map_or("", |(bare, _)| bare);
    same(a, b) || same(bare(a), b) || same(a, bare(b))
}

/// The year in brackets at the end of a title.
pub fn year_in_brackets(title: &str) -> Option<i64> {
    let (_, text) = in_brackets(title)?;
    (text.len() == 4).then(|| text.parse().ok()).flatten()
}

/// A title without what stands in brackets at its end, and that.
fn in_brackets(title: &str) -> Option<(&str, &str)> {
    let (bare, text) = title.trim().strip_suffix(')')?.rsplit_once('(')?;
    Some((bare, text.trim()))
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
        for (a, b) in [
            ("Hollow Compass", "Compass"),
            ("", "x"),
            ("!", "!"),
            ("Brass", "Bronze"),
            ("Harbour", "Harbours"),
            ("It", "It Was Never There"),
            ("Brass (1984)", "Brass (2021)"),
            ("(x)", "y"),
        ] {
            assert!(!names_same(a, b) && !names_same(b, a), "{a} {b}");
        }
        let years = ["Brass (1984)", " Brass ( 1984 ) ", "Brass (US)", "Brass (19845)", "1984"].map(year_in_brackets);
        assert_eq!(years, [Some(1984), Some(1984), None, None, None]);
    }
}
