//! The sound of every camera: a beep of 1 kHz, 100 ms long, at every full second of the wall clock.
//!
//! A frame's number counts from 1970, so number, wall clock and timestamp follow from each other: all cameras beep
//! together, and in step with the clock in live pictures. G.711 is exact to the sample; AAC and Opus come from loops in
//! `tests/fixtures` that are made so that a decoder's output beeps at the full second, to the sample too, when its
//! first sample is taken for the time of the packet that brought it.

mod g711;

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use sluice_runtime::Clock;
use tokio::sync::watch;

use crate::{
    codec::AudioCodec,
    fault::Faults,
    packets::Format,
    sample::{Picture, Sample},
};

/// Payload type of what has no fixed one.
const DYNAMIC: u8 = 97;
const AAC_LOOP: &[u8] = include_bytes!("../../fixtures/ffmpeg_beep.aac");
const OPUS_LOOP: &[u8] = include_bytes!("../../fixtures/libopus_beep.opus");
/// Bytes of each packet of the Opus loop.
const OPUS_PACKET: usize = 80;
/// AudioSpecificConfig of AAC-LC, 16 kHz, mono: ISO/IEC 14496-3 §1.6.2.1.
const AAC_CONFIG: u16 = 0x1408;

/// Frames of one codec, over and over.
#[derive(Debug)]
pub(crate) struct Sound {
    pub(crate) format: Format,
    /// Behind `a=rtpmap:` and `a=fmtp:`.
    pub(crate) map: &'static str,
    pub(crate) parameters: String,
    /// The first begins at a multiple of their whole length since 1970.
    frames: Vec<Arc<Picture>>,
    frame: Duration,
    frame_ticks: u32,
}

impl Sound {
    /// The sound in `codec`, made once per process.
    pub(crate) fn of(codec: AudioCodec) -> &'static Arc<Self> {
        static ALL: LazyLock<[Arc<Sound>; 5]> =
            LazyLock::new(|| AudioCodec::ALL.map(|codec| Arc::new(make(codec))));
        &ALL[AudioCodec::ALL.iter().position(|&one| one == codec).unwrap_or(0)]
    }
}

fn make(codec: AudioCodec) -> Sound {
    let sound = |payload_type, clock_rate, map, frames: Vec<Bytes>, (millis, frame_ticks)| Sound {
        format: Format {
            payload_type,
            clock_rate,
            marks: matches!(codec, AudioCodec::Aac | AudioCodec::Latm),
        },
        map,
        parameters: parameters(codec),
        frames: frames
            .into_iter()
            .map(|frame| Arc::new(Picture { key: true, payloads: vec![frame] }))
            .collect(),
        frame: Duration::from_millis(millis),
        frame_ticks,
    };
    match codec {
        AudioCodec::Pcmu => sound(0, 8_000, "PCMU/8000", g711::beep(g711::mu_law), (20, 160)),
        AudioCodec::Pcma => sound(8, 8_000, "PCMA/8000", g711::beep(g711::a_law), (20, 160)),
        AudioCodec::Aac => sound(DYNAMIC, 16_000, "mpeg4-generic/16000/1", aac(hbr), (64, 1_024)),
        AudioCodec::Latm => sound(DYNAMIC, 16_000, "MP4A-LATM/16000/1", aac(latm), (64, 1_024)),
        AudioCodec::Opus => {
            let frames = OPUS_LOOP.chunks_exact(OPUS_PACKET).map(Bytes::from_static).collect();
            sound(DYNAMIC, 48_000, "opus/48000/2", frames, (20, 960))
        }
    }
}

fn parameters(codec: AudioCodec) -> String {
    match codec {
        AudioCodec::Pcmu | AudioCodec::Pcma => String::new(),
        AudioCodec::Aac => format!(
            "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;\
             config={AAC_CONFIG:04X}"
        ),
        AudioCodec::Latm => {
            format!(
                "profile-level-id=1;object=2;cpresent=0;config={}",
                hex::encode_upper(stream_mux_config())
            )
        }
        AudioCodec::Opus => "sprop-stereo=0;stereo=0;useinbandfec=0".to_owned(),
    }
}

/// ISO/IEC 14496-3 §1.7.3.2: one program, one layer, one frame a subframe; 44 bits.
fn stream_mux_config() -> [u8; 6] {
    // Version 0, same time framing, no further subframes, programs or layers: 15 bits. Then the configuration, frame
    // length type 0 (3 bits), buffer fullness of a variable rate (8), no other data, no checksum.
    let bits = 1_u64 << 13 << 29 | u64::from(AAC_CONFIG) << 13 | 0xFF << 2;
    let bytes = (bits << 4).to_be_bytes();
    [bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]
}

