use std::time::{Duration, Instant};

/// How fast a burst may leave, in bytes. Pure.
///
/// The rates are what a browser's socket was seen to take without loss; a NACK halves them, and they recover
/// when a while has passed without one.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// What losses left of the rate, in bytes a second.
    limit: u64,
    /// The rate of the burst that is under way.
    rate: u64,
    /// Bytes that may leave now; negative after a packet that was larger than what was left.
    credit: i64,
    at: Option<Instant>,
    slowed_at: Option<Instant>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { limit: QUICK_RATE, rate: QUICK_RATE, credit: 0, at: None, slowed_at: None }
    }

    /// Bytes a second at which a burst of so many bytes would leave at present.
    pub(crate) fn rate(&self, burst: usize) -> u64 {
        self.limit.min(if burst <= SMALL_BURST { QUICK_RATE } else { FULL_RATE })
    }

    /// A burst of so many bytes begins: its head may leave at once.
    pub(crate) fn begin(&mut self, now: Instant, burst: usize) {
        if self.slowed_at.is_some_and(|at| now.saturating_duration_since(at) > RECOVERY) {
            self.limit = QUICK_RATE;
        }
        self.rate = self.rate(burst);
        self.at = Some(now);
        self.credit = self.worth(HEAD).max(self.worth(SLICE));
    }

    /// Bytes that may leave at `now`, zero or less if none.
    pub(crate) fn allowance(&mut self, now: Instant) -> i64 {
        let since = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.at = Some(now);
        // A task that wakes late catches up a little, not all at once.
        let most = self.worth(CATCH_UP).max(self.credit);
        self.credit = (self.credit + self.worth(since.min(CATCH_UP))).min(most);
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
            self.limit = (self.rate / 2).max(LEAST_RATE);
            self.rate = self.limit;
        }
    }

    fn worth(&self, time: Duration) -> i64 {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        i64::try_from(self.rate.saturating_mul(micros) / 1_000_000).unwrap_or(i64::MAX)
    }
}

/// 200 Mbit/s for small bursts: up to 1 MB lost nothing even at once.
const QUICK_RATE: u64 = 200_000_000 / 8;
/// 100 Mbit/s for others: 2.4 MB at this rate lost nothing, at once they overran a browser's socket.
const FULL_RATE: u64 = 100_000_000 / 8;
/// Bytes of a small burst.
const SMALL_BURST: usize = 1_000_000;
/// 5 Mbit/s: slower than this a burst is no better than waiting.
const LEAST_RATE: u64 = 5_000_000 / 8;
/// What leaves first, without waiting for a timer: 40 kB of a small burst, which is a key frame of 1 Mbit/s.
const HEAD: Duration = Duration::from_micros(1_600);
/// What leaves at one time: one tick of the runtime's timer.
const SLICE: Duration = Duration::from_millis(1);
/// Most of a late wake-up that is made good: 75 kB of a small burst, below a socket's buffer.
const CATCH_UP: Duration = Duration::from_millis(3);
/// NACKs of one loss come together.
const ONE_LOSS: Duration = Duration::from_millis(100);
/// So long without a loss, and the full rate is tried again.
const RECOVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use sluice_runtime::Clock;

    use super::*;

    /// Milliseconds until a burst has left, with a timer of 1 ms.
    fn time(pace: &mut Pace, start: Instant, bytes: usize) -> u128 {
        pace.begin(start, bytes);
        let (mut now, mut left) = (start, i64::try_from(bytes).expect("small"));
        loop {
            while left > 0 && pace.allowance(now) > 0 {
                pace.spend(1_200);
                left -= 1_200;
            }
            if left <= 0 {
                return (now - start).as_millis();
            }
            now = pace.next().expect("it has begun").max(now + SLICE);
        }
    }

    #[test]
    fn a_key_frame_leaves_at_once_and_two_seconds_of_a_megabit_in_ten_milliseconds() {
        let (mut pace, start) = (Pace::new(), Clock::system().now());
        assert_eq!(time(&mut pace, start, 40_000), 0);
        assert!((6..=10).contains(&time(&mut pace, start, 250_000)));
    }

    #[test]
    fn a_small_burst_takes_two_hundred_megabit_and_a_large_one_half() {
        let (mut pace, start) = (Pace::new(), Clock::system().now());
        let took = time(&mut pace, start, 1_000_000);
        assert!((35..=42).contains(&took), "{took} ms");
        let took = time(&mut pace, start, 2_400_000);
        assert!((185..=195).contains(&took), "{took} ms");
    }

    #[test]
    fn a_long_sleep_is_not_made_good_at_once() {
        let (mut pace, start) = (Pace::new(), Clock::system().now());
        pace.begin(start, 500_000);
        assert!(pace.allowance(start + Duration::from_secs(5)) <= 75_000);
    }

    #[test]
    fn one_loss_halves_the_rate_once_and_time_restores_it() {
        let (mut pace, start) = (Pace::new(), Clock::system().now());
        pace.begin(start, 2_400_000);
        pace.slow_down(start);
        pace.slow_down(start + Duration::from_millis(50));
        assert_eq!((pace.rate(100_000), pace.rate(2_400_000)), (FULL_RATE / 2, FULL_RATE / 2));
        for n in 1..20 {
            pace.slow_down(start + Duration::from_secs(n));
        }
        assert_eq!(pace.rate(100_000), LEAST_RATE);
        pace.begin(start + Duration::from_secs(60), 100_000);
        assert_eq!(pace.rate(100_000), QUICK_RATE);
    }
}
