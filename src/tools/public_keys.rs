//! Keys of results as the public Plex MCP server has them, beside our own that hold the same, so that what reads its answers
//! reads ours.

use serde_json::{Map, Value, json};

/// What a key of the public server's stands for.
#[derive(Clone, Copy, Debug)]
pub enum PublicKey {
    /// That there is a result; it is always `true`.
    Success,
    /// The same as another key.
    Same(&'static str),
    /// How many rows another key holds.
    RowsOf(&'static str),
    /// Which page of `limit` rows begins at `offset`, from 1.
    Page,
}

/// Adds them to a result.
pub(super) fn add(result: &mut Value, keys: &[(&str, PublicKey)]) {
    let Value::Object(result) = result else { return };
    for (name, key) in keys {
        let value = match key {
            PublicKey::Success => Some(true.into()),
            PublicKey::Same(other) => result.get(*other).cloned(),
            PublicKey::RowsOf(list) => result.get(*list).and_then(Value::as_array).map(|rows| rows.len().into()),
            PublicKey::Page => {
                let number = |name: &str| result.get(name).and_then(Value::as_u64);
                let page = number("offset").zip(number("limit")).and_then(|(offset, limit)| offset.checked_div(limit));
                page.map(|page| (page + 1).into())
            }
        };
        if let Some(value) = value {
            result.entry(*name).or_insert(value);
        }
    }
}

/// Adds them to the schema of a result.
pub(super) fn describe(schema: &mut Map<String, Value>, keys: &[(&str, PublicKey)]) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (name, key) in keys {
        let described = match key {
            PublicKey::Success => json!({"type": "boolean", "description": "Always true: a failure is an error."}),
            PublicKey::Same(other) => {
                let mut described = properties.get(*other).and_then(Value::as_object).cloned().unwrap_or_default();
                described.insert("description".into(), format!("The same as {other}.").into());
                described.into()
            }
            PublicKey::RowsOf(list) => {
                json!({"type": "integer", "minimum": 0, "description": format!("How many {list} there are in this answer.")})
            }
            PublicKey::Page => {
                json!({"type": "integer", "minimum": 1, "description": "Which page of limit rows it is."})
            }
        };
        properties.entry(*name).or_insert(described);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[(&str, PublicKey)] = &[
        ("success", PublicKey::Success),
        ("totalMovies", PublicKey::Same("totalSize")),
        ("showing", PublicKey::RowsOf("movies")),
    ];

    #[test]
    fn they_say_what_our_own_keys_do_and_never_replace_one() {
        let mut result = json!({"totalSize": 7, "movies": [{}, {}]});
        add(&mut result, KEYS);
        assert_eq!(
            result,
            json!({"totalSize": 7, "movies": [{}, {}], "success": true, "totalMovies": 7, "showing": 2})
        );
        let mut unknown = json!({"movies": [], "success": false});
        add(&mut unknown, KEYS);
        assert_eq!(unknown, json!({"movies": [], "success": false, "showing": 0}), "no total where there is none");
    }
}
