use std::sync::Arc;

use proptest::prelude::*;
use sluice_runtime::Clock;

use super::*;

fn frame(number: i64, key: bool, bytes: usize) -> Arc<Frame> {
    let payloads: Vec<Arc<[u8]>> = vec![vec![0_u8; 1_000].into(); bytes.div_ceil(1_000)];
    let size = payloads.len() * 1_000;
    Arc::new(Frame { timestamp: number * 3_600, key, payloads, captured_at_ms: number * 40, size })
}

fn gop(frames: &[Arc<Frame>]) -> Gop {
    let mut gop = Gop::new(8 << 20);
    frames.iter().for_each(|frame| gop.push(frame));
    gop
}

/// Everything that is due at `now`: (feed time, packets, RTP time).
fn due(lineup: &mut Lineup, now: Instant) -> Vec<(i64, Range<usize>, u32)> {
    std::iter::from_fn(|| lineup.poll(now))
        .map(|slice| (slice.frame.timestamp / 3_600, slice.packets, slice.stamp.rtp))
        .collect()
}

fn in_ms(start: Instant, ms: u64) -> Instant {
    start + Duration::from_millis(ms)
}

#[test]
fn nothing_is_sent_before_the_viewer_is_connected() {
    let (mut lineup, now) = (Lineup::new(0), Clock::system().now());
    let key = frame(0, true, 1_000);
    lineup.frame(now, &key, &gop(std::slice::from_ref(&key)));
    assert!(due(&mut lineup, now).is_empty());
    assert_eq!(lineup.deadline(), None);
}

#[test]
fn a_near_key_frame_is_awaited_and_a_late_one_given_up() {
    let (mut lineup, start) = (Lineup::new(0), Clock::system().now());
    let frames: Vec<_> = (0..50).map(|n| frame(n, n % 25 == 0, 30_000)).collect();
    let memory = gop(&frames);
    lineup.connected(start, &memory);
    assert!(lineup.take_orders().wait);
    assert!(due(&mut lineup, start).is_empty());
    let decide_at = lineup.deadline().expect("it decides again");
    lineup.woke(decide_at, &memory);
    let again = lineup.deadline().expect("it sends or waits");
    // The feed stood still, so its memory says the same; the next frame shows that the key frame is overdue.
    let mut memory = gop(&frames);
    memory.push(&frame(53, false, 1_000));
    lineup.woke(again, &memory);
    assert!(lineup.take_orders().burst);
    assert_eq!(due(&mut lineup, again)[0].0, 25);
}

#[test]
fn a_viewer_that_cannot_keep_up_is_cut_to_the_next_key_frame() {
    let (mut lineup, now) = (Lineup::new(0), Clock::system().now());
    let key = frame(0, true, 3_900_000);
    let memory = gop(std::slice::from_ref(&key));
    lineup.connected(now, &memory);
    for n in 1..30 {
        lineup.frame(now, &frame(n, false, 100_000), &memory);
    }
    let orders = lineup.take_orders();
    assert!(orders.cut && orders.want_key_frame);
    assert!(due(&mut lineup, in_ms(now, 1)).is_empty(), "nothing whose references are missing");
    lineup.frame(now, &frame(31, true, 1_000), &memory);
    lineup.frame(now, &frame(32, false, 1_000), &memory);
    assert_eq!(due(&mut lineup, in_ms(now, 1)).iter().map(|slice| slice.0).collect::<Vec<_>>(), [31, 32]);
}

