//! Taking cameras that were found into the registry.

use std::collections::BTreeSet;

use axum::{Json, extract::State, http::StatusCode};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_store::{
    CameraTier, DEFAULT_LINGER, Device, FindKey, Finds, NewCamera, OnvifSource, SealedCredential, StoreError,
    Via, Warm,
};
use sluice_ids::{CameraId, DeviceId, TenantId};
use sluice_runtime::uuid_v7;
use sluice_wire::control::{FoundCamera, FoundState};
use utoipa::ToSchema;

use super::{
    Body, Faults, Problem, Right, Streams, Who, added_by_hand, address_of, audit, count, parse, plain,
};
use crate::{state::ApiState, validate::MOST_NAME_CHARS};

/// Which discoveries become cameras.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accept {
    /// 1 to 500 of them.
    items: Vec<AcceptOne>,
}

/// A discovery that becomes a camera.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptOne {
    id: String,
    /// What to call it; what it calls itself if absent.
    name: Option<String>,
    /// `all`, `sub`, `main` or `none`; what its site says if absent.
    warm: Option<String>,
}

/// What came of each discovery, in the request's order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepts {
    items: Vec<Accepted>,
}

/// A camera of the registry, or a problem.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Accepted {
    Camera { id: String, camera_id: String },
    Problem { id: String, problem: Problem },
}

/// Takes understood discoveries into the registry, with what opened them. One that is there already answers its camera.
#[utoipa::path(post, path = "/discoveries/accept", tag = "discovery", request_body = Accept, responses(
    (status = 200, body = Accepts), (status = 422, body = Problem)))]
pub(crate) async fn accept(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<Accept>,
) -> Result<Json<Accepts>, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let mut faults = Faults::default();
    count(asked.items.len(), "items", &mut faults);
    let wanted: Vec<Wanted> =
        asked.items.into_iter().enumerate().map(|(at, one)| check(at, one, &mut faults)).collect();
    faults.finish()?;
    let finds = state.store.finds(tenant).await?;
    let known = (&finds, plain(&finds));
    // All at once: they share commits.
    let taken = join_all(wanted.iter().map(|one| take(&state, (&who, tenant), one, &known))).await;
    let devices: BTreeSet<DeviceId> = taken.iter().flatten().map(|(device, _)| *device).collect();
    for device in devices {
        state.fleet.changed(device);
        state.events.discoveries_changed(tenant, device);
    }
    let items = wanted.into_iter().zip(taken).map(|(one, taken)| match taken {
        Ok((_, camera)) => Accepted::Camera { id: one.id, camera_id: camera.to_string() },
        Err(problem) => Accepted::Problem { id: one.id, problem },
    });
    Ok(Json(Accepts { items: items.collect() }))
}

/// A camera to be made of what was found.
pub(crate) fn new_camera(
    device: &Device,
    found: &FoundCamera,
    (name, warm): (Option<String>, Option<Warm>),
    credential: Option<SealedCredential>,
    id: CameraId,
) -> Result<NewCamera, Problem> {
    let mut seen = BTreeSet::new();
    let tiers = found.tiers.iter().filter_map(|tier| {
        let kind = tier.tier?;
        let url = plain_rtsp(&tier.url)?;
        seen.insert(kind).then(|| CameraTier { tier: kind, url, profile: tier.profile.clone() })
    });
    let tiers: Vec<CameraTier> = tiers.collect();
    if found.state != FoundState::Understood || tiers.is_empty() {
        let detail = match found.text.as_str() {
            "" => "the camera is not understood yet; try credentials first",
            text => text,
        };
        return Err(Problem::new(StatusCode::CONFLICT, "not-understood", detail));
    }
    let (username, sealed) = credential.map(|one| (one.username, (one.sealed_password, one.id))).unzip();
    let (sealed_password, sealed_as) = sealed.unzip();
    Ok(NewCamera {
        id,
        site: device.site,
        via: Via::Device(device.id),
        name: name.unwrap_or_else(|| name_of(found)),
        tiers,
        username,
        sealed_password,
        sealed_as: sealed_as.unwrap_or_default(),
        onvif: Some(OnvifSource {
            key: found.key.clone(),
            xaddr: found.xaddr.clone(),
            channel: found.channel,
        }),
        warm,
        linger: DEFAULT_LINGER,
    })
}

struct Wanted {
    id: String,
    name: Option<String>,
    warm: Option<Warm>,
}

fn check(at: usize, one: AcceptOne, faults: &mut Faults) -> Wanted {
    let path = format!("items[{at}]");
    let name = one.name.as_deref().map(|name| faults.name(&format!("{path}.name"), name));
    let warm = one.warm.as_deref().and_then(|word| {
        let warm = word.parse().ok();
        if warm.is_none() {
            faults.add(format!("{path}.warm"), "invalid", "one of all, sub, main, none");
        }
        warm
    });
    Wanted { id: one.id, name, warm }
}

