use std::time::Duration;

use sluice_load::{Event, Packet, Peer, Transport, Wish};
use sluice_media::Codec;
use sluice_webrtc::{EndReason, EngineEvent, FeedMedia, OfferError, SessionKey};

use crate::stage::{FEED, LOOPBACK, OPUS, PATIENCE, PCMA, Stage, media, number, packets_until};

/// As Chromium 156 makes it, without hardware for H.265.
const CHROMIUM: &str = include_str!("offers/chromium.sdp");
/// In the order and form of Firefox 140, two H.264 and no H.265.
const FIREFOX: &str = include_str!("offers/firefox.sdp");
/// In the order and form of Safari 18, with H.265 Main and Main 10.
const SAFARI: &str = include_str!("offers/safari.sdp");

/// The lines of the `m=` section of a kind.
fn section<'a>(sdp: &'a str, kind: &str) -> Vec<&'a str> {
    let mut inside = false;
    let lines = sdp.lines().filter(|line| {
        if line.starts_with("m=") {
            inside = line.starts_with(&format!("m={kind} "));
        }
        inside
    });
    lines.collect()
}

/// The payload types that a section gives an encoding, in its order.
fn numbers(sdp: &str, kind: &str, encoding: &str) -> Vec<u8> {
    let lines = section(sdp, kind);
    let maps = lines.iter().filter_map(|line| line.strip_prefix("a=rtpmap:")?.split_once(' '));
    maps.filter(|(_, name)| name.starts_with(encoding)).map(|(pt, _)| pt.parse().unwrap()).collect()
}

async fn answer(offer: &str) -> String {
    let stage = Stage::new();
    let answer = stage.engine.open(SessionKey(1), FEED, offer.to_owned()).await.unwrap();
    stage.end().await;
    answer.sdp
}

#[tokio::test]
async fn each_browser_is_answered_with_all_that_it_takes_and_we_can_send() {
    for (name, offer, h265) in [("chromium", CHROMIUM, 0), ("firefox", FIREFOX, 0), ("safari", SAFARI, 2)] {
        let sdp = answer(offer).await;
        assert!(sdp.contains("a=group:BUNDLE 0 1 2"), "{name}: {sdp}");
        for kind in ["video", "audio"] {
            let lines = section(&sdp, kind);
            for wanted in ["a=sendonly", "a=rtcp-mux"] {
                assert!(lines.contains(&wanted), "{name}: {kind} has no {wanted}: {sdp}");
            }
            assert!(!lines[0].contains(&format!("m={kind} 0 ")), "{name}: {kind} is refused: {sdp}");
            // With two lines this is how a browser tells packets apart where they carry no MID (RFC 8843 §9.2).
            assert!(lines.iter().any(|line| line.starts_with("a=ssrc:")), "{name}: {kind} has no SSRC");
        }
        for (kind, encoding) in [
            ("video", "H264/90000"),
            ("audio", "opus/48000/2"),
            ("audio", "PCMU/8000"),
            ("audio", "PCMA/8000"),
        ] {
            let (ours, theirs) = (numbers(&sdp, kind, encoding), numbers(offer, kind, encoding));
            assert!(
                !ours.is_empty() && ours.iter().all(|pt| theirs.contains(pt)),
                "{name}: {encoding} {ours:?}"
            );
        }
        for odd in ["VP8", "AV1", "G722", "telephone-event", "red/"] {
            assert!(!sdp.contains(odd), "{name}: {odd} is answered: {sdp}");
        }
        assert_eq!(numbers(&sdp, "video", "H265/90000").len(), h265, "{name}: {sdp}");
    }
}

#[tokio::test]
async fn h265_is_answered_with_the_profiles_and_the_level_of_the_viewer() {
    let sdp = answer(SAFARI).await;
    for (pt, profile) in [(100, 1), (102, 2)] {
        let fmtp =
            section(&sdp, "video").into_iter().find_map(|line| line.strip_prefix(&format!("a=fmtp:{pt} ")));
        let fmtp: Vec<&str> =
            fmtp.unwrap_or_else(|| panic!("{pt} has no parameters: {sdp}")).split(';').collect();
        for wanted in [format!("profile-id={profile}").as_str(), "tier-flag=0", "level-id=93"] {
            assert!(fmtp.contains(&wanted), "{pt}: {fmtp:?}");
        }
    }
    // Some name a level alone: Main then (RFC 7798 §7.1).
    let bare =
        SAFARI.replace("level-id=93;profile-id=1;tier-flag=0;tx-mode=SRST", "level-id=93;tx-mode=SRST");
    assert!(numbers(&answer(&bare).await, "video", "H265/90000").contains(&100));
}

