use std::time::{Duration, Instant};

use bytes::Bytes;
use proptest::prelude::*;
use sluice_media::RtpPacket;

use super::{Counts, Epoch, Input, Output, Release};

const PATIENCE: Duration = Duration::from_millis(500);
const SSRC: u32 = 7;

fn start() -> Instant {
    sluice_runtime::Clock::system().now()
}

fn packet(sequence: u64, ssrc: u32) -> RtpPacket {
    let mut bytes = vec![0x80, 0x60];
    bytes.extend_from_slice(&(sequence as u16).to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 1]);
    bytes.extend_from_slice(&ssrc.to_be_bytes());
    bytes.push(0x41);
    RtpPacket::parse(Bytes::from(bytes)).unwrap()
}

fn unit(index: u64, sequences: std::ops::RangeInclusive<u64>) -> Input {
    Input::Unit { index, packets: sequences.map(|sequence| packet(sequence, SSRC)).collect() }
}

fn drain(release: &mut Release) -> Vec<Option<u64>> {
    std::iter::from_fn(|| release.poll())
        .map(|output| match output {
            Output::Unit { first_sequence, .. } => Some(first_sequence),
            Output::Missing => None,
        })
        .collect()
}

#[test]
fn units_that_overtook_each_other_leave_in_order() {
    let (mut release, now) = (Release::new(SSRC, 65_530, PATIENCE), start());
    release.handle(now, unit(1, 65_533..=65_537));
    assert_eq!(drain(&mut release), []);
    release.handle(now, unit(0, 65_530..=65_532));
    release.handle(now, unit(2, 65_538..=65_538));
    assert_eq!(drain(&mut release), [Some(65_530), Some(65_533), Some(65_538)]);
    assert_eq!(release.deadline(), None);
}

#[test]
fn numbers_at_the_end_of_all_numbers_break_nothing() {
    let (mut release, now) = (Release::new(SSRC, 100, PATIENCE), start());
    release.handle(now, Input::Gap { from: 100, to: u64::MAX });
    release.handle(now, Input::Epoch(Epoch { ssrc: SSRC, first_sequence: u64::MAX, first_stream: 0 }));
    release.handle(now, unit(0, 100..=104));
    assert_eq!(drain(&mut release), [Some(100)]);
    assert_eq!(release.counts().refused, 2);
    let mut release = Release::new(SSRC, u64::MAX, PATIENCE);
    release.handle(now, unit(0, 65_530..=65_537));
    release.handle(now + PATIENCE, Input::Woke);
    drain(&mut release);
}

#[test]
fn units_of_an_epoch_nobody_tells_of_take_bounded_memory() {
    let (mut release, now) = (Release::new(SSRC, 100, PATIENCE), start());
    for index in 0..40 {
        let long = |sequence| {
            let mut bytes = packet(sequence, SSRC + 1).bytes().to_vec();
            bytes.resize(1 << 15, 0);
            RtpPacket::parse(Bytes::from(bytes)).unwrap()
        };
        let packets = (0..32).map(long).collect();
        release.handle(now, Input::Unit { index, packets });
    }
    assert!(release.counts().refused >= 24, "forty units of 1 MiB do not fit into 16 MiB");
}

#[test]
fn a_gap_lets_out_what_waits_behind_it() {
    let (mut release, now) = (Release::new(SSRC, 100, PATIENCE), start());
    release.handle(now, unit(2, 110..=112));
    release.handle(now, Input::Gap { from: 105, to: 109 });
    assert_eq!(drain(&mut release), []);
    release.handle(now, Input::Gap { from: 100, to: 104 });
    assert_eq!(drain(&mut release), [None, Some(110)]);
}

#[test]
fn a_gap_that_names_what_has_left_already_skips_only_the_rest() {
    let (mut release, now) = (Release::new(SSRC, 100, PATIENCE), start());
    release.handle(now, unit(0, 100..=104));
    release.handle(now, Input::Gap { from: 102, to: 109 });
    release.handle(now, unit(2, 110..=110));
    assert_eq!(drain(&mut release), [Some(100), None, Some(110)]);
}

#[test]
fn a_hole_nobody_explains_is_given_up_in_time_and_counted() {
    let (mut release, now) = (Release::new(SSRC, 100, PATIENCE), start());
    release.handle(now, unit(1, 110..=112));
    release.handle(now + Duration::from_millis(100), unit(2, 113..=113));
    assert_eq!(release.deadline(), Some(now + PATIENCE));
    release.handle(now + PATIENCE - Duration::from_millis(1), Input::Woke);
    assert_eq!(drain(&mut release), []);
    release.handle(now + PATIENCE, Input::Woke);
    assert_eq!(drain(&mut release), [None, Some(110), Some(113)]);
    release.handle(now + PATIENCE, unit(0, 100..=109));
    assert_eq!(drain(&mut release), []);
    assert_eq!(release.counts(), Counts { holes: 1, late: 1, refused: 0 });
}

