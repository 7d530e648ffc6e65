use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_fleet::{CameraState, schedule};
use sluice_hub_store::{Camera, Pins, Via};
use sluice_ids::{CameraId, SiteId};
use sluice_wire::control::{CameraFacts, HeldSession};
use utoipa::{IntoParams, ToSchema};

use crate::{
    audit::audit,
    auth::{Right, Who},
    body::Body,
    page::{Asked, Page},
    problem::Problem,
    routes::discoveries::{Can, address_of, can},
    standing::{self, Feeds, StateNow, TierNow},
    state::ApiState,
    warm::{self, WindowNow},
};

mod change;
mod create;
mod onvif;
mod source;

pub(crate) use change::{__path_change, change};
pub(crate) use create::{__path_create, create};

/// A camera and how it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CameraNow {
    id: String,
    name: String,
    site_id: String,
    /// The device that pulls it, or `node`.
    via: String,
    /// Whether it is pulled and may be played.
    enabled: bool,
    /// Where its pictures come from; `null` for who may not change cameras.
    source: Option<SourceNow>,
    pins: PinsNow,
    /// Which tiers are pulled while nobody watches: `all`, `sub`, `main` or `none`.
    warm: &'static str,
    /// Whether that, and when another policy holds, is what its site says.
    warm_of_site: bool,
    /// When another policy than `warm` holds: the first window that holds wins.
    warm_schedule: Vec<WindowNow>,
    /// The clock by which that is: its site's, a name of the IANA time zone database.
    time_zone: String,
    /// The policy at work now.
    warm_now: &'static str,
    /// When the schedule makes another of it, as in RFC 3339; `null` if it does not within eight days.
    warm_next_change: Option<String>,
    /// The most sessions to hold of it at once; 0 if its device learns it.
    session_budget: u32,
    /// What is known of the camera itself; `null` until its device told.
    device: Option<FactsNow>,
    /// How long a feed outlives its last viewer.
    linger_s: f64,
    state: StateNow,
    tiers: Vec<TierNow>,
    /// Milliseconds since 1970.
    created_at: i64,
    updated_at: i64,
}

/// Where a camera's pictures come from. The password is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceNow {
    /// `rtsp` or `onvif`.
    #[serde(rename = "type")]
    kind: &'static str,
    tiers: Vec<SourceTier>,
    /// For `onvif`: where its device service was last known to answer, `host[:port]`.
    address: Option<String>,
    /// For `onvif`: which of its video sources.
    channel: Option<u32>,
    username: Option<String>,
    has_password: bool,
}

/// What a device knows of a camera beside its streams. What is not known is empty or `null`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FactsNow {
    manufacturer: String,
    model: String,
    firmware: String,
    serial: String,
    can: Can,
    /// Its clock less its device's.
    clock_offset_ms: Option<i64>,
    /// What stands in the way of its ONVIF side, in words; empty if nothing does.
    trouble: String,
}

/// Who holds a camera's sessions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionsNow {
    /// How many the physical camera may serve at once, as set or learnt; `null` if not known.
    budget: Option<u32>,
    items: Vec<SessionNow>,
}

/// A session that a device holds, or tries to get, of a physical camera.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionNow {
    /// `rtsp` or `onvif`.
    kind: &'static str,
    /// What for: a tier's name, or what is asked.
    purpose: String,
    /// `waiting`, `opening`, `open` or `leaving`.
    state: &'static str,
    /// Milliseconds since 1970, in the device's clock.
    since: i64,
}

/// The address of one stream, without credentials.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceTier {
    /// `main`, `sub` or `third`.
    pub(crate) tier: String,
    /// `rtsp://host[:port]/path`.
    pub(crate) url: String,
}

/// What is laid down for playing a camera; `null` is left to the decision.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PinsNow {
    pub(crate) protocol: Option<String>,
    pub(crate) tier: Option<String>,
}

