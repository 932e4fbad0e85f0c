//! Refusals that come by the thousand: counted in memory, written as one row a second.

use super::row::Row;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Refusals that are not written yet, by grant and tool.
#[derive(Debug, Default)]
pub(super) struct Floods {
    waiting: Mutex<HashMap<(Arc<str>, &'static str), Row>>,
}

impl Floods {
    /// Counts one; `row` makes the row that all that are alike share. Tells whether nothing was waiting before.
    pub(super) fn count(&self, grant: &Arc<str>, tool: &'static str, row: impl FnOnce() -> Row) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.is_empty();
        waiting.entry((Arc::clone(grant), tool)).and_modify(|row| row.repeats += 1).or_insert_with(row);
        first
    }

    /// What was counted, to be written.
    pub(super) fn drain(&self) -> Vec<Row> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drain().map(|(_, row)| row).collect()
    }
}
