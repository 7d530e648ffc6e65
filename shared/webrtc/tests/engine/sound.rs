use std::{sync::Arc, time::Duration};

use sluice_load::{Event, Packet, Peer, SenderReport, Transport, Wish};
use sluice_media::Codec;
use sluice_webrtc::{AudioKind, AudioPacket, EngineEvent, Frame, SessionKey};

use crate::stage::{FEED, OPUS, PATIENCE, PCMA, Stage, media, number, packets_until};

/// Sings until the peer hears `count` packets; what it heard, in order.
async fn heard(stage: &mut Stage, peer: &mut Peer, kind: AudioKind, count: usize) -> Vec<Packet> {
    let (mut sounds, limit) = (Vec::new(), stage.clock.now() + PATIENCE);
    while sounds.len() < count {
        assert!(stage.clock.now() < limit, "{} of {count} sounds came", sounds.len());
        stage.sing(kind);
        let until = stage.clock.now() + Duration::from_millis(20);
        while let Some(event) = peer.next(until).await.unwrap() {
            if let Event::Sound(packet) = event {
                sounds.push(packet);
            }
        }
    }
    sounds
}

/// Sounds that come within a while of singing.
async fn overheard(stage: &mut Stage, peer: &mut Peer, kind: AudioKind) -> usize {
    let mut count = 0;
    for _ in 0..10 {
        stage.sing(kind);
        let until = stage.clock.now() + Duration::from_millis(20);
        while let Some(event) = peer.next(until).await.unwrap() {
            count += usize::from(matches!(event, Event::Sound(_)));
        }
    }
    count
}

async fn channel(peer: &mut Peer) {
    peer.until(PATIENCE, |event| matches!(event, Event::ChannelOpen).then_some(())).await.unwrap();
}

