//! The ledger: one SQLite file, shared by every server process of the machine, that holds a row for each call and what
//! each call took from the limits.
//!
//! The file belongs to one thread. A request to it is answered within two seconds or counts as refused; a call whose row
//! can't be written is not let through. A `Draft` is a call that has no row yet, an `Entry` one that has: dropping either
//! ends the call in the ledger, so that a cancelled call leaves a row as well.

mod approvals;
mod audit;
mod chain;
mod digest;
mod error;
mod flood;
mod head;
mod key;
mod prune;
mod recall;
mod row;
mod schema;
mod store;
mod takes;
mod verify;
mod worker;

pub use approvals::{Approvable, Said, Way};
pub use audit::{Audit, DayOfTool, Filter};
pub use error::LedgerError;
pub(crate) use recall::LONGEST_UNDO;
pub use recall::{Recalled, Undoing};
pub use row::{Decision, MAX_BEFORE_BYTES, Row};
pub use store::ChainEnd;
pub use verify::Verification;

use super::{
    clock::{Clock, SystemClock},
    limit::{LONGEST_WINDOW, Limit},
    plan::{Affected, Amounts, Outcome, Settlement},
    subject::Kind,
};
use flood::{Fate, Floods};
use serde_json::{Map, Value};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use store::{State, Store};
use takes::Take;
use tokio::sync::oneshot;
use worker::{Ask, Job, Reply};

/// How long a request may take in all.
const DEADLINE: Duration = Duration::from_secs(2);

/// How many requests may wait; more mean that the file hangs.
const QUEUE: usize = 1024;

/// A handle to the ledger. Clones share it; the last one to be dropped writes what is left and closes the file.
#[derive(Clone, Debug)]
pub struct Ledger {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    floods: Arc<Floods>,
    digest_key: [u8; 32],
    seal_key: [u8; 32],
}

impl Ledger {
    /// Opens the ledger, or makes it where there never was one.
    ///
    /// A file that is damaged or holds something else is an error. Where the file is gone though there was one (a marker
    /// beside it says so), a new one is made in which every limit counts as used up for one window.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_with_key(path, &Self::key_beside(path))
    }

    /// The same with the key of its chain in that file, which is made with the ledger.
    pub fn open_with_key(path: &Path, key: &Path) -> Result<Self, LedgerError> {
        Self::start(path, Store::open(path, key, Box::new(SystemClock::new()))?)
    }

    /// The same with another source of time.
    pub fn open_with_clock(path: &Path, clock: Box<dyn Clock>) -> Result<Self, LedgerError> {
        Self::start(path, Store::open(path, &Self::key_beside(path), clock)?)
    }

    /// Where the key of a ledger's chain is kept if nothing else is said.
    pub fn key_beside(path: &Path) -> PathBuf {
        Self::beside(path, ".key")
    }

    /// A file that the ledger keeps beside itself, by the ending of its name.
    pub fn beside(path: &Path, ending: &str) -> PathBuf {
        key::beside(path, ending)
    }

    fn start(path: &Path, store: Store) -> Result<Self, LedgerError> {
        let digest_key = store.digest_key()?;
        let seal_key = store.seal_key();
        let floods = Arc::new(Floods::default());
        let (jobs, queue) = std::sync::mpsc::sync_channel(QUEUE);
        let counted = Arc::clone(&floods);
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || worker::run(store, &queue, &counted))
            .map_err(|cause| LedgerError::File { path: path.to_owned(), cause })?;
        Ok(Self { shared: Arc::new(Shared { jobs: Some(jobs), thread: Some(thread), floods, digest_key, seal_key }) })
    }

    /// The rows after that number, at most `limit` of them, in order.
    pub async fn rows(&self, after: i64, limit: u32) -> Result<Vec<Row>, LedgerError> {
        self.request(|reply| Job::Rows { after, limit, reply }).await
    }

    /// A change of that grant by its name, and whether it was taken back.
    pub(super) async fn recall(&self, call_id: &str, grant: &str) -> Result<Option<Recalled>, LedgerError> {
        let (call_id, grant) = (call_id.to_owned(), grant.to_owned());
        self.request(|reply| Job::Recall { call_id, grant, reply }).await
    }

    /// Deletes the rows that are older than that, at least 31 days, and gives their number. It is done in steps, so that
    /// servers go on meanwhile; a row that overlaps with a younger one is kept with it. What is left can be verified.
    pub async fn prune(&self, older_than: Duration) -> Result<u64, LedgerError> {
        if older_than < LONGEST_WINDOW {
            return Err(LedgerError::TooYoung);
        }
        let mut deleted = 0;
        loop {
            match self.request(|reply| Job::Prune { older_than, reply }).await? {
                0 => return Ok(deleted),
                step => deleted += step,
            }
        }
    }

    /// The calls that wait for a person, and those that the owner decided about lately.
    pub async fn approvals(&self) -> Result<Vec<Approvable>, LedgerError> {
        self.request(|reply| Job::Approvals { reply }).await
    }

    /// Approves or declines a call that waits for its owner. Gives the call as it is then: one that does not wait for the
    /// owner, or that the owner decided about before, stays as it was. None where there is no such call any more. A row tells
    /// that `by` decided so.
    pub async fn decide(&self, id: &str, approve: bool, by: &str) -> Result<Option<Approvable>, LedgerError> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.request(|reply| Job::Decide { id, approve, by, reply }).await
    }

    /// Puts a question to a person, or finds what was said of it.
    pub(super) async fn ask(&self, new: NewQuestion) -> Result<Found, LedgerError> {
        self.request(|reply| Job::AskPerson { new: Box::new(new), reply }).await
    }

    /// The key of sealed states, the same for all servers of this ledger.
    pub(super) fn seal_key(&self) -> &[u8; 32] {
        &self.shared.seal_key
    }

    /// What the window of each limit holds now, and which limit would refuse. Takes and writes nothing.
    pub(super) async fn state(&self, asks: Vec<Ask>) -> Result<State, LedgerError> {
        self.request(|reply| Job::State { asks, reply }).await
    }

    /// A call that has no row yet.
    pub(super) fn draft(&self, row: Row) -> Draft {
        Draft { ledger: self.clone(), row: Some(Box::new(row)), closes: None, undoes: None, started: Instant::now() }
    }

    /// Counts a refusal that the gate made; the ledger gets one row a second for all that are alike.
    pub(super) fn count(&self, grant: &Arc<str>, tool: &'static str, row: impl FnOnce() -> Row) {
        if self.shared.floods.count(grant, tool, row) {
            // Where the queue is full, the thread is awake anyway.
            let _ = self.send(Job::Flush);
        }
    }

    /// Writes a row that no call waits for.
    pub(super) fn note(&self, row: Row) {
        report(self.send(Job::Note { row: Box::new(row), closes: None, reply: None }));
    }

    /// A keyed digest of a call's arguments, whatever the order of their keys: equal calls show, their values don't.
    pub(super) fn digest(&self, arguments: &Map<String, Value>) -> String {
        digest::of(&self.shared.digest_key, arguments)
    }

    fn send(&self, job: Job) -> Result<(), LedgerError> {
        let jobs = self.shared.jobs.as_ref().ok_or(LedgerError::Stopped)?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => LedgerError::Overrun,
            TrySendError::Disconnected(_) => LedgerError::Stopped,
        })
    }

    async fn request<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, LedgerError> {
        let (answer, answered) = oneshot::channel();
        self.send(job(Reply { answer, deadline: Instant::now() + DEADLINE }))?;
        match tokio::time::timeout(DEADLINE, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(LedgerError::Stopped),
            Err(_) => Err(LedgerError::Deadline),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            // The last handle may be one that the thread itself holds for a moment.
            && thread.thread().id() != thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the ledger's thread had panicked");
        }
    }
}

