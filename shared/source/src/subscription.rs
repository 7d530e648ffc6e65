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

use crate::{presentation::Presentation, status::Status};

/// What a subscriber is told, in order.
#[derive(Debug, Clone)]
pub enum Event {
    /// Units follow, first of all an [`Event::Epoch`]. Comes again after every new session.
    Started {
        /// What the camera offers, with the parameter sets of its SDP.
        presentation: Arc<Presentation>,
    },
    /// Sequence numbers and timestamps of a line begin anew.
    Epoch {
        /// The line's index in the presentation.
        line: usize,
        /// The camera's SSRC.
        ssrc: u32,
        /// The first sequence number that follows, extended.
        first_sequence: u64,
    },
    /// A picture, or one packet's worth of sound.
    Unit {
        /// The line's index in the presentation.
        line: usize,
        /// The unit; shared by all subscribers.
        unit: Arc<AccessUnit>,
        /// Whether it comes from the ring, not from the camera just now.
        cached: bool,
    },
    /// Packets that are missing: lost before us, or dropped because this subscriber was too slow.
    Gap {
        /// The line's index in the presentation.
        line: usize,
        /// First missing sequence number, extended.
        from: u64,
        /// Last missing sequence number, extended, inclusive.
        to: u64,
    },
    /// A compound RTCP packet of the camera.
    Rtcp {
        /// The line's index in the presentation.
        line: usize,
        /// The packet as it came.
        packet: Bytes,
    },
    /// The source failed or tries again. The subscription stays and resumes by itself, with [`Event::Started`].
    State(Box<Status>),
}

/// One subscriber's events. Dropping it ends its demand.
///
/// Its queue holds [`QUEUE_EVENTS`] events and [`QUEUE_BYTES`] bytes; what does not fit is dropped up to the
/// next key frame, told as [`Event::Gap`] and counted.
#[derive(Debug)]
pub struct Subscription {
    pub(crate) backlog: VecDeque<Event>,
    pub(crate) queue: mpsc::Receiver<Event>,
    pub(crate) queued: Arc<AtomicUsize>,
    pub(crate) left: Arc<Notify>,
}

/// Ten seconds of pictures at 25 a second.
pub(crate) const QUEUE_EVENTS: usize = 256;
/// A few key frames of a large picture.
pub(crate) const QUEUE_BYTES: usize = 4 * 1024 * 1024;

impl Subscription {
    pub(crate) fn ended() -> Self {
        Self {
            backlog: VecDeque::new(),
            queue: mpsc::channel(1).1,
            queued: Arc::default(),
            left: Arc::default(),
        }
    }

    /// The next event; `None` once the source was closed. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.backlog.pop_front() {
            return Some(event);
        }
        let event = self.queue.recv().await?;
        if let Event::Unit { unit, .. } = &event {
            self.queued.fetch_sub(unit.size, Ordering::Relaxed);
        }
        Some(event)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.queue.close();
        self.left.notify_one();
    }
}
