//! The two limiters in memory: attempts, which turn a runaway loop away without touching the disk, and bursts, which
//! spread the calls that a limit admits. Both are GCRA; neither is what makes a limit exact, the ledger is.

use super::{limit::Scope, policy::Policy, subject::Kind};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use std::{
    num::NonZeroU32,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The period of one unit, rounded up: rounded down it would let one more through in a window.
fn quota(window: Duration, max: u64, burst: NonZeroU32) -> Option<Quota> {
    let period_ns = window.as_nanos().div_ceil(u128::from(max.max(1)));
    let period = Duration::from_nanos(u64::try_from(period_ns).ok()?.max(1));
    Some(Quota::with_period(period)?.allow_burst(burst))
}

/// The policy's `attempts`: a gate for every grant and kind that counts every call, refused ones too.
#[derive(Debug)]
pub(super) struct Attempts {
    limiter: DefaultKeyedRateLimiter<(Arc<str>, Option<Kind>)>,
    clock: DefaultClock,
}

impl Attempts {
    /// The gate that a policy wants, if it does.
    pub(super) fn of(policy: &Policy) -> Option<Arc<Self>> {
        policy.attempts().and_then(|rule| Self::new(rule.window, rule.max, rule.burst)).map(Arc::new)
    }

    fn new(window: Duration, max: u64, burst: NonZeroU32) -> Option<Self> {
        Some(Self { limiter: RateLimiter::keyed(quota(window, max, burst)?), clock: DefaultClock::default() })
    }

    /// Counts an attempt; the error is how long to wait. Frames that are no call have no kind.
    pub(super) fn count(&self, grant: &Arc<str>, kind: Option<Kind>) -> Result<(), Duration> {
        self.limiter.check_key(&(Arc::clone(grant), kind)).map_err(|not| not.wait_time_from(self.clock.now()))
    }
}

/// A limit's `burst`: keyed by grant, or by nothing where the limit counts the whole server.
#[derive(Debug)]
pub(super) struct Burst {
    /// Made when it is first asked, if it does not go on with another one's.
    limiter: OnceLock<Arc<DefaultKeyedRateLimiter<Option<Arc<str>>>>>,
    quota: Quota,
    clock: DefaultClock,
    scope: Scope,
}

impl Burst {
    pub(super) fn new(window: Duration, max: u64, burst: NonZeroU32, scope: Scope) -> Option<Self> {
        let quota = quota(window, max, burst)?;
        Some(Self { limiter: OnceLock::new(), quota, clock: DefaultClock::default(), scope })
    }

    fn limiter(&self) -> &Arc<DefaultKeyedRateLimiter<Option<Arc<str>>>> {
        self.limiter.get_or_init(|| Arc::new(RateLimiter::keyed(self.quota)))
    }

    /// Goes on with what `before` counted, if the numbers are the same and nothing was counted here yet.
    pub(super) fn go_on_from(&self, before: &Self) {
        if self.quota == before.quota {
            // One that has counted already keeps its own.
            let _ = self.limiter.set(Arc::clone(before.limiter()));
        }
    }

    /// Takes one call's place; the error is how long to wait.
    pub(super) fn take(&self, grant: &Arc<str>) -> Result<(), Duration> {
        let key = (self.scope == Scope::Grant).then(|| Arc::clone(grant));
        self.limiter().check_key(&key).map_err(|not| not.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_period_is_rounded_up() {
        for max in [1, 3, 7, 30, 600, 999_999_937] {
            let period = quota(Duration::from_secs(1), max, NonZeroU32::MIN).unwrap().replenish_interval();
            assert!(period.as_nanos() * u128::from(max) >= 1_000_000_000, "{max}: {period:?}");
        }
    }

    #[test]
    fn attempts_are_counted_apart_for_each_grant_and_kind() {
        let gate = Attempts::new(Duration::from_secs(3600), 2, NonZeroU32::new(2).unwrap()).unwrap();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        for _ in 0..2 {
            assert!(gate.count(&a, Some(Kind::Read)).is_ok());
        }
        let wait = gate.count(&a, Some(Kind::Read)).unwrap_err();
        assert!(wait > Duration::from_secs(1790) && wait <= Duration::from_secs(1800), "{wait:?}");
        assert!(gate.count(&a, Some(Kind::Write)).is_ok());
        assert!(gate.count(&b, Some(Kind::Read)).is_ok());
    }

    #[test]
    fn a_burst_for_the_server_is_shared_by_its_grants() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let one = NonZeroU32::MIN;
        let shared = Burst::new(Duration::from_secs(60), 30, one, Scope::Server).unwrap();
        assert!(shared.take(&a).is_ok());
        assert!(shared.take(&b).is_err_and(|wait| wait <= Duration::from_secs(2)));
        let own = Burst::new(Duration::from_secs(60), 30, one, Scope::Grant).unwrap();
        assert!(own.take(&a).is_ok());
        assert!(own.take(&b).is_ok());
    }
}
