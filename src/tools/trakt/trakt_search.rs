use crate::{
    guard::{Affected, Read, Service},
    plex::items::Window,
    tools::{
        Tool,
        call::Call,
        error::ToolError,
        listing::Paging,
        public_keys::PublicKey,
        text::{self, shorten},
    },
    trakt::{
        ids::Ids,
        search::{Hit, HitWork},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Search Trakt's catalogue of films and shows by title, best hits first. It works without a sign-in.
#[derive(JsonSchema)]
pub(super) struct TraktSearch;

/// What to look for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The words to look for.
    #[schemars(length(min = 1, max = 500))]
    query: String,
    /// Only films or only shows; without it both.
    #[serde(rename = "type")]
    kind: Option<Kind>,
    /// Only what was released in this year.
    #[schemars(range(min = 1850, max = 2100))]
    year: Option<i64>,
    /// The most hits to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first hit to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 900))]
    offset: u64,
}

fn default_limit() -> u64 {
    25
}

/// What Trakt can be searched for.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Films.
    Movie,
    /// Series.
    Show,
}

/// The hits.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The words that were looked for.
    query: String,
    /// The type, if one was asked for.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    /// The year, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    #[serde(flatten)]
    paging: Paging,
    /// The hits.
    results: Vec<HitRow>,
}

/// Something that was found.
#[derive(Serialize, JsonSchema)]
struct HitRow {
    /// movie or show.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// How well it fits, as Trakt says.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    /// The film.
    #[serde(skip_serializing_if = "Option::is_none")]
    movie: Option<WorkRow>,
    /// The show.
    #[serde(skip_serializing_if = "Option::is_none")]
    show: Option<WorkRow>,
}

/// A film or a show.
#[derive(Serialize, JsonSchema)]
struct WorkRow {
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The year of release.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// Its ids.
    ids: IdsRow,
    /// The beginning of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    overview: Option<String>,
    /// The rating of Trakt's users, 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<f64>,
    /// Minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<i64>,
    /// Genres.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    genres: Vec<String>,
}

/// The ids of something at Trakt and elsewhere.
#[derive(Serialize, JsonSchema)]
struct IdsRow {
    /// Trakt's.
    #[serde(skip_serializing_if = "Option::is_none")]
    trakt: Option<i64>,
    /// Trakt's in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    /// `IMDb`'s.
    #[serde(skip_serializing_if = "Option::is_none")]
    imdb: Option<String>,
    /// TMDB's.
    #[serde(skip_serializing_if = "Option::is_none")]
    tmdb: Option<i64>,
    /// TVDB's.
    #[serde(skip_serializing_if = "Option::is_none")]
    tvdb: Option<i64>,
}

/// Characters of an overview in a list of hits.
const OVERVIEW_CHARS: usize = 300;

impl Tool for TraktSearch {
    const NAME: &'static str = "trakt_search";
    const TITLE: &'static str = "Search Trakt";
    const SERVICE: Service = Service::Trakt;
    const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[
        ("success", PublicKey::Success),
        ("totalResults", PublicKey::Same("totalSize")),
        ("showing", PublicKey::RowsOf("results")),
    ];
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let Args { query, kind, year, limit, offset } = args;
        let query = text::query("query", &query)?;
        let types = match kind {
            Some(Kind::Movie) => "movie",
            Some(Kind::Show) => "show",
            None => "movie,show",
        };
        let position = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        // One more than wanted tells whether there are more.
        let hits = call.trakt().await?.search(types, &query, year, position(offset + limit + 1)).await?;
        let found = hits.len() as u64;
        let items = hits.into_iter().skip(position(offset)).take(position(limit)).collect();
        let window = Window {
            items,
            total: (found <= offset + limit).then_some(found),
            next_offset: (found > offset + limit).then_some(offset + limit),
        };
        let (results, paging) = Paging::fit(window, offset, limit, row);
        call.affects(Affected { items: Some(results.len() as u64), ..Affected::default() });
        Ok(Out { query, kind, year, paging, results })
    }
}

fn row(hit: Hit) -> HitRow {
    HitRow { kind: hit.kind, score: hit.score, movie: hit.movie.map(work), show: hit.show.map(work) }
}

fn work(work: HitWork) -> WorkRow {
    let Ids { trakt, slug, imdb, tmdb, tvdb } = work.ids;
    WorkRow {
        title: work.title,
        year: work.year,
        ids: IdsRow { trakt, slug, imdb, tmdb, tvdb },
        overview: work.overview.filter(|text| !text.is_empty()).map(|text| shorten(text, OVERVIEW_CHARS)),
        rating: work.rating.map(|rating| (rating * 10.0).round() / 10.0),
        runtime: work.runtime,
        genres: work.genres,
    }
}
