//! Looking whether the ledger is as it was written: every row against its entries in the chain, every entry against the one
//! before it, and the end against the head.

use super::{
    LedgerError, approvals,
    chain::{self, Checkpoint, Event, Link},
    head::{Head, HeadFile},
    key::{Code, Content, Key},
    row::{self, FIXED, REPLACED},
};
use roaring::RoaringTreemap;
use rusqlite::{Connection, OptionalExtension as _, Row as SqlRow, types::ValueRef};
use std::collections::BTreeMap;

/// How many entries with a wrong code are kept, to see whether rows changed places.
const MAX_WRONG: usize = 1000;

/// How many rows are named as removed from one place.
const MAX_NAMED: i64 = 1_000_000;

/// Where the row's columns begin in a row of the query.
const OF_CALL: usize = 5;

/// What was found. Rows are named by their numbers, in order; where none of a list's kind were found it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own, and any of them may come together")]
pub struct Verification {
    /// How many rows there are.
    pub rows: u64,
    /// How many entries the chain has.
    pub entries: u64,
    /// Rows whose content is not what was written.
    pub altered: Vec<i64>,
    /// Rows that are gone from among others.
    pub removed: Vec<i64>,
    /// Rows that no server wrote.
    pub inserted: Vec<i64>,
    /// Rows that hold each other's content, or whose entries changed places.
    pub reordered: Vec<i64>,
    /// Rows of calls that passed by an approval that a call before them had used up.
    pub approved_twice: Vec<i64>,
    /// Rows that are gone from the end, or whose completion is.
    pub cut: Vec<i64>,
    /// Whether entries are gone from the end of the chain.
    pub tail_cut: bool,
    /// Gaps that a server found when it went on with the chain, with the entry that says so.
    pub gaps: Vec<(i64, String)>,
    /// Whether there is no key, without which nothing can be said.
    pub key_missing: bool,
    /// Whether there is no head though there should be.
    pub head_missing: bool,
    /// Whether the head is not the server's.
    pub head_replaced: bool,
    /// Whether the record of what was pruned is not the server's.
    pub checkpoint_altered: bool,
    /// Rows that began and never ended: their process was killed, or they still run.
    pub unended: Vec<i64>,
    /// Rows from versions that had no chain.
    pub unchained: u64,
}

impl Verification {
    /// Whether every row is what a server wrote, and none is missing. Rows that never ended are whole.
    pub fn is_whole(&self) -> bool {
        let Self { rows, entries, unended, .. } = self;
        *self == Self { rows: *rows, entries: *entries, unended: unended.clone(), ..Self::default() }
    }
}

/// An entry of the chain.
struct Entry {
    n: i64,
    event: String,
    seq: i64,
    planned: Option<String>,
    previous: Code,
    code: Code,
}

#[derive(Default)]
struct Walk {
    found: Verification,
    /// Rows that have a beginning.
    begun: RoaringTreemap,
    /// Rows that have no end yet, with what was planned.
    open: BTreeMap<i64, Option<String>>,
    removed: RoaringTreemap,
    altered: RoaringTreemap,
    inserted: RoaringTreemap,
    reordered: RoaringTreemap,
    wrong: Vec<Entry>,
}

/// Goes through the ledger. `key` is none where there is no key.
pub(super) fn run(conn: &mut Connection, key: Option<&Key>, head: &HeadFile) -> Result<Verification, LedgerError> {
    // Read first: what is written meanwhile is then beyond the head, and not missing before it.
    let head = key.map_or(Head::Missing, |key| head.read(key));
    let tx = conn.transaction()?;
    let count = tx.query_row("SELECT count(*) FROM calls", [], |row| row.get::<_, i64>(0))?.unsigned_abs();
    if !tx.table_exists(None, "chain")? || !tx.table_exists(None, "checkpoint")? {
        // A head says that there was a chain.
        let tail_cut = matches!(head, Head::At(link) if link.n > 0);
        return Ok(Verification { rows: count, unchained: count, tail_cut, ..Verification::default() });
    }
    let Some(key) = key else {
        return Ok(Verification { rows: count, key_missing: true, ..Verification::default() });
    };
    let signed =
        Checkpoint::read(&tx).optional()?.filter(|(checkpoint, signature)| *signature == checkpoint.signature(key));
    let checkpoint = match signed {
        Some((checkpoint, _)) => checkpoint,
        None => Checkpoint::from_first(&tx)?,
    };
    let mut walk = Walk::default();
    walk.found.rows = count;
    walk.found.checkpoint_altered = signed.is_none();
    let last = walk.entries(&tx, key, checkpoint, head)?;
    walk.rows(&tx, checkpoint)?;
    walk.swapped(&tx, key)?;
    walk.unended(&tx)?;
    walk.found.approved_twice = approved_twice(&tx)?;
    let cut_from = walk.tail(&tx, checkpoint, head, last)?;
    Ok(walk.finish(cut_from))
}

