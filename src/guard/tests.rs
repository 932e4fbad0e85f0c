use super::*;

const SUBJECTS: [Subject; 6] = [
    Subject { tool: "get_libraries", kind: Kind::Read, service: Service::Plex },
    Subject { tool: "get_library_items", kind: Kind::Read, service: Service::Plex },
    Subject { tool: "get_media_details", kind: Kind::Read, service: Service::Plex },
    Subject { tool: "search_media", kind: Kind::Read, service: Service::Plex },
    Subject { tool: "export_library", kind: Kind::Write, service: Service::Plex },
    Subject { tool: "delete_playlist", kind: Kind::Destructive, service: Service::Plex },
];
const SEARCH: Subject = SUBJECTS[3];
const EXPORT: Subject = SUBJECTS[4];
const DELETE: Subject = SUBJECTS[5];

struct Place {
    guard: Guard,
    ledger: Ledger,
    dir: tempfile::TempDir,
}

fn guard(policy: &str) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
    let policy = Policy::parse(&format!("version = \"1\"\n{policy}"), &SUBJECTS).unwrap();
    Place { guard: Guard::new(policy, ledger.clone(), "kitchen".to_owned()), ledger, dir }
}

fn arguments() -> Map<String, Value> {
    let Value::Object(map) = serde_json::json!({"query": "CANARY", "limit": 5}) else { unreachable!() };
    map
}

impl Place {
    async fn admit<E: Effect>(&self, subject: Subject) -> Result<Permit<E>, NotAdmitted> {
        let arguments = arguments();
        self.guard
            .admit(Request { subject, arguments: Ok(&arguments), joins: false, session: "s1", client: Some("tester") })
            .await
    }

