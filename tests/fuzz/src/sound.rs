use sluice_media::{
    AccessUnit, Codec, DecodeClock, RtpPacket, SenderClock, SenderReport,
    audio::{self, AudioConfig},
    sender_report,
};

use crate::media::{framed, packed};

/// Bytes as the format parameters of a line of sound.
pub(crate) fn sound_fmtp(bytes: &[u8]) {
    let fmtp = String::from_utf8_lossy(bytes);
    for codec in SOUND {
        if let Ok(config) = AudioConfig::from_line(codec, 16_000, &fmtp) {
            assert!((1..=8).contains(&config.channels) && config.sample_rate > 0 && !config.name.is_empty());
            assert!(config.config.len() <= fmtp.len());
        }
    }
}

/// Bytes as payloads with two bytes of length in front of each, as if one unit of sound.
pub(crate) fn sound_unit(bytes: &[u8]) {
    let packets = packed(bytes);
    if packets.is_empty() {
        return;
    }
    let all: usize = packets.iter().map(|packet| packet.payload_slice().len()).sum();
    for (codec, fmtp) in LINES {
        let config =
            AudioConfig::from_line(*codec, 16_000, fmtp).expect("each of these lines is well-formed");
        let unit = AccessUnit::from_packets(*codec, packets.clone(), 0x1_0000, 0, 0)
            .expect("they follow each other");
        if let Ok(frames) = audio::frames(&config, &unit) {
            assert!(frames.iter().map(|frame| frame.data.len()).sum::<usize>() <= all, "nothing grows");
            assert!(frames.iter().all(|frame| !frame.data.is_empty()));
            assert!(frames.windows(2).all(|pair| pair[0].timestamp < pair[1].timestamp));
        }
    }
}

/// Bytes as one compound RTCP packet.
pub(crate) fn rtcp(bytes: &[u8]) {
    if let Some(report) = sender_report(bytes) {
        assert!(bytes.len() >= 28);
        clocked(&[(0, report.ntp, report.rtp), (1, report.ntp, 0)]);
    }
}

/// Bytes as what reports and packets say about time, 14 of them a step.
pub(crate) fn clocks(bytes: &[u8]) {
    let step = |chunk: &[u8; 14]| {
        let word = |at: usize| u32::from_be_bytes([chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3]]);
        (chunk[0], u64::from(word(1)) << 32 | u64::from(word(5)), word(9))
    };
    let (steps, _) = bytes.as_chunks::<14>();
    clocked(&steps.iter().map(step).collect::<Vec<_>>());
}

fn clocked(steps: &[(u8, u64, u32)]) {
    let (mut clock, mut decode) = (SenderClock::new(), DecodeClock::new(3));
    (0..2).for_each(|line| clock.line(line, 90_000));
    let (mut now, mut before) = (1_790_000_000_000i64, i64::MIN);
    for (kind, ntp, rtp) in steps {
        now += i64::from(*kind);
        let line = usize::from(kind & 1);
        if kind & 2 == 0 {
            clock.report(line, now, &SenderReport { ssrc: 1, ntp: *ntp, rtp: *rtp });
        }
        let captured = clock.captured_ms(line, now, *rtp);
        assert!((captured - now).abs() <= 11_000, "{captured} at {now}");
        let dts = decode.stamp(i64::from(*rtp));
        assert!(dts > before, "times of decoding grow");
        before = dts;
    }
}

pub(crate) fn fmtps() -> Vec<Vec<u8>> {
    let told = FIXTURES.iter().filter_map(|(_, sdp)| sdp.split_once("a=fmtp:")?.1.lines().next());
    told.chain(LINES.iter().map(|(_, fmtp)| *fmtp)).map(|fmtp| fmtp.as_bytes().to_vec()).collect()
}

pub(crate) fn units() -> Vec<Vec<u8>> {
    let list = |stream: &[u8], count: usize| {
        let packets = framed(stream).take(count).filter_map(|packet| RtpPacket::parse(packet).ok());
        packets.fold(Vec::new(), |mut list, packet| {
            list.extend_from_slice(&(packet.payload_slice().len() as u16).to_be_bytes());
            list.extend_from_slice(packet.payload_slice());
            list
        })
    };
    FIXTURES.iter().flat_map(|(stream, _)| [1, 2, 3].map(|count| list(stream, count))).collect()
}

pub(crate) fn reports() -> Vec<Vec<u8>> {
    let mut report = vec![0x80, 200, 0, 6];
    report.extend((0..24u8).map(|n| n.wrapping_mul(37)));
    let behind = [&[0x81, 201, 0, 1, 0, 0, 0, 1][..], &report].concat();
    vec![report, behind]
}

pub(crate) fn times() -> Vec<Vec<u8>> {
    let step = |n: u32| {
        let mut step = vec![(n % 4) as u8 + 36];
        step.extend_from_slice(&(0xe800_0000 + n / 25).to_be_bytes());
        step.extend_from_slice(&(n % 25 * 171_798_691).to_be_bytes());
        step.extend_from_slice(&(n * 3_600).to_be_bytes());
        step.push(0);
        step
    };
    vec![(0..60).flat_map(step).collect()]
}

const SOUND: [Codec; 5] = [Codec::Aac, Codec::Latm, Codec::Pcmu, Codec::Pcma, Codec::Opus];

const LINES: &[(Codec, &str)] = &[
    (Codec::Aac, "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408"),
    (Codec::Aac, "mode=AAC-lbr;config=2B118800"),
    (Codec::Aac, "mode=generic;constantSize=20;auxiliaryDataSizeLength=8;config=131056E598"),
    (Codec::Latm, "cpresent=0;config=40002810"),
    (Codec::Latm, "config=41002810"),
    (Codec::Pcmu, ""),
    (Codec::Pcma, ""),
    (Codec::Opus, "sprop-stereo=1"),
];

macro_rules! fixture {
    ($name:literal) => {
        (
            include_bytes!(concat!("../../fixtures/", $name, ".rtp")).as_slice(),
            include_str!(concat!("../../fixtures/", $name, ".sdp")),
        )
    };
}

const FIXTURES: &[(&[u8], &str)] =
    &[fixture!("gstreamer_aac"), fixture!("gstreamer_latm"), fixture!("gstreamer_opus")];
