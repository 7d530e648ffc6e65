use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sluice_runtime::random_bytes;
use sluice_webrtc::SessionKey;

use super::Shelf;
use crate::feed::FeedKey;

/// 128 random bits that alone authorise the requests of one session. Shown in hex, in its URLs only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Secret([u8; 16]);

impl Secret {
    pub(crate) fn random() -> Self {
        Self(random_bytes())
    }

    /// From its form in a URL; `None` for anything else.
    pub(crate) fn parse(hex_digits: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(hex_digits, &mut bytes).ok().map(|()| Self(bytes))
    }

    /// Its form in a URL.
    pub(crate) fn reveal(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An HLS session as requests see it. Whoever has its secret sits here; the relay ends it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) key: SessionKey,
    pub(crate) secret: Secret,
    pub(crate) shelf: Arc<Shelf>,
    /// `{camera}/{tier}`: what its URLs must say after the secret.
    pub(crate) path: String,
    epoch: Instant,
    /// Milliseconds since `epoch` of the newest request.
    heard: AtomicU64,
    /// Requests that wait for a part to come; their viewer is there, however long that takes.
    waiting: AtomicU32,
    blocks: AtomicBool,
    playing: AtomicBool,
    ended: AtomicBool,
}

impl Seat {
    fn new(now: Instant, (key, feed): (SessionKey, FeedKey), shelf: Arc<Shelf>) -> Self {
        Self {
            key,
            secret: Secret::random(),
            shelf,
            path: feed.to_string(),
            epoch: now,
            heard: AtomicU64::new(0),
            waiting: AtomicU32::new(0),
            blocks: AtomicBool::new(false),
            playing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// A request came.
    pub(crate) fn touch(&self, now: Instant) {
        let since = now.saturating_duration_since(self.epoch).as_millis();
        self.heard.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// A request waits, until the guard is dropped.
    pub(crate) fn wait(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(Arc::clone(self))
    }

    /// Its player asks for playlists ahead of time, so that it is never silent for longer than a part.
    pub(crate) fn blocks(&self) {
        self.blocks.store(true, Ordering::Relaxed);
    }

    /// A part was fetched; whether it is the first.
    pub(crate) fn plays(&self) -> bool {
        !self.playing.load(Ordering::Relaxed) && !self.playing.swap(true, Ordering::Relaxed)
    }

    /// Whether the relay has ended it, perhaps while a request waited.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Until when it lives if nothing more is heard. Players that poll leave a target duration between two
    /// requests (RFC 8216 §6.3.4).
    pub(crate) fn due(&self, now: Instant) -> Instant {
        let patience = if self.blocks.load(Ordering::Relaxed) {
            SILENCE
        } else {
            SILENCE + self.shelf.target_duration()
        };
        let heard = match self.waiting.load(Ordering::Relaxed) {
            0 => self.epoch + Duration::from_millis(self.heard.load(Ordering::Relaxed)),
            _ => now,
        };
        heard + patience
    }
}

/// A request that waits at a seat.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Seat>);

impl Waiting {
    /// It is answered, at `now`.
    pub(crate) fn over(self, now: Instant) {
        self.0.touch(now);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All HLS seats of a node by their secrets, and the secrets of either kind of session that ended lately.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    slots: RwLock<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    by_secret: HashMap<Secret, Slot>,
    /// Ended secrets, oldest first.
    ended: VecDeque<(Instant, Secret)>,
}

#[derive(Debug)]
enum Slot {
    Live(Arc<Seat>),
    Ended,
}

/// What stands behind a secret.
#[derive(Debug)]
pub(crate) enum Found {
    /// A session.
    Live(Arc<Seat>),
    /// A session that ended lately.
    Ended,
    /// Nothing that is known, or no longer.
    Unknown,
}

impl Seats {
    /// Adds a session's seat.
    pub(crate) fn add(&self, now: Instant, session: (SessionKey, FeedKey), shelf: Arc<Shelf>) -> Arc<Seat> {
        let seat = Arc::new(Seat::new(now, session, shelf));
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.by_secret.insert(seat.secret, Slot::Live(Arc::clone(&seat)));
        seat
    }

    /// Ends whatever has this secret, and remembers for a while that it was there.
    pub(crate) fn end(&self, now: Instant, secret: Secret) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(Slot::Live(seat)) = slots.by_secret.insert(secret, Slot::Ended) {
            seat.ended.store(true, Ordering::Relaxed);
        }
        slots.ended.push_back((now, secret));
        let over = |ended: Instant| now.saturating_duration_since(ended) >= REMEMBERED;
        while slots.ended.len() > MOST_REMEMBERED || slots.ended.front().is_some_and(|(at, _)| over(*at)) {
            let Some((_, forgotten)) = slots.ended.pop_front() else { break };
            slots.by_secret.remove(&forgotten);
        }
    }

    /// What stands behind a secret.
    pub(crate) fn find(&self, secret: Secret) -> Found {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        match slots.by_secret.get(&secret) {
            Some(Slot::Live(seat)) => Found::Live(Arc::clone(seat)),
            Some(Slot::Ended) => Found::Ended,
            None => Found::Unknown,
        }
    }
}

/// A session ends so long after its last request (design §4).
const SILENCE: Duration = Duration::from_secs(6);
/// Ending a session again, or asking for what it showed, is answered as such for so long.
const REMEMBERED: Duration = Duration::from_secs(120);
/// Beyond it the oldest are forgotten early: 2,000 sessions ending at once are a whole hub's.
const MOST_REMEMBERED: usize = 16_384;

#[cfg(test)]
mod tests {
    use sluice_ids::{CameraId, Tier};
    use sluice_runtime::{Clock, uuid_v7};

    use super::*;

    fn seat(seats: &Seats, now: Instant) -> Arc<Seat> {
        let camera = CameraId::from_uuid(uuid_v7(&Clock::system()));
        seats.add(now, (SessionKey(1), FeedKey { camera, tier: Tier::Sub }), Arc::default())
    }

    #[test]
    fn a_seat_lives_six_seconds_beyond_its_last_request_and_longer_where_players_poll() {
        let (seats, now) = (Seats::default(), Clock::system().now());
        let seat = seat(&seats, now);
        let polling = seat.due(now);
        assert_eq!(polling, now + SILENCE + seat.shelf.target_duration());
        seat.blocks();
        assert_eq!(seat.due(now), now + SILENCE);
        let later = now + Duration::from_secs(5);
        seat.touch(later);
        assert_eq!(seat.due(later), later + SILENCE);
    }

    #[test]
    fn a_request_that_waits_keeps_its_seat() {
        let (seats, now) = (Seats::default(), Clock::system().now());
        let seat = seat(&seats, now);
        seat.blocks();
        let waiting = seat.wait();
        let later = now + Duration::from_secs(60);
        assert!(seat.due(later) > later);
        drop(waiting);
        assert!(seat.due(later) < later);
    }

    #[test]
    fn an_ended_secret_is_told_from_one_that_never_was_until_it_is_forgotten() {
        let (seats, now) = (Seats::default(), Clock::system().now());
        let seat = seat(&seats, now);
        assert!(matches!(seats.find(seat.secret), Found::Live(_)));
        seats.end(now, seat.secret);
        assert!(seat.has_ended());
        assert!(matches!(seats.find(seat.secret), Found::Ended));
        assert!(matches!(seats.find(Secret::random()), Found::Unknown));
        seats.end(now + REMEMBERED, Secret::random());
        assert!(matches!(seats.find(seat.secret), Found::Unknown));
    }

    #[test]
    fn a_secret_is_32_hex_digits_and_never_printed() {
        let secret = Secret::random();
        assert_eq!(Secret::parse(&secret.reveal()), Some(secret));
        assert_eq!(format!("{secret:?}"), "***");
        for wrong in ["", "00", "zz112233445566778899aabbccddeeff", "é0112233445566778899aabbccddeef"] {
            assert_eq!(Secret::parse(wrong), None);
        }
    }
}