impl Walk {
    /// Every entry with its row, in the chain's order.
    fn entries(&mut self, conn: &Connection, key: &Key, from: Checkpoint, head: Head) -> Result<i64, LedgerError> {
        let columns: Vec<_> = row::COLUMNS.split(", ").map(|name| format!("calls.{name}")).collect();
        let mut statement = conn.prepare(&format!(
            "SELECT chain.n, chain.event, chain.seq, chain.planned, chain.code, calls.seq, {} \
             FROM chain LEFT JOIN calls ON calls.seq = chain.seq ORDER BY chain.n",
            columns.join(", ")
        ))?;
        let mut rows = statement.query([])?;
        let mut buffer = Content::default();
        let (mut n, mut previous, mut next_seq) = (from.n, from.code, from.first_seq);
        while let Some(row) = rows.next()? {
            self.found.entries += 1;
            let entry_n: i64 = row.get(0)?;
            let event = row.get_ref(1)?.as_str().unwrap_or_default();
            let seq: i64 = row.get(2)?;
            let planned = row.get_ref(3)?.as_str_or_null().unwrap_or_default();
            let code: Code = row.get(4).unwrap_or_default();
            let event_kind = Event::from_name(event);
            let has_row = row.get_ref(OF_CALL)? != ValueRef::Null;
            let gap = entry_n != n.saturating_add(1);
            let begins = matches!(event_kind, Some(Event::Begin | Event::Whole));

            if begins && gap {
                // Where the number was made up, naming them all would take for ever.
                self.removed.extend((next_seq..seq.min(next_seq.saturating_add(MAX_NAMED))).map(unsigned));
            } else if gap && event_kind == Some(Event::End) && !self.begun.contains(unsigned(seq)) {
                self.removed.insert(unsigned(seq));
            } else if gap {
                // Some completion, or a note of a gap, is gone: what stands around it is named.
                self.altered.insert(unsigned(if seq > 0 { seq } else { next_seq - 1 }));
            }
            if begins && seq < next_seq {
                self.reordered.insert(unsigned(seq));
            }

            let covered = covered(event_kind, row)?;
            chain::content(&mut buffer, &previous, (entry_n, event, seq), planned, covered);
            let right = key.code(&buffer) == code;
            if event_kind == Some(Event::Gap) {
                self.found.gaps.push((entry_n, planned.unwrap_or_default().to_owned()));
            } else if !has_row {
                self.removed.insert(unsigned(seq));
            } else if !right && !gap {
                let beyond_head = matches!(head, Head::At(link) if entry_n > link.n);
                let wrong = if beyond_head && begins { &mut self.inserted } else { &mut self.altered };
                wrong.insert(unsigned(seq));
                if self.wrong.len() < MAX_WRONG {
                    let (event, planned) = (event.to_owned(), planned.map(ToOwned::to_owned));
                    self.wrong.push(Entry { n: entry_n, event, seq, planned, previous, code });
                }
            }
            match event_kind {
                Some(Event::Begin) => {
                    self.begun.insert(unsigned(seq));
                    self.open.insert(seq, planned.map(ToOwned::to_owned));
                }
                Some(Event::Whole) => {
                    self.begun.insert(unsigned(seq));
                }
                Some(Event::End) => drop(self.open.remove(&seq)),
                _ => {}
            }
            if begins {
                next_seq = next_seq.max(seq.saturating_add(1));
            }
            (n, previous) = (entry_n, code);
        }
        Ok(n)
    }

