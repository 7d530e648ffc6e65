//! Pan, tilt and zoom: a head that moves in real time, and the operations that move it.

mod head;

pub use head::PtzStatus;

pub(crate) use head::Head;

use std::{sync::PoisonError, time::Duration};

use super::{
    device::iso_duration,
    server::Call,
    soap::{Answer, Fault},
    xml::{Element, escape},
};
use crate::camera::CameraState;
use head::Vector;

const SPACES: &str = "http://www.onvif.org/ver10/tptz";

/// Answers an operation of the PTZ service.
pub(super) fn answer(call: &Call<'_>) -> Answer {
    let operation = &call.request.operation;
    match operation.name.as_str() {
        "GetServiceCapabilities" => Ok("<tptz:GetServiceCapabilitiesResponse><tptz:Capabilities EFlip=\"false\" \
             Reverse=\"false\" GetCompatibleConfigurations=\"true\" MoveStatus=\"true\" StatusPosition=\"true\"/>\
             </tptz:GetServiceCapabilitiesResponse>"
            .to_owned()),
        "GetNodes" => Ok(format!("<tptz:GetNodesResponse>{}</tptz:GetNodesResponse>", node())),
        "GetNode" => Ok(format!("<tptz:GetNodeResponse>{}</tptz:GetNodeResponse>", node())),
        name @ ("GetConfigurations" | "GetCompatibleConfigurations" | "GetConfiguration") => {
            Ok(format!("<tptz:{name}Response>{}</tptz:{name}Response>", configuration("tptz:PTZConfiguration")))
        }
        "GetConfigurationOptions" => Ok(options()),
        _ => {
            let (camera, _) = call.profile()?;
            moved(call, camera, operation)
        }
    }
}

fn moved(call: &Call<'_>, camera: &CameraState, operation: &Element) -> Answer {
    let now = call.server.clock.now();
    let mut head = camera.head.lock().unwrap_or_else(PoisonError::into_inner);
    let vector = |name: &str| operation.child(name).map(vector_of).unwrap_or_default();
    let name = operation.name.as_str();
    let inside = match name {
        "ContinuousMove" => {
            let limit = operation.text_of("Timeout").and_then(parse_duration);
            head.go_on(now, vector("Velocity"), limit);
            String::new()
        }
        "RelativeMove" => {
            head.go_by(now, vector("Translation"));
            String::new()
        }
        "AbsoluteMove" => {
            head.go_to(now, vector("Position"));
            String::new()
        }
        "Stop" => {
            let stops = |name: &str| operation.text_of(name) != Some("false");
            head.stop(now, stops("PanTilt"), stops("Zoom"));
            String::new()
        }
        "GetStatus" => status(&head.status(now), &call.now_text()),
        "GetPresets" => head.presets().map(|(token, name, at)| preset(token, name, at)).collect(),
        "SetPreset" => {
            let (token, name) = (operation.text_of("PresetToken"), operation.text_of("PresetName"));
            let full = || Fault::sender(&["Action", "TooManyPresets"], "no room for another preset");
            let token = head.keep(now, token, name).ok_or_else(full)?;
            format!("<tptz:PresetToken>{}</tptz:PresetToken>", escape(&token))
        }
        "GotoPreset" | "RemovePreset" => {
            let token = operation.text_of("PresetToken").unwrap_or_default();
            let known = if name == "GotoPreset" { head.go_to_preset(now, token) } else { head.forget(token) };
            known.then(String::new).ok_or_else(no_preset)?
        }
        "GotoHomePosition" => {
            head.go_to(now, Vector { pan: Some(0.0), tilt: Some(0.0), zoom: Some(0.0) });
            String::new()
        }
        _ => return Err(Fault::not_supported(name)),
    };
    Ok(format!("<tptz:{name}Response>{inside}</tptz:{name}Response>"))
}

fn no_preset() -> Fault {
    Fault::sender(&["InvalidArgVal", "NoToken"], "there is no such preset")
}

fn vector_of(element: &Element) -> Vector {
    let number = |name: &str, axis: &str| {
        element.child(name)?.attribute(axis)?.parse::<f64>().ok().filter(|number| number.is_finite())
    };
    Vector { pan: number("PanTilt", "x"), tilt: number("PanTilt", "y"), zoom: number("Zoom", "x") }
}

