use std::{net::IpAddr, sync::Arc, time::Duration};

use rtsp_types::{
    HeaderName, Method, Request, Response, ResponseBuilder, StatusCode, Version,
    headers::{
        AUTHORIZATION, CACHE_CONTROL, CONTENT_BASE, CONTENT_TYPE, CSEQ, PUBLIC, RANGE, RTP_INFO, SERVER,
        SESSION, TRANSPORT, WWW_AUTHENTICATE,
    },
};
use sluice_ids::Tier;

use super::{
    route::{Offer, Ports, Route},
    sdp,
};
use crate::{
    auth::{self, Account, Verdict},
    camera::{CameraState, Line, Site, Target},
    packets::Beginning,
    session_budget::Place,
};

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN";

/// The RTSP side of one connection. Requests come in, answers and orders come out; pure but for the UDP ports it
/// takes while it answers.
///
/// ```text
/// (nothing) ──SETUP──▶ session, silent ──PLAY──▶ session, playing ──TEARDOWN──▶ (nothing)
/// ```
#[derive(Debug)]
pub(super) struct Conversation {
    site: Arc<Site>,
    chance: Chance,
    /// This machine's address and the client's.
    ends: Option<(IpAddr, IpAddr)>,
    session: Option<Session>,
}

/// What the conversation cannot predict, rolled before it begins.
#[derive(Debug, Clone)]
pub(super) struct Chance {
    pub(super) nonce: String,
    pub(super) session: String,
    pub(super) video: Beginning,
    pub(super) audio: Beginning,
}

#[derive(Debug)]
struct Session {
    camera: Arc<CameraState>,
    tier: Tier,
    /// In the order of their SETUPs.
    lines: Vec<Line>,
    /// Theirs, until PLAY takes them.
    routes: Vec<(Line, Route)>,
    playing: bool,
    _place: Place,
}

/// What to send, what to do behind it, and whom the request was about.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Option<Response<Vec<u8>>>,
    pub(super) then: Then,
    pub(super) camera: Option<Arc<CameraState>>,
    /// The response comes so much later.
    pub(super) delay: Duration,
}

#[derive(Debug)]
pub(super) enum Then {
    GoOn,
    Play(Order),
    StopPlaying,
    Close,
}

/// Media to send from now on.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) camera: Arc<CameraState>,
    pub(super) tier: Tier,
    pub(super) lines: Vec<LineOrder>,
}

/// One line of it.
#[derive(Debug)]
pub(super) struct LineOrder {
    pub(super) line: Line,
    pub(super) route: Route,
    pub(super) beginning: Beginning,
}

type Reply = (ResponseBuilder, Vec<u8>, Then);

impl Conversation {
    pub(super) const fn new(site: Arc<Site>, chance: Chance, ends: Option<(IpAddr, IpAddr)>) -> Self {
        Self { site, chance, ends, session: None }
    }

