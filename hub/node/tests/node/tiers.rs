//! Viewers who move between the tiers of a camera, over real WebRTC, with a virtual camera that the node pulls itself.

use std::{net::Ipv4Addr, time::Duration};

use sluice_camsim::{Camsim, CamsimConfig, TierConfig};
use sluice_hub_node::{
    FeedKey,
    relay::{Admission, Admitted},
};
use sluice_ids::{SessionId, Tier};
use sluice_load::{Event, Peer, Transport};
use sluice_runtime::{Clock, uuid_v7};
use sluice_wire::node::{FromNode, StayReason, ToNode};

use super::support::Stage;

const PATIENCE: Duration = Duration::from_secs(30);

/// What the node says of a session's move.
async fn moved(stage: &mut Stage, session: SessionId) -> Result<Tier, (Tier, StayReason)> {
    let told = async {
        loop {
            match stage.reports.recv().await.expect("the relay runs") {
                FromNode::SessionSwitched { session: told, tier } if told == session => return Ok(tier),
                FromNode::SessionStayed { session: told, tier, reason } if told == session => {
                    return Err((tier, reason));
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the node says so in time")
}

fn session() -> SessionId {
    SessionId::from_uuid(uuid_v7(&Clock::system()))
}

async fn admit(stage: &Stage, session: SessionId) -> Admitted {
    let feed = FeedKey { camera: stage.camera, tier: Tier::Sub };
    let token_id = uuid_v7(&Clock::system()).to_string();
    stage.relay.admit(Admission { session, feed, token_id, ptz: false }).await.expect("it is served")
}

/// Waits until so many feeds are open.
async fn feeds(stage: &Stage, open: usize) {
    let clock = Clock::system();
    let give_up = clock.now() + PATIENCE;
    while stage.relay.status().await.feeds_open != open {
        assert!(clock.now() < give_up, "{} feeds are open", stage.relay.status().await.feeds_open);
        clock.sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_viewer_moves_to_the_large_tier_and_back_and_one_feed_is_left_each_time() {
    let config = CamsimConfig {
        main: Some(TierConfig::sized(640, 360)),
        sub: Some(TierConfig::sized(320, 180)),
        gop: Duration::from_secs(1),
        ..CamsimConfig::default()
    };
    let camsim = Camsim::start(config).await.expect("a virtual camera");
    let url = |tier| (tier, camsim.camera(1).url(tier));
    let mut stage = Stage::with_tiers(vec![url(Tier::Sub), url(Tier::Main)]).await;
    let session = session();
    let mut peer = watching(&stage, session).await;
    for (at, tier) in (1..).zip([Tier::Main, Tier::Sub]) {
        stage.tell(ToNode::Switch { session, tier }).await;
        let goes_on = async { while peer.until(PATIENCE, picture).await.is_ok() {} };
        tokio::select! {
            told = moved(&mut stage, session) => assert_eq!(told, Ok(tier)),
            () = goes_on => panic!("pictures ended"),
        }
        feeds(&stage, 1).await;
        assert_eq!(stage.counter("sluice_node_tier_switches_total"), at);
    }
    assert_eq!(stage.counter("sluice_node_tier_switches_failed_total"), 0);
    assert!(stage.counter("sluice_node_double_feed_milliseconds_total") > 0);
}

/// A viewer of the stage's camera whose pictures come.
async fn watching(stage: &Stage, session: SessionId) -> Peer {
    let admitted = admit(stage, session).await;
    let local = Ipv4Addr::LOCALHOST.into();
    let (mut peer, offer) = Peer::offer(Clock::system(), Transport::Udp, local).await.expect("an offer");
    let answer = stage.engine.open(admitted.key, admitted.feed, offer).await.expect("an answer");
    peer.accept(&answer.sdp).await.expect("a good answer");
    peer.until(PATIENCE, picture).await.expect("pictures come");
    peer
}

fn picture(event: &Event) -> Option<()> {
    matches!(event, Event::Packet(_)).then_some(())
}

#[tokio::test]
async fn a_picture_that_nobody_sees_costs_no_feed_and_comes_back_in_the_same_session() {
    let config =
        CamsimConfig { main: None, sub: Some(TierConfig::sized(320, 180)), ..CamsimConfig::default() };
    let camsim = Camsim::start(config).await.expect("a virtual camera");
    let stage = Stage::with_camera(Some(camsim.camera(1).url(Tier::Sub))).await;
    let session = session();
    let mut peer = watching(&stage, session).await;
    for opened in 1..3 {
        assert_eq!(stage.counter("sluice_node_feeds_opened_total"), opened);
        stage.tell(ToNode::Pause { session, paused: true }).await;
        // The peer lives on meanwhile, as a browser in a hidden tab does.
        let lives = async { while peer.until(PATIENCE, |_| None::<()>).await.is_ok() {} };
        tokio::select! {
            () = feeds(&stage, 0) => {}
            () = lives => panic!("the session ended"),
        }
        while peer.next(Clock::system().now() + Duration::from_millis(50)).await.expect("it lives").is_some()
        {
        }
        stage.tell(ToNode::Pause { session, paused: false }).await;
        peer.until(PATIENCE, picture).await.expect("pictures come again");
        assert_eq!(stage.relay.status().await.sessions, 1);
    }
    assert_eq!(stage.counter("sluice_node_sessions_paused_total"), 2);
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_with_the_reason_and_costs_no_feed() {
    let mut stage = Stage::with_tiers(vec![]).await;
    let (watching, nobody) = (session(), session());
    stage.tell(ToNode::Switch { session: nobody, tier: Tier::Main }).await;
    assert_eq!(moved(&mut stage, nobody).await, Err((Tier::Main, StayReason::Absent)));
    admit(&stage, watching).await;
    stage.tell(ToNode::Switch { session: watching, tier: Tier::Third }).await;
    assert_eq!(moved(&mut stage, watching).await, Err((Tier::Third, StayReason::NotServed)));
    // Its viewer has not come yet: it would be moved when it does, by whoever wants it then.
    stage.tell(ToNode::Switch { session: watching, tier: Tier::Main }).await;
    assert_eq!(moved(&mut stage, watching).await, Err((Tier::Main, StayReason::Absent)));
    feeds(&stage, 1).await;
    stage.tell(ToNode::Switch { session: watching, tier: Tier::Sub }).await;
    assert_eq!(moved(&mut stage, watching).await, Ok(Tier::Sub), "where it is already");
}

#[tokio::test]
async fn a_viewer_who_leaves_on_its_way_leaves_both_feeds() {
    let stage = Stage::with_tiers(vec![]).await;
    let session = session();
    let admitted = admit(&stage, session).await;
    stage.tell(ToNode::Switch { session, tier: Tier::Main }).await;
    stage.relay.withdraw(admitted.key).await;
    feeds(&stage, 0).await;
    assert_eq!(stage.counter("sluice_node_feeds_closed_total"), 2);
}
