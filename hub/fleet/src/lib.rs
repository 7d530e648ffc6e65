//! What every device should do, and how it stands.
//!
//! ```text
//! store ──Registry──▶ roster (pure) ──Desired──▶ link task ──▶ device
//!   ▲  "registry" task     │  ▲                     │
//!   └──hello, last seen────┘  └──────Reported───────┘
//!                          ├──▶ View: states of devices and cameras, finds       (Fleet::camera_state, found …)
//!                          ├──▶ events: changes of those, bounded                (Fleet::events)
//!                          ├──▶ orders: done once, answered once                 (Fleet::order)
//!                          └──▶ assignments: which device announces which camera (Fleet::assignments)
//! ```
//!
//! A device is offline, or online by its newest control link. Level-triggered: the registry is read again and the
//! desired document compared and sent again on every change and every [`SWEEP`](roster), whoever forgot to say so.
//! Invariants: a device is told only of its own cameras; a revoked or unknown device has no link; a camera whose
//! device is offline is in state `offline` with reason `device-offline`, whatever was reported before; an order is
//! answered exactly once: by its device over the link it went over, or with an [`OrderError`] in time.
//!
//! The clock changes what is kept warm: the [`schedule`] says when, the roster wakes for it and has the policy at work
//! written, and from then on it is a change like any other.
//!
//! The [`doctor`] says what is wrong with how a camera is set.

mod desired;
pub mod doctor;
mod found;
mod handle;
mod issue;
mod link;
mod metrics;
mod registry;
#[doc(hidden)]
pub mod rehearsal;
mod roster;
pub mod schedule;
mod state;
mod task;

pub use found::{CameraHappened, DeviceFound, MOST_FOUND};
pub use handle::{Fleet, FleetConfig};
pub use issue::{IssueError, IssuedDevice, issue_device};
pub use roster::OrderError;
pub use state::{CameraState, CameraStatus, DeviceState, FleetEvent, Trouble};
