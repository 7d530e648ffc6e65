use proptest::prelude::*;

use super::*;
use crate::{Decoded, MessageError};

const CAMERA: &str = "cam_0198c0de00007000800000000000002a";

fn to_hub() -> Vec<ToHub> {
    let tier = TierReport {
        reason_code: Some(ReasonCode::WrongPassword),
        reason_text: "the camera refused the password".into(),
        codec: Some("avc1.42c01f".into()),
        profile: Some("high".into()),
        level: Some("4.1".into()),
        width: 1_280,
        height: 720,
        fps: Some(14.99),
        gop_s: Some(2.0),
        b_frames: true,
        bitrate_kbps: 1_000,
        warm_bytes: 250_000,
        forwarding: true,
        audio_codec: Some("PCMU".into()),
        audio_rate: 8_000,
        audio_channels: 1,
        encoder: Some(encoder()),
        ..TierReport::new(Tier::Main, TierState::Resting, UnixMillis(1_732_000_000_123))
    };
    let other = TierReport::new(Tier::Sub, TierState::Off, UnixMillis(-5));
    let health = HealthItem { code: "clock".into(), severity: "warning".into(), text: "no time yet".into() };
    vec![
        ToHub::Hello(EdgeHello {
            device_id: "dev_0198c0de00007000800000000000002a".parse().unwrap(),
            version: "0.1.0".into(),
            capability: 1,
            seal_public_key: vec![7; 32],
        }),
        ToHub::Reported(Reported {
            generation: 9,
            cameras: vec![CameraReport {
                facts: Some(facts()),
                sessions: vec![HeldSession {
                    kind: SessionKind::Rtsp,
                    purpose: "sub".into(),
                    state: SessionState::Open,
                    since: UnixMillis(7),
                }],
                session_budget: 2,
                ..CameraReport::new(CAMERA.parse().unwrap(), vec![tier, other])
            }],
            health: vec![health],
        }),
        ToHub::Reported(Reported::default()),
        ToHub::Ping(Ping { sent: UnixMillis(1) }),
        ToHub::Pong(Pong { ping_sent: UnixMillis(1), received: UnixMillis(2), sent: UnixMillis(3) }),
        ToHub::Found(Found { searching: true, cameras: vec![found(), FoundCamera::default()], left_out: 3 }),
        ToHub::Event(CameraEvent {
            camera_id: CAMERA.parse().unwrap(),
            at: UnixMillis(1_732_000_000_123),
            kind: CameraEventKind::Motion,
            active: Some(false),
            source: "VideoSource_1".into(),
            left_out: 9,
        }),
    ]
    .into_iter()
    .chain(outcomes().into_iter().map(|outcome| ToHub::Answer(Answer { number: 7, outcome })))
    .collect()
}

fn encoder() -> EncoderSettings {
    EncoderSettings {
        codec: "H264".into(),
        profile: "Main".into(),
        width: 1_920,
        height: 1_080,
        fps: 25.0,
        bitrate_kbps: 4_096,
        gop_frames: 100,
        constant_bitrate: Some(false),
    }
}

fn can() -> Capabilities {
    Capabilities { ptz: true, events: true, snapshot: true, encoder: true, sync_point: Some(false) }
}

fn facts() -> CameraFacts {
    CameraFacts {
        manufacturer: "Acme".into(),
        model: "Eye 3".into(),
        firmware: "1.2".into(),
        serial: "0042".into(),
        can: can(),
        clock_offset_ms: Some(-86_400_000),
        trouble: "it does not answer".into(),
    }
}

