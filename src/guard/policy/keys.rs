//! The keys of a policy: the one table that the reader checks texts against and the JSON schema is made of.

use super::{Action, Approval};
use crate::guard::{
    condition::Operator,
    limit::{LONGEST_WINDOW, Scope, Unit},
};

/// A petabyte, or as many calls: far from where sums of a counter could overflow.
pub(super) const MAX_AMOUNT: u64 = 1_000_000_000_000_000;

/// The most seconds that an export may be given.
pub(super) const MAX_SECONDS: u64 = 24 * 60 * 60;

/// The ledger's rows are kept at least as long as limits count back: the longest window, in days.
pub(super) const MIN_KEEP_DAYS: u64 = LONGEST_WINDOW.as_secs() / (24 * 60 * 60);

/// A century.
pub(super) const MAX_KEEP_DAYS: u64 = 36_500;

/// A key that a table may have.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) about: &'static str,
    pub(super) holds: Holds,
}

/// What a key holds.
pub(super) enum Holds {
    /// That text.
    Just(&'static str),
    /// One line of text.
    Line,
    /// Lines of text.
    Lines,
    /// A counter's name.
    Counter,
    /// What a condition looks at.
    Path,
    /// A text, a number, true, false, or a list of them.
    Operand,
    /// One of these texts.
    OneOf(fn() -> Vec<&'static str>),
    /// A window's name or its seconds.
    Window,
    /// A whole number in that range.
    Whole(u64, u64),
    /// True or false.
    Flag,
    /// `"*"`, or names of tools and `"*"`.
    Hidden,
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of tables with these keys.
    Tables(&'static [Key]),
    /// A table with these keys for each name.
    Each(Names, &'static [Key]),
}

/// What the keys of a table are names of.
#[derive(Clone, Copy)]
pub(super) enum Names {
    Kinds,
    Services,
    Tools,
    Grants,
}

const fn key(name: &'static str, holds: Holds, about: &'static str) -> Key {
    Key { name, required: false, about, holds }
}

const fn required(name: &'static str, holds: Holds, about: &'static str) -> Key {
    Key { name, required: true, about, holds }
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|&value| name(value)).collect()
}

fn actions() -> Vec<&'static str> {
    names(Action::ALL, Action::as_str)
}

fn approvals() -> Vec<&'static str> {
    names(Approval::ALL, Approval::as_str)
}

fn units() -> Vec<&'static str> {
    names(Unit::ALL, Unit::as_str)
}

fn scopes() -> Vec<&'static str> {
    names(Scope::ALL, Scope::as_str)
}

fn operators() -> Vec<&'static str> {
    names(Operator::ALL, Operator::as_str)
}

const WINDOW: Key = required("window", Holds::Window, "the window's length");
const MAX: Key = required("max", Holds::Whole(0, MAX_AMOUNT), "how much any window may hold; 0 means never");
const SCOPE: Key = key("scope", Holds::OneOf(scopes), "whose calls count together; server if not said");

/// A limit.
pub(super) const LIMIT: &[Key] = &[
    required("counter", Holds::Counter, "limits of the same counter count the same calls"),
    WINDOW,
    MAX,
    key("of", Holds::OneOf(units), "what is counted; calls if not said"),
    SCOPE,
    key("burst", Holds::Whole(1, u32::MAX as u64), "how many calls may come at once"),
];

/// The short form of a limit on calls.
pub(super) const RATE_LIMIT: &[Key] = &[MAX, WINDOW, SCOPE];

/// A condition.
pub(super) const CONDITION: &[Key] = &[
    required("path", Holds::Path, "args.NAME for an argument of the tool, or a fact such as item.library"),
    required("op", Holds::OneOf(operators), "how it is compared"),
    key("value", Holds::Operand, "what it is compared with; may be left out for exists"),
];

/// The gate in memory.
pub(super) const ATTEMPTS: &[Key] = &[
    WINDOW,
    required("max", Holds::Whole(1, u32::MAX as u64), "attempts a window, refused ones too"),
    key("burst", Holds::Whole(1, u32::MAX as u64), "attempts at once; as many as max if not said"),
];

