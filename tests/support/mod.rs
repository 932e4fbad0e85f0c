//! What the tests share: a sample Plex server, the real binary as a client starts it, and clients that speak to it.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and each test file uses its own part of this"
)]

pub mod contract;
pub mod household;
pub mod trouble;

use plex_mcp::demo::{Options, SamplePlex};
use plex_mcp::guard::{Ledger, Row, Service};
use rmcp::{
    ClientHandler, RoleClient, ServiceExt as _,
    model::{CallToolRequestParams, CallToolResult, ProgressNotificationParam},
    service::{NotificationContext, RunningService, ServiceError},
    transport::TokioChildProcess,
};
use serde_json::{Map, Value};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// A policy that allows everything and limits nothing, for tests of what tools do.
pub const OPEN: &str = "version = \"1\"\ndefault = \"allow\"\n";
/// The token of the sample server; it must never be seen anywhere.
pub const TOKEN: &str = "tok-CANARY-123";

/// A folder with a policy, a ledger and an exports directory of its own, and the address of a Plex server.
pub struct Home {
    pub dir: TempDir,
    pub url: String,
    /// Further environment of the binary.
    pub env: Vec<(String, String)>,
}

/// A sample server and a home that points to it.
pub async fn home(options: Options) -> (SamplePlex, Home) {
    let plex = SamplePlex::start(Options { token: TOKEN.into(), ..options }).await.unwrap();
    let home = Home::at(plex.url());
    (plex, home)
}

impl Home {
    pub fn at(url: impl Into<String>) -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap(), url: url.into(), env: Vec::new() };
        home.policy(OPEN);
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn exports(&self) -> PathBuf {
        self.path("exports")
    }

    pub fn policy(&self, text: &str) {
        std::fs::write(self.path("policy.toml"), text).unwrap();
    }

    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.env.push((name.into(), value.into()));
    }

    /// The binary with this home's settings and nothing else of the environment that concerns it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plex-mcp"));
        let concerns_it = |name: &str| {
            ["PLEX_", "SONARR_", "RADARR_", "TRAKT_", "XDG_"].iter().any(|start| name.starts_with(start))
                || name == "RUST_LOG"
        };
        for (name, _) in std::env::vars().filter(|(name, _)| concerns_it(name)) {
            command.env_remove(name);
        }
        command
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("PLEX_URL", &self.url)
            .env("PLEX_TOKEN", TOKEN)
            // The sample server is Plex Discover, too.
            .env("PLEX_DISCOVER_URL", format!("{}/discover", self.url))
            .env("PLEX_POLICY", self.path("policy.toml"))
            .env("PLEX_LEDGER", self.path("ledger.db"))
            .env("PLEX_EXPORT_DIR", self.exports())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true);
        command
    }

    /// Runs a subcommand to its end.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        Finished::of(self.command().args(arguments)).await
    }

    /// The binary behind rmcp's client.
    pub async fn connect(&self) -> Client {
        Client::of(self.command()).await
    }

    /// The binary with its lines in the test's own hands.
    pub fn raw(&self) -> Raw {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut stderr = child.stderr.take().unwrap();
        // Read all the time: a full pipe would hold up the binary.
        let log = tokio::spawn(async move {
            let mut text = String::new();
            tokio::io::AsyncReadExt::read_to_string(&mut stderr, &mut text).await.unwrap();
            text
        });
        Raw { child, stdin, stdout, log, next: 0, seen: Vec::new() }
    }

    /// The rows of the ledger, oldest first.
    pub async fn rows(&self) -> Vec<Row> {
        Ledger::open(&self.path("ledger.db")).unwrap().rows(0, u32::MAX).await.unwrap()
    }

    /// Every file beneath the exports directory, by its path there, temporary ones too.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        collect(&self.exports(), &self.exports(), &mut files);
        files.sort();
        files
    }

    /// An export, if it is there.
    pub fn exported_yet(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.exports().join(name)).ok()
    }

    pub fn exported(&self, name: &str) -> Vec<Value> {
        serde_json::from_slice(&std::fs::read(self.exports().join(name)).unwrap()).unwrap()
    }
}

