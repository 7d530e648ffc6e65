use std::time::Duration;

use bytes::Bytes;
use sluice_ids::{CameraId, DeviceId, NodeId, Tier, UnixMillis};
use sluice_wire::{
    Decoded, MessageError, ReasonCode,
    control::{self, ToEdge, ToHub},
    frame,
    media::{self, FromEdge, FromNode},
    player, roq,
};

/// The first byte tells how large the pieces are that the rest comes in.
pub(crate) fn frames(bytes: &[u8]) {
    let Some((size, rest)) = bytes.split_first() else { return };
    let mut decoder = frame::Decoder::new(MAX_FRAME);
    for piece in rest.chunks(usize::from(*size).max(1)) {
        decoder.push(piece);
        loop {
            match decoder.poll() {
                Ok(Some(message)) => assert!(message.len() <= MAX_FRAME),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// The first byte tells how large the pieces are; the packets are the same at any size.
pub(crate) fn roq(bytes: &[u8]) {
    let Some((size, rest)) = bytes.split_first() else { return };
    let read = |size: usize| {
        let mut decoder = roq::Decoder::new();
        rest.chunks(size).try_for_each(|piece| decoder.push(piece))?;
        decoder.finish()
    };
    let (whole, pieces) = (read(usize::MAX), read(usize::from(*size).max(1)));
    assert_eq!(whole.is_ok(), pieces.is_ok());
    if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
        assert_eq!(whole, pieces, "a stream reads the same in any pieces");
        assert_eq!(roq::encode(whole.flow, whole.packets.iter()).len(), shortest(&whole));
    }
}

pub(crate) fn control_to_hub(bytes: &[u8]) {
    stable(bytes, ToHub::decode, ToHub::encode);
}

pub(crate) fn control_to_edge(bytes: &[u8]) {
    stable(bytes, ToEdge::decode, ToEdge::encode);
}

pub(crate) fn media_from_edge(bytes: &[u8]) {
    stable(bytes, FromEdge::decode, FromEdge::encode);
}

pub(crate) fn media_from_node(bytes: &[u8]) {
    stable(bytes, FromNode::decode, FromNode::encode);
}

/// Whatever a player says: a move within its bounds, or an answer that says why not.
pub(crate) fn player_text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match player::read(&text) {
        Ok(player::Asked { command, .. }) => {
            assert!(text.len() <= player::LONGEST);
            let parts = match &command {
                control::PtzCommand::Continuous { pan, tilt, zoom, for_ms } => {
                    assert!((1..=5_000).contains(for_ms));
                    [*pan, *tilt, *zoom]
                }
                control::PtzCommand::Relative { pan, tilt, zoom }
                | control::PtzCommand::Absolute { pan, tilt, zoom } => [*pan, *tilt, *zoom],
                control::PtzCommand::GoTo { preset } => {
                    assert!(player::is_preset(preset));
                    return;
                }
                control::PtzCommand::Stop => return,
                other => panic!("{other:?} is no move"),
            };
            assert!(parts.iter().all(|part| (-1.0..=1.0).contains(part)));
        }
        Err(unread) => {
            let told = player::answer(unread.id, Some(&unread.refusal));
            assert!(told.starts_with("{\"id\":") && !told.contains("\"ok\""));
        }
    }
}

/// What was understood once is said the same way ever after.
fn stable<T>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<Decoded<T>, MessageError>,
    encode: impl Fn(&T) -> Bytes,
) {
    if let Ok(Decoded::Message(message)) = decode(bytes) {
        let once = encode(&message);
        let Ok(Decoded::Message(again)) = decode(&once) else { panic!("our own bytes are not understood") };
        assert_eq!(encode(&again), once);
    }
}

fn shortest(unit: &roq::Unit) -> usize {
    use sluice_wire::varint::length;
    length(unit.flow.0)
        + unit.packets.iter().map(|packet| packet.len() + length(packet.len() as u64)).sum::<usize>()
}

pub(crate) fn player_texts() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"id":7,"ptz":{"continuous":{"pan":0.5,"tilt":-1,"zoom":0,"for_ms":1000}}}"#,
        r#"{"id":8,"ptz":{"relative":{"pan":-0.25}}}"#,
        r#"{"id":9,"ptz":{"absolute":{"tilt":1e-3,"zoom":0.5}}}"#,
        r#"{"id":10,"ptz":{"go_to":"Portão"}}"#,
        r#"{"id":11,"ptz":{"stop":true}}"#,
    ];
    texts.map(|text| text.as_bytes().to_vec()).into()
}

pub(crate) fn framed() -> Vec<Vec<u8>> {
    let mut stream: Vec<u8> = vec![3];
    for message in to_hub().into_iter().chain(to_edge()) {
        stream.extend_from_slice(&frame::encode(&message));
    }
    vec![stream.clone(), [&[255], &stream[1..]].concat()]
}

pub(crate) fn roq_streams() -> Vec<Vec<u8>> {
    let packets = [vec![0x80; 12], vec![0x80; 70], vec![0x80; 1_400]].map(Bytes::from);
    [0, 7, 300, 70_000]
        .map(|flow| [&[9], &roq::encode(roq::FlowId(flow), packets.iter())[..]].concat())
        .into()
}

