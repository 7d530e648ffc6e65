use bytes::Bytes;

use super::nal::{AP, FU, NalType, PACI, number};
use crate::packing::{FU_END, FU_START, Form, Packing};

/// Single NAL unit, AP and FU, without DONL.
pub(crate) struct Rfc7798;

impl Packing for Rfc7798 {
    const HEADER: usize = 2;

    fn form(payload: &[u8]) -> Form {
        let Some(&first) = payload.first() else { return Form::Empty };
        match (number(first), payload.len()) {
            (_, 1) => Form::Truncated,
            (AP, _) => Form::Aggregate,
            (FU, 2) => Form::Truncated,
            (FU, _) => Form::Fragment { bits: payload[2] & (FU_START | FU_END), kind: payload[2] & 0x3f },
            (kind @ PACI.., _) => Form::Unsupported(kind),
            _ => Form::Single,
        }
    }

    fn is_picture(nal: &[u8]) -> bool {
        NalType::of(nal[0]).is_picture()
    }

    fn joined(payload: &[u8]) -> [u8; 2] {
        [payload[0] & 0x81 | (payload[2] & 0x3f) << 1, payload[1]]
    }

    fn fragment_header(nal: &[u8]) -> ([u8; 2], u8) {
        ([nal[0] & 0x81 | FU << 1, nal[1]], number(nal[0]))
    }

    /// Layer and temporal id are the lowest of those within (RFC 7798 §4.4.2).
    fn aggregate_header(nals: &[Bytes]) -> [u8; 2] {
        let forbidden = nals.iter().fold(0, |bit, nal| bit | nal[0] & 0x80);
        let layer = nals.iter().map(|nal| u16::from_be_bytes([nal[0] & 1, nal[1] & 0xf8])).min().unwrap_or(0);
        let temporal = nals.iter().map(|nal| nal[1] & 7).min().unwrap_or(1);
        let [high, low] = layer.to_be_bytes();
        [forbidden | AP << 1 | high, low | temporal]
    }
}
