//! The control port: faults by HTTP.
//!
//! | call | |
//! |---|---|
//! | `GET /cameras` | every camera with its faults and counters |
//! | `POST /cameras/{number or all}/faults/{word}` | a fault of [`Fault`](crate::Fault); answers the cameras' status |
//! | `POST /cameras/{number or all}/key-frame` | the next picture of every session is a key frame |
//! | `POST /cameras/{number or all}/events/{word}` | the camera notices something: an event of [`CameraEvent`] |
//! | `PUT /cameras/{number or all}/password` | the body is the account's new password |

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post, put},
};
use sluice_runtime::TaskScope;
use tokio::net::TcpListener;

use crate::{
    camera::{CameraState, CameraStatus, Site},
    fault::Fault,
    onvif::CameraEvent,
};

type Answer = Result<Json<Vec<CameraStatus>>, (StatusCode, String)>;

/// Answers on `listener` until the scope ends.
pub(crate) fn spawn(listener: TcpListener, site: Arc<Site>, scope: &TaskScope) {
    let router = Router::new()
        .route("/cameras", get(status))
        .route("/cameras/{camera}/faults/{word}", post(fault))
        .route("/cameras/{camera}/key-frame", post(key_frame))
        .route("/cameras/{camera}/events/{word}", post(event))
        .route("/cameras/{camera}/password", put(password))
        .with_state(site);
    let shutdown = scope.shutdown();
    scope.spawn("control", async move {
        let ended = async move { shutdown.requested().await };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ended).await {
            tracing::error!(%error, "the control port has failed");
        }
    });
}

async fn status(State(site): State<Arc<Site>>) -> Json<Vec<CameraStatus>> {
    Json(site.cameras.iter().map(|camera| camera.status()).collect())
}

async fn fault(State(site): State<Arc<Site>>, Path((camera, word)): Path<(String, String)>) -> Answer {
    let fault: Fault = word.parse().map_err(|error| bad(&error))?;
    command(&site, &camera, &fault)
}

async fn key_frame(State(site): State<Arc<Site>>, Path(camera): Path<String>) -> Answer {
    let cameras = named(&site, &camera)?;
    cameras.iter().for_each(|camera| camera.wish_key_frame());
    Ok(Json(cameras.into_iter().map(|camera| camera.status()).collect()))
}

async fn event(State(site): State<Arc<Site>>, Path((camera, word)): Path<(String, String)>) -> Answer {
    let event: CameraEvent = word.parse().map_err(|error| bad(&error))?;
    let cameras = named(&site, &camera)?;
    cameras.iter().for_each(|camera| camera.tell(event));
    Ok(Json(cameras.into_iter().map(|camera| camera.status()).collect()))
}

async fn password(State(site): State<Arc<Site>>, Path(camera): Path<String>, password: String) -> Answer {
    command(&site, &camera, &Fault::Password(password))
}

fn command(site: &Site, camera: &str, fault: &Fault) -> Answer {
    let cameras = named(site, camera)?;
    for camera in &cameras {
        camera.faults.send_modify(|faults| faults.add(fault.clone()));
    }
    Ok(Json(cameras.into_iter().map(|camera| camera.status()).collect()))
}

fn named<'a>(site: &'a Site, camera: &str) -> Result<Vec<&'a Arc<CameraState>>, (StatusCode, String)> {
    let cameras: Vec<&Arc<CameraState>> = if camera == "all" {
        site.cameras.iter().collect()
    } else {
        let found = camera.parse().ok().and_then(|number| site.camera(number));
        found.into_iter().collect()
    };
    if cameras.is_empty() {
        return Err((StatusCode::NOT_FOUND, format!("there is no camera {camera}\n")));
    }
    Ok(cameras)
}

fn bad(error: &dyn std::error::Error) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, format!("{error}\n"))
}
