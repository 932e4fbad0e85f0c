//! Finding a change again, to take it back.

use super::{
    LedgerError,
    row::{self, Row},
};
use rusqlite::{Connection, OptionalExtension as _};

/// A call of the past.
#[derive(Clone, Debug)]
pub struct Recalled {
    /// Its row.
    pub row: Row,
    /// The call that took it back, if one did.
    pub undone_by: Option<String>,
}

/// The member of a before-state that names the call which is taken back.
pub(super) const UNDOES: &str = "undoes";

/// The call of that name, if that grant made it. Rows are looked through from the newest on, since what is taken back is
/// mostly young; there is no index, which every call would have to keep up.
pub(super) fn find(conn: &Connection, call_id: &str, grant: &str) -> Result<Option<Recalled>, LedgerError> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT seq, {} FROM calls WHERE call_id = ?1 AND grant = ?2 ORDER BY seq DESC LIMIT 1",
        row::COLUMNS
    ))?;
    let mut rows = statement.query((call_id, grant))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let row = row::from_sql(row)?;
    let undone_by = conn
        .prepare_cached(&format!(
            "SELECT call_id FROM calls WHERE seq > ?1 AND before IS NOT NULL AND outcome = 'ok' \
             AND json_extract(before, '$.{UNDOES}') = ?2 LIMIT 1"
        ))?
        .query_row((row.seq, call_id), |row| row.get(0))
        .optional()?;
    Ok(Some(Recalled { row, undone_by }))
}
