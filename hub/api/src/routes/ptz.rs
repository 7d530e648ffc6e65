//! Moving cameras, and the places they remember.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_ids::{CameraId, TenantId};
use sluice_wire::{
    control::{Action, Outcome, Preset, PtzCommand},
    player,
};
use utoipa::ToSchema;

use crate::{
    audit::{audit, now_and_then},
    auth::{Right, Who},
    body::Body,
    order::{camera_at_device, nonsense, order},
    problem::{FieldFault, Problem},
    state::ApiState,
    validate::Faults,
};

/// How a camera is to move: exactly one of these.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Move {
    /// Move at this speed until told otherwise.
    continuous: Option<Continuous>,
    /// Move by this much.
    relative: Option<Position>,
    /// Move there.
    absolute: Option<Position>,
    /// Stop; `true`.
    stop: Option<bool>,
    /// The token of a place that it remembers.
    go_to: Option<String>,
}

/// A speed, each part from -1 to 1: right, up and in are positive. What is absent is 0.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Continuous {
    pan: f64,
    tilt: f64,
    zoom: f64,
    /// The camera stops after so many milliseconds, at most 5,000, unless it is told to move on; 1,000 if absent. Say it
    /// again while a key is held: a caller that is gone stops the camera.
    for_ms: Option<u32>,
}

/// A way or a place, each part from -1 to 1: right, up and in are positive; a place's zoom from 0. What is absent is 0.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Position {
    pan: f64,
    tilt: f64,
    zoom: f64,
}

/// The places that a camera remembers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Presets {
    items: Vec<PresetNow>,
    /// Always `null`: the list is whole.
    next: Option<String>,
}

/// A place that a camera remembers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PresetNow {
    /// The camera's name for it.
    token: String,
    /// People's name for it.
    name: String,
}

/// A place to be remembered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddPreset {
    name: String,
}

/// Moves a camera. A movement without end stops by itself when nobody asks for more of it.
#[utoipa::path(post, path = "/cameras/{id}/ptz", tag = "ptz", params(("id" = String, Path)), request_body = Move, responses(
    (status = 204), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 422, body = Problem), (status = 504, body = Problem)))]
pub(crate) async fn go(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Body(asked): Body<Move>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Ptz)?;
    let command = command(asked)?;
    move_it(&state, (tenant, who.credential()), &id, command).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a camera move for somebody who may, whichever way he asks.
pub(crate) async fn move_it(
    state: &ApiState,
    (tenant, actor): (TenantId, String),
    camera: &str,
    command: PtzCommand,
) -> Result<(), Problem> {
    let (camera, device) = camera_at_device(state, tenant, camera).await?;
    // One entry a minute says who moves a camera; stopping one waits for nothing.
    if command != PtzCommand::Stop {
        now_and_then(state, (tenant, actor), "camera.ptz", camera.id).await?;
    }
    match order(state, device, Action::Ptz { camera: camera.id, command }, PTZ_WITHIN).await? {
        Outcome::Done => Ok(()),
        _ => Err(nonsense()),
    }
}

/// The places that a camera remembers, as it lists them.
#[utoipa::path(get, path = "/cameras/{id}/presets", tag = "ptz", params(("id" = String, Path)), responses(
    (status = 200, body = Presets), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 504, body = Problem)))]
pub(crate) async fn presets(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<Presets>, Problem> {
    let tenant = who.needs(Right::Ptz)?;
    let (camera, device) = camera_at_device(&state, tenant, &id).await?;
    let command = PtzCommand::Presets;
    match order(&state, device, Action::Ptz { camera: camera.id, command }, PRESETS_WITHIN).await? {
        Outcome::Presets(presets) => Ok(Json(listed(presets))),
        _ => Err(nonsense()),
    }
}

/// Remembers where a camera looks now, and answers all that it remembers.
#[utoipa::path(post, path = "/cameras/{id}/presets", tag = "ptz", params(("id" = String, Path)), request_body = AddPreset,
    responses((status = 201, body = Presets), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem), (status = 504, body = Problem)))]
