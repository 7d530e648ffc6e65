//! The desk against a virtual camera.

use std::{net::SocketAddr, time::Duration};

use sluice_camsim::{Auth, Camsim, CamsimConfig, OnvifConfig, Quirk, TierConfig};
use sluice_runtime::Clock;
use sluice_source::{Event, Start, State};
use sluice_telemetry::Metrics;
use sluice_trust::seal::{self, Keypair};
use sluice_wire::control::{DesiredCamera, DesiredOnvif, DesiredTier, Found, MAX_POSTER, Tried, Warm};

use super::*;
use crate::{
    config::{CameraLimits, Discovery},
    key_frames,
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Rig {
    desk: Desk,
    camsim: Camsim,
    key: Keypair,
    _state: tempfile::TempDir,
}

impl Rig {
    async fn new(config: CamsimConfig) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (scope, clock, key) = (TaskScope::new(), Clock::system(), Keypair::generate());
        let state = tempfile::tempdir().unwrap();
        let discovery = Discovery { enabled: false, interfaces: vec!["127.0.0.1".into()], ranges: vec![] };
        let limits = CameraLimits { discovery, ..CameraLimits::default() };
        let metrics = Metrics::default();
        let (site, _events) = Site::begin(&scope, clock, (&limits, state.path(), &key), &metrics).unwrap();
        let (key_frames, wishes) = mpsc::channel(key_frames::WISHES);
        scope.spawn("key-frames", key_frames::serve(site.clone(), clock, wishes, scope.shutdown()));
        let camsim = Camsim::start(config).await.unwrap();
        Self { desk: Desk { site, scope, key_frames }, camsim, key, _state: state }
    }

    /// The camera, with its ONVIF side if `onvif`.
    fn desired(&self, onvif: bool, warm: Warm) -> DesiredCamera {
        let camera = self.camsim.camera(1);
        let onvif = onvif.then(|| DesiredOnvif {
            key: camera.endpoint(),
            xaddr: camera.onvif_url().unwrap(),
            channel: 0,
        });
        DesiredCamera {
            camera_id: id(),
            name: "Dock".into(),
            tiers: vec![DesiredTier {
                tier: Tier::Sub,
                url: camera.url(Tier::Sub),
                profile: if onvif.is_some() { "profile_sub".into() } else { String::new() },
            }],
            username: "admin".into(),
            sealed_password: seal::seal(self.key.public(), b"cred_1", b"camera").unwrap(),
            sealed_as: "cred_1".into(),
            warm,
            linger: Duration::from_secs(15),
            transport: sluice_wire::control::Transport::Tcp,
            onvif,
            session_budget: 0,
        }
    }

    async fn order(&self, action: Action) -> Outcome {
        let (answers, mut answered) = mpsc::channel(1);
        self.desk.order(Order { number: 7, action }, answers);
        let answer = tokio::time::timeout(PATIENCE, answered.recv()).await.unwrap().unwrap();
        assert_eq!(answer.number, 7);
        answer.outcome
    }

    async fn warm(&self) {
        let source = self.desk.site.pulls.source(id(), Tier::Sub).unwrap();
        let mut status = source.status();
        let warm = status.wait_for(|status| status.state == State::Warm);
        tokio::time::timeout(PATIENCE, warm).await.expect("the camera plays").unwrap();
    }
}

fn id() -> CameraId {
    "cam_0198c0de00007000800000000000002a".parse().unwrap()
}

