//! What the guard costs a call.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking"
)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use plex_mcp::guard::{
    Affected, Argument, Catalogue, Guard, Kind, Ledger, NotAdmitted, Outcome, Permit, Plan, Policy, Read, Request,
    Service, Settlement, Subject, ValueType, Write,
};
use std::{fmt::Write as _, hint::black_box, path::Path};
use tokio::runtime::Runtime;

const SEARCH: Subject = Subject { tool: "search_media", kind: Kind::Read, service: Service::Plex };
const EXPORT: Subject = Subject { tool: "export_library", kind: Kind::Write, service: Service::Plex };

/// What every tool here takes.
fn arguments(_: &str) -> Vec<Argument> {
    let argument = |name: &str, takes| Argument {
        name: name.to_owned(),
        takes,
        choices: Vec::new(),
        least: None,
        most: None,
        always: true,
    };
    vec![argument("query", ValueType::Text), argument("limit", ValueType::Integer)]
}

/// A policy of so many rules, most of them conditions that hold: two for each tool, a fifth of them for all tools.
fn conditions(rules: usize) -> (String, Vec<Subject>) {
    let mut text = "version = \"1\"\ndefault = \"allow\"\n[all_tools]\ndeny_if = [\n".to_owned();
    let mut subjects = vec![SEARCH, EXPORT];
    for i in 0..rules / 10 {
        writeln!(text, "{{ path = \"args.query\", op = \"contains\", value = \"private {i}\" }},").unwrap();
    }
    text.push_str("]\nrequire = [\n");
    for i in 0..rules / 10 {
        writeln!(text, "{{ path = \"args.limit\", op = \"lt\", value = {} }},", 1_000 + i).unwrap();
    }
    text.push_str("]\n");
    for i in 0..rules * 4 / 10 {
        let tool: &'static str = format!("tool_{i}").leak();
        subjects.push(Subject { tool, ..SEARCH });
        writeln!(
            text,
            "[tools.{tool}]\nrequire = [{{ path = \"args.query\", op = \"matches\", value = \"[a-z ]+\" }}]\n\
             deny_if = [{{ path = \"args.query\", op = \"in\", value = [\"a\", \"b\"] }}]"
        )
        .unwrap();
    }
    (text, subjects)
}

/// A policy of so many rules, half of them limits.
fn policy(rules: usize) -> (String, Vec<Subject>) {
    let mut text = "version = \"1\"\n[kinds.read]\naction = \"allow\"\n".to_owned();
    let mut subjects = vec![SEARCH, EXPORT];
    for i in 0..rules / 2 {
        let tool: &'static str = format!("tool_{i}").leak();
        subjects.push(Subject { tool, ..SEARCH });
        let limits = format!("limits = [{{ counter = \"c{i}\", window = \"hour\", max = 10 }}]");
        writeln!(text, "[tools.{tool}]\naction = \"allow\"\n{limits}").unwrap();
    }
    (text, subjects)
}

fn guard(dir: &Path, rules: &str) -> Guard {
    let policy = Policy::parse(&format!("version = \"1\"\ndefault = \"allow\"\n{rules}"), &[SEARCH, EXPORT]).unwrap();
    Guard::new(policy, Ledger::open(&dir.join("ledger.db")).unwrap(), "default".to_owned())
}

fn request(subject: Subject, arguments: &serde_json::Map<String, serde_json::Value>) -> Request<'_> {
    Request { subject, arguments: Ok(arguments), joins: false, session: "session", client: Some("bench") }
}

fn end() -> Settlement {
    Settlement { outcome: Outcome::Ok, affected: Affected::default(), used: None, nothing_sent: false }
}

fn decisions(c: &mut Criterion) {
    let (text, subjects) = policy(500);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
    let guard = Guard::new(Policy::parse(&text, &subjects).unwrap(), ledger, "default".to_owned());
    let subject = subjects[200];
    c.bench_function("decision at 500 rules", |b| b.iter(|| guard.lists(black_box(subject))));
    let (conditional, tools) = conditions(500);
    let catalogue = Catalogue::new(&tools, arguments);
    let judged = Policy::parse(&conditional, catalogue).unwrap();
    let given = serde_json::Map::from_iter([("query".to_owned(), "the heat".into()), ("limit".to_owned(), 50.into())]);
    let tool = tools[200].tool;
    assert_eq!(judged.verdict("default", tool).unwrap().conditions.len(), 102);
    c.bench_function("decision at 500 conditions, 102 of them the tool's", |b| {
        b.iter(|| {
            let verdict = judged.verdict(black_box("default"), black_box(tool)).unwrap();
            assert!(verdict.refused_by(black_box(&given)).is_none());
        });
    });
    c.bench_function("loading 500 conditions", |b| {
        b.iter(|| Policy::parse(black_box(&conditional), catalogue).unwrap());
    });
    c.bench_function("loading 500 rules", |b| b.iter(|| Policy::parse(black_box(&text), &subjects).unwrap()));
}

fn gate(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let guard = guard(dir.path(), "all_tools.attempts = { window = \"day\", max = 1 }");
    let arguments = serde_json::Map::from_iter([("query".to_owned(), "heat".into())]);
    drop(runtime.block_on(guard.admit::<Read>(request(SEARCH, &arguments))));
    c.bench_function("attempt refused by the gate", |b| {
        b.to_async(&runtime).iter(async || {
            let refused = guard.admit::<Read>(request(SEARCH, &arguments)).await;
            assert!(matches!(refused, Err(NotAdmitted::Refused(_))));
        });
    });
}

fn ledger(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let limit = "limits = [{ counter = \"c\", window = 1, max = 1_000_000_000 }]";
    let rare = "{ counter = \"r\", window = \"day\", max = 100 }";
    let guard = guard(dir.path(), &format!("[tools.search_media]\n{limit}\n[tools.export_library]\nlimits = [{rare}]"));
    let arguments = serde_json::Map::from_iter([("query".to_owned(), "heat".into())]);
    c.bench_function("read: admission with its row and a limit, and settlement", |b| {
        b.to_async(&runtime).iter(async || {
            let permit = guard.admit::<Read>(request(SEARCH, &arguments)).await.unwrap();
            guard.settle(permit, end()).await.unwrap();
        });
    });
    c.bench_function("settlement of a read", |b| {
        b.to_async(&runtime).iter_batched(
            || -> Permit<Read> {
                let admit = guard.admit::<Read>(request(SEARCH, &arguments));
                tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(admit)).unwrap()
            },
            |permit| async { guard.settle(permit, end()).await.unwrap() },
            BatchSize::PerIteration,
        );
    });
    c.bench_function("change: admission, clearance to the disk, and taking it back", |b| {
        b.to_async(&runtime).iter(async || {
            let permit = guard.admit::<Write>(request(EXPORT, &arguments)).await.unwrap();
            guard.clear(&permit, Plan::default()).await.unwrap();
            guard.settle(permit, Settlement { nothing_sent: true, ..end() }).await.unwrap();
        });
    });
    let mut full = c.benchmark_group("limit of 100 used up");
    for _ in 0..100 {
        runtime.block_on(async {
            let permit = guard.admit::<Write>(request(EXPORT, &arguments)).await.unwrap();
            guard.clear(&permit, Plan::default()).await.unwrap();
            guard.settle(permit, end()).await.unwrap();
        });
    }
    full.bench_function("refusal with its row", |b| {
        b.to_async(&runtime).iter(async || {
            assert!(guard.admit::<Write>(request(EXPORT, &arguments)).await.is_err());
        });
    });
    full.finish();
}

criterion_group!(benches, decisions, gate, ledger);
criterion_main!(benches);
