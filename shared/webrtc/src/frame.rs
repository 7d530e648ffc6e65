use std::sync::Arc;

/// One picture of a feed, prepared once for all its viewers.
#[derive(Debug, Clone)]
pub struct Frame {
    /// RTP time of the feed in 90 kHz ticks, unrolled.
    pub timestamp: i64,
    /// Whether decoding can begin here. Parameter sets stand in `payloads` already.
    pub key: bool,
    /// RTP payloads of RFC 6184 in order, without RTP headers, each at most 1,200 bytes.
    pub payloads: Vec<Arc<[u8]>>,
    /// When the camera's picture reached the edge, in this node's clock, in milliseconds since 1970.
    pub captured_at_ms: i64,
    /// Sum of the payloads' lengths in bytes.
    pub size: usize,
}

/// One tier of one camera, as the caller numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedId(pub u64);

/// One viewer, as the caller numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey(pub u64);
