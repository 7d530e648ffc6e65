use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_ids::{Tier, UnixMillis};
use sluice_wire::control::{
    Action, CameraFacts, CameraReport, Capabilities, EncoderSettings, HeldSession, Outcome, SessionKind,
    SessionState,
};

use crate::hub::{Answer, As, Tenant, TestHub, request, tier};

fn set(gop_frames: u32) -> EncoderSettings {
    EncoderSettings {
        codec: "H264".into(),
        fps: 25.0,
        gop_frames,
        bitrate_kbps: 4_096,
        ..EncoderSettings::default()
    }
}

/// A camera whose key frames come every four seconds, and the encoder at its device.
async fn slow_camera(hub: &mut TestHub, ours: &Tenant) -> (String, Arc<Mutex<EncoderSettings>>) {
    let camera = hub.camera(ours, "gate").await;
    let mut main = tier(Tier::Main, 1_920, 1_080);
    (main.gop_s, main.encoder) = (Some(4.0), Some(set(100)));
    let mut report = CameraReport::new(camera.parse().unwrap(), vec![main, tier(Tier::Sub, 640, 360)]);
    let can = Capabilities { encoder: true, ptz: true, ..Capabilities::default() };
    report.facts = Some(CameraFacts {
        manufacturer: "Acme".into(),
        can,
        clock_offset_ms: Some(90_000),
        ..CameraFacts::default()
    });
    let (kind, state, since) = (SessionKind::Rtsp, SessionState::Open, UnixMillis(7));
    report.sessions = vec![HeldSession { kind, purpose: "sub".into(), state, since }];
    report.session_budget = 2;
    hub.report_all(ours, report).await;
    let encoder = Arc::new(Mutex::new(set(100)));
    let at_device = Arc::clone(&encoder);
    hub.devices.obey(ours.device, move |action| {
        let Action::Configure { change, dry_run, .. } = action else { return None };
        let mut now = at_device.lock().unwrap();
        let before = now.clone();
        let after =
            EncoderSettings { gop_frames: change.gop_frames.unwrap_or(before.gop_frames), ..before.clone() };
        if !dry_run {
            *now = after.clone();
        }
        Some(Outcome::Configured { before, after })
    });
    crate::hub::eventually(|| async {
        let path = format!("/cameras/{camera}");
        hub.call(As::Token(&ours.token), Method::GET, &path, None).await.body["device"].is_object()
    })
    .await;
    (camera, encoder)
}

async fn post(hub: &TestHub, ours: &Tenant, path: &str, body: Value) -> Answer {
    hub.call(As::Token(&ours.token), Method::POST, path, Some(body)).await
}

#[tokio::test]
async fn advice_is_told_followed_and_taken_back() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let (camera, encoder) = slow_camera(&mut hub, &ours).await;
    let path = format!("/cameras/{camera}/advice");
    let advice = async || hub.call(As::Token(&ours.token), Method::GET, &path, None).await.body;
    let told = advice().await;
    let codes: Vec<_> = told["items"].as_array().unwrap().iter().map(|item| &item["code"]).collect();
    assert_eq!(codes, ["clock-off", "gop-long"]);
    let gop = &told["items"][1];
    assert_eq!((&gop["tier"], &gop["change"]["gop_frames"]), (&json!("main"), &json!(50)));
    assert_eq!((&gop["severity"], &told["undoable"]), (&json!("warning"), &json!([])));

    let apply = format!("{path}/apply");
    let asked = |dry_run: Option<bool>| json!({ "tier": "main", "code": "gop-long", "dry_run": dry_run });
    let dry = post(&hub, &ours, &apply, asked(None)).await;
    assert_eq!(dry.status, StatusCode::OK, "{}", dry.text);
    assert_eq!(
        (&dry.body["before"]["gop_frames"], &dry.body["after"]["gop_frames"]),
        (&json!(100), &json!(50))
    );
    assert_eq!((&dry.body["applied"], encoder.lock().unwrap().gop_frames), (&json!(false), 100));
    let none = post(&hub, &ours, &format!("{path}/undo"), json!({ "tier": "main" })).await;
    assert_eq!((none.status, &none.body["type"]), (StatusCode::CONFLICT, &json!("nothing-to-undo")));

    let done = post(&hub, &ours, &apply, asked(Some(false))).await;
    assert_eq!((&done.body["applied"], encoder.lock().unwrap().gop_frames), (&json!(true), 50));
    assert_eq!(advice().await["undoable"], json!(["main"]));
    let undone = post(&hub, &ours, &format!("{path}/undo"), json!({ "tier": "main" })).await;
    assert_eq!((&undone.body["after"]["gop_frames"], encoder.lock().unwrap().gop_frames), (&json!(100), 100));
    assert_eq!(advice().await["undoable"], json!([]));
    let audit = hub.call(As::Console(&ours.admin), Method::GET, "/audit?limit=500", None).await.text;
    assert_eq!(audit.matches("\"camera.configure\"").count(), 1, "a dry run changes nothing");
    assert_eq!(audit.matches("\"camera.configure.undo\"").count(), 1);
}