/// Which cameras are asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct CamerasQuery {
    /// `next` of the part before.
    cursor: Option<String>,
    /// At most so many, 1 to 500; 100 if absent.
    limit: Option<u32>,
    /// Of one site alone.
    site_id: Option<String>,
}

/// The cameras of this tenant and how they stand.
#[utoipa::path(get, path = "/cameras", tag = "registry", params(CamerasQuery), responses(
    (status = 200, body = Page<CameraNow>), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: Who,
    Asked(query): Asked<CamerasQuery>,
) -> Result<Json<Page<CameraNow>>, Problem> {
    let tenant = who.needs(Right::Read)?;
    let part = crate::page::ListQuery { cursor: query.cursor, limit: query.limit };
    let site = query.site_id.map(|text| text.parse::<SiteId>());
    let site = site.transpose().map_err(|_| Problem::unknown("site-unknown", "site"))?;
    let page = state.store.cameras(tenant, site, part.part()?).await?;
    let feeds = state.streams.feeds(page.items.iter().map(|camera| camera.id).collect()).await?;
    Ok(Json(Page::of(page, |camera| show(&state, &who, &camera, &feeds))))
}

/// One camera and how it stands.
#[utoipa::path(get, path = "/cameras/{id}", tag = "registry", params(("id" = String, Path)), responses(
    (status = 200, body = CameraNow), (status = 404, body = Problem)))]
pub(crate) async fn get(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<CameraNow>, Problem> {
    let tenant = who.needs(Right::Read)?;
    let camera = state.store.camera(tenant, known(&id)?).await?;
    let camera = camera.ok_or_else(|| Problem::unknown("camera-unknown", "camera"))?;
    Ok(Json(shown(&state, &who, &camera).await?))
}

/// Who holds the camera's sessions: every one that its device has of the same physical camera, or tries to get.
#[utoipa::path(get, path = "/cameras/{id}/sessions", tag = "registry", params(("id" = String, Path)), responses(
    (status = 200, body = SessionsNow), (status = 404, body = Problem)))]
pub(crate) async fn sessions(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<SessionsNow>, Problem> {
    let tenant = who.needs(Right::Read)?;
    let camera = state.store.camera(tenant, known(&id)?).await?;
    let camera = camera.ok_or_else(|| Problem::unknown("camera-unknown", "camera"))?;
    let stands = state.fleet.camera_state(camera.id);
    let learnt = stands.as_ref().map_or(0, |stands| stands.session_budget);
    let budget = if learnt > 0 { learnt } else { camera.session_budget };
    let items = stands.iter().flat_map(|stands| &stands.sessions).map(session).collect();
    Ok(Json(SessionsNow { budget: (budget > 0).then_some(budget), items }))
}

/// Removes a camera: its sessions end, its device stops pulling it.
#[utoipa::path(delete, path = "/cameras/{id}", tag = "registry", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let removed = state.store.delete_camera(tenant, known(&id)?).await?;
    let removed = removed.ok_or_else(|| Problem::unknown("camera-unknown", "camera"))?;
    audit(&state, &who, "camera.delete", removed.id, json!({ "name": removed.name })).await?;
    state.streams.camera_gone(removed.id).await;
    registry_changed(&state, &removed);
    Ok(StatusCode::NO_CONTENT)
}

/// The camera id of a path; what is none names no camera.
fn known(text: &str) -> Result<CameraId, Problem> {
    text.parse().map_err(|_| Problem::unknown("camera-unknown", "camera"))
}

fn registry_changed(state: &ApiState, camera: &Camera) {
    match camera.via {
        Via::Device(device) => state.fleet.changed(device),
        Via::Node => state.fleet.changed_all(),
    }
    state.events.registry_changed(camera.tenant, "camera", camera.id.to_string());
}

async fn shown(state: &ApiState, who: &Who, camera: &Camera) -> Result<CameraNow, Problem> {
    let feeds = state.streams.feeds(vec![camera.id]).await?;
    Ok(show(state, who, camera, &feeds))
}

