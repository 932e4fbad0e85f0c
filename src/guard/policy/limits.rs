//! Reading limits.

use super::{
    block::Blocks,
    keys::{self, MAX_AMOUNT},
    reader::{Node, Reader, Table},
    states_amounts,
};
use crate::guard::{
    gate::Burst,
    limit::{Limit, Scope, Unit},
    subject::Kind,
};
use std::{collections::HashMap, num::NonZeroU32, sync::Arc};

/// What the limits of a policy have to agree on: the unit of each counter.
#[derive(Default)]
pub(super) struct Limits {
    units: HashMap<String, Unit>,
}

impl Blocks<'_> {
    pub(super) fn read_limits<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        table: &Table<'a>,
        kind: Option<Kind>,
        on_deny: Option<&str>,
    ) -> Vec<Arc<Limit>> {
        let nodes = reader.read_at(table, "limits", Reader::list).unwrap_or_default();
        let mut limits: Vec<_> =
            nodes.iter().filter_map(|node| self.read_limit(reader, node, kind, on_deny)).map(Arc::new).collect();
        if let Some(node) = table.get("rate_limit") {
            limits.extend(self.read_rate_limit(reader, &node, &table.at, on_deny).map(Arc::new));
        }
        limits
    }

    fn read_limit<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        node: &Node<'a>,
        kind: Option<Kind>,
        on_deny: Option<&str>,
    ) -> Option<Limit> {
        let table = reader.table(node)?;
        reader.keys(&table, keys::LIMIT);
        let counter = reader.required(&table, "counter").and_then(|node| read_counter(reader, &node));
        let window = reader.required(&table, "window").and_then(|node| reader.window(&node));
        let max = reader.required(&table, "max").and_then(|node| reader.whole(&node, 0..=MAX_AMOUNT));
        let unit = match table.get("of") {
            Some(of) => reader.choice(&of, Unit::ALL, Unit::as_str),
            None => Some(Unit::Calls),
        };
        let scope = read_scope(reader, &table);
        let burst = table.get("burst");
        let burst_calls = match &burst {
            Some(node) => Some(reader.whole(node, 1..=max.unwrap_or(MAX_AMOUNT).clamp(1, u64::from(u32::MAX)))?),
            None => None,
        };
        let (counter, window, max, unit, scope) = (counter?, window?, max?, unit?, scope?);

        self.count(reader, node, &counter, unit, max);
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
        let burst = burst_calls
            .and_then(|calls| NonZeroU32::new(u32::try_from(calls).ok()?))
            .and_then(|calls| Burst::new(window, max, calls, scope));
        let on_deny = on_deny.map(ToOwned::to_owned);
        Some(Limit { counter, unit, window, max, scope, rule: node.at.clone(), on_deny, burst })
    }

    /// The short form: a limit on calls, whose counter has the name of its block, such as `tools.export_library`.
    fn read_rate_limit<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        node: &Node<'a>,
        block: &str,
        on_deny: Option<&str>,
    ) -> Option<Limit> {
        let table = reader.table(node)?;
        reader.keys(&table, keys::RATE_LIMIT);
        let window = reader.required(&table, "window").and_then(|node| reader.window(&node));
        let max = reader.required(&table, "max").and_then(|node| reader.whole(&node, 0..=MAX_AMOUNT));
        let (window, max, scope) = (window?, max?, read_scope(reader, &table)?);
        let counter = block.trim_start_matches('/').replace('/', ".");
        self.count(reader, node, &counter, Unit::Calls, max);
        let on_deny = on_deny.map(ToOwned::to_owned);
        Some(Limit { counter, unit: Unit::Calls, window, max, scope, rule: node.at.clone(), on_deny, burst: None })
    }

    /// Sees to it that a counter counts one thing.
    fn count(&mut self, reader: &mut Reader<'_>, node: &Node<'_>, counter: &str, unit: Unit, max: u64) {
        let first = *self.limits.units.entry(counter.to_owned()).or_insert(unit);
        if first != unit {
            reader.reject(node, format!("counter `{counter}` counts {first} elsewhere, so it can't count {unit} here"));
        }
        if max == 0 {
            self.warnings.push((node.start(), format!("{}: max = 0 refuses every call", node.at)));
        }
    }
}

/// The stricter of the two where it is not said.
fn read_scope<'a>(reader: &mut Reader<'a>, table: &Table<'a>) -> Option<Scope> {
    match table.get("scope") {
        Some(scope) => reader.choice(&scope, Scope::ALL, Scope::as_str),
        None => Some(Scope::Server),
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
