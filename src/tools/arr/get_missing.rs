use super::{Radarr, Sonarr, Twin, rows, twin};
use crate::{
    arr::records::{Episode, Title},
    guard::{Affected, Read},
    tools::{call::Call, error::ToolError, listing::Paging, public_keys::PublicKey},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

twin! {
    /// List the monitored episodes that were shown already and have no file, newest first.
    SonarrGetMissing: "sonarr_get_missing", "List missing episodes", Sonarr, Read, Args => SonarrMissing,
    (async |call: &Call<'_, Read>, args: Args| {
        let (offset, limit) = args.window()?;
        let window = Sonarr::client(call).await?.missing_episodes((offset, limit)).await?;
        let (episodes, paging) = Paging::fit(window, offset, limit, EpisodeRow::from);
        call.affects(Affected { items: Some(episodes.len() as u64), ..Affected::default() });
        Ok(SonarrMissing { warning: paging.warning(), paging, episodes })
    }), { const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success), ("totalRecords", PublicKey::Same("totalSize")), ("page", PublicKey::Page), ("pageSize", PublicKey::Same("limit")), ("showing", PublicKey::RowsOf("episodes"))]; }
}

twin! {
    /// List the monitored films that are out already and have no file.
    RadarrGetMissing: "radarr_get_missing", "List missing films", Radarr, Read, Args => RadarrMissing,
    (async |call: &Call<'_, Read>, args: Args| {
        let (offset, limit) = args.window()?;
        let window = Radarr::client(call).await?.missing_films((offset, limit)).await?;
        let (movies, paging) = Paging::fit(window, offset, limit, MovieRow::from);
        call.affects(Affected { items: Some(movies.len() as u64), ..Affected::default() });
        Ok(RadarrMissing { warning: paging.warning(), paging, movies })
    }), { const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[("success", PublicKey::Success), ("totalRecords", PublicKey::Same("totalSize")), ("page", PublicKey::Page), ("pageSize", PublicKey::Same("limit")), ("showing", PublicKey::RowsOf("movies"))]; }
}

/// Which part of the list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Args {
    /// The most rows to return. The answer may hold fewer; nextOffset then says where to go on.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 1_000))]
    limit: u64,
    /// The position of the first row to return.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    offset: u64,
    /// In place of offset: the page to return, from 1, of pageSize rows each.
    #[schemars(range(min = 1, max = 1_000_000))]
    page: Option<u64>,
    /// In place of limit: rows of a page.
    #[schemars(range(min = 1, max = 1_000))]
    page_size: Option<u64>,
}

fn default_limit() -> u64 {
    50
}

impl Args {
    fn window(&self) -> Result<(u64, u64), ToolError> {
        let limit = self.page_size.unwrap_or(self.limit);
        match self.page {
            Some(_) if self.offset > 0 => Err(ToolError::argument("page", "can't be given together with offset")),
            Some(page) => Ok(((page - 1) * limit, limit)),
            None => Ok((self.offset, limit)),
        }
    }
}

/// Missing episodes.
#[derive(Serialize, JsonSchema)]
pub(super) struct SonarrMissing {
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The episodes.
    episodes: Vec<EpisodeRow>,
}

/// Missing films.
#[derive(Serialize, JsonSchema)]
pub(super) struct RadarrMissing {
    #[serde(flatten)]
    paging: Paging,
    /// What is unusual about the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// The films.
    movies: Vec<MovieRow>,
}

/// A missing episode.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EpisodeRow {
    /// Sonarr's number of the episode.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// Sonarr's number of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    series_id: Option<i64>,
    /// The series' title.
    #[serde(skip_serializing_if = "Option::is_none")]
    series_title: Option<String>,
    /// The season; 0 is the specials.
    #[serde(skip_serializing_if = "Option::is_none")]
    season_number: Option<i64>,
    /// The number in the season.
    #[serde(skip_serializing_if = "Option::is_none")]
    episode_number: Option<i64>,
    /// The episode's title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The day of its first showing, where the network is.
    #[serde(skip_serializing_if = "Option::is_none")]
    air_date: Option<String>,
    /// The moment of its first showing.
    #[serde(skip_serializing_if = "Option::is_none")]
    air_date_utc: Option<String>,
    /// Whether Sonarr looks for it.
    monitored: bool,
    /// The beginning of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    overview: Option<String>,
}

impl From<Episode> for EpisodeRow {
    fn from(episode: Episode) -> Self {
        Self {
            id: episode.id,
            series_id: episode.series_id,
            series_title: episode.series.and_then(|series| series.title),
            season_number: episode.season_number,
            episode_number: episode.episode_number,
            title: episode.title,
            air_date: episode.air_date,
            air_date_utc: episode.air_date_utc,
            monitored: episode.monitored,
            overview: rows::overview(episode.overview),
        }
    }
}

/// A missing film.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct MovieRow {
    /// Radarr's number of the film.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// The title.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The year.
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<i64>,
    /// tba, announced, inCinemas, released or deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Whether Radarr looks for it.
    monitored: bool,
    /// TMDB's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    tmdb_id: Option<i64>,
    /// IMDb's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    imdb_id: Option<String>,
    /// When it is to be had as a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    digital_release: Option<String>,
    /// When it is to be had on a disc.
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_release: Option<String>,
    /// The beginning of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    overview: Option<String>,
}

impl From<Title> for MovieRow {
    fn from(title: Title) -> Self {
        Self {
            id: title.id,
            title: title.title,
            year: title.year.filter(|year| *year > 0),
            status: title.status,
            monitored: title.monitored,
            tmdb_id: title.tmdb_id,
            imdb_id: title.imdb_id.filter(|id| !id.is_empty()),
            digital_release: title.digital_release,
            physical_release: title.physical_release,
            overview: rows::overview(title.overview),
        }
    }
}
