//! `MP4A-LATM` (RFC 6416): AudioMuxElements of ISO/IEC 14496-3 §1.7.3 with one program of one layer.

use bytes::{Bytes, BytesMut};

use super::{AudioError, specific::Specific};
use crate::{RtpPacket, bits::Bits};

/// What a StreamMuxConfig says about the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mux {
    /// Frames in an element, less one.
    subframes: u32,
    /// A bit in front of each element says whether the configuration stays.
    in_band: bool,
}

impl Mux {
    /// From the bytes of a `config` parameter.
    pub(super) fn parse(config: &[u8], in_band: bool) -> Result<(Self, Specific), AudioError> {
        let mut bits = Bits::plain(config);
        let mut number = |n: u32| bits.bits(n).ok_or(AudioError::Config("shorter than it says"));
        let version = number(1)?;
        if version == 1 && number(1)? == 1 {
            return Err(AudioError::Unsupported("audioMuxVersionA 1"));
        }
        if version == 1 {
            value(&mut bits)?;
        }
        let mut number = |n: u32| bits.bits(n).ok_or(AudioError::Config("shorter than it says"));
        if number(1)? == 0 {
            return Err(AudioError::Unsupported("streams of different framing"));
        }
        let subframes = number(6)?;
        if number(4)? != 0 || number(3)? != 0 {
            return Err(AudioError::Unsupported("more than one program or layer"));
        }
        let length = if version == 1 { Some(value(&mut bits)?) } else { None };
        let specific = Specific::within(config, &mut bits, length)?;
        // GStreamer ends here, within this number.
        if bits.bits(3).unwrap_or(0) != 0 {
            return Err(AudioError::Unsupported("frames of a length told once"));
        }
        Ok((Self { subframes, in_band }, specific))
    }

    /// `PayloadLengthInfo` and `PayloadMux` of each frame.
    fn element(self, element: &Bytes) -> Result<Vec<Bytes>, AudioError> {
        let mut frames = Vec::new();
        if self.in_band {
            return self.behind_a_bit(element);
        }
        let mut rest = element.clone();
        for _ in 0..=self.subframes {
            let mut size = 0;
            loop {
                let (byte, _) = rest.split_first().ok_or(AudioError::Incomplete)?;
                let byte = usize::from(*byte);
                let _ = rest.split_to(1);
                size += byte;
                if byte != 0xff {
                    break;
                }
            }
            if size > rest.len() {
                return Err(AudioError::Incomplete);
            }
            frames.extend(Some(rest.split_to(size)).filter(|frame| !frame.is_empty()));
        }
        Ok(frames)
    }

    /// The same where everything is shifted by `useSameStreamMux`. A configuration in the stream is not read.
    fn behind_a_bit(self, element: &Bytes) -> Result<Vec<Bytes>, AudioError> {
        let mut bits = Bits::plain(element);
        if bits.flag() != Some(true) {
            return Err(AudioError::ConfigInBand);
        }
        let rest = (1..element.len()).map_while(|_| bits.octet());
        Self { in_band: false, ..self }.element(&rest.collect())
    }
}

/// `LatmGetValue`.
fn value(bits: &mut Bits<'_>) -> Result<u32, AudioError> {
    let short = AudioError::Config("shorter than it says");
    let bytes = bits.bits(2).ok_or(short.clone())?;
    bits.bits(8 * (bytes + 1)).ok_or(short)
}

/// The frames of one unit, which is one element in however many packets.
pub(super) fn frames(mux: Mux, packets: &[RtpPacket]) -> Result<Vec<Bytes>, AudioError> {
    if let [packet] = packets {
        return mux.element(&packet.payload());
    }
    let mut element = BytesMut::new();
    packets.iter().for_each(|packet| element.extend_from_slice(packet.payload_slice()));
    mux.element(&element.freeze())
}
