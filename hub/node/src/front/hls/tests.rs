//! Sessions and their requests against a real relay, with a real packager on the shelf.

use axum::http::{Method, StatusCode};
use sluice_wire::node::{EndReason, FromNode, ToNode};

use crate::{
    front::stage::{Camera, ORIGIN, Stage},
    hls::{Media, Refusal},
};

mod bundle;
mod hold;
mod hostile;

#[tokio::test]
async fn a_token_opens_a_session_and_its_urls_carry_it() {
    let mut stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    assert!(root.starts_with("/hls/s/") && root.ends_with(&format!("/{}/sub/run1/", stage.camera)), "{root}");
    let playlist = stage.get(&format!("{root}video.m3u8")).await;
    assert_eq!(
        (playlist.status, &playlist.headers["content-type"]),
        (StatusCode::OK, &"application/vnd.apple.mpegurl".parse().unwrap())
    );
    assert_eq!(playlist.headers["cache-control"], "no-cache");
    let uris = playlist.uris();
    assert!(uris[0] == "v-init-1.mp4" && uris.len() > 6, "{uris:?}");
    assert!(!stage.told().await.iter().any(|news| matches!(news, FromNode::SessionConnected { .. })));
    let (mut parts, mut segment) = (Vec::new(), Vec::new());
    for uri in &uris {
        let answer = stage.get(&format!("{root}{uri}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{uri}");
        assert_eq!(
            (&answer.headers["content-type"], &answer.headers["cache-control"]),
            (&"video/mp4".parse().unwrap(), &"max-age=72, immutable".parse().unwrap())
        );
        assert_eq!(answer.headers["content-length"], answer.body.len().to_string().as_str());
        match uri.strip_prefix("v2.") {
            Some("m4s") => segment = answer.body.to_vec(),
            Some(_) => parts.extend_from_slice(&answer.body),
            None => {}
        }
    }
    assert!(!segment.is_empty() && segment == parts, "a segment is its parts");
    let connected = stage.told().await;
    let connected: Vec<_> =
        connected.iter().filter(|news| matches!(news, FromNode::SessionConnected { .. })).collect();
    assert_eq!(connected, [&FromNode::SessionConnected { session: stage.session }], "told once");
}

#[tokio::test]
async fn the_same_token_finds_its_session_again_and_another_token_replaces_it() {
    let stage = Stage::set().await;
    let claims = stage.claims("ll-hls");
    Camera::of(&stage.seat(&claims).await.shelf).send(30);
    let index = stage.index(&stage.sign(&claims));
    let (first, again) = (stage.get(&index).await.root(), stage.get(&index).await.root());
    assert_eq!(first, again);
    let other = stage.get(&stage.index(&stage.token("hls"))).await;
    assert!(other.text().contains("video-hls.m3u8"), "{}", other.text());
    assert_ne!(other.root(), first);
    let old = stage.get(&format!("{first}video.m3u8")).await;
    assert_eq!((old.status, old.problem().as_str()), (StatusCode::GONE, "session-ended"));
    let spent = stage.get(&index).await;
    assert_eq!((spent.status, spent.problem().as_str()), (StatusCode::UNAUTHORIZED, "token-spent"));
    assert_eq!(stage.relay.status().await.sessions, 1);
}

#[tokio::test]
async fn a_session_that_falls_back_from_webrtc_stays_one_session() {
    let mut stage = Stage::set().await;
    let whep = stage.claims("webrtc");
    let admission =
        crate::relay::Admission { session: whep.session, feed: stage.feed(), token_id: whep.jti, ptz: false };
    let admitted = stage.relay.admit(admission).await.unwrap();
    let (_camera, root) = stage.playing().await;
    assert_eq!(stage.get(&format!("{root}video.m3u8")).await.status, StatusCode::OK);
    let status = stage.relay.status().await;
    assert_eq!((status.sessions, status.hls_sessions, status.feeds_open), (1, 1, 1));
    assert!(!stage.told().await.iter().any(|news| matches!(news, FromNode::SessionEnded { .. })));
    assert!(stage.relay.find(&admitted.secret).await.is_none());
    assert_eq!(stage.counter("sluice_node_feeds_opened_total"), 1, "the feed did not close between");
}

#[tokio::test]
async fn leaving_ends_the_session_and_may_be_said_twice() {
    let mut stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    let session = root.split('/').take(4).collect::<Vec<_>>().join("/");
    for _ in 0..2 {
        assert_eq!(stage.ask(Method::DELETE, &session, &[]).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(stage.get(&format!("{root}video.m3u8")).await.problem(), "session-ended");
    let ended = FromNode::SessionEnded { session: stage.session, reason: EndReason::Closed };
    assert_eq!(stage.told().await.iter().filter(|news| **news == ended).count(), 1);
}

#[tokio::test]
async fn a_revoked_session_gives_nothing_more() {
    let stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    let part = format!("{root}v2.0.m4s");
    assert_eq!(stage.get(&part).await.status, StatusCode::OK);
    stage.tell(ToNode::Revoke { session: stage.session }).await;
    assert_eq!(stage.get(&part).await.problem(), "session-ended");
    let authz = stage.ask(Method::GET, "/authz", &[("x-original-uri", &part)]).await;
    assert_eq!(authz.status, StatusCode::FORBIDDEN);
    let again = stage.get(&stage.index(&stage.token("ll-hls"))).await;
    assert_eq!((again.status, again.problem().as_str()), (StatusCode::GONE, "session-ended"));
}

#[tokio::test]
async fn a_secret_opens_its_own_camera_and_tier_alone() {
    let stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    for wrong in [
        root.replace("/sub/", "/main/"),
        root.replace(&stage.camera.to_string(), "cam_00000000000000000000000000000000"),
        format!("/hls/s/{}/{}/sub/run1/", "0".repeat(32), stage.camera),
    ] {
        let answer = stage.get(&format!("{wrong}video.m3u8")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::FORBIDDEN, "session-unknown"));
    }
    let run = stage.get(&format!("{}video.m3u8", root.replace("/run1/", "/run0/"))).await;
    assert_eq!((run.status, run.problem().as_str()), (StatusCode::GONE, "run-ended"));
}

#[tokio::test]
async fn a_token_of_another_protocol_opens_nothing() {
    let stage = Stage::set().await;
    let answer = stage.get(&stage.index(&stage.token("webrtc"))).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::FORBIDDEN, "token-for-another-protocol")
    );
    let none = stage.get(&format!("/hls/{}/sub/index.m3u8", stage.camera)).await;
    assert_eq!((none.status, none.problem().as_str()), (StatusCode::UNAUTHORIZED, "token-missing"));
    assert_eq!(stage.relay.status().await.sessions, 0);
}

