//! The guard's self-test: known policies with known answers, and the policy in force against its own words. A server
//! whose guard lets a call through that it must refuse does not start.

use super::{
    Judgement,
    catalogue::{Argument, Catalogue, ValueType},
    judge,
    policy::{Action, Policy},
    subject::Subject,
};
use serde_json::{Map, Value};

/// A call that had to be refused was not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guard's self-test failed: `{tool}` is let through though {because}")]
pub struct SelfTestFailed {
    /// The tool.
    pub tool: String,
    /// What should have refused it.
    pub because: &'static str,
}

/// Policies under which no tool at all may be called, and why.
const REFUSING: [(&str, &str); 3] = [
    ("version = \"1\"", "a policy without rules refuses everything"),
    ("version = \"1\"\ndefault = \"ask\"", "the policy asks a person for everything"),
    ("version = \"1\"\nhide = \"*\"", "everything that is refused is hidden"),
];

/// Conditions that refuse a call whose only argument, `probe`, is "a".
const CONDITIONS: [(&str, &str); 3] = [
    ("deny_if = [{ path = \"args.probe\", op = \"regex\", value = \"^[a-f]\" }]", "a condition holds that refuses"),
    ("require = [{ path = \"args.probe\", op = \"in\", value = [\"b\"] }]", "a condition does not hold that has to"),
    (
        "require = [{ path = \"args.other\", op = \"neq\", value = \"b\" }]",
        "an argument is missing that a rule requires",
    ),
];

fn probes(_: &str) -> Vec<Argument> {
    let argument = |name: &str| Argument {
        name: name.to_owned(),
        takes: ValueType::Text,
        choices: Vec::new(),
        least: None,
        most: None,
        always: false,
    };
    vec![argument("probe"), argument("other")]
}

pub(super) fn run(policy: &Policy, grant: &str) -> Result<(), SelfTestFailed> {
    let subjects: Vec<Subject> = policy.verdicts(grant).map(|verdict| verdict.subject).collect();
    for (text, because) in REFUSING {
        let refusing = Policy::parse(text, &subjects)
            .map_err(|_| SelfTestFailed { tool: "every tool".to_owned(), because: "a right policy can't be read" })?;
        let admitted = subjects.iter().find(|subject| admits(&refusing, grant, **subject));
        fail(admitted, because)?;
    }
    let hiding = format!("version = \"1\"\ndefault = \"allow\"\nhide = {}", serde_json::json!(names(&subjects)));
    let hiding = Policy::parse(&hiding, &subjects)
        .map_err(|_| SelfTestFailed { tool: "every tool".to_owned(), because: "a right policy can't be read" })?;
    fail(
        subjects.iter().find(|s| !matches!(judge(&hiding, grant, **s, Some(&Map::new())), Judgement::Hidden { .. })),
        "it is hidden by name",
    )?;

    let given = Map::from_iter([("probe".to_owned(), Value::from("a"))]);
    for (condition, because) in CONDITIONS {
        let text = format!("version = \"1\"\ndefault = \"allow\"\nall_tools.{condition}");
        let conditional = Policy::parse(&text, Catalogue::new(&subjects, probes))
            .map_err(|_| SelfTestFailed { tool: "every tool".to_owned(), because: "a right policy can't be read" })?;
        let admitted = |s: &&Subject| matches!(judge(&conditional, grant, **s, Some(&given)), Judgement::Admitted(_));
        fail(subjects.iter().find(admitted), because)?;
    }

    for verdict in policy.verdicts(grant) {
        let refused = verdict.hidden || verdict.action != Action::Allow;
        if refused && admits(policy, grant, verdict.subject) {
            fail(Some(&verdict.subject), "the policy in force refuses it")?;
        }
    }
    let unknown = subjects.iter().map(|subject| Subject { tool: "no_such_tool", ..*subject });
    for subject in unknown {
        if admits(policy, grant, subject) {
            fail(Some(&subject), "there is no such tool")?;
        }
    }
    Ok(())
}

fn admits(policy: &Policy, grant: &str, subject: Subject) -> bool {
    matches!(judge(policy, grant, subject, Some(&Map::new())), Judgement::Admitted(_))
}

fn names(subjects: &[Subject]) -> Vec<&'static str> {
    subjects.iter().map(|subject| subject.tool).collect()
}

fn fail(subject: Option<&Subject>, because: &'static str) -> Result<(), SelfTestFailed> {
    subject.map_or(Ok(()), |subject| Err(SelfTestFailed { tool: subject.tool.to_owned(), because }))
}
