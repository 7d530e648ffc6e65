use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_hub_store::{Camera, CameraChange, OnvifSource, StoreError, WarmSchedule};

use super::{
    Body, CameraNow, PinsNow, Problem, Right, ToSchema, Who, WindowNow, audit, create, known, pins,
    registry_changed, shown,
    source::{self, Source},
};
use crate::{routes::discoveries::place_of, state::ApiState, validate::Faults, warm};

/// What to change about a camera; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeCamera {
    name: Option<String>,
    site_id: Option<String>,
    /// A device, or `node`.
    via: Option<String>,
    /// Replaces addresses and user name; a password that is absent stays, unless who pulls it changes. Type `onvif` for
    /// a camera that is one: its streams stay, and an address that is absent stays too.
    source: Option<Source>,
    /// `all`, `sub`, `main`, `none`, or `site`: what its site says.
    warm: Option<String>,
    /// At most 16 windows, all of them; empty for no schedule. For a camera with a policy of its own: one that follows its
    /// site follows the site's schedule too.
    warm_schedule: Option<Vec<WindowNow>>,
    /// The most sessions to hold of it at once, 1 to 64; 0 to learn it.
    session_budget: Option<u32>,
    linger_s: Option<f64>,
    enabled: Option<bool>,
    pins: Option<PinsNow>,
}

/// Changes a camera: who pulls it is told at once. Disabling it ends its sessions.
#[utoipa::path(patch, path = "/cameras/{id}", tag = "registry", params(("id" = String, Path)), request_body = ChangeCamera,
    responses((status = 200, body = CameraNow), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem)))]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Body(asked): Body<ChangeCamera>,
) -> Result<Json<CameraNow>, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let unknown = || Problem::unknown("camera-unknown", "camera");
    let before = state.store.camera(tenant, known(&id)?).await?.ok_or_else(unknown)?;
    let change = checked(&state, &before, asked).await?;
    let after = state.store.update_camera(tenant, before.id, change).await;
    let after = after.map_err(sealed_elsewhere)?.ok_or_else(unknown)?;
    audit(&state, &who, "camera.change", after.id, detail(&after)).await?;
    if !after.enabled {
        state.streams.camera_gone(after.id).await;
    }
    if before.via != after.via {
        registry_changed(&state, &before);
    }
    registry_changed(&state, &after);
    Ok(Json(shown(&state, &who, &after).await?))
}

fn detail(camera: &Camera) -> Value {
    let warm = if camera.warm_of_site { "site" } else { camera.warm.as_str() };
    let mut detail = json!({ "name": camera.name, "enabled": camera.enabled, "warm": warm });
    if !camera.warm_of_site && !camera.warm_schedule.is_empty() {
        detail["warm_schedule"] = json!(warm::shown(&camera.warm_schedule));
    }
    detail
}

