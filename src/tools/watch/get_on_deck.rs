use crate::{
    guard::{Affected, Read},
    plex::{
        error::PlexError,
        http::{Get, Plex},
        items::{Hub, Item, MediaType, Window},
    },
    tools::{
        Tool,
        arguments::PlexId,
        call::Call,
        error::ToolError,
        filters::Filters,
        listing::{Fields, IDENTITY, ListedItem, Paging, Pick, Row},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// List what the token's account is in the middle of, last watched first: films and episodes that were begun, with how far
/// they are, and the next episodes of shows.
#[derive(JsonSchema)]
pub(super) struct GetOnDeck;

/// What to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Only of the library with this key, from `get_libraries`.
    library_key: Option<PlexId>,
    /// Only items of this type: movie or episode.
    #[serde(rename = "type")]
    kind: Option<MediaType>,
    /// The most items to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first item to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
    #[serde(flatten)]
    filters: Filters,
    /// The keys of each row, such as title, progressPercent, summary, genres; without it the usual ones.
    fields: Option<Fields>,
}

fn default_limit() -> u64 {
    50
}

/// What is under way.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The items, last watched first. One without viewOffset has not been begun: it comes next.
    on_deck: Vec<Row<ListedItem>>,
}

/// The keys of a row, beside those that say which item it is.
const USUAL: [&str; 8] = [
    "viewOffset",
    "duration",
    "progressPercent",
    "lastViewedAt",
    "grandparentRatingKey",
    "parentRatingKey",
    "libraryKey",
    "library",
];
/// More than anybody has under way; Plex itself drops what was not touched for some weeks.
const MOST: u64 = 1_000;

impl Tool for GetOnDeck {
    const NAME: &'static str = "get_on_deck";
    const TITLE: &'static str = "List what is under way";
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let pick = Pick::new(args.fields, &[&IDENTITY[..], &USUAL].concat())?;
        let conditions = args.filters.read()?;
        let plex = call.plex().await?;
        let mut items = under_way(plex).await?;
        let cut = items.len() as u64 >= MOST;
        let library = args.library_key.as_ref().map(PlexId::as_str);
        items.retain(|item| {
            library.is_none_or(|key| item.library_section_id.as_deref() == Some(key))
                && args.kind.is_none_or(|kind| item.kind.as_deref() == Some(kind.as_str()))
        });
        let items = conditions.keep(plex, items).await?;
        let window = Window::of_whole(items, args.offset, args.limit);
        let (on_deck, paging) =
            Paging::fit(window, args.offset, args.limit, |item| pick.row(ListedItem::of(item, None)));
        call.affects(Affected { items: Some(on_deck.len() as u64), ..Affected::default() });
        let warning = cut.then(|| format!("only the first {MOST} items of the server's list were looked at"));
        Ok(Out { warning: warning.or_else(|| paging.warning()), paging, on_deck })
    }
}

/// The whole list: hubs have no pages, and this one is short.
async fn under_way(plex: &Plex) -> Result<Vec<Item>, PlexError> {
    let hub = Get::new("what is under way", ["hubs", "continueWatching"]).with("count", MOST.to_string());
    match plex.rows::<Hub>(&hub).await {
        Ok(hubs) => Ok(hubs.into_iter().flat_map(|hub| hub.items.into_iter().chain(hub.directories)).collect()),
        // Older servers have it under its old name.
        Err(error) if error.is_not_found() => {
            let list = Get::new("what is under way", ["library", "onDeck"]);
            Ok(plex.window(list, 0, MOST).await?.items)
        }
        Err(error) => Err(error),
    }
}
