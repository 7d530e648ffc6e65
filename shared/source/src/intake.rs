//! From raw packets of one session to access units, with what they tell about the stream. Pure.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use sluice_media::{
    AccessUnit, Assembled, Assembler, Codec, RtpError, RtpPacket, SenderClock, audio::AudioConfig,
    sender_report,
};

use crate::{
    presentation::Line,
    status::{Sound, Status},
};

mod cache;
mod picture;

use cache::Cache;
use picture::Picture;

/// What one session has given so far.
pub(crate) struct Intake {
    /// The one that a start begins with is the first.
    lines: Vec<Taking>,
    /// Of the lead, if it is video.
    picture: Option<Picture>,
    sound: Option<Sound>,
    clock: SenderClock,
    cache: Cache,
    meter: Meter,
    news: bool,
}

/// One line's packets on their way to units.
struct Taking {
    index: usize,
    arena: Arena,
    assembler: Assembler,
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
    /// Of the lines that are received, the lead first; `ring_bytes` bounds the cached group of pictures.
    pub(crate) fn new<'a>(lines: impl Iterator<Item = &'a Line>, ring_bytes: usize) -> Self {
        let mut intake = Self {
            lines: Vec::new(),
            picture: None,
            sound: None,
            clock: SenderClock::new(),
            cache: Cache::new(ring_bytes),
            meter: Meter::default(),
            // What the SDP says is news with the first packet.
            news: true,
        };
        for line in lines {
            if let Some(codec) = Codec::named(&line.encoding) {
                intake.add(codec, line);
            }
        }
        intake
    }

    fn add(&mut self, codec: Codec, line: &Line) {
        self.clock.line(line.index, line.clock_rate);
        let assembler = Assembler::new(codec, line.clock_rate);
        self.lines.push(Taking { index: line.index, arena: Arena::default(), assembler });
        if codec.is_video() {
            self.picture.get_or_insert_with(|| Picture::new(codec, line));
        } else {
            self.sound.get_or_insert_with(|| sound(codec, line));
        }
    }

    /// Takes one packet of a line, as it came. `false` if the line is not received.
    pub(crate) fn push(&mut self, line: usize, at_ms: i64, raw: &[u8]) -> Result<bool, RtpError> {
        let Some(taking) = self.lines.iter_mut().find(|taking| taking.index == line) else {
            return Ok(false);
        };
        let packet = RtpPacket::parse(taking.arena.keep(raw))?;
        taking.assembler.push(at_ms, packet);
        Ok(true)
    }

    /// Takes what the camera says of its clock.
    pub(crate) fn rtcp(&mut self, line: usize, at_ms: i64, raw: &[u8]) {
        if let Some(report) = sender_report(raw) {
            self.clock.report(line, at_ms, &report);
        }
    }

    /// The next unit, gap or epoch, already entered in cache and description.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Taken> {
        let (line, assembled) =
            self.lines.iter_mut().find_map(|taking| Some((taking.index, taking.assembler.poll()?)))?;
        let lead = self.is_lead(line);
        Some(match assembled {
            Assembled::Unit(unit) => Taken::Unit { line, unit: self.unit(now, line, unit) },
            Assembled::Gap { from, to } => {
                if lead {
                    // What is cached may refer to what is missing, and what follows surely does.
                    self.cache.clear();
                }
                Taken::Gap { line, from, to }
            }
            Assembled::Epoch { .. } => {
                if lead {
                    self.cache.clear();
                    self.picture.iter_mut().for_each(Picture::restart);
                }
                Taken::Epoch { line }
            }
        })
    }

    /// Whether a start begins with this line: the picture, or the sound where there is none.
    pub(crate) fn is_lead(&self, line: usize) -> bool {
        self.lines.first().is_some_and(|lead| lead.index == line)
    }

    fn unit(&mut self, now: Instant, line: usize, mut unit: AccessUnit) -> Arc<AccessUnit> {
        unit.captured_at_ms = self.clock.captured_ms(line, unit.captured_at_ms, unit.rtp_timestamp());
        let lead = self.is_lead(line);
        self.news |= self.meter.add(now, unit.size, lead);
        if lead && let Some(picture) = &mut self.picture {
            self.news |= picture.take(&unit);
        }
        let unit = Arc::new(unit);
        if lead {
            self.cache.lead(line, Arc::clone(&unit));
        } else {
            self.cache.follow(line, Arc::clone(&unit));
        }
        unit
    }

    /// From the last key frame to now, with the sound since then, each with its line; empty if the cache could not
    /// hold that much.
    pub(crate) fn cached(&self) -> Vec<(usize, Arc<AccessUnit>)> {
        self.cache.snapshot()
    }

    /// Whether rates or description are new since the last question.
    pub(crate) fn has_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Enters what is known into `status`.
    pub(crate) fn describe(&self, status: &mut Status) {
        status.video = self.picture.as_ref().and_then(Picture::describe);
        status.gop = self.picture.as_ref().and_then(Picture::gop);
        status.sound.clone_from(&self.sound);
        status.bitrate_kbps = self.meter.bitrate_kbps;
        status.fps = if self.picture.is_some() { self.meter.fps } else { 0.0 };
        status.ring_bytes = self.cache.bytes();
    }
}

/// One thing that came; `line` is its place in the presentation.
pub(crate) enum Taken {
    Unit {
        line: usize,
        unit: Arc<AccessUnit>,
    },
    /// Inclusive, in extended sequence numbers.
    Gap {
        line: usize,
        from: u64,
        to: u64,
    },
    /// Sequence numbers and timestamps begin anew.
    Epoch {
        line: usize,
    },
}

/// What the SDP tells of a line of sound; some AAC tells the rest in its packets only.
fn sound(codec: Codec, line: &Line) -> Sound {
    match AudioConfig::from_line(codec, line.clock_rate, &line.fmtp) {
        Ok(config) => Sound { codec, rate: config.sample_rate, channels: u32::from(config.channels) },
        Err(_) => Sound { codec, rate: line.clock_rate, channels: 0 },
    }
}

impl Meter {
    /// Whether the rates are new.
    fn add(&mut self, now: Instant, bytes: usize, lead: bool) -> bool {
        let since = *self.since.get_or_insert(now);
        self.bytes += bytes;
        self.units += u32::from(lead);
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
mod tests;
