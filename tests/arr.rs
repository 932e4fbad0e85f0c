//! Sonarr and Radarr: what is asked of the one is asked of the other by the same tests. What they answer is told whole and in
//! order, what is added is what was meant, and what went wrong says what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

#[path = "arr/adding.rs"]
mod adding;
#[path = "arr/calendar.rs"]
mod calendar;
#[path = "arr/contract.rs"]
mod contract;
#[path = "arr/lists.rs"]
mod lists;
#[path = "arr/reaching.rs"]
mod reaching;
#[path = "arr/searching.rs"]
mod searching;
mod support;

use plex_mcp::demo::{ArrKind, ArrOptions, SampleArr};
use serde_json::Value;
use support::{Client, Home};

/// The key of the sample servers; it must never be seen anywhere.
const KEY: &str = "arr-CANARY-456";

/// No answer is longer: clients refuse what is beyond 25,000 tokens.
const MOST_BYTES: usize = 75_000;

/// What the two call things.
#[derive(Clone, Copy, Debug)]
struct Twin {
    kind: ArrKind,
    name: &'static str,
    variable: &'static str,
    list: &'static str,
    rows: &'static str,
    look_up: &'static str,
    add: &'static str,
    foreign_id: &'static str,
    /// The id of the first title that the sample knows.
    first: u64,
    added: &'static str,
    trigger: &'static str,
    id: &'static str,
    missing: &'static str,
    missing_rows: &'static str,
    queue: &'static str,
    calendar: &'static str,
    profiles: &'static str,
    library: &'static str,
    root: &'static str,
    title_fact: &'static str,
}

const TWINS: [Twin; 2] = [
    Twin {
        kind: ArrKind::Sonarr,
        name: "Sonarr",
        variable: "SONARR",
        list: "sonarr_get_series",
        rows: "series",
        look_up: "sonarr_search",
        add: "sonarr_add_series",
        foreign_id: "tvdbId",
        first: 70_000,
        added: "series",
        trigger: "sonarr_trigger_search",
        id: "seriesId",
        missing: "sonarr_get_missing",
        missing_rows: "episodes",
        queue: "sonarr_get_queue",
        calendar: "sonarr_get_calendar",
        profiles: "sonarr_get_profiles",
        library: "/api/v3/series",
        root: "/media/series",
        title_fact: "series.title",
    },
    Twin {
        kind: ArrKind::Radarr,
        name: "Radarr",
        variable: "RADARR",
        list: "radarr_get_movies",
        rows: "movies",
        look_up: "radarr_search",
        add: "radarr_add_movie",
        foreign_id: "tmdbId",
        first: 400_000,
        added: "movie",
        trigger: "radarr_trigger_search",
        id: "movieId",
        missing: "radarr_get_missing",
        missing_rows: "movies",
        queue: "radarr_get_queue",
        calendar: "radarr_get_calendar",
        profiles: "radarr_get_profiles",
        library: "/api/v3/movie",
        root: "/media/films",
        title_fact: "movie.title",
    },
];

impl Twin {
    fn options(self) -> ArrOptions {
        ArrOptions { api_key: KEY.into(), ..ArrOptions::new(self.kind) }
    }

    /// A home that points to an address.
    fn home(self, url: impl Into<String>) -> Home {
        let mut home = Home::at("http://127.0.0.1:9");
        home.set(&format!("{}_URL", self.variable), url);
        home.set(&format!("{}_API_KEY", self.variable), KEY);
        home
    }

    async fn start(self, options: ArrOptions) -> (SampleArr, Home, Client) {
        let server = SampleArr::start(options).await.unwrap();
        let home = self.home(server.url());
        let client = home.connect().await;
        (server, home, client)
    }

    /// The tools that read and take no arguments.
    fn reads(self) -> [&'static str; 5] {
        [self.list, self.missing, self.queue, self.calendar, self.profiles]
    }

    /// The id of a title that is in no library yet.
    fn new_title(self, options: &ArrOptions, at: u64) -> u64 {
        self.first + options.titles + at
    }
}

fn rows<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().unwrap_or_else(|| panic!("no {name}: {answer}"))
}

fn posts(server: &SampleArr) -> Vec<Value> {
    let posts = server.requests().into_iter().filter(|request| request.method == "POST");
    posts.map(|request| serde_json::from_str(&request.body.unwrap()).unwrap()).collect()
}

/// All rows of a list, page by page.
async fn all(client: &Client, tool: &str, name: &str, arguments: Value) -> (Vec<Value>, Value) {
    let (mut found, mut offset, mut last) = (Vec::new(), Some(0), Value::Null);
    while let Some(at) = offset {
        let mut arguments = arguments.clone();
        arguments["offset"] = at.into();
        last = client.call(tool, arguments).await;
        assert!(last.to_string().len() < MOST_BYTES, "{tool} answers {} bytes", last.to_string().len());
        found.extend(rows(&last, name).iter().cloned());
        offset = last["nextOffset"].as_u64();
        assert!(offset.is_none_or(|next| next > at), "{last}");
    }
    (found, last)
}

fn ids(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

/// 2026-02-11, nine in the evening by universal time.
const EVENING: i64 = 1_770_843_600;
