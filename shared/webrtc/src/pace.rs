use std::time::{Duration, Instant};

/// How fast a burst may leave, in bytes. Pure.
///
/// The full rate is what a browser's socket was seen to take without loss; a NACK halves it, and it recovers
/// when a while has passed without one.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    rate: u64,
    /// Bytes that may leave now; negative after a packet that was larger than what was left.
    credit: i64,
    at: Option<Instant>,
    slowed_at: Option<Instant>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { rate: FULL_RATE, credit: 0, at: None, slowed_at: None }
    }

    /// Bytes a second at present.
    pub(crate) fn rate(&self) -> u64 {
        self.rate
    }

    /// A burst begins: its first slice may leave at once.
    pub(crate) fn begin(&mut self, now: Instant) {
        if self.slowed_at.is_some_and(|at| now.saturating_duration_since(at) > RECOVERY) {
            self.rate = FULL_RATE;
        }
        self.at = Some(now);
        self.credit = self.worth(SLICE);
    }

    /// Bytes that may leave at `now`, zero or less if none.
    pub(crate) fn allowance(&mut self, now: Instant) -> i64 {
        let since = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.at = Some(now);
        // A task that wakes late catches up a little, not all at once.
        self.credit = (self.credit + self.worth(since.min(CATCH_UP))).min(self.worth(CATCH_UP));
        self.credit
    }

    pub(crate) fn spend(&mut self, bytes: usize) {
        self.credit -= i64::try_from(bytes).unwrap_or(i64::MAX);
    }

    /// When the next slice may leave.
    pub(crate) fn next(&self) -> Option<Instant> {
        let lack = u64::try_from(self.worth(SLICE) - self.credit).unwrap_or(0);
        self.at.map(|at| at + Duration::from_micros(lack * 1_000_000 / self.rate))
    }

    /// The viewer lost packets.
    pub(crate) fn slow_down(&mut self, now: Instant) {
        if self.slowed_at.is_none_or(|at| now.saturating_duration_since(at) > ONE_LOSS) {
            self.slowed_at = Some(now);
            self.rate = (self.rate / 2).max(LEAST_RATE);
        }
    }

    fn worth(&self, time: Duration) -> i64 {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        i64::try_from(self.rate.saturating_mul(micros) / 1_000_000).unwrap_or(i64::MAX)
    }
}

/// 50 Mbit/s: 2.4 MB at this rate lost nothing, at once they overran a browser's socket.
const FULL_RATE: u64 = 50_000_000 / 8;
/// 5 Mbit/s: slower than this a burst is no better than waiting.
const LEAST_RATE: u64 = 5_000_000 / 8;
/// What leaves at one time: one tick of the runtime's timer.
const SLICE: Duration = Duration::from_millis(1);
/// Most of a late wake-up that is made good: 62 kB at full rate, well below a socket's buffer.
const CATCH_UP: Duration = Duration::from_millis(10);
/// NACKs of one loss come together.
const ONE_LOSS: Duration = Duration::from_millis(100);
/// So long without a loss, and the full rate is tried again.
const RECOVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use sluice_runtime::Clock;

    use super::*;

    #[test]
    fn a_megabyte_takes_its_time_at_fifty_megabit() {
        let (mut pace, start) = (Pace::new(), Clock::system().now());
        pace.begin(start);
        let (mut now, mut left) = (start, 1_000_000_i64);
        while left > 0 {
            while left > 0 && pace.allowance(now) > 0 {
                pace.spend(1_200);
                left -= 1_200;
            }
            now = pace.next().expect("it has begun").max(now + Duration::from_micros(10));
        }
        let took = (now - start).as_millis();
        assert!((150..175).contains(&took), "{took} ms");
    }

    #[test]
    fn a_long_sleep_is_not_made_good_at_once() {
        let (mut pace, start) = (Pace::new(), Clock::system().now());
        pace.begin(start);
        assert!(pace.allowance(start + Duration::from_secs(5)) <= 62_500);
    }

    #[test]
    fn one_loss_halves_the_rate_once_and_time_restores_it() {
        let (mut pace, start) = (Pace::new(), Clock::system().now());
        pace.slow_down(start);
        pace.slow_down(start + Duration::from_millis(50));
        assert_eq!(pace.rate(), FULL_RATE / 2);
        for n in 1..20 {
            pace.slow_down(start + Duration::from_secs(n));
        }
        assert_eq!(pace.rate(), LEAST_RATE);
        pace.begin(start + Duration::from_secs(60));
        assert_eq!(pace.rate(), FULL_RATE);
    }
}
