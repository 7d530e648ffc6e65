/// Lays a feed's time on one viewer's RTP timeline. Pure. Times that go out never go back, and as long as the
/// feed's clock runs on, the difference between both stays the same, so that RTP time tells capture time.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    base: i64,
    /// Ticks a second.
    rate: i64,
    offset: i64,
    last: Option<Sent>,
    newest: Option<Sent>,
    /// The feed has another clock from here on.
    renewed: bool,
    /// The next frame in its place stands [`LEAP_SECONDS`] further on.
    leaps: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    out: i64,
    timestamp: i64,
    captured_at_ms: i64,
}

/// An RTP timestamp, and the capture time that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) rtp: u32,
    pub(crate) captured_at_ms: i64,
}

impl Stamp {
    /// Whether this tells the capture time of a later picture of video wrongly.
    pub(crate) fn strays_from(self, later: Self) -> bool {
        let ticks = later.rtp.wrapping_sub(self.rtp).cast_signed();
        let told = self.captured_at_ms + i64::from(ticks / TICKS_PER_MS);
        told.abs_diff(later.captured_at_ms) > STRAYS_MS
    }
}

impl Timeline {
    /// A timeline that begins at `base` (RFC 3550 §5.1 asks for a random one), of `rate` ticks a second.
    pub(crate) fn new(base: u32, rate: u32) -> Self {
        Self {
            base: i64::from(base),
            rate: rate.into(),
            offset: 0,
            last: None,
            newest: None,
            renewed: false,
            leaps: false,
        }
    }

    /// From here on the feed's clock has `rate` ticks a second.
    pub(crate) fn set_rate(&mut self, rate: u32) {
        self.renewed |= self.rate != i64::from(rate);
        self.rate = rate.into();
    }

    /// From here on it is another feed: it goes on by the time that passed between what both captured.
    pub(crate) fn renew(&mut self) {
        self.renewed = true;
    }

    /// From here on RTP time is hours ahead, so that a browser begins its estimate of this clock anew: one that has
    /// taken a burst believes for half a minute in a clock that runs at the burst's speed. It gives an estimate up
    /// where a picture would be due more than 10 s from now (Chromium's `FrameHasBadRenderTiming`).
    pub(crate) fn leap(&mut self) {
        self.leaps = true;
    }

    /// The RTP timestamp for a frame of the feed in its place in time.
    pub(crate) fn follow(&mut self, timestamp: i64, captured_at_ms: i64) -> Stamp {
        let renewed = std::mem::take(&mut self.renewed);
        let out = match self.last {
            None => {
                self.offset = self.base.saturating_sub(timestamp);
                self.base
            }
            Some(last) => {
                let ticks = timestamp.saturating_sub(last.timestamp);
                let elapsed = self.ticks(captured_at_ms.saturating_sub(last.captured_at_ms));
                let jump = self.rate * JUMP_SECONDS;
                if renewed
                    || !(1..=self.rate * LONGEST_PAUSE_SECONDS).contains(&ticks)
                    || ticks.saturating_sub(elapsed).saturating_abs() > jump
                {
                    // The camera began a new clock: go on by the time that passed at the edge.
                    self.offset = last.out.saturating_add(elapsed.clamp(1, jump)).saturating_sub(timestamp);
                }
                if std::mem::take(&mut self.leaps) {
                    self.offset = self.offset.saturating_add(self.rate * LEAP_SECONDS);
                }
                timestamp.saturating_add(self.offset).max(last.out + 1)
            }
        };
        let sent = Sent { out, timestamp, captured_at_ms };
        self.last = Some(sent);
        self.newest = Some(sent);
        Stamp { rtp: low(out), captured_at_ms }
    }

    /// The RTP timestamp for a frame that is sent again: `step` ticks after the last one, because there is no
    /// room for its place in time. The capture time is the one that its RTP time claims.
    pub(crate) fn squeeze(&mut self, step: i64, timestamp: i64, captured_at_ms: i64) -> Stamp {
        let out = self.last.map_or(self.base, |last| last.out + step.max(1));
        if self.last.is_none() {
            self.offset = self.base.saturating_sub(timestamp);
        }
        self.last = Some(Sent { out, timestamp, captured_at_ms });
        let claimed = self.newest.map_or(captured_at_ms, |newest| {
            newest.captured_at_ms.saturating_add((out - newest.out) * 1_000 / self.rate)
        });
        Stamp { rtp: low(out), captured_at_ms: claimed }
    }

    /// The newest frame whose RTP time tells its capture time.
    pub(crate) fn newest(&self) -> Option<Stamp> {
        self.newest.map(|sent| Stamp { rtp: low(sent.out), captured_at_ms: sent.captured_at_ms })
    }

    fn ticks(&self, milliseconds: i64) -> i64 {
        milliseconds.saturating_mul(self.rate) / 1_000
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an RTP timestamp is the low 32 bits"
)]
fn low(out: i64) -> u32 {
    out as u32
}

