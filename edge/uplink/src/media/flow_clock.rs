use std::time::{Duration, Instant};

use sluice_ids::UnixMillis;

/// Finds which capture time an RTP timestamp stands for. Pure.
///
/// A picture's arrival is its capture plus the time it took through the LAN, which varies upwards: of a
/// window's pictures the one that came soonest after its timestamp is right.
#[derive(Debug)]
pub(crate) struct FlowClock {
    rate: u32,
    told: Option<Told>,
    window: Option<Point>,
    window_since: Option<Instant>,
    windows: u32,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    point: Point,
    at: Instant,
}

/// An RTP timestamp and when it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) timestamp: u32,
    pub(crate) captured: UnixMillis,
}

impl Point {
    /// What this point says of `timestamp`.
    fn predict(self, rate: u32, timestamp: u32) -> i64 {
        let ticks = i64::from(timestamp.wrapping_sub(self.timestamp).cast_signed());
        self.captured.0.saturating_add(ticks * 1_000 / i64::from(rate))
    }
}

impl FlowClock {
    pub(crate) fn new(rate: u32) -> Self {
        Self { rate: rate.max(1), told: None, window: None, window_since: None, windows: 0 }
    }

    /// The first point, told with `started`.
    pub(crate) fn start(&mut self, now: Instant, point: Point) {
        *self = Self::new(self.rate);
        self.told = Some(Told { point, at: now });
    }

    /// One more picture; a point if the node should hear of it.
    pub(crate) fn handle(&mut self, now: Instant, point: Point) -> Option<Point> {
        let told = self.told?;
        let error = point.captured.0 - told.point.predict(self.rate, point.timestamp);
        if !(-EARLY_MS..=LATE_MS).contains(&error) {
            // The camera's clock leapt, or ours did.
            self.start(now, point);
            return Some(point);
        }
        let sooner = |best: &Point| point.captured.0 < best.predict(self.rate, point.timestamp);
        if self.window.as_ref().is_none_or(sooner) {
            self.window = Some(point);
        }
        let since = *self.window_since.get_or_insert(now);
        let length = if self.windows == 0 { FIRST_WINDOW } else { WINDOW };
        if now.saturating_duration_since(since) < length {
            return None;
        }
        self.windows = self.windows.saturating_add(1);
        self.window_since = None;
        let best = self.window.take()?;
        let moved = (best.captured.0 - told.point.predict(self.rate, best.timestamp)).abs();
        let old = now.saturating_duration_since(told.at) >= REPEAT;
        if moved < NEWS_MS && !old {
            return None;
        }
        self.told = Some(Told { point: best, at: now });
        Some(best)
    }
}

/// A picture cannot come before it was taken, but for the jitter of the one that was told.
const EARLY_MS: i64 = 250;
/// Later than this is no jitter of a LAN.
const LATE_MS: i64 = 2_000;
/// Below this nobody sees the difference.
const NEWS_MS: i64 = 3;
const FIRST_WINDOW: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(5);
/// Before 32 bits of RTP time are half over, by far.
const REPEAT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    fn point(n: u32, delay: i64) -> Point {
        Point {
            timestamp: 4_294_960_000u32.wrapping_add(n * 3_600),
            captured: UnixMillis(1_000_000 + i64::from(n) * 40 + delay),
        }
    }

    #[test]
    fn the_picture_that_came_soonest_is_believed() {
        let (mut clock, now) = (FlowClock::new(90_000), sluice_runtime::Clock::system().now());
        clock.start(now, point(0, 30));
        let told: Vec<Point> = (1..200)
            .filter_map(|n| {
                clock.handle(now + Duration::from_millis(40) * n, point(n, if n == 9 { 2 } else { 35 }))
            })
            .collect();
        assert_eq!(told, [point(9, 2), *told.last().unwrap()]);
        assert_eq!(told[1].captured.0 - told[1].predict(90_000, told[1].timestamp), 0);
    }

    #[test]
    fn a_leap_is_told_at_once() {
        let (mut clock, now) = (FlowClock::new(90_000), sluice_runtime::Clock::system().now());
        clock.start(now, point(0, 0));
        let leapt = Point { timestamp: 7, ..point(1, 0) };
        assert_eq!(
            clock.handle(now, Point { timestamp: 900_000_007, ..leapt }).map(|p| p.timestamp),
            Some(900_000_007)
        );
    }
}
