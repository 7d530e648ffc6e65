use std::{sync::Arc, time::Duration};

use sluice_load::{Event, Packet, Peer, Tally, Transport, Wish};
use sluice_media::Codec;
use sluice_webrtc::{AudioPacket, EngineEvent, FeedId, Frame, SessionKey, SwitchError};

use crate::stage::{FEED, OPUS, PATIENCE, Stage, frame, media, number, packets_until};

const OTHER: FeedId = FeedId(8);
const THIRD: FeedId = FeedId(9);

/// A frame of another tier: its own clock, its own numbers from 10,000 on, taken when frame `at` of the first is.
fn other(stage: &Stage, at: i64, key: bool) -> Arc<Frame> {
    let told = frame(10_000 + at, key, 5, stage.epoch_ms - 10_000 * 40);
    Arc::new(Frame { timestamp: 777_000_000 + at * 3_600, ..told })
}

/// A viewer who has seen the first three frames.
async fn watching(stage: &mut Stage) -> (Peer, Vec<Packet>) {
    let mut peer = stage.connect_for(1, Transport::Udp, Wish::ALL).await;
    stage.push_gop(3);
    let packets = packets_until(&mut peer, 2).await;
    (peer, packets)
}

/// What the engine says of a viewer's move.
async fn moved(stage: &mut Stage) -> Result<FeedId, (FeedId, SwitchError)> {
    stage
        .event(|event| match event {
            EngineEvent::Switched(SessionKey(1), feed) => Some(Ok(*feed)),
            EngineEvent::Stayed(SessionKey(1), feed, why) => Some(Err((*feed, *why))),
            _ => None,
        })
        .await
}

/// Waits until the engine has begun to move a viewer to a feed without pictures: it asks for a key frame.
async fn begun(stage: &mut Stage, feed: FeedId) {
    stage.engine.switch(SessionKey(1), feed);
    stage.event(|event| (*event == EngineEvent::KeyFrameWanted(feed)).then_some(())).await;
}

#[tokio::test]
async fn a_viewer_moves_to_another_feed_within_its_session_and_misses_nothing() {
    let mut stage = Stage::new();
    let (mut peer, mut sent) = watching(&mut stage).await;
    begun(&mut stage, OTHER).await;
    stage.engine.push(OTHER, other(&stage, 2, false));
    stage.push(false, 3);
    stage.push(false, 3);
    sent.extend(packets_until(&mut peer, 4).await);
    stage.engine.push(OTHER, other(&stage, 6, true));
    assert_eq!(moved(&mut stage).await, Ok(OTHER));
    stage.push(false, 3);
    stage.engine.push(OTHER, other(&stage, 7, false));
    sent.extend(packets_until(&mut peer, 10_007).await);
    let (first, begins) =
        (sent[0].timestamp, sent.iter().position(|packet| number(packet) >= 10_000).unwrap());
    assert!(sent.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1), "one line of numbers");
    assert_eq!((number(&sent[begins - 1]), number(&sent[begins])), (4, 10_006));
    let ticks: Vec<u32> = sent
        .iter()
        .filter(|packet| packet.marker)
        .map(|packet| packet.timestamp.wrapping_sub(first))
        .collect();
    assert_eq!(ticks, [0, 1, 2, 3, 4, 6, 7].map(|at| at * 3_600), "on one wall clock");
    assert_eq!(sent.len() - begins, 10, "and nothing of the old feed any more");
    assert_eq!((stage.count("switches_total"), stage.count("cuts_total")), (1, 0));
    stage.end().await;
}

#[tokio::test]
async fn the_age_that_is_told_follows_the_new_feed() {
    let mut stage = Stage::new();
    let (mut peer, _) = watching(&mut stage).await;
    begun(&mut stage, OTHER).await;
    stage.engine.push(OTHER, other(&stage, 50, true));
    assert_eq!(moved(&mut stage).await, Ok(OTHER));
    let epoch_ms = stage.epoch_ms;
    let told = peer.until(PATIENCE, |event| match event {
        Event::Text(text) => {
            let told: serde_json::Value = serde_json::from_str(text).unwrap();
            (told["captured_at_ms"] == epoch_ms + 2_000).then_some(told)
        }
        _ => None,
    });
    assert!(told.await.unwrap()["rtp"].is_u64());
    stage.end().await;
}

#[tokio::test]
async fn the_last_of_two_moves_counts() {
    let mut stage = Stage::new();
    let (mut peer, _) = watching(&mut stage).await;
    begun(&mut stage, OTHER).await;
    begun(&mut stage, THIRD).await;
    stage.engine.push(OTHER, other(&stage, 10, true));
    stage.engine.push(THIRD, other(&stage, 20, true));
    assert_eq!(moved(&mut stage).await, Ok(THIRD));
    let packets = packets_until(&mut peer, 10_020).await;
    assert!(packets.iter().all(|packet| number(packet) != 10_010), "nothing of the feed passed over");
    stage.engine.switch(SessionKey(1), OTHER);
    stage.engine.switch(SessionKey(1), THIRD);
    assert_eq!(moved(&mut stage).await, Ok(THIRD), "called off");
    stage.end().await;
}

