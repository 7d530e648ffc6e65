//! The control stream of `sluice/1` between an edge and a node: the first bidirectional stream, opened by the
//! edge, of [`frame`](crate::frame)d messages. Media goes beside it in [`roq`](crate::roq) streams.
//!
//! ```text
//! edge                                     node
//!  hello ────────────────────────────────▶
//!        ◀──────────────────────────────── hello        the link is up
//!  announce(camera, tier, sdp) ──────────▶              what it offers
//!        ◀─────────────── subscribe(request, flows)     somebody watches
//!  started(request, per flow: …) ────────▶              or flow_state(request, code, text), again on change
//!  clock(flow, …), media streams ════════▶
//!  gap(flow, from, to), epoch(flow, …) ──▶              what will never come; a new sequence
//!        ◀─────────────────── unsubscribe(request)      nobody watches: silence
//! ```
//!
//! Sequence numbers are RTP's, extended to 64 bits by the edge: the low 16 bits are those of the packets.

use sluice_ids::{CameraId, DeviceId, Tier, UnixMillis};

use crate::{
    roq::FlowId,
    words::{ReasonCode, words},
};

pub use crate::control::{HubHello, Ping, Pong};

mod proto;
#[cfg(test)]
mod tests;

/// The protocol's name in the TLS handshake.
pub const ALPN: &[u8] = b"sluice/1";

/// What an edge says to a node.
#[derive(Debug, Clone, PartialEq)]
pub enum FromEdge {
    /// First, once.
    Hello(EdgeHello),
    /// A stream can be had. Repeated when its description changes.
    Announce(Announce),
    /// A stream cannot be had any more.
    Withdraw {
        /// The camera.
        camera: CameraId,
        /// The tier of it.
        tier: Tier,
    },
    /// A subscription flows from now on.
    Started(Started),
    /// How a subscription that does not flow stands. Repeated on change.
    FlowState(FlowState),
    /// Packets that will not come.
    Gap(Gap),
    /// A new sequence begins.
    Epoch(Epoch),
    /// Which capture time an RTP timestamp stands for.
    Clock(Clock),
    /// Are you there, and what is your time?
    Ping(Ping),
    /// The answer to the node's ping.
    Pong(Pong),
    /// What was sent; each second while something flows.
    Stats(EdgeStats),
    /// The edge will close this link.
    Goaway(Goaway),
}

/// What a node says to an edge.
#[derive(Debug, Clone, PartialEq)]
pub enum FromNode {
    /// The answer to the edge's hello: the link is up.
    Hello(HubHello),
    /// Send this stream until told otherwise.
    Subscribe(Subscribe),
    /// Stop sending it.
    Unsubscribe {
        /// Of the subscription.
        request: u64,
    },
    /// Send it before or behind others from now on.
    SetClass {
        /// Of the subscription.
        request: u64,
        /// 0 is the last, 7 the first.
        class: u8,
    },
    /// Make the camera send a key frame.
    Keyframe {
        /// Of the subscription.
        request: u64,
    },
    /// Are you there, and what is your time?
    Ping(Ping),
    /// The answer to the edge's ping.
    Pong(Pong),
    /// What arrived; each second while something flows.
    Stats(NodeStats),
    /// The node will close this link.
    Goaway(Goaway),
}

/// An edge introduces itself. Its identity is its certificate; this must agree with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeHello {
    /// Who it is.
    pub device_id: DeviceId,
    /// Its program's version, for people.
    pub version: String,
    /// What it understands.
    pub capability: u32,
}

/// A stream that can be subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announce {
    /// The camera.
    pub camera: CameraId,
    /// The tier of it.
    pub tier: Tier,
    /// What the camera said of it (RFC 8866); empty if it was never asked.
    pub sdp: String,
    /// How it differs from what the camera sends; empty if it does not.
    pub variant: String,
}

/// A node wants a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Names the subscription; never used twice on a connection.
    pub request: u64,
    /// The camera.
    pub camera: CameraId,
    /// The tier of it.
    pub tier: Tier,
    /// 0 is the last, 7 the first.
    pub class: u8,
    /// Where to begin.
    pub start: Start,
    /// One for each m-line, in the order in which they begin; spare ones stay unused, lines without one are not sent.
    pub flows: Vec<FlowId>,
}

