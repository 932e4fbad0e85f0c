//! A ledger written by the store, changed by another hand, and looked at.

#![expect(clippy::disallowed_methods, reason = "the other hand")]

use super::*;
use crate::guard::{
    Affected, Decision, Ledger, Outcome, Row, Settlement, SystemClock,
    ledger::{Audit, LedgerError, chain::Chain, key::beside, store::Store},
};
use std::{fs, path::PathBuf, time::Duration};

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// Rows 1 to 4 are completed in the order 1, 3, 2, 4, and 5 is a refusal.
    async fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        let ledger = place.ledger();
        let one = admit(&ledger, "one").await;
        end(one).await;
        let (two, three) = (admit(&ledger, "two").await, admit(&ledger, "three").await);
        end(three).await;
        end(two).await;
        end(admit(&ledger, "four").await).await;
        ledger.draft(row("five")).refuse(Decision::Deny, Some("/hide")).await.unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("l.db")
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(&self.path()).unwrap()
    }

    fn verify(&self) -> Verification {
        Audit::open(&self.path()).unwrap().verify(&Ledger::key_beside(&self.path())).unwrap()
    }

    /// What is found of a copy that `sql` was run on.
    fn after(&self, sql: &str) -> Verification {
        let copy = Self { dir: tempfile::tempdir().unwrap() };
        for file in fs::read_dir(self.dir.path()).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), copy.dir.path().join(file.file_name())).unwrap();
        }
        let conn = Connection::open(copy.path()).unwrap();
        let before = conn.total_changes();
        conn.execute_batch(sql).unwrap();
        assert!(conn.total_changes() > before, "{sql} changes something");
        drop(conn);
        let found = copy.verify();
        assert!(!found.is_whole(), "{sql}");
        found
    }
}

fn row(tool: &str) -> Row {
    Row {
        session: "s".into(),
        policy: "p".into(),
        ..Row::new(format!("call-{tool}"), "g".into(), tool.into(), Decision::Allow)
    }
}

async fn admit(ledger: &Ledger, tool: &str) -> super::super::Entry {
    let affected = Affected { library: Some("Films".into()), items: Some(9), ..Affected::default() };
    match ledger.draft(row(tool)).admit(vec![], affected, None, None).await.unwrap() {
        super::super::Admission::Passed(entry) => entry,
        refused => panic!("{refused:?}"),
    }
}

