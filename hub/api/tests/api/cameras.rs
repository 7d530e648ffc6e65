use axum::http::{Method, StatusCode};
use serde_json::json;
use sluice_hub_store::NewDevice;
use sluice_ids::{DeviceId, Tier};
use sluice_runtime::uuid_v7;
use sluice_wire::control::CameraReport;

use crate::hub::{As, TestHub, camera_body, eventually, tier};

#[tokio::test]
async fn a_camera_reaches_its_device_with_its_password_sealed() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let mut body = camera_body(&ours, "gate");
    body["source"] = json!({ "type": "rtsp", "tiers": [{ "tier": "main", "url": "rtsp://admin:p%40ss@10.0.0.2:8554/1" }] });
    let added = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(body)).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
    let id = added.body["id"].as_str().unwrap().to_owned();
    assert_eq!(added.headers["location"], format!("/api/v1/cameras/{id}"));
    let source = json!({ "type": "rtsp", "tiers": [{ "tier": "main", "url": "rtsp://10.0.0.2:8554/1" }],
        "address": null, "channel": null, "username": "admin", "has_password": true });
    assert_eq!(added.body["source"], source);
    assert_eq!((&added.body["enabled"], &added.body["warm"]), (&json!(true), &json!("sub")));

    let desired = loop {
        let desired = hub.devices.desired(ours.device).await.unwrap();
        if !desired.cameras.is_empty() {
            break desired;
        }
    };
    let camera = &desired.cameras[0];
    assert_eq!((camera.name.as_str(), camera.username.as_str()), ("gate", "admin"));
    assert_eq!(camera.tiers[0].url, "rtsp://10.0.0.2:8554/1");
    let opened = ours.seal.open(id.as_bytes(), &camera.sealed_password).unwrap();
    assert_eq!(opened, b"p@ss");
}

#[tokio::test]
async fn a_camera_beside_the_hub_is_pulled_by_the_node_with_its_password_sealed_to_it() {
    let (hub, ours) = TestHub::with_tenant().await;
    let mut pulls = hub.fleet.pulls();
    let mut body = camera_body(&ours, "beside");
    body["via"] = json!("node");
    let made = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(body)).await;
    assert_eq!((made.status, &made.body["via"]), (StatusCode::CREATED, &json!("node")), "{}", made.text);
    let id = made.body["id"].as_str().unwrap().to_owned();
    let wanted =
        tokio::time::timeout(std::time::Duration::from_secs(5), pulls.wait_for(|all| !all.is_empty()));
    let camera = wanted.await.unwrap().unwrap()[0].clone();
    assert_eq!((camera.camera_id.to_string(), camera.tiers.len()), (id.clone(), 2));
    let opened = hub.devices.node_seal.open(id.as_bytes(), &camera.sealed_password).unwrap();
    assert_eq!(opened, b"planted-camera-password");

    let tiers = vec![tier(Tier::Main, 1_920, 1_080), tier(Tier::Sub, 640, 360)];
    hub.fleet.node_reported(vec![CameraReport::new(camera.camera_id, tiers)]).await;
    let path = format!("/cameras/{id}");
    eventually(|| async {
        let shown = hub.call(As::Token(&ours.token), Method::GET, &path, None).await.body;
        shown["state"]["code"] == "ready" && shown["tiers"][0]["codec"] == "avc1.42c01f"
    })
    .await;
    let item = hub.play(As::Token(&ours.token), &[&id]).await.body["items"][0].clone();
    let why: Vec<_> = item["why"].as_array().unwrap().iter().map(|why| &why["code"]).collect();
    assert!(item["token"].is_string() && why.contains(&&json!("path-node")), "{item}");

    let moved = json!({ "via": ours.device });
    let refused = hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(moved)).await;
    assert_eq!(refused.body["errors"][0]["field"], "source.password", "{}", refused.text);
    let gone = hub.call(As::Token(&ours.token), Method::DELETE, &path, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    let wanted =
        tokio::time::timeout(std::time::Duration::from_secs(5), pulls.wait_for(|all| all.is_empty()));
    assert!(wanted.await.unwrap().is_ok());
}

#[tokio::test]
async fn every_fault_of_a_new_camera_is_named_at_once() {
    let (hub, ours) = TestHub::with_tenant().await;
    let body = json!({
        "name": " ", "site_id": "site_1", "via": "box", "warm": "hot", "linger_s": -1,
        "source": { "type": "rtsp", "tiers": [{ "tier": "main", "url": "http://x/" }] },
    });
    let answer = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(body)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let faults = answer.body["errors"].as_array().unwrap();
    let fields: Vec<_> = faults.iter().map(|fault| fault["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["name", "warm", "linger_s", "source.tiers[0].url", "site_id", "via"]);

    let mut file = camera_body(&ours, "gate");
    file["source"]["type"] = json!("http_file");
    let answer = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(file)).await;
    assert_eq!(answer.body["errors"][0]["code"], "source-type-unsupported");
    let mut extra = camera_body(&ours, "gate");
    extra["source"]["pasword"] = json!("x");
    let answer = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(extra)).await;
    assert_eq!((&answer.body["errors"][0]["field"], answer.status.as_u16()), (&json!("source.pasword"), 422));
}