#[tokio::test]
async fn advice_that_cannot_be_followed_from_here_says_so() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let (camera, _) = slow_camera(&mut hub, &ours).await;
    let apply = format!("/cameras/{camera}/advice/apply");
    for (tier, code) in [("main", "clock-off"), ("sub", "gop-long"), ("main", "made-up")] {
        let answer = post(&hub, &ours, &apply, json!({ "tier": tier, "code": code, "dry_run": false })).await;
        assert_eq!(
            (answer.status, &answer.body["type"]),
            (StatusCode::CONFLICT, &json!("advice-gone")),
            "{code}"
        );
    }
    let bad = post(&hub, &ours, &apply, json!({ "tier": "huge", "code": "gop-long" })).await;
    assert_eq!(bad.body["errors"][0]["field"], "tier");
    let read = hub.token(&ours.admin, &["read", "play", "ptz"]).await;
    let body = json!({ "tier": "main", "code": "gop-long" });
    assert_eq!(hub.call(As::Token(&read), Method::POST, &apply, Some(body)).await.status, 403);
}

#[tokio::test]
async fn advice_speaks_the_callers_language() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let (camera, _) = slow_camera(&mut hub, &ours).await;
    let mut asked = request(As::Token(&ours.token), Method::GET, &format!("/cameras/{camera}/advice"), None);
    asked.headers_mut().insert("accept-language", "pt-BR".parse().unwrap());
    let told = hub.send(asked).await.body;
    assert_eq!(told["items"][0]["setting"], "data e hora (NTP)");
    assert!(told["items"][1]["text"].as_str().unwrap().contains("quadro-chave"), "{told}");
}

#[tokio::test]
async fn a_camera_tells_what_it_is_and_who_holds_its_sessions() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let (camera, _) = slow_camera(&mut hub, &ours).await;
    let path = format!("/cameras/{camera}");
    let shown = hub.call(As::Token(&ours.token), Method::GET, &path, None).await.body;
    assert_eq!(
        (&shown["device"]["manufacturer"], &shown["device"]["can"]["ptz"]),
        (&json!("Acme"), &json!(true))
    );
    assert_eq!(
        (&shown["tiers"][0]["encoder"]["gop_frames"], &shown["session_budget"]),
        (&json!(100), &json!(0))
    );
    let held = hub.call(As::Token(&ours.token), Method::GET, &format!("{path}/sessions"), None).await.body;
    let session = json!({ "kind": "rtsp", "purpose": "sub", "state": "open", "since": 7 });
    assert_eq!(held, json!({ "budget": 2, "items": [session] }));

    let change = json!({ "session_budget": 3, "warm": "main" });
    let changed = hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(change)).await.body;
    assert_eq!((&changed["session_budget"], &changed["warm_of_site"]), (&json!(3), &json!(false)));
    let bad =
        hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(json!({ "session_budget": 65 }))).await;
    assert_eq!(bad.body["errors"][0]["field"], "session_budget");
    let follow = Some(json!({ "warm": "site" }));
    let follows = hub.call(As::Token(&ours.token), Method::PATCH, &path, follow).await.body;
    assert_eq!((&follows["warm"], &follows["warm_of_site"]), (&json!("sub"), &json!(true)));
    let site = format!("/sites/{}", ours.site);
    let warmer = hub.call(As::Token(&ours.token), Method::PATCH, &site, Some(json!({ "warm": "all" }))).await;
    assert_eq!((&warmer.body["warm"], &warmer.body["name"]), (&json!("all"), &json!("site of ours")));
    assert_eq!(hub.call(As::Token(&ours.token), Method::GET, &path, None).await.body["warm"], "all");
}
