//! Schemas for clients, made from the types and made plain: models' function calling knows far less than JSON Schema.

use super::{Tool, public_keys};
use schemars::{Schema, generate::SchemaSettings};
use serde_json::{Map, Value};

/// What a tool's types say of it.
pub struct Described {
    /// The doc comment of the tool.
    pub description: String,
    /// Schema of the arguments.
    pub input: Map<String, Value>,
    /// Schema of the result.
    pub output: Map<String, Value>,
}

/// Describes `T`.
pub fn describe<T: Tool>() -> Described {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut input = plain(settings.clone().into_generator().into_root_schema_for::<T::Args>());
    // Some models' dialects want it even where there is nothing in it.
    input.entry("properties").or_insert_with(|| Map::new().into());
    let mut output = plain(settings.clone().for_serialize().into_generator().into_root_schema_for::<T::Out>());
    // Some clients hold the structured content of an error against the schema, too, and show the model their own complaint
    // in place of the error. So nothing is required at the top, where an error has `code` and `message`.
    output.remove("required");
    public_keys::describe(&mut output, T::PUBLIC_KEYS);
    let tool = settings.into_generator().into_root_schema_for::<T>();
    let description = tool.get("description").and_then(Value::as_str).unwrap_or_default();
    Described { description: unwrap_lines(description), input, output }
}

fn plain(schema: Schema) -> Map<String, Value> {
    let mut value = Value::from(schema);
    simplify(&mut value);
    let Value::Object(mut map) = value else { return Map::new() };
    // The type's name and doc comment are for readers of the code.
    map.remove("title");
    map.remove("description");
    map
}

/// Takes out what clients stumble over: `null` as a further type, alternatives that only say "or null" or list constants,
/// and formats that are no standard ones.
fn simplify(value: &mut Value) {
    match value {
        Value::Array(members) => members.iter_mut().for_each(simplify),
        Value::Object(map) => {
            map.values_mut().for_each(simplify);
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    map.insert("type".into(), one);
                }
            }
            if map.get("format").and_then(Value::as_str).is_some_and(is_rust_number) {
                map.remove("format");
            }
            if map.get("default") == Some(&Value::Null) {
                map.remove("default");
            }
            if let Some(Value::Array(names)) = map.get_mut("enum") {
                names.retain(|name| !name.is_null());
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = unwrap_lines(text);
            }
            flatten_alternatives(map);
        }
        _ => {}
    }
}

fn is_rust_number(format: &str) -> bool {
    matches!(format, "float" | "double") || format.trim_start_matches('u').starts_with("int")
}

fn flatten_alternatives(map: &mut Map<String, Value>) {
    for key in ["anyOf", "oneOf"] {
        let Some(Value::Array(alternatives)) = map.get(key) else { continue };
        let mut alternatives = alternatives.clone();
        alternatives.retain(|alternative| alternative.get("type") != Some(&Value::from("null")));
        let constants: Option<Vec<Value>> =
            alternatives.iter().map(|alternative| alternative.get("const").cloned()).collect();
        let merged = match (alternatives.as_slice(), constants) {
            (_, Some(constants)) if !constants.is_empty() => {
                Map::from_iter([("type".into(), "string".into()), ("enum".into(), constants.into())])
            }
            ([Value::Object(one)], _) => one.clone(),
            _ => continue,
        };
        map.remove(key);
        for (name, value) in merged {
            map.entry(name).or_insert(value);
        }
    }
}

/// Line ends of the source become spaces; paragraphs stay.
fn unwrap_lines(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}
