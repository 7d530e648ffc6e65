//! Decides when one stream's session must stand. Pure: times come in, orders come out.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use sluice_runtime::Backoff;

use crate::status::{Reason, ReasonCode, State};

#[derive(Debug)]
pub(crate) struct Lifecycle {
    phase: Phase,
    demand: Demand,
    reason: Option<Reason>,
    hold: Duration,
    backoff: Backoff,
    dice: Dice,
    orders: VecDeque<Output>,
}

#[derive(Debug)]
enum Phase {
    Off,
    Opening { give_up: Instant },
    Playing(Playing),
    Resting { failed_at: Instant, retry_at: Option<Instant> },
}

#[derive(Debug)]
struct Playing {
    opened_at: Instant,
    last_unit: Option<Instant>,
    last_key: Option<Instant>,
    hold_until: Option<Instant>,
}

/// Who wants the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Demand {
    pub(crate) warm: bool,
    pub(crate) subscribers: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Input {
    DemandChanged(Demand),
    /// The guardian lets the session be tried.
    Admitted,
    Opened,
    UnitArrived {
        key: bool,
    },
    /// Somebody needs the session for another stream of the camera.
    GaveWay,
    Failed(Failure),
    Woke,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Begin a session; exactly one `Opened` or `Failed` answers, unless `Close` comes first.
    Open,
    /// End the session or its opening, with a teardown where it has one.
    Close,
}

/// Why a session ended or did not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) retry: Retry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    Backoff,
    /// Not before the settings change.
    Never,
}

/// Above the guardian's own patience: nothing is "opening" for ever.
const ADMITTED_WITHIN: Duration = Duration::from_secs(90);
/// Above the sum of the session's own step limits.
const OPENING_AT_MOST: Duration = Duration::from_secs(30);
/// Some cameras start their encoder at PLAY.
const FIRST_UNIT_WITHIN: Duration = Duration::from_secs(10);
/// The slowest useful camera sends one picture a second.
const STALLED_AFTER: Duration = Duration::from_secs(5);
/// Cameras with a GOP of 10 s exist; from here on the missing key frame is told.
const KEY_LATE_AFTER: Duration = Duration::from_secs(20);
/// A new session often begins with a key frame, so it is worth one.
const KEY_GIVE_UP_AFTER: Duration = Duration::from_secs(90);
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// After a power cut all cameras of a site play again within a minute of their return.
const LONGEST_REST: Duration = Duration::from_secs(30);
/// A camera that comes back while people look at its tile should not keep them waiting.
const LONGEST_REST_WATCHED: Duration = Duration::from_secs(10);
/// Whoever watches has the session by then, and the guardian knows it.
const GIVE_WAY_FOR: Duration = Duration::from_secs(20);
/// A session that lived this long says the camera is well: the backoff begins anew.
const STABLE_AFTER: Duration = Duration::from_secs(10);
/// A person who presses play does not wait for the backoff, but cannot hammer a camera either.
const EAGER_RETRY_AFTER: Duration = Duration::from_secs(2);

impl Demand {
    fn wanted(self) -> bool {
        self.warm || self.subscribers > 0
    }
}

