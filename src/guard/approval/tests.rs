//! The guard's part of approvals, with tools and people of the test's own.

use super::*;
use crate::guard::{
    Affected, Amounts, Approval, Destroy, Facts, Ledger, NotAdmitted, Outcome, Policy, Read, Request, Row, Service,
    Settlement, Subject,
};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

const SUBJECTS: [Subject; 2] = [
    Subject { tool: "search_media", kind: Kind::Read, service: Service::Plex },
    Subject { tool: "delete_playlist", kind: Kind::Destructive, service: Service::Plex },
];

/// Someone who says the same each time, once `wait` has passed.
#[derive(Debug)]
struct Someone {
    says: Answer,
    wait: Duration,
    owner: bool,
    asked: AtomicUsize,
}

impl Ask for Someone {
    fn ask<'a>(&'a self, _: &'a Question) -> BoxFuture<'a, Answer> {
        async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.wait).await;
            self.says
        }
        .boxed()
    }

    fn is_owner(&self) -> bool {
        self.owner
    }
}

fn someone(says: Answer) -> Arc<Someone> {
    Arc::new(Someone { says, wait: Duration::ZERO, owner: false, asked: AtomicUsize::new(0) })
}

struct Place {
    guard: Guard,
    ledger: Ledger,
    dir: tempfile::TempDir,
}

fn place(policy: &str) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
    let policy = Policy::parse(&format!("version = \"1\"\ndefault = \"ask\"\n{policy}"), &SUBJECTS).unwrap();
    Place { guard: Guard::new(policy, ledger.clone(), "kitchen".to_owned()), ledger, dir }
}

impl Place {
    async fn admit<E: Effect>(&self, tool: usize, person: Person) -> Result<Permit<E>, NotAdmitted> {
        let arguments = Map::from_iter([("query".to_owned(), "CANARY".into())]);
        let request =
            Request { subject: SUBJECTS[tool], arguments: Ok(&arguments), joins: false, session: "s", client: None };
        self.guard.admit_for(request, person).await
    }

    async fn deletes(&self, asks: &Arc<Someone>) -> Permit<Destroy> {
        let asks: Arc<dyn Ask> = Arc::<Someone>::clone(asks);
        self.admit::<Destroy>(1, Person::Present(asks)).await.unwrap()
    }

    async fn rows(&self) -> Vec<Row> {
        self.ledger.rows(0, 100).await.unwrap()
    }
}

fn plan() -> Plan {
    Plan {
        summary: "Delete playlist Kids".into(),
        facts: Facts::default().with("playlist.title", "Kids").with_passing("export.path", "at 10:00"),
        affected: Affected { library: None, titles: vec!["A".into()], items: Some(1), bytes: None },
        reserve: Amounts { items: 1, bytes: 0 },
        before: Some(json!({"items": ["1"]})),
    }
}

fn ok() -> Settlement {
    Settlement { outcome: Outcome::Ok, affected: Affected::default(), used: None, nothing_sent: false }
}

fn refusal<T>(consulted: Result<T, Unapproved>) -> Refusal {
    match consulted {
        Err(Unapproved::Refused(refusal)) => refusal,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it went on"),
    }
}

#[tokio::test]
async fn a_change_asks_when_its_plan_is_known_and_passes_with_the_same_plan() {
    let place = place("");
    let user = someone(Answer::Approved);
    let permit = place.deletes(&user).await;
    assert!(!permit.asks(), "it is not known yet what is to be asked");
    assert_eq!(place.guard.clear(&permit, plan()).await.unwrap_err().code, Code::ApprovalRequired);
    assert!(permit.asks());
    assert_eq!(place.rows().await, [], "it has not ended");
    let permit = place.guard.consult(permit).await.unwrap();
    // What the server makes up anew for each call does not matter.
    let now = Plan { facts: plan().facts.with_passing("export.path", "at 10:01"), ..plan() };
    place.guard.clear(&permit, now).await.unwrap();
    place.guard.settle(permit, ok()).await.unwrap();
    let rows = place.rows().await;
    assert_eq!((rows.len(), rows[0].decision, rows[0].outcome), (1, Decision::Approved, Some(Outcome::Ok)));
    assert!(place.ledger.approvals().await.unwrap().is_empty());
}

