//! Media1 and Media2: profiles, streams, encoders, key frames.

mod encoder;

use std::sync::Arc;

use sluice_ids::Tier;

use super::{ptz, server::Call, soap::Answer, xml::escape};
use crate::camera::CameraState;

/// Which of the two services; they tell the same in different words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Media1,
    Media2,
}

impl Version {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Media1 => "trt",
            Self::Media2 => "tr2",
        }
    }
}

/// Answers an operation of either service.
pub(super) fn answer(call: &Call<'_>, version: Version) -> Answer {
    let prefix = version.prefix();
    let name = call.request.operation.name.as_str();
    let inside = match (name, version) {
        ("GetServiceCapabilities", _) => format!("<{prefix}:Capabilities SnapshotUri=\"true\"/>"),
        ("GetProfiles", _) => profiles(call, version),
        ("GetProfile", Version::Media1) => {
            let (camera, tier) = call.profile()?;
            profile(camera, tier, version, "trt:Profile")
        }
        ("GetStreamUri", _) => {
            let (camera, tier) = call.profile()?;
            uri(version, &stream_uri(camera, tier))
        }
        ("GetSnapshotUri", _) => {
            let (camera, tier) = call.profile()?;
            uri(version, &format!("{}{}", call.base(), snapshot_path(camera, tier)))
        }
        ("SetSynchronizationPoint", _) => {
            let (camera, tier) = call.profile()?;
            if let Some(tier) = camera.tier(tier) {
                camera.counters.sync_points.count();
                tier.wish_key_frame();
            }
            String::new()
        }
        ("GetVideoSources", Version::Media1) => {
            call.channels.iter().map(|camera| video_source(camera)).collect()
        }
        ("GetVideoSourceConfigurations", _) => {
            let element = format!("{prefix}:Configurations");
            call.channels.iter().map(|camera| source_configuration(camera, &element)).collect()
        }
        _ => return encoder::answer(call, version),
    };
    Ok(format!("<{prefix}:{name}Response>{inside}</{prefix}:{name}Response>"))
}

/// Names what a camera has for each of its tiers: `profile_main`, or `profile_2_main` of a recorder's second channel.
pub(super) fn token(camera: &CameraState, what: &str, tier: Tier) -> String {
    format!("{}_{tier}", camera.token(what))
}

/// The camera and the tier that a token names.
pub(super) fn named<'a>(
    channels: &'a [Arc<CameraState>],
    named: &str,
    what: &str,
) -> Option<(&'a Arc<CameraState>, Tier)> {
    let of = |camera: &'a Arc<CameraState>| tiers(camera).map(move |tier| (camera, tier));
    channels.iter().flat_map(of).find(|(camera, tier)| token(camera, what, *tier) == named)
}

/// Of every channel each tier, but for those that somebody did not ask for by their token.
fn wanted<'a>(
    channels: &'a [Arc<CameraState>],
    what: &'a str,
    asked: Option<&'a str>,
) -> impl Iterator<Item = (&'a Arc<CameraState>, Tier)> {
    let of = |camera: &'a Arc<CameraState>| tiers(camera).map(move |tier| (camera, tier));
    let meant = move |(camera, tier): &(&'a Arc<CameraState>, Tier)| {
        asked.is_none_or(|asked| token(camera, what, *tier) == asked)
    };
    channels.iter().flat_map(of).filter(meant)
}

pub(super) fn tiers(camera: &CameraState) -> impl Iterator<Item = Tier> {
    Tier::ALL.into_iter().filter(|tier| camera.tier(*tier).is_some())
}

/// Where its pictures are, behind the device's part.
pub(super) fn snapshot_path(camera: &CameraState, tier: Tier) -> String {
    match camera.channel {
        Some(channel) => format!("/snapshot/{channel}/{tier}"),
        None => format!("/snapshot/{tier}"),
    }
}

