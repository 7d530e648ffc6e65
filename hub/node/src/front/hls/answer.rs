use std::{convert::Infallible, sync::LazyLock};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use sluice_hls::Settings;

use super::range::{Asked, cut};
use crate::hls::{Media, Page};

/// How long an answer may be given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is of this moment.
    Never,
    /// Pollers of the same second may share it.
    Second,
    /// It never changes under its URL.
    Always,
}

impl Kept {
    fn header(self) -> HeaderValue {
        // Six target durations, as Apple's low-latency server profile asks for what does not change: by then it
        // has left the window.
        static ALWAYS: LazyLock<HeaderValue> = LazyLock::new(|| {
            let seconds = 6 * Settings::default().target_duration;
            HeaderValue::try_from(format!("max-age={seconds}, immutable"))
                .unwrap_or(HeaderValue::from_static("max-age=60"))
        });
        match self {
            Self::Never => HeaderValue::from_static("no-cache"),
            Self::Second => HeaderValue::from_static("max-age=1"),
            Self::Always => ALWAYS.clone(),
        }
    }
}

/// A playlist, compressed where the viewer takes it.
pub(super) fn playlist(asked: &HeaderMap, page: &Page, kept: Kept) -> Response {
    let gzip = takes_gzip(asked);
    let mut response = Response::new(Body::from(if gzip { page.gzip() } else { page.plain() }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PLAYLIST);
    headers.insert(header::CACHE_CONTROL, kept.header());
    headers.insert(header::VARY, HeaderValue::from_static("origin, accept-encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// The multivariant playlist, which holds a session's secret.
pub(super) fn multivariant(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PLAYLIST);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An initialisation section, a part or a segment, or the range of it that is asked for; with the bytes it has.
pub(super) fn media(asked: &HeaderMap, media: Media, pieces: &[Bytes]) -> (Response, u64) {
    let size: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
    let (status, range, pieces) = match Asked::of(asked, size) {
        Asked::Whole => (StatusCode::OK, None, pieces.to_vec()),
        Asked::Some(range) => {
            let text = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            (StatusCode::PARTIAL_CONTENT, Some(text), cut(pieces, &range))
        }
        Asked::Unsatisfiable => {
            (StatusCode::RANGE_NOT_SATISFIABLE, Some(format!("bytes */{size}")), Vec::new())
        }
    };
    let size = pieces.iter().map(|piece| piece.len() as u64).sum();
    let mut response = Response::new(body(pieces));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = match media {
        Media::Video => HeaderValue::from_static("video/mp4"),
        Media::Audio => HeaderValue::from_static("audio/mp4"),
    };
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    headers.insert(header::CACHE_CONTROL, Kept::Always.header());
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(range) = range.and_then(|range| HeaderValue::try_from(range).ok()) {
        headers.insert(header::CONTENT_RANGE, range);
    }
    (response, size)
}

/// The pieces one behind the other; none is copied.
pub(super) fn body(mut pieces: Vec<Bytes>) -> Body {
    if pieces.len() > 1 {
        let pieces = pieces.into_iter().map(Ok::<_, Infallible>);
        return Body::from_stream(futures_util::stream::iter(pieces));
    }
    pieces.pop().map_or_else(Body::empty, Body::from)
}

/// Every player that compresses at all names gzip, and none gives it a weight of zero but to refuse it.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let accepts = |encoding: &str| {
        let mut parts = encoding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
            && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    };
    asked
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|encodings| encodings.split(',').any(accepts))
}

const PLAYLIST: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_given_to_those_who_take_it() {
        let takes = |value: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        assert!(takes("gzip, deflate, br") && takes("br;q=1.0, GZIP;q=0.8"));
        assert!(
            !takes("br") && !takes("identity, gzip;q=0") && !takes("xgzip") && !takes_gzip(&HeaderMap::new())
        );
    }
}
