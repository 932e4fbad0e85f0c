//! The command line: one file per subcommand, and what they share.

mod age;
mod approvals;
mod approve;
mod audit;
mod call;
mod demo;
mod export;
mod exports;
mod policy;
mod serve;
mod terminal;
mod tools;

use crate::{
    app::App,
    config::{Config, Settings},
    guard::Code,
    tools::error::ToolError,
};
use clap::{
    ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, builder::Resettable, parser::ValueSource,
};
use std::{
    ffi::{OsStr, OsString},
    io::{self, Write as _},
    iter,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tracing::Level;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// A Model Context Protocol server for Plex that carries its guards inside.
///
/// Without a subcommand it serves one MCP client on standard input and output, which is how clients start it. Every call is
/// judged by the policy and recorded in the ledger, whether it comes from a client or from this command line.
#[derive(Debug, Parser)]
#[command(name = "plex-mcp", version, about, long_about, after_help = AFTER_HELP, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

const AFTER_HELP: &str = "\
Try it without a Plex server:   plex-mcp demo
See what an agent may do:       plex-mcp tools
Export a library yourself:      plex-mcp export Movies
See what was done:              plex-mcp audit
See what waits for your yes:    plex-mcp approvals

Exit codes: 0 done, 1 failed, 2 wrong usage or arguments, 3 refused by the policy.
Logs go to standard error; RUST_LOG=info or debug shows more of them.";

/// How long work that was cut short has to clean up after itself.
const SHUTDOWN: Duration = Duration::from_secs(5);

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve one MCP client on standard input and output (what no subcommand does)
    Serve,
    /// List the tools with what each does and what the policy says of it
    Tools(tools::Options),
    /// Call a tool as a client would, and print its result as JSON
    Call(call::Options),
    /// Export a library to a file, with a progress bar
    Export(Box<export::Options>),
    /// List, verify and remove finished exports
    Exports(exports::Options),
    /// List the calls that wait for a person
    Approvals(approvals::Options),
    /// Approve a call that waits for you, or decline it
    Approve(approve::Options),
    /// Show, follow and verify the ledger of all calls
    Audit(audit::Options),
    /// Check, explain, convert or begin a policy
    Policy(policy::Options),
    /// Show the server at work on a made-up Plex server, or keep that up to try in your own client
    Demo(demo::Options),
}

/// Why a subcommand did not do what it was asked.
#[derive(Debug)]
enum Failure {
    /// Something failed; exit code 1.
    Failed(anyhow::Error),
    /// The arguments were wrong; exit code 2.
    Usage(String),
    /// The policy refused; exit code 3.
    Refused(String),
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Failure {
    fn of_tool(error: &ToolError) -> Self {
        let text = error.to_string();
        match error {
            ToolError::Refused(refusal) if refusal.code != Code::LedgerUnavailable => Self::Refused(text),
            ToolError::Arguments(_) | ToolError::Unknown(_) => Self::Usage(text),
            _ => Self::Failed(anyhow::anyhow!(text)),
        }
    }
}

/// The command line. A variable that is set to nothing counts as unset, since clients and container files write that for what
/// was left blank.
fn command_line() -> clap::Command {
    Cli::command().mut_args(|argument| {
        if argument.get_env().is_some_and(is_blank) { argument.env(Resettable::Reset) } else { argument }
    })
}

#[expect(clippy::disallowed_methods, reason = "looks which of the settings' variables are blank; config reads them")]
fn is_blank(variable: &OsStr) -> bool {
    std::env::var_os(variable).is_some_and(|value| value.is_empty())
}

/// The variables that the settings are read from.
fn setting_variables() -> Vec<OsString> {
    Cli::command().get_arguments().filter_map(|argument| argument.get_env().map(OsStr::to_owned)).collect()
}

/// Whether the grant is on the command line, and not only in the environment.
fn names_grant(arguments: &ArgMatches) -> bool {
    let all = iter::successors(Some(arguments), |arguments| arguments.subcommand().map(|(_, own)| own));
    all.into_iter().any(|arguments| arguments.value_source("grant") == Some(ValueSource::CommandLine))
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = command_line().get_matches();
    let grant_is_named = names_grant(&arguments);
    let Cli { command, settings } = match Cli::from_arg_matches(&arguments) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    init_log();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::Failed(error.into())),
    };
    let ended = runtime.block_on(run(command.unwrap_or(Command::Serve), settings, grant_is_named));
    // A client may go while a sign-in is being renewed, which works once.
    let settled = async { tokio::time::timeout(SHUTDOWN, crate::trakt::auth::settled()).await };
    if runtime.block_on(settled).is_err() {
        tracing::warn!("Trakt did not answer in time; the sign-in may have to be made again");
    }
    // Some systems read standard input in a thread that nothing can interrupt.
    runtime.shutdown_timeout(SHUTDOWN);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

async fn run(command: Command, settings: Settings, grant_is_named: bool) -> Result<(), Failure> {
    match command {
        Command::Serve => serve::run(settings).await,
        Command::Tools(options) => tools::run(&options, settings),
        Command::Call(options) => call::run(options, settings).await,
        Command::Export(options) => export::run(*options, settings).await,
        Command::Exports(options) => exports::run(&options, settings),
        Command::Approvals(options) => approvals::run(options, settings).await,
        Command::Approve(options) => approve::run(options, settings).await,
        Command::Audit(options) => audit::run(options, settings, grant_is_named).await,
        Command::Policy(options) => policy::run(options, settings).await,
        Command::Demo(options) => demo::run(options).await,
    }
}

fn report(failure: &Failure) -> ExitCode {
    let (text, code) = match failure {
        Failure::Failed(error) => (format!("{error:#}"), 1),
        Failure::Usage(text) => (text.clone(), 2),
        Failure::Refused(text) => (text.clone(), 3),
    };
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "plex-mcp: {text}");
    ExitCode::from(code)
}

/// Logs go to standard error, since standard output belongs to the protocol. The protocol library's warnings repeat what
/// its answers say.
#[expect(clippy::disallowed_methods, reason = "what the settings say is logged already")]
fn init_log() {
    let chosen = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let usual = || Targets::new().with_default(Level::WARN).with_target("rmcp", Level::ERROR);
    // Without colours: the library was built without them, and stops a debug build that asks for them.
    let log = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false).with_ansi(false);
    let _ = tracing_subscriber::registry().with(log).with(chosen.unwrap_or_else(usual)).try_init();
}

fn start(settings: Settings) -> Result<Arc<App>, Failure> {
    Ok(App::new(Config::new(settings))?)
}

/// Prints a line on standard output, which is the result of a subcommand. A closed pipe (`| head`) is no failure, while a
/// full disk is one.
fn say(text: impl AsRef<str>) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{}", text.as_ref()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(anyhow::anyhow!("standard output can't be written to: {error}")))
        }
        _ => Ok(()),
    }
}
