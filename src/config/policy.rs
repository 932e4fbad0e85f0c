//! Where the policy is, and how its file is read and written.

use super::permissions::{PermissionError, check_unchangeable};
use std::{
    fmt,
    fs::Metadata,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A policy has less than a mebibyte; of more no more is read than it takes to see that.
const MAX_READ: u64 = (1 << 20) + 1;

/// Where the policy comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicySource {
    /// A file.
    File(PathBuf),
    /// The policy that is part of the program.
    BuiltIn,
}

impl fmt::Display for PolicySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::BuiltIn => f.write_str("the built-in policy"),
        }
    }
}

/// Why a policy's file is not read.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    /// The system does not let it be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// Others may write to it.
    #[error("it is not safe from others: {0}")]
    Unsafe(#[from] PermissionError),
    /// It is being written.
    #[error("it was changed while it was read")]
    Changing,
}

/// What tells one state of a file from the next: any writing changes it, and so does another file of the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    /// Device, number, and when it or its permissions were last changed.
    #[cfg(unix)]
    node: (u64, u64, i64, i64),
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            len: found.len(),
            modified: found.modified().ok(),
            #[cfg(unix)]
            node: {
                use std::os::unix::fs::MetadataExt as _;
                (found.dev(), found.ino(), found.ctime(), found.ctime_nsec())
            },
        }
    }

    /// That of the file at `path`, links followed.
    pub fn at(path: &Path) -> io::Result<Self> {
        path.metadata().map(|found| Self::of(&found))
    }
}

/// The text of the policy at `source`.
pub fn read_policy(source: &PolicySource) -> Result<String, PolicyFileError> {
    match source {
        PolicySource::File(path) => read_policy_file(path).map(|(text, _)| text),
        PolicySource::BuiltIn => Ok(crate::guard::SHIPPED.to_owned()),
    }
}

/// The text of a file that nobody else may write to, and that nobody wrote to while it was read.
pub fn read_policy_file(path: &Path) -> Result<(String, Stamp), PolicyFileError> {
    check_unchangeable(path)?;
    #[expect(clippy::disallowed_methods, reason = "this is where the policy is read from")]
    let mut file = std::fs::File::open(path)?;
    let before = Stamp::of(&file.metadata()?);
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_READ).read_to_end(&mut bytes)?;
    if Stamp::of(&file.metadata()?) != before || Stamp::at(path)? != before {
        return Err(PolicyFileError::Changing);
    }
    let text = String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))?;
    Ok((text, before))
}

/// Where the user's own policy is looked for; none where the system knows no home.
pub fn own_policy() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    etcetera::choose_base_strategy().ok().map(|base| base.config_dir().join("plex-mcp/policy.toml"))
}

/// Whether there is a policy at `path`. What can't be looked at, or is a link that leads nowhere, is one too, one that can't be
/// read: what was meant to be strict is not passed over.
fn is_there(path: &Path) -> bool {
    let kind = path.symlink_metadata().err().map(|error| error.kind());
    !matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
}

/// The user's own policy, else one in the working directory, else the built-in one. The working directory is last,
/// since clients start servers in other people's folders.
pub(super) fn find_policy() -> PolicySource {
    let here = Some(PathBuf::from("./policy.toml"));
    let found = [own_policy(), here].into_iter().flatten().find(|path| is_there(path));
    found.map_or(PolicySource::BuiltIn, PolicySource::File)
}

/// Writes a policy, all of it or nothing. A file that is there is replaced only where that is asked for.
pub fn write_policy(path: &Path, text: &str, replace: bool) -> io::Result<()> {
    use io::Write as _;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    #[expect(clippy::disallowed_methods, reason = "the configuration directory may not be there yet")]
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    let written = if replace { file.persist(path) } else { file.persist_noclobber(path) };
    written.map(drop).map_err(|error| error.error)
}
