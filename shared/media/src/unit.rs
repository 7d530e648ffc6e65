use crate::{Codec, RtpPacket, UnitKind, contents};

/// Where a decoder may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// Nothing after it refers to anything before it.
    Idr,
    /// Intra coded and announced as a place to begin; every browser decodes on from here, yet not every one
    /// begins here.
    RecoveryPoint,
}

/// One coded picture, or one packet's worth of sound, with all its packets, verbatim, and what was sent in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// Contiguous in sequence, as they came; never empty.
    pub packets: Vec<RtpPacket>,
    /// Extended sequence number of the first packet.
    pub first_sequence: u64,
    /// Unrolled RTP ticks of the line's clock.
    pub timestamp: i64,
    /// Wall clock at the edge when its first packet came, in Unix milliseconds.
    pub captured_at_ms: i64,
    /// Whether a decoder may begin here.
    pub key: Option<Key>,
    /// Whether another picture may refer to this one.
    pub reference: bool,
    /// Bytes of all packets, headers included.
    pub size: usize,
}

/// Why packets are not one access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// A unit has at least one packet.
    #[error("access unit without packets")]
    Empty,
    /// The first packet's own number is not the low half of the extended one.
    #[error("first packet has sequence number {found}, the unit was announced at {announced}")]
    WrongStart {
        /// What the packet says.
        found: u16,
        /// Extended number that was claimed.
        announced: u64,
    },
    /// A packet is missing, repeated or of another source.
    #[error("packet {index} does not follow the one before it")]
    Broken {
        /// Index of the packet that does not fit.
        index: usize,
    },
}

impl AccessUnit {
    /// Puts together what the other end of a link sent as one unit of `codec`, and looks into it for key and
    /// reference.
    ///
    /// # Errors
    /// When the packets are not contiguous, of one source, and numbered from `first_sequence`.
    pub fn from_packets(
        codec: Codec,
        packets: Vec<RtpPacket>,
        first_sequence: u64,
        timestamp: i64,
        captured_at_ms: i64,
    ) -> Result<Self, UnitError> {
        let first = packets.first().ok_or(UnitError::Empty)?;
        let found = first.sequence_number();
        if u64::from(found) != first_sequence & 0xffff {
            return Err(UnitError::WrongStart { found, announced: first_sequence });
        }
        let follows = |pair: &[RtpPacket]| {
            pair[1].sequence_number() == pair[0].sequence_number().wrapping_add(1)
                && pair[1].ssrc() == pair[0].ssrc()
        };
        if let Some(at) = packets.windows(2).position(|pair| !follows(pair)) {
            return Err(UnitError::Broken { index: at + 1 });
        }
        let UnitKind { key, reference } = contents::inspect(codec, &packets);
        let size = packets.iter().map(|packet| packet.bytes().len()).sum();
        Ok(Self { packets, first_sequence, timestamp, captured_at_ms, key, reference, size })
    }

    /// Extended sequence number of the last packet.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.first_sequence + (self.packets.len() as u64).saturating_sub(1)
    }

    /// The source of its packets; 0 for a unit without packets.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.packets.last().map_or(0, RtpPacket::ssrc)
    }

    /// The timestamp as the camera stamped the picture. Parameter sets in front of it may carry another.
    #[must_use]
    pub fn rtp_timestamp(&self) -> u32 {
        self.packets.last().map_or(0, RtpPacket::timestamp)
    }
}
