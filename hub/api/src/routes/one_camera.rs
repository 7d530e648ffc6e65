//! The one-camera form that dashboards already use, and the way in for standard players.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use sluice_hub_streams::{
    Ending, Grant, PlayRequest, Reach, StartKey, Wanted,
    decide::{Protocol, ProtocolWish},
};
use sluice_ids::CameraId;
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::{Right, Who},
    body::LooseBody,
    page::Asked,
    problem::{FieldFault, Problem},
    routes::play::{
        Outcome, PlayItem, PlayViewer, PlayWish, TileSize, granted, may_move, poster_url, viewer, wish,
    },
    standing,
    state::ApiState,
    validate::Faults,
};

/// Which of the caller's sessions with a camera is meant.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StartQuery {
    /// `auto` (the default), `webrtc`, `ll-hls`, or `hls`: LL-HLS or HLS, and the answer's `protocol` says which.
    protocol: Option<String>,
    /// `false` with `protocol=hls`: HLS in whole segments, for players that take no low-latency playlists.
    low_latency: Option<bool>,
    /// An opaque id of the operator, for the audit.
    on_behalf_of: Option<String>,
    /// The caller's own name for this viewer; starts that agree in it are one.
    client_ref: Option<String>,
}

/// How the camera is wanted; all of it may be absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct StartBody {
    on_behalf_of: Option<String>,
    client_ref: Option<String>,
    origin: Option<String>,
    tile: Option<TileSize>,
    latency_class: Option<String>,
    protocol: Option<String>,
    tier: Option<String>,
    /// What the viewer's program can do.
    #[serde(default)]
    viewer: PlayViewer,
}

/// How a standard player wants a camera.
#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaylistQuery {
    /// `auto` (the default: LL-HLS, else HLS), `ll-hls`, or `hls` for players that take no low-latency playlists.
    protocol: Option<String>,
    /// `auto` (the default), `main`, `sub` or `third`.
    tier: Option<String>,
}

