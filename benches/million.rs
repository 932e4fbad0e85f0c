//! The export of a million films against fetching and dropping the same pages: time, and peak memory of the export.
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
use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const ROUNDS: usize = 3;
const TOKEN: &str = "sample-token";

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
    /// Set by cargo.
    #[arg(long)]
    bench: bool,
    /// Be the process that fetches and drops.
    #[arg(long)]
    drop: bool,
}

fn main() {
    let flags = Flags::parse();
    if flags.drop {
        return fetch_and_drop(flags.settings);
    }
    let movies = std::env::var("PLEX_MCP_BENCH_MOVIES").unwrap_or_else(|_| "1000000".into());
    let (mut server, url) = serve(&movies);
    let home = tempfile::tempdir().unwrap();
    let (mut drops, mut exports, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut drop = Command::new(std::env::current_exe().unwrap());
        drop.arg("--drop").args(["--plex-url", &url, "--plex-token", TOKEN]);
        let (dropped, _) = run(&mut drop);
        let file = home.path().join("exports/million.json");
        let mut export = Command::new(env!("CARGO_BIN_EXE_plex-mcp"));
        export
            .args(["export", "1", "--output", "million.json", "--overwrite"])
            .env("PLEX_URL", &url)
            .env("PLEX_TOKEN", TOKEN)
            .env("PLEX_LEDGER", home.path().join("ledger.db"))
            .env("PLEX_EXPORT_DIR", home.path().join("exports"));
        let (exported, peak) = run(&mut export);
        println!(
            "round {round}: fetch and drop {dropped:.2?}, export {exported:.2?}, ratio {:.3}, peak memory {} kB, file {} MB",
            exported.as_secs_f64() / dropped.as_secs_f64(),
            peak.map_or("?".into(), |kilobytes| kilobytes.to_string()),
            size(&file) / 1_000_000
        );
        std::fs::remove_file(file).unwrap();
        drops.push(dropped);
        exports.push(exported);
        memory.extend(peak);
    }
    server.kill().unwrap();
    server.wait().unwrap();
    let (drop, export) = (median(drops), median(exports));
    let (drop, export) = (drop.as_secs_f64(), export.as_secs_f64());
    println!("{movies} films: median {export:.2} s against {drop:.2} s, ratio {:.3}", export / drop);
    println!("{:.0} items a second", movies.parse::<f64>().unwrap() / export);
    println!("peak memory: {:?} kB", memory.iter().max());
}

/// A sample server in a process of its own.
fn serve(movies: &str) -> (Child, String) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_plex-mcp"))
        .args(["demo", "--serve", "--movies", movies, "--token", TOKEN])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    let url = first.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    (server, url)
}

/// Runs to the end and tells the time, and on Linux the peak memory in kilobytes.
fn run(command: &mut Command) -> (Duration, Option<u64>) {
    let begin = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).or(peak);
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(ended.success(), "{ended}");
    (begin.elapsed(), peak)
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).unwrap().len()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.swap_remove(times.len() / 2)
}

/// The same pages by the same client and pager, looked at no further than to their first tag.
fn fetch_and_drop(settings: Settings) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let plex = Plex::new(&Config::new(settings).plex.unwrap()).unwrap();
        let request = listing("1", None).with("sort", "addedAt:asc").with("includeGuids", "1");
        let total = Pager::total_of(&plex, &request).await.unwrap().total.unwrap();
        let mut pager = Pager::new(plex, request, 500, 0, total);
        while let Some(page) = pager.next().await.unwrap() {
            let rows = 500.min(total - page.start());
            pager.account(PageCount { rows, new: rows });
        }
    });
}
