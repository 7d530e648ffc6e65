use base64::{Engine as _, engine::general_purpose::STANDARD};
use sluice_ids::Tier;

use crate::{
    camera::{CameraState, Line},
    codec::Syntax,
    config::ParameterSets,
    encoder::{EncodeError, ParameterSetUnits},
    packets::VIDEO,
    sound::Sound,
};

/// The description of one tier: RFC 4566, and of the formats RFC 6184 §8.2, RFC 7798 §7.2, RFC 3640 §4.4, RFC 6416 §7.4
/// and RFC 7587 §7.
pub(super) fn describe(camera: &CameraState, tier: Tier) -> Result<String, EncodeError> {
    let mut text = format!(
        "v=0\r\n\
         o=- {index} 1 IN IP4 127.0.0.1\r\n\
         s={name}\r\n\
         c=IN IP4 0.0.0.0\r\n\
         t=0 0\r\n\
         a=control:*\r\n\
         a=range:npt=now-\r\n",
        index = camera.index,
        name = camera.name,
    );
    if let Some(state) = camera.tier(tier) {
        let settings = state.settings();
        let sets = state.parameter_sets(&camera.faults.borrow())?;
        let bandwidth = settings.tier.bitrate_kbps.map(|kbps| format!("b=AS:{kbps}\r\n"));
        let encoding = match sets.syntax {
            Syntax::H264 => "H264",
            Syntax::H265 => "H265",
        };
        let number = VIDEO.payload_type;
        text.push_str(&format!("m=video 0 RTP/AVP {number}\r\n{}", bandwidth.unwrap_or_default()));
        text.push_str(&format!("a=rtpmap:{number} {encoding}/{}\r\n", VIDEO.clock_rate));
        text.push_str(&format_line(camera, number, &video(&sets, camera.config.parameter_sets)));
        text.push_str(&format!("a=framerate:{}\r\na=control:{}\r\n", settings.fps, Line::Video.track()));
    }
    if let Some(codec) = camera.config.audio {
        let sound = Sound::of(codec);
        let number = sound.format.payload_type;
        text.push_str(&format!("m=audio 0 RTP/AVP {number}\r\na=rtpmap:{number} {}\r\n", sound.map));
        text.push_str(&format_line(camera, number, &sound.parameters));
        text.push_str(&format!("a=control:{}\r\n", Line::Audio.track()));
    }
    Ok(text)
}

fn format_line(camera: &CameraState, number: u8, parameters: &str) -> String {
    if parameters.is_empty() || !camera.config.fmtp {
        return String::new();
    }
    format!("a=fmtp:{number} {parameters}\r\n")
}

fn video(sets: &ParameterSetUnits, told: ParameterSets) -> String {
    let (sps, pps) = (STANDARD.encode(&sets.sps), STANDARD.encode(&sets.pps));
    let (profile, sets) = match &sets.vps {
        None => (
            format!("packetization-mode=1;profile-level-id={}", hex::encode_upper(&sets.sps[1..4])),
            format!(";sprop-parameter-sets={sps},{pps}"),
        ),
        Some(vps) => {
            let [profile, level] = profile_and_level(&sets.sps);
            let vps = STANDARD.encode(vps);
            (
                format!("profile-id={profile};level-id={level}"),
                format!(";sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}"),
            )
        }
    };
    if told == ParameterSets::InBand { profile } else { profile + &sets }
}

/// From the profile_tier_level at the beginning of an SPS: H.265 §7.3.2.2, §7.3.3.
fn profile_and_level(sps: &[u8]) -> [u8; 2] {
    // Zeros in a row are followed by an emulation prevention byte, §7.4.2.
    let mut plain: Vec<u8> = Vec::with_capacity(sps.len());
    for &byte in sps {
        if !(byte == 3 && plain.ends_with(&[0, 0])) {
            plain.push(byte);
        }
    }
    [plain.get(3).map_or(1, |byte| byte & 0x1F), plain.get(14).copied().unwrap_or(93)]
}
