//! The edge appliance: configuration, assembly, command line and private listener. No domain logic.
//!
//! ```text
//! hub ─desired─▶ uplink ─▶ keeper ─▶ cameras ─▶ sources ─▶ cameras of the site
//!      ◀reported─           │ ledger      │
//!      ◀─media── uplink ◀───catalogue─────┘          private listener: /health /metrics /status
//! ```
//!
//! Invariants: no port opens before the configuration is whole; the desired state of last time is in force before the
//! hub is asked; the document is on flash before it counts as kept.

mod agent;
/// The command line.
pub mod cli;
/// The configuration file.
pub mod config;
mod health;
mod identity;
mod keeper;
mod listener;
mod status;
mod view;

pub use agent::{Agent, StartError};
pub use identity::LoadError;
pub use status::{CameraStatus, HubStatus, StatusDocument};
