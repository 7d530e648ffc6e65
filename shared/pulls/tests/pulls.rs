//! The registry of sources, against addresses where no camera answers.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{net::TcpListener, sync::Arc, time::Duration};

use sluice_camsim::{Auth, Camsim, CamsimConfig, Fault, TierConfig};
use sluice_guardian::{Guardian, Limits};
use sluice_ids::{CameraId, Tier};
use sluice_pulls::{Pulls, PullsConfig};
use sluice_runtime::{Clock, TaskScope};
use sluice_source::{Event, SourceMetrics, Start};
use sluice_telemetry::Metrics;
use sluice_trust::seal::{self, Keypair};
use sluice_wire::{
    ReasonCode,
    control::{CameraReport, DesiredCamera, DesiredTier, SessionState, TierState, Transport, Warm},
};

const PATIENCE: Duration = Duration::from_secs(10);

struct Rig {
    scope: TaskScope,
    pulls: Pulls,
    key: Keypair,
    metrics: Metrics,
}

impl Rig {
    fn new() -> Self {
        let (scope, key, metrics) = (TaskScope::new(), Keypair::generate(), Metrics::default());
        let config = PullsConfig { ring_bytes: 1 << 20, seal_key: key.clone() };
        let of_sources = metrics.register("edge", SourceMetrics::register);
        let pulls = Pulls::spawn(&scope, Clock::system(), config, of_sources);
        Self { scope, pulls, key, metrics }
    }

    async fn reported(&self, fits: impl Fn(&[CameraReport]) -> bool) -> Arc<Vec<CameraReport>> {
        let mut report = self.pulls.report();
        let found = tokio::time::timeout(PATIENCE, report.wait_for(|report| fits(report))).await;
        Arc::clone(&found.expect("a report in time").unwrap())
    }
}

fn id(n: u128) -> CameraId {
    CameraId::from_uuid(uuid::Uuid::from_u128(n))
}

/// A port where nobody listens.
fn nowhere() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("rtsp://{address}/stream")
}

fn camera(n: u128, sealed_password: Vec<u8>) -> DesiredCamera {
    DesiredCamera {
        camera_id: id(n),
        name: "Dock".into(),
        tiers: vec![DesiredTier::new(Tier::Main, nowhere()), DesiredTier::new(Tier::Sub, nowhere())],
        username: "planted-user".into(),
        sealed_password,
        warm: Warm::Sub,
        linger: Duration::from_secs(15),
        transport: Transport::Tcp,
        onvif: None,
        sealed_as: String::new(),
        session_budget: 0,
    }
}

fn reason(report: &[CameraReport], camera: usize, tier: usize) -> Option<ReasonCode> {
    report.get(camera)?.tiers.get(tier)?.reason_code
}

#[tokio::test]
async fn a_camera_that_does_not_answer_is_told_in_words_without_its_secrets() {
    let rig = Rig::new();
    let sealed = seal::seal(rig.key.public(), id(1).to_string().as_bytes(), b"planted-password").unwrap();
    rig.pulls.apply(&[camera(1, sealed)]);
    let report = rig.reported(|report| reason(report, 0, 1) == Some(ReasonCode::Unreachable)).await;
    assert_eq!(reason(&report, 0, 0), None, "main is off until somebody asks");
    let shown = format!("{report:?} {}", rig.metrics.exposition());
    assert!(!shown.contains("planted") && !shown.contains("127.0.0.1"), "{shown}");
    assert!(shown.contains("sluice_edge_source_failures_total{reason=\"unreachable\"}"), "{shown}");
    assert!(rig.scope.close(PATIENCE).await);
}

#[tokio::test]
async fn a_password_sealed_for_another_camera_opens_nothing() {
    let rig = Rig::new();
    let sealed = seal::seal(rig.key.public(), id(2).to_string().as_bytes(), b"x").unwrap();
    rig.pulls.apply(&[camera(1, sealed)]);
    let report = rig.reported(|report| reason(report, 0, 0).is_some()).await;
    assert_eq!(reason(&report, 0, 1), Some(ReasonCode::WrongPassword));
    assert!(rig.pulls.source(id(1), Tier::Sub).is_none() && rig.pulls.offered().is_empty());
}

