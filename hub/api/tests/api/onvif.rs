use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_ids::UnixMillis;
use sluice_wire::control::{Action, Found, FoundCamera, Outcome, Tried};
use tokio::sync::mpsc;

use crate::{
    discoveries::{found, locked},
    hub::{As, Tenant, TestHub},
};

fn body(ours: &Tenant, address: &str, password: &str) -> Value {
    json!({
        "name": "by hand", "site_id": ours.site, "via": ours.device,
        "source": { "type": "onvif", "address": address, "username": "admin", "password": password },
    })
}

/// A device whose camera opens to this password; what it was ordered.
fn obeys(hub: &mut TestHub, ours: &Tenant, password: &'static str) -> mpsc::Receiver<Action> {
    let (orders, heard) = mpsc::channel(16);
    let seal = ours.seal.clone();
    hub.devices.obey(ours.device, move |action| {
        let _ = orders.try_send(action.clone());
        let Action::Try { keys, credentials } = action else { return Some(Outcome::Done) };
        let offered = credentials.into_iter().next()?;
        let opens =
            seal.open(offered.id.as_bytes(), &offered.sealed_password).unwrap() == password.as_bytes();
        let (credential, text) = if opens {
            (offered.id, String::new())
        } else {
            (String::new(), "it refused the password".to_owned())
        };
        let tried = |key| Tried { key, credential: credential.clone(), text: text.clone() };
        Some(Outcome::Tried(keys.into_iter().map(tried).collect()))
    });
    heard
}

#[tokio::test]
async fn a_camera_is_added_by_its_onvif_address_once_its_device_understands_it() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let mut heard = obeys(&mut hub, &ours, "planted-onvif-password");
    hub.found(&ours, vec![FoundCamera { xaddr: "http://10.0.0.8/".into(), ..found("other", 0) }]).await;
    let asked = body(&ours, "10.0.0.9:8080", "planted-onvif-password");
    let added = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(asked.clone()));
    let say = async |cameras| hub.devices.found(ours.device, Found { cameras, ..Found::default() }).await;
    let device = async {
        let search = heard.recv().await.unwrap();
        let addresses = vec!["10.0.0.9:8080".to_owned()];
        assert_eq!(search, Action::Search { ranges: Vec::new(), addresses });
        say(vec![locked("a")]).await;
        assert!(matches!(heard.recv().await, Some(Action::Try { keys, .. }) if keys == ["a"]));
        say(vec![FoundCamera { last_seen: UnixMillis(3_000), ..found("a", 0) }]).await;
    };
    let (added, ()) = tokio::join!(added, device);
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
    assert_eq!((&added.body["name"], &added.body["source"]["type"]), (&json!("by hand"), &json!("onvif")));
    assert_eq!(added.body["source"]["tiers"][0]["url"], "rtsp://10.0.0.9:554/0/main");
    let id = added.body["id"].as_str().unwrap();
    let kept = hub.store.camera(ours.id, id.parse().unwrap()).await.unwrap().unwrap();
    let password = ours.seal.open(id.as_bytes(), &kept.sealed_password.unwrap()).unwrap();
    assert_eq!((password.as_slice(), kept.sealed_as.as_str()), (&b"planted-onvif-password"[..], ""));

    let twice = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(asked)).await;
    assert_eq!((twice.status, &twice.body["type"]), (StatusCode::CONFLICT, &json!("camera-exists")));

    // Another user name goes to the same machine, another machine needs the password again.
    let patch = async |source: Value| {
        let path = format!("/cameras/{id}");
        hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(json!({ "source": source }))).await
    };
    let again =
        patch(json!({ "type": "onvif", "username": "admin", "password": "planted-new-password" })).await;
    assert_eq!(again.body["tiers"].as_array().unwrap().len(), 2, "{}", again.text);
    let kept = hub.store.camera(ours.id, id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(
        ours.seal.open(id.as_bytes(), &kept.sealed_password.unwrap()).unwrap(),
        b"planted-new-password"
    );
    let moved = patch(json!({ "type": "onvif", "address": "10.0.0.77", "username": "admin" })).await;
    let source = &moved.body["source"];
    assert_eq!((&source["address"], &source["has_password"]), (&json!("10.0.0.77"), &json!(false)));
}

#[tokio::test]
async fn a_password_that_does_not_open_it_is_told_at_its_field() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let _heard = obeys(&mut hub, &ours, "right");
    hub.found(&ours, vec![locked("a")]).await;
    let refused = hub
        .call(As::Token(&ours.token), Method::POST, "/cameras", Some(body(&ours, "10.0.0.9", "wrong")))
        .await;
    let fault = json!({ "field": "source.password", "code": "refused", "text": "it refused the password" });
    assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]), (422, &fault), "{}", refused.text);
    let mut open = body(&ours, "10.0.0.9", "");
    open["source"]["username"] = Value::Null;
    let asks = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(open)).await;
    assert_eq!(asks.body["errors"][0]["field"], "source.username", "{}", asks.text);

    let mut node = body(&ours, "10.0.0.9", "right");
    node["via"] = json!("node");
    node["source"]["address"] = Value::Null;
    let node = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(node)).await;
    let fields: Vec<_> =
        node.body["errors"].as_array().unwrap().iter().map(|fault| &fault["field"]).collect();
    assert_eq!(fields, ["source.address", "via"]);
    assert!(
        hub.store.cameras(ours.id, None, sluice_hub_store::PageOf::first(9)).await.unwrap().items.is_empty()
    );
}
