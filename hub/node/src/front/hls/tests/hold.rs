//! Requests that wait: for a cold feed, for a part, for a camera that says nothing.

use std::time::Duration;

use axum::http::StatusCode;
use sluice_runtime::Clock;
use sluice_wire::node::{EndReason, FromNode, ToNode};

use crate::front::stage::{Answer, Camera, Stage};

/// The position behind the newest part of a playlist, from its preload hint.
fn hint(playlist: &Answer) -> (String, u64, u32) {
    let line = playlist.text().lines().find(|line| line.starts_with("#EXT-X-PRELOAD-HINT")).expect("a hint");
    let name = line.split("URI=\"").nth(1).unwrap().trim_end_matches('"').to_owned();
    let numbers = name.trim_start_matches('v').trim_end_matches(".m4s").split_once('.').unwrap();
    let position = (numbers.0.parse().unwrap(), numbers.1.parse().unwrap());
    (name, position.0, position.1)
}

#[tokio::test]
async fn the_playlist_of_a_cold_feed_is_answered_with_its_first_part() {
    let stage = Stage::set().await;
    let claims = stage.claims("ll-hls");
    let mut camera = Camera::of(&stage.seat(&claims).await.shelf);
    let index = stage.index(&stage.sign(&claims));
    let (answer, ()) = tokio::join!(stage.get(&index), async {
        stage.waiting(1).await;
        camera.send(10);
    });
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().contains("RESOLUTION="), "{}", answer.text());
    stage.waiting(0).await;
}

#[tokio::test]
async fn a_playlist_is_held_until_the_part_that_it_is_asked_for() {
    let stage = Stage::set().await;
    let (mut camera, root) = stage.playing().await;
    let (name, segment, part) = hint(&stage.get(&format!("{root}video.m3u8")).await);
    let uri = format!("{root}video.m3u8?_HLS_msn={segment}&_HLS_part={part}");
    let (answer, ()) = tokio::join!(stage.get(&uri), async {
        stage.waiting(1).await;
        camera.send(8);
    });
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.uris().contains(&name), "{name} in {}", answer.text());
    assert_eq!(answer.headers["cache-control"], "max-age=72, immutable");
    assert_eq!(stage.get(&uri).await.status, StatusCode::OK, "what is there is answered at once");
}

#[tokio::test]
async fn a_hinted_part_is_given_the_moment_it_exists() {
    let stage = Stage::set().await;
    let (mut camera, root) = stage.playing().await;
    let (name, ..) = hint(&stage.get(&format!("{root}video.m3u8")).await);
    let uri = format!("{root}{name}");
    let (answer, ()) = tokio::join!(stage.get(&uri), async {
        stage.waiting(1).await;
        camera.send(8);
    });
    assert_eq!((answer.status, answer.body.is_empty()), (StatusCode::OK, false));
}

#[tokio::test(start_paused = true)]
async fn a_camera_that_says_nothing_lets_nobody_wait_for_ever() {
    let stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    let (name, segment, part) = hint(&stage.get(&format!("{root}video.m3u8")).await);
    for uri in [
        format!("{root}video.m3u8?_HLS_msn={segment}&_HLS_part={part}"),
        format!("{root}video.m3u8?_HLS_msn={segment}"),
        format!("{root}{name}"),
        format!("{root}video-hls.m3u8"),
    ] {
        let asked = Clock::system().now();
        let answer = stage.get(&uri).await;
        let waited = Clock::system().now() - asked;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "no-picture"),
            "{uri}"
        );
        assert!(
            answer.headers.contains_key("retry-after") && waited <= Duration::from_secs(36),
            "{waited:?}"
        );
    }
    assert_eq!(stage.relay.status().await.sessions, 1, "who waits is there");
}

#[tokio::test(start_paused = true)]
async fn a_cold_camera_without_a_picture_is_answered_before_players_give_up() {
    let stage = Stage::set().await;
    let claims = stage.claims("ll-hls");
    let seat = stage.seat(&claims).await;
    seat.shelf.trouble(None);
    let asked = Clock::system().now();
    let answer = stage.get(&stage.index(&stage.sign(&claims))).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "no-picture"));
    let waited = Clock::system().now() - asked;
    assert!(waited >= Duration::from_secs(8) && waited < Duration::from_secs(10), "{waited:?}");
}

#[tokio::test]
async fn a_session_that_is_revoked_while_it_waits_gets_nothing() {
    let stage = Stage::set().await;
    let (mut camera, root) = stage.playing().await;
    let (name, ..) = hint(&stage.get(&format!("{root}video.m3u8")).await);
    let uri = format!("{root}{name}");
    let (answer, ()) = tokio::join!(stage.get(&uri), async {
        stage.waiting(1).await;
        stage.tell(ToNode::Revoke { session: stage.session }).await;
        camera.send(8);
    });
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::GONE, "session-ended"));
}

#[tokio::test(start_paused = true)]
async fn a_viewer_who_asks_for_nothing_any_more_is_gone_after_six_seconds() {
    let mut stage = Stage::set().await;
    let (_camera, root) = stage.playing().await;
    let clock = Clock::system();
    for _ in 0..4 {
        clock.sleep(Duration::from_secs(5)).await;
        assert_eq!(
            stage.get(&format!("{root}video.m3u8?_HLS_msn=2&_HLS_part=0")).await.status,
            StatusCode::OK
        );
    }
    let last = clock.now();
    let ended = loop {
        let news = stage.reports.recv().await.expect("the relay runs");
        if let FromNode::SessionEnded { session, reason } = news {
            break (session, reason);
        }
    };
    assert_eq!(ended, (stage.session, EndReason::Silence));
    let waited = clock.now() - last;
    assert!(waited >= Duration::from_secs(6) && waited < Duration::from_secs(7), "{waited:?}");
    assert_eq!(stage.get(&format!("{root}video.m3u8")).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn five_hundred_viewers_wait_for_one_part_and_share_it() {
    let stage = Stage::set().await;
    let (mut camera, root) = stage.playing().await;
    let (name, ..) = hint(&stage.get(&format!("{root}video.m3u8")).await);
    let uri = format!("{root}{name}");
    let viewers = futures_util::future::join_all((0..500).map(|_| stage.get(&uri)));
    let (answers, ()) = tokio::join!(viewers, async {
        stage.waiting(500).await;
        camera.send(8);
    });
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK && answer.body == answers[0].body));
    stage.waiting(0).await;
}
