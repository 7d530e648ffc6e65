//! Cameras that go, come again, and come as others.

use std::sync::Arc;

use sluice_hls::{Flavour, Packager, Position, PushError, Rendition, Resource};
use sluice_media::{AccessUnit, Codec, Key};

use crate::{
    playlist::Playlist,
    support::{AUDIO, Camera, EPOCH_MS, Habits, REORDERED, SMALL, VIDEO, audio, settings, unit, video},
    watch::{Watcher, body},
};

fn feed(packager: &mut Packager, camera: &mut Camera, pictures: usize) {
    let mut left = pictures;
    while left > 0 {
        let (line, unit) = camera.next();
        packager.push(line, &unit).unwrap();
        left -= usize::from(line == VIDEO);
    }
}

fn low_latency(packager: &Packager, rendition: Rendition) -> Playlist {
    Playlist::parse(&packager.playlist(rendition, Flavour::LowLatency).unwrap())
}

#[test]
fn a_cached_group_is_the_open_segment_behind_a_gap_of_two_parts() {
    let mut packager = Packager::new(settings(), &[video(SMALL)]).unwrap();
    assert_eq!(packager.playlist(Rendition::Video, Flavour::LowLatency), None);
    let mut camera = Camera::new(Habits::default());
    let gop: Vec<_> = (0..12).map(|_| camera.next()).collect();
    packager.start_with(&gop);
    let expected = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:12\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.630\n#EXT-X-PART-INF:PART-TARGET=0.210\n\
        #EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-MAP:URI=\"v-init-1.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2027-01-15T07:59:59.600Z\n#EXT-X-GAP\n\
        #EXT-X-PART:DURATION=0.200000,URI=\"v1.0.m4s\",GAP=YES\n\
        #EXT-X-PART:DURATION=0.200000,URI=\"v1.1.m4s\",GAP=YES\n#EXTINF:0.400000,\nv1.m4s\n\
        #EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:00:00.000Z\n\
        #EXT-X-PART:DURATION=0.200000,URI=\"v2.0.m4s\",INDEPENDENT=YES\n\
        #EXT-X-PART:DURATION=0.200000,URI=\"v2.1.m4s\"\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"v2.2.m4s\"\n";
    assert_eq!(packager.playlist(Rendition::Video, Flavour::LowLatency).unwrap(), expected);
    assert_eq!(packager.next(Rendition::Video), Position { msn: 2, part: 2 });
    for (name, resource) in [
        ("v1.m4s", Resource::Unknown),
        ("v1.0.m4s", Resource::Unknown),
        ("v0.m4s", Resource::Unknown),
        ("v2.2.m4s", Resource::Later),
        ("v2.m4s", Resource::Later),
        ("v2.3.m4s", Resource::Unknown),
        ("v3.0.m4s", Resource::Later),
        ("v3.1.m4s", Resource::Unknown),
        ("v+2.0.m4s", Resource::Unknown),
        ("v2.0.mp4", Resource::Unknown),
        ("v-init-0.mp4", Resource::Unknown),
        ("v-init-2.mp4", Resource::Unknown),
        ("a2.0.m4s", Resource::Unknown),
        ("", Resource::Unknown),
    ] {
        assert_eq!(packager.resource(name), resource, "{name}");
    }
    assert!(matches!(packager.resource("v-init-1.mp4"), Resource::Found { content_type: "video/mp4", .. }));
}

#[test]
fn at_a_segments_end_the_next_ones_first_part_is_hinted() {
    let mut packager = Packager::new(settings(), &[video(SMALL)]).unwrap();
    let mut camera = Camera::new(Habits { gop: 12, ..Habits::default() });
    feed(&mut packager, &mut camera, 13);
    let list = low_latency(&packager, Rendition::Video);
    assert_eq!(list.hint.as_deref(), Some("v3.0.m4s"));
    let closed = &list.segments[1];
    assert_eq!((closed.duration, closed.parts.len()), (Some(0.48), 3));
    // A part that was hinted and did not come means the next segment's first.
    assert!(
        packager.is_ready(Rendition::Video, 2, Some(2)) && !packager.is_ready(Rendition::Video, 2, Some(3))
    );
    assert!(packager.is_ready(Rendition::Video, 2, None));
    assert_eq!(packager.resource("v2.3.m4s"), Resource::Unknown);
}

