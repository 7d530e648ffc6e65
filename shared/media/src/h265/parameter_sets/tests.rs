use proptest::prelude::*;

use super::*;
use crate::{Codec, VideoSets, sets::MAX_SETS};

/// What GStreamer's x265 put into the SDPs of `tests/fixtures`.
const PLAIN: [&str; 3] = [
    "QAEMAf//AWAAAAMAkAAAAwAAAwA8koCQ",
    "QgEBAWAAAAMAkAAAAwAAAwA8oApIC5yVlkqSTK//AAEAAWoMDAwIAAADAAgAAAMAyEA=",
    "RAHBcrQiQA==",
];
const LAYERS: [&str; 3] = [
    "QAEMAv//AWAAAAMAkAAAAwAAAwA8AACVlKygSA==",
    "QgECAWAAAAMAkAAAAwAAAwA8AACgFCB5ZZWUrLJJlf/gACAALUGBgYEAAAMAAQAAAwAZCA==",
    "RAHBcrQCQA==",
];

fn nals(sprop: [&str; 3]) -> Vec<Bytes> {
    let [vps, sps, pps] = sprop;
    let fmtp = format!("96 sprop-vps={vps}; sprop-sps={sps}; sprop-pps={pps}");
    VideoSets::from_fmtp(Codec::H265, &fmtp).iter().cloned().collect()
}

fn sets(nals: &[Bytes]) -> ParameterSets {
    let mut sets = ParameterSets::default();
    nals.iter().for_each(|nal| assert!(sets.observe(nal)));
    sets
}

/// Bits, with emulation prevention where it is due.
#[derive(Default)]
struct Writer(String);

impl Writer {
    fn u(&mut self, bits: usize, value: u64) -> &mut Self {
        self.0 += &format!("{value:064b}")[64 - bits..];
        self
    }

    fn ue(&mut self, value: u64) -> &mut Self {
        let len = (value + 1).ilog2() as usize;
        self.u(len, 0).u(len + 1, value + 1)
    }

    fn ues(&mut self, count: usize, value: u64) -> &mut Self {
        (1..count).for_each(|_| {
            self.ue(value);
        });
        self.ue(value)
    }

    fn nal(&self, kind: u8) -> Bytes {
        let padded = format!("{}1{}", self.0, "0".repeat(7 - self.0.len() % 8));
        let mut nal = vec![kind << 1, 1];
        for byte in padded.as_bytes().chunks(8) {
            let byte = byte.iter().fold(0, |byte, bit| byte * 2 + (bit - b'0'));
            if byte <= 3 && nal[2..].ends_with(&[0, 0]) {
                nal.push(3);
            }
            nal.push(byte);
        }
        nal.into()
    }
}

/// A sequence parameter set up to the pictures' order; what follows is whatever the caller writes.
fn sps(id: u64, size: (u64, u64), reorder: u64) -> Writer {
    let mut bits = Writer::default();
    bits.u(4, 0).u(3, 0).u(1, 1);
    bits.u(8, 1).u(32, 0x6000_0000).u(48, 0xb000_0000_0000).u(8, 186);
    bits.ue(id).ue(1).ue(size.0).ue(size.1).u(1, 0).ue(0).ue(0).ue(4);
    bits.u(1, 1).ue(4).ue(reorder).ue(0);
    bits
}

#[test]
fn a_plain_stream_is_described() {
    let sets = sets(&nals(PLAIN));
    assert_eq!(
        sets.describe().unwrap(),
        VideoDescription {
            codec: "hvc1.1.6.L60.90".into(),
            profile: "Main".into(),
            level: "2.0".into(),
            width: 322,
            height: 182,
            fps: Some(25.0),
            b_frames: false,
        }
    );
    assert_eq!(
        sets.configuration().unwrap(),
        Configuration {
            profile_space: 0,
            tier: false,
            profile_idc: 1,
            compatibility_flags: 0x6000_0000,
            constraint_flags: [0x90, 0, 0, 0, 0, 0],
            level_idc: 60,
            chroma_format: 1,
            bit_depth_luma: 8,
            bit_depth_chroma: 8,
            temporal_layers: 1,
            temporal_id_nested: true,
        }
    );
}

