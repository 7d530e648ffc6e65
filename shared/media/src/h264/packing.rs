use bytes::Bytes;

use super::nal::{FU_A, NalType, STAP_A};
use crate::packing::{FU_END, FU_START, Form, Packing};

/// Single NAL unit, STAP-A and FU-A.
pub(crate) struct Rfc6184;

impl Packing for Rfc6184 {
    const HEADER: usize = 1;

    fn form(payload: &[u8]) -> Form {
        let Some(&indicator) = payload.first() else { return Form::Empty };
        match (indicator & 0x1f, payload.get(1)) {
            (1..=23, _) => Form::Single,
            (STAP_A, _) => Form::Aggregate,
            (FU_A, Some(fu)) => Form::Fragment { bits: fu & (FU_START | FU_END), kind: fu & 0x1f },
            (FU_A, None) => Form::Truncated,
            (kind, _) => Form::Unsupported(kind),
        }
    }

    fn is_picture(nal: &[u8]) -> bool {
        NalType::of(nal[0]).is_picture()
    }

    fn joined(payload: &[u8]) -> [u8; 2] {
        [payload[0] & 0xe0 | payload[1] & 0x1f, 0]
    }

    fn fragment_header(nal: &[u8]) -> ([u8; 2], u8) {
        ([nal[0] & 0xe0 | FU_A, 0], nal[0] & 0x1f)
    }

    fn aggregate_header(nals: &[Bytes]) -> [u8; 2] {
        let forbidden = nals.iter().fold(0, |bit, nal| bit | nal[0] & 0x80);
        let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
        [forbidden | importance | STAP_A, 0]
    }
}