pub(crate) fn to_hub() -> Vec<Vec<u8>> {
    let mut tier = control::TierReport::new(Tier::Sub, control::TierState::Resting, NOW);
    tier.reason_code = Some(ReasonCode::WrongPassword);
    tier.reason_text = "the camera refuses the password".into();
    (tier.codec, tier.fps, tier.gop_s) = (Some("avc1.42c01f".into()), Some(25.0), Some(2.0));
    let reported = control::Reported {
        generation: 7,
        cameras: vec![control::CameraReport::new(camera(), vec![tier])],
        health: vec![control::HealthItem {
            code: "clock".into(),
            severity: "warning".into(),
            text: "x".into(),
        }],
    };
    let hello = control::EdgeHello {
        device_id: device(),
        version: "0.1.0".into(),
        capability: 1,
        seal_public_key: vec![9; 32],
    };
    let messages = [ToHub::Hello(hello), ToHub::Reported(reported), ToHub::Ping(PING), ToHub::Pong(PONG)];
    messages.iter().map(|message| message.encode().to_vec()).collect()
}

pub(crate) fn to_edge() -> Vec<Vec<u8>> {
    let desired = control::Desired {
        generation: 8,
        cameras: vec![control::DesiredCamera {
            camera_id: camera(),
            name: "Pátio 1".into(),
            tiers: vec![control::DesiredTier::new(Tier::Main, "rtsp://127.0.0.1/1")],
            username: "viewer".into(),
            sealed_password: vec![7; 60],
            warm: control::Warm::Sub,
            linger: Duration::from_secs(15),
            transport: control::Transport::Tcp,
            onvif: None,
            sealed_as: String::new(),
            session_budget: 0,
        }],
        nodes: vec![control::DesiredNode { node_id: node(), address: ([127, 0, 0, 1], 14_433).into() }],
    };
    let messages = [
        ToEdge::Hello(hub_hello()),
        ToEdge::Desired(desired),
        ToEdge::Keyframe { camera: camera(), tier: Tier::Sub },
        ToEdge::Ping(PING),
        ToEdge::Pong(PONG),
    ];
    messages.iter().map(|message| message.encode().to_vec()).collect()
}

pub(crate) fn from_edge() -> Vec<Vec<u8>> {
    let line = media::Line {
        index: 0,
        kind: media::LineKind::Video,
        encoding: "H264".into(),
        payload_type: 96,
        clock_rate: 90_000,
        fmtp: "packetization-mode=1".into(),
    };
    let flow = media::StartedFlow {
        flow: roq::FlowId(4),
        line,
        epoch: 0,
        ssrc: 0xdead_beef,
        first_sequence: 70_000,
        timestamp: 1,
        captured: NOW,
    };
    let state = media::FlowState {
        request: 2,
        state: media::FlowPhase::Resting,
        code: Some(ReasonCode::Unreachable),
        text: "no answer".into(),
    };
    let messages = [
        FromEdge::Hello(media::EdgeHello { device_id: device(), version: "0.1.0".into(), capability: 1 }),
        FromEdge::Announce(media::Announce {
            camera: camera(),
            tier: Tier::Main,
            sdp: "v=0\r\n".into(),
            variant: String::new(),
        }),
        FromEdge::Started(media::Started {
            request: 2,
            sdp: "v=0\r\n".into(),
            lines: vec![flow.line.clone()],
            flows: vec![flow],
        }),
        FromEdge::FlowState(state),
        FromEdge::Gap(media::Gap { flow: roq::FlowId(4), from: 70_001, to: 70_009 }),
        FromEdge::Ping(PING),
        FromEdge::Stats(media::EdgeStats::default()),
        FromEdge::Goaway(media::Goaway { code: "restart".into(), text: "the device restarts".into() }),
    ];
    messages.iter().map(|message| message.encode().to_vec()).collect()
}

pub(crate) fn from_node() -> Vec<Vec<u8>> {
    let subscribe = media::Subscribe {
        request: 2,
        camera: camera(),
        tier: Tier::Main,
        class: 3,
        start: media::Start::Cached,
        flows: vec![roq::FlowId(4), roq::FlowId(5)],
    };
    let messages = [
        FromNode::Hello(hub_hello()),
        FromNode::Subscribe(subscribe),
        FromNode::Unsubscribe { request: 2 },
        FromNode::SetClass { request: 2, class: 1 },
        FromNode::Keyframe { request: 2 },
        FromNode::Pong(PONG),
        FromNode::Stats(media::NodeStats::default()),
    ];
    messages.iter().map(|message| message.encode().to_vec()).collect()
}

fn hub_hello() -> control::HubHello {
    control::HubHello { version: "0.1.0".into(), capability: 1, now: NOW }
}

fn camera() -> CameraId {
    "cam_0198c0de00007000800000000000002a".parse().expect("a camera id")
}

fn device() -> DeviceId {
    "dev_0198c0de00007000800000000000002b".parse().expect("a device id")
}

fn node() -> NodeId {
    "node_0198c0de00007000800000000000002c".parse().expect("a node id")
}

const NOW: UnixMillis = UnixMillis(1_760_000_000_000);
const PING: control::Ping = control::Ping { sent: NOW };
const PONG: control::Pong = control::Pong { ping_sent: NOW, received: NOW, sent: NOW };
const MAX_FRAME: usize = 4_096;
