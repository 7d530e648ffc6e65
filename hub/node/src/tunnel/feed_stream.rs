use std::{
    collections::HashMap,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sluice_ids::{CameraId, Tier};
use sluice_media::{AccessUnit, Codec, KeyGate, RtpPacket, Timeline};
use sluice_wire::{ReasonCode, media::LineKind};
use tokio::sync::mpsc;

use super::{FeedEvent, LineInfo, owner::Command};

/// One stream of one camera, as long as this is held: over links that break and cameras that restart.
#[derive(Debug)]
pub struct FeedStream {
    id: FeedNumber,
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Raw>,
    lines: HashMap<usize, Splice>,
}

/// Names a [`FeedStream`] within this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FeedNumber(u64);

/// What a link gives to a feed.
#[derive(Debug)]
pub(crate) enum Raw {
    Started { lines: Vec<LineInfo> },
    Unit { line: usize, first_sequence: u64, captured_at_ms: i64, packets: Vec<RtpPacket> },
    Missing { line: usize },
    State { code: Option<ReasonCode>, text: String },
    Lost,
}

/// Events that wait for the feed's owner; what does not fit is missing up to the next key, and counted.
/// At 25 pictures a second these are five seconds, and the whole cached GOP of a camera at once.
pub(crate) const EVENTS: usize = 1_024;

impl FeedStream {
    pub(super) fn open(commands: &mpsc::Sender<Command>, camera: CameraId, tier: Tier) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let id = FeedNumber(NUMBERS.fetch_add(1, Ordering::Relaxed));
        let (sender, events) = mpsc::channel(EVENTS);
        // A full inbox of an owner that never waits means that the process is ending.
        let _ = commands.try_send(Command::Open { id, camera, tier, events: sender });
        Self { id, commands: commands.clone(), events, lines: HashMap::new() }
    }

    /// What comes next. Cancel safe. After the node's shutdown nothing comes.
    pub async fn next(&mut self) -> FeedEvent {
        loop {
            let Some(raw) = self.events.recv().await else { return pending().await };
            if let Some(event) = self.refine(raw) {
                return event;
            }
        }
    }

    /// Asks the camera for a key frame, where it can be asked. The asker limits how often.
    pub fn request_key_frame(&self) {
        let _ = self.commands.try_send(Command::KeyFrame { id: self.id });
    }

    fn refine(&mut self, raw: Raw) -> Option<FeedEvent> {
        match raw {
            Raw::Started { lines } => {
                // A line in a codec that this build has no word for is not there.
                let known = lines.into_iter().filter_map(|line| Some((codec(&line)?, line)));
                let known: Vec<(Codec, LineInfo)> = known.collect();
                for (codec, line) in &known {
                    let (codec, rate) = (*codec, line.clock_rate);
                    let splice = self.lines.entry(line.index as usize);
                    splice.or_insert_with(|| Splice::new(codec, rate)).fit(codec, rate);
                }
                Some(FeedEvent::Started { lines: known.into_iter().map(|(_, line)| line).collect() })
            }
            Raw::Unit { line, first_sequence, captured_at_ms, packets } => {
                let splice = self.lines.get_mut(&line)?;
                match splice.unit(first_sequence, captured_at_ms, packets) {
                    Spliced::Unit(unit) => Some(FeedEvent::Unit { line, unit: Arc::new(unit) }),
                    Spliced::Broken => Some(FeedEvent::Discontinuity { line }),
                    Spliced::Skipped => None,
                }
            }
            Raw::Missing { line } => {
                let splice = self.lines.get_mut(&line)?;
                splice.lose().then_some(FeedEvent::Discontinuity { line })
            }
            Raw::State { code, text } => {
                self.lose();
                let code = code.unwrap_or(ReasonCode::ProtocolError).to_string();
                Some(FeedEvent::State { code, text })
            }
            Raw::Lost => {
                self.lose();
                Some(FeedEvent::Lost)
            }
        }
    }
}

impl FeedStream {
    fn lose(&mut self) {
        self.lines.values_mut().for_each(|splice| {
            splice.lose();
        });
    }
}

impl Drop for FeedStream {
    fn drop(&mut self) {
        // Should the inbox be full, the owner finds the closed channel by itself.
        let _ = self.commands.try_send(Command::Close { id: self.id });
    }
}

/// One line's time, going on over epochs and links.
#[derive(Debug)]
struct Splice {
    codec: Codec,
    rate: u32,
    timeline: Timeline,
    /// What is added to the timeline's ticks.
    shift: i64,
    last: Option<Last>,
    gate: KeyGate,
    /// Nothing has left since the last loss.
    shut: bool,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ssrc: u32,
    timestamp: i64,
    captured_at_ms: i64,
}

enum Spliced {
    Unit(AccessUnit),
    /// The packets are no unit.
    Broken,
    /// Before the first key.
    Skipped,
}