    async fn refusal<E: Effect>(&self, subject: Subject) -> Refusal {
        match self.admit::<E>(subject).await {
            Err(NotAdmitted::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    async fn rows(&self) -> Vec<Row> {
        self.ledger.rows(0, 1000).await.unwrap()
    }

    async fn last(&self) -> Row {
        self.rows().await.pop().unwrap()
    }
}

fn ok() -> Settlement {
    Settlement { outcome: Outcome::Ok, affected: Affected::default(), used: None, nothing_sent: false }
}

#[tokio::test]
async fn a_read_is_recorded_when_it_is_admitted_and_completed_when_it_ends() {
    let place = guard("kinds.read.action = \"allow\"");
    let permit = place.admit::<Read>(SEARCH).await.unwrap();
    let row = place.last().await;
    assert_eq!(row.call_id, permit.call_id().to_string());
    assert_eq!((row.decision, row.outcome, row.duration_ms), (Decision::Allow, Some(Outcome::Unknown), None));
    assert_eq!((row.grant.as_str(), row.session.as_str(), row.client.as_deref()), ("kitchen", "s1", Some("tester")));
    assert_eq!((row.tool.as_str(), row.kind), ("search_media", Some(Kind::Read)));
    assert_eq!(row.policy, place.guard.policy().hash());
    assert_eq!(row.args, ["query", "limit"]);
    assert_eq!(row.digest.as_ref().unwrap().len(), 32);
    assert!((row.time_ms - jiff::Timestamp::now().as_millisecond()).abs() < 60_000);
    place.guard.settle(permit, ok()).await.unwrap();
    let row = place.last().await;
    assert_eq!(row.outcome, Some(Outcome::Ok));
    assert!(row.duration_ms.is_some());
    assert_eq!(place.rows().await.len(), 1);
}

#[tokio::test]
async fn a_change_is_recorded_with_its_plan_before_it_and_with_what_happened_after_it() {
    let place = guard("kinds.write.action = \"allow\"");
    let permit = place.admit::<Write>(EXPORT).await.unwrap();
    assert_eq!(place.rows().await, []);
    let planned = Affected { library: Some("Films".into()), titles: vec!["A".into()], items: Some(9), bytes: None };
    let plan = Plan { affected: planned.clone(), before: Some(serde_json::json!({"rating": 8})), ..Plan::default() };
    let cleared = place.guard.clear(&permit, plan).await.unwrap();
    assert_eq!(cleared.call_id(), permit.call_id());
    let row = place.last().await;
    assert_eq!((row.decision, row.outcome), (Decision::Allow, Some(Outcome::Unknown)));
    assert_eq!(row.affected, planned);
    assert_eq!(row.before, Some(serde_json::json!({"rating": 8})));
    let really = Affected { items: Some(7), bytes: Some(700), ..Affected::default() };
    place.guard.settle(permit, Settlement { affected: really, ..ok() }).await.unwrap();
    let row = place.last().await;
    assert_eq!(row.affected, Affected { items: Some(7), bytes: Some(700), ..planned });
    assert_eq!((row.outcome, place.rows().await.len()), (Some(Outcome::Ok), 1));
}

#[tokio::test]
async fn values_of_arguments_are_recorded_only_where_the_policy_says_so() {
    for (log_args, recorded) in [(false, None), (true, Some(arguments()))] {
        let place = guard(&format!("[tools.search_media]\naction = \"allow\"\nlog_args = {log_args}"));
        drop(place.admit::<Read>(SEARCH).await.unwrap());
        let row = place.last().await;
        assert_eq!((row.args.len(), row.arg_values), (2, recorded));
    }
}

#[tokio::test]
async fn a_call_is_cleared_once() {
    let place = guard("kinds.write.action = \"allow\"");
    let permit = place.admit::<Write>(EXPORT).await.unwrap();
    place.guard.clear(&permit, Plan::default()).await.unwrap();
    assert_eq!(place.guard.clear(&permit, Plan::default()).await.unwrap_err().code, Code::Denied);
    place.guard.settle(permit, ok()).await.unwrap();
    assert_eq!(place.rows().await.len(), 1);
}

#[tokio::test]
async fn a_change_that_was_never_cleared_takes_nothing_and_leaves_one_row() {
    let place =
        guard("kinds.write = { action = \"allow\", limits = [{ counter = \"c\", window = \"hour\", max = 1 }] }");
    for (outcome, recorded) in
        [(Outcome::Ok, None), (Outcome::Failed, Some(Outcome::Failed)), (Outcome::Cancelled, Some(Outcome::Cancelled))]
    {
        let permit = place.admit::<Write>(EXPORT).await.unwrap();
        place.guard.settle(permit, Settlement { outcome, ..ok() }).await.unwrap();
        assert_eq!(place.last().await.outcome, recorded);
    }
    assert_eq!(place.rows().await.len(), 3);
    let permit = place.admit::<Write>(EXPORT).await.unwrap();
    place.guard.clear(&permit, Plan::default()).await.unwrap();
}

#[tokio::test]
async fn a_dropped_permit_still_ends_as_a_row() {
    let place = guard("default = \"allow\"");
    drop(place.admit::<Read>(SEARCH).await.unwrap());
    drop(place.admit::<Write>(EXPORT).await.unwrap());
    let cleared = place.admit::<Write>(EXPORT).await.unwrap();
    place.guard.clear(&cleared, Plan::default()).await.unwrap();
    drop(cleared);
    let outcomes: Vec<_> = place.rows().await.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Cancelled), Some(Outcome::Cancelled), Some(Outcome::Unknown)]);
    assert!(place.rows().await.iter().all(|row| row.duration_ms.is_some()));
}

#[tokio::test]
async fn hidden_tools_are_not_listed_and_answer_as_unknown_ones() {
    let place = guard("kinds.read.action = \"allow\"\nhide = [\"search_media\"]");
    assert!(!place.guard.lists(SEARCH));
    assert!(place.guard.lists(EXPORT), "a refused tool that is not hidden is listed");
    assert!(matches!(place.admit::<Read>(SEARCH).await, Err(NotAdmitted::Hidden(_))));
    let row = place.last().await;
    assert_eq!((row.decision, row.rule.as_deref(), row.outcome), (Decision::Deny, Some("/hide"), None));
    let unknown = Subject { tool: "nothing", ..SEARCH };
    assert!(!place.guard.lists(unknown));
    assert!(matches!(place.admit::<Read>(unknown).await, Err(NotAdmitted::Hidden(_))));
    // A tool whose body claims another effect than the registry's is not the tool that the policy judged.
    assert!(matches!(place.admit::<Write>(SUBJECTS[0]).await, Err(NotAdmitted::Hidden(_))));
}

