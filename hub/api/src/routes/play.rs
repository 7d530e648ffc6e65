use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use sluice_hub_streams::{
    Decision, Grant, Language, PlayRequest, Refusal, Ticket, Wanted,
    decide::{self, Http, LatencyClass, Protocol, ProtocolWish, Tile, Udp, Viewer, Wish},
};
use sluice_ids::{CameraId, Tier};
use utoipa::ToSchema;

use crate::{
    auth::{Right, Who, signed::ViewerClaims},
    body::Body,
    problem::Problem,
    standing,
    state::ApiState,
    validate::Faults,
};

/// What is to be played.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Play {
    /// 1 to 100 cameras.
    cameras: Vec<PlayCamera>,
    #[serde(default)]
    viewer: PlayViewer,
    /// Whether the viewer may move these cameras over the connection that shows them by WebRTC (the data channel
    /// `sluice-control`). `true` needs the right to move them. If absent: for a person who is logged in, what the role
    /// allows; for an API token, no.
    ptz: Option<bool>,
    /// The wall they are shown on, for policies.
    wall: Option<String>,
    /// An opaque id of the operator, for the audit.
    on_behalf_of: Option<String>,
    /// The origin of the page that will play; binds the viewer token to it.
    origin: Option<String>,
}

/// One camera and how it is wanted.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PlayCamera {
    id: String,
    /// The tile's size in device pixels; the tier follows from it.
    tile: Option<TileSize>,
    /// `interactive` (the default), `near_live` or `broadcast`.
    latency_class: Option<String>,
    /// `auto` (the default), `webrtc`, `ll-hls` or `hls`.
    protocol: Option<String>,
    /// `auto` (the default), `main`, `sub` or `third`.
    tier: Option<String>,
}

/// How a camera is wanted, in the request's own words.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlayWish {
    pub(crate) tile: Option<TileSize>,
    pub(crate) latency_class: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) tier: Option<String>,
}

/// A size in device pixels.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
pub(crate) struct TileSize {
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// What the viewer's program can do, and what it knows of its network.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
pub(crate) struct PlayViewer {
    /// Codecs it decodes: `h264`, `h265`, `opus`, `pcmu`, `pcma`, `aac`, `flac` (G.711 comes so by HLS; taken for
    /// granted where it is not named). The bare name says everywhere; `webrtc:h265` or `mse:h264` say only there (`mse` stands for HLS however it is played). Absent or empty if it
    /// does not say: then H.264 everywhere. Names that are not known say nothing.
    #[serde(default)]
    pub(crate) codecs: Vec<String>,
    /// What it knows of its network.
    #[serde(default)]
    pub(crate) network: PlayNetwork,
    /// Whether sound is wanted: a codec that WebRTC does not carry then speaks for LL-HLS.
    #[serde(default)]
    pub(crate) audio: bool,
}

/// What a viewer's program knows of its network.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
pub(crate) struct PlayNetwork {
    /// `open`, `blocked` (WebRTC was tried and did not get through) or `unknown` (the default).
    pub(crate) udp: Option<String>,
    /// The HTTP between it and this hub: `h1`, `h2`, `h3` or `unknown` (the default). Over `h1` at most 4 sessions of
    /// one caller and origin may come to LL-HLS.
    pub(crate) http: Option<String>,
}

/// What came of a play request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlayAnswer {
    correlation_id: String,
    /// Opens these sessions' events, renewal, changes and beacons, nothing else. Absent if nothing is played.
    #[serde(skip_serializing_if = "Option::is_none")]
    viewer_token: Option<String>,
    /// One for each camera, in the request's order.
    items: Vec<PlayItem>,
}

/// What came of one camera: `problem`, or everything else.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlayItem {
    pub(crate) camera_id: String,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// A grant or a problem.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Granted(Box<Granted>),
    Refused { problem: Problem },
}

/// How a camera is played, and what opens it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Granted {
    session_id: String,
    /// `webrtc`, `ll-hls` or `hls`.
    protocol: &'static str,
    tier: &'static str,
    /// The media node.
    node: String,
    /// `wan`, `lan` or `relay`.
    path: &'static str,
    /// For WHEP, the offer is POSTed here with the token as Bearer. For HLS this is the multivariant playlist, fetched
    /// as it is: the token is part of it.
    url: String,
    token: String,
    /// Milliseconds since 1970: from then on the token opens nothing. A running session goes on.
    expires_at: i64,
    ice_servers: Vec<IceServer>,
    /// Other ways into the same session, in the order to try; only what would play. Empty where the request or the
    /// camera's configuration names the protocol. After `expires_at`, `POST /sessions/renew` gives them anew.
    fallbacks: Vec<Fallback>,
    /// Where the camera's last picture is, for a moment before it moves: fetched with the credential of this request, or
    /// with the viewer token. `null` where there is none, and when a session is renewed.
    poster_url: Option<String>,
    picture: PictureNow,
    why: Vec<Because>,
}

/// A STUN or TURN server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IceServer {
    urls: Vec<String>,
    username: Option<String>,
    credential: Option<String>,
}

