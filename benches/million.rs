//! The export of a million films against fetching and dropping the same pages: time, CPU and peak memory.
//! `cargo bench --bench million`. In one run: the sample server beside it on the same machine, with and without a pause a page;
//! then a server that answers from memory, where the export's CPU time is held against that of fetching and dropping the same
//! pages plus five bare scans of them by quick-xml; then deep exports of 50,000 films, against the same requests.
//! `PLEX_MCP_BENCH_MOVIES` and `PLEX_MCP_BENCH_ROUNDS` ask for other numbers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a benchmark fails by panicking and prints its figures"
)]

use axum::{
    Router,
    extract::{Query, State},
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use clap::Parser as _;
use plex_mcp::{
    config::{Config, Settings},
    plex::{
        http::{Get, Plex},
        items::listing,
        pager::{PageCount, Pager},
        xml::{Arena, Document},
    },
};
use process::{Figures, Server, TOKEN, medians, run};
use std::{
    collections::{HashMap, VecDeque},
    hint::black_box,
    process::Command,
    sync::Arc,
};

#[path = "support/process.rs"]
mod process;

/// Rows a page.
const PAGE: u64 = 500;
/// Rows a page and items a request, of a deep export.
const LISTED: u64 = 200;
const BATCH: usize = 100;
const SCANS: usize = 5;

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
    /// Be the process that fetches and scans each page so often.
    #[arg(long)]
    scan: Option<usize>,
    /// Be the process that fetches and drops what a deep export asks for, with or without requests ahead.
    #[arg(long)]
    drop_deep: Option<bool>,
    /// Be the server that answers from memory, with so many films.
    #[arg(long)]
    from_memory: Option<u64>,
}

fn main() {
    let flags = Flags::parse();
    if let Some(films) = flags.from_memory {
        return answer_from_memory(flags.settings, films);
    }
    if let Some(ahead) = flags.drop {
        return fetch_and_drop(flags.settings, ahead);
    }
    if let Some(scans) = flags.scan {
        return fetch_and_scan(flags.settings, scans);
    }
    if let Some(ahead) = flags.drop_deep {
        return fetch_and_drop_deep(flags.settings, ahead);
    }
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let movies = number("PLEX_MCP_BENCH_MOVIES", 1_000_000);
    let rounds = usize::try_from(number("PLEX_MCP_BENCH_ROUNDS", 3)).unwrap();
    // As fast as it can, which is far faster than any Plex server; and with a pause a page, still faster than most.
    for latency in ["0", "20"] {
        against_sample(movies, latency, rounds);
    }
    against_memory(movies, rounds);
    for latency in ["0", "20"] {
        deep(movies.min(50_000), latency, rounds);
    }
}

fn against_sample(movies: u64, latency: &str, rounds: usize) {
    let server = Server::sample(&["--movies", &movies.to_string(), "--latency-ms", latency]);
    let (serial, ahead, export) = (
        measure(&server, rounds, &["--drop", "false"]),
        measure(&server, rounds, &["--drop", "true"]),
        export(&server, rounds, &[]),
    );
    println!("{movies} films, {latency} ms a page of the server's own, medians of {rounds}:");
    println!("  fetch and drop page by page   {:7.2} s", serial.seconds);
    println!("  fetch and drop, pages ahead   {:7.2} s", ahead.seconds);
    println!(
        "  export                        {:7.2} s, {:.3} and {:.3} times that",
        export.seconds,
        export.seconds / serial.seconds,
        export.seconds / ahead.seconds
    );
    println!("  export, items a second        {:7.0}", movies as f64 / export.seconds);
    println!("  export, CPU                   {:7.2} s", export.cpu);
    println!("  export, peak memory           {:7} kB", export.peak);
}

fn against_memory(movies: u64, rounds: usize) {
    let sample = Server::sample(&["--movies", &PAGE.to_string()]);
    let mut server = Command::new(std::env::current_exe().unwrap());
    server.args(["--from-memory", &movies.to_string(), "--plex-url", &sample.url, "--plex-token", TOKEN]);
    let server = Server::start(server);
    let scans = SCANS.to_string();
    let (drop, scan) = (measure(&server, rounds, &["--drop", "true"]), measure(&server, rounds, &["--scan", &scans]));
    println!("{movies} films from memory, medians of {rounds}:");
    println!("  fetch and drop, pages ahead   {:7.2} s, CPU {:6.2} s", drop.seconds, drop.cpu);
    println!("  the same and {SCANS} bare scans     {:7.2} s, CPU {:6.2} s", scan.seconds, scan.cpu);
    for format in ["json", "ndjson", "csv"] {
        let export = export(&server, rounds, &["--format", format]);
        println!(
            "  full {format:6} export            {:7.2} s, CPU {:6.2} s, {:.0} items a second, peak {} kB",
            export.seconds,
            export.cpu,
            movies as f64 / export.seconds,
            export.peak
        );
    }
}

