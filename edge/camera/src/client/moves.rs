//! PTZ.

use std::time::Duration;

use sluice_wire::control::{Preset, PtzCommand};

use super::{
    Client,
    fault::{short, told},
    soap::{Operation, escape},
};
use crate::onvif::{AskError, PtzAnswer};

const NAMESPACE: &str = "http://www.onvif.org/ver20/ptz/wsdl";
/// Places that are told; cameras remember up to 300.
const MAX_PRESETS: usize = 256;
/// Of a place's name.
const MAX_NAME: usize = 64;
/// The longest move without another order, in milliseconds.
const MAX_MOVE_MS: u32 = 5_000;
/// A move that names no time.
const USUAL_MOVE_MS: u32 = 1_000;

/// How long a continuous move of so many milliseconds may go on.
pub(crate) fn move_limit(for_ms: u32) -> Duration {
    let for_ms = if for_ms == 0 { USUAL_MOVE_MS } else { for_ms.min(MAX_MOVE_MS) };
    Duration::from_millis(u64::from(for_ms))
}

/// Whether a command makes sense for any camera.
pub(super) fn check(command: &PtzCommand) -> Result<(), AskError> {
    let within = |values: [f64; 3], least_zoom: f64| {
        let [pan, tilt, zoom] = values;
        let sides = [pan, tilt].iter().all(|value| (-1.0..=1.0).contains(value));
        if sides && (least_zoom..=1.0).contains(&zoom) {
            Ok(())
        } else {
            Err(AskError::Invalid("speeds and places run from -1 to 1".to_owned()))
        }
    };
    match command {
        PtzCommand::Continuous { pan, tilt, zoom, .. } | PtzCommand::Relative { pan, tilt, zoom } => {
            within([*pan, *tilt, *zoom], -1.0)
        }
        PtzCommand::Absolute { pan, tilt, zoom } => within([*pan, *tilt, *zoom], 0.0),
        PtzCommand::Remember { name: text } if text.chars().count() > MAX_NAME || text.is_empty() => {
            Err(AskError::Invalid("a place's name has 1 to 64 letters".to_owned()))
        }
        PtzCommand::GoTo { preset: text } | PtzCommand::Forget { preset: text } if text.is_empty() => {
            Err(AskError::Invalid("no place is named".to_owned()))
        }
        _ => Ok(()),
    }
}

impl Client {
    pub(super) async fn ask_ptz(&self, profile: &str, command: &PtzCommand) -> Result<PtzAnswer, AskError> {
        let (client, services) = (self.client().await?, self.services().await?);
        let url = services.ptz.as_ref().ok_or(AskError::NotSupported)?;
        match command {
            PtzCommand::Continuous { pan, tilt, zoom, for_ms } => {
                let seconds = move_limit(*for_ms).as_millis().div_ceil(1_000) + 1;
                self.go(url, profile, [*pan, *tilt, *zoom], Some(seconds)).await?;
            }
            PtzCommand::Relative { pan, tilt, zoom } => {
                self.go(url, profile, [*pan, *tilt, *zoom], None).await?;
            }
            PtzCommand::Absolute { pan, tilt, zoom } => {
                let body = format!(
                    "<tptz:Position><tt:PanTilt x=\"{pan}\" y=\"{tilt}\"/><tt:Zoom x=\"{zoom}\"/></tptz:Position>"
                );
                self.order(url, "AbsoluteMove", profile, &body).await?;
            }
            PtzCommand::Stop => client.ptz_stop(url, profile).await.map_err(told)?,
            PtzCommand::Presets => {
                let told = client.ptz_get_presets(url, profile).await.map_err(told)?;
                let presets = told.into_iter().take(MAX_PRESETS);
                let presets = presets.map(|preset| Preset { name: short(&preset.name), token: preset.token });
                return Ok(PtzAnswer::Presets(presets.collect()));
            }
            PtzCommand::GoTo { preset } => {
                client.ptz_goto_preset(url, profile, preset).await.map_err(told)?;
            }
            PtzCommand::Remember { name } => {
                client.ptz_set_preset(url, profile, Some(name), None).await.map_err(told)?;
            }
            PtzCommand::Forget { preset } => {
                client.ptz_remove_preset(url, profile, preset).await.map_err(told)?;
            }
        }
        Ok(PtzAnswer::Done)
    }

