use crate::{
    guard::{Action, AttemptsRule, FOR_OWNER, IN_CLIENT, LimitAccount, Person, Read, ToolAccount, Unit, Way},
    tools::{self, Tool, call::Call, error::ToolError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::{Duration, UNIX_EPOCH};

/// Show what this client may do here and how much is left of each limit: a line for every tool, or with tool all the rules
/// of that one. Reads the policy and the ledger only, and needs no Plex server.
#[derive(JsonSchema)]
pub(super) struct GetPolicy;

/// What to look at.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The name of one tool, to see all its rules with what is left of each limit.
    tool: Option<String>,
}

/// How the policy stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Out {
    /// The policy in force.
    policy: PolicyInForce,
    /// The grant that this client's calls are judged and counted under.
    grant: String,
    /// The gate that counts every call, refused ones too, for each kind of tool by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Attempts>,
    /// How a person approves the calls of those tools that ask.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approvals: Vec<ApprovalRow>,
    /// The tools that are listed to this client, by group.
    tools: Vec<ToolRow>,
    /// How far the ledger of all calls goes.
    ledger: LedgerHead,
}

/// The policy in force.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PolicyInForce {
    /// Where it was read from.
    source: String,
    /// The first 16 hexadecimal digits of the SHA-256 of its text.
    hash: String,
    /// Since when it rules, in seconds since 1970.
    loaded_at: u64,
    /// allow, ask or deny: what becomes of tools that no rule names.
    default: String,
    /// Why what is in the place of its file now is not taken. Absent where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Whether everything that changes something is refused, because its file is gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    refuses_changes: bool,
}

/// The gate of attempts.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Attempts {
    /// Attempts in a window.
    max: u64,
    /// The window's length.
    window_seconds: u64,
    /// Attempts at once.
    burst: u32,
}

/// A way of approving calls.
#[derive(Serialize, JsonSchema)]
struct ApprovalRow {
    /// client, terminal or command.
    by: &'static str,
    /// What happens, and what the person has to do.
    how: String,
}

/// A tool and what becomes of its calls.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ToolRow {
    /// Its name.
    name: String,
    /// read, write or destructive.
    kind: String,
    /// Whom it talks to, such as plex or trakt.
    service: String,
    /// allow; ask, where a person approves each call; or deny.
    action: String,
    /// Where it asks, how: client, terminal or command.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<&'static str>,
    /// How many calls the limits leave it now. Absent where nothing limits its calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls_left: Option<u64>,
    /// Seconds until there is one again. Absent where there is one, or never will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    more_in_seconds: Option<u64>,
    /// How many conditions its calls have to meet.
    #[serde(skip_serializing_if = "is_zero")]
    condition_count: usize,
    /// The rules of the one tool that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Rules>,
}

/// The rules of a tool. A place is a JSON pointer into the policy.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Rules {
    /// The place that decides about the action.
    action_at: String,
    /// What the policy says where it refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<String>,
    /// What its calls have to meet, in the order in which they are asked.
    conditions: Vec<Condition>,
    /// What its calls take from.
    limits: Vec<LimitRow>,
}

/// A condition.
#[derive(Serialize, JsonSchema)]
struct Condition {
    /// Its place.
    at: String,
    /// What it asks of which argument or fact.
    asks: String,
}

/// A limit.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LimitRow {
    /// Its place.
    at: String,
    /// What it says.
    says: String,
    /// calls, items or bytes.
    of: String,
    /// How much any window may hold.
    max: u64,
    /// The window's length.
    window_seconds: u64,
    /// grant or server: whose calls are counted together.
    scope: String,
    /// How much is left now.
    left: u64,
    /// Seconds until something is left again.
    #[serde(skip_serializing_if = "Option::is_none")]
    more_in_seconds: Option<u64>,
}

