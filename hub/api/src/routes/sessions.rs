use std::collections::HashMap;

use axum::{
    Json,
    extract::{FromRequestParts as _, Path, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sluice_hub_streams::{
    Ending, Hints, Importance, Qoe, Reach, SessionView, StreamsError,
    decide::{Camera, Protocol, Tile},
};
use sluice_ids::SessionId;
use utoipa::ToSchema;

use crate::{
    audit::audit,
    auth::{CSRF_HEADER, Right, Who},
    body::{Body, LooseBody},
    page::{Asked, ListQuery, Page},
    problem::Problem,
    routes::play::{Granted, TileSize, granted},
    standing,
    state::ApiState,
    validate::Faults,
};

/// Sessions by their ids.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SessionIds {
    /// 1 to 100 ids.
    session_ids: Vec<String>,
    /// Another protocol for some of them, by session id: `webrtc`, `ll-hls` or `hls`, one of those the session was
    /// granted with (its `protocol` and its `fallbacks`). A session that is not named here keeps its own.
    #[serde(default)]
    protocols: HashMap<String, String>,
}

/// Sessions to be closed. `sendBeacon` cannot send headers, so what they would carry may stand in the body.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct CloseSessions {
    /// 1 to 100 ids.
    #[serde(default)]
    session_ids: Vec<String>,
    /// Instead of the `Authorization` header.
    viewer_token: Option<String>,
    /// Instead of the `x-sluice-csrf` header.
    csrf: Option<String>,
}

/// What came of each session, in the request's order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionItems {
    items: Vec<SessionItem>,
}

/// A fresh grant, nothing but the id, or a problem.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum SessionItem {
    Granted(Box<Granted>),
    Done { session_id: String },
    Problem { session_id: String, problem: Problem },
}

/// What players tell of their tiles.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchSessions {
    /// 1 to 100 of them.
    sessions: Vec<PatchSession>,
}

/// What a player tells of one tile; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchSession {
    id: String,
    tile: Option<TileSize>,
    /// Whether it has the operator's attention: then it gets the largest picture that it plays.
    focus: Option<bool>,
    /// How many times its picture is enlarged beyond the tile, 1 to 16.
    zoom: Option<f64>,
    /// Whether it is on the screen.
    visible: Option<bool>,
    /// `low`, `normal` or `high`.
    importance: Option<String>,
    decode: Option<Decode>,
}

/// How decoding goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decode {
    /// Pictures a second.
    fps: Option<f64>,
    /// Pictures dropped since the player began.
    dropped: Option<u64>,
}

/// What a player measured.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Beacon {
    /// From the click to the first picture.
    startup_time_ms: Option<u32>,
    rebuffer_count: Option<u32>,
    rebuffer_ms: Option<u32>,
    /// Age of the picture.
    latency_ms: Option<u32>,
}

/// A live session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    id: String,
    camera_id: String,
    tier: &'static str,
    /// `webrtc`, `ll-hls` or `hls`.
    protocol: &'static str,
    node: String,
    /// Who watches: the login name, the token's name, or whom a backend asked for.
    viewer: String,
    on_behalf_of: Option<String>,
    /// `granted`, `started` or `connected`.
    state: &'static str,
    /// Milliseconds since 1970.
    started_at: i64,
    correlation_id: String,
    visible: Option<bool>,
    focus: Option<bool>,
    startup_time_ms: Option<u32>,
    latency_ms: Option<u32>,
}

/// Who watches what, now. A viewer token sees its own request's sessions.
#[utoipa::path(get, path = "/sessions", tag = "sessions", params(ListQuery), responses(
    (status = 200, body = Page<Session>), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    who: Who,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Page<Session>>, Problem> {
    let reach = if who.may(Right::Read) { Reach::Tenant(who.tenant()) } else { who.own_sessions()? };
    let (limit, after) = (query.limit()?, query.after::<SessionId>()?);
    let mut views = state.streams.list(&reach).await?;
    views.retain(|view| after.is_none_or(|after| view.id > after));
    views.truncate(limit as usize + 1);
    Ok(Json(crate::page::page(views, limit, |view| view.id.to_string(), |view| session(&view))))
}

/// Fresh url, token, fallbacks and ICE credentials for live sessions, without a new decision: by the same protocol,
/// or by another that the session was granted with. A session that is over answers `session-ended` (410) in its
/// place, one that was not granted for the protocol `protocol-not-granted` (409).
#[utoipa::path(post, path = "/sessions/renew", tag = "sessions", request_body = SessionIds, responses(
    (status = 200, body = SessionItems), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn renew(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<SessionIds>,
) -> Result<Json<SessionItems>, Problem> {
    let reach = who.own_sessions()?;
    let ids = ids(&asked.session_ids)?;
    let wanted = wanted(&asked, &ids)?;
    let renewed = state.streams.renew(&reach, wanted, &who.base).await?;
    let items = ids.into_iter().zip(renewed).map(|(id, item)| match item {
        Ok(grant) => SessionItem::Granted(Box::new(granted(grant, who.language))),
        Err(error) => SessionItem::Problem { session_id: id.to_string(), problem: error.into() },
    });
    Ok(Json(SessionItems { items: items.collect() }))
}

