//! A camera that somebody names by its ONVIF address: its device finds it, opens it, and says what it is.

use std::time::Duration;

use axum::http::StatusCode;
use sluice_hub_fleet::DeviceFound;
use sluice_hub_store::{Device, NewCamera, Via, Warm};
use sluice_ids::{CameraId, DeviceId, TenantId};
use sluice_telemetry::Secret;
use sluice_trust::seal;
use sluice_wire::control::{Action, FoundCamera, FoundState, OfferedCredential, Outcome};

use super::{
    Problem,
    source::{Checked, OnvifAsked},
};
use crate::{
    order::{nonsense, order},
    problem::FieldFault,
    routes::discoveries::{SEARCH_WITHIN, accept::new_camera, attempt::try_at, place_of},
    state::ApiState,
    validate::Faults,
};

/// Notes what is wrong with an ONVIF source of a new camera.
pub(super) fn check(asked: &OnvifAsked, via: Option<Via>, faults: &mut Faults) {
    if asked.address.is_none() {
        faults.add("source.address", "missing", "an onvif source names the camera's address");
    }
    if via == Some(Via::Node) {
        faults.add("via", "invalid", "an onvif source needs an appliance; the node takes rtsp sources");
    }
}

/// Lets the device find the camera, open it and understand it: what is to be kept of it. Waits for up to a minute.
pub(super) async fn understood(
    state: &ApiState,
    (tenant, device): (TenantId, DeviceId),
    source: Checked,
    (name, warm): (String, Option<Warm>),
    id: CameraId,
) -> Result<NewCamera, Problem> {
    let row = state.store.device(tenant, device).await?;
    let row = row.ok_or_else(|| Problem::unknown("device-unknown", "device"))?;
    let understanding = understand(state, &row, &source, id);
    let found = tokio::time::timeout(UNDERSTOOD_WITHIN, understanding).await.map_err(|_| silent())??;
    let mut new = new_camera(&row, &found, (Some(name), warm), None, id)?;
    let sealed = offer(&row, &source, &id.to_string())?;
    if let Some(OfferedCredential { username, sealed_password, .. }) = sealed {
        (new.username, new.sealed_password) = (Some(username), Some(sealed_password));
    }
    Ok(new)
}

async fn understand(
    state: &ApiState,
    row: &Device,
    source: &Checked,
    id: CameraId,
) -> Result<FoundCamera, Problem> {
    let asked = source.onvif.clone().unwrap_or_default();
    let address = asked.address.unwrap_or_default();
    let search = Action::Search { ranges: Vec::new(), addresses: vec![address.clone()] };
    let Outcome::Done = order(state, row.id, search, SEARCH_WITHIN).await? else { return Err(nonsense()) };
    let wanted = |found: &DeviceFound| at(found, &address);
    let found = tokio::time::timeout(FOUND_WITHIN, state.fleet.until_found(row.id, wanted)).await;
    let found = found.map_err(|_| silent())?.ok_or_else(silent)?;
    if let Some(offered) = offer(row, source, &id.to_string())? {
        let tried = try_at(state, row.id, vec![found.key.clone()], vec![offered]).await?;
        let tried = tried.into_iter().find(|tried| tried.key == found.key);
        let refused = tried.filter(|tried| tried.credential.is_empty()).map(|tried| tried.text);
        if let Some(text) = refused {
            let text = if text.is_empty() { "the camera refused this password".to_owned() } else { text };
            return Err(at_fault("source.password", "refused", text));
        }
    } else if found.state == FoundState::NeedsCredentials || found.state == FoundState::Refused {
        let text = "the camera asks for a user name and a password".to_owned();
        return Err(at_fault("source.username", "missing", text));
    }
    let channel = asked.channel.unwrap_or(0);
    let wanted = |now: &DeviceFound| {
        now.camera(&found.key, channel).filter(|camera| camera.state == FoundState::Understood).cloned()
    };
    let understood = tokio::time::timeout(KNOWN_WITHIN, state.fleet.until_found(row.id, wanted)).await;
    match understood {
        Ok(found) => found.ok_or_else(silent),
        Err(_) => Err(not_understood(state, row.id, &found.key, channel)),
    }
}