fn camera() -> CamsimConfig {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    CamsimConfig {
        main: None,
        sub: Some(TierConfig::sized(320, 180)),
        auth: Auth::Digest,
        onvif: Some(OnvifConfig { listen, own_addresses: false, discovery: None }),
        ..CamsimConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poster_is_the_key_frame_in_memory_and_costs_the_camera_nothing() {
    let rig = Rig::new(camera()).await;
    rig.desk.site.apply(&[rig.desired(false, Warm::Sub)]);
    rig.warm().await;
    let plays = rig.camsim.camera(1).counts().plays;
    let outcome = rig.order(Action::Poster { camera: id(), tier: None }).await;
    let Outcome::Poster(poster) = outcome else { panic!("{outcome:?}") };
    assert_eq!(poster.content_type, "video/mp4");
    assert!((1_000..MAX_POSTER).contains(&poster.data.len()), "{} bytes", poster.data.len());
    assert_eq!(
        (&poster.data[4..8], poster.data.windows(4).any(|word| word == b"moof")),
        (&b"ftyp"[..], true)
    );
    let age = Clock::system().unix_millis() - poster.captured_at.0;
    assert!((0..10_000).contains(&age), "{age}");
    assert_eq!(rig.camsim.camera(1).counts().plays, plays);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poster_of_a_camera_that_nobody_watches_is_its_own_jpeg_or_opens_it_for_one_picture() {
    let rig = Rig::new(camera()).await;
    rig.desk.site.apply(&[rig.desired(true, Warm::None)]);
    let outcome = rig.order(Action::Poster { camera: id(), tier: Some(Tier::Sub) }).await;
    let Outcome::Poster(poster) = outcome else { panic!("{outcome:?}") };
    assert_eq!((poster.content_type.as_str(), &poster.data[..2]), ("image/jpeg", &[0xff, 0xd8][..]));
    assert_eq!(rig.camsim.camera(1).counts().plays, 0);
    rig.desk.site.apply(&[rig.desired(false, Warm::None)]);
    let outcome = rig.order(Action::Poster { camera: id(), tier: None }).await;
    let Outcome::Poster(poster) = outcome else { panic!("{outcome:?}") };
    assert_eq!((poster.content_type.as_str(), rig.camsim.camera(1).counts().plays), ("video/mp4", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_nobody_knows_has_no_poster() {
    let rig = Rig::new(camera()).await;
    let outcome = rig.order(Action::Poster { camera: id(), tier: None }).await;
    assert!(
        matches!(&outcome, Outcome::Failed(failure) if failure.code == FailureCode::UnknownCamera),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_waits_to_be_asked_for_a_key_frame_is_asked_and_that_is_learnt() {
    let config = Quirk::known("key-frame-on-request").unwrap().unwrap().apply(camera()).unwrap();
    let rig = Rig::new(config).await;
    rig.desk.site.apply(&[rig.desired(true, Warm::None)]);
    let source = rig.desk.source(id(), Tier::Sub).unwrap();
    let mut subscription = source.subscribe(Start::Cached).await;
    let mut keys = source.key_frames();
    let flows = keys.wait_for(|keys| keys.flowing);
    tokio::time::timeout(PATIENCE, flows).await.expect("pictures come").unwrap();
    let asked = Clock::system().now();
    rig.desk.request_key_frame(id(), Tier::Sub);
    let first = async { while !matches!(subscription.next().await, Some(Event::Unit { .. })) {} };
    tokio::time::timeout(PATIENCE, first).await.expect("a picture");
    let waited = Clock::system().now() - asked;
    assert!(waited < Duration::from_secs(5), "half of the camera's own ten seconds: {waited:?}");
    assert!(rig.camsim.camera(1).counts().sync_points >= 1);
    // A camera that answers within a second is known to help; a machine that is too busy for that learns the contrary.
    let mut facts = rig.desk.site.cameras.facts();
    let known = |sync_point: Option<bool>| sync_point.is_some();
    let learnt = async {
        loop {
            rig.desk.request_key_frame(id(), Tier::Sub);
            let learnt =
                facts.wait_for(|all| all.get(&id()).is_some_and(|it| known(it.facts.can.sync_point)));
            if tokio::time::timeout(Duration::from_millis(1_200), learnt).await.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, learnt).await.expect("whether asking helps is known in the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_camera_is_searched_and_opened_with_what_was_sealed_for_this_device() {
    let rig = Rig::new(camera()).await;
    let address = rig.camsim.camera(1).onvif_url().unwrap();
    let search = Action::Search { ranges: vec![], addresses: vec![address.clone()] };
    assert_eq!(rig.order(search).await, Outcome::Done);
    let mut found = rig.desk.site.discovery.found();
    // Others on this machine may answer at the same host.
    let ours = |found: &Found| found.cameras.iter().find(|camera| camera.xaddr == address).cloned();
    let seen = found.wait_for(|found| ours(found).is_some());
    let key = ours(&tokio::time::timeout(PATIENCE, seen).await.unwrap().unwrap()).unwrap().key;
    let sealed = |to: &Keypair, id: &str, password: &[u8]| OfferedCredential {
        id: id.to_owned(),
        username: "admin".to_owned(),
        sealed_password: seal::seal(to.public(), id.as_bytes(), password).unwrap(),
    };
    let other = Keypair::generate();
    let credentials = vec![
        sealed(&other, "foreign", b"camera"),
        sealed(&rig.key, "wrong", b"wrong"),
        sealed(&rig.key, "right", b"camera"),
    ];
    let outcome = rig.order(Action::Try { keys: vec![key.clone()], credentials }).await;
    let tried = Tried { key, credential: "right".into(), text: String::new() };
    assert_eq!(outcome, Outcome::Tried(vec![tried]));
    let refused = rig.order(Action::Search { ranges: vec!["8.8.8.0/24".into()], addresses: vec![] }).await;
    assert!(
        matches!(&refused, Outcome::Failed(failure) if failure.code == FailureCode::Invalid),
        "{refused:?}"
    );
}
