use std::{fmt::Write as _, sync::Arc};

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use sluice_hls::Flavour;

use super::answer;
use crate::hls::{Head, Media, Seat};

/// A start in one answer: the multivariant playlist and what a player asks for after it, one behind the other. Each of
/// these questions costs a round trip, and twenty parts cost a browser tens of milliseconds even at no distance.
///
/// ```text
/// 431 index.m3u8                                   bytes and address of each, one a line
/// 1822 /hls/s/{secret}/{camera}/{tier}/{run}/video.m3u8
/// 24310 /hls/s/{secret}/{camera}/{tier}/{run}/v7.0.m4s
///                                                  an empty line, then the bytes in the same order
/// ```
///
/// RFC 8216 knows nothing of it: only players that name [`TYPE`] in `Accept` are given one.
#[derive(Debug)]
pub(super) struct Bundle {
    contents: String,
    pieces: Vec<Bytes>,
    /// Bytes of parts and initialisation sections.
    pub(super) media: u64,
}

/// The media type of a [`Bundle`].
pub(super) const TYPE: &str = "application/vnd.sluice.hls-start";

/// Whether a player understands a [`Bundle`].
pub(super) fn is_wanted(asked: &HeaderMap) -> bool {
    let accepted = asked.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| range.trim() == TYPE)
}

impl Bundle {
    /// Begins with the playlist that was asked for.
    pub(super) fn new(index: String) -> Self {
        let mut bundle = Self { contents: String::new(), pieces: Vec::new(), media: 0 };
        bundle.add("index.m3u8", index.into());
        bundle
    }

    /// Adds what lies there now of the renditions that `head` has, under `root`.
    pub(super) fn begin(&mut self, seat: &Seat, head: &Arc<Head>, with_audio: bool, root: &str) {
        let wanted = |media: &Media| head.has(*media) && (with_audio || *media == Media::Video);
        let laid = [Media::Video, Media::Audio].into_iter().filter(wanted);
        let laid: Vec<_> = laid.map(|media| (media, seat.shelf.laid(media))).collect();
        if seat.shelf.head().run != head.run {
            // What lies there may be of another run, whose names mean something else.
            return;
        }
        for (media, laid) in &laid {
            if let Some(page) = laid.page(Flavour::LowLatency) {
                self.add(&format!("{root}{}", media.playlist()), page.plain());
            }
        }
        // Sound first: it is little, and players begin with neither before they have both.
        for (media, laid) in laid.iter().rev() {
            for (name, bytes) in laid.beginning(*media) {
                self.media += bytes.len() as u64;
                self.add(&format!("{root}{name}"), bytes);
            }
        }
    }

    fn add(&mut self, address: &str, bytes: Bytes) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.contents, "{} {address}", bytes.len());
        self.pieces.push(bytes);
    }

    /// Nothing is copied but the contents. It holds a session's secret.
    pub(super) fn answer(mut self) -> Response {
        self.contents.push('\n');
        let mut pieces = vec![Bytes::from(self.contents)];
        pieces.append(&mut self.pieces);
        let size: usize = pieces.iter().map(Bytes::len).sum();
        let mut response = Response::new(answer::body(pieces));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(TYPE));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.append(header::VARY, HeaderValue::from_static("accept"));
        response
    }
}
