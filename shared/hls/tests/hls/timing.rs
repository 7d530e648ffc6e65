//! Whatever the timing of the pictures: no part over target, no hole, history never changes.

use proptest::prelude::*;
use sluice_hls::{Packager, Rendition};

use crate::{
    support::{Camera, Habits, REORDERED, SMALL, VIDEO, settings, video},
    watch::Watcher,
};

fn habits() -> impl Strategy<Value = Habits> {
    let interval =
        prop_oneof![Just(3_600i64), Just(6_000), Just(3_000), Just(7_200), Just(3_003), Just(9_000)];
    (interval, 5u32..=100, 0usize..3, 0u32..=30, any::<u64>()).prop_map(
        |(interval, tenths, between, jitter, seed)| {
            let gop = (i64::from(tenths) * 9_000 / interval).max(1) as usize;
            // To 15 % either side; pictures out of order with more would be of another order.
            let jitter = interval * i64::from(jitter.min(15)) / 100;
            Habits { interval, gop, between, jitter, seed, ..Habits::default() }
        },
    )
}

/// Plays `seconds` and looks at everything; gives back the watcher and what was pushed.
fn play(habits: &Habits, seconds: i64, strict: bool, late: bool) -> (Watcher, Vec<i64>, Packager) {
    let sdp = if habits.between > 0 { REORDERED } else { SMALL };
    let mut packager = Packager::new(settings(), &[video(sdp)]).unwrap();
    let mut watcher = Watcher::new(Rendition::Video, 90_000);
    watcher.strict = strict;
    let mut camera = Camera::new(habits.clone());
    let mut stamps = Vec::new();
    if late {
        let gop: Vec<_> = (0..habits.gop.min(40)).map(|_| camera.next()).collect();
        stamps.extend(gop.iter().map(|(_, unit)| unit.timestamp));
        packager.start_with(&gop);
        watcher.look(&packager);
    }
    while camera.time < seconds * 90_000 {
        let (line, unit) = camera.next();
        assert_eq!(line, VIDEO);
        packager.push(VIDEO, &unit).unwrap();
        stamps.push(unit.timestamp);
        watcher.look(&packager);
        assert!(packager.bytes() <= settings().max_bytes);
    }
    (watcher, stamps, packager)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_steady_camera_keeps_every_rule(habits in habits(), late: bool) {
        // A camera that stamps unevenly and says a wrong rate (these sets say 25) is known only after some pictures,
        // and PART-TARGET is laid down before. So is one that sends pictures out of order, by when they are decoded.
        let known = habits.jitter == 0 || habits.interval == 3_600 || late && habits.gop >= 20;
        let strict = known && (habits.between == 0 || late && habits.jitter == 0);
        let (watcher, stamps, packager) = play(&habits, 30, strict, late);
        prop_assert_eq!(packager.counters().refused, 0);
        prop_assert_eq!(watcher.discontinuities, 0);
        // What is shown when is as the camera said, to the tick.
        let shift = watcher.shown[0] - stamps[0];
        for (shown, stamp) in watcher.shown.iter().zip(&stamps) {
            prop_assert_eq!(shown - stamp, shift);
        }
        // At most the part that is being made is not there yet.
        prop_assert!(stamps.len() - watcher.samples as usize <= 18);
        // Decode times stay with what is shown, but for pictures sent ahead.
        prop_assert!(watcher.farthest <= 4_500 + habits.interval * 5, "{}", watcher.farthest);
    }

    #[test]
    fn pauses_and_bursts_break_nothing(
        mut habits in habits(), every in 5u64..200, pause in 500i64..200_000, late: bool,
    ) {
        habits.every = every;
        habits.pause = pause;
        let (watcher, _, packager) = play(&habits, 60, false, late);
        prop_assert_eq!(packager.counters().refused, 0);
        prop_assert!(watcher.samples > 50);
    }

    #[test]
    fn clocks_that_leap_break_nothing(habits in habits(), leaps in proptest::collection::vec(any::<i32>(), 1..6)) {
        let mut packager = Packager::new(settings(), &[video(SMALL)]).unwrap();
        let mut watcher = Watcher::new(Rendition::Video, 90_000);
        watcher.strict = false;
        let mut camera = Camera::new(Habits { between: 0, ..habits });
        for leap in leaps {
            for _ in 0..60 {
                let (line, unit) = camera.next();
                packager.push(line, &unit).unwrap();
                watcher.look(&packager);
            }
            camera.leap += i64::from(leap);
        }
        prop_assert!(watcher.samples > 30);
        let steps: Vec<_> = watcher.shown.windows(2).map(|pair| pair[1] - pair[0]).collect();
        prop_assert!(steps.iter().all(|step| (1..=90_000).contains(step)), "{steps:?}");
    }
}

#[test]
fn a_part_closes_with_its_last_picture() {
    let mut packager = Packager::new(settings(), &[video(SMALL)]).unwrap();
    let mut camera = Camera::new(Habits::default());
    for picture in 1..=50u32 {
        let (line, unit) = camera.next();
        packager.push(line, &unit).unwrap();
        let next = packager.next(Rendition::Video);
        assert_eq!((next.msn, next.part), (2, picture / 5), "{picture}");
    }
}

#[test]
fn a_camera_that_slows_down_gets_longer_parts_rather_than_wrong_ones() {
    let mut packager = Packager::new(settings(), &[video(SMALL)]).unwrap();
    let mut watcher = Watcher::new(Rendition::Video, 90_000);
    watcher.strict = false;
    let mut camera = Camera::new(Habits::default());
    for n in 0..400 {
        if n == 100 {
            camera.habits.interval = 45_000;
        }
        let (line, unit) = camera.next();
        packager.push(line, &unit).unwrap();
        watcher.look(&packager);
    }
    assert_eq!(watcher.newest.as_ref().unwrap().part_target, Some(0.525));
    assert_eq!(packager.counters().refused, 0);
}
