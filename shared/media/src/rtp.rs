use bytes::Bytes;

/// One RTP packet exactly as it came (RFC 3550 §5.1). Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct RtpPacket {
    bytes: Bytes,
    payload_start: u16,
    payload_end: u16,
}

/// Why bytes are no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtpError {
    /// The fixed header, the contributing sources or the extension end beyond the packet.
    #[error("rtp header needs {needed} bytes, the packet has {len}")]
    Truncated {
        /// Bytes that the header claims.
        needed: usize,
        /// Bytes that came.
        len: usize,
    },
    /// Only version 2 exists.
    #[error("rtp version {0} is unknown")]
    Version(u8),
    /// The padding count is zero or larger than the payload.
    #[error("rtp padding of {0} bytes does not fit its packet")]
    Padding(u8),
    /// No transport of ours carries a larger one.
    #[error("rtp packet of {0} bytes is larger than 65535")]
    TooLong(usize),
}

impl RtpPacket {
    /// Checks the header and keeps the bytes as they are.
    ///
    /// # Errors
    /// When the bytes are not one whole RTP packet.
    pub fn parse(bytes: Bytes) -> Result<Self, RtpError> {
        let len = bytes.len();
        if len < FIXED_HEADER {
            return Err(RtpError::Truncated { needed: FIXED_HEADER, len });
        }
        let payload_limit = u16::try_from(len).map_err(|_| RtpError::TooLong(len))?;
        let version = bytes[0] >> 6;
        if version != 2 {
            return Err(RtpError::Version(version));
        }
        let mut start = FIXED_HEADER + 4 * usize::from(bytes[0] & 0x0f);
        if bytes[0] & 0x10 != 0 {
            let Some(words) = bytes.get(start + 2..start + 4) else {
                return Err(RtpError::Truncated { needed: start + 4, len });
            };
            start += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        }
        let payload_start = u16::try_from(start).ok().filter(|start| *start <= payload_limit);
        let payload_start = payload_start.ok_or(RtpError::Truncated { needed: start, len })?;
        let padding = if bytes[0] & 0x20 == 0 { 0 } else { bytes[len - 1] };
        if bytes[0] & 0x20 != 0 && (padding == 0 || u16::from(padding) > payload_limit - payload_start) {
            return Err(RtpError::Padding(padding));
        }
        Ok(Self { bytes, payload_start, payload_end: payload_limit - u16::from(padding) })
    }

    /// The whole packet, header included.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The sender's count of packets, modulo 65,536.
    #[must_use]
    pub fn sequence_number(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    /// The sampling instant in ticks of the line's clock, modulo 2^32.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        u32::from_be_bytes([self.bytes[4], self.bytes[5], self.bytes[6], self.bytes[7]])
    }

    /// Who numbers and stamps these packets.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        u32::from_be_bytes([self.bytes[8], self.bytes[9], self.bytes[10], self.bytes[11]])
    }

    /// For video: this is the last packet of its picture.
    #[must_use]
    pub fn marker(&self) -> bool {
        self.bytes[1] & 0x80 != 0
    }

    /// The number that the SDP ties to an encoding.
    #[must_use]
    pub fn payload_type(&self) -> u8 {
        self.bytes[1] & 0x7f
    }

    /// The payload, without header and padding; shares the packet's bytes.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(usize::from(self.payload_start)..usize::from(self.payload_end))
    }

    /// The payload to look at, where no handle to it is needed.
    #[must_use]
    pub fn payload_slice(&self) -> &[u8] {
        &self.bytes[usize::from(self.payload_start)..usize::from(self.payload_end)]
    }
}

impl std::fmt::Debug for RtpPacket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtpPacket")
            .field("sequence_number", &self.sequence_number())
            .field("timestamp", &self.timestamp())
            .field("ssrc", &self.ssrc())
            .field("marker", &self.marker())
            .field("payload_bytes", &self.payload_slice().len())
            .finish()
    }
}

const FIXED_HEADER: usize = 12;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(hex: &str) -> Result<RtpPacket, RtpError> {
        RtpPacket::parse(Bytes::from(hex::decode(hex.replace(' ', "")).unwrap()))
    }

    #[test]
    fn a_plain_packet_tells_its_fields() {
        let packet = parse("80 e0 1234 89abcdef deadbeef 6588").unwrap();
        assert_eq!(
            (packet.sequence_number(), packet.timestamp(), packet.ssrc()),
            (0x1234, 0x89ab_cdef, 0xdead_beef)
        );
        assert!(packet.marker());
        assert_eq!(packet.payload_type(), 96);
        assert_eq!(packet.payload().as_ref(), [0x65, 0x88]);
    }

    #[test]
    fn sources_extension_and_padding_are_no_payload() {
        let packet =
            parse("b2 60 0001 00000001 00000002 00000003 00000004 bede 0001 11223344 aabb 0000 03").unwrap();
        assert_eq!(packet.payload_slice(), [0xaa, 0xbb]);
        assert!(!packet.marker());
    }

    #[test]
    fn a_packet_of_padding_alone_has_an_empty_payload() {
        assert!(parse("a0 60 0001 00000001 00000002 0002").unwrap().payload_slice().is_empty());
    }

    #[test]
    fn each_wrong_packet_is_refused_with_its_reason() {
        assert_eq!(parse("80 60 0001").unwrap_err(), RtpError::Truncated { needed: 12, len: 4 });
        assert_eq!(parse("40 60 0001 00000001 00000002 00").unwrap_err(), RtpError::Version(1));
        assert_eq!(
            parse("81 60 0001 00000001 00000002 00").unwrap_err(),
            RtpError::Truncated { needed: 16, len: 13 }
        );
        assert_eq!(
            parse("90 60 0001 00000001 00000002 bede").unwrap_err(),
            RtpError::Truncated { needed: 16, len: 14 }
        );
        assert_eq!(
            parse("90 60 0001 00000001 00000002 bede ffff").unwrap_err(),
            RtpError::Truncated { needed: 262_156, len: 16 }
        );
        assert_eq!(parse("a0 60 0001 00000001 00000002 0000").unwrap_err(), RtpError::Padding(0));
        assert_eq!(parse("a0 60 0001 00000001 00000002 0003").unwrap_err(), RtpError::Padding(3));
        assert_eq!(RtpPacket::parse(Bytes::from(vec![0x80; 70_000])).unwrap_err(), RtpError::TooLong(70_000));
    }

    #[test]
    fn every_prefix_is_a_packet_or_an_error() {
        let whole =
            hex::decode("92600001000000010000000200000003000000 04bede000111223344aabbccdd".replace(' ', ""))
                .unwrap();
        for len in 0..=whole.len() {
            let parsed = RtpPacket::parse(Bytes::copy_from_slice(&whole[..len]));
            assert_eq!(parsed.is_ok(), len >= 28, "{len}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_kept_verbatim_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(packet) = RtpPacket::parse(Bytes::from(bytes.clone())) {
                prop_assert_eq!(packet.bytes().as_ref(), &bytes[..]);
                prop_assert!(packet.payload().len() <= bytes.len() - 12);
            }
        }
    }
}
