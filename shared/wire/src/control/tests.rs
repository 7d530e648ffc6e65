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
            cameras: vec![CameraReport { camera_id: CAMERA.parse().unwrap(), tiers: vec![tier, other] }],
            health: vec![health],
        }),
        ToHub::Reported(Reported::default()),
        ToHub::Ping(Ping { sent: UnixMillis(1) }),
        ToHub::Pong(Pong { ping_sent: UnixMillis(1), received: UnixMillis(2), sent: UnixMillis(3) }),
    ]
}

fn to_edge() -> Vec<ToEdge> {
    let camera = DesiredCamera {
        camera_id: CAMERA.parse().unwrap(),
        name: "Gate, north".into(),
        tiers: vec![DesiredTier { tier: Tier::Sub, url: "rtsp://10.0.0.9/sub".into() }],
        username: "viewer".into(),
        sealed_password: vec![1, 2, 3],
        warm: Warm::All,
        linger: Duration::from_millis(15_000),
        transport: Transport::Udp,
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
