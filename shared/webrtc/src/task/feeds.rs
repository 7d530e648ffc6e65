use std::sync::Arc;

use super::Task;
use crate::{
    engine::{EndReason, Media},
    feed::Feed,
    frame::{AudioPacket, FeedId, FeedMedia, Frame},
};

/// What feeds bring, for all who watch and hear them.
impl Task {
    /// The feed, which begins to exist with whatever is told of it first.
    pub(super) fn feed(&mut self, id: FeedId) -> &mut Feed {
        let limit = self.limits.gop_bytes;
        self.feeds.entry(id).or_insert_with(|| Feed::new(limit))
    }

    /// Takes all media that was handed in before now.
    pub(super) fn catch_up(&mut self) {
        for _ in 0..self.inputs.media.len() {
            let Ok((feed, media)) = self.inputs.media.try_recv() else { break };
            self.media(feed, media);
        }
    }

    pub(super) fn forget(&mut self, id: FeedId) {
        let Some(feed) = self.feeds.get_mut(&id) else { return };
        if feed.is_wanted() {
            feed.removed = true;
            self.discontinuity(id);
        } else {
            self.feeds.remove(&id);
        }
    }

    pub(super) fn media(&mut self, id: FeedId, media: Media) {
        match media {
            Media::Discontinuity => self.discontinuity(id),
            Media::Described(media) => self.describe(id, media),
            Media::Frame(frame) if frame.payloads.is_empty() => {}
            Media::Frame(frame) => self.frame(id, &frame),
            Media::Audio(packet) => self.audio(id, &packet),
        }
    }

    pub(super) fn describe(&mut self, id: FeedId, media: FeedMedia) {
        let feed = self.feed(id);
        let before = feed.media.replace(media);
        if before == Some(media) {
            return;
        }
        let viewers = feed.viewers.clone();
        if before.is_some_and(|before| before.video != media.video) {
            self.discontinuity(id);
        }
        for key in viewers {
            let at = self.moment();
            if self.viewers.get_mut(&key).is_some_and(|viewer| !viewer.tune(media)) {
                self.end(key, EndReason::CodecUnsupported);
                continue;
            }
            self.show(at, key);
            self.turn(at, key);
        }
        self.screen_arrivals(id);
    }

    fn frame(&mut self, id: FeedId, frame: &Arc<Frame>) {
        self.metrics.frames.inc();
        let feed = self.feed(id);
        feed.removed = false;
        feed.gop.push(frame);
        // Taken out while viewers are served, for `turn` needs all of `self`.
        let (viewers, before) = (std::mem::take(&mut feed.viewers), self.viewers.len());
        for key in &viewers {
            let at = self.moment();
            let (Some(viewer), Some(feed)) = (self.viewers.get_mut(key), self.feeds.get(&id)) else {
                continue;
            };
            if viewer.watches() {
                viewer.lineup.frame(at.now, frame, &feed.gop);
                self.turn(at, *key);
            }
        }
        if let Some(feed) = self.feeds.get_mut(&id) {
            feed.viewers = viewers;
            if self.viewers.len() != before {
                feed.viewers.retain(|key| self.viewers.contains_key(key));
            }
        }
        self.welcome(id, frame);
    }

    fn audio(&mut self, id: FeedId, packet: &AudioPacket) {
        self.metrics.audio_packets.inc();
        let Some(feed) = self.feeds.get(&id) else { return };
        let Some(kind) = feed.media.and_then(|media| media.audio) else { return };
        for key in feed.listeners.clone() {
            let at = self.moment();
            if let Some(viewer) = self.viewers.get_mut(&key) {
                viewer.hear(at, kind, packet);
                self.turn(at, key);
            }
        }
    }

    pub(super) fn discontinuity(&mut self, id: FeedId) {
        let now = self.clock.now();
        let Some(feed) = self.feeds.get_mut(&id) else { return };
        feed.gop.clear();
        for key in &feed.viewers {
            if let Some(viewer) = self.viewers.get_mut(key) {
                viewer.lineup.discontinuity();
            }
        }
        if feed.is_wanted() && !feed.removed {
            self.want_key_frame(now, id);
        }
    }
}
