//! Plex's items as the tools read them. Everything is optional and lenient: a server's odd field loses that field only.

use super::{
    error::PlexError,
    http::{Get, Plex},
    lenient,
    lookup::NOT_NEEDED,
    xml::Row,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use super::window::Window;

/// The kinds of item that libraries hold, by their names in Plex's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MediaType {
    /// A film.
    Movie,
    /// A series.
    Show,
    /// A season of a show.
    Season,
    /// An episode of a season.
    Episode,
    /// A musician or band.
    Artist,
    /// A record.
    Album,
    /// A piece of music.
    Track,
    /// A picture.
    Photo,
    /// Items that belong together, made by a person or an agent.
    Collection,
}

impl MediaType {
    /// Every type.
    pub const ALL: [Self; 9] = [
        Self::Movie,
        Self::Show,
        Self::Season,
        Self::Episode,
        Self::Artist,
        Self::Album,
        Self::Track,
        Self::Photo,
        Self::Collection,
    ];

    /// The type with this name in Plex's answers.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Plex's number for the type, as the `type` parameter takes it.
    pub fn number(self) -> &'static str {
        match self {
            Self::Movie => "1",
            Self::Show => "2",
            Self::Season => "3",
            Self::Episode => "4",
            Self::Artist => "8",
            Self::Album => "9",
            Self::Track => "10",
            Self::Photo => "13",
            Self::Collection => "18",
        }
    }

    /// The name in Plex's answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Movie => "movie",
            Self::Show => "show",
            Self::Season => "season",
            Self::Episode => "episode",
            Self::Artist => "artist",
            Self::Album => "album",
            Self::Track => "track",
            Self::Photo => "photo",
            Self::Collection => "collection",
        }
    }
}

/// A library, which Plex's API calls a section.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Section {
    /// The library's number.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// The name that people see.
    #[serde(deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// `movie`, `show`, `artist` or `photo`.
    #[serde(deserialize_with = "lenient::text", rename = "type")]
    pub kind: Option<String>,
    /// The metadata agent's identifier.
    #[serde(deserialize_with = "lenient::text")]
    pub agent: Option<String>,
    /// The language of the metadata.
    #[serde(deserialize_with = "lenient::text")]
    pub language: Option<String>,
    /// When the folders were last scanned, in seconds since 1970.
    #[serde(deserialize_with = "lenient::integer")]
    pub scanned_at: Option<i64>,
    /// Whether a scan is running.
    #[serde(deserialize_with = "lenient::flag")]
    pub refreshing: bool,
}

impl Section {
    /// The type of item that the library is for.
    pub fn main_type(&self) -> Option<MediaType> {
        match self.kind.as_deref() {
            Some("movie") => Some(MediaType::Movie),
            Some("show") => Some(MediaType::Show),
            Some("artist") => Some(MediaType::Artist),
            Some("photo") => Some(MediaType::Photo),
            _ => None,
        }
    }
}

/// A value that a library's items can be filtered by.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// What the filter takes: a tag's number.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    /// What people see.
    #[serde(deserialize_with = "lenient::text")]
    pub title: Option<String>,
}

/// A named label: a genre, a person, a country.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tag {
    /// The label.
    #[serde(deserialize_with = "lenient::text")]
    pub tag: Option<String>,
    /// The part an actor plays.
    #[serde(deserialize_with = "lenient::text")]
    pub role: Option<String>,
}

/// An id of the item elsewhere: `imdb://tt0000001`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Guid {
    /// Scheme and id.
    #[serde(deserialize_with = "lenient::text")]
    pub id: Option<String>,
}

/// A field that an agent's refresh must not change.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Field {
    /// The field's name.
    #[serde(deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Whether it is locked.
    #[serde(deserialize_with = "lenient::flag")]
    pub locked: bool,
}

/// One version of an item.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are Plex's own")]
pub struct Media {
    #[serde(deserialize_with = "lenient::text")]
    pub video_resolution: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub width: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub height: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub bitrate: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub duration: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    pub container: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub video_codec: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub video_frame_rate: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub audio_codec: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub audio_channels: Option<i64>,
    /// Whether this version is the one that is played.
    #[serde(deserialize_with = "lenient::flag")]
    pub selected: bool,
    #[serde(deserialize_with = "lenient::list", rename = "Part")]
    pub parts: Vec<Part>,
}

