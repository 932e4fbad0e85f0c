use crate::{
    guard::{Affected, Read, Service},
    plex::items::{Item, MediaType},
    tools::{
        Tool,
        call::Call,
        error::ToolError,
        listing::{Fields, Paging, Pick, Row, short_summary},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// List the account's watchlist, last added first, page by page: films and shows that someone wants to watch, and whether the
/// server has them. ratingKey is that of the server's own copy, for other tools; discoverKey is Plex Discover's.
#[derive(JsonSchema)]
pub(super) struct GetWatchlist;

/// What to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Only films, or only shows.
    #[serde(rename = "type")]
    kind: Option<WishType>,
    /// The most titles to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first title to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
    /// Look which of the titles the server has.
    #[serde(default = "yes")]
    match_library: bool,
    /// The keys of each row, such as title and ratingKey; without it all.
    fields: Option<Fields>,
}

fn default_limit() -> u64 {
    50
}

fn yes() -> bool {
    true
}

/// What a watchlist holds.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum WishType {
    /// A film.
    Movie,
    /// A series.
    Show,
}

impl From<WishType> for MediaType {
    fn from(kind: WishType) -> Self {
        match kind {
            WishType::Movie => Self::Movie,
            WishType::Show => Self::Show,
        }
    }
}

/// Part of the watchlist.
#[derive(Serialize, JsonSchema)]
pub(super) struct Out {
    /// The service that keeps the watchlist.
    source: String,
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The titles, last added first.
    watchlist: Vec<Row<Wish>>,
}

/// A title on the watchlist.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Wish {
    /// The ratingKey of the server's copy, for other tools; absent where the server has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating_key: Option<String>,
    /// The key at Plex Discover, which no other tool takes for a ratingKey.
    #[serde(skip_serializing_if = "Option::is_none")]
    discover_key: Option<String>,
    /// The global id.
    #[serde(skip_serializing_if = "Option::is_none")]
    guid: Option<String>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// movie or show.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// The year of release.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// The beginning of the summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    /// The date of release, YYYY-MM-DD; it may be to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    originally_available_at: Option<String>,
    /// When Discover got to know the title, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    added_at: Option<i64>,
    /// Whether the server has it; absent where that was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_library: Option<bool>,
    /// The server's copies: the same title may be in two libraries, or in two editions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    copies: Vec<OwnCopy>,
}

/// A copy that the server has.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OwnCopy {
    /// Its ratingKey.
    rating_key: String,
    /// The library's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    library_key: Option<String>,
    /// The library's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    /// The edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    edition_title: Option<String>,
    /// Finished plays by the token's account.
    #[serde(skip_serializing_if = "Option::is_none")]
    view_count: Option<i64>,
}

/// The keys of a row.
const USUAL: [&str; 11] = [
    "ratingKey",
    "discoverKey",
    "guid",
    "title",
    "type",
    "year",
    "summary",
    "originallyAvailableAt",
    "addedAt",
    "inLibrary",
    "copies",
];

/// Titles that are looked for in the libraries at once: their ids make an address of about 3 kB.
const MATCHED_AT_ONCE: usize = 50;

/// The server's copies by global id.
type Copies = HashMap<String, Vec<OwnCopy>>;

impl Tool for GetWatchlist {
    const NAME: &'static str = "get_watchlist";
    const TITLE: &'static str = "Show the watchlist";
    const SERVICE: Service = Service::PlexTv;
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let pick = Pick::new(args.fields, &USUAL)?;
        let discover = call.discover().await?;
        let window = discover.watchlist(args.kind.map(MediaType::from), args.offset, args.limit).await?;
        let looked_at = args.match_library && ["ratingKey", "inLibrary", "copies"].iter().any(|key| pick.has(key));
        let copies = if looked_at { Some(copies(call, &window.items).await) } else { None };
        let (copies, warning) = match copies {
            Some(Err(error)) => (None, Some(format!("which titles the server has is not known: {error}"))),
            copies => (copies.and_then(Result::ok), None),
        };
        let (watchlist, paging) =
            Paging::fit(window, args.offset, args.limit, |item| pick.row(wish(item, copies.as_ref())));
        call.affects(Affected { items: Some(watchlist.len() as u64), ..Affected::default() });
        let warning = warning.or_else(|| paging.warning());
        Ok(Out { source: discover.host().to_owned(), paging, warning, watchlist })
    }
}

/// Looks for the titles in the server's libraries, many with one request.
async fn copies(call: &Call<'_, Read>, wishes: &[Item]) -> Result<Copies, ToolError> {
    let plex = call.plex().await?;
    let mut copies = Copies::new();
    for kind in [MediaType::Movie, MediaType::Show] {
        let of_kind = wishes.iter().filter(|item| item.kind.as_deref() == Some(kind.as_str()));
        let mut guids: Vec<&str> = of_kind.filter_map(|item| item.guid.as_deref()).collect();
        guids.sort_unstable();
        guids.dedup();
        // A comma in an id would be two ids to the server.
        guids.retain(|guid| !guid.contains(','));
        for batch in guids.chunks(MATCHED_AT_ONCE) {
            for item in plex.items_by_guid(kind, batch).await? {
                if let (Some(guid), Some(rating_key)) = (item.guid, item.rating_key) {
                    copies.entry(guid).or_default().push(OwnCopy {
                        rating_key,
                        library_key: item.library_section_id,
                        library: item.library_section_title,
                        edition_title: item.edition_title,
                        view_count: item.view_count,
                    });
                }
            }
        }
    }
    Ok(copies)
}

fn wish(item: Item, copies: Option<&Copies>) -> Wish {
    let own = copies.map(|copies| item.guid.as_ref().and_then(|guid| copies.get(guid)).cloned().unwrap_or_default());
    let in_library = own.as_ref().map(|own| !own.is_empty());
    let own = own.unwrap_or_default();
    Wish {
        rating_key: own.first().map(|copy| copy.rating_key.clone()),
        discover_key: item.rating_key,
        guid: item.guid,
        title: item.title,
        kind: item.kind,
        year: item.year,
        summary: short_summary(item.summary),
        originally_available_at: item.originally_available_at,
        added_at: item.added_at,
        in_library,
        copies: own,
    }
}
