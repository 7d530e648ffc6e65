use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use str0m::{
    Candidate, Rtc, RtcConfig,
    change::SdpOffer,
    config::{CryptoProvider, DtlsCert},
    format::Codec,
    media::{Media, Mid, Pt},
    net::TcpType,
    rtp::{Extension, ExtensionMap},
};

use crate::engine::{OfferError, TrickleError};

/// Answers offers: one certificate, one set of candidates for all.
pub(crate) struct Negotiator {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
    candidates: Vec<Candidate>,
}

/// A session that has an answer and waits for its viewer.
pub(crate) struct Negotiated {
    pub(crate) rtc: Rtc,
    pub(crate) answer: String,
    pub(crate) ufrag: String,
    pub(crate) remote_ufrag: String,
    pub(crate) mid: Mid,
    pub(crate) pt: Pt,
}

impl Negotiator {
    /// `None` if the crypto library makes no certificate.
    pub(crate) fn new(udp: &[SocketAddr], tcp: &[SocketAddr]) -> Option<Self> {
        let crypto = Arc::new(str0m::crypto::from_feature_flags());
        let certificate = crypto.dtls_provider.generate_certificate()?;
        let udp = udp.iter().filter_map(|address| Candidate::host(*address, "udp").ok());
        let tcp = tcp.iter().filter_map(|address| {
            Candidate::builder().tcp().host(*address).tcptype(TcpType::Passive).build().ok()
        });
        Some(Self { crypto, certificate, candidates: udp.chain(tcp).collect() })
    }

    /// Answers `offer` with H.264 to be sent, and a data channel if it has one.
    pub(crate) fn answer(&self, now: Instant, offer: &str) -> Result<Negotiated, OfferError> {
        let offer = screen(offer)?;
        let remote_ufrag = ufrag(&offer).ok_or_else(|| malformed("it has no a=ice-ufrag"))?.to_owned();
        let parsed = SdpOffer::from_sdp_string(&offer).map_err(malformed)?;
        let mut rtc = self.session(now);
        let answer = rtc.sdp_api().accept_offer(parsed).map_err(malformed)?.to_sdp_string();
        let (mid, pt) = video(&rtc, &offer)?;
        let ufrag = {
            let mut api = rtc.direct_api();
            let stream = api.stream_tx_by_mid(mid, None).ok_or_else(|| malformed("it asks for simulcast"))?;
            // The default drops resends above 15 % of a second's bytes, silently: wrong after a burst.
            stream.set_rtx_cache(RTX_PACKETS, RTX_AGE, None);
            api.local_ice_credentials().ufrag
        };
        Ok(Negotiated { rtc, answer, ufrag, remote_ufrag, mid, pt })
    }

    fn session(&self, now: Instant) -> Rtc {
        let mut config = RtcConfig::new()
            .set_crypto_provider(Arc::clone(&self.crypto))
            .set_dtls_cert(self.certificate.clone())
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .clear_codecs()
            .set_extension_map(extensions());
        for (pt, profile_level) in PROFILES {
            config.codec_config().add_h264(pt.into(), Some((pt + 1).into()), true, profile_level);
        }
        let mut rtc = config.build(now);
        for candidate in &self.candidates {
            rtc.add_local_candidate(candidate.clone());
        }
        rtc
    }
}

/// The addresses to offer as candidates, for a socket on `local`.
pub(crate) fn candidate_ips(advertised: &[IpAddr], local: SocketAddr) -> Vec<IpAddr> {
    if !advertised.is_empty() {
        return advertised.to_vec();
    }
    if !local.ip().is_unspecified() {
        return vec![local.ip()];
    }
    let loopback = match local.ip() {
        IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
    };
    default_route(local).into_iter().chain([loopback]).collect()
}

/// The address packets to far away leave from. Connecting a UDP socket sends nothing.
fn default_route(local: SocketAddr) -> Option<IpAddr> {
    // Documentation networks (RFC 5737, RFC 3849): routed like any other, used by nobody.
    let far = match local.ip() {
        IpAddr::V4(_) => SocketAddr::from(([192, 0, 2, 1], 9)),
        IpAddr::V6(_) => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 9)),
    };
    let socket = std::net::UdpSocket::bind(SocketAddr::new(local.ip(), 0)).ok()?;
    socket.connect(far).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified() && !ip.is_loopback()).then_some(ip)
}

/// Checks a trickled fragment (RFC 8840 §9.2) of the session whose viewer is `remote_ufrag`.
pub(crate) fn check_fragment(fragment: &str, remote_ufrag: &str) -> Result<(), TrickleError> {
    let refuse = |line, what| Err(TrickleError::Malformed { line, what });
    if fragment.len() > LONGEST_FRAGMENT {
        return refuse(1, "it is too long");
    }
    for (number, line) in (1..).zip(fragment.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let Some((kind, value)) = line.split_once('=') else {
            return refuse(number, "a line has the form x=value");
        };
        if kind.len() != 1 || !kind.as_bytes()[0].is_ascii_lowercase() {
            return refuse(number, "a line begins with one letter");
        }
        if let Some(theirs) = value.strip_prefix("ice-ufrag:")
            && theirs.trim() != remote_ufrag
        {
            return Err(TrickleError::OtherSession);
        }
        // foundation, component, transport, priority, address, port, "typ", type (RFC 8839 §5.1)
        if let Some(candidate) = value.strip_prefix("candidate:") {
            let fields: Vec<&str> = candidate.split_ascii_whitespace().collect();
            let numeric = |at: usize| fields.get(at).is_some_and(|field| field.parse::<u32>().is_ok());
            if fields.len() < 8 || !numeric(1) || !numeric(3) || !numeric(5) || fields[6] != "typ" {
                return refuse(number, "the candidate has not the form of RFC 8839");
            }
        }
    }
    Ok(())
}

