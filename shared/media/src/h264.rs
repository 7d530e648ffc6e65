//! H.264 in RTP (RFC 6184): single NAL unit, STAP-A and FU-A; parameter sets and key frames (ITU-T H.264).
//!
//! A NAL unit here is its header byte and what follows, with emulation prevention, without start code.

mod depacketize;
mod nal;
mod packetize;
mod parameter_sets;
mod rbsp;

pub use depacketize::{DepacketizeError, nal_units};
pub(crate) use nal::{Begins, Seen};
pub use nal::{NalType, UnitKind, classify, has_b_slices, inspect};
pub use packetize::packetize;
pub use parameter_sets::{DescribeError, ParameterSets, SpropError};
