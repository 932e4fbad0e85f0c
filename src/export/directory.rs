//! The exports directory: opened once, and everything happens beneath its handle.

use super::{ExportError, name::ExportName};
use crate::guard::{Cleared, ExportCaps};
use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::{
    ambient_authority,
    fs::{Dir, DirBuilder, OpenOptions},
};
use std::{
    fs::{File, TryLockError},
    io::{self, ErrorKind, Read as _, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

const TEMPORARY_PREFIX: &str = ".plex-mcp-";
const TEMPORARY_SUFFIX: &str = ".part";
/// Folders are looked into this deep, which is as deep as names go.
const MAX_DEPTH: usize = 8;
/// The largest number that a name gets.
const MAX_NUMBER: u32 = 1_000;

/// What happens where there is something of the export's name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfTaken {
    /// The export is refused.
    Refuse,
    /// A file is replaced by the finished export.
    Replace,
    /// The export's name gets a number.
    Number,
}

/// The exports directory. It is made and opened when it is first needed, and then stays the same directory even if
/// another one takes its path.
#[derive(Debug)]
pub struct Exports {
    path: PathBuf,
    root: Mutex<Option<Root>>,
}

#[derive(Debug)]
struct Root {
    dir: Dir,
    canonical: PathBuf,
}

impl Exports {
    /// The directory at `path`; nothing is opened yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, root: Mutex::new(None) }
    }

    /// The path as it was configured.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sweeps what killed exports left, if the directory is there, and tries whether it can be written to.
    pub fn prepare(&self) -> Result<(), ExportError> {
        if !self.path.try_exists().map_err(|cause| self.unusable(cause))? {
            // It is made by the first export. Here it is only tried whether that will work.
            return self.try_to_make().map_err(|cause| self.unusable(cause));
        }
        Temporary::create(&self.open()?.dir).map(drop).map_err(|cause| self.unusable(cause))
    }

    /// Makes a directory where the exports directory would be, and removes it.
    fn try_to_make(&self) -> io::Result<()> {
        let path = std::path::absolute(&self.path)?;
        let parent = path.ancestors().skip(1).find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
        tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempdir_in(parent)?.close()
    }

    /// Whether an export of that name could be published now. Looks only; the last word has [`Pending::publish`].
    pub fn check_target(&self, name: &ExportName, if_taken: IfTaken) -> Result<(), ExportError> {
        if !self.path.try_exists().map_err(|cause| self.unusable(cause))? {
            return Ok(());
        }
        match self.open()?.folder(name, false)? {
            Some(dir) => check_free(&dir, name, if_taken),
            None => Ok(()),
        }
    }

    /// Begins an export: makes the folders and a temporary file in them.
    ///
    /// Without a clearance there is no file:
    ///
    /// ```
    /// use plex_mcp::{export::{directory::{Exports, IfTaken}, name::ExportName}, guard::{Cleared, ExportCaps}};
    /// fn begin(exports: &Exports, cleared: &Cleared<'_>, name: ExportName, caps: &ExportCaps) {
    ///     let pending = exports.create(cleared, name, IfTaken::Refuse, caps);
    /// }
    /// ```
    /// ```compile_fail,E0061
    /// use plex_mcp::{export::{directory::{Exports, IfTaken}, name::ExportName}, guard::ExportCaps};
    /// fn begin(exports: &Exports, name: ExportName, caps: &ExportCaps) {
    ///     let pending = exports.create(name, IfTaken::Refuse, caps);
    /// }
    /// ```
    pub fn create(
        &self,
        _cleared: &Cleared<'_>,
        name: ExportName,
        if_taken: IfTaken,
        caps: &ExportCaps,
    ) -> Result<Pending, ExportError> {
        let root = self.open()?;
        let cap = |key, limit, of| Err(ExportError::Cap { key, limit, of });
        if fs4::available_space(&root.canonical).is_ok_and(|free| free < caps.min_free_bytes) {
            return cap("min_free_bytes", caps.min_free_bytes, "free bytes on the disk");
        }
        let Some(dir) = root.folder(&name, true)? else { return Err(ExportError::NotAFolder(name.to_string())) };
        check_free(&dir, &name, if_taken)?;
        let replaces = if_taken == IfTaken::Replace && dir.symlink_metadata(name.file()).is_ok();
        if !replaces && has_files(&root.dir, caps.max_files) {
            return cap("max_files", caps.max_files, "files");
        }
        let temporary = Temporary::create(&dir).map_err(|cause| self.unusable(cause))?;
        Ok(Pending { root, name, if_taken, temporary, min_free_bytes: caps.min_free_bytes })
    }

    /// A file that lies in the directory, of at most `most` bytes. Links are not followed.
    pub fn read(&self, name: &ExportName, most: usize) -> Result<Vec<u8>, ExportError> {
        let not_there = || ExportError::NotThere(name.to_string());
        if !self.path.try_exists().map_err(|cause| self.unusable(cause))? {
            return Err(not_there());
        }
        let dir = self.open()?.folder(name, false)?.ok_or_else(not_there)?;
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        // What is no file is not even opened: a pipe would wait for its other end.
        if !dir.symlink_metadata(name.file()).is_ok_and(|found| found.is_file()) {
            return Err(not_there());
        }
        let file = dir.open_with(name.file(), &options).map_err(|_| not_there())?;
        let mut bytes = Vec::new();
        file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|cause| self.unusable(cause))?;
        if bytes.len() > most {
            return Err(ExportError::TooLarge { name: name.to_string(), most });
        }
        Ok(bytes)
    }

    /// The directory's handle, which is opened once.
    fn open(&self) -> Result<Root, ExportError> {
        let mut root = self.root.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(root) = root.as_ref() {
            return root.try_clone().map_err(|cause| self.unusable(cause));
        }
        let opened = Root::open(&self.path).map_err(|cause| self.unusable(cause))?;
        sweep(&opened.dir);
        let clone = opened.try_clone().map_err(|cause| self.unusable(cause))?;
        *root = Some(opened);
        Ok(clone)
    }

    fn unusable(&self, cause: io::Error) -> ExportError {
        ExportError::Directory { path: self.path.display().to_string(), cause }
    }
}

