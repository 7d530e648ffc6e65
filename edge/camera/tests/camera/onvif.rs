//! One device, asked by the client.

use std::{net::SocketAddr, time::Duration};

use sluice_camsim::{
    AudioCodec, Auth, CameraEvent, CamsimConfig, Fault, Oddities, OnvifAuth, Tier, TierConfig,
};
use sluice_edge_camera::{AskError, PtzAnswer, understand};
use sluice_ids::UnixMillis;
use sluice_wire::control::{
    CameraEventKind, EncoderChange, FailureCode, FoundCamera, FoundState, PtzCommand,
};

use crate::support::{account, camsim, config, connector, eventually, odd, open, xaddr};

fn streams(found: &FoundCamera) -> Vec<(Option<Tier>, &str)> {
    found.tiers.iter().map(|tier| (tier.tier, tier.url.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_understood_with_its_tiers_and_what_it_can_do() {
    let camsim = camsim(CamsimConfig { audio: Some(AudioCodec::Pcma), ..config() }).await;
    let camera = camsim.camera(1);
    let found = understand(&connector(), &xaddr(&camera), account("camera")).await.unwrap();
    let [found] = found.as_slice() else { panic!("one video source") };
    assert_eq!((found.name.as_str(), found.model.as_str()), ("Camera 1", "Virtual camera"));
    assert_eq!((found.key.as_str(), found.hardware_address.as_str()), (&*camera.mac(), &*camera.mac()));
    assert!(found.serial.starts_with("CS") && !found.firmware.is_empty());
    let (main, sub) = (camera.url(Tier::Main), camera.url(Tier::Sub));
    assert_eq!(streams(found), [(Some(Tier::Main), main.as_str()), (Some(Tier::Sub), sub.as_str())]);
    let encoder = &found.tiers[0].encoder;
    assert_eq!((encoder.codec.as_str(), encoder.width, encoder.gop_frames), ("H264", 1280, 30));
    assert_eq!((encoder.fps, encoder.constant_bitrate), (15.0, Some(true)));
    assert_eq!((found.audio_codec.as_str(), found.state), ("PCMA", FoundState::Understood));
    let can = found.can;
    assert!(can.ptz && can.events && can.snapshot && can.encoder && can.sync_point.is_none());
    assert!(found.clock_offset_ms.unwrap().abs() < 2_000 && found.last_seen == UnixMillis::default());
    assert_eq!(camera.counts().auth_failures, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_proof_opens_a_camera_and_none_is_wrong_on_the_way() {
    for onvif_auth in [OnvifAuth::Any, OnvifAuth::WsSecurity, OnvifAuth::Digest] {
        let camsim = camsim(CamsimConfig { onvif_auth, ..config() }).await;
        let camera = camsim.camera(1);
        let onvif = open(&camera);
        assert_eq!(onvif.device().await.unwrap().manufacturer, "Sluice", "{onvif_auth:?}");
        assert_eq!(onvif.channels().await.unwrap().len(), 1);
        let picture = onvif.snapshot("profile_sub").await.unwrap();
        assert!(picture.starts_with(&[0xFF, 0xD8]) && picture.ends_with(&[0xFF, 0xD9]));
        assert_eq!(camera.counts().auth_failures, 0, "{onvif_auth:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_shown_twice_and_never_again() {
    for onvif_auth in [OnvifAuth::Any, OnvifAuth::WsSecurity, OnvifAuth::Digest] {
        let camsim = camsim(CamsimConfig { onvif_auth, ..config() }).await;
        let (camera, connector) = (camsim.camera(1), connector());
        let mut last = None;
        for _ in 0..10 {
            let refused = understand(&connector, &xaddr(&camera), account("guess")).await.unwrap_err();
            assert!(refused.is_refusal(), "{refused:?}");
            assert_eq!(refused.code(), FailureCode::WrongPassword);
            last = Some(refused);
        }
        assert!(matches!(last, Some(AskError::HeldBack(_))), "it is not asked any more: {last:?}");
        assert!(camera.counts().auth_failures <= 2, "{onvif_auth:?}: {:?}", camera.counts());
        // Another secret is another matter.
        assert!(understand(&connector, &xaddr(&camera), account("camera")).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_wants_an_account_says_so_to_strangers() {
    let camsim = camsim(config()).await;
    let camera = camsim.camera(1);
    let asked = understand(&connector(), &xaddr(&camera), None).await;
    assert_eq!(asked, Err(AskError::NeedsCredentials));
    let open = crate::support::camsim(CamsimConfig { auth: Auth::None, ..config() }).await;
    assert!(understand(&connector(), &xaddr(&open.camera(1)), None).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_cameras_are_understood_like_others() {
    for name in [
        "wrong-xaddr",
        "namespaces-renamed",
        "namespaces-undeclared",
        "media2-missing",
        "clock-a-day-off",
        "describe-slow",
        "key-frame-on-request",
    ] {
        let camsim = odd(name).await;
        let camera = camsim.camera(1);
        let found = understand(&connector(), &xaddr(&camera), account("camera")).await;
        let found = found.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let (main, sub) = (camera.url(Tier::Main), camera.url(Tier::Sub));
        assert_eq!(streams(&found[0]), [(Some(Tier::Main), &*main), (Some(Tier::Sub), &*sub)], "{name}");
        assert_eq!((found[0].tiers[1].encoder.width, found[0].can.ptz), (640, true), "{name}");
        let off = found[0].clock_offset_ms.unwrap();
        let wanted = if name == "clock-a-day-off" { -86_400_000 } else { 0 };
        assert!((off - wanted).abs() < 3_000, "{name}: {off}");
        assert_eq!(camera.counts().auth_failures, 0, "{name}");
        let onvif = open(&camera);
        let subscription = onvif.subscribe().await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(onvif.pull(&subscription).await.unwrap().len(), 3, "{name}");
        onvif.key_frame("profile_sub").await.unwrap();
        assert_eq!(camera.counts().sync_points, 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_while_we_ask_costs_no_account() {
    let camsim = camsim(CamsimConfig { onvif_auth: OnvifAuth::WsSecurity, ..config() }).await;
    let camera = camsim.camera(1);
    let onvif = open(&camera);
    onvif.device().await.unwrap();
    camera.fault(Fault::ClockJump(7_200));
    assert_eq!(onvif.device().await.unwrap().manufacturer, "Sluice");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_behind_a_router_are_taken_from_where_the_camera_was_found() {
    let behind = odd("nat-stream-uri").await;
    let found = understand(&connector(), &xaddr(&behind.camera(1)), account("camera")).await.unwrap();
    let host = |url: &str| url.split('/').nth(2).unwrap().split(':').next().unwrap().to_owned();
    assert!(found[0].tiers.iter().all(|tier| host(&tier.url) == "127.0.0.1"), "{:?}", found[0].tiers);
    // The port is right where somebody listens at it.
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let oddities = Oddities { stream_host: Some(format!("192.0.2.10:{port}")), ..Oddities::default() };
    let camsim = camsim(CamsimConfig { oddities, ..config() }).await;
    let found = understand(&connector(), &xaddr(&camsim.camera(1)), account("camera")).await.unwrap();
    assert_eq!(found[0].tiers[0].url, format!("rtsp://127.0.0.1:{port}/cam/1/main"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_of_one_stream_has_one_tier() {
    let camsim = camsim(CamsimConfig { main: None, ..config() }).await;
    let found = understand(&connector(), &xaddr(&camsim.camera(1)), account("camera")).await.unwrap();
    assert_eq!(found[0].tiers.iter().map(|tier| tier.tier).collect::<Vec<_>>(), [Some(Tier::Main)]);
    let camsim = crate::support::camsim(CamsimConfig { main: None, sub: None, ..config() }).await;
    let found = understand(&connector(), &xaddr(&camsim.camera(1)), account("camera")).await.unwrap();
    assert_eq!((found.len(), found[0].state), (1, FoundState::NotUsable));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_goes_where_it_is_told() {
    let camsim = camsim(config()).await;
    let camera = camsim.camera(1);
    let onvif = open(&camera);
    let go = async |command: PtzCommand| onvif.ptz("profile_main", &command).await;
    go(PtzCommand::Continuous { pan: 1.0, tilt: 0.0, zoom: 0.5, for_ms: 5_000 }).await.unwrap();
    eventually("it moves", || async {
        let at = camera.status().ptz;
        at.pan > 0.02 && at.zoom > 0.0 && at.pan_tilt_moving
    })
    .await;
    go(PtzCommand::Stop).await.unwrap();
    assert!(!camera.status().ptz.pan_tilt_moving && !camera.status().ptz.zoom_moving);
    go(PtzCommand::Absolute { pan: -0.1, tilt: 0.1, zoom: 0.0 }).await.unwrap();
    eventually("it arrives", || async {
        let at = camera.status().ptz;
        (at.pan + 0.1).abs() < 1e-3 && (at.tilt - 0.1).abs() < 1e-3 && !at.zoom_moving
    })
    .await;
    go(PtzCommand::Remember { name: "Gate <1>".to_owned() }).await.unwrap();
    go(PtzCommand::Relative { pan: 0.2, tilt: 0.0, zoom: 0.0 }).await.unwrap();
    eventually("it steps", || async { (camera.status().ptz.pan - 0.1).abs() < 1e-3 }).await;
    let PtzAnswer::Presets(presets) = go(PtzCommand::Presets).await.unwrap() else { panic!("places") };
    assert_eq!((presets.len(), presets[0].name.as_str()), (1, "Gate <1>"));
    let preset = presets[0].token.clone();
    go(PtzCommand::GoTo { preset: preset.clone() }).await.unwrap();
    eventually("it returns", || async { (camera.status().ptz.pan + 0.1).abs() < 1e-3 }).await;
    go(PtzCommand::Forget { preset: preset.clone() }).await.unwrap();
    assert_eq!(go(PtzCommand::GoTo { preset }).await.unwrap_err().code(), FailureCode::CameraRefused);
    let senseless = PtzCommand::Relative { pan: 2.0, tilt: 0.0, zoom: 0.0 };
    assert_eq!(go(senseless).await.unwrap_err().code(), FailureCode::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_is_set_after_a_dry_run_that_changes_nothing() {
    for quirk in [None, Some("media2-missing")] {
        let camsim = match quirk {
            Some(quirk) => odd(quirk).await,
            None => camsim(config()).await,
        };
        let onvif = open(&camsim.camera(1));
        let change =
            EncoderChange { gop_frames: Some(15), bitrate_kbps: Some(777), ..EncoderChange::default() };
        let dry = onvif.configure("profile_sub", &change, true).await.unwrap();
        assert_eq!((dry.before.gop_frames, dry.after.gop_frames, dry.after.bitrate_kbps), (30, 15, 777));
        let wet = onvif.configure("profile_sub", &change, false).await.unwrap();
        assert_eq!(wet, dry, "{quirk:?}");
        let undo = EncoderChange { gop_frames: Some(30), ..EncoderChange::default() };
        let undone = onvif.configure("profile_sub", &undo, false).await.unwrap();
        assert_eq!((undone.before.gop_frames, undone.after.gop_frames), (15, 30));
        assert_eq!(undone.after.bitrate_kbps, 777, "what is not named stays");
        let senseless = EncoderChange { width: Some(639), ..EncoderChange::default() };
        let refused = onvif.configure("profile_sub", &senseless, true).await.unwrap_err();
        assert!(matches!(&refused, AskError::Invalid(text) if text.contains("640x360")), "{refused:?}");
        let unknown = onvif.configure("profile_third", &change, true).await.unwrap_err();
        assert_eq!(unknown.code(), FailureCode::Invalid);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_heard_until_the_subscription_ends() {
    let camsim = camsim(config()).await;
    let camera = camsim.camera(1);
    let onvif = open(&camera);
    let subscription = onvif.subscribe().await.unwrap();
    assert!(onvif.pull(&subscription).await.unwrap().iter().all(|notice| notice.initial));
    let (heard, ()) = tokio::join!(onvif.pull(&subscription), async {
        camera.notice(CameraEvent::Tamper(true));
    });
    let heard = heard.unwrap();
    assert_eq!(heard.len(), 1);
    assert_eq!(
        (heard[0].kind, heard[0].active, heard[0].initial),
        (CameraEventKind::Tamper, Some(true), false)
    );
    assert_eq!(heard[0].source, "video_source");
    onvif.unsubscribe(&subscription).await.unwrap();
    assert!(onvif.pull(&subscription).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_cameras_are_understood_eight_at_a_time() {
    use futures_util::StreamExt as _;
    let camsim = camsim(CamsimConfig {
        cameras: 100,
        main: Some(TierConfig::sized(320, 180)),
        sub: Some(TierConfig::sized(160, 90)),
        ..config()
    })
    .await;
    let connector = connector();
    let asked = camsim.cameras().map(|camera| {
        let connector = connector.clone();
        async move { understand(&connector, &xaddr(&camera), account("camera")).await }
    });
    let found = futures_util::stream::iter(asked).buffer_unordered(8);
    let found: Vec<_> = tokio::time::timeout(Duration::from_secs(30), found.collect()).await.unwrap();
    let keys: std::collections::BTreeSet<String> = found
        .into_iter()
        .map(|found: Result<Vec<FoundCamera>, AskError>| found.unwrap()[0].key.clone())
        .collect();
    assert_eq!(keys.len(), 100);
}
