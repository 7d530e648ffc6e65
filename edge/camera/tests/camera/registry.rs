//! The cameras of the registry: facts, orders, events, key frames.

use std::{sync::Arc, time::Duration};

use sluice_camsim::{Camera, CameraEvent as Noticed, Camsim, CamsimConfig, Tier};
use sluice_edge_camera::{Cameras, Credentials, Known};
use sluice_ids::CameraId;
use sluice_runtime::{Clock, TaskScope, uuid_v7};
use sluice_telemetry::Secret;
use sluice_wire::control::{
    Action, CameraEvent, CameraEventKind, DesiredCamera, DesiredOnvif, DesiredTier, EncoderChange,
    FailureCode, Outcome, PtzCommand, Transport, Warm,
};
use tokio::{sync::mpsc, time::timeout};
use url::Url;

use crate::{
    hostile::encrypted_camera,
    support::{camsim, config, connector, eventually, odd, xaddr},
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Site {
    cameras: Cameras,
    events: mpsc::Receiver<CameraEvent>,
    scope: TaskScope,
}

impl Site {
    fn new() -> Self {
        let scope = TaskScope::new();
        // The tests' seal is no seal.
        let open = |camera: &DesiredCamera| {
            let password = String::from_utf8(camera.sealed_password.clone()).ok()?;
            Some(Credentials { username: camera.username.clone(), password: Secret::new(password) })
        };
        let (cameras, events) = Cameras::spawn(&scope, Clock::system(), connector(), Arc::new(open));
        Self { cameras, events, scope }
    }

    async fn known(&self, camera: CameraId, holds: impl Fn(&Known) -> bool) -> Known {
        let mut facts = self.cameras.facts();
        let found = facts.wait_for(|all| all.get(&camera).is_some_and(&holds));
        let all = timeout(PATIENCE, found).await.expect("known in time").unwrap();
        all[&camera].clone()
    }

    async fn understood(&self, camera: CameraId) -> Known {
        self.known(camera, |known| !known.facts.model.is_empty()).await
    }

    async fn event(&mut self) -> CameraEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("an event in time").unwrap()
    }

    async fn close(self) {
        assert!(self.scope.close(PATIENCE).await, "every task ends");
        assert_eq!(self.scope.panics(), 0);
    }
}

fn desired(camera: &Camera, password: &str) -> DesiredCamera {
    let tier = |tier: Tier| DesiredTier { tier, url: camera.url(tier), profile: format!("profile_{tier}") };
    DesiredCamera {
        camera_id: CameraId::from_uuid(uuid_v7(&Clock::system())),
        name: camera.name().to_owned(),
        tiers: vec![tier(Tier::Main), tier(Tier::Sub)],
        username: "admin".to_owned(),
        sealed_password: password.as_bytes().to_vec(),
        sealed_as: String::new(),
        warm: Warm::Sub,
        linger: Duration::ZERO,
        transport: Transport::Tcp,
        onvif: Some(DesiredOnvif { key: camera.mac(), xaddr: xaddr(camera).to_string(), channel: 0 }),
        session_budget: 0,
    }
}

async fn one() -> (Camsim, Camera, Site, DesiredCamera) {
    let camsim = camsim(config()).await;
    let camera = camsim.camera(1);
    let desired = desired(&camera, "camera");
    let site = Site::new();
    site.cameras.apply(std::slice::from_ref(&desired));
    (camsim, camera, site, desired)
}

