//! Approvals with the clock, and the file, in the test's hand.

use super::*;
use crate::guard::ledger::approvals::{MAX_FOR_OWNER, MAX_IN_CLIENTS, Said, Way};
use proptest::prelude::*;
use std::collections::HashMap;

fn question(way: Way, binding: &str) -> NewQuestion {
    NewQuestion {
        way,
        grant: "g".into(),
        tool: "t",
        binding: binding.into(),
        text: format!("Do {binding}\nmore"),
        instead_of: None,
    }
}

fn opened(store: &mut Store, way: Way, binding: &str) -> String {
    match store.ask(&question(way, binding)).unwrap() {
        Found::Open(id) => id,
        other => panic!("{other:?}"),
    }
}

fn granted(id: &str, way: Way, binding: &str) -> Granted {
    Granted { id: id.into(), way, binding: binding.into() }
}

fn passes(store: &mut Store, limits: &[Arc<Limit>], granted: &Granted) -> bool {
    let judged = store.admit(&mut row(), &asks(limits, "g", 0), Some(granted), None, false).unwrap();
    matches!(judged, Judged::Passed { .. })
}

#[test]
fn an_approval_holds_for_its_time_by_a_clock_that_no_one_sets() {
    for (way, seconds) in [(Way::Rounds, 120), (Way::Waiting, 180), (Way::Owner, 600)] {
        for (late, wall) in [(0, 0), (0, -86_400), (0, 86_400), (1, 0), (1, -86_400), (1, 86_400)] {
            let place = Place::new();
            let mut store = place.open();
            let id = opened(&mut store, way, "b");
            if way == Way::Owner {
                // It holds as long again from when it was given.
                place.clock.pass(599 * SECOND);
                assert_eq!(store.decide(&id, true, "user 7").unwrap().unwrap().said, Said::Approved);
            }
            place.clock.set_wall(wall * SECOND);
            place.clock.pass(seconds * SECOND - 1 + late);
            assert_eq!(store.approvals().unwrap().len(), usize::from(late == 0), "{way} {late} {wall}");
            let again = Granted { id, way, binding: "b".into() };
            assert_eq!(passes(&mut store, &[], &again), late == 0, "{way} {late} {wall}");
            assert!(!passes(&mut store, &[], &again), "once");
        }
    }
}

#[test]
fn what_waits_for_the_owner_can_be_approved_for_ten_minutes_and_not_after_a_reboot() {
    let place = Place::new();
    let mut store = place.open();
    let id = opened(&mut store, Way::Owner, "b");
    place.clock.pass(600 * SECOND);
    assert!(store.decide(&id, true, "user 7").unwrap().is_none());
    let id = opened(&mut store, Way::Owner, "b");
    store.decide(&id, true, "user 7").unwrap().unwrap();
    drop(store);
    // A clock that is set back meanwhile makes nothing younger.
    place.clock.reboot(10 * SECOND, 300 * SECOND);
    let mut store = place.open();
    assert!(store.approvals().unwrap().is_empty());
    assert!(!passes(&mut store, &[], &granted(&id, Way::Owner, "b")));
}

#[test]
fn an_approval_is_of_one_way_binding_grant_and_tool() {
    let place = Place::new();
    let mut store = place.open();
    let id = opened(&mut store, Way::Rounds, "b");
    for wrong in [granted(&id, Way::Rounds, "c"), granted(&id, Way::Waiting, "b"), granted("x", Way::Rounds, "b")] {
        assert!(!passes(&mut store, &[], &wrong), "{wrong:?}");
    }
    let right = granted(&id, Way::Rounds, "b");
    let admit = |store: &mut Store, grant: &str, tool: &str| {
        let mut row = Row { grant: grant.into(), tool: tool.into(), ..row() };
        matches!(store.admit(&mut row, &[], Some(&right), None, false).unwrap(), Judged::Passed { .. })
    };
    assert!(!admit(&mut store, "other", "t"));
    assert!(!admit(&mut store, "g", "other"));
    // What is only asked is not approved by the owner, and what the owner is to say no client says.
    let waits = opened(&mut store, Way::Owner, "b");
    assert!(!passes(&mut store, &[], &granted(&waits, Way::Owner, "b")));
    assert!(!passes(&mut store, &[], &granted(&waits, Way::Rounds, "b")));
    assert!(passes(&mut store, &[], &right));
    assert_eq!(store.rows(0, 100).unwrap().len(), 8, "each is recorded");
}