/// Starts a session with one camera, or answers the live one that the same caller started before.
#[utoipa::path(post, path = "/streams/{camera_id}/start", tag = "streams", params(("camera_id" = String, Path), StartQuery),
    request_body = Option<StartBody>, responses((status = 200, body = PlayItem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn start(
    State(state): State<ApiState>,
    who: Who,
    Path(camera): Path<String>,
    Asked(query): Asked<StartQuery>,
    LooseBody(body): LooseBody<StartBody>,
) -> Result<Json<PlayItem>, Problem> {
    who.needs(Right::Play)?;
    let (grant, poster) = begin(&state, &who, &camera, merged(&query, body)).await?;
    Ok(Json(PlayItem {
        camera_id: camera,
        outcome: Outcome::Granted(Box::new(granted(grant, who.language).with_poster(poster))),
    }))
}

/// Ends the session that the same caller started, never the shared pull. Repeats are 204 too.
#[utoipa::path(post, path = "/streams/{camera_id}/stop", tag = "streams", params(("camera_id" = String, Path), StartQuery),
    responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn stop(
    State(state): State<ApiState>,
    who: Who,
    Path(camera): Path<String>,
    Asked(query): Asked<StartQuery>,
    LooseBody(body): LooseBody<StartBody>,
) -> Result<StatusCode, Problem> {
    let tenant = who.needs(Right::Play)?;
    let id = own_camera(&state, &who, &camera).await?;
    let key = key(&who, id, &merged(&query, body));
    if let Some(session) = state.streams.started_as(key).await? {
        let reach = Reach::Credential(tenant, who.credential());
        state.streams.end(&reach, vec![session], Ending::Closed).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The live session that the same caller started, with a fresh url and token; starts nothing.
#[utoipa::path(get, path = "/streams/{camera_id}/endpoint", tag = "streams",
    params(("camera_id" = String, Path), StartQuery), responses((status = 200, body = PlayItem),
    (status = 404, body = Problem), (status = 409, description = "not started", body = Problem)))]
pub(crate) async fn endpoint(
    State(state): State<ApiState>,
    who: Who,
    Path(camera): Path<String>,
    Asked(query): Asked<StartQuery>,
) -> Result<Json<PlayItem>, Problem> {
    let tenant = who.needs(Right::Play)?;
    let id = own_camera(&state, &who, &camera).await?;
    let not_started = || Problem::new(StatusCode::CONFLICT, "not-started", "start the camera first");
    let key = key(&who, id, &merged(&query, StartBody::default()));
    let session = state.streams.started_as(key).await?.ok_or_else(not_started)?;
    let reach = Reach::Credential(tenant, who.credential());
    let renewed = state.streams.renew(&reach, vec![(session, None)], &who.base).await?.pop();
    let Some(Ok(grant)) = renewed else { return Err(not_started()) };
    Ok(Json(PlayItem {
        camera_id: camera,
        outcome: Outcome::Granted(Box::new(granted(grant, who.language))),
    }))
}

/// WHEP for standard players: the same decision and audit as `/play`, then the node by 307. The target carries a
/// one-time token, because players drop `Authorization` when they follow a redirect to another origin.
#[utoipa::path(post, path = "/streams/{camera_id}/whep", tag = "streams", params(("camera_id" = String, Path)),
    request_body(content = String, content_type = "application/sdp"), responses((status = 307), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn whep(
    State(state): State<ApiState>,
    who: Who,
    Path(camera): Path<String>,
) -> Result<Response, Problem> {
    who.needs(Right::Play)?;
    let wish = PlayWish { protocol: Some("webrtc".into()), ..PlayWish::default() };
    let (grant, _) = begin(&state, &who, &camera, Start { wish, ..Start::default() }).await?;
    redirect(format!("{}?token={}", grant.ticket.url, grant.ticket.token))
}

/// HLS for standard players: the same decision and audit as `/play`, then the node's multivariant playlist by 307,
/// with a one-time token in its address. Players that can send no `Authorization` take the `url` that
/// `POST /streams/{camera_id}/start?protocol=hls&low_latency=false` answers.
#[utoipa::path(get, path = "/streams/{camera_id}/index.m3u8", tag = "streams",
    params(("camera_id" = String, Path), PlaylistQuery), responses((status = 307), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn playlist(
    State(state): State<ApiState>,
    who: Who,
    Path(camera): Path<String>,
    Asked(query): Asked<PlaylistQuery>,
) -> Result<Response, Problem> {
    who.needs(Right::Play)?;
    let protocol = match query.protocol.as_deref() {
        None | Some("auto") => ProtocolWish::AnyHls,
        Some("hls") => ProtocolWish::Only(Protocol::Hls),
        Some("ll-hls") => ProtocolWish::Only(Protocol::LlHls),
        Some(_) => return Err(one_of_hls()),
    };
    let wish = PlayWish { tier: query.tier, ..PlayWish::default() };
    let (grant, _) =
        begin(&state, &who, &camera, Start { wish, protocol: Some(protocol), ..Start::default() }).await?;
    redirect(grant.ticket.url)
}

fn one_of_hls() -> Problem {
    let text = "one of auto, ll-hls, hls".to_owned();
    Problem::invalid(vec![FieldFault { field: "protocol".into(), code: "invalid", text }])
}

fn redirect(target: String) -> Result<Response, Problem> {
    let location = HeaderValue::try_from(target).map_err(|error| Problem::internal(&error))?;
    let headers =
        [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response())
}

/// A start with its body and its query put together.
#[derive(Debug, Default)]
struct Start {
    on_behalf_of: Option<String>,
    /// `None` for a start of its own that nothing repeats.
    key: Option<String>,
    origin: Option<String>,
    wish: PlayWish,
    /// In place of the wish's.
    protocol: Option<ProtocolWish>,
    /// The player takes no low-latency playlists.
    whole_segments: bool,
    viewer: PlayViewer,
}

fn merged(query: &StartQuery, body: StartBody) -> Start {
    let wish = PlayWish {
        tile: body.tile,
        latency_class: body.latency_class,
        protocol: query.protocol.clone().or(body.protocol),
        tier: body.tier,
    };
    Start {
        on_behalf_of: query.on_behalf_of.clone().or(body.on_behalf_of),
        key: Some(query.client_ref.clone().or(body.client_ref).unwrap_or_default()),
        origin: body.origin,
        wish,
        protocol: None,
        whole_segments: query.low_latency == Some(false),
        viewer: body.viewer,
    }
}

fn key(who: &Who, camera: CameraId, start: &Start) -> StartKey {
    StartKey {
        tenant: who.tenant(),
        credential: who.credential(),
        on_behalf_of: start.on_behalf_of.clone().unwrap_or_default(),
        camera,
        client_ref: start.key.clone().unwrap_or_default(),
    }
}

async fn own_camera(state: &ApiState, who: &Who, text: &str) -> Result<CameraId, Problem> {
    let unknown = || Problem::unknown("camera-unknown", "camera");
    let id = text.parse().map_err(|_| unknown())?;
    state.store.camera(who.tenant(), id).await?.map(|camera| camera.id).ok_or_else(unknown)
}

/// What the camera is played by, and where its last picture is.
async fn begin(
    state: &ApiState,
    who: &Who,
    camera: &str,
    start: Start,
) -> Result<(Grant, Option<String>), Problem> {
    let mut faults = Faults::default();
    let mut wished = wish(&start.wish, "", &mut faults);
    let viewer = viewer(&start.viewer, "viewer", &mut faults);
    if start.whole_segments && wished.protocol != ProtocolWish::Only(Protocol::Hls) {
        faults.add("low_latency", "invalid", "false goes with protocol=hls");
    }
    faults.finish()?;
    wished.protocol = match (start.protocol, wished.protocol) {
        (Some(protocol), _) => protocol,
        // In this form `hls` means LL-HLS or HLS.
        (None, ProtocolWish::Only(Protocol::Hls)) if !start.whole_segments => ProtocolWish::AnyHls,
        (None, wished) => wished,
    };
    let known = standing::playable(state, who.tenant(), vec![camera.to_owned()]).await?.pop().flatten();
    let poster = known.as_ref().and_then(|known| poster_url(who, known));
    let key = known.as_ref().filter(|_| start.key.is_some()).map(|known| key(who, known.id, &start));
    let request = PlayRequest {
        caller: who.caller(),
        cameras: vec![Wanted { asked: camera.to_owned(), camera: known, wish: wished, key }],
        viewer,
        on_behalf_of: start.on_behalf_of,
        ptz: may_move(who, None)?,
        origin: start.origin,
        base: who.base.clone(),
    };
    let item = state.streams.play(request).await?.items.pop();
    match item {
        Some(Ok(grant)) => Ok((grant, poster)),
        Some(Err(refusal)) => Err(Problem::refused(&refusal, who.language)),
        None => Err(Problem::unknown("camera-unknown", "camera")),
    }
}
