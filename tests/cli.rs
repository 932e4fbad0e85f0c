//! The command line: what each subcommand prints, its exit codes, and that nothing it is given makes it panic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

mod support;

use plex_mcp::demo::{Options, SampleLibrary, SamplePlex};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};
use support::{Finished, Home, TOKEN, home};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
};

/// Some of the tools and their kinds.
const TOOLS: [(&str, &str); 5] = [
    ("get_libraries", "read"),
    ("get_library_items", "read"),
    ("get_media_details", "read"),
    ("search_media", "read"),
    ("export_library", "write"),
];
const LIBRARIES: [&str; 4] = ["Movies", "TV Shows", "Music", "Photos"];

async fn sample(movies: u64) -> (SamplePlex, Home) {
    home(Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, ..Options::default() }).await
}

impl Finished {
    /// The output of a subcommand that must succeed without a word on standard error.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self.stdout
    }

    /// The one line on standard error of a subcommand that must fail with `code`.
    #[track_caller]
    fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{}", self.stderr);
        let line = self.stderr.strip_prefix("plex-mcp: ").unwrap_or_else(|| panic!("{}", self.stderr));
        assert_eq!(line.lines().count(), 1, "{line}");
        line.trim_end().to_owned()
    }
}

#[tokio::test]
async fn help_tells_of_every_subcommand_and_no_secret() {
    let home = Home::at("http://127.0.0.1:9");
    let long = home.run(&["--help"]).await.done();
    for part in ["serve", "tools", "call", "export", "policy", "demo", "PLEX_URL", "PLEX_LEDGER", "Exit codes: 0 "] {
        assert!(long.contains(part), "{part} is missing in: {long}");
    }
    let export = home.run(&["help", "export"]).await.done();
    for part in [
        "[LIBRARY]",
        "--collection",
        "--playlist",
        "--type",
        "--format",
        "--fields",
        "--output",
        "--detail",
        "--page-size",
        "--overwrite",
        "--plex-url",
    ] {
        assert!(export.contains(part), "{part} is missing in: {export}");
    }
    assert!(!long.contains(TOKEN) && !export.contains(TOKEN), "help shows the values of variables");
    for arguments in [&["--version"][..], &["export", "--version"]] {
        let version = home.run(arguments).await.done();
        assert!(version.trim_end().ends_with(concat!(" ", env!("CARGO_PKG_VERSION"))), "{version}");
    }
    for arguments in [&["exprot"][..], &["--no-such-flag"], &["export"], &["tools", "--json", "--markdown"]] {
        let Finished { code, stdout, stderr } = home.run(arguments).await;
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.starts_with("error: ") && stderr.contains("--help"), "{stderr}");
    }
}

#[tokio::test]
async fn tools_are_shown_with_what_the_policy_says_of_each() {
    let home = Home::at("http://127.0.0.1:9");
    home.policy(
        "version = \"1\"\nhide = [\"search_media\"]\n[kinds.read]\naction = \"allow\"\n[kinds.write]\naction = \"ask\"\n\
         [tools.get_media_details]\naction = \"deny\"\n[tools.get_libraries]\n\
         limits = [{ counter = \"lists\", window = \"hour\", max = 7 }]\n",
    );
    let says = ["allow", "allow", "deny", "hidden", "ask"];
    let table = home.run(&["tools"]).await.done();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["TOOL", "KIND", "SERVICE", "POLICY", "LIMITS"]);
    let line = |name| lines.iter().find(|line| line[0] == name).unwrap_or_else(|| panic!("{name}: {table}"));
    for ((name, kind), says) in TOOLS.into_iter().zip(says) {
        assert_eq!(line(name)[..4], [name, kind, "plex", says], "{table}");
    }
    assert_eq!(line("get_libraries")[4..].join(" "), "at most 7 calls in any hour");

    let json: Vec<Value> = serde_json::from_str(&home.run(&["tools", "--json"]).await.done()).unwrap();
    assert_eq!(json.len(), lines.len() - 1);
    for ((name, kind), says) in TOOLS.into_iter().zip(says) {
        let row = json.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!((&row["name"], &row["kind"], &row["policy"]), (&name.into(), &kind.into(), &says.into()));
        assert!(row["inputSchema"]["properties"].is_object() && row["outputSchema"]["properties"].is_object());
    }
}

