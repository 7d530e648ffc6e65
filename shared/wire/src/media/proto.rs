//! The shape on the wire. Tags are never used twice; fields are only added.

use bytes::Bytes;
use prost::{Message, Oneof};
use sluice_ids::UnixMillis;

use super::{
    Announce, Clock, EdgeHello, EdgeStats, Epoch, FlowState, FromEdge, FromNode, Gap, Goaway, Line, LineKind,
    NodeStats, Start, Started, StartedFlow, Subscribe,
};
use crate::{
    control::proto::{PHubHello, PPing, PPong},
    error::{Decoded, MessageError, field},
    roq::FlowId,
};

impl FromEdge {
    /// The message's bytes, without their length.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        PFromEdge { kind: Some(self.into()) }.encode_to_vec().into()
    }

    /// Reads one message.
    ///
    /// # Errors
    /// When the bytes are no message of this protocol.
    pub fn decode(bytes: &[u8]) -> Result<Decoded<Self>, MessageError> {
        match PFromEdge::decode(bytes)?.kind {
            Some(kind) => kind.try_into().map(Decoded::Message),
            None => Ok(Decoded::Unknown),
        }
    }
}

impl FromNode {
    /// The message's bytes, without their length.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        PFromNode { kind: Some(self.into()) }.encode_to_vec().into()
    }

    /// Reads one message.
    ///
    /// # Errors
    /// When the bytes are no message of this protocol.
    pub fn decode(bytes: &[u8]) -> Result<Decoded<Self>, MessageError> {
        match PFromNode::decode(bytes)?.kind {
            Some(kind) => kind.try_into().map(Decoded::Message),
            None => Ok(Decoded::Unknown),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct PFromEdge {
    #[prost(oneof = "PFromEdgeKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    kind: Option<PFromEdgeKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum PFromEdgeKind {
    #[prost(message, tag = "1")]
    Hello(PEdgeHello),
    #[prost(message, tag = "2")]
    Announce(PAnnounce),
    #[prost(message, tag = "3")]
    Withdraw(PWithdraw),
    #[prost(message, tag = "4")]
    Started(PStarted),
    #[prost(message, tag = "5")]
    FlowState(PFlowState),
    #[prost(message, tag = "6")]
    Gap(PGap),
    #[prost(message, tag = "7")]
    Epoch(PEpoch),
    #[prost(message, tag = "8")]
    Clock(PClock),
    #[prost(message, tag = "9")]
    Ping(PPing),
    #[prost(message, tag = "10")]
    Pong(PPong),
    #[prost(message, tag = "11")]
    Stats(PEdgeStats),
    #[prost(message, tag = "12")]
    Goaway(PGoaway),
}

#[derive(Clone, PartialEq, Message)]
struct PFromNode {
    #[prost(oneof = "PFromNodeKind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    kind: Option<PFromNodeKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum PFromNodeKind {
    #[prost(message, tag = "1")]
    Hello(PHubHello),
    #[prost(message, tag = "2")]
    Subscribe(PSubscribe),
    #[prost(message, tag = "3")]
    Unsubscribe(PRequest),
    #[prost(message, tag = "4")]
    SetClass(PSetClass),
    #[prost(message, tag = "5")]
    Keyframe(PRequest),
    #[prost(message, tag = "6")]
    Ping(PPing),
    #[prost(message, tag = "7")]
    Pong(PPong),
    #[prost(message, tag = "8")]
    Stats(PNodeStats),
    #[prost(message, tag = "9")]
    Goaway(PGoaway),
}

#[derive(Clone, PartialEq, Message)]
struct PEdgeHello {
    #[prost(string, tag = "1")]
    device_id: String,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(uint32, tag = "3")]
    capability: u32,
}

#[derive(Clone, PartialEq, Message)]
struct PAnnounce {
    #[prost(string, tag = "1")]
    camera_id: String,
    #[prost(string, tag = "2")]
    tier: String,
    #[prost(string, tag = "3")]
    sdp: String,
    #[prost(string, tag = "4")]
    variant: String,
}

#[derive(Clone, PartialEq, Message)]
struct PWithdraw {
    #[prost(string, tag = "1")]
    camera_id: String,
    #[prost(string, tag = "2")]
    tier: String,
}

#[derive(Clone, PartialEq, Message)]
struct PSubscribe {
    #[prost(uint64, tag = "1")]
    request: u64,
    #[prost(string, tag = "2")]
    camera_id: String,
    #[prost(string, tag = "3")]
    tier: String,
    #[prost(uint32, tag = "4")]
    class: u32,
    #[prost(string, tag = "5")]
    start: String,
    #[prost(uint64, repeated, tag = "6")]
    flows: Vec<u64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PRequest {
    #[prost(uint64, tag = "1")]
    request: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PSetClass {
    #[prost(uint64, tag = "1")]
    request: u64,
    #[prost(uint32, tag = "2")]
    class: u32,
}

#[derive(Clone, PartialEq, Message)]
struct PStarted {
    #[prost(uint64, tag = "1")]
    request: u64,
    #[prost(string, tag = "2")]
    sdp: String,
    #[prost(message, repeated, tag = "3")]
    flows: Vec<PStartedFlow>,
    #[prost(message, repeated, tag = "4")]
    lines: Vec<PLine>,
}

#[derive(Clone, PartialEq, Message)]
struct PStartedFlow {
    #[prost(uint64, tag = "1")]
    flow: u64,
    #[prost(message, required, tag = "2")]
    line: PLine,
    #[prost(uint32, tag = "3")]
    epoch: u32,
    #[prost(fixed32, tag = "4")]
    ssrc: u32,
    #[prost(uint64, tag = "5")]
    first_sequence: u64,
    #[prost(fixed32, tag = "6")]
    timestamp: u32,
    #[prost(sint64, tag = "7")]
    captured_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct PLine {
    #[prost(uint32, tag = "1")]
    index: u32,
    #[prost(string, tag = "2")]
    kind: String,
    #[prost(string, tag = "3")]
    encoding: String,
    #[prost(uint32, tag = "4")]
    payload_type: u32,
    #[prost(uint32, tag = "5")]
    clock_rate: u32,
    #[prost(string, tag = "6")]
    fmtp: String,
}

#[derive(Clone, PartialEq, Message)]
struct PFlowState {
    #[prost(uint64, tag = "1")]
    request: u64,
    #[prost(string, tag = "2")]
    state: String,
    #[prost(string, tag = "3")]
    code: String,
    #[prost(string, tag = "4")]
    text: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PGap {
    #[prost(uint64, tag = "1")]
    flow: u64,
    #[prost(uint64, tag = "2")]
    from: u64,
    #[prost(uint64, tag = "3")]
    to: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PEpoch {
    #[prost(uint64, tag = "1")]
    flow: u64,
    #[prost(uint32, tag = "2")]
    epoch: u32,
    #[prost(fixed32, tag = "3")]
    ssrc: u32,
    #[prost(uint64, tag = "4")]
    first_sequence: u64,
    #[prost(uint64, tag = "5")]
    first_stream: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PClock {
    #[prost(uint64, tag = "1")]
    flow: u64,
    #[prost(fixed32, tag = "2")]
    timestamp: u32,
    #[prost(sint64, tag = "3")]
    captured_ms: i64,
    #[prost(sint64, optional, tag = "4")]
    camera_ms: Option<i64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PEdgeStats {
    #[prost(uint64, tag = "1")]
    units: u64,
    #[prost(uint64, tag = "2")]
    bytes: u64,
    #[prost(uint64, tag = "3")]
    cut: u64,
    #[prost(uint64, tag = "4")]
    queued_bytes: u64,
    #[prost(uint32, tag = "5")]
    rtt_ms: u32,
    #[prost(uint64, tag = "6")]
    lost_packets: u64,
    #[prost(uint64, tag = "7")]
    window_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PNodeStats {
    #[prost(uint64, tag = "1")]
    units: u64,
    #[prost(uint64, tag = "2")]
    bytes: u64,
    #[prost(uint64, tag = "3")]
    holes: u64,
}

#[derive(Clone, PartialEq, Message)]
struct PGoaway {
    #[prost(string, tag = "1")]
    code: String,
    #[prost(string, tag = "2")]
    text: String,
}

impl From<&FromEdge> for PFromEdgeKind {
    fn from(message: &FromEdge) -> Self {
        match message {
            FromEdge::Hello(hello) => Self::Hello(PEdgeHello {
                device_id: hello.device_id.to_string(),
                version: hello.version.clone(),
                capability: hello.capability,
            }),
            FromEdge::Announce(announce) => Self::Announce(PAnnounce {
                camera_id: announce.camera.to_string(),
                tier: announce.tier.to_string(),
                sdp: announce.sdp.clone(),
                variant: announce.variant.clone(),
            }),
            FromEdge::Withdraw { camera, tier } => {
                Self::Withdraw(PWithdraw { camera_id: camera.to_string(), tier: tier.to_string() })
            }
            FromEdge::Started(started) => Self::Started(started.into()),
            FromEdge::FlowState(state) => Self::FlowState(PFlowState {
                request: state.request,
                state: state.state.to_string(),
                code: state.code.map(|code| code.to_string()).unwrap_or_default(),
                text: state.text.clone(),
            }),
            FromEdge::Gap(gap) => Self::Gap(PGap { flow: gap.flow.0, from: gap.from, to: gap.to }),
            FromEdge::Epoch(epoch) => Self::Epoch(PEpoch {
                flow: epoch.flow.0,
                epoch: epoch.epoch,
                ssrc: epoch.ssrc,
                first_sequence: epoch.first_sequence,
                first_stream: epoch.first_stream,
            }),
            FromEdge::Clock(clock) => Self::Clock(PClock {
                flow: clock.flow.0,
                timestamp: clock.timestamp,
                captured_ms: clock.captured.0,
                camera_ms: clock.camera.map(|camera| camera.0),
            }),
            FromEdge::Ping(ping) => Self::Ping((*ping).into()),
            FromEdge::Pong(pong) => Self::Pong((*pong).into()),
            FromEdge::Stats(stats) => Self::Stats((*stats).into()),
            FromEdge::Goaway(goaway) => Self::Goaway(goaway.into()),
        }
    }
}

impl TryFrom<PFromEdgeKind> for FromEdge {
    type Error = MessageError;

    fn try_from(kind: PFromEdgeKind) -> Result<Self, MessageError> {
        Ok(match kind {
            PFromEdgeKind::Hello(hello) => Self::Hello(EdgeHello {
                device_id: field("device_id", &hello.device_id)?,
                version: hello.version,
                capability: hello.capability,
            }),
            PFromEdgeKind::Announce(announce) => Self::Announce(Announce {
                camera: field("camera_id", &announce.camera_id)?,
                tier: field("tier", &announce.tier)?,
                sdp: announce.sdp,
                variant: announce.variant,
            }),
            PFromEdgeKind::Withdraw(withdraw) => Self::Withdraw {
                camera: field("camera_id", &withdraw.camera_id)?,
                tier: field("tier", &withdraw.tier)?,
            },
            PFromEdgeKind::Started(started) => Self::Started(started.try_into()?),
            PFromEdgeKind::FlowState(state) => Self::FlowState(FlowState {
                request: state.request,
                state: field("state", &state.state)?,
                code: state.code.parse().ok(),
                text: state.text,
            }),
            PFromEdgeKind::Gap(gap) => Self::Gap(Gap { flow: FlowId(gap.flow), from: gap.from, to: gap.to }),
            PFromEdgeKind::Epoch(epoch) => Self::Epoch(Epoch {
                flow: FlowId(epoch.flow),
                epoch: epoch.epoch,
                ssrc: epoch.ssrc,
                first_sequence: epoch.first_sequence,
                first_stream: epoch.first_stream,
            }),
            PFromEdgeKind::Clock(clock) => Self::Clock(Clock {
                flow: FlowId(clock.flow),
                timestamp: clock.timestamp,
                captured: UnixMillis(clock.captured_ms),
                camera: clock.camera_ms.map(UnixMillis),
            }),
            PFromEdgeKind::Ping(ping) => Self::Ping(ping.into()),
            PFromEdgeKind::Pong(pong) => Self::Pong(pong.into()),
            PFromEdgeKind::Stats(stats) => Self::Stats(stats.into()),
            PFromEdgeKind::Goaway(goaway) => Self::Goaway(goaway.into()),
        })
    }
}

impl From<&FromNode> for PFromNodeKind {
    fn from(message: &FromNode) -> Self {
        match message {
            FromNode::Hello(hello) => Self::Hello(hello.into()),
            FromNode::Subscribe(subscribe) => Self::Subscribe(PSubscribe {
                request: subscribe.request,
                camera_id: subscribe.camera.to_string(),
                tier: subscribe.tier.to_string(),
                class: u32::from(subscribe.class),
                start: subscribe.start.to_string(),
                flows: subscribe.flows.iter().map(|flow| flow.0).collect(),
            }),
            FromNode::Unsubscribe { request } => Self::Unsubscribe(PRequest { request: *request }),
            FromNode::SetClass { request, class } => {
                Self::SetClass(PSetClass { request: *request, class: u32::from(*class) })
            }
            FromNode::Keyframe { request } => Self::Keyframe(PRequest { request: *request }),
            FromNode::Ping(ping) => Self::Ping((*ping).into()),
            FromNode::Pong(pong) => Self::Pong((*pong).into()),
            FromNode::Stats(stats) => {
                Self::Stats(PNodeStats { units: stats.units, bytes: stats.bytes, holes: stats.holes })
            }
            FromNode::Goaway(goaway) => Self::Goaway(goaway.into()),
        }
    }
}

impl TryFrom<PFromNodeKind> for FromNode {
    type Error = MessageError;

    fn try_from(kind: PFromNodeKind) -> Result<Self, MessageError> {
        Ok(match kind {
            PFromNodeKind::Hello(hello) => Self::Hello(hello.into()),
            PFromNodeKind::Subscribe(subscribe) => Self::Subscribe(Subscribe {
                request: subscribe.request,
                camera: field("camera_id", &subscribe.camera_id)?,
                tier: field("tier", &subscribe.tier)?,
                class: class(subscribe.class),
                start: subscribe.start.parse().unwrap_or(Start::NextKey),
                flows: subscribe.flows.into_iter().map(FlowId).collect(),
            }),
            PFromNodeKind::Unsubscribe(order) => Self::Unsubscribe { request: order.request },
            PFromNodeKind::SetClass(order) => {
                Self::SetClass { request: order.request, class: class(order.class) }
            }
            PFromNodeKind::Keyframe(order) => Self::Keyframe { request: order.request },
            PFromNodeKind::Ping(ping) => Self::Ping(ping.into()),
            PFromNodeKind::Pong(pong) => Self::Pong(pong.into()),
            PFromNodeKind::Stats(stats) => {
                Self::Stats(NodeStats { units: stats.units, bytes: stats.bytes, holes: stats.holes })
            }
            PFromNodeKind::Goaway(goaway) => Self::Goaway(goaway.into()),
        })
    }
}

/// There are eight classes; a larger number means the first of them.
fn class(on_the_wire: u32) -> u8 {
    on_the_wire.min(7) as u8
}

impl From<&Started> for PStarted {
    fn from(started: &Started) -> Self {
        let flow = |flow: &StartedFlow| PStartedFlow {
            flow: flow.flow.0,
            line: (&flow.line).into(),
            epoch: flow.epoch,
            ssrc: flow.ssrc,
            first_sequence: flow.first_sequence,
            timestamp: flow.timestamp,
            captured_ms: flow.captured.0,
        };
        Self {
            request: started.request,
            sdp: started.sdp.clone(),
            flows: started.flows.iter().map(flow).collect(),
            lines: started.lines.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<PStarted> for Started {
    type Error = MessageError;

    fn try_from(started: PStarted) -> Result<Self, MessageError> {
        let flow = |flow: PStartedFlow| {
            Ok(StartedFlow {
                flow: FlowId(flow.flow),
                line: flow.line.try_into()?,
                epoch: flow.epoch,
                ssrc: flow.ssrc,
                first_sequence: flow.first_sequence,
                timestamp: flow.timestamp,
                captured: UnixMillis(flow.captured_ms),
            })
        };
        Ok(Self {
            request: started.request,
            sdp: started.sdp,
            flows: started.flows.into_iter().map(flow).collect::<Result<_, MessageError>>()?,
            lines: started.lines.into_iter().map(TryInto::try_into).collect::<Result<_, MessageError>>()?,
        })
    }
}

impl From<&Line> for PLine {
    fn from(line: &Line) -> Self {
        Self {
            index: line.index,
            kind: line.kind.to_string(),
            encoding: line.encoding.clone(),
            payload_type: u32::from(line.payload_type),
            clock_rate: line.clock_rate,
            fmtp: line.fmtp.clone(),
        }
    }
}

impl TryFrom<PLine> for Line {
    type Error = MessageError;

    fn try_from(line: PLine) -> Result<Self, MessageError> {
        if line.clock_rate == 0 {
            return Err(MessageError::Field { field: "clock_rate" });
        }
        let payload_type = u8::try_from(line.payload_type).ok().filter(|number| *number < 128);
        Ok(Self {
            index: line.index,
            kind: line.kind.parse().unwrap_or(LineKind::Other),
            encoding: line.encoding,
            payload_type: payload_type.ok_or(MessageError::Field { field: "payload_type" })?,
            clock_rate: line.clock_rate,
            fmtp: line.fmtp,
        })
    }
}

impl From<EdgeStats> for PEdgeStats {
    fn from(stats: EdgeStats) -> Self {
        Self {
            units: stats.units,
            bytes: stats.bytes,
            cut: stats.cut,
            queued_bytes: stats.queued_bytes,
            rtt_ms: stats.rtt_ms,
            lost_packets: stats.lost_packets,
            window_bytes: stats.window_bytes,
        }
    }
}

impl From<PEdgeStats> for EdgeStats {
    fn from(stats: PEdgeStats) -> Self {
        Self {
            units: stats.units,
            bytes: stats.bytes,
            cut: stats.cut,
            queued_bytes: stats.queued_bytes,
            rtt_ms: stats.rtt_ms,
            lost_packets: stats.lost_packets,
            window_bytes: stats.window_bytes,
        }
    }
}

impl From<&Goaway> for PGoaway {
    fn from(goaway: &Goaway) -> Self {
        Self { code: goaway.code.clone(), text: goaway.text.clone() }
    }
}

impl From<PGoaway> for Goaway {
    fn from(goaway: PGoaway) -> Self {
        Self { code: goaway.code, text: goaway.text }
    }
}
