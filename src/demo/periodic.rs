//! Sums over an endless, repeating row of weights: how a library of any size is counted and indexed without a table.

/// Weights `w(n)` that repeat with a fixed period.
#[derive(Clone, Debug)]
pub(crate) struct Periodic {
    /// `before[k]` is the sum of the first `k` weights; one entry more than the period.
    before: Vec<u64>,
}

impl Periodic {
    /// From the weights of one period.
    pub(crate) fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let mut before = vec![0];
        let mut sum = 0;
        for weight in weights {
            sum += weight;
            before.push(sum);
        }
        Self { before }
    }

    fn whole(&self) -> u64 {
        self.before.last().copied().unwrap_or(0)
    }

    /// The sum of the first `n` weights.
    pub(crate) fn before(&self, n: u64) -> u64 {
        let period = (self.before.len() as u64 - 1).max(1);
        let rest = usize::try_from(n % period).ok().and_then(|k| self.before.get(k)).copied().unwrap_or(0);
        n / period * self.whole() + rest
    }

    /// Which `n` the `i`-th unit of weight belongs to, and its place within it. None where all weights are 0.
    pub(crate) fn find(&self, i: u64) -> Option<(u64, u64)> {
        let whole = self.whole();
        let round = i.checked_div(whole)?;
        let within = i % whole;
        let at = self.before.partition_point(|sum| *sum <= within).checked_sub(1)?;
        let period = self.before.len() as u64 - 1;
        Some((round * period + at as u64, within - self.before.get(at)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_counting() {
        let weights = [3, 0, 2, 5, 0];
        let sums = Periodic::new(weights);
        let mut i = 0;
        for n in 0..23_u64 {
            assert_eq!(sums.before(n), i);
            for place in 0..weights[usize::try_from(n % 5).unwrap()] {
                assert_eq!(sums.find(i), Some((n, place)));
                i += 1;
            }
        }
        assert_eq!(Periodic::new([0, 0]).find(0), None);
        assert_eq!(Periodic::new([]).before(9), 0);
    }
}
