//! A sample server and the programs that are measured against it, each in a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// What the sample server takes.
pub(crate) const TOKEN: &str = "sample-token";

/// A server in a process of its own, which ends with it.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Server {
    /// A sample server with these options.
    pub(crate) fn sample(options: &[&str]) -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_plex-mcp"));
        server.args(["demo", "--serve", "--token", TOKEN]).args(options);
        Self::start(server)
    }

    /// A server that says its address in its first line.
    pub(crate) fn start(mut server: Command) -> Self {
        let mut process = server.stdout(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        let url = first.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Self { process, url }
    }

    /// Runs this program with these flags against the server.
    pub(crate) fn run_self(&self, flags: &[&str]) -> Figures {
        let mut command = Command::new(std::env::current_exe().unwrap());
        run(command.args(flags).args(["--plex-url", &self.url, "--plex-token", TOKEN]))
    }
}

/// What a run took, or the medians of several.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) seconds: f64,
    /// CPU time of the process, in seconds; only told on Linux.
    pub(crate) cpu: f64,
    /// Peak memory in kilobytes; only told on Linux.
    pub(crate) peak: u64,
}

/// Runs to the end.
pub(crate) fn run(command: &mut Command) -> Figures {
    let (begin, before) = (Instant::now(), children_cpu());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(ended.success(), "{ended}");
    Figures { seconds: begin.elapsed().as_secs_f64(), cpu: children_cpu() - before, peak }
}

/// The CPU time of all children that have ended, in seconds: user's and system's, in hundredths.
fn children_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(13) + ticks(14)) / 100.0
}

/// The median times of so many runs, and the peak of them all.
pub(crate) fn medians(rounds: usize, mut once: impl FnMut() -> Figures) -> Figures {
    let runs: Vec<Figures> = (0..rounds).map(|_| once()).collect();
    let middle = |of: fn(&Figures) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.swap_remove(all.len() / 2)
    };
    let peak = runs.iter().map(|run| run.peak).max().unwrap_or(0);
    Figures { seconds: middle(|run| run.seconds), cpu: middle(|run| run.cpu), peak }
}
