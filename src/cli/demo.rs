//! `plex-mcp demo`: the main job, shown on a made-up Plex server in a few seconds.

use super::{
    Failure,
    export::{self, Exported, Libraries, Library},
    say, setting_variables,
};
use crate::demo::{ArrKind, ArrOptions, Deviations, Options as Sample, SampleArr, SampleLibrary, SamplePlex};
use anyhow::Context as _;
use indicatif::ProgressBar;
use rmcp::{
    ClientHandler, RoleClient, ServiceExt as _,
    model::{CallToolRequestParams, CallToolResult, ProgressNotificationParam},
    service::{NotificationContext, RunningService},
    transport::TokioChildProcess,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::{
    io::{BufRead as _, BufReader, IsTerminal as _},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::process::Command;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Keep the sample server up and print how to register plex-mcp with it in an MCP client
    #[arg(long)]
    serve: bool,
    /// Films in the sample server; they are made up as they are asked for
    #[arg(long, value_name = "N", default_value_t = 25_000)]
    movies: u64,
    /// Shows
    #[arg(long, value_name = "N", default_value_t = 40)]
    shows: u64,
    /// Artists
    #[arg(long, value_name = "N", default_value_t = 30)]
    artists: u64,
    /// Photo albums
    #[arg(long, value_name = "N", default_value_t = 10)]
    photos: u64,
    /// Rows that the play history has at the least; older plays are made up as they are asked for
    #[arg(long, value_name = "N", default_value_t = 0)]
    history: u64,
    /// Port of the sample server with --serve; 0 is any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Pause of the sample server before each answer, in milliseconds; a real server takes some
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Token that the sample server takes
    #[arg(long, value_name = "TOKEN", default_value = "sample-token")]
    token: String,
    /// Directory that the demonstration exports to
    #[arg(long, value_name = "DIR", default_value = "./exports")]
    exports: PathBuf,
}

/// The policy of the demonstration: one export a minute, so that the second one shows what a refusal is.
const POLICY: &str = r#"version = "1"
default = "deny"

[kinds.read]
action = "allow"

[tools.export_library]
action = "allow"
limits = [{ counter = "demo_exports", window = "minute", max = 1 }]
on_deny = "One export a minute is enough for a demonstration."
"#;

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let (movies, shows, artists, photos) = (options.movies, options.shows, options.artists, options.photos);
    let latency = (options.latency_ms > 0).then(|| Duration::from_millis(options.latency_ms));
    let sample = Sample {
        library: SampleLibrary { movies, shows, artists, photos, history: options.history, ..SampleLibrary::default() },
        token: options.token.clone(),
        port: options.port,
        deviations: Deviations { delay: latency, ..Deviations::default() },
        ..Sample::default()
    };
    let plex = SamplePlex::start(sample).await.context("the sample server can't be started")?;
    if options.serve { serve(plex).await } else { show(plex, &options.exports).await }
}

async fn serve(plex: SamplePlex) -> Result<(), Failure> {
    let program = std::env::current_exe().context("the program does not know its own path")?;
    let started = "a sample server can't be started";
    let sonarr = SampleArr::start(ArrOptions::new(ArrKind::Sonarr)).await.context(started)?;
    let radarr = SampleArr::start(ArrOptions::new(ArrKind::Radarr)).await.context(started)?;
    let settings = [
        ("PLEX_URL", plex.url()),
        ("PLEX_TOKEN", plex.token().to_owned()),
        ("SONARR_URL", sonarr.url()),
        ("SONARR_API_KEY", sonarr.api_key().to_owned()),
        ("RADARR_URL", radarr.url()),
        ("RADARR_API_KEY", radarr.api_key().to_owned()),
    ];
    let environment: Map<String, Value> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    let entry = json!({"mcpServers": {"plex": {"command": program, "env": environment}}});
    say(format!("A sample Plex server is up at {}", plex.url()))?;
    say("A sample Sonarr and a sample Radarr are up beside it.\n")?;
    say("Register plex-mcp with them in your MCP client:\n")?;
    say(serde_json::to_string_pretty(&entry)?)?;
    let flags: Vec<String> = settings.iter().map(|(name, value)| format!("--env {name}={value}")).collect();
    say(format!("\nWith Claude Code:\n\n  claude mcp add plex {} -- {}\n", flags.join(" "), program.display()))?;
    say("Ctrl-C stops it.")?;
    tokio::signal::ctrl_c().await?;
    plex.stop().await;
    Ok(())
}

