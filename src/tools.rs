//! The tools: what one is, the one handler that runs them all, and the only list of them.
//!
//! A tool is a file in its group's folder: a doc comment, which is what the model reads, the unit struct, `Args`, `Out`,
//! `impl Tool`, its tests; and a line in the group's `TOOLS`. Everything else (listing, schemas, annotations, the policy's
//! names, the table in the README) derives from the list below.

pub mod arguments;
pub mod arr;
pub mod call;
pub mod change;
pub mod edit;
pub mod error;
pub mod filters;
pub mod guard;
pub mod jobs;
pub mod library;
pub mod listing;
pub mod playlists;
pub mod public_keys;
pub mod schema;
pub mod text;
pub mod trakt;
pub mod watch;

use crate::{
    app::App,
    guard::{CallId, Catalogue, Effect, Kind, NotAdmitted, Outcome, Permit, Request, Service, Settlement, Subject},
};
use arguments::ArgumentErrors;
use call::{Call, Caller};
use error::ToolError;
use futures_util::{FutureExt as _, future::BoxFuture};
use jobs::{Place, Running, Waited};
use public_keys::PublicKey;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock},
    time::Duration,
};

/// Every group of tools.
pub const GROUPS: &[&[ToolDef]] =
    &[library::TOOLS, watch::TOOLS, playlists::TOOLS, edit::TOOLS, trakt::TOOLS, arr::TOOLS, guard::TOOLS];

/// A tool of this server.
pub trait Tool: JsonSchema + 'static {
    /// The name that clients call and policies use.
    const NAME: &'static str;
    /// The name that people see.
    const TITLE: &'static str;
    /// The service that it works on.
    const SERVICE: Service = Service::Plex;
    /// Whether the same call again changes nothing more.
    const IDEMPOTENT: bool = matches!(<Self::Effect as Effect>::KIND, Kind::Read);
    /// Other names that arguments are taken under, each with the name that it means: those of the public Plex MCP server.
    const ALSO: &'static [(&'static str, &'static str)] = &[];
    /// Keys that its result has beside its own: those of the public Plex MCP server.
    const PUBLIC_KEYS: &'static [(&'static str, PublicKey)] = &[];
    /// How long a call may take.
    const TIME_LIMIT: Duration = Duration::from_secs(60);
    /// Whether its work may outlive its answer; then it says how long a call waits, and what is answered meanwhile.
    const LASTS: bool = false;
    /// What a call may do: `Read`, `Write` or `Destroy`.
    type Effect: Effect;
    /// The arguments. Unknown ones are refused; the doc comments are what the model reads.
    type Args: DeserializeOwned + JsonSchema + Send + 'static;
    /// The result.
    type Out: Serialize + JsonSchema + Send + 'static;

    /// The work itself.
    fn run(
        call: &Call<'_, Self::Effect>,
        args: Self::Args,
    ) -> impl Future<Output = Result<Self::Out, ToolError>> + Send;

    /// Of a tool that lasts: how long a call with these arguments waits for it.
    fn patience(_: &Self::Args) -> Option<Duration> {
        None
    }

    /// What is answered while that work goes on.
    fn running(_: Running) -> Option<Self::Out> {
        None
    }
}

type Handler = for<'a> fn(&'a Arc<App>, &'static ToolInfo, &'a Caller, Map<String, Value>) -> BoxFuture<'a, Answer>;
type Decodes = fn(&Map<String, Value>) -> Result<(), ArgumentErrors>;
/// What a call gives.
pub type Answer = Result<Value, ToolError>;

/// A tool's entry in the list of its group.
pub struct ToolDef {
    name: &'static str,
    title: &'static str,
    kind: Kind,
    service: Service,
    idempotent: bool,
    lasts: bool,
    also: &'static [(&'static str, &'static str)],
    describe: fn() -> schema::Described,
    decodes: Decodes,
    handle: Handler,
}

impl ToolDef {
    /// The entry of `T`.
    pub const fn of<T: Tool>() -> Self {
        Self {
            name: T::NAME,
            title: T::TITLE,
            kind: <T::Effect as Effect>::KIND,
            service: T::SERVICE,
            idempotent: T::IDEMPOTENT,
            lasts: T::LASTS,
            also: T::ALSO,
            describe: schema::describe::<T>,
            decodes: |map| decode::<T::Args>(map).map(drop),
            handle: handle::<T>,
        }
    }

    /// What the policy knows of the tool.
    pub fn subject(&self) -> Subject {
        Subject { tool: self.name, kind: self.kind, service: self.service }
    }
}

