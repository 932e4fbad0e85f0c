//! `plex-mcp call`: one call, through the same handler and guard as a client's.

use super::{Failure, say, start, terminal};
use crate::{
    config::Settings,
    tools::{self, call::Caller},
};
use serde_json::{Map, Value};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The tool's name; `plex-mcp tools` lists them
    tool: String,
    /// The arguments as a JSON object, such as '{"libraryKey": "1"}'
    #[arg(long, value_name = "JSON", default_value = "{}")]
    args: String,
}

pub(super) async fn run(options: Options, settings: Settings) -> Result<(), Failure> {
    let arguments: Map<String, Value> = serde_json::from_str(&options.args)
        .map_err(|error| Failure::Usage(format!("--args must be a JSON object: {error}")))?;
    let app = start(settings)?;
    let result =
        tools::call(&app, &caller(), &options.tool, arguments).await.map_err(|error| Failure::of_tool(&error))?;
    say(serde_json::to_string_pretty(&result)?)?;
    Ok(())
}

/// A caller that Ctrl-C cancels, that asks whoever sits at the terminal, and that waits for jobs to their end.
pub(super) fn caller() -> Caller {
    let mut caller = Caller::new("cli", Some("plex-mcp command line".into()));
    caller.person = terminal::person();
    // Nobody would be there when a job ended later.
    caller.waits_to_end = true;
    let cancelled = caller.cancelled.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancelled.cancel();
        }
    });
    caller
}
