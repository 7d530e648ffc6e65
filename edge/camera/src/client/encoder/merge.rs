use sluice_wire::control::{EncoderChange, EncoderSettings};

use crate::onvif::AskError;

/// What a camera allows for one codec. What it does not say is empty or `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Allowed {
    pub(super) codec: String,
    /// Width and height.
    pub(super) sizes: Vec<(u32, u32)>,
    pub(super) rates: Vec<f64>,
    pub(super) rate_range: Option<(u32, u32)>,
    pub(super) bitrate: Option<(u32, u32)>,
    pub(super) gop: Option<(u32, u32)>,
    pub(super) profiles: Vec<String>,
}

/// The settings after a change that the camera allows; what it says nothing of it may still refuse.
///
/// # Errors
/// [`AskError::Invalid`] with what it allows instead.
pub(super) fn merge(
    before: &EncoderSettings,
    change: &EncoderChange,
    allowed: &[Allowed],
) -> Result<EncoderSettings, AskError> {
    let mut after = before.clone();
    if let Some(codec) = &change.codec {
        after.codec.clone_from(codec);
    }
    let found = allowed.iter().find(|allowed| allowed.codec.eq_ignore_ascii_case(&after.codec));
    if change.codec.is_some() && found.is_none() && !allowed.is_empty() {
        let codecs: Vec<&str> = allowed.iter().map(|allowed| allowed.codec.as_str()).collect();
        return Err(invalid("codecs", &codecs.join(", ")));
    }
    let unknown = Allowed::default();
    let allowed = found.unwrap_or(&unknown);
    after.profile = profile(before, change, &after.codec, allowed)?;
    after.width = change.width.unwrap_or(before.width);
    after.height = change.height.unwrap_or(before.height);
    let resized = (after.width, after.height) != (before.width, before.height);
    if resized && !allowed.sizes.is_empty() && !allowed.sizes.contains(&(after.width, after.height)) {
        let sizes: Vec<String> =
            allowed.sizes.iter().map(|(width, height)| format!("{width}x{height}")).collect();
        return Err(invalid("picture sizes", &sizes.join(", ")));
    }
    if let Some(fps) = change.fps {
        after.fps = rate(fps, allowed)?;
    }
    if let Some(kbps) = change.bitrate_kbps {
        after.bitrate_kbps = within("bit rates in kbit/s", kbps, allowed.bitrate)?;
    }
    // Another codec may have another range, so that what stays is looked at too.
    let gop = change.gop_frames.or(change.codec.as_ref().map(|_| before.gop_frames)).filter(|gop| *gop > 0);
    if let Some(gop) = gop {
        after.gop_frames = within("key frame intervals in pictures", gop, allowed.gop)?;
    }
    if change.constant_bitrate.is_some() {
        after.constant_bitrate = change.constant_bitrate;
    }
    Ok(after)
}

/// The profile that is asked for; where only the codec changes, one that the codec has.
fn profile(
    before: &EncoderSettings,
    change: &EncoderChange,
    codec: &str,
    allowed: &Allowed,
) -> Result<String, AskError> {
    let known =
        |wanted: &str| allowed.profiles.iter().find(|profile| profile.eq_ignore_ascii_case(wanted)).cloned();
    match &change.profile {
        Some(wanted) if allowed.profiles.is_empty() => Ok(wanted.clone()),
        Some(wanted) => known(wanted).ok_or_else(|| invalid("profiles", &allowed.profiles.join(", "))),
        None if codec == before.codec || allowed.profiles.is_empty() => Ok(before.profile.clone()),
        None => {
            let kept = known(&before.profile)
                .or_else(|| known("Main"))
                .or_else(|| allowed.profiles.first().cloned());
            Ok(kept.unwrap_or_default())
        }
    }
}

fn rate(fps: f64, allowed: &Allowed) -> Result<f64, AskError> {
    if !(fps.is_finite() && fps > 0.0) {
        return Err(AskError::Invalid("a picture rate is above zero".to_owned()));
    }
    if let Some((least, most)) = allowed.rate_range
        && !(f64::from(least)..=f64::from(most)).contains(&fps)
    {
        return Err(invalid("picture rates", &format!("{least} to {most}")));
    }
    // Cameras tell 29.97 as 30 and the other way round.
    if !allowed.rates.is_empty() && !allowed.rates.iter().any(|rate| (rate - fps).abs() < 0.05) {
        let rates: Vec<String> = allowed.rates.iter().map(f64::to_string).collect();
        return Err(invalid("picture rates", &rates.join(", ")));
    }
    Ok(fps)
}

