//! Exports: a library of any size becomes a file beneath the exports directory, or nothing does.
//!
//! The rules:
//! * Nothing is written outside the directory. It is opened once, everything happens beneath that handle, links are not
//!   followed, and names are made of plain characters ([`name`]).
//! * A file is whole or absent. Rows go to a temporary file beside the target, which gets the target's name only when
//!   everything is in it and on the disk ([`directory`]). What a killed process left is swept at the next start.
//! * An existing name is never opened for writing; it is replaced, if that was asked for, by the finished file.
//! * Memory does not grow with the library: a few pages at a time go from Plex's XML to the file ([`job`]).

pub mod directory;
mod encoder;
pub mod index;
pub mod job;
pub mod layout;
pub mod name;
mod source;
pub mod writer;

use crate::plex::error::PlexError;
use std::io;

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The output path is not one that the exports directory takes.
    #[error("outputPath {0}")]
    Name(#[from] name::NameError),
    /// The exports directory can't be used.
    #[error("the exports directory {path} can't be used ({cause}): PLEX_EXPORT_DIR moves it")]
    Directory {
        /// As it was configured.
        path: String,
        /// What the system said.
        cause: io::Error,
    },
    /// There is something of that name already.
    #[error("{0} exists already: choose another outputPath, or set overwrite to replace it")]
    Exists(String),
    /// Someone is writing to that name, perhaps another process.
    #[error("another export to {0} is running: wait for its end or choose another outputPath")]
    Busy(String),
    /// There is something of that name that can't be replaced.
    #[error("{0} is not a file: choose another outputPath")]
    NotAFile(String),
    /// There is no such file to be read.
    #[error("there is no file {0} in the exports directory")]
    NotThere(String),
    /// A file that is to be read is too large.
    #[error("the file {name} has more than {} MB", .most >> 20)]
    TooLarge {
        /// Its name.
        name: String,
        /// The limit in bytes.
        most: usize,
    },
    /// A folder of the path is a link or a file.
    #[error("{0} is not a folder of the exports directory: choose another outputPath")]
    NotAFolder(String),
    /// The system refused to write.
    #[error("the export can't be written ({0}): the exports directory may be full or not writable")]
    Write(#[from] io::Error),
    /// Plex failed while pages were read.
    #[error(transparent)]
    Plex(#[from] PlexError),
    /// The export is larger than what it reserved of the policy's limits.
    #[error(
        "the export was stopped at the {0} bytes that were reserved for it, and nothing was kept: its items are unusually large, so export one type of them, or a summary"
    )]
    Reserved(u64),
    /// The call was given up while the finished file was being put in its place.
    #[error("the export was given up before it had its name, and nothing was kept")]
    GivenUp,
    /// A cap of the policy was reached.
    #[error(
        "the export was stopped at the policy's limit of {limit} {}, and nothing was kept: raise exports.{key} or export less",
        unit(key)
    )]
    Cap {
        /// The cap's key in the policy.
        key: &'static str,
        /// Its value.
        limit: u64,
    },
}

/// What a cap counts.
fn unit(key: &str) -> &'static str {
    match key {
        "max_items" => "items",
        "max_files" => "files",
        "max_seconds" => "seconds",
        "min_free_bytes" => "free bytes on the disk",
        "max_total_bytes" => "bytes in the exports directory",
        _ => "bytes",
    }
}

impl ExportError {
    /// The cap that this key of the policy's `[exports]` sets was reached.
    pub fn cap(key: &'static str, limit: u64) -> Self {
        Self::Cap { key, limit }
    }

    /// Whether an export that was cut so is worth going on with: nothing about it has to change first.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Plex(_) | Self::GivenUp)
    }

    /// The stable code that clients see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "already_exists",
            Self::Busy(_) => "busy",
            Self::NotThere(_) => "not_found",
            Self::TooLarge { .. } | Self::Name(_) | Self::NotAFile(_) | Self::NotAFolder(_) => "invalid_argument",
            Self::Directory { .. } | Self::Write(_) => "not_writable",
            Self::Plex(error) => error.code(),
            Self::Cap { .. } | Self::Reserved(_) => "export_limit",
            Self::GivenUp => "cancelled",
        }
    }
}

impl From<crate::plex::xml::XmlError> for ExportError {
    fn from(error: crate::plex::xml::XmlError) -> Self {
        Self::Plex(error.into())
    }
}

/// Runs work that keeps a processor or the disk busy where it does not hold up the protocol.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ExportError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ExportError::Write(io::Error::other(error)))
}
