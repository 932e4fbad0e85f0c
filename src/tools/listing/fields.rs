//! Which keys of its rows an answer has: those that fit the tool's purpose, or those that the caller picks.

use crate::tools::error::ToolError;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::HashSet, marker::PhantomData};

/// The names that a caller picks.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Fields(Vec<String>);

impl JsonSchema for Fields {
    fn schema_name() -> Cow<'static, str> {
        "Fields".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 60})
    }
}

/// The keys that rows of type `T` keep.
#[derive(Clone, Debug)]
pub struct Pick<T> {
    kept: HashSet<String>,
    rows: PhantomData<fn() -> T>,
}

impl<T: Serialize + JsonSchema> Pick<T> {
    /// Keeps `usual`, unless the caller picks others. A name that rows of this type don't have is an error that lists those
    /// they have.
    pub fn new(fields: Option<Fields>, usual: &[&str]) -> Result<Self, ToolError> {
        let kept = match fields {
            None => usual.iter().map(|&name| name.to_owned()).collect(),
            Some(Fields(names)) => {
                // Models write several names in one text, too.
                let split =
                    names.iter().flat_map(|name| name.split(',')).map(str::trim).filter(|name| !name.is_empty());
                let names: Vec<String> = split.map(str::to_owned).collect();
                if names.is_empty() {
                    return Err(ToolError::argument("fields", "must not be empty"));
                }
                let known = names_of::<T>();
                if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
                    let shown: String = unknown.chars().filter(char::is_ascii_graphic).take(40).collect();
                    let known = known.join(", ");
                    return Err(ToolError::argument("fields", format!("has {shown}, which is none of {known}")));
                }
                names.into_iter().collect()
            }
        };
        Ok(Self { kept, rows: PhantomData })
    }

    /// Whether the key is kept.
    pub fn has(&self, name: &str) -> bool {
        self.kept.contains(name)
    }

    /// The row with the keys that are kept.
    pub fn row(&self, row: T) -> Row<T> {
        let mut members = match serde_json::to_value(row) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        members.retain(|name, _| self.kept.contains(name));
        Row { members, of: PhantomData }
    }
}

/// A row of an answer, with some of the keys of a `T`.
#[derive(Debug)]
pub struct Row<T> {
    members: Map<String, Value>,
    of: PhantomData<fn() -> T>,
}

impl<T> Serialize for Row<T> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.members.serialize(to)
    }
}

impl<T: JsonSchema> JsonSchema for Row<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("some of {}", T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.remove("required");
        schema
    }
}

/// The keys that a `T` can have, in their order.
fn names_of<T: JsonSchema>() -> Vec<String> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = settings.for_serialize().into_generator().into_root_schema_for::<T>();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(Map::keys).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Film {
        title: &'static str,
        year: u16,
        #[serde(flatten)]
        more: More,
    }

    #[derive(Serialize, JsonSchema)]
    struct More {
        rating: f64,
    }

    fn pick(fields: Option<&[&str]>) -> Result<Value, String> {
        let fields = fields.map(|names| Fields(names.iter().map(|&name| name.to_owned()).collect()));
        let pick = Pick::new(fields, &["title", "year"]).map_err(|error| error.to_string())?;
        let film = Film { title: "A Film", year: 1999, more: More { rating: 7.5 } };
        Ok(serde_json::to_value(pick.row(film)).expect("a row is JSON"))
    }

    #[test]
    fn rows_have_the_usual_keys_or_those_that_are_picked() {
        assert_eq!(pick(None), Ok(serde_json::json!({"title": "A Film", "year": 1999})));
        assert_eq!(pick(Some(&["rating", "title"])), Ok(serde_json::json!({"title": "A Film", "rating": 7.5})));
        let error = pick(Some(&["title", "ratin\u{7}g2"])).unwrap_err();
        assert_eq!(error, "invalid arguments: fields has rating2, which is none of title, year, rating");
    }

    #[test]
    fn nothing_is_required_of_a_picked_row() {
        let schema = SchemaGenerator::default().into_root_schema_for::<Row<Film>>();
        assert!(schema.get("required").is_none() && schema.get("properties").is_some(), "{schema:?}");
    }
}
