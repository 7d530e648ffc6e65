//! How cameras stand, put together from the registry (what is wanted), the fleet (what edges report) and the streams
//! (what nodes serve).

use std::collections::HashMap;

use serde::Serialize;
use sluice_hub_fleet::{CameraState, CameraStatus};
use sluice_hub_store::{Camera, Via};
use sluice_hub_streams::{
    FeedView,
    decide::{self, Offered, Protocol, carriers},
};
use sluice_ids::{CameraId, TenantId, Tier};
use sluice_wire::{
    control::{EncoderSettings, TierReport, TierState},
    node::FeedState,
};
use utoipa::ToSchema;

use crate::{problem::Problem, routes::play::Told, state::ApiState};

/// How the feeds of some cameras stand at their node.
pub(crate) type Feeds = HashMap<(CameraId, Tier), FeedView>;

/// How a camera stands, in one word and in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct StateNow {
    /// `live` (somebody watches), `ready` (pictures are in memory), `opening`, `resting` (in trouble, tried again by
    /// itself), `off` or `unknown`.
    pub(crate) code: &'static str,
    /// The same for people.
    pub(crate) text: String,
    /// What is wrong, if something is.
    pub(crate) reason: Option<Told>,
    /// Milliseconds since 1970.
    pub(crate) since: Option<i64>,
}

/// How one stream of a camera stands. What is not known is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct TierNow {
    tier: &'static str,
    /// As in RFC 6381.
    codec: Option<String>,
    /// Such as `high`.
    profile: Option<String>,
    /// Such as `4.1`.
    level: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<f64>,
    /// Seconds between key frames.
    gop_s: Option<f64>,
    /// Whether pictures may come in another order than they are shown; WebRTC does not carry such streams.
    b_frames: bool,
    bitrate_kbps: Option<u32>,
    /// As in RTP, such as `PCMU` or `MPEG4-GENERIC`; `null` if it sends no sound, or none is known yet.
    audio_codec: Option<String>,
    /// Samples a second.
    audio_rate: Option<u32>,
    audio_channels: Option<u32>,
    /// Protocols that carry it, to a viewer who decodes its codec: of `webrtc`, `ll-hls`, `hls`.
    protocols: Vec<&'static str>,
    /// `off`, `opening`, `warm`, `forwarding` or `resting`.
    state: &'static str,
    reason: Option<Told>,
    /// Whether the last pictures are in memory at the edge.
    warm: bool,
    /// Who watches it now.
    viewers: u32,
    /// How the camera says it is set to encode it; `null` if it does not say.
    encoder: Option<EncoderNow>,
}

/// How a camera is set to encode a stream. What it does not say is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct EncoderNow {
    /// `H264`, `H265` or `JPEG`.
    codec: Option<String>,
    /// As the camera spells it.
    profile: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    /// The most pictures a second.
    fps: Option<f64>,
    /// The most it sends.
    bitrate_kbps: Option<u32>,
    /// Pictures from one key frame to the next.
    gop_frames: Option<u32>,
    constant_bitrate: Option<bool>,
}

/// An encoder's settings as they are told.
pub(crate) fn encoder_now(set: &EncoderSettings) -> EncoderNow {
    let known = |figure: u32| (figure > 0).then_some(figure);
    let word = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    EncoderNow {
        codec: word(&set.codec),
        profile: word(&set.profile),
        width: known(set.width),
        height: known(set.height),
        fps: (set.fps > 0.0).then_some(set.fps),
        bitrate_kbps: known(set.bitrate_kbps),
        gop_frames: known(set.gop_frames),
        constant_bitrate: set.constant_bitrate,
    }
}

/// The cameras of a play request as the decision sees them, in order; `None` where the tenant has no such camera.
pub(crate) async fn playable(
    state: &ApiState,
    tenant: TenantId,
    ids: Vec<String>,
) -> Result<Vec<Option<decide::Camera>>, Problem> {
    let parsed: Vec<Option<CameraId>> = ids.iter().map(|text| text.parse().ok()).collect();
    let asked = parsed.iter().copied().flatten().collect();
    let found = state.store.cameras_by_ids(tenant, asked).await?;
    let found: HashMap<CameraId, Camera> = found.into_iter().map(|camera| (camera.id, camera)).collect();
    let known = parsed.into_iter().map(|id| {
        let camera = found.get(&id?)?;
        Some(known(camera, state.fleet.camera_state(camera.id).as_deref()))
    });
    Ok(known.collect())
}

fn known(camera: &Camera, state: Option<&CameraState>) -> decide::Camera {
    let offered = camera.tiers.iter().map(|tier| {
        let report = state.and_then(|state| state.tiers.iter().find(|report| report.tier == tier.tier));
        offered(tier.tier, report)
    });
    decide::Camera {
        id: camera.id,
        enabled: camera.enabled,
        pinned_protocol: camera.pins.protocol.as_deref().and_then(Protocol::named),
        pinned_tier: camera.pins.tier,
        tiers: offered.collect(),
        device_online: state.is_some_and(|state| state.device_online),
        by_node: camera.via == Via::Node,
    }
}