#[tokio::test]
async fn a_feed_that_is_known_refuses_offers_without_its_codec() {
    let stage = Stage::new();
    stage.engine.describe(FEED, media(Some(Codec::H265), Some(OPUS)));
    let refused = stage.engine.open(SessionKey(1), FEED, CHROMIUM.to_owned()).await.unwrap_err();
    assert!(matches!(refused, OfferError::CodecUnsupported { .. }), "{refused:?}");
    let words = refused.to_string();
    assert!(words.contains("opus") && words.ends_with("the feed is H265 with OPUS"), "{words}");
    stage.engine.open(SessionKey(1), FEED, SAFARI.to_owned()).await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn an_h265_feed_plays_under_the_number_that_the_viewer_gave_it() {
    let mut stage = Stage::new();
    stage.engine.describe(FEED, media(Some(Codec::H265), None));
    let (mut peer, offer) = Peer::offer_for(stage.clock, Transport::Udp, LOOPBACK, Wish::ALL).await.unwrap();
    let known = numbers(&offer, "video", "H265/90000");
    let answer = stage.engine.open(SessionKey(1), FEED, offer).await.unwrap();
    peer.accept(&answer.sdp).await.unwrap();
    stage.push_gop(30);
    let packets = packets_until(&mut peer, 29).await;
    assert_eq!(packets.len(), 90);
    assert!(packets.iter().all(|packet| known.contains(&packet.payload_type)), "{known:?}");
    stage.end().await;
}

async fn ended(stage: &mut Stage, session: u64) -> EndReason {
    let of = |event: &EngineEvent| match event {
        EngineEvent::Ended(SessionKey(key), reason) if *key == session => Some(*reason),
        _ => None,
    };
    stage.event(of).await
}

#[tokio::test]
async fn a_feed_that_turns_out_as_h265_ends_those_who_cannot_play_it() {
    let mut stage = Stage::new();
    let mut can = stage.connect_for(1, Transport::Udp, Wish::ALL).await;
    let mut cannot = stage.connect_for(2, Transport::Udp, Wish::PICTURES).await;
    cannot.until(PATIENCE, |event| matches!(event, Event::ChannelOpen).then_some(())).await.unwrap();
    let _late = stage.join(3, Transport::Udp).await;
    stage.engine.describe(FEED, media(Some(Codec::H265), None));
    assert_eq!(ended(&mut stage, 2).await, EndReason::CodecUnsupported);
    assert_eq!(ended(&mut stage, 3).await, EndReason::CodecUnsupported);
    cannot.until(PATIENCE, |event| matches!(event, Event::Closed).then_some(())).await.unwrap();
    stage.push_gop(3);
    packets_until(&mut can, 2).await;
    stage.end().await;
}

#[tokio::test]
async fn a_camera_that_comes_back_with_another_codec_goes_on_in_the_same_session() {
    let mut stage = Stage::new();
    stage.engine.describe(FEED, media(Some(Codec::H264), Some(OPUS)));
    let mut peer = stage.connect_for(1, Transport::Udp, Wish { channel: false, ..Wish::ALL }).await;
    stage.push_gop(3);
    stage.sing(OPUS);
    let before = packets_until(&mut peer, 2).await;
    stage.engine.describe(FEED, media(Some(Codec::H265), Some(PCMA)));
    stage.push(false, 2);
    let key = stage.push(true, 2);
    let after = packets_until(&mut peer, key).await;
    assert_eq!(number(&after[0]), key, "what needs pictures of the other codec is not sent");
    assert_ne!(after[0].payload_type, before[0].payload_type);
    let forward = |first: &Packet, then: &Packet| then.timestamp.wrapping_sub(first.timestamp) < 1 << 31;
    assert!(forward(before.last().unwrap(), &after[0]), "time never goes back");
    stage.sing(PCMA);
    let until = stage.clock.now() + Duration::from_secs(5);
    let pcma = loop {
        match peer.next(until).await.unwrap().expect("sound goes on") {
            Event::Sound(packet) => break packet,
            _ => continue,
        }
    };
    assert_eq!(pcma.payload_type, 8);
    stage.end().await;
}

#[tokio::test]
async fn the_same_description_again_changes_nothing() {
    let mut stage = Stage::new();
    let h264 = media(Some(Codec::H264), Some(OPUS));
    stage.engine.describe(FEED, h264);
    let mut peer = stage.connect(1, Transport::Udp).await;
    stage.push_gop(3);
    stage.engine.describe(FEED, h264);
    let last = stage.push(false, 2);
    packets_until(&mut peer, last).await;
    stage.end().await;
}

#[tokio::test]
async fn nobody_is_sent_pictures_in_another_order_than_they_are_shown() {
    let mut stage = Stage::new();
    let _watching = stage.join(1, Transport::Udp).await;
    stage.engine.describe(FEED, FeedMedia { reordered: true, ..media(Some(Codec::H264), None) });
    assert_eq!(ended(&mut stage, 1).await, EndReason::CodecUnsupported);
    let (_, offer) = Peer::offer(stage.clock, Transport::Udp, LOOPBACK).await.unwrap();
    let refused = stage.engine.open(SessionKey(2), FEED, offer).await.unwrap_err();
    assert!(refused.to_string().contains("H264 in B-frame order"), "{refused}");
    stage.end().await;
}

#[tokio::test]
async fn sound_and_pictures_are_of_one_stream() {
    let stage = Stage::new();
    stage.engine.describe(FEED, media(Some(Codec::H264), Some(OPUS)));
    let answer = stage.engine.open(SessionKey(1), FEED, CHROMIUM.to_owned()).await.unwrap();
    let streams: Vec<&str> = answer.sdp.lines().filter_map(|line| line.split("msid:").nth(1)).collect();
    let of = |named: &&str| named.split(' ').next().map(str::to_owned);
    assert!(streams.len() >= 4, "a line each, and one for its source: {streams:?}");
    assert!(streams.iter().all(|named| of(named) == of(&streams[0])), "{streams:?}");
    let tracks: std::collections::BTreeSet<_> =
        streams.iter().filter_map(|named| named.split(' ').nth(1)).collect();
    assert_eq!(tracks.len(), 2, "and still two tracks: {streams:?}");
    stage.end().await;
}
