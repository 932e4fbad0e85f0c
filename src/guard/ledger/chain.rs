//! The chain that makes tampering show: every row adds an entry when it is written and another when it is completed, each
//! with a code over its content and the code before it.
//!
//! An entry is never changed. What a completion replaces in the row is kept in the entry of its beginning (`planned`), so
//! that both can still be checked. All of it happens inside the transaction that writes the row, whichever process that is.
//!
//! The head, in a file beside the ledger, says how far the chain went. It is written after the transaction, so it may lag
//! behind after a crash, but the chain never ends before it: where it does, entries are gone, and the next one to be written
//! says so for good (`Event::Gap`) before the head moves on.

use super::{
    LedgerError,
    head::{Head, HeadFile},
    key::{Code, Content, Key},
};
use rusqlite::{Connection, OptionalExtension as _, types::ValueRef};
use std::cmp::Ordering;

/// `planned` is what a beginning says of the columns that the end replaces, and what a gap says of the head.
pub(super) const TABLES: &str = "
CREATE TABLE chain (
  n INTEGER PRIMARY KEY, event TEXT NOT NULL, seq INTEGER NOT NULL, planned TEXT, code BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoint (
  n INTEGER NOT NULL, code BLOB NOT NULL, first_seq INTEGER NOT NULL, unchained INTEGER NOT NULL, signature BLOB NOT NULL
) STRICT;
";

/// What an entry of the chain stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A row that is to be completed.
    Begin,
    /// Its completion.
    End,
    /// A row that was complete when it was written.
    Whole,
    /// The chain did not go as far as the head said, or there was no head.
    Gap,
}

impl Event {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::End => "end",
            Self::Whole => "whole",
            Self::Gap => "gap",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Begin, Self::End, Self::Whole, Self::Gap].into_iter().find(|event| event.as_str() == name)
    }
}

/// A place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The entry's number, from 1; 0 before the first.
    pub(super) n: i64,
    /// The highest row up to there.
    pub(super) seq: i64,
    /// The entry's code.
    pub(super) code: Code,
}

/// Where the chain begins: after what was pruned, and after the rows of versions that had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// The last entry that is gone; 0 where none is.
    pub(super) n: i64,
    /// Its code; zeros where there was none.
    pub(super) code: Code,
    /// The first row that the chain covers.
    pub(super) first_seq: i64,
    /// How many rows before that there are.
    pub(super) unchained: i64,
}

impl Checkpoint {
    pub(super) fn signature(&self, key: &Key) -> Code {
        let mut content = Content::default();
        content.of("checkpoint").number(self.n).bytes(&self.code).number(self.first_seq).number(self.unchained);
        key.code(&content)
    }

    /// The checkpoint with its signature.
    pub(super) fn read(conn: &Connection) -> rusqlite::Result<(Self, Code)> {
        conn.prepare_cached("SELECT n, code, first_seq, unchained, signature FROM checkpoint")?.query_row([], |row| {
            let checkpoint = Self { n: row.get(0)?, code: row.get(1)?, first_seq: row.get(2)?, unchained: row.get(3)? };
            Ok((checkpoint, row.get(4)?))
        })
    }

    /// What to go on from where no checkpoint can be believed: the first entry that is there.
    pub(super) fn from_first(conn: &Connection) -> rusqlite::Result<Self> {
        let (n, first_seq) = conn.query_row(
            "SELECT coalesce(min(n), 1), coalesce((SELECT seq FROM chain ORDER BY n LIMIT 1), 1) FROM chain",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)),
        )?;
        Ok(Self { n: n.saturating_sub(1), code: Code::default(), first_seq, unchained: 0 })
    }

    /// Puts this one in the place of the one before.
    pub(super) fn write(&self, tx: &Connection, key: &Key) -> rusqlite::Result<()> {
        tx.execute("DELETE FROM checkpoint", [])?;
        let signature = self.signature(key);
        tx.execute(
            "INSERT INTO checkpoint VALUES (?1, ?2, ?3, ?4, ?5)",
            (self.n, self.code, self.first_seq, self.unchained, signature),
        )?;
        Ok(())
    }
}

/// The content of an entry, which its code is of. `row` is what the entry covers of the row, as the file holds it.
pub(super) fn content<'v>(
    buffer: &mut Content,
    previous: &Code,
    (n, event, seq): (i64, &str, i64),
    planned: Option<&str>,
    row: impl IntoIterator<Item = ValueRef<'v>>,
) {
    buffer.of("entry").bytes(previous).number(n).value(ValueRef::Text(event.as_bytes())).number(seq);
    buffer.value(planned.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes())));
    for value in row {
        buffer.value(value);
    }
}

/// The chain as one process goes on with it.
#[derive(Debug)]
pub(super) struct Chain {
    key: Key,
    head: HeadFile,
    /// Where this process left it; none where it has to look anew whether all is there.
    known: Option<Link>,
    /// The head that a gap tells of: it may be replaced.
    told: Option<Head>,
    /// Whether the head is still to be written.
    ahead: bool,
}

/// An entry that was added, in a transaction that may yet fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appended {
    link: Link,
    /// The head that a gap before it tells of.
    told: Option<Head>,
}

impl Chain {
    pub(super) fn new(key: Key, head: HeadFile) -> Self {
        Self { key, head, known: None, told: None, ahead: false }
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Writes the first head, so that from then on a head that is missing was taken away.
    pub(super) fn begin_head(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let (n, code) = last(conn)?;
        if n == 0 && self.head.read(&self.key) == Head::Missing {
            let link = Link { n, seq: 0, code };
            self.known = Some(link);
            self.write_head(link);
        }
        Ok(())
    }

    /// Adds an entry. The transaction may yet fail: only `committed` makes it what this process goes on from.
    pub(super) fn append<'v>(
        &self,
        tx: &Connection,
        event: Event,
        seq: i64,
        planned: Option<&str>,
        row: impl IntoIterator<Item = ValueRef<'v>>,
    ) -> Result<Appended, LedgerError> {
        let (n, code) = last(tx)?;
        let (previous, told) = match self.known {
            Some(known) if (known.n, known.code) == (n, code) => (known, None),
            _ => self.go_on(tx, n, code)?,
        };
        Ok(Appended { link: self.add(tx, previous, event, seq, planned, row)?, told })
    }

