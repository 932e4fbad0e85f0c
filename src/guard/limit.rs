//! One limit of the policy: at most so many calls, items or bytes in any window of that length.

use super::{gate::Burst, names::named, plan::Amounts};
use std::{fmt, time::Duration};

/// The longest window a limit may have; the ledger keeps what was taken for that long.
pub(super) const LONGEST_WINDOW: Duration = Duration::from_secs(31 * 24 * 60 * 60);

named! {
    /// What a limit counts.
    pub enum Unit {
        /// Admitted calls.
        Calls = "calls",
        /// Items written, changed or removed.
        Items = "items",
        /// Bytes written.
        Bytes = "bytes",
    }
}

named! {
    /// Whose calls a limit counts together.
    pub enum Scope {
        /// Those of one grant.
        Grant = "grant",
        /// Those of all server processes that share the ledger.
        Server = "server",
    }
}

/// One limit. Windows are half open: what was taken exactly one window ago counts no more.
#[derive(Debug)]
pub struct Limit {
    /// The counter; limits of the same counter count the same calls.
    pub counter: String,
    /// What is counted.
    pub unit: Unit,
    /// The window's length, from 1 second to 31 days.
    pub window: Duration,
    /// How much any window may hold; 0 means never.
    pub max: u64,
    /// Whose calls are counted together.
    pub scope: Scope,
    /// Where the policy states it, as a JSON pointer.
    pub rule: String,
    /// What the policy wants said where this limit refuses.
    pub on_deny: Option<String>,
    pub(super) burst: Option<Burst>,
}

impl Limit {
    /// How much of this limit a call takes.
    pub(super) fn amount(&self, reserve: Amounts) -> u64 {
        match self.unit {
            Unit::Calls => 1,
            Unit::Items => reserve.items,
            Unit::Bytes => reserve.bytes,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} {} in any ", self.max, self.unit)?;
        match self.window.as_secs() {
            60 => write!(f, "minute"),
            3600 => write!(f, "hour"),
            86_400 => write!(f, "day"),
            seconds => write!(f, "{seconds} seconds"),
        }
    }
}
