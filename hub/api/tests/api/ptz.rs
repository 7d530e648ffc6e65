use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_ids::DeviceId;
use sluice_wire::{
    control::{Action, Failure, FailureCode, Outcome, Preset, PtzCommand},
    node::Steer,
    player::Refusal,
};

use crate::hub::{As, Login, TestHub, camera_body};

/// The moves that a device is told from now on. It has one place, and knows no other.
fn obeyed(hub: &mut TestHub, device: DeviceId) -> Arc<Mutex<Vec<PtzCommand>>> {
    let commands = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&commands);
    hub.devices.obey(device, move |action| {
        let Action::Ptz { command, .. } = action else { return None };
        noted.lock().unwrap().push(command.clone());
        Some(match command {
            PtzCommand::Presets => Outcome::Presets(vec![Preset { token: "1".into(), name: "Door".into() }]),
            PtzCommand::GoTo { .. } => Outcome::Failed(Failure {
                code: FailureCode::NotSupported,
                text: "it has no such place".into(),
            }),
            _ => Outcome::Done,
        })
    });
    commands
}

#[tokio::test]
async fn a_camera_is_moved_by_its_device() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let commands = obeyed(&mut hub, ours.device);
    let path = format!("/cameras/{camera}/ptz");
    let go = async |body: Value| hub.call(As::Token(&ours.token), Method::POST, &path, Some(body)).await;
    let right = go(json!({ "continuous": { "pan": 0.5, "for_ms": 400 } })).await;
    assert_eq!(right.status, StatusCode::NO_CONTENT, "{}", right.text);
    assert_eq!(go(json!({ "stop": true })).await.status, StatusCode::NO_CONTENT);
    let refused = go(json!({ "go_to": "9" })).await;
    assert_eq!((refused.status.as_u16(), &refused.body["detail"]), (422, &json!("it has no such place")));
    assert_eq!(
        go(json!({ "continuous": { "pan": 2.0 } })).await.body["errors"][0]["field"],
        "continuous.pan"
    );

    let presets = format!("/cameras/{camera}/presets");
    let listed = hub.call(As::Token(&ours.token), Method::GET, &presets, None).await;
    assert_eq!(listed.body["items"], json!([{ "token": "1", "name": "Door" }]));
    let made =
        hub.call(As::Token(&ours.token), Method::POST, &presets, Some(json!({ "name": "Yard" }))).await;
    assert_eq!((made.status, &made.body["items"][0]["token"]), (StatusCode::CREATED, &json!("1")));
    let gone = hub.call(As::Token(&ours.token), Method::DELETE, &format!("{presets}/1"), None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let told: Vec<_> = commands.lock().unwrap().clone();
    let right = PtzCommand::Continuous { pan: 0.5, tilt: 0.0, zoom: 0.0, for_ms: 400 };
    assert_eq!(told[..2], [right, PtzCommand::Stop]);
    assert_eq!(told.last(), Some(&PtzCommand::Forget { preset: "1".into() }));

    let audit = hub.call(As::Console(&ours.admin), Method::GET, "/audit?limit=500", None).await.text;
    assert_eq!(audit.matches("\"camera.ptz\"").count(), 1, "moves of a minute are one entry");
    assert!(audit.contains("camera.preset.create") && audit.contains("camera.preset.delete"));
}

#[tokio::test]
async fn only_who_watches_and_may_move_a_camera_moves_it() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    hub.devices.obey(ours.device, |_| Some(Outcome::Done));
    let path = format!("/cameras/{camera}/ptz");
    let stop = || Some(json!({ "stop": true }));
    for (scopes, status) in
        [(&["play"][..], 403), (&["ptz"], 403), (&["admin", "read"], 403), (&["play", "ptz"], 204)]
    {
        let token = hub.token(&ours.admin, scopes).await;
        let answer = hub.call(As::Token(&token), Method::POST, &path, stop()).await;
        assert_eq!(answer.status.as_u16(), status, "{scopes:?} {}", answer.text);
    }
    for (role, status) in [("viewer", 403), ("auditor", 403), ("operator", 204)] {
        let body = json!({ "name": role, "password": "long enough", "role": role });
        hub.call(As::Console(&ours.admin), Method::POST, "/users", Some(body)).await;
        let login = hub.login(role, "long enough").await;
        let answer = hub.call(As::Console(&login), Method::POST, &path, stop()).await;
        assert_eq!(answer.status.as_u16(), status, "{role} {}", answer.text);
    }
    let played = hub.play(As::Token(&ours.token), &[&camera]).await.body;
    let viewer = played["viewer_token"].as_str().unwrap();
    assert_eq!(hub.call(As::Token(viewer), Method::POST, &path, stop()).await.status, 403);
}

