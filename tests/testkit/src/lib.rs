//! What proves the system: a whole Sluice of real programs on loopback, started and ended by one value.
//!
//! [`Demo`] runs the built `sluice-hub`, `sluice-edge` and `sluice-camsim` as children, makes a login, a site, a
//! device and cameras through the same commands and API calls an operator uses, and says where everything is.
//! `make demo`, the browser tests and the bench stand on it.

mod children;
mod demo;
mod eventually;
mod hub_client;
mod onvif_site;
mod ports;

pub use children::Child;
pub use demo::{Demo, DemoConfig, DemoFile};
pub use eventually::{eventually, eventually_within};
pub use hub_client::HubClient;
pub use onvif_site::{OnvifConfig, OnvifSite};
pub use ports::Ports;
