use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use super::Task;
use crate::{
    engine::{EndReason, EngineEvent},
    feed::Gop,
    frame::{FeedId, SessionKey},
    lineup::Orders,
    metrics::{EndLabel, EndedBy},
    viewer::{Moment, Notice, Viewer},
};

/// One viewer's turn: it sends, and what it says is acted on.
impl Task {
    /// Lets a viewer send and acts on what it says, until it says nothing more.
    pub(super) fn turn(&mut self, at: Moment, key: SessionKey) {
        for _ in 0..MOST_TURNS {
            let Some(viewer) = self.viewers.get_mut(&key) else { return };
            let (egress, notices) = (&mut self.egress, &mut self.notices);
            let ran = catch_unwind(AssertUnwindSafe(|| viewer.run(at, egress, notices)));
            let Ok(resent) = ran else {
                self.notices.clear();
                self.end(key, EndReason::Broken);
                return;
            };
            if resent > 0 {
                viewer.lineup.packets_lost(at.now);
                self.metrics.packets_resent.inc_by(resent);
            }
            if let Some(reason) = viewer.over(at.now) {
                self.notices.push(Notice::Ended(reason));
            }
            let orders = viewer.lineup.take_orders();
            if self.notices.is_empty() && orders == Orders::default() {
                break;
            }
            if orders.leapt {
                viewer.leapt(at.now);
            }
            let feed = viewer.feed;
            self.obey(at.now, feed, orders);
            self.act(at, key);
        }
        if let Some(viewer) = self.viewers.get_mut(&key) {
            let deadline = viewer.deadline().max(at.now + SOONEST);
            viewer.armed = Some(self.timers.arm(key, deadline, viewer.armed));
        }
    }

    pub(super) fn act(&mut self, at: Moment, key: SessionKey) {
        let mut notices = std::mem::take(&mut self.notices);
        for notice in notices.drain(..) {
            match notice {
                Notice::Connected(after) => {
                    self.metrics.viewers_connected.inc();
                    self.metrics.connect_seconds.observe(after.as_secs_f64());
                    self.pending.push_back(EngineEvent::Connected(key));
                    self.show(at, key);
                }
                Notice::Pictured(after) => self.metrics.first_packet_seconds.observe(after.as_secs_f64()),
                Notice::PictureLost => {
                    self.metrics.picture_losses.inc();
                    self.with_gop(key, |viewer, gop| viewer.picture_lost(at.now, gop));
                }
                Notice::Sound(on) => {
                    if let Some(viewer) = self.viewers.get(&key)
                        && let Some(feed) = self.feeds.get_mut(&viewer.feed)
                    {
                        feed.listen(key, on);
                    }
                }
                Notice::Message(text) => self.tell(EngineEvent::Message(key, text)),
                Notice::Asked(text) => self.tell(EngineEvent::Asked(key, text)),
                Notice::Unasked => drop(self.metrics.asks_refused.inc()),
                Notice::Ended(reason) => self.end(key, reason),
            }
        }
        self.notices = notices;
    }

    /// Begins to send a viewer pictures, if it can be sent any.
    pub(super) fn show(&mut self, at: Moment, key: SessionKey) {
        self.with_gop(key, |viewer, gop| {
            if viewer.watches() {
                viewer.lineup.connected(at.now, gop);
            }
        });
    }

    pub(super) fn with_gop(&mut self, key: SessionKey, act: impl FnOnce(&mut Viewer, &Gop)) {
        if let Some(viewer) = self.viewers.get_mut(&key)
            && let Some(feed) = self.feeds.get(&viewer.feed)
        {
            act(viewer, &feed.gop);
        }
    }

    pub(super) fn answer(&mut self, key: SessionKey, text: &str) {
        let at = self.moment();
        let taken = self.viewers.get_mut(&key).is_some_and(|viewer| viewer.answer(at.now, text));
        if taken {
            self.turn(at, key);
        } else {
            self.metrics.answers_dropped.inc();
        }
    }

    pub(super) fn obey(&mut self, now: Instant, feed: FeedId, orders: Orders) {
        self.metrics.bursts.inc_by(orders.burst.into());
        self.metrics.rebursts.inc_by(orders.reburst.into());
        self.metrics.waits.inc_by(orders.wait.into());
        self.metrics.cuts.inc_by(orders.cut.into());
        self.metrics.leaps.inc_by(orders.leapt.into());
        if orders.want_key_frame {
            self.want_key_frame(now, feed);
        }
    }

    pub(super) fn want_key_frame(&mut self, now: Instant, id: FeedId) {
        if self.feeds.get_mut(&id).is_some_and(|feed| feed.ask_key_frame(now)) {
            self.metrics.key_frames_wanted.inc();
            self.tell(EngineEvent::KeyFrameWanted(id));
        }
    }

    pub(super) fn tell(&mut self, event: EngineEvent) {
        if self.pending.len() < EVENTS_KEPT {
            self.pending.push_back(event);
        } else if matches!(event, EngineEvent::Message(..) | EngineEvent::Asked(..)) {
            self.metrics.messages_dropped.inc();
        }
    }

    pub(super) fn end(&mut self, key: SessionKey, reason: EndReason) {
        if self.viewers.contains_key(&key) {
            self.pending.push_back(EngineEvent::Ended(key, reason));
            self.remove(key, reason.into());
        }
    }

    pub(super) fn remove(&mut self, key: SessionKey, label: EndLabel) {
        let Some(mut viewer) = self.viewers.remove(&key) else { return };
        if label == EndLabel::Broken {
            self.metrics.sessions_broken.inc();
        } else {
            viewer.close(self.clock.now(), &mut self.egress);
        }
        self.by_ufrag.remove(viewer.ufrag());
        for route in &viewer.routes {
            self.by_route.remove(route);
            if route.tcp {
                self.egress.disconnect(route.remote);
            }
        }
        self.leave_feed(viewer.feed, key);
        if let Some(feed) = viewer.approach.and_then(|approach| self.feeds.get_mut(&approach.feed)) {
            feed.arrivals.retain(|other| *other != key);
        }
        self.metrics.viewers_ended.get_or_create(&EndedBy { reason: label }).inc();
    }
}

impl From<EndReason> for EndLabel {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::Closed => Self::Closed,
            EndReason::Silence => Self::Silence,
            EndReason::DtlsFailed => Self::DtlsFailed,
            EndReason::CodecUnsupported => Self::CodecUnsupported,
            EndReason::Broken => Self::Broken,
            EndReason::Stopped => Self::Stopped,
        }
    }
}

/// Wishes and messages that wait for the owner; more are dropped.
const EVENTS_KEPT: usize = 1_024;
/// What a viewer says leads to at most a few answers: `Connected` to a burst, a lost picture to another.
const MOST_TURNS: usize = 4;
/// The runtime's timer ticks in milliseconds; a viewer that wants to be woken sooner would only spin.
const SOONEST: Duration = Duration::from_micros(500);