#[test]
fn a_camera_that_comes_again_goes_on_behind_a_discontinuity() {
    let tracks = [video(SMALL), audio(Codec::Aac)];
    let mut packager = Packager::new(settings(), &tracks).unwrap();
    let mut pictures = Watcher::new(Rendition::Video, 90_000);
    let mut sound = Watcher::new(Rendition::Audio, 16_000);
    let mut camera = Camera::new(Habits { sound: Some(Codec::Aac), ..Habits::default() });
    for round in 1..=12u64 {
        for _ in 0..250 {
            let (line, unit) = camera.next();
            packager.push(line, &unit).unwrap();
            pictures.look(&packager);
            sound.look(&packager);
        }
        assert_eq!(pictures.discontinuities, round - 1);
        assert_eq!(sound.discontinuities, round - 1);
        camera.rest(3_000);
        packager.restart(&tracks);
        pictures.look(&packager);
        let (line, unit) = camera.next();
        assert_eq!(packager.push(AUDIO, &unit).is_ok(), line == AUDIO);
        packager.push(line, &unit).unwrap();
    }
    let list = low_latency(&packager, Rendition::Video);
    assert_eq!(list.segments.last().unwrap().map, "v-init-1.mp4");
    assert_eq!(packager.counters().silent_frames, 0);
}

#[test]
fn other_parameter_sets_at_a_key_frame_bring_a_new_map() {
    let mut packager = Packager::new(settings(), &[video(SMALL)]).unwrap();
    let mut camera = Camera::new(Habits { gop: 25, ..Habits::default() });
    feed(&mut packager, &mut camera, 50);
    let small = packager.multivariant(true, Flavour::LowLatency).unwrap();
    assert!(
        small.contains("CODECS=\"avc1.42c00c\",RESOLUTION=320x180,FRAME-RATE=25.000\nvideo.m3u8\n"),
        "{small}"
    );
    // The same line, in mid-stream: STAP-A of another SPS, PPS and an IDR slice.
    let sets = sluice_media::VideoSets::from_fmtp(Codec::H264, &video(REORDERED).fmtp);
    let mut payload = vec![0x78];
    for nal in sets.iter().map(|nal| nal.to_vec()).chain([vec![0x65, 0x88, 0x80]]) {
        payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        payload.extend_from_slice(&nal);
    }
    let (_, plain) = camera.next();
    let key = unit(&payload, 999, plain.timestamp, plain.captured_at_ms, Some(Key::Idr));
    packager.push(VIDEO, &key).unwrap();
    feed(&mut packager, &mut camera, 20);
    let list = low_latency(&packager, Rendition::Video);
    let last = list.segments.last().unwrap();
    assert_eq!((last.map.as_str(), last.discontinuity), ("v-init-2.mp4", true));
    assert_eq!(list.segments[0].map, "v-init-1.mp4");
    assert_ne!(body(&packager, "v-init-1.mp4"), body(&packager, "v-init-2.mp4"));
    let large = packager.multivariant(true, Flavour::LowLatency).unwrap();
    assert!(large.contains("CODECS=\"avc1.64000d\",RESOLUTION=322x182"), "{large}");
    // The first map leaves with its last segment.
    feed(&mut packager, &mut camera, 25 * 38);
    assert_eq!(packager.resource("v-init-1.mp4"), Resource::Gone);
}

#[test]
fn missing_pictures_end_the_part_and_a_long_hole_is_a_discontinuity() {
    for (missing, discontinuities) in [(5i64, 0), (100, 1)] {
        let mut packager = Packager::new(settings(), &[video(SMALL)]).unwrap();
        let mut watcher = Watcher::new(Rendition::Video, 90_000);
        let mut camera = Camera::new(Habits { gop: 53, ..Habits::default() });
        feed(&mut packager, &mut camera, 53 + 32);
        watcher.look(&packager);
        packager.discontinuity(VIDEO);
        // What came before the hole is there at once.
        assert_eq!(packager.next(Rendition::Video), Position { msn: 3, part: 7 });
        assert_eq!(packager.push(VIDEO, &camera.next().1), Err(PushError::NoKeyFrame));
        let mut camera = Camera::new(Habits::default());
        camera.time = (85 + missing) * 3_600;
        feed(&mut packager, &mut camera, 10);
        watcher.look(&packager);
        let list = low_latency(&packager, Rendition::Video);
        let last = list.segments.last().unwrap();
        assert_eq!(last.discontinuities, discontinuities);
        // The wall clock is true on both sides.
        let at = EPOCH_MS + (85 + missing) * 40;
        assert!(last.date.ends_with(&format!("{:02}.{:03}Z", at / 1000 % 60, at % 1000)), "{}", last.date);
        assert_eq!(packager.counters().refused, 1);
    }
}

