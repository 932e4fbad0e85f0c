//! `plex-mcp policy explain`: the guard's decision about a call, with what it was made of.

use super::super::{Failure, say, start};
use crate::{
    config::Settings,
    guard::{Action, Approval, Code, Explanation, NotAdmitted, Refusal},
    tools,
};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The tool's name; `plex-mcp tools` lists them
    tool: String,
    /// The arguments as a JSON object, such as '{"libraryKey": "1"}'
    #[arg(long, value_name = "JSON", default_value = "{}")]
    args: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options, settings: Settings) -> Result<(), Failure> {
    let given: Map<String, Value> = serde_json::from_str(&options.args)
        .map_err(|error| Failure::Usage(format!("--args must be a JSON object: {error}")))?;
    let tool =
        tools::find(&options.tool).ok_or_else(|| Failure::Usage(format!("there is no tool `{}`", options.tool)))?;
    let app = start(settings)?;
    let arguments = tool.read(given);
    let explanation = app.guard().explain(tool.subject, arguments.as_ref().ok()).await?;
    let decided = Decided::of(&explanation, arguments.as_ref().err().map(ToString::to_string));
    let subject = tool.subject;
    let (config, policy) = (app.config(), app.guard().policy());
    if options.json {
        let blocks = explanation.verdict.iter().flat_map(|verdict| &verdict.blocks);
        let shown = json!({
            "tool": tool.name, "kind": subject.kind, "service": subject.service, "grant": config.grant,
            "policy": {"from": config.policy.to_string(), "hash": policy.hash()},
            "decision": decided.word, "code": decided.code, "rule": decided.rule, "reason": decided.reason,
            "retryAfterSeconds": decided.retry_after_seconds, "approval": decided.approval,
            "blocks": blocks
                .map(|block| json!({"at": block.at, "action": block.action.map(Action::as_str)}))
                .collect::<Vec<_>>(),
            "conditions": explanation
                .conditions
                .iter()
                .map(|asked| json!({"rule": asked.rule(), "asks": asked.text(), "outcome": asked.outcome()}))
                .collect::<Vec<_>>(),
            "limits": explanation
                .limits
                .iter()
                .map(|left| {
                    let limit = &left.limit;
                    json!({
                        "rule": limit.rule, "counter": limit.counter, "of": limit.unit, "max": limit.max,
                        "windowSeconds": limit.window.as_secs(), "scope": limit.scope, "left": left.left,
                    })
                })
                .collect::<Vec<_>>(),
        });
        return say(serde_json::to_string_pretty(&shown)?);
    }
    say(format!(
        "{} ({}, {}) called under grant {}, by {} (hash {})",
        tool.name,
        subject.kind,
        subject.service,
        config.grant,
        config.policy,
        policy.hash()
    ))?;
    say(decided.sentence())?;
    say(parts(&explanation))
}

/// The decision in the ledger's words.
struct Decided {
    word: &'static str,
    code: Option<&'static str>,
    rule: Option<String>,
    reason: Option<String>,
    retry_after_seconds: Option<Value>,
    /// Where a person approves the call, if it asks.
    approval: Option<Approval>,
}

impl Decided {
    fn of(explanation: &Explanation, invalid: Option<String>) -> Self {
        let verdict_rule = explanation.verdict.as_ref().map(|verdict| verdict.rule.clone());
        let decided =
            |word, rule, reason| Self { word, code: None, rule, reason, retry_after_seconds: None, approval: None };
        match &explanation.decision {
            Ok(()) => decided("allow", verdict_rule, None),
            Err(NotAdmitted::Hidden(_)) => decided("hidden", verdict_rule, None),
            Err(NotAdmitted::InvalidArguments(_)) => decided("invalid", None, invalid),
            Err(NotAdmitted::Refused(refusal)) => {
                let asks = explanation.verdict.as_ref().filter(|_| refusal.code == Code::ApprovalRequired);
                Self { approval: asks.map(|verdict| verdict.approval), ..Self::refused(refusal) }
            }
        }
    }

    fn refused(refusal: &Refusal) -> Self {
        let word = match refusal.code {
            Code::ApprovalRequired | Code::ApprovalDeclined | Code::ApprovalExpired => "ask",
            Code::Limit | Code::NeverFits | Code::Attempts => "limit",
            Code::DefaultDeny | Code::Denied | Code::LedgerUnavailable | Code::FactUnavailable | Code::NotUndoable => {
                "deny"
            }
        };
        Self {
            word,
            code: Some(refusal.code.as_str()),
            rule: refusal.rule.clone(),
            reason: Some(refusal.reason.clone()),
            retry_after_seconds: refusal.structured().get("retryAfterSeconds").cloned(),
            approval: None,
        }
    }

    fn sentence(&self) -> String {
        let mut text = format!("decision: {}", self.word);
        if let Some(rule) = &self.rule {
            let _ = write!(text, " by {rule}");
        }
        if let Some(reason) = &self.reason {
            let _ = write!(text, ": {reason}");
        }
        match self.approval {
            Some(Approval::Client) => text.push_str(" (by its client, or by `plex-mcp approve`)"),
            Some(Approval::OutOfBand) => text.push_str(" (by `plex-mcp approve`)"),
            None => {}
        }
        if let Some(seconds) = &self.retry_after_seconds {
            let _ = write!(text, " (possible again in {seconds} s)");
        }
        text
    }
}

fn parts(explanation: &Explanation) -> String {
    let mut text = String::from("blocks, the most specific first:");
    for block in explanation.verdict.iter().flat_map(|verdict| &verdict.blocks) {
        let action = block.action.map(|action| format!("  action {action}")).unwrap_or_default();
        let _ = write!(text, "\n  {}{action}", block.at);
    }
    text.push_str("\nconditions:");
    for asked in &explanation.conditions {
        let _ = write!(text, "\n  {}  {}: {}", asked.rule(), asked.text(), asked.outcome());
    }
    if explanation.conditions.iter().any(|asked| asked.outcome() == "later") {
        text.push_str("\n  (facts are judged when the call has looked them up)");
    }
    text.push_str("\nlimits:");
    for left in &explanation.limits {
        let _ = write!(text, "\n  {}  {}: {} left", left.limit.rule, left.limit, left.left);
    }
    text
}