impl Root {
    #[expect(clippy::disallowed_methods, reason = "the exports directory is made here")]
    fn open(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        let canonical = path.canonicalize()?;
        Ok(Self { dir: Dir::open_ambient_dir(&canonical, ambient_authority())?, canonical })
    }

    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { dir: self.dir.try_clone()?, canonical: self.canonical.clone() })
    }

    /// The folder that `name` is in, opened step by step without following links; made where it is missing and `make`.
    fn folder(&self, name: &ExportName, make: bool) -> Result<Option<Dir>, ExportError> {
        let mut dir = self.dir.try_clone()?;
        for folder in name.folders() {
            if make
                && let Err(error) = dir.create_dir_with(folder, &DirBuilder::new())
                && error.kind() != ErrorKind::AlreadyExists
            {
                return Err(error.into());
            }
            dir = match dir.open_dir_nofollow(folder) {
                Ok(dir) => dir,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(_) => return Err(ExportError::NotAFolder(folder.clone())),
            };
        }
        Ok(Some(dir))
    }

    /// Whether the path of the folder still leads where the handle does: a second look beside the handle, for the case
    /// that the whole directory was moved away and its path now means another place.
    fn still_leads_to(&self, name: &ExportName) -> io::Result<bool> {
        let mut expected = self.canonical.clone();
        expected.extend(name.folders());
        let found = expected.canonicalize()?;
        // Names are plain ASCII, and these systems find a folder by its name in another case.
        if cfg!(any(windows, target_os = "macos")) {
            return Ok(found.as_os_str().eq_ignore_ascii_case(&expected));
        }
        Ok(found == expected)
    }
}

