//! The shape on the wire. Tags are never used twice; fields are only added.

use std::time::Duration;

use bytes::Bytes;
use prost::{Message, Oneof};
use sluice_ids::UnixMillis;

mod camera;
mod order;

use camera::{PCameraEvent, PCameraFacts, PDesiredOnvif, PEncoderSettings, PFound, PHeldSession};
use order::{PAnswer, POrder};

use super::{
    CameraReport, Desired, DesiredCamera, DesiredNode, DesiredTier, EdgeHello, HealthItem, HubHello, Ping,
    Pong, Reported, TierReport, TierState, ToEdge, ToHub, Transport, Warm,
};
use crate::error::{Decoded, MessageError, field};

impl ToHub {
    /// The message's bytes, without their length.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        PToHub { kind: Some(self.into()) }.encode_to_vec().into()
    }

    /// Reads one message.
    ///
    /// # Errors
    /// When the bytes are no message of this protocol.
    pub fn decode(bytes: &[u8]) -> Result<Decoded<Self>, MessageError> {
        match PToHub::decode(bytes)?.kind {
            Some(kind) => kind.try_into().map(Decoded::Message),
            None => Ok(Decoded::Unknown),
        }
    }
}

impl ToEdge {
    /// The message's bytes, without their length.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        PToEdge { kind: Some(self.into()) }.encode_to_vec().into()
    }

    /// Reads one message.
    ///
    /// # Errors
    /// When the bytes are no message of this protocol.
    pub fn decode(bytes: &[u8]) -> Result<Decoded<Self>, MessageError> {
        match PToEdge::decode(bytes)?.kind {
            Some(kind) => kind.read().map(|known| known.map_or(Decoded::Unknown, Decoded::Message)),
            None => Ok(Decoded::Unknown),
        }
    }
}

