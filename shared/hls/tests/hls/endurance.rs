//! Half a day.

use sluice_hls::{Packager, Rendition};
use sluice_media::Codec;

use crate::{
    support::{Camera, Habits, SMALL, VIDEO, audio, settings, video},
    watch::Watcher,
};

#[test]
fn twelve_hours_with_a_restart_an_hour_keep_memory_flat_and_every_rule() {
    let tracks = [video(SMALL), audio(Codec::Pcmu)];
    let mut packager = Packager::new(settings(), &tracks).unwrap();
    let mut pictures = Watcher::new(Rendition::Video, 90_000);
    let mut sound = Watcher::new(Rendition::Audio, 8_000);
    let mut camera =
        Camera::new(Habits { size: 100, jitter: 300, sound: Some(Codec::Pcmu), ..Habits::default() });
    let mut most = Vec::new();
    for hour in 1..=12i64 {
        let (until, mut peak, mut n) = (hour * 3_600 * 90_000, 0, 0u32);
        while camera.time < until {
            let (line, unit) = camera.next();
            packager.push(line, &unit).unwrap();
            peak = peak.max(packager.bytes());
            // Parts are listed for two seconds: nothing is missed, and it takes seconds instead of minutes.
            n += u32::from(line == VIDEO);
            if n.is_multiple_of(45) {
                pictures.look(&packager);
                sound.look(&packager);
            }
            // Only their number is of interest.
            pictures.shown.clear();
            sound.shown.clear();
        }
        most.push(peak);
        assert_eq!((pictures.discontinuities, sound.discontinuities), (hour as u64 - 1, hour as u64 - 1));
        camera.rest(2_000);
        packager.restart(&tracks);
    }
    let (least, peak) = (most.iter().min().unwrap(), most.iter().max().unwrap());
    assert!(peak - least < least / 10, "{most:?}");
    assert!(pictures.samples > 12 * 3_600 * 25 - 1_000 && sound.samples > 12 * 3_600 * 50 - 2_000);
    assert_eq!(packager.counters().refused, 0);
}
