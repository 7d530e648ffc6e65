//! `mpeg4-generic` (RFC 3640): headers of access units, then the access units.

use bytes::{Bytes, BytesMut};

use super::AudioError;
use crate::{RtpPacket, bits::Bits, fmtp};

/// How many bits each field of a header has (RFC 3640 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Headers {
    size: u32,
    index: u32,
    index_delta: u32,
    composition: u32,
    decoding: u32,
    random_access: u32,
    stream_state: u32,
    auxiliary: u32,
    /// Bytes of every access unit, where headers do not say.
    constant_size: usize,
}

impl Default for Headers {
    /// `AAC-hbr` (RFC 3640 §3.3.6).
    fn default() -> Self {
        Self {
            size: 13,
            index: 3,
            index_delta: 3,
            composition: 0,
            decoding: 0,
            random_access: 0,
            stream_state: 0,
            auxiliary: 0,
            constant_size: 0,
        }
    }
}

impl Headers {
    /// What is not told is as the mode has it.
    pub(super) fn from_fmtp(fmtp: &str) -> Result<Self, AudioError> {
        let mode = fmtp::parameter(fmtp, "mode").unwrap_or_default();
        let told = |name: &str| fmtp::number(fmtp, name).map(|bits| bits.min(32));
        let constant_size = fmtp::number(fmtp, "constantSize").unwrap_or(0) as usize;
        let told_otherwise = told("sizeLength").is_some() || constant_size > 0;
        let (size, index) = if mode.eq_ignore_ascii_case("AAC-lbr") {
            (6, 2)
        } else if mode.eq_ignore_ascii_case("AAC-hbr") || !told_otherwise {
            // A camera that names no mode and nothing else means this one, too.
            (13, 3)
        } else {
            (0, 0)
        };
        let size = told("sizeLength").unwrap_or(size);
        if size == 0 && constant_size == 0 {
            return Err(AudioError::Unsupported("a size of frames that is not told"));
        }
        Ok(Self {
            size,
            index: told("indexLength").unwrap_or(index),
            index_delta: told("indexDeltaLength").unwrap_or(index),
            composition: told("CTSDeltaLength").unwrap_or(0),
            decoding: told("DTSDeltaLength").unwrap_or(0),
            random_access: told("randomAccessIndication").unwrap_or(0).min(1),
            stream_state: told("streamStateIndication").unwrap_or(0),
            auxiliary: told("auxiliaryDataSizeLength").unwrap_or(0),
            constant_size,
        })
    }

    /// Whether any header stands in front of the access units.
    fn any(&self) -> bool {
        self.size
            + self.index
            + self.index_delta
            + self.composition
            + self.decoding
            + self.random_access
            + self.stream_state
            > 0
    }

    /// The sizes that the headers of a payload tell, and where its data begins.
    fn read(&self, payload: &[u8]) -> Result<(Vec<usize>, usize), AudioError> {
        let mut sizes = Vec::new();
        let mut start = 0;
        if self.any() {
            let (&length, rest) = payload.split_first_chunk::<2>().ok_or(AudioError::Incomplete)?;
            let length = u32::from(u16::from_be_bytes(length));
            let bytes = length.div_ceil(8) as usize;
            let mut bits = Bits::plain(rest.get(..bytes).ok_or(AudioError::Incomplete)?);
            let end = length as usize;
            while bits.position() < end && sizes.len() < MAX_FRAMES {
                sizes.push(self.header(&mut bits, sizes.is_empty())?);
            }
            start = 2 + bytes;
        }
        if self.auxiliary > 0 {
            let mut bits = Bits::plain(payload.get(start..).ok_or(AudioError::Incomplete)?);
            let length = bits.bits(self.auxiliary).ok_or(AudioError::Incomplete)?;
            start += (self.auxiliary as usize + length as usize).div_ceil(8);
        }
        Ok((sizes, start))
    }

    fn header(&self, bits: &mut Bits<'_>, first: bool) -> Result<usize, AudioError> {
        let short = AudioError::Malformed("headers of frames end within one");
        let mut read = |n: u32| bits.bits(n).ok_or(short.clone());
        let size = read(self.size)?;
        // The first one's own index says nothing; cameras write what they like.
        if read(if first { self.index } else { self.index_delta })? != 0 && !first {
            return Err(AudioError::Unsupported("interleaving"));
        }
        for optional in [self.composition, self.decoding] {
            if optional > 0 && read(1)? == 1 {
                read(optional)?;
            }
        }
        read(self.random_access)?;
        read(self.stream_state)?;
        Ok(if self.size == 0 { self.constant_size } else { size as usize })
    }
}

/// The frames of one unit: of one packet several whole ones, or of several packets one in fragments.
pub(super) fn frames(headers: Headers, packets: &[RtpPacket]) -> Result<Vec<Bytes>, AudioError> {
    let mut frames = Vec::new();
    let mut fragment: Option<(usize, BytesMut)> = None;
    for payload in packets.iter().map(RtpPacket::payload).filter(|payload| !payload.is_empty()) {
        let (mut sizes, start) = headers.read(&payload)?;
        let mut data = payload.get(start..).map(|_| payload.slice(start..)).ok_or(AudioError::Incomplete)?;
        if sizes.is_empty() && headers.constant_size > 0 {
            sizes = vec![headers.constant_size; data.len() / headers.constant_size];
        }
        if let [size] = sizes[..]
            && (size > data.len() || fragment.is_some())
        {
            let (whole, mut pieces) = fragment.take().unwrap_or((size, BytesMut::new()));
            pieces.extend_from_slice(&data);
            if whole != size || pieces.len() > size {
                return Err(AudioError::Malformed("fragments of different frames"));
            }
            if pieces.len() == size {
                frames.push(without_adts(pieces.freeze()));
            } else {
                fragment = Some((size, pieces));
            }
            continue;
        }
        for size in sizes {
            if fragment.is_some() || size > data.len() {
                return Err(AudioError::Incomplete);
            }
            let frame = without_adts(data.split_to(size));
            frames.extend(Some(frame).filter(|frame| !frame.is_empty()));
        }
    }
    if fragment.is_some() { Err(AudioError::Incomplete) } else { Ok(frames) }
}

/// Some cameras leave the header of a file format in front of each frame (ISO/IEC 14496-3 §1.A.2).
fn without_adts(mut frame: Bytes) -> Bytes {
    let &[0xff, second, _, high, middle, low, ..] = frame.as_ref() else { return frame };
    let length = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low >> 5);
    let header = if second & 1 == 1 { 7 } else { 9 };
    if second & 0xf6 == 0xf0 && length == frame.len() && length > header {
        frame.split_off(header)
    } else {
        frame
    }
}

/// A packet of 64 KiB with frames of 16 bytes.
const MAX_FRAMES: usize = 4096;
