//! From RTP packets to access units, what they say about their stream, and the group of pictures to start with.
//!
//! Pure: bytes and times come in, values come out; no clock, no socket, no task.
//!
//! ```text
//! RtpPacket ─▶ Assembler ─▶ Unit(AccessUnit) ─▶ GopRing        what a late viewer is sent first
//!                  │ Gap, Epoch                 └▶ KeyGate      what a decoder can show
//!                  └ Timeline, SequenceExtender                 32- and 16-bit counters without their wraps
//! nal_units ⇄ packetize · inspect · VideoSets ─▶ VideoDescription     H.264 and H.265
//! AudioConfig ─▶ audio::frames                                        AAC, G.711, Opus
//! SenderReport ─▶ SenderClock      one wall clock for all lines       DecodeClock      dts of reordered pictures
//! ```
//!
//! Invariants, each held by a property test:
//! - A unit that comes out holds its whole picture: its packets are contiguous and verbatim, in the order they
//!   came. Only right behind a gap may what stood in front of the picture (parameter sets) be missing.
//! - Every packet taken is in exactly one unit or named by exactly one gap, and both come out in order.
//! - The low 16 bits of an extended sequence number are the packet's own.
//! - A [`GopRing`] holds a key unit and what follows it without a hole, or nothing, and never more than its limit.
//! - Times of decoding grow, and none is later than its picture's time of showing.

mod assembler;
pub mod audio;
mod bits;
mod codec;
mod contents;
mod decode_clock;
mod depacketize;
mod fmtp;
pub mod h264;
pub mod h265;
mod key_gate;
mod packetize;
mod packing;
mod ring;
mod rtp;
mod sender;
mod sender_clock;
mod sequence;
mod sets;
mod timeline;
mod unit;
mod video;
mod video_sets;

pub use assembler::{Assembled, Assembler};
pub use codec::Codec;
pub use contents::{UnitKind, has_b_slices, inspect};
pub use decode_clock::DecodeClock;
pub use depacketize::{DepacketizeError, nal_units};
pub use key_gate::KeyGate;
pub use packetize::packetize;
pub use ring::GopRing;
pub use rtp::{RtpError, RtpPacket};
pub use sender::{SenderReport, sender_report};
pub use sender_clock::SenderClock;
pub use sequence::SequenceExtender;
pub use timeline::Timeline;
pub use unit::{AccessUnit, Key, UnitError};
pub use video::{DescribeError, VideoDescription};
pub use video_sets::VideoSets;
