use std::fmt;

use serde::{Deserialize, Serialize};
use sluice_wire::control::{CameraReport, FoundCamera, FoundState, HealthItem, TierReport};

/// How an edge stands: `/status`, and `sluice-edge status --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusDocument {
    /// The program's version.
    pub version: String,
    /// Which appliance this is.
    pub device_id: String,
    /// Seconds since the program started.
    pub uptime_s: u64,
    /// The generation of the desired state it acts on; 0 if it never had one.
    pub generation: u64,
    /// The links to the hub.
    pub hub: HubStatus,
    /// The cameras.
    pub cameras: Vec<CameraStatus>,
    /// Every camera found on the site's networks, those above among them.
    pub found: Vec<FoundCamera>,
    /// What is not as it should be with the device itself.
    pub health: Vec<HealthItem>,
}

/// The links to the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubStatus {
    /// Where control is dialled.
    pub address: String,
    /// Whether the control link is up.
    pub connected: bool,
    /// Why not, in words.
    pub reason: Option<String>,
    /// Media links that are up.
    pub media_links: usize,
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraStatus {
    /// Its name.
    pub name: String,
    /// How it stands.
    #[serde(flatten)]
    pub report: CameraReport,
}

impl fmt::Display for StatusDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, device_id, uptime_s, generation, hub, cameras, found, health } = self;
        writeln!(f, "sluice-edge {version}  {device_id}  up {}", Duration(*uptime_s))?;
        match (hub.connected, &hub.reason) {
            (true, _) => {
                writeln!(f, "hub      connected to {}, {} media link(s)", hub.address, hub.media_links)?;
            }
            (false, Some(reason)) => writeln!(f, "hub      not connected to {}: {reason}", hub.address)?,
            (false, None) => writeln!(f, "hub      not connected to {}", hub.address)?,
        }
        for item in health {
            writeln!(f, "{:8} {}", item.severity, item.text)?;
        }
        writeln!(f, "cameras  {} (generation {generation})", cameras.len())?;
        for camera in cameras {
            writeln!(f, "  {}  {}", camera.report.camera_id, camera.name)?;
            for tier in &camera.report.tiers {
                writeln!(f, "    {}", Tier(tier))?;
            }
            if !camera.report.sessions.is_empty() {
                writeln!(f, "    {}", Sessions(&camera.report))?;
            }
        }
        if !found.is_empty() {
            writeln!(f, "found    {} on the networks of this site", found.len())?;
        }
        for camera in found {
            writeln!(f, "  {}", Found(camera))?;
        }
        Ok(())
    }
}

struct Duration(u64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, hours, minutes) = (self.0 / 86_400, self.0 / 3_600 % 24, self.0 / 60 % 60);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{} s", self.0),
            (0, 0, _) => write!(f, "{minutes} min"),
            (0, ..) => write!(f, "{hours} h {minutes} min"),
            _ => write!(f, "{days} d {hours} h"),
        }
    }
}

struct Tier<'a>(&'a TierReport);

impl fmt::Display for Tier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tier = self.0;
        write!(f, "{:5} {:10}", tier.tier.as_str(), tier.state.as_str())?;
        if let Some(codec) = &tier.codec {
            write!(f, "  {codec}")?;
        }
        if tier.width > 0 {
            write!(f, "  {}x{}", tier.width, tier.height)?;
        }
        if let Some(fps) = tier.fps {
            write!(f, "  {fps:.0} fps")?;
        }
        if tier.bitrate_kbps > 0 {
            write!(f, "  {} kbit/s", tier.bitrate_kbps)?;
        }
        if let Some(gop) = tier.gop_s {
            write!(f, "  GOP {gop:.1} s")?;
        }
        if let Some(code) = tier.reason_code {
            write!(f, "  {code}: {}", tier.reason_text)?;
        }
        Ok(())
    }
}

struct Sessions<'a>(&'a CameraReport);

