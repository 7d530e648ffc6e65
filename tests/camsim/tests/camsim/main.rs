//! The cameras as their clients see them: through their sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod clients;
mod codecs;
mod faults;
mod lines;
mod onvif;
mod sessions;
mod support;
