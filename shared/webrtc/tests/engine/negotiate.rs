use sluice_load::{Peer, Transport};
use sluice_webrtc::{OfferError, SessionKey, TrickleError};

use crate::stage::{FEED, LOOPBACK, Stage};

async fn offer(stage: &Stage) -> String {
    Peer::offer(stage.clock, Transport::Udp, LOOPBACK).await.unwrap().1
}

#[tokio::test]
async fn the_answer_names_one_side_and_its_candidates() {
    let stage = Stage::new();
    let answer = stage.engine.open(SessionKey(1), FEED, offer(&stage).await).await.unwrap();
    assert!(answer.sdp.contains(&format!("a=ice-ufrag:{}", answer.ufrag)));
    for line in ["a=ice-lite", "a=sendonly", "a=setup:passive", "m=application", "packetization-mode=1"] {
        assert!(answer.sdp.contains(line), "{line} is missing in {}", answer.sdp);
    }
    assert!(answer.sdp.contains("a=ssrc:") && !answer.sdp.contains("a=extmap:"), "{}", answer.sdp);
    let port = stage.engine.local_addr().port();
    assert!(answer.sdp.contains(&format!(" 127.0.0.1 {port} typ host")), "{}", answer.sdp);
    assert!(answer.sdp.contains("tcptype passive"), "{}", answer.sdp);
    stage.end().await;
}

#[tokio::test]
async fn an_offer_without_our_video_is_refused_in_words() {
    let stage = Stage::new();
    let whole = offer(&stage).await;
    let vp8 = whole.replace("H264/90000", "VP8/90000");
    let refused = stage.engine.open(SessionKey(1), FEED, vp8).await.unwrap_err();
    assert!(
        matches!(&refused, OfferError::CodecUnsupported { offered, .. } if offered == "VP8"),
        "{refused:?}"
    );
    let only_mode_0 = whole.replace("packetization-mode=1", "packetization-mode=0");
    let refused = stage.engine.open(SessionKey(1), FEED, only_mode_0).await.unwrap_err();
    assert!(matches!(refused, OfferError::CodecUnsupported { .. }), "{refused:?}");
    let sends = whole.replace("a=recvonly", "a=sendonly");
    let refused = stage.engine.open(SessionKey(1), FEED, sends).await.unwrap_err();
    assert!(matches!(refused, OfferError::NoVideo), "{refused:?}");
    assert_eq!(stage.count("offers_refused_total"), 3);
    stage.end().await;
}

#[tokio::test]
async fn trickled_candidates_are_taken_for_the_session_they_are_of() {
    let stage = Stage::new();
    let whole = offer(&stage).await;
    let theirs = whole.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap().to_owned();
    stage.engine.open(SessionKey(1), FEED, whole).await.unwrap();
    let fragment = |ufrag: &str, address: &str| {
        format!(
            "a=ice-ufrag:{ufrag}\r\na=ice-pwd:x\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
             a=candidate:1 1 udp 2113937151 {address} 51000 typ host\r\na=end-of-candidates\r\n"
        )
    };
    let trickle = |session, fragment| stage.engine.trickle(SessionKey(session), fragment);
    trickle(1, fragment(&theirs, "127.0.0.1")).await.unwrap();
    trickle(1, fragment(&theirs, "6d2b2a1e-0f0c-4f6a-9d3e.local")).await.unwrap();
    let other = trickle(1, fragment("other", "127.0.0.1")).await.unwrap_err();
    assert!(matches!(other, TrickleError::OtherSession));
    let broken = trickle(1, "a=candidate:nonsense\r\n".to_owned()).await.unwrap_err();
    assert!(matches!(broken, TrickleError::Malformed { line: 1, .. }));
    let nobody = trickle(2, fragment(&theirs, "127.0.0.1")).await.unwrap_err();
    assert!(matches!(nobody, TrickleError::Unknown));
    stage.end().await;
}
