//! What calls have taken from the limits: counting it over the window that ends now, exactly.
//!
//! A take of this boot is aged by uptime, which no one can set. One of an earlier boot is aged by the wall clock, and taken
//! as young as the readings of that clock in both boots allow; but it is never younger than this boot is old. So setting the
//! clock can make a limit stricter, and looser only if it is set forward between the last call before a reboot and the first
//! start of a server after it.

use super::{LedgerError, row::signed, schema::BootRow};
use crate::guard::{
    clock::Moment,
    limit::{LONGEST_WINDOW, Limit, Scope, Unit},
    plan::Amounts,
};
use rusqlite::Connection;
use std::{collections::HashMap, time::Duration};

/// The counter whose take stands for a lost ledger.
const LOST: i64 = 0;

/// One take, as it is found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Take {
    pub(super) counter: i64,
    pub(super) boot: i64,
    pub(super) uptime_ns: i64,
    pub(super) unit: Unit,
}

/// Why a limit does not let a call pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::guard) enum Over {
    /// It would pass after that time.
    Until(Duration),
    /// It is larger than the limit.
    NeverFits,
}

/// A view of the takes at one moment, within one transaction.
pub(super) struct Count<'c> {
    pub(super) conn: &'c Connection,
    pub(super) boot: BootRow,
    pub(super) follows_others: bool,
    /// Whether the ledger took the place of a lost one.
    pub(super) lost: bool,
    pub(super) now: Moment,
}

/// The takes of one boot that are still within a window.
struct Live {
    boot: i64,
    /// Takes after this uptime are within the window.
    after_ns: i64,
    /// How much longer one stays in it, less its uptime.
    leaves_ns: i64,
    /// All of them are out of it by then at the latest.
    latest_ns: i64,
}

