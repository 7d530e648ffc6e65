//! Moving cameras, and the places they remember.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_ids::CameraId;
use sluice_wire::control::{Action, Outcome, Preset, PtzCommand};
use utoipa::ToSchema;

use crate::{
    audit::{audit, audit_now_and_then},
    auth::{Right, Who},
    body::Body,
    order::{camera_at_device, nonsense, order},
    problem::Problem,
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
    let (camera, device) = camera_at_device(&state, tenant, &id).await?;
    let command = command(asked)?;
    // One entry a minute says who moves a camera; stopping one waits for nothing.
    if command != PtzCommand::Stop {
        audit_now_and_then(&state, &who, "camera.ptz", camera.id).await?;
    }
    match order(&state, device, Action::Ptz { camera: camera.id, command }, PTZ_WITHIN).await? {
        Outcome::Done => Ok(StatusCode::NO_CONTENT),
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
    let mut faults = Faults::default();
    let Move { continuous, relative, absolute, stop, go_to } = asked;
    let given =
        [continuous.is_some(), relative.is_some(), absolute.is_some(), stop.is_some(), go_to.is_some()];
    if given.into_iter().filter(|given| *given).count() != 1 {
        faults.add("", "invalid", "give exactly one of continuous, relative, absolute, stop, go_to");
    }
    let command = if let Some(Continuous { pan, tilt, zoom, for_ms }) = continuous {
        within("continuous", [pan, tilt, zoom], &mut faults);
        let for_ms = for_ms.unwrap_or(1_000);
        if !(1..=MOST_MS).contains(&for_ms) {
            faults.add("continuous.for_ms", "out-of-range", format!("1 to {MOST_MS} milliseconds"));
        }
        Some(PtzCommand::Continuous { pan, tilt, zoom, for_ms })
    } else if let Some(Position { pan, tilt, zoom }) = relative {
        within("relative", [pan, tilt, zoom], &mut faults);
        Some(PtzCommand::Relative { pan, tilt, zoom })
    } else if let Some(Position { pan, tilt, zoom }) = absolute {
        within("absolute", [pan, tilt, zoom], &mut faults);
        if zoom < 0.0 {
            faults.add("absolute.zoom", "out-of-range", "a place's zoom is 0 to 1");
        }
        Some(PtzCommand::Absolute { pan, tilt, zoom })
    } else if let Some(preset) = go_to {
        if check_token(&preset).is_err() {
            faults.add("go_to", "invalid", "the token of a place, as the camera lists it");
        }
        Some(PtzCommand::GoTo { preset })
    } else {
        if stop == Some(false) {
            faults.add("stop", "invalid", "to move on, say how");
        }
        stop.map(|_| PtzCommand::Stop)
    };
    faults.finish()?;
    Ok(command.unwrap_or(PtzCommand::Stop))
}

fn within(field: &str, parts: [f64; 3], faults: &mut Faults) {
    for (name, part) in ["pan", "tilt", "zoom"].into_iter().zip(parts) {
        if !(-1.0..=1.0).contains(&part) {
            faults.add(format!("{field}.{name}"), "out-of-range", "-1 to 1");
        }
    }
}

fn check_token(token: &str) -> Result<(), Problem> {
    let good = (1..=LONGEST_TOKEN).contains(&token.len()) && !token.chars().any(char::is_control);
    if good { Ok(()) } else { Err(Problem::unknown("preset-unknown", "preset")) }
}

fn listed(presets: Vec<Preset>) -> Presets {
    let items = presets.into_iter().filter(|preset| check_token(&preset.token).is_ok()).take(MOST_PRESETS);
    let items =
        items.map(|Preset { token, name }| PresetNow { token, name: name.chars().take(120).collect() });
    Presets { items: items.collect(), next: None }
}

/// Longer moves belong to a key that is held, and said again.
const MOST_MS: u32 = 5_000;
/// Who moves a camera looks at it meanwhile.
const PTZ_WITHIN: Duration = Duration::from_secs(5);
/// Some cameras take seconds to list theirs.
const PRESETS_WITHIN: Duration = Duration::from_secs(10);
/// ONVIF's reference tokens have 64 characters; cameras have been seen with more.
const LONGEST_TOKEN: usize = 256;
const MOST_PRESETS: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PtzCommand, Vec<String>> {
        let asked: Move = serde_json::from_str(text).unwrap();
        command(asked).map_err(|problem| problem.errors.into_iter().map(|fault| fault.field).collect())
    }

    #[test]
    fn a_movement_is_one_of_its_kinds_and_within_its_bounds() {
        let right = PtzCommand::Continuous { pan: 0.5, tilt: 0.0, zoom: 0.0, for_ms: 1_000 };
        assert_eq!(read(r#"{"continuous":{"pan":0.5}}"#), Ok(right));
        assert_eq!(read(r#"{"stop":true}"#), Ok(PtzCommand::Stop));
        assert_eq!(read(r#"{"go_to":"7"}"#), Ok(PtzCommand::GoTo { preset: "7".into() }));
        let there = PtzCommand::Absolute { pan: -1.0, tilt: 1.0, zoom: 0.25 };
        assert_eq!(read(r#"{"absolute":{"pan":-1,"tilt":1,"zoom":0.25}}"#), Ok(there));
        let bad = [
            (r"{}", vec![""]),
            (r#"{"stop":true,"go_to":"7"}"#, vec![""]),
            (r#"{"stop":false}"#, vec!["stop"]),
            (r#"{"continuous":{"pan":1.5,"for_ms":60000}}"#, vec!["continuous.pan", "continuous.for_ms"]),
            (r#"{"absolute":{"zoom":-0.5}}"#, vec!["absolute.zoom"]),
            (r#"{"go_to":""}"#, vec!["go_to"]),
        ];
        for (text, fields) in bad {
            assert_eq!(read(text), Err(fields.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }
}
