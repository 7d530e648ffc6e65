//! The last picture of a camera, for a moment before it moves.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use sluice_ids::{CameraId, TenantId, Tier};
use sluice_wire::control::{Action, MAX_POSTER, Outcome, Poster};
use utoipa::{IntoParams, ToSchema};

use crate::{
    audit::audit_now_and_then,
    auth::{Principal, Right, Who},
    order::{camera_at_device, nonsense, order},
    page::Asked,
    posters::Picture,
    problem::{FieldFault, Problem},
    state::ApiState,
};

/// Which picture is asked for.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PosterQuery {
    /// `main`, `sub` or `third`; the smallest there is if absent.
    tier: Option<String>,
}

/// The last picture of a camera: `image/jpeg`, or `video/mp4` with a single key frame. `Sluice-Captured-At` says when it
/// was taken, in milliseconds since 1970. It crosses the site's uplink when somebody asks, and once a minute at most; this
/// hub keeps it in memory for five minutes at most. Looking at it is viewing, and audited so. Open to who may watch the
/// camera, also by the viewer token of a play that has it.
#[utoipa::path(get, path = "/cameras/{id}/poster", tag = "play", params(("id" = String, Path), PosterQuery), responses(
    (status = 200, description = "the picture", content_type = "image/jpeg", body = Vec<u8>), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 504, body = Problem)))]
pub(crate) async fn poster(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Asked(query): Asked<PosterQuery>,
) -> Result<Response, Problem> {
    let tenant = watcher(&state, &who, &id).await?;
    let (camera, device) = camera_at_device(&state, tenant, &id).await?;
    let tier: Option<Tier> = query.tier.as_deref().map(str::parse).transpose().map_err(|_| no_tier())?;
    if tier.is_some_and(|wanted| !camera.tiers.iter().any(|tier| tier.tier == wanted)) {
        return Err(no_tier());
    }
    audit_now_and_then(&state, &who, "camera.poster", camera.id).await?;
    let action = Action::Poster { camera: camera.id, tier };
    let take = async {
        match order(&state, device, action, POSTER_WITHIN).await? {
            Outcome::Poster(poster) => picture(poster),
            _ => Err(nonsense()),
        }
    };
    let (picture, fresh_for) = state.posters.get((camera.id, tier), take).await?;
    let max_age = format!("private, max-age={}", fresh_for.as_secs());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(picture.content_type)),
        (header::CACHE_CONTROL, HeaderValue::try_from(max_age).map_err(|error| Problem::internal(&error))?),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CAPTURED_AT, HeaderValue::from(picture.captured_at.0)),
    ];
    Ok((headers, picture.data.clone()).into_response())
}

/// Whether somebody may look at a camera: as for playing it, or while a play has it.
async fn watcher(state: &ApiState, who: &Who, camera: &str) -> Result<TenantId, Problem> {
    if !matches!(who.principal, Principal::Viewer { .. }) {
        return who.needs(Right::Play);
    }
    let views = state.streams.list(&who.own_sessions()?).await?;
    let camera: Option<CameraId> = camera.parse().ok();
    let played = views.iter().any(|view| Some(view.camera) == camera);
    played.then(|| who.tenant()).ok_or_else(|| Problem::unknown("camera-unknown", "camera"))
}

/// What a device sent, if it is a picture: nothing else is passed on to browsers.
fn picture(poster: Poster) -> Result<Picture, Problem> {
    let known = ["image/jpeg", "video/mp4"].into_iter().find(|known| *known == poster.content_type);
    let content_type =
        known.filter(|_| (1..=MAX_POSTER).contains(&poster.data.len())).ok_or_else(nonsense)?;
    Ok(Picture { content_type, captured_at: poster.captured_at, data: poster.data.into() })
}

fn no_tier() -> Problem {
    let text = "the camera has no such tier".to_owned();
    Problem::invalid(vec![FieldFault { field: "tier".into(), code: "invalid", text }])
}

const CAPTURED_AT: HeaderName = HeaderName::from_static("sluice-captured-at");
/// A camera that must be opened for it takes two seconds.
const POSTER_WITHIN: Duration = Duration::from_secs(6);
