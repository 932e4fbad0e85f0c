use crate::{
    guard::{Affected, Read},
    plex::{
        http::Get,
        items::{Hub, Item, MediaType, Window},
    },
    tools::{
        Tool,
        arguments::PlexId,
        call::Call,
        error::ToolError,
        filters::{Conditions, Filters, ignored_filter},
        listing::{Fields, IDENTITY, ListedItem, Paging, Pick, Row},
        text::query,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Search all libraries by title, or by people and other things that Plex finds items by, best hits first. With
/// libraryKey only that library is searched, by title and in its own order, and the total is known.
#[derive(JsonSchema)]
pub(super) struct SearchMedia;

/// What to look for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The words to look for.
    #[schemars(length(min = 1, max = 500))]
    query: String,
    /// Only hits of this type.
    #[serde(rename = "type")]
    kind: Option<MediaType>,
    /// Search only the library with this key, from `get_libraries`.
    library_key: Option<PlexId>,
    /// The most hits to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first hit to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
    #[serde(flatten)]
    filters: Filters,
    /// The keys of each hit, such as title, year, genres, viewCount; without it the usual ones.
    fields: Option<Fields>,
}

fn default_limit() -> u64 {
    50
}

/// The keys of a hit, beside those that say which item it is.
const USUAL: [&str; 6] = ["summary", "rating", "libraryKey", "library", "score", "reason"];

/// The hits.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The words that were looked for.
    query: String,
    /// The library that was searched, if one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    library_key: Option<String>,
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The hits.
    results: Vec<Row<Hit>>,
}

/// An item that was found.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Hit {
    #[serde(flatten)]
    item: ListedItem,
    /// How well it fits, as Plex says.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    /// What was found in it, if not the title: actor, director, genre, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// How far a search of everything goes: without pages, the server looks for all hits before the wanted ones each time.
const MAX_HITS: u64 = 5_000;

impl Tool for SearchMedia {
    const NAME: &'static str = "search_media";
    const TITLE: &'static str = "Search";
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let query = query("query", &args.query)?;
        let pick = Pick::new(args.fields.clone(), &[&IDENTITY[..], &USUAL].concat())?;
        let conditions = args.filters.clone().read()?;
        let found = match (&args.library_key, conditions.first()) {
            (Some(key), _) => search_library(call, key, &query, &args, &conditions).await?,
            (None, None) => search_everything(call, &query, &args).await?,
            (None, Some(name)) => {
                return Err(ToolError::argument(name, "works within one library only: name it as libraryKey"));
            }
        };
        let warning = conditions.ignored(&found.items).map(ignored_filter);
        let key = args.library_key.as_ref().map(PlexId::as_str);
        let (results, paging) = Paging::fit(found, args.offset, args.limit, |item| pick.row(hit(item, key)));
        call.affects(Affected { items: Some(results.len() as u64), ..Affected::default() });
        Ok(Out { query, library_key: key.map(str::to_owned), paging, warning, results })
    }
}

async fn search_library(
    call: &Call<'_, Read>,
    key: &PlexId,
    query: &str,
    args: &Args,
    conditions: &Conditions,
) -> Result<Window<Item>, ToolError> {
    let plex = call.plex().await?;
    let request = conditions.listing(plex, key.as_str(), args.kind).await?.with("title", query);
    Ok(plex.window(request, args.offset, args.limit).await?)
}

/// Hubs have no pages: the first hits of each hub are asked for, and the wanted part is taken of them.
async fn search_everything(call: &Call<'_, Read>, query: &str, args: &Args) -> Result<Window<Item>, ToolError> {
    if args.offset >= MAX_HITS {
        let problem = format!("must be less than {MAX_HITS} in a search of all libraries: name one as libraryKey");
        return Err(ToolError::argument("offset", problem));
    }
    // The offset behind the last of these hits is refused above, with what to do instead.
    let wanted = (args.offset + args.limit).min(MAX_HITS);
    let request = Get::new("a search", ["hubs", "search"]).with("query", query).with("limit", (wanted + 1).to_string());
    let hubs = call.plex().await?.rows::<Hub>(&request).await?;
    let mut items: Vec<Item> = hubs
        .into_iter()
        .flat_map(|hub| hub.items.into_iter().chain(hub.directories))
        // Genres, people and libraries are hits too, but no items.
        .filter(|item| item.rating_key.is_some())
        .filter(|item| args.kind.is_none_or(|kind| item.kind.as_deref() == Some(kind.as_str())))
        .collect();
    // Stable, so that hits without a score keep Plex's order; the same item in two hubs counts once.
    items.sort_by(|a, b| b.score.unwrap_or_default().total_cmp(&a.score.unwrap_or_default()));
    let mut seen = std::collections::HashSet::new();
    items.retain(|item| seen.insert(item.rating_key.clone()));
    let found = items.len() as u64;
    let index = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
    let items = items.into_iter().skip(index(args.offset)).take(index(wanted - args.offset)).collect();
    Ok(Window { items, total: None, next_offset: (found > wanted).then_some(wanted) })
}

fn hit(item: Item, library_key: Option<&str>) -> Hit {
    let (score, reason) = (item.score, item.reason.clone());
    Hit { item: ListedItem::of(item, library_key), score, reason }
}