/// A tool as clients see it.
#[derive(Debug)]
pub struct ToolInfo {
    /// The name that clients call.
    pub name: &'static str,
    /// The name that people see.
    pub title: &'static str,
    /// What the policy knows of it.
    pub subject: Subject,
    /// Whether the same call again changes nothing more.
    pub idempotent: bool,
    /// Whether its work may outlive its answer.
    pub lasts: bool,
    /// What the model reads.
    pub description: String,
    /// JSON schema of the arguments.
    pub input: Map<String, Value>,
    /// JSON schema of the result.
    pub output: Map<String, Value>,
    also: &'static [(&'static str, &'static str)],
    decodes: Decodes,
    handle: Handler,
}

static TOOLS: LazyLock<Vec<ToolInfo>> = LazyLock::new(|| {
    GROUPS
        .iter()
        .copied()
        .flatten()
        .map(|def| {
            let described = (def.describe)();
            ToolInfo {
                name: def.name,
                title: def.title,
                subject: def.subject(),
                idempotent: def.idempotent,
                lasts: def.lasts,
                description: described.description,
                input: described.input,
                output: described.output,
                also: def.also,
                decodes: def.decodes,
                handle: def.handle,
            }
        })
        .collect()
});

/// All tools, by group.
pub fn all() -> &'static [ToolInfo] {
    &TOOLS
}

/// The tool called `name`.
pub fn find(name: &str) -> Option<&'static ToolInfo> {
    all().iter().find(|tool| tool.name == name)
}

/// What the policy and the ledger know the reading of an export's resource by. There is no tool of that name.
pub const READ_EXPORT: Subject = Subject { tool: "read_export", kind: Kind::Read, service: Service::Plex };

static SUBJECTS: LazyLock<Vec<Subject>> =
    LazyLock::new(|| GROUPS.iter().copied().flatten().map(ToolDef::subject).chain([READ_EXPORT]).collect());

/// What the policy knows of the tools. Schemas are made only where one of its conditions looks at an argument, so that a
/// start need not wait for them.
pub fn catalogue() -> Catalogue<'static> {
    Catalogue::new(&SUBJECTS, |name| find(name).map(|tool| arguments::of_schema(&tool.input)).unwrap_or_default())
}

impl ToolInfo {
    /// What a call with these arguments means, defaults filled in: what the policy judges.
    pub fn read(&self, given: Map<String, Value>) -> Result<Map<String, Value>, ArgumentErrors> {
        let map = arguments::read(&self.input, arguments::renamed(given, self.also))?;
        (self.decodes)(&map)?;
        Ok(map)
    }
}

/// Runs a call to its end, which is a result or an error, and a row of the ledger.
pub async fn call(app: &Arc<App>, caller: &Caller, tool: &str, arguments: Map<String, Value>) -> Answer {
    if let Some(tool) = find(tool) {
        return (tool.handle)(app, tool, caller, arguments).await;
    }
    // A made-up name as it may be shown: short and of plain characters.
    let shown: String = tool.chars().filter(char::is_ascii_graphic).take(64).collect();
    app.guard.record_unknown(&shown, &caller.session, caller.client.as_deref()).await;
    Err(ToolError::Unknown(shown))
}