    /// Whether a session is set up.
    pub(super) const fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// Whether the session keeps its place behind a connection that has ended.
    pub(super) fn lingers(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.camera.config.sessions_linger)
    }

    /// Answers one request.
    pub(super) fn handle(&mut self, request: &Request<Vec<u8>>) -> Answer {
        let target = self.target(request);
        let camera = target.as_ref().map(|target| Arc::clone(&target.camera));
        if camera.as_ref().is_some_and(|camera| camera.faults.borrow().offline) {
            return Answer { response: None, then: Then::Close, camera, delay: Duration::ZERO };
        }
        let describes = camera.as_ref().filter(|_| *request.method() == Method::Describe);
        let delay = describes.map_or(Duration::ZERO, |camera| camera.config.describe_delay);
        let (builder, body, then) = self.reply(request, target);
        let sequence = header(request, &CSEQ).unwrap_or("0").to_owned();
        let response = builder.header(CSEQ, sequence).header(SERVER, "sluice-camsim").build(body);
        if let Some(camera) = camera.as_ref().filter(|_| refused(response.status())) {
            camera.counters.refusals.count();
        }
        Answer { response: Some(response), then, camera, delay }
    }

    fn target(&self, request: &Request<Vec<u8>>) -> Option<Target> {
        let named = request.request_uri().and_then(|uri| self.site.target(uri.path()));
        named.or_else(|| {
            // Some clients keep alive with another URL than they play.
            let session = self.session.as_ref().filter(|_| is_upkeep(request.method()))?;
            Some(Target { camera: Arc::clone(&session.camera), tier: session.tier, line: None })
        })
    }

    fn reply(&mut self, request: &Request<Vec<u8>>, target: Option<Target>) -> Reply {
        if *request.method() == Method::Options {
            return reply(ok().header(PUBLIC, METHODS));
        }
        let Some(target) = target else { return status(StatusCode::NotFound) };
        let camera = &target.camera;
        if let Some(asked) = self.authenticate(request, camera) {
            return asked;
        }
        let begins = matches!(request.method(), Method::Describe | Method::Setup);
        if begins && camera.faults.borrow().unauthorized {
            return self.challenge(camera, false);
        }
        if camera.faults.borrow().unavailable && !is_upkeep(request.method()) {
            return status(StatusCode::ServiceUnavailable);
        }
        match request.method() {
            Method::Describe => describe(request, camera, target.tier),
            Method::Setup => self.set_up(request, target),
            Method::Play => self.play(request),
            Method::Teardown => self.tear_down(request),
            Method::GetParameter | Method::SetParameter => match header(request, &SESSION) {
                Some(_) if !self.is_ours(request) => status(StatusCode::SessionNotFound),
                _ => reply(self.with_session(ok())),
            },
            _ => status(StatusCode::NotImplemented),
        }
    }

    fn authenticate(&self, request: &Request<Vec<u8>>, camera: &CameraState) -> Option<Reply> {
        let (config, password) = (&camera.config, camera.password());
        let account = Account { user: &config.user, password: &password };
        let method: &str = request.method().into();
        let nonce = &self.chance.nonce;
        let verdict = auth::check(config.auth, account, nonce, method, header(request, &AUTHORIZATION));
        if verdict == Verdict::Welcome {
            return None;
        }
        if verdict == Verdict::Wrong {
            camera.counters.auth_failures.count();
        }
        Some(self.challenge(camera, verdict == Verdict::Stale))
    }

    fn challenge(&self, camera: &CameraState, stale: bool) -> Reply {
        let challenge = auth::challenge(camera.config.auth, &self.chance.nonce, stale);
        reply(builder(StatusCode::Unauthorized).header(WWW_AUTHENTICATE, challenge))
    }

    fn set_up(&mut self, request: &Request<Vec<u8>>, target: Target) -> Reply {
        let Target { camera, tier, line } = target;
        // A client of few words sets the stream up, and means its pictures.
        let line = line.unwrap_or(Line::Video);
        let offer = header(request, &TRANSPORT);
        let Some(offer) = offer.and_then(|header| Offer::choose(header, camera.config.transport)) else {
            return status(StatusCode::UnsupportedTransport);
        };
        if let Some(session) = &self.session {
            let fits = Arc::ptr_eq(&session.camera, &camera) && session.tier == tier;
            if session.playing || session.lines.contains(&line) || !fits {
                return status(StatusCode::MethodNotValidInThisState);
            }
            if !self.is_ours(request) {
                return status(StatusCode::SessionNotFound);
            }
        }
        let Some(route) = self.route(offer) else { return status(StatusCode::UnsupportedTransport) };
        let transport = match &route {
            Route::Interleaved(channel) => {
                format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}", channel + 1)
            }
            Route::Udp(ports) => ports.described(),
        };
        if self.session.is_none() {
            let refused = camera.faults.borrow().sessions_refused;
            let Some(place) = Place::take(&camera).filter(|_| !refused) else {
                return status(StatusCode::NotEnoughBandwidth);
            };
            camera.counters.setups.count();
            let (lines, routes) = (Vec::new(), Vec::new());
            self.session = Some(Session { camera, tier, lines, routes, playing: false, _place: place });
        }
        if let Some(session) = &mut self.session {
            session.lines.push(line);
            session.routes.push((line, route));
        }
        let ssrc = self.beginning(line).ssrc;
        reply(self.with_session(ok().header(TRANSPORT, format!("{transport};ssrc={ssrc:08X}"))))
    }

    fn route(&self, offer: Offer) -> Option<Route> {
        match offer {
            Offer::Interleaved(channel) => {
                let lines = self.session.as_ref().map_or(0, |session| session.lines.len());
                Some(Route::Interleaved(channel.unwrap_or(2 * u8::try_from(lines).ok()?)))
            }
            Offer::Udp(rtp, rtcp) => {
                let (local, peer) = self.ends?;
                Ports::bind(local, peer, (rtp, rtcp)).ok().map(Route::Udp)
            }
        }
    }

    const fn beginning(&self, line: Line) -> Beginning {
        match line {
            Line::Video => self.chance.video,
            Line::Audio => self.chance.audio,
        }
    }

    fn play(&mut self, request: &Request<Vec<u8>>) -> Reply {
        if !self.is_ours(request) {
            return status(StatusCode::SessionNotFound);
        }
        let (video, audio) = (self.chance.video, self.chance.audio);
        let beginning = |line| if line == Line::Video { video } else { audio };
        let Some(session) = &mut self.session else { return status(StatusCode::SessionNotFound) };
        if std::mem::replace(&mut session.playing, true) {
            return reply(self.with_session(ok()));
        }
        session.camera.counters.plays.count();
        let url = request.request_uri().map_or("", |uri| uri.as_str()).trim_end_matches('/');
        let base = url.trim_end_matches("/track1").trim_end_matches("/track2");
        let info = |line: &Line| {
            let Beginning { sequence, timestamp, .. } = beginning(*line);
            format!("url={base}/{};seq={sequence};rtptime={timestamp}", line.track())
        };
        let info: Vec<String> = session.lines.iter().map(info).collect();
        let lines = std::mem::take(&mut session.routes)
            .into_iter()
            .map(|(line, route)| LineOrder { line, route, beginning: beginning(line) })
            .collect();
        let order = Order { camera: Arc::clone(&session.camera), tier: session.tier, lines };
        let builder = self.with_session(ok().header(RANGE, "npt=now-").header(RTP_INFO, info.join(",")));
        (builder, Vec::new(), Then::Play(order))
    }

    fn tear_down(&mut self, request: &Request<Vec<u8>>) -> Reply {
        if !self.is_ours(request) {
            return status(StatusCode::SessionNotFound);
        }
        if let Some(session) = self.session.take() {
            session.camera.counters.teardowns.count();
        }
        (ok(), Vec::new(), Then::StopPlaying)
    }

    fn is_ours(&self, request: &Request<Vec<u8>>) -> bool {
        let named = header(request, &SESSION).map(|named| named.split(';').next().unwrap_or("").trim());
        self.session.is_some() && named == Some(self.chance.session.as_str())
    }

    fn with_session(&self, builder: ResponseBuilder) -> ResponseBuilder {
        match &self.session {
            Some(session) => {
                let timeout = session.camera.config.session_timeout.as_secs().max(1);
                builder.header(SESSION, format!("{};timeout={timeout}", self.chance.session))
            }
            None => builder,
        }
    }
}

