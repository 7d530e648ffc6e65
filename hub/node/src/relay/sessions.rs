use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_ids::SessionId;
use sluice_webrtc::SessionKey;

use crate::{
    feed::FeedKey,
    hls::{Seat, Secret},
};

/// A session at this node, from its admission to its end.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) key: SessionKey,
    pub(super) feed: FeedKey,
    pub(super) place: Place,
    /// The feed that its viewer is on its way to.
    pub(super) next: Option<Next>,
    /// Its viewer may move the camera.
    pub(super) ptz: bool,
    /// Nobody sees its picture: it has no share in the demand.
    pub(super) paused: bool,
    /// Its player reads another tier already and this one only until that plays: its end is not the session's.
    pub(super) leaving: bool,
    /// When to look whether its viewer is still there; `None` where the engine tells.
    due: Option<Instant>,
}

/// A feed that is open for a session beside the one it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next {
    pub(super) feed: FeedKey,
    pub(super) since: Instant,
}

/// Where a session's viewer is served.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// By the engine; the secret alone authorises PATCH and DELETE of the WHEP resource.
    Engine(Secret),
    /// At the feed's shelf, opened by the token of this `jti`.
    Shelf { seat: Arc<Seat>, token: String },
}

impl Place {
    pub(super) fn secret(&self) -> Secret {
        match self {
            Self::Engine(secret) => *secret,
            Self::Shelf { seat, .. } => seat.secret,
        }
    }
}

/// The sessions of this node by their three names, and the tokens that were spent to open them.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_key: HashMap<SessionKey, Session>,
    by_id: HashMap<SessionId, SessionKey>,
    /// Seats of sessions that moved to another tier, at most one each.
    leaving: HashMap<SessionId, SessionKey>,
    by_secret: HashMap<Secret, SessionKey>,
    spent: HashMap<String, Instant>,
    due: BTreeSet<(Instant, SessionKey)>,
    last_key: u64,
}

impl Sessions {
    /// Marks a token as used; `false` if it was used before. A token is remembered until it has expired anyway.
    pub(super) fn spend(&mut self, token: &str, now: Instant) -> bool {
        if self.spent.len() >= SPENT_SWEEP {
            self.spent.retain(|_, until| *until > now);
        }
        if self.spent.get(token).is_some_and(|until| *until > now) {
            return false;
        }
        self.spent.insert(token.to_owned(), now + TOKEN_LIFE);
        true
    }

    /// The name of the next session to be added.
    pub(super) fn next_key(&mut self) -> SessionKey {
        self.last_key += 1;
        SessionKey(self.last_key)
    }

    /// Adds a session under its own name; answers the one it replaces if the same session was opened before: a
    /// renewal, or a fallback to another protocol. An HLS session that is opened in another tier keeps its seat in the
    /// first until its player leaves it.
    pub(super) fn add(
        &mut self,
        now: Instant,
        (id, key): (SessionId, SessionKey),
        feed: FeedKey,
        place: Place,
    ) -> Option<Session> {
        let replaced = match self.by_id.get(&id).copied() {
            Some(before) if self.moves(before, feed, &place) => {
                self.leaving.insert(id, before);
                self.by_key.get_mut(&before).into_iter().for_each(|session| session.leaving = true);
                None
            }
            before => before.and_then(|key| self.remove(key)),
        };
        self.by_id.insert(id, key);
        self.by_secret.insert(place.secret(), key);
        let due = match &place {
            Place::Engine(_) => now + ARRIVAL,
            Place::Shelf { .. } => now + LOOK,
        };
        self.due.insert((due, key));
        let (next, ptz, paused, leaving) = (None, false, false, false);
        let session = Session { id, key, feed, place, next, ptz, paused, leaving, due: Some(due) };
        self.by_key.insert(key, session);
        replaced
    }

    /// Whether a player reads on at its seat while it opens another tier. One seat is kept so: who moves on before it
    /// has arrived still shows the first.
    fn moves(&self, before: SessionKey, feed: FeedKey, place: &Place) -> bool {
        let Some(session) = self.by_key.get(&before) else { return false };
        let both_read = matches!((&session.place, place), (Place::Shelf { .. }, Place::Shelf { .. }));
        both_read && session.feed != feed && !self.leaving.contains_key(&session.id)
    }

