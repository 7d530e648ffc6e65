use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_store::{Device, StoreError};
use sluice_ids::DeviceId;
use utoipa::ToSchema;

use crate::{
    audit::audit,
    auth::{Right, Who},
    body::Body,
    page::{Asked, ListQuery, Page},
    problem::Problem,
    state::ApiState,
    validate::Faults,
};

/// An edge appliance and how it stands. Appliances are made by `sluice-hub admin issue`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceNow {
    id: String,
    name: String,
    site_id: String,
    /// Whether its control link is up.
    online: bool,
    /// Since when it is or is not, milliseconds since 1970; `null` if it never was.
    since: Option<i64>,
    /// Of its software, as last told.
    version: Option<String>,
    /// Whether it was shut out.
    revoked: bool,
    /// The generation of what it should do.
    desired_generation: u64,
    /// The generation it acts on; 0 if it has not said.
    reported_generation: u64,
    /// What is not as it should be with the device itself.
    health: Vec<HealthNow>,
    created_at: i64,
}

/// Something about a device that is not as it should be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthNow {
    code: String,
    severity: String,
    text: String,
}

/// What to change about a device.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeDevice {
    name: Option<String>,
    /// `true` shuts it out for good: its links end and are refused.
    revoked: Option<bool>,
}

/// The devices of this tenant.
#[utoipa::path(get, path = "/devices", tag = "registry", params(ListQuery), responses(
    (status = 200, body = Page<DeviceNow>), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: Who,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<DeviceNow>>, Problem> {
    let tenant = who.needs(Right::Read)?;
    let page = state.store.devices(tenant, query.part()?).await?;
    Ok(Json(Page::of(page, |device| show(&state, device))))
}

/// One device.
#[utoipa::path(get, path = "/devices/{id}", tag = "registry", params(("id" = String, Path)), responses(
    (status = 200, body = DeviceNow), (status = 404, body = Problem)))]
pub(crate) async fn get(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<DeviceNow>, Problem> {
    let tenant = who.needs(Right::Read)?;
    let device = state.store.device(tenant, known(&id)?).await?.ok_or_else(unknown)?;
    Ok(Json(show(&state, device)))
}

/// Renames a device, or shuts it out.
#[utoipa::path(patch, path = "/devices/{id}", tag = "registry", params(("id" = String, Path)), request_body = ChangeDevice,
    responses((status = 200, body = DeviceNow), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn change(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Body(asked): Body<ChangeDevice>,
) -> Result<Json<DeviceNow>, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let id = known(&id)?;
    let mut device = state.store.device(tenant, id).await?.ok_or_else(unknown)?;
    let mut faults = Faults::default();
    let name = asked.name.as_deref().map(|name| faults.name("name", name));
    if asked.revoked == Some(false) && device.revoked_at.is_some() {
        faults.add("revoked", "invalid", "a device that was shut out stays out; issue a new identity for it");
    }
    faults.finish()?;
    if let Some(name) = name {
        device = state.store.rename_device(tenant, id, name).await?.ok_or_else(unknown)?;
        audit(&state, &who, "device.rename", id, json!({ "name": device.name })).await?;
    }
    if asked.revoked == Some(true) && device.revoked_at.is_none() {
        state.store.revoke_device(tenant, id).await?;
        audit(&state, &who, "device.revoke", id, json!({})).await?;
        device = state.store.device(tenant, id).await?.ok_or_else(unknown)?;
    }
    state.fleet.changed(id);
    state.events.registry_changed(tenant, "device", id.to_string());
    Ok(Json(show(&state, device)))
}

/// Removes a device that pulls no camera any more.
#[utoipa::path(delete, path = "/devices/{id}", tag = "registry", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem), (status = 409, description = "in use", body = Problem)))]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Operate)?;
    let id = known(&id)?;
    let removed = state.store.delete_device(tenant, id).await.map_err(|error| match error {
        StoreError::InUse => {
            let detail = "the device still pulls cameras; remove them first";
            Problem::new(StatusCode::CONFLICT, "device-in-use", detail)
        }
        other => other.into(),
    })?;
    if !removed {
        return Err(unknown());
    }
    audit(&state, &who, "device.delete", id, json!({})).await?;
    state.fleet.changed(id);
    state.events.registry_changed(tenant, "device", id.to_string());
    Ok(StatusCode::NO_CONTENT)
}

fn known(text: &str) -> Result<DeviceId, Problem> {
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::unknown("device-unknown", "device")
}

fn show(state: &ApiState, device: Device) -> DeviceNow {
    let stands = state.fleet.device_state(device.id);
    let stands = stands.as_deref();
    let health = stands.map(|stands| stands.health.as_slice()).unwrap_or_default().iter();
    let health = health.map(|item| HealthNow {
        code: item.code.clone(),
        severity: item.severity.clone(),
        text: item.text.clone(),
    });
    DeviceNow {
        id: device.id.to_string(),
        name: device.name,
        site_id: device.site.to_string(),
        online: stands.is_some_and(|stands| stands.online),
        since: stands.and_then(|stands| stands.since).or(device.last_seen_at).map(|at| at.0),
        version: device.version,
        revoked: device.revoked_at.is_some(),
        desired_generation: device.desired_generation,
        reported_generation: stands.map_or(0, |stands| stands.reported_generation),
        health: health.collect(),
        created_at: device.created_at.0,
    }
}
