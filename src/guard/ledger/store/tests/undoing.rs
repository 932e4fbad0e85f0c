//! Taking changes back: found by an index, in ledgers of any version, and done once.

use super::*;
use crate::guard::{
    ledger::{approvals::Way, recall::LONGEST_UNDO},
    subject::Kind,
};
use rusqlite::params_from_iter;

fn change(call_id: &str) -> Row {
    Row { call_id: call_id.into(), kind: Some(Kind::Destructive), ..row() }
}

/// The number of the row of a call that takes `undone` back; the call in whose way it is, where it is not let pass.
fn undo(store: &mut Store, call_id: &str, undone: &str) -> Result<i64, Undoing> {
    match store.admit(&mut change(call_id), &[], None, Some(undone), false).unwrap() {
        Judged::Passed { seq, .. } => Ok(seq),
        Judged::Undone(undoing) => Err(undoing),
        Judged::Over { .. } | Judged::NotApproved => unreachable!("nothing else refuses"),
    }
}

fn end(store: &mut Store, seq: i64, outcome: Outcome) {
    store
        .settle(&Settling {
            seq,
            takes: vec![],
            outcome,
            affected: Affected::default(),
            used: None,
            nothing_sent: false,
            duration_ms: 1,
        })
        .unwrap();
}

#[test]
fn of_calls_that_take_one_change_back_one_passes_and_one_that_did_nothing_makes_room() {
    let place = Place::new();
    let mut stores = [place.open(), place.open()];
    let [a, b] = &mut stores;
    a.insert(&change("made"), None).unwrap();
    let by = |by: &str, is_done| Err::<i64, _>(Undoing { by: by.into(), is_done });
    let first = undo(a, "first", "made").unwrap();
    assert_eq!(undo(b, "second", "made"), by("first", false));
    assert_eq!(b.recall("made", "g").unwrap().unwrap().undoing, by("first", false).err());
    undo(b, "of another", "other").unwrap();
    for outcome in [Outcome::Failed, Outcome::Cancelled, Outcome::Unknown] {
        let before = a.rows(0, 100).unwrap().len();
        end(a, first, outcome);
        let seq = undo(b, "second", "made").unwrap();
        end(b, seq, Outcome::Failed);
        assert_eq!(a.rows(0, 100).unwrap().len(), before + 1);
    }
    let third = undo(b, "third", "made").unwrap();
    end(b, third, Outcome::Ok);
    place.clock.pass(1_000_000 * SECOND);
    assert_eq!(undo(a, "fourth", "made"), by("third", true));
    assert_eq!(a.recall("made", "g").unwrap().unwrap().undoing.unwrap().by, "third");
    let rows = a.rows(0, 100).unwrap();
    let refused = rows.last().unwrap();
    assert_eq!((refused.decision, refused.outcome), (Decision::Deny, None));
    assert_eq!(refused.note.as_deref(), Some("made: it was undone already, by third"));
    assert_eq!(rows.iter().find(|row| row.call_id == "third").unwrap().note.as_deref(), Some("undoes made"));
}

#[test]
fn a_call_that_was_killed_while_it_took_a_change_back_is_in_the_way_until_it_can_not_be_at_it_any_more() {
    let place = Place::new();
    let mut store = place.open();
    undo(&mut store, "killed", "made").unwrap();
    drop(store);
    let mut store = place.open();
    let longest = i64::try_from(LONGEST_UNDO.as_secs()).unwrap() + 60;
    place.clock.pass(longest * SECOND);
    assert!(undo(&mut store, "second", "made").is_err());
    place.clock.pass(SECOND);
    assert!(undo(&mut store, "second", "made").is_ok());
}

