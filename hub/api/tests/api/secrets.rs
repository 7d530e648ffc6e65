use axum::http::Method;
use serde_json::json;

use crate::hub::{As, PASSWORD, TestHub};

#[tokio::test]
async fn no_secret_that_came_in_goes_out_or_lies_open() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let played = hub.play(As::Token(&ours.token), &[&camera]).await.body;
    let source = json!({ "source": { "type": "rtsp", "username": "edge", "password": "planted-second-password",
        "tiers": [{ "tier": "sub", "url": "rtsp://10.0.0.2/sub" }] } });
    hub.call(As::Token(&ours.token), Method::PATCH, &format!("/cameras/{camera}"), Some(source)).await;
    let token = played["items"][0]["token"].as_str().unwrap();
    let cookie = ours.admin.cookie.split_once('=').unwrap().1;
    let planted =
        ["planted-camera-password", "planted-second-password", PASSWORD, &ours.token, token, cookie];

    let mut said = String::new();
    for path in
        ["/cameras", "/devices", "/sites", "/users", "/tokens", "/sessions", "/audit", "/nodes", "/me"]
    {
        said += &hub.call(As::Console(&ours.admin), Method::GET, path, None).await.text;
    }
    said += &hub.call(As::Token(&ours.token), Method::GET, &format!("/cameras/{camera}"), None).await.text;
    for secret in planted {
        assert!(!said.contains(secret), "the API shows {secret}");
    }
    for entry in std::fs::read_dir(hub.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for secret in planted {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", path.display());
        }
    }
}