#[tokio::test]
async fn a_camera_without_its_device_is_not_moved_and_says_why() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let mut body = camera_body(&ours, "beside");
    body["via"] = json!("node");
    let beside = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(body)).await.body;
    let camera = hub.camera(&ours, "gate").await;
    hub.devices.hang_up(ours.device).await;
    let device = format!("/devices/{}", ours.device);
    crate::hub::eventually(|| async {
        hub.call(As::Token(&ours.token), Method::GET, &device, None).await.body["online"] == false
    })
    .await;
    let cases =
        [(beside["id"].as_str().unwrap(), "camera-without-device"), (camera.as_str(), "device-offline")];
    for (camera, code) in cases {
        for (method, what, body) in [
            (Method::POST, "ptz", Some(json!({ "stop": true }))),
            (Method::GET, "presets", None),
            (Method::GET, "poster", None),
            (Method::POST, "advice/undo", Some(json!({ "tier": "main" }))),
        ] {
            let path = format!("/cameras/{camera}/{what}");
            let answer = hub.call(As::Token(&ours.token), method, &path, body).await;
            let code =
                if what == "advice/undo" && code == "device-offline" { "nothing-to-undo" } else { code };
            assert_eq!((answer.status.as_u16(), &answer.body["type"]), (409, &json!(code)), "{path}");
        }
    }
}

/// A session of a play request, and whether its token lets its viewer move the camera.
async fn played(hub: &TestHub, who: As<'_>, camera: &str, ptz: Option<bool>) -> (String, bool) {
    let mut body = json!({ "cameras": [{ "id": camera }] });
    if let Some(ptz) = ptz {
        body["ptz"] = json!(ptz);
    }
    let answer = hub.call(who, Method::POST, "/play", Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let item = &answer.body["items"][0];
    let claims = hub.claims(item["token"].as_str().unwrap());
    (item["session_id"].as_str().unwrap().to_owned(), claims.ptz)
}

/// What the node hears when a session's viewer asks for this.
async fn steered(hub: &mut TestHub, session: &str, command: PtzCommand) -> Option<Refusal> {
    hub.steers.send(Steer { number: 7, session: session.parse().unwrap(), command }).await.unwrap();
    let steered = hub.steered.recv().await.unwrap();
    assert_eq!(steered.number, 7);
    steered.refused
}

async fn user(hub: &TestHub, admin: &Login, role: &str) -> Login {
    let body = json!({ "name": role, "password": "long enough", "role": role });
    hub.call(As::Console(admin), Method::POST, "/users", Some(body)).await;
    hub.login(role, "long enough").await
}

#[tokio::test]
async fn a_session_may_move_its_camera_where_who_asked_for_it_may_and_a_program_says_so() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    for (role, may) in [("viewer", false), ("operator", true)] {
        let login = user(&hub, &ours.admin, role).await;
        assert_eq!(played(&hub, As::Console(&login), &camera, None).await.1, may, "{role}");
        assert!(!played(&hub, As::Console(&login), &camera, Some(false)).await.1, "{role}");
    }
    let program = hub.token(&ours.admin, &["play", "ptz"]).await;
    for (asked, may) in [(None, false), (Some(false), false), (Some(true), true)] {
        let (session, signed) = played(&hub, As::Token(&program), &camera, asked).await;
        assert_eq!(signed, may, "{asked:?}");
        let renewed = json!({ "session_ids": [session] });
        let renewed = hub.call(As::Token(&program), Method::POST, "/sessions/renew", Some(renewed)).await;
        let claims = hub.claims(renewed.body["items"][0]["token"].as_str().unwrap());
        assert_eq!(claims.ptz, may, "a renewal keeps it");
    }
    let watching = hub.token(&ours.admin, &["play"]).await;
    let body = json!({ "cameras": [{ "id": camera }], "ptz": true });
    let refused = hub.call(As::Token(&watching), Method::POST, "/play", Some(body)).await;
    assert_eq!((refused.status.as_u16(), &refused.body["type"]), (403, &json!("forbidden")));
}

