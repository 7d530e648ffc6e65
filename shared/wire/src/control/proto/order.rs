//! The shape on the wire of orders and their answers. Tags are never used twice; fields are only added.

use prost::{Message, Oneof};
use sluice_ids::UnixMillis;

use super::camera::PEncoderSettings;
use crate::{
    control::{
        Action, Answer, EncoderChange, EncoderSettings, Failure, FailureCode, OfferedCredential, Order,
        Outcome, Poster, Preset, PtzCommand, Tried,
    },
    error::{MessageError, field},
};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct POrder {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(oneof = "PAction", tags = "2, 3, 4, 5, 6")]
    action: Option<PAction>,
}

#[derive(Clone, PartialEq, Oneof)]
enum PAction {
    #[prost(message, tag = "2")]
    Search(PSearch),
    #[prost(message, tag = "3")]
    Try(PTry),
    #[prost(message, tag = "4")]
    Ptz(PPtz),
    #[prost(message, tag = "5")]
    Poster(PPosterOrder),
    #[prost(message, tag = "6")]
    Configure(PConfigure),
}

#[derive(Clone, PartialEq, Message)]
struct PSearch {
    #[prost(string, repeated, tag = "1")]
    ranges: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    addresses: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct PTry {
    #[prost(string, repeated, tag = "1")]
    keys: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    credentials: Vec<PCredential>,
}

#[derive(Clone, PartialEq, Message)]
struct PCredential {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    username: String,
    #[prost(bytes = "vec", tag = "3")]
    sealed_password: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct PPtz {
    #[prost(string, tag = "1")]
    camera_id: String,
    #[prost(oneof = "PPtzCommand", tags = "2, 3, 4, 5, 6, 7, 8, 9")]
    command: Option<PPtzCommand>,
}

#[derive(Clone, PartialEq, Oneof)]
enum PPtzCommand {
    #[prost(message, tag = "2")]
    Continuous(PContinuous),
    #[prost(message, tag = "3")]
    Relative(PVector),
    #[prost(message, tag = "4")]
    Absolute(PVector),
    #[prost(bool, tag = "5")]
    Stop(bool),
    #[prost(bool, tag = "6")]
    Presets(bool),
    #[prost(string, tag = "7")]
    GoTo(String),
    #[prost(string, tag = "8")]
    Remember(String),
    #[prost(string, tag = "9")]
    Forget(String),
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PVector {
    #[prost(double, tag = "1")]
    pan: f64,
    #[prost(double, tag = "2")]
    tilt: f64,
    #[prost(double, tag = "3")]
    zoom: f64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct PContinuous {
    #[prost(message, optional, tag = "1")]
    speed: Option<PVector>,
    #[prost(uint32, tag = "2")]
    for_ms: u32,
}

#[derive(Clone, PartialEq, Message)]
struct PPosterOrder {
    #[prost(string, tag = "1")]
    camera_id: String,
    #[prost(string, tag = "2")]
    tier: String,
}

#[derive(Clone, PartialEq, Message)]
struct PConfigure {
    #[prost(string, tag = "1")]
    camera_id: String,
    #[prost(string, tag = "2")]
    tier: String,
    #[prost(message, optional, tag = "3")]
    change: Option<PEncoderChange>,
    #[prost(bool, tag = "4")]
    dry_run: bool,
}

#[derive(Clone, PartialEq, Message)]
struct PEncoderChange {
    #[prost(string, optional, tag = "1")]
    codec: Option<String>,
    #[prost(string, optional, tag = "2")]
    profile: Option<String>,
    #[prost(uint32, optional, tag = "3")]
    width: Option<u32>,
    #[prost(uint32, optional, tag = "4")]
    height: Option<u32>,
    #[prost(double, optional, tag = "5")]
    fps: Option<f64>,
    #[prost(uint32, optional, tag = "6")]
    bitrate_kbps: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    gop_frames: Option<u32>,
    #[prost(bool, optional, tag = "8")]
    constant_bitrate: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PAnswer {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(oneof = "POutcome", tags = "2, 3, 4, 5, 6, 7")]
    outcome: Option<POutcome>,
}

#[derive(Clone, PartialEq, Oneof)]
enum POutcome {
    #[prost(bool, tag = "2")]
    Done(bool),
    #[prost(message, tag = "3")]
    Failed(PFailure),
    #[prost(message, tag = "4")]
    Tried(PTriedList),
    #[prost(message, tag = "5")]
    Presets(PPresets),
    #[prost(message, tag = "6")]
    Poster(PPoster),
    #[prost(message, tag = "7")]
    Configured(PConfigured),
}

#[derive(Clone, PartialEq, Message)]
struct PFailure {
    #[prost(string, tag = "1")]
    code: String,
    #[prost(string, tag = "2")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct PTriedList {
    #[prost(message, repeated, tag = "1")]
    tried: Vec<PTried>,
}

#[derive(Clone, PartialEq, Message)]
struct PTried {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    credential: String,
    #[prost(string, tag = "3")]
    text: String,
}

#[derive(Clone, PartialEq, Message)]
struct PPresets {
    #[prost(message, repeated, tag = "1")]
    presets: Vec<PPreset>,
}

#[derive(Clone, PartialEq, Message)]
struct PPreset {
    #[prost(string, tag = "1")]
    token: String,
    #[prost(string, tag = "2")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct PPoster {
    #[prost(string, tag = "1")]
    content_type: String,
    #[prost(sint64, tag = "2")]
    captured_at: i64,
    #[prost(bytes = "vec", tag = "3")]
    data: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct PConfigured {
    #[prost(message, optional, tag = "1")]
    before: Option<PEncoderSettings>,
    #[prost(message, optional, tag = "2")]
    after: Option<PEncoderSettings>,
}

impl From<&Order> for POrder {
    fn from(order: &Order) -> Self {
        Self { number: order.number, action: Some((&order.action).into()) }
    }
}

impl POrder {
    /// `None` for an action that a later hub knows.
    pub(crate) fn read(self) -> Result<Option<Order>, MessageError> {
        let Some(action) = self.action else { return Ok(None) };
        let action = action.read()?;
        Ok(action.map(|action| Order { number: self.number, action }))
    }
}

impl From<&Action> for PAction {
    fn from(action: &Action) -> Self {
        match action {
            Action::Search { ranges, addresses } => {
                Self::Search(PSearch { ranges: ranges.clone(), addresses: addresses.clone() })
            }
            Action::Try { keys, credentials } => {
                let credential = |offered: &OfferedCredential| PCredential {
                    id: offered.id.clone(),
                    username: offered.username.clone(),
                    sealed_password: offered.sealed_password.clone(),
                };
                let credentials = credentials.iter().map(credential).collect();
                Self::Try(PTry { keys: keys.clone(), credentials })
            }
            Action::Ptz { camera, command } => {
                Self::Ptz(PPtz { camera_id: camera.to_string(), command: Some(command.into()) })
            }
            Action::Poster { camera, tier } => Self::Poster(PPosterOrder {
                camera_id: camera.to_string(),
                tier: tier.map(|tier| tier.to_string()).unwrap_or_default(),
            }),
            Action::Configure { camera, tier, change, dry_run } => Self::Configure(PConfigure {
                camera_id: camera.to_string(),
                tier: tier.to_string(),
                change: Some(change.into()),
                dry_run: *dry_run,
            }),
        }
    }
}

impl PAction {
    fn read(self) -> Result<Option<Action>, MessageError> {
        Ok(Some(match self {
            Self::Search(PSearch { ranges, addresses }) => Action::Search { ranges, addresses },
            Self::Try(PTry { keys, credentials }) => {
                let credential = |offered: PCredential| OfferedCredential {
                    id: offered.id,
                    username: offered.username,
                    sealed_password: offered.sealed_password,
                };
                Action::Try { keys, credentials: credentials.into_iter().map(credential).collect() }
            }
            Self::Ptz(PPtz { camera_id, command }) => {
                let Some(command) = command else { return Ok(None) };
                Action::Ptz { camera: field("camera_id", &camera_id)?, command: command.into() }
            }
            Self::Poster(PPosterOrder { camera_id, tier }) => {
                Action::Poster { camera: field("camera_id", &camera_id)?, tier: tier.parse().ok() }
            }
            Self::Configure(PConfigure { camera_id, tier, change, dry_run }) => Action::Configure {
                camera: field("camera_id", &camera_id)?,
                tier: field("tier", &tier)?,
                change: change.unwrap_or_default().into(),
                dry_run,
            },
        }))
    }
}

impl From<&PtzCommand> for PPtzCommand {
    fn from(command: &PtzCommand) -> Self {
        let vector = |pan: &f64, tilt: &f64, zoom: &f64| PVector { pan: *pan, tilt: *tilt, zoom: *zoom };
        match command {
            PtzCommand::Continuous { pan, tilt, zoom, for_ms } => {
                Self::Continuous(PContinuous { speed: Some(vector(pan, tilt, zoom)), for_ms: *for_ms })
            }
            PtzCommand::Relative { pan, tilt, zoom } => Self::Relative(vector(pan, tilt, zoom)),
            PtzCommand::Absolute { pan, tilt, zoom } => Self::Absolute(vector(pan, tilt, zoom)),
            PtzCommand::Stop => Self::Stop(true),
            PtzCommand::Presets => Self::Presets(true),
            PtzCommand::GoTo { preset } => Self::GoTo(preset.clone()),
            PtzCommand::Remember { name } => Self::Remember(name.clone()),
            PtzCommand::Forget { preset } => Self::Forget(preset.clone()),
        }
    }
}

impl From<PPtzCommand> for PtzCommand {
    fn from(command: PPtzCommand) -> Self {
        match command {
            PPtzCommand::Continuous(PContinuous { speed, for_ms }) => {
                let PVector { pan, tilt, zoom } = speed.unwrap_or_default();
                Self::Continuous { pan, tilt, zoom, for_ms }
            }
            PPtzCommand::Relative(PVector { pan, tilt, zoom }) => Self::Relative { pan, tilt, zoom },
            PPtzCommand::Absolute(PVector { pan, tilt, zoom }) => Self::Absolute { pan, tilt, zoom },
            PPtzCommand::Stop(_) => Self::Stop,
            PPtzCommand::Presets(_) => Self::Presets,
            PPtzCommand::GoTo(preset) => Self::GoTo { preset },
            PPtzCommand::Remember(name) => Self::Remember { name },
            PPtzCommand::Forget(preset) => Self::Forget { preset },
        }
    }
}

impl From<&EncoderChange> for PEncoderChange {
    fn from(change: &EncoderChange) -> Self {
        Self {
            codec: change.codec.clone(),
            profile: change.profile.clone(),
            width: change.width,
            height: change.height,
            fps: change.fps,
            bitrate_kbps: change.bitrate_kbps,
            gop_frames: change.gop_frames,
            constant_bitrate: change.constant_bitrate,
        }
    }
}

impl From<PEncoderChange> for EncoderChange {
    fn from(change: PEncoderChange) -> Self {
        Self {
            codec: change.codec,
            profile: change.profile,
            width: change.width,
            height: change.height,
            fps: change.fps,
            bitrate_kbps: change.bitrate_kbps,
            gop_frames: change.gop_frames,
            constant_bitrate: change.constant_bitrate,
        }
    }
}

impl From<&Answer> for PAnswer {
    fn from(answer: &Answer) -> Self {
        Self { number: answer.number, outcome: Some((&answer.outcome).into()) }
    }
}

impl From<PAnswer> for Answer {
    fn from(answer: PAnswer) -> Self {
        // An outcome that a later edge knows is one that nobody here asked for.
        let outcome = answer.outcome.map_or(Outcome::Done, Into::into);
        Self { number: answer.number, outcome }
    }
}

impl From<&Outcome> for POutcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done(true),
            Outcome::Failed(failure) => {
                Self::Failed(PFailure { code: failure.code.to_string(), text: failure.text.clone() })
            }
            Outcome::Tried(tried) => {
                let one = |tried: &Tried| PTried {
                    key: tried.key.clone(),
                    credential: tried.credential.clone(),
                    text: tried.text.clone(),
                };
                Self::Tried(PTriedList { tried: tried.iter().map(one).collect() })
            }
            Outcome::Presets(presets) => {
                let one =
                    |preset: &Preset| PPreset { token: preset.token.clone(), name: preset.name.clone() };
                Self::Presets(PPresets { presets: presets.iter().map(one).collect() })
            }
            Outcome::Poster(poster) => Self::Poster(PPoster {
                content_type: poster.content_type.clone(),
                captured_at: poster.captured_at.0,
                data: poster.data.clone(),
            }),
            Outcome::Configured { before, after } => {
                Self::Configured(PConfigured { before: Some(before.into()), after: Some(after.into()) })
            }
        }
    }
}

impl From<POutcome> for Outcome {
    fn from(outcome: POutcome) -> Self {
        match outcome {
            POutcome::Done(_) => Self::Done,
            POutcome::Failed(PFailure { code, text }) => {
                Self::Failed(Failure { code: code.parse().unwrap_or(FailureCode::CameraRefused), text })
            }
            POutcome::Tried(PTriedList { tried }) => {
                let one = |PTried { key, credential, text }| Tried { key, credential, text };
                Self::Tried(tried.into_iter().map(one).collect())
            }
            POutcome::Presets(PPresets { presets }) => {
                let one = |PPreset { token, name }| Preset { token, name };
                Self::Presets(presets.into_iter().map(one).collect())
            }
            POutcome::Poster(PPoster { content_type, captured_at, data }) => {
                Self::Poster(Poster { content_type, captured_at: UnixMillis(captured_at), data })
            }
            POutcome::Configured(PConfigured { before, after }) => {
                let settings = |settings: Option<PEncoderSettings>| -> EncoderSettings {
                    settings.map(Into::into).unwrap_or_default()
                };
                Self::Configured { before: settings(before), after: settings(after) }
            }
        }
    }
}
