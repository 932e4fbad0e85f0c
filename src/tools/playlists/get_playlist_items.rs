use crate::{
    guard::{Affected, Read},
    plex::items::{Item, MediaType, Window},
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

/// List what a playlist plays, in its order, page by page. playlistItemID is what an item is removed by; the items of a smart
/// playlist have none, since its rules find them.
#[derive(JsonSchema)]
pub(super) struct GetPlaylistItems;

/// What to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The playlist's ratingKey, from `get_playlists`.
    playlist_id: PlexId,
    /// Only items of this type, such as movie, episode or track.
    #[serde(rename = "type")]
    kind: Option<MediaType>,
    /// Only items of the library with this key, from `get_libraries`.
    library_key: Option<PlexId>,
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
    /// The keys of each row, such as title, playlistItemID, genres, viewCount; without it the usual ones.
    fields: Option<Fields>,
}

fn default_limit() -> u64 {
    100
}

/// Part of a playlist.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The playlist's ratingKey.
    playlist_id: String,
    /// The playlist's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// video, audio or photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    playlist_type: Option<String>,
    /// Whether it is rules that find the items, so that none can be added or removed.
    smart: bool,
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The items, in the playlist's order.
    items: Vec<Row<Entry>>,
}

/// An item of a playlist.
#[derive(Serialize, JsonSchema)]
struct Entry {
    /// The entry's id, which removing takes: an item that is in the playlist twice has two.
    #[serde(rename = "playlistItemID", skip_serializing_if = "Option::is_none")]
    playlist_item_id: Option<String>,
    #[serde(flatten)]
    item: ListedItem,
}

/// The keys of a row, beside those that say which item it is.
const USUAL: [&str; 3] = ["playlistItemID", "duration", "summary"];
/// How far into a playlist filters look: the server does not filter playlists.
const MOST_FILTERED: u64 = 20_000;

impl Tool for GetPlaylistItems {
    const NAME: &'static str = "get_playlist_items";
    const TITLE: &'static str = "List what a playlist plays";
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let pick = Pick::new(args.fields, &[&IDENTITY[..], &USUAL].concat())?;
        let conditions = args.filters.read()?;
        let (plex, key) = (call.plex().await?, args.playlist_id.as_str());
        let playlist = plex.playlist(key).await?;
        let mut warning = None;
        let window = if conditions.is_empty() && args.kind.is_none() && args.library_key.is_none() {
            plex.entries_window(key, args.offset, args.limit).await?
        } else {
            let all = plex.entries_window(key, 0, MOST_FILTERED).await?;
            if all.next_offset.is_some() {
                warning = Some(format!("only the first {MOST_FILTERED} items of the playlist were looked at"));
            }
            let library = args.library_key.as_ref().map(PlexId::as_str);
            let mut items = all.items;
            items.retain(|item| {
                library.is_none_or(|key| item.library_section_id.as_deref() == Some(key))
                    && args.kind.is_none_or(|kind| item.kind.as_deref() == Some(kind.as_str()))
            });
            Window::of_whole(conditions.keep(plex, items).await?, args.offset, args.limit)
        };
        let (items, paging) = Paging::fit(window, args.offset, args.limit, |item| pick.row(entry(item)));
        call.affects(Affected {
            titles: playlist.title.clone().into_iter().collect(),
            items: Some(items.len() as u64),
            ..Affected::default()
        });
        Ok(Out {
            playlist_id: key.to_owned(),
            title: playlist.title,
            playlist_type: playlist.playlist_type,
            smart: playlist.smart,
            warning: warning.or_else(|| paging.warning()),
            paging,
            items,
        })
    }
}

fn entry(item: Item) -> Entry {
    Entry { playlist_item_id: item.playlist_item_id.clone(), item: ListedItem::of(item, None) }
}