/// One file of a version.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are Plex's own")]
pub struct Part {
    #[serde(deserialize_with = "lenient::text")]
    pub file: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub size: Option<i64>,
    /// `directplay` or `transcode`, while it is played.
    #[serde(deserialize_with = "lenient::text")]
    pub decision: Option<String>,
    #[serde(deserialize_with = "lenient::list", rename = "Stream")]
    pub streams: Vec<Stream>,
}

/// A track inside a file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are Plex's own")]
pub struct Stream {
    #[serde(deserialize_with = "lenient::integer")]
    pub stream_type: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    pub codec: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub language: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub display_title: Option<String>,
    #[serde(deserialize_with = "lenient::flag")]
    pub default: bool,
    #[serde(deserialize_with = "lenient::flag")]
    pub forced: bool,
}

/// An item of a library: a film, a show, an episode, an album, ...
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are Plex's own")]
pub struct Item {
    #[serde(deserialize_with = "lenient::text")]
    pub rating_key: Option<String>,
    /// The address on the server; of what has items below it, the address of those.
    #[serde(deserialize_with = "lenient::text")]
    pub key: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub guid: Option<String>,
    #[serde(deserialize_with = "lenient::text", rename = "type")]
    pub kind: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub title: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub title_sort: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub original_title: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub edition_title: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub parent_rating_key: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub parent_title: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub parent_index: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    pub grandparent_rating_key: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub grandparent_title: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    pub index: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub year: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    pub originally_available_at: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub summary: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub tagline: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub studio: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub content_rating: Option<String>,
    #[serde(deserialize_with = "lenient::number")]
    pub rating: Option<f64>,
    #[serde(deserialize_with = "lenient::number")]
    pub audience_rating: Option<f64>,
    #[serde(deserialize_with = "lenient::number")]
    pub user_rating: Option<f64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub duration: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub added_at: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub updated_at: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub view_count: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub view_offset: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub last_viewed_at: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub child_count: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub leaf_count: Option<i64>,
    #[serde(deserialize_with = "lenient::integer")]
    pub viewed_leaf_count: Option<i64>,
    #[serde(deserialize_with = "lenient::text", rename = "librarySectionID")]
    pub library_section_id: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pub library_section_title: Option<String>,
    /// The item's place in a playlist that is a list; the same item has another one each time that it is in it.
    #[serde(deserialize_with = "lenient::text", rename = "playlistItemID")]
    pub playlist_item_id: Option<String>,
    #[serde(deserialize_with = "lenient::number")]
    pub score: Option<f64>,
    #[serde(deserialize_with = "lenient::text")]
    pub reason: Option<String>,
    #[serde(deserialize_with = "lenient::list", rename = "Guid")]
    pub guids: Vec<Guid>,
    #[serde(deserialize_with = "lenient::list", rename = "Genre")]
    pub genres: Vec<Tag>,
    #[serde(deserialize_with = "lenient::list", rename = "Country")]
    pub countries: Vec<Tag>,
    #[serde(deserialize_with = "lenient::list", rename = "Role")]
    pub roles: Vec<Tag>,
    #[serde(deserialize_with = "lenient::list", rename = "Director")]
    pub directors: Vec<Tag>,
    #[serde(deserialize_with = "lenient::list", rename = "Writer")]
    pub writers: Vec<Tag>,
    #[serde(deserialize_with = "lenient::list", rename = "Collection")]
    pub collections: Vec<Tag>,
    #[serde(deserialize_with = "lenient::list", rename = "Label")]
    pub labels: Vec<Tag>,
    #[serde(deserialize_with = "lenient::list", rename = "Field")]
    pub fields: Vec<Field>,
    #[serde(deserialize_with = "lenient::list", rename = "Media")]
    pub media: Vec<Media>,
}

