//! The ledger's file as one connection: what the ledger's thread owns.

use super::{
    LedgerError, Settling,
    approvals::{self, Approvable, Approvals, Found, Granted, NewQuestion, Word},
    chain::{self, Appended, Chain, Event},
    head::{self, HeadFile},
    key::beside,
    prune,
    recall::{self, Recalled, Undoing},
    row::{self, Decision, Row},
    schema::{self, BootRow},
    takes::{self, Count, Counters, Over, Take},
    worker::Ask,
};
use crate::guard::{
    clock::{Boot, Clock, Moment},
    plan::Outcome,
};
use rusqlite::{Connection, TransactionBehavior, types::ValueRef};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// After so many takes the old ones are deleted.
const PRUNE_EVERY: usize = 4096;

/// A counter that has no number yet has no takes either.
const UNUSED: i64 = -1;

pub(super) struct Store {
    conn: Connection,
    chain: Chain,
    path: PathBuf,
    /// Which file was opened, where the system can tell.
    identity: Option<(u64, u64)>,
    clock: Box<dyn Clock>,
    boot: Boot,
    boot_row: BootRow,
    lost: bool,
    counters: Counters,
    /// Whether commits wait for the disk; unknown before the first.
    durable: Option<bool>,
    taken: usize,
}

/// What became of a call at the limits.
pub(super) enum Judged {
    Passed {
        seq: i64,
        takes: Vec<Take>,
    },
    /// The ask that the call is refused for, by its place.
    Over {
        ask: usize,
        over: Over,
    },
    /// The approval it came with is used up, or has run out.
    NotApproved,
    /// Another call takes the same change back, or did.
    Undone(Undoing),
}

/// How limits stand.
#[derive(Debug)]
pub(in crate::guard) struct State {
    /// What the window of each holds.
    pub(in crate::guard) held: Vec<u64>,
    /// What each says by itself.
    pub(in crate::guard) over: Vec<Option<Over>>,
    /// The one that would refuse, by its place.
    pub(in crate::guard) refused: Option<(usize, Over)>,
    /// How far the chain goes.
    pub(in crate::guard) chain: ChainEnd,
}

/// The end of a ledger's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    /// The last entry's number.
    pub entries: u64,
    /// The first 16 hexadecimal digits of its code.
    pub code: String,
}

impl Store {
    /// Opens the file, and tries whether it can be written to.
    pub(super) fn open(path: &Path, key: &Path, clock: Box<dyn Clock>) -> Result<Self, LedgerError> {
        let on_open = |cause| LedgerError::Open { path: path.to_owned(), cause };
        let boot = clock.boot();
        let (conn, key) = schema::open(path, key, &boot, clock.now())?;
        let mut chain = Chain::new(key, HeadFile::new(beside(path, ".head")));
        chain.begin_head(&conn).map_err(on_open)?;
        let boot_row = schema::boot_row(&conn, &boot, clock.now()).map_err(on_open)?;
        conn.execute_batch(approvals::TABLE).map_err(on_open)?;
        let lost = conn
            .query_row("SELECT EXISTS (SELECT 1 FROM takes WHERE counter = 0)", [], |row| row.get(0))
            .map_err(on_open)?;
        let identity = identity(path);
        let mut store = Self {
            conn,
            chain,
            path: path.to_owned(),
            identity,
            clock,
            boot,
            boot_row,
            lost,
            counters: Counters::default(),
            durable: None,
            taken: 0,
        };
        match store.prune() {
            Err(LedgerError::Sqlite(cause)) => Err(on_open(cause)),
            pruned => pruned.map(|()| store),
        }
    }

    pub(super) fn digest_key(&self) -> Result<[u8; 32], LedgerError> {
        self.conn
            .query_row("SELECT value FROM meta WHERE key = 'digest_key'", [], |row| row.get(0))
            .map_err(|cause| LedgerError::Open { path: self.path.clone(), cause })
    }

    pub(super) fn seal_key(&self) -> [u8; 32] {
        approvals::seal_key(self.chain.key())
    }

    /// Puts a question to a person, or finds what was said of it.
    pub(super) fn ask(&mut self, new: &NewQuestion) -> Result<Found, LedgerError> {
        self.of_approvals(|approvals| approvals.ask(new))
    }

