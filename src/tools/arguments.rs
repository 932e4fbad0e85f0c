//! Arguments: lenient in form, strict in substance.
//!
//! Models write `"5"` for 5, 5 for a text, and null for what they leave out; that is taken as it was meant. Unknown names,
//! values out of range and malformed ids are refused, each with the name of its field. Documented defaults are filled in here,
//! before the policy looks, so that leaving an argument out dodges no rule. The tool's input schema is the only source.

use crate::guard::{Argument, ValueType};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// What is wrong with a call's arguments. The texts name fields and never repeat values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentErrors(Vec<(String, String)>);

impl std::error::Error for ArgumentErrors {}

impl ArgumentErrors {
    /// One field's error.
    pub fn one(field: &str, problem: impl Into<String>) -> Self {
        Self(vec![(field.to_owned(), problem.into())])
    }

    /// The names of the fields at fault.
    pub fn fields(&self) -> Vec<&str> {
        self.0.iter().map(|(field, _)| field.as_str()).collect()
    }
}

impl fmt::Display for ArgumentErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid arguments: ")?;
        for (n, (field, problem)) in self.0.iter().enumerate() {
            write!(f, "{}{field} {problem}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Checks `given` against `schema` and returns what was meant, with defaults filled in.
pub fn read(schema: &Map<String, Value>, given: Map<String, Value>) -> Result<Map<String, Value>, ArgumentErrors> {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let mut errors = Vec::new();
    let mut meant = Map::new();
    for (name, value) in given {
        match properties.get(&name) {
            None => errors.push((shown(&name), unknown(&name, properties))),
            Some(_) if value.is_null() => {}
            Some(property) => match check(property, value) {
                Ok(value) => {
                    meant.insert(name, value);
                }
                Err(problem) => errors.push((name, problem)),
            },
        }
    }
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !meant.contains_key(name) && !errors.iter().any(|(field, _)| field == name) {
            errors.push((name.to_owned(), "is required".into()));
        }
    }
    for (name, property) in properties {
        if let (false, Some(default)) = (meant.contains_key(name), property.get("default")) {
            meant.insert(name.clone(), default.clone());
        }
    }
    if errors.is_empty() { Ok(meant) } else { Err(ArgumentErrors(errors)) }
}

/// The arguments of a schema, as the policy's conditions see them.
pub fn of_schema(schema: &Map<String, Value>) -> Vec<Argument> {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let argument = |(name, property): (&String, &Value)| Argument {
        name: name.clone(),
        takes: type_of(property),
        choices: property
            .get("enum")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect())
            .unwrap_or_default(),
        least: bound(property, "minimum"),
        most: bound(property, "maximum"),
        always: required.contains(&name.as_str()) || property.get("default").is_some(),
    };
    properties.into_iter().flatten().map(argument).collect()
}

fn type_of(property: &Value) -> ValueType {
    match property.get("type").and_then(Value::as_str) {
        Some("string") => ValueType::Text,
        Some("integer") => ValueType::Integer,
        Some("number") => ValueType::Number,
        Some("boolean") => ValueType::Flag,
        Some("array") => ValueType::List(property.get("items").map(|items| Box::new(type_of(items)))),
        _ => ValueType::Other,
    }
}

/// A made-up name as it may be shown: short and of plain characters.
fn shown(name: &str) -> String {
    name.chars().filter(char::is_ascii_graphic).take(40).collect()
}

fn unknown(name: &str, properties: &Map<String, Value>) -> String {
    let nearest = properties
        .keys()
        .map(|known| (strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &known.to_ascii_lowercase()), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len() / 2);
    match nearest {
        Some((_, known)) => format!("is not an argument of this tool; did you mean {known}?"),
        None if properties.is_empty() => "is not an argument of this tool; it takes none".into(),
        None => {
            let names: Vec<_> = properties.keys().map(String::as_str).collect();
            format!("is not an argument of this tool; it takes {}", names.join(", "))
        }
    }
}

/// Turns `value` into the type of `property` and checks its substance.
fn check(property: &Value, value: Value) -> Result<Value, String> {
    match property.get("type").and_then(Value::as_str) {
        Some("integer") => check_integer(property, &value),
        Some("number") => {
            let number = match &value {
                Value::Number(number) => number.as_f64(),
                Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
                _ => None,
            };
            number.map(Value::from).ok_or_else(|| "must be a number".into())
        }
        Some("boolean") => match &value {
            Value::Bool(_) => Ok(value),
            Value::String(text) if text == "true" => Ok(true.into()),
            Value::String(text) if text == "false" => Ok(false.into()),
            _ => Err("must be true or false".into()),
        },
        Some("string") => {
            let text = match value {
                Value::String(text) => text,
                Value::Number(number) => {
                    number.as_f64().and_then(exact).map_or_else(|| number.to_string(), |whole| whole.to_string())
                }
                _ => return Err("must be a text".into()),
            };
            check_text(property, text)
        }
        _ => Ok(value),
    }
}

fn check_integer(property: &Value, value: &Value) -> Result<Value, String> {
    let (minimum, maximum) = (bound(property, "minimum"), bound(property, "maximum"));
    let problem = || match (minimum, maximum) {
        (Some(minimum), Some(maximum)) => format!("must be a whole number from {minimum} to {maximum}"),
        (Some(minimum), None) => format!("must be a whole number of at least {minimum}"),
        _ => "must be a whole number".into(),
    };
    let integer = match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(exact)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let integer = integer.ok_or_else(problem)?;
    let within = minimum.is_none_or(|minimum| integer >= minimum) && maximum.is_none_or(|maximum| integer <= maximum);
    if within { Ok(integer.into()) } else { Err(problem()) }
}

