use std::{
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use sluice_runtime::{Clock, random_bytes};
use tokio::sync::{broadcast, watch};

use super::{
    conversation::{LineOrder, Order},
    route::{Datagrams, Route},
};
use crate::{
    camera::{CameraState, Footage, Line},
    config::Start,
    fault::{Events, Faults},
    packets::{Beginning, RtpStream, VIDEO},
    reel,
    sample::Sample,
    sound::{self, Sound},
};

/// RFC 3550 §6.2: the least time between reports.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// A session that is sent media.
#[derive(Debug)]
pub(super) struct Playing {
    camera: Arc<CameraState>,
    faults: watch::Receiver<Faults>,
    events: Events,
    video: Option<Stream>,
    audio: Option<Stream>,
    /// When the first sample of all lines was taken: what the promised timestamps stand for.
    origin_ms: Option<i64>,
    buffer: BytesMut,
}

/// One line of it.
#[derive(Debug)]
struct Stream {
    media: Media,
    rtp: RtpStream,
    /// `None`: interleaved with the requests.
    datagrams: Option<Datagrams>,
    gate: Gate,
    report_at: Instant,
}

#[derive(Debug)]
enum Media {
    Live(broadcast::Receiver<Sample>),
    Loop(reel::Cursor),
    Sound(sound::Cursor),
}

/// Which pictures may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// None before a key frame.
    KeyFrame,
    /// None before one that is not a key frame: the middle of a GOP.
    MidGop,
    Open,
}

/// What happens to a session that plays.
#[derive(Debug)]
pub(super) enum Event {
    /// A sample is due.
    Sample(Line, Sample),
    /// The client said something over UDP.
    Heard,
}

/// One sample in packets, framed as for a TCP connection.
#[derive(Debug)]
pub(super) struct Packed<'a> {
    pub(super) bytes: &'a [u8],
    /// `None`: over the connection.
    pub(super) datagrams: Option<&'a Datagrams>,
}

impl Playing {
    pub(super) async fn begin(order: Order, clock: Clock) -> Option<Self> {
        let Order { camera, tier, lines } = order;
        let (mut video, mut audio) = (None, None);
        for LineOrder { line, route, beginning } in lines {
            let (media, format, gate) = match line {
                Line::Video => {
                    let (media, gate) = pictures(&camera, tier, clock).await?;
                    (media, VIDEO, gate)
                }
                Line::Audio => {
                    let sound = Sound::of(camera.config.audio?);
                    (Media::Sound(sound::Cursor::new(sound, clock)), sound.format, Gate::Open)
                }
            };
            let (channel, datagrams) = match route {
                Route::Interleaved(channel) => (channel, None),
                Route::Udp(ports) => (0, Some(ports.open().ok()?)),
            };
            let rtp = RtpStream::new(format, channel, beginning);
            let stream = Stream { media, rtp, datagrams, gate, report_at: clock.now() };
            match line {
                Line::Video => video = Some(stream),
                Line::Audio => audio = Some(stream),
            }
        }
        let faults = camera.faults.subscribe();
        let events = faults.borrow().events;
        camera.counters.playing.count();
        Some(Self { camera, faults, events, video, audio, origin_ms: None, buffer: BytesMut::new() })
    }

    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Event {
        let Self { camera, faults, video, audio, .. } = self;
        tokio::select! { biased;
            event = happens(video, Line::Video, camera, faults) => event,
            event = happens(audio, Line::Audio, camera, faults) => event,
        }
    }

