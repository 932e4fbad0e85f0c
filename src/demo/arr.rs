//! The sample Sonarr and Radarr: one server that answers as the one or the other does, with invented titles.
//!
//! What is added stays for as long as it runs, commands progress, and a search that has ended puts its find into the queue.

mod calendar;
mod commands;
mod library;
mod queue;
mod routes;
mod rows;
mod server;
mod shelf;
mod world;

use std::time::Duration;

pub use server::SampleArr;

/// Which of the two a sample server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrKind {
    /// Series.
    Sonarr,
    /// Films.
    Radarr,
}

impl ArrKind {
    /// What the server calls itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sonarr => "Sonarr",
            Self::Radarr => "Radarr",
        }
    }
}

/// A folder that titles are kept beneath.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleRoot {
    /// Its path.
    pub path: String,
    /// Whether the server can write to it.
    pub accessible: bool,
    /// Bytes that are free.
    pub free: u64,
}

impl SampleRoot {
    /// A folder with room.
    pub fn new(path: &str) -> Self {
        Self { path: path.to_owned(), accessible: true, free: 2_400_000_000_000 }
    }
}

/// How a sample server is started.
#[derive(Clone, Debug)]
pub struct ArrOptions {
    /// Which of the two it is.
    pub kind: ArrKind,
    /// Titles in its library; as many as a thousand more can be found and added.
    pub titles: u64,
    /// The key it accepts.
    pub api_key: String,
    /// The port on the loopback interface; 0 is any free one.
    pub port: u16,
    /// Its URL base, such as `/radarr`; empty for none. A web page is served elsewhere.
    pub base: String,
    /// Its version. Before 3 there is no API v3, and a Sonarr 3 asks for a language profile.
    pub version: String,
    /// Names of its quality profiles.
    pub profiles: Vec<String>,
    /// Its root folders.
    pub roots: Vec<SampleRoot>,
    /// Names of its language profiles, where it is a Sonarr 3.
    pub languages: Vec<String>,
    /// Downloads under way.
    pub downloads: u64,
    /// What the server takes for now, in Unix seconds. None is the machine's clock.
    pub clock: Option<i64>,
    /// Another seed is another library.
    pub seed: u64,
    /// Deviations from good manners.
    pub deviations: ArrDeviations,
}

impl ArrOptions {
    /// A small server of that kind.
    pub fn new(kind: ArrKind) -> Self {
        let (titles, version, root) = match kind {
            ArrKind::Sonarr => (40, "4.0.11.2680", "/media/series"),
            ArrKind::Radarr => (120, "5.15.1.9463", "/media/films"),
        };
        Self {
            kind,
            titles,
            api_key: format!("sample-{}-key", kind.name().to_lowercase()),
            port: 0,
            base: String::new(),
            version: version.to_owned(),
            profiles: ["HD-1080p", "Ultra-HD"].map(str::to_owned).to_vec(),
            roots: vec![SampleRoot::new(root)],
            languages: vec!["English".to_owned()],
            downloads: 12,
            clock: None,
            seed: 1,
            deviations: ArrDeviations::default(),
        }
    }

    fn major(&self) -> u64 {
        self.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
    }
}

/// Ways in which the server deviates, for tests of what a client does then. None by default.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a deviation of its own, and any can be combined")]
pub struct ArrDeviations {
    /// Never more rows than this on a page, whatever was asked for.
    pub page_cap: Option<u64>,
    /// Say of a capped page that it has the size that was asked for.
    pub silent_cap: bool,
    /// A pause before each answer.
    pub delay: Option<Duration>,
    /// So many answers of 503 before the first other one.
    pub fail_first: u32,
    /// Drop the connection in place of the answer to a POST.
    pub drop_posts: Option<DropPost>,
    /// Control characters, numbers as text, missing parts and a row that is no object.
    pub untidy: bool,
    /// Answer 200 with a page for people to everything.
    pub web_pages: bool,
    /// Commands end as failed.
    pub fail_commands: bool,
    /// Lookups fail as they do where the metadata service is down.
    pub lookup_down: bool,
}

/// When the connection of a POST is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropPost {
    /// Before anything was done.
    Before,
    /// After it was done.
    After,
}

/// A request that came in. The key is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenArrRequest {
    /// GET, POST, ..
    pub method: String,
    /// The path and the query, as sent.
    pub path_and_query: String,
    /// Whether a key came in the header.
    pub key_in_header: bool,
    /// The body, where there was one.
    pub body: Option<String>,
}
