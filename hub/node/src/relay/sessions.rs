use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use sluice_ids::SessionId;
use sluice_webrtc::SessionKey;

use crate::feed::FeedKey;

/// A session at this node, from its admission to its end.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) key: SessionKey,
    pub(super) feed: FeedKey,
    /// Alone authorises PATCH and DELETE of the WHEP resource.
    pub(super) secret: String,
    /// When it ends unless its viewer has connected; `None` once it has.
    due: Option<Instant>,
}

/// The sessions of this node by their three names, and the tokens that were spent to open them.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_key: HashMap<SessionKey, Session>,
    by_id: HashMap<SessionId, SessionKey>,
    by_secret: HashMap<String, SessionKey>,
    spent: HashMap<String, Instant>,
    arriving: BTreeSet<(Instant, SessionKey)>,
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

    /// Adds a session, and the one it replaces if the same session was opened before (a renewal).
    pub(super) fn add(
        &mut self,
        now: Instant,
        (id, feed): (SessionId, FeedKey),
        secret: String,
    ) -> (SessionKey, Option<Session>) {
        let replaced = self.by_id.get(&id).copied().and_then(|key| self.remove(key));
        self.last_key += 1;
        let key = SessionKey(self.last_key);
        self.by_id.insert(id, key);
        self.by_secret.insert(secret.clone(), key);
        let due = now + ARRIVAL;
        self.arriving.insert((due, key));
        self.by_key.insert(key, Session { id, key, feed, secret, due: Some(due) });
        (key, replaced)
    }

    /// Its viewer is there: from now on the engine tells when it goes.
    pub(super) fn arrived(&mut self, key: SessionKey) -> Option<&Session> {
        let session = self.by_key.get_mut(&key)?;
        if let Some(due) = session.due.take() {
            self.arriving.remove(&(due, key));
        }
        Some(session)
    }

    /// Sessions whose viewers did not come in time.
    pub(super) fn overdue(&self, now: Instant) -> Vec<SessionKey> {
        self.arriving.iter().take_while(|(due, _)| *due <= now).map(|&(_, key)| key).collect()
    }

    /// When to look for overdue sessions.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.arriving.first().map(|&(due, _)| due)
    }

    pub(super) fn remove(&mut self, key: SessionKey) -> Option<Session> {
        let session = self.by_key.remove(&key)?;
        self.by_secret.remove(&session.secret);
        self.by_id.remove(&session.id);
        if let Some(due) = session.due {
            self.arriving.remove(&(due, key));
        }
        Some(session)
    }

    pub(super) fn by_id(&self, id: SessionId) -> Option<SessionKey> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn by_secret(&self, secret: &str) -> Option<SessionKey> {
        self.by_secret.get(secret).copied()
    }

    pub(super) fn of_feed(&self, feed: FeedKey) -> Vec<SessionKey> {
        self.by_key.values().filter(|session| session.feed == feed).map(|session| session.key).collect()
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
/// When as many tokens are remembered, the expired ones are forgotten.
const SPENT_SWEEP: usize = 4_096;

#[cfg(test)]
mod tests {
    use sluice_ids::{CameraId, Tier};
    use sluice_runtime::{Clock, uuid_v7};

    use super::*;

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
        let (first, none) = sessions.add(now, (id, feed), "one".into());
        assert!(none.is_none());
        let (second, replaced) = sessions.add(now, (id, feed), "two".into());
        assert_eq!(replaced.map(|session| session.key), Some(first));
        assert_eq!((sessions.by_secret("one"), sessions.by_secret("two")), (None, Some(second)));
        assert_eq!((sessions.by_id(id), sessions.len()), (Some(second), 1));
        assert_eq!(sessions.overdue(now + ARRIVAL), [second]);
        assert!(sessions.arrived(second).is_some());
        assert_eq!((sessions.deadline(), sessions.arrived(first).is_none()), (None, true));
    }
}