    /// What the owner says of a call that waits, with a row that tells who said it.
    pub(super) fn decide(&mut self, id: &str, approve: bool, by: &str) -> Result<Option<Approvable>, LedgerError> {
        self.in_place()?;
        self.set_durable(true)?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = self.clock.now();
        let word = approvals_of(&tx, &self.chain, &self.boot, now).decide(id, approve)?;
        let link = match &word {
            Some(Word { of, is_new: true }) => Some(whole(&tx, &self.chain, &of.row_of_word(by), now)?),
            _ => None,
        };
        tx.commit()?;
        if let Some(link) = link {
            self.chain.committed(link);
        }
        Ok(word.map(|word| word.of))
    }

    /// What waits for a person.
    pub(super) fn approvals(&self) -> Result<Vec<Approvable>, LedgerError> {
        self.in_place()?;
        approvals_of(&self.conn, &self.chain, &self.boot, self.clock.now()).live()
    }

    fn of_approvals<T>(
        &mut self,
        work: impl FnOnce(&Approvals<'_>) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.in_place()?;
        self.set_durable(true)?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&approvals_of(&tx, &self.chain, &self.boot, self.clock.now()))?;
        tx.commit()?;
        Ok(done)
    }

    /// Counts all limits, and takes from all of them with the row and the approval in one transaction, or from none: then the
    /// row says which limit refused, and is still to be written. `undoes` is the change that the call takes back.
    pub(super) fn admit(
        &mut self,
        row: &mut Row,
        asks: &[Ask],
        approved: Option<&Granted>,
        undoes: Option<&str>,
        durable: bool,
    ) -> Result<Judged, LedgerError> {
        self.in_place()?;
        self.set_durable(durable)?;
        if let Some(granted) = approved {
            row.decision = Decision::Approved;
            row.note = Some(approvals::note(&granted.id));
        }
        if let Some(undone) = undoes {
            let before = row.note.take().map(|note| format!("{note}, ")).unwrap_or_default();
            row.note = Some(format!("{before}undoes {undone}"));
        }
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Read once no one else can write: a take is never older than one that is already there.
        let now = self.clock.now();
        if !self.boot_row.spans(now) || !self.boot.follows_others {
            self.boot_row = schema::boot_row(&tx, &self.boot, now)?;
        }
        let count =
            Count { conn: &tx, boot: self.boot_row, follows_others: self.boot.follows_others, lost: self.lost, now };
        let mut refused = check(&count, &mut self.counters, asks)?;
        let time_ms = now.wall_ns / 1_000_000;
        if let Some(granted) = approved {
            let approvals = approvals_of(&tx, &self.chain, &self.boot, now);
            if refused.is_none() && !approvals.hold(granted, &row.grant, &row.tool)? {
                row.decision = Decision::Ask;
                row.note = Some(format!("{} was used before, or has run out", approvals::note(&granted.id)));
                let link = whole(&tx, &self.chain, row, now)?;
                tx.commit()?;
                self.chain.committed(link);
                return Ok(Judged::NotApproved);
            }
        }
        if refused.is_none()
            && let Some(undone) = undoes
            && let Some(undoing) = recall::undoing(&tx, undone, time_ms)?
        {
            row.decision = Decision::Deny;
            row.note = Some(format!("{undone}: {}", undoing.reason()));
            if let Some(ended) = approved.filter(|granted| granted.ends_with_call()) {
                approvals_of(&tx, &self.chain, &self.boot, now).close(&ended.id)?;
            }
            let link = whole(&tx, &self.chain, row, now)?;
            tx.commit()?;
            self.chain.committed(link);
            return Ok(Judged::Undone(undoing));
        }
        if refused.is_none() {
            // Asked last and only by calls that the ledger lets pass, so that refused ones do not delay the next.
            refused = asks.iter().enumerate().find_map(|(i, ask)| {
                let wait = ask.limit.burst.as_ref()?.take(&ask.grant).err()?;
                Some((i, Over::Until(wait)))
            });
        }
        // What the owner approved still holds where a limit refuses; what a client said ends with its call.
        if let Some(used) = approved.filter(|granted| refused.is_none() || granted.ends_with_call()) {
            approvals_of(&tx, &self.chain, &self.boot, now).close(&used.id)?;
        }
        if let Some((ask, over)) = refused {
            row.decision = Decision::Limit;
            row.rule = asks.get(ask).map(|ask| ask.limit.rule.clone());
            // What this boot was widened to stays.
            tx.commit()?;
            return Ok(Judged::Over { ask, over });
        }
        // Until it is settled, and for ever if this process is killed before that.
        row.outcome = Some(Outcome::Unknown);
        let row = row::insert(&tx, row, time_ms)?;
        let seq = row.seq;
        let link = self.chain.append(&tx, Event::Begin, seq, row.planned().as_deref(), row.fixed())?;
        if let Some(undone) = undoes {
            recall::keep(&tx, undone, seq)?;
        }
        let mut takes: Vec<Take> = Vec::with_capacity(asks.len());
        for ask in asks {
            let counter = self.counters.find_or_make(&tx, &ask.limit)?;
            // Limits of one counter count the same call, so it is taken once.
            if ask.amount > 0 && takes.iter().all(|take| take.counter != counter) {
                takes.push(count.take(counter, ask.limit.unit, &ask.grant, seq, ask.amount)?);
            }
        }
        tx.commit()?;
        self.chain.committed(link);
        self.taken += takes.len();
        if self.taken >= PRUNE_EVERY {
            self.taken = 0;
            // The call is admitted, whatever becomes of this.
            super::report(self.prune());
        }
        Ok(Judged::Passed { seq, takes })
    }

