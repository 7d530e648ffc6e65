use proptest::prelude::*;

use super::*;
use crate::Key;

const SSRC: u32 = 7;
const FRAME: u32 = 3_600;

fn packet(sequence: u64, timestamp: u32, marker: bool, payload: &str) -> RtpPacket {
    from_source(SSRC, sequence, timestamp, marker, payload)
}

fn from_source(ssrc: u32, sequence: u64, timestamp: u32, marker: bool, payload: &str) -> RtpPacket {
    let mut bytes = vec![0x80, 96 | u8::from(marker) << 7];
    bytes.extend_from_slice(&((sequence & 0xffff) as u16).to_be_bytes());
    bytes.extend_from_slice(&timestamp.to_be_bytes());
    bytes.extend_from_slice(&ssrc.to_be_bytes());
    bytes.extend_from_slice(&hex::decode(payload.replace(' ', "")).unwrap());
    RtpPacket::parse(bytes.into()).unwrap()
}

/// Pushes each packet 40 ms after the one before it, and tells what came out, in short.
fn run(packets: impl IntoIterator<Item = RtpPacket>) -> Vec<String> {
    run_as(Codec::H264, packets)
}

fn run_as(codec: Codec, packets: impl IntoIterator<Item = RtpPacket>) -> Vec<String> {
    let mut assembler = Assembler::new(codec, 90_000);
    let mut out = Vec::new();
    for (n, packet) in packets.into_iter().enumerate() {
        assembler.push(40 * n as i64, packet);
        while let Some(assembled) = assembler.poll() {
            out.push(short(&assembled));
        }
    }
    out
}

fn short(assembled: &Assembled) -> String {
    let low = |extended: u64| extended & 0xffff;
    match assembled {
        Assembled::Unit(unit) => {
            let key = match unit.key {
                Some(Key::Idr) => " idr",
                Some(Key::RecoveryPoint) => " recovery",
                None => "",
            };
            format!("unit {}-{}{key}", low(unit.first_sequence), low(unit.last_sequence()))
        }
        Assembled::Gap { from, to } => format!("gap {}-{}", low(*from), low(*to)),
        Assembled::Epoch { ssrc, first_sequence } => format!("epoch {ssrc} {}", low(*first_sequence)),
    }
}

// Payloads: an IDR in two fragments behind its parameter sets, a picture, a picture's second slice.
const SETS: &str = "78 0004 6742c01f 0002 68ce";
const IDR_A: &str = "7c 85 88 84";
const IDR_B: &str = "7c 45 01";
const PICTURE: &str = "41 9a 00";
const SLICE_2: &str = "41 5a 00";

#[test]
fn units_leave_at_their_marker() {
    let mut assembler = Assembler::new(Codec::H264, 90_000);
    assembler.push(1_000, packet(10, 0, false, SETS));
    assembler.push(1_001, packet(11, 0, false, IDR_A));
    assert_eq!(assembler.poll(), None);
    assembler.push(1_002, packet(12, 0, true, IDR_B));
    let Some(Assembled::Unit(unit)) = assembler.poll() else { panic!("no unit") };
    assert_eq!((unit.key, unit.reference, unit.captured_at_ms), (Some(Key::Idr), true, 1_000));
    assert_eq!((unit.packets.len(), unit.size, unit.ssrc()), (3, 36 + 11 + 4 + 3, SSRC));
    assert_eq!(assembler.poll(), None);
}

#[test]
fn without_markers_units_leave_when_the_next_begins() {
    let out = run([
        packet(1, 0, false, PICTURE),
        packet(2, FRAME, false, PICTURE),
        packet(3, FRAME, false, SLICE_2),
        packet(4, 2 * FRAME, false, PICTURE),
    ]);
    assert_eq!(out, ["unit 1-1", "unit 2-3"]);
}

