/// Lays a feed's time on one viewer's RTP timeline. Pure. Times that go out never go back, and as long as the
/// feed's clock runs on, the difference between both stays the same, so that RTP time tells capture time.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    base: i64,
    offset: i64,
    last: Option<Sent>,
    newest: Option<Stamp>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    out: i64,
    timestamp: i64,
    captured_at_ms: i64,
}

/// An RTP timestamp that was sent, and when its picture was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) rtp: u32,
    pub(crate) captured_at_ms: i64,
}

impl Timeline {
    /// A timeline that begins at `base` (RFC 3550 §5.1 asks for a random one).
    pub(crate) fn new(base: u32) -> Self {
        Self { base: i64::from(base), offset: 0, last: None, newest: None }
    }

    /// The RTP timestamp for a frame of the feed in its place in time.
    pub(crate) fn follow(&mut self, timestamp: i64, captured_at_ms: i64) -> u32 {
        let out = match self.last {
            None => {
                self.offset = self.base.saturating_sub(timestamp);
                self.base
            }
            Some(last) => {
                let ticks = timestamp.saturating_sub(last.timestamp);
                let elapsed = captured_at_ms.saturating_sub(last.captured_at_ms).saturating_mul(TICKS_PER_MS);
                if !(1..=LONGEST_PAUSE).contains(&ticks)
                    || ticks.saturating_sub(elapsed).saturating_abs() > JUMP
                {
                    // The camera began a new clock: go on by the time that passed at the edge.
                    self.offset = last.out.saturating_add(elapsed.clamp(1, JUMP)).saturating_sub(timestamp);
                }
                timestamp.saturating_add(self.offset).max(last.out + 1)
            }
        };
        let rtp = self.sent(out, timestamp, captured_at_ms);
        self.newest = Some(Stamp { rtp, captured_at_ms });
        rtp
    }

    /// The RTP timestamp for a frame that is sent again: `step` ticks after the last one, because there is no
    /// room for its place in time.
    pub(crate) fn squeeze(&mut self, step: i64, timestamp: i64, captured_at_ms: i64) -> u32 {
        let out = self.last.map_or(self.base, |last| last.out + step.max(1));
        if self.last.is_none() {
            self.offset = self.base.saturating_sub(timestamp);
        }
        self.sent(out, timestamp, captured_at_ms)
    }

    /// The newest frame whose RTP time tells its capture time.
    pub(crate) fn newest(&self) -> Option<Stamp> {
        self.newest
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an RTP timestamp is the low 32 bits"
    )]
    fn sent(&mut self, out: i64, timestamp: i64, captured_at_ms: i64) -> u32 {
        self.last = Some(Sent { out, timestamp, captured_at_ms });
        out as u32
    }
}

const TICKS_PER_MS: i64 = 90;
/// Longer disagreement between a camera's clock and ours is a new clock. Shorter ones are stalls of a camera,
/// whose frames arrive late in a bunch and must keep their places.
const JUMP: i64 = 10 * 90_000;
/// A day without a picture is a new clock too, whatever the clocks say.
const LONGEST_PAUSE: i64 = 24 * 3_600 * 90_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn differences_are_kept() {
        let mut line = Timeline::new(u32::MAX - 10);
        let first = line.follow(1_000, 0);
        assert_eq!(first, u32::MAX - 10);
        assert_eq!(line.follow(4_600, 40).wrapping_sub(first), 3_600);
        assert_eq!(line.follow(8_200, 2_000).wrapping_sub(first), 7_200, "a late frame keeps its place");
    }

    #[test]
    fn a_new_clock_goes_on_where_the_old_one_stopped() {
        for restart in [5, 9_000_000_000] {
            let mut line = Timeline::new(7);
            line.follow(900_000, 10_000);
            assert_eq!(line.follow(restart, 12_000), 7 + 180_000);
            assert_eq!(line.follow(restart + 3_600, 12_040), 7 + 183_600);
        }
    }

    #[test]
    fn live_frames_return_to_their_place_after_a_squeeze() {
        let mut line = Timeline::new(0);
        line.follow(0, 0);
        line.follow(3_600, 40);
        assert_eq!(line.squeeze(90, 0, 0), 3_690);
        assert_eq!(line.squeeze(90, 3_600, 40), 3_780);
        assert_eq!(line.newest().map(|stamp| stamp.rtp), Some(3_600));
        assert_eq!(line.follow(7_200, 80), 7_200);
    }

    proptest! {
        #[test]
        fn time_never_goes_back(
            base: u32,
            steps in proptest::collection::vec((any::<bool>(), any::<i64>(), any::<i64>()), 1..50),
        ) {
            let mut line = Timeline::new(base);
            let mut last: Option<i64> = None;
            for (squeezed, timestamp, captured) in steps {
                if squeezed {
                    line.squeeze(14, timestamp, captured);
                } else {
                    line.follow(timestamp, captured);
                }
                let out = line.last.expect("something was sent").out;
                prop_assert!(last.is_none_or(|last| out > last));
                prop_assert!(out < i64::MAX / 2);
                last = Some(out);
            }
        }
    }
}
