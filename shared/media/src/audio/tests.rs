use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::RtpPacket;

fn packet(sequence: u16, payload: &[u8]) -> RtpPacket {
    let mut bytes = vec![0x80, 96];
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 9, 0, 0, 0, 2]);
    bytes.extend_from_slice(payload);
    RtpPacket::parse(bytes.into()).unwrap()
}

fn unit(codec: Codec, payloads: &[&str]) -> AccessUnit {
    let packets = payloads
        .iter()
        .enumerate()
        .map(|(n, hex)| packet(n as u16, &hex::decode(hex.replace(' ', "")).unwrap()))
        .collect();
    AccessUnit::from_packets(codec, packets, 0x1_0000, 1_000, 0).unwrap()
}

fn config(codec: Codec, clock_rate: u32, fmtp: &str) -> AudioConfig {
    AudioConfig::from_line(codec, clock_rate, fmtp).unwrap()
}

/// Timestamp, duration and data of each frame.
fn read(config: &AudioConfig, payloads: &[&str]) -> Result<Vec<(i64, u32, String)>, AudioError> {
    let frames = frames(config, &unit(config.codec, payloads))?;
    Ok(frames.iter().map(|frame| (frame.timestamp, frame.duration, hex::encode(&frame.data))).collect())
}

const HBR: &str =
    "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3";

fn hbr() -> AudioConfig {
    config(Codec::Aac, 16_000, &format!("96 {HBR};config=1408"))
}

#[test]
fn several_frames_of_one_packet_follow_each_other() {
    let got = read(&hbr(), &["0020 0018 0010 aabbcc ddee"]).unwrap();
    assert_eq!(got, [(1_000, 1_024, "aabbcc".into()), (2_024, 1_024, "ddee".into())]);
}

#[test]
fn a_frame_in_fragments_is_put_together() {
    let got = read(&hbr(), &["0010 0028 aabb", "0010 0028 ccdd", "0010 0028 ee"]).unwrap();
    assert_eq!(got, [(1_000, 1_024, "aabbccddee".into())]);
}

#[test]
fn low_bit_rate_has_headers_of_one_byte() {
    let config =
        config(Codec::Aac, 8_000, "mode=AAC-lbr;config=1588;sizeLength=6;indexLength=2;indexDeltaLength=2");
    let got = read(&config, &["0010 0c 08 aabbcc ddee"]).unwrap();
    assert_eq!(got, [(1_000, 1_024, "aabbcc".into()), (2_024, 1_024, "ddee".into())]);
}

#[test]
fn fields_beyond_size_and_index_are_passed_over() {
    let fmtp = format!(
        "{HBR};config=1408;CTSDeltaLength=7;DTSDeltaLength=4;randomAccessIndication=1;streamStateIndication=2;\
         auxiliaryDataSizeLength=8"
    );
    // Size 2 and index 0; a composition delta of 7 bits; no decoding delta; random access; two bits of state.
    // Then eight bits of auxiliary data.
    let got = read(&config(Codec::Aac, 16_000, &fmtp), &["001c 0010 ff80 08ee aabb"]).unwrap();
    assert_eq!(got, [(1_000, 1_024, "aabb".into())]);
}

#[test]
fn a_constant_size_needs_no_headers() {
    let got =
        read(&config(Codec::Aac, 16_000, "mode=generic;constantSize=2;config=1408"), &["aabb ccdd"]).unwrap();
    assert_eq!(got, [(1_000, 1_024, "aabb".into()), (2_024, 1_024, "ccdd".into())]);
}

#[test]
fn a_file_formats_header_in_front_of_a_frame_is_taken_off() {
    let got = read(&hbr(), &["0010 0048 fff16040013ffc aabb"]).unwrap();
    assert_eq!(got, [(1_000, 1_024, "aabb".into())]);
}

#[test]
fn each_wrong_unit_is_refused_with_its_reason() {
    use AudioError::{Incomplete, Malformed, Unsupported};
    let refused = |payloads: &[&str]| read(&hbr(), payloads).unwrap_err();
    assert_eq!(refused(&["0010 0028 aabb"]), Incomplete, "a fragment without the rest");
    assert_eq!(refused(&["0010 0028 aabb", "0010 0020 ccdd"]), Malformed("fragments of different frames"));
    assert_eq!(refused(&["0010 0018 aabb", "0010 0018 ccdd"]), Malformed("fragments of different frames"));
    assert_eq!(refused(&["0020 0018 0010 aabb"]), Incomplete, "more than there is");
    assert_eq!(refused(&["0040 0018"]), Incomplete, "headers without their bytes");
    assert_eq!(refused(&["00"]), Incomplete);
    assert_eq!(refused(&["0018 0018 00 aabbcc"]), Malformed("headers of frames end within one"));
    assert_eq!(refused(&["0020 0018 0011 aabbcc ddee"]), Unsupported("interleaving"));
    assert_eq!(read(&hbr(), &[""]).unwrap(), []);
    assert_eq!(read(&hbr(), &["0010 0000"]).unwrap(), [], "a frame of no byte is none");
}

