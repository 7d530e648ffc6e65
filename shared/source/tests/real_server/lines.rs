//! Picture and sound of one session, in every codec that is carried.

use std::time::Duration;

use sluice_camsim::{AudioCodec, Camsim, CamsimConfig, Delivery, Fault, Tier, TierConfig, VideoCodec};
use sluice_media::Codec;
use sluice_source::{Event, ReasonCode, Settings, Start, State, Subscription, Transport};

use crate::camera::{Camera, Rig, next};

/// A camera whose loops are there already: nothing is encoded.
fn configured(video: VideoCodec, audio: AudioCodec) -> CamsimConfig {
    CamsimConfig {
        main: None,
        sub: Some(TierConfig::sized(640, 360).coded(video)),
        audio: Some(audio),
        delivery: Delivery::Replay,
        fps: 25,
        ..CamsimConfig::default()
    }
}

async fn simulated(video: VideoCodec, audio: AudioCodec) -> Camsim {
    Camsim::start(configured(video, audio)).await.unwrap()
}

fn settings(camsim: &Camsim) -> Settings {
    Settings::new("test", camsim.camera(1).url(Tier::Sub).parse().unwrap())
}

/// What came of two lines.
#[derive(Debug, Default)]
struct Heard {
    pictures: usize,
    keys: usize,
    sounds: usize,
    gaps: usize,
    starts: usize,
    ssrcs: Vec<u32>,
    /// Of the last unit of each.
    picture_ms: i64,
    sound_ms: i64,
}

/// Listens until `enough` is. Each line comes in order and without a hole, each behind its own introduction.
async fn hear(subscription: &mut Subscription, enough: impl Fn(&Heard) -> bool) -> Heard {
    let (mut heard, mut expected) = (Heard::default(), std::collections::HashMap::new());
    let mut video = None;
    while !enough(&heard) {
        match next(subscription).await {
            Event::Started { presentation } => {
                let received: Vec<usize> = presentation.received().map(|line| line.index).collect();
                assert_eq!(received.len(), 2, "{presentation:?}");
                assert!(presentation.received().next().unwrap().codec().unwrap().is_video());
                video = received.first().copied();
                heard.starts += 1;
                expected.clear();
            }
            Event::Epoch { line, first_sequence, ssrc } => {
                expected.insert(line, first_sequence);
                heard.ssrcs.push(ssrc);
            }
            Event::Unit { line, unit, .. } => {
                assert_eq!(expected.get(&line), Some(&unit.first_sequence), "line {line} in order");
                expected.insert(line, unit.last_sequence() + 1);
                if video == Some(line) {
                    assert!(heard.pictures > 0 || unit.key.is_some(), "a key frame first");
                    heard.pictures += 1;
                    heard.keys += usize::from(unit.key.is_some());
                    heard.picture_ms = unit.captured_at_ms;
                } else {
                    assert!(heard.pictures > 0, "no sound before the picture");
                    heard.sounds += 1;
                    heard.sound_ms = unit.captured_at_ms;
                }
            }
            Event::Gap { line, from, to } => {
                heard.gaps += 1;
                assert_eq!(expected.insert(line, to + 1), Some(from));
            }
            Event::Rtcp { .. } | Event::State(_) => {}
        }
    }
    heard
}

#[tokio::test]
async fn every_codec_is_pulled_with_its_picture() {
    let audio = [AudioCodec::Pcmu, AudioCodec::Pcma, AudioCodec::Aac, AudioCodec::Latm, AudioCodec::Opus];
    for (n, audio) in audio.into_iter().enumerate() {
        let (video, codec) = if n % 2 == 0 { (VideoCodec::H265, "hvc1") } else { (VideoCodec::H264, "avc1") };
        let camsim = simulated(video, audio).await;
        let rig = Rig::new(settings(&camsim));
        let mut subscription = rig.source.subscribe(Start::Cached).await;
        let heard = hear(&mut subscription, |heard| heard.pictures >= 30 && heard.sounds >= 30).await;
        assert_eq!((heard.gaps, heard.starts), (0, 1), "{heard:?}");
        let apart = (heard.picture_ms - heard.sound_ms).abs();
        assert!(apart < 250, "picture and sound are {apart} ms apart");
        let status = rig.source.status().borrow().clone();
        let (video, sound) = (status.video.unwrap(), status.sound.unwrap());
        assert!(video.codec.starts_with(codec), "{video:?}");
        assert_eq!((video.width, video.height, video.b_frames), (640, 360, false));
        assert!(sound.rate >= 8_000 && (1..=2).contains(&sound.channels), "{sound:?}");
        assert!(rig.scope.close(Duration::from_secs(5)).await && camsim.stop().await);
    }
}

#[tokio::test]
async fn a_late_subscriber_gets_the_sound_since_the_key_frame() {
    let camsim = simulated(VideoCodec::H265, AudioCodec::Aac).await;
    let rig = Rig::new(settings(&camsim));
    rig.source.keep_warm(true);
    // Half a second and more of pictures, wherever in a group of 30.
    rig.until("rates", |status| status.bitrate_kbps > 0 && status.ring_bytes > 20_000).await;
    let mut subscription = rig.source.subscribe(Start::Cached).await;
    let (mut key, mut sounds, mut before) = (None, 0, i64::MIN);
    loop {
        let Event::Unit { line, unit, cached } = next(&mut subscription).await else { continue };
        if !cached {
            break;
        }
        let (lead, key_ms) = *key.get_or_insert((line, unit.captured_at_ms));
        assert!(
            unit.captured_at_ms >= key_ms.max(before),
            "in the order of capture, none before the key frame"
        );
        before = unit.captured_at_ms;
        sounds += usize::from(line != lead);
    }
    assert!(sounds >= 1, "the sound of the cached pictures comes with them");
}