#[tokio::test]
async fn a_player_hears_a_feed_from_when_it_asks_until_it_asks_no_more() {
    let mut stage = Stage::new();
    stage.engine.describe(FEED, media(Some(Codec::H264), Some(OPUS)));
    let mut peer = stage.connect_for(1, Transport::Udp, Wish::ALL).await;
    channel(&mut peer).await;
    assert_eq!(overheard(&mut stage, &mut peer, OPUS).await, 0);
    assert!(peer.say(r#"{"audio":true}"#));
    let sounds = heard(&mut stage, &mut peer, OPUS, 10).await;
    assert!(sounds[0].sequence < 65_536, "the rollover counter begins at zero");
    for (at, pair) in sounds.windows(2).enumerate() {
        assert_eq!(
            (number(&pair[1]), pair[1].sequence),
            (number(&pair[0]) + 1, pair[0].sequence + 1),
            "{at}"
        );
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 960);
        assert_eq!(pair[1].payload.len(), 160);
    }
    let asked = stage.count("audio_packets_total");
    assert!(asked >= 20, "all of them were handed in: {asked}");
    assert!(peer.say(r#"{ "audio": false }"#));
    let mut still = usize::MAX;
    for _ in 0..20 {
        still = overheard(&mut stage, &mut peer, OPUS).await;
        if still == 0 {
            break;
        }
    }
    assert_eq!(still, 0);
    while let Ok(event) = stage.events.try_recv() {
        assert!(!matches!(event, EngineEvent::Message(..)), "the engine keeps its own messages: {event:?}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_standard_player_hears_at_once() {
    let mut stage = Stage::new();
    stage.engine.describe(FEED, media(Some(Codec::H264), Some(PCMA)));
    let mut peer = stage.connect_for(1, Transport::Udp, Wish { channel: false, ..Wish::ALL }).await;
    let sounds = heard(&mut stage, &mut peer, PCMA, 5).await;
    assert_eq!(sounds[1].timestamp.wrapping_sub(sounds[0].timestamp), 160);
    stage.end().await;
}

#[tokio::test]
async fn sound_alone_is_played_to_those_who_take_it() {
    let mut stage = Stage::new();
    stage.engine.describe(FEED, media(None, Some(PCMA)));
    let mut peer = stage.connect_for(1, Transport::Udp, Wish { channel: false, ..Wish::ALL }).await;
    heard(&mut stage, &mut peer, PCMA, 5).await;
    let (_, offer) = Peer::offer(stage.clock, Transport::Udp, crate::stage::LOOPBACK).await.unwrap();
    let refused = stage.engine.open(SessionKey(2), FEED, offer).await.unwrap_err();
    assert_eq!(refused.to_string(), "the viewer takes H264, the feed is PCMA");
    assert_eq!(stage.count("key_frames_wanted_total"), 0, "there are no pictures to ask for");
    stage.end().await;
}

#[tokio::test]
async fn sound_that_no_browser_takes_is_left_out_and_the_pictures_stay() {
    let mut stage = Stage::new();
    let odd = AudioKind { codec: Codec::Pcmu, clock_rate: 16_000 };
    stage.engine.describe(FEED, media(Some(Codec::H264), Some(odd)));
    let mut peer = stage.connect_for(1, Transport::Udp, Wish { channel: false, ..Wish::ALL }).await;
    assert_eq!(overheard(&mut stage, &mut peer, odd).await, 0);
    stage.push_gop(3);
    packets_until(&mut peer, 2).await;
    stage.end().await;
}

/// What was captured when, as packets and sender reports tell it.
#[derive(Default)]
struct Ledger {
    packets: Vec<(bool, u32, i64)>,
    reports: Vec<SenderReport>,
}

impl Ledger {
    fn note(&mut self, event: Event) {
        match event {
            Event::Packet(packet) => self.packets.push((false, packet.timestamp, number(&packet))),
            Event::Sound(packet) => self.packets.push((true, packet.timestamp, number(&packet))),
            Event::Report(report) => self.reports.push(report),
            _ => {}
        }
    }

    /// How far the capture times that a line's reports tell are from the true ones, in milliseconds. Payloads
    /// carry the true ones.
    fn errors(&self, audio: bool, rate: i64) -> Vec<i64> {
        let mut errors = Vec::new();
        for report in self.reports.iter().filter(|report| report.audio == audio) {
            for (_, rtp, captured_at_ms) in self.packets.iter().filter(|(sound, ..)| *sound == audio) {
                let ticks = i64::from(rtp.wrapping_sub(report.rtp) as i32);
                errors.push(report.unix_micros / 1_000 + ticks * 1_000 / rate - captured_at_ms);
            }
        }
        errors
    }
}

/// Pictures that need 120 ms longer to the engine than sound, a camera that begins new clocks in between, and a
/// burst of old pictures: the reports of both lines still tell when each was captured.
#[tokio::test]
async fn reports_put_sound_and_pictures_on_one_clock() {
    const TICK: Duration = Duration::from_millis(20);
    let mut stage = Stage::new();
    stage.engine.describe(FEED, media(Some(Codec::H264), Some(OPUS)));
    let (start, began_ms) = (stage.clock.now(), stage.clock.unix_millis());
    // The cached pictures that a late viewer is sent first.
    for at in 0..25 {
        stage.engine.push(FEED, Arc::new(picture(at == 0, at * 3_600, began_ms - 1_120 + at * 40)));
    }
    let mut peer = stage.connect_for(1, Transport::Udp, Wish { channel: false, ..Wish::ALL }).await;
    let mut ledger = Ledger::default();
    let offset = i64::try_from((stage.clock.now() - start).as_millis()).unwrap();
    let (begin, begin_ms) = (stage.clock.now(), began_ms + offset);
    for at in 0..160_i64 {
        let now_ms = begin_ms + at * 20;
        let clock = if at < 60 { 500_000_000 } else { 70 };
        stage.engine.push_audio(FEED, Arc::new(sound(clock + at * 960, now_ms)));
        if at % 2 == 0 {
            let timestamp = clock + (at / 2 + 25) * 3_600;
            stage.engine.push(FEED, Arc::new(picture(at == 0 || at == 60, timestamp, now_ms - 120)));
        }
        let next = begin + TICK * u32::try_from(at + 1).unwrap();
        while let Some(event) = peer.next(next).await.unwrap() {
            ledger.note(event);
        }
    }
    for (audio, rate) in [(false, 90_000), (true, 48_000)] {
        let errors = ledger.errors(audio, rate);
        assert!(errors.len() > 150, "reports and packets of both lines came: {}", errors.len());
        let worst = errors.iter().max_by_key(|error| error.abs()).unwrap();
        assert!(worst.abs() <= 10, "audio {audio}: off by {worst} ms");
    }
    stage.end().await;
}

fn sound(timestamp: i64, captured_at_ms: i64) -> AudioPacket {
    AudioPacket { timestamp, payload: telling(captured_at_ms), captured_at_ms }
}

fn picture(key: bool, timestamp: i64, captured_at_ms: i64) -> Frame {
    let payload = telling(captured_at_ms);
    Frame { timestamp, key, size: payload.len(), payloads: vec![payload], captured_at_ms }
}

/// A payload that tells a number where [`number`] finds it.
fn telling(number: i64) -> Arc<[u8]> {
    let mut payload = vec![0x65; 100];
    payload[1..9].copy_from_slice(&number.to_be_bytes());
    payload.into()
}
