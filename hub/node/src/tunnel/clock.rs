//! Capture times in the node's clock: the offset of two clocks, and the line from RTP time to wall time. Pure.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use sluice_ids::UnixMillis;
use sluice_wire::media::Pong;

/// Estimates what must be added to the edge's clock to get the node's: of the recent exchanges the one with
/// the shortest round trip is right, because its error is at most half of it.
#[derive(Debug, Default)]
pub(crate) struct Offset {
    samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    offset_ms: i64,
    round_trip: Duration,
}

impl Offset {
    pub(crate) fn handle(&mut self, now: Instant, arrived: UnixMillis, pong: Pong) {
        let (offset_ms, round_trip) = pong.offset(arrived);
        self.samples.retain(|sample| now.saturating_duration_since(sample.at) < REMEMBERED);
        if self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        // A clock that was set makes everything before it wrong.
        let bound =
            |sample: &Sample| i64::try_from((sample.round_trip + round_trip).as_millis()).unwrap_or(i64::MAX);
        self.samples
            .retain(|sample| (sample.offset_ms - offset_ms).saturating_abs() <= bound(sample) + SLACK_MS);
        self.samples.push_back(Sample { at: now, offset_ms, round_trip });
    }

    /// Milliseconds; `None` before the first exchange.
    pub(crate) fn to_node(&self) -> Option<i64> {
        self.samples.iter().min_by_key(|sample| sample.round_trip).map(|sample| sample.offset_ms)
    }
}

/// Ties RTP timestamps of one flow to the edge's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlowClock {
    rate: u32,
    timestamp: u32,
    captured_ms: i64,
}

impl FlowClock {
    pub(crate) fn new(rate: u32, timestamp: u32, captured: UnixMillis) -> Self {
        Self { rate: rate.max(1), timestamp, captured_ms: captured.0 }
    }

    pub(crate) fn set(&mut self, timestamp: u32, captured: UnixMillis) {
        (self.timestamp, self.captured_ms) = (timestamp, captured.0);
    }

    /// When `timestamp` was taken, in the edge's clock.
    pub(crate) fn captured_ms(&self, timestamp: u32) -> i64 {
        let ticks = i64::from(timestamp.wrapping_sub(self.timestamp).cast_signed());
        self.captured_ms.saturating_add(ticks * 1_000 / i64::from(self.rate))
    }
}

/// Crystals drift by some 50 ppm: 15 ms in this time.
const REMEMBERED: Duration = Duration::from_secs(300);
const SAMPLES: usize = 16;
const SLACK_MS: i64 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn pong(there: i64, offset: i64) -> Pong {
        // The edge's clock is `offset` behind ours.
        let received = UnixMillis(there - offset);
        Pong { ping_sent: UnixMillis(0), received, sent: received }
    }

    #[test]
    fn the_exchange_with_the_shortest_round_trip_wins() {
        let (mut offset, now) = (Offset::default(), sluice_runtime::Clock::system().now());
        assert_eq!(offset.to_node(), None);
        offset.handle(now, UnixMillis(400), pong(300, 3_600_000));
        assert_eq!(offset.to_node(), Some(3_599_900));
        offset.handle(now, UnixMillis(20), pong(10, 3_600_000));
        offset.handle(now, UnixMillis(600), pong(100, 3_600_000));
        assert_eq!(offset.to_node(), Some(3_600_000));
    }

    #[test]
    fn a_clock_that_was_set_is_followed_at_once() {
        let (mut offset, now) = (Offset::default(), sluice_runtime::Clock::system().now());
        offset.handle(now, UnixMillis(20), pong(10, 0));
        offset.handle(now, UnixMillis(200), pong(100, -5_000));
        assert_eq!(offset.to_node(), Some(-5_000));
    }

    #[test]
    fn time_goes_both_ways_and_over_the_wrap() {
        let clock = FlowClock::new(90_000, 100, UnixMillis(1_000_000));
        assert_eq!(clock.captured_ms(100 + 90_000), 1_001_000);
        assert_eq!(clock.captured_ms(100u32.wrapping_sub(180_000)), 998_000);
    }
}
