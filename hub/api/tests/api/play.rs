use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sluice_ids::{SessionId, Tier, UnixMillis};
use sluice_wire::{
    ReasonCode,
    control::{TierReport, TierState},
    node::{EndReason, FeedState, FromNode, ToNode},
};

use crate::hub::{As, TestHub, camera_id, eventually};

fn revoked(order: &ToNode) -> Option<SessionId> {
    match order {
        ToNode::Revoke { session } => Some(*session),
        _ => None,
    }
}

fn session(answer: &Value) -> String {
    answer["items"][0]["session_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_play_is_granted_with_all_that_opens_it() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let body = json!({
        "cameras": [{ "id": camera, "tile": { "width": 480, "height": 270 }, "latency_class": "interactive",
                      "protocol": "auto", "tier": "auto" }],
        "viewer": { "codecs": ["h264"], "network": {} }, "wall": "one", "on_behalf_of": "op-7",
    });
    let answer = hub.call(As::Token(&ours.token), Method::POST, "/play", Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let item = &answer.body["items"][0];
    assert_eq!(item["camera_id"], camera);
    assert_eq!(
        (&item["protocol"], &item["tier"], &item["path"]),
        (&json!("webrtc"), &json!("sub"), &json!("wan"))
    );
    assert_eq!(item["url"], format!("http://hub.test/whep/{camera}/sub"));
    assert_eq!(item["node"], hub.node.to_string());
    assert_eq!(
        (&item["ice_servers"], &item["fallbacks"][0]["protocol"], &item["poster_url"]),
        (&json!([]), &json!("ll-hls"), &json!(format!("http://hub.test/api/v1/cameras/{camera}/poster")))
    );
    assert_eq!(item["picture"]["state"], "ready");
    let why: Vec<_> =
        item["why"].as_array().unwrap().iter().map(|why| why["code"].as_str().unwrap()).collect();
    assert_eq!(why, ["protocol-lowest-delay", "tier-by-tile", "node-only-one", "path-edge", "feed-warm"]);

    let claims = hub.claims(item["token"].as_str().unwrap());
    assert_eq!((claims.session.to_string(), claims.camera), (session(&answer.body), camera_id(&camera)));
    assert_eq!((claims.exp - claims.iat, claims.tier), (60, Tier::Sub));
    let leased = hub.order(|order| match order {
        ToNode::Lease { camera, tier, until } => Some((*camera, *tier, *until)),
        _ => None,
    });
    let (leased, tier, until) = leased.await;
    assert_eq!((leased, tier), (camera_id(&camera), Tier::Sub));
    let ahead = until.0 - hub.clock.unix_millis();
    assert!((5_000..=10_000).contains(&ahead), "{ahead}");
    let kept = hub.store.play_session(ours.id, claims.session).await.unwrap().unwrap();
    assert_eq!((kept.given.on_behalf_of.as_deref(), kept.started_at), (Some("op-7"), None));
}

#[tokio::test]
async fn a_play_is_one_commit_however_many_cameras_it_asks_for() {
    let (hub, ours) = TestHub::with_tenant().await;
    let (gate, yard) = (hub.camera(&ours, "gate").await, hub.camera(&ours, "yard").await);
    let before = hub.store.commits();
    for _ in 0..10 {
        hub.play(As::Token(&ours.token), &[&gate, &yard, &gate]).await;
    }
    // What a busy hub writes beside it may add one or two; a second commit for each play would add ten.
    let commits = hub.store.commits() - before;
    assert!((10..15).contains(&commits), "{commits} commits for ten plays");
}

#[tokio::test]
async fn texts_are_told_in_the_callers_language() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let body = json!({ "cameras": [{ "id": camera }, { "id": camera, "tier": "third" }] });
    let mut request = crate::hub::request(As::Token(&ours.token), Method::POST, "/play", Some(body));
    request.headers_mut().insert("accept-language", "pt-BR".parse().unwrap());
    let answer = hub.send(request).await;
    assert!(answer.body["items"][0]["why"][0]["text"].as_str().unwrap().contains("menor atraso"));
    assert!(
        answer.body["items"][1]["problem"]["detail"].as_str().unwrap().starts_with("a câmera não oferece")
    );
}

