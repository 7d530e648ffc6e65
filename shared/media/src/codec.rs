use std::fmt;

/// What the payloads of a line hold, named as its SDP names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// ITU-T H.264 (RFC 6184).
    H264,
    /// ITU-T H.265 (RFC 7798).
    H265,
    /// AAC as `mpeg4-generic` (RFC 3640).
    Aac,
    /// AAC as `MP4A-LATM` (RFC 6416).
    Latm,
    /// G.711 µ-law (RFC 3551 §4.5.14).
    Pcmu,
    /// G.711 A-law (RFC 3551 §4.5.14).
    Pcma,
    /// Opus (RFC 7587).
    Opus,
}

impl Codec {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::H264, Self::H265, Self::Aac, Self::Latm, Self::Pcmu, Self::Pcma, Self::Opus];

    /// The one that an SDP's `rtpmap` calls `encoding`, in whatever case.
    #[must_use]
    pub fn named(encoding: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.encoding().eq_ignore_ascii_case(encoding.trim()))
    }

    /// Its name in an SDP's `rtpmap`, in capitals.
    #[must_use]
    pub const fn encoding(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Aac => "MPEG4-GENERIC",
            Self::Latm => "MP4A-LATM",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::Opus => "OPUS",
        }
    }

    /// Whether it carries pictures; the others carry sound.
    #[must_use]
    pub const fn is_video(self) -> bool {
        matches!(self, Self::H264 | Self::H265)
    }

    /// Whether a unit may be spread over several packets, the last one marked.
    pub(crate) const fn fragments(self) -> bool {
        !matches!(self, Self::Pcmu | Self::Pcma | Self::Opus)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encoding())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_name_in_any_case() {
        for codec in Codec::ALL {
            assert_eq!(Codec::named(codec.encoding()), Some(codec));
            assert_eq!(Codec::named(&format!(" {} ", codec.encoding().to_lowercase())), Some(codec));
            assert_eq!(codec.to_string(), codec.encoding());
        }
        assert_eq!(Codec::named("mpeg4-generic"), Some(Codec::Aac));
        assert_eq!(Codec::named("JPEG"), None);
        assert_eq!(Codec::named(""), None);
    }

    #[test]
    fn only_pictures_are_video() {
        let video: Vec<Codec> = Codec::ALL.into_iter().filter(|codec| codec.is_video()).collect();
        assert_eq!(video, [Codec::H264, Codec::H265]);
    }
}