/// Longer disagreement between a camera's clock and ours is a new clock. Shorter ones are stalls of a camera,
/// whose frames arrive late in a bunch and must keep their places.
const JUMP_SECONDS: i64 = 10;
/// 10 s at two thousand times the speed, and less than half of what 32 bits of a clock of 90 kHz hold.
const LEAP_SECONDS: i64 = 20_000;
/// A day without a picture is a new clock too, whatever the clocks say.
const LONGEST_PAUSE_SECONDS: i64 = 24 * 3_600;
/// Of RTP time of video (RFC 6184 §8.1).
const TICKS_PER_MS: i32 = 90;
/// More than this between what was told and what is true is worth a message, ms: one picture of 25 a second.
const STRAYS_MS: u64 = 40;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_told_of_capture_time_holds_until_the_clocks_part() {
        let told = Stamp { rtp: u32::MAX - 89_999, captured_at_ms: 1_000 };
        for (rtp, captured_at_ms, strays) in [
            (u32::MAX - 89_999, 1_000, false),
            (0, 2_000, false),
            (90_000 * 60, 62_040, false),
            (90_000 * 60, 62_041, true),
            (0, 1_900, true),
        ] {
            assert_eq!(told.strays_from(Stamp { rtp, captured_at_ms }), strays, "{rtp} {captured_at_ms}");
        }
    }

    #[test]
    fn differences_are_kept() {
        let mut line = Timeline::new(u32::MAX - 10, 90_000);
        let first = line.follow(1_000, 0).rtp;
        assert_eq!(first, u32::MAX - 10);
        assert_eq!(line.follow(4_600, 40).rtp.wrapping_sub(first), 3_600);
        assert_eq!(line.follow(8_200, 2_000).rtp.wrapping_sub(first), 7_200, "a late frame keeps its place");
    }

    #[test]
    fn a_new_clock_goes_on_where_the_old_one_stopped() {
        for restart in [5, 9_000_000_000] {
            let mut line = Timeline::new(7, 90_000);
            line.follow(900_000, 10_000);
            assert_eq!(line.follow(restart, 12_000).rtp, 7 + 180_000);
            assert_eq!(line.follow(restart + 3_600, 12_040).rtp, 7 + 183_600);
        }
    }

    #[test]
    fn live_frames_return_to_their_place_after_a_squeeze() {
        let mut line = Timeline::new(0, 90_000);
        line.follow(0, 0);
        line.follow(3_600, 40);
        assert_eq!(line.squeeze(90, 0, 0), Stamp { rtp: 3_690, captured_at_ms: 41 });
        assert_eq!(line.squeeze(90, 3_600, 40).rtp, 3_780);
        assert_eq!(line.newest().map(|stamp| stamp.rtp), Some(3_600));
        assert_eq!(line.follow(7_200, 80).rtp, 7_200);
    }

    #[test]
    fn another_clock_rate_goes_on_by_the_time_that_passed() {
        let mut line = Timeline::new(0, 8_000);
        line.follow(160, 20);
        line.set_rate(48_000);
        assert_eq!(line.follow(170, 40).rtp, 960, "20 ms of the new clock");
        assert_eq!(line.follow(170 + 960, 60).rtp, 1_920);
        line.set_rate(48_000);
        assert_eq!(line.follow(170 + 1_920, 90).rtp, 2_880, "the same rate is no new clock");
    }

    #[test]
    fn a_leap_is_far_forward_for_thirty_two_bits_and_keeps_differences_from_there() {
        let mut line = Timeline::new(u32::MAX - 10, 90_000);
        let before = line.follow(0, 0).rtp;
        line.leap();
        let after = line.follow(3_600, 40);
        let ahead = after.rtp.wrapping_sub(before);
        assert_eq!(ahead, 1_800_003_600);
        assert!(ahead < 1 << 31, "not back");
        assert_eq!(line.newest(), Some(Stamp { rtp: after.rtp, captured_at_ms: 40 }));
        assert_eq!(line.follow(7_200, 80).rtp.wrapping_sub(after.rtp), 3_600);
        line.leap();
        line.renew();
        assert_eq!(line.follow(5, 120).rtp.wrapping_sub(after.rtp), 1_800_007_200, "with another feed, too");
    }

    proptest! {
        #[test]
        fn sound_never_goes_back_over_restarts_and_keeps_its_distances_between_them(
            base: u32,
            rate in prop_oneof![Just(8_000_u32), Just(48_000)],
            runs in proptest::collection::vec((0..i64::MAX / 4, 1..40_i64, 0..5_000_i64), 1..20),
        ) {
            let mut line = Timeline::new(base, rate);
            let (mut captured, mut last): (i64, Option<i64>) = (1_000_000, None);
            for (start, packets, pause) in runs {
                for at in 0..packets {
                    let before = last;
                    line.follow(start + at * i64::from(rate) / 50, captured);
                    let out = line.last.expect("something was sent").out;
                    prop_assert!(before.is_none_or(|before| out > before));
                    if at > 0 {
                        prop_assert_eq!(before.map(|before| out - before), Some(i64::from(rate) / 50));
                    }
                    last = Some(out);
                    captured += 20;
                }
                captured += pause;
            }
        }

        #[test]
        fn time_never_goes_back(
            base: u32,
            steps in proptest::collection::vec((any::<u8>(), any::<i64>(), any::<i64>()), 1..50),
        ) {
            let mut line = Timeline::new(base, 90_000);
            let mut last: Option<i64> = None;
            for (kind, timestamp, captured) in steps {
                match kind {
                    0..20 => line.set_rate(8_000),
                    20..40 => line.set_rate(48_000),
                    _ => {}
                }
                if kind % 2 == 0 {
                    line.squeeze(14, timestamp, captured);
                } else if kind == 41 {
                    line.leap();
                    continue;
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
