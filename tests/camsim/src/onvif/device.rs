//! The device service: who the camera is, what time it has, where its services are.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{
    Identity,
    server::Call,
    soap::{Answer, Fault},
    xml::escape,
};

/// Answers an operation of the device service.
pub(super) fn answer(call: &Call<'_>) -> Answer {
    let name = call.request.operation.name.as_str();
    let camera = call.camera;
    let identity = Identity::of(&camera.device);
    let model = if camera.channel.is_some() { "Virtual recorder" } else { "Virtual camera" };
    let inside = match name {
        "GetSystemDateAndTime" => date_and_time(camera.clock_s(call.server.clock)),
        "GetDeviceInformation" => format!(
            "<tds:Manufacturer>Sluice</tds:Manufacturer><tds:Model>{model}</tds:Model><tds:FirmwareVersion>{}\
             </tds:FirmwareVersion><tds:SerialNumber>{}</tds:SerialNumber><tds:HardwareId>camsim</tds:HardwareId>",
            env!("CARGO_PKG_VERSION"),
            identity.serial
        ),
        "GetCapabilities" => capabilities(call),
        "GetServices" if camera.config.oddities.get_services => services(call),
        "GetServiceCapabilities" => "<tds:Capabilities><tds:Network/><tds:Security UsernameToken=\"true\" \
             HttpDigest=\"true\"/><tds:System DiscoveryBye=\"true\"/></tds:Capabilities>"
            .to_owned(),
        "GetScopes" => scopes(&camera.device.name)
            .iter()
            .map(|scope| {
                format!("<tds:Scopes><tt:ScopeDef>Fixed</tt:ScopeDef><tt:ScopeItem>{scope}</tt:ScopeItem></tds:Scopes>")
            })
            .collect(),
        "GetNetworkInterfaces" => interfaces(call, &identity.mac),
        "GetHostname" => format!(
            "<tds:HostnameInformation><tt:FromDHCP>false</tt:FromDHCP><tt:Name>{}</tt:Name></tds:HostnameInformation>",
            escape(&slug(&camera.device.name))
        ),
        "GetEndpointReference" => format!("<tds:GUID>{}</tds:GUID>", identity.endpoint),
        _ => return Err(Fault::not_supported(name)),
    };
    Ok(format!("<tds:{name}Response>{inside}</tds:{name}Response>"))
}

/// As discovery and `GetScopes` tell them.
pub(super) fn scopes(name: &str) -> [String; 5] {
    let scope = |rest: &str| format!("onvif://www.onvif.org/{rest}");
    [
        scope("type/video_encoder"),
        scope("Profile/Streaming"),
        scope("Profile/T"),
        scope("hardware/camsim"),
        scope(&format!("name/{}", escape(&name.replace(' ', "%20")))),
    ]
}

fn slug(name: &str) -> String {
    name.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}

fn interfaces(call: &Call<'_>, mac: &str) -> String {
    let ip = call.camera.addresses.http.map(|addr| addr.ip().to_string()).unwrap_or_default();
    format!(
        "<tds:NetworkInterfaces token=\"eth0\"><tt:Enabled>true</tt:Enabled><tt:Info><tt:Name>eth0</tt:Name>\
         <tt:HwAddress>{mac}</tt:HwAddress><tt:MTU>1500</tt:MTU></tt:Info><tt:IPv4><tt:Enabled>true</tt:Enabled><tt:Config>\
         <tt:Manual><tt:Address>{ip}</tt:Address><tt:PrefixLength>8</tt:PrefixLength></tt:Manual><tt:DHCP>false</tt:DHCP>\
         </tt:Config></tt:IPv4></tds:NetworkInterfaces>"
    )
}

fn capabilities(call: &Call<'_>) -> String {
    let base = call.base();
    let section = |name: &str, path: &str, rest: &str| {
        format!("<tt:{name}><tt:XAddr>{base}/{path}</tt:XAddr>{rest}</tt:{name}>")
    };
    let streaming = "<tt:StreamingCapabilities><tt:RTPMulticast>false</tt:RTPMulticast><tt:RTP_TCP>true</tt:RTP_TCP>\
                     <tt:RTP_RTSP_TCP>true</tt:RTP_RTSP_TCP></tt:StreamingCapabilities>";
    let pulling = "<tt:WSSubscriptionPolicySupport>true</tt:WSSubscriptionPolicySupport>\
                   <tt:WSPullPointSupport>true</tt:WSPullPointSupport>";
    format!(
        "<tds:Capabilities>{}{}{}{}</tds:Capabilities>",
        section("Device", "device_service", ""),
        section("Events", "event_service", pulling),
        section("Media", "media_service", streaming),
        section("PTZ", "ptz_service", "")
    )
}

fn services(call: &Call<'_>) -> String {
    let base = call.base();
    let media2 = call.camera.config.oddities.media2;
    [
        ("ver10/device/wsdl", "device_service", true),
        ("ver10/media/wsdl", "media_service", true),
        ("ver20/media/wsdl", "media2_service", media2),
        ("ver20/ptz/wsdl", "ptz_service", true),
        ("ver10/events/wsdl", "event_service", true),
    ]
    .into_iter()
    .filter(|(.., present)| *present)
    .map(|(namespace, path, _)| {
        format!(
            "<tds:Service><tds:Namespace>http://www.onvif.org/{namespace}</tds:Namespace><tds:XAddr>{base}/{path}</tds:XAddr>\
             <tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
        )
    })
    .collect()
}

fn date_and_time(unix_s: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(unix_s).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    format!(
        "<tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>\
         <tt:TimeZone><tt:TZ>UTC0</tt:TZ></tt:TimeZone><tt:UTCDateTime><tt:Time><tt:Hour>{hour}</tt:Hour>\
         <tt:Minute>{minute}</tt:Minute><tt:Second>{second}</tt:Second></tt:Time><tt:Date><tt:Year>{year}</tt:Year>\
         <tt:Month>{}</tt:Month><tt:Day>{day}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>",
        u8::from(month)
    )
}

/// `xs:dateTime` of a time in seconds since 1970.
pub(super) fn iso(unix_s: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(unix_s).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

/// `xs:duration` of whole seconds.
pub(super) fn iso_duration(duration: Duration) -> String {
    format!("PT{}S", duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_xml_schema() {
        assert_eq!(iso(1_795_262_400), "2026-11-21T12:00:00Z");
        assert_eq!(iso_duration(Duration::from_secs(60)), "PT60S");
        assert!(date_and_time(1_795_262_400).contains("<tt:Hour>12</tt:Hour>"));
        assert_eq!(slug("Gate 1"), "gate-1");
    }
}
