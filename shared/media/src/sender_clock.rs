use std::collections::BTreeMap;

use crate::SenderReport;

/// All lines of one camera session on one wall clock, that of this machine.
///
/// A sender report ties a line's timestamps to the camera's clock. One offset ties the camera's clock to ours:
/// that of the packet that came with the least delay lately, whichever line it was of. So what was captured
/// together has the same time, however late one line's packets come, and the network's jitter is taken out.
/// Without a report a line's packets have the time at which they came.
///
/// The offset is slewed and never leaps. A camera that sets its clock while it streams is found out at its next
/// report, and its lines go on where they were. Bounded: one entry a line, at most 16.
#[derive(Debug, Clone, Default)]
pub struct SenderClock {
    lines: BTreeMap<usize, Line>,
    /// Added to the camera's clock since it leapt.
    shift: i64,
    offset: Option<Offset>,
}

// All times here are microseconds; ours since 1970, the camera's since 1900.

#[derive(Debug, Clone, Copy)]
struct Line {
    clock_rate: u32,
    tie: Option<Tie>,
    /// What its packets were late by, lately.
    late: i64,
}

/// What the last report said, on the camera's clock without its leaps.
#[derive(Debug, Clone, Copy)]
struct Tie {
    rtp: u32,
    at: i64,
    shift: i64,
}

/// Our clock less the camera's.
#[derive(Debug, Clone, Copy)]
struct Offset {
    value: i64,
    slewed_at: i64,
    window_since: i64,
    /// The least of this window and of the one before.
    least: i64,
    least_before: i64,
}

impl SenderClock {
    /// Knows no line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Announces a line of the session, or that it begins anew: what was reported of it counts no more.
    pub fn line(&mut self, line: usize, clock_rate: u32) {
        if self.lines.len() < MAX_LINES || self.lines.contains_key(&line) {
            self.lines.insert(line, Line { clock_rate: clock_rate.max(1), tie: None, late: 0 });
        }
    }

    /// Takes a sender report of a line, which came at `at_ms` (Unix milliseconds of this machine).
    pub fn report(&mut self, line: usize, at_ms: i64, report: &SenderReport) {
        let Some(known) = self.lines.get(&line).copied() else { return };
        // A camera without a clock of its own says so with zero (RFC 3550 §6.4.1).
        if report.ntp == 0 {
            return;
        }
        let (ours, theirs) = (micros(at_ms), camera_micros(report.ntp));
        let expected = known.tie.map(|tie| tie.map(known.clock_rate, report.rtp));
        let shift = self.fitting_shift(known, expected, ours, theirs);
        let at = theirs.saturating_add(shift);
        if let (Some(offset), Some(expected)) = (&self.offset, expected)
            && close(expected, at, STEP)
            && !close(ours, at.saturating_add(offset.value), LEAP)
        {
            // The camera's clock goes on as it did: ours was set.
            self.offset = Some(Offset::new(ours, at));
        }
        if let Some(known) = self.lines.get_mut(&line) {
            known.tie = Some(Tie { rtp: report.rtp, at, shift });
        }
    }

    /// Unix milliseconds at which what `rtp` stamps was captured; its packet came at `at_ms`.
    pub fn captured_ms(&mut self, line: usize, at_ms: i64, rtp: u32) -> i64 {
        let Some(known) = self.lines.get_mut(&line) else { return at_ms };
        let Some(tie) = known.tie else { return at_ms };
        let ours = micros(at_ms);
        let theirs = tie.map(known.clock_rate, rtp);
        let offset = self.offset.get_or_insert_with(|| Offset::new(ours, theirs));
        let late = ours.saturating_sub(theirs).saturating_sub(offset.value);
        if late.saturating_abs() > LEAP {
            // Timestamps or a clock leapt: until a report tells, it is as late as it was before.
            return ours.saturating_sub(known.late).div_euclid(1_000);
        }
        offset.follow(ours, ours.saturating_sub(theirs));
        known.late = late.max(0);
        // While the offset still moves this may lie after `ours`: that the lines agree is worth more.
        theirs.saturating_add(offset.value).div_euclid(1_000)
    }

