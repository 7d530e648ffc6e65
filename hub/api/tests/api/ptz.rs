use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_wire::control::{Action, Failure, FailureCode, Outcome, Preset, PtzCommand};

use crate::hub::{As, TestHub, camera_body};

#[tokio::test]
async fn a_camera_is_moved_by_its_device() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let commands = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&commands);
    hub.devices.obey(ours.device, move |action| {
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
