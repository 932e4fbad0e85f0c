//! Exports in real trouble: a full disk, kills at any moment, servers that break off, folders that are swapped. After each
//! there is no part of a file under any export's name, nothing outside the directory, an older export as it was, and the
//! next start leaves nothing else behind.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it leaves out"
)]

mod support;

use plex_mcp::demo::{Options, SampleLibrary};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::{
    Finished, Home, home,
    trouble::{self, Trouble},
};

const OLD: &str = "[\n{\"title\":\"an older export\"}\n]\n";

fn movies(movies: u64) -> Options {
    Options { library: SampleLibrary { movies, ..SampleLibrary::default() }, ..Options::default() }
}

fn with_old(home: &Home) {
    fs::create_dir_all(home.exports()).unwrap();
    fs::write(home.exports().join("old.json"), OLD).unwrap();
}

/// The arguments of `plex-mcp call` for an export over the older one.
fn over_old() -> [String; 4] {
    let arguments = json!({"libraryKey": "1", "outputPath": "old.json", "overwrite": true, "pageSize": 50});
    ["call", "export_library", "--args", &arguments.to_string()].map(str::to_owned)
}

/// What holds after every failure, and after the next start.
async fn nothing_happened(home: &Home) {
    assert_eq!(fs::read_to_string(home.exports().join("old.json")).unwrap(), OLD);
    assert_eq!(home.run(&["exports"]).await.code, 0);
    assert_eq!(home.files(), ["old.json"]);
}

#[tokio::test]
async fn kills_at_a_hundred_moments_leave_the_old_file_or_the_new_one() {
    let (_plex, home) = home(movies(1_500)).await;
    let call = over_old();
    with_old(&home);
    let begin = std::time::Instant::now();
    assert_eq!(home.run(&call.each_ref().map(String::as_str)).await.code, 0);
    let whole = begin.elapsed();
    let new = fs::read(home.exports().join("old.json")).unwrap();
    let (mut cut, mut random) = (0, 12_345_u32);
    for round in 0..100 {
        with_old(&home);
        let mut child = home.command().args(&call).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        random = random.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        tokio::time::sleep(whole.mul_f64(f64::from(random >> 16 & 0x7fff) / 29_000.0)).await;
        child.kill().await.unwrap();
        let found = fs::read(home.exports().join("old.json")).unwrap();
        assert!(found == OLD.as_bytes() || found == new, "round {round}: {} bytes", found.len());
        cut += usize::from(found == OLD.as_bytes());
        let visible = home.files().into_iter().filter(|name| !name.starts_with('.')).collect::<Vec<_>>();
        assert_eq!(visible, ["old.json"], "round {round}");
    }
    assert!(cut > 20, "only {cut} of the kills came before the end");
    assert_eq!(home.run(&["exports"]).await.code, 0);
    assert_eq!(home.files(), ["old.json"], "the next start leaves nothing behind");
    assert_eq!(home.run(&call.each_ref().map(String::as_str)).await.code, 0);
    assert_eq!(fs::read(home.exports().join("old.json")).unwrap(), new);
    let verified = home.run(&["exports", "verify"]).await;
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    assert_eq!(home.run(&["audit", "verify"]).await.code, 0, "the ledger holds together");
}

/// A file system of a megabyte, where this process may make one.
struct SmallDisk<'p>(&'p Path);

impl<'p> SmallDisk<'p> {
    fn mount(path: &'p Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mounted =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "small"]).arg(path).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_export_and_nothing_else() {
    let (_plex, home) = home(movies(1_500)).await;
    home.policy("version = \"1\"\ndefault = \"allow\"\n[exports]\nmin_free_bytes = 0\n");
    let exports = home.exports();
    let disk = SmallDisk::mount(&exports);
    if disk.is_none() {
        eprintln!("no file system can be mounted here; the limit on files' sizes stands in for the small disk");
    }
    with_old(&home);
    let call = over_old();
    let ended =
        if disk.is_some() { home.run(&call.each_ref().map(String::as_str)).await } else { limited(&home, &call).await };
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("can't be written"), "{}", ended.stderr);
    nothing_happened(&home).await;
    if disk.is_some() {
        // The policy would have stopped it before that.
        home.policy("version = \"1\"\ndefault = \"allow\"\n[exports]\nmin_free_bytes = 500_000\n");
        let ended = home.run(&call.each_ref().map(String::as_str)).await;
        assert!(ended.stderr.contains("500000 free bytes"), "{}", ended.stderr);
        nothing_happened(&home).await;
    }
    drop(disk);
}

#[tokio::test]
async fn a_file_that_may_not_grow_ends_the_export_and_nothing_else() {
    let (_plex, home) = home(movies(1_500)).await;
    with_old(&home);
    let ended = limited(&home, &over_old()).await;
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("can't be written"), "{}", ended.stderr);
    nothing_happened(&home).await;
}

