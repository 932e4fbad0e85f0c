use super::{
    Radarr, Sonarr, Twin,
    rows::{MovieRow, SeriesRow},
    twin,
};
use crate::{
    arr::{folded, records::Title},
    export::job::Progress,
    guard::{Affected, Read},
    plex::items::Window,
    tools::{call::Call, error::ToolError, listing::Paging, public_keys::PublicKey},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

twin! {
    /// List the series of Sonarr's library, page by page, or those whose title, other titles included, holds a text.
    SonarrGetSeries: "sonarr_get_series", "List Sonarr's series", Sonarr, Read, Args => SonarrTitles,
    (async |call: &Call<'_, Read>, args| {
        let (series, paging, filter) = list::<Sonarr, SeriesRow>(call, args).await?;
        Ok(SonarrTitles { filter, warning: paging.warning(), paging, series })
    }), {
        const TIME_LIMIT: Duration = LIMIT;
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success), ("totalSeries", PublicKey::Same("totalSize")), ("showing", PublicKey::RowsOf("series"))];
    }
}

twin! {
    /// List the films of Radarr's library, page by page, or those whose title, other titles included, holds a text.
    RadarrGetMovies: "radarr_get_movies", "List Radarr's films", Radarr, Read, Args => RadarrTitles,
    (async |call: &Call<'_, Read>, args| {
        let (movies, paging, filter) = list::<Radarr, MovieRow>(call, args).await?;
        Ok(RadarrTitles { filter, warning: paging.warning(), paging, movies })
    }), {
        const TIME_LIMIT: Duration = LIMIT;
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success), ("totalMovies", PublicKey::Same("totalSize")), ("showing", PublicKey::RowsOf("movies"))];
    }
}

/// The services know no pages of their libraries: a large one is read as a whole each time.
const LIMIT: Duration = Duration::from_secs(180);

/// What to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// Only titles that hold this text; case and accents don't matter.
    #[schemars(length(max = 500))]
    filter: Option<String>,
    /// The most titles to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first title to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
}

fn default_limit() -> u64 {
    50
}

/// Part of Sonarr's library.
#[derive(Serialize, JsonSchema)]
pub(super) struct SonarrTitles {
    /// The text that titles had to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The series.
    series: Vec<SeriesRow>,
}

/// Part of Radarr's library.
#[derive(Serialize, JsonSchema)]
pub(super) struct RadarrTitles {
    /// The text that titles had to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The films.
    movies: Vec<MovieRow>,
}

/// Titles between two reports of how far the reading is.
const REPORT: u64 = 500;

/// What is kept of the library while it comes in.
#[derive(Default)]
struct Found {
    read: u64,
    total: u64,
    titles: Vec<Title>,
}

async fn list<T: Twin, R: Serialize + From<Title>>(
    call: &Call<'_, Read>,
    args: Args,
) -> Result<(Vec<R>, Paging, Option<String>), ToolError> {
    let filter = args.filter.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let wanted = filter.as_deref().map(folded);
    let window = args.offset..args.offset + args.limit;
    let client = T::client(call).await?;
    let found = client
        .library(|found: &mut Found, title| {
            found.read += 1;
            if found.read.is_multiple_of(REPORT) {
                call.progress(Progress { items: found.read, ..Progress::default() });
            }
            // A row without both is none.
            if title.title.is_none() && title.id.is_none() || wanted.as_ref().is_some_and(|text| !holds(&title, text)) {
                return;
            }
            if window.contains(&found.total) {
                found.titles.push(title);
            }
            found.total += 1;
        })
        .await?;
    let next_offset = (window.end < found.total).then_some(window.end);
    let window = Window { items: found.titles, total: Some(found.total), next_offset };
    let (rows, paging) = Paging::fit(window, args.offset, args.limit, R::from);
    call.affects(Affected { items: Some(rows.len() as u64), ..Affected::default() });
    Ok((rows, paging, filter))
}

fn holds(title: &Title, text: &str) -> bool {
    let own = [&title.title, &title.original_title, &title.sort_title];
    let other = title.alternate_titles.iter().map(|other| &other.title);
    own.into_iter().chain(other).flatten().any(|known| folded(known).contains(text))
}
