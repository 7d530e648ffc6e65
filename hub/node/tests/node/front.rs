use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use sluice_hub_node::{FeedKey, relay::Admission};
use sluice_ids::{CameraId, Tier};
use sluice_runtime::{Clock, uuid_v7};
use sluice_wire::node::ToNode;

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

#[tokio::test]
async fn a_body_that_is_too_long_or_no_text_is_a_problem_like_any_other() {
    let stage = Stage::set().await;
    let long = "v=0\r\n".repeat(20_000);
    let (status, problem, _) =
        stage.ask(stage.offer(&stage.whep(), &stage.token(&stage.claims()), long)).await;
    assert_eq!((status, problem.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"));
    let bytes = vec![0xff, 0xfe, 0x00];
    let (status, problem, _) =
        stage.ask(stage.offer(&stage.whep(), &stage.token(&stage.claims()), bytes)).await;
    assert_eq!((status, problem.as_str()), (StatusCode::BAD_REQUEST, "body-malformed"));
    for path in ["/whep/%ff/sub", "/whep/cam_1/sub?token=%FF&token=2"] {
        let (status, problem, _) = stage.ask(stage.offer(path, "x", "v=0")).await;
        assert!(status.is_client_error() && !problem.is_empty(), "{path}: {status} {problem}");
    }
    assert_eq!(stage.relay.status().await.sessions, 0);
}

#[tokio::test]
async fn a_token_for_hls_opens_no_webrtc_session() {
    let stage = Stage::set().await;
    let mut claims = stage.claims();
    claims.protocol = "ll-hls".to_owned();
    let (status, problem, _) = stage.ask(stage.offer(&stage.whep(), &stage.token(&claims), "v=0")).await;
    assert_eq!((status, problem.as_str()), (StatusCode::FORBIDDEN, "token-for-another-protocol"));
}

#[tokio::test]
async fn a_viewer_may_leave_a_session_that_has_ended_already() {
    let stage = Stage::set().await;
    let claims = stage.claims();
    let feed = FeedKey { camera: stage.camera, tier: Tier::Sub };
    let admission = Admission { session: claims.session, feed, token_id: claims.jti, ptz: false };
    let admitted = stage.relay.admit(admission).await.unwrap();
    stage.tell(ToNode::Revoke { session: claims.session }).await;
    for _ in 0..2 {
        let request = Request::builder().method(Method::DELETE).uri(format!("/whep/r/{}", admitted.secret));
        let (status, ..) = stage.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
    }
}