#[tokio::test]
async fn a_camera_in_trouble_or_of_an_unknown_codec_says_so_instead_of_a_playlist() {
    let stage = Stage::set().await;
    let claims = stage.claims("ll-hls");
    let seat = stage.seat(&claims).await;
    let index = stage.index(&stage.sign(&claims));
    let refusal = |code: &str| Some(Refusal { code: code.to_owned(), text: "in words".to_owned() });
    seat.shelf.trouble(refusal("auth-failed"));
    let answer = stage.get(&index).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "auth-failed"));
    assert!(answer.headers.contains_key("retry-after") && answer.text().contains("in words"));
    seat.shelf.refuse(refusal("codec-unsupported"));
    let answer = stage.get(&index).await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "codec-unsupported")
    );
}

#[tokio::test]
async fn pages_of_known_origins_read_playlists_and_parts() {
    let stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    for name in ["video.m3u8", "v2.0.m4s", "nothing"] {
        let uri = format!("{root}{name}");
        let known = stage.ask(Method::GET, &uri, &[("origin", ORIGIN)]).await;
        assert_eq!(known.headers["access-control-allow-origin"], ORIGIN);
        assert!(known.headers["vary"].to_str().unwrap().contains("origin"));
        let unknown = stage.ask(Method::GET, &uri, &[("origin", "https://evil.example")]).await;
        assert!(!unknown.headers.contains_key("access-control-allow-origin"));
        let asked = [("origin", ORIGIN), ("access-control-request-method", "GET")];
        let preflight = stage.ask(Method::OPTIONS, &uri, &asked).await;
        assert_eq!(preflight.status, StatusCode::NO_CONTENT);
        assert_eq!(preflight.headers["access-control-max-age"], "7200");
    }
}

