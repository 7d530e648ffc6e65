use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_ids::{Tier, UnixMillis};
use sluice_wire::control::{
    Action, Capabilities, EncoderSettings, Failure, FailureCode, FoundCamera, FoundState, FoundTier,
    OfferedCredential, Outcome, Tried,
};

use crate::hub::{Answer, As, Tenant, TestHub, eventually};

/// A camera as a device tells it, understood.
pub(crate) fn found(key: &str, channel: u32) -> FoundCamera {
    let tier = |tier, width, height, bitrate_kbps| FoundTier {
        tier: Some(tier),
        url: format!("rtsp://10.0.0.9:554/{channel}/{tier}"),
        profile: format!("P{tier}"),
        encoder: EncoderSettings {
            codec: "H264".into(),
            width,
            height,
            fps: 25.0,
            bitrate_kbps,
            gop_frames: 50,
            ..EncoderSettings::default()
        },
    };
    FoundCamera {
        key: key.into(),
        channel,
        name: format!("camera {key}"),
        manufacturer: "Acme".into(),
        model: "X1".into(),
        hardware_address: "aa:bb:cc:dd:ee:ff".into(),
        xaddr: "http://10.0.0.9:8080/onvif/device_service".into(),
        first_seen: UnixMillis(1_000),
        last_seen: UnixMillis(2_000),
        state: FoundState::Understood,
        tiers: vec![tier(Tier::Main, 1_920, 1_080, 4_096), tier(Tier::Sub, 640, 360, 512)],
        can: Capabilities { ptz: true, encoder: true, ..Capabilities::default() },
        clock_offset_ms: Some(20),
        ..FoundCamera::default()
    }
}

/// The same before anything opened it.
pub(crate) fn locked(key: &str) -> FoundCamera {
    FoundCamera {
        state: FoundState::NeedsCredentials,
        text: "it asks for a password".into(),
        tiers: Vec::new(),
        ..found(key, 0)
    }
}

async fn post(hub: &TestHub, ours: &Tenant, path: &str, body: Value) -> Answer {
    hub.call(As::Token(&ours.token), Method::POST, path, Some(body)).await
}

async fn list(hub: &TestHub, ours: &Tenant, query: &str) -> Vec<Value> {
    let path = format!("/discoveries{query}");
    let answer = hub.call(As::Token(&ours.token), Method::GET, &path, None).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.body["items"].as_array().unwrap().clone()
}

type Orders = Arc<Mutex<Vec<Vec<OfferedCredential>>>>;

/// A device whose cameras open to the credential of this user name.
fn opens_to(hub: &mut TestHub, ours: &Tenant, user: &'static str) -> Orders {
    let orders = Orders::default();
    let noted = Arc::clone(&orders);
    hub.devices.obey(ours.device, move |action| match action {
        Action::Try { keys, credentials } => {
            let opens = credentials.iter().find(|offered| offered.username == user);
            let opens = opens.map(|offered| offered.id.clone()).unwrap_or_default();
            let text = if opens.is_empty() { "it refused every password" } else { "" };
            noted.lock().unwrap().push(credentials);
            let tried = |key| Tried { key, credential: opens.clone(), text: text.into() };
            Some(Outcome::Tried(keys.into_iter().map(tried).collect()))
        }
        _ => Some(Outcome::Done),
    });
    orders
}