#[tokio::test]
async fn whatever_differs_from_what_was_asked_is_asked_again() {
    type Change = fn(Plan) -> Plan;
    let changes: [Change; 8] = [
        |plan| Plan { summary: "Delete playlist Adults".into(), ..plan },
        |plan| Plan { before: Some(json!({"items": ["2"]})), ..plan },
        |plan| Plan { before: None, ..plan },
        |plan| Plan { facts: plan.facts.clone().with("playlist.title", "Adults"), ..plan },
        |plan| Plan { facts: plan.facts.clone().with("item.library", "Films"), ..plan },
        |plan| Plan { affected: Affected { items: Some(2), ..plan.affected }, ..plan },
        |plan| Plan { affected: Affected { titles: vec!["B".into()], ..plan.affected }, ..plan },
        |plan| Plan { reserve: Amounts { items: 1, bytes: 1 }, ..plan },
    ];
    for change in changes {
        let place = place("");
        let user = someone(Answer::Approved);
        let permit = place.deletes(&user).await;
        place.guard.clear(&permit, plan()).await.unwrap_err();
        let permit = place.guard.consult(permit).await.unwrap();
        place.guard.clear(&permit, change(plan())).await.unwrap_err();
        assert!(permit.asks());
        assert_eq!(place.ledger.approvals().await.unwrap().len(), 1, "the first question is closed");
        let permit = place.guard.consult(permit).await.unwrap();
        place.guard.clear(&permit, change(plan())).await.unwrap();
        assert_eq!(user.asked.load(Ordering::Relaxed), 2);
    }
}

#[tokio::test]
async fn no_answer_in_time_is_a_no() {
    let mut place = place("");
    place.guard.patience = Duration::from_millis(20);
    let user =
        Arc::new(Someone { wait: Duration::from_secs(3600), ..Arc::into_inner(someone(Answer::Approved)).unwrap() });
    let permit = place.deletes(&user).await;
    place.guard.clear(&permit, plan()).await.unwrap_err();
    let refused = refusal(place.guard.consult(permit).await);
    assert_eq!((refused.code, user.asked.load(Ordering::Relaxed)), (Code::ApprovalExpired, 1));
    let rows = place.rows().await;
    assert_eq!((rows.len(), rows[0].decision, rows[0].outcome), (1, Decision::Ask, None));
    assert!(place.ledger.approvals().await.unwrap().is_empty());
}

