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

/// The arguments under the names that they mean. One that is given under both of its names keeps them, and is refused.
pub fn renamed(given: Map<String, Value>, also: &[(&str, &str)]) -> Map<String, Value> {
    let meant =
        |name: &str| also.iter().find(|(other, own)| *other == name && !given.contains_key(*own)).map(|(_, own)| *own);
    let names: Vec<Option<&str>> = given.keys().map(|name| meant(name)).collect();
    let pairs = given.into_iter().zip(names);
    pairs.map(|((name, value), own)| (own.map_or(name, str::to_owned), value)).collect()
}

/// Checks `given` against `schema` and returns what was meant, with defaults filled in.
pub fn read(schema: &Map<String, Value>, given: Map<String, Value>) -> Result<Map<String, Value>, ArgumentErrors> {
    let mut errors = Vec::new();
    let meant = read_object(schema, given, "", &mut errors);
    if errors.is_empty() { Ok(meant) } else { Err(ArgumentErrors(errors)) }
}

/// The same for an object that stands in a call's arguments: its fields have `within` before their names.
fn read_object(
    schema: &Map<String, Value>,
    given: Map<String, Value>,
    within: &str,
    errors: &mut Vec<(String, String)>,
) -> Map<String, Value> {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let mut meant = Map::new();
    for (name, value) in given {
        match properties.get(&name) {
            None => errors.push((format!("{within}{}", shown(&name)), unknown(&name, properties))),
            Some(_) if value.is_null() => {}
            Some(property) => {
                let field = format!("{within}{name}");
                if let Some(value) = check(property, value, &field, errors) {
                    meant.insert(name, value);
                }
            }
        }
    }
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let field = format!("{within}{name}");
        if !meant.contains_key(name) && !errors.iter().any(|(known, _)| is_part(known, &field)) {
            errors.push((field, "is required".into()));
        }
    }
    for (name, property) in properties {
        if let (false, Some(default)) = (meant.contains_key(name), property.get("default")) {
            meant.insert(name.clone(), default.clone());
        }
    }
    meant
}

/// Whether an error of the field `known` is one of `field` too: `metadata.genres[2]` is a part of `metadata`.
fn is_part(known: &str, field: &str) -> bool {
    known.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
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
fn check(property: &Value, value: Value, field: &str, errors: &mut Vec<(String, String)>) -> Option<Value> {
    let checked = match property.get("type").and_then(Value::as_str) {
        Some("array") => return check_list(property, value, field, errors),
        Some("object") => match (property.as_object(), value) {
            (Some(schema), Value::Object(given)) => {
                return Some(read_object(schema, given, &format!("{field}."), errors).into());
            }
            _ => Err("must be an object".into()),
        },
        Some("integer") => check_integer(property, &value),
        Some("number") => check_number(property, &value),
        Some("boolean") => match &value {
            Value::Bool(_) => Ok(value),
            Value::String(text) if text == "true" => Ok(true.into()),
            Value::String(text) if text == "false" => Ok(false.into()),
            _ => Err("must be true or false".into()),
        },
        Some("string") => match value {
            Value::String(text) => check_text(property, text),
            Value::Number(number) => {
                let text =
                    number.as_f64().and_then(exact).map_or_else(|| number.to_string(), |whole| whole.to_string());
                check_text(property, text)
            }
            _ => Err("must be a text".into()),
        },
        _ => Ok(value),
    };
    checked.map_err(|problem| errors.push((field.to_owned(), problem))).ok()
}

/// A list; a single value is a list of one, and a text may be a list in JSON.
fn check_list(property: &Value, value: Value, field: &str, errors: &mut Vec<(String, String)>) -> Option<Value> {
    let members = match value {
        Value::Array(members) => members,
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Array(members)) => members,
            _ => vec![text.into()],
        },
        one => vec![one],
    };
    let length = members.len() as u64;
    let bound = |name| property.get(name).and_then(Value::as_u64);
    let problem = match (bound("minItems"), bound("maxItems")) {
        (Some(least), _) if length < least => Some("must not be empty".to_owned()),
        (_, Some(most)) if length > most => Some(format!("must have at most {most} members")),
        _ => None,
    };
    if let Some(problem) = problem {
        errors.push((field.to_owned(), problem));
        return None;
    }
    let Some(items) = property.get("items") else { return Some(members.into()) };
    let members = members.into_iter().enumerate();
    // All are looked at, so that all their errors are told.
    let checked: Vec<_> = members.map(|(at, member)| check(items, member, &format!("{field}[{at}]"), errors)).collect();
    checked.into_iter().collect::<Option<Vec<Value>>>().map(Value::from)
}

