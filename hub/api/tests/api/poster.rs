use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use serde_json::json;
use sluice_ids::{Tier, UnixMillis};
use sluice_wire::control::{Action, Failure, FailureCode, Outcome, Poster};

use crate::hub::{As, Tenant, TestHub};

/// A device that sends this as the picture of any camera, and how often it was asked.
fn sends(
    hub: &mut TestHub,
    ours: &Tenant,
    content_type: &'static str,
    data: &'static [u8],
) -> Arc<AtomicU32> {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    hub.devices.obey(ours.device, move |action| {
        let Action::Poster { tier, .. } = action else { return None };
        counted.fetch_add(1, Ordering::Relaxed);
        if tier == Some(Tier::Main) {
            let failure = Failure { code: FailureCode::NoPicture, text: String::new() };
            return Some(Outcome::Failed(failure));
        }
        let captured_at = UnixMillis(1_700_000_000_000);
        Some(Outcome::Poster(Poster { content_type: content_type.into(), captured_at, data: data.to_vec() }))
    });
    asked
}

#[tokio::test]
async fn a_picture_crosses_the_uplink_once_however_many_look() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let camera = hub.camera(&ours, "gate").await;
    let asked = sends(&mut hub, &ours, "image/jpeg", b"a picture");
    let path = format!("/cameras/{camera}/poster");
    let look = || hub.call(As::Token(&ours.token), Method::GET, &path, None);
    let answers = join_all((0..20).map(|_| look())).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    for answer in &answers {
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, "a picture"));
        assert_eq!(answer.headers["content-type"], "image/jpeg");
        assert_eq!(answer.headers["sluice-captured-at"], "1700000000000");
        assert!(answer.headers["cache-control"].to_str().unwrap().starts_with("private, max-age="));
    }
    let main = hub.call(As::Token(&ours.token), Method::GET, &format!("{path}?tier=main"), None).await;
    assert_eq!((main.status, &main.body["type"]), (StatusCode::NOT_FOUND, &json!("no-picture")));
    let third = hub.call(As::Token(&ours.token), Method::GET, &format!("{path}?tier=third"), None).await;
    assert_eq!(third.body["errors"][0]["field"], "tier");
    let entries = async || {
        let audit = hub.call(As::Console(&ours.admin), Method::GET, "/audit?limit=500", None).await.text;
        audit.matches("\"camera.poster\"").count()
    };
    let before = entries().await;
    look().await;
    assert!(before > 0 && entries().await == before, "looking is audited, and once a minute is enough");
}

#[tokio::test]
async fn a_picture_is_for_who_may_watch_the_camera() {
    let (mut hub, ours) = TestHub::with_tenant().await;
    let (gate, yard) = (hub.camera(&ours, "gate").await, hub.camera(&ours, "yard").await);
    sends(&mut hub, &ours, "video/mp4", b"one frame");
    let path = |camera: &str| format!("/cameras/{camera}/poster");
    let read = hub.token(&ours.admin, &["read", "admin"]).await;
    assert_eq!(hub.call(As::Token(&read), Method::GET, &path(&gate), None).await.status, 403);
    let played = hub.play(As::Token(&ours.token), &[&gate]).await.body;
    let viewer = played["viewer_token"].as_str().unwrap();
    let url = played["items"][0]["poster_url"].as_str().unwrap();
    assert!(url.ends_with(&path(&gate)), "{url}");
    assert_eq!(hub.call(As::Token(viewer), Method::GET, &path(&gate), None).await.status, 200);
    assert_eq!(hub.call(As::Token(viewer), Method::GET, &path(&yard), None).await.status, 404);
}

#[tokio::test]
async fn what_is_no_picture_is_not_passed_on() {
    for (content_type, data) in [("text/html", &b"<script>"[..]), ("image/jpeg", b"")] {
        let (mut hub, ours) = TestHub::with_tenant().await;
        let camera = hub.camera(&ours, "gate").await;
        sends(&mut hub, &ours, content_type, data);
        let path = format!("/cameras/{camera}/poster");
        let answer = hub.call(As::Token(&ours.token), Method::GET, &path, None).await;
        assert_eq!(
            (answer.status, &answer.body["type"]),
            (StatusCode::BAD_GATEWAY, &json!("device-nonsense"))
        );
    }
}
