//! The source's end of one subscription: what to send, and what to drop when it is slow.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use sluice_media::AccessUnit;
use tokio::sync::{Notify, mpsc};

use crate::{
    presentation::Presentation,
    status::Status,
    subscription::{Event, QUEUE_BYTES, QUEUE_EVENTS, Subscription},
};

pub(crate) struct Outlet {
    queue: mpsc::Sender<Event>,
    queued: Arc<AtomicUsize>,
    /// How the line stands that a start begins with; the others flow only while it does.
    stage: Stage,
    /// Other lines that have been introduced.
    followers: BTreeMap<usize, Follower>,
    /// A state that found the queue full.
    told_late: Option<Box<Status>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing before the next key frame, which is announced by `Started` and `Epoch`.
    Awaiting,
    Flowing,
    /// Too slow: nothing before the next key frame, which is announced by the gap.
    Dropping {
        from: u64,
        to: u64,
    },
}

/// A line whose units stand alone: what is missing is told, and nothing waits for it.
#[derive(Debug, Default)]
struct Follower {
    missing: Option<(u64, u64)>,
}

/// The session the units belong to.
pub(crate) struct Origin {
    pub(crate) presentation: Arc<Presentation>,
    /// The line that a start begins with.
    pub(crate) lead: usize,
}

/// Kept free for `Started`, `Epoch`, `Gap` and `State`.
const RESERVE: usize = 4;

impl Outlet {
    /// A new subscriber. `cached` is what it gets at once, each with its line, beginning with a key frame, or nothing.
    pub(crate) fn new(
        left: Arc<Notify>,
        origin: Option<&Origin>,
        cached: Vec<(usize, Arc<AccessUnit>)>,
    ) -> (Self, Subscription) {
        let (queue, receiver) = mpsc::channel(QUEUE_EVENTS);
        let queued = Arc::new(AtomicUsize::new(0));
        let mut followers = BTreeMap::new();
        let mut backlog = VecDeque::with_capacity(if cached.is_empty() { 0 } else { cached.len() + 3 });
        if let (Some(origin), Some((_, first))) = (origin, cached.first()) {
            backlog.extend(origin.introduction(first));
            for (line, unit) in cached {
                if line != origin.lead && followers.insert(line, Follower::default()).is_none() {
                    backlog.push_back(epoch(line, &unit));
                }
                backlog.push_back(Event::Unit { line, unit, cached: true });
            }
        }
        let stage = if backlog.is_empty() { Stage::Awaiting } else { Stage::Flowing };
        let outlet = Self { queue, queued: Arc::clone(&queued), stage, followers, told_late: None };
        (outlet, Subscription { backlog, queue: receiver, queued, left })
    }

    /// Whether the subscriber is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// A live unit. Whether the subscriber has just become too slow.
    pub(crate) fn unit(&mut self, origin: &Origin, line: usize, unit: &Arc<AccessUnit>) -> bool {
        self.tell_late();
        if line == origin.lead { self.lead(origin, unit) } else { self.follow(line, unit) }
    }

    fn lead(&mut self, origin: &Origin, unit: &Arc<AccessUnit>) -> bool {
        let (first, last) = (unit.first_sequence, unit.last_sequence());
        let room = self.has_room(unit.size);
        match self.stage {
            Stage::Awaiting => {
                if unit.key.is_some() && room {
                    for event in origin.introduction(unit) {
                        self.send(event);
                    }
                    self.followers.clear();
                    self.send_unit(origin.lead, unit);
                    self.stage = Stage::Flowing;
                }
            }
            Stage::Flowing if room => self.send_unit(origin.lead, unit),
            Stage::Flowing => {
                self.stage = Stage::Dropping { from: first, to: last };
                return true;
            }
            Stage::Dropping { from, to } if unit.key.is_some() && room => {
                self.send(Event::Gap { line: origin.lead, from, to });
                self.send_unit(origin.lead, unit);
                self.stage = Stage::Flowing;
            }
            Stage::Dropping { from, .. } => self.stage = Stage::Dropping { from, to: last },
        }
        false
    }

