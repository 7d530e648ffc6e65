use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use bytes::Bytes;
use openh264::{
    OpenH264API, Timestamp,
    encoder::{
        BitRate, Complexity, Encoder, EncoderConfig, FrameRate, IntraFramePeriod, Profile, RateControlMode,
        SpsPpsStrategy,
    },
    formats::YUVSlices,
};

use crate::{
    codec::Syntax,
    config::{CamsimConfig, ParameterSets, TierConfig},
    padding::Padding,
    payload::packetize,
    picture::{Canvas, Scene},
    replay,
    sample::Picture,
};

const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;

/// What an encoder is asked for; equal settings give equal parameter sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EncoderSettings {
    pub(crate) tier: TierConfig,
    pub(crate) fps: u32,
    pub(crate) gop_frames: u64,
    /// Whether key frames carry SPS and PPS.
    pub(crate) in_band: bool,
    /// Whether the encoder is to reach the bitrate by detail, or only the padding.
    pub(crate) grain: bool,
}

impl EncoderSettings {
    pub(crate) fn new(config: &CamsimConfig, tier: TierConfig) -> Self {
        let in_band = config.parameter_sets != ParameterSets::Sdp;
        Self { tier, fps: config.fps, gop_frames: config.gop_frames(), in_band, grain: false }
    }

    /// How openh264 spends bits, and what it aims at in bit/s. Without a promised bitrate it keeps one quality, which
    /// costs the least CPU. With one, filler carries the rest, so the aim stays below the promise.
    fn rate(&self) -> (RateControlMode, BitRate) {
        match self.tier.bitrate_kbps {
            Some(kbps) => (RateControlMode::Bitrate, BitRate::from_bps(kbps.saturating_mul(850))),
            None => (RateControlMode::Off, BitRate::from_bps(1_000_000)),
        }
    }
}

/// VPS, SPS and PPS, without start codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParameterSetUnits {
    pub(crate) syntax: Syntax,
    /// Of H.265.
    pub(crate) vps: Option<Bytes>,
    pub(crate) sps: Bytes,
    pub(crate) pps: Bytes,
}