pub(crate) async fn remember(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Body(asked): Body<AddPreset>,
) -> Result<(StatusCode, Json<Presets>), Problem> {
    let tenant = who.needs(Right::Ptz)?;
    let (camera, device) = camera_at_device(&state, tenant, &id).await?;
    let mut faults = Faults::default();
    let name = faults.name("name", &asked.name);
    faults.finish()?;
    audit(&state, &who, "camera.preset.create", camera.id, json!({ "name": name })).await?;
    let command = PtzCommand::Remember { name };
    let made = order(&state, device, Action::Ptz { camera: camera.id, command }, PRESETS_WITHIN).await?;
    let presets = match made {
        Outcome::Presets(presets) => presets,
        Outcome::Done => {
            let command = PtzCommand::Presets;
            let action = Action::Ptz { camera: camera.id, command };
            match order(&state, device, action, PRESETS_WITHIN).await? {
                Outcome::Presets(presets) => presets,
                _ => return Err(nonsense()),
            }
        }
        _ => return Err(nonsense()),
    };
    Ok((StatusCode::CREATED, Json(listed(presets))))
}

/// Lets a camera forget a place.
#[utoipa::path(delete, path = "/cameras/{id}/presets/{token}", tag = "ptz",
    params(("id" = String, Path), ("token" = String, Path)), responses((status = 204), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 504, body = Problem)))]
pub(crate) async fn forget(
    State(state): State<ApiState>,
    who: Who,
    Path((id, preset)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Ptz)?;
    let (camera, device) = camera_at_device(&state, tenant, &id).await?;
    check_token(&preset)?;
    audit(&state, &who, "camera.preset.delete", camera.id, json!({ "token": preset })).await?;
    forgotten(&state, camera.id, device, preset).await
}

async fn forgotten(
    state: &ApiState,
    camera: CameraId,
    device: sluice_ids::DeviceId,
    preset: String,
) -> Result<StatusCode, Problem> {
    let command = PtzCommand::Forget { preset };
    match order(state, device, Action::Ptz { camera, command }, PRESETS_WITHIN).await? {
        Outcome::Done | Outcome::Presets(_) => Ok(StatusCode::NO_CONTENT),
        _ => Err(nonsense()),
    }
}

fn command(asked: Move) -> Result<PtzCommand, Problem> {
    let speed = |asked: Continuous| {
        let Continuous { pan, tilt, zoom, for_ms } = asked;
        player::Speed { pan, tilt, zoom, for_ms }
    };
    let place = |asked: Position| player::Place { pan: asked.pan, tilt: asked.tilt, zoom: asked.zoom };
    let Move { continuous, relative, absolute, stop, go_to } = asked;
    let (continuous, relative, absolute) = (continuous.map(speed), relative.map(place), absolute.map(place));
    let asked = player::Move { continuous, relative, absolute, stop, go_to };
    asked.command().map_err(|faults| Problem::invalid(faults.into_iter().map(FieldFault::from).collect()))
}

fn check_token(token: &str) -> Result<(), Problem> {
    if player::is_preset(token) { Ok(()) } else { Err(Problem::unknown("preset-unknown", "preset")) }
}

fn listed(presets: Vec<Preset>) -> Presets {
    let items = presets.into_iter().filter(|preset| check_token(&preset.token).is_ok()).take(MOST_PRESETS);
    let items =
        items.map(|Preset { token, name }| PresetNow { token, name: name.chars().take(120).collect() });
    Presets { items: items.collect(), next: None }
}

/// Who moves a camera looks at it meanwhile.
const PTZ_WITHIN: Duration = Duration::from_secs(5);
/// Some cameras take seconds to list theirs.
const PRESETS_WITHIN: Duration = Duration::from_secs(10);
const MOST_PRESETS: usize = 512;