    /// Looks whether the limits on calls are used up already; where one is, the row says so and is still to be written.
    pub(super) fn look(&mut self, row: &mut Row, asks: &[Ask]) -> Result<Option<(usize, Over)>, LedgerError> {
        self.in_place()?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let now = self.clock.now();
        let count =
            Count { conn: &tx, boot: self.boot_row, follows_others: self.boot.follows_others, lost: self.lost, now };
        let refused = check(&count, &mut self.counters, asks)?;
        drop(tx);
        if let Some((ask, _)) = refused {
            row.decision = Decision::Limit;
            row.rule = asks.get(ask).map(|ask| ask.limit.rule.clone());
        }
        Ok(refused)
    }

    /// What the window of each limit holds, and which limit would refuse.
    pub(super) fn state(&mut self, asks: &[Ask]) -> Result<State, LedgerError> {
        self.in_place()?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let now = self.clock.now();
        let count =
            Count { conn: &tx, boot: self.boot_row, follows_others: self.boot.follows_others, lost: self.lost, now };
        let refused = check(&count, &mut self.counters, asks)?;
        let (mut held, mut over) = (Vec::with_capacity(asks.len()), Vec::with_capacity(asks.len()));
        for ask in asks {
            let counter = self.counters.find(&tx, &ask.limit)?.unwrap_or(UNUSED);
            held.push(count.held(counter, &ask.limit, &ask.grant)?);
            over.push(count.check(counter, &ask.limit, &ask.grant, ask.amount)?);
        }
        let (n, code) = chain::last(&tx)?;
        let mut code = head::hex(&code);
        code.truncate(16);
        Ok(State { held, over, refused, chain: ChainEnd { entries: n.unsigned_abs(), code } })
    }

    /// Writes a row that takes nothing, and forgets the question that ends with it.
    pub(super) fn insert(&mut self, row: &Row, closes: Option<&str>) -> Result<(), LedgerError> {
        self.in_place()?;
        self.set_durable(false)?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = self.clock.now();
        if let Some(id) = closes {
            approvals_of(&tx, &self.chain, &self.boot, now).close(id)?;
        }
        let link = whole(&tx, &self.chain, row, now)?;
        tx.commit()?;
        self.chain.committed(link);
        Ok(())
    }

