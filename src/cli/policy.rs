//! `plex-mcp policy`: looking at policies, and beginning one.

mod explain;
mod import;

use super::{Failure, say};
use crate::{
    app::load_policy,
    config::{Config, PolicySource, Settings, own_policy, write_policy},
    guard::{Policy, SHIPPED},
    tools,
};
use clap::Subcommand;
use std::{io, path::PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether a policy is valid, with every error and its line
    Check {
        /// The policy's file, in TOML or JSON; without it the one that would rule
        file: Option<PathBuf>,
    },
    /// Say what the guard would decide about a call now, and why; nothing is called, taken or recorded
    Explain(explain::Options),
    /// Print a policy that is written in JSON as TOML
    Import {
        /// The policy's file
        file: PathBuf,
    },
    /// Write the policy as shipped, with its comments, to where your own is looked for, or to --policy
    Init {
        /// Replace a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Print a JSON Schema of policies, for editors
    Schema,
}

pub(super) async fn run(options: Options, settings: Settings) -> Result<(), Failure> {
    match options.command {
        Command::Check { file } => check(file, settings),
        Command::Explain(options) => explain::run(options, settings).await,
        Command::Import { file } => import::run(file),
        Command::Init { force } => init(force, settings),
        Command::Schema => say(serde_json::to_string_pretty(&Policy::schema(tools::catalogue()))?),
    }
}

fn check(file: Option<PathBuf>, settings: Settings) -> Result<(), Failure> {
    let source = file.map_or_else(|| Config::new(settings).policy, PolicySource::File);
    let policy = load_policy(&source)?;
    for warning in policy.warnings() {
        say(format!("warning: {warning}"))?;
    }
    say(format!("{source} is valid (hash {})", policy.hash()))
}

fn init(force: bool, settings: Settings) -> Result<(), Failure> {
    let path = settings.policy.or_else(own_policy).ok_or_else(|| {
        Failure::Usage("there is no configuration directory on this system: name a file with --policy".to_owned())
    })?;
    match write_policy(&path, SHIPPED, force) {
        Ok(()) => say(format!("wrote {}: edit it, then try `plex-mcp policy check`", path.display())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::Failed(anyhow::anyhow!(
            "{} is there already, and was left as it is; --force replaces it",
            path.display()
        ))),
        Err(error) => Err(Failure::Failed(anyhow::anyhow!("{} can't be written: {error}", path.display()))),
    }
}
