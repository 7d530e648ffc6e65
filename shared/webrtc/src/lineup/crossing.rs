//! How a viewer moves from one feed to another.

use proptest::prelude::*;
use sluice_runtime::Clock;

use super::*;

/// A camera's tier as it reaches the node.
#[derive(Debug, Clone, Copy)]
struct Source {
    /// Where its own clock begins.
    clock: i64,
    period_ms: i64,
    phase_ms: i64,
    gop: i64,
    /// From capture to the node, in ms, and so much more for a key frame.
    delay_ms: i64,
    key_delay_ms: i64,
    size: usize,
}

impl Source {
    fn frame(&self, number: i64) -> Arc<Frame> {
        let captured_at_ms = EPOCH_MS + self.captured(number);
        let payloads: Vec<Arc<[u8]>> = vec![vec![0_u8; 1_000].into(); self.size];
        let timestamp = self.clock + number * self.period_ms * 90;
        let key = number % self.gop == 0;
        Arc::new(Frame { timestamp, key, payloads, captured_at_ms, size: self.size * 1_000 })
    }

    fn captured(&self, number: i64) -> i64 {
        self.phase_ms + number * self.period_ms
    }

    /// When which picture reaches the node; a key frame delays those behind it.
    fn arrivals(&self, until: i64) -> VecDeque<(i64, i64)> {
        let arrives = |number: i64| {
            let of_key = self.captured(number - number % self.gop) + self.delay_ms + self.key_delay_ms;
            (self.captured(number) + self.delay_ms).max(of_key)
        };
        (0..until / self.period_ms).map(|number| (arrives(number), number)).collect()
    }
}

/// One frame as it was sent: when, of which feed, captured when, at which RTP time.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: i64,
    of_second: bool,
    key: bool,
    captured: i64,
    rtp: u32,
}

struct Scene {
    lineup: Lineup,
    start: Instant,
    gops: [Gop; 2],
    crossed: Option<i64>,
    sent: Vec<Sent>,
}

impl Scene {
    fn new() -> Self {
        let (start, gops) = (Clock::system().now(), [Gop::new(8 << 20), Gop::new(8 << 20)]);
        let mut scene = Self { lineup: Lineup::new(7), start, gops, crossed: None, sent: Vec::new() };
        scene.lineup.connected(start, &scene.gops[0]);
        scene
    }

    /// Plays `first`, moves to `second` at `switch_at`; `second` begins to flow at `opened_at` with its cached GOP.
    fn play(&mut self, first: Source, second: Source, (opened_at, switch_at, until): (i64, i64, i64)) {
        let (mut of_first, mut of_second) = (first.arrivals(until), second.arrivals(until));
        for ms in 0..until {
            let now = self.start + Duration::from_millis(ms as u64);
            if ms == switch_at {
                self.lineup.approach();
                self.cross(now, ms);
            }
            while let Some((_, number)) = of_first.pop_front_if(|(at, _)| *at <= ms) {
                let frame = first.frame(number);
                self.gops[0].push(&frame);
                if self.crossed.is_none() {
                    self.lineup.frame(now, &frame, &self.gops[0]);
                }
            }
            while let Some((_, number)) = of_second.pop_front_if(|(at, _)| *at <= ms) {
                if ms >= opened_at {
                    self.second(now, ms, &second.frame(number), switch_at);
                }
            }
            let current = &self.gops[usize::from(self.crossed.is_some())];
            self.lineup.woke(now, current);
            self.drain(now, ms, first.clock);
        }
    }

    fn second(&mut self, now: Instant, ms: i64, frame: &Arc<Frame>, switch_at: i64) {
        self.gops[1].push(frame);
        if self.crossed.is_some() {
            self.lineup.frame(now, frame, &self.gops[1]);
        } else if ms >= switch_at {
            self.lineup.compare(frame);
            self.cross(now, ms);
        }
    }

    fn cross(&mut self, now: Instant, ms: i64) {
        if self.crossed.is_none() && self.lineup.cross(now, &self.gops[1]) {
            self.crossed = Some(ms);
        }
    }

    fn drain(&mut self, now: Instant, ms: i64, first_clock: i64) {
        while let Some(slice) = self.lineup.poll(now) {
            if slice.packets.start == 0 {
                self.sent.push(Sent {
                    at: ms,
                    of_second: (slice.frame.timestamp - first_clock).abs() > CLOCKS_APART / 2,
                    key: slice.frame.key,
                    captured: slice.frame.captured_at_ms - EPOCH_MS,
                    rtp: slice.stamp.rtp,
                });
            }
        }
    }

    /// The longest time without a picture between two instants.
    fn longest_gap(&self, from: i64, to: i64) -> i64 {
        let times: Vec<i64> =
            self.sent.iter().map(|sent| sent.at).filter(|at| (from..to).contains(at)).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(i64::MAX)
    }

    fn first_of_second(&self) -> usize {
        self.sent.iter().position(|sent| sent.of_second).expect("it crossed")
    }
}

const EPOCH_MS: i64 = 1_790_000_000_000;
const CLOCKS_APART: i64 = 1_000_000_000;

fn sub() -> Source {
    Source { clock: 5_000, period_ms: 40, phase_ms: 0, gop: 50, delay_ms: 20, key_delay_ms: 0, size: 2 }
}

fn main_tier() -> Source {
    let clock = 5_000 + CLOCKS_APART;
    Source { clock, period_ms: 40, phase_ms: 13, gop: 50, delay_ms: 25, key_delay_ms: 10, size: 20 }
}

