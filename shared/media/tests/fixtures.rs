//! Streams of another's encoder and payloader, replayed (`tests/fixtures/README.md` tells their origin).
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be read fails the test")]

use std::{fs, path::PathBuf, sync::Arc};

use bytes::Bytes;
use sluice_media::{
    AccessUnit, Assembled, Assembler, Codec, GopRing, Key, RtpPacket, VideoDescription,
    h264::{self, ParameterSets},
};

struct Fixture {
    packets: Vec<RtpPacket>,
    sets: ParameterSets,
}

impl Fixture {
    fn load(name: &str) -> Self {
        let path = |ending| {
            PathBuf::from(env!("CARGO_MANIFEST_DIR"))
                .join("../../tests/fixtures")
                .join(name)
                .with_extension(ending)
        };
        let mut rest = Bytes::from(fs::read(path("rtp")).unwrap());
        let mut packets = Vec::new();
        while !rest.is_empty() {
            let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            packets.push(RtpPacket::parse(rest.slice(2..2 + len)).unwrap());
            rest = rest.slice(2 + len..);
        }
        let sdp = fs::read_to_string(path("sdp")).unwrap();
        let sprop = sdp.lines().find_map(|line| line.split_once("sprop-parameter-sets=")).unwrap().1;
        Self { packets, sets: ParameterSets::from_sprop(sprop).unwrap() }
    }

    fn units(&self) -> Vec<AccessUnit> {
        let mut assembler = Assembler::new(Codec::H264, 90_000);
        let mut units = Vec::new();
        for packet in &self.packets {
            assembler.push(0, packet.clone());
            while let Some(assembled) = assembler.poll() {
                let Assembled::Unit(unit) = assembled else { panic!("{assembled:?} without loss") };
                units.push(unit);
            }
        }
        units
    }

    fn describe(&self) -> VideoDescription {
        self.sets.describe().unwrap()
    }
}

fn keys(units: &[AccessUnit]) -> Vec<(usize, Key)> {
    units.iter().enumerate().filter_map(|(n, unit)| unit.key.map(|key| (n, key))).collect()
}

fn any_b_slices(units: &[AccessUnit]) -> bool {
    units.iter().any(|unit| h264::has_b_slices(&unit.packets))
}

const ALL: [&str; 5] = [
    "gstreamer_baseline",
    "gstreamer_bframes",
    "gstreamer_slices",
    "gstreamer_open_gop",
    "gstreamer_intra_refresh",
];

#[test]
fn a_baseline_stream_has_its_idrs_and_steady_times() {
    let fixture = Fixture::load("gstreamer_baseline");
    let units = fixture.units();
    assert_eq!(units.len(), 30);
    assert_eq!(keys(&units), [0, 10, 19, 29].map(|n| (n, Key::Idr)));
    assert!(units.windows(2).all(|pair| pair[1].timestamp - pair[0].timestamp == 3_600));
    assert!(!any_b_slices(&units) && !fixture.describe().b_frames);
    let video = fixture.describe();
    assert_eq!(
        (video.profile.as_str(), video.width, video.height, video.fps),
        ("Constrained Baseline", 320, 180, Some(25.0))
    );
}

#[test]
fn b_frames_are_seen_in_the_parameter_sets_and_in_the_pictures() {
    let fixture = Fixture::load("gstreamer_bframes");
    let units = fixture.units();
    assert_eq!(units.len(), 30);
    assert!(fixture.describe().b_frames && any_b_slices(&units));
    assert!(units.iter().any(|unit| !unit.reference), "some B-frame is referred to by none");
    assert!(
        units.windows(2).any(|pair| pair[1].timestamp < pair[0].timestamp),
        "sent in another order than shown"
    );
}

#[test]
fn a_picture_of_four_slices_is_one_unit() {
    let fixture = Fixture::load("gstreamer_slices");
    let units = fixture.units();
    assert_eq!(units.len(), 20);
    assert_eq!(keys(&units), [0, 10, 19].map(|n| (n, Key::Idr)));
    let slices = |unit: &AccessUnit| {
        let nals = h264::nal_units(&unit.packets).unwrap();
        nals.iter().filter(|nal| h264::NalType::of(nal[0]).is_picture()).count()
    };
    assert!(units.iter().all(|unit| slices(unit) == 4));
    assert!(!fixture.describe().b_frames && !any_b_slices(&units));
}

#[test]
fn key_frames_of_open_gops_are_recovery_points() {
    let units = Fixture::load("gstreamer_open_gop").units();
    assert_eq!(units.len(), 40);
    let keys = keys(&units);
    assert_eq!(keys[0], (0, Key::Idr));
    assert!(keys.len() >= 4 && keys[1..].iter().all(|(_, key)| *key == Key::RecoveryPoint), "{keys:?}");
}