#[tokio::test]
async fn only_what_changed_is_opened_anew() {
    let rig = Rig::new();
    let (first, second) = (camera(1, Vec::new()), camera(2, Vec::new()));
    rig.pulls.apply(&[first.clone(), second.clone()]);
    assert_eq!(rig.pulls.offered().len(), 4);
    let (kept, removed) =
        (rig.pulls.source(id(1), Tier::Sub).unwrap(), rig.pulls.source(id(2), Tier::Sub).unwrap());
    rig.pulls.apply(&[first]);
    tokio::time::timeout(PATIENCE, removed.closed()).await.expect("the removed camera's source ends");
    assert_eq!(rig.pulls.offered(), [(id(1), Tier::Main), (id(1), Tier::Sub)]);
    let still_there = tokio::time::timeout(Duration::from_millis(50), kept.closed()).await;
    assert!(still_there.is_err(), "the other source goes on");
    rig.reported(|report| report.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_the_memory_for_warm_streams_is_let_go_and_told_and_plays_on_demand() {
    let main = Some(TierConfig::sized(320, 180));
    let config = CamsimConfig { cameras: 2, main, sub: None, ..CamsimConfig::default() };
    let camsim = Camsim::start(config).await.unwrap();
    let (scope, metrics) = (TaskScope::new(), Metrics::default());
    let config = PullsConfig { ring_bytes: 1 << 20, seal_key: Keypair::generate() };
    let guardian = Guardian::new(Clock::system(), Limits::default());
    let of_sources = metrics.register("edge", SourceMetrics::register);
    // Less than any picture.
    let pulls = Pulls::guarded(&scope, Clock::system(), (config, guardian, 100), of_sources);
    let dock = |n: usize| DesiredCamera {
        tiers: vec![DesiredTier::new(Tier::Main, camsim.camera(n).url(Tier::Main))],
        username: String::new(),
        warm: Warm::All,
        linger: Duration::ZERO,
        ..camera(n as u128, Vec::new())
    };
    pulls.apply(&[dock(1), dock(2)]);
    let mut report = pulls.report();
    let off = |camera: &CameraReport| {
        camera.tiers[0].state == TierState::Off && camera.tiers[0].reason_text.contains("memory")
    };
    let told = report.wait_for(|report| report.len() == 2 && report.iter().all(off));
    drop(tokio::time::timeout(Duration::from_secs(40), told).await.expect("both are let go").unwrap());
    let source = pulls.source(id(1), Tier::Main).unwrap();
    let mut subscription = source.subscribe(Start::Cached).await;
    let picture = async { while !matches!(subscription.next().await, Some(Event::Unit { .. })) {} };
    tokio::time::timeout(PATIENCE, picture).await.expect("it plays for who watches");
    assert!(scope.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_that_lost_their_power_play_again_and_no_password_is_shown_in_vain() {
    const CAMERAS: usize = 12;
    let sub = Some(TierConfig::sized(320, 180));
    let auth = Auth::Digest;
    let config = CamsimConfig { cameras: CAMERAS, main: None, sub, auth, ..CamsimConfig::default() };
    let camsim = Camsim::start(config).await.unwrap();
    let rig = Rig::new();
    let site: Vec<DesiredCamera> = (1..=CAMERAS)
        .map(|n| DesiredCamera {
            tiers: vec![DesiredTier::new(Tier::Sub, camsim.camera(n).url(Tier::Sub))],
            username: "admin".into(),
            sealed_as: "cred_1".into(),
            sealed_password: seal::seal(rig.key.public(), b"cred_1", b"camera").unwrap(),
            ..camera(n as u128, Vec::new())
        })
        .collect();
    rig.pulls.apply(&site);
    let all = |report: &[CameraReport], state: TierState| {
        report.len() == CAMERAS && report.iter().all(|camera| camera.tiers[0].state == state)
    };
    rig.reported(|report| all(report, TierState::Warm)).await;
    camsim.cameras().for_each(|camera| camera.fault(Fault::Offline));
    rig.reported(|report| all(report, TierState::Resting)).await;
    camsim.cameras().for_each(|camera| camera.fault(Fault::Restore));
    let mut report = rig.pulls.report();
    let again = report.wait_for(|report| all(report, TierState::Warm));
    drop(
        tokio::time::timeout(Duration::from_secs(60), again)
            .await
            .expect("all play within a minute")
            .unwrap(),
    );
    let failures: Vec<u64> = camsim.cameras().map(|camera| camera.counts().auth_failures).collect();
    assert_eq!(failures, vec![0; CAMERAS]);
    let held: Vec<u64> = camsim.cameras().map(|camera| camera.counts().sessions_open).collect();
    assert!(held.iter().all(|held| *held == 1), "one session each: {held:?}");
    assert!(rig.scope.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_of_one_session_is_learnt_told_and_not_bothered_and_serves_who_comes_next() {
    let tier = Some(TierConfig::sized(320, 180));
    let config = CamsimConfig { main: tier, sub: tier, max_sessions: Some(1), ..CamsimConfig::default() };
    let camsim = Camsim::start(config).await.unwrap();
    let rig = Rig::new();
    let both = DesiredCamera {
        tiers: [Tier::Main, Tier::Sub].map(|tier| DesiredTier::new(tier, camsim.camera(1).url(tier))).into(),
        warm: Warm::All,
        linger: Duration::ZERO,
        ..camera(1, Vec::new())
    };
    rig.pulls.apply(std::slice::from_ref(&both));
    let full = |report: &[CameraReport]| {
        let all = report.first().map_or(&[][..], |camera| &camera.tiers);
        all.iter().any(|tier| tier.state == TierState::Warm)
            && all.iter().any(|tier| tier.reason_text.contains("all 1 sessions"))
    };
    let report = rig.reported(full).await;
    assert_eq!(report[0].session_budget, 1);
    let open = report[0].sessions.iter().filter(|held| held.state == SessionState::Open);
    assert_eq!(open.count(), 1, "{:?}", report[0].sessions);
    assert!(camsim.camera(1).counts().refusals <= 2, "{}", camsim.camera(1).counts().refusals);
    let held = report[0].tiers.iter().find(|tier| tier.state == TierState::Warm).unwrap().tier;
    let other = if held == Tier::Main { Tier::Sub } else { Tier::Main };
    let one = DesiredCamera { tiers: vec![DesiredTier::new(other, camsim.camera(1).url(other))], ..both };
    rig.pulls.apply(&[one]);
    let alone = |report: &[CameraReport]| {
        report
            .first()
            .is_some_and(|camera| camera.tiers.len() == 1 && camera.tiers[0].state == TierState::Warm)
    };
    let mut report = rig.pulls.report();
    let next = report.wait_for(|report| alone(report));
    drop(
        tokio::time::timeout(Duration::from_secs(30), next).await.expect("the session is handed on").unwrap(),
    );
    assert!(rig.scope.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_gets_the_session_of_a_stream_that_is_only_kept_warm() {
    let tier = Some(TierConfig::sized(320, 180));
    let config = CamsimConfig { main: tier, sub: tier, max_sessions: Some(1), ..CamsimConfig::default() };
    let camsim = Camsim::start(config).await.unwrap();
    let rig = Rig::new();
    let tiers = [Tier::Main, Tier::Sub].map(|tier| DesiredTier::new(tier, camsim.camera(1).url(tier))).into();
    rig.pulls.apply(&[DesiredCamera { tiers, session_budget: 1, ..camera(1, Vec::new()) }]);
    let warm = |report: &[CameraReport]| {
        report.first().is_some_and(|camera| camera.tiers.iter().any(|tier| tier.state == TierState::Warm))
    };
    rig.reported(warm).await;
    let main = rig.pulls.source(id(1), Tier::Main).unwrap();
    let mut subscription = main.subscribe(Start::Cached).await;
    let picture = async { while !matches!(subscription.next().await, Some(Event::Unit { .. })) {} };
    tokio::time::timeout(PATIENCE, picture).await.expect("the picture that somebody waits for");
    assert_eq!(camsim.camera(1).counts().refusals, 0, "the camera was never asked for too much");
    assert!(rig.scope.close(PATIENCE).await);
}