fn found() -> FoundCamera {
    FoundCamera {
        key: "aa:bb:cc:dd:ee:ff".into(),
        channel: 2,
        name: "Gate".into(),
        manufacturer: "Acme".into(),
        model: "Eye 3".into(),
        firmware: "1.2".into(),
        serial: "0042".into(),
        hardware_address: "aa:bb:cc:dd:ee:ff".into(),
        xaddr: "http://10.0.0.9/onvif/device_service".into(),
        how: How::Scan,
        first_seen: UnixMillis(1),
        last_seen: UnixMillis(2),
        state: FoundState::Understood,
        text: "well".into(),
        credential: "cred_1".into(),
        tiers: vec![
            FoundTier {
                tier: Some(Tier::Main),
                url: "rtsp://10.0.0.9/1".into(),
                profile: "p1".into(),
                encoder: encoder(),
            },
            FoundTier::default(),
        ],
        audio_codec: "PCMU".into(),
        can: can(),
        clock_offset_ms: Some(12),
    }
}

fn outcomes() -> Vec<Outcome> {
    vec![
        Outcome::Done,
        Outcome::Failed(Failure { code: FailureCode::Busy, text: "too much".into() }),
        Outcome::Tried(vec![Tried { key: "k".into(), credential: "c".into(), text: String::new() }]),
        Outcome::Presets(vec![Preset { token: "1".into(), name: "Gate".into() }]),
        Outcome::Poster(Poster {
            content_type: "image/jpeg".into(),
            captured_at: UnixMillis(5),
            data: vec![0xff, 0xd8],
        }),
        Outcome::Configured { before: encoder(), after: EncoderSettings::default() },
    ]
}

fn actions() -> Vec<Action> {
    let camera = CAMERA.parse().unwrap();
    let ptz = [
        PtzCommand::Continuous { pan: -1.0, tilt: 0.5, zoom: 0.0, for_ms: 800 },
        PtzCommand::Relative { pan: 0.1, tilt: 0.2, zoom: 0.3 },
        PtzCommand::Absolute { pan: 0.1, tilt: 0.2, zoom: 0.3 },
        PtzCommand::Stop,
        PtzCommand::Presets,
        PtzCommand::GoTo { preset: "1".into() },
        PtzCommand::Remember { name: "Gate".into() },
        PtzCommand::Forget { preset: "1".into() },
    ];
    let change = EncoderChange {
        codec: Some("H264".into()),
        profile: Some("Main".into()),
        width: Some(640),
        height: Some(360),
        fps: Some(12.5),
        bitrate_kbps: Some(512),
        gop_frames: Some(50),
        constant_bitrate: Some(true),
    };
    let credential =
        OfferedCredential { id: "cred_1".into(), username: "admin".into(), sealed_password: vec![1, 2] };
    let others = [
        Action::Search { ranges: vec!["10.1.0.0/24".into()], addresses: vec!["10.2.0.9".into()] },
        Action::Try { keys: vec!["k".into()], credentials: vec![credential] },
        Action::Poster { camera, tier: Some(Tier::Sub) },
        Action::Poster { camera, tier: None },
        Action::Configure { camera, tier: Tier::Main, change, dry_run: true },
    ];
    ptz.into_iter().map(|command| Action::Ptz { camera, command }).chain(others).collect()
}

fn to_edge() -> Vec<ToEdge> {
    let camera = DesiredCamera {
        camera_id: CAMERA.parse().unwrap(),
        name: "Gate, north".into(),
        tiers: vec![DesiredTier {
            tier: Tier::Sub,
            url: "rtsp://10.0.0.9/sub".into(),
            profile: "profile_2".into(),
        }],
        username: "viewer".into(),
        sealed_password: vec![1, 2, 3],
        warm: Warm::All,
        linger: Duration::from_millis(15_000),
        transport: Transport::Udp,
        onvif: Some(DesiredOnvif {
            key: "aa:bb:cc:dd:ee:ff".into(),
            xaddr: "http://10.0.0.9/onvif/device_service".into(),
            channel: 1,
        }),
        sealed_as: "cred_1".into(),
        session_budget: 4,
    };
    let node = DesiredNode {
        node_id: "node_0198c0de00007000800000000000002a".parse().unwrap(),
        address: "[2001:db8::1]:14433".parse().unwrap(),
    };
    vec![
        ToEdge::Hello(HubHello {
            version: "0.1.0".into(),
            capability: 1,
            now: UnixMillis(1_732_000_000_000),
        }),
        ToEdge::Desired(Desired { generation: 3, cameras: vec![camera], nodes: vec![node] }),
        ToEdge::Keyframe { camera: CAMERA.parse().unwrap(), tier: Tier::Sub },
        ToEdge::Ping(Ping { sent: UnixMillis(-1) }),
        ToEdge::Pong(Pong { ping_sent: UnixMillis(1), received: UnixMillis(2), sent: UnixMillis(3) }),
    ]
    .into_iter()
    .chain(actions().into_iter().map(|action| ToEdge::Order(Order { number: 7, action })))
    .collect()
}

