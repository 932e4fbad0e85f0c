//! The whole policy as it is written, before its blocks are laid on top of one another.

use super::{
    Action, AttemptsRule, ExportCaps,
    block::{Block, Blocks, Reach},
    keys::{self, MAX_AMOUNT, MAX_KEEP_DAYS, MAX_SECONDS, MIN_KEEP_DAYS},
    reader::{Node, Reader, Table},
    tree::Written,
};
use crate::guard::{
    catalogue::Catalogue,
    subject::{Kind, Service},
};
use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
};

/// The blocks of one level: the policy's own, or those of a grant.
#[derive(Debug, Default)]
pub(super) struct Level {
    /// What holds for all of its calls.
    pub(super) all: Option<Block>,
    pub(super) kinds: HashMap<Kind, Block>,
    pub(super) services: HashMap<Service, Block>,
    pub(super) tools: HashMap<String, Block>,
}

/// The whole policy, as it is written.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) default: Action,
    pub(super) hide: HashSet<String>,
    pub(super) hide_refused: bool,
    pub(super) attempts: Option<AttemptsRule>,
    pub(super) level: Level,
    pub(super) grants: HashMap<String, Level>,
    pub(super) exports: ExportCaps,
    pub(super) keep_days: Option<u64>,
    pub(super) warnings: Vec<String>,
}

impl Document {
    /// Reads as much as is right; the reader keeps the faults.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, tree: &'a Written, catalogue: Catalogue<'_>) -> Self {
        let mut blocks = Blocks::new(catalogue);
        let mut document = Self {
            default: Action::Deny,
            hide: HashSet::new(),
            hide_refused: false,
            attempts: None,
            level: Level::default(),
            grants: HashMap::new(),
            exports: ExportCaps::default(),
            keep_days: None,
            warnings: Vec::new(),
        };
        let Some(root) = reader.table(&Node::root(tree)) else { return document };
        reader.keys(&root, keys::ROOT);
        if let Some(version) = reader.required(&root, "version")
            && !Reader::is_text(&version, "1")
        {
            reader.reject(&version, "must be \"1\", the only version there is");
        }
        if let Some(default) = reader.read_at(&root, "default", |r, node| r.choice(node, Action::ALL, Action::as_str)) {
            document.default = default;
        }
        document.read_hide(reader, &root, catalogue);

        let all_tools = reader.table_at(&root, "all_tools");
        blocks.may_be_relaxed = root.get("grants").is_some();
        document.level = blocks.level(reader, &root);
        blocks.may_be_relaxed = false;
        if let Some(table) = all_tools {
            reader.keys(&table, keys::ALL_TOOLS);
            document.attempts = reader.table_at(&table, "attempts").and_then(|table| read_attempts(reader, &table));
            document.level.all = Some(blocks.block(reader, &table, &Reach::all(catalogue)));
        }
        if let Some(table) = reader.table_at(&root, "grants") {
            for (name, _, node) in table.entries() {
                if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
                    reader.reject(&node, "a grant's name has from 1 to 64 characters");
                }
                if let Some(table) = reader.table(&node) {
                    reader.keys(&table, keys::GRANT);
                    let mut level = blocks.level(reader, &table);
                    level.all = Some(blocks.block(reader, &table, &Reach::all(catalogue)));
                    document.grants.insert(name.to_owned(), level);
                }
            }
        }
        if let Some(table) = reader.table_at(&root, "exports") {
            document.exports = read_exports(reader, &table);
        }
        if let Some(table) = reader.table_at(&root, "ledger") {
            reader.keys(&table, keys::LEDGER);
            let days = table.get("keep_days");
            document.keep_days = days.and_then(|node| reader.whole(&node, MIN_KEEP_DAYS..=MAX_KEEP_DAYS));
        }
        document.warnings = blocks.into_warnings(reader);
        document
    }

    fn read_hide<'a>(&mut self, reader: &mut Reader<'a>, root: &Table<'a>, catalogue: Catalogue<'_>) {
        let names: Vec<&str> = catalogue.subjects().iter().map(|subject| subject.tool).collect();
        let Some(node) = root.get("hide") else { return };
        let listed = if Reader::is_text(&node, "*") { vec![node] } else { reader.list(&node).unwrap_or_default() };
        for node in listed {
            if Reader::is_text(&node, "*") {
                self.hide_refused = true;
            } else {
                self.hide.extend(reader.known_text(&node, "tool", &names).map(ToOwned::to_owned));
            }
        }
    }
}

fn read_attempts<'a>(reader: &mut Reader<'a>, table: &Table<'a>) -> Option<AttemptsRule> {
    reader.keys(table, keys::ATTEMPTS);
    let window = reader.required(table, "window").and_then(|node| reader.window(&node));
    let max = reader.required(table, "max").and_then(|node| reader.whole(&node, 1..=u64::from(u32::MAX)));
    let burst = match table.get("burst") {
        Some(node) => reader.whole(&node, 1..=max.unwrap_or(u64::from(u32::MAX))),
        None => max,
    };
    Some(AttemptsRule { window: window?, max: max?, burst: NonZeroU32::new(u32::try_from(burst?).ok()?)? })
}

fn read_exports<'a>(reader: &mut Reader<'a>, table: &Table<'a>) -> ExportCaps {
    reader.keys(table, keys::EXPORTS);
    let mut caps = ExportCaps::default();
    let mut cap = |key: &str, range, into: &mut u64| {
        if let Some(value) = table.get(key).and_then(|node| reader.whole(&node, range)) {
            *into = value;
        }
    };
    cap("max_items", 1..=MAX_AMOUNT, &mut caps.max_items);
    cap("max_bytes", 1..=MAX_AMOUNT, &mut caps.max_bytes);
    cap("max_files", 1..=MAX_AMOUNT, &mut caps.max_files);
    cap("max_total_bytes", 1..=MAX_AMOUNT, &mut caps.max_total_bytes);
    cap("min_free_bytes", 0..=MAX_AMOUNT, &mut caps.min_free_bytes);
    cap("max_seconds", 1..=MAX_SECONDS, &mut caps.max_seconds);
    if let Some(node) = table.get("redact") {
        let fields = reader.list(&node).unwrap_or_default();
        caps.redact = fields.iter().filter_map(|field| reader.sentence(field)).collect();
    }
    caps
}