#[tokio::test]
async fn nothing_is_taken_while_a_person_thinks_and_the_limit_holds_afterwards() {
    let place = place("all_tools.limits = [{ counter = \"c\", window = \"hour\", max = 1 }]");
    let user = someone(Answer::Approved);
    let (first, second) = (place.deletes(&user).await, place.deletes(&user).await);
    place.guard.clear(&first, plan()).await.unwrap_err();
    place.guard.clear(&second, plan()).await.unwrap_err();
    let (first, second) = (place.guard.consult(first).await.unwrap(), place.guard.consult(second).await.unwrap());
    place.guard.clear(&second, plan()).await.unwrap();
    assert_eq!(place.guard.clear(&first, plan()).await.unwrap_err().code, Code::Limit);
    // And now no one is asked any more.
    let third = place.admit::<Destroy>(1, Person::Absent).await;
    assert!(matches!(third, Err(NotAdmitted::Refused(Refusal { code: Code::Limit, .. }))));
    assert_eq!(user.asked.load(Ordering::Relaxed), 2);
    let decisions: Vec<_> = place.rows().await.iter().map(|row| row.decision).collect();
    assert_eq!(decisions, [Decision::Approved, Decision::Limit, Decision::Limit]);
    assert!(place.ledger.approvals().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_read_asks_before_its_body_runs_and_takes_its_limits_after_the_yes() {
    let place = place("all_tools.limits = [{ counter = \"c\", window = \"hour\", max = 1 }]");
    let user = someone(Answer::Approved);
    let asks = || Person::Present(Arc::<Someone>::clone(&user));
    let (first, second) =
        (place.admit::<Read>(0, asks()).await.unwrap(), place.admit::<Read>(0, asks()).await.unwrap());
    assert!(first.asks() && second.asks());
    let first = place.guard.consult(first).await.unwrap();
    place.guard.settle(first, ok()).await.unwrap();
    assert_eq!(refusal(place.guard.consult(second).await).code, Code::Limit);
    let decisions: Vec<_> = place.rows().await.iter().map(|row| row.decision).collect();
    assert_eq!(decisions, [Decision::Approved, Decision::Limit]);
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_asks_or_after_the_yes_ends_as_one_row() {
    let place = place("");
    let user = someone(Answer::Approved);
    let permit = place.deletes(&user).await;
    place.guard.clear(&permit, plan()).await.unwrap_err();
    drop(permit);
    let permit = place.deletes(&user).await;
    place.guard.clear(&permit, plan()).await.unwrap_err();
    drop(place.guard.consult(permit).await.unwrap());
    let permit = place.deletes(&user).await;
    place.guard.clear(&permit, plan()).await.unwrap_err();
    place.guard.settle(permit, Settlement { outcome: Outcome::Failed, ..ok() }).await.unwrap();
    let rows = place.rows().await;
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.decision == Decision::Ask && row.outcome != Some(Outcome::Ok)), "{rows:?}");
    assert!(place.ledger.approvals().await.unwrap().is_empty());
}

#[tokio::test]
async fn out_of_band_asks_the_owner_at_the_terminal_and_no_client() {
    let place = place("kinds.destructive.approval = \"out_of_band\"");
    let user = someone(Answer::Approved);
    let permit = place.deletes(&user).await;
    let refused = place.guard.clear(&permit, plan()).await.unwrap_err();
    assert!(refused.approval_id.is_some() && !permit.asks());
    assert!(!refused.text().contains("CANARY"));
    // A client that brings something along is not listened to either.
    let returned = Returned {
        question: Ok(Opened { id: refused.approval_id.unwrap().to_string(), binding: String::new() }),
        answer: Some(Answer::Approved),
    };
    let permit = place.admit::<Destroy>(1, Person::Rounds(Some(returned))).await.unwrap();
    let again = place.guard.clear(&permit, plan()).await.unwrap_err();
    assert_eq!(again.approval_id, refused.approval_id);
    let owner = Arc::new(Someone { owner: true, ..Arc::into_inner(someone(Answer::Approved)).unwrap() });
    let permit = place.deletes(&owner).await;
    place.guard.clear(&permit, plan()).await.unwrap_err();
    let permit = place.guard.consult(permit).await.unwrap();
    place.guard.clear(&permit, plan()).await.unwrap();
    assert_eq!((user.asked.load(Ordering::Relaxed), owner.asked.load(Ordering::Relaxed)), (0, 1));
}

#[tokio::test]
async fn a_client_that_calls_again_with_the_answer_passes_once_and_with_a_bad_state_not_at_all() {
    let place = place("");
    let call = |returned: Option<Returned>| place.admit::<Destroy>(1, Person::Rounds(returned));
    let permit = call(None).await.unwrap();
    place.guard.clear(&permit, plan()).await.unwrap_err();
    let Err(Unapproved::Asked(question)) = place.guard.consult(permit).await else { panic!("it is not asked") };
    assert_eq!(question.text.lines().next(), Some("Delete playlist Kids"));
    for (state, code) in [(BadState::Expired, Code::ApprovalExpired), (BadState::Forged, Code::ApprovalRequired)] {
        let returned = Returned { question: Err(state), answer: Some(Answer::Approved) };
        let permit = call(Some(returned)).await.unwrap();
        assert_eq!(place.guard.clear(&permit, plan()).await.unwrap_err().code, code);
        assert!(place.guard.consult(permit).await.is_ok(), "nothing is asked");
    }
    let opened = Opened { id: question.id.clone(), binding: question.binding.clone() };
    let yes = || Some(Returned { question: Ok(opened.clone()), answer: Some(Answer::Approved) });
    let permit = call(yes()).await.unwrap();
    place.guard.clear(&permit, plan()).await.unwrap();
    place.guard.settle(permit, ok()).await.unwrap();
    let permit = call(yes()).await.unwrap();
    assert_eq!(place.guard.clear(&permit, plan()).await.unwrap_err().code, Code::ApprovalExpired);
    let decisions: Vec<_> = place.rows().await.iter().map(|row| row.decision).collect();
    assert_eq!(decisions, [Decision::Ask, Decision::Ask, Decision::Ask, Decision::Approved, Decision::Ask]);
}

#[tokio::test]
async fn what_can_not_be_recorded_is_not_asked() {
    let place = place("");
    let user = someone(Answer::Approved);
    let permit = place.deletes(&user).await;
    // The ledger is gone from its place.
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        #[expect(clippy::disallowed_methods, reason = "the test takes the ledger away")]
        let _ = std::fs::remove_file(place.dir.path().join(file));
    }
    assert_eq!(place.guard.clear(&permit, plan()).await.unwrap_err().code, Code::LedgerUnavailable);
    assert!(!permit.asks());
}

#[test]
fn the_most_specific_block_says_where_a_person_approves() {
    let of = |policy: &str, grant: &str| {
        let policy = Policy::parse(&format!("version = \"1\"\n{policy}"), &SUBJECTS).unwrap();
        policy.verdict(grant, "delete_playlist").unwrap().approval
    };
    assert_eq!(of("", "g"), Approval::Client);
    assert_eq!(of("all_tools.approval = \"out_of_band\"", "g"), Approval::OutOfBand);
    let layered = "all_tools.approval = \"client\"\nkinds.destructive.approval = \"out_of_band\"\n\
                   grants.g.tools.delete_playlist.approval = \"client\"";
    assert_eq!((of(layered, "g"), of(layered, "other")), (Approval::Client, Approval::OutOfBand));
    for level in ["services.plex", "tools.delete_playlist", "grants.g", "grants.g.kinds.destructive"] {
        assert_eq!(of(&format!("{level}.approval = \"out_of_band\""), "g"), Approval::OutOfBand, "{level}");
    }
    let errors = Policy::parse("version = \"1\"\nkinds.write.approval = \"outofband\"", &SUBJECTS).unwrap_err();
    assert!(errors.to_string().contains("out_of_band"), "{errors}");
}