#[tokio::test]
async fn a_feed_that_never_comes_leaves_the_viewer_where_it_is() {
    let mut stage = Stage::with_switch_patience(Duration::from_millis(300));
    let (mut peer, _) = watching(&mut stage).await;
    begun(&mut stage, OTHER).await;
    assert_eq!(moved(&mut stage).await, Err((OTHER, SwitchError::NoPicture)));
    begun(&mut stage, THIRD).await;
    stage.engine.push(THIRD, other(&stage, 1, false));
    assert_eq!(moved(&mut stage).await, Err((THIRD, SwitchError::NoKeyFrame)));
    stage.engine.push(THIRD, other(&stage, 90, true));
    stage.push(false, 3);
    let packets = packets_until(&mut peer, 3).await;
    assert!(packets.iter().all(|packet| number(packet) == 3));
    assert_eq!(stage.count("switches_failed_total"), 2);
    stage.engine.switch(SessionKey(5), OTHER);
    let unknown = EngineEvent::Stayed(SessionKey(5), OTHER, SwitchError::Unknown);
    stage.event(|event| (*event == unknown).then_some(())).await;
    stage.end().await;
}

#[tokio::test]
async fn a_feed_that_the_viewer_does_not_take_is_refused_whenever_that_shows() {
    let mut stage = Stage::new();
    let mut peer = stage.connect(1, Transport::Udp).await;
    stage.push_gop(3);
    packets_until(&mut peer, 2).await;
    stage.engine.describe(OTHER, media(Some(Codec::H265), None));
    stage.engine.push(OTHER, other(&stage, 1, true));
    stage.reaches("frames_total", 4).await;
    stage.engine.switch(SessionKey(1), OTHER);
    assert_eq!(moved(&mut stage).await, Err((OTHER, SwitchError::CodecUnsupported)));
    begun(&mut stage, THIRD).await;
    let reordered = sluice_webrtc::FeedMedia { reordered: true, ..media(Some(Codec::H264), None) };
    stage.engine.describe(THIRD, reordered);
    assert_eq!(moved(&mut stage).await, Err((THIRD, SwitchError::CodecUnsupported)));
    stage.push(false, 3);
    packets_until(&mut peer, 3).await;
    stage.end().await;
}

#[tokio::test]
async fn a_viewer_may_leave_on_its_way() {
    let mut stage = Stage::new();
    let (peer, _) = watching(&mut stage).await;
    begun(&mut stage, OTHER).await;
    stage.engine.close(SessionKey(1));
    while stage.engine.trickle(SessionKey(1), String::new()).await.is_ok() {
        stage.clock.sleep(Duration::from_millis(2)).await;
    }
    let frames = stage.count("frames_total");
    stage.engine.push(OTHER, other(&stage, 9, true));
    stage.reaches("frames_total", frames + 1).await;
    let mut stays = stage.connect(2, Transport::Udp).await;
    stage.push(true, 3);
    packets_until(&mut stays, 3).await;
    assert_eq!(stage.count("switches_total"), 0);
    drop(peer);
    stage.end().await;
}

#[tokio::test]
async fn what_was_lost_of_the_old_feed_is_sent_again_after_the_move() {
    let mut stage = Stage::new();
    let (mut peer, before) = watching(&mut stage).await;
    let mut tally = Tally::default();
    peer.lose(2);
    stage.push(false, 3);
    let rest = packets_until(&mut peer, 3).await;
    for packet in before.iter().chain(&rest) {
        tally.packet(packet, 0);
    }
    begun(&mut stage, OTHER).await;
    stage.engine.push(OTHER, other(&stage, 6, true));
    assert_eq!(moved(&mut stage).await, Ok(OTHER));
    for at in 7..12 {
        stage.engine.push(OTHER, other(&stage, at, false));
    }
    let whole = 9 + 3 + 6 * 5;
    peer.until(PATIENCE, |event| {
        if let Event::Packet(packet) = event {
            tally.packet(packet, 0);
        }
        (tally.packets() == whole).then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error}: {} packets, {} lost", tally.packets(), tally.lost()));
    assert_eq!(tally.lost(), 0);
    assert!(stage.count("packets_resent_total") >= 2);
    stage.end().await;
}

#[tokio::test]
async fn sound_moves_with_the_pictures() {
    let mut stage = Stage::new();
    stage.engine.describe(FEED, media(Some(Codec::H264), Some(OPUS)));
    stage.engine.describe(OTHER, media(Some(Codec::H264), Some(OPUS)));
    let mut peer = stage.connect_for(1, Transport::Udp, Wish { channel: false, ..Wish::ALL }).await;
    stage.push_gop(2);
    stage.sing(OPUS);
    let first = heard(&mut peer).await;
    begun(&mut stage, OTHER).await;
    stage.engine.push(OTHER, other(&stage, 10, true));
    assert_eq!(moved(&mut stage).await, Ok(OTHER));
    stage.sing(OPUS);
    let mut payload = vec![0x5a; 160];
    payload[1..9].copy_from_slice(&500_i64.to_be_bytes());
    let captured_at_ms = stage.epoch_ms + 400;
    let packet = AudioPacket { timestamp: 3, payload: payload.into(), captured_at_ms };
    stage.engine.push_audio(OTHER, Arc::new(packet));
    let second = heard(&mut peer).await;
    assert_eq!((number(&second), second.sequence), (500, first.sequence + 1), "nothing of the old feed");
    assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 400 * 48, "on one wall clock");
    stage.end().await;
}

async fn heard(peer: &mut Peer) -> Packet {
    let sound = |event: &Event| match event {
        Event::Sound(packet) => Some(packet.clone()),
        _ => None,
    };
    peer.until(PATIENCE, sound).await.unwrap()
}
