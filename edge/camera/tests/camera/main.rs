//! The ONVIF side of cameras, against virtual ones and against servers that mean harm.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod discovery;
mod hostile;
mod onvif;
mod peer;
mod registry;
mod support;
