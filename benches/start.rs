//! How long the program takes from its start to its first answer, and how much memory it holds when idle.
//! `cargo bench --bench start`

#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, reason = "a benchmark fails by panicking")]

use criterion::{Criterion, criterion_group, criterion_main};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;

/// Starts the program as a client does and waits for the answer to initialize.
fn start(home: &std::path::Path) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plex-mcp"))
        .env("PLEX_URL", "http://127.0.0.1:32400")
        .env("PLEX_TOKEN", "bench")
        .env("PLEX_LEDGER", home.join("ledger.db"))
        .env("PLEX_EXPORT_DIR", home.join("exports"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{INITIALIZE}").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("serverInfo"), "{line}");
    child
}

fn process(c: &mut Criterion) {
    let home = tempfile::tempdir().unwrap();
    let mut idle = start(home.path());
    std::thread::sleep(Duration::from_secs(1));
    // Only Linux tells it without further ado.
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", idle.id())) {
        status.lines().filter(|line| line.starts_with("VmRSS")).for_each(|line| eprintln!("idle memory: {line}"));
    }
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_plex-mcp")).unwrap().len();
    eprintln!("binary: {size} bytes");
    idle.kill().unwrap();
    idle.wait().unwrap();

    c.bench_function("start_to_initialize", |b| {
        b.iter_custom(|times| {
            let mut all = Duration::ZERO;
            for _ in 0..times {
                let begin = Instant::now();
                let mut child = start(home.path());
                all += begin.elapsed();
                child.kill().unwrap();
                child.wait().unwrap();
            }
            all
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(Duration::from_secs(5));
    targets = process
}
criterion_main!(benches);
