//! What each protocol carries, and what a viewer decodes.

use super::{Offered, Protocol};

/// What the viewer's program can do and what it knows of its network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Viewer {
    /// Codecs it decodes, in lower case: `h264` is decoded everywhere, `webrtc:h265` or `mse:h265` only there. Empty
    /// if it does not say: then H.264 everywhere.
    pub codecs: Vec<String>,
    /// Whether WebRTC's packets get through.
    pub udp: Udp,
    /// How it speaks to this hub.
    pub http: Http,
    /// Whether sound is wanted.
    pub audio: bool,
}

/// Whether UDP reaches the viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Udp {
    /// It does.
    Open,
    /// It was tried and does not.
    Blocked,
    /// Not tried yet.
    #[default]
    Unknown,
}

/// The version of HTTP between the viewer and this hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Http {
    /// Six connections, one request at a time on each.
    H1,
    /// Any number of requests at once.
    H2,
    /// Any number of requests at once.
    H3,
    /// It does not say.
    #[default]
    Unknown,
}

/// Why a stream does not play by a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// No protocol carries it.
    Foreign,
    /// Its pictures are not sent in the order they are shown in.
    BFrames,
    /// The viewer does not decode it there.
    Undecoded,
}

/// A codec of pictures, as far as a decision tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Video {
    H264,
    H265,
    Other,
}

impl Viewer {
    /// Whether it says of any codec in `kind` what it does with it.
    fn tells(&self, kind: &[&str]) -> bool {
        self.codecs.iter().any(|told| kind.contains(&told.rsplit(':').next().unwrap_or(told)))
    }

    pub(super) fn decodes(&self, codec: &str, protocol: Protocol) -> bool {
        let place = if protocol == Protocol::Webrtc { "webrtc" } else { "mse" };
        self.codecs.iter().any(|told| match told.split_once(':') {
            Some((at, name)) => at == place && name == codec,
            None => told == codec,
        })
    }

    fn shows(&self, video: Video, protocol: Protocol) -> bool {
        match video {
            Video::H264 => self.codecs.is_empty() || self.decodes("h264", protocol),
            Video::H265 => self.decodes("h265", protocol),
            Video::Other => false,
        }
    }

    /// Whether it would hear this codec by this protocol.
    pub(super) fn hears(&self, audio: &str, protocol: Protocol) -> bool {
        if protocol == Protocol::Webrtc {
            return WEBRTC_AUDIO.contains(&audio) && self.hears_in(audio, protocol, &WEBRTC_AUDIO);
        }
        match audio {
            // G.711 goes into segments as FLAC, without loss.
            "pcmu" | "pcma" => self.hears_in("flac", protocol, &["flac"]),
            "aac" | "opus" => self.hears_in(audio, protocol, &["aac", "opus"]),
            _ => false,
        }
    }

    /// Whether it decodes this codec there; taken for granted while it says nothing of its `kind`.
    fn hears_in(&self, codec: &str, protocol: Protocol, kind: &[&str]) -> bool {
        !self.tells(kind) || self.decodes(codec, protocol)
    }

    /// Whether it decodes any codec that cameras of this hub send, anywhere.
    pub(super) fn shows_something(&self) -> bool {
        self.codecs.is_empty() || self.tells(&["h264", "h265"])
    }
}

impl Offered {
    /// The family of its pictures; H.264 while nothing is known.
    pub(super) fn video(&self) -> Video {
        match self.codec.as_deref().and_then(|codec| codec.get(..4)) {
            None if self.codec.is_none() => Video::H264,
            Some("avc1" | "avc3") => Video::H264,
            Some("hvc1" | "hev1") => Video::H265,
            _ => Video::Other,
        }
    }

    /// The short name of its sound's codec.
    pub(super) fn sound(&self) -> Option<&'static str> {
        let name = self.audio.as_deref()?.to_ascii_lowercase();
        Some(match name.as_str() {
            "pcmu" | "ulaw" => "pcmu",
            "pcma" | "alaw" => "pcma",
            "opus" => "opus",
            "aac" | "mpeg4-generic" | "mp4a-latm" => "aac",
            other if other.starts_with("mp4a") => "aac",
            _ => "other",
        })
    }

    pub(super) fn fault(&self, protocol: Protocol, viewer: &Viewer) -> Option<Fault> {
        let troubled = self.trouble.as_ref().is_some_and(|(code, _)| code == "unsupported-codec");
        if troubled || self.video() == Video::Other {
            Some(Fault::Foreign)
        } else if self.b_frames && protocol == Protocol::Webrtc {
            Some(Fault::BFrames)
        } else if !viewer.shows(self.video(), protocol) {
            Some(Fault::Undecoded)
        } else {
            None
        }
    }

    /// The stream and its codec, for people.
    pub(super) fn told(&self) -> String {
        let trouble = self.trouble.as_ref().filter(|(code, _)| code == "unsupported-codec");
        let codec = trouble.map(|(_, text)| text.as_str()).or(self.codec.as_deref()).unwrap_or("H.264");
        let order = if self.b_frames { " with B-frames" } else { "" };
        format!("{}: {codec}{order}", self.tier)
    }
}

/// Which protocols carry a stream to a viewer who decodes everything there.
#[must_use]
pub fn carriers(offered: &Offered) -> Vec<Protocol> {
    let every = Viewer { codecs: vec!["h264".into(), "h265".into()], ..Viewer::default() };
    Protocol::ALL.into_iter().filter(|protocol| offered.fault(*protocol, &every).is_none()).collect()
}

/// What a WebRTC session carries of what cameras send (RFC 7874 §3 asks browsers for all three).
const WEBRTC_AUDIO: [&str; 3] = ["opus", "pcmu", "pcma"];
