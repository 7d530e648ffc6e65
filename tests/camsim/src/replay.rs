//! Loops made once per process: encoded here for cheap H.264, or read from `tests/fixtures` for everything else.

mod fixture;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    config::{LOOP_SIZES, TierConfig},
    encoder::{EncodeError, EncoderSettings, PictureEncoder},
    picture::{Grain, Scene},
    reel::{Reel, Shot},
};

pub(crate) use fixture::parameter_sets;

/// A loop lasts at least this long: shorter ones look like a stutter.
const SHORTEST: Duration = Duration::from_secs(4);
/// Luma levels of grain: the rate control decides how much of it survives.
const GRAIN: u8 = 14;
/// What a replay carries when no bitrate is asked for.
const DEFAULT_KBPS: u32 = 1_000;

/// The settings a replay of H.264 encodes with: a bitrate it meets by detail.
pub(crate) fn settings(settings: EncoderSettings) -> EncoderSettings {
    if settings.tier.codec.is_loop() {
        return settings;
    }
    let kbps = settings.tier.bitrate_kbps.unwrap_or(DEFAULT_KBPS);
    EncoderSettings {
        grain: true,
        tier: TierConfig { bitrate_kbps: Some(kbps), ..settings.tier },
        ..settings
    }
}

/// The same camera after [`Fault::Resize`](crate::Fault::Resize): loops have one other size, everything else shrinks
/// to three quarters.
pub(crate) fn resized(settings: EncoderSettings) -> EncoderSettings {
    let tier = settings.tier;
    let quarters = |pixels: usize| pixels * 3 / 8 * 2;
    let (width, height) = if tier.codec.is_loop() {
        LOOP_SIZES[usize::from(tier.width == LOOP_SIZES[0].0)]
    } else {
        (quarters(tier.width), quarters(tier.height))
    };
    EncoderSettings { tier: TierConfig { width, height, ..tier }, ..settings }
}

/// The loop with these settings, made once per process. H.264 takes seconds of CPU the first time.
pub(crate) fn reel(settings: EncoderSettings) -> Result<Arc<Reel>, EncodeError> {
    static REELS: LazyLock<Mutex<HashMap<EncoderSettings, Arc<Reel>>>> = LazyLock::new(Mutex::default);
    // Held while encoding: a second asker wants this result, not a second encoder.
    let mut reels = REELS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(made) = reels.get(&settings) {
        return Ok(Arc::clone(made));
    }
    let made = if settings.tier.codec.is_loop() { fixture::reel(settings)? } else { encode(settings)? };
    let made = Arc::new(made);
    reels.insert(settings, Arc::clone(&made));
    Ok(made)
}

fn encode(settings: EncoderSettings) -> Result<Reel, EncodeError> {
    let EncoderSettings { tier, fps, gop_frames, .. } = settings;
    let shortest = SHORTEST.as_secs() * u64::from(fps);
    let frames = gop_frames * shortest.div_ceil(gop_frames);
    let mut scene = Scene::new((tier.width, tier.height), "Replay", 0);
    let mut grain = Grain::new(GRAIN);
    let mut encoder = PictureEncoder::new(settings)?;
    let mut shots = Vec::new();
    for frame in 0..frames {
        let at = frame * 1_000 / u64::from(fps);
        let canvas = scene.paint_grain(at as i64, &mut grain);
        let picture = Arc::new(encoder.encode(canvas, frame % gop_frames == 0, at)?);
        shots.push(Shot { picture, shown: frame as usize });
    }
    Ok(Reel::new(shots, fps, gop_frames as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Picture;

    fn size(picture: &Picture) -> usize {
        picture.payloads.iter().map(bytes::Bytes::len).sum()
    }

    #[test]
    fn a_loop_has_its_bitrate_and_its_key_frames() {
        let tier = TierConfig::sized(640, 360).at_kbps(1_000);
        let wanted = EncoderSettings { tier, fps: 25, gop_frames: 50, in_band: true, grain: false };
        let reel = reel(settings(wanted)).unwrap();
        let bytes: usize = reel.shots.iter().map(|shot| size(&shot.picture)).sum();
        let kbps = bytes as f64 * 8.0 / 1_000.0 / (reel.shots.len() as f64 / 25.0);
        assert!((950.0..1050.0).contains(&kbps), "{kbps} kbit/s");
        let keys: Vec<usize> = (0..reel.shots.len()).filter(|&place| reel.shots[place].picture.key).collect();
        assert_eq!(keys, [0, 50]);
        let key = size(&reel.shots[50].picture) as f64;
        let other = (bytes as f64 - key - size(&reel.shots[0].picture) as f64) / 98.0;
        assert!((5.0..12.0).contains(&(key / other)), "a key frame is {} of the others", key / other);
        let packets: usize = reel.shots.iter().map(|shot| shot.picture.payloads.len()).sum();
        assert!((300..600).contains(&packets), "{packets} packets in four seconds");
    }

    #[test]
    fn a_resized_picture_is_one_that_can_be() {
        for (width, height) in [(320, 180), (640, 360), (1280, 720), (1920, 1080)] {
            let tier = TierConfig::sized(width, height);
            let made = EncoderSettings { tier, fps: 25, gop_frames: 50, in_band: true, grain: false };
            let other = resized(made).tier;
            assert!(other.check().is_ok() && other != tier, "{other:?}");
        }
    }
}
