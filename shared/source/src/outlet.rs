//! The source's end of one subscription: what to send, and what to drop when it is slow.

use std::{
    collections::VecDeque,
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
    stage: Stage,
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

/// The session the units belong to.
pub(crate) struct Origin {
    pub(crate) presentation: Arc<Presentation>,
    pub(crate) line: usize,
    pub(crate) ssrc: u32,
}

/// Kept free for `Started`, `Epoch` and `State`.
const RESERVE: usize = 4;

impl Outlet {
    /// A new subscriber. `cached` is what it gets at once, beginning with a key frame, or nothing.
    pub(crate) fn new(
        left: Arc<Notify>,
        origin: Option<&Origin>,
        cached: VecDeque<Arc<AccessUnit>>,
    ) -> (Self, Subscription) {
        let (queue, receiver) = mpsc::channel(QUEUE_EVENTS);
        let queued = Arc::new(AtomicUsize::new(0));
        let mut backlog = VecDeque::with_capacity(if cached.is_empty() { 0 } else { cached.len() + 2 });
        if let (Some(origin), Some(first)) = (origin, cached.front()) {
            backlog.extend(origin.introduction(first));
            backlog.extend(cached.into_iter().map(|unit| Event::Unit {
                line: origin.line,
                unit,
                cached: true,
            }));
        }
        let stage = if backlog.is_empty() { Stage::Awaiting } else { Stage::Flowing };
        let outlet = Self { queue, queued: Arc::clone(&queued), stage, told_late: None };
        (outlet, Subscription { backlog, queue: receiver, queued, left })
    }

    /// Whether the subscriber is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// A live picture. Whether the subscriber has just become too slow.
    pub(crate) fn unit(&mut self, origin: &Origin, unit: &Arc<AccessUnit>) -> bool {
        self.tell_late();
        let (first, last) = (unit.first_sequence, unit.last_sequence());
        let room = self.has_room(unit.size);
        match self.stage {
            Stage::Awaiting => {
                if unit.key.is_some() && room {
                    for event in origin.introduction(unit) {
                        self.send(event);
                    }
                    self.send_unit(origin, unit);
                }
            }
            Stage::Flowing if room => self.send_unit(origin, unit),
            Stage::Flowing => {
                self.stage = Stage::Dropping { from: first, to: last };
                return true;
            }
            Stage::Dropping { from, to } if unit.key.is_some() && room => {
                self.send(Event::Gap { line: origin.line, from, to });
                self.send_unit(origin, unit);
            }
            Stage::Dropping { from, .. } => self.stage = Stage::Dropping { from, to: last },
        }
        false
    }

    /// Packets the camera or the network lost.
    pub(crate) fn gap(&mut self, line: usize, from: u64, to: u64) {
        match self.stage {
            Stage::Awaiting => {}
            Stage::Flowing if self.has_room(0) => self.send(Event::Gap { line, from, to }),
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

    fn send_unit(&mut self, origin: &Origin, unit: &Arc<AccessUnit>) {
        self.queued.fetch_add(unit.size, Ordering::Relaxed);
        self.send(Event::Unit { line: origin.line, unit: Arc::clone(unit), cached: false });
        self.stage = Stage::Flowing;
    }

    fn send(&self, event: Event) {
        // Room was seen before, and a closed queue is found by the owner's sweep.
        let _ = self.queue.try_send(event);
    }
}

impl Origin {
    fn introduction(&self, first: &AccessUnit) -> [Event; 2] {
        [
            Event::Started { presentation: Arc::clone(&self.presentation) },
            Event::Epoch { line: self.line, ssrc: self.ssrc, first_sequence: first.first_sequence },
        ]
    }
}

#[cfg(test)]
mod tests;
