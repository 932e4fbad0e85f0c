//! What is explained is what then happens, whatever the policy.

use super::*;
use crate::guard::{
    Argument, Catalogue, Effect, Kind, Ledger, Outcome, Permit, Plan, Policy, Read, Request, Service, Settlement,
    ValueType, Write,
};
use proptest::prelude::*;
use serde_json::json;

const SEARCH: Subject = Subject { tool: "search_media", kind: Kind::Read, service: Service::Plex };
const EXPORT: Subject = Subject { tool: "export_library", kind: Kind::Write, service: Service::Plex };

fn catalogue() -> Catalogue<'static> {
    Catalogue::new(&[SEARCH, EXPORT], |_| {
        vec![Argument {
            name: "query".to_owned(),
            takes: ValueType::Text,
            choices: Vec::new(),
            least: None,
            most: None,
            always: true,
        }]
    })
}

fn block() -> impl Strategy<Value = Value> {
    let action = prop_oneof![Just("allow"), Just("ask"), Just("deny")];
    let limit = (0_u64..4, prop_oneof![Just("calls"), Just("items")])
        .prop_map(|(max, of)| json!({"counter": of, "window": "hour", "max": max, "of": of}));
    let conditions =
        prop::collection::vec("[ab]".prop_map(|v| json!({"path": "args.query", "op": "eq", "value": v})), 0..2);
    (prop::option::of(action), prop::collection::vec(limit, 0..2), conditions, any::<bool>()).prop_map(
        |(action, limits, conditions, denies)| {
            let mut block = json!({"limits": limits, "reason": "so it is"});
            block[if denies { "deny_if" } else { "require" }] = conditions.into();
            if let Some(action) = action {
                block["action"] = action.into();
            }
            block
        },
    )
}

fn policy() -> impl Strategy<Value = Value> {
    let default = prop_oneof![Just("allow"), Just("ask"), Just("deny")];
    let hide = prop_oneof![3 => Just(json!([])), 1 => Just(json!("*")), 1 => Just(json!(["search_media"]))];
    let blocks = [("/kinds/read", true), ("/kinds/write", true), ("/tools/search_media", false), ("/grants/g", false)];
    let chosen = blocks.map(|(at, _)| prop::option::of(block()).prop_map(move |block| (at, block)));
    (default, hide, chosen).prop_map(|(default, hide, chosen)| {
        let mut policy = json!({"version": "1", "default": default, "hide": hide});
        for (at, block) in chosen {
            if let Some(block) = block {
                let mut keys = at.trim_start_matches('/').split('/');
                let (table, name) = (keys.next().unwrap(), keys.next().unwrap());
                policy[table][name] = block;
            }
        }
        policy
    })
}

/// What refused a call, with the rule.
type End = (Option<Code>, Option<String>);

fn end(refused: NotAdmitted) -> End {
    match refused {
        NotAdmitted::Hidden(_) => (None, None),
        NotAdmitted::InvalidArguments(_) => (None, Some("invalid".to_owned())),
        NotAdmitted::Refused(refusal) => (Some(refusal.code), refusal.rule),
    }
}

async fn admitted<E: Effect>(
    guard: &Guard,
    subject: Subject,
    arguments: Option<&Map<String, Value>>,
) -> Result<Permit<E>, End> {
    let request =
        Request { subject, arguments: arguments.ok_or("what is wrong"), joins: false, session: "s", client: None };
    guard.admit(request).await.map_err(end)
}

async fn settled<E: Effect>(guard: &Guard, permit: Permit<E>) {
    let all = Settlement {
        outcome: Outcome::Ok,
        affected: crate::guard::Affected::default(),
        used: None,
        nothing_sent: false,
    };
    guard.settle(permit, all).await.unwrap();
}

/// Makes a call, and says how it ended.
async fn called(guard: &Guard, subject: Subject, arguments: Option<&Map<String, Value>>) -> Option<End> {
    if subject.kind == Kind::Read {
        return match admitted::<Read>(guard, subject, arguments).await {
            Ok(permit) => {
                settled(guard, permit).await;
                None
            }
            Err(end) => Some(end),
        };
    }
    match admitted::<Write>(guard, subject, arguments).await {
        Ok(permit) => {
            let refused = guard.clear(&permit, Plan::default()).await.err();
            settled(guard, permit).await;
            refused.map(|refusal| (Some(refusal.code), refusal.rule))
        }
        Err(end) => Some(end),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_explained_is_what_happens(
        policy in policy(),
        calls in prop::collection::vec((any::<bool>(), prop::option::of("[ab]")), 1..8),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
        let policy = Policy::parse(&policy.to_string(), catalogue());
        // Some combinations are no policy.
        prop_assume!(policy.is_ok());
        let guard = Guard::new(policy.unwrap(), ledger, "g".to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (reads, query) in calls {
            let subject = if reads { SEARCH } else { EXPORT };
            let arguments = query.map(|query| Map::from_iter([("query".to_owned(), query.into())]));
            let explained = runtime.block_on(guard.explain(subject, arguments.as_ref())).unwrap();
            let happened = runtime.block_on(called(&guard, subject, arguments.as_ref()));
            prop_assert_eq!(explained.decision.err().map(end), happened, "{} {:?}", subject.tool, arguments);
        }
    }
}
