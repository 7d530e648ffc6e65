//! H.264 in RTP (RFC 6184): single NAL unit, STAP-A and FU-A; parameter sets and key frames (ITU-T H.264).
//!
//! A NAL unit here is its header byte and what follows, with emulation prevention, without start code.

mod nal;
mod packing;
mod parameter_sets;
mod sps;

use bytes::Bytes;
pub use nal::{NalType, classify, has_b_slices, inspect};
pub(crate) use nal::{Seen, aggregated, embedded_start};
pub(crate) use packing::Rfc6184;
pub use parameter_sets::{ParameterSets, SpropError};
pub use sps::Configuration;

pub use crate::{DepacketizeError, DescribeError, UnitKind};
use crate::{RtpPacket, depacketize, packetize::packed};

/// [`crate::nal_units`] of H.264.
///
/// # Errors
/// As there.
pub fn nal_units(packets: &[RtpPacket]) -> Result<Vec<Bytes>, DepacketizeError> {
    depacketize::unpacked::<Rfc6184>(packets)
}

/// [`crate::packetize()`] for H.264.
#[must_use]
pub fn packetize(nals: &[Bytes], max_payload: usize) -> Vec<Bytes> {
    packed::<Rfc6184>(nals, max_payload)
}
