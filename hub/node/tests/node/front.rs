use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use sluice_ids::{CameraId, Tier};
use sluice_runtime::{Clock, uuid_v7};

use super::support::Stage;

#[tokio::test]
async fn a_token_that_is_wrong_expired_or_spent_opens_nothing() {
    let stage = Stage::set().await;
    let path = stage.whep();
    let (status, problem, headers) = stage.ask(stage.offer(&path, "not.a.token", "v=0")).await;
    assert_eq!((status, problem.as_str()), (StatusCode::UNAUTHORIZED, "token-invalid"));
    assert!(headers.contains_key(header::WWW_AUTHENTICATE));

    let mut expired = stage.claims();
    (expired.iat, expired.exp) = (expired.iat - 600, expired.exp - 600);
    let (status, problem, _) = stage.ask(stage.offer(&path, &stage.token(&expired), "v=0")).await;
    assert_eq!((status, problem.as_str()), (StatusCode::UNAUTHORIZED, "token-expired"));

    let token = stage.token(&stage.claims());
    stage.ask(stage.offer(&path, &token, "v=0")).await;
    let (status, problem, _) = stage.ask(stage.offer(&path, &token, "v=0")).await;
    assert_eq!((status, problem.as_str()), (StatusCode::UNAUTHORIZED, "token-spent"));
}

#[tokio::test]
async fn a_token_opens_its_own_camera_and_tier_alone() {
    let stage = Stage::set().await;
    let mut other = stage.claims();
    other.tier = Tier::Main;
    let (status, problem, _) = stage.ask(stage.offer(&stage.whep(), &stage.token(&other), "v=0")).await;
    assert_eq!((status, problem.as_str()), (StatusCode::FORBIDDEN, "token-for-another-camera"));

    let mut unknown = stage.claims();
    unknown.camera = CameraId::from_uuid(uuid_v7(&Clock::system()));
    let path = format!("/whep/{}/sub", unknown.camera);
    let (status, problem, _) = stage.ask(stage.offer(&path, &stage.token(&unknown), "v=0")).await;
    assert_eq!((status, problem.as_str()), (StatusCode::NOT_FOUND, "camera-unknown"));
}

#[tokio::test]
async fn an_offer_that_is_no_sdp_is_refused_and_holds_no_feed() {
    let stage = Stage::set().await;
    let (status, problem, _) =
        stage.ask(stage.offer(&stage.whep(), &stage.token(&stage.claims()), "hello")).await;
    assert_eq!((status, problem.as_str()), (StatusCode::BAD_REQUEST, "offer-malformed"));
    assert_eq!(stage.relay.status().await.sessions, 0);
}

#[tokio::test]
async fn the_resource_answers_to_its_secret_alone() {
    let stage = Stage::set().await;
    for (method, kind) in [(Method::DELETE, ""), (Method::PATCH, "application/trickle-ice-sdpfrag")] {
        let request = Request::builder()
            .method(method)
            .uri("/whep/r/00112233445566778899aabbccddeeff")
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from("a=ice-ufrag:x\r\n"))
            .unwrap();
        let (status, problem, _) = stage.ask(request).await;
        assert_eq!((status, problem.as_str()), (StatusCode::NOT_FOUND, "session-unknown"));
    }
}

#[tokio::test]
async fn only_a_known_origin_gets_cors_headers() {
    let stage = Stage::set().await;
    let preflight = |origin: &'static str| {
        Request::builder()
            .method(Method::OPTIONS)
            .uri(stage.whep())
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .body(Body::empty())
            .unwrap()
    };
    let (status, _, headers) = stage.ask(preflight("https://psim.example")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://psim.example");
    let (_, _, headers) = stage.ask(preflight("https://evil.example")).await;
    assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
}
