use std::{cmp::Reverse, collections::BinaryHeap};

/// Gives pictures that come in the order of decoding a time of decoding each, from their times of showing.
///
/// The n-th picture is decoded when the n-th in order of showing, less the depth of reordering, is shown. Nothing
/// is held back for that: only the very first ones, in front of which nothing was shown, get times counted back
/// from the first.
#[derive(Debug, Clone)]
pub struct DecodeClock {
    depth: usize,
    /// Pictures that came and whose times of showing are not given away yet, the earliest first.
    pending: BinaryHeap<Reverse<i64>>,
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    dts: i64,
    pts: i64,
}

impl DecodeClock {
    /// `reorder_frames` as [`crate::VideoSets::reorder_frames`] has it.
    #[must_use]
    pub fn new(reorder_frames: u32) -> Self {
        let depth = usize::try_from(reorder_frames).unwrap_or(MAX_DEPTH).min(MAX_DEPTH);
        Self { depth, pending: BinaryHeap::with_capacity(depth + 1), last: None }
    }

    /// The time of decoding of the next picture, which is shown at `pts`; both in ticks.
    ///
    /// Later than that of every picture before it. Not later than `pts`, as long as the stream reorders no more
    /// than announced and steps forward; equal to it when nothing is reordered. A stream that reorders more has
    /// its depth raised, and until that has taken effect its pictures are decoded a tick after the one before.
    pub fn stamp(&mut self, pts: i64) -> i64 {
        let Some(last) = self.last.filter(|last| pts.abs_diff(last.pts) <= LEAP) else {
            self.pending.clear();
            if self.depth > 0 {
                self.pending.push(Reverse(pts));
            }
            return self.decoded(pts, pts.saturating_sub(self.lead(0)));
        };
        self.pending.push(Reverse(pts));
        let first = self.pending.peek().map_or(pts, |Reverse(first)| *first);
        let dts = if self.pending.len() > self.depth {
            self.pending.pop();
            first
        } else {
            // In front of everything that is shown: on from the last, as far as there is room.
            let room = first.saturating_sub(self.lead(self.pending.len() - 1));
            last.dts.saturating_add(INTERVAL).min(room)
        };
        if pts <= last.dts && self.depth < MAX_DEPTH {
            self.depth += 1;
        }
        self.decoded(pts, dts)
    }

    /// Begins anew, after a discontinuity.
    pub fn reset(&mut self) {
        self.pending.clear();
        self.last = None;
    }

    /// How far in front of the first picture shown the `n`-th is decoded.
    fn lead(&self, n: usize) -> i64 {
        INTERVAL.saturating_mul(i64::try_from(self.depth.saturating_sub(n)).unwrap_or(0))
    }

    fn decoded(&mut self, pts: i64, dts: i64) -> i64 {
        let after = self.last.map_or(i64::MIN, |last| last.dts.saturating_add(1));
        let dts = dts.max(after);
        self.last = Some(Last { dts, pts });
        dts
    }
}

/// No level lets a decoder hold more.
const MAX_DEPTH: usize = 16;
/// Assumed between the first pictures: 30 a second at 90 kHz.
const INTERVAL: i64 = 3_000;
/// Beyond two minutes at 90 kHz it is another time.
const LEAP: u64 = 120 * 90_000;

#[cfg(test)]
mod tests;
