use super::{
    audience::Audience,
    reading::{TIME_LIMIT, number},
};
use crate::{
    export::job::Progress,
    guard::{Affected, Read},
    plex::{
        http::{Get, Plex},
        items::{Item, MediaType, Window, listing},
        lookup::NOT_NEEDED,
        stream::{Stream, rating_key},
        xml::Row,
    },
    tools::{
        Tool,
        arguments::PlexId,
        call::Call,
        error::ToolError,
        listing::{ItemRow, Paging},
        text::shorten,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{cmp::Reverse, time::Duration};

/// What the token's own account has watched to the end, last watched first: films and episodes that were played, shows and
/// seasons of which every episode was. Other people's plays are in `get_watch_history`.
#[derive(JsonSchema)]
pub(super) struct GetFullyWatched;

/// Which items to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Only items of this library, from `get_libraries`.
    library_key: Option<PlexId>,
    /// Only items of this type; all means films and shows.
    #[serde(default)]
    media_type: WatchedType,
    /// The most items to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first item to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
}

fn default_limit() -> u64 {
    50
}

/// What can be watched to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum WatchedType {
    #[default]
    All,
    Movie,
    Show,
    Season,
    Episode,
}

impl WatchedType {
    /// What to look for in a library of this kind; none where it holds nothing of the type.
    fn within(self, library: &str) -> Option<MediaType> {
        match (library, self) {
            ("movie", Self::All | Self::Movie) => Some(MediaType::Movie),
            ("show", Self::All | Self::Show) => Some(MediaType::Show),
            ("show", Self::Season) => Some(MediaType::Season),
            ("show", Self::Episode) => Some(MediaType::Episode),
            _ => None,
        }
    }
}

/// What was watched to the end.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The library that was asked for, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    library_key: Option<String>,
    /// The type that was asked for.
    media_type: WatchedType,
    #[serde(flatten)]
    paging: Paging,
    /// Items in all.
    total_count: u64,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The items, last watched first.
    fully_watched: Vec<Watched>,
}

/// An item that was watched to the end.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Watched {
    #[serde(flatten)]
    row: ItemRow,
    /// How often it was watched; of a show or season, its episodes taken together, where the server says.
    #[serde(skip_serializing_if = "Option::is_none")]
    view_count: Option<i64>,
    /// When it was last watched, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_viewed_at: Option<i64>,
    /// The playing time in milliseconds; of a show, that of a typical episode.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<i64>,
    /// Where watching it once more has stopped, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    view_offset: Option<i64>,
    /// Episodes of the show or season.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaf_count: Option<i64>,
    /// Critics' rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<f64>,
    /// The user's own rating, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<f64>,
    /// The beginning of the summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    /// The library's key.
    library_key: String,
    /// The library's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
}

const SUMMARY_CHARS: usize = 120;

impl Tool for GetFullyWatched {
    const NAME: &'static str = "get_fully_watched";
    const TITLE: &'static str = "List what was watched to the end";
    const TIME_LIMIT: Duration = TIME_LIMIT;
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let plex = call.plex().await?;
        let libraries = Libraries::load(plex, &args).await?;
        let mut found = Vec::new();
        let mut read = 0;
        for &(library, media_type, _) in &libraries.0 {
            read = find(call, library, media_type, read, &mut found).await?;
        }
        found.sort_by_key(|found: &Found| (Reverse(found.last), found.key));
        let Window { items: part, total, next_offset } = Window::of_whole(found, args.offset, args.limit);
        let keys: Vec<u64> = part.iter().map(|found| found.key).collect();
        let items = plex.items_in_brief(&keys).await?;
        let of = |item: &Item| part.iter().find(|found| item.rating_key.as_deref() == Some(&*found.key.to_string()));
        let rows = items.into_iter().filter_map(|item| {
            let library = of(&item)?.library;
            Some(watched(item, library, libraries.title(library)))
        });
        let rows = Window { items: rows.collect(), total, next_offset };
        let (fully_watched, paging) = Paging::fit(rows, args.offset, args.limit, |row| row);
        call.affects(Affected { items: Some(fully_watched.len() as u64), ..Affected::default() });
        Ok(Out {
            library_key: args.library_key.map(|key| key.to_string()),
            media_type: args.media_type,
            total_count: total.unwrap_or_default(),
            warning: paging.warning(),
            paging,
            fully_watched,
        })
    }
}

/// The libraries to look into: key, what to look for, title.
struct Libraries(Vec<(u64, MediaType, Option<String>)>);