fn bound(property: &Value, name: &str) -> Option<i64> {
    let bound = property.get(name)?;
    bound.as_i64().or_else(|| bound.as_f64().and_then(exact))
}

/// JavaScript clients write 5.0 for 5.
fn exact(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within range")]
    (number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0).then_some(number as i64)
}

fn check_text(property: &Value, text: String) -> Result<Value, String> {
    if let Some(names) = property.get("enum").and_then(Value::as_array) {
        if names.iter().any(|name| name == text.as_str()) {
            return Ok(text.into());
        }
        let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
        return Err(format!("must be one of {}", names.join(", ")));
    }
    if property.get("pattern").and_then(Value::as_str) == Some(PlexId::PATTERN) && !PlexId::is_valid(&text) {
        return Err("must be a number of 1 to 19 digits, as the tools that list things give it".into());
    }
    let length = text.chars().count() as u64;
    let most = property.get("maxLength").and_then(Value::as_u64);
    if most.is_some_and(|most| length > most) {
        return Err(format!("must have at most {} characters", most.unwrap_or_default()));
    }
    if property.get("minLength").and_then(Value::as_u64).is_some_and(|least| length < least) {
        return Err("must not be empty".into());
    }
    Ok(text.into())
}

/// The number of a library or an item, as a text: it becomes part of a path, so only digits will do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct PlexId(String);

impl PlexId {
    const PATTERN: &str = "^[0-9]{1,19}$";

    fn is_valid(text: &str) -> bool {
        (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for PlexId {
    fn schema_name() -> Cow<'static, str> {
        "PlexId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": Self::PATTERN})
    }
}

/// The words of a search with every control character as a space.
pub fn plain_query(query: &str) -> Result<String, ArgumentErrors> {
    let spaced: String = query.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = spaced.trim();
    if words.is_empty() { Err(ArgumentErrors::one("query", "must not be empty")) } else { Ok(words.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_become_spaces_and_nothing_is_no_query() {
        assert_eq!(plain_query(" a\nb\u{0}c ").unwrap(), "a b c");
        assert!(plain_query(" \n ").is_err());
    }

    use serde_json::json;

    fn schema() -> Map<String, Value> {
        let schema = json!({
            "type": "object",
            "properties": {
                "libraryKey": {"type": "string", "pattern": PlexId::PATTERN},
                "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
                "type": {"type": "string", "enum": ["movie", "show"]},
                "query": {"type": "string", "minLength": 1, "maxLength": 5},
                "overwrite": {"type": "boolean", "default": false},
            },
            "required": ["libraryKey"],
        });
        schema.as_object().cloned().unwrap()
    }

    fn read_json(given: Value) -> Result<Value, String> {
        let Value::Object(given) = given else { panic!("not an object") };
        read(&schema(), given).map(Value::Object).map_err(|errors| errors.to_string())
    }

    #[test]
    fn what_was_meant_is_taken() {
        assert_eq!(
            read_json(json!({"libraryKey": 1, "limit": "5", "type": null, "overwrite": "true"})),
            Ok(json!({"libraryKey": "1", "limit": 5, "overwrite": true}))
        );
        assert_eq!(
            read_json(json!({"libraryKey": 1.0, "limit": 5.0})),
            Ok(json!({"libraryKey": "1", "limit": 5, "overwrite": false}))
        );
    }

    #[test]
    fn each_error_names_its_field_and_no_value() {
        for (given, expected) in [
            (json!({}), "libraryKey is required"),
            (json!({"libraryKey": "../status/sessions"}), "libraryKey must be a number"),
            (json!({"libraryKey": "-1"}), "libraryKey must be a number"),
            (json!({"libraryKey": "1".repeat(20)}), "libraryKey must be a number"),
            (json!({"libraryKey": ["1"]}), "libraryKey must be a text"),
            (json!({"libraryKey": "1", "limit": "12px"}), "limit must be a whole number from 1 to 200"),
            (json!({"libraryKey": "1", "limit": "1.5"}), "limit must be a whole number"),
            (json!({"libraryKey": "1", "limit": ""}), "limit must be a whole number"),
            (json!({"libraryKey": "1", "limit": 0}), "limit must be a whole number from 1 to 200"),
            (json!({"libraryKey": "1", "limit": -5}), "limit must be a whole number from 1 to 200"),
            (json!({"libraryKey": "1", "limit": true}), "limit must be a whole number"),
            (json!({"libraryKey": "1", "type": "hologram"}), "type must be one of movie, show"),
            (json!({"libraryKey": "1", "query": ""}), "query must not be empty"),
            (json!({"libraryKey": "1", "query": "secret"}), "query must have at most 5 characters"),
            (json!({"libraryKey": "1", "overwrite": 1}), "overwrite must be true or false"),
            (
                json!({"libraryKey": "1", "libarykey": 2}),
                "libarykey is not an argument of this tool; did you mean libraryKey?",
            ),
        ] {
            let text = read_json(given.clone()).expect_err(&given.to_string());
            assert!(text.contains(expected), "{given}: {text}");
            assert!(!text.contains("secret") && !text.contains("hologram") && !text.contains("12px"), "{text}");
        }
        let both = read_json(json!({"limit": 0, "sort": "x"})).expect_err("three faults");
        assert_eq!(both.matches(';').count(), 3, "all at once: {both}");
    }
}
