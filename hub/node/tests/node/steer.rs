//! Viewers who move their camera over their connection, by real WebRTC; control is played by the test.

use std::{net::Ipv4Addr, time::Duration};

use serde_json::{Value, json};
use sluice_hub_node::{FeedKey, relay::Admission};
use sluice_ids::{SessionId, Tier};
use sluice_load::{Event, Peer, Transport};
use sluice_runtime::{Clock, uuid_v7};
use sluice_wire::{
    control::PtzCommand,
    node::{FromNode, Steer, Steered},
    player::Refusal,
};

use super::support::Stage;

const PATIENCE: Duration = Duration::from_secs(30);

/// A viewer whose control channel is open.
struct Viewer {
    session: SessionId,
    peer: Peer,
}

impl Viewer {
    async fn of(stage: &Stage, ptz: bool) -> Self {
        let clock = Clock::system();
        let session = SessionId::from_uuid(uuid_v7(&clock));
        let feed = FeedKey { camera: stage.camera, tier: Tier::Sub };
        let admission = Admission { session, feed, token_id: session.to_string(), ptz };
        let admitted = stage.relay.admit(admission).await.expect("it is served");
        let local = Ipv4Addr::LOCALHOST.into();
        let (mut peer, offer) = Peer::offer(clock, Transport::Udp, local).await.expect("an offer");
        let answer = stage.engine.open(admitted.key, admitted.feed, offer).await.expect("an answer");
        peer.accept(&answer.sdp).await.expect("a good answer");
        peer.until(PATIENCE, |event| matches!(event, Event::ChannelOpen).then_some(()))
            .await
            .expect("it opens");
        peer.open_control();
        peer.until(PATIENCE, |event| matches!(event, Event::ControlOpen).then_some(()))
            .await
            .expect("it opens");
        Self { session, peer }
    }

    fn ask(&mut self, id: u64, ptz: &Value) {
        assert!(self.peer.ask(&json!({ "id": id, "ptz": ptz }).to_string()));
    }

    /// The next answer.
    async fn answered(&mut self) -> Value {
        let text = |event: &Event| if let Event::Control(text) = event { Some(text.clone()) } else { None };
        let text = self.peer.until(PATIENCE, text).await.expect("an answer comes");
        serde_json::from_str(&text).expect("JSON")
    }

    /// What control is asked next, while the viewer does its part.
    async fn steers(&mut self, stage: &mut Stage) -> Steer {
        tokio::select! {
            steer = stage.steers.recv() => steer.expect("the relay runs"),
            _ = self.peer.until(PATIENCE, |_| None::<()>) => panic!("control is not asked"),
        }
    }
}

async fn done(stage: &Stage, steer: &Steer) {
    stage.steered.send(Steered { number: steer.number, refused: None }).await.expect("the relay runs");
}

fn left(for_ms: u32) -> PtzCommand {
    PtzCommand::Continuous { pan: -0.5, tilt: 0.0, zoom: 0.0, for_ms }
}

