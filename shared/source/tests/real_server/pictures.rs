//! What a subscriber sees of a camera that behaves.

use std::time::Duration;

use sluice_source::{Event, LineKind, Start, State};

use crate::camera::{Camera, Rig, login, next};

#[tokio::test]
async fn a_cold_subscriber_is_introduced_and_then_gets_every_picture() {
    let camera = Camera::start(&[]);
    let rig = Rig::new(camera.settings("/stream"));
    let mut subscription = rig.source.subscribe(Start::Cached).await;
    let (mut started, mut expected, mut pictures, mut keys) = (false, None, 0, 0);
    while pictures < 60 {
        match next(&mut subscription).await {
            Event::Started { presentation } => {
                let video = presentation.video().unwrap();
                assert_eq!((video.encoding.as_str(), video.clock_rate), ("H264", 90_000));
                assert!(!presentation.sdp.contains("a=control"));
                started = true;
            }
            Event::Epoch { first_sequence, .. } => expected = Some(first_sequence),
            Event::Unit { unit, .. } => {
                assert!(started && Some(unit.first_sequence) == expected, "in order, without a hole");
                assert!(pictures > 0 || unit.key.is_some(), "the first picture is a key frame");
                expected = Some(unit.last_sequence() + 1);
                pictures += 1;
                keys += usize::from(unit.key.is_some());
            }
            Event::Gap { from, to, .. } => panic!("lost {from}..={to} on loopback"),
            Event::Rtcp { .. } | Event::State(_) => {}
        }
    }
    assert!(keys >= 2);
    let status = rig.until("rates", |status| status.bitrate_kbps > 0).await;
    assert_eq!(status.state, State::Forwarding);
    let video = status.video.unwrap();
    assert_eq!((video.width, video.height, video.b_frames), (320, 240, false));
    assert!((0.9..1.1).contains(&status.gop.unwrap().as_secs_f64()), "{:?}", status.gop);
    assert!((20.0..30.0).contains(&status.fps), "{}", status.fps);
    rig.source.close();
    tokio::time::timeout(Duration::from_secs(5), rig.source.closed()).await.unwrap();
    while let Some(event) = subscription.next().await {
        assert!(!matches!(event, Event::Started { .. }));
    }
}

#[tokio::test]
async fn a_warm_subscriber_gets_the_cached_group_at_once() {
    let camera = Camera::start(&["--gop", "100"]);
    let rig = Rig::new(camera.settings("/stream"));
    rig.source.keep_warm(true);
    rig.until("a warm ring", |status| status.state == State::Warm).await;
    let mut first = rig.source.subscribe(Start::NextKey).await;
    let (mut cached, mut live) = (0, 0);
    let mut second = rig.source.subscribe(Start::Cached).await;
    while live < 3 {
        if let Event::Unit { unit, cached: from_ring, .. } = next(&mut second).await {
            assert_eq!(unit.key.is_some(), cached + live == 0);
            cached += usize::from(from_ring);
            live += usize::from(!from_ring);
        }
    }
    assert!(cached >= 1);
    // The other subscriber waits for the next key frame, four seconds after the one before.
    let met = tokio::time::timeout(Duration::from_secs(8), async {
        loop {
            if let Some(Event::Unit { unit, cached, .. }) = first.next().await {
                return unit.key.is_some() && !cached;
            }
        }
    });
    assert!(met.await.unwrap());
    drop((first, second));
    rig.until("warm again", |status| status.state == State::Warm).await;
}

#[tokio::test]
async fn passwords_are_given_by_digest_and_by_basic() {
    for method in ["digest", "basic"] {
        let camera = Camera::start(&["--auth", method]);
        let mut settings = camera.settings("/av");
        settings.credentials = login("right");
        let rig = Rig::new(settings);
        rig.source.keep_warm(true);
        let status = rig.until("a picture", |status| status.state == State::Warm).await;
        let audio = status.presentation.unwrap().audio().unwrap().clone();
        assert_eq!((audio.kind, audio.encoding.as_str()), (LineKind::Audio, "PCMU"));
    }
}

#[tokio::test]
async fn a_source_nobody_wants_has_no_session() {
    let camera = Camera::start(&[]);
    let mut settings = camera.settings("/stream");
    settings.hold = Duration::from_millis(200);
    let rig = Rig::new(settings);
    assert_eq!(rig.source.status().borrow().state, State::Off);
    let subscription = rig.source.subscribe(Start::NextKey).await;
    rig.until("forwarding", |status| status.state == State::Forwarding).await;
    drop(subscription);
    rig.until("off", |status| status.state == State::Off).await;
    assert!(rig.scope.close(Duration::from_secs(5)).await);
}