/// The members of a list; none where there is no list.
pub fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The changing requests that the sample server saw, as method and address.
pub fn changes(plex: &SamplePlex) -> Vec<String> {
    let changing = plex.requests().into_iter().filter(|request| request.method != "GET");
    changing.map(|request| format!("{} {}", request.method, request.path_and_query)).collect()
}

/// Whether one of these texts has that part.
pub fn shows(texts: &Value, part: &str) -> bool {
    array(texts).iter().any(|text| text.as_str().is_some_and(|text| text.contains(part)))
}

/// What the sample server answers as JSON, by its own encoder: the oracle for what the tools read as XML.
pub async fn as_plex_json(plex: &SamplePlex, path: &str) -> Value {
    let request = reqwest::Client::new().get(format!("{}{path}", plex.url())).header("X-Plex-Token", TOKEN);
    let text = request.header("Accept", "application/json").send().await.unwrap().text().await.unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["MediaContainer"].clone()
}

/// Runs a script of `tests/python`, which gets the settings as the binary would and hands them on. Gives what it printed.
pub async fn run_python(python: &str, script: &str, home: &Home) -> String {
    let settings = home.command();
    let mut check = Command::new(python);
    check.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script));
    check.arg(env!("CARGO_BIN_EXE_plex-mcp"));
    check.envs(settings.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = check.output().await.unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    said
}

fn collect(base: &Path, dir: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            collect(base, &path, files);
        } else {
            files.push(path.strip_prefix(base).unwrap().to_str().unwrap().to_owned());
        }
    }
}

/// A subcommand that has ended.
#[derive(Debug)]
pub struct Finished {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub async fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().await.unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[derive(Clone, Default)]
pub struct Handler {
    progress: Arc<Mutex<Vec<ProgressNotificationParam>>>,
}

impl ClientHandler for Handler {
    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.progress.lock().unwrap().push(progress);
    }
}

/// rmcp's client, connected to the binary.
pub struct Client {
    pub service: RunningService<RoleClient, Handler>,
    pub progress: Arc<Mutex<Vec<ProgressNotificationParam>>>,
}

impl Client {
    pub async fn of(command: Command) -> Self {
        let (transport, _) = TokioChildProcess::builder(command).stderr(Stdio::null()).spawn().unwrap();
        let handler = Handler::default();
        let progress = Arc::clone(&handler.progress);
        Self { service: handler.serve(transport).await.unwrap(), progress }
    }

    pub async fn try_call(&self, tool: &str, arguments: Value) -> Result<CallToolResult, ServiceError> {
        let arguments: Map<String, Value> = serde_json::from_value(arguments).unwrap();
        self.service.call_tool(CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments)).await
    }

    /// The structured result of a call that must succeed.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        let result = self.try_call(tool, arguments).await.unwrap();
        assert_ne!(result.is_error, Some(true), "{tool}: {}", text(&result));
        let structured = result.structured_content.clone().unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text(&result)).unwrap(), structured, "text and structure agree");
        structured
    }

    /// Text and structured content of a call that must fail.
    pub async fn fail(&self, tool: &str, arguments: Value) -> (String, Value) {
        let result = self.try_call(tool, arguments).await.unwrap();
        assert_eq!(result.is_error, Some(true), "{tool} should have failed: {}", text(&result));
        (text(&result), result.structured_content.unwrap())
    }

    /// Every tool with the fewest arguments it takes, which fit its schema.
    pub async fn every_call(&self) -> Vec<(String, Value)> {
        let tools = self.service.list_all_tools().await.unwrap();
        let call = |tool: &rmcp::model::Tool| {
            let mut arguments = fewest_arguments(&tool.input_schema);
            arguments.as_object_mut().unwrap().extend(one_of_several(&tool.name));
            (tool.name.to_string(), arguments)
        };
        tools.iter().map(call).collect()
    }

    /// Those of them whose tools ask the Plex server and nobody else.
    pub async fn plex_calls(&self) -> Vec<(String, Value)> {
        let mut calls = self.every_call().await;
        // The guard's own tools look at the policy and at the ledger first.
        calls.retain(|(name, _)| {
            !["get_policy", "undo_change"].contains(&name.as_str())
                && plex_mcp::tools::find(name).unwrap().subject.service == Service::Plex
        });
        calls
    }

    pub async fn close(self) {
        self.service.cancel().await.unwrap();
    }
}

