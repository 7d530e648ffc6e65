use std::sync::Arc;

use bytes::Bytes;
use sluice_media::{
    AccessUnit, Assembled, Assembler, Codec, GopRing, KeyGate, RtpPacket, VideoSets,
    h264::{self, ParameterSets},
    h265, has_b_slices, inspect, nal_units, packetize,
};

/// Bytes as one RTP packet.
pub(crate) fn rtp_packet(bytes: &[u8]) {
    if let Ok(packet) = RtpPacket::parse(Bytes::copy_from_slice(bytes)) {
        assert_eq!(packet.bytes(), bytes, "a packet is kept verbatim");
        assert_eq!(packet.payload(), packet.payload_slice());
    }
}

/// Bytes as RTP packets with two bytes of length in front of each, through all that a stream passes.
pub(crate) fn assembler(bytes: &[u8]) {
    for codec in [Codec::H264, Codec::H265, Codec::Aac, Codec::Opus] {
        assembled(codec, bytes);
    }
}

fn assembled(codec: Codec, bytes: &[u8]) {
    let (mut assembler, mut ring) = (Assembler::new(codec, 90_000), GopRing::new(RING_BYTES));
    let mut gate = KeyGate::new(codec);
    let mut position = 0;
    for (n, packet) in framed(bytes).filter_map(|packet| RtpPacket::parse(packet).ok()).enumerate() {
        assembler.push(n as i64 * 7, packet);
        while let Some(assembled) = assembler.poll() {
            let (from, to) = match assembled {
                Assembled::Unit(unit) => {
                    let range = (unit.first_sequence, unit.last_sequence());
                    whole(codec, &unit);
                    gate.admits(&unit);
                    ring.push(Arc::new(unit));
                    range
                }
                Assembled::Gap { from, to } => (from, to),
                Assembled::Epoch { first_sequence, .. } => (first_sequence, first_sequence - 1),
            };
            assert!(from > position, "{from} comes after {position}");
            position = to;
        }
        assert!(ring.bytes() <= RING_BYTES);
    }
}

/// Bytes as payloads with two bytes of length in front of each, as if one access unit.
pub(crate) fn payloads(bytes: &[u8]) {
    let packets = packed(bytes);
    for codec in [Codec::H264, Codec::H265] {
        repacketized(codec, &packets);
    }
}

/// Bytes as payloads with two bytes of length in front of each, as packets in sequence.
pub(crate) fn packed(bytes: &[u8]) -> Vec<RtpPacket> {
    let packet = |(n, payload): (usize, Bytes)| {
        let mut packet = vec![0x80, 96, (n >> 8) as u8, n as u8, 0, 0, 0, 0, 0, 0, 0, 0];
        packet.extend_from_slice(&payload);
        RtpPacket::parse(packet.into()).ok()
    };
    framed(bytes).enumerate().map_while(packet).collect()
}

/// Bytes as one NAL unit that may be a parameter set.
pub(crate) fn parameter_set(bytes: &[u8]) {
    let nal = Bytes::copy_from_slice(bytes);
    for codec in [Codec::H264, Codec::H265] {
        let mut sets = VideoSets::from_fmtp(codec, "");
        if sets.observe(&nal) {
            assert!(!sets.observe(&nal), "the same again is no news");
            described(&sets);
        }
        let mut nals = vec![nal.clone()];
        sets.complete(&mut nals);
        assert!(nals.contains(&nal) && nals.len() <= 2);
    }
}

fn described(sets: &VideoSets) {
    if let Ok(video) = sets.describe() {
        assert!(video.width > 0 || sets.codec() == Codec::H264);
        assert_eq!(video.b_frames, sets.reorder_frames() > 0);
    }
    assert!(sets.reorder_frames() <= 16);
    let _ = (sets.avc(), sets.hevc());
}

/// Bytes as the format parameters of a line of pictures.
pub(crate) fn video_fmtp(bytes: &[u8]) {
    for codec in [Codec::H264, Codec::H265] {
        described(&VideoSets::from_fmtp(codec, &String::from_utf8_lossy(bytes)));
    }
}

/// Bytes as the value of `sprop-parameter-sets`.
pub(crate) fn sprop(bytes: &[u8]) {
    if let Ok(sets) = ParameterSets::from_sprop(&String::from_utf8_lossy(bytes)) {
        assert!(!sets.is_empty());
        let _ = sets.describe();
    }
}