/// The answer to bytes that are no RTSP.
pub(super) fn bad_request() -> Response<Vec<u8>> {
    builder(StatusCode::BadRequest).header(SERVER, "sluice-camsim").build(Vec::new())
}

fn describe(request: &Request<Vec<u8>>, camera: &CameraState, tier: Tier) -> Reply {
    let Ok(description) = sdp::describe(camera, tier) else { return status(StatusCode::InternalServerError) };
    camera.counters.describes.count();
    let base = request.request_uri().map_or("", |uri| uri.as_str()).trim_end_matches('/');
    let builder = ok()
        .header(CONTENT_BASE, format!("{base}/"))
        .header(CONTENT_TYPE, "application/sdp")
        .header(CACHE_CONTROL, "no-cache");
    (builder, description.into_bytes(), Then::GoOn)
}

const fn is_upkeep(method: &Method) -> bool {
    matches!(method, Method::GetParameter | Method::SetParameter | Method::Teardown)
}

fn refused(status: StatusCode) -> bool {
    u16::from(status) >= 403
}

fn header<'a>(request: &'a Request<Vec<u8>>, name: &HeaderName) -> Option<&'a str> {
    request.header(name).map(|value| value.as_str())
}

fn builder(status: StatusCode) -> ResponseBuilder {
    Response::builder(Version::V1_0, status)
}

fn ok() -> ResponseBuilder {
    builder(StatusCode::Ok)
}

fn status(status: StatusCode) -> Reply {
    reply(builder(status))
}

fn reply(builder: ResponseBuilder) -> Reply {
    (builder, Vec::new(), Then::GoOn)
}

#[cfg(test)]
mod tests;