fn deep(movies: u64, latency: &str, rounds: usize) {
    let server = Server::sample(&["--movies", &movies.to_string(), "--latency-ms", latency]);
    let serial = measure(&server, rounds, &["--drop-deep", "false"]);
    let ahead = measure(&server, rounds, &["--drop-deep", "true"]);
    let export = export(&server, rounds, &["--detail", "deep"]);
    println!("{movies} films, deep, {latency} ms a page, medians of {rounds}:");
    println!("  fetch and drop one by one     {:7.2} s, CPU {:6.2} s", serial.seconds, serial.cpu);
    println!("  fetch and drop, some ahead    {:7.2} s, CPU {:6.2} s", ahead.seconds, ahead.cpu);
    println!(
        "  export                        {:7.2} s, CPU {:6.2} s, {:.3} and {:.3} times that, peak {} kB",
        export.seconds,
        export.cpu,
        export.seconds / serial.seconds,
        export.seconds / ahead.seconds,
        export.peak
    );
}

/// Runs this program so often with these flags.
fn measure(server: &Server, rounds: usize, flags: &[&str]) -> Figures {
    medians(rounds, || server.run_self(flags))
}

fn export(server: &Server, rounds: usize, flags: &[&str]) -> Figures {
    let home = tempfile::tempdir().unwrap();
    medians(rounds, || {
        let mut export = Command::new(env!("CARGO_BIN_EXE_plex-mcp"));
        export
            .args(["export", "1", "--overwrite"])
            .args(flags)
            .env("PLEX_URL", &server.url)
            .env("PLEX_TOKEN", TOKEN)
            .env("PLEX_LEDGER", home.path().join("ledger.db"))
            .env("PLEX_EXPORT_DIR", home.path().join("exports"));
        let figures = run(&mut export);
        std::fs::remove_dir_all(home.path().join("exports")).unwrap();
        figures
    })
}

