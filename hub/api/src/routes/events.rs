use std::{
    collections::{HashSet, VecDeque},
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{FromRequestParts as _, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response, Sse, sse},
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use sluice_hub_streams::Reach;
use sluice_ids::{CameraId, TenantId};
use tokio::sync::broadcast::{self, error::RecvError};
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::{self, Principal, Right, Who, signed::EventClaims},
    cors::SeenTenant,
    events::Event,
    page::Asked,
    problem::Problem,
    state::ApiState,
};

/// How a stream of events is opened where headers cannot be sent.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// From `POST /events/token`.
    token: Option<String>,
    /// Instead of the header `Last-Event-ID`.
    last_event_id: Option<String>,
}

/// A token for the URL of an `EventSource`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventToken {
    token: String,
    /// Milliseconds since 1970: until then a stream can be opened with it.
    expires_at: i64,
}

/// Whose events a listener may hear.
#[derive(Debug, Clone)]
enum Audience {
    /// Everything of the tenant.
    Tenant(TenantId),
    /// Sessions that a credential asked for.
    Credential(TenantId, String),
    /// Sessions of one play request, and their cameras.
    Play(TenantId, String, HashSet<CameraId>),
}

/// What happens, as Server-Sent Events: `camera.state`, `camera.event` (what a camera noticed: `motion`, `tamper`,
/// `input`), `device.state`, `session.state`, `session.tier` (it shows another tier; over HLS its player is to renew it for that),
/// `session.ended`, `registry.changed`, `discoveries.changed`. Resumes after `Last-Event-ID`, or says `resync`: look at
/// the lists again. One stream serves a whole wall.
#[utoipa::path(get, path = "/events", tag = "events", params(EventsQuery), responses(
    (status = 200, content_type = "text/event-stream", body = String), (status = 401, body = Problem)))]
pub(crate) async fn listen(
    State(state): State<ApiState>,
    mut parts: Parts,
    Asked(query): Asked<EventsQuery>,
) -> Result<Response, Problem> {
    let principal = match query.token {
        Some(token) => by_url(&state, &token, &parts)?,
        None => Who::from_request_parts(&mut parts, &state).await?.principal,
    };
    let audience = audience(&state, &principal).await?;
    let header = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let stopping = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "hub-stopping", "the hub is stopping");
    let place = state.events.subscribe(header.or(query.last_event_id)).await.ok_or_else(stopping)?;
    let mut first = VecDeque::from([sse::Event::default().comment("connected").retry(RETRY)]);
    if place.resync {
        first.push_back(sse::Event::default().event("resync").data("{}"));
    }
    let look_at = state.clock.now() + HEARTBEAT;
    let (missed, live) = (place.missed.into(), place.live);
    let listener = Listener { state, principal, audience, first, missed, live, look_at };
    let events = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let mut response = Sse::new(events).into_response();
    // Proxies that collect answers before they pass them on would hold events back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// A token for the URL of an `EventSource`, which cannot send headers. It lives for a minute and opens what the caller
/// may hear.
#[utoipa::path(post, path = "/events/token", tag = "events", responses(
    (status = 200, body = EventToken), (status = 401, body = Problem)))]
pub(crate) async fn token(State(state): State<ApiState>, who: Who) -> Result<impl IntoResponse, Problem> {
    audience(&state, &who.principal).await?;
    let expires_s = state.now_s() + URL_TOKEN_S;
    let (correlation, credential, until_s, login) = match &who.principal {
        Principal::Viewer { claims } => {
            (Some(claims.correlation.clone()), claims.credential.clone(), claims.expires_s, None)
        }
        Principal::Person { session_token, .. } => {
            let login = hex::encode(auth::signed::sha256(session_token));
            (None, who.credential(), i64::MAX, Some(login))
        }
        _ => (None, who.credential(), i64::MAX, None),
    };
    let (tenant, reads_all) = (who.tenant(), who.may(Right::Read));
    let claims = EventClaims { tenant, correlation, credential, reads_all, login, until_s, expires_s };
    let answer = EventToken { token: state.seals.seal(&claims), expires_at: expires_s * 1_000 };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}

