//! One encoded loop for hundreds of cameras: every session walks through it from its own beginning.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sluice_runtime::Clock;
use tokio::sync::watch;

use crate::{
    config::{Start, TierConfig},
    encoder::{EncodeError, EncoderSettings, PictureEncoder},
    fault::Faults,
    packets::ticks,
    picture::{Grain, Scene},
    sample::{Picture, Sample},
};

/// A loop lasts at least this long: shorter ones look like a stutter.
const SHORTEST: Duration = Duration::from_secs(4);
/// Luma levels of grain: the rate control decides how much of it survives.
const GRAIN: u8 = 14;
/// What a replay carries when no bitrate is asked for.
const DEFAULT_KBPS: u32 = 1_000;

/// Whole GOPs, the first picture a key frame.
#[derive(Debug)]
pub(crate) struct Loop {
    pictures: Vec<Arc<Picture>>,
    fps: u32,
    gop_frames: usize,
}

/// The settings a replay encodes with: a bitrate it meets by detail.
pub(crate) fn settings(settings: EncoderSettings) -> EncoderSettings {
    let kbps = settings.tier.bitrate_kbps.unwrap_or(DEFAULT_KBPS);
    EncoderSettings {
        grain: true,
        tier: TierConfig { bitrate_kbps: Some(kbps), ..settings.tier },
        ..settings
    }
}

/// The loop with these settings, encoded once per process. Takes seconds of CPU the first time.
pub(crate) fn encoded(settings: EncoderSettings) -> Result<Arc<Loop>, EncodeError> {
    static LOOPS: LazyLock<Mutex<HashMap<EncoderSettings, Arc<Loop>>>> = LazyLock::new(Mutex::default);
    // Held while encoding: a second asker wants this result, not a second encoder.
    let mut loops = LOOPS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(made) = loops.get(&settings) {
        return Ok(Arc::clone(made));
    }
    let made = Arc::new(encode(settings)?);
    loops.insert(settings, Arc::clone(&made));
    Ok(made)
}

fn encode(settings: EncoderSettings) -> Result<Loop, EncodeError> {
    let EncoderSettings { tier, fps, gop_frames, .. } = settings;
    let shortest = SHORTEST.as_secs() * u64::from(fps);
    let frames = gop_frames * shortest.div_ceil(gop_frames);
    let mut scene = Scene::new((tier.width, tier.height), "Replay", 0);
    let mut grain = Grain::new(GRAIN);
    let mut encoder = PictureEncoder::new(settings)?;
    let mut pictures = Vec::new();
    for frame in 0..frames {
        let at = frame * 1_000 / u64::from(fps);
        let canvas = scene.paint_grain(at as i64, &mut grain);
        pictures.push(Arc::new(encoder.encode(canvas, frame % gop_frames == 0, at)?));
    }
    Ok(Loop { pictures, fps, gop_frames: gop_frames as usize })
}

/// One session's walk through a loop.
#[derive(Debug)]
pub(crate) struct Cursor {
    reel: Arc<Loop>,
    clock: Clock,
    began: Instant,
    /// Frames since the beginning, whether sent or not: the timeline.
    number: u64,
    /// Place in the loop.
    place: usize,
}

impl Cursor {
    pub(crate) fn new(reel: Arc<Loop>, clock: Clock, start: Start) -> Self {
        let place = if start == Start::KeyFrame { 0 } else { reel.gop_frames / 2 };
        Self { reel, clock, began: clock.now(), number: 0, place }
    }

    /// The next picture when it is due. Cancel safe: nothing moves before the wait is over.
    pub(crate) async fn next(&mut self, faults: &watch::Receiver<Faults>) -> Sample {
        loop {
            let due = self.began + Duration::from_secs(self.number) / self.reel.fps;
            self.clock.sleep_until(Some(due)).await;
            let number = self.number;
            self.number += 1;
            let faults = faults.borrow();
            if faults.stalled {
                continue;
            }
            if faults.frozen {
                self.place = 0;
                if !number.is_multiple_of(self.reel.gop_frames as u64) {
                    continue;
                }
            }
            let picture = Arc::clone(&self.reel.pictures[self.place]);
            self.place = (self.place + 1) % self.reel.pictures.len();
            let ticks = ticks(number, self.reel.fps);
            return Sample { picture, ticks, captured_at_ms: self.clock.unix_millis() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(kbps: u32, fps: u32, gop_frames: u64) -> Arc<Loop> {
        let tier = TierConfig::sized(640, 360).at_kbps(kbps);
        encoded(settings(EncoderSettings { tier, fps, gop_frames, in_band: true, grain: false })).unwrap()
    }

    fn size(picture: &Picture) -> usize {
        picture.payloads.iter().map(bytes::Bytes::len).sum()
    }

    #[test]
    fn a_loop_has_its_bitrate_and_its_key_frames() {
        let reel = made(1_000, 25, 50);
        let bytes: usize = reel.pictures.iter().map(|picture| size(picture)).sum();
        let kbps = bytes as f64 * 8.0 / 1_000.0 / (reel.pictures.len() as f64 / 25.0);
        assert!((950.0..1050.0).contains(&kbps), "{kbps} kbit/s");
        let keys: Vec<usize> = (0..reel.pictures.len()).filter(|&place| reel.pictures[place].key).collect();
        assert_eq!(keys, [0, 50]);
        let key = size(&reel.pictures[50]) as f64;
        let other = (bytes as f64 - key - size(&reel.pictures[0]) as f64) / 98.0;
        assert!((5.0..12.0).contains(&(key / other)), "a key frame is {} of the others", key / other);
        let packets: usize = reel.pictures.iter().map(|picture| picture.payloads.len()).sum();
        assert!((300..600).contains(&packets), "{packets} packets in four seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_walks_in_time_and_a_stall_leaves_a_hole_in_the_timeline_only() {
        let (faults, seen) = watch::channel(Faults::default());
        let clock = Clock::system();
        let mut cursor = Cursor::new(made(1_000, 25, 50), clock, Start::MidGop);
        let began = clock.now();
        let first = cursor.next(&seen).await;
        assert!(!first.picture.key);
        faults.send_modify(|faults| faults.stalled = true);
        let waited = tokio::time::timeout(Duration::from_secs(1), cursor.next(&seen)).await;
        assert!(waited.is_err(), "a stalled camera sends nothing");
        faults.send_modify(|faults| faults.stalled = false);
        let second = cursor.next(&seen).await;
        assert_eq!(second.ticks - first.ticks, 90_000 + 3_600);
        assert!(clock.now() - began >= Duration::from_secs(1));
        assert!(
            Arc::ptr_eq(&second.picture, &cursor.reel.pictures[26]),
            "the picture after the last one sent"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_replay_shows_one_picture() {
        let (faults, seen) = watch::channel(Faults::default());
        let mut cursor = Cursor::new(made(1_000, 25, 50), Clock::system(), Start::KeyFrame);
        faults.send_modify(|faults| faults.frozen = true);
        let first = cursor.next(&seen).await;
        let second = cursor.next(&seen).await;
        assert!(first.picture.key && Arc::ptr_eq(&first.picture, &second.picture));
        assert_eq!(second.ticks - first.ticks, 180_000);
    }
}
