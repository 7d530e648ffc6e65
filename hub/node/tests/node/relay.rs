use std::time::Duration;

use sluice_hub_node::{
    FeedKey,
    relay::{Admission, AdmitError},
};
use sluice_ids::{SessionId, Tier, UnixMillis};
use sluice_runtime::{Clock, uuid_v7};
use sluice_wire::node::{EndReason, FromNode, ToNode};

use super::support::Stage;

fn admission(stage: &Stage, token: &str) -> Admission {
    let session = SessionId::from_uuid(uuid_v7(&Clock::system()));
    let feed = FeedKey { camera: stage.camera, tier: Tier::Sub };
    Admission { session, feed, token_id: token.to_owned(), ptz: false }
}

async fn closed(stage: &Stage) {
    let clock = Clock::system();
    let give_up = clock.now() + PATIENCE;
    while stage.relay.status().await.feeds_open > 0 {
        assert!(clock.now() < give_up, "the feed did not close");
        clock.sleep(Duration::from_millis(5)).await;
    }
}

/// Far longer than anything here takes: a wait without an end would hang the whole run.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_herd_of_viewers_is_one_subscription_and_none_after_the_last() {
    let stage = Stage::set().await;
    let mut keys = Vec::new();
    for viewer in 0..1_000 {
        let admitted = stage.relay.admit(admission(&stage, &format!("token {viewer}"))).await.unwrap();
        keys.push(admitted.key);
    }
    let status = stage.relay.status().await;
    assert_eq!((status.feeds_open, status.sessions), (1, 1_000));
    assert_eq!(stage.counter("sluice_node_feeds_opened_total"), 1);
    for key in keys {
        stage.relay.withdraw(key).await;
    }
    closed(&stage).await;
    assert_eq!(stage.counter("sluice_node_feeds_closed_total"), 1);
}

#[tokio::test]
async fn a_token_is_spent_once_and_a_camera_must_be_assigned() {
    let stage = Stage::set().await;
    assert!(stage.relay.admit(admission(&stage, "one")).await.is_ok());
    assert_eq!(stage.relay.admit(admission(&stage, "one")).await.unwrap_err(), AdmitError::Replayed);
    let mut other = admission(&stage, "two");
    other.feed.tier = Tier::Main;
    assert_eq!(stage.relay.admit(other).await.unwrap_err(), AdmitError::NotServed);
}

#[tokio::test]
async fn a_revoked_session_ends_and_does_not_come_back() {
    let mut stage = Stage::set().await;
    let first = admission(&stage, "one");
    let session = first.session;
    stage.relay.admit(first).await.unwrap();
    stage.tell(ToNode::Revoke { session }).await;
    let ended = loop {
        if let Some(FromNode::SessionEnded { session, reason }) = stage.reports.recv().await {
            break (session, reason);
        }
    };
    assert_eq!(ended, (session, EndReason::Revoked));
    let again = Admission { session, ..admission(&stage, "two") };
    assert_eq!(stage.relay.admit(again).await.unwrap_err(), AdmitError::Ended);
}

#[tokio::test]
async fn a_lease_opens_the_feed_before_the_viewer_comes() {
    let stage = Stage::set().await;
    let until = UnixMillis(Clock::system().unix_millis()).plus(Duration::from_millis(200));
    stage.tell(ToNode::Lease { camera: stage.camera, tier: Tier::Sub, until }).await;
    assert_eq!(stage.relay.status().await.feeds_open, 1);
    closed(&stage).await;
}

#[tokio::test]
async fn a_camera_that_is_no_longer_assigned_loses_its_viewers() {
    let stage = Stage::set().await;
    stage.relay.admit(admission(&stage, "one")).await.unwrap();
    stage.tell(ToNode::Assign(Vec::new())).await;
    closed(&stage).await;
    assert_eq!(stage.relay.status().await.sessions, 0);
}

#[tokio::test]
async fn a_feed_that_was_closed_is_no_load() {
    let mut stage = Stage::set().await;
    let admitted = stage.relay.admit(admission(&stage, "one")).await.unwrap();
    stage.relay.withdraw(admitted.key).await;
    let free = async {
        loop {
            if let Some(FromNode::Load { viewers: 0, feeds: 0 }) = stage.reports.recv().await {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), free).await.expect("the load falls to nothing");
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_offer_never_reached_the_engine_ends() {
    let mut stage = Stage::set().await;
    let admission = admission(&stage, "one");
    let session = admission.session;
    // The viewer hung up between its admission and its offer: nobody withdraws it.
    stage.relay.admit(admission).await.unwrap();
    let ended = async {
        loop {
            if let Some(FromNode::SessionEnded { session, reason }) = stage.reports.recv().await {
                break (session, reason);
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it ends by itself");
    assert_eq!(ended, (session, EndReason::Silence));
    assert_eq!(stage.relay.status().await.sessions, 0);
}