fn client(settings: Settings) -> (Plex, Get) {
    let plex = Plex::new(&Config::new(settings).plex.unwrap()).unwrap();
    (plex, listing("1", None).with("sort", "addedAt:asc").with("includeGuids", "1"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The same pages by the same client, looked at no further than to their first tag.
fn fetch_and_drop(settings: Settings, ahead: bool) {
    runtime().block_on(async {
        let (plex, request) = client(settings);
        let total = Pager::total_of(&plex, &request).await.unwrap().total.unwrap();
        if ahead {
            let mut pager = Pager::new(plex, request, PAGE, 0, total);
            while let Some(page) = pager.next().await.unwrap() {
                let rows = PAGE.min(total - page.start());
                pager.account(PageCount { rows, new: rows });
            }
        } else {
            for start in (0..total).step_by(500) {
                let request = request.clone().with("X-Plex-Container-Start", start.to_string());
                let text = plex.get(&request.with("X-Plex-Container-Size", PAGE.to_string())).await.unwrap();
                assert!(text.starts_with("<?xml"));
            }
        }
    });
}

/// The same pages, each scanned so often by quick-xml alone.
fn fetch_and_scan(settings: Settings, scans: usize) {
    runtime().block_on(async {
        let (plex, request) = client(settings);
        let total = Pager::total_of(&plex, &request).await.unwrap().total.unwrap();
        for start in (0..total).step_by(500) {
            let request = request.clone().with("X-Plex-Container-Start", start.to_string());
            let text = plex.get(&request.with("X-Plex-Container-Size", PAGE.to_string())).await.unwrap();
            for _ in 0..scans {
                let mut reader = quick_xml::Reader::from_str(&text);
                while !matches!(black_box(reader.read_event().unwrap()), quick_xml::events::Event::Eof) {}
            }
        }
    });
}

/// What a deep export asks for, by the same client: one request after the other, or as many at once as an export has.
fn fetch_and_drop_deep(settings: Settings, ahead: bool) {
    let at_once = if ahead { 3 } else { 0 };
    runtime().block_on(async {
        let (plex, request) = client(settings);
        let total = Pager::total_of(&plex, &request).await.unwrap().total.unwrap();
        let mut pager = Pager::new(plex.clone(), request, LISTED, 0, total).ahead(usize::from(ahead));
        let (mut arena, mut asked) = (Arena::default(), VecDeque::new());
        while let Some(page) = pager.next().await.unwrap() {
            let mut keys = Vec::new();
            page.for_each(&mut arena, |row| {
                keys.push(row.attribute("ratingKey").unwrap().into_owned());
            })
            .unwrap();
            let rows = keys.len() as u64;
            pager.account(PageCount { rows, new: rows });
            for batch in keys.chunks(BATCH) {
                let joined = batch.join(",");
                let names = ["includeGuids", "includeChapters", "includeMarkers", "includeExtras"];
                let get = names
                    .into_iter()
                    .fold(Get::new("details", ["library", "metadata", &joined]), |get, name| get.with(name, "1"));
                let plex = plex.clone();
                asked.push_back(tokio::spawn(async move { plex.get(&get).await.unwrap() }));
                if asked.len() > at_once {
                    let answer: tokio::task::JoinHandle<String> = asked.pop_front().unwrap();
                    assert!(answer.await.unwrap().starts_with("<?xml"));
                }
            }
        }
        for answer in asked {
            drop(answer.await.unwrap());
        }
    });
}

/// A page of the sample server, held in memory: of each answer nothing is made anew but the rating keys.
struct Memory {
    films: u64,
    head: Vec<u8>,
    /// The rows, each with the place of its ten digits.
    rows: Vec<(Vec<u8>, usize)>,
    sections: String,
}

fn answer_from_memory(settings: Settings, films: u64) {
    runtime().block_on(async {
        let (plex, request) = client(settings);
        let sections = plex.get(&Get::new("libraries", ["library", "sections"])).await.unwrap();
        let request = request.with("X-Plex-Container-Start", "0").with("X-Plex-Container-Size", PAGE.to_string());
        let text = plex.get(&request).await.unwrap();
        let mut rows: Vec<(Vec<u8>, usize)> = text
            .split_inclusive("</Video>")
            .filter_map(|row| {
                let row = row.get(row.find("<Video ")?..)?;
                let at = row.find("ratingKey=\"")? + "ratingKey=\"".len();
                let digits = row.get(at..)?.find('"')?;
                let row = [row.get(..at)?, "0000000000", row.get(at + digits..)?].concat();
                Some((row.into_bytes(), at))
            })
            .collect();
        assert!(Document::open(&text).is_ok() && rows.len() > 100);
        rows.truncate(usize::try_from(PAGE).unwrap());
        let memory = Arc::new(Memory { films, head: b"<?xml version=\"1.0\"?>\n".to_vec(), rows, sections });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("http://{}", listener.local_addr().unwrap());
        axum::serve(listener, Router::new().fallback(page).with_state(memory)).await.unwrap();
    });
}

async fn page(
    State(memory): State<Arc<Memory>>,
    uri: axum::http::Uri,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let xml = |body: Vec<u8>| ([(CONTENT_TYPE, "text/xml;charset=utf-8")], body).into_response();
    if uri.path() == "/library/sections" {
        return xml(memory.sections.clone().into_bytes());
    }
    let number = |name: &str| query.get(name).map_or(0, |text| text.parse().unwrap());
    let (start, size) = (number("X-Plex-Container-Start"), number("X-Plex-Container-Size"));
    let end = (start + size).min(memory.films);
    let mut body = Vec::with_capacity(2_000_000);
    body.extend_from_slice(&memory.head);
    let (total, rows) = (memory.films, end.saturating_sub(start));
    body.extend_from_slice(
        format!("<MediaContainer size=\"{rows}\" totalSize=\"{total}\" offset=\"{start}\">").as_bytes(),
    );
    for key in start..end {
        let at = usize::try_from(key).unwrap() % memory.rows.len();
        if let Some((row, place)) = memory.rows.get(at) {
            let begin = body.len() + place;
            body.extend_from_slice(row);
            if let Some(digits) = body.get_mut(begin..begin + 10) {
                digits.copy_from_slice(format!("{:010}", 1_000_000 + key).as_bytes());
            }
        }
    }
    body.extend_from_slice(b"</MediaContainer>");
    xml(body)
}
