//! `sluice-control/1` between an edge and control: one bidirectional stream, opened by the edge, of
//! [`frame`](crate::frame)d messages. The edge speaks first; the link is up when the hub's hello has come.

use std::{net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};
use sluice_ids::{CameraId, DeviceId, NodeId, Tier, UnixMillis};

use crate::words::{ReasonCode, words};

mod camera;
pub(crate) mod proto;
#[cfg(test)]
mod tests;

pub use camera::{
    Action, Answer, CameraEvent, CameraEventKind, CameraFacts, Capabilities, DesiredOnvif, EncoderChange,
    EncoderSettings, Failure, FailureCode, Found, FoundCamera, FoundState, FoundTier, HeldSession, How,
    MAX_POSTER, OfferedCredential, Order, Outcome, Poster, Preset, PtzCommand, SessionKind, SessionState,
    Tried,
};

/// The protocol's name in the TLS handshake.
pub const ALPN: &[u8] = b"sluice-control/1";

/// What an edge says.
#[derive(Debug, Clone, PartialEq)]
pub enum ToHub {
    /// First, once.
    Hello(EdgeHello),
    /// How it stands, whenever that changed.
    Reported(Reported),
    /// Are you there, and what is your time?
    Ping(Ping),
    /// The answer to the hub's ping.
    Pong(Pong),
    /// What it found on its networks, whenever that changed.
    Found(Found),
    /// What became of an order.
    Answer(Answer),
    /// A camera noticed something.
    Event(CameraEvent),
}

/// What control says.
#[derive(Debug, Clone, PartialEq)]
pub enum ToEdge {
    /// The answer to the edge's hello: the link is up.
    Hello(HubHello),
    /// What should be; replaces what was said before.
    Desired(Desired),
    /// Make the camera send a key frame.
    Keyframe {
        /// The camera.
        camera: CameraId,
        /// The tier of it.
        tier: Tier,
    },
    /// Are you there, and what is your time?
    Ping(Ping),
    /// The answer to the edge's ping.
    Pong(Pong),
    /// Do this once and answer.
    Order(Order),
}

/// An edge introduces itself. Its identity is its certificate; this must agree with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeHello {
    /// Who it is.
    pub device_id: DeviceId,
    /// Its program's version, for people.
    pub version: String,
    /// What it understands: [`CAPABILITY`](crate::CAPABILITY) of its build.
    pub capability: u32,
    /// The key that secrets for this device are sealed to (X25519).
    pub seal_public_key: Vec<u8>,
}

/// The hub introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubHello {
    /// Its program's version, for people.
    pub version: String,
    /// What it understands.
    pub capability: u32,
    /// Its time: an edge without a clock takes this one.
    pub now: UnixMillis,
}

/// The first half of a clock exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping {
    /// When it was sent, in the sender's clock.
    pub sent: UnixMillis,
}

/// The second half of a clock exchange: three times, the fourth is the arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pong {
    /// `sent` of the ping.
    pub ping_sent: UnixMillis,
    /// When the ping arrived, in the answerer's clock.
    pub received: UnixMillis,
    /// When this was sent, in the answerer's clock.
    pub sent: UnixMillis,
}

impl Pong {
    /// What must be added to the answerer's clock to get the asker's, in milliseconds, with the round trip it
    /// was measured over; the error is at most half the round trip.
    #[must_use]
    pub fn offset(&self, arrived: UnixMillis) -> (i64, Duration) {
        let there = self.ping_sent.0.saturating_sub(self.received.0);
        let back = arrived.0.saturating_sub(self.sent.0);
        let held = self.sent.since(self.received);
        (there.saturating_add(back) / 2, arrived.since(self.ping_sent).saturating_sub(held))
    }
}

/// What a device should do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Desired {
    /// Counts changes of this document; the device reports the one it acts on.
    pub generation: u64,
    /// The cameras it pulls.
    pub cameras: Vec<DesiredCamera>,
    /// The media nodes it keeps a link to.
    pub nodes: Vec<DesiredNode>,
}

/// A camera as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredCamera {
    /// Which.
    pub camera_id: CameraId,
    /// Its name, for people.
    pub name: String,
    /// Its streams.
    pub tiers: Vec<DesiredTier>,
    /// The user name for the camera; empty if it asks for none.
    pub username: String,
    /// The password, sealed to the device's key; empty if there is none.
    pub sealed_password: Vec<u8>,
    /// The associated data that the password was sealed with; empty for the camera's id.
    #[serde(default)]
    pub sealed_as: String,
    /// Which tiers are kept warm.
    pub warm: Warm,
    /// How long the pull goes on after the last subscription of a tier that is not kept warm.
    pub linger: Duration,
    /// How its packets come.
    #[serde(default)]
    pub transport: Transport,
    /// Its ONVIF side, if it has one.
    #[serde(default)]
    pub onvif: Option<DesiredOnvif>,
    /// The most sessions to hold of the camera at once; 0 to learn it.
    #[serde(default)]
    pub session_budget: u32,
}

/// One stream of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredTier {
    /// Which.
    pub tier: Tier,
    /// `rtsp://` without credentials.
    pub url: String,
    /// The token of its ONVIF profile; empty if it has none.
    #[serde(default)]
    pub profile: String,
}

