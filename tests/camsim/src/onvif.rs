//! The ONVIF side of the cameras: SOAP over HTTP, snapshots and WS-Discovery. Cheap enough for a hundred in one
//! process: a camera that nobody asks costs nothing.
//!
//! ```text
//! POST …/device_service  …/media_service  …/media2_service  …/ptz_service  …/event_service   `…` is /onvif/{number},
//! POST …/subscription/{number}    pull points                                                 or /onvif where each
//! GET  …/snapshot/{tier}          JPEG; of a recorder …/snapshot/{channel}/{tier}             has its own address
//! ```
//!
//! A device is a camera, or a recorder: then each of its channels is a video source with profiles, a head and an encoder
//! of its own, and they share one address, one account, one pull point and one budget of sessions.

mod access;
mod device;
mod discovery;
mod events;
mod media;
mod ptz;
mod server;
mod soap;
mod xml;

pub use events::CameraEvent;
pub use ptz::PtzStatus;

pub(crate) use discovery::Responder;
pub(crate) use events::Events;
pub(crate) use ptz::Head;
pub(crate) use server::spawn;

use crate::camera::DeviceState;

/// Who a device is: the same after every start, wherever it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `urn:uuid:…`, its WS-Discovery endpoint reference.
    pub(crate) endpoint: String,
    pub(crate) serial: String,
    /// Locally administered, as no vendor's.
    pub(crate) mac: String,
}

impl Identity {
    pub(crate) fn of(device: &DeviceState) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, device.name.as_bytes());
        let hex = hex::encode(digest.as_ref());
        let octets: Vec<&str> = (0..5).map(|octet| &hex[2 * octet..2 * octet + 2]).collect();
        Self {
            // RFC 9562: version 5 in its place, variant 8.
            endpoint: format!(
                "urn:uuid:{}-{}-5{}-8{}-{}",
                &hex[..8],
                &hex[8..12],
                &hex[13..16],
                &hex[17..20],
                &hex[20..32]
            ),
            serial: format!("CS{}", hex[32..42].to_uppercase()),
            mac: format!("02:{}", octets.join(":")),
        }
    }
}
