use std::{net::SocketAddr, sync::Arc};

use sluice_hub_store::{Camera, Device};
use sluice_ids::{CameraId, DeviceId, SiteId, TenantId, UnixMillis};
use sluice_wire::{
    ReasonCode,
    control::{CameraFacts, CameraReport, HealthItem, HeldSession, TierReport, TierState},
};

use crate::found::{CameraHappened, DeviceFound, cut};

/// How a device stands.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceState {
    /// Which.
    pub device: DeviceId,
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub site: SiteId,
    /// What people call it.
    pub name: String,
    /// Whether its control link is up.
    pub online: bool,
    /// Since when it is or is not; `None` if it never was.
    pub since: Option<UnixMillis>,
    /// Where it dials from.
    pub remote: Option<SocketAddr>,
    /// Its software, as last told.
    pub version: Option<String>,
    /// The generation of what it should do.
    pub desired_generation: u64,
    /// The generation it acts on; 0 if it has not said.
    pub reported_generation: u64,
    /// What is not as it should be with the device itself.
    pub health: Vec<HealthItem>,
    /// Whether it was shut out.
    pub revoked: bool,
    /// The key that secrets for it are sealed to, if known.
    pub seal_public_key: Option<Vec<u8>>,
}

/// How a camera stands, in one word with its reason, and each of its tiers.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraState {
    /// Which.
    pub camera: CameraId,
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub site: SiteId,
    /// Who pulls it; `None` if a node does.
    pub device: Option<DeviceId>,
    /// Whether that device's control link is up.
    pub device_online: bool,
    /// In one word.
    pub status: CameraStatus,
    /// What is wrong.
    pub trouble: Option<Trouble>,
    /// Since when, in the device's clock; the hub's if the device is offline.
    pub since: Option<UnixMillis>,
    /// Every tier of the registry, largest picture first. While the device is offline: what was known of the
    /// stream last, and `device-offline`.
    pub tiers: Vec<TierReport>,
    /// What is known of the camera itself, also while the device is offline.
    pub facts: Option<CameraFacts>,
    /// Every session held of its physical device, or tried; empty while the device is offline.
    pub sessions: Vec<HeldSession>,
    /// How many it may serve at once, as set or learnt; 0 if not known.
    pub session_budget: u32,
}

/// How a camera stands in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CameraStatus {
    /// A tier is pulled: a picture stands at once.
    Ready,
    /// Not pulled, and without known trouble: play opens it.
    Off,
    /// Being opened, or not reported yet.
    Opening,
    /// No tier gives a picture; tried again by itself.
    Trouble,
    /// Its device is not connected.
    Offline,
}

/// What is wrong, as code and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// From the closed set.
    pub code: ReasonCode,
    /// In words, in English; may come from the device.
    pub text: String,
}

/// A change somebody may want to hear of. Figures that move all the time are no news.
#[derive(Debug, Clone)]
pub enum FleetEvent {
    /// A device stands otherwise.
    Device(Arc<DeviceState>),
    /// A camera stands otherwise.
    Camera(Arc<CameraState>),
    /// A device is no longer in the registry; how it stood last.
    DeviceGone(Arc<DeviceState>),
    /// A camera is no longer in the registry, or its device is not; how it stood last.
    CameraGone(Arc<CameraState>),
    /// A device found something else than before.
    Found(Arc<DeviceFound>),
    /// A camera noticed something.
    Happened(Arc<CameraHappened>),
}

impl CameraStatus {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Off => "off",
            Self::Opening => "opening",
            Self::Trouble => "trouble",
            Self::Offline => "offline",
        }
    }
}

impl FleetEvent {
    /// Who may hear of it.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        match self {
            Self::Device(state) | Self::DeviceGone(state) => state.tenant,
            Self::Camera(state) | Self::CameraGone(state) => state.tenant,
            Self::Found(found) => found.tenant,
            Self::Happened(happened) => happened.tenant,
        }
    }
}

impl CameraState {
    /// Derives the state from the registry's camera, whether its device is online (and since when it is not), and
    /// the device's last report of it.
    pub(crate) fn derive(camera: &Camera, link: LinkState, report: Option<&CameraReport>) -> Self {
        let mut tiers: Vec<TierReport> = camera.tiers.iter().map(|tier| tier_of(tier.tier, report)).collect();
        let (status, trouble, since) = match link {
            LinkState::Offline { since } => {
                tiers.iter_mut().for_each(|tier| take_offline(tier, since));
                (CameraStatus::Offline, Some(offline()), since)
            }
            LinkState::Online if report.is_none() && camera.enabled => (CameraStatus::Opening, None, None),
            LinkState::Online => summary(&tiers),
        };
        Self {
            camera: camera.id,
            tenant: camera.tenant,
            site: camera.site,
            device: camera.via.device(),
            device_online: link == LinkState::Online,
            status,
            trouble,
            since,
            tiers,
            facts: report.and_then(|report| report.facts.clone()).map(shortened),
            sessions: sessions(link, report),
            session_budget: report.map_or(0, |report| report.session_budget),
        }
    }