impl Count<'_> {
    /// Whether a limit lets so much pass now.
    pub(super) fn check(
        &self,
        counter: i64,
        limit: &Limit,
        grant: &str,
        amount: u64,
    ) -> Result<Option<Over>, LedgerError> {
        if limit.max == 0 || amount > limit.max {
            return Ok(Some(Over::NeverFits));
        }
        let grant = (limit.scope == Scope::Grant).then_some(grant);
        let (max, amount) = (signed(limit.max), signed(amount));
        let live = self.live(limit.window)?;
        // The takes of a lost ledger are not known, so they count as having used the limit up.
        let lost = if self.lost { self.leaving(LOST, None, &live, i64::MAX)? } else { Vec::new() };
        let used = self.used(counter, grant, &live)?;
        let excess = used.saturating_add(amount).saturating_sub(max);
        let wait = if excess > 0 { self.wait(counter, grant, &live, excess)? } else { 0 };
        let wait = lost.into_iter().map(|(wait, _)| wait).fold(wait, i64::max);
        Ok((wait > 0).then(|| Over::Until(Duration::from_nanos(wait.unsigned_abs()))))
    }

    /// How much the window of a limit holds now; all of it where the takes are lost.
    pub(super) fn held(&self, counter: i64, limit: &Limit, grant: &str) -> Result<u64, LedgerError> {
        let grant = (limit.scope == Scope::Grant).then_some(grant);
        let live = self.live(limit.window)?;
        if self.lost && !self.leaving(LOST, None, &live, i64::MAX)?.is_empty() {
            return Ok(limit.max);
        }
        self.used(counter, grant, &live).map(i64::unsigned_abs)
    }

    /// The boots and where the window that ends now begins in each.
    fn live(&self, window: Duration) -> Result<Vec<Live>, LedgerError> {
        let window_ns = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX);
        let mut live = vec![Live {
            boot: self.boot.id,
            after_ns: self.now.uptime_ns.saturating_sub(window_ns),
            leaves_ns: window_ns.saturating_sub(self.now.uptime_ns),
            latest_ns: i64::MAX,
        }];
        // An earlier boot has no takes within the window once this boot is as old as that.
        if self.follows_others && self.now.uptime_ns >= window_ns {
            return Ok(live);
        }
        let latest_ns = if self.follows_others { window_ns.saturating_sub(self.now.uptime_ns) } else { i64::MAX };
        let mut statement = self.conn.prepare_cached("SELECT id, high_ns FROM boots WHERE id <> ?1")?;
        let mut rows = statement.query([self.boot.id])?;
        while let Some(row) = rows.next()? {
            let (boot, high_ns): (i64, i64) = (row.get(0)?, row.get(1)?);
            // What that boot's uptime would be now, at the least.
            let uptime_now = self.now.uptime_ns.saturating_add(self.boot.low_ns).saturating_sub(high_ns);
            live.push(Live {
                boot,
                after_ns: uptime_now.saturating_sub(window_ns),
                leaves_ns: window_ns.saturating_sub(uptime_now),
                latest_ns,
            });
        }
        Ok(live)
    }

    /// How much the window holds.
    fn used(&self, counter: i64, grant: Option<&str>, live: &[Live]) -> Result<i64, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT coalesce(sum(amount), 0) FROM takes \
             WHERE counter = ?1 AND boot = ?2 AND uptime_ns > ?3 AND (?4 IS NULL OR grant = ?4)",
        )?;
        let mut used = 0_i64;
        for part in live {
            let sum: i64 = statement.query_row((counter, part.boot, part.after_ns, grant), |row| row.get(0))?;
            used = used.saturating_add(sum);
        }
        Ok(used)
    }

    /// How long until takes of so much have left the window.
    fn wait(&self, counter: i64, grant: Option<&str>, live: &[Live], excess: i64) -> Result<i64, LedgerError> {
        let mut leaving = self.leaving(counter, grant, live, excess)?;
        leaving.sort_unstable();
        let mut gone = 0_i64;
        for (wait, amount) in leaving {
            gone = gone.saturating_add(amount);
            if gone >= excess {
                return Ok(wait);
            }
        }
        Ok(i64::MAX)
    }

    /// The oldest takes of each boot with the time until they leave, until those of one boot come to `enough`.
    fn leaving(
        &self,
        counter: i64,
        grant: Option<&str>,
        live: &[Live],
        enough: i64,
    ) -> Result<Vec<(i64, i64)>, LedgerError> {
        let mut statement = self.conn.prepare_cached(
            "SELECT uptime_ns, amount FROM takes \
             WHERE counter = ?1 AND boot = ?2 AND uptime_ns > ?3 AND (?4 IS NULL OR grant = ?4) ORDER BY uptime_ns",
        )?;
        let mut leaving = Vec::new();
        for part in live {
            let mut sum = 0_i64;
            let mut rows = statement.query((counter, part.boot, part.after_ns, grant))?;
            while sum < enough
                && let Some(row) = rows.next()?
            {
                let (uptime_ns, amount): (i64, i64) = (row.get(0)?, row.get(1)?);
                sum = sum.saturating_add(amount);
                leaving.push((uptime_ns.saturating_add(part.leaves_ns).min(part.latest_ns), amount));
            }
        }
        Ok(leaving)
    }

    /// Writes a take.
    pub(super) fn take(
        &self,
        counter: i64,
        unit: Unit,
        grant: &str,
        call: i64,
        amount: u64,
    ) -> Result<Take, LedgerError> {
        let take = Take { counter, boot: self.boot.id, uptime_ns: self.now.uptime_ns, unit };
        self.conn
            .prepare_cached(
                "INSERT INTO takes (counter, boot, uptime_ns, call, grant, amount) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((take.counter, take.boot, take.uptime_ns, call, grant, signed(amount)))?;
        Ok(take)
    }

    /// Deletes the takes that are out of the longest window there is, and the boots that have none left.
    pub(super) fn prune(&self) -> Result<(), LedgerError> {
        let live = self.live(LONGEST_WINDOW)?;
        let counters = self.numbers("SELECT id FROM counters UNION ALL SELECT 0")?;
        for boot in self.numbers("SELECT id FROM boots")? {
            let until_ns = live.iter().find(|part| part.boot == boot).map_or(i64::MAX, |part| part.after_ns);
            let mut left = false;
            for &counter in &counters {
                self.conn
                    .prepare_cached("DELETE FROM takes WHERE counter = ?1 AND boot = ?2 AND uptime_ns <= ?3")?
                    .execute((counter, boot, until_ns))?;
                left = left
                    || self
                        .conn
                        .prepare_cached("SELECT EXISTS (SELECT 1 FROM takes WHERE counter = ?1 AND boot = ?2)")?
                        .query_row((counter, boot), |row| row.get::<_, bool>(0))?;
            }
            if !left && boot != self.boot.id {
                self.conn.prepare_cached("DELETE FROM boots WHERE id = ?1")?.execute([boot])?;
            }
        }
        Ok(())
    }

    fn numbers(&self, query: &str) -> Result<Vec<i64>, LedgerError> {
        let mut statement = self.conn.prepare_cached(query)?;
        let numbers = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(numbers)
    }
}

