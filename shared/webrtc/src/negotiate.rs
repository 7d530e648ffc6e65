use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use str0m::{
    Candidate, Rtc, RtcConfig,
    change::SdpOffer,
    config::{CryptoProvider, DtlsCert},
    media::Mid,
    net::TcpType,
    rtp::ExtensionMap,
};

use crate::{
    error::{OfferError, TrickleError},
    formats::{self, AUDIO, Line, Lines, VIDEO},
    frame::FeedMedia,
    nomination::Nomination,
};

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
    pub(crate) nomination: Option<Nomination>,
    pub(crate) lines: Lines,
    /// Whether the viewer can say when it wants sound.
    pub(crate) talks: bool,
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

    /// Answers `offer` with all that we may send, and a data channel if it has one. What the feed is, if that is
    /// known, must be among it.
    pub(crate) fn answer(
        &self,
        now: Instant,
        offer: &str,
        feed: Option<FeedMedia>,
    ) -> Result<Negotiated, OfferError> {
        let offer = screen(offer)?;
        let remote_ufrag = ufrag(&offer).ok_or_else(|| malformed("it has no a=ice-ufrag"))?.to_owned();
        let parsed = SdpOffer::from_sdp_string(&offer).map_err(malformed)?;
        let mut rtc = self.session(now);
        let answer = rtc.sdp_api().accept_offer(parsed).map_err(malformed)?;
        let answer = one_stream(&answer.to_sdp_string());
        let lines = lines(&mut rtc, &offer, feed)?;
        let credentials = rtc.direct_api().local_ice_credentials();
        let nomination = Nomination::new(&self.crypto, &credentials, &remote_ufrag);
        let ufrag = credentials.ufrag;
        let talks = offer.lines().any(|line| line.starts_with("m=application "));
        Ok(Negotiated { rtc, answer, ufrag, remote_ufrag, nomination, lines, talks })
    }

    fn session(&self, now: Instant) -> Rtc {
        let config = RtcConfig::new()
            .set_crypto_provider(Arc::clone(&self.crypto))
            .set_dtls_cert(self.certificate.clone())
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .set_rtcp_report_interval_audio(REPORT_INTERVAL)
            .set_rtcp_report_interval_video(REPORT_INTERVAL)
            // Each costs time on every packet, and some feedback in return. Viewers tell m-lines apart by the answer's
            // `a=ssrc`: str0m 0.25 would send the MID for good, for it takes no report on a line with RTX for an answer.
            .set_extension_map(ExtensionMap::empty());
        let mut rtc = formats::offer_all(config).build(now);
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

/// The answer with all its lines in one media stream (RFC 8830 §2): browsers keep only those of one stream in step.
/// Str0m gives each line a stream of its own.
fn one_stream(answer: &str) -> String {
    let named = |line: &str| -> Option<usize> {
        let at = line.find("msid:").filter(|_| line.starts_with("a=msid:") || line.starts_with("a=ssrc:"))?;
        Some(at + "msid:".len())
    };
    let stream = |line: &str| Some(line[named(line)?..].split(' ').next()?.to_owned());
    let Some(common) = answer.lines().find_map(stream) else { return answer.to_owned() };
    let joined = answer.lines().map(|line| match (named(line), stream(line)) {
        (Some(at), Some(own)) => format!("{}{common}{}\r\n", &line[..at], &line[at + own.len()..]),
        _ => format!("{line}\r\n"),
    });
    joined.collect()
}

/// The first m-line of each kind that takes what we have. Str0m tells of the lines by an event only when DTLS
/// stands, so they are found in the offer.
fn lines(rtc: &mut Rtc, offer: &str, feed: Option<FeedMedia>) -> Result<Lines, OfferError> {
    let videos = mids(offer, "m=video ");
    let wanted = |mid: &Mid| rtc.media(*mid).is_some_and(|media| media.direction().is_sending());
    let asks_for_video = videos.iter().any(wanted);
    let video = videos.iter().find_map(|mid| Line::of(rtc, *mid, &VIDEO));
    let audio = mids(offer, "m=audio ").iter().find_map(|mid| Line::of(rtc, *mid, &AUDIO));
    if video.is_none() && !asks_for_video && audio.is_none() {
        return Err(OfferError::NoVideo);
    }
    let lines = Lines { video, audio };
    let nothing = asks_for_video && lines.video.is_none();
    if nothing || feed.is_some_and(|feed| !lines.take(feed)) {
        return Err(OfferError::CodecUnsupported { offered: offered_formats(offer), feed: words(feed) });
    }
    silence(rtc, offer);
    Ok(lines)
}

/// Takes away the streams that were made for the answer; see [`Line::stream`].
fn silence(rtc: &mut Rtc, offer: &str) {
    let mut api = rtc.direct_api();
    for mid in [mids(offer, "m=video "), mids(offer, "m=audio ")].concat() {
        while let Some(ssrc) = api.stream_tx_by_mid(mid, None).map(|stream| stream.ssrc()) {
            api.remove_stream_tx(ssrc);
        }
    }
}

/// The names of the m-lines of a kind.
fn mids(offer: &str, kind: &str) -> Vec<Mid> {
    let mut inside = false;
    let named = offer.lines().filter_map(|line| {
        if line.starts_with("m=") {
            inside = line.starts_with(kind);
        }
        line.strip_prefix("a=mid:").filter(|_| inside).map(|mid| Mid::from(mid.trim()))
    });
    named.collect()
}

/// The formats of an offer, for words: `VP8, AV1`.
fn offered_formats(offer: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for line in offer.lines() {
        let name = line
            .strip_prefix("a=rtpmap:")
            .and_then(|map| map.split_once(' '))
            .and_then(|(_, encoding)| encoding.split('/').next());
        match name {
            Some(name) if !HELPERS.contains(&name) && !names.contains(&name) => names.push(name),
            _ => {}
        }
    }
    names.truncate(MOST_NAMED);
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// What a feed is, for words: `H264 with OPUS`.
fn words(feed: Option<FeedMedia>) -> String {
    let Some(FeedMedia { video, audio, reordered }) = feed else { return "H264 or H265".to_owned() };
    let order = if reordered { " in B-frame order" } else { "" };
    let names = [video.map(|codec| format!("{codec}{order}")), audio.map(|kind| kind.codec.to_string())];
    names.into_iter().flatten().collect::<Vec<_>>().join(" with ")
}

fn ufrag(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::trim)
}

fn malformed(what: impl ToString) -> OfferError {
    OfferError::Malformed { what: what.to_string() }
}

/// Not codecs of their own.
const HELPERS: [&str; 6] = ["rtx", "red", "ulpfec", "flexfec-03", "CN", "telephone-event"];
/// Names told in an error.
const MOST_NAMED: usize = 8;
/// A browser's offer with every codec and candidate is about 10 kB.
const LONGEST_OFFER: usize = 64 << 10;
const LONGEST_FRAGMENT: usize = 16 << 10;
/// Video, audio, data and room for odd players.
const MOST_LINES: usize = 16;
/// How often a viewer is told which RTP time is when. Browsers need two reports of each line to bring sound and
/// picture together.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
