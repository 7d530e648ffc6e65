use bytes::Bytes;

use super::AudioError;
use crate::bits::Bits;

/// An AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1), as much of it as is of use here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Specific {
    /// As codec strings have it: 5 with spectral band replication, 29 with parametric stereo as well.
    pub(super) object_type: u8,
    /// What comes out of a decoder that knows all that is told here.
    pub(super) sample_rate: u32,
    pub(super) channels: u8,
    pub(super) samples_per_frame: u32,
    /// Byte-aligned.
    pub(super) bytes: Bytes,
}

impl Specific {
    /// From the bytes of a `config` parameter.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, AudioError> {
        let mut bits = Bits::plain(bytes);
        let mut specific = Core::read(&mut bits)?;
        specific.extension(&mut bits);
        Ok(specific.finish(Bytes::copy_from_slice(bytes)))
    }

    /// From within a StreamMuxConfig, which `bits` reads and `whole` is: it may begin at any bit.
    pub(super) fn within(whole: &[u8], bits: &mut Bits<'_>, length: Option<u32>) -> Result<Self, AudioError> {
        let start = bits.position();
        let mut specific = Core::read(bits)?;
        let mut end = bits.position();
        if let Some(length) = length {
            let length = length as usize;
            if end > start.saturating_add(length) || length > whole.len() * 8 {
                return Err(AudioError::Config("longer than its length"));
            }
            let mut ahead = bits.clone();
            specific.extension(&mut ahead);
            end = start + length;
            let rest = u32::try_from(end - bits.position()).unwrap_or(u32::MAX);
            bits.skip(rest).ok_or(SHORT)?;
        }
        Ok(specific.finish(cut(whole, start, end)))
    }
}

/// What the configuration says, before it is known whether an extension follows.
struct Core {
    object_type: u8,
    rate: u32,
    extension_rate: Option<u32>,
    channels: u8,
    samples: u32,
    parametric_stereo: bool,
}

impl Core {
    fn read(bits: &mut Bits<'_>) -> Result<Self, AudioError> {
        let mut object_type = object_type(bits).ok_or(SHORT)?;
        let rate = rate(bits)?;
        let channels = bits.bits(4).ok_or(SHORT)?;
        let mut extension_rate = None;
        let parametric_stereo = object_type == PARAMETRIC_STEREO;
        if object_type == REPLICATION || parametric_stereo {
            extension_rate = Some(self::rate(bits)?);
            object_type = self::object_type(bits).ok_or(SHORT)?;
        }
        let (samples, channels) = match object_type {
            1..=4 => general(bits, object_type, channels)?,
            ENHANCED_LOW_DELAY => (if bits.flag().ok_or(SHORT)? { 480 } else { 512 }, count(channels)?),
            other => return Err(AudioError::ObjectType(other)),
        };
        Ok(Self { object_type, rate, extension_rate, channels, samples, parametric_stereo })
    }

    /// Replication told behind the core in a way that old decoders pass over; whatever else stands there.
    fn extension(&mut self, bits: &mut Bits<'_>) {
        if self.extension_rate.is_none()
            && bits.bits(11) == Some(0x2b7)
            && object_type(bits) == Some(REPLICATION)
        {
            if bits.flag() != Some(true) {
                return;
            }
            self.extension_rate = rate(bits).ok();
            self.parametric_stereo = bits.bits(11) == Some(0x548) && bits.flag() == Some(true);
        }
    }

    fn finish(self, bytes: Bytes) -> Specific {
        let object_type = match (self.extension_rate, self.parametric_stereo) {
            (None, _) => self.object_type,
            (Some(_), false) => REPLICATION,
            (Some(_), true) => PARAMETRIC_STEREO,
        };
        let sample_rate = self.extension_rate.unwrap_or(self.rate);
        let doubled = u32::from(sample_rate > self.rate);
        Specific {
            object_type,
            sample_rate,
            channels: if self.parametric_stereo { self.channels.max(2) } else { self.channels },
            samples_per_frame: self.samples << doubled,
            bytes,
        }
    }
}

