//! A service's published rates, kept from this side, so that nobody has to be told off.

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use std::{num::NonZeroU32, time::Duration};

/// How often a service wants to be asked.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Requests that may come at once.
    pub burst: NonZeroU32,
    /// The time after which one more may come.
    pub period: Duration,
}

/// The rates of a service, for all calls of this process together.
#[derive(Debug)]
pub struct Pace {
    reads: Option<DefaultDirectRateLimiter>,
    changes: Option<DefaultDirectRateLimiter>,
    clock: DefaultClock,
    /// How long, in all, the requests of a call wait where the service says to come back later.
    pub(super) busy: Duration,
}

impl Pace {
    /// The rates of requests that read and of those that change something, and how long in all those of
    /// one call wait where they are sent away for a while.
    pub fn new(reads: Rate, changes: Rate, busy: Duration) -> Self {
        Self { reads: limiter(reads), changes: limiter(changes), clock: DefaultClock::default(), busy }
    }

    /// Waits for the turn of a request that reads.
    pub(super) async fn read(&self) {
        self.wait(self.reads.as_ref()).await;
    }

    /// Waits for the turn of a request that changes something.
    pub(super) async fn change(&self) {
        self.wait(self.changes.as_ref()).await;
    }

    async fn wait(&self, limiter: Option<&DefaultDirectRateLimiter>) {
        while let Some(Err(early)) = limiter.map(RateLimiter::check) {
            tokio::time::sleep(early.wait_time_from(self.clock.now())).await;
        }
    }
}

/// None where the period is nothing, which is no limit.
fn limiter(Rate { burst, period }: Rate) -> Option<DefaultDirectRateLimiter> {
    Some(RateLimiter::direct(Quota::with_period(period)?.allow_burst(burst)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[tokio::test]
    async fn a_burst_goes_at_once_and_the_rest_one_by_one() {
        let rate = |burst, ms| Rate { burst: NonZeroU32::new(burst).unwrap(), period: Duration::from_millis(ms) };
        let pace = Pace::new(rate(100, 1_000), rate(1, 100), Duration::ZERO);
        let started = Instant::now();
        for _ in 0..100 {
            pace.read().await;
        }
        for _ in 0..3 {
            pace.change().await;
        }
        assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}