#[tokio::test]
async fn each_camera_of_a_request_has_its_place_in_the_answer() {
    let (hub, ours) = TestHub::with_tenant().await;
    let (gate, yard) = (hub.camera(&ours, "gate").await, hub.camera(&ours, "yard").await);
    let unknown = "cam_0198c0de00007000800000000000002a";
    let body = json!({ "cameras": [
        { "id": gate }, { "id": unknown }, { "id": yard, "protocol": "ll-hls" }, { "id": yard, "tier": "third" },
    ] });
    let answer = hub.call(As::Token(&ours.token), Method::POST, "/play", Some(body)).await;
    let told = |at: usize| {
        let item = &answer.body["items"][at];
        (
            item["camera_id"].as_str().unwrap().to_owned(),
            item["problem"]["type"].as_str().unwrap_or("ok").to_owned(),
        )
    };
    let expected = [
        (gate, "ok"),
        (unknown.to_owned(), "camera-unknown"),
        (yard.clone(), "ok"),
        (yard, "tier-unavailable"),
    ];
    for (at, (camera, code)) in expected.into_iter().enumerate() {
        assert_eq!(told(at), (camera, code.to_owned()));
    }
    assert_eq!(answer.body["items"][1]["problem"]["status"], 404);
    let none = hub.call(As::Token(&ours.token), Method::POST, "/play", Some(json!({ "cameras": [] }))).await;
    assert_eq!((none.status.as_u16(), &none.body["errors"][0]["field"]), (422, &json!("cameras")));
    let many: Vec<_> = (0..101).map(|_| json!({ "id": unknown })).collect();
    let many =
        hub.call(As::Token(&ours.token), Method::POST, "/play", Some(json!({ "cameras": many }))).await;
    assert_eq!(many.status.as_u16(), 422);
}

#[tokio::test]
async fn a_camera_in_trouble_is_granted_and_says_what_is_wrong() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let refused = |tier: Tier| {
        let mut report = TierReport::new(tier, TierState::Resting, UnixMillis(5_000));
        report.reason_code = Some(ReasonCode::WrongPassword);
        report.reason_text = "the camera refuses the password".into();
        report
    };
    hub.report(&ours, &camera, vec![refused(Tier::Main), refused(Tier::Sub)]).await;
    let item = hub.play(As::Token(&ours.token), &[&camera]).await.body["items"][0].clone();
    let reason = json!({ "code": "wrong-password", "text": "the camera refuses the password" });
    assert_eq!((&item["picture"]["state"], &item["picture"]["reason"]), (&json!("resting"), &reason));
    let shown = hub.call(As::Token(&ours.token), Method::GET, &format!("/cameras/{camera}"), None).await.body;
    assert_eq!((&shown["state"]["code"], &shown["state"]["reason"]), (&json!("resting"), &reason));
    assert_eq!(shown["state"]["since"], 5_000);

    hub.devices.hang_up(ours.device).await;
    eventually(|| async {
        let item = hub.play(As::Token(&ours.token), &[&camera]).await.body["items"][0].clone();
        item["picture"]["reason"]["code"] == "device-offline" && item["token"].is_string()
    })
    .await;
}

#[tokio::test]
async fn a_disabled_camera_is_not_played_and_its_sessions_end() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let id = session(&hub.play(As::Token(&ours.token), &[&camera]).await.body);
    let path = format!("/cameras/{camera}");
    let off = hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(json!({ "enabled": false }))).await;
    assert_eq!((off.status, &off.body["state"]["code"]), (StatusCode::OK, &json!("off")));
    assert_eq!(hub.order(revoked).await.to_string(), id);
    let item = hub.play(As::Token(&ours.token), &[&camera]).await.body["items"][0].clone();
    assert_eq!(item["problem"]["type"], "camera-disabled");
}

