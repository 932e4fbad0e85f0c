//! Permits and clearances: the types that keep a tool from acting past the guard.

use super::{
    approval::{Asking, Person, Question},
    ledger::{Draft, Entry, Granted},
    policy::Policy,
    refusal::CallId,
    subject::Kind,
};
use std::{
    fmt,
    marker::PhantomData,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

mod sealed {
    pub trait Sealed {}
}

/// What a tool may do, as a type. Only the three below exist.
pub trait Effect: sealed::Sealed + fmt::Debug + Send + Sync + 'static {
    /// The same, as a value.
    const KIND: Kind;
}

/// Effects that change something, and therefore can be cleared.
pub trait Change: Effect {}

/// A tool with this effect changes nothing.
#[derive(Debug)]
pub struct Read;
/// A tool with this effect adds or changes something.
#[derive(Debug)]
pub struct Write;
/// A tool with this effect removes or overwrites something.
#[derive(Debug)]
pub struct Destroy;

impl sealed::Sealed for Read {}
impl sealed::Sealed for Write {}
impl sealed::Sealed for Destroy {}
impl Effect for Read {
    const KIND: Kind = Kind::Read;
}
impl Effect for Write {
    const KIND: Kind = Kind::Write;
}
impl Effect for Destroy {
    const KIND: Kind = Kind::Destructive;
}
impl Change for Write {}
impl Change for Destroy {}

/// Proof that the policy let this call in. Made by the guard alone; it can be neither cloned nor kept past its call's
/// settlement. A permit that is dropped unsettled, because its call was cancelled, still ends as a row of the ledger.
#[derive(Debug)]
pub struct Permit<E: Effect> {
    call: CallId,
    tool: &'static str,
    policy: Arc<Policy>,
    person: Person,
    stage: Mutex<Stage>,
    granted: Mutex<Option<Granted>>,
    questions: AtomicUsize,
    effect: PhantomData<fn() -> E>,
}

/// How far a call has come.
#[derive(Debug)]
pub(super) enum Stage {
    /// Let in, nothing written yet: changes are written when they are cleared.
    Judged(Draft),
    /// Someone is to be asked while it waits.
    Asking(Box<Asking>),
    /// Its row is written, and its client gets the question as the answer.
    Asked(Box<Question>),
    /// Written.
    Recorded(Entry),
    /// Its clearance is being decided or was refused: its row is written or will be.
    Closed,
}

impl<E: Effect> Permit<E> {
    pub(super) fn new(call: CallId, tool: &'static str, policy: Arc<Policy>, person: Person, stage: Stage) -> Self {
        Self {
            call,
            tool,
            policy,
            person,
            stage: Mutex::new(stage),
            granted: Mutex::default(),
            questions: AtomicUsize::new(0),
            effect: PhantomData,
        }
    }

