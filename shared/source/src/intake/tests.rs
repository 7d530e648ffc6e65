use super::*;
use crate::presentation::LineKind;

#[test]
fn packets_share_chunks_and_keep_their_bytes() {
    let mut arena = Arena::default();
    let packets: Vec<Bytes> = (0u8..60).map(|n| arena.keep(&vec![n; 1200])).collect();
    for (n, packet) in packets.iter().enumerate() {
        assert!(packet.len() == 1200 && packet.iter().all(|byte| usize::from(*byte) == n));
    }
    assert_eq!(arena.keep(&vec![9; 60_000]).len(), 60_000);
}

#[test]
fn rates_are_averages_of_some_seconds_and_count_the_lead_as_pictures() {
    let mut meter = Meter::default();
    let start = sluice_runtime::Clock::system().now();
    for n in 0..=100u32 {
        meter.add(start + Duration::from_millis(40) * n, 4_000, true);
        meter.add(start + Duration::from_millis(40) * n, 1_000, false);
    }
    assert!((980..=1_020).contains(&meter.bitrate_kbps) && (24.5..=25.5).contains(&meter.fps), "{meter:?}");
}

fn line(index: usize, kind: LineKind, encoding: &str, clock_rate: u32) -> Line {
    let encoding = encoding.to_owned();
    Line { index, kind, encoding, payload_type: 96, clock_rate, fmtp: String::new() }
}

fn packet(sequence: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut raw = vec![0x80, 0xe0];
    raw.extend_from_slice(&sequence.to_be_bytes());
    raw.extend_from_slice(&timestamp.to_be_bytes());
    raw.extend_from_slice(&ssrc.to_be_bytes());
    raw.extend_from_slice(payload);
    raw
}

/// A sender report (RFC 3550 §6.4.1): this timestamp was taken at this second of the camera's clock.
fn report(ssrc: u32, seconds: u32, rtp: u32) -> Vec<u8> {
    let mut raw = vec![0x80, 200, 0, 6];
    for word in [ssrc, seconds, 0, rtp, 1, 100] {
        raw.extend_from_slice(&word.to_be_bytes());
    }
    raw
}

const IDR: &[u8] = &[0x65, 0x88, 0x80, 0x10];

fn av() -> Intake {
    let lines = [line(1, LineKind::Video, "H264", 90_000), line(0, LineKind::Audio, "PCMU", 8_000)];
    Intake::new(lines.iter(), 1 << 20)
}

fn units(intake: &mut Intake) -> Vec<(usize, i64)> {
    let now = sluice_runtime::Clock::system().now();
    let taken = std::iter::from_fn(|| intake.poll(now));
    let units = taken.filter_map(|taken| match taken {
        Taken::Unit { line, unit } => Some((line, unit.captured_at_ms)),
        _ => None,
    });
    units.collect()
}

#[test]
fn picture_and_sound_of_one_instant_have_one_capture_time() {
    let mut intake = av();
    intake.rtcp(1, 10_000, &report(7, 1_000, 900_000));
    intake.rtcp(0, 10_000, &report(8, 1_000, 80_000));
    // Half a second later by the camera; the picture is large and comes 60 ms after the sound.
    intake.push(0, 10_505, &packet(1, 84_000, 8, &[0xff; 160])).unwrap();
    assert_eq!(units(&mut intake), [(0, 10_505)]);
    intake.push(1, 10_565, &packet(1, 945_000, 7, IDR)).unwrap();
    assert_eq!(units(&mut intake), [(1, 10_505)]);
}

#[test]
fn a_hole_in_the_sound_leaves_the_cached_pictures_alone() {
    let mut intake = av();
    intake.push(1, 0, &packet(1, 0, 7, IDR)).unwrap();
    intake.push(0, 0, &packet(1, 0, 8, &[0xff; 160])).unwrap();
    intake.push(0, 60, &packet(4, 480, 8, &[0xff; 160])).unwrap();
    units(&mut intake);
    let lines: Vec<usize> = intake.cached().iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [1, 0, 0]);
    // A hole in the pictures empties it.
    intake.push(1, 120, &packet(9, 3_600, 7, &[0x41, 0x9a, 0x10])).unwrap();
    units(&mut intake);
    assert!(intake.cached().is_empty());
}

#[test]
fn a_line_that_is_not_received_gives_nothing() {
    let mut intake = av();
    assert_eq!(intake.push(5, 0, &packet(1, 0, 7, IDR)), Ok(false));
    assert!(units(&mut intake).is_empty());
}

#[test]
fn pictures_that_come_in_another_order_than_shown_are_found_in_any_codec() {
    let lines = [line(0, LineKind::Video, "H265", 90_000)];
    let mut intake = Intake::new(lines.iter(), 1 << 20);
    // An IDR_W_RADL, then TRAIL_R pictures (H.265 table 7-1), first slice segments.
    let idr: &[u8] = &[19 << 1, 1, 0x80, 0x10];
    let trail: &[u8] = &[1 << 1, 1, 0x80, 0x10];
    for (n, (timestamp, nal)) in [(0, idr), (10_800, trail), (3_600, trail)].into_iter().enumerate() {
        let sequence = u16::try_from(n).unwrap();
        intake.push(0, 0, &packet(sequence, timestamp, 7, nal)).unwrap();
    }
    assert_eq!(units(&mut intake).len(), 3);
    assert!(intake.has_news());
}
