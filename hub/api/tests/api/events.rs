use std::time::Duration;

use axum::{body::Body, http::Method};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sluice_ids::{SessionId, Tier, UnixMillis};
use sluice_wire::{
    control::{TierReport, TierState},
    node::{EndReason, FromNode, ToNode},
};
use tower::ServiceExt as _;

use crate::hub::{As, Tenant, TestHub, request};

/// A browser's end of a stream of events.
struct Ear {
    body: axum::body::BodyDataStream,
    text: String,
}

#[derive(Debug)]
struct Heard {
    id: Option<String>,
    name: String,
    data: Value,
}

impl Ear {
    async fn open(hub: &TestHub, request: axum::http::Request<Body>) -> Self {
        let response = hub.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut ear = Self { body: response.into_body().into_data_stream(), text: String::new() };
        // The first comment says that from here on nothing is missed.
        while !ear.text.contains("connected") {
            ear.more().await;
        }
        ear
    }

    async fn more(&mut self) {
        let chunk = tokio::time::timeout(Duration::from_secs(5), self.body.next()).await;
        let chunk = chunk.expect("an event comes in time").expect("the stream goes on").unwrap();
        self.text.push_str(std::str::from_utf8(&chunk).unwrap());
    }

    /// The next event of this name.
    async fn next(&mut self, name: &str) -> Heard {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |key: &str| {
                    let lines = block.lines().filter_map(|line| line.split_once(':'));
                    lines.filter(|(name, _)| *name == key).map(|(_, value)| value.trim().to_owned()).next()
                };
                let heard = field("event").map(|name| Heard {
                    id: field("id"),
                    name,
                    data: serde_json::from_str(&field("data").unwrap()).unwrap(),
                });
                self.text = rest.to_owned();
                match heard {
                    Some(heard) if heard.name == name => return heard,
                    _ => continue,
                }
            }
            self.more().await;
        }
    }

    /// Whether something of this name was said up to now.
    async fn silent_until(&mut self, marker: &str, never: &str) {
        while !self.text.contains(marker) {
            self.more().await;
        }
        assert!(!self.text.contains(never), "{}", self.text);
    }
}

fn events(who: As<'_>, query: &str) -> axum::http::Request<Body> {
    request(who, Method::GET, &format!("/events{query}"), None)
}

#[tokio::test]
async fn a_console_hears_of_cameras_sessions_and_devices() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let mut ear = Ear::open(&hub, events(As::Console(&ours.admin), "")).await;
    let camera = hub.camera(&ours, "gate").await;
    assert_eq!(ear.next("registry.changed").await.data, json!({ "kind": "camera", "id": camera }));
    let ready = loop {
        let heard = ear.next("camera.state").await;
        if heard.data["state"]["code"] == "ready" {
            break heard;
        }
    };
    assert_eq!(ready.data["camera_id"], camera);
    let session = hub.play(As::Token(&ours.token), &[&camera]).await.body["items"][0]["session_id"].clone();
    let granted = ear.next("session.state").await;
    assert_eq!((&granted.data["session_id"], &granted.data["state"]), (&session, &json!("granted")));
    let id = session.as_str().unwrap().parse().unwrap();
    hub.news.send(FromNode::SessionEnded { session: id, reason: EndReason::Silence }).await.unwrap();
    assert_eq!(ear.next("session.ended").await.data["reason"], "silence");
    hub.devices.hang_up(ours.device).await;
    assert_eq!(ear.next("device.state").await.data["online"], false);
    assert_eq!(ear.next("camera.state").await.data["state"]["reason"]["code"], "device-offline");
}

#[tokio::test]
async fn a_listener_who_comes_back_hears_what_it_missed_or_looks_again() {
    let (hub, ours) = TestHub::with_tenant().await;
    let mut ear = Ear::open(&hub, events(As::Token(&ours.token), "")).await;
    hub.camera(&ours, "gate").await;
    let last = ear.next("registry.changed").await.id.unwrap();
    drop(ear);
    hub.call(As::Token(&ours.token), Method::POST, "/sites", Some(json!({ "name": "missed" }))).await;
    let mut back = events(As::Token(&ours.token), "");
    back.headers_mut().insert("last-event-id", last.parse().unwrap());
    let mut ear = Ear::open(&hub, back).await;
    assert_eq!(ear.next("registry.changed").await.data["kind"], "site");
    let mut lost = Ear::open(&hub, events(As::Token(&ours.token), "?last_event_id=elsewhere-7")).await;
    assert_eq!(lost.next("resync").await.data, json!({}));
}

