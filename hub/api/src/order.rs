//! What a device is asked to do once, for a call that waits for it.

use std::time::Duration;

use axum::http::StatusCode;
use sluice_hub_fleet::OrderError;
use sluice_hub_store::{Camera, Via};
use sluice_ids::{CameraId, DeviceId, TenantId};
use sluice_wire::control::{Action, Failure, FailureCode, Outcome};

use crate::{problem::Problem, state::ApiState};

/// Lets a device do something; what it refuses, or does not answer in time, is a problem.
pub(crate) async fn order(
    state: &ApiState,
    device: DeviceId,
    action: Action,
    within: Duration,
) -> Result<Outcome, Problem> {
    match state.fleet.order(device, action, within).await? {
        Outcome::Failed(failure) => Err(refused(&failure)),
        outcome => Ok(outcome),
    }
}

/// A camera of the tenant and the device that can be asked to do something with it.
pub(crate) async fn camera_at_device(
    state: &ApiState,
    tenant: TenantId,
    id: &str,
) -> Result<(Camera, DeviceId), Problem> {
    let unknown = || Problem::unknown("camera-unknown", "camera");
    let id: CameraId = id.parse().map_err(|_| unknown())?;
    let camera = state.store.camera(tenant, id).await?.ok_or_else(unknown)?;
    if !camera.enabled {
        let detail = "this camera is switched off; enable it first";
        return Err(Problem::new(StatusCode::CONFLICT, "camera-disabled", detail));
    }
    match camera.via {
        Via::Device(device) => Ok((camera, device)),
        Via::Node => {
            let detail = "the media node pulls this camera itself; this needs an appliance at its site";
            Err(Problem::new(StatusCode::CONFLICT, "camera-without-device", detail))
        }
    }
}

/// An outcome that does not belong to the order: the device is broken, or newer than this hub.
pub(crate) fn nonsense() -> Problem {
    let detail = "the appliance answered with something else than it was asked for";
    Problem::new(StatusCode::BAD_GATEWAY, "device-nonsense", detail)
}

fn refused(failure: &Failure) -> Problem {
    let status = match failure.code {
        FailureCode::UnknownCamera | FailureCode::WrongPassword => StatusCode::CONFLICT,
        FailureCode::NotSupported | FailureCode::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        FailureCode::Unreachable => StatusCode::GATEWAY_TIMEOUT,
        FailureCode::CameraRefused => StatusCode::BAD_GATEWAY,
        FailureCode::Busy => StatusCode::SERVICE_UNAVAILABLE,
        FailureCode::NoPicture => StatusCode::NOT_FOUND,
    };
    let (code, words) = match failure.code {
        FailureCode::UnknownCamera => ("camera-not-there", "the appliance does not know this camera yet"),
        FailureCode::NotSupported => ("not-supported", "the camera cannot do this"),
        FailureCode::WrongPassword => ("wrong-password", "the camera refused its password"),
        FailureCode::Unreachable => ("camera-unreachable", "the camera did not answer in time"),
        FailureCode::CameraRefused => ("camera-refused", "the camera said no"),
        FailureCode::Invalid => ("order-invalid", "the appliance cannot make sense of this"),
        FailureCode::Busy => ("device-busy", "the appliance has too much to do at this moment"),
        FailureCode::NoPicture => ("no-picture", "there is no picture of this camera"),
    };
    let told: String = failure.text.chars().filter(|c| !c.is_control()).take(MOST_WORDS).collect();
    let problem = Problem::new(status, code, if told.is_empty() { words.to_owned() } else { told });
    if failure.code == FailureCode::Busy { problem.retry_after(1) } else { problem }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Offline => Self::new(StatusCode::CONFLICT, "device-offline", error),
            OrderError::Lost => Self::new(StatusCode::BAD_GATEWAY, "device-lost", error),
            OrderError::Late => Self::new(StatusCode::GATEWAY_TIMEOUT, "device-silent", error),
            OrderError::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "device-busy", error).retry_after(1)
            }
            OrderError::Down => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "hub-stopping", error).retry_after(2)
            }
        }
    }
}

/// A device's words are shown to people; a broken device does not get to fill their screen.
const MOST_WORDS: usize = 300;
