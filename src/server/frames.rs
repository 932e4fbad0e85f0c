//! What stands between standard input and the protocol library: it finds calls in which a key is given twice.
//!
//! JSON leaves open what `{"n": 1, "n": 2}` means, and the library silently takes the last. What a person sees in a client's
//! window may then be another call than the one that is judged, so such a call is refused. It is handed on as a call of the
//! same id that has no name and says which key it was: the library answers such calls in the order of all others, and the
//! server records them. Whatever else is wrong with a line is the library's to say.

use rmcp::transport::async_rw::DEFAULT_MAX_LINE_LENGTH;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use std::{
    borrow::Cow,
    collections::HashSet,
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, ReadBuf};

/// Under this name a refused call says which key it gave twice.
pub(super) const TWICE: &str = "plex-mcp/keyGivenTwice";

/// The longest key that is named in full.
const MAX_SHOWN: usize = 64;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// Buffers that a long line has made larger are given back.
const MAX_KEPT: usize = 256 * 1024;

/// Up to so many keys of one object are compared one by one.
const FEW: usize = 16;

/// The lines of `R`, but for calls that give a key twice.
#[derive(Debug)]
pub(super) struct Frames<R> {
    inner: R,
    chunk: Box<[u8]>,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Whether the line is so long that the library will drop it: it is not kept here.
    too_long: bool,
    /// What may be read, from `given` on.
    ready: Vec<u8>,
    given: usize,
}

impl<R> Frames<R> {
    pub(super) fn new(inner: R) -> Self {
        let chunk = vec![0; CHUNK].into_boxed_slice();
        Self { inner, chunk, line: Vec::new(), too_long: false, ready: Vec::new(), given: 0 }
    }

    /// Takes what was read; at the end of the input it is nothing.
    fn take(&mut self, read: usize) {
        if read == 0 {
            // The last line may have no end.
            let line = std::mem::take(&mut self.line);
            self.ready.extend(replacement(&line).unwrap_or(line));
            return;
        }
        let chunk = std::mem::take(&mut self.chunk);
        for part in chunk.get(..read).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            let ends = part.ends_with(b"\n");
            if self.too_long {
                self.ready.extend_from_slice(part);
                self.too_long = !ends;
            } else if ends && self.line.is_empty() {
                match replacement(part) {
                    Some(other) => self.ready.extend_from_slice(&other),
                    None => self.ready.extend_from_slice(part),
                }
            } else {
                self.line.extend_from_slice(part);
                if self.line.len() > DEFAULT_MAX_LINE_LENGTH {
                    self.ready.append(&mut self.line);
                    self.too_long = !ends;
                } else if ends {
                    let mut line = std::mem::take(&mut self.line);
                    if let Some(other) = replacement(&line) {
                        line = other;
                    }
                    if self.ready.is_empty() { self.ready = line } else { self.ready.append(&mut line) }
                }
            }
        }
        self.chunk = chunk;
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Frames<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            let left = this.ready.get(this.given..).unwrap_or_default();
            if !left.is_empty() {
                let part = left.get(..into.remaining()).unwrap_or(left);
                into.put_slice(part);
                this.given += part.len();
                return Poll::Ready(Ok(()));
            }
            this.given = 0;
            this.ready.clear();
            this.ready.shrink_to(MAX_KEPT);
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut chunk))?;
            let read = chunk.filled().len();
            this.take(read);
            if read == 0 && this.ready.is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// What is handed on in place of a message that is a call with a key that is given twice; none for any other.
pub(super) fn replacement(message: &[u8]) -> Option<Vec<u8>> {
    let mut keys = Keys::default();
    let mut reader = serde_json::Deserializer::from_slice(message);
    Walk { keys: &mut keys, place: Place::Top }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    let twice = keys.twice?;
    let Ok(Value::Object(mut call)) = serde_json::from_slice(message) else { return None };
    if call.get("method").and_then(Value::as_str) != Some("tools/call") {
        return None;
    }
    let mut params = Map::new();
    // What a client says of itself in each message has to stay.
    if let Some(about) = call.get_mut("params").and_then(|params| params.get_mut("_meta")).map(Value::take) {
        params.insert("_meta".to_owned(), about);
    }
    params.insert(TWICE.to_owned(), shown(&twice).into());
    let mut other = Map::from_iter([("jsonrpc".to_owned(), json!("2.0"))]);
    if let Some(id) = call.remove("id") {
        other.insert("id".to_owned(), id);
    }
    other.insert("method".to_owned(), json!("tools/call"));
    other.insert("params".to_owned(), params.into());
    let mut line = Value::Object(other).to_string().into_bytes();
    line.push(b'\n');
    Some(line)
}

/// A key as it may be shown: short and of plain characters.
fn shown(key: &str) -> String {
    key.chars().filter(char::is_ascii_graphic).take(MAX_SHOWN).collect()
}

/// What was found of keys.
#[derive(Default)]
struct Keys {
    /// The first that is given twice in a message's params.
    twice: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The message itself, whose keys the library looks after.
    Top,
    Params,
    Elsewhere,
}

/// Walks through a value and keeps nothing of it but the keys of the objects that it is in.
struct Walk<'k> {
    keys: &'k mut Keys,
    place: Place,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let place = if self.place == Place::Top { Place::Elsewhere } else { self.place };
        while members.next_element_seed(Walk { keys: &mut *self.keys, place })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let (mut few, mut many) = (Vec::new(), HashSet::new());
        while let Some(key) = members.next_key_seed(Text)? {
            let place = match self.place {
                Place::Top if key == "params" => Place::Params,
                Place::Top => Place::Elsewhere,
                place => place,
            };
            if self.place == Place::Params && self.keys.twice.is_none() {
                if few.contains(&key) || many.contains(&key) {
                    self.keys.twice = Some(key.into_owned());
                } else if few.len() < FEW {
                    few.push(key);
                } else {
                    many.insert(key);
                }
            }
            members.next_value_seed(Walk { keys: &mut *self.keys, place })?;
        }
        Ok(())
    }
}

