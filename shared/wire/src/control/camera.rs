//! Cameras on `sluice-control/1`: what a device found on its networks, what a camera is and can do, and what a device
//! is asked to do once, because it is not state.

use serde::{Deserialize, Serialize};
use sluice_ids::{CameraId, Tier, UnixMillis};

use crate::words::words;

/// Every camera that a device knows of on its networks, whether the hub asked for it or not. Replaces what was said before.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Found {
    /// Whether a search is going on.
    pub searching: bool,
    /// One entry for each video source: a recorder with 16 channels is 16 of them.
    pub cameras: Vec<FoundCamera>,
    /// How many more there are than the device keeps.
    pub left_out: u32,
}

/// A camera on a device's networks. What is not known is empty, zero or `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FoundCamera {
    /// Names the physical device whatever its address: its hardware address, serial number or endpoint reference.
    pub key: String,
    /// Which of its video sources, from 0.
    pub channel: u32,
    /// What it calls itself.
    pub name: String,
    /// Its maker.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// Its firmware's version.
    pub firmware: String,
    /// Its serial number.
    pub serial: String,
    /// `aa:bb:cc:dd:ee:ff`.
    pub hardware_address: String,
    /// Where its device service answers, an `http://` or `https://` URL without credentials.
    pub xaddr: String,
    /// How it was found.
    pub how: How,
    /// When it was first found.
    pub first_seen: UnixMillis,
    /// When it last answered.
    pub last_seen: UnixMillis,
    /// How far it is understood.
    pub state: FoundState,
    /// What stands in the way, in words.
    pub text: String,
    /// The id of the credential that opened it, as the hub named it; empty for none, or for a camera that asks for none.
    pub credential: String,
    /// Its streams, largest picture first.
    pub tiers: Vec<FoundTier>,
    /// The codec of its sound, such as `PCMU`.
    pub audio_codec: String,
    /// What it can do beside sending pictures.
    pub can: Capabilities,
    /// Its clock less the device's, in milliseconds.
    pub clock_offset_ms: Option<i64>,
}

/// A stream that a camera offers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FoundTier {
    /// What it is used as.
    pub tier: Option<Tier>,
    /// `rtsp://` without credentials, corrected for the address at which the camera was found.
    pub url: String,
    /// The ONVIF profile's token.
    pub profile: String,
    /// How the camera is set to encode it.
    pub encoder: EncoderSettings,
}

/// How a camera is set to encode one stream. What it does not say is empty, zero or `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EncoderSettings {
    /// `H264`, `H265`, `JPEG`.
    pub codec: String,
    /// Such as `Main`, `High`, `Baseline`, as the camera spells it.
    pub profile: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The most pictures a second.
    pub fps: f64,
    /// The most it sends.
    pub bitrate_kbps: u32,
    /// Pictures from one key frame to the next.
    pub gop_frames: u32,
    /// Whether the bit rate is held constant.
    pub constant_bitrate: Option<bool>,
}

/// What a camera can do beside sending pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// It can be turned or zoomed.
    pub ptz: bool,
    /// It tells events.
    pub events: bool,
    /// It gives single pictures as JPEG.
    pub snapshot: bool,
    /// Its encoder can be set.
    pub encoder: bool,
    /// Whether it sends a key frame when asked; `None` until it was tried.
    pub sync_point: Option<bool>,
}