/// Runs the binary where no file grows beyond half a megabyte.
async fn limited(home: &Home, arguments: &[String]) -> Finished {
    // The ledger is there already, and small.
    home.run(&["exports"]).await;
    let binary = env!("CARGO_BIN_EXE_plex-mcp");
    let mut command = home.command();
    let environment: Vec<_> =
        command.as_std().get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
    let mut shell = tokio::process::Command::new("sh");
    shell.current_dir(home.dir.path());
    for (name, value) in environment {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$@\"", "sh", binary]).args(arguments);
    command.kill_on_drop(true);
    Finished::of(&mut shell).await
}

#[tokio::test]
async fn a_server_that_breaks_off_in_the_middle_of_a_page_costs_nothing_but_the_export() {
    // It answers the first pages, and then half of each: by a closed connection, or as if that were all.
    for (name, length_is_told) in [("resets", true), ("truncated XML", false)] {
        let (plex, own) = home(movies(600)).await;
        let url = plex.url();
        let server = Trouble::start(move |seen| {
            let url = url.clone();
            async move {
                let late = seen.parameter("X-Plex-Container-Start").is_some_and(|start| start >= 150);
                let whole = trouble::forward(&url, "", &seen).await;
                if !late {
                    return whole;
                }
                let body = axum::body::to_bytes(whole.into_body(), usize::MAX).await.unwrap();
                let half = body.slice(..body.len() / 2);
                let mut answer = trouble::xml(half);
                if length_is_told {
                    let told = body.len().to_string().parse().unwrap();
                    answer.headers_mut().insert("content-length", told);
                }
                answer
            }
        })
        .await;
        let home = Home { url: server.url(), ..own };
        with_old(&home);
        let ended = home.run(&over_old().each_ref().map(String::as_str)).await;
        assert_eq!(ended.code, 1, "{name}: {}", ended.stderr);
        nothing_happened(&home).await;
        assert!(server.count() < 80, "{name}: {} requests", server.count());
    }
}

#[tokio::test]
async fn a_server_that_manages_small_pages_only_is_asked_for_them_and_for_larger_ones_again() {
    let (plex, own) = home(movies(3_000)).await;
    let url = plex.url();
    let failed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&failed);
    // The twenty pages from the 500th row on must be small, for whatever is in them.
    let server = Trouble::start(move |seen| {
        let (url, failed) = (url.clone(), Arc::clone(&counted));
        async move {
            let start = seen.parameter("X-Plex-Container-Start").unwrap_or(0);
            let size = seen.parameter("X-Plex-Container-Size").unwrap_or(0);
            if start < 1_000 && start + size > 500 && size > 60 {
                failed.fetch_add(1, Ordering::Relaxed);
                return trouble::answer(500, "text/html", "<html>Internal Server Error</html>");
            }
            trouble::forward(&url, "", &seen).await
        }
    })
    .await;
    let home = Home { url: server.url(), ..own };
    let client = home.connect().await;
    let arguments = json!({"libraryKey": "1", "outputPath": "x.json", "pageSize": 200});
    let result = client.call("export_library", arguments).await;
    assert_eq!((&result["totalExported"], &result["complete"]), (&json!(3_000), &json!(true)), "{result}");
    let sizes: Vec<usize> = server
        .requests()
        .iter()
        .filter_map(|seen| {
            let start = seen.parameter("X-Plex-Container-Start")?;
            seen.parameter("X-Plex-Container-Size").filter(|size| start >= 2_400 && *size > 1)
        })
        .collect();
    assert!(sizes.contains(&200), "pages grew again: {sizes:?}");
    assert!(failed.load(Ordering::Relaxed) < 30, "{failed:?}");
    client.close().await;
}