fn stream_uri(camera: &CameraState, tier: Tier) -> String {
    let host = camera.config.oddities.stream_host.clone();
    let host = host.unwrap_or_else(|| camera.addresses.rtsp.to_string());
    format!("rtsp://{host}/cam/{}/{tier}", camera.index)
}

fn uri(version: Version, uri: &str) -> String {
    let uri = escape(uri);
    match version {
        Version::Media1 => format!(
            "<trt:MediaUri><tt:Uri>{uri}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>\
             <tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri>"
        ),
        Version::Media2 => format!("<tr2:Uri>{uri}</tr2:Uri>"),
    }
}

fn profiles(call: &Call<'_>, version: Version) -> String {
    let element = format!("{}:Profiles", version.prefix());
    let asked = call.request.operation.text_of("Token");
    wanted(call.channels, "profile", asked)
        .map(|(camera, tier)| profile(camera, tier, version, &element))
        .collect()
}

fn profile(camera: &CameraState, tier: Tier, version: Version, element: &str) -> String {
    let sound = camera.config.audio.is_some();
    let inside = match version {
        Version::Media1 => {
            let audio = if sound {
                "<tt:AudioSourceConfiguration token=\"audio_source\"><tt:Name>Microphone</tt:Name><tt:UseCount>2</tt:UseCount>\
                 <tt:SourceToken>microphone</tt:SourceToken></tt:AudioSourceConfiguration>"
            } else {
                ""
            };
            let encoder = encoder::of_media1(camera, tier, "tt:VideoEncoderConfiguration");
            let microphone = if sound {
                encoder::audio(camera, version, "tt:AudioEncoderConfiguration")
            } else {
                String::new()
            };
            let source = source_configuration(camera, "tt:VideoSourceConfiguration");
            format!("{source}{audio}{encoder}{microphone}{}", ptz::configuration("tt:PTZConfiguration"))
        }
        Version::Media2 => {
            let audio = if sound {
                "<tr2:AudioSource token=\"audio_source\"><tt:Name>Microphone</tt:Name><tt:UseCount>2</tt:UseCount>\
                 <tt:SourceToken>microphone</tt:SourceToken></tr2:AudioSource>"
            } else {
                ""
            };
            let encoder = encoder::of_media2(camera, tier, "tr2:VideoEncoder");
            let microphone =
                if sound { encoder::audio(camera, version, "tr2:AudioEncoder") } else { String::new() };
            let source = source_configuration(camera, "tr2:VideoSource");
            let head = ptz::configuration("tr2:PTZ");
            format!("<tr2:Configurations>{source}{audio}{encoder}{microphone}{head}</tr2:Configurations>")
        }
    };
    let name = if version == Version::Media1 { "tt:Name" } else { "tr2:Name" };
    let token = token(camera, "profile", tier);
    format!("<{element} token=\"{token}\" fixed=\"true\"><{name}>{tier}</{name}>{inside}</{element}>")
}

/// The size of the sensor: that of the big picture.
fn sensor(camera: &CameraState) -> (usize, usize) {
    tiers(camera)
        .filter_map(|tier| camera.tier(tier))
        .map(|tier| tier.settings().tier)
        .map(|tier| (tier.width, tier.height))
        .max()
        .unwrap_or((640, 360))
}

fn video_source(camera: &CameraState) -> String {
    let (width, height) = sensor(camera);
    format!(
        "<trt:VideoSources token=\"{}\"><tt:Framerate>{}</tt:Framerate><tt:Resolution><tt:Width>{width}</tt:Width>\
         <tt:Height>{height}</tt:Height></tt:Resolution></trt:VideoSources>",
        camera.token("sensor"),
        camera.config.fps
    )
}

fn source_configuration(camera: &CameraState, element: &str) -> String {
    let (width, height) = sensor(camera);
    format!(
        "<{element} token=\"{}\"><tt:Name>Sensor</tt:Name><tt:UseCount>2</tt:UseCount>\
         <tt:SourceToken>{}</tt:SourceToken><tt:Bounds x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\"/></{element}>",
        camera.token("video_source"),
        camera.token("sensor")
    )
}
