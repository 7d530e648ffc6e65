//! What the status says of cameras that do not behave.

use std::time::Duration;

use sluice_guardian::{SessionKind, SessionState};
use sluice_source::{Event, ReasonCode, Start, State, Status};

use crate::{
    camera::{Camera, PATIENCE, Rig, login, next},
    scripted::{Scripted, well, well_with_sound},
};

fn rests_for(code: ReasonCode) -> impl FnMut(&Status) -> bool {
    move |status| {
        status.state == State::Resting && status.reason.as_ref().is_some_and(|reason| reason.code == code)
    }
}

async fn wanted(settings: sluice_source::Settings) -> Rig {
    let rig = Rig::new(settings);
    rig.source.keep_warm(true);
    rig
}

#[tokio::test]
async fn a_wrong_password_is_tried_twice_and_never_again_for_all_tiers_together() {
    let camera = Camera::start(&["--auth", "digest"]);
    let mut settings = camera.settings("/stream");
    settings.credentials = login("planted-wrong");
    let rig = wanted(settings.clone()).await;
    let other_tier = wanted(settings.clone()).await;
    for rig in [&rig, &other_tier] {
        let status = rig
            .until("the breaker", |status| {
                status.reason.as_ref().is_some_and(|reason| reason.text.contains("twice"))
            })
            .await;
        assert_eq!((status.state, status.reason.unwrap().code), (State::Resting, ReasonCode::WrongPassword));
    }
    let secret = settings.guardian.fingerprint("operator", "planted-wrong");
    assert!(settings.guardian.is_locked(&settings.device, SessionKind::Rtsp, secret));
    settings.credentials = login("another");
    wanted(settings).await.until("another secret is tried", rests_for(ReasonCode::WrongPassword)).await;
}

#[tokio::test]
async fn a_session_counts_until_the_camera_confirmed_its_end() {
    let camera = Camera::start(&[]);
    let settings = camera.settings("/stream");
    let (guardian, device) = (settings.guardian.clone(), settings.device.clone());
    let rig = wanted(settings).await;
    rig.until("pictures", |status| status.state == State::Warm).await;
    let held = guardian.sessions(&device);
    assert_eq!((held.len(), held[0].state), (1, SessionState::Open));
    let mut changed = guardian.changed();
    rig.source.close();
    let gone = async {
        while !guardian.sessions(&device).is_empty() {
            changed.changed().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the TEARDOWN is answered");
}

#[tokio::test]
async fn the_breaker_counts_what_the_camera_sees() {
    fn refuse(_: &str) -> Option<String> {
        Some("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n".into())
    }
    let camera = Scripted::start(refuse).await;
    let mut settings = camera.settings();
    settings.credentials = login("planted");
    let rig = wanted(settings).await;
    rig.until("the breaker", |status| {
        status.reason.as_ref().is_some_and(|reason| reason.text.contains("twice"))
    })
    .await;
    // A viewer does not make it try a third time.
    let mut subscription = rig.source.subscribe(Start::Cached).await;
    let Event::State(told) = next(&mut subscription).await else { panic!("the trouble is told at once") };
    assert_eq!(told.reason.unwrap().code, ReasonCode::WrongPassword);
    assert_eq!(camera.attempts(), 2);
}

#[tokio::test]
async fn a_camera_that_wants_a_password_and_gets_none_says_so() {
    let camera = Camera::start(&["--auth", "digest"]);
    let rig = wanted(camera.settings("/stream")).await;
    let status = rig.until("the reason", rests_for(ReasonCode::WrongPassword)).await;
    assert!(status.reason.unwrap().text.contains("none is set"));
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let camera = Camera::start(&[]);
    wanted(camera.settings("/nothing")).await.until("the reason", rests_for(ReasonCode::NotFound)).await;
}

#[tokio::test]
async fn another_codec_is_named() {
    fn h263(method: &str) -> Option<String> {
        // The same length, so the announced one stays true.
        well(method).map(|answer| answer.replace("H264/", "H263/"))
    }
    let camera = Scripted::start(h263).await;
    let rig = wanted(camera.settings()).await;
    let status = rig.until("the reason", rests_for(ReasonCode::UnsupportedCodec)).await;
    assert!(status.reason.unwrap().text.contains("H263"));
    assert_eq!(status.presentation.unwrap().video().unwrap().encoding, "H263");
}

#[tokio::test]
async fn a_camera_without_sessions_says_so() {
    fn full(method: &str) -> Option<String> {
        if method == "SETUP" { Some("453 Not Enough Bandwidth\r\n\r\n".into()) } else { well(method) }
    }
    let camera = Scripted::start(full).await;
    wanted(camera.settings()).await.until("the reason", rests_for(ReasonCode::SessionsExhausted)).await;
}

#[tokio::test]
async fn garbage_is_a_protocol_error() {
    fn garbage(_: &str) -> Option<String> {
        Some("200 OK\r\nContent-Type: application/sdp\r\nContent-Length: 7\r\n\r\nnot sdp".into())
    }
    let camera = Scripted::start(garbage).await;
    wanted(camera.settings()).await.until("the reason", rests_for(ReasonCode::ProtocolError)).await;
}

#[tokio::test]
async fn a_camera_that_never_answers_does_not_hold_the_source() {
    fn nothing(_: &str) -> Option<String> {
        None
    }
    let camera = Scripted::start(nothing).await;
    wanted(camera.settings()).await.until("the reason", rests_for(ReasonCode::Unreachable)).await;
}

#[tokio::test]
async fn a_camera_that_plays_nothing_is_stalled() {
    let camera = Scripted::start(well).await;
    wanted(camera.settings()).await.until("the reason", rests_for(ReasonCode::Stalled)).await;
}

#[tokio::test]
async fn sound_does_not_keep_a_dead_picture_alive() {
    let camera = Scripted::start(well_with_sound).await;
    let rig = wanted(camera.settings()).await;
    // The sound is there: it comes, and is known.
    rig.until("the sound", |status| status.sound.is_some()).await;
    rig.until("the reason", rests_for(ReasonCode::Stalled)).await;
}

#[tokio::test]
async fn a_subscription_outlives_its_camera() {
    let camera = Camera::start(&[]);
    let port = camera.port.to_string();
    let rig = Rig::new(camera.settings("/stream"));
    let mut subscription = rig.source.subscribe(Start::Cached).await;
    while !matches!(next(&mut subscription).await, Event::Unit { .. }) {}
    drop(camera);
    loop {
        if let Event::State(status) = next(&mut subscription).await
            && status.state == State::Resting
        {
            assert_eq!(status.reason.unwrap().code, ReasonCode::Unreachable);
            break;
        }
    }
    let _camera = Camera::start(&["--port", &port]);
    loop {
        match next(&mut subscription).await {
            Event::Started { .. } => break,
            Event::State(_) => {}
            other => panic!("{other:?} before the new introduction"),
        }
    }
    while !matches!(next(&mut subscription).await, Event::Unit { .. }) {}
    rig.until("health", |status| status.reason.is_none()).await;
    assert!(rig.scope.close(Duration::from_secs(5)).await);
}