fn check_number(property: &Value, value: &Value) -> Result<Value, String> {
    let bound = |name| property.get(name).and_then(Value::as_f64);
    let (minimum, maximum) = (bound("minimum"), bound("maximum"));
    let problem = || match (minimum, maximum) {
        (Some(minimum), Some(maximum)) => format!("must be a number from {minimum} to {maximum}"),
        _ => "must be a number".into(),
    };
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| number.is_finite()).ok_or_else(problem)?;
    let within = minimum.is_none_or(|minimum| number >= minimum) && maximum.is_none_or(|maximum| number <= maximum);
    if within { Ok(number.into()) } else { Err(problem()) }
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

    /// Whether a text can be such a number.
    pub fn is_valid(text: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

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
                "rating": {"type": "number", "minimum": 0.0, "maximum": 10.0},
                "ratingKeys": {
                    "type": "array", "minItems": 1, "maxItems": 3,
                    "items": {"type": "string", "pattern": PlexId::PATTERN},
                },
                "metadata": {
                    "type": "object",
                    "properties": {"year": {"type": "integer"}, "genres": {"type": "array", "items": {"type": "string"}}},
                    "required": ["year"],
                },
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
        assert_eq!(
            read_json(json!({"libraryKey": 1, "rating": "7.5", "ratingKeys": [7, "8"], "metadata": {"year": "1999"}})),
            Ok(json!({
                "libraryKey": "1", "rating": 7.5, "ratingKeys": ["7", "8"], "metadata": {"year": 1999}, "limit": 50,
                "overwrite": false,
            }))
        );
        let one = read_json(json!({"libraryKey": 1, "ratingKeys": 7})).unwrap();
        assert_eq!(one["ratingKeys"], json!(["7"]), "one value is a list of one");
    }

    #[test]
    fn other_names_of_arguments_are_taken_for_their_own() {
        let also = [("findNow", "overwrite")];
        let map = |value: Value| value.as_object().cloned().unwrap();
        assert_eq!(renamed(map(json!({"a": 1, "findNow": true})), &also), map(json!({"a": 1, "overwrite": true})));
        let both = map(json!({"findNow": true, "overwrite": false}));
        assert_eq!(renamed(both.clone(), &also), both);
        assert!(read_json(both.into()).is_err());
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
            (json!({"libraryKey": "1", "rating": 10.5}), "rating must be a number from 0 to 10"),
            (json!({"libraryKey": "1", "rating": "nan"}), "rating must be a number from 0 to 10"),
            (json!({"libraryKey": "1", "rating": "much"}), "rating must be a number from 0 to 10"),
            (json!({"libraryKey": "1", "ratingKeys": []}), "ratingKeys must not be empty"),
            (json!({"libraryKey": "1", "ratingKeys": [1, 2, 3, 4]}), "ratingKeys must have at most 3 members"),
            (json!({"libraryKey": "1", "ratingKeys": ["1", "../2"]}), "ratingKeys[1] must be a number"),
            (json!({"libraryKey": "1", "metadata": []}), "metadata must be an object"),
            (json!({"libraryKey": "1", "metadata": {}}), "metadata.year is required"),
            (json!({"libraryKey": "1", "metadata": {"year": "x"}}), "metadata.year must be a whole number"),
            (json!({"libraryKey": "1", "metadata": {"year": 1, "genres": [{}]}}), "metadata.genres[0] must be a text"),
            (
                json!({"libraryKey": "1", "metadata": {"yaer": 1}}),
                "metadata.yaer is not an argument of this tool; did you",
            ),
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