    /// A continuous move of at most so many seconds, or a relative one, in the first way that the camera takes.
    async fn go(
        &self,
        url: &str,
        profile: &str,
        by: [f64; 3],
        seconds: Option<u128>,
    ) -> Result<(), AskError> {
        let mut way = self.memory().way;
        loop {
            let (name, body) = moving(way, by, seconds);
            match self.order(url, name, profile, &body).await {
                Err(AskError::Fault(_)) if way.next().is_some() => way = way.next().unwrap_or(way),
                answer => {
                    if answer.is_ok() {
                        self.memory().way = way;
                    }
                    return answer;
                }
            }
        }
    }

    async fn order(&self, url: &str, name: &str, profile: &str, body: &str) -> Result<(), AskError> {
        let profile = escape(profile);
        let body =
            format!("<tptz:{name}><tptz:ProfileToken>{profile}</tptz:ProfileToken>{body}</tptz:{name}>");
        let action = format!("{NAMESPACE}/{name}");
        self.operate(Operation { url, action: &action, header: "", name }, body).await.map(drop)
    }
}

/// How a camera wants to be told to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Way {
    /// With every axis, for one that is not named goes on as it did, and with a time limit: it stops by itself, should
    /// this machine be gone by then.
    #[default]
    Whole,
    /// With the axes that move: a head without zoom refuses to be zoomed by nothing.
    Moving,
    /// Without a time limit as well.
    Bare,
}

impl Way {
    const fn next(self) -> Option<Self> {
        match self {
            Self::Whole => Some(Self::Moving),
            Self::Moving => Some(Self::Bare),
            Self::Bare => None,
        }
    }
}

/// The operation and what is in it beside the profile.
fn moving(way: Way, [pan, tilt, zoom]: [f64; 3], seconds: Option<u128>) -> (&'static str, String) {
    let mut vector = String::new();
    if way == Way::Whole || pan != 0.0 || tilt != 0.0 || zoom == 0.0 {
        vector.push_str(&format!("<tt:PanTilt x=\"{pan}\" y=\"{tilt}\"/>"));
    }
    if way == Way::Whole || zoom != 0.0 {
        vector.push_str(&format!("<tt:Zoom x=\"{zoom}\"/>"));
    }
    match seconds {
        None => ("RelativeMove", format!("<tptz:Translation>{vector}</tptz:Translation>")),
        Some(_) if way == Way::Bare => ("ContinuousMove", format!("<tptz:Velocity>{vector}</tptz:Velocity>")),
        Some(seconds) => {
            let timeout = format!("<tptz:Timeout>PT{seconds}S</tptz:Timeout>");
            ("ContinuousMove", format!("<tptz:Velocity>{vector}</tptz:Velocity>{timeout}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_told_less_where_it_does_not_take_more() {
        let pan = |way| moving(way, [0.5, 0.0, 0.0], Some(2)).1;
        let both = "<tt:PanTilt x=\"0.5\" y=\"0\"/><tt:Zoom x=\"0\"/>";
        assert!(pan(Way::Whole).contains(both), "a zoom that goes on is ended");
        assert!(
            !pan(Way::Moving).contains("Zoom")
                && pan(Way::Moving).contains("<tptz:Timeout>PT2S</tptz:Timeout>")
        );
        assert!(!pan(Way::Bare).contains("Timeout"));
        let zoom = moving(Way::Moving, [0.0, 0.0, -1.0], None);
        assert_eq!(
            zoom,
            ("RelativeMove", "<tptz:Translation><tt:Zoom x=\"-1\"/></tptz:Translation>".to_owned())
        );
        let still = moving(Way::Moving, [0.0; 3], Some(2)).1;
        assert!(still.contains("<tt:PanTilt x=\"0\" y=\"0\"/>"), "standing still is an order too");
    }

    #[test]
    fn senseless_orders_are_refused_before_the_camera_hears_of_them() {
        let go = |pan, zoom| check(&PtzCommand::Continuous { pan, tilt: 0.0, zoom, for_ms: 0 });
        assert!(go(1.0, -1.0).is_ok());
        for (pan, zoom) in [(1.1, 0.0), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert!(matches!(go(pan, zoom), Err(AskError::Invalid(_))));
        }
        assert!(check(&PtzCommand::Absolute { pan: 0.0, tilt: 0.0, zoom: -0.1 }).is_err());
        assert!(check(&PtzCommand::Remember { name: "x".repeat(65) }).is_err());
        assert!(check(&PtzCommand::GoTo { preset: String::new() }).is_err());
        assert_eq!(move_limit(0), Duration::from_secs(1));
        assert_eq!(move_limit(60_000), Duration::from_secs(5));
    }
}
