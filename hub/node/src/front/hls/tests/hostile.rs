//! Requests that nobody means well with: each is told what is wrong, none waits, none opens anything.

use axum::http::{Method, StatusCode};

use crate::front::stage::Stage;

#[tokio::test]
async fn names_that_mean_nothing_are_not_found() {
    let stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    for name in [
        "",
        "..",
        ".",
        "v.m4s",
        "v2.m4s.",
        "v02.m4s",
        "v+2.m4s",
        "v2.99.m4s",
        "v3.99.m4s",
        "v999999.m4s",
        "v18446744073709551615.m4s",
        "v18446744073709551616.m4s",
        "v2.4294967296.m4s",
        "v-init-0.mp4",
        "v-init-99.mp4",
        "v%32.m4s",
        "a2.0.m4s",
        "audio.m3u8",
        "VIDEO.M3U8",
        "video.m3u8%00",
        "video.m3u",
        "index.m3u8",
    ] {
        let answer = stage.get(&format!("{root}{name}")).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::NOT_FOUND, "resource-unknown"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn directives_that_are_wrong_or_far_ahead_are_refused_at_once() {
    let stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    for (query, problem) in [
        ("_HLS_msn=x", "directive-malformed"),
        ("_HLS_msn=-1", "directive-malformed"),
        ("_HLS_part=1", "directive-malformed"),
        ("_HLS_msn=2&_HLS_part=x", "directive-malformed"),
        ("_HLS_msn=18446744073709551616", "directive-malformed"),
        ("_HLS_msn=18446744073709551615", "directive-too-far-ahead"),
        ("_HLS_msn=18446744073709551615&_HLS_part=4294967295", "directive-too-far-ahead"),
        ("_HLS_msn=5", "directive-too-far-ahead"),
        ("_HLS_msn=3&_HLS_part=99", "directive-too-far-ahead"),
        ("_HLS_msn=4&_HLS_part=99", "directive-too-far-ahead"),
    ] {
        let answer = stage.get(&format!("{root}video.m3u8?{query}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::BAD_REQUEST, problem), "{query}");
    }
    for query in
        ["_HLS_msn=0", "_HLS_msn=1&_HLS_part=0", "_HLS_skip=YES", "x", "&&=", "_HLS_msn=2&_HLS_part=999"]
    {
        assert_eq!(stage.get(&format!("{root}video.m3u8?{query}")).await.status, StatusCode::OK, "{query}");
    }
}

#[tokio::test]
async fn addresses_that_are_none_open_nothing() {
    let stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    let secret = root.split('/').nth(3).unwrap().to_owned();
    for uri in [
        "/hls/s/x".to_owned(),
        format!("/hls/s/{secret}"),
        format!("/hls/s/{secret}/"),
        format!("/hls/s/{secret}/video.m3u8"),
        format!("/hls/s/{secret}//////video.m3u8"),
        format!("/hls/s/{}/a/b/c/video.m3u8", "f".repeat(33)),
        format!("/hls/s/{}/a/b/c/video.m3u8", "é".repeat(16)).replace('é', "%C3%A9"),
        format!("/hls/s/{}", "a/".repeat(2_000)),
    ] {
        let answer = stage.get(&uri).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::FORBIDDEN, "session-unknown"),
            "{uri}"
        );
    }
    assert_eq!(
        stage.get(&format!("{root}video.m3u8")).await.status,
        StatusCode::OK,
        "its viewer is untouched"
    );
}

#[tokio::test]
async fn methods_that_change_are_refused_but_the_end_of_a_session() {
    let stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::OPTIONS, Method::TRACE] {
        let answer = stage.ask(method, &format!("{root}video.m3u8"), &[]).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
        );
    }
    assert_eq!(
        stage.ask(Method::DELETE, &format!("{root}video.m3u8"), &[]).await.status,
        StatusCode::NOT_FOUND
    );
    let unknown = format!("/hls/s/{}", "0".repeat(32));
    assert_eq!(stage.ask(Method::DELETE, &unknown, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(stage.relay.status().await.sessions, 1);
}

#[tokio::test]
async fn tokens_and_queries_of_any_shape_are_answered_with_a_problem() {
    let stage = Stage::set().await;
    let long = "x".repeat(60_000);
    for query in
        ["token=", "token=a.b.c", "token=%FF%FE", "token=a&token=b", "audio=off", &format!("token={long}")]
    {
        let answer = stage.get(&format!("/hls/{}/sub/index.m3u8?{query}", stage.camera)).await;
        assert!(answer.status.is_client_error(), "{query} {:?}", answer.status);
        assert!(!answer.problem().is_empty());
    }
    let answer = stage.get("/hls/%FF/sub/index.m3u8?token=a").await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::BAD_REQUEST, "path-malformed"));
    assert_eq!(stage.relay.status().await.sessions, 0);
}