#[derive(Clone, PartialEq, Message)]
struct PToHub {
    #[prost(oneof = "PToHubKind", tags = "1, 2, 3, 4, 5, 6, 7")]
    kind: Option<PToHubKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum PToHubKind {
    #[prost(message, tag = "1")]
    Hello(PEdgeHello),
    #[prost(message, tag = "2")]
    Reported(PReported),
    #[prost(message, tag = "3")]
    Ping(PPing),
    #[prost(message, tag = "4")]
    Pong(PPong),
    #[prost(message, tag = "5")]
    Found(PFound),
    #[prost(message, tag = "6")]
    Answer(PAnswer),
    #[prost(message, tag = "7")]
    Event(PCameraEvent),
}

#[derive(Clone, PartialEq, Message)]
struct PToEdge {
    #[prost(oneof = "PToEdgeKind", tags = "1, 2, 3, 4, 5, 6")]
    kind: Option<PToEdgeKind>,
}

#[derive(Clone, PartialEq, Oneof)]
enum PToEdgeKind {
    #[prost(message, tag = "1")]
    Hello(PHubHello),
    #[prost(message, tag = "2")]
    Desired(PDesired),
    #[prost(message, tag = "3")]
    Ping(PPing),
    #[prost(message, tag = "4")]
    Pong(PPong),
    #[prost(message, tag = "5")]
    Keyframe(PKeyframe),
    #[prost(message, tag = "6")]
    Order(POrder),
}

#[derive(Clone, PartialEq, Message)]
struct PEdgeHello {
    #[prost(string, tag = "1")]
    device_id: String,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(uint32, tag = "3")]
    capability: u32,
    #[prost(bytes = "vec", tag = "4")]
    seal_public_key: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PHubHello {
    #[prost(string, tag = "1")]
    version: String,
    #[prost(uint32, tag = "2")]
    capability: u32,
    #[prost(sint64, tag = "3")]
    now: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct PPing {
    #[prost(sint64, tag = "1")]
    sent: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct PPong {
    #[prost(sint64, tag = "1")]
    ping_sent: i64,
    #[prost(sint64, tag = "2")]
    received: i64,
    #[prost(sint64, tag = "3")]
    sent: i64,
}

#[derive(Clone, PartialEq, Message)]
struct PKeyframe {
    #[prost(string, tag = "1")]
    camera_id: String,
    #[prost(string, tag = "2")]
    tier: String,
}

#[derive(Clone, PartialEq, Message)]
struct PDesired {
    #[prost(uint64, tag = "1")]
    generation: u64,
    #[prost(message, repeated, tag = "2")]
    cameras: Vec<PDesiredCamera>,
    #[prost(message, repeated, tag = "3")]
    nodes: Vec<PDesiredNode>,
}

#[derive(Clone, PartialEq, Message)]
struct PDesiredCamera {
    #[prost(string, tag = "1")]
    camera_id: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "3")]
    tiers: Vec<PDesiredTier>,
    #[prost(string, tag = "4")]
    username: String,
    #[prost(bytes = "vec", tag = "5")]
    sealed_password: Vec<u8>,
    #[prost(string, tag = "6")]
    warm: String,
    #[prost(uint64, tag = "7")]
    linger_ms: u64,
    #[prost(string, tag = "8")]
    transport: String,
    #[prost(message, optional, tag = "9")]
    onvif: Option<PDesiredOnvif>,
    #[prost(string, tag = "10")]
    sealed_as: String,
    #[prost(uint32, tag = "11")]
    session_budget: u32,
}

#[derive(Clone, PartialEq, Message)]
struct PDesiredTier {
    #[prost(string, tag = "1")]
    tier: String,
    #[prost(string, tag = "2")]
    url: String,
    #[prost(string, tag = "3")]
    profile: String,
}

#[derive(Clone, PartialEq, Message)]
struct PDesiredNode {
    #[prost(string, tag = "1")]
    node_id: String,
    #[prost(string, tag = "2")]
    address: String,
}

#[derive(Clone, PartialEq, Message)]
struct PReported {
    #[prost(uint64, tag = "1")]
    generation: u64,
    #[prost(message, repeated, tag = "2")]
    cameras: Vec<PCameraReport>,
    #[prost(message, repeated, tag = "3")]
    health: Vec<PHealthItem>,
}

#[derive(Clone, PartialEq, Message)]
struct PCameraReport {
    #[prost(string, tag = "1")]
    camera_id: String,
    #[prost(message, repeated, tag = "2")]
    tiers: Vec<PTierReport>,
    #[prost(message, optional, tag = "3")]
    facts: Option<PCameraFacts>,
    #[prost(message, repeated, tag = "4")]
    sessions: Vec<PHeldSession>,
    #[prost(uint32, tag = "5")]
    session_budget: u32,
}

#[derive(Clone, PartialEq, Message)]
struct PTierReport {
    #[prost(string, tag = "1")]
    tier: String,
    #[prost(string, tag = "2")]
    state: String,
    #[prost(string, tag = "3")]
    reason_code: String,
    #[prost(string, tag = "4")]
    reason_text: String,
    #[prost(sint64, tag = "5")]
    since_ms: i64,
    #[prost(string, optional, tag = "6")]
    codec: Option<String>,
    #[prost(string, optional, tag = "7")]
    profile: Option<String>,
    #[prost(string, optional, tag = "8")]
    level: Option<String>,
    #[prost(uint32, tag = "9")]
    width: u32,
    #[prost(uint32, tag = "10")]
    height: u32,
    #[prost(double, optional, tag = "11")]
    fps: Option<f64>,
    #[prost(double, optional, tag = "12")]
    gop_s: Option<f64>,
    #[prost(bool, tag = "13")]
    b_frames: bool,
    #[prost(uint32, tag = "14")]
    bitrate_kbps: u32,
    #[prost(uint64, tag = "15")]
    warm_bytes: u64,
    #[prost(bool, tag = "16")]
    forwarding: bool,
    #[prost(string, optional, tag = "17")]
    audio_codec: Option<String>,
    #[prost(uint32, tag = "18")]
    audio_rate: u32,
    #[prost(uint32, tag = "19")]
    audio_channels: u32,
    #[prost(message, optional, tag = "20")]
    encoder: Option<PEncoderSettings>,
}

#[derive(Clone, PartialEq, Message)]
struct PHealthItem {
    #[prost(string, tag = "1")]
    code: String,
    #[prost(string, tag = "2")]
    severity: String,
    #[prost(string, tag = "3")]
    text: String,
}

impl From<&ToHub> for PToHubKind {
    fn from(message: &ToHub) -> Self {
        match message {
            ToHub::Hello(hello) => Self::Hello(PEdgeHello {
                device_id: hello.device_id.to_string(),
                version: hello.version.clone(),
                capability: hello.capability,
                seal_public_key: hello.seal_public_key.clone(),
            }),
            ToHub::Reported(reported) => Self::Reported(reported.into()),
            ToHub::Ping(ping) => Self::Ping((*ping).into()),
            ToHub::Pong(pong) => Self::Pong((*pong).into()),
            ToHub::Found(found) => Self::Found(found.into()),
            ToHub::Answer(answer) => Self::Answer(answer.into()),
            ToHub::Event(event) => Self::Event(event.into()),
        }
    }
}

impl TryFrom<PToHubKind> for ToHub {
    type Error = MessageError;

