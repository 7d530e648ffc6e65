use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use sluice_wire::control::FoundCamera;

use crate::hub::{As, Tenant, TestHub, camera_body};

/// Everything of one tenant that another may try to reach.
struct Theirs {
    camera: String,
    site: String,
    device: String,
    session: String,
    user: String,
    token: String,
    find: String,
    credential: String,
}

async fn theirs(hub: &TestHub, tenant: &Tenant) -> Theirs {
    let camera = hub.camera(tenant, "hidden-name").await;
    let played =
        hub.call(As::Token(&tenant.token), Method::POST, &format!("/streams/{camera}/start"), None).await;
    let first = async |path: &str| {
        let list = hub.call(As::Token(&tenant.token), Method::GET, path, None).await.body;
        list["items"][0]["id"].as_str().unwrap().to_owned()
    };
    let found =
        FoundCamera { key: "hidden-key".into(), name: "hidden-name".into(), ..FoundCamera::default() };
    let find = hub.found(tenant, vec![found]).await[0]["id"].as_str().unwrap().to_owned();
    let credential = json!({ "label": "hidden-name", "username": "a", "password": "b" });
    let path = format!("/sites/{}/credentials", tenant.site);
    let kept = hub.call(As::Token(&tenant.token), Method::POST, &path, Some(credential)).await;
    Theirs {
        find,
        credential: kept.body["id"].as_str().unwrap().to_owned(),
        session: played.body["session_id"].as_str().unwrap().to_owned(),
        user: first("/users").await,
        token: first("/tokens").await,
        site: tenant.site.to_string(),
        device: tenant.device.to_string(),
        camera,
    }
}

/// What a route is sent: the other tenant's ids wherever ids go.
fn body(path: &str, theirs: &Theirs, ours: &Tenant) -> Option<Value> {
    Some(match path {
        "/play" => json!({ "cameras": [{ "id": theirs.camera }] }),
        "/policy/explain" => json!({ "camera_id": theirs.camera }),
        "/sessions/renew" | "/sessions/close" => json!({ "session_ids": [theirs.session] }),
        "/sessions" => json!({ "sessions": [{ "id": theirs.session, "visible": false }] }),
        "/cameras" => {
            let mut body = camera_body(ours, "stolen");
            body["site_id"] = json!(theirs.site);
            body["via"] = json!(theirs.device);
            body
        }
        "/discoveries/search" => json!({ "device_id": theirs.device }),
        "/discoveries/try" => {
            json!({ "ids": [theirs.find], "credentials": [{ "username": "a", "password": "b" }], "bank": true })
        }
        "/discoveries/accept" => json!({ "items": [{ "id": theirs.find }] }),
        "/discoveries/ignore" => json!({ "ids": [theirs.find], "ignored": true }),
        "/sites/{id}/credentials" => json!({ "label": "x", "username": "a", "password": "b" }),
        "/cameras/{id}/ptz" => json!({ "stop": true }),
        "/cameras/{id}/presets" => json!({ "name": "x" }),
        "/cameras/{id}/advice/apply" => json!({ "tier": "main", "code": "gop-long" }),
        "/cameras/{id}/advice/undo" => json!({ "tier": "main" }),
        "/sites" | "/sites/{id}" => json!({ "name": "renamed" }),
        "/devices/{id}" | "/cameras/{id}" => json!({ "name": "renamed" }),
        "/users" => json!({ "name": "new-one", "password": "long enough", "role": "viewer" }),
        "/users/{id}" => json!({ "role": "viewer" }),
        "/tokens" => json!({ "name": "mine", "scopes": ["read"] }),
        "/origins" => json!({ "origins": [] }),
        "/login" => json!({ "user": "x", "password": "y" }),
        path if path.ends_with("/qoe") => json!({ "startup_time_ms": 1 }),
        _ => return None,
    })
}

