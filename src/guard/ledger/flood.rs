//! Refusals that come by the thousand: the first of those that are alike is a row at once, the others are counted in memory
//! and written as one row a second.

use super::row::{Decision, Row};
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Refusals that are alike are gathered for that long.
pub(super) const FLOOD: Duration = Duration::from_secs(1);

/// What refusals have in common that share a row.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Alike {
    grant: Arc<str>,
    tool: Cow<'static, str>,
    /// What was decided and why; none where the gate did not let it come to that.
    decided: Option<Decided>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Decided {
    decision: Decision,
    rule: Option<String>,
    note: Option<String>,
    /// The digest of the arguments, where their values are kept: other values are another refusal then.
    digest: Option<String>,
}

impl Alike {
    fn of(row: &Row) -> Self {
        let decided = Decided {
            decision: row.decision,
            rule: row.rule.clone(),
            note: row.note.clone(),
            digest: row.arg_values.as_ref().and(row.digest.clone()),
        };
        Self { grant: row.grant.as_str().into(), tool: row.tool.clone().into(), decided: Some(decided) }
    }
}

/// When the last row of its like was written, and the one that is not written yet.
#[derive(Debug)]
struct Flood {
    written: Instant,
    waiting: Option<Row>,
}

/// Refusals of the last second, by what they have in common.
#[derive(Debug, Default)]
pub(super) struct Floods {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    floods: HashMap<Alike, Flood>,
    /// How many rows wait.
    waiting: usize,
}

/// What becomes of a refusal.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is the first of its like in a second, and is to be written.
    Write(Box<Row>),
    /// It is counted; nothing waited before, so the ledger's thread has to know.
    Begun,
    /// It is counted.
    Counted,
}

impl Recent {
    fn count(&mut self, alike: Alike, now: Instant, row: impl FnOnce() -> Row) -> Fate {
        let flood = self.floods.entry(alike).or_insert(Flood { written: now, waiting: None });
        if let Some(row) = &mut flood.waiting {
            row.repeats += 1;
            return Fate::Counted;
        }
        flood.waiting = Some(row());
        self.waiting += 1;
        if self.waiting == 1 { Fate::Begun } else { Fate::Counted }
    }
}

impl Floods {
    /// Counts one that the gate made, which is not written at once; `row` makes the row that all that are alike share. Tells
    /// whether nothing was waiting before.
    pub(super) fn count(&self, grant: &Arc<str>, tool: &'static str, row: impl FnOnce() -> Row) -> bool {
        let alike = Alike { grant: Arc::clone(grant), tool: Cow::Borrowed(tool), decided: None };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(recent.count(alike, Instant::now(), row), Fate::Begun)
    }

    /// Takes a refusal: the first of its like comes back to be written.
    pub(super) fn refused(&self, row: Box<Row>, now: Instant) -> Fate {
        let alike = Alike::of(&row);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        match recent.floods.get(&alike) {
            Some(flood) if flood.waiting.is_some() || now.duration_since(flood.written) < FLOOD => {
                recent.count(alike, now, || *row)
            }
            _ => {
                recent.floods.insert(alike, Flood { written: now, waiting: None });
                Fate::Write(row)
            }
        }
    }

    /// What was counted, to be written. What did not come again for a second is forgotten.
    pub(super) fn drain(&self, now: Instant) -> Vec<Row> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.waiting = 0;
        let mut rows = Vec::new();
        recent.floods.retain(|_, flood| match flood.waiting.take() {
            Some(row) => {
                rows.push(row);
                flood.written = now;
                true
            }
            None => now.duration_since(flood.written) < FLOOD,
        });
        rows
    }

    /// Whether a row waits. Where much is remembered, what did not come again for a second is forgotten.
    pub(super) fn is_waiting(&self, now: Instant) -> bool {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.floods.len() > 1_000 {
            recent.floods.retain(|_, flood| flood.waiting.is_some() || now.duration_since(flood.written) < FLOOD);
        }
        recent.waiting > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tool: &str, rule: &str, decision: Decision) -> Box<Row> {
        Box::new(Row {
            session: "s".into(),
            policy: "p".into(),
            rule: Some(rule.into()),
            digest: Some("d".into()),
            ..Row::new("c".into(), "g".into(), tool.into(), decision)
        })
    }

    #[test]
    fn a_flood_is_a_row_at_once_and_then_one_a_second_that_counts() {
        let (floods, start) = (Floods::default(), Instant::now());
        let mut written = Vec::new();
        let mut flush_at = None;
        for ms in 0..10_000_u64 {
            let now = start + Duration::from_millis(ms);
            if flush_at.is_some_and(|at| at <= now) {
                flush_at = None;
                written.extend(floods.drain(now).into_iter().map(|row| (ms, row.repeats)));
            }
            match floods.refused(row("t", "/r", Decision::Deny), now) {
                Fate::Write(row) => written.push((ms, row.repeats)),
                Fate::Begun => flush_at = Some(now + FLOOD),
                Fate::Counted => {}
            }
        }
        written.extend(floods.drain(start + Duration::from_secs(10)).into_iter().map(|row| (10_000, row.repeats)));
        assert_eq!(written.iter().map(|(_, repeats)| repeats).sum::<u64>(), 10_000, "{written:?}");
        assert_eq!((written.len(), written[0]), (11, (0, 1)), "{written:?}");
        // Only what a server writes when it ends comes sooner.
        assert!(written[..10].windows(2).all(|pair| pair[1].0 - pair[0].0 >= 1_000), "{written:?}");
    }

    #[test]
    fn only_what_is_alike_shares_a_row() {
        let (floods, now) = (Floods::default(), Instant::now());
        let kept = || Box::new(Row { arg_values: Some(serde_json::Map::new()), ..*row("t", "/r", Decision::Deny) });
        let others = || {
            [
                row("t", "/r", Decision::Deny),
                row("u", "/r", Decision::Deny),
                row("t", "/q", Decision::Deny),
                row("t", "/r", Decision::Ask),
                Box::new(Row { grant: "h".into(), ..*row("t", "/r", Decision::Deny) }),
                kept(),
                Box::new(Row { digest: Some("e".into()), ..*kept() }),
            ]
        };
        for row in others() {
            assert!(matches!(floods.refused(row, now), Fate::Write(_)));
        }
        for (i, row) in others().into_iter().enumerate() {
            assert!(matches!(floods.refused(row, now), Fate::Begun | Fate::Counted), "{i}");
        }
        assert_eq!(floods.drain(now).len(), 7);
        // A second without one is the end of it.
        let later = now + FLOOD;
        assert!(floods.drain(later).is_empty());
        assert!(matches!(floods.refused(row("t", "/r", Decision::Deny), later), Fate::Write(_)));
    }
}