#[tokio::test]
async fn a_session_lives_is_listed_renewed_and_closed() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let played = hub.play(As::Console(&ours.admin), &[&camera]).await;
    let id = session(&played.body);
    let parsed: SessionId = id.parse().unwrap();
    hub.news.send(FromNode::SessionStarted { session: parsed }).await.unwrap();
    hub.news.send(FromNode::SessionConnected { session: parsed }).await.unwrap();
    eventually(|| async {
        let list = hub.call(As::Token(&ours.token), Method::GET, "/sessions", None).await.body;
        let row = &list["items"][0];
        row["id"] == id.as_str()
            && row["state"] == "connected"
            && row["viewer"] == "admin-ours"
            && row["camera_id"] == camera
    })
    .await;
    let body = json!({ "session_ids": [id] });
    let renewed =
        hub.call(As::Console(&ours.admin), Method::POST, "/sessions/renew", Some(body.clone())).await;
    let fresh = &renewed.body["items"][0];
    assert_eq!(fresh["session_id"], id);
    assert_ne!(fresh["token"], played.body["items"][0]["token"]);
    let hints = json!({ "sessions": [{ "id": id, "visible": false, "focus": true, "importance": "high",
        "tile": { "width": 100, "height": 50 }, "decode": { "fps": 24.5, "dropped": 1 } }] });
    let noted = hub.call(As::Console(&ours.admin), Method::PATCH, "/sessions", Some(hints)).await;
    assert_eq!(noted.body["items"][0], json!({ "session_id": id }));
    let beacon = Some(json!({ "startup_time_ms": 140 }));
    let qoe = hub.call(As::Console(&ours.admin), Method::POST, &format!("/sessions/{id}/qoe"), beacon).await;
    assert_eq!(qoe.status, StatusCode::NO_CONTENT);
    let list = hub.call(As::Token(&ours.token), Method::GET, "/sessions", None).await.body;
    assert_eq!(
        (&list["items"][0]["visible"], &list["items"][0]["startup_time_ms"]),
        (&json!(false), &json!(140))
    );

    let closed =
        hub.call(As::Console(&ours.admin), Method::POST, "/sessions/close", Some(body.clone())).await;
    assert_eq!(closed.body["items"][0], json!({ "session_id": id }));
    assert_eq!(hub.order(revoked).await, parsed);
    let again = hub.call(As::Console(&ours.admin), Method::POST, "/sessions/close", Some(body.clone())).await;
    assert_eq!(again.body["items"][0], json!({ "session_id": id }), "closing twice is closing once");
    let late = hub.call(As::Console(&ours.admin), Method::POST, "/sessions/renew", Some(body)).await;
    assert_eq!(late.body["items"][0]["problem"]["type"], "session-ended");
    assert_eq!(late.body["items"][0]["problem"]["status"], 410);
    eventually(|| async {
        let kept = hub.store.play_session(ours.id, parsed).await.unwrap().unwrap();
        kept.connected_at.is_some() && kept.end_reason.as_deref() == Some("closed")
    })
    .await;
}

#[tokio::test]
async fn a_session_that_the_node_ended_is_over_here_too() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let id = session(&hub.play(As::Token(&ours.token), &[&camera]).await.body);
    let ended = FromNode::SessionEnded { session: id.parse().unwrap(), reason: EndReason::Silence };
    hub.news.send(ended).await.unwrap();
    eventually(|| async {
        let path = format!("/sessions/{id}/reattach");
        hub.call(As::Token(&ours.token), Method::POST, &path, None).await.status == StatusCode::GONE
    })
    .await;
}