fn offered(tier: Tier, report: Option<&TierReport>) -> Offered {
    Offered {
        tier,
        codec: report.and_then(|report| report.codec.clone()),
        b_frames: report.is_some_and(|report| report.b_frames),
        audio: report.and_then(|report| report.audio_codec.clone()),
        width: report.map_or(0, |report| report.width),
        height: report.map_or(0, |report| report.height),
        warm: report.is_some_and(is_warm),
        watched: false,
        trouble: report.and_then(trouble).map(|told| (told.code, told.text)),
    }
}

/// How a camera stands now.
pub(crate) fn state_of(camera: &Camera, state: Option<&CameraState>, feeds: &Feeds) -> StateNow {
    let now = |code, text: &str| StateNow { code, text: text.to_owned(), reason: None, since: None };
    if !camera.enabled {
        return now("off", "disabled");
    }
    let Some(state) = state else {
        return now("opening", "just added; its appliance has not been told yet");
    };
    let since = state.since.map(|at| at.0);
    let reason = state.trouble.as_ref();
    let reason = reason.map(|told| Told { code: told.code.to_string(), text: told.text.clone() });
    let watched = watched_trouble(camera.id, feeds);
    let lost = watched.is_some() && reason.is_none();
    let reason = reason.or(watched);
    let text = reason.as_ref().map(|told| told.text.clone());
    let feed_live = Tier::ALL.iter().any(|tier| {
        let feed = feeds.get(&(camera.id, *tier));
        feed.is_some_and(|feed| feed.state == FeedState::Live && feed.viewers > 0)
    });
    let (code, words) = match state.status {
        _ if lost => ("resting", "the camera has trouble; it is tried again by itself"),
        CameraStatus::Ready if feed_live => ("live", "being watched"),
        CameraStatus::Ready => ("ready", "pictures are in memory; it plays at once"),
        CameraStatus::Opening => ("opening", "the camera is being opened"),
        CameraStatus::Trouble => ("resting", "the camera has trouble; it is tried again by itself"),
        CameraStatus::Offline => ("resting", "the appliance of its site is not connected"),
        CameraStatus::Off => ("off", "not pulled while nobody watches"),
    };
    StateNow { code, text: text.unwrap_or_else(|| words.to_owned()), reason, since }
}

/// What is wrong with what somebody watches: the node misses a silent appliance within seconds, its control link only
/// after a minute.
fn watched_trouble(camera: CameraId, feeds: &Feeds) -> Option<Told> {
    let watched =
        Tier::ALL.iter().filter_map(|tier| feeds.get(&(camera, *tier))).filter(|feed| feed.viewers > 0);
    let (code, text) = watched.filter_map(|feed| feed.reason.clone()).next()?;
    Some(Told { code, text })
}

/// How each stream of a camera stands now, largest picture first.
pub(crate) fn tiers_of(camera: &Camera, state: Option<&CameraState>, feeds: &Feeds) -> Vec<TierNow> {
    let tiers = camera.tiers.iter().map(|tier| {
        let report = state.and_then(|state| state.tiers.iter().find(|report| report.tier == tier.tier));
        let viewers = feeds.get(&(camera.id, tier.tier)).map_or(0, |feed| feed.viewers);
        tier_now(tier.tier, report, viewers)
    });
    tiers.collect()
}

fn tier_now(tier: Tier, report: Option<&TierReport>, viewers: u32) -> TierNow {
    let known = |figure: u32| (figure > 0).then_some(figure);
    TierNow {
        tier: tier.as_str(),
        codec: report.and_then(|report| report.codec.clone()),
        profile: report.and_then(|report| report.profile.clone()),
        level: report.and_then(|report| report.level.clone()),
        width: report.and_then(|report| known(report.width)),
        height: report.and_then(|report| known(report.height)),
        fps: report.and_then(|report| report.fps),
        gop_s: report.and_then(|report| report.gop_s),
        b_frames: report.is_some_and(|report| report.b_frames),
        bitrate_kbps: report.and_then(|report| known(report.bitrate_kbps)),
        audio_codec: report.and_then(|report| report.audio_codec.clone()),
        audio_rate: report.and_then(|report| known(report.audio_rate)),
        audio_channels: report.and_then(|report| known(report.audio_channels)),
        protocols: carriers(&offered(tier, report)).into_iter().map(Protocol::as_str).collect(),
        state: report.map_or(TierState::Off, |report| report.state).as_str(),
        reason: report.and_then(trouble),
        warm: report.is_some_and(is_warm),
        viewers,
        encoder: report.and_then(|report| report.encoder.as_ref()).map(encoder_now),
    }
}

fn is_warm(report: &TierReport) -> bool {
    matches!(report.state, TierState::Warm | TierState::Forwarding)
}

/// What is wrong with a stream. Being opened or off is not wrong.
fn trouble(report: &TierReport) -> Option<Told> {
    let code = report.reason_code.filter(|_| report.state == TierState::Resting)?;
    Some(Told { code: code.to_string(), text: report.reason_text.chars().take(MOST_WORDS).collect() })
}

/// A device's words are shown to people; a broken device does not get to fill their screen.
const MOST_WORDS: usize = 300;
