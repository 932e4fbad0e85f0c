//! Writing JSON from the raw text of XML attributes: unescaping, cleaning and escaping in one pass, without a copy between.

use super::fields::{FieldType, field_type};

/// Appends `value`, the raw text of the attribute `name` of an element, as the JSON value that Plex's own JSON would hold.
pub fn write_value(out: &mut Vec<u8>, element: &str, name: &str, value: &str) {
    write_typed(out, field_type(element, name), value);
}

/// Begins a member of an object; the name is one that JSON takes as it is.
pub(super) fn write_key(out: &mut Vec<u8>, first: &mut bool, name: &str) {
    out.extend_from_slice(if std::mem::replace(first, false) { b"\"" } else { b",\"" });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// The same for a field whose type is known.
pub(super) fn write_typed(out: &mut Vec<u8>, kind: FieldType, value: &str) {
    match literal_of(kind, value) {
        Some(literal) => out.extend_from_slice(literal.as_bytes()),
        None => write_string(out, value),
    }
}

/// How a number or flag is written, if `value` is what the field's type asks for.
pub(super) fn literal<'v>(element: &str, name: &str, value: &'v str) -> Option<&'v str> {
    literal_of(field_type(element, name), value)
}

fn literal_of(kind: FieldType, value: &str) -> Option<&str> {
    match kind {
        FieldType::Text => None,
        FieldType::Integer => is_integer(value).then_some(value),
        FieldType::Number => is_number(value).then_some(value),
        FieldType::Boolean => match value {
            "1" | "true" => Some("true"),
            "0" | "false" => Some("false"),
            _ => None,
        },
    }
}

/// Appends raw attribute text as a JSON string: XML references are resolved, characters that XML forbids are dropped
/// (Plex passes on what media files and review sites contain), and line ends become spaces as XML's attribute
/// normalisation asks. A reference that XML does not know stays as it is written.
pub fn write_string(out: &mut Vec<u8>, raw: &str) {
    out.push(b'"');
    let mut rest = raw;
    while let Some(at) = first_that_needs_care(rest.as_bytes()) {
        let (clean, special) = rest.split_at(at);
        out.extend_from_slice(clean.as_bytes());
        // Each byte that needs care is ASCII, so the text can be cut behind it.
        rest = match special.as_bytes().first() {
            Some(b'"') => {
                out.extend_from_slice(b"\\\"");
                tail(special, 1)
            }
            Some(b'\\') => {
                out.extend_from_slice(b"\\\\");
                tail(special, 1)
            }
            Some(b'&') => write_reference(out, special),
            Some(b'\t' | b'\n' | b'\r') => {
                out.push(b' ');
                tail(special, 1)
            }
            _ => tail(special, 1),
        };
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

fn tail(text: &str, from: usize) -> &str {
    text.get(from..).unwrap_or_default()
}

/// Where the first byte is that can't be copied: a quotation mark, a reference, a backslash, a control character. Most text has
/// none, and is looked through many bytes at a time.
pub(super) fn first_that_needs_care(text: &[u8]) -> Option<usize> {
    // Most values are short.
    if let Some(at) = first_in_sixteen(text) {
        return Some(at);
    }
    // Without an early exit inside a block the compiler makes vector code of it.
    let any = |block: &[u8; 16]| block.iter().fold(false, |any, &byte| any | needs_care(byte));
    let (blocks, _) = text.as_chunks::<16>();
    let clean = 16 * blocks.iter().skip(1).take_while(|block| !any(block)).count() + 16 * blocks.len().min(1);
    let rest = text.get(clean..).unwrap_or_default();
    let last = || rest.as_chunks::<8>().1.iter().position(|&byte| needs_care(byte)).map(|at| rest.len() / 8 * 8 + at);
    first_in_sixteen(rest).or_else(last).map(|at| clean + at)
}

/// The same among the first sixteen bytes, as far as they are whole eights.
fn first_in_sixteen(text: &[u8]) -> Option<usize> {
    let mut eights = text.as_chunks::<8>().0.iter().take(2).map(|eight| marks(*eight)).enumerate();
    let (n, marks) = eights.find(|(_, marks)| *marks != 0)?;
    Some(n * 8 + usize::try_from(marks.trailing_zeros() / 8).unwrap_or_default())
}

/// Eight bytes as a number of which the lowest marked byte is the first that needs care; those above it may be marked falsely.
fn marks(bytes: [u8; 8]) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let bytes = u64::from_le_bytes(bytes);
    let below = |bytes: u64, limit: u8| bytes.wrapping_sub(EACH * u64::from(limit)) & !bytes & (EACH * 0x80);
    let equal = |byte: u8| below(bytes ^ (EACH * u64::from(byte)), 1);
    below(bytes, 0x20) | equal(b'"') | equal(b'&') | equal(b'\\')
}

#[expect(clippy::needless_bitwise_bool, reason = "without branches the compiler makes vector code of it")]
fn needs_care(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'&') | (byte == b'"') | (byte == b'\\')
}

