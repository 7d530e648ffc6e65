use std::{
    collections::VecDeque,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    burst::{self, Join},
    feed::Gop,
    frame::Frame,
    hold::{self, Hold},
    pace::Pace,
    timeline::{Stamp, Timeline},
};

/// What one viewer is sent, in which order and when. Pure.
///
/// ```text
/// Connecting ─connected─▶ Waiting ─key frame, or a burst─▶ Playing
///                            ▲                                │
///                            └── discontinuity, cut, loss ────┘
/// ```
///
/// A viewer moves to another feed by [`Lineup::cross`], at a key frame that is newer than all it was sent; until then
/// the pictures of its old feed go on, kept back as far as the new one is behind ([`Hold`]).
#[derive(Debug)]
pub(crate) struct Lineup {
    state: State,
    queue: VecDeque<Item>,
    queued_bytes: usize,
    /// Packets of the first queued frame that are gone, and its place in time once the first one is.
    begun: Option<(usize, Stamp)>,
    pace: Pace,
    timeline: Timeline,
    hold: Hold,
    repeated_at: Option<Instant>,
    /// When the last packet of a burst left, which went out faster than its timestamps say.
    hurried: Option<Instant>,
    /// Pictures are to be shown at their time, because there is sound.
    timed: bool,
    orders: Orders,
}

/// What the owner is to do beside sending; taken by [`Lineup::take_orders`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Orders {
    pub(crate) want_key_frame: bool,
    pub(crate) burst: bool,
    pub(crate) reburst: bool,
    pub(crate) wait: bool,
    pub(crate) cut: bool,
    /// RTP time tells capture time in another way from here on.
    pub(crate) leapt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Waiting { decide_at: Option<Instant> },
    Playing,
}

#[derive(Debug)]
struct Item {
    frame: Arc<Frame>,
    paced: bool,
    /// Ticks after the frame before it, where its own place in time is taken.
    squeeze: Option<i64>,
    /// It is kept back until then.
    due: Option<Instant>,
}

/// Packets of one frame to be sent now.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) frame: Arc<Frame>,
    pub(crate) packets: Range<usize>,
    pub(crate) stamp: Stamp,
    /// Part of a burst.
    pub(crate) paced: bool,
}

impl Lineup {
    pub(crate) fn new(base: u32) -> Self {
        Self {
            state: State::Connecting,
            queue: VecDeque::new(),
            queued_bytes: 0,
            begun: None,
            pace: Pace::new(),
            timeline: Timeline::new(base, VIDEO_RATE),
            hold: Hold::default(),
            repeated_at: None,
            hurried: None,
            timed: false,
            orders: Orders::default(),
        }
    }

    /// The viewer can receive from now on.
    pub(crate) fn connected(&mut self, now: Instant, gop: &Gop) {
        if self.state == State::Connecting {
            self.decide(now, gop);
        }
    }

    /// A live frame, which `gop` contains already.
    pub(crate) fn frame(&mut self, now: Instant, frame: &Arc<Frame>, gop: &Gop) {
        match self.state {
            State::Connecting => {}
            State::Waiting { .. } if frame.key => {
                self.state = State::Playing;
                self.enqueue(now, frame);
            }
            State::Waiting { decide_at } => {
                if decide_at.is_some_and(|at| at <= now) {
                    self.decide(now, gop);
                }
            }
            State::Playing => {
                self.enqueue(now, frame);
                if self.queued_bytes > SEND_BUDGET {
                    self.cut();
                }
            }
        }
    }

    /// Frames are missing from the feed.
    pub(crate) fn discontinuity(&mut self) {
        if self.state == State::Playing {
            self.state = State::Waiting { decide_at: None };
        }
    }

    /// The viewer is too slow, or packets to it were dropped here: nothing until a key frame.
    pub(crate) fn cut(&mut self) {
        if self.state == State::Playing {
            self.clear();
            self.state = State::Waiting { decide_at: None };
            self.orders.cut = true;
            self.orders.want_key_frame = true;
        }
    }

    /// The viewer is to move to another feed as soon as [`Lineup::cross`] can.
    pub(crate) fn approach(&mut self) {
        self.hold.begin();
    }

