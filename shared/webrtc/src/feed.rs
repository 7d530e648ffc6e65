use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    burst::Cached,
    frame::{FeedMedia, Frame, SessionKey},
};

/// One feed at this engine: its newest pictures and who watches.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) gop: Gop,
    pub(crate) viewers: Vec<SessionKey>,
    /// Those who still have another feed and move to this one with its next fitting key frame.
    pub(crate) arrivals: Vec<SessionKey>,
    /// Those of the viewers who want sound.
    pub(crate) listeners: Vec<SessionKey>,
    /// Its owner has given it up: those who still have it are sent nothing.
    pub(crate) removed: bool,
    /// What it carries, once that was told.
    pub(crate) media: Option<FeedMedia>,
    key_frame_asked: Option<Instant>,
}

impl Feed {
    pub(crate) fn new(gop_bytes: usize) -> Self {
        Self {
            gop: Gop::new(gop_bytes),
            viewers: Vec::new(),
            arrivals: Vec::new(),
            listeners: Vec::new(),
            removed: false,
            media: None,
            key_frame_asked: None,
        }
    }

    /// A viewer joins or leaves those who hear the feed.
    pub(crate) fn listen(&mut self, key: SessionKey, on: bool) {
        self.listeners.retain(|other| *other != key);
        if on {
            self.listeners.push(key);
        }
    }

    pub(crate) fn leave(&mut self, key: SessionKey) {
        self.viewers.retain(|other| *other != key);
        self.listen(key, false);
    }

    /// Whether anybody is to be sent it, now or soon.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.viewers.is_empty() || !self.arrivals.is_empty()
    }

    /// Whether the source is to be asked for a key frame now: at most once a second.
    pub(crate) fn ask_key_frame(&mut self, now: Instant) -> bool {
        let due =
            self.key_frame_asked.is_none_or(|at| now.saturating_duration_since(at) >= KEY_FRAME_INTERVAL);
        if due {
            self.key_frame_asked = Some(now);
        }
        due
    }
}

/// The frames since the newest key frame, as long as they fit.
#[derive(Debug)]
pub(crate) struct Gop {
    frames: Vec<Arc<Frame>>,
    bytes: usize,
    limit: usize,
    last_key: Option<i64>,
    key_interval: Option<Duration>,
}

impl Gop {
    pub(crate) fn new(limit: usize) -> Self {
        Self { frames: Vec::new(), bytes: 0, limit, last_key: None, key_interval: None }
    }

    pub(crate) fn push(&mut self, frame: &Arc<Frame>) {
        if frame.key {
            if let Some(last) = self.last_key.replace(frame.timestamp) {
                self.key_interval = Some(duration(last, frame.timestamp)).filter(|it| !it.is_zero());
            }
            self.forget();
        } else if self.frames.is_empty() {
            return;
        }
        if self.bytes + frame.size > self.limit || frame.payloads.is_empty() {
            self.forget();
            return;
        }
        self.bytes += frame.size;
        self.frames.push(Arc::clone(frame));
    }

    /// Frames are missing: nothing cached leads up to what comes next.
    pub(crate) fn clear(&mut self) {
        self.forget();
        self.last_key = None;
    }

    pub(crate) fn frames(&self) -> &[Arc<Frame>] {
        &self.frames
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn cached(&self) -> Cached {
        let since_key = match (self.frames.first(), self.frames.last()) {
            (Some(first), Some(last)) => duration(first.timestamp, last.timestamp),
            _ => Duration::ZERO,
        };
        Cached { frames: self.frames.len(), bytes: self.bytes, since_key, key_interval: self.key_interval }
    }

    /// Ticks between frames, as the cached ones have it.
    pub(crate) fn frame_ticks(&self) -> i64 {
        let (Some(first), Some(last)) = (self.frames.first(), self.frames.last()) else {
            return ORDINARY_TICKS;
        };
        let gaps = i64::try_from(self.frames.len()).unwrap_or(i64::MAX) - 1;
        if gaps < 1 { ORDINARY_TICKS } else { last.timestamp.saturating_sub(first.timestamp).max(1) / gaps }
    }

    fn forget(&mut self) {
        self.frames.clear();
        self.bytes = 0;
    }
}

fn duration(from: i64, to: i64) -> Duration {
    let ticks = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
    Duration::from_micros(ticks.saturating_mul(100) / 9)
}

/// 30 frames a second.
const ORDINARY_TICKS: i64 = 3_000;
/// A camera encodes at most one extra key frame a second, whoever asks.
const KEY_FRAME_INTERVAL: Duration = Duration::from_secs(1);