impl Splice {
    fn new(codec: Codec, rate: u32) -> Self {
        let (timeline, gate) = (Timeline::new(rate), KeyGate::new(codec));
        Self { codec, rate, timeline, shift: 0, last: None, gate, shut: true }
    }

    /// The camera may have come again with another codec.
    fn fit(&mut self, codec: Codec, rate: u32) {
        if self.rate != rate {
            *self = Self::new(codec, rate);
        } else if self.codec != codec {
            (self.codec, self.gate, self.shut) = (codec, KeyGate::new(codec), true);
        }
    }

    /// Something is missing. Whether that is news: sound goes on, for none of it refers to what was before.
    fn lose(&mut self) -> bool {
        if !self.codec.is_video() {
            return false;
        }
        self.gate.lose();
        !std::mem::replace(&mut self.shut, true)
    }

    fn unit(&mut self, first_sequence: u64, captured_at_ms: i64, packets: Vec<RtpPacket>) -> Spliced {
        let Ok(mut unit) = AccessUnit::from_packets(self.codec, packets, first_sequence, 0, captured_at_ms)
        else {
            return if self.lose() { Spliced::Broken } else { Spliced::Skipped };
        };
        unit.timestamp = self.timestamp(&unit);
        if self.codec.is_video() && !self.gate.admits(&unit) {
            return Spliced::Skipped;
        }
        self.shut = false;
        Spliced::Unit(unit)
    }

    /// Time goes on from the last unit by what passed at the camera, whoever numbers the packets now.
    fn timestamp(&mut self, unit: &AccessUnit) -> i64 {
        let spliced = self.last.filter(|last| last.ssrc != unit.ssrc());
        if spliced.is_some() {
            self.timeline = Timeline::new(self.rate);
        }
        let ticks = self.timeline.unroll(unit.captured_at_ms, unit.rtp_timestamp());
        if let Some(last) = spliced {
            let passed = unit.captured_at_ms.saturating_sub(last.captured_at_ms).max(1);
            let passed = passed.saturating_mul(i64::from(self.rate)) / 1_000;
            self.shift = last.timestamp.saturating_add(passed).saturating_sub(ticks);
        }
        let timestamp = ticks.saturating_add(self.shift);
        self.last = Some(Last { ssrc: unit.ssrc(), timestamp, captured_at_ms: unit.captured_at_ms });
        timestamp
    }
}

