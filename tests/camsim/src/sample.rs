use std::sync::Arc;

use bytes::Bytes;

/// RTP ticks in a second, RFC 6184 §8.2.1.
pub(crate) const CLOCK_RATE: u64 = 90_000;

/// One encoded picture, cut into RTP payloads.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) key: bool,
    pub(crate) payloads: Vec<Bytes>,
}

/// A picture at its place on the timeline.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) picture: Arc<Picture>,
    /// 90 kHz since the stream's beginning of time.
    pub(crate) ticks: u64,
    /// Milliseconds since 1970 when it was taken.
    pub(crate) captured_at_ms: i64,
}
