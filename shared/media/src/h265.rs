//! H.265 in RTP (RFC 7798): single NAL unit, AP and FU, all without DONL; parameter sets and the pictures that a
//! decoder may begin with (ITU-T H.265).
//!
//! A NAL unit here is its two header bytes and what follows, with emulation prevention, without start code. Units
//! of higher layers (scalable and multiview extensions) are passed on and say nothing about the picture.

mod nal;
mod packing;
mod parameter_sets;
mod profile;
mod ref_pic_sets;
mod sps;

pub(crate) use nal::Seen;
pub use nal::{NalType, has_b_slices, is_skipped_leading};
pub(crate) use packing::Rfc7798;
pub use parameter_sets::ParameterSets;
pub use sps::Configuration;