    /// The viewer is to stay with its feed after all.
    pub(crate) fn stay(&mut self) {
        self.hold.end();
    }

    /// A picture of the feed that the viewer is to move to has come.
    pub(crate) fn compare(&mut self, frame: &Frame) {
        self.hold.compare(frame.captured_at_ms, frame.key);
    }

    /// Moves to the feed whose newest pictures are in `gop`, if they follow what the viewer was sent: whatever it has
    /// seen is older than the key frame. `false` if it must go on with its old feed for now.
    pub(crate) fn cross(&mut self, now: Instant, gop: &Gop) -> bool {
        if self.state == State::Connecting {
            self.hold.release();
            return true;
        }
        let newest = self.timeline.newest();
        let margin = if self.state == State::Playing { hold::MARGIN_MS } else { 0 };
        let follows = gop.frames().first().is_some_and(|key| {
            newest.is_none_or(|sent| sent.captured_at_ms.saturating_add(margin) <= key.captured_at_ms)
        });
        // A burst under way is left to its end: half a picture would be all that comes of it.
        let busy = self.begun.is_some() || self.queue.iter().any(|item| item.paced);
        let [live] = gop.frames() else {
            let at_once = burst::join(&gop.cached(), self.pace.rate(gop.bytes())) == Join::Burst;
            if !follows || busy || !at_once {
                return false;
            }
            self.leave();
            self.orders.burst = true;
            self.burst(now, gop, None);
            return true;
        };
        if !follows || busy {
            return false;
        }
        self.leave();
        self.state = State::Playing;
        self.enqueue(now, live);
        true
    }

    /// Moves to a feed from one that has ended, with whatever there is of the new one.
    pub(crate) fn start_over(&mut self, now: Instant, gop: &Gop) {
        self.leave();
        if self.state != State::Connecting {
            self.decide(now, gop);
        }
    }

    /// The viewer says that it cannot decode any more (PLI, FIR).
    pub(crate) fn picture_lost(&mut self, now: Instant, gop: &Gop) {
        if self.state == State::Connecting {
            return;
        }
        self.orders.want_key_frame = true;
        let lately = self.repeated_at.is_some_and(|at| now.saturating_duration_since(at) < REPEAT_INTERVAL);
        if lately || self.state != State::Playing {
            return;
        }
        if burst::join(&gop.cached(), self.pace.rate(gop.bytes())) == Join::Burst {
            self.repeated_at = Some(now);
            self.orders.reburst = true;
            self.clear();
            let step = burst::squeeze_step(gop.frames().len(), gop.frame_ticks());
            self.burst(now, gop, Some(step));
        }
    }

    /// Whether the viewer is to show pictures at their time from now on, as one that hears sound does. Without, it
    /// shows them as they come, and what it makes of RTP time does no harm.
    pub(crate) fn keep_time(&mut self, timed: bool) {
        self.timed = timed;
    }

    /// The viewer lost packets on the way.
    pub(crate) fn packets_lost(&mut self, now: Instant) {
        self.pace.slow_down(now);
    }

    /// Time has passed.
    pub(crate) fn woke(&mut self, now: Instant, gop: &Gop) {
        if let State::Waiting { decide_at: Some(at) } = self.state
            && at <= now
        {
            self.decide(now, gop);
        }
    }