/// openh264 or its answer failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    #[error("openh264 refuses these settings")]
    Settings(#[source] openh264::Error),
    #[error("openh264 cannot encode a picture")]
    Picture(#[source] openh264::Error),
    #[error("the first picture brought no parameter sets")]
    NoParameterSets,
    #[error("there is no encoded loop of this codec and size")]
    NoLoop,
    #[error("the encoder's thread ended with a panic")]
    Gone,
}

/// Encodes the pictures of one tier of one camera.
pub(crate) struct PictureEncoder {
    encoder: Encoder,
    padding: Option<Padding>,
    settings: EncoderSettings,
}

impl PictureEncoder {
    pub(crate) fn new(settings: EncoderSettings) -> Result<Self, EncodeError> {
        let (mode, aim) = settings.rate();
        let config = EncoderConfig::new()
            .profile(Profile::Baseline)
            .rate_control_mode(mode)
            .bitrate(aim)
            .max_frame_rate(FrameRate::from_hz(settings.fps as f32))
            .skip_frames(false)
            .scene_change_detect(false)
            .adaptive_quantization(false)
            .complexity(Complexity::Low)
            .sps_pps_strategy(SpsPpsStrategy::ConstantId)
            // Key frames come when asked for, so that the GOP is ours to decide.
            .intra_frame_period(IntraFramePeriod::from_num_frames(0))
            .num_threads(1);
        let encoder =
            Encoder::with_api_config(OpenH264API::from_source(), config).map_err(EncodeError::Settings)?;
        let padding = settings
            .tier
            .bitrate_kbps
            .map(|kbps| Padding::new(Syntax::H264, kbps, settings.fps, settings.gop_frames))
            .map(|padding| if settings.grain { padding.seldom() } else { padding });
        Ok(Self { encoder, padding, settings })
    }

    /// One picture; the first of an encoder is a key frame in any case. `at_millis` goes forward.
    pub(crate) fn encode(
        &mut self,
        canvas: &Canvas,
        key: bool,
        at_millis: u64,
    ) -> Result<Picture, EncodeError> {
        let mut units = self.units(canvas, key, at_millis)?;
        let key = units.iter().any(|unit| unit[0] & 0x1F == 5);
        if !self.settings.in_band {
            units.retain(|unit| !matches!(unit[0] & 0x1F, NAL_SPS | NAL_PPS));
        }
        if let Some(padding) = &mut self.padding {
            let size = units.iter().map(Bytes::len).sum();
            units.extend(padding.fill(key, size));
        }
        Ok(Picture { key, payloads: packetize(Syntax::H264, &units) })
    }

    fn units(&mut self, canvas: &Canvas, key: bool, at_millis: u64) -> Result<Vec<Bytes>, EncodeError> {
        if key {
            self.encoder.force_intra_frame();
        }
        let (luma, blue, red) = (&canvas.luma, &canvas.blue, &canvas.red);
        let picture = YUVSlices::new(
            (&luma.pixels, &blue.pixels, &red.pixels),
            (luma.width, luma.height),
            (luma.width, blue.width, red.width),
        );
        let encoded = self
            .encoder
            .encode_at(&picture, Timestamp::from_millis(at_millis))
            .map_err(EncodeError::Picture)?;
        let mut units = Vec::new();
        for layer in (0..encoded.num_layers()).filter_map(|index| encoded.layer(index)) {
            units.extend(
                (0..layer.nal_count())
                    .filter_map(|index| layer.nal_unit(index))
                    .filter_map(without_start_code),
            );
        }
        Ok(units)
    }
}

/// The parameter sets of every stream with these settings, found once per process: a loop's in its first picture, an
/// encoder's by encoding one.
pub(crate) fn parameter_sets(settings: EncoderSettings) -> Result<ParameterSetUnits, EncodeError> {
    static FOUND: LazyLock<Mutex<HashMap<EncoderSettings, ParameterSetUnits>>> =
        LazyLock::new(Mutex::default);
    if let Some(found) = FOUND.lock().unwrap_or_else(PoisonError::into_inner).get(&settings) {
        return Ok(found.clone());
    }
    let found =
        if settings.tier.codec.is_loop() { replay::parameter_sets(settings) } else { encoded_sets(settings) };
    let found = found?;
    FOUND.lock().unwrap_or_else(PoisonError::into_inner).insert(settings, found.clone());
    Ok(found)
}

fn encoded_sets(settings: EncoderSettings) -> Result<ParameterSetUnits, EncodeError> {
    let size = (settings.tier.width, settings.tier.height);
    let units = PictureEncoder::new(settings)?.units(Scene::new(size, "", 0).still(), true, 0)?;
    let find = |kind: u8| units.iter().find(|unit| unit[0] & 0x1F == kind).cloned();
    match (find(NAL_SPS), find(NAL_PPS)) {
        (Some(sps), Some(pps)) if sps.len() >= 4 => {
            Ok(ParameterSetUnits { syntax: Syntax::H264, vps: None, sps, pps })
        }
        _ => Err(EncodeError::NoParameterSets),
    }
}

/// The unit behind a start code of three or four bytes; `None` when nothing is left.
fn without_start_code(unit: &[u8]) -> Option<Bytes> {
    let unit = unit.strip_prefix(&[0, 0, 0, 1]).or_else(|| unit.strip_prefix(&[0, 0, 1])).unwrap_or(unit);
    (!unit.is_empty()).then(|| Bytes::copy_from_slice(unit))
}

#[cfg(test)]
mod tests {
    use openh264::{decoder::Decoder, formats::YUVSource as _};

    use super::*;
    use crate::clock;

    const START: i64 = 1_795_262_400_000;

    fn settings(tier: TierConfig) -> EncoderSettings {
        EncoderSettings { tier, fps: 15, gop_frames: 15, in_band: true, grain: false }
    }

    fn annex_b(units: &[Bytes]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1], &unit[..]].concat()).collect()
    }

    #[test]
    fn the_clock_is_read_from_every_decoded_picture() {
        for tier in [
            TierConfig::sized(640, 360),
            TierConfig::sized(1280, 720),
            TierConfig::sized(640, 360).at_kbps(150),
        ] {
            let mut scene = Scene::new((tier.width, tier.height), "Gate", 1);
            let mut encoder = PictureEncoder::new(settings(tier)).unwrap();
            let mut decoder = Decoder::new().unwrap();
            for frame in 0..32 {
                let now = START + frame * 67;
                let units = encoder.units(scene.paint(now), frame % 15 == 0, (frame * 67) as u64).unwrap();
                let decoded = decoder.decode(&annex_b(&units)).unwrap().unwrap();
                let (width, height) = decoded.dimensions();
                assert_eq!((width, height), (tier.width, tier.height));
                assert_eq!(clock::read(decoded.y(), decoded.strides().0, width, height), Some(now as u64));
            }
        }
    }

    #[test]
    fn parameter_sets_of_the_sdp_are_those_of_the_stream() {
        let settings = settings(TierConfig::sized(640, 360));
        let sets = parameter_sets(settings).unwrap();
        let mut scene = Scene::new((640, 360), "Gate", 5);
        let picture = PictureEncoder::new(settings).unwrap().encode(scene.paint(START), true, 0).unwrap();
        assert!(picture.payloads.contains(&sets.sps) && picture.payloads.contains(&sets.pps));
        assert_eq!(sets.sps[1], 66, "baseline");
        let bare = EncoderSettings { in_band: false, ..settings };
        let picture = PictureEncoder::new(bare).unwrap().encode(scene.paint(START), true, 0).unwrap();
        assert!(!picture.payloads.iter().any(|payload| matches!(payload[0] & 0x1F, NAL_SPS | NAL_PPS)));
    }

    #[test]
    fn key_frames_come_when_asked_for_and_only_then() {
        let mut scene = Scene::new((640, 360), "Gate", 1);
        let mut encoder = PictureEncoder::new(settings(TierConfig::sized(640, 360))).unwrap();
        let keys: Vec<bool> = (0..40)
            .map(|frame| {
                encoder.encode(scene.paint(START + frame * 67), frame == 20, frame as u64 * 67).unwrap().key
            })
            .collect();
        let found: Vec<usize> = (0..40).filter(|&frame| keys[frame]).collect();
        assert_eq!(found, [0, 20]);
    }
}