#[tokio::test]
async fn pictures_coded_out_of_order_are_found_in_both_codecs() {
    for video in [VideoCodec::H264Bframes, VideoCodec::H265Bframes] {
        let camsim = simulated(video, AudioCodec::Pcmu).await;
        let rig = Rig::new(settings(&camsim));
        rig.source.keep_warm(true);
        rig.until("B-frames", |status| status.video.as_ref().is_some_and(|video| video.b_frames)).await;
        assert!(rig.scope.close(Duration::from_secs(5)).await);
    }
}

#[tokio::test]
async fn pictures_of_another_size_are_told_and_go_on() {
    let camsim = simulated(VideoCodec::H265, AudioCodec::Pcmu).await;
    let rig = Rig::new(settings(&camsim));
    let mut subscription = rig.source.subscribe(Start::Cached).await;
    hear(&mut subscription, |heard| heard.keys >= 1).await;
    camsim.camera(1).fault(Fault::Resize);
    let wide = |status: &sluice_source::Status| {
        status.video.as_ref().is_some_and(|video| (video.width, video.height) == (1_280, 720))
    };
    let listening = async {
        loop {
            if let Event::Started { .. } | Event::State(_) = next(&mut subscription).await {
                panic!("the session goes on");
            }
        }
    };
    tokio::select! {
        _ = rig.until("the other size", wide) => {}
        () = listening => {}
    }
}

#[tokio::test]
async fn a_camera_that_changes_its_ssrc_is_back_at_once() {
    let camsim = simulated(VideoCodec::H264, AudioCodec::Pcmu).await;
    let rig = Rig::new(settings(&camsim));
    let mut subscription = rig.source.subscribe(Start::Cached).await;
    hear(&mut subscription, |heard| heard.pictures >= 5 && heard.sounds >= 5).await;
    camsim.camera(1).fault(Fault::ChangeSsrc);
    let heard =
        hear(&mut subscription, |heard| heard.starts == 1 && heard.pictures >= 5 && heard.sounds >= 5);
    let heard = tokio::time::timeout(Duration::from_secs(10), heard).await.unwrap();
    assert_eq!(heard.ssrcs.len(), 2, "both lines are introduced anew: {heard:?}");
}

#[tokio::test]
async fn packets_may_come_beside_the_connection() {
    let any = simulated(VideoCodec::H265, AudioCodec::Pcmu).await;
    let mut wished = settings(&any);
    wished.transport = Transport::Udp;
    let config = CamsimConfig {
        transport: sluice_camsim::Transport::Udp,
        ..configured(VideoCodec::H265, AudioCodec::Pcmu)
    };
    let only = Camsim::start(config).await.unwrap();
    // One as it is set, the other because the camera refuses all else.
    for settings in [wished, settings(&only)] {
        let rig = Rig::new(settings);
        let mut subscription = rig.source.subscribe(Start::Cached).await;
        let heard = hear(&mut subscription, |heard| heard.pictures >= 20 && heard.sounds >= 20).await;
        assert_eq!(heard.starts, 1);
        assert!(rig.scope.close(Duration::from_secs(5)).await);
    }
}

#[tokio::test]
async fn a_camera_nobody_here_wrote_sends_picture_and_sound() {
    let camera = Camera::start(&[]);
    let rig = Rig::new(camera.settings("/av"));
    let mut subscription = rig.source.subscribe(Start::Cached).await;
    let heard = hear(&mut subscription, |heard| heard.pictures >= 30 && heard.sounds >= 30).await;
    assert_eq!(heard.gaps, 0);
    let status = rig.source.status().borrow().clone();
    assert_eq!(status.sound.unwrap().codec, Codec::Pcmu);
    assert_eq!(status.state, State::Forwarding);
}

#[tokio::test]
async fn a_codec_nobody_can_carry_is_named() {
    let camera = Camera::start(&[]);
    let rig = Rig::new(camera.settings("/jpeg"));
    rig.source.keep_warm(true);
    let status = rig.until("the reason", |status| status.reason.is_some()).await;
    let reason = status.reason.unwrap();
    assert_eq!(reason.code, ReasonCode::UnsupportedCodec, "{}", reason.text);
    assert!(reason.text.contains("JPEG"), "{}", reason.text);
}

#[tokio::test]
async fn a_stream_of_sound_alone_is_pulled() {
    let camera = Camera::start(&[]);
    let rig = Rig::new(camera.settings("/sound"));
    let mut subscription = rig.source.subscribe(Start::Cached).await;
    let mut units = 0;
    while units < 20 {
        units += usize::from(matches!(next(&mut subscription).await, Event::Unit { .. }));
    }
    let status = rig.source.status().borrow().clone();
    assert_eq!((status.state, status.video), (State::Forwarding, None));
    assert_eq!(status.sound.unwrap().rate, 8_000);
}
