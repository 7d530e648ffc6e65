//! Who a peer is, what it may open, and how a secret is sealed to it: bytes in, verdict out.
//!
//! ```text
//! Authority (root ── issuing) ──signs──▶ Identity {key, certificate chain, root}
//!                                           │ SAN URI = Role
//!                                           ▼
//!                        tls::{client_config, server_config}, peer_roles
//! seal:      secret ──HPKE to the device's X25519 key, bound to the camera──▶ bytes the hub cannot read
//! playback:  Claims ──EdDSA──▶ token of 60 s that opens one session at one node
//! ```
//!
//! Invariants: a certificate says one closed set of roles in SAN URIs and nothing else it says is believed;
//! every verdict takes the time as an argument or from the TLS library's own handshake time.

mod authority;
mod identity;
pub mod playback;
mod role;
pub mod seal;
pub mod tls;

pub use authority::{Authority, AuthorityError, AuthorityPems, CERTIFICATE_LIFE};
pub use identity::{Identity, IdentityError, KeyRequest};
pub use role::{Role, RoleError, RoleKind, peer_roles};

/// What an appliance proves itself with; the same parts as a hub's.
pub type DeviceIdentity = Identity;
