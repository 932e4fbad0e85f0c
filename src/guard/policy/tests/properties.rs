//! Properties of the language: rules only ever add up, and both forms of a policy say the same.

use super::{conditions::load, *};
use crate::guard::{
    condition::Says,
    condition::{Finding, Operand, Test},
    plan::Facts,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A call of `export_library`.
#[derive(Clone, Debug)]
struct Call {
    arguments: Map<String, Value>,
    facts: Facts,
}

fn call() -> impl Strategy<Value = Call> {
    let text = proptest::option::of("[ab]{0,2}");
    (text.clone(), any::<bool>(), text, proptest::option::of(0_u64..4)).prop_map(|(path, overwrite, library, count)| {
        let mut arguments = Map::new();
        arguments.insert("libraryKey".into(), "1".into());
        arguments.insert("overwrite".into(), overwrite.into());
        if let Some(path) = path {
            arguments.insert("outputPath".into(), path.into());
        }
        let facts = Facts::default().with_known("item.library", library).with_known("item.count", count);
        Call { arguments, facts }
    })
}

/// Whether the policy lets a call pass that comes when so many were admitted already.
fn permits(policy: &Policy, grant: &str, call: &Call, before: u64) -> bool {
    let verdict = policy.verdict(grant, "export_library").unwrap();
    !verdict.hidden
        && verdict.action == Action::Allow
        && verdict.limits.iter().all(|limit| before < limit.max)
        && verdict.conditions.iter().all(|condition| {
            condition.of_arguments(&call.arguments) == Says::Pass && condition.of_facts(&call.facts) == Says::Pass
        })
}

fn condition() -> impl Strategy<Value = Value> {
    let text = "[ab]{1,2}";
    let op = |ops: &'static [&'static str]| proptest::sample::select(ops);
    prop_oneof![
        (op(&["eq", "neq", "contains", "regex", "matches"]), text)
            .prop_map(|(op, value)| json!({"path": "args.outputPath", "op": op, "value": value})),
        (op(&["in", "not_in"]), proptest::collection::vec(text, 0..3))
            .prop_map(|(op, value)| json!({"path": "item.library", "op": op, "value": value})),
        (op(&["eq", "neq", "lt", "lte", "gt", "gte"]), 0_i64..4)
            .prop_map(|(op, value)| json!({"path": "item.count", "op": op, "value": value})),
        (op(&["args.outputPath", "item.library"]), any::<bool>())
            .prop_map(|(path, value)| json!({"path": path, "op": "exists", "value": value})),
        any::<bool>().prop_map(|value| json!({"path": "args.overwrite", "op": "eq", "value": value})),
    ]
}

fn block() -> impl Strategy<Value = Map<String, Value>> {
    let action = proptest::option::of(proptest::sample::select(&["allow", "ask", "deny"][..]));
    let conditions = || proptest::collection::vec(condition(), 0..3);
    let limits = proptest::collection::vec((0_u64..4, "[cd]"), 0..3);
    (action, conditions(), conditions(), limits, any::<bool>()).prop_map(|(action, deny_if, require, limits, told)| {
        let mut block = Map::new();
        if let Some(action) = action {
            block.insert("action".into(), action.into());
        }
        block.insert("deny_if".into(), deny_if.into());
        let limit = |(max, counter)| json!({"counter": counter, "window": "minute", "max": max});
        block.insert("limits".into(), limits.into_iter().map(limit).collect());
        if told {
            block.insert("on_deny".into(), "told".into());
        }
        block.insert("require".into(), require.into());
        block
    })
}

fn policy() -> impl Strategy<Value = Value> {
    let default = proptest::sample::select(&["allow", "deny"][..]);
    (default, block(), block(), block(), block(), block(), block()).prop_map(
        |(default, mut all, kind, service, tool, grant, own)| {
            all.remove("action");
            let mut grant = grant;
            grant.insert("tools".into(), json!({"export_library": own}));
            json!({
                "version": "1", "default": default, "all_tools": all, "kinds": {"write": kind},
                "services": {"plex": service}, "tools": {"export_library": tool}, "grants": {"kid": grant},
            })
        },
    )
}

fn parse_json(policy: &Value) -> Policy {
    let toml = toml::to_string_pretty(policy).unwrap();
    load(toml.replacen("version = \"1\"", "", 1).as_str()).unwrap_or_else(|faults| panic!("{toml}\n{faults:?}"))
}