words! {
    /// How a camera was found.
    How {
        /// It answered a probe to everybody.
        Probe = "probe",
        /// It said hello by itself.
        Hello = "hello",
        /// Its address was among the ranges that are searched.
        Scan = "scan",
        /// Somebody named its address.
        Manual = "manual",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro of closed sets knows no default")]
impl Default for How {
    fn default() -> Self {
        Self::Probe
    }
}

words! {
    /// How far a found camera is understood.
    FoundState {
        /// It was found and is being asked.
        Asking = "asking",
        /// It tells nothing without credentials, and none were tried.
        NeedsCredentials = "needs-credentials",
        /// It refused every credential that was tried.
        Refused = "refused",
        /// Its streams are known.
        Understood = "understood",
        /// It does not answer any more.
        Silent = "silent",
        /// It answers, but not with what ONVIF says, or with no stream at all.
        NotUsable = "not-usable",
        /// Another device answers at its address than before.
        Changed = "changed",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro of closed sets knows no default")]
impl Default for FoundState {
    fn default() -> Self {
        Self::Asking
    }
}

/// The ONVIF side of a camera of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DesiredOnvif {
    /// [`FoundCamera::key`]; empty for a camera that somebody named by its address.
    pub key: String,
    /// Where its device service was last known to answer.
    pub xaddr: String,
    /// Which of its video sources.
    pub channel: u32,
}

/// What a device knows of a camera of the registry beside its streams.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CameraFacts {
    /// Its maker.
    pub manufacturer: String,
    /// Its model.
    pub model: String,
    /// Its firmware's version.
    pub firmware: String,
    /// Its serial number.
    pub serial: String,
    /// What it can do.
    pub can: Capabilities,
    /// Its clock less the device's, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// What stands in the way of its ONVIF side, in words; empty if nothing does.
    pub trouble: String,
}

/// A session that a device holds, or tries to get, of one physical camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSession {
    /// `rtsp` or `onvif`.
    pub kind: SessionKind,
    /// What for: a tier's name, or what is asked.
    pub purpose: String,
    /// How it stands.
    pub state: SessionState,
    /// Since when.
    pub since: UnixMillis,
}

words! {
    /// The protocol of a session with a camera.
    SessionKind {
        /// A stream.
        Rtsp = "rtsp",
        /// A question.
        Onvif = "onvif",
    }
}

words! {
    /// How a session with a camera stands.
    SessionState {
        /// It waits for its turn.
        Waiting = "waiting",
        /// It is being opened.
        Opening = "opening",
        /// The camera serves it.
        Open = "open",
        /// It is over here, and perhaps not yet at the camera.
        Leaving = "leaving",
    }
}

/// What a device is asked to do once. It answers with an [`Answer`] of the same number, whatever happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Names it on this link, never 0.
    pub number: u64,
    /// What.
    pub action: Action,
}

/// Something that is not state.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Search the networks now; the answer says that the search began.
    Search {
        /// Address ranges to ask one by one, such as `10.1.0.0/24`, beside the networks the device is on.
        ranges: Vec<String>,
        /// Addresses that somebody named: `host`, `host:port` or a device service's URL.
        addresses: Vec<String>,
    },
    /// Try credentials at cameras that were found, in the order given, until one opens.
    Try {
        /// [`FoundCamera::key`]s.
        keys: Vec<String>,
        /// What to try.
        credentials: Vec<OfferedCredential>,
    },
    /// Move a camera.
    Ptz {
        /// Which.
        camera: CameraId,
        /// How.
        command: PtzCommand,
    },
    /// Send one picture of a camera.
    Poster {
        /// Which.
        camera: CameraId,
        /// The stream it should come from; the smallest there is when none is named.
        tier: Option<Tier>,
    },
    /// Set a camera's encoder otherwise.
    Configure {
        /// Which.
        camera: CameraId,
        /// The stream.
        tier: Tier,
        /// What to change; the rest stays.
        change: EncoderChange,
        /// Only say what would be.
        dry_run: bool,
    },
}

/// A user name and a password to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedCredential {
    /// Names it.
    pub id: String,
    /// The user.
    pub username: String,
    /// The password, sealed to the device's key with the id as associated data.
    pub sealed_password: Vec<u8>,
}

/// What of an encoder's settings is to change.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EncoderChange {
    /// `H264` or `H265`.
    pub codec: Option<String>,
    /// `Baseline`, `Main`, `High`: without B-frames where the camera knows a profile that has none.
    pub profile: Option<String>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    /// Pictures a second.
    pub fps: Option<f64>,
    /// The most it sends.
    pub bitrate_kbps: Option<u32>,
    /// Pictures from one key frame to the next.
    pub gop_frames: Option<u32>,
    /// Whether the bit rate is held constant.
    pub constant_bitrate: Option<bool>,
}

