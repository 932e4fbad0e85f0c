//! What is kept of an export that was cut, so that it can go on: how far it was, beside its temporary file.
//!
//! Safe to be killed at any moment: the state is a file of its own, replaced as a whole after what it speaks of was written;
//! it tells the SHA-256 of the rows up to it, which is held against the file before a row is added, and of the file nothing
//! behind them counts. To go on, the rows are copied into a new temporary file: no file that is there is opened for writing.

use super::{
    Root, TEMPORARY_PREFIX, hash,
    lock::{LOCK_SUFFIX, NameLock, open_own},
    sweep::{is_temporary, remove_unused},
    temporary::Temporary,
};
use crate::{
    export::{name::ExportName, writer::HashedFile},
    plex::pager::Position,
};
use cap_std::fs::Dir;
use roaring::RoaringTreemap;
use sha2::Sha256;
use std::{
    io::{self, Read as _, Write as _},
    time::{Duration, SystemTime},
};

pub(super) const STATE_SUFFIX: &str = ".state";
/// After this time the library is not the same any more, and the file goes at the next start.
const MAX_AGE: Duration = Duration::from_secs(24 * 3_600);
/// Larger than the state of a hundred million items.
const MAX_STATE_BYTES: u64 = 256 << 20;

/// How far an export was when its state was last kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cut {
    /// What it is an export of, in all that matters to its rows: only the same is gone on with.
    pub subject: String,
    /// Items in the file.
    pub items: u64,
    /// Where the listing is to be read on.
    pub position: Position,
    /// The ratingKey of the last row, by which a listing that has moved is known.
    pub last: Option<u64>,
}

/// The same with what it says of the file.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct State {
    version: u32,
    /// The path of the temporary file beneath the directory.
    temporary: String,
    bytes: u64,
    sha256: String,
    /// Seconds since 1970.
    at: u64,
    #[serde(flatten)]
    cut: Cut,
}

/// An export that goes on.
#[derive(Debug)]
pub struct Resumed {
    /// How far it was.
    pub cut: Cut,
    /// The keys of its rows.
    pub keys: RoaringTreemap,
    /// The digest of what is in the file already, and its size.
    pub(in crate::export) hashed: (Sha256, u64),
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The state of one subject, which no other process has in work.
#[derive(Debug)]
pub(super) struct StateFile {
    name: String,
    _lock: NameLock,
}

impl StateFile {
    /// The state of `subject`; none while someone else has it.
    pub(super) fn take(root: &Root, subject: &str) -> io::Result<Option<Self>> {
        let hash = hash(subject);
        let lock = NameLock::take_file(&root.dir, format!("{TEMPORARY_PREFIX}{hash}{LOCK_SUFFIX}"))?;
        Ok(lock.map(|lock| Self { name: format!("{TEMPORARY_PREFIX}{hash}{STATE_SUFFIX}"), _lock: lock }))
    }

    /// Keeps how far the export is whose temporary file has this path.
    pub(super) fn keep(
        &self,
        root: &Root,
        temporary: String,
        (bytes, sha256): (u64, String),
        cut: Cut,
        keys: &RoaringTreemap,
    ) -> io::Result<()> {
        let state = State { version: 1, temporary, bytes, sha256, at: now(), cut };
        let mut file = Temporary::create(&root.dir)?;
        let mut out = io::BufWriter::new(&file.file);
        serde_json::to_writer(&mut out, &state)?;
        out.write_all(b"\n")?;
        keys.serialize_into(&mut out)?;
        out.flush()?;
        drop(out);
        file.publish(&self.name, true)
    }

    /// Forgets how far the export was.
    pub(super) fn forget(&self, root: &Root) {
        let _ = root.dir.remove_file(&self.name);
    }

    /// Copies what is there of the export into `fresh`, which is empty and will have this name; none if there is nothing to
    /// go on with.
    pub(super) fn resume(
        &self,
        root: &Root,
        dir: &Dir,
        name: &ExportName,
        subject: &str,
        fresh: &Temporary,
    ) -> io::Result<Option<Resumed>> {
        let found = read(&root.dir, &self.name);
        let Some((state, keys)) = found.filter(|(state, _)| state.cut.subject == subject) else { return Ok(None) };
        let (folder, temporary) = split(&state.temporary);
        // The state is a file that others can write, too: it has to speak of this very folder.
        if folder != name.folders().join("/") {
            return Ok(None);
        }
        let Some(old) = open_own(dir, temporary)? else { return Ok(None) };
        let mut copy = HashedFile::new(&fresh.file);
        io::copy(&mut old.take(state.bytes), &mut copy)?;
        if copy.bytes() != state.bytes || copy.digest() != state.sha256 {
            fresh.empty()?;
            return Ok(None);
        }
        let hashed = copy.into_hashed();
        self.keep(root, fresh.path(name), (state.bytes, state.sha256), state.cut.clone(), &keys)?;
        remove_unused(dir, temporary);
        Ok(Some(Resumed { cut: state.cut, keys, hashed }))
    }
}

fn read(dir: &Dir, file: &str) -> Option<(State, RoaringTreemap)> {
    let file = open_own(dir, file).ok()??;
    if file.metadata().ok()?.len() > MAX_STATE_BYTES {
        return None;
    }
    let mut all = Vec::new();
    file.take(MAX_STATE_BYTES).read_to_end(&mut all).ok()?;
    let (head, keys) = all.split_at_checked(memchr::memchr(b'\n', &all)?)?;
    let state: State = serde_json::from_slice(head).ok()?;
    let age = now().checked_sub(state.at)?;
    let keys = RoaringTreemap::deserialize_from(keys.get(1..)?).ok()?;
    let (_, temporary) = split(&state.temporary);
    (state.version == 1 && age <= MAX_AGE.as_secs() && is_temporary(temporary)).then_some((state, keys))
}

/// The folder and the name of a path.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The path of the temporary file of a state that can be gone on with.
pub(super) fn temporary_of(dir: &Dir, state: &str) -> Option<String> {
    read(dir, state).map(|(state, _)| state.temporary)
}