#[tokio::test]
async fn a_move_over_a_viewers_connection_is_the_same_move_with_the_same_audit() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let commands = obeyed(&mut hub, ours.device);
    let operator = user(&hub, &ours.admin, "operator").await;
    let (session, _) = played(&hub, As::Console(&operator), &camera, None).await;
    let right = PtzCommand::Continuous { pan: 0.5, tilt: 0.0, zoom: 0.0, for_ms: 400 };
    for _ in 0..3 {
        assert_eq!(steered(&mut hub, &session, right.clone()).await, None);
    }
    let path = format!("/cameras/{camera}/ptz");
    let by_route = json!({ "continuous": { "pan": 0.5, "for_ms": 400 } });
    assert_eq!(hub.call(As::Console(&operator), Method::POST, &path, Some(by_route)).await.status, 204);
    let refused = steered(&mut hub, &session, PtzCommand::GoTo { preset: "9".into() }).await.unwrap();
    assert_eq!((refused.status, refused.detail.as_str()), (422, "it has no such place"));
    let audit = hub.call(As::Console(&ours.admin), Method::GET, "/audit?limit=500", None).await.text;
    assert_eq!(audit.matches("\"camera.ptz\"").count(), 1, "moves of a minute are one entry, whichever way");

    // Who is gone may stop what he moved, and nothing else.
    let closed = json!({ "session_ids": [session] });
    hub.call(As::Console(&operator), Method::POST, "/sessions/close", Some(closed)).await;
    assert_eq!(steered(&mut hub, &session, right.clone()).await.unwrap().code, "session-ended");
    assert_eq!(steered(&mut hub, &session, PtzCommand::Stop).await, None);
    let told = commands.lock().unwrap().clone();
    assert_eq!(told[..4], [right.clone(), right.clone(), right.clone(), right]);
    assert_eq!(told.last(), Some(&PtzCommand::Stop));
}

#[tokio::test]
async fn who_may_not_move_cameras_any_more_does_not_by_a_session_of_before() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    hub.devices.obey(ours.device, |_| Some(Outcome::Done));
    let operator = user(&hub, &ours.admin, "operator").await;
    let (session, _) = played(&hub, As::Console(&operator), &camera, None).await;
    let there = PtzCommand::Relative { pan: 0.1, tilt: 0.0, zoom: 0.0 };
    assert_eq!(steered(&mut hub, &session, there.clone()).await, None);
    let users = hub.call(As::Console(&ours.admin), Method::GET, "/users", None).await.body;
    let user = users["items"].as_array().unwrap().iter().find(|user| user["name"] == "operator").unwrap();
    let path = format!("/users/{}", user["id"].as_str().unwrap());
    let demoted =
        hub.call(As::Console(&ours.admin), Method::PATCH, &path, Some(json!({ "role": "viewer" }))).await;
    assert_eq!(demoted.status, StatusCode::OK, "{}", demoted.text);
    assert_eq!(steered(&mut hub, &session, there).await.unwrap().status, 403);
    let stop = steered(&mut hub, &session, PtzCommand::Stop).await;
    assert_eq!(stop.unwrap().status, 403, "nor stops what others move");
    // Nobody's session moves nothing, and one that was granted to watch alone stays one.
    let nobody = "ses_0198c0de00007000800000000000002a";
    assert_eq!(steered(&mut hub, nobody, PtzCommand::Stop).await.unwrap().code, "session-unknown");
    let (watching, _) = played(&hub, As::Token(&ours.token), &camera, None).await;
    assert_eq!(steered(&mut hub, &watching, PtzCommand::Stop).await.unwrap().code, "forbidden");
}
