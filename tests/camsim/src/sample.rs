use std::sync::Arc;

use bytes::Bytes;

/// RTP ticks in a second of every video line: RFC 6184 §8.2.1, RFC 7798 §7.1.
pub(crate) const CLOCK_RATE: u64 = 90_000;

/// One encoded picture or one frame of sound, cut into RTP payloads.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Whether decoding can begin here.
    pub(crate) key: bool,
    pub(crate) payloads: Vec<Bytes>,
}

/// A picture or frame at its place on the timeline.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) picture: Arc<Picture>,
    /// Ticks of its line since the stream's beginning of time, when it is shown.
    pub(crate) ticks: u64,
    /// Milliseconds since 1970 when it was taken, or when its first sound was heard. Of ticks and this, one follows
    /// from the other throughout a stream.
    pub(crate) captured_at_ms: i64,
}
