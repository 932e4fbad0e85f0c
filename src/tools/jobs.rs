//! Work that outlives the answer: clients hang up after a minute, and a large export takes longer.
//!
//! A job is the whole course of a call, from its clearance to its row in the ledger. Its caller waits for it; when that takes
//! too long the caller is told how far it is, the job goes on by itself, and the same call comes back for it, running or just
//! finished. Each such answer is good for one call that comes back, so that nobody gets more than was cleared: who was told
//! nothing begins a job of their own. It ends early when the caller who waits for it gives up, and when the server stops.

use super::{Answer, call::Caller, error::ToolError};
use crate::export::job::Progress;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long the result of a job is kept that nobody came back for.
const KEPT: Duration = Duration::from_secs(600);

/// What says how long a caller waits: no part of what the call is about.
const WAIT: &str = "waitSeconds";

/// The jobs of a process.
#[derive(Debug, Default)]
pub struct Jobs {
    all: Mutex<Vec<Arc<Job>>>,
}

/// A job that is running, or that has ended and was not asked for since.
#[derive(Debug)]
pub struct Job {
    /// What it is about.
    key: String,
    started: Instant,
    cancelled: CancellationToken,
    progress: watch::Sender<Progress>,
    ended: watch::Sender<Option<Instant>>,
    answer: Mutex<Option<Answer>>,
    /// Whether a caller was told that it is running and has not come back yet.
    told: AtomicBool,
}

/// How far a job is.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// Items and bytes.
    pub progress: Progress,
    /// How long it has been running.
    pub elapsed: Duration,
}

/// What a caller gets who waited for a job.
pub(super) enum Waited {
    /// Its answer.
    Ended(Answer),
    /// It goes on.
    Running(Running),
}

/// The place of a call among the jobs.
pub(super) enum Place {
    /// It comes back for one.
    Joins(Arc<Job>),
    /// It is a new one.
    Begins(Begun),
}

/// A job whose course is still to be set going. Unless it is, it was none.
pub(super) struct Begun {
    jobs: Arc<Jobs>,
    job: Arc<Job>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.job.ended.borrow().is_none() {
            self.job.end(Err(ToolError::Cancelled));
            self.jobs.remove(&self.job);
        }
    }
}

/// What a call is about: its tool and its arguments.
pub(super) fn key(tool: &str, arguments: &Map<String, Value>) -> String {
    let about: BTreeMap<_, _> = arguments.iter().filter(|(name, _)| *name != WAIT).collect();
    format!("{tool} {}", serde_json::to_string(&about).unwrap_or_default())
}

impl Jobs {
    /// The job of that key which a caller is to come back for, or a new one.
    pub(super) fn place(self: &Arc<Self>, key: String) -> Place {
        let mut all = self.locked();
        all.retain(|job| job.ended.borrow().is_none_or(|at| at.elapsed() < KEPT));
        let known = all.iter().find(|job| job.key == key && job.told.swap(false, Ordering::Relaxed));
        if let Some(job) = known {
            return Place::Joins(Arc::clone(job));
        }
        let job = Arc::new(Job {
            key,
            started: Instant::now(),
            cancelled: CancellationToken::new(),
            progress: watch::Sender::new(Progress::default()),
            ended: watch::Sender::new(None),
            answer: Mutex::default(),
            told: AtomicBool::new(false),
        });
        all.push(Arc::clone(&job));
        Place::Begins(Begun { jobs: Arc::clone(self), job })
    }

    /// Waits for a job that an earlier call began.
    pub(super) async fn join(&self, job: &Arc<Job>, caller: &Caller, patience: Option<Duration>) -> Waited {
        let waited = job.wait(caller, patience, None).await;
        if let Waited::Ended(_) = waited {
            self.remove(job);
        }
        waited
    }

    /// Stops all jobs, and waits until they have cleaned up after themselves, but no longer than that.
    pub async fn stop(&self, patience: Duration) {
        let jobs: Vec<_> = self.locked().clone();
        let ended = async {
            for job in jobs {
                job.cancelled.cancel();
                let _ = job.ended.subscribe().wait_for(Option::is_some).await;
            }
        };
        let _ = tokio::time::timeout(patience, ended).await;
    }

    fn remove(&self, job: &Arc<Job>) {
        self.locked().retain(|found| !Arc::ptr_eq(found, job));
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Job>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun {
    /// Who calls in the job's name: it is cancelled by the job alone, and tells the job how far it is.
    pub(super) fn caller(&self, caller: &Caller) -> Caller {
        Caller { cancelled: self.job.cancelled.clone(), progress: self.job.progress.clone(), ..caller.clone() }
    }

    /// Sets the job going and waits for it. Until it has something to tell, it is driven by its caller alone, whom it may
    /// have to ask something.
    pub(super) async fn run(
        self,
        course: BoxFuture<'static, Answer>,
        caller: &Caller,
        patience: Option<Duration>,
    ) -> Waited {
        let (job, jobs) = (Arc::clone(&self.job), Arc::clone(&self.jobs));
        let course: BoxFuture<'static, ()> = Box::pin(async move {
            let answer = course.await;
            self.job.end(answer);
        });
        let waited = job.wait(caller, patience, Some(course)).await;
        if let Waited::Ended(_) = waited {
            jobs.remove(&job);
        }
        waited
    }
}

impl Job {
    /// Lets it be come back for by one call.
    pub(super) fn leave(&self) {
        self.told.store(true, Ordering::Relaxed);
    }

    fn end(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        self.ended.send_replace(Some(Instant::now()));
    }

    fn take_answer(&self) -> Answer {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        answer.unwrap_or(Err(ToolError::Cancelled))
    }

    /// Waits until the job ends, patience runs out or the caller gives up. `course` is the job's own, if the caller is the
    /// one that has to drive it.
    async fn wait(
        self: &Arc<Self>,
        caller: &Caller,
        patience: Option<Duration>,
        mut course: Option<BoxFuture<'static, ()>>,
    ) -> Waited {
        let mut ended = self.ended.subscribe();
        let mut progress = self.progress.subscribe();
        let mut begun = *progress.borrow_and_update() != Progress::default();
        let until = patience.map(|patience| tokio::time::Instant::now() + patience);
        let run_out = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(run_out);
        let (mut out, mut given_up) = (false, false);
        loop {
            if out && begun && !given_up {
                if let Some(course) = course.take() {
                    tokio::spawn(course);
                }
                self.leave();
                let running = Running { progress: *progress.borrow(), elapsed: self.started.elapsed() };
                return Waited::Running(running);
            }
            tokio::select! {
                biased;
                () = caller.cancelled.cancelled(), if !given_up => {
                    given_up = true;
                    self.cancelled.cancel();
                }
                () = async { if let Some(course) = &mut course { course.await } }, if course.is_some() => course = None,
                _ = ended.wait_for(Option::is_some) => return Waited::Ended(self.take_answer()),
                () = &mut run_out, if !out => out = true,
                Ok(()) = progress.changed() => {
                    begun = true;
                    caller.progress.send_replace(*progress.borrow_and_update());
                }
            }
        }
    }
}
