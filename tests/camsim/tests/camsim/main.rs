//! The cameras as their clients see them: through their sockets.

mod clients;
mod faults;
mod sessions;
mod support;
