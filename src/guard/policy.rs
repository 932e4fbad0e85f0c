//! The policy: a text in TOML or JSON, read once, understood in full or refused in full, and resolved into one verdict a
//! tool and grant, so that judging a call is a lookup.

mod block;
mod conditions;
mod document;
mod error;
mod json;
mod keys;
mod limits;
mod reader;
mod resolve;
mod schema;
mod succession;
mod tree;

pub use error::{PolicyError, PolicyErrors};

use super::{
    catalogue::Catalogue,
    condition::{Condition, Says},
    limit::Limit,
    names::named,
    plan::Facts,
    subject::{Kind, Subject},
};
use document::{Document, Level};
use reader::Reader;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::{collections::HashMap, fmt::Write, num::NonZeroU32, sync::Arc, time::Duration};

/// The policy as shipped: it rules where no file is found.
pub const SHIPPED: &str = include_str!("../../policy.toml");

/// Larger texts are no policies; they are refused before they are parsed.
const MAX_BYTES: usize = 1 << 20;

named! {
    /// What the policy does with a tool.
    pub enum Action {
        /// The call may go on to the limits.
        Allow = "allow",
        /// A person has to approve each call.
        Ask = "ask",
        /// The call is refused.
        Deny = "deny",
    }
}

named! {
    /// Where a person approves the calls of a tool whose action is to ask.
    pub enum Approval {
        /// In the client, where it can put a question; else from the command line. That a client says yes is no proof that a
        /// person did.
        Client = "client",
        /// From the command line, by whoever can read the ledger and its key, whatever the client says.
        OutOfBand = "out_of_band",
    }
}

/// What the policy says of one tool.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The tool.
    pub subject: Subject,
    /// What is done with its calls.
    pub action: Action,
    /// Where a person approves its calls, if they ask.
    pub approval: Approval,
    /// Whether the action comes from the policy's default, because no block states one.
    pub by_default: bool,
    /// Whether it is neither listed nor callable.
    pub hidden: bool,
    /// The rule that decides, as a JSON pointer into the policy.
    pub rule: String,
    /// What the policy wants said, where it refuses: the deciding block's `on_deny`, or else its `reason`.
    pub reason: Option<String>,
    /// The blocks that match, the most specific first: the grant's own for the tool, its service, its kind and all its calls,
    /// then the policy's for the tool, its service, its kind and all tools.
    pub blocks: Vec<Matched>,
    /// What its calls have to meet, in the order of the blocks and of the text.
    pub conditions: Vec<Arc<Condition>>,
    /// The limits its calls take from, in the order of the blocks.
    pub limits: Vec<Arc<Limit>>,
    /// Whether the ledger keeps the values of its arguments.
    pub log_args: bool,
}

impl Verdict {
    /// What is told of a call that a person has to approve: the policy's own reason, where it gives one, and `text`.
    pub(super) fn asks_because(&self, text: &str) -> String {
        self.reason.as_ref().map_or_else(|| text.to_owned(), |own| format!("{own}: {text}"))
    }

    /// The first condition that refuses a call with these arguments, which are as they were decoded, defaults filled in.
    /// What conditions say of facts is not known yet.
    pub fn refused_by(&self, arguments: &Map<String, Value>) -> Option<&Condition> {
        self.conditions.iter().map(Arc::as_ref).find(|condition| condition.of_arguments(arguments) != Says::Pass)
    }

    /// The first condition that refuses a call with these facts, and what it says.
    pub(super) fn refused_by_facts(&self, facts: &Facts) -> Option<(&Condition, Says)> {
        let mut says = self.conditions.iter().map(|condition| (condition.as_ref(), condition.of_facts(facts)));
        says.find(|(_, says)| *says != Says::Pass)
    }
}

/// A block of the policy that matches a tool.
#[derive(Clone, Debug)]
pub struct Matched {
    /// Its JSON pointer.
    pub at: String,
    /// The action it states.
    pub action: Option<Action>,
}

/// The caps of every export: it stops there and publishes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportCaps {
    /// Items in one export.
    pub max_items: u64,
    /// Bytes of one export.
    pub max_bytes: u64,
    /// Files in the exports directory.
    pub max_files: u64,
    /// Bytes of all files in the exports directory.
    pub max_total_bytes: u64,
    /// Bytes that must stay free on the disk.
    pub min_free_bytes: u64,
    /// Seconds that one export may take.
    pub max_seconds: u64,
    /// Fields that never reach the disk, such as `Media.Part.file`.
    pub redact: Vec<String>,
}

impl Default for ExportCaps {
    fn default() -> Self {
        Self {
            max_items: 5_000_000,
            max_bytes: 10_000_000_000,
            max_files: 1_000,
            max_total_bytes: 100_000_000_000,
            min_free_bytes: 1_000_000_000,
            max_seconds: 3_600,
            redact: Vec::new(),
        }
    }
}