#[tokio::test]
async fn a_password_waits_for_a_device_that_has_told_its_key() {
    let (hub, ours) = TestHub::with_tenant().await;
    let id = DeviceId::from_uuid(uuid_v7(&hub.clock));
    let silent = NewDevice { id, site: ours.site, name: "silent".into(), seal_public_key: None };
    hub.store.create_device(ours.id, silent).await.unwrap();
    let mut body = camera_body(&ours, "gate");
    body["via"] = json!(id);
    let answer = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(body.clone())).await;
    assert_eq!((answer.status, &answer.body["type"]), (StatusCode::CONFLICT, &json!("device-without-key")));
    body["source"].as_object_mut().unwrap().remove("password");
    let answer = hub.call(As::Token(&ours.token), Method::POST, "/cameras", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_camera_is_changed_in_parts_and_removed() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let path = format!("/cameras/{camera}");
    let patch = async |body: serde_json::Value| {
        hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(body)).await
    };
    let renamed = patch(json!({ "name": "Main gate", "warm": "all", "linger_s": 2.5 })).await;
    assert_eq!((&renamed.body["name"], &renamed.body["warm"]), (&json!("Main gate"), &json!("all")));
    assert_eq!(
        (&renamed.body["linger_s"], &renamed.body["source"]["has_password"]),
        (&json!(2.5), &json!(true))
    );

    // The same machine keeps its password; another does not get it by accident.
    let same = json!({ "source": { "type": "rtsp", "username": "edge", "tiers": [{ "tier": "sub", "url": "rtsp://10.0.0.2/x" }] } });
    let moved = patch(same).await;
    assert_eq!(
        (&moved.body["source"]["has_password"], moved.body["tiers"].as_array().unwrap().len()),
        (&json!(true), 1)
    );
    let other = json!({ "source": { "type": "rtsp", "username": "edge", "tiers": [{ "tier": "sub", "url": "rtsp://10.0.0.3/x" }] } });
    assert_eq!(patch(other).await.body["source"]["has_password"], false);

    let gone = hub.call(As::Token(&ours.token), Method::DELETE, &path, None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(
        hub.call(As::Token(&ours.token), Method::DELETE, &path, None).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(patch(json!({})).await.status, StatusCode::NOT_FOUND);
    let list = hub.call(As::Token(&ours.token), Method::GET, "/cameras", None).await;
    assert_eq!(list.body["items"], json!([]));
}

#[tokio::test]
async fn a_camera_that_changes_its_device_needs_its_password_again() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let id = DeviceId::from_uuid(uuid_v7(&hub.clock));
    let key = sluice_trust::seal::Keypair::generate();
    let second = NewDevice {
        id,
        site: ours.site,
        name: "second".into(),
        seal_public_key: Some(key.public().to_vec()),
    };
    hub.store.create_device(ours.id, second).await.unwrap();
    let path = format!("/cameras/{camera}");
    let moved = hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(json!({ "via": id }))).await;
    assert_eq!((moved.status.as_u16(), &moved.body["errors"][0]["field"]), (422, &json!("source.password")));
    let mut body = json!({ "via": id });
    body["source"] = camera_body(&ours, "x")["source"].clone();
    let moved = hub.call(As::Token(&ours.token), Method::PATCH, &path, Some(body)).await;
    assert_eq!((moved.status, &moved.body["via"]), (StatusCode::OK, &json!(id)));
    let kept =
        hub.store.camera(ours.id, camera.parse().unwrap()).await.unwrap().unwrap().sealed_password.unwrap();
    assert_eq!(key.open(camera.as_bytes(), &kept).unwrap(), b"planted-camera-password");
}

#[tokio::test]
async fn sites_and_devices_that_are_in_use_stay() {
    let (hub, ours) = TestHub::with_tenant().await;
    hub.camera(&ours, "gate").await;
    let call =
        async |method: Method, path: &str, body| hub.call(As::Token(&ours.token), method, path, body).await;
    let (site, device) = (format!("/sites/{}", ours.site), format!("/devices/{}", ours.device));
    assert_eq!(call(Method::DELETE, &site, None).await.body["type"], "site-in-use");
    assert_eq!(call(Method::DELETE, &device, None).await.body["type"], "device-in-use");
    assert_eq!(call(Method::PATCH, &site, Some(json!({ "name": "Dock" }))).await.body["name"], "Dock");
    assert_eq!(call(Method::PATCH, &device, Some(json!({ "name": "Box" }))).await.body["name"], "Box");
    assert_eq!(call(Method::GET, &device, None).await.body["online"], true);
    let revoked = call(Method::PATCH, &device, Some(json!({ "revoked": true }))).await;
    assert_eq!(revoked.body["revoked"], true);
    eventually(|| async { call(Method::GET, &device, None).await.body["online"] == false }).await;
    let back = call(Method::PATCH, &device, Some(json!({ "revoked": false }))).await;
    assert_eq!(back.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(call(Method::GET, "/nodes", None).await.status, StatusCode::OK);
}
