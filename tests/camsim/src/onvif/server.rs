use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{
        HeaderMap, Method, Request as HttpRequest, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE},
    },
    response::{IntoResponse as _, Response},
};
use sluice_ids::Tier;
use sluice_runtime::{Clock, TaskScope};
use tokio::net::TcpListener;

use super::{
    access::{Door, Visitor},
    device, events, media, ptz,
    soap::{Answer, Fault, Request, envelope},
};
use crate::{
    auth::{self, Account, Verdict},
    camera::{CameraState, Site},
    config::{Auth, OnvifAuth},
};

/// Larger than any request of ONVIF.
const MAX_BODY: usize = 128 * 1024;
const SNAPSHOT: &[u8] = include_bytes!("../../../fixtures/ffmpeg_snapshot.jpg");

/// The HTTP side of one listener.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) site: Arc<Site>,
    pub(super) clock: Clock,
    nonce: String,
    /// Whose address this is, where each device has its own.
    owner: Option<usize>,
}

/// One operation on its way.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) server: &'a Server,
    /// The cameras of the device: more than one of a recorder.
    pub(super) channels: &'a [Arc<CameraState>],
    /// The first of them, who speaks for the device.
    pub(super) camera: &'a Arc<CameraState>,
    /// The path behind the device's part.
    pub(super) service: &'a str,
    pub(super) request: &'a Request,
}

impl<'a> Call<'a> {
    /// The profile that the operation names: a camera's tier.
    pub(super) fn profile(&self) -> Result<(&'a Arc<CameraState>, Tier), Fault> {
        let token = self.request.operation.text_of("ProfileToken").unwrap_or_default();
        media::named(self.channels, token, "profile").ok_or_else(Fault::no_profile)
    }

    /// Where the camera says that its services are.
    pub(super) fn base(&self) -> String {
        let host = self.camera.config.oddities.service_host.clone();
        let own = || self.camera.addresses.http.map(|addr| addr.to_string()).unwrap_or_default();
        base(self.camera, &host.unwrap_or_else(own))
    }

    /// Now, on the camera's own clock.
    pub(super) fn now_text(&self) -> String {
        device::iso(self.camera.clock_s(self.server.clock))
    }
}

/// The beginning of every URL of a camera at this host and port.
pub(super) fn base(camera: &CameraState, host: &str) -> String {
    if camera.addresses.own {
        format!("http://{host}/onvif")
    } else {
        format!("http://{host}/onvif/{}", camera.device.number)
    }
}

/// Answers on `listener` until the scope ends, for device number `owner` or for all of them.
pub(crate) fn spawn(
    listener: TcpListener,
    site: &Arc<Site>,
    owner: Option<usize>,
    clock: Clock,
    scope: &TaskScope,
) {
    let nonce = hex::encode(sluice_runtime::random_bytes::<16>());
    let server = Arc::new(Server { site: Arc::clone(site), clock, nonce, owner });
    let router = Router::new().fallback(handle).with_state(server);
    let shutdown = scope.shutdown();
    scope.spawn("onvif", async move {
        // Not graceful: a client that pulls messages may hold its request for a minute.
        tokio::select! { biased;
            () = shutdown.requested() => {}
            served = axum::serve(listener, router) => if let Err(error) = served {
                tracing::error!(%error, "the ONVIF port has failed");
            }
        }
    });
}