/// Whether a call passed the limits.
#[derive(Debug)]
pub(super) enum Admission {
    Passed(Entry),
    Over {
        limit: Arc<Limit>,
        over: Over,
    },
    /// The approval it came with is used up, or has run out.
    NotApproved,
    /// Another call takes the same change back, or did.
    Undone(Undoing),
}

/// Whether a call would pass the limits.
#[derive(Debug)]
pub(super) enum Looked {
    Passes(Draft),
    Over { limit: Arc<Limit>, over: Over },
}

/// A call that has no row yet.
#[derive(Debug)]
pub(super) struct Draft {
    ledger: Ledger,
    row: Option<Box<Row>>,
    /// The question that ends with the call, whatever becomes of it.
    closes: Option<String>,
    /// The change that the call takes back.
    undoes: Option<String>,
    started: Instant,
}

impl Draft {
    /// Says what the call would touch.
    #[must_use]
    pub(super) fn about(mut self, affected: &Affected) -> Self {
        if let Some(row) = &mut self.row {
            row.affected = affected.clone();
        }
        self
    }

    /// The digest of the call's arguments.
    pub(super) fn arguments(&self) -> Option<&str> {
        self.row.as_deref().and_then(|row| row.digest.as_deref())
    }

    /// From now on the call waits for a person, under that name and rule: it ends as one that was asked about, unless
    /// something else is said of it.
    pub(super) fn waits(&mut self, id: &str, rule: &str) {
        if let Some(row) = self.row.as_deref_mut() {
            row.decision = Decision::Ask;
            row.rule = Some(rule.to_owned());
        }
        self.note(approvals::note(id));
    }

    /// Says something about the call in its row.
    pub(super) fn note(&mut self, note: String) {
        if let Some(row) = self.row.as_deref_mut() {
            row.note = Some(note);
        }
    }

    /// The call takes that change back, and passes only while no other does.
    pub(super) fn undoes(&mut self, call_id: &str) {
        self.undoes = Some(call_id.to_owned());
    }

    /// That question is to end with the call.
    pub(super) fn closes(&mut self, id: &str) {
        self.closes = Some(id.to_owned());
    }

