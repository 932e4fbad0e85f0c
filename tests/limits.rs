//! The promise about limits, with real processes: no window holds more than its limit, though several servers share the
//! ledger and are killed in the middle of their calls.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use plex_mcp::guard::{
    Affected, Clock, Guard, Kind, Ledger, NotAdmitted, Outcome, Policy, Read, Request, Service, Settlement, Subject,
    SystemClock,
};
use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const LEDGER: &str = "PLEX_MCP_TEST_LEDGER";
const ATTEMPTS: &str = "PLEX_MCP_TEST_ATTEMPTS";
const EVIDENCE: &str = "PLEX_MCP_TEST_EVIDENCE";
const MAX: usize = 5;
const WINDOW_NS: i64 = 1_000_000_000;
const POLICY: &str = r#"
version = "1"
[tools.search_media]
limits = [{ counter = "searches", window = 1, max = 5 }]
"#;
const SEARCH: Subject = Subject { tool: "search_media", kind: Kind::Read, service: Service::Plex };

fn guard(ledger: &Path) -> Guard {
    let policy = Policy::parse(POLICY, &[SEARCH]).unwrap();
    Guard::new(policy, Ledger::open(ledger).unwrap(), "default".to_owned())
}

fn path_in(variable: &str) -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "how the test tells its other processes where to work")]
    std::env::var_os(variable).map(PathBuf::from)
}

/// How many attempts a server is to make without a pause.
fn attempts() -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how the test tells its other processes how much to do")]
    std::env::var(ATTEMPTS).ok()?.parse().ok()
}

/// One server: calls as often as it can, and writes down between which two moments each call was admitted.
#[tokio::test]
#[ignore = "run by the test below, in processes of its own"]
async fn hammer() {
    let (Some(ledger), Some(evidence)) = (path_in(LEDGER), path_in(EVIDENCE)) else { return };
    let guard = guard(&ledger);
    let clock = SystemClock::new();
    let mut evidence = OpenOptions::new().append(true).create(true).open(evidence).unwrap();
    let arguments = serde_json::Map::new();
    // Where no number is given it goes on until it is killed.
    for _ in 0..attempts().unwrap_or(u64::MAX) {
        let request = Request { subject: SEARCH, arguments: Ok(&arguments), joins: false, session: "s", client: None };
        let before = clock.now().uptime_ns;
        match guard.admit::<Read>(request).await {
            Ok(permit) => {
                let line = format!("{before} {}\n", clock.now().uptime_ns);
                evidence.write_all(line.as_bytes()).unwrap();
                let end =
                    Settlement { outcome: Outcome::Ok, affected: Affected::default(), used: None, nothing_sent: false };
                guard.settle(permit, end).await.unwrap();
            }
            Err(NotAdmitted::Refused(_)) if attempts().is_some() => {}
            Err(NotAdmitted::Refused(refusal)) => {
                let wait = refusal.retry_after.unwrap_or(Duration::from_millis(1));
                // Some wait as they are told, some come back at once.
                tokio::time::sleep(if before % 2 == 0 { wait } else { Duration::from_millis(1) }).await;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn start(ledger: &Path, evidence: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hammer", "--ignored"])
        .env(LEDGER, ledger)
        .env(EVIDENCE, evidence)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn stop(mut child: Child) {
    assert!(child.try_wait().unwrap().is_none(), "a server ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn killed_servers_never_add_up_to_more_than_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, evidence) = (dir.path().join("ledger.db"), dir.path().join("evidence"));
    let mut servers: Vec<Child> = (0..4).map(|_| start(&ledger, &evidence)).collect();
    let started = Instant::now();
    let mut kills = 0;
    while started.elapsed() < Duration::from_secs(8) {
        std::thread::sleep(Duration::from_millis(330 + 70 * (kills % 4)));
        stop(servers.remove(0));
        servers.push(start(&ledger, &evidence));
        kills += 1;
    }
    std::thread::sleep(Duration::from_secs(1));
    servers.into_iter().for_each(stop);
    assert!(kills >= 10, "{kills}");

    let database = rusqlite::Connection::open(&ledger).unwrap();
    let health: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(health, "ok");
    let takes: Vec<i64> = database
        .prepare("SELECT uptime_ns FROM takes ORDER BY uptime_ns")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for window in takes.windows(MAX + 1) {
        assert!(window[MAX] - window[0] >= WINDOW_NS, "{} takes within {} ns", MAX + 1, window[MAX] - window[0]);
    }

    // The servers' own account: more than the limit is proved where so many admissions lie within one window as a whole.
    let text = std::io::read_to_string(OpenOptions::new().read(true).open(&evidence).unwrap()).unwrap();
    let mut admitted: Vec<(i64, i64)> = text
        .lines()
        .map(|line| {
            let (before, after) = line.split_once(' ').unwrap();
            (before.parse().unwrap(), after.parse().unwrap())
        })
        .collect();
    admitted.sort_unstable();
    for (i, (begin, _)) in admitted.iter().enumerate() {
        let within = admitted[i..].iter().filter(|(_, after)| after - begin < WINDOW_NS).count();
        assert!(within <= MAX, "{within} admissions within one window");
    }
    // Nothing was let through unrecorded, and the limit was used, not only kept.
    assert!(takes.len() >= admitted.len() && admitted.len() >= 3 * MAX, "{} of {}", admitted.len(), takes.len());
    let allowed: i64 =
        database.query_row("SELECT count(*) FROM calls WHERE decision = 'allow'", [], |row| row.get(0)).unwrap();
    assert_eq!(allowed, i64::try_from(takes.len()).unwrap());
}

/// `cargo bench --bench windows` does the same with a million attempts.
#[test]
fn eight_servers_that_never_wait_stay_within_the_limit_and_lose_no_attempt() {
    const EACH: u64 = 500;
    let dir = tempfile::tempdir().unwrap();
    let (ledger, evidence) = (dir.path().join("ledger.db"), dir.path().join("evidence"));
    let mut servers: Vec<Child> = (0..8)
        .map(|_| {
            let mut server = Command::new(std::env::current_exe().unwrap());
            server.args(["--exact", "hammer", "--ignored"]).env(LEDGER, &ledger).env(EVIDENCE, &evidence);
            server.env(ATTEMPTS, EACH.to_string()).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for server in &mut servers {
        assert!(server.wait().unwrap().success());
    }
    let database = rusqlite::Connection::open(&ledger).unwrap();
    let takes: Vec<i64> = database
        .prepare("SELECT uptime_ns FROM takes ORDER BY uptime_ns")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for window in takes.windows(MAX + 1) {
        assert!(window[MAX] - window[0] >= WINDOW_NS, "{} takes within {} ns", MAX + 1, window[MAX] - window[0]);
    }
    let number = |query: &str| database.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs();
    assert_eq!(number("SELECT sum(repeats) FROM calls"), 8 * EACH, "an attempt is missing");
    assert_eq!(number("SELECT count(*) FROM calls WHERE decision = 'allow'"), takes.len() as u64);
    assert!(takes.len() >= MAX, "the limit was used, not only kept");
    let refused = number("SELECT count(*) FROM calls WHERE decision <> 'allow'");
    assert!(refused < 8 * EACH / 4, "{refused} rows of refusals that are alike");
}