    /// The next packets to send at `now`, if any.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Slice> {
        let item = self.queue.front()?;
        if item.due.is_some_and(|due| due > now) {
            return None;
        }
        let paced = item.paced;
        let mut left = if paced { self.pace.allowance(now) } else { i64::MAX };
        if left <= 0 {
            return None;
        }
        let frame = Arc::clone(&item.frame);
        let (from, stamp) = match self.begun {
            Some(begun) => begun,
            None => (0, self.stamp_head(now)?),
        };
        let mut to = from;
        while to < frame.payloads.len() && left > 0 {
            let length = frame.payloads[to].len();
            left -= i64::try_from(length).unwrap_or(i64::MAX);
            self.pace.spend(length);
            to += 1;
        }
        self.begun = Some((to, stamp));
        if to == frame.payloads.len() {
            self.begun = None;
            let done = self.queue.pop_front();
            if done.is_some_and(|item| item.paced && item.squeeze.is_none()) {
                self.hurried = Some(now);
            }
            self.queued_bytes = self.queued_bytes.saturating_sub(frame.size);
        }
        Some(Slice { frame, packets: from..to, stamp, paced })
    }

    /// When [`Lineup::woke`] and [`Lineup::poll`] have something to do again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let sending = self.queue.front().and_then(|item| item.due.or_else(|| self.pace.next()));
        let deciding = match self.state {
            State::Waiting { decide_at } => decide_at,
            _ => None,
        };
        sending.into_iter().chain(deciding).min()
    }

    pub(crate) fn take_orders(&mut self) -> Orders {
        std::mem::take(&mut self.orders)
    }

    /// The newest frame whose RTP time tells its capture time.
    pub(crate) fn newest(&self) -> Option<Stamp> {
        self.timeline.newest()
    }

    fn decide(&mut self, now: Instant, gop: &Gop) {
        match burst::join(&gop.cached(), self.pace.rate(gop.bytes())) {
            Join::Burst => {
                self.orders.burst = true;
                self.burst(now, gop, None);
            }
            Join::Await(wait) => {
                self.orders.wait = true;
                self.state = State::Waiting { decide_at: Some(now + wait) };
            }
            Join::Ask => {
                self.orders.wait = true;
                self.orders.want_key_frame = true;
                self.state = State::Waiting { decide_at: Some(now + ASK_AGAIN) };
            }
        }
    }

    fn burst(&mut self, now: Instant, gop: &Gop, squeeze: Option<i64>) {
        self.state = State::Playing;
        self.pace.begin(now, gop.bytes());
        for frame in gop.frames() {
            self.queued_bytes += frame.size;
            self.queue.push_back(Item { frame: Arc::clone(frame), paced: true, squeeze, due: None });
        }
    }

    fn enqueue(&mut self, now: Instant, frame: &Arc<Frame>) {
        if frame.payloads.is_empty() {
            return;
        }
        // A live frame overtakes no burst, and joins its pace.
        let paced = self.queue.back().is_some_and(|last| last.paced);
        let kept = self.hold.keep(frame.captured_at_ms);
        let due = (!paced && !kept.is_zero()).then(|| now + kept);
        self.queued_bytes += frame.size;
        self.queue.push_back(Item { frame: Arc::clone(frame), paced, squeeze: None, due });
    }

    /// Nothing more of the old feed: what was kept back of it is no older than what comes.
    fn leave(&mut self) {
        self.clear();
        self.hold.release();
        self.timeline.renew();
    }

    fn clear(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
        self.begun = None;
    }

    fn stamp_head(&mut self, now: Instant) -> Option<Stamp> {
        let item = self.queue.front()?;
        if self.timed
            && !item.paced
            && let Some(since) = self.hurried.map(|at| now.saturating_duration_since(at))
            && since >= STEADY
        {
            self.hurried = None;
            if since < FORGOTTEN {
                self.timeline.leap();
                self.orders.leapt = true;
            }
        }
        let (timestamp, captured_at_ms) = (item.frame.timestamp, item.frame.captured_at_ms);
        Some(match item.squeeze {
            Some(step) => self.timeline.squeeze(step, timestamp, captured_at_ms),
            None => self.timeline.follow(timestamp, captured_at_ms),
        })
    }
}

/// Ticks a second of every video line (RFC 6184 §8.2.1, RFC 7798 §7.2.1).
const VIDEO_RATE: u32 = 90_000;
/// Bytes that may wait for one viewer: the largest burst and two seconds of a good camera behind it.
const SEND_BUDGET: usize = 6_000_000;
/// A browser repeats its PLI several times a second until a key frame comes.
const REPEAT_INTERVAL: Duration = Duration::from_secs(1);
/// So long after a burst a browser's estimate of the clock is wrong by less than a leap can be over.
const STEADY: Duration = Duration::from_secs(1);
/// So long after a burst a browser has forgotten it.
const FORGOTTEN: Duration = Duration::from_secs(120);
/// A camera that was asked for a key frame answers within this, or never.
const ASK_AGAIN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod crossing;
#[cfg(test)]
mod tests;