    /// Whether the difference is worth an event: anything but figures that move all the time.
    pub(crate) fn is_news_after(&self, before: &Self) -> bool {
        self.without_figures() != before.without_figures()
    }

    fn without_figures(&self) -> Self {
        let mut state = self.clone();
        for tier in &mut state.tiers {
            (tier.bitrate_kbps, tier.warm_bytes, tier.fps, tier.gop_s) = (0, 0, None, None);
        }
        (state.sessions, state.session_budget) = (Vec::new(), 0);
        if let Some(facts) = &mut state.facts {
            facts.clock_offset_ms = None;
        }
        state
    }
}

impl DeviceState {
    pub(crate) fn of(row: &Device) -> Self {
        Self {
            device: row.id,
            tenant: row.tenant,
            site: row.site,
            name: row.name.clone(),
            online: false,
            since: row.last_seen_at,
            remote: None,
            version: row.version.clone(),
            desired_generation: row.desired_generation,
            reported_generation: 0,
            health: Vec::new(),
            revoked: row.revoked_at.is_some(),
            seal_public_key: row.seal_public_key.clone(),
        }
    }
}

/// Whether a camera's device is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkState {
    Online,
    Offline { since: Option<UnixMillis> },
}

fn tier_of(tier: sluice_ids::Tier, report: Option<&CameraReport>) -> TierReport {
    let reported = report.and_then(|report| report.tiers.iter().find(|reported| reported.tier == tier));
    reported.cloned().unwrap_or_else(|| TierReport::new(tier, TierState::Off, UnixMillis(0)))
}

fn sessions(link: LinkState, report: Option<&CameraReport>) -> Vec<HeldSession> {
    let held = report.filter(|_| link == LinkState::Online).map(|report| report.sessions.iter());
    let mut held: Vec<_> = held.into_iter().flatten().take(MOST_SESSIONS).cloned().collect();
    held.iter_mut().for_each(|session| cut(&mut session.purpose, LONGEST_TEXT));
    held
}

fn shortened(mut facts: CameraFacts) -> CameraFacts {
    let CameraFacts { manufacturer, model, firmware, serial, trouble, .. } = &mut facts;
    [manufacturer, model, firmware, serial, trouble].into_iter().for_each(|text| cut(text, LONGEST_TEXT));
    facts
}

fn take_offline(tier: &mut TierReport, since: Option<UnixMillis>) {
    tier.state = TierState::Resting;
    tier.reason_code = Some(ReasonCode::DeviceOffline);
    tier.reason_text = OFFLINE.into();
    tier.since_ms = since.unwrap_or(tier.since_ms);
    (tier.bitrate_kbps, tier.warm_bytes, tier.forwarding) = (0, 0, false);
}

fn offline() -> Trouble {
    Trouble { code: ReasonCode::DeviceOffline, text: OFFLINE.into() }
}

/// The best tier speaks for the camera; among tiers in trouble, the largest.
fn summary(tiers: &[TierReport]) -> (CameraStatus, Option<Trouble>, Option<UnixMillis>) {
    let first = |states: &[TierState]| tiers.iter().find(|tier| states.contains(&tier.state));
    if let Some(tier) = first(&[TierState::Forwarding, TierState::Warm]) {
        return (CameraStatus::Ready, None, Some(tier.since_ms));
    }
    if let Some(tier) = first(&[TierState::Resting]) {
        let code = tier.reason_code.unwrap_or(ReasonCode::ProtocolError);
        let trouble = Trouble { code, text: tier.reason_text.chars().take(LONGEST_TEXT).collect() };
        return (CameraStatus::Trouble, Some(trouble), Some(tier.since_ms));
    }
    if let Some(tier) = first(&[TierState::Opening]) {
        return (CameraStatus::Opening, None, Some(tier.since_ms));
    }
    (CameraStatus::Off, None, tiers.first().map(|tier| tier.since_ms))
}

