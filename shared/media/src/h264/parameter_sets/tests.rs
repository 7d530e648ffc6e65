use proptest::prelude::*;

use super::{super::sps::level_name as level, *};
use crate::sets::MAX_SETS;

/// What GStreamer's x264 put into the SDPs of `tests/fixtures`.
const BASELINE: &str = "Z0LADNkBQZ+fAWoMDA1KAAADAAIAAAMAZR4oVJA=,aMuMsg==";
const B_FRAMES: &str = "Z2QADazZQVGeImwFqDAwNSgAAAMACAAAAwGUeKFMsA==,aOvssiw=";
const SLICES: &str = "Z01ADNoKEflwFqDAwNSgAAADACAAAAZR4oVU,aO8yyA==";

fn describe(sprop: &str) -> VideoDescription {
    ParameterSets::from_sprop(sprop).unwrap().describe().unwrap()
}

#[test]
fn a_baseline_stream_is_described() {
    assert_eq!(
        describe(BASELINE),
        VideoDescription {
            codec: "avc1.42c00c".into(),
            profile: "Constrained Baseline".into(),
            level: "1.2".into(),
            width: 320,
            height: 180,
            fps: Some(25.0),
            b_frames: false,
        }
    );
}

#[test]
fn a_stream_with_b_frames_says_so_and_its_size_is_cropped() {
    let video = describe(B_FRAMES);
    assert_eq!(
        (video.codec.as_str(), video.profile.as_str(), video.level.as_str()),
        ("avc1.64000d", "High", "1.3")
    );
    assert_eq!((video.width, video.height, video.b_frames), (322, 182, true));
}

#[test]
fn a_main_stream_that_declares_no_reordering_has_none() {
    let video = describe(SLICES);
    assert_eq!((video.profile.as_str(), video.b_frames), ("Main", false));
}

#[test]
fn a_stream_that_declares_nothing_may_reorder_unless_its_profile_forbids_it() {
    // The same set as B_FRAMES, its usability information cut off, under several profiles.
    let mut sps = ParameterSets::from_sprop(B_FRAMES).unwrap().sps().unwrap().to_vec();
    sps.truncate(12);
    for (profile, constraints, name, expected) in [
        (100, 0x00, "High", true),
        (100, 0x08, "Progressive High", true),
        (100, 0x0c, "Constrained High", false),
        (100, 0x10, "High", false),
        (110, 0x10, "High 10", false),
    ] {
        (sps[1], sps[2]) = (profile, constraints);
        let mut sets = ParameterSets::default();
        assert!(sets.observe(&Bytes::from(sps.clone())));
        let video = sets.describe().unwrap();
        assert_eq!(
            (video.profile.as_str(), video.b_frames, video.fps),
            (name, expected, None),
            "{constraints:x}"
        );
        assert_eq!((video.width, video.height), (322, 182));
    }
}

#[test]
fn levels_are_written_as_the_standard_does() {
    assert_eq!(level(100, 0, 31), "3.1");
    assert_eq!(level(100, 0, 40), "4.0");
    assert_eq!(level(66, 0x10, 11), "1b");
    assert_eq!(level(100, 0x10, 11), "1.1");
    assert_eq!(level(100, 0, 9), "1b");
}

#[test]
fn news_is_told_apart_from_repetition() {
    let nals: Vec<Bytes> = ParameterSets::from_sprop(BASELINE).unwrap().iter().cloned().collect();
    let mut sets = ParameterSets::default();
    assert!(sets.is_empty());
    assert_eq!(nals.iter().map(|nal| sets.observe(nal)).collect::<Vec<_>>(), [true, true]);
    assert_eq!(nals.iter().map(|nal| sets.observe(nal)).collect::<Vec<_>>(), [false, false]);
    assert!(!sets.observe(&Bytes::from_static(&[0x65, 0x88])));
    let other = ParameterSets::from_sprop(SLICES).unwrap();
    assert!(sets.observe(other.sps().unwrap()), "a new set under the same id replaces the old");
    assert_eq!(sets.sps(), other.sps());
    assert_eq!(sets.iter().count(), 2);
}

#[test]
fn a_camera_that_repeats_itself_under_many_ids_fills_no_memory() {
    let mut sets = ParameterSets::default();
    for id in 0..4_000u32 {
        let mut bits = format!("{:b}", id + 1);
        bits = format!("{}{bits}1", "0".repeat(bits.len() - 1));
        let mut pps = vec![0x68];
        for byte in bits.as_bytes().chunks(8) {
            pps.push(byte.iter().enumerate().fold(0, |byte, (n, bit)| byte | (bit - b'0') << (7 - n)));
        }
        sets.observe(&Bytes::from(pps));
    }
    assert_eq!(sets.iter().count(), MAX_SETS);
    assert!(!sets.observe(&Bytes::from(vec![0x67; 100_000])));
}

#[test]
fn sprop_is_read_with_and_without_padding_and_refused_with_its_place() {
    assert_eq!(describe(&BASELINE.replace('=', "")), describe(BASELINE));
    assert_eq!(describe(&format!(" {BASELINE} ,")), describe(BASELINE));
    assert_eq!(ParameterSets::from_sprop("").unwrap_err(), SpropError::Empty);
    assert_eq!(ParameterSets::from_sprop("ZYiE").unwrap_err(), SpropError::Empty);
    assert_eq!(ParameterSets::from_sprop("aMuMsg==,*").unwrap_err(), SpropError::Base64(1));
    assert_eq!(
        ParameterSets::from_sprop("aMuMsg==").unwrap().describe().unwrap_err(),
        DescribeError::Missing
    );
}

#[test]
fn every_prefix_of_a_set_is_described_or_refused() {
    for sprop in [BASELINE, B_FRAMES, SLICES] {
        let whole = describe(sprop);
        let sps = ParameterSets::from_sprop(sprop).unwrap().sps().unwrap().clone();
        for len in 0..sps.len() {
            let mut sets = ParameterSets::default();
            sets.observe(&sps.slice(..len));
            if let Ok(video) = sets.describe() {
                assert_eq!((video.width, video.height), (whole.width, whole.height), "{len} bytes");
            } else {
                assert!(len < 12, "{len} bytes hold the size");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_described_or_refused(profile in prop::sample::select(vec![66u8, 77, 100, 244]), rest in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut sets = ParameterSets::default();
        let mut nal = vec![0x67, profile];
        nal.extend(rest);
        sets.observe(&Bytes::from(nal));
        let _ = sets.describe();
    }

    #[test]
    fn a_set_with_flipped_bits_is_described_or_refused(at in 1usize..27, bit in 0u8..8) {
        let mut sps = ParameterSets::from_sprop(B_FRAMES).unwrap().sps().unwrap().to_vec();
        sps[at] ^= 1 << bit;
        let mut sets = ParameterSets::default();
        sets.observe(&Bytes::from(sps));
        let _ = sets.describe();
    }
}
