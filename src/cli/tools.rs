//! `plex-mcp tools`: the table of tools.

use super::{Failure, say};
use crate::{
    app::load_policy,
    config::{Config, Settings},
    guard::Verdict,
    tools::{self, ToolInfo},
};
use std::fmt::Write as _;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// As a Markdown table without the policy's part, as the README has it
    #[arg(long)]
    markdown: bool,
    /// As JSON, schemas included
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
}

pub(super) fn run(options: &Options, settings: Settings) -> Result<(), Failure> {
    if options.markdown {
        say(markdown())?;
        return Ok(());
    }
    let config = Config::new(settings);
    let (policy, grant) = (load_policy(&config.policy)?, config.grant);
    let rows = tools::all().iter().map(|tool| {
        let verdict = policy.verdict(&grant, tool.name);
        let action = verdict.map_or("hidden", says).to_owned();
        (tool, action)
    });
    if options.json {
        let rows: Vec<_> = rows
            .map(|(tool, action)| {
                serde_json::json!({
                    "name": tool.name, "title": tool.title, "kind": tool.subject.kind.as_str(),
                    "service": tool.subject.service.as_str(), "policy": action, "description": tool.description,
                    "inputSchema": tool.input, "outputSchema": tool.output,
                })
            })
            .collect();
        say(serde_json::to_string_pretty(&rows)?)?;
        return Ok(());
    }
    say(format!("{:<28} {:<12} {:<8} {:<7} LIMITS", "TOOL", "KIND", "SERVICE", "POLICY"))?;
    for (tool, action) in rows {
        let (kind, service) = (tool.subject.kind.as_str(), tool.subject.service.as_str());
        let limits: Vec<_> =
            policy.verdict(&grant, tool.name).into_iter().flat_map(|verdict| &verdict.limits).collect();
        let limits = limits.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        say(format!("{:<28} {kind:<12} {service:<8} {action:<7} {limits}", tool.name))?;
    }
    Ok(())
}

fn says(verdict: &Verdict) -> &'static str {
    if verdict.hidden { "hidden" } else { verdict.action.as_str() }
}

/// The table in the README.
pub(crate) fn markdown() -> String {
    let mut table = String::from("| Tool | Kind | What it does |\n|---|---|---|");
    for tool in tools::all() {
        let _ = write!(table, "\n| `{}` | {} | {} |", tool.name, tool.subject.kind, first_sentence(tool));
    }
    table
}

fn first_sentence(tool: &ToolInfo) -> &str {
    tool.description.split_inclusive(". ").next().unwrap_or_default().trim_end()
}
