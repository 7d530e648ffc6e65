use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    camera::{CameraState, TierState},
    config::ParameterSets,
    packets::PAYLOAD_TYPE,
};

/// The description of one tier: RFC 4566, and RFC 6184 §8.2 for the format.
pub(super) fn describe(camera: &CameraState, tier: &TierState) -> String {
    let config = &camera.config;
    let (name, fps) = (&camera.name, config.fps);
    let profile = hex::encode_upper(&tier.sets.sps[1..4]);
    let mut format = format!("packetization-mode=1;profile-level-id={profile}");
    if config.parameter_sets != ParameterSets::InBand {
        let sets = (STANDARD.encode(&tier.sets.sps), STANDARD.encode(&tier.sets.pps));
        format.push_str(&format!(";sprop-parameter-sets={},{}", sets.0, sets.1));
    }
    let bandwidth = tier.tier.bitrate_kbps.map(|kbps| format!("b=AS:{kbps}\r\n")).unwrap_or_default();
    format!(
        "v=0\r\n\
         o=- {index} 1 IN IP4 127.0.0.1\r\n\
         s={name}\r\n\
         c=IN IP4 0.0.0.0\r\n\
         t=0 0\r\n\
         a=control:*\r\n\
         a=range:npt=now-\r\n\
         m=video 0 RTP/AVP {PAYLOAD_TYPE}\r\n\
         {bandwidth}\
         a=rtpmap:{PAYLOAD_TYPE} H264/90000\r\n\
         a=fmtp:{PAYLOAD_TYPE} {format}\r\n\
         a=framerate:{fps}\r\n\
         a=control:track1\r\n",
        index = camera.index,
    )
}
