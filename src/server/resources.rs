//! Resources: what clients can show or attach without a call of the model's. Reading one is a call of the tool that it
//! amounts to: judged, counted and recorded as that.

use super::{Server, exports};
use crate::tools::{self, error::ToolError};
use rmcp::{
    ErrorData, RoleServer,
    model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate},
    service::RequestContext,
};
use serde_json::{Map, Value};

const JSON: &str = "application/json";

/// The beginning of the address of a library's items.
const LIBRARY: &str = "plex://library/";
/// The address with a place for the library's key.
pub(super) const LIBRARY_TEMPLATE: &str = "plex://library/{key}";

/// A resource with a fixed address: the address, the tool that reading it amounts to, its title, what it holds.
const FIXED: [(&str, &str, &str, &str); 2] = [
    ("plex://libraries", "get_libraries", "Libraries", "The libraries of the Plex server, with keys, types and sizes."),
    (
        "plex://policy",
        "get_policy",
        "Policy",
        "What this client may do, how much is left of each limit, and how far the ledger goes.",
    ),
];

impl Server {
    /// The resources whose tools the client may know of.
    pub(super) fn resources(&self) -> Vec<Resource> {
        let known = FIXED.iter().filter(|(_, tool, ..)| self.lists(tool)).map(|(uri, tool, title, about)| {
            Resource::new(*uri, *tool).with_title(*title).with_description(*about).with_mime_type(JSON)
        });
        known.chain(exports::list(&self.app)).collect()
    }

    /// The templates whose tools the client may know of.
    pub(super) fn resource_templates(&self) -> Vec<ResourceTemplate> {
        let library = ResourceTemplate::new(LIBRARY_TEMPLATE, "get_library_items")
            .with_title("Items of a library")
            .with_description(
                "The first items of a library, by its key; the tool get_library_items goes on from there.",
            )
            .with_mime_type(JSON);
        let library = self.lists("get_library_items").then_some(library);
        library.into_iter().chain(exports::template(&self.app)).collect()
    }

    /// Reads the resource at an address.
    pub(super) async fn read(
        &self,
        uri: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<ReadResourceResult, ErrorData> {
        if exports::is_export(uri) {
            return exports::read(&self.app, &self.caller(context), uri).await;
        }
        let nothing = || ErrorData::resource_not_found("there is no such resource", None);
        let (tool, arguments) = if let Some((_, tool, ..)) = FIXED.iter().find(|(fixed, ..)| *fixed == uri) {
            (*tool, Map::new())
        } else {
            let key = uri.strip_prefix(LIBRARY).filter(|key| !key.is_empty()).ok_or_else(nothing)?;
            ("get_library_items", Map::from_iter([("libraryKey".to_owned(), Value::from(key))]))
        };
        match self.call_for(tool, arguments, context).await {
            Ok(value) => {
                let contents = ResourceContents::text(value.to_string(), uri).with_mime_type(JSON);
                Ok(ReadResourceResult::new(vec![contents]))
            }
            // A tool that is hidden has no resources.
            Err(ToolError::Unknown(_)) => Err(nothing()),
            Err(error @ ToolError::Arguments(_)) => {
                Err(ErrorData::invalid_params(error.to_string(), Some(error.structured())))
            }
            Err(error) if error.code() == "not_found" => {
                Err(ErrorData::resource_not_found(error.to_string(), Some(error.structured())))
            }
            Err(error) => Err(ErrorData::internal_error(error.to_string(), Some(error.structured()))),
        }
    }

    /// Whether the client may know of a tool, which may not be there at all.
    pub(super) fn lists(&self, tool: &str) -> bool {
        tools::find(tool).is_some_and(|tool| self.app.guard().lists(tool.subject))
    }

    /// A call of a tool that reads, on behalf of a request that amounts to it.
    pub(super) async fn call_for(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Value, ToolError> {
        tools::call(&self.app, &self.caller(context), tool, arguments).await
    }
}