#[test]
fn a_stream_of_two_sub_layers_is_described() {
    let sets = sets(&nals(LAYERS));
    let video = sets.describe().unwrap();
    assert_eq!((video.width, video.height, video.fps, video.b_frames), (160, 120, Some(25.0), true));
    assert_eq!(sets.configuration().unwrap().temporal_layers, 2);
    assert!(sets.reorder_frames() > 0);
}

#[test]
fn large_pictures_are_described_and_impossible_ones_refused() {
    let described = |size| sets(&[sps(0, size, 0).nal(33)]).describe();
    let video = described((7_680, 4_320)).unwrap();
    assert_eq!((video.width, video.height, video.level.as_str()), (7_680, 4_320, "6.2"));
    assert!(described((8_192, 4_320)).is_ok());
    for size in [(0, 1_080), (1_920, 0), (1 << 20, 1_080), (u64::from(u32::MAX) - 1, u64::from(u32::MAX) - 1)]
    {
        assert!(matches!(described(size), Err(DescribeError::Malformed(_))), "{size:?}");
    }
}

#[test]
fn the_declared_rate_is_found_behind_all_that_may_stand_in_front_of_it() {
    let mut bits = sps(0, (640, 360), 0);
    for value in [0, 3, 0, 3, 0, 0] {
        bits.ue(value);
    }
    // Scaling lists: the first of each size told, the others as another.
    bits.u(2, 0b11);
    for (size, lists) in [(0, 6), (1, 6), (2, 6), (3, 2)] {
        for list in 0..lists {
            bits.u(1, u64::from(list == 0));
            match (list, size) {
                (0, 0) => bits.ues(16, 2),
                (0, size) => bits.ues(64 + usize::from(size > 1), 1),
                _ => bits.ue(0),
            };
        }
    }
    // Planes coded as they are: two depths, two sizes, the filter.
    bits.u(2, 0b10).u(1, 1).u(8, 0x77).ue(0).ue(1).u(1, 1);
    // Sets of references: -1, -3 and +1; the same one earlier, all four kept; the same of that later, two kept.
    bits.ue(3).ue(2).ue(1).ue(0).u(1, 1).ue(1).u(1, 1).ue(0).u(1, 1);
    bits.u(2, 0b11).ue(0).u(4, 0b1111);
    // Now -1, -2 and -4: each used, or kept without use, or dropped.
    bits.u(2, 0b10).ue(0).u(1, 1).u(2, 0b01).u(2, 0b00).u(1, 1);
    // Two long-term pictures of eight bits and a flag each, then what is as it may be.
    bits.u(1, 1).ue(2).u(9, 0x1ff).u(9, 0).u(2, 0b11);
    // Usability: aspect in full, overscan, signal with colours, chroma, field flags, window, timing.
    bits.u(1, 1).u(1, 1).u(8, 255).u(32, 0x0010_0010).u(2, 0b11).u(6, 0b10_1111).u(24, 0x01_0101);
    bits.u(1, 1).ue(0).ue(0).u(3, 0b010).u(1, 1).ue(0).ue(0).ue(0).ue(0);
    bits.u(1, 1).u(32, 1_001).u(32, 60_000);
    let video = sets(&[bits.nal(33)]).describe().unwrap();
    // Its pictures are fields.
    assert_eq!(video.fps.map(|fps| (fps * 100.0).round()), Some(2_997.0));
}

#[test]
fn nonsense_behind_the_order_of_pictures_leaves_size_and_order() {
    for rest in [0u64, u64::MAX, 0x0123_4567_89ab_cdef, 0xaaaa_aaaa_aaaa_aaaa] {
        let nal = sps(0, (640, 360), 2).u(64, rest).u(64, rest.rotate_left(17)).nal(33);
        let video = sets(&[nal]).describe().unwrap();
        assert_eq!((video.width, video.height, video.b_frames), (640, 360, true));
    }
    // More pictures out of order than a decoder could hold.
    assert!(sets(&[sps(0, (640, 360), 17).nal(33)]).describe().is_err());
}

