//! The exports directory: opened once, and everything happens beneath its handle.

mod cut;
mod lock;
mod pending;
mod sweep;
mod temporary;

pub use cut::{Cut, Resumed};
pub use pending::Pending;

use super::{
    ExportError,
    index::{Index, Record},
    name::ExportName,
    writer::{Format, hexadecimal},
};
use crate::guard::{Cleared, ExportCaps};
use cap_fs_ext::DirExt as _;
use cap_std::{
    ambient_authority,
    fs::{Dir, DirBuilder},
};
use cut::StateFile;
use lock::{NameLock, open_own};
use pending::{Caps, Flushing, check_free_bytes};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    fs::File,
    io::{self, ErrorKind, Read as _},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Mutex,
    time::SystemTime,
};
use sweep::{for_each_file, sweep};
use temporary::Temporary;

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
    index: Index,
    root: Mutex<Option<Root>>,
}

#[derive(Debug)]
struct Root {
    dir: Dir,
    canonical: PathBuf,
}

impl Exports {
    /// The directory at `path`, and where what is finished in it is noted; nothing is opened yet.
    pub fn new(path: PathBuf, index: Index) -> Self {
        Self { path, index, root: Mutex::new(None) }
    }

    /// The path as it was configured.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was exported.
    pub fn index(&self) -> &Index {
        &self.index
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

    /// Begins an export: makes the folders and a temporary file in them. With a subject it goes on where an export of the
    /// same subject to the same name was cut, if there is one.
    ///
    /// Without a clearance there is no file:
    ///
    /// ```
    /// use plex_mcp::{export::{directory::{Exports, IfTaken}, name::ExportName}, guard::{Cleared, ExportCaps}};
    /// fn begin(exports: &Exports, cleared: &Cleared<'_>, name: &ExportName, caps: &ExportCaps) {
    ///     let pending = exports.create(cleared, name, IfTaken::Refuse, caps, None);
    /// }
    /// ```
    /// ```compile_fail,E0061
    /// use plex_mcp::{export::{directory::{Exports, IfTaken}, name::ExportName}, guard::ExportCaps};
    /// fn begin(exports: &Exports, name: &ExportName, caps: &ExportCaps) {
    ///     let pending = exports.create(name, IfTaken::Refuse, caps, None);
    /// }
    /// ```
    pub fn create(
        &self,
        _cleared: &Cleared<'_>,
        name: &ExportName,
        if_taken: IfTaken,
        caps: &ExportCaps,
        subject: Option<&str>,
    ) -> Result<Pending, ExportError> {
        let root = self.open()?;
        check_free_bytes(&root, caps.min_free_bytes)?;
        let (name, lock) = take_name(&root, name, if_taken)?;
        let Some(dir) = root.folder(&name, true)? else { return Err(ExportError::NotAFolder(name.to_string())) };
        check_free(&dir, &name, if_taken)?;
        let replaced = (if_taken == IfTaken::Replace).then(|| dir.symlink_metadata(name.file()).ok()).flatten();
        let held = Held::count(&root.dir);
        if replaced.is_none() && held.files >= caps.max_files {
            return Err(ExportError::cap("max_files", caps.max_files));
        }
        let kept_bytes = held.bytes.saturating_sub(replaced.map_or(0, |replaced| replaced.len()));
        let most_bytes = caps.max_total_bytes.saturating_sub(kept_bytes);
        let temporary = Temporary::create(&dir).map_err(|cause| self.unusable(cause))?;
        let state = subject.map(|subject| StateFile::take(&root, subject)).transpose()?.flatten();
        let resumed = match (&state, subject) {
            (Some(state), Some(subject)) => state.resume(&root, &dir, &name, subject, &temporary)?,
            _ => None,
        };
        let caps = Caps { free: caps.min_free_bytes, most: most_bytes, total: caps.max_total_bytes };
        let kept = resumed.is_some();
        let flushing = Flushing::default();
        let pending = Pending { root, name, if_taken, temporary, caps, state, resumed, kept, flushing, _lock: lock };
        pending.check_room(0)?;
        Ok(pending)
    }

    /// The finished exports, by their names.
    pub fn list(&self) -> Result<Vec<Listed>, ExportError> {
        let mut listed = Vec::new();
        if !self.path.try_exists().map_err(|cause| self.unusable(cause))? {
            return Ok(listed);
        }
        let root = self.open()?;
        let _ = for_each_file(&root.dir, "", 0, &mut |_, folder, file, entry| {
            let name = ExportName::parse_any(&format!("{folder}{file}"));
            if let (Some((name, format)), Ok(metadata)) = (name, entry.metadata()) {
                let modified = metadata.modified().map(cap_std::time::SystemTime::into_std).ok();
                listed.push(Listed { name, format, bytes: metadata.len(), modified });
            }
            ControlFlow::Continue(())
        });
        listed.sort_by_cached_key(|listed| listed.name.to_string());
        Ok(listed)
    }

    /// A finished export, opened to be read; none if there is no such file.
    pub fn opened(&self, name: &ExportName) -> Result<Option<File>, ExportError> {
        if !self.path.try_exists().map_err(|cause| self.unusable(cause))? {
            return Ok(None);
        }
        let Some(dir) = self.open()?.folder(name, false)? else { return Ok(None) };
        Ok(open_own(&dir, name.file())?)
    }

    /// Removes a finished export; whether there was one.
    pub fn remove(&self, name: &ExportName) -> Result<bool, ExportError> {
        let Some(dir) = self.open()?.folder(name, false)? else { return Ok(false) };
        match dir.remove_file(name.file()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Where the directory really is, which tells it from others of the same name.
    pub fn canonical(&self) -> Result<PathBuf, ExportError> {
        Ok(self.open()?.canonical)
    }

    /// What was noted of the exports in it, by their names. A directory that is not there yet has none.
    pub fn records(&self) -> HashMap<String, Record> {
        match self.path.try_exists() {
            Ok(true) => self.canonical().map(|directory| self.index.of(&directory)).unwrap_or_default(),
            _ => HashMap::new(),
        }
    }

    /// The content of a file that lies in the directory, of at most `most` bytes. Links are not followed.
    pub fn read(&self, name: &ExportName, most: usize) -> Result<Vec<u8>, ExportError> {
        let file = self.opened(name)?.ok_or_else(|| ExportError::NotThere(name.to_string()))?;
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
        sweep(&opened);
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

/// The right to the name, or, where it may get a number, to the first that is free of others' rights.
fn take_name(root: &Root, name: &ExportName, if_taken: IfTaken) -> Result<(ExportName, NameLock), ExportError> {
    let numbers = 2..=if if_taken == IfTaken::Number { MAX_NUMBER } else { 1 };
    for name in std::iter::once(name.clone()).chain(numbers.map(|number| name.numbered(number))) {
        if let Some(lock) = NameLock::take(&root.dir, &name)? {
            return Ok((name, lock));
        }
    }
    Err(ExportError::Busy(name.to_string()))
}

/// A name as part of the name of this program's own files. Systems that find a file by its name in another case would give
/// the two one file.
fn name_hash(name: &ExportName) -> String {
    hash(&name.to_string().to_ascii_lowercase())
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    hexadecimal(digest.get(..12).unwrap_or_default())
}

/// A finished export.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub name: ExportName,
    /// What it looks like, by its extension.
    pub format: Format,
    /// Its size.
    pub bytes: u64,
    /// When it was last changed.
    pub modified: Option<SystemTime>,
}

/// What the directory holds.
struct Held {
    /// Exports.
    files: u64,
    /// Bytes of all files, unfinished ones too.
    bytes: u64,
}

impl Held {
    fn count(dir: &Dir) -> Self {
        let mut held = Self { files: 0, bytes: 0 };
        let is_export = |name: &str| {
            let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
            extension.is_some_and(|extension| Format::ALL.iter().any(|format| format.extension() == extension))
        };
        let _ = for_each_file(dir, "", 0, &mut |_, _, name, entry| {
            held.files += u64::from(is_export(name));
            held.bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            ControlFlow::Continue(())
        });
        held
    }
}
