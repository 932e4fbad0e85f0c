//! What was exported: a line for each finished export, with the SHA-256 that it had, beside the ledger and out of reach of
//! exports. A line is added at the end, whole, under a lock; the last one of a name counts.

use super::{layout::Detail, writer::Format};
use crate::config::permissions::private_file;
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
};

/// A finished export, as it was when it was finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The exports directory.
    pub directory: PathBuf,
    /// Its name there.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// Items in it.
    pub items: u64,
    /// What of each.
    pub detail: Detail,
    /// What it looks like.
    pub format: Format,
    /// What it is an export of, in words.
    pub of: String,
    /// When it was finished: `2026-01-31T12:00:00Z`.
    pub at: String,
    /// The call's name in the ledger.
    pub call_id: String,
}

impl Record {
    /// Whether a file of that size may be the one that was finished; another one was put in its place.
    pub fn fits(&self, bytes: u64) -> bool {
        self.bytes == bytes
    }
}

/// The file of all records.
#[derive(Clone, Debug)]
pub struct Index {
    path: PathBuf,
}

impl Index {
    /// The index at `path`; nothing is opened yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Adds a record.
    pub fn add(&self, record: &Record) -> io::Result<()> {
        // Begins with a new line: what a full disk cut from an earlier one must not take this one with it.
        let mut line = b"\n".to_vec();
        serde_json::to_writer(&mut line, record)?;
        line.push(b'\n');
        self.locked(private_file().append(true).create(true))?.write_all(&line)
    }

    /// The last record of each name in `directory`.
    pub fn of(&self, directory: &Path) -> HashMap<String, Record> {
        let records = self.records().into_iter().filter(|record| record.directory == directory);
        records.map(|record| (record.name.clone(), record)).collect()
    }

    /// Keeps the last record of each name that is wanted. The file is replaced as a whole.
    pub fn retain(&self, wanted: impl Fn(&Record) -> bool) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.append(true);
        let _locked = match self.locked(&options) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            locked => locked?,
        };
        let mut last = HashMap::new();
        let records = self.records();
        for (n, record) in records.iter().enumerate() {
            last.insert((&record.directory, &record.name), n);
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
        for (n, record) in records.iter().enumerate() {
            if last.get(&(&record.directory, &record.name)) == Some(&n) && wanted(record) {
                serde_json::to_writer(&mut fresh, record)?;
                fresh.write_all(b"\n")?;
            }
        }
        fresh.as_file().sync_all()?;
        fresh.persist(&self.path)?;
        Ok(())
    }

    /// Opens the file and locks it, and makes sure that it is still the one of that name.
    fn locked(&self, options: &OpenOptions) -> io::Result<File> {
        loop {
            let file = options.open(&self.path)?;
            file.lock()?;
            let named = same_file(&file, &self.path)?;
            if named {
                return Ok(file);
            }
        }
    }

    /// All records, oldest first. A line that can't be read is no record.
    #[expect(clippy::disallowed_methods, reason = "the index is read here")]
    fn records(&self) -> Vec<Record> {
        let Ok(file) = File::open(&self.path) else { return Vec::new() };
        let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
        lines.filter_map(|line| serde_json::from_slice(&line).ok()).collect()
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let open = file.metadata()?;
    match path.metadata() {
        Ok(named) => Ok((open.dev(), open.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Elsewhere an open file can't be replaced.
#[cfg(not(unix))]
fn same_file(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(directory: &str, name: &str, bytes: u64) -> Record {
        Record {
            directory: directory.into(),
            name: name.into(),
            bytes,
            sha256: "00".into(),
            items: 1,
            detail: Detail::Full,
            format: Format::Json,
            of: "the library \"Movies\"".into(),
            at: String::new(),
            call_id: "call".into(),
        }
    }

    #[test]
    fn the_last_record_of_a_name_counts_and_a_cut_line_costs_itself_alone() {
        let home = tempfile::tempdir().unwrap();
        let index = Index::new(home.path().join("index"));
        assert!(index.of(Path::new("/a")).is_empty());
        index.retain(|_| false).unwrap();
        index.add(&record("/a", "x.json", 1)).unwrap();
        index.add(&record("/b", "x.json", 2)).unwrap();
        OpenOptions::new().append(true).open(home.path().join("index")).unwrap().write_all(b"{\"direc").unwrap();
        index.add(&record("/a", "x.json", 3)).unwrap();
        index.add(&record("/a", "y.json", 4)).unwrap();
        let of_a = index.of(Path::new("/a"));
        assert_eq!((of_a.len(), of_a["x.json"].bytes), (2, 3));
        index.retain(|record| record.name == "x.json").unwrap();
        assert_eq!(index.of(Path::new("/a")).len(), 1);
        assert_eq!(index.of(Path::new("/b"))["x.json"].bytes, 2);
        assert_eq!(index.records().len(), 2);
    }

    #[test]
    fn records_that_are_added_at_once_are_all_there() {
        let home = tempfile::tempdir().unwrap();
        let index = Index::new(home.path().join("index"));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let index = &index;
                scope.spawn(move || {
                    for n in 0..25 {
                        index.add(&record("/a", &format!("{thread}-{n}.json"), n)).unwrap();
                        if n % 10 == 9 {
                            index.retain(|_| true).unwrap();
                        }
                    }
                });
            }
        });
        assert_eq!(index.of(Path::new("/a")).len(), 100);
    }
}
