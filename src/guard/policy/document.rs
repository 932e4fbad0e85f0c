//! The policy's blocks as they are written, before they are laid on top of one another.

use super::{
    Action, AttemptsRule, ExportCaps,
    reader::{Node, Reader, Table},
    states_amounts,
};
use crate::guard::{
    gate::Burst,
    limit::{Limit, Scope, Unit},
    subject::{Kind, Service, Subject},
};
use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
    sync::Arc,
};
use toml::de::DeTable;

/// A petabyte, or as many calls: far from where sums of a counter could overflow.
const MAX_AMOUNT: u64 = 1_000_000_000_000_000;

/// What a `kinds`, `services` or `tools` block says.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) at: String,
    pub(super) action: Option<Action>,
    pub(super) reason: Option<String>,
    pub(super) limits: Vec<Arc<Limit>>,
}

/// The whole policy, as it is written.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) default: Action,
    pub(super) hide: HashSet<String>,
    pub(super) hide_refused: bool,
    pub(super) attempts: Option<AttemptsRule>,
    pub(super) all_tools: Vec<Arc<Limit>>,
    pub(super) kinds: HashMap<Kind, Block>,
    pub(super) services: HashMap<Service, Block>,
    pub(super) tools: HashMap<String, Block>,
    pub(super) exports: ExportCaps,
    pub(super) warnings: Vec<String>,
}

impl Document {
    /// Reads as much as is right; the reader keeps the faults.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, tree: &'a DeTable<'a>, subjects: &[Subject]) -> Self {
        let root = Table::root(tree);
        let names: Vec<&str> = subjects.iter().map(|s| s.tool).collect();
        let mut limits = Limits::default();
        reader.known(
            &root,
            "key",
            &["version", "default", "hide", "all_tools", "kinds", "services", "tools", "exports"],
        );
        if let Some(version) = reader.required(&root, "version")
            && !Reader::is_text(&version, "1")
        {
            reader.reject(&version, "must be \"1\", the only version there is");
        }
        let default = root.get("default").and_then(|node| reader.choice(&node, Action::ALL, Action::as_str));
        let mut hide = HashSet::new();
        let mut hide_refused = false;
        if let Some(node) = root.get("hide") {
            let listed = if Reader::is_text(&node, "*") { vec![node] } else { reader.list(&node).unwrap_or_default() };
            for node in listed {
                if Reader::is_text(&node, "*") {
                    hide_refused = true;
                } else {
                    hide.extend(reader.known_text(&node, "tool", &names).map(ToOwned::to_owned));
                }
            }
        }

        let mut attempts = None;
        let mut all_tools = Vec::new();
        if let Some(table) = reader.table_at(&root, "all_tools") {
            reader.known(&table, "key", &["attempts", "limits"]);
            attempts = reader.table_at(&table, "attempts").and_then(|table| read_attempts(reader, &table));
            all_tools = limits.read(reader, &table, None, None);
        }

        let mut kinds = HashMap::new();
        if let Some(table) = reader.table_at(&root, "kinds") {
            reader.known(&table, "kind", &Kind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>());
            for &kind in Kind::ALL {
                if let Some(block) = reader.table_at(&table, kind.as_str()) {
                    kinds.insert(kind, limits.read_block(reader, &block, Some(kind)));
                }
            }
        }
        let mut services = HashMap::new();
        if let Some(table) = reader.table_at(&root, "services") {
            reader.known(&table, "service", &Service::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>());
            for &service in Service::ALL {
                if let Some(block) = reader.table_at(&table, service.as_str()) {
                    services.insert(service, limits.read_block(reader, &block, None));
                }
            }
        }
        let mut tools = HashMap::new();
        if let Some(table) = reader.table_at(&root, "tools") {
            reader.known(&table, "tool", &names);
            for (tool, _, node) in table.entries() {
                let kind = subjects.iter().find(|s| s.tool == tool).map(|s| s.kind);
                if let Some(block) = reader.table(&node) {
                    tools.insert(tool.to_owned(), limits.read_block(reader, &block, kind));
                }
            }
        }
        let exports = reader.table_at(&root, "exports").map(|table| read_exports(reader, &table)).unwrap_or_default();

        Self {
            default: default.unwrap_or(Action::Deny),
            hide,
            hide_refused,
            attempts,
            all_tools,
            kinds,
            services,
            tools,
            exports,
            warnings: limits.warnings,
        }
    }
}

/// What the limits of a policy have to agree on, gathered while they are read.
#[derive(Default)]
struct Limits {
    units: HashMap<String, Unit>,
    warnings: Vec<String>,
}

