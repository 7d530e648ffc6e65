//! What others make of it: ffmpeg reads every byte, and the golden bytes are held.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use bytes::Bytes;
use sluice_hls::{Flavour, Packager, Rendition, Settings, Track};
use sluice_media::{AccessUnit, Codec, RtpPacket, packetize};

use crate::{
    playlist::Playlist,
    support::{AUDIO, Camera, EPOCH_MS, Habits, SMALL, VIDEO, audio, settings, unit, video},
    watch::body,
};

fn fixture(name: &str) -> Bytes {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name)).unwrap().into()
}

/// NAL units of an Annex B stream, cut into pictures at its delimiters.
fn pictures(codec: Codec, stream: &Bytes) -> Vec<Vec<Bytes>> {
    let starts: Vec<_> = stream
        .windows(3)
        .enumerate()
        .filter(|(_, three)| *three == [0, 0, 1])
        .map(|(at, _)| at + 3)
        .collect();
    let (mut pictures, mut whole): (Vec<Vec<Bytes>>, bool) = (Vec::new(), false);
    for (n, &start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).map_or(stream.len(), |next| next - 3);
        let mut nal = stream.slice(start..end);
        while nal.last() == Some(&0) {
            nal.truncate(nal.len() - 1);
        }
        let (delimiter, slice) = match codec {
            Codec::H264 => (nal[0] & 0x1f == 9, matches!(nal[0] & 0x1f, 1..=5)),
            _ => (nal[0] >> 1 & 0x3f == 35, nal[0] >> 1 & 0x3f < 32),
        };
        // Parameter sets may come before the first delimiter.
        if pictures.is_empty() || delimiter && whole {
            pictures.push(Vec::new());
            whole = false;
        }
        whole |= slice;
        if !delimiter {
            pictures.last_mut().unwrap().push(nal);
        }
    }
    pictures
}

/// A picture as a camera sends it: fragmented, every packet numbered.
fn sent(codec: Codec, nals: &[Bytes], sequence: &mut u64, timestamp: i64, captured_at_ms: i64) -> AccessUnit {
    let first = *sequence;
    let payloads = packetize(codec, nals, 1_200);
    let packets = payloads.iter().map(|payload| {
        let one = unit(payload, *sequence, timestamp, captured_at_ms, None);
        *sequence += 1;
        one.packets[0].clone()
    });
    let packets: Vec<RtpPacket> = packets.collect();
    AccessUnit::from_packets(codec, packets, first, timestamp, captured_at_ms).unwrap()
}

/// Plays a loop three times over.
fn looped(codec: Codec, name: &str, order: Option<&str>) -> Packager {
    let pictures = pictures(codec, &fixture(name));
    let order: Vec<i64> = match order {
        Some(file) => {
            let text = String::from_utf8(fixture(file).to_vec()).unwrap();
            text.split_whitespace().map(|place| place.parse().unwrap()).collect()
        }
        None => (0..pictures.len() as i64).collect(),
    };
    assert_eq!((pictures.len(), order.len()), (30, 30));
    let track = Track { line: VIDEO, codec, clock_rate: 90_000, fmtp: String::new() };
    let mut packager = Packager::new(settings(), &[track]).unwrap();
    let mut sequence = 0;
    for round in 0..3 {
        for (picture, place) in pictures.iter().zip(&order) {
            let at = round * 30 + place;
            let unit = sent(codec, picture, &mut sequence, at * 6_000, EPOCH_MS + at * 1_000 / 15);
            packager.push(VIDEO, &unit).unwrap();
        }
    }
    packager.end();
    packager
}

fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new("timeout").args(["60", program]).args(arguments).output() {
        Ok(output) if output.status.code() != Some(127) => Some(output),
        _ => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: {program} is not installed");
            None
        }
    }
}

/// Writes what the standard flavour names, its playlist included; gives back the playlist's path.
fn write(packager: &Packager, rendition: Rendition, name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sluice-hls-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let text = packager.playlist(rendition, Flavour::Standard).unwrap();
    let list = Playlist::parse(&text);
    let names = list.segments.iter().flat_map(|segment| [&segment.map, &segment.uri]);
    for name in names {
        fs::write(folder.join(name), body(packager, name).concat()).unwrap();
    }
    let path = folder.join("list.m3u8");
    fs::write(&path, text).unwrap();
    path
}

