use std::sync::Arc;

use bytes::Bytes;
use sluice_media::{AccessUnit, Codec, DepacketizeError, RtpPacket, VideoSets, nal_units, packetize};
use sluice_webrtc::Frame;

/// Largest RTP payload sent to a viewer: with the RTP header, its extensions, the SRTP tag and UDP over IPv6
/// it stays below 1,280 bytes, which every path carries.
const MAX_PAYLOAD: usize = 1_180;

/// Turns access units into what every viewer of the feed is sent, once per feed: packets no longer than a
/// path carries, parameter sets in front of each key frame.
#[derive(Debug)]
pub(super) struct Preparer {
    codec: Codec,
    sets: VideoSets,
}

impl Preparer {
    /// For a line of this codec, with the parameter sets of its format parameters: many cameras send them only
    /// there (RFC 6184 §8.1, RFC 7798 §7.1).
    pub(super) fn new(codec: Codec, fmtp: &str) -> Self {
        Self { codec, sets: VideoSets::from_fmtp(codec, fmtp) }
    }

    /// The frame to send for `unit`.
    ///
    /// # Errors
    /// When the payloads are not what the codec's payload format lays out.
    pub(super) fn frame(&mut self, unit: &AccessUnit) -> Result<Frame, DepacketizeError> {
        let fits = |packet: &RtpPacket| packet.payload().len() <= MAX_PAYLOAD;
        let payloads: Vec<Arc<[u8]>> = if unit.key.is_none() && unit.packets.iter().all(fits) {
            unit.packets.iter().map(|packet| Arc::from(packet.payload().as_ref())).collect()
        } else {
            self.repacketize(unit)?.iter().map(|payload| Arc::from(payload.as_ref())).collect()
        };
        let size = payloads.iter().map(|payload| payload.len()).sum();
        Ok(Frame {
            timestamp: unit.timestamp,
            key: unit.key.is_some(),
            payloads,
            captured_at_ms: unit.captured_at_ms,
            size,
        })
    }

    fn repacketize(&mut self, unit: &AccessUnit) -> Result<Vec<Bytes>, DepacketizeError> {
        let mut nals = nal_units(self.codec, &unit.packets)?;
        for nal in &nals {
            self.sets.observe(nal);
        }
        if unit.key.is_some() {
            self.sets.complete(&mut nals);
        }
        Ok(packetize(self.codec, &nals, MAX_PAYLOAD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS_PPS: &str = "sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==";
    // nal_unit_type values of H.264 table 7-1.
    const SPS: u8 = 7;
    const PPS: u8 = 8;
    const DELIMITER: u8 = 9;

    fn unit(payloads: &[&[u8]]) -> AccessUnit {
        let packet = |(at, payload): (usize, &&[u8])| {
            let mut bytes = vec![0x80, 96, 0, at as u8, 0, 0, 0, 1, 0, 0, 0, 7];
            bytes.extend_from_slice(payload);
            RtpPacket::parse(bytes.into()).unwrap()
        };
        let packets = payloads.iter().enumerate().map(packet).collect();
        AccessUnit::from_packets(Codec::H264, packets, 0x1_0000, 1, 0).unwrap()
    }

    fn kinds(frame: &Frame) -> Vec<u8> {
        let packets: Vec<RtpPacket> = frame
            .payloads
            .iter()
            .map(|payload| {
                let mut bytes = vec![0x80, 96, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7];
                bytes.extend_from_slice(payload);
                RtpPacket::parse(bytes.into()).unwrap()
            })
            .collect();
        nal_units(Codec::H264, &packets).unwrap().iter().map(|nal| nal[0] & 0x1f).collect()
    }

    #[test]
    fn parameter_sets_of_the_sdp_stand_before_a_key_frame_that_has_none() {
        let mut preparer = Preparer::new(Codec::H264, SPS_PPS);
        let frame = preparer.frame(&unit(&[&[0x65, 0x88, 1, 2]])).unwrap();
        assert_eq!((frame.key, kinds(&frame)), (true, vec![SPS, PPS, 5]));
    }

    #[test]
    fn only_the_kind_that_is_absent_is_put_in() {
        let mut preparer = Preparer::new(Codec::H264, SPS_PPS);
        let sps: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x03, 0xc5, 0x68, 0x40];
        let frame = preparer.frame(&unit(&[&[0x09, 0xf0], sps, &[0x65, 0x88, 1, 2]])).unwrap();
        assert_eq!(kinds(&frame), [DELIMITER, SPS, PPS, 5]);
    }

    #[test]
    fn no_payload_is_longer_than_a_path_carries() {
        let long = [&[0x65, 0x88][..], &[7; 5_000]].concat();
        let frame = Preparer::new(Codec::H264, "").frame(&unit(&[&long])).unwrap();
        assert!(frame.payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
        assert_eq!(frame.payloads.iter().map(|payload| payload.len()).sum::<usize>(), frame.size);
    }
}