async fn show(plex: SamplePlex, exports: &Path) -> Result<(), Failure> {
    say(format!("1. A sample Plex server answers at {}, with invented titles.", plex.url()))?;
    let own = tempfile::tempdir()?;
    let policy = own.path().join("policy.toml");
    tokio::fs::write(&policy, POLICY).await?;

    say(
        "2. plex-mcp is started as an MCP client starts it: a child process that speaks on its standard input and output.",
    )?;
    let mut command = Command::new(std::env::current_exe()?);
    // What is set for the user's own server has no place here.
    for variable in setting_variables() {
        command.env_remove(variable);
    }
    command
        .env("PLEX_URL", plex.url())
        .env("PLEX_TOKEN", plex.token())
        .env("PLEX_POLICY", &policy)
        .env("PLEX_LEDGER", own.path().join("ledger.db"))
        .env("PLEX_EXPORT_DIR", exports);
    let bar = if std::io::stderr().is_terminal() { export::bar() } else { ProgressBar::hidden() };
    let client = Client { bar: bar.clone() }.serve(TokioChildProcess::new(command)?).await?;

    say("\n3. The agent asks: get_libraries")?;
    let answer: Libraries = structured(call(&client, "get_libraries", json!({})).await?)?;
    for Library { key, title, kind, count } in answer.libraries {
        let count = count.map_or_else(|| "?".to_owned(), |count| count.to_string());
        say(format!("   {key:>3}  {title:<14} {kind:<8} {count:>9} items"))?;
    }

    say(
        "\n4. The agent asks: export_library {\"libraryKey\": \"1\", \"overwrite\": true, \"outputPath\": \"demo.json\"}",
    )?;
    let arguments = json!({"libraryKey": "1", "outputPath": "demo.json", "overwrite": true});
    let exported: Exported = structured(call(&client, "export_library", arguments.clone()).await?)?;
    bar.finish_and_clear();
    say(format!("   {exported}"))?;
    let file = exports.join(&exported.output_path);
    say("   It begins with:")?;
    for line in first_lines(&file, 3)? {
        say(format!("   {line}"))?;
    }

    say("\n5. The agent asks for the same again. The policy allows one export a minute here:")?;
    let refused = call(&client, "export_library", arguments).await?;
    say(format!("   {}", text(&refused)))?;
    say(format!("   {}", refused.structured_content.unwrap_or_default()))?;
    client.cancel().await?;
    plex.stop().await;

    say(format!("\nThe export is in {}.", file.canonicalize().unwrap_or(file).display()))?;
    say("Try it in your own MCP client, still without a Plex server:  plex-mcp demo --serve")?;
    Ok(())
}

#[derive(Clone)]
struct Client {
    bar: ProgressBar,
}

impl ClientHandler for Client {
    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of items")]
        export::draw(&self.bar, progress.progress as u64, progress.total.map(|total| total as u64));
    }
}

async fn call(
    client: &RunningService<RoleClient, Client>,
    tool: &'static str,
    arguments: Value,
) -> Result<CallToolResult, Failure> {
    let arguments: Map<String, Value> = serde_json::from_value(arguments)?;
    Ok(client.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await?)
}

fn structured<T: DeserializeOwned>(result: CallToolResult) -> Result<T, Failure> {
    if result.is_error == Some(true) {
        return Err(Failure::Failed(anyhow::anyhow!(text(&result))));
    }
    Ok(serde_json::from_value(result.structured_content.unwrap_or_default())?)
}

fn text(result: &CallToolResult) -> String {
    result.content.iter().filter_map(|block| block.as_text()).map(|text| text.text.as_str()).collect()
}

/// The first lines of a file, each cut to what fits a terminal.
#[expect(clippy::disallowed_methods, reason = "the demonstration shows the file that it had exported")]
fn first_lines(file: &Path, count: usize) -> std::io::Result<Vec<String>> {
    let lines = BufReader::new(std::fs::File::open(file)?).lines().take(count);
    lines
        .map(|line| {
            let line = line?;
            let shown: String = line.chars().take(150).collect();
            Ok(if shown.len() < line.len() { format!("{shown} ...") } else { line })
        })
        .collect()
}
