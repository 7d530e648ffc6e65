use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// What one camera has done since the start, all tiers together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Sessions set up and not yet ended, at this moment.
    pub sessions_open: u64,
    /// Sessions that are sent media, at this moment.
    pub playing: u64,
    /// DESCRIBEs answered with 200.
    pub describes: u64,
    /// SETUPs answered with 200.
    pub setups: u64,
    /// PLAYs answered with 200.
    pub plays: u64,
    /// TEARDOWNs of a session.
    pub teardowns: u64,
    /// Sessions ended because their client kept silent.
    pub timeouts: u64,
    /// Requests whose credentials were wrong (a request without any does not count).
    pub auth_failures: u64,
    /// Requests answered with 403 or above, 453 and 503 included.
    pub refusals: u64,
    /// Pictures sent, over all sessions.
    pub frames: u64,
    /// Frames of sound sent, over all sessions.
    pub audio_frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Pictures a session missed because its client read too slowly.
    pub dropped: u64,
    /// RTP and RTCP bytes sent, with their interleaving headers.
    pub bytes: u64,
    /// Requests at its ONVIF side, refused ones too.
    pub onvif_requests: u64,
    /// WS-Discovery probes answered.
    pub probes: u64,
    /// `SetSynchronizationPoint`s: each made the next picture a key frame.
    pub sync_points: u64,
    /// Pictures encoded, over all tiers.
    pub encoded: u64,
    /// Time spent painting and encoding them, microseconds of wall clock.
    pub encode_us: u64,
}

macro_rules! counters {
    ($($name:ident),*) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter),* }

        impl Counters {
            pub(crate) fn read(&self) -> Counts {
                Counts { $($name: self.$name.0.load(Relaxed)),* }
            }
        }
    };
}

counters!(
    sessions_open,
    playing,
    describes,
    setups,
    plays,
    teardowns,
    timeouts,
    auth_failures,
    refusals,
    frames,
    audio_frames,
    key_frames,
    dropped,
    bytes,
    onvif_requests,
    probes,
    sync_points,
    encoded,
    encode_us
);

/// One number.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// `amount` more.
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    /// One more.
    pub(crate) fn count(&self) {
        self.add(1);
    }

    /// One less: what was open has ended.
    pub(crate) fn release(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    /// One more unless there are `limit` already. Whether it was counted.
    pub(crate) fn count_below(&self, limit: u64) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |now| (now < limit).then_some(now + 1)).is_ok()
    }
}
