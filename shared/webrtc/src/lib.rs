//! Delivers H.264, H.265 and sound to browsers by WebRTC: one UDP port, one passive TCP port and one task for all viewers.
//!
//! ```text
//! frames ──▶ Feed (newest GOP) ──▶ Lineup, one a viewer ──▶ Rtc (SRTP) ──▶ Egress ──▶ UDP, ICE-TCP
//!                                   burst, pace, timeline        ▲
//!                                       packets of viewers ──────┘  by address, at first by ICE user name
//! ```
//!
//! A viewer is `Connecting` until DTLS stands, `Waiting` until it has a key frame (cached or live), then
//! `Playing`; see `lineup.rs`. It ends by its own close, by 5 s of silence, or by [`Engine::close`].
//!
//! What a viewer asks over its channel `sluice-control` is passed on at a pace and answered by [`Engine::answer`]: `control.rs`.
//!
//! A playing viewer moves to another feed by [`Engine::switch`], within its session: `lineup.rs`, `hold.rs`.
//!
//! Invariants: payloads are shared between viewers; a frame leaves for a viewer in one flush; RTP time never goes
//! back, nor does what a viewer sees when it moves; a frame whose references a viewer lacks is never sent; hostile bytes are counted, and end at most the
//! session they claim to be of.

mod burst;
mod control;
mod egress;
mod engine;
mod error;
mod feed;
mod formats;
mod frame;
mod framing;
mod hold;
mod lineup;
mod metrics;
mod negotiate;
mod nomination;
mod pace;
mod socket;
mod sound;
mod stun;
mod task;
mod tcp;
mod timeline;
mod timers;
mod viewer;

pub use engine::{Answer, EndReason, Engine, EngineConfig, EngineEvent};
pub use error::{BindError, OfferError, SwitchError, TrickleError};
pub use frame::{AudioKind, AudioPacket, FeedId, FeedMedia, Frame, SessionKey};
pub use metrics::EngineMetrics;
