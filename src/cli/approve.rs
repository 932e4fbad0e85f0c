//! `plex-mcp approve`: the owner's word on a call that waits.

use super::{
    Failure,
    approvals::{ledger, standing},
    say, terminal,
};
use crate::{
    config::{Config, Settings, permissions::user},
    guard::{Answer, Approvable, Said, Way, heading},
};
use std::path::Path;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The approvalId that the refusal named; `plex-mcp approvals` lists all
    id: String,
    /// Decline the call instead
    #[arg(long)]
    decline: bool,
    /// Don't ask at the terminal whether it is really to be approved
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run(options: Options, settings: Settings) -> Result<(), Failure> {
    let Options { id, decline, yes } = options;
    let id = id.trim().to_ascii_lowercase();
    let config = Config::new(settings);
    let ledger = ledger(&config)?;
    let not_there = || not_there(&id, &config.ledger);
    let waiting = ledger.approvals().await?.into_iter().find(|one| one.id == id).ok_or_else(not_there)?;
    if waiting.way != Way::Owner || waiting.said != Said::Nothing {
        return Err(Failure::Failed(anyhow::anyhow!(
            "{id} can't be decided about any more: it is {}",
            standing(&waiting)
        )));
    }
    // Shown to whoever approves, since the name alone may come from anyone.
    say(format!("{}\n\n{}\n", heading(&waiting.tool, &waiting.grant), waiting.text))?;
    if !decline && !yes && terminal::is_attended() && terminal::confirms("Approve?").await != Answer::Approved {
        return say("left as it was; --decline declines it");
    }
    let decided = ledger.decide(&id, !decline, &user()).await?.ok_or_else(not_there)?;
    let Approvable { said, left, .. } = &decided;
    match (said, decline) {
        (Said::Approved, false) => {
            say(format!("approved: the same call passes once within {} minutes, if nothing changed", minutes(left)))
        }
        (Said::Declined, true) => say(format!("declined: the same call is refused for {} minutes", minutes(left))),
        _ => Err(Failure::Failed(anyhow::anyhow!("{id} was decided about meanwhile: it is {}", standing(&decided)))),
    }
}

fn minutes(left: &std::time::Duration) -> u64 {
    left.as_secs() / 60
}

fn not_there(id: &str, ledger: &Path) -> Failure {
    let shown: String = id.chars().filter(char::is_ascii_graphic).take(40).collect();
    Failure::Failed(anyhow::anyhow!(
        "no call waits under the name {shown} in the ledger {}: it was used, has run out, or never was; \
         `plex-mcp approvals` lists all, and PLEX_LEDGER names the ledger where the server has another one",
        ledger.display()
    ))
}
