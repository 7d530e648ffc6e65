use bytes::{Buf, BytesMut};

/// Packets in a byte stream, each behind its length in two bytes (RFC 4571, for ICE-TCP RFC 6544 §3).
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
}

impl Decoder {
    /// Where the next bytes of the stream are to be written.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole packet.
    ///
    /// # Errors
    /// When a packet is longer than any of WebRTC.
    pub(crate) fn next(&mut self) -> Result<Option<BytesMut>, TooLong> {
        let Some(prefix) = self.buffer.get(..2) else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([prefix[0], prefix[1]]));
        if length > LONGEST {
            return Err(TooLong { length });
        }
        if self.buffer.len() < 2 + length {
            return Ok(None);
        }
        self.buffer.advance(2);
        Ok(Some(self.buffer.split_to(length)))
    }
}

/// A packet that no WebRTC peer sends.
#[derive(Debug, thiserror::Error)]
#[error("a packet of {length} bytes over ICE-TCP")]
pub(crate) struct TooLong {
    length: usize,
}

/// Appends `packet` behind its length. Packets longer than any of WebRTC are left out.
pub(crate) fn encode(packet: &[u8], out: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(packet.len())
        && packet.len() <= LONGEST
    {
        out.extend(length.to_be_bytes());
        out.extend_from_slice(packet);
    }
}

/// DTLS records and SRTP packets stay below an Ethernet frame; checks are smaller.
const LONGEST: usize = 2_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packets_survive_every_split(
            packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..6),
            split in 1..64usize,
        ) {
            let mut stream = Vec::new();
            packets.iter().for_each(|packet| encode(packet, &mut stream));
            let (mut decoder, mut seen) = (Decoder::default(), Vec::new());
            for piece in stream.chunks(split) {
                decoder.buffer().extend_from_slice(piece);
                while let Some(packet) = decoder.next().expect("all are short") {
                    seen.push(packet.to_vec());
                }
            }
            prop_assert_eq!(seen, packets);
        }
    }

    #[test]
    fn a_hostile_length_ends_the_stream() {
        let mut decoder = Decoder::default();
        decoder.buffer().extend_from_slice(&[0xff, 0xff, 1, 2]);
        assert!(decoder.next().is_err());
    }
}
