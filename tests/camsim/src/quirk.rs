//! What real cameras do wrong, as data: `tests/fixtures/quirks/*.toml`, each with where it was seen.

use std::{str::FromStr, time::Duration};

use serde::Deserialize;

use crate::{
    config::{CamsimConfig, ParameterSets, Start},
    fault::{Fault, UnknownFault},
};

/// One way in which cameras differ from what the standards say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirk {
    /// What the camera does, in a sentence.
    pub summary: String,
    /// Where it was seen.
    pub origin: String,
    #[serde(default)]
    stream: Stream,
    #[serde(default)]
    onvif: Oddities,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream {
    gop_s: Option<f64>,
    mid_gop: Option<bool>,
    sets_in_sdp_only: Option<bool>,
    fmtp: Option<bool>,
    describe_delay_s: Option<f64>,
    max_sessions: Option<usize>,
    sessions_linger: Option<bool>,
    #[serde(default)]
    repeats: Vec<Repeat>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    fault: String,
    every_s: f64,
}

/// What is odd about the ONVIF side of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Oddities {
    /// How its answers are spelt.
    pub namespaces: Namespaces,
    /// Whether it has the Media2 service.
    pub media2: bool,
    /// Whether it knows `GetServices`; without it only `GetCapabilities` tells where services are.
    pub get_services: bool,
    /// Seconds by which its clock is off from the start.
    pub clock_off_s: i64,
    /// Told as host and port of every service instead of its own.
    pub service_host: Option<String>,
    /// Told as host and port of every stream instead of its own.
    pub stream_host: Option<String>,
    /// Hosts that discovery names before its own.
    pub discovery_hosts: Vec<String>,
}

impl Default for Oddities {
    fn default() -> Self {
        Self {
            namespaces: Namespaces::Usual,
            media2: true,
            get_services: true,
            clock_off_s: 0,
            service_host: None,
            stream_host: None,
            discovery_hosts: Vec::new(),
        }
    }
}

/// How the answers of a camera are spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Namespaces {
    /// With the prefixes of the standard's examples.
    Usual,
    /// With numbered prefixes, behind a byte order mark and a comment.
    Renamed,
    /// With prefixes that are declared nowhere.
    Undeclared,
}

/// A quirk that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuirkError {
    /// No TOML of a quirk.
    #[error("this is no quirk")]
    Form(#[from] toml::de::Error),
    /// An unknown fault.
    #[error("a quirk repeats a fault that does not exist")]
    Fault(#[from] UnknownFault),
    /// A time that is none.
    #[error("{0} is no number of seconds")]
    Seconds(f64),
}

impl Quirk {
    /// Every quirk of `tests/fixtures/quirks`, by its file's name.
    ///
    /// # Errors
    /// When a file is none; a test of this crate reads them all.
    pub fn known(name: &str) -> Option<Result<Self, QuirkError>> {
        KNOWN.iter().find(|(known, _)| *known == name).map(|(_, text)| text.parse())
    }

    /// The names of all of them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, _)| *name)
    }

    /// A camera with this quirk besides its others.
    ///
    /// # Errors
    /// When the quirk asks for what cannot be.
    pub fn apply(&self, mut camera: CamsimConfig) -> Result<CamsimConfig, QuirkError> {
        let Stream { gop_s, mid_gop, sets_in_sdp_only, fmtp, describe_delay_s, .. } = &self.stream;
        let Stream { max_sessions, sessions_linger, repeats, .. } = &self.stream;
        if let Some(gop_s) = gop_s {
            camera.gop = seconds(*gop_s)?;
        }
        if let Some(mid_gop) = mid_gop {
            camera.start = if *mid_gop { Start::MidGop } else { Start::KeyFrame };
        }
        if *sets_in_sdp_only == Some(true) {
            camera.parameter_sets = ParameterSets::Sdp;
        }
        camera.fmtp = fmtp.unwrap_or(camera.fmtp);
        if let Some(delay_s) = describe_delay_s {
            camera.describe_delay = seconds(*delay_s)?;
        }
        camera.max_sessions = max_sessions.or(camera.max_sessions);
        camera.sessions_linger = sessions_linger.unwrap_or(camera.sessions_linger);
        for Repeat { fault, every_s } in repeats {
            camera.repeats.push((Fault::from_str(fault)?, seconds(*every_s)?));
        }
        if self.onvif != Oddities::default() {
            camera.oddities = self.onvif.clone();
        }
        Ok(camera)
    }
}

impl FromStr for Quirk {
    type Err = QuirkError;

    fn from_str(text: &str) -> Result<Self, QuirkError> {
        Ok(toml::from_str(text)?)
    }
}

fn seconds(number: f64) -> Result<Duration, QuirkError> {
    Duration::try_from_secs_f64(number).map_err(|_| QuirkError::Seconds(number))
}

macro_rules! known {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../fixtures/quirks/", $name, ".toml")))),*]
    };
}

const KNOWN: &[(&str, &str)] = known!(
    "wrong-xaddr",
    "discovery-lists-dead-addresses",
    "nat-stream-uri",
    "namespaces-renamed",
    "namespaces-undeclared",
    "media2-missing",
    "clock-a-day-off",
    "two-sessions",
    "sessions-linger",
    "key-frame-on-request",
    "parameter-sets-in-sdp-only",
    "sdp-without-fmtp",
    "timestamp-jumps",
    "ssrc-change",
    "describe-slow",
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_quirk_of_the_fixtures_is_known_changes_a_camera_and_tells_its_origin() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/quirks");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(files, Quirk::names().map(str::to_owned).collect());
        let plain = format!("{:?}", CamsimConfig::default());
        for name in Quirk::names() {
            let quirk = Quirk::known(name).unwrap().unwrap();
            assert!(quirk.origin.len() > 20 && quirk.summary.len() > 20, "{name}");
            let camera = quirk.apply(CamsimConfig::default()).unwrap();
            assert_ne!(format!("{camera:?}"), plain, "{name}");
        }
    }

    #[test]
    fn what_no_camera_can_do_is_refused() {
        assert!("summary = \"a\"".parse::<Quirk>().is_err());
        let text = |inside: &str| format!("summary = \"a\"\norigin = \"b\"\n[stream]\n{inside}");
        assert!(text("colour = 3").parse::<Quirk>().is_err());
        let apply = |inside: &str| text(inside).parse::<Quirk>().unwrap().apply(CamsimConfig::default());
        assert!(matches!(apply("gop_s = -1.0"), Err(QuirkError::Seconds(_))));
        assert!(matches!(
            apply("repeats = [{ fault = \"explode\", every_s = 1.0 }]"),
            Err(QuirkError::Fault(_))
        ));
    }
}
