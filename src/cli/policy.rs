//! `plex-mcp policy`: looking at policies.

use super::{Failure, say};
use crate::{
    app::load_policy,
    config::{Config, PolicySource, Settings},
};
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether a policy is valid, with every error and its line
    Check {
        /// The policy's file; without it the one that would rule
        file: Option<PathBuf>,
    },
}

pub(super) fn run(options: Options, settings: Settings) -> Result<(), Failure> {
    let Command::Check { file } = options.command;
    let source = file.map_or_else(|| Config::new(settings).policy, PolicySource::File);
    let policy = load_policy(&source)?;
    for warning in policy.warnings() {
        say(format!("warning: {warning}"))?;
    }
    say(format!("{source} is valid (hash {})", policy.hash()))?;
    Ok(())
}
