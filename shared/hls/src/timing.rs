use sluice_media::{AccessUnit, DecodeClock};

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
    reorder: u32,
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
            reorder: 0,
            clock: DecodeClock::new(0),
            newest: None,
            last_decode: None,
            origin_ms: None,
            cadence: Cadence::new(rate / 25),
            grid: Grid::new(clock_rate, settings.part_target),
            next: BASE_MS * rate / 1000,
        }
    }

    /// The same for a camera that came again, perhaps with another clock; what was promised stays.
    pub(crate) fn restarted(&self, clock_rate: u32, settings: &Settings) -> Self {
        let mut new = Self::new(clock_rate, settings);
        new.next = (i128::from(self.next) * i128::from(new.rate) / i128::from(self.rate)) as i64 + 1;
        new.origin_ms = self.origin_ms;
        new.grid.keep(self.grid.limit_ms());
        new
    }

    /// Lays down how far pictures may be sent from where they are shown, and the declared rate.
    pub(crate) fn describe(&mut self, reorder: u32, fps: Option<f64>) {
        if reorder != self.reorder {
            (self.reorder, self.clock) = (reorder, DecodeClock::new(reorder));
        }
        if let Some(fps) = fps {
            self.cadence.assume((self.rate as f64 / fps.clamp(1.0, 120.0)) as i64);
        }
    }

    /// The next picture's times. A timestamp that goes back, or leaps ahead of what passed on the wall, counts as
    /// one interval.
    pub(crate) fn place(&mut self, unit: &AccessUnit) -> Place {
        let interval = self.cadence.interval();
        let mut shown = unit.timestamp.saturating_add(self.shift);
        if let Some((newest, captured_ms)) = self.newest {
            let step = shown.saturating_sub(newest);
            let back = i64::from(self.reorder) * 2 * interval.max(self.rate / 10);
            let passed = self.ticks(unit.captured_at_ms.saturating_sub(captured_ms));
            let leapt = step > self.ticks(HOLE_MS) && passed < step / 2;
            if leapt || step <= -back {
                let correction = interval.saturating_sub(step);
                self.shift = self.shift.saturating_add(correction);
                shown = shown.saturating_add(correction);
                self.clock = DecodeClock::new(self.reorder);
                self.last_decode = None;
            }
        } else {
            self.shift = self.next.saturating_sub(unit.timestamp);
            shown = self.next;
        }
        if self.newest.is_none_or(|(newest, _)| shown > newest) {
            self.newest = Some((shown, unit.captured_at_ms));
        }
        let decode = self.clock.stamp(shown);
        if let Some(last) = self.last_decode.replace(decode) {
            self.cadence.observe(decode - last);
        }
        Place { decode, shown }
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
        let first = !self.grid.is_settled();
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

/// Above it a hole in time becomes a discontinuity at the next key frame; below, the grid catches up.
const HOLE_MS: i64 = 500;

/// A wall clock that leaps further is not followed.
const LONGEST_REST_MS: i64 = 24 * 3_600_000;