#[tokio::test]
async fn what_a_device_found_is_listed_with_what_it_can_do() {
    let (hub, ours) = TestHub::with_tenant().await;
    let mut plain = found("a", 0);
    plain.tiers[0].encoder.gop_frames = 250;
    let items = hub.found(&ours, vec![plain, locked("b")]).await;
    let first = &items[0];
    assert_eq!((&first["key"], &first["state"]), (&json!("a"), &json!("understood")));
    assert_eq!((&first["address"], &first["site_id"]), (&json!("10.0.0.9:8080"), &json!(ours.site)));
    let main = json!({ "tier": "main", "codec": "H264", "width": 1920, "height": 1080, "fps": 25.0,
        "bitrate_kbps": 4096, "gop_s": 10.0 });
    assert_eq!(first["tiers"][0], main);
    assert_eq!((&first["can"]["ptz"], &first["can"]["sync_point"]), (&json!(true), &Value::Null));
    assert_eq!((&first["warnings"][0]["code"], &first["camera_id"]), (&json!("gop-long"), &Value::Null));
    assert_eq!(items[1]["text"], "it asks for a password");

    assert_eq!(list(&hub, &ours, "?state=needs-credentials").await.len(), 1);
    assert_eq!(list(&hub, &ours, &format!("?site_id={}", ours.site)).await.len(), 2);
    let elsewhere = hub.store.create_site(ours.id, "yard".into()).await.unwrap().id;
    assert_eq!(list(&hub, &ours, &format!("?site_id={elsewhere}")).await.len(), 0);
    let bad = hub.call(As::Token(&ours.token), Method::GET, "/discoveries?state=open", None).await;
    assert_eq!(bad.body["errors"][0]["field"], "state");

    // Who may not change cameras does not learn where they are.
    let read = hub.token(&ours.admin, &["read"]).await;
    let seen = hub.call(As::Token(&read), Method::GET, "/discoveries", None).await;
    assert_eq!((seen.status, &seen.body["items"][0]["address"]), (StatusCode::OK, &Value::Null));
    for path in ["search", "try", "accept", "ignore"] {
        let body = json!({ "device_id": ours.device, "ids": ["fnd_x"], "ignored": true, "items": [{ "id": "fnd_x" }] });
        let mut body = body.as_object().unwrap().clone();
        let known: &[&str] = match path {
            "search" => &["device_id"],
            "try" => &["ids"],
            "accept" => &["items"],
            _ => &["ids", "ignored"],
        };
        body.retain(|key, _| known.contains(&key.as_str()));
        let path = format!("/discoveries/{path}");
        let answer = hub.call(As::Token(&read), Method::POST, &path, Some(Value::Object(body))).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {}", answer.text);
    }
}

#[tokio::test]
async fn a_search_reaches_the_device_and_says_when_it_cannot() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    opens_to(&mut hub, &ours, "nobody");
    let body = json!({ "device_id": ours.device, "ranges": ["10.1.0.0/24"], "addresses": ["10.2.0.9:8080"] });
    assert_eq!(post(&hub, &ours, "/discoveries/search", body.clone()).await.status, StatusCode::ACCEPTED);
    let wide = json!({ "device_id": ours.device, "ranges": ["10.0.0.0/8"] });
    let refused = post(&hub, &ours, "/discoveries/search", wide).await;
    assert_eq!(refused.body["errors"][0]["field"], "ranges[0]", "{}", refused.text);
    hub.devices.hang_up(ours.device).await;
    eventually(|| async {
        let answer = post(&hub, &ours, "/discoveries/search", body.clone()).await;
        answer.status == StatusCode::CONFLICT && answer.body["type"] == "device-offline"
    })
    .await;
}