/// What ffprobe counts, after ffmpeg has decoded everything without a word.
fn read(path: &Path, fields: &str) -> Option<String> {
    let path_text = path.to_str().unwrap();
    let input = ["-v", "warning", "-allowed_extensions", "ALL", "-i", path_text];
    let decoded = run("ffmpeg", &[&input[..], &["-f", "null", "-"]].concat())?;
    let said = String::from_utf8_lossy(&decoded.stderr).into_owned();
    assert!(decoded.status.success() && said.is_empty(), "{said}");
    let show = ["-count_frames", "-show_entries", fields, "-of", "csv=p=0"];
    let counted = run("ffprobe", &[&input[..], &show].concat())?;
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    Some(String::from_utf8(counted.stdout).unwrap().lines().next().unwrap().trim_end_matches(',').to_owned())
}

#[test]
fn ffmpeg_decodes_every_picture_of_every_codec() {
    for (codec, name, order, expected) in [
        (Codec::H264, "x264_bframes_360p.h264", Some("x264_bframes_360p.order"), "h264,640,360,1,90"),
        (Codec::H265, "x265_360p.h265", None, "hevc,640,360,0,90"),
        (Codec::H265, "x265_bframes_360p.h265", Some("x265_bframes_360p.order"), "hevc,640,360,2,90"),
    ] {
        let packager = looped(codec, name, order);
        assert_eq!(packager.counters(), sluice_hls::Counters::default(), "{name}");
        let path = write(&packager, Rendition::Video, name);
        let fields = "stream=codec_name,width,height,has_b_frames,nb_read_frames";
        let Some(found) = read(&path, fields) else { return };
        // How many B pictures a decoder sees is its own opinion.
        let parts = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let (found, expected) = (parts(&found), parts(expected));
        assert_eq!((&found[..3], &found[4]), (&expected[..3], &expected[4]), "{name}");
        assert_eq!(found[3] == "0", expected[3] == "0", "{name}");
    }
}

#[test]
fn ffmpeg_decodes_sound_of_every_codec() {
    for (codec, expected) in [
        (Codec::Aac, "aac,16000,1"),
        (Codec::Opus, "opus,48000,1"),
        (Codec::Pcmu, "flac,8000,1"),
        (Codec::Pcma, "flac,8000,1"),
    ] {
        let mut packager = Packager::new(settings(), &[audio(codec)]).unwrap();
        let mut camera = Camera::new(Habits { sound: Some(codec), ..Habits::default() });
        while camera.time < 10 * 90_000 {
            let (line, unit) = camera.next();
            // A second of it is missing, and stands there as silence.
            if line == AUDIO && !(450_000..540_000).contains(&camera.time) {
                packager.push(line, &unit).unwrap();
            }
        }
        packager.end();
        assert!(packager.counters().silent_frames > 10, "{codec}");
        let path = write(&packager, Rendition::Audio, codec.encoding());
        let Some(found) = read(&path, "stream=codec_name,sample_rate,channels") else { return };
        assert_eq!(found, expected);
    }
}

#[test]
fn an_init_and_a_part_are_the_bytes_they_were() {
    let mut packager = Packager::new(Settings::default(), &[video(SMALL), audio(Codec::Pcma)]).unwrap();
    let mut camera = Camera::new(Habits { size: 8, sound: Some(Codec::Pcma), ..Habits::default() });
    for _ in 0..40 {
        let (line, unit) = camera.next();
        packager.push(line, &unit).unwrap();
    }
    let mut said = String::new();
    for name in ["v-init-1.mp4", "v2.0.m4s", "a-init-1.mp4"] {
        said += &format!("{name} {}\n", hex::encode(body(&packager, name).concat()));
    }
    let golden = include_str!("golden.txt");
    assert_eq!(said, golden, "if this is meant, golden.txt is:\n{said}");
}