fn refusal(outcome: Outcome) -> FailureCode {
    match outcome {
        Outcome::Failed(failure) => failure.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_and_encoders_of_the_registrys_cameras_are_known_and_forgotten_with_them() {
    let (_camsim, camera, site, mut desired) = one().await;
    let id = desired.camera_id;
    let known = site.understood(id).await;
    assert_eq!((known.facts.model.as_str(), known.facts.trouble.as_str()), ("Virtual camera", ""));
    assert!(known.facts.can.ptz && known.facts.clock_offset_ms.is_some());
    assert_eq!((known.encoders[&Tier::Main].width, known.encoders[&Tier::Sub].width), (1280, 640));
    let asked = camera.counts().onvif_requests;
    site.cameras.apply(std::slice::from_ref(&desired));
    desired.name = "Gate".to_owned();
    site.cameras.apply(std::slice::from_ref(&desired));
    let mut plain = desired.clone();
    plain.camera_id = CameraId::from_uuid(uuid_v7(&Clock::system()));
    plain.onvif = None;
    site.cameras.apply(&[desired, plain.clone()]);
    assert_eq!(site.cameras.facts().borrow().len(), 1, "cameras without an ONVIF side are passed over");
    assert!(camera.counts().onvif_requests <= asked + 8, "nobody is asked anew for what stayed the same");
    site.cameras.apply(&[plain]);
    assert!(site.cameras.facts().borrow().is_empty());
    let ptz = Action::Ptz { camera: id, command: PtzCommand::Stop };
    assert_eq!(refusal(site.cameras.act(&ptz).await), FailureCode::UnknownCamera);
    site.close().await;
}

#[test]
fn cameras_that_change_while_others_are_told_of_block_nobody() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (_camsim, _camera, site, mut desired) = runtime.block_on(one());
    runtime.block_on(site.understood(desired.camera_id));
    let cameras = site.cameras.clone();
    // On a thread of its own: what blocks there can still be noticed here.
    let changes = runtime.spawn_blocking(move || {
        for change in 0..3_000 {
            desired.tiers[0].profile = format!("profile_{change}");
            cameras.apply(std::slice::from_ref(&desired));
        }
    });
    let ended = runtime.block_on(async { timeout(PATIENCE, changes).await });
    if ended.is_err() {
        // It would wait for the threads that wait for each other.
        std::mem::forget(runtime);
        panic!("those who change cameras and those who tell of them wait for each other");
    }
    runtime.block_on(site.close());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_nobody_stops_is_stopped_here() {
    let (_camsim, camera, site, desired) = one().await;
    site.understood(desired.camera_id).await;
    let go = async |command: PtzCommand| {
        site.cameras.act(&Action::Ptz { camera: desired.camera_id, command }).await
    };
    let right = PtzCommand::Continuous { pan: 0.5, tilt: 0.0, zoom: 0.0, for_ms: 400 };
    assert_eq!(go(right).await, Outcome::Done);
    eventually("it moves", || async { camera.status().ptz.pan_tilt_moving }).await;
    let before = Clock::system().now();
    eventually("it stops", || async { !camera.status().ptz.pan_tilt_moving }).await;
    // The camera's own limit, told with the move, is two seconds.
    assert!(Clock::system().now() - before < Duration::from_millis(1_700));
    assert!(matches!(go(PtzCommand::Presets).await, Outcome::Presets(presets) if presets.is_empty()));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_moves_is_stopped_when_the_edge_ends() {
    let (_camsim, camera, site, desired) = one().await;
    site.understood(desired.camera_id).await;
    let right = PtzCommand::Continuous { pan: 0.1, tilt: 0.0, zoom: 0.0, for_ms: 5_000 };
    let moved = site.cameras.act(&Action::Ptz { camera: desired.camera_id, command: right }).await;
    assert_eq!(moved, Outcome::Done);
    eventually("it moves", || async { camera.status().ptz.pan_tilt_moving }).await;
    site.close().await;
    assert!(!camera.status().ptz.pan_tilt_moving);
}

#[tokio::test(flavor = "multi_thread")]
async fn posters_and_settings_are_ordered_by_tier() {
    let (_camsim, _camera, site, desired) = one().await;
    let camera = desired.camera_id;
    site.understood(camera).await;
    let Outcome::Poster(poster) = site.cameras.act(&Action::Poster { camera, tier: None }).await else {
        panic!("a picture")
    };
    assert!(poster.content_type == "image/jpeg" && poster.data.starts_with(&[0xFF, 0xD8]));
    let change = EncoderChange { gop_frames: Some(15), ..EncoderChange::default() };
    let set = |tier: Tier, dry_run: bool| Action::Configure { camera, tier, change: change.clone(), dry_run };
    for dry_run in [true, false] {
        let Outcome::Configured { before, after } = site.cameras.act(&set(Tier::Sub, dry_run)).await else {
            panic!("settings")
        };
        assert_eq!((before.gop_frames, after.gop_frames), (30, 15));
    }
    site.known(camera, |known| known.encoders[&Tier::Sub].gop_frames == 15).await;
    assert_eq!(refusal(site.cameras.act(&set(Tier::Third, true)).await), FailureCode::Invalid);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_camera_notices_is_told_once() {
    let (_camsim, camera, mut site, desired) = one().await;
    site.understood(desired.camera_id).await;
    // Whether it is heard as a change or as how things stand when the subscription begins is the same.
    camera.notice(Noticed::Motion(true));
    let event = site.event().await;
    assert_eq!((event.camera_id, event.kind), (desired.camera_id, CameraEventKind::Motion));
    assert_eq!((event.active, event.left_out), (Some(true), 0));
    camera.notice(Noticed::Motion(true));
    camera.notice(Noticed::Input(true));
    let event = site.event().await;
    assert_eq!((event.kind, event.active), (CameraEventKind::Input, Some(true)), "no motion twice");
    camera.notice(Noticed::Motion(false));
    assert_eq!(site.event().await.active, Some(false));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_events_is_thinned_and_every_one_is_accounted_for() {
    let (_camsim, camera, mut site, desired) = one().await;
    site.understood(desired.camera_id).await;
    camera.notice(Noticed::Motion(true));
    site.event().await;
    // The camera itself keeps 64.
    for n in 0..60 {
        camera.notice(Noticed::Motion(n % 2 == 1));
    }
    let mut told = 0;
    let left_out = loop {
        let event = site.event().await;
        told += 1;
        if event.left_out > 0 {
            break event.left_out;
        }
        if told == 19 {
            // The burst is used up; the next that is told says how many were not.
            Clock::system().sleep(Duration::from_millis(1_200)).await;
            camera.notice(Noticed::Tamper(true));
        }
    };
    assert!(told <= 25 && left_out >= 35, "{told} told, {left_out} left out");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_frames_are_asked_for_once_a_second_and_whether_that_helps_is_learnt() {
    let camsim = odd("key-frame-on-request").await;
    let camera = camsim.camera(1);
    let desired = desired(&camera, "camera");
    let (site, id) = (Site::new(), desired.camera_id);
    site.cameras.apply(std::slice::from_ref(&desired));
    site.understood(id).await;
    let asked = (0..100).filter(|_| site.cameras.request_key_frame(id, Tier::Sub)).count();
    assert_eq!(asked, 1);
    eventually("the camera is asked", || async { camera.counts().sync_points == 1 }).await;
    assert_eq!(site.cameras.facts().borrow()[&id].facts.can.sync_point, None);
    site.cameras.key_frame_came(id, Tier::Sub, Duration::from_millis(200));
    site.known(id, |known| known.facts.can.sync_point == Some(true)).await;
    for _ in 0..3 {
        site.cameras.key_frame_came(id, Tier::Main, Duration::from_secs(4));
    }
    assert!(!site.cameras.request_key_frame(id, Tier::Main), "in vain for this tier");
    let other = CameraId::from_uuid(uuid_v7(&Clock::system()));
    assert!(!site.cameras.request_key_frame(other, Tier::Main));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_a_right_one_helps() {
    let camsim = camsim(config()).await;
    let camera = camsim.camera(1);
    let wrong = desired(&camera, "guess");
    let (site, id) = (Site::new(), wrong.camera_id);
    site.cameras.apply(std::slice::from_ref(&wrong));
    let known = site.known(id, |known| !known.facts.trouble.is_empty()).await;
    assert!(known.facts.trouble.contains("password"), "{}", known.facts.trouble);
    for _ in 0..5 {
        let action = Action::Poster { camera: id, tier: Some(Tier::Sub) };
        assert_eq!(refusal(site.cameras.act(&action).await), FailureCode::WrongPassword);
    }
    assert!(camera.counts().auth_failures <= 2, "{:?}", camera.counts());
    let right = DesiredCamera { sealed_password: b"camera".to_vec(), ..wrong };
    site.cameras.apply(&[right]);
    assert_eq!(site.understood(id).await.facts.trouble, "");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_moved_is_asked_and_pulled_where_it_is() {
    let camsim = camsim(CamsimConfig { cameras: 2, ..config() }).await;
    let (was, is) = (camsim.camera(1), camsim.camera(2));
    let mut desired = desired(&was, "camera");
    // What the registry knows is an address at which nobody is any more.
    let onvif = desired.onvif.as_mut().unwrap();
    onvif.xaddr = "http://127.0.0.77:9/onvif/device_service".to_owned();
    onvif.key = is.mac();
    desired.tiers[0].url = "rtsp://127.0.0.77:554/cam/2/main".to_owned();
    let (site, id) = (Site::new(), desired.camera_id);
    site.cameras.apply(std::slice::from_ref(&desired));
    site.known(id, |known| !known.facts.trouble.is_empty()).await;
    assert_eq!(site.cameras.rewrite(id, &desired.tiers[0]), desired.tiers[0].url);
    site.cameras.moved("somebody else", &xaddr(&was));
    site.cameras.moved(&is.mac(), &xaddr(&is));
    assert_eq!(site.understood(id).await.facts.trouble, "");
    assert_eq!(site.cameras.rewrite(id, &desired.tiers[0]), "rtsp://127.0.0.1:554/cam/2/main");
    assert_eq!(site.cameras.rewrite(id, &desired.tiers[1]), desired.tiers[1].url, "named another host");
    // Another device at the address is not taken for the camera.
    site.cameras.moved(&is.mac(), &xaddr(&was));
    site.known(id, |known| known.facts.trouble.contains("another device")).await;
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channels_of_a_recorder_are_asked_by_one_and_each_moves_shows_and_notices_for_itself() {
    let camsim = camsim(CamsimConfig { cameras: 3, channels: 3, ..config() }).await;
    let (first, last) = (camsim.camera(1), camsim.camera(3));
    let channel = |camera: &Camera, number: u32| {
        let mut desired = desired(camera, "camera");
        desired.onvif.as_mut().unwrap().channel = number;
        for tier in &mut desired.tiers {
            tier.profile = format!("profile_{}_{}", number + 1, tier.tier);
        }
        desired
    };
    let (one, three) = (channel(&first, 0), channel(&last, 2));
    let mut site = Site::new();
    site.cameras.apply(&[one.clone(), three.clone()]);
    for id in [one.camera_id, three.camera_id] {
        let known = site.understood(id).await;
        assert_eq!((known.facts.model.as_str(), known.facts.trouble.as_str()), ("Virtual recorder", ""));
        assert!(known.facts.can.ptz && known.facts.can.events && known.encoders.len() == 2);
    }
    let right = PtzCommand::Absolute { pan: 0.1, tilt: 0.0, zoom: 0.0 };
    let turn = Action::Ptz { camera: three.camera_id, command: right };
    assert_eq!(site.cameras.act(&turn).await, Outcome::Done);
    eventually("the third turns", || async { last.status().ptz.pan > 0.05 }).await;
    assert_eq!(first.status().ptz.pan, 0.0, "and the first does not");
    let poster = Action::Poster { camera: three.camera_id, tier: None };
    assert!(matches!(site.cameras.act(&poster).await, Outcome::Poster(_)));
    assert!(site.cameras.request_key_frame(three.camera_id, Tier::Main));
    eventually("the third is asked", || async { last.counts().sync_points == 1 }).await;
    assert_eq!(first.counts().sync_points, 0);
    // One event names the video source, the other its configuration.
    last.notice(Noticed::Motion(true));
    last.notice(Noticed::Tamper(true));
    for kind in [CameraEventKind::Motion, CameraEventKind::Tamper] {
        let event = site.event().await;
        assert_eq!((event.camera_id, event.kind), (three.camera_id, kind));
    }
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cameras_of_the_registry_are_known_with_what_opens_them_and_how_often_that_was_entered() {
    let (_camsim, camera, site, desired) = one().await;
    let known = || site.cameras.registered().pop().unwrap();
    let before = known();
    assert_eq!((&before.key, &before.xaddr), (&camera.mac(), &xaddr(&camera)));
    assert_eq!((before.credential.as_str(), before.entered), (&*desired.camera_id.to_string(), 0));
    site.cameras.apply(std::slice::from_ref(&desired));
    assert_eq!(known(), before);
    let sealed_as = "crd_1".to_owned();
    site.cameras.apply(&[DesiredCamera { sealed_as, ..desired }]);
    assert_eq!((known().credential.as_str(), known().entered), ("crd_1", 1));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_with_another_certificate_says_so_and_is_taken_when_its_password_is_entered_again() {
    let camsim = camsim(config()).await;
    let (camera, site) = (camsim.camera(1), Site::new());
    let desired = desired(&camera, "camera");
    let at = |place: &Url, desired: &DesiredCamera| {
        let onvif = desired.onvif.clone().map(|onvif| DesiredOnvif { xaddr: place.to_string(), ..onvif });
        DesiredCamera { onvif, ..desired.clone() }
    };
    let (before, renewed) = (encrypted_camera(&camera), encrypted_camera(&camera));
    let id = desired.camera_id;
    site.cameras.apply(&[at(&before, &desired)]);
    site.understood(id).await;
    site.cameras.apply(&[at(&renewed, &desired)]);
    let told = site.known(id, |known| !known.facts.trouble.is_empty()).await.facts.trouble;
    assert!(told.contains("certificate") && told.contains("enter its password again"), "{told}");
    // The same password, sealed anew: nothing else says that a person was there.
    let sealed_as = "crd_1".to_owned();
    site.cameras.apply(&[DesiredCamera { sealed_as, ..at(&renewed, &desired) }]);
    site.known(id, |known| known.facts.trouble.is_empty()).await;
    assert_eq!(camera.counts().auth_failures, 0);
    site.close().await;
}