/// Bounds an offer, and leaves out its candidates: an ICE-lite agent learns its peer from the checks it gets,
/// and names under `.local` would not resolve anyway.
fn screen(offer: &str) -> Result<String, OfferError> {
    if offer.len() > LONGEST_OFFER {
        return Err(malformed("it is too long"));
    }
    if !offer.starts_with("v=0") {
        return Err(malformed("it does not begin with v=0"));
    }
    if offer.lines().filter(|line| line.starts_with("m=")).count() > MOST_LINES {
        return Err(malformed("it has too many m-lines"));
    }
    let kept = offer.lines().filter(|line| !line.starts_with("a=candidate:"));
    Ok(kept.flat_map(|line| [line.trim_end(), "\r\n"]).collect())
}

/// The first m-line that takes our video, and the payload type to send with. Str0m tells of the lines by an
/// event only when DTLS stands, so they are found in the offer.
fn video(rtc: &Rtc, offer: &str) -> Result<(Mid, Pt), OfferError> {
    let asked =
        video_mids(offer).filter_map(|mid| rtc.media(mid)).filter(|media| media.direction().is_sending());
    let mut asked = asked.peekable();
    if asked.peek().is_none() {
        return Err(OfferError::NoVideo);
    }
    asked
        .find_map(|media| Some((media.mid(), payload_type(rtc, media)?)))
        .ok_or_else(|| OfferError::CodecUnsupported { offered: video_formats(offer) })
}

/// The names of the video m-lines.
fn video_mids(offer: &str) -> impl Iterator<Item = Mid> {
    let mut in_video = false;
    offer.lines().filter_map(move |line| {
        if line.starts_with("m=") {
            in_video = line.starts_with("m=video ");
        }
        line.strip_prefix("a=mid:").filter(|_| in_video).map(|mid| Mid::from(mid.trim()))
    })
}

/// Browsers decode by payload type, whatever profile it names: the most common one that both sides know. Str0m
/// keeps packetization-mode 0 in the answer too, which cannot carry our fragments.
fn payload_type(rtc: &Rtc, media: &Media) -> Option<Pt> {
    PROFILES.iter().find_map(|(_, profile_level)| {
        let known = rtc.codec_config().find(|params| {
            let format = params.spec().format;
            params.spec().codec == Codec::H264
                && format.packetization_mode == Some(1)
                && format.profile_level_id.is_some_and(|id| id >> 8 == profile_level >> 8)
                && media.remote_pts().contains(&params.pt())
        });
        known.map(|params| params.pt())
    })
}

/// The video formats of an offer, for words: `VP8, AV1`.
fn video_formats(offer: &str) -> String {
    let mut in_video = false;
    let mut names: Vec<&str> = Vec::new();
    for line in offer.lines() {
        if line.starts_with("m=") {
            in_video = line.starts_with("m=video");
        }
        let name = line
            .strip_prefix("a=rtpmap:")
            .and_then(|map| map.split_once(' '))
            .and_then(|(_, encoding)| encoding.split('/').next());
        match name {
            Some(name) if in_video && !HELPERS.contains(&name) && !names.contains(&name) => names.push(name),
            _ => {}
        }
    }
    names.truncate(MOST_NAMED);
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn ufrag(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::trim)
}

fn malformed(what: impl ToString) -> OfferError {
    OfferError::Malformed { what: what.to_string() }
}

/// Only what Chromium needs to tell m-lines apart: without it and without `a=ssrc` it drops every packet, and
/// the others cost time on each packet and feedback in return.
fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(1, Extension::RtpMid);
    map
}

/// Our payload types and profiles, the one to send with first: constrained baseline, baseline, main, high,
/// constrained high (Safari), high 4:4:4 predictive (Chromium). The viewer's numbers replace ours.
const PROFILES: [(u8, u32); 6] = [
    (96, 0x42_e01f),
    (98, 0x42_001f),
    (100, 0x4d_001f),
    (102, 0x64_001f),
    (104, 0x64_0c1f),
    (106, 0xf4_001f),
];
/// Not codecs of their own.
const HELPERS: [&str; 4] = ["rtx", "red", "ulpfec", "flexfec-03"];
/// Names told in an error.
const MOST_NAMED: usize = 8;
/// A browser's offer with every codec and candidate is about 10 kB.
const LONGEST_OFFER: usize = 64 << 10;
const LONGEST_FRAGMENT: usize = 16 << 10;
/// Video, audio, data and room for odd players.
const MOST_LINES: usize = 16;
/// Packets that can be sent again: a burst of 2.4 MB.
const RTX_PACKETS: usize = 2_000;
/// Later than this no viewer of live pictures wants them.
const RTX_AGE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
