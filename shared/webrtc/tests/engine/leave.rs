use std::time::Duration;

use sluice_load::{Event, Peer, Transport};
use sluice_webrtc::{EndReason, EngineEvent, SessionKey};

use crate::stage::{PATIENCE, Stage, packets_until};

async fn ended(stage: &mut Stage, session: u64) -> EndReason {
    stage
        .event(|event| match event {
            EngineEvent::Ended(SessionKey(key), reason) if *key == session => Some(*reason),
            _ => None,
        })
        .await
}

/// A peer whose data channel is open too: a WebRTC session closes in good order only then.
async fn settle(stage: &mut Stage, session: u64) -> Peer {
    let mut peer = stage.connect(session, Transport::Udp).await;
    peer.until(PATIENCE, |event| matches!(event, Event::ChannelOpen).then_some(())).await.unwrap();
    peer
}

#[tokio::test]
async fn a_page_that_closes_its_connection_is_gone_at_once() {
    let mut stage = Stage::new();
    let mut peer = settle(&mut stage, 1).await;
    let start = stage.clock.now();
    peer.close().await.unwrap();
    assert_eq!(ended(&mut stage, 1).await, EndReason::Closed);
    assert!(stage.clock.now() - start < Duration::from_secs(1));
    stage.end().await;
}

#[tokio::test]
async fn a_killed_browser_is_gone_after_five_seconds() {
    let mut stage = Stage::new();
    let killed = stage.connect(1, Transport::Udp).await;
    let mut stays = stage.connect(2, Transport::Udp).await;
    let start = stage.clock.now();
    drop(killed);
    // The other one goes on checking, as a browser does.
    while stays.next(start + Duration::from_secs(6)).await.unwrap().is_some() {}
    assert_eq!(ended(&mut stage, 1).await, EndReason::Silence);
    stage.push_gop(2);
    packets_until(&mut stays, 1).await;
    stage.end().await;
}

#[tokio::test]
async fn a_session_that_is_closed_here_closes_at_the_viewer() {
    let mut stage = Stage::new();
    let mut peer = settle(&mut stage, 1).await;
    stage.engine.close(SessionKey(1));
    peer.until(PATIENCE, |event| matches!(event, Event::Closed).then_some(())).await.unwrap();
    let sent = stage.count("packets_sent_total");
    stage.push_gop(2);
    stage.reaches("frames_total", 2).await;
    assert_eq!(stage.count("packets_sent_total"), sent);
    stage.end().await;
}

#[tokio::test]
async fn a_session_opened_again_replaces_the_first() {
    let mut stage = Stage::new();
    let mut first = settle(&mut stage, 1).await;
    let mut second = stage.join(1, Transport::Udp).await;
    first.until(PATIENCE, |event| matches!(event, Event::Closed).then_some(())).await.unwrap();
    second.until(PATIENCE, |event| matches!(event, Event::Connected).then_some(())).await.unwrap();
    stage.push_gop(2);
    packets_until(&mut second, 1).await;
    stage.end().await;
}
