//! The export of a million films against fetching and dropping the same pages, one after the other and with pages fetched
//! ahead as the export does it: time, and peak memory of the export. The sample server runs beside it on the same machine.
//! `cargo bench --bench million`; `PLEX_MCP_BENCH_MOVIES` asks for another number.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark fails by panicking and prints its figures"
)]

use clap::Parser as _;
use plex_mcp::{
    config::{Config, Settings},
    plex::{
        http::Plex,
        items::listing,
        pager::{PageCount, Pager},
    },
};
use process::{TOKEN, median, run, serve};
use std::process::Command;

#[path = "support/process.rs"]
mod process;

const ROUNDS: usize = 3;

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
    /// Set by cargo.
    #[arg(long)]
    bench: bool,
    /// Be the process that fetches and drops, with or without pages fetched ahead.
    #[arg(long)]
    drop: Option<bool>,
}

fn main() {
    let flags = Flags::parse();
    if let Some(ahead) = flags.drop {
        return fetch_and_drop(flags.settings, ahead);
    }
    let movies = std::env::var("PLEX_MCP_BENCH_MOVIES").unwrap_or_else(|_| "1000000".into());
    // As fast as it can, which is far faster than any Plex server; and with a pause a page, still faster than most.
    for latency in ["0", "20"] {
        measure(&movies, latency);
    }
}

fn measure(movies: &str, latency: &str) {
    let (mut server, url) = serve(&["--movies", movies, "--latency-ms", latency]);
    let home = tempfile::tempdir().unwrap();
    let drop = |ahead: &str| {
        let mut drop = Command::new(std::env::current_exe().unwrap());
        run(drop.args(["--drop", ahead, "--plex-url", &url, "--plex-token", TOKEN])).0
    };
    let (mut serials, mut drops, mut exports, mut memory) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        serials.push(drop("false"));
        drops.push(drop("true"));
        let file = home.path().join("exports/million.json");
        let mut export = Command::new(env!("CARGO_BIN_EXE_plex-mcp"));
        export
            .args(["export", "1", "--output", "million.json", "--overwrite"])
            .env("PLEX_URL", &url)
            .env("PLEX_TOKEN", TOKEN)
            .env("PLEX_LEDGER", home.path().join("ledger.db"))
            .env("PLEX_EXPORT_DIR", home.path().join("exports"));
        let (exported, peak) = run(&mut export);
        exports.push(exported);
        memory.extend(peak);
        std::fs::remove_file(file).unwrap();
    }
    server.kill().unwrap();
    server.wait().unwrap();
    let [serial, drop, export] = [serials, drops, exports].map(|times| median(times).as_secs_f64());
    println!("{movies} films, {latency} ms a page of the server's own, medians of {ROUNDS}:");
    println!("  fetch and drop page by page   {serial:7.2} s");
    println!("  fetch and drop, pages ahead   {drop:7.2} s");
    println!(
        "  export                        {export:7.2} s, {:.3} and {:.3} times that",
        export / serial,
        export / drop
    );
    println!("  export, items a second        {:7.0}", movies.parse::<f64>().unwrap() / export);
    println!("  export, peak memory           {:7?} kB", memory.iter().max());
}

/// The same pages by the same client, looked at no further than to their first tag.
fn fetch_and_drop(settings: Settings, ahead: bool) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let plex = Plex::new(&Config::new(settings).plex.unwrap()).unwrap();
        let request = listing("1", None).with("sort", "addedAt:asc").with("includeGuids", "1");
        let total = Pager::total_of(&plex, &request).await.unwrap().total.unwrap();
        if ahead {
            let mut pager = Pager::new(plex, request, 500, 0, total);
            while let Some(page) = pager.next().await.unwrap() {
                let rows = 500.min(total - page.start());
                pager.account(PageCount { rows, new: rows });
            }
        } else {
            for start in (0..total).step_by(500) {
                let request = request.clone().with("X-Plex-Container-Start", start.to_string());
                let text = plex.get(&request.with("X-Plex-Container-Size", "500")).await.unwrap();
                assert!(text.starts_with("<?xml"));
            }
        }
    });
}