#[test]
fn whichever_fragment_is_lost_the_frame_is_refused_and_no_other() {
    let whole = ["0010 0030 aabb", "0010 0030 ccdd", "0010 0030 eeff"];
    for lost in 0..whole.len() {
        let mut rest = whole.to_vec();
        rest.remove(lost);
        assert_eq!(read(&hbr(), &rest).unwrap_err(), AudioError::Incomplete, "without {lost}");
    }
    assert_eq!(read(&hbr(), &whole).unwrap().len(), 1);
}

#[test]
fn configurations_of_each_kind_are_named() {
    let named = |digits: &str, rate: u32| {
        let config = config(Codec::Aac, rate, &format!("{HBR};config={digits}"));
        (config.name, config.sample_rate, config.channels, config.samples_per_frame)
    };
    assert_eq!(named("1408", 16_000), ("mp4a.40.2".into(), 16_000, 1, 1_024));
    assert_eq!(named("1210", 44_100), ("mp4a.40.2".into(), 44_100, 2, 1_024));
    assert_eq!(named("1214", 44_100), ("mp4a.40.2".into(), 44_100, 2, 960));
    // Replication told in front: type 5, 24,000 and 48,000, stereo, then type 2.
    assert_eq!(named("2B118800", 48_000), ("mp4a.40.5".into(), 48_000, 2, 2_048));
    // The same told behind, so that old decoders do not see it.
    assert_eq!(named("131056E598", 48_000), ("mp4a.40.5".into(), 48_000, 2, 2_048));
    // With parametric stereo of one channel.
    assert_eq!(named("EB098800", 48_000), ("mp4a.40.29".into(), 48_000, 2, 2_048));
    // A frequency in full: 17,000.
    assert_eq!(named("1780213408", 17_000), ("mp4a.40.2".into(), 17_000, 1, 1_024));
}

#[test]
fn a_frame_lasts_as_long_as_the_clock_runs() {
    // A core of 24,000 on a clock of 48,000, replication told by nothing.
    let got = read(&config(Codec::Aac, 48_000, &format!("{HBR};config=1310")), &["0010 0010 aabb"]).unwrap();
    assert_eq!(got[0].1, 2_048);
    let got =
        read(&config(Codec::Aac, 90_000, &format!("{HBR};config=1210")), &["0030 0008 0008 0008 aabbcc"]);
    let got: Vec<(i64, u32)> = got.unwrap().iter().map(|(at, lasts, _)| (*at, *lasts)).collect();
    assert_eq!(got, [(1_000, 2_089), (3_089, 2_090), (5_179, 2_090)], "what is rounded does not add up");
}

#[test]
fn lines_that_do_not_say_how_to_decode_are_refused() {
    let refused = |codec, fmtp: &str| AudioConfig::from_line(codec, 16_000, fmtp).unwrap_err();
    assert_eq!(refused(Codec::Aac, HBR), AudioError::ConfigMissing);
    assert_eq!(refused(Codec::Latm, "cpresent=1;object=2"), AudioError::ConfigInBand);
    assert_eq!(refused(Codec::H264, ""), AudioError::NoSound(Codec::H264));
    assert_eq!(refused(Codec::Aac, "config=14zz"), AudioError::Config("no hexadecimal digits"));
    assert_eq!(refused(Codec::Aac, "config=14"), AudioError::Config("shorter than it says"));
    assert_eq!(
        refused(Codec::Aac, &format!("config={}", "00".repeat(600))),
        AudioError::Config("longer than any")
    );
    assert_eq!(refused(Codec::Aac, "config=4408"), AudioError::ObjectType(8));
    assert_eq!(refused(Codec::Aac, "config=1688"), AudioError::Config("no sampling frequency"));
    assert_eq!(
        refused(Codec::Aac, "mode=generic;sizelength=0;config=1408"),
        AudioError::Unsupported("a size of frames that is not told")
    );
    assert_eq!(
        refused(Codec::Latm, "cpresent=0;config=20002810"),
        AudioError::Unsupported("streams of different framing")
    );
}

