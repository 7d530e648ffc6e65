//! The shape on the wire of what is said about cameras. Tags are never used twice; fields are only added.

use prost::Message;
use sluice_ids::UnixMillis;

use crate::{
    control::{
        CameraEvent, CameraEventKind, CameraFacts, Capabilities, DesiredOnvif, EncoderSettings, Found,
        FoundCamera, FoundState, FoundTier, HeldSession, How,
    },
    error::{MessageError, field},
};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PFound {
    #[prost(bool, tag = "1")]
    searching: bool,
    #[prost(message, repeated, tag = "2")]
    cameras: Vec<PFoundCamera>,
    #[prost(uint32, tag = "3")]
    left_out: u32,
}

#[derive(Clone, PartialEq, Message)]
struct PFoundCamera {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(uint32, tag = "2")]
    channel: u32,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    manufacturer: String,
    #[prost(string, tag = "5")]
    model: String,
    #[prost(string, tag = "6")]
    firmware: String,
    #[prost(string, tag = "7")]
    serial: String,
    #[prost(string, tag = "8")]
    hardware_address: String,
    #[prost(string, tag = "9")]
    xaddr: String,
    #[prost(string, tag = "10")]
    how: String,
    #[prost(sint64, tag = "11")]
    first_seen: i64,
    #[prost(sint64, tag = "12")]
    last_seen: i64,
    #[prost(string, tag = "13")]
    state: String,
    #[prost(string, tag = "14")]
    text: String,
    #[prost(string, tag = "15")]
    credential: String,
    #[prost(message, repeated, tag = "16")]
    tiers: Vec<PFoundTier>,
    #[prost(string, tag = "17")]
    audio_codec: String,
    #[prost(message, optional, tag = "18")]
    can: Option<PCapabilities>,
    #[prost(sint64, optional, tag = "19")]
    clock_offset_ms: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct PFoundTier {
    #[prost(string, tag = "1")]
    tier: String,
    #[prost(string, tag = "2")]
    url: String,
    #[prost(string, tag = "3")]
    profile: String,
    #[prost(message, optional, tag = "4")]
    encoder: Option<PEncoderSettings>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PEncoderSettings {
    #[prost(string, tag = "1")]
    codec: String,
    #[prost(string, tag = "2")]
    profile: String,
    #[prost(uint32, tag = "3")]
    width: u32,
    #[prost(uint32, tag = "4")]
    height: u32,
    #[prost(double, tag = "5")]
    fps: f64,
    #[prost(uint32, tag = "6")]
    bitrate_kbps: u32,
    #[prost(uint32, tag = "7")]
    gop_frames: u32,
    #[prost(bool, optional, tag = "8")]
    constant_bitrate: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PCapabilities {
    #[prost(bool, tag = "1")]
    ptz: bool,
    #[prost(bool, tag = "2")]
    events: bool,
    #[prost(bool, tag = "3")]
    snapshot: bool,
    #[prost(bool, tag = "4")]
    encoder: bool,
    #[prost(bool, optional, tag = "5")]
    sync_point: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PDesiredOnvif {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    xaddr: String,
    #[prost(uint32, tag = "3")]
    channel: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PCameraFacts {
    #[prost(string, tag = "1")]
    manufacturer: String,
    #[prost(string, tag = "2")]
    model: String,
    #[prost(string, tag = "3")]
    firmware: String,
    #[prost(string, tag = "4")]
    serial: String,
    #[prost(message, optional, tag = "5")]
    can: Option<PCapabilities>,
    #[prost(sint64, optional, tag = "6")]
    clock_offset_ms: Option<i64>,
    #[prost(string, tag = "7")]
    trouble: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PHeldSession {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    purpose: String,
    #[prost(string, tag = "3")]
    state: String,
    #[prost(sint64, tag = "4")]
    since: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PCameraEvent {
    #[prost(string, tag = "1")]
    camera_id: String,
    #[prost(sint64, tag = "2")]
    at: i64,
    #[prost(string, tag = "3")]
    kind: String,
    #[prost(bool, optional, tag = "4")]
    active: Option<bool>,
    #[prost(string, tag = "5")]
    source: String,
    #[prost(uint32, tag = "6")]
    left_out: u32,
}

impl From<&Found> for PFound {
    fn from(found: &Found) -> Self {
        Self {
            searching: found.searching,
            cameras: found.cameras.iter().map(Into::into).collect(),
            left_out: found.left_out,
        }
    }
}

impl From<PFound> for Found {
    fn from(found: PFound) -> Self {
        Self {
            searching: found.searching,
            cameras: found.cameras.into_iter().map(Into::into).collect(),
            left_out: found.left_out,
        }
    }
}

impl From<&FoundCamera> for PFoundCamera {
    fn from(camera: &FoundCamera) -> Self {
        Self {
            key: camera.key.clone(),
            channel: camera.channel,
            name: camera.name.clone(),
            manufacturer: camera.manufacturer.clone(),
            model: camera.model.clone(),
            firmware: camera.firmware.clone(),
            serial: camera.serial.clone(),
            hardware_address: camera.hardware_address.clone(),
            xaddr: camera.xaddr.clone(),
            how: camera.how.to_string(),
            first_seen: camera.first_seen.0,
            last_seen: camera.last_seen.0,
            state: camera.state.to_string(),
            text: camera.text.clone(),
            credential: camera.credential.clone(),
            tiers: camera.tiers.iter().map(Into::into).collect(),
            audio_codec: camera.audio_codec.clone(),
            can: Some(camera.can.into()),
            clock_offset_ms: camera.clock_offset_ms,
        }
    }
}

impl From<PFoundCamera> for FoundCamera {
    fn from(camera: PFoundCamera) -> Self {
        Self {
            key: camera.key,
            channel: camera.channel,
            name: camera.name,
            manufacturer: camera.manufacturer,
            model: camera.model,
            firmware: camera.firmware,
            serial: camera.serial,
            hardware_address: camera.hardware_address,
            xaddr: camera.xaddr,
            how: camera.how.parse().unwrap_or(How::Probe),
            first_seen: UnixMillis(camera.first_seen),
            last_seen: UnixMillis(camera.last_seen),
            // A state that a later edge knows: nothing can be done with the camera from here.
            state: camera.state.parse().unwrap_or(FoundState::NotUsable),
            text: camera.text,
            credential: camera.credential,
            tiers: camera.tiers.into_iter().map(Into::into).collect(),
            audio_codec: camera.audio_codec,
            can: camera.can.map(Into::into).unwrap_or_default(),
            clock_offset_ms: camera.clock_offset_ms,
        }
    }
}

impl From<&FoundTier> for PFoundTier {
    fn from(tier: &FoundTier) -> Self {
        Self {
            tier: tier.tier.map(|tier| tier.to_string()).unwrap_or_default(),
            url: tier.url.clone(),
            profile: tier.profile.clone(),
            encoder: Some((&tier.encoder).into()),
        }
    }
}

impl From<PFoundTier> for FoundTier {
    fn from(tier: PFoundTier) -> Self {
        Self {
            tier: tier.tier.parse().ok(),
            url: tier.url,
            profile: tier.profile,
            encoder: tier.encoder.map(Into::into).unwrap_or_default(),
        }
    }
}

impl From<&EncoderSettings> for PEncoderSettings {
    fn from(settings: &EncoderSettings) -> Self {
        Self {
            codec: settings.codec.clone(),
            profile: settings.profile.clone(),
            width: settings.width,
            height: settings.height,
            fps: settings.fps,
            bitrate_kbps: settings.bitrate_kbps,
            gop_frames: settings.gop_frames,
            constant_bitrate: settings.constant_bitrate,
        }
    }
}

impl From<PEncoderSettings> for EncoderSettings {
    fn from(settings: PEncoderSettings) -> Self {
        Self {
            codec: settings.codec,
            profile: settings.profile,
            width: settings.width,
            height: settings.height,
            fps: settings.fps,
            bitrate_kbps: settings.bitrate_kbps,
            gop_frames: settings.gop_frames,
            constant_bitrate: settings.constant_bitrate,
        }
    }
}

impl From<Capabilities> for PCapabilities {
    fn from(can: Capabilities) -> Self {
        Self {
            ptz: can.ptz,
            events: can.events,
            snapshot: can.snapshot,
            encoder: can.encoder,
            sync_point: can.sync_point,
        }
    }
}

impl From<PCapabilities> for Capabilities {
    fn from(can: PCapabilities) -> Self {
        Self {
            ptz: can.ptz,
            events: can.events,
            snapshot: can.snapshot,
            encoder: can.encoder,
            sync_point: can.sync_point,
        }
    }
}

impl From<&DesiredOnvif> for PDesiredOnvif {
    fn from(onvif: &DesiredOnvif) -> Self {
        Self { key: onvif.key.clone(), xaddr: onvif.xaddr.clone(), channel: onvif.channel }
    }
}

impl From<PDesiredOnvif> for DesiredOnvif {
    fn from(onvif: PDesiredOnvif) -> Self {
        Self { key: onvif.key, xaddr: onvif.xaddr, channel: onvif.channel }
    }
}

impl From<&CameraFacts> for PCameraFacts {
    fn from(facts: &CameraFacts) -> Self {
        Self {
            manufacturer: facts.manufacturer.clone(),
            model: facts.model.clone(),
            firmware: facts.firmware.clone(),
            serial: facts.serial.clone(),
            can: Some(facts.can.into()),
            clock_offset_ms: facts.clock_offset_ms,
            trouble: facts.trouble.clone(),
        }
    }
}

impl From<PCameraFacts> for CameraFacts {
    fn from(facts: PCameraFacts) -> Self {
        Self {
            manufacturer: facts.manufacturer,
            model: facts.model,
            firmware: facts.firmware,
            serial: facts.serial,
            can: facts.can.map(Into::into).unwrap_or_default(),
            clock_offset_ms: facts.clock_offset_ms,
            trouble: facts.trouble,
        }
    }
}

impl From<&HeldSession> for PHeldSession {
    fn from(session: &HeldSession) -> Self {
        Self {
            kind: session.kind.to_string(),
            purpose: session.purpose.clone(),
            state: session.state.to_string(),
            since: session.since.0,
        }
    }
}

impl PHeldSession {
    /// `None` for a kind or a state that a later edge knows.
    pub(crate) fn read(self) -> Option<HeldSession> {
        Some(HeldSession {
            kind: self.kind.parse().ok()?,
            purpose: self.purpose,
            state: self.state.parse().ok()?,
            since: UnixMillis(self.since),
        })
    }
}

impl From<&CameraEvent> for PCameraEvent {
    fn from(event: &CameraEvent) -> Self {
        Self {
            camera_id: event.camera_id.to_string(),
            at: event.at.0,
            kind: event.kind.to_string(),
            active: event.active,
            source: event.source.clone(),
            left_out: event.left_out,
        }
    }
}

impl TryFrom<PCameraEvent> for CameraEvent {
    type Error = MessageError;

    fn try_from(event: PCameraEvent) -> Result<Self, MessageError> {
        Ok(Self {
            camera_id: field("camera_id", &event.camera_id)?,
            at: UnixMillis(event.at),
            kind: event.kind.parse().unwrap_or(CameraEventKind::Other),
            active: event.active,
            source: event.source,
            left_out: event.left_out,
        })
    }
}