/// GASpecificConfig (§4.4.1): samples of a frame, and channels.
fn general(bits: &mut Bits<'_>, object_type: u8, channels: u32) -> Result<(u32, u8), AudioError> {
    let short_frames = bits.flag().ok_or(SHORT)?;
    if bits.flag().ok_or(SHORT)? {
        bits.skip(14).ok_or(SHORT)?;
    }
    let extended = bits.flag().ok_or(SHORT)?;
    let channels = if channels == 0 { program(bits).ok_or(SHORT)? } else { count(channels)? };
    if extended && object_type > 4 {
        bits.skip(1).ok_or(SHORT)?;
    }
    if !(1..=8).contains(&channels) {
        return Err(AudioError::Config("more than eight channels or none"));
    }
    Ok((if short_frames { 960 } else { 1024 }, channels))
}

/// `program_config_element` (§4.4.1.1): how many channels its elements hold. Ends where the bytes are aligned
/// again, which inside a StreamMuxConfig is counted from the wrong bit; no camera is known to send one there.
fn program(bits: &mut Bits<'_>) -> Option<u8> {
    bits.skip(4 + 2 + 4)?;
    let (front, side, back) = (bits.bits(4)?, bits.bits(4)?, bits.bits(4)?);
    let (low, data, coupled) = (bits.bits(2)?, bits.bits(3)?, bits.bits(4)?);
    for width in [4, 4, 3] {
        if bits.flag()? {
            bits.skip(width)?;
        }
    }
    let mut channels = low;
    for _ in 0..front + side + back {
        channels += if bits.flag()? { 2 } else { 1 };
        bits.skip(4)?;
    }
    bits.skip(4 * low + 4 * data + 5 * coupled)?;
    while !bits.position().is_multiple_of(8) {
        bits.skip(1)?;
    }
    let comment = bits.bits(8)?;
    bits.skip(8 * comment)?;
    u8::try_from(channels).ok()
}

fn object_type(bits: &mut Bits<'_>) -> Option<u8> {
    let first = bits.bits(5)?;
    let value = if first == 31 { 32 + bits.bits(6)? } else { first };
    u8::try_from(value).ok()
}

fn rate(bits: &mut Bits<'_>) -> Result<u32, AudioError> {
    let index = bits.bits(4).ok_or(SHORT)?;
    let rate = match index {
        15 => bits.bits(24).ok_or(SHORT)?,
        index => RATES.get(index as usize).copied().unwrap_or(0),
    };
    if (1..=MAX_RATE).contains(&rate) { Ok(rate) } else { Err(AudioError::Config("no sampling frequency")) }
}

/// Table 1.19.
fn count(configuration: u32) -> Result<u8, AudioError> {
    match configuration {
        1..=6 => Ok(configuration.to_le_bytes()[0]),
        7 | 12 | 14 => Ok(8),
        11 => Ok(7),
        _ => Err(AudioError::Config("no channel configuration")),
    }
}

/// Bits `start..end` of `whole`, from the first bit of a byte on.
fn cut(whole: &[u8], start: usize, end: usize) -> Bytes {
    let mut bits = Bits::plain(whole);
    let mut bytes = Vec::with_capacity((end - start).div_ceil(8));
    let _ = u32::try_from(start).ok().and_then(|start| bits.skip(start));
    for at in (start..end).step_by(8) {
        let left = u32::try_from((end - at).min(8)).unwrap_or(8);
        let value = bits.bits(left).unwrap_or(0) << (8 - left);
        bytes.push(value.to_le_bytes()[0]);
    }
    bytes.into()
}

const SHORT: AudioError = AudioError::Config("shorter than it says");
const REPLICATION: u8 = 5;
const PARAMETRIC_STEREO: u8 = 29;
const ENHANCED_LOW_DELAY: u8 = 39;
/// Table 1.18.
const RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
const MAX_RATE: u32 = 192_000;
