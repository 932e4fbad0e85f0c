use crate::{
    guard::{Affected, Read},
    plex::playlists::Playlist,
    tools::{
        Tool,
        call::Call,
        error::ToolError,
        listing::{Fields, Paging, Pick, Row, short_summary},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// List the playlists, page by page. A smart one is rules that find items; only others can be given or lose items. Other tools
/// take a playlist's ratingKey as playlistId.
#[derive(JsonSchema)]
pub(super) struct GetPlaylists;

/// What to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Only playlists of this type.
    #[serde(rename = "type")]
    kind: Option<PlaylistType>,
    /// true: only smart ones; false: only lists.
    smart: Option<bool>,
    /// The most playlists to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first playlist to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
    /// The keys of each row, such as title and leafCount; without it all.
    fields: Option<Fields>,
}

fn default_limit() -> u64 {
    100
}

/// What a playlist plays.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum PlaylistType {
    /// Films and episodes.
    Video,
    /// Music.
    Audio,
    /// Photos.
    Photo,
}

impl PlaylistType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Photo => "photo",
        }
    }
}

/// Some of the playlists.
#[derive(Serialize, JsonSchema)]
pub(super) struct Out {
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The playlists.
    playlists: Vec<Row<PlaylistRow>>,
}

/// A playlist.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PlaylistRow {
    /// The playlist's number, which other tools take as playlistId.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating_key: Option<String>,
    /// The address on the server below which its items are.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// playlist.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// video, audio or photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    playlist_type: Option<String>,
    /// Whether it is rules that find items.
    smart: bool,
    /// How many items it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf_count: Option<i64>,
    /// Length of all items in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    /// The beginning of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    /// When it was last changed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    /// When it was made, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    added_at: Option<i64>,
}

/// The keys of a row.
const USUAL: [&str; 11] = [
    "ratingKey",
    "key",
    "title",
    "type",
    "playlistType",
    "smart",
    "leafCount",
    "duration",
    "summary",
    "updatedAt",
    "addedAt",
];

impl Tool for GetPlaylists {
    const NAME: &'static str = "get_playlists";
    const TITLE: &'static str = "List playlists";
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let pick = Pick::new(args.fields, &USUAL)?;
        let (plex, kind) = (call.plex().await?, args.kind.map(PlaylistType::as_str));
        let window = plex.playlists_window(kind, args.smart, args.offset, args.limit).await?;
        let (playlists, paging) = Paging::fit(window, args.offset, args.limit, |playlist| pick.row(row(playlist)));
        call.affects(Affected { items: Some(playlists.len() as u64), ..Affected::default() });
        Ok(Out { warning: paging.warning(), paging, playlists })
    }
}

fn row(playlist: Playlist) -> PlaylistRow {
    PlaylistRow {
        rating_key: playlist.rating_key,
        key: playlist.key,
        title: playlist.title,
        kind: playlist.kind,
        playlist_type: playlist.playlist_type,
        smart: playlist.smart,
        leaf_count: playlist.leaf_count,
        duration: playlist.duration,
        summary: short_summary(playlist.summary),
        updated_at: playlist.updated_at,
        added_at: playlist.added_at,
    }
}
