use sluice_media::Codec;

/// What a camera offers behind one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presentation {
    /// The camera's SDP without its `a=control` lines, whose URLs may carry secrets.
    pub sdp: String,
    /// Its media lines that could be read, in the order of the SDP.
    pub lines: Vec<Line>,
    /// Which of them are received, by their [`Line::index`]: the one that a start begins with is the first. Empty
    /// before the session was set up.
    pub received: Vec<usize>,
}

/// Video or sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// One media line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place among the camera's media lines; names the line in events.
    pub index: usize,
    /// Video or sound.
    pub kind: LineKind,
    /// The encoding in capitals, such as `H264` or `PCMU`.
    pub encoding: String,
    /// RTP payload type.
    pub payload_type: u8,
    /// RTP ticks a second.
    pub clock_rate: u32,
    /// The value of `a=fmtp` behind the payload type; empty if there is none.
    pub fmtp: String,
}

impl Presentation {
    /// The video line that is received, or else the first one offered.
    #[must_use]
    pub fn video(&self) -> Option<&Line> {
        self.of_kind(LineKind::Video)
    }

    /// The audio line that is received, or else the first one offered.
    #[must_use]
    pub fn audio(&self) -> Option<&Line> {
        self.of_kind(LineKind::Audio)
    }

    /// The lines that are received, the one that a start begins with first.
    pub fn received(&self) -> impl Iterator<Item = &Line> {
        self.received.iter().filter_map(|index| self.lines.iter().find(|line| line.index == *index))
    }

    fn of_kind(&self, kind: LineKind) -> Option<&Line> {
        self.received().chain(&self.lines).find(|line| line.kind == kind)
    }
}

impl Line {
    /// How it is coded, if that can be delivered and fits its kind.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        Codec::named(&self.encoding).filter(|codec| codec.is_video() == (self.kind == LineKind::Video))
    }

    /// One parameter of `fmtp`, as in `sprop-parameter-sets`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.fmtp.split(';').find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// The SDP without its `a=control` lines.
pub(crate) fn without_control(sdp: &str) -> String {
    let mut clean = String::with_capacity(sdp.len());
    for line in sdp.lines().filter(|line| !line.starts_with("a=control")) {
        clean.push_str(line.trim_end());
        clean.push_str("\r\n");
    }
    clean
}

/// The `a=fmtp` value of `payload_type` in the media section of `kind` that offers it.
pub(crate) fn fmtp(sdp: &str, kind: LineKind, payload_type: u8) -> String {
    let media = match kind {
        LineKind::Video => "m=video ",
        LineKind::Audio => "m=audio ",
    };
    let wanted = format!("a=fmtp:{payload_type} ");
    let mut inside = false;
    for line in sdp.lines() {
        if line.starts_with("m=") {
            inside = line.starts_with(media);
        } else if inside && let Some(value) = line.strip_prefix(&wanted) {
            return value.trim().to_owned();
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=x\r\na=control:rtsp://10.0.0.9/password=planted\r\n\
        m=audio 0 RTP/AVP 96\r\na=rtpmap:96 mpeg4-generic/16000\r\na=fmtp:96 mode=AAC-hbr\r\n\
        m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAHg==,aM4G4g==\r\na=control:trackID=1\r\n";

    #[test]
    fn each_section_has_its_own_parameters() {
        assert_eq!(fmtp(SDP, LineKind::Audio, 96), "mode=AAC-hbr");
        let fmtp = fmtp(SDP, LineKind::Video, 96);
        let line = Line {
            index: 1,
            kind: LineKind::Video,
            encoding: "H264".into(),
            payload_type: 96,
            clock_rate: 90_000,
            fmtp,
        };
        assert_eq!(line.parameter("sprop-parameter-sets"), Some("Z0LAHg==,aM4G4g=="));
        assert_eq!(line.parameter("profile-level-id"), None);
    }

    #[test]
    fn control_lines_are_not_passed_on() {
        let clean = without_control(SDP);
        assert!(!clean.contains("planted") && !clean.contains("control"));
        assert!(clean.ends_with("aM4G4g==\r\n"));
    }
}
