//! A row of the ledger: one call, whatever became of it.

use super::LedgerError;
use crate::guard::{
    names::named,
    plan::{Affected, Outcome},
    subject::Kind,
};
use rusqlite::{Connection, Row as SqlRow, named_params};
use serde_json::Value;

named! {
    /// What was decided about a call.
    pub enum Decision {
        /// It was let through.
        Allow = "allow",
        /// A rule or the default refused it, or it could not be decided in time.
        Deny = "deny",
        /// A limit refused it.
        Limit = "limit",
        /// It waits for a person.
        Ask = "ask",
        /// A person approved it.
        Approved = "approved",
        /// A person declined it.
        Declined = "declined",
        /// Its arguments, or its frame, could not be understood.
        Invalid = "invalid",
    }
}

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number; 0 before it is written.
    pub seq: i64,
    /// Milliseconds since 1970 by the wall clock, when it was written.
    pub time_ms: i64,
    /// The call's name.
    pub call_id: String,
    /// The grant it came under.
    pub grant: String,
    /// The session it came in.
    pub session: String,
    /// What the client calls itself.
    pub client: Option<String>,
    /// The tool; empty where the frame did not tell.
    pub tool: String,
    /// What the tool may do.
    pub kind: Option<Kind>,
    /// The hash of the policy that judged it.
    pub policy: String,
    /// What was decided.
    pub decision: Decision,
    /// The rule that decided, as a JSON pointer.
    pub rule: Option<String>,
    /// The names of its arguments.
    pub args: Vec<String>,
    /// A keyed digest of its arguments.
    pub digest: Option<String>,
    /// What was touched.
    pub affected: Affected,
    /// How it ended; none where nothing was run.
    pub outcome: Option<Outcome>,
    /// How long it took, once it has ended.
    pub duration_ms: Option<u64>,
    /// How things stood before.
    pub before: Option<Value>,
    /// A remark of the server's own.
    pub note: Option<String>,
    /// How many calls the row stands for.
    pub repeats: u64,
}

/// Texts that come from clients are cut to this many characters.
const MAX_TEXT: usize = 200;
/// So many titles and argument names are kept.
const MAX_LIST: usize = 100;
/// A longer before-state is left out, and the note says so.
const MAX_BEFORE_BYTES: usize = 256 * 1024;

const COLUMNS: &str = "seq, time_ms, call_id, grant, session, client, tool, kind, policy, decision, rule, args, digest, \
                       library, titles, items, bytes, outcome, duration_ms, before, note, repeats";

/// Writes a row and gives its number.
pub(super) fn insert(conn: &Connection, row: &Row, time_ms: i64) -> Result<i64, LedgerError> {
    let mut note = row.note.as_deref().map(cut);
    let mut before = row.before.as_ref().map(ToString::to_string);
    if let Some(text) = before.take_if(|text| text.len() > MAX_BEFORE_BYTES) {
        note = Some(format!("the state before has {} bytes and was left out", text.len()));
    }
    conn.prepare_cached(
        "INSERT INTO calls (time_ms, call_id, grant, session, client, tool, kind, policy, decision, rule, args, digest, \
         library, titles, items, bytes, outcome, duration_ms, before, note, repeats) VALUES (:time_ms, :call_id, :grant, \
         :session, :client, :tool, :kind, :policy, :decision, :rule, :args, :digest, :library, :titles, :items, :bytes, \
         :outcome, :duration_ms, :before, :note, :repeats)",
    )?
    .execute(named_params! {
        ":time_ms": time_ms,
        ":call_id": row.call_id,
        ":grant": row.grant,
        ":session": cut(&row.session),
        ":client": row.client.as_deref().map(cut),
        ":tool": row.tool,
        ":kind": row.kind.map(Kind::as_str),
        ":policy": row.policy,
        ":decision": row.decision.as_str(),
        ":rule": row.rule,
        ":args": list(&row.args),
        ":digest": row.digest,
        ":library": row.affected.library.as_deref().map(cut),
        ":titles": list(&row.affected.titles),
        ":items": row.affected.items.map(signed),
        ":bytes": row.affected.bytes.map(signed),
        ":outcome": outcome_name(row.outcome),
        ":duration_ms": row.duration_ms.map(signed),
        ":before": before,
        ":note": note,
        ":repeats": signed(row.repeats),
    })?;
    Ok(conn.last_insert_rowid())
}