/// Tells the hub of tiles: size, focus, zoom, whether they are seen, how much they matter, how decoding goes. The tier
/// of a session follows its tile unless the request or the camera's configuration names it: a larger one at once, a
/// smaller one after five seconds. WebRTC sessions go over to it by themselves, without a gap; `session.tier` says so,
/// and asks the player of an HLS session to renew it and go on with the address it is given then.
#[utoipa::path(patch, path = "/sessions", tag = "sessions", request_body = PatchSessions, responses(
    (status = 200, body = SessionItems), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn patch(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<PatchSessions>,
) -> Result<Json<SessionItems>, Problem> {
    let reach = who.own_sessions()?;
    let mut faults = Faults::default();
    count(asked.sessions.len(), "sessions", &mut faults);
    let told = asked.sessions.iter().enumerate().filter_map(|(at, told)| hints(told, at, &mut faults));
    let told: Vec<_> = told.collect();
    faults.finish()?;
    let ids: Vec<_> = told.iter().map(|(id, _)| *id).collect();
    let moves =
        told.iter().any(|(_, hints)| hints.tile.is_some() || hints.focus.is_some() || hints.zoom.is_some());
    let cameras = if moves { cameras_of(&state, &who, &reach, &ids).await? } else { Vec::new() };
    let noted = state.streams.hint(&reach, told, cameras).await?;
    Ok(Json(done(ids, noted)))
}

/// What is known now of the cameras of these sessions.
async fn cameras_of(
    state: &ApiState,
    who: &Who,
    reach: &Reach,
    ids: &[SessionId],
) -> Result<Vec<Camera>, Problem> {
    let mut views = state.streams.list(reach).await?;
    views.retain(|view| ids.contains(&view.id));
    let cameras = views.iter().map(|view| view.camera.to_string()).collect();
    Ok(standing::playable(state, who.tenant(), cameras).await?.into_iter().flatten().collect())
}

/// Closes sessions: the node ends them within a second. Closing one that is over is no error. Bodies of `sendBeacon`
/// are taken as they come.
#[utoipa::path(post, path = "/sessions/close", tag = "sessions", request_body = CloseSessions, responses(
    (status = 200, body = SessionItems), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn close(
    State(state): State<ApiState>,
    parts: Parts,
    LooseBody(asked): LooseBody<CloseSessions>,
) -> Result<Json<SessionItems>, Problem> {
    let who = beaconing(&state, parts, &asked).await?;
    let reach = who.own_sessions()?;
    let ids = ids(&asked.session_ids)?;
    let ended = state.streams.end(&reach, ids.clone(), Ending::Closed).await?;
    Ok(Json(done(ids, ended)))
}

/// Ends a session: one's own, or anybody's for who operates this hub.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn end(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let reach = who.endable_sessions()?;
    let id = known(&id)?;
    let others = matches!(reach, Reach::Tenant(_));
    let why = if others { Ending::Revoked } else { Ending::Closed };
    state.streams.end(&reach, vec![id], why).await?.pop().unwrap_or(Err(StreamsError::Unknown))?;
    if others {
        audit(&state, &who, "session.end", id, json!({})).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a player's measurements.
#[utoipa::path(post, path = "/sessions/{id}/qoe", tag = "sessions", params(("id" = String, Path)), request_body = Beacon,
    responses((status = 204), (status = 404, body = Problem), (status = 410, body = Problem)))]
pub(crate) async fn qoe(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
    Body(beacon): Body<Beacon>,
) -> Result<StatusCode, Problem> {
    let qoe = Qoe {
        startup_time_ms: beacon.startup_time_ms,
        rebuffer_count: beacon.rebuffer_count,
        rebuffer_ms: beacon.rebuffer_ms,
        latency_ms: beacon.latency_ms,
    };
    state.streams.measured(&who.own_sessions()?, known(&id)?, qoe).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A player reports a stall and gets a fresh way in, for the same session.
#[utoipa::path(post, path = "/sessions/{id}/reattach", tag = "sessions", params(("id" = String, Path)), responses(
    (status = 200, body = Granted), (status = 404, body = Problem), (status = 410, body = Problem)))]
