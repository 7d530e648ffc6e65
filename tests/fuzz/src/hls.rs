use bytes::Bytes;
use sluice_hls::{Flavour, Packager, Position, Rendition, Resource, Settings, Track};
use sluice_media::{AccessUnit, Codec, Key, RtpPacket, VideoSets};

/// Bytes as the life of a camera: what it sends, when, and when it goes and comes. Each record is one byte of what
/// happens, two of time, one of wall clock, two of length, and a payload.
pub(crate) fn packager(bytes: &[u8]) {
    for (video, audio) in [(Codec::H264, Codec::Aac), (Codec::H265, Codec::Opus), (Codec::H264, Codec::Pcma)]
    {
        live(&[track(0, video), track(1, audio)], bytes);
    }
}

fn live(tracks: &[Track], mut rest: &[u8]) {
    let settings = Settings { max_bytes: MAX_BYTES, window: 4, ..Settings::default() };
    let mut packager = Packager::new(settings, tracks).expect("the tracks are sound");
    let (mut sequence, mut time, mut wall) = (0u64, [0i64; 2], 1_800_000_000_000i64);
    let mut before = [Position { msn: 0, part: 0 }; 2];
    while let [what, late, later, ms, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (payload, next) = after.split_at(length);
        rest = next;
        let line = usize::from(what & 1);
        let step = i64::from(i16::from_be_bytes([*late, *later]));
        // Some steps are leaps.
        time[line] = time[line].saturating_add(if what & 0x40 == 0 { step } else { step << 47 });
        wall = wall.saturating_add(if what & 0x80 == 0 { i64::from(*ms) } else { step << 40 });
        match what >> 2 & 0x0f {
            0 => packager.restart(tracks),
            1 => packager.discontinuity(line),
            _ => {
                let key =
                    (what & 2 != 0).then_some(if what & 4 != 0 { Key::RecoveryPoint } else { Key::Idr });
                if let Some(unit) = unit(payload, sequence, time[line], wall, key) {
                    sequence += 1;
                    // Whether it is taken is its own affair; what holds afterwards is not.
                    let _ = packager.push(line, &unit);
                }
            }
        }
        check(&packager, &mut before);
    }
    packager.end();
    check(&packager, &mut before);
}

fn check(packager: &Packager, before: &mut [Position; 2]) {
    assert!(packager.bytes() <= MAX_BYTES, "{} bytes", packager.bytes());
    for (rendition, before) in [Rendition::Video, Rendition::Audio].into_iter().zip(before) {
        let next = packager.next(rendition);
        assert!(next >= *before, "{next:?} after {before:?}");
        if next == *before {
            continue;
        }
        *before = next;
        let Some(list) = packager.playlist(rendition, Flavour::LowLatency) else { continue };
        for part in list.lines().filter(|line| line.starts_with("#EXT-X-PART:") && !line.ends_with("GAP=YES"))
        {
            let name = part.split('"').nth(1).expect("a part has a name");
            let Resource::Found { body, .. } = packager.resource(name) else { panic!("{name} is listed") };
            assert!(body.iter().map(Bytes::len).sum::<usize>() > 16);
        }
    }
}

fn unit(
    payload: &[u8],
    sequence: u64,
    timestamp: i64,
    captured_at_ms: i64,
    key: Option<Key>,
) -> Option<AccessUnit> {
    let mut packet = vec![0x80, 96, (sequence >> 8) as u8, sequence as u8, 0, 0, 0, 0, 0, 0, 0, 7];
    packet.extend_from_slice(payload);
    let packets = vec![RtpPacket::parse(packet.into()).ok()?];
    let size = packets[0].bytes().len();
    Some(AccessUnit {
        packets,
        first_sequence: sequence,
        timestamp,
        captured_at_ms,
        key,
        reference: true,
        size,
    })
}

fn track(line: usize, codec: Codec) -> Track {
    let (clock_rate, fmtp) = match codec {
        Codec::H264 => (90_000, "sprop-parameter-sets=Z0LADNkBQZ+fAWoMDA1KAAADAAIAAAMAZR4oVJA=,aMuMsg=="),
        Codec::H265 => (90_000, ""),
        Codec::Aac => (16_000, "mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408"),
        Codec::Opus => (48_000, ""),
        _ => (8_000, ""),
    };
    Track { line, codec, clock_rate, fmtp: fmtp.to_owned() }
}

/// A few seconds of pictures and sound, with a gap and a restart in them.
pub(crate) fn lives() -> Vec<Vec<u8>> {
    let sets = VideoSets::from_fmtp(Codec::H264, &track(0, Codec::H264).fmtp);
    let sets: Vec<_> = sets.iter().cloned().collect();
    let mut together = vec![0x78];
    for nal in sets.iter().map(Bytes::as_ref).chain([&[0x65, 0x88, 0x80, 0x10][..]]) {
        together.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        together.extend_from_slice(nal);
    }
    let mut life = Vec::new();
    let mut record = |what: u8, step: i16, payload: &[u8]| {
        life.push(what);
        life.extend_from_slice(&step.to_be_bytes());
        life.push(40);
        life.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        life.extend_from_slice(payload);
    };
    for n in 0..60 {
        let sound = [0x00, 0x10, 0x00, 0x30, 0x00, 0xc8, 0x00, 0x80, 0x23, 0x80];
        match n % 15 {
            0 => record(0x22, 3_600, &together),
            7 if n > 30 => record(0x04, 3_600, &[]),
            _ => record(0x20, 3_600, &[0x41, 0xc0, 0x10]),
        }
        record(0x21, 1_024, &sound);
        if n == 45 {
            record(0x00, 0, &[]);
        }
    }
    vec![life]
}

/// Small, so that it is reached.
const MAX_BYTES: usize = 64 * 1024;
