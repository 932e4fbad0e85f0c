//! The policy: a TOML text, read once, understood in full or refused in full, and resolved into one verdict a tool, so
//! that judging a call is a lookup.

mod document;
mod error;
mod reader;
mod resolve;

pub use error::{PolicyError, PolicyErrors};

use super::{
    limit::Limit,
    names::named,
    subject::{Kind, Subject},
};
use document::Document;
use reader::Reader;
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

/// What the policy says of one tool.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The tool.
    pub subject: Subject,
    /// What is done with its calls.
    pub action: Action,
    /// Whether the action comes from the policy's default, because no block states one.
    pub by_default: bool,
    /// Whether it is neither listed nor callable.
    pub hidden: bool,
    /// The rule that decides, as a JSON pointer into the policy.
    pub rule: String,
    /// What the policy wants said, where it refuses: the deciding block's `on_deny`, or else its `reason`.
    pub reason: Option<String>,
    /// The limits its calls take from: the tool's own first, then its service's, its kind's, and those of all tools.
    pub limits: Vec<Arc<Limit>>,
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
            min_free_bytes: 1_000_000_000,
            max_seconds: 3_600,
            redact: Vec::new(),
        }
    }
}

/// The policy's `attempts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttemptsRule {
    pub(super) window: Duration,
    pub(super) max: u64,
    pub(super) burst: NonZeroU32,
}

/// A policy that was understood.
#[derive(Debug)]
pub struct Policy {
    hash: String,
    verdicts: HashMap<&'static str, Verdict>,
    attempts: Option<AttemptsRule>,
    exports: ExportCaps,
    warnings: Vec<String>,
}

impl Policy {
    /// Reads a policy for the given tools. It is refused with every error it has: a key, tool, kind, service or word that
    /// is not known is one, so that nothing is served under a policy that was not understood.
    pub fn parse(text: &str, subjects: &[Subject]) -> Result<Self, PolicyErrors> {
        if text.len() > MAX_BYTES {
            let message = format!("the policy has {} bytes, more than the {MAX_BYTES} that are read", text.len());
            return Err(PolicyErrors(vec![PolicyError { line: 1, column: 1, path: String::new(), message }]));
        }
        let mut reader = Reader::new(text);
        let tree = reader.parse()?;
        let document = Document::read(&mut reader, tree.get_ref(), subjects);
        reader.finish()?;
        let mut hash = String::with_capacity(16);
        for byte in Sha256::digest(text.as_bytes()).iter().take(8) {
            // Writing to a String can't fail.
            let _ = write!(hash, "{byte:02x}");
        }
        Ok(Self {
            hash,
            verdicts: subjects.iter().map(|&s| (s.tool, resolve::verdict(&document, s))).collect(),
            attempts: document.attempts,
            exports: document.exports,
            warnings: document.warnings,
        })
    }

    /// The policy as shipped. Where the given tools lack one that it names, everything is refused, and the warnings say
    /// why.
    pub fn shipped(subjects: &[Subject]) -> Self {
        Self::parse(SHIPPED, subjects).unwrap_or_else(|errors| Self {
            hash: "0".repeat(16),
            verdicts: HashMap::new(),
            attempts: None,
            exports: ExportCaps::default(),
            warnings: vec![format!("the policy as shipped does not fit the tools, so all are refused: {errors}")],
        })
    }

    /// The first 16 hexadecimal digits of the SHA-256 of the policy's text.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What the policy says of that tool; nothing where the tool is not known.
    pub fn verdict(&self, tool: &str) -> Option<&Verdict> {
        self.verdicts.get(tool)
    }

    /// The caps of exports.
    pub fn exports(&self) -> &ExportCaps {
        &self.exports
    }

    /// What is allowed in a policy but probably not meant, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn attempts(&self) -> Option<AttemptsRule> {
        self.attempts
    }

    pub(super) fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.values()
    }
}

/// The kinds whose calls state items and bytes.
fn states_amounts(kind: Kind) -> bool {
    kind != Kind::Read
}

#[cfg(test)]
mod tests;
