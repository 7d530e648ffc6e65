//! Sound beside pictures.

use proptest::prelude::*;
use sluice_hls::{Flavour, Packager, Rendition, Resource, StartError};
use sluice_media::{Codec, Key};

use crate::{
    playlist::Playlist,
    support::{AUDIO, Camera, EPOCH_MS, Habits, SMALL, VIDEO, audio, settings, unit, video},
    watch::Watcher,
};

fn rate(codec: Codec) -> u32 {
    audio(codec).clock_rate
}

/// Plays on; both renditions are watched.
struct Stage {
    packager: Packager,
    camera: Camera,
    pictures: Watcher,
    sound: Watcher,
}

impl Stage {
    fn new(codec: Codec, habits: Habits) -> Self {
        let packager = Packager::new(settings(), &[video(SMALL), audio(codec)]).unwrap();
        let sound = Watcher::new(Rendition::Audio, rate(codec));
        let camera = Camera::new(Habits { sound: Some(codec), ..habits });
        Self { packager, camera, pictures: Watcher::new(Rendition::Video, 90_000), sound }
    }

    fn play(&mut self, seconds: i64, mut keep: impl FnMut(usize) -> bool) {
        let until = self.camera.time + seconds * 90_000;
        while self.camera.time < until {
            let (line, unit) = self.camera.next();
            if keep(line) {
                self.packager.push(line, &unit).unwrap();
            }
            self.pictures.look(&self.packager);
            self.sound.look(&self.packager);
        }
    }

    /// Seconds between what is heard and what is seen at the end: positive where sound is ahead.
    fn ahead(&self, codec: Codec) -> f64 {
        *self.sound.shown.last().unwrap() as f64 / f64::from(rate(codec))
            - *self.pictures.shown.last().unwrap() as f64 / 90_000.0
    }
}

#[test]
fn sound_is_cut_where_the_pictures_are_and_lies_on_their_time() {
    for (codec, name, channels) in [
        (Codec::Aac, "mp4a.40.2", 1),
        (Codec::Opus, "opus", 1),
        (Codec::Pcmu, "fLaC", 1),
        (Codec::Pcma, "fLaC", 1),
    ] {
        let mut stage = Stage::new(codec, Habits { gop: 40, ..Habits::default() });
        stage.play(20, |_| true);
        let list = stage.packager.multivariant(true, Flavour::LowLatency).unwrap();
        let group = format!(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"camera\",DEFAULT=YES,AUTOSELECT=YES,\
             CHANNELS=\"{channels}\",URI=\"audio.m3u8\"\n"
        );
        assert!(list.contains(&group) && list.contains(",AUDIO=\"sound\"\nvideo.m3u8\n"), "{list}");
        assert!(list.contains(&format!("CODECS=\"avc1.42c00c,{name}\"")), "{list}");
        assert!(!stage.packager.multivariant(false, Flavour::LowLatency).unwrap().contains("AUDIO"));
        // The first sample of either is captured at the same moment, and so are all others.
        let first = |watcher: &Watcher, rate: u32| watcher.shown[0] as f64 / f64::from(rate);
        assert!((first(&stage.sound, rate(codec)) - first(&stage.pictures, 90_000)).abs() < 0.001, "{codec}");
        let (sound, pictures) = (stage.sound.newest.unwrap(), stage.pictures.newest.unwrap());
        for (heard, seen) in sound.segments.iter().zip(&pictures.segments).skip(2) {
            let duration = |segment: &crate::playlist::Segment| segment.duration.unwrap_or(1.6);
            assert!((duration(heard) - duration(seen)).abs() < 0.07, "{codec}: {heard:?} {seen:?}");
        }
        assert_eq!(
            stage.packager.counters().silent_frames + stage.packager.counters().dropped_frames,
            0,
            "{codec}"
        );
        let (uri, msn, _) = pictures.report.unwrap();
        assert_eq!((uri.as_str(), msn), ("audio.m3u8", sound.segments.last().unwrap().msn));
    }
}

#[test]
fn sound_that_stops_is_replaced_by_silence_and_comes_back() {
    for codec in [Codec::Aac, Codec::Opus, Codec::Pcmu] {
        let mut stage = Stage::new(codec, Habits::default());
        stage.play(6, |_| true);
        stage.play(8, |line| line == VIDEO);
        assert!(stage.packager.counters().silent_frames > 0);
        assert!((-1.3..-0.7).contains(&stage.ahead(codec)), "{codec} {}", stage.ahead(codec));
        stage.play(6, |_| true);
        assert!(stage.ahead(codec).abs() < 0.35, "{codec} {}", stage.ahead(codec));
        let silent = stage.packager.counters().silent_frames;
        stage.play(6, |_| true);
        assert_eq!(stage.packager.counters().silent_frames, silent, "{codec}");
    }
}

#[test]
fn sound_that_was_promised_and_never_comes_is_silence() {
    let mut stage = Stage::new(Codec::Aac, Habits::default());
    stage.play(10, |line| line == VIDEO);
    let (sound, pictures) = (stage.sound.newest.as_ref().unwrap(), stage.pictures.newest.as_ref().unwrap());
    assert_eq!(sound.segments[1].date, pictures.segments[1].date);
    assert!((-1.3..-0.7).contains(&stage.ahead(Codec::Aac)), "{}", stage.ahead(Codec::Aac));
}