    /// Rows that have no entry: of versions that had no chain, or by another hand.
    fn rows(&mut self, conn: &Connection, from: Checkpoint) -> Result<(), LedgerError> {
        let mut statement = conn.prepare("SELECT seq FROM calls ORDER BY seq")?;
        let mut rows = statement.query([])?;
        let mut older = Vec::new();
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(0)?;
            if seq < from.first_seq {
                older.push(seq);
            } else if !self.begun.contains(unsigned(seq)) && !self.removed.contains(unsigned(seq)) {
                self.inserted.insert(unsigned(seq));
            }
        }
        // An end without a beginning has its row still, but the beginning is gone.
        self.found.unchained = u64::try_from(older.len()).unwrap_or(u64::MAX);
        let counted = u64::try_from(from.unchained).unwrap_or_default();
        if self.found.unchained != counted {
            self.found.checkpoint_altered |= self.found.unchained < counted;
            let more = self.found.unchained.saturating_sub(counted);
            let more = usize::try_from(more).unwrap_or(usize::MAX);
            self.inserted.extend(older.into_iter().take(more).map(unsigned));
        }
        Ok(())
    }

    /// Whether rows with a wrong code hold each other's content.
    fn swapped(&mut self, conn: &Connection, key: &Key) -> Result<(), LedgerError> {
        let mut statement =
            conn.prepare(&format!("SELECT 0, 0, 0, 0, 0, seq, {} FROM calls WHERE seq = ?1", row::COLUMNS))?;
        let mut buffer = Content::default();
        let rows: Vec<i64> = self.wrong.iter().map(|entry| entry.seq).take(MAX_WRONG / 10).collect();
        let wrong = std::mem::take(&mut self.wrong);
        for entry in wrong.iter().take(MAX_WRONG / 10) {
            for &seq in rows.iter().filter(|seq| **seq != entry.seq) {
                let mut found = statement.query([seq])?;
                let Some(row) = found.next()? else { continue };
                let covered = covered(Event::from_name(&entry.event), row)?;
                let at = (entry.n, entry.event.as_str(), entry.seq);
                chain::content(&mut buffer, &entry.previous, at, entry.planned.as_deref(), covered);
                if key.code(&buffer) == entry.code {
                    for seq in [seq, entry.seq] {
                        self.altered.remove(unsigned(seq));
                        self.inserted.remove(unsigned(seq));
                        self.reordered.insert(unsigned(seq));
                    }
                }
            }
        }
        Ok(())
    }

    /// What the rows that never ended hold in place of their end must be what was planned.
    fn unended(&mut self, conn: &Connection) -> Result<(), LedgerError> {
        let mut statement =
            conn.prepare(&format!("SELECT 0, 0, 0, 0, 0, seq, {} FROM calls WHERE seq = ?1", row::COLUMNS))?;
        for (&seq, planned) in &self.open {
            let mut found = statement.query([seq])?;
            let Some(row) = found.next()? else { continue };
            let replaced = covered(Some(Event::End), row)?;
            let [outcome, duration] = [REPLACED - 2, REPLACED - 1].map(|i| replaced.get(i).copied());
            let untouched = outcome == Some(ValueRef::Text(b"unknown")) && duration == Some(ValueRef::Null);
            if !untouched || row::planned(replaced.into_iter()) != *planned {
                self.altered.insert(unsigned(seq));
            }
        }
        Ok(())
    }

    /// Whether the chain goes as far as the head. Gives the first row of those that are cut off.
    fn tail(
        &mut self,
        conn: &Connection,
        from: Checkpoint,
        head: Head,
        last: i64,
    ) -> Result<Option<Link>, LedgerError> {
        match head {
            Head::Missing => self.found.head_missing = last > 0,
            Head::Foreign => self.found.head_replaced = true,
            Head::At(link) if link.n > last => {
                self.found.tail_cut = true;
                return Ok(Some(link));
            }
            // The entry is there with another code than the head's: what came after the head's was written anew.
            Head::At(link) => self.found.tail_cut = self.altered.is_empty() && chain::lost(conn, from, link)?.is_some(),
        }
        Ok(None)
    }

    fn finish(mut self, head: Option<Link>) -> Verification {
        // What is gone up to the end is a tail that was cut, whether its entries went with it or not.
        let mut top = self.begun.max().into_iter().chain(self.removed.max()).max().unwrap_or_default();
        let mut cut = Vec::new();
        if let Some(link) = head {
            cut.extend((signed(top).saturating_add(1)..=link.seq).rev());
            if cut.is_empty() {
                // Only completions are gone.
                cut.extend(self.open.keys().rev().filter(|seq| !self.removed.contains(unsigned(**seq))));
            }
        }
        while top > 0 && self.removed.remove(top) {
            cut.push(signed(top));
            top -= 1;
        }
        self.found.tail_cut |= !cut.is_empty();
        cut.sort_unstable();
        for seq in &cut {
            self.open.remove(seq);
            self.altered.remove(unsigned(*seq));
        }
        for seq in &self.removed {
            self.open.remove(&signed(seq));
            self.altered.remove(seq);
        }
        self.altered -= &self.reordered;
        let list = |rows: &RoaringTreemap| rows.iter().map(signed).collect();
        Verification {
            altered: list(&self.altered),
            removed: list(&self.removed),
            inserted: list(&self.inserted),
            reordered: list(&self.reordered),
            cut,
            unended: self.open.into_keys().collect(),
            ..self.found
        }
    }
}

/// Calls by their approvals, of which each lets one pass. The rows are covered by the chain like any other; what is looked
/// for is a record that was put back while the row that tells of its use was away.
fn approved_twice(conn: &Connection) -> Result<Vec<i64>, LedgerError> {
    let mut statement = conn.prepare(
        "SELECT seq FROM (SELECT seq, row_number() OVER (PARTITION BY substr(note, 1, ?1) ORDER BY seq) AS place \
         FROM calls WHERE decision = 'approved' AND note LIKE 'approval %') WHERE place > 1 ORDER BY seq",
    )?;
    let rows = statement.query_map([approvals::NOTE], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What an entry covers of its row.
fn covered<'v>(event: Option<Event>, row: &'v SqlRow<'_>) -> Result<Vec<ValueRef<'v>>, LedgerError> {
    let columns = match event {
        Some(Event::Begin) => 0..FIXED,
        Some(Event::End) => FIXED..FIXED + REPLACED,
        Some(Event::Whole) => 0..FIXED + REPLACED,
        Some(Event::Gap) | None => 0..0,
    };
    Ok(columns.map(|i| row.get_ref(OF_CALL + 1 + i)).collect::<Result<_, _>>()?)
}

/// Rows are numbered from 1; a number that is less was given by another hand.
fn unsigned(seq: i64) -> u64 {
    seq.cast_unsigned()
}

fn signed(seq: u64) -> i64 {
    seq.cast_signed()
}

#[cfg(test)]
mod tests;