#[test]
fn a_camera_that_counts_anew_with_the_same_source_is_followed() {
    let (mut release, now) = (Release::new(SSRC, 1_000, PATIENCE), start());
    release.handle(now, unit(0, 1_000..=1_009));
    release.handle(now, Input::Gap { from: 1_010, to: 66_000 });
    release.handle(now, Input::Epoch(Epoch { ssrc: SSRC, first_sequence: 66_001, first_stream: 2 }));
    release.handle(now, unit(2, 66_001..=66_003));
    // One of the old numbering comes late: by its stream it is not taken for one of the new.
    release.handle(now, unit(1, 1_010..=1_012));
    assert_eq!(drain(&mut release), [Some(1_000), None, Some(66_001)]);
    assert_eq!(release.counts().late, 1);
}

#[test]
fn a_unit_of_a_new_source_waits_until_its_epoch_is_told() {
    let (mut release, now) = (Release::new(SSRC, 5, PATIENCE), start());
    release.handle(now, Input::Unit { index: 1, packets: vec![packet(9, 8)] });
    release.handle(now, unit(0, 5..=6));
    assert_eq!(drain(&mut release), [Some(5)]);
    release.handle(now, Input::Gap { from: 7, to: 65_544 });
    release.handle(now, Input::Epoch(Epoch { ssrc: 8, first_sequence: 65_545, first_stream: 1 }));
    assert_eq!(drain(&mut release), [None, Some(65_545)]);
    release.handle(now, Input::Unit { index: 4, packets: vec![packet(10, 9)] });
    release.handle(now + PATIENCE, Input::Woke);
    assert_eq!((drain(&mut release), release.counts().refused), (vec![], 1));
}

#[test]
fn what_is_held_back_is_bounded() {
    let (mut release, now) = (Release::new(SSRC, 0, PATIENCE), start());
    let big = |sequence: u64| {
        let mut bytes = packet(sequence, SSRC).bytes().to_vec();
        bytes.resize(60_000, 0);
        RtpPacket::parse(Bytes::from(bytes)).unwrap()
    };
    for n in 0..400 {
        release.handle(now, Input::Unit { index: n + 1, packets: vec![big(n + 1)] });
    }
    assert_eq!(drain(&mut release).len(), 401);
    assert_eq!(release.counts().holes, 1);
}

proptest! {
    /// Whatever the order, the loss and the gaps told: units leave in order, each once, and whatever does not
    /// leave is followed by a `Missing` before the next one does.
    #[test]
    fn order_holds_and_nothing_is_lost_silently(
        first in 0u64..200_000,
        lengths in proptest::collection::vec(1u64..6, 1..40),
        fates in proptest::collection::vec(0u8..10, 40),
        order in proptest::collection::vec(0u64..30, 40),
    ) {
        let now = start();
        let mut release = Release::new(SSRC, first, PATIENCE);
        let (mut at, mut steps, mut sent) = (first, Vec::new(), Vec::new());
        for (n, length) in lengths.iter().enumerate() {
            let range = at..=at + length - 1;
            at += length;
            let due = n as u64 * 10 + order[n] * 10;
            match fates[n] {
                0 => steps.push((due, Input::Gap { from: *range.start(), to: *range.end() })),
                1 => {}
                _ => {
                    sent.push(*range.start());
                    steps.push((due, unit(n as u64, range)));
                }
            }
        }
        steps.sort_by_key(|(due, _)| *due);
        let mut got = Vec::new();
        for (due, step) in steps {
            release.handle(now + Duration::from_millis(due), step);
            got.extend(std::iter::from_fn(|| release.poll()));
        }
        while let Some(deadline) = release.deadline() {
            release.handle(deadline, Input::Woke);
            got.extend(std::iter::from_fn(|| release.poll()));
        }
        let mut expected = first;
        let mut missed = false;
        let mut units = Vec::new();
        for output in got {
            match output {
                Output::Missing => missed = true,
                Output::Unit { first_sequence, packets } => {
                    prop_assert!(first_sequence >= expected);
                    prop_assert!(first_sequence == expected || missed, "silent loss before {first_sequence}");
                    expected = first_sequence + packets.len() as u64;
                    missed = false;
                    units.push(first_sequence);
                }
            }
        }
        // With patience above the reordering, everything that was sent leaves.
        prop_assert_eq!(units, sent);
    }

    #[test]
    fn no_input_makes_it_panic_or_wait_for_ever(
        inputs in proptest::collection::vec((0u8..4, any::<u16>(), any::<u16>(), 0u64..50, 0u32..3), 0..60)
    ) {
        let mut now = start();
        let mut release = Release::new(0, 70_000, PATIENCE);
        for (kind, a, b, index, ssrc) in inputs {
            now += Duration::from_millis(50);
            let (a, b) = (u64::from(a) + 40_000, u64::from(b) + 40_000);
            let input = match kind {
                0 => Input::Gap { from: a, to: b },
                1 => Input::Epoch(Epoch { ssrc, first_sequence: a + b, first_stream: index }),
                2 => Input::Unit { index, packets: vec![packet(a, ssrc), packet(a + 1, ssrc)] },
                _ => Input::Woke,
            };
            release.handle(now, input);
            while release.poll().is_some() {}
            prop_assert!(release.deadline().is_none_or(|deadline| deadline > now));
        }
    }
}