#[tokio::test]
async fn credentials_are_tried_and_what_opens_a_camera_goes_with_it() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let orders = opens_to(&mut hub, &ours, "admin");
    let items = hub.found(&ours, vec![locked("a"), locked("b")]).await;
    let ids: Vec<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    let body = json!({ "ids": ids, "credentials": [
        { "username": "root", "password": "planted-wrong-password" },
        { "username": "admin", "password": "planted-right-password", "label": "ours", "keep": true },
    ] });
    let tried = post(&hub, &ours, "/discoveries/try", body).await;
    assert_eq!(
        (tried.status, &tried.body["items"][1]["opened"]),
        (StatusCode::OK, &json!(true)),
        "{}",
        tried.text
    );
    let credential = tried.body["items"][0]["credential_id"].as_str().unwrap().to_owned();
    assert_eq!(tried.body["items"][0]["username"], "admin");
    let offered = orders.lock().unwrap()[0].clone();
    let opened: Vec<_> = offered
        .iter()
        .map(|one| {
            String::from_utf8(ours.seal.open(one.id.as_bytes(), &one.sealed_password).unwrap()).unwrap()
        })
        .collect();
    assert_eq!(opened, ["planted-wrong-password", "planted-right-password"]);
    let left = hub.store.all_credentials(ours.id).await.unwrap();
    let left: Vec<_> = left.iter().map(|one| (one.id.as_str(), one.label.as_str(), one.kept)).collect();
    assert_eq!(left, [(credential.as_str(), "ours", true)], "what opened nothing is not kept");

    // The device says what opened it.
    let opened = |key: &str| FoundCamera {
        credential: credential.clone(),
        last_seen: UnixMillis(3_000),
        ..found(key, 0)
    };
    let items = hub.found(&ours, vec![opened("a"), opened("b")]).await;
    let by = json!({ "id": credential, "label": "ours", "username": "admin" });
    assert_eq!(items[0]["credential"], by);

    let id = items[0]["id"].as_str().unwrap();
    let body = json!({ "items": [{ "id": id, "name": "Gate", "warm": "all" }, { "id": "fnd_nonsense" }] });
    let accepted = post(&hub, &ours, "/discoveries/accept", body.clone()).await;
    let camera = accepted.body["items"][0]["camera_id"].as_str().unwrap().to_owned();
    assert_eq!(accepted.body["items"][1]["problem"]["type"], "discovery-unknown");
    let again = post(&hub, &ours, "/discoveries/accept", body).await;
    assert_eq!(again.body["items"][0]["camera_id"], camera.as_str(), "once is enough");
    assert_eq!(list(&hub, &ours, "").await[0]["camera_id"], camera.as_str());

    let desired = loop {
        let desired = hub.devices.desired(ours.device).await.unwrap();
        if let Some(camera) = desired.cameras.into_iter().next() {
            break camera;
        }
    };
    assert_eq!((desired.name.as_str(), desired.username.as_str()), ("Gate", "admin"));
    let onvif = desired.onvif.unwrap();
    assert_eq!((onvif.key.as_str(), onvif.channel, desired.tiers[0].profile.as_str()), ("a", 0, "Pmain"));
    assert_eq!(desired.sealed_as, credential);
    let password = ours.seal.open(desired.sealed_as.as_bytes(), &desired.sealed_password).unwrap();
    assert_eq!(password, b"planted-right-password");

    let path = format!("/sites/{}/credentials", ours.site);
    let gone = hub.call(As::Token(&ours.token), Method::DELETE, &format!("{path}/{credential}"), None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let body = json!({ "items": [{ "id": items[1]["id"] }] });
    let late = post(&hub, &ours, "/discoveries/accept", body).await;
    assert_eq!(late.body["items"][0]["problem"]["type"], "credential-gone", "{}", late.text);
    let kept = hub.store.camera(ours.id, camera.parse().unwrap()).await.unwrap().unwrap();
    assert!(kept.sealed_password.is_some(), "an accepted camera keeps its own");
}

#[tokio::test]
async fn another_channel_of_a_recorder_is_accepted_with_what_the_first_was() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    opens_to(&mut hub, &ours, "admin");
    let items = hub.found(&ours, vec![locked("a")]).await;
    let body = json!({ "ids": [items[0]["id"]], "credentials": [
        { "username": "admin", "password": "planted-right-password", "keep": true },
    ] });
    let tried = post(&hub, &ours, "/discoveries/try", body).await;
    let credential = tried.body["items"][0]["credential_id"].as_str().unwrap().to_owned();
    let opened = |channel: u32, credential: &str| FoundCamera {
        credential: credential.to_owned(),
        last_seen: UnixMillis(3_000 + i64::from(channel)),
        ..found("a", channel)
    };
    let accept = async |id: &Value| {
        let accepted = post(&hub, &ours, "/discoveries/accept", json!({ "items": [{ "id": id }] })).await;
        accepted.body["items"][0].clone()
    };
    let items = hub.found(&ours, vec![opened(0, &credential), opened(1, &credential)]).await;
    let first = accept(&items[0]["id"]).await["camera_id"].as_str().unwrap().to_owned();
    let kept = format!("/sites/{}/credentials/{credential}", ours.site);
    assert_eq!(
        hub.call(As::Token(&ours.token), Method::DELETE, &kept, None).await.status,
        StatusCode::NO_CONTENT
    );
    let second = accept(&items[1]["id"]).await["camera_id"].as_str().unwrap().to_owned();
    // What opens it since somebody entered its password again is named after the camera.
    let own =
        json!({ "source": { "type": "onvif", "username": "admin", "password": "planted-new-password" } });
    let path = format!("/cameras/{first}");
    let changed = hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(own)).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let items = hub.found(&ours, vec![opened(0, &first), opened(1, &first), opened(2, &first)]).await;
    let third = accept(&items[2]["id"]).await["camera_id"].as_str().unwrap().to_owned();
    for (camera, password) in [(second, "planted-right-password"), (third, "planted-new-password")] {
        let camera = hub.store.camera(ours.id, camera.parse().unwrap()).await.unwrap().unwrap();
        let sealed = camera.sealed_password.unwrap();
        assert_eq!(ours.seal.open(camera.sealed_as.as_bytes(), &sealed).unwrap(), password.as_bytes());
    }
}

