use super::*;

const AVC: &str =
    "96 packetization-mode=1;sprop-parameter-sets=Z0LADNkBQZ+fAWoMDA1KAAADAAIAAAMAZR4oVJA=,aMuMsg==";
const HEVC: &str = "sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwA8koCQ;\
    sprop-sps=QgEBAWAAAAMAkAAAAwAAAwA8oApIC5yVlkqSTK//AAEAAWoMDAwIAAADAAgAAAMAyEA=;sprop-pps=RAHBcrQiQA==";

fn nal(hex: &str) -> Bytes {
    Bytes::from(hex::decode(hex.replace(' ', "")).unwrap())
}

/// The first bytes of each unit after `complete`.
fn completed(codec: Codec, fmtp: &str, nals: &[&str]) -> Vec<u8> {
    let mut nals: Vec<Bytes> = nals.iter().map(|hex| nal(hex)).collect();
    VideoSets::from_fmtp(codec, fmtp).complete(&mut nals);
    nals.iter().map(|nal| nal[0]).collect()
}

#[test]
fn sets_of_both_codecs_come_from_the_sdp() {
    let avc = VideoSets::from_fmtp(Codec::H264, AVC);
    assert_eq!(
        (avc.codec(), avc.iter().count(), avc.describe().unwrap().codec.as_str()),
        (Codec::H264, 2, "avc1.42c00c")
    );
    assert_eq!(
        avc.avc().unwrap(),
        h264::Configuration {
            profile: 66,
            compatibility: 0xc0,
            level: 12,
            chroma_format: 1,
            bit_depth_luma: 8,
            bit_depth_chroma: 8,
        }
    );
    assert!(avc.hevc().is_err());
    let hevc = VideoSets::from_fmtp(Codec::H265, HEVC);
    assert_eq!(
        (hevc.codec(), hevc.iter().count(), hevc.describe().unwrap().codec.as_str()),
        (Codec::H265, 3, "hvc1.1.6.L60.90")
    );
    assert!(hevc.avc().is_err() && hevc.hevc().is_ok());
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let sets = VideoSets::from_fmtp(Codec::H265, &HEVC.replace("sprop-sps=Qg", "sprop-sps=**,Qg"));
    assert_eq!(sets.iter().count(), 3, "a part that is no base64");
    let none = VideoSets::from_fmtp(Codec::H264, "96 packetization-mode=1");
    assert!(none.is_empty() && none.describe() == Err(DescribeError::Missing) && none.reorder_frames() == 0);
    let mut sound = VideoSets::from_fmtp(Codec::Aac, AVC);
    assert!(sound.is_empty() && !sound.observe(&nal("67 42c01f")) && sound.describe().is_err());
}

#[test]
fn only_kinds_that_are_absent_are_put_in_behind_a_delimiter() {
    assert_eq!(completed(Codec::H264, AVC, &["65 88"]), [0x67, 0x68, 0x65]);
    assert_eq!(completed(Codec::H264, AVC, &["09 f0", "67 42", "65 88"]), [0x09, 0x67, 0x68, 0x65]);
    assert_eq!(completed(Codec::H264, AVC, &["68 ce", "65 88"]), [0x67, 0x68, 0x65]);
    assert_eq!(completed(Codec::H265, HEVC, &["2601 af"]), [0x40, 0x42, 0x44, 0x26]);
    assert_eq!(
        completed(Codec::H265, HEVC, &["4601 50", "4201 01", "4e01 05", "2601 af"]),
        [0x46, 0x40, 0x42, 0x44, 0x4e, 0x26]
    );
    assert_eq!(completed(Codec::H265, HEVC, &["4001 0c", "4401 c1", "2601 af"]), [0x40, 0x42, 0x44, 0x26]);
    assert_eq!(completed(Codec::H265, "", &["2601 af"]), [0x26]);
    assert_eq!(completed(Codec::H264, AVC, &[]), [0x67, 0x68]);
}

#[test]
fn order_is_bounded_by_what_a_decoder_holds_where_nothing_is_declared() {
    // High at level 1.3 with two B-frames between references, and the same without its usability information.
    let declared = "sprop-parameter-sets=Z2QADazZQVGeImwFqDAwNSgAAAMACAAAAwGUeKFMsA==,aOvssiw=";
    let declared = VideoSets::from_fmtp(Codec::H264, declared);
    assert_eq!(declared.reorder_frames(), 2);
    let mut open = VideoSets::from_fmtp(Codec::H264, "");
    assert!(open.observe(&declared.iter().next().unwrap().slice(..12)));
    // 2,376 macroblocks, 21 x 12 a picture.
    assert_eq!(open.reorder_frames(), 9);
    assert_eq!(VideoSets::from_fmtp(Codec::H264, AVC).reorder_frames(), 0);
    assert_eq!(VideoSets::from_fmtp(Codec::H265, HEVC).reorder_frames(), 0);
}