#[test]
fn a_hole_within_a_unit_drops_the_whole_unit() {
    let out = run([
        packet(1, 0, true, PICTURE),
        packet(2, FRAME, false, SETS),
        packet(4, FRAME, true, IDR_B),
        packet(5, 2 * FRAME, true, PICTURE),
    ]);
    assert_eq!(out, ["unit 1-1", "gap 2-3", "gap 4-4", "unit 5-5"]);
}

#[test]
fn a_hole_that_may_have_taken_the_end_drops_what_was_pending() {
    let out = run([
        packet(1, 0, false, PICTURE),
        packet(3, FRAME, true, PICTURE),
        packet(4, 2 * FRAME, true, PICTURE),
    ]);
    assert_eq!(out, ["gap 1-2", "unit 3-3", "unit 4-4"]);
}

#[test]
fn a_hole_of_whole_units_keeps_those_around_it() {
    let out = run([packet(1, 0, true, PICTURE), packet(5, 4 * FRAME, true, PICTURE)]);
    assert_eq!(out, ["unit 1-1", "gap 2-4", "unit 5-5"]);
}

#[test]
fn what_cannot_begin_a_unit_is_dropped_after_a_hole() {
    let out = run([
        packet(1, 0, true, PICTURE),
        packet(3, FRAME, false, SLICE_2),
        packet(4, FRAME, true, SLICE_2),
        packet(5, 2 * FRAME, true, PICTURE),
    ]);
    assert_eq!(out, ["unit 1-1", "gap 2-2", "gap 3-4", "unit 5-5"]);
}

#[test]
fn a_second_hole_in_the_same_unit_is_one_more_gap() {
    let out = run([
        packet(1, 0, false, SETS),
        packet(3, 0, false, "7c 05 01"),
        packet(5, 0, true, IDR_B),
        packet(6, FRAME, true, PICTURE),
    ]);
    assert_eq!(out, ["gap 1-2", "gap 3-4", "gap 5-5", "unit 6-6"]);
}

#[test]
fn joining_in_the_middle_waits_for_a_beginning() {
    let out = run([packet(8, 0, true, IDR_B), packet(9, FRAME, true, PICTURE)]);
    assert_eq!(out, ["gap 8-8", "unit 9-9"]);
}

#[test]
fn repeated_and_late_packets_are_dropped_and_counted() {
    let mut assembler = Assembler::new(Codec::H264, 90_000);
    for sequence in [100, 101, 101, 100, 99, 102] {
        assembler.push(0, packet(sequence, sequence as u32 * FRAME, true, PICTURE));
    }
    let out: Vec<_> = std::iter::from_fn(|| assembler.poll()).map(|it| short(&it)).collect();
    assert_eq!(out, ["unit 100-100", "unit 101-101", "unit 102-102"]);
    assert_eq!(assembler.repeated(), 3);
}

