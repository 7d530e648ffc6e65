use std::time::Duration;

use sluice_load::{Event, Packet, Peer, Tally, Transport};
use sluice_webrtc::{EngineEvent, SessionKey};

use crate::stage::{FEED, LOOPBACK, PATIENCE, Stage, number, packets_until};

/// Distinct timestamps in the order they came.
fn timestamps(packets: &[Packet]) -> Vec<u32> {
    let mut seen: Vec<u32> = packets.iter().map(|packet| packet.timestamp).collect();
    seen.dedup();
    seen
}

fn steps(timestamps: &[u32]) -> Vec<u32> {
    timestamps.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect()
}

/// Nothing that was pushed before this can still be on its way.
async fn quiet(peer: &mut Peer, stage: &Stage) -> Vec<Packet> {
    let (mut packets, until) = (Vec::new(), stage.clock.now() + Duration::from_millis(150));
    while let Some(event) = peer.next(until).await.unwrap() {
        if let Event::Packet(packet) = event {
            packets.push(packet);
        }
    }
    packets
}

#[tokio::test]
async fn a_viewer_receives_every_packet_of_every_frame_as_it_was_pushed() {
    let mut stage = Stage::new();
    let mut peer = stage.connect(1, Transport::Udp).await;
    stage.push_gop(10);
    let packets = packets_until(&mut peer, 9).await;
    assert_eq!(packets.len(), 30);
    assert!(packets[0].sequence < 65_536, "the rollover counter begins at zero");
    for (at, packet) in packets.iter().enumerate() {
        assert_eq!(packet.sequence, packets[0].sequence + at as u64);
        assert_eq!(packet.marker, at % 3 == 2);
        assert_eq!(packet.payload.len(), 1_100);
        assert_eq!((number(packet), packet.payload[9]), (at as i64 / 3, (at % 3) as u8));
    }
    assert_eq!(steps(&timestamps(&packets)), [3_600; 9]);
    stage.end().await;
}

#[tokio::test]
async fn a_late_joiner_gets_the_cached_gop_at_once_and_live_frames_behind_it() {
    let mut stage = Stage::new();
    stage.push_gop(50);
    stage.push_gop(20);
    let mut peer = stage.connect(1, Transport::Udp).await;
    let first = packets_until(&mut peer, 69).await;
    assert_eq!(number(&first[0]), 50, "the newest GOP, from its key frame");
    stage.push(false, 3);
    let live = packets_until(&mut peer, 70).await;
    let all: Vec<Packet> = first.into_iter().chain(live).collect();
    assert_eq!(steps(&timestamps(&all)), [3_600; 20], "original distances");
    assert_eq!(stage.count("bursts_total"), 1);
    stage.end().await;
}

#[tokio::test]
async fn without_a_picture_in_memory_a_key_frame_is_asked_for() {
    let mut stage = Stage::new();
    let mut peer = stage.connect(1, Transport::Udp).await;
    stage.event(|event| (*event == EngineEvent::KeyFrameWanted(FEED)).then_some(())).await;
    stage.push(false, 2);
    stage.push(false, 2);
    let key = stage.push(true, 2);
    let packets = packets_until(&mut peer, key).await;
    assert!(packets.iter().all(|packet| number(packet) == key), "nothing before the key frame");
    stage.end().await;
}

#[tokio::test]
async fn a_gap_in_the_feed_cuts_to_the_next_key_frame() {
    let mut stage = Stage::new();
    let mut peer = stage.connect(1, Transport::Udp).await;
    stage.push_gop(3);
    packets_until(&mut peer, 2).await;
    stage.engine.discontinuity(FEED);
    stage.push(false, 2);
    stage.push(false, 2);
    assert!(quiet(&mut peer, &stage).await.is_empty());
    let mut late = stage.connect(2, Transport::Udp).await;
    assert!(quiet(&mut late, &stage).await.is_empty(), "what was cached leads nowhere");
    let key = stage.push(true, 2);
    assert_eq!(packets_until(&mut peer, key).await.len(), 2);
    assert_eq!(packets_until(&mut late, key).await.len(), 2);
    stage.end().await;
}