#[test]
fn the_old_feed_goes_on_until_the_key_frame_and_nothing_is_missing() {
    let mut scene = Scene::new();
    scene.play(sub(), main_tier(), (0, 3_000, 8_000));
    let at = scene.first_of_second();
    let (last, first) = (scene.sent[at - 1], scene.sent[at]);
    assert!(first.key && first.captured == 4_013, "the next key frame: {first:?}");
    assert!(scene.sent[at..].iter().all(|sent| sent.of_second), "nothing of the old feed afterwards");
    assert!((50..150).contains(&(first.captured - last.captured)), "{last:?} {first:?}");
    assert!(scene.longest_gap(1_000, 8_000) <= 140, "{}", scene.longest_gap(1_000, 8_000));
}

#[test]
fn rtp_time_goes_on_by_the_time_that_passed_between_the_pictures() {
    let mut scene = Scene::new();
    scene.play(sub(), main_tier(), (0, 3_000, 8_000));
    for pair in scene.sent.windows(2) {
        let ticks = i64::from(pair[1].rtp.wrapping_sub(pair[0].rtp));
        assert_eq!(ticks, (pair[1].captured - pair[0].captured) * 90, "{pair:?}");
    }
}

#[test]
fn a_cached_group_that_is_older_than_the_screen_is_not_shown() {
    let mut scene = Scene::new();
    // It was opened for this viewer: its cache comes at once, two seconds old.
    let second = Source { gop: 100, ..main_tier() };
    for number in 50..100 {
        scene.gops[1].push(&second.frame(number));
    }
    scene.play(sub(), second, (4_030, 4_030, 9_000));
    let at = scene.first_of_second();
    assert_eq!(scene.sent[at].captured, 8_013, "the next key frame, not the one of the cache");
    assert!(scene.sent.windows(2).all(|pair| pair[1].captured > pair[0].captured));
}

#[test]
fn a_viewer_without_a_picture_gets_the_cached_group_of_its_new_feed_at_once() {
    let (mut lineup, now) = (Lineup::new(7), Clock::system().now());
    let (empty, mut cached) = (Gop::new(8 << 20), Gop::new(8 << 20));
    lineup.connected(now, &empty);
    (0..10).for_each(|number| cached.push(&main_tier().frame(number)));
    lineup.approach();
    assert!(lineup.cross(now, &cached));
    assert!(lineup.take_orders().burst);
    assert_eq!(lineup.poll(now).map(|slice| slice.frame.captured_at_ms), Some(EPOCH_MS + 13));
}

#[test]
fn a_viewer_whose_feed_stands_still_moves_on_without_a_margin_of_time() {
    let (mut lineup, now) = (Lineup::new(7), Clock::system().now());
    let (mut old, mut new) = (Gop::new(8 << 20), Gop::new(8 << 20));
    lineup.connected(now, &old);
    let key = sub().frame(50);
    old.push(&key);
    lineup.frame(now, &key, &old);
    assert_eq!(lineup.poll(now).map(|slice| slice.stamp.rtp), Some(7));
    lineup.discontinuity();
    lineup.approach();
    new.push(&main_tier().frame(0));
    assert!(!lineup.cross(now, &new), "older than the picture that stands");
    new.push(&main_tier().frame(50));
    assert!(lineup.cross(now, &new));
    assert_eq!(lineup.poll(now).map(|slice| slice.stamp.rtp), Some(7 + 13 * 90));
}

#[test]
fn who_stays_is_kept_back_from_nothing_after_a_while() {
    let mut scene = Scene::new();
    let never = Source { gop: 1_000_000, phase_ms: -40, ..main_tier() };
    scene.play(sub(), never, (0, 1_000, 4_000));
    assert_eq!(scene.crossed, None);
    scene.lineup.stay();
    for number in 101..140 {
        let ms = 20 + number * 40;
        let now = scene.start + Duration::from_millis(ms as u64);
        scene.lineup.frame(now, &sub().frame(number), &scene.gops[0]);
        scene.drain(now, ms, sub().clock);
    }
    let last = scene.sent.last().expect("something was sent");
    assert_eq!(last.captured, 139 * 40, "the last ones leave as they come");
    assert!(scene.longest_gap(1_000, 6_000) <= 140);
}

proptest! {
    /// Whatever the delays of two tiers: no step back, no freeze, one clock, and it gets there.
    #[test]
    fn a_viewer_moves_without_a_step_back_or_a_freeze(
        (delay_ms, key_delay_ms) in (0..600_i64, 0..300_i64),
        (of_first, phase_ms, gop) in (0..300_i64, 0..40_i64, 25..60_i64),
        (period_ms, opened, switch_at) in (20..80_i64, any::<bool>(), 1_000..4_000_i64),
    ) {
        let first = Source { delay_ms: of_first, ..sub() };
        let second = Source { period_ms, phase_ms, gop, delay_ms, key_delay_ms, ..main_tier() };
        let mut scene = Scene::new();
        let until = switch_at + 20_000;
        scene.play(first, second, (if opened { 0 } else { switch_at }, switch_at, until));
        let crossed = scene.crossed;
        prop_assert!(crossed.is_some_and(|at| at < until - 2_000), "{crossed:?}");
        let at = scene.first_of_second();
        prop_assert!(scene.sent[at].key);
        for pair in scene.sent.windows(2) {
            prop_assert!(pair[1].captured > pair[0].captured, "{pair:?}");
            let ticks = i64::from(pair[1].rtp.wrapping_sub(pair[0].rtp));
            prop_assert!(ticks >= 1 && (ticks - (pair[1].captured - pair[0].captured) * 90).abs() <= 90, "{pair:?}");
        }
        // A key frame delays what is behind it in its own tier, with or without a move.
        let period = period_ms.max(40) + key_delay_ms;
        let gap = scene.longest_gap(1_000, until);
        prop_assert!(gap <= period + 200, "{gap} ms without a picture");
    }
}