fn by_url(state: &ApiState, token: &str, parts: &Parts) -> Result<Principal, Problem> {
    let claims: Option<EventClaims> = state.seals.open(token, state.now_s());
    let expired = || Problem::unauthenticated("token-unknown", "this events token is unknown or has expired");
    let principal = Principal::Listener { claims: claims.ok_or_else(expired)? };
    if let Some(seen) = parts.extensions.get::<SeenTenant>() {
        seen.note(principal.tenant());
    }
    Ok(principal)
}

async fn audience(state: &ApiState, principal: &Principal) -> Result<Audience, Problem> {
    let tenant = principal.tenant();
    let play = |correlation: String| async move {
        let reach = Reach::Play(tenant, correlation.clone());
        let cameras = state.streams.list(&reach).await?.into_iter().map(|view| view.camera).collect();
        Ok(Audience::Play(tenant, correlation, cameras))
    };
    match principal {
        Principal::Viewer { claims } => play(claims.correlation.clone()).await,
        Principal::Listener { claims } => match &claims.correlation {
            Some(correlation) => play(correlation.clone()).await,
            None if claims.reads_all => Ok(Audience::Tenant(tenant)),
            None => Ok(Audience::Credential(tenant, claims.credential.clone())),
        },
        Principal::Person { .. } | Principal::Program { .. } if principal.may(Right::Read) => {
            Ok(Audience::Tenant(tenant))
        }
        Principal::Program { token } if principal.may(Right::Play) => {
            Ok(Audience::Credential(tenant, token.id.to_string()))
        }
        _ => Err(Problem::forbidden("this needs the scope `read` or `play`")),
    }
}

impl Audience {
    fn hears(&mut self, event: &Event) -> bool {
        match self {
            Self::Tenant(tenant) => event.tenant == *tenant,
            Self::Credential(tenant, credential) => {
                let own = event.session.as_ref().is_some_and(|(_, asked)| asked == credential);
                event.tenant == *tenant && (own || event.name == "resync")
            }
            Self::Play(tenant, correlation, cameras) => {
                let own = event.session.as_ref().is_some_and(|(asked, _)| asked == correlation);
                if own {
                    cameras.extend(event.camera);
                }
                let of_camera = ["camera.state", "camera.event"].contains(&event.name)
                    && event.camera.is_some_and(|id| cameras.contains(&id));
                event.tenant == *tenant && (own || of_camera || event.name == "resync")
            }
        }
    }
}

struct Listener {
    state: ApiState,
    principal: Principal,
    audience: Audience,
    first: VecDeque<sse::Event>,
    missed: VecDeque<Arc<Event>>,
    live: broadcast::Receiver<Arc<Event>>,
    /// When its credential is looked at again, however much is to be heard meanwhile.
    look_at: Instant,
}

impl Listener {
    /// The next thing to send; `None` when the hub stops or the credential is no longer good.
    async fn next(&mut self) -> Option<sse::Event> {
        if let Some(event) = self.first.pop_front() {
            return Some(event);
        }
        loop {
            let event = match self.missed.pop_front() {
                Some(event) => event,
                None => match self.live().await? {
                    Heard::Event(event) => event,
                    Heard::Say(said) => return Some(said),
                },
            };
            if self.audience.hears(&event) {
                return Some(sse::Event::default().id(&event.id).event(event.name).data(&event.data));
            }
        }
    }

    async fn live(&mut self) -> Option<Heard> {
        tokio::select! { biased;
            () = self.state.clock.sleep_until(Some(self.look_at)) => {
                self.look_at = self.state.clock.now() + HEARTBEAT;
                let good = auth::still_good(&self.state, &self.principal).await;
                good.then(|| Heard::Say(sse::Event::default().comment("still here")))
            }
            event = self.live.recv() => match event {
                Ok(event) => Some(Heard::Event(event)),
                Err(RecvError::Lagged(_)) => Some(Heard::Say(sse::Event::default().event("resync").data("{}"))),
                Err(RecvError::Closed) => None,
            },
        }
    }
}

enum Heard {
    Event(Arc<Event>),
    Say(sse::Event),
}

/// Proxies cut silent connections after 30 to 60 s. At each the credential is looked at again.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// When a browser tries again by itself.
const RETRY: Duration = Duration::from_secs(2);
/// A token in a URL may be seen by others: it is soon worth nothing.
const URL_TOKEN_S: i64 = 60;
