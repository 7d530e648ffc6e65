use axum::{
    body::Body,
    http::{Method, Request, StatusCode},
};
use serde_json::json;

use crate::hub::{Answer, As, TestHub};

fn is_problem(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.body["type"], code, "{}", answer.text);
    assert_eq!(answer.body["status"], status.as_u16());
    assert!(answer.body["title"].is_string() && answer.body["detail"].is_string());
}

#[tokio::test]
async fn every_failure_has_the_same_envelope() {
    let (hub, ours) = TestHub::with_tenant().await;
    let token = As::Token(&ours.token);
    let unknown = hub.call(token, Method::GET, "/nonsense", None).await;
    is_problem(&unknown, StatusCode::NOT_FOUND, "route-unknown");
    let method = hub.call(token, Method::PUT, "/cameras", Some(json!({}))).await;
    is_problem(&method, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
    assert!(method.headers["allow"].to_str().unwrap().contains("POST"));
    let nobody = hub.call(As::Nobody, Method::GET, "/cameras", None).await;
    is_problem(&nobody, StatusCode::UNAUTHORIZED, "unauthenticated");
    assert_eq!(nobody.headers["www-authenticate"], "Bearer");
    let query = hub.call(token, Method::GET, "/cameras?limit=none", None).await;
    is_problem(&query, StatusCode::UNPROCESSABLE_ENTITY, "validation-failed");
    let limit = hub.call(token, Method::GET, "/cameras?limit=0", None).await;
    is_problem(&limit, StatusCode::UNPROCESSABLE_ENTITY, "validation-failed");
    let path = hub.call(token, Method::GET, "/cameras/%ff", None).await;
    is_problem(&path, StatusCode::BAD_REQUEST, "request-malformed");
    let id = hub.call(token, Method::GET, "/cameras/dev_1", None).await;
    is_problem(&id, StatusCode::NOT_FOUND, "camera-unknown");
}

#[tokio::test]
async fn a_body_that_cannot_be_taken_is_told_apart() {
    let (hub, ours) = TestHub::with_tenant().await;
    let send = async |kind: &str, body: String| {
        let request = Request::builder().method("POST").uri("/api/v1/play");
        let request =
            request.header("authorization", format!("Bearer {}", ours.token)).header("content-type", kind);
        hub.send(request.body(Body::from(body)).unwrap()).await
    };
    is_problem(
        &send("application/json", "{\"cameras\":".into()).await,
        StatusCode::BAD_REQUEST,
        "json-malformed",
    );
    let kind = send("text/plain", "{}".into()).await;
    is_problem(&kind, StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type");
    let large = send("application/json", "x".repeat(300 * 1_024)).await;
    is_problem(&large, StatusCode::PAYLOAD_TOO_LARGE, "body-too-large");
    let field = send("application/json", json!({ "cameras": [{ "id": 7 }] }).to_string()).await;
    is_problem(&field, StatusCode::UNPROCESSABLE_ENTITY, "validation-failed");
    assert_eq!(field.body["errors"][0]["field"], "cameras[0].id");
    let deep = format!("{{\"cameras\":[],\"unheard_of\":{}", "[".repeat(100_000));
    let deep = send("application/json", deep).await;
    is_problem(&deep, StatusCode::BAD_REQUEST, "json-malformed");
}

#[tokio::test]
async fn the_time_needs_no_login() {
    let (hub, _ours) = TestHub::with_tenant().await;
    let answer = hub.call(As::Nobody, Method::GET, "/time", None).await;
    let now = answer.body["now_ms"].as_i64().unwrap();
    assert!((hub.clock.unix_millis() - now).abs() < 5_000);
    assert_eq!(answer.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn a_list_is_read_part_by_part() {
    let (hub, ours) = TestHub::with_tenant().await;
    for name in ["a", "b", "c"] {
        hub.call(As::Token(&ours.token), Method::POST, "/sites", Some(json!({ "name": name }))).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page =
            hub.call(As::Token(&ours.token), Method::GET, &format!("/sites?limit=3{cursor}"), None).await;
        seen.extend(page.body["items"].as_array().unwrap().iter().map(|site| site["id"].clone()));
        let Some(next) = page.body["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 4);
    let bad = hub.call(As::Token(&ours.token), Method::GET, "/sites?cursor=nonsense", None).await;
    assert_eq!(bad.body["errors"][0]["field"], "cursor");
}