#[test]
fn sequence_numbers_and_timestamps_wrap() {
    let mut assembler = Assembler::new(Codec::H264, 90_000);
    let start = u32::MAX - FRAME;
    for n in 0..4u32 {
        let timestamp = start.wrapping_add(n * FRAME);
        assembler.push(i64::from(n) * 40, packet(65_534 + u64::from(n), timestamp, true, PICTURE));
    }
    let units: Vec<_> = std::iter::from_fn(|| assembler.poll())
        .map(|assembled| match assembled {
            Assembled::Unit(unit) => (unit.first_sequence - 65_536, unit.timestamp - i64::from(start)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(units, [(65_534, 0), (65_535, 3_600), (65_536, 7_200), (65_537, 10_800)]);
}

#[test]
fn a_new_source_begins_an_epoch_whose_numbers_and_times_go_on() {
    let mut assembler = Assembler::new(Codec::H264, 90_000);
    assembler.push(0, packet(40_000, 1_000, true, PICTURE));
    assembler.push(10, packet(40_001, 4_600, false, PICTURE));
    assembler.push(40, from_source(9, 5, 3_000_000_000, true, PICTURE));
    assembler.push(80, from_source(9, 6, 3_000_003_600, true, PICTURE));
    let out: Vec<_> = std::iter::from_fn(|| assembler.poll()).collect();
    assert_eq!(
        out.iter().map(short).collect::<Vec<_>>(),
        ["unit 40000-40000", "gap 40001-40001", "epoch 9 5", "unit 5-5", "unit 6-6"]
    );
    let (Assembled::Unit(before), Assembled::Unit(after), Assembled::Unit(last)) =
        (&out[0], &out[3], &out[4])
    else {
        panic!("{out:?}")
    };
    assert!(after.first_sequence > before.first_sequence + 1);
    assert_eq!([after.timestamp - before.timestamp, last.timestamp - after.timestamp], [3_600, 3_600]);
}

#[test]
fn counting_anew_begins_an_epoch_too() {
    for restart in [39_000, 43_500] {
        let out = run([
            packet(40_000, 0, true, PICTURE),
            packet(restart, FRAME, true, PICTURE),
            packet(restart + 1, 2 * FRAME, true, PICTURE),
        ]);
        let rest = [format!("unit {restart}-{restart}"), format!("unit {}-{}", restart + 1, restart + 1)];
        assert_eq!(out[1], format!("epoch 7 {restart}"));
        assert_eq!(out[2..], rest);
    }
}

#[test]
fn parameter_sets_with_a_marker_or_a_time_of_their_own_belong_to_the_next_picture() {
    let out = run([
        packet(1, 0, true, "67 42c01f"),
        packet(2, 0, true, "68 ce"),
        packet(3, FRAME, false, IDR_A),
        packet(4, FRAME, true, IDR_B),
    ]);
    assert_eq!(out, ["unit 1-4 idr"]);
}

#[test]
fn a_camera_that_marks_each_slice_is_found_out_and_then_told_by_its_timestamps() {
    let slices = |n: u64| {
        let timestamp = n as u32 * FRAME;
        [packet(2 * n, timestamp, true, PICTURE), packet(2 * n + 1, timestamp, true, SLICE_2)]
    };
    let out = run((5..9).flat_map(slices));
    assert_eq!(out, ["unit 10-10", "gap 11-11", "unit 12-13", "unit 14-15"]);
}

#[test]
fn a_marker_within_a_fragmented_unit_ends_nothing() {
    let out = run([packet(1, 0, true, IDR_A), packet(2, 0, true, "7c 05 02"), packet(3, 0, true, IDR_B)]);
    assert_eq!(out, ["unit 1-3 idr"]);
}

#[test]
fn a_fragmented_unit_without_an_end_is_dropped() {
    let out = run([packet(1, 0, false, IDR_A), packet(2, FRAME, true, PICTURE)]);
    assert_eq!(out, ["gap 1-1", "unit 2-2"]);
}

#[test]
fn packets_of_padding_alone_keep_the_sequence_whole() {
    let out = run([packet(1, 0, true, PICTURE), packet(2, 0, false, ""), packet(3, FRAME, true, PICTURE)]);
    assert_eq!(out, ["unit 1-1", "unit 2-3"]);
}

#[test]
fn a_unit_beyond_the_limits_is_dropped_and_the_next_one_is_fine() {
    let big = "7c05".to_owned() + &"01".repeat(60_000);
    let mut packets = vec![packet(0, 0, false, IDR_A)];
    packets.extend((1..200).map(|n| packet(n, 0, false, &big)));
    packets.push(packet(200, FRAME, true, PICTURE));
    assert_eq!(run(packets), ["gap 0-199", "unit 200-200"]);

    let many = (0..20_000).map(|n| packet(n, 0, false, if n == 0 { PICTURE } else { SLICE_2 }));
    let out = run(many.chain([packet(20_000, FRAME, true, PICTURE)]));
    assert_eq!(out, ["gap 0-19999", "unit 20000-20000"]);
}

#[test]
fn an_open_recovery_point_is_a_key() {
    let out = run([packet(1, 0, false, "06 06 01 c4 80"), packet(2, 0, true, "41 88 80")]);
    assert_eq!(out, ["unit 1-2 recovery"]);
}

#[test]
fn a_hundred_megabytes_of_one_unit_are_dropped_whatever_the_codec() {
    for (codec, first, middle, next) in [
        (Codec::H264, "7c 85 88", "7c05", PICTURE),
        (Codec::H265, "6201 93 af", "620113", "0201 d0"),
        (Codec::Aac, "0010 fff8", "0010fff8", "0010 0010 aabb"),
    ] {
        let big = middle.to_owned() + &"01".repeat(60_000);
        let big = packet(0, 0, false, &big);
        let mut out = Vec::new();
        let mut assembler = Assembler::new(codec, 90_000);
        let mut push = |packet| {
            assembler.push(0, packet);
            out.extend(std::iter::from_fn(|| assembler.poll()).map(|assembled| short(&assembled)));
        };
        push(packet(0, 0, false, first));
        for n in 1..1_750u16 {
            let mut bytes = big.bytes().to_vec();
            bytes[2..4].copy_from_slice(&n.to_be_bytes());
            push(RtpPacket::parse(bytes.into()).unwrap());
        }
        push(packet(1_750, FRAME, true, next));
        let key = if codec == Codec::Aac { " idr" } else { "" };
        assert_eq!(out, ["gap 0-1749".to_owned(), format!("unit 1750-1750{key}")], "{codec}");
    }
}

// An H.265 key frame in two fragments behind its parameter sets, a picture, its second slice.
const HEVC_SETS: &str = "6001 0003 40010c 0003 420101 0003 4401c1";
const HEVC_IDR_A: &str = "6201 93 af";
const HEVC_IDR_B: &str = "6201 53 01";
const HEVC_PICTURE: &str = "0201 d0";
const HEVC_SLICE_2: &str = "0201 50";

#[test]
fn units_of_h265_are_told_apart() {
    let out = run_as(
        Codec::H265,
        [
            packet(1, 0, false, HEVC_SETS),
            packet(2, 0, false, HEVC_IDR_A),
            packet(3, 0, true, HEVC_IDR_B),
            packet(4, FRAME, false, HEVC_PICTURE),
            packet(5, FRAME, false, HEVC_SLICE_2),
            packet(6, 2 * FRAME, true, HEVC_PICTURE),
            packet(8, 3 * FRAME, true, HEVC_SLICE_2),
            packet(9, 4 * FRAME, true, HEVC_PICTURE),
            packet(10, 5 * FRAME, true, "2a01 af"),
        ],
    );
    assert_eq!(
        out,
        ["unit 1-3 idr", "unit 4-5", "unit 6-6", "gap 7-7", "gap 8-8", "unit 9-9", "unit 10-10 recovery"]
    );
}

#[test]
fn each_packet_of_speech_is_a_unit_whatever_its_marker() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::Opus] {
        let out = run_as(
            codec,
            [
                packet(1, 0, true, "d5d5"),
                packet(2, 160, false, "d5d5"),
                packet(3, 320, false, "d5d5"),
                packet(5, 640, false, "d5d5"),
            ],
        );
        assert_eq!(
            out,
            ["unit 1-1 idr", "unit 2-2 idr", "unit 3-3 idr", "gap 4-4", "unit 5-5 idr"],
            "{codec}"
        );
    }
}

#[test]
fn fragments_of_sound_end_at_their_marker() {
    for codec in [Codec::Aac, Codec::Latm] {
        let out = run_as(
            codec,
            [
                packet(1, 0, false, "aa"),
                packet(2, 0, true, "bb"),
                packet(3, 1024, true, "cc"),
                packet(5, 2048, true, "dd"),
                packet(6, 3072, true, "ee"),
            ],
        );
        assert_eq!(
            out,
            ["unit 1-2 idr", "unit 3-3 idr", "gap 4-4", "unit 5-5 idr", "unit 6-6 idr"],
            "{codec}"
        );
    }
}

#[test]
fn sound_that_is_never_marked_is_not_held_back() {
    let out = run_as(Codec::Aac, (1..5).map(|n| packet(n, n as u32 * 1024, false, "aa")));
    assert_eq!(out, ["unit 1-1 idr", "unit 2-2 idr", "unit 3-3 idr", "unit 4-4 idr"]);
    // Nor are fragments without markers torn apart for long.
    let pairs = (1..6).flat_map(|n| {
        [packet(2 * n, n as u32 * 1024, false, "aa"), packet(2 * n + 1, n as u32 * 1024, false, "bb")]
    });
    let out = run_as(Codec::Aac, [packet(1, 0, false, "aa")].into_iter().chain(pairs));
    assert_eq!(
        out,
        ["unit 1-1 idr", "unit 2-2 idr", "unit 3-3 idr", "unit 4-5 idr", "unit 6-7 idr", "unit 8-9 idr"]
    );
}

#[test]
fn a_new_source_of_sound_begins_an_epoch() {
    let out = run_as(
        Codec::Opus,
        [
            packet(1, 0, false, "7800"),
            from_source(9, 700, 5_000_000, false, "7800"),
            from_source(9, 701, 5_000_960, false, "7800"),
        ],
    );
    assert_eq!(out, ["unit 1-1 idr", "epoch 9 700", "unit 700-700 idr", "unit 701-701 idr"]);
}

/// One picture as some encoder might send it.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Single,
    Slices(u8),
    Fragments(u8),
    Idr(u8),
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Single),
        (1u8..5).prop_map(Shape::Slices),
        (0u8..5).prop_map(Shape::Fragments),
        (0u8..5).prop_map(Shape::Idr),
    ]
}

