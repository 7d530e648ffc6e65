use std::time::Duration;

use super::Task;
use crate::{
    engine::EngineEvent,
    error::SwitchError,
    frame::{FeedId, Frame, SessionKey},
    viewer::{Approach, Moment},
};

/// Viewers who move from one feed to another.
impl Task {
    /// Begins to move a viewer; what is said of it comes later, unless it is clear at once.
    pub(super) fn switch(&mut self, key: SessionKey, to: FeedId) {
        let at = self.moment();
        let Some(viewer) = self.viewers.get(&key) else {
            self.stays(key, to, SwitchError::Unknown);
            return;
        };
        let from = viewer.feed;
        if viewer.approach.is_some_and(|approach| approach.feed == to) {
            return;
        }
        self.turn_back(key);
        if from == to {
            self.pending.push_back(EngineEvent::Switched(key, to));
            return;
        }
        let media = self.feed(to).media;
        let Some(viewer) = self.viewers.get_mut(&key).filter(|viewer| viewer.takes(media)) else {
            self.stays(key, to, SwitchError::CodecUnsupported);
            return;
        };
        let give_up = at.now + self.limits.switch_patience;
        viewer.approach = Some(Approach { feed: to, give_up, pictured: false });
        viewer.lineup.approach();
        self.feed(to).arrivals.push(key);
        if !self.cross(at, key) {
            self.hurry(at, to);
        }
        self.turn(at, key);
    }

    /// A picture of a feed has come, which its cache contains already: whoever waits for it may move now.
    pub(super) fn welcome(&mut self, id: FeedId, frame: &Frame) {
        let Some(feed) = self.feeds.get(&id).filter(|feed| !feed.arrivals.is_empty()) else { return };
        for key in feed.arrivals.clone() {
            let at = self.moment();
            let Some(viewer) = self.viewers.get_mut(&key) else { continue };
            if let Some(approach) = &mut viewer.approach {
                approach.pictured = true;
            }
            viewer.lineup.compare(frame);
            if self.cross(at, key) {
                self.turn(at, key);
            }
        }
    }

    /// A feed was described: those on their way to it may not take it.
    pub(super) fn screen_arrivals(&mut self, id: FeedId) {
        let Some(feed) = self.feeds.get(&id) else { return };
        let media = feed.media;
        for key in feed.arrivals.clone() {
            if self.viewers.get(&key).is_some_and(|viewer| !viewer.takes(media)) {
                self.turn_back(key);
                self.stays(key, id, SwitchError::CodecUnsupported);
            }
        }
    }

    /// Gives up a way that led nowhere in time.
    pub(super) fn tire(&mut self, at: Moment, key: SessionKey) {
        let approach = self.viewers.get(&key).and_then(|viewer| viewer.approach);
        if let Some(approach) = approach.filter(|approach| approach.give_up <= at.now) {
            let why = if approach.pictured { SwitchError::NoKeyFrame } else { SwitchError::NoPicture };
            self.turn_back(key);
            self.stays(key, approach.feed, why);
        }
    }

    /// Moves a viewer if the pictures of its next feed follow those it was sent.
    fn cross(&mut self, at: Moment, key: SessionKey) -> bool {
        let Some(viewer) = self.viewers.get_mut(&key) else { return false };
        let Some(to) = viewer.approach.map(|approach| approach.feed) else { return false };
        // Nothing comes of a feed that was given up: there is nothing to go on with.
        let left_alone = self.feeds.get(&viewer.feed).is_none_or(|feed| feed.removed);
        let Some(feed) = self.feeds.get_mut(&to) else { return false };
        let (watches, from) = (viewer.watches(), viewer.feed);
        if left_alone {
            viewer.lineup.start_over(at.now, &feed.gop);
        } else if watches && !viewer.lineup.cross(at.now, &feed.gop) {
            return false;
        }
        viewer.arrive(to, feed.media);
        feed.arrivals.retain(|other| *other != key);
        feed.viewers.push(key);
        feed.listen(key, viewer.listens());
        self.leave_feed(from, key);
        if !watches {
            self.show(at, key);
        }
        self.metrics.switches.inc();
        self.pending.push_back(EngineEvent::Switched(key, to));
        true
    }

    /// Takes a viewer from its feed, which ends with its last one if its owner gave it up.
    pub(super) fn leave_feed(&mut self, id: FeedId, key: SessionKey) {
        let Some(feed) = self.feeds.get_mut(&id) else { return };
        feed.leave(key);
        if feed.removed && !feed.is_wanted() {
            self.feeds.remove(&id);
        }
    }

    fn turn_back(&mut self, key: SessionKey) {
        let Some(viewer) = self.viewers.get_mut(&key) else { return };
        let Some(approach) = viewer.approach.take() else { return };
        viewer.lineup.stay();
        if let Some(feed) = self.feeds.get_mut(&approach.feed) {
            feed.arrivals.retain(|other| *other != key);
        }
    }

    fn stays(&mut self, key: SessionKey, to: FeedId, why: SwitchError) {
        self.metrics.switches_failed.inc();
        self.pending.push_back(EngineEvent::Stayed(key, to, why));
    }

    /// Asks for a key frame unless one is about to come by itself.
    fn hurry(&mut self, at: Moment, id: FeedId) {
        let cached = self.feeds.get(&id).map(|feed| feed.gop.cached());
        let left = cached.and_then(|cached| cached.key_interval?.checked_sub(cached.since_key));
        if left.is_none_or(|left| left > SOON) {
            self.want_key_frame(at.now, id);
        }
    }
}

/// A key frame that comes within this is not worth an extra one.
const SOON: Duration = Duration::from_millis(500);