#[test]
fn what_cannot_be_shown_is_refused_and_the_next_key_frame_plays() {
    let mut packager = Packager::new(settings(), &[video(SMALL)]).unwrap();
    let mut camera = Camera::new(Habits { gop: 10, ..Habits::default() });
    feed(&mut packager, &mut camera, 15);
    let bad: Vec<(AccessUnit, PushError)> = vec![
        (unit(&[0x41; 20_000_000 / 1_000], 1, 0, EPOCH_MS, None), PushError::NoKeyFrame),
        (unit(&[0x7c, 0x01, 0x02], 1, 0, EPOCH_MS, Some(Key::Idr)), PushError::Malformed),
        (unit(&[0x67, 0x01], 1, 0, EPOCH_MS, Some(Key::Idr)), PushError::Malformed),
    ];
    packager.discontinuity(VIDEO);
    for (unit, expected) in bad {
        assert_eq!(packager.push(VIDEO, &unit), Err(expected));
    }
    let mut large = unit(&[0x65, 0x88, 0x80], 1, 0, EPOCH_MS, Some(Key::Idr));
    large.size = 100_000_000;
    assert_eq!(packager.push(VIDEO, &large), Err(PushError::TooLarge(100_000_000)));
    assert_eq!(packager.push(7, &large), Err(PushError::UnknownLine(7)));
    for _ in 0..5 {
        assert_eq!(packager.push(VIDEO, &camera.next().1), Err(PushError::NoKeyFrame));
    }
    feed(&mut packager, &mut camera, 10);
    assert_eq!(packager.next(Rendition::Video), Position { msn: 4, part: 2 });
    packager.end();
    assert!(low_latency(&packager, Rendition::Video).ended);
    assert_eq!(packager.push(VIDEO, &camera.next().1), Err(PushError::Ended));
    assert!(packager.is_ready(Rendition::Video, 99, None));
}

#[test]
fn a_group_without_end_stays_within_the_bound() {
    let settings = sluice_hls::Settings { max_bytes: 1_000_000, ..settings() };
    let mut packager = Packager::new(settings, &[video(SMALL)]).unwrap();
    let mut camera = Camera::new(Habits { gop: 1_000, size: 4_000, ..Habits::default() });
    let mut refused = 0;
    for _ in 0..5_000 {
        refused += u64::from(packager.push(VIDEO, &camera.next().1).is_err());
        assert!(packager.bytes() <= 1_000_000);
    }
    assert_eq!(packager.counters().refused, refused);
    assert!(refused > 2_000 && refused < 5_000 - 800, "{refused}");
    // Each group plays from its key frame on, behind a discontinuity.
    assert_eq!(packager.counters().discontinuities, 4);
}

#[test]
fn the_standard_flavour_has_three_whole_segments_and_no_gap() {
    let mut packager = Packager::new(settings(), &[video(SMALL)]).unwrap();
    let mut camera = Camera::new(Habits::default());
    feed(&mut packager, &mut camera, 150);
    assert_eq!(packager.playlist(Rendition::Video, Flavour::Standard), None);
    feed(&mut packager, &mut camera, 1);
    let list = Playlist::parse(&packager.playlist(Rendition::Video, Flavour::Standard).unwrap());
    assert_eq!((list.media_sequence, list.segments.len(), list.target_duration), (2, 3, 3));
    assert!(list.segments.iter().all(|segment| segment.parts.is_empty() && !segment.gap));
    feed(&mut packager, &mut camera, 2_000);
    let list = Playlist::parse(&packager.playlist(Rendition::Video, Flavour::Standard).unwrap());
    assert_eq!((list.segments.len(), list.target_duration), (18, 3));
    assert!(list.media_sequence > 2, "the oldest are gone");
    let whole = low_latency(&packager, Rendition::Video);
    let lasts: f64 = whole.segments.iter().filter_map(|segment| segment.duration).sum();
    assert!(
        lasts >= 3.0 * f64::from(u32::try_from(whole.target_duration).unwrap()),
        "RFC 8216 §6.2.2: {lasts} s"
    );
    assert!(packager.multivariant(false, Flavour::Standard).unwrap().ends_with("\nvideo-hls.m3u8\n"));
}

#[test]
fn a_stream_of_recovery_points_alone_plays() {
    let mut packager = Packager::new(settings(), &[video(SMALL)]).unwrap();
    let mut camera = Camera::new(Habits::default());
    for n in 0..2_000 {
        let (line, unit) = camera.next();
        let mut unit = AccessUnit::clone(&unit);
        unit.key = unit.key.map(|_| Key::RecoveryPoint);
        packager.push(line, &Arc::new(unit)).unwrap_or_else(|error| panic!("{n}: {error}"));
    }
    // Each starts somewhere; segments are longer, for players would not begin at every one.
    let list = low_latency(&packager, Rendition::Video);
    assert!(
        list.segments.iter().skip(1).all(|segment| segment.duration.is_none_or(|seconds| seconds >= 6.0))
    );
}
