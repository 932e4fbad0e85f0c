//! Repeatable chance: every fact of the sample library is drawn from a stream that its seed, topic and number name.

/// An odd constant near the golden ratio of 2^64, as in `SplitMix64`.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of pseudo-random numbers that is cheap to start anywhere (`SplitMix64`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// The stream for the `n`-th thing of a topic. The same three numbers always give the same stream.
    pub(crate) fn new(seed: u64, topic: u64, n: u64) -> Self {
        Self { state: mix(seed.wrapping_add(topic.wrapping_mul(STEP))) ^ mix(n.wrapping_add(topic << 32)) }
    }

    /// The next 64 bits.
    pub(crate) fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// A number from 0 up to and without `bound`, which is at most 2^32; 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((self.roll() >> 32).wrapping_mul(bound)) >> 32
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True once in `n` throws on average.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One entry of a list, or the type's default where the list is empty.
    pub(crate) fn pick<T: Copy + Default>(&mut self, list: &[T]) -> T {
        pick(list, self.below(list.len() as u64))
    }
}

/// The entry at `n`, counted round and round; the type's default where the list is empty.
pub(crate) fn pick<T: Copy + Default>(list: &[T], n: u64) -> T {
    let place = n.checked_rem(list.len() as u64).unwrap_or(0);
    usize::try_from(place).ok().and_then(|at| list.get(at)).copied().unwrap_or_default()
}

/// Spreads the bits of a number (the finaliser of `SplitMix64`).
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_repeatable_and_differs_from_its_neighbours() {
        let first: Vec<u64> = std::iter::repeat_with({
            let mut dice = Dice::new(1, 2, 3);
            move || dice.roll()
        })
        .take(4)
        .collect();
        let mut again = Dice::new(1, 2, 3);
        assert!(first.iter().all(|n| *n == again.roll()));
        for other in [Dice::new(2, 2, 3), Dice::new(1, 3, 3), Dice::new(1, 2, 4)] {
            let mut other = other;
            assert_ne!(first[0], other.roll());
        }
    }

    #[test]
    fn bounds_hold_and_are_reached() {
        let mut dice = Dice::new(7, 7, 7);
        let thrown: std::collections::BTreeSet<u64> = (0..500).map(|_| dice.between(3, 6)).collect();
        assert_eq!(thrown.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!(pick::<u64>(&[], 5), 0);
        assert_eq!(pick(&[10, 20, 30], 4), 20);
    }
}
