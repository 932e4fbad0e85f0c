//! One export to one name at a time, in all processes: a file beside the exports that whoever writes to the name holds locked.

use super::{TEMPORARY_PREFIX, name_hash};
use crate::export::name::ExportName;
use cap_fs_ext::{FollowSymlinks, MetadataExt as _, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, Metadata, OpenOptions};
use std::{
    fs::{File, TryLockError},
    io::{self, ErrorKind},
    time::Duration,
};

pub(super) const LOCK_SUFFIX: &str = ".lock";

const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(10);

/// The right to a name, held until it is dropped.
#[derive(Debug)]
pub(super) struct NameLock {
    root: Dir,
    file: String,
    _held: File,
}

impl NameLock {
    /// Takes the right to `name`; none while someone else has it.
    pub(super) fn take(root: &Dir, name: &ExportName) -> io::Result<Option<Self>> {
        let file = format!("{TEMPORARY_PREFIX}{}{LOCK_SUFFIX}", name_hash(name));
        for _ in 0..TRIES {
            let taken = Self::take_file(root, file.clone())?;
            if taken.is_some() {
                return Ok(taken);
            }
            // A start that sweeps holds a lock for a moment.
            std::thread::sleep(PAUSE);
        }
        Ok(None)
    }

    pub(super) fn take_file(root: &Dir, file: String) -> io::Result<Option<Self>> {
        loop {
            let mut options = OpenOptions::new();
            // It is opened to be locked; nothing is ever written to it.
            options.write(true).create(true).follow(FollowSymlinks::No);
            let held = root.open_with(&file, &options)?.into_std();
            match held.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                // Where the file system knows no locks, exports can't know of each other; the last to finish is told.
                Err(TryLockError::Error(_)) | Ok(()) => {}
            }
            // Whoever had it before may have removed the file between the two steps.
            if is_named(root, &file, &held)? {
                return Ok(Some(Self { root: root.try_clone()?, file, _held: held }));
            }
        }
    }
}

impl Drop for NameLock {
    fn drop(&mut self) {
        let _ = self.root.remove_file(&self.file);
    }
}

/// Whether `name` is still the name of the open file.
pub(super) fn is_named(dir: &Dir, name: &str, file: &File) -> io::Result<bool> {
    match dir.symlink_metadata(name) {
        Ok(found) => Ok(same(&found, &Metadata::from_file(file)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Opens a file to read it, if it is one, has no other name, and is no link to one.
pub(super) fn open_own(dir: &Dir, name: &str) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No);
    // A pipe would be waited for when it is opened.
    match dir.symlink_metadata(name) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let file = match dir.open_with(name, &options) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    Ok((metadata.is_file() && metadata.nlink() == 1).then(|| file.into_std()))
}
