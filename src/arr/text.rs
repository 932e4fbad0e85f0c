//! Titles, compared as people write them, and what the services say without the keys that it may hold.

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

/// Parameters whose values are keys of indexers and download clients, in small letters and without hyphens.
const SECRETS: [&str; 16] = [
    "accesstoken",
    "apikey",
    "auth",
    "authkey",
    "authtoken",
    "key",
    "pass",
    "passkey",
    "passwd",
    "password",
    "pwd",
    "rsskey",
    "secret",
    "token",
    "torrentpass",
    "xapikey",
];

/// What a service says, without values of parameters and addresses that sign in somewhere: it quotes the addresses that it
/// could not reach, with the keys of indexers and download clients.
pub(super) fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        shown.push_str(before);
        shown.push('=');
        let name = before.rsplit(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_')).next().unwrap_or_default();
        let name = name.replace(['-', '_'], "").to_ascii_lowercase();
        rest = after;
        if SECRETS.contains(&name.as_str()) {
            let ends =
                |c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'' | ')' | ']' | '<' | '>' | ',' | ';' | '|');
            let (_, behind) = after.split_at(after.find(ends).unwrap_or(after.len()));
            shown.push_str(HIDDEN);
            rest = behind;
        }
    }
    shown.push_str(rest);
    without_sign_ins(&shown)
}

const HIDDEN: &str = "[hidden]";

/// Addresses without `user:password@`.
fn without_sign_ins(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://");
        let (host, behind) = part.split_at(part.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(part.len()));
        match host.rsplit_once('@') {
            Some((_, host)) => shown.extend([HIDDEN, "@", host]),
            None => shown.push_str(host),
        }
        shown.push_str(behind);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_signs_in_elsewhere_is_not_passed_on() {
        for (said, shown) in [
            (
                "[GET] at [http://sab:8080/api?mode=queue&apikey=CANARY&output=json] failed",
                "[GET] at [http://sab:8080/api?mode=queue&apikey=[hidden]&output=json] failed",
            ),
            ("Api_Key=CANARY", "Api_Key=[hidden]"),
            ("https://me:CANARY@host/rss?passkey=CANARY", "https://[hidden]@host/rss?passkey=[hidden]"),
            ("torrent_pass=CANARY, sortKey=title a=b", "torrent_pass=[hidden], sortKey=title a=b"),
            ("mail me@host, 5 = 5, x://y", "mail me@host, 5 = 5, x://y"),
            ("apikey=", "apikey=[hidden]"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(said), shown);
        }
    }

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
