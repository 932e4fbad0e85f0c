use crate::{
    guard::Read,
    plex::{
        items::{Section, listing},
        pager::Pager,
    },
    tools::{Tool, call::Call, error::ToolError},
};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// List the libraries of the Plex server with their keys, types and numbers of items. Other tools take the key as libraryKey.
#[derive(JsonSchema)]
pub(super) struct GetLibraries;

/// No arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {}

/// All libraries.
#[derive(Serialize, JsonSchema)]
pub(super) struct Out {
    /// The libraries that the token's account may see.
    libraries: Vec<Library>,
}

/// A library.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Library {
    /// The number that other tools take as libraryKey.
    key: String,
    /// The name that people see.
    title: String,
    /// movie, show, artist or photo.
    #[serde(rename = "type")]
    kind: String,
    /// Items of the library's main type: films, shows, artists. Absent where the server did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// When its folders were last scanned, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    scanned_at: Option<i64>,
    /// Whether a scan is running now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    refreshing: bool,
    /// Where its metadata comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// The language of its metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

impl Tool for GetLibraries {
    const NAME: &'static str = "get_libraries";
    const TITLE: &'static str = "List libraries";
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, Args {}: Args) -> Result<Out, ToolError> {
        let plex = call.plex().await?;
        // The list of libraries has no counts: each library is asked for no rows, which tells its total.
        let libraries = plex.sections().await?.into_iter().map(|section| async move {
            let key = section.key.clone().unwrap_or_default();
            let count = Pager::total_of(plex, &listing(&key, None)).await;
            if let Err(error) = &count {
                tracing::warn!(library = key, %error, "a library can't be counted");
            }
            library(section, key, count.ok().and_then(|totals| totals.total))
        });
        Ok(Out { libraries: join_all(libraries).await })
    }
}

fn library(section: Section, key: String, count: Option<u64>) -> Library {
    Library {
        key,
        title: section.title.unwrap_or_default(),
        kind: section.kind.unwrap_or_default(),
        count,
        scanned_at: section.scanned_at,
        refreshing: section.refreshing,
        agent: section.agent,
        language: section.language,
    }
}
