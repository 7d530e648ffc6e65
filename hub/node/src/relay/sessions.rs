use std::{
    collections::HashMap,
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
}

/// The sessions of this node by their three names, and the tokens that were spent to open them.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_key: HashMap<SessionKey, Session>,
    by_id: HashMap<SessionId, SessionKey>,
    by_secret: HashMap<String, SessionKey>,
    spent: HashMap<String, Instant>,
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
    pub(super) fn add(&mut self, id: SessionId, feed: FeedKey, secret: String) -> (SessionKey, Option<Session>) {
        let replaced = self.by_id.get(&id).copied().and_then(|key| self.remove(key));
        self.last_key += 1;
        let key = SessionKey(self.last_key);
        self.by_id.insert(id, key);
        self.by_secret.insert(secret.clone(), key);
        self.by_key.insert(key, Session { id, key, feed, secret });
        (key, replaced)
    }

    pub(super) fn remove(&mut self, key: SessionKey) -> Option<Session> {
        let session = self.by_key.remove(&key)?;
        self.by_secret.remove(&session.secret);
        self.by_id.remove(&session.id);
        Some(session)
    }

    pub(super) fn get(&self, key: SessionKey) -> Option<&Session> {
        self.by_key.get(&key)
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
        let mut sessions = Sessions::default();
        let feed = FeedKey { camera: CameraId::from_uuid(uuid_v7(&clock)), tier: Tier::Sub };
        let id = SessionId::from_uuid(uuid_v7(&clock));
        let (first, none) = sessions.add(id, feed, "one".into());
        assert!(none.is_none());
        let (second, replaced) = sessions.add(id, feed, "two".into());
        assert_eq!(replaced.map(|session| session.key), Some(first));
        assert_eq!((sessions.by_secret("one"), sessions.by_secret("two")), (None, Some(second)));
        assert_eq!((sessions.by_id(id), sessions.len()), (Some(second), 1));
    }
}