impl Item {
    /// Whether it is an album of photos, whose type Plex calls `photo`, too.
    pub fn is_photo_album(&self) -> bool {
        let has_items = self.key.as_deref().is_some_and(|key| key.ends_with("/children"));
        self.kind.as_deref() == Some("photo") && has_items
    }
}

/// A group of search hits.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Hub {
    /// The type of its items.
    #[serde(deserialize_with = "lenient::text", rename = "type")]
    pub kind: Option<String>,
    /// The hits; libraries, genres and people come as `Directory`.
    #[serde(deserialize_with = "lenient::list", rename = "Metadata")]
    pub items: Vec<Item>,
    /// Hits whose XML element is `Directory`: shows, seasons, artists, albums, but also genres and people.
    #[serde(deserialize_with = "lenient::list", rename = "Directory")]
    pub directories: Vec<Item>,
}

impl Plex {
    /// The libraries of the server.
    pub async fn sections(&self) -> Result<Vec<Section>, PlexError> {
        let sections = self.rows(&Get::new("the list of libraries", ["library", "sections"])).await;
        // Every Plex server has this list: where it is not found, something else answers.
        sections.map_err(|error| match error {
            error if error.is_not_found() => PlexError::NoApi { address: self.address() },
            other => other,
        })
    }

    /// The library with this number.
    pub async fn section(&self, key: &str) -> Result<Section, PlexError> {
        self.sections()
            .await?
            .into_iter()
            .find(|section| section.key.as_deref() == Some(key))
            .ok_or_else(|| PlexError::not_found(format!("library {key}")))
    }

    /// What a library's items of one type can be filtered by in a field, such as `genre`.
    pub async fn choices(&self, key: &str, field: &str, media_type: MediaType) -> Result<Vec<Choice>, PlexError> {
        let what = format!("what there is of {field} in library {key}");
        let request = Get::new(what, ["library", "sections", key, field]);
        self.rows(&request.with("type", media_type.number())).await
    }

    /// Items of one type with these global ids, of all libraries, in one request.
    pub async fn items_by_guid(&self, media_type: MediaType, guids: &[&str]) -> Result<Vec<Item>, PlexError> {
        let request = Get::new("items by their global ids", ["library", "all"]).with("type", media_type.number());
        let window = self.window(request.with("guid", guids.join(",")), 0, super::window::PAGE_ROWS).await?;
        Ok(window.items)
    }

    /// An item with everything that the server tells of it.
    pub async fn item(&self, rating_key: &str) -> Result<Item, PlexError> {
        let what = format!("item {rating_key}");
        let request = Get::new(what.clone(), ["library", "metadata", rating_key]).with("includeGuids", "1");
        self.rows(&request).await?.into_iter().next().ok_or_else(|| PlexError::not_found(what))
    }

    /// What can be played at or below an item: a show's episodes, an artist's tracks. Each comes without its files and tags.
    pub async fn leaves(&self, rating_key: &str) -> Result<Vec<Item>, PlexError> {
        let request = Get::new(
            format!("the episodes or tracks of item {rating_key}"),
            ["library", "metadata", rating_key, "allLeaves"],
        );
        Ok(self.window(request.with("excludeElements", NOT_NEEDED), 0, u64::MAX).await?.items)
    }
}

/// The list of a library's items of one type, or of its main type.
pub fn listing(key: &str, media_type: Option<MediaType>) -> Get {
    let request = Get::new(format!("library {key}"), ["library", "sections", key, "all"]);
    match media_type {
        Some(media_type) => request.with("type", media_type.number()),
        None => request,
    }
}

/// A row as a `T`; none where it can't be read. `buffer` is room that is used again from row to row.
pub fn decode<T: DeserializeOwned>(row: Row<'_, '_>, buffer: &mut Vec<u8>) -> Option<T> {
    buffer.clear();
    row.write_full(buffer);
    serde_json::from_slice(buffer)
        .inspect_err(|error| {
            let key = row.attribute("ratingKey").unwrap_or_default();
            tracing::warn!(element = row.element(), %key, %error, "a row can't be read and is left out");
        })
        .ok()
}
