//! Where Sonarr and Radarr differ.

use crate::http::Upstream;

/// What one of the two services calls things.
#[derive(Debug)]
pub struct Dialect {
    /// Its name.
    pub name: &'static str,
    /// Its names in settings and errors.
    pub upstream: Upstream,
    /// What it keeps: one of it.
    pub noun: &'static str,
    /// What it keeps: several of it.
    pub nouns: &'static str,
    /// The path of its library below the API.
    pub library: &'static str,
    /// The parameter that picks a title of the library by the metadata service's id.
    pub foreign_id: &'static str,
    /// What a lookup by that id begins with.
    pub lookup_prefix: &'static str,
    /// The oldest version that has API v3.
    pub oldest: u64,
    /// The last version that wants a language profile for each title; 0 where none did.
    pub last_with_languages: u64,
    /// Parameters of the queue that bring what rows are of, and rows of nothing that the library knows.
    pub queue: &'static [(&'static str, &'static str)],
    /// Parameters of the list of what is missing.
    pub missing: &'static [(&'static str, &'static str)],
    /// Parameters of the calendar.
    pub calendar: &'static [(&'static str, &'static str)],
    /// The command that looks for one title, and the name of the title's id in it.
    pub search_one: (&'static str, &'static str),
    /// Whether that id stands in a list.
    pub search_takes_list: bool,
    /// The command that looks for all that is missing.
    pub search_all: &'static str,
}

/// Sonarr, which keeps series.
pub static SONARR: Dialect = Dialect {
    name: "Sonarr",
    upstream: Upstream {
        noun: "Sonarr server",
        api: "Sonarr API",
        address_setting: "SONARR_URL",
        credential: "API key",
        on_unreachable: "check that Sonarr runs and that SONARR_URL is right",
        on_unauthorized: "take the one that Sonarr shows under Settings, General, and set SONARR_API_KEY",
        on_not_found: "it may have been removed, or the number may be of something else",
        on_certificate: "name its certificate authority in PLEX_CA_FILE, or use Sonarr's own http:// address in SONARR_URL",
        on_web_page: "check the URL base: SONARR_URL is the address of Sonarr with the URL base that Sonarr shows under \
                      Settings, General, such as http://192.168.1.2:8989/sonarr",
    },
    noun: "series",
    nouns: "series",
    library: "series",
    foreign_id: "tvdbId",
    lookup_prefix: "tvdb:",
    oldest: 3,
    last_with_languages: 3,
    queue: &[("includeUnknownSeriesItems", "true"), ("includeSeries", "true"), ("includeEpisode", "true")],
    missing: &[
        ("includeSeries", "true"),
        ("monitored", "true"),
        ("sortKey", "airDateUtc"),
        ("sortDirection", "descending"),
    ],
    calendar: &[("includeSeries", "true")],
    search_one: ("SeriesSearch", "seriesId"),
    search_takes_list: false,
    search_all: "MissingEpisodeSearch",
};

/// Radarr, which keeps films.
pub static RADARR: Dialect = Dialect {
    name: "Radarr",
    upstream: Upstream {
        noun: "Radarr server",
        api: "Radarr API",
        address_setting: "RADARR_URL",
        credential: "API key",
        on_unreachable: "check that Radarr runs and that RADARR_URL is right",
        on_unauthorized: "take the one that Radarr shows under Settings, General, and set RADARR_API_KEY",
        on_not_found: "it may have been removed, or the number may be of something else",
        on_certificate: "name its certificate authority in PLEX_CA_FILE, or use Radarr's own http:// address in RADARR_URL",
        on_web_page: "check the URL base: RADARR_URL is the address of Radarr with the URL base that Radarr shows under \
                      Settings, General, such as http://192.168.1.2:7878/radarr",
    },
    noun: "film",
    nouns: "films",
    library: "movie",
    foreign_id: "tmdbId",
    lookup_prefix: "tmdb:",
    oldest: 3,
    last_with_languages: 0,
    queue: &[("includeUnknownMovieItems", "true"), ("includeMovie", "true")],
    // By its own order: the names of its columns changed from version to version.
    missing: &[("monitored", "true")],
    calendar: &[],
    search_one: ("MoviesSearch", "movieIds"),
    search_takes_list: true,
    search_all: "MissingMoviesSearch",
};