    fn follow(&mut self, line: usize, unit: &Arc<AccessUnit>) -> bool {
        let flows = self.stage == Stage::Flowing;
        let room = flows && self.has_room(unit.size);
        let Some(follower) = self.followers.get_mut(&line) else {
            if room {
                self.send(epoch(line, unit));
                self.followers.insert(line, Follower::default());
                self.send_unit(line, unit);
            }
            return false;
        };
        if !room {
            let slow = flows && follower.missing.is_none();
            follower.miss(unit.first_sequence, unit.last_sequence());
            return slow;
        }
        if let Some((from, to)) = follower.missing.take() {
            self.send(Event::Gap { line, from, to });
        }
        self.send_unit(line, unit);
        false
    }

    /// Packets the camera or the network lost.
    pub(crate) fn gap(&mut self, origin: &Origin, line: usize, from: u64, to: u64) {
        let room = self.stage == Stage::Flowing && self.has_room(0);
        if line != origin.lead {
            match self.followers.get_mut(&line) {
                Some(follower) if !room || follower.missing.is_some() => follower.miss(from, to),
                Some(_) => self.send(Event::Gap { line, from, to }),
                None => {}
            }
            return;
        }
        match self.stage {
            Stage::Awaiting => {}
            Stage::Flowing if room => self.send(Event::Gap { line, from, to }),
            Stage::Flowing => self.stage = Stage::Dropping { from, to },
            Stage::Dropping { from, .. } => self.stage = Stage::Dropping { from, to },
        }
    }

    /// The camera's RTCP; dropped when the queue is full, since the next one says it again.
    pub(crate) fn rtcp(&mut self, line: usize, packet: &Bytes) {
        if self.stage == Stage::Flowing && self.has_room(0) {
            self.send(Event::Rtcp { line, packet: packet.clone() });
        }
    }

    /// Nothing of before counts any more: the next key frame is introduced anew.
    pub(crate) fn restart(&mut self) {
        self.stage = Stage::Awaiting;
    }

    /// A line counts anew: where it is the lead, everything is introduced again; another alone.
    pub(crate) fn epoch(&mut self, origin: &Origin, line: usize) {
        if line == origin.lead {
            self.restart();
        } else {
            self.followers.remove(&line);
        }
    }

    /// The source failed or tries again.
    pub(crate) fn state(&mut self, status: &Status) {
        self.told_late = Some(Box::new(status.clone()));
        self.tell_late();
    }

    fn tell_late(&mut self) {
        if let Some(status) = self.told_late.take()
            && let Err(mpsc::error::TrySendError::Full(Event::State(status))) =
                self.queue.try_send(Event::State(status))
        {
            self.told_late = Some(status);
        }
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.queue.capacity() > RESERVE
            && self.queued.load(Ordering::Relaxed) + bytes <= QUEUE_BYTES.max(bytes)
    }

    fn send_unit(&self, line: usize, unit: &Arc<AccessUnit>) {
        self.queued.fetch_add(unit.size, Ordering::Relaxed);
        self.send(Event::Unit { line, unit: Arc::clone(unit), cached: false });
    }

    fn send(&self, event: Event) {
        // Room was seen before, and a closed queue is found by the owner's sweep.
        let _ = self.queue.try_send(event);
    }
}

impl Follower {
    fn miss(&mut self, from: u64, to: u64) {
        self.missing = Some((self.missing.map_or(from, |(first, _)| first), to));
    }
}

impl Origin {
    fn introduction(&self, first: &AccessUnit) -> [Event; 2] {
        [Event::Started { presentation: Arc::clone(&self.presentation) }, epoch(self.lead, first)]
    }
}

fn epoch(line: usize, first: &AccessUnit) -> Event {
    Event::Epoch { line, ssrc: first.ssrc(), first_sequence: first.first_sequence }
}

#[cfg(test)]
mod tests;
