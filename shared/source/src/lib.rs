//! The pull of one stream of one camera: RTSP, raw RTP in, access units of picture and sound out, on demand.
//!
//! ```text
//! Off ─demand─▶ Opening ─first key─▶ Warm ⇄ Forwarding        Opening: waits for the guardian, then for the camera
//!                                                             Warm: the last GOP is in memory
//!  ▲               │ failed            │ failed, stalled      Forwarding: somebody is subscribed
//!  └─ no demand ── Resting ◀───────────┘                      Resting: jittered backoff, or a locked secret
//! ```
//!
//! Invariants: one RTSP session at most per [`Source`]; a subscriber receives nothing before a key frame,
//! and after an overflow nothing before the next one (a stream of sound alone starts anywhere); no session is tried without
//! the guardian's permit, and each that stood is torn down and counts until that was answered; credentials are never
//! part of a URL, a log line or a status.

mod intake;
mod lifecycle;
mod metrics;
mod outlet;
mod presentation;
mod session;
mod settings;
mod source;
mod status;
mod subscription;
mod task;

pub use metrics::SourceMetrics;
pub use presentation::{Line, LineKind, Presentation};
pub use settings::{Credentials, Settings, Transport};
pub use source::{KeyPicture, Source, Start};
pub use status::{KeyFrames, Reason, ReasonCode, Sound, State, Status};
pub use subscription::{Event, Subscription};
