//! The API as its callers see it: the real router over a real store, with a played node and played devices.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "api/hub.rs"]
mod hub;

#[path = "api/access.rs"]
mod access;
#[path = "api/advice.rs"]
mod advice;
#[path = "api/cameras.rs"]
mod cameras;
#[path = "api/discoveries.rs"]
mod discoveries;
#[path = "api/envelope.rs"]
mod envelope;
#[path = "api/events.rs"]
mod events;
#[path = "api/isolation.rs"]
mod isolation;
#[path = "api/login.rs"]
mod login;
#[path = "api/onvif.rs"]
mod onvif;
#[path = "api/openapi.rs"]
mod openapi;
#[path = "api/play.rs"]
mod play;
#[path = "api/poster.rs"]
mod poster;
#[path = "api/protocols.rs"]
mod protocols;
#[path = "api/ptz.rs"]
mod ptz;
#[path = "api/secrets.rs"]
mod secrets;
#[path = "api/warm.rs"]
mod warm;