    /// Ends the call with a row of that decision, or with one more on the row that all share that are alike.
    pub(super) async fn refuse(mut self, decision: Decision, rule: Option<&str>) -> Result<(), LedgerError> {
        let Some(mut row) = self.row.take() else { return Ok(()) };
        row.decision = decision;
        row.rule = rule.map(ToOwned::to_owned);
        if let Some(id) = self.closes.take() {
            return self.ledger.request(|reply| Job::Note { row, closes: Some(id), reply: Some(reply) }).await;
        }
        match self.ledger.shared.floods.refused(row, Instant::now()) {
            Fate::Write(row) => self.ledger.request(|reply| Job::Note { row, closes: None, reply: Some(reply) }).await,
            Fate::Begun => self.ledger.send(Job::Flush),
            Fate::Counted => Ok(()),
        }
    }

    /// Looks whether the limits would let the call pass, and takes nothing. Where they would not, the call ends with a row.
    pub(super) async fn look(self, asks: Vec<Ask>) -> Result<Looked, LedgerError> {
        let ledger = self.ledger.clone();
        ledger.request(|reply| Job::Look { draft: self, asks, reply }).await
    }

    /// Takes from all limits, uses up the approval, claims what it takes back, and writes the row in one transaction, or ends
    /// the call with a row that says why not.
    pub(super) async fn admit(
        mut self,
        asks: Vec<Ask>,
        affected: Affected,
        before: Option<Value>,
        approved: Option<Granted>,
    ) -> Result<Admission, LedgerError> {
        let Some(mut row) = self.row.take() else { return Err(LedgerError::Stopped) };
        row.affected = affected;
        row.before = before;
        let (ledger, started, undoes) = (self.ledger.clone(), self.started, self.undoes.take());
        let admit = |reply| Job::Admit { row, asks, approved, undoes, ledger, started, reply };
        let admission = self.ledger.request(admit).await?;
        Ok(match admission {
            Admission::Passed(mut entry) => {
                entry.handed_over = true;
                Admission::Passed(entry)
            }
            refused => refused,
        })
    }

    /// Ends a call that was let in but never cleared: it changed nothing, so it took nothing.
    pub(super) async fn close(mut self, end: Settlement) -> Result<(), LedgerError> {
        let Some(mut row) = self.row.take() else { return Ok(()) };
        row.affected = end.affected;
        row.duration_ms = Some(elapsed_ms(self.started));
        row.outcome = match end.outcome {
            Outcome::Ok => None,
            Outcome::Failed | Outcome::Unknown => Some(Outcome::Failed),
            Outcome::Cancelled => Some(Outcome::Cancelled),
        };
        let closes = self.closes.take();
        self.ledger.request(|reply| Job::Note { row, closes, reply: Some(reply) }).await
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(mut row) = self.row.take() {
            row.outcome = Some(Outcome::Cancelled);
            row.duration_ms = Some(elapsed_ms(self.started));
            report(self.ledger.send(Job::Note { row, closes: self.closes.take(), reply: None }));
        }
    }
}

/// A call whose row is written and whose units are taken.
#[derive(Debug)]
pub(super) struct Entry {
    ledger: Ledger,
    seq: i64,
    kind: Option<Kind>,
    takes: Vec<Take>,
    started: Instant,
    /// Whether the call has it. An entry that never reached its call has sent nothing.
    handed_over: bool,
    settled: bool,
}

impl Entry {
    /// Writes how the call ended.
    pub(super) async fn settle(mut self, end: Settlement) -> Result<(), LedgerError> {
        let settling = self.settling(end);
        self.ledger.request(|reply| Job::Settle { settling, reply: Some(reply) }).await
    }

    fn settling(&mut self, end: Settlement) -> Settling {
        self.settled = true;
        Settling {
            seq: self.seq,
            takes: std::mem::take(&mut self.takes),
            outcome: end.outcome,
            affected: end.affected,
            used: end.used,
            nothing_sent: end.nothing_sent,
            duration_ms: elapsed_ms(self.started),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let unsure = self.handed_over && self.kind != Some(Kind::Read);
        let settling = self.settling(Settlement {
            outcome: if unsure { Outcome::Unknown } else { Outcome::Cancelled },
            affected: Affected::default(),
            used: None,
            nothing_sent: !self.handed_over,
        });
        report(self.ledger.send(Job::Settle { settling, reply: None }));
    }
}

/// How a row is to be completed.
#[derive(Debug)]
struct Settling {
    seq: i64,
    takes: Vec<Take>,
    outcome: Outcome,
    affected: Affected,
    used: Option<Amounts>,
    nothing_sent: bool,
    duration_ms: u64,
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// For what happens where no one waits for an answer.
fn report(result: Result<(), LedgerError>) {
    if let Err(error) = result {
        tracing::error!(%error, "the ledger could not be brought up to date");
    }
}

pub(crate) use approvals::{FOR_OWNER, IN_CLIENT};
pub(super) use {
    approvals::{Found, Granted, NewQuestion, note as approval_note},
    takes::Over,
    worker::Ask as LimitAsk,
};

#[cfg(test)]
mod tests;
