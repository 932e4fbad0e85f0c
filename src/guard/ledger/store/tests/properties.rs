//! The limits' promise as properties: any sequence of calls, clock changes, reboots and reopenings, over several
//! connections.

use super::*;
use proptest::prelude::*;

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Call { connection: usize, grant: usize, items: u64, limits: Vec<usize> },
    Settle { used: Option<u64> },
    Pass { ns: i64 },
    SetWall { by_ns: i64 },
    Reopen { connection: usize },
    Reboot { off_ns: i64, back_ns: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ns = prop_oneof![0..3i64, 0..5 * SECOND, Just(SECOND), Just(3 * SECOND), Just(10 * SECOND)];
    let wall = prop_oneof![-40 * SECOND..40 * SECOND, Just(-100_000 * SECOND), Just(100_000 * SECOND)];
    let step = prop_oneof![
        12 => (0..3usize, 0..2usize, 0..5u64, proptest::sample::subsequence((0..5usize).collect::<Vec<_>>(), 1..=5))
            .prop_map(|(connection, grant, items, limits)| Step::Call { connection, grant, items, limits }),
        2 => proptest::option::of(0..5u64).prop_map(|used| Step::Settle { used }),
        6 => ns.clone().prop_map(|ns| Step::Pass { ns }),
        2 => wall.prop_map(|by_ns| Step::SetWall { by_ns }),
        1 => (0..3usize).prop_map(|connection| Step::Reopen { connection }),
        1 => (ns, prop_oneof![Just(0), 0..100 * SECOND]).prop_map(|(off_ns, back_ns)| Step::Reboot { off_ns, back_ns }),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What was really taken, in true time.
#[derive(Clone, Debug)]
struct Taken {
    true_ns: i64,
    grant: &'static str,
    counter: String,
    amount: u64,
}

/// The limits as the policy words them, over true time.
#[derive(Default)]
struct Model {
    takes: Vec<Taken>,
    /// By boot, the furthest that a transaction saw the wall clock ahead.
    seen: Vec<i64>,
}

impl Model {
    fn see(&mut self, clock: &Manual) {
        let hands = clock.hands();
        self.seen.resize(hands.boot as usize, i64::MIN);
        let seen = self.seen.last_mut().unwrap();
        *seen = hands.wall_ahead_ns.max(*seen);
    }

    fn used(&self, limit: &Limit, grant: &str, now: i64) -> u64 {
        let window = i64::try_from(limit.window.as_nanos()).unwrap();
        let counts = |t: &&Taken| {
            t.counter == limit.counter && (limit.scope == Scope::Server || t.grant == grant) && t.true_ns > now - window
        };
        self.takes.iter().filter(counts).map(|t| t.amount).sum()
    }

    fn fits(&self, asks: &[Ask], now: i64) -> bool {
        asks.iter().all(|ask| self.used(&ask.limit, &ask.grant, now) + ask.amount <= ask.limit.max)
    }

    fn take(&mut self, asks: &[Ask], grant: &'static str, now: i64) {
        for ask in asks {
            let counter = ask.limit.counter.clone();
            if !self.takes.iter().any(|t| t.true_ns == now && t.counter == counter) {
                self.takes.push(Taken { true_ns: now, grant, counter, amount: ask.amount });
            }
        }
    }
}

fn limits() -> [Arc<Limit>; 5] {
    [
        limit("calls", Unit::Calls, 3, 3, Scope::Server),
        limit("calls", Unit::Calls, 10, 5, Scope::Grant),
        limit("own", Unit::Calls, 5, 2, Scope::Grant),
        limit("items", Unit::Items, 4, 6, Scope::Server),
        limit("items", Unit::Items, 10, 9, Scope::Grant),
    ]
}

/// A history as it happens to three connections, beside the model.
struct Run {
    place: Place,
    stores: Vec<Store>,
    model: Model,
    last: Option<(i64, Vec<Take>, usize)>,
    rebooted: bool,
}

impl Run {
    fn new() -> Self {
        let place = Place::new();
        let stores = (0..3).map(|_| place.open()).collect();
        let mut run = Self { place, stores, model: Model::default(), last: None, rebooted: false };
        run.model.see(&run.place.clock);
        run
    }

    fn now(&self) -> i64 {
        self.place.clock.hands().true_ns
    }

    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Pass { ns } => self.place.clock.pass(ns),
            Step::SetWall { by_ns } => self.place.clock.set_wall(by_ns),
            Step::Reopen { connection } => {
                self.stores[connection] = self.place.open();
                self.model.see(&self.place.clock);
            }
            Step::Reboot { off_ns, back_ns } => {
                self.stores.clear();
                let ahead = self.place.clock.hands().wall_ahead_ns;
                let right = self.model.seen.iter().copied().fold(ahead, i64::min);
                self.place.clock.reboot(off_ns, back_ns + ahead - right);
                self.stores = (0..3).map(|_| self.place.open()).collect();
                self.model.see(&self.place.clock);
                self.rebooted = true;
            }
            Step::Settle { used } => self.settle(used),
            Step::Call { connection, grant, items, limits: chosen } => {
                let grant = ["a", "b"][grant];
                let all = limits();
                let chosen: Vec<_> = chosen.into_iter().map(|i| Arc::clone(&all[i])).collect();
                let wanted = asks(&chosen, grant, items);
                // No two calls at the same instant: the model tells them apart by it.
                self.place.clock.pass(1);
                match self.call(connection, grant, &wanted)? {
                    None => {}
                    Some(Over::NeverFits) => prop_assert!(wanted.iter().any(|ask| ask.amount > ask.limit.max)),
                    Some(Over::Until(wait)) => {
                        let wait = i64::try_from(wait.as_nanos()).unwrap();
                        prop_assert!(wait > 0);
                        self.place.clock.pass(wait - 1);
                        prop_assert!(self.call(connection, grant, &wanted)?.is_some(), "passed before {wait}");
                        self.place.clock.pass(1);
                        prop_assert_eq!(self.call(connection, grant, &wanted)?, None, "refused after {}", wait);
                    }
                }
            }
        }
        Ok(())
    }

    fn call(&mut self, store: usize, grant: &'static str, wanted: &[Ask]) -> Result<Option<Over>, TestCaseError> {
        let answer = admit(&mut self.stores[store], wanted);
        self.model.see(&self.place.clock);
        let fits = self.model.fits(wanted, self.now());
        match answer {
            Ok((seq, takes)) => {
                prop_assert!(fits, "more than the limit in one window");
                let first = self.model.takes.len();
                self.model.take(wanted, grant, self.now());
                self.last = Some((seq, takes, first));
                Ok(None)
            }
            Err((_, over)) => {
                prop_assert!(self.rebooted || !fits, "refused though it fits");
                Ok(Some(over))
            }
        }
    }

    fn settle(&mut self, used: Option<u64>) {
        let Some((seq, takes, first)) = self.last.take() else { return };
        let end = Settling {
            seq,
            takes,
            outcome: Outcome::Ok,
            affected: Affected::default(),
            used: used.map(|items| Amounts { items, bytes: 0 }),
            nothing_sent: used.is_none(),
            duration_ms: 1,
        };
        self.stores[0].settle(&end).unwrap();
        let Some(items) = used else {
            self.model.takes.truncate(first);
            return;
        };
        for taken in &mut self.model.takes[first..] {
            if taken.counter == "items" {
                taken.amount = taken.amount.min(items);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_window_ever_holds_more_than_its_limit_and_waits_are_exact(steps in steps()) {
        let mut run = Run::new();
        for step in steps {
            run.step(step)?;
        }
    }

    #[test]
    fn adding_a_limit_or_lowering_one_never_lets_a_refused_call_pass(
        steps in steps(),
        chosen in proptest::sample::subsequence((0..5usize).collect::<Vec<_>>(), 1..=5),
        added in 0..5usize,
        lowered in 0..5usize,
        by in 1..7u64,
        items in 0..5u64,
    ) {
        let mut run = Run::new();
        for step in steps {
            run.step(step)?;
        }
        let all = limits();
        let base: Vec<_> = chosen.iter().map(|&i| Arc::clone(&all[i])).collect();
        let mut more = base.clone();
        more.push(Arc::clone(&all[added]));
        let lower: Vec<_> = base.iter().enumerate().map(|(i, l)| {
            let max = if i == lowered % base.len() { l.max.saturating_sub(by) } else { l.max };
            limit(&l.counter, l.unit, l.window.as_secs(), max, l.scope)
        }).collect();
        let mut refuses = |limits: &[Arc<Limit>]| run.stores[1].look(&mut row(), &asks(limits, "a", items)).unwrap().is_some();
        if refuses(&base) {
            prop_assert!(refuses(&more) && refuses(&lower));
        }
    }
}