async fn end(entry: super::super::Entry) {
    let affected = Affected { items: Some(7), ..Affected::default() };
    entry.settle(Settlement { outcome: Outcome::Ok, affected, used: None, nothing_sent: false }).await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_whole_and_goes_on_being_whole() {
    let place = Place::new().await;
    let whole = Verification { rows: 5, entries: 9, ..Verification::default() };
    assert_eq!(place.verify(), whole);
    let (a, b) = (place.ledger(), place.ledger());
    let (six, seven) = (admit(&a, "six").await, admit(&b, "seven").await);
    assert_eq!(place.verify(), Verification { rows: 7, entries: 11, unended: vec![6, 7], ..Verification::default() });
    assert!(place.verify().is_whole());
    end(seven).await;
    end(six).await;
    drop((a, b));
    assert_eq!(place.verify(), Verification { rows: 7, entries: 13, ..whole });
}

#[tokio::test]
async fn every_column_of_a_row_is_covered() {
    let place = Place::new().await;
    for column in row::COLUMNS.split(", ") {
        let value = match column {
            "time_ms" | "items" | "bytes" | "duration_ms" | "repeats" => "77",
            _ => "'other'",
        };
        let found = place.after(&format!("UPDATE calls SET {column} = {value} WHERE seq = 2"));
        assert_eq!(
            found,
            Verification { rows: 5, entries: 9, altered: vec![2], ..Verification::default() },
            "{column}"
        );
    }
    assert_eq!(place.after("UPDATE calls SET rule = NULL WHERE seq = 5").altered, [5]);
    for column in ["event = 'whole'", "planned = '[]'", "code = randomblob(32)"] {
        let found = place.after(&format!("UPDATE chain SET {column} WHERE seq = 2 AND event = 'begin'"));
        assert!(found.altered.contains(&2), "{column}: {found:?}");
    }
    // The entry is the fourth row's now, and the second has none.
    let found = place.after("UPDATE chain SET seq = 4 WHERE seq = 2 AND event = 'begin'");
    assert!(found.inserted == [2] && found.reordered.contains(&4), "{found:?}");
}

#[tokio::test]
async fn rows_that_are_gone_are_named() {
    let place = Place::new().await;
    assert_eq!(place.after("DELETE FROM calls WHERE seq = 2").removed, [2]);
    assert_eq!(place.after("DELETE FROM calls WHERE seq = 2; DELETE FROM chain WHERE seq = 2").removed, [2]);
    assert_eq!(place.after("DELETE FROM calls WHERE seq < 3; DELETE FROM chain WHERE seq < 3").removed, [1, 2]);
    for sql in ["DELETE FROM calls WHERE seq > 3", "DELETE FROM calls WHERE seq > 3; DELETE FROM chain WHERE seq > 3"] {
        let found = place.after(sql);
        assert_eq!((&found.cut[..], found.tail_cut, &found.removed[..]), (&[4, 5][..], true, &[][..]), "{sql}");
    }
    // Only the end of the fourth is gone from the chain, with the fifth.
    let found = place.after("DELETE FROM calls WHERE seq > 4; DELETE FROM chain WHERE n > 7");
    assert!(found.tail_cut && found.cut.contains(&5), "{found:?}");
    let found = place.after("DELETE FROM calls; DELETE FROM chain");
    assert_eq!((&found.cut[..], found.tail_cut), (&[1, 2, 3, 4, 5][..], true));
}

#[tokio::test]
async fn rows_by_another_hand_are_named() {
    let place = Place::new().await;
    let columns = row::COLUMNS;
    let copy = format!("INSERT INTO calls ({columns}) SELECT {columns} FROM calls WHERE seq = 2");
    assert_eq!(place.after(&copy).inserted, [6]);
    let entry = "INSERT INTO chain SELECT n + 100, event, 6, planned, code FROM chain WHERE seq = 2";
    assert!(!place.after(&format!("{copy};{entry}")).is_whole());
    let entry = "INSERT INTO chain SELECT 10, 'whole', 6, planned, code FROM chain WHERE seq = 5";
    assert_eq!(place.after(&format!("{copy};{entry}")).inserted, [6]);
    assert_eq!(
        place
            .after(&format!("INSERT INTO calls (seq, {columns}) SELECT 0, {columns} FROM calls WHERE seq = 2"))
            .inserted,
        [0]
    );
}

#[tokio::test]
async fn rows_that_changed_places_are_named() {
    let place = Place::new().await;
    let swap = "UPDATE calls SET seq = 99 WHERE seq = 2; UPDATE calls SET seq = 2 WHERE seq = 4; \
                UPDATE calls SET seq = 4 WHERE seq = 99";
    let found = place.after(swap);
    assert_eq!((&found.reordered[..], &found.altered[..]), (&[2, 4][..], &[][..]), "{found:?}");
    let found = place.after(
        "UPDATE chain SET n = 99 WHERE n = 3; UPDATE chain SET n = 3 WHERE n = 4; UPDATE chain SET n = 4 WHERE n = 99",
    );
    assert!(found.reordered.contains(&2), "{found:?}");
}

#[tokio::test]
async fn a_server_that_goes_on_after_a_cut_says_so_for_good() {
    for sql in ["DELETE FROM calls WHERE seq > 3; DELETE FROM chain WHERE seq > 3", ""] {
        let place = Place::new().await;
        if sql.is_empty() {
            fs::remove_file(beside(&place.path(), ".head")).unwrap();
            let found = place.verify();
            assert_eq!(found, Verification { rows: 5, entries: 9, head_missing: true, ..Verification::default() });
        } else {
            Connection::open(place.path()).unwrap().execute_batch(sql).unwrap();
        }
        for _ in 0..3 {
            end(admit(&place.ledger(), "later").await).await;
        }
        let found = place.verify();
        assert!(!found.is_whole() && found.gaps.len() == 1, "{found:?}");
        assert_eq!(
            found,
            Verification {
                rows: found.rows,
                entries: found.entries,
                gaps: found.gaps.clone(),
                ..Verification::default()
            }
        );
    }
}

#[tokio::test]
async fn a_running_server_notices_a_cut_by_itself() {
    let place = Place::new().await;
    let ledger = place.ledger();
    end(admit(&ledger, "six").await).await;
    Connection::open(place.path())
        .unwrap()
        .execute_batch("DELETE FROM calls WHERE seq > 4; DELETE FROM chain WHERE seq > 4")
        .unwrap();
    end(admit(&ledger, "seven").await).await;
    drop(ledger);
    assert_eq!(place.verify().gaps.len(), 1);
}

#[tokio::test]
async fn a_head_that_lags_behind_is_a_crash_and_no_cut() {
    let place = Place::new().await;
    let head = fs::read(beside(&place.path(), ".head")).unwrap();
    end(admit(&place.ledger(), "six").await).await;
    fs::write(beside(&place.path(), ".head"), head).unwrap();
    assert!(place.verify().is_whole());
    end(admit(&place.ledger(), "seven").await).await;
    assert!(place.verify().is_whole());
    fs::write(beside(&place.path(), ".head"), "plex-mcp-head-1 2 2 00 00\n").unwrap();
    assert!(place.verify().head_replaced);
}

/// The one that wrote last is not always the one that brings the head up to date last.
#[tokio::test]
async fn the_head_never_goes_back_behind_another_process() {
    let place = Place::new().await;
    let open = || Store::open(&place.path(), &Ledger::key_beside(&place.path()), Box::new(SystemClock::new())).unwrap();
    let (mut slow, mut quick) = (open(), open());
    slow.insert(&row("six"), None).unwrap();
    quick.insert(&row("seven"), None).unwrap();
    quick.keep_head();
    slow.keep_head();
    assert!(!slow.head_lags() && place.verify().is_whole());
    let found = place.after("DELETE FROM calls WHERE seq = 7; DELETE FROM chain WHERE seq = 7");
    assert_eq!(found.cut, [7]);
    // Where the chain was cut, what goes on from there is what the head says.
    quick.insert(&row("eight"), None).unwrap();
    quick.keep_head();
    Connection::open(place.path())
        .unwrap()
        .execute_batch("DELETE FROM calls WHERE seq > 6; DELETE FROM chain WHERE seq > 6")
        .unwrap();
    for name in ["nine", "ten", "eleven"] {
        slow.insert(&row(name), None).unwrap();
        slow.keep_head();
    }
    drop((slow, quick));
    let found = place.verify();
    assert!(found.gaps.len() == 1 && !found.tail_cut && found.gaps[0].1.contains("(row 8)"), "{found:?}");
}

/// Whoever cuts off what another process wrote, down to where this one left the chain, and the head with it.
#[tokio::test]
async fn a_head_that_went_away_while_a_server_runs_is_told_of_too() {
    for foreign in [false, true] {
        let place = Place::new().await;
        let key = Ledger::key_beside(&place.path());
        let mut store = Store::open(&place.path(), &key, Box::new(SystemClock::new())).unwrap();
        store.insert(&row("six"), None).unwrap();
        store.keep_head();
        let head = beside(&place.path(), ".head");
        if foreign {
            fs::write(&head, "no head").unwrap();
        } else {
            fs::remove_file(&head).unwrap();
        }
        for name in ["seven", "eight", "nine"] {
            store.insert(&row(name), None).unwrap();
            store.keep_head();
        }
        drop(store);
        let found = place.verify();
        assert_eq!((found.rows, found.gaps.len(), found.head_missing, found.head_replaced), (9, 1, false, false));
        assert!(found.gaps[0].1.contains("the head was "), "{found:?}");
    }
}

#[tokio::test]
async fn without_the_key_nothing_is_vouched_for_and_no_server_starts() {
    let place = Place::new().await;
    fs::remove_file(Ledger::key_beside(&place.path())).unwrap();
    assert_eq!(place.verify(), Verification { rows: 5, key_missing: true, ..Verification::default() });
    assert!(matches!(Ledger::open(&place.path()), Err(LedgerError::KeyMissing { .. })));
    fs::write(Ledger::key_beside(&place.path()), [7; 32]).unwrap();
    let found = place.verify();
    assert!(found.head_replaced && found.checkpoint_altered && found.altered == [1, 2, 3, 4, 5], "{found:?}");
}

#[tokio::test]
async fn rows_of_the_version_before_are_kept_and_counted_as_unchained() {
    let place = Place::new().await;
    let conn = Connection::open(place.path()).unwrap();
    conn.execute_batch(
        "DROP TABLE chain; DROP TABLE checkpoint; ALTER TABLE calls DROP COLUMN arg_values; \
         DROP INDEX changes; DROP INDEX approved; DROP TABLE undoings; PRAGMA user_version = 1",
    )
    .unwrap();
    drop(conn);
    fs::remove_file(Ledger::key_beside(&place.path())).unwrap();
    fs::remove_file(beside(&place.path(), ".head")).unwrap();
    let older = Verification { rows: 5, unchained: 5, ..Verification::default() };
    assert_eq!(place.verify(), older);
    assert_eq!(Audit::open(&place.path()).unwrap().rows(&super::super::Filter::default(), 0, 10).unwrap().len(), 5);
    let ledger = place.ledger();
    end(admit(&ledger, "six").await).await;
    assert_eq!(ledger.rows(0, 10).await.unwrap().len(), 6);
    drop(ledger);
    assert_eq!(place.verify(), Verification { rows: 6, entries: 2, ..older });
    assert_eq!(place.after("UPDATE calls SET tool = 'x' WHERE seq = 6").altered, [6]);
    assert!(place.after("DELETE FROM calls WHERE seq = 2").checkpoint_altered);
}

#[tokio::test]
async fn an_approval_that_let_two_calls_pass_is_found_though_each_row_is_as_it_was_written() {
    let place = Place::new().await;
    let ledger = place.ledger();
    let ask = |way| super::super::NewQuestion {
        way,
        grant: "g".into(),
        tool: "t",
        binding: "b".into(),
        text: "Do it".into(),
        instead_of: None,
    };
    let way = super::super::Way::Owner;
    let super::super::Found::Open(id) = ledger.ask(ask(way)).await.unwrap() else { panic!("it waits") };
    ledger.decide(&id, true, "user 7").await.unwrap();
    let granted = super::super::Granted { id, way, binding: "b".into() };
    let pass = || async {
        let draft = ledger.draft(row("t"));
        match draft.admit(vec![], Affected::default(), None, Some(granted.clone())).await.unwrap() {
            super::super::Admission::Passed(entry) => end(entry).await,
            refused => panic!("{refused:?}"),
        }
    };
    let other = Connection::open(place.path()).unwrap();
    other.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM approvals").unwrap();
    pass().await;
    assert!(place.verify().is_whole());
    // The row that tells of its use is away while the record is put back and used again.
    let hidden = "UPDATE calls SET note = NULL WHERE seq = 7; INSERT INTO approvals SELECT * FROM kept";
    other.execute_batch(&format!("CREATE TEMP TABLE was AS SELECT note FROM calls WHERE seq = 7; {hidden}")).unwrap();
    pass().await;
    other.execute_batch("UPDATE calls SET note = (SELECT note FROM was) WHERE seq = 7").unwrap();
    let found = place.verify();
    assert_eq!(found, Verification { approved_twice: vec![8], rows: 8, entries: 14, ..Verification::default() });
    assert!(!found.is_whole());
}

#[tokio::test]
async fn a_chain_that_is_taken_away_whole_is_missed() {
    let place = Place::new().await;
    let found = place.after("DELETE FROM calls WHERE seq = 2; DROP TABLE chain; PRAGMA user_version = 1");
    assert!(found.tail_cut && found.unchained == 4, "{found:?}");
    for sql in
        ["DELETE FROM checkpoint", "UPDATE checkpoint SET unchained = 1, first_seq = 2", "UPDATE checkpoint SET n = 1"]
    {
        let found = place.after(sql);
        assert!(found.checkpoint_altered && found.removed.is_empty(), "{sql}: {found:?}");
    }
    // Numbers that no server gives are no trouble.
    for sql in [
        "UPDATE chain SET n = 9223372036854775807 WHERE n = 9",
        "UPDATE chain SET seq = 9223372036854775807, n = 1000 WHERE n = 9",
        "UPDATE chain SET seq = -9223372036854775808 WHERE n = 3",
        "UPDATE calls SET seq = -7 WHERE seq = 3",
        "UPDATE calls SET seq = 9223372036854775807 WHERE seq = 5",
        "INSERT INTO chain VALUES (10, 'gap', 0, 'forged', zeroblob(32)), (11, 'what', 0, NULL, zeroblob(1))",
    ] {
        assert!(!place.after(sql).is_whole());
    }
}

#[tokio::test]
async fn what_is_left_after_pruning_is_whole_and_the_rest_is_gone() {
    let place = Place::new().await;
    let day = Duration::from_secs(86_400);
    let mut store =
        Store::open(&place.path(), &Ledger::key_beside(&place.path()), Box::new(SystemClock::new())).unwrap();
    assert!(matches!(place.ledger().prune(30 * day).await, Err(LedgerError::TooYoung)));
    assert_eq!(place.ledger().prune(31 * day).await.unwrap(), 0);
    let key = Key::load(&Ledger::key_beside(&place.path())).unwrap();
    let mut conn = Connection::open(place.path()).unwrap();
    let mut step = |before_ms| {
        let tx = conn.transaction().unwrap();
        let deleted = super::super::prune::step(&tx, &key, before_ms).unwrap();
        tx.commit().unwrap();
        deleted
    };
    // Row 3 is written while 2 is not completed yet, so 2 stays with it.
    Connection::open(place.path()).unwrap().execute_batch("UPDATE calls SET time_ms = 1 WHERE seq <= 2").unwrap();
    assert_eq!((step(1), step(2), step(2)), (0, 1, 0));
    let left = place.verify();
    assert_eq!((left.rows, &left.altered[..], &left.removed[..]), (4, &[2][..], &[][..]), "{left:?}");
    store.insert(&row("six"), None).unwrap();
    store.keep_head();
    assert_eq!(step(i64::MAX), 5);
    assert_eq!(place.verify(), Verification::default());
    store.insert(&row("seven"), None).unwrap();
    store.keep_head();
    drop(store);
    let whole = Verification { rows: 1, entries: 1, ..Verification::default() };
    assert_eq!(place.verify(), whole);
    assert!(place.after("UPDATE checkpoint SET first_seq = 1").checkpoint_altered);
    assert!(place.after("DELETE FROM calls; DELETE FROM chain").tail_cut);
}

/// `cargo test --release --lib a_million_rows -- --ignored --nocapture`
#[test]
#[ignore = "writes a million rows first; what it measures is for a release build"]
fn a_million_rows_are_verified_within_ten_seconds() {
    let place = Place { dir: tempfile::tempdir().unwrap() };
    drop(place.ledger());
    let mut conn = Connection::open(place.path()).unwrap();
    let mut chain = Chain::new(
        Key::load(&Ledger::key_beside(&place.path())).unwrap(),
        HeadFile::new(beside(&place.path(), ".head")),
    );
    let tx = conn.transaction().unwrap();
    let call = Row {
        call_id: "c".repeat(36),
        session: "s".repeat(36),
        client: Some("a client of some name".into()),
        args: ["libraryKey", "limit", "offset", "sort"].map(str::to_owned).to_vec(),
        digest: Some("d".repeat(32)),
        policy: "p".repeat(16),
        outcome: Some(Outcome::Unknown),
        ..row("get_library_items")
    };
    for time_ms in 0..1_000_000 {
        let begun = row::insert(&tx, &call, time_ms).unwrap();
        let link = chain.append(&tx, Event::Begin, begun.seq, begun.planned().as_deref(), begun.fixed()).unwrap();
        chain.committed(link);
        let ended = row::settle(&tx, begun.seq, Outcome::Ok, &Affected::default(), 5).unwrap().unwrap();
        let link = chain.append(&tx, Event::End, begun.seq, None, ended.iter().map(ValueRef::from)).unwrap();
        chain.committed(link);
    }
    tx.commit().unwrap();
    chain.keep_head(&conn);
    let started = std::time::Instant::now();
    let found = place.verify();
    let took = started.elapsed();
    println!("a million rows, two entries each: {took:?}");
    assert_eq!(found, Verification { rows: 1_000_000, entries: 2_000_000, ..Verification::default() });
    assert!(took < Duration::from_secs(10), "{took:?}");
}
