//! What a camera's ONVIF side is to us, whoever speaks the protocol.

use std::{fmt, pin::Pin};

use sluice_fault::{Class, Classed};
use sluice_guardian::Denied;
use sluice_wire::control::{
    CameraEventKind, EncoderChange, EncoderSettings, FailureCode, FoundTier, Preset, PtzCommand,
};

use crate::transport::Trouble;

/// The answer to a question, on its way.
pub type Asked<'a, T> = Pin<Box<dyn Future<Output = Result<T, AskError>> + Send + 'a>>;

/// The ONVIF side of one physical device. Every question has a deadline of seconds and waits for the guardian's permit.
pub trait Onvif: Send + Sync + fmt::Debug {
    /// Who it is.
    fn device(&self) -> Asked<'_, Device>;

    /// Its clock less ours, in milliseconds, to half a second; `None` where it tells no time.
    fn clock_offset(&self) -> Asked<'_, Option<i64>>;

    /// Its streams by video source, in its own order; without any that nothing here can use.
    fn channels(&self) -> Asked<'_, Vec<Channel>>;

    /// Ask for a key frame of every stream of a profile.
    fn key_frame<'a>(&'a self, profile: &'a str) -> Asked<'a, ()>;

    /// Move it. [`PtzCommand::Continuous`] goes on until [`PtzCommand::Stop`]: who asks has a timer for that.
    fn ptz<'a>(&'a self, profile: &'a str, command: &'a PtzCommand) -> Asked<'a, PtzAnswer>;

    /// A single picture as JPEG, at most [`sluice_wire::control::MAX_POSTER`] bytes.
    fn snapshot<'a>(&'a self, profile: &'a str) -> Asked<'a, Vec<u8>>;

    /// How a profile's encoder is set, and how it would be, or is now, after a change.
    fn configure<'a>(
        &'a self,
        profile: &'a str,
        change: &'a EncoderChange,
        dry_run: bool,
    ) -> Asked<'a, Change>;

    /// Begin to hear what it notices.
    fn subscribe(&self) -> Asked<'_, Subscription>;

    /// What it noticed since, waiting up to twenty seconds for something.
    fn pull<'a>(&'a self, subscription: &'a Subscription) -> Asked<'a, Vec<Notice>>;

    /// No longer hear it.
    fn unsubscribe<'a>(&'a self, subscription: &'a Subscription) -> Asked<'a, ()>;
}

/// Who a device is. What it does not tell is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
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
    /// Of its first interface, `aa:bb:cc:dd:ee:ff`.
    pub hardware_address: String,
}

/// One video source of a device: a camera has one, a recorder many.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Channel {
    /// From 0, in the device's order.
    pub channel: u32,
    /// The token of its video source; empty if the device names none.
    pub source: String,
    /// The tokens under which profiles use that source: cameras name these in events as well.
    pub configurations: Vec<String>,
    /// Its streams, the largest picture first.
    pub tiers: Vec<FoundTier>,
    /// The codec of its sound, such as `PCMU`; empty for none.
    pub audio_codec: String,
    /// Whether it can be turned or zoomed.
    pub ptz: bool,
    /// Whether it tells events.
    pub events: bool,
    /// Whether it gives single pictures.
    pub snapshot: bool,
    /// Whether its encoders can be set.
    pub encoder: bool,
}

/// What came of moving a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PtzAnswer {
    /// It is done.
    Done,
    /// The places it remembers.
    Presets(Vec<Preset>),
}

/// An encoder's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// As they were.
    pub before: EncoderSettings,
    /// As they are now, or would be.
    pub after: EncoderSettings,
}

/// A pull point at a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Where it is pulled, already corrected.
    pub(crate) url: String,
    /// What names it there beside its address, as XML of a header; empty where the address is enough.
    pub(crate) names: String,
}

/// Something that a device noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub kind: CameraEventKind,
    /// Whether it began or is over.
    pub active: Option<bool>,
    /// Which input, rule or source, as the device calls it; short.
    pub source: String,
    /// Whether this is how things stand, and no change.
    pub initial: bool,
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// It was not asked at all.
    #[error(transparent)]
    HeldBack(#[from] Denied),
    /// It says who may ask, and nobody was named.
    #[error("the camera asks for a user and a password")]
    NeedsCredentials,
    /// It refuses this user and password; `locked` when they will not be tried again.
    #[error("the camera refuses the user or the password")]
    Refused {
        /// Whether it was the last time.
        locked: bool,
    },
    /// Nothing that can be read came back.
    #[error(transparent)]
    Transport(Trouble),
    /// It said no, in its own words.
    #[error("the camera says no: {0}")]
    Fault(String),
    /// It cannot do this.
    #[error("the camera cannot do this")]
    NotSupported,
    /// Its answer is not what ONVIF says.
    #[error("the camera's answer is not understood: {0}")]
    Strange(String),
    /// What was asked makes no sense for this camera.
    #[error("{0}")]
    Invalid(String),
    /// It gave no picture.
    #[error("the camera gives no picture")]
    NoPicture,
}

impl AskError {
    /// What an order's asker is told.
    #[must_use]
    pub const fn code(&self) -> FailureCode {
        match self {
            Self::HeldBack(Denied::Locked) | Self::NeedsCredentials | Self::Refused { .. } => {
                FailureCode::WrongPassword
            }
            Self::HeldBack(_) => FailureCode::Busy,
            Self::Transport(
                Trouble::Hostile(_) | Trouble::TooLong | Trouble::Status(_) | Trouble::Unauthorized,
            )
            | Self::Fault(_)
            | Self::Strange(_) => FailureCode::CameraRefused,
            Self::Transport(_) => FailureCode::Unreachable,
            Self::NotSupported => FailureCode::NotSupported,
            Self::Invalid(_) => FailureCode::Invalid,
            Self::NoPicture => FailureCode::NoPicture,
        }
    }

    /// Whether it was refused for who asked.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::NeedsCredentials | Self::Refused { .. } | Self::HeldBack(Denied::Locked))
    }

    /// Whether another service or operation may answer instead: the camera is there, and does not know this one.
    pub(crate) const fn is_unknown(&self) -> bool {
        matches!(
            self,
            Self::NotSupported | Self::Fault(_) | Self::Strange(_) | Self::Transport(Trouble::Status(_))
        )
    }
}

impl Classed for AskError {
    fn class(&self) -> Class {
        match self {
            Self::HeldBack(Denied::Busy | Denied::Exhausted { .. })
            | Self::Transport(Trouble::Unreachable | Trouble::Timeout | Trouble::Status(500..=599)) => {
                Class::Retry
            }
            _ => Class::Reject,
        }
    }
}
