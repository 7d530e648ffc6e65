use std::sync::Arc;

use bytes::Bytes;

use crate::{
    codec::{Syntax, VideoCodec},
    encoder::{EncodeError, EncoderSettings, ParameterSetUnits},
    padding::Padding,
    payload::packetize,
    reel::{Reel, Shot},
    sample::Picture,
};

/// One loop of `tests/fixtures/make_loops.sh`: Annex B with a delimiter before each picture, and the places of the
/// pictures as they are shown where that is another order.
struct Fixture {
    stream: &'static [u8],
    order: &'static str,
}

macro_rules! fixture {
    ($stream:literal) => {
        Fixture { stream: include_bytes!(concat!("../../../fixtures/", $stream)), order: "" }
    };
    ($stream:literal, $order:literal) => {
        Fixture {
            stream: include_bytes!(concat!("../../../fixtures/", $stream)),
            order: include_str!(concat!("../../../fixtures/", $order)),
        }
    };
}

fn fixture(codec: VideoCodec, height: usize) -> Option<Fixture> {
    Some(match (codec, height) {
        (VideoCodec::H265, 360) => fixture!("x265_360p.h265"),
        (VideoCodec::H265, 720) => fixture!("x265_720p.h265"),
        (VideoCodec::H264Bframes, 360) => fixture!("x264_bframes_360p.h264", "x264_bframes_360p.order"),
        (VideoCodec::H264Bframes, 720) => fixture!("x264_bframes_720p.h264", "x264_bframes_720p.order"),
        (VideoCodec::H265Bframes, 360) => fixture!("x265_bframes_360p.h265", "x265_bframes_360p.order"),
        (VideoCodec::H265Bframes, 720) => fixture!("x265_bframes_720p.h265", "x265_bframes_720p.order"),
        _ => return None,
    })
}

/// The loop with these settings, padded to its bitrate where one is asked for.
pub(super) fn reel(settings: EncoderSettings) -> Result<Reel, EncodeError> {
    let EncoderSettings { tier, fps, .. } = settings;
    let (syntax, fixture) = (tier.codec.syntax(), open(settings)?);
    let pictures = pictures(syntax, fixture.stream);
    let mut order = fixture.order.split_whitespace().map(str::parse);
    let mut padding = tier.bitrate_kbps.map(|kbps| Padding::new(syntax, kbps, fps, pictures.len() as u64));
    let mut shots = Vec::new();
    for (place, mut units) in pictures.into_iter().enumerate() {
        let key = units.iter().any(|unit| syntax.is_idr(unit));
        if !settings.in_band {
            units.retain(|unit| !syntax.is_parameter_set(unit));
        }
        if let Some(padding) = &mut padding {
            let size = units.iter().map(Bytes::len).sum();
            units.extend(padding.fill(key, size));
        }
        let shown = order.next().and_then(Result::ok).unwrap_or(place);
        let picture = Arc::new(Picture { key, payloads: packetize(syntax, &units) });
        shots.push(Shot { picture, shown });
    }
    let frames = shots.len();
    Ok(Reel::new(shots, fps, frames))
}

/// The parameter sets of a loop.
pub(crate) fn parameter_sets(settings: EncoderSettings) -> Result<ParameterSetUnits, EncodeError> {
    let syntax = settings.tier.codec.syntax();
    let first = pictures(syntax, open(settings)?.stream).into_iter().next().unwrap_or_default();
    let mut sets = first.into_iter().filter(|unit| syntax.is_parameter_set(unit));
    let vps = if syntax == Syntax::H265 { sets.next() } else { None };
    match (sets.next(), sets.next()) {
        (Some(sps), Some(pps)) => Ok(ParameterSetUnits { syntax, vps, sps, pps }),
        _ => Err(EncodeError::NoParameterSets),
    }
}

fn open(settings: EncoderSettings) -> Result<Fixture, EncodeError> {
    fixture(settings.tier.codec, settings.tier.height).ok_or(EncodeError::NoLoop)
}

/// The units of each picture, without delimiters.
fn pictures(syntax: Syntax, stream: &'static [u8]) -> Vec<Vec<Bytes>> {
    let mut pictures: Vec<Vec<Bytes>> = Vec::new();
    for unit in units(stream) {
        if syntax.is_delimiter(unit) || pictures.is_empty() {
            pictures.push(Vec::new());
        }
        if let Some(picture) = pictures.last_mut().filter(|_| !syntax.is_delimiter(unit)) {
            picture.push(Bytes::from_static(unit));
        }
    }
    pictures
}

/// The units between the start codes of Annex B.
fn units(stream: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    let starts: Vec<usize> = (3..stream.len()).filter(|&at| stream[at - 3..at] == [0, 0, 1]).collect();
    (0..starts.len()).filter_map(move |index| {
        let end = starts.get(index + 1).map_or(stream.len(), |next| next - 3);
        let unit = &stream[starts[index]..end];
        // A start code of four bytes begins with a zero that is nobody's.
        let length = unit.iter().rposition(|&byte| byte != 0)? + 1;
        Some(&unit[..length])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LOOP_SIZES, TierConfig};

    fn settings(codec: VideoCodec, (width, height): (usize, usize), kbps: Option<u32>) -> EncoderSettings {
        let tier = TierConfig { bitrate_kbps: kbps, ..TierConfig::sized(width, height).coded(codec) };
        EncoderSettings { tier, fps: 15, gop_frames: 30, in_band: true, grain: false }
    }

    #[test]
    fn every_loop_is_one_closed_group_of_thirty() {
        for codec in VideoCodec::ALL.into_iter().filter(|codec| codec.is_loop()) {
            for size in LOOP_SIZES {
                let reel = reel(settings(codec, size, None)).unwrap();
                let keys: Vec<bool> = reel.shots.iter().map(|shot| shot.picture.key).collect();
                assert_eq!(keys.len(), 30, "{codec} {size:?}");
                assert!(keys[0] && !keys[1..].contains(&true), "{codec} {size:?}");
                let mut shown: Vec<usize> = reel.shots.iter().map(|shot| shot.shown).collect();
                let in_order = shown.is_sorted();
                assert_eq!(in_order, codec == VideoCodec::H265, "{codec}");
                shown.sort_unstable();
                assert!(shown.into_iter().eq(0..30), "{codec} {size:?}");
            }
        }
    }

    #[test]
    fn a_bitrate_is_met_by_padding() {
        for codec in [VideoCodec::H265, VideoCodec::H264Bframes] {
            let reel = reel(settings(codec, LOOP_SIZES[0], Some(1_000))).unwrap();
            let payloads = reel.shots.iter().flat_map(|shot| &shot.picture.payloads);
            let kbps = payloads.map(Bytes::len).sum::<usize>() * 8 / 2_000;
            assert!((950..1_050).contains(&kbps), "{codec}: {kbps} kbit/s");
        }
    }

    #[test]
    fn parameter_sets_are_found_and_can_be_kept_out_of_the_stream() {
        for codec in VideoCodec::ALL.into_iter().filter(|codec| codec.is_loop()) {
            let told = settings(codec, LOOP_SIZES[1], None);
            let sets = parameter_sets(told).unwrap();
            assert_eq!(sets.vps.is_some(), codec.syntax() == Syntax::H265);
            let with = reel(told).unwrap().shots[0].picture.payloads.len();
            let without =
                reel(EncoderSettings { in_band: false, ..told }).unwrap().shots[0].picture.payloads.len();
            assert!(without < with, "{codec}: {without} of {with}");
        }
        assert!(reel(settings(VideoCodec::H265, (640, 480), None)).is_err());
    }
}