/// The packets of a stream, unit by unit.
fn stream(first: u16, shapes: &[Shape], markers: bool) -> Vec<Vec<RtpPacket>> {
    let mut sequence = 65_536 + u64::from(first);
    let mut units = Vec::new();
    for (n, shape) in shapes.iter().enumerate() {
        let payloads: Vec<String> = match shape {
            Shape::Single => vec![PICTURE.into()],
            Shape::Slices(more) => {
                std::iter::once(PICTURE).chain((0..*more).map(|_| SLICE_2)).map(Into::into).collect()
            }
            Shape::Fragments(middle) => fragments("5c", 1, "9a", *middle),
            Shape::Idr(middle) => {
                let mut payloads = vec![SETS.to_owned()];
                payloads.extend(fragments("7c", 5, "88", *middle));
                payloads
            }
        };
        let last = payloads.len() - 1;
        let unit = payloads.iter().enumerate().map(|(i, payload)| {
            let sequence = sequence + i as u64;
            packet(sequence, n as u32 * FRAME, markers && i == last, payload)
        });
        units.push(unit.collect());
        sequence += payloads.len() as u64;
    }
    units
}

fn fragments(indicator: &str, kind: u8, body: &str, middle: u8) -> Vec<String> {
    let fragment = |bits: u8| format!("{indicator}{:02x}{body}", bits | kind);
    std::iter::once(0x80).chain((0..middle).map(|_| 0)).chain([0x40]).map(fragment).collect()
}