#[tokio::test]
async fn a_camera_that_is_not_understood_is_not_accepted() {
    let (hub, ours) = TestHub::with_tenant().await;
    let mut evil = found("c", 0);
    evil.tiers.iter_mut().for_each(|tier| tier.url = "http://10.0.0.9/".into());
    let items = hub.found(&ours, vec![locked("b"), evil, found("d", 0)]).await;
    let asked: Vec<_> = items.iter().map(|item| json!({ "id": item["id"] })).collect();
    let accepted = post(&hub, &ours, "/discoveries/accept", json!({ "items": asked })).await;
    let told = |at: usize| accepted.body["items"][at]["problem"]["type"].clone();
    assert_eq!((told(0), told(1)), (json!("not-understood"), json!("not-understood")));
    let camera = accepted.body["items"][2]["camera_id"].as_str().unwrap();
    let shown = hub.call(As::Token(&ours.token), Method::GET, &format!("/cameras/{camera}"), None).await.body;
    assert_eq!((&shown["name"], &shown["source"]["type"]), (&json!("camera d"), &json!("onvif")));
    assert_eq!(
        (&shown["source"]["address"], &shown["warm_of_site"]),
        (&json!("10.0.0.9:8080"), &json!(true))
    );
    assert_eq!(shown["source"]["has_password"], false);

    let more = hub.found(&ours, vec![FoundCamera { last_seen: UnixMillis(3_000), ..found("e", 0) }]).await;
    hub.store.revoke_device(ours.id, ours.device).await.unwrap();
    let body = json!({ "items": [{ "id": more[0]["id"] }] });
    let shut_out = post(&hub, &ours, "/discoveries/accept", body).await;
    assert_eq!(shut_out.body["items"][0]["problem"]["type"], "device-revoked", "{}", shut_out.text);
}

#[tokio::test]
async fn a_camera_that_was_added_by_its_stream_is_not_pulled_twice() {
    let (hub, ours) = TestHub::with_tenant().await;
    let mut body = crate::hub::camera_body(&ours, "by hand");
    body["source"]["tiers"] = json!([{ "tier": "sub", "url": "rtsp://10.0.0.9/0/sub" }]);
    let there = post(&hub, &ours, "/cameras", body).await.body["id"].clone();
    let items = hub.found(&ours, vec![found("a", 0), found("b", 1)]).await;
    assert_eq!((&items[0]["camera_id"], &items[1]["camera_id"]), (&there, &Value::Null));
    let accepted =
        post(&hub, &ours, "/discoveries/accept", json!({ "items": [{ "id": items[0]["id"] }] })).await;
    assert_eq!(accepted.body["items"][0]["camera_id"], there);
}

#[tokio::test]
async fn a_bank_is_tried_in_its_order_and_never_shown() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let orders = opens_to(&mut hub, &ours, "second");
    let path = format!("/sites/{}/credentials", ours.site);
    for user in ["first", "second"] {
        let body = json!({ "username": user, "password": "planted-bank-password" });
        let made = post(&hub, &ours, &path, body).await;
        assert_eq!((made.status, &made.body["label"]), (StatusCode::CREATED, &json!(user)), "{}", made.text);
        assert_eq!(made.body["devices"], json!([ours.device]));
    }
    let bad = post(&hub, &ours, &path, json!({ "username": "", "password": "p", "label": " " })).await;
    let fields: Vec<_> = bad.body["errors"].as_array().unwrap().iter().map(|fault| &fault["field"]).collect();
    assert_eq!(fields, [&json!("label"), &json!("username")]);

    let items = hub.found(&ours, vec![locked("a")]).await;
    let nothing = post(&hub, &ours, "/discoveries/try", json!({ "ids": [items[0]["id"]] })).await;
    assert_eq!(nothing.body["errors"][0]["field"], "credentials");
    let body = json!({ "ids": [items[0]["id"]], "bank": true,
        "credentials": [{ "username": "third", "password": "planted-try-password" }] });
    let tried = post(&hub, &ours, "/discoveries/try", body).await;
    assert_eq!(tried.body["items"][0]["username"], "second", "{}", tried.text);
    let order: Vec<_> = orders.lock().unwrap()[0].iter().map(|one| one.username.clone()).collect();
    assert_eq!(order, ["third", "first", "second"]);

    let viewer = hub.token(&ours.admin, &["read", "play"]).await;
    assert_eq!(hub.call(As::Token(&viewer), Method::GET, &path, None).await.status, StatusCode::FORBIDDEN);
    let mut said = String::new();
    for path in [path.as_str(), "/discoveries", "/audit", "/cameras"] {
        said += &hub.call(As::Console(&ours.admin), Method::GET, path, None).await.text;
    }
    assert!(said.contains("second") && !said.contains("planted-"), "{said}");
    for entry in std::fs::read_dir(hub.dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"planted-"), "a password lies open");
    }
}

