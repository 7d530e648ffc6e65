//! The media streams of `sluice/1`: RTP over QUIC (draft-ietf-avtcore-rtp-over-quic-14 §5), RTP verbatim.
//!
//! One unidirectional stream carries one access unit: `flow id, (length, RTP packet)*`, all numbers
//! [`varint`](crate::varint)s, and the end of the stream ends the unit.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::varint;

/// Names one m-line of one subscription on one connection; never used twice on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId(pub u64);

/// RoQ's application error for a frame that was given up (§10 of the draft).
pub const FRAME_CANCELLED: u32 = 0x05;
/// The largest access unit taken: a key frame of 8K video fits.
pub const MAX_UNIT: usize = 8 * 1024 * 1024;
/// The most packets of one access unit: [`MAX_UNIT`] in packets of 512 bytes. Each costs memory of its own, however
/// short it is.
pub const MAX_PACKETS: usize = 16_384;
/// The longest RTP packet taken.
pub const MAX_PACKET: usize = 65_535;

/// Why a media stream is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoqError {
    /// One packet is longer than RTP over any transport can be.
    #[error("a packet of {0} bytes")]
    PacketTooLong(u64),
    /// The unit has more bytes than any picture.
    #[error("an access unit of more than {MAX_UNIT} bytes")]
    UnitTooLong,
    /// The unit has more packets than any picture.
    #[error("an access unit of more than {MAX_PACKETS} packets")]
    TooManyPackets,
    /// A packet of no bytes is no RTP packet.
    #[error("an empty packet")]
    Empty,
    /// The stream ended within a number or a packet.
    #[error("the stream ended within a packet")]
    Truncated,
}

/// What one media stream carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Which m-line of which subscription.
    pub flow: FlowId,
    /// RTP packets, as the camera sent them.
    pub packets: Vec<Bytes>,
}

/// The whole stream of one access unit.
#[must_use]
pub fn encode<'a>(flow: FlowId, packets: impl Iterator<Item = &'a Bytes> + Clone) -> Bytes {
    let length: usize =
        packets.clone().map(|packet| packet.len() + varint::length(packet.len() as u64)).sum();
    let mut bytes = BytesMut::with_capacity(varint::length(flow.0) + length);
    varint::encode(flow.0, &mut bytes);
    for packet in packets {
        varint::encode(packet.len() as u64, &mut bytes);
        bytes.extend_from_slice(packet);
    }
    bytes.freeze()
}

/// Takes one media stream apart, wherever its pieces were cut. It holds at most [`MAX_UNIT`] bytes in
/// [`MAX_PACKETS`] packets.
#[derive(Debug, Default)]
pub struct Decoder {
    flow: Option<FlowId>,
    held: BytesMut,
    packets: Vec<Bytes>,
    taken: usize,
}

impl Decoder {
    /// For a stream of which nothing has come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The flow, once its number has come.
    #[must_use]
    pub fn flow(&self) -> Option<FlowId> {
        self.flow
    }

    /// Takes the next piece of the stream.
    ///
    /// # Errors
    /// When the stream breaks the framing or its bounds; it is beyond repair then.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), RoqError> {
        self.taken = self.taken.saturating_add(piece.len());
        if self.taken > MAX_UNIT {
            return Err(RoqError::UnitTooLong);
        }
        self.held.extend_from_slice(piece);
        if self.flow.is_none() {
            let Some((flow, prefix)) = varint::decode(&self.held) else { return Ok(()) };
            self.held.advance(prefix);
            self.flow = Some(FlowId(flow));
        }
        while let Some(packet) = self.packet()? {
            if self.packets.len() == MAX_PACKETS {
                return Err(RoqError::TooManyPackets);
            }
            self.packets.push(packet);
        }
        Ok(())
    }

    /// What the stream carried, after its end.
    ///
    /// # Errors
    /// When it ended within a packet.
    pub fn finish(self) -> Result<Unit, RoqError> {
        match self.flow {
            Some(flow) if self.held.is_empty() => Ok(Unit { flow, packets: self.packets }),
            _ => Err(RoqError::Truncated),
        }
    }

    fn packet(&mut self) -> Result<Option<Bytes>, RoqError> {
        let Some((announced, prefix)) = varint::decode(&self.held) else { return Ok(None) };
        let length = usize::try_from(announced).unwrap_or(usize::MAX);
        match length {
            0 => return Err(RoqError::Empty),
            1..=MAX_PACKET => {}
            _ => return Err(RoqError::PacketTooLong(announced)),
        }
        if self.held.len() - prefix < length {
            return Ok(None);
        }
        self.held.advance(prefix);
        Ok(Some(self.held.split_to(length).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> Unit {
        let packets = [vec![0x80; 12], vec![0x81; 300], vec![0x82; 1_400]];
        Unit { flow: FlowId(77), packets: packets.into_iter().map(Bytes::from).collect() }
    }

    #[test]
    fn the_bytes_of_a_stream_are_those_of_the_draft() {
        let packets = [Bytes::from_static(b"\x80\x60\x00\x01"), Bytes::from(vec![0xaa; 64])];
        let bytes = encode(FlowId(300), packets.iter());
        assert_eq!(hex::encode(&bytes[..7]), "412c0480600001");
        assert_eq!(hex::encode(&bytes[7..10]), "4040aa");
        assert_eq!(bytes.len(), 2 + 1 + 4 + 2 + 64);
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_packets() {
        let stream = encode(unit().flow, unit().packets.iter());
        for cut in 0..=stream.len() {
            let mut decoder = Decoder::new();
            decoder.push(&stream[..cut]).unwrap();
            decoder.push(&stream[cut..]).unwrap();
            assert_eq!(decoder.finish(), Ok(unit()), "cut at {cut}");
        }
    }

    #[test]
    fn a_stream_that_ends_within_a_packet_is_refused() {
        let stream = encode(unit().flow, unit().packets.iter());
        let ends = [2, 2 + 1 + 12, 2 + 1 + 12 + 2 + 300];
        for end in (0..stream.len()).filter(|end| !ends.contains(end)) {
            let mut decoder = Decoder::new();
            decoder.push(&stream[..end]).unwrap();
            assert_eq!(decoder.finish(), Err(RoqError::Truncated), "ended at {end}");
        }
    }

    #[test]
    fn a_packet_longer_than_any_is_refused_before_its_bytes_come() {
        let mut bytes = Vec::new();
        varint::encode(1, &mut bytes);
        varint::encode(65_536, &mut bytes);
        assert_eq!(Decoder::new().push(&bytes), Err(RoqError::PacketTooLong(65_536)));
    }

    #[test]
    fn a_unit_of_countless_short_packets_is_refused() {
        let mut decoder = Decoder::new();
        decoder.push(&[7]).unwrap();
        let packets = [1u8, 0x80].repeat(MAX_PACKETS);
        decoder.push(&packets).unwrap();
        assert_eq!(decoder.push(&[1, 0x80]), Err(RoqError::TooManyPackets));
        assert!(decoder.packets.len() <= MAX_PACKETS);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(pieces in proptest::collection::vec(proptest::collection::vec(0..=255u8, 0..80), 0..8)) {
            let mut decoder = Decoder::new();
            let whole = pieces.iter().all(|piece| decoder.push(piece).is_ok());
            if whole {
                let _ = decoder.finish();
            }
        }
    }
}
