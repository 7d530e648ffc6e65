use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::hub::{As, TestHub, eventually, request};

#[tokio::test]
async fn a_token_does_what_its_scopes_say() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let (play, read) = (hub.token(&ours.admin, &["play"]).await, hub.token(&ours.admin, &["read"]).await);
    let site = json!({ "name": "new" });
    let cases = [
        (&play, Method::GET, "/cameras", None, StatusCode::FORBIDDEN),
        (&read, Method::GET, "/cameras", None, StatusCode::OK),
        (&read, Method::POST, "/sites", Some(site.clone()), StatusCode::FORBIDDEN),
        (&read, Method::GET, "/users", None, StatusCode::FORBIDDEN),
        (&read, Method::GET, "/audit", None, StatusCode::FORBIDDEN),
        (&ours.token, Method::POST, "/sites", Some(site), StatusCode::CREATED),
        (&ours.token, Method::GET, "/audit", None, StatusCode::OK),
    ];
    for (token, method, path, body, status) in cases {
        let answer = hub.call(As::Token(token), method, path, body).await;
        assert_eq!(answer.status, status, "{path} {}", answer.text);
    }
    assert_eq!(hub.play(As::Token(&play), &[&camera]).await.status, StatusCode::OK);
    assert_eq!(hub.play(As::Token(&read), &[&camera]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn roles_do_what_they_say() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let mut logins = Vec::new();
    for role in ["viewer", "operator", "auditor"] {
        let body = json!({ "name": role, "password": "long enough", "role": role });
        assert_eq!(hub.call(As::Console(&ours.admin), Method::POST, "/users", Some(body)).await.status, 201);
        logins.push(hub.login(role, "long enough").await);
    }
    let [viewer, operator, auditor] = logins.try_into().unwrap();
    let cases = [
        (&viewer, Method::GET, "/cameras", 200),
        (&viewer, Method::GET, "/audit", 403),
        (&viewer, Method::GET, "/users", 403),
        (&operator, Method::GET, "/nodes", 200),
        (&operator, Method::GET, "/tokens", 403),
        (&auditor, Method::GET, "/audit", 200),
    ];
    for (login, method, path, status) in cases {
        assert_eq!(hub.call(As::Console(login), method, path, None).await.status, status, "{path}");
    }
    assert_eq!(hub.play(As::Console(&viewer), &[&camera]).await.status, 200);
    assert_eq!(hub.play(As::Console(&auditor), &[&camera]).await.status, 403);
    let site = Some(json!({ "name": "x" }));
    assert_eq!(hub.call(As::Console(&viewer), Method::POST, "/sites", site.clone()).await.status, 403);
    assert_eq!(hub.call(As::Console(&operator), Method::POST, "/sites", site).await.status, 201);
    // Only who may change cameras sees where their pictures come from.
    let path = format!("/cameras/{camera}");
    assert_eq!(hub.call(As::Console(&viewer), Method::GET, &path, None).await.body["source"], Value::Null);
    let source = hub.call(As::Console(&operator), Method::GET, &path, None).await.body["source"].clone();
    assert_eq!((&source["username"], &source["has_password"]), (&json!("edge"), &json!(true)));
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_and_its_sessions_end() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let made = json!({ "name": "wall", "scopes": ["play"] });
    let made = hub.call(As::Console(&ours.admin), Method::POST, "/tokens", Some(made)).await;
    let (id, secret) = (made.body["id"].as_str().unwrap(), made.body["token"].as_str().unwrap());
    let played = hub.play(As::Token(secret), &[&camera]).await;
    let session = played.body["items"][0]["session_id"].as_str().unwrap().to_owned();
    let revoked = hub.call(As::Console(&ours.admin), Method::DELETE, &format!("/tokens/{id}"), None).await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    assert_eq!(hub.play(As::Token(secret), &[&camera]).await.status, StatusCode::UNAUTHORIZED);
    let ended = hub.order(|order| match order {
        sluice_wire::node::ToNode::Revoke { session } => Some(session.to_string()),
        _ => None,
    });
    assert_eq!(ended.await, session);
}

#[tokio::test]
async fn a_token_is_shown_once_and_found_in_no_list() {
    let (hub, ours) = TestHub::with_tenant().await;
    let list = hub.call(As::Token(&ours.token), Method::GET, "/tokens", None).await;
    assert_eq!(list.body["items"][0]["scopes"], json!(["play", "read", "admin", "ptz"]));
    assert!(!list.text.contains(&ours.token));
    for bad in [json!({ "name": "x", "scopes": [] }), json!({ "name": "x", "scopes": ["root"] })] {
        let answer = hub.call(As::Token(&ours.token), Method::POST, "/tokens", Some(bad)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let past = json!({ "name": "x", "scopes": ["read"], "expires_at": 1_000 });
    let answer = hub.call(As::Token(&ours.token), Method::POST, "/tokens", Some(past)).await;
    assert_eq!(answer.body["errors"][0]["field"], "expires_at");
}

#[tokio::test]
async fn an_idempotency_key_makes_a_change_once() {
    let (hub, ours) = TestHub::with_tenant().await;
    let send = async |key: &str, name: &str| {
        let mut request =
            request(As::Token(&ours.token), Method::POST, "/sites", Some(json!({ "name": name })));
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        hub.send(request).await
    };
    let (first, second) = (send("one", "Dock").await, send("one", "Dock").await);
    assert_eq!((first.status, &first.text), (StatusCode::CREATED, &second.text));
    assert_eq!(second.headers["idempotency-replayed"], "true");
    let other = send("one", "Yard").await;
    assert_eq!(
        (other.status, &other.body["type"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency-key-reused"))
    );
    let sites = hub.call(As::Token(&ours.token), Method::GET, "/sites", None).await;
    assert_eq!(sites.body["items"].as_array().unwrap().len(), 2);
    // A refusal is an answer too.
    let (bad, again) = (send("two", "").await, send("two", "").await);
    assert_eq!((bad.status, &bad.text), (StatusCode::UNPROCESSABLE_ENTITY, &again.text));
    assert_eq!(again.headers["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_kept_answer_is_not_readable_in_the_store() {
    let (hub, ours) = TestHub::with_tenant().await;
    let body = json!({ "name": "wall", "scopes": ["play"] });
    let mut request = request(As::Token(&ours.token), Method::POST, "/tokens", Some(body));
    request.headers_mut().insert("idempotency-key", "k-1".parse().unwrap());
    let secret = hub.send(request).await.body["token"].as_str().unwrap().to_owned();
    let bytes = std::fs::read(hub.dir.path().join("hub.db-wal")).unwrap();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
}

#[tokio::test]
async fn only_the_tenants_own_origins_are_let_in_and_each_exactly() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let theirs = hub.tenant("theirs").await;
    let allow = json!({ "origins": ["https://psim.example"] });
    let set = hub.call(As::Token(&ours.token), Method::PATCH, "/origins", Some(allow)).await;
    assert_eq!(set.status, StatusCode::OK);
    let ask = async |token: &str, origin: &str| {
        let mut request = request(As::Token(token), Method::GET, "/cameras", None);
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let answer = hub.send(request).await;
        assert_eq!(answer.headers["vary"], "origin");
        answer.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned())
    };
    let psim = "https://psim.example".to_owned();
    eventually(|| async { ask(&ours.token, "https://psim.example").await == Some(psim.clone()) }).await;
    assert_eq!(ask(&ours.token, "https://evil.example").await, None);
    assert_eq!(ask(&ours.token, "https://psim.example.evil").await, None);
    assert_eq!(
        ask(&theirs.token, "https://psim.example").await,
        None,
        "another tenant's data is not for this page"
    );

    let mut preflight = request(As::Nobody, Method::OPTIONS, "/play", None);
    preflight.headers_mut().insert("origin", "https://psim.example".parse().unwrap());
    preflight.headers_mut().insert("access-control-request-method", "POST".parse().unwrap());
    let answer = hub.send(preflight).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.headers["access-control-allow-origin"], "https://psim.example");
    assert_eq!(answer.headers["access-control-max-age"], "7200");
    assert!(answer.headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn what_is_done_stands_in_the_audit() {
    let (hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let body = json!({ "cameras": [{ "id": camera }], "on_behalf_of": "operator-7" });
    hub.call(As::Token(&ours.token), Method::POST, "/play", Some(body)).await;
    let audit = hub.call(As::Token(&ours.token), Method::GET, "/audit?limit=2", None).await;
    let newest = &audit.body["items"][0];
    assert_eq!(
        (&newest["action"], &newest["target"], &newest["outcome"]),
        (&json!("play"), &json!(camera), &json!("ok"))
    );
    assert_eq!(newest["detail"]["on_behalf_of"], "operator-7");
    assert!(newest["actor"].as_str().unwrap().starts_with("tok_"));
    let next = audit.body["next"].as_str().unwrap();
    let older =
        hub.call(As::Token(&ours.token), Method::GET, &format!("/audit?limit=50&cursor={next}"), None).await;
    let actions: Vec<_> =
        older.body["items"].as_array().unwrap().iter().map(|row| row["action"].clone()).collect();
    assert_eq!(actions.last(), Some(&json!("login")));
    assert!(hub.store.verify_audit(ours.id).await.unwrap().is_ok());
}
