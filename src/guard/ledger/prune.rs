//! Deleting old rows in such a way that the rest can still be verified: the checkpoint then says where the chain begins.

use super::{
    LedgerError,
    chain::{self, Checkpoint},
    key::Key,
};
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::BTreeSet;

/// What one step is to delete at most; a step holds up the calls of all processes.
const STEP: i64 = 2_000;

/// Deletes some of the rows from before that time. Gives how many; 0 means that none are left.
pub(super) fn step(tx: &Connection, key: &Key, before_ms: i64) -> Result<u64, LedgerError> {
    let mut most = STEP;
    loop {
        let (kept, is_all) = first_kept(tx, before_ms, most)?;
        let (checkpoint, signature) = Checkpoint::read(tx)?;
        if signature != checkpoint.signature(key) {
            // Signing it anew would hide that it was altered.
            return Err(LedgerError::Altered);
        }
        let Some(next) = begin(tx, checkpoint, kept)? else { return Ok(0) };
        let deleted = tx.execute("DELETE FROM calls WHERE seq < ?1", [next.first_kept])?;
        if deleted > 0 {
            tx.execute("DELETE FROM chain WHERE n <= ?1", [next.checkpoint.n])?;
            tx.execute("DELETE FROM undoings WHERE seq < ?1", [next.first_kept])?;
            next.checkpoint.write(tx, key)?;
            return Ok(u64::try_from(deleted).unwrap_or_default());
        }
        if is_all {
            return Ok(0);
        }
        // Every call of this step overlaps with a later one, up to a row that is kept.
        most = most.saturating_mul(4);
    }
}

/// The first row that is kept if at most `most` are deleted, and whether more would be no more.
fn first_kept(tx: &Connection, before_ms: i64, most: i64) -> Result<(i64, bool), LedgerError> {
    let oldest = "SELECT seq, time_ms FROM calls ORDER BY seq LIMIT ?1";
    let young: Option<i64> =
        tx.query_row(&format!("SELECT min(seq) FROM ({oldest}) WHERE time_ms >= ?2"), (most, before_ms), |row| {
            row.get(0)
        })?;
    if let Some(seq) = young {
        return Ok((seq, true));
    }
    let (count, last): (i64, i64) =
        tx.query_row(&format!("SELECT count(*), coalesce(max(seq), 0) FROM ({oldest})"), [most], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    Ok((last.saturating_add(1), count < most))
}

struct Next {
    first_kept: i64,
    checkpoint: Checkpoint,
}

/// Where the chain is to begin so that no entry is left of a row that is gone. None where it begins there already.
fn begin(tx: &Connection, old: Checkpoint, kept: i64) -> Result<Option<Next>, LedgerError> {
    if kept <= old.first_seq {
        let unchained =
            tx.query_row("SELECT count(*) FROM calls WHERE seq >= ?1 AND seq < ?2", (kept, old.first_seq), |row| {
                row.get(0)
            })?;
        return Ok(Some(Next { first_kept: kept, checkpoint: Checkpoint { unchained, ..old } }));
    }
    let first: Option<i64> = tx
        .query_row("SELECT n FROM chain WHERE seq >= ?1 AND event <> 'end' ORDER BY n LIMIT 1", [kept], |row| {
            row.get(0)
        })
        .optional()?;
    // The last entry that goes.
    let n = match first {
        Some(n) => n - 1,
        None => chain::last(tx)?.0,
    };
    let mut open = BTreeSet::new();
    let mut statement = tx.prepare_cached("SELECT event, seq FROM chain WHERE n <= ?1 ORDER BY n")?;
    let mut entries = statement.query([n])?;
    while let Some(entry) = entries.next()? {
        let seq: i64 = entry.get(1)?;
        match entry.get_ref(0)?.as_str() {
            Ok("begin") => drop(open.insert(seq)),
            Ok("end") => drop(open.remove(&seq)),
            _ => {}
        }
    }
    // One that has ended has its end among the entries that stay.
    let mut ended = tx.prepare_cached("SELECT duration_ms IS NOT NULL FROM calls WHERE seq = ?1")?;
    for seq in open {
        if ended.query_row([seq], |row| row.get(0)).optional()?.unwrap_or(false) {
            return begin(tx, old, seq);
        }
    }
    if n <= old.n {
        return Ok(None);
    }
    let code = tx.query_row("SELECT code FROM chain WHERE n = ?1", [n], |row| row.get(0))?;
    Ok(Some(Next { first_kept: kept, checkpoint: Checkpoint { n, code, first_seq: kept, unchained: 0 } }))
}
