use sluice_wire::control::{Capabilities, FoundCamera, FoundState};
use url::Url;

use crate::{
    Connector, Credentials,
    onvif::{AskError, Channel, Device},
};

/// Asks a device who it is and what it can do: one camera for each of its video sources. Takes seconds, and a permit of
/// the guardian for each of its three questions; the first refusal ends it.
///
/// When and how it was found, and with which credential of the hub's, is for who found it to say.
///
/// # Errors
/// When it does not answer, or not to this account.
pub async fn understand(
    connector: &Connector,
    xaddr: &Url,
    credentials: Option<Credentials>,
) -> Result<Vec<FoundCamera>, AskError> {
    let onvif = connector.open(xaddr, credentials);
    let device = onvif.device().await?;
    let channels = onvif.channels().await?;
    let clock_offset_ms = onvif.clock_offset().await.unwrap_or_default();
    connector.metrics().understood.inc();
    Ok(cameras(&device, &channels, clock_offset_ms, xaddr))
}

/// Names a device whatever its address: by its hardware address, or else its maker and serial number; empty if it tells
/// neither.
#[must_use]
pub fn device_key(device: &Device) -> String {
    if !device.hardware_address.is_empty() {
        return device.hardware_address.clone();
    }
    match (device.manufacturer.as_str(), device.serial.as_str()) {
        (_, "") => String::new(),
        (maker, serial) => format!("{}:{serial}", maker.to_lowercase()),
    }
}

fn cameras(
    device: &Device,
    channels: &[Channel],
    clock_offset_ms: Option<i64>,
    xaddr: &Url,
) -> Vec<FoundCamera> {
    let base = FoundCamera {
        key: device_key(device),
        name: if device.name.is_empty() { device.model.clone() } else { device.name.clone() },
        manufacturer: device.manufacturer.clone(),
        model: device.model.clone(),
        firmware: device.firmware.clone(),
        serial: device.serial.clone(),
        hardware_address: device.hardware_address.clone(),
        xaddr: xaddr.to_string(),
        clock_offset_ms,
        ..FoundCamera::default()
    };
    if channels.is_empty() {
        let text = "it has no stream that could be played".to_owned();
        return vec![FoundCamera { state: FoundState::NotUsable, text, ..base }];
    }
    let camera = |channel: &Channel| FoundCamera {
        channel: channel.channel,
        name: match channels.len() {
            1 => base.name.clone(),
            _ => format!("{} / {}", base.name, channel.channel + 1),
        },
        state: FoundState::Understood,
        tiers: channel.tiers.clone(),
        audio_codec: channel.audio_codec.clone(),
        can: capabilities(channel),
        ..base.clone()
    };
    channels.iter().map(camera).collect()
}

/// What a channel can do. Whether it sends key frames when asked is not yet known.
pub(crate) const fn capabilities(channel: &Channel) -> Capabilities {
    Capabilities {
        ptz: channel.ptz,
        events: channel.events,
        snapshot: channel.snapshot,
        encoder: channel.encoder,
        sync_point: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorder_is_many_cameras_with_one_key() {
        let device = Device {
            name: "Recorder".to_owned(),
            manufacturer: "Maker".to_owned(),
            serial: "S1".to_owned(),
            ..Device::default()
        };
        let channels = [Channel::default(), Channel { channel: 1, ptz: true, ..Channel::default() }];
        let xaddr = Url::parse("http://10.0.0.9/onvif/device_service").unwrap();
        let found = cameras(&device, &channels, Some(-3_000), &xaddr);
        assert_eq!(
            found.iter().map(|camera| camera.name.as_str()).collect::<Vec<_>>(),
            ["Recorder / 1", "Recorder / 2"]
        );
        assert!(
            found.iter().all(|camera| camera.key == "maker:S1" && camera.state == FoundState::Understood)
        );
        assert!(found[1].can.ptz && !found[0].can.ptz);
        let none = cameras(&device, &[], None, &xaddr);
        assert_eq!((none.len(), none[0].state), (1, FoundState::NotUsable));
    }

    #[test]
    fn the_hardware_address_names_a_device_before_its_serial_number() {
        let device = Device { hardware_address: "02:00:00:00:00:01".to_owned(), ..Device::default() };
        assert_eq!(device_key(&Device { serial: "S1".to_owned(), ..device }), "02:00:00:00:00:01");
        assert_eq!(device_key(&Device::default()), "");
    }
}
