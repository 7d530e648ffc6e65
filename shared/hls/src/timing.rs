use std::collections::VecDeque;

use sluice_media::{AccessUnit, Codec, DecodeClock, has_b_slices};

use crate::{
    Settings,
    cadence::{Cadence, Grid},
    fragment::Sample,
};

/// From a camera's timestamps to media time: leaps taken out, decode times on an even grid.
pub(crate) struct Timing {
    rate: i64,
    /// Added to a timestamp to get media time.
    shift: i64,
    /// Whether the parameter sets allow pictures to be sent before others that are shown earlier.
    may_reorder: bool,
    /// How many were, at most.
    reorder: u32,
    /// When the newest pictures are shown.
    recent: VecDeque<i64>,
    clock: DecodeClock,
    /// Of the picture shown latest: its media time, and when it was captured.
    newest: Option<(i64, i64)>,
    last_decode: Option<i64>,
    origin_ms: Option<i64>,
    pub(crate) cadence: Cadence,
    pub(crate) grid: Grid,
    /// Where the grid stands: the next sample's decode time.
    pub(crate) next: i64,
}

/// A picture's own times, in ticks of media time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) decode: i64,
    pub(crate) shown: i64,
}

impl Timing {
    pub(crate) fn new(clock_rate: u32, settings: &Settings) -> Self {
        let rate = i64::from(clock_rate.max(1));
        Self {
            rate,
            shift: 0,
            may_reorder: false,
            reorder: 0,
            recent: VecDeque::with_capacity(DEPTH),
            clock: DecodeClock::new(0),
            newest: None,
            last_decode: None,
            origin_ms: None,
            cadence: Cadence::new(rate),
            grid: Grid::new(clock_rate, settings.part_target),
            next: BASE_MS * rate / 1000,
        }
    }

    /// The same for a camera that came again, perhaps with another clock; what was promised stays.
    pub(crate) fn restarted(&self, clock_rate: u32, settings: &Settings) -> Self {
        let mut new = Self::new(clock_rate, settings);
        new.next = (i128::from(self.next) * i128::from(new.rate) / i128::from(self.rate)) as i64 + 1;
        new.origin_ms = self.origin_ms;
        new.reorder = self.reorder;
        new.grid.keep(self.grid.limit_ms());
        new
    }

    /// Lays down whether pictures may be sent out of order, and the declared rate. How far out of order is measured:
    /// most streams that leave it open reorder nothing, and what they might would delay them all.
    pub(crate) fn describe(&mut self, may_reorder: bool, fps: Option<f64>) {
        self.may_reorder = may_reorder;
        if let Some(fps) = fps {
            self.cadence.assume((self.rate as f64 / fps.clamp(1.0, 120.0)) as i64);
        }
    }

    /// What a cached group says, its units in the order they were sent.
    pub(crate) fn preview(&mut self, timestamps: &[i64]) {
        for timestamp in timestamps {
            self.reordered(*timestamp);
        }
        self.recent.clear();
        self.clock = DecodeClock::new(self.reorder);
        let mut sorted = timestamps.to_vec();
        sorted.sort_unstable();
        for pair in sorted.windows(2) {
            self.cadence.observe(pair[1].saturating_sub(pair[0]));
        }
    }

    /// The next picture's times. A timestamp that goes back, or leaps ahead of what passed on the wall, counts as
    /// one interval.
    pub(crate) fn place(&mut self, codec: Codec, unit: &AccessUnit) -> Place {
        let interval = self.cadence.interval();
        let mut shown = unit.timestamp.saturating_add(self.shift);
        if let Some((newest, captured_ms)) = self.newest {
            let step = shown.saturating_sub(newest);
            let passed = self.ticks(unit.captured_at_ms.saturating_sub(captured_ms));
            let leapt = step > self.ticks(HOLE_MS) && passed < step / 2;
            let in_turn =
                self.may_reorder && step < 0 && step > -self.ticks(HOLE_MS) && !self.recent.contains(&shown);
            let back = step <= 0 && !(in_turn && has_b_slices(codec, &unit.packets));
            if leapt || back {
                let correction = interval.saturating_sub(step);
                self.shift = self.shift.saturating_add(correction);
                shown = shown.saturating_add(correction);
                self.recent.clear();
                self.clock = DecodeClock::new(self.reorder);
                self.last_decode = None;
            }
        } else {
            self.shift = self.next.saturating_sub(unit.timestamp);
            shown = self.next;
        }
        self.expect_reordering(shown, interval);
        if self.newest.is_none_or(|(newest, _)| shown > newest) {
            self.newest = Some((shown, unit.captured_at_ms));
        }
        self.reordered(shown);
        let decode = self.clock.stamp(shown);
        if let Some(last) = self.last_decode.replace(decode) {
            self.cadence.observe(decode - last);
        }
        Place { decode, shown }
    }