/// Another way to the same picture, of the same session, with a token of its own.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Fallback {
    /// `webrtc`, `ll-hls` or `hls`.
    protocol: &'static str,
    /// As the `url` beside it.
    url: String,
    token: String,
}

/// What there is to see at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PictureNow {
    /// `live`, `ready`, `opening` or `resting`.
    state: &'static str,
    /// What is wrong, if something is.
    reason: Option<Told>,
    /// Milliseconds since 1970 at which the newest known picture was taken.
    captured_at: Option<i64>,
}

/// A code with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Told {
    pub(crate) code: String,
    pub(crate) text: String,
}

/// One reason of a decision; the codes are a closed list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Because {
    code: &'static str,
    text: &'static str,
}

/// Asks to watch 1 to 100 cameras. One transaction: decided together, recorded together; a camera that cannot be
/// played has its `problem` in its place. The node opens the feeds while this is being answered.
#[utoipa::path(post, path = "/play", tag = "play", request_body = Play, responses(
    (status = 200, body = PlayAnswer), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn play(
    State(state): State<ApiState>,
    who: Who,
    Body(asked): Body<Play>,
) -> Result<Json<PlayAnswer>, Problem> {
    who.needs(Right::Play)?;
    let ptz = may_move(&who, asked.ptz)?;
    let (wishes, viewer) = check(&asked)?;
    let ids = asked.cameras.iter().map(|camera| camera.id.clone()).collect();
    let known = standing::playable(&state, who.tenant(), ids).await?;
    let posters: Vec<Option<String>> =
        known.iter().map(|camera| poster_url(&who, camera.as_ref()?)).collect();
    let wanted = known.into_iter().zip(&asked.cameras).zip(wishes);
    let cameras =
        wanted.map(|((camera, asked), wish)| Wanted { asked: asked.id.clone(), camera, wish, key: None });
    let request = PlayRequest {
        caller: who.caller(),
        cameras: cameras.collect(),
        viewer,
        on_behalf_of: asked.on_behalf_of.clone(),
        ptz,
        origin: asked.origin.clone(),
        base: who.base.clone(),
    };
    let answer = state.streams.play(request).await?;
    let granted = answer.items.iter().any(Result::is_ok);
    let items = asked.cameras.into_iter().zip(answer.items).zip(posters).map(|((asked, item), poster)| {
        PlayItem { camera_id: asked.id, outcome: outcome(item, who.language, poster) }
    });
    Ok(Json(PlayAnswer {
        viewer_token: granted.then(|| viewer_token(&state, &who, &answer.correlation, asked.origin)),
        items: items.collect(),
        correlation_id: answer.correlation,
    }))
}

/// Whether sessions that are asked for so may move their cameras. A program asks for others, who may not all that it may.
pub(crate) fn may_move(who: &Who, asked: Option<bool>) -> Result<bool, Problem> {
    match asked {
        Some(true) => who.needs(Right::Ptz).map(|_| true),
        Some(false) => Ok(false),
        None => Ok(who.user().is_some() && who.may(Right::Ptz)),
    }
}

fn check(asked: &Play) -> Result<(Vec<Wish>, Viewer), Problem> {
    let mut faults = Faults::default();
    if !(1..=MOST_CAMERAS).contains(&asked.cameras.len()) {
        faults.add("cameras", "out-of-range", format!("one call plays 1 to {MOST_CAMERAS} cameras"));
    }
    for (field, text) in
        [("on_behalf_of", &asked.on_behalf_of), ("wall", &asked.wall), ("origin", &asked.origin)]
    {
        if text.as_ref().is_some_and(|text| text.len() > 255) {
            faults.add(field, "too-long", "at most 255 characters");
        }
    }
    let wishes = asked.cameras.iter().enumerate();
    let wishes = wishes.map(|(at, camera)| {
        let path = format!("cameras[{at}]");
        let _: Option<CameraId> = faults.id(&format!("{path}.id"), &camera.id);
        let asked = PlayWish {
            tile: camera.tile,
            latency_class: camera.latency_class.clone(),
            protocol: camera.protocol.clone(),
            tier: camera.tier.clone(),
        };
        wish(&asked, &path, &mut faults)
    });
    let wishes = wishes.collect();
    let viewer = viewer(&asked.viewer, "viewer", &mut faults);
    faults.finish()?;
    Ok((wishes, viewer))
}