    fn try_from(kind: PToHubKind) -> Result<Self, MessageError> {
        Ok(match kind {
            PToHubKind::Hello(hello) => Self::Hello(EdgeHello {
                device_id: field("device_id", &hello.device_id)?,
                version: hello.version,
                capability: hello.capability,
                seal_public_key: hello.seal_public_key,
            }),
            PToHubKind::Reported(reported) => Self::Reported(reported.try_into()?),
            PToHubKind::Ping(ping) => Self::Ping(ping.into()),
            PToHubKind::Pong(pong) => Self::Pong(pong.into()),
            PToHubKind::Found(found) => Self::Found(found.into()),
            PToHubKind::Answer(answer) => Self::Answer(answer.into()),
            PToHubKind::Event(event) => Self::Event(event.try_into()?),
        })
    }
}

impl From<&ToEdge> for PToEdgeKind {
    fn from(message: &ToEdge) -> Self {
        match message {
            ToEdge::Hello(hello) => Self::Hello(hello.into()),
            ToEdge::Desired(desired) => Self::Desired(desired.into()),
            ToEdge::Keyframe { camera, tier } => {
                Self::Keyframe(PKeyframe { camera_id: camera.to_string(), tier: tier.to_string() })
            }
            ToEdge::Ping(ping) => Self::Ping((*ping).into()),
            ToEdge::Pong(pong) => Self::Pong((*pong).into()),
            ToEdge::Order(order) => Self::Order(order.into()),
        }
    }
}

impl PToEdgeKind {
    /// `None` for an order that a later hub knows.
    fn read(self) -> Result<Option<ToEdge>, MessageError> {
        Ok(Some(match self {
            Self::Hello(hello) => ToEdge::Hello(hello.into()),
            Self::Desired(desired) => ToEdge::Desired(desired.try_into()?),
            Self::Keyframe(order) => ToEdge::Keyframe {
                camera: field("camera_id", &order.camera_id)?,
                tier: field("tier", &order.tier)?,
            },
            Self::Ping(ping) => ToEdge::Ping(ping.into()),
            Self::Pong(pong) => ToEdge::Pong(pong.into()),
            Self::Order(order) => return Ok(order.read()?.map(ToEdge::Order)),
        }))
    }
}

impl From<&HubHello> for PHubHello {
    fn from(hello: &HubHello) -> Self {
        Self { version: hello.version.clone(), capability: hello.capability, now: hello.now.0 }
    }
}

impl From<PHubHello> for HubHello {
    fn from(hello: PHubHello) -> Self {
        Self { version: hello.version, capability: hello.capability, now: UnixMillis(hello.now) }
    }
}

impl From<Ping> for PPing {
    fn from(ping: Ping) -> Self {
        Self { sent: ping.sent.0 }
    }
}

impl From<PPing> for Ping {
    fn from(ping: PPing) -> Self {
        Self { sent: UnixMillis(ping.sent) }
    }
}

impl From<Pong> for PPong {
    fn from(pong: Pong) -> Self {
        Self { ping_sent: pong.ping_sent.0, received: pong.received.0, sent: pong.sent.0 }
    }
}

impl From<PPong> for Pong {
    fn from(pong: PPong) -> Self {
        Self {
            ping_sent: UnixMillis(pong.ping_sent),
            received: UnixMillis(pong.received),
            sent: UnixMillis(pong.sent),
        }
    }
}

impl From<&Desired> for PDesired {
    fn from(desired: &Desired) -> Self {
        let nodes = desired.nodes.iter().map(|node| PDesiredNode {
            node_id: node.node_id.to_string(),
            address: node.address.to_string(),
        });
        Self {
            generation: desired.generation,
            cameras: desired.cameras.iter().map(Into::into).collect(),
            nodes: nodes.collect(),
        }
    }
}

impl TryFrom<PDesired> for Desired {
    type Error = MessageError;

    fn try_from(desired: PDesired) -> Result<Self, MessageError> {
        let node = |node: PDesiredNode| {
            Ok(DesiredNode {
                node_id: field("node_id", &node.node_id)?,
                address: field("address", &node.address)?,
            })
        };
        Ok(Self {
            generation: desired.generation,
            cameras: desired.cameras.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            nodes: desired.nodes.into_iter().map(node).collect::<Result<_, MessageError>>()?,
        })
    }
}

impl From<&DesiredCamera> for PDesiredCamera {
    fn from(camera: &DesiredCamera) -> Self {
        let tier = |tier: &DesiredTier| PDesiredTier {
            tier: tier.tier.to_string(),
            url: tier.url.clone(),
            profile: tier.profile.clone(),
        };
        Self {
            camera_id: camera.camera_id.to_string(),
            name: camera.name.clone(),
            tiers: camera.tiers.iter().map(tier).collect(),
            username: camera.username.clone(),
            sealed_password: camera.sealed_password.clone(),
            warm: camera.warm.to_string(),
            linger_ms: u64::try_from(camera.linger.as_millis()).unwrap_or(u64::MAX),
            transport: match camera.transport {
                // Nothing at all, as a hub says that knows no other.
                Transport::Tcp => String::new(),
                Transport::Udp => camera.transport.to_string(),
            },
            onvif: camera.onvif.as_ref().map(Into::into),
            sealed_as: camera.sealed_as.clone(),
            session_budget: camera.session_budget,
        }
    }
}

impl TryFrom<PDesiredCamera> for DesiredCamera {
    type Error = MessageError;

