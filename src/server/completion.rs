//! Completion of libraries' keys, by the beginning of the key or a part of the name. It is a call of `get_libraries`.

use super::{Server, prompts, resources::LIBRARY_TEMPLATE};
use rmcp::{
    RoleServer,
    model::{CompleteRequestParams, CompleteResult, CompletionInfo, Reference},
    service::RequestContext,
};
use serde_json::{Map, Value};

impl Server {
    /// What the argument may become. What can't be told, because the policy or Plex has no answer, is nothing.
    pub(super) async fn completed(
        &self,
        request: &CompleteRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> CompleteResult {
        let takes_library = match &request.r#ref {
            Reference::Resource(resource) => resource.uri == LIBRARY_TEMPLATE && request.argument.name == "key",
            Reference::Prompt(prompt) => {
                prompts::takes_library(&prompt.name) && request.argument.name == prompts::LIBRARY_KEY
            }
            _ => false,
        };
        let mut values = Vec::new();
        if takes_library && let Ok(answer) = self.call_for("get_libraries", Map::new(), context).await {
            values = fitting(&answer, &request.argument.value);
        }
        values.truncate(CompletionInfo::MAX_VALUES);
        CompleteResult::new(CompletionInfo::with_all_values(values).unwrap_or_default())
    }
}

/// The keys that begin with the text, or whose libraries have it in their names.
fn fitting(answer: &Value, text: &str) -> Vec<String> {
    let text = text.trim().to_lowercase();
    let libraries = answer.get("libraries").and_then(Value::as_array);
    let of = |library: &Value, name: &str| library.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let fits =
        |library: &&Value| of(library, "key").starts_with(&text) || of(library, "title").to_lowercase().contains(&text);
    libraries.into_iter().flatten().filter(fits).map(|library| of(library, "key")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_beginning_or_by_the_name() {
        let answer = serde_json::json!({"libraries": [
            {"key": "1", "title": "Movies"}, {"key": "12", "title": "TV Shows"}, {"key": "3", "title": "Home Movies"},
        ]});
        for (text, keys) in
            [("", &["1", "12", "3"][..]), ("1", &["1", "12"]), ("12", &["12"]), (" MOVIES ", &["1", "3"]), ("x", &[])]
        {
            assert_eq!(fitting(&answer, text), keys, "{text}");
        }
        assert!(fitting(&serde_json::json!({}), "").is_empty());
    }
}
