//! A camera made of numbers: units with the right headers and little else.

use std::sync::Arc;

use bytes::Bytes;
use sluice_hls::{Settings, Track};
use sluice_media::{AccessUnit, Codec, Key, RtpPacket};

pub(crate) const VIDEO: usize = 0;
pub(crate) const AUDIO: usize = 1;

/// Wall clock at the beginning, in Unix milliseconds.
pub(crate) const EPOCH_MS: i64 = 1_800_000_000_000;

/// Sets of `gstreamer_baseline` (320x180) and `gstreamer_bframes` (322x182, may reorder).
pub(crate) const SMALL: &str = include_str!("../../../../tests/fixtures/gstreamer_baseline.sdp");
pub(crate) const REORDERED: &str = include_str!("../../../../tests/fixtures/gstreamer_bframes.sdp");

pub(crate) fn fmtp(sdp: &str) -> String {
    sdp.lines().find_map(|line| line.trim().strip_prefix("a=fmtp:")).unwrap().to_owned()
}

pub(crate) fn video(sdp: &str) -> Track {
    Track { line: VIDEO, codec: Codec::H264, clock_rate: 90_000, fmtp: fmtp(sdp) }
}

pub(crate) fn audio(codec: Codec) -> Track {
    let (clock_rate, fmtp) = match codec {
        Codec::Aac => (
            16_000,
            "97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408",
        ),
        Codec::Opus => (48_000, "97 sprop-stereo=0"),
        _ => (8_000, ""),
    };
    Track { line: AUDIO, codec, clock_rate, fmtp: fmtp.to_owned() }
}

pub(crate) fn settings() -> Settings {
    Settings::default()
}

/// One unit of one packet.
pub(crate) fn unit(
    payload: &[u8],
    sequence: u64,
    timestamp: i64,
    captured_at_ms: i64,
    key: Option<Key>,
) -> AccessUnit {
    let mut bytes = Vec::with_capacity(payload.len() + 12);
    bytes.extend_from_slice(&[0x80, 0xe0]);
    bytes.extend_from_slice(&((sequence & 0xffff) as u16).to_be_bytes());
    bytes.extend_from_slice(&(timestamp as u32).to_be_bytes());
    bytes.extend_from_slice(&7u32.to_be_bytes());
    bytes.extend_from_slice(payload);
    let packet = RtpPacket::parse(Bytes::from(bytes)).unwrap();
    AccessUnit {
        size: packet.bytes().len(),
        packets: vec![packet],
        first_sequence: sequence,
        timestamp,
        captured_at_ms,
        key,
        reference: payload[0] & 0x60 != 0,
    }
}

/// A slice: its header byte, then `first_mb_in_slice` 0 and the type (H.264 §7.3.3), then filling.
pub(crate) fn slice(key: bool, bidirectional: bool, size: usize) -> Vec<u8> {
    let mut payload = match (key, bidirectional) {
        (true, _) => vec![0x65, 0x88],
        (_, true) => vec![0x01, 0xa0],
        _ => vec![0x41, 0xc0],
    };
    payload.resize(size.max(3), 0x5a);
    payload
}

/// How a camera behaves.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    /// Ticks of 90 kHz between pictures.
    pub(crate) interval: i64,
    /// Pictures of a group.
    pub(crate) gop: usize,
    /// B pictures between two references.
    pub(crate) between: usize,
    /// Stamps scatter by up to so many ticks to either side.
    pub(crate) jitter: i64,
    /// One picture in so many comes `pause` ticks late, and so do all after it; 0 for none.
    pub(crate) every: u64,
    pub(crate) pause: i64,
    pub(crate) size: usize,
    pub(crate) sound: Option<Codec>,
    /// Time that a second of sound takes, in percent.
    pub(crate) slow: i64,
    pub(crate) seed: u64,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            interval: 3_600,
            gop: 50,
            between: 0,
            jitter: 0,
            every: 0,
            pause: 0,
            size: 400,
            sound: None,
            slow: 100,
            seed: 1,
        }
    }
}

/// Gives units in the order a camera sends them.
pub(crate) struct Camera {
    pub(crate) habits: Habits,
    rng: fastrand::Rng,
    sequence: [u64; 2],
    /// Ticks of 90 kHz since the beginning, of the next picture.
    pub(crate) time: i64,
    sound: i64,
    spoken: i64,
    ready: std::collections::VecDeque<(usize, Arc<AccessUnit>)>,
    frame: usize,
    /// Added to timestamps, as when a camera's clock is set.
    pub(crate) leap: i64,
}

impl Camera {
    pub(crate) fn new(habits: Habits) -> Self {
        let rng = fastrand::Rng::with_seed(habits.seed);
        let ready = std::collections::VecDeque::new();
        Self { habits, rng, sequence: [0; 2], time: 0, sound: 0, spoken: 0, ready, frame: 0, leap: 0 }
    }

    /// The camera is away for so long.
    pub(crate) fn rest(&mut self, ms: i64) {
        self.time += ms * 90;
        self.sound = self.time;
        self.ready.clear();
        self.frame = 0;
    }

    pub(crate) fn next(&mut self) -> (usize, Arc<AccessUnit>) {
        loop {
            if let Some(unit) = self.ready.pop_front() {
                return unit;
            }
            self.group();
        }
    }

    /// A reference and the B pictures shown before it, or a key frame, and the sound until then.
    fn group(&mut self) {
        let left = self.habits.gop - self.frame;
        let count = if self.frame == 0 { 1 } else { (self.habits.between + 1).min(left) };
        let times: Vec<_> = (0..count).map(|_| self.tick()).collect();
        let order = (0..count).rev().take(1).chain(0..count - 1);
        for (n, at) in order.enumerate() {
            let key = self.frame == 0 && n == 0;
            let payload = slice(key, n > 0, self.habits.size);
            // A picture is captured when it is shown and sent when those it needs are there.
            let captured = EPOCH_MS + times[at] / 90;
            let kind = key.then_some(Key::Idr);
            self.emit(VIDEO, &payload, times[at] + self.leap, captured, kind);
        }
        self.frame = (self.frame + count) % self.habits.gop;
        self.speak();
    }

    fn tick(&mut self) -> i64 {
        let Habits { interval, jitter, every, pause, .. } = self.habits;
        let at = self.time + if jitter > 0 { self.rng.i64(-jitter..=jitter) } else { 0 };
        self.time += interval;
        if every > 0 && self.rng.u64(0..every) == 0 {
            self.time += pause;
        }
        at.max(0)
    }

    fn speak(&mut self) {
        let Some(codec) = self.habits.sound else { return };
        let (rate, ticks, payload) = match codec {
            Codec::Aac => (16_000, 1_024, vec![0x00, 0x10, 0x00, 0x30, 0x00, 0xc8, 0x00, 0x80, 0x23, 0x80]),
            Codec::Opus => (48_000, 960, vec![0xf8, 0xff, 0xfe]),
            _ => (8_000, 160, vec![0x55; 160]),
        };
        while self.sound < self.time {
            let at = self.sound;
            self.emit(AUDIO, &payload, self.spoken * ticks, EPOCH_MS + at / 90, Some(Key::Idr));
            self.spoken += 1;
            self.sound += ticks * 90_000 / rate * self.habits.slow / 100;
        }
    }

    fn emit(&mut self, line: usize, payload: &[u8], timestamp: i64, captured: i64, key: Option<Key>) {
        let unit = unit(payload, self.sequence[line], timestamp, captured, key);
        self.sequence[line] += 1;
        self.ready.push_back((line, Arc::new(unit)));
    }
}
