//! `plex-mcp policy import`: a policy in JSON, such as `PolicyLayer`'s, as TOML.

use super::super::{Failure, say};
use crate::{
    app::load_policy,
    config::{PolicySource, read_policy},
    guard::Policy,
    tools,
};
use anyhow::Context as _;
use std::path::PathBuf;

pub(super) fn run(file: PathBuf) -> Result<(), Failure> {
    let source = PolicySource::File(file);
    let policy = load_policy(&source)?;
    let text = read_policy(&source)?;
    let tree: serde_json::Value = serde_json::from_str(&text)
        .map_err(|_| Failure::Usage(format!("{source} is no JSON, so it is TOML already")))?;
    let converted = toml::to_string_pretty(&tree).context("the policy can't be written as TOML")?;
    // What is printed is what was read, or it is not printed.
    let same = Policy::parse(&converted, tools::catalogue()).is_ok_and(|read| read.agrees_with(&policy));
    if !same {
        return Err(anyhow::anyhow!("{source} would not say the same as TOML; use it as it is").into());
    }
    say(converted.trim_end())
}
