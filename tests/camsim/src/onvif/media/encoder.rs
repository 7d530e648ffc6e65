//! Encoder configurations: told, and changed where these cameras can.

use std::sync::Arc;

use sluice_ids::Tier;

use super::{Version, named, token, wanted};
use crate::{
    camera::CameraState,
    codec::{AudioCodec, VideoCodec},
    config::{LOOP_SIZES, TierConfig},
    encoder::EncoderSettings,
    fault::Fault as Mishap,
    onvif::{
        server::Call,
        soap::{Answer, Fault},
        xml::Element,
    },
};

/// Pictures of an encoded loop from one key frame to the next: nobody can change them.
const LOOP_GOP: u64 = 30;
/// Largest GOP and bitrate that can be set.
const MAX_GOP: u64 = 600;
const MAX_KBPS: u32 = 20_000;

/// Answers what is about encoders.
pub(super) fn answer(call: &Call<'_>, version: Version) -> Answer {
    let prefix = version.prefix();
    let (operation, channels) = (&call.request.operation, call.channels);
    let name = operation.name.as_str();
    let told = |(camera, tier): (&Arc<CameraState>, Tier), element: &str| match version {
        Version::Media1 => of_media1(camera, tier, element),
        Version::Media2 => of_media2(camera, tier, element),
    };
    let inside: String = match (name, version) {
        ("GetVideoEncoderConfigurations", _) => {
            let asked = operation.text_of("ConfigurationToken");
            let element = format!("{prefix}:Configurations");
            wanted(channels, "encoder", asked).map(|one| told(one, &element)).collect()
        }
        ("GetVideoEncoderConfiguration", Version::Media1) => {
            told(configured(channels, operation.text_of("ConfigurationToken"))?, "trt:Configuration")
        }
        ("GetVideoEncoderConfigurationOptions", Version::Media1) => options1(),
        ("GetVideoEncoderConfigurationOptions", Version::Media2) => options2(),
        ("SetVideoEncoderConfiguration", _) => {
            set(channels, operation.child("Configuration").ok_or_else(Fault::no_config)?, version)?;
            String::new()
        }
        ("GetAudioEncoderConfigurations", _) if channels.iter().any(|it| it.config.audio.is_some()) => {
            let element = format!("{prefix}:Configurations");
            let heard = channels.iter().filter(|camera| camera.config.audio.is_some());
            heard.map(|camera| audio(camera, version, &element)).collect()
        }
        _ => return Err(Fault::not_supported(name)),
    };
    Ok(format!("<{prefix}:{name}Response>{inside}</{prefix}:{name}Response>"))
}

fn configured<'a>(
    channels: &'a [Arc<CameraState>],
    token: Option<&str>,
) -> Result<(&'a Arc<CameraState>, Tier), Fault> {
    token.and_then(|token| named(channels, token, "encoder")).ok_or_else(Fault::no_config)
}

/// How a tier is told.
struct Told {
    tier: TierConfig,
    fps: u32,
    gop: u64,
    kbps: u32,
    encoding: &'static str,
    profile: &'static str,
}

fn tell(camera: &CameraState, tier: Tier) -> Option<Told> {
    let EncoderSettings { tier, fps, gop_frames, .. } = camera.tier(tier)?.settings();
    let (encoding, profile) = match tier.codec {
        VideoCodec::H264 => ("H264", "Baseline"),
        VideoCodec::H264Bframes => ("H264", "High"),
        VideoCodec::H265 | VideoCodec::H265Bframes => ("H265", "Main"),
    };
    let gop = if tier.codec.is_loop() { LOOP_GOP } else { gop_frames };
    Some(Told { tier, fps, gop, kbps: tier.bitrate_kbps.unwrap_or(usual_kbps(tier)), encoding, profile })
}

/// What is told of a tier that has no promised bitrate.
const fn usual_kbps(tier: TierConfig) -> u32 {
    if tier.height > 400 { 2_048 } else { 512 }
}

fn size(width: usize, height: usize) -> String {
    format!("<tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height>")
}

/// As an element of this name in the words of Media1, which knows H.265 only as some cameras extend it.
pub(super) fn of_media1(camera: &CameraState, tier: Tier, element: &str) -> String {
    let Some(Told { tier: config, fps, gop, kbps, encoding, profile }) = tell(camera, tier) else {
        return String::new();
    };
    format!(
        "<{element} token=\"{}\"><tt:Name>{tier}</tt:Name><tt:UseCount>1</tt:UseCount>\
         <tt:Encoding>{encoding}</tt:Encoding><tt:Resolution>{}</tt:Resolution><tt:Quality>5</tt:Quality>\
         <tt:RateControl><tt:FrameRateLimit>{fps}</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>\
         <tt:BitrateLimit>{kbps}</tt:BitrateLimit></tt:RateControl><tt:{encoding}><tt:GovLength>{gop}</tt:GovLength>\
         <tt:{encoding}Profile>{profile}</tt:{encoding}Profile></tt:{encoding}>{MULTICAST}\
         <tt:SessionTimeout>PT60S</tt:SessionTimeout></{element}>",
        token(camera, "encoder", tier),
        size(config.width, config.height)
    )
}