#[tokio::test]
async fn lost_packets_are_sent_again() {
    let mut stage = Stage::new();
    let mut peer = stage.connect(1, Transport::Udp).await;
    stage.push_gop(5);
    let mut tally = Tally::default();
    for packet in packets_until(&mut peer, 4).await {
        tally.packet(&packet, 0);
    }
    peer.lose(4);
    for _ in 0..6 {
        stage.push(false, 3);
    }
    peer.until(PATIENCE, |event| {
        if let Event::Packet(packet) = event {
            tally.packet(packet, 0);
        }
        (tally.packets() == 33).then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error}: {} packets, {} lost", tally.packets(), tally.lost()));
    assert_eq!((tally.lost(), tally.late() > 0, tally.frames().len()), (0, true, 11));
    assert!(stage.count("packets_resent_total") >= 4);
    stage.end().await;
}

#[tokio::test]
async fn packets_are_sent_again_after_what_a_burst_left_is_forgotten() {
    let mut stage = Stage::new();
    stage.push_gop(40);
    let mut peer = stage.connect(1, Transport::Udp).await;
    let mut tally = Tally::default();
    for packet in packets_until(&mut peer, 39).await {
        tally.packet(&packet, 0);
    }
    let later = stage.clock.now() + Duration::from_millis(1_100);
    while peer.next(later).await.unwrap().is_some() {}
    stage.push(true, 3);
    for packet in packets_until(&mut peer, 40).await {
        tally.packet(&packet, 0);
    }
    peer.lose(4);
    for _ in 0..6 {
        stage.push(false, 3);
    }
    peer.until(PATIENCE, |event| {
        if let Event::Packet(packet) = event {
            tally.packet(packet, 0);
        }
        (tally.packets() == 141).then_some(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error}: {} packets, {} lost", tally.packets(), tally.lost()));
    assert_eq!((tally.lost(), tally.frames().len()), (0, 47));
    stage.end().await;
}

#[tokio::test]
async fn a_lost_picture_is_mended_from_memory_within_one_frame_of_time() {
    let mut stage = Stage::new();
    let mut peer = stage.connect(1, Transport::Udp).await;
    stage.push_gop(20);
    let before = packets_until(&mut peer, 19).await;
    while stage.events.try_recv().is_ok() {}
    peer.request_key_frame();
    let again = packets_until(&mut peer, 19).await;
    assert_eq!(number(&again[0]), 0, "from the key frame on");
    stage.push(false, 3);
    let live = packets_until(&mut peer, 20).await;
    let base = before[0].timestamp;
    let at = |packet: &Packet| packet.timestamp.wrapping_sub(base);
    assert_eq!(at(&live[0]), 20 * 3_600, "live frames keep their place");
    assert!(again.iter().all(|packet| (19 * 3_600..20 * 3_600).contains(&at(packet))));
    let sent: Vec<Packet> = before.into_iter().chain(again).chain(live).collect();
    assert!(sent.windows(2).all(|pair| pair[1].sequence == pair[0].sequence + 1));
    assert!(steps(&timestamps(&sent)).iter().all(|step| (1..=3_600).contains(step)), "time never goes back");
    assert_eq!((stage.count("rebursts_total"), stage.count("picture_losses_total")), (1, 1));
    stage.end().await;
}

#[tokio::test]
async fn a_lost_picture_asks_the_camera_at_most_once_a_second() {
    let mut stage = Stage::new();
    let mut peer = stage.connect(1, Transport::Udp).await;
    stage.event(|event| (*event == EngineEvent::KeyFrameWanted(FEED)).then_some(())).await;
    stage.push_gop(2);
    packets_until(&mut peer, 1).await;
    peer.request_key_frame();
    quiet(&mut peer, &stage).await;
    assert_eq!(stage.count("picture_losses_total"), 1);
    assert_eq!(stage.count("key_frames_wanted_total"), 1, "the join asked within this second");
    stage.clock.sleep(Duration::from_millis(1_050)).await;
    peer.request_key_frame();
    quiet(&mut peer, &stage).await;
    stage.event(|event| (*event == EngineEvent::KeyFrameWanted(FEED)).then_some(())).await;
    stage.end().await;
}

#[tokio::test]
async fn the_data_channel_tells_how_old_pictures_are_and_carries_text_back() {
    let mut stage = Stage::new();
    stage.push_gop(5);
    let mut peer = stage.connect(1, Transport::Udp).await;
    let mut last = None;
    let text = peer
        .until(PATIENCE, |event| match event {
            Event::Packet(packet) => {
                last = Some(packet.clone());
                None
            }
            Event::Text(text) => Some(text.clone()),
            _ => None,
        })
        .await
        .unwrap();
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["rtp"].as_u64().unwrap(), u64::from(last.unwrap().timestamp));
    let age = told["node_now_ms"].as_i64().unwrap() - told["captured_at_ms"].as_i64().unwrap();
    assert!((-160..2_000).contains(&age), "{told}");
    assert!(peer.say("stalled"));
    peer.next(stage.clock.now() + Duration::from_millis(50)).await.unwrap();
    let said = stage
        .event(|event| match event {
            EngineEvent::Message(SessionKey(1), text) => Some(text.clone()),
            _ => None,
        })
        .await;
    assert_eq!(said, "stalled");
    stage.end().await;
}

#[tokio::test]
async fn a_viewer_is_answered_on_the_path_its_handshake_came_before_it_names_one() {
    let mut stage = Stage::new();
    stage.push_gop(3);
    let (mut peer, offer) = Peer::offer(stage.clock, Transport::Udp, LOOPBACK).await.unwrap();
    peer.nominate_none();
    let answer = stage.engine.open(SessionKey(1), FEED, offer).await.unwrap();
    peer.accept(&answer.sdp).await.unwrap();
    peer.until(PATIENCE, |event| matches!(event, Event::Connected).then_some(())).await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn a_viewer_without_udp_connects_by_tcp() {
    let mut stage = Stage::new();
    stage.push_gop(30);
    let mut peer = stage.connect(1, Transport::Tcp).await;
    assert_eq!(packets_until(&mut peer, 29).await.len(), 90);
    stage.push(false, 3);
    assert_eq!(packets_until(&mut peer, 30).await.len(), 3);
    stage.end().await;
}

#[tokio::test]
async fn many_viewers_share_one_feed_and_each_gets_all_of_it() {
    const VIEWERS: u64 = 25;
    let mut stage = Stage::new();
    let mut peers = Vec::new();
    for session in 0..VIEWERS {
        peers.push(stage.connect(session, Transport::Udp).await);
    }
    stage.push_gop(10);
    for peer in &mut peers {
        assert_eq!(packets_until(peer, 9).await.len(), 30);
    }
    assert!(stage.count("sends_total") < VIEWERS * 30, "packets of a frame leave together");
    assert_eq!((stage.count("packets_unsent_total"), stage.count("cuts_total")), (0, 0));
    stage.end().await;
}

#[tokio::test]
async fn a_large_burst_is_paced() {
    let mut stage = Stage::new();
    for at in 0..100 {
        stage.push(at == 0, 10);
    }
    let mut peer = stage.connect(1, Transport::Udp).await;
    let packets = packets_until(&mut peer, 99).await;
    assert_eq!(packets.len(), 1_000);
    let took = packets[999].at - packets[0].at;
    assert!(took > Duration::from_millis(70), "1.1 MB took {took:?} at 100 Mbit/s");
    assert!(took < Duration::from_secs(2), "1.1 MB took {took:?} at 100 Mbit/s");
    stage.end().await;
}

#[tokio::test]
async fn a_camera_whose_clock_is_set_is_told_of_at_once_and_not_with_the_next_routine() {
    let mut stage = Stage::new();
    stage.push_gop(3);
    let mut peer = stage.connect(1, Transport::Udp).await;
    let (mut captured, mut said) = (Vec::new(), Vec::new());
    let started = stage.clock.now();
    while captured.len() < 2 {
        assert!(stage.clock.now() - started < PATIENCE, "told of {captured:?} alone");
        stage.push(captured.is_empty(), 1);
        let until = stage.clock.now() + Duration::from_millis(40);
        while let Some(event) = peer.next(until).await.unwrap() {
            if let Event::Text(text) = event {
                let told: serde_json::Value = serde_json::from_str(&text).unwrap();
                let base = told["captured_at_ms"].as_i64().unwrap() - told["rtp"].as_i64().unwrap() / 90;
                captured.push(base);
                said.push(told["node_now_ms"].as_i64().unwrap());
                // Less than what would be taken for a new clock.
                stage.epoch_ms += 5_000;
            }
        }
    }
    assert!((4_900..5_100).contains(&(captured[1] - captured[0])), "{captured:?}");
    assert!(said[1] - said[0] < 3_500, "only with the routine, after four seconds: {said:?}");
    stage.end().await;
}

#[tokio::test]
async fn while_no_picture_comes_a_viewer_hears_that_the_node_is_there() {
    let mut stage = Stage::new();
    stage.push_gop(3);
    let mut peer = stage.connect(1, Transport::Udp).await;
    let mut said = Vec::new();
    while said.len() < 3 {
        let text = |event: &Event| if let Event::Text(text) = event { Some(text.clone()) } else { None };
        let told: serde_json::Value =
            serde_json::from_str(&peer.until(PATIENCE, text).await.unwrap()).unwrap();
        said.push(told["node_now_ms"].as_i64().unwrap());
    }
    // Each second; with pictures it would be eight.
    assert!(said[2] - said[0] < 6_000, "{said:?}");
    stage.end().await;
}