/// The handler of every tool: decode, admit, run with a time limit, settle.
fn handle<'a, T: Tool>(
    app: &'a Arc<App>,
    info: &'static ToolInfo,
    caller: &'a Caller,
    given: Map<String, Value>,
) -> BoxFuture<'a, Answer> {
    async move {
        let given = arguments::renamed(given, T::ALSO);
        let read = arguments::read(&info.input, given).and_then(|map| Ok((decode::<T::Args>(&map)?, map)));
        let text = read.as_ref().err().map(ToString::to_string);
        let lasting = read.as_ref().ok().and_then(|(args, map)| Some((T::patience(args)?, map)));
        let job = lasting.map(|(patience, map)| (patience, app.jobs.place(jobs::key(info.name, map))));
        let request = Request {
            subject: info.subject,
            arguments: read.as_ref().map(|(_, map)| map).map_err(|_| text.as_deref().unwrap_or_default()),
            joins: matches!(job, Some((.., Place::Joins(_)))),
            session: &caller.session,
            client: caller.client.as_deref(),
        };
        let admitted = app.guard.admit_for::<T::Effect>(request, caller.person.clone()).await;
        if let (Err(_), Some((_, Place::Joins(job)))) = (&admitted, &job) {
            job.leave();
        }
        let ((args, map), permit) = match (read, admitted) {
            (Ok(read), Ok(permit)) => (read, permit),
            (_, Err(NotAdmitted::Hidden(_))) => return Err(ToolError::Unknown(info.name.to_owned())),
            (_, Err(NotAdmitted::Refused(refusal))) => return Err(refusal.into()),
            (Err(errors), _) => return Err(errors.into()),
            (Ok(_), Err(NotAdmitted::InvalidArguments(_))) => return Err(ToolError::Internal),
        };
        let Some((patience, place)) = job else {
            return course::<T>(app, info, caller, (args, map), permit).await;
        };
        let patience = Some(patience).filter(|_| !caller.waits_to_end);
        let waited = match place {
            Place::Begins(begun) => {
                let (app, caller_of_job) = (Arc::clone(app), begun.caller(caller));
                let course = async move { course::<T>(&app, info, &caller_of_job, (args, map), permit).await };
                begun.run(course.boxed(), caller, patience).await
            }
            Place::Joins(job) => {
                let waited = app.jobs.join(&job, caller, patience).await;
                let error = if let Waited::Ended(Err(error)) = &waited { Some(error) } else { None };
                let call = Call::new(app, permit, caller);
                let settlement = call.settlement(outcome(error, info.subject.kind));
                finish(app, call, settlement).await;
                waited
            }
        };
        match waited {
            Waited::Ended(answer) => answer,
            Waited::Running(running) => answered::<T>(T::running(running)),
        }
    }
    .boxed()
}

/// The course of a call that was let in, to its end.
async fn course<T: Tool>(
    app: &App,
    info: &'static ToolInfo,
    caller: &Caller,
    (mut args, map): (T::Args, Map<String, Value>),
    mut permit: Permit<T::Effect>,
) -> Answer {
    let (call, result) = loop {
        // Between two runs, since nothing of a call runs, and no place is taken, while a person thinks. What the call is
        // about is looked up anew afterwards.
        permit = consult(app, caller, permit).await?;
        let call = Call::new(app, permit, caller);
        let work = async {
            let _place = app.place(info.subject.kind).await;
            T::run(&call, args).await
        };
        let result = run_guarded(caller, T::TIME_LIMIT, work).await;
        if !call.asks() {
            break (call, result);
        }
        permit = call.into_permit();
        args = decode(&map)?;
    };
    let result = result.map_err(|error| cut_short(error, call.change_under_way()));
    let settlement = call.settlement(outcome(result.as_ref().err(), info.subject.kind));
    finish(app, call, settlement).await;
    answered::<T>(Some(result?))
}

fn answered<T: Tool>(result: Option<T::Out>) -> Answer {
    let mut value = serde_json::to_value(result).map_err(|_| ToolError::Internal)?;
    public_keys::add(&mut value, T::PUBLIC_KEYS);
    text::clean(&mut value);
    Ok(value)
}

/// Waits for the person whom a call asks, if it does, as long as the client waits for the call.
async fn consult<E: Effect>(app: &App, caller: &Caller, permit: Permit<E>) -> Result<Permit<E>, ToolError> {
    tokio::select! {
        biased;
        () = caller.cancelled.cancelled(), if permit.asks() => Err(ToolError::Cancelled),
        consulted = app.guard.consult(permit) => Ok(consulted?),
    }
}

fn decode<A: DeserializeOwned>(map: &Map<String, Value>) -> Result<A, ArgumentErrors> {
    serde_path_to_error::deserialize(Value::Object(map.clone()))
        .map_err(|error| ArgumentErrors::one(&error.path().to_string(), "does not fit its type"))
}

/// Waits for `work` no longer than the limit and the client do, and takes a panic for an error.
async fn run_guarded<O>(
    caller: &Caller,
    limit: Duration,
    work: impl Future<Output = Result<O, ToolError>> + Send,
) -> Result<O, ToolError> {
    let work = AssertUnwindSafe(tokio::time::timeout(limit, work)).catch_unwind();
    tokio::select! {
        biased;
        () = caller.cancelled.cancelled() => Err(ToolError::Cancelled),
        result = work => match result {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(ToolError::TimedOut(limit)),
            Err(_) => Err(ToolError::Internal),
        },
    }
}

/// Says of a call that was stopped that its change had begun.
fn cut_short(error: ToolError, change: Option<CallId>) -> ToolError {
    match (error, change) {
        (ToolError::TimedOut(limit), Some(call)) => ToolError::CutShort { limit, call },
        (error, _) => error,
    }
}

