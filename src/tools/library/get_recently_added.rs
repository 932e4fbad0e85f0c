use crate::{
    guard::{Affected, Read},
    plex::{
        http::{Get, Plex},
        items::{Item, MediaType, Section, Window},
    },
    tools::{
        Tool,
        arguments::PlexId,
        call::Call,
        error::ToolError,
        filters::{Conditions, Filters, ignored_filter, unknown_genre},
        listing::{Fields, IDENTITY, ListedItem, Paging, Pick, Row},
    },
};
use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// List what was added last, newest first, of one library or of all: films, episodes, albums and photos, or the type that is
/// named. An episode says its show and season.
#[derive(JsonSchema)]
pub(super) struct GetRecentlyAdded;

/// What to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Only of the library with this key, from `get_libraries`.
    library_key: Option<PlexId>,
    /// Only items of this type, such as seasons rather than episodes.
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
    /// The keys of each row, such as title, addedAt, genres, viewCount; without it the usual ones.
    fields: Option<Fields>,
}

fn default_limit() -> u64 {
    50
}

/// What is new.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The items, newest first.
    recently_added: Vec<Row<ListedItem>>,
}

/// The keys of a row, beside those that say which item it is.
const USUAL: [&str; 4] = ["addedAt", "summary", "libraryKey", "library"];
/// How far back a list of all libraries goes: so many items of each are read to find the newest of them.
const MOST_OF_ALL: u64 = 5_000;

impl Tool for GetRecentlyAdded {
    const NAME: &'static str = "get_recently_added";
    const TITLE: &'static str = "List what was added last";
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let pick = Pick::new(args.fields, &[&IDENTITY[..], &USUAL].concat())?;
        let conditions = args.filters.read()?;
        if args.library_key.is_none() && args.offset >= MOST_OF_ALL {
            let problem = format!("must be less than {MOST_OF_ALL} for all libraries together: name one as libraryKey");
            return Err(ToolError::argument("offset", problem));
        }
        let plex = call.plex().await?;
        let window = match &args.library_key {
            Some(key) => of_one(plex, key.as_str(), args.kind, &conditions, (args.offset, args.limit)).await?,
            None => of_all(plex, args.kind, &conditions, (args.offset, args.limit)).await?,
        };
        let ignored = conditions.ignored(&window.items).map(ignored_filter);
        let (recently_added, paging) =
            Paging::fit(window, args.offset, args.limit, |item| pick.row(ListedItem::of(item, None)));
        call.affects(Affected { items: Some(recently_added.len() as u64), ..Affected::default() });
        Ok(Out { warning: ignored.or_else(|| paging.warning()), paging, recently_added })
    }
}

/// What a library of this kind gets new: of shows it is the episodes.
fn newcomers(section: &Section) -> Option<MediaType> {
    section.main_type().map(|main| match main {
        MediaType::Show => MediaType::Episode,
        MediaType::Artist => MediaType::Album,
        main => main,
    })
}

/// Whether libraries of this kind hold items of the type.
fn holds(section: &Section, kind: MediaType) -> bool {
    let of = match kind {
        MediaType::Movie => "movie",
        MediaType::Show | MediaType::Season | MediaType::Episode => "show",
        MediaType::Artist | MediaType::Album | MediaType::Track => "artist",
        MediaType::Photo => "photo",
        MediaType::Collection => return true,
    };
    section.kind.as_deref() == Some(of)
}

fn newest(request: Get) -> Get {
    request.with("sort", "addedAt:desc")
}

/// The rows of a library's own listing don't say which library they are of.
fn locate(item: &mut Item, section: &Section) {
    item.library_section_id = item.library_section_id.take().or_else(|| section.key.clone());
    item.library_section_title = item.library_section_title.take().or_else(|| section.title.clone());
}

async fn of_one(
    plex: &Plex,
    key: &str,
    kind: Option<MediaType>,
    conditions: &Conditions,
    (offset, limit): (u64, u64),
) -> Result<Window<Item>, ToolError> {
    let section = plex.section(key).await?;
    let request = conditions.listing(plex, key, kind.or_else(|| newcomers(&section))).await?;
    let mut window: Window<Item> = plex.window(newest(request), offset, limit).await?;
    window.items.iter_mut().for_each(|item| locate(item, &section));
    Ok(window)
}

/// The newest of all libraries: the newest so many of each, merged. Libraries that have nothing of the type, or nothing that
/// the conditions can be asked of, have no part in it.
async fn of_all(
    plex: &Plex,
    kind: Option<MediaType>,
    conditions: &Conditions,
    (offset, limit): (u64, u64),
) -> Result<Window<Item>, ToolError> {
    let wanted = (offset + limit).min(MOST_OF_ALL);
    let sections = plex.sections().await?;
    let mut genres = Vec::new();
    let mut requests = Vec::new();
    let mut unfit = None;
    for section in &sections {
        let (Some(key), Some(kind)) = (section.key.as_deref(), kind.or_else(|| newcomers(section))) else { continue };
        if !holds(section, kind) {
            continue;
        }
        if let Err(error) = conditions.check_type(kind) {
            unfit = Some(error);
            continue;
        }
        if let Some(request) = conditions.listing_among(plex, key, kind, &mut genres).await? {
            requests.push((section, newest(request)));
        }
    }
    match unfit {
        _ if !requests.is_empty() => {}
        _ if !genres.is_empty() => return Err(unknown_genre(&genres)),
        Some(error) => return Err(error),
        None => {}
    }
    let windows = requests.into_iter().map(|(section, request)| async move {
        let mut window: Window<Item> = plex.window(request, 0, wanted).await?;
        window.items.iter_mut().for_each(|item| locate(item, section));
        Ok::<_, ToolError>(window)
    });
    let windows = try_join_all(windows).await?;
    let total: Option<u64> = windows.iter().map(|window| window.total).sum();
    let more = windows.iter().any(|window| window.next_offset.is_some());
    let mut items: Vec<Item> = windows.into_iter().flat_map(|window| window.items).collect();
    // Stable, so that items of the same second keep the server's order, and pages fit together.
    items.sort_by_key(|item| std::cmp::Reverse(item.added_at));
    let next = (more || items.len() as u64 > wanted) && wanted > offset;
    let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
    let items = items.into_iter().skip(at(offset)).take(at(wanted - offset)).collect();
    Ok(Window { items, total, next_offset: next.then_some(wanted) })
}
