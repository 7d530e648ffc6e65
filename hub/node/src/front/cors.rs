use std::{collections::HashSet, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::Front;

/// The exact origins whose pages may play from this node; never `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(pub HashSet<String>);

/// Adds the CORS headers for a known origin and answers its preflights; says nothing to any other.
pub(super) async fn apply(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let preflight = is_preflight(request.method(), request.headers());
    let asked = request.headers().get(header::ORIGIN).cloned();
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    allow(&front, asked.as_ref(), response.headers_mut(), preflight);
    response
}

/// Whether a browser asks what it may ask.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Lets a page of a known origin read an answer. Whoever calls it says `Vary: origin`, known or not.
pub(super) fn allow(front: &Front, origin: Option<&HeaderValue>, headers: &mut HeaderMap, preflight: bool) {
    let Some(origin) = origin else { return };
    if !origin.to_str().is_ok_and(|origin| front.origins.borrow().0.contains(origin)) {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    if preflight {
        let pairs = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, if-match, range"),
            (header::ACCESS_CONTROL_MAX_AGE, "7200"),
        ];
        for (name, value) in pairs {
            headers.insert(name, HeaderValue::from_static(value));
        }
    } else {
        let exposed = HeaderValue::from_static("location, link, etag, accept-patch, age, retry-after");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}
