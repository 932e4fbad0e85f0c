//! Eight server processes, one ledger, a million attempts: does any window of any limit hold more than its maximum?
//!
//! `cargo bench --bench windows` runs it and prints what it found; `cargo bench --bench windows -- 50000` makes fewer attempts.
//! It fails where one window holds too much, or where an attempt is missing in the ledger.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and says what it measured"
)]

use plex_mcp::guard::{
    Affected, Guard, Kind, Ledger, NotAdmitted, Outcome, Policy, Read, Request, Service, Settlement, Subject,
};
use std::{path::Path, process::Command, time::Instant};

const SERVERS: u64 = 8;
const ATTEMPTS: u64 = 1_000_000;
const SEARCH: Subject = Subject { tool: "search_media", kind: Kind::Read, service: Service::Plex };

/// Each limit's counter with its maximum and its window in seconds.
const LIMITS: [(&str, usize, i64); 3] = [("second", 40, 1), ("seven", 200, 7), ("minute", 1_500, 60)];

fn policy() -> Policy {
    let limits: Vec<String> = LIMITS
        .iter()
        .map(|(counter, max, window)| format!("{{ counter = \"{counter}\", window = {window}, max = {max} }}"))
        .collect();
    let text = format!("version = \"1\"\n[tools.search_media]\nlimits = [{}]\n", limits.join(", "));
    Policy::parse(&text, &[SEARCH]).unwrap()
}

/// One server: so many attempts, one after the other, as fast as they are answered.
async fn serve(ledger: &Path, attempts: u64) {
    let guard = Guard::new(policy(), Ledger::open(ledger).unwrap(), "default".to_owned());
    let arguments = serde_json::Map::new();
    for _ in 0..attempts {
        let request = Request { subject: SEARCH, arguments: Ok(&arguments), joins: false, session: "s", client: None };
        match guard.admit::<Read>(request).await {
            Ok(permit) => {
                let end =
                    Settlement { outcome: Outcome::Ok, affected: Affected::default(), used: None, nothing_sent: false };
                guard.settle(permit, end).await.unwrap();
            }
            Err(NotAdmitted::Refused(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, ledger, attempts, ..] = arguments.as_slice()
        && role == "serve"
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve(Path::new(ledger), attempts.parse().unwrap()));
        return;
    }
    let attempts = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(ATTEMPTS);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let ledger = dir.path().join("ledger.db");
    let started = Instant::now();
    let mut servers: Vec<_> = (0..SERVERS)
        .map(|_| {
            let mut server = Command::new(std::env::current_exe().unwrap());
            server.arg("serve").arg(&ledger).arg((attempts / SERVERS).to_string()).spawn().unwrap()
        })
        .collect();
    for server in &mut servers {
        assert!(server.wait().unwrap().success());
    }
    let seconds = started.elapsed().as_secs_f64();

    let database = rusqlite::Connection::open(&ledger).unwrap();
    let number = |query: &str| database.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs();
    let recorded = number("SELECT sum(repeats) FROM calls");
    assert_eq!(recorded, attempts / SERVERS * SERVERS, "every attempt is in the ledger");
    let admitted = number("SELECT count(*) FROM calls WHERE decision = 'allow'");
    let rows = number("SELECT count(*) FROM calls");
    println!(
        "{recorded} attempts by {SERVERS} processes in {seconds:.0} s: {admitted} admitted, {rows} rows, {:.0} attempts a second",
        f64::from(u32::try_from(recorded).unwrap()) / seconds
    );
    for (counter, max, window) in LIMITS {
        let takes: Vec<i64> = database
            .prepare("SELECT uptime_ns FROM takes JOIN counters ON id = counter WHERE name = ?1 ORDER BY uptime_ns")
            .unwrap()
            .query_map([counter], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(u64::try_from(takes.len()).unwrap(), admitted, "{counter}: each admission is counted");
        // Windows are half open: one that begins with a take holds what comes less than its length later.
        let fullest = (0..takes.len())
            .map(|first| takes.partition_point(|take| take - takes[first] < window * 1_000_000_000) - first)
            .max()
            .unwrap();
        println!("  at most {max} in any {window} s: the fullest window holds {fullest}");
        assert!(fullest <= max, "{counter}: {fullest} in one window");
    }
}
