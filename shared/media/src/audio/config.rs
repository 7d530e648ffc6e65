use bytes::Bytes;

use super::{AudioError, AudioFrame, generic::Headers, latm::Mux, specific::Specific};
use crate::{Codec, fmtp};

/// What a line's SDP says about its sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioConfig {
    /// As the line has it.
    pub codec: Codec,
    /// Samples per second that come out of a decoder.
    pub sample_rate: u32,
    /// 1 to 8. For Opus: what a decoder should put out, for each packet says itself what it holds.
    pub channels: u8,
    /// Samples that one frame makes, at `sample_rate`; 0 where frames differ.
    pub samples_per_frame: u32,
    /// AudioSpecificConfig for AAC, byte-aligned; else empty.
    pub config: Bytes,
    /// As RFC 6381 and browsers write it: `mp4a.40.2`, `opus`; `ulaw` and `alaw`.
    pub name: String,
    clock_rate: u32,
    framing: Framing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Framing {
    Generic(Headers),
    Latm(Mux),
    Packet,
}

impl AudioConfig {
    /// `fmtp` is the whole value of the line's `a=fmtp`, with or without the payload type in front.
    ///
    /// # Errors
    /// When the codec is no sound, or the parameters do not say how to decode it.
    pub fn from_line(codec: Codec, clock_rate: u32, fmtp: &str) -> Result<Self, AudioError> {
        let whole = |name: &str, rate, channels| Self {
            codec,
            sample_rate: rate,
            channels,
            samples_per_frame: 0,
            config: Bytes::new(),
            name: name.to_owned(),
            clock_rate,
            framing: Framing::Packet,
        };
        match codec {
            Codec::Pcmu => Ok(whole("ulaw", clock_rate, 1)),
            Codec::Pcma => Ok(whole("alaw", clock_rate, 1)),
            // RFC 7587 §4.1: the clock always runs at 48,000. A stereo stream told to be mono would lose a side.
            Codec::Opus => {
                let mono = fmtp::number(fmtp, "sprop-stereo") == Some(0);
                Ok(whole("opus", 48_000, if mono { 1 } else { 2 }))
            }
            Codec::Aac => {
                let config = config_parameter(fmtp)?.ok_or(AudioError::ConfigMissing)?;
                let specific = Specific::parse(&config)?;
                let framing = Framing::Generic(Headers::from_fmtp(fmtp)?);
                Ok(Self::aac(codec, clock_rate, specific, framing))
            }
            Codec::Latm => {
                let config = config_parameter(fmtp)?.ok_or(AudioError::ConfigInBand)?;
                // RFC 6416 §7.3: the configuration is in the stream, too, unless said otherwise.
                let in_band = fmtp::number(fmtp, "cpresent").is_none_or(|present| present != 0);
                let (mux, specific) = Mux::parse(&config, in_band)?;
                Ok(Self::aac(codec, clock_rate, specific, Framing::Latm(mux)))
            }
            Codec::H264 | Codec::H265 => Err(AudioError::NoSound(codec)),
        }
    }

    fn aac(codec: Codec, clock_rate: u32, specific: Specific, framing: Framing) -> Self {
        Self {
            codec,
            sample_rate: specific.sample_rate,
            channels: specific.channels,
            samples_per_frame: specific.samples_per_frame,
            name: format!("mp4a.40.{}", specific.object_type),
            config: specific.bytes,
            clock_rate,
            framing,
        }
    }

    pub(super) fn headers(&self) -> Headers {
        match self.framing {
            Framing::Generic(headers) => headers,
            _ => Headers::default(),
        }
    }

    pub(super) fn mux(&self) -> Mux {
        match self.framing {
            Framing::Latm(mux) => mux,
            _ => Mux::default(),
        }
    }

    /// Frames that follow each other from `timestamp` on.
    pub(super) fn in_sequence(&self, timestamp: i64, data: Vec<Bytes>) -> Vec<AudioFrame> {
        let ticks = u64::from(self.samples_per_frame) * u64::from(self.clock_rate);
        let at = |n: usize| n as u64 * ticks / u64::from(self.sample_rate.max(1));
        let frame = |(n, data)| AudioFrame {
            timestamp: timestamp.saturating_add_unsigned(at(n)),
            duration: u32::try_from(at(n + 1) - at(n)).unwrap_or(u32::MAX),
            data,
        };
        data.into_iter().enumerate().map(frame).collect()
    }
}

/// `config` in hexadecimal digits.
fn config_parameter(fmtp: &str) -> Result<Option<Vec<u8>>, AudioError> {
    let Some(digits) = fmtp::parameter(fmtp, "config").filter(|digits| !digits.is_empty()) else {
        return Ok(None);
    };
    if digits.len() > MAX_CONFIG_DIGITS {
        return Err(AudioError::Config("longer than any"));
    }
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    // An odd number of digits lacks the last zero.
    let bytes = digits.as_bytes().chunks(2).map(|pair| {
        let low = pair.get(1).map_or(Some(0), |digit| nibble(*digit));
        Some(nibble(pair[0])? << 4 | low?)
    });
    bytes.collect::<Option<Vec<u8>>>().ok_or(AudioError::Config("no hexadecimal digits")).map(Some)
}

/// A program config element with all its comments stays far below.
const MAX_CONFIG_DIGITS: usize = 1024;
