use std::time::Duration;

/// How long the pictures of a feed are kept back from a viewer who is about to leave it for another. Pure.
///
/// The tiers of a camera do not arrive together: the key frame of a large one needs longer over a site's uplink, and so
/// does its encoder. A picture of the old feed that was shown must never be newer than the first one of the new feed, so
/// the old one is kept as far behind as the new one comes, a little slower than life until it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hold {
    held_ms: i64,
    /// Capture time of the newest picture that came of the feed in use, in ms.
    newest: Option<i64>,
    /// `None` while the viewer stays with its feed.
    lag: Option<Lag>,
}

/// How far the feed to come is behind the one in use, in ms.
#[derive(Debug, Clone, Copy, Default)]
struct Lag {
    seen: bool,
    latest: i64,
    /// Of its key frames, which are the largest of its pictures.
    of_keys: i64,
}

impl Hold {
    /// The viewer is about to leave the feed.
    pub(crate) fn begin(&mut self) {
        self.lag = Some(Lag::default());
    }

    /// The viewer stays after all.
    pub(crate) fn end(&mut self) {
        self.lag = None;
    }

    /// The viewer has another feed, whose pictures are not kept back.
    pub(crate) fn release(&mut self) {
        *self = Self::default();
    }

    /// A picture of the feed to come arrived.
    pub(crate) fn compare(&mut self, captured_at_ms: i64, key: bool) {
        let (Some(lag), Some(newest)) = (&mut self.lag, self.newest) else { return };
        lag.latest = newest.saturating_sub(captured_at_ms);
        // The first picture of a feed that was opened just now is an old one from a cache.
        if key && lag.seen {
            lag.of_keys = lag.of_keys.max(lag.latest);
        }
        lag.seen = true;
    }

    /// A picture of the feed in use arrived: how long it is to be kept.
    pub(crate) fn keep(&mut self, captured_at_ms: i64) -> Duration {
        let before = self.newest.replace(captured_at_ms).unwrap_or(captured_at_ms);
        let since = captured_at_ms.saturating_sub(before).clamp(0, LONGEST_STEP_MS);
        // How far the other feed is behind shows only to within one picture of this one.
        let wanted =
            self.lag.map_or(0, |lag| lag.latest.max(lag.of_keys).clamp(0, LONGEST_MS) + MARGIN_MS + since);
        // Slower or faster than life by a fifth; what a browser's own buffer evens out is taken at once.
        let step = since / 5;
        let sudden = if wanted > 0 { MARGIN_MS } else { 0 };
        self.held_ms = wanted.clamp(self.held_ms - step, (self.held_ms + step).max(sudden));
        Duration::from_millis(u64::try_from(self.held_ms).unwrap_or(0))
    }
}

/// Two encoders of one camera differ in delay by no more than this, in ms.
pub(crate) const MARGIN_MS: i64 = 50;
/// A feed further behind than this is not waited for, in ms: two seconds of a good camera are what may be queued.
const LONGEST_MS: i64 = 2_000;
/// Pictures further apart than this do not count for more, in ms.
const LONGEST_STEP_MS: i64 = 200;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_viewer_who_stays_is_kept_from_nothing() {
        let mut hold = Hold::default();
        assert!((0..50).all(|n| hold.keep(n * 40).is_zero()));
        hold.compare(-5_000, true);
        assert!(hold.keep(2_000).is_zero());
    }

    #[test]
    fn a_feed_that_comes_later_is_met_within_seconds_and_left_without_a_jump() {
        let mut hold = Hold::default();
        hold.begin();
        let mut kept = Vec::new();
        for n in 0..100_i64 {
            kept.push(hold.keep(n * 40));
            hold.compare(n * 40 - 300, false);
        }
        assert_eq!((kept[0], kept[99]), (Duration::from_millis(50), Duration::from_millis(390)));
        assert!(kept.windows(2).all(|pair| pair[1] - pair[0] <= Duration::from_millis(8)));
        hold.end();
        assert_eq!(hold.keep(4_000), Duration::from_millis(382));
        assert!((1..100).map(|n| hold.keep(4_000 + n * 40)).any(|kept| kept.is_zero()));
    }

    #[test]
    fn key_frames_that_take_longer_are_waited_for_but_not_those_of_a_cache() {
        let mut hold = Hold::default();
        hold.begin();
        hold.keep(0);
        hold.compare(-1_900, true);
        hold.compare(-10, false);
        assert!((1..200).all(|n| hold.keep(n * 40) <= Duration::from_millis(100)));
        hold.compare(7_960 - 400, true);
        hold.compare(7_960, false);
        let kept = (200..400).map(|n| hold.keep(n * 40)).last();
        assert_eq!(kept, Some(Duration::from_millis(490)));
    }

    proptest! {
        #[test]
        fn pictures_leave_in_their_order(steps in proptest::collection::vec((0..3_u8, 0..200_i64, -3_000..3_000_i64), 1..200)) {
            let (mut hold, mut now, mut last) = (Hold::default(), 0_i64, i64::MIN);
            for (kind, passed, other) in steps {
                match kind {
                    0 => hold.begin(),
                    1 => hold.compare(now - other, other % 7 == 0),
                    _ => hold.end(),
                }
                now += passed;
                let due = now + i64::try_from(hold.keep(now).as_millis()).expect("small");
                prop_assert!(due >= last && due - now <= LONGEST_MS + MARGIN_MS + LONGEST_STEP_MS);
                last = due;
            }
        }
    }
}
