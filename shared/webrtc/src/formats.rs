use std::time::Duration;

use sluice_media::Codec;
use str0m::{
    Rtc, RtcConfig,
    change::DirectApi,
    format::{self, PayloadParams},
    media::{Frequency, Media, Mid, Pt},
    rtp::{Ssrc, StreamTx},
};

use crate::frame::{AudioKind, FeedMedia};

/// What a viewer takes, as far as we have it.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) video: Option<Line>,
    pub(crate) audio: Option<Line>,
}

/// One m-line that we may send on.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) mid: Mid,
    ssrc: Ssrc,
    rtx: Option<Ssrc>,
    /// What may be sent on it, and the number that the viewer gave it.
    formats: Vec<(Codec, Pt)>,
    declared: bool,
}

impl Lines {
    /// Whether a viewer with these lines can be shown, or at least played, what a feed carries.
    pub(crate) fn take(&self, feed: FeedMedia) -> bool {
        match (&self.video, feed.video) {
            (Some(line), Some(codec)) => !feed.reordered && line.payload_type(codec).is_some(),
            _ => feed.audio.is_some_and(|kind| self.audio_type(kind).is_some()),
        }
    }

    pub(crate) fn video_type(&self, codec: Codec) -> Option<Pt> {
        self.video.as_ref()?.payload_type(codec)
    }

    pub(crate) fn audio_type(&self, kind: AudioKind) -> Option<Pt> {
        let line = self.audio.as_ref().filter(|_| Some(kind.clock_rate) == clock_rate(kind.codec))?;
        line.payload_type(kind.codec)
    }
}

impl Line {
    /// `None` if the viewer does not want to receive on this line, or takes nothing there that we have.
    pub(crate) fn of(rtc: &mut Rtc, mid: Mid, codecs: &[Codec]) -> Option<Self> {
        let media = rtc.media(mid).filter(|media| media.direction().is_sending())?;
        let number = |codec: &Codec| Some((*codec, payload_type(rtc, media, *codec)?));
        let formats: Vec<(Codec, Pt)> = codecs.iter().filter_map(number).collect();
        let mut api = rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None)?;
        let line = Self { mid, ssrc: stream.ssrc(), rtx: stream.rtx(), formats, declared: false };
        (!line.formats.is_empty()).then_some(line)
    }

    /// The line's stream, which comes to life right before its first packet: one that has sent nothing reports
    /// RTP time zero, which a browser takes for the line's clock until three reports have contradicted it.
    pub(crate) fn stream<'a>(&mut self, api: &'a mut DirectApi<'_>) -> Option<&'a mut StreamTx> {
        if !self.declared {
            self.declared = true;
            forget_resends(api.declare_stream_tx(self.ssrc, self.rtx, self.mid, None));
        }
        api.stream_tx(&self.ssrc)
    }

    fn payload_type(&self, codec: Codec) -> Option<Pt> {
        self.formats.iter().find(|(known, _)| *known == codec).map(|(_, pt)| *pt)
    }
}

/// Begins a new cache of packets to send again: it grows with a burst and never shrinks by itself.
pub(crate) fn forget_resends(stream: &mut StreamTx) {
    let packets = if stream.rtx().is_some() { RTX_PACKETS } else { 0 };
    // The default drops resends above 15 % of a second's bytes, silently: wrong after a burst.
    stream.set_rtx_cache(packets, RTX_AGE, None);
}

/// Everything that we may send, in the numbers that the viewer's will replace.
pub(crate) fn offer_all(config: RtcConfig) -> RtcConfig {
    let mut config =
        config.clear_codecs().enable_opus(true, false).enable_pcmu(true, false).enable_pcma(true, false);
    let codecs = config.codec_config();
    for (pt, profile_level) in H264_PROFILES {
        codecs.add_h264(pt.into(), Some((pt + 1).into()), true, profile_level);
    }
    for (pt, profile) in H265_PROFILES {
        codecs.add_h265(pt.into(), Some((pt + 1).into()), profile, 0, HIGHEST_LEVEL);
    }
    config
}

/// Browsers decode by payload type, whatever profile it names: the most common one that both sides know.
fn payload_type(rtc: &Rtc, media: &Media, codec: Codec) -> Option<Pt> {
    let known = |wanted: &dyn Fn(&PayloadParams) -> bool| {
        let found =
            rtc.codec_config().find(|params| wanted(params) && media.remote_pts().contains(&params.pt()));
        found.map(PayloadParams::pt)
    };
    match codec {
        // Str0m keeps packetization-mode 0 in the answer too, which cannot carry our fragments.
        Codec::H264 => H264_PROFILES.iter().find_map(|(_, profile_level)| {
            known(&|params| {
                let format = params.spec().format;
                params.spec().codec == format::Codec::H264
                    && format.packetization_mode == Some(1)
                    && format.profile_level_id.is_some_and(|id| id >> 8 == profile_level >> 8)
            })
        }),
        Codec::H265 => H265_PROFILES.iter().find_map(|(_, profile)| {
            known(&|params| params.spec().codec == format::Codec::H265 && h265_profile(params) == *profile)
        }),
        Codec::Opus => known(&|params| params.spec().codec == format::Codec::Opus),
        Codec::Pcmu => known(&|params| is_g711(params, format::Codec::PCMU)),
        Codec::Pcma => known(&|params| is_g711(params, format::Codec::PCMA)),
        _ => None,
    }
}

fn is_g711(params: &PayloadParams, codec: format::Codec) -> bool {
    params.spec().codec == codec && params.spec().clock_rate == Frequency::EIGHT_KHZ
}

/// A viewer that names no profile means Main (RFC 7798 §7.1).
fn h265_profile(params: &PayloadParams) -> u8 {
    let format = params.spec().format;
    let short = format.profile_id.and_then(|id| u8::try_from(id).ok());
    format.h265_profile_tier_level.map(|level| level.profile_id()).or(short).unwrap_or(1)
}

/// The clock that viewers give a codec.
fn clock_rate(codec: Codec) -> Option<u32> {
    match codec {
        Codec::Opus => Some(48_000),
        Codec::Pcmu | Codec::Pcma => Some(8_000),
        _ => None,
    }
}

pub(crate) const VIDEO: [Codec; 2] = [Codec::H264, Codec::H265];
pub(crate) const AUDIO: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];
/// Our payload types and profiles, the one to send with first: constrained baseline, baseline, main, high,
/// constrained high (Safari), high 4:4:4 predictive (Chromium).
const H264_PROFILES: [(u8, u32); 6] = [
    (96, 0x42_e01f),
    (98, 0x42_001f),
    (100, 0x4d_001f),
    (102, 0x64_001f),
    (104, 0x64_0c1f),
    (106, 0xf4_001f),
];
/// Main and Main 10. Another pair than 110 and 111 in between, which is Opus.
const H265_PROFILES: [(u8, u8); 2] = [(112, 1), (114, 2)];
/// Level 6.2: the answer then names the viewer's own (RFC 7798 §7.2.2 lets both sides differ).
const HIGHEST_LEVEL: u8 = 186;
/// Packets that can be sent again: a burst of 1 MB.
const RTX_PACKETS: usize = 1_000;
/// Two rounds over a mobile network, one over a satellite; a packet costs 440 bytes so long.
const RTX_AGE: Duration = Duration::from_millis(750);
