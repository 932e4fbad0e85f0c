//! Requests held against a service's own description of its HTTP interface (`OpenAPI` 3): is there such an operation, does
//! it take these parameters, do the values fit, and is everything there that it requires?

use regex::Regex;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The directory with the services' descriptions, where the environment names one. They are no part of this project.
pub fn directory() -> Option<PathBuf> {
    std::env::var_os("PLEX_MCP_SPEC").map(PathBuf::from)
}

/// What a service takes though its description does not say so. `*` at the end of a parameter's name is any ending.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub method: &'static str,
    /// A path in the description's form, `/library/metadata/{ids}`; one that is not there is added.
    pub path: &'static str,
    /// One that is described is known to take any value.
    pub parameters: &'static [&'static str],
    /// Where it is known from.
    pub reason: &'static str,
}

/// What one service's description says.
pub struct Contract {
    operations: Vec<Operation>,
    /// Parameters that every operation takes.
    everywhere: Vec<&'static str>,
    /// Parameters that stand for many, and what is wrong with a name and a value that are to be one of them.
    languages: Vec<(&'static str, Language)>,
}

/// A language of queries: what is wrong with a name and its value.
pub type Language = fn(&str, &str) -> Result<(), String>;

struct Operation {
    method: String,
    path: String,
    pattern: Regex,
    /// For each segment whether it is fixed: of two paths that fit, the one that is fixed earlier is meant.
    fixed: Vec<bool>,
    parameters: Vec<Parameter>,
}

struct Parameter {
    name: String,
    in_path: bool,
    required: bool,
    schema: Value,
}

/// Reads a description.
pub fn load(file: &Path) -> Contract {
    let text = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Contract::of(&serde_json::from_slice(&text).unwrap())
}

impl Contract {
    pub fn of(document: &Value) -> Self {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().expect("a description has paths") {
            let methods = ["get", "put", "post", "delete", "patch", "head", "options"];
            for method in methods.into_iter().filter(|method| item.get(method).is_some()) {
                let lists = [&item[method]["parameters"], &item["parameters"]];
                let parameters =
                    lists.into_iter().filter_map(Value::as_array).flatten().map(|one| parameter(document, one));
                operations.push(Operation::new(method, path, parameters.collect()));
            }
        }
        Self { operations, everywhere: Vec::new(), languages: Vec::new() }
    }

    /// With what is known beyond the description.
    #[must_use]
    pub fn knowing(mut self, known: &[Known]) -> Self {
        for Known { method, path, parameters, .. } in known {
            let added = parameters.iter().map(|name| Parameter {
                name: (*name).to_owned(),
                in_path: false,
                required: false,
                schema: Value::Null,
            });
            match self.operations.iter_mut().find(|operation| operation.is(method, path)) {
                Some(operation) => {
                    operation.parameters.retain(|parameter| !parameters.contains(&parameter.name.as_str()));
                    operation.parameters.extend(added);
                }
                None => self.operations.push(Operation::new(method, path, added.collect())),
            }
        }
        self
    }

    /// With parameters that every operation takes.
    #[must_use]
    pub fn everywhere(mut self, parameters: &[&'static str]) -> Self {
        self.everywhere.extend(parameters);
        self
    }

    /// With a parameter that is no parameter but a language of them.
    #[must_use]
    pub fn language(mut self, parameter: &'static str, language: Language) -> Self {
        self.languages.push((parameter, language));
        self
    }

    /// Whether the description itself has an operation at this path.
    pub fn has(&self, method: &str, path: &str) -> bool {
        self.operations.iter().any(|operation| operation.is(method, path))
    }

    /// The path of the description that a request falls under.
    pub fn path_of(&self, method: &str, path: &str) -> Option<&str> {
        self.find(method, path).map(|operation| operation.path.as_str())
    }

    /// What is wrong with a request: `path` without the query, `query` as it was sent.
    pub fn check(&self, method: &str, path: &str, query: &str) -> Result<(), String> {
        let operation = self.find(method, path).ok_or_else(|| format!("there is no {method} {path}"))?;
        let shown = format!("{method} {}", operation.path);
        operation.check_path(path).map_err(|problem| format!("{shown}: {problem}"))?;
        let mut given = BTreeSet::new();
        for (name, value) in pairs(query) {
            let parameter = operation.query().find(|parameter| parameter.takes(&name));
            match parameter {
                Some(parameter) => {
                    fits(&parameter.schema, &value)
                        .map_err(|problem| format!("{shown}: {name}={value} is {problem}"))?;
                    given.insert(parameter.name.clone());
                }
                None if self.everywhere.iter().any(|known| matches(known, &name)) => {}
                None => match self.language_of(operation) {
                    Some(language) => language(&name, &value).map_err(|problem| format!("{shown}: {problem}"))?,
                    None => return Err(format!("{shown} takes no parameter {name}")),
                },
            }
        }
        let missing = operation.query().find(|parameter| parameter.required && !given.contains(&parameter.name));
        missing.map_or(Ok(()), |parameter| Err(format!("{shown} requires {}", parameter.name)))
    }

    fn language_of(&self, operation: &Operation) -> Option<Language> {
        let spoken = |name: &str| operation.query().any(|parameter| parameter.name == name);
        self.languages.iter().find(|(name, _)| spoken(name)).map(|(_, language)| *language)
    }

    fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let fitting = self.operations.iter().filter(|operation| operation.method.eq_ignore_ascii_case(method));
        fitting.filter(|operation| operation.pattern.is_match(path)).max_by_key(|operation| operation.fixed.clone())
    }
}

impl Operation {
    fn new(method: &str, path: &str, parameters: Vec<Parameter>) -> Self {
        let place = Regex::new(r"\{[^}]*\}|\*").unwrap();
        let mut pattern = String::from("^");
        let mut end = 0;
        for hole in place.find_iter(path) {
            pattern += &regex::escape(&path[end..hole.start()]);
            pattern += "([^/]+)";
            end = hole.end();
        }
        pattern += &regex::escape(&path[end..]);
        let fixed = path.split('/').map(|segment| !place.is_match(segment)).collect();
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            pattern: Regex::new(&(pattern + "/?$")).unwrap(),
            fixed,
            parameters,
        }
    }

