//! `get_watch_stats` over a million plays against fetching and dropping the same pages of the history: time, and peak memory;
//! and `get_recommendations` over 20,000 films against fetching and dropping their listing. The sample server runs beside it
//! on the same machine. `cargo bench --bench history`; `PLEX_MCP_BENCH_PLAYS` asks for another number of plays.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark fails by panicking and prints its figures"
)]

use clap::Parser as _;
use plex_mcp::{
    config::{Config, Settings},
    plex::{
        history::PlayFilter,
        http::{Get, Plex},
        items::{MediaType, listing},
        pager::{PageCount, Pager},
    },
};
use process::{Server, TOKEN, medians, run};
use std::process::Command;

#[path = "support/process.rs"]
mod process;

const ROUNDS: usize = 3;
const PAGE_ROWS: u64 = 1_000;
/// A library of a size that a long history comes from.
const LIBRARY: [&str; 6] = ["--movies", "20000", "--shows", "1000", "--artists", "300"];

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
    /// Set by cargo.
    #[arg(long)]
    bench: bool,
    /// Be the process that fetches and drops a list.
    #[arg(long)]
    drop: Option<List>,
    /// With pages ahead of the one that is dropped.
    #[arg(long)]
    ahead: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum List {
    Plays,
    Films,
}

fn main() {
    let flags = Flags::parse();
    if let Some(list) = flags.drop {
        return fetch_and_drop(flags.settings, list, flags.ahead);
    }
    let plays = std::env::var("PLEX_MCP_BENCH_PLAYS").unwrap_or_else(|_| "1000000".into());
    let server = Server::sample(&[&LIBRARY[..], &["--history", &plays]].concat());
    for (list, what, tool, arguments) in [
        ("plays", format!("{plays} plays"), "get_watch_stats", r#"{"timeRange": 3650, "statType": "all"}"#),
        ("films", "20000 films".to_owned(), "get_recommendations", r#"{"libraryKey": "1"}"#),
    ] {
        let home = tempfile::tempdir().unwrap();
        let serial = medians(ROUNDS, || server.run_self(&["--drop", list]));
        let ahead = medians(ROUNDS, || server.run_self(&["--drop", list, "--ahead"]));
        let call = medians(ROUNDS, || {
            let mut call = Command::new(env!("CARGO_BIN_EXE_plex-mcp"));
            call.args(["call", tool, "--args", arguments])
                .current_dir(home.path())
                .env("PLEX_URL", &server.url)
                .env("PLEX_TOKEN", TOKEN)
                .env("PLEX_LEDGER", home.path().join("ledger.db"));
            run(&mut call)
        });
        println!("{what}, medians of {ROUNDS}:");
        println!("  fetch and drop       {:7.2} s, CPU {:6.2} s", serial.seconds, serial.cpu);
        println!("  the same, some ahead {:7.2} s, CPU {:6.2} s", ahead.seconds, ahead.cpu);
        println!(
            "  {tool:<20} {:7.2} s, CPU {:6.2} s, {:.3} and {:.3} times that, {:.2} and {:.2} s more",
            call.seconds,
            call.cpu,
            call.seconds / serial.seconds,
            call.seconds / ahead.seconds,
            call.seconds - serial.seconds,
            call.seconds - ahead.seconds
        );
        println!("  its peak memory      {:7} kB", call.peak);
    }
}

/// The same pages by the same client, looked at no further than to their first tag.
fn fetch_and_drop(settings: Settings, list: List, ahead: bool) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let plex = Plex::new(&Config::new(settings).plex.unwrap()).unwrap();
        let request: Get = match list {
            List::Plays => PlayFilter { since: Some(0), ..PlayFilter::default() }.request(),
            List::Films => listing("1", Some(MediaType::Movie)).with("includeGuids", "1").with(
                "excludeElements",
                "Media,Image,UltraBlurColors,Country,Collection,Writer,Producer,Rating,Chapter",
            ),
        };
        let total = Pager::total_of(&plex, &request).await.unwrap().total.unwrap();
        let mut pager = Pager::new(plex, request, PAGE_ROWS, 0, total).ahead(if ahead { 4 } else { 0 });
        while let Some(page) = pager.next().await.unwrap() {
            let rows = PAGE_ROWS.min(total - page.start());
            pager.account(PageCount { rows, new: rows });
        }
    });
}