#[tokio::test]
async fn a_device_that_does_not_answer_is_told_for_each_of_its_cameras() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let items = hub.found(&ours, vec![locked("a"), locked("b")]).await;
    hub.devices.hang_up(ours.device).await;
    let path = format!("/devices/{}", ours.device);
    eventually(|| async {
        hub.call(As::Token(&ours.token), Method::GET, &path, None).await.body["online"] == false
    })
    .await;
    let ids: Vec<_> = items.iter().map(|item| item["id"].clone()).collect();
    let body = json!({ "ids": ids, "credentials": [{ "username": "a", "password": "b" }] });
    let tried = post(&hub, &ours, "/discoveries/try", body).await;
    assert_eq!(tried.status, StatusCode::OK);
    for item in tried.body["items"].as_array().unwrap() {
        assert_eq!(
            (&item["opened"], &item["text"]),
            (&json!(false), &json!("the appliance is not connected"))
        );
    }
    assert!(hub.store.all_credentials(ours.id).await.unwrap().is_empty());
    assert_eq!(list(&hub, &ours, "").await.len(), 2, "what it found stays");
}

#[tokio::test]
async fn a_password_that_may_have_opened_a_camera_is_not_forgotten() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let items = hub.found(&ours, vec![locked("a")]).await;
    hub.devices.obey(ours.device, |_| {
        let text = "it took too long".into();
        Some(Outcome::Failed(Failure { code: FailureCode::Unreachable, text }))
    });
    let body =
        json!({ "ids": [items[0]["id"]], "credentials": [{ "username": "admin", "password": "right" }] });
    let tried = post(&hub, &ours, "/discoveries/try", body).await;
    assert_eq!(tried.body["items"][0]["text"], "it took too long");
    let credential = hub.store.all_credentials(ours.id).await.unwrap().remove(0).id;
    let late = FoundCamera { credential, ..found("a", 0) };
    let items = hub.found(&ours, vec![FoundCamera { last_seen: UnixMillis(3_000), ..late }]).await;
    let accepted =
        post(&hub, &ours, "/discoveries/accept", json!({ "items": [{ "id": items[0]["id"] }] })).await;
    assert!(accepted.body["items"][0]["camera_id"].is_string(), "{}", accepted.text);
}

#[tokio::test]
async fn what_nobody_wants_is_marked_until_it_is_shown_again() {
    let (hub, ours) = TestHub::with_tenant().await;
    let items = hub.found(&ours, vec![found("a", 0), found("a", 1)]).await;
    let ignore = |ignored| json!({ "ids": [items[1]["id"]], "ignored": ignored });
    assert_eq!(post(&hub, &ours, "/discoveries/ignore", ignore(true)).await.status, StatusCode::NO_CONTENT);
    let marks = async || {
        let items = list(&hub, &ours, "").await;
        items.iter().map(|item| item["ignored"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(marks().await, [false, true]);
    post(&hub, &ours, "/discoveries/ignore", ignore(false)).await;
    assert_eq!(marks().await, [false, false]);
    let bad = post(&hub, &ours, "/discoveries/ignore", json!({ "ids": ["x"], "ignored": true })).await;
    assert_eq!(bad.body["type"], "discovery-unknown");
}
