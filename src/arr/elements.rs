//! The members of a JSON array, one by one while the text comes in: memory does not grow with the list, and a member that
//! can't be read loses none beside it.

/// The longest member that is kept; a title with all its pictures is some ten kilobytes.
const MAX_MEMBER: usize = 4 << 20;

/// Takes an array apart.
#[derive(Debug, Default)]
pub(super) struct Elements {
    state: State,
    /// Brackets that are open inside the member.
    depth: u32,
    in_string: bool,
    escaped: bool,
    member: Vec<u8>,
    too_long: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Inside,
    After,
    /// Something else than an array.
    Other,
}

impl Elements {
    /// Takes the next piece of the text and hands on each member that is complete; None for one that is too long.
    pub(super) fn feed(&mut self, piece: &[u8], mut member: impl FnMut(Option<&[u8]>)) {
        for &byte in piece {
            match self.state {
                State::Before => match byte {
                    b'[' => self.state = State::Inside,
                    // White space, or the mark that some servers begin with.
                    b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf => {}
                    _ => self.state = State::Other,
                },
                State::Inside => self.inside(byte, &mut member),
                State::After | State::Other => return,
            }
        }
    }

    fn inside(&mut self, byte: u8, member: &mut impl FnMut(Option<&[u8]>)) {
        if self.in_string {
            // Raw controls have no place in a string; some titles bring them all the same.
            self.keep(if byte < 0x20 { b' ' } else { byte });
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b']' if self.depth == 0 => {
                self.end(member);
                self.state = State::After;
                return;
            }
            b',' if self.depth == 0 => return self.end(member),
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ if byte <= b' ' => return,
            _ => {}
        }
        self.keep(byte);
    }

    fn keep(&mut self, byte: u8) {
        if self.member.len() < MAX_MEMBER {
            self.member.push(byte);
        } else {
            self.too_long = true;
        }
    }

    fn end(&mut self, member: &mut impl FnMut(Option<&[u8]>)) {
        if self.too_long {
            member(None);
        } else if !self.member.is_empty() {
            member(Some(&self.member));
        }
        self.member.clear();
        self.too_long = false;
    }

    /// Whether the array has ended.
    pub(super) fn is_complete(&self) -> bool {
        self.state == State::After
    }

    /// Whether what came is no array.
    pub(super) fn is_other(&self) -> bool {
        self.state == State::Other
    }
}

/// A JSON text whose strings hold no raw control characters.
pub(super) fn without_controls(text: &[u8]) -> Vec<u8> {
    text.iter().map(|&byte| if byte < b' ' { b' ' } else { byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn read(text: &[u8], pieces: usize) -> (Vec<Value>, Elements) {
        let mut elements = Elements::default();
        let mut members = Vec::new();
        for piece in text.chunks(pieces.max(1)) {
            elements.feed(piece, |member| members.extend(member.and_then(|text| serde_json::from_slice(text).ok())));
        }
        (members, elements)
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
            "[\\[\\]{},\"\\\\ ]*".prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"\\\\]{0,4}", inner, 0..5)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn members_are_those_of_the_array_however_it_is_cut(
            members in prop::collection::vec(json(), 0..8), size in 1_usize..40, pretty: bool,
        ) {
            let whole = Value::from(members.clone());
            let text = if pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) };
            let (read, elements) = read(text.unwrap().as_bytes(), size);
            prop_assert_eq!(read, members);
            prop_assert!(elements.is_complete());
        }

        #[test]
        fn no_text_is_too_odd(text: Vec<u8>, size in 1_usize..9) {
            let (_, elements) = read(&text, size);
            prop_assert!(!(elements.is_complete() && elements.is_other()));
        }
    }

    #[test]
    fn what_is_wrong_loses_nothing_beside_it() {
        let (members, elements) = read(b"\xef\xbb\xbf [{\"a\":1}, {oops}, \"x\x04y\", 7]", 3);
        assert_eq!(Value::from(members), serde_json::json!([{"a": 1}, "x y", 7]));
        assert!(elements.is_complete());
        assert!(read(b"[1, 2", 9).1.state == State::Inside && !read(b"[1, 2", 9).1.is_complete());
        assert!(read(b"<html>[]", 9).1.is_other() && read(b"{\"message\":[]}", 9).1.is_other());
        let long = format!("[\"{}\",5]", "x".repeat(MAX_MEMBER));
        assert_eq!(read(long.as_bytes(), 1 << 16).0, [Value::from(5)]);
    }
}
