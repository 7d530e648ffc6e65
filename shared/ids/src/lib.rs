//! Typed identifiers and units: parse, display, serde; nothing else.
//!
//! An id is a prefix and a UUID version 7 in 32 lower-case hex digits, as in `cam_0198c0de…`.
//! The prefix makes an id legible in a log line and refuses one kind of thing where another is meant.

mod id;
mod tier;
mod unix_millis;

pub use id::{CameraId, DeviceId, IdError, NodeId, SessionId, SiteId, TenantId, TokenId, UserId};
pub use tier::{Tier, UnknownTier};
pub use unix_millis::UnixMillis;
