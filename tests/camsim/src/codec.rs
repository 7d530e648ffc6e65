use std::{fmt, str::FromStr};

/// What a tier's pictures are coded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum VideoCodec {
    /// H.264 Baseline, taken live with name and clock or replayed.
    #[default]
    H264,
    /// H.265 Main without B-frames: an encoded loop.
    H265,
    /// H.264 High with two B-frames between references: an encoded loop.
    H264Bframes,
    /// H.265 Main with two B-frames between references: an encoded loop.
    H265Bframes,
}

/// What a camera's sound is coded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// G.711 µ-law, 8 kHz, RFC 3551 §4.5.14.
    Pcmu,
    /// G.711 A-law, 8 kHz, RFC 3551 §4.5.14.
    Pcma,
    /// AAC-LC, 16 kHz mono, `mpeg4-generic` in mode AAC-hbr: RFC 3640 §3.3.6.
    Aac,
    /// The same frames as LATM with its configuration in the SDP: RFC 6416 §6.
    Latm,
    /// Opus, 20 ms a packet: RFC 7587.
    Opus,
}

/// Which syntax the NAL units have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Syntax {
    H264,
    H265,
}

impl VideoCodec {
    /// Every codec.
    pub const ALL: [Self; 4] = [Self::H264, Self::H265, Self::H264Bframes, Self::H265Bframes];

    /// The word of configuration and control port.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::H264Bframes => "h264-bframes",
            Self::H265Bframes => "h265-bframes",
        }
    }

    /// Whether pictures come from an encoded loop in any case.
    #[must_use]
    pub const fn is_loop(self) -> bool {
        !matches!(self, Self::H264)
    }

    pub(crate) const fn syntax(self) -> Syntax {
        match self {
            Self::H264 | Self::H264Bframes => Syntax::H264,
            Self::H265 | Self::H265Bframes => Syntax::H265,
        }
    }
}

impl AudioCodec {
    /// Every codec.
    pub const ALL: [Self; 5] = [Self::Pcmu, Self::Pcma, Self::Aac, Self::Latm, Self::Opus];

    /// The word of configuration and control port.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pcmu => "pcmu",
            Self::Pcma => "pcma",
            Self::Aac => "aac",
            Self::Latm => "latm",
            Self::Opus => "opus",
        }
    }
}

impl Syntax {
    /// Type of a NAL unit that is not empty: H.264 §7.3.1, H.265 §7.3.1.2.
    pub(crate) fn kind(self, unit: &[u8]) -> u8 {
        match self {
            Self::H264 => unit[0] & 0x1F,
            Self::H265 => unit[0] >> 1 & 0x3F,
        }
    }

    /// VPS, SPS or PPS.
    pub(crate) fn is_parameter_set(self, unit: &[u8]) -> bool {
        match self {
            Self::H264 => matches!(self.kind(unit), 7 | 8),
            Self::H265 => matches!(self.kind(unit), 32..=34),
        }
    }

    /// A slice of a picture that decoding can begin with.
    pub(crate) fn is_idr(self, unit: &[u8]) -> bool {
        match self {
            Self::H264 => self.kind(unit) == 5,
            Self::H265 => matches!(self.kind(unit), 19 | 20),
        }
    }

    /// The mark between two access units.
    pub(crate) fn is_delimiter(self, unit: &[u8]) -> bool {
        match self {
            Self::H264 => self.kind(unit) == 9,
            Self::H265 => self.kind(unit) == 35,
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl fmt::Display for AudioCodec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl FromStr for VideoCodec {
    type Err = UnknownCodec;

    fn from_str(word: &str) -> Result<Self, UnknownCodec> {
        Self::ALL.into_iter().find(|codec| codec.word() == word).ok_or(UnknownCodec)
    }
}

impl FromStr for AudioCodec {
    type Err = UnknownCodec;

    fn from_str(word: &str) -> Result<Self, UnknownCodec> {
        Self::ALL.into_iter().find(|codec| codec.word() == word).ok_or(UnknownCodec)
    }
}

/// The word names no codec of these cameras.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a codec is h264, h265, h264-bframes or h265-bframes; of sound pcmu, pcma, aac, latm or opus")]
pub struct UnknownCodec;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_has_its_own_word() {
        for codec in VideoCodec::ALL {
            assert_eq!(codec.to_string().parse(), Ok(codec));
        }
        for codec in AudioCodec::ALL {
            assert_eq!(codec.to_string().parse(), Ok(codec));
        }
        assert_eq!("mp3".parse::<AudioCodec>(), Err(UnknownCodec));
    }
}
