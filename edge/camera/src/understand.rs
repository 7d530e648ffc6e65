//! What a device tells of its profiles, made into cameras and their tiers. Pure.
//!
//! ```text
//! profiles ─by video source─▶ channels ─one per encoder, what nobody plays left out─▶ by size ─▶ main, sub, third
//! ```

use sluice_ids::Tier;
use sluice_wire::control::EncoderSettings;
use url::Url;

/// A profile as a device tells it. What it does not tell is empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToldProfile {
    /// Names it.
    pub token: String,
    /// The token of its video source.
    pub source: String,
    /// The token of its video source's configuration.
    pub source_configuration: String,
    /// The token of its encoder's configuration; a profile without one sends no picture.
    pub encoder: String,
    /// How that is set.
    pub settings: EncoderSettings,
    /// The codec of its sound, as the device spells it.
    pub audio_codec: String,
    /// Whether it has a PTZ configuration.
    pub ptz: bool,
}

/// A video source and which of the profiles its tiers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// The source's token.
    pub source: &'a str,
    /// By place in the list of profiles, the largest picture first.
    pub tiers: Vec<(Tier, usize)>,
}

/// More video sources than any recorder has.
pub const MAX_CHANNELS: usize = 256;
/// Profiles beyond these are not looked at.
const MAX_PROFILES: usize = 1_024;
/// A picture no larger than this is small enough for a wall: 704x576 is, 1280x720 is not.
const WALL_PIXELS: u64 = 704 * 576;
/// Longer than any stream's path.
const MAX_URL: usize = 1_024;

/// The channels of a device in its own order. A source without a usable profile is none.
#[must_use]
pub fn plan(profiles: &[ToldProfile]) -> Vec<Plan<'_>> {
    let profiles = &profiles[..profiles.len().min(MAX_PROFILES)];
    let mut sources: Vec<&str> = Vec::new();
    for profile in profiles {
        if !profile.encoder.is_empty() && !sources.contains(&profile.source.as_str()) {
            sources.push(&profile.source);
        }
    }
    let channels = sources.into_iter().take(MAX_CHANNELS).map(|source| {
        let places: Vec<usize> = (0..profiles.len())
            .filter(|place| profiles[*place].source == source && !profiles[*place].encoder.is_empty())
            .collect();
        Plan { source, tiers: tiers(profiles, distinct(profiles, &places)) }
    });
    channels.filter(|channel| !channel.tiers.is_empty()).collect()
}

/// One profile per encoder, and Motion JPEG only where there is nothing better.
fn distinct(profiles: &[ToldProfile], places: &[usize]) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::new();
    for place in places {
        if !kept.iter().any(|kept| profiles[*kept].encoder == profiles[*place].encoder) {
            kept.push(*place);
        }
    }
    let modern = |place: &usize| !matches!(profiles[*place].settings.codec.as_str(), "JPEG" | "MPEG4");
    if kept.iter().any(modern) {
        kept.retain(modern);
    }
    kept
}

/// The largest is main. Of the rest sub is the largest that suits a wall, or the smallest; third the largest left over.
/// What a device tells nothing of keeps its place, for devices list their streams from large to small.
fn tiers(profiles: &[ToldProfile], mut places: Vec<usize>) -> Vec<(Tier, usize)> {
    let size = |place: usize| {
        let settings = &profiles[place].settings;
        (u64::from(settings.width) * u64::from(settings.height), settings.bitrate_kbps)
    };
    let known = places.iter().all(|place| size(*place).0 > 0);
    if known {
        // Stable: of equals the first told is the larger.
        places.sort_by_key(|place| std::cmp::Reverse(size(*place)));
    }
    let mut places = places.into_iter();
    let Some(main) = places.next() else { return Vec::new() };
    let mut rest: Vec<usize> = places.collect();
    let mut found = vec![(Tier::Main, main)];
    if !rest.is_empty() {
        let fits = rest.iter().position(|place| size(*place).0 <= WALL_PIXELS);
        let sub = rest.remove(fits.unwrap_or(rest.len() - 1));
        found.push((Tier::Sub, sub));
    }
    if let Some(third) = rest.first() {
        found.push((Tier::Third, *third));
    }
    if known {
        found.sort_by_key(|(_, place)| std::cmp::Reverse(size(*place)));
    }
    found
}

