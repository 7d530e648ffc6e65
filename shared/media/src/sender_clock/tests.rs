use proptest::prelude::*;

use super::*;

const VIDEO: usize = 0;
const AUDIO: usize = 1;
/// Some second of the century of the camera's clock.
const CAMERA_EPOCH: i64 = 3_900_000_000_000_000;
const OUR_EPOCH: i64 = 1_790_000_000_000_000;

/// A camera with two lines and a clock of its own; times in microseconds since it began.
struct Camera {
    clock: SenderClock,
    rates: [u32; 2],
    starts: [u32; 2],
    /// Its clock's error in parts of a million.
    drift: i64,
    leap: i64,
}

impl Camera {
    fn new(starts: [u32; 2], drift: i64) -> Self {
        let rates = [90_000, 16_000];
        let mut clock = SenderClock::new();
        clock.line(VIDEO, rates[0]);
        clock.line(AUDIO, rates[1]);
        Self { clock, rates, starts, drift, leap: 0 }
    }

    fn rtp(&self, line: usize, at: i64) -> u32 {
        let camera = at + at * self.drift / 1_000_000;
        let ticks = i128::from(camera) * i128::from(self.rates[line]) / 1_000_000;
        self.starts[line].wrapping_add(ticks as u32)
    }

    fn ntp(&self, at: i64) -> u64 {
        let camera = (CAMERA_EPOCH + at + at * self.drift / 1_000_000 + self.leap) as u64;
        let (seconds, rest) = (camera / 1_000_000, camera % 1_000_000);
        (seconds << 32) + (rest << 32) / 1_000_000
    }

    fn report(&mut self, line: usize, at: i64, delay: i64) {
        let report = SenderReport { ssrc: 1, ntp: self.ntp(at), rtp: self.rtp(line, at) };
        self.clock.report(line, (OUR_EPOCH + at + delay) / 1_000, &report);
    }

    /// How far from the truth what was captured `at` is taken to be, in milliseconds.
    fn error(&mut self, line: usize, at: i64, delay: i64) -> i64 {
        let rtp = self.rtp(line, at);
        self.clock.captured_ms(line, (OUR_EPOCH + at + delay) / 1_000, rtp) - (OUR_EPOCH + at) / 1_000
    }
}

const SECOND: i64 = 1_000_000;

#[test]
fn without_reports_it_is_the_time_of_arrival() {
    let mut camera = Camera::new([7, 9], 0);
    assert_eq!(camera.error(VIDEO, SECOND, 30_000), 30);
    assert_eq!(camera.clock.captured_ms(5, 42, 1), 42, "an unknown line");
    let zero = SenderReport { ssrc: 1, ntp: 0, rtp: 1 };
    camera.clock.report(VIDEO, 42, &zero);
    assert_eq!(camera.error(VIDEO, 2 * SECOND, 30_000), 30);
}

#[test]
fn lines_with_different_delays_agree_on_the_lesser() {
    let mut camera = Camera::new([u32::MAX - 100_000, 12], 0);
    camera.report(VIDEO, 0, 80_000);
    camera.report(AUDIO, 0, 20_000);
    for n in 0..100 {
        let at = n * SECOND / 10;
        let video = camera.error(VIDEO, at, 80_000 + n % 7 * 10_000);
        let audio = camera.error(AUDIO, at, 20_000);
        if n > 1 {
            assert!((video - audio).abs() <= 2, "at {n}: {video} and {audio}");
        }
    }
    // 60 ms at a fiftieth of what passes.
    assert!((18..=22).contains(&camera.error(VIDEO, 10 * SECOND, 80_000)));
}

#[test]
fn a_camera_that_sets_its_clock_goes_on_where_it_was() {
    for leap in [3_600, -3_600, 1, -1, 1_000_000_000] {
        let mut camera = Camera::new([1, 2], 0);
        for n in 0..200 {
            let at = n * SECOND / 10;
            if n == 100 {
                camera.leap = leap * SECOND;
            }
            // The two lines are told at different times.
            if n % 50 == 0 {
                camera.report(VIDEO, at, 20_000);
            }
            if n % 50 == 30 {
                camera.report(AUDIO, at, 20_000);
            }
            let (video, audio) = (camera.error(VIDEO, at, 20_000), camera.error(AUDIO, at, 20_000));
            assert!(
                (video - 20).abs() <= 2 && (audio - 20).abs() <= 2,
                "leap {leap} at {n}: {video} {audio}"
            );
        }
    }
}