/// The policy's `attempts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptsRule {
    /// The window's length.
    pub window: Duration,
    /// Attempts in a window.
    pub max: u64,
    /// Attempts at once.
    pub burst: NonZeroU32,
}

type Verdicts = HashMap<&'static str, Verdict>;

/// A policy that was understood.
#[derive(Debug)]
pub struct Policy {
    hash: String,
    default: Action,
    verdicts: Verdicts,
    grants: HashMap<String, Verdicts>,
    attempts: Option<AttemptsRule>,
    exports: ExportCaps,
    keep_days: Option<u64>,
    warnings: Vec<String>,
}

impl Policy {
    /// Reads a policy for the given tools. It is refused with every error it has: a key, tool, kind, service, argument, fact
    /// or word that is not known is one, so that nothing is served under a policy that was not understood.
    pub fn parse<'a>(text: &str, tools: impl Into<Catalogue<'a>>) -> Result<Self, PolicyErrors> {
        let catalogue = tools.into();
        if text.len() > MAX_BYTES {
            let message = format!("the policy has {} bytes, more than the {MAX_BYTES} that are read", text.len());
            return Err(PolicyErrors(vec![PolicyError { line: 1, column: 1, path: String::new(), message }]));
        }
        let mut reader = Reader::new(text);
        let tree = reader.parse()?;
        let document = Document::read(&mut reader, &tree, catalogue);
        reader.finish()?;
        let mut hash = String::with_capacity(16);
        for byte in Sha256::digest(text.as_bytes()).iter().take(8) {
            // Writing to a String can't fail.
            let _ = write!(hash, "{byte:02x}");
        }
        let verdicts = |grant: Option<&Level>| -> Verdicts {
            catalogue.subjects().iter().map(|&s| (s.tool, resolve::verdict(&document, grant, s))).collect()
        };
        Ok(Self {
            hash,
            default: document.default,
            verdicts: verdicts(None),
            grants: document.grants.iter().map(|(name, level)| (name.clone(), verdicts(Some(level)))).collect(),
            attempts: document.attempts,
            exports: document.exports,
            keep_days: document.keep_days,
            warnings: document.warnings,
        })
    }

    /// The policy as shipped. Where the given tools lack one that it names, everything is refused, and the warnings say
    /// why.
    pub fn shipped<'a>(tools: impl Into<Catalogue<'a>>) -> Self {
        Self::parse(SHIPPED, tools).unwrap_or_else(|errors| Self {
            hash: "0".repeat(16),
            default: Action::Deny,
            verdicts: HashMap::new(),
            grants: HashMap::new(),
            attempts: None,
            exports: ExportCaps::default(),
            keep_days: None,
            warnings: vec![format!("the policy as shipped does not fit the tools, so all are refused: {errors}")],
        })
    }

    /// A JSON Schema (2020-12) of policies, for editors.
    pub fn schema<'a>(tools: impl Into<Catalogue<'a>>) -> Value {
        schema::of(tools.into())
    }

    /// The first 16 hexadecimal digits of the SHA-256 of the policy's text.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What the policy says of that tool for calls of that grant; nothing where the tool is not known. A grant that the
    /// policy does not name gets what holds for all.
    pub fn verdict(&self, grant: &str, tool: &str) -> Option<&Verdict> {
        self.of_grant(grant).get(tool)
    }

    fn of_grant(&self, grant: &str) -> &Verdicts {
        self.grants.get(grant).unwrap_or(&self.verdicts)
    }

    /// Whether both say the same of every tool and grant, wherever and in whichever language it is written.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let rules = |policy: &Self| {
            let mut grants: Vec<&str> = policy.grants.keys().map(String::as_str).collect();
            grants.sort_unstable();
            let verdicts = std::iter::once(&policy.verdicts).chain(grants.iter().map(|grant| policy.of_grant(grant)));
            let mut rules: Vec<Vec<String>> = verdicts.map(|all| all.values().map(resolve::shown).collect()).collect();
            for rules in &mut rules {
                rules.sort_unstable();
            }
            (format!("{grants:?} {:?} {:?} {:?}", policy.attempts, policy.exports, policy.keep_days), rules)
        };
        rules(self) == rules(other)
    }

    /// What is done with tools that no rule names.
    pub fn default_action(&self) -> Action {
        self.default
    }

    /// The caps of exports.
    pub fn exports(&self) -> &ExportCaps {
        &self.exports
    }

    /// For how many days the ledger keeps its rows; all of them where it is not said.
    pub fn keep_days(&self) -> Option<u64> {
        self.keep_days
    }

    /// What is allowed in a policy but probably not meant, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn attempts(&self) -> Option<AttemptsRule> {
        self.attempts
    }

    pub(super) fn verdicts(&self, grant: &str) -> impl Iterator<Item = &Verdict> {
        self.of_grant(grant).values()
    }
}

/// The kinds whose calls state items and bytes.
fn states_amounts(kind: Kind) -> bool {
    kind != Kind::Read
}

#[cfg(test)]
mod tests;