/// The same in the words of Media2.
pub(super) fn of_media2(camera: &CameraState, tier: Tier, element: &str) -> String {
    let Some(Told { tier: config, fps, gop, kbps, encoding, profile }) = tell(camera, tier) else {
        return String::new();
    };
    format!(
        "<{element} token=\"{}\" GovLength=\"{gop}\" Profile=\"{profile}\"><tt:Name>{tier}</tt:Name>\
         <tt:UseCount>1</tt:UseCount><tt:Encoding>{encoding}</tt:Encoding><tt:Resolution>{}</tt:Resolution>\
         <tt:RateControl ConstantBitRate=\"true\"><tt:FrameRateLimit>{fps}</tt:FrameRateLimit>\
         <tt:BitrateLimit>{kbps}</tt:BitrateLimit></tt:RateControl><tt:Quality>5</tt:Quality></{element}>",
        token(camera, "encoder", tier),
        size(config.width, config.height)
    )
}

/// The microphone's encoder.
pub(super) fn audio(camera: &CameraState, version: Version, element: &str) -> String {
    // Media1 has an enumeration, Media2 the names of the IANA.
    let (one, two, kbps, khz) = match camera.config.audio {
        Some(AudioCodec::Pcmu) | None => ("G711", "PCMU", 64, 8),
        Some(AudioCodec::Pcma) => ("G711", "PCMA", 64, 8),
        Some(AudioCodec::Aac) => ("AAC", "MPEG4-GENERIC", 24, 16),
        Some(AudioCodec::Latm) => ("AAC", "MP4A-LATM", 24, 16),
        Some(AudioCodec::Opus) => ("OPUS", "OPUS", 32, 48),
    };
    let encoding = if version == Version::Media1 { one } else { two };
    format!(
        "<{element} token=\"{}\"><tt:Name>Sound</tt:Name><tt:UseCount>2</tt:UseCount>\
         <tt:Encoding>{encoding}</tt:Encoding><tt:Bitrate>{kbps}</tt:Bitrate><tt:SampleRate>{khz}</tt:SampleRate>{}</{element}>",
        camera.token("audio_encoder"),
        if version == Version::Media1 {
            format!("{MULTICAST}<tt:SessionTimeout>PT60S</tt:SessionTimeout>")
        } else {
            String::new()
        }
    )
}

const MULTICAST: &str = "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address>\
                         </tt:Address><tt:Port>0</tt:Port><tt:TTL>1</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>";

fn sizes(element: &str) -> String {
    LOOP_SIZES
        .iter()
        .map(|(width, height)| format!("<{element}>{}</{element}>", size(*width, *height)))
        .collect()
}

fn range(element: &str, least: u64, most: u64) -> String {
    format!("<tt:{element}><tt:Min>{least}</tt:Min><tt:Max>{most}</tt:Max></tt:{element}>")
}

fn options1() -> String {
    format!(
        "<trt:Options>{}<tt:H264>{}{}{}{}<tt:H264ProfilesSupported>Baseline</tt:H264ProfilesSupported>\
         <tt:H264ProfilesSupported>High</tt:H264ProfilesSupported></tt:H264></trt:Options>",
        range("QualityRange", 1, 10),
        sizes("tt:ResolutionsAvailable"),
        range("GovLengthRange", 1, MAX_GOP),
        range("FrameRateRange", 1, 60),
        range("EncodingIntervalRange", 1, 1)
    )
}

fn options2() -> String {
    [("H264", 1, MAX_GOP, "Baseline High"), ("H265", LOOP_GOP, LOOP_GOP, "Main")]
        .map(|(encoding, least, most, profiles)| {
            format!(
                "<tr2:Options GovLengthRange=\"{least} {most}\" FrameRatesSupported=\"60 30 25 15 10 5\" \
                 ProfilesSupported=\"{profiles}\" ConstantBitRateSupported=\"true\"><tt:Encoding>{encoding}</tt:Encoding>\
                 {}{}{}</tr2:Options>",
                range("QualityRange", 1, 10),
                sizes("tt:ResolutionsAvailable"),
                range("BitrateRange", 32, MAX_KBPS.into())
            )
        })
        .concat()
}