#[test]
fn news_is_told_apart_from_repetition_and_a_new_size_is_news() {
    let mut sets = ParameterSets::default();
    assert!(sets.is_empty());
    let all = nals(PLAIN);
    assert_eq!(all.iter().map(|nal| sets.observe(nal)).collect::<Vec<_>>(), [true; 3]);
    assert_eq!(all.iter().map(|nal| sets.observe(nal)).collect::<Vec<_>>(), [false; 3]);
    let larger = sps(0, (1_280, 720), 0).nal(33);
    assert!(sets.observe(&larger));
    assert_eq!((sets.sps(), sets.iter().count()), (Some(&larger), 3));
    let video = sets.describe().unwrap();
    assert_eq!((video.width, video.height), (1_280, 720));
    assert!(sets.observe(&sps(3, (640, 360), 0).nal(33)), "another id");
    assert_eq!(sets.sps(), Some(&larger), "the lowest id speaks");
}

#[test]
fn what_is_no_set_of_the_base_layer_is_passed_over() {
    let mut sets = ParameterSets::default();
    let mut upper = nals(PLAIN)[1].to_vec();
    upper[1] |= 0x08;
    for nal in [&upper[..], &[0x26, 0x01, 0xaf], &[0x42], &[], &[0x42, 0x01], &[0x44, 0x01]] {
        assert!(!sets.observe(&Bytes::copy_from_slice(nal)), "{nal:x?}");
    }
    assert!(!sets.observe(&Bytes::from([&[0x42, 1][..], &[0xff; 100_000]].concat())));
    assert!(sets.is_empty());
    assert_eq!((sets.describe().unwrap_err(), sets.reorder_frames()), (DescribeError::Missing, 0));
}

#[test]
fn a_camera_that_repeats_itself_under_many_ids_fills_no_memory() {
    let mut sets = ParameterSets::default();
    for id in 0..4_000 {
        for (kind, body) in [(32, (id % 16) * 16), (34, id)] {
            let mut bits = Writer::default();
            if kind == 32 {
                bits.u(16, body << 8)
            } else {
                bits.ue(body)
            };
            sets.observe(&bits.nal(kind));
        }
        sets.observe(&sps(id % 20, (640, 360), 0).nal(33));
    }
    assert!(sets.iter().count() <= 3 * MAX_SETS, "{}", sets.iter().count());
}

#[test]
fn every_prefix_of_a_set_is_described_or_refused() {
    for sprop in [PLAIN, LAYERS] {
        let nal = &nals(sprop)[1];
        let whole = sets(std::slice::from_ref(nal)).describe().unwrap();
        for len in 0..nal.len() {
            let mut sets = ParameterSets::default();
            sets.observe(&nal.slice(..len));
            if let Ok(video) = sets.describe() {
                assert_eq!((video.width, video.height), (whole.width, whole.height), "{len} bytes");
            } else {
                assert!(len < 36, "{len} bytes hold the size and the order");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_described_or_refused(kind in 32u8..35, rest in proptest::collection::vec(any::<u8>(), 0..120)) {
        let mut sets = ParameterSets::default();
        sets.observe(&Bytes::from([&[kind << 1, 1][..], &rest].concat()));
        let _ = sets.describe();
    }

    #[test]
    fn any_rest_behind_the_size_is_read_or_left(rest in proptest::collection::vec(any::<u8>(), 0..120)) {
        let mut bits = sps(0, (640, 360), 2);
        for byte in rest {
            bits.u(8, u64::from(byte));
        }
        let video = sets(&[bits.nal(33)]).describe().unwrap();
        prop_assert_eq!((video.width, video.height), (640, 360));
    }

    #[test]
    fn a_set_with_flipped_bits_is_described_or_refused(at in 2usize..46, bit in 0u8..8) {
        let mut nal = nals(PLAIN)[1].to_vec();
        nal[at] ^= 1 << bit;
        let mut sets = ParameterSets::default();
        sets.observe(&Bytes::from(nal));
        let _ = sets.describe();
    }
}