#[tokio::test]
async fn a_refusal_names_its_rule_and_is_recorded() {
    let place = guard(
        "tools.export_library = { action = \"deny\", reason = \"not here\" }\nkinds.destructive.action = \"ask\"",
    );
    let asks = place.admit::<Destroy>(DELETE).await.unwrap();
    let asked = place.guard.clear(&asks, Plan::default()).await.unwrap_err();
    for (refusal, code, rule, decision) in [
        (place.refusal::<Read>(SEARCH).await, Code::DefaultDeny, "/default", Decision::Deny),
        (place.refusal::<Write>(EXPORT).await, Code::Denied, "/tools/export_library/action", Decision::Deny),
        (asked, Code::ApprovalRequired, "/kinds/destructive/action", Decision::Ask),
    ] {
        assert_eq!((refusal.code, refusal.rule.as_deref()), (code, Some(rule)));
        let row = place.rows().await.into_iter().find(|row| row.call_id == refusal.call_id.to_string()).unwrap();
        assert_eq!((row.decision, row.rule.as_deref(), row.outcome), (decision, Some(rule), None));
        if code == Code::Denied {
            assert_eq!(refusal.text(), "[POLICY DENIED] not here");
        }
        let structured = refusal.structured();
        assert_eq!((&structured["denied"], &structured["code"]), (&true.into(), &code.as_str().into()));
        for text in [refusal.text(), structured.to_string()] {
            assert!(!text.contains("CANARY"), "{text}");
        }
    }
}

#[tokio::test]
async fn no_argument_value_reaches_the_ledger_file() {
    let place = guard("default = \"allow\"");
    for subject in [SEARCH, SUBJECTS[0]] {
        let permit = place.admit::<Read>(subject).await.unwrap();
        place.guard.settle(permit, ok()).await.unwrap();
    }
    let rows = place.rows().await;
    assert_eq!(rows[0].digest, rows[1].digest, "equal arguments show as equal");
    for file in std::fs::read_dir(place.dir.path()).unwrap() {
        #[expect(clippy::disallowed_methods, reason = "the test looks at the raw bytes")]
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, b"CANARY").is_none());
    }
}

#[tokio::test]
async fn the_order_is_hidden_denied_gate_arguments_limits_approval() {
    let none = "limits = [{ counter = \"c\", window = 60, max = 0 }]";
    let text = |action: &str| format!("kinds.write = {{ action = \"{action}\", {none} }}");
    let place = guard(&text("deny"));
    let bad =
        Request { subject: EXPORT, arguments: Err("expected \"CANARY\""), joins: false, session: "s1", client: None };
    assert!(matches!(
        place.guard.admit::<Write>(bad).await,
        Err(NotAdmitted::Refused(Refusal { code: Code::Denied, .. }))
    ));
    let place = guard(&text("ask"));
    assert!(matches!(place.guard.admit::<Write>(bad).await, Err(NotAdmitted::InvalidArguments(_))));
    let row = place.last().await;
    assert_eq!((row.decision, row.outcome, row.digest, row.note), (Decision::Invalid, None, None, None));
    assert_eq!(place.refusal::<Write>(EXPORT).await.code, Code::NeverFits, "no one is asked in vain");
    let place = guard(&text("allow"));
    assert!(matches!(place.guard.admit::<Write>(bad).await, Err(NotAdmitted::InvalidArguments(_))));
    assert_eq!(place.refusal::<Write>(EXPORT).await.code, Code::NeverFits);
}

#[tokio::test]
async fn refused_calls_take_nothing() {
    let place = guard(
        "default = \"allow\"\nall_tools.limits = [{ counter = \"c\", window = \"hour\", max = 2 }]\n\
         tools.export_library.action = \"ask\"\ntools.get_libraries.action = \"deny\"\nhide = [\"get_media_details\"]",
    );
    for _ in 0..5 {
        let asks = place.admit::<Write>(EXPORT).await.unwrap();
        assert_eq!(place.guard.clear(&asks, Plan::default()).await.unwrap_err().code, Code::ApprovalRequired);
        assert!(place.admit::<Read>(SUBJECTS[0]).await.is_err());
        assert!(place.admit::<Read>(SUBJECTS[2]).await.is_err());
        let bad = Request { subject: SEARCH, arguments: Err("bad"), joins: false, session: "s1", client: None };
        assert!(place.guard.admit::<Read>(bad).await.is_err());
    }
    for _ in 0..2 {
        let permit = place.admit::<Read>(SEARCH).await.unwrap();
        place.guard.settle(permit, ok()).await.unwrap();
    }
    let refusal = place.refusal::<Read>(SEARCH).await;
    assert_eq!((refusal.code, refusal.rule.as_deref()), (Code::Limit, Some("/all_tools/limits/0")));
    let wait = refusal.retry_after.unwrap();
    assert!(wait <= Duration::from_secs(3600) && wait > Duration::from_secs(3590), "{wait:?}");
    assert_eq!(place.last().await.decision, Decision::Limit);
}