    /// What to add to the camera's clock so that the line goes on where it was.
    fn fitting_shift(&mut self, line: Line, expected: Option<i64>, ours: i64, theirs: i64) -> i64 {
        let known = line.tie.map_or(self.shift, |tie| tie.shift);
        let due = self.offset.map(|offset| ours.saturating_sub(offset.value));
        let fits = |shift: i64| {
            let at = theirs.saturating_add(shift);
            expected.is_some_and(|expected| close(expected, at, STEP))
                || due.is_some_and(|due| {
                    close(due, at, LEAP) && expected.is_none_or(|expected| !close(due, expected, LEAP))
                })
        };
        if expected.is_none() && due.is_none() || fits(known) {
            return known;
        }
        // Another line told of the same leap.
        if fits(self.shift) {
            return self.shift;
        }
        let goal = match (expected, due) {
            (Some(expected), Some(due)) if !close(expected, due, LEAP) => due.saturating_sub(line.late),
            (Some(expected), _) => expected,
            (None, Some(due)) => due,
            (None, None) => theirs,
        };
        let shift = goal.saturating_sub(theirs);
        if expected.is_some() {
            self.shift = shift;
        }
        shift
    }
}

impl Tie {
    /// The camera's time of `rtp`, which lies within half a turn of the report's.
    fn map(&self, clock_rate: u32, rtp: u32) -> i64 {
        let ticks = i64::from(rtp.wrapping_sub(self.rtp).cast_signed());
        self.at.saturating_add(ticks.saturating_mul(1_000_000) / i64::from(clock_rate))
    }
}

impl Offset {
    fn new(ours: i64, theirs: i64) -> Self {
        let value = ours.saturating_sub(theirs);
        Self { value, slewed_at: ours, window_since: ours, least: value, least_before: i64::MAX }
    }

    /// Moves towards the least of the last two windows.
    fn follow(&mut self, ours: i64, sample: i64) {
        if !(0..=WINDOW).contains(&ours.saturating_sub(self.window_since)) {
            (self.least_before, self.least, self.window_since) = (self.least, sample, ours);
        }
        self.least = self.least.min(sample);
        let passed = ours.saturating_sub(self.slewed_at).clamp(0, WINDOW);
        let most = passed / SLEW;
        if most > 0 || ours < self.slewed_at {
            self.slewed_at = ours;
        }
        let goal = self.least.min(self.least_before);
        self.value = self.value.saturating_add(goal.saturating_sub(self.value).clamp(-most, most));
    }
}

fn close(a: i64, b: i64, within: i64) -> bool {
    a.saturating_sub(b).saturating_abs() <= within
}

fn micros(ms: i64) -> i64 {
    ms.saturating_mul(1_000)
}

/// Microseconds of a 32.32 fixed point number of seconds.
fn camera_micros(ntp: u64) -> i64 {
    let seconds = i64::try_from(ntp >> 32).unwrap_or(0);
    let fraction = i64::try_from(((ntp & 0xffff_ffff) * 1_000_000) >> 32).unwrap_or(0);
    seconds * 1_000_000 + fraction
}

/// A report that differs from what was expected by more is a leap, by less it is drift.
const STEP: i64 = 50_000;
/// A packet cannot be later than this, nor earlier: its time is wrong.
const LEAP: i64 = 5_000_000;
/// How long the least delay is remembered; two windows are.
const WINDOW: i64 = 10_000_000;
/// The offset moves by at most a fiftieth of what passes, for all lines at once: nobody sees or hears it.
const SLEW: i64 = 50;
/// No camera's session has more lines than video, sound and metadata.
const MAX_LINES: usize = 16;

#[cfg(test)]
mod tests;