#[test]
fn sound_of_another_codec_after_a_restart_keeps_the_count_of_discontinuities() {
    let mut stage = Stage::new(Codec::Pcmu, Habits::default());
    stage.play(5, |_| true);
    stage.camera.rest(1_000);
    stage.camera.habits.sound = Some(Codec::Aac);
    stage.packager.restart(&[video(SMALL), audio(Codec::Aac)]);
    // Sound that comes before the first picture has no place yet.
    let early = unit(&[0x00, 0x10, 0x00, 0x08, 0x21], 1, 0, EPOCH_MS + 6_000, Some(Key::Idr));
    assert!(stage.packager.push(AUDIO, &early).is_err());
    let until = stage.camera.time + 5 * 90_000;
    while stage.camera.time < until {
        let (line, unit) = stage.camera.next();
        stage.packager.push(line, &unit).unwrap();
    }
    let list = |rendition| Playlist::parse(&stage.packager.playlist(rendition, Flavour::LowLatency).unwrap());
    let (sound, pictures) = (list(Rendition::Audio), list(Rendition::Video));
    let last = |list: &Playlist| list.segments.last().unwrap().clone();
    assert_eq!((last(&sound).discontinuities, last(&pictures).discontinuities), (1, 1));
    assert_eq!(last(&sound).map, "a-init-2.mp4");
}

#[test]
fn loud_sound_stays_within_its_share_of_memory() {
    let settings = sluice_hls::Settings { max_bytes: 256 * 1024, ..settings() };
    let mut packager = Packager::new(settings, &[video(SMALL), audio(Codec::Pcmu)]).unwrap();
    let mut camera = Camera::new(Habits { gop: 500, sound: Some(Codec::Pcmu), ..Habits::default() });
    while camera.time < 60 * 90_000 {
        let (line, unit) = camera.next();
        packager.push(line, &unit).unwrap();
        assert!(packager.bytes() <= 256 * 1024);
    }
}

#[test]
fn sound_whose_clock_runs_away_is_brought_back() {
    // 1 % fast and slow: after a minute 600 ms, were nothing done.
    for slow in [99, 101] {
        let mut stage = Stage::new(Codec::Pcma, Habits { slow, ..Habits::default() });
        stage.play(60, |_| true);
        assert!(stage.ahead(Codec::Pcma).abs() < 0.35, "{slow}: {}", stage.ahead(Codec::Pcma));
        let counters = stage.packager.counters();
        let (mended, other) = match slow {
            99 => (counters.dropped_frames, counters.silent_frames),
            _ => (counters.silent_frames, counters.dropped_frames),
        };
        assert!((20..=40).contains(&mended) && other == 0, "{counters:?}");
    }
}

#[test]
fn sound_alone_has_segments_of_two_seconds() {
    let mut packager = Packager::new(settings(), &[audio(Codec::Opus)]).unwrap();
    let mut watcher = Watcher::new(Rendition::Audio, 48_000);
    for n in 0..2_000i64 {
        let unit = unit(&[0xf8, 0xff, 0xfe], n as u64, n * 960, EPOCH_MS + n * 20, Some(Key::Idr));
        packager.push(AUDIO, &unit).unwrap();
        watcher.look(&packager);
    }
    let list = watcher.newest.unwrap();
    assert!(
        list.segments.iter().skip(1).filter_map(|segment| segment.duration).all(|seconds| seconds == 2.0)
    );
    let master = packager.multivariant(false, Flavour::LowLatency).unwrap();
    assert!(master.contains("CODECS=\"opus\"\naudio.m3u8\n"), "{master}");
    let standard = Playlist::parse(&packager.playlist(Rendition::Audio, Flavour::Standard).unwrap());
    assert_eq!(standard.segments.len(), 18);
    assert!(matches!(packager.resource("a-init-1.mp4"), Resource::Found { content_type: "audio/mp4", .. }));
}

#[test]
fn what_cannot_be_carried_is_named() {
    let mut five = audio(Codec::Aac);
    five.fmtp = five.fmtp.replace("1408", "1430");
    let broken = sluice_hls::Track { fmtp: String::new(), ..audio(Codec::Aac) };
    for track in [five, broken] {
        let packager = Packager::new(settings(), &[video(SMALL), track.clone()]).unwrap();
        assert_eq!(packager.left_out(), std::slice::from_ref(&track));
        assert!(packager.has(Rendition::Video) && !packager.has(Rendition::Audio));
        assert_eq!(Packager::new(settings(), &[track]).err(), Some(StartError::NothingToCarry(1)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_loss_of_sound_and_any_hurry_of_its_packets_keep_every_rule(
        lost in proptest::collection::vec(0u8..10, 1..50),
        late in 0i64..900,
        which in 0usize..3,
    ) {
        let codec = [Codec::Aac, Codec::Opus, Codec::Pcmu][which];
        let mut stage = Stage::new(codec, Habits { gop: 30, ..Habits::default() });
        let mut n = 0;
        stage.play(5, |_| true);
        stage.play(20, |line| {
            n += usize::from(line == AUDIO);
            line == VIDEO || lost[n % lost.len()] > 2
        });
        // A camera whose clock for sound is set.
        stage.camera.leap = late * 90;
        stage.pictures.strict = false;
        stage.play(10, |_| true);
        prop_assert!(stage.ahead(codec).abs() < 1.4, "{}", stage.ahead(codec));
        prop_assert_eq!(stage.sound.discontinuities, stage.pictures.discontinuities);
    }
}
