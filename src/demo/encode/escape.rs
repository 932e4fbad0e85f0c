//! Escaping that hurries over clean text: blocks without a special byte are copied whole.

/// Long enough for the comparison of a block to be done in wide registers.
const BLOCK: usize = 32;

/// Writes text as the inside of an XML attribute. Control characters become references, as Plex writes them, also
/// those that XML does not allow.
pub(super) fn xml(out: &mut Vec<u8>, text: &[u8]) {
    escape(
        out,
        text,
        |b| b < 0x20 || b == b'&' || b == b'<' || b == b'>' || b == b'"',
        |out, byte| match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            control => {
                out.extend_from_slice(b"&#");
                out.extend_from_slice(itoa::Buffer::new().format(control).as_bytes());
                out.push(b';');
            }
        },
    );
}

/// Writes text as the inside of a JSON string.
pub(super) fn json(out: &mut Vec<u8>, text: &[u8]) {
    escape(
        out,
        text,
        |b| b < 0x20 || b == b'"' || b == b'\\',
        |out, byte| match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let low = control & 15;
                let digit = if low < 10 { b'0' + low } else { b'a' - 10 + low };
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[b'0' + (control >> 4), digit]);
            }
        },
    );
}

fn escape(out: &mut Vec<u8>, text: &[u8], special: impl Fn(u8) -> bool + Copy, replace: impl Fn(&mut Vec<u8>, u8)) {
    let mut rest = text;
    loop {
        let (clean, dirty) = rest.split_at(clean_length(rest, special));
        out.extend_from_slice(clean);
        let Some((byte, after)) = dirty.split_first() else { return };
        replace(out, *byte);
        rest = after;
    }
}

/// How many bytes from the front need no escaping.
fn clean_length(text: &[u8], special: impl Fn(u8) -> bool + Copy) -> usize {
    let mut clean = 0;
    for block in text.chunks(BLOCK) {
        // Without an early exit, so that the compiler can compare the block at once.
        if block.iter().fold(false, |found, byte| found | special(*byte)) {
            return clean + block.iter().position(|byte| special(*byte)).unwrap_or(0);
        }
        clean += block.len();
    }
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn json_comes_back_as_it_was(text in any::<String>()) {
            let mut out = vec![b'"'];
            super::json(&mut out, text.as_bytes());
            out.push(b'"');
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn xml_comes_back_as_it_was(text in "[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\u{fffe}\\u{ffff}]{0,100}") {
            let mut out = Vec::new();
            super::xml(&mut out, text.as_bytes());
            let written = String::from_utf8(out).unwrap();
            prop_assert!(!written.contains(['<', '>', '"', '\n']));
            prop_assert_eq!(quick_xml::escape::unescape(&written).unwrap(), text);
        }
    }
}
