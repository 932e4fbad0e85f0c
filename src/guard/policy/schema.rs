//! The policy's JSON Schema, made of the same table of keys that the reader checks texts against.

use super::{
    keys::{Holds, Key, Names, ROOT},
    reader::WINDOWS,
};
use crate::guard::{
    catalogue::Catalogue,
    condition::FACTS,
    limit::LONGEST_WINDOW,
    subject::{Kind, Service},
};
use serde_json::{Map, Value, json};

pub(super) fn of(catalogue: Catalogue<'_>) -> Value {
    let mut schema = table(ROOT, catalogue);
    if let Value::Object(fields) = &mut schema {
        fields.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        fields.insert("title".into(), "Policy of plex-mcp".into());
    }
    schema
}

fn table(keys: &[Key], catalogue: Catalogue<'_>) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let mut schema = value(&key.holds, catalogue);
        if let Value::Object(fields) = &mut schema {
            fields.insert("description".into(), key.about.into());
        }
        properties.insert(key.name.to_owned(), schema);
    }
    let required: Vec<_> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn value(holds: &Holds, catalogue: Catalogue<'_>) -> Value {
    let tools = || catalogue.subjects().iter().map(|subject| subject.tool).collect::<Vec<_>>();
    match holds {
        Holds::Just(text) => json!({"const": text}),
        Holds::Line => json!({"type": "string", "minLength": 1}),
        Holds::Lines => json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
        Holds::Counter => json!({"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"}),
        Holds::Path => {
            let facts: Vec<_> = FACTS.iter().map(|(name, ..)| *name).collect();
            json!({"anyOf": [{"enum": facts}, {"type": "string", "pattern": "^args\\."}]})
        }
        Holds::Operand => {
            let single = json!({"type": ["string", "number", "boolean"]});
            json!({"anyOf": [single, {"type": "array", "items": single}]})
        }
        Holds::OneOf(names) => json!({"enum": names()}),
        Holds::Window => {
            let names = WINDOWS.map(|(name, _)| name);
            let most = LONGEST_WINDOW.as_secs();
            json!({"anyOf": [{"enum": names}, {"type": "integer", "minimum": 1, "maximum": most}]})
        }
        Holds::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Holds::Flag => json!({"type": "boolean"}),
        Holds::Hidden => {
            let mut names = tools();
            names.push("*");
            json!({"anyOf": [{"const": "*"}, {"type": "array", "items": {"enum": names}}]})
        }
        Holds::Table(keys) => table(keys, catalogue),
        Holds::Tables(keys) => json!({"type": "array", "items": table(keys, catalogue)}),
        Holds::Each(names, keys) => {
            let names = match names {
                Names::Kinds => Kind::ALL.iter().map(|kind| kind.as_str()).collect(),
                Names::Services => Service::ALL.iter().map(|service| service.as_str()).collect(),
                Names::Tools => tools(),
                Names::Grants => return json!({"type": "object", "additionalProperties": table(keys, catalogue)}),
            };
            // Said once for all names, since the schema would be long otherwise.
            json!({
                "type": "object", "propertyNames": {"enum": names}, "additionalProperties": table(keys, catalogue)
            })
        }
    }
}