/// What the ledger is to know. A change that was cut short may or may not have happened.
fn outcome(error: Option<&ToolError>, kind: Kind) -> Outcome {
    match error {
        None => Outcome::Ok,
        Some(ToolError::Cancelled) => Outcome::Cancelled,
        Some(ToolError::Unsettled { .. } | ToolError::CutShort { .. }) => Outcome::Unknown,
        Some(ToolError::TimedOut(_) | ToolError::Internal) if kind != Kind::Read => Outcome::Unknown,
        Some(ToolError::Arr(error)) if kind != Kind::Read && error.leaves_unknown() => Outcome::Unknown,
        Some(_) => Outcome::Failed,
    }
}

async fn finish<E: Effect>(app: &App, call: Call<'_, E>, settlement: Settlement) {
    let permit = call.into_permit();
    let id = permit.call_id();
    if let Err(error) = app.guard.settle(permit, settlement).await {
        tracing::error!(call = %id, %error, "the outcome of a call could not be recorded; its row says that it began");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    const LONG: Duration = Duration::from_secs(60);

    async fn run(caller: &Caller, limit: Duration, work: impl Future<Output = Answer> + Send) -> ToolError {
        tokio::time::timeout(LONG, run_guarded(caller, limit, work)).await.unwrap().unwrap_err()
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_not_the_end() {
        let caller = Caller::new("test", None);
        let at_once = async { panic!("a mistake in a tool") };
        assert!(matches!(run(&caller, LONG, at_once).await, ToolError::Internal));
        let later = async {
            tokio::task::yield_now().await;
            let rows: [u64; 0] = [];
            Ok(rows[std::hint::black_box(0)].into())
        };
        assert!(matches!(run(&caller, LONG, later).await, ToolError::Internal));
        let well = run_guarded(&caller, LONG, async { Ok(Value::from(5)) }).await;
        assert_eq!(well.unwrap(), 5, "the next call is not affected");
    }

    #[tokio::test]
    async fn a_call_ends_at_its_time_limit_or_when_it_is_given_up() {
        let caller = Caller::new("test", None);
        let short = Duration::from_millis(20);
        let error = run(&caller, short, pending()).await;
        assert!(matches!(error, ToolError::TimedOut(limit) if limit == short), "{error}");
        let cancel = caller.cancelled.clone();
        let give_up = async {
            tokio::time::sleep(short).await;
            cancel.cancel();
        };
        let (error, ()) = tokio::join!(run(&caller, LONG, pending()), give_up);
        assert!(matches!(error, ToolError::Cancelled), "{error}");
        // Given up before it began: the work is not even looked at.
        let error = run(&caller, LONG, async { panic!("was run") }).await;
        assert!(matches!(error, ToolError::Cancelled), "{error}");
    }

    #[test]
    fn a_change_that_is_stopped_says_that_it_had_begun_and_by_which_name_it_is_undone() {
        let (limit, call) = (Duration::from_secs(60), CallId::generate());
        let error = cut_short(ToolError::TimedOut(limit), Some(call));
        assert!(error.to_string().contains("some or all may be done"), "{error}");
        assert_eq!(error.structured()["code"], "timeout");
        assert_eq!(error.structured()["callId"], call.to_string());
        let before = cut_short(ToolError::TimedOut(limit), None).to_string();
        assert!(before.contains("try again"), "nothing was changed yet: {before}");
        assert!(matches!(cut_short(ToolError::Cancelled, Some(call)), ToolError::Cancelled));
    }

    #[test]
    fn the_ledger_hears_of_each_end_what_is_certain() {
        let limit = Duration::from_secs(1);
        let call = CallId::generate();
        for (error, read, write) in [
            (None, Outcome::Ok, Outcome::Ok),
            (Some(ToolError::Cancelled), Outcome::Cancelled, Outcome::Cancelled),
            (Some(ToolError::TimedOut(limit)), Outcome::Failed, Outcome::Unknown),
            (Some(ToolError::CutShort { limit, call }), Outcome::Unknown, Outcome::Unknown),
            (Some(ToolError::Internal), Outcome::Failed, Outcome::Unknown),
            (Some(ToolError::argument("sort", "is wrong")), Outcome::Failed, Outcome::Failed),
        ] {
            assert_eq!(outcome(error.as_ref(), Kind::Read), read, "{error:?}");
            for kind in [Kind::Write, Kind::Destructive] {
                assert_eq!(outcome(error.as_ref(), kind), write, "{error:?}");
            }
        }
    }
}