fn within(what: &str, value: u32, allowed: Option<(u32, u32)>) -> Result<u32, AskError> {
    match allowed {
        Some((least, most)) if !(least..=most).contains(&value) => {
            Err(invalid(what, &format!("{least} to {most}")))
        }
        _ => Ok(value),
    }
}

fn invalid(what: &str, allowed: &str) -> AskError {
    let allowed: String = allowed.chars().filter(|letter| !letter.is_control()).take(200).collect();
    AskError::Invalid(format!("the camera allows these {what}: {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before() -> EncoderSettings {
        EncoderSettings {
            codec: "H265".to_owned(),
            profile: "Main".to_owned(),
            width: 1920,
            height: 1080,
            fps: 25.0,
            bitrate_kbps: 4_096,
            gop_frames: 100,
            constant_bitrate: Some(false),
        }
    }

    fn allowed() -> Vec<Allowed> {
        let h264 = Allowed {
            codec: "H264".to_owned(),
            sizes: vec![(1920, 1080), (640, 360)],
            rates: vec![25.0, 12.5],
            rate_range: None,
            bitrate: Some((64, 8_192)),
            gop: Some((1, 250)),
            profiles: vec!["Baseline".to_owned(), "High".to_owned()],
        };
        vec![h264.clone(), Allowed { codec: "H265".to_owned(), profiles: vec!["Main".to_owned()], ..h264 }]
    }

    #[test]
    fn a_change_touches_what_it_names_and_nothing_else() {
        let change = EncoderChange { gop_frames: Some(50), ..EncoderChange::default() };
        assert_eq!(
            merge(&before(), &change, &allowed()).unwrap(),
            EncoderSettings { gop_frames: 50, ..before() }
        );
        assert_eq!(merge(&before(), &EncoderChange::default(), &allowed()).unwrap(), before());
        let many = EncoderChange {
            codec: Some("H264".to_owned()),
            width: Some(640),
            height: Some(360),
            fps: Some(12.5),
            bitrate_kbps: Some(512),
            constant_bitrate: Some(true),
            ..EncoderChange::default()
        };
        let after = merge(&before(), &many, &allowed()).unwrap();
        assert_eq!((after.codec.as_str(), after.profile.as_str()), ("H264", "Baseline"), "a profile it has");
        assert_eq!((after.width, after.fps, after.bitrate_kbps), (640, 12.5, 512));
        assert_eq!((after.gop_frames, after.constant_bitrate), (100, Some(true)));
    }

    #[test]
    fn what_the_camera_does_not_allow_is_refused_with_what_it_does() {
        let none = EncoderChange::default;
        for (change, told) in [
            (EncoderChange { codec: Some("VP9".to_owned()), ..none() }, "H264, H265"),
            (EncoderChange { profile: Some("High".to_owned()), ..none() }, "Main"),
            (EncoderChange { width: Some(639), ..none() }, "1920x1080, 640x360"),
            (EncoderChange { fps: Some(50.0), ..none() }, "25, 12.5"),
            (EncoderChange { fps: Some(f64::NAN), ..none() }, "above zero"),
            (EncoderChange { bitrate_kbps: Some(1), ..none() }, "64 to 8192"),
            (EncoderChange { gop_frames: Some(251), ..none() }, "1 to 250"),
        ] {
            let Err(AskError::Invalid(text)) = merge(&before(), &change, &allowed()) else {
                panic!("{told}")
            };
            assert!(text.contains(told), "{text}");
        }
    }

    #[test]
    fn a_camera_that_says_nothing_decides_itself() {
        let change = EncoderChange { gop_frames: Some(9_999), fps: Some(3.0), ..EncoderChange::default() };
        let after = merge(&before(), &change, &[]).unwrap();
        assert_eq!((after.gop_frames, after.fps), (9_999, 3.0));
    }
}
