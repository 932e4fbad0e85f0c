//! `plex-mcp audit`: looking at the ledger, checking it, and deleting old rows.

mod show;
mod stats;
mod verify;

use super::{Failure, age, say};
use crate::{
    config::{Config, Settings},
    guard::{Audit, Decision, Ledger, LedgerError},
};
use clap::Subcommand;
use std::{path::PathBuf, time::Duration};

#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "With --grant NAME on the command line, only the calls under that name are shown."
)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    show: Show,
}

/// Which calls are shown, and how. The setting --grant, where it is on the command line, is a filter too.
#[derive(Debug, clap::Args)]
struct Show {
    /// Go on with what comes, and with calls that end, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Only calls of this tool
    #[arg(long, value_name = "TOOL")]
    tool: Option<String>,
    /// Only calls that this was decided about: allow, deny, limit, ask, approved, declined or invalid
    #[arg(long, value_name = "DECISION", value_parser = decision)]
    decision: Option<Decision>,
    /// Only what came after: a time (2026-01-31T20:00:00Z), a date, or a span before now (90m, 24h, 7d)
    #[arg(long, value_name = "TIME", value_parser = age::since)]
    since: Option<i64>,
    /// Only the newest so many
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether the ledger is as it was written, and what is not
    Verify,
    /// Count calls, refusals, failures, items and bytes by day and tool
    Stats {
        /// Only what came after: a time, a date, or a span before now
        #[arg(long, value_name = "TIME", value_parser = age::since)]
        since: Option<i64>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete old rows; what is left can still be verified
    Prune {
        /// How old, at least 31d, since limits count that far back
        #[arg(long, value_name = "SPAN", value_parser = age::span)]
        older_than: Duration,
    },
}

/// `named` tells whether the grant was named on the command line: the variable is there to count this client's calls.
pub(super) async fn run(options: Options, settings: Settings, named: bool) -> Result<(), Failure> {
    let grant = named.then(|| settings.grant.clone());
    let Places { ledger, key } = Places::new(settings);
    // Even pruning never makes a ledger.
    let mut audit = Audit::open(&ledger)?;
    match options.command {
        None => show::run(options.show, grant, &audit).await,
        Some(Command::Verify) => verify::run(&audit.verify(&key)?),
        Some(Command::Stats { since, json }) => stats::run(&audit.stats(since)?, json),
        Some(Command::Prune { older_than }) => {
            drop(audit);
            let ledger = Ledger::open_with_key(&ledger, &key)?;
            let deleted = ledger.prune(older_than).await.map_err(|error| match error {
                LedgerError::TooYoung => Failure::Usage(format!("--older-than is too short: {error}")),
                error => error.into(),
            })?;
            say(format!("{deleted} rows deleted"))
        }
    }
}

/// Where the ledger and its key are.
struct Places {
    ledger: PathBuf,
    key: PathBuf,
}

impl Places {
    fn new(settings: Settings) -> Self {
        let config = Config::new(settings);
        Self { ledger: config.ledger, key: config.ledger_key }
    }
}

fn decision(name: &str) -> Result<Decision, String> {
    Decision::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Decision::ALL.iter().map(|decision| decision.as_str()).collect();
        format!("it is none of {}", names.join(", "))
    })
}
