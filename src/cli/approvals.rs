//! `plex-mcp approvals`: what waits for a person.

use super::{Failure, say};
use crate::{
    config::{Config, Settings},
    guard::{Approvable, Audit, Ledger, Said, Way},
};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options, settings: Settings) -> Result<(), Failure> {
    let all = ledger(&Config::new(settings))?.approvals().await?;
    if options.json {
        let all: Vec<_> = all.iter().map(as_json).collect();
        return say(serde_json::to_string_pretty(&all)?);
    }
    if all.is_empty() {
        return say("nothing waits for a person");
    }
    for one in &all {
        let Approvable { id, grant, tool, .. } = one;
        let (age, left) = (one.age.as_secs(), one.left.as_secs());
        say(format!("{id}  {tool}  {}, {age} s ago, {left} s left  (grant {grant})", standing(one)))?;
        say(format!("  {}", summary(one)))?;
    }
    Ok(())
}

/// The ledger that is there: neither of the subcommands makes one.
pub(super) fn ledger(config: &Config) -> Result<Ledger, Failure> {
    drop(Audit::open(&config.ledger)?);
    Ok(Ledger::open_with_key(&config.ledger, &config.ledger_key)?)
}

/// Where a call stands.
pub(super) fn standing(one: &Approvable) -> &'static str {
    match (one.way, one.said) {
        (Way::Owner, Said::Nothing) => "waits for you",
        (_, Said::Approved) => "approved",
        (_, Said::Declined) => "declined",
        (Way::Waiting | Way::Rounds, Said::Nothing) => "asked in its client",
    }
}

fn summary(one: &Approvable) -> &str {
    one.text.lines().next().unwrap_or_default()
}

fn as_json(one: &Approvable) -> serde_json::Value {
    json!({
        "id": one.id, "tool": one.tool, "grant": one.grant, "askedBy": one.way, "state": one.said,
        "summary": summary(one), "text": one.text, "ageSeconds": one.age.as_secs(), "leftSeconds": one.left.as_secs(),
    })
}