#[tokio::test]
async fn the_readme_has_the_table_of_tools() {
    let table = Home::at("http://127.0.0.1:9").run(&["tools", "--markdown"]).await.done();
    for (name, kind) in TOOLS {
        assert!(table.contains(&format!("| `{name}` | {kind} | ")), "{table}");
    }
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, after) = readme.split_once("<!-- tools -->").expect("the README marks where the table begins");
    let (shown, _) = after.split_once("<!-- /tools -->").expect("the README marks where the table ends");
    assert_eq!(shown.trim(), table.trim(), "the README is stale: put in what `plex-mcp tools --markdown` prints");
}

#[tokio::test]
async fn call_prints_the_result_or_says_why_there_is_none() {
    let (_plex, mut home) = sample(3).await;
    let result: Value = serde_json::from_str(&home.run(&["call", "get_libraries"]).await.done()).unwrap();
    assert_eq!(result["libraries"][0]["title"], "Movies");
    let items = home.run(&["call", "get_library_items", "--args", r#"{"libraryKey": 1, "limit": 2}"#]).await.done();
    assert_eq!(serde_json::from_str::<Value>(&items).unwrap()["items"].as_array().unwrap().len(), 2);

    for (arguments, code, expected) in [
        (&["call", "nonsense"][..], 2, "unknown tool: nonsense"),
        (&["call", "get_libraries", "--args", "{nonsense"], 2, "--args must be a JSON object: "),
        (&["call", "get_libraries", "--args", "[1]"], 2, "--args must be a JSON object: "),
        (&["call", "get_libraries", "--args", "null"], 2, "--args must be a JSON object: "),
        (&["call", "get_library_items"], 2, "invalid arguments: libraryKey is required"),
        (&["call", "get_media_details", "--args", r#"{"ratingKey": "999999"}"#], 1, "999999"),
    ] {
        let said = home.run(arguments).await.failed(code);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }

    home.policy("version = \"1\"\n[kinds.read]\naction = \"deny\"\nreason = \"Not today.\"\n");
    assert_eq!(home.run(&["call", "get_libraries"]).await.failed(3), "[POLICY DENIED] Not today.");
    home.policy("version = \"1\"\ndefault = \"allow\"\nhide = [\"get_libraries\"]\n");
    assert_eq!(home.run(&["call", "get_libraries"]).await.failed(2), "unknown tool: get_libraries");

    home.policy(support::OPEN);
    let url = std::mem::replace(&mut home.url, "http://127.0.0.1:9".into());
    assert!(home.run(&["call", "get_libraries"]).await.failed(1).contains("127.0.0.1:9"));
    home.set("PLEX_TOKEN", "wrong");
    let flags = ["--plex-url", &url, "--plex-token", TOKEN];
    // Flags win over variables, before and behind the subcommand.
    home.run(&[&["call", "get_libraries"], &flags[..]].concat()).await.done();
    home.run(&[&flags[..], &["call", "get_libraries"]].concat()).await.done();
    assert!(home.run(&["call", "get_libraries", "--plex-url", &url]).await.failed(1).contains("PLEX_TOKEN"));
}

#[tokio::test]
async fn export_takes_the_filters_of_its_tool() {
    let (_plex, home) = sample(60).await;
    let export = async |flags: &[&str]| {
        home.run(&[&["export", "Movies", "--overwrite", "-o", "films.json"], flags].concat()).await.done();
        home.exported("films.json")
    };
    let all = export(&[]).await;
    let (watched, unwatched) = (export(&["--unwatched", "false"]).await, export(&["--unwatched"]).await);
    assert!(!watched.is_empty() && !unwatched.is_empty());
    assert_eq!(watched.len() + unwatched.len(), all.len());
    assert!(watched.iter().all(|item| item["viewCount"].as_u64() > Some(0)));
    let genre = all[0]["Genre"][0]["tag"].as_str().unwrap();
    let of_genre = export(&["--genre", genre, "--year", "1900-2100", "--added-since", "2000-01-01"]).await;
    let has = |item: &Value| item["Genre"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag["tag"] == genre));
    let expected = |item: &&Value| {
        let (year, added) = (item["year"].as_u64(), item["addedAt"].as_i64());
        has(item) && year.is_some_and(|year| (1_900..=2_100).contains(&year)) && added >= Some(946_684_800)
    };
    assert_eq!(of_genre.len(), all.iter().filter(expected).count());
    let of = |item: &Value, resolution: &str| {
        item["Media"].as_array().is_some_and(|all| all.iter().any(|media| media["videoResolution"] == resolution))
    };
    for resolution in ["1080", "720"] {
        let found = export(&["--resolution", resolution]).await;
        assert_eq!(found.len(), all.iter().filter(|item| of(item, resolution)).count(), "{resolution}");
    }
    for (flags, expected) in [
        (&["--year", "soon"][..], "year must be a year"),
        (&["--resolution", "8k"], "resolution must be one of "),
        (&["--added-since", "x"], "addedSince"),
    ] {
        let said = home.run(&[&["export", "Movies"], flags].concat()).await.failed(2);
        assert!(said.contains(expected), "{flags:?}: {said}");
    }
}

#[tokio::test]
async fn export_takes_a_title_or_a_key_and_says_where_the_file_is() {
    let (_plex, home) = sample(7).await;
    for (arguments, file, count) in [
        (&["export", "Movies", "--output", "a/films.json"][..], "a/films.json", 7),
        (&["export", "tv shows", "-o", "shows.json"], "shows.json", 12),
        (&["export", "3", "--output", "artists.json", "--page-size", "3"], "artists.json", 10),
        (&["export", "Movies", "--detail", "summary", "--output", "short.json"], "short.json", 7),
        (&["export", "TV Shows", "--type", "season", "--output", "seasons.json"], "seasons.json", 40),
        (&["export", "Movies", "--overwrite", "--output", "shows.json"], "shows.json", 7),
    ] {
        let said = home.run(arguments).await.done();
        let items = home.exported(file);
        assert!(if count == 40 { items.len() > 12 } else { items.len() == count }, "{arguments:?}: {}", items.len());
        let mut lines = said.lines();
        assert_eq!(lines.next(), home.exports().join(file).to_str(), "{said}");
        assert!(lines.next().unwrap().starts_with(&format!("{} items, ", items.len())), "{said}");
        assert_eq!(lines.next(), None);
    }
    let short = home.exported("short.json");
    assert!(short.iter().all(|item| item["title"].is_string() && item.get("Media").is_none()));
    assert!(home.exported("seasons.json").iter().all(|item| item["type"] == "season"));
    let unnamed = home.run(&["export", "1"]).await.done();
    assert!(Path::new(unnamed.lines().next().unwrap()).is_file(), "{unnamed}");

    let files = home.files();
    for (arguments, code, expected) in [
        (&["export", "Films"][..], 2, "there is no library called Films; there are: Movies, TV Shows, Music, Photos"),
        (&["export", "999"], 1, "999"),
        (&["export", ""], 2, "libraryKey must be a number"),
        (&["export", "Movies", "--output", "shows.json"], 1, "shows.json exists already"),
        (&["export", "Movies", "--output", "../out.json"], 2, "outputPath"),
        (&["export", "Movies", "--type", "hologram"], 2, "type must be one of movie, show, "),
        (&["export", "Movies", "--detail", "much"], 2, "detail must be one of "),
        (&["export", "Movies", "--page-size", "0"], 2, "pageSize must be a whole number from 1 to "),
    ] {
        let said = home.run(arguments).await.failed(code);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    home.policy("version = \"1\"\n[kinds.read]\naction = \"allow\"\n");
    assert!(home.run(&["export", "Movies"]).await.failed(3).starts_with("[POLICY DENIED] "));
    assert_eq!(home.files(), files);
    let rows = home.rows().await;
    assert!(rows.iter().all(|row| row.client.as_deref() == Some("plex-mcp command line")), "the same guard and ledger");
    assert_eq!(rows.iter().filter(|row| row.affected.bytes.is_some()).count(), 7);
}

#[tokio::test]
async fn policy_check_says_whether_a_policy_is_valid_and_where_it_is_not() {
    let home = Home::at("http://127.0.0.1:9");
    let good = home.run(&["policy", "check"]).await.done();
    assert!(good.contains("policy.toml is valid (hash ") && good.lines().count() == 1, "{good}");
    fs::write(
        home.path("strict.toml"),
        "version = \"1\"\n[all_tools]\nlimits = [{ counter = \"a\", window = 1, max = 0 }]",
    )
    .unwrap();
    let warned = home.run(&["policy", "check", "strict.toml"]).await.done();
    assert!(warned.starts_with("warning: line 3: ") && warned.contains("\nstrict.toml is valid (hash "), "{warned}");

    fs::write(
        home.path("bad.toml"),
        "version = \"1\"\ndefault = \"alow\"\n\n[tools.export_libary]\naction = \"deny\"\n[exports]\nmax_items = \"many\"\n",
    )
    .unwrap();
    let Finished { code, stdout, stderr } = home.run(&["policy", "check", "bad.toml"]).await;
    assert_eq!((code, stdout.as_str()), (1, ""));
    for part in
        ["bad.toml", "line 2, ", "`alow`", "line 4, ", "did you mean `export_library`?", "line 7, ", "max_items"]
    {
        assert!(stderr.contains(part), "{part} is missing in: {stderr}");
    }
    assert_eq!(stderr.lines().count(), 4, "{stderr}");
    let said = home.run(&["policy", "check", "absent.toml"]).await.failed(1);
    assert!(said.starts_with("the policy absent.toml can't be read: "), "{said}");
    // Nothing was opened or made for a look at a policy.
    assert!(!home.path("ledger.db").exists() && !home.exports().exists());
}

#[tokio::test]
async fn a_variable_that_is_set_to_nothing_counts_as_unset() {
    let (_plex, mut home) = sample(3).await;
    for name in ["PLEX_TOKEN_FILE", "PLEX_CA_FILE", "PLEX_INSECURE_TLS", "PLEX_GRANT"] {
        home.set(name, "");
    }
    home.run(&["call", "get_libraries"]).await.done();
    assert_eq!(home.rows().await[0].grant, "default");
    // Elsewhere the user's own directories are not those that HOME names.
    #[cfg(unix)]
    {
        for name in ["PLEX_POLICY", "PLEX_LEDGER", "PLEX_EXPORT_DIR"] {
            home.set(name, "");
        }
        home.run(&["export", "Movies", "--output", "x.json"]).await.done();
        assert_eq!(home.exported("x.json").len(), 3);
        assert!(home.path(".local/state/plex-mcp/ledger.db").is_file());
    }
    home.set("PLEX_URL", "");
    assert!(home.run(&["call", "get_libraries"]).await.failed(1).contains("PLEX_URL is not set"));
}

#[tokio::test]
async fn output_that_no_one_reads_and_odd_log_settings_are_no_failure() {
    let (_plex, mut home) = sample(3).await;
    let commands = [
        &["--help"][..],
        &["tools"],
        &["tools", "--json"],
        &["tools", "--markdown"],
        &["policy", "check"],
        &["call", "get_libraries"],
        &["export", "Movies", "--output", "x.json", "--overwrite"],
        &["demo", "--movies", "5", "--exports", "demo"],
    ];
    for filter in ["nonsense", "a=b=c", "=", "plex_mcp=loud", ""] {
        home.set("RUST_LOG", filter);
        home.run(&["tools"]).await.done();
    }
    for arguments in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = home.command();
        let child = command.args(arguments).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        let output = child.wait_with_output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{arguments:?} | head");
    }
    assert_eq!(home.exported("x.json").len(), 3);

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = home.command();
    let mut server = command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"gone","version":"1"}}}"#;
    server.stdin.take().unwrap().write_all(format!("{hello}\n").as_bytes()).await.unwrap();
    let output = tokio::time::timeout(Duration::from_secs(10), server.wait_with_output()).await.unwrap().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "a client that does not read is a failure: {stderr}");
    assert!(stderr.starts_with("plex-mcp: ") && stderr.lines().count() == 1, "{stderr}");

    #[cfg(unix)]
    for arguments in commands {
        let mut shell = Command::new("sh");
        shell.current_dir(home.dir.path()).envs(home.command().as_std().get_envs().filter_map(|(k, v)| Some((k, v?))));
        shell.args(["-c", "exec \"$0\" \"$@\" >&-", env!("CARGO_BIN_EXE_plex-mcp")]).args(arguments);
        assert_eq!(Finished::of(&mut shell).await.done(), "", "{arguments:?} >&-");
    }
    #[cfg(target_os = "linux")]
    for arguments in [&["tools"][..], &["call", "get_libraries"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = home.command();
        let child = command.args(arguments).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        let output = child.wait_with_output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "a result that was lost is a failure: {stderr}");
        assert!(stderr.contains("standard output can't be written to") && stderr.lines().count() == 1, "{stderr}");
    }
}

