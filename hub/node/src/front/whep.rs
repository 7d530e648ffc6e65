use std::sync::Arc;

use axum::{
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection, StringRejection},
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use sluice_webrtc::{OfferError, TrickleError};

use super::{
    Front,
    problem::Problem,
    token::{self, feed, verify},
};
use crate::relay::Admission;

/// A token that a redirect put into the URL: standard players drop `Authorization` when they follow one.
#[derive(Debug, Deserialize)]
pub(super) struct InUrl {
    token: Option<String>,
}

/// `POST /whep/{camera}/{tier}`: an SDP offer in, 201 with the answer out.
pub(super) async fn open(
    State(front): State<Arc<Front>>,
    path: Result<Path<(String, String)>, PathRejection>,
    in_url: Result<Query<InUrl>, QueryRejection>,
    headers: HeaderMap,
    offer: Result<String, StringRejection>,
) -> Result<Response, Problem> {
    let (Path((camera, tier)), Query(in_url)) = (path?, in_url?);
    let feed = feed(&camera, &tier)?;
    require_type(&headers, "application/sdp")?;
    let claims = verify(&front, &headers, in_url.token, feed, &["webrtc"])?;
    let offer = offer?;
    let admission = Admission { session: claims.session, feed, token_id: claims.jti, ptz: claims.ptz };
    let admitted = front.relay.admit(admission).await.map_err(token::refused)?;
    match front.engine.open(admitted.key, admitted.feed, offer).await {
        Ok(answer) => created(&admitted.secret, &answer.ufrag, answer.sdp),
        Err(error) => {
            front.relay.withdraw(admitted.key).await;
            Err(offer_problem(&error))
        }
    }
}

/// `OPTIONS`: what the endpoint takes.
pub(super) async fn describe() -> Response {
    let headers = [
        (header::ALLOW, "POST, PATCH, DELETE, OPTIONS"),
        (header::ACCEPT, "application/sdp"),
        (header::HeaderName::from_static("accept-post"), "application/sdp"),
        (header::HeaderName::from_static("accept-patch"), "application/trickle-ice-sdpfrag"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// `PATCH /whep/r/{secret}`: more candidates of the viewer (RFC 8840).
pub(super) async fn trickle(
    State(front): State<Arc<Front>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    fragment: Result<String, StringRejection>,
) -> Result<StatusCode, Problem> {
    let Path(secret) = path?;
    require_type(&headers, "application/trickle-ice-sdpfrag")?;
    let key = front.relay.find(&secret).await.ok_or_else(no_session)?;
    match front.engine.trickle(key, fragment?).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error @ TrickleError::Malformed { .. }) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "fragment-malformed", error))
        }
        Err(_) => Err(no_session()),
    }
}

/// `DELETE /whep/r/{secret}`: the viewer leaves. One that left already, or was ended, is told the same for a while:
/// its goodbye and our end may cross.
pub(super) async fn close(
    State(front): State<Arc<Front>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(secret) = path?;
    if front.relay.close(&secret).await { Ok(StatusCode::OK) } else { Err(no_session()) }
}

fn require_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = given.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let detail = format!("the body must be {wanted}");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail))
}

fn offer_problem(error: &OfferError) -> Problem {
    match error {
        OfferError::Malformed { .. } => Problem::new(StatusCode::BAD_REQUEST, "offer-malformed", error),
        OfferError::NoVideo | OfferError::CodecUnsupported { .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "codec-unsupported", error)
        }
        _ => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "engine-refused", error),
    }
}

fn no_session() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "session-unknown", "no session has this address; it may have ended")
}

fn created(secret: &str, ufrag: &str, sdp: String) -> Result<Response, Problem> {
    let location = HeaderValue::try_from(format!("/whep/r/{secret}"));
    let etag = HeaderValue::try_from(format!("\"{ufrag}\""));
    let (Ok(location), Ok(etag)) = (location, etag) else {
        return Err(Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the answer has no header form",
        ));
    };
    let mut response = (StatusCode::CREATED, sdp).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/sdp"));
    headers.insert(header::LOCATION, location);
    headers.insert(header::ETAG, etag);
    headers.insert(
        header::HeaderName::from_static("accept-patch"),
        HeaderValue::from_static("application/trickle-ice-sdpfrag"),
    );
    Ok(response)
}