#[tokio::test]
async fn nobody_hears_of_another_tenant() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let other = hub.tenant("theirs").await;
    let mut ear = Ear::open(&hub, events(As::Token(&ours.token), "")).await;
    let theirs = hub.camera(&other, "hidden").await;
    hub.play(As::Token(&other.token), &[&theirs]).await;
    let mine = hub.camera(&ours, "gate").await;
    ear.silent_until(&mine, &theirs).await;
}

#[tokio::test]
async fn an_event_source_opens_with_a_token_in_its_url_and_a_viewer_hears_its_own() {
    let (hub, ours) = TestHub::with_tenant().await;
    let (camera, yard) = (hub.camera(&ours, "gate").await, hub.camera(&ours, "yard").await);
    let played = hub.play(As::Token(&ours.token), &[&camera]).await.body;
    let viewer = played["viewer_token"].as_str().unwrap();
    let token = hub.call(As::Token(viewer), Method::POST, "/events/token", None).await.body;
    let url = format!("?token={}", token["token"].as_str().unwrap());
    let mut ear = Ear::open(&hub, events(As::Nobody, &url)).await;
    let mut resting = TierReport::new(Tier::Main, TierState::Resting, UnixMillis(1));
    resting.reason_code = Some(sluice_wire::ReasonCode::Stalled);
    hub.report(&ours, &yard, vec![resting.clone(), TierReport { tier: Tier::Sub, ..resting.clone() }]).await;
    let other = hub.play(As::Token(&ours.token), &[&yard]).await.body["items"][0]["session_id"].clone();
    hub.report(&ours, &camera, vec![resting.clone(), TierReport { tier: Tier::Sub, ..resting }]).await;
    ear.silent_until(&camera, other.as_str().unwrap()).await;
    assert!(!ear.text.contains(&yard), "{}", ear.text);

    let forged = hub.send(events(As::Nobody, "?token=set_AAAA")).await;
    assert_eq!((forged.status.as_u16(), &forged.body["type"]), (401, &json!("token-unknown")));
    let nobody = hub.send(events(As::Nobody, "")).await;
    assert_eq!(nobody.status.as_u16(), 401);
}

/// Whether a stream ends within forty seconds in which something happens every five.
async fn falls_silent(hub: &TestHub, ear: &mut Ear, session: SessionId) -> bool {
    tokio::time::pause();
    for _ in 0..8 {
        // It is there before the listener looks.
        hub.news.send(FromNode::SessionStarted { session }).await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        if ear.body.next().await.is_none() {
            return true;
        }
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    false
}

fn first_session(played: &Value) -> SessionId {
    played["items"][0]["session_id"].as_str().unwrap().parse().unwrap()
}

/// The path of the token that was made last.
async fn newest_token(hub: &TestHub, ours: &Tenant) -> String {
    let tokens = hub.call(As::Console(&ours.admin), Method::GET, "/tokens", None).await.body;
    let newest = tokens["items"].as_array().unwrap().iter().max_by_key(|token| token["id"].as_str().unwrap());
    format!("/tokens/{}", newest.unwrap()["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_token_that_was_taken_back_hears_nothing_more_on_a_busy_hub_either() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let session = first_session(&hub.play(As::Token(&ours.token), &[&camera]).await.body);
    let taken_back = hub.token(&ours.admin, &["read"]).await;
    let mut ear = Ear::open(&hub, events(As::Token(&taken_back), "")).await;
    let path = newest_token(&hub, &ours).await;
    assert_eq!(hub.call(As::Console(&ours.admin), Method::DELETE, &path, None).await.status, 204);
    assert!(falls_silent(&hub, &mut ear, session).await, "the token still hears: {}", ear.text);
}

/// A stream that a page of another dashboard opened by a token in its URL, and the session it may hear of.
async fn viewers_ear(hub: &TestHub, asker: &str, camera: &str) -> (Ear, SessionId) {
    let played = hub.play(As::Token(asker), &[camera]).await.body;
    let viewer = played["viewer_token"].as_str().unwrap();
    let token = hub.call(As::Token(viewer), Method::POST, "/events/token", None).await.body;
    let url = format!("?token={}", token["token"].as_str().unwrap());
    (Ear::open(hub, events(As::Nobody, &url)).await, first_session(&played))
}

#[tokio::test]
async fn a_viewer_hears_nothing_more_when_who_asked_for_it_is_shut_out() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let session = first_session(&hub.play(As::Token(&ours.token), &[&camera]).await.body);
    let asker = hub.token(&ours.admin, &["play"]).await;
    let (mut ear, _) = viewers_ear(&hub, &asker, &camera).await;
    let path = newest_token(&hub, &ours).await;
    assert_eq!(hub.call(As::Console(&ours.admin), Method::DELETE, &path, None).await.status, 204);
    assert!(falls_silent(&hub, &mut ear, session).await, "the viewer still hears: {}", ear.text);
}

#[tokio::test]
async fn a_viewer_whose_asker_is_good_goes_on_hearing() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let (mut ear, session) = viewers_ear(&hub, &ours.token, &camera).await;
    assert!(!falls_silent(&hub, &mut ear, session).await);
}

#[tokio::test]
async fn a_stream_that_a_login_opened_by_url_ends_with_that_login() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let session = first_session(&hub.play(As::Token(&ours.token), &[&camera]).await.body);
    let second = hub.login("admin-ours", crate::hub::PASSWORD).await;
    let token = hub.call(As::Console(&second), Method::POST, "/events/token", None).await.body;
    let url = format!("?token={}", token["token"].as_str().unwrap());
    let mut ear = Ear::open(&hub, events(As::Nobody, &url)).await;
    assert_eq!(hub.call(As::Console(&second), Method::POST, "/logout", None).await.status, 204);
    assert!(falls_silent(&hub, &mut ear, session).await, "the login still hears: {}", ear.text);
}