/// Resolves the reference that `text` starts with and returns what is behind it.
fn write_reference<'a>(out: &mut Vec<u8>, text: &'a str) -> &'a str {
    // The longest reference that means anything is `&#x10FFFF;`.
    let end = text.bytes().take(12).position(|byte| byte == b';');
    let resolved = end.and_then(|end| Some((end, resolve(text.get(1..end)?)?)));
    if let Some((end, character)) = resolved {
        write_character(out, character);
        tail(text, end + 1)
    } else {
        out.push(b'&');
        tail(text, 1)
    }
}

/// The character of a reference; `Some(None)` for one that XML forbids.
#[expect(clippy::option_option, reason = "unknown and forbidden are two different answers")]
fn resolve(name: &str) -> Option<Option<char>> {
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            return Some(char::from_u32(code.ok()?).filter(|&c| allowed_in_xml(c)));
        }
    };
    Some(Some(character))
}

/// <https://www.w3.org/TR/xml/#charsets>; DEL and the C1 controls are allowed there, but no text wants them.
fn allowed_in_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'))
}

fn write_character(out: &mut Vec<u8>, character: Option<char>) {
    match character {
        None => {}
        Some('"') => out.extend_from_slice(b"\\\""),
        Some('\\') => out.extend_from_slice(b"\\\\"),
        Some('\n') => out.extend_from_slice(b"\\n"),
        Some('\r') => out.extend_from_slice(b"\\r"),
        Some('\t') => out.extend_from_slice(b"\\t"),
        Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Whether `text` is a whole number as JSON writes one, within what every JSON reader keeps exact (64 bits).
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.len() <= 18
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'))
}

/// Whether `text` is a decimal number as JSON writes one; exponents never occur in Plex's answers.
fn is_number(text: &str) -> bool {
    match text.split_once('.') {
        None => is_integer(text),
        Some((whole, fraction)) => {
            is_integer(whole) && !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(raw: &str) -> String {
        let mut out = Vec::new();
        write_string(&mut out, raw);
        let text = String::from_utf8(out).unwrap();
        serde_json::from_str::<String>(&text).expect("a JSON string")
    }

    fn value(name: &str, raw: &str) -> serde_json::Value {
        let mut out = Vec::new();
        write_value(&mut out, "Video", name, raw);
        serde_json::from_slice(&out).expect("a JSON value")
    }

    #[test]
    fn references_are_resolved_and_unknown_ones_kept() {
        assert_eq!(string("Tom &amp; &lt;Jo&gt; &quot;&apos;&#39;&#x2764;"), "Tom & <Jo> \"''\u{2764}");
        assert_eq!(string("a&nbsp;b & c &"), "a&nbsp;b & c &");
        assert_eq!(string("&#;&#x;&;"), "&#;&#x;&;");
        assert_eq!(string("a&#99999999;b"), "ab", "there is no such character");
        assert_eq!(string("line&#10;end\\"), "line\nend\\");
    }

    #[test]
    fn the_first_byte_that_needs_care_is_found_wherever_it_stands() {
        for length in 0..70 {
            let clean = vec![b'x'; length];
            assert_eq!(first_that_needs_care(&clean), None);
            for at in 0..length {
                for byte in [b'"', b'&', b'\\', 0, 0x1f] {
                    for behind in [b'x', b'!', b'\'', 0x21, b'"', b'&', 0xff, 0xa2] {
                        let mut text = clean.clone();
                        text[at] = byte;
                        text[at + 1..].fill(behind);
                        assert_eq!(first_that_needs_care(&text), Some(at), "{text:?}");
                    }
                }
            }
        }
        let harmless: Vec<u8> = (0x20..=0xff).filter(|byte| !b"\"&\\".contains(byte)).collect();
        for turn in 0..harmless.len() {
            let mut text = harmless.clone();
            text.rotate_left(turn);
            assert_eq!(first_that_needs_care(&text), None);
        }
    }

    #[test]
    fn characters_that_xml_forbids_are_dropped() {
        assert_eq!(string("A&#x4;B"), "AB");
        assert_eq!(string("A\u{4}B\u{1b}"), "AB");
        assert_eq!(string("a&#xFFFF;b&#133;c"), "abc");
        assert_eq!(string("tab\there\nthere"), "tab here there");
    }

    #[test]
    fn values_have_plexs_json_types() {
        assert_eq!(value("year", "1999"), 1999);
        assert_eq!(value("addedAt", "-2082844800"), -2_082_844_800_i64);
        assert_eq!(value("rating", "7.5"), 7.5);
        assert_eq!(value("selected", "1"), true);
        assert_eq!(value("ratingKey", "5"), "5");
        assert_eq!(value("id", "imdb://tt0000001"), "imdb://tt0000001");
        for odd in ["", "-", "007", "1e5", "NaN", "1.", "0x1", "99999999999999999999"] {
            assert_eq!(value("year", odd), odd, "a value that does not fit stays text");
            assert_eq!(value("rating", odd), odd);
        }
    }
}