/// How a camera is to move. Speeds and places run from -1 to 1 (zoom places from 0), as in ONVIF's generic spaces.
#[derive(Debug, Clone, PartialEq)]
pub enum PtzCommand {
    /// Move at this speed until told otherwise, at most for so long: the device stops it if nobody does.
    Continuous {
        /// Right is positive.
        pan: f64,
        /// Up is positive.
        tilt: f64,
        /// In is positive.
        zoom: f64,
        /// Milliseconds, at most 5,000; 0 means 1,000.
        for_ms: u32,
    },
    /// Move by this much.
    Relative {
        /// Right is positive.
        pan: f64,
        /// Up is positive.
        tilt: f64,
        /// In is positive.
        zoom: f64,
    },
    /// Move there.
    Absolute {
        /// Right is positive.
        pan: f64,
        /// Up is positive.
        tilt: f64,
        /// 0 is widest.
        zoom: f64,
    },
    /// Stop.
    Stop,
    /// List the places it remembers.
    Presets,
    /// Go to a place it remembers.
    GoTo {
        /// The place's token.
        preset: String,
    },
    /// Remember where it looks now.
    Remember {
        /// What to call it.
        name: String,
    },
    /// Forget a place.
    Forget {
        /// The place's token.
        preset: String,
    },
}

/// What became of an [`Order`].
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The order's.
    pub number: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is not.
    Failed(Failure),
    /// What was tried at each camera, in the order's order.
    Tried(Vec<Tried>),
    /// The places a camera remembers.
    Presets(Vec<Preset>),
    /// A picture.
    Poster(Poster),
    /// An encoder's settings.
    Configured {
        /// As they were.
        before: EncoderSettings,
        /// As they are now, or would be.
        after: EncoderSettings,
    },
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// From the closed set.
    pub code: FailureCode,
    /// In words.
    pub text: String,
}

words! {
    /// Why an order was not carried out.
    FailureCode {
        /// The device does not know this camera.
        UnknownCamera = "unknown-camera",
        /// The camera cannot do this.
        NotSupported = "not-supported",
        /// The camera refused the credentials, or none are known.
        WrongPassword = "wrong-password",
        /// The camera did not answer in time.
        Unreachable = "unreachable",
        /// The camera said no.
        CameraRefused = "camera-refused",
        /// The order makes no sense.
        Invalid = "invalid",
        /// The device does too much else.
        Busy = "busy",
        /// There is no picture.
        NoPicture = "no-picture",
    }
}

/// What became of the credentials at one camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// [`FoundCamera::key`].
    pub key: String,
    /// The credential that opened it; empty if none did.
    pub credential: String,
    /// Why none did, in words.
    pub text: String,
}

/// A place that a camera remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    /// The camera's name for it.
    pub token: String,
    /// People's name for it.
    pub name: String,
}

/// One picture of a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poster {
    /// `image/jpeg`, or `video/mp4` for a single key frame.
    pub content_type: String,
    /// When it was captured, in the device's clock.
    pub captured_at: UnixMillis,
    /// The picture; at most 512 KiB.
    pub data: Vec<u8>,
}

/// The largest picture that is sent as a [`Poster`], in bytes.
pub const MAX_POSTER: usize = 512 * 1024;

/// Something a camera noticed. Told once; what is lost on a broken link stays lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraEvent {
    /// Which camera.
    pub camera_id: CameraId,
    /// When, in the device's clock.
    pub at: UnixMillis,
    /// What.
    pub kind: CameraEventKind,
    /// Whether it began (or is on), or is over; `None` for what has no duration.
    pub active: Option<bool>,
    /// Which input, rule or region, as the camera calls it.
    pub source: String,
    /// How many before this one were not told, because they came too fast.
    pub left_out: u32,
}

words! {
    /// What a camera noticed.
    CameraEventKind {
        /// Something moves.
        Motion = "motion",
        /// It was covered, turned or blinded.
        Tamper = "tamper",
        /// A digital input.
        Input = "input",
        /// Something else.
        Other = "other",
    }
}