const ACTION: Key = key("action", Holds::OneOf(actions), "what is done with calls");
const APPROVAL: Key =
    key("approval", Holds::OneOf(approvals), "where a person approves calls that ask; client if not said");
const REASON: Key = key("reason", Holds::Line, "told where the action refuses");
const ON_DENY: Key = key("on_deny", Holds::Line, "told where anything in this block refuses");
const REQUIRE: Key = key("require", Holds::Tables(CONDITION), "calls of which one of these does not hold are refused");
const DENY_IF: Key = key("deny_if", Holds::Tables(CONDITION), "calls of which one of these holds are refused");
const LIMITS: Key = key("limits", Holds::Tables(LIMIT), "a call has to fit all of them");
const RATE: Key =
    key("rate_limit", Holds::Table(RATE_LIMIT), "a limit on calls whose counter is named after the block");
const LOG_ARGS: Key = key("log_args", Holds::Flag, "whether the ledger keeps the values of arguments");

/// What holds for a kind or a service.
pub(super) const BLOCK: &[Key] = &[ACTION, APPROVAL, REASON, ON_DENY, REQUIRE, DENY_IF, LIMITS, RATE];

/// What holds for a tool.
pub(super) const TOOL: &[Key] = &[ACTION, APPROVAL, REASON, ON_DENY, REQUIRE, DENY_IF, LIMITS, RATE, LOG_ARGS];

/// What holds for all tools.
pub(super) const ALL_TOOLS: &[Key] = &[
    key("attempts", Holds::Table(ATTEMPTS), "a gate in memory, for each grant and kind"),
    APPROVAL,
    LIMITS,
    RATE,
    REQUIRE,
    DENY_IF,
    ON_DENY,
    LOG_ARGS,
];

const KINDS: Key = key("kinds", Holds::Each(Names::Kinds, BLOCK), "rules for tools by what they may do");
const SERVICES: Key = key("services", Holds::Each(Names::Services, BLOCK), "rules for tools by whom they talk to");
const TOOLS: Key = key("tools", Holds::Each(Names::Tools, TOOL), "rules for single tools");

/// What holds for the calls of one grant.
pub(super) const GRANT: &[Key] =
    &[ACTION, APPROVAL, REASON, ON_DENY, REQUIRE, DENY_IF, LIMITS, RATE, KINDS, SERVICES, TOOLS];

/// Caps of exports.
pub(super) const EXPORTS: &[Key] = &[
    key("max_items", Holds::Whole(1, MAX_AMOUNT), "items in one export"),
    key("max_bytes", Holds::Whole(1, MAX_AMOUNT), "bytes of one export"),
    key("max_files", Holds::Whole(1, MAX_AMOUNT), "files in the exports directory"),
    key("max_total_bytes", Holds::Whole(1, MAX_AMOUNT), "bytes of all files in the exports directory"),
    key("min_free_bytes", Holds::Whole(0, MAX_AMOUNT), "bytes that must stay free on the disk"),
    key("max_seconds", Holds::Whole(1, MAX_SECONDS), "seconds that one export may take"),
    key("redact", Holds::Lines, "fields that never reach the disk, such as Media.Part.file"),
];

/// The ledger.
pub(super) const LEDGER: &[Key] = &[key(
    "keep_days",
    Holds::Whole(MIN_KEEP_DAYS, MAX_KEEP_DAYS),
    "rows that are older are deleted; all are kept if not said",
)];

/// The policy.
pub(super) const ROOT: &[Key] = &[
    required("version", Holds::Just("1"), "the language's version"),
    key("default", Holds::OneOf(actions), "what is done with tools that nothing names; deny if not said"),
    key("hide", Holds::Hidden, "tools to neither list nor run; \"*\" hides whatever is refused outright"),
    key("all_tools", Holds::Table(ALL_TOOLS), "rules for every tool"),
    KINDS,
    SERVICES,
    TOOLS,
    key("grants", Holds::Each(Names::Grants, GRANT), "rules for the calls of one grant, laid on top of the others"),
    key("exports", Holds::Table(EXPORTS), "an export stops at these, and nothing is published"),
    key("ledger", Holds::Table(LEDGER), "what becomes of the ledger's rows"),
];
