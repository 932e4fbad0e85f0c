//! Why the ledger can't be used.

use super::{DEADLINE, QUEUE};
use crate::guard::limit::LONGEST_WINDOW;
use std::{io, path::PathBuf};

/// Why the ledger can't be used. Each text says all there is to say, so none has a source that would say it again.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file or its directory can't be made or looked at.
    #[error("the ledger {} can't be used: {cause}; PLEX_LEDGER names another place", .path.display())]
    File {
        /// The ledger's file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The file is damaged, or SQLite can't open it.
    #[error("the ledger {} can't be opened: {cause}; it is left as it is, PLEX_LEDGER names another place", .path.display())]
    Open {
        /// The ledger's file.
        path: PathBuf,
        /// What SQLite says.
        cause: rusqlite::Error,
    },
    /// The file is a database of something else.
    #[error("{} is no ledger of plex-mcp; it is left as it is, PLEX_LEDGER names another place", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was made by a newer version.
    #[error("the ledger {} has version {version}, which a newer plex-mcp wrote; PLEX_LEDGER names another place", .path.display())]
    Newer {
        /// The ledger's file.
        path: PathBuf,
        /// The schema's version it has.
        version: i64,
    },
    /// The file was moved, deleted or replaced since it was opened.
    #[error("the ledger {} was moved, deleted or replaced while it was in use; start the server again", .path.display())]
    Moved {
        /// The ledger's file.
        path: PathBuf,
    },
    /// There is no ledger, and the request was not to make one.
    #[error("there is no ledger at {}; PLEX_LEDGER names another place", .path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// What the ledger says of itself is not what a server wrote.
    #[error("the ledger was altered by another program; `plex-mcp audit verify` says more, and nothing is deleted")]
    Altered,
    /// Rows that the limits may still need were to be deleted.
    #[error("rows of the last {} days are kept, since limits count over that time", LONGEST_WINDOW.as_secs() / 86_400)]
    TooYoung,
    /// The key of the ledger's chain is not there any more.
    #[error("the ledger's key {} is missing, without which its rows can't be vouched for: put it back, or move the ledger away", .path.display())]
    KeyMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The key of the ledger's chain can't be read or made.
    #[error("the ledger's key {} can't be used: {cause}; PLEX_LEDGER_KEY_FILE names another place", .path.display())]
    Key {
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// A request failed.
    #[error("the ledger can't be read or written: {0}")]
    Sqlite(rusqlite::Error),
    /// A row holds what no version wrote.
    #[error("row {seq} of the ledger can't be read: its {column} is unknown")]
    Row {
        /// The row.
        seq: i64,
        /// The column.
        column: &'static str,
    },
    /// The system gives no random numbers, without which no question can have a name.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// A request was not answered in time.
    #[error("the ledger did not answer within {} seconds", DEADLINE.as_secs())]
    Deadline,
    /// Too many requests wait.
    #[error("{QUEUE} requests wait for the ledger already")]
    Overrun,
    /// The ledger's thread has ended.
    #[error("the ledger's thread has ended")]
    Stopped,
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