#[tokio::test]
async fn a_used_up_limit_refuses_a_change_before_it_has_looked_anything_up() {
    let place = guard(
        "tools.export_library = { on_deny = \"enough for now\", limits = [{ counter = \"c\", window = \"day\", max = 1 }] }",
    );
    let permit = place.admit::<Write>(EXPORT).await.unwrap();
    place.guard.clear(&permit, Plan::default()).await.unwrap();
    place.guard.settle(permit, ok()).await.unwrap();
    let refusal = place.refusal::<Write>(EXPORT).await;
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::Limit, "enough for now"));
    assert!(refusal.structured()["retryAfterSeconds"].as_u64().unwrap() > 86_000);
}

#[tokio::test]
async fn two_changes_that_were_both_let_in_still_share_the_limit() {
    let place = guard("tools.export_library.limits = [{ counter = \"c\", window = \"day\", max = 1 }]");
    let (a, b) = (place.admit::<Write>(EXPORT).await.unwrap(), place.admit::<Write>(EXPORT).await.unwrap());
    place.guard.clear(&a, Plan::default()).await.unwrap();
    let refusal = place.guard.clear(&b, Plan::default()).await.unwrap_err();
    assert_eq!((refusal.code, refusal.tool.as_str()), (Code::Limit, "export_library"));
    place.guard.settle(b, Settlement { outcome: Outcome::Failed, ..ok() }).await.unwrap();
    place.guard.settle(a, ok()).await.unwrap();
    let rows = place.rows().await;
    let decisions: Vec<_> = rows.iter().map(|row| (row.decision, row.outcome)).collect();
    assert_eq!(decisions, [(Decision::Allow, Some(Outcome::Ok)), (Decision::Limit, None)]);
}

#[tokio::test]
async fn reserved_amounts_settle_to_what_was_used_and_never_up() {
    let place = guard(
        "tools.export_library.limits = [{ counter = \"b\", window = \"day\", max = 100, of = \"bytes\" },\n\
         { counter = \"n\", window = \"day\", max = 10, of = \"items\" }]",
    );
    let export = async |reserve: Amounts, used: Option<Amounts>| -> Result<(), (Code, String)> {
        let permit = place.admit::<Write>(EXPORT).await.unwrap();
        let plan = Plan { reserve, ..Plan::default() };
        place.guard.clear(&permit, plan).await.map_err(|refusal| (refusal.code, refusal.rule.unwrap()))?;
        place.guard.settle(permit, Settlement { used, ..ok() }).await.unwrap();
        Ok(())
    };
    let amounts = |items, bytes| Amounts { items, bytes };
    export(amounts(1, 90), Some(amounts(1, 40))).await.unwrap();
    let over = export(amounts(1, 61), None).await.unwrap_err();
    assert_eq!(over, (Code::Limit, "/tools/export_library/limits/0".to_owned()));
    export(amounts(2, 60), Some(amounts(50, 5000))).await.unwrap();
    assert_eq!(export(amounts(1, 1), None).await.unwrap_err().0, Code::Limit);
    assert_eq!(export(amounts(1, 101), None).await.unwrap_err().0, Code::NeverFits);
    export(amounts(7, 0), None).await.unwrap();
    let over = export(amounts(1, 0), None).await.unwrap_err();
    assert_eq!(over, (Code::Limit, "/tools/export_library/limits/1".to_owned()));
}

#[tokio::test]
async fn what_was_never_sent_is_given_back() {
    let place =
        guard("kinds.read = { action = \"allow\", limits = [{ counter = \"c\", window = \"hour\", max = 1 }] }");
    for _ in 0..3 {
        let permit = place.admit::<Read>(SEARCH).await.unwrap();
        let end = Settlement { outcome: Outcome::Failed, nothing_sent: true, ..ok() };
        place.guard.settle(permit, end).await.unwrap();
    }
    let permit = place.admit::<Read>(SEARCH).await.unwrap();
    place.guard.settle(permit, Settlement { outcome: Outcome::Failed, ..ok() }).await.unwrap();
    assert_eq!(place.refusal::<Read>(SEARCH).await.code, Code::Limit);
}