/// How a line is coded, if this build knows it and it fits its kind.
fn codec(line: &LineInfo) -> Option<Codec> {
    Codec::named(&line.encoding).filter(|codec| codec.is_video() == (line.kind == LineKind::Video))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// One NAL unit of a type: 5 is an IDR slice, 1 a slice of another picture (H.264 table 7-1).
    fn packet(sequence: u16, timestamp: u32, ssrc: u32, nal: u8) -> RtpPacket {
        let mut bytes = vec![0x80, 0xe0];
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&timestamp.to_be_bytes());
        bytes.extend_from_slice(&ssrc.to_be_bytes());
        bytes.extend_from_slice(&[0x60 | nal, 0x88, 0x80, 0x10]);
        RtpPacket::parse(Bytes::from(bytes)).unwrap()
    }

    fn unit(sequence: u64, timestamp: u32, ssrc: u32, nal: u8, captured_at_ms: i64) -> Raw {
        let packets = vec![packet(sequence as u16, timestamp, ssrc, nal)];
        Raw::Unit { line: 0, first_sequence: sequence, captured_at_ms, packets }
    }

    fn stream() -> FeedStream {
        let (commands, _) = mpsc::channel(4);
        let zero = sluice_ids::CameraId::from_uuid(sluice_runtime::uuid_v7(&sluice_runtime::Clock::system()));
        let mut stream = FeedStream::open(&commands, zero, Tier::Sub);
        stream.refine(Raw::Started { lines: vec![line(0, "H264"), line(1, "PCMU"), line(2, "VP8")] });
        stream
    }

    fn line(index: u32, encoding: &str) -> LineInfo {
        let sound = encoding == "PCMU";
        LineInfo {
            index,
            kind: if sound { LineKind::Audio } else { LineKind::Video },
            encoding: encoding.into(),
            payload_type: 96,
            clock_rate: if sound { 8_000 } else { 90_000 },
            fmtp: String::new(),
        }
    }

    fn sound(sequence: u64, timestamp: u32, ssrc: u32, captured_at_ms: i64) -> Raw {
        let packets = vec![packet(sequence as u16, timestamp, ssrc, 0)];
        Raw::Unit { line: 1, first_sequence: sequence, captured_at_ms, packets }
    }

    fn timestamps(stream: &mut FeedStream, raws: Vec<Raw>) -> Vec<Option<i64>> {
        let event = |event| match event {
            FeedEvent::Unit { unit, .. } => Some(unit.timestamp),
            _ => None,
        };
        raws.into_iter().filter_map(|raw| stream.refine(raw)).map(event).collect()
    }

    #[test]
    fn nothing_leaves_before_a_key_nor_between_a_loss_and_the_next() {
        let raws = vec![
            unit(1, 0, 7, 1, 0),
            unit(2, 3_600, 7, 5, 40),
            unit(3, 7_200, 7, 1, 80),
            Raw::Missing { line: 0 },
            Raw::Missing { line: 0 },
            unit(5, 14_400, 7, 1, 160),
            unit(6, 18_000, 7, 5, 200),
        ];
        let got = timestamps(&mut stream(), raws);
        assert_eq!(got, [Some(3_600), Some(7_200), None, Some(18_000)]);
    }

    #[test]
    fn sound_waits_for_no_key_and_a_hole_in_it_cuts_nothing() {
        let raws = vec![
            sound(1, 160, 8, 20),
            unit(1, 0, 7, 5, 0),
            Raw::Missing { line: 1 },
            sound(4, 640, 8, 80),
            unit(2, 3_600, 7, 1, 40),
            Raw::Missing { line: 0 },
            sound(5, 800, 8, 100),
            unit(4, 10_800, 7, 1, 120),
        ];
        let got = timestamps(&mut stream(), raws);
        assert_eq!(got, [Some(160), Some(0), Some(640), Some(3_600), None, Some(800)]);
    }

    #[test]
    fn sound_and_picture_go_on_together_over_a_camera_that_restarts() {
        let raws = vec![
            unit(1, 1_000_000, 7, 5, 5_000),
            sound(1, 80_000, 8, 5_000),
            Raw::Lost,
            unit(9, 50, 17, 5, 7_000),
            sound(9, 20, 18, 7_000),
        ];
        let got = timestamps(&mut stream(), raws);
        assert_eq!(got, [Some(1_000_000), Some(80_000), None, Some(1_180_000), Some(96_000)]);
    }

    #[test]
    fn a_camera_that_comes_again_in_another_codec_is_looked_into_as_such() {
        let mut stream = stream();
        timestamps(&mut stream, vec![unit(1, 0, 7, 5, 0)]);
        stream.refine(Raw::Started { lines: vec![line(0, "H265")] });
        // 0x65 is an IDR of H.264, and in H.265 a parameter set's header: no key frame.
        assert_eq!(timestamps(&mut stream, vec![unit(2, 3_600, 7, 5, 40)]), []);
    }

    #[test]
    fn a_line_in_a_codec_nobody_knows_is_not_there() {
        let mut stream = stream();
        let started = stream.refine(Raw::Started { lines: vec![line(0, "H264"), line(2, "VP8")] });
        let Some(FeedEvent::Started { lines }) = started else { panic!("it starts") };
        assert_eq!(lines.iter().map(|line| line.index).collect::<Vec<_>>(), [0]);
        let strange =
            Raw::Unit { line: 2, first_sequence: 1, captured_at_ms: 0, packets: vec![packet(1, 0, 9, 5)] };
        assert!(stream.refine(strange).is_none());
    }

    #[test]
    fn time_goes_on_over_a_camera_that_restarts() {
        let raws =
            vec![unit(1, 1_000_000, 7, 5, 5_000), Raw::Missing { line: 0 }, unit(70_000, 99, 8, 5, 7_000)];
        let got = timestamps(&mut stream(), raws);
        assert_eq!(got, [Some(1_000_000), None, Some(1_180_000)]);
    }

    #[test]
    fn capture_times_of_a_mad_clock_break_nothing() {
        let mad = |n: u64| if n.is_multiple_of(2) { i64::MIN } else { i64::MAX };
        let raws = (0..4_000).map(|n| unit(n, 99, n as u32, 5, mad(n))).collect();
        assert_eq!(timestamps(&mut stream(), raws).len(), 4_000);
    }

    #[test]
    fn time_goes_on_over_a_link_that_was_dialled_anew() {
        let raws = vec![unit(1, 1_000_000, 7, 5, 5_000), Raw::Lost, unit(9, 1_180_000, 7, 5, 7_000)];
        assert_eq!(timestamps(&mut stream(), raws), [Some(1_000_000), None, Some(1_180_000)]);
    }

    #[test]
    fn packets_that_are_no_unit_end_what_can_be_decoded() {
        let broken = Raw::Unit {
            line: 0,
            first_sequence: 2,
            captured_at_ms: 40,
            packets: vec![packet(2, 3_600, 7, 1), packet(9, 3_600, 7, 1)],
        };
        let raws = vec![unit(1, 0, 7, 5, 0), broken, unit(3, 7_200, 7, 1, 80), unit(4, 10_800, 7, 5, 120)];
        assert_eq!(timestamps(&mut stream(), raws), [Some(0), None, Some(10_800)]);
    }
}