    /// The packets of a sample that may pass; counted, because who has received a picture finds it counted.
    pub(super) fn pack(&mut self, line: Line, sample: &Sample, now: Instant) -> Option<Packed<'_>> {
        if !self.admits(line, sample) {
            return None;
        }
        let clock_off_ms = self.camera.clock_off_s().saturating_mul(1_000);
        self.obey(now);
        let origin_ms = *self.origin_ms.get_or_insert(sample.captured_at_ms);
        let stream = match line {
            Line::Video => self.video.as_mut()?,
            Line::Audio => self.audio.as_mut()?,
        };
        self.buffer.clear();
        stream.rtp.anchor(sample, origin_ms);
        if now >= stream.report_at {
            stream.report_at = now + REPORT_EVERY;
            stream.rtp.write_report(sample, clock_off_ms, &mut self.buffer);
        }
        stream.rtp.write(sample, &mut self.buffer);
        let counters = &self.camera.counters;
        counters.bytes.add(self.buffer.len() as u64);
        match line {
            Line::Video => {
                counters.frames.count();
                counters.key_frames.add(u64::from(sample.picture.key));
            }
            Line::Audio => counters.audio_frames.count(),
        }
        Some(Packed { bytes: &self.buffer, datagrams: stream.datagrams.as_ref() })
    }

    fn admits(&mut self, line: Line, sample: &Sample) -> bool {
        let faults = self.faults.borrow();
        if faults.stalled {
            return false;
        }
        let Some(stream) = self.video.as_mut().filter(|_| line == Line::Video) else { return true };
        if faults.key_frames_withheld {
            return !sample.picture.key;
        }
        let passes = match stream.gate {
            Gate::KeyFrame => sample.picture.key,
            Gate::MidGop => !sample.picture.key,
            Gate::Open => true,
        };
        if passes {
            stream.gate = Gate::Open;
        }
        passes
    }

    /// Does what was commanded since the last sample, on every line alike.
    fn obey(&mut self, now: Instant) {
        let events = self.faults.borrow().events;
        let before = std::mem::replace(&mut self.events, events);
        for stream in [&mut self.video, &mut self.audio].into_iter().flatten() {
            stream.rtp.leap(events.leapt.wrapping_sub(before.leapt));
            if events.ssrc_changes != before.ssrc_changes {
                stream.rtp.replace(roll());
                // RFC 3550 §6.2: a new source may report at once.
                stream.report_at = now;
            }
        }
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.camera.counters.playing.release();
    }
}

async fn pictures(camera: &Arc<CameraState>, tier: sluice_ids::Tier, clock: Clock) -> Option<(Media, Gate)> {
    let start = camera.config.start;
    let asked = Arc::clone(camera);
    // A loop may have to be encoded first.
    let found = tokio::task::spawn_blocking(move || asked.tier(tier)?.footage().ok()).await;
    let media = match found.ok().flatten()? {
        Footage::Live(live) => Media::Live(live.subscribe(start)),
        Footage::Loop(reels) => Media::Loop(reel::Cursor::new(reels, clock, start)),
    };
    Some((media, if start == Start::KeyFrame { Gate::KeyFrame } else { Gate::MidGop }))
}

async fn happens(
    stream: &mut Option<Stream>,
    line: Line,
    camera: &CameraState,
    faults: &watch::Receiver<Faults>,
) -> Event {
    let Some(Stream { media, gate, datagrams, .. }) = stream else { return pending().await };
    tokio::select! { biased;
        sample = media.next(camera, faults, gate) => Event::Sample(line, sample),
        () = heard(datagrams.as_ref()) => Event::Heard,
    }
}

async fn heard(datagrams: Option<&Datagrams>) {
    match datagrams {
        Some(datagrams) => datagrams.heard().await,
        None => pending().await,
    }
}

impl Media {
    async fn next(
        &mut self,
        camera: &CameraState,
        faults: &watch::Receiver<Faults>,
        gate: &mut Gate,
    ) -> Sample {
        match self {
            Self::Loop(cursor) => cursor.next(faults).await,
            Self::Sound(cursor) => cursor.next(faults).await,
            Self::Live(samples) => loop {
                match samples.recv().await {
                    Ok(sample) => return sample,
                    Err(broadcast::error::RecvError::Lagged(missed)) => {
                        camera.counters.dropped.add(missed);
                        *gate = Gate::KeyFrame;
                    }
                    Err(broadcast::error::RecvError::Closed) => pending().await,
                }
            },
        }
    }
}

/// The beginning of a stream that nobody can foresee.
pub(super) fn roll() -> Beginning {
    let word = || u32::from_be_bytes(random_bytes());
    Beginning { ssrc: word(), sequence: u16::from_be_bytes(random_bytes()), timestamp: word() }
}