/// A service's URL as it can be reached: where a device names another host than it was found at, its address behind a
/// router or of its factory, host, port and scheme are those it was found at. `None` for what is no URL of HTTP.
#[must_use]
pub fn service_here(told: &str, found_at: &Url) -> Option<Url> {
    if told.len() > MAX_URL {
        return None;
    }
    let mut url = Url::parse(told.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_fragment(None);
    if url.host() != found_at.host() {
        url.set_scheme(found_at.scheme()).ok()?;
        url.set_host(found_at.host_str()).ok()?;
        url.set_port(found_at.port()).ok()?;
    }
    Some(url)
}

/// A stream's URL as it can be reached, without credentials, and whether its host was another: then its port may be
/// wrong too. `None` for what is no URL of RTSP.
#[must_use]
pub fn stream_here(told: &str, found_at: &Url) -> Option<(Url, bool)> {
    if told.len() > MAX_URL {
        return None;
    }
    let mut url = Url::parse(told.trim()).ok().filter(|url| url.scheme() == "rtsp" && url.has_host())?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let found = found_at.host_str()?;
    // Of an unknown scheme the URL's host is a name even where it is an address.
    let moved = url.host_str() != Some(found);
    if moved {
        url.set_host(Some(found)).ok()?;
    }
    Some((url, moved))
}

/// The name of a sound's codec as in SDP: Media1 has an enumeration of its own, Media2 the names of the IANA.
#[must_use]
pub fn audio_codec(told: &str) -> String {
    match told.to_ascii_uppercase().as_str() {
        "G711" => "PCMU".to_owned(),
        "AAC" => "MPEG4-GENERIC".to_owned(),
        other => other.chars().take(32).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile(
        token: &str,
        source: &str,
        codec: &str,
        (width, height): (u32, u32),
        kbps: u32,
    ) -> ToldProfile {
        let settings = EncoderSettings {
            codec: codec.to_owned(),
            width,
            height,
            bitrate_kbps: kbps,
            ..EncoderSettings::default()
        };
        ToldProfile {
            token: token.to_owned(),
            source: source.to_owned(),
            encoder: format!("encoder of {token}"),
            settings,
            ..ToldProfile::default()
        }
    }

    /// `source: tier=token …`, a line per channel.
    fn planned(profiles: &[ToldProfile]) -> Vec<String> {
        plan(profiles)
            .iter()
            .map(|plan| {
                let tiers: Vec<String> = plan
                    .tiers
                    .iter()
                    .map(|(tier, place)| format!("{tier}={}", profiles[*place].token))
                    .collect();
                format!("{}: {}", plan.source, tiers.join(" "))
            })
            .collect()
    }

    #[test]
    fn tiers_follow_the_size_of_the_picture_whatever_the_order() {
        let camera = [
            profile("small", "v", "H264", (640, 360), 512),
            profile("huge", "v", "H265", (3840, 2160), 8_000),
            profile("middle", "v", "H264", (1280, 720), 2_000),
            profile("tiny", "v", "H264", (320, 180), 128),
        ];
        assert_eq!(planned(&camera), ["v: main=huge third=middle sub=small"]);
        let equal =
            [profile("b", "v", "H264", (1920, 1080), 2_000), profile("a", "v", "H264", (1920, 1080), 4_000)];
        assert_eq!(planned(&equal), ["v: main=a sub=b"], "by bit rate");
        assert_eq!(planned(&camera[..1]), ["v: main=small"]);
        let unknown =
            [profile("first", "v", "H264", (0, 0), 0), profile("second", "v", "H264", (640, 360), 0)];
        assert_eq!(planned(&unknown), ["v: main=first sub=second"], "in the device's order");
    }

    #[test]
    fn a_recorders_channels_are_cameras_of_their_own() {
        let mut recorder = Vec::new();
        for channel in 0..3 {
            recorder.push(profile(
                &format!("m{channel}"),
                &format!("ch{channel}"),
                "H264",
                (1920, 1080),
                4_000,
            ));
            recorder.push(profile(&format!("s{channel}"), &format!("ch{channel}"), "H264", (352, 288), 256));
        }
        let planned = planned(&recorder);
        assert_eq!(planned, ["ch0: main=m0 sub=s0", "ch1: main=m1 sub=s1", "ch2: main=m2 sub=s2"]);
    }

    #[test]
    fn profiles_of_one_encoder_are_one_stream_and_jpeg_is_the_last_resort() {
        let mut copy = profile("again", "v", "H264", (1920, 1080), 4_000);
        copy.encoder = "encoder of main".to_owned();
        let mut metadata = profile("metadata", "v", "", (0, 0), 0);
        metadata.encoder = String::new();
        let camera = [
            metadata,
            profile("picture", "v", "JPEG", (1920, 1080), 0),
            profile("main", "v", "H264", (1920, 1080), 4_000),
            copy,
        ];
        assert_eq!(planned(&camera), ["v: main=main"]);
        assert_eq!(planned(&camera[..2]), ["v: main=picture"]);
        assert!(planned(&camera[..1]).is_empty());
    }

    #[test]
    fn wrong_and_translated_addresses_are_corrected() {
        let at = Url::parse("http://10.0.0.9:8080/onvif/device_service").unwrap();
        let service = |told: &str| service_here(told, &at).map(String::from);
        assert_eq!(
            service("http://192.0.2.88/onvif/media?a=1").unwrap(),
            "http://10.0.0.9:8080/onvif/media?a=1"
        );
        assert_eq!(
            service(" http://10.0.0.9:81/media ").unwrap(),
            "http://10.0.0.9:81/media",
            "its own word counts"
        );
        assert_eq!(service("https://camera.local/media").unwrap(), "http://10.0.0.9:8080/media");
        for bad in ["", "/onvif/media", "file:///etc/passwd", "rtsp://10.0.0.9/"] {
            assert_eq!(service(bad), None, "{bad}");
        }
        let stream = |told: &str| stream_here(told, &at).map(|(url, moved)| (String::from(url), moved));
        assert_eq!(
            stream("rtsp://192.0.2.10:554/cam").unwrap(),
            ("rtsp://10.0.0.9:554/cam".to_owned(), true)
        );
        let plain = "rtsp://10.0.0.9:8554/cam?channel=1&subtype=0";
        assert_eq!(stream(plain).unwrap(), (plain.to_owned(), false));
        assert_eq!(stream("rtsp://admin:secret@10.0.0.9/a").unwrap().0, "rtsp://10.0.0.9/a");
        assert_eq!(stream("http://10.0.0.9/a"), None);
        assert_eq!(stream(&format!("rtsp://10.0.0.9/{}", "a".repeat(2_000))), None);
        let six = Url::parse("http://[fd00::7]/onvif").unwrap();
        assert_eq!(stream_here("rtsp://[fd00::8]:554/a", &six).unwrap().0.as_str(), "rtsp://[fd00::7]:554/a");
        assert!(!stream_here("rtsp://[fd00::7]/a", &six).unwrap().1);
    }

    proptest! {
        #[test]
        fn any_profiles_make_channels_with_one_main_each(
            told in proptest::collection::vec((0..4_u8, 0..6_u8, 0..3_u32, 0..3_u32), 0..40)
        ) {
            let profiles: Vec<ToldProfile> = told
                .iter()
                .enumerate()
                .map(|(place, (source, encoder, width, height))| ToldProfile {
                    encoder: if *encoder == 0 { String::new() } else { encoder.to_string() },
                    ..profile(&place.to_string(), &source.to_string(), "H264", (width * 640, height * 360), 0)
                })
                .collect();
            for plan in plan(&profiles) {
                let mains = plan.tiers.iter().filter(|(tier, _)| *tier == Tier::Main).count();
                prop_assert_eq!(mains, 1);
                prop_assert!(plan.tiers.len() <= 3);
                for (_, place) in &plan.tiers {
                    prop_assert_eq!(profiles[*place].source.as_str(), plan.source);
                    prop_assert!(!profiles[*place].encoder.is_empty());
                }
            }
        }
    }
}