pub(crate) async fn reattach(
    State(state): State<ApiState>,
    who: Who,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let renewed =
        state.streams.renew(&who.own_sessions()?, vec![(known(&id)?, None)], &who.base).await?.pop();
    let grant = renewed.unwrap_or(Err(StreamsError::Unknown))?;
    state.streams.stalled();
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(granted(grant, who.language))))
}

/// Who sends a beacon: by header as everywhere, else by what the body has in its place.
async fn beaconing(state: &ApiState, mut parts: Parts, asked: &CloseSessions) -> Result<Who, Problem> {
    let value = |text: &str| HeaderValue::try_from(text).ok();
    if let Some(token) = asked.viewer_token.as_deref().and_then(|token| value(&format!("Bearer {token}"))) {
        parts.headers.entry(header::AUTHORIZATION).or_insert(token);
    }
    if let Some(csrf) = asked.csrf.as_deref().and_then(value) {
        parts.headers.entry(CSRF_HEADER).or_insert(csrf);
    }
    Who::from_request_parts(&mut parts, state).await
}

fn ids(texts: &[String]) -> Result<Vec<SessionId>, Problem> {
    let mut faults = Faults::default();
    count(texts.len(), "session_ids", &mut faults);
    let ids =
        texts.iter().enumerate().filter_map(|(at, text)| faults.id(&format!("session_ids[{at}]"), text));
    let ids = ids.collect();
    faults.finish()?;
    Ok(ids)
}

/// Each session with the protocol it is to go on by.
fn wanted(asked: &SessionIds, ids: &[SessionId]) -> Result<Vec<(SessionId, Option<Protocol>)>, Problem> {
    let mut faults = Faults::default();
    for (id, word) in &asked.protocols {
        if !asked.session_ids.contains(id) {
            faults.add(format!("protocols.{id}"), "invalid", "names a session that session_ids does not");
        }
        if Protocol::named(word).is_none() {
            faults.add(format!("protocols.{id}"), "invalid", "one of webrtc, ll-hls, hls");
        }
    }
    faults.finish()?;
    let named = |text: &String| asked.protocols.get(text).and_then(|word| Protocol::named(word));
    Ok(ids.iter().copied().zip(asked.session_ids.iter().map(named)).collect())
}

fn count(given: usize, field: &str, faults: &mut Faults) {
    if !(1..=100).contains(&given) {
        faults.add(field, "out-of-range", "one call takes 1 to 100 sessions");
    }
}

/// The session id of a path; what is none names no session.
pub(crate) fn known(text: &str) -> Result<SessionId, Problem> {
    text.parse().map_err(|_| Problem::unknown("session-unknown", "session"))
}

fn hints(told: &PatchSession, at: usize, faults: &mut Faults) -> Option<(SessionId, Hints)> {
    let path = format!("sessions[{at}]");
    let importance = told.importance.as_deref().and_then(|word| match word {
        "low" => Some(Importance::Low),
        "normal" => Some(Importance::Normal),
        "high" => Some(Importance::High),
        _ => {
            faults.add(format!("{path}.importance"), "invalid", "one of low, normal, high");
            None
        }
    });
    let pixels = |side: f64| side.round().clamp(0.0, 16_384.0) as u32;
    let hints = Hints {
        tile: told.tile.map(|tile| Tile { width: pixels(tile.width), height: pixels(tile.height) }),
        focus: told.focus,
        zoom: told.zoom,
        visible: told.visible,
        importance,
        decoded_fps: told.decode.as_ref().and_then(|decode| decode.fps),
        dropped_frames: told.decode.as_ref().and_then(|decode| decode.dropped),
    };
    faults.id(&format!("{path}.id"), &told.id).map(|id| (id, hints))
}

fn done(ids: Vec<SessionId>, items: Vec<Result<(), StreamsError>>) -> SessionItems {
    let items = ids.into_iter().zip(items).map(|(id, item)| {
        let session_id = id.to_string();
        match item {
            Ok(()) => SessionItem::Done { session_id },
            Err(error) => SessionItem::Problem { session_id, problem: error.into() },
        }
    });
    SessionItems { items: items.collect() }
}

fn session(view: &SessionView) -> Session {
    Session {
        id: view.id.to_string(),
        camera_id: view.camera.to_string(),
        tier: view.tier.as_str(),
        protocol: view.protocol.as_str(),
        node: view.node.to_string(),
        viewer: view.label.clone(),
        on_behalf_of: view.on_behalf_of.clone(),
        state: view.phase.as_str(),
        started_at: view.granted_at.0,
        correlation_id: view.correlation.clone(),
        visible: view.hints.visible,
        focus: view.hints.focus,
        startup_time_ms: view.qoe.and_then(|qoe| qoe.startup_time_ms),
        latency_ms: view.qoe.and_then(|qoe| qoe.latency_ms),
    }
}