    /// Completes a row, and lowers what it took.
    pub(super) fn settle(&mut self, end: &Settling) -> Result<(), LedgerError> {
        self.in_place()?;
        self.set_durable(false)?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let row = row::settle(&tx, end.seq, end.outcome, &end.affected, end.duration_ms)?;
        takes::settle(&tx, end.seq, &end.takes, end.used, end.nothing_sent)?;
        let row = row.as_deref().map(|row| row.iter().map(ValueRef::from));
        let link = row.map(|row| self.chain.append(&tx, Event::End, end.seq, None, row)).transpose()?;
        tx.commit()?;
        if let Some(link) = link {
            self.chain.committed(link);
        }
        Ok(())
    }

    pub(super) fn rows(&self, after: i64, limit: u32) -> Result<Vec<Row>, LedgerError> {
        row::read(&self.conn, after, limit)
    }

    pub(super) fn recall(&self, call_id: &str, grant: &str) -> Result<Option<Recalled>, LedgerError> {
        recall::find(&self.conn, call_id, grant, self.clock.now().wall_ns / 1_000_000)
    }

    /// Whether the head of the chain is not up to date.
    pub(super) fn head_lags(&self) -> bool {
        self.chain.head_lags()
    }

    /// Brings the head of the chain up to date.
    pub(super) fn keep_head(&mut self) {
        self.chain.keep_head(&self.conn);
    }

    /// Deletes some of the rows that are older than that, and gives how many.
    pub(super) fn prune_rows(&mut self, older_than: Duration) -> Result<u64, LedgerError> {
        self.in_place()?;
        self.set_durable(true)?;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let age_ms = i64::try_from(older_than.as_millis()).unwrap_or(i64::MAX);
        let before_ms = (self.clock.now().wall_ns / 1_000_000).saturating_sub(age_ms);
        let deleted = prune::step(&tx, self.chain.key(), before_ms)?;
        tx.commit()?;
        Ok(deleted)
    }

    fn prune(&mut self) -> Result<(), LedgerError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now = self.clock.now();
        Count { conn: &tx, boot: self.boot_row, follows_others: self.boot.follows_others, lost: self.lost, now }
            .prune()?;
        tx.commit()?;
        Ok(())
    }

    /// Reads may be lost with the machine's power, changes may not.
    fn set_durable(&mut self, durable: bool) -> Result<(), LedgerError> {
        if self.durable != Some(durable) {
            self.conn.pragma_update(None, "synchronous", if durable { "FULL" } else { "NORMAL" })?;
            self.durable = Some(durable);
        }
        Ok(())
    }

    /// A file that was moved away would go on counting by itself, beside a new one that counts from nothing.
    fn in_place(&self) -> Result<(), LedgerError> {
        if self.identity.is_some() && identity(&self.path) != self.identity {
            return Err(LedgerError::Moved { path: self.path.clone() });
        }
        Ok(())
    }
}

fn approvals_of<'c>(conn: &'c Connection, chain: &'c Chain, boot: &'c Boot, now: Moment) -> Approvals<'c> {
    Approvals { conn, key: chain.key(), boot, now }
}

/// Writes a row that needs no completion, with its entry in the chain.
fn whole(tx: &Connection, chain: &Chain, row: &Row, now: Moment) -> Result<Appended, LedgerError> {
    let row = row::insert(tx, row, now.wall_ns / 1_000_000)?;
    chain.append(tx, Event::Whole, row.seq, None, row.all())
}

/// The first limit that refuses, in the policy's order, with the time until all would let the call pass. One that the
/// call never fits goes first.
fn check(count: &Count<'_>, counters: &mut Counters, asks: &[Ask]) -> Result<Option<(usize, Over)>, LedgerError> {
    let mut refused: Option<(usize, Over)> = None;
    for (i, ask) in asks.iter().enumerate() {
        let counter = counters.find(count.conn, &ask.limit)?.unwrap_or(UNUSED);
        refused = match (refused, count.check(counter, &ask.limit, &ask.grant, ask.amount)?) {
            (first, None) => first,
            (_, Some(Over::NeverFits)) => return Ok(Some((i, Over::NeverFits))),
            (Some((first, Over::Until(a))), Some(Over::Until(b))) => Some((first, Over::Until(a.max(b)))),
            (_, Some(over)) => Some((i, over)),
        };
    }
    Ok(refused)
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests;
