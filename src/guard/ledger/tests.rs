use super::*;
use crate::guard::{
    Guard, NotAdmitted, Plan, Policy, Read, Request, Write,
    subject::{Service, Subject},
};
use std::{future::poll_fn, task::Poll};

const READ: Subject = Subject { tool: "search_media", kind: Kind::Read, service: Service::Plex };
const WRITE: Subject = Subject { tool: "export_library", kind: Kind::Write, service: Service::Plex };
const POLICY: &str = "version = \"1\"\ndefault = \"allow\"\n\
                      all_tools.limits = [{ counter = \"c\", window = \"hour\", max = 3 }]";

struct Place {
    guard: Guard,
    ledger: Ledger,
    dir: tempfile::TempDir,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
    let policy = Policy::parse(POLICY, &[READ, WRITE]).unwrap();
    Place { guard: Guard::new(policy, ledger.clone(), "default".to_owned()), ledger, dir }
}

fn request(subject: Subject, arguments: &Map<String, Value>) -> Request<'_> {
    Request { subject, arguments: Ok(arguments), joins: false, session: "s", client: None }
}

/// Runs a future until it waits for the ledger, then drops it, as a client does that cancels: before it is served, or
/// when the answer is there but not read yet.
async fn abandoned<T>(place: &Place, future: impl Future<Output = T>, answered: bool) {
    let other = rusqlite::Connection::open(place.dir.path().join("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Completes no row, but keeps the ledger's thread waiting for the lock.
    let settling = Settling {
        seq: 0,
        takes: vec![],
        outcome: Outcome::Ok,
        affected: Affected::default(),
        used: None,
        nothing_sent: false,
        duration_ms: 0,
    };
    place.ledger.send(Job::Settle { settling, reply: None }).unwrap();
    let mut future = Box::pin(future);
    let waits = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await;
    assert!(waits);
    if answered {
        other.execute_batch("ROLLBACK").unwrap();
        drop(place.ledger.rows(0, 1).await.unwrap());
        drop(future);
    } else {
        drop(future);
        other.execute_batch("ROLLBACK").unwrap();
    }
}

#[tokio::test]
async fn calls_that_are_cancelled_while_they_are_judged_end_as_rows_and_take_nothing() {
    let place = place();
    let Place { guard, ledger, .. } = &place;
    let none = Map::new();
    for round in 0..12_usize {
        let answered = round % 2 == 0;
        match round % 3 {
            0 => abandoned(&place, guard.admit::<Read>(request(READ, &none)), answered).await,
            1 => abandoned(&place, guard.admit::<Write>(request(WRITE, &none)), answered).await,
            _ => {
                let permit = guard.admit::<Write>(request(WRITE, &none)).await.unwrap();
                abandoned(&place, guard.clear(&permit, Plan::default()), answered).await;
            }
        }
        // Reading is a request like any other, so all that came before it is done; what ends with it comes right after.
        drop(ledger.rows(0, 1).await.unwrap());
        let rows = ledger.rows(0, 1000).await.unwrap();
        assert_eq!(rows.len(), round + 1);
        assert_eq!(rows[round].outcome, Some(Outcome::Cancelled), "{round}");
    }
    for _ in 0..3 {
        drop(guard.admit::<Read>(request(READ, &none)).await.unwrap());
    }
    assert!(guard.admit::<Read>(request(READ, &none)).await.is_err());
}

#[tokio::test]
async fn a_call_that_waited_too_long_is_not_let_through_later() {
    let Place { guard, ledger, dir } = place();
    let none = Map::new();
    let other = rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The first fails after 1.5 s; the second is still waiting when its own time is over.
    let (first, second) =
        tokio::join!(guard.admit::<Read>(request(READ, &none)), guard.admit::<Read>(request(READ, &none)));
    for refused in [first, second] {
        let Err(NotAdmitted::Refused(refusal)) = refused else { panic!("{refused:?}") };
        assert_eq!(refusal.code, crate::guard::Code::LedgerUnavailable);
    }
    other.execute_batch("ROLLBACK").unwrap();
    let taken = || other.query_row("SELECT count(*) FROM takes", [], |row| row.get::<_, i64>(0)).unwrap();
    // The first waits until the late call is served, the second until it is taken back.
    for _ in 0..2 {
        drop(ledger.rows(0, 1).await.unwrap());
    }
    assert_eq!(taken(), 0);
    for row in ledger.rows(0, 10).await.unwrap() {
        assert_ne!(row.outcome, Some(Outcome::Unknown), "{row:?}");
    }
}

#[tokio::test]
async fn rows_are_read_in_order_from_where_one_stopped() {
    let Place { guard, ledger, dir: _dir } = place();
    let none = Map::new();
    for _ in 0..4 {
        let _ = guard.admit::<Read>(request(READ, &none)).await;
    }
    let rows = ledger.rows(0, 2).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2]);
    let rows = ledger.rows(2, 100).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [3, 4]);
    let decisions: Vec<_> = rows.iter().map(|row| row.decision).collect();
    assert_eq!(decisions, [Decision::Allow, Decision::Limit]);
}

#[tokio::test]
async fn what_clients_send_is_kept_within_bounds() {
    let Place { guard, ledger, dir: _dir } = place();
    let many: Map<_, _> = (0..300).map(|i| (format!("{i}{}", "k".repeat(1000)), Value::Null)).collect();
    let long = "s".repeat(100_000);
    let request = Request { session: &long, client: Some(&long), ..request(WRITE, &many) };
    let permit = guard.admit::<Write>(request).await.unwrap();
    let affected =
        Affected { library: Some(long.clone()), titles: vec![long.clone(); 1000], items: Some(u64::MAX), bytes: None };
    let before = Some(Value::from("b".repeat(300_000)));
    guard.clear(&permit, Plan { affected, before, ..Plan::default() }).await.unwrap();
    let row = ledger.rows(0, 1).await.unwrap().pop().unwrap();
    assert_eq!((row.session.len(), row.client.unwrap().len()), (200, 200));
    assert_eq!((row.args.len(), row.args[0].len()), (100, 200));
    assert_eq!((row.affected.titles.len(), row.affected.titles[0].len()), (100, 200));
    assert_eq!((row.affected.library.unwrap().len(), row.affected.items), (200, Some(i64::MAX.unsigned_abs())));
    assert_eq!((row.before, row.note.as_deref()), (None, Some("the state before has 300002 bytes and was left out")));
}
