//! The sample Plex Media Server: it answers as Plex does, with a library of any size that is invented and never stored.
//!
//! `plex-mcp demo` starts it for trying things out, and the tests and benchmarks talk to it. It speaks XML and JSON, keeps
//! watch states and edits for as long as it runs, and deviates from good manners where a test asks for it.

mod answers;
mod arr;
mod catalog;
mod deck;
mod describe;
mod dice;
mod discover;
mod edits;
mod encode;
mod episodes;
mod facts;
mod history;
mod listing;
mod media;
mod meta;
mod movies;
mod music;
mod periodic;
mod photos;
mod playlists;
mod plays;
mod posters;
mod query;
mod routes;
mod search;
mod sections;
mod server;
mod sessions;
mod state;
mod titles;
mod trakt;
mod words;

use std::time::Duration;

pub use arr::{ArrDeviations, ArrKind, ArrOptions, DropPost, SampleArr, SampleRoot, SeenArrRequest};
pub use server::SamplePlex;
pub use trakt::{Refusal, SampleTrakt, TraktOptions, TraktPlay, TraktRequest};

/// The most films a sample library has room for.
pub const MOST_MOVIES: u64 = 300_000_000;
/// The most shows, artists or photo albums a sample library has room for.
pub const MOST_TREES: u64 = 400_000;

/// The most rows that a sample history is filled up to.
pub const MOST_PLAYS: u64 = 100_000_000;

/// What the server says its id is.
const MACHINE: &str = "5a3b1e0f6c2d4b7a9e8f0a1b2c3d4e5f60718293";
/// What the server says its version is.
const VERSION: &str = "1.43.0.10000-0a1b2c3d4";

/// The size of a sample library. Item `n` of a section depends on nothing but the seed, the section and `n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleLibrary {
    /// Films, at most [`MOST_MOVIES`].
    pub movies: u64,
    /// Shows of one to five seasons with three to twelve episodes each, at most [`MOST_TREES`].
    pub shows: u64,
    /// Artists of one to four albums with four to twelve tracks each, at most [`MOST_TREES`].
    pub artists: u64,
    /// Photo albums of four to twenty photos, at most [`MOST_TREES`].
    pub photos: u64,
    /// Rows that the play history has at the least. Older plays by the owner's guests are made up as they are asked for.
    pub history: u64,
    /// Another seed is another library.
    pub seed: u64,
}

impl Default for SampleLibrary {
    fn default() -> Self {
        Self { movies: 250, shows: 12, artists: 10, photos: 4, history: 0, seed: 1 }
    }
}

/// How a sample server is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it has.
    pub library: SampleLibrary,
    /// The token it accepts.
    pub token: String,
    /// The port on the loopback interface; 0 is any free one.
    pub port: u16,
    /// Send control characters, bad entities and an unknown kind of item, as some servers do. Some of it is not well-formed
    /// XML or JSON.
    pub untidy: bool,
    /// What the server takes for now, in Unix seconds: plays and scans are dated from it. None is the machine's clock.
    pub clock: Option<i64>,
    /// Deviations from what Plex does.
    pub deviations: Deviations,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            library: SampleLibrary::default(),
            token: "sample-token".to_owned(),
            port: 0,
            untidy: false,
            clock: None,
            deviations: Deviations::default(),
        }
    }
}

/// Ways in which the server deviates, for tests of what a client does then. None by default.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a deviation of its own, and any can be combined")]
pub struct Deviations {
    /// Never more rows than this on a page, whatever was asked for.
    pub page_cap: Option<u64>,
    /// 400 where only one of start and size is sent.
    pub require_both_paging: bool,
    /// No total, neither in the body nor as a header.
    pub omit_total_size: bool,
    /// Always the first page of 100, and no total.
    pub ignore_paging: bool,
    /// The token is not the owner's but that of this account: 403 where only the owner may look, and of the history only the
    /// account's own rows.
    pub guest: Option<u64>,
    /// A pause before each answer.
    pub delay: Option<Duration>,
    /// So many answers of 503 before the first other one.
    pub fail_first: u32,
    /// Drop the connection in the middle of the body of this answer, counted from 1 over answers with a body.
    pub fail_after: Option<u64>,
    /// Every page has the rows of the first.
    pub repeat_page: bool,
    /// What goes wrong with one of the changes.
    pub change_fault: Option<ChangeFault>,
    /// After so many requests, lists end ten rows earlier and their totals say so.
    pub shrink_after: Option<u64>,
}

/// What goes wrong with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeFault {
    /// With which of the changing requests, counted from 1.
    pub number: u64,
    /// What.
    pub kind: FaultOfChange,
}

/// A way in which a change goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultOfChange {
    /// It is made, and the connection is cut before anything is answered.
    CutAfter,
    /// The connection is cut and nothing is changed.
    CutBefore,
    /// 500, and nothing is changed.
    Fails,
    /// 400, and nothing is changed.
    Refused,
    /// 200, and nothing is changed.
    Ignored,
}

/// A request that came in. The token is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    /// GET, PUT, ..
    pub method: String,
    /// The path and the query, as sent but for the token.
    pub path_and_query: String,
    /// Whether a token came in the header.
    pub token_in_header: bool,
    /// Whether a token came in the URL.
    pub token_in_url: bool,
    /// The other headers, their names in small letters.
    pub headers: Vec<(String, String)>,
}