#[tokio::test]
async fn playlists_are_compressed_for_those_who_take_it() {
    let stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    let uri = format!("{root}video.m3u8");
    let plain = stage.get(&uri).await;
    let gzip = stage.ask(Method::GET, &uri, &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(
        (plain.headers.get("content-encoding"), &gzip.headers["content-encoding"]),
        (None, &"gzip".parse().unwrap())
    );
    assert!(gzip.body.starts_with(&[0x1f, 0x8b]) && gzip.body.len() < plain.body.len() / 2);
    assert!(gzip.headers["vary"].to_str().unwrap().contains("accept-encoding"));
}

#[tokio::test]
async fn a_cache_is_told_who_may_read_and_its_questions_keep_the_session() {
    let mut stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    let ask = async |uri: String| stage.ask(Method::GET, "/authz", &[("x-original-uri", &uri)]).await.status;
    assert_eq!(ask(format!("{root}video.m3u8?_HLS_msn=2")).await, StatusCode::NO_CONTENT);
    assert_eq!(ask(format!("{root}v2.0.m4s")).await, StatusCode::NO_CONTENT);
    for wrong in
        [root.replace("/sub/", "/main/") + "video.m3u8", "/".to_owned(), format!("{root}x"), String::new()]
    {
        assert_eq!(ask(wrong).await, StatusCode::FORBIDDEN);
    }
    let connected = FromNode::SessionConnected { session: stage.session };
    assert!(stage.told().await.contains(&connected), "a part was fetched");
}

#[tokio::test]
async fn ranges_and_heads_of_parts_and_segments_are_answered() {
    let stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    for name in ["v2.m4s", "v2.0.m4s", "v-init-1.mp4"] {
        let uri = format!("{root}{name}");
        let whole = stage.get(&uri).await.body;
        let some = stage.ask(Method::GET, &uri, &[("range", "bytes=10-109")]).await;
        assert_eq!((some.status, &some.body[..]), (StatusCode::PARTIAL_CONTENT, &whole[10..110]));
        assert_eq!(some.headers["content-range"], format!("bytes 10-109/{}", whole.len()).as_str());
        let beyond = stage.ask(Method::GET, &uri, &[("range", "bytes=99999999-")]).await;
        assert_eq!((beyond.status, beyond.body.len()), (StatusCode::RANGE_NOT_SATISFIABLE, 0));
        let head = stage.ask(Method::HEAD, &uri, &[]).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        assert_eq!(head.headers["content-length"], whole.len().to_string().as_str());
    }
}

#[tokio::test]
async fn what_has_left_the_window_is_gone_and_memory_stays_flat() {
    let stage = Stage::set().await;
    let (mut camera, root) = stage.playing().await;
    camera.send(25 * 60);
    assert_eq!(stage.get(&format!("{root}v2.m4s")).await.problem(), "segment-gone");
    assert_eq!(stage.get(&format!("{root}v2.0.m4s")).await.status, StatusCode::GONE);
    let newest = stage.get(&format!("{root}video.m3u8")).await.uris();
    assert_eq!(stage.get(&format!("{root}{}", newest.last().unwrap())).await.status, StatusCode::OK);
    // Three target durations of 12 s, and the open one.
    assert_eq!(camera.shelf.laid(Media::Video).segments(), 37);
}