    /// A second picture far behind the first, in a stream that may send others between them later, says that it does.
    fn expect_reordering(&mut self, shown: i64, interval: i64) {
        let Some(first) = self.recent.front().copied().filter(|_| self.recent.len() == 1) else { return };
        if self.may_reorder && self.reorder == 0 && (shown - first) * 2 > interval * 3 {
            self.reorder = 1;
            self.clock = DecodeClock::new(1);
            self.last_decode = Some(self.clock.stamp(first));
        }
    }

    /// Measures how many pictures were sent before one that is shown earlier.
    fn reordered(&mut self, shown: i64) {
        let before = self.recent.iter().filter(|other| **other > shown).count();
        self.reorder = self.reorder.max(before as u32);
        if self.recent.len() == DEPTH {
            self.recent.pop_front();
        }
        self.recent.push_back(shown);
    }

    /// How far the grid lies behind a picture's own time.
    pub(crate) fn late(&self, place: Place) -> i64 {
        place.decode.saturating_sub(self.next)
    }

    /// Whether time between the grid and a key frame is better left out than bridged.
    pub(crate) fn is_hole(&self, late: i64) -> bool {
        late.abs() > self.ticks(HOLE_MS)
    }

    /// Begins anew at a discontinuity: media time goes on as the wall clock does, never back.
    pub(crate) fn rebase(&mut self, place: Place, captured_at_ms: i64) -> Place {
        let origin = *self.origin_ms.get_or_insert(captured_at_ms);
        let wall = BASE_MS.saturating_add(captured_at_ms.saturating_sub(origin));
        let ahead = self.ticks(wall) - self.next;
        if (0..self.ticks(LONGEST_REST_MS)).contains(&ahead) {
            self.next += ahead;
        }
        let delta = self.next - place.decode;
        self.shift = self.shift.saturating_add(delta);
        let shown = place.shown + delta;
        self.newest = Some((shown, captured_at_ms));
        // The clock has stamped without the shift, so it begins anew, at this very picture.
        self.recent.clear();
        self.recent.push_back(shown);
        self.clock = DecodeClock::new(self.reorder);
        let decode = self.clock.stamp(shown);
        self.last_decode = Some(decode);
        Place { decode, shown }
    }

    /// Puts a sample on the grid where a part has lasted `part` ticks; how long it lasts.
    pub(crate) fn lay(&mut self, place: Place, part: i64) -> i64 {
        let room = self.grid.limit() - part;
        let duration = self.grid.duration(self.cadence.interval(), self.late(place), room);
        self.next += duration;
        duration
    }

    /// Lets the last sample of an open part last until the picture that came late, as far as the part has room.
    pub(crate) fn stretch(&mut self, place: Place, part: i64, last: &mut Sample) {
        let late = self.late(place);
        let first = !self.grid.is_settled() && !self.cadence.is_known();
        if first || late > self.grid.tolerance(self.cadence.interval()) {
            // Nobody has seen the first part: its pictures last as long as they do.
            let least = if first { 1 - last.duration } else { 0 };
            let more = late.min(self.grid.limit() - part).max(least);
            last.duration += more;
            self.next += more;
        }
    }

    pub(crate) fn ticks(&self, ms: i64) -> i64 {
        ms.saturating_mul(self.rate) / 1000
    }

    pub(crate) fn ms(&self, ticks: i64) -> i64 {
        (i128::from(ticks) * 1000 / i128::from(self.rate)) as i64
    }

    pub(crate) fn micros(&self, ticks: i64) -> u64 {
        u64::try_from(i128::from(ticks) * 1_000_000 / i128::from(self.rate)).unwrap_or(0)
    }
}

/// Media time begins here, so that pictures sent before they are shown have times above zero.
pub(crate) const BASE_MS: i64 = 10_000;

/// No level lets a decoder hold more pictures.
const DEPTH: usize = 16;

/// Above it a hole in time becomes a discontinuity at the next key frame; below, the grid catches up.
const HOLE_MS: i64 = 500;

/// A wall clock that leaps further is not followed.
const LONGEST_REST_MS: i64 = 24 * 3_600_000;
