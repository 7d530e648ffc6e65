use std::sync::Arc;

use rtsp_types::{
    HeaderName, Method, Request, Response, ResponseBuilder, StatusCode, Version,
    headers::{
        AUTHORIZATION, CACHE_CONTROL, CONTENT_BASE, CONTENT_TYPE, CSEQ, PUBLIC, RANGE, RTP_INFO, SERVER,
        SESSION, TRANSPORT, WWW_AUTHENTICATE,
    },
};
use sluice_ids::Tier;

use super::{
    auth::{self, Account, Verdict},
    sdp,
};
use crate::{
    camera::{CameraState, Site},
    session_budget::Place,
};

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN";

/// The RTSP side of one connection. Pure: requests come in, answers and orders come out.
///
/// ```text
/// (nothing) ──SETUP──▶ session, silent ──PLAY──▶ session, playing ──TEARDOWN──▶ (nothing)
/// ```
#[derive(Debug)]
pub(super) struct Conversation {
    site: Arc<Site>,
    chance: Chance,
    session: Option<Session>,
}

/// What the conversation cannot predict, rolled before it begins.
#[derive(Debug, Clone)]
pub(super) struct Chance {
    pub(super) nonce: String,
    pub(super) session: String,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

#[derive(Debug)]
struct Session {
    camera: Arc<CameraState>,
    tier: Tier,
    channel: u8,
    playing: bool,
    _place: Place,
}

/// What to send, what to do behind it, and whom the request was about.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Option<Response<Vec<u8>>>,
    pub(super) then: Then,
    pub(super) camera: Option<Arc<CameraState>>,
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
    pub(super) channel: u8,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

type Reply = (ResponseBuilder, Vec<u8>, Then);

impl Conversation {
    pub(super) const fn new(site: Arc<Site>, chance: Chance) -> Self {
        Self { site, chance, session: None }
    }

    /// Whether a session is set up.
    pub(super) const fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// Answers one request.
    pub(super) fn handle(&mut self, request: &Request<Vec<u8>>) -> Answer {
        let target = self.target(request);
        let camera = target.as_ref().map(|(camera, _)| Arc::clone(camera));
        if camera.as_ref().is_some_and(|camera| camera.faults.borrow().offline) {
            return Answer { response: None, then: Then::Close, camera };
        }
        let (builder, body, then) = self.reply(request, target);
        let sequence = header(request, &CSEQ).unwrap_or("0").to_owned();
        let response = builder.header(CSEQ, sequence).header(SERVER, "sluice-camsim").build(body);
        if let Some(camera) = camera.as_ref().filter(|_| refused(response.status())) {
            camera.counters.refusals.count();
        }
        Answer { response: Some(response), then, camera }
    }

    fn target(&self, request: &Request<Vec<u8>>) -> Option<(Arc<CameraState>, Tier)> {
        let named = request.request_uri().and_then(|uri| self.site.stream(uri.path()));
        named.map(|(camera, tier)| (Arc::clone(camera), tier)).or_else(|| {
            // Some clients keep alive with another URL than they play.
            let session = self.session.as_ref().filter(|_| is_upkeep(request.method()))?;
            Some((Arc::clone(&session.camera), session.tier))
        })
    }

    fn reply(&mut self, request: &Request<Vec<u8>>, target: Option<(Arc<CameraState>, Tier)>) -> Reply {
        if *request.method() == Method::Options {
            return reply(ok().header(PUBLIC, METHODS));
        }
        let Some((camera, tier)) = target else { return status(StatusCode::NotFound) };
        if let Some(asked) = self.authenticate(request, &camera) {
            return asked;
        }
        if camera.faults.borrow().unavailable && !is_upkeep(request.method()) {
            return status(StatusCode::ServiceUnavailable);
        }
        match request.method() {
            Method::Describe => describe(request, &camera, tier),
            Method::Setup => self.set_up(request, camera, tier),
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
        let challenge = auth::challenge(config.auth, nonce, verdict == Verdict::Stale);
        Some(reply(builder(StatusCode::Unauthorized).header(WWW_AUTHENTICATE, challenge)))
    }

    fn set_up(&mut self, request: &Request<Vec<u8>>, camera: Arc<CameraState>, tier: Tier) -> Reply {
        let Some(channel) = header(request, &TRANSPORT).and_then(interleaved) else {
            return status(StatusCode::UnsupportedTransport);
        };
        if self.session.is_some() {
            // One video track a session: there is nothing more to set up.
            return status(StatusCode::MethodNotValidInThisState);
        }
        let refused = camera.faults.borrow().sessions_refused;
        let Some(place) = Place::take(&camera).filter(|_| !refused) else {
            return status(StatusCode::NotEnoughBandwidth);
        };
        camera.counters.setups.count();
        self.session = Some(Session { camera, tier, channel, playing: false, _place: place });
        let transport = format!(
            "RTP/AVP/TCP;unicast;interleaved={channel}-{};ssrc={:08X}",
            channel + 1,
            self.chance.ssrc
        );
        reply(self.with_session(ok().header(TRANSPORT, transport)))
    }

    fn play(&mut self, request: &Request<Vec<u8>>) -> Reply {
        if !self.is_ours(request) {
            return status(StatusCode::SessionNotFound);
        }
        let Some(session) = &mut self.session else { return status(StatusCode::SessionNotFound) };
        if std::mem::replace(&mut session.playing, true) {
            return reply(self.with_session(ok()));
        }
        session.camera.counters.plays.count();
        let Chance { ssrc, sequence, timestamp, .. } = self.chance;
        let order = Order {
            camera: Arc::clone(&session.camera),
            tier: session.tier,
            channel: session.channel,
            ssrc,
            sequence,
            timestamp,
        };
        let url = request.request_uri().map_or("", |uri| uri.as_str()).trim_end_matches('/');
        let track = if url.ends_with("/track1") { url.to_owned() } else { format!("{url}/track1") };
        let info = format!("url={track};seq={sequence};rtptime={timestamp}");
        let builder = self.with_session(ok().header(RANGE, "npt=now-").header(RTP_INFO, info));
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
    let Some(state) = camera.tier(tier) else { return status(StatusCode::NotFound) };
    camera.counters.describes.count();
    let base = request.request_uri().map_or("", |uri| uri.as_str()).trim_end_matches('/');
    let builder = ok()
        .header(CONTENT_BASE, format!("{base}/"))
        .header(CONTENT_TYPE, "application/sdp")
        .header(CACHE_CONTROL, "no-cache");
    (builder, sdp::describe(camera, state).into_bytes(), Then::GoOn)
}

/// The first channel of the first TCP transport offered: RTP there, RTCP on the next.
/// Read by hand: clients differ in case and order, and the typed header takes one of them only.
fn interleaved(transport: &str) -> Option<u8> {
    let offer = transport.split(',').map(str::trim).find(|offer| {
        offer.split(';').next().is_some_and(|protocol| protocol.trim().eq_ignore_ascii_case("RTP/AVP/TCP"))
    })?;
    let channels = offer.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("interleaved").then_some(value.trim())
    });
    let channel = channels.map_or(Some(0), |channels| channels.split('-').next()?.parse().ok())?;
    (channel < u8::MAX).then_some(channel)
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
