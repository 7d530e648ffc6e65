use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};

use super::{address::Address, address::Wanted, children};
use crate::{front::Front, hls::Name};

/// `GET /authz`: whether the URL in `X-Original-URI` may be answered from a cache. 204 counts as a request of its
/// session; anything else is 403, without a word on why.
pub(in crate::front) async fn authorize(State(front): State<Arc<Front>>, headers: HeaderMap) -> StatusCode {
    let original = headers.get("x-original-uri").and_then(|uri| uri.to_str().ok()).unwrap_or("");
    let (path, query) =
        original.split_once('?').map_or((original, None), |(path, query)| (path, Some(query)));
    let Some(address) = Address::parse(path) else { return StatusCode::FORBIDDEN };
    let (Ok(seat), Some(name)) = (children::seat(&front, &address), Name::parse(address.name)) else {
        return StatusCode::FORBIDDEN;
    };
    if matches!(Wanted::parse(query), Ok(Some(_))) {
        seat.blocks();
    }
    children::fetched(&front, &seat, &name).await;
    StatusCode::NO_CONTENT
}