#[tokio::test]
async fn no_route_gives_one_tenant_anything_of_another() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let other = hub.tenant("theirs").await;
    let theirs = theirs(&hub, &other).await;
    let before =
        hub.call(As::Token(&other.token), Method::GET, &format!("/cameras/{}", theirs.camera), None).await;

    let document: Value = serde_json::from_str(&sluice_hub_api::openapi().to_json().unwrap()).unwrap();
    let mut walked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let method: Method = method.to_uppercase().parse().unwrap();
            if path == "/events" || path == "/logout" {
                continue; // Events have a test of their own.
            }
            let id = match path.split('/').nth(1).unwrap() {
                "cameras" | "streams" => &theirs.camera,
                "sites" => &theirs.site,
                "devices" => &theirs.device,
                "sessions" => &theirs.session,
                "users" => &theirs.user,
                "tokens" => &theirs.token,
                _ => "",
            };
            let target = path
                .replace("{id}", id)
                .replace("{camera_id}", id)
                .replace("{credential_id}", &theirs.credential)
                .replace("{token}", "1");
            let sent = (method != Method::GET).then(|| body(path, &theirs, &ours)).flatten();
            let answer = hub.call(As::Token(&ours.token), method.clone(), &target, sent).await;
            let what = format!("{method} {path}: {} {}", answer.status, answer.text);
            if path.contains('{') {
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}");
            }
            match path.as_str() {
                "/play" => assert_eq!(answer.body["items"][0]["problem"]["type"], "camera-unknown", "{what}"),
                "/sessions/renew" | "/sessions/close" => {
                    assert_eq!(answer.body["items"][0]["problem"]["type"], "session-unknown", "{what}");
                }
                "/sessions" if method == Method::PATCH => {
                    assert_eq!(answer.body["items"][0]["problem"]["type"], "session-unknown", "{what}");
                }
                "/policy/explain" | "/discoveries/search" | "/discoveries/ignore" => {
                    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}");
                }
                "/discoveries/try" => assert_eq!(answer.body["items"][0]["opened"], false, "{what}"),
                "/discoveries/accept" => {
                    assert_eq!(answer.body["items"][0]["problem"]["type"], "discovery-unknown", "{what}");
                }
                "/cameras" if method == Method::POST => {
                    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
                }
                _ => {}
            }
            if method == Method::GET {
                let names = ["hidden-name", "site of theirs", "box of theirs", "admin-theirs"];
                let ids = [
                    &theirs.find,
                    &theirs.credential,
                    &theirs.camera,
                    &theirs.site,
                    &theirs.device,
                    &theirs.session,
                    &theirs.user,
                    &theirs.token,
                ];
                assert!(!names.iter().any(|name| answer.text.contains(name)), "{what}");
                assert!(!ids.iter().any(|id| answer.text.contains(id.as_str())), "{what}");
            }
            walked += 1;
        }
    }
    assert!(walked > 55, "{walked} routes were walked");
    let after =
        hub.call(As::Token(&other.token), Method::GET, &format!("/cameras/{}", theirs.camera), None).await;
    assert_eq!(before.body["name"], after.body["name"]);
    let alive = hub.call(As::Token(&other.token), Method::GET, "/sessions", None).await;
    assert_eq!(alive.body["items"][0]["id"], theirs.session.as_str(), "their session goes on");
}

#[tokio::test]
async fn no_route_but_the_public_ones_answers_nobody() {
    let (hub, _ours) = TestHub::with_tenant().await;
    let document: Value = serde_json::from_str(&sluice_hub_api::openapi().to_json().unwrap()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            if ["/time", "/login"].contains(&path.as_str()) {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            let answer = hub
                .call(
                    As::Nobody,
                    method.clone(),
                    &path.replace("{id}", "x").replace("{camera_id}", "x"),
                    None,
                )
                .await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}: {}", answer.text);
            let forged = As::Token("slt_0000000000000000000000000000000000000000000000000000000000000000");
            let answer = hub
                .call(forged, method.clone(), &path.replace("{id}", "x").replace("{camera_id}", "x"), None)
                .await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}: {}", answer.text);
        }
    }
}