#[tokio::test]
async fn an_operator_ends_anybodys_session_and_a_viewer_only_his_own() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let body = json!({ "name": "vera", "password": "long enough", "role": "viewer" });
    hub.call(As::Console(&ours.admin), Method::POST, "/users", Some(body)).await;
    let vera = hub.login("vera", "long enough").await;
    let (hers, mine) = (
        session(&hub.play(As::Console(&vera), &[&camera]).await.body),
        session(&hub.play(As::Console(&ours.admin), &[&camera]).await.body),
    );
    let foreign = hub.call(As::Console(&vera), Method::DELETE, &format!("/sessions/{mine}"), None).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let ended = hub.call(As::Console(&ours.admin), Method::DELETE, &format!("/sessions/{hers}"), None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.order(revoked).await.to_string(), hers);
}

#[tokio::test]
async fn a_viewer_token_opens_its_own_sessions_and_nothing_else() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let body = json!({ "cameras": [{ "id": camera }], "origin": "https://psim.example" });
    let played = hub.call(As::Token(&ours.token), Method::POST, "/play", Some(body)).await.body;
    let other = session(&hub.play(As::Token(&ours.token), &[&camera]).await.body);
    let viewer = played["viewer_token"].as_str().unwrap();
    let renew = async |id: &str| {
        let body = Some(json!({ "session_ids": [id] }));
        hub.call(As::Token(viewer), Method::POST, "/sessions/renew", body).await.body["items"][0].clone()
    };
    assert!(renew(&session(&played)).await["token"].is_string());
    assert_eq!(renew(&other).await["problem"]["type"], "session-unknown");
    let seen = hub.call(As::Token(viewer), Method::GET, "/sessions", None).await.body;
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    for (method, path) in [(Method::GET, "/cameras"), (Method::GET, "/audit"), (Method::GET, "/tokens")] {
        assert_eq!(
            hub.call(As::Token(viewer), method, path, None).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    assert_eq!(hub.play(As::Token(viewer), &[&camera]).await.status, StatusCode::FORBIDDEN);

    let mut foreign = crate::hub::request(As::Token(viewer), Method::GET, "/sessions", None);
    foreign.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    assert_eq!(hub.send(foreign).await.status, StatusCode::FORBIDDEN);

    // As `sendBeacon` sends it: no headers of its own, any media type.
    let beacon = json!({ "session_ids": [session(&played)], "viewer_token": viewer }).to_string();
    let request = axum::http::Request::builder().method("POST").uri("/api/v1/sessions/close");
    let request = request.header("content-type", "text/plain;charset=UTF-8").body(beacon.into()).unwrap();
    assert_eq!(hub.send(request).await.body["items"][0], json!({ "session_id": session(&played) }));
}

#[tokio::test]
async fn one_camera_is_started_once_stopped_and_asked_for() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let call = async |method: Method, what: &str| {
        hub.call(As::Token(&ours.token), method, &format!("/streams/{camera}/{what}"), None).await
    };
    let early = call(Method::GET, "endpoint").await;
    assert_eq!((early.status, &early.body["type"]), (StatusCode::CONFLICT, &json!("not-started")));
    let (first, again) =
        (call(Method::POST, "start?protocol=webrtc").await, call(Method::POST, "start").await);
    assert_eq!((first.status, &first.body["camera_id"]), (StatusCode::OK, &json!(camera)));
    assert_eq!(first.body["session_id"], again.body["session_id"]);
    assert_ne!(first.body["token"], again.body["token"]);
    let other = call(Method::POST, "start?client_ref=b").await;
    assert_ne!(first.body["session_id"], other.body["session_id"], "another viewer of the same caller");
    let behalf = call(Method::POST, "start?on_behalf_of=op-7").await;
    assert_ne!(first.body["session_id"], behalf.body["session_id"]);
    assert_eq!(call(Method::GET, "endpoint").await.body["session_id"], first.body["session_id"]);
    assert_eq!(call(Method::POST, "stop").await.status, StatusCode::NO_CONTENT);
    assert_eq!(call(Method::POST, "stop").await.status, StatusCode::NO_CONTENT);
    assert_eq!(call(Method::GET, "endpoint").await.status, StatusCode::CONFLICT);
    let alive = call(Method::GET, "endpoint?client_ref=b").await;
    assert_eq!(alive.body["session_id"], other.body["session_id"], "the other session goes on");
    assert_eq!(hub.order(revoked).await.to_string(), first.body["session_id"].as_str().unwrap());
}