impl Lifecycle {
    /// A stream nobody wants. It goes on for `hold` after its last subscriber; `seed` feeds the jitter.
    pub(crate) fn new(hold: Duration, seed: u64) -> Self {
        Self {
            phase: Phase::Off,
            demand: Demand::default(),
            reason: None,
            hold,
            backoff: Backoff::new(FIRST_RETRY, LONGEST_REST),
            dice: Dice(seed),
            orders: VecDeque::new(),
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::DemandChanged(demand) => self.demand_changed(now, demand),
            Input::Admitted => {
                if let Phase::Opening { give_up } = &mut self.phase {
                    *give_up = now + OPENING_AT_MOST;
                }
            }
            Input::Opened => {
                if matches!(self.phase, Phase::Opening { .. }) {
                    self.phase = Phase::Playing(Playing::since(now));
                    self.demand_changed(now, self.demand);
                }
            }
            Input::UnitArrived { key } => self.unit_arrived(now, key),
            Input::GaveWay => self.gave_way(now),
            Input::Failed(failure) => self.failed(now, failure),
            Input::Woke => self.woke(now),
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.orders.pop_front()
    }

    /// When to hand in [`Input::Woke`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Off => None,
            Phase::Opening { give_up } => Some(*give_up),
            Phase::Playing(playing) => Some(playing.deadline(self.key_is_late())),
            Phase::Resting { retry_at, .. } => *retry_at,
        }
    }

    pub(crate) fn state(&self) -> State {
        match &self.phase {
            Phase::Off => State::Off,
            Phase::Opening { .. } => State::Opening,
            Phase::Playing(playing) if playing.last_key.is_none() => State::Opening,
            Phase::Playing(_) if self.demand.subscribers > 0 => State::Forwarding,
            Phase::Playing(_) => State::Warm,
            Phase::Resting { .. } => State::Resting,
        }
    }

    pub(crate) fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    fn demand_changed(&mut self, now: Instant, demand: Demand) {
        let first_subscriber = self.demand.subscribers == 0 && demand.subscribers > 0;
        self.demand = demand;
        match &mut self.phase {
            Phase::Off if demand.wanted() => self.open(now),
            Phase::Opening { .. } if !demand.wanted() => self.close(),
            Phase::Playing(playing) if demand.wanted() => playing.hold_until = None,
            Phase::Playing(playing) => {
                playing.hold_until.get_or_insert(now + self.hold);
            }
            Phase::Resting { failed_at, retry_at: Some(retry_at) } if first_subscriber => {
                *retry_at = (*retry_at).min(*failed_at + EAGER_RETRY_AFTER).max(now);
            }
            _ => {}
        }
    }

    fn unit_arrived(&mut self, now: Instant, key: bool) {
        let Phase::Playing(playing) = &mut self.phase else { return };
        playing.last_unit = Some(now);
        if key {
            playing.last_key = Some(now);
            self.reason = None;
        }
    }

    fn gave_way(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Playing(_)) && self.demand.subscribers == 0 {
            let text = "its session is used by who watches another stream of this camera".to_owned();
            self.reason = Some(Reason { code: ReasonCode::SessionsExhausted, text });
            self.orders.push_back(Output::Close);
            self.phase = Phase::Resting { failed_at: now, retry_at: Some(now + GIVE_WAY_FOR) };
        }
    }

    fn failed(&mut self, now: Instant, failure: Failure) {
        let lived = match &self.phase {
            Phase::Off | Phase::Resting { .. } => return,
            Phase::Opening { .. } => Duration::ZERO,
            Phase::Playing(playing) => now.saturating_duration_since(playing.opened_at),
        };
        if lived >= STABLE_AFTER {
            self.backoff.reset();
        }
        let longest = if self.demand.subscribers > 0 { LONGEST_REST_WATCHED } else { LONGEST_REST };
        let wait = self.backoff.next(self.dice.roll()).min(longest);
        let retry_at = match failure.retry {
            Retry::Backoff => Some(now + wait),
            Retry::Never => None,
        };
        self.reason = Some(failure.reason);
        self.orders.push_back(Output::Close);
        self.phase = Phase::Resting { failed_at: now, retry_at };
    }

    fn woke(&mut self, now: Instant) {
        match &self.phase {
            Phase::Opening { give_up } if now >= *give_up => {
                self.failed(
                    now,
                    Failure::retried(ReasonCode::Unreachable, "the camera does not finish a request"),
                );
            }
            Phase::Playing(playing) => {
                if let Some(failure) = playing.verdict(now) {
                    self.failed(now, failure);
                } else if playing.hold_until.is_some_and(|until| now >= until) {
                    self.close();
                } else if now >= playing.key_since() + KEY_LATE_AFTER && !self.key_is_late() {
                    self.reason = Some(no_key_frame());
                }
            }
            Phase::Resting { retry_at: Some(at), .. } if now >= *at => {
                if self.demand.wanted() {
                    self.open(now);
                } else {
                    self.phase = Phase::Off;
                    self.reason = None;
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, now: Instant) {
        self.phase = Phase::Opening { give_up: now + ADMITTED_WITHIN };
        self.orders.push_back(Output::Open);
    }

    fn close(&mut self) {
        self.phase = Phase::Off;
        self.reason = None;
        self.orders.push_back(Output::Close);
    }

    fn key_is_late(&self) -> bool {
        self.reason.as_ref().is_some_and(|reason| reason.code == ReasonCode::NoKeyFrame)
    }
}

impl Playing {
    fn since(now: Instant) -> Self {
        Self { opened_at: now, last_unit: None, last_key: None, hold_until: None }
    }

    fn key_since(&self) -> Instant {
        self.last_key.unwrap_or(self.opened_at)
    }

    fn silent_at(&self) -> Instant {
        self.last_unit.map_or(self.opened_at + FIRST_UNIT_WITHIN, |last| last + STALLED_AFTER)
    }

    fn deadline(&self, key_is_late: bool) -> Instant {
        let key = self.key_since() + if key_is_late { KEY_GIVE_UP_AFTER } else { KEY_LATE_AFTER };
        let quiet = self.silent_at().min(key);
        self.hold_until.map_or(quiet, |until| until.min(quiet))
    }

    fn verdict(&self, now: Instant) -> Option<Failure> {
        if now >= self.silent_at() {
            return Some(Failure::retried(ReasonCode::Stalled, "the camera sends no pictures"));
        }
        let over = now >= self.key_since() + KEY_GIVE_UP_AFTER;
        over.then(|| Failure { reason: no_key_frame(), retry: Retry::Backoff })
    }
}

impl Failure {
    pub(crate) fn retried(code: ReasonCode, text: impl Into<String>) -> Self {
        Self { reason: Reason { code, text: text.into() }, retry: Retry::Backoff }
    }
}

fn no_key_frame() -> Reason {
    Reason { code: ReasonCode::NoKeyFrame, text: "the camera sends no key frame to begin with".into() }
}

/// SplitMix64: jitter needs no better, and a machine with its own seed can be replayed.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((z ^ (z >> 31)) >> 32).expect("32 bits remain")) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
