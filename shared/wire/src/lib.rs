//! Every byte that crosses a link. Pure: bytes in, values out; no sockets, no clock.
//!
//! | module | what |
//! |---|---|
//! | [`control`] | `sluice-control/1`, edge and control: identity, desired and reported state, orders that are not state |
//! | [`media`] | the control stream of `sluice/1`, edge and node: subscriptions, gaps, epochs, clocks |
//! | [`roq`] | the media streams of `sluice/1`: RTP over QUIC framing with verbatim RTP |
//! | [`node`] | values between control and a node; in one process they cross bounded channels |
//! | [`player`] | text between a player and its node over the data channel `sluice-control` |
//! | [`frame`] | length-prefixed messages, taken apart at any split point |
//!
//! Invariants: fields are only ever added, kinds that are not known are skipped ([`Decoded::Unknown`]), hostile
//! bytes never panic and never make a decoder hold more than its stated maximum.
//! What two ends may expect of each other is one integer, [`CAPABILITY`].

mod close;
pub mod control;
mod error;
pub mod frame;
pub mod media;
pub mod node;
pub mod player;
pub mod roq;
pub mod varint;
mod words;

pub use close::CloseCode;
pub use error::{Decoded, MessageError};
pub use words::{ReasonCode, UnknownWord};

/// What this build understands, told in every hello. An end uses only what both understand.
///
/// | value | since |
/// |---|---|
/// | 1 | first light: H.264 video, subscribe, gaps, epochs, clock exchange |
/// | 2 | every line of a camera, H.265 and sound too; `started` names all lines that will flow |
pub const CAPABILITY: u32 = 2;

/// The first [`CAPABILITY`] whose node takes other lines than one of H.264.
pub const CAPABILITY_LINES: u32 = 2;