impl Libraries {
    async fn load(plex: &Plex, args: &Args) -> Result<Self, ToolError> {
        let sections = Audience::sections(plex, args.library_key.as_ref()).await?;
        let asked = number(args.library_key.as_ref());
        let fitting = sections.into_iter().filter(|(key, _)| asked.is_none_or(|asked| asked == *key));
        let fitting = fitting
            .filter_map(|(key, section)| Some((key, args.media_type.within(section.kind.as_deref()?)?, section.title)));
        let fitting: Vec<_> = fitting.collect();
        if fitting.is_empty() && asked.is_some() {
            return Err(ToolError::argument(
                "libraryKey",
                "is of a library without items of this mediaType: films are in movie libraries, the others in show libraries",
            ));
        }
        Ok(Self(fitting))
    }

    fn title(&self, key: u64) -> Option<String> {
        self.0.iter().find(|(known, ..)| *known == key).and_then(|(.., title)| title.clone())
    }
}

/// An item that was watched to the end: what is held of each until it is known which are told.
struct Found {
    key: u64,
    last: Option<i64>,
    library: u64,
}

/// Reads a library's items to the end. The server leaves out films and episodes that were not played; each is looked at all
/// the same, since some servers don't know the filter. Of shows and seasons the counts say it.
async fn find(
    call: &Call<'_, Read>,
    library: u64,
    media_type: MediaType,
    before: u64,
    found: &mut Vec<Found>,
) -> Result<u64, ToolError> {
    let mut stream = Stream::of_items(call.plex().await?, request(library, media_type));
    let mut visit = |row: Row<'_, '_>| {
        let number = |name: &str| row.attribute(name).and_then(|text| text.trim().parse::<i64>().ok());
        if let Some(key) = rating_key(&row).filter(|_| is_watched(media_type, number)) {
            found.push(Found { key, last: number("lastViewedAt"), library });
        }
    };
    while stream.page(&mut visit).await? {
        call.progress(Progress { items: before + stream.received(), total: None, bytes: 0 });
    }
    Ok(before + stream.received())
}

fn request(library: u64, media_type: MediaType) -> Get {
    let request = listing(&library.to_string(), Some(media_type)).with("excludeElements", NOT_NEEDED);
    match media_type {
        MediaType::Movie | MediaType::Episode => request.with("unwatched", "0"),
        _ => request,
    }
}

/// Plex counts a play when it is finished and clears viewOffset with it: an offset means that it is being watched again.
fn is_watched(media_type: MediaType, number: impl Fn(&str) -> Option<i64>) -> bool {
    match media_type {
        MediaType::Movie | MediaType::Episode => number("viewCount").is_some_and(|count| count >= 1),
        _ => number("leafCount").is_some_and(|leaves| leaves > 0 && number("viewedLeafCount") == Some(leaves)),
    }
}

fn watched(item: Item, library: u64, title: Option<String>) -> Watched {
    Watched {
        row: ItemRow::from(&item),
        view_count: item.view_count,
        last_viewed_at: item.last_viewed_at,
        duration: item.duration,
        view_offset: item.view_offset,
        leaf_count: item.leaf_count,
        rating: item.rating,
        user_rating: item.user_rating,
        summary: item.summary.filter(|text| !text.is_empty()).map(|text| shorten(text, SUMMARY_CHARS)),
        library_key: library.to_string(),
        library: title,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(media_type: MediaType, numbers: &[(&str, i64)]) -> bool {
        is_watched(media_type, |name| numbers.iter().find(|(known, _)| *known == name).map(|(_, number)| *number))
    }

    #[test]
    fn a_finished_play_makes_a_film_watched_and_an_offset_changes_nothing() {
        assert!(is(MediaType::Movie, &[("viewCount", 1)]));
        assert!(is(MediaType::Episode, &[("viewCount", 3), ("viewOffset", 5)]));
        assert!(!is(MediaType::Movie, &[("viewOffset", 7_000_000), ("duration", 7_000_001)]));
        assert!(!is(MediaType::Movie, &[("viewCount", 0)]));
    }

    #[test]
    fn a_show_is_watched_when_every_episode_is() {
        assert!(is(MediaType::Show, &[("leafCount", 8), ("viewedLeafCount", 8)]));
        assert!(!is(MediaType::Show, &[("leafCount", 8), ("viewedLeafCount", 7), ("viewCount", 7)]));
        assert!(!is(MediaType::Season, &[("leafCount", 0), ("viewedLeafCount", 0)]));
        assert!(!is(MediaType::Season, &[("leafCount", 8)]));
    }
}