async fn handle(State(server): State<Arc<Server>>, request: HttpRequest<Body>) -> Response {
    let (head, body) = request.into_parts();
    let mut path = head.uri.path().trim_matches('/').split('/');
    if path.next() != Some("onvif") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let number = match server.owner {
        Some(owner) => Some(owner),
        None => path.next().and_then(|number| number.parse().ok()),
    };
    let channels = number.and_then(|number| server.site.device(number)).unwrap_or_default();
    let Some(camera) = channels.first() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if camera.faults.borrow().offline {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    camera.counters.onvif_requests.count();
    let rest: Vec<&str> = path.collect();
    if head.method == Method::GET {
        return server.snapshot((channels, camera), &rest, &head.headers);
    }
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    server.post((channels, camera), &rest.join("/"), &head.headers, &body).await
}

impl Server {
    async fn post(
        &self,
        (channels, camera): (&[Arc<CameraState>], &Arc<CameraState>),
        service: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Response {
        let request = std::str::from_utf8(body).ok().and_then(Request::parse);
        let visitor = Visitor {
            method: "POST",
            authorization: headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()),
            header: request.as_ref().and_then(|request| request.header.as_ref()),
        };
        let verdict = self.verdict(camera, visitor);
        let open = request.as_ref().is_some_and(|request| is_open(&request.operation.name));
        // A client that knows it will be challenged keeps its body for the second time, as curl does.
        let asks = request.is_some() || body.is_empty();
        if verdict != Verdict::Welcome && asks && !open {
            return self.refuse(camera, verdict, visitor.authorization.is_some());
        }
        let answer = match &request {
            Some(request) => dispatch(&Call { server: self, channels, camera, service, request }).await,
            None => Err(Fault::sender(&["WellFormed"], "this is no envelope")),
        };
        let status = match &answer {
            Ok(_) => StatusCode::OK,
            Err(fault) if fault.code == "Sender" => StatusCode::BAD_REQUEST,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        respond(camera, status, &answer)
    }

    fn refuse(&self, camera: &CameraState, verdict: Verdict, by_digest: bool) -> Response {
        let refused = Err(Fault::sender(&["NotAuthorized"], "sender not authorized"));
        if verdict == Verdict::Wrong {
            camera.counters.auth_failures.count();
        }
        // A client that brought no token may try HTTP Digest.
        let digest = verdict == Verdict::Asked || by_digest;
        if camera.config.onvif_auth == OnvifAuth::WsSecurity || !digest {
            return respond(camera, StatusCode::BAD_REQUEST, &refused);
        }
        let mut response = respond(camera, StatusCode::UNAUTHORIZED, &refused);
        self.challenge(&mut response, verdict);
        response
    }

    fn snapshot(
        &self,
        (channels, camera): (&[Arc<CameraState>], &Arc<CameraState>),
        path: &[&str],
        headers: &HeaderMap,
    ) -> Response {
        let path = format!("/{}", path.join("/"));
        let known = |camera: &Arc<CameraState>| {
            media::tiers(camera).any(|tier| media::snapshot_path(camera, tier) == path)
        };
        if !channels.iter().any(known) {
            return StatusCode::NOT_FOUND.into_response();
        }
        let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let verdict = self.verdict(camera, Visitor { method: "GET", authorization, header: None });
        if verdict == Verdict::Welcome {
            return ([(CONTENT_TYPE, "image/jpeg")], SNAPSHOT).into_response();
        }
        if verdict == Verdict::Wrong {
            camera.counters.auth_failures.count();
        }
        let mut response = StatusCode::UNAUTHORIZED.into_response();
        self.challenge(&mut response, verdict);
        response
    }

    fn verdict(&self, camera: &CameraState, visitor: Visitor<'_>) -> Verdict {
        if camera.config.auth == Auth::None {
            return Verdict::Welcome;
        }
        let password = camera.password();
        let account = Account { user: &camera.config.user, password: &password };
        // A snapshot has no envelope to put a token in.
        let accepts = if visitor.method == "GET" { OnvifAuth::Digest } else { camera.config.onvif_auth };
        Door { account, accepts, nonce: &self.nonce, now_s: camera.clock_s(self.clock) }.weigh(visitor)
    }

    fn challenge(&self, response: &mut Response, verdict: Verdict) {
        let challenge = auth::challenge(Auth::Digest, &self.nonce, verdict == Verdict::Stale);
        if let Ok(value) = format!("{challenge}, qop=\"auth\"").parse() {
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
    }
}

fn respond(camera: &CameraState, status: StatusCode, answer: &Answer) -> Response {
    let kind = "application/soap+xml; charset=utf-8";
    (status, [(CONTENT_TYPE, kind)], envelope(answer, camera.config.oddities.namespaces)).into_response()
}

/// ONVIF core specification, §5.9.4.3: what a camera tells before it knows its client.
fn is_open(operation: &str) -> bool {
    const OPEN: [&str; 6] = [
        "GetSystemDateAndTime",
        "GetServices",
        "GetServiceCapabilities",
        "GetCapabilities",
        "GetHostname",
        "GetWsdlUrl",
    ];
    OPEN.contains(&operation)
}

async fn dispatch(call: &Call<'_>) -> Answer {
    match call.service {
        "device_service" => device::answer(call),
        "media_service" => media::answer(call, media::Version::Media1),
        "media2_service" if call.camera.config.oddities.media2 => media::answer(call, media::Version::Media2),
        "ptz_service" => ptz::answer(call),
        "event_service" => events::answer(call).await,
        path => match path.strip_prefix("subscription/").and_then(|number| number.parse().ok()) {
            Some(number) => events::answer_subscriber(call, number).await,
            None => Err(Fault::not_supported(path)),
        },
    }
}
