use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sluice_ids::{Tier, UnixMillis};
use sluice_runtime::TaskScope;
use sluice_webrtc::FeedId;
use sluice_wire::node::{FeedState, FromNode};
use tokio::sync::Notify;

use super::{packaging::Packaging, pump::Pump, task::Task};
use crate::{
    demand::{self, Demand, State},
    feed::FeedKey,
    hls::Shelf,
};

/// A feed that somebody wants, or wanted a moment ago.
pub(super) struct Feed {
    pub(super) id: FeedId,
    pub(super) demand: Demand,
    pub(super) trouble: Option<(String, String)>,
    pub(super) captured_at: Option<UnixMillis>,
    pub(super) pump: Option<TaskScope>,
    key_frame_wanted: Arc<Notify>,
    key_frame_asked: Option<Instant>,
    /// Where HLS viewers find it.
    pub(super) shelf: Arc<Shelf>,
    /// How many of its viewers read the shelf.
    pub(super) readers: usize,
}

impl Task {
    pub(super) fn feed(&mut self, key: FeedKey) -> &mut Feed {
        let linger = self.served.get(&key.camera).map_or(DEFAULT_LINGER, |assigned| assigned.linger);
        self.feeds.entry(key).or_insert_with(|| {
            self.last_feed += 1;
            let id = FeedId(self.last_feed);
            self.by_id.insert(id, key);
            Feed {
                id,
                demand: Demand::new(linger),
                trouble: None,
                captured_at: None,
                pump: None,
                key_frame_wanted: Arc::default(),
                key_frame_asked: None,
                shelf: Arc::default(),
                readers: 0,
            }
        })
    }

    pub(super) fn input(&mut self, key: FeedKey, input: demand::Input) {
        let now = self.clock.now();
        let feed = self.feed(key);
        let from = feed.demand.state();
        feed.demand.handle(now, input);
        let to = feed.demand.state();
        if from != to {
            tracing::debug!(camera.id = %key.camera, tier = %key.tier, ?from, ?to, ?input, "feed");
        }
        // Not through `self.feed`: closing the source removes the feed, which must not come back by being looked at.
        while let Some(order) = self.feeds.get_mut(&key).and_then(|feed| feed.demand.poll()) {
            match order {
                demand::Output::OpenSource => self.open_source(key),
                demand::Output::CloseSource => self.close_source(key),
            }
        }
        self.changed.insert(key);
    }

    pub(super) fn want_key_frame(&mut self, id: FeedId) {
        let now = self.clock.now();
        let Some(feed) = self.by_id.get(&id).and_then(|key| self.feeds.get_mut(key)) else { return };
        if feed.key_frame_asked.is_none_or(|asked| now.duration_since(asked) >= KEY_FRAME_INTERVAL) {
            feed.key_frame_asked = Some(now);
            feed.key_frame_wanted.notify_one();
        }
    }

    fn open_source(&mut self, key: FeedKey) {
        let pump_scope = self.scope.child();
        let stream = self.ports.tunnels.open(key.camera, key.tier);
        let (clock, engine, reports, metrics) =
            (self.clock, self.ports.engine.clone(), self.report_in.clone(), self.metrics.clone());
        let feed = self.feed(key);
        let pump = Pump {
            feed: key,
            id: feed.id,
            clock,
            stream,
            engine,
            packaging: Packaging::new(Arc::clone(&feed.shelf), metrics.packaging.clone()),
            reports,
            key_frame_wanted: Arc::clone(&feed.key_frame_wanted),
            metrics,
        };
        pump_scope.spawn("pump", pump.run(pump_scope.shutdown()));
        feed.pump = Some(pump_scope);
        self.metrics.feeds_opened.inc();
        self.metrics.feeds.inc();
    }

    fn close_source(&mut self, key: FeedKey) {
        let Some(feed) = self.feeds.remove(&key) else { return };
        if let Some(pump) = feed.pump {
            pump.cancel();
            self.metrics.feeds_closed.inc();
            self.metrics.feeds.dec();
        }
        self.by_id.remove(&feed.id);
        self.ports.engine.remove_feed(feed.id);
    }

    pub(super) fn feed_news(&self, key: FeedKey) -> FromNode {
        let FeedKey { camera, tier } = key;
        let Some(feed) = self.feeds.get(&key) else {
            return idle(camera, tier);
        };
        let state = match feed.demand.state() {
            State::Idle => FeedState::Idle,
            State::Opening => FeedState::Opening,
            State::Live => FeedState::Live,
            State::Lingering { .. } => FeedState::Lingering,
            State::Resting => FeedState::Resting,
        };
        FromNode::Feed {
            camera,
            tier,
            state,
            reason: feed.trouble.clone(),
            viewers: feed.demand.viewers(),
            captured_at: feed.captured_at,
        }
    }
}

fn idle(camera: sluice_ids::CameraId, tier: Tier) -> FromNode {
    FromNode::Feed { camera, tier, state: FeedState::Idle, reason: None, viewers: 0, captured_at: None }
}

/// Where control did not say how long a feed stays open after its last viewer.
const DEFAULT_LINGER: Duration = Duration::from_secs(15);
/// A camera encodes at most one extra key frame a second, whoever asks (design: coalesced).
const KEY_FRAME_INTERVAL: Duration = Duration::from_secs(1);
