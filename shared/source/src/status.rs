use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use sluice_media::{Codec, VideoDescription};

use crate::presentation::Presentation;

/// What a source is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody wants it: no connection to the camera.
    #[default]
    Off,
    /// On the way to the first key frame.
    Opening,
    /// The last group of pictures is in memory; nobody is subscribed.
    Warm,
    /// At least one subscriber receives it.
    Forwarding,
    /// It failed, and waits before it tries again (for ever, after two refused passwords).
    Resting,
}

impl State {
    /// The word for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Opening => "opening",
            Self::Warm => "warm",
            Self::Forwarding => "forwarding",
            Self::Resting => "resting",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a source does not deliver. A closed set: the same words at API, console and command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// No connection, no answer, or the connection was lost.
    Unreachable,
    /// The camera refused the user or the password, or wants one and none is set.
    WrongPassword,
    /// The camera has no session left to give.
    SessionsExhausted,
    /// The camera knows no such stream.
    NotFound,
    /// The stream's codec cannot be delivered.
    UnsupportedCodec,
    /// Pictures come, but none to begin with.
    NoKeyFrame,
    /// The session stands, but no picture comes.
    Stalled,
    /// The camera said something that is not RTSP, SDP or RTP as we understand it.
    ProtocolError,
}

impl ReasonCode {
    /// Every code, in the order of the metrics.
    pub const ALL: [Self; 8] = [
        Self::Unreachable,
        Self::WrongPassword,
        Self::SessionsExhausted,
        Self::NotFound,
        Self::UnsupportedCodec,
        Self::NoKeyFrame,
        Self::Stalled,
        Self::ProtocolError,
    ];

    /// The word for it in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::WrongPassword => "wrong-password",
            Self::SessionsExhausted => "sessions-exhausted",
            Self::NotFound => "not-found",
            Self::UnsupportedCodec => "unsupported-codec",
            Self::NoKeyFrame => "no-key-frame",
            Self::Stalled => "stalled",
            Self::ProtocolError => "protocol-error",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reason for machines and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// One of a closed set.
    pub code: ReasonCode,
    /// One sentence in English, without a secret.
    pub text: String,
}

/// What is known of the sound that is received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sound {
    /// How it is coded.
    pub codec: Codec,
    /// Samples a second.
    pub rate: u32,
    /// Channels; 0 if the camera tells them in its packets only.
    pub channels: u32,
}

/// When key frames come, for those who can ask a camera for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyFrames {
    /// Whether pictures come at this moment.
    pub flowing: bool,
    /// Key frames since the source was made.
    pub count: u64,
    /// When the newest came, if a start can begin with it.
    pub newest: Option<Instant>,
}

/// What the world sees of a source.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// Why it does not deliver; none while it does.
    pub reason: Option<Reason>,
    /// Since when state and reason are as they are, in milliseconds since 1970.
    pub since_ms: i64,
    /// What the camera offers, once it was asked.
    pub presentation: Option<Arc<Presentation>>,
    /// What the parameter sets say.
    pub video: Option<VideoDescription>,
    /// The sound that is received, if there is any.
    pub sound: Option<Sound>,
    /// Time between the last two key frames.
    pub gop: Option<Duration>,
    /// Received over the last seconds, in kbit/s; 0 while nothing flows.
    pub bitrate_kbps: u32,
    /// Pictures a second over the last seconds; 0 while nothing flows.
    pub fps: f32,
    /// What the ring holds, in bytes.
    pub ring_bytes: usize,
    /// How many subscribers there are.
    pub subscribers: usize,
}
