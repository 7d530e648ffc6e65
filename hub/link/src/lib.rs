//! The QUIC endpoint of a hub: one UDP port, mutual TLS, two protocols, a deny list.
//!
//! ```text
//! UDP ─▶ Endpoint ─TLS, role, deny list, hello─┬─ sluice-control/1 ─▶ ControlLink
//!                                              └─ sluice/1 ─────────▶ MediaLink
//! ```
//!
//! A link comes out of here only after both hellos were said: its peer is a device whose certificate our CA
//! issued, and which is not denied. QUIC itself does not leave this room.
//! Bounds: [`HANDSHAKES`](endpoint) at once, one control stream a link, 4,096 media streams a media link,
//! every message and every access unit has a largest size.

mod endpoint;
mod error;
mod greet;
mod link;
mod media;
mod metrics;
mod stream;
mod transport;

pub use endpoint::{Endpoint, LinkConfig};
pub use error::{BindError, LinkDown};
pub use link::{ControlLink, Quality};
pub use media::{MediaEvent, MediaLink};