/// A camera at this address of which the device has made up its mind.
fn at(found: &DeviceFound, address: &str) -> Option<FoundCamera> {
    let settled = |camera: &&FoundCamera| !matches!(camera.state, FoundState::Asking | FoundState::Silent);
    found.cameras.iter().filter(settled).find(|camera| is_at(&camera.xaddr, address)).cloned()
}

/// Whether a device service is where somebody says: its host, and its port and path as far as they are named.
fn is_at(xaddr: &str, address: &str) -> bool {
    let (Some((host, port)), Some((its, at))) = (place_of(address), place_of(xaddr)) else { return false };
    let path = |text: &str| url::Url::parse(text).ok().map(|url| url.path().to_owned());
    let named = path(address).filter(|path| address.contains("://") && path != "/");
    host == its
        && port.is_none_or(|port| at == Some(port))
        && named.is_none_or(|named| path(xaddr) == Some(named))
}

/// The credentials in the source, sealed to the device under `id`.
fn offer(row: &Device, source: &Checked, id: &str) -> Result<Option<OfferedCredential>, Problem> {
    let Some(username) = source.username.clone() else { return Ok(None) };
    let key = row.seal_public_key.as_deref().ok_or_else(|| {
        let detail = "this device has not told its key yet, so a password cannot be sealed to it";
        Problem::new(StatusCode::CONFLICT, "device-without-key", detail)
    })?;
    let password = source.password.as_ref().map_or("", |password: &Secret<String>| password.expose());
    let sealed = seal::seal(key, id.as_bytes(), password.as_bytes());
    let sealed_password = sealed.map_err(|error| Problem::internal(&error))?;
    Ok(Some(OfferedCredential { id: id.to_owned(), username, sealed_password }))
}

fn not_understood(state: &ApiState, device: DeviceId, key: &str, channel: u32) -> Problem {
    let found = state.fleet.found_by(device);
    let camera = found.as_ref().and_then(|found| found.cameras.iter().find(|camera| camera.key == key));
    match camera {
        Some(camera) if camera.state == FoundState::Understood => {
            at_fault("source.channel", "unknown", format!("the camera has no video source {channel}"))
        }
        Some(camera) if !camera.text.is_empty() => {
            Problem::new(StatusCode::CONFLICT, "not-understood", &camera.text)
        }
        _ => silent(),
    }
}

fn silent() -> Problem {
    let detail =
        "no ONVIF camera answers at this address; is it switched on, and is ONVIF enabled in its settings?";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "camera-unreachable", detail)
}

fn at_fault(field: &str, code: &'static str, text: String) -> Problem {
    Problem::invalid(vec![FieldFault { field: field.into(), code, text }])
}

/// Proxies give up after a minute.
const UNDERSTOOD_WITHIN: Duration = Duration::from_secs(55);
/// Slow cameras take ten seconds to their first answer.
const FOUND_WITHIN: Duration = Duration::from_secs(25);
/// From an open door to every stream.
const KNOWN_WITHIN: Duration = Duration::from_secs(25);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_at_an_address_by_as_much_as_the_address_names() {
        let service = "http://10.0.0.9:8080/onvif/device_service";
        for good in ["10.0.0.9", "10.0.0.9:8080", "http://10.0.0.9:8080/", service] {
            assert!(is_at(service, good), "{good}");
        }
        for other in [
            "10.0.0.8",
            "10.0.0.9:80801",
            "10.0.0.9:81",
            "http://10.0.0.9:8080/other",
            "",
            "rtsp://10.0.0.9/",
        ] {
            assert!(!is_at(service, other), "{other}");
        }
        assert!(is_at("http://10.0.0.9/onvif/device_service", "10.0.0.9"));
    }
}