/// The end of the ledger's chain: who keeps it sees later whether the ledger still goes as far.
#[derive(Serialize, JsonSchema)]
struct LedgerHead {
    /// Entries of the chain.
    entries: u64,
    /// The beginning of the last one's code, in hexadecimal digits.
    head: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Tool for GetPolicy {
    const NAME: &'static str = "get_policy";
    const TITLE: &'static str = "Show the policy";
    type Effect = Read;
    type Args = Args;
    type Out = Out;

    async fn run(call: &Call<'_, Read>, args: Args) -> Result<Out, ToolError> {
        let wanted = args.tool.as_deref();
        let subjects: Vec<_> =
            tools::all().iter().filter(|tool| wanted.is_none_or(|name| tool.name == name)).map(|t| t.subject).collect();
        let account = call.account(&subjects).await?;
        // One that is hidden is none, as everywhere.
        if wanted.is_some() && account.tools.is_empty() {
            return Err(ToolError::argument("tool", "is no tool of this server; leave it out to see all"));
        }
        let standing = &account.standing;
        let person = &call.caller().person;
        let tools: Vec<_> = account.tools.into_iter().map(|tool| ToolRow::of(tool, person, wanted.is_some())).collect();
        let occurs = |by: &&str| tools.iter().any(|tool| tool.approved_by == Some(*by));
        Ok(Out {
            policy: PolicyInForce {
                source: standing.source.to_string(),
                hash: standing.policy.hash().to_owned(),
                loaded_at: standing.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
                default: standing.policy.default_action().to_string(),
                problem: standing.problem.as_deref().map(ToOwned::to_owned),
                refuses_changes: standing.refuses_changes,
            },
            grant: account.grant.to_string(),
            attempts: account.attempts.map(Attempts::from),
            approvals: [CLIENT, TERMINAL, COMMAND].into_iter().filter(occurs).map(ApprovalRow::of).collect(),
            tools,
            ledger: LedgerHead { entries: account.chain.entries, head: account.chain.code },
        })
    }
}

impl From<AttemptsRule> for Attempts {
    fn from(rule: AttemptsRule) -> Self {
        Self { max: rule.max, window_seconds: rule.window.as_secs(), burst: rule.burst.get() }
    }
}

/// Its client asks its user.
const CLIENT: &str = "client";
/// Whoever sits at the terminal is asked there.
const TERMINAL: &str = "terminal";
/// The owner has to run a command.
const COMMAND: &str = "command";

/// How a call of the tool would be approved, by the same words as when it comes.
fn approved_by(tool: &ToolAccount, person: &Person) -> Option<&'static str> {
    (tool.action == Action::Ask).then(|| match (person.way(tool.approval), person) {
        (Way::Owner, _) => COMMAND,
        (_, Person::Present(ask)) if ask.is_owner() => TERMINAL,
        _ => CLIENT,
    })
}

impl ApprovalRow {
    fn of(by: &'static str) -> Self {
        let how = match by {
            CLIENT => format!(
                "call the tool: the client shows its user what it would do, and there are {} seconds to say yes",
                IN_CLIENT.as_secs()
            ),
            TERMINAL => "call the tool: whoever sits at the terminal is asked there".to_owned(),
            _ => format!(
                "call the tool: it is refused with an approvalId, which the owner of this server can approve within {} \
                 minutes with `plex-mcp approve ID`; then make the same call again",
                FOR_OWNER.as_secs() / 60
            ),
        };
        Self { by, how }
    }
}

impl ToolRow {
    fn of(tool: ToolAccount, person: &Person, in_full: bool) -> Self {
        let approved_by = approved_by(&tool, person);
        let on_calls = || tool.limits.iter().filter(|left| left.limit.unit == Unit::Calls);
        let calls_left = on_calls().map(|left| left.left).min();
        // A call has to fit all limits, so the one that waits longest decides.
        let wait = on_calls().filter_map(|left| left.wait).max();
        let never = on_calls().any(|left| left.left == 0 && left.wait.is_none());
        Self {
            name: tool.subject.tool.to_owned(),
            kind: tool.subject.kind.to_string(),
            service: tool.subject.service.to_string(),
            action: tool.action.to_string(),
            approved_by,
            calls_left,
            more_in_seconds: wait.filter(|_| !never).map(seconds),
            condition_count: tool.conditions.len(),
            rules: in_full.then(|| Rules {
                action_at: tool.rule,
                says: tool.reason,
                conditions: tool
                    .conditions
                    .iter()
                    .map(|asked| Condition { at: asked.rule().to_owned(), asks: asked.text() })
                    .collect(),
                limits: tool.limits.iter().map(LimitRow::from).collect(),
            }),
        }
    }
}

impl From<&LimitAccount> for LimitRow {
    fn from(account: &LimitAccount) -> Self {
        let limit = &account.limit;
        Self {
            at: limit.rule.clone(),
            says: limit.to_string(),
            of: limit.unit.to_string(),
            max: limit.max,
            window_seconds: limit.window.as_secs(),
            scope: limit.scope.to_string(),
            left: account.left,
            more_in_seconds: account.wait.map(seconds),
        }
    }
}

/// Rounded up, so that who waits that long finds something.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
