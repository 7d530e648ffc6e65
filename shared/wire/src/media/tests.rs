use proptest::prelude::*;

use super::*;
use crate::{Decoded, MessageError};

const CAMERA: &str = "cam_0198c0de00007000800000000000002a";

fn camera() -> CameraId {
    CAMERA.parse().unwrap()
}

fn line() -> Line {
    Line {
        index: 1,
        kind: LineKind::Video,
        encoding: "H264".into(),
        payload_type: 96,
        clock_rate: 90_000,
        fmtp: "packetization-mode=1".into(),
    }
}

fn started() -> FromEdge {
    let flow = StartedFlow {
        flow: FlowId(9),
        line: line(),
        epoch: 1,
        ssrc: 0xdead_beef,
        first_sequence: 65_536,
        timestamp: 4_000_000_000,
        captured: UnixMillis(1_732_000_000_000),
    };
    let sound =
        Line { index: 0, kind: LineKind::Audio, encoding: "PCMU".into(), clock_rate: 8_000, ..line() };
    FromEdge::Started(Started {
        request: 5,
        sdp: "v=0\r\n".into(),
        lines: vec![line(), sound],
        flows: vec![flow],
    })
}

fn from_edge() -> Vec<FromEdge> {
    let device_id: DeviceId = "dev_0198c0de00007000800000000000002a".parse().unwrap();
    vec![
        FromEdge::Hello(EdgeHello { device_id, version: "0.1.0".into(), capability: 1 }),
        FromEdge::Announce(Announce {
            camera: camera(),
            tier: Tier::Main,
            sdp: "v=0\r\n".into(),
            variant: "".into(),
        }),
        FromEdge::Withdraw { camera: camera(), tier: Tier::Third },
        started(),
        FromEdge::FlowState(FlowState {
            request: 5,
            state: FlowPhase::Resting,
            code: Some(ReasonCode::Stalled),
            text: "no picture comes".into(),
        }),
        FromEdge::Gap(Gap { flow: FlowId(9), from: 100, to: 200 }),
        FromEdge::Epoch(Epoch {
            flow: FlowId(9),
            epoch: 2,
            ssrc: 0xdead_beef,
            first_sequence: 65_536,
            first_stream: 3,
        }),
        FromEdge::Clock(Clock {
            flow: FlowId(9),
            timestamp: 0x0102_0304,
            captured: UnixMillis(1_000),
            camera: None,
        }),
        FromEdge::Clock(Clock {
            flow: FlowId(9),
            timestamp: 1,
            captured: UnixMillis(-1),
            camera: Some(UnixMillis(0)),
        }),
        FromEdge::Ping(Ping { sent: UnixMillis(7) }),
        FromEdge::Pong(Pong { ping_sent: UnixMillis(1), received: UnixMillis(2), sent: UnixMillis(3) }),
        FromEdge::Stats(EdgeStats {
            units: 1,
            bytes: 2,
            cut: 3,
            queued_bytes: 4,
            rtt_ms: 5,
            lost_packets: 6,
            window_bytes: 7,
        }),
        FromEdge::Goaway(Goaway { code: "stopping".into(), text: "the edge stops".into() }),
    ]
}

fn from_node() -> Vec<FromNode> {
    vec![
        FromNode::Hello(HubHello { version: "0.1.0".into(), capability: 1, now: UnixMillis(1) }),
        FromNode::Subscribe(Subscribe {
            request: 5,
            camera: camera(),
            tier: Tier::Sub,
            class: 4,
            start: Start::Cached,
            flows: vec![FlowId(9), FlowId(300)],
        }),
        FromNode::Unsubscribe { request: 5 },
        FromNode::SetClass { request: 5, class: 7 },
        FromNode::Keyframe { request: 5 },
        FromNode::Ping(Ping { sent: UnixMillis(7) }),
        FromNode::Pong(Pong { ping_sent: UnixMillis(1), received: UnixMillis(2), sent: UnixMillis(3) }),
        FromNode::Stats(NodeStats { units: 1, bytes: 2, holes: 3 }),
        FromNode::Goaway(Goaway { code: "stopping".into(), text: "the node stops".into() }),
    ]
}

#[test]
fn every_message_reads_back_as_itself() {
    for message in from_edge() {
        assert_eq!(FromEdge::decode(&message.encode()), Ok(Decoded::Message(message)));
    }
    for message in from_node() {
        assert_eq!(FromNode::decode(&message.encode()), Ok(Decoded::Message(message)));
    }
}

#[test]
fn the_bytes_of_a_message_never_change() {
    let golden = [
        (from_edge()[5].encode(), "32070809106418c801"),
        (from_edge()[6].encode(), "3a0f080910021defbeadde208080042803"),
        (from_edge()[7].encode(), "420a0809150403020118d00f"),
        (from_node()[2].encode(), "1a020805"),
        (from_node()[3].encode(), "220408051007"),
        (from_node()[4].encode(), "2a020805"),
    ];
    for (bytes, hex) in golden {
        assert_eq!(hex::encode(bytes), hex);
    }
    let subscribe = format!(
        "123c0805 1224{} 1a03{} 2004 2a06{} 3203 09ac02",
        hex::encode(CAMERA),
        hex::encode("sub"),
        hex::encode("cached")
    );
    assert_eq!(hex::encode(from_node()[1].encode()), subscribe.replace(' ', ""));
}

#[test]
fn a_kind_that_was_added_later_is_skipped() {
    let later = hex::decode("9a0603010203").unwrap();
    assert_eq!(FromEdge::decode(&later), Ok(Decoded::Unknown));
    assert_eq!(FromNode::decode(&later), Ok(Decoded::Unknown));
}

#[test]
fn a_class_above_the_highest_is_the_highest() {
    let order = hex::decode("2204080510 63".replace(' ', "")).unwrap();
    assert_eq!(FromNode::decode(&order), Ok(Decoded::Message(FromNode::SetClass { request: 5, class: 7 })));
}

#[test]
fn a_line_without_a_clock_is_refused() {
    let FromEdge::Started(mut message) = started() else { panic!("it is one") };
    message.flows[0].line.clock_rate = 0;
    let refused = FromEdge::decode(&FromEdge::Started(message).encode());
    assert_eq!(refused, Err(MessageError::Field { field: "clock_rate" }));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = (FromEdge::decode(&bytes), FromNode::decode(&bytes));
    }

    #[test]
    fn no_damage_makes_the_reader_panic(which in 0usize..9, at in any::<usize>(), with: u8, cut in any::<usize>()) {
        for bytes in [from_edge()[which].encode(), from_node()[which].encode()] {
            let mut bytes = bytes.to_vec();
            let at = at % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = with;
            }
            bytes.truncate(cut % (bytes.len() + 1));
            let _ = (FromEdge::decode(&bytes), FromNode::decode(&bytes));
        }
    }
}
