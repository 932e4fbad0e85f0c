use crate::{
    guard::{Affected, Read},
    plex::items::{Item, MediaType},
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError, listing::words},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Show which fields and tags of an item can be edited, by its type, with their present values and which of them are locked
/// against metadata refreshes.
#[derive(JsonSchema)]
pub(super) struct GetEditableFields;

/// Which item.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The item's ratingKey, from a listing or a search.
    rating_key: PlexId,
}

/// What can be edited.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The item's ratingKey.
    rating_key: String,
    /// movie, show, season, episode, artist, album, track, photo, collection, or another type of the server's.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The show or artist that the item belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    grandparent_title: Option<String>,
    /// The season, show, album or artist that the item belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_title: Option<String>,
    /// The library's key.
    #[serde(rename = "librarySectionID", skip_serializing_if = "Option::is_none")]
    library_section_id: Option<String>,
    /// The library's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    /// The fields that items of this type have, by the names that editing takes.
    editable_fields: Vec<&'static str>,
    /// The families of tags that items of this type can have, even where it has none of one yet.
    editable_tags: Vec<&'static str>,
    /// The present values of the fields that have one.
    current_values: Map<String, Value>,
    /// The present tags of each family that can be edited.
    available_tags: AvailableTags,
    /// Which of these fields and tags a metadata refresh leaves alone.
    locked_fields: Vec<&'static str>,
    /// Everything that is locked, by Plex's own names.
    plex_locked_fields: Vec<String>,
    /// What to know before editing.
    notes: Vec<&'static str>,
}

/// The present tags of each family; families that items of the type don't have are absent.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct AvailableTags {
    /// Genres.
    #[serde(skip_serializing_if = "Option::is_none")]
    genres: Option<Vec<String>>,
    /// Collections that the item is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    collections: Option<Vec<String>>,
    /// Actors.
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<String>>,
    /// Directors.
    #[serde(skip_serializing_if = "Option::is_none")]
    directors: Option<Vec<String>>,
}

/// A field by the name that editing takes, and by Plex's.
type Field = (&'static str, &'static str);

const TITLE: Field = ("title", "title");
const SORT_TITLE: Field = ("sortTitle", "titleSort");
const ORIGINAL_TITLE: Field = ("originalTitle", "originalTitle");
const SUMMARY: Field = ("summary", "summary");
const YEAR: Field = ("year", "year");
const CONTENT_RATING: Field = ("contentRating", "contentRating");
const RATING: Field = ("rating", "rating");
const TAGLINE: Field = ("tagline", "tagline");
const STUDIO: Field = ("studio", "studio");

const GENRES: Field = ("genres", "genre");
const COLLECTIONS: Field = ("collections", "collection");
const ROLES: Field = ("roles", "actor");
const DIRECTORS: Field = ("directors", "director");

/// The fields and the families of tags of a type, as Plex's own editor offers them.
fn editable(kind: Option<MediaType>) -> (&'static [Field], &'static [Field]) {
    match kind {
        Some(MediaType::Movie) => (
            &[TITLE, SORT_TITLE, ORIGINAL_TITLE, SUMMARY, YEAR, CONTENT_RATING, RATING, TAGLINE, STUDIO],
            &[GENRES, COLLECTIONS, ROLES, DIRECTORS],
        ),
        Some(MediaType::Show) => (
            &[TITLE, SORT_TITLE, ORIGINAL_TITLE, SUMMARY, YEAR, CONTENT_RATING, RATING, TAGLINE, STUDIO],
            &[GENRES, COLLECTIONS, ROLES],
        ),
        Some(MediaType::Season) => (&[TITLE, SUMMARY, RATING], &[COLLECTIONS]),
        Some(MediaType::Episode) => {
            (&[TITLE, SORT_TITLE, SUMMARY, YEAR, CONTENT_RATING, RATING], &[COLLECTIONS, ROLES, DIRECTORS])
        }
        Some(MediaType::Artist) => (&[TITLE, SORT_TITLE, SUMMARY, RATING], &[GENRES, COLLECTIONS]),
        Some(MediaType::Album) => (&[TITLE, SORT_TITLE, SUMMARY, YEAR, RATING, STUDIO], &[GENRES, COLLECTIONS]),
        Some(MediaType::Track) => (&[TITLE, SORT_TITLE, ORIGINAL_TITLE, SUMMARY, RATING], &[GENRES, COLLECTIONS]),
        Some(MediaType::Photo) => (&[TITLE, SORT_TITLE, SUMMARY, YEAR], &[]),
        Some(MediaType::Collection) => (&[TITLE, SORT_TITLE, SUMMARY, CONTENT_RATING], &[]),
        None => (&[TITLE, SUMMARY], &[]),
    }
}

impl Tool for GetEditableFields {
    const NAME: &'static str = "get_editable_fields";
    const TITLE: &'static str = "Show what can be edited";
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let item = call.plex().await?.item(args.rating_key.as_str()).await?;
        call.affects(Affected {
            library: item.library_section_title.clone(),
            titles: item.title.clone().into_iter().collect(),
            items: Some(1),
            bytes: None,
        });
        Ok(describe(args.rating_key.to_string(), item))
    }
}

fn describe(rating_key: String, item: Item) -> Out {
    let kind = item.kind.as_deref().and_then(MediaType::named);
    let (fields, tags) = editable(kind);
    let plex_locked: Vec<String> =
        item.fields.iter().filter(|field| field.locked).filter_map(|field| field.name.clone()).collect();
    let locked = fields.iter().chain(tags).filter(|(_, plex)| plex_locked.iter().any(|name| name == plex));
    let mut notes = vec!["a metadata refresh leaves locked fields alone and may change all others back"];
    if tags.contains(&COLLECTIONS) {
        notes.push("a collection that does not exist yet is made for the whole library when an item is put into it");
    }
    if kind.is_none() {
        notes.push("this type is not known here: only what all items have is listed");
    }
    Out {
        rating_key,
        editable_fields: names(fields),
        editable_tags: names(tags),
        current_values: fields.iter().filter_map(|(name, _)| Some(((*name).to_owned(), value(&item, name)?))).collect(),
        locked_fields: locked.map(|(name, _)| *name).collect(),
        kind: item.kind,
        title: item.title,
        grandparent_title: item.grandparent_title,
        parent_title: item.parent_title,
        library_section_id: item.library_section_id,
        library: item.library_section_title,
        available_tags: AvailableTags {
            genres: tags.contains(&GENRES).then(|| words(item.genres)),
            collections: tags.contains(&COLLECTIONS).then(|| words(item.collections)),
            roles: tags.contains(&ROLES).then(|| words(item.roles)),
            directors: tags.contains(&DIRECTORS).then(|| words(item.directors)),
        },
        plex_locked_fields: plex_locked,
        notes,
    }
}

fn names(fields: &[Field]) -> Vec<&'static str> {
    fields.iter().map(|(name, _)| *name).collect()
}

fn value(item: &Item, name: &str) -> Option<Value> {
    let text = match name {
        "title" => &item.title,
        "sortTitle" => &item.title_sort,
        "originalTitle" => &item.original_title,
        "summary" => &item.summary,
        "contentRating" => &item.content_rating,
        "tagline" => &item.tagline,
        "studio" => &item.studio,
        "year" => return item.year.map(Value::from),
        "rating" => return item.rating.map(Value::from),
        _ => return None,
    };
    text.clone().map(Value::from)
}