#[tokio::test]
async fn a_folder_that_is_swapped_all_the_time_never_leads_out() {
    let (_plex, home) = home(movies(300)).await;
    let outside = home.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::create_dir_all(home.exports().join("sub")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = {
        let (stop, exports, outside) = (Arc::clone(&stop), home.exports(), outside.clone());
        std::thread::spawn(move || {
            let (sub, aside) = (exports.join("sub"), exports.join("aside"));
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::rename(&sub, &aside);
                let _ = symlink(&outside, &sub);
                std::thread::sleep(Duration::from_micros(300));
                let _ = fs::remove_file(&sub);
                let _ = fs::rename(&aside, &sub);
                std::thread::sleep(Duration::from_micros(300));
            }
        })
    };
    let client = home.connect().await;
    let (mut written, mut refused) = (0, 0);
    for n in 0..60 {
        let arguments = json!({"libraryKey": "1", "outputPath": format!("sub/{n}.json"), "detail": "summary"});
        match client.try_call("export_library", arguments).await.unwrap().is_error {
            Some(true) => refused += 1,
            _ => written += 1,
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "after {n} exports");
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    client.close().await;
    eprintln!("{written} written, {refused} refused");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    let _ = fs::remove_file(home.exports().join("sub"));
    assert_eq!(home.run(&["exports"]).await.code, 0);
    for name in home.files() {
        let items: Vec<Value> = home.exported(&name);
        assert_eq!(items.len(), 300, "{name} is whole");
    }
}

#[tokio::test]
async fn links_that_look_like_our_own_files_lead_nowhere() {
    let (_plex, home) = home(movies(20)).await;
    with_old(&home);
    let precious = home.path("precious");
    fs::write(&precious, "precious").unwrap();
    for name in [".plex-mcp-aaaaaaaaaaaa.part", ".plex-mcp-bbbbbbbbbbbb.state", ".plex-mcp-cccccccccccc.lock"] {
        fs::hard_link(&precious, home.exports().join(name)).unwrap();
        symlink(&precious, home.exports().join(name.replace("-a", "-d").replace("-b", "-d").replace("-c", "-d")))
            .unwrap();
    }
    assert_eq!(home.run(&over_old().each_ref().map(String::as_str)).await.code, 0);
    assert_eq!(home.exported("old.json").len(), 20);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    // A link is no export: it is neither listed nor read.
    fs::hard_link(&precious, home.exports().join("hard.json")).unwrap();
    symlink(&precious, home.exports().join("soft.json")).unwrap();
    let client = home.connect().await;
    for name in ["soft.json", "hard.json"] {
        let read = client
            .service
            .read_resource(rmcp::model::ReadResourceRequestParams::new(format!("plex-export:///{name}")))
            .await;
        assert!(read.is_err(), "{name}: {read:?}");
    }
    client.close().await;
}

#[tokio::test]
async fn the_nastiest_names_are_refused_or_plain_files() {
    let (plex, home) = home(movies(5)).await;
    with_old(&home);
    let client = home.connect().await;
    let long = format!("{}.json", "a".repeat(300));
    let deep = format!("{}x.json", "d/".repeat(20));
    for name in [
        "..",
        ".",
        "/",
        "\\",
        "",
        " ",
        "../x.json",
        "..\\x.json",
        "x/../../y.json",
        "./x.json",
        "x/./y.json",
        "//x.json",
        "x//y.json",
        "/etc/passwd",
        "/dev/null",
        "/proc/self/environ",
        "C:\\x.json",
        "C:x.json",
        "\\\\server\\share\\x.json",
        "~/x.json",
        "~root/x.json",
        "$HOME/x.json",
        "%APPDATA%/x.json",
        "`id`.json",
        "$(id).json",
        "x;rm.json",
        "x|y.json",
        "x&y.json",
        "x>y.json",
        "x<y.json",
        "x*.json",
        "x?.json",
        "x\".json",
        "x'.json",
        "x\u{0}.json",
        "x\n.json",
        "x\r.json",
        "x\t.json",
        "x\u{1b}[2J.json",
        "x\u{7f}.json",
        "x\u{202e}nosj.json",
        "x\u{200b}.json",
        "\u{ff0e}\u{ff0e}/x.json",
        "x\u{2215}y.json",
        "\u{e9}.json",
        "e\u{301}.json",
        "\u{1f600}.json",
        "CON.json",
        "con.json",
        "PRN.json",
        "AUX.json",
        "NUL.json",
        "COM1.json",
        "com9.json",
        "LPT1.json",
        "CONIN$.json",
        "aux/x.json",
        "x.json.",
        "x.json ",
        " x.json",
        "-x.json",
        "--overwrite.json",
        ".x.json",
        ".git/x.json",
        ".plex-mcp-a.part",
        "x.json:stream",
        "x.json::$DATA",
        "x.JSON",
        "x.exe",
        "x.json.exe",
        "x",
        "json",
        ".json",
        "x.json/",
        "old.json/x.json",
        "x%2f..%2fy.json",
        "x/..%00/y.json",
        &long,
        &deep,
    ] {
        let before = plex.request_count();
        let (text, error) = client.fail("export_library", json!({"libraryKey": "1", "outputPath": name})).await;
        assert!(["invalid_argument", "already_exists"].contains(&error["code"].as_str().unwrap()), "{name:?}: {text}");
        assert!(!text.chars().any(char::is_control), "{name:?}: {text:?}");
        assert_eq!(plex.request_count(), before, "{name:?} asked Plex");
    }
    client.close().await;
    nothing_happened(&home).await;
    let around: Vec<_> =
        fs::read_dir(home.dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!around.iter().any(|name| name.ends_with("json") || name == "x" || name == "d"), "{around:?}");
}