    pub(super) fn tool(&self) -> &'static str {
        self.tool
    }

    /// The call's name in the ledger.
    pub fn call_id(&self) -> CallId {
        self.call
    }

    /// The policy that judges this call from start to end.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Takes the draft that a clearance begins with; none where the call was cleared before.
    pub(super) fn take_draft(&self) -> Option<Draft> {
        let mut stage = self.locked();
        match std::mem::replace(&mut *stage, Stage::Closed) {
            Stage::Judged(draft) => Some(draft),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// Has the call's row say something of it; once it is written it says no more.
    pub(super) fn remark(&self, note: &str) {
        if let Stage::Judged(draft) = &mut *self.locked() {
            draft.note(note.to_owned());
        }
    }

    /// Says which change the call takes back, before it is cleared.
    pub(super) fn undoes(&self, call_id: &str) {
        if let Stage::Judged(draft) = &mut *self.locked() {
            draft.undoes(call_id);
        }
    }

    /// Takes the question that the call asks, if it does.
    pub(super) fn take_question(&self) -> Option<Stage> {
        let mut stage = self.locked();
        matches!(*stage, Stage::Asking(_) | Stage::Asked(_)).then(|| std::mem::replace(&mut *stage, Stage::Closed))
    }

    /// Whether a person is to be asked before the call can go on.
    pub fn asks(&self) -> bool {
        matches!(*self.locked(), Stage::Asking(_) | Stage::Asked(_))
    }

    /// Whether the call's row is written: of a call that changes something, that it was cleared.
    pub fn is_recorded(&self) -> bool {
        matches!(*self.locked(), Stage::Recorded(_))
    }

    pub(super) fn stage(&self, stage: Stage) {
        *self.locked() = stage;
    }

    fn locked(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn person(&self) -> &Person {
        &self.person
    }

    pub(super) fn granted(&self) -> Option<Granted> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn grant(&self, granted: Granted) {
        *self.granted.lock().unwrap_or_else(PoisonError::into_inner) = Some(granted);
    }

    /// Counts a question, and tells how many there were before it.
    pub(super) fn count_question(&self) -> usize {
        self.questions.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn into_stage(self) -> Stage {
        self.stage.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Proof that this effect was judged by its plan and is recorded. Lives no longer than its call's permit.
#[derive(Debug)]
pub struct Cleared<'call> {
    call: CallId,
    lifetime: PhantomData<&'call ()>,
}

impl Cleared<'_> {
    pub(super) fn new(call: CallId) -> Self {
        Self { call, lifetime: PhantomData }
    }

    /// The call's name in the ledger.
    pub fn call_id(&self) -> CallId {
        self.call
    }
}

/// What does not compile.
///
/// A call that only reads can't be cleared:
/// ```compile_fail,E0277
/// use plex_mcp::guard::{Guard, Permit, Plan, Read};
/// async fn body(guard: &Guard, permit: &Permit<Read>) {
///     let _ = guard.clear(permit, Plan::default()).await;
/// }
/// ```
/// while one that writes can:
/// ```
/// use plex_mcp::guard::{Guard, Permit, Plan, Write};
/// async fn body(guard: &Guard, permit: &Permit<Write>) {
///     let _ = guard.clear(permit, Plan::default()).await;
/// }
/// ```
/// A clearance does not outlive its call's permit:
/// ```compile_fail,E0597
/// use plex_mcp::guard::{Cleared, Guard, Permit, Plan, Refusal, Write};
/// async fn keep<'a>(guard: &'a Guard, permit: Permit<Write>) -> Result<Cleared<'a>, Refusal> {
///     guard.clear(&permit, Plan::default()).await
/// }
/// ```
/// nor its settlement:
/// ```compile_fail,E0505
/// use plex_mcp::guard::{Guard, Permit, Plan, Settlement, Write};
/// async fn late(guard: &Guard, permit: Permit<Write>, end: Settlement) {
///     let cleared = guard.clear(&permit, Plan::default()).await.unwrap();
///     guard.settle(permit, end).await.unwrap();
///     cleared.call_id();
/// }
/// ```
/// Neither a permit nor a clearance can be made, or copied, outside the guard:
/// ```compile_fail,E0624
/// let permit = plex_mcp::guard::Permit::<plex_mcp::guard::Write>::new(todo!(), todo!(), todo!(), todo!(), todo!());
/// ```
/// ```compile_fail,E0624
/// let cleared = plex_mcp::guard::Cleared::new(todo!());
/// ```
/// ```compile_fail,E0599
/// fn twice(cleared: plex_mcp::guard::Cleared<'static>) -> plex_mcp::guard::Cleared<'static> {
///     cleared.clone()
/// }
/// ```
/// and no one else can say what an effect is:
/// ```compile_fail,E0277
/// #[derive(Debug)]
/// struct Harmless;
/// impl plex_mcp::guard::Effect for Harmless {
///     const KIND: plex_mcp::guard::Kind = plex_mcp::guard::Kind::Read;
/// }
/// ```
#[derive(Debug)]
pub struct Proofs;
