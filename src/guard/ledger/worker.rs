//! The ledger's thread and the requests it serves.

use super::{
    Admission, Draft, Entry, Ledger, LedgerError, Looked, Settling,
    approvals::{Approvable, Found, Granted, NewQuestion},
    flood::{FLOOD, Fate, Floods},
    recall::Recalled,
    report,
    row::{Decision, Row},
    store::{Judged, State, Store},
};
use crate::guard::{limit::Limit, plan::Outcome, subject::Kind};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// The head of the chain may lag behind that long: one write is then for all rows of a burst, and no call waits for it.
const HEAD: Duration = Duration::from_millis(10);

/// What a call wants from one limit.
#[derive(Clone, Debug)]
pub(in crate::guard) struct Ask {
    pub(in crate::guard) limit: Arc<Limit>,
    pub(in crate::guard) grant: Arc<str>,
    pub(in crate::guard) amount: u64,
}

/// Where an answer goes, and until when someone waits for it.
#[derive(Debug)]
pub(super) struct Reply<T> {
    pub(super) answer: oneshot::Sender<Result<T, LedgerError>>,
    pub(super) deadline: Instant,
}

impl<T> Reply<T> {
    /// Whether the answer still finds someone.
    fn is_waited_for(&self) -> bool {
        self.deadline > Instant::now() && !self.answer.is_closed()
    }

    /// How the call ends where it finds no one: it was given up, or refused because the ledger took too long.
    fn unheard(&self) -> Option<Outcome> {
        (self.deadline > Instant::now()).then_some(Outcome::Cancelled)
    }
}

/// A request to the ledger.
#[derive(Debug)]
pub(super) enum Job {
    /// Take from the limits, use up the approval, and write the row.
    Admit {
        row: Box<Row>,
        asks: Vec<Ask>,
        approved: Option<Granted>,
        undoes: Option<String>,
        ledger: Ledger,
        started: Instant,
        reply: Reply<Admission>,
    },
    /// Look at the limits; the draft comes back unless one refuses.
    Look { draft: Draft, asks: Vec<Ask>, reply: Reply<Looked> },
    /// Say what the limits hold, and which would refuse.
    State { asks: Vec<Ask>, reply: Reply<State> },
    /// Put a question to a person, or find what was said of it.
    AskPerson { new: Box<NewQuestion>, reply: Reply<Found> },
    /// List what waits for a person.
    Approvals { reply: Reply<Vec<Approvable>> },
    /// Say what the owner says.
    Decide { id: String, approve: bool, by: String, reply: Reply<Option<Approvable>> },
    /// Write a row that takes nothing, and forget the question that ends with it.
    Note { row: Box<Row>, closes: Option<String>, reply: Option<Reply<()>> },
    /// Complete a row.
    Settle { settling: Settling, reply: Option<Reply<()>> },
    /// Read rows.
    Rows { after: i64, limit: u32, reply: Reply<Vec<Row>> },
    /// Find a call of a grant by its name.
    Recall { call_id: String, grant: String, reply: Reply<Option<Recalled>> },
    /// Delete some of the rows that are older than that.
    Prune { older_than: Duration, reply: Reply<u64> },
    /// Wake up: something was counted that is to be written.
    Flush,
}