pub(crate) fn packets() -> Vec<Vec<u8>> {
    streams().iter().flat_map(|stream| framed(stream).take(12).collect::<Vec<_>>()).map(Vec::from).collect()
}

pub(crate) fn streams() -> Vec<Vec<u8>> {
    // The beginning of each, short enough to be changed all over and long enough for two key frames.
    let prefix =
        |len: usize| FIXTURES.iter().map(move |(stream, _)| stream[..stream.len().min(len)].to_vec());
    prefix(1_500).chain(prefix(24 * 1024)).collect()
}

pub(crate) fn payload_lists() -> Vec<Vec<u8>> {
    let list = |stream: &Vec<u8>| {
        let packets = framed(stream).take(14).filter_map(|packet| RtpPacket::parse(packet).ok());
        packets.fold(Vec::new(), |mut list, packet| {
            list.extend_from_slice(&(packet.payload_slice().len() as u16).to_be_bytes());
            list.extend_from_slice(packet.payload_slice());
            list
        })
    };
    streams().iter().map(list).collect()
}

pub(crate) fn parameter_sets() -> Vec<Vec<u8>> {
    let sets = |codec| {
        let sets =
            fmtps().into_iter().map(move |fmtp| VideoSets::from_fmtp(codec, &String::from_utf8_lossy(&fmtp)));
        sets.flat_map(|sets| sets.iter().map(|nal| nal.to_vec()).collect::<Vec<_>>())
    };
    sets(Codec::H264).chain(sets(Codec::H265)).collect()
}

pub(crate) fn fmtps() -> Vec<Vec<u8>> {
    let value = |sdp: &str| Some(sdp.split_once("a=fmtp:")?.1.lines().next()?.as_bytes().to_vec());
    FIXTURES.iter().filter_map(|(_, sdp)| value(sdp)).collect()
}

pub(crate) fn sprops() -> Vec<Vec<u8>> {
    let value =
        |sdp: &str| Some(sdp.split_once("sprop-parameter-sets=")?.1.lines().next()?.as_bytes().to_vec());
    FIXTURES.iter().filter_map(|(_, sdp)| value(sdp)).collect()
}

pub(crate) fn framed(bytes: &[u8]) -> impl Iterator<Item = Bytes> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk::<2>()?;
        let (packet, after) = after.split_at(usize::from(u16::from_be_bytes(*len)).min(after.len()));
        rest = after;
        Some(Bytes::copy_from_slice(packet))
    })
}

fn whole(codec: Codec, unit: &AccessUnit) {
    let again = AccessUnit::from_packets(
        codec,
        unit.packets.clone(),
        unit.first_sequence,
        unit.timestamp,
        unit.captured_at_ms,
    );
    assert_eq!(again.as_ref(), Ok(unit), "what was assembled can be sent and put together again");
    repacketized(codec, &unit.packets);
}

fn repacketized(codec: Codec, packets: &[RtpPacket]) {
    let kind = inspect(codec, packets);
    let _ = (has_b_slices(codec, packets), h265::is_skipped_leading(packets));
    let Ok(nals) = nal_units(codec, packets) else { return };
    let header = if codec == Codec::H265 { 2 } else { 1 };
    assert!(nals.iter().all(|nal| nal.len() >= header));
    let bytes: usize = packets.iter().map(|packet| packet.payload_slice().len()).sum();
    assert!(nals.iter().map(Bytes::len).sum::<usize>() <= bytes, "nothing grows");
    let _ = (kind, h264::classify(&nals));
    for max in [0, 100, 1_180] {
        let payloads = packetize(codec, &nals, max);
        assert!(payloads.iter().all(|payload| (1..=max.max(16)).contains(&payload.len())));
    }
}

const RING_BYTES: usize = 16 * 1024;

macro_rules! fixture {
    ($name:literal) => {
        (
            include_bytes!(concat!("../../fixtures/", $name, ".rtp")).as_slice(),
            include_str!(concat!("../../fixtures/", $name, ".sdp")),
        )
    };
}

const FIXTURES: &[(&[u8], &str)] = &[
    fixture!("gstreamer_baseline"),
    fixture!("gstreamer_bframes"),
    fixture!("gstreamer_slices"),
    fixture!("gstreamer_open_gop"),
    fixture!("gstreamer_intra_refresh"),
    fixture!("gstreamer_h265"),
    fixture!("gstreamer_h265_open_gop"),
    fixture!("gstreamer_h265_layers"),
];
