//! A sample server and the programs that are measured against it, each in a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// What the sample server takes.
pub(crate) const TOKEN: &str = "sample-token";

/// A sample server with these options, and its address.
pub(crate) fn serve(options: &[&str]) -> (Child, String) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_plex-mcp"))
        .args(["demo", "--serve", "--token", TOKEN])
        .args(options)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    let url = first.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    (server, url)
}

/// Runs to the end and tells the time, and on Linux the peak memory in kilobytes.
pub(crate) fn run(command: &mut Command) -> (Duration, Option<u64>) {
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

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.swap_remove(times.len() / 2)
}
