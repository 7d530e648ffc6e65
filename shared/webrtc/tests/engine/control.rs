use sluice_load::{Event, Peer, Transport};
use sluice_webrtc::{EngineEvent, SessionKey};

use crate::stage::{PATIENCE, Stage, packets_until};

/// A peer that has opened the channel over which it may ask for something, after its session stood.
async fn asking(stage: &mut Stage, session: u64) -> Peer {
    let mut peer = stage.connect(session, Transport::Udp).await;
    peer.until(PATIENCE, |event| matches!(event, Event::ChannelOpen).then_some(())).await.unwrap();
    peer.open_control();
    peer.until(PATIENCE, |event| matches!(event, Event::ControlOpen).then_some(())).await.unwrap();
    peer
}

/// What the engine passes on, while the peer does its part.
async fn passed_on(stage: &mut Stage, peer: &mut Peer) -> (SessionKey, String) {
    let asked = stage.event(|event| match event {
        EngineEvent::Asked(key, text) => Some((*key, text.clone())),
        _ => None,
    });
    tokio::select! {
        asked = asked => asked,
        _ = peer.until(PATIENCE, |_| None::<()>) => panic!("nothing is passed on"),
    }
}

async fn answered(peer: &mut Peer) -> String {
    let text = |event: &Event| if let Event::Control(text) = event { Some(text.clone()) } else { None };
    peer.until(PATIENCE, text).await.unwrap()
}

#[tokio::test]
async fn a_question_is_passed_on_and_its_answer_comes_back_beside_the_other_channel() {
    let mut stage = Stage::new();
    let (mut first, mut second) = (asking(&mut stage, 1).await, asking(&mut stage, 2).await);
    assert!(first.ask("left?") && second.ask("right?"));
    assert_eq!(passed_on(&mut stage, &mut first).await, (SessionKey(1), "left?".to_owned()));
    assert_eq!(passed_on(&mut stage, &mut second).await, (SessionKey(2), "right?".to_owned()));
    stage.engine.answer(SessionKey(2), "no".to_owned());
    stage.engine.answer(SessionKey(1), "yes".to_owned());
    assert_eq!(
        (answered(&mut first).await, answered(&mut second).await),
        ("yes".to_owned(), "no".to_owned())
    );
    stage.push_gop(3);
    packets_until(&mut first, 2).await;
    first.until(PATIENCE, |event| matches!(event, Event::Text(_)).then_some(())).await.unwrap();
    stage.engine.answer(SessionKey(9), "nobody hears it".to_owned());
    stage.reaches("answers_dropped_total", 1).await;
    stage.end().await;
}

#[tokio::test]
async fn of_a_flood_a_few_and_the_last_are_passed_on() {
    let mut stage = Stage::new();
    let mut peer = asking(&mut stage, 1).await;
    for n in 0..200 {
        assert!(peer.ask(&format!("move {n}")));
    }
    assert!(peer.ask("stop"));
    let mut passed = 0;
    while passed_on(&mut stage, &mut peer).await.1 != "stop" {
        passed += 1;
    }
    assert!((10..100).contains(&passed), "{passed} of 200");
    assert_eq!(stage.count("asks_refused_total"), 200 - passed);
    assert_eq!(stage.count("messages_dropped_total"), 0);
    stage.end().await;
}

#[tokio::test]
async fn what_is_too_long_is_refused_and_the_session_goes_on() {
    let mut stage = Stage::new();
    let mut peer = asking(&mut stage, 1).await;
    assert!(peer.ask(&"x".repeat(2_000)) && peer.ask("stop"));
    assert_eq!(passed_on(&mut stage, &mut peer).await.1, "stop");
    assert_eq!(stage.count("asks_refused_total"), 1);
    stage.end().await;
}