/// Of `xs:duration` what PTZ clients send: seconds, minutes and hours.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    let mut number = String::new();
    for letter in text.strip_prefix("PT")?.chars() {
        if letter.is_ascii_digit() || letter == '.' {
            number.push(letter);
            continue;
        }
        let unit = match letter {
            'H' => 3_600.0,
            'M' => 60.0,
            'S' => 1.0,
            _ => return None,
        };
        seconds += std::mem::take(&mut number).parse::<f64>().ok()? * unit;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

fn place(at: &PtzStatus) -> String {
    format!(
        "<tt:PanTilt x=\"{:.4}\" y=\"{:.4}\" space=\"{SPACES}/PanTiltSpaces/PositionGenericSpace\"/>\
         <tt:Zoom x=\"{:.4}\" space=\"{SPACES}/ZoomSpaces/PositionGenericSpace\"/>",
        at.pan, at.tilt, at.zoom
    )
}

fn status(at: &PtzStatus, now: &str) -> String {
    let word = |moving: bool| if moving { "MOVING" } else { "IDLE" };
    format!(
        "<tptz:PTZStatus><tt:Position>{}</tt:Position><tt:MoveStatus><tt:PanTilt>{}</tt:PanTilt><tt:Zoom>{}</tt:Zoom>\
         </tt:MoveStatus><tt:UtcTime>{now}</tt:UtcTime></tptz:PTZStatus>",
        place(at),
        word(at.pan_tilt_moving),
        word(at.zoom_moving)
    )
}

fn preset(token: &str, name: &str, at: &PtzStatus) -> String {
    format!(
        "<tptz:Preset token=\"{}\"><tt:Name>{}</tt:Name><tt:PTZPosition>{}</tt:PTZPosition></tptz:Preset>",
        escape(token),
        escape(name),
        place(at)
    )
}

fn node() -> String {
    format!(
        "<tptz:PTZNode token=\"ptz_node\" FixedHomePosition=\"true\"><tt:Name>PTZ</tt:Name>\
         <tt:SupportedPTZSpaces>{}</tt:SupportedPTZSpaces><tt:MaximumNumberOfPresets>{}</tt:MaximumNumberOfPresets>\
         <tt:HomeSupported>true</tt:HomeSupported></tptz:PTZNode>",
        spaces(),
        head::MAX_PRESETS
    )
}

fn spaces() -> String {
    let range =
        |name: &str, least: i8| format!("<tt:{name}><tt:Min>{least}</tt:Min><tt:Max>1</tt:Max></tt:{name}>");
    let plane = |kind: &str, space: &str| {
        let ranges = range("XRange", -1) + &range("YRange", -1);
        format!("<tt:{kind}><tt:URI>{SPACES}/PanTiltSpaces/{space}</tt:URI>{ranges}</tt:{kind}>")
    };
    let zoom = |kind: &str, space: &str, least: i8| {
        let range = range("XRange", least);
        format!("<tt:{kind}><tt:URI>{SPACES}/ZoomSpaces/{space}</tt:URI>{range}</tt:{kind}>")
    };
    [
        plane("AbsolutePanTiltPositionSpace", "PositionGenericSpace"),
        zoom("AbsoluteZoomPositionSpace", "PositionGenericSpace", 0),
        plane("RelativePanTiltTranslationSpace", "TranslationGenericSpace"),
        zoom("RelativeZoomTranslationSpace", "TranslationGenericSpace", -1),
        plane("ContinuousPanTiltVelocitySpace", "VelocityGenericSpace"),
        zoom("ContinuousZoomVelocitySpace", "VelocityGenericSpace", -1),
    ]
    .concat()
}

fn options() -> String {
    format!(
        "<tptz:GetConfigurationOptionsResponse><tptz:PTZConfigurationOptions><tt:Spaces>{}</tt:Spaces><tt:PTZTimeout>\
         <tt:Min>PT1S</tt:Min><tt:Max>PT1M</tt:Max></tt:PTZTimeout></tptz:PTZConfigurationOptions>\
         </tptz:GetConfigurationOptionsResponse>",
        spaces()
    )
}

/// The one PTZ configuration, as an element of this name.
pub(super) fn configuration(element: &str) -> String {
    format!(
        "<{element} token=\"ptz\"><tt:Name>PTZ</tt:Name><tt:UseCount>2</tt:UseCount><tt:NodeToken>ptz_node</tt:NodeToken>\
         <tt:DefaultContinuousPanTiltVelocitySpace>{SPACES}/PanTiltSpaces/VelocityGenericSpace\
         </tt:DefaultContinuousPanTiltVelocitySpace><tt:DefaultContinuousZoomVelocitySpace>\
         {SPACES}/ZoomSpaces/VelocityGenericSpace</tt:DefaultContinuousZoomVelocitySpace><tt:DefaultPTZTimeout>{}\
         </tt:DefaultPTZTimeout></{element}>",
        iso_duration(head::MOVE_LIMIT)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_sent() {
        assert_eq!(parse_duration("PT5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse_duration("PT0.5S"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("PT1M30S"), Some(Duration::from_secs(90)));
        for bad in ["5", "PT5", "PTxS", "PT-5S", ""] {
            assert!(parse_duration(bad).is_none_or(|read| read.is_zero()), "{bad}");
        }
    }
}
