use std::time::Duration;

use super::*;
use crate::testing::{Bench, bench};

fn audited(bench: &Bench) -> AuditEntry {
    AuditEntry {
        tenant: bench.ours,
        actor: "tok_1".into(),
        action: "play".into(),
        target: "cam_1".into(),
        outcome: "ok".into(),
        detail: serde_json::json!({}),
    }
}

fn session(bench: &Bench) -> NewPlaySession {
    let now = bench.store.now();
    NewPlaySession {
        id: bench.store.fresh(SessionId::from_uuid),
        tenant: bench.ours,
        camera: bench.store.fresh(CameraId::from_uuid),
        tier: Tier::Sub,
        protocol: "webrtc".into(),
        node: bench.store.fresh(NodeId::from_uuid),
        principal: "usr_1".into(),
        on_behalf_of: Some("op-7".into()),
        client_ref: None,
        origin: None,
        viewer_token_hash: Some([5; 32]),
        correlation_id: "c1".into(),
        expires_at: now.plus(Duration::from_secs(60)),
        max_until: now.plus(Duration::from_secs(3600)),
    }
}

#[tokio::test]
async fn a_session_goes_from_given_to_ended_and_never_back() {
    let bench = bench().await;
    let store = &bench.store;
    let (one, other) = (session(&bench), session(&bench));
    let before = store.commits();
    store.record_play(vec![one.clone(), other.clone()], vec![audited(&bench)]).await.unwrap();
    assert_eq!(store.commits() - before, 1, "sessions and their audit are one commit");
    assert!(store.play_session_started(one.id).await.unwrap());
    assert!(!store.play_session_started(one.id).await.unwrap());
    assert!(store.play_session_connected(one.id).await.unwrap());
    assert!(store.play_session_switched(one.id, "ll-hls".into()).await.unwrap());
    assert!(store.play_session_ended(one.id, "closed".into()).await.unwrap());
    assert!(!store.play_session_ended(one.id, "silence".into()).await.unwrap());
    assert!(!store.play_session_switched(one.id, "hls".into()).await.unwrap());
    let kept = store.play_session(bench.ours, one.id).await.unwrap().unwrap();
    assert_eq!((kept.end_reason.as_deref(), kept.given.protocol.as_str()), (Some("closed"), "ll-hls"));
    assert!(kept.started_at <= kept.connected_at && kept.connected_at <= kept.ended_at);
    assert_eq!(store.play_session(bench.theirs, one.id).await.unwrap(), None);

    let active = store.active_play_sessions(bench.ours, PageOf::first(10)).await.unwrap();
    assert_eq!(active.items.iter().map(|session| &session.given).collect::<Vec<_>>(), [&other]);
    assert_eq!(store.play_sessions_by_viewer_token([5; 32]).await.unwrap().len(), 2);
    assert_eq!(store.end_all_play_sessions("restart".into()).await.unwrap(), 1);
    assert!(store.all_active_play_sessions().await.unwrap().is_empty());
}

#[tokio::test]
async fn one_bad_session_refuses_the_whole_request() {
    let bench = bench().await;
    let one = session(&bench);
    let refused = bench.store.record_play(vec![one.clone(), one], vec![audited(&bench)]).await;
    assert!(matches!(refused, Err(StoreError::Exists)));
    assert!(bench.store.all_active_play_sessions().await.unwrap().is_empty());
}

#[tokio::test]
async fn ended_sessions_are_forgotten_after_a_month() {
    let bench = bench().await;
    let (old, new) = (session(&bench), session(&bench));
    bench.store.record_play(vec![old.clone(), new.clone()], Vec::new()).await.unwrap();
    bench.store.end_all_play_sessions("closed".into()).await.unwrap();
    let age = "UPDATE play_sessions SET ended_at = ended_at - 31 * 86400000 WHERE session_id = ?1";
    bench.raw().execute(age, [old.id.to_string()]).unwrap();
    bench.store.purge().await.unwrap();
    assert!(bench.store.play_session(bench.ours, old.id).await.unwrap().is_none());
    assert!(bench.store.play_session(bench.ours, new.id).await.unwrap().is_some());
}
