//! The digest that stands for a call's arguments in the ledger.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The first 128 bits of the SHA-256 of the key and the arguments as JSON with sorted keys, in hexadecimal.
pub(super) fn of(key: &[u8; 32], arguments: &Map<String, Value>) -> String {
    let mut text = String::new();
    write_object(&mut text, arguments);
    let digest = Sha256::new().chain_update(key).chain_update(text).finalize();
    digest.iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
        // Writing to a String can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn write_object(out: &mut String, object: &Map<String, Value>) {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    out.push('{');
    for (i, (key, value)) in entries.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let _ = write!(out, "{}:", Value::from(key.as_str()));
        write_value(out, value);
    }
    out.push('}');
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Object(object) => write_object(out, object),
        Value::Array(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, value);
            }
            out.push(']');
        }
        plain => {
            let _ = write!(out, "{plain}");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn equal_arguments_have_equal_digests_and_others_have_others() {
        let key = [7; 32];
        let of = |text: &str| super::of(&key, &serde_json::from_str(text).unwrap());
        let one = of(r#"{"a": 1, "b": {"c": [1, {"x": null, "y": "z"}], "d": "e"}}"#);
        assert_eq!(one, of(r#"{"b": {"d": "e", "c": [1, {"y": "z", "x": null}]}, "a": 1}"#));
        for other in [
            r#"{"a": 2, "b": {"c": [1, {"x": null, "y": "z"}], "d": "e"}}"#,
            r#"{"a": "1", "b": {"c": [1, {"x": null, "y": "z"}], "d": "e"}}"#,
            r#"{"a": 1, "b": {"c": [{"x": null, "y": "z"}, 1], "d": "e"}}"#,
            "{}",
        ] {
            assert_ne!(one, of(other));
        }
        assert_ne!(of("{}"), super::of(&[8; 32], &serde_json::Map::new()));
        // printf '\007%.0s' $(seq 32) and {"a":1,"b":[]} through sha256sum
        assert_eq!(of(r#"{"b": [], "a": 1}"#), "6db5c995e119005f3ea0461079707179");
    }
}