    /// The seat that a session still has in the tier it moved from.
    pub(super) fn left_behind(&self, id: SessionId) -> Option<SessionKey> {
        self.leaving.get(&id).copied()
    }

    /// The seat that this very token opened, while its session lives: players fetch a multivariant playlist twice.
    pub(super) fn opened_by(&self, id: SessionId, token: &str) -> Option<&Arc<Seat>> {
        match &self.by_key.get(self.by_id.get(&id)?)?.place {
            Place::Shelf { seat, token: opened_by } if opened_by == token => Some(seat),
            _ => None,
        }
    }

    /// Its viewer is there: from now on the engine tells when it goes.
    pub(super) fn arrived(&mut self, key: SessionKey) -> Option<&Session> {
        let session = self.by_key.get_mut(&key)?;
        if matches!(session.place, Place::Engine(_))
            && let Some(due) = session.due.take()
        {
            self.due.remove(&(due, key));
        }
        Some(session)
    }

    /// Sessions whose viewers did not come in time, or were not heard of for too long.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<SessionKey> {
        let mut overdue = Vec::new();
        while let Some(&(due, key)) = self.due.first().filter(|(due, _)| *due <= now) {
            self.due.remove(&(due, key));
            let Some(session) = self.by_key.get_mut(&key) else { continue };
            session.due = match &session.place {
                // Requests leave their time at the seat and wake nobody: it is looked at when it could be over.
                Place::Shelf { seat, .. } => {
                    Some(seat.due(now)).filter(|due| *due > now).map(|due| due.min(now + LOOK))
                }
                Place::Engine(_) => None,
            };
            match session.due {
                Some(due) => drop(self.due.insert((due, key))),
                None => overdue.push(key),
            }
        }
        overdue
    }

    /// When to look for overdue sessions.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|&(due, _)| due)
    }

    pub(super) fn remove(&mut self, key: SessionKey) -> Option<Session> {
        let session = self.by_key.remove(&key)?;
        self.by_secret.remove(&session.place.secret());
        let named = if session.leaving { &mut self.leaving } else { &mut self.by_id };
        named.remove(&session.id);
        if let Some(due) = session.due {
            self.due.remove(&(due, key));
        }
        Some(session)
    }

    pub(super) fn get(&self, key: SessionKey) -> Option<&Session> {
        self.by_key.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.by_key.get_mut(&key)
    }

    pub(super) fn by_id(&self, id: SessionId) -> Option<SessionKey> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn by_secret(&self, secret: Secret) -> Option<SessionKey> {
        self.by_secret.get(&secret).copied()
    }

    pub(super) fn of_feed(&self, feed: FeedKey) -> Vec<SessionKey> {
        self.by_key.values().filter(|session| session.feed == feed).map(|session| session.key).collect()
    }

    /// Sessions that are on their way to this feed.
    pub(super) fn moving_to(&self, feed: FeedKey) -> Vec<SessionKey> {
        let moving = |session: &&Session| session.next.is_some_and(|next| next.feed == feed);
        self.by_key.values().filter(moving).map(|session| session.key).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}

/// Longer than any token lives (60 s) with room for clocks that differ.
const TOKEN_LIFE: Duration = Duration::from_secs(180);
/// The engine ends a viewer who does not connect within 15 s; one whose offer never reached it, because its request
/// was given up on the way, only the relay knows.
const ARRIVAL: Duration = Duration::from_secs(20);
/// A seat is looked at so often at least: what it may still wait for becomes shorter once its player blocks.
const LOOK: Duration = Duration::from_secs(6);
/// When as many tokens are remembered, the expired ones are forgotten.
const SPENT_SWEEP: usize = 4_096;

#[cfg(test)]
mod tests {
    use sluice_ids::{CameraId, Tier};
    use sluice_runtime::{Clock, uuid_v7};

    use super::*;
    use crate::hls::Seats;

