use std::sync::Arc;

use bytes::Bytes;
use sluice_media::{
    AccessUnit, RtpPacket,
    h264::{self, DepacketizeError, ParameterSets},
};
use sluice_webrtc::Frame;

/// Largest RTP payload sent to a viewer: with the RTP header, its extensions, the SRTP tag and UDP over IPv6
/// it stays below 1,280 bytes, which every path carries.
const MAX_PAYLOAD: usize = 1_180;

/// Turns access units into what every viewer of the feed is sent, once per feed: packets no longer than a
/// path carries, parameter sets in front of each IDR.
#[derive(Debug, Default)]
pub(super) struct Preparer {
    parameters: ParameterSets,
}

impl Preparer {
    /// Learns the parameter sets of `sprop-parameter-sets` (RFC 6184 §8.1): many cameras send them only there.
    pub(super) fn learn(&mut self, sprop: &str) {
        if let Ok(parameters) = ParameterSets::from_sprop(sprop) {
            self.parameters = parameters;
        }
    }

    /// The frame to send for `unit`.
    ///
    /// # Errors
    /// When the payloads are not H.264 as RFC 6184 lays it out.
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
        let mut nals = h264::nal_units(&unit.packets)?;
        for nal in nals.iter().filter(|nal| matches!(nal_type(nal), SPS | PPS)) {
            self.parameters.observe(nal);
        }
        if unit.key.is_some() {
            self.complete(&mut nals);
        }
        Ok(h264::packetize(&nals, MAX_PAYLOAD))
    }

    /// Puts in front of a key frame whichever kind of parameter set the camera did not.
    fn complete(&self, nals: &mut Vec<Bytes>) {
        let present = |kind: u8| nals.iter().any(|nal| nal_type(nal) == kind);
        let (sps, pps) = (present(SPS), present(PPS));
        let absent = |nal: &&Bytes| match nal_type(nal) {
            SPS => !sps,
            _ => !pps,
        };
        let absent: Vec<Bytes> = self.parameters.iter().filter(absent).cloned().collect();
        // A delimiter stays first and an SPS before what refers to it (H.264 §7.4.1.2.3).
        let at = nals.iter().take_while(|nal| matches!(nal_type(nal), DELIMITER | SPS)).count();
        nals.splice(at..at, absent);
    }
}

fn nal_type(nal: &Bytes) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

// nal_unit_type values of H.264 table 7-1.
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    const SPS_PPS: &str = "Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==";

    fn unit(payloads: &[&[u8]]) -> AccessUnit {
        let packet = |(at, payload): (usize, &&[u8])| {
            let mut bytes = vec![0x80, 96, 0, at as u8, 0, 0, 0, 1, 0, 0, 0, 7];
            bytes.extend_from_slice(payload);
            RtpPacket::parse(bytes.into()).unwrap()
        };
        let packets = payloads.iter().enumerate().map(packet).collect();
        AccessUnit::from_packets(packets, 0x1_0000, 1, 0).unwrap()
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
        h264::nal_units(&packets).unwrap().iter().map(nal_type).collect()
    }

    #[test]
    fn parameter_sets_of_the_sdp_stand_before_a_key_frame_that_has_none() {
        let mut preparer = Preparer::default();
        preparer.learn(SPS_PPS);
        let frame = preparer.frame(&unit(&[&[0x65, 0x88, 1, 2]])).unwrap();
        assert_eq!((frame.key, kinds(&frame)), (true, vec![SPS, PPS, 5]));
    }

    #[test]
    fn only_the_kind_that_is_absent_is_put_in() {
        let mut preparer = Preparer::default();
        preparer.learn(SPS_PPS);
        let sps: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x03, 0xc5, 0x68, 0x40];
        let frame = preparer.frame(&unit(&[&[0x09, 0xf0], sps, &[0x65, 0x88, 1, 2]])).unwrap();
        assert_eq!(kinds(&frame), [DELIMITER, SPS, PPS, 5]);
    }

    #[test]
    fn no_payload_is_longer_than_a_path_carries() {
        let long = [&[0x65, 0x88][..], &[7; 5_000]].concat();
        let frame = Preparer::default().frame(&unit(&[&long])).unwrap();
        assert!(frame.payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
        assert_eq!(frame.payloads.iter().map(|payload| payload.len()).sum::<usize>(), frame.size);
    }
}