proptest! {
    #[test]
    fn without_loss_every_unit_comes_out_as_it_went_in(
        first: u16,
        shapes in proptest::collection::vec(shape(), 1..30),
        markers: bool,
    ) {
        let units = stream(first, &shapes, markers);
        let mut assembler = Assembler::new(Codec::H264, 90_000);
        let mut out = Vec::new();
        for (n, packet) in units.iter().flatten().enumerate() {
            assembler.push(n as i64, packet.clone());
            out.extend(std::iter::from_fn(|| assembler.poll()));
        }
        let expected = if markers { units.len() } else { units.len() - 1 };
        prop_assert_eq!(out.len(), expected);
        for (assembled, packets) in out.iter().zip(&units) {
            let Assembled::Unit(unit) = assembled else { return Err(TestCaseError::fail("a gap")) };
            prop_assert_eq!(&unit.packets, packets);
            let again = AccessUnit::from_packets(
                Codec::H264, packets.clone(), unit.first_sequence, unit.timestamp, unit.captured_at_ms,
            );
            prop_assert_eq!(again.as_ref(), Ok(unit));
        }
    }

    #[test]
    fn with_loss_and_repetition_what_comes_out_is_whole_and_accounts_for_all(
        first: u16,
        shapes in proptest::collection::vec(shape(), 1..30),
        fate in proptest::collection::vec(0u8..12, 200),
        markers: bool,
    ) {
        let units = stream(first, &shapes, markers);
        let mut assembler = Assembler::new(Codec::H264, 90_000);
        let mut out = Vec::new();
        let mut whole = Vec::new();
        let mut fates = fate.iter().cycle();
        let mut last_pushed = None;
        for unit in &units {
            let (mut complete, mut came) = (true, Vec::new());
            for packet in unit {
                match fates.next() {
                    // Parameter sets in front may be lost: the picture is whole without them.
                    Some(0) => { complete &= packet.payload_slice()[0] == 0x78; continue }
                    Some(1) => assembler.push(0, packet.clone()),
                    _ => {}
                }
                assembler.push(0, packet.clone());
                came.push(packet.clone());
                last_pushed = Some(packet.sequence_number());
                out.extend(std::iter::from_fn(|| assembler.poll()));
            }
            if complete { whole.push(came) }
        }
        let mut position = None;
        for assembled in &out {
            let (from, to) = match assembled {
                Assembled::Unit(unit) => {
                    prop_assert!(whole.contains(&unit.packets), "a unit that is not whole");
                    (unit.first_sequence, unit.last_sequence())
                }
                Assembled::Gap { from, to } => (*from, *to),
                Assembled::Epoch { .. } => return Err(TestCaseError::fail("an epoch")),
            };
            prop_assert!(from <= to && position.is_none_or(|position| from == position + 1), "{out:?}");
            position = Some(to);
        }
        if markers {
            // Every unit here begins by its own content, so each whole one is found again.
            let found = out.iter().filter(|assembled| matches!(assembled, Assembled::Unit(_))).count();
            prop_assert_eq!(found, whole.len());
            if let (Some(position), Some(last)) = (position, last_pushed)
                && whole.last().is_some_and(|unit: &Vec<RtpPacket>| unit.last() == units.last().and_then(|unit| unit.last()))
            {
                prop_assert_eq!(position & 0xffff, u64::from(last));
            }
        }
    }

    #[test]
    fn any_packets_come_out_in_order_and_once(
        packets in proptest::collection::vec((0u32..2, any::<u16>(), 0u32..4, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..6)), 0..120),
    ) {
        let mut assembler = Assembler::new(Codec::H264, 90_000);
        let mut position = 0;
        for (ssrc, sequence, timestamp, marker, payload) in packets {
            // Mostly neighbours, now and then anything.
            let sequence = if sequence % 5 == 0 { sequence } else { sequence % 40 };
            assembler.push(0, from_source(ssrc / 2, sequence.into(), timestamp, marker, &hex::encode(payload)));
            let mut outputs = 0;
            while let Some(assembled) = assembler.poll() {
                outputs += 1;
                let (from, to) = match &assembled {
                    Assembled::Unit(unit) => (unit.first_sequence, unit.last_sequence()),
                    Assembled::Gap { from, to } => (*from, *to),
                    Assembled::Epoch { first_sequence, .. } => (*first_sequence, *first_sequence - 1),
                };
                prop_assert!(from > position, "{assembled:?} after {position}");
                position = to.max(position);
            }
            prop_assert!(outputs <= 4);
        }
    }
}