#[test]
fn a_gradual_refresh_is_no_key() {
    let units = Fixture::load("gstreamer_intra_refresh").units();
    assert_eq!(keys(&units), [(0, Key::Idr)]);
}

#[test]
fn parameter_sets_in_the_stream_are_those_of_the_sdp() {
    for name in ALL {
        let fixture = Fixture::load(name);
        let mut sets = fixture.sets.clone();
        for unit in fixture.units() {
            let nals = h264::nal_units(&unit.packets).unwrap();
            assert_eq!(h264::classify(&nals), h264::inspect(&unit.packets), "{name}");
            assert!(!nals.iter().any(|nal| sets.observe(nal)), "{name}");
        }
    }
}

#[test]
fn packets_made_again_carry_the_same_units() {
    for name in ALL {
        for unit in Fixture::load(name).units() {
            let nals = h264::nal_units(&unit.packets).unwrap();
            for max in [60, 480, 1_180, 65_000] {
                let payloads = h264::packetize(&nals, max);
                assert!(payloads.iter().all(|payload| payload.len() <= max));
                let packets: Vec<_> = payloads.iter().map(|payload| repacked(payload)).collect();
                assert_eq!(h264::nal_units(&packets).unwrap(), nals, "{name} at {max}");
            }
        }
    }
}

fn repacked(payload: &[u8]) -> RtpPacket {
    let header = [0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    RtpPacket::parse([&header, payload].concat().into()).unwrap()
}

/// What stands in front of a picture may be lost without the picture.
fn holds_picture(unit: &AccessUnit, whole: &AccessUnit) -> bool {
    let Some(in_front) = whole.packets.strip_suffix(&unit.packets[..]) else { return false };
    !in_front.iter().any(|packet| {
        let payload = packet.payload_slice();
        let header = if payload[0] & 0x1f == 28 { payload[1] } else { payload[0] };
        h264::NalType::of(header).is_picture()
    })
}

#[test]
fn whichever_packet_is_lost_the_rest_comes_out_whole() {
    for name in ALL {
        let fixture = Fixture::load(name);
        let units = fixture.units();
        for lost in 0..fixture.packets.len() {
            let mut assembler = Assembler::new(Codec::H264, 90_000);
            let (mut found, mut missing) = (0, 0);
            for (n, packet) in fixture.packets.iter().enumerate() {
                if n == lost {
                    continue;
                }
                assembler.push(0, packet.clone());
                while let Some(assembled) = assembler.poll() {
                    match assembled {
                        Assembled::Unit(unit) => {
                            assert!(
                                units.iter().any(|whole| holds_picture(&unit, whole)),
                                "{name} without {lost}"
                            );
                            found += 1;
                        }
                        Assembled::Gap { from, to } => missing += to - from + 1,
                        Assembled::Epoch { .. } => panic!("{name} without {lost}: an epoch"),
                    }
                }
            }
            assert!(found >= units.len() - 1 && found <= units.len(), "{name} without {lost}: {found}");
            assert!(missing >= 1 || lost == 0 || lost + 1 == fixture.packets.len(), "{name} without {lost}");
        }
    }
}

#[test]
fn joining_at_any_packet_finds_the_next_unit() {
    for name in ALL {
        let fixture = Fixture::load(name);
        let units = fixture.units();
        for start in 0..fixture.packets.len() {
            let mut assembler = Assembler::new(Codec::H264, 90_000);
            let mut last = None;
            for packet in &fixture.packets[start..] {
                assembler.push(0, packet.clone());
                while let Some(assembled) = assembler.poll() {
                    if let Assembled::Unit(unit) = assembled {
                        last = Some(unit.packets);
                    }
                }
            }
            let whole = start + units.last().unwrap().packets.len() <= fixture.packets.len();
            assert!(!whole || last.as_ref() == units.last().map(|unit| &unit.packets), "{name} from {start}");
        }
    }
}

#[test]
fn the_ring_holds_the_last_group() {
    let units = Fixture::load("gstreamer_baseline").units();
    let mut ring = GopRing::new(1 << 20);
    for unit in units.into_iter().take(28) {
        ring.push(Arc::new(unit));
    }
    let group = ring.snapshot();
    assert_eq!((group.len(), group[0].key), (9, Some(Key::Idr)));
    assert_eq!(ring.bytes(), group.iter().map(|unit| unit.size).sum::<usize>());
}
