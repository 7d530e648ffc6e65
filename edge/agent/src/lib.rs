//! The edge appliance: configuration, assembly, command line and private listener. No domain logic.
//!
//! ```text
//! hub ─desired─▶ uplink ─▶ keeper ─▶ site ─┬▶ sources ─────▶ cameras of the site
//!      ◀reported─           │ ledger        ├▶ ONVIF side ──▶
//!      ◀found────                           └▶ discovery ───▶ networks of the site
//!      ─orders─▶ uplink ─▶ desk ─▶ site
//!      ◀─media── uplink ◀─ desk (catalogue)        private listener: /health /metrics /status
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
mod key_frames;
mod listener;
mod orders;
mod poster;
mod site;
mod status;
mod view;

pub use agent::{Agent, StartError};
pub use identity::LoadError;
pub use site::SiteError;
pub use status::{CameraStatus, HubStatus, StatusDocument};
