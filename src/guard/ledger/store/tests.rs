//! The ledger's file with a clock in the test's hand.

mod approvals;
mod properties;
mod undoing;

use super::*;
use crate::guard::Ledger;
use crate::guard::{
    clock::Moment,
    limit::{Limit, Scope, Unit},
    plan::{Affected, Amounts},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const SECOND: i64 = 1_000_000_000;

/// True time, which no one sees, and the two clocks as they show it.
#[derive(Clone, Debug)]
struct Hands {
    true_ns: i64,
    boot: u32,
    booted_ns: i64,
    wall_ahead_ns: i64,
}

#[derive(Clone)]
struct Manual(Arc<Mutex<Hands>>);

impl Manual {
    fn new() -> Self {
        let start = 1_000_000 * SECOND;
        Self(Arc::new(Mutex::new(Hands { true_ns: start, boot: 1, booted_ns: start - 7 * SECOND, wall_ahead_ns: 0 })))
    }

    fn hands(&self) -> Hands {
        self.0.lock().unwrap().clone()
    }

    fn pass(&self, ns: i64) {
        self.0.lock().unwrap().true_ns += ns;
    }

    fn set_wall(&self, by_ns: i64) {
        self.0.lock().unwrap().wall_ahead_ns += by_ns;
    }

    /// The machine was off for a while, and its clock may have been set back, never forward, in between.
    fn reboot(&self, off_ns: i64, back_ns: i64) {
        let mut hands = self.0.lock().unwrap();
        hands.true_ns += off_ns;
        hands.boot += 1;
        hands.booted_ns = hands.true_ns;
        hands.true_ns += 1;
        hands.wall_ahead_ns -= back_ns;
    }
}

impl Clock for Manual {
    fn boot(&self) -> Boot {
        Boot { id: format!("boot-{}", self.hands().boot), follows_others: true }
    }

    fn now(&self) -> Moment {
        let hands = self.hands();
        Moment { uptime_ns: hands.true_ns - hands.booted_ns, wall_ns: hands.true_ns + hands.wall_ahead_ns }
    }
}

struct Place {
    dir: tempfile::TempDir,
    clock: Manual,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: Manual::new() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("ledger.db")
    }

    fn key(&self) -> PathBuf {
        Ledger::key_beside(&self.path())
    }

    fn open(&self) -> Store {
        let store = Store::open(&self.path(), &self.key(), Box::new(self.clock.clone())).unwrap();
        // The files of a test need not survive a power cut.
        store.conn.pragma_update(None, "synchronous", "OFF").unwrap();
        Store { durable: Some(false), ..store }
    }
}

fn limit(counter: &str, unit: Unit, window: u64, max: u64, scope: Scope) -> Arc<Limit> {
    let rule = format!("/{counter}/{window}/{max}");
    let window = Duration::from_secs(window);
    Arc::new(Limit { counter: counter.to_owned(), unit, window, max, scope, rule, on_deny: None, burst: None })
}

fn row() -> Row {
    Row { session: "s".into(), policy: "p".into(), ..Row::new("call".into(), "g".into(), "t".into(), Decision::Allow) }
}

fn asks(limits: &[Arc<Limit>], grant: &str, items: u64) -> Vec<Ask> {
    let ask = |limit: &Arc<Limit>| Ask {
        limit: Arc::clone(limit),
        grant: grant.into(),
        amount: limit.amount(Amounts { items, bytes: 0 }),
    };
    limits.iter().map(ask).collect()
}

fn admit(store: &mut Store, asks: &[Ask]) -> Result<(i64, Vec<Take>), (usize, Over)> {
    match store.admit(&mut row(), asks, None, None, false).unwrap() {
        Judged::Passed { seq, takes } => Ok((seq, takes)),
        Judged::Over { ask, over } => Err((ask, over)),
        Judged::NotApproved | Judged::Undone(_) => unreachable!("nothing was to be approved, or to be undone"),
    }
}