    fn add<'v>(
        &self,
        tx: &Connection,
        previous: Link,
        event: Event,
        seq: i64,
        planned: Option<&str>,
        row: impl IntoIterator<Item = ValueRef<'v>>,
    ) -> rusqlite::Result<Link> {
        let n = previous.n.saturating_add(1);
        let mut buffer = Content::default();
        content(&mut buffer, &previous.code, (n, event.as_str(), seq), planned, row);
        let code = self.key.code(&buffer);
        tx.prepare_cached("INSERT INTO chain VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
            n,
            event.as_str(),
            seq,
            planned,
            code,
        ))?;
        Ok(Link { n, seq: previous.seq.max(seq), code })
    }

    /// Goes on where another process, or nobody yet, left the chain. What the head and this process know of must be there.
    /// Where it is not, a gap says so; then the head that it tells of is given as well.
    fn go_on(&self, tx: &Connection, n: i64, code: Code) -> Result<(Link, Option<Head>), LedgerError> {
        let rows = tx.prepare_cached("SELECT coalesce(max(seq), 0) FROM calls")?.query_row([], |row| row.get(0))?;
        let mut link = Link { n, seq: rows, code };
        let (checkpoint, _) = Checkpoint::read(tx)?;
        let mut gaps = Vec::new();
        let mut links: Vec<Link> = self.known.into_iter().collect();
        let head = self.head.read(&self.key);
        let fits = match head {
            // Where nothing was ever chained there need not be a head yet.
            Head::Missing if n == 0 => true,
            Head::Missing => {
                gaps.push("the head was missing".to_owned());
                false
            }
            Head::Foreign => {
                gaps.push("the head was not of this ledger".to_owned());
                false
            }
            Head::At(head) => {
                links.push(head);
                lost(tx, checkpoint, head)?.is_none()
            }
        };
        // One cut is one gap: the furthest that is known says it all.
        links.sort_by_key(|link| link.n);
        for link in links.into_iter().rev() {
            if let Some(gap) = lost(tx, checkpoint, link)? {
                gaps.push(gap);
                break;
            }
        }
        for gap in gaps {
            tracing::error!(gap, "the audit ledger was tampered with, or lost what was not on the disk yet");
            link = self.add(tx, link, Event::Gap, 0, Some(&gap), [])?;
        }
        Ok((link, (!fits).then_some(head)))
    }

    /// The transaction that `append` was part of is done.
    pub(super) fn committed(&mut self, appended: Appended) {
        self.known = Some(appended.link);
        self.told = appended.told.or(self.told);
        self.ahead = true;
    }

    /// Whether the head is not up to date.
    pub(super) fn head_lags(&self) -> bool {
        self.ahead
    }

    /// Brings the head up to date. Where another process brought it further meanwhile it is left: it must never go back, or
    /// what lies between could be cut off unnoticed. Nor is a head replaced that does not fit the chain, before a gap tells of
    /// it: the next entry looks anew.
    pub(super) fn keep_head(&mut self, conn: &Connection) {
        let Some(link) = self.known.filter(|_| self.ahead) else { return };
        let head = self.head.read(&self.key);
        let fits = match head {
            Head::At(head) => {
                Checkpoint::read(conn).and_then(|(from, _)| lost(conn, from, head)).map(|lost| lost.is_none())
            }
            Head::Missing | Head::Foreign => Ok(false),
        };
        match (fits, head) {
            (Err(error), _) => tracing::error!(%error, "the audit ledger could not be read"),
            (Ok(true), Head::At(head)) if head.n > link.n => self.ahead = false,
            (Ok(false), _) if self.told != Some(head) => {
                (self.known, self.ahead) = (None, false);
                tracing::error!(
                    "the head of the audit ledger does not fit its entries, as the next one will say for good"
                );
            }
            _ => self.write_head(link),
        }
    }

    fn write_head(&mut self, link: Link) {
        match self.head.write(&self.key, link) {
            Ok(()) => self.ahead = false,
            Err(error) => {
                self.ahead = true;
                tracing::error!(%error, "the head of the audit ledger could not be written");
            }
        }
    }
}

/// The last entry's number and code.
pub(super) fn last(conn: &Connection) -> rusqlite::Result<(i64, Code)> {
    let last = conn
        .prepare_cached("SELECT n, code FROM chain ORDER BY n DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match last {
        Some(last) => Ok(last),
        None => Checkpoint::read(conn).map(|(checkpoint, _)| (checkpoint.n, checkpoint.code)),
    }
}

/// What is missing where the chain does not hold an entry that it once held.
pub(super) fn lost(conn: &Connection, checkpoint: Checkpoint, link: Link) -> rusqlite::Result<Option<String>> {
    let there = match link.n.cmp(&checkpoint.n) {
        Ordering::Less => true,
        Ordering::Equal => link.code == checkpoint.code,
        Ordering::Greater => conn
            .prepare_cached("SELECT code FROM chain WHERE n = ?1")?
            .query_row([link.n], |row| row.get::<_, Code>(0))
            .optional()?
            .is_some_and(|code| code == link.code),
    };
    Ok((!there).then(|| format!("the chain ended before entry {} (row {})", link.n, link.seq)))
}