/// Changes a tier, or says which value cannot be.
fn set(channels: &[Arc<CameraState>], wanted: &Element, version: Version) -> Result<(), Fault> {
    let (camera, tier) = configured(channels, wanted.attribute("token"))?;
    let state = camera.tier(tier).ok_or_else(Fault::no_config)?;
    let before = state.settings();
    let after = changed(before, wanted, version)?;
    if after == before {
        return Ok(());
    }
    tracing::info!(camera = %camera.name, %tier, ?after, "an encoder is set");
    state.set(after);
    // What a session was told at its beginning is no longer so, or its loop is another: cameras end it.
    if after.tier.codec != before.tier.codec || after.fps != before.fps || before.tier.codec.is_loop() {
        camera.faults.send_modify(|faults| faults.add(Mishap::Drop));
    }
    Ok(())
}

fn changed(before: EncoderSettings, wanted: &Element, version: Version) -> Result<EncoderSettings, Fault> {
    let refused = |what: &str| Fault::sender(&["InvalidArgVal", "ConfigModify"], format!("{what} cannot be"));
    let number = |name: &str| -> Result<Option<u64>, Fault> {
        wanted
            .text_of(name)
            .map(|text| text.parse::<f64>().ok().filter(|number| (0.0..1e9).contains(number)))
            .map(|number| number.map(|number| number as u64).ok_or_else(|| refused(name)))
            .transpose()
    };
    // Elements in Media1, attributes in Media2.
    let (gop, profile) = match version {
        Version::Media1 => (
            wanted.text_of("GovLength"),
            wanted.text_of("H264Profile").or_else(|| wanted.text_of("H265Profile")),
        ),
        Version::Media2 => (wanted.attribute("GovLength"), wanted.attribute("Profile")),
    };
    let gop = gop.map(|gop| gop.parse::<u64>().map_err(|_| refused("GovLength"))).transpose()?;
    let codec =
        codec(before.tier.codec, wanted.text_of("Encoding"), profile).ok_or_else(|| refused("Encoding"))?;
    let was_loop = before.tier.codec.is_loop();
    let gop = gop.unwrap_or(if was_loop { LOOP_GOP } else { before.gop_frames });
    let size = |name: &str, kept: usize| -> Result<usize, Fault> {
        Ok(number(name)?.map_or(kept, |pixels| pixels as usize))
    };
    let kbps = number("BitrateLimit")?.and_then(|kbps| u32::try_from(kbps).ok());
    // What was told in place of a promise stays no promise.
    let unchanged = before.tier.bitrate_kbps.is_none() && kbps == Some(usual_kbps(before.tier));
    let bitrate_kbps = if unchanged { None } else { kbps.or(before.tier.bitrate_kbps) };
    let tier = TierConfig {
        width: size("Width", before.tier.width)?,
        height: size("Height", before.tier.height)?,
        bitrate_kbps,
        codec,
    };
    tier.check().map_err(|error| refused(&error.to_string()))?;
    if bitrate_kbps.is_some_and(|kbps| !(32..=MAX_KBPS).contains(&kbps)) {
        return Err(refused("BitrateLimit"));
    }
    // A loop keeps its length, and a camera that leaves its loop may have another.
    if !(1..=MAX_GOP).contains(&gop) || (codec.is_loop() && gop != LOOP_GOP) {
        return Err(refused("GovLength"));
    }
    let fps = number("FrameRateLimit")?.map_or(before.fps, |fps| u32::try_from(fps).unwrap_or(0));
    if !(1..=60).contains(&fps) {
        return Err(refused("FrameRateLimit"));
    }
    let gop_frames = if codec.is_loop() { before.gop_frames } else { gop };
    Ok(EncoderSettings { tier, fps, gop_frames, ..before })
}

/// Baseline has no B-frames, so who sets it switches them off.
fn codec(before: VideoCodec, encoding: Option<&str>, profile: Option<&str>) -> Option<VideoCodec> {
    let reorders = matches!(before, VideoCodec::H264Bframes | VideoCodec::H265Bframes);
    Some(match (encoding, profile) {
        (None, _) => before,
        (Some("H264"), Some("High" | "Main")) if before == VideoCodec::H264Bframes => before,
        (Some("H264"), Some("High")) => VideoCodec::H264Bframes,
        (Some("H264"), _) => VideoCodec::H264,
        (Some("H265"), _) if reorders => VideoCodec::H265Bframes,
        (Some("H265"), _) => VideoCodec::H265,
        _ => return None,
    })
}
