use super::{
    metadata::{
        self, TagResult,
        field::{Family, Field},
    },
    poster::Poster,
    update_metadata::{Fields, wanted},
};
use crate::{
    guard::Destroy,
    tools::{Tool, arguments::PlexId, call::Call, change::Account, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// Change what Plex says of one item by an object of fields, and give it a poster. It does what `update_metadata` does. A
/// poster comes from a public web server (https only), from one that the owner's settings name, or from a file in the exports
/// directory; it is fetched and checked here, and uploaded.
#[derive(JsonSchema)]
pub(super) struct UpdateMetadataFromJson;

/// What to change of what.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The item's ratingKey, from a listing or a search.
    rating_key: PlexId,
    /// The fields.
    metadata: Metadata,
    /// Take the poster at metadata.images.posters.
    #[serde(default)]
    set_poster_from_url: bool,
    /// A poster that lies in the exports directory, relative to it: a JPEG, PNG or WebP file.
    #[schemars(length(min = 1, max = 240))]
    poster_file: Option<String>,
    /// Lock what is changed, so that a refresh of the item's metadata leaves it alone.
    #[serde(default = "yes")]
    lock: bool,
    /// Only say what would be done and what the policy would decide.
    #[serde(default)]
    dry_run: bool,
}

fn yes() -> bool {
    true
}

/// Fields of an item.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    /// The title.
    #[schemars(length(min = 1, max = 500))]
    title: Option<String>,
    /// The title that it is sorted by.
    #[schemars(length(max = 500))]
    sort_title: Option<String>,
    /// The title in the language of the original.
    #[schemars(length(max = 500))]
    original_title: Option<String>,
    /// The summary.
    #[schemars(length(max = 5_000))]
    summary: Option<String>,
    /// The year of release.
    #[schemars(range(min = 1, max = 9_999))]
    year: Option<i64>,
    /// The age rating, such as PG-13.
    #[schemars(length(max = 100))]
    content_rating: Option<String>,
    /// The critics' rating that the item shows, 0 to 10.
    #[schemars(range(min = 0, max = 10))]
    rating: Option<f64>,
    /// The tagline.
    #[schemars(length(max = 500))]
    tagline: Option<String>,
    /// The studio, network or label.
    #[schemars(length(max = 500))]
    studio: Option<String>,
    /// All genres that it is to have.
    #[schemars(length(max = 200))]
    genres: Option<Vec<String>>,
    /// All collections that it is to be in. A collection is made with its first item, and goes with its last.
    #[schemars(length(max = 200))]
    collections: Option<Vec<String>>,
    /// All actors that it is to have, in the order of the credits.
    #[schemars(length(max = 200))]
    roles: Option<Vec<String>>,
    /// All directors that it is to have.
    #[schemars(length(max = 200))]
    directors: Option<Vec<String>>,
    /// Fields to empty.
    #[serde(default)]
    clear: Vec<Field>,
    /// Pictures.
    images: Option<Images>,
}

/// Pictures of an item.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Images {
    /// Posters, of which the first is taken.
    #[serde(default)]
    #[schemars(length(max = 20))]
    posters: Vec<Picture>,
}

/// A picture.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Picture {
    /// Its address: https on a public web server, or on one that the owner's settings name.
    #[schemars(length(min = 1, max = 2_000))]
    url: String,
}

/// The item afterwards.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether anything was changed.
    updated: bool,
    /// The item.
    rating_key: String,
    /// What was changed, by the names in the object.
    applied_fields: Vec<&'static str>,
    /// What Plex did not take.
    ignored_fields: Vec<&'static str>,
    /// What became of the lists of tags.
    tag_results: Vec<TagResult>,
    /// Whether the new poster is shown now.
    poster_set: bool,
    /// The fields that were to be changed, as they were.
    before: BTreeMap<&'static str, String>,
    /// The same fields as they are now.
    after: BTreeMap<&'static str, String>,
    #[serde(flatten)]
    account: Account,
}

impl Tool for UpdateMetadataFromJson {
    const NAME: &'static str = "update_metadata_from_json";
    const TITLE: &'static str = "Edit an item's metadata by an object";
    const IDEMPOTENT: bool = true;
    const TIME_LIMIT: Duration = Duration::from_secs(120);
    type Effect = Destroy;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Destroy>, args: Args) -> Result<Out, ToolError> {
        let Args { rating_key, metadata: given, lock, dry_run, .. } = args;
        let poster = poster(call, args.set_poster_from_url, args.poster_file.as_deref(), given.images.as_ref())?;
        let fields = Fields {
            title: given.title,
            sort_title: given.sort_title,
            original_title: given.original_title,
            summary: given.summary,
            year: given.year,
            content_rating: given.content_rating,
            rating: given.rating,
            tagline: given.tagline,
            studio: given.studio,
            clear: given.clear,
        };
        let tags = [
            (Family::Genres, given.genres),
            (Family::Collections, given.collections),
            (Family::Roles, given.roles),
            (Family::Directors, given.directors),
        ];
        if fields.is_empty() && tags.iter().all(|(_, tags)| tags.is_none()) && poster.is_none() {
            return Err(ToolError::argument("metadata", "must hold a field to change, unless a poster is given"));
        }
        let item = call.plex().await?.item(rating_key.as_str()).await?;
        let mut wanted = wanted(&item, &fields, tags, lock)?;
        wanted.poster = poster.map(|poster| (poster, lock));
        let edited = metadata::edit(call, &item, wanted, None, dry_run).await?;
        Ok(Out {
            updated: edited.account.changed,
            rating_key: rating_key.to_string(),
            applied_fields: edited.applied,
            ignored_fields: edited.ignored,
            tag_results: edited.tags,
            poster_set: edited.poster_set,
            before: edited.before,
            after: edited.after,
            account: edited.account,
        })
    }
}

/// Where the poster comes from, if there is to be one.
fn poster(
    call: &Call<'_, Destroy>,
    from_url: bool,
    file: Option<&str>,
    images: Option<&Images>,
) -> Result<Option<Poster>, ToolError> {
    const URL: &str = "metadata.images.posters[0].url";
    let first = images.and_then(|images| images.posters.first());
    match (from_url, file, first) {
        (true, Some(_), _) => {
            Err(ToolError::argument("posterFile", "and setPosterFromUrl are two posters: leave one out"))
        }
        (true, None, None) => Err(ToolError::argument(URL, "is required for setPosterFromUrl")),
        (true, None, Some(picture)) => Poster::at(call.web()?, URL, &picture.url).map(Some),
        (false, Some(file), _) => Poster::file(call.exports(), "posterFile", file).map(Some),
        (false, None, Some(_)) => {
            Err(ToolError::argument("setPosterFromUrl", "must be true for the poster to be taken; or leave images out"))
        }
        (false, None, None) => Ok(None),
    }
}