#[tokio::test]
async fn a_viewer_moves_its_camera_over_its_connection_and_hears_what_became_of_it() {
    let mut stage = Stage::set().await;
    let mut viewer = Viewer::of(&stage, true).await;
    viewer.ask(7, &json!({ "continuous": { "pan": -0.5, "for_ms": 400 } }));
    let steer = viewer.steers(&mut stage).await;
    assert_eq!((steer.session, &steer.command), (viewer.session, &left(400)));
    // While that is under way: the newest move waits, and the one before it is told so.
    viewer.ask(8, &json!({ "go_to": "1" }));
    viewer.ask(9, &json!({ "stop": true }));
    let passed_over = viewer.answered().await;
    assert_eq!((&passed_over["id"], &passed_over["problem"]["type"]), (&json!(8), &json!("superseded")));
    done(&stage, &steer).await;
    assert_eq!(viewer.answered().await, json!({ "id": 7, "ok": true }));
    let steer = viewer.steers(&mut stage).await;
    assert_eq!(steer.command, PtzCommand::Stop);
    let refused = Some(Refusal::new(409, "device-offline", "it is away".to_owned()));
    stage.steered.send(Steered { number: steer.number, refused }).await.unwrap();
    let refused = viewer.answered().await;
    assert_eq!((&refused["id"], &refused["problem"]["detail"]), (&json!(9), &json!("it is away")));
    assert!(viewer.peer.ask(r#"{"id":10,"ptz":{"sideways":1}}"#));
    let unread = viewer.answered().await;
    assert_eq!((&unread["id"], &unread["problem"]["status"]), (&json!(10), &json!(422)));
    assert_eq!(stage.counter("sluice_node_moves_asked_total"), 3);
}

#[tokio::test]
async fn a_session_without_the_right_moves_nothing_and_is_told_why() {
    let mut stage = Stage::set().await;
    let mut viewer = Viewer::of(&stage, false).await;
    viewer.ask(1, &json!({ "stop": true }));
    let refused = viewer.answered().await;
    assert_eq!((&refused["id"], &refused["problem"]["type"]), (&json!(1), &json!("forbidden")));
    assert!(stage.steers.try_recv().is_err(), "control is not asked");
    assert_eq!(stage.counter("sluice_node_moves_refused_total"), 1);
    assert_eq!(stage.counter("sluice_node_moves_asked_total"), 0);
}

#[tokio::test]
async fn a_flood_of_moves_asks_control_for_one_at_a_time_and_ends_with_the_stop() {
    let mut stage = Stage::set().await;
    let mut viewer = Viewer::of(&stage, true).await;
    for id in 0..100 {
        viewer.ask(id, &json!({ "continuous": { "pan": -0.5, "for_ms": 400 } }));
    }
    viewer.ask(100, &json!({ "stop": true }));
    let mut asked = 0;
    loop {
        let steer = viewer.steers(&mut stage).await;
        asked += 1;
        assert!(stage.steers.try_recv().is_err(), "one is under way");
        done(&stage, &steer).await;
        if steer.command == PtzCommand::Stop {
            break;
        }
    }
    assert!(asked < 50, "{asked} of 101 reached control");
    assert!(stage.counter("sluice_webrtc_asks_refused_total") > 50);
}

#[tokio::test]
async fn a_camera_whose_viewer_is_gone_is_stopped() {
    let mut stage = Stage::set().await;
    let mut leaves = Viewer::of(&stage, true).await;
    let mut killed = Viewer::of(&stage, true).await;
    for viewer in [&mut leaves, &mut killed] {
        viewer.ask(1, &json!({ "continuous": { "pan": -0.5, "for_ms": 5000 } }));
        let steer = viewer.steers(&mut stage).await;
        done(&stage, &steer).await;
        assert_eq!(viewer.answered().await["ok"], json!(true));
    }
    leaves.peer.close().await.expect("it says goodbye");
    let stop = stage.steers.recv().await.expect("the relay runs");
    assert_eq!((stop.session, &stop.command), (leaves.session, &PtzCommand::Stop));
    done(&stage, &stop).await;
    // The other says nothing any more, and is missed while its last move is still under way.
    let session = killed.session;
    killed.ask(2, &json!({ "continuous": { "pan": -0.5, "for_ms": 5000 } }));
    let steer = killed.steers(&mut stage).await;
    drop(killed);
    let ended = async {
        loop {
            if let Some(FromNode::SessionEnded { session: over, .. }) = stage.reports.recv().await
                && over == session
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("it is missed");
    done(&stage, &steer).await;
    let stop =
        tokio::time::timeout(PATIENCE, stage.steers.recv()).await.expect("in time").expect("the relay runs");
    assert_eq!((stop.session, stop.command), (session, PtzCommand::Stop));
}
