use std::{collections::VecDeque, time::Instant};

use crate::demand::Output::{CloseSource, OpenSource};

#[cfg(test)]
mod tests;

/// Decides when one feed must flow. Pure: times come in, orders come out.
///
/// ```text
/// Idle ──first viewer or lease──▶ Opening ──SourceOpened──▶ Live ◀─SourceOpened── Resting
///  ▲                                │                        │ └──SourceFailed──▶ ▲
///  └─────── linger over ─────── Lingering ◀──last viewer gone── (any of them) ────┘
/// ```
///
/// However many viewers arrive, one `OpenSource` goes out; it stands until one `CloseSource`.
/// The source resumes by itself, so `Resting` only says that no picture comes at the moment. Back from
/// `Lingering` the feed stands where its source does, which went on meanwhile.
#[derive(Debug)]
pub(crate) struct Demand {
    state: State,
    /// `Opening`, `Live` or `Resting`: how the source stands, also while the feed lingers.
    source: State,
    viewers: u32,
    leased_until: Option<Instant>,
    linger: std::time::Duration,
    orders: VecDeque<Output>,
}

/// Where a feed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody wants it; no byte crosses the link.
    Idle,
    /// Asked for, nothing has come yet.
    Opening,
    /// Pictures come.
    Live,
    /// The last viewer has gone; kept open for the next one until then.
    Lingering {
        /// When the feed is closed if nobody comes.
        until: Instant,
    },
    /// Asked for, but the camera or the link has trouble.
    Resting,
}

/// What happened to the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// A session with this feed was admitted.
    ViewerJoined,
    /// A session with this feed ended.
    ViewerLeft,
    /// `play` was answered: a viewer will come within the lease, or not at all.
    Leased {
        /// When the lease ends.
        until: Instant,
    },
    /// The first access unit came, or the first after a failure.
    SourceOpened,
    /// The camera or the link failed.
    SourceFailed,
    /// The deadline has come.
    Woke,
}

/// What the owner must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Subscribe to the feed at its edge.
    OpenSource,
    /// Drop the subscription: from here on no media byte is sent.
    CloseSource,
}

impl Demand {
    /// A feed nobody wants, which stays open for `linger` after its last viewer.
    pub(crate) fn new(linger: std::time::Duration) -> Self {
        Self {
            state: State::Idle,
            source: State::Opening,
            viewers: 0,
            leased_until: None,
            linger,
            orders: VecDeque::new(),
        }
    }

    /// Takes one input at `now`.
    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        if self.leased_until.is_some_and(|until| until <= now) {
            self.leased_until = None;
        }
        match input {
            Input::ViewerJoined => {
                self.viewers += 1;
                self.leased_until = None;
            }
            Input::ViewerLeft => self.viewers = self.viewers.saturating_sub(1),
            Input::Leased { until } => self.leased_until = self.leased_until.max(Some(until)),
            Input::SourceOpened => self.source = State::Live,
            Input::SourceFailed => self.source = State::Resting,
            Input::Woke => {}
        }
        if matches!(self.state, State::Opening | State::Live | State::Resting) {
            self.state = self.source;
        }
        self.settle(now, input);
    }

    /// The next order, until there is none.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.orders.pop_front()
    }

    /// When to hand in [`Input::Woke`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Lingering { until } => Some(until),
            State::Idle => None,
            _ if self.viewers == 0 => self.leased_until,
            _ => None,
        }
    }

    /// Where the feed stands.
    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// How many sessions are with this feed.
    pub(crate) const fn viewers(&self) -> u32 {
        self.viewers
    }

    fn settle(&mut self, now: Instant, input: Input) {
        let wanted = self.viewers > 0 || self.leased_until.is_some();
        match self.state {
            State::Idle if wanted => {
                (self.state, self.source) = (State::Opening, State::Opening);
                self.orders.push_back(OpenSource);
            }
            // Back within the linger: the source never stopped.
            State::Lingering { .. } if wanted => self.state = self.source,
            State::Lingering { until } if until <= now => self.close(),
            // A lease nobody took up has waited long enough already.
            State::Opening | State::Live | State::Resting if !wanted => {
                if input == Input::ViewerLeft && !self.linger.is_zero() {
                    self.state = State::Lingering { until: now + self.linger };
                } else {
                    self.close();
                }
            }
            _ => {}
        }
    }

    fn close(&mut self) {
        self.state = State::Idle;
        self.orders.push_back(CloseSource);
    }
}