#[test]
fn latm_elements_hold_their_frames() {
    let one = config(Codec::Latm, 16_000, "96 profile-level-id=1;cpresent=0;config=40002810");
    assert_eq!((one.name.as_str(), one.config.as_ref()), ("mp4a.40.2", &[0x14, 0x08][..]));
    assert_eq!(read(&one, &["03 aabbcc"]).unwrap(), [(1_000, 1_024, "aabbcc".into())]);
    assert_eq!(read(&one, &["03 aa", "bbcc"]).unwrap(), [(1_000, 1_024, "aabbcc".into())]);
    let long = "ff01".to_owned() + &"5a".repeat(256);
    assert_eq!(read(&one, &[&long]).unwrap(), [(1_000, 1_024, "5a".repeat(256))]);
    assert_eq!(read(&one, &["04 aabbcc"]).unwrap_err(), AudioError::Incomplete);
    assert_eq!(read(&one, &["ff"]).unwrap_err(), AudioError::Incomplete);
    // Two frames in an element.
    let two = config(Codec::Latm, 16_000, "cpresent=0;config=41002810");
    let got = read(&two, &["02 aabb 01 cc"]).unwrap();
    assert_eq!(got, [(1_000, 1_024, "aabb".into()), (2_024, 1_024, "cc".into())]);
}

#[test]
fn latm_with_a_bit_in_front_is_shifted_back() {
    let config = config(Codec::Latm, 16_000, "config=40002810");
    // 1 | 00000010 | 10101010 | 10111011
    assert_eq!(read(&config, &["81 55 5d 80"]).unwrap(), [(1_000, 1_024, "aabb".into())]);
    assert_eq!(read(&config, &["01 55 5d 80"]).unwrap_err(), AudioError::ConfigInBand);
}

#[test]
fn speech_and_opus_are_frames_as_they_come() {
    for (codec, name) in [(Codec::Pcmu, "ulaw"), (Codec::Pcma, "alaw")] {
        let config = config(codec, 8_000, "");
        assert_eq!((config.name.as_str(), config.sample_rate, config.channels), (name, 8_000, 1));
        assert_eq!(read(&config, &["d5d5d5d5"]).unwrap(), [(1_000, 4, "d5d5d5d5".into())]);
        assert_eq!(read(&config, &[""]).unwrap(), []);
    }
    let opus = config(Codec::Opus, 48_000, "sprop-stereo=0");
    assert_eq!((opus.name.as_str(), opus.channels), ("opus", 1));
    assert_eq!(read(&opus, &["7800"]).unwrap(), [(1_000, 960, "7800".into())]);
}

#[test]
fn opus_durations_are_those_of_the_standard() {
    let last = |hex: &str| opus::ticks(&hex::decode(hex).unwrap());
    // SILK 10 and 60 ms, hybrid 20 ms, CELT 2.5 and 20 ms; twice; three of 20 ms.
    assert_eq!(["00", "18", "68", "80", "98"].map(last), [480, 2_880, 960, 120, 960].map(Some));
    assert_eq!(["99", "9a", "9b03"].map(last), [1_920, 1_920, 2_880].map(Some));
    assert_eq!(["", "9b", "9b00", "1b03"].map(last), [None; 4]);
}

proptest! {
    #[test]
    fn any_unit_is_frames_or_an_error(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..6),
    ) {
        let lines = [
            (Codec::Aac, 16_000, format!("{HBR};config=1408")),
            (Codec::Aac, 8_000, "mode=AAC-lbr;config=1588".to_owned()),
            (Codec::Latm, 16_000, "config=41002810".to_owned()),
            (Codec::Latm, 16_000, "cpresent=0;config=40002810".to_owned()),
            (Codec::Opus, 48_000, String::new()),
            (Codec::Pcma, 8_000, String::new()),
        ];
        for (codec, rate, fmtp) in lines {
            let packets: Vec<_> = payloads.iter().enumerate().map(|(n, payload)| packet(n as u16, payload)).collect();
            let bytes: usize = payloads.iter().map(Vec::len).sum();
            let unit = AccessUnit::from_packets(codec, packets, 0x1_0000, 0, 0).unwrap();
            if let Ok(frames) = frames(&config(codec, rate, &fmtp), &unit) {
                prop_assert!(frames.iter().map(|frame| frame.data.len()).sum::<usize>() <= bytes);
                prop_assert!(frames.iter().all(|frame| !frame.data.is_empty() && frame.duration > 0));
                prop_assert!(frames.windows(2).all(|pair| pair[0].timestamp < pair[1].timestamp));
            }
        }
    }

    #[test]
    fn any_configuration_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40), cut in 0usize..80) {
        let mut digits = hex::encode(&bytes);
        digits.truncate(cut);
        for (codec, rest) in [(Codec::Aac, HBR), (Codec::Latm, "cpresent=0")] {
            if let Ok(config) = AudioConfig::from_line(codec, 16_000, &format!("{rest};config={digits}")) {
                prop_assert!((1..=8).contains(&config.channels) && config.sample_rate > 0);
                prop_assert_ne!(config.config, Bytes::new());
            }
        }
    }
}
