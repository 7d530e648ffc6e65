use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use sluice_hub_node::front::Origins;
use tokio::sync::watch;

/// The built console: hashed file names, most of them with a `.gz` beside them.
#[derive(rust_embed::Embed)]
#[folder = "../console/dist"]
#[allow_missing = true]
struct Dist;

/// Serves the console. A path without a file is a view of the single page, and gets the page.
/// The player's module may be imported by pages of the tenants' origins too.
pub(crate) async fn serve(
    State(origins): State<watch::Receiver<Arc<Origins>>>,
    request: Request,
) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let shared = request.uri().path().starts_with("/player-");
    let mut response = answer(&request);
    if shared {
        let known =
            |origin: &HeaderValue| origin.to_str().is_ok_and(|origin| origins.borrow().0.contains(origin));
        response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin.filter(known) {
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
    }
    response
}

fn answer(request: &Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    let name = if path.is_empty() || (Dist::get(path).is_none() && !path.contains('.')) {
        "index.html"
    } else {
        path
    };
    let gzip = request
        .headers()
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accepted| accepted.split(',').any(|coding| coding.trim().starts_with("gzip")));
    let packed = gzip.then(|| Dist::get(&format!("{name}.gz"))).flatten();
    let encoded = packed.is_some();
    match packed.or_else(|| Dist::get(name)) {
        Some(file) => respond(name, encoded, file.data.into_owned()),
        None if name == "index.html" => not_built(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn respond(name: &str, gzip: bool, data: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(data));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    // A hashed name never changes its content; the page that names them does.
    let cache = if name == "index.html" { "no-cache" } else { "public, max-age=31536000, immutable" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "map" => "application/json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn not_built() -> Response {
    let text = "This hub was built without its console. Run `make console` and build again; the API is at /api/v1.\n";
    (StatusCode::NOT_FOUND, text).into_response()
}

/// The console talks to its own hub alone and embeds nothing.
const POLICY: &str = "default-src 'self'; connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
                      style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

#[cfg(test)]
mod tests {
    use super::*;

    async fn allowed(path: &str, origin: &'static str) -> Option<HeaderValue> {
        let (_, origins) = watch::channel(Arc::new(Origins(["https://psim.example".to_owned()].into())));
        let request =
            Request::builder().uri(path).header(header::ORIGIN, origin).body(Body::empty()).unwrap();
        serve(State(origins), request).await.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).cloned()
    }

    #[tokio::test]
    async fn the_player_is_for_known_origins_and_the_console_for_none_but_its_own() {
        let psim = "https://psim.example";
        assert_eq!(allowed("/player-0.1.0.js", psim).await.unwrap(), psim);
        assert_eq!(allowed("/player-0.1.0.js", "https://evil.example").await, None);
        assert_eq!(allowed("/index.html", psim).await, None);
    }
}