#[test]
fn a_limit_that_refuses_leaves_the_owners_word_and_ends_a_clients() {
    let place = Place::new();
    let mut store = place.open();
    let limits = [limit("c", Unit::Calls, 60, 1, Scope::Server)];
    admit(&mut store, &asks(&limits, "g", 0)).unwrap();
    for (way, kept) in [(Way::Owner, 1), (Way::Rounds, 0), (Way::Waiting, 0)] {
        let id = opened(&mut store, way, "b");
        store.decide(&id, true, "user 7").unwrap();
        assert!(!passes(&mut store, &limits, &granted(&id, way, "b")));
        assert_eq!(store.approvals().unwrap().len(), kept, "{way}");
        if way == Way::Owner {
            place.clock.pass(60 * SECOND);
            assert!(passes(&mut store, &limits, &granted(&id, way, "b")));
        }
    }
}

#[test]
fn so_many_wait_and_no_more_and_what_has_run_out_makes_room() {
    for (way, most, seconds) in [(Way::Rounds, MAX_IN_CLIENTS, 120), (Way::Owner, MAX_FOR_OWNER, 600)] {
        let place = Place::new();
        let mut store = place.open();
        for n in 0..most {
            opened(&mut store, way, &n.to_string());
        }
        assert_eq!(store.ask(&question(way, "more")).unwrap(), Found::TooMany);
        let other = NewQuestion { grant: "other".into(), ..question(way, "more") };
        assert!(matches!(store.ask(&other).unwrap(), Found::Open(_)), "each grant has its own");
        // In the place of another there is room.
        let waiting = store.approvals().unwrap();
        let first = waiting.into_iter().find(|waits| waits.grant != "other").unwrap().id;
        let instead = NewQuestion { instead_of: Some(first), ..question(way, "more") };
        assert!(matches!(store.ask(&instead).unwrap(), Found::Open(_)));
        place.clock.pass(seconds * SECOND);
        assert!(matches!(store.ask(&question(way, "again")).unwrap(), Found::Open(_)));
        let kept: i64 = store.conn.query_row("SELECT count(*) FROM approvals", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 1, "the others are gone from the file");
    }
}

#[test]
fn an_approval_that_someone_wrote_into_the_file_counts_for_nothing() {
    let place = Place::new();
    let mut store = place.open();
    for alteration in [
        "UPDATE approvals SET state = 'approved'",
        "UPDATE approvals SET state = 'approved', code = zeroblob(32)",
        "UPDATE approvals SET state = 'approved', code = randomblob(5)",
        "UPDATE approvals SET way = 'rounds'",
        "UPDATE approvals SET binding = 'other'",
        "UPDATE approvals SET uptime_ns = uptime_ns + 1",
    ] {
        let id = opened(&mut store, Way::Owner, "b");
        store.conn.execute(alteration, []).unwrap();
        for way in [Way::Owner, Way::Rounds] {
            for binding in ["b", "other"] {
                assert!(!passes(&mut store, &[], &granted(&id, way, binding)), "{alteration}");
            }
        }
        assert!(store.decide(&id, true, "user 7").unwrap().is_none(), "{alteration}");
    }
    // Nor does one that was used and is put back, with other names.
    let id = opened(&mut store, Way::Owner, "b");
    store.decide(&id, true, "user 7").unwrap();
    store.conn.execute("CREATE TEMP TABLE kept AS SELECT * FROM approvals", []).unwrap();
    assert!(passes(&mut store, &[], &granted(&id, Way::Owner, "b")));
    store.conn.execute("UPDATE kept SET id = 'abcde-fghjk'", []).unwrap();
    store.conn.execute("INSERT INTO approvals SELECT * FROM kept", []).unwrap();
    assert!(!passes(&mut store, &[], &granted("abcde-fghjk", Way::Owner, "b")));
}

#[test]
fn an_approval_that_was_used_and_is_put_back_as_it_was_lets_nothing_pass() {
    for way in [Way::Owner, Way::Rounds] {
        let place = Place::new();
        let mut store = place.open();
        let id = opened(&mut store, way, "b");
        store.decide(&id, true, "user 7").unwrap();
        store.conn.execute("CREATE TEMP TABLE kept AS SELECT * FROM approvals", []).unwrap();
        let granted = granted(&id, way, "b");
        assert!(passes(&mut store, &[], &granted));
        store.conn.execute("INSERT INTO approvals SELECT * FROM kept", []).unwrap();
        assert!(!passes(&mut store, &[], &granted), "{way}");
        assert!(!passes(&mut place.open(), &[], &granted), "{way}");
        assert!(store.approvals().unwrap().is_empty());
        assert_ne!(opened(&mut store, way, "b"), id, "it is asked anew");
    }
}

