//! A block of rules, and the tools that it reaches.

use super::{
    Action, Approval,
    document::Level,
    keys,
    limits::Limits,
    reader::{Reader, Table},
};
use crate::guard::{
    catalogue::{Argument, Catalogue},
    condition::{Condition, Sense},
    limit::Limit,
    subject::{Kind, Service, Subject},
};
use std::{collections::HashMap, sync::Arc};

/// What one block says.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Its JSON pointer.
    pub(super) at: String,
    pub(super) action: Option<Action>,
    pub(super) approval: Option<Approval>,
    pub(super) reason: Option<String>,
    /// In the order of the text.
    pub(super) conditions: Vec<Arc<Condition>>,
    pub(super) limits: Vec<Arc<Limit>>,
    pub(super) log_args: Option<bool>,
}

/// The tools that a block's rules are for.
pub(super) struct Reach {
    pub(super) tools: Vec<Subject>,
    /// Their kind, where the block itself says it.
    pub(super) kind: Option<Kind>,
}

impl Reach {
    pub(super) fn all(catalogue: Catalogue<'_>) -> Self {
        Self { tools: catalogue.subjects().to_vec(), kind: None }
    }

    fn of(catalogue: Catalogue<'_>, kind: Option<Kind>, matches: impl Fn(&Subject) -> bool) -> Self {
        Self { tools: catalogue.subjects().iter().copied().filter(|subject| matches(subject)).collect(), kind }
    }
}

/// Reads blocks, and keeps what those of a policy have to agree on.
pub(super) struct Blocks<'c> {
    pub(super) catalogue: Catalogue<'c>,
    pub(super) arguments: HashMap<&'static str, Vec<Argument>>,
    pub(super) limits: Limits,
    /// Whether a grant's block may yet allow what the policy's own refuse.
    pub(super) may_be_relaxed: bool,
    /// Each with the place it is about.
    pub(super) warnings: Vec<(usize, String)>,
}

impl<'c> Blocks<'c> {
    pub(super) fn new(catalogue: Catalogue<'c>) -> Self {
        Self {
            catalogue,
            arguments: HashMap::new(),
            limits: Limits::default(),
            may_be_relaxed: false,
            warnings: Vec::new(),
        }
    }

    /// The blocks of kinds, services and tools that a table holds.
    pub(super) fn level<'a>(&mut self, reader: &mut Reader<'a>, table: &Table<'a>) -> Level {
        let mut level = Level::default();
        let catalogue = self.catalogue;
        if let Some(table) = reader.table_at(table, "kinds") {
            reader.known(&table, "kind", &Kind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>());
            for &kind in Kind::ALL {
                if let Some(block) = reader.table_at(&table, kind.as_str()) {
                    reader.keys(&block, keys::BLOCK);
                    let reach = Reach::of(catalogue, Some(kind), |subject| subject.kind == kind);
                    level.kinds.insert(kind, self.block(reader, &block, &reach));
                }
            }
        }
        if let Some(table) = reader.table_at(table, "services") {
            reader.known(&table, "service", &Service::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>());
            for &service in Service::ALL {
                if let Some(block) = reader.table_at(&table, service.as_str()) {
                    reader.keys(&block, keys::BLOCK);
                    let reach = Reach::of(catalogue, None, |subject| subject.service.blocks().contains(&service));
                    level.services.insert(service, self.block(reader, &block, &reach));
                }
            }
        }
        if let Some(table) = reader.table_at(table, "tools") {
            let names: Vec<&str> = catalogue.subjects().iter().map(|subject| subject.tool).collect();
            reader.known(&table, "tool", &names);
            for (tool, _, node) in table.entries() {
                let Some(block) = reader.table(&node) else { continue };
                reader.keys(&block, keys::TOOL);
                let kind = catalogue.subjects().iter().find(|subject| subject.tool == tool).map(|found| found.kind);
                let reach = Reach::of(catalogue, kind, |subject| subject.tool == tool);
                let rules = self.block(reader, &block, &reach);
                let has_more = !rules.conditions.is_empty() || !rules.limits.is_empty();
                if rules.action == Some(Action::Deny) && has_more && !self.may_be_relaxed {
                    let remark = "action = \"deny\" refuses every call, so its conditions and limits are never asked";
                    self.warnings.push((node.start(), format!("{}: {remark}", block.at)));
                }
                level.tools.insert(tool.to_owned(), rules);
            }
        }
        level
    }

    /// What every block may hold. Its keys are checked by whoever knows which those are.
    pub(super) fn block<'a>(&mut self, reader: &mut Reader<'a>, table: &Table<'a>, reach: &Reach) -> Block {
        let action = reader.read_at(table, "action", |r, node| r.choice(node, Action::ALL, Action::as_str));
        let approval = reader.read_at(table, "approval", |r, node| r.choice(node, Approval::ALL, Approval::as_str));
        let reason = reader.read_at(table, "reason", Reader::sentence);
        let on_deny = reader.read_at(table, "on_deny", Reader::sentence);
        let log_args = reader.read_at(table, "log_args", Reader::flag);
        let limits = self.read_limits(reader, table, reach.kind, on_deny.as_deref());
        let told = on_deny.or(reason);
        let mut conditions = Vec::new();
        for &sense in Sense::ALL {
            let nodes = reader.read_at(table, sense.as_str(), Reader::list).unwrap_or_default();
            for node in nodes {
                let condition = self.read_condition(reader, &node, sense, reach, told.as_deref());
                conditions.extend(condition.map(|condition| (node.start(), Arc::new(condition))));
            }
        }
        conditions.sort_by_key(|(start, _)| *start);
        let conditions = conditions.into_iter().map(|(_, condition)| condition).collect();
        Block { at: table.at.clone(), action, approval, reason: told, conditions, limits, log_args }
    }

    /// The warnings in the order of the text, each with its line.
    pub(super) fn into_warnings(mut self, reader: &Reader<'_>) -> Vec<String> {
        self.warnings.sort_by_key(|(start, _)| *start);
        self.warnings.iter().map(|(start, text)| format!("line {}: {text}", reader.line(*start))).collect()
    }
}
