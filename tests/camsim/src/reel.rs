//! Encoded loops that sessions walk through: whole GOPs, the first picture a key frame.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use sluice_runtime::Clock;
use tokio::sync::watch;

use crate::{
    config::Start,
    fault::Faults,
    packets::ticks,
    sample::{Picture, Sample},
};

/// A loop in the order in which its pictures are sent.
#[derive(Debug)]
pub(crate) struct Reel {
    pub(crate) shots: Vec<Shot>,
    pub(crate) fps: u32,
    pub(crate) gop_frames: usize,
    /// The most places by which a picture is sent before its turn to be shown.
    ahead: u64,
}

/// One picture of a loop.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    pub(crate) picture: Arc<Picture>,
    /// Its place among the pictures as they are shown.
    pub(crate) shown: usize,
}

impl Reel {
    pub(crate) fn new(shots: Vec<Shot>, fps: u32, gop_frames: usize) -> Self {
        let ahead = shots.iter().enumerate().map(|(place, shot)| shot.shown.saturating_sub(place)).max();
        Self { shots, fps, gop_frames, ahead: ahead.unwrap_or(0) as u64 }
    }
}

/// What a cursor walks through: one loop, and another for a camera whose pictures change their size.
#[derive(Debug, Clone)]
pub(crate) struct Reels {
    pub(crate) usual: Arc<Reel>,
    pub(crate) resized: Option<Arc<Reel>>,
    /// Counts the wishes for a key frame.
    pub(crate) key_wishes: Arc<AtomicU64>,
}

/// One session's walk through a loop.
#[derive(Debug)]
pub(crate) struct Cursor {
    reels: Reels,
    reel: Arc<Reel>,
    key_wishes: u64,
    clock: Clock,
    began: Instant,
    began_ms: i64,
    /// Frames since the beginning, whether sent or not: the timeline.
    number: u64,
    /// Place in the loop.
    place: usize,
}

impl Cursor {
    pub(crate) fn new(reels: Reels, clock: Clock, start: Start) -> Self {
        let reel = Arc::clone(&reels.usual);
        let place = if start == Start::KeyFrame { 0 } else { reel.gop_frames / 2 };
        let (began, began_ms) = (clock.now(), clock.unix_millis());
        let key_wishes = reels.key_wishes.load(Relaxed);
        Self { reels, reel, key_wishes, clock, began, began_ms, number: 0, place }
    }

    /// The next picture when it is due. Cancel safe: nothing moves before the wait is over.
    pub(crate) async fn next(&mut self, faults: &watch::Receiver<Faults>) -> Sample {
        loop {
            self.clock.sleep_until(Some(self.began + self.since(self.number))).await;
            let number = self.number;
            self.number += 1;
            let faults = faults.borrow();
            if faults.stalled || faults.skips(number) {
                continue;
            }
            if faults.frozen {
                self.place = 0;
                if !number.is_multiple_of(self.reel.gop_frames as u64) {
                    continue;
                }
            }
            if self.begins_anew(&faults) {
                self.place = 0;
                if self.reel.ahead > 0 {
                    // What was sent ahead of its turn is shown first.
                    self.number = number + self.reel.ahead;
                    continue;
                }
            }
            return self.take(number);
        }
    }

    fn since(&self, number: u64) -> Duration {
        Duration::from_secs(number) / self.reel.fps
    }

    /// Whether a key frame is wished for, or a picture of another size.
    fn begins_anew(&mut self, faults: &Faults) -> bool {
        let wishes = self.reels.key_wishes.load(Relaxed);
        let wished = std::mem::replace(&mut self.key_wishes, wishes) != wishes;
        let resized = self.reels.resized.as_ref().filter(|_| faults.resized);
        let wanted = Arc::clone(resized.unwrap_or(&self.reels.usual));
        let changed = !Arc::ptr_eq(&wanted, &self.reel);
        self.reel = wanted;
        (wished && self.place != 0) || changed
    }

    fn take(&mut self, number: u64) -> Sample {
        let shot = &self.reel.shots[self.place];
        // A picture is shown so many places behind the one that is sent ahead the most.
        let behind = self.reel.ahead + self.place as u64 - shot.shown as u64;
        let picture = Arc::clone(&shot.picture);
        self.place = (self.place + 1) % self.reel.shots.len();
        let taken = self.began_ms + i64::try_from(self.since(number).as_millis()).unwrap_or(0)
            - i64::try_from(self.since(behind).as_millis()).unwrap_or(0);
        Sample { picture, ticks: ticks(FIRST + number - behind, self.reel.fps), captured_at_ms: taken }
    }
}