#[test]
fn a_call_that_is_not_let_pass_takes_nothing_and_ends_what_its_client_said() {
    let place = Place::new();
    let mut store = place.open();
    undo(&mut store, "first", "made").unwrap();
    let limits = [limit("c", Unit::Calls, 60, 1, Scope::Server)];
    for (way, kept) in [(Way::Rounds, 0), (Way::Owner, 1)] {
        let question = NewQuestion {
            way,
            grant: "g".into(),
            tool: "t",
            binding: "b".into(),
            text: "Undo".into(),
            instead_of: None,
        };
        let Found::Open(id) = store.ask(&question).unwrap() else { panic!("it waits") };
        store.decide(&id, true, "user 7").unwrap();
        let granted = Granted { id, way, binding: "b".into() };
        let judged =
            store.admit(&mut change("second"), &asks(&limits, "g", 0), Some(&granted), Some("made"), false).unwrap();
        assert!(matches!(judged, Judged::Undone(_)));
        assert_eq!(store.approvals().unwrap().len(), kept, "{way}");
    }
    assert_eq!(store.state(&asks(&limits, "g", 0)).unwrap().held, [0]);
}

#[test]
fn ledgers_of_the_version_before_get_their_indexes_and_know_what_was_undone() {
    let place = Place::new();
    let mut store = place.open();
    for (call_id, before, outcome) in [
        ("made", r#"{"version": 1}"#, Outcome::Ok),
        ("took it back", r#"{"version": 1, "undoes": "made"}"#, Outcome::Ok),
        ("tried to", r#"{"version": 1, "undoes": "took it back"}"#, Outcome::Failed),
        ("of another make", r#"{"undoes": 5}"#, Outcome::Ok),
    ] {
        let before = Some(serde_json::from_str(before).unwrap());
        store.insert(&Row { before, outcome: Some(outcome), ..change(call_id) }, None).unwrap();
    }
    store
        .conn
        .execute_batch("DROP INDEX changes; DROP INDEX approved; DROP TABLE undoings; PRAGMA user_version = 2")
        .unwrap();
    // What is no JSON is not what keeps a server from starting: `audit verify` names it.
    store.conn.execute("UPDATE calls SET before = '{' WHERE call_id = 'of another make'", []).unwrap();
    drop(store);
    assert_eq!(crate::guard::Audit::open(&place.path()).unwrap().row(2).unwrap().unwrap().call_id, "took it back");
    let store = place.open();
    let undoing = |call_id: &str| store.recall(call_id, "g").unwrap().unwrap().undoing.map(|undoing| undoing.by);
    assert_eq!(undoing("made").as_deref(), Some("took it back"));
    assert_eq!(undoing("took it back"), None, "that failed");
    assert!(store.recall("made", "another grant").unwrap().is_none());
    drop(store);
    // Once, and not at each start.
    place.open();
}

#[test]
fn what_was_undone_is_forgotten_with_its_row() {
    let place = Place::new();
    let mut store = place.open();
    let old = undo(&mut store, "old", "made").unwrap();
    end(&mut store, old, Outcome::Ok);
    place.clock.pass(40 * 86_400 * SECOND);
    let young = undo(&mut store, "young", "made later").unwrap();
    end(&mut store, young, Outcome::Ok);
    assert_eq!(store.prune_rows(Duration::from_secs(31 * 86_400)).unwrap(), 1);
    let mut left = store.conn.prepare("SELECT undone FROM undoings").unwrap();
    let left: Vec<String> = left.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(left, ["made later"]);
}

#[test]
fn a_change_is_found_without_looking_through_the_ledger() {
    let place = Place::new();
    let store = place.open();
    for (query, values) in [
        (
            "SELECT seq FROM calls WHERE call_id = ?1 AND kind IN ('write', 'destructive') AND grant = ?2",
            &["a", "g"][..],
        ),
        ("SELECT 1 FROM calls WHERE decision = 'approved' AND note >= ?1 AND note < ?2", &["a", "b"]),
        ("SELECT 1 FROM undoings JOIN calls ON calls.seq = undoings.seq WHERE undone = ?1", &["a"]),
    ] {
        let mut plan = store.conn.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
        let steps = plan.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{query}: {steps:?}");
    }
}
