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
        let mut in_band = false;
        for nal in &nals {
            if matches!(nal_type(nal), SPS | PPS) {
                in_band = true;
                self.parameters.observe(nal);
            }
        }
        if unit.key.is_some() && !in_band {
            let known = self.parameters.sps().into_iter().chain(self.parameters.pps()).cloned();
            // An access unit delimiter, where there is one, stays first (H.264 §7.4.1.2.3).
            let at = usize::from(nals.first().is_some_and(|nal| nal_type(nal) == DELIMITER));
            nals.splice(at..at, known.collect::<Vec<_>>());
        }
        Ok(h264::packetize(&nals, MAX_PAYLOAD))
    }
}

fn nal_type(nal: &Bytes) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

// nal_unit_type values of H.264 table 7-1.
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
