//! Headless viewers: they do what a browser does up to the decoder, and measure.
//!
//! [`Peer`] is one WebRTC receiver (UDP or ICE-TCP) that decrypts everything; [`Tally`] makes figures of what it
//! received; [`follow`] is one viewer of low-latency HLS; [`Hub`] asks a hub for playback as any dashboard would. The binary `sluice-load` runs many of them.

mod crowd;
mod hls;
mod hub;
mod peer;
mod process;
mod report;
mod tally;
mod transport;
mod viewer;

pub use crowd::{Crowd, Used};
pub use hls::{
    Connection, HlsCrowd, HlsReport, HlsSeen, Http, Master, Part, PartSeen, Playlist, RateReport, Response,
    Segment, follow, join,
};
pub use hub::{Grant, Hub};
pub use peer::{Event, Packet, Peer, SenderReport, Wish};
pub use process::Usage;
pub use report::{ProcessReport, Report, Spread};
pub use tally::{Frame, Tally};
pub use transport::Transport;
pub use viewer::{Ramp, Seen, watch};
