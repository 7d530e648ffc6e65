use std::time::Duration;

use bytes::Bytes;
use sluice_media::Codec;

/// What a packager may take, and how it cuts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A part holds as many whole frames as fit into this.
    pub part_target: Duration,
    /// Segments listed, the open one included; more where they last less than three target durations.
    pub window: usize,
    /// EXT-X-TARGETDURATION in seconds; it grows only for a segment that is longer.
    pub target_duration: u32,
    /// Bytes of parts and waiting frames, all renditions together.
    pub max_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            part_target: Duration::from_millis(200),
            window: 8,
            target_duration: 12,
            max_bytes: 64 * 1024 * 1024,
        }
    }
}

/// One media line of a feed, as its SDP describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Its number in the feed; [`crate::Packager::push`] names it.
    pub line: usize,
    /// What it carries.
    pub codec: Codec,
    /// Ticks per second of its timestamps.
    pub clock_rate: u32,
    /// The `fmtp` parameters, empty where there are none.
    pub fmtp: String,
}

/// A playlist of its own: pictures or sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rendition {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// For which players a playlist is written. Parts and segments are the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// With parts, hints and blocking reload (RFC 8216bis).
    LowLatency,
    /// Whole segments only, from the third on: some players refuse fewer.
    Standard,
}

/// A place in a playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Media sequence number.
    pub msn: u64,
    /// Part of that segment, from 0.
    pub part: u32,
}

/// What there is under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The bytes, to be sent one after the other; shared, not copied.
    Found {
        /// A part or an init is one piece, a segment has one for each part.
        body: Vec<Bytes>,
        /// For the answer's header.
        content_type: &'static str,
    },
    /// It is being made: wait until [`crate::Packager::next`] moves.
    Later,
    /// It left the window.
    Gone,
    /// There is no such thing, or a hint that did not come true.
    Unknown,
}
