//! Cameras that the node pulls itself: the same feed as over a link, with a virtual camera behind it.

use std::{sync::Arc, time::Duration};

use sluice_camsim::{AudioCodec, Auth, Camsim, CamsimConfig, Delivery, Fault, TierConfig, VideoCodec};
use sluice_hub_node::{
    pull::{NodePull, PullPorts},
    tunnel::{self, Assignments, FeedEvent, FeedStream, Supply, Tunnels},
};
use sluice_ids::{CameraId, DeviceId, Tier};
use sluice_media::AccessUnit;
use sluice_pulls::PullsConfig;
use sluice_runtime::{Clock, TaskScope, uuid_v7};
use sluice_telemetry::Metrics;
use sluice_trust::seal::{self, Keypair};
use sluice_wire::{
    ReasonCode,
    control::{CameraReport, DesiredCamera, DesiredTier, TierState, Transport, Warm},
    node::{Assignment, FromNode, Puller},
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

const SOON: Duration = Duration::from_secs(20);

struct Beside {
    scope: TaskScope,
    camsim: Camsim,
    camera: CameraId,
    pull: NodePull,
    wanted: watch::Sender<Arc<Vec<DesiredCamera>>>,
    assignments: watch::Sender<Arc<Assignments>>,
    reports: mpsc::Receiver<FromNode>,
    tunnels: Tunnels,
    metrics: Metrics,
}

impl Beside {
    /// A camera with picture and sound that asks for a password, and a node that was told nothing.
    async fn set() -> Self {
        let config = CamsimConfig {
            main: None,
            sub: Some(TierConfig::sized(640, 360).coded(VideoCodec::H265)),
            audio: Some(AudioCodec::Pcmu),
            delivery: Delivery::Replay,
            auth: Auth::Digest,
            ..CamsimConfig::default()
        };
        let camsim = Camsim::start(config).await.expect("a virtual camera");
        let (scope, clock, metrics) = (TaskScope::new(), Clock::system(), Metrics::default());
        let (wanted, orders) = watch::channel(Arc::default());
        let (outbox, reports) = mpsc::channel(16);
        let config = PullsConfig { ring_bytes: 1 << 20, seal_key: Keypair::generate() };
        let ports = PullPorts { wanted: orders, reports: outbox };
        let pull = NodePull::spawn(&scope, clock, config, ports, &metrics);
        let (assignments, assigned) = watch::channel(Arc::default());
        let (_, links) = mpsc::channel(1);
        let supply = Supply { links, pull: Some(pull.clone()) };
        let tunnels = tunnel::spawn(&scope, clock, supply, assigned, &metrics);
        let camera = CameraId::from_uuid(uuid_v7(&clock));
        Self { scope, camsim, camera, pull, wanted, assignments, reports, tunnels, metrics }
    }

    fn want(&self, warm: Warm) {
        let aad = self.camera.to_string();
        let sealed = seal::seal(self.pull.seal_public_key(), aad.as_bytes(), b"camera").expect("a key");
        let camera = DesiredCamera {
            camera_id: self.camera,
            name: "Dock".into(),
            tiers: vec![DesiredTier::new(Tier::Sub, self.camsim.camera(1).url(Tier::Sub))],
            username: "admin".into(),
            sealed_password: sealed,
            warm,
            linger: Duration::from_secs(15),
            transport: Transport::Tcp,
            onvif: None,
            sealed_as: String::new(),
            session_budget: 0,
        };
        self.wanted.send_replace(Arc::new(vec![camera]));
    }

    fn assign(&self, puller: Puller) {
        let tiers = vec![Tier::Sub];
        let assigned = Assignment { puller, camera: self.camera, tiers, linger: Duration::ZERO };
        self.assignments.send_replace(Arc::new(Assignments::from_list(&[assigned])));
    }

    fn open(&self) -> FeedStream {
        self.tunnels.open(self.camera, Tier::Sub)
    }

    /// The first report that fits.
    async fn reported(&mut self, fits: impl Fn(&CameraReport) -> bool) -> CameraReport {
        let found = timeout(SOON, async {
            while let Some(news) = self.reports.recv().await {
                let FromNode::Cameras(cameras) = news else { panic!("reports of cameras alone: {news:?}") };
                if let Some(found) = cameras.into_iter().find(&fits) {
                    return found;
                }
            }
            panic!("the node ended")
        });
        found.await.expect("a report in time")
    }

    fn pulls(&self) -> String {
        let text = self.metrics.exposition();
        let value = text.lines().find_map(|line| line.strip_prefix("sluice_node_pulls "));
        value.unwrap_or_else(|| panic!("no such gauge in\n{text}")).to_owned()
    }
}

async fn next(stream: &mut FeedStream) -> FeedEvent {
    timeout(SOON, stream.next()).await.expect("an event in time")
}

/// The first unit of each line: the picture's is a key.
async fn both_lines(stream: &mut FeedStream) -> (Arc<AccessUnit>, Arc<AccessUnit>) {
    let (mut lead, mut picture, mut sound) = (None, None, None);
    loop {
        match next(stream).await {
            FeedEvent::Started { lines } => {
                assert_eq!(
                    lines.iter().map(|line| line.encoding.as_str()).collect::<Vec<_>>(),
                    ["H265", "PCMU"]
                );
                lead = Some(lines[0].index as usize);
            }
            FeedEvent::Unit { line, unit } => {
                let first = if lead == Some(line) { &mut picture } else { &mut sound };
                first.get_or_insert(unit);
            }
            _ => {}
        }
        if let (Some(picture), Some(sound)) = (&picture, &sound) {
            return (Arc::clone(picture), Arc::clone(sound));
        }
    }
}

#[tokio::test]
async fn a_camera_beside_the_node_plays_and_is_reported_like_any_other() {
    let mut node = Beside::set().await;
    node.want(Warm::Sub);
    node.assign(Puller::Node);
    let report = node.reported(|camera| camera.tiers[0].state == TierState::Warm).await;
    let tier = &report.tiers[0];
    assert!(tier.codec.as_ref().is_some_and(|codec| codec.starts_with("hvc1")), "{tier:?}");
    assert_eq!((tier.width, tier.height), (640, 360));
    assert_eq!((tier.audio_codec.as_deref(), tier.audio_rate, tier.audio_channels), (Some("PCMU"), 8_000, 1));

    let (mut one, mut other) = (node.open(), node.open());
    let (picture, sound) = both_lines(&mut one).await;
    assert!(picture.key.is_some());
    let apart = (picture.captured_at_ms - sound.captured_at_ms).abs();
    assert!(apart < 1_000, "captured {apart} ms apart");
    both_lines(&mut other).await;
    assert_eq!(node.pulls(), "1", "one pull, however many feeds");
    node.reported(|camera| camera.tiers[0].state == TierState::Forwarding).await;
    drop((one, other));
    node.reported(|camera| camera.tiers[0].state == TierState::Warm).await;
    assert!(node.scope.close(SOON).await);
    assert_eq!(node.scope.panics(), 0);
}

#[tokio::test]
async fn trouble_is_told_and_the_feed_resumes_by_itself() {
    let node = Beside::set().await;
    node.want(Warm::None);
    node.assign(Puller::Node);
    let mut stream = node.open();
    let (before, _) = both_lines(&mut stream).await;
    node.camsim.camera(1).fault(Fault::Offline);
    loop {
        if let FeedEvent::State { code, .. } = next(&mut stream).await {
            assert_eq!(code, ReasonCode::Unreachable.as_str());
            break;
        }
    }
    node.camsim.camera(1).fault(Fault::Restore);
    let (after, _) = both_lines(&mut stream).await;
    assert!(after.key.is_some() && after.timestamp > before.timestamp, "time goes on");
}

#[tokio::test]
async fn a_camera_that_moves_between_a_device_and_the_node_keeps_its_feed() {
    let node = Beside::set().await;
    node.want(Warm::None);
    let device = Puller::Device(DeviceId::from_uuid(uuid_v7(&Clock::system())));
    node.assign(device);
    let mut stream = node.open();
    let FeedEvent::State { code, .. } = next(&mut stream).await else { panic!("its device is not there") };
    assert_eq!(code, ReasonCode::DeviceOffline.as_str());
    node.assign(Puller::Node);
    both_lines(&mut stream).await;
    node.assign(device);
    while !matches!(next(&mut stream).await, FeedEvent::Lost) {}
}

#[tokio::test]
async fn a_camera_the_node_was_not_told_of_is_explained_and_awaited() {
    let node = Beside::set().await;
    node.assign(Puller::Node);
    let mut stream = node.open();
    let FeedEvent::State { code, .. } = next(&mut stream).await else {
        panic!("there is no such camera yet")
    };
    assert_eq!(code, ReasonCode::NotFound.as_str());
    node.want(Warm::None);
    both_lines(&mut stream).await;
}
