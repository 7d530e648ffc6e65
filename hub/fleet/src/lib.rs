//! What every device should do, and how it stands.
//!
//! ```text
//! store ──Registry──▶ roster (pure) ──Desired──▶ link task ──▶ device
//!   ▲  "registry" task     │  ▲                     │
//!   └──hello, last seen────┘  └──────Reported───────┘
//!                          ├──▶ View: device and camera states, in memory        (Fleet::camera_state …)
//!                          ├──▶ events: changes of those states, bounded         (Fleet::events)
//!                          └──▶ assignments: which device announces which camera (Fleet::assignments)
//! ```
//!
//! A device is offline, or online by its newest control link. Level-triggered: the registry is read again and the
//! desired document compared and sent again on every change and every [`SWEEP`](roster), whoever forgot to say so.
//! Invariants: a device is told only of its own cameras; a revoked or unknown device has no link; a camera whose
//! device is offline is in state `offline` with reason `device-offline`, whatever was reported before.

mod desired;
mod handle;
mod issue;
mod link;
mod metrics;
mod registry;
#[doc(hidden)]
pub mod rehearsal;
mod roster;
mod state;
mod task;

pub use handle::{Fleet, FleetConfig};
pub use issue::{IssueError, IssuedDevice, issue_device};
pub use state::{CameraState, CameraStatus, DeviceState, FleetEvent, Trouble};