fn seconds(over: Result<(i64, Vec<Take>), (usize, Over)>) -> f64 {
    match over {
        Err((_, Over::Until(wait))) => wait.as_secs_f64(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn windows_are_half_open() {
    let place = Place::new();
    let mut store = place.open();
    let one = asks(&[limit("c", Unit::Calls, 60, 1, Scope::Server)], "a", 0);
    admit(&mut store, &one).unwrap();
    place.clock.pass(60 * SECOND - 1);
    assert_eq!(admit(&mut store, &one).unwrap_err(), (0, Over::Until(Duration::from_nanos(1))));
    place.clock.pass(1);
    admit(&mut store, &one).unwrap();
}

#[test]
fn the_first_limit_that_refuses_is_named_with_the_longest_wait() {
    let place = Place::new();
    let mut store = place.open();
    let both = asks(
        &[limit("short", Unit::Calls, 10, 1, Scope::Server), limit("long", Unit::Calls, 100, 1, Scope::Server)],
        "a",
        0,
    );
    admit(&mut store, &both).unwrap();
    assert_eq!(admit(&mut store, &both).unwrap_err(), (0, Over::Until(Duration::from_secs(100))));
    place.clock.pass(10 * SECOND);
    assert_eq!(admit(&mut store, &both).unwrap_err(), (1, Over::Until(Duration::from_secs(90))));
    let never = asks(&[limit("never", Unit::Calls, 10, 0, Scope::Server)], "a", 0);
    assert_eq!(admit(&mut store, &[both, never].concat()).unwrap_err(), (2, Over::NeverFits));
}

#[test]
fn a_grants_limit_counts_that_grant_and_the_servers_all_of_them() {
    let place = Place::new();
    let mut store = place.open();
    let own = limit("c", Unit::Calls, 60, 1, Scope::Grant);
    let all = limit("c", Unit::Calls, 60, 2, Scope::Server);
    admit(&mut store, &asks(&[Arc::clone(&own)], "a", 0)).unwrap();
    assert!(admit(&mut store, &asks(&[Arc::clone(&own)], "a", 0)).is_err());
    admit(&mut store, &asks(&[Arc::clone(&own)], "b", 0)).unwrap();
    // What was taken under the grants' limit counts for the server's, as when a policy is edited.
    assert!(admit(&mut store, &asks(&[all], "c", 0)).is_err());
}

#[test]
fn after_a_reboot_takes_are_aged_by_the_wall_clock_but_never_beyond_the_boot() {
    let place = Place::new();
    let one = asks(&[limit("c", Unit::Calls, 3600, 1, Scope::Server)], "a", 0);
    admit(&mut place.open(), &one).unwrap();
    // Off for half an hour: half an hour and the allowance for two boots are left.
    place.clock.reboot(1800 * SECOND, 0);
    let left = seconds(admit(&mut place.open(), &one));
    assert!((1800.0..=1802.1).contains(&left), "{left}");
    // A clock that lost ten years refuses for one window from this boot at most.
    place.clock.reboot(60 * SECOND, 315_360_000 * SECOND);
    let left = seconds(admit(&mut place.open(), &one));
    assert!((3599.0..=3600.0).contains(&left), "{left}");
    place.clock.pass(3600 * SECOND);
    admit(&mut place.open(), &one).unwrap();
}

#[test]
fn a_clock_set_forward_after_a_reboot_adds_nothing() {
    let place = Place::new();
    let one = asks(&[limit("c", Unit::Calls, 3600, 1, Scope::Server)], "a", 0);
    admit(&mut place.open(), &one).unwrap();
    place.clock.reboot(60 * SECOND, 0);
    let mut store = place.open();
    place.clock.set_wall(100_000 * SECOND);
    let left = seconds(admit(&mut store, &one));
    assert!(left > 3500.0, "{left}");
    let left = seconds(admit(&mut place.open(), &one));
    assert!(left > 3500.0, "{left}");
}

#[test]
fn where_boots_have_no_names_each_process_counts_the_others_by_the_wall_clock() {
    struct Unnamed(Manual, &'static str);
    impl Clock for Unnamed {
        fn boot(&self) -> Boot {
            Boot { id: self.1.into(), follows_others: false }
        }
        fn now(&self) -> Moment {
            self.0.now()
        }
    }
    let place = Place::new();
    let open = |name| Store::open(&place.path(), &place.key(), Box::new(Unnamed(place.clock.clone(), name))).unwrap();
    let (mut a, mut b) = (open("a"), open("b"));
    let two = asks(&[limit("c", Unit::Calls, 60, 2, Scope::Server)], "a", 0);
    admit(&mut a, &two).unwrap();
    admit(&mut b, &two).unwrap();
    let wait = seconds(admit(&mut a, &two));
    assert!((59.9..=62.1).contains(&wait), "{wait}");
    place.clock.pass(31 * 86_400 * SECOND);
    // Opening prunes what is old, the other's boot included; it comes back with its next take.
    let mut c = open("c");
    admit(&mut b, &two).unwrap();
    admit(&mut c, &two).unwrap();
    assert!(admit(&mut a, &two).is_err());
}

#[test]
fn a_ledger_that_is_gone_counts_as_used_up_for_one_window() {
    let place = Place::new();
    let two =
        asks(&[limit("c", Unit::Calls, 60, 5, Scope::Server), limit("d", Unit::Calls, 600, 5, Scope::Server)], "a", 0);
    admit(&mut place.open(), &two).unwrap();
    for end in ["", "-wal", "-shm"] {
        #[expect(clippy::disallowed_methods, reason = "the test plays the one who deletes the ledger")]
        let _ = std::fs::remove_file(place.dir.path().join(format!("ledger.db{end}")));
    }
    let mut store = place.open();
    assert_eq!(admit(&mut store, &two).unwrap_err(), (0, Over::Until(Duration::from_secs(600))));
    place.clock.pass(60 * SECOND);
    // Said once, remembered for as long as it matters.
    let mut store = place.open();
    assert_eq!(admit(&mut store, &two).unwrap_err(), (1, Over::Until(Duration::from_secs(540))));
    admit(&mut store, &two[..1]).unwrap();
    admit(&mut store, &[]).unwrap();
    place.clock.pass(540 * SECOND);
    admit(&mut store, &two).unwrap();
}

#[test]
fn an_emptied_ledger_is_a_lost_one() {
    let place = Place::new();
    let one = asks(&[limit("c", Unit::Calls, 60, 5, Scope::Server)], "a", 0);
    admit(&mut place.open(), &one).unwrap();
    std::fs::OpenOptions::new().write(true).truncate(true).open(place.path()).unwrap();
    assert!(admit(&mut place.open(), &one).is_err());
}

#[test]
fn what_is_no_ledger_is_left_as_it_is() {
    let open = |place: &Place| Store::open(&place.path(), &place.key(), Box::new(place.clock.clone())).err().unwrap();
    let place = Place::new();
    let text = b"no database, but someone's notes, longer than any header could be ".repeat(20);
    #[expect(clippy::disallowed_methods, reason = "the test plays another program")]
    std::fs::write(place.path(), &text).unwrap();
    let error = open(&place);
    assert!(matches!(error, LedgerError::Open { .. }), "{error:?}");
    let told = error.to_string();
    assert!(told.contains("ledger.db") && told.contains("PLEX_LEDGER"), "{told}");
    #[expect(clippy::disallowed_methods, reason = "the test looks at the raw bytes")]
    let left = std::fs::read(place.path()).unwrap();
    assert_eq!(left, text);

    let place = Place::new();
    let other = Connection::open(place.path()).unwrap();
    other.execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(open(&place), LedgerError::Foreign { .. }));
    let mode: String = other.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");

    let place = Place::new();
    place.open().conn.pragma_update(None, "user_version", schema::VERSION + 1).unwrap();
    assert!(matches!(open(&place), LedgerError::Newer { version: 4, .. }));
}

#[cfg(unix)]
#[test]
fn a_ledger_that_is_replaced_while_it_is_open_stops_counting() {
    let place = Place::new();
    let mut store = place.open();
    admit(&mut store, &[]).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the test plays the one who moves the ledger")]
    std::fs::rename(place.path(), place.dir.path().join("elsewhere.db")).unwrap();
    assert!(matches!(store.admit(&mut row(), &[], None, None, false), Err(LedgerError::Moved { .. })));
    place.open();
    assert!(matches!(store.insert(&row(), None), Err(LedgerError::Moved { .. })));
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_the_ledger() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made/for/it/ledger.db");
    let mut store = Store::open(&path, &Ledger::key_beside(&path), Box::new(Manual::new())).unwrap();
    admit(&mut store, &[]).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[test]
fn old_takes_are_pruned_and_what_counts_stays() {
    let place = Place::new();
    let month = 31 * 86_400;
    let one = asks(&[limit("c", Unit::Calls, month, 2, Scope::Server)], "a", 0);
    admit(&mut place.open(), &one).unwrap();
    place.clock.pass(SECOND);
    place.clock.reboot(SECOND, 0);
    admit(&mut place.open(), &one).unwrap();
    let count = |store: &Store, table: &str| -> i64 {
        store.conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let store = place.open();
    assert_eq!((count(&store, "takes"), count(&store, "boots")), (2, 2));
    place.clock.pass(i64::try_from(month).unwrap() * SECOND - 1);
    let store = place.open();
    assert_eq!((count(&store, "takes"), count(&store, "boots")), (1, 1));
    place.clock.pass(1);
    let store = place.open();
    assert_eq!((count(&store, "takes"), count(&store, "boots"), count(&store, "calls")), (0, 1, 2));
}

#[test]
fn processes_that_make_the_ledger_at_once_make_one() {
    for _ in 0..5 {
        let place = Place::new();
        let one = asks(&[limit("c", Unit::Calls, 60, 1, Scope::Server)], "a", 0);
        let admitted = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| admit(&mut place.open(), &one).is_ok())).collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum::<usize>()
        });
        assert_eq!(admitted, 1);
    }
}