async fn checked(state: &ApiState, before: &Camera, asked: ChangeCamera) -> Result<CameraChange, Problem> {
    let mut faults = Faults::default();
    let mut change = CameraChange {
        name: asked.name.as_deref().map(|name| faults.name("name", name)),
        site: asked.site_id.as_deref().and_then(|text| faults.id("site_id", text)),
        warm: create::warm(asked.warm.as_deref(), &mut faults),
        linger: create::linger(asked.linger_s, &mut faults),
        session_budget: asked.session_budget,
        enabled: asked.enabled,
        pins: asked.pins.as_ref().map(|asked| pins(asked, &mut faults)),
        ..CameraChange::default()
    };
    change.warm_schedule = own_schedule(before, &change, asked.warm_schedule.as_deref(), &mut faults);
    let via = match asked.via.as_deref() {
        Some(via) => create::via(via, &mut faults),
        None => Some(before.via),
    };
    if asked.session_budget.is_some_and(|budget| budget > MOST_SESSIONS) {
        faults.add("session_budget", "out-of-range", format!("0 to {MOST_SESSIONS} sessions"));
    }
    let source = asked.source.map(|source| source::check(source, &mut faults));
    let onvif = source.as_ref().map(|source| onvif(before, source, &mut faults));
    let place = (Some(change.site.unwrap_or(before.site)), via);
    let key = create::place(state, before.tenant, place, &mut faults).await?;
    let given = source.as_ref().filter(|source| source.onvif.is_none());
    let tiers = given.map_or(&before.tiers, |source| &source.tiers);
    let pinned = change.pins.as_ref().unwrap_or(&before.pins).tier;
    if pinned.is_some_and(|pinned| !tiers.iter().any(|tier| tier.tier == pinned)) {
        faults.add("pins.tier", "invalid", "the camera has no such tier");
    }
    faults.finish()?;
    change.via = asked.via.and(via);
    if let (Some(source), Some(onvif)) = (source, onvif) {
        let password = source.password.as_ref();
        let sealed =
            password.map(|password| source::sealed(key.as_deref(), before.id, password)).transpose()?;
        let same_place = match (&onvif, &before.onvif) {
            (Some(now), Some(then)) => place_of(&now.xaddr) == place_of(&then.xaddr),
            (None, _) => hosts(&source.tiers) == hosts(&before.tiers),
            (Some(_), None) => false,
        };
        // Another address may be another machine: the old password goes there only if the caller gives it again.
        change.sealed_password = match sealed {
            Some(sealed) => Some(Some(sealed)),
            None if same_place && source.username == before.username => None,
            None => Some(None),
        };
        change.tiers = onvif.is_none().then_some(source.tiers);
        change.onvif = Some(onvif);
        change.username = Some(source.username);
    }
    Ok(change)
}

/// The schedule that the camera has of its own from now on, if that changes.
fn own_schedule(
    before: &Camera,
    change: &CameraChange,
    asked: Option<&[WindowNow]>,
    faults: &mut Faults,
) -> Option<WarmSchedule> {
    let asked = asked?;
    let follows = change.warm.map_or(before.warm_of_site, |warm| warm.is_none());
    if follows && !asked.is_empty() {
        let text = "the camera follows its site's schedule; give it a warm policy of its own too, or change the site's";
        faults.add("warm_schedule", "of-site", text);
    }
    warm::schedule(asked, faults)
}

/// The ONVIF side that the camera has from now on.
fn onvif(before: &Camera, source: &source::Checked, faults: &mut Faults) -> Option<OnvifSource> {
    let asked = source.onvif.as_ref()?;
    let Some(now) = &before.onvif else {
        let text = "the camera is plain RTSP; remove it and add it anew by its ONVIF address";
        faults.add("source.type", "invalid", text);
        return None;
    };
    if asked.channel.is_some_and(|channel| channel != now.channel) {
        faults.add("source.channel", "invalid", "another channel is another camera");
    }
    let xaddr = match &asked.address {
        Some(address) if place_of(address) == place_of(&now.xaddr) => now.xaddr.clone(),
        Some(address) if address.contains("://") => address.clone(),
        Some(address) => format!("http://{address}/onvif/device_service"),
        None => now.xaddr.clone(),
    };
    Some(OnvifSource { xaddr, ..now.clone() })
}

fn hosts(tiers: &[sluice_hub_store::CameraTier]) -> Vec<String> {
    let urls = tiers.iter().filter_map(|tier| url::Url::parse(&tier.url).ok());
    let mut hosts: Vec<String> = urls.map(|url| format!("{:?}:{:?}", url.host_str(), url.port())).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

fn sealed_elsewhere(error: StoreError) -> Problem {
    if matches!(error, StoreError::SealedElsewhere) {
        return Problem::invalid(vec![crate::problem::FieldFault {
            field: "source.password".into(),
            code: "missing",
            text: "the password is sealed to who pulled the camera before; give it again".into(),
        }]);
    }
    error.into()
}

/// No camera serves half as many.
const MOST_SESSIONS: u32 = 64;
