//! From raw packets of one session to access units, with what they tell about the stream. Pure.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use sluice_media::{
    AccessUnit, Assembled, Assembler, GopRing, RtpError, RtpPacket, VideoDescription,
    h264::{self, ParameterSets},
};

use crate::{presentation::Line, status::Status};

/// What one session has given so far.
pub(crate) struct Intake {
    clock_rate: u32,
    arena: Arena,
    assembler: Assembler,
    sets: ParameterSets,
    video: Option<VideoDescription>,
    order: Order,
    ring: GopRing,
    ssrc: Option<u32>,
    last_key: Option<i64>,
    gop: Option<Duration>,
    meter: Meter,
    news: bool,
}

/// Rates over the last few seconds.
#[derive(Debug, Default)]
struct Meter {
    since: Option<Instant>,
    bytes: usize,
    units: u32,
    bitrate_kbps: u32,
    fps: f32,
}

/// How long rates are averaged: long enough for the GOPs of most cameras.
const METER_SPAN: Duration = Duration::from_secs(4);

impl Intake {
    /// `ring_bytes` bounds the cached group of pictures.
    pub(crate) fn new(line: &Line, ring_bytes: usize) -> Self {
        let sprop = line.parameter("sprop-parameter-sets").unwrap_or_default();
        let sets = ParameterSets::from_sprop(sprop).unwrap_or_default();
        let video = sets.describe().ok();
        Self {
            clock_rate: line.clock_rate,
            arena: Arena::default(),
            assembler: Assembler::new(line.clock_rate),
            sets,
            video,
            order: Order::default(),
            ring: GopRing::new(ring_bytes),
            ssrc: None,
            last_key: None,
            gop: None,
            meter: Meter::default(),
            news: false,
        }
    }

    /// Takes one packet, as it came.
    pub(crate) fn push(&mut self, captured_at_ms: i64, raw: &[u8]) -> Result<(), RtpError> {
        let packet = RtpPacket::parse(self.arena.keep(raw))?;
        self.assembler.push(captured_at_ms, packet);
        Ok(())
    }

    /// The next unit, gap or epoch, already entered in ring and description.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Taken> {
        Some(match self.assembler.poll()? {
            Assembled::Unit(unit) => Taken::Unit(self.unit(now, unit)),
            Assembled::Gap { from, to } => {
                // What is cached may refer to what is missing, and what follows surely does.
                self.ring.clear();
                Taken::Gap { from, to }
            }
            Assembled::Epoch { ssrc, .. } => {
                self.ring.clear();
                self.last_key = None;
                self.ssrc = Some(ssrc);
                Taken::Epoch
            }
        })
    }

    fn unit(&mut self, now: Instant, unit: AccessUnit) -> Arc<AccessUnit> {
        if unit.key.is_some() {
            self.key(&unit);
        }
        self.ssrc.get_or_insert_with(|| unit.ssrc());
        self.news |= self.meter.add(now, unit.size) | self.order.look(&unit);
        let unit = Arc::new(unit);
        self.ring.push(Arc::clone(&unit));
        unit
    }

    fn key(&mut self, unit: &AccessUnit) {
        if let Some(ticks) = self.last_key.and_then(|last| u64::try_from(unit.timestamp - last).ok()) {
            let micros = ticks.saturating_mul(1_000_000) / u64::from(self.clock_rate.max(1));
            self.gop = Some(Duration::from_micros(micros));
        }
        self.last_key = Some(unit.timestamp);
        let Ok(nals) = h264::nal_units(&unit.packets) else { return };
        // Every one is looked at, so no `any`.
        if nals.iter().filter(|nal| self.sets.observe(nal)).count() > 0 {
            self.video = self.sets.describe().ok().or(self.video.take());
            self.order = Order::default();
            self.news = true;
        }
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc.unwrap_or_default()
    }

    /// From the last key frame to now; empty if the ring could not hold that much.
    pub(crate) fn cached(&self) -> VecDeque<Arc<AccessUnit>> {
        self.ring.snapshot().into()
    }

    /// Whether rates or description are new since the last question.
    pub(crate) fn has_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Enters what is known into `status`.
    pub(crate) fn describe(&self, status: &mut Status) {
        status.video.clone_from(&self.video);
        if let Some(video) = &mut status.video {
            video.b_frames &= self.order.reorders;
        }
        status.gop = self.gop;
        status.bitrate_kbps = self.meter.bitrate_kbps;
        status.fps = self.meter.fps;
        status.ring_bytes = self.ring.bytes();
    }
}

/// One thing that came.
pub(crate) enum Taken {
    Unit(Arc<AccessUnit>),
    /// Inclusive, in extended sequence numbers.
    Gap {
        from: u64,
        to: u64,
    },
    /// Sequence numbers and timestamps begin anew.
    Epoch,
}

/// Whether pictures come in another order than shown. Parameter sets often leave it open, and most cameras that
/// do so send no B slices: so it is believed when it is seen.
#[derive(Debug, Default)]
struct Order {
    looked_at: u32,
    reorders: bool,
}

impl Order {
    /// An encoder that uses B slices does so within its first seconds.
    const LOOK_AT: u32 = 300;

    /// Whether it is known only now.
    fn look(&mut self, unit: &AccessUnit) -> bool {
        if self.reorders || self.looked_at >= Self::LOOK_AT {
            return false;
        }
        self.looked_at += 1;
        self.reorders = h264::has_b_slices(&unit.packets);
        self.reorders
    }
}

impl Meter {
    /// Whether the rates are new.
    fn add(&mut self, now: Instant, bytes: usize) -> bool {
        let since = *self.since.get_or_insert(now);
        self.bytes += bytes;
        self.units += 1;
        let span = now.saturating_duration_since(since);
        if span >= METER_SPAN {
            let seconds = span.as_secs_f64();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            {
                self.bitrate_kbps = (self.bytes as f64 * 8.0 / 1000.0 / seconds) as u32;
                self.fps = (f64::from(self.units) / seconds) as f32;
            }
            (self.since, self.bytes, self.units) = (Some(now), 0, 0);
        }
        span >= METER_SPAN
    }
}

/// Packets of about one picture share one allocation: the ring holds thousands of them.
#[derive(Default)]
struct Arena(BytesMut);

impl Arena {
    /// Small enough that a half-used chunk at either end of the ring does not matter.
    const CHUNK: usize = 16 * 1024;

    fn keep(&mut self, raw: &[u8]) -> Bytes {
        if self.0.capacity() - self.0.len() < raw.len() {
            self.0.reserve(Self::CHUNK.max(raw.len()));
        }
        self.0.extend_from_slice(raw);
        self.0.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    #[expect(clippy::disallowed_methods, reason = "an arbitrary beginning")]
    fn rates_are_averages_of_some_seconds() {
        let mut meter = Meter::default();
        let start = Instant::now();
        for n in 0..=100u32 {
            meter.add(start + Duration::from_millis(40) * n, 5_000);
        }
        assert!(
            (980..=1_020).contains(&meter.bitrate_kbps) && (24.5..=25.5).contains(&meter.fps),
            "{meter:?}"
        );
    }
}
