//! The program as it is started on an appliance, without a hub.
#![expect(clippy::unwrap_used, reason = "a test")]

mod appliance;
mod process;
mod restart;