    fn try_from(camera: PDesiredCamera) -> Result<Self, MessageError> {
        // A tier that a later hub knows is not offered by this build.
        let tier = |tier: PDesiredTier| {
            Some(DesiredTier { tier: tier.tier.parse().ok()?, url: tier.url, profile: tier.profile })
        };
        Ok(Self {
            camera_id: field("camera_id", &camera.camera_id)?,
            name: camera.name,
            tiers: camera.tiers.into_iter().filter_map(tier).collect(),
            username: camera.username,
            sealed_password: camera.sealed_password,
            warm: camera.warm.parse().unwrap_or(Warm::Sub),
            linger: Duration::from_millis(camera.linger_ms),
            transport: camera.transport.parse().unwrap_or_default(),
            onvif: camera.onvif.map(Into::into),
            sealed_as: camera.sealed_as,
            session_budget: camera.session_budget,
        })
    }
}

impl From<&Reported> for PReported {
    fn from(reported: &Reported) -> Self {
        let camera = |camera: &CameraReport| PCameraReport {
            camera_id: camera.camera_id.to_string(),
            tiers: camera.tiers.iter().map(Into::into).collect(),
            facts: camera.facts.as_ref().map(Into::into),
            sessions: camera.sessions.iter().map(Into::into).collect(),
            session_budget: camera.session_budget,
        };
        let item = |item: &HealthItem| PHealthItem {
            code: item.code.clone(),
            severity: item.severity.clone(),
            text: item.text.clone(),
        };
        Self {
            generation: reported.generation,
            cameras: reported.cameras.iter().map(camera).collect(),
            health: reported.health.iter().map(item).collect(),
        }
    }
}

impl TryFrom<PReported> for Reported {
    type Error = MessageError;

    fn try_from(reported: PReported) -> Result<Self, MessageError> {
        let camera = |camera: PCameraReport| {
            Ok(CameraReport {
                camera_id: field("camera_id", &camera.camera_id)?,
                tiers: camera.tiers.into_iter().filter_map(tier_report).collect(),
                facts: camera.facts.map(Into::into),
                sessions: camera.sessions.into_iter().filter_map(PHeldSession::read).collect(),
                session_budget: camera.session_budget,
            })
        };
        let item =
            |item: PHealthItem| HealthItem { code: item.code, severity: item.severity, text: item.text };
        Ok(Self {
            generation: reported.generation,
            cameras: reported.cameras.into_iter().map(camera).collect::<Result<_, MessageError>>()?,
            health: reported.health.into_iter().map(item).collect(),
        })
    }
}

impl From<&TierReport> for PTierReport {
    fn from(report: &TierReport) -> Self {
        Self {
            tier: report.tier.to_string(),
            state: report.state.to_string(),
            reason_code: report.reason_code.map(|code| code.to_string()).unwrap_or_default(),
            reason_text: report.reason_text.clone(),
            since_ms: report.since_ms.0,
            codec: report.codec.clone(),
            profile: report.profile.clone(),
            level: report.level.clone(),
            width: report.width,
            height: report.height,
            fps: report.fps,
            gop_s: report.gop_s,
            b_frames: report.b_frames,
            bitrate_kbps: report.bitrate_kbps,
            warm_bytes: report.warm_bytes,
            forwarding: report.forwarding,
            audio_codec: report.audio_codec.clone(),
            audio_rate: report.audio_rate,
            audio_channels: report.audio_channels,
            encoder: report.encoder.as_ref().map(Into::into),
        }
    }
}

/// `None` for a tier or a state that a later edge knows.
fn tier_report(report: PTierReport) -> Option<TierReport> {
    let state: TierState = report.state.parse().ok()?;
    Some(TierReport {
        reason_code: report.reason_code.parse().ok(),
        reason_text: report.reason_text,
        codec: report.codec,
        profile: report.profile,
        level: report.level,
        width: report.width,
        height: report.height,
        fps: report.fps,
        gop_s: report.gop_s,
        b_frames: report.b_frames,
        bitrate_kbps: report.bitrate_kbps,
        warm_bytes: report.warm_bytes,
        forwarding: report.forwarding,
        audio_codec: report.audio_codec,
        audio_rate: report.audio_rate,
        audio_channels: report.audio_channels,
        encoder: report.encoder.map(Into::into),
        ..TierReport::new(report.tier.parse().ok()?, state, UnixMillis(report.since_ms))
    })
}
