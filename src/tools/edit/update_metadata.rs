use super::metadata::{
    self, Edited, TagResult, Wanted,
    field::{Family, Field},
};
use crate::{
    guard::Destroy,
    plex::items::Item,
    tools::{
        Tool,
        arguments::PlexId,
        call::Call,
        change::{Account, before::TagKept},
        error::ToolError,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Change what Plex says of one item: texts, year, ratings, and its genres, collections, cast and directors. Only what is
/// named is changed. A list of tags is the whole list afterwards: tags that are to stay have to be in it. The account's own
/// rating is set by `rate_media`, not here.
#[derive(JsonSchema)]
pub(super) struct UpdateMetadata;

/// What to change of what.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The item's ratingKey, from a listing or a search.
    rating_key: PlexId,
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
    /// All actors that it is to have, in the order of the credits. Those that stay keep their parts.
    #[schemars(length(max = 200))]
    roles: Option<Vec<String>>,
    /// All directors that it is to have.
    #[schemars(length(max = 200))]
    directors: Option<Vec<String>>,
    /// Fields to empty.
    #[serde(default)]
    clear: Vec<Field>,
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

/// The item afterwards.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Whether anything was changed.
    updated: bool,
    /// The item.
    rating_key: String,
    /// What was changed, by the names of the arguments.
    applied_fields: Vec<&'static str>,
    /// What Plex did not take.
    ignored_fields: Vec<&'static str>,
    /// What became of the lists of tags.
    tag_results: Vec<TagResult>,
    /// The fields that were to be changed, as they were.
    before: BTreeMap<&'static str, String>,
    /// The same fields as they are now.
    after: BTreeMap<&'static str, String>,
    #[serde(flatten)]
    account: Account,
}

impl Tool for UpdateMetadata {
    const NAME: &'static str = "update_metadata";
    const TITLE: &'static str = "Edit an item's metadata";
    const IDEMPOTENT: bool = true;
    type Effect = Destroy;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Destroy>, args: Args) -> Result<Out, ToolError> {
        let fields = Fields {
            title: args.title,
            sort_title: args.sort_title,
            original_title: args.original_title,
            summary: args.summary,
            year: args.year,
            content_rating: args.content_rating,
            rating: args.rating,
            tagline: args.tagline,
            studio: args.studio,
            clear: args.clear,
        };
        let tags = [
            (Family::Genres, args.genres),
            (Family::Collections, args.collections),
            (Family::Roles, args.roles),
            (Family::Directors, args.directors),
        ];
        if fields.is_empty() && tags.iter().all(|(_, tags)| tags.is_none()) {
            return Err(ToolError::argument("title", "or another field is required: what to change"));
        }
        let item = call.plex().await?.item(args.rating_key.as_str()).await?;
        let wanted = wanted(&item, &fields, tags, args.lock)?;
        let edited = metadata::edit(call, &item, wanted, None, args.dry_run).await?;
        Ok(out(&args.rating_key, edited))
    }
}

fn out(rating_key: &PlexId, edited: Edited) -> Out {
    Out {
        updated: edited.account.changed,
        rating_key: rating_key.to_string(),
        applied_fields: edited.applied,
        ignored_fields: edited.ignored,
        tag_results: edited.tags,
        before: edited.before,
        after: edited.after,
        account: edited.account,
    }
}

/// The fields of an edit as they are given.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) title: Option<String>,
    pub(super) sort_title: Option<String>,
    pub(super) original_title: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) year: Option<i64>,
    pub(super) content_rating: Option<String>,
    pub(super) rating: Option<f64>,
    pub(super) tagline: Option<String>,
    pub(super) studio: Option<String>,
    pub(super) clear: Vec<Field>,
}

impl Fields {
    fn given(&self) -> [(Field, Option<String>); 9] {
        [
            (Field::Title, self.title.clone()),
            (Field::SortTitle, self.sort_title.clone()),
            (Field::OriginalTitle, self.original_title.clone()),
            (Field::Summary, self.summary.clone()),
            (Field::Year, self.year.map(|year| year.to_string())),
            (Field::ContentRating, self.content_rating.clone()),
            (Field::Rating, self.rating.map(|rating| ((rating * 100.0).round() / 100.0).to_string())),
            (Field::Tagline, self.tagline.clone()),
            (Field::Studio, self.studio.clone()),
        ]
    }

    /// Whether nothing is given.
    pub(super) fn is_empty(&self) -> bool {
        self.clear.is_empty() && self.given().iter().all(|(_, text)| text.is_none())
    }
}

/// The edit that is meant.
pub(super) fn wanted(
    item: &Item,
    fields: &Fields,
    tags: [(Family, Option<Vec<String>>); 4],
    lock: bool,
) -> Result<Wanted, ToolError> {
    let mut wanted = Wanted::default();
    for (field, text) in fields.given() {
        match (text, fields.clear.contains(&field)) {
            (Some(_), true) => {
                return Err(ToolError::argument("clear", format!("names {}, which is also set", field.names().0)));
            }
            (Some(text), false) => wanted.fields.push((field, text, lock)),
            (None, true) => wanted.fields.push((field, String::new(), lock)),
            (None, false) => {}
        }
    }
    for (family, words) in tags {
        let Some(words) = words else { continue };
        let now = family.of(item);
        let mut tags: Vec<TagKept> = Vec::new();
        for word in words {
            let word = word.trim();
            if word.is_empty() || word.chars().count() > 255 {
                return Err(ToolError::argument(family.names().0, "must hold texts of 1 to 255 characters"));
            }
            if tags.iter().all(|tag| tag.tag != word) {
                // Who stays keeps the part.
                let kept = now.iter().find(|tag| tag.tag == word).cloned();
                tags.push(kept.unwrap_or_else(|| TagKept { tag: word.to_owned(), role: None }));
            }
        }
        wanted.tags.push((family, tags, lock));
    }
    Ok(wanted)
}
