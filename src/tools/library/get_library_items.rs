use crate::{
    guard::{Affected, Read},
    plex::items::{Item, MediaType},
    tools::{
        Tool,
        arguments::PlexId,
        call::Call,
        error::ToolError,
        filters::{Filters, ignored_filter},
        listing::{Fields, IDENTITY, ListedItem, Paging, Pick, Row},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// List the items of one library, page by page. Use `get_libraries` for the library's key, and nextOffset of one answer as
/// the offset of the next call. For a whole library, `export_library` writes a file instead.
#[derive(JsonSchema)]
pub(super) struct GetLibraryItems;

/// What to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The library's key, from `get_libraries`.
    library_key: PlexId,
    /// List items of this type; without it the library's main type, such as shows rather than episodes.
    #[serde(rename = "type")]
    kind: Option<MediaType>,
    /// The most items to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 10_000))]
    limit: u64,
    /// The position of the first item to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
    /// A field, with :desc for descending order: titleSort, year, addedAt, updatedAt, originallyAvailableAt, rating,
    /// audienceRating, userRating, lastViewedAt, viewCount, duration. Without it by title.
    sort: Option<String>,
    #[serde(flatten)]
    filters: Filters,
    /// The keys of each row, such as title, year, rating, genres, viewCount; without it those that say which item it is.
    fields: Option<Fields>,
}

fn default_limit() -> u64 {
    100
}

/// Part of a library.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The library's key.
    library_key: String,
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The items.
    items: Vec<Row<ListedItem>>,
}

/// More rows than ever fit into an answer are not worth the server's time.
const MAX_ROWS: u64 = 1_000;

/// Fields that every server sorts by. Others are ignored by some versions and refused by others.
const SORT_FIELDS: [&str; 12] = [
    "titleSort",
    "title",
    "year",
    "addedAt",
    "updatedAt",
    "originallyAvailableAt",
    "rating",
    "audienceRating",
    "userRating",
    "lastViewedAt",
    "viewCount",
    "duration",
];

impl Tool for GetLibraryItems {
    const NAME: &'static str = "get_library_items";
    const TITLE: &'static str = "List library items";
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let sort = args.sort.as_deref().map(check_sort).transpose()?;
        let conditions = args.filters.read()?;
        let pick = Pick::new(args.fields, &IDENTITY)?;
        let (plex, key) = (call.plex().await?, args.library_key.as_str());
        let mut request = conditions.listing(plex, key, args.kind).await?;
        if let Some(sort) = sort {
            request = request.with("sort", sort);
        }
        let window = plex.window::<Item>(request, args.offset, args.limit.min(MAX_ROWS)).await?;
        let ignored = conditions.ignored(&window.items).map(ignored_filter);
        let (items, paging) =
            Paging::fit(window, args.offset, args.limit, |item| pick.row(ListedItem::of(item, Some(key))));
        call.affects(Affected { items: Some(items.len() as u64), ..Affected::default() });
        Ok(Out { library_key: key.to_owned(), warning: ignored.or_else(|| paging.warning()), paging, items })
    }
}

fn check_sort(sort: &str) -> Result<&str, ToolError> {
    let (field, direction) = sort.split_once(':').unwrap_or((sort, "asc"));
    if SORT_FIELDS.contains(&field) && matches!(direction, "asc" | "desc") {
        return Ok(sort);
    }
    Err(ToolError::argument("sort", format!("must be one of {}, with :asc or :desc", SORT_FIELDS.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_fields_and_directions_are_sorted_by() {
        for good in ["titleSort", "year:desc", "addedAt:asc"] {
            assert_eq!(check_sort(good).unwrap(), good);
        }
        for bad in ["", "year:down", "nonsense", "year&type=1", "year:desc,title"] {
            assert!(check_sort(bad).unwrap_err().to_string().contains("sort must be one of"), "{bad}");
        }
    }
}
