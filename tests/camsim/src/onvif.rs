//! The ONVIF side of the cameras: SOAP over HTTP, snapshots and WS-Discovery. Cheap enough for a hundred in one
//! process: a camera that nobody asks costs nothing.
//!
//! ```text
//! POST …/device_service  …/media_service  …/media2_service  …/ptz_service  …/event_service   `…` is /onvif/{number},
//! POST …/subscription/{number}    pull points                                                 or /onvif where each
//! GET  …/snapshot/{tier}          JPEG                                                        has its own address
//! ```

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

use crate::camera::CameraState;

/// Who a camera is: the same after every start, wherever it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// `urn:uuid:…`, its WS-Discovery endpoint reference.
    pub(crate) endpoint: String,
    pub(crate) serial: String,
    /// Locally administered, as no vendor's.
    pub(crate) mac: String,
}

impl Identity {
    pub(crate) fn of(camera: &CameraState) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, camera.name.as_bytes());
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
