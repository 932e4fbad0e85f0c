//! How fast Plex's XML becomes JSON. `cargo bench --bench export`

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use plex_mcp::{
    config::{Config, Settings},
    demo::{Options, SamplePlex},
    plex::{
        http::{Get, Plex},
        selection::{Paths, Selection},
        xml::{Arena, Document},
    },
};
use std::hint::black_box;

/// A page of films as the sample server sends it: 500 rows.
fn page() -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let server = SamplePlex::start(Options::default()).await.unwrap();
        let plex = plex(&server);
        let request = Get::new("a page", ["library", "sections", "1", "all"])
            .with("includeGuids", "1")
            .with("X-Plex-Container-Start", "0")
            .with("X-Plex-Container-Size", "500");
        plex.get(&request).await.unwrap()
    })
}

fn plex(server: &SamplePlex) -> Plex {
    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        settings: Settings,
    }
    let flags = ["bench", "--plex-url", &server.url(), "--plex-token", server.token()];
    let Flags { settings } = clap::Parser::parse_from(flags);
    Plex::new(&Config::new(settings).plex.unwrap()).unwrap()
}

fn transcode(c: &mut Criterion) {
    let page = page();
    let mut group = c.benchmark_group("xml_page");
    group.throughput(Throughput::Bytes(page.len() as u64));
    group.bench_function("bare_quick_xml_scan", |b| {
        b.iter(|| {
            let mut reader = quick_xml::Reader::from_str(&page);
            let mut events = 0_u64;
            while !matches!(black_box(reader.read_event().unwrap()), quick_xml::events::Event::Eof) {
                events += 1;
            }
            events
        });
    });
    let mut arena = Arena::default();
    let mut out = Vec::new();
    group.bench_function("to_json_full", |b| {
        b.iter(|| {
            out.clear();
            let mut document = Document::open(&page).unwrap();
            while let Some(row) = document.next_row(&mut arena).unwrap() {
                row.write_full(&mut out);
                out.push(b'\n');
            }
            black_box(out.len())
        });
    });
    let keep = Some(Paths::new(["ratingKey", "title", "year", "type", "guid"]));
    let summary = Selection { keep, ..Selection::default() };
    group.bench_function("to_json_summary", |b| {
        b.iter(|| {
            out.clear();
            let mut document = Document::open(&page).unwrap();
            while let Some(row) = document.next_row(&mut arena).unwrap() {
                row.write_selected(&mut out, &summary, None);
                out.push(b'\n');
            }
            black_box(out.len())
        });
    });
    group.finish();
}

criterion_group!(benches, transcode);
criterion_main!(benches);