#[tokio::test]
async fn a_tile_that_grows_moves_its_session_and_that_is_told() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let played = hub.play(As::Token(&ours.token), &[&camera]).await.body["items"][0].clone();
    assert_eq!(played["tier"], "sub");
    let session: SessionId = played["session_id"].as_str().unwrap().parse().unwrap();
    let mut ear = Ear::open(&hub, events(As::Token(&ours.token), "")).await;
    hub.news.send(FromNode::SessionStarted { session }).await.unwrap();
    hub.news.send(FromNode::SessionConnected { session }).await.unwrap();
    while ear.next("session.state").await.data["state"] != "connected" {}
    let grown = json!({ "sessions": [{ "id": session, "tile": { "width": 1920, "height": 1080 } }] });
    let noted = hub.call(As::Token(&ours.token), Method::PATCH, "/sessions", Some(grown)).await;
    assert_eq!((noted.status.as_u16(), &noted.body["items"][0]), (200, &json!({ "session_id": session })));
    let switch = |order: &ToNode| match order {
        ToNode::Switch { session, tier } => Some((*session, *tier)),
        _ => None,
    };
    assert_eq!(hub.order(switch).await, (session, Tier::Main));
    hub.news.send(FromNode::SessionSwitched { session, tier: Tier::Main }).await.unwrap();
    let told = ear.next("session.tier").await.data;
    assert_eq!((&told["session_id"], &told["camera_id"]), (&json!(session), &json!(camera)));
    assert_eq!((&told["tier"], &told["why"][0]["code"]), (&json!("main"), &json!("tier-by-tile")));
}

#[tokio::test]
async fn what_cameras_notice_and_devices_find_is_heard_by_their_tenant() {
    use sluice_wire::control::{CameraEvent, CameraEventKind, Found, FoundCamera};
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let mut ear = Ear::open(&hub, events(As::Token(&ours.token), "")).await;
    let event = CameraEvent {
        camera_id: camera.parse().unwrap(),
        at: UnixMillis(77),
        kind: CameraEventKind::Motion,
        active: Some(true),
        source: "door".into(),
        left_out: 0,
    };
    hub.devices.noticed(ours.device, event.clone()).await;
    let found = FoundCamera { key: "a".into(), ..FoundCamera::default() };
    for n in 0..50 {
        let cameras = vec![FoundCamera { name: n.to_string(), ..found.clone() }];
        hub.devices.found(ours.device, Found { cameras, ..Found::default() }).await;
    }
    let noticed = ear.next("camera.event").await.data;
    let expected = json!({ "camera_id": camera, "kind": "motion", "active": true, "source": "door", "at": 77, "left_out": 0 });
    assert_eq!(noticed, expected);
    while !ear.text.contains("discoveries.changed") {
        ear.more().await;
    }
    hub.devices.noticed(ours.device, CameraEvent { at: UnixMillis(78), ..event }).await;
    ear.silent_until("\"at\":78", "never").await;
    let told = ear.text.matches("event: discoveries.changed").count();
    assert!((1..5).contains(&told), "a search does not flood: {}", ear.text);
    assert_eq!(ear.next("discoveries.changed").await.data, json!({ "device_id": ours.device }));
}
