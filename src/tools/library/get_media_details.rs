use crate::{
    guard::{Affected, Read},
    plex::items::{Guid, Item, Media, Part, Stream, Tag},
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError, listing::ItemRow},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The details of one item: full summary, people, ratings, external ids, watch state, files and their
/// streams. Listings and searches give the ratingKey.
#[derive(JsonSchema)]
pub(super) struct GetMediaDetails;

/// Which item.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The item's ratingKey, from a listing or a search.
    rating_key: PlexId,
}

/// The item.
#[derive(Serialize, JsonSchema)]
pub(super) struct Out {
    /// All that is known of it.
    details: Details,
}

/// An item. What does not apply to it, or is not known, is absent.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(flatten)]
    row: ItemRow,
    /// The library's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    library_key: Option<String>,
    /// The library's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    /// The parent's ratingKey.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_rating_key: Option<String>,
    /// The grandparent's ratingKey.
    #[serde(skip_serializing_if = "Option::is_none")]
    grandparent_rating_key: Option<String>,
    /// The full summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    /// The tagline.
    #[serde(skip_serializing_if = "Option::is_none")]
    tagline: Option<String>,
    /// Age rating.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_rating: Option<String>,
    /// Critics' rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<f64>,
    /// Audience's rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    audience_rating: Option<f64>,
    /// The account's own rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<f64>,
    /// Length in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    /// Date of release, YYYY-MM-DD.
    #[serde(skip_serializing_if = "Option::is_none")]
    originally_available_at: Option<String>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    added_at: Option<i64>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    /// Finished plays by the token's account; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    view_count: Option<i64>,
    /// Where a play that is under way stands, in milliseconds. Plex clears it when a play ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    view_offset: Option<i64>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_viewed_at: Option<i64>,
    /// Seasons of a show, albums of an artist.
    #[serde(skip_serializing_if = "Option::is_none")]
    child_count: Option<i64>,
    /// Episodes of a show or season, tracks of an album.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf_count: Option<i64>,
    /// How many of them are watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    viewed_leaf_count: Option<i64>,
    /// The studio or network, as a list of at most one.
    studios: Vec<String>,
    /// Genres.
    genres: Vec<String>,
    /// Countries.
    countries: Vec<String>,
    /// Actors, in the order of the credits.
    actors: Vec<Actor>,
    /// Directors.
    directors: Vec<String>,
    /// Writers.
    writers: Vec<String>,
    /// Collections that the item is in.
    collections: Vec<String>,
    /// Labels.
    labels: Vec<String>,
    /// Ids elsewhere, such as `imdb://tt0000001`.
    external_ids: Vec<String>,
    /// Fields that a metadata refresh leaves alone.
    locked_fields: Vec<String>,
    /// The versions.
    media: Vec<Version>,
}

/// Someone in the cast.
#[derive(Serialize, JsonSchema)]
struct Actor {
    /// The person.
    name: String,
    /// The part.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

/// One version of the item.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Version {
    /// 4k, 1080, 720, sd, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<String>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<i64>,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<i64>,
    /// Kilobits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    bitrate: Option<i64>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    /// File format.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// Video codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    video_codec: Option<String>,
    /// Frame rate, as Plex names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    video_frame_rate: Option<String>,
    /// Audio codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_codec: Option<String>,
    /// Audio channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_channels: Option<i64>,
    /// The files.
    parts: Vec<File>,
}

/// One file.
#[derive(Serialize, JsonSchema)]
struct File {
    /// Path on the server.
    #[serde(rename = "file", skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<i64>,
    /// Video, audio and subtitles in the file.
    streams: Vec<Track>,
}

/// A stream of a file.
#[derive(Serialize, JsonSchema)]
struct Track {
    /// video, audio, subtitle or lyrics.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    codec: Option<String>,
    /// Language.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// What players show.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Whether players choose it by themselves.
    default: bool,
    /// Whether subtitles are always shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    forced: bool,
}

impl Tool for GetMediaDetails {
    const NAME: &'static str = "get_media_details";
    const TITLE: &'static str = "Show an item's details";
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
        Ok(Out { details: details(item) })
    }
}

fn details(item: Item) -> Details {
    Details {
        row: ItemRow::from(&item),
        library_key: item.library_section_id,
        library: item.library_section_title,
        parent_rating_key: item.parent_rating_key,
        grandparent_rating_key: item.grandparent_rating_key,
        summary: item.summary,
        tagline: item.tagline,
        content_rating: item.content_rating,
        rating: item.rating,
        audience_rating: item.audience_rating,
        user_rating: item.user_rating,
        duration: item.duration,
        originally_available_at: item.originally_available_at,
        added_at: item.added_at,
        updated_at: item.updated_at,
        view_count: item.view_count,
        view_offset: item.view_offset,
        last_viewed_at: item.last_viewed_at,
        child_count: item.child_count,
        leaf_count: item.leaf_count,
        viewed_leaf_count: item.viewed_leaf_count,
        studios: item.studio.into_iter().collect(),
        genres: labels(item.genres),
        countries: labels(item.countries),
        actors: item.roles.into_iter().filter_map(actor).collect(),
        directors: labels(item.directors),
        writers: labels(item.writers),
        collections: labels(item.collections),
        labels: labels(item.labels),
        external_ids: item.guids.into_iter().filter_map(|Guid { id }| id).collect(),
        locked_fields: item.fields.into_iter().filter(|field| field.locked).filter_map(|field| field.name).collect(),
        media: item.media.into_iter().map(version).collect(),
    }
}

fn labels(tags: Vec<Tag>) -> Vec<String> {
    tags.into_iter().filter_map(|tag| tag.tag).collect()
}

fn actor(tag: Tag) -> Option<Actor> {
    Some(Actor { name: tag.tag?, role: tag.role })
}

fn version(media: Media) -> Version {
    Version {
        resolution: media.video_resolution,
        width: media.width,
        height: media.height,
        bitrate: media.bitrate,
        duration: media.duration,
        container: media.container,
        video_codec: media.video_codec,
        video_frame_rate: media.video_frame_rate,
        audio_codec: media.audio_codec,
        audio_channels: media.audio_channels,
        parts: media.parts.into_iter().map(file).collect(),
    }
}

fn file(part: Part) -> File {
    File { path: part.file, size: part.size, streams: part.streams.into_iter().map(track).collect() }
}

fn track(stream: Stream) -> Track {
    Track {
        kind: match stream.stream_type {
            Some(1) => "video",
            Some(2) => "audio",
            Some(3) => "subtitle",
            Some(4) => "lyrics",
            _ => "other",
        },
        codec: stream.codec,
        language: stream.language,
        title: stream.display_title,
        default: stream.default,
        forced: stream.forced,
    }
}