#[test]
fn the_owners_word_is_a_row_of_its_own_and_said_once() {
    let place = Place::new();
    let mut store = place.open();
    for (approve, decision) in [(true, Decision::Approved), (false, Decision::Declined)] {
        let id = opened(&mut store, Way::Owner, if approve { "a" } else { "b" });
        let before = store.rows(0, 100).unwrap().len();
        for _ in 0..2 {
            store.decide(&id, approve, "user 7").unwrap().unwrap();
            store.decide(&id, !approve, "user 8").unwrap().unwrap();
        }
        let rows = store.rows(0, 100).unwrap();
        assert_eq!(rows.len(), before + 1);
        let Row { tool, grant, note, outcome, .. } = rows.last().unwrap();
        assert_eq!((tool.as_str(), grant.as_str(), outcome), ("approve", "g", &None));
        assert_eq!(note.as_deref(), Some(&*format!("user 7 on approval {id} of t")));
        assert_eq!(rows.last().unwrap().decision, decision);
    }
    // What no one asked the owner about leaves none.
    let id = opened(&mut store, Way::Rounds, "c");
    store.decide(&id, true, "user 7").unwrap().unwrap();
    assert!(store.decide("abcde-fghjk", true, "user 7").unwrap().is_none());
    assert_eq!(store.rows(0, 100).unwrap().len(), 2);
    drop(store);
    let found = crate::guard::Audit::open(&place.path()).unwrap().verify(&place.key()).unwrap();
    assert!(found.is_whole() && found.entries == 2, "{found:?}");
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Way, u8),
    Decide(usize, bool),
    Use(usize, Option<(Way, u8)>),
    Close(usize),
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let way = prop_oneof![Just(Way::Waiting), Just(Way::Rounds), Just(Way::Owner)];
    prop_oneof![
        4 => (way.clone(), 0..3_u8).prop_map(|(way, binding)| Step::Ask(way, binding)),
        2 => (0..12_usize, any::<bool>()).prop_map(|(which, yes)| Step::Decide(which, yes)),
        4 => (0..12_usize).prop_map(|which| Step::Use(which, None)),
        1 => (0..12_usize, way, 0..3_u8).prop_map(|(which, way, binding)| Step::Use(which, Some((way, binding)))),
        1 => (0..12_usize).prop_map(Step::Close),
        1 => (0..400_i64).prop_map(Step::Pass),
    ]
}

/// What the test itself knows of a question.
#[derive(Clone, Debug)]
struct Known {
    way: Way,
    binding: u8,
    said: Said,
    at_ns: i64,
    gone: bool,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is asked, said, used and closed in whatever order, by two processes: a call passes only by a question of its
    /// own way and binding that was answered with yes, that has not run out, and that no call has passed by before.
    #[test]
    fn no_call_passes_without_an_approval_of_its_own(steps in proptest::collection::vec(step(), 1..60)) {
        let place = Place::new();
        let mut stores = [place.open(), place.open()];
        let mut ids: Vec<String> = Vec::new();
        let mut known: HashMap<String, Known> = HashMap::new();
        for (n, step) in steps.into_iter().enumerate() {
            let now_ns = place.clock.now().uptime_ns;
            let store = &mut stores[n % 2];
            let id = |which: usize| ids.get(which % ids.len().max(1)).cloned().unwrap_or_default();
            match step {
                Step::Pass(seconds) => place.clock.pass(seconds * SECOND),
                Step::Ask(way, binding) => {
                    if let Found::Open(id) = store.ask(&question(way, &binding.to_string())).unwrap()
                        && !ids.contains(&id)
                    {
                        ids.push(id.clone());
                        known.insert(id, Known { way, binding, said: Said::Nothing, at_ns: now_ns, gone: false });
                    }
                }
                Step::Decide(which, yes) => {
                    let id = id(which);
                    let before = known.get(&id).cloned();
                    if store.decide(&id, yes, "user 7").unwrap().is_some() {
                        let one = known.get_mut(&id).unwrap();
                        prop_assert!(!one.gone);
                        if one.way == Way::Owner && before.unwrap().said == Said::Nothing {
                            *one = Known { said: if yes { Said::Approved } else { Said::Declined }, at_ns: now_ns, ..one.clone() };
                        }
                    }
                }
                Step::Close(which) => {
                    let id = id(which);
                    store.insert(&row(), Some(&id)).unwrap();
                    if let Some(one) = known.get_mut(&id) {
                        one.gone = true;
                    }
                }
                Step::Use(which, as_if) => {
                    let id = id(which);
                    let own = known.get(&id).map_or((Way::Owner, 0), |one| (one.way, one.binding));
                    let (way, binding) = as_if.unwrap_or(own);
                    let passed = passes(store, &[], &granted(&id, way, &binding.to_string()));
                    let may = known.get(&id).is_some_and(|one| {
                        let said = if way == Way::Owner { Said::Approved } else { Said::Nothing };
                        let holds = match way { Way::Rounds => 120, Way::Waiting => 180, Way::Owner => 600 };
                        !one.gone && one.way == way && one.binding == binding && one.said == said
                            && now_ns - one.at_ns < holds * SECOND
                    });
                    prop_assert_eq!(passed, may, "{} {} {}", id, way, binding);
                    if passed {
                        known.get_mut(&id).unwrap().gone = true;
                    }
                }
            }
        }
    }
}