#[tokio::test]
async fn the_demo_lists_exports_and_is_refused_whatever_else_is_set() {
    let mut home = Home::at("http://127.0.0.1:9");
    home.policy("version = \"1\"\n");
    for name in ["PLEX_TOKEN_FILE", "PLEX_CA_FILE", "PLEX_POLICY", "PLEX_LEDGER", "PLEX_EXPORT_DIR"] {
        home.set(name, home.path("policy.toml/absent").to_str().unwrap());
    }
    home.set("PLEX_INSECURE_TLS", "1");
    let started = Instant::now();
    for _ in 0..2 {
        let said = home.run(&["demo", "--movies", "3000", "--shows", "7"]).await.done();
        for library in LIBRARIES {
            assert!(said.lines().any(|line| line.contains(library) && line.ends_with(" items")), "{library}: {said}");
        }
        let file = home.exports().join("demo.json");
        let shown = file.canonicalize().unwrap();
        for part in ["3000 items", "{\"ratingKey\":\"1000\"", "[POLICY DENIED] ", "\"retryAfterSeconds\":"] {
            assert!(said.contains(part), "{part} is missing in: {said}");
        }
        assert!(said.contains(&format!("The export is in {}.", shown.display())), "{said}");
        let digest = said.split_once("SHA-256 ").unwrap().1.lines().next().unwrap();
        assert_eq!(digest.len(), 64);
        assert_eq!(home.exported("demo.json").len(), 3000);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let left: Vec<_> = fs::read_dir(home.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "besides the policy and the exports: {left:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_demo_that_serves_prints_a_configuration_that_works_until_it_is_interrupted() {
    let home = Home::at("http://127.0.0.1:9");
    let mut command = home.command();
    command
        .args(["demo", "--serve", "--movies", "9"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while said.last().is_none_or(|line| line != "Ctrl-C stops it.") {
        let line = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await.unwrap().unwrap();
        said.push(line.expect("it goes on until it is stopped"));
    }
    let begin = said.iter().position(|line| line == "{").unwrap();
    let end = said.iter().position(|line| line == "}").unwrap();
    let configuration: Value = serde_json::from_str(&said[begin..=end].join("\n")).unwrap();
    let entry = &configuration["mcpServers"]["plex"];
    let env: Vec<(&str, &str)> = entry["env"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    assert!(said.iter().any(|line| line.trim().starts_with("claude mcp add plex --env PLEX_URL=http://127.0.0.1:")));

    let call = async |tool: &str| {
        let mut client = Command::new(entry["command"].as_str().unwrap());
        client.current_dir(home.dir.path()).env_clear().env("HOME", home.dir.path()).envs(env.iter().copied());
        Finished::of(client.args(["call", tool])).await.done()
    };
    let status: Value = serde_json::from_str(&call("arr_get_status").await).unwrap();
    assert_eq!(status["ok"], true, "Sonarr and Radarr are there too: {status}");
    let finished = call("get_libraries").await;
    assert_eq!(
        serde_json::from_str::<Value>(&finished).unwrap()["libraries"][0]["count"],
        9,
        "as the configuration says"
    );

    let process = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let output = tokio::time::timeout(Duration::from_secs(5), child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
