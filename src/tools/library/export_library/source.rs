//! What is exported: a library, a collection or a playlist.

use super::Args;
use crate::{
    export::job::Identity,
    guard::Facts,
    plex::{
        error::PlexError,
        http::{Get, Plex},
        items::{Item, MediaType},
    },
    tools::{
        error::ToolError,
        filters::{Conditions, ignored_filter},
    },
};

/// Which list is exported, by its key.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Library(String),
    Collection(String),
    Playlist(String),
}

/// The list, looked up.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) request: Get,
    pub(super) identity: Identity,
    pub(super) library_key: Option<String>,
    pub(super) library: Option<String>,
    pub(super) collection: Option<String>,
    pub(super) playlist: Option<String>,
    /// The type of the items, where it is known.
    pub(super) kind: Option<String>,
    /// What is unusual about the list.
    pub(super) warning: Option<String>,
}

/// Items that are looked at to see whether the server knows the filters.
const SAMPLE: u64 = 50;

impl Source {
    /// The one list that the arguments name.
    pub(super) fn of(args: &Args, conditions: &Conditions) -> Result<Self, ToolError> {
        let source = match (&args.library_key, &args.collection_key, &args.playlist_id) {
            (Some(key), None, None) => return Ok(Self::Library(key.to_string())),
            (None, Some(key), None) => Self::Collection(key.to_string()),
            (None, None, Some(key)) => Self::Playlist(key.to_string()),
            (None, None, None) => {
                return Err(ToolError::argument("libraryKey", "or collectionKey or playlistId is required"));
            }
            _ => {
                let problem =
                    "can't go together with collectionKey or playlistId, nor these two: give one of the three";
                return Err(ToolError::argument("libraryKey", problem));
            }
        };
        let of_library = args.kind.map(|_| "type").or_else(|| conditions.first());
        if let Some(argument) = of_library {
            let problem = "goes with libraryKey alone: a collection or playlist is exported whole";
            return Err(ToolError::argument(argument, problem));
        }
        Ok(source)
    }

    /// For the name of its file.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Library(key) => format!("library-{key}"),
            Self::Collection(key) => format!("collection-{key}"),
            Self::Playlist(key) => format!("playlist-{key}"),
        }
    }

    /// Asks the server for it.
    pub(super) async fn look_up(
        &self,
        plex: &Plex,
        kind: Option<MediaType>,
        conditions: &Conditions,
    ) -> Result<Subject, ToolError> {
        match self {
            Self::Library(key) => {
                let section = plex.section(key).await?;
                let listing = conditions.listing(plex, key, kind).await?;
                let mut warning = None;
                if !conditions.is_empty() {
                    let sample = plex.window::<Item>(listing.clone(), 0, SAMPLE).await?;
                    warning = conditions.ignored(&sample.items).map(ignored_filter);
                }
                Ok(Subject {
                    // New items are added behind the ones that were read already, so that none moves between pages.
                    request: listing.with("sort", "addedAt:asc").with("includeGuids", "1"),
                    warning,
                    identity: Identity::Item,
                    library_key: Some(key.clone()),
                    library: section.title,
                    collection: None,
                    playlist: None,
                    kind: kind.map(|kind| kind.as_str().to_owned()).or(section.kind),
                })
            }
            Self::Collection(key) => {
                let item = plex.item(key).await?;
                if item.kind.as_deref() != Some("collection") {
                    return Err(ToolError::argument("collectionKey", "is not the key of a collection"));
                }
                let request = Get::new(format!("collection {key}"), ["library", "collections", key, "items"]);
                Ok(Subject {
                    request: request.with("includeGuids", "1"),
                    identity: Identity::Item,
                    library_key: item.library_section_id,
                    library: item.library_section_title,
                    collection: item.title,
                    playlist: None,
                    kind: None,
                    warning: None,
                })
            }
            Self::Playlist(key) => {
                let what = format!("playlist {key}");
                let found = plex.rows::<Item>(&Get::new(what.clone(), ["playlists", key])).await?;
                let playlist = found.into_iter().next().ok_or_else(|| PlexError::not_found(what.clone()))?;
                Ok(Subject {
                    request: Get::new(what, ["playlists", key, "items"]).with("includeGuids", "1"),
                    identity: Identity::Entry,
                    library_key: None,
                    library: None,
                    collection: None,
                    playlist: playlist.title,
                    kind: None,
                    warning: None,
                })
            }
        }
    }
}

impl Subject {
    /// As a person is told of it.
    pub(super) fn described(&self) -> String {
        let title = |title: &Option<String>| title.clone().unwrap_or_default();
        match (&self.collection, &self.playlist) {
            (Some(_), _) => format!("the collection \"{}\"", title(&self.collection)),
            (_, Some(_)) => format!("the playlist \"{}\"", title(&self.playlist)),
            _ => format!("the library \"{}\"", title(&self.library)),
        }
    }

    /// What the policy may look at. The items of a playlist can be of any library.
    pub(super) fn facts(&self, count: Option<u64>) -> Facts {
        let playlist = self.playlist.as_ref();
        Facts::default()
            .with_known("item.library", self.library.clone())
            .with_known("item.library_id", self.library_key.clone())
            .with_known("item.type", self.kind.clone())
            .with_known("item.count", count)
            .with_known("playlist.title", playlist.cloned())
            .with_known("playlist.count", playlist.and(count))
    }
}
