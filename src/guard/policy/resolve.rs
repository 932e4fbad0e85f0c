//! Laying the blocks that match a tool on top of one another.

use super::{
    Action, Verdict,
    document::{Block, Document},
    states_amounts,
};
use crate::guard::{limit::Unit, subject::Subject};
use std::sync::Arc;

/// The action of the most specific block that states one, and the limits of all that match.
pub(super) fn verdict(document: &Document, subject: Subject) -> Verdict {
    let tool = document.tools.get(subject.tool);
    let service = document.services.get(&subject.service);
    let kind = document.kinds.get(&subject.kind);
    let blocks: Vec<&Block> = [tool, service, kind].into_iter().flatten().collect();

    let stated = blocks.iter().find_map(|block| block.action.map(|action| (action, *block)));
    let (action, rule, reason) = match (stated, tool) {
        (Some((action, block)), _) => (action, format!("{}/action", block.at), block.reason.clone()),
        // Whoever names a tool without saying what becomes of it means to limit it, not to refuse it.
        (None, Some(block)) => (Action::Allow, block.at.clone(), None),
        (None, None) => (document.default, "/default".to_owned(), None),
    };
    let named = document.hide.contains(subject.tool);
    let hidden = named || (document.hide_refused && action == Action::Deny);
    let limits = blocks
        .iter()
        .flat_map(|block| &block.limits)
        .chain(&document.all_tools)
        .filter(|limit| limit.unit == Unit::Calls || states_amounts(subject.kind))
        .map(Arc::clone)
        .collect();
    Verdict {
        subject,
        action,
        by_default: stated.is_none() && tool.is_none(),
        hidden,
        rule: if named { "/hide".to_owned() } else { rule },
        reason,
        limits,
    }
}
