//! Messages on a byte stream: a [`varint`](crate::varint) with the length, then as many bytes.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::varint;

/// The longest message on a `sluice-control/1` stream: the desired state of a site with 1,000 cameras has 300 KiB.
pub const MAX_CONTROL: usize = 2 * 1024 * 1024;
/// The longest message on the control stream of `sluice/1`: one SDP is the largest thing in it.
pub const MAX_MEDIA: usize = 64 * 1024;

/// The peer announced a message longer than this stream allows; the stream is beyond repair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a message of {announced} bytes is announced where {allowed} are allowed")]
pub struct TooLong {
    /// What the length field says.
    pub announced: u64,
    /// What the decoder was made for.
    pub allowed: usize,
}

/// The message with its length in front.
#[must_use]
pub fn encode(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(8 + message.len());
    varint::encode(message.len() as u64, &mut bytes);
    bytes.extend_from_slice(message);
    bytes.freeze()
}

/// Takes a byte stream apart, wherever its pieces were cut. It holds at most one message and the last piece.
#[derive(Debug)]
pub struct Decoder {
    held: BytesMut,
    allowed: usize,
}

impl Decoder {
    /// Refuses messages longer than `allowed` bytes.
    #[must_use]
    pub fn new(allowed: usize) -> Self {
        Self { held: BytesMut::new(), allowed }
    }

    /// Takes the next piece of the stream.
    pub fn push(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
    }

    /// The next whole message, or `None` until more pieces have come.
    ///
    /// # Errors
    /// When the next message is longer than allowed.
    pub fn poll(&mut self) -> Result<Option<Bytes>, TooLong> {
        let Some((announced, prefix)) = varint::decode(&self.held) else { return Ok(None) };
        let length = usize::try_from(announced).unwrap_or(usize::MAX);
        if length > self.allowed {
            return Err(TooLong { announced, allowed: self.allowed });
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

    fn messages() -> Vec<Vec<u8>> {
        vec![vec![], vec![1, 2, 3], vec![7; 100], vec![9; 20_000]]
    }

    #[test]
    fn a_stream_cut_anywhere_gives_the_same_messages() {
        let stream: Vec<u8> = messages().iter().flat_map(|message| encode(message)).collect();
        for cut in 0..=stream.len() {
            let mut decoder = Decoder::new(20_000);
            let mut got = Vec::new();
            for piece in [&stream[..cut], &stream[cut..]] {
                decoder.push(piece);
                while let Some(message) = decoder.poll().unwrap() {
                    got.push(message.to_vec());
                }
            }
            assert_eq!(got, messages(), "cut at {cut}");
        }
    }

    #[test]
    fn a_message_longer_than_allowed_is_refused_before_its_bytes_come() {
        let mut decoder = Decoder::new(100);
        decoder.push(&encode(&[0; 101])[..2]);
        assert_eq!(decoder.poll(), Err(TooLong { announced: 101, allowed: 100 }));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(pieces in proptest::collection::vec(proptest::collection::vec(0..=255u8, 0..40), 0..8)) {
            let mut decoder = Decoder::new(64);
            for piece in pieces {
                decoder.push(&piece);
                while let Ok(Some(message)) = decoder.poll() {
                    proptest::prop_assert!(message.len() <= 64);
                }
            }
        }
    }
}
