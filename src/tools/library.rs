//! Tools that read a library, and the one that exports it.

mod export_library;
mod get_editable_fields;
mod get_libraries;
mod get_library_items;
mod get_library_stats;
mod get_media_details;
mod get_recently_added;
mod holdings;
mod search_media;

use super::ToolDef;

/// The tools of this group.
pub const TOOLS: &[ToolDef] = &[
    ToolDef::of::<get_libraries::GetLibraries>(),
    ToolDef::of::<get_library_items::GetLibraryItems>(),
    ToolDef::of::<get_library_stats::GetLibraryStats>(),
    ToolDef::of::<get_media_details::GetMediaDetails>(),
    ToolDef::of::<search_media::SearchMedia>(),
    ToolDef::of::<get_recently_added::GetRecentlyAdded>(),
    ToolDef::of::<get_editable_fields::GetEditableFields>(),
    ToolDef::of::<export_library::ExportLibrary>(),
];