#[test]
fn every_message_reads_back_as_itself() {
    for message in to_hub() {
        assert_eq!(ToHub::decode(&message.encode()), Ok(Decoded::Message(message)));
    }
    for message in to_edge() {
        assert_eq!(ToEdge::decode(&message.encode()), Ok(Decoded::Message(message)));
    }
}

#[test]
fn the_bytes_of_a_message_never_change() {
    assert_eq!(hex::encode(ToHub::Ping(Ping { sent: UnixMillis(1) }).encode()), "1a020802");
    let order = ToEdge::Keyframe { camera: CAMERA.parse().unwrap(), tier: Tier::Sub };
    let golden = format!("2a2b0a24{}1203{}", hex::encode(CAMERA), hex::encode("sub"));
    assert_eq!(hex::encode(order.encode()), golden);
    let hello = ToEdge::Hello(HubHello { version: "1".into(), capability: 2, now: UnixMillis(100) });
    assert_eq!(hex::encode(hello.encode()), "0a080a0131100218c801");
}

#[test]
fn a_kind_that_was_added_later_is_skipped() {
    // Field 99, three bytes.
    let later = hex::decode("9a0603010203").unwrap();
    assert_eq!(ToHub::decode(&later), Ok(Decoded::Unknown));
    assert_eq!(ToEdge::decode(&later), Ok(Decoded::Unknown));
}

#[test]
fn a_field_that_was_added_later_is_skipped() {
    // A ping with a field 9 behind its time.
    let later = hex::decode("1a040802 4807".replace(' ', "")).unwrap();
    assert_eq!(ToHub::decode(&later), Ok(Decoded::Message(ToHub::Ping(Ping { sent: UnixMillis(1) }))));
}

#[test]
fn a_wrong_id_is_named() {
    let bytes = hex::encode(to_edge()[2].encode()).replace(&hex::encode("cam_"), &hex::encode("dev_"));
    let error = ToEdge::decode(&hex::decode(bytes).unwrap()).unwrap_err();
    assert_eq!(error, MessageError::Field { field: "camera_id" });
}

#[test]
fn two_clocks_are_compared_by_one_exchange() {
    // The answerer's clock is 5 s behind; 30 ms there, 10 ms back, 7 ms held.
    let pong = Pong { ping_sent: UnixMillis(10_000), received: UnixMillis(5_030), sent: UnixMillis(5_037) };
    assert_eq!(pong.offset(UnixMillis(10_047)), (4_990, Duration::from_millis(40)));
}

#[test]
fn words_read_back_as_themselves() {
    for code in ReasonCode::ALL {
        assert_eq!(code.as_str().parse(), Ok(*code));
    }
    assert!("unheard-of".parse::<ReasonCode>().is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (ToHub::decode(&bytes), ToEdge::decode(&bytes));
    }

    #[test]
    fn no_damage_makes_the_reader_panic(which in 0usize..5, at in any::<usize>(), with: u8, cut in any::<usize>()) {
        for bytes in [to_hub()[which].encode(), to_edge()[which].encode()] {
            let mut bytes = bytes.to_vec();
            let at = at % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = with;
            }
            bytes.truncate(cut % (bytes.len() + 1));
            let _ = (ToHub::decode(&bytes), ToEdge::decode(&bytes));
        }
    }
}