async fn created(state: &ApiState, who: &Who, camera: &Camera) -> Result<Response, Problem> {
    let location = format!("/api/v1/cameras/{}", camera.id);
    let body = Json(shown(state, who, camera).await?);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], body).into_response())
}

fn show(state: &ApiState, who: &Who, camera: &Camera, feeds: &Feeds) -> CameraNow {
    let stands = state.fleet.camera_state(camera.id);
    let stands: Option<&CameraState> = stands.as_deref();
    let (warm_now, warm_next_change) = warm::at_work(schedule::of_camera(camera, state.now()));
    CameraNow {
        id: camera.id.to_string(),
        name: camera.name.clone(),
        site_id: camera.site.to_string(),
        via: camera.via.device().map_or_else(|| "node".to_owned(), |device| device.to_string()),
        enabled: camera.enabled,
        source: who.may(Right::Operate).then(|| source_now(camera)),
        pins: PinsNow {
            protocol: camera.pins.protocol.clone(),
            tier: camera.pins.tier.map(|tier| tier.as_str().to_owned()),
        },
        warm: camera.warm.as_str(),
        warm_of_site: camera.warm_of_site,
        warm_schedule: warm::shown(&camera.warm_schedule),
        time_zone: camera.time_zone.clone(),
        warm_now,
        warm_next_change,
        session_budget: camera.session_budget,
        device: stands.and_then(|stands| stands.facts.as_ref()).map(facts),
        linger_s: camera.linger.as_secs_f64(),
        state: standing::state_of(camera, stands, feeds),
        tiers: standing::tiers_of(camera, stands, feeds),
        created_at: camera.created_at.0,
        updated_at: camera.updated_at.0,
    }
}

fn source_now(camera: &Camera) -> SourceNow {
    let tiers = camera.tiers.iter();
    let onvif = camera.onvif.as_ref();
    SourceNow {
        kind: if onvif.is_some() { "onvif" } else { "rtsp" },
        tiers: tiers.map(|tier| SourceTier { tier: tier.tier.to_string(), url: tier.url.clone() }).collect(),
        address: onvif.and_then(|onvif| address_of(&onvif.xaddr)),
        channel: onvif.map(|onvif| onvif.channel),
        username: camera.username.clone(),
        has_password: camera.sealed_password.is_some(),
    }
}

fn facts(facts: &CameraFacts) -> FactsNow {
    FactsNow {
        manufacturer: facts.manufacturer.clone(),
        model: facts.model.clone(),
        firmware: facts.firmware.clone(),
        serial: facts.serial.clone(),
        can: can(facts.can),
        clock_offset_ms: facts.clock_offset_ms,
        trouble: facts.trouble.clone(),
    }
}

fn session(held: &HeldSession) -> SessionNow {
    SessionNow {
        kind: held.kind.as_str(),
        purpose: held.purpose.clone(),
        state: held.state.as_str(),
        since: held.since.0,
    }
}

fn pins(asked: &PinsNow, faults: &mut crate::validate::Faults) -> Pins {
    let protocol = asked.protocol.clone().filter(|word| {
        let known = sluice_hub_streams::decide::Protocol::named(word).is_some();
        if !known {
            faults.add("pins.protocol", "invalid", "one of webrtc, ll-hls, hls, or null");
        }
        known
    });
    let tier = asked.tier.as_deref().and_then(|word| {
        let tier = word.parse().ok();
        if tier.is_none() {
            faults.add("pins.tier", "invalid", "one of main, sub, third, or null");
        }
        tier
    });
    Pins { protocol, tier }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_of_an_unknown_word_is_a_fault_at_its_field() {
        let mut faults = crate::validate::Faults::default();
        let asked = PinsNow { protocol: Some("mjpeg".into()), tier: Some("huge".into()) };
        assert_eq!(pins(&asked, &mut faults), Pins::default());
        let fields: Vec<_> =
            faults.finish().unwrap_err().errors.into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["pins.protocol", "pins.tier"]);
    }
}
