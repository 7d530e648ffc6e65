/// Turns the 16-bit sequence numbers of one epoch into 64-bit ones that never wrap.
///
/// The low 16 bits stay the packet's own. Each number is taken to be the one nearest to the highest so far.
#[derive(Debug, Clone, Default)]
pub struct SequenceExtender {
    highest: Option<u64>,
}

impl SequenceExtender {
    /// Starts with the first number it is given, in the second cycle, so that one just before it has room.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts as if `extended` had been the highest so far: the other end of a link names it.
    #[must_use]
    pub fn starting_at(extended: u64) -> Self {
        Self { highest: Some(extended) }
    }

    /// The extended form of `sequence_number`.
    pub fn extend(&mut self, sequence_number: u16) -> u64 {
        let extended = self.nearest(sequence_number);
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
        extended
    }

    /// The extended form of `sequence_number`, without taking note of it.
    #[must_use]
    pub fn nearest(&self, sequence_number: u16) -> u64 {
        let Some(highest) = self.highest else { return CYCLE | u64::from(sequence_number) };
        let ahead = sequence_number.wrapping_sub(low(highest));
        if ahead < 0x8000 {
            return highest + u64::from(ahead);
        }
        let behind = u64::from(ahead.wrapping_neg());
        highest.checked_sub(behind).unwrap_or(highest + u64::from(ahead))
    }

    /// Begins a new numbering with `sequence_number`: its extended form lies above every one so far.
    pub fn restart(&mut self, sequence_number: u16) -> u64 {
        let cycle = self.highest.map_or(CYCLE, |highest| (highest | 0xffff) + 1);
        let extended = cycle | u64::from(sequence_number);
        self.highest = Some(extended);
        extended
    }

    /// The highest number so far.
    #[must_use]
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

fn low(extended: u64) -> u16 {
    (extended & 0xffff) as u16
}

const CYCLE: u64 = 0x1_0000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrap_goes_on_counting() {
        let mut extender = SequenceExtender::new();
        let got: Vec<u64> = [65_534, 65_535, 0, 1].map(|n| extender.extend(n)).into();
        assert_eq!(got, [0x1_fffe, 0x1_ffff, 0x2_0000, 0x2_0001]);
    }

    #[test]
    fn one_from_before_the_wrap_is_behind() {
        let mut extender = SequenceExtender::starting_at(0x2_0001);
        assert_eq!(extender.extend(65_535), 0x1_ffff);
        assert_eq!(extender.highest(), Some(0x2_0001));
    }

    #[test]
    fn nothing_lies_below_zero() {
        assert_eq!(SequenceExtender::starting_at(3).extend(65_535), 65_535);
    }

    #[test]
    fn a_restart_lies_above_all_before() {
        let mut extender = SequenceExtender::new();
        extender.extend(40_000);
        assert_eq!(extender.restart(7), 0x2_0007);
        assert_eq!(extender.restart(65_535), 0x3_ffff);
        assert_eq!(extender.restart(0), 0x4_0000);
    }

    proptest! {
        #[test]
        fn any_walk_of_small_steps_is_followed(start: u16, steps in proptest::collection::vec(-30_000i64..30_000, 0..60)) {
            let mut extender = SequenceExtender::new();
            let mut truth = extender.extend(start);
            for step in steps {
                let next = extender.highest().unwrap_or(truth).saturating_add_signed(step);
                truth = extender.extend((next & 0xffff) as u16);
                prop_assert_eq!(truth, next);
            }
        }

        #[test]
        fn low_bits_stay_the_packets_own(numbers in proptest::collection::vec(any::<u16>(), 1..100)) {
            let mut extender = SequenceExtender::new();
            for number in numbers {
                prop_assert_eq!(extender.extend(number) & 0xffff, u64::from(number));
            }
        }
    }
}