const BLOCKS: [&str; 6] = [
    "/all_tools",
    "/kinds/write",
    "/services/plex",
    "/tools/export_library",
    "/grants/kid",
    "/grants/kid/tools/export_library",
];

fn list<'p>(policy: &'p mut Value, block: &str, key: &str) -> &'p mut Vec<Value> {
    policy.pointer_mut(&format!("{block}/{key}")).unwrap().as_array_mut().unwrap()
}

proptest! {
    #[test]
    fn a_rule_more_or_a_lower_limit_never_lets_in_what_was_refused(
        mut written in policy(),
        added in condition(),
        block in proptest::sample::select(&BLOCKS[..]),
        change in 0..4,
        place in any::<prop::sample::Index>(),
        calls in proptest::collection::vec((call(), 0_u64..4), 1..8),
    ) {
        let before = parse_json(&written);
        match change {
            0 => { let list = list(&mut written, block, "deny_if"); let at = place.index(list.len() + 1); list.insert(at, added); }
            1 => { let list = list(&mut written, block, "require"); let at = place.index(list.len() + 1); list.insert(at, added); }
            2 => list(&mut written, block, "limits").push(json!({"counter": "n", "window": 60, "max": 2})),
            _ => for limit in list(&mut written, block, "limits") {
                let max = limit["max"].as_u64().unwrap();
                limit["max"] = max.saturating_sub(1).into();
            },
        }
        let after = parse_json(&written);
        for (call, taken) in &calls {
            for grant in ["kid", "default"] {
                prop_assert!(
                    permits(&before, grant, call, *taken) || !permits(&after, grant, call, *taken),
                    "{call:?} of {grant} was refused and passes under {written}"
                );
            }
        }
    }

    #[test]
    fn a_policy_says_the_same_in_json_as_in_toml(written in policy(), pretty in any::<bool>()) {
        let json = if pretty { serde_json::to_string_pretty(&written) } else { serde_json::to_string(&written) };
        let catalogue = crate::guard::Catalogue::new(&SUBJECTS, super::conditions::arguments);
        let json = Policy::parse(&json.unwrap(), catalogue).unwrap();
        prop_assert!(json.agrees_with(&parse_json(&written)));
    }

    #[test]
    fn whole_numbers_compare_as_they_do_on_paper(a in any::<i64>(), b in prop_oneof![any::<i64>(), (-2_i64..3)], near in -1_i64..2) {
        let value = Value::from(a);
        for b in [b, a.saturating_add(near)] {
            let own = || Operand::Whole(b.into());
            for (test, holds) in [
                (Test::Eq(own()), a == b),
                (Test::Neq(own()), a != b),
                (Test::Lt(own()), a < b),
                (Test::Lte(own()), a <= b),
                (Test::Gt(own()), a > b),
                (Test::Gte(own()), a >= b),
                (Test::In(vec![Operand::Whole(7), own()]), a == b || a == 7),
                (Test::NotIn(vec![Operand::Whole(7), own()]), a != b && a != 7),
            ] {
                prop_assert_eq!(test.find(Some(&value)), Finding::from(holds), "{:?} of {}", test, a);
            }
        }
    }

    #[test]
    fn texts_compare_by_their_characters(a in "[abé]{0,4}", b in "[abé]{0,3}") {
        let value = Value::from(a.as_str());
        let own = || Operand::text(&b);
        for (test, holds) in [
            (Test::Eq(own()), a == b),
            (Test::Neq(own()), a != b),
            (Test::In(vec![own()]), a == b),
            (Test::NotIn(vec![own()]), a != b),
            (Test::Contains(own()), a.matches(b.as_str()).count() > 0),
        ] {
            prop_assert_eq!(test.find(Some(&value)), Finding::from(holds), "{:?} of {}", test, a);
        }
        let members: Value = a.chars().map(String::from).collect();
        prop_assert_eq!(Test::Contains(own()).find(Some(&members)), Finding::from(b.chars().count() == 1 && a.contains(&b)));
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in "[\\{\\[\\]\\}\",:=.\\\\ \n#'a1e-]{0,60}") {
        let _ = Policy::parse(&text, &SUBJECTS);
        let _ = Policy::parse(&format!("{{{text}"), &SUBJECTS);
    }
}
