use sluice_ids::{SessionId, Tier};
use sluice_webrtc::{FeedId, SessionKey, SwitchError};
use sluice_wire::node::{EndReason, FromNode, StayReason};

use super::{
    sessions::{Next, Place},
    task::Task,
};
use crate::{demand, feed::FeedKey};

/// Viewers who move from one tier of their camera to another. Both feeds are held until the engine says that the viewer
/// has moved; then the old one goes the way of any feed that a viewer left, linger and all.
impl Task {
    pub(super) fn switch(&mut self, id: SessionId, tier: Tier) {
        let Some(session) = self.sessions.by_id(id).and_then(|key| self.sessions.get(key)) else {
            self.told_to_stay(id, tier, StayReason::Absent);
            return;
        };
        let (key, from, next, paused) = (session.key, session.feed, session.next, session.paused);
        let by_webrtc = matches!(session.place, Place::Engine(_));
        let to = FeedKey { tier, ..from };
        if next.is_some_and(|next| next.feed == to) {
            return;
        }
        let obstacle = match by_webrtc {
            false => Some(StayReason::Elsewhere),
            true if !self.serves(to) => Some(StayReason::NotServed),
            true => paused.then_some(StayReason::Absent),
        };
        if let Some(reason) = obstacle {
            self.told_to_stay(id, tier, reason);
            return;
        }
        let wanted = (to != from).then(|| Next { feed: to, since: self.clock.now() });
        if let Some(session) = self.sessions.get_mut(key) {
            session.next = wanted;
        }
        if wanted.is_some() {
            self.input(to, demand::Input::ViewerJoined);
        } else {
            self.outbox.push_back(FromNode::SessionSwitched { session: id, tier });
        }
        // After the new one is held: who is sent back and forth between two tiers closes neither.
        if let Some(passed_over) = next {
            self.leave_next(passed_over);
        }
        let feed = self.feed(to).id;
        self.ports.engine.switch(key, feed);
    }

    /// Nobody sees a session's picture for now, or somebody does again. Its feed goes the way of any feed that a viewer
    /// left; the viewer stays connected and is sent what comes of it once it is back.
    pub(super) fn pause(&mut self, id: SessionId, paused: bool) {
        let Some(key) = self.sessions.by_id(id) else { return };
        let Some(session) = self.sessions.get_mut(key) else { return };
        let changes = session.paused != paused && matches!(session.place, Place::Engine(_));
        if !changes {
            return;
        }
        session.paused = paused;
        let feed = session.feed;
        if paused {
            self.call_off(key, StayReason::Absent);
            self.input(feed, demand::Input::ViewerLeft);
            self.metrics.pauses.inc();
        } else if self.serves(feed) {
            self.input(feed, demand::Input::ViewerJoined);
            // It may have been opened anew meanwhile: then it is another one to the engine.
            let feed = self.feed(feed).id;
            self.ports.engine.switch(key, feed);
        } else {
            self.end(key, EndReason::Unassigned);
        }
    }

    /// The engine moved a viewer.
    pub(super) fn switched(&mut self, key: SessionKey, feed: FeedId) {
        let Some(next) = self.awaited(key, feed) else { return };
        let Some(session) = self.sessions.get_mut(key) else { return };
        let left = std::mem::replace(&mut session.feed, next.feed);
        session.next = None;
        let session = session.id;
        self.input(left, demand::Input::ViewerLeft);
        self.metrics.tier_switches.inc();
        self.note_double(next);
        tracing::debug!(session.id = %session, camera.id = %next.feed.camera, from = %left.tier, to = %next.feed.tier, "tier switched");
        self.outbox.push_back(FromNode::SessionSwitched { session, tier: next.feed.tier });
    }

    /// The engine did not move a viewer.
    pub(super) fn stayed(&mut self, key: SessionKey, feed: FeedId, why: SwitchError) {
        let Some(next) = self.awaited(key, feed) else { return };
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.next = None;
        let id = session.id;
        self.leave_next(next);
        self.told_to_stay(id, next.feed.tier, reason(why));
    }

    /// Lets a viewer stay where it is.
    pub(super) fn call_off(&mut self, key: SessionKey, reason: StayReason) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let (id, from) = (session.id, session.feed);
        let Some(next) = session.next.take() else { return };
        if let Some(feed) = self.feeds.get(&from) {
            self.ports.engine.switch(key, feed.id);
        }
        self.leave_next(next);
        self.told_to_stay(id, next.feed.tier, reason);
    }

    /// Gives up a feed that was held for a viewer who does not come.
    pub(super) fn leave_next(&mut self, next: Next) {
        self.input(next.feed, demand::Input::ViewerLeft);
        self.note_double(next);
    }

    pub(super) fn told_to_stay(&mut self, session: SessionId, tier: Tier, reason: StayReason) {
        self.metrics.tier_switches_failed.inc();
        tracing::debug!(session.id = %session, %tier, reason = reason.as_str(), "tier not switched");
        self.outbox.push_back(FromNode::SessionStayed { session, tier, reason });
    }

    /// The move that the engine speaks of, unless it is another one by now.
    fn awaited(&self, key: SessionKey, feed: FeedId) -> Option<Next> {
        let next = self.sessions.get(key)?.next?;
        (self.feeds.get(&next.feed)?.id == feed).then_some(next)
    }

    fn note_double(&self, next: Next) {
        let held = self.clock.now().saturating_duration_since(next.since);
        self.metrics.double_feed_ms.inc_by(u64::try_from(held.as_millis()).unwrap_or(u64::MAX));
    }
}

fn reason(why: SwitchError) -> StayReason {
    match why {
        SwitchError::CodecUnsupported => StayReason::CodecUnsupported,
        SwitchError::NoPicture => StayReason::NoPicture,
        SwitchError::NoKeyFrame => StayReason::NoKeyFrame,
        _ => StayReason::Absent,
    }
}
