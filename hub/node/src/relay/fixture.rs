use std::sync::Arc;

use bytes::Bytes;
use sluice_hls::Track;
use sluice_media::{AccessUnit, Codec, Key, RtpPacket, packetize};

/// A unit that says when it was sent, whether it is a key and how large it is, without packets.
pub(crate) fn unit(timestamp: i64, key: bool, size: usize) -> Arc<AccessUnit> {
    Arc::new(AccessUnit {
        packets: Vec::new(),
        first_sequence: 0,
        timestamp,
        captured_at_ms: timestamp,
        key: key.then_some(Key::Idr),
        reference: true,
        size,
    })
}

/// The line of [`Pictures`].
pub(crate) fn track() -> Track {
    Track { line: 0, codec: Codec::H264, clock_rate: 90_000, fmtp: FMTP.to_owned() }
}

/// An H.264 camera at 25 pictures a second, as far as anybody looks who does not decode.
#[derive(Debug)]
pub(crate) struct Pictures {
    /// Pictures from one key frame to the next.
    pub(crate) group: u64,
    sent: u64,
    sequence: u64,
}

impl Pictures {
    pub(crate) fn new(group: u64) -> Self {
        Self { group, sent: 0, sequence: 0 }
    }

    /// The next picture.
    pub(crate) fn next(&mut self) -> Arc<AccessUnit> {
        let kind: u8 = if self.sent.is_multiple_of(self.group) { 0x65 } else { 0x41 };
        let picture = [&[kind, 0x88][..], &[7; 300]].concat();
        let timestamp = self.sent as i64 * 3_600;
        let payloads = packetize(Codec::H264, &[Bytes::from(picture)], 1_180);
        let packets =
            payloads.iter().enumerate().map(|(at, payload)| self.packet(at as u64, timestamp, payload));
        let packets: Vec<RtpPacket> = packets.collect();
        let captured_at_ms = 1_790_000_000_000 + self.sent as i64 * 40;
        let first = self.sequence;
        self.sent += 1;
        self.sequence += packets.len() as u64;
        Arc::new(
            AccessUnit::from_packets(Codec::H264, packets, first, timestamp, captured_at_ms).expect("a unit"),
        )
    }

    fn packet(&self, at: u64, timestamp: i64, payload: &Bytes) -> RtpPacket {
        let mut bytes = vec![0x80, 96];
        bytes.extend_from_slice(&((self.sequence + at) as u16).to_be_bytes());
        bytes.extend_from_slice(&(timestamp as u32).to_be_bytes());
        bytes.extend_from_slice(&7_u32.to_be_bytes());
        bytes.extend_from_slice(payload);
        RtpPacket::parse(bytes.into()).expect("a packet")
    }
}

const FMTP: &str = "packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==";