#[tokio::test]
async fn a_standard_player_is_sent_to_the_node_with_a_token_of_its_own() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let play = hub.token(&ours.admin, &["play"]).await;
    let answer = hub.call(As::Token(&play), Method::POST, &format!("/streams/{camera}/whep"), None).await;
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    let location = answer.headers["location"].to_str().unwrap();
    let (url, token) = location.split_once("?token=").unwrap();
    assert_eq!(url, format!("http://hub.test/whep/{camera}/sub"));
    assert_eq!(hub.claims(token).camera, camera_id(&camera));
}

#[tokio::test]
async fn a_feed_that_is_watched_makes_its_camera_live() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let feed = FromNode::Feed {
        camera: camera_id(&camera),
        tier: Tier::Sub,
        state: FeedState::Live,
        reason: None,
        viewers: 2,
        captured_at: Some(UnixMillis(77)),
    };
    hub.news.send(feed).await.unwrap();
    eventually(|| async {
        let shown =
            hub.call(As::Token(&ours.token), Method::GET, &format!("/cameras/{camera}"), None).await.body;
        shown["state"]["code"] == "live" && shown["tiers"][1]["viewers"] == 2
    })
    .await;
    let item = hub.play(As::Token(&ours.token), &[&camera]).await.body["items"][0].clone();
    assert_eq!(item["picture"], json!({ "state": "live", "reason": null, "captured_at": 77 }));
}

#[tokio::test]
async fn a_decision_is_explained_without_starting_anything() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let body = json!({ "camera_id": camera, "tile": { "width": 1920, "height": 1080 } });
    let told = hub.call(As::Token(&ours.token), Method::POST, "/policy/explain", Some(body)).await.body;
    assert_eq!((&told["tier"], &told["why"][1]["code"]), (&json!("main"), &json!("tier-by-tile")));
    let none = hub.call(As::Token(&ours.token), Method::GET, "/sessions", None).await;
    assert_eq!(none.body["items"], json!([]));
    assert!(!matches!(hub.orders.try_recv(), Ok(ToNode::Lease { .. })));
}

#[tokio::test]
async fn a_pin_wins_or_is_refused() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let path = format!("/cameras/{camera}");
    let pin = json!({ "pins": { "tier": "main" } });
    let pinned = hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(pin)).await;
    assert_eq!(pinned.body["pins"], json!({ "protocol": null, "tier": "main" }));
    let item = hub.play(As::Token(&ours.token), &[&camera]).await.body["items"][0].clone();
    assert_eq!(item["tier"], "main");
    let body = json!({ "cameras": [{ "id": camera, "tier": "sub" }] });
    let other = hub.call(As::Token(&ours.token), Method::POST, "/play", Some(body)).await.body;
    assert_eq!(other["items"][0]["problem"]["type"], "tier-pinned");
    let third = json!({ "pins": { "tier": "third" } });
    let bad = hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(third)).await;
    assert_eq!(bad.body["errors"][0]["field"], "pins.tier");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_come_at_once_are_all_answered_and_lease_one_feed() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    while hub.orders.try_recv().is_ok() {}
    let asked = [camera.as_str()];
    let answers = join_all((0..1_000).map(|_| hub.play(As::Token(&ours.token), &asked))).await;
    assert!(answers.iter().all(|answer| answer.body["items"][0]["token"].is_string()));
    let mut feeds = std::collections::BTreeSet::new();
    while let Ok(order) = hub.orders.try_recv() {
        if let ToNode::Lease { camera, tier, .. } = order {
            feeds.insert((camera, tier));
        }
    }
    assert_eq!(feeds.len(), 1);
    assert_eq!(hub.store.all_active_play_sessions().await.unwrap().len(), 1_000);
}