    #[test]
    fn a_token_opens_once() {
        let (mut sessions, now) = (Sessions::default(), Clock::system().now());
        assert!(sessions.spend("a", now));
        assert!(!sessions.spend("a", now + Duration::from_secs(59)));
    }

    #[test]
    fn a_session_opened_again_replaces_itself() {
        let clock = Clock::system();
        let (mut sessions, now) = (Sessions::default(), clock.now());
        let feed = FeedKey { camera: CameraId::from_uuid(uuid_v7(&clock)), tier: Tier::Sub };
        let id = SessionId::from_uuid(uuid_v7(&clock));
        let (one, two) = (Secret::random(), Secret::random());
        let (first, second) = (sessions.next_key(), sessions.next_key());
        assert!(sessions.add(now, (id, first), feed, Place::Engine(one)).is_none());
        let replaced = sessions.add(now, (id, second), feed, Place::Engine(two));
        assert_eq!(replaced.map(|session| session.key), Some(first));
        assert_eq!((sessions.by_secret(one), sessions.by_secret(two)), (None, Some(second)));
        assert_eq!((sessions.by_id(id), sessions.len()), (Some(second), 1));
        assert!(sessions.arrived(second).is_some());
        assert_eq!((sessions.deadline(), sessions.arrived(first).is_none()), (None, true));
    }

    #[test]
    fn a_viewer_who_never_comes_is_overdue_and_one_who_asks_is_not() {
        let clock = Clock::system();
        let (mut sessions, now) = (Sessions::default(), clock.now());
        let feed = FeedKey { camera: CameraId::from_uuid(uuid_v7(&clock)), tier: Tier::Sub };
        let session = |sessions: &mut Sessions| (SessionId::from_uuid(uuid_v7(&clock)), sessions.next_key());
        let (absent, asking) = (session(&mut sessions), session(&mut sessions));
        sessions.add(now, absent, feed, Place::Engine(Secret::random()));
        let seat = Seats::default().add(now, (asking.1, feed), Arc::default());
        sessions.add(now, asking, feed, Place::Shelf { seat: Arc::clone(&seat), token: "one".into() });
        assert!(
            sessions.opened_by(asking.0, "one").is_some() && sessions.opened_by(asking.0, "two").is_none()
        );
        seat.blocks();
        let last = now + ARRIVAL - Duration::from_secs(1);
        seat.touch(last);
        assert_eq!(sessions.overdue(now + ARRIVAL), [absent.1]);
        assert_eq!(sessions.deadline(), Some(last + LOOK));
        assert_eq!(sessions.overdue(last + LOOK), [asking.1]);
    }

    #[test]
    fn a_reader_keeps_its_seat_until_it_reads_the_other_tier() {
        let clock = Clock::system();
        let (mut sessions, now) = (Sessions::default(), clock.now());
        let camera = CameraId::from_uuid(uuid_v7(&clock));
        let id = SessionId::from_uuid(uuid_v7(&clock));
        let mut sit = |tier, token: &str| {
            let (key, feed) = (sessions.next_key(), FeedKey { camera, tier });
            let seat = Seats::default().add(now, (key, feed), Arc::default());
            let replaced = sessions.add(now, (id, key), feed, Place::Shelf { seat, token: token.into() });
            (key, replaced.map(|session| session.key))
        };
        let (first, _) = sit(Tier::Sub, "one");
        let (passed_over, replaced) = sit(Tier::Main, "two");
        assert_eq!(replaced, None, "it shows the first tier still");
        let (last, replaced) = sit(Tier::Third, "three");
        assert_eq!(replaced, Some(passed_over), "the first is still what is shown");
        assert_eq!((sessions.by_id(id), sessions.left_behind(id)), (Some(last), Some(first)));
        assert!(sessions.remove(first).is_some_and(|session| session.leaving));
        assert_eq!((sessions.by_id(id), sessions.left_behind(id)), (Some(last), None));
        assert!(sessions.remove(last).is_some_and(|session| !session.leaving));
        assert_eq!((sessions.len(), sessions.by_id(id)), (0, None));
    }
}
