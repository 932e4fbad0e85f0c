//! Finding a change again, to take it back, and seeing to it that this is done once.
//!
//! A call that takes a change back says so in the transaction that lets it pass. While it is under way, and for good once it
//! has done it, no other call passes that would take back the same, whichever process it comes to.

use super::{
    LedgerError,
    row::{self, Row},
};
use rusqlite::{Connection, OptionalExtension as _};
use std::time::Duration;

/// The longest that taking a change back may last, and for so long one that never ended counts as under way.
pub(crate) const LONGEST_UNDO: Duration = Duration::from_secs(600);
/// What its end may take to be written.
const TO_SETTLE: Duration = Duration::from_secs(60);

/// A call of the past.
#[derive(Clone, Debug)]
pub struct Recalled {
    /// Its row.
    pub row: Row,
    /// The call that takes it back or did, if one does.
    pub undoing: Option<Undoing>,
}

/// A call that takes a change back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undoing {
    /// Its name.
    pub by: String,
    /// Whether it has done it. One that has not is still at it.
    pub is_done: bool,
}

impl Undoing {
    /// Why no other call may do the same.
    pub fn reason(&self) -> String {
        let by = &self.by;
        if self.is_done {
            format!("it was undone already, by {by}")
        } else {
            let minutes = (LONGEST_UNDO + TO_SETTLE).as_secs() / 60;
            format!(
                "another call, {by}, is undoing it; if that one was killed, try again {minutes} minutes after it began"
            )
        }
    }
}

/// Reads, which most calls are, stand in neither of the indexes. What takes changes back was kept in the before-state alone
/// by earlier versions.
const INDEX: &str = "
CREATE INDEX changes ON calls (call_id) WHERE kind IN ('write', 'destructive');
CREATE INDEX approved ON calls (note) WHERE decision = 'approved';
CREATE TABLE undoings (undone TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (undone, seq)) STRICT, WITHOUT ROWID;
INSERT INTO undoings
  SELECT undone, seq FROM (
    SELECT seq, CASE WHEN json_valid(before) THEN json_extract(before, '$.undoes') END AS undone
    FROM calls WHERE before IS NOT NULL
  ) WHERE typeof(undone) = 'text';
";

/// Makes the indexes, which ledgers of earlier versions lack.
pub(super) fn index(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(INDEX)
}

/// The change of that name, if that grant made it, and whether it was taken back.
pub(super) fn find(
    conn: &Connection,
    call_id: &str,
    grant: &str,
    now_ms: i64,
) -> Result<Option<Recalled>, LedgerError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT seq, {} FROM calls WHERE call_id = ?1 AND kind IN ('write', 'destructive') AND grant = ?2 \
         ORDER BY seq DESC LIMIT 1",
        row::COLUMNS
    ))?;
    let mut rows = statement.query((call_id, grant))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Recalled { row: row::from_sql(row)?, undoing: undoing(conn, call_id, now_ms)? }))
}

/// The call that takes that change back, or did. Those that failed or were given up don't count, nor those whose process
/// was killed, once they can't be under way any more: how the things stand that were changed decides then.
pub(super) fn undoing(conn: &Connection, undone: &str, now_ms: i64) -> Result<Option<Undoing>, LedgerError> {
    let most_ms = i64::try_from((LONGEST_UNDO + TO_SETTLE).as_millis()).unwrap_or(i64::MAX);
    let mut statement = conn.prepare_cached(
        "SELECT calls.call_id, outcome = 'ok' AS is_done FROM undoings JOIN calls ON calls.seq = undoings.seq \
         WHERE undone = ?1 AND (outcome = 'ok' OR \
         (outcome = 'unknown' AND duration_ms IS NULL AND time_ms BETWEEN ?2 AND ?3)) \
         ORDER BY is_done DESC LIMIT 1",
    )?;
    let span = (undone, now_ms.saturating_sub(most_ms), now_ms.saturating_add(most_ms));
    Ok(statement.query_row(span, |row| Ok(Undoing { by: row.get(0)?, is_done: row.get(1)? })).optional()?)
}

/// Keeps that this row is of a call that takes that change back.
pub(super) fn keep(conn: &Connection, undone: &str, seq: i64) -> Result<(), LedgerError> {
    conn.prepare_cached("INSERT OR IGNORE INTO undoings VALUES (?1, ?2)")?.execute((undone, seq))?;
    Ok(())
}