/// A key, which is copied only where it is written with escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt as _;

    fn call(arguments: &str) -> String {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{arguments}}}}}"
        )
    }

    fn twice(line: &str) -> Option<String> {
        let other: Value = serde_json::from_slice(&replacement(line.as_bytes())?).unwrap();
        assert_eq!((&other["jsonrpc"], &other["method"]), (&json!("2.0"), &json!("tools/call")));
        assert_eq!(other["params"].get("name"), None);
        Some(other["params"][TWICE].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_key_that_is_given_twice_is_found_at_any_depth() {
        for (arguments, key) in [
            (r#"{"n":1,"n":2}"#, "n"),
            (r#"{"n":1,"\u006e":2}"#, "n"),
            (r#"{"a":[{"b":{"c":null,"d":1,"c":true}}]}"#, "c"),
            (r#"{"\u0000\u202en":1,"\u0000\u202en":1}"#, "n"),
        ] {
            assert_eq!(twice(&call(arguments)).as_deref(), Some(key), "{arguments}");
        }
        let many: Vec<String> = (0..1_000).map(|i| format!("\"k{i}\":{i}")).collect();
        assert_eq!(twice(&call(&format!("{{{}}}", many.join(",")))), None);
        assert_eq!(twice(&call(&format!("{{{},\"k900\":1}}", many.join(",")))).as_deref(), Some("k900"));
        assert_eq!(twice(&call(&format!("{{{},\"k3\":1}}", many.join(",")))).as_deref(), Some("k3"));
        let escaped = r#"{"jsonrpc":"2.0","id":7,"method":"tools\/call","params":{"name":"a","name":"b"}}"#;
        assert_eq!(twice(escaped).as_deref(), Some("name"));
    }

    #[test]
    fn whatever_else_comes_is_handed_on_as_it_is() {
        for line in [
            "",
            "no JSON",
            "[1]",
            "{\"method\":\"tools/call\",\"method\":\"tools/call\",\"params\":{}}",
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"a":1,"a":2}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}"#,
            &call(r#"{"n":{"m":1},"m":{"n":1},"l":[{"n":1},{"n":1}]}"#),
            &call(r#"{"n":1,"N":2}"#),
            &(call(r#"{"n":1,"n":2}"#) + "x"),
            &call(&("{\"n\":".repeat(200) + "1" + &"}".repeat(200))),
        ] {
            assert_eq!(twice(line), None, "{line}");
        }
    }

    #[test]
    fn the_id_and_what_the_client_says_of_itself_stay() {
        let line =
            r#"{"id":"seven","method":"tools/call","params":{"_meta":{"v":["2026-07-28"]},"arguments":{"n":1,"n":2}}}"#;
        let other: Value = serde_json::from_slice(&replacement(line.as_bytes()).unwrap()).unwrap();
        assert_eq!((&other["id"], &other["params"]["_meta"]), (&json!("seven"), &json!({"v": ["2026-07-28"]})));
        let note: Value =
            serde_json::from_slice(&replacement(br#"{"method":"tools/call","params":{"a":1,"a":1}}"#).unwrap())
                .unwrap();
        assert_eq!(note.get("id"), None);
    }

    /// What comes out where the input comes in pieces of that size.
    fn through(input: &[u8], piece: usize) -> Vec<u8> {
        let mut pieces = Pieces(input.chunks(piece));
        let mut out = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { Frames::new(&mut pieces).read_to_end(&mut out).await }).unwrap();
        out
    }

    struct Pieces<'i>(std::slice::Chunks<'i, u8>);

    impl AsyncRead for Pieces<'_> {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            into.put_slice(self.0.next().unwrap_or_default());
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_line_longer_than_the_library_takes_is_not_kept() {
        let long = [vec![b'x'; DEFAULT_MAX_LINE_LENGTH + 100], b"\n".to_vec()].concat();
        let input = [long.as_slice(), call(r#"{"n":1,"n":2}"#).as_bytes(), b"\n"].concat();
        let out = through(&input, CHUNK);
        assert_eq!(out.get(..long.len()), Some(long.as_slice()));
        assert!(out[long.len()..].starts_with(b"{\"jsonrpc\":\"2.0\",\"id\":7,"), "the next line is looked at again");
        assert!(String::from_utf8_lossy(&out[long.len()..]).contains(TWICE));
    }

    proptest! {
        #[test]
        fn no_byte_of_other_lines_is_lost_or_moved(
            lines in prop::collection::vec("[a-z{}\\[\\]\":, ]{0,40}\n?\r?", 0..30),
            piece in 1_usize..50,
        ) {
            let input = lines.concat().into_bytes();
            prop_assert_eq!(through(&input, piece), input);
        }

        #[test]
        fn a_key_given_twice_is_found_and_others_are_not(
            keys in prop::collection::vec("[a-c]{1,2}", 0..6),
            piece in 1_usize..200,
        ) {
            let members: Vec<String> = keys.iter().map(|key| format!("\"{key}\":{{\"{key}\":1}}")).collect();
            let line = call(&format!("{{{}}}", members.join(","))) + "\n";
            let distinct: HashSet<&String> = keys.iter().collect();
            for line in [line.as_str(), line.trim_end()] {
                let out = through(line.as_bytes(), piece);
                prop_assert_eq!(out == line.as_bytes(), distinct.len() == keys.len());
            }
        }
    }
}