#[test]
fn timestamps_that_leap_are_as_late_as_before_until_they_are_told() {
    let mut camera = Camera::new([1, 2], 0);
    camera.report(VIDEO, 0, 20_000);
    camera.report(AUDIO, 0, 20_000);
    for n in 0..100 {
        let at = n * SECOND / 10;
        if n == 50 {
            camera.starts[VIDEO] = camera.starts[VIDEO].wrapping_add(1_000_000_000);
        }
        if n == 70 {
            camera.report(VIDEO, at, 20_000);
        }
        let (video, audio) = (camera.error(VIDEO, at, 20_000), camera.error(AUDIO, at, 20_000));
        assert!((video - audio).abs() <= 2, "at {n}: {video} {audio}");
    }
}

#[test]
fn when_our_own_clock_is_set_both_lines_follow() {
    let mut camera = Camera::new([1, 2], 0);
    camera.report(VIDEO, 0, 20_000);
    camera.report(AUDIO, 0, 20_000);
    let step = 86_400 * SECOND;
    for n in 0..100 {
        let at = n * SECOND / 10;
        let ours = if n < 50 { 0 } else { step };
        if n == 60 {
            camera.report(VIDEO, at, 20_000 + step);
            camera.report(AUDIO, at, 20_000 + step);
        }
        let video = camera.error(VIDEO, at, 20_000 + ours) - ours / 1_000;
        let audio = camera.error(AUDIO, at, 20_000 + ours) - ours / 1_000;
        assert!((video - 20).abs() <= 2 && (audio - 20).abs() <= 2, "at {n}: {video} {audio}");
    }
}

#[test]
fn a_line_whose_reports_are_of_another_clock_stays_near() {
    let mut camera = Camera::new([1, 2], 0);
    camera.report(VIDEO, 0, 20_000);
    assert_eq!(camera.error(VIDEO, 0, 20_000), 20);
    let truth = camera.leap;
    camera.leap = -1_000_000 * SECOND;
    camera.report(AUDIO, SECOND, 20_000);
    camera.leap = truth;
    assert!((camera.error(AUDIO, 2 * SECOND, 20_000) - 20).abs() <= 2);
    assert!((camera.error(VIDEO, 2 * SECOND, 20_000) - 20).abs() <= 2);
}

proptest! {
    #[test]
    fn two_lines_agree_within_a_few_milliseconds(
        starts: [u32; 2],
        drift in -200i64..200,
        delays in proptest::collection::vec((0i64..60_000, 0i64..60_000), 1200),
        leap in prop_oneof![Just(0i64), -4_000_000i64..4_000_000, any::<i32>().prop_map(|s| i64::from(s) * 1_000)],
    ) {
        // Below that it is taken for a report made carelessly, and followed.
        prop_assume!(leap == 0 || leap.abs() > 60_000);
        let mut camera = Camera::new(starts, drift);
        for (n, (video_delay, audio_delay)) in delays.iter().enumerate() {
            let at = n as i64 * SECOND / 20;
            if n == 700 {
                camera.leap = leap;
            }
            if n % 100 == 0 {
                camera.report(VIDEO, at, *video_delay);
            }
            if n % 100 == 10 {
                camera.report(AUDIO, at, *audio_delay);
            }
            let (video, audio) = (camera.error(VIDEO, at, *video_delay), camera.error(AUDIO, at, *audio_delay));
            // The least delay of up to 20 s ago: 200 millionths of that are 4 ms.
            prop_assert!((-6..=66).contains(&video), "{n}: {video}");
            if n > 10 && !(690..=820).contains(&n) {
                prop_assert!((video - audio).abs() <= 5, "{n}: {video} and {audio}");
            }
        }
    }

    #[test]
    fn whatever_is_reported_nothing_is_captured_long_before_or_after_it_came(
        steps in proptest::collection::vec((0usize..3, any::<bool>(), 0i64..10_000, any::<u64>(), any::<u32>()), 1..100),
    ) {
        let mut clock = SenderClock::new();
        clock.line(0, 90_000);
        clock.line(1, 8_000);
        let mut now = 1_790_000_000_000;
        for (line, report, passed, ntp, rtp) in steps {
            now += passed;
            if report {
                clock.report(line, now, &SenderReport { ssrc: 1, ntp, rtp });
            } else {
                let captured = clock.captured_ms(line, now, rtp);
                prop_assert!((now - 11_000..=now + 6_000).contains(&captured), "{captured} at {now}");
            }
        }
    }
}