/// What a tool takes of which it needs one or another.
fn one_of_several(tool: &str) -> Map<String, Value> {
    let arguments = match tool {
        "export_library" => serde_json::json!({"libraryKey": "1"}),
        "rate_media" => serde_json::json!({"rating": 5}),
        "update_metadata" => serde_json::json!({"title": "1"}),
        "update_metadata_from_json" => serde_json::json!({"metadata": {"title": "1"}}),
        "create_playlist" => serde_json::json!({"ratingKeys": ["1"]}),
        "add_to_playlist" | "add_to_watchlist" | "remove_from_watchlist" => serde_json::json!({"ratingKey": "1"}),
        "remove_from_playlist" => serde_json::json!({"playlistItemId": "1"}),
        _ => serde_json::json!({}),
    };
    serde_json::from_value(arguments).unwrap()
}

fn fewest_arguments(schema: &Map<String, Value>) -> Value {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let value = |name: &str| {
        let property = &schema["properties"][name];
        match (property["type"].as_str(), property["enum"].get(0)) {
            (_, Some(first)) => first.clone(),
            (Some("integer" | "number"), _) => property.get("minimum").cloned().unwrap_or_else(|| 1.into()),
            (Some("boolean"), _) => false.into(),
            (Some("array"), _) => serde_json::json!(["1"]),
            (Some("object"), _) => serde_json::json!({}),
            _ => "1".into(),
        }
    };
    required.iter().filter_map(Value::as_str).map(|name| (name.to_owned(), value(name))).collect()
}

pub fn text(result: &CallToolResult) -> String {
    result.content.iter().filter_map(|block| block.as_text()).map(|text| text.text.as_str()).collect()
}

/// The binary, spoken to line by line.
pub struct Raw {
    pub child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    log: tokio::task::JoinHandle<String>,
    next: i64,
    /// Every line that came.
    pub seen: Vec<String>,
}

impl Raw {
    pub async fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        stdin.flush().await.unwrap();
    }

    /// The next line, which must be JSON-RPC; none when the binary has closed its output.
    pub async fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = tokio::time::timeout(Duration::from_secs(20), self.stdout.read_line(&mut line));
        if read.await.expect("an answer within 20 s").unwrap() == 0 {
            return None;
        }
        self.seen.push(line.clone());
        let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON on stdout: {line}"));
        assert_eq!(value["jsonrpc"], "2.0", "{line}");
        Some(value)
    }

    /// Sends a request and waits for its answer, passing over notifications.
    pub async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.answer(id).await
    }

    /// Sends a request and returns its id.
    pub async fn begin(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        let request = serde_json::json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params});
        self.send(&request.to_string()).await;
        self.next
    }

    pub async fn answer(&mut self, id: i64) -> Value {
        loop {
            let line = self.line().await.expect("the binary is still there");
            if line["id"] == id && line.get("method").is_none() {
                return line;
            }
        }
    }

    pub async fn initialize(&mut self, version: &str) -> Value {
        let params = serde_json::json!({
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "raw test", "version": "1"},
        });
        let answer = self.request("initialize", params).await;
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        answer
    }

    pub async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.request("tools/call", serde_json::json!({"name": tool, "arguments": arguments})).await
    }

    /// Closes standard input and returns what came on standard error.
    pub async fn close(mut self) -> (Vec<String>, String) {
        self.stdin.take();
        while self.line().await.is_some() {}
        let text = self.log.await.unwrap();
        let status = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{status}: {text}");
        (self.seen, text)
    }
}