/// Serves until the last handle is gone.
pub(super) fn run(mut store: Store, jobs: &Receiver<Job>, floods: &Floods) {
    let (mut flush_at, mut head_at): (Option<Instant>, Option<Instant>) = (None, None);
    loop {
        let job = match flush_at.into_iter().chain(head_at).min() {
            None => jobs.recv().map_err(RecvTimeoutError::from),
            Some(at) => jobs.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        match job {
            Ok(job) => serve(&mut store, floods, job),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let now = Instant::now();
        if flush_at.is_some_and(|at| at <= now) {
            flush_at = None;
            flush(&mut store, floods);
        }
        if floods.is_waiting(now) {
            flush_at = flush_at.or(Some(now + FLOOD));
        }
        if head_at.is_some_and(|at| at <= now) {
            store.keep_head();
            head_at = None;
        } else if store.head_lags() {
            head_at = head_at.or(Some(now + HEAD));
        }
    }
    flush(&mut store, floods);
    store.keep_head();
}

fn flush(store: &mut Store, floods: &Floods) {
    for row in floods.drain(Instant::now()) {
        report(store.insert(&row, None));
    }
}

/// Writes the refusal that a limit made, with the question that ends with it, or counts it.
fn refused(store: &mut Store, floods: &Floods, row: Box<Row>, closes: Option<&str>) -> Result<(), LedgerError> {
    if closes.is_some() {
        return store.insert(&row, closes);
    }
    match floods.refused(row, Instant::now()) {
        Fate::Write(row) => store.insert(&row, None),
        Fate::Begun | Fate::Counted => Ok(()),
    }
}

fn serve(store: &mut Store, floods: &Floods, job: Job) {
    match job {
        Job::Admit { mut row, asks, approved, undoes, ledger, started, reply } => {
            if !reply.is_waited_for() {
                let ended = approved.as_ref().filter(|granted| granted.ends_with_call());
                return give_up(store, *row, ended.map(|granted| granted.id.as_str()), reply.unheard());
            }
            let kind = row.kind;
            let judged = store.admit(&mut row, &asks, approved.as_ref(), undoes.as_deref(), kind != Some(Kind::Read));
            let admission = judged.and_then(|judged| match judged {
                Judged::Passed { seq, takes } => Ok(Admission::Passed(Entry {
                    ledger,
                    seq,
                    kind,
                    takes,
                    started,
                    handed_over: false,
                    settled: false,
                })),
                Judged::Over { ask, over } => {
                    refused(store, floods, row, None)?;
                    let limit = asks.into_iter().nth(ask).ok_or(LedgerError::Stopped)?.limit;
                    Ok(Admission::Over { limit, over })
                }
                Judged::NotApproved => Ok(Admission::NotApproved),
                Judged::Undone(undoing) => Ok(Admission::Undone(undoing)),
            });
            // An entry that finds no one waiting settles itself when it is dropped here.
            drop(reply.answer.send(admission));
        }
        Job::Look { mut draft, asks, reply } => {
            let Some(mut row) = draft.row.take() else { return };
            if !reply.is_waited_for() {
                return give_up(store, *row, None, reply.unheard());
            }
            let looked = store.look(&mut row, &asks).and_then(|over| {
                if let Some((limit, over)) = over.and_then(|(ask, over)| Some((asks.into_iter().nth(ask)?.limit, over)))
                {
                    refused(store, floods, row, draft.closes.as_deref())?;
                    return Ok(Looked::Over { limit, over });
                }
                draft.row = Some(row);
                Ok(Looked::Passes(draft))
            });
            // A draft that finds no one waiting ends its call when it is dropped here.
            drop(reply.answer.send(looked));
        }
        Job::State { asks, reply } => drop(reply.answer.send(store.state(&asks))),
        Job::AskPerson { new, reply } => {
            // A question that no one hears of would only be in the way.
            if reply.is_waited_for() {
                drop(reply.answer.send(store.ask(&new)));
            }
        }
        Job::Approvals { reply } => drop(reply.answer.send(store.approvals())),
        Job::Decide { id, approve, by, reply } => {
            if reply.is_waited_for() {
                drop(reply.answer.send(store.decide(&id, approve, &by)));
            }
        }
        Job::Note { row, closes, reply } => answer(reply, store.insert(&row, closes.as_deref())),
        Job::Settle { settling, reply } => answer(reply, store.settle(&settling)),
        Job::Rows { after, limit, reply } => drop(reply.answer.send(store.rows(after, limit))),
        Job::Recall { call_id, grant, reply } => drop(reply.answer.send(store.recall(&call_id, &grant))),
        Job::Prune { older_than, reply } => drop(reply.answer.send(store.prune_rows(older_than))),
        Job::Flush => {}
    }
}

/// Writes the row of a call that no one waits for any more: it is not let through.
fn give_up(store: &mut Store, mut row: Row, closes: Option<&str>, outcome: Option<Outcome>) {
    row.decision = Decision::Deny;
    row.outcome = outcome;
    report(store.insert(&row, closes));
}

fn answer(reply: Option<Reply<()>>, result: Result<(), LedgerError>) {
    match reply {
        Some(reply) => {
            if let Err(unheard) = reply.answer.send(result) {
                report(unheard);
            }
        }
        None => report(result),
    }
}
