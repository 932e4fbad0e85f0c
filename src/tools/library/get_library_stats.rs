use super::holdings::{Holdings, Labelled};
use crate::{
    export::job::Progress,
    guard::{Affected, Read},
    plex::{
        http::{Get, Plex},
        items::{MediaType, Section, listing},
        pager::Pager,
        stream::Stream,
    },
    tools::{Tool, arguments::PlexId, call::Call, error::ToolError},
};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The numbers of all libraries or of one: items by type and how many were never played; with detail full also the size of
/// the files, playing time, resolutions, codecs, decades, genres, and how the library grew by month.
#[derive(JsonSchema)]
pub(super) struct GetLibraryStats;

/// Which libraries, and how much of them.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Only the library with this key, from `get_libraries`.
    library_key: Option<PlexId>,
    /// counts asks the server for numbers of items alone, which is quick; full reads every item of the library, which takes
    /// some minutes for a hundred thousand. Without it full for one library, counts for all.
    detail: Option<StatsDetail>,
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum StatsDetail {
    Counts,
    Full,
}

/// The numbers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// Libraries in this answer.
    total_libraries: u64,
    /// How much is told.
    detail: StatsDetail,
    /// The libraries.
    libraries: Vec<Library>,
}

/// A library in numbers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Library {
    /// The number that other tools take as libraryKey.
    key: String,
    /// The name that people see.
    title: String,
    /// movie, show, artist or photo.
    #[serde(rename = "type")]
    kind: String,
    /// When its folders were last scanned, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    scanned_at: Option<i64>,
    /// The language of its metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// Items of its main type. Absent where the server did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// Items by type, for each type that the library can hold.
    items: Vec<TypeCount>,
    /// What is played in it: films, episodes or tracks, and how many of them the token's account never played.
    #[serde(skip_serializing_if = "Option::is_none")]
    unwatched: Option<NeverPlayed>,
    /// What reading every item told.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Held>,
}

/// Items of a type.
#[derive(Serialize, JsonSchema)]
struct TypeCount {
    /// movie, show, season, episode, artist, album, track, photo, collection.
    #[serde(rename = "type")]
    kind: MediaType,
    /// How many there are.
    count: u64,
}

/// What was never played.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NeverPlayed {
    /// movie, episode or track.
    #[serde(rename = "type")]
    kind: MediaType,
    /// How many there are.
    total: u64,
    /// How many were never played.
    unwatched: u64,
    /// The part of them that was never played, from 0 to 1.
    share: f64,
}

/// What a library holds.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Held {
    /// Files.
    files: u64,
    /// Their size in bytes.
    size_bytes: u64,
    /// Their playing time in hours, each item once.
    hours: f64,
    /// Items that there are several versions of.
    with_several_versions: u64,
    /// Versions by resolution.
    resolutions: Vec<Labelled>,
    /// Versions by video codec.
    video_codecs: Vec<Labelled>,
    /// Versions by audio codec.
    audio_codecs: Vec<Labelled>,
    /// Versions by container.
    containers: Vec<Labelled>,
    /// Films, shows or artists by decade.
    decades: Vec<Labelled>,
    /// The commonest genres of films, shows or artists.
    genres: Vec<Labelled>,
    /// Films or shows by content rating.
    content_ratings: Vec<Labelled>,
    /// Films, episodes, tracks or photos by the month (UTC) they were added in: the last 24 months that brought some.
    added_by_month: Vec<Labelled>,
    /// Those that were added before.
    added_earlier: u64,
}

const MOST_LABELS: usize = 25;
const MONTHS: usize = 24;
/// What the numbers don't need: most of what there is.
const NOT_NEEDED: &str = "Image,UltraBlurColors,Country,Collection,Director,Writer,Producer,Role,Rating,Guid,Label,\
                          Field,Mood,Style,Similar,Chapter,Marker,Extras,Review";

impl Tool for GetLibraryStats {
    const NAME: &'static str = "get_library_stats";
    const TITLE: &'static str = "Show a library's numbers";
    const TIME_LIMIT: Duration = Duration::from_secs(600);
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let plex = call.plex().await?;
        let sections = match &args.library_key {
            Some(key) => vec![plex.section(key.as_str()).await?],
            None => plex.sections().await?,
        };
        let default = if args.library_key.is_some() { StatsDetail::Full } else { StatsDetail::Counts };
        let detail = args.detail.unwrap_or(default);
        let mut libraries = join_all(sections.into_iter().map(|section| counted(plex, section))).await;
        if detail == StatsDetail::Full {
            let mut read = 0;
            for library in &mut libraries {
                read = hold(call, library, read).await?;
            }
        }
        call.affects(Affected { items: Some(libraries.len() as u64), ..Affected::default() });
        Ok(Out { total_libraries: libraries.len() as u64, detail, libraries })
    }
}