/// Number of the first frame on the timeline of ticks: what is shown before it has its place too.
const FIRST: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn reel(shown: &[usize], frames: usize) -> Arc<Reel> {
        let shot = |place: usize| Shot {
            picture: Arc::new(Picture { key: place == 0, payloads: Vec::new() }),
            shown: place / shown.len() * shown.len() + shown[place % shown.len()],
        };
        Arc::new(Reel::new((0..frames).map(shot).collect(), 25, frames))
    }

    fn cursor(reel: &Arc<Reel>, start: Start) -> Cursor {
        let reels = Reels { usual: Arc::clone(reel), resized: None, key_wishes: Arc::default() };
        Cursor::new(reels, Clock::system(), start)
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_walks_in_time_and_a_stall_leaves_a_hole_in_the_timeline_only() {
        let (faults, seen) = watch::channel(Faults::default());
        let clock = Clock::system();
        let mut cursor = cursor(&reel(&[0], 50), Start::MidGop);
        let began = clock.now();
        let first = cursor.next(&seen).await;
        assert!(!first.picture.key);
        faults.send_modify(|faults| faults.stalled = true);
        let waited = tokio::time::timeout(Duration::from_secs(1), cursor.next(&seen)).await;
        assert!(waited.is_err(), "a stalled camera sends nothing");
        faults.send_modify(|faults| faults.stalled = false);
        let second = cursor.next(&seen).await;
        assert_eq!(second.ticks - first.ticks, 90_000 + 3_600);
        assert!(clock.now() - began >= Duration::from_secs(1));
        assert!(
            Arc::ptr_eq(&second.picture, &cursor.reel.shots[26].picture),
            "the picture after the last one sent"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_loop_shows_one_picture() {
        let (faults, seen) = watch::channel(Faults::default());
        let mut cursor = cursor(&reel(&[0], 50), Start::KeyFrame);
        faults.send_modify(|faults| faults.frozen = true);
        let first = cursor.next(&seen).await;
        let second = cursor.next(&seen).await;
        assert!(first.picture.key && Arc::ptr_eq(&first.picture, &second.picture));
        assert_eq!(second.ticks - first.ticks, 180_000);
    }

    #[tokio::test(start_paused = true)]
    async fn b_frames_are_sent_in_coding_order_with_the_times_they_are_shown_and_no_loop_has_a_seam() {
        let (_faults, seen) = watch::channel(Faults::default());
        // I P B B, three rounds.
        let mut cursor = cursor(&reel(&[0, 3, 1, 2], 4), Start::KeyFrame);
        let (mut shown, mut taken) = (Vec::new(), Vec::new());
        for _ in 0..12 {
            let sample = cursor.next(&seen).await;
            taken.push(sample.captured_at_ms);
            shown.push(sample.ticks / 3_600);
        }
        let relative: Vec<u64> = shown.iter().map(|at| at - shown[0]).collect();
        assert_eq!(relative, [0, 3, 1, 2, 4, 7, 5, 6, 8, 11, 9, 10]);
        let first = taken[0];
        for (shown, taken) in relative.iter().zip(&taken) {
            assert!((taken - first).abs_diff(i64::try_from(shown * 40).unwrap()) <= 1, "{taken} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_brings_a_key_frame_behind_all_that_was_sent() {
        let (_faults, seen) = watch::channel(Faults::default());
        let mut cursor = cursor(&reel(&[0, 3, 1, 2], 40), Start::KeyFrame);
        let mut last = 0;
        for _ in 0..6 {
            last = last.max(cursor.next(&seen).await.ticks);
        }
        cursor.reels.key_wishes.fetch_add(1, Relaxed);
        let next = cursor.next(&seen).await;
        assert!(next.picture.key && next.ticks > last, "{} behind {last}", next.ticks);
        assert!(!cursor.next(&seen).await.picture.key, "one wish, one key frame");
    }

    #[tokio::test(start_paused = true)]
    async fn a_resized_camera_begins_its_other_loop_and_comes_back() {
        let (faults, seen) = watch::channel(Faults::default());
        let (usual, resized) = (reel(&[0], 40), reel(&[0], 40));
        let reels = Reels { usual, resized: Some(Arc::clone(&resized)), key_wishes: Arc::default() };
        let mut cursor = Cursor::new(reels, Clock::system(), Start::KeyFrame);
        let mut last = cursor.next(&seen).await;
        for wanted in [true, false] {
            faults.send_modify(|faults| faults.resized = wanted);
            let next = cursor.next(&seen).await;
            assert!(next.picture.key && next.ticks > last.ticks);
            assert_eq!(Arc::ptr_eq(&next.picture, &resized.shots[0].picture), wanted);
            last = cursor.next(&seen).await;
        }
    }
}
