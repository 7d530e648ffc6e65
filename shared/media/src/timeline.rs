/// Turns the 32-bit timestamps of one source into 64-bit ones that never wrap and never leap.
///
/// Cameras set their clock while they stream, and then their RTP timestamps leap by hours. A leap is told from
/// a pause by the time that passed here: after one, the timeline goes on by that time instead.
#[derive(Debug, Clone)]
pub struct Timeline {
    clock_rate: u32,
    last: Option<Last>,
    jumps: u64,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    raw: u32,
    unrolled: i64,
    at_ms: i64,
}

impl Timeline {
    /// `clock_rate` in ticks per second, as the SDP's `rtpmap` has it.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate: clock_rate.max(1), last: None, jumps: 0 }
    }

    /// The place of `timestamp`, which came at `at_ms` (any steady millisecond clock), in ticks.
    ///
    /// The first one stands where it is; the difference of two is what passed between them. Timestamps may go
    /// back, as those of pictures coded out of order do.
    pub fn unroll(&mut self, at_ms: i64, timestamp: u32) -> i64 {
        let Some(last) = self.last else {
            let unrolled = i64::from(timestamp);
            self.last = Some(Last { raw: timestamp, unrolled, at_ms });
            return unrolled;
        };
        let step = i64::from(timestamp.wrapping_sub(last.raw).cast_signed());
        let passed = self.ticks(at_ms.saturating_sub(last.at_ms));
        let limit = self.ticks(JUMP_MS);
        let step = if step.abs() > limit && step.saturating_sub(passed).abs() > limit {
            self.jumps += 1;
            passed.clamp(1, limit)
        } else {
            step
        };
        let unrolled = last.unrolled.saturating_add(step);
        self.last = Some(Last { raw: timestamp, unrolled, at_ms });
        unrolled
    }

    /// How often the source's timestamps leapt.
    #[must_use]
    pub fn jumps(&self) -> u64 {
        self.jumps
    }

    /// Begins anew with the next timestamp as a leap, after a change of source: time goes on from where it was.
    pub(crate) fn splice(&mut self, at_ms: i64, timestamp: u32) {
        if let Some(last) = &mut self.last {
            let step = ticks(self.clock_rate, at_ms.saturating_sub(last.at_ms))
                .clamp(1, ticks(self.clock_rate, JUMP_MS));
            *last = Last { raw: timestamp, unrolled: last.unrolled.saturating_add(step), at_ms };
        }
    }

    fn ticks(&self, ms: i64) -> i64 {
        ticks(self.clock_rate, ms)
    }
}

fn ticks(clock_rate: u32, ms: i64) -> i64 {
    ms.saturating_mul(i64::from(clock_rate)) / 1000
}

/// Far above any pause between two pictures that a source makes by itself.
const JUMP_MS: i64 = 10_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrap_goes_on() {
        let mut timeline = Timeline::new(90_000);
        assert_eq!(timeline.unroll(0, 0xffff_ff00), 0xffff_ff00);
        assert_eq!(timeline.unroll(40, 0x0000_0d10), 0xffff_ff00 + 3_600);
        assert_eq!(timeline.jumps(), 0);
    }

    #[test]
    fn a_picture_shown_earlier_than_sent_steps_back() {
        let mut timeline = Timeline::new(90_000);
        timeline.unroll(0, 10_800);
        assert_eq!(timeline.unroll(40, 3_600), 3_600);
        assert_eq!(timeline.unroll(80, 7_200), 7_200);
        assert_eq!(timeline.jumps(), 0);
    }

    #[test]
    fn a_leap_of_the_cameras_clock_is_taken_out() {
        for leap in [3_600 * 90_000u32, 0u32.wrapping_sub(3_600 * 90_000)] {
            let mut timeline = Timeline::new(90_000);
            timeline.unroll(0, 1_000_000);
            assert_eq!(timeline.unroll(40, 1_003_600u32.wrapping_add(leap)), 1_003_600);
            assert_eq!(timeline.unroll(80, 1_007_200u32.wrapping_add(leap)), 1_007_200);
            assert_eq!(timeline.jumps(), 1);
        }
    }

    #[test]
    fn a_pause_is_no_leap() {
        let mut timeline = Timeline::new(90_000);
        timeline.unroll(0, 0);
        assert_eq!(timeline.unroll(60_000, 60 * 90_000), 60 * 90_000);
        assert_eq!(timeline.jumps(), 0);
    }

    #[test]
    fn a_step_of_our_own_clock_changes_nothing() {
        let mut timeline = Timeline::new(90_000);
        timeline.unroll(0, 0);
        assert_eq!(timeline.unroll(86_400_000, 3_600), 3_600);
        assert_eq!(timeline.unroll(-86_400_000, 7_200), 7_200);
    }

    proptest! {
        #[test]
        fn steady_pictures_keep_their_distance_from_any_start(start: u32, frames in 1u32..400, interval in 1u32..200_000) {
            let mut timeline = Timeline::new(90_000);
            let first = timeline.unroll(0, start);
            for n in 1..=frames {
                let at_ms = i64::from(n) * i64::from(interval) / 90;
                let unrolled = timeline.unroll(at_ms, start.wrapping_add(n.wrapping_mul(interval)));
                prop_assert_eq!(unrolled - first, i64::from(n) * i64::from(interval));
            }
        }

        #[test]
        fn no_input_moves_time_by_more_than_what_passed_and_the_limit(
            steps in proptest::collection::vec((any::<i32>(), any::<u32>()), 0..60),
        ) {
            let mut timeline = Timeline::new(90_000);
            let (mut at, mut before) = (0i64, None);
            for (ms, timestamp) in steps {
                at += i64::from(ms);
                let now = timeline.unroll(at, timestamp);
                if let Some(before) = before {
                    let moved: i64 = now - before;
                    prop_assert!(moved.abs() <= i64::from(ms).abs() * 90 + 2 * 900_000, "{moved}");
                }
                before = Some(now);
            }
        }
    }
}
