//! A row of the ledger: one call, whatever became of it.

use super::LedgerError;
use crate::guard::{
    names::named,
    plan::{Affected, Outcome},
    subject::Kind,
};
use rusqlite::{
    Connection, OptionalExtension as _, Row as SqlRow, named_params, params_from_iter,
    types::{Value as SqlValue, ValueRef},
};
use serde_json::{Map, Value};

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
    /// Their values, where the policy wants them kept.
    pub arg_values: Option<Map<String, Value>>,
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

impl Row {
    /// A row of a call of which nothing else is known yet.
    pub(in crate::guard) fn new(call_id: String, grant: String, tool: String, decision: Decision) -> Self {
        Self {
            seq: 0,
            time_ms: 0,
            call_id,
            grant,
            session: String::new(),
            client: None,
            tool,
            kind: None,
            policy: String::new(),
            decision,
            rule: None,
            args: Vec::new(),
            arg_values: None,
            digest: None,
            affected: Affected::default(),
            outcome: None,
            duration_ms: None,
            before: None,
            note: None,
            repeats: 1,
        }
    }
}

/// Texts that come from clients are cut to this many characters.
const MAX_TEXT: usize = 200;
/// So many titles and argument names are kept.
const MAX_LIST: usize = 100;
/// A longer before-state, or longer values, are left out, and the note says so.
pub const MAX_BEFORE_BYTES: usize = 256 * 1024;

/// The columns that never change, and then those that a completion replaces.
pub(super) const COLUMNS: &str = "time_ms, call_id, grant, session, client, tool, kind, policy, decision, rule, args, \
                                  digest, before, note, repeats, arg_values, library, titles, items, bytes, outcome, \
                                  duration_ms";
/// How many of the columns never change.
pub(super) const FIXED: usize = 16;
/// How many a completion replaces.
pub(super) const REPLACED: usize = 6;

/// A row as it was written: the values of `COLUMNS`.
pub(super) struct Written {
    pub(super) seq: i64,
    values: [SqlValue; FIXED + REPLACED],
}

impl Written {
    pub(super) fn all(&self) -> impl Iterator<Item = ValueRef<'_>> {
        self.values.iter().map(ValueRef::from)
    }

    /// What never changes.
    pub(super) fn fixed(&self) -> impl Iterator<Item = ValueRef<'_>> {
        self.all().take(FIXED)
    }

    /// What a completion may replace.
    pub(super) fn planned(&self) -> Option<String> {
        planned(self.all().skip(FIXED))
    }
}

/// The first four of the replaced columns as JSON; none where they say nothing.
pub(super) fn planned<'v>(replaced: impl Iterator<Item = ValueRef<'v>>) -> Option<String> {
    let values: Vec<Value> = replaced
        .take(REPLACED - 2)
        .map(|value| match value {
            ValueRef::Integer(number) => number.into(),
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
            _ => Value::Null,
        })
        .collect();
    let says_something = values.iter().any(|value| !value.is_null() && value != "[]");
    says_something.then(|| Value::Array(values).to_string())
}

/// Writes a row.
pub(super) fn insert(conn: &Connection, row: &Row, time_ms: i64) -> Result<Written, LedgerError> {
    let mut notes: Vec<String> = row.note.as_deref().map(cut).into_iter().collect();
    let mut before = row.before.as_ref().map(ToString::to_string);
    if let Some(text) = before.take_if(|text| text.len() > MAX_BEFORE_BYTES) {
        notes.push(format!("the state before has {} bytes and was left out", text.len()));
    }
    let mut arg_values = row.arg_values.as_ref().map(json);
    if let Some(text) = arg_values.take_if(|text| text.len() > MAX_BEFORE_BYTES) {
        notes.push(format!("the values of the arguments have {} bytes and were left out", text.len()));
    }
    let note = (!notes.is_empty()).then(|| notes.join("; "));
    let values = [
        SqlValue::from(time_ms),
        row.call_id.clone().into(),
        row.grant.clone().into(),
        cut(&row.session).into(),
        row.client.as_deref().map(cut).into(),
        row.tool.clone().into(),
        row.kind.map(|kind| kind.as_str().to_owned()).into(),
        row.policy.clone().into(),
        row.decision.as_str().to_owned().into(),
        row.rule.clone().into(),
        list(&row.args).into(),
        row.digest.clone().into(),
        before.into(),
        note.into(),
        signed(row.repeats).into(),
        arg_values.into(),
        row.affected.library.as_deref().map(cut).into(),
        list(&row.affected.titles).into(),
        row.affected.items.map(signed).into(),
        row.affected.bytes.map(signed).into(),
        outcome_name(row.outcome).to_owned().into(),
        row.duration_ms.map(signed).into(),
    ];
    conn.prepare_cached(&format!(
        "INSERT INTO calls ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
         ?18, ?19, ?20, ?21, ?22)"
    ))?
    .execute(params_from_iter(&values))?;
    Ok(Written { seq: conn.last_insert_rowid(), values })
}

/// Completes a row; what is not known of the effect stays as it was planned. Gives what the replaced columns hold then, or
/// nothing where there is no such row.
pub(super) fn settle(
    conn: &Connection,
    seq: i64,
    outcome: Outcome,
    affected: &Affected,
    duration_ms: u64,
) -> Result<Option<Vec<SqlValue>>, LedgerError> {
    let mut statement = conn.prepare_cached(
        "UPDATE calls SET outcome = :outcome, duration_ms = :duration_ms, library = coalesce(:library, library), \
         titles = coalesce(:titles, titles), items = coalesce(:items, items), bytes = coalesce(:bytes, bytes) \
         WHERE seq = :seq RETURNING library, titles, items, bytes, outcome, duration_ms",
    )?;
    let values = named_params! {
        ":outcome": outcome.as_str(),
        ":duration_ms": signed(duration_ms),
        ":library": affected.library.as_deref().map(cut),
        ":titles": (!affected.titles.is_empty()).then(|| list(&affected.titles)),
        ":items": affected.items.map(signed),
        ":bytes": affected.bytes.map(signed),
        ":seq": seq,
    };
    Ok(statement.query_row(values, |row| (0..REPLACED).map(|i| row.get(i)).collect()).optional()?)
}

/// The rows after that number.
pub(super) fn read(conn: &Connection, after: i64, limit: u32) -> Result<Vec<Row>, LedgerError> {
    let mut statement =
        conn.prepare_cached(&format!("SELECT seq, {COLUMNS} FROM calls WHERE seq > ?1 ORDER BY seq LIMIT ?2"))?;
    let mut rows = statement.query((after, limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_sql(row)?);
    }
    Ok(found)
}

pub(super) fn from_sql(row: &SqlRow<'_>) -> Result<Row, LedgerError> {
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
    let arg_values = row.get::<_, Option<String>>("arg_values")?;
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
        arg_values: arg_values.map(|text| serde_json::from_str(&text).map_err(|_| wrong("arg_values"))).transpose()?,
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

fn json(values: &Map<String, Value>) -> String {
    Value::Object(values.clone()).to_string()
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