/// Everything of a burst and behind it, with sound wanted or not; RTP distances between neighbours, in ticks.
fn distances(timed: bool, live_from_ms: u64) -> (Vec<u32>, bool) {
    let (mut lineup, start) = (Lineup::new(0), Clock::system().now());
    let frames: Vec<_> = (0..50).map(|n| frame(n, n == 0, 1_000)).collect();
    let mut memory = gop(&frames);
    lineup.keep_time(timed);
    lineup.connected(start, &memory);
    assert!(lineup.take_orders().burst);
    let mut sent = due(&mut lineup, in_ms(start, 20));
    let mut leapt = false;
    for n in 0..3 {
        let (live, now) = (frame(50 + n, false, 1_000), in_ms(start, live_from_ms + 40 * n.unsigned_abs()));
        memory.push(&live);
        lineup.frame(now, &live, &memory);
        sent.extend(due(&mut lineup, now));
        leapt |= lineup.take_orders().leapt;
    }
    assert_eq!(sent.len(), 53);
    (sent.windows(2).map(|pair| pair[1].2.wrapping_sub(pair[0].2)).collect(), leapt)
}

#[test]
fn one_who_hears_sound_begins_a_new_clock_once_a_burst_is_over() {
    let (distances, leapt) = distances(true, 1_100);
    assert!(leapt);
    let leaps: Vec<_> = distances.iter().enumerate().filter(|(_, ticks)| **ticks != 3_600).collect();
    assert_eq!(leaps, [(49, &1_800_003_600)], "with the first live picture, once");
}

#[test]
fn a_clock_goes_on_without_sound_and_too_soon_or_too_long_after_a_burst() {
    for (timed, live_from_ms) in [(false, 1_100), (true, 200), (true, 130_000)] {
        let (distances, leapt) = distances(timed, live_from_ms);
        assert!(!leapt && distances.iter().all(|ticks| *ticks == 3_600), "{timed} {live_from_ms}");
    }
}

#[test]
fn a_picture_lost_twice_in_a_second_is_mended_once() {
    let (mut lineup, now) = (Lineup::new(0), Clock::system().now());
    let key = frame(0, true, 1_000);
    let memory = gop(std::slice::from_ref(&key));
    lineup.connected(now, &memory);
    due(&mut lineup, now);
    lineup.take_orders();
    lineup.picture_lost(now, &memory);
    assert!(lineup.take_orders().reburst);
    lineup.picture_lost(in_ms(now, 900), &memory);
    let orders = lineup.take_orders();
    assert!(orders.want_key_frame && !orders.reburst);
}

#[derive(Debug, Clone)]
enum Step {
    Frame { key: bool, bytes: usize },
    Gap,
    Lost,
    Cut,
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (proptest::bool::weighted(0.1), 1..200_000_usize).prop_map(|(key, bytes)| Step::Frame { key, bytes }),
        1 => Just(Step::Gap),
        1 => Just(Step::Lost),
        1 => Just(Step::Cut),
        6 => (1..200_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn no_frame_leaves_without_its_references_and_time_never_goes_back(
        joined in 0..40_usize,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let (mut lineup, mut memory, mut now) = (Lineup::new(1_000), Gop::new(8 << 20), Clock::system().now());
        let (mut number, mut decodable, mut last_rtp) = (0, None, None::<u32>);
        for (at, step) in steps.into_iter().enumerate() {
            if at == joined {
                lineup.connected(now, &memory);
            }
            match step {
                Step::Frame { key, bytes } => {
                    let next = frame(number, key, bytes);
                    memory.push(&next);
                    lineup.frame(now, &next, &memory);
                    number += 1;
                }
                Step::Gap => {
                    memory.clear();
                    lineup.discontinuity();
                    number += 1;
                }
                Step::Lost => lineup.picture_lost(now, &memory),
                Step::Cut => lineup.cut(),
                Step::Pass(ms) => now += Duration::from_millis(ms),
            }
            lineup.woke(now, &memory);
            while let Some(slice) = lineup.poll(now) {
                let sent = slice.frame.timestamp / 3_600;
                if slice.packets.start == 0 {
                    let follows = decodable.is_some_and(|last| sent == last + 1 || sent == last);
                    prop_assert!(slice.frame.key || follows, "frame {sent} after {decodable:?}");
                    prop_assert!(last_rtp.is_none_or(|last| slice.stamp.rtp > last));
                    last_rtp = Some(slice.stamp.rtp);
                }
                decodable = Some(sent);
            }
        }
    }
}
