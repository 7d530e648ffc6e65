//! Guards physical cameras from us: one ledger per device of every session held of it, or tried.
//!
//! ```text
//! source, ONVIF client ─admit─▶ Waiting ─▶ Opening ─opened─▶ Open ─leave─▶ Leaving ─▶ gone
//!                                  │           └─refused: whose fault? ─▶ gone
//!                                  └─ denied: secret locked · no session free · nobody's turn in time
//! ```
//!
//! Invariants: no more than [`Limits::ramp`] streams are opened at once, over all devices; a device is never asked for
//! more sessions than it is known to serve; a secret that a device refused twice is not shown to it again, and while it
//! is not proven it is shown in one place at a time; a session counts until its TEARDOWN was answered or its time is up.

mod device;
mod guardian;
mod ledger;
mod permit;

pub use device::{Device, Fingerprint};
pub use guardian::{Guardian, Limits};
pub use ledger::{Ask, Denied, Refusal, Verdict};
pub use permit::{Leaving, Permit};
/// As the hub is told them.
pub use sluice_wire::control::{HeldSession, SessionKind, SessionState};
