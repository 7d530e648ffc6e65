//! From RTP packets to access units, what they say about their stream, and the group of pictures to start with.
//!
//! Pure: bytes and times come in, values come out; no clock, no socket, no task.
//!
//! ```text
//! RtpPacket ─▶ Assembler ─▶ Unit(AccessUnit) ─▶ GopRing        what a late viewer is sent first
//!                  │ Gap, Epoch                                 what is missing, where numbering began anew
//!                  └ Timeline, SequenceExtender                 32- and 16-bit counters without their wraps
//! h264: nal_units ⇄ packetize · classify · ParameterSets ─▶ VideoDescription
//! ```
//!
//! Invariants, each held by a property test:
//! - A unit that comes out holds its whole picture: its packets are contiguous and verbatim, in the order they
//!   came. Only right behind a gap may what stood in front of the picture (parameter sets) be missing.
//! - Every packet taken is in exactly one unit or named by exactly one gap, and both come out in order.
//! - The low 16 bits of an extended sequence number are the packet's own.
//! - A [`GopRing`] holds a key unit and what follows it without a hole, or nothing, and never more than its limit.

mod assembler;
pub mod h264;
mod ring;
mod rtp;
mod sequence;
mod timeline;
mod unit;
mod video;

pub use assembler::{Assembled, Assembler};
pub use ring::GopRing;
pub use rtp::{RtpError, RtpPacket};
pub use sequence::SequenceExtender;
pub use timeline::Timeline;
pub use unit::{AccessUnit, Key, UnitError};
pub use video::VideoDescription;