#[tokio::test]
async fn the_gate_counts_every_attempt_and_its_refusals_share_a_row() {
    let place = guard(
        "kinds.write.action = \"deny\"\nkinds.read.action = \"allow\"\n\
         all_tools.attempts = { window = \"hour\", max = 3 }",
    );
    for _ in 0..3 {
        assert_eq!(place.refusal::<Write>(EXPORT).await.code, Code::Denied);
    }
    for _ in 0..40 {
        let refusal = place.refusal::<Write>(EXPORT).await;
        assert_eq!((refusal.code, refusal.rule.as_deref()), (Code::Attempts, Some("/all_tools/attempts")));
        assert!(refusal.retry_after.unwrap() > Duration::from_secs(1100));
    }
    // Another kind has its own gate.
    drop(place.admit::<Read>(SEARCH).await.unwrap());
    drop(place.guard);
    let path = place.dir.path().join("ledger.db");
    drop(place.ledger);
    let rows = Ledger::open(&path).unwrap().rows(0, 1000).await.unwrap();
    let gate: Vec<_> = rows.iter().filter(|row| row.rule.as_deref() == Some("/all_tools/attempts")).collect();
    assert_eq!(gate.iter().map(|row| row.repeats).sum::<u64>(), 40);
    assert!(gate.len() <= 3, "{}", gate.len());
    let denied: Vec<u64> = rows.iter().filter(|row| row.decision == Decision::Deny).map(|row| row.repeats).collect();
    assert_eq!(denied, [1, 2], "the first at once, those that are like it as one");
}

#[tokio::test]
async fn an_exhausted_gate_does_not_tell_a_hidden_tool_from_an_unknown_one() {
    let place = guard("hide = [\"search_media\"]\nall_tools.attempts = { window = \"hour\", max = 1 }");
    for _ in 0..3 {
        assert!(matches!(place.admit::<Read>(SEARCH).await, Err(NotAdmitted::Hidden(_))));
    }
}

#[tokio::test]
async fn a_burst_spreads_what_the_limit_admits() {
    let place = guard(
        "kinds.read = { action = \"allow\", limits = [{ counter = \"c\", window = \"hour\", max = 60, burst = 2 }] }",
    );
    for _ in 0..2 {
        drop(place.admit::<Read>(SEARCH).await.unwrap());
    }
    let refusal = place.refusal::<Read>(SEARCH).await;
    assert_eq!(refusal.code, Code::Limit);
    assert!(refusal.retry_after.unwrap() <= Duration::from_secs(60), "{refusal:?}");
}

#[tokio::test]
async fn nothing_is_let_through_that_can_not_be_recorded() {
    let place = guard("default = \"allow\"");
    let other = rusqlite::Connection::open(place.dir.path().join("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let started = std::time::Instant::now();
    assert_eq!(place.refusal::<Read>(SEARCH).await.code, Code::LedgerUnavailable);
    let permit = place.admit::<Write>(EXPORT).await.unwrap();
    let refusal = place.guard.clear(&permit, Plan::default()).await.unwrap_err();
    assert_eq!((refusal.code, refusal.rule, refusal.retry_after), (Code::LedgerUnavailable, None, None));
    assert!(started.elapsed() < Duration::from_secs(4));
    other.execute_batch("ROLLBACK").unwrap();
    drop(permit);
    drop(place.admit::<Read>(SEARCH).await.unwrap());
    assert_eq!(place.rows().await.len(), 1);
}

#[tokio::test]
async fn a_malformed_frame_is_recorded_and_a_flood_of_them_counted() {
    let place = guard("all_tools.attempts = { window = \"hour\", max = 2 }");
    for _ in 0..10 {
        place.guard.record_malformed("s1", None, "arguments is no object").await;
    }
    let rows = place.rows().await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].decision, rows[0].kind, rows[0].tool.as_str()), (Decision::Invalid, None, ""));
    assert_eq!(rows[0].note.as_deref(), Some("arguments is no object"));
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(place.rows().await.iter().map(|row| row.repeats).sum::<u64>(), 10);
}

#[tokio::test]
async fn the_self_test_passes_for_right_policies() {
    for policy in ["", "default = \"allow\"", "hide = \"*\"", "kinds.read.action = \"ask\""] {
        guard(policy).guard.self_test().unwrap();
    }
    let shipped = Policy::shipped(crate::tools::catalogue());
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("l.db")).unwrap();
    Guard::new(shipped, ledger, "default".to_owned()).self_test().unwrap();
}

#[test]
fn permits_travel_between_threads() {
    fn travels<T: Send + Sync>() {}
    travels::<Permit<Write>>();
    travels::<Guard>();
    travels::<Cleared<'static>>();
}