impl fmt::Display for Sessions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CameraReport { sessions, session_budget, .. } = self.0;
        write!(f, "sessions  {}", sessions.len())?;
        if *session_budget > 0 {
            write!(f, ", streams at most {session_budget}")?;
        }
        for (n, held) in sessions.iter().enumerate() {
            let start = if n == 0 { ":" } else { "," };
            write!(f, "{start} {} {} {}", held.kind, held.purpose, held.state)?;
        }
        Ok(())
    }
}

struct Found<'a>(&'a FoundCamera);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FoundCamera { name, manufacturer, model, xaddr, state, text, .. } = self.0;
        write!(f, "{:17} {name}  {manufacturer} {model}  {xaddr}", state.as_str())?;
        match (state, text.as_str()) {
            (FoundState::Understood, _) | (_, "") => Ok(()),
            (_, text) => write!(f, "  {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use sluice_ids::{CameraId, Tier as TierName, UnixMillis};
    use sluice_wire::{
        ReasonCode,
        control::{HeldSession, SessionKind, SessionState, TierState},
    };

    use super::*;

    fn document() -> StatusDocument {
        let mut warm = TierReport::new(TierName::Sub, TierState::Warm, UnixMillis(1));
        (warm.codec, warm.width, warm.height) = (Some("avc1.42c01e".into()), 640, 360);
        (warm.fps, warm.gop_s, warm.bitrate_kbps) = (Some(25.0), Some(2.0), 980);
        let mut main = TierReport::new(TierName::Main, TierState::Resting, UnixMillis(1));
        main.reason_code = Some(ReasonCode::WrongPassword);
        main.reason_text = "the camera refuses the user or the password".into();
        let camera_id = CameraId::from_uuid("0198c0de-0000-7000-8000-00000000002a".parse().unwrap());
        let mut report = CameraReport::new(camera_id, vec![main, warm]);
        report.session_budget = 2;
        report.sessions = vec![HeldSession {
            kind: SessionKind::Rtsp,
            purpose: "sub".into(),
            state: SessionState::Open,
            since: UnixMillis(1),
        }];
        let found = FoundCamera {
            name: "Gate".into(),
            manufacturer: "Maker".into(),
            model: "X1".into(),
            xaddr: "http://192.0.2.9/onvif/device_service".into(),
            state: FoundState::NeedsCredentials,
            text: "it asks for a user and a password".into(),
            ..FoundCamera::default()
        };
        StatusDocument {
            version: "0.1.0".into(),
            device_id: "dev_1".into(),
            uptime_s: 93_784,
            generation: 7,
            hub: HubStatus {
                address: "192.0.2.7:14433".into(),
                connected: true,
                reason: None,
                media_links: 1,
            },
            cameras: vec![CameraStatus { name: "Dock".into(), report }],
            found: vec![found],
            health: Vec::new(),
        }
    }

    #[test]
    fn people_read_states_and_reasons_in_words() {
        assert_eq!(
            document().to_string(),
            "sluice-edge 0.1.0  dev_1  up 1 d 2 h\n\
             hub      connected to 192.0.2.7:14433, 1 media link(s)\n\
             cameras  1 (generation 7)\n\
             \x20 cam_0198c0de00007000800000000000002a  Dock\n\
             \x20   main  resting     wrong-password: the camera refuses the user or the password\n\
             \x20   sub   warm        avc1.42c01e  640x360  25 fps  980 kbit/s  GOP 2.0 s\n\
             \x20   sessions  1, streams at most 2: rtsp sub open\n\
             found    1 on the networks of this site\n\
             \x20 needs-credentials Gate  Maker X1  http://192.0.2.9/onvif/device_service  \
             it asks for a user and a password\n"
        );
    }

    #[test]
    fn machines_read_the_same_document() {
        let text = serde_json::to_string(&document()).unwrap();
        assert_eq!(serde_json::from_str::<StatusDocument>(&text).unwrap(), document());
    }
}