fn check_free(dir: &Dir, name: &ExportName, if_taken: IfTaken) -> Result<(), ExportError> {
    match dir.symlink_metadata(name.file()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) if if_taken == IfTaken::Number => Ok(()),
        Ok(_) if if_taken == IfTaken::Refuse => Err(ExportError::Exists(name.to_string())),
        Ok(found) if found.is_dir() => Err(ExportError::NotAFile(name.to_string())),
        Ok(_) => Ok(()),
    }
}

/// An export that is being written. Unless it is published nothing remains of it.
#[derive(Debug)]
pub struct Pending {
    root: Root,
    name: ExportName,
    if_taken: IfTaken,
    temporary: Temporary,
    min_free_bytes: u64,
}

impl Pending {
    /// Fails when the disk has less room left than the policy wants kept.
    pub fn check_room(&self) -> Result<(), ExportError> {
        let limit = self.min_free_bytes;
        if fs4::available_space(&self.root.canonical).is_ok_and(|free| free < limit) {
            return Err(ExportError::Cap { key: "min_free_bytes", limit, of: "free bytes on the disk" });
        }
        Ok(())
    }

    /// Puts the file, complete and on the disk, under its name, unless that was given up meanwhile.
    pub fn publish(mut self, given_up: &AtomicBool) -> Result<ExportName, ExportError> {
        self.temporary.file.sync_all()?;
        if !self.root.still_leads_to(&self.name)? {
            return Err(ExportError::NotAFolder(self.name.to_string()));
        }
        if given_up.load(Ordering::Relaxed) {
            return Err(ExportError::GivenUp);
        }
        let mut name = self.name.clone();
        let mut number = 1;
        loop {
            match self.temporary.publish(name.file(), self.if_taken == IfTaken::Replace) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if self.if_taken != IfTaken::Number || number >= MAX_NUMBER {
                        return Err(ExportError::Exists(name.to_string()));
                    }
                    number += 1;
                    name = self.name.numbered(number);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(name)
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.file.flush()
    }
}

/// A file under a random name, locked so that a sweep tells it from one that a killed process left.
#[derive(Debug)]
struct Temporary {
    dir: Dir,
    file: File,
    /// The temporary name; none once the file has its own.
    name: Option<String>,
}

impl Temporary {
    fn create(dir: &Dir) -> io::Result<Self> {
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
            _ => Ok(Self { dir: dir.try_clone()?, file, name: Some(name) }),
        }
    }

    /// Gives the file its name: with `replace` in place of what has it, else only if nothing has.
    fn publish(&mut self, to: &str, replace: bool) -> io::Result<()> {
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

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = self.dir.remove_file(name);
        }
    }
}

/// Removes the temporary files that no process holds.
fn sweep(dir: &Dir) {
    let _ = for_each_file(dir, 0, &mut |dir, name| {
        if name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX) {
            let file = dir.open_with(name, OpenOptions::new().write(true));
            let unused = file.is_ok_and(|file| file.into_std().try_lock().is_ok());
            if unused && dir.remove_file(name).is_ok() {
                tracing::info!(name, "removed what an interrupted export left");
            }
        }
        ControlFlow::Continue(())
    });
}

/// Whether the directory holds at least `most` exports.
fn has_files(dir: &Dir, most: u64) -> bool {
    let mut count = 0;
    let is_export = |name: &str| Path::new(name).extension().is_some_and(|extension| extension == "json");
    let counted = for_each_file(dir, 0, &mut |_, name| {
        count += u64::from(is_export(name));
        if count >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    counted.is_break()
}

/// Calls `visit` with each file beneath `dir` until it breaks off; links are passed over.
fn for_each_file(dir: &Dir, depth: usize, visit: &mut dyn FnMut(&Dir, &str) -> ControlFlow<()>) -> ControlFlow<()> {
    let Ok(entries) = dir.entries() else { return ControlFlow::Continue(()) };
    for entry in entries.flatten() {
        let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else { continue };
        if kind.is_file() {
            visit(dir, &name)?;
        } else if kind.is_dir()
            && depth < MAX_DEPTH
            && let Ok(folder) = dir.open_dir_nofollow(&name)
        {
            for_each_file(&folder, depth + 1, visit)?;
        }
    }
    ControlFlow::Continue(())
}
