//! Long calls as tasks, for clients of the newest protocol that say they know them: the answer is a task that they ask after.

use super::Server;
use crate::tools::{self, ToolInfo, call::Caller};
use rmcp::{
    ErrorData, RoleServer,
    model::{CreateTaskResult, DetailedTask, ProtocolVersion},
    service::RequestContext,
    task_manager::{TaskExit, TaskManager, TaskOptions},
};
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often a client is told to ask.
const POLL_INTERVAL_MS: u64 = 1_000;
/// How long a task may run, and its result is kept: longer than the policy lets any export take.
const TTL: Duration = Duration::from_secs(25 * 3_600);
/// Tasks of one owner that are not over.
const MOST_TASKS: usize = 8;
/// The least time between two words on how far a task is.
const STATUS_INTERVAL: Duration = Duration::from_millis(500);

/// The tasks of a process, and whose each is: their ids alone are no proof of anything.
#[derive(Clone, Default)]
pub(super) struct Tasks {
    manager: TaskManager,
    owners: Arc<Mutex<HashMap<String, Arc<str>>>>,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

/// Whether a call may be answered with a task. Clients of older protocols that declare tasks mean other ones.
pub(super) fn wanted(tool: &ToolInfo, context: &RequestContext<RoleServer>) -> bool {
    tool.lasts
        && context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
        && context.meta.client_capabilities().is_some_and(|capabilities| capabilities.supports_tasks())
}

impl Tasks {
    /// Makes a task of a call; none while its owner has too many.
    pub(super) fn begin(
        &self,
        server: &Server,
        owner: &Arc<str>,
        mut caller: Caller,
        tool: &'static str,
        arguments: Map<String, Value>,
    ) -> Option<CreateTaskResult> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|id, _| self.manager.get_task(id).is_ok());
        let open = |id: &String| self.manager.get_task(id).is_ok_and(|task| !task.status().is_terminal());
        if owners.iter().filter(|(id, of)| *of == owner && open(id)).count() >= MOST_TASKS {
            return None;
        }
        // A task has time: it is the client that asks when it likes.
        caller.waits_to_end = true;
        let app = Arc::clone(&server.app);
        let options = TaskOptions::new()
            .with_ttl_ms(u64::try_from(TTL.as_millis()).ok())
            .with_poll_interval_ms(POLL_INTERVAL_MS)
            .with_status_message("begun");
        let task = self.manager.spawn(options, move |context| {
            Box::pin(async move {
                let cancelled = caller.cancelled.clone();
                let mut progress = caller.progress.subscribe();
                let call = tools::call(&app, &caller, tool, arguments);
                // Neither ends before the call does, which cleans up after itself.
                let cancel = async {
                    context.cancelled().await;
                    cancelled.cancel();
                    std::future::pending::<Infallible>().await
                };
                let tell = async {
                    while progress.changed().await.is_ok() {
                        let now = *progress.borrow_and_update();
                        context.set_status_message(super::described_progress(&now));
                        tokio::time::sleep(STATUS_INTERVAL).await;
                    }
                    std::future::pending::<Infallible>().await
                };
                let answer = tokio::select! {
                    answer = call => answer,
                    never = cancel => match never {},
                    never = tell => match never {},
                };
                if context.is_cancel_requested() && answer.is_err() {
                    return Err(TaskExit::Cancelled);
                }
                super::result_of(answer).map_err(TaskExit::Error)
            })
        });
        owners.insert(task.task_id.clone(), Arc::clone(owner));
        Some(CreateTaskResult::new(task))
    }

    /// The task, if it is one of the owner's.
    pub(super) fn get(&self, owner: &str, id: &str) -> Result<DetailedTask, ErrorData> {
        self.check(owner, id)?;
        self.manager.get_task(id)
    }

    /// Has the task stopped, if it is one of the owner's.
    pub(super) fn cancel(&self, owner: &str, id: &str) -> Result<(), ErrorData> {
        self.check(owner, id)?;
        self.manager.cancel_task(id)
    }

    /// Answers of the client to what a task asked; there is nothing that ours ask.
    pub(super) fn update(&self, owner: &str, id: &str) -> Result<(), ErrorData> {
        self.check(owner, id)?;
        self.manager.update_task(id, [])
    }

    fn check(&self, owner: &str, id: &str) -> Result<(), ErrorData> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        match owners.get(id) {
            Some(of) if **of == *owner => Ok(()),
            _ => Err(ErrorData::invalid_params("there is no such task", None)),
        }
    }
}