const OFFLINE: &str = "the appliance that serves this camera is not connected";
/// A device's words are shown to people; a broken device does not get to fill their screen.
const LONGEST_TEXT: usize = 300;
/// No camera serves half as many.
const MOST_SESSIONS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::fixtures;
    use sluice_ids::Tier;

    const THEN: UnixMillis = UnixMillis(1_000);

    fn report(main: TierState, sub: TierState) -> CameraReport {
        let camera_id = fixtures::camera_id(1);
        let tiers = vec![TierReport::new(Tier::Sub, sub, THEN), TierReport::new(Tier::Main, main, THEN)];
        CameraReport::new(camera_id, tiers)
    }

    fn status(main: TierState, sub: TierState) -> CameraStatus {
        let camera = fixtures::camera(1, fixtures::device_id(1));
        CameraState::derive(&camera, LinkState::Online, Some(&report(main, sub))).status
    }

    #[test]
    fn the_best_tier_speaks_for_the_camera() {
        use TierState::{Forwarding, Off, Opening, Resting, Warm};
        assert_eq!(status(Off, Warm), CameraStatus::Ready);
        assert_eq!(status(Resting, Forwarding), CameraStatus::Ready);
        assert_eq!(status(Off, Resting), CameraStatus::Trouble);
        assert_eq!(status(Resting, Opening), CameraStatus::Trouble);
        assert_eq!(status(Off, Opening), CameraStatus::Opening);
        assert_eq!(status(Off, Off), CameraStatus::Off);
    }

    #[test]
    fn a_camera_that_was_not_reported_is_opening() {
        let camera = fixtures::camera(1, fixtures::device_id(1));
        let state = CameraState::derive(&camera, LinkState::Online, None);
        assert_eq!((state.status, state.tiers.len()), (CameraStatus::Opening, 2));
    }

    #[test]
    fn offline_wins_over_what_was_reported_and_keeps_what_the_stream_is() {
        let camera = fixtures::camera(1, fixtures::device_id(1));
        let mut report = report(TierState::Off, TierState::Forwarding);
        report.tiers[0].codec = Some("avc1.42c01f".into());
        report.tiers[0].forwarding = true;
        let offline = LinkState::Offline { since: Some(UnixMillis(9_000)) };
        let state = CameraState::derive(&camera, offline, Some(&report));
        assert_eq!(state.trouble.map(|trouble| trouble.code), Some(ReasonCode::DeviceOffline));
        let sub = &state.tiers[1];
        assert_eq!((sub.state, sub.reason_code), (TierState::Resting, Some(ReasonCode::DeviceOffline)));
        assert_eq!(
            (sub.codec.as_deref(), sub.forwarding, sub.since_ms),
            (Some("avc1.42c01f"), false, UnixMillis(9_000))
        );
    }

    #[test]
    fn facts_outlive_the_link_and_sessions_do_not() {
        use sluice_wire::control::{SessionKind, SessionState};
        let camera = fixtures::camera(1, fixtures::device_id(1));
        let mut report = report(TierState::Off, TierState::Warm);
        report.facts = Some(CameraFacts { model: "m".repeat(1_000), ..CameraFacts::default() });
        let (kind, state) = (SessionKind::Rtsp, SessionState::Open);
        report.sessions = vec![HeldSession { kind, purpose: "sub".into(), state, since: THEN }; 100];
        report.session_budget = 4;
        let online = CameraState::derive(&camera, LinkState::Online, Some(&report));
        assert_eq!((online.sessions.len(), online.session_budget), (MOST_SESSIONS, 4));
        let offline = CameraState::derive(&camera, LinkState::Offline { since: None }, Some(&report));
        assert_eq!((offline.sessions.len(), offline.facts.unwrap().model.len()), (0, LONGEST_TEXT));
        let mut moved = report;
        moved.sessions.clear();
        let moved = CameraState::derive(&camera, LinkState::Online, Some(&moved));
        assert!(moved != online && !moved.is_news_after(&online));
    }

    #[test]
    fn figures_are_no_news_and_states_are() {
        let camera = fixtures::camera(1, fixtures::device_id(1));
        let derive = |report: &CameraReport| CameraState::derive(&camera, LinkState::Online, Some(report));
        let before = derive(&report(TierState::Off, TierState::Warm));
        let mut moved = report(TierState::Off, TierState::Warm);
        moved.tiers[0].bitrate_kbps = 900;
        assert!(derive(&moved) != before && !derive(&moved).is_news_after(&before));
        moved.tiers[0].codec = Some("avc1.42c01f".into());
        assert!(derive(&moved).is_news_after(&before));
    }
}
