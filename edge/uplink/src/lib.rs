//! The links of an edge to its hub: dial, hello, what to send first, when to give up, when to dial again.
//!
//! ```text
//! agent ─report, catalogue─▶ Uplink ─┬─ control link (always one): desired state down, reports up
//!       ─found, events, answers──────┤                                   orders down, what was found up
//!       ◀─ desired, orders, status ──┴─ media link per node: subscriptions down, access units up
//!
//! media link:  Source ─▶ pump (numbers, clock) ─▶ outbox (order, window, late GOPs cut) ─▶ one QUIC stream a unit
//! ```
//!
//! Invariants: nothing is sent of a camera that nobody subscribed to; at most one copy of a stream crosses a
//! link; QUIC is handed no more than about one round trip's worth; a late picture takes the rest of its GOP
//! with it; a link that fell silent while something flows is dialled anew beside the old one ([`redial`]).

mod connection;
mod control;
pub mod controller;
mod error;
mod liveness;
mod media;
mod metrics;
mod orders;
mod outbox;
mod redial;
mod report;
mod status;
mod stream;
mod transport;
mod uplink;

pub use error::{DialError, UplinkError};
pub use status::{LinkStatus, NodeStatus, UplinkStatus};
pub use uplink::{Catalogue, Uplink, UplinkConfig};