impl DesiredTier {
    /// A stream that somebody named by its URL.
    #[must_use]
    pub fn new(tier: Tier, url: impl Into<String>) -> Self {
        Self { tier, url: url.into(), profile: String::new() }
    }
}

/// A media node that this device serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredNode {
    /// Which; its certificate says the same.
    pub node_id: NodeId,
    /// Where its links are taken (UDP); with an unspecified IP address, where control is.
    pub address: SocketAddr,
}

words! {
    /// How a camera's packets come over its LAN.
    Transport {
        /// Within the RTSP connection, or beside it where the camera refuses that.
        Tcp = "tcp",
        /// Beside it.
        Udp = "udp",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro of closed sets knows no default")]
impl Default for Transport {
    fn default() -> Self {
        Self::Tcp
    }
}

words! {
    /// Which tiers of a camera are pulled while nobody watches.
    Warm {
        /// All of them.
        All = "all",
        /// The small picture, or the only tier there is.
        Sub = "sub",
        /// The large picture.
        Main = "main",
        /// None: every start waits for the camera.
        None = "none",
    }
}

/// How a device stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reported {
    /// The generation of the desired document that it acts on; 0 if it has none.
    pub generation: u64,
    /// Its cameras.
    pub cameras: Vec<CameraReport>,
    /// What is not as it should be with the device itself.
    pub health: Vec<HealthItem>,
}

/// How a camera stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraReport {
    /// Which.
    pub camera_id: CameraId,
    /// Each of its streams.
    pub tiers: Vec<TierReport>,
    /// What is known of the camera itself.
    #[serde(default)]
    pub facts: Option<CameraFacts>,
    /// Every session held of its physical device, of whatever camera on it, or tried.
    #[serde(default)]
    pub sessions: Vec<HeldSession>,
    /// How many the device may serve at once, as set or learnt; 0 if not known.
    #[serde(default)]
    pub session_budget: u32,
}

impl CameraReport {
    /// A camera of which nothing is known but its streams.
    #[must_use]
    pub fn new(camera_id: CameraId, tiers: Vec<TierReport>) -> Self {
        Self { camera_id, tiers, facts: None, sessions: Vec::new(), session_budget: 0 }
    }
}

/// How one stream of a camera stands. What is not known is `None` or zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TierReport {
    /// Which.
    pub tier: Tier,
    /// Where its pull stands.
    pub state: TierState,
    /// Its trouble.
    pub reason_code: Option<ReasonCode>,
    /// Its trouble in words.
    pub reason_text: String,
    /// Since when it has been in this state.
    pub since_ms: UnixMillis,
    /// As in RFC 6381, such as `avc1.42c01f`.
    pub codec: Option<String>,
    /// Such as `high`.
    pub profile: Option<String>,
    /// Such as `4.1`.
    pub level: Option<String>,
    /// Pixels; 0 if not known.
    pub width: u32,
    /// Pixels; 0 if not known.
    pub height: u32,
    /// Pictures a second.
    pub fps: Option<f64>,
    /// Seconds between key frames.
    pub gop_s: Option<f64>,
    /// Whether pictures may come in another order than they are shown.
    pub b_frames: bool,
    /// What the camera sends.
    pub bitrate_kbps: u32,
    /// What is held in memory for the next viewer.
    pub warm_bytes: u64,
    /// Whether it is being sent to a node.
    pub forwarding: bool,
    /// Such as `PCMU`, if the camera offers sound.
    pub audio_codec: Option<String>,
    /// Samples a second of its sound; 0 if not known.
    #[serde(default)]
    pub audio_rate: u32,
    /// Channels of its sound; 0 if not known.
    #[serde(default)]
    pub audio_channels: u32,
    /// How the camera says it is set to encode it.
    #[serde(default)]
    pub encoder: Option<EncoderSettings>,
}

impl TierReport {
    /// A stream of which nothing is known but its state.
    #[must_use]
    pub fn new(tier: Tier, state: TierState, since_ms: UnixMillis) -> Self {
        Self {
            tier,
            state,
            reason_code: None,
            reason_text: String::new(),
            since_ms,
            codec: None,
            profile: None,
            level: None,
            width: 0,
            height: 0,
            fps: None,
            gop_s: None,
            b_frames: false,
            bitrate_kbps: 0,
            warm_bytes: 0,
            forwarding: false,
            audio_codec: None,
            audio_rate: 0,
            audio_channels: 0,
            encoder: None,
        }
    }
}

words! {
    /// Where the pull of one stream stands at the edge.
    TierState {
        /// Not pulled.
        Off = "off",
        /// Being opened.
        Opening = "opening",
        /// Pulled and held in memory; nothing crosses the WAN.
        Warm = "warm",
        /// Pulled and sent to a node.
        Forwarding = "forwarding",
        /// In trouble; tried again by itself.
        Resting = "resting",
    }
}

/// Something about a device that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthItem {
    /// From the device's declared list.
    pub code: String,
    /// `warning` or `error`.
    pub severity: String,
    /// In words.
    pub text: String,
}
