//! The pull of one stream of one camera: RTSP, raw RTP in, access units of picture and sound out, on demand.
//!
//! ```text
//! Off ─demand─▶ Opening ─first key─▶ Warm ⇄ Forwarding        Warm: the last GOP is in memory
//!  ▲               │ failed            │ failed, stalled      Forwarding: somebody is subscribed
//!  └─ no demand ── Resting ◀───────────┘                      Resting: jittered backoff, or locked by the breaker
//! ```
//!
//! Invariants: one RTSP session at most per [`Source`]; a subscriber receives nothing before a key frame,
//! and after an overflow nothing before the next one (a stream of sound alone starts anywhere); two refusals of one secret end all attempts
//! until the settings change ([`AuthBreaker`]); credentials are never part of a URL, a log line or a status.

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
pub use settings::{AuthBreaker, Credentials, Settings, Transport};
pub use source::{Source, Start};
pub use status::{Reason, ReasonCode, Sound, State, Status};
pub use subscription::{Event, Subscription};
