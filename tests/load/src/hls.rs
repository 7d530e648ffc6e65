//! Low-latency HLS viewers: they fetch what hls.js fetches, when it does, and measure how old it is.
//!
//! [`playlist`] reads what a node writes, [`connection`] is one keep-alive connection of HTTP/1.1 or HTTP/2 without
//! TLS, [`viewer`] follows one camera by blocking reload, and [`crowd`] runs many or asks as fast as it can.

mod connection;
mod crowd;
mod playlist;
mod viewer;

pub use connection::{Connection, Http, Response};
pub use crowd::{HlsCrowd, HlsReport, RateReport};
pub use playlist::{Master, Part, Playlist, Segment, join};
pub use viewer::{HlsSeen, PartSeen, follow};
