use std::time::Duration;

/// How far apart a camera's pictures are, from the newest ones.
#[derive(Debug, Clone)]
pub(crate) struct Cadence {
    assumed: i64,
    /// Ticks above which two pictures are no neighbours.
    longest: i64,
    steps: [i64; STEPS],
    known: usize,
    place: usize,
}

impl Cadence {
    /// For a clock of `rate` ticks a second. 25 pictures are assumed for as long as nothing was measured.
    pub(crate) fn new(rate: i64) -> Self {
        Self {
            assumed: (rate / 25).max(1),
            longest: rate.saturating_mul(LONGEST_SECONDS),
            steps: [0; STEPS],
            known: 0,
            place: 0,
        }
    }

    pub(crate) fn assume(&mut self, assumed: i64) {
        self.assumed = assumed.max(1);
    }

    pub(crate) fn observe(&mut self, step: i64) {
        if !(1..=self.longest).contains(&step) {
            return;
        }
        self.steps[self.place] = step;
        self.place = (self.place + 1) % STEPS;
        self.known = (self.known + 1).min(STEPS);
    }

    /// Whether enough was measured to be believed more than what the stream declares.
    pub(crate) fn is_known(&self) -> bool {
        self.known >= STEPS / 4
    }

    /// Ticks from one picture to the next: the mean of what lies near the median, so that neither jitter nor a
    /// pause changes much.
    pub(crate) fn interval(&self) -> i64 {
        if self.known == 0 {
            return self.assumed;
        }
        let mut sorted = self.steps;
        let sorted = &mut sorted[..self.known];
        sorted.sort_unstable();
        let median = sorted[self.known / 2];
        // What the stream declares is more exact than few steps that jitter.
        let even = self.known > 2 && (sorted[self.known - 1] - sorted[0]) * 16 <= median;
        if !self.is_known() && !even && (median - self.assumed).abs() * 4 <= self.assumed {
            return self.assumed;
        }
        let usual = sorted.iter().filter(|step| (**step - median).abs() <= median / 2);
        let (sum, count) = usual.fold((0i64, 0), |(sum, count), step| (sum.saturating_add(*step), count + 1));
        (sum / count.max(1)).max(1)
    }
}

/// The decode times that are written: an even grid that follows the camera's, so that parts last what they
/// promise. A picture's own time is kept by its composition offset.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    rate: i64,
    target: i64,
    /// Ticks a part may last, and the same in milliseconds as the playlist says it; 0 until the first part.
    limit: i64,
    limit_ms: u64,
    /// Ticks of a frame that the limit was laid down for.
    nominal: i64,
    /// A part has shown the limit to players.
    settled: bool,
}

impl Grid {
    pub(crate) fn new(rate: u32, part_target: Duration) -> Self {
        let rate = i64::from(rate.max(1));
        let target = i64::try_from(part_target.as_micros()).unwrap_or(i64::MAX / rate) * rate / 1_000_000;
        Self { rate, target, limit: 0, limit_ms: 0, nominal: 0, settled: false }
    }

    /// Lays down PART-TARGET: as many frames as fit into the wanted length, and 5 % of slack. It is kept, for a
    /// playlist must not change it, but for a camera whose single frames have become longer.
    pub(crate) fn fit(&mut self, interval: i64) {
        if self.settled && self.limit >= interval {
            return;
        }
        self.nominal = interval;
        let frames = (self.target * 101 / 100 / interval.max(1)).max(1);
        let ticks = frames * interval * 105 / 100;
        self.limit_ms = ((ticks * 1000 + self.rate - 1) / self.rate).cast_unsigned().max(1);
        self.limit = self.limit_ms.cast_signed() * self.rate / 1000;
    }

    /// Takes over what a playlist has promised.
    pub(crate) fn keep(&mut self, limit_ms: u64) {
        self.limit_ms = limit_ms;
        self.limit = limit_ms.cast_signed() * self.rate / 1000;
        self.settled = limit_ms > 0;
    }

    /// From now on the limit is a promise.
    pub(crate) fn settle(&mut self) {
        self.settled = true;
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    pub(crate) fn limit(&self) -> i64 {
        self.limit
    }

    pub(crate) fn limit_ms(&self) -> u64 {
        self.limit_ms
    }

    /// Ticks of a frame on the grid. What was measured is kept to only where it is clearly another rate: parts of
    /// one length are worth more than the last percent, which the grid makes up for.
    pub(crate) fn step(&self, interval: i64) -> i64 {
        if (interval - self.nominal).abs() * 8 <= self.nominal { self.nominal } else { interval }
    }

    /// How late a frame's time may lie behind the grid and be caught up with slowly.
    pub(crate) fn tolerance(&self, interval: i64) -> i64 {
        (interval * 3 / 4).max(self.rate * TOLERANCE_MS / 1000)
    }

    /// How long a frame lasts on the grid that stands `late` ticks before the frame's own time, where a part has
    /// `room` ticks left.
    pub(crate) fn duration(&self, interval: i64, late: i64, room: i64) -> i64 {
        let tolerance = self.tolerance(interval);
        let interval = self.step(interval);
        let wanted = if late > tolerance {
            interval + late
        } else if late < -2 * tolerance {
            interval * 3 / 4
        } else {
            interval + (late / 8).clamp(-interval * 9 / 100, interval / 25)
        };
        wanted.min(room).max(1)
    }
}

/// Slower cameras take still pictures.
const LONGEST_SECONDS: i64 = 10;

/// Enough to tell jitter from a change of rate within a second.
const STEPS: usize = 32;

/// Stamps of cameras scatter this much; parts need not follow it.
const TOLERANCE_MS: i64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_target_holds_whole_frames_with_slack() {
        for (fps, ms) in
            [(25, 210), (30, 210), (15, 210), (24, 175), (10, 210), (5, 210), (4, 263), (1, 1050)]
        {
            let mut grid = Grid::new(90_000, Duration::from_millis(200));
            grid.fit(90_000 / fps);
            assert_eq!(grid.limit_ms(), ms, "{fps}");
        }
        let mut grid = Grid::new(90_000, Duration::from_millis(200));
        grid.fit(7_200);
        assert_eq!(grid.limit_ms(), 168);
    }

    #[test]
    fn a_part_target_stays_unless_single_frames_outgrow_it() {
        let mut grid = Grid::new(90_000, Duration::from_millis(200));
        grid.fit(3_600);
        grid.settle();
        grid.fit(9_000);
        assert_eq!(grid.limit_ms(), 210);
        grid.fit(45_000);
        assert_eq!(grid.limit_ms(), 525);
    }

    #[test]
    fn the_interval_is_the_median_and_the_declared_one_until_much_is_known() {
        let mut cadence = Cadence::new(90_000);
        for step in [3_000, 4_400, -5, 3_500] {
            cadence.observe(step);
            assert_eq!(cadence.interval(), 3_600);
        }
        for _ in 0..40 {
            cadence.observe(7_200);
        }
        assert_eq!(cadence.interval(), 7_200);
        cadence.observe(90_000);
        assert_eq!(cadence.interval(), 7_200);
    }
}
