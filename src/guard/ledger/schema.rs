//! The ledger's file: making it, recognising it, and telling a lost one from a new one.

use super::{
    LedgerError,
    chain::{self, Checkpoint},
    key::{Code, Key, beside},
    recall,
};
use crate::{
    config::permissions::private_file,
    guard::clock::{Boot, Moment},
};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use std::{
    fs::DirBuilder,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The letters `PlxM`, so that other programs' files are recognised.
const APPLICATION_ID: i64 = 0x506c_784d;
pub(super) const VERSION: i64 = 3;
/// The version that had no chain.
pub(super) const UNCHAINED: i64 = 1;

/// A take's `uptime_ns` counts within its boot. `high_ns` and `low_ns` are the most and the least that the wall clock was
/// ever seen ahead of the boot's uptime: with them the takes of earlier boots are aged as if they were as young as any
/// reading would have it. Counter 0 is no limit's: its one take stands for the takes of a ledger that was lost.
const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
CREATE TABLE calls (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, call_id TEXT NOT NULL, grant TEXT NOT NULL,
  session TEXT NOT NULL, client TEXT, tool TEXT NOT NULL, kind TEXT, policy TEXT NOT NULL, decision TEXT NOT NULL,
  rule TEXT, args TEXT NOT NULL, digest TEXT, library TEXT, titles TEXT NOT NULL, items INTEGER, bytes INTEGER,
  outcome TEXT NOT NULL, duration_ms INTEGER, before TEXT, note TEXT, repeats INTEGER NOT NULL
) STRICT;
CREATE TABLE boots (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, high_ns INTEGER NOT NULL, low_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE counters (id INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL, UNIQUE (name, unit)) STRICT;
CREATE TABLE takes (
  counter INTEGER NOT NULL, boot INTEGER NOT NULL, uptime_ns INTEGER NOT NULL, call INTEGER NOT NULL,
  grant TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (counter, boot, uptime_ns, call)
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('digest_key', randomblob(32));
";

/// How far beyond what was seen `high_ns` and `low_ns` are set, so that a clock that is nudged does not write them again
/// and again.
const STEP_NS: i64 = 1_000_000_000;

/// The file beside the ledger that says there was one.
fn marker(path: &Path) -> PathBuf {
    beside(path, ".marker")
}

/// Opens the file, or makes it with its directory.
pub(super) fn open(path: &Path, key: &Path, boot: &Boot, now: Moment) -> Result<(Connection, Key), LedgerError> {
    let on_file = |cause| LedgerError::File { path: path.to_owned(), cause };
    let on_open = |cause| LedgerError::Open { path: path.to_owned(), cause };
    make_directory(path).map_err(on_file)?;
    if path.is_dir() {
        return Err(on_file(io::ErrorKind::IsADirectory.into()));
    }
    // Looked for first: while two processes make the ledger at once, the marker comes after the tables.
    let marked = marker(path).try_exists().map_err(on_file)?;
    make_file(path).map_err(on_file)?;

    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut conn = Connection::open_with_flags(path, flags).map_err(on_open)?;
    conn.set_prepared_statement_cache_capacity(32);
    conn.busy_handler(Some(wait_a_little)).map_err(on_open)?;
    // What a question to a person showed may hold values of arguments, which are to be gone with it.
    conn.pragma_update_and_check(None, "secure_delete", true, |_| Ok(())).map_err(on_open)?;
    let (lost, key) = prepare(&mut conn, path, key, marked, boot, now)?;
    if lost {
        tracing::error!(
            ledger = %path.display(),
            "the ledger is gone though there was one; a new one is made, and limited calls are refused for one window"
        );
    }
    if !marked {
        make_file(&marker(path)).map_err(on_file)?;
    }
    Ok((conn, key))
}

/// Makes the tables where there are none, or what a ledger of an earlier version lacks. Tells whether a ledger was lost.
fn prepare(
    conn: &mut Connection,
    path: &Path,
    key: &Path,
    marked: bool,
    boot: &Boot,
    now: Moment,
) -> Result<(bool, Key), LedgerError> {
    let on_open = |cause| LedgerError::Open { path: path.to_owned(), cause };
    // Once before anything is written, since even the journal's mode is kept in the file, and again when no one else writes.
    let tx = conn.transaction().map_err(on_open)?;
    version(&tx, path)?;
    drop(tx);
    write_ahead(conn).map_err(on_open)?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(on_open)?;
    let version = version(&tx, path)?;
    if version == Some(VERSION) {
        return Ok((false, Key::load(key)?));
    }
    let is_chained = version.is_some_and(|version| version > UNCHAINED);
    // Made within the transaction, and so once; never anew for a chain that is there.
    let key = if is_chained { Key::load(key)? } else { Key::load_or_make(key)? };
    let made = || {
        if version.is_none() {
            tx.execute_batch(TABLES)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        if !is_chained {
            chained(&tx, &key)?;
        }
        recall::index(&tx)?;
        let lost = version.is_none() && marked;
        if lost {
            let boot = boot_row(&tx, boot, now)?;
            tx.execute("INSERT INTO takes VALUES (0, ?1, ?2, 0, '', 1)", (boot.id, now.uptime_ns))?;
        }
        tx.pragma_update(None, "user_version", VERSION)?;
        Ok(lost)
    };
    let lost = made().map_err(on_open)?;
    tx.commit().map_err(on_open)?;
    Ok((lost, key))
}

/// Makes the second version of the first: rows that are there already are not covered by the chain.
fn chained(tx: &Transaction<'_>, key: &Key) -> rusqlite::Result<()> {
    tx.execute_batch("ALTER TABLE calls ADD COLUMN arg_values TEXT")?;
    tx.execute_batch(chain::TABLES)?;
    let (last, unchained) = tx.query_row("SELECT coalesce(max(seq), 0), count(*) FROM calls", [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get(1)?))
    })?;
    Checkpoint { n: 0, code: Code::default(), first_seq: last + 1, unchained }.write(tx, key)
}

/// The version of the ledger that the file is; none where it is empty yet. Anything else is an error. Within a transaction,
/// for another process may be making it.
pub(super) fn version(conn: &Connection, path: &Path) -> Result<Option<i64>, LedgerError> {
    let on_open = |cause| LedgerError::Open { path: path.to_owned(), cause };
    let pragma = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(on_open);
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    if application == APPLICATION_ID {
        let known = (UNCHAINED..=VERSION).contains(&version);
        return if known { Ok(Some(version)) } else { Err(LedgerError::Newer { path: path.to_owned(), version }) };
    }
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(on_open)?;
    if application != 0 || version != 0 || tables != 0 {
        return Err(LedgerError::Foreign { path: path.to_owned() });
    }
    Ok(None)
}

/// This boot's row.
#[derive(Clone, Copy, Debug)]
pub(super) struct BootRow {
    pub(super) id: i64,
    high_ns: i64,
    pub(super) low_ns: i64,
}

impl BootRow {
    /// Whether the row allows for the wall clock as it is.
    pub(super) fn spans(self, now: Moment) -> bool {
        (self.low_ns..=self.high_ns).contains(&ahead(now))
    }

    fn from_sql(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get("id")?, high_ns: row.get("high_ns")?, low_ns: row.get("low_ns")? })
    }
}