words! {
    /// Where a subscription begins.
    Start {
        /// With the pictures since the last key frame, where they are in memory.
        Cached = "cached",
        /// With the next key frame.
        NextKey = "next-key",
    }
}

/// A subscription flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Of the subscription.
    pub request: u64,
    /// What the camera says of the stream (RFC 8866).
    pub sdp: String,
    /// Every m-line that flows from here on, the one that a picture begins with first. An edge of capability 1 names
    /// none: its lines are those of `flows`.
    pub lines: Vec<Line>,
    /// The m-lines whose numbering begins here; others of `lines` are told when their first packet comes.
    pub flows: Vec<StartedFlow>,
}

/// One m-line that flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedFlow {
    /// Its number, as asked for.
    pub flow: FlowId,
    /// What it carries.
    pub line: Line,
    /// Counts sequences of this flow.
    pub epoch: u32,
    /// Of its packets.
    pub ssrc: u32,
    /// Of its first packet, extended.
    pub first_sequence: u64,
    /// The RTP timestamp of the first packet …
    pub timestamp: u32,
    /// … and when it was taken, in the edge's clock.
    pub captured: UnixMillis,
}

/// One m-line of a stream's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place in the SDP, from 0.
    pub index: u32,
    /// What it carries.
    pub kind: LineKind,
    /// As in the SDP, such as `H264`.
    pub encoding: String,
    /// RTP payload type.
    pub payload_type: u8,
    /// RTP ticks a second.
    pub clock_rate: u32,
    /// Format parameters, as in the SDP.
    pub fmtp: String,
}

words! {
    /// What an m-line carries.
    LineKind {
        /// Pictures.
        Video = "video",
        /// Sound.
        Audio = "audio",
        /// Anything else, such as ONVIF metadata.
        Other = "other",
    }
}

/// How the flows of a subscription stand while they do not flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowState {
    /// Of the subscription.
    pub request: u64,
    /// Where it stands.
    pub state: FlowPhase,
    /// The trouble; `None` if a newer edge has a word for it that this build does not know.
    pub code: Option<ReasonCode>,
    /// The trouble in words.
    pub text: String,
}

words! {
    /// Where the flows of a subscription stand.
    FlowPhase {
        /// The camera is being opened.
        Opening = "opening",
        /// The camera has trouble; it is tried again by itself.
        Resting = "resting",
        /// It flows again.
        Flowing = "flowing",
        /// It will not flow; the subscription is over.
        Ended = "ended",
    }
}

/// Packets that will not come: lost on the LAN, or given up by the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Whose.
    pub flow: FlowId,
    /// The first, extended.
    pub from: u64,
    /// The last, extended.
    pub to: u64,
}

/// The camera began a new sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// Whose.
    pub flow: FlowId,
    /// Counts sequences of this flow.
    pub epoch: u32,
    /// Of the packets from now on.
    pub ssrc: u32,
    /// Of the first packet from now on, extended; above every earlier one.
    pub first_sequence: u64,
    /// The index of the first media stream of this sequence: streams are opened in the order of the packets.
    pub first_stream: u64,
}

/// Ties a flow's RTP timestamps to capture times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Whose.
    pub flow: FlowId,
    /// An RTP timestamp …
    pub timestamp: u32,
    /// … and when it was taken, in the edge's clock.
    pub captured: UnixMillis,
    /// The same by the camera's own clock, which is often wrong.
    pub camera: Option<UnixMillis>,
}

/// What an edge has sent on this link since it is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EdgeStats {
    /// Access units handed to QUIC.
    pub units: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Access units given up because they were late.
    pub cut: u64,
    /// Bytes that wait at the edge now.
    pub queued_bytes: u64,
    /// The round trip, smoothed, in milliseconds.
    pub rtt_ms: u32,
    /// QUIC packets lost.
    pub lost_packets: u64,
    /// The congestion window, in bytes.
    pub window_bytes: u64,
}

/// What a node has received on this link since it is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeStats {
    /// Access units that came whole.
    pub units: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Holes that nobody explained in time.
    pub holes: u64,
}

/// The sender will close this link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goaway {
    /// From a closed set, such as `stopping`.
    pub code: String,
    /// In words.
    pub text: String,
}
