use proptest::prelude::*;

use super::*;

const FRAME: i64 = 3_600;

fn stamps(depth: u32, places: &[i64]) -> Vec<(i64, i64)> {
    let mut clock = DecodeClock::new(depth);
    places.iter().map(|place| (place * FRAME, clock.stamp(place * FRAME))).collect()
}

fn check(stamps: &[(i64, i64)]) {
    assert!(stamps.iter().all(|(pts, dts)| dts <= pts), "{stamps:?}");
    assert!(stamps.windows(2).all(|pair| pair[0].1 < pair[1].1), "{stamps:?}");
}

#[test]
fn without_reordering_both_times_are_one() {
    for (pts, dts) in stamps(0, &[0, 1, 2, 5, 6]) {
        assert_eq!(pts, dts);
    }
}

#[test]
fn two_b_frames_between_references_keep_a_steady_pace() {
    let stamps = stamps(1, &[0, 3, 1, 2, 6, 4, 5, 9, 7, 8]);
    check(&stamps);
    let times: Vec<i64> = stamps.iter().map(|(_, dts)| *dts).collect();
    assert_eq!(times[0], -INTERVAL);
    assert!(times[1..].iter().enumerate().all(|(n, dts)| *dts == n as i64 * FRAME), "{times:?}");
}

#[test]
fn a_pyramid_needs_two() {
    check(&stamps(2, &[0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11]));
}

#[test]
fn more_depth_than_used_delays_nothing_but_the_times() {
    let stamps = stamps(16, &(0..60).collect::<Vec<_>>());
    check(&stamps);
    assert_eq!(stamps[40].1, 24 * FRAME);
}

#[test]
fn a_stream_that_reorders_more_than_it_says_is_followed_after_a_moment() {
    let mut places = vec![0];
    for n in 0..20 {
        places.extend([4, 2, 1, 3].map(|place| place + 4 * n));
    }
    let stamps = stamps(0, &places);
    assert!(stamps.windows(2).all(|pair| pair[0].1 < pair[1].1), "{stamps:?}");
    assert!(stamps[12..].iter().all(|(pts, dts)| dts <= pts), "{stamps:?}");
}

#[test]
fn another_time_begins_anew_and_still_later_than_before() {
    let mut clock = DecodeClock::new(0);
    assert_eq!(clock.stamp(10 * FRAME), 10 * FRAME);
    assert_eq!(clock.stamp(1_000_000 * FRAME), 1_000_000 * FRAME);
    assert_eq!(clock.stamp(0), 1_000_000 * FRAME + 1, "decoding never goes back by itself");
    clock.reset();
    assert_eq!(clock.stamp(0), 0);
}

/// Groups of pictures: how many stand between two references, shown before the second one; and of which
/// interval. The places in the order of sending.
fn order(groups: &[(u8, bool)], interval: i64) -> Vec<i64> {
    let (mut places, mut at) = (vec![0], 0);
    for (between, middle_first) in groups {
        let between = i64::from(*between);
        places.push(at + between + 1);
        let mut inner: Vec<i64> = (1..=between).map(|n| at + n).collect();
        if *middle_first && between > 1 {
            // One of them is referred to by the others: a second level.
            let middle = inner.remove(inner.len() / 2);
            inner.insert(0, middle);
        }
        places.extend(inner);
        at += between + 1;
    }
    places.iter().map(|place| place * interval).collect()
}

/// The most pictures sent before one that is shown earlier.
fn depth(times: &[i64]) -> u32 {
    let before = |n: usize| times[..n].iter().filter(|time| **time > times[n]).count();
    (0..times.len()).map(before).max().unwrap_or(0) as u32
}

proptest! {
    #[test]
    fn times_of_decoding_grow_and_none_is_late(
        groups in proptest::collection::vec((0u8..8, any::<bool>()), 1..40),
        interval in 1_000i64..20_000,
        start in -1_000_000_000i64..1_000_000_000,
        more in 0u32..3,
        lost in proptest::collection::vec(0u8..10, 400),
    ) {
        let times: Vec<i64> = order(&groups, interval).iter().map(|time| time + start).collect();
        let mut clock = DecodeClock::new(depth(&times) + more);
        let mut before = None;
        for (pts, lost) in times.into_iter().zip(lost.iter().cycle()) {
            if *lost == 0 && before.is_some() {
                continue;
            }
            let dts = clock.stamp(pts);
            prop_assert!(dts <= pts && before.is_none_or(|before| before < dts), "{pts} {dts} {before:?}");
            before = Some(dts);
        }
    }

    #[test]
    fn whatever_comes_times_of_decoding_grow(times in proptest::collection::vec(any::<i32>(), 1..200), depth in 0u32..40) {
        let mut clock = DecodeClock::new(depth);
        let mut before = i64::MIN;
        for pts in times {
            let dts = clock.stamp(i64::from(pts));
            prop_assert!(dts > before);
            before = dts;
        }
    }
}
