use std::time::Duration;

/// Capped exponential backoff with full jitter: the n-th wait is uniform in `floor..=min(cap, base · 2ⁿ)`.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// The first wait is at most `base`, no wait is longer than `cap`.
    #[must_use]
    pub fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap: cap.max(base), failures: 0 }
    }

    /// The wait after one more failure. `dice` is uniform in `0.0..1.0`.
    pub fn next(&mut self, dice: f64) -> Duration {
        let ceiling = self.base.saturating_mul(1 << self.failures.min(20)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        // A tenth of the ceiling is kept, so that a retry never follows its failure at once.
        ceiling.mul_f64(0.1 + 0.9 * dice.clamp(0.0, 1.0))
    }

    /// [`Backoff::next`] with a die of its own.
    pub fn roll(&mut self) -> Duration {
        self.next(fastrand::f64())
    }

    /// Something worked: begin again at `base`.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_wait_is_zero_or_above_the_cap(rolls in proptest::collection::vec(0.0..1.0f64, 1..80)) {
            let cap = Duration::from_secs(60);
            let mut backoff = Backoff::new(Duration::from_millis(500), cap);
            for dice in rolls {
                let wait = backoff.next(dice);
                proptest::prop_assert!(wait > Duration::ZERO && wait <= cap);
            }
        }
    }

    #[test]
    fn the_ceiling_doubles_and_a_success_starts_over() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let waits: Vec<_> = (0..4).map(|_| backoff.next(1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5]);
        backoff.reset();
        assert_eq!(backoff.next(1.0).as_secs(), 1);
    }
}
