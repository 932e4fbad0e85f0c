use crate::{
    guard::{Affected, Read},
    plex::items::Item,
    tools::{
        Tool,
        arguments::PlexId,
        call::Call,
        edit::metadata::field::{Family, Field, is_locked, type_number},
        error::ToolError,
    },
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
    let kind = item.kind.as_deref().filter(|_| type_number(&item).is_some());
    let fields: Vec<Field> =
        Field::ALL.into_iter().filter(|field| kind.is_some_and(|kind| field.is_of(kind))).collect();
    let families: Vec<Family> =
        Family::ALL.into_iter().filter(|family| kind.is_some_and(|kind| family.is_of(kind))).collect();
    let names = || fields.iter().map(|field| field.names()).chain(families.iter().map(|family| family.names()));
    let mut notes = Vec::new();
    if kind.is_some() {
        notes.push("a metadata refresh leaves locked fields alone and may change all others back");
    } else {
        notes.push("items of this type can't be edited");
    }
    if families.contains(&Family::Collections) {
        notes.push("a collection that does not exist yet is made for the whole library when an item is put into it");
    }
    let current = |field: &Field| Some((field.names().0.to_owned(), value(&item, *field)?));
    let tags = |family: Family| {
        let words = family.of(&item).into_iter().map(|kept| kept.tag);
        families.contains(&family).then(|| words.collect())
    };
    Out {
        rating_key,
        editable_fields: fields.iter().map(|field| field.names().0).collect(),
        editable_tags: families.iter().map(|family| family.names().0).collect(),
        current_values: fields.iter().filter_map(current).collect(),
        locked_fields: names().filter(|(_, plex)| is_locked(&item, plex)).map(|(name, _)| name).collect(),
        available_tags: AvailableTags {
            genres: tags(Family::Genres),
            collections: tags(Family::Collections),
            roles: tags(Family::Roles),
            directors: tags(Family::Directors),
        },
        plex_locked_fields: item.fields.iter().filter(|field| field.locked).filter_map(|it| it.name.clone()).collect(),
        notes,
        kind: item.kind,
        title: item.title,
        grandparent_title: item.grandparent_title,
        parent_title: item.parent_title,
        library_section_id: item.library_section_id,
        library: item.library_section_title,
    }
}

fn value(item: &Item, field: Field) -> Option<Value> {
    match field {
        Field::Year => item.year.map(Value::from),
        Field::Rating => item.rating.map(Value::from),
        text => Some(text.of(item)).filter(|text| !text.is_empty()).map(Value::from),
    }
}