    fn is(&self, method: &str, path: &str) -> bool {
        self.method.eq_ignore_ascii_case(method) && self.path == path
    }

    fn query(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| !parameter.in_path)
    }

    fn check_path(&self, path: &str) -> Result<(), String> {
        let names = Regex::new(r"\{([^}]*)\}|\*").unwrap();
        let names = names.captures_iter(&self.path).map(|found| found.get(1).map_or("", |name| name.as_str()));
        let values = self.pattern.captures(path).unwrap();
        for (name, value) in names.zip(values.iter().skip(1).flatten()) {
            let parameter = self.parameters.iter().find(|parameter| parameter.in_path && parameter.name == name);
            if let Some(parameter) = parameter {
                fits(&parameter.schema, value.as_str())
                    .map_err(|problem| format!("{{{name}}} is {}, which is {problem}", value.as_str()))?;
            }
        }
        Ok(())
    }
}

impl Parameter {
    fn takes(&self, name: &str) -> bool {
        matches(&self.name, name)
    }
}

fn matches(known: &str, name: &str) -> bool {
    known.strip_suffix('*').map_or(known == name, |beginning| name.starts_with(beginning))
}

fn parameter(document: &Value, value: &Value) -> Parameter {
    let value = resolve(document, value);
    Parameter {
        name: value["name"].as_str().unwrap_or_default().to_owned(),
        // Headers and cookies are not looked at; a name that no query has keeps them out of the way.
        in_path: value["in"] != "query",
        required: value["required"] == true,
        schema: resolve(document, &value["schema"]).clone(),
    }
}

fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str().and_then(|target| target.strip_prefix('#')) {
        Some(pointer) => resolve(document, document.pointer(pointer).expect("references lead somewhere")),
        None => value,
    }
}

/// Decoded names and values. A sign of comparison before the `=` is part of the name, as Plex writes its filters.
pub fn pairs(query: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://localhost/?{query}")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// What a value is not, by its schema. Lists are written with commas.
fn fits(schema: &Value, value: &str) -> Result<(), String> {
    if let Some(names) = schema["enum"].as_array() {
        let number = value.parse::<i64>().ok();
        let is = |name: &Value| name.as_str() == Some(value) || (number.is_some() && name.as_i64() == number);
        let known = names.iter().any(is);
        return if known { Ok(()) } else { Err(format!("none of {}", schema["enum"])) };
    }
    match schema["type"].as_str() {
        Some("integer") if value.parse::<i64>().is_err() => Err("no whole number".to_owned()),
        Some("integer" | "number") => within(schema, value.parse().map_err(|_| "no number".to_owned())?),
        Some("boolean") if !matches!(value, "true" | "false" | "1" | "0") => Err("neither true nor false".to_owned()),
        Some("array") => value.split(',').try_for_each(|member| fits(&schema["items"], member)),
        _ => Ok(()),
    }
}

fn within(schema: &Value, number: f64) -> Result<(), String> {
    let bound = |name: &str| schema[name].as_f64();
    match (bound("minimum"), bound("maximum")) {
        (Some(least), _) if number < least => Err(format!("less than {least}")),
        (_, Some(most)) if number > most => Err(format!("more than {most}")),
        _ => Ok(()),
    }
}