/// The raw frames of an ADTS stream (ISO/IEC 14496-3 §1.A.2.2), each wrapped.
fn aac(wrap: fn(&[u8]) -> Bytes) -> Vec<Bytes> {
    let mut frames = Vec::new();
    let mut rest = AAC_LOOP;
    while let [0xFF, flags, _, high, middle, low, _, ..] = *rest {
        let length = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low) >> 5;
        let header = if flags & 1 == 1 { 7 } else { 9 };
        let Some(frame) = rest.get(header..length) else { break };
        frames.push(wrap(frame));
        rest = &rest[length..];
    }
    frames
}

/// RFC 3640 §3.3.6: one header of 13 bits of size and 3 of index.
fn hbr(frame: &[u8]) -> Bytes {
    let mut payload = BytesMut::with_capacity(4 + frame.len());
    payload.put_u16(16);
    payload.put_u16((frame.len() as u16) << 3);
    payload.put_slice(frame);
    payload.freeze()
}

/// RFC 6416 §6.3, ISO/IEC 14496-3 §1.7.3.1: the length in bytes of 255, then the frame.
fn latm(frame: &[u8]) -> Bytes {
    let mut payload = BytesMut::with_capacity(2 + frame.len());
    payload.put_bytes(0xFF, frame.len() / 255);
    payload.put_u8((frame.len() % 255) as u8);
    payload.put_slice(frame);
    payload.freeze()
}

/// One session's walk along the sound.
#[derive(Debug)]
pub(crate) struct Cursor {
    sound: Arc<Sound>,
    clock: Clock,
    began: Instant,
    began_ms: u64,
    /// Of the next frame, counted from 1970.
    number: u64,
}

impl Cursor {
    pub(crate) fn new(sound: &Arc<Sound>, clock: Clock) -> Self {
        let began_ms = u64::try_from(clock.unix_millis()).unwrap_or(0);
        let number = began_ms / sound.frame.as_millis() as u64;
        Self { sound: Arc::clone(sound), clock, began: clock.now(), began_ms, number }
    }

    /// The next frame, when its last sound was heard. Cancel safe: nothing moves before the wait is over.
    pub(crate) async fn next(&mut self, faults: &watch::Receiver<Faults>) -> Sample {
        loop {
            let frame_ms = self.sound.frame.as_millis() as u64;
            let whole_ms = (self.number + 1) * frame_ms;
            let due = self.began + Duration::from_millis(whole_ms.saturating_sub(self.began_ms));
            self.clock.sleep_until(Some(due)).await;
            let number = self.number;
            self.number += 1;
            if faults.borrow().stalled {
                continue;
            }
            let frames = &self.sound.frames;
            return Sample {
                picture: Arc::clone(&frames[(number % frames.len() as u64) as usize]),
                ticks: number * u64::from(self.sound.frame_ticks),
                captured_at_ms: i64::try_from(number * frame_ms).unwrap_or(i64::MAX),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loop_lasts_whole_seconds() {
        for codec in AudioCodec::ALL {
            let sound = Sound::of(codec);
            let whole = sound.frame * sound.frames.len() as u32;
            assert!(whole.as_secs() > 0 && whole.subsec_nanos() == 0, "{codec}: {whole:?}");
            let ticks = u64::from(sound.frame_ticks) * sound.frames.len() as u64;
            assert_eq!(ticks, whole.as_secs() * u64::from(sound.format.clock_rate), "{codec}");
            assert!(sound.frames.iter().all(|frame| frame.payloads[0].len() < 1_400));
        }
    }

    #[test]
    fn the_configuration_of_latm_is_that_of_the_standard() {
        // Bit by bit: 0 1 000000 0000 000 | 0001010000001000 | 000 11111111 0 0 | padding.
        let bits: String = stream_mux_config().iter().map(|byte| format!("{byte:08b}")).collect();
        assert_eq!(bits, format!("{}{}{}{}", "010000000000000", "0001010000001000", "0001111111100", "0000"));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_follow_the_wall_clock_and_a_stall_leaves_a_hole() {
        let (faults, seen) = watch::channel(Faults::default());
        let mut cursor = Cursor::new(Sound::of(AudioCodec::Pcma), Clock::system());
        let first = cursor.next(&seen).await;
        let second = cursor.next(&seen).await;
        assert_eq!((second.ticks - first.ticks, second.captured_at_ms - first.captured_at_ms), (160, 20));
        assert_eq!(first.ticks, u64::try_from(first.captured_at_ms).unwrap() * 8);
        faults.send_modify(|faults| faults.stalled = true);
        assert!(tokio::time::timeout(Duration::from_secs(1), cursor.next(&seen)).await.is_err());
        faults.send_modify(|faults| faults.stalled = false);
        assert!(cursor.next(&seen).await.ticks - second.ticks >= 8_000);
    }
}
