use std::time::Duration;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use serde_json::json;
use sluice_hub_store::{CameraChange, DEFAULT_LINGER, NewCamera, Pins, StoreError, Via, Warm};
use sluice_ids::{CameraId, SiteId, TenantId};
use sluice_runtime::uuid_v7;

use super::{
    Body, PinsNow, Problem, Right, ToSchema, Who, audit, created, onvif, pins, registry_changed,
    source::{self, Source},
};
use crate::{state::ApiState, validate::Faults};

/// A camera to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddCamera {
    name: String,
    site_id: String,
    /// The device that pulls it; `node` for a camera beside the hub, which its media node pulls itself.
    via: String,
    source: Source,
    /// Which tiers are pulled while nobody watches: `all`, `sub`, `main`, `none`, or `site` (the default): what its site
    /// says.
    warm: Option<String>,
    /// How long a feed outlives its last viewer; 15 if absent.
    linger_s: Option<f64>,
    /// Whether it is pulled and may be played; `true` if absent.
    enabled: Option<bool>,
    #[serde(default)]
    pins: PinsNow,
}

/// Adds a camera: who pulls it is told at once. Credentials in its addresses are moved out of them; the password is
/// sealed to the device or the node before it is kept. An `onvif` source is understood by its device first: that takes
/// up to a minute.
#[utoipa::path(post, path = "/cameras", tag = "registry", request_body = AddCamera, responses(
    (status = 201, body = super::CameraNow), (status = 409, body = Problem), (status = 422, body = Problem),
    (status = 504, body = Problem)))]
pub(crate) async fn create(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<AddCamera>,
) -> Result<Response, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let mut faults = Faults::default();
    let name = faults.name("name", &asked.name);
    let (warm, linger) = (warm(asked.warm.as_deref(), &mut faults), linger(asked.linger_s, &mut faults));
    let pins = pins(&asked.pins, &mut faults);
    let source = source::check(asked.source, &mut faults);
    if source.onvif.is_none() && pins.tier.is_some_and(|pinned| !has(&source.tiers, pinned)) {
        faults.add("pins.tier", "invalid", "the camera has no such tier");
    }
    let site: Option<SiteId> = faults.id("site_id", &asked.site_id);
    let via = via(&asked.via, &mut faults);
    let key = place(&state, tenant, (site, via), &mut faults).await?;
    if let Some(onvif) = &source.onvif {
        onvif::check(onvif, via, &mut faults);
    }
    faults.finish()?;
    let (Some(site), Some(via)) = (site, via) else {
        return Err(Problem::unknown("site-unknown", "site or device"));
    };

    let id = CameraId::from_uuid(uuid_v7(&state.clock));
    let (warm, linger) = (warm.flatten(), linger.unwrap_or(DEFAULT_LINGER));
    let new = match via.device().filter(|_| source.onvif.is_some()) {
        Some(device) => NewCamera {
            linger,
            ..onvif::understood(&state, (tenant, device), source, (name, warm), id).await?
        },
        None => {
            let password = source.password.as_ref();
            let sealed_password =
                password.map(|password| source::sealed(key.as_deref(), id, password)).transpose()?;
            let (tiers, username, sealed_as) = (source.tiers, source.username, String::new());
            NewCamera {
                id,
                site,
                via,
                name,
                tiers,
                username,
                sealed_password,
                sealed_as,
                onvif: None,
                warm,
                linger,
            }
        }
    };
    keep(&state, &who, new, (asked.enabled, pins)).await
}

async fn keep(
    state: &ApiState,
    who: &Who,
    new: NewCamera,
    (enabled, pins): (Option<bool>, Pins),
) -> Result<Response, Problem> {
    let (tenant, id) = (who.tenant(), new.id);
    if pins.tier.is_some_and(|pinned| !has(&new.tiers, pinned)) {
        let mut faults = Faults::default();
        faults.add("pins.tier", "invalid", "the camera has no such tier");
        faults.finish()?;
    }
    let onvif = new.onvif.is_some();
    let mut camera = state.store.create_camera(tenant, new).await.map_err(|error| match error {
        StoreError::Exists if onvif => {
            let detail = "this camera is in the registry already";
            Problem::new(axum::http::StatusCode::CONFLICT, "camera-exists", detail)
        }
        other => other.into(),
    })?;
    if enabled == Some(false) || pins != Pins::default() {
        let change = CameraChange { enabled, pins: Some(pins), ..CameraChange::default() };
        camera = state.store.update_camera(tenant, id, change).await?.ok_or(StoreError::MissingReference)?;
    }
    audit(state, who, "camera.create", id, json!({ "name": camera.name, "via": camera.via.device() }))
        .await?;
    registry_changed(state, &camera);
    created(state, who, &camera).await
}

fn has(tiers: &[sluice_hub_store::CameraTier], wanted: sluice_ids::Tier) -> bool {
    tiers.iter().any(|tier| tier.tier == wanted)
}

/// Who pulls a camera.
pub(super) fn via(text: &str, faults: &mut Faults) -> Option<Via> {
    if text == "node" { Some(Via::Node) } else { faults.id("via", text).map(Via::Device) }
}

/// Checks that site and device are the tenant's and belong together; answers the sealing key of who pulls.
pub(super) async fn place(
    state: &ApiState,
    tenant: TenantId,
    (site, via): (Option<SiteId>, Option<Via>),
    faults: &mut Faults,
) -> Result<Option<Vec<u8>>, Problem> {
    if let Some(id) = site
        && state.store.site(tenant, id).await?.is_none()
    {
        faults.add("site_id", "unknown", "no such site");
    }
    let device = match via {
        Some(Via::Device(device)) => device,
        Some(Via::Node) => return Ok(Some(state.fleet.node_seal_key().to_vec())),
        None => return Ok(None),
    };
    match state.store.device(tenant, device).await? {
        None => faults.add("via", "unknown", "no such device"),
        Some(device) if device.revoked_at.is_some() => {
            faults.add("via", "revoked", "this device was shut out");
        }
        Some(device) if site.is_some_and(|site| site != device.site) => {
            faults.add("via", "other-site", "this device stands at another site");
        }
        Some(device) => return Ok(device.seal_public_key),
    }
    Ok(None)
}

/// The policy asked for; `Some(None)` is what the site says.
pub(super) fn warm(word: Option<&str>, faults: &mut Faults) -> Option<Option<Warm>> {
    let word = word?;
    let warm = if word == "site" { Some(None) } else { word.parse().ok().map(Some) };
    if warm.is_none() {
        faults.add("warm", "invalid", "one of all, sub, main, none, site");
    }
    warm
}

pub(super) fn linger(seconds: Option<f64>, faults: &mut Faults) -> Option<Duration> {
    let seconds = seconds?;
    if !(0.0..=600.0).contains(&seconds) {
        faults.add("linger_s", "out-of-range", "0 to 600 seconds");
        return None;
    }
    Some(Duration::from_secs_f64(seconds))
}
