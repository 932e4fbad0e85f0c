//! Laying the blocks that match a tool on top of one another.

use super::{
    Action, Approval, Matched, Verdict,
    block::Block,
    document::{Document, Level},
    states_amounts,
};
use crate::guard::{
    limit::Unit,
    subject::{Service, Subject},
};
use std::{fmt::Write as _, sync::Arc};

impl Level {
    /// The blocks that match a tool, the most specific first.
    fn matching(&self, subject: Subject) -> impl Iterator<Item = &Block> {
        let tool = self.tools.get(subject.tool);
        let mut services: Vec<&Block> =
            subject.service.blocks().iter().filter_map(|service| self.services.get(service)).collect();
        if subject.service == Service::Arr {
            // A tool of two services does what both allow: the strictest word comes first.
            services.sort_by_key(|block| match block.action {
                Some(Action::Deny) => 0,
                Some(Action::Ask) => 1,
                Some(Action::Allow) => 2,
                None => 3,
            });
        }
        let kind = self.kinds.get(&subject.kind);
        tool.into_iter().chain(services).chain(kind).chain(self.all.as_ref())
    }
}

/// The action of the most specific block that states one, and the conditions and limits of all that match.
pub(super) fn verdict(document: &Document, grant: Option<&Level>, subject: Subject) -> Verdict {
    let blocks: Vec<&Block> =
        grant.into_iter().flat_map(|level| level.matching(subject)).chain(document.level.matching(subject)).collect();
    let named = document.level.tools.get(subject.tool);

    let stated = blocks.iter().find_map(|block| block.action.map(|action| (action, *block)));
    let (action, rule, reason) = match (stated, named) {
        (Some((action, block)), _) => (action, format!("{}/action", block.at), block.reason.clone()),
        // Whoever names a tool without saying what becomes of it means to limit it, not to refuse it.
        (None, Some(block)) => (Action::Allow, block.at.clone(), None),
        (None, None) => (document.default, "/default".to_owned(), None),
    };
    let hidden_by_name = document.hide.contains(subject.tool);
    let hidden = hidden_by_name || (document.hide_refused && action == Action::Deny);
    let limits = blocks
        .iter()
        .flat_map(|block| &block.limits)
        .filter(|limit| limit.unit == Unit::Calls || states_amounts(subject.kind))
        .map(Arc::clone)
        .collect();
    let conditions = blocks.iter().flat_map(|block| &block.conditions);
    Verdict {
        subject,
        action,
        approval: blocks.iter().find_map(|block| block.approval).unwrap_or(Approval::Client),
        by_default: stated.is_none() && named.is_none(),
        hidden,
        rule: if hidden_by_name { "/hide".to_owned() } else { rule },
        reason,
        conditions: conditions.filter(|condition| condition.tools.contains(subject.tool)).map(Arc::clone).collect(),
        limits,
        log_args: blocks.iter().find_map(|block| block.log_args).unwrap_or(false),
        blocks: blocks.iter().map(|block| Matched { at: block.at.clone(), action: block.action }).collect(),
    }
}

/// All that a verdict says, to be compared.
pub(super) fn shown(verdict: &Verdict) -> String {
    let mut text = format!(
        "{:?} {:?} {:?} {} {} {} {:?} {} {:?}",
        verdict.subject,
        verdict.action,
        verdict.approval,
        verdict.by_default,
        verdict.hidden,
        verdict.rule,
        verdict.reason,
        verdict.log_args,
        verdict.blocks
    );
    for condition in &verdict.conditions {
        let _ = write!(text, "\n{condition:?}");
    }
    for limit in &verdict.limits {
        let burst = limit.burst.is_some();
        let _ = write!(
            text,
            "\n{} {:?} {:?} {} {:?} {} {:?} {burst}",
            limit.counter, limit.unit, limit.window, limit.max, limit.scope, limit.rule, limit.on_deny
        );
    }
    text
}
