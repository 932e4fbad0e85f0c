//! Files that have no name of their own yet.

use super::{TEMPORARY_PREFIX, TEMPORARY_SUFFIX, lock::is_named};
use crate::export::name::ExportName;
use cap_std::fs::{Dir, OpenOptions};
use std::{
    fs::{File, TryLockError},
    io::{self, ErrorKind, Seek as _},
};

/// A file under a random name, locked so that a sweep tells it from one that a killed process left.
#[derive(Debug)]
pub(super) struct Temporary {
    dir: Dir,
    pub(super) file: File,
    /// The temporary name; none once the file has its own.
    name: Option<String>,
}

impl Temporary {
    pub(super) fn create(dir: &Dir) -> io::Result<Self> {
        let mut name = String::new();
        let made = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .suffix(TEMPORARY_SUFFIX)
            .rand_bytes(12)
            // The crate would remove the file by path; here it is removed by handle.
            .disable_cleanup(true)
            .make_in("", |path| {
                path.file_name().and_then(|name| name.to_str()).unwrap_or_default().clone_into(&mut name);
                dir.open_with(&name, OpenOptions::new().write(true).create_new(true))
            })?;
        let file = made.into_file().into_std();
        // Where the file system knows no locks, a sweep by another process could take the file: better no lock than no export.
        match file.try_lock() {
            // Another process is sweeping this very file away.
            Err(TryLockError::WouldBlock) => Self::create(dir),
            // It has done so before the lock was held.
            _ if !is_named(dir, &name, &file)? => Self::create(dir),
            _ => Ok(Self { dir: dir.try_clone()?, file, name: Some(name) }),
        }
    }

    /// Gives the file its name: with `replace` in place of what has it, else only if nothing has.
    pub(super) fn publish(&mut self, to: &str, replace: bool) -> io::Result<()> {
        let Some(from) = self.name.as_deref() else { return Ok(()) };
        if replace {
            self.dir.rename(from, &self.dir, to)?;
        } else {
            match self.dir.hard_link(from, &self.dir, to) {
                // The file has its name now; if the other one can't be removed, the next sweep does it.
                Ok(()) => drop(self.dir.remove_file(from)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
                // A file system without hard links: hold the name with an empty file, which the rename replaces. Only here a
                // process that is killed between the two leaves an empty file.
                Err(_) => {
                    self.dir.open_with(to, OpenOptions::new().write(true).create_new(true))?;
                    if let Err(error) = self.dir.rename(from, &self.dir, to) {
                        self.dir.remove_file(to)?;
                        return Err(error);
                    }
                }
            }
        }
        self.name = None;
        // The name itself is on the disk only when the folder is. Not every system can do that.
        if let Ok(folder) = self.dir.try_clone() {
            let _ = folder.into_std_file().sync_all();
        }
        Ok(())
    }
}

impl Temporary {
    /// Its path beneath the directory, if it lies in the folder of that name.
    pub(super) fn path(&self, name: &ExportName) -> String {
        let own = self.name.clone().unwrap_or_default();
        name.folders().iter().chain([&own]).map(String::as_str).collect::<Vec<_>>().join("/")
    }

    /// Takes back all that was written.
    pub(super) fn empty(&self) -> io::Result<()> {
        self.file.set_len(0)?;
        (&self.file).rewind()
    }

    /// Leaves the file where it is, for whoever goes on with it.
    pub(super) fn leave(&mut self) {
        self.name = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = self.dir.remove_file(name);
        }
    }
}