/// The types that a library of this kind can hold, its main type first, and the one that is played.
fn types(kind: &str) -> (&'static [MediaType], Option<MediaType>) {
    use MediaType::{Album, Artist, Collection, Episode, Movie, Photo, Season, Show, Track};
    match kind {
        "movie" => (&[Movie, Collection], Some(Movie)),
        "show" => (&[Show, Season, Episode, Collection], Some(Episode)),
        "artist" => (&[Artist, Album, Track, Collection], Some(Track)),
        "photo" => (&[Photo], Some(Photo)),
        _ => (&[], None),
    }
}

/// The numbers that the server tells without giving an item.
async fn counted(plex: &Plex, section: Section) -> Library {
    let key = section.key.unwrap_or_default();
    let kind = section.kind.unwrap_or_default();
    let (types, played) = types(&kind);
    let count = async |request: Get| match Pager::total_of(plex, &request).await {
        Ok(totals) => totals.total,
        Err(error) => {
            tracing::warn!(library = key, %error, "a library can't be counted");
            None
        }
    };
    let main = count(listing(&key, None));
    let by_type = join_all(types.iter().map(|&kind| count(listing(&key, Some(kind)))));
    let never_played = async {
        // Photos are looked at, not played.
        let kind = played.filter(|&kind| kind != MediaType::Photo)?;
        Some((kind, count(listing(&key, Some(kind)).with("unwatched", "1")).await?))
    };
    let (main, by_type, never_played) = tokio::join!(main, by_type, never_played);
    let items: Vec<TypeCount> =
        types.iter().zip(by_type).filter_map(|(&kind, count)| Some(TypeCount { kind, count: count? })).collect();
    let unwatched = never_played.and_then(|(kind, unwatched)| {
        let total = items.iter().find(|items| items.kind == kind)?.count;
        Some(share(kind, total, unwatched))
    });
    Library {
        title: section.title.unwrap_or_default(),
        scanned_at: section.scanned_at,
        language: section.language,
        count: main,
        items,
        unwatched,
        held: None,
        key,
        kind,
    }
}

/// Reads the library's items and adds what they tell. Returns how many items were read so far.
async fn hold(call: &Call<'_, Read>, library: &mut Library, before: u64) -> Result<u64, ToolError> {
    let (types, played) = types(&library.kind);
    let (Some(&main), Some(played)) = (types.first(), played) else { return Ok(before) };
    let mut holdings = Holdings::default();
    let mut read = before;
    // A film is a title and what is played in one; shows and artists are read for themselves.
    for media_type in [Some(played), Some(main).filter(|&main| main != played)].into_iter().flatten() {
        let request = listing(&library.key, Some(media_type)).with("excludeElements", NOT_NEEDED);
        let mut stream = Stream::of_items(call.plex().await?, request);
        let mut more = true;
        while more {
            more = stream
                .page(|row| {
                    if media_type == played {
                        holdings.add_leaf(&row);
                    }
                    if media_type == main {
                        holdings.add_title(&row);
                    }
                })
                .await?;
            call.progress(Progress { items: read + stream.received(), total: None, bytes: 0 });
        }
        read += stream.received();
    }
    if played != MediaType::Photo {
        library.unwatched = Some(share(played, holdings.leaves, holdings.unwatched));
    }
    library.held = Some(held(&holdings));
    Ok(read)
}

fn share(kind: MediaType, total: u64, unwatched: u64) -> NeverPlayed {
    #[expect(clippy::cast_precision_loss, reason = "rounded to thousandths anyway")]
    let share = if total == 0 { 0.0 } else { (unwatched as f64 / total as f64 * 1_000.0).round() / 1_000.0 };
    NeverPlayed { kind, total, unwatched, share }
}

fn held(holdings: &Holdings) -> Held {
    #[expect(clippy::cast_precision_loss, reason = "rounded to tenths of an hour anyway")]
    let hours = (holdings.milliseconds as f64 / 360_000.0).round() / 10.0;
    Held {
        files: holdings.files,
        size_bytes: holdings.bytes,
        hours,
        with_several_versions: holdings.several_versions,
        resolutions: holdings.resolutions.commonest(MOST_LABELS),
        video_codecs: holdings.video_codecs.commonest(MOST_LABELS),
        audio_codecs: holdings.audio_codecs.commonest(MOST_LABELS),
        containers: holdings.containers.commonest(MOST_LABELS),
        decades: holdings.decades.last(MOST_LABELS),
        genres: holdings.genres.commonest(MOST_LABELS),
        content_ratings: holdings.content_ratings.commonest(MOST_LABELS),
        added_by_month: holdings.months.last(MONTHS),
        added_earlier: holdings.months.before_last(MONTHS),
    }
}