/// How far the wall clock is ahead of the uptime.
fn ahead(now: Moment) -> i64 {
    now.wall_ns.saturating_sub(now.uptime_ns)
}

/// Makes this boot's row, or widens it to what the wall clock shows.
pub(super) fn boot_row(conn: &Connection, boot: &Boot, now: Moment) -> rusqlite::Result<BootRow> {
    let stored = conn
        .prepare_cached("SELECT id, high_ns, low_ns FROM boots WHERE name = ?1")?
        .query_row([&boot.id], BootRow::from_sql)
        .optional()?;
    if let Some(row) = stored
        && row.spans(now)
    {
        return Ok(row);
    }
    let (high, low) = (ahead(now).saturating_add(STEP_NS), ahead(now).saturating_sub(STEP_NS));
    conn.prepare_cached(
        "INSERT INTO boots (name, high_ns, low_ns) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE \
         SET high_ns = max(high_ns, excluded.high_ns), low_ns = min(low_ns, excluded.low_ns) RETURNING id, high_ns, low_ns",
    )?
    .query_row((&boot.id, high, low), BootRow::from_sql)
}

/// Readers then never wait, and a commit is one append. Two processes that switch a new file at once get in each other's
/// way without SQLite's waiting for it.
fn write_ahead(conn: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0)) {
            Ok(_) => return Ok(()),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                if !wait_a_little(tries) {
                    return Err(error);
                }
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits 2 ms for another process to finish, 1.5 s in all. SQLite's own waits grow to 100 ms, which would let a busy
/// neighbour starve this one.
fn wait_a_little(tries: i32) -> bool {
    std::thread::sleep(Duration::from_millis(2));
    tries < 750
}

fn make_directory(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) else { return Ok(()) };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// An empty file that only its owner reads; SQLite's own files take the same mode. One that exists is not even opened:
/// closing it again would drop the locks that another connection of this process holds (fcntl(2)).
fn make_file(path: &Path) -> io::Result<()> {
    match private_file().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}
