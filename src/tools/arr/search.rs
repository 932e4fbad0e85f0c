use super::{Radarr, Sonarr, Twin, part, rows, twin};
use crate::{
    arr::records::Title,
    guard::{Affected, Read},
    tools::{call::Call, error::ToolError, listing::Paging, public_keys::PublicKey, text::query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

twin! {
    /// Look a series up online, by its title or as tvdb: and its number: gives the tvdbId that `sonarr_add_series` takes, and
    /// says which ones Sonarr has already. It searches no downloads; `sonarr_trigger_search` does.
    SonarrSearch: "sonarr_search", "Look up series", Sonarr, Read, Args => Out<FoundSeries>, look_up::<Sonarr, FoundSeries>, {
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success), ("totalResults", PublicKey::Same("totalSize")), ("showing", PublicKey::RowsOf("results"))];
    }
}

twin! {
    /// Look a film up online, by its title or as tmdb: and its number: gives the tmdbId that `radarr_add_movie` takes, and
    /// says which ones Radarr has already. It searches no downloads; `radarr_trigger_search` does.
    RadarrSearch: "radarr_search", "Look up films", Radarr, Read, Args => Out<FoundMovie>, look_up::<Radarr, FoundMovie>, {
        const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success), ("totalResults", PublicKey::Same("totalSize")), ("showing", PublicKey::RowsOf("results"))];
    }
}

/// What to look for.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The words to look for.
    #[schemars(length(min = 1, max = 500))]
    query: String,
    /// The most hits to return.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first hit to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
}

fn default_limit() -> u64 {
    20
}

/// What was found.
#[derive(Serialize, JsonSchema)]
pub(super) struct Out<R> {
    /// The words that were looked for.
    query: String,
    #[serde(flatten)]
    paging: Paging,
    /// What was found, best first.
    results: Vec<R>,
}

/// A series that was found.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundSeries {
    /// TVDB's number, which `sonarr_add_series` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    tvdb_id: Option<i64>,
    #[serde(flatten)]
    common: Found,
    /// The network.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    /// Seasons, the specials apart.
    season_count: u64,
}

/// A film that was found.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundMovie {
    /// TMDB's number, which `radarr_add_movie` takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    tmdb_id: Option<i64>,
    #[serde(flatten)]
    common: Found,
    /// The studio.
    #[serde(skip_serializing_if = "Option::is_none")]
    studio: Option<String>,
    /// Whether the library has a file of it.
    has_file: bool,
}

/// What series and films have in common.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Found {
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The year of its first showing.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// Whether it is being shown, or will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Whether the library has it already.
    in_library: bool,
    /// Its number in the library.
    #[serde(skip_serializing_if = "Option::is_none")]
    library_id: Option<i64>,
    /// IMDb's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    imdb_id: Option<String>,
    /// Minutes, of an episode or a film.
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<i64>,
    /// Genres.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    genres: Vec<String>,
    /// Such as PG-13.
    #[serde(skip_serializing_if = "Option::is_none")]
    certification: Option<String>,
    /// The beginning of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    overview: Option<String>,
}

impl From<Title> for Found {
    fn from(title: Title) -> Self {
        let library_id = title.id.filter(|id| *id > 0);
        Self {
            title: title.title,
            year: title.year.filter(|year| *year > 0),
            status: title.status,
            in_library: library_id.is_some(),
            library_id,
            imdb_id: title.imdb_id.filter(|id| !id.is_empty()),
            runtime: title.runtime.filter(|minutes| *minutes > 0),
            genres: title.genres,
            certification: title.certification,
            overview: rows::overview(title.overview),
        }
    }
}

impl From<Title> for FoundSeries {
    fn from(mut title: Title) -> Self {
        let network = title.network.take();
        Self { tvdb_id: title.tvdb_id, season_count: rows::count(&title, |_| true), common: title.into(), network }
    }
}

impl From<Title> for FoundMovie {
    fn from(mut title: Title) -> Self {
        let studio = title.studio.take();
        Self { tmdb_id: title.tmdb_id, has_file: title.has_file, common: title.into(), studio }
    }
}

async fn look_up<T: Twin, R: Serialize + From<Title>>(call: &Call<'_, Read>, args: Args) -> Result<Out<R>, ToolError> {
    let query = query("query", &args.query)?;
    let found = T::client(call).await?.lookup(&query).await?;
    let (results, paging) = Paging::fit(part(found, args.offset, args.limit), args.offset, args.limit, R::from);
    call.affects(Affected { items: Some(results.len() as u64), ..Affected::default() });
    Ok(Out { query, paging, results })
}