/// The wish in a request; what cannot be read is a fault at `path`.
pub(crate) fn wish(asked: &PlayWish, path: &str, faults: &mut Faults) -> Wish {
    let at = |field: &str| if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
    let tile = asked.tile.map(|tile| {
        let pixels = |side: f64, field: &str, faults: &mut Faults| {
            if !side.is_finite() || !(0.0..=MOST_PIXELS).contains(&side) {
                faults.add(at(field), "out-of-range", "a side has 0 to 16384 device pixels");
            }
            side.round().clamp(0.0, MOST_PIXELS) as u32
        };
        Tile {
            width: pixels(tile.width, "tile.width", faults),
            height: pixels(tile.height, "tile.height", faults),
        }
    });
    let latency_class = match asked.latency_class.as_deref() {
        None | Some("interactive") => LatencyClass::Interactive,
        Some("near_live") => LatencyClass::NearLive,
        Some("broadcast") => LatencyClass::Broadcast,
        Some(_) => {
            faults.add(at("latency_class"), "invalid", "one of interactive, near_live, broadcast");
            LatencyClass::Interactive
        }
    };
    let protocol = match asked.protocol.as_deref() {
        None | Some("auto") => ProtocolWish::Auto,
        Some(word) => Protocol::named(word).map(ProtocolWish::Only).unwrap_or_else(|| {
            faults.add(at("protocol"), "invalid", "one of auto, webrtc, ll-hls, hls");
            ProtocolWish::Auto
        }),
    };
    let tier = asked.tier.as_deref().filter(|word| *word != "auto").and_then(|word| {
        let tier = word.parse::<Tier>().ok();
        if tier.is_none() {
            faults.add(at("tier"), "invalid", "one of auto, main, sub, third");
        }
        tier
    });
    Wish { tile, latency_class, protocol, tier }
}

/// What the viewer in a request can do; what cannot be read is a fault at `path`.
pub(crate) fn viewer(asked: &PlayViewer, path: &str, faults: &mut Faults) -> Viewer {
    if asked.codecs.len() > MOST_CODECS {
        faults.add(format!("{path}.codecs"), "out-of-range", format!("at most {MOST_CODECS} codecs"));
    }
    let udp = match asked.network.udp.as_deref() {
        Some("open") => Udp::Open,
        Some("blocked") => Udp::Blocked,
        None | Some("unknown") => Udp::Unknown,
        Some(_) => {
            faults.add(format!("{path}.network.udp"), "invalid", "one of open, blocked, unknown");
            Udp::Unknown
        }
    };
    let http = match asked.network.http.as_deref() {
        Some("h1") => Http::H1,
        Some("h2") => Http::H2,
        Some("h3") => Http::H3,
        None | Some("unknown") => Http::Unknown,
        Some(_) => {
            faults.add(format!("{path}.network.http"), "invalid", "one of h1, h2, h3, unknown");
            Http::Unknown
        }
    };
    let codecs = asked.codecs.iter().take(MOST_CODECS).map(|codec| codec.trim().to_ascii_lowercase());
    Viewer { codecs: codecs.collect(), udp, http, audio: asked.audio }
}

/// The viewer token of a play request: it ends when the sessions do.
pub(crate) fn viewer_token(state: &ApiState, who: &Who, correlation: &str, origin: Option<String>) -> String {
    state.seals.seal(&ViewerClaims {
        tenant: who.tenant(),
        correlation: correlation.to_owned(),
        credential: who.credential(),
        origin: origin.unwrap_or_default(),
        expires_s: state.now_s() + VIEWER_TOKEN_S,
    })
}

/// Where the last picture of a camera is, if its device can be asked for one.
pub(crate) fn poster_url(who: &Who, camera: &decide::Camera) -> Option<String> {
    let there = camera.enabled && camera.device_online && !camera.by_node;
    there.then(|| format!("{}/api/v1/cameras/{}/poster", who.base, camera.id))
}

fn outcome(item: Result<Grant, Refusal>, language: Language, poster_url: Option<String>) -> Outcome {
    match item {
        Ok(grant) => Outcome::Granted(Box::new(granted(grant, language).with_poster(poster_url))),
        Err(refusal) => Outcome::Refused { problem: Problem::refused(&refusal, language) },
    }
}

pub(crate) fn granted(grant: Grant, language: Language) -> Granted {
    let Grant { session, decision, ticket, fallbacks, picture } = grant;
    let fallback = |(protocol, ticket): (Protocol, Ticket)| Fallback {
        protocol: protocol.as_str(),
        url: ticket.url,
        token: ticket.token,
    };
    Granted {
        session_id: session.to_string(),
        protocol: decision.protocol.as_str(),
        tier: decision.tier.as_str(),
        node: decision.node.to_string(),
        path: decision.path.as_str(),
        url: ticket.url,
        token: ticket.token,
        expires_at: ticket.expires_at.0,
        ice_servers: Vec::new(),
        fallbacks: fallbacks.into_iter().map(fallback).collect(),
        poster_url: None,
        picture: PictureNow {
            state: picture.state,
            reason: picture.reason.map(|(code, text)| Told { code, text }),
            captured_at: picture.captured_at.map(|at| at.0),
        },
        why: because(&decision, language),
    }
}

impl Granted {
    pub(crate) fn with_poster(self, poster_url: Option<String>) -> Self {
        Self { poster_url, ..self }
    }
}

pub(crate) fn because(decision: &Decision, language: Language) -> Vec<Because> {
    decision.why.iter().map(|why| Because { code: why.code(), text: why.text(language) }).collect()
}

/// One wall of a control room.
pub(crate) const MOST_CAMERAS: usize = 100;
const MOST_PIXELS: f64 = 16_384.0;
/// Each codec of ours at each place is 18; the rest is room for names of others.
const MOST_CODECS: usize = 64;
/// As long as a session may live.
const VIEWER_TOKEN_S: i64 = 24 * 3_600;
