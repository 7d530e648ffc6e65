use std::{
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use sluice_media::Codec;

/// One picture of a feed, prepared once for all its viewers.
#[derive(Debug, Clone)]
pub struct Frame {
    /// RTP time of the feed in 90 kHz ticks, unrolled.
    pub timestamp: i64,
    /// Whether decoding can begin here. Parameter sets stand in `payloads` already.
    pub key: bool,
    /// RTP payloads of RFC 6184 (H.264) or RFC 7798 (H.265) in order, without RTP headers, each at most 1,200 bytes.
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

/// What a feed carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedMedia {
    /// H.264 or H.265; `None` for sound alone.
    pub video: Option<Codec>,
    /// Its sound, if WebRTC can carry it.
    pub audio: Option<AudioKind>,
    /// Whether pictures come in another order than they are shown: browsers drop most of such a stream, so nobody is
    /// sent it.
    pub reordered: bool,
}

/// Sound that browsers take as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioKind {
    /// PCMU, PCMA or Opus; viewers hear nothing of others.
    pub codec: Codec,
    /// Ticks a second: 8,000 for G.711, 48,000 for Opus (RFC 7587 §4.1); viewers hear nothing of others.
    pub clock_rate: u32,
}

/// One RTP packet of sound, prepared once for all viewers of its feed.
#[derive(Debug, Clone)]
pub struct AudioPacket {
    /// RTP time of the feed's sound in ticks of its clock, unrolled.
    pub timestamp: i64,
    /// RTP payload without header, 1 to 1,200 bytes.
    pub payload: Arc<[u8]>,
    /// When it was captured, on the timeline of the pictures, in milliseconds since 1970.
    pub captured_at_ms: i64,
}

/// Hashes the caller's own numbers, which nobody outside chooses: a viewer is looked up for every frame.
pub(crate) type KeyHash = BuildHasherDefault<KeyHasher>;

#[derive(Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio of 2^64 spreads neighbours; the map takes its bits from both ends.
        let spread = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}