/// Completes a row; what is not known of the effect stays as it was planned.
pub(super) fn settle(
    conn: &Connection,
    seq: i64,
    outcome: Outcome,
    affected: &Affected,
    duration_ms: u64,
) -> Result<(), LedgerError> {
    conn.prepare_cached(
        "UPDATE calls SET outcome = :outcome, duration_ms = :duration_ms, library = coalesce(:library, library), \
         titles = coalesce(:titles, titles), items = coalesce(:items, items), bytes = coalesce(:bytes, bytes) \
         WHERE seq = :seq",
    )?
    .execute(named_params! {
        ":outcome": outcome.as_str(),
        ":duration_ms": signed(duration_ms),
        ":library": affected.library.as_deref().map(cut),
        ":titles": (!affected.titles.is_empty()).then(|| list(&affected.titles)),
        ":items": affected.items.map(signed),
        ":bytes": affected.bytes.map(signed),
        ":seq": seq,
    })?;
    Ok(())
}

/// The rows after that number.
pub(super) fn read(conn: &Connection, after: i64, limit: u32) -> Result<Vec<Row>, LedgerError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT {COLUMNS} FROM calls WHERE seq > ?1 ORDER BY seq LIMIT ?2"))?;
    let mut rows = statement.query((after, limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_sql(row)?);
    }
    Ok(found)
}

fn from_sql(row: &SqlRow<'_>) -> Result<Row, LedgerError> {
    let seq = row.get("seq")?;
    let wrong = |column| LedgerError::Row { seq, column };
    let kind = row.get::<_, Option<String>>("kind")?;
    let outcome = row.get::<_, String>("outcome")?;
    let strings = |column: &'static str| -> Result<Vec<String>, LedgerError> {
        serde_json::from_str(&row.get::<_, String>(column)?).map_err(|_| wrong(column))
    };
    let count = |column: &'static str| -> Result<Option<u64>, LedgerError> {
        row.get::<_, Option<i64>>(column)?.map(|n| u64::try_from(n).map_err(|_| wrong(column))).transpose()
    };
    let before = row.get::<_, Option<String>>("before")?;
    Ok(Row {
        seq,
        time_ms: row.get("time_ms")?,
        call_id: row.get("call_id")?,
        grant: row.get("grant")?,
        session: row.get("session")?,
        client: row.get("client")?,
        tool: row.get("tool")?,
        kind: kind.map(|name| Kind::from_name(&name).ok_or(wrong("kind"))).transpose()?,
        policy: row.get("policy")?,
        decision: Decision::from_name(&row.get::<_, String>("decision")?).ok_or(wrong("decision"))?,
        rule: row.get("rule")?,
        args: strings("args")?,
        digest: row.get("digest")?,
        affected: Affected {
            library: row.get("library")?,
            titles: strings("titles")?,
            items: count("items")?,
            bytes: count("bytes")?,
        },
        outcome: match outcome.as_str() {
            NONE => None,
            name => Some(Outcome::from_name(name).ok_or(wrong("outcome"))?),
        },
        duration_ms: count("duration_ms")?,
        before: before.map(|text| serde_json::from_str(&text).map_err(|_| wrong("before"))).transpose()?,
        note: row.get("note")?,
        repeats: count("repeats")?.ok_or(wrong("repeats"))?,
    })
}

/// The outcome of a call that was not run.
const NONE: &str = "none";

fn outcome_name(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or(NONE, Outcome::as_str)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

fn list(texts: &[String]) -> String {
    texts.iter().take(MAX_LIST).map(|text| cut(text)).collect::<Value>().to_string()
}

/// SQLite's integers have a sign.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