/// Lowers a call's takes to what was used, or gives them back.
pub(super) fn settle(
    conn: &Connection,
    call: i64,
    takes: &[Take],
    used: Option<Amounts>,
    nothing_sent: bool,
) -> Result<(), LedgerError> {
    for take in takes {
        let key = (take.counter, take.boot, take.uptime_ns, call);
        let used = match take.unit {
            Unit::Calls => None,
            Unit::Items => used.map(|used| used.items),
            Unit::Bytes => used.map(|used| used.bytes),
        };
        if nothing_sent {
            conn.prepare_cached("DELETE FROM takes WHERE counter = ?1 AND boot = ?2 AND uptime_ns = ?3 AND call = ?4")?
                .execute(key)?;
        } else if let Some(used) = used {
            conn.prepare_cached(
                "UPDATE takes SET amount = min(amount, ?5) WHERE counter = ?1 AND boot = ?2 AND uptime_ns = ?3 AND call = ?4",
            )?
            .execute((key.0, key.1, key.2, key.3, signed(used)))?;
        }
    }
    Ok(())
}

/// The numbers of counters, which never change once they are given.
#[derive(Debug, Default)]
pub(super) struct Counters {
    known: HashMap<(String, Unit), i64>,
}

impl Counters {
    /// The number of a limit's counter; none where it was never taken from.
    pub(super) fn find(&mut self, conn: &Connection, limit: &Limit) -> Result<Option<i64>, LedgerError> {
        // Cloning a short name is nothing beside the transaction around it.
        let key = (limit.counter.clone(), limit.unit);
        if let Some(id) = self.known.get(&key) {
            return Ok(Some(*id));
        }
        let mut statement = conn.prepare_cached("SELECT id FROM counters WHERE name = ?1 AND unit = ?2")?;
        let mut rows = statement.query((&limit.counter, limit.unit.as_str()))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let id = row.get(0)?;
        self.known.insert(key, id);
        Ok(Some(id))
    }

    /// The number of a limit's counter, given to it if need be. It is not remembered: the transaction may yet fail, and the
    /// number go to another counter.
    pub(super) fn find_or_make(&self, conn: &Connection, limit: &Limit) -> Result<i64, LedgerError> {
        if let Some(id) = self.known.get(&(limit.counter.clone(), limit.unit)) {
            return Ok(*id);
        }
        let name = (&limit.counter, limit.unit.as_str());
        conn.prepare_cached("INSERT OR IGNORE INTO counters (name, unit) VALUES (?1, ?2)")?.execute(name)?;
        let mut statement = conn.prepare_cached("SELECT id FROM counters WHERE name = ?1 AND unit = ?2")?;
        Ok(statement.query_row(name, |row| row.get(0))?)
    }
}
