//! The cameras as their clients see them: through their sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod clients;
mod faults;
mod sessions;
mod support;
