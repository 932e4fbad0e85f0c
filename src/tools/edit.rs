//! Tools that change what Plex knows of items: watch states, ratings, metadata.

mod mark_unwatched;
mod mark_watched;
pub(super) mod metadata;
pub(super) mod poster;
mod rate_media;
pub(super) mod rating;
mod update_metadata;
mod update_metadata_from_json;
pub(super) mod watched;

use super::ToolDef;

/// The tools, in the order in which they are listed.
pub const TOOLS: &[ToolDef] = &[
    ToolDef::of::<update_metadata::UpdateMetadata>(),
    ToolDef::of::<update_metadata_from_json::UpdateMetadataFromJson>(),
    ToolDef::of::<rate_media::RateMedia>(),
    ToolDef::of::<mark_watched::MarkWatched>(),
    ToolDef::of::<mark_unwatched::MarkUnwatched>(),
];
