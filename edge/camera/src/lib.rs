//! Which cameras this site has, kept over a power cut, and what they are beside their streams: found, understood, asked.
//!
//! ```text
//!            ┌ discovery, inventory: which there are
//! Connector ─┤ understand: who a device is, its tiers              ┌ watcher   facts, encoder settings
//!            └ Cameras: those of the registry ─ one contact a device ─┤ listener  events, by pull point
//!                                                                  └ head      PTZ, stopped when nobody does
//! Onvif (our words) ─ client (oxvif) ─ Caller (one account) ─ Http: networks, pins, deadlines, what may be read
//!                        └ Guardian: a permit for every question
//! ```
//!
//! [`Connector::open`] gives the ONVIF side of one device as [`Onvif`]; [`understand`] asks it once. [`Cameras`] owns the
//! ONVIF side of every camera of the registry: [`Cameras::apply`] what should be, [`Cameras::facts`] what is,
//! [`Cameras::act`] for what is not state, [`Cameras::request_key_frame`], [`Cameras::moved`] and [`Cameras::rewrite`]
//! for a device that has another address than the registry thinks, and a bounded receiver of events.
//!
//! The [`ledger`] keeps the last desired document over a power cut at any byte.

mod cameras;
mod client;
mod credentials;
pub mod discovery;
mod found;
pub mod inventory;
pub mod ledger;
mod metrics;
mod networks;
mod onvif;
mod pins;
pub mod transport;
pub mod understand;

pub use cameras::{Cameras, Known, Opener};
pub use client::Connector;
pub use credentials::Credentials;
pub use found::{device_key, understand};
pub use metrics::CameraMetrics;
pub use networks::{Networks, NoRange, Range};
pub use onvif::{AskError, Asked, Change, Channel, Device, Notice, Onvif, PtzAnswer, Subscription};
pub use pins::Pins;
pub use transport::{HttpError, Trouble};
