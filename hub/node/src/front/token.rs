use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use sluice_trust::playback::{Claims, TokenError, Verifier};

use super::{Front, problem::Problem};
use crate::{feed::FeedKey, relay::AdmitError};

/// What a path names.
pub(super) fn feed(camera: &str, tier: &str) -> Result<FeedKey, Problem> {
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "camera-unknown", "no such camera or tier");
    Ok(FeedKey { camera: camera.parse().map_err(|_| unknown())?, tier: tier.parse().map_err(|_| unknown())? })
}

/// What the token of a request says, if it opens this feed by one of these protocols.
pub(super) fn verify(
    front: &Front,
    headers: &HeaderMap,
    in_url: Option<String>,
    feed: FeedKey,
    protocols: &[&str],
) -> Result<Claims, Problem> {
    let token = bearer(headers).or(in_url).ok_or_else(|| {
        Problem::token("token-missing", "send the playback token of POST /api/v1/play as a Bearer token")
    })?;
    let keys = Arc::clone(&front.keys.borrow());
    let verifier = Verifier::new(front.node, keys.iter().cloned());
    let claims = verifier.verify(&token, front.clock.unix_millis() / 1_000).map_err(|error| match error {
        TokenError::Expired => {
            Problem::token("token-expired", "the playback token has expired; ask for a new one")
        }
        other => Problem::token("token-invalid", other),
    })?;
    if (claims.camera, claims.tier) != (feed.camera, feed.tier) {
        let detail = "this playback token was issued for another camera or tier";
        return Err(Problem::new(StatusCode::FORBIDDEN, "token-for-another-camera", detail));
    }
    if !protocols.contains(&claims.protocol.as_str()) {
        let detail = format!("this playback token was issued for {}", claims.protocol);
        return Err(Problem::new(StatusCode::FORBIDDEN, "token-for-another-protocol", detail));
    }
    Ok(claims)
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim().to_owned())
}

/// Why the relay does not admit a viewer.
pub(super) fn refused(error: AdmitError) -> Problem {
    match error {
        AdmitError::Replayed => Problem::token("token-spent", error),
        AdmitError::NotServed => Problem::new(StatusCode::NOT_FOUND, "camera-unknown", error),
        AdmitError::Ended => Problem::new(StatusCode::GONE, "session-ended", error),
        AdmitError::Down => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "node-stopping", error),
    }
}