async fn take(
    state: &ApiState,
    (who, tenant): (&Who, TenantId),
    wanted: &Wanted,
    (finds, by_hand): &(&Finds, Streams),
) -> Result<(DeviceId, CameraId), Problem> {
    let unknown = || Problem::unknown("discovery-unknown", "discovery");
    let (device, key, channel) = parse(&wanted.id).ok_or_else(unknown)?;
    let row = state.store.device(tenant, device).await?.ok_or_else(unknown)?;
    if row.revoked_at.is_some() {
        let detail = "the appliance that found this camera was shut out";
        return Err(Problem::new(StatusCode::CONFLICT, "device-revoked", detail));
    }
    let there = || state.store.camera_by_find(tenant, device, (key.clone(), channel));
    if let Some(camera) = there().await? {
        return Ok((device, camera));
    }
    let found = state.fleet.found_by(device).ok_or_else(unknown)?;
    let found = found.camera(&key, channel).ok_or_else(unknown)?;
    if let Some(camera) = added_by_hand(by_hand, device, found) {
        return Ok((device, camera));
    }
    let credential = opener(state, tenant, (device, found), finds).await?;
    let id = CameraId::from_uuid(uuid_v7(&state.clock));
    let new = new_camera(&row, found, (wanted.name.clone(), wanted.warm), credential, id)?;
    let camera = match state.store.create_camera(tenant, new).await {
        Ok(camera) => camera,
        // Somebody else was a moment faster.
        Err(StoreError::Exists) => return Ok((device, there().await?.ok_or_else(unknown)?)),
        Err(error) => return Err(error.into()),
    };
    let detail = json!({ "name": camera.name, "via": device, "found": key });
    audit(state, who, "camera.create", camera.id, detail).await?;
    state.events.registry_changed(tenant, "camera", camera.id.to_string());
    Ok((device, camera.id))
}

/// What opened a camera: what is kept, what waits for this, or what another channel of the same recorder was taken with.
async fn opener(
    state: &ApiState,
    tenant: TenantId,
    (device, found): (DeviceId, &FoundCamera),
    finds: &Finds,
) -> Result<Option<SealedCredential>, Problem> {
    let id = found.credential.as_str();
    if id.is_empty() {
        return Ok(None);
    }
    let kept = state.store.sealed_credential(tenant, device, id.to_owned()).await?;
    if kept.is_some() {
        return Ok(kept);
    }
    let sibling = |(by, key, _): &FindKey| *by == device && *key == found.key;
    for camera in finds.accepted.iter().filter(|(find, _)| sibling(find)).map(|(_, camera)| *camera) {
        let Some(camera) = state.store.camera(tenant, camera).await? else { continue };
        let named = if camera.sealed_as.is_empty() { camera.id.to_string() } else { camera.sealed_as };
        if let Some(sealed_password) = camera.sealed_password.filter(|_| named == id) {
            let username = camera.username.unwrap_or_default();
            return Ok(Some(SealedCredential { id: named, username, sealed_password }));
        }
    }
    let detail = "what opened this camera was removed; try a password again";
    Err(Problem::new(StatusCode::CONFLICT, "credential-gone", detail))
}

/// What a device says is a stream of the camera; anything else is left out.
pub(super) fn plain_rtsp(text: &str) -> Option<String> {
    let mut url = url::Url::parse(text).ok()?;
    if url.scheme() != "rtsp" || url.host_str().is_none_or(str::is_empty) {
        return None;
    }
    // Neither fails for a URL with a host.
    let _ = (url.set_username(""), url.set_password(None));
    Some(url.to_string())
}

/// What it calls itself, else what it is, and which of its channels.
fn name_of(found: &FoundCamera) -> String {
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned();
    let own = clean(&found.name);
    let kind = clean(&format!("{} {}", found.manufacturer, found.model));
    let address = address_of(&found.xaddr).unwrap_or_else(|| found.key.clone());
    let name = [own, kind, address].into_iter().find(|name| !name.is_empty()).unwrap_or_default();
    let channel = if found.channel > 0 { format!(" {}", found.channel + 1) } else { String::new() };
    let short: String = name.chars().take(MOST_NAME_CHARS - channel.len()).collect();
    format!("{short}{channel}")
}

#[cfg(test)]
mod tests {
    use sluice_ids::Tier;
    use sluice_wire::control::FoundTier;

    use super::*;

    #[test]
    fn a_camera_is_called_what_it_calls_itself_or_what_it_is() {
        let mut found = FoundCamera { name: " Gate\n".into(), ..FoundCamera::default() };
        assert_eq!(name_of(&found), "Gate");
        (found.name, found.manufacturer, found.model) = (String::new(), "Acme".into(), "X1".into());
        assert_eq!(name_of(&found), "Acme X1");
        (found.manufacturer, found.model, found.channel) = (String::new(), String::new(), 3);
        found.xaddr = "http://10.0.0.9/onvif".into();
        assert_eq!(name_of(&found), "10.0.0.9 4");
        found.name = "x".repeat(500);
        assert_eq!(name_of(&found).chars().count(), MOST_NAME_CHARS);
    }

    #[test]
    fn streams_that_are_none_are_left_out() {
        assert_eq!(plain_rtsp("rtsp://a:b@10.0.0.2/1").as_deref(), Some("rtsp://10.0.0.2/1"));
        assert_eq!(plain_rtsp("http://10.0.0.2/1"), None);
        let tier = FoundTier { tier: Some(Tier::Main), url: "file:///etc".into(), ..FoundTier::default() };
        assert_eq!(plain_rtsp(&tier.url), None);
    }
}
