//! `plex-mcp exports`: the finished exports, whether they are still what they were, and the removal of old ones.

use super::{Failure, age::span, say, start};
use crate::{
    app::App,
    config::Settings,
    export::{directory::Listed, index::Record, name::ExportName, writer::digest_of},
};
use indicatif::HumanBytes;
use jiff::Timestamp;
use serde_json::json;
use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    /// One JSON object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the exports with size, age and SHA-256 (what no subcommand does)
    List,
    /// Hold exports against the SHA-256 that they were finished with; exit code 1 if one differs or is gone
    Verify {
        /// Names as `list` shows them; without one, all
        names: Vec<String>,
    },
    /// Remove exports
    Prune {
        /// Those that are older: 30d, 2w, 12h
        #[arg(long, value_name = "AGE", required_unless_present = "keep", value_parser = span)]
        older_than: Option<Duration>,
        /// All but the newest N
        #[arg(long, value_name = "N")]
        keep: Option<usize>,
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
    },
}

pub(super) fn run(options: &Options, settings: Settings) -> Result<(), Failure> {
    let app = start(settings)?;
    let shelf = Shelf::open(&app)?;
    match &options.command {
        None | Some(Command::List) => shelf.list(options.json),
        Some(Command::Verify { names }) => shelf.verify(names, options.json),
        Some(Command::Prune { older_than, keep, dry_run }) => shelf.prune(*older_than, *keep, *dry_run),
    }
}

/// The exports, and what is known of them.
struct Shelf<'a> {
    app: &'a App,
    exports: Vec<Listed>,
    records: HashMap<String, Record>,
}

/// What has become of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unchanged,
    Changed,
    Gone,
    /// It was never noted, or by another ledger.
    Unknown,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Unknown => "not noted",
        }
    }
}

impl<'a> Shelf<'a> {
    fn open(app: &'a App) -> Result<Self, Failure> {
        let exports = app.exports.list()?;
        let records = app.exports.records();
        Ok(Self { app, exports, records })
    }

    fn list(&self, as_json: bool) -> Result<(), Failure> {
        for export in &self.exports {
            let name = export.name.to_string();
            let record = self.records.get(&name).filter(|record| record.fits(export.bytes));
            let at = export.modified.and_then(|at| Timestamp::try_from(at).ok());
            let at = at.map(|at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string());
            if as_json {
                let line = json!({
                    "name": name, "bytes": export.bytes, "modified": at, "sha256": record.map(|record| &record.sha256),
                    "items": record.map(|record| record.items), "of": record.map(|record| &record.of),
                });
                say(line.to_string())?;
                continue;
            }
            let size = HumanBytes(export.bytes).to_string();
            let what = record.map(|record| format!("{} items of {}", record.items, record.of));
            let sha256 = record.map_or("not noted", |record| record.sha256.as_str());
            say(format!("{size:>12}  {}  {name}", at.unwrap_or_default()))?;
            say(format!("{:14}{}SHA-256 {sha256}", "", what.map(|what| format!("{what}, ")).unwrap_or_default()))?;
        }
        if self.exports.is_empty() && !as_json {
            say(format!("there are no exports in {}", self.app.exports.path().display()))?;
        }
        Ok(())
    }

    fn verify(&self, names: &[String], as_json: bool) -> Result<(), Failure> {
        let mut all: Vec<String> = self.exports.iter().map(|export| export.name.to_string()).collect();
        all.extend(self.records.keys().cloned());
        all.sort();
        all.dedup();
        if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
            return Err(Failure::Usage(format!("there is no export called {unknown}; plex-mcp exports lists them")));
        }
        let chosen = all.iter().filter(|name| names.is_empty() || names.contains(name));
        let (mut faults, mut count) = (0, 0);
        for name in chosen {
            let state = self.state(name)?;
            count += 1;
            faults += usize::from(matches!(state, State::Changed | State::Gone));
            if as_json {
                say(json!({"name": name, "state": state.as_str()}).to_string())?;
            } else {
                say(format!("{:10} {name}", state.as_str()))?;
            }
        }
        match faults {
            0 => Ok(()),
            _ => Err(Failure::Failed(anyhow::anyhow!("{faults} of {count} exports are not what they were"))),
        }
    }

    fn state(&self, name: &str) -> Result<State, Failure> {
        let found = match ExportName::parse_any(name) {
            Some((name, _)) => self.app.exports.opened(&name)?,
            None => None,
        };
        Ok(match (found, self.records.get(name)) {
            (None, _) => State::Gone,
            (Some(_), None) => State::Unknown,
            (Some(file), Some(record)) => {
                let same = digest_of(file)? == (record.sha256.clone(), record.bytes);
                if same { State::Unchanged } else { State::Changed }
            }
        })
    }

    fn prune(&self, older_than: Option<Duration>, keep: Option<usize>, dry_run: bool) -> Result<(), Failure> {
        let mut newest: Vec<&Listed> = self.exports.iter().collect();
        newest.sort_by_key(|export| std::cmp::Reverse(export.modified));
        let now = SystemTime::now();
        let is_old = |export: &Listed| {
            let age = export.modified.and_then(|at| now.duration_since(at).ok());
            older_than.is_none_or(|most| age.is_some_and(|age| age >= most))
        };
        let (mut removed, mut bytes) = (HashSet::new(), 0);
        for export in newest.into_iter().skip(keep.unwrap_or(0)).filter(|export| is_old(export)) {
            let name = export.name.to_string();
            if dry_run || self.app.exports.remove(&export.name)? {
                say(format!("{} {name}", if dry_run { "would remove" } else { "removed" }))?;
                bytes += export.bytes;
                removed.insert(name);
            }
        }
        if !dry_run && !self.records.is_empty() {
            let directory = self.app.exports.canonical()?;
            let left: HashSet<String> = self.exports.iter().map(|export| export.name.to_string()).collect();
            // What is gone already is forgotten with it.
            self.app.exports.index().retain(|record| {
                record.directory != directory || (left.contains(&record.name) && !removed.contains(&record.name))
            })?;
        }
        say(format!("{} exports, {}", removed.len(), HumanBytes(bytes)))
    }
}