impl Limits {
    fn read_block<'a>(&mut self, reader: &mut Reader<'a>, table: &Table<'a>, kind: Option<Kind>) -> Block {
        reader.known(table, "key", &["action", "reason", "on_deny", "limits"]);
        let action = table.get("action").and_then(|node| reader.choice(&node, Action::ALL, Action::as_str));
        let reason = table.get("reason").and_then(|node| reader.sentence(&node));
        let on_deny = table.get("on_deny").and_then(|node| reader.sentence(&node));
        let limits = self.read(reader, table, kind, on_deny.as_deref());
        Block { at: table.at.clone(), action, reason: on_deny.or(reason), limits }
    }

    fn read<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        table: &Table<'a>,
        kind: Option<Kind>,
        on_deny: Option<&str>,
    ) -> Vec<Arc<Limit>> {
        let nodes = table.get("limits").and_then(|node| reader.list(&node)).unwrap_or_default();
        nodes.iter().filter_map(|node| self.read_limit(reader, node, kind, on_deny)).map(Arc::new).collect()
    }

    fn read_limit<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        node: &Node<'a>,
        kind: Option<Kind>,
        on_deny: Option<&str>,
    ) -> Option<Limit> {
        let table = reader.table(node)?;
        reader.known(&table, "key", &["counter", "window", "max", "of", "scope", "burst"]);
        let counter = reader.required(&table, "counter").and_then(|node| read_counter(reader, &node));
        let window = reader.required(&table, "window").and_then(|node| reader.window(&node));
        let max = reader.required(&table, "max").and_then(|node| reader.whole(&node, 0..=MAX_AMOUNT));
        let unit = match table.get("of") {
            Some(of) => reader.choice(&of, Unit::ALL, Unit::as_str),
            None => Some(Unit::Calls),
        };
        let scope = match table.get("scope") {
            Some(scope) => reader.choice(&scope, Scope::ALL, Scope::as_str),
            // The stricter of the two.
            None => Some(Scope::Server),
        };
        let burst = table.get("burst");
        let burst_calls = match &burst {
            Some(node) => Some(reader.whole(node, 1..=max.unwrap_or(MAX_AMOUNT).clamp(1, u64::from(u32::MAX)))?),
            None => None,
        };
        let (counter, window, max, unit, scope) = (counter?, window?, max?, unit?, scope?);

        let first = *self.units.entry(counter.clone()).or_insert(unit);
        if first != unit {
            reader.reject(node, format!("counter `{counter}` counts {first} elsewhere, so it can't count {unit} here"));
        }
        if unit != Unit::Calls && kind.is_some_and(|kind| !states_amounts(kind)) {
            reader.reject(
                node,
                format!("reads change no items and write no bytes, so a limit of {unit} would never count"),
            );
        }
        if unit != Unit::Calls
            && let Some(burst) = &burst
        {
            reader.reject(burst, "spreads calls, so it does not go with `of`");
        }
        if max == 0 {
            let line = reader.line(node);
            self.warnings.push(format!("line {line}: {}: max = 0 refuses every call", node.at));
        }
        let burst = burst_calls
            .and_then(|calls| NonZeroU32::new(u32::try_from(calls).ok()?))
            .and_then(|calls| Burst::new(window, max, calls, scope));
        let on_deny = on_deny.map(ToOwned::to_owned);
        Some(Limit { counter, unit, window, max, scope, rule: node.at.clone(), on_deny, burst })
    }
}

fn read_counter<'a>(reader: &mut Reader<'a>, node: &Node<'a>) -> Option<String> {
    let name = reader.text(node)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        reader.reject(node, "must be a name of up to 64 letters, digits, `_`, `-` and `.`");
        return None;
    }
    Some(name.to_owned())
}

fn read_attempts<'a>(reader: &mut Reader<'a>, table: &Table<'a>) -> Option<AttemptsRule> {
    reader.known(table, "key", &["window", "max", "burst"]);
    let window = reader.required(table, "window").and_then(|node| reader.window(&node));
    let max = reader.required(table, "max").and_then(|node| reader.whole(&node, 1..=u64::from(u32::MAX)));
    let burst = match table.get("burst") {
        Some(node) => reader.whole(&node, 1..=max.unwrap_or(u64::from(u32::MAX))),
        None => max,
    };
    Some(AttemptsRule { window: window?, max: max?, burst: NonZeroU32::new(u32::try_from(burst?).ok()?)? })
}

fn read_exports<'a>(reader: &mut Reader<'a>, table: &Table<'a>) -> ExportCaps {
    reader.known(table, "key", &["max_items", "max_bytes", "max_files", "min_free_bytes", "max_seconds", "redact"]);
    let mut caps = ExportCaps::default();
    let mut cap = |key: &str, range, into: &mut u64| {
        if let Some(value) = table.get(key).and_then(|node| reader.whole(&node, range)) {
            *into = value;
        }
    };
    cap("max_items", 1..=MAX_AMOUNT, &mut caps.max_items);
    cap("max_bytes", 1..=MAX_AMOUNT, &mut caps.max_bytes);
    cap("max_files", 1..=MAX_AMOUNT, &mut caps.max_files);
    cap("min_free_bytes", 0..=MAX_AMOUNT, &mut caps.min_free_bytes);
    cap("max_seconds", 1..=24 * 60 * 60, &mut caps.max_seconds);
    if let Some(node) = table.get("redact") {
        let fields = reader.list(&node).unwrap_or_default();
        caps.redact = fields.iter().filter_map(|field| reader.sentence(field)).collect();
    }
    caps
}
