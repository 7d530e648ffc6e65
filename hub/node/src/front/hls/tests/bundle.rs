//! A start in one answer.

use axum::http::{Method, StatusCode};
use sluice_wire::node::FromNode;

use crate::front::stage::{Answer, Camera, Stage};

const TYPE: &str = crate::front::hls::bundle::TYPE;

/// The pieces of a bundle with their addresses.
fn unpacked(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    assert_eq!((answer.status, &answer.headers["content-type"]), (StatusCode::OK, &TYPE.parse().unwrap()));
    assert_eq!(answer.headers["content-length"], answer.body.len().to_string().as_str());
    let end = answer.body.windows(2).position(|two| two == b"\n\n").expect("an empty line");
    let (contents, mut rest) = (std::str::from_utf8(&answer.body[..end]).unwrap(), &answer.body[end + 2..]);
    let pieces = contents.lines().map(|line| {
        let (length, address) = line.split_once(' ').expect("a length and an address");
        let (piece, after) = rest.split_at(length.parse().unwrap());
        rest = after;
        (address.to_owned(), piece.to_vec())
    });
    let pieces = pieces.collect();
    assert!(rest.is_empty(), "{} bytes that belong to nothing", rest.len());
    pieces
}

#[tokio::test]
async fn a_player_that_accepts_a_bundle_is_given_all_it_would_ask_for_next() {
    let mut stage = Stage::set().await;
    let claims = stage.claims("ll-hls");
    // Three seconds and 10 pictures of the fourth: a player 0.6 s behind begins in the third.
    Camera::of(&stage.seat(&claims).await.shelf).send(85);
    let index = stage.index(&stage.sign(&claims));
    let plain = stage.get(&index).await;
    let bundle = stage.ask(Method::GET, &index, &[("accept", &format!("{TYPE}, */*"))]).await;
    assert_eq!(bundle.headers["cache-control"], "no-store", "it holds a secret");
    let pieces = unpacked(&bundle);
    assert_eq!(pieces[0], ("index.m3u8".to_owned(), plain.body.to_vec()));
    let root = plain.root();
    let names: Vec<_> = pieces[1..].iter().map(|(address, _)| address.strip_prefix(&root).unwrap()).collect();
    let expected: Vec<String> = ["video.m3u8", "v-init-1.mp4"]
        .map(ToOwned::to_owned)
        .into_iter()
        .chain((0..5).map(|part| format!("v4.{part}.m4s")))
        .chain((0..2).map(|part| format!("v5.{part}.m4s")))
        .collect();
    assert_eq!(names, expected);
    let connected = |news: &FromNode| matches!(news, FromNode::SessionConnected { .. });
    assert!(stage.told().await.iter().any(connected), "media reached the viewer");
    for (address, piece) in &pieces[1..] {
        assert_eq!(stage.get(address).await.body, *piece, "{address}");
    }
}

#[tokio::test]
async fn nobody_else_is_given_a_bundle() {
    let stage = Stage::set().await;
    let claims = stage.claims("hls");
    Camera::of(&stage.seat(&claims).await.shelf).send(100);
    let standard = stage.ask(Method::GET, &stage.index(&stage.sign(&claims)), &[("accept", TYPE)]).await;
    assert_eq!(standard.headers["content-type"], "application/vnd.apple.mpegurl");
    let claims = stage.claims("ll-hls");
    for accept in ["*/*", "application/*", "application/vnd.sluice.hls-start2"] {
        let answer = stage.ask(Method::GET, &stage.index(&stage.sign(&claims)), &[("accept", accept)]).await;
        assert_eq!(answer.headers["content-type"], "application/vnd.apple.mpegurl", "{accept}");
    }
    let wrong = stage.ask(Method::GET, &stage.index(&stage.token("webrtc")), &[("accept", TYPE)]).await;
    assert_eq!(
        (wrong.status, wrong.problem().as_str()),
        (StatusCode::FORBIDDEN, "token-for-another-protocol")
    );
}
