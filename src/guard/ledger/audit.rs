//! Reading a ledger without taking part in it: auditing neither makes nor changes one.

use super::{
    LedgerError,
    head::HeadFile,
    key::{Key, beside},
    row::{self, Decision, Row},
    schema,
    verify::{self, Verification},
};
use rusqlite::{Connection, OpenFlags, named_params};
use std::{io, path::Path};

/// Which rows are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of that tool.
    pub tool: Option<String>,
    /// Those of that grant.
    pub grant: Option<String>,
    /// Those with that decision.
    pub decision: Option<Decision>,
    /// Those written at that time or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
}

/// What one tool's calls of one day come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayOfTool {
    /// The day where the machine is, as `2026-01-31`.
    pub day: String,
    /// The tool; empty where frames did not tell.
    pub tool: String,
    /// All calls.
    pub calls: u64,
    /// Those that were not let through.
    pub refused: u64,
    /// Those that were let through and failed.
    pub failed: u64,
    /// Items that those let through touched.
    pub items: u64,
    /// Bytes that those let through touched.
    pub bytes: u64,
}

/// A ledger, open for reading.
#[derive(Debug)]
pub struct Audit {
    conn: Connection,
    head: HeadFile,
    columns: &'static str,
}

const FILTER: &str = "(:tool IS NULL OR tool = :tool) AND (:grant IS NULL OR grant = :grant) \
                      AND (:decision IS NULL OR decision = :decision) AND (:since IS NULL OR time_ms >= :since)";

impl Audit {
    /// Opens a ledger that is there.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let on_file = |cause| LedgerError::File { path: path.to_owned(), cause };
        let on_open = |cause| LedgerError::Open { path: path.to_owned(), cause };
        if !path.try_exists().map_err(on_file)? {
            return Err(LedgerError::Missing { path: path.to_owned() });
        }
        if path.is_dir() {
            return Err(on_file(io::ErrorKind::IsADirectory.into()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(on_open)?;
        let version = schema::version(&conn, path)?.ok_or_else(|| LedgerError::Missing { path: path.to_owned() })?;
        let columns = if version == schema::UNCHAINED { "*, NULL AS arg_values" } else { "*" };
        Ok(Self { conn, head: HeadFile::new(beside(path, ".head")), columns })
    }

    /// The rows after that number that the filter lets through, at most `limit` of them, in order.
    pub fn rows(&self, filter: &Filter, after: i64, limit: u32) -> Result<Vec<Row>, LedgerError> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT {} FROM calls WHERE seq > :after AND {FILTER} ORDER BY seq LIMIT :limit",
            self.columns
        ))?;
        let mut rows = statement.query(named_params! {
            ":after": after, ":limit": limit, ":tool": filter.tool, ":grant": filter.grant,
            ":decision": filter.decision.map(Decision::as_str), ":since": filter.since_ms,
        })?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(row::from_sql(row)?);
        }
        Ok(found)
    }

    /// The row of that number.
    pub fn row(&self, seq: i64) -> Result<Option<Row>, LedgerError> {
        let rows = self.rows(&Filter::default(), seq - 1, 1)?;
        Ok(rows.into_iter().next().filter(|row| row.seq == seq))
    }

    /// After which row the newest `count` begin that the filter lets through.
    pub fn newest(&self, filter: &Filter, count: u32) -> Result<i64, LedgerError> {
        let mut statement = self.conn.prepare_cached(&format!(
            "SELECT coalesce(min(seq) - 1, (SELECT coalesce(max(seq), 0) FROM calls)) \
             FROM (SELECT seq FROM calls WHERE {FILTER} ORDER BY seq DESC LIMIT :count)"
        ))?;
        Ok(statement.query_row(
            named_params! {
                ":count": count, ":tool": filter.tool, ":grant": filter.grant,
                ":decision": filter.decision.map(Decision::as_str), ":since": filter.since_ms,
            },
            |row| row.get(0),
        )?)
    }

    /// What each tool's calls of each day come to.
    pub fn stats(&self, since_ms: Option<i64>) -> Result<Vec<DayOfTool>, LedgerError> {
        // Amounts are bounded so that no sum overflows.
        let mut statement = self.conn.prepare(
            "SELECT date(time_ms / 1000, 'unixepoch', 'localtime') AS day, tool, sum(repeats), \
             sum(iif(let_in, 0, repeats)), sum(let_in AND outcome = 'failed'), \
             sum(iif(let_in, min(coalesce(items, 0), 1 << 40), 0)), sum(iif(let_in, min(coalesce(bytes, 0), 1 << 50), 0)) \
             FROM (SELECT *, decision IN ('allow', 'approved') AS let_in FROM calls WHERE ?1 IS NULL OR time_ms >= ?1) \
             GROUP BY day, tool ORDER BY day, tool",
        )?;
        let days = statement.query_map([since_ms], |row| {
            Ok(DayOfTool {
                day: row.get(0)?,
                tool: row.get(1)?,
                calls: row.get::<_, i64>(2)?.unsigned_abs(),
                refused: row.get::<_, i64>(3)?.unsigned_abs(),
                failed: row.get::<_, i64>(4)?.unsigned_abs(),
                items: row.get::<_, i64>(5)?.unsigned_abs(),
                bytes: row.get::<_, i64>(6)?.unsigned_abs(),
            })
        })?;
        Ok(days.collect::<Result<_, _>>()?)
    }

    /// Looks whether the ledger is as it was written, by the key in that file.
    pub fn verify(&mut self, key: &Path) -> Result<Verification, LedgerError> {
        let key = match Key::load(key) {
            Ok(key) => Some(key),
            Err(LedgerError::KeyMissing { .. }) => None,
            Err(error) => return Err(error),
        };
        verify::run(&mut self.conn, key.as_ref(), &self.head)
    }
}
